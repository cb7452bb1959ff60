/* keystore.c: see keystore.h. These statements run rarely, so they are prepared for each call and kept nowhere. */
#include "keys/keystore.h"

#include <stdio.h>
#include <stdlib.h>

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

#define KEY_COLUMNS "id, name, algorithm, secret, created"
#define GRANT_COLUMNS "id, zone, action, \"key\", source, name, types"

enum {
	GRANT_TYPES_MAX = sizeof(((struct access_grant *)0)->types) / sizeof(((struct access_grant *)0)->types[0]),
	TYPES_TEXT_MAX = GRANT_TYPES_MAX * RR_TYPE_TEXT_MAX
};

/* ---- statements ---- */

static enum err prepare(struct sqlstore *s, sqlite3_stmt **out, const char *sql, const char *doing, struct errmsg *msg)
{
	if (sqlite3_prepare_v2(sqlstore_handle(s), sql, -1, out, NULL) == SQLITE_OK)
		return ERR_OK;
	*out = NULL;
	return sqlstore_error(s, msg, doing);
}

static void bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
	sqlite3_bind_text(stmt, at, text, -1, SQLITE_TRANSIENT);
}

static void bind_name(sqlite3_stmt *stmt, int at, const uint8_t *name)
{
	char text[NAME_TEXT_MAX];
	uint8_t lower[NAME_WIRE_MAX];
	name_lower(lower, name, name_len(name));
	bind_text(stmt, at, name_to_text(lower, text));
}

/* Runs a statement whose only parameter is a name. */
static enum err run_for_name(struct sqlstore *s, const char *sql, const uint8_t *name, const char *doing,
			     struct errmsg *msg)
{
	sqlite3_stmt *stmt;
	enum err err = prepare(s, &stmt, sql, doing, msg);
	if (err)
		return err;
	bind_name(stmt, 1, name);
	err = sqlstore_run(s, stmt, msg);
	sqlite3_finalize(stmt);
	return err;
}

/* ---- keys ---- */

static enum err no_such_key(const uint8_t *name, struct errmsg *msg)
{
	char text[NAME_TEXT_MAX];
	return errmsg_set(msg, ERR_NOTFOUND, "there is no key %s; see roostctl key list", name_to_text(name, text));
}

enum err keystore_add_key(struct sqlstore *s, const struct keystore_key *key, struct errmsg *msg)
{
	char text[NAME_TEXT_MAX];
	sqlite3_stmt *stmt;
	enum err err =
		prepare(s, &stmt, "INSERT INTO \"key\" (name, algorithm, secret, created) VALUES (?1, ?2, ?3, ?4)",
			"adding a key", msg);
	if (err)
		return err;
	bind_name(stmt, 1, key->name.wire);
	bind_text(stmt, 2, tsig_algorithm_to_text(key->algorithm));
	/* Never NULL, also for an empty secret; the copy that SQLite would make is never wiped, so it gets none. */
	sqlite3_bind_blob(stmt, 3, key->secret, (int)key->secret_len, SQLITE_STATIC);
	sqlite3_bind_int64(stmt, 4, key->created);
	err = sqlstore_run(s, stmt, msg);
	sqlite3_finalize(stmt);
	if (err == ERR_EXISTS)
		errmsg_set(msg, err, "key %s is there already; remove it first, or choose another name",
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

static enum err read_key(sqlite3_stmt *stmt, struct keystore_key *out, struct errmsg *msg)
{
	const char *name = (const char *)sqlite3_column_text(stmt, 1);
	const char *algorithm = (const char *)sqlite3_column_text(stmt, 2);
	const void *secret = sqlite3_column_blob(stmt, 3);
	size_t len = (size_t)sqlite3_column_bytes(stmt, 3);
	if (!name || !algorithm || (!secret && len))
		return errmsg_set(msg, ERR_NOMEM, "reading keys: out of memory");
	if (name_from_text(&out->name, name) != ERR_OK)
		return bad_key(stmt, "its name is not a domain name", msg);
	name_lower(out->name.wire, out->name.wire, out->name.len);
	out->algorithm = tsig_algorithm_from_text(algorithm);
	if (out->algorithm == TSIG_NONE)
		return bad_key(stmt, "its algorithm is not known", msg);
	if (len > sizeof(out->secret))
		return bad_key(stmt, "its secret is too long", msg);
	if (len)
		memcpy(out->secret, secret, len);
	out->secret_len = len;
	out->id = sqlite3_column_int64(stmt, 0);
	out->created = sqlite3_column_int64(stmt, 4);
	return ERR_OK;
}

enum err keystore_find_key(struct sqlstore *s, const uint8_t *name, struct keystore_key *out, struct errmsg *msg)
{
	sqlite3_stmt *stmt;
	bool row;
	enum err err =
		prepare(s, &stmt, "SELECT " KEY_COLUMNS " FROM \"key\" WHERE name = ?1", "looking for a key", msg);
	if (err)
		return err;
	bind_name(stmt, 1, name);
	err = sqlstore_step(s, stmt, &row, msg);
	if (!err)
		err = row ? read_key(stmt, out, msg) : no_such_key(name, msg);
	sqlite3_finalize(stmt);
	return err;
}

enum err keystore_each_key(struct sqlstore *s, keystore_key_fn *fn, void *arg, struct errmsg *msg)
{
	struct keystore_key key = {.id = 0};
	sqlite3_stmt *stmt;
	bool row = false;
	enum err err = prepare(s, &stmt, "SELECT " KEY_COLUMNS " FROM \"key\" ORDER BY name", "reading keys", msg);
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

static enum err savepoint(struct sqlstore *s, const char *sql, struct errmsg *msg)
{
	return sqlite3_exec(sqlstore_handle(s), sql, NULL, NULL, NULL) == SQLITE_OK
		       ? ERR_OK
		       : sqlstore_error(s, msg, "removing a key");
}

/* Rows of other tables that name a key fall with it (ON DELETE CASCADE), also of tables that this room does not know
 * (peer). How many that were tells whether there were any. */
static enum err delete_key(struct sqlstore *s, const uint8_t *name, bool with_grants, struct errmsg *msg)
{
	sqlite3 *db = sqlstore_handle(s);
	char text[NAME_TEXT_MAX];
	sqlite3_int64 before = sqlite3_total_changes64(db);
	enum err err = run_for_name(s, "DELETE FROM \"key\" WHERE name = ?1", name, "removing a key", msg);
	if (err)
		return err;
	sqlite3_int64 rows = sqlite3_total_changes64(db) - before;
	if (!rows)
		return no_such_key(name, msg);
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

/* ---- grants ---- */

static int compare_types(const void *a, const void *b)
{
	return (int)*(const uint16_t *)a - (int)*(const uint16_t *)b;
}

/* Equal lists must be equal text. */
static void types_to_text(const struct access_grant *g, char out[TYPES_TEXT_MAX])
{
	uint16_t types[GRANT_TYPES_MAX];
	size_t n = g->type_count, len = 0;
	memcpy(types, g->types, n * sizeof(types[0]));
	qsort(types, n, sizeof(types[0]), compare_types);
	out[0] = '\0';
	for (size_t i = 0; i < n; i++) {
		char type[RR_TYPE_TEXT_MAX];
		if (i && types[i] == types[i - 1])
			continue;
		len += (size_t)snprintf(out + len, TYPES_TEXT_MAX - len, "%s%s", i ? "," : "",
					rr_type_to_text(types[i], type));
	}
}

static bool types_from_text(struct access_grant *g, const char *text)
{
	g->type_count = 0;
	while (*text) {
		char type[RR_TYPE_TEXT_MAX];
		size_t len = strcspn(text, ",");
		if (g->type_count == GRANT_TYPES_MAX || len >= sizeof(type))
			return false;
		memcpy(type, text, len);
		type[len] = '\0';
		if (rr_type_from_text(&g->types[g->type_count++], type) != ERR_OK)
			return false;
		text += len;
		if (*text == ',' && !*++text)
			return false;
	}
	return g->type_count > 0; /* none is NULL, which is every type: an empty text must not become that */
}

static void bind_grant(sqlite3_stmt *stmt, const struct access_grant *g)
{
	char text[NAME_TEXT_MAX], types[TYPES_TEXT_MAX];
	bind_name(stmt, 1, g->zone.wire);
	bind_text(stmt, 2, access_action_to_text(g->action));
	if (g->has_key)
		bind_name(stmt, 3, g->key.wire);
	if (g->has_from)
		bind_text(stmt, 4, addr_prefix_to_text(&g->from, text));
	if (g->pattern_kind != ACCESS_NAME_ANY)
		bind_text(stmt, 5, access_pattern_to_text(g, text));
	types_to_text(g, types);
	if (types[0])
		bind_text(stmt, 6, types);
}

enum err keystore_add_grant(struct sqlstore *s, struct access_grant *g, struct errmsg *msg)
{
	char text[NAME_TEXT_MAX];
	sqlite3_stmt *stmt;
	enum err err = prepare(
		s, &stmt,
		"INSERT INTO \"grant\" (zone, action, \"key\", source, name, types) VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
		"adding a grant", msg);
	if (err)
		return err;
	bind_grant(stmt, g);
	err = sqlstore_run(s, stmt, msg);
	sqlite3_finalize(stmt);
	if (err == ERR_EXISTS)
		return errmsg_set(msg, err, "zone %s has that very grant already; see roostctl grant list",
				  name_to_text(g->zone.wire, text));
	if (err == ERR_REFUSED && g->has_key) /* the foreign key */
		return no_such_key(g->key.wire, msg);
	if (!err)
		g->id = sqlite3_last_insert_rowid(sqlstore_handle(s));
	return err;
}

enum err keystore_remove_grant(struct sqlstore *s, int64_t id, struct errmsg *msg)
{
	sqlite3_stmt *stmt;
	enum err err = prepare(s, &stmt, "DELETE FROM \"grant\" WHERE id = ?1", "removing a grant", msg);
	if (err)
		return err;
	sqlite3_bind_int64(stmt, 1, id);
	err = sqlstore_run(s, stmt, msg);
	sqlite3_finalize(stmt);
	if (!err && !sqlite3_changes(sqlstore_handle(s)))
		err = errmsg_set(msg, ERR_NOTFOUND, "there is no grant %lld; see roostctl grant list", (long long)id);
	return err;
}

enum err keystore_remove_zone_grants(struct sqlstore *s, const uint8_t *zone, struct errmsg *msg)
{
	return run_for_name(s, "DELETE FROM \"grant\" WHERE zone = ?1", zone, "removing the grants of a zone", msg);
}

static enum err bad_grant(int64_t id, const char *what, const char *value, struct errmsg *msg)
{
	return errmsg_set(
		msg, ERR_CORRUPT,
		"grant %lld in the database: %s '%.100s' cannot be read; remove it with 'roostctl grant remove %lld' "
		"and add it again",
		(long long)id, what, value, (long long)id);
}

/* A grant that cannot be read must never become a wider one: every fault is an error. */
static enum err read_grant(sqlite3_stmt *stmt, struct access_grant *g, struct errmsg *msg)
{
	const char *text[7];
	for (int i = 1; i <= 6; i++) {
		text[i] = (const char *)sqlite3_column_text(stmt, i);
		if (!text[i] && sqlite3_column_type(stmt, i) != SQLITE_NULL)
			return errmsg_set(msg, ERR_NOMEM, "reading grants: out of memory");
	}
	const char *zone = text[1], *action = text[2], *key = text[3], *source = text[4], *name = text[5],
		   *types = text[6];
	*g = (struct access_grant){.id = sqlite3_column_int64(stmt, 0), .has_key = key, .has_from = source};
	if (name_from_text(&g->zone, zone) != ERR_OK)
		return bad_grant(g->id, "zone", zone, msg);
	name_lower(g->zone.wire, g->zone.wire, g->zone.len);
	if (access_action_from_text(&g->action, action) != ERR_OK)
		return bad_grant(g->id, "action", action, msg);
	if (key && name_from_text(&g->key, key) != ERR_OK)
		return bad_grant(g->id, "key", key, msg);
	name_lower(g->key.wire, g->key.wire, g->key.len); /* nothing if there is none */
	if (source && addr_prefix_parse(&g->from, source, NULL) != ERR_OK)
		return bad_grant(g->id, "source", source, msg);
	if (name && (!*name || access_pattern_from_text(g, name, NULL) != ERR_OK))
		return bad_grant(g->id, "name", name, msg);
	if (types && !types_from_text(g, types))
		return bad_grant(g->id, "types", types, msg);
	return ERR_OK;
}

enum err keystore_each_grant(struct sqlstore *s, const uint8_t *zone, keystore_grant_fn *fn, void *arg,
			     struct errmsg *msg)
{
	struct access_grant g;
	sqlite3_stmt *stmt;
	bool row = false;
	enum err err = prepare(s, &stmt,
			       zone ? "SELECT " GRANT_COLUMNS " FROM \"grant\" WHERE zone = ?1 ORDER BY id"
				    : "SELECT " GRANT_COLUMNS " FROM \"grant\" ORDER BY id",
			       "reading grants", msg);
	if (err)
		return err;
	if (zone)
		bind_name(stmt, 1, zone);
	while (!err && !(err = sqlstore_step(s, stmt, &row, msg)) && row) {
		err = read_grant(stmt, &g, msg);
		if (!err)
			err = fn(arg, &g);
	}
	sqlite3_finalize(stmt);
	return err;
}

/* ---- the snapshot ---- */

struct load {
	struct access *access;
	struct errmsg *msg;
};

static enum err load_key(void *arg, const struct keystore_key *k)
{
	struct load *l = arg;
	char text[NAME_TEXT_MAX];
	struct tsig_key *key;
	enum err err = tsig_key_new(&key, k->name.wire, k->algorithm, k->secret, k->secret_len);
	if (err)
		return errmsg_set(l->msg, err,
				  "key %s cannot be used (%s); remove it with 'roostctl key remove' and add it again",
				  name_to_text(k->name.wire, text), err_text(err));
	err = access_add_key(l->access, key);
	if (!err)
		return ERR_OK;
	tsig_key_free(key);
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
	if (err)
		access_release(l.access);
	else
		*out = l.access;
	return err;
}
