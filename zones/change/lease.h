/* lease.h: records that end by themselves (RFC 9664): what an update's Update Lease option gets, what an update does to
 * the leases of records, and the update that takes away those whose lease has ended.
 *
 *   added with a lease     the record's lease ends then, also if the record was there (a refresh: no new version)
 *   added without one      it is to stay: its lease goes; by an administrator's hand, that of the whole RRset
 *   deleted                its lease goes
 *
 * A name that never had a lease costs one look into a table in memory, and nothing in the database.
 *
 * Threads: the writer's, but for lease_grant. */
#ifndef ROOST_ZONES_LEASE_H
#define ROOST_ZONES_LEASE_H

#include "zones/change/update.h"
#include "zones/store/zonestore_leases.h"

/* Seconds. Bounds where the grant says nothing, as the security considerations of RFC 9664 recommend them. */
enum { LEASE_MIN = ACCESS_LEASE_MIN, LEASE_MAX = 86400, LEASE_KEY_MAX = 604800 };

/* The update came with the option: it asks for *lease, and for *key_lease for KEY records; or, if both are in one, for
 * *lease for all. What it gets comes back, the same for all its records: the least that their grants allow. On the
 * caller's thread, after update_parse. */
void lease_grant(struct update *u, bool both, uint32_t *lease, uint32_t *key_lease);

struct lease_names; /* that may have records with leases */

/* Reads them from the store. */
MUST_USE enum err lease_names_new(struct lease_names **out, struct zonestore *s, struct errmsg *msg);
void lease_names_free(struct lease_names *n);

/* False: lease_settle has nothing to do. */
bool lease_concerns(const struct lease_names *n, const struct update *u);
/* After the update was applied to the zone, in the transaction that makes it durable. now: unix ms. */
MUST_USE enum err lease_settle(struct lease_names *n, struct zonestore *s, int64_t zone, const struct update *u,
			       int64_t now, struct errmsg *msg);

/* Makes the update that deletes the zone's records whose leases ended at `now` (unix ms) or before, or some of them if
 * they are many. */
MUST_USE enum err lease_expire(struct update **out, struct zonestore *s, const struct zonestore_zone *zone, int64_t now,
			       struct errmsg *msg);

#endif
