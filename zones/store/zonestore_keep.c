/* zonestore_keep.c: see zonestore_keep.h. */
#include "zones/store/zonestore_keep.h"

#include <assert.h>

#include "zones/store/zonestore_inside.h"
#include "zones/store/zonestore_refusals.h"

enum {
	MS_PER_S = 1000,
	VERSION_OCTETS = 200, /* of a row of change without its records, and of the index's, about */
	ROW_OCTETS = 32       /* of a record in it, and of name_version, beside owner (in both) and RDATA */
};

struct keep {
	struct zonestore *s;
	int64_t zone;
	int64_t to, seq, octets; /* as in the zone's row */
	int64_t age, size;       /* bounds */
	unsigned left;           /* rows that the step may still touch */
	bool changed;
	struct errmsg *msg;
};

enum err zonestore_keep_each(struct zonestore *s, int64_t since, zonestore_keep_fn *fn, void *arg, struct errmsg *msg)
{
	bool row = false;
	enum err err = sqlstore_prepare(s->sql, &s->keep_zones, "SELECT id FROM zone WHERE changed >= ?1", msg);
	if (err)
		return err;
	assert(!sqlite3_stmt_busy(s->keep_zones));
	sqlite3_bind_int64(s->keep_zones, 1, since);
	while (!err && !(err = sqlstore_step(s->sql, s->keep_zones, &row, msg)) && row)
		err = fn(arg, sqlite3_column_int64(s->keep_zones, 0));
	zonestore_inside_stop(s->keep_zones);
	return err;
}

static enum err read_state(struct keep *k)
{
	struct zonestore *s = k->s;
	bool row;
	enum err err = sqlstore_prepare(s->sql, &s->keep_read,
					"SELECT kept_to, kept_seq, kept_octets, ifnull(history_age, ?2), "
					"ifnull(history_size, ?3) FROM zone WHERE id = ?1",
					k->msg);
	if (err)
		return err;
	sqlite3_bind_int64(s->keep_read, 1, k->zone);
	sqlite3_bind_int64(s->keep_read, 2, HISTORY_AGE_DEFAULT);
	sqlite3_bind_int64(s->keep_read, 3, HISTORY_SIZE_DEFAULT);
	err = sqlstore_step(s->sql, s->keep_read, &row, k->msg);
	if (err || !row)
		return err ? err : ERR_NOTFOUND;
	k->to = sqlite3_column_int64(s->keep_read, 0);
	k->seq = sqlite3_column_int64(s->keep_read, 1);
	k->octets = sqlite3_column_int64(s->keep_read, 2);
	k->age = sqlite3_column_int64(s->keep_read, 3);
	k->size = sqlite3_column_int64(s->keep_read, 4);
	zonestore_inside_stop(s->keep_read);
	return ERR_OK;
}

static enum err write_state(struct keep *k)
{
	struct zonestore *s = k->s;
	enum err err =
		sqlstore_prepare(s->sql, &s->keep_write,
				 "UPDATE zone SET kept_to = ?2, kept_seq = ?3, kept_octets = ?4 WHERE id = ?1", k->msg);
	if (err)
		return err;
	sqlite3_bind_int64(s->keep_write, 1, k->zone);
	sqlite3_bind_int64(s->keep_write, 2, k->to);
	sqlite3_bind_int64(s->keep_write, 3, k->seq);
	sqlite3_bind_int64(s->keep_write, 4, k->octets);
	return sqlstore_run(s->sql, s->keep_write, k->msg);
}

static int64_t row_octets(const struct zonestore_change_rr *rr)
{
	return ROW_OCTETS + 2 * (int64_t)name_len(rr->owner) + rr->rr.rdlen;
}

/* ---- the index ---- */

struct indexing {
	struct keep *k;
	int64_t version;
	unsigned rows;
};

static enum err index_row(void *arg, const struct zonestore_change_rr *rr)
{
	struct indexing *i = arg;
	struct zonestore *s = i->k->s;
	uint8_t key[NAME_KEY_MAX];
	i->rows++;
	i->k->seq = (int64_t)rr->seq + 1;
	i->k->octets += row_octets(rr);
	enum err err = sqlstore_prepare(s->sql, &s->keep_name,
					"INSERT OR IGNORE INTO name_version (zone, owner, version) VALUES (?1, ?2, ?3)",
					i->k->msg);
	if (err)
		return err;
	sqlite3_bind_int64(s->keep_name, 1, i->k->zone);
	zonestore_inside_bind_blob(s->keep_name, 2, key, name_to_key(rr->owner, key));
	sqlite3_bind_int64(s->keep_name, 3, i->version);
	return sqlstore_run(s->sql, s->keep_name, i->k->msg);
}

static enum err note_id(void *arg, const struct zonestore_version *v, const struct zonestore_change *c)
{
	int64_t *id = arg;
	(void)c;
	*id = v->id;
	return ERR_OK;
}

/* The version that the index does not have whole: k->to if k->seq says so, else the next; 0: there is none. */
static enum err next_version(struct keep *k, int64_t *id)
{
	*id = 0;
	return zonestore_each_version(k->s, k->zone, false, k->seq ? k->to - 1 : k->to, 1, note_id, id, k->msg);
}

/* kept_seq is 0 when kept_to is indexed whole; else the rows of kept_to before it are. */
static enum err index_versions(struct keep *k)
{
	struct indexing i = {.k = k};
	enum err err = ERR_OK;
	while (!err && k->left) {
		err = next_version(k, &i.version);
		if (err || !i.version)
			return err;
		k->to = i.version;
		k->changed = true;
		i.rows = 0;
		err = zonestore_each_change_rr(k->s, i.version, (uint32_t)k->seq, k->left, index_row, &i, k->msg);
		bool whole = i.rows < k->left;
		if (whole) {
			k->octets += VERSION_OCTETS;
			k->seq = 0;
			i.rows++; /* the version's own */
		}
		k->left -= i.rows;
	}
	return err;
}

/* ---- bounds ---- */

struct oldest {
	int64_t id, time;
	unsigned count; /* the next one counts too: the newest of all stays */
};

static enum err note_oldest(void *arg, const struct zonestore_version *v, const struct zonestore_change *c)
{
	struct oldest *o = arg;
	(void)c;
	if (o->count++ == 0) {
		o->id = v->id;
		o->time = v->time;
	}
	return ERR_OK;
}

struct deletion {
	struct keep *k;
	int64_t version;
	unsigned rows;
};

static enum err forget_name(void *arg, const struct zonestore_change_rr *rr)
{
	struct deletion *d = arg;
	struct zonestore *s = d->k->s;
	uint8_t key[NAME_KEY_MAX];
	d->rows++;
	d->k->octets -= row_octets(rr);
	enum err err =
		sqlstore_prepare(s->sql, &s->keep_forget,
				 "DELETE FROM name_version WHERE zone = ?1 AND owner = ?2 AND version = ?3", d->k->msg);
	if (err)
		return err;
	sqlite3_bind_int64(s->keep_forget, 1, d->k->zone);
	zonestore_inside_bind_blob(s->keep_forget, 2, key, name_to_key(rr->owner, key));
	sqlite3_bind_int64(s->keep_forget, 3, d->version);
	return sqlstore_run(s->sql, s->keep_forget, d->k->msg);
}

static enum err run_for(struct keep *k, sqlite3_stmt **slot, const char *sql, int64_t version, int64_t other)
{
	enum err err = sqlstore_prepare(k->s->sql, slot, sql, k->msg);
	if (err)
		return err;
	sqlite3_bind_int64(*slot, 1, version);
	sqlite3_bind_int64(*slot, 2, other);
	return sqlstore_run(k->s->sql, *slot, k->msg);
}

/* Where the version's last piece begins; 0: it has no more than one. */
static enum err find_last_piece(struct keep *k, int64_t version, uint32_t *seq)
{
	bool row;
	enum err err = sqlstore_prepare(k->s->sql, &k->s->keep_last,
					"SELECT ifnull(max(seq), 0) FROM change_more WHERE change = ?1", k->msg);
	if (err)
		return err;
	sqlite3_bind_int64(k->s->keep_last, 1, version);
	err = sqlstore_step(k->s->sql, k->s->keep_last, &row, k->msg);
	if (err)
		return err;
	*seq = (uint32_t)sqlite3_column_int64(k->s->keep_last, 0);
	zonestore_inside_stop(k->s->keep_last);
	return ERR_OK;
}

/* The version goes, or the last of its pieces. */
static enum err let_go(struct keep *k, int64_t version)
{
	struct deletion d = {.k = k, .version = version, .rows = 1};
	uint32_t from = 0;
	enum err err = find_last_piece(k, version, &from);
	if (!err)
		err = zonestore_each_change_rr(k->s, version, from, 0, forget_name, &d, k->msg);
	if (!err)
		err = run_for(k, &k->s->keep_pieces, "DELETE FROM change_more WHERE change = ?1 AND seq >= ?2", version,
			      from);
	if (!err && from)
		err = run_for(k, &k->s->keep_part, "UPDATE change SET \"full\" = 1 WHERE id = ?1 AND \"full\" != ?2",
			      version, 1);
	if (!err && !from)
		err = run_for(k, &k->s->keep_change, "DELETE FROM change WHERE id = ?1 AND zone = ?2", version,
			      k->zone);
	if (!from)
		k->octets -= VERSION_OCTETS;
	k->changed = true;
	k->left -= d.rows < k->left ? d.rows : k->left;
	return err;
}

/* *over: the oldest version has to go. Those that the index does not have whole stay until it has. */
static enum err find_oldest(struct keep *k, int64_t now, struct oldest *o, bool *over)
{
	int64_t indexed = k->seq ? k->to - 1 : k->to;
	*o = (struct oldest){.count = 0};
	enum err err = zonestore_each_version(k->s, k->zone, false, 0, 2, note_oldest, o, k->msg);
	bool old = k->age && o->time < now - k->age * MS_PER_S;
	*over = o->count == 2 && o->id <= indexed && (old || (k->size && k->octets > k->size));
	return err;
}

static enum err trim(struct keep *k, int64_t now, bool *more)
{
	struct oldest o;
	enum err err = find_oldest(k, now, &o, more);
	while (!err && *more && k->left) {
		err = let_go(k, o.id);
		if (!err)
			err = find_oldest(k, now, &o, more);
	}
	if (!err && k->age)
		err = zonestore_refusals_trim(k->s, k->zone, now - k->age * MS_PER_S, k->msg);
	return err;
}

static enum err find_newest(struct keep *k, int64_t *id)
{
	bool row;
	enum err err = sqlstore_prepare(k->s->sql, &k->s->keep_newest, "SELECT max(id) FROM change", k->msg);
	if (!err)
		err = sqlstore_step(k->s->sql, k->s->keep_newest, &row, k->msg);
	if (err)
		return err;
	*id = sqlite3_column_int64(k->s->keep_newest, 0); /* NULL is 0 */
	zonestore_inside_stop(k->s->keep_newest);
	return ERR_OK;
}

enum err zonestore_keep_step(struct zonestore *s, int64_t zone, int64_t now, struct zonestore_keep *step,
			     struct errmsg *msg)
{
	struct keep k = {.s = s, .zone = zone, .left = step->rows, .msg = msg};
	int64_t newest = 0;
	bool over = false;
	enum err err = read_state(&k);
	if (!err)
		err = index_versions(&k);
	bool lags = k.left == 0;
	if (!err)
		err = trim(&k, now, &over);
	if (!err && k.changed)
		err = write_state(&k);
	if (!err && lags)
		err = find_newest(&k, &newest);
	*step = (struct zonestore_keep){
		.rows = k.left, .more = lags || over, .behind = newest > k.to ? newest - k.to : 0};
	return err;
}
