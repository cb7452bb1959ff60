/* slab.c: see slab.h. */
#include "zones/memory/slab.h"

#include <stdint.h>
#include <stdlib.h>

enum { SLAB_FIRST = 512, SLAB_SHARE = 8, SLAB_ALIGN = 8 };

struct slab {
	struct slab *next;
	size_t total; /* octets of this one and those behind it */
	size_t used, size;
	_Alignas(SLAB_ALIGN) uint8_t data[];
};

static size_t next_size(const struct slab *head, size_t octets)
{
	size_t size = head ? head->total / SLAB_SHARE : 0;

	if (size < SLAB_FIRST)
		size = SLAB_FIRST;
	if (size > SLAB_RESERVE_MAX)
		size = SLAB_RESERVE_MAX;
	return size < octets ? octets : size;
}

void *slab_take(struct slab **slabs, size_t octets)
{
	struct slab *s = *slabs;

	octets = (octets + SLAB_ALIGN - 1) / SLAB_ALIGN * SLAB_ALIGN;
	if (!s || s->size - s->used < octets) {
		size_t size = next_size(s, octets);
		struct slab *new = malloc(sizeof *new + size);
		if (!new)
			return NULL;
		*new = (struct slab){.next = s, .total = size + (s ? s->total : 0), .size = size};
		*slabs = s = new;
	}
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

size_t slab_size(const struct slab *slabs)
{
	return slabs ? slabs->total : 0;
}
