/* zone_write.c: the writer's half of a zone: making, prepending, publishing, taking back, freeing.
 *
 * The life of a block:   zone_prepend: head of its node's chain, version not yet published, no reader takes it
 *                        zone_publish: the version is published; a trim entry (node, version, grace ticket) is queued
 *                        zone_trim:    ticket passed and no pin older: no reader can need what is behind it: freed
 *
 * Trim entries are worked off strictly in order. So a node that is gone is freed after its children, and a node named
 * by a later entry is still there. */
#include <stdlib.h>

#include "lib/hugepages.h"
#include "zones/memory/grace.h"
#include "zones/memory/slab.h"
#include "zones/memory/zone_inside.h"

enum {
	TABLE_FIRST = 8, /* slots of the smallest zone */
	LOG_FIRST = 2    /* undo and trim entries: a home changes an address and its SOA */
};

/* ---- table ---- */

static struct zone_table *table_new(size_t slots)
{
	if (slots < TABLE_FIRST)
		slots = TABLE_FIRST;
	if (slots > UINT32_MAX)
		return NULL;
	size_t octets = sizeof(struct zone_table) + slots * sizeof(uint64_t);
	struct zone_table *t = calloc(1, octets);
	if (!t)
		return NULL;
	hugepages_want(t, octets);
	t->slots = (uint32_t)slots;
	return t;
}

static void table_put(struct zone_table *t, struct node *n, uint64_t hash)
{
	size_t i = zone_inside_place(t, hash);

	while (atomic_load_explicit(&t->slot[i], memory_order_relaxed))
		i = i + 1 == t->slots ? 0 : i + 1;
	uint64_t slot = zone_inside_tag(hash) << ZONE_ADDRESS_BITS | (uint64_t)(uintptr_t)n;
	atomic_store_explicit(&t->slot[i], slot, memory_order_release);
	t->used++;
	t->nodes++;
}

static bool table_has_room(const struct zone_table *t, size_t more)
{
	return t->used + more <= (size_t)t->slots / 4 * 3;
}

static uint64_t node_hash(const struct zone *z, const struct node *n)
{
	struct name name;
	struct qname q;

	zone_node_name(z, n, &name);
	qname_set(&q, name.wire);
	return q.hash[0];
}

static enum err table_grow(struct zone *z, size_t more)
{
	struct zone_table *old = atomic_load(&z->table);

	if (table_has_room(old, more))
		return ERR_OK;
	struct zone_table *t = table_new((old->nodes + more) * 2);
	if (!t)
		return ERR_NOMEM;
	for (size_t i = 0; i < old->slots; i++) {
		uint64_t slot = atomic_load_explicit(&old->slot[i], memory_order_relaxed);
		if (slot && slot != ZONE_SLOT_REMOVED)
			table_put(t, zone_inside_node(slot), node_hash(z, zone_inside_node(slot)));
	}
	atomic_store_explicit(&z->table, t, memory_order_release);
	zone_inside_lock_pins();
	bool pinned = old->pins > 0;
	if (pinned) {
		old->replaced = true;
		old->next_old = z->old_tables;
		z->old_tables = old;
	}
	zone_inside_unlock_pins();
	if (!pinned)
		grace_defer(free, old);
	return ERR_OK;
}

static void table_drop(struct zone_table *t, const struct node *n, uint64_t hash)
{
	size_t at;

	if (zone_inside_probe(t, hash, n->rel, n->rel_len, &at) == n)
		atomic_store_explicit(&t->slot[at], ZONE_SLOT_REMOVED, memory_order_release);
}

/* ---- nodes ---- */

static void add_mark(struct zone *z, unsigned mark)
{
	atomic_fetch_or_explicit(&z->marks, (uint8_t)mark, memory_order_relaxed);
}

/* Before the block can be seen at the node. */
static void mark_stop(struct zone *z, const struct node *n, const struct content *c)
{
	if (c->flags & (n == z->apex ? CONTENT_DNAME : CONTENT_NS | CONTENT_DNAME))
		add_mark(z, ZONE_MARK_STOP);
}

static struct node *node_new(struct zone *z, const struct qname *q, unsigned i, bool loading)
{
	size_t rel_len = (size_t)(q->len - q->off[i]) - z->name_len;
	size_t size = offsetof(struct node, rel) + rel_len;
	struct node *n = loading ? slab_take(&z->slabs, size) : malloc(size);

	if (!n)
		return NULL;
	atomic_init(&n->head, NULL);
	n->parent = NULL;
	n->children = 0;
	n->labels = (uint8_t)((q->labels - i) | (loading ? NODE_IN_SLAB : 0U));
	n->rel_len = (uint8_t)rel_len;
	memcpy(n->rel, q->lower + q->off[i], rel_len);
	if (rel_len && name_is_wildcard(qname_suffix(q, i)))
		add_mark(z, ZONE_MARK_WILDCARD);
	return n;
}

static struct node *find_node(const struct zone *z, const struct qname *q, unsigned i)
{
	size_t rel_len = (size_t)(q->len - q->off[i]) - z->name_len;

	if (!rel_len)
		return z->apex;
	return zone_inside_probe(atomic_load(&z->table), q->hash[i], q->lower + q->off[i], rel_len, NULL);
}

static struct content *newest(const struct node *n)
{
	struct content *c = n ? atomic_load_explicit(&n->head, memory_order_relaxed) : NULL;

	return c && !(c->flags & CONTENT_GONE) ? c : NULL;
}

static void free_contents(struct content *c)
{
	while (c) {
		struct content *older = atomic_load_explicit(&c->older, memory_order_relaxed);
		content_free(c);
		c = older;
	}
}

static void free_content(void *c)
{
	content_free(c);
}

static void free_node(void *arg)
{
	struct node *n = arg;

	free_contents(atomic_load_explicit(&n->head, memory_order_relaxed));
	if (!(n->labels & NODE_IN_SLAB))
		free(n);
}

static void drop_node(struct zone *z, struct node *n)
{
	uint64_t hash = node_hash(z, n);
	struct zone_table *t = atomic_load(&z->table);

	table_drop(t, n, hash);
	t->nodes--;
	zone_inside_lock_pins();
	for (struct zone_table *old = z->old_tables; old; old = old->next_old)
		table_drop(old, n, hash);
	zone_inside_unlock_pins();
	grace_defer(free_node, n);
}

/* ---- a zone's life ---- */

static void free_zone(void *arg)
{
	struct zone *z = arg;
	struct zone_table *t = atomic_load(&z->table);

	for (size_t i = 0; i < t->slots; i++) {
		uint64_t slot = atomic_load_explicit(&t->slot[i], memory_order_relaxed);
		if (slot && slot != ZONE_SLOT_REMOVED)
			free_node(zone_inside_node(slot));
	}
	free_node(z->apex);
	order_free(atomic_load(&z->order));
	slab_free(z->slabs);
	free(z->fault);
	free(t);
	free(z->undo);
	free(z->trim);
	free(z);
}

void zone_expect(struct zone_expected *e, const uint8_t *zone, const uint8_t *owner, const struct content *c)
{
	size_t rel_len = name_len(owner) - name_len(zone);

	e->names++;
	e->octets += slab_round(offsetof(struct node, rel) + rel_len) + slab_round(content_size(c));
}

enum err zone_new_expecting(struct zone **out, const uint8_t *name, int64_t id, const struct zone_expected *expected)
{
	size_t len = name_len(name);
	struct zone *z = calloc(1, sizeof *z + len);
	struct zone_table *t = table_new(expected->names + expected->names / 2);
	struct content *empty = NULL;
	struct qname q;

	*out = NULL;
	if (!z || !t || content_empty(false, &empty) ||
	    (expected->octets && !slab_reserve(&z->slabs, expected->octets)))
		goto fail;
	z->id = id;
	z->name_len = (uint8_t)len;
	z->labels = (uint8_t)name_labels(name);
	name_lower(z->name, name, len);
	qname_set(&q, z->name);
	z->apex = node_new(z, &q, 0, true);
	if (!z->apex)
		goto fail;
	atomic_init(&z->apex->head, empty);
	atomic_init(&z->table, t);
	atomic_init(&z->refs, 1);
	*out = z;
	return ERR_OK;
fail:
	content_free(empty);
	free(t);
	if (z)
		slab_free(z->slabs);
	free(z);
	return ERR_NOMEM;
}

enum err zone_new(struct zone **out, const uint8_t *name, int64_t id, size_t expected_names)
{
	return zone_new_expecting(out, name, id, &(struct zone_expected){.names = expected_names});
}

enum err zone_new_damaged(struct zone **out, const uint8_t *name, int64_t id, const char *fault)
{
	enum err e = zone_new(out, name, id, 0);

	if (e)
		return e;
	(*out)->fault = strdup(fault);
	if ((*out)->fault)
		return ERR_OK;
	zone_release(*out);
	*out = NULL;
	return ERR_NOMEM;
}

void zone_hold(struct zone *z)
{
	atomic_fetch_add_explicit(&z->refs, 1, memory_order_relaxed);
}

void zone_release(struct zone *z)
{
	if (z && atomic_fetch_sub_explicit(&z->refs, 1, memory_order_acq_rel) == 1)
		grace_defer(free_zone, z);
}

/* ---- logs ---- */

/* Room for `more` undo entries, and for a trim entry for every undo entry, so that publishing cannot fail. */
static enum err reserve_logs(struct zone *z, size_t more)
{
	size_t undo = z->undo_count + more;

	if (undo > z->undo_room) {
		size_t room = z->undo_room ? z->undo_room : LOG_FIRST;
		while (room < undo)
			room *= 2;
		struct zone_undo *u = realloc(z->undo, room * sizeof *u);
		if (!u)
			return ERR_NOMEM;
		z->undo = u;
		z->undo_room = (uint32_t)room;
	}
	size_t trim = z->trim_count + undo;
	if (trim > z->trim_room) {
		size_t room = z->trim_room ? z->trim_room : LOG_FIRST;
		while (room < trim)
			room *= 2;
		struct zone_trim *t = malloc(room * sizeof *t);
		if (!t)
			return ERR_NOMEM;
		for (uint32_t i = 0; i < z->trim_count; i++)
			t[i] = z->trim[(z->trim_head + i) % z->trim_room];
		free(z->trim);
		z->trim = t;
		z->trim_head = 0;
		z->trim_room = (uint32_t)room;
	}
	return ERR_OK;
}

/* Puts c at the head of the node's chain; room in the log was made. children: what this does to the parent's count. */
static void put_head(struct zone *z, struct node *n, struct content *c, int children, bool created)
{
	uint64_t version = atomic_load_explicit(&z->version, memory_order_relaxed) + 1;
	struct content *old = atomic_load_explicit(&n->head, memory_order_relaxed);

	c->version = version;
	mark_stop(z, n, c);
	/* Two blocks of one version at a node: the first will never be seen by anybody. */
	struct content *behind =
		old && old->version == version ? atomic_load_explicit(&old->older, memory_order_relaxed) : old;
	atomic_store_explicit(&c->older, behind, memory_order_relaxed);
	atomic_store_explicit(&n->head, c, memory_order_release);
	if (n->parent)
		n->parent->children = (uint32_t)((int64_t)n->parent->children + children);
	z->undo[z->undo_count++] = (struct zone_undo){.node = n, .head = old, .children = children, .created = created};
}

/* ---- prepend ---- */

/* What one prepend does, gathered before anything is changed: nodes from the name upward. */
struct plan {
	unsigned count;
	unsigned created;
	struct node *node[NAME_LABELS_MAX + 1];
	struct content *content[NAME_LABELS_MAX + 1];
	bool fresh[NAME_LABELS_MAX + 1];
};

static void plan_drop(struct plan *p)
{
	for (unsigned k = 0; k < p->count; k++) {
		content_free(p->content[k]);
		if (p->fresh[k] && p->node[k] && !(p->node[k]->labels & NODE_IN_SLAB))
			free(p->node[k]);
	}
}

/* The name and all ancestors that do not exist now; *anchor is the lowest that does. c is the name's own block; the
 * others become empty non-terminals. */
static enum err plan_birth(struct plan *p, struct zone *z, const struct qname *q, struct content *c, bool loading,
			   struct node **anchor)
{
	p->count = 0;
	p->created = 0;
	for (unsigned i = 0;; i++) {
		struct node *n = find_node(z, q, i);
		if (newest(n)) {
			*anchor = n;
			return ERR_OK;
		}
		unsigned k = p->count++;
		p->fresh[k] = !n;
		p->node[k] = n ? n : node_new(z, q, i, loading);
		p->content[k] = NULL;
		p->created += !n;
		if (!p->node[k])
			goto nomem;
		if (i && content_empty(false, &p->content[k]))
			goto nomem;
		if (!i)
			p->content[k] = c;
	}
nomem:
	p->content[0] = NULL; /* stays the caller's */
	plan_drop(p);
	return ERR_NOMEM;
}

/* Moves a block that was loaded to the zone's slabs. Without room there it stays where it is: no fault. */
static struct content *settle(struct zone *z, struct content *c)
{
	size_t size = content_size(c);
	struct content *mine = slab_take(&z->slabs, size);

	if (!mine)
		return c;
	memcpy((void *)mine, (const void *)c, size);
	mine->flags |= CONTENT_IN_SLAB;
	content_free(c);
	return mine;
}

static void carry_out_birth(struct plan *p, struct zone *z, const struct qname *q, struct node *anchor, bool loading)
{
	struct zone_table *t = atomic_load(&z->table);

	for (unsigned k = p->count; k-- > 0;) {
		struct node *n = p->node[k];
		n->parent = k + 1 < p->count ? p->node[k + 1] : anchor;
		if (loading) {
			mark_stop(z, n, p->content[k]);
			atomic_store_explicit(&n->head, settle(z, p->content[k]), memory_order_release);
			n->parent->children++;
		} else {
			put_head(z, n, p->content[k], 1, p->fresh[k]);
		}
		if (p->fresh[k])
			table_put(t, n, q->hash[k]);
	}
}

static enum err give_birth(struct zone *z, const struct qname *q, struct content *c, bool loading)
{
	struct plan p;
	struct node *anchor;
	enum err e = plan_birth(&p, z, q, c, loading, &anchor);

	if (e)
		return e;
	if ((e = table_grow(z, p.created)) || (!loading && (e = reserve_logs(z, p.count)))) {
		p.content[0] = NULL;
		plan_drop(&p);
		return e;
	}
	carry_out_birth(&p, z, q, anchor, loading);
	return ERR_OK;
}

/* The name has no records any more: it and the empty non-terminals that only it kept alive are gone. */
static enum err bury(struct zone *z, struct node *n)
{
	struct plan p = {.count = 0};
	enum err e = ERR_OK;

	for (;; n = n->parent) {
		bool empty_stays = n == z->apex || n->children > (p.count ? 1U : 0U);
		struct content *now = newest(n);
		if (p.count && (empty_stays || now->sets))
			break;
		unsigned k = p.count++;
		p.node[k] = n;
		p.fresh[k] = false;
		p.content[k] = NULL;
		e = content_empty(!empty_stays, &p.content[k]);
		if (e || empty_stays)
			break;
	}
	if (e || (e = reserve_logs(z, p.count))) {
		plan_drop(&p);
		return e;
	}
	for (unsigned k = 0; k < p.count; k++)
		put_head(z, p.node[k], p.content[k], p.content[k]->flags & CONTENT_GONE ? -1 : 0, false);
	return ERR_OK;
}

enum err zone_prepend(struct zone *z, const struct qname *q, struct content *c)
{
	struct node *n = find_node(z, q, 0);
	struct content *now = newest(n);
	enum err e;

	if (content_in_use(c)) {
		if (!now)
			return give_birth(z, q, c, false);
		e = reserve_logs(z, 1);
		if (!e)
			put_head(z, n, c, 0, false);
		return e;
	}
	e = now && now->sets ? bury(z, n) : ERR_OK;
	if (!e)
		content_free(c);
	return e;
}

enum err zone_load_content(struct zone *z, const uint8_t *owner, struct content *c)
{
	struct qname q;

	if (!name_is_under(owner, z->name))
		return ERR_RANGE;
	qname_set(&q, owner);
	struct node *n = find_node(z, &q, 0);
	struct content *now = newest(n);
	if (now && now->sets)
		return ERR_EXISTS;
	bool unordered = z->unordered || (c->flags & (CONTENT_NSEC | CONTENT_NSEC3));
	if (!now) {
		enum err e = give_birth(z, &q, c, true);
		z->unordered = e ? z->unordered : unordered;
		return e;
	}
	mark_stop(z, n, c);
	atomic_store_explicit(&n->head, settle(z, c), memory_order_release);
	content_free(now);
	z->unordered = unordered;
	return ERR_OK;
}

const struct content *zone_newest(const struct zone *z, const struct qname *q)
{
	return newest(find_node(z, q, 0));
}

/* ---- order ---- */

static const uint16_t list_flag[ORDER_LISTS] = {[ORDER_NSEC] = CONTENT_NSEC, [ORDER_NSEC3] = CONTENT_NSEC3};

/* Notes in *d, made when there is something to note, whether the node comes into a list or leaves it. */
static enum err draft_node(struct order_draft **d, const struct zone *z, const struct node *n, uint16_t before,
			   uint16_t after)
{
	enum err e = ERR_OK;

	for (unsigned l = 0; l < ORDER_LISTS && !e; l++) {
		if (!((before ^ after) & list_flag[l]))
			continue;
		if (!*d)
			e = order_draft_new(d, atomic_load(&z->order));
		if (!e)
			e = order_draft_change(*d, (enum order_list)l, n, after & list_flag[l]);
	}
	return e;
}

enum err zone_loaded(struct zone *z)
{
	struct order_draft *d = NULL;
	const struct content *c;
	const struct node *n;
	size_t cursor = 0;
	enum err e = ERR_OK;

	if (!z->unordered)
		return ERR_OK;
	while (!e && (n = zone_walk(z, &cursor, &c)))
		e = draft_node(&d, z, n, 0, c->flags);
	if (!e && d)
		e = order_draft_finish(d);
	if (e || !d) {
		order_draft_drop(d);
		return e;
	}
	order_publish(d, &z->order, atomic_load_explicit(&z->version, memory_order_relaxed));
	z->unordered = false;
	return ERR_OK;
}

enum err zone_reserve(struct zone *z)
{
	uint64_t version = atomic_load_explicit(&z->version, memory_order_relaxed) + 1;
	enum err e = zone_loaded(z);

	order_draft_drop(z->draft);
	z->draft = NULL;
	for (uint32_t i = 0; i < z->undo_count && !e; i++) {
		const struct zone_undo *u = &z->undo[i];
		if (u->head && u->head->version == version)
			continue; /* not the node's first change in this version */
		const struct content *now = newest(u->node);
		e = draft_node(&z->draft, z, u->node, u->head ? u->head->flags : 0, now ? now->flags : 0);
	}
	return !e && z->draft ? order_draft_finish(z->draft) : e;
}

/* ---- publish, abort, trim ---- */

void zone_abort(struct zone *z)
{
	order_draft_drop(z->draft);
	z->draft = NULL;
	while (z->undo_count) {
		struct zone_undo *u = &z->undo[--z->undo_count];
		struct node *n = u->node;
		struct content *mine = atomic_load_explicit(&n->head, memory_order_relaxed);
		if (n->parent)
			n->parent->children = (uint32_t)((int64_t)n->parent->children - u->children);
		if (u->created) {
			drop_node(z, n); /* with its block */
			continue;
		}
		atomic_store_explicit(&n->head, u->head, memory_order_release);
		grace_defer(free_content, mine);
	}
}

void zone_publish(struct zone *z)
{
	uint64_t version = atomic_load_explicit(&z->version, memory_order_relaxed) + 1;
	uint64_t ticket = 0;

	if (z->draft)
		order_publish(z->draft, &z->order, version);
	z->draft = NULL;
	atomic_store_explicit(&z->version, version, memory_order_release);
	for (uint32_t i = 0; i < z->undo_count; i++) {
		struct zone_undo *u = &z->undo[i];
		if (u->head && u->head->version == version) {
			grace_defer(free_content, u->head);
			continue;
		}
		if (!u->head && newest(u->node))
			continue; /* a new name: nothing behind it */
		if (!ticket)
			ticket = grace_ticket();
		z->trim[(z->trim_head + z->trim_count++) % z->trim_room] =
			(struct zone_trim){.node = u->node, .version = version, .ticket = ticket};
	}
	z->undo_count = 0;
	zone_trim(z);
}

static uint64_t oldest_pin(const struct zone *z)
{
	uint64_t oldest = UINT64_MAX;

	zone_inside_lock_pins();
	for (const struct zone_pin *p = z->pins; p; p = p->next)
		if (p->view.version < oldest)
			oldest = p->view.version;
	zone_inside_unlock_pins();
	return oldest;
}

static void trim_one(struct zone *z, const struct zone_trim *t)
{
	struct content *head = atomic_load_explicit(&t->node->head, memory_order_relaxed);
	struct content *c = head;

	while (c->version > t->version)
		c = atomic_load_explicit(&c->older, memory_order_relaxed);
	free_contents(atomic_exchange_explicit(&c->older, NULL, memory_order_relaxed));
	if (c == head && (c->flags & CONTENT_GONE))
		drop_node(z, t->node);
}

/* Most zones rest most of the time. */
static void drop_logs(struct zone *z)
{
	free(z->undo);
	free(z->trim);
	z->undo = NULL;
	z->trim = NULL;
	z->undo_room = z->trim_room = z->trim_head = 0;
}

bool zone_trim(struct zone *z)
{
	if (z->trim_count && !grace_passed(z->trim[z->trim_head].ticket))
		return true;
	uint64_t pinned = z->trim_count ? oldest_pin(z) : 0;
	while (z->trim_count) {
		struct zone_trim t = z->trim[z->trim_head];
		if (t.version > pinned || !grace_passed(t.ticket))
			break;
		z->trim_head = (z->trim_head + 1) % z->trim_room;
		z->trim_count--;
		trim_one(z, &t);
	}
	if (!z->trim_count && !z->undo_count)
		drop_logs(z);
	return z->trim_count > 0;
}
