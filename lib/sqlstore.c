#include "lib/sqlstore.h"
#include "lib/sqlstore_wal.h"
#include "lib/sqlvfs.h"

#include <assert.h>
#include <errno.h>
#include <fcntl.h>
#include <inttypes.h>
#include <limits.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <sys/stat.h>
#include <unistd.h>

enum {
	/* Milliseconds. In WAL mode others make us wait only for moments (recovery, the end of a checkpoint); longer
	 * is a stuck program. */
	BUSY_TIMEOUT_MS = 5000,
	FILE_MODE = 0600, /* it holds TSIG secrets */
	PID_TEXT_MAX = 24
};

struct sqlstore {
	sqlite3 *db;
	char *path; /* as the caller wrote it, for sentences */
	char *file; /* symbolic links resolved: two names of one database must meet at one lock */
	enum sqlstore_mode mode;
	int lock_fd;            /* -1 in READ mode */
	atomic_bool start_over; /* a checkpoint failed: the next moves the whole WAL */
	sqlite3_stmt ***slots;
	size_t slot_count, slot_cap;
	sqlite3_stmt *begin, *snapshot, *commit, *rollback;
};

/* ---- errors ---- */

static enum err constraint_code(int extended)
{
	switch (extended) {
	case SQLITE_CONSTRAINT_UNIQUE:
	case SQLITE_CONSTRAINT_PRIMARYKEY:
	case SQLITE_CONSTRAINT_ROWID:
		return ERR_EXISTS;
	case SQLITE_CONSTRAINT_CHECK:
	case SQLITE_CONSTRAINT_NOTNULL:
	case SQLITE_CONSTRAINT_DATATYPE:
		return ERR_RANGE;
	default: /* foreign keys, RAISE in triggers */
		return ERR_REFUSED;
	}
}

/* What the caller may do about an extended result code, and what a person may. `os` is the errno behind it, or 0. */
static enum err classify(int extended, int os, const char **remedy)
{
	*remedy = "";
	if (extended == SQLITE_IOERR_NOMEM)
		return ERR_NOMEM;
	if ((extended & 0xff) == SQLITE_FULL || os == ENOSPC || os == EDQUOT || os == EFBIG) {
		*remedy = "; free some space on its file system, or raise the limit for this user, and try again";
		return ERR_NOSPACE;
	}
	switch (extended & 0xff) {
	case SQLITE_NOMEM:
		return ERR_NOMEM;
	case SQLITE_BUSY:
	case SQLITE_LOCKED:
		*remedy = "; another program holds it: close that program's transaction and try again";
		return ERR_BUSY;
	case SQLITE_NOTADB:
		*remedy = "; is the path right? If it is, restore the file from a backup";
		return ERR_FORMAT;
	case SQLITE_CORRUPT:
		*remedy = "; the file is damaged: restore it from a backup, or save what is left with 'sqlite3 FILE "
			  ".recover'";
		return ERR_CORRUPT;
	case SQLITE_ERROR: /* our SQL is right for the schema that user_version promises, so the schema is not that one */
		*remedy = "; the database's tables are not as Roost made them: restore it from a backup";
		return ERR_CORRUPT;
	case SQLITE_CONSTRAINT:
		return constraint_code(extended);
	case SQLITE_TOOBIG:
	case SQLITE_MISMATCH:
	case SQLITE_RANGE:
		return ERR_RANGE;
	case SQLITE_AUTH:
	case SQLITE_INTERRUPT:
	case SQLITE_ABORT:
		return ERR_REFUSED;
	case SQLITE_READONLY:
		*remedy = extended == SQLITE_READONLY_DBMOVED
				  ? "; the file was moved or replaced while in use: put it back and start again"
				  : "; make the file and its directory writable for this user";
		return ERR_IO;
	case SQLITE_CANTOPEN:
	case SQLITE_PERM:
		*remedy = "; check that the file and its directory are there and that this user may write them";
		return ERR_IO;
	default:
		*remedy = "; check the disk and the kernel's log";
		return ERR_IO;
	}
}

enum err sqlstore_error(struct sqlstore *s, struct errmsg *msg, const char *doing)
{
	int extended = sqlite3_extended_errcode(s->db);
	bool from_system = (extended & 0xff) == SQLITE_IOERR || (extended & 0xff) == SQLITE_CANTOPEN;
	int os = from_system ? sqlite3_system_errno(s->db) : 0;
	if (from_system &&
	    !os) /* COMMIT does not keep it (SQLite 3.40); sqlstore_commit cleared what was there before */
		os = errno;
	const char *remedy;
	enum err code = classify(extended, os, &remedy);
	return errmsg_set(msg, code, "database %s: %s%s%s%s%s%s%s", s->path, doing ? doing : "", doing ? ": " : "",
			  sqlite3_errmsg(s->db), os ? " (" : "", os ? strerror(os) : "", os ? ")" : "", remedy);
}

/* ---- before SQLite: the path, permissions, the lock ---- */

/* Sets s->file. A file that is yet to be made has only its directory resolved. */
static enum err resolve(struct sqlstore *s, struct errmsg *msg)
{
	s->file = realpath(s->path, NULL);
	if (s->file)
		return ERR_OK;
	if (errno != ENOENT)
		return errmsg_set(msg, ERR_IO, "database %s: %s; check the path", s->path, strerror(errno));
	if (s->mode != SQLSTORE_CREATE)
		return errmsg_set(msg, ERR_NOTFOUND, "there is no database %s; make it with 'roostctl -d %s init'",
				  s->path, s->path);

	const char *slash = strrchr(s->path, '/');
	const char *base = slash ? slash + 1 : s->path;
	char *dir = slash ? strndup(s->path, slash == s->path ? 1 : (size_t)(slash - s->path)) : strdup(".");
	if (!dir)
		return ERR_NOMEM;
	char *real = realpath(dir, NULL);
	int why = errno;
	free(dir);
	if (!real)
		return errmsg_set(msg, ERR_IO, "cannot make database %s: its directory: %s; make the directory first",
				  s->path, strerror(why));
	bool named = *base && strcmp(base, ".") != 0 && strcmp(base, "..") != 0;
	int n = named ? asprintf(&s->file, "%s/%s", strcmp(real, "/") == 0 ? "" : real, base) : 0;
	free(real);
	if (!named)
		return errmsg_set(msg, ERR_USAGE, "'%s' names no file; write the database's file name", s->path);
	if (n < 0) {
		s->file = NULL;
		return ERR_NOMEM;
	}
	return ERR_OK;
}

static bool directory_writable(const char *file)
{
	const char *slash = strrchr(file, '/'); /* there is one: file is absolute */
	char dir[PATH_MAX];
	size_t n = slash == file ? 1 : (size_t)(slash - file);
	if (n >= sizeof dir) {
		errno = ENAMETOOLONG;
		return false;
	}
	memcpy(dir, file, n);
	dir[n] = '\0';
	return faccessat(AT_FDCWD, dir, W_OK | X_OK, AT_EACCESS) == 0;
}

/* SQLite would open a read-only file without a word and fail at the first write, long after start. */
static enum err check_permissions(const struct sqlstore *s, struct errmsg *msg)
{
	struct stat st;
	bool there = stat(s->file, &st) == 0;
	if (there && !S_ISREG(st.st_mode))
		return errmsg_set(msg, ERR_FORMAT, "%s is not a file; write the path of a database file", s->path);
	if (there && faccessat(AT_FDCWD, s->file, R_OK, AT_EACCESS) != 0)
		return errmsg_set(msg, ERR_IO, "database %s cannot be read: %s; run as its owner or change its mode",
				  s->path, strerror(errno));
	if (s->mode == SQLSTORE_READ)
		return ERR_OK;
	if (there && faccessat(AT_FDCWD, s->file, W_OK, AT_EACCESS) != 0)
		return errmsg_set(msg, ERR_IO, "database %s cannot be written: %s; run as its owner or change its mode",
				  s->path, strerror(errno));
	if (!directory_writable(s->file))
		return errmsg_set(
			msg, ERR_IO,
			"the directory of database %s cannot be written: %s; SQLite keeps its journal there, so give "
			"this user the right to write it",
			s->path, strerror(errno));
	return ERR_OK;
}

static enum err lock_busy(const struct sqlstore *s, struct errmsg *msg)
{
	char pid[PID_TEXT_MAX];
	ssize_t n = pread(s->lock_fd, pid, sizeof pid - 1, 0);
	size_t digits = 0;
	while (n > 0 && digits < (size_t)n && pid[digits] >= '0' && pid[digits] <= '9')
		digits++;
	pid[digits] = '\0';
	return errmsg_set(msg, ERR_BUSY,
			  "database %s is in use by another roostd or roostctl%s%s%s; stop it or wait until it is done",
			  s->path, digits ? " (pid " : "", pid, digits ? ")" : "");
}

/* The file is never removed: removing it would let one program lock the old file and another a new one of the same
 * name. */
static enum err take_lock(struct sqlstore *s, struct errmsg *msg)
{
	char *name;
	if (asprintf(&name, "%s.lock", s->file) < 0)
		return ERR_NOMEM;
	s->lock_fd = open(name, O_RDWR | O_CREAT | O_CLOEXEC | O_NOFOLLOW, FILE_MODE);
	int why = errno;
	free(name);
	if (s->lock_fd < 0)
		return errmsg_set(msg, ERR_IO, "cannot open the lock file %s.lock: %s; check its owner and mode",
				  s->path, strerror(why));
	if (flock(s->lock_fd, LOCK_EX | LOCK_NB) != 0) {
		if (errno == EWOULDBLOCK)
			return lock_busy(s, msg);
		return errmsg_set(msg, ERR_IO, "cannot lock %s.lock: %s; keep the database on a local file system",
				  s->path, strerror(errno));
	}
	char pid[PID_TEXT_MAX];
	int n = snprintf(pid, sizeof pid, "%ld\n", (long)getpid());
	/* Only a help for whoever is refused: a full disk must not keep a server from serving what it has. */
	if (ftruncate(s->lock_fd, 0) == 0 && pwrite(s->lock_fd, pid, (size_t)n, 0) != n)
		(void)!ftruncate(s->lock_fd, 0);
	return ERR_OK;
}

/* Made here for its mode; SQLite then gives the same mode to -wal and -shm. Only a file that is not there is opened:
 * closing another descriptor of an open database would drop the POSIX locks that SQLite holds on it in this process. */
static enum err create_file(const struct sqlstore *s, struct errmsg *msg)
{
	int fd = open(s->file, O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, FILE_MODE);
	if (fd >= 0) {
		close(fd);
		return ERR_OK;
	}
	if (errno == EEXIST)
		return ERR_OK;
	enum err code = errno == ENOSPC || errno == EDQUOT ? ERR_NOSPACE : ERR_IO;
	return errmsg_set(msg, code, "cannot make database %s: %s; check the directory and the disk", s->path,
			  strerror(errno));
}

/* ---- SQLite: identity, settings, migrations ---- */

static enum err exec(struct sqlstore *s, const char *sql, struct errmsg *msg, const char *doing)
{
	return sqlite3_exec(s->db, sql, NULL, NULL, NULL) == SQLITE_OK ? ERR_OK : sqlstore_error(s, msg, doing);
}

static enum err query_integer(struct sqlstore *s, const char *sql, int64_t *out, struct errmsg *msg)
{
	sqlite3_stmt *stmt = NULL;
	*out = 0;
	int rc = sqlite3_prepare_v2(s->db, sql, -1, &stmt, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	if (rc == SQLITE_ROW)
		*out = sqlite3_column_int64(stmt, 0);
	enum err err = rc == SQLITE_ROW || rc == SQLITE_DONE ? ERR_OK : sqlstore_error(s, msg, "opening");
	sqlite3_finalize(stmt);
	return err;
}

/* The first read of the file. A WAL database can be read only through its -shm file, which somebody must be able to
 * make. */
static enum err first_read(struct sqlstore *s, int64_t *objects, struct errmsg *msg)
{
	enum err err = query_integer(s, "SELECT count(*) FROM sqlite_schema", objects, msg);
	if (err == ERR_OK || s->mode != SQLSTORE_READ)
		return err;
	int primary = sqlite3_extended_errcode(s->db) & 0xff;
	if (primary == SQLITE_CANTOPEN || primary == SQLITE_READONLY)
		return errmsg_set(msg, ERR_IO,
				  "database %s cannot be read: SQLite needs to make %s-shm beside it; run as the "
				  "database's owner, "
				  "or give this user the right to write the directory",
				  s->path, s->path);
	return err;
}

/* Is it ours, and at which version? Before anything is changed in it: it may be somebody else's. */
static enum err identify(struct sqlstore *s, const struct sqlstore_schema *schema, int64_t *version, struct errmsg *msg)
{
	int64_t objects, id;
	enum err err = first_read(s, &objects, msg);
	if (err == ERR_OK)
		err = query_integer(s, "PRAGMA application_id", &id, msg);
	if (err == ERR_OK)
		err = query_integer(s, "PRAGMA user_version", version, msg);
	if (err != ERR_OK)
		return err;

	int64_t newest = 0;
	while (schema->migrations[newest])
		newest++;
	bool blank = objects == 0 && id == 0 && *version == 0;
	if (blank && s->mode != SQLSTORE_CREATE)
		return errmsg_set(msg, ERR_NOTFOUND, "database %s is empty; fill it with 'roostctl -d %s init'",
				  s->path, s->path);
	if (!blank && (uint32_t)id != schema->application_id)
		return errmsg_set(msg, ERR_FORMAT,
				  "%s is another program's SQLite database (application id %08" PRIx32
				  ", not %08" PRIx32 "); write the path of Roost's database",
				  s->path, (uint32_t)id, schema->application_id);
	if (*version > newest)
		return errmsg_set(msg, ERR_TOONEW,
				  "database %s was made by a newer Roost (schema %" PRId64
				  ", this program knows %" PRId64 "); install that version or restore an older backup",
				  s->path, *version, newest);
	if (*version < 0)
		return errmsg_set(msg, ERR_CORRUPT,
				  "database %s has the impossible schema version %" PRId64 "; restore it from a backup",
				  s->path, *version);
	if (*version < newest && s->mode == SQLSTORE_READ)
		return errmsg_set(msg, ERR_REFUSED,
				  "database %s has the older schema %" PRId64
				  "; start roostd or run roostctl init, which "
				  "bring it to %" PRId64,
				  s->path, *version, newest);
	return ERR_OK;
}

static enum err use_wal(struct sqlstore *s, struct errmsg *msg)
{
	sqlite3_stmt *stmt = NULL;
	int rc = sqlite3_prepare_v2(s->db, "PRAGMA journal_mode=WAL", -1, &stmt, NULL);
	if (rc == SQLITE_OK)
		rc = sqlite3_step(stmt);
	enum err err = ERR_OK;
	if (rc != SQLITE_ROW)
		err = sqlstore_error(s, msg, "switching to WAL");
	else if (strcmp((const char *)sqlite3_column_text(stmt, 0), "wal") != 0)
		err = errmsg_set(
			msg, ERR_IO,
			"database %s: its file system cannot hold a WAL (no shared memory); keep it on a local disk",
			s->path);
	sqlite3_finalize(stmt);
	return err;
}

static enum err check_foreign_keys(struct sqlstore *s, struct errmsg *msg)
{
	int64_t broken;
	enum err err = query_integer(s, "SELECT count(*) FROM pragma_foreign_key_check", &broken, msg);
	if (err == ERR_OK && broken)
		err = errmsg_set(msg, ERR_CORRUPT,
				 "database %s: %" PRId64
				 " rows refer to rows that are not there; restore it from a backup",
				 s->path, broken);
	return err;
}

static enum err migrate_step(struct sqlstore *s, const struct sqlstore_schema *schema, int64_t from, struct errmsg *msg)
{
	char stamp[96];
	snprintf(stamp, sizeof stamp, "PRAGMA application_id=%" PRId32 "; PRAGMA user_version=%" PRId64,
		 (int32_t)schema->application_id, from + 1);
	enum err err = exec(s, "BEGIN IMMEDIATE", msg, "migrating");
	if (err == ERR_OK)
		err = exec(s, schema->migrations[from], msg, "migrating");
	if (err == ERR_OK)
		err = exec(s, stamp, msg, "migrating");
	if (err == ERR_OK)
		err = check_foreign_keys(s, msg);
	if (err == ERR_OK)
		err = exec(s, "COMMIT", msg, "migrating");
	if (err == ERR_OK)
		return ERR_OK;
	sqlstore_rollback(s);
	errmsg_prefix(msg, "schema %" PRId64 " to %" PRId64 " failed and nothing was changed", from, from + 1);
	return err;
}

/* Foreign keys are off while a migration may rebuild tables, checked at its end, and on ever after. */
static enum err prepare_database(struct sqlstore *s, const struct sqlstore_schema *schema, struct errmsg *msg)
{
	int64_t version;
	sqlite3_busy_timeout(s->db, BUSY_TIMEOUT_MS);
	sqlite3_db_config(s->db, SQLITE_DBCONFIG_DEFENSIVE, 1, (int *)NULL);
	enum err err = exec(s, "PRAGMA cell_size_check=ON; PRAGMA trusted_schema=OFF; PRAGMA foreign_keys=OFF", msg,
			    "opening");
	if (err == ERR_OK && schema->functions && schema->functions(s->db) != SQLITE_OK)
		err = sqlstore_error(s, msg, "opening");
	if (err == ERR_OK)
		err = identify(s, schema, &version, msg);
	if (err == ERR_OK && s->mode != SQLSTORE_READ)
		err = use_wal(s, msg);
	if (err == ERR_OK)
		err = exec(s, "PRAGMA synchronous=FULL", msg, "opening");
	while (err == ERR_OK && schema->migrations[version])
		err = migrate_step(s, schema, version++, msg);
	if (err == ERR_OK)
		err = exec(s, "PRAGMA foreign_keys=ON", msg, "opening");
	return err;
}

static enum err open_database(struct sqlstore *s, const struct sqlstore_schema *schema, struct errmsg *msg)
{
	int access = s->mode == SQLSTORE_READ ? SQLITE_OPEN_READONLY : SQLITE_OPEN_READWRITE;
	int rc = sqlite3_open_v2(s->file, &s->db, access | SQLITE_OPEN_NOMUTEX | SQLITE_OPEN_EXRESCODE, sqlvfs_name());
	if (!s->db)
		return ERR_NOMEM;
	if (rc != SQLITE_OK)
		return sqlstore_error(s, msg, "opening");
	if (s->mode != SQLSTORE_READ && sqlite3_db_readonly(s->db, "main"))
		return errmsg_set(msg, ERR_IO, "database %s cannot be written; run as its owner or change its mode",
				  s->path);
	return prepare_database(s, schema, msg);
}

enum err sqlstore_open(struct sqlstore **out, const char *path, enum sqlstore_mode mode,
		       const struct sqlstore_schema *schema, struct errmsg *msg)
{
	*out = NULL;
	enum err err = ERR_NOMEM;
	struct sqlstore *s = calloc(1, sizeof *s);
	if (!s)
		goto fail;
	s->lock_fd = -1;
	s->mode = mode;
	s->path = strdup(path);
	if (!s->path)
		goto fail;

	err = resolve(s, msg);
	if (err == ERR_OK)
		err = check_permissions(s, msg);
	if (err == ERR_OK && mode != SQLSTORE_READ)
		err = take_lock(s, msg);
	if (err == ERR_OK && mode == SQLSTORE_CREATE)
		err = create_file(s, msg);
	if (err == ERR_OK)
		err = open_database(s, schema, msg);
	if (err != ERR_OK)
		goto fail;
	*out = s;
	return ERR_OK;

fail:
	if (err == ERR_NOMEM)
		errmsg_set(msg, err, "database %s: out of memory", path);
	sqlstore_close(s);
	return err;
}

void sqlstore_close(struct sqlstore *s)
{
	if (!s)
		return;
	for (size_t i = 0; i < s->slot_count; i++) {
		sqlite3_finalize(*s->slots[i]);
		*s->slots[i] = NULL;
	}
	/* The last one to close moves the WAL and deletes it; if some of it cannot be moved again, the next to open does
	 * that. */
	if (atomic_load(&s->start_over) && !sqlstore_wal_start_over(s->db))
		sqlite3_db_config(s->db, SQLITE_DBCONFIG_NO_CKPT_ON_CLOSE, 1, (int *)NULL);
	int rc = sqlite3_close(s->db);
	assert(rc == SQLITE_OK); /* else a statement that did not come from sqlstore_prepare is still there */
	if (rc != SQLITE_OK)
		sqlite3_close_v2(s->db);
	/* Last: the closing itself may still checkpoint, which is writing. An unlocked file with a pid in it does no
	 * harm. */
	if (s->lock_fd >= 0)
		close(s->lock_fd);
	free(s->slots);
	free(s->path);
	free(s->file);
	free(s);
}

sqlite3 *sqlstore_handle(struct sqlstore *s)
{
	return s->db;
}

const char *sqlstore_path(const struct sqlstore *s)
{
	return s->path;
}

/* ---- statements and transactions ---- */

static bool remember_slot(struct sqlstore *s, sqlite3_stmt **slot)
{
	if (s->slot_count == s->slot_cap) {
		size_t cap = s->slot_cap ? s->slot_cap * 2 : 32;
		sqlite3_stmt ***grown = realloc(s->slots, cap * sizeof *grown);
		if (!grown)
			return false;
		s->slots = grown;
		s->slot_cap = cap;
	}
	s->slots[s->slot_count++] = slot;
	return true;
}

enum err sqlstore_prepare(struct sqlstore *s, sqlite3_stmt **slot, const char *sql, struct errmsg *msg)
{
	if (*slot)
		return ERR_OK;
	if (sqlite3_prepare_v3(s->db, sql, -1, SQLITE_PREPARE_PERSISTENT, slot, NULL) != SQLITE_OK)
		return sqlstore_error(s, msg, "preparing a statement");
	if (remember_slot(s, slot))
		return ERR_OK;
	sqlite3_finalize(*slot);
	*slot = NULL;
	return errmsg_set(msg, ERR_NOMEM, "database %s: out of memory", s->path);
}

enum err sqlstore_run(struct sqlstore *s, sqlite3_stmt *stmt, struct errmsg *msg)
{
	int rc;
	do
		rc = sqlite3_step(stmt);
	while (rc == SQLITE_ROW); /* some pragmas answer although nobody asks */
	enum err err = rc == SQLITE_DONE ? ERR_OK : sqlstore_error(s, msg, NULL);
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	return err;
}

enum err sqlstore_step(struct sqlstore *s, sqlite3_stmt *stmt, bool *row, struct errmsg *msg)
{
	int rc = sqlite3_step(stmt);
	*row = rc == SQLITE_ROW;
	if (rc == SQLITE_ROW)
		return ERR_OK;
	enum err err = rc == SQLITE_DONE ? ERR_OK : sqlstore_error(s, msg, NULL);
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
	return err;
}

enum err sqlstore_begin(struct sqlstore *s, struct errmsg *msg)
{
	assert(sqlite3_get_autocommit(s->db));
	bool reading = s->mode == SQLSTORE_READ;
	enum err err = sqlstore_prepare(s, &s->begin, reading ? "BEGIN" : "BEGIN IMMEDIATE", msg);
	if (err == ERR_OK)
		err = sqlstore_run(s, s->begin, msg);
	if (err != ERR_OK || !reading)
		return err;
	/* A plain BEGIN takes its snapshot at the first read; take it now: what the caller reads is from this moment.
	 */
	err = sqlstore_prepare(s, &s->snapshot, "SELECT 1 FROM sqlite_schema LIMIT 1", msg);
	if (err == ERR_OK)
		err = sqlstore_run(s, s->snapshot, msg);
	if (err != ERR_OK)
		sqlstore_rollback(s);
	return err;
}

enum err sqlstore_commit(struct sqlstore *s, struct errmsg *msg)
{
	/* After some errors (disk full, I/O) SQLite rolls back by itself: then there is nothing that could become
	 * durable. */
	if (sqlite3_get_autocommit(s->db))
		return errmsg_set(msg, ERR_IO, "database %s: an earlier error undid the transaction; try again",
				  s->path);
	enum err err = sqlstore_prepare(s, &s->commit, "COMMIT", msg);
	errno = 0;
	return err == ERR_OK ? sqlstore_run(s, s->commit, msg) : err;
}

void sqlstore_rollback(struct sqlstore *s)
{
	if (sqlite3_get_autocommit(s->db)) /* also after an error for which SQLite itself rolled back */
		return;
	if (sqlstore_prepare(s, &s->rollback, "ROLLBACK", NULL) == ERR_OK &&
	    sqlstore_run(s, s->rollback, NULL) == ERR_OK)
		return;
	sqlite3_exec(s->db, "ROLLBACK", NULL, NULL, NULL);
}

int sqlstore_checkpoint_now(struct sqlstore *s, sqlite3 *db, int *log, int *moved)
{
	if (atomic_load(&s->start_over)) {
		if (!sqlstore_wal_start_over(db))
			return SQLITE_BUSY;
		atomic_store(&s->start_over, false);
	}
	int rc = sqlite3_wal_checkpoint_v2(db, NULL, SQLITE_CHECKPOINT_PASSIVE, log, moved);
	if (rc != SQLITE_OK && rc != SQLITE_BUSY)
		atomic_store(&s->start_over, true);
	return rc;
}

int sqlstore_checkpoint_sync(struct sqlstore *s, sqlite3 *db)
{
	int rc = sqlstore_wal_sync(db);
	if (rc != SQLITE_OK)
		atomic_store(&s->start_over, true);
	return rc;
}

void sqlstore_make_room(struct sqlstore *s)
{
	int log, moved;
	/* Whether it helped shows at the next write. */
	(void)sqlstore_checkpoint_now(s, s->db, &log, &moved);
}
