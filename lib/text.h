/* text.h: presentation form of records, through ldns. Not for the query path. Threads: any. */
#ifndef ROOST_LIB_TEXT_H
#define ROOST_LIB_TEXT_H

#include "lib/rr.h"

/* RDATA in presentation form (absolute names), malloc'ed; the caller frees. Types ldns cannot print come as RFC 3597
 * \# form. */
MUST_USE enum err text_rdata_to_text(uint16_t type, const uint8_t *rdata, size_t rdlen, char **out);

/* Presentation form ("192.0.2.1", "10 mail", "\# 4 c0000201") to uncompressed wire in out; relative names are
 * completed with origin. ERR_FORMAT with what and why in msg. */
MUST_USE enum err text_rdata_from_text(uint16_t type, const char *text, const uint8_t *origin, struct wbuf *out,
				       struct errmsg *msg);

/* A TTL: plain seconds or BIND units ("1h30m"), 0..2^31-1 (RFC 2181 §8). */
MUST_USE enum err text_ttl_from_text(uint32_t *ttl, const char *text);

/* Base64 (RFC 4648 §4). from: ERR_FORMAT on anything else, ERR_NOSPACE when out is too small. to: malloc'ed. */
MUST_USE enum err text_base64_from_text(const char *text, uint8_t *out, size_t cap, size_t *len);
MUST_USE enum err text_base64_to_text(const uint8_t *data, size_t len, char **out);

#endif
