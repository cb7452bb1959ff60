/* access.h: who may do what: keys, grants and locks, as one immutable snapshot.
 *
 * A grant says: identity (or none) x source prefix x action x zone x name pattern x record types, until it expires. No
 * grant, no right. A grant that names an identity matches only requests signed with one of its keys; one without
 * matches by source prefix alone. An identity is what one or several keys stand for, of TSIG or of SIG(0): usually a key is
 * its own; while a key is replaced, the old and the new one share theirs. A key or grant that has expired is as if it were not there.
 *
 * A grant for updates may have limits, which the writer minds (zones/change/permit.h): so many records a name, so many
 * updates a period by one identity or at one name. When several grants match a record, one without limits decides, or
 * else that with the lowest number.
 *
 * A lock takes a name, or one type at it, away from all updates, whatever the grants say: only an administrator
 * changes it.
 *
 * The server publishes a snapshot by one pointer and readers use it inside their grace period (zones/memory/grace.h).
 * Whoever keeps a key or the snapshot for longer (an UPDATE waiting for its commit, a transfer) holds it with
 * access_hold. Threads: a published snapshot is read-only, hold and release are atomic; building is for one thread. */
#ifndef ROOST_KEYS_ACCESS_H
#define ROOST_KEYS_ACCESS_H

#include "keys/secret.h"
#include "lib/addr.h"
#include "lib/sig0.h"
#include "lib/tsig.h"

enum access_action { ACCESS_UPDATE = 1, ACCESS_TRANSFER = 2, ACCESS_NOTIFY = 3 };

/* Name patterns, one a grant; none is every name of the zone.
 *
 *   NAME         that name                           self         the name of the identity
 *   *.NAME       all below NAME, at any depth,       *.self       all below that
 *                not NAME itself                     PREFIX.self  PREFIX before that: _acme-challenge.self
 *
 * In NAME and PREFIX, a * is any run of octets of a label, none included: host-*.lan.example, and a label that is a *
 * alone is any one label: _acme-challenge.*.lan.example. An octet * itself is written \*, in patterns without any
 * other *. "self." with a dot at its end is a name like others. */
enum access_pattern_kind {
	ACCESS_NAME_ANY,
	ACCESS_NAME_EXACT,
	ACCESS_NAME_BELOW,
	ACCESS_NAME_SELF,
	ACCESS_NAME_BELOW_SELF
};

/* No more than `count` updates in `seconds`, but up to `burst` at once after a pause. */
struct access_rate {
	uint32_t count; /* 0: no limit */
	uint32_t seconds;
	uint32_t burst;
};

/* Seconds that records may last (RFC 9664), 0 each: not said. */
struct access_lease {
	uint32_t standard;     /* for updates that ask for no lease */
	uint32_t max, key_max; /* for those that do; the other is for KEY records */
};

struct access_grant {
	int64_t id; /* row id: "grant 7" in messages */
	struct name zone;
	enum access_action action;
	bool has_key;
	struct name key; /* the identity; lower-case */
	bool has_from;
	struct addr_prefix from;
	enum access_pattern_kind pattern_kind;
	bool pattern_glob;   /* a * in the pattern stands for any octets */
	struct name pattern; /* lower-case; without "*." and "self"; the root for a bare "self" */
	uint16_t type_count; /* 0 = every type */
	uint16_t types[32];
	uint32_t max_records;         /* 0: no limit */
	struct access_rate rate;      /* of one identity, or of one source where there is no key */
	struct access_rate name_rate; /* at one name */
	struct access_lease lease;
	int64_t expires; /* unix ms; 0: never */
};

struct access;

/* Building. access_new starts with one reference. Keys are taken over (freed with the snapshot); on an error
 * the key stays the caller's. identity NULL: the key's own name; expires: unix ms, 0 never. ERR_EXISTS for a second
 * key of that name. */
MUST_USE enum err access_new(struct access **out);
MUST_USE enum err access_add_key(struct access *a, struct tsig_key *key, const uint8_t *identity, int64_t expires);
MUST_USE enum err access_add_sig0(struct access *a, struct sig0_key *key, const uint8_t *identity, int64_t expires);
MUST_USE enum err access_add_grant(struct access *a, const struct access_grant *g);
/* type TYPE_ANY: the whole name. */
MUST_USE enum err access_add_lock(struct access *a, const uint8_t *zone, const uint8_t *owner, uint16_t type);

void access_hold(struct access *a);
void access_release(struct access *a); /* frees with the last reference; NULL is fine */

/* All that is known of a key. */
struct access_key {
	const struct tsig_key *tsig; /* NULL: it is a public key */
	const struct sig0_key *sig0; /* NULL: it is a TSIG key */
	const uint8_t *identity;     /* lower-case wire */
	int64_t expires;             /* unix ms; 0: never */
};
/* The key of that (lower-case wire) name, expired or not, or NULL. Hash look-up. */
const struct access_key *access_key(const struct access *a, const uint8_t *lower_name);
bool access_key_expired(const struct access_key *k);
/* The same, if it is a TSIG key and has not expired. */
const struct tsig_key *access_find_key(const struct access *a, const uint8_t *lower_name);
/* The TSIG key to sign with where that key is asked for: itself, or when it has expired the one of its identity that lasts
 * longest. NULL: there is none. */
const struct tsig_key *access_find_signer(const struct access *a, const uint8_t *lower_name);

/* What an HTTP client shows instead of a key: a token or a password, which stands for an identity as a key does. */
struct access_secret {
	const uint8_t *name;     /* the account; lower-case wire */
	const uint8_t *identity; /* lower-case wire */
	int64_t expires;         /* unix ms; 0: never */
	bool is_password;
	struct secret_password stored; /* of a token only the hash */
};
/* Copied. ERR_EXISTS for a second one of that name. */
MUST_USE enum err access_add_secret(struct access *a, const struct access_secret *s);
/* Both: unless it has expired. NULL: there is none. */
const struct access_secret *access_find_token(const struct access *a, const uint8_t hash[SECRET_HASH_LEN]);
const struct access_secret *access_find_password(const struct access *a, const uint8_t *lower_name);

struct access_request {
	enum access_action action;
	const uint8_t *zone;         /* lower-case wire name of the zone */
	const struct tsig_key *key;  /* the key that signed, NULL if unsigned */
	const struct sig0_key *sig0; /* or this one did */
	const uint8_t *identity;     /* without a key: that of a token or password, lower-case wire; NULL: nobody's */
	const struct addr *from;     /* source, unmapped; NULL for local callers */
};

/* The name of the key that signed, lower-case wire; NULL: unsigned. */
const uint8_t *access_signer(const struct access_request *r);

/* Some grant of the zone matches identity, source and action (whatever its names and types). */
bool access_allows(const struct access *a, const struct access_request *r);

/* What a request has to do with, looked up once for all its records. Good as long as snapshot and request. */
struct access_rights {
	const struct access *access;
	const struct access_request *request;
	const uint8_t *identity; /* NULL: unsigned */
	const struct access_scope *scope;
	const struct access_rule *own, *open; /* the grants of the identity, and those without one */
};
void access_look(struct access_rights *out, const struct access *a, const struct access_request *r);

/* Some grant matches this owner, whatever its types: enough to ask whether a name is in use (UPDATE's
 * prerequisites). */
bool access_allows_name(const struct access_rights *r, const uint8_t *owner);

/* What a grant asks of the writer; lives in the snapshot. */
struct access_limits {
	int64_t grant;
	uint32_t max_records;
	struct access_rate rate, name_rate;
	struct access_lease lease;
	uint16_t type_count; /* 0: every type */
	const uint16_t *types;
};
bool access_limits_cover(const struct access_limits *l, uint16_t type);

enum access_verdict {
	ACCESS_GRANTED,
	ACCESS_BY_TYPE, /* only for TYPE_ANY: no grant is for every type; ask for each type that is there */
	ACCESS_LOCKED,
	ACCESS_REFUSED
};
/* May it change records of this owner and type? TYPE_ANY asks for all that is there (UPDATE's "delete all RRsets from
 * a name"). *limits is NULL unless it is granted with limits. */
enum access_verdict access_decide(const struct access_rights *r, const uint8_t *owner, uint16_t type,
				  const struct access_limits **limits);

/* There is a lock on records of that owner and type. */
bool access_locked(const struct access *a, const uint8_t *zone, const uint8_t *owner, uint16_t type);

/* Writes why: "grant 7 allows update of home.example by key nas" or "no grant: key nas has grants for update of
 * other.example only". */
bool access_explain(const struct access *a, const struct access_request *r, const uint8_t *owner, uint16_t type,
		    struct errmsg *why);

/* Pattern text to the grant's fields and back. */
MUST_USE enum err access_pattern_from_text(struct access_grant *g, const char *text, struct errmsg *msg);
char *access_pattern_to_text(const struct access_grant *g, char out[NAME_TEXT_MAX]);
/* "6/1m" (six a minute), "6/1m,20" (and up to 20 at once). Without a burst it is the count. */
enum {
	ACCESS_RATE_TEXT_MAX = 40,
	ACCESS_RATE_MAX = 1000000,  /* count and burst */
	ACCESS_PERIOD_MAX = 2678400 /* seconds: 31 days */
};
MUST_USE enum err access_rate_from_text(struct access_rate *rate, const char *text);
char *access_rate_to_text(const struct access_rate *rate, char out[ACCESS_RATE_TEXT_MAX]);
/* "3600" or "1h,7d": for KEY records another. Without one, those have the same. */
enum { ACCESS_LEASE_TEXT_MAX = 24, ACCESS_LEASE_MIN = 30 /* seconds, RFC 9664 §7 */ };
MUST_USE enum err access_lease_max_from_text(struct access_lease *lease, const char *text);
char *access_lease_max_to_text(const struct access_lease *lease, char out[ACCESS_LEASE_TEXT_MAX]);
const char *access_action_to_text(enum access_action a);
MUST_USE enum err access_action_from_text(enum access_action *a, const char *text);

#endif
