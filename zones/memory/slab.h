/* slab.h: memory for what a zone is loaded with: many small things that mostly live as long as the zone. They lie one
 * behind the other, without the allocator's head before each; one that is replaced later leaves its octets unused
 * until the zone goes. Threads: the thread that builds the zone. */
#ifndef ROOST_ZONES_SLAB_H
#define ROOST_ZONES_SLAB_H

#include <stdbool.h>
#include <stddef.h>

struct slab; /* NULL: nothing taken yet */

/* Octets aligned for any pointer or 64-bit number; NULL when memory is short. *slabs is the list's head. At most an
 * eighth of what was taken is held in reserve beyond what slab_reserve asked for: never less than SLAB_RESERVE_MIN nor
 * more than SLAB_RESERVE_MAX. */
enum { SLAB_RESERVE_MIN = 128, SLAB_RESERVE_MAX = 1024 * 1024 };
void *slab_take(struct slab **slabs, size_t octets);

/* What taking so many octets at once takes. */
enum { SLAB_ALIGN = 8 };
static inline size_t slab_round(size_t octets)
{
	return (octets + SLAB_ALIGN - 1) / SLAB_ALIGN * SLAB_ALIGN;
}

/* Before the first slab_take: how much will be taken in all (each rounded by slab_round), where that is known, so that
 * it lies in one piece without a reserve. False when memory is short. */
bool slab_reserve(struct slab **slabs, size_t octets);

void slab_free(struct slab *slabs); /* all of it; NULL is fine */

#endif
