/* content.c: see content.h for the format. */
#include "zones/memory/content.h"

#include <assert.h>
#include <stddef.h>
#include <stdlib.h>

#include "lib/message.h"

/* Where a block's RRset table starts: not sizeof, which ends in padding. */
enum { HEADER = offsetof(struct content, set) };

/* A run of ready records (an RRset, or its signatures): a head and a tail copied from an old block, with at most one
 * new record in between, and at most one TTL for all. */
struct run {
	const uint8_t *head;
	size_t head_len;
	const uint8_t *tail;
	size_t tail_len;
	bool insert;
	uint16_t type;
	uint32_t ttl;
	const uint8_t *rdata;
	uint16_t rdlen;
	bool set_ttl;
	uint16_t count;
};

/* What an RRset of the new block consists of. */
struct plan {
	uint16_t type;
	struct run rr;
	struct run sig;
};

/* Plans for the sets of one name: a few in place, because names have few. */
enum { PLANS_FEW = 8 };
struct plans {
	struct plan *plan;
	struct plan few[PLANS_FEW];
};

static enum err plans_open(struct plans *s, size_t sets)
{
	s->plan = sets <= PLANS_FEW ? s->few : malloc(sets * sizeof(struct plan));
	return s->plan ? ERR_OK : ERR_NOMEM;
}

static void plans_close(struct plans *s)
{
	if (s->plan != s->few)
		free(s->plan);
}

static size_t run_len(const struct run *s)
{
	return s->head_len + s->tail_len + (s->insert ? (size_t)CONTENT_RECORD_HEAD + s->rdlen : 0);
}

static uint8_t *put_record(uint8_t *p, uint16_t type, uint32_t ttl, const uint8_t *rdata, uint16_t rdlen)
{
	buf_store_u16(p, 0xc000 | MESSAGE_OWNER_AT_QUESTION);
	buf_store_u16(p + 2, type);
	buf_store_u16(p + 4, CLASS_IN);
	buf_store_u32(p + 6, ttl);
	buf_store_u16(p + 10, rdlen);
	if (rdlen)
		memcpy(p + CONTENT_RECORD_HEAD, rdata, rdlen);
	return p + CONTENT_RECORD_HEAD + rdlen;
}

static uint8_t *put_run(uint8_t *p, const struct run *s)
{
	uint8_t *start = p;

	if (s->head_len)
		memcpy(p, s->head, s->head_len);
	p += s->head_len;
	if (s->insert)
		p = put_record(p, s->type, s->ttl, s->rdata, s->rdlen);
	if (s->tail_len)
		memcpy(p, s->tail, s->tail_len);
	p += s->tail_len;
	if (s->set_ttl)
		for (uint8_t *r = start; r < p; r += CONTENT_RECORD_HEAD + buf_load_u16(r + 10))
			buf_store_u32(r + 6, s->ttl);
	return p;
}

static uint16_t flags_of_set(uint16_t type)
{
	uint16_t flags = rr_compressible(type) ? RRSET_COMPRESSIBLE : 0;

	switch (type) {
	case TYPE_NS:
	case TYPE_MX:
	case TYPE_SRV:
	case TYPE_SVCB:
	case TYPE_HTTPS:
	case TYPE_AFSDB:
	case TYPE_RT:
	case TYPE_KX:
		return flags | RRSET_ADDITIONAL;
	default:
		return flags;
	}
}

static uint16_t flag_of_name(uint16_t type)
{
	switch (type) {
	case TYPE_NS:
		return CONTENT_NS;
	case TYPE_DNAME:
		return CONTENT_DNAME;
	case TYPE_CNAME:
		return CONTENT_CNAME;
	case TYPE_NSEC:
		return CONTENT_NSEC;
	case TYPE_NSEC3:
		return CONTENT_NSEC3;
	default:
		return 0;
	}
}

static bool has_upper(const uint8_t *owner, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (owner[i] >= 'A' && owner[i] <= 'Z')
			return true;
	return false;
}

/* Makes the block from a plan sorted by type. owner: the name's spelling, NULL if that is all lower-case. */
static enum err assemble(const struct plan *plan, size_t sets, const uint8_t *owner, struct content **out)
{
	if (sets > CONTENT_SETS_MAX)
		return ERR_NOSPACE;
	size_t owner_len = owner ? name_len(owner) : 0;
	bool cased = owner && has_upper(owner, owner_len);
	size_t size = HEADER + sets * sizeof(struct rrset);
	for (size_t i = 0; i < sets; i++) {
		size_t len = run_len(&plan[i].rr);
		size_t sig_len = run_len(&plan[i].sig);
		if (len > CONTENT_RRSET_MAX || sig_len > CONTENT_RRSET_MAX)
			return ERR_NOSPACE;
		size += len + sig_len;
	}
	if (cased)
		size += owner_len;
	if (size > UINT32_MAX)
		return ERR_NOSPACE;
	struct content *c = malloc(size < sizeof *c ? sizeof *c : size);
	if (!c)
		return ERR_NOMEM;
	atomic_init(&c->older, NULL);
	c->version = 0;
	c->sets = (uint16_t)sets;
	c->flags = cased ? CONTENT_CASED : 0;
	uint8_t *p = (uint8_t *)&c->set[sets];
	for (size_t i = 0; i < sets; i++) {
		struct rrset *s = &c->set[i];
		uint8_t *start = p;
		uint8_t *sigs = put_run(p, &plan[i].rr);
		p = put_run(sigs, &plan[i].sig);
		*s = (struct rrset){
			.type = plan[i].type,
			.count = plan[i].rr.count,
			.sig_count = plan[i].sig.count,
			.len = (uint16_t)(sigs - start),
			.sig_len = (uint16_t)(p - sigs),
			.flags = flags_of_set(plan[i].type),
			.at = (uint32_t)(start - (uint8_t *)c),
		};
		if (s->count)
			c->flags |= flag_of_name(s->type);
	}
	if (cased) {
		memcpy(p, owner, owner_len);
		p += owner_len;
	}
	assert((size_t)(p - (uint8_t *)c) == size);
	*out = c;
	return ERR_OK;
}

const struct rrset *content_find_any(const struct content *c, uint16_t type)
{
	if (!c)
		return NULL;
	for (const struct rrset *s = c->set, *end = s + c->sets; s < end; s++)
		if (s->type == type)
			return s;
	return NULL;
}

const struct rrset *content_find(const struct content *c, uint16_t type)
{
	const struct rrset *s = content_find_any(c, type);

	return s && s->count ? s : NULL;
}

bool content_next(const uint8_t *block, size_t len, size_t *at, struct content_rr *rr)
{
	if (*at >= len)
		return false;
	const uint8_t *p = block + *at;
	rr->type = buf_load_u16(p + 2);
	rr->ttl = buf_load_u32(p + 6);
	rr->rdlen = buf_load_u16(p + 10);
	rr->rdata = p + CONTENT_RECORD_HEAD;
	*at += (size_t)CONTENT_RECORD_HEAD + rr->rdlen;
	return true;
}

const uint8_t *content_owner_cased(const struct content *c)
{
	if (!c || !(c->flags & CONTENT_CASED))
		return NULL;
	if (!c->sets)
		return (const uint8_t *)&c->set[0];
	const struct rrset *last = &c->set[c->sets - 1];
	return (const uint8_t *)c + last->at + last->len + last->sig_len;
}

size_t content_size(const struct content *c)
{
	const uint8_t *cased = content_owner_cased(c);
	const struct rrset *last = c->sets ? &c->set[c->sets - 1] : NULL;
	size_t size = last ? (size_t)last->at + last->len + last->sig_len : (size_t)HEADER;

	return size + (cased ? name_len(cased) : 0);
}

static void plan_keep(struct plan *p, const struct content *c, const struct rrset *s)
{
	*p = (struct plan){.type = s->type};
	p->rr.head = content_block(c, s);
	p->rr.head_len = s->len;
	p->rr.count = s->count;
	p->sig.head = content_sig_block(c, s);
	p->sig.head_len = s->sig_len;
	p->sig.count = s->sig_count;
}

/* Copies old's sets into plan, leaving room in order for `type`; returns the number, *at is the place of `type`'s
 * plan (made empty if old has no such set). */
static size_t plan_with(struct plan *plan, const struct content *old, uint16_t type, size_t *at)
{
	size_t n = 0;
	bool placed = false;

	for (size_t i = 0; old && i < old->sets; i++) {
		const struct rrset *s = &old->set[i];
		if (!placed && s->type >= type) {
			*at = n;
			placed = true;
			if (s->type > type)
				plan[n++] = (struct plan){.type = type};
		}
		plan_keep(&plan[n++], old, s);
	}
	if (!placed) {
		*at = n;
		plan[n++] = (struct plan){.type = type};
	}
	return n;
}

/* The set a record belongs to: its type, or for an RRSIG the type it covers (RFC 4034 §3.1.1). */
static enum err set_of(uint16_t type, const uint8_t *rdata, uint16_t rdlen, uint16_t *set)
{
	if (type != TYPE_RRSIG) {
		*set = type;
		return ERR_OK;
	}
	if (rdlen < 2)
		return ERR_FORMAT;
	*set = buf_load_u16(rdata);
	return ERR_OK;
}

/* Where a record belongs in a run not yet split: *from..*to is the equal record, or empty at the place to insert. */
static bool find_record(const struct run *s, uint16_t type, const uint8_t *rdata, uint16_t rdlen, size_t *from,
			size_t *to, uint32_t *ttl)
{
	size_t at = 0;
	size_t start = 0;
	struct content_rr rr;

	while (content_next(s->head, s->head_len, &at, &rr)) {
		*ttl = rr.ttl;
		int order = rr_rdata_compare(type, rr.rdata, rr.rdlen, rdata, rdlen);
		/* Canonical order ignores case only where RFC 4034 §6.2 says so; equality ignores it in every name. */
		if (order == 0 || rr_rdata_equal(type, rr.rdata, rr.rdlen, rdata, rdlen)) {
			*from = start;
			*to = at;
			return true;
		}
		if (order > 0)
			break;
		start = at;
	}
	*from = start;
	*to = start;
	return false;
}

static uint16_t drop_empty(struct plan *plan, size_t *n)
{
	size_t kept = 0;

	for (size_t i = 0; i < *n; i++)
		if (plan[i].rr.count || plan[i].sig.count)
			plan[kept++] = plan[i];
	*n = kept;
	return (uint16_t)kept;
}

static const uint8_t *owner_for(const struct content *old, const uint8_t *owner)
{
	return content_in_use(old) ? content_owner_cased(old) : owner;
}

enum err content_with(const struct content *old, const uint8_t *owner, uint16_t type, uint32_t ttl,
		      const uint8_t *rdata, uint16_t rdlen, struct content **out, bool *changed)
{
	struct plans plans;
	size_t at = 0;
	size_t from;
	size_t to;
	uint32_t old_ttl = ttl;
	uint16_t set;

	*out = NULL;
	*changed = false;
	enum err e = set_of(type, rdata, rdlen, &set);
	if (e)
		return e;
	e = plans_open(&plans, (old ? old->sets : 0) + (size_t)1);
	if (e)
		return e;
	struct plan *plan = plans.plan;
	size_t n = plan_with(plan, old, set, &at);
	struct run *s = type == TYPE_RRSIG ? &plan[at].sig : &plan[at].rr;
	bool found = find_record(s, type, rdata, rdlen, &from, &to, &old_ttl);
	bool alone = rr_type_is_singleton(type);
	if (found && old_ttl == ttl && (!alone || s->count == 1))
		goto done; /* there already */
	if (!found && s->count == UINT16_MAX) {
		e = ERR_NOSPACE;
		goto done;
	}
	s->type = type;
	s->ttl = ttl;
	s->set_ttl = true;
	if (alone) {
		*s = (struct run){.insert = true, .type = type, .ttl = ttl, .rdata = rdata, .rdlen = rdlen, .count = 1};
	} else if (!found) {
		s->insert = true;
		s->rdata = rdata;
		s->rdlen = rdlen;
		s->tail = s->head ? s->head + from : NULL; /* NULL + 0 is undefined */
		s->tail_len = s->head_len - from;
		s->head_len = from;
		s->count++;
	}
	*changed = true;
	e = assemble(plan, n, owner_for(old, owner), out);
done:
	plans_close(&plans);
	return e;
}

enum err content_without(const struct content *old, uint16_t type, const uint8_t *rdata, uint16_t rdlen,
			 struct content **out, bool *changed)
{
	struct plans plans;
	size_t at = 0;
	size_t from;
	size_t to;
	uint32_t ttl;
	uint16_t set;

	*out = NULL;
	*changed = false;
	enum err e = set_of(type, rdata, rdlen, &set);
	if (e)
		return e;
	if (!content_find_any(old, set))
		return ERR_OK;
	e = plans_open(&plans, old->sets + (size_t)1);
	if (e)
		return e;
	struct plan *plan = plans.plan;
	size_t n = plan_with(plan, old, set, &at);
	struct run *s = type == TYPE_RRSIG ? &plan[at].sig : &plan[at].rr;
	if (!find_record(s, type, rdata, rdlen, &from, &to, &ttl))
		goto done; /* not there */
	s->tail = s->head + to;
	s->tail_len = s->head_len - to;
	s->head_len = from;
	s->count--;
	if (type != TYPE_RRSIG && !s->count)
		plan[at].sig = (struct run){.count = 0}; /* signatures of an RRset that is gone prove nothing */
	*changed = true;
	e = assemble(plan, drop_empty(plan, &n), content_owner_cased(old), out);
done:
	plans_close(&plans);
	return e;
}

static bool listed(const uint16_t *list, uint16_t type)
{
	for (; list && *list; list++)
		if (*list == type)
			return true;
	return false;
}

enum err content_without_set(const struct content *old, uint16_t type, const uint16_t *keep, struct content **out,
			     bool *changed)
{
	struct plans plans;
	size_t n = 0;

	*out = NULL;
	*changed = false;
	enum err e = plans_open(&plans, old ? old->sets : 0);
	if (e)
		return e;
	struct plan *plan = plans.plan;
	for (size_t i = 0; old && i < old->sets; i++) {
		const struct rrset *s = &old->set[i];
		bool goes = (type == TYPE_ANY || s->type == type) && !listed(keep, s->type);
		if (goes) {
			*changed = true;
			continue;
		}
		plan_keep(&plan[n], old, s);
		if (type == TYPE_RRSIG && s->sig_count && !listed(keep, TYPE_RRSIG)) {
			plan[n].sig = (struct run){.count = 0};
			*changed = true;
		}
		n++;
	}
	if (*changed)
		e = assemble(plan, drop_empty(plan, &n), content_owner_cased(old), out);
	plans_close(&plans);
	return e;
}

enum err content_empty(bool gone, struct content **out)
{
	enum err e = assemble(NULL, 0, NULL, out);

	if (!e && gone)
		(*out)->flags |= CONTENT_GONE;
	return e;
}

void content_free(struct content *c)
{
	if (c && !(c->flags & CONTENT_IN_SLAB))
		free(c);
}

/* ---- the maker ---- */

struct made {
	uint16_t set; /* type, or type covered */
	bool sig;
	uint16_t type;
	uint32_t ttl;
	size_t at; /* RDATA in the arena */
	uint16_t rdlen;
	uint8_t *ready; /* while finishing: its RDATA */
};

struct content_maker {
	struct made *rr;
	size_t count, room;
	uint8_t *arena;
	size_t used, size;
	uint8_t *block; /* ready records while finishing */
	size_t block_size;
};

enum { MAKER_RECORDS = 16, MAKER_OCTETS = 1024 }; /* first sizes; they double */

enum err content_maker_new(struct content_maker **out)
{
	*out = calloc(1, sizeof **out);
	return *out ? ERR_OK : ERR_NOMEM;
}

void content_maker_free(struct content_maker *m)
{
	if (!m)
		return;
	free(m->rr);
	free(m->arena);
	free(m->block);
	free(m);
}

static enum err maker_room(struct content_maker *m, size_t octets)
{
	if (m->count == m->room) {
		size_t room = m->room ? m->room * 2 : MAKER_RECORDS;
		struct made *rr = realloc(m->rr, room * sizeof *rr);
		if (!rr)
			return ERR_NOMEM;
		m->rr = rr;
		m->room = room;
	}
	if (!m->arena || m->size - m->used < octets) {
		size_t size = m->size ? m->size : MAKER_OCTETS;
		while (size - m->used < octets)
			size *= 2;
		uint8_t *arena = realloc(m->arena, size);
		if (!arena)
			return ERR_NOMEM;
		m->arena = arena;
		m->size = size;
	}
	return ERR_OK;
}

enum err content_maker_add(struct content_maker *m, uint16_t type, uint32_t ttl, const uint8_t *rdata, uint16_t rdlen)
{
	uint16_t set;
	enum err e = set_of(type, rdata, rdlen, &set);

	if (!e)
		e = maker_room(m, rdlen);
	if (e)
		return e;
	m->rr[m->count++] = (struct made){
		.set = set, .sig = type == TYPE_RRSIG, .type = type, .ttl = ttl, .at = m->used, .rdlen = rdlen};
	if (rdlen)
		memcpy(m->arena + m->used, rdata, rdlen);
	m->used += rdlen;
	return ERR_OK;
}

static int compare_made(const void *pa, const void *pb)
{
	const struct made *a = pa;
	const struct made *b = pb;

	if (a->set != b->set)
		return a->set < b->set ? -1 : 1;
	if (a->sig != b->sig)
		return a->sig ? 1 : -1;
	return rr_rdata_compare(a->type, a->ready, a->rdlen, b->ready, b->rdlen);
}

static bool same_record(const struct made *a, const struct made *b)
{
	return a->set == b->set && a->sig == b->sig && rr_rdata_equal(a->type, a->ready, a->rdlen, b->ready, b->rdlen);
}

static void sort_made(struct content_maker *m)
{
	for (size_t i = 0; i < m->count; i++)
		m->rr[i].ready = m->arena + m->rr[i].at;
	bool sorted = true;
	for (size_t i = 1; sorted && i < m->count; i++)
		sorted = compare_made(&m->rr[i - 1], &m->rr[i]) <= 0;
	if (!sorted)
		qsort(m->rr, m->count, sizeof m->rr[0], compare_made);
	size_t kept = 0;
	for (size_t i = 0; i < m->count; i++)
		if (!kept || !same_record(&m->rr[kept - 1], &m->rr[i]))
			m->rr[kept++] = m->rr[i];
		else if (m->rr[i].ttl < m->rr[kept - 1].ttl)
			m->rr[kept - 1].ttl = m->rr[i].ttl;
	m->count = kept;
}

/* Writes the run of records of one section; returns the index after it. */
static size_t make_run(struct content_maker *m, size_t i, struct run *s, uint8_t **p)
{
	const struct made *first = &m->rr[i];
	uint32_t ttl = first->ttl;
	size_t end = i;

	while (end < m->count && m->rr[end].set == first->set && m->rr[end].sig == first->sig) {
		if (m->rr[end].ttl < ttl)
			ttl = m->rr[end].ttl;
		end++;
	}
	s->head = *p;
	s->count = (uint16_t)(end - i);
	for (; i < end; i++)
		*p = put_record(*p, m->rr[i].type, ttl, m->rr[i].ready, m->rr[i].rdlen);
	s->head_len = (size_t)(*p - s->head);
	return end;
}

void content_maker_reset(struct content_maker *m)
{
	m->count = 0;
	m->used = 0;
}

enum err content_maker_finish(struct content_maker *m, const uint8_t *owner, struct content **out)
{
	struct plans plans;
	size_t sets = 0;

	*out = NULL;
	sort_made(m);
	enum err e = plans_open(&plans, m->count < CONTENT_SETS_MAX ? m->count : CONTENT_SETS_MAX);
	if (e)
		goto reset;
	struct plan *plan = plans.plan;
	size_t need = m->used + m->count * CONTENT_RECORD_HEAD;
	if (need > m->block_size) {
		free(m->block);
		m->block = malloc(need);
		m->block_size = m->block ? need : 0;
	}
	if (need && !m->block) {
		e = ERR_NOMEM;
		goto close;
	}
	uint8_t *p = m->block;
	for (size_t i = 0; i < m->count;) {
		if (sets == CONTENT_SETS_MAX || m->count - i > UINT16_MAX) {
			e = ERR_NOSPACE;
			goto close;
		}
		struct plan *this = &plan[sets++];
		*this = (struct plan){.type = m->rr[i].set};
		if (!m->rr[i].sig)
			i = make_run(m, i, &this->rr, &p);
		if (i < m->count && m->rr[i].sig && m->rr[i].set == this->type)
			i = make_run(m, i, &this->sig, &p);
	}
	e = assemble(plan, sets, owner, out);
close:
	plans_close(&plans);
reset:
	content_maker_reset(m);
	return e;
}

/* ---- differences ---- */

/* One side of a comparison: a section, walked record by record. */
struct side {
	const uint8_t *block;
	size_t len, at;
	struct content_rr rr;
	bool valid;
};

static void side_next(struct side *s)
{
	s->valid = content_next(s->block, s->len, &s->at, &s->rr);
}

static bool identical(const struct content_rr *a, const struct content_rr *b)
{
	return a->ttl == b->ttl && a->rdlen == b->rdlen && !memcmp(a->rdata, b->rdata, a->rdlen);
}

/* Calls fn for the records that only one side has: the old side's if !add, else the new side's. */
static enum err diff_run(struct side old, struct side new, bool add, content_diff_fn *fn, void *arg)
{
	if (old.len == new.len && (!old.len || !memcmp(old.block, new.block, old.len)))
		return ERR_OK; /* as of most RRsets of a changed name */
	side_next(&old);
	side_next(&new);
	while (old.valid || new.valid) {
		int order = !old.valid   ? 1
			    : !new.valid ? -1
					 : rr_rdata_compare(old.rr.type, old.rr.rdata, old.rr.rdlen, new.rr.rdata,
							    new.rr.rdlen);
		bool differ = order != 0 || !identical(&old.rr, &new.rr);
		enum err e = ERR_OK;
		if (differ && !add && order <= 0)
			e = fn(arg, false, &old.rr);
		else if (differ && add && order >= 0)
			e = fn(arg, true, &new.rr);
		if (e)
			return e;
		if (order <= 0)
			side_next(&old);
		if (order >= 0)
			side_next(&new);
	}
	return ERR_OK;
}

static struct side side_of(const struct content *c, const struct rrset *s, bool sig)
{
	if (!s)
		return (struct side){.block = NULL, .len = 0};
	return sig ? (struct side){.block = content_sig_block(c, s), .len = s->sig_len}
		   : (struct side){.block = content_block(c, s), .len = s->len};
}

static enum err diff_pass(const struct content *old, const struct content *new, bool add, content_diff_fn *fn,
			  void *arg)
{
	size_t i = 0;
	size_t j = 0;
	size_t olds = old ? old->sets : 0;
	size_t news = new ? new->sets : 0;

	while (i < olds || j < news) {
		const struct rrset *a = i < olds ? &old->set[i] : NULL;
		const struct rrset *b = j < news ? &new->set[j] : NULL;
		if (a && b && a->type != b->type) {
			if (a->type < b->type)
				b = NULL;
			else
				a = NULL;
		}
		for (int sig = 0; sig < 2; sig++) {
			enum err e = diff_run(side_of(old, a, sig), side_of(new, b, sig), add, fn, arg);
			if (e)
				return e;
		}
		i += a != NULL;
		j += b != NULL;
	}
	return ERR_OK;
}

enum err content_diff(const struct content *old, const struct content *new, content_diff_fn *fn, void *arg)
{
	if (old == new)
		return ERR_OK;
	enum err e = diff_pass(old, new, false, fn, arg);
	return e ? e : diff_pass(old, new, true, fn, arg);
}
