/* keystore.h: keys and grants in SQLite. The tables are this room's; the database is opened by zones/store/zonestore.h,
 * which puts this room's schema before its own. Secrets stand in the database in clear, because HMAC needs them: the
 * file is mode 0600; of tokens and passwords there are only hashes. Threads: as the sqlstore handle. Changes belong in the caller's transaction. */
#ifndef ROOST_KEYS_KEYSTORE_H
#define ROOST_KEYS_KEYSTORE_H

#include "keys/access.h"
#include "lib/sqlstore.h"

/* SQL that makes tables `key` and `grant` (part of migration 0); that gives keys an identity and an end, grants limits
 * and an end, and makes table `lock`; that gives grants leases (migrations of their own). */
extern const char *const keystore_schema_0, *const keystore_schema_rights, *const keystore_schema_leases;

/* Tokens and passwords of HTTP clients are rows of table key too: names, identities, ends and removal are the same. */
enum keystore_kind { KEYSTORE_TSIG, KEYSTORE_TOKEN, KEYSTORE_PASSWORD, KEYSTORE_SIG0 };

/* What an HTTP client shows; the others sign. */
static inline bool keystore_is_pass(enum keystore_kind kind)
{
	return kind == KEYSTORE_TOKEN || kind == KEYSTORE_PASSWORD;
}

struct keystore_key {
	int64_t id;
	struct name name; /* lower-case */
	enum keystore_kind kind;
	enum tsig_algorithm algorithm; /* KEYSTORE_TSIG */
	uint8_t secret
		[SIG0_KEY_MAX]; /* token: its hash; password: salt and hash (keys/secret.h); public key: KEY RDATA;
					    of TSIG TSIG_SECRET_MAX at most */
	size_t secret_len;
	int64_t created;      /* unix ms */
	int64_t expires;      /* unix ms; 0: never */
	struct name identity; /* lower-case; len 0 when adding: the key's own name */
};

/* An identity other than the key's own name must have a key already (ERR_NOTFOUND). A key may be named as an identity
 * only if it is of that identity: else it would quietly get, or lose, that one's grants. ERR_EXISTS. */
MUST_USE enum err keystore_add_key(struct sqlstore *s, const struct keystore_key *key, struct errmsg *msg);
MUST_USE enum err keystore_set_key_expiry(struct sqlstore *s, const uint8_t *name, int64_t expires, struct errmsg *msg);
MUST_USE enum err keystore_find_key(struct sqlstore *s, const uint8_t *name, struct keystore_key *out,
				    struct errmsg *msg);
/* All others of the key's identity end then, unless they end before. */
MUST_USE enum err keystore_end_others(struct sqlstore *s, const struct keystore_key *key, int64_t expires,
				      struct errmsg *msg);
/* The identity of that key, or that identity itself. ERR_NOTFOUND. */
MUST_USE enum err keystore_find_identity(struct sqlstore *s, const uint8_t *name, struct name *out, struct errmsg *msg);
/* Also removes the peers that name it and, if it is the last of its identity, the grants of that: only if
 * `with_grants`; else ERR_REFUSED when there are some. */
MUST_USE enum err keystore_remove_key(struct sqlstore *s, const uint8_t *name, bool with_grants, struct errmsg *msg);
/* "hmac-sha256", "token", "password". */
const char *keystore_kind_to_text(const struct keystore_key *key);
typedef enum err keystore_key_fn(void *arg, const struct keystore_key *key);
MUST_USE enum err keystore_each_key(struct sqlstore *s, keystore_key_fn *fn, void *arg, struct errmsg *msg);

/* g->id is set. One of the same identity, source, action, zone, names and types is ERR_EXISTS, whatever its limits;
 * then id is that one's. */
MUST_USE enum err keystore_add_grant(struct sqlstore *s, struct access_grant *g, struct errmsg *msg);
MUST_USE enum err keystore_remove_grant(struct sqlstore *s, int64_t id, struct errmsg *msg);
/* Its locks too. */
MUST_USE enum err keystore_remove_zone_grants(struct sqlstore *s, const uint8_t *zone, struct errmsg *msg);
typedef enum err keystore_grant_fn(void *arg, const struct access_grant *g);
/* zone NULL: all. */
MUST_USE enum err keystore_each_grant(struct sqlstore *s, const uint8_t *zone, keystore_grant_fn *fn, void *arg,
				      struct errmsg *msg);

struct keystore_lock {
	struct name zone, owner; /* lower-case */
	uint16_t type;           /* TYPE_ANY: the whole name */
	int64_t created;         /* unix ms */
};

MUST_USE enum err keystore_add_lock(struct sqlstore *s, const struct keystore_lock *l,
				    struct errmsg *msg); /* ERR_EXISTS */
/* type TYPE_ANY: all locks of the name. ERR_NOTFOUND when there is none. */
MUST_USE enum err keystore_remove_lock(struct sqlstore *s, const uint8_t *zone, const uint8_t *owner, uint16_t type,
				       struct errmsg *msg);
typedef enum err keystore_lock_fn(void *arg, const struct keystore_lock *l);
/* zone NULL: all. By zone, name, type. */
MUST_USE enum err keystore_each_lock(struct sqlstore *s, const uint8_t *zone, keystore_lock_fn *fn, void *arg,
				     struct errmsg *msg);

/* Everything, as a snapshot. */
MUST_USE enum err keystore_load(struct sqlstore *s, struct access **out, struct errmsg *msg);

#endif
