/* keystore_inside.h: what keystore.c and keystore_grant.c share. For no one else. */
#ifndef ROOST_KEYS_KEYSTORE_INSIDE_H
#define ROOST_KEYS_KEYSTORE_INSIDE_H

#include "keys/keystore.h"

/* The caller finalises *out. */
MUST_USE enum err keystore_inside_prepare(struct sqlstore *s, sqlite3_stmt **out, const char *sql, const char *doing,
					  struct errmsg *msg);
void keystore_inside_bind_text(sqlite3_stmt *stmt, int at, const char *text);
/* In lower case. */
void keystore_inside_bind_name(sqlite3_stmt *stmt, int at, const uint8_t *name);

/* Runs a statement whose only parameter is a name. */
MUST_USE enum err keystore_inside_run(struct sqlstore *s, const char *sql, const uint8_t *name, const char *doing,
				      struct errmsg *msg);

/* ERR_NOTFOUND with a sentence. */
enum err keystore_inside_no_key(const uint8_t *name, struct errmsg *msg);

#endif
