/* zonestore_history.c: versions of zones, who made them, and their records: IXFR journal, audit trail and undo at
 * once. */
#include "zones/store/zonestore_inside.h"

#include <assert.h>

/* ---- writing ---- */

static void bind_words(sqlite3_stmt *stmt, int at, const char *words)
{
	sqlite3_bind_text(stmt, at, words ? words : "", -1, SQLITE_STATIC);
}

/* Sets *id. */
static enum err add_change(struct zonestore *s, const struct zonestore_change *c, int64_t *id, struct errmsg *msg)
{
	enum err err = sqlstore_prepare(s->sql, &s->add_change,
					"INSERT INTO change (time, actor, source, transport, rcode, note) "
					"VALUES (?1, ?2, ?3, ?4, ?5, ?6)",
					msg);
	if (err)
		return err;
	sqlite3_bind_int64(s->add_change, 1, c->time);
	bind_words(s->add_change, 2, c->actor);
	bind_words(s->add_change, 3, c->source);
	bind_words(s->add_change, 4, c->transport);
	sqlite3_bind_int(s->add_change, 5, c->rcode);
	bind_words(s->add_change, 6, c->note);
	err = sqlstore_run(s->sql, s->add_change, msg);
	if (!err)
		*id = sqlite3_last_insert_rowid(sqlstore_handle(s->sql));
	return err;
}

static enum err add_version(struct zonestore *s, const struct zonestore_version *v, struct errmsg *msg)
{
	enum err err = sqlstore_prepare(
		s->sql, &s->add_version,
		"INSERT INTO version (zone, id, serial_from, serial_to, time, \"full\", soa_from_ttl, soa_from, "
		"soa_to_ttl, soa_to) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10)",
		msg);
	if (err)
		return err;
	sqlite3_bind_int64(s->add_version, 1, v->zone);
	sqlite3_bind_int64(s->add_version, 2, v->id);
	sqlite3_bind_int64(s->add_version, 4, v->to);
	sqlite3_bind_int64(s->add_version, 5, v->time);
	sqlite3_bind_int(s->add_version, 6, v->full);
	if (v->has_from) {
		sqlite3_bind_int64(s->add_version, 3, v->from);
		sqlite3_bind_int64(s->add_version, 7, v->soa_from_ttl);
		zonestore_inside_bind_blob(s->add_version, 8, v->soa_from, v->soa_from_len);
	}
	sqlite3_bind_int64(s->add_version, 9, v->soa_to_ttl);
	zonestore_inside_bind_blob(s->add_version, 10, v->soa_to, v->soa_to_len);
	return sqlstore_run(s->sql, s->add_version, msg);
}

enum err zonestore_add_version(struct zonestore *s, struct zonestore_version *v, const struct zonestore_change *c,
			       struct errmsg *msg)
{
	enum err err = add_change(s, c, &v->id, msg);
	if (!err)
		err = add_version(s, v, msg);
	if (err == ERR_REFUSED) /* the foreign key: the zone went */
		return errmsg_set(msg, ERR_NOTFOUND,
				  "zone number %lld is no more in the database; see roostctl zone list",
				  (long long)v->zone);
	return err;
}

enum err zonestore_set_serial(struct zonestore *s, int64_t zone, uint32_t serial, int64_t changed, struct errmsg *msg)
{
	enum err err = sqlstore_prepare(s->sql, &s->set_serial,
					"UPDATE zone SET serial = ?2, changed = ?3 WHERE id = ?1", msg);
	if (err)
		return err;
	sqlite3_bind_int64(s->set_serial, 1, zone);
	sqlite3_bind_int64(s->set_serial, 2, serial);
	sqlite3_bind_int64(s->set_serial, 3, changed);
	return sqlstore_run(s->sql, s->set_serial, msg);
}

enum err zonestore_add_change_rr(struct zonestore *s, int64_t version, uint32_t seq, bool add, const uint8_t *owner,
				 const struct content_rr *rr, struct errmsg *msg)
{
	char text[NAME_TEXT_MAX];
	uint8_t key[NAME_KEY_MAX];
	enum err err = sqlstore_prepare(s->sql, &s->add_change_rr,
					"INSERT INTO change_rr (version, seq, op, owner, name, type, ttl, rdata) "
					"VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)",
					msg);
	if (err)
		return err;
	sqlite3_bind_int64(s->add_change_rr, 1, version);
	sqlite3_bind_int64(s->add_change_rr, 2, seq);
	sqlite3_bind_int(s->add_change_rr, 3, add);
	zonestore_inside_bind_blob(s->add_change_rr, 4, key, name_to_key(owner, key));
	zonestore_inside_bind_name(s->add_change_rr, 5, owner, text);
	sqlite3_bind_int(s->add_change_rr, 6, rr->type);
	sqlite3_bind_int64(s->add_change_rr, 7, rr->ttl);
	zonestore_inside_bind_blob(s->add_change_rr, 8, rr->rdata, rr->rdlen);
	return sqlstore_run(s->sql, s->add_change_rr, msg);
}

/* ---- versions ---- */

/* The SOA in two columns; *rdata lives as long as the row. */
static bool read_soa(sqlite3_stmt *stmt, int column, uint32_t *ttl, const uint8_t **rdata, uint16_t *len)
{
	int64_t number;
	*rdata = sqlite3_column_blob(stmt, column + 1);
	size_t octets = (size_t)sqlite3_column_bytes(stmt, column + 1);
	if (!zonestore_inside_number(stmt, column, UINT32_MAX, &number) || !*rdata ||
	    rr_check_rdata(TYPE_SOA, *rdata, octets) != ERR_OK)
		return false;
	*ttl = (uint32_t)number;
	*len = (uint16_t)octets;
	return true;
}

static bool read_version(sqlite3_stmt *stmt, struct zonestore_version *v)
{
	int64_t from, to;
	bool has_from = sqlite3_column_type(stmt, 1) != SQLITE_NULL;
	if (!zonestore_inside_number(stmt, 1, UINT32_MAX, &from) || !zonestore_inside_number(stmt, 2, UINT32_MAX, &to))
		return false;
	*v = (struct zonestore_version){
		.id = sqlite3_column_int64(stmt, 0),
		.has_from = has_from,
		.from = (uint32_t)from,
		.to = (uint32_t)to,
		.time = sqlite3_column_int64(stmt, 3),
		.full = sqlite3_column_int(stmt, 4) != 0,
	};
	if (has_from && !read_soa(stmt, 5, &v->soa_from_ttl, &v->soa_from, &v->soa_from_len))
		return false;
	return read_soa(stmt, 7, &v->soa_to_ttl, &v->soa_to, &v->soa_to_len);
}

static const char *column_words(sqlite3_stmt *stmt, int column)
{
	const char *words = (const char *)sqlite3_column_text(stmt, column);
	return words ? words : "";
}

/* False: nobody is on record for this version. */
static bool read_change(sqlite3_stmt *stmt, struct zonestore_change *c)
{
	if (sqlite3_column_type(stmt, 9) == SQLITE_NULL)
		return false;
	*c = (struct zonestore_change){
		.time = sqlite3_column_int64(stmt, 10),
		.actor = column_words(stmt, 11),
		.source = column_words(stmt, 12),
		.transport = column_words(stmt, 13),
		.note = column_words(stmt, 14),
		.rcode = (uint16_t)sqlite3_column_int(stmt, 15),
	};
	return true;
}

#define VERSION_QUERY                                                                                             \
	"SELECT v.id, v.serial_from, v.serial_to, v.time, v.\"full\", v.soa_from_ttl, v.soa_from, v.soa_to_ttl, " \
	"v.soa_to, "                                                                                              \
	"c.id, c.time, c.actor, c.source, c.transport, c.note, c.rcode "                                          \
	"FROM version v LEFT JOIN change c ON c.id = v.id WHERE v.zone = ?1 "

/* The rows of a bound statement; it is reset. */
static enum err walk_versions(struct zonestore *s, sqlite3_stmt *stmt, int64_t zone, zonestore_version_fn *fn,
			      void *arg, struct errmsg *msg)
{
	bool row = false;
	enum err err = ERR_OK;
	while (!err && !(err = sqlstore_step(s->sql, stmt, &row, msg)) && row) {
		struct zonestore_version v;
		struct zonestore_change c;
		if (!read_version(stmt, &v)) {
			err = zonestore_inside_corrupt(s, zone, NULL, 0,
						       "a version in its history has an impossible serial or SOA", msg);
			break;
		}
		v.zone = zone;
		err = fn(arg, &v, read_change(stmt, &c) ? &c : NULL);
	}
	zonestore_inside_stop(stmt);
	return err;
}

enum err zonestore_each_version(struct zonestore *s, int64_t zone, bool newest_first, int64_t after, unsigned limit,
				zonestore_version_fn *fn, void *arg, struct errmsg *msg)
{
	sqlite3_stmt **slot = newest_first ? &s->versions_down : &s->versions_up;
	enum err err = sqlstore_prepare(s->sql, slot,
					newest_first ? VERSION_QUERY "AND v.id < ?2 ORDER BY v.id DESC LIMIT ?3"
						     : VERSION_QUERY "AND v.id > ?2 ORDER BY v.id LIMIT ?3",
					msg);
	if (err)
		return err;
	assert(!sqlite3_stmt_busy(*slot));
	sqlite3_bind_int64(*slot, 1, zone);
	sqlite3_bind_int64(*slot, 2, newest_first && after == 0 ? INT64_MAX : after);
	sqlite3_bind_int64(*slot, 3, limit ? (int64_t)limit : -1);
	return walk_versions(s, *slot, zone, fn, arg, msg);
}

enum err zonestore_each_version_of(struct zonestore *s, int64_t zone, const uint8_t *owner, unsigned limit,
				   zonestore_version_fn *fn, void *arg, struct errmsg *msg)
{
	uint8_t key[NAME_KEY_MAX];
	enum err err = sqlstore_prepare(s->sql, &s->versions_of,
					VERSION_QUERY "AND EXISTS (SELECT 1 FROM change_rr r WHERE r.version = v.id "
						      "AND r.owner = ?2) ORDER BY v.id DESC LIMIT ?3",
					msg);
	if (err)
		return err;
	assert(!sqlite3_stmt_busy(s->versions_of));
	sqlite3_bind_int64(s->versions_of, 1, zone);
	zonestore_inside_bind_blob(s->versions_of, 2, key, name_to_key(owner, key));
	sqlite3_bind_int64(s->versions_of, 3, limit ? (int64_t)limit : -1);
	return walk_versions(s, s->versions_of, zone, fn, arg, msg);
}

/* Walking back from the newest version while the serials join. */
struct chain {
	uint32_t serial;   /* wanted */
	uint32_t joint;    /* `to` of the next older version must be this */
	uint64_t wanted;   /* how far back from the newest serial the wanted one is */
	uint64_t distance; /* how far the walk went; more than 32 bits, because serials may wrap on the way */
	int64_t first, last;
	bool found, broken;
};

static void chain_step(struct chain *c, sqlite3_stmt *stmt)
{
	int64_t id = sqlite3_column_int64(stmt, 0);
	uint32_t from = (uint32_t)sqlite3_column_int64(stmt, 1), to = (uint32_t)sqlite3_column_int64(stmt, 2);
	bool first = c->last == 0;
	if (first) {
		c->last = id;
		c->joint = to;
		c->wanted = to - c->serial;
	}
	c->broken = to != c->joint || sqlite3_column_type(stmt, 1) == SQLITE_NULL || sqlite3_column_int(stmt, 3);
	if (c->broken)
		return;
	c->first = id;
	c->joint = from;
	c->distance += (uint32_t)(to - from);
	c->found = c->distance == c->wanted;
	/* Past it: if that serial comes again further back, it is one from before a wrap, and 2^32 too far. */
	c->broken = c->distance > c->wanted;
}

enum err zonestore_find_chain(struct zonestore *s, int64_t zone, uint32_t serial, unsigned limit, int64_t *first,
			      int64_t *last, struct errmsg *msg)
{
	struct chain c = {.serial = serial};
	bool row = true;
	enum err err = sqlstore_prepare(
		s->sql, &s->chain,
		"SELECT id, serial_from, serial_to, \"full\" FROM version WHERE zone = ?1 ORDER BY id DESC LIMIT ?2",
		msg);
	if (err)
		return err;
	sqlite3_bind_int64(s->chain, 1, zone);
	sqlite3_bind_int64(s->chain, 2, limit);
	while (!err && row && !c.found && !c.broken) {
		err = sqlstore_step(s->sql, s->chain, &row, msg);
		if (!err && row)
			chain_step(&c, s->chain);
	}
	zonestore_inside_stop(s->chain);
	if (err)
		return err;
	if (!c.found)
		return errmsg_set(msg, ERR_NOTFOUND,
				  "the zone's history does not lead from serial %u to the current one", serial);
	*first = c.first;
	*last = c.last;
	return ERR_OK;
}

enum err zonestore_find_version(struct zonestore *s, int64_t zone, uint32_t to, int64_t *id, struct errmsg *msg)
{
	bool row;
	enum err err = sqlstore_prepare(
		s->sql, &s->find_version,
		"SELECT id FROM version WHERE zone = ?1 AND serial_to = ?2 ORDER BY id DESC LIMIT 1", msg);
	if (err)
		return err;
	sqlite3_bind_int64(s->find_version, 1, zone);
	sqlite3_bind_int64(s->find_version, 2, to);
	err = sqlstore_step(s->sql, s->find_version, &row, msg);
	if (err)
		return err;
	if (!row)
		return errmsg_set(msg, ERR_NOTFOUND, "the zone never had serial %u; see roostctl log", to);
	*id = sqlite3_column_int64(s->find_version, 0);
	zonestore_inside_stop(s->find_version);
	return ERR_OK;
}

/* ---- records of a version ---- */

static bool read_change_rr(sqlite3_stmt *stmt, struct zonestore_owner *owner, struct zonestore_change_rr *out)
{
	int64_t seq, type, ttl;
	bool next;
	owner->any = false; /* a name deleted and made again may have another spelling from row to row */
	if (!zonestore_inside_owner(owner, stmt, 2, 3, &next) || !zonestore_inside_number(stmt, 0, UINT32_MAX, &seq) ||
	    !zonestore_inside_number(stmt, 4, UINT16_MAX, &type) || !zonestore_inside_number(stmt, 5, UINT32_MAX, &ttl))
		return false;
	const uint8_t *rdata = sqlite3_column_blob(stmt, 6);
	size_t len = (size_t)sqlite3_column_bytes(stmt, 6);
	if (!rdata)
		rdata = (const uint8_t *)""; /* empty */
	*out = (struct zonestore_change_rr){
		.seq = (uint32_t)seq,
		.add = sqlite3_column_int(stmt, 1) != 0,
		.owner = owner->name.wire,
		.rr = {.type = (uint16_t)type, .ttl = (uint32_t)ttl, .rdlen = (uint16_t)len, .rdata = rdata},
	};
	return rr_check_rdata((uint16_t)type, rdata, len) == ERR_OK;
}

enum err zonestore_each_change_rr(struct zonestore *s, int64_t version, uint32_t from, unsigned limit,
				  zonestore_change_rr_fn *fn, void *arg, struct errmsg *msg)
{
	struct zonestore_owner owner;
	bool row = false;
	enum err err = sqlstore_prepare(s->sql, &s->each_change_rr,
					"SELECT seq, op, owner, name, type, ttl, rdata FROM change_rr "
					"WHERE version = ?1 AND seq >= ?2 ORDER BY seq LIMIT ?3",
					msg);
	if (err)
		return err;
	assert(!sqlite3_stmt_busy(s->each_change_rr));
	sqlite3_bind_int64(s->each_change_rr, 1, version);
	sqlite3_bind_int64(s->each_change_rr, 2, from);
	sqlite3_bind_int64(s->each_change_rr, 3, limit ? (int64_t)limit : -1);
	while (!err && !(err = sqlstore_step(s->sql, s->each_change_rr, &row, msg)) && row) {
		struct zonestore_change_rr rr;
		if (read_change_rr(s->each_change_rr, &owner, &rr))
			err = fn(arg, &rr);
		else
			err = errmsg_set(
				msg, ERR_CORRUPT,
				"version %lld in the database: record %lld cannot be read; restore the database from a "
				"backup, or load the zone anew with 'roostctl zone import'",
				(long long)version, (long long)sqlite3_column_int64(s->each_change_rr, 0));
	}
	zonestore_inside_stop(s->each_change_rr);
	return err;
}
