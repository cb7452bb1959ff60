/* zonestore_journal.c: changes and their records: writing them, and reading the records. Walking the versions:
 * zonestore_history.c.
 *
 * The records of a version are packed, deletions first, one behind the other:
 *
 *   octet   flags: 1 added (else deleted), 2 of the same owner as the record before
 *   name    the owner, wire with its case; not there with flag 2
 *   2 4 2   type, TTL, length of the RDATA
 *   …       RDATA
 *
 * They stand in the change's own row, which grows the table at its end only: an update costs the journal a part of a
 * page. Those of a large version are in pieces of their own (change_more), each beginning with a name, so that
 * reading may begin anywhere without unpacking it all. */
#include "zones/store/zonestore_inside.h"

#include <assert.h>
#include <stdlib.h>

enum {
	FLAG_ADD = 1,
	FLAG_SAME_OWNER = 2,
	RR_HEAD = 1 + 2 + 4 + 2, /* octets: flags, type, TTL, length */
	PIECE_MAX = 16384,       /* octets: more than nearly every version; a message of a transfer takes a few */
	RR_MAX = RR_HEAD + NAME_WIRE_MAX + UINT16_MAX,
	SOA_MAX = 2 * NAME_WIRE_MAX + 20 /* octets of RDATA (RFC 1035 §3.3.13) */
};

/* ---- packing ---- */

static bool pack_rr(struct zonestore_pack *p, bool add, const uint8_t *owner, const struct content_rr *rr)
{
	size_t name = name_len(owner);
	if (p->cap - p->len < RR_HEAD + name + rr->rdlen) {
		uint8_t *octets = realloc(p->octets, p->cap + PIECE_MAX + RR_MAX);
		if (!octets)
			return false;
		p->octets = octets;
		p->cap += PIECE_MAX + RR_MAX;
	}
	bool same = p->len && name == p->owner_len && memcmp(p->octets + p->owner_at, owner, name) == 0;
	uint8_t *at = p->octets + p->len;
	*at++ = (uint8_t)((add ? FLAG_ADD : 0) | (same ? FLAG_SAME_OWNER : 0));
	if (!same) {
		p->owner_at = (size_t)(at - p->octets);
		p->owner_len = name;
		memcpy(at, owner, name);
		at += name;
	}
	buf_store_u16(at, rr->type);
	buf_store_u32(at + 2, rr->ttl);
	buf_store_u16(at + 6, rr->rdlen);
	if (rr->rdlen)
		memcpy(at + 8, rr->rdata, rr->rdlen);
	p->len = (size_t)(at + 8 + rr->rdlen - p->octets);
	return true;
}

/* The next record; `owner` is that of the one before. False if it makes no sense. */
static bool unpack_rr(struct rbuf *in, struct name *owner, struct zonestore_change_rr *out)
{
	uint8_t flags = buf_get_u8(in);
	if (flags > (FLAG_ADD | FLAG_SAME_OWNER) || ((flags & FLAG_SAME_OWNER) && !owner->len))
		return false;
	if (!(flags & FLAG_SAME_OWNER) && name_parse_plain(in, owner) != ERR_OK)
		return false;
	out->add = flags & FLAG_ADD;
	out->owner = owner->wire;
	out->rr.type = buf_get_u16(in);
	out->rr.ttl = buf_get_u32(in);
	out->rr.rdlen = buf_get_u16(in);
	out->rr.rdata = buf_get(in, out->rr.rdlen);
	return !in->bad && rr_check_rdata(out->rr.type, out->rr.rdata, out->rr.rdlen) == ERR_OK;
}

/* ---- functions for SQL ---- */

/* pack_records(op, name, type, ttl, rdata), an aggregate: what was one row a record before schema 3. */
static void pack_step(sqlite3_context *context, int count, sqlite3_value **value)
{
	struct zonestore_pack *p = sqlite3_aggregate_context(context, sizeof(*p));
	const char *text = (const char *)sqlite3_value_text(value[1]);
	const uint8_t *rdata = sqlite3_value_blob(value[4]);
	struct name owner;
	struct content_rr rr = {.type = (uint16_t)sqlite3_value_int(value[2]),
				.ttl = (uint32_t)sqlite3_value_int64(value[3]),
				.rdlen = (uint16_t)sqlite3_value_bytes(value[4]),
				.rdata = rdata};
	(void)count;
	if (!text || name_from_text(&owner, text) != ERR_OK)
		sqlite3_result_error(context, "a name in the history cannot be read", -1);
	else if (!p || !pack_rr(p, sqlite3_value_int(value[0]) != 0, owner.wire, &rr))
		sqlite3_result_error_nomem(context);
}

static void pack_end(sqlite3_context *context)
{
	struct zonestore_pack *p = sqlite3_aggregate_context(context, 0);
	if (p && p->octets)
		sqlite3_result_blob64(context, p->octets, p->len, free);
	else
		sqlite3_result_zeroblob(context, 0);
}

/* has_owner(records, key): whether one of the packed records is of the name with that sort key. */
static void has_owner(sqlite3_context *context, int count, sqlite3_value **value)
{
	struct rbuf in = buf_reader(sqlite3_value_blob(value[0]), (size_t)sqlite3_value_bytes(value[0]));
	const uint8_t *key = sqlite3_value_blob(value[1]);
	size_t len = (size_t)sqlite3_value_bytes(value[1]);
	struct name owner = {.len = 0};
	struct zonestore_change_rr rr;
	bool found = false;
	(void)count;
	while (!found && buf_left(&in) && unpack_rr(&in, &owner, &rr)) {
		uint8_t its[NAME_KEY_MAX];
		found = name_to_key(owner.wire, its) == len && (!len || memcmp(its, key, len) == 0);
	}
	sqlite3_result_int(context, found);
}

int zonestore_inside_functions(sqlite3 *db)
{
	int rc = sqlite3_create_function_v2(db, "pack_records", 5, SQLITE_UTF8 | SQLITE_DIRECTONLY, NULL, NULL,
					    pack_step, pack_end, NULL);
	if (rc != SQLITE_OK)
		return rc;
	return sqlite3_create_function_v2(db, "has_owner", 2, SQLITE_UTF8 | SQLITE_DIRECTONLY | SQLITE_DETERMINISTIC,
					  NULL, has_owner, NULL, NULL, NULL);
}

/* ---- writing ---- */

/* Numbers are not SQLite's to choose, because the records are packed before the row is written. Nobody else writes,
 * so they are looked up once. */
static enum err next_id(struct zonestore *s, int64_t *id, struct errmsg *msg)
{
	bool row = false;
	if (!s->last_change) {
		enum err err = sqlstore_prepare(s->sql, &s->max_change, "SELECT max(id) FROM change", msg);
		if (!err)
			err = sqlstore_step(s->sql, s->max_change, &row, msg);
		if (err)
			return err;
		s->last_change = row ? sqlite3_column_int64(s->max_change, 0) : 0;
		zonestore_inside_stop(s->max_change);
	}
	*id = ++s->last_change;
	return ERR_OK;
}

enum err zonestore_begin_version(struct zonestore *s, struct zonestore_version *v, const struct zonestore_change *c,
				 struct errmsg *msg)
{
	struct zonestore_making *m = &s->making;
	enum err err = next_id(s, &v->id, msg);
	m->version = *v;
	m->change = *c;
	m->pieces = false;
	m->count = m->piece = 0;
	m->pack.len = 0;
	return err;
}

static void bind_words(sqlite3_stmt *stmt, int at, const char *words)
{
	sqlite3_bind_text(stmt, at, words ? words : "", -1, SQLITE_STATIC);
}

/* The SOA before is only kept if it is not the one after with another serial. */
static bool soa_differs(const struct zonestore_version *v)
{
	uint8_t from[SOA_MAX];
	if (v->soa_from_ttl != v->soa_to_ttl || v->soa_from_len != v->soa_to_len || v->soa_to_len > sizeof(from))
		return true;
	memcpy(from, v->soa_to, v->soa_to_len);
	rr_soa_set_serial(from, v->soa_to_len, v->from);
	return memcmp(from, v->soa_from, v->soa_from_len) != 0;
}

static void bind_version(sqlite3_stmt *stmt, const struct zonestore_version *v)
{
	sqlite3_bind_int64(stmt, 9, v->to);
	sqlite3_bind_int(stmt, 10, v->full);
	sqlite3_bind_int64(stmt, 13, v->soa_to_ttl);
	zonestore_inside_bind_blob(stmt, 14, v->soa_to, v->soa_to_len);
	if (!v->has_from)
		return;
	sqlite3_bind_int64(stmt, 8, v->from);
	if (!soa_differs(v))
		return;
	sqlite3_bind_int64(stmt, 11, v->soa_from_ttl);
	zonestore_inside_bind_blob(stmt, 12, v->soa_from, v->soa_from_len);
}

/* Without its records if these are in pieces. */
static enum err insert_change(struct zonestore *s, struct errmsg *msg)
{
	const struct zonestore_making *m = &s->making;
	const struct zonestore_change *c = &m->change;
	enum err err = sqlstore_prepare(
		s->sql, &s->add_change,
		"INSERT INTO change (id, zone, time, actor, source, transport, rcode, note, serial_from, serial_to, "
		"\"full\", soa_from_ttl, soa_from, soa_to_ttl, soa_to, records) "
		"VALUES (?16, ?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8, ?9, ?10, ?11, ?12, ?13, ?14, ?15)",
		msg);
	if (err)
		return err;
	sqlite3_bind_int64(s->add_change, 1, m->version.zone);
	sqlite3_bind_int64(s->add_change, 2, m->version.time);
	bind_words(s->add_change, 3, c->actor);
	bind_words(s->add_change, 4, c->source);
	bind_words(s->add_change, 5, c->transport);
	sqlite3_bind_int(s->add_change, 6, c->rcode);
	bind_words(s->add_change, 7, c->note);
	bind_version(s->add_change, &m->version);
	if (!m->pieces)
		zonestore_inside_bind_blob(s->add_change, 15, m->pack.octets, m->pack.len);
	sqlite3_bind_int64(s->add_change, 16, m->version.id);
	err = sqlstore_run(s->sql, s->add_change, msg);
	if (err == ERR_REFUSED) /* the foreign key: the zone went */
		return errmsg_set(msg, ERR_NOTFOUND,
				  "zone number %lld is no more in the database; see roostctl zone list",
				  (long long)m->version.zone);
	return err;
}

static enum err insert_piece(struct zonestore *s, struct errmsg *msg)
{
	struct zonestore_making *m = &s->making;
	enum err err = ERR_OK;
	if (!m->pieces) {
		m->pieces = true;
		err = insert_change(s, msg);
	}
	if (!err)
		err = sqlstore_prepare(s->sql, &s->add_piece,
				       "INSERT INTO change_more (change, seq, records) VALUES (?1, ?2, ?3)", msg);
	if (err)
		return err;
	sqlite3_bind_int64(s->add_piece, 1, m->version.id);
	sqlite3_bind_int64(s->add_piece, 2, m->piece);
	zonestore_inside_bind_blob(s->add_piece, 3, m->pack.octets, m->pack.len);
	m->piece = m->count;
	m->pack.len = 0;
	return sqlstore_run(s->sql, s->add_piece, msg);
}

enum err zonestore_add_change_rr(struct zonestore *s, bool add, const uint8_t *owner, const struct content_rr *rr,
				 struct errmsg *msg)
{
	struct zonestore_making *m = &s->making;
	if (m->pack.len && m->pack.len + RR_HEAD + name_len(owner) + rr->rdlen > PIECE_MAX) {
		enum err err = insert_piece(s, msg);
		if (err)
			return err;
	}
	if (!pack_rr(&m->pack, add, owner, rr))
		return errmsg_set(msg, ERR_NOMEM, "no memory for the journal");
	m->count++;
	return ERR_OK;
}

enum err zonestore_end_version(struct zonestore *s, struct errmsg *msg)
{
	return s->making.pieces ? insert_piece(s, msg) : insert_change(s, msg);
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

/* ---- reading the records of a version ---- */

struct reading {
	int64_t version;
	uint32_t seq;  /* of the next record */
	uint32_t from; /* the first that is wanted */
	uint64_t left; /* so many are wanted */
	zonestore_change_rr_fn *fn;
	void *arg;
	struct errmsg *msg;
};

static enum err read_piece(struct reading *r, sqlite3_stmt *stmt, int column)
{
	struct rbuf in = buf_reader(sqlite3_column_blob(stmt, column), (size_t)sqlite3_column_bytes(stmt, column));
	struct name owner = {.len = 0};
	enum err err = ERR_OK;
	for (; !err && r->left && buf_left(&in); r->seq++) {
		struct zonestore_change_rr rr = {.seq = r->seq};
		if (!unpack_rr(&in, &owner, &rr))
			return errmsg_set(r->msg, ERR_CORRUPT,
					  "version %lld in the database: record %u cannot be read; restore the "
					  "database from a backup, or load the zone anew with 'roostctl zone import'",
					  (long long)r->version, r->seq);
		if (r->seq < r->from)
			continue;
		r->left--;
		err = r->fn(r->arg, &rr);
	}
	return err;
}

static enum err read_pieces(struct reading *r, struct zonestore *s)
{
	bool row = false;
	enum err err = sqlstore_prepare(s->sql, &s->each_piece,
					"SELECT seq, records FROM change_more WHERE change = ?1 AND seq >= (SELECT "
					"coalesce(max(seq), 0) FROM change_more WHERE change = ?1 AND seq <= ?2) "
					"ORDER BY seq",
					r->msg);
	if (err)
		return err;
	assert(!sqlite3_stmt_busy(s->each_piece));
	sqlite3_bind_int64(s->each_piece, 1, r->version);
	sqlite3_bind_int64(s->each_piece, 2, r->from);
	while (!err && r->left && !(err = sqlstore_step(s->sql, s->each_piece, &row, r->msg)) && row) {
		r->seq = (uint32_t)sqlite3_column_int64(s->each_piece, 0);
		err = read_piece(r, s->each_piece, 1);
	}
	zonestore_inside_stop(s->each_piece);
	return err;
}

enum err zonestore_each_change_rr(struct zonestore *s, int64_t version, uint32_t from, unsigned limit,
				  zonestore_change_rr_fn *fn, void *arg, struct errmsg *msg)
{
	struct reading r = {
		.version = version, .from = from, .left = limit ? limit : UINT64_MAX, .fn = fn, .arg = arg, .msg = msg};
	bool row = false, pieces = false;
	enum err err = sqlstore_prepare(s->sql, &s->find_records, "SELECT records FROM change WHERE id = ?1", msg);
	if (err)
		return err;
	assert(!sqlite3_stmt_busy(s->find_records));
	sqlite3_bind_int64(s->find_records, 1, version);
	err = sqlstore_step(s->sql, s->find_records, &row, msg);
	if (!err && row) {
		pieces = sqlite3_column_type(s->find_records, 0) == SQLITE_NULL;
		err = read_piece(&r, s->find_records, 0);
	}
	zonestore_inside_stop(s->find_records);
	return err || !pieces ? err : read_pieces(&r, s);
}
