/* commit.c: see commit.h for the order of things in a batch. */
#include "zones/change/commit_internal.h"

#include <stdlib.h>
#include <time.h>

#include "lib/clock.h"
#include "lib/log.h"

/* ---- a map from non-zero numbers to numbers: which zone is open already, who changed a name last ---- */

enum { MAP_FIRST = 64 }; /* slots, a power of two; doubled when half full */

static struct commit_map_slot *map_probe(const struct commit_map *m, uint64_t key)
{
	size_t at = (size_t)((key * UINT64_C(0x9e3779b97f4a7c15)) >> 32) & (m->slots - 1);
	while (m->slot[at].key && m->slot[at].key != key)
		at = (at + 1) & (m->slots - 1);
	return &m->slot[at];
}

static bool map_get(const struct commit_map *m, uint64_t key, int64_t *value)
{
	const struct commit_map_slot *s = m->slots ? map_probe(m, key) : NULL;
	if (!s || !s->key)
		return false;
	*value = s->value;
	return true;
}

static enum err map_grow(struct commit_map *m)
{
	struct commit_map bigger = {.slots = m->slots ? 2 * m->slots : MAP_FIRST, .used = m->used};
	bigger.slot = calloc(bigger.slots, sizeof(*bigger.slot));
	if (!bigger.slot)
		return ERR_NOMEM;
	for (size_t i = 0; i < m->slots; i++)
		if (m->slot[i].key)
			*map_probe(&bigger, m->slot[i].key) = m->slot[i];
	free(m->slot);
	*m = bigger;
	return ERR_OK;
}

static enum err map_put(struct commit_map *m, uint64_t key, int64_t value)
{
	if (2 * m->used >= m->slots && map_grow(m))
		return ERR_NOMEM;
	struct commit_map_slot *s = map_probe(m, key);
	m->used += !s->key;
	*s = (struct commit_map_slot){.key = key, .value = value};
	return ERR_OK;
}

static void map_clear(struct commit_map *m)
{
	if (m->used)
		memset(m->slot, 0, m->slots * sizeof(*m->slot));
	m->used = 0;
}

/* ---- the committer ---- */

enum err commit_new(struct commit **out, struct zonestore *store, struct directory *directory, bool lazy,
		    const struct commit_hooks *hooks)
{
	struct commit *c = calloc(1, sizeof(*c));
	if (!c)
		return ERR_NOMEM;
	c->store = store;
	c->sql = zonestore_sql(store);
	c->directory = directory;
	c->lazy = lazy;
	if (hooks)
		c->hooks = *hooks;
	struct errmsg msg = {.text = ""};
	enum err err = lease_names_new(&c->leases, store, &msg);
	if (err)
		log_error("leases: %s", msg.text);
	else
		err = permit_new(&c->permit);
	if (err) {
		commit_free(c);
		return err;
	}
	*out = c;
	return ERR_OK;
}

void commit_free(struct commit *c)
{
	if (!c)
		return;
	for (size_t i = 0; i < c->touched_count; i++)
		zone_release(c->touched[i]);
	lease_names_free(c->leases);
	free(c->touched);
	free(c->open);
	free(c->open_index.slot);
	free(c->authors.slot);
	free(c->touched_index.slot);
	free(c->rows.slot);
	permit_free(c->permit);
	free(c);
}

void commit_touch(struct commit *c, struct zone *z)
{
	int64_t known;
	if (map_get(&c->touched_index, (uintptr_t)z, &known))
		return;
	if (c->touched_count == c->touched_cap) {
		size_t cap = c->touched_cap ? 2 * c->touched_cap : MAP_FIRST;
		struct zone **touched = realloc(c->touched, cap * sizeof(struct zone *));
		if (!touched)
			return;
		c->touched = touched;
		c->touched_cap = cap;
	}
	if (map_put(&c->touched_index, (uintptr_t)z, 1))
		return;
	zone_hold(z);
	c->touched[c->touched_count++] = z;
}

bool commit_idle(struct commit *c)
{
	size_t kept = 0;
	for (size_t i = 0; i < c->touched_count; i++) {
		if (zone_trim(c->touched[i]))
			c->touched[kept++] = c->touched[i];
		else
			zone_release(c->touched[i]);
	}
	c->touched_count = kept;
	map_clear(&c->touched_index);
	for (size_t i = 0; i < kept; i++)
		if (map_put(&c->touched_index, (uintptr_t)c->touched[i], 1))
			break; /* cannot be: there were as many before. A zone held twice would do no harm either */
	if (c->stale)
		commit_announce_admin(c);
	return kept > 0 || c->stale;
}

/* ---- serials ---- */

static uint32_t serial_after(uint32_t serial)
{
	return serial == UINT32_MAX ? 1 : serial + 1;
}

/* YYYYMMDD00 */
static uint32_t serial_of_day(uint64_t now)
{
	time_t t = (time_t)now;
	struct tm day;
	if (!gmtime_r(&t, &day))
		return 0;
	return ((uint32_t)(day.tm_year + 1900) * 10000 + (uint32_t)(day.tm_mon + 1) * 100 + (uint32_t)day.tm_mday) *
	       100;
}

uint32_t commit_next_serial(enum serial_policy policy, uint32_t serial, uint64_t now)
{
	uint32_t wish = policy == SERIAL_UNIXTIME ? (uint32_t)now : policy == SERIAL_DATED ? serial_of_day(now) : 0;
	return wish && rr_serial_newer(wish, serial) ? wish : serial_after(serial);
}

/* ---- transaction ---- */

enum err commit_begin(struct commit *c, struct errmsg *why)
{
	if (c->begun)
		return ERR_OK;
	enum err err = sqlstore_begin(c->sql, why);
	c->begun = !err;
	return err;
}

enum err commit_transaction(struct commit *c, struct errmsg *why)
{
	if (!c->begun)
		return ERR_OK;
	enum err err = sqlstore_commit(c->sql, why);
	if (!err)
		c->begun = false;
	return err;
}

static void close_all(struct commit *c)
{
	c->open_count = 0;
	map_clear(&c->open_index);
	map_clear(&c->authors);
}

/* As if the batch had never been. */
static void abandon(struct commit *c)
{
	if (c->begun)
		sqlstore_rollback(c->sql);
	c->begun = false;
	for (size_t i = 0; i < c->open_count; i++)
		edit_abandon(c->open[i].edit);
	close_all(c);
}

/* ---- zones ---- */

static enum err load_zone(struct commit *c, const uint8_t *name, struct zone **out, struct errmsg *why)
{
	struct zonestore_zone row;
	enum err err = zonestore_find_zone(c->store, name, &row, why);
	if (err)
		return err;
	if (!row.has_serial)
		return errmsg_set(why, ERR_NOTFOUND,
				  "the zone has no content yet: import it, or wait for its transfer");
	struct zone *z;
	err = zonestore_load(c->store, &row, &z, why);
	if (err)
		return err;
	err = directory_put(c->directory, z);
	if (err) {
		zone_release(z);
		return errmsg_set(why, err, "no memory for the zone");
	}
	*out = z;
	return ERR_OK;
}

/* ERR_NOTFOUND if we do not serve it. */
enum err commit_find_zone(struct commit *c, const uint8_t *name, struct zone **out, struct errmsg *why)
{
	*out = directory_get(c->directory, name);
	if (*out)
		return ERR_OK;
	if (c->lazy)
		return load_zone(c, name, out, why);
	char text[NAME_TEXT_MAX];
	return errmsg_set(why, ERR_NOTFOUND, "zone %s is not served here; see roostctl zone list",
			  name_to_text(name, text));
}

static enum err open_zone(struct commit *c, const uint8_t *name, struct commit_open_zone **out, struct errmsg *why)
{
	struct zone *z;
	int64_t at;
	enum err err = commit_find_zone(c, name, &z, why);
	if (err)
		return err;
	if (map_get(&c->open_index, (uintptr_t)z, &at)) {
		*out = &c->open[at];
		return ERR_OK;
	}
	if (c->open_count == c->open_cap) {
		size_t cap = c->open_cap ? 2 * c->open_cap : 8;
		struct commit_open_zone *open = realloc(c->open, cap * sizeof(*open));
		if (!open)
			return errmsg_set(why, ERR_NOMEM, "no memory for an edit");
		c->open = open;
		c->open_cap = cap;
	}
	struct edit *edit;
	err = edit_begin(&edit, z);
	if (err)
		return errmsg_set(why, err, "no memory for an edit");
	if (map_put(&c->open_index, (uintptr_t)z, (int64_t)c->open_count)) {
		edit_abandon(edit);
		return errmsg_set(why, ERR_NOMEM, "no memory for an edit");
	}
	*out = &c->open[c->open_count++];
	**out = (struct commit_open_zone){.zone = z, .edit = edit};
	return ERR_OK;
}

/* ---- history ---- */

bool commit_copy_soa(struct commit_soa *out, const struct content_rr *rr)
{
	struct rr_soa soa;
	if (rr->rdlen > sizeof(out->rdata) || !rr_soa_parse(&soa, rr->rdata, rr->rdlen))
		return false;
	out->ttl = rr->ttl;
	out->serial = soa.serial;
	out->rdlen = rr->rdlen;
	memcpy(out->rdata, rr->rdata, rr->rdlen);
	return true;
}

bool commit_edited_soa(const struct edit *e, struct commit_soa *out)
{
	struct content_rr rr;
	return edit_soa(e, &rr) && commit_copy_soa(out, &rr);
}

enum err commit_begin_history(struct commit *c, int64_t zone, const struct job *job, const char *note,
			      const struct commit_soa *from, const struct commit_soa *to, bool full, int64_t *id,
			      struct errmsg *why)
{
	struct zonestore_version v = {.zone = zone,
				      .to = to->serial,
				      .time = clock_unix_ms(),
				      .full = full,
				      .soa_to = to->rdata,
				      .soa_to_len = to->rdlen,
				      .soa_to_ttl = to->ttl};
	if (from) {
		v.has_from = true;
		v.from = from->serial;
		v.soa_from = from->rdata;
		v.soa_from_len = from->rdlen;
		v.soa_from_ttl = from->ttl;
	}
	const struct zonestore_change change = {.time = v.time,
						.actor = job->actor.who,
						.source = job->actor.source,
						.transport = job->actor.transport,
						.note = note,
						.rcode = RCODE_NOERROR};
	enum err err = zonestore_begin_version(c->store, &v, &change, why);
	*id = v.id;
	return err;
}

/* Key of a name for `authors`. Seeded by lib/qname, so nobody can choose names that collide. */
static uint64_t author_key(const uint8_t *zone, const uint8_t *owner)
{
	struct qname q, apex;
	qname_set(&q, owner);
	qname_set(&apex, zone);
	return (q.hash[0] ^ (apex.hash[0] << 1)) | 1;
}

enum err commit_journal_rr(struct commit_journal *j, const uint8_t *owner, bool add, const struct content_rr *rr)
{
	if (add != j->add || (rr->type == TYPE_SOA && name_equal(owner, j->zone)))
		return ERR_OK; /* the apex's SOA has columns of its own */
	return zonestore_add_change_rr(j->c->store, add, owner, rr, j->why);
}

static enum err write_edit_rr(void *arg, const uint8_t *owner, bool add, const struct content_rr *rr)
{
	struct commit_journal *j = arg;
	if (add == j->add && map_put(&j->c->authors, author_key(j->zone, owner), j->version))
		return errmsg_set(j->why, ERR_NOMEM, "no memory for the journal");
	return commit_journal_rr(j, owner, add, rr);
}

enum err commit_journal_edit(struct commit *c, struct edit *e, int64_t zone, const struct job *job,
			     const struct commit_soa *from, const struct commit_soa *to, int64_t *id,
			     struct errmsg *why)
{
	enum err err = commit_begin_history(c, zone, job, job->actor.note, from, to, false, id, why);
	struct commit_journal j = {.c = c, .zone = zone_name(edit_zone(e)), .version = *id, .why = why};
	if (!err)
		err = edit_changes(e, false, write_edit_rr, &j);
	j.add = true;
	if (!err)
		err = edit_changes(e, false, write_edit_rr, &j);
	return err ? err : zonestore_end_version(c->store, why);
}

/* ---- updates ---- */

static void clear_result(struct job *job)
{
	job->rcode = RCODE_NOERROR;
	job->err = ERR_OK;
	job->why = (struct errmsg){.text = ""};
	job->changed = false;
	job->serial = 0;
}

/* Makes a version of what the job changed in the edit. */
static enum err make_version(struct commit *c, struct commit_open_zone *z, struct job *job,
			     const struct commit_soa *from, bool soa_set, struct errmsg *why)
{
	struct commit_soa to;
	enum err err = ERR_OK;
	if (!soa_set)
		err = edit_set_serial(z->edit, commit_next_serial(z->row.policy, from->serial, clock_unix()));
	if (err || !commit_edited_soa(z->edit, &to))
		return errmsg_set(why, err ? err : ERR_CORRUPT, "the zone's SOA cannot be changed");

	int64_t id;
	err = commit_journal_edit(c, z->edit, z->row.id, job, from, &to, &id, why);
	if (err)
		return err;
	z->changed = true;
	z->change = id;
	z->serial = to.serial;
	job->changed = true;
	job->serial = to.serial;
	return ERR_OK;
}

static void refuse(struct job *job, struct commit_open_zone *z)
{
	edit_rollback(z->edit);
	job->changed = false;
}

/* Id, role and policy of a zone's row in one number. Only jobs that run alone change them or take a zone away: then all
 * is forgotten. */
enum { ROLE_SHIFT = 2, ID_SHIFT = 4, ROWS_KNOWN_MAX = 4096 };

static bool recall_row(const struct commit *c, struct commit_open_zone *z, const struct job *job)
{
	int64_t known;
	if (!map_get(&c->rows, (uintptr_t)z->zone, &known))
		return false;
	z->row = (struct zonestore_zone){.id = known >> ID_SHIFT,
					 .name = job->zone,
					 .role = (enum zone_role)(known >> ROLE_SHIFT & 3),
					 .policy = (enum serial_policy)(known & 3)};
	return true;
}

static void note_row(struct commit *c, const struct commit_open_zone *z)
{
	if (c->rows.used >= ROWS_KNOWN_MAX)
		map_clear(&c->rows);
	if (map_put(&c->rows, (uintptr_t)z->zone,
		    z->row.id << ID_SHIFT | (int64_t)z->row.role << ROLE_SHIFT | (int64_t)z->row.policy))
		map_clear(&c->rows); /* no memory: it is read again */
}

/* Begins the transaction, and knows the zone's row: its id, name, role and policy. */
static enum err read_row(struct commit *c, struct commit_open_zone *z, const struct job *job, struct errmsg *why)
{
	enum err err = commit_begin(c, why);
	if (err || z->row.id || recall_row(c, z, job))
		return err;
	err = zonestore_find_zone(c->store, job->zone.wire, &z->row, why);
	if (!err)
		note_row(c, z);
	return err;
}

/* The savepoint holds the job's changes: give them a version, unless there are none or the zone is not ours to
 * change. */
static enum err conclude(struct commit *c, struct commit_open_zone *z, struct job *job, const struct commit_soa *from,
			 bool soa_set, struct errmsg *why)
{
	if (!edit_changed_since_savepoint(z->edit))
		return ERR_OK;
	enum err err = read_row(c, z, job, why);
	if (err)
		return err;
	if (z->row.role != ZONE_SECONDARY)
		return make_version(c, z, job, from, soa_set, why);
	refuse(job, z);
	job->rcode = RCODE_REFUSED;
	errmsg_set(&job->why, ERR_REFUSED, "the zone is a secondary here: change it at its primary");
	return ERR_OK;
}

/* What the update did to leases; it need not have changed a record for that. */
static enum err settle_leases(struct commit *c, struct commit_open_zone *z, const struct job *job, struct errmsg *why)
{
	if (job->rcode != RCODE_NOERROR || !lease_concerns(c->leases, job->update))
		return ERR_OK;
	enum err err = read_row(c, z, job, why);
	if (err || z->row.role == ZONE_SECONDARY)
		return err;
	c->leased = true;
	return lease_settle(c->leases, c->store, z->row.id, job->update, clock_unix_ms(), why);
}

/* Of leases that ended; those that were renewed in time are not among them any more. */
static enum err make_expiry(struct commit *c, struct commit_open_zone *z, struct job *job, struct errmsg *why)
{
	enum err err = read_row(c, z, job, why);
	update_free(job->update);
	job->update = NULL;
	return err ? err : lease_expire(&job->update, c->store, &z->row, job->expire, why);
}

/* Only what is nobody's fault comes back as an error; then the whole group is given up. */
static enum err run_update(struct commit *c, struct job *job, struct errmsg *why)
{
	struct commit_open_zone *z = NULL;
	struct commit_soa from;
	bool soa_set;
	clear_result(job);
	enum err err = open_zone(c, job->zone.wire, &z, &job->why);
	if (err == ERR_NOTFOUND) {
		job->rcode = RCODE_NOTAUTH;
		return ERR_OK;
	}
	if (!err && zone_fault(z->zone)) {
		job->rcode = RCODE_SERVFAIL;
		errmsg_set(&job->why, ERR_CORRUPT, "%s", zone_fault(z->zone));
		return ERR_OK;
	}
	if (!err && !commit_edited_soa(z->edit, &from))
		err = errmsg_set(&job->why, ERR_CORRUPT, "the zone has no SOA: import it again");
	if (err) {
		*why = job->why;
		return err;
	}
	job->serial = from.serial;
	if (job->expire)
		err = make_expiry(c, z, job, why);
	if (err)
		return err;
	edit_savepoint(z->edit);
	job->rcode = update_apply(job->update, z->edit, c->permit, &soa_set, &job->why);
	if (job->rcode != RCODE_NOERROR) {
		refuse(job, z);
		return ERR_OK;
	}
	err = conclude(c, z, job, &from, soa_set, why);
	return err ? err : settle_leases(c, z, job, why);
}

/* ---- the end of a group of updates ---- */

struct row_writer {
	struct commit *c;
	const uint8_t *apex;
	int64_t zone, change; /* ids */
	struct errmsg *why;
};

static enum err write_rows(void *arg, const uint8_t *owner, const struct content *before, const struct content *after)
{
	struct row_writer *w = arg;
	int64_t change = w->change;
	map_get(&w->c->authors, author_key(w->apex, owner), &change);
	return zonestore_put_name(w->c->store, w->zone, owner, before, after, change, w->why);
}

enum err commit_store_edit(struct commit *c, struct edit *e, int64_t zone, int64_t change, uint32_t serial,
			   struct errmsg *why)
{
	struct row_writer w = {.c = c, .apex = zone_name(edit_zone(e)), .zone = zone, .change = change, .why = why};
	enum err err = zonestore_set_serial(c->store, zone, serial, clock_unix_ms(), why);
	if (!err)
		err = edit_names(e, write_rows, &w);
	if (err)
		return err;
	err = edit_prepare(e);
	return err ? errmsg_set(why, err, "no memory for the new version") : ERR_OK;
}

/* Everything that can fail: rows, room in memory, then COMMIT. */
static enum err make_durable(struct commit *c, struct errmsg *why)
{
	for (size_t i = 0; i < c->open_count; i++) {
		struct commit_open_zone *z = &c->open[i];
		enum err err =
			z->changed ? commit_store_edit(c, z->edit, z->row.id, z->change, z->serial, why) : ERR_OK;
		if (err)
			return err;
	}
	return commit_transaction(c, why);
}

void commit_announce(struct commit *c, const uint8_t *zone, uint32_t serial, bool present)
{
	if (c->hooks.published)
		c->hooks.published(c->hooks.arg, zone, serial, present);
}

void commit_announce_admin(struct commit *c)
{
	c->stale = c->hooks.admin_changed && !c->hooks.admin_changed(c->hooks.arg);
}

static void publish(struct commit *c)
{
	for (size_t i = 0; i < c->open_count; i++) {
		struct commit_open_zone *z = &c->open[i];
		if (z->changed)
			edit_publish(z->edit);
		else
			edit_abandon(z->edit);
	}
	for (size_t i = 0; i < c->open_count; i++) {
		struct commit_open_zone *z = &c->open[i];
		if (!z->changed)
			continue;
		commit_touch(c, z->zone);
		struct zone_view v = zone_view(z->zone);
		commit_announce(c, zone_name(z->zone), zone_serial(&v), true);
	}
	if (c->leased && c->hooks.leased)
		c->hooks.leased(c->hooks.arg);
	c->leased = false;
	close_all(c);
}

static enum err try_updates(struct commit *c, struct job *group, struct errmsg *why)
{
	enum err err = ERR_OK;
	for (struct job *job = group; job && !err; job = job->next)
		err = run_update(c, job, why);
	if (!err)
		err = make_durable(c, why);
	if (err)
		abandon(c);
	else
		publish(c);
	return err;
}

static const char *remedy(enum err err)
{
	switch (err) {
	case ERR_NOSPACE:
		return "the next change is tried afresh, no restart is needed";
	case ERR_NOMEM:
		return "give the server more memory; the next change is tried afresh";
	case ERR_CORRUPT:
		return "stop the server and restore the database from a copy";
	case ERR_BUSY:
		return "let no other program write to the database";
	default:
		return "the next change is tried afresh";
	}
}

/* What is wrong with the store or the machine is an error for the log, once a batch; what is wrong with the request
 * is its sender's. */
static void log_failure(struct commit *c, const struct job *job)
{
	static struct log_limit limit; /* a full disk should not be filled by saying so */
	unsigned left_out;
	char zone[NAME_TEXT_MAX] = "keys, grants, peers or history";
	if (job->err == ERR_NOTFOUND || job->err == ERR_EXISTS || job->err == ERR_REFUSED || job->err == ERR_FORMAT ||
	    job->err == ERR_RANGE || job->err == ERR_USAGE || c->failures++)
		return;
	if (!log_limit_allows(&limit, &left_out))
		return;
	log_error("change of %s by %s not stored: %s: %s; %s",
		  job->zone.len ? name_to_text(job->zone.wire, zone) : zone, job->actor.who, err_text(job->err),
		  job->why.text, remedy(job->err));
}

static void deliver(struct commit *c, struct job *job)
{
	job->next = NULL;
	c->stored = c->stored || (!job->err && job->changed);
	if (job->done)
		job->done(job);
}

static void delivering(struct commit *c, bool begin)
{
	if (c->hooks.delivering)
		c->hooks.delivering(c->hooks.arg, begin);
}

static void fail(struct commit *c, struct job *job, enum err err, const struct errmsg *why)
{
	clear_result(job);
	if (job->kind == JOB_UPDATE)
		job->rcode = RCODE_SERVFAIL;
	job->err = err;
	job->why = *why;
	log_failure(c, job);
}

/* The group as one commit; if that fails, one by one, so that one job's fault is its own. */
static void run_updates(struct commit *c, struct job *group)
{
	struct errmsg why = {.text = ""};
	enum err err = try_updates(c, group, &why);
	if (err == ERR_NOSPACE || err == ERR_IO) {
		sqlstore_make_room(c->sql);
		why = (struct errmsg){.text = ""};
		err = try_updates(c, group, &why);
	}
	bool together = !err || !group->next;
	if (together)
		delivering(c, true);
	for (struct job *job = group, *next; job; job = next) {
		next = job->next;
		if (!together) {
			job->next = NULL;
			why = (struct errmsg){.text = ""};
			err = try_updates(c, job, &why);
		}
		if (err)
			fail(c, job, err, &why);
		deliver(c, job);
	}
	if (together)
		delivering(c, false);
}

/* ---- the others that run alone ---- */

static enum err remove_zone(struct commit *c, struct job *job, struct errmsg *why)
{
	struct zonestore_zone row;
	char text[NAME_TEXT_MAX];
	enum err err = commit_begin(c, why);
	if (!err)
		err = zonestore_find_zone(c->store, job->zone.wire, &row, why);
	if (!err)
		err = zonestore_remove_zone(c->store, row.id, why);
	if (!err)
		err = commit_transaction(c, why);
	if (err)
		return err;
	if (directory_remove(c->directory, job->zone.wire))
		log_debug("zone %s was stored, but not served", name_to_text(job->zone.wire, text));
	log_info("zone %s removed by %s", name_to_text(job->zone.wire, text),
		 job->actor.who); /* its history went with it */
	job->changed = true;
	commit_announce(c, job->zone.wire, row.serial, false);
	commit_announce_admin(c); /* its grants and peers are gone too */
	return ERR_OK;
}

static enum err administer(struct commit *c, struct job *job, struct errmsg *why)
{
	enum err err = commit_begin(c, why);
	if (!err)
		err = job->run(job, c->store, why);
	if (!err)
		err = commit_transaction(c, why);
	if (!err && job->kind == JOB_ADMIN)
		commit_announce_admin(c);
	return err;
}

static void run_alone(struct commit *c, struct job *job)
{
	struct errmsg why = {.text = ""};
	enum err err;
	clear_result(job);
	if (job->kind == JOB_REPLACE)
		err = commit_replace(c, job, &why);
	else if (job->kind == JOB_DELTAS)
		err = commit_deltas(c, job, &why);
	else if (job->kind == JOB_BLANK)
		err = commit_blank(c, job, &why);
	else if (job->kind == JOB_REMOVE)
		err = remove_zone(c, job, &why);
	else
		err = administer(c, job, &why);
	abandon(c); /* whatever was not committed */
	map_clear(&c->rows);
	if (err)
		fail(c, job, err, &why);
	deliver(c, job);
}

/* ---- a batch ---- */

enum commit_outcome commit_run(struct commit *c, struct job *list)
{
	c->failures = 0;
	c->stored = false;
	if (c->stale)
		commit_announce_admin(c);
	while (list) {
		struct job *group = list, *last = list;
		while (group->kind == JOB_UPDATE && last->next && last->next->kind == JOB_UPDATE)
			last = last->next;
		list = last->next;
		last->next = NULL;
		if (group->kind == JOB_UPDATE)
			run_updates(c, group);
		else
			run_alone(c, group);
	}
	if (c->failures > 1)
		log_error("%zu more changes failed in the same way", c->failures - 1);
	return c->failures ? COMMIT_FAILED : c->stored ? COMMIT_STORED : COMMIT_NOTHING;
}
