/* sqlstore.h: one SQLite database, opened the way Roost needs it: the lock, the pragmas, migrations, prepared
 * statements, and errors turned into sentences. Knows no table: the schemas are in keys/store*.c and zones/store*.c.
 *
 * Lock: a writer holds an exclusive flock on PATH.lock for as long as it lives, so that there is never a second
 * writer. The file stays (its name is the rendezvous); the kernel drops the lock when the process dies. Durability:
 * WAL, synchronous=FULL; COMMIT returns after fsync of the WAL. Threads: a handle belongs to one thread at a time. */
#ifndef ROOST_LIB_SQLSTORE_H
#define ROOST_LIB_SQLSTORE_H

#include <sqlite3.h>

#include "lib/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum sqlstore_mode {
	SQLSTORE_READ,  /* must exist; no lock; sees committed data only */
	SQLSTORE_WRITE, /* must exist; takes the lock or ERR_BUSY */
	SQLSTORE_CREATE /* as WRITE, made if it is not there (mode 0600) */
};

struct sqlstore; /* handle */

/* Migration i brings user_version from i to i + 1. */
struct sqlstore_schema {
	uint32_t application_id;       /* PRAGMA application_id: tells our files from others' */
	const char *const *migrations; /* SQL scripts, ended by NULL */
	int (*functions)(
		sqlite3 *db); /* registers what the scripts and statements call, returns SQLite's code; or NULL */
};

/* Opens and checks: a file that is not a database, another program's, damaged, too new, read-only, or missing gives a
 * distinct enum err (CORRUPT, FORMAT, TOONEW, IO, NOTFOUND, BUSY) and a sentence with path and remedy. Migrates (each
 * step in its own transaction) when the mode allows writing; in READ mode an older schema is ERR_REFUSED with "start
 * roostd or run roostctl init". */
MUST_USE enum err sqlstore_open(struct sqlstore **out, const char *path, enum sqlstore_mode mode,
				const struct sqlstore_schema *schema, struct errmsg *msg);
void sqlstore_close(struct sqlstore *s);
sqlite3 *sqlstore_handle(struct sqlstore *s);
const char *sqlstore_path(const struct sqlstore *s);

MUST_USE enum err sqlstore_begin(struct sqlstore *s,
				 struct errmsg *msg); /* BEGIN IMMEDIATE (READ mode: a read transaction) */
MUST_USE enum err sqlstore_commit(struct sqlstore *s, struct errmsg *msg);
void sqlstore_rollback(struct sqlstore *s); /* no harm when no transaction is open */

/* Moves what the WAL holds into the database file, as far as nobody is in the way (a passive checkpoint), through db: s's
 * own handle or another connection of this process to the same file, outside a transaction. Gives SQLite's code; *log
 * and *moved are the frames in the WAL and those of them that are moved.
 *
 * SQLite counts frames as moved when they are written, but syncs the file only when the last one is; should that sync
 * fail, the kernel has let go of all that it could not write, and those frames would never be written again. So after
 * every failure the next call moves the whole WAL. Threads: any, each with its own connection. */
int sqlstore_checkpoint_now(struct sqlstore *s, sqlite3 *db, int *log, int *moved);
/* Brings to the disk what that has written so far, instead of leaving all of it to the call that moves the last frame;
 * a failure has the same consequence. */
int sqlstore_checkpoint_sync(struct sqlstore *s, sqlite3 *db);

/* After ERR_NOSPACE, outside a transaction: moves the WAL into the database file, if that finds the space, so that
 * the WAL's own can be used again. Then it is worth trying once more. */
void sqlstore_make_room(struct sqlstore *s);

/* Prepares once, keeps for the handle's life (finalised by sqlstore_close). `slot` is the caller's
 * cache cell, one per handle, NULL at first; it must be there until sqlstore_close, which makes it NULL again. */
MUST_USE enum err sqlstore_prepare(struct sqlstore *s, sqlite3_stmt **slot, const char *sql, struct errmsg *msg);

/* Runs a statement that returns no row: step, reset, clear bindings. */
MUST_USE enum err sqlstore_run(struct sqlstore *s, sqlite3_stmt *stmt, struct errmsg *msg);

/* Step for rows: *row says whether there is one; after the last row or an error the statement is reset. */
MUST_USE enum err sqlstore_step(struct sqlstore *s, sqlite3_stmt *stmt, bool *row, struct errmsg *msg);

/* The sentence and code for the handle's last error, with `doing` ("loading zone home.example"). Disk full is
 * ERR_NOSPACE. */
enum err sqlstore_error(struct sqlstore *s, struct errmsg *msg, const char *doing);

#endif
