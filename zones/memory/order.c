/* order.c: see order.h for the format. */
#include "zones/memory/order.h"

#include <stdlib.h>

#include "zones/memory/grace.h"
#include "zones/memory/zone_inside.h"

enum {
	DRAFT_FIRST = 16, /* changes, entries; they double */
	/* A list made at once is filled so far, and an overfull chunk is split so: there is room to grow. */
	CHUNK_FILL = ORDER_CHUNK_MAX * 3 / 4
};

struct entry {
	uint64_t prefix;
	const struct node *node;
};

struct chunk {
	size_t count;
	struct entry entry[];
};

struct span {
	uint64_t prefix; /* of the chunk's first entry */
	struct chunk *chunk;
};

struct list {
	size_t spans;
	size_t nodes;
	struct span span[];
};

struct order {
	uint64_t version;
	struct list *list[ORDER_LISTS];
};

uint64_t order_version(const struct order *o)
{
	return o->version;
}

size_t order_count(const struct order *o, enum order_list l)
{
	return o ? o->list[l]->nodes : 0;
}

size_t order_octets(const struct order *o)
{
	size_t octets = o ? sizeof *o : 0;

	for (unsigned l = 0; o && l < ORDER_LISTS; l++)
		octets += sizeof *o->list[l] + o->list[l]->spans * (sizeof(struct span) + sizeof(struct chunk)) +
			  o->list[l]->nodes * sizeof(struct entry);
	return octets;
}

/* ---- canonical order of names without the apex's part ---- */

/* A name taken apart: where its labels start, the leftmost first. */
struct key {
	uint64_t prefix;
	const uint8_t *rel;
	unsigned labels;
	uint8_t off[NAME_LABELS_MAX];
};

static void take_apart(struct key *k, const uint8_t *rel, size_t len)
{
	k->rel = rel;
	k->labels = 0;
	for (size_t at = 0; at < len; at += rel[at] + 1U)
		k->off[k->labels++] = (uint8_t)at;
}

/* The first octets of name_to_key's key. */
static uint64_t prefix_of(const struct key *k)
{
	uint64_t prefix = 0;
	int room = 64;

	for (unsigned i = k->labels; i-- > 0 && room > 0;) {
		const uint8_t *label = k->rel + k->off[i];
		for (unsigned j = 1; j <= label[0] && room > 0; j++) {
			unsigned octet = label[j];
			if (octet <= 1) { /* written as 01 and the octet after it */
				prefix |= UINT64_C(1) << (room -= 8);
				octet++;
			}
			if (room > 0)
				prefix |= (uint64_t)octet << (room -= 8);
		}
		room -= 8; /* the label's end is 00 */
	}
	return prefix;
}

static void make_key(struct key *k, const uint8_t *rel, size_t len)
{
	take_apart(k, rel, len);
	k->prefix = prefix_of(k);
}

static int compare_names(const struct key *a, const struct key *b)
{
	unsigned labels = a->labels < b->labels ? a->labels : b->labels;

	for (unsigned i = 1; i <= labels; i++) {
		const uint8_t *x = a->rel + a->off[a->labels - i], *y = b->rel + b->off[b->labels - i];
		int d = memcmp(x + 1, y + 1, x[0] < y[0] ? x[0] : y[0]);
		if (d || x[0] != y[0])
			return d ? d : x[0] - y[0];
	}
	return (int)a->labels - (int)b->labels;
}

static int compare_entry(const struct key *k, const struct entry *e)
{
	struct key other;

	if (k->prefix != e->prefix)
		return k->prefix < e->prefix ? -1 : 1;
	take_apart(&other, e->node->rel, e->node->rel_len);
	return compare_names(k, &other);
}

static int compare_entries(const struct entry *a, const struct entry *b)
{
	struct key k;

	if (a->prefix != b->prefix)
		return a->prefix < b->prefix ? -1 : 1;
	take_apart(&k, a->node->rel, a->node->rel_len);
	k.prefix = a->prefix;
	return compare_entry(&k, b);
}

/* ---- reading ---- */

/* Spans whose first entry is not after the name. */
static size_t spans_up_to(const struct list *list, const struct key *k)
{
	size_t low = 0, high = list->spans;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		const struct span *s = &list->span[middle];
		bool after = k->prefix == s->prefix ? compare_entry(k, &s->chunk->entry[0]) < 0 : k->prefix < s->prefix;
		if (after)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

/* Entries that are not after the name. */
static size_t entries_up_to(const struct chunk *chunk, const struct key *k, bool *equal)
{
	size_t low = 0, high = chunk->count;

	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int d = compare_entry(k, &chunk->entry[middle]);
		*equal |= d == 0;
		if (d < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return low;
}

static const struct node *node_at(const struct order_cursor *c)
{
	return c->order->list[c->list]->span[c->span].chunk->entry[c->entry].node;
}

const struct node *order_seek(struct order_cursor *c, const struct order *o, enum order_list l, const uint8_t *rel,
			      size_t rel_len)
{
	struct key k;

	*c = (struct order_cursor){.order = o, .list = l, .left = order_count(o, l)};
	if (!c->left)
		return NULL;
	make_key(&k, rel, rel_len);
	const struct list *list = o->list[l];
	size_t spans = spans_up_to(list, &k);
	c->left--;
	if (!spans) { /* before all: the ring's last */
		c->span = list->spans - 1;
		c->entry = list->span[c->span].chunk->count - 1;
		return node_at(c);
	}
	c->span = spans - 1;
	c->entry = entries_up_to(list->span[c->span].chunk, &k, &c->equal) - 1;
	return node_at(c);
}

const struct node *order_before(struct order_cursor *c)
{
	const struct list *list = c->order->list[c->list];

	if (!c->left)
		return NULL;
	c->left--;
	c->equal = false;
	if (c->entry) {
		c->entry--;
		return node_at(c);
	}
	c->span = (c->span ? c->span : list->spans) - 1;
	c->entry = list->span[c->span].chunk->count - 1;
	return node_at(c);
}

/* ---- drafts ---- */

struct change {
	struct entry entry;
	bool comes;
};

struct part {
	struct change *change;
	size_t changes, room;
	struct chunk **gone; /* the old list's chunks that the new one does not have */
	size_t gones;
	struct chunk **fresh; /* made for the new one */
	size_t freshes, fresh_room;
};

struct order_draft {
	const struct order *old;
	struct order *new; /* NULL until finished */
	struct part part[ORDER_LISTS];
};

enum err order_draft_new(struct order_draft **out, const struct order *old)
{
	struct order_draft *d = calloc(1, sizeof *d);

	*out = d;
	if (!d)
		return ERR_NOMEM;
	d->old = old;
	return ERR_OK;
}

enum err order_draft_change(struct order_draft *d, enum order_list l, const struct node *n, bool comes)
{
	struct part *p = &d->part[l];
	struct key k;

	if (p->changes == p->room) {
		size_t room = p->room ? p->room * 2 : DRAFT_FIRST;
		struct change *change = realloc(p->change, room * sizeof *change);
		if (!change)
			return ERR_NOMEM;
		p->change = change;
		p->room = room;
	}
	make_key(&k, n->rel, n->rel_len);
	p->change[p->changes++] = (struct change){.entry = {.prefix = k.prefix, .node = n}, .comes = comes};
	return ERR_OK;
}

static int compare_changes(const void *a, const void *b)
{
	return compare_entries(&((const struct change *)a)->entry, &((const struct change *)b)->entry);
}

/* Building one list from the old one: chunks without changes are shared, the others go through `pending`. */
struct building {
	struct part *part;
	struct list *list; /* room for `room` spans */
	size_t room;
	struct entry *pending;
	size_t count, pending_room;
};

static enum err add_span(struct building *b, struct chunk *chunk)
{
	if (b->list->spans == b->room) {
		size_t room = b->room * 2;
		struct list *list = realloc(b->list, sizeof *list + room * sizeof list->span[0]);
		if (!list)
			return ERR_NOMEM;
		b->list = list;
		b->room = room;
	}
	b->list->span[b->list->spans++] = (struct span){.prefix = chunk->entry[0].prefix, .chunk = chunk};
	b->list->nodes += chunk->count;
	return ERR_OK;
}

static enum err add_pending(struct building *b, const struct entry *e)
{
	if (b->count == b->pending_room) {
		size_t room = b->pending_room ? b->pending_room * 2 : DRAFT_FIRST;
		struct entry *pending = realloc(b->pending, room * sizeof *pending);
		if (!pending)
			return ERR_NOMEM;
		b->pending = pending;
		b->pending_room = room;
	}
	b->pending[b->count++] = *e;
	return ERR_OK;
}

/* A chunk of our own. The draft owns it until it is published. */
static enum err add_chunk(struct building *b, const struct entry *from, size_t count)
{
	struct part *p = b->part;

	if (p->freshes == p->fresh_room) {
		size_t room = p->fresh_room ? p->fresh_room * 2 : DRAFT_FIRST;
		struct chunk **fresh = realloc(p->fresh, room * sizeof(*fresh));
		if (!fresh)
			return ERR_NOMEM;
		p->fresh = fresh;
		p->fresh_room = room;
	}
	struct chunk *chunk = malloc(sizeof *chunk + count * sizeof *from);
	if (!chunk)
		return ERR_NOMEM;
	chunk->count = count;
	memcpy(chunk->entry, from, count * sizeof *from);
	p->fresh[p->freshes++] = chunk;
	return add_span(b, chunk);
}

/* Cuts what is pending into chunks of about the same size. */
static enum err cut_pending(struct building *b)
{
	size_t chunks = b->count <= ORDER_CHUNK_MAX ? 1 : (b->count + CHUNK_FILL - 1) / CHUNK_FILL;
	size_t from = 0;
	enum err e = ERR_OK;

	for (size_t i = 1; b->count && i <= chunks && !e; i++) {
		size_t to = b->count * i / chunks;
		e = add_chunk(b, b->pending + from, to - from);
		from = to;
	}
	b->count = 0;
	return e;
}

/* One old chunk (NULL: none yet) and the changes that belong into it, merged. */
static enum err merge(struct building *b, const struct chunk *old, const struct change *change, size_t changes)
{
	size_t i = 0, j = 0, olds = old ? old->count : 0;
	enum err e = ERR_OK;

	while (!e && (i < olds || j < changes)) {
		int d = j == changes ? -1 : i == olds ? 1 : compare_entries(&old->entry[i], &change[j].entry);
		if (d < 0)
			e = add_pending(b, &old->entry[i]);
		else if (change[j].comes)
			e = add_pending(b, &change[j].entry);
		i += d <= 0;
		j += d >= 0;
	}
	return e;
}

/* Changes, of those from `from` on, that belong before the old list's span `next`. */
static size_t changes_before(const struct part *p, size_t from, const struct list *old, size_t next)
{
	size_t to = from;

	if (next >= old->spans)
		return p->changes - from;
	while (to < p->changes && compare_entries(&p->change[to].entry, &old->span[next].chunk->entry[0]) < 0)
		to++;
	return to - from;
}

static enum err build_list(struct building *b, const struct list *old)
{
	struct part *p = b->part;
	size_t done = 0;
	enum err e = ERR_OK;

	for (size_t i = 0; i < old->spans && !e; i++) {
		struct chunk *chunk = old->span[i].chunk;
		size_t changes = changes_before(p, done, old, i + 1);
		if (!changes && !b->count) {
			e = add_span(b, chunk);
			continue;
		}
		p->gone[p->gones++] = chunk;
		e = merge(b, chunk, p->change + done, changes);
		done += changes;
		if (!e && b->count >= ORDER_CHUNK_MIN)
			e = cut_pending(b);
	}
	if (!e && done < p->changes) /* there were no chunks */
		e = merge(b, NULL, p->change + done, p->changes - done);
	return e ? e : cut_pending(b);
}

static enum err draft_list(struct part *p, const struct list *old, struct list **out)
{
	static const struct list none = {.spans = 0};
	struct building b = {.part = p};
	enum err e = ERR_OK;

	if (!old)
		old = &none;
	if (p->changes)
		qsort(p->change, p->changes, sizeof *p->change, compare_changes);
	b.room = old->spans + 2; /* what most drafts need */
	b.list = malloc(sizeof *b.list + b.room * sizeof b.list->span[0]);
	p->gone = malloc((old->spans + 1) * sizeof(*p->gone));
	if (!b.list || !p->gone)
		e = ERR_NOMEM;
	else
		*b.list = none;
	if (!e)
		e = build_list(&b, old);
	free(b.pending);
	*out = b.list;
	return e;
}

enum err order_draft_finish(struct order_draft *d)
{
	enum err e = ERR_OK;

	d->new = calloc(1, sizeof *d->new);
	if (!d->new)
		return ERR_NOMEM;
	for (unsigned l = 0; l < ORDER_LISTS && !e; l++) {
		struct list *old = d->old ? d->old->list[l] : NULL;
		if (old && !d->part[l].changes)
			d->new->list[l] = old;
		else
			e = draft_list(&d->part[l], old, &d->new->list[l]);
	}
	return e;
}

static void free_parts(struct order_draft *d)
{
	for (unsigned l = 0; l < ORDER_LISTS; l++) {
		free(d->part[l].change);
		free(d->part[l].gone);
		free(d->part[l].fresh);
	}
	free(d);
}

void order_draft_drop(struct order_draft *d)
{
	if (!d)
		return;
	for (unsigned l = 0; l < ORDER_LISTS; l++) {
		for (size_t i = 0; i < d->part[l].freshes; i++)
			free(d->part[l].fresh[i]);
		if (d->new && !(d->old && d->new->list[l] == d->old->list[l]))
			free(d->new->list[l]);
	}
	free(d->new);
	free_parts(d);
}

/* After the grace period: the old order, its lists that were replaced and their chunks that were. */
static void free_replaced(void *arg)
{
	struct order_draft *d = arg;

	for (unsigned l = 0; d->old && l < ORDER_LISTS; l++) {
		for (size_t i = 0; i < d->part[l].gones; i++)
			free(d->part[l].gone[i]);
		if (d->part[l].changes)
			free(d->old->list[l]);
	}
	free((struct order *)(uintptr_t)d->old);
	free_parts(d);
}

void order_publish(struct order_draft *d, _Atomic(struct order *) *place, uint64_t version)
{
	d->new->version = version;
	atomic_store_explicit(place, d->new, memory_order_release);
	if (d->old)
		grace_defer(free_replaced, d);
	else
		free_replaced(d);
}

void order_free(struct order *o)
{
	for (unsigned l = 0; o && l < ORDER_LISTS; l++) {
		for (size_t i = 0; i < o->list[l]->spans; i++)
			free(o->list[l]->span[i].chunk);
		free(o->list[l]);
	}
	free(o);
}
