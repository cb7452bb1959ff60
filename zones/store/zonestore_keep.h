/* zonestore_keep.h: the upkeep of history, in small steps when there is time: an index of names, and bounds.
 *
 *   name_version  zone, owner (sort key), version      the versions that changed a name
 *   zone.kept_to, kept_seq    the version, and in it the record, up to which name_version goes
 *   zone.kept_octets          about what the versions up to there take
 *
 * An update writes neither: its pages are too dear. So the index lags behind, and who asks for the versions of a name
 * also looks through those that came since (zonestore_each_version_of). Versions go in order of age, the oldest
 * first, never the newest: what is left still leads from any kept serial to the current one. A version that is too
 * big to go in one step is made a full one first, which IXFR does not cross.
 *
 * Inside a transaction of the caller's. Threads: as the store's handle. */
#ifndef ROOST_ZONES_ZONESTORE_KEEP_H
#define ROOST_ZONES_ZONESTORE_KEEP_H

#include "zones/store/zonestore.h"

typedef enum err zonestore_keep_fn(void *arg, int64_t zone);
/* The ids of all zones that changed at that time (unix ms) or later. */
MUST_USE enum err zonestore_keep_each(struct zonestore *s, int64_t since, zonestore_keep_fn *fn, void *arg,
				      struct errmsg *msg);

struct zonestore_keep {
	unsigned rows;  /* that a step may touch; then how many it left */
	bool more;      /* there is more to do now */
	int64_t behind; /* changes, of all zones, since the last that the index has */
};

/* A step: indexes newer versions, then lets go what is older or more than the zone's bounds allow (refusals too).
 * ERR_NOTFOUND: the zone is gone. now: unix ms; 0: what is old is not known. */
MUST_USE enum err zonestore_keep_step(struct zonestore *s, int64_t zone, int64_t now, struct zonestore_keep *step,
				      struct errmsg *msg);

#endif
