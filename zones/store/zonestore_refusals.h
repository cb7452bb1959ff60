/* zonestore_refusals.h: updates that were refused: who, whence, when, what was asked and why not.
 *
 *   refusal  zone, actor, network, rcode, why -> first, last, count | source, transport, asked (of the last)
 *
 * One row for all that are alike, and ZONESTORE_REFUSALS_MAX rows a zone: the longest unheard of make room. Inside a
 * transaction of the caller's. Threads: as the store's handle. */
#ifndef ROOST_ZONES_ZONESTORE_REFUSALS_H
#define ROOST_ZONES_ZONESTORE_REFUSALS_H

#include "zones/store/zonestore.h"

enum { ZONESTORE_REFUSALS_MAX = 256 };

struct zonestore_refusal {
	int64_t first, last; /* unix ms */
	int64_t count;
	const char *actor;
	const char *network; /* prefix */
	const char *source, *transport;
	uint16_t rcode;
	const char *asked;
	const char *why;
};

/* Adds its count to the row of those that are alike, or makes it. */
MUST_USE enum err zonestore_refusals_add(struct zonestore *s, int64_t zone, const struct zonestore_refusal *r,
					 struct errmsg *msg);

typedef enum err zonestore_refusal_fn(void *arg, const struct zonestore_refusal *r);
/* Latest first, with a last time of `since` or later; at most `limit` (0 = all). */
MUST_USE enum err zonestore_refusals_each(struct zonestore *s, int64_t zone, int64_t since, unsigned limit,
					  zonestore_refusal_fn *fn, void *arg, struct errmsg *msg);

/* Forgets those whose last time is before that. */
MUST_USE enum err zonestore_refusals_trim(struct zonestore *s, int64_t zone, int64_t before, struct errmsg *msg);

#endif
