/* history.h: the net difference between two serials of a zone, from its journal rows: what `roostctl diff` shows and
 * `revert` undoes.
 *
 * Versions between the two are read oldest first; for each record only its first and last mention count:
 *
 *   first deleted, last added      a change of TTL, or none          first deleted, last deleted    gone
 *   first added,   last added      new                               first added,   last deleted    no change
 *
 * Threads: as the store's handle. */
#ifndef ROOST_ZONES_HISTORY_H
#define ROOST_ZONES_HISTORY_H

#include "zones/store/zonestore.h"

struct history;

struct history_rr {
	bool add;
	const uint8_t *owner; /* wire with its case; belongs to the history, as the RDATA does */
	struct content_rr rr;
};

/* From serial `from` to serial `to`, whichever is the older. ERR_NOTFOUND: a serial that the zone never had;
 * ERR_REFUSED: a version between them replaced the whole zone without a recorded difference. Inside a transaction of
 * the caller's. */
MUST_USE enum err history_between(struct history **out, struct zonestore *s, const struct zonestore_zone *zone,
				  uint32_t from, uint32_t to, struct errmsg *msg);
void history_free(struct history *h); /* NULL is fine */

/* In canonical order of owners, then by type; deletions of an RRset before its additions. Without the apex SOA. */
size_t history_count(const struct history *h);
const struct history_rr *history_at(const struct history *h, size_t i);

/* The apex SOA records at the two serials. */
const struct content_rr *history_soa_from(const struct history *h);
const struct content_rr *history_soa_to(const struct history *h);

#endif
