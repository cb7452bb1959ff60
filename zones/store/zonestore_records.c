/* zonestore_records.c: the rows of what is served, one an RRset. RRSIGs are rows of their own, with the type covered
 * beside them:
 *
 *   rdata  | length 2 | RDATA | length 2 | RDATA | …       at least one; canonical order */
#include "zones/store/zonestore_inside.h"

#include <assert.h>
#include <stdlib.h>

enum {
	PACK_HEAD = 2,       /* octets before each RDATA */
	TTL_MAX = 0x7fffffff /* RFC 2181 §8 */
};

/* ---- writing ---- */

/* The rows of one name. */
struct writing {
	struct zonestore *s;
	int64_t zone, change;
	const uint8_t *owner; /* as the rows spell it */
	bool renamed;         /* the spelling is another than before: every row changes */
	uint8_t key[NAME_KEY_MAX];
	size_t key_len;
	char name[NAME_TEXT_MAX];
	struct errmsg *msg;
};

/* A run of ready records: an RRset or its signatures. */
struct records {
	const uint8_t *block;
	size_t len; /* 0: none */
};

static size_t pack(uint8_t *out, const struct records *records, uint32_t *ttl)
{
	size_t len = 0, at = 0;
	struct content_rr rr;
	while (content_next(records->block, records->len, &at, &rr)) {
		buf_store_u16(out + len, rr.rdlen);
		if (rr.rdlen)
			memcpy(out + len + PACK_HEAD, rr.rdata, rr.rdlen);
		len += (size_t)PACK_HEAD + rr.rdlen;
		*ttl = rr.ttl;
	}
	return len;
}

static void bind_row(const struct writing *w, sqlite3_stmt *stmt, uint16_t type, uint16_t covers)
{
	sqlite3_bind_int64(stmt, 1, w->zone);
	zonestore_inside_bind_blob(stmt, 2, w->key, w->key_len);
	sqlite3_bind_int(stmt, 3, type);
	sqlite3_bind_int(stmt, 4, covers);
}

/* The row is not as memory has it: somebody else wrote to the database. */
static enum err mismatch(const struct writing *w, uint16_t type, const char *what)
{
	char type_text[RR_TYPE_TEXT_MAX];
	return errmsg_set(w->msg, ERR_CORRUPT,
			  "%s %s: its row %s, so the database was changed behind the server's back; restart roostd",
			  w->name, rr_type_to_text(type, type_text), what);
}

static enum err write_row(const struct writing *w, bool insert, uint16_t type, uint16_t covers,
			  const struct records *records)
{
	struct zonestore *s = w->s;
	sqlite3_stmt **slot = insert ? &s->insert_rrset : &s->update_rrset;
	uint32_t ttl = 0;
	enum err err = sqlstore_prepare(s->sql, slot,
					insert ? "INSERT INTO rrset (zone, owner, type, covers, name, ttl, rdata, "
						 "change) VALUES (?1, ?2, ?3, ?4, ?5, ?6, ?7, ?8)"
					       : "UPDATE rrset SET name = ?5, ttl = ?6, rdata = ?7, change = ?8 "
						 "WHERE zone = ?1 AND owner = ?2 AND type = ?3 AND covers = ?4",
					w->msg);
	if (err)
		return err;
	size_t len = pack(s->pack, records, &ttl);
	bind_row(w, *slot, type, covers);
	sqlite3_bind_text(*slot, 5, w->name, -1, SQLITE_STATIC);
	sqlite3_bind_int64(*slot, 6, ttl);
	zonestore_inside_bind_blob(*slot, 7, s->pack, len);
	sqlite3_bind_int64(*slot, 8, w->change);
	err = sqlstore_run(s->sql, *slot, w->msg);
	if (err == ERR_EXISTS)
		return mismatch(w, type, "is there already");
	if (err == ERR_REFUSED) /* the foreign key */
		return errmsg_set(w->msg, ERR_NOTFOUND,
				  "%s: its zone is no more in the database; see roostctl zone list", w->name);
	if (!err && !sqlite3_changes(sqlstore_handle(s->sql)))
		return mismatch(w, type, "is not there");
	return err;
}

static enum err delete_row(const struct writing *w, uint16_t type, uint16_t covers)
{
	struct zonestore *s = w->s;
	enum err err = sqlstore_prepare(
		s->sql, &s->delete_rrset,
		"DELETE FROM rrset WHERE zone = ?1 AND owner = ?2 AND type = ?3 AND covers = ?4", w->msg);
	if (err)
		return err;
	bind_row(w, s->delete_rrset, type, covers);
	err = sqlstore_run(s->sql, s->delete_rrset, w->msg);
	if (!err && !sqlite3_changes(sqlstore_handle(s->sql)))
		return mismatch(w, type, "is not there");
	return err;
}

static enum err put_row(const struct writing *w, uint16_t type, uint16_t covers, struct records before,
			struct records after)
{
	bool same = before.len == after.len && (!after.len || memcmp(before.block, after.block, after.len) == 0);
	if (same && !(w->renamed && after.len))
		return ERR_OK;
	if (!after.len)
		return delete_row(w, type, covers);
	return write_row(w, !before.len, type, covers, &after);
}

static struct records records_of(const struct content *c, const struct rrset *set)
{
	return set ? (struct records){content_block(c, set), set->len} : (struct records){NULL, 0};
}

static struct records sigs_of(const struct content *c, const struct rrset *set)
{
	return set ? (struct records){content_sig_block(c, set), set->sig_len} : (struct records){NULL, 0};
}

/* Both sides are sorted by type: one walk. */
static enum err put_sets(const struct writing *w, const struct content *before, const struct content *after)
{
	unsigned i = 0, j = 0, olds = before ? before->sets : 0, news = after ? after->sets : 0;
	while (i < olds || j < news) {
		const struct rrset *a = i < olds ? &before->set[i] : NULL;
		const struct rrset *b = j < news ? &after->set[j] : NULL;
		if (a && b && a->type < b->type)
			b = NULL;
		else if (a && b && a->type > b->type)
			a = NULL;
		uint16_t type = a ? a->type : b->type;
		enum err err = put_row(w, type, 0, records_of(before, a), records_of(after, b));
		if (!err)
			err = put_row(w, TYPE_RRSIG, type, sigs_of(before, a), sigs_of(after, b));
		if (err)
			return err;
		i += a != NULL;
		j += b != NULL;
	}
	return ERR_OK;
}

static bool same_spelling(const struct content *before, const struct content *after)
{
	const uint8_t *a = content_owner_cased(before), *b = content_owner_cased(after);
	return a == b || (a && b && memcmp(a, b, name_len(a)) == 0);
}

enum err zonestore_put_name(struct zonestore *s, int64_t zone, const uint8_t *owner, const struct content *before,
			    const struct content *after, int64_t change, struct errmsg *msg)
{
	struct writing w = {.s = s, .zone = zone, .change = change, .msg = msg};
	uint8_t lower[NAME_WIRE_MAX];
	/* Memory's spelling: a name in use keeps the one it had, whatever the last sender wrote. */
	w.owner = content_owner_cased(after);
	if (!w.owner) {
		name_lower(lower, owner, name_len(owner));
		w.owner = lower;
	}
	w.renamed = !same_spelling(before, after);
	w.key_len = name_to_key(w.owner, w.key);
	name_to_text(w.owner, w.name);
	return put_sets(&w, before, after);
}

enum err zonestore_clear_records(struct zonestore *s, int64_t zone, struct errmsg *msg)
{
	enum err err = sqlstore_prepare(s->sql, &s->clear_rrsets, "DELETE FROM rrset WHERE zone = ?1", msg);
	if (err)
		return err;
	sqlite3_bind_int64(s->clear_rrsets, 1, zone);
	return sqlstore_run(s->sql, s->clear_rrsets, msg);
}

/* ---- reading ---- */

/* A walk over the rows of a zone; the members from `type` on are of the row at hand. */
struct reading {
	struct zonestore *s;
	int64_t zone;
	uint8_t apex[NAME_KEY_MAX]; /* sort key: every owner's key starts with it */
	size_t apex_len;
	sqlite3_stmt *stmt;
	struct errmsg *msg;
	struct zonestore_owner owner;
	bool next_owner; /* the owner is another than the last row's */
	uint16_t type, covers;
	uint32_t ttl;
	struct rbuf pack;
};

static enum err corrupt(struct reading *r, const char *what)
{
	return zonestore_inside_corrupt(r->s, r->zone, r->owner.any ? r->owner.name.wire : NULL, r->type, what, r->msg);
}

#define READ_ROWS "SELECT owner, name, type, covers, ttl, rdata FROM rrset WHERE zone = ?1 "

/* `at`: only the rows of the name with this sort key, which must live as long as the walk; NULL: all rows. */
static enum err start_reading(struct reading *r, struct zonestore *s, int64_t zone, const uint8_t *apex,
			      const struct rbuf *at, struct errmsg *msg)
{
	sqlite3_stmt **slot = at ? &s->each_rrset_at : &s->each_rrset;
	r->s = s;
	r->zone = zone;
	r->msg = msg;
	r->type = 0;
	r->owner.any = false;
	r->apex_len = name_to_key(apex, r->apex);
	enum err err = sqlstore_prepare(
		s->sql, slot,
		at ? READ_ROWS "AND owner = ?2 ORDER BY type, covers" : READ_ROWS "ORDER BY owner, type, covers", msg);
	if (err)
		return err;
	assert(!sqlite3_stmt_busy(*slot));
	r->stmt = *slot;
	sqlite3_bind_int64(r->stmt, 1, zone);
	if (at)
		zonestore_inside_bind_blob(r->stmt, 2, at->data, at->len);
	return ERR_OK;
}

static enum err read_numbers(struct reading *r)
{
	int64_t type, covers, ttl;
	r->type = 0;
	if (!zonestore_inside_number(r->stmt, 2, UINT16_MAX, &type) || rr_type_is_meta((uint16_t)type))
		return corrupt(r, "a type that no zone can hold");
	r->type = (uint16_t)type;
	if (!zonestore_inside_number(r->stmt, 3, UINT16_MAX, &covers) || (type != TYPE_RRSIG && covers))
		return corrupt(r, "'covers' is set on what is no RRSIG");
	r->covers = (uint16_t)covers;
	if (!zonestore_inside_number(r->stmt, 4, TTL_MAX, &ttl))
		return corrupt(r, "its TTL is out of range");
	r->ttl = (uint32_t)ttl;
	return ERR_OK;
}

/* *more is false after the last row. */
static enum err read_row(struct reading *r, bool *more)
{
	enum err err = sqlstore_step(r->s->sql, r->stmt, more, r->msg);
	if (err || !*more)
		return err;
	if (!zonestore_inside_owner(&r->owner, r->stmt, 0, 1, &r->next_owner))
		return corrupt(r, "a row's owner and name are not one domain name");
	if (r->owner.key_len < r->apex_len || (r->apex_len && memcmp(r->owner.key, r->apex, r->apex_len) != 0))
		return corrupt(r, "the name is not in the zone");
	err = read_numbers(r);
	if (err)
		return err;
	const void *rdata = sqlite3_column_blob(r->stmt, 5);
	size_t len = (size_t)sqlite3_column_bytes(r->stmt, 5);
	if (!rdata || !len)
		return corrupt(r, "its row holds no record");
	r->pack = buf_reader(rdata, len);
	return ERR_OK;
}

/* The next record of the row; *more is false after the last. */
static enum err read_record(struct reading *r, struct content_rr *rr, bool *more)
{
	*more = buf_left(&r->pack) > 0;
	if (!*more)
		return ERR_OK;
	bool first = r->pack.pos == 0;
	uint16_t len = buf_get_u16(&r->pack);
	const uint8_t *rdata = buf_get(&r->pack, len);
	if (!rdata)
		return corrupt(r, "the lengths in its row do not add up");
	if (rr_check_rdata(r->type, rdata, len) != ERR_OK)
		return corrupt(r, "its RDATA is not of that type");
	if (r->type == TYPE_RRSIG && buf_load_u16(rdata) != r->covers)
		return corrupt(r, "a signature stands with another type than it covers");
	if (rr_type_is_singleton(r->type) && (!first || buf_left(&r->pack)))
		return corrupt(r, "more than one record of a type that must be alone");
	*rr = (struct content_rr){.type = r->type, .ttl = r->ttl, .rdlen = len, .rdata = rdata};
	return ERR_OK;
}

/* ---- loading a zone ---- */

struct loading {
	struct reading r;
	struct content_maker *maker;
	struct zone *zone;
	struct name owner; /* of what the maker holds; len 0: nothing */
};

/* The name is complete: into the zone with it. */
static enum err finish_name(struct loading *l)
{
	struct content *c;
	if (!l->owner.len)
		return ERR_OK;
	enum err err = content_maker_finish(l->maker, l->owner.wire, &c);
	if (err == ERR_NOSPACE)
		return zonestore_inside_corrupt(l->r.s, l->r.zone, l->owner.wire, TYPE_ANY,
						"more than a message can carry", l->r.msg);
	if (!err) {
		err = zone_load_content(l->zone, l->owner.wire, c);
		if (err)
			content_free(c);
	}
	return err ? errmsg_set(l->r.msg, err, "loading a zone: %s", err_text(err)) : ERR_OK;
}

static enum err load_row(struct loading *l)
{
	struct content_rr rr;
	bool more;
	if (l->r.next_owner) {
		enum err err = finish_name(l);
		if (err)
			return err;
		l->owner.len = l->r.owner.name.len;
		memcpy(l->owner.wire, l->r.owner.name.wire, l->owner.len);
	}
	for (;;) {
		enum err err = read_record(&l->r, &rr, &more);
		if (err || !more)
			return err;
		err = content_maker_add(l->maker, rr.type, rr.ttl, rr.rdata, rr.rdlen);
		if (err)
			return errmsg_set(l->r.msg, err, "loading a zone: %s", err_text(err));
	}
}

static enum err load_rows(struct loading *l)
{
	bool more = true;
	while (more) {
		enum err err = read_row(&l->r, &more);
		if (!err && more)
			err = load_row(l);
		if (err)
			return err;
	}
	return finish_name(l);
}

/* The serial stands in the zone's row too: two rows that contradict each other would give secondaries the wrong
 * history. */
static enum err check_serial(struct loading *l, const struct zonestore_zone *row)
{
	struct zone_view v = zone_view(l->zone);
	struct content_rr rr;
	if (!row->has_serial)
		return ERR_OK;
	if (!zone_soa(&v, &rr))
		return zonestore_inside_corrupt(l->r.s, row->id, row->name.wire, TYPE_SOA, "there is none", l->r.msg);
	if (zone_serial(&v) != row->serial)
		return zonestore_inside_corrupt(l->r.s, row->id, row->name.wire, TYPE_SOA,
						"its serial is not the zone row's", l->r.msg);
	return ERR_OK;
}

/* RRsets at a name, as a guess: an A and an AAAA. Where there are fewer, the table grows once. */
enum { ROWS_A_NAME = 2 };

/* A table of about the right size from the start saves growing it again and again; a small one grows in no time. */
static enum err count_rows(struct zonestore *s, int64_t zone, size_t *count, struct errmsg *msg)
{
	bool row;
	enum err err = sqlstore_prepare(s->sql, &s->count_rrsets,
					"SELECT count(*) FROM rrset WHERE zone = ?1 AND type <> 46", msg);
	if (err)
		return err;
	sqlite3_bind_int64(s->count_rrsets, 1, zone);
	err = sqlstore_step(s->sql, s->count_rrsets, &row, msg);
	if (err)
		return err;
	*count = row ? (size_t)sqlite3_column_int64(s->count_rrsets, 0) : 0;
	zonestore_inside_stop(s->count_rrsets);
	return ERR_OK;
}

enum err zonestore_load(struct zonestore *s, const struct zonestore_zone *row, struct zone **out, struct errmsg *msg)
{
	struct loading l = {.maker = NULL};
	size_t rows = 0;
	*out = NULL;
	enum err err = count_rows(s, row->id, &rows, msg);
	if (!err)
		err = start_reading(&l.r, s, row->id, row->name.wire, NULL, msg);
	if (err)
		return err;
	if (content_maker_new(&l.maker) || zone_new(&l.zone, row->name.wire, row->id, rows / ROWS_A_NAME)) {
		err = errmsg_set(msg, ERR_NOMEM, "loading a zone: out of memory");
		goto done;
	}
	err = load_rows(&l);
	if (!err)
		err = check_serial(&l, row);
	if (err)
		zone_release(l.zone);
	else
		*out = l.zone;
done:
	zonestore_inside_stop(l.r.stmt);
	content_maker_free(l.maker);
	return err;
}

/* ---- listing ---- */

static enum err apex_of(struct zonestore *s, int64_t zone, struct name *out, struct errmsg *msg)
{
	char text[NAME_TEXT_MAX];
	if (!zonestore_inside_zone_text(s, zone, text))
		return errmsg_set(msg, ERR_NOTFOUND, "zone %s is not in the database; see roostctl zone list", text);
	if (name_from_text(out, text) != ERR_OK)
		return zonestore_inside_corrupt(s, zone, NULL, 0, "its name is not a domain name", msg);
	return ERR_OK;
}

/* Calls fn for each record of the rows that the statement gives. */
static enum err list(struct reading *r, zonestore_rr_fn *fn, void *arg)
{
	bool row = true;
	enum err err = ERR_OK;
	while (!err && !(err = read_row(r, &row)) && row) {
		struct zonestore_rr out = {.owner = r->owner.name.wire};
		bool record = true;
		while (!err && !(err = read_record(r, &out.rr, &record)) && record)
			err = fn(arg, &out);
	}
	zonestore_inside_stop(r->stmt);
	return err;
}

enum err zonestore_each_rr(struct zonestore *s, int64_t zone, zonestore_rr_fn *fn, void *arg, struct errmsg *msg)
{
	struct reading r;
	struct name apex;
	enum err err = apex_of(s, zone, &apex, msg);
	if (!err)
		err = start_reading(&r, s, zone, apex.wire, NULL, msg);
	return err ? err : list(&r, fn, arg);
}

enum err zonestore_each_rr_at(struct zonestore *s, int64_t zone, const uint8_t *owner, zonestore_rr_fn *fn, void *arg,
			      struct errmsg *msg)
{
	struct reading r;
	struct name apex;
	uint8_t key[NAME_KEY_MAX];
	struct rbuf at = buf_reader(key, name_to_key(owner, key));
	enum err err = apex_of(s, zone, &apex, msg);
	if (!err)
		err = start_reading(&r, s, zone, apex.wire, &at, msg);
	return err ? err : list(&r, fn, arg);
}
