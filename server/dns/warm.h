/* warm.h: asks for the memory that a batch of questions will need, before they are answered one by one (design §3).
 *
 * In large zones every step of a look-up is a cache miss that waits for the one before: directory slot, zone, table
 * slot, node, content. The questions of a batch are taken through these steps side by side, so that their misses
 * overlap. Nothing is decided and nothing kept: the octets are only glanced at, and whatever they are, the worst
 * outcome is memory that nobody needed. Threads: a worker's own object; warm_batch runs between quiescent states. */
#ifndef ROOST_SERVER_DNS_WARM_H
#define ROOST_SERVER_DNS_WARM_H

#include "zones/memory/directory.h"

struct warm; /* the names of a group of questions */

MUST_USE enum err warm_new(struct warm **out);
void warm_free(struct warm *w);

/* A group is small enough that the names' state stays in the first-level cache, large enough that misses overlap
 * well. */
enum { WARM_GROUP = 16 };

/* True if the zones are so large that warming pays: below that they stay in the cache anyway. */
bool warm_pays(void);

/* One datagram more for the group (at most WARM_GROUP). */
void warm_add(struct warm *w, const struct directory *d, const uint8_t *wire, size_t len);
/* Takes the group through all steps and empties it. */
void warm_run(struct warm *w, const struct directory *d);

#endif
