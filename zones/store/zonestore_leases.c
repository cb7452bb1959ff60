/* zonestore_leases.c: see zonestore_leases.h. */
#include "zones/store/zonestore_leases.h"

#include <assert.h>

#include "zones/store/zonestore_inside.h"

/* ---- which record ---- */

/* What no RRset can hold has no lease either. */
static bool cannot_be(const struct zonestore *s, const struct content_rr *rr)
{
	return rr->rdata && rr->rdlen > sizeof(s->pack);
}

struct lowering {
	const uint8_t *from;
	uint8_t *to;
};

static bool lower_name(void *arg, const uint8_t *name)
{
	struct lowering *l = arg;
	name_lower(l->to + (name - l->from), name, name_len(name));
	return true;
}

/* The name and the RDATA in lower case; both live until the statement has run. */
static void bind_record(struct zonestore *s, sqlite3_stmt *stmt, int64_t zone, const uint8_t *owner,
			const struct content_rr *rr, uint8_t key[NAME_KEY_MAX])
{
	sqlite3_bind_int64(stmt, 1, zone);
	zonestore_inside_bind_blob(stmt, 2, key, name_to_key(owner, key));
	sqlite3_bind_int(stmt, 3, rr->type);
	if (!rr->rdata)
		return;
	struct lowering l = {.from = rr->rdata, .to = s->pack};
	memcpy(s->pack, rr->rdata, rr->rdlen);
	rr_each_name(rr->type, rr->rdata, rr->rdlen, lower_name, &l);
	zonestore_inside_bind_blob(stmt, 4, s->pack, rr->rdlen);
}

enum err zonestore_leases_put(struct zonestore *s, int64_t zone, const uint8_t *owner, const struct content_rr *rr,
			      int64_t expires, struct errmsg *msg)
{
	uint8_t key[NAME_KEY_MAX];
	enum err err =
		sqlstore_prepare(s->sql, &s->put_lease,
				 "INSERT INTO lease (zone, owner, type, rdata, expires) VALUES (?1, ?2, ?3, ?4, ?5) "
				 "ON CONFLICT DO UPDATE SET expires = excluded.expires",
				 msg);
	if (err || cannot_be(s, rr))
		return err;
	bind_record(s, s->put_lease, zone, owner, rr, key);
	sqlite3_bind_int64(s->put_lease, 5, expires);
	return sqlstore_run(s->sql, s->put_lease, msg);
}

enum err zonestore_leases_drop(struct zonestore *s, int64_t zone, const uint8_t *owner, const struct content_rr *rr,
			       struct errmsg *msg)
{
	uint8_t key[NAME_KEY_MAX];
	enum err err = sqlstore_prepare(s->sql, &s->drop_lease,
					"DELETE FROM lease WHERE zone = ?1 AND owner = ?2 AND type = ?3 AND "
					"(?4 IS NULL OR rdata = ?4)",
					msg);
	if (!err)
		err = sqlstore_prepare(s->sql, &s->drop_name_leases, "DELETE FROM lease WHERE zone = ?1 AND owner = ?2",
				       msg);
	if (err || cannot_be(s, rr))
		return err;
	if (rr->type != TYPE_ANY) {
		bind_record(s, s->drop_lease, zone, owner, rr, key);
		return sqlstore_run(s->sql, s->drop_lease, msg);
	}
	sqlite3_bind_int64(s->drop_name_leases, 1, zone);
	zonestore_inside_bind_blob(s->drop_name_leases, 2, key, name_to_key(owner, key));
	return sqlstore_run(s->sql, s->drop_name_leases, msg);
}

enum err zonestore_leases_drop_zone(struct zonestore *s, int64_t zone, struct errmsg *msg)
{
	enum err err = sqlstore_prepare(s->sql, &s->drop_zone_leases, "DELETE FROM lease WHERE zone = ?1", msg);
	if (err)
		return err;
	sqlite3_bind_int64(s->drop_zone_leases, 1, zone);
	return sqlstore_run(s->sql, s->drop_zone_leases, msg);
}

enum err zonestore_leases_find(struct zonestore *s, int64_t zone, const uint8_t *owner, const struct content_rr *rr,
			       int64_t *expires, struct errmsg *msg)
{
	uint8_t key[NAME_KEY_MAX];
	bool row;
	*expires = 0;
	enum err err = sqlstore_prepare(
		s->sql, &s->find_lease,
		"SELECT expires FROM lease WHERE zone = ?1 AND owner = ?2 AND type = ?3 AND rdata = ?4", msg);
	if (err || cannot_be(s, rr))
		return err;
	bind_record(s, s->find_lease, zone, owner, rr, key);
	err = sqlstore_step(s->sql, s->find_lease, &row, msg);
	if (err || !row)
		return err;
	*expires = sqlite3_column_int64(s->find_lease, 0);
	zonestore_inside_stop(s->find_lease);
	return ERR_OK;
}

/* ---- walks ---- */

static bool read_lease(sqlite3_stmt *stmt, struct zonestore_lease *l)
{
	int64_t type;
	size_t len = (size_t)sqlite3_column_bytes(stmt, 3);
	*l = (struct zonestore_lease){.zone = sqlite3_column_int64(stmt, 0),
				      .rdlen = (uint16_t)len,
				      .rdata = sqlite3_column_blob(stmt, 3),
				      .expires = sqlite3_column_int64(stmt, 4)};
	if (!l->rdata)
		l->rdata = (const uint8_t *)""; /* empty */
	if (!zonestore_inside_number(stmt, 2, UINT16_MAX, &type) ||
	    name_from_key(&l->owner, sqlite3_column_blob(stmt, 1), (size_t)sqlite3_column_bytes(stmt, 1)))
		return false;
	l->type = (uint16_t)type;
	return rr_check_rdata(l->type, l->rdata, len) == ERR_OK;
}

/* The rows of a bound statement; it is reset. */
static enum err walk(struct zonestore *s, sqlite3_stmt *stmt, zonestore_lease_fn *fn, void *arg, struct errmsg *msg)
{
	bool row = false;
	enum err err = ERR_OK;
	while (!err && !(err = sqlstore_step(s->sql, stmt, &row, msg)) && row) {
		struct zonestore_lease l;
		err = read_lease(stmt, &l)
			      ? fn(arg, &l)
			      : zonestore_inside_corrupt(s, l.zone, NULL, 0, "a lease that makes no sense", msg);
	}
	zonestore_inside_stop(stmt);
	return err;
}

#define LEASE_QUERY "SELECT zone, owner, type, rdata, expires FROM lease "

enum err zonestore_leases_due(struct zonestore *s, int64_t zone, int64_t now, unsigned limit, zonestore_lease_fn *fn,
			      void *arg, struct errmsg *msg)
{
	enum err err = sqlstore_prepare(
		s->sql, &s->due_leases,
		LEASE_QUERY "INDEXED BY lease_expires WHERE zone = ?1 AND expires <= ?2 ORDER BY expires LIMIT ?3",
		msg);
	if (err)
		return err;
	assert(!sqlite3_stmt_busy(s->due_leases));
	sqlite3_bind_int64(s->due_leases, 1, zone);
	sqlite3_bind_int64(s->due_leases, 2, now);
	sqlite3_bind_int64(s->due_leases, 3, limit ? (int64_t)limit : -1);
	return walk(s, s->due_leases, fn, arg, msg);
}

enum err zonestore_leases_any(struct zonestore *s, int64_t zone, bool *any, struct errmsg *msg)
{
	enum err err = sqlstore_prepare(s->sql, &s->any_lease, "SELECT 1 FROM lease WHERE zone = ?1 LIMIT 1", msg);
	if (err)
		return err;
	sqlite3_bind_int64(s->any_lease, 1, zone);
	err = sqlstore_step(s->sql, s->any_lease, any, msg);
	if (!err && *any)
		zonestore_inside_stop(s->any_lease);
	return err;
}

enum err zonestore_leases_all(struct zonestore *s, zonestore_lease_fn *fn, void *arg, struct errmsg *msg)
{
	enum err err = sqlstore_prepare(s->sql, &s->all_leases, LEASE_QUERY, msg);
	if (err)
		return err;
	assert(!sqlite3_stmt_busy(s->all_leases));
	return walk(s, s->all_leases, fn, arg, msg);
}

enum err zonestore_leases_due_zones(struct zonestore *s, int64_t now, zonestore_lease_zone_fn *fn, void *arg,
				    struct errmsg *msg)
{
	bool row = false;
	enum err err = sqlstore_prepare(s->sql, &s->due_zones,
					"SELECT DISTINCT z.name FROM lease l INDEXED BY lease_expires JOIN zone z "
					"ON z.id = l.zone WHERE l.expires <= ?1",
					msg);
	if (err)
		return err;
	assert(!sqlite3_stmt_busy(s->due_zones));
	sqlite3_bind_int64(s->due_zones, 1, now);
	while (!err && !(err = sqlstore_step(s->sql, s->due_zones, &row, msg)) && row) {
		const char *text = (const char *)sqlite3_column_text(s->due_zones, 0);
		struct name zone;
		if (text && !name_from_text(&zone, text))
			err = fn(arg, &zone);
	}
	zonestore_inside_stop(s->due_zones);
	return err;
}

enum err zonestore_leases_next(struct zonestore *s, int64_t after, int64_t *expires, struct errmsg *msg)
{
	bool row;
	enum err err =
		sqlstore_prepare(s->sql, &s->next_lease, "SELECT min(expires) FROM lease WHERE expires > ?1", msg);
	if (err)
		return err;
	sqlite3_bind_int64(s->next_lease, 1, after);
	err = sqlstore_step(s->sql, s->next_lease, &row, msg);
	if (err)
		return err;
	bool none = !row || sqlite3_column_type(s->next_lease, 0) == SQLITE_NULL;
	*expires = none ? INT64_MAX : sqlite3_column_int64(s->next_lease, 0);
	zonestore_inside_stop(s->next_lease);
	return ERR_OK;
}
