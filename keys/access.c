/* access.c: see access.h. A snapshot is made for 100,000 zones with a grant each, so a grant is one small block:
 *
 *   +-------------+-------------+-----------------+--------------------+
 *   | struct rule | types       | key name (wire) | pattern (wire)     |
 *   +-------------+-------------+-----------------+--------------------+
 *                   none = all    only if has_key   only EXACT, BELOW
 *
 * hung on its zone (in the order of adding, so that the first that matches is the one reported) and on its key. */
#include "keys/access.h"

#include <assert.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

enum {
	TABLE_FIRST = 64,   /* buckets, a power of two; doubled when as many entries */
	EXPLAIN_GRANTS = 5, /* a sentence names this many grants, then says how many more there are */
	EXPLAIN_TYPES = 96  /* octets for the list of a grant's types in a sentence */
};

/* ---- a map from name to entry ---- */

struct entry {
	struct entry *next; /* in the bucket */
	uint64_t hash;
	const uint8_t *name; /* lower-case wire */
};

struct table {
	struct entry **bucket;
	size_t buckets, count;
};

/* FNV-1a. No seed: only administrators put names in, so no stranger can make long buckets. */
static uint64_t hash_name(const uint8_t *name, size_t len)
{
	uint64_t h = UINT64_C(0xcbf29ce484222325);
	for (size_t i = 0; i < len; i++)
		h = (h ^ name[i]) * UINT64_C(0x100000001b3);
	return h ^ (h >> 32);
}

static struct entry *table_find(const struct table *t, const uint8_t *lower_name)
{
	if (!t->count)
		return NULL;
	size_t len = name_len(lower_name);
	uint64_t h = hash_name(lower_name, len);
	for (struct entry *e = t->bucket[h & (t->buckets - 1)]; e; e = e->next)
		if (e->hash == h && name_len(e->name) == len && memcmp(e->name, lower_name, len) == 0)
			return e;
	return NULL;
}

static enum err table_grow(struct table *t)
{
	size_t buckets = t->buckets ? t->buckets * 2 : TABLE_FIRST;
	struct entry **bucket = calloc(buckets, sizeof(struct entry *));
	if (!bucket)
		return ERR_NOMEM;
	for (size_t i = 0; i < t->buckets; i++)
		for (struct entry *e = t->bucket[i], *next; e; e = next) {
			next = e->next;
			e->next = bucket[e->hash & (buckets - 1)];
			bucket[e->hash & (buckets - 1)] = e;
		}
	free(t->bucket);
	t->bucket = bucket;
	t->buckets = buckets;
	return ERR_OK;
}

/* e->name is set and not in the table yet. */
static enum err table_add(struct table *t, struct entry *e)
{
	if (t->count >= t->buckets && table_grow(t) != ERR_OK)
		return ERR_NOMEM;
	e->hash = hash_name(e->name, name_len(e->name));
	e->next = t->bucket[e->hash & (t->buckets - 1)];
	t->bucket[e->hash & (t->buckets - 1)] = e;
	t->count++;
	return ERR_OK;
}

/* ---- the snapshot ---- */

struct rule {
	struct rule *next;        /* of the zone */
	struct rule *next_of_key; /* of the key */
	const struct scope *scope;
	int64_t id;
	struct addr_prefix from;
	uint8_t action; /* enum access_action */
	uint8_t pattern_kind;
	uint8_t type_count;
	bool has_from;
	uint16_t key_at, pattern_at; /* octets from the rule's start; 0: none */
	uint16_t types[];
};

/* A zone's grants. */
struct scope {
	struct entry entry;
	struct rule *first, **end;
	uint8_t zone[];
};

struct holder {
	struct entry entry;
	struct tsig_key *key;
	struct rule *first, **end; /* the grants that name it */
};

struct access {
	atomic_uint refs;
	struct table keys;   /* of struct holder */
	struct table scopes; /* of struct scope */
};

static const uint8_t *rule_key(const struct rule *r)
{
	return r->key_at ? (const uint8_t *)r + r->key_at : NULL;
}

static const uint8_t *rule_pattern(const struct rule *r)
{
	return (const uint8_t *)r + r->pattern_at;
}

static struct scope *find_scope(const struct access *a, const uint8_t *zone)
{
	return (struct scope *)table_find(&a->scopes, zone);
}

enum err access_new(struct access **out)
{
	struct access *a = calloc(1, sizeof(*a));
	*out = a;
	if (!a)
		return ERR_NOMEM;
	atomic_init(&a->refs, 1);
	return ERR_OK;
}

enum err access_add_key(struct access *a, struct tsig_key *key)
{
	if (table_find(&a->keys, tsig_key_name(key)))
		return ERR_EXISTS;
	struct holder *h = calloc(1, sizeof(*h));
	if (!h)
		return ERR_NOMEM;
	h->entry.name = tsig_key_name(key);
	h->key = key;
	h->end = &h->first;
	if (table_add(&a->keys, &h->entry) != ERR_OK) {
		free(h);
		return ERR_NOMEM;
	}
	return ERR_OK;
}

static enum err make_scope(struct access *a, const struct name *zone, struct scope **out)
{
	*out = find_scope(a, zone->wire);
	if (*out)
		return ERR_OK;
	struct scope *s = calloc(1, sizeof(*s) + zone->len);
	if (!s)
		return ERR_NOMEM;
	memcpy(s->zone, zone->wire, zone->len);
	s->entry.name = s->zone;
	s->end = &s->first;
	if (table_add(&a->scopes, &s->entry) != ERR_OK) {
		free(s);
		return ERR_NOMEM;
	}
	*out = s;
	return ERR_OK;
}

static struct rule *make_rule(const struct access_grant *g)
{
	bool named = g->pattern_kind == ACCESS_NAME_EXACT || g->pattern_kind == ACCESS_NAME_BELOW;
	size_t at = sizeof(struct rule) + g->type_count * sizeof(uint16_t);
	size_t key_len = g->has_key ? g->key.len : 0;
	struct rule *r = calloc(1, at + key_len + (named ? g->pattern.len : 0));
	if (!r)
		return NULL;
	r->id = g->id;
	r->action = (uint8_t)g->action;
	r->pattern_kind = (uint8_t)g->pattern_kind;
	r->has_from = g->has_from;
	r->from = g->from;
	r->type_count = (uint8_t)g->type_count;
	memcpy(r->types, g->types, g->type_count * sizeof(uint16_t));
	if (g->has_key) {
		r->key_at = (uint16_t)at;
		memcpy((uint8_t *)r + at, g->key.wire, key_len);
	}
	if (named) {
		r->pattern_at = (uint16_t)(at + key_len);
		memcpy((uint8_t *)r + r->pattern_at, g->pattern.wire, g->pattern.len);
	}
	return r;
}

enum err access_add_grant(struct access *a, const struct access_grant *g)
{
	assert(g->type_count <= sizeof(g->types) / sizeof(g->types[0]));
	struct scope *s;
	struct name zone = g->zone;
	name_lower(zone.wire, zone.wire, zone.len);
	if (make_scope(a, &zone, &s) != ERR_OK)
		return ERR_NOMEM;
	struct rule *r = make_rule(g);
	if (!r)
		return ERR_NOMEM;
	r->scope = s;
	*s->end = r;
	s->end = &r->next;
	struct holder *h = g->has_key ? (struct holder *)table_find(&a->keys, g->key.wire) : NULL;
	if (h) {
		*h->end = r;
		h->end = &r->next_of_key;
	}
	return ERR_OK;
}

void access_hold(struct access *a)
{
	atomic_fetch_add_explicit(&a->refs, 1, memory_order_relaxed);
}

static void free_scopes(struct table *t)
{
	for (size_t i = 0; i < t->buckets; i++)
		for (struct entry *e = t->bucket[i], *next; e; e = next) {
			next = e->next;
			for (struct rule *r = ((struct scope *)e)->first, *after; r; r = after) {
				after = r->next;
				free(r);
			}
			free(e);
		}
	free(t->bucket);
}

static void free_keys(struct table *t)
{
	for (size_t i = 0; i < t->buckets; i++)
		for (struct entry *e = t->bucket[i], *next; e; e = next) {
			next = e->next;
			tsig_key_free(((struct holder *)e)->key);
			free(e);
		}
	free(t->bucket);
}

void access_release(struct access *a)
{
	if (!a || atomic_fetch_sub_explicit(&a->refs, 1, memory_order_acq_rel) != 1)
		return;
	free_scopes(&a->scopes);
	free_keys(&a->keys);
	free(a);
}

const struct tsig_key *access_find_key(const struct access *a, const uint8_t *lower_name)
{
	const struct holder *h = (const struct holder *)table_find(&a->keys, lower_name);
	return h ? h->key : NULL;
}

/* ---- deciding ---- */

/* By name: the request's key may come from another snapshot. */
static bool key_matches(const struct rule *r, const struct access_request *q)
{
	const uint8_t *wanted = rule_key(r);
	return !wanted || (q->key && name_equal(wanted, tsig_key_name(q->key)));
}

/* A local caller has no address, so it is in no prefix. */
static bool source_matches(const struct rule *r, const struct access_request *q)
{
	return !r->has_from || (q->from && addr_in_prefix(q->from, &r->from));
}

static bool name_matches(const struct rule *r, const struct access_request *q, const uint8_t *owner)
{
	switch (r->pattern_kind) {
	case ACCESS_NAME_ANY:
		return true;
	case ACCESS_NAME_EXACT:
		return name_equal(owner, rule_pattern(r));
	case ACCESS_NAME_BELOW:
		return name_is_under(owner, rule_pattern(r)) && !name_equal(owner, rule_pattern(r));
	case ACCESS_NAME_SELF:
		return q->key && name_equal(owner, tsig_key_name(q->key));
	default:
		return false;
	}
}

/* "Every type" is allowed only by a grant without a list. */
static bool type_matches(const struct rule *r, uint16_t type)
{
	for (unsigned i = 0; i < r->type_count; i++)
		if (r->types[i] == type && type != TYPE_ANY)
			return true;
	return r->type_count == 0;
}

static bool applies(const struct rule *r, const struct access_request *q)
{
	return r->action == q->action && key_matches(r, q) && source_matches(r, q);
}

static const struct rule *first_rule(const struct access *a, const struct access_request *q)
{
	const struct scope *s = find_scope(a, q->zone);
	return s ? s->first : NULL;
}

bool access_allows(const struct access *a, const struct access_request *r)
{
	for (const struct rule *g = first_rule(a, r); g; g = g->next)
		if (applies(g, r))
			return true;
	return false;
}

bool access_allows_record(const struct access *a, const struct access_request *r, const uint8_t *owner, uint16_t type)
{
	for (const struct rule *g = first_rule(a, r); g; g = g->next)
		if (applies(g, r) && type_matches(g, type) && name_matches(g, r, owner))
			return true;
	return false;
}

bool access_allows_name(const struct access *a, const struct access_request *r, const uint8_t *owner)
{
	for (const struct rule *g = first_rule(a, r); g; g = g->next)
		if (applies(g, r) && name_matches(g, r, owner))
			return true;
	return false;
}

/* ---- explaining ---- */

enum miss { MISS_KEY = 1, MISS_SOURCE = 2, MISS_NAME = 4, MISS_TYPE = 8, MISS_KINDS = 4 };

/* What is asked: owner NULL when any name and type would do. */
struct question {
	const struct access_request *request;
	const uint8_t *owner;
	uint16_t type;
};

static unsigned misses(const struct rule *r, const struct question *q)
{
	unsigned m = 0;
	if (!key_matches(r, q->request))
		m |= MISS_KEY;
	if (!source_matches(r, q->request))
		m |= MISS_SOURCE;
	if (q->owner && !name_matches(r, q->request, q->owner))
		m |= MISS_NAME;
	if (q->owner && !type_matches(r, q->type))
		m |= MISS_TYPE;
	return m;
}

/* A sentence that grows as far as it fits. */
struct sentence {
	char text[ERRMSG_MAX];
	size_t len;
};

static void say(struct sentence *s, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

static void say(struct sentence *s, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	int n = vsnprintf(s->text + s->len, sizeof(s->text) - s->len, fmt, args);
	va_end(args);
	if (n > 0)
		s->len += (size_t)n;
	if (s->len >= sizeof(s->text))
		s->len = sizeof(s->text) - 1;
}

/* Without the final dot, as people write names. */
static char *name_words(const uint8_t *wire, char out[NAME_TEXT_MAX])
{
	name_to_text(wire, out);
	size_t len = strlen(out);
	if (wire[0] && len > 1)
		out[len - 1] = '\0';
	return out;
}

static const char *type_words(uint16_t type, char out[RR_TYPE_TEXT_MAX])
{
	return type == TYPE_ANY ? "all types" : rr_type_to_text(type, out);
}

static void say_request(struct sentence *s, const struct question *q)
{
	char text[NAME_TEXT_MAX], type[RR_TYPE_TEXT_MAX], addr[ADDR_TEXT_MAX];
	const struct access_request *r = q->request;
	say(s, "%s of ", access_action_to_text(r->action));
	if (q->owner)
		say(s, "%s at %s in ", type_words(q->type, type), name_words(q->owner, text));
	say(s, "%s by ", name_words(r->zone, text));
	if (r->key)
		say(s, "key %s", name_words(tsig_key_name(r->key), text));
	else
		say(s, "a request without a key");
	if (r->from)
		say(s, " from %s", addr_ip_to_text(r->from, addr));
}

static void say_types(struct sentence *s, const struct rule *r)
{
	char list[EXPLAIN_TYPES] = "", type[RR_TYPE_TEXT_MAX];
	size_t len = 0;
	for (unsigned i = 0; i < r->type_count && len + RR_TYPE_TEXT_MAX + 8 < sizeof(list); i++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", i ? ", " : "",
					rr_type_to_text(r->types[i], type));
	say(s, "lists only %s", list);
}

static void say_pattern(struct sentence *s, const struct rule *r)
{
	char text[NAME_TEXT_MAX];
	if (r->pattern_kind == ACCESS_NAME_SELF)
		say(s, "covers only the name of the signing key");
	else
		say(s, "covers only %s%s", r->pattern_kind == ACCESS_NAME_BELOW ? "names below " : "",
		    name_words(rule_pattern(r), text));
}

static void say_misses(struct sentence *s, const struct rule *r, unsigned m)
{
	char text[NAME_TEXT_MAX], prefix[ADDR_TEXT_MAX];
	const char *and = "";
	say(s, "grant %lld ", (long long)r->id);
	if (m & MISS_KEY) {
		say(s, "is for key %s", name_words(rule_key(r), text));
		and = " and ";
	}
	if (m & MISS_SOURCE) {
		say(s, "%sis for sources in %s", and, addr_prefix_to_text(&r->from, prefix));
		and = " and ";
	}
	if (m & MISS_NAME) {
		say(s, "%s", and);
		say_pattern(s, r);
		and = " and ";
	}
	if (m & MISS_TYPE) {
		say(s, "%s", and);
		say_types(s, r);
	}
}

/* Nearest first: those that fail in one way, in two, … */
static void say_near_misses(struct sentence *s, const struct rule *first, const struct question *q, size_t grants)
{
	size_t said = 0;
	for (int ways = 1; ways <= MISS_KINDS; ways++)
		for (const struct rule *r = first; r && said < EXPLAIN_GRANTS; r = r->next) {
			unsigned m = misses(r, q);
			if (r->action != q->request->action || __builtin_popcount(m) != ways)
				continue;
			say(s, said++ ? "; " : ": ");
			say_misses(s, r, m);
		}
	if (grants > said)
		say(s, "; and %zu more grants that fit no better", grants - said);
}

/* What the key may do elsewhere: the usual slip is the zone's name. */
static void say_elsewhere(struct sentence *s, const struct access *a, const struct question *q)
{
	char text[NAME_TEXT_MAX];
	const char *action = access_action_to_text(q->request->action);
	say(s, ": the zone has no grant for %s", action);
	if (!q->request->key)
		return;
	const uint8_t *key = tsig_key_name(q->request->key);
	const struct holder *h = (const struct holder *)table_find(&a->keys, key);
	const struct scope *last = NULL;
	size_t said = 0, more = 0;
	for (const struct rule *r = h ? h->first : NULL; r; r = r->next_of_key) {
		if (r->action != q->request->action || r->scope == last)
			continue;
		last = r->scope;
		if (said == EXPLAIN_GRANTS) {
			more++;
			continue;
		}
		if (!said++)
			say(s, "; key %s has grants for %s of ", name_words(key, text), action);
		else
			say(s, ", ");
		say(s, "%s", name_words(last->zone, text));
	}
	if (more)
		say(s, " and %zu more", more);
	if (said)
		say(s, " only");
}

static void explain_refusal(struct sentence *s, const struct access *a, const struct question *q)
{
	size_t grants = 0;
	const struct rule *first = first_rule(a, q->request);
	for (const struct rule *r = first; r; r = r->next)
		grants += r->action == q->request->action;
	say(s, "no grant allows ");
	say_request(s, q);
	if (grants)
		say_near_misses(s, first, q, grants);
	else
		say_elsewhere(s, a, q);
	say(s, "; see roostctl grant add");
}

bool access_explain(const struct access *a, const struct access_request *r, const uint8_t *owner, uint16_t type,
		    struct errmsg *why)
{
	/* Names and types count for updates only: a transfer gives the whole zone, NOTIFY is about the whole zone. */
	struct question q = {.request = r, .owner = r->action == ACCESS_UPDATE ? owner : NULL, .type = type};
	struct sentence s = {.len = 0};
	const struct rule *found = first_rule(a, r);
	while (found && (found->action != r->action || misses(found, &q)))
		found = found->next;
	if (found) {
		say(&s, "grant %lld allows ", (long long)found->id);
		say_request(&s, &q);
	} else {
		explain_refusal(&s, a, &q);
	}
	errmsg_set(why, ERR_OK, "%s", s.text);
	return found != NULL;
}

/* ---- text ---- */

enum err access_pattern_from_text(struct access_grant *g, const char *text, struct errmsg *msg)
{
	const char *name = text;
	enum access_pattern_kind kind = ACCESS_NAME_EXACT;
	struct name pattern = {.len = 0};
	if (!text || !*text) {
		kind = ACCESS_NAME_ANY;
	} else if (strcasecmp(text, "self") == 0) {
		kind = ACCESS_NAME_SELF;
	} else {
		if (strncmp(text, "*.", 2) == 0) {
			kind = ACCESS_NAME_BELOW;
			name = text[2] ? text + 2 : "."; /* "*." is the wildcard of the root */
		}
		if (name_from_text(&pattern, name) != ERR_OK)
			return errmsg_set(msg, ERR_USAGE,
					  "name pattern '%.100s' is not a domain name: write NAME, *.NAME (all names "
					  "below it) or "
					  "self (the name of the key)",
					  text);
		name_lower(pattern.wire, pattern.wire, pattern.len);
	}
	g->pattern_kind = kind;
	g->pattern = pattern;
	return ERR_OK;
}

char *access_pattern_to_text(const struct access_grant *g, char out[NAME_TEXT_MAX])
{
	/* The longest name has 1005 characters, so there is room for two more. */
	char name[NAME_TEXT_MAX];
	switch (g->pattern_kind) {
	case ACCESS_NAME_EXACT:
		/* A wildcard's own name must not read as "below". */
		snprintf(out, NAME_TEXT_MAX, "%s%s", name_is_wildcard(g->pattern.wire) ? "\\" : "",
			 name_to_text(g->pattern.wire, name));
		break;
	case ACCESS_NAME_BELOW:
		snprintf(out, NAME_TEXT_MAX, "*.%s", g->pattern.wire[0] ? name_to_text(g->pattern.wire, name) : "");
		break;
	case ACCESS_NAME_SELF:
		snprintf(out, NAME_TEXT_MAX, "self");
		break;
	case ACCESS_NAME_ANY:
	default:
		out[0] = '\0';
	}
	return out;
}

static const char *const actions[] = {
	[ACCESS_UPDATE] = "update", [ACCESS_TRANSFER] = "transfer", [ACCESS_NOTIFY] = "notify"};

const char *access_action_to_text(enum access_action a)
{
	return actions[a];
}

enum err access_action_from_text(enum access_action *a, const char *text)
{
	for (unsigned i = ACCESS_UPDATE; i <= ACCESS_NOTIFY; i++)
		if (strcmp(text, actions[i]) == 0) {
			*a = (enum access_action)i;
			return ERR_OK;
		}
	return ERR_USAGE;
}
