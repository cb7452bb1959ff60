/* directory.c: see directory.h. A flat table with linear probing.
 *
 *   slot   16 bits of the name's hash | 48 bits of the zone's address     or REMOVED, or 0: never used */
#include "zones/memory/directory.h"

#include <stdlib.h>

#include "lib/hugepages.h"
#include "zones/memory/grace.h"

enum { DIRECTORY_FIRST = 64 }; /* slots; power of two; doubled when 5/8 are taken */

struct dir_table {
	size_t mask;
	size_t used; /* zones and removed marks; writer only */
	_Atomic uint64_t slot[];
};

struct directory {
	_Atomic(struct dir_table *) table;
	_Atomic uint64_t depths[2]; /* bit n: some zone has n labels (never cleared: only a hint) */
	size_t count;
};

enum { ADDRESS_BITS = 48 };
#define REMOVED UINT64_C(1) /* probing goes on past it */

static uint64_t pack(const struct zone *z, uint64_t hash)
{
	return hash >> ADDRESS_BITS << ADDRESS_BITS | (uint64_t)(uintptr_t)z;
}

/* The slot's zone, or NULL. */
static struct zone *zone_in(uint64_t slot)
{
	uint64_t address = slot & ((UINT64_C(1) << ADDRESS_BITS) - 1);
	return address == REMOVED ? NULL : (struct zone *)(uintptr_t)address;
}

static struct dir_table *table_new(size_t slots)
{
	size_t octets = sizeof(struct dir_table) + slots * sizeof(uint64_t);
	struct dir_table *t = calloc(1, octets);

	if (!t)
		return NULL;
	hugepages_want(t, octets);
	t->mask = slots - 1;
	return t;
}

enum err directory_new(struct directory **out)
{
	struct directory *d = calloc(1, sizeof *d);
	struct dir_table *t = table_new(DIRECTORY_FIRST);

	if (!d || !t) {
		free(d);
		free(t);
		return ERR_NOMEM;
	}
	atomic_init(&d->table, t);
	*out = d;
	return ERR_OK;
}

void directory_free(struct directory *d)
{
	if (!d)
		return;
	struct dir_table *t = atomic_load(&d->table);
	for (size_t i = 0; i <= t->mask; i++) {
		struct zone *z = zone_in(atomic_load(&t->slot[i]));
		if (z)
			zone_release(z);
	}
	free(t);
	free(d);
}

static struct zone *probe(const struct dir_table *t, uint64_t hash, const uint8_t *name, size_t len, size_t *at)
{
	for (size_t i = (size_t)hash & t->mask;; i = (i + 1) & t->mask) {
		uint64_t slot = atomic_load_explicit(&t->slot[i], memory_order_acquire);
		if (!slot)
			return NULL;
		if ((slot ^ hash) >> ADDRESS_BITS || slot == REMOVED)
			continue;
		struct zone *z = zone_in(slot);
		if (!zone_is(z, name, len))
			continue;
		if (at)
			*at = i;
		return z;
	}
}

/* The next number of labels below `end` that some zone has, plus 1; 0: none. A walk from the deepest zone upward:
 *
 *   for (unsigned end = labels + 1; (end = depth_below(d, end)); end--)        end - 1 is the depth */
static inline unsigned depth_below(const struct directory *d, unsigned end)
{
	enum { BITS = 64 };

	while (end) {
		unsigned word = (end - 1) / BITS;
		uint64_t has = atomic_load_explicit(&d->depths[word], memory_order_acquire);
		has &= UINT64_MAX >> (BITS - 1 - (end - 1) % BITS);
		if (has)
			return (word + 1) * BITS - (unsigned)__builtin_clzll(has);
		end = word * BITS;
	}
	return 0;
}

struct zone *directory_find(const struct directory *d, const struct qname *q, unsigned from, unsigned *label)
{
	const struct dir_table *t = atomic_load_explicit(&d->table, memory_order_acquire);

	for (unsigned end = q->labels + 1U - from; (end = depth_below(d, end)); end--) {
		unsigned i = q->labels + 1U - end;
		struct zone *z = probe(t, q->hash[i], q->lower + q->off[i], (size_t)(q->len - q->off[i]), NULL);
		if (z) {
			*label = i;
			return z;
		}
	}
	return NULL;
}

void directory_warm(const struct directory *d, const struct qname *q)
{
	const struct dir_table *t = atomic_load_explicit(&d->table, memory_order_acquire);

	for (unsigned end = q->labels + 1U; (end = depth_below(d, end)); end--)
		__builtin_prefetch(&t->slot[(size_t)q->hash[q->labels + 1U - end] & t->mask]);
}

const struct zone *directory_seek(const struct directory *d, const struct qname *q, unsigned *label)
{
	const struct dir_table *t = atomic_load_explicit(&d->table, memory_order_acquire);

	for (unsigned end = q->labels + 1U; (end = depth_below(d, end)); end--) {
		uint64_t hash = q->hash[q->labels + 1U - end], slot;
		for (size_t i = (size_t)hash & t->mask;
		     (slot = atomic_load_explicit(&t->slot[i], memory_order_acquire)); i = (i + 1) & t->mask) {
			if ((slot ^ hash) >> ADDRESS_BITS || slot == REMOVED)
				continue;
			*label = q->labels + 1U - end;
			zone_warm(zone_in(slot));
			return zone_in(slot);
		}
	}
	return NULL;
}

const struct zone *directory_settle(const struct directory *d, const struct qname *q, const struct zone *sought,
				    unsigned *label)
{
	if (!sought || zone_is(sought, qname_suffix(q, *label), (size_t)(q->len - q->off[*label])))
		return sought;
	return directory_find(d, q, 0, label); /* another name with the same tag stood before it */
}

struct zone *directory_get(const struct directory *d, const uint8_t *name)
{
	struct qname q;

	qname_set(&q, name);
	return probe(atomic_load_explicit(&d->table, memory_order_acquire), q.hash[0], q.lower, q.len, NULL);
}

static void place(struct dir_table *t, struct zone *z, uint64_t hash)
{
	size_t i = (size_t)hash & t->mask;

	while (atomic_load_explicit(&t->slot[i], memory_order_relaxed))
		i = (i + 1) & t->mask;
	atomic_store_explicit(&t->slot[i], pack(z, hash), memory_order_release);
	t->used++;
}

static enum err grow(struct directory *d)
{
	struct dir_table *old = atomic_load(&d->table);
	size_t slots = DIRECTORY_FIRST;

	while (slots * 5 / 8 <= d->count * 3 / 2 + 1)
		slots *= 2;
	struct dir_table *t = table_new(slots);
	if (!t)
		return ERR_NOMEM;
	for (size_t i = 0; i <= old->mask; i++) {
		struct zone *z = zone_in(atomic_load(&old->slot[i]));
		if (!z)
			continue;
		struct qname q;
		qname_set(&q, zone_name(z));
		place(t, z, q.hash[0]);
	}
	atomic_store_explicit(&d->table, t, memory_order_release);
	grace_defer(free, old);
	return ERR_OK;
}

static void release_zone(void *zone)
{
	zone_release(zone);
}

enum err directory_put(struct directory *d, struct zone *z)
{
	struct qname q;
	size_t at;

	enum err e = zone_loaded(z);
	if (e)
		return e;
	qname_set(&q, zone_name(z));
	struct dir_table *t = atomic_load(&d->table);
	struct zone *old = probe(t, q.hash[0], q.lower, q.len, &at);
	if (old) {
		atomic_store_explicit(&t->slot[at], pack(z, q.hash[0]), memory_order_release);
		grace_defer(release_zone, old);
		return ERR_OK;
	}
	if (t->used >= (t->mask + 1) * 5 / 8) {
		e = grow(d);
		if (e)
			return e;
		t = atomic_load(&d->table);
	}
	atomic_fetch_or_explicit(&d->depths[q.labels >> 6], UINT64_C(1) << (q.labels & 63), memory_order_release);
	place(t, z, q.hash[0]);
	d->count++;
	return ERR_OK;
}

enum err directory_remove(struct directory *d, const uint8_t *name)
{
	struct qname q;
	size_t at;

	qname_set(&q, name);
	struct dir_table *t = atomic_load(&d->table);
	struct zone *z = probe(t, q.hash[0], q.lower, q.len, &at);
	if (!z)
		return ERR_NOTFOUND;
	atomic_store_explicit(&t->slot[at], REMOVED, memory_order_release);
	d->count--;
	grace_defer(release_zone, z);
	return ERR_OK;
}

size_t directory_count(const struct directory *d)
{
	return d->count;
}

void directory_each(const struct directory *d, directory_fn *fn, void *arg)
{
	const struct dir_table *t = atomic_load(&d->table);

	for (size_t i = 0; i <= t->mask; i++) {
		struct zone *z = zone_in(atomic_load(&t->slot[i]));
		if (z && !fn(arg, z))
			return;
	}
}
