/* The journal as secondaries use it: whatever is done to a zone, an IXFR from any serial it ever had, applied with a
 * strict hand, gives the zone exactly, records, TTLs and SOA. Random jobs through the committer, transfers through
 * zones/xfr, on a real database. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/text.h"
#include "zones/change/commit.h"
#include "zones/memory/grace.h"
#include "zones/transfer/xfr.h"
#include "zones/file/zonefile.h"

enum { STEPS = 1500, SERIALS = 64, RECORDS_MAX = 600, HOSTS = 12, LINE_LEN = 160, NOW = 1772366400 };
#define ZONE "home.example."

static struct {
	char dir[64], path[96];
	struct zonestore *store, *reader;
	struct directory *directory;
	struct commit *commit;
} w;

static unsigned long long seed = 1;

static unsigned chance(unsigned n)
{
	seed = seed * 6364136223846793005ULL + 1442695040888963407ULL;
	return (unsigned)((seed >> 33) % n);
}

/* ---- zones as sets of lines ---- */

struct records {
	uint32_t serial;
	uint64_t way; /* the sum of all steps that the serial went */
	size_t count;
	char line[RECORDS_MAX][LINE_LEN]; /* "owner ttl type rdata", lower-case, the apex's SOA too */
};

static void line_of(char out[LINE_LEN], const uint8_t *owner, const struct content_rr *rr)
{
	char name[NAME_TEXT_MAX], type[RR_TYPE_TEXT_MAX], *rdata;
	assert_int_equal(text_rdata_to_text(rr->type, rr->rdata, rr->rdlen, &rdata), ERR_OK);
	int n = snprintf(out, LINE_LEN, "%s %u %s %s", name_to_text(owner, name), rr->ttl,
			 rr_type_to_text(rr->type, type), rdata);
	assert_true(n > 0 && n < LINE_LEN);
	free(rdata);
	for (char *p = out; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p | 0x20);
}

static size_t find_line(const struct records *r, const char *line)
{
	size_t i = 0;
	while (i < r->count && strcmp(r->line[i], line) != 0)
		i++;
	return i;
}

static void add_line(struct records *r, const char *line, const char *when)
{
	if (find_line(r, line) < r->count)
		fail_msg("%s adds what is there: %s", when, line);
	assert_true(r->count < RECORDS_MAX);
	strcpy(r->line[r->count++], line);
}

static void remove_line(struct records *r, const char *line, const char *when)
{
	size_t i = find_line(r, line);
	if (i == r->count)
		fail_msg("%s deletes what is not there: %s", when, line);
	memmove(r->line[i], r->line[--r->count], LINE_LEN);
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void check_same(struct records *a, struct records *b, const char *when)
{
	qsort(a->line, a->count, LINE_LEN, compare_lines);
	qsort(b->line, b->count, LINE_LEN, compare_lines);
	for (size_t i = 0; i < a->count || i < b->count; i++)
		if (i >= a->count || i >= b->count || strcmp(a->line[i], b->line[i]) != 0)
			fail_msg("%s: '%s' is '%s' in the zone", when, i < a->count ? a->line[i] : "",
				 i < b->count ? b->line[i] : "");
}

/* ---- transfers ---- */

struct stream {
	size_t count;
	struct {
		bool soa;
		uint32_t serial;
		char line[LINE_LEN];
	} rr[8 * RECORDS_MAX];
};

static void take_message(struct stream *s, const uint8_t *wire, size_t len)
{
	static uint8_t octets[RDATA_MAX];
	struct message m;
	assert_int_equal(message_parse(&m, wire, len), ERR_OK);
	size_t at = m.section[SECTION_ANSWER];
	for (unsigned i = 0; i < m.count[SECTION_ANSWER]; i++) {
		struct wbuf scratch = buf_writer(octets, sizeof octets);
		struct name owner;
		struct rr rr;
		struct rr_soa soa = {.serial = 0};
		assert_int_equal(message_next_rr(&m, &at, &owner, &scratch, &rr), ERR_OK);
		assert_true(s->count < sizeof s->rr / sizeof s->rr[0]);
		const struct content_rr c = {.type = rr.type, .ttl = rr.ttl, .rdlen = rr.rdlen, .rdata = rr.rdata};
		line_of(s->rr[s->count].line, owner.wire, &c);
		s->rr[s->count].soa = rr.type == TYPE_SOA;
		if (rr.type == TYPE_SOA)
			assert_true(rr_soa_parse(&soa, rr.rdata, rr.rdlen));
		s->rr[s->count++].serial = soa.serial;
	}
}

static enum xfr_form transfer(struct stream *s, enum xfr_kind kind, uint32_t serial)
{
	static struct writer writer;
	static uint8_t wire[UINT16_MAX];
	struct name zone;
	struct xfr *x;
	struct errmsg msg = {.text = ""};
	bool last = false;
	s->count = 0;
	assert_int_equal(name_from_text(&zone, ZONE), ERR_OK);
	if (xfr_open(&x, directory_get(w.directory, zone.wire), w.reader, kind, serial, &msg))
		fail_msg("%s", msg.text);
	size_t limit = chance(2) ? 300 + chance(400) : sizeof wire;
	writer_init(&writer);
	while (!last) {
		writer_start(&writer, wire, limit, 1, FLAG_QR);
		assert_true(writer_question(&writer, zone.wire, TYPE_IXFR, CLASS_IN));
		if (xfr_next(x, &writer, &last, &msg))
			fail_msg("%s", msg.text);
		take_message(s, wire, writer_finish(&writer));
	}
	enum xfr_form form = xfr_form(x);
	xfr_close(x);
	return form;
}

static struct stream stream;

static void take_whole(struct records *out)
{
	out->count = 0;
	out->serial = stream.rr[0].serial;
	for (size_t i = 0; i + 1 < stream.count; i++)
		add_line(out, stream.rr[i].line, "AXFR");
	assert_true(stream.count > 1);
	assert_string_equal(stream.rr[0].line, stream.rr[stream.count - 1].line);
}

/* RFC 1995 §4: SOA new | SOA old, deletions, SOA, additions | … | SOA new. The SOAs are deleted and added too. */
static void apply_difference(struct records *r, const char *when)
{
	bool adding = true; /* so that the first SOA behind the head starts deletions */
	assert_true(stream.count >= 4);
	for (size_t i = 1; i + 1 < stream.count; i++) {
		if (stream.rr[i].soa) {
			adding = !adding;
			if (!adding && stream.rr[i].serial != r->serial)
				fail_msg("%s: a gap before serial %u", when, stream.rr[i].serial);
			if (adding)
				r->serial = stream.rr[i].serial;
		}
		if (adding)
			add_line(r, stream.rr[i].line, when);
		else
			remove_line(r, stream.rr[i].line, when);
	}
	assert_true(adding);
	assert_int_equal(r->serial, stream.rr[0].serial);
}

/* ---- jobs ---- */

static enum rcode last_rcode;
static enum err last_err;

static void on_done(struct job *job)
{
	last_rcode = job->rcode;
	last_err = job->err;
	if (job->err)
		print_error("%s\n", job->why.text);
	job_free(job);
}

static struct name name_of(const char *text)
{
	struct name n;
	assert_int_equal(name_from_text(&n, text), ERR_OK);
	return n;
}

static struct job *make_job(enum job_kind kind)
{
	struct job *job = job_new(kind);
	assert_non_null(job);
	job->zone = name_of(ZONE);
	job->role = ZONE_PRIMARY;
	job->done = on_done;
	if (kind == JOB_UPDATE)
		assert_int_equal(update_new(&job->update, job->zone.wire), ERR_OK);
	return job;
}

/* A host in some spelling; 0 is the apex. */
static struct name some_owner(void)
{
	static const char *const spelling[] = {"host%u." ZONE, "HOST%u." ZONE, "Host%u.Home.Example."};
	char text[64];
	unsigned i = chance(HOSTS);
	snprintf(text, sizeof text, i ? spelling[chance(3)] : ZONE, i);
	return name_of(text);
}

static void push(struct job *job, const struct name *owner, uint16_t type, uint16_t class, uint32_t ttl,
		 const void *rdata, size_t len)
{
	assert_int_equal(update_push(job->update, SECTION_UPDATE, owner->wire, type, class, ttl, rdata, (uint16_t)len),
			 ERR_OK);
}

static uint32_t serial_now(void)
{
	struct name zone = name_of(ZONE);
	struct zone_view v = zone_view(directory_get(w.directory, zone.wire));
	return zone_serial(&v);
}

static size_t make_soa(uint8_t out[128], uint32_t serial, uint32_t minimum)
{
	static const char *const mname[] = {"ns1." ZONE, "NS1." ZONE};
	struct name m = name_of(mname[chance(2)]), r = name_of("hostmaster." ZONE);
	struct wbuf b = buf_writer(out, 128);
	buf_put(&b, m.wire, m.len);
	buf_put(&b, r.wire, r.len);
	buf_put_u32(&b, serial);
	buf_put_u32(&b, 7200);
	buf_put_u32(&b, 900);
	buf_put_u32(&b, 1209600);
	buf_put_u32(&b, minimum);
	return b.len;
}

static void push_something(struct job *job)
{
	struct name owner = some_owner(), target = name_of(chance(2) ? "ns1." ZONE : "NS2.Home.Example.");
	uint8_t a[16] = {192, 0, 2, (uint8_t)chance(4)}, soa[128];
	uint32_t ttl = 60 * (1 + chance(2));
	switch (chance(11)) {
	case 0:
	case 1:
	case 2:
		push(job, &owner, TYPE_A, CLASS_IN, ttl, a, 4);
		break;
	case 3:
		push(job, &owner, TYPE_AAAA, CLASS_IN, ttl, a, 16);
		break;
	case 4:
		push(job, &owner, TYPE_NS, CLASS_IN, ttl, target.wire, target.len);
		break;
	case 5:
		push(job, &owner, TYPE_CNAME, CLASS_IN, ttl, target.wire, target.len);
		break;
	case 6:
		push(job, &owner, TYPE_A, CLASS_NONE, 0, a, 4);
		break;
	case 7:
		push(job, &owner, TYPE_A, CLASS_ANY, 0, NULL, 0);
		break;
	case 8:
		push(job, &owner, TYPE_ANY, CLASS_ANY, 0, NULL, 0);
		break;
	case 9:
		push(job, &owner, TYPE_NS, CLASS_NONE, 0, target.wire, target.len);
		break;
	default: { /* forward by little, by much (but not round in one batch), not at all, or back */
		static const uint32_t by[] = {1, 7, 0x3fffffff, 0, 0xfffffff0};
		struct name apex = name_of(chance(2) ? ZONE : "HOME.example.");
		push(job, &apex, TYPE_SOA, CLASS_IN, ttl, soa,
		     make_soa(soa, serial_now() + by[chance(sizeof by / sizeof by[0])], 300 + chance(2)));
	}
	}
}

static void run_updates(void)
{
	struct job *first = NULL;
	for (unsigned jobs = 1 + chance(4); jobs; jobs--) {
		struct job *job = make_job(JOB_UPDATE);
		for (unsigned i = 1 + chance(4); i; i--)
			push_something(job);
		job->next = first;
		first = job;
	}
	commit_run(w.commit, first);
	assert_int_equal(last_err, ERR_OK);
	assert_int_equal(last_rcode, RCODE_NOERROR);
}

static void image_add(struct zone_image *img, const char *owner, uint16_t type, uint32_t ttl, const void *rdata,
		      size_t len)
{
	struct name n = name_of(owner);
	assert_int_equal(zonefile_image_add(img, n.wire, type, ttl, rdata, (uint16_t)len), ERR_OK);
}

/* Imports a zone of other content, with a serial that may be older. */
static void replace(uint32_t serial)
{
	struct job *job = make_job(JOB_REPLACE);
	struct errmsg msg = {.text = ""};
	uint8_t soa[128], a[4] = {192, 0, 2, 0};
	struct name ns = name_of("ns1." ZONE);
	char owner[64];
	assert_int_equal(zonefile_image_new(&job->image, job->zone.wire), ERR_OK);
	image_add(job->image, ZONE, TYPE_SOA, 60, soa, make_soa(soa, serial, 300));
	image_add(job->image, ZONE, TYPE_NS, 60, ns.wire, ns.len);
	for (unsigned i = 0; i < 60; i++) { /* most stay, or the difference would be longer than the zone */
		snprintf(owner, sizeof owner, chance(2) ? "fix%u." ZONE : "FIX%u." ZONE, i);
		image_add(job->image, owner, TYPE_A, 60, a, 4);
	}
	for (unsigned i = 1; i < HOSTS; i++) {
		a[3] = (uint8_t)chance(4);
		snprintf(owner, sizeof owner, chance(2) ? "host%u." ZONE : "hOsT%u." ZONE, i);
		if (chance(2))
			image_add(job->image, owner, TYPE_A, 60 * (1 + chance(2)), a, 4);
	}
	if (zonefile_image_finish(job->image, &msg))
		fail_msg("%s", msg.text);
	commit_run(w.commit, job);
	assert_int_equal(last_err, ERR_OK);
}

static void remove_zone(void)
{
	commit_run(w.commit, make_job(JOB_REMOVE));
	assert_int_equal(last_err, ERR_OK);
}

/* ---- a database ---- */

static void open_world(void)
{
	struct errmsg msg = {.text = ""};
	struct zonestore_zone row;
	struct zone *z;
	struct name zone = name_of(ZONE);
	if (zonestore_open(&w.store, w.path, SQLSTORE_CREATE, &msg) ||
	    zonestore_open(&w.reader, w.path, SQLSTORE_READ, &msg))
		fail_msg("%s", msg.text);
	assert_int_equal(
		sqlite3_exec(sqlstore_handle(zonestore_sql(w.store)), "PRAGMA synchronous=OFF", NULL, NULL, NULL),
		SQLITE_OK);
	assert_int_equal(directory_new(&w.directory), ERR_OK);
	assert_int_equal(commit_new(&w.commit, w.store, w.directory, false, NULL), ERR_OK);
	if (zonestore_find_zone(w.store, zone.wire, &row, &msg))
		return;
	if (zonestore_load(w.store, &row, &z, &msg))
		fail_msg("%s", msg.text);
	assert_int_equal(directory_put(w.directory, z), ERR_OK);
}

static void close_world(void)
{
	commit_free(w.commit);
	directory_free(w.directory);
	zonestore_close(w.reader);
	zonestore_close(w.store);
	grace_barrier();
}

static int set_up(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_WARNING);
	strcpy(w.dir, "/tmp/roost-journal-XXXXXX");
	if (!mkdtemp(w.dir))
		return -1;
	snprintf(w.path, sizeof w.path, "%s/roost.db", w.dir);
	clock_fake(NOW);
	open_world();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	static const char *const ends[] = {"", "-wal", "-shm", ".lock"};
	char path[128];
	close_world();
	for (size_t i = 0; i < sizeof ends / sizeof ends[0]; i++) {
		snprintf(path, sizeof path, "%s%s", w.path, ends[i]);
		unlink(path);
	}
	return rmdir(w.dir);
}

/* ---- the test ---- */

/* What secondaries may have: the zone at serials from before. */
static struct records past[SERIALS];
static size_t pasts;

static void remember(const struct records *now)
{
	for (size_t i = 0; i < pasts; i++)
		if (past[i].serial == now->serial)
			return;
	past[pasts < SERIALS ? pasts++ : chance(SERIALS)] = *now;
}

/* After great leaps old serials look new, and come again: who has one of those is lost (RFC 1982 §3.2, §7). */
static void forget_lost(const struct records *now)
{
	for (size_t i = 0; i < pasts;)
		if (now->way - past[i].way > INT32_MAX)
			past[i] = past[--pasts];
		else
			i++;
}

/* A secondary that has past[i] asks. True if it got a difference. */
static bool follow(size_t i, struct records *now)
{
	static struct records mine;
	char when[64];
	mine = past[i];
	snprintf(when, sizeof when, "IXFR %u to %u", mine.serial, now->serial);
	switch (transfer(&stream, XFR_IXFR, mine.serial)) {
	case XFR_FORM_UPTODATE: /* nothing newer to have */
		assert_false(rr_serial_newer(now->serial, mine.serial));
		if (mine.serial == now->serial)
			check_same(&mine, now, when);
		return false;
	case XFR_FORM_FULL:
		take_whole(&mine);
		check_same(&mine, now, when);
		return false;
	default:
		apply_difference(&mine, when);
		check_same(&mine, now, when);
		return true;
	}
}

static void act(void)
{
	unsigned what = chance(100);
	uint32_t serial = serial_now();
	if (what < 90) {
		run_updates();
	} else if (what < 97) {
		replace(serial + (chance(2) ? 1 + chance(5) : 0u - chance(5)));
	} else if (what < 98) {
		remove_zone();
		pasts = 0; /* nobody can follow across that but by AXFR; a serial may even come again with other content */
		replace(chance(2) ? serial + 1 : 1);
	} else {
		close_world();
		open_world();
	}
}

static void follows_from_any_serial(void **state)
{
	(void)state;
	static struct records now;
	unsigned differences = 0;
	replace(0xfffffff0); /* it will wrap */
	for (unsigned step = 0; step < STEPS; step++) {
		uint32_t before = serial_now();
		act();
		assert_true(transfer(&stream, XFR_AXFR, 0) == XFR_FORM_FULL);
		take_whole(&now);
		assert_int_equal(now.serial, serial_now());
		now.way += (uint32_t)(now.serial - before);
		forget_lost(&now);
		for (unsigned i = 0; i < 4 && pasts; i++)
			differences += follow(chance((unsigned)pasts), &now);
		remember(&now);
	}
	assert_true(differences > STEPS / 4);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(follows_from_any_serial, set_up, tear_down),
	};
	grace_register();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	grace_unregister();
	return failed;
}
