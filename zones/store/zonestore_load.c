/* zonestore_load.c: zones in memory from their rows. All zones take one sweep over `rrset`, whose key is in the order
 * in which zones are built: zone by zone, name by name. Each start of a statement would cost as much as a small zone.
 *
 * The names of a zone are gathered before the zone is made, so that it gets memory to measure; one with more names than
 * are worth gathering is asked for its number of rows, and grows. */
#include "zones/store/zonestore_inside.h"

#include <stdlib.h>

enum {
	GATHERED_MAX = 256, /* names: the zone of a home, and some more */
	ROWS_A_NAME = 2     /* as a guess: an A and an AAAA. Where there are fewer, the table grows once */
};

struct gathered {
	struct name owner;
	struct content *content;
};

struct loading {
	struct zonestore_reading r;
	struct errmsg msg;
	bool row;    /* one is at hand */
	bool broken; /* ERR_CORRUPT is the database's as a whole, not a zone's */
	struct content_maker *maker;
	struct name owner; /* of what the maker holds; len 0: nothing */
	const uint8_t *apex;
	struct zone *zone; /* NULL while names are gathered */
	size_t count;
	struct zone_expected expected;
	struct gathered names[GATHERED_MAX];
};

static enum err fail(struct loading *l, enum err err)
{
	return errmsg_set(&l->msg, err, "loading a zone: %s", err_text(err));
}

/* Takes the content over. */
static enum err put_name(struct loading *l, const uint8_t *owner, struct content *c)
{
	enum err err = zone_load_content(l->zone, owner, c);
	if (!err)
		return ERR_OK;
	content_free(c);
	return err == ERR_NOMEM ? fail(l, err)
				: zonestore_inside_corrupt(l->r.s, l->r.zone, owner, TYPE_ANY,
							   "its rows are not in order", &l->msg);
}

static void drop_names(struct loading *l)
{
	for (size_t i = 0; i < l->count; i++)
		content_free(l->names[i].content);
	l->count = 0;
}

/* Puts what was gathered into the zone. In a large table every slot is a cache miss: they are asked for together. */
static enum err put_names(struct loading *l)
{
	struct zone_view view = zone_view(l->zone);
	enum err err = ERR_OK;
	for (size_t i = 0; i < l->count; i++) {
		struct qname q;
		qname_set(&q, l->names[i].owner.wire);
		zone_warm_slot(&view, &q);
	}
	for (size_t i = 0; i < l->count && !err; i++) {
		struct content *c = l->names[i].content;
		l->names[i].content = NULL;
		err = put_name(l, l->names[i].owner.wire, c);
	}
	drop_names(l);
	return err;
}

static enum err make_zone(struct loading *l, int64_t id)
{
	enum err err = zone_new_expecting(&l->zone, l->apex, id, &l->expected);
	return err ? fail(l, err) : put_names(l);
}

static enum err count_rows(struct loading *l, size_t *count)
{
	struct zonestore *s = l->r.s;
	bool row = false;
	enum err err = sqlstore_prepare(s->sql, &s->count_rrsets,
					"SELECT count(*) FROM rrset WHERE zone = ?1 AND type <> 46", &l->msg);
	if (!err) {
		sqlite3_bind_int64(s->count_rrsets, 1, l->r.zone);
		err = sqlstore_step(s->sql, s->count_rrsets, &row, &l->msg);
	}
	l->broken |= err != ERR_OK;
	if (err)
		return err;
	*count = row ? (size_t)sqlite3_column_int64(s->count_rrsets, 0) : 0;
	zonestore_inside_stop(s->count_rrsets);
	return ERR_OK;
}

/* A table of about the right size from the start saves growing it again and again. */
static enum err make_large_zone(struct loading *l)
{
	size_t rows;
	enum err err = count_rows(l, &rows);
	if (err)
		return err;
	l->expected.names = rows / ROWS_A_NAME;
	return make_zone(l, l->r.zone);
}

/* The name is complete. */
static enum err finish_name(struct loading *l)
{
	struct content *c;
	if (!l->owner.len)
		return ERR_OK;
	enum err err = content_maker_finish(l->maker, l->owner.wire, &c);
	if (err == ERR_NOSPACE)
		return zonestore_inside_corrupt(l->r.s, l->r.zone, l->owner.wire, TYPE_ANY,
						"more than a message can carry", &l->msg);
	if (err)
		return fail(l, err);
	if (l->count == GATHERED_MAX)
		err = l->zone ? put_names(l) : make_large_zone(l);
	if (err) {
		content_free(c);
		return err;
	}
	struct gathered *g = &l->names[l->count++];
	g->owner.len = l->owner.len;
	memcpy(g->owner.wire, l->owner.wire, l->owner.len);
	g->content = c;
	zone_expect(&l->expected, l->apex, l->owner.wire, c);
	return ERR_OK;
}

static enum err load_row(struct loading *l)
{
	struct content_rr rr;
	bool more;
	enum err err = zonestore_inside_read_row(&l->r);
	if (!err && l->r.next_owner) {
		err = finish_name(l);
		l->owner.len = l->r.owner.name.len;
		memcpy(l->owner.wire, l->r.owner.name.wire, l->owner.len);
	}
	while (!err && !(err = zonestore_inside_read_record(&l->r, &rr, &more)) && more) {
		err = content_maker_add(l->maker, rr.type, rr.ttl, rr.rdata, rr.rdlen);
		if (err)
			return fail(l, err);
	}
	return err;
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
		return zonestore_inside_corrupt(l->r.s, row->id, row->name.wire, TYPE_SOA, "there is none", &l->msg);
	if (zone_serial(&v) != row->serial)
		return zonestore_inside_corrupt(l->r.s, row->id, row->name.wire, TYPE_SOA,
						"its serial is not the zone row's", &l->msg);
	return ERR_OK;
}

static enum err next_row(struct loading *l)
{
	enum err err = zonestore_inside_next_row(&l->r, &l->row);
	l->broken |= err != ERR_OK;
	return err;
}

static enum err load_rows(struct loading *l, const struct zonestore_zone *row)
{
	enum err err = ERR_OK;
	while (!err && l->row && l->r.zone == row->id) {
		err = load_row(l);
		if (!err)
			err = next_row(l);
	}
	if (!err)
		err = finish_name(l);
	if (!err)
		err = l->zone ? put_names(l) : make_zone(l, row->id);
	return err ? err : check_serial(l, row);
}

/* Builds the zone from the rows that come. */
static enum err load_zone(struct loading *l, const struct zonestore_zone *row, struct zone **out)
{
	l->apex = row->name.wire;
	l->zone = NULL;
	l->owner.len = 0;
	l->expected = (struct zone_expected){0};
	zonestore_inside_read_zone(&l->r, row->name.wire);
	enum err err = load_rows(l, row);
	if (!err) {
		*out = l->zone;
		return ERR_OK;
	}
	content_maker_reset(l->maker);
	drop_names(l);
	zone_release(l->zone);
	return err;
}

/* ---- the sweep ---- */

/* The first row is at hand then. */
static enum err open_loading(struct loading **out, struct zonestore *s, int64_t from, int64_t to, struct errmsg *msg)
{
	struct loading *l = malloc(sizeof(*l));
	*out = l;
	if (!l)
		return errmsg_set(msg, ERR_NOMEM, "loading a zone: out of memory");
	l->maker = NULL;
	l->count = 0;
	l->broken = false;
	l->r.stmt = NULL;
	enum err err = zonestore_inside_read(&l->r, s, from, to, NULL, &l->msg);
	if (!err)
		err = content_maker_new(&l->maker) ? fail(l, ERR_NOMEM) : next_row(l);
	return err;
}

/* Hands the sentence on. */
static enum err close_loading(struct loading *l, enum err err, struct errmsg *msg)
{
	if (!l)
		return err;
	if (err)
		errmsg_set(msg, err, "%s", l->msg.text);
	if (l->r.stmt)
		zonestore_inside_stop(l->r.stmt);
	content_maker_free(l->maker);
	free(l);
	return err;
}

enum err zonestore_load(struct zonestore *s, const struct zonestore_zone *row, struct zone **out, struct errmsg *msg)
{
	struct loading *l;
	*out = NULL;
	enum err err = open_loading(&l, s, row->id, row->id, msg);
	if (!err)
		err = load_zone(l, row, out);
	return close_loading(l, err, msg);
}

/* Rows of no zone (somebody edited the database without foreign keys), and what a fault left. */
static enum err pass_rows(struct loading *l, int64_t before)
{
	enum err err = ERR_OK;
	while (!err && l->row && l->r.zone < before)
		err = next_row(l);
	return err;
}

/* The zone of a row of table zone, and what comes of it. */
static enum err load_next(struct loading *l, sqlite3_stmt *zones, zonestore_loaded_fn *fn, void *arg)
{
	struct zonestore_zone row;
	struct zone *z = NULL;
	l->msg.text[0] = '\0';
	enum err err = zonestore_inside_zone(l->r.s, zones, &row, &l->msg);
	if (!err)
		err = pass_rows(l, row.id);
	if (err)
		return err;
	if (!row.has_serial && sqlite3_column_type(zones, 4) != SQLITE_NULL)
		err = zonestore_inside_corrupt(l->r.s, row.id, NULL, 0, "its serial is out of range", &l->msg);
	else
		err = load_zone(l, &row, &z);
	if (err && (err != ERR_CORRUPT || l->broken))
		return err;
	return fn(arg, &row, z, &l->msg);
}

enum err zonestore_load_between(struct zonestore *s, int64_t from, int64_t to, zonestore_loaded_fn *fn, void *arg,
				struct errmsg *msg)
{
	struct loading *l;
	bool row = false;
	enum err err = open_loading(&l, s, from, to, msg);
	if (!err)
		err = sqlstore_prepare(
			s->sql, &s->zones_between,
			"SELECT " ZONESTORE_ZONE_COLUMNS " FROM zone WHERE id BETWEEN ?1 AND ?2 ORDER BY id", &l->msg);
	if (err)
		return close_loading(l, err, msg);
	sqlite3_bind_int64(s->zones_between, 1, from);
	sqlite3_bind_int64(s->zones_between, 2, to);
	while (!err && !(err = sqlstore_step(s->sql, s->zones_between, &row, &l->msg)) && row)
		err = load_next(l, s->zones_between, fn, arg);
	zonestore_inside_stop(s->zones_between);
	return close_loading(l, err, msg);
}
