/* access_inside.h: the snapshot's insides, for keys/access*.c only.
 *
 * A snapshot is made for 100,000 zones with a grant each, so a grant is one small block:
 *
 *   +--------------------+-------------------------+-------+----------------+
 *   | struct access_rule | struct access_limits    | types | pattern (wire) |
 *   +--------------------+-------------------------+-------+----------------+
 *                          only if it has some      none = all
 *
 * It hangs on its zone, on its identity, and on the pair of both, which is where a request finds it: each in the order
 * of adding, so that of several that match the first is the one reported. */
#ifndef ROOST_KEYS_ACCESS_INSIDE_H
#define ROOST_KEYS_ACCESS_INSIDE_H

#include "keys/access.h"

struct access_rule {
	struct access_rule *next;             /* of the zone */
	struct access_rule *next_of_identity; /* in all zones */
	struct access_rule *next_of_both;     /* of zone and identity; or of the zone's without one */
	const struct access_scope *scope;
	const struct access_identity *identity; /* NULL: none */
	int64_t id, expires;
	struct addr_prefix from;
	uint8_t action; /* enum access_action */
	uint8_t pattern_kind;
	uint8_t type_count;
	bool has_from, glob;
	const struct access_limits *limits; /* NULL: none */
	const uint16_t *types;
	const uint8_t *pattern;
};

struct access_rules {
	struct access_rule *first, **end;
};

/* What every table holds: something with a name, of something. */
struct access_entry {
	struct access_entry *next; /* in the bucket */
	uint64_t hash;
	const void *of;
	const uint8_t *name; /* lower-case wire */
};

struct access_table {
	struct access_entry **bucket;
	size_t buckets, count;
};

/* A zone's grants. */
struct access_scope {
	struct access_entry entry;
	struct access_rules rules, open;
	bool locks; /* there are some in it */
	uint8_t zone[];
};

struct access_identity {
	struct access_entry entry;
	struct access_rules rules;
	struct access_holder *holders;
	uint8_t name[];
};

struct access_holder {
	struct access_entry entry;
	struct access_holder *next; /* of the identity */
	struct tsig_key *tsig;      /* one of the two */
	struct sig0_key *sig0;
	struct access_key key;
};

/* In the table of tokens its name is a label of the hash's octets. */
struct access_pass {
	struct access_entry entry;
	struct access_secret secret;
	uint8_t label[1 + SECRET_HASH_LEN + 1];
	uint8_t name[];
};

/* The grants of an identity (its name) in a zone (of). */
struct access_bundle {
	struct access_entry entry;
	struct access_rules rules;
};

/* Of a name in a zone. */
struct access_lock {
	struct access_entry entry;
	struct access_lock *more; /* types of the same name */
	uint16_t type;            /* TYPE_ANY: all */
	uint8_t owner[];
};

/* What a rule asks for, one by one. */
bool access_rule_live(const struct access_rule *r); /* it has not expired */
bool access_rule_source(const struct access_rule *r, const struct access_request *q);
bool access_rule_type(const struct access_rule *r, uint16_t type);
bool access_pattern_matches(const struct access_rule *r, const uint8_t *identity, const uint8_t *owner);
/* The rule that decides among those of the request, or NULL; owner NULL: any name and type would do. */
const struct access_rule *access_rule_decides(const struct access_rights *r, const uint8_t *owner, uint16_t type);
/* The lock in the way, or NULL. */
const struct access_lock *access_lock_find(const struct access_rights *r, const uint8_t *owner, uint16_t type);

/* The first grant of the request's identity in any zone. */
const struct access_rule *access_rules_of(const struct access_rights *r);

/* For sentences: the rule's pattern as text. */
char *access_pattern_words(const struct access_rule *r, char out[NAME_TEXT_MAX]);

#endif
