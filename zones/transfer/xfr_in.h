/* xfr_in.h: a transfer in, AXFR (RFC 5936) or IXFR (RFC 1995): the answer's messages go in one by one, already proved by
 * TSIG where there is a key, and what comes out is the whole zone or the versions that lead to the new one.
 *
 *   AXFR   SOA, records …, SOA                                                 -> XFR_IN_FULL
 *   IXFR   SOA                            the client is up to date             -> XFR_IN_UPTODATE
 *          SOA, SOA old, deleted …, SOA, added …, SOA, …, SOA                  -> XFR_IN_DELTAS
 *          as AXFR                                                             -> XFR_IN_FULL
 *
 * A primary may be broken or hostile, so everything is checked before anything is handed over: RCODE, question, class, names
 * inside the zone, types that a zone may have, the order of SOAs, that serials rise from ours to the new one (RFC 1982),
 * that the last SOA is the first again with nothing behind it; and the bounds. What a zone must have besides (NS at its apex,
 * CNAME alone) is checked when the image is finished, or when the versions are applied. The memory in use is bounded by the
 * limits: about four times `octets`, while the image of a large zone is finished.
 *
 * Threads: belongs to one. */
#ifndef ROOST_ZONES_XFR_IN_H
#define ROOST_ZONES_XFR_IN_H

#include "lib/message.h"
#include "zones/change/deltas.h"
#include "zones/file/zonefile.h"

struct xfr_in;

struct xfr_in_limits {
	uint64_t records; /* all that come, deleted ones too */
	uint64_t octets;  /* of messages, and of the records uncompressed */
};

struct xfr_in_question {
	const uint8_t *zone;
	bool ixfr;
	uint32_t serial; /* IXFR: what we have */
};

enum xfr_in_kind { XFR_IN_UPTODATE, XFR_IN_FULL, XFR_IN_DELTAS };

MUST_USE enum err xfr_in_new(struct xfr_in **out, const struct xfr_in_question *question,
			     const struct xfr_in_limits *limits);
void xfr_in_free(struct xfr_in *x); /* NULL is fine */

/* Takes the next message. *last: it was the last, and all of it is good. ERR_REFUSED: the primary answered with an error,
 * ERR_FORMAT and ERR_RANGE: what came cannot be a transfer of this zone, ERR_NOSPACE: it is over a limit, ERR_NOMEM; with
 * a sentence. After an error the transfer is over. */
MUST_USE enum err xfr_in_message(struct xfr_in *x, const struct message *m, bool *last, struct errmsg *why);

/* When *last was true. */
enum xfr_in_kind xfr_in_kind(const struct xfr_in *x);
uint32_t xfr_in_serial(const struct xfr_in *x);         /* the primary's */
uint32_t xfr_in_expire(const struct xfr_in *x);         /* seconds, of the primary's SOA */
uint64_t xfr_in_octets(const struct xfr_in *x);         /* as the limit counts them */
uint64_t xfr_in_records(const struct xfr_in *x);        /* that came */
struct zone_image *xfr_in_take_image(struct xfr_in *x); /* XFR_IN_FULL; finished. The caller's from then on */
struct deltas *xfr_in_take_deltas(struct xfr_in *x);    /* XFR_IN_DELTAS; the caller's */

#endif
