/* Batches of jobs against a real database: versions, neighbours, failures, and what a restart finds. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "zones/change/commit.h"
#include "zones/change/deltas.h"
#include "zones/change/lease.h"
#include "zones/memory/grace.h"
#include "zones/file/zonefile.h"

enum { NOW = 1772366400 }; /* 2026-03-01 12:00 UTC */

/* ---- a database and a committer ---- */

struct world {
	char dir[64], path[96];
	struct zonestore *store;
	struct directory *directory;
	struct commit *commit;
	unsigned published, admin_changes, admin_unread;
	uint32_t last_serial;
	bool last_present;
};

static void on_published(void *arg, const uint8_t *zone, uint32_t serial, bool present)
{
	struct world *w = arg;
	(void)zone;
	w->published++;
	w->last_serial = serial;
	w->last_present = present;
}

static bool on_admin(void *arg)
{
	struct world *w = arg;
	w->admin_changes++;
	if (!w->admin_unread)
		return true;
	w->admin_unread--;
	return false;
}

static void open_world(struct world *w, bool lazy)
{
	struct errmsg msg = {.text = ""};
	struct commit_hooks hooks = {.published = on_published, .admin_changed = on_admin, .arg = w};
	if (zonestore_open(&w->store, w->path, SQLSTORE_CREATE, &msg))
		fail_msg("%s", msg.text);
	assert_int_equal(directory_new(&w->directory), ERR_OK);
	assert_int_equal(commit_new(&w->commit, w->store, w->directory, lazy, &hooks), ERR_OK);
}

static void close_world(struct world *w)
{
	commit_free(w->commit);
	directory_free(w->directory);
	zonestore_close(w->store);
	grace_barrier();
}

static int set_up(void **state)
{
	struct world *w = calloc(1, sizeof(*w));
	if (!w)
		return -1;
	strcpy(w->dir, "/tmp/roost-commit-XXXXXX");
	if (!mkdtemp(w->dir))
		return -1;
	snprintf(w->path, sizeof(w->path), "%s/roost.db", w->dir);
	clock_fake(NOW);
	open_world(w, false);
	*state = w;
	return 0;
}

static int tear_down(void **state)
{
	static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
	struct world *w = *state;
	char path[128];
	close_world(w);
	for (size_t i = 0; i < sizeof(ends) / sizeof(ends[0]); i++) {
		snprintf(path, sizeof(path), "%s%s", w->path, ends[i]);
		unlink(path);
	}
	rmdir(w->dir);
	free(w);
	return 0;
}

/* ---- jobs and what became of them ---- */

struct result {
	bool done;
	enum rcode rcode;
	enum err err;
	bool changed;
	uint32_t serial;
	unsigned order;
	char why[ERRMSG_MAX];
};

static unsigned done_count;

static void on_done(struct job *job)
{
	struct result *r = job->done_arg;
	assert_false(r->done);
	*r = (struct result){.done = true,
			     .rcode = job->rcode,
			     .err = job->err,
			     .changed = job->changed,
			     .serial = job->serial,
			     .order = ++done_count};
	snprintf(r->why, sizeof(r->why), "%s", job->why.text);
	job_free(job);
}

static struct name name_of(const char *text)
{
	struct name n;
	assert_int_equal(name_from_text(&n, text), ERR_OK);
	return n;
}

static struct job *make_job(enum job_kind kind, const char *zone, struct result *r)
{
	struct job *job = job_new(kind);
	assert_non_null(job);
	job->zone = name_of(zone);
	strcpy(job->actor.who, "key nas.");
	strcpy(job->actor.source, "127.0.0.1@5353");
	strcpy(job->actor.transport, "udp");
	strcpy(job->actor.note, "a note");
	job->done = on_done;
	job->done_arg = r;
	*r = (struct result){.done = false};
	return job;
}

static struct job *make_update(const char *zone, struct result *r)
{
	struct job *job = make_job(JOB_UPDATE, zone, r);
	assert_int_equal(update_new(&job->update, job->zone.wire), ERR_OK);
	return job;
}

static void push_a(struct job *job, const char *owner, uint16_t class, uint8_t last)
{
	struct name n = name_of(owner);
	uint8_t a[4] = {192, 0, 2, last};
	assert_int_equal(
		update_push(job->update, SECTION_UPDATE, n.wire, TYPE_A, class, class == CLASS_IN ? 300 : 0, a, 4),
		ERR_OK);
}

/* Adds one A record. */
static struct job *add_a(const char *zone, const char *owner, uint8_t last, struct result *r)
{
	struct job *job = make_update(zone, r);
	push_a(job, owner, CLASS_IN, last);
	return job;
}

static void push_in_use(struct job *job, const char *owner)
{
	struct name n = name_of(owner);
	assert_int_equal(update_push(job->update, SECTION_PREREQ, n.wire, TYPE_ANY, CLASS_ANY, 0, NULL, 0), ERR_OK);
}

static void run(struct world *w, struct job *job)
{
	commit_run(w->commit, job);
}

/* ---- zones ---- */

static size_t soa_rdata(uint8_t out[128], uint32_t serial)
{
	struct name mname = name_of("ns1.home.example."), rname = name_of("hostmaster.home.example.");
	struct wbuf b = buf_writer(out, 128);
	buf_put(&b, mname.wire, mname.len);
	buf_put(&b, rname.wire, rname.len);
	buf_put_u32(&b, serial);
	buf_put_u32(&b, 7200);
	buf_put_u32(&b, 900);
	buf_put_u32(&b, 1209600);
	buf_put_u32(&b, 300);
	return b.len;
}

static void image_add(struct zone_image *img, const char *owner, uint16_t type, const uint8_t *rdata, size_t len)
{
	struct name n = name_of(owner);
	assert_int_equal(zonefile_image_add(img, n.wire, type, 300, rdata, (uint16_t)len), ERR_OK);
}

/* A zone with SOA, NS, ns1 and `hosts` hosts h0, h1, … with addresses ending in `shift` and on. */
static struct zone_image *make_image(const char *zone, uint32_t serial, unsigned hosts, unsigned shift, bool is_signed)
{
	struct name apex = name_of(zone), ns = name_of("ns1.home.example.");
	struct zone_image *img;
	struct errmsg msg = {.text = ""};
	uint8_t soa[128], a[4] = {192, 0, 2, 1};
	char owner[128];
	assert_int_equal(zonefile_image_new(&img, apex.wire), ERR_OK);
	image_add(img, zone, TYPE_SOA, soa, soa_rdata(soa, serial));
	image_add(img, zone, TYPE_NS, ns.wire, ns.len);
	snprintf(owner, sizeof(owner), "ns1.%s", zone);
	image_add(img, owner, TYPE_A, a, 4);
	for (unsigned i = 0; i < hosts; i++) {
		snprintf(owner, sizeof(owner), "H%u.%s", i, zone);
		a[2] = (uint8_t)((i + shift) >> 8);
		a[3] = (uint8_t)(i + shift);
		image_add(img, owner, TYPE_A, a, 4);
	}
	if (is_signed) {
		uint8_t sig[18 + 1 + 64] = {0, TYPE_SOA, 13, 2};
		image_add(img, zone, TYPE_RRSIG, sig, sizeof(sig));
	}
	if (zonefile_image_finish(img, &msg))
		fail_msg("%s", msg.text);
	return img;
}

static struct result import(struct world *w, const char *zone, uint32_t serial, unsigned hosts, unsigned shift)
{
	struct result r;
	struct job *job = make_job(JOB_REPLACE, zone, &r);
	job->role = ZONE_PRIMARY;
	job->image = make_image(zone, serial, hosts, shift, false);
	run(w, job);
	assert_true(r.done);
	return r;
}

static const struct content *look(struct world *w, const char *zone, const char *owner)
{
	struct name z = name_of(zone), n = name_of(owner);
	struct zone *found = directory_get(w->directory, z.wire);
	if (!found)
		return NULL;
	struct zone_view v = zone_view(found);
	const struct content *c = zone_find_name(&v, n.wire, NULL);
	return content_in_use(c) ? c : NULL;
}

static uint32_t serial_of(struct world *w, const char *zone)
{
	struct name z = name_of(zone);
	struct zone *found = directory_get(w->directory, z.wire);
	assert_non_null(found);
	struct zone_view v = zone_view(found);
	return zone_serial(&v);
}

static enum err any_difference(void *arg, bool add, const struct content_rr *rr)
{
	(void)arg;
	(void)add;
	(void)rr;
	return ERR_EXISTS;
}

static size_t check_contained(const struct zone *a, const struct zone *b)
{
	struct zone_view v = zone_view(b);
	const struct content *c;
	size_t cursor = 0, names = 0;
	for (const struct node *n; (n = zone_walk(a, &cursor, &c));) {
		struct name name;
		if (!content_in_use(c))
			continue;
		zone_node_name(a, n, &name);
		assert_int_equal(content_diff(c, zone_find_name(&v, name.wire, NULL), any_difference, NULL), ERR_OK);
		names++;
	}
	return names;
}

/* What a start would load from the database is what is in memory. */
static void check_stored(struct world *w, const char *zone)
{
	struct name n = name_of(zone);
	struct zonestore_zone row;
	struct zone *stored, *served = directory_get(w->directory, n.wire);
	struct errmsg msg = {.text = ""};
	assert_non_null(served);
	assert_int_equal(zonestore_find_zone(w->store, n.wire, &row, &msg), ERR_OK);
	if (zonestore_load(w->store, &row, &stored, &msg))
		fail_msg("%s", msg.text);
	assert_int_equal(check_contained(stored, served), check_contained(served, stored));
	assert_int_equal(row.serial, serial_of(w, zone));
	zone_release(stored);
}

/* ---- history, as one line a version ---- */

struct history {
	struct world *w;
	char text[4096];
};

static enum err history_rr(void *arg, const struct zonestore_change_rr *rr)
{
	struct history *h = arg;
	char name[NAME_TEXT_MAX], line[NAME_TEXT_MAX + 16];
	name_to_text(rr->owner, name);
	snprintf(line, sizeof(line), " %c%s/%u", rr->add ? '+' : '-', name, rr->rr.type);
	strncat(h->text, line, sizeof(h->text) - strlen(h->text) - 1);
	return ERR_OK;
}

struct version_list {
	struct history *h;
	int64_t id[64];
	size_t count;
};

static enum err history_version(void *arg, const struct zonestore_version *v, const struct zonestore_change *c)
{
	struct version_list *l = arg;
	char line[600];
	assert_non_null(c);
	assert_true(l->count < 64);
	assert_string_equal(c->actor, "key nas.");
	assert_string_equal(c->source, "127.0.0.1@5353");
	assert_string_equal(c->transport, "udp");
	snprintf(line, sizeof(line), "%s%u>%u%s (%s)\n", v->has_from ? "" : "new ", v->has_from ? v->from : 0, v->to,
		 v->full ? " full" : "", c->note);
	strncat(l->h->text, line, sizeof(l->h->text) - strlen(l->h->text) - 1);
	l->id[l->count++] = v->id;
	return ERR_OK;
}

static void read_history(struct world *w, const char *zone, struct history *h, struct version_list *l)
{
	struct name n = name_of(zone);
	struct zonestore_zone row;
	struct errmsg msg = {.text = ""};
	*h = (struct history){.w = w};
	*l = (struct version_list){.h = h};
	assert_int_equal(zonestore_find_zone(w->store, n.wire, &row, &msg), ERR_OK);
	assert_int_equal(zonestore_each_version(w->store, row.id, false, 0, 60, history_version, l, &msg), ERR_OK);
}

static void check_history(struct world *w, const char *zone, const char *want)
{
	struct history h;
	struct version_list l;
	read_history(w, zone, &h, &l);
	assert_string_equal(h.text, want);
}

/* The records of the newest version. */
static void check_journal(struct world *w, const char *zone, const char *want)
{
	struct history h;
	struct version_list l;
	struct errmsg msg = {.text = ""};
	read_history(w, zone, &h, &l);
	h.text[0] = '\0';
	assert_true(l.count > 0);
	assert_int_equal(zonestore_each_change_rr(w->store, l.id[l.count - 1], 0, 0, history_rr, &h, &msg), ERR_OK);
	assert_string_equal(h.text, want);
}

static sqlite3 *sql(struct world *w)
{
	return sqlstore_handle(zonestore_sql(w->store));
}

static void exec(struct world *w, const char *text)
{
	char *error = NULL;
	if (sqlite3_exec(sql(w), text, NULL, NULL, &error) != SQLITE_OK)
		fail_msg("%s: %s", text, error);
}

static int64_t number(struct world *w, const char *text)
{
	sqlite3_stmt *s;
	assert_int_equal(sqlite3_prepare_v2(sql(w), text, -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	int64_t n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return n;
}

/* ---- tests ---- */

#define HOME "home.example."

static void test_next_serial(void **state)
{
	(void)state;
	static const struct {
		enum serial_policy policy;
		uint32_t serial;
		uint64_t now;
		uint32_t next;
	} row[] = {{SERIAL_INCREMENT, 1, NOW, 2},
		   {SERIAL_INCREMENT, UINT32_MAX, NOW, 1}, /* never 0 */
		   {SERIAL_INCREMENT, 0x7fffffff, NOW, 0x80000000},
		   {SERIAL_UNIXTIME, 1, NOW, NOW},
		   {SERIAL_UNIXTIME, NOW, NOW, NOW + 1},
		   {SERIAL_UNIXTIME, NOW + 5, NOW, NOW + 6}, /* not back */
		   {SERIAL_UNIXTIME, UINT32_MAX, 0, 1},
		   {SERIAL_DATED, 1, NOW, 2026030100},
		   {SERIAL_DATED, 2026030100, NOW, 2026030101},
		   {SERIAL_DATED, 2026022899, NOW, 2026030100},
		   {SERIAL_DATED, 2026030199, NOW, 2026030200}, /* more than a hundred a day go on counting */
		   {SERIAL_DATED, 2026030200, NOW, 2026030201},
		   {SERIAL_DATED, 4294967295, NOW, 2026030100}}; /* newer by RFC 1982 */
	for (size_t i = 0; i < sizeof(row) / sizeof(row[0]); i++)
		assert_int_equal(commit_next_serial(row[i].policy, row[i].serial, row[i].now), row[i].next);
}

static void test_first_import_then_updates(void **state)
{
	struct world *w = *state;
	struct result r = import(w, HOME, 10, 3, 100), gone;
	assert_int_equal(r.err, ERR_OK);
	assert_true(r.changed);
	assert_int_equal(r.serial, 10);
	assert_int_equal(w->published, 1);
	check_stored(w, HOME);

	run(w, add_a(HOME, "new." HOME, 1, &r));
	assert_int_equal(r.rcode, RCODE_NOERROR);
	assert_true(r.changed);
	assert_int_equal(r.serial, 11);
	assert_int_equal(w->last_serial, 11);
	assert_non_null(look(w, HOME, "new." HOME));
	check_journal(w, HOME, " +new.home.example./1");

	struct job *job = make_update(HOME, &gone);
	push_a(job, "new." HOME, CLASS_IN, 2);
	push_a(job, "new." HOME, CLASS_NONE, 1);
	run(w, job);
	assert_int_equal(gone.serial, 12);
	check_stored(w, HOME);
	check_history(w, HOME, "new 0>10 full (a note)\n10>11 (a note)\n11>12 (a note)\n");
	check_journal(w, HOME, " -new.home.example./1 +new.home.example./1");
}

static void test_no_change_no_version(void **state)
{
	struct world *w = *state;
	struct result r;
	import(w, HOME, 10, 1, 100);
	run(w, add_a(HOME, "ns1." HOME, 1, &r)); /* is there */
	assert_int_equal(r.rcode, RCODE_NOERROR);
	assert_false(r.changed);
	assert_int_equal(r.serial, 10);
	struct job *job = make_update(HOME, &r);
	push_in_use(job, "ns1." HOME);
	run(w, job);
	assert_int_equal(r.rcode, RCODE_NOERROR);
	assert_int_equal(w->published, 1);
	check_history(w, HOME, "new 0>10 full (a note)\n");
}

static struct job *set_soa(uint32_t serial, bool and_more, struct result *r)
{
	struct job *job = make_update(HOME, r);
	uint8_t soa[128];
	struct name apex = name_of(HOME);
	assert_int_equal(update_push(job->update, SECTION_UPDATE, apex.wire, TYPE_SOA, CLASS_IN, 300, soa,
				     (uint16_t)soa_rdata(soa, serial)),
			 ERR_OK);
	if (and_more)
		push_a(job, "more." HOME, CLASS_IN, 9);
	return job;
}

static void test_soa_in_update(void **state)
{
	struct world *w = *state;
	struct result r;
	import(w, HOME, 10, 1, 100);
	run(w, set_soa(50, true, &r)); /* advanced by the update: not bumped again (§3.6) */
	assert_int_equal(r.serial, 50);
	assert_int_equal(serial_of(w, HOME), 50);
	run(w, set_soa(49, false, &r)); /* older: ignored, nothing else changed */
	assert_false(r.changed);
	run(w, set_soa(7, true, &r)); /* ignored, and more is there already */
	assert_false(r.changed);
	assert_int_equal(r.serial, 50);
	run(w, set_soa(51, false, &r));
	assert_int_equal(r.serial, 51);
	check_journal(w, HOME, "");
	check_stored(w, HOME);
}

static void test_refused_neighbours(void **state)
{
	struct world *w = *state;
	struct result r[7];
	import(w, HOME, 10, 1, 100);
	import(w, "other.example.", 5, 1, 100);
	w->published = 0;
	done_count = 0;

	struct job *job[7] = {
		add_a(HOME, "a." HOME, 1, &r[0]),          add_a(HOME, "b." HOME, 2, &r[1]),
		add_a(HOME, "c.other.example.", 3, &r[2]), add_a("other.example.", "d.other.example.", 4, &r[3]),
		add_a(HOME, "e." HOME, 5, &r[4]),          add_a("nowhere.example.", "f.nowhere.example.", 6, &r[5]),
		add_a(HOME, "e." HOME, 5, &r[6])};
	push_in_use(job[1], "no." HOME);
	push_in_use(job[4], "a." HOME); /* made by a neighbour in the same batch */
	for (size_t i = 0; i + 1 < 7; i++)
		job[i]->next = job[i + 1];
	run(w, job[0]);

	static const enum rcode rcode[7] = {RCODE_NOERROR, RCODE_NXDOMAIN, RCODE_NOTZONE, RCODE_NOERROR,
					    RCODE_NOERROR, RCODE_NOTAUTH,  RCODE_NOERROR};
	for (unsigned i = 0; i < 7; i++) {
		assert_true(r[i].done);
		assert_int_equal(r[i].rcode, rcode[i]);
		assert_int_equal(r[i].err, ERR_OK);
		assert_int_equal(r[i].order, i + 1);
	}
	assert_int_equal(r[0].serial, 11);
	assert_int_equal(r[3].serial, 6);
	assert_int_equal(r[4].serial, 12);
	assert_false(r[6].changed);
	assert_int_equal(w->published, 2); /* once a zone */
	assert_null(look(w, HOME, "b." HOME));
	assert_non_null(look(w, HOME, "e." HOME));
	check_stored(w, HOME);
	check_stored(w, "other.example.");
	check_history(w, HOME, "new 0>10 full (a note)\n10>11 (a note)\n11>12 (a note)\n");
}

/* Rows say which change they come from, also when a batch had several. */
static void test_provenance(void **state)
{
	struct world *w = *state;
	struct result r[2];
	import(w, HOME, 10, 1, 100);
	struct job *a = add_a(HOME, "a." HOME, 1, &r[0]);
	a->next = add_a(HOME, "b." HOME, 2, &r[1]);
	run(w, a);
	assert_int_equal(number(w, "SELECT count(DISTINCT change) FROM rrset"), 3);
}

static int refuse_commit(void *arg)
{
	(void)arg;
	return 1;
}

static void test_commit_fails(void **state)
{
	struct world *w = *state;
	struct result r[3], s;
	import(w, HOME, 10, 1, 100);
	w->published = 0;
	sqlite3_commit_hook(sql(w), refuse_commit, NULL);
	struct job *job[3] = {add_a(HOME, "a." HOME, 1, &r[0]), add_a(HOME, "b.ent." HOME, 2, &r[1]),
			      add_a(HOME, "c." HOME, 3, &r[2])};
	push_in_use(job[2], "no." HOME);
	job[0]->next = job[1];
	job[1]->next = job[2];
	run(w, job[0]);
	for (unsigned i = 0; i < 2; i++) {
		assert_int_equal(r[i].rcode, RCODE_SERVFAIL);
		assert_int_not_equal(r[i].err, ERR_OK);
		assert_false(r[i].changed);
		assert_true(r[i].why[0]);
	}
	assert_int_equal(r[2].rcode, RCODE_NXDOMAIN); /* was decided without the database */
	assert_int_equal(w->published, 0);
	assert_null(look(w, HOME, "a." HOME));
	assert_null(look(w, HOME, "b.ent." HOME));
	assert_int_equal(serial_of(w, HOME), 10);
	check_stored(w, HOME);

	s = import(w, HOME, 20, 5, 0);
	assert_int_not_equal(s.err, ERR_OK);
	assert_int_equal(serial_of(w, HOME), 10);
	s = import(w, "fresh.example.", 20, 5, 0);
	assert_int_not_equal(s.err, ERR_OK);
	assert_null(look(w, "fresh.example.", "fresh.example."));

	sqlite3_commit_hook(sql(w), NULL, NULL);
	run(w, add_a(HOME, "a." HOME, 1, &s));
	assert_int_equal(s.rcode, RCODE_NOERROR);
	assert_int_equal(s.serial, 11);
	check_stored(w, HOME);
}

/* A job whose rows the database will not take fails alone; its neighbours are done. */
static void test_one_job_poisons(void **state)
{
	struct world *w = *state;
	struct result r[3];
	import(w, HOME, 10, 1, 100);
	exec(w, "CREATE TEMP TRIGGER poison BEFORE INSERT ON change WHEN NEW.actor = 'key bad.' BEGIN SELECT "
		"RAISE(ABORT, 'poisoned'); END");
	struct job *job[3] = {add_a(HOME, "a." HOME, 1, &r[0]), add_a(HOME, "b." HOME, 2, &r[1]),
			      add_a(HOME, "c." HOME, 3, &r[2])};
	strcpy(job[1]->actor.who, "key bad.");
	job[0]->next = job[1];
	job[1]->next = job[2];
	run(w, job[0]);
	assert_int_equal(r[0].serial, 11);
	assert_int_equal(r[1].rcode, RCODE_SERVFAIL);
	assert_int_equal(r[2].serial, 12);
	assert_null(look(w, HOME, "b." HOME));
	assert_non_null(look(w, HOME, "c." HOME));
	check_stored(w, HOME);
}

/* ---- leases ---- */

static struct job *lease_a(const char *owner, uint8_t last, uint32_t lease, struct result *r)
{
	struct job *job = add_a(HOME, owner, last, r);
	uint32_t key_lease = 0;
	lease_grant(job->update, true, &lease, &key_lease);
	return job;
}

static struct job *expire(int64_t seconds, struct result *r)
{
	struct job *job = make_job(JOB_UPDATE, HOME, r);
	job->expire = seconds * 1000;
	return job;
}

static void test_leases_end(void **state)
{
	struct world *w = *state;
	struct result r[4];
	import(w, HOME, 10, 1, 100);
	struct job *job[3] = {lease_a("a." HOME, 1, 60, &r[0]), lease_a("b." HOME, 2, 100, &r[1]),
			      add_a(HOME, "c." HOME, 3, &r[2])};
	job[0]->next = job[1];
	job[1]->next = job[2];
	run(w, job[0]);
	assert_int_equal(r[2].serial, 13);
	run(w, expire(NOW + 59, &r[0]));
	assert_false(r[0].changed);

	/* A refresh in the same batch, just before, wins; the one that no version came of is kept as well. */
	clock_fake(NOW + 60);
	job[0] = lease_a("A." HOME, 1, 60, &r[0]);
	job[1] = expire(NOW + 60, &r[1]);
	job[0]->next = job[1];
	run(w, job[0]);
	assert_true(!r[0].changed && !r[1].changed);
	run(w, expire(NOW + 119, &r[0]));
	assert_int_equal(r[0].serial, 14);
	assert_non_null(look(w, HOME, "a." HOME));
	assert_null(look(w, HOME, "b." HOME));
	check_stored(w, HOME);

	/* A commit that fails takes nothing away, and the next does. */
	sqlite3_commit_hook(sql(w), refuse_commit, NULL);
	run(w, expire(NOW + 120, &r[0]));
	assert_int_equal(r[0].rcode, RCODE_SERVFAIL);
	assert_non_null(look(w, HOME, "a." HOME));
	sqlite3_commit_hook(sql(w), NULL, NULL);

	/* As after a restart. */
	close_world(w);
	open_world(w, true);
	run(w, expire(NOW + 120, &r[0]));
	assert_int_equal(r[0].serial, 15);
	assert_null(look(w, HOME, "a." HOME));
	assert_non_null(look(w, HOME, "c." HOME));
	check_stored(w, HOME);
}

/* The lease of a refused update, or of one whose commit fails, is not there. */
static void test_leases_of_what_was_not_done(void **state)
{
	struct world *w = *state;
	struct result r[2];
	import(w, HOME, 10, 1, 100);
	run(w, add_a(HOME, "a." HOME, 1, &r[0]));
	struct job *job = lease_a("a." HOME, 1, 60, &r[0]);
	push_in_use(job, "no." HOME);
	run(w, job);
	assert_int_equal(r[0].rcode, RCODE_NXDOMAIN);
	sqlite3_commit_hook(sql(w), refuse_commit, NULL);
	run(w, lease_a("a." HOME, 1, 60, &r[0]));
	assert_int_equal(r[0].rcode, RCODE_SERVFAIL);
	sqlite3_commit_hook(sql(w), NULL, NULL);
	run(w, expire(NOW + 1000, &r[0]));
	assert_false(r[0].changed);
	assert_non_null(look(w, HOME, "a." HOME));
}

static void test_restart(void **state)
{
	struct world *w = *state;
	struct result r;
	import(w, HOME, 10, 20, 100);
	run(w, add_a(HOME, "Deep.er.ent." HOME, 1, &r));
	close_world(w);

	open_world(w, true); /* lazy: loaded when a job wants it */
	assert_null(look(w, HOME, HOME));
	run(w, add_a(HOME, "again." HOME, 1, &r));
	assert_int_equal(r.rcode, RCODE_NOERROR);
	assert_int_equal(r.serial, 12);
	assert_non_null(look(w, HOME, "deep.er.ent." HOME));
	check_stored(w, HOME);
	run(w, add_a("nowhere.example.", "a.nowhere.example.", 1, &r));
	assert_int_equal(r.rcode, RCODE_NOTAUTH);
}

static void test_replace(void **state)
{
	struct world *w = *state;
	import(w, HOME, 10, 20, 100);

	struct result r = import(w, HOME, 10, 20, 100); /* the same again */
	assert_int_equal(r.err, ERR_OK);
	assert_false(r.changed);
	assert_int_equal(r.serial, 10);

	r = import(w, HOME, 12, 21, 100); /* one host more, serial from the file */
	assert_true(r.changed);
	assert_int_equal(r.serial, 12);
	check_journal(w, HOME, " +H20.home.example./1");
	check_stored(w, HOME);

	r = import(w, HOME, 12, 19, 100); /* two less, serial not raised by hand */
	assert_int_equal(r.serial, 13);
	assert_int_equal(serial_of(w, HOME), 13);
	check_stored(w, HOME);

	r = import(w, HOME, 14, 19, 0); /* nearly all other: more differences than records */
	assert_int_equal(r.serial, 14);
	check_stored(w, HOME);
	check_journal(w, HOME, "");
	check_history(w, HOME,
		      "new 0>10 full (a note)\n10>12 (a note)\n12>13 (a note; serial 12 was not newer than 12: made "
		      "13)\n13>14 full (a note)\n");

	r = import(w, HOME, 5, 19, 0); /* the same, older serial: nothing to do */
	assert_false(r.changed);
	assert_int_equal(r.serial, 14);
	r = import(w, HOME, 15, 19, 0); /* the same, newer serial */
	assert_int_equal(r.serial, 15);
	check_stored(w, HOME);
}

static void test_replace_signed(void **state)
{
	struct world *w = *state;
	struct result r;
	import(w, HOME, 10, 2, 100);
	struct job *job = make_job(JOB_REPLACE, HOME, &r);
	job->image = make_image(HOME, 9, 3, 100, true);
	run(w, job);
	assert_int_equal(r.err, ERR_REFUSED); /* another serial would break its signature */
	assert_int_equal(serial_of(w, HOME), 10);
	job = make_job(JOB_REPLACE, HOME, &r);
	job->image = make_image(HOME, 11, 3, 100, true);
	run(w, job);
	assert_int_equal(r.err, ERR_OK);
	check_stored(w, HOME);
}

static void test_secondary(void **state)
{
	struct world *w = *state;
	struct result r;
	struct job *job = make_job(JOB_REPLACE, HOME, &r);
	job->role = ZONE_SECONDARY;
	job->image = make_image(HOME, 10, 2, 100, false);
	run(w, job);
	assert_int_equal(r.serial, 10);
	run(w, add_a(HOME, "a." HOME, 1, &r));
	assert_int_equal(r.rcode, RCODE_REFUSED);
	assert_null(look(w, HOME, "a." HOME));
	r = import(w, HOME, 8, 3, 100); /* its primary's serial, whatever it is */
	assert_int_equal(r.serial, 8);
	check_stored(w, HOME);
}

/* ---- a secondary's versions ---- */

static void push_soa(struct deltas *d, enum deltas_kind kind, uint32_t serial)
{
	struct name apex = name_of(HOME);
	uint8_t soa[128];
	uint16_t len = (uint16_t)soa_rdata(soa, serial);
	struct deltas_item item = {.kind = kind, .owner = apex.wire, .rr = {TYPE_SOA, 300, len, soa}};
	assert_int_equal(deltas_add(d, &item), ERR_OK);
}

static void push_rr(struct deltas *d, enum deltas_kind kind, const char *owner, uint16_t type, uint8_t last)
{
	struct name name = name_of(owner), target = name_of("ns1." HOME);
	uint8_t a[4] = {192, 0, 2, last};
	struct deltas_item item = {.kind = kind, .owner = name.wire, .rr = {type, 300, 4, a}};
	if (type != TYPE_A) {
		item.rr.rdata = target.wire;
		item.rr.rdlen = target.len;
	}
	assert_int_equal(deltas_add(d, &item), ERR_OK);
}

static struct job *make_versions(struct result *r)
{
	struct job *job = make_job(JOB_DELTAS, HOME, r);
	assert_int_equal(deltas_new(&job->deltas), ERR_OK);
	return job;
}

static void make_secondary(struct world *w)
{
	struct result r;
	struct job *job = make_job(JOB_REPLACE, HOME, &r);
	job->role = ZONE_SECONDARY;
	job->image = make_image(HOME, 10, 2, 100, false);
	run(w, job);
	assert_int_equal(r.err, ERR_OK);
}

static void test_versions_of_the_primary(void **state)
{
	struct world *w = *state;
	struct result r;
	make_secondary(w);
	struct job *job = make_versions(&r);
	push_soa(job->deltas, DELTAS_FROM, 10);
	push_soa(job->deltas, DELTAS_TO, 11);
	push_rr(job->deltas, DELTAS_ADD, "new." HOME, TYPE_A, 1);
	push_soa(job->deltas, DELTAS_FROM, 11);
	push_rr(job->deltas, DELTAS_DELETE, "new." HOME, TYPE_A, 1);
	push_soa(job->deltas, DELTAS_TO, 20);
	push_rr(job->deltas, DELTAS_ADD, "other." HOME, TYPE_A, 2);
	run(w, job);
	assert_int_equal(r.err, ERR_OK);
	assert_true(r.changed);
	assert_int_equal(r.serial, 20);
	assert_int_equal(w->last_serial, 20);
	assert_null(look(w, HOME, "new." HOME));
	assert_non_null(look(w, HOME, "other." HOME));
	assert_int_equal(
		number(w, "SELECT count(*) FROM change WHERE serial_to IN (11, 20) AND serial_from IN (10, 11)"), 2);
	check_stored(w, HOME);
}

/* Whatever does not fit leaves the zone, its rows and its journal as they were. */
static void test_versions_that_do_not_fit(void **state)
{
	static const struct {
		uint32_t from, to;
		enum deltas_kind kind;
		const char *owner;
		uint16_t type;
	} bad[] = {
		{9, 11, DELTAS_ADD, "new." HOME, TYPE_A},      {10, 11, DELTAS_DELETE, "new." HOME, TYPE_A},
		{10, 11, DELTAS_ADD, "ns1." HOME, TYPE_A},     {10, 11, DELTAS_DELETE, HOME, TYPE_NS},
		{10, 11, DELTAS_ADD, "ns1." HOME, TYPE_CNAME},
	};
	struct world *w = *state;
	struct result r;
	make_secondary(w);
	int64_t changes = number(w, "SELECT count(*) FROM change");
	for (size_t i = 0; i < sizeof(bad) / sizeof(bad[0]); i++) {
		struct job *job = make_versions(&r);
		push_soa(job->deltas, DELTAS_FROM, bad[i].from);
		if (bad[i].kind == DELTAS_DELETE)
			push_rr(job->deltas, DELTAS_DELETE, bad[i].owner, bad[i].type, 1);
		push_soa(job->deltas, DELTAS_TO, bad[i].to);
		if (bad[i].kind == DELTAS_ADD)
			push_rr(job->deltas, DELTAS_ADD, bad[i].owner, bad[i].type, 1);
		run(w, job);
		if (r.err != ERR_FORMAT || !r.why[0])
			fail_msg("%zu: %s: %s", i, err_text(r.err), r.why);
		check_stored(w, HOME);
	}
	assert_int_equal(number(w, "SELECT count(*) FROM change"), changes);
	assert_int_equal(number(w, "SELECT serial FROM zone"), 10);
}

static void test_a_secondary_is_blanked_and_replaced(void **state)
{
	struct world *w = *state;
	struct result r;
	struct name apex = name_of(HOME);
	make_secondary(w);
	struct job *job = make_job(JOB_BLANK, HOME, &r);
	strcpy(job->actor.note, "expired");
	run(w, job);
	assert_int_equal(r.err, ERR_OK);
	assert_string_equal(zone_fault(directory_get(w->directory, apex.wire)), "expired");
	job = make_versions(&r);
	push_soa(job->deltas, DELTAS_FROM, 10);
	push_soa(job->deltas, DELTAS_TO, 11);
	run(w, job);
	assert_int_equal(r.err, ERR_FORMAT);
	job = make_job(JOB_REPLACE, HOME, &r);
	job->transfer = true;
	job->image = make_image(HOME, 10, 2, 100, false);
	run(w, job);
	assert_int_equal(r.err, ERR_OK);
	check_stored(w, HOME);

	/* The zone is removed while its transfer is under way: it does not come back. */
	run(w, make_job(JOB_REMOVE, HOME, &r));
	job = make_job(JOB_REPLACE, HOME, &r);
	job->transfer = true;
	job->image = make_image(HOME, 11, 2, 100, false);
	run(w, job);
	assert_int_equal(r.err, ERR_NOTFOUND);
	run(w, make_job(JOB_BLANK, HOME, &r));
	assert_int_equal(r.err, ERR_NOTFOUND);
	/* Or it is ours by now. */
	import(w, HOME, 3, 2, 100);
	job = make_job(JOB_REPLACE, HOME, &r);
	job->transfer = true;
	job->image = make_image(HOME, 11, 2, 100, false);
	run(w, job);
	assert_int_equal(r.err, ERR_REFUSED);
}

static void test_remove(void **state)
{
	struct world *w = *state;
	struct result r[4];
	import(w, HOME, 10, 2, 100);
	struct job *job = add_a(HOME, "a." HOME, 1, &r[0]);
	job->next = make_job(JOB_REMOVE, HOME, &r[1]);
	job->next->next = add_a(HOME, "b." HOME, 1, &r[2]);
	job->next->next->next = make_job(JOB_REMOVE, HOME, &r[3]);
	run(w, job);
	assert_int_equal(r[0].serial, 11);
	assert_int_equal(r[1].err, ERR_OK);
	assert_int_equal(r[2].rcode, RCODE_NOTAUTH);
	assert_int_equal(r[3].err, ERR_NOTFOUND);
	assert_false(w->last_present);
	assert_int_equal(w->admin_changes, 1);
	assert_int_equal(number(w, "SELECT count(*) FROM rrset"), 0);
	r[0] = import(w, HOME, 3, 2, 100);
	assert_int_equal(r[0].serial, 3);
}

static enum err add_peer(struct job *job, struct zonestore *store, struct errmsg *why)
{
	struct zonestore_peer p = {.zone = job->zone};
	enum err err = addr_parse(&p.address, job->run_arg, 53, why);
	return err ? err : zonestore_add_peer(store, &p, why);
}

static enum err add_peer_then_fail(struct job *job, struct zonestore *store, struct errmsg *why)
{
	enum err err = add_peer(job, store, why);
	return err ? err : errmsg_set(why, ERR_REFUSED, "changed my mind");
}

static void test_admin(void **state)
{
	struct world *w = *state;
	struct result r[4];
	static char one[] = "127.0.0.1@1053", two[] = "127.0.0.1@2053";
	import(w, HOME, 10, 2, 100);
	struct job *job = add_a(HOME, "a." HOME, 1, &r[0]);
	struct job *bad = make_job(JOB_ADMIN, HOME, &r[1]), *good = make_job(JOB_ADMIN, HOME, &r[2]);
	bad->run = add_peer_then_fail;
	bad->run_arg = one;
	good->run = add_peer;
	good->run_arg = two;
	job->next = bad;
	bad->next = good;
	good->next = add_a(HOME, "b." HOME, 1, &r[3]);
	run(w, job);
	assert_int_equal(r[0].serial, 11);
	assert_int_equal(r[1].err, ERR_REFUSED);
	assert_string_equal(r[1].why, "changed my mind");
	assert_int_equal(r[2].err, ERR_OK);
	assert_int_equal(r[3].serial, 12);
	assert_int_equal(w->admin_changes, 1);
	assert_int_equal(number(w, "SELECT count(*) FROM peer"), 1);
}

/* A zone and the rows that belong to it: both or neither. */
static void test_replace_with_rows(void **state)
{
	struct world *w = *state;
	struct result r;
	static char peer[] = "127.0.0.1@1053";
	struct job *job = make_job(JOB_REPLACE, HOME, &r);
	job->image = make_image(HOME, 10, 2, 100, false);
	job->run = add_peer_then_fail;
	job->run_arg = peer;
	run(w, job);
	assert_int_equal(r.err, ERR_REFUSED);
	assert_null(look(w, HOME, HOME));
	assert_int_equal(number(w, "SELECT count(*) FROM zone"), 0);
	for (unsigned i = 0; i < 2;
	     i++) { /* the second time the content is the same: the rows come all the same, or their error */
		job = make_job(JOB_REPLACE, HOME, &r);
		job->image = make_image(HOME, 10, 2, 100, false);
		job->run = add_peer;
		job->run_arg = peer;
		run(w, job);
		assert_int_equal(r.err, i == 0 ? ERR_OK : ERR_EXISTS);
	}
	assert_int_equal(w->admin_changes, 1);
	assert_int_equal(number(w, "SELECT count(*) FROM peer"), 1);
}

static void test_idle(void **state)
{
	struct world *w = *state;
	struct result r;
	import(w, HOME, 10, 2, 100);
	assert_false(commit_idle(w->commit));
	for (uint8_t i = 0; i < 50; i++)
		run(w, add_a(HOME, "busy." HOME, i, &r));
	for (unsigned i = 0; i < 100 && commit_idle(w->commit); i++)
		grace_barrier();
	assert_false(commit_idle(w->commit));
	check_stored(w, HOME);
}

/* What the hook could not read it is asked to read again: when idle, and before the next batch. */
static void test_hook_that_fails(void **state)
{
	struct world *w = *state;
	struct result r;
	static char peers[2][16] = {"127.0.0.1@1053", "127.0.0.1@1054"};
	import(w, HOME, 10, 2, 100);
	for (unsigned i = 0; i < 2; i++) {
		struct job *job = make_job(JOB_ADMIN, HOME, &r);
		job->run = add_peer;
		job->run_arg = peers[i];
		w->admin_changes = 0;
		w->admin_unread = 2;
		run(w, job);
		assert_int_equal(r.err, ERR_OK);
		assert_int_equal(w->admin_changes, 1);
		assert_true(commit_idle(w->commit));
		assert_int_equal(w->admin_changes, 2);
		if (i == 0)
			assert_false(commit_idle(w->commit));
		else
			run(w, add_a(HOME, "other." HOME, 1, &r));
		assert_int_equal(w->admin_changes, 3);
	}
}

static void test_large_batch(void **state)
{
	enum { ZONES = 40, JOBS = 2000 };
	struct world *w = *state;
	struct result *r = calloc(JOBS, sizeof(*r));
	struct job *first = NULL, **link = &first;
	char zone[64], owner[128];
	assert_non_null(r);
	for (unsigned i = 0; i < ZONES; i++) {
		snprintf(zone, sizeof(zone), "z%u.example.", i);
		import(w, zone, 1, 2, 100);
	}
	w->published = 0;
	for (unsigned i = 0; i < JOBS; i++) {
		snprintf(zone, sizeof(zone), "z%u.example.", i % ZONES);
		snprintf(owner, sizeof(owner), "n%u.%s", i, zone);
		*link = add_a(zone, owner, 1, &r[i]);
		link = &(*link)->next;
	}
	run(w, first);
	for (unsigned i = 0; i < JOBS; i++)
		assert_int_equal(r[i].serial, 2 + i / ZONES);
	assert_int_equal(w->published, ZONES);
	check_stored(w, "z7.example.");
	free(r);
}

static enum err set_dated(struct job *job, struct zonestore *store, struct errmsg *why)
{
	struct zonestore_zone row;
	enum err err = zonestore_find_zone(store, job->zone.wire, &row, why);
	row.policy = SERIAL_DATED;
	return err ? err : zonestore_set_zone(store, &row, why);
}

/* What the committer remembers of a zone's row is not older than the last job that may have changed it. */
static void test_policy_changes(void **state)
{
	struct world *w = *state;
	struct result r;
	import(w, HOME, 10, 2, 100);
	for (uint8_t i = 1; i < 4; i++) {
		run(w, add_a(HOME, "a." HOME, i, &r));
		assert_int_equal(r.serial, 10 + i);
	}
	struct job *job = make_job(JOB_ADMIN, HOME, &r);
	job->run = set_dated;
	run(w, job);
	assert_int_equal(r.err, ERR_OK);
	run(w, add_a(HOME, "a." HOME, 9, &r));
	assert_true(r.serial > 2020010100);
	check_stored(w, HOME);
}

/* ---- what a batch says of the store ---- */

static enum err return_arg(struct job *job, struct zonestore *store, struct errmsg *why)
{
	(void)store;
	return errmsg_set(why, *(const enum err *)job->run_arg, "as told");
}

static struct job *make_chore(enum err *err, struct result *r)
{
	struct job *job = make_job(JOB_CHORE, ".", r);
	job->run = return_arg;
	job->run_arg = err;
	return job;
}

static void test_outcome(void **state)
{
	struct world *w = *state;
	struct result r, more;
	enum err good = ERR_OK, at_fault = ERR_NOTFOUND, disk = ERR_IO;
	assert_int_equal(commit_run(w->commit, make_chore(&good, &r)), COMMIT_NOTHING);
	assert_int_equal(commit_run(w->commit, make_chore(&at_fault, &r)), COMMIT_NOTHING);
	assert_int_equal(r.err, ERR_NOTFOUND);
	assert_int_equal(commit_run(w->commit, make_chore(&disk, &r)), COMMIT_FAILED);
	import(w, HOME, 10, 2, 100);
	assert_int_equal(commit_run(w->commit, add_a(HOME, "a." HOME, 1, &r)), COMMIT_STORED);
	assert_int_equal(commit_run(w->commit, add_a(HOME, "a." HOME, 1, &r)), COMMIT_NOTHING);
	assert_true(r.rcode == RCODE_NOERROR && !r.changed);
	struct job *both = make_chore(&disk, &r);
	both->next = add_a(HOME, "b." HOME, 1, &more);
	assert_int_equal(commit_run(w->commit, both), COMMIT_FAILED);
	assert_true(more.changed);
}

int main(void)
{
#define TEST(f) cmocka_unit_test_setup_teardown(f, set_up, tear_down)
	const struct CMUnitTest tests[] = {cmocka_unit_test(test_next_serial),
					   TEST(test_first_import_then_updates),
					   TEST(test_no_change_no_version),
					   TEST(test_soa_in_update),
					   TEST(test_refused_neighbours),
					   TEST(test_provenance),
					   TEST(test_commit_fails),
					   TEST(test_one_job_poisons),
					   TEST(test_leases_end),
					   TEST(test_leases_of_what_was_not_done),
					   TEST(test_restart),
					   TEST(test_replace),
					   TEST(test_replace_signed),
					   TEST(test_secondary),
					   TEST(test_versions_of_the_primary),
					   TEST(test_versions_that_do_not_fit),
					   TEST(test_a_secondary_is_blanked_and_replaced),
					   TEST(test_remove),
					   TEST(test_admin),
					   TEST(test_policy_changes),
					   TEST(test_replace_with_rows),
					   TEST(test_idle),
					   TEST(test_hook_that_fails),
					   TEST(test_outcome),
					   TEST(test_large_batch)};
	log_set_level(LOG_LEVEL_ERROR);
	if (qname_seed())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
