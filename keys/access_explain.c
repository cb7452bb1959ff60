/* access_explain.c: why a request is allowed or not, as one sentence for an administrator. */
#include <stdio.h>

#include "keys/access_inside.h"
#include "lib/clock.h"

enum {
	EXPLAIN_GRANTS = 5, /* a sentence names this many grants, then says how many more there are */
	EXPLAIN_TYPES = 96  /* octets for the list of a grant's types in a sentence */
};

enum miss { MISS_KEY = 1, MISS_SOURCE = 2, MISS_NAME = 4, MISS_TYPE = 8, MISS_TIME = 16, MISS_KINDS = 5 };

/* What is asked: owner NULL when any name and type would do. */
struct question {
	const struct access_rights *rights;
	const struct access_request *request;
	const uint8_t *owner;
	uint16_t type;
};

static unsigned misses(const struct access_rule *r, const struct question *q)
{
	unsigned m = 0;
	const uint8_t *identity = q->rights->identity;
	if (r->identity && (!identity || !name_equal(r->identity->name, identity)))
		m |= MISS_KEY;
	if (!access_rule_source(r, q->request))
		m |= MISS_SOURCE;
	if (q->owner && !access_pattern_matches(r, identity, q->owner))
		m |= MISS_NAME;
	if (q->owner && !access_rule_type(r, q->type))
		m |= MISS_TYPE;
	if (!access_rule_live(r))
		m |= MISS_TIME;
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
	const uint8_t *signer = access_signer(r);
	if (signer)
		say(s, "key %s", name_words(signer, text));
	else
		say(s, "a request without a key");
	if (signer && q->rights->identity && !name_equal(q->rights->identity, signer))
		say(s, " of identity %s", name_words(q->rights->identity, text));
	if (r->from)
		say(s, " from %s", addr_ip_to_text(r->from, addr));
}

static void say_types(struct sentence *s, const struct access_rule *r)
{
	char list[EXPLAIN_TYPES] = "", type[RR_TYPE_TEXT_MAX];
	size_t len = 0;
	for (unsigned i = 0; i < r->type_count && len + RR_TYPE_TEXT_MAX + 8 < sizeof(list); i++)
		len += (size_t)snprintf(list + len, sizeof(list) - len, "%s%s", i ? ", " : "",
					rr_type_to_text(r->types[i], type));
	say(s, "lists only %s", list);
}

static void say_pattern(struct sentence *s, const struct access_rule *r)
{
	char text[NAME_TEXT_MAX];
	access_pattern_words(r, text);
	if (r->pattern_kind == ACCESS_NAME_SELF && !r->pattern[0])
		say(s, "covers only the name of the signing key");
	else if (r->pattern_kind == ACCESS_NAME_SELF || r->pattern_kind == ACCESS_NAME_BELOW_SELF)
		say(s, "covers only %s, where self is the name of the signing key", text);
	else if (r->pattern_kind == ACCESS_NAME_BELOW && !r->glob)
		say(s, "covers only names below %s", text + 2);
	else
		say(s, "covers only %s", text);
}

static void say_time(struct sentence *s, const char *what, int64_t expires)
{
	char time[CLOCK_TEXT_MAX];
	say(s, "%s %s", what, clock_to_text(expires, time));
}

static void say_misses(struct sentence *s, const struct access_rule *r, unsigned m)
{
	char text[NAME_TEXT_MAX], prefix[ADDR_TEXT_MAX];
	say(s, "grant %lld ", (long long)r->id);
	for (unsigned kind = 1; kind <= MISS_TIME; kind <<= 1) {
		if (!(m & kind))
			continue;
		if (m & (kind - 1))
			say(s, " and ");
		if (kind == MISS_KEY)
			say(s, "is for key %s", name_words(r->identity->name, text));
		else if (kind == MISS_SOURCE)
			say(s, "is for sources in %s", addr_prefix_to_text(&r->from, prefix));
		else if (kind == MISS_NAME)
			say_pattern(s, r);
		else if (kind == MISS_TYPE)
			say_types(s, r);
		else
			say_time(s, "expired", r->expires);
	}
}

/* Nearest first: those that fail in one way, in two, … */
static void say_near_misses(struct sentence *s, const struct question *q, size_t grants)
{
	size_t said = 0;
	for (int ways = 1; ways <= MISS_KINDS; ways++)
		for (const struct access_rule *r = q->rights->scope->rules.first; r && said < EXPLAIN_GRANTS;
		     r = r->next) {
			unsigned m = misses(r, q);
			if (r->action != q->request->action || __builtin_popcount(m) != ways)
				continue;
			say(s, said++ ? "; " : ": ");
			say_misses(s, r, m);
		}
	if (grants > said)
		say(s, "; and %zu more grants that fit no better", grants - said);
}

/* What the identity may do elsewhere: the usual slip is the zone's name. */
static void say_elsewhere(struct sentence *s, const struct access_rule *first, const struct question *q)
{
	char text[NAME_TEXT_MAX];
	const char *action = access_action_to_text(q->request->action);
	say(s, ": the zone has no grant for %s", action);
	const struct access_scope *last = NULL;
	size_t said = 0, more = 0;
	for (const struct access_rule *r = first; r; r = r->next_of_identity) {
		if (r->action != q->request->action || r->scope == last)
			continue;
		last = r->scope;
		if (said == EXPLAIN_GRANTS) {
			more++;
			continue;
		}
		if (!said++)
			say(s, "; key %s has grants for %s of ", name_words(q->rights->identity, text), action);
		else
			say(s, ", ");
		say(s, "%s", name_words(last->zone, text));
	}
	if (more)
		say(s, " and %zu more", more);
	if (said)
		say(s, " only");
}

static void explain_refusal(struct sentence *s, const struct access_rule *of_identity, const struct question *q)
{
	size_t grants = 0;
	const struct access_scope *scope = q->rights->scope;
	for (const struct access_rule *r = scope ? scope->rules.first : NULL; r; r = r->next)
		grants += r->action == q->request->action;
	say(s, "no grant allows ");
	say_request(s, q);
	if (grants)
		say_near_misses(s, q, grants);
	else
		say_elsewhere(s, of_identity, q);
	if (q->type == TYPE_ANY && q->owner && access_allows_name(q->rights, q->owner))
		say(s, "; but it may delete the name while only types are there that it may change");
	say(s, "; see roostctl grant add");
}

static void say_limits(struct sentence *s, const struct access_limits *l)
{
	char rate[ACCESS_RATE_TEXT_MAX];
	if (l->max_records)
		say(s, "; with at most %u records at a name after it", l->max_records);
	if (l->rate.count)
		say(s, "; at most %s updates by it", access_rate_to_text(&l->rate, rate));
	if (l->name_rate.count)
		say(s, "; at most %s updates at a name", access_rate_to_text(&l->name_rate, rate));
	if (l->lease.standard)
		say(s, "; records last for %u s unless it asks for a lease", l->lease.standard);
	if (l->lease.max)
		say(s, "; leases of at most %u s, of KEY records %u s", l->lease.max, l->lease.key_max);
}

static void explain_lock(struct sentence *s, const struct access_lock *l, const struct question *q)
{
	char text[NAME_TEXT_MAX], type[RR_TYPE_TEXT_MAX];
	say(s, "a lock on %s at %s refuses ", type_words(l->type, type), name_words(l->owner, text));
	say_request(s, q);
	say(s, ", whatever the grants say; see roostctl record unlock");
}

static bool explain(struct sentence *s, const struct question *q, const struct access_rule *of_identity)
{
	const struct access_rule *found = access_rule_decides(q->rights, q->owner, q->type);
	const struct access_lock *lock = found && q->owner ? access_lock_find(q->rights, q->owner, q->type) : NULL;
	if (lock) {
		explain_lock(s, lock, q);
		return false;
	}
	if (!found) {
		explain_refusal(s, of_identity, q);
		return false;
	}
	say(s, "grant %lld allows ", (long long)found->id);
	say_request(s, q);
	if (found->limits && q->request->action == ACCESS_UPDATE)
		say_limits(s, found->limits);
	if (found->expires)
		say_time(s, "; until", found->expires);
	return true;
}

/* Usually such a key never comes so far: its signature is not taken. */
static bool is_expired(struct sentence *s, const struct access *a, const struct access_request *r)
{
	char text[NAME_TEXT_MAX];
	const uint8_t *signer = access_signer(r);
	const struct access_key *k = signer ? access_key(a, signer) : NULL;
	if (!k || !access_key_expired(k))
		return false;
	say(s, "key %s ", name_words(signer, text));
	say_time(s, "expired", k->expires);
	say(s, ", so nothing that it signs is taken; see roostctl key list");
	return true;
}

bool access_explain(const struct access *a, const struct access_request *r, const uint8_t *owner, uint16_t type,
		    struct errmsg *why)
{
	struct sentence s = {.len = 0};
	struct access_rights rights;
	access_look(&rights, a, r);
	/* Names and types count for updates only: a transfer gives the whole zone, NOTIFY is about the whole zone. */
	struct question q = {
		.rights = &rights, .request = r, .owner = r->action == ACCESS_UPDATE ? owner : NULL, .type = type};
	bool allowed = !is_expired(&s, a, r) && explain(&s, &q, access_rules_of(&rights));
	errmsg_set(why, ERR_OK, "%s", s.text);
	return allowed;
}
