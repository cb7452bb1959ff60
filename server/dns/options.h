/* options.h: EDNS options (RFC 6891 §6.1.2): what a request asks for by them, read once into a plain struct, and what
 * its answer says to them.
 *
 *   code 2   Update Lease  RFC 9664
 *   code 3   NSID          RFC 5001      9   EXPIRE       RFC 7314      10  COOKIE  RFC 7873, 9018
 *   code 11  tcp-keepalive RFC 7828      15  EDE          RFC 8914      19  ZONEVERSION  RFC 9660
 *
 * Room for everything asked is kept in the answer from the start (reply.h); an extended error goes where room is
 * left. All others are ignored. Threads: belongs to one. */
#ifndef ROOST_SERVER_DNS_OPTIONS_H
#define ROOST_SERVER_DNS_OPTIONS_H

#include "lib/message.h"
#include "server/dns/cookie.h"

enum {
	OPTIONS_NSID_MAX = 128, /* octets that we are ready to say of ourselves in every answer */
	OPTIONS_MAX = 256       /* octets of all options of an answer */
};

/* Bits of `asked` and `given`. */
enum option {
	OPTION_NONE = 0,
	OPTION_NSID = 1,
	OPTION_EXPIRE = 2,
	OPTION_COOKIE = 4,
	OPTION_KEEPALIVE = 8,
	OPTION_ZONEVERSION = 16,
	OPTION_ERROR = 32, /* never asked */
	OPTION_LEASE = 64
};

/* Extended errors that we have (RFC 8914 §4). */
enum ede {
	EDE_OTHER = 0,
	EDE_NOT_READY = 14,
	EDE_PROHIBITED = 18,
	EDE_NOT_AUTHORITATIVE = 20,
	EDE_NOT_SUPPORTED = 21,
	EDE_INVALID_DATA = 24
};

struct options {
	uint8_t asked; /* and to be answered: room is kept for it */
	uint8_t given; /* what follows is set */
	uint8_t cookie_len;
	uint8_t labels;     /* of the zone whose version `serial` is */
	bool key_leased;    /* the lease has the longer form, with one for KEY records */
	uint16_t keepalive; /* units of 100 ms */
	uint16_t error;
	uint32_t expire; /* seconds */
	uint32_t serial;
	uint32_t lease, key_lease;         /* seconds: the request's, then the answer's */
	const char *nsid;                  /* lives as long as the server */
	const char *error_text;            /* a constant, or NULL */
	uint8_t cookie[COOKIE_OPTION_MAX]; /* the request's, then the answer's */
};

static inline void options_clear(struct options *o)
{
	o->asked = o->given = 0;
}

/* ignore: bits of those that are to be taken for unknown. ERR_FORMAT: an option has a length that it cannot have. Of
 * several with one code the first counts (RFC 7873 §5.2). */
MUST_USE enum err options_parse(struct options *o, const struct edns *e, unsigned ignore);

/* What the answer says. Each is left out unless it was asked for. */
void options_give_nsid(struct options *o, const char *text);
void options_give_cookie(struct options *o, const uint8_t cookie[COOKIE_LEN]);
void options_give_keepalive(struct options *o, unsigned ms);
void options_give_expire(struct options *o, uint32_t seconds);
void options_give_version(struct options *o, unsigned labels, uint32_t serial);
/* In the form that the request's has (RFC 9664 §4.3). */
void options_give_lease(struct options *o, uint32_t lease, uint32_t key_lease);
/* Always said, if the answer has EDNS and the room. text: a constant, or NULL. */
void options_give_error(struct options *o, enum ede code, const char *text);

/* Octets to keep free for what was asked. */
size_t options_room(const struct options *o);
/* Writes what was given, as far as it fits into `room` octets; returns their number. */
size_t options_put(const struct options *o, uint8_t wire[OPTIONS_MAX], size_t room);

#endif
