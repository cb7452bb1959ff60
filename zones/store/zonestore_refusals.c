/* zonestore_refusals.c: see zonestore_refusals.h. */
#include "zones/store/zonestore_refusals.h"

#include <assert.h>

#include "zones/store/zonestore_inside.h"

static void bind_text(sqlite3_stmt *stmt, int at, const char *text)
{
	sqlite3_bind_text(stmt, at, text, -1, SQLITE_STATIC);
}

static enum err upsert(struct zonestore *s, int64_t zone, const struct zonestore_refusal *r, struct errmsg *msg)
{
	enum err err = sqlstore_prepare(
		s->sql, &s->add_refusal,
		"INSERT INTO refusal (zone, actor, network, rcode, why, first, last, count, source, transport, asked) "
		"VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11) "
		"ON CONFLICT DO UPDATE SET last = excluded.last, count = count + excluded.count, "
		"source = excluded.source, transport = excluded.transport, asked = excluded.asked",
		msg);
	if (err)
		return err;
	sqlite3_bind_int64(s->add_refusal, 1, zone);
	bind_text(s->add_refusal, 2, r->actor);
	bind_text(s->add_refusal, 3, r->network);
	sqlite3_bind_int(s->add_refusal, 4, r->rcode);
	bind_text(s->add_refusal, 5, r->why);
	sqlite3_bind_int64(s->add_refusal, 6, r->first);
	sqlite3_bind_int64(s->add_refusal, 7, r->last);
	sqlite3_bind_int64(s->add_refusal, 8, r->count);
	bind_text(s->add_refusal, 9, r->source);
	bind_text(s->add_refusal, 10, r->transport);
	bind_text(s->add_refusal, 11, r->asked);
	return sqlstore_run(s->sql, s->add_refusal, msg);
}

enum err zonestore_refusals_add(struct zonestore *s, int64_t zone, const struct zonestore_refusal *r,
				struct errmsg *msg)
{
	enum err err = upsert(s, zone, r, msg);
	if (!err)
		err = sqlstore_prepare(s->sql, &s->crowd_refusals,
				       "DELETE FROM refusal WHERE zone = ?1 AND (actor, network, rcode, why) IN "
				       "(SELECT actor, network, rcode, why FROM refusal WHERE zone = ?1 "
				       "ORDER BY last DESC LIMIT -1 OFFSET ?2)",
				       msg);
	if (err)
		return err;
	sqlite3_bind_int64(s->crowd_refusals, 1, zone);
	sqlite3_bind_int(s->crowd_refusals, 2, ZONESTORE_REFUSALS_MAX);
	return sqlstore_run(s->sql, s->crowd_refusals, msg);
}

static const char *words(sqlite3_stmt *stmt, int column)
{
	const char *text = (const char *)sqlite3_column_text(stmt, column);
	return text ? text : "";
}

enum err zonestore_refusals_each(struct zonestore *s, int64_t zone, int64_t since, unsigned limit,
				 zonestore_refusal_fn *fn, void *arg, struct errmsg *msg)
{
	bool row = false;
	enum err err = sqlstore_prepare(
		s->sql, &s->each_refusal,
		"SELECT first, last, count, actor, network, source, transport, rcode, asked, why FROM refusal "
		"WHERE zone = ?1 AND last >= ?2 ORDER BY last DESC, first LIMIT ?3",
		msg);
	if (err)
		return err;
	sqlite3_stmt *stmt = s->each_refusal;
	assert(!sqlite3_stmt_busy(stmt));
	sqlite3_bind_int64(stmt, 1, zone);
	sqlite3_bind_int64(stmt, 2, since);
	sqlite3_bind_int64(stmt, 3, limit ? (int64_t)limit : -1);
	while (!err && !(err = sqlstore_step(s->sql, stmt, &row, msg)) && row) {
		const struct zonestore_refusal r = {.first = sqlite3_column_int64(stmt, 0),
						    .last = sqlite3_column_int64(stmt, 1),
						    .count = sqlite3_column_int64(stmt, 2),
						    .actor = words(stmt, 3),
						    .network = words(stmt, 4),
						    .source = words(stmt, 5),
						    .transport = words(stmt, 6),
						    .rcode = (uint16_t)sqlite3_column_int(stmt, 7),
						    .asked = words(stmt, 8),
						    .why = words(stmt, 9)};
		err = fn(arg, &r);
	}
	zonestore_inside_stop(stmt);
	return err;
}

enum err zonestore_refusals_trim(struct zonestore *s, int64_t zone, int64_t before, struct errmsg *msg)
{
	enum err err =
		sqlstore_prepare(s->sql, &s->trim_refusals, "DELETE FROM refusal WHERE zone = ?1 AND last < ?2", msg);
	if (err)
		return err;
	sqlite3_bind_int64(s->trim_refusals, 1, zone);
	sqlite3_bind_int64(s->trim_refusals, 2, before);
	return sqlstore_run(s->sql, s->trim_refusals, msg);
}
