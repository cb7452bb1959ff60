/* zonestore_records.c: the rows of what is served, one an RRset. RRSIGs are rows of their own, with the type covered
 * beside them:
 *
 *   rdata  | length 2 | RDATA | length 2 | RDATA | …       at least one; canonical order */
#include "zones/store/zonestore_inside.h"

#include <assert.h>

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

static enum err corrupt(struct zonestore_reading *r, const char *what)
{
	return zonestore_inside_corrupt(r->s, r->zone, r->owner.any ? r->owner.name.wire : NULL, r->type, what, r->msg);
}

#define READ_ROWS "SELECT owner, name, type, covers, ttl, rdata, zone FROM rrset WHERE "

enum err zonestore_inside_read(struct zonestore_reading *r, struct zonestore *s, int64_t from, int64_t to,
			       const struct rbuf *at, struct errmsg *msg)
{
	sqlite3_stmt **slot = at ? &s->each_rrset_at : &s->each_rrset;
	r->s = s;
	r->msg = msg;
	enum err err = sqlstore_prepare(s->sql, slot,
					at ? READ_ROWS "zone = ?1 AND owner = ?2 ORDER BY type, covers"
					   : READ_ROWS "zone BETWEEN ?1 AND ?2 ORDER BY zone, owner, type, covers",
					msg);
	if (err)
		return err;
	assert(!sqlite3_stmt_busy(*slot));
	r->stmt = *slot;
	sqlite3_bind_int64(r->stmt, 1, from);
	if (at)
		zonestore_inside_bind_blob(r->stmt, 2, at->data, at->len);
	else
		sqlite3_bind_int64(r->stmt, 2, to);
	return ERR_OK;
}

void zonestore_inside_read_zone(struct zonestore_reading *r, const uint8_t *apex)
{
	r->apex_len = name_to_key(apex, r->apex);
	r->owner.any = false;
}

enum err zonestore_inside_next_row(struct zonestore_reading *r, bool *more)
{
	enum err err = sqlstore_step(r->s->sql, r->stmt, more, r->msg);
	if (!err && *more)
		r->zone = sqlite3_column_int64(r->stmt, 6);
	return err;
}

static enum err read_numbers(struct zonestore_reading *r)
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

enum err zonestore_inside_read_row(struct zonestore_reading *r)
{
	if (!zonestore_inside_owner(&r->owner, r->stmt, 0, 1, &r->next_owner))
		return corrupt(r, "a row's owner and name are not one domain name");
	enum err err = read_numbers(r);
	if (err)
		return err;
	if (r->owner.key_len < r->apex_len || (r->apex_len && memcmp(r->owner.key, r->apex, r->apex_len) != 0))
		return corrupt(r, "the name is not in the zone");
	const void *rdata = sqlite3_column_blob(r->stmt, 5);
	size_t len = (size_t)sqlite3_column_bytes(r->stmt, 5);
	if (!rdata || !len)
		return corrupt(r, "its row holds no record");
	r->pack = buf_reader(rdata, len);
	return ERR_OK;
}

enum err zonestore_inside_read_record(struct zonestore_reading *r, struct content_rr *rr, bool *more)
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
static enum err list(struct zonestore_reading *r, const uint8_t *apex, zonestore_rr_fn *fn, void *arg)
{
	bool row = true;
	enum err err = ERR_OK;
	zonestore_inside_read_zone(r, apex);
	while (!err && !(err = zonestore_inside_next_row(r, &row)) && row) {
		struct zonestore_rr out = {.owner = r->owner.name.wire};
		bool record = true;
		err = zonestore_inside_read_row(r);
		while (!err && !(err = zonestore_inside_read_record(r, &out.rr, &record)) && record)
			err = fn(arg, &out);
	}
	zonestore_inside_stop(r->stmt);
	return err;
}

enum err zonestore_each_rr(struct zonestore *s, int64_t zone, zonestore_rr_fn *fn, void *arg, struct errmsg *msg)
{
	struct zonestore_reading r;
	struct name apex;
	enum err err = apex_of(s, zone, &apex, msg);
	if (!err)
		err = zonestore_inside_read(&r, s, zone, zone, NULL, msg);
	return err ? err : list(&r, apex.wire, fn, arg);
}

enum err zonestore_each_rr_at(struct zonestore *s, int64_t zone, const uint8_t *owner, zonestore_rr_fn *fn, void *arg,
			      struct errmsg *msg)
{
	struct zonestore_reading r;
	struct name apex;
	uint8_t key[NAME_KEY_MAX];
	struct rbuf at = buf_reader(key, name_to_key(owner, key));
	enum err err = apex_of(s, zone, &apex, msg);
	if (!err)
		err = zonestore_inside_read(&r, s, zone, zone, &at, msg);
	return err ? err : list(&r, apex.wire, fn, arg);
}
