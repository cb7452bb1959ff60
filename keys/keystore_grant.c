/* keystore_grant.c: grants and locks in SQLite. */
#include <stdio.h>
#include <stdlib.h>

#include "keys/keystore_inside.h"

#define GRANT_COLUMNS                                                                                            \
	"id, zone, action, \"key\", source, name, types, rate, name_rate, max_records, expires, lease_default, " \
	"lease_max, key_lease_max"

enum {
	GRANT_TYPES_MAX = sizeof(((struct access_grant *)0)->types) / sizeof(((struct access_grant *)0)->types[0]),
	TYPES_TEXT_MAX = GRANT_TYPES_MAX * RR_TYPE_TEXT_MAX
};

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
	keystore_inside_bind_name(stmt, 1, g->zone.wire);
	keystore_inside_bind_text(stmt, 2, access_action_to_text(g->action));
	if (g->has_key)
		keystore_inside_bind_name(stmt, 3, g->key.wire);
	if (g->has_from)
		keystore_inside_bind_text(stmt, 4, addr_prefix_to_text(&g->from, text));
	if (g->pattern_kind != ACCESS_NAME_ANY)
		keystore_inside_bind_text(stmt, 5, access_pattern_to_text(g, text));
	types_to_text(g, types);
	if (types[0])
		keystore_inside_bind_text(stmt, 6, types);
	if (g->rate.count)
		keystore_inside_bind_text(stmt, 7, access_rate_to_text(&g->rate, text));
	if (g->name_rate.count)
		keystore_inside_bind_text(stmt, 8, access_rate_to_text(&g->name_rate, text));
	if (g->max_records)
		sqlite3_bind_int64(stmt, 9, g->max_records);
	if (g->expires)
		sqlite3_bind_int64(stmt, 10, g->expires);
	if (g->lease.standard)
		sqlite3_bind_int64(stmt, 11, g->lease.standard);
	if (!g->lease.max)
		return;
	sqlite3_bind_int64(stmt, 12, g->lease.max);
	sqlite3_bind_int64(stmt, 13, g->lease.key_max);
}

static enum err find_equal(struct sqlstore *s, struct access_grant *g, struct errmsg *msg)
{
	sqlite3_stmt *stmt;
	bool row;
	enum err err = keystore_inside_prepare(
		s, &stmt,
		"SELECT id FROM \"grant\" WHERE zone = ?1 AND action = ?2 AND \"key\" IS ?3 AND source IS ?4 "
		"AND name IS ?5 AND types IS ?6",
		"looking for a grant", msg);
	if (err)
		return err;
	bind_grant(stmt, g); /* its limits find no parameter */
	err = sqlstore_step(s, stmt, &row, msg);
	if (!err && row)
		g->id = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return err;
}

enum err keystore_add_grant(struct sqlstore *s, struct access_grant *g, struct errmsg *msg)
{
	char text[NAME_TEXT_MAX];
	sqlite3_stmt *stmt;
	enum err err = keystore_inside_prepare(s, &stmt,
					       "INSERT INTO \"grant\" (zone, action, \"key\", source, name, types, "
					       "rate, name_rate, max_records, expires, lease_default, lease_max, "
					       "key_lease_max) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, "
					       "?12, ?13)",
					       "adding a grant", msg);
	if (err)
		return err;
	bind_grant(stmt, g);
	err = sqlstore_run(s, stmt, msg);
	sqlite3_finalize(stmt);
	if (err == ERR_EXISTS && find_equal(s, g, msg))
		return ERR_CORRUPT;
	if (err == ERR_EXISTS)
		return errmsg_set(msg, err, "zone %s has that very grant already; see roostctl grant list",
				  name_to_text(g->zone.wire, text));
	if (err == ERR_REFUSED && g->has_key) /* the trigger */
		return keystore_inside_no_key(g->key.wire, msg);
	if (!err)
		g->id = sqlite3_last_insert_rowid(sqlstore_handle(s));
	return err;
}

enum err keystore_remove_grant(struct sqlstore *s, int64_t id, struct errmsg *msg)
{
	sqlite3_stmt *stmt;
	enum err err =
		keystore_inside_prepare(s, &stmt, "DELETE FROM \"grant\" WHERE id = ?1", "removing a grant", msg);
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
	enum err err = keystore_inside_run(s, "DELETE FROM \"grant\" WHERE zone = ?1", zone,
					   "removing the grants of a zone", msg);
	return err ? err
		   : keystore_inside_run(s, "DELETE FROM lock WHERE zone = ?1", zone, "removing the locks of a zone",
					 msg);
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
	const char *text[9];
	for (int i = 1; i <= 8; i++) {
		text[i] = (const char *)sqlite3_column_text(stmt, i);
		if (!text[i] && sqlite3_column_type(stmt, i) != SQLITE_NULL)
			return errmsg_set(msg, ERR_NOMEM, "reading grants: out of memory");
	}
	const char *zone = text[1], *action = text[2], *key = text[3], *source = text[4], *name = text[5],
		   *types = text[6], *rate = text[7], *name_rate = text[8];
	int64_t max = sqlite3_column_int64(stmt, 9);
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
	if (rate && access_rate_from_text(&g->rate, rate) != ERR_OK)
		return bad_grant(g->id, "rate", rate, msg);
	if (name_rate && access_rate_from_text(&g->name_rate, name_rate) != ERR_OK)
		return bad_grant(g->id, "rate of a name", name_rate, msg);
	g->max_records = (uint32_t)max;              /* the table checks it */
	g->expires = sqlite3_column_int64(stmt, 10); /* NULL is 0, as below */
	g->lease = (struct access_lease){.standard = (uint32_t)sqlite3_column_int64(stmt, 11),
					 .max = (uint32_t)sqlite3_column_int64(stmt, 12),
					 .key_max = (uint32_t)sqlite3_column_int64(stmt, 13)};
	return ERR_OK;
}

enum err keystore_each_grant(struct sqlstore *s, const uint8_t *zone, keystore_grant_fn *fn, void *arg,
			     struct errmsg *msg)
{
	struct access_grant g;
	sqlite3_stmt *stmt;
	bool row = false;
	enum err err =
		keystore_inside_prepare(s, &stmt,
					zone ? "SELECT " GRANT_COLUMNS " FROM \"grant\" WHERE zone = ?1 ORDER BY id"
					     : "SELECT " GRANT_COLUMNS " FROM \"grant\" ORDER BY id",
					"reading grants", msg);
	if (err)
		return err;
	if (zone)
		keystore_inside_bind_name(stmt, 1, zone);
	while (!err && !(err = sqlstore_step(s, stmt, &row, msg)) && row) {
		err = read_grant(stmt, &g, msg);
		if (!err)
			err = fn(arg, &g);
	}
	sqlite3_finalize(stmt);
	return err;
}

/* ---- locks ---- */

static const char *lock_type(uint16_t type, char text[RR_TYPE_TEXT_MAX])
{
	return type == TYPE_ANY ? "ANY" : rr_type_to_text(type, text);
}

enum err keystore_add_lock(struct sqlstore *s, const struct keystore_lock *l, struct errmsg *msg)
{
	char type[RR_TYPE_TEXT_MAX];
	sqlite3_stmt *stmt;
	enum err err = keystore_inside_prepare(s, &stmt,
					       "INSERT INTO lock (zone, name, type, created) VALUES (?1, ?2, ?3, ?4)",
					       "locking records", msg);
	if (err)
		return err;
	keystore_inside_bind_name(stmt, 1, l->zone.wire);
	keystore_inside_bind_name(stmt, 2, l->owner.wire);
	keystore_inside_bind_text(stmt, 3, lock_type(l->type, type));
	sqlite3_bind_int64(stmt, 4, l->created);
	err = sqlstore_run(s, stmt, msg);
	sqlite3_finalize(stmt);
	return err;
}

enum err keystore_remove_lock(struct sqlstore *s, const uint8_t *zone, const uint8_t *owner, uint16_t type,
			      struct errmsg *msg)
{
	char text[RR_TYPE_TEXT_MAX];
	sqlite3_stmt *stmt;
	enum err err = keystore_inside_prepare(
		s, &stmt, "DELETE FROM lock WHERE zone = ?1 AND name = ?2 AND (?3 = 'ANY' OR type = ?3)",
		"unlocking records", msg);
	if (err)
		return err;
	keystore_inside_bind_name(stmt, 1, zone);
	keystore_inside_bind_name(stmt, 2, owner);
	keystore_inside_bind_text(stmt, 3, lock_type(type, text));
	err = sqlstore_run(s, stmt, msg);
	sqlite3_finalize(stmt);
	if (!err && !sqlite3_changes(sqlstore_handle(s)))
		err = errmsg_set(msg, ERR_NOTFOUND, "there is no such lock; see roostctl record list");
	return err;
}

/* A lock that cannot be read must not be lost. */
static enum err read_lock(sqlite3_stmt *stmt, struct keystore_lock *l, struct errmsg *msg)
{
	const char *zone = (const char *)sqlite3_column_text(stmt, 0),
		   *name = (const char *)sqlite3_column_text(stmt, 1),
		   *type = (const char *)sqlite3_column_text(stmt, 2);
	if (!zone || !name || !type)
		return errmsg_set(msg, ERR_NOMEM, "reading locks: out of memory");
	l->type = TYPE_ANY;
	l->created = sqlite3_column_int64(stmt, 3);
	if (name_from_text(&l->zone, zone) || name_from_text(&l->owner, name) ||
	    (strcmp(type, "ANY") != 0 && rr_type_from_text(&l->type, type)))
		return errmsg_set(
			msg, ERR_CORRUPT,
			"the lock of %.100s %.20s in the database cannot be read; delete that row of table lock "
			"and lock it again",
			name, type);
	name_lower(l->zone.wire, l->zone.wire, l->zone.len);
	name_lower(l->owner.wire, l->owner.wire, l->owner.len);
	return ERR_OK;
}

enum err keystore_each_lock(struct sqlstore *s, const uint8_t *zone, keystore_lock_fn *fn, void *arg,
			    struct errmsg *msg)
{
	struct keystore_lock l;
	sqlite3_stmt *stmt;
	bool row = false;
	enum err err = keystore_inside_prepare(
		s, &stmt,
		zone ? "SELECT zone, name, type, created FROM lock WHERE zone = ?1 ORDER BY name, type"
		     : "SELECT zone, name, type, created FROM lock ORDER BY zone, name, type",
		"reading locks", msg);
	if (err)
		return err;
	if (zone)
		keystore_inside_bind_name(stmt, 1, zone);
	while (!err && !(err = sqlstore_step(s, stmt, &row, msg)) && row) {
		err = read_lock(stmt, &l, msg);
		if (!err)
			err = fn(arg, &l);
	}
	sqlite3_finalize(stmt);
	return err;
}
