/* edit.c: see edit.h. Entries are the names touched; a log remembers each step since the savepoint. */
#include "zones/memory/edit.h"

#include <stdlib.h>

enum { EDIT_FIRST = 8 }; /* entries and log steps; they double */

/* A name touched. `base` is the zone's, `now` is ours unless it is base itself. */
struct entry {
	const struct content *base;
	struct content *now; /* NULL or no sets: no records */
	uint64_t hash;
	uint64_t savepoint;           /* the savepoint in which it was touched last… */
	const struct content *before; /* …and what it had before that */
	uint8_t owner[NAME_WIRE_MAX]; /* lower-case */
};

struct step {
	uint32_t entry;
	struct content *before;
	bool first; /* the entry's first step since the savepoint */
	uint64_t old_savepoint;
	const struct content *old_before;
};

struct edit {
	struct zone *zone;
	struct entry **entry;
	uint32_t count, room;
	uint32_t *slot; /* hash table of entry index + 1 */
	uint32_t slots; /* power of two, > 2 * count */
	struct step *step;
	uint32_t steps, step_room;
	uint64_t savepoint;
	bool prepared;
};

enum err edit_begin(struct edit **out, struct zone *z)
{
	struct edit *e = calloc(1, sizeof *e);

	*out = e;
	if (!e)
		return ERR_NOMEM;
	e->zone = z;
	e->savepoint = 1;
	return ERR_OK;
}

struct zone *edit_zone(const struct edit *e)
{
	return e->zone;
}

/* ---- entries ---- */

static struct entry *find_entry(const struct edit *e, const struct qname *q, uint32_t *index)
{
	if (!e->slots)
		return NULL;
	for (uint32_t i = (uint32_t)q->hash[0] & (e->slots - 1); e->slot[i]; i = (i + 1) & (e->slots - 1)) {
		struct entry *n = e->entry[e->slot[i] - 1];
		if (n->hash != q->hash[0] || !name_equal(n->owner, q->lower))
			continue;
		*index = e->slot[i] - 1;
		return n;
	}
	return NULL;
}

static void place_entry(struct edit *e, uint32_t index)
{
	uint32_t i = (uint32_t)e->entry[index]->hash & (e->slots - 1);

	while (e->slot[i])
		i = (i + 1) & (e->slots - 1);
	e->slot[i] = index + 1;
}

static enum err grow_entries(struct edit *e)
{
	if (e->count < e->room)
		return ERR_OK;
	uint32_t room = e->room ? e->room * 2 : EDIT_FIRST;
	struct entry **entry = realloc(e->entry, room * sizeof *entry);
	if (!entry)
		return ERR_NOMEM;
	e->entry = entry;
	uint32_t *slot = calloc((size_t)room * 4, sizeof *slot);
	if (!slot)
		return ERR_NOMEM;
	free(e->slot);
	e->slot = slot;
	e->slots = room * 4;
	e->room = room;
	for (uint32_t i = 0; i < e->count; i++)
		place_entry(e, i);
	return ERR_OK;
}

static enum err get_entry(struct edit *e, const uint8_t *owner, uint32_t *index)
{
	struct qname q;

	if (!name_is_under(owner, zone_name(e->zone)))
		return ERR_RANGE;
	qname_set(&q, owner);
	if (find_entry(e, &q, index))
		return ERR_OK;
	enum err err = grow_entries(e);
	if (err)
		return err;
	struct entry *n = malloc(sizeof *n);
	if (!n)
		return ERR_NOMEM;
	n->base = zone_newest(e->zone, &q);
	n->now = (struct content *)(uintptr_t)n->base;
	n->hash = q.hash[0];
	n->savepoint = 0;
	n->before = NULL;
	memcpy(n->owner, q.lower, q.len);
	*index = e->count;
	e->entry[e->count] = n;
	place_entry(e, e->count++);
	return ERR_OK;
}

const struct content *edit_find(const struct edit *e, const uint8_t *owner)
{
	struct qname q;
	uint32_t index;

	if (!name_is_under(owner, zone_name(e->zone)))
		return NULL;
	qname_set(&q, owner);
	const struct entry *n = find_entry(e, &q, &index);
	return n ? n->now : zone_newest(e->zone, &q);
}

/* ---- steps ---- */

static enum err grow_steps(struct edit *e)
{
	if (e->steps < e->step_room)
		return ERR_OK;
	uint32_t room = e->step_room ? e->step_room * 2 : EDIT_FIRST;
	struct step *step = realloc(e->step, room * sizeof *step);
	if (!step)
		return ERR_NOMEM;
	e->step = step;
	e->step_room = room;
	return ERR_OK;
}

/* Records that the entry now has `now` (taken over). Room was made. */
static void take_step(struct edit *e, uint32_t index, struct content *now)
{
	struct entry *n = e->entry[index];
	bool first = n->savepoint != e->savepoint;

	e->step[e->steps++] = (struct step){.entry = index,
					    .before = n->now,
					    .first = first,
					    .old_savepoint = n->savepoint,
					    .old_before = n->before};
	if (first) {
		n->savepoint = e->savepoint;
		n->before = n->now;
	}
	n->now = now;
}

static bool owned(const struct entry *n, const struct content *c)
{
	return c && c != n->base;
}

/* The entry of a name that is about to change, with room for the step. */
static enum err begin_step(struct edit *e, const uint8_t *owner, uint32_t *index)
{
	enum err err = get_entry(e, owner, index);

	return err ? err : grow_steps(e);
}

/* What content.h made of it: a step, if there is a difference. */
static enum err end_step(struct edit *e, enum err err, uint32_t index, struct content *now, bool differs, bool *changed)
{
	if (err)
		return err;
	if (differs)
		take_step(e, index, now);
	if (changed)
		*changed = differs;
	return ERR_OK;
}

enum err edit_add(struct edit *e, const uint8_t *owner, uint16_t type, uint32_t ttl, const uint8_t *rdata,
		  uint16_t rdlen, bool *changed)
{
	struct content *now = NULL;
	uint32_t index = 0;
	bool differs = false;
	enum err err = begin_step(e, owner, &index);

	if (!err)
		err = content_with(e->entry[index]->now, owner, type, ttl, rdata, rdlen, &now, &differs);
	return end_step(e, err, index, now, differs, changed);
}

enum err edit_remove(struct edit *e, const uint8_t *owner, uint16_t type, const uint8_t *rdata, uint16_t rdlen,
		     bool *changed)
{
	struct content *now = NULL;
	uint32_t index = 0;
	bool differs = false;
	enum err err = begin_step(e, owner, &index);

	if (!err)
		err = content_without(e->entry[index]->now, type, rdata, rdlen, &now, &differs);
	return end_step(e, err, index, now, differs, changed);
}

enum err edit_remove_set(struct edit *e, const uint8_t *owner, uint16_t type, const uint16_t *keep, bool *changed)
{
	struct content *now = NULL;
	uint32_t index = 0;
	bool differs = false;
	enum err err = begin_step(e, owner, &index);

	if (!err)
		err = content_without_set(e->entry[index]->now, type, keep, &now, &differs);
	return end_step(e, err, index, now, differs, changed);
}

bool edit_soa(const struct edit *e, struct content_rr *rr)
{
	const struct content *apex = edit_find(e, zone_name(e->zone));
	const struct rrset *s = content_find(apex, TYPE_SOA);
	size_t at = 0;

	return s && content_next(content_block(apex, s), s->len, &at, rr);
}

enum err edit_set_serial(struct edit *e, uint32_t serial)
{
	uint8_t rdata[2 * NAME_WIRE_MAX + 20]; /* two names, five numbers (RFC 1035 §3.3.13) */
	struct content_rr soa;

	if (!edit_soa(e, &soa) || soa.rdlen > sizeof rdata)
		return ERR_NOTFOUND;
	memcpy(rdata, soa.rdata, soa.rdlen);
	rr_soa_set_serial(rdata, soa.rdlen, serial);
	return edit_add(e, zone_name(e->zone), TYPE_SOA, soa.ttl, rdata, soa.rdlen, NULL);
}

/* ---- savepoints ---- */

void edit_savepoint(struct edit *e)
{
	/* What stood between the last savepoint and now is seen by nobody any more. */
	for (uint32_t i = 0; i < e->steps; i++) {
		const struct entry *n = e->entry[e->step[i].entry];
		if (owned(n, e->step[i].before))
			content_free(e->step[i].before);
	}
	e->steps = 0;
	e->savepoint++;
}

void edit_rollback(struct edit *e)
{
	while (e->steps) {
		const struct step *s = &e->step[--e->steps];
		struct entry *n = e->entry[s->entry];
		if (owned(n, n->now))
			content_free(n->now);
		n->now = s->before;
		n->savepoint = s->old_savepoint;
		n->before = s->old_before;
	}
}

/* ---- what changed ---- */

struct change_call {
	edit_change_fn *fn;
	void *arg;
	const uint8_t *owner;
};

static enum err call_change(void *arg, bool add, const struct content_rr *rr)
{
	const struct change_call *c = arg;

	return c->fn(c->arg, c->owner, add, rr);
}

/* The name's spelling: of the records that are there now, or else of those that were. */
static const uint8_t *owner_of(const struct entry *n, const struct content *before)
{
	const uint8_t *cased = content_owner_cased(content_in_use(n->now) ? n->now : before);

	return cased ? cased : n->owner;
}

enum err edit_changes(const struct edit *e, bool whole, edit_change_fn *fn, void *arg)
{
	uint32_t count = whole ? e->count : e->steps;

	for (uint32_t i = 0; i < count; i++) {
		if (!whole && !e->step[i].first)
			continue;
		const struct entry *n = e->entry[whole ? i : e->step[i].entry];
		const struct content *before = whole ? n->base : n->before;
		struct change_call call = {.fn = fn, .arg = arg, .owner = owner_of(n, before)};
		enum err err = content_diff(before, n->now, call_change, &call);
		if (err)
			return err;
	}
	return ERR_OK;
}

static enum err any_change(void *arg, const uint8_t *owner, bool add, const struct content_rr *rr)
{
	(void)arg;
	(void)owner;
	(void)add;
	(void)rr;
	return ERR_EXISTS; /* one is enough */
}

bool edit_changed_since_savepoint(const struct edit *e)
{
	return edit_changes(e, false, any_change, NULL) != ERR_OK;
}

enum err edit_names(const struct edit *e, edit_name_fn *fn, void *arg)
{
	for (uint32_t i = 0; i < e->count; i++) {
		const struct entry *n = e->entry[i];
		if (n->now == n->base)
			continue;
		enum err err = fn(arg, owner_of(n, n->base), n->base, n->now);
		if (err)
			return err;
	}
	return ERR_OK;
}

/* ---- the end ---- */

enum err edit_prepare(struct edit *e)
{
	edit_savepoint(e);
	for (uint32_t i = 0; i < e->count; i++) {
		struct entry *n = e->entry[i];
		struct qname q;
		if (n->now == n->base)
			continue;
		e->prepared = true;
		qname_set(&q, n->owner);
		enum err err = zone_prepend(e->zone, &q, n->now);
		if (err)
			return err;
		n->now = (struct content *)(uintptr_t)n->base; /* the zone's from here on */
	}
	return e->prepared ? zone_reserve(e->zone) : ERR_OK;
}

static void free_edit(struct edit *e)
{
	edit_savepoint(e);
	for (uint32_t i = 0; i < e->count; i++) {
		if (owned(e->entry[i], e->entry[i]->now))
			content_free(e->entry[i]->now);
		free(e->entry[i]);
	}
	free(e->entry);
	free(e->slot);
	free(e->step);
	free(e);
}

void edit_publish(struct edit *e)
{
	if (e->prepared)
		zone_publish(e->zone);
	free_edit(e);
}

void edit_abandon(struct edit *e)
{
	if (!e)
		return;
	if (e->prepared)
		zone_abort(e->zone);
	free_edit(e);
}
