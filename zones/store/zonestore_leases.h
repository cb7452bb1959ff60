/* zonestore_leases.h: when records that came with an Update Lease end (RFC 9664).
 *
 *   lease  zone, owner (sort key), type, rdata -> expires (unix ms)        one row a record that has a lease
 *
 * RDATA stands there with its names in lower case: it names a record of `rrset`, whatever the spelling. A row whose
 * record is gone does no harm: its end finds nothing. Inside a transaction of the caller's. Threads: as the store's
 * handle. */
#ifndef ROOST_ZONES_ZONESTORE_LEASES_H
#define ROOST_ZONES_ZONESTORE_LEASES_H

#include "zones/store/zonestore.h"

/* The record's lease ends then, whatever it had before. */
MUST_USE enum err zonestore_leases_put(struct zonestore *s, int64_t zone, const uint8_t *owner,
				       const struct content_rr *rr, int64_t expires, struct errmsg *msg);
/* The record, all of its type (rr->rdata NULL), all of the name (rr->type TYPE_ANY) have no lease any more. */
MUST_USE enum err zonestore_leases_drop(struct zonestore *s, int64_t zone, const uint8_t *owner,
					const struct content_rr *rr, struct errmsg *msg);
MUST_USE enum err zonestore_leases_drop_zone(struct zonestore *s, int64_t zone, struct errmsg *msg);

struct zonestore_lease {
	int64_t zone;
	struct name owner; /* lower-case */
	uint16_t type;
	uint16_t rdlen;
	const uint8_t *rdata;
	int64_t expires; /* unix ms */
};
typedef enum err zonestore_lease_fn(void *arg, const struct zonestore_lease *l);
/* Of the zone, those that end at `now` or before, earliest first; at most `limit` (0 = all). */
MUST_USE enum err zonestore_leases_due(struct zonestore *s, int64_t zone, int64_t now, unsigned limit,
				       zonestore_lease_fn *fn, void *arg, struct errmsg *msg);
/* *any: some record of the zone has one. */
MUST_USE enum err zonestore_leases_any(struct zonestore *s, int64_t zone, bool *any, struct errmsg *msg);
/* Of all zones. */
MUST_USE enum err zonestore_leases_all(struct zonestore *s, zonestore_lease_fn *fn, void *arg, struct errmsg *msg);
/* The zones that have some that end at `now` or before. */
typedef enum err zonestore_lease_zone_fn(void *arg, const struct name *zone);
MUST_USE enum err zonestore_leases_due_zones(struct zonestore *s, int64_t now, zonestore_lease_zone_fn *fn, void *arg,
					     struct errmsg *msg);
/* When the first of all ends that ends after `after`; INT64_MAX: there is none. */
MUST_USE enum err zonestore_leases_next(struct zonestore *s, int64_t after, int64_t *expires, struct errmsg *msg);

/* Of that record; 0: it has none. */
MUST_USE enum err zonestore_leases_find(struct zonestore *s, int64_t zone, const uint8_t *owner,
					const struct content_rr *rr, int64_t *expires, struct errmsg *msg);

#endif
