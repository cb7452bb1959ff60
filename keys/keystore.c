/* keystore.c: see keystore.h. The schema, keys, and the snapshot; grants and locks: keystore_grant.c. These statements run rarely, so they are prepared for each call and kept nowhere. */
#include <stdio.h>
#include <stdlib.h>

#include "keys/keystore_inside.h"

/* Names are presentation form in lower case with the final dot, so that people can read and write them. What may be
 * absent is NULL. */
const char *const keystore_schema_0 =
	"CREATE TABLE \"key\" ("
	" id INTEGER PRIMARY KEY,"
	" name TEXT NOT NULL UNIQUE,"
	" algorithm TEXT NOT NULL,"
	" secret BLOB NOT NULL,"
	" created INTEGER NOT NULL" /* unix ms */
	") STRICT;"
	/* AUTOINCREMENT: people and logs say "grant 7", which must stay the same grant for ever. No key: whoever
	 * comes from source. */
	"CREATE TABLE \"grant\" ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" zone TEXT NOT NULL,"
	" action TEXT NOT NULL CHECK (action IN ('update', 'transfer', 'notify')),"
	" \"key\" TEXT REFERENCES \"key\" (name) ON DELETE CASCADE,"
	" source TEXT," /* prefix */
	" name TEXT,"   /* pattern */
	" types TEXT"   /* A,AAAA: sorted by number */
	") STRICT;"
	"CREATE UNIQUE INDEX grant_once ON \"grant\""
	" (zone, action, ifnull(\"key\", ''), ifnull(source, ''), ifnull(name, ''), ifnull(types, ''));"
	"CREATE INDEX grant_key ON \"grant\" (\"key\");";

/* A grant names an identity, which has one or several keys. No table of identities: two triggers keep grants and keys
 * together. The grant table is made anew to be rid of its reference to a key's name; its numbers go on where they were.
 * Patterns of before had no * inside: one that stands there is only an octet, which is written \* now. */
const char *const keystore_schema_rights =
	"ALTER TABLE \"key\" ADD COLUMN identity TEXT NOT NULL DEFAULT '';"
	"ALTER TABLE \"key\" ADD COLUMN expires INTEGER;" /* unix ms; NULL: never */
	"UPDATE \"key\" SET identity = name;"
	"CREATE INDEX key_identity ON \"key\" (identity);"
	"CREATE TABLE grant_anew ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" zone TEXT NOT NULL,"
	" action TEXT NOT NULL CHECK (action IN ('update', 'transfer', 'notify')),"
	" \"key\" TEXT," /* identity */
	" source TEXT,"  /* prefix */
	" name TEXT,"    /* pattern */
	" types TEXT,"   /* A,AAAA: sorted by number */
	" max_records INTEGER CHECK (max_records BETWEEN 1 AND 65535),"
	" rate TEXT," /* 6/1m,20 */
	" name_rate TEXT,"
	" expires INTEGER" /* unix ms; NULL: never */
	") STRICT;"
	"INSERT INTO grant_anew (id, zone, action, \"key\", source, name, types)"
	" SELECT id, zone, action, \"key\", source,"
	"  CASE WHEN substr(name, 1, 2) IN ('*.', '\\*')"
	"   THEN substr(name, 1, 2) || replace(substr(name, 3), '*', '\\*') ELSE replace(name, '*', '\\*') END,"
	"  types FROM \"grant\";"
	"DELETE FROM sqlite_sequence WHERE name = 'grant_anew';"
	"INSERT INTO sqlite_sequence (name, seq) SELECT 'grant_anew', seq FROM sqlite_sequence WHERE name = 'grant';"
	"DROP TABLE \"grant\";"
	"ALTER TABLE grant_anew RENAME TO \"grant\";"
	"CREATE UNIQUE INDEX grant_once ON \"grant\""
	" (zone, action, ifnull(\"key\", ''), ifnull(source, ''), ifnull(name, ''), ifnull(types, ''));"
	"CREATE INDEX grant_key ON \"grant\" (\"key\");"
	"CREATE TRIGGER grant_wants_key BEFORE INSERT ON \"grant\""
	" WHEN NEW.\"key\" IS NOT NULL AND NOT EXISTS (SELECT 1 FROM \"key\" WHERE identity = NEW.\"key\")"
	" BEGIN SELECT RAISE(ABORT, 'no key has that identity'); END;"
	"CREATE TRIGGER identity_gone AFTER DELETE ON \"key\""
	" WHEN NOT EXISTS (SELECT 1 FROM \"key\" WHERE identity = OLD.identity)"
	" BEGIN DELETE FROM \"grant\" WHERE \"key\" = OLD.identity; END;"
	"CREATE TABLE lock ("
	" zone TEXT NOT NULL,"
	" name TEXT NOT NULL,"
	" type TEXT NOT NULL," /* ANY: the whole name */
	" created INTEGER NOT NULL,"
	" PRIMARY KEY (zone, name, type)"
	") STRICT, WITHOUT ROWID;";

const char *const keystore_schema_leases =
	"ALTER TABLE \"grant\" ADD COLUMN lease_default INTEGER CHECK (lease_default BETWEEN 30 AND 2147483647);"
	"ALTER TABLE \"grant\" ADD COLUMN lease_max INTEGER CHECK (lease_max BETWEEN 30 AND 2147483647);"
	"ALTER TABLE \"grant\" ADD COLUMN key_lease_max INTEGER CHECK (key_lease_max BETWEEN 30 AND 2147483647);";

#define KEY_COLUMNS "id, name, algorithm, secret, created, identity, expires"
/* ---- statements ---- */

enum err keystore_inside_prepare(struct sqlstore *s, sqlite3_stmt **out, const char *sql, const char *doing,
				 struct errmsg *msg)
{
	if (sqlite3_prepare_v2(sqlstore_handle(s), sql, -1, out, NULL) == SQLITE_OK)
		return ERR_OK;
	*out = NULL;
	return sqlstore_error(s, msg, doing);
}

void keystore_inside_bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
	sqlite3_bind_text(stmt, at, text, -1, SQLITE_TRANSIENT);
}

void keystore_inside_bind_name(sqlite3_stmt *stmt, int at, const uint8_t *name)
{
	char text[NAME_TEXT_MAX];
	uint8_t lower[NAME_WIRE_MAX];
	name_lower(lower, name, name_len(name));
	keystore_inside_bind_text(stmt, at, name_to_text(lower, text));
}

/* Runs a statement whose only parameter is a name. */
enum err keystore_inside_run(struct sqlstore *s, const char *sql, const uint8_t *name, const char *doing,
			     struct errmsg *msg)
{
	sqlite3_stmt *stmt;
	enum err err = keystore_inside_prepare(s, &stmt, sql, doing, msg);
	if (err)
		return err;
	keystore_inside_bind_name(stmt, 1, name);
	err = sqlstore_run(s, stmt, msg);
	sqlite3_finalize(stmt);
	return err;
}

/* ---- keys ---- */

enum err keystore_inside_no_key(const uint8_t *name, struct errmsg *msg)
{
	char text[NAME_TEXT_MAX];
	return errmsg_set(msg, ERR_NOTFOUND, "there is no key %s; see roostctl key list", name_to_text(name, text));
}

/* How many rows of table key that condition (with the name as ?1) picks. */
static enum err count_keys(struct sqlstore *s, const char *condition, const uint8_t *name, int64_t *count,
			   struct errmsg *msg)
{
	char sql[128];
	sqlite3_stmt *stmt;
	bool row;
	snprintf(sql, sizeof(sql), "SELECT count(*) FROM \"key\" WHERE %s", condition);
	enum err err = keystore_inside_prepare(s, &stmt, sql, "looking for keys", msg);
	if (err)
		return err;
	keystore_inside_bind_name(stmt, 1, name);
	err = sqlstore_step(s, stmt, &row, msg);
	*count = !err && row ? sqlite3_column_int64(stmt, 0) : 0;
	sqlite3_finalize(stmt);
	return err;
}

/* See keystore.h: names of keys and of identities must not cross. */
static enum err check_identity(struct sqlstore *s, const struct keystore_key *key, struct errmsg *msg)
{
	char name[NAME_TEXT_MAX], identity[NAME_TEXT_MAX];
	int64_t count;
	if (!key->identity.len) {
		enum err err = count_keys(s, "identity = ?1", key->name.wire, &count, msg);
		if (!err && count)
			err = errmsg_set(
				msg, ERR_EXISTS,
				"%s is the identity of a key that is there: choose another name, or give the new "
				"key its rights with --identity %s",
				name_to_text(key->name.wire, name), name);
		return err;
	}
	if (name_equal(key->identity.wire, key->name.wire))
		return ERR_OK; /* said on purpose */
	name_to_text(key->identity.wire, identity);
	enum err err = count_keys(s, "identity = ?1", key->identity.wire, &count, msg);
	if (!err && !count)
		return errmsg_set(msg, ERR_NOTFOUND, "no key has the identity %s; see roostctl key list", identity);
	if (!err)
		err = count_keys(s, "identity = ?1", key->name.wire, &count, msg);
	if (!err && count)
		err = errmsg_set(msg, ERR_EXISTS,
				 "%s is an identity itself, so a key of that name cannot have the identity %s",
				 name_to_text(key->name.wire, name), identity);
	return err;
}

enum err keystore_add_key(struct sqlstore *s, const struct keystore_key *key, struct errmsg *msg)
{
	char text[NAME_TEXT_MAX];
	sqlite3_stmt *stmt;
	int64_t there;
	enum err err = count_keys(s, "name = ?1", key->name.wire, &there, msg);
	if (!err && !there) /* else inserting it says so */
		err = check_identity(s, key, msg);
	if (!err)
		err = keystore_inside_prepare(
			s, &stmt,
			"INSERT INTO \"key\" (name, algorithm, secret, created, identity, expires) "
			"VALUES (?1, ?2, ?3, ?4, ?5, nullif(?6, 0))",
			"adding a key", msg);
	if (err)
		return err;
	keystore_inside_bind_name(stmt, 1, key->name.wire);
	keystore_inside_bind_text(stmt, 2, keystore_kind_to_text(key));
	/* Never NULL, also for an empty secret; the copy that SQLite would make is never wiped, so it gets none. */
	sqlite3_bind_blob(stmt, 3, key->secret, (int)key->secret_len, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 4, key->created);
	keystore_inside_bind_name(stmt, 5, key->identity.len ? key->identity.wire : key->name.wire);
	sqlite3_bind_int64(stmt, 6, key->expires);
	err = sqlstore_run(s, stmt, msg);
	sqlite3_finalize(stmt);
	if (err == ERR_EXISTS)
		errmsg_set(msg, err, "%s is there already; see roostctl key list and roostctl token list",
			   name_to_text(key->name.wire, text));
	return err;
}

static enum err bad_key(sqlite3_stmt *stmt, const char *what, struct errmsg *msg)
{
	const char *name = (const char *)sqlite3_column_text(stmt, 1);
	return errmsg_set(
		msg, ERR_CORRUPT,
		"key %.100s in the database: %s; restore the database from a backup, or delete that row of table key",
		name ? name : "", what);
}

static const char token_word[] = "token", password_word[] = "password", sig0_word[] = "sig0";

const char *keystore_kind_to_text(const struct keystore_key *key)
{
	return key->kind == KEYSTORE_TOKEN      ? token_word
	       : key->kind == KEYSTORE_PASSWORD ? password_word
	       : key->kind == KEYSTORE_SIG0     ? sig0_word
						: tsig_algorithm_to_text(key->algorithm);
}

static bool read_kind(struct keystore_key *out, const char *word)
{
	out->kind = strcmp(word, token_word) == 0      ? KEYSTORE_TOKEN
		    : strcmp(word, password_word) == 0 ? KEYSTORE_PASSWORD
		    : strcmp(word, sig0_word) == 0     ? KEYSTORE_SIG0
						       : KEYSTORE_TSIG;
	out->algorithm = out->kind == KEYSTORE_TSIG ? tsig_algorithm_from_text(word) : TSIG_NONE;
	return out->kind != KEYSTORE_TSIG || out->algorithm != TSIG_NONE;
}

static bool kind_has_length(enum keystore_kind kind, size_t len)
{
	if (kind == KEYSTORE_TSIG || kind == KEYSTORE_SIG0)
		return len <= (kind == KEYSTORE_SIG0 ? SIG0_KEY_MAX : (size_t)TSIG_SECRET_MAX);
	return len == (kind == KEYSTORE_TOKEN ? 0 : SECRET_SALT_LEN) + SECRET_HASH_LEN;
}

static enum err read_key(sqlite3_stmt *stmt, struct keystore_key *out, struct errmsg *msg)
{
	const char *name = (const char *)sqlite3_column_text(stmt, 1);
	const char *algorithm = (const char *)sqlite3_column_text(stmt, 2);
	const void *secret = sqlite3_column_blob(stmt, 3);
	const char *identity = (const char *)sqlite3_column_text(stmt, 5);
	size_t len = (size_t)sqlite3_column_bytes(stmt, 3);
	if (!name || !algorithm || !identity || (!secret && len))
		return errmsg_set(msg, ERR_NOMEM, "reading keys: out of memory");
	if (name_from_text(&out->name, name) != ERR_OK)
		return bad_key(stmt, "its name is not a domain name", msg);
	name_lower(out->name.wire, out->name.wire, out->name.len);
	if (name_from_text(&out->identity, identity) != ERR_OK)
		return bad_key(stmt, "its identity is not a domain name", msg);
	name_lower(out->identity.wire, out->identity.wire, out->identity.len);
	if (!read_kind(out, algorithm))
		return bad_key(stmt, "its algorithm is not known", msg);
	if (len > sizeof(out->secret) || !kind_has_length(out->kind, len))
		return bad_key(stmt, "its secret is of a length that cannot be", msg);
	if (len)
		memcpy(out->secret, secret, len);
	out->secret_len = len;
	out->id = sqlite3_column_int64(stmt, 0);
	out->created = sqlite3_column_int64(stmt, 4);
	out->expires = sqlite3_column_int64(stmt, 6); /* NULL is 0 */
	return ERR_OK;
}

enum err keystore_find_key(struct sqlstore *s, const uint8_t *name, struct keystore_key *out, struct errmsg *msg)
{
	sqlite3_stmt *stmt;
	bool row;
	enum err err = keystore_inside_prepare(s, &stmt, "SELECT " KEY_COLUMNS " FROM \"key\" WHERE name = ?1",
					       "looking for a key", msg);
	if (err)
		return err;
	keystore_inside_bind_name(stmt, 1, name);
	err = sqlstore_step(s, stmt, &row, msg);
	if (!err)
		err = row ? read_key(stmt, out, msg) : keystore_inside_no_key(name, msg);
	sqlite3_finalize(stmt);
	return err;
}

enum err keystore_each_key(struct sqlstore *s, keystore_key_fn *fn, void *arg, struct errmsg *msg)
{
	struct keystore_key key = {.id = 0};
	sqlite3_stmt *stmt;
	bool row = false;
	enum err err = keystore_inside_prepare(s, &stmt, "SELECT " KEY_COLUMNS " FROM \"key\" ORDER BY name",
					       "reading keys", msg);
	if (err)
		return err;
	while (!err && !(err = sqlstore_step(s, stmt, &row, msg)) && row) {
		err = read_key(stmt, &key, msg);
		if (!err)
			err = fn(arg, &key);
	}
	sqlite3_finalize(stmt);
	explicit_bzero(key.secret, sizeof(key.secret));
	return err;
}

enum err keystore_find_identity(struct sqlstore *s, const uint8_t *name, struct name *out, struct errmsg *msg)
{
	struct errmsg ignored = {.text = ""};
	struct keystore_key key;
	int64_t count;
	enum err err = keystore_find_key(s, name, &key, &ignored);
	explicit_bzero(key.secret, sizeof(key.secret));
	if (!err) {
		*out = key.identity;
		return ERR_OK;
	}
	if (err == ERR_NOTFOUND)
		err = count_keys(s, "identity = ?1", name, &count, &ignored);
	if (err) {
		if (msg)
			*msg = ignored;
		return err;
	}
	name_set(out, name);
	name_lower(out->wire, out->wire, out->len);
	return count ? ERR_OK : keystore_inside_no_key(name, msg);
}

enum err keystore_set_key_expiry(struct sqlstore *s, const uint8_t *name, int64_t expires, struct errmsg *msg)
{
	sqlite3_stmt *stmt;
	enum err err = keystore_inside_prepare(s, &stmt, "UPDATE \"key\" SET expires = nullif(?2, 0) WHERE name = ?1",
					       "giving a key an end", msg);
	if (err)
		return err;
	keystore_inside_bind_name(stmt, 1, name);
	sqlite3_bind_int64(stmt, 2, expires);
	err = sqlstore_run(s, stmt, msg);
	sqlite3_finalize(stmt);
	return !err && !sqlite3_changes(sqlstore_handle(s)) ? keystore_inside_no_key(name, msg) : err;
}

enum err keystore_end_others(struct sqlstore *s, const struct keystore_key *key, int64_t expires, struct errmsg *msg)
{
	sqlite3_stmt *stmt;
	enum err err = keystore_inside_prepare(s, &stmt,
					       "UPDATE \"key\" SET expires = ?3 WHERE identity = ?1 AND name <> ?2 "
					       "AND (expires IS NULL OR expires > ?3)",
					       "giving keys an end", msg);
	if (err)
		return err;
	keystore_inside_bind_name(stmt, 1, key->identity.wire);
	keystore_inside_bind_name(stmt, 2, key->name.wire);
	sqlite3_bind_int64(stmt, 3, expires);
	err = sqlstore_run(s, stmt, msg);
	sqlite3_finalize(stmt);
	return err;
}

static enum err savepoint(struct sqlstore *s, const char *sql, struct errmsg *msg)
{
	return sqlite3_exec(sqlstore_handle(s), sql, NULL, NULL, NULL) == SQLITE_OK
		       ? ERR_OK
		       : sqlstore_error(s, msg, "removing a key");
}

/* Rows of other tables that name a key fall with it: grants with the last of their identity (by a trigger), those of
 * tables that this room does not know (peer) by ON DELETE CASCADE. How many that were tells whether there were any. */
static enum err delete_key(struct sqlstore *s, const uint8_t *name, bool with_grants, struct errmsg *msg)
{
	sqlite3 *db = sqlstore_handle(s);
	char text[NAME_TEXT_MAX];
	sqlite3_int64 before = sqlite3_total_changes64(db);
	enum err err = keystore_inside_run(s, "DELETE FROM \"key\" WHERE name = ?1", name, "removing a key", msg);
	if (err)
		return err;
	sqlite3_int64 rows = sqlite3_total_changes64(db) - before;
	if (!rows)
		return keystore_inside_no_key(name, msg);
	if (rows > 1 && !with_grants)
		return errmsg_set(
			msg, ERR_REFUSED,
			"key %s is named by %lld grants or peers; remove these first, or remove it with --force",
			name_to_text(name, text), (long long)rows - 1);
	return ERR_OK;
}

enum err keystore_remove_key(struct sqlstore *s, const uint8_t *name, bool with_grants, struct errmsg *msg)
{
	enum err err = savepoint(s, "SAVEPOINT remove_key", msg);
	if (err)
		return err;
	err = delete_key(s, name, with_grants, msg);
	if (err)
		(void)savepoint(s, "ROLLBACK TO remove_key", NULL);
	enum err released = savepoint(s, "RELEASE remove_key", err ? NULL : msg);
	return err ? err : released;
}

/* ---- the snapshot ---- */

struct load {
	struct access *access;
	struct errmsg *msg;
};

static enum err load_secret(struct load *l, const struct keystore_key *k)
{
	char text[NAME_TEXT_MAX];
	size_t salt = k->kind == KEYSTORE_PASSWORD ? SECRET_SALT_LEN : 0;
	struct access_secret s = {.name = k->name.wire,
				  .identity = k->identity.wire,
				  .expires = k->expires,
				  .is_password = k->kind == KEYSTORE_PASSWORD};
	memcpy(s.stored.salt, k->secret, salt);
	memcpy(s.stored.hash, k->secret + salt, SECRET_HASH_LEN);
	enum err err = access_add_secret(l->access, &s);
	return err ? errmsg_set(l->msg, err, "%s %s: %s", keystore_kind_to_text(k), name_to_text(k->name.wire, text),
				err_text(err))
		   : ERR_OK;
}

static enum err unusable(const struct load *l, const struct keystore_key *k, enum err err)
{
	char text[NAME_TEXT_MAX];
	if (k->kind == KEYSTORE_SIG0 && err != ERR_NOMEM)
		return errmsg_set(l->msg, ERR_CORRUPT,
				  "key %s in the database is no public key (%s); remove it with 'roostctl key remove' "
				  "and add it again",
				  name_to_text(k->name.wire, text), err_text(err));
	return errmsg_set(l->msg, err,
			  "key %s cannot be used (%s); remove it with 'roostctl key remove' and add it again",
			  name_to_text(k->name.wire, text), err_text(err));
}

static enum err load_key(void *arg, const struct keystore_key *k)
{
	struct load *l = arg;
	if (k->kind != KEYSTORE_TSIG && k->kind != KEYSTORE_SIG0)
		return load_secret(l, k);
	char text[NAME_TEXT_MAX];
	struct tsig_key *tsig = NULL;
	struct sig0_key *sig0 = NULL;
	enum err err = k->kind == KEYSTORE_SIG0
			       ? sig0_key_new(&sig0, k->name.wire, k->secret, k->secret_len)
			       : tsig_key_new(&tsig, k->name.wire, k->algorithm, k->secret, k->secret_len);
	if (err)
		return unusable(l, k, err);
	err = sig0 ? access_add_sig0(l->access, sig0, k->identity.wire, k->expires)
		   : access_add_key(l->access, tsig, k->identity.wire, k->expires);
	if (!err)
		return ERR_OK;
	tsig_key_free(tsig);
	sig0_key_free(sig0);
	if (err == ERR_EXISTS) /* two spellings of one name: the table was changed by hand */
		return errmsg_set(l->msg, ERR_CORRUPT,
				  "key %s stands twice in the database; delete one row of table key",
				  name_to_text(k->name.wire, text));
	return errmsg_set(l->msg, err, "loading keys: %s", err_text(err));
}

static enum err load_grant(void *arg, const struct access_grant *g)
{
	struct load *l = arg;
	enum err err = access_add_grant(l->access, g);
	return err ? errmsg_set(l->msg, err, "loading grants: %s", err_text(err)) : ERR_OK;
}

static enum err load_lock(void *arg, const struct keystore_lock *k)
{
	struct load *l = arg;
	enum err err = access_add_lock(l->access, k->zone.wire, k->owner.wire, k->type);
	return err ? errmsg_set(l->msg, err, "loading locks: %s", err_text(err)) : ERR_OK;
}

enum err keystore_load(struct sqlstore *s, struct access **out, struct errmsg *msg)
{
	struct load l = {.msg = msg};
	*out = NULL;
	enum err err = access_new(&l.access);
	if (err)
		return errmsg_set(msg, err, "loading keys and grants: out of memory");
	err = keystore_each_key(s, load_key, &l, msg);
	if (!err)
		err = keystore_each_grant(s, NULL, load_grant, &l, msg);
	if (!err)
		err = keystore_each_lock(s, NULL, load_lock, &l, msg);
	if (err)
		access_release(l.access);
	else
		*out = l.access;
	return err;
}
