/* slab.h: memory for what a zone is loaded with: many small things that mostly live as long as the zone. They lie one
 * behind the other, without the allocator's head before each; one that is replaced later leaves its octets unused
 * until the zone goes. Threads: the thread that builds the zone. */
#ifndef ROOST_ZONES_SLAB_H
#define ROOST_ZONES_SLAB_H

#include <stddef.h>

struct slab; /* NULL: nothing taken yet */

/* Octets aligned for any pointer or 64-bit number; NULL when memory is short. *slabs is the list's head. At most an
 * eighth of what was taken is held in reserve, and never more than SLAB_RESERVE_MAX. */
enum { SLAB_RESERVE_MAX = 1024 * 1024 };
void *slab_take(struct slab **slabs, size_t octets);

void slab_free(struct slab *slabs); /* all of it; NULL is fine */

size_t slab_size(const struct slab *slabs); /* octets held in all */

#endif
