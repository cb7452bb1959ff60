/* access.c: see access.h. Building the snapshot, and deciding. */
#include "keys/access.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdlib.h>

#include "keys/access_inside.h"
#include "lib/clock.h"

enum { TABLE_FIRST = 64 /* buckets, a power of two; doubled when as many entries */ };

struct access {
	atomic_uint refs;
	struct access_table keys;       /* of struct access_holder */
	struct access_table tokens;     /* of struct access_pass, by hash */
	struct access_table passwords;  /* of the same, by name */
	struct access_table identities; /* of struct access_identity */
	struct access_table scopes;     /* of struct access_scope */
	struct access_table bundles;    /* of struct access_bundle, of a scope */
	struct access_table locks;      /* of struct access_lock, of a scope */
};

/* ---- a map from name to entry ---- */

/* FNV-1a. No seed: only administrators put names in, so no stranger can make long buckets. */
static uint64_t hash_name(const void *of, const uint8_t *name, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325) ^ (uintptr_t)of;
	for (size_t i = 0; i < len; i++)
		h = (h ^ name[i]) * UINT64_C(0x100000001b3);
	return h ^ (h >> 32);
}

static struct access_entry *table_find(const struct access_table *t, const void *of, const uint8_t *lower_name)
{
	if (!t->count)
		return NULL;
	size_t len = name_len(lower_name);
	uint64_t h = hash_name(of, lower_name, len);
	for (struct access_entry *e = t->bucket[h & (t->buckets - 1)]; e; e = e->next)
		if (e->hash == h && e->of == of && name_len(e->name) == len && memcmp(e->name, lower_name, len) == 0)
			return e;
	return NULL;
}

static enum err table_grow(struct access_table *t)
{
	size_t buckets = t->buckets ? t->buckets * 2 : TABLE_FIRST;
	struct access_entry **bucket = calloc(buckets, sizeof(struct access_entry *));
	if (!bucket)
		return ERR_NOMEM;
	for (size_t i = 0; i < t->buckets; i++)
		for (struct access_entry *e = t->bucket[i], *next; e; e = next) {
			next = e->next;
			e->next = bucket[e->hash & (buckets - 1)];
			bucket[e->hash & (buckets - 1)] = e;
		}
	free(t->bucket);
	t->bucket = bucket;
	t->buckets = buckets;
	return ERR_OK;
}

/* e->name and e->of are set and not in the table yet. On an error e is freed. */
static enum err table_add(struct access_table *t, struct access_entry *e)
{
	if (t->count >= t->buckets && table_grow(t) != ERR_OK) {
		free(e);
		return ERR_NOMEM;
	}
	e->hash = hash_name(e->of, e->name, name_len(e->name));
	e->next = t->bucket[e->hash & (t->buckets - 1)];
	t->bucket[e->hash & (t->buckets - 1)] = e;
	t->count++;
	return ERR_OK;
}

/* Calls `fn` for each entry, which may free it, and frees the table. */
static void table_free(struct access_table *t, void (*fn)(struct access_entry *e))
{
	for (size_t i = 0; i < t->buckets; i++)
		for (struct access_entry *e = t->bucket[i], *next; e; e = next) {
			next = e->next;
			fn(e);
		}
	free(t->bucket);
}

/* ---- building ---- */

enum err access_new(struct access **out)
{
	struct access *a = calloc(1, sizeof(*a));
	*out = a;
	if (!a)
		return ERR_NOMEM;
	atomic_init(&a->refs, 1);
	return ERR_OK;
}

static void append(struct access_rules *l, struct access_rule *r, struct access_rule **next)
{
	if (!l->end)
		l->end = &l->first;
	*l->end = r;
	l->end = next;
}

static enum err make_identity(struct access *a, const uint8_t *name, struct access_identity **out)
{
	size_t len = name_len(name);
	uint8_t lower[NAME_WIRE_MAX];
	name_lower(lower, name, len);
	*out = (struct access_identity *)table_find(&a->identities, NULL, lower);
	if (*out)
		return ERR_OK;
	struct access_identity *i = calloc(1, sizeof(*i) + len);
	if (!i)
		return ERR_NOMEM;
	memcpy(i->name, lower, len);
	i->entry.name = i->name;
	*out = i;
	return table_add(&a->identities, &i->entry);
}

/* Of its two keys `like` has one, by that name. */
static enum err add_holder(struct access *a, const struct access_holder *like, const uint8_t *name,
			   const uint8_t *identity, int64_t expires)
{
	struct access_identity *i;
	if (table_find(&a->keys, NULL, name))
		return ERR_EXISTS;
	if (make_identity(a, identity ? identity : name, &i))
		return ERR_NOMEM;
	struct access_holder *h = calloc(1, sizeof(*h));
	if (!h)
		return ERR_NOMEM;
	*h = (struct access_holder){
		.entry = {.name = name},
		.next = i->holders,
		.tsig = like->tsig,
		.sig0 = like->sig0,
		.key = {.tsig = like->tsig, .sig0 = like->sig0, .identity = i->name, .expires = expires}};
	if (table_add(&a->keys, &h->entry))
		return ERR_NOMEM;
	i->holders = h;
	return ERR_OK;
}

enum err access_add_key(struct access *a, struct tsig_key *key, const uint8_t *identity, int64_t expires)
{
	const struct access_holder like = {.tsig = key};
	return add_holder(a, &like, tsig_key_name(key), identity, expires);
}

enum err access_add_sig0(struct access *a, struct sig0_key *key, const uint8_t *identity, int64_t expires)
{
	const struct access_holder like = {.sig0 = key};
	return add_holder(a, &like, sig0_key_name(key), identity, expires);
}

static void make_label(uint8_t label[1 + SECRET_HASH_LEN + 1], const uint8_t hash[SECRET_HASH_LEN])
{
	_Static_assert((int)SECRET_HASH_LEN <= (int)NAME_LABEL_MAX, "a hash is a label");
	label[0] = SECRET_HASH_LEN;
	memcpy(label + 1, hash, SECRET_HASH_LEN);
	label[1 + SECRET_HASH_LEN] = 0;
}

enum err access_add_secret(struct access *a, const struct access_secret *s)
{
	struct access_table *t = s->is_password ? &a->passwords : &a->tokens;
	struct access_identity *i;
	size_t len = name_len(s->name);
	if (make_identity(a, s->identity, &i))
		return ERR_NOMEM;
	struct access_pass *p = calloc(1, sizeof(*p) + len);
	if (!p)
		return ERR_NOMEM;
	p->secret = *s;
	name_lower(p->name, s->name, len);
	p->secret.name = p->name;
	p->secret.identity = i->name;
	make_label(p->label, s->stored.hash);
	p->entry.name = s->is_password ? p->name : p->label;
	if (!table_find(t, NULL, p->entry.name))
		return table_add(t, &p->entry);
	free(p);
	return ERR_EXISTS;
}

static enum err make_scope(struct access *a, const uint8_t *zone, struct access_scope **out)
{
	size_t len = name_len(zone);
	uint8_t lower[NAME_WIRE_MAX];
	name_lower(lower, zone, len);
	*out = (struct access_scope *)table_find(&a->scopes, NULL, lower);
	if (*out)
		return ERR_OK;
	struct access_scope *s = calloc(1, sizeof(*s) + len);
	if (!s)
		return ERR_NOMEM;
	memcpy(s->zone, lower, len);
	s->entry.name = s->zone;
	*out = s;
	return table_add(&a->scopes, &s->entry);
}

/* Where a request by that identity in that zone finds the rule. */
static enum err find_rules(struct access *a, struct access_scope *s, const struct access_identity *i,
			   struct access_rules **out)
{
	*out = &s->open;
	if (!i)
		return ERR_OK;
	struct access_bundle *b = (struct access_bundle *)table_find(&a->bundles, s, i->name);
	if (!b) {
		b = calloc(1, sizeof(*b));
		if (!b)
			return ERR_NOMEM;
		b->entry.of = s;
		b->entry.name = i->name;
		if (table_add(&a->bundles, &b->entry))
			return ERR_NOMEM;
	}
	*out = &b->rules;
	return ERR_OK;
}

static bool has_limits(const struct access_grant *g)
{
	return g->max_records || g->rate.count || g->name_rate.count || g->lease.standard || g->lease.max;
}

static struct access_rule *make_rule(const struct access_grant *g)
{
	size_t limits = has_limits(g) ? sizeof(struct access_limits) : 0, types = g->type_count * sizeof(uint16_t);
	struct access_rule *r = calloc(1, sizeof(*r) + limits + types + g->pattern.len);
	if (!r)
		return NULL;
	uint8_t *at = (uint8_t *)(r + 1);
	*r = (struct access_rule){.id = g->id,
				  .expires = g->expires,
				  .action = (uint8_t)g->action,
				  .pattern_kind = (uint8_t)g->pattern_kind,
				  .glob = g->pattern_glob,
				  .has_from = g->has_from,
				  .from = g->from,
				  .type_count = (uint8_t)g->type_count,
				  .types = (const uint16_t *)(at + limits),
				  .pattern = at + limits + types};
	memcpy(at + limits, g->types, types);
	memcpy(at + limits + types, g->pattern.wire, g->pattern.len);
	if (!limits)
		return r;
	struct access_limits *l = (struct access_limits *)at;
	*l = (struct access_limits){.grant = g->id,
				    .max_records = g->max_records,
				    .rate = g->rate,
				    .name_rate = g->name_rate,
				    .lease = g->lease,
				    .type_count = g->type_count,
				    .types = r->types};
	r->limits = l;
	return r;
}

enum err access_add_grant(struct access *a, const struct access_grant *g)
{
	assert(g->type_count <= sizeof(g->types) / sizeof(g->types[0]));
	struct access_scope *s;
	struct access_identity *i = NULL;
	struct access_rules *both;
	if (make_scope(a, g->zone.wire, &s) || (g->has_key && make_identity(a, g->key.wire, &i)) ||
	    find_rules(a, s, i, &both))
		return ERR_NOMEM;
	struct access_rule *r = make_rule(g);
	if (!r)
		return ERR_NOMEM;
	r->scope = s;
	r->identity = i;
	append(&s->rules, r, &r->next);
	append(both, r, &r->next_of_both);
	if (i)
		append(&i->rules, r, &r->next_of_identity);
	return ERR_OK;
}

enum err access_add_lock(struct access *a, const uint8_t *zone, const uint8_t *owner, uint16_t type)
{
	struct access_scope *s;
	size_t len = name_len(owner);
	if (make_scope(a, zone, &s))
		return ERR_NOMEM;
	struct access_lock *l = calloc(1, sizeof(*l) + len);
	if (!l)
		return ERR_NOMEM;
	name_lower(l->owner, owner, len);
	l->type = type;
	l->entry.of = s;
	l->entry.name = l->owner;
	s->locks = true;
	struct access_lock *there = (struct access_lock *)table_find(&a->locks, s, l->owner);
	if (!there)
		return table_add(&a->locks, &l->entry);
	l->more = there->more;
	there->more = l;
	return ERR_OK;
}

/* ---- life ---- */

void access_hold(struct access *a)
{
	atomic_fetch_add_explicit(&a->refs, 1, memory_order_relaxed);
}

static void free_entry(struct access_entry *e)
{
	free(e);
}

static void free_holder(struct access_entry *e)
{
	tsig_key_free(((struct access_holder *)e)->tsig);
	sig0_key_free(((struct access_holder *)e)->sig0);
	free(e);
}

static void free_scope(struct access_entry *e)
{
	for (struct access_rule *r = ((struct access_scope *)e)->rules.first, *next; r; r = next) {
		next = r->next;
		free(r);
	}
	free(e);
}

static void free_locks(struct access_entry *e)
{
	for (struct access_lock *l = (struct access_lock *)e, *more; l; l = more) {
		more = l->more;
		free(l);
	}
}

void access_release(struct access *a)
{
	if (!a || atomic_fetch_sub_explicit(&a->refs, 1, memory_order_acq_rel) != 1)
		return;
	table_free(&a->locks, free_locks);
	table_free(&a->bundles, free_entry);
	table_free(&a->scopes, free_scope);
	table_free(&a->keys, free_holder);
	table_free(&a->tokens, free_entry);
	table_free(&a->passwords, free_entry);
	table_free(&a->identities, free_entry);
	free(a);
}

/* ---- keys ---- */

static bool is_past(int64_t expires)
{
	return expires && clock_unix_ms() >= expires;
}

static const struct access_holder *find_holder(const struct access *a, const uint8_t *lower_name)
{
	return (const struct access_holder *)table_find(&a->keys, NULL, lower_name);
}

const struct access_key *access_key(const struct access *a, const uint8_t *lower_name)
{
	const struct access_holder *h = find_holder(a, lower_name);
	return h ? &h->key : NULL;
}

bool access_key_expired(const struct access_key *k)
{
	return is_past(k->expires);
}

const struct tsig_key *access_find_key(const struct access *a, const uint8_t *lower_name)
{
	const struct access_holder *h = find_holder(a, lower_name);
	return h && !is_past(h->key.expires) ? h->key.tsig : NULL;
}

const struct tsig_key *access_find_signer(const struct access *a, const uint8_t *lower_name)
{
	const struct access_holder *asked = find_holder(a, lower_name), *best = NULL;
	if (!asked || !is_past(asked->key.expires))
		return asked ? asked->key.tsig : NULL;
	const struct access_identity *i =
		(const struct access_identity *)table_find(&a->identities, NULL, asked->key.identity);
	for (const struct access_holder *h = i->holders; h; h = h->next)
		if (h->tsig && !is_past(h->key.expires) &&
		    (!best || (best->key.expires && (!h->key.expires || h->key.expires > best->key.expires))))
			best = h;
	return best ? best->key.tsig : NULL;
}

/* ---- tokens and passwords ---- */

static const struct access_secret *find_secret(const struct access_table *t, const uint8_t *name)
{
	const struct access_pass *p = (const struct access_pass *)table_find(t, NULL, name);
	return p && !is_past(p->secret.expires) ? &p->secret : NULL;
}

const struct access_secret *access_find_token(const struct access *a, const uint8_t hash[SECRET_HASH_LEN])
{
	uint8_t label[1 + SECRET_HASH_LEN + 1];
	make_label(label, hash);
	return find_secret(&a->tokens, label);
}

const struct access_secret *access_find_password(const struct access *a, const uint8_t *lower_name)
{
	return find_secret(&a->passwords, lower_name);
}

/* ---- deciding ---- */

const uint8_t *access_signer(const struct access_request *r)
{
	return r->key ? tsig_key_name(r->key) : r->sig0 ? sig0_key_name(r->sig0) : NULL;
}

void access_look(struct access_rights *out, const struct access *a, const struct access_request *r)
{
	*out = (struct access_rights){.access = a, .request = r};
	/* By name: the request's key may come from another snapshot. */
	const uint8_t *signer = access_signer(r);
	const struct access_holder *h = signer ? find_holder(a, signer) : NULL;
	const struct access_scope *s = (const struct access_scope *)table_find(&a->scopes, NULL, r->zone);
	/* In this snapshot's memory, which outlives the request. */
	const struct access_entry *i = r->identity && !r->key ? table_find(&a->identities, NULL, r->identity) : NULL;
	out->identity = h ? h->key.identity : i ? i->name : NULL;
	out->scope = s;
	if (!s)
		return;
	out->open = s->open.first;
	const struct access_entry *b = out->identity ? table_find(&a->bundles, s, out->identity) : NULL;
	if (b)
		out->own = ((const struct access_bundle *)b)->rules.first;
}

const struct access_rule *access_rules_of(const struct access_rights *r)
{
	const struct access_entry *i = r->identity ? table_find(&r->access->identities, NULL, r->identity) : NULL;
	return i ? ((const struct access_identity *)i)->rules.first : NULL;
}

bool access_rule_live(const struct access_rule *r)
{
	return !is_past(r->expires);
}

/* A local caller has no address, so it is in no prefix. */
bool access_rule_source(const struct access_rule *r, const struct access_request *q)
{
	return !r->has_from || (q->from && addr_in_prefix(q->from, &r->from));
}

static bool lists_type(const uint16_t *types, unsigned count, uint16_t type)
{
	for (unsigned i = 0; i < count; i++)
		if (types[i] == type && type != TYPE_ANY)
			return true;
	return count == 0;
}

/* "Every type" is allowed only by a grant without a list. */
bool access_rule_type(const struct access_rule *r, uint16_t type)
{
	return lists_type(r->types, r->type_count, type);
}

bool access_limits_cover(const struct access_limits *l, uint16_t type)
{
	return lists_type(l->types, l->type_count, type);
}

static bool applies(const struct access_rule *r, const struct access_request *q)
{
	return r->action == q->action && access_rule_source(r, q) && access_rule_live(r);
}

bool access_allows(const struct access *a, const struct access_request *r)
{
	struct access_rights rights;
	access_look(&rights, a, r);
	for (int open = 0; open < 2; open++)
		for (const struct access_rule *g = open ? rights.open : rights.own; g; g = g->next_of_both)
			if (applies(g, r))
				return true;
	return false;
}

bool access_allows_name(const struct access_rights *r, const uint8_t *owner)
{
	for (int open = 0; open < 2; open++)
		for (const struct access_rule *g = open ? r->open : r->own; g; g = g->next_of_both)
			if (applies(g, r->request) && access_pattern_matches(g, r->identity, owner))
				return true;
	return false;
}

static bool goes_before(const struct access_rule *a, const struct access_rule *b)
{
	return !b || (!a->limits && b->limits) || (!a->limits == !b->limits && a->id < b->id);
}

const struct access_rule *access_rule_decides(const struct access_rights *r, const uint8_t *owner, uint16_t type)
{
	const struct access_rule *best = NULL;
	for (int open = 0; open < 2; open++)
		for (const struct access_rule *g = open ? r->open : r->own; g; g = g->next_of_both)
			if (goes_before(g, best) && applies(g, r->request) && (!owner || access_rule_type(g, type)) &&
			    (!owner || access_pattern_matches(g, r->identity, owner)))
				best = g;
	return best;
}

const struct access_lock *access_lock_find(const struct access_rights *r, const uint8_t *owner, uint16_t type)
{
	uint8_t lower[NAME_WIRE_MAX];
	if (!r->scope || !r->scope->locks)
		return NULL;
	name_lower(lower, owner, name_len(owner));
	const struct access_lock *l = (const struct access_lock *)table_find(&r->access->locks, r->scope, lower);
	while (l && type != TYPE_ANY && l->type != TYPE_ANY && l->type != type)
		l = l->more;
	return l;
}

bool access_locked(const struct access *a, const uint8_t *zone, const uint8_t *owner, uint16_t type)
{
	const struct access_request request = {.action = ACCESS_UPDATE, .zone = zone};
	struct access_rights rights;
	access_look(&rights, a, &request);
	return access_lock_find(&rights, owner, type) != NULL;
}

enum access_verdict access_decide(const struct access_rights *r, const uint8_t *owner, uint16_t type,
				  const struct access_limits **limits)
{
	const struct access_rule *g = access_rule_decides(r, owner, type);
	enum access_verdict verdict = ACCESS_GRANTED;
	*limits = NULL;
	if (!g)
		verdict = type == TYPE_ANY && access_allows_name(r, owner) ? ACCESS_BY_TYPE : ACCESS_REFUSED;
	/* Whoever has no right there learns nothing of locks. */
	if (verdict != ACCESS_REFUSED && access_lock_find(r, owner, type))
		return ACCESS_LOCKED;
	if (g)
		*limits = g->limits;
	return verdict;
}
