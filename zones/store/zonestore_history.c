/* zonestore_history.c: walking the versions of a zone: IXFR journal, audit trail and undo at once. Writing them, and
 * their records: zonestore_journal.c. */
#include "zones/store/zonestore_inside.h"

#include <assert.h>

enum { SOA_MAX = 2 * NAME_WIRE_MAX + 20 }; /* octets of RDATA: two names and five numbers (RFC 1035 §3.3.13) */

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

/* The SOA before, which is only stored if it is not the one after with another serial; then it is made in `own`. */
static bool read_soa_from(sqlite3_stmt *stmt, struct zonestore_version *v, uint8_t own[SOA_MAX])
{
	if (sqlite3_column_type(stmt, 6) != SQLITE_NULL)
		return read_soa(stmt, 5, &v->soa_from_ttl, &v->soa_from, &v->soa_from_len);
	if (v->soa_to_len > SOA_MAX)
		return false;
	memcpy(own, v->soa_to, v->soa_to_len);
	rr_soa_set_serial(own, v->soa_to_len, v->from);
	v->soa_from = own;
	v->soa_from_len = v->soa_to_len;
	v->soa_from_ttl = v->soa_to_ttl;
	return true;
}

static bool read_version(sqlite3_stmt *stmt, struct zonestore_version *v, uint8_t own[SOA_MAX])
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
	return read_soa(stmt, 7, &v->soa_to_ttl, &v->soa_to, &v->soa_to_len) &&
	       (!has_from || read_soa_from(stmt, v, own));
}

static const char *column_words(sqlite3_stmt *stmt, int column)
{
	const char *words = (const char *)sqlite3_column_text(stmt, column);
	return words ? words : "";
}

static void read_change(sqlite3_stmt *stmt, struct zonestore_change *c)
{
	*c = (struct zonestore_change){
		.time = sqlite3_column_int64(stmt, 3),
		.actor = column_words(stmt, 9),
		.source = column_words(stmt, 10),
		.transport = column_words(stmt, 11),
		.note = column_words(stmt, 12),
		.rcode = (uint16_t)sqlite3_column_int(stmt, 13),
	};
}

#define VERSION_QUERY                                                                                            \
	"SELECT id, serial_from, serial_to, time, \"full\", soa_from_ttl, soa_from, soa_to_ttl, soa_to, actor, " \
	"source, "                                                                                               \
	"transport, note, rcode FROM change WHERE zone = ?1 AND serial_to IS NOT NULL "

/* The rows of a bound statement; it is reset. */
static enum err walk_versions(struct zonestore *s, sqlite3_stmt *stmt, int64_t zone, zonestore_version_fn *fn,
			      void *arg, struct errmsg *msg)
{
	bool row = false;
	enum err err = ERR_OK;
	while (!err && !(err = sqlstore_step(s->sql, stmt, &row, msg)) && row) {
		struct zonestore_version v;
		struct zonestore_change c;
		uint8_t own[SOA_MAX];
		if (!read_version(stmt, &v, own)) {
			err = zonestore_inside_corrupt(s, zone, NULL, 0,
						       "a version in its history has an impossible serial or SOA", msg);
			break;
		}
		v.zone = zone;
		read_change(stmt, &c);
		err = fn(arg, &v, &c);
	}
	zonestore_inside_stop(stmt);
	return err;
}

enum err zonestore_each_version(struct zonestore *s, int64_t zone, bool newest_first, int64_t after, unsigned limit,
				zonestore_version_fn *fn, void *arg, struct errmsg *msg)
{
	sqlite3_stmt **slot = newest_first ? &s->versions_down : &s->versions_up;
	enum err err = sqlstore_prepare(s->sql, slot,
					newest_first ? VERSION_QUERY "AND id < ?2 ORDER BY id DESC LIMIT ?3"
						     : VERSION_QUERY "AND id > ?2 ORDER BY id LIMIT ?3",
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
					VERSION_QUERY
					"AND id IN (SELECT version FROM name_version WHERE zone = ?1 AND owner = ?2 "
					"UNION SELECT n.id FROM change n WHERE n.zone = ?1 "
					"AND n.id >= (SELECT kept_to FROM zone WHERE id = ?1) "
					"AND CASE WHEN n.records IS NOT NULL THEN has_owner(n.records, ?2) "
					"ELSE EXISTS (SELECT 1 FROM change_more m WHERE m.change = n.id "
					"AND has_owner(m.records, ?2)) END) ORDER BY id DESC LIMIT ?3",
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
		"SELECT id, serial_from, serial_to, \"full\" FROM change WHERE zone = ?1 AND serial_to IS NOT NULL "
		"ORDER BY id DESC LIMIT ?2",
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
		"SELECT id FROM change WHERE zone = ?1 AND serial_to = ?2 ORDER BY id DESC LIMIT 1", msg);
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
