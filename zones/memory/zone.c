/* zone.c: reading a zone: table, nodes, versions, pins. The writer's half is zone_write.c; what both know is
 * zone_inside.h. */
#include "zones/memory/zone_inside.h"

#include <assert.h>
#include <stdlib.h>

#include "zones/memory/grace.h"

enum { CACHE_LINE = 64 }; /* octets */

static_assert(sizeof(void *) == 8, "a slot packs a 48-bit address and 16 bits of hash");

/* One lock for all zones' pins: taken by transfers and trimming only. */
static pthread_mutex_t pins_lock = PTHREAD_MUTEX_INITIALIZER;

void zone_inside_lock_pins(void)
{
	pthread_mutex_lock(&pins_lock);
}

void zone_inside_unlock_pins(void)
{
	pthread_mutex_unlock(&pins_lock);
}

const uint8_t *zone_name(const struct zone *z)
{
	return z->name;
}

size_t zone_name_len(const struct zone *z)
{
	return z->name_len;
}

bool zone_is(const struct zone *z, const uint8_t *name, size_t len)
{
	return z->name_len == len && !memcmp(z->name, name, len);
}

unsigned zone_labels(const struct zone *z)
{
	return z->labels;
}

int64_t zone_id(const struct zone *z)
{
	return z->id;
}

const struct node *zone_apex(const struct zone *z)
{
	return z->apex;
}

const char *zone_fault(const struct zone *z)
{
	return z->fault;
}

struct zone_view zone_view(const struct zone *z)
{
	/* The version first: whatever order is current after that has the names of it or of a later one, and whatever
	 * table is current after both has every node (zone.h). */
	uint64_t version = atomic_load_explicit(&z->version, memory_order_acquire);
	const struct order *order = atomic_load_explicit(&z->order, memory_order_acquire);

	if (order && order_version(order) > version)
		version = order_version(order);
	return (struct zone_view){.zone = z,
				  .table = atomic_load_explicit(&z->table, memory_order_acquire),
				  .order = order,
				  .version = version};
}

struct node *zone_inside_probe(const struct zone_table *t, uint64_t hash, const uint8_t *rel, size_t rel_len,
			       size_t *at)
{
	uint64_t tag = zone_inside_tag(hash);

	for (size_t i = zone_inside_place(t, hash);; i = i + 1 == t->slots ? 0 : i + 1) {
		uint64_t slot = atomic_load_explicit(&t->slot[i], memory_order_acquire);
		if (!slot)
			return NULL;
		if (slot >> ZONE_ADDRESS_BITS != tag || slot == ZONE_SLOT_REMOVED)
			continue;
		struct node *n = zone_inside_node(slot);
		if (n->rel_len != rel_len || memcmp(n->rel, rel, rel_len) != 0)
			continue;
		if (at)
			*at = i;
		return n;
	}
}

const struct content *zone_content(const struct zone_view *v, const struct node *n)
{
	const struct content *c = atomic_load_explicit(&n->head, memory_order_acquire);

	while (c && c->version > v->version)
		c = atomic_load_explicit(&((struct content *)(uintptr_t)c)->older, memory_order_acquire);
	return c && !(c->flags & CONTENT_GONE) ? c : NULL;
}

bool zone_may_stop(const struct zone_view *v)
{
	return atomic_load_explicit(&v->zone->marks, memory_order_relaxed) & ZONE_MARK_STOP;
}

bool zone_may_have_wildcard(const struct zone_view *v)
{
	return atomic_load_explicit(&v->zone->marks, memory_order_relaxed) & ZONE_MARK_WILDCARD;
}

/* The first two lines of what lies there; the address may be nothing (a number, so that NULL needs no question). */
static void warm_lines(uintptr_t at)
{
	__builtin_prefetch((const void *)at);
	__builtin_prefetch((const void *)(at + CACHE_LINE));
}

void zone_warm(const struct zone *z)
{
	warm_lines((uintptr_t)z + offsetof(struct zone, apex));
}

void zone_warm_table(const struct zone_view *v)
{
	warm_lines((uintptr_t)v->table);
}

void zone_warm_slot(const struct zone_view *v, const struct qname *q)
{
	__builtin_prefetch(&v->table->slot[zone_inside_place(v->table, q->hash[0])]);
}

void zone_warm_content(const struct node *n)
{
	warm_lines((uintptr_t)atomic_load_explicit(&n->head, memory_order_acquire));
}

static const struct content *seen(const struct zone_view *v, const struct node *n, const struct node **node)
{
	const struct content *c = n ? zone_content(v, n) : NULL;

	if (c && node)
		*node = n;
	return c;
}

const struct content *zone_find(const struct zone_view *v, const struct qname *q, unsigned i, const struct node **node)
{
	size_t rel_len = (size_t)(q->len - q->off[i]) - v->zone->name_len;

	if (!rel_len)
		return seen(v, v->zone->apex, node);
	return seen(v, zone_inside_probe(v->table, q->hash[i], q->lower + q->off[i], rel_len, NULL), node);
}

const struct node *zone_seek(const struct zone_view *v, const struct qname *q)
{
	const struct zone_table *t = v->table;
	uint64_t tag = zone_inside_tag(q->hash[0]);

	if (q->len == v->zone->name_len)
		return v->zone->apex;
	for (size_t i = zone_inside_place(t, q->hash[0]);; i = i + 1 == t->slots ? 0 : i + 1) {
		uint64_t slot = atomic_load_explicit(&t->slot[i], memory_order_acquire);
		if (!slot)
			return NULL;
		if (slot >> ZONE_ADDRESS_BITS != tag || slot == ZONE_SLOT_REMOVED)
			continue;
		const struct node *n = zone_inside_node(slot);
		__builtin_prefetch(n);
		__builtin_prefetch(&n->rel[CACHE_LINE / 4]); /* where the name may already lie on the next line */
		return n;
	}
}

const struct content *zone_settle(const struct zone_view *v, const struct qname *q, const struct node *sought,
				  const struct node **node)
{
	size_t rel_len = (size_t)q->len - v->zone->name_len;

	if (!sought)
		return NULL;
	/* Another name with the same tag stood before it, or it stands nowhere. */
	if (sought->rel_len != rel_len || memcmp(sought->rel, q->lower, rel_len) != 0)
		return zone_find(v, q, 0, node);
	return seen(v, sought, node);
}

const struct content *zone_find_wildcard(const struct zone_view *v, const struct qname *q, unsigned i,
					 const struct node **node)
{
	uint8_t rel[NAME_WIRE_MAX + 2] = {1, '*'};
	size_t rest = (size_t)(q->len - q->off[i]) - v->zone->name_len;

	memcpy(rel + 2, q->lower + q->off[i], rest);
	return seen(v, zone_inside_probe(v->table, qname_wildcard_hash(q, i), rel, rest + 2, NULL), node);
}

const struct content *zone_find_name(const struct zone_view *v, const uint8_t *name, const struct node **node)
{
	struct qname q;

	if (!name_is_under(name, v->zone->name))
		return NULL;
	qname_set(&q, name);
	return zone_find(v, &q, 0, node);
}

const struct node *zone_parent(const struct node *n)
{
	return n->parent;
}

unsigned zone_node_labels(const struct node *n)
{
	return n->labels & (NODE_IN_SLAB - 1U);
}

void zone_node_name(const struct zone *z, const struct node *n, struct name *out)
{
	memcpy(out->wire, n->rel, n->rel_len);
	memcpy(out->wire + n->rel_len, z->name, z->name_len);
	out->len = (uint8_t)(n->rel_len + z->name_len);
}

bool zone_soa(const struct zone_view *v, struct content_rr *rr)
{
	const struct content *c = zone_content(v, v->zone->apex);
	const struct rrset *s = content_find(c, TYPE_SOA);
	size_t at = 0;

	return s && content_next(content_block(c, s), s->len, &at, rr);
}

uint32_t zone_serial(const struct zone_view *v)
{
	struct content_rr rr;
	struct rr_soa soa;

	return zone_soa(v, &rr) && rr_soa_parse(&soa, rr.rdata, rr.rdlen) ? soa.serial : 0;
}

/* ---- pins ---- */

enum err zone_pin(struct zone *z, struct zone_pin **out)
{
	struct zone_pin *p = malloc(sizeof *p);

	*out = p;
	if (!p)
		return ERR_NOMEM;
	zone_hold(z);
	zone_inside_lock_pins();
	p->zone = z;
	p->view = zone_view(z);
	p->view.order = NULL; /* does not live as long as the pin */
	p->table = atomic_load_explicit(&z->table, memory_order_acquire);
	p->table->pins++;
	p->next = z->pins;
	z->pins = p;
	zone_inside_unlock_pins();
	return ERR_OK;
}

void zone_unpin(struct zone_pin *p)
{
	if (!p)
		return;
	struct zone *z = p->zone;
	struct zone_table *unused = NULL;
	zone_inside_lock_pins();
	struct zone_pin **link = &z->pins;
	while (*link != p)
		link = &(*link)->next;
	*link = p->next;
	if (!--p->table->pins && p->table->replaced) {
		unused = p->table;
		struct zone_table **old = &z->old_tables;
		while (*old != unused)
			old = &(*old)->next_old;
		*old = unused->next_old;
	}
	zone_inside_unlock_pins();
	if (unused)
		grace_defer(free, unused);
	free(p);
	zone_release(z);
}

const struct zone_view *zone_pin_view(const struct zone_pin *p)
{
	return &p->view;
}

struct zone *zone_pin_zone(const struct zone_pin *p)
{
	return p->zone;
}

/* A walk meets nodes in the order of their hashes, so nearly every node and block is a cache miss: asks for them
 * early, a node twice as early as its block, whose address it holds. */
static void warm_ahead(const struct zone_table *t, size_t at)
{
	enum { AHEAD = 8 };

	if (at + 2 * AHEAD < t->slots) {
		uint64_t slot = atomic_load_explicit(&t->slot[at + 2 * AHEAD], memory_order_acquire);
		if (slot && slot != ZONE_SLOT_REMOVED)
			__builtin_prefetch(zone_inside_node(slot));
	}
	if (at + AHEAD < t->slots) {
		uint64_t slot = atomic_load_explicit(&t->slot[at + AHEAD], memory_order_acquire);
		if (slot && slot != ZONE_SLOT_REMOVED)
			zone_warm_content(zone_inside_node(slot));
	}
}

static const struct node *walk(const struct zone_view *v, size_t *cursor, const struct content **content)
{
	if (*cursor == 0) {
		*cursor = 1;
		*content = zone_content(v, v->zone->apex);
		if (*content)
			return v->zone->apex;
	}
	while (*cursor <= v->table->slots) {
		warm_ahead(v->table, *cursor - 1);
		uint64_t slot = atomic_load_explicit(&v->table->slot[*cursor - 1], memory_order_acquire);
		++*cursor;
		if (!slot || slot == ZONE_SLOT_REMOVED)
			continue;
		const struct node *n = zone_inside_node(slot);
		*content = zone_content(v, n);
		if (*content)
			return n;
	}
	return NULL;
}

const struct node *zone_pin_next(const struct zone_pin *p, size_t *cursor, const struct content **content)
{
	return walk(&p->view, cursor, content);
}

const struct node *zone_walk(const struct zone *z, size_t *cursor, const struct content **content)
{
	struct zone_view v = zone_view(z);

	return walk(&v, cursor, content);
}

void zone_memory(const struct zone *z, struct zone_memory *out)
{
	const struct content *c;
	struct zone_view v = zone_view(z);
	size_t cursor = 0;

	*out = (struct zone_memory){.octets = sizeof *z + z->name_len + sizeof *v.table +
					      v.table->slots * sizeof v.table->slot[0] + order_octets(v.order)};
	for (const struct node *n; (n = walk(&v, &cursor, &c));) {
		out->nodes++;
		out->octets += offsetof(struct node, rel) + n->rel_len + content_size(c);
		for (size_t i = 0; i < c->sets; i++)
			out->records += (size_t)c->set[i].count + c->set[i].sig_count;
	}
}
