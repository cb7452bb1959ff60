/* keystore.h: keys and grants in SQLite. The tables are this room's; the database is opened by zones/store/zonestore.h,
 * which puts this room's schema before its own. Secrets stand in the database in clear, because HMAC needs them: the
 * file is mode 0600. Threads: as the sqlstore handle. Changes belong in the caller's transaction. */
#ifndef ROOST_KEYS_KEYSTORE_H
#define ROOST_KEYS_KEYSTORE_H

#include "keys/access.h"
#include "lib/sqlstore.h"

/* SQL that makes tables `key` and `grant` (part of migration 0). */
extern const char *const keystore_schema_0;

struct keystore_key {
	int64_t id;
	struct name name; /* lower-case */
	enum tsig_algorithm algorithm;
	uint8_t secret[TSIG_SECRET_MAX];
	size_t secret_len;
	int64_t created; /* unix ms */
};

MUST_USE enum err keystore_add_key(struct sqlstore *s, const struct keystore_key *key,
				   struct errmsg *msg); /* ERR_EXISTS */
MUST_USE enum err keystore_find_key(struct sqlstore *s, const uint8_t *name, struct keystore_key *out,
				    struct errmsg *msg);
/* Also removes the grants and peers that name it only if `with_grants`; else ERR_REFUSED when some do. */
MUST_USE enum err keystore_remove_key(struct sqlstore *s, const uint8_t *name, bool with_grants, struct errmsg *msg);
typedef enum err keystore_key_fn(void *arg, const struct keystore_key *key);
MUST_USE enum err keystore_each_key(struct sqlstore *s, keystore_key_fn *fn, void *arg, struct errmsg *msg);

/* g->id is set. An equal grant is ERR_EXISTS. */
MUST_USE enum err keystore_add_grant(struct sqlstore *s, struct access_grant *g, struct errmsg *msg);
MUST_USE enum err keystore_remove_grant(struct sqlstore *s, int64_t id, struct errmsg *msg);
MUST_USE enum err keystore_remove_zone_grants(struct sqlstore *s, const uint8_t *zone, struct errmsg *msg);
typedef enum err keystore_grant_fn(void *arg, const struct access_grant *g);
/* zone NULL: all. */
MUST_USE enum err keystore_each_grant(struct sqlstore *s, const uint8_t *zone, keystore_grant_fn *fn, void *arg,
				      struct errmsg *msg);

/* Everything, as a snapshot. */
MUST_USE enum err keystore_load(struct sqlstore *s, struct access **out, struct errmsg *msg);

#endif
