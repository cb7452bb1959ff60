/* slab.c: see slab.h. */
#include "zones/memory/slab.h"

#include <stdint.h>
#include <stdlib.h>

#include "lib/hugepages.h"

enum { SLAB_SHARE = 8 };

struct slab {
	struct slab *next;
	size_t total; /* octets of this one and those behind it */
	size_t used, size;
	_Alignas(SLAB_ALIGN) uint8_t data[];
};

static size_t next_size(const struct slab *head, size_t octets)
{
	size_t size = head ? head->total / SLAB_SHARE : 0;

	if (size < SLAB_RESERVE_MIN)
		size = SLAB_RESERVE_MIN;
	if (size > SLAB_RESERVE_MAX)
		size = SLAB_RESERVE_MAX;
	return size < octets ? octets : size;
}

static bool add_slab(struct slab **slabs, size_t size)
{
	struct slab *new = malloc(sizeof *new + size);

	if (!new)
		return false;
	hugepages_want(new, sizeof *new + size);
	*new = (struct slab){.next = *slabs, .total = size + (*slabs ? (*slabs)->total : 0), .size = size};
	*slabs = new;
	return true;
}

bool slab_reserve(struct slab **slabs, size_t octets)
{
	return add_slab(slabs, octets);
}

void *slab_take(struct slab **slabs, size_t octets)
{
	octets = slab_round(octets);
	if ((!*slabs || (*slabs)->size - (*slabs)->used < octets) && !add_slab(slabs, next_size(*slabs, octets)))
		return NULL;
	struct slab *s = *slabs;
	uint8_t *p = s->data + s->used;
	s->used += octets;
	return p;
}

void slab_free(struct slab *slabs)
{
	while (slabs) {
		struct slab *next = slabs->next;
		free(slabs);
		slabs = next;
	}
}
