/* zonestore.c: the database of zones: schema, zones and peers. Records and history: zonestore_records.c,
 * zonestore_history.c. */
#include "zones/store/zonestore_inside.h"
#include "zones/store/zonestore_leases.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>

enum {
	APPLICATION_ID = 0x524f4f53, /* "ROOS", in the file's header */
	CACHE_KIB = 65536, /* of pages while writing: random updates of a big zone should find their pages in memory */
	DNS_PORT = 53
};

/* Tables without a rowid are stored in the order of their key: a zone is read in one sweep. Each index would cost
 * every update a page in the WAL, so the table that updates write all over has none beside its key. What stands here
 * was released and stays; the journal (version, change, change_rr) is another since schema_journal. */
static const char schema_0[] =
	/* AUTOINCREMENT: a removed zone's id never comes back, so a transfer that outlives the zone cannot read
	 * another's history. */
	"CREATE TABLE zone ("
	" id INTEGER PRIMARY KEY AUTOINCREMENT,"
	" name TEXT NOT NULL UNIQUE,"
	" role TEXT NOT NULL CHECK (role IN ('primary', 'secondary')),"
	" policy TEXT NOT NULL CHECK (policy IN ('increment', 'unixtime', 'dated')),"
	" serial INTEGER,"                    /* NULL: no content yet */
	" changed INTEGER NOT NULL DEFAULT 0" /* unix ms */
	") STRICT;"
	"CREATE TABLE rrset ("
	" zone INTEGER NOT NULL REFERENCES zone (id) ON DELETE CASCADE,"
	" owner BLOB NOT NULL," /* sort key of the name */
	" type INTEGER NOT NULL,"
	" covers INTEGER NOT NULL," /* RRSIG: type covered; else 0 */
	" name TEXT NOT NULL,"
	" ttl INTEGER NOT NULL,"
	" rdata BLOB NOT NULL,"     /* for each record its length (2 octets) and RDATA */
	" change INTEGER NOT NULL," /* that touched it last */
	" PRIMARY KEY (zone, owner, type, covers)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE change ("
	" id INTEGER PRIMARY KEY,"
	" time INTEGER NOT NULL,"
	" actor TEXT NOT NULL,"
	" source TEXT NOT NULL,"
	" transport TEXT NOT NULL,"
	" rcode INTEGER NOT NULL,"
	" note TEXT NOT NULL"
	") STRICT;"
	"CREATE TABLE version ("
	" zone INTEGER NOT NULL REFERENCES zone (id) ON DELETE CASCADE,"
	" id INTEGER NOT NULL," /* of its change. Not a foreign key: deleting changes would search this table for each */
	" serial_from INTEGER," /* NULL: the zone had no content */
	" serial_to INTEGER NOT NULL,"
	" time INTEGER NOT NULL,"
	" \"full\" INTEGER NOT NULL,"
	" soa_from_ttl INTEGER,"
	" soa_from BLOB,"
	" soa_to_ttl INTEGER NOT NULL,"
	" soa_to BLOB NOT NULL,"
	" PRIMARY KEY (zone, id)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE change_rr ("
	" version INTEGER NOT NULL REFERENCES change (id) ON DELETE CASCADE,"
	" seq INTEGER NOT NULL,"
	" op INTEGER NOT NULL," /* 0 deleted, 1 added */
	" owner BLOB NOT NULL,"
	" name TEXT NOT NULL,"
	" type INTEGER NOT NULL,"
	" ttl INTEGER NOT NULL,"
	" rdata BLOB NOT NULL," /* of one record */
	" PRIMARY KEY (version, seq)"
	") STRICT, WITHOUT ROWID;"
	"CREATE TABLE peer ("
	" id INTEGER PRIMARY KEY,"
	" zone INTEGER NOT NULL REFERENCES zone (id) ON DELETE CASCADE,"
	" address TEXT NOT NULL," /* address@port */
	" \"key\" TEXT REFERENCES \"key\" (name) ON DELETE CASCADE,"
	" UNIQUE (zone, address)"
	") STRICT;"
	"CREATE INDEX peer_key ON peer (\"key\");";

/* How much history is kept; NULL: what zonestore.h says, 0: all of it. */
static const char schema_history_bounds[] = "ALTER TABLE zone ADD COLUMN history_age INTEGER;"   /* seconds */
					    "ALTER TABLE zone ADD COLUMN history_size INTEGER;"; /* octets */

/* What was a row a version, one for who asked for it and one a record (three tables without rowid, so four pages an
 * update) is one row that is appended. The index finds those of a zone. Refused changes have no serial_to. */
static const char schema_journal[] =
	"ALTER TABLE change RENAME TO old_change;"
	"CREATE TABLE change ("
	" id INTEGER PRIMARY KEY,"
	" zone INTEGER NOT NULL REFERENCES zone (id) ON DELETE CASCADE,"
	" time INTEGER NOT NULL," /* unix ms */
	" actor TEXT NOT NULL,"
	" source TEXT NOT NULL,"
	" transport TEXT NOT NULL,"
	" rcode INTEGER NOT NULL,"
	" note TEXT NOT NULL,"
	" serial_from INTEGER," /* NULL: the zone had no content */
	" serial_to INTEGER,"   /* NULL: no version came of it */
	" \"full\" INTEGER NOT NULL,"
	" soa_from_ttl INTEGER,"
	" soa_from BLOB," /* NULL: as soa_to, with serial_from */
	" soa_to_ttl INTEGER,"
	" soa_to BLOB,"
	" records BLOB" /* packed as zonestore_journal.c draws it; NULL: in change_more */
	") STRICT;"
	"CREATE TABLE change_more ("
	" change INTEGER NOT NULL REFERENCES change (id) ON DELETE CASCADE,"
	" seq INTEGER NOT NULL," /* number of its first record */
	" records BLOB NOT NULL,"
	" PRIMARY KEY (change, seq)"
	") STRICT, WITHOUT ROWID;"
	"INSERT INTO change SELECT v.id, v.zone, v.time, coalesce(c.actor, 'unknown'), coalesce(c.source, ''), "
	"coalesce(c.transport, ''), coalesce(c.rcode, 0), coalesce(c.note, ''), v.serial_from, v.serial_to, "
	"v.\"full\", "
	"v.soa_from_ttl, v.soa_from, v.soa_to_ttl, v.soa_to, "
	"CASE WHEN NOT EXISTS (SELECT 1 FROM change_rr WHERE version = v.id AND seq >= 128) THEN "
	"(SELECT pack_records(op, name, type, ttl, rdata) FROM "
	"(SELECT * FROM change_rr WHERE version = v.id ORDER BY seq)) END "
	"FROM version v LEFT JOIN old_change c ON c.id = v.id ORDER BY v.id;"
	"INSERT INTO change_more SELECT version, seq, (SELECT pack_records(op, name, type, ttl, rdata) FROM "
	"(SELECT * FROM change_rr WHERE version = r.version AND seq BETWEEN r.seq AND r.seq + 127 ORDER BY seq)) "
	"FROM change_rr r WHERE seq % 128 = 0 AND version IN (SELECT id FROM change WHERE records IS NULL);"
	"DROP TABLE change_rr;"
	"DROP TABLE version;"
	"DROP TABLE old_change;"
	"CREATE INDEX change_zone ON change (zone);";

/* See zonestore_keep.h and zonestore_refusals.h. */
static const char schema_upkeep[] = "ALTER TABLE zone ADD COLUMN kept_to INTEGER NOT NULL DEFAULT 0;" /* version */
				    "ALTER TABLE zone ADD COLUMN kept_seq INTEGER NOT NULL DEFAULT 0;"
				    "ALTER TABLE zone ADD COLUMN kept_octets INTEGER NOT NULL DEFAULT 0;"
				    "CREATE TABLE name_version ("
				    " zone INTEGER NOT NULL REFERENCES zone (id) ON DELETE CASCADE,"
				    " owner BLOB NOT NULL," /* sort key */
				    " version INTEGER NOT NULL,"
				    " PRIMARY KEY (zone, owner, version)"
				    ") STRICT, WITHOUT ROWID;"
				    "CREATE TABLE refusal ("
				    " zone INTEGER NOT NULL REFERENCES zone (id) ON DELETE CASCADE,"
				    " actor TEXT NOT NULL,"
				    " network TEXT NOT NULL," /* prefix */
				    " rcode INTEGER NOT NULL,"
				    " why TEXT NOT NULL,"
				    " first INTEGER NOT NULL," /* unix ms */
				    " last INTEGER NOT NULL,"
				    " count INTEGER NOT NULL,"
				    " source TEXT NOT NULL," /* of the last, as what follows */
				    " transport TEXT NOT NULL,"
				    " asked TEXT NOT NULL,"
				    " PRIMARY KEY (zone, actor, network, rcode, why)"
				    ") STRICT, WITHOUT ROWID;";

/* See zonestore_leases.h. */
static const char schema_leases[] = "CREATE TABLE lease ("
				    " zone INTEGER NOT NULL REFERENCES zone (id) ON DELETE CASCADE,"
				    " owner BLOB NOT NULL," /* sort key */
				    " type INTEGER NOT NULL,"
				    " rdata BLOB NOT NULL,"      /* of one record, names in lower case */
				    " expires INTEGER NOT NULL," /* unix ms */
				    " PRIMARY KEY (zone, owner, type, rdata)"
				    ") STRICT, WITHOUT ROWID;"
				    "CREATE INDEX lease_expires ON lease (expires);";

/* See zonestore_secondary.h. */
static const char schema_secondary[] = "CREATE TABLE zone_primary ("
				       " zone INTEGER NOT NULL REFERENCES zone (id) ON DELETE CASCADE,"
				       " position INTEGER NOT NULL,"
				       " address TEXT NOT NULL,"
				       " \"key\" TEXT,"
				       " PRIMARY KEY (zone, position)"
				       ") STRICT, WITHOUT ROWID;"
				       "CREATE TABLE secondary ("
				       " zone INTEGER PRIMARY KEY REFERENCES zone (id) ON DELETE CASCADE,"
				       " checked INTEGER NOT NULL," /* unix ms */
				       " expires INTEGER NOT NULL," /* unix ms */
				       " source TEXT NOT NULL"
				       ") STRICT;";

/* ---- the handle ---- */

static enum err open_sql(struct zonestore *s, const char *path, enum sqlstore_mode mode, struct errmsg *msg)
{
	char *script;
	if (asprintf(&script, "%s%s", keystore_schema_0, schema_0) < 0)
		return errmsg_set(msg, ERR_NOMEM, "database %s: out of memory", path);
	const char *const migrations[] = {
		script,        schema_history_bounds,  schema_journal,   schema_upkeep, keystore_schema_rights,
		schema_leases, keystore_schema_leases, schema_secondary, NULL};
	const struct sqlstore_schema schema = {
		.application_id = APPLICATION_ID, .migrations = migrations, .functions = zonestore_inside_functions};
	enum err err = sqlstore_open(&s->sql, path, mode, &schema, msg);
	free(script);
	return err;
}

static enum err set_cache(struct zonestore *s, struct errmsg *msg)
{
	char pragma[64];
	snprintf(pragma, sizeof(pragma), "PRAGMA cache_size = -%d", CACHE_KIB);
	return sqlite3_exec(sqlstore_handle(s->sql), pragma, NULL, NULL, NULL) == SQLITE_OK
		       ? ERR_OK
		       : sqlstore_error(s->sql, msg, "opening");
}

enum err zonestore_open(struct zonestore **out, const char *path, enum sqlstore_mode mode, struct errmsg *msg)
{
	*out = NULL;
	struct zonestore *s = calloc(1, sizeof(*s));
	if (!s)
		return errmsg_set(msg, ERR_NOMEM, "database %s: out of memory", path);
	enum err err = open_sql(s, path, mode, msg);
	if (!err && mode != SQLSTORE_READ)
		err = set_cache(s, msg);
	if (err)
		zonestore_close(s);
	else
		*out = s;
	return err;
}

void zonestore_close(struct zonestore *s)
{
	if (!s)
		return;
	sqlstore_close(s->sql); /* first: it clears our statements */
	free(s->making.pack.octets);
	free(s);
}

struct sqlstore *zonestore_sql(struct zonestore *s)
{
	return s->sql;
}

/* ---- for all files of the store ---- */

void zonestore_inside_bind_name(sqlite3_stmt *stmt, int at, const uint8_t *name, char text[NAME_TEXT_MAX])
{
	sqlite3_bind_text(stmt, at, name_to_text(name, text), -1, SQLITE_STATIC);
}

void zonestore_inside_bind_blob(sqlite3_stmt *stmt, int at, const void *data, size_t len)
{
	sqlite3_bind_blob(stmt, at, len ? data : "", (int)len, SQLITE_STATIC);
}

void zonestore_inside_stop(sqlite3_stmt *stmt)
{
	sqlite3_reset(stmt);
	sqlite3_clear_bindings(stmt);
}

bool zonestore_inside_number(sqlite3_stmt *stmt, int column, int64_t max, int64_t *out)
{
	*out = sqlite3_column_int64(stmt, column);
	return *out >= 0 && *out <= max;
}

static bool has_upper(const uint8_t *text, size_t len)
{
	bool found = false;
	for (size_t i = 0; i < len; i++)
		found |= text[i] >= 'A' && text[i] <= 'Z';
	return found;
}

/* The name in its own spelling, which must be that of the key. */
static bool read_spelling(const struct zonestore_owner *o, struct name *out, const uint8_t *spelling, size_t len)
{
	char text[NAME_TEXT_MAX];
	uint8_t key[NAME_KEY_MAX];
	if (len >= sizeof(text))
		return false;
	memcpy(text, spelling, len);
	text[len] = '\0';
	return name_from_text(out, text) == ERR_OK && name_to_key(out->wire, key) == o->key_len &&
	       memcmp(key, o->key, o->key_len) == 0;
}

bool zonestore_inside_owner(struct zonestore_owner *o, sqlite3_stmt *stmt, int key, int spelling, bool *next)
{
	const uint8_t *octets = sqlite3_column_blob(stmt, key);
	size_t len = (size_t)sqlite3_column_bytes(stmt, key);
	*next = !o->any || len != o->key_len || (len && memcmp(octets, o->key, len) != 0);
	if (!*next)
		return true;
	o->any = false;
	if (len > sizeof(o->key) || (len && !octets))
		return false;
	if (len)
		memcpy(o->key, octets, len);
	o->key_len = len;
	if (name_from_key(&o->name, o->key, len) != ERR_OK)
		return false;
	/* As a blob: SQLite would copy text to put a zero behind it. */
	const uint8_t *text = sqlite3_column_blob(stmt, spelling);
	size_t text_len = (size_t)sqlite3_column_bytes(stmt, spelling);
	o->any = !text || !has_upper(text, text_len) || read_spelling(o, &o->name, text, text_len);
	return o->any;
}

/* ---- zones ---- */

static const char *const roles[] = {[ZONE_PRIMARY] = "primary", [ZONE_SECONDARY] = "secondary"};
static const char *const policies[] = {
	[SERIAL_INCREMENT] = "increment", [SERIAL_UNIXTIME] = "unixtime", [SERIAL_DATED] = "dated"};

/* The index of a word; 0, which no word has, if it is none of them. */
static unsigned find_word(const char *const *words, unsigned count, const char *word)
{
	for (unsigned i = 1; i < count; i++)
		if (strcmp(words[i], word) == 0)
			return i;
	return 0;
}

static enum err no_such_zone(const uint8_t *name, struct errmsg *msg)
{
	char text[NAME_TEXT_MAX];
	return errmsg_set(msg, ERR_NOTFOUND, "zone %s is not in the database; see roostctl zone list",
			  name_to_text(name, text));
}

bool zonestore_inside_zone_text(struct zonestore *s, int64_t zone, char text[NAME_TEXT_MAX])
{
	bool row = false;
	snprintf(text, NAME_TEXT_MAX, "number %lld", (long long)zone);
	if (sqlstore_prepare(s->sql, &s->zone_name, "SELECT name FROM zone WHERE id = ?1", NULL))
		return false;
	sqlite3_bind_int64(s->zone_name, 1, zone);
	if (sqlstore_step(s->sql, s->zone_name, &row, NULL) || !row)
		return false;
	const char *name = (const char *)sqlite3_column_text(s->zone_name, 0);
	snprintf(text, NAME_TEXT_MAX, "%s", name ? name : "");
	zonestore_inside_stop(s->zone_name);
	return true;
}

enum err zonestore_inside_corrupt(struct zonestore *s, int64_t zone, const uint8_t *owner, uint16_t type,
				  const char *what, struct errmsg *msg)
{
	static const char remedy[] =
		"restore the database from a backup, or load the zone anew with 'roostctl zone import'";
	char zone_text[NAME_TEXT_MAX], name[NAME_TEXT_MAX], type_text[RR_TYPE_TEXT_MAX];
	(void)zonestore_inside_zone_text(s, zone, zone_text);
	if (!owner)
		return errmsg_set(msg, ERR_CORRUPT, "zone %s in the database: %s; %s", zone_text, what, remedy);
	return errmsg_set(msg, ERR_CORRUPT, "zone %s in the database: %s %s: %s; %s", zone_text,
			  name_to_text(owner, name), rr_type_to_text(type, type_text), what, remedy);
}

enum err zonestore_add_zone(struct zonestore *s, struct zonestore_zone *z, struct errmsg *msg)
{
	char text[NAME_TEXT_MAX];
	struct name lower = z->name;
	enum err err = sqlstore_prepare(
		s->sql, &s->add_zone,
		"INSERT INTO zone (name, role, policy, serial, changed) VALUES (?1, ?2, ?3, ?4, ?5)", msg);
	if (err)
		return err;
	name_lower(lower.wire, lower.wire, lower.len);
	zonestore_inside_bind_name(s->add_zone, 1, lower.wire, text);
	sqlite3_bind_text(s->add_zone, 2, roles[z->role], -1, SQLITE_STATIC);
	sqlite3_bind_text(s->add_zone, 3, policies[z->policy], -1, SQLITE_STATIC);
	if (z->has_serial)
		sqlite3_bind_int64(s->add_zone, 4, z->serial);
	sqlite3_bind_int64(s->add_zone, 5, z->changed);
	err = sqlstore_run(s->sql, s->add_zone, msg);
	if (err == ERR_EXISTS)
		errmsg_set(msg, err, "zone %s is there already; replace its content with 'roostctl zone import'", text);
	if (!err)
		z->id = sqlite3_last_insert_rowid(sqlstore_handle(s->sql));
	return err;
}

static int64_t read_bound(sqlite3_stmt *stmt, int column, int64_t standard)
{
	return sqlite3_column_type(stmt, column) == SQLITE_NULL ? standard : sqlite3_column_int64(stmt, column);
}

enum err zonestore_inside_zone(struct zonestore *s, sqlite3_stmt *stmt, struct zonestore_zone *out, struct errmsg *msg)
{
	const char *name = (const char *)sqlite3_column_text(stmt, 1);
	const char *role = (const char *)sqlite3_column_text(stmt, 2);
	const char *policy = (const char *)sqlite3_column_text(stmt, 3);
	int64_t id = sqlite3_column_int64(stmt, 0), serial;
	if (!name || !role || !policy)
		return errmsg_set(msg, ERR_NOMEM, "reading zones: out of memory");
	*out = (struct zonestore_zone){.id = id, .changed = sqlite3_column_int64(stmt, 5)};
	if (name_from_text(&out->name, name) != ERR_OK)
		return zonestore_inside_corrupt(s, id, NULL, 0, "its name is not a domain name", msg);
	name_lower(out->name.wire, out->name.wire, out->name.len);
	out->role = find_word(roles, sizeof(roles) / sizeof(roles[0]), role);
	out->policy = find_word(policies, sizeof(policies) / sizeof(policies[0]), policy);
	if (!out->role || !out->policy)
		return zonestore_inside_corrupt(s, id, NULL, 0, "role or serial policy is not known", msg);
	out->has_serial =
		sqlite3_column_type(stmt, 4) != SQLITE_NULL && zonestore_inside_number(stmt, 4, UINT32_MAX, &serial);
	out->serial = out->has_serial ? (uint32_t)serial : 0;
	out->history_age = read_bound(stmt, 6, HISTORY_AGE_DEFAULT);
	out->history_size = read_bound(stmt, 7, HISTORY_SIZE_DEFAULT);
	return ERR_OK;
}

enum err zonestore_find_zone(struct zonestore *s, const uint8_t *name, struct zonestore_zone *out, struct errmsg *msg)
{
	char text[NAME_TEXT_MAX];
	uint8_t lower[NAME_WIRE_MAX];
	bool row;
	enum err err = sqlstore_prepare(s->sql, &s->find_zone,
					"SELECT " ZONESTORE_ZONE_COLUMNS " FROM zone WHERE name = ?1", msg);
	if (err)
		return err;
	name_lower(lower, name, name_len(name));
	zonestore_inside_bind_name(s->find_zone, 1, lower, text);
	err = sqlstore_step(s->sql, s->find_zone, &row, msg);
	if (err)
		return err;
	if (!row)
		return no_such_zone(name, msg);
	err = zonestore_inside_zone(s, s->find_zone, out, msg);
	zonestore_inside_stop(s->find_zone);
	return err;
}

enum err zonestore_each_zone(struct zonestore *s, zonestore_zone_fn *fn, void *arg, struct errmsg *msg)
{
	bool row = false;
	enum err err = sqlstore_prepare(s->sql, &s->each_zone,
					"SELECT " ZONESTORE_ZONE_COLUMNS " FROM zone ORDER BY name", msg);
	if (err)
		return err;
	assert(!sqlite3_stmt_busy(s->each_zone));
	while (!err && !(err = sqlstore_step(s->sql, s->each_zone, &row, msg)) && row) {
		struct zonestore_zone z;
		err = zonestore_inside_zone(s, s->each_zone, &z, msg);
		if (!err)
			err = fn(arg, &z);
	}
	zonestore_inside_stop(s->each_zone);
	return err;
}

enum err zonestore_set_zone(struct zonestore *s, const struct zonestore_zone *z, struct errmsg *msg)
{
	enum err err =
		sqlstore_prepare(s->sql, &s->set_zone,
				 "UPDATE zone SET policy = ?2, history_age = ?3, history_size = ?4 WHERE id = ?1", msg);
	if (err)
		return err;
	sqlite3_bind_int64(s->set_zone, 1, z->id);
	sqlite3_bind_text(s->set_zone, 2, policies[z->policy], -1, SQLITE_STATIC);
	if (z->history_age != HISTORY_AGE_DEFAULT)
		sqlite3_bind_int64(s->set_zone, 3, z->history_age);
	if (z->history_size != HISTORY_SIZE_DEFAULT)
		sqlite3_bind_int64(s->set_zone, 4, z->history_size);
	return sqlstore_run(s->sql, s->set_zone, msg);
}

const char *zonestore_policy_text(enum serial_policy policy)
{
	return policies[policy];
}

enum err zonestore_policy_from_text(enum serial_policy *out, const char *text)
{
	*out = find_word(policies, sizeof(policies) / sizeof(policies[0]), text);
	return *out ? ERR_OK : ERR_RANGE;
}

enum err zonestore_zones_end(struct zonestore *s, int64_t from, unsigned count, int64_t *last, bool *more,
			     struct errmsg *msg)
{
	*last = INT64_MAX;
	enum err err = sqlstore_prepare(s->sql, &s->zones_end,
					"SELECT id FROM zone WHERE id >= ?1 ORDER BY id LIMIT 1 OFFSET ?2", msg);
	if (err)
		return err;
	sqlite3_bind_int64(s->zones_end, 1, from);
	sqlite3_bind_int64(s->zones_end, 2, count);
	err = sqlstore_step(s->sql, s->zones_end, more, msg);
	if (!err && *more) {
		*last = sqlite3_column_int64(s->zones_end, 0) - 1;
		zonestore_inside_stop(s->zones_end);
	}
	return err;
}

static enum err run_for_zone(struct zonestore *s, sqlite3_stmt **slot, const char *sql, int64_t zone,
			     struct errmsg *msg)
{
	enum err err = sqlstore_prepare(s->sql, slot, sql, msg);
	if (err)
		return err;
	sqlite3_bind_int64(*slot, 1, zone);
	return sqlstore_run(s->sql, *slot, msg);
}

static enum err remove_grants(struct zonestore *s, int64_t zone, struct errmsg *msg)
{
	char text[NAME_TEXT_MAX];
	struct name name;
	if (!zonestore_inside_zone_text(s, zone, text) || name_from_text(&name, text) != ERR_OK)
		return ERR_OK; /* no grant can name it either */
	return keystore_remove_zone_grants(s->sql, name.wire, msg);
}

/* Table by table, children first: the foreign keys would do it too, but row by row. */
enum err zonestore_remove_zone(struct zonestore *s, int64_t zone, struct errmsg *msg)
{
	enum err err = remove_grants(s, zone, msg);
	if (!err)
		err = run_for_zone(s, &s->remove_pieces,
				   "DELETE FROM change_more WHERE change IN (SELECT id FROM change WHERE zone = ?1)",
				   zone, msg);
	if (!err)
		err = run_for_zone(s, &s->remove_changes, "DELETE FROM change WHERE zone = ?1", zone, msg);
	if (!err)
		err = run_for_zone(s, &s->remove_names, "DELETE FROM name_version WHERE zone = ?1", zone, msg);
	if (!err)
		err = zonestore_leases_drop_zone(s, zone, msg);
	if (!err)
		err = zonestore_clear_records(s, zone, msg);
	if (!err)
		err = run_for_zone(s, &s->remove_zone, "DELETE FROM zone WHERE id = ?1", zone, msg);
	if (!err && !sqlite3_changes(sqlstore_handle(s->sql)))
		err = errmsg_set(msg, ERR_NOTFOUND, "zone number %lld is not in the database; see roostctl zone list",
				 (long long)zone);
	return err;
}

/* ---- peers ---- */

/* One host is one peer, however its address came to us. */
static void peer_address(const struct addr *address, char text[ADDR_TEXT_MAX])
{
	struct addr plain = *address;
	addr_unmap(&plain);
	addr_to_text(&plain, text);
}

enum err zonestore_add_peer(struct zonestore *s, struct zonestore_peer *p, struct errmsg *msg)
{
	struct zonestore_zone zone;
	char address[ADDR_TEXT_MAX], text[NAME_TEXT_MAX];
	struct name key = p->key;
	enum err err = zonestore_find_zone(s, p->zone.wire, &zone, msg);
	if (!err)
		err = sqlstore_prepare(s->sql, &s->add_peer,
				       "INSERT INTO peer (zone, address, \"key\") VALUES (?1, ?2, ?3)", msg);
	if (err)
		return err;
	peer_address(&p->address, address);
	sqlite3_bind_int64(s->add_peer, 1, zone.id);
	sqlite3_bind_text(s->add_peer, 2, address, -1, SQLITE_STATIC);
	if (p->has_key) {
		name_lower(key.wire, key.wire, key.len);
		zonestore_inside_bind_name(s->add_peer, 3, key.wire, text);
	}
	err = sqlstore_run(s->sql, s->add_peer, msg);
	if (!err)
		p->id = sqlite3_last_insert_rowid(sqlstore_handle(s->sql));
	if (err == ERR_REFUSED && p->has_key) /* the foreign key */
		return errmsg_set(msg, ERR_NOTFOUND, "there is no key %s; see roostctl key list", text);
	if (err == ERR_EXISTS)
		errmsg_set(msg, err, "peer %s is there already; remove it first to change its key", address);
	return err;
}

enum err zonestore_remove_peer(struct zonestore *s, const uint8_t *zone, const struct addr *address, struct errmsg *msg)
{
	struct zonestore_zone row;
	char text[ADDR_TEXT_MAX];
	enum err err = zonestore_find_zone(s, zone, &row, msg);
	if (!err)
		err = sqlstore_prepare(s->sql, &s->remove_peer, "DELETE FROM peer WHERE zone = ?1 AND address = ?2",
				       msg);
	if (err)
		return err;
	peer_address(address, text);
	sqlite3_bind_int64(s->remove_peer, 1, row.id);
	sqlite3_bind_text(s->remove_peer, 2, text, -1, SQLITE_STATIC);
	err = sqlstore_run(s->sql, s->remove_peer, msg);
	if (!err && !sqlite3_changes(sqlstore_handle(s->sql)))
		err = errmsg_set(msg, ERR_NOTFOUND, "the zone has no peer %s; see roostctl zone show", text);
	return err;
}

enum err zonestore_hand_over_peers(struct zonestore *s, const uint8_t *key, struct errmsg *msg)
{
	char text[NAME_TEXT_MAX];
	enum err err =
		sqlstore_prepare(s->sql, &s->hand_over_peers,
				 "UPDATE peer SET \"key\" = heir.name FROM (SELECT other.name FROM \"key\" AS other "
				 "JOIN \"key\" AS it ON it.identity = other.identity AND it.name = ?1 "
				 "WHERE other.name <> ?1 AND other.algorithm NOT IN ('token', 'password') "
				 "ORDER BY other.expires IS NOT NULL, other.expires DESC, other.created DESC LIMIT 1) "
				 "AS heir WHERE peer.\"key\" = ?1",
				 msg);
	if (err)
		return err;
	zonestore_inside_bind_name(s->hand_over_peers, 1, key, text);
	return sqlstore_run(s->sql, s->hand_over_peers, msg);
}

static enum err read_peer(sqlite3_stmt *stmt, struct zonestore_peer *out, struct errmsg *msg)
{
	const char *zone = (const char *)sqlite3_column_text(stmt, 1);
	const char *address = (const char *)sqlite3_column_text(stmt, 2);
	const char *key = (const char *)sqlite3_column_text(stmt, 3);
	if (!zone || !address)
		return errmsg_set(msg, ERR_NOMEM, "reading peers: out of memory");
	*out = (struct zonestore_peer){.id = sqlite3_column_int64(stmt, 0), .has_key = key};
	if (name_from_text(&out->zone, zone) != ERR_OK ||
	    addr_parse(&out->address, address, DNS_PORT, NULL) != ERR_OK ||
	    (key && name_from_text(&out->key, key) != ERR_OK))
		return errmsg_set(msg, ERR_CORRUPT,
				  "peer '%.100s' of zone %.100s in the database cannot be read; delete that row of "
				  "table peer and add it "
				  "again with 'roostctl peer add'",
				  address, zone);
	name_lower(out->zone.wire, out->zone.wire, out->zone.len);
	name_lower(out->key.wire, out->key.wire, out->key.len); /* nothing if there is none */
	return ERR_OK;
}

#define PEER_QUERY "SELECT p.id, z.name, p.address, p.\"key\" FROM peer p JOIN zone z ON z.id = p.zone "

enum err zonestore_each_peer(struct zonestore *s, const uint8_t *zone, zonestore_peer_fn *fn, void *arg,
			     struct errmsg *msg)
{
	char text[NAME_TEXT_MAX];
	uint8_t lower[NAME_WIRE_MAX];
	bool row = false;
	sqlite3_stmt **slot = zone ? &s->each_zone_peer : &s->each_peer;
	enum err err = sqlstore_prepare(
		s->sql, slot, zone ? PEER_QUERY "WHERE z.name = ?1 ORDER BY p.id" : PEER_QUERY "ORDER BY p.id", msg);
	if (err)
		return err;
	assert(!sqlite3_stmt_busy(*slot));
	if (zone) {
		name_lower(lower, zone, name_len(zone));
		zonestore_inside_bind_name(*slot, 1, lower, text);
	}
	while (!err && !(err = sqlstore_step(s->sql, *slot, &row, msg)) && row) {
		struct zonestore_peer p;
		err = read_peer(*slot, &p, msg);
		if (!err)
			err = fn(arg, &p);
	}
	zonestore_inside_stop(*slot);
	return err;
}
