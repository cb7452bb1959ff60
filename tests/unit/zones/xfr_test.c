/* xfr_test.c: transfers out, read back message by message: AXFR (RFC 5936 §2.2) of every kind of RRset through messages
 * of any size, IXFR (RFC 1995 §2, §4) from a journal in a real database. */
#include "zones/transfer/xfr.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/text.h"
#include "zones/memory/grace.h"
#include "zones/file/zonefile.h"

enum { LINES_MAX = 4096, LINE_MAX_OCTETS = 1024, RESERVE = 100, BIG_TXT = 300 };

/* ---- records as lines of text, lower-case: compression may change the case of names ---- */

struct lines {
	char *line[LINES_MAX];
	size_t count;
	size_t messages;
	size_t longest; /* message, octets */
	bool cased;     /* the owner wWw came with its case */
};

static void clear(struct lines *l)
{
	for (size_t i = 0; i < l->count; i++)
		free(l->line[i]);
	*l = (struct lines){.count = 0};
}

static void add_line(struct lines *l, const uint8_t *owner, uint16_t type, uint32_t ttl, const uint8_t *rdata,
		     uint16_t rdlen)
{
	char line[8 * LINE_MAX_OCTETS];
	char name[NAME_TEXT_MAX];
	char type_text[RR_TYPE_TEXT_MAX];
	char *rdata_text;

	assert_int_equal(text_rdata_to_text(type, rdata, rdlen, &rdata_text), ERR_OK);
	snprintf(line, sizeof line, "%s %u %s %s", name_to_text(owner, name), ttl, rr_type_to_text(type, type_text),
		 rdata_text);
	free(rdata_text);
	l->cased |= !strncmp(line, "wWw.", 4);
	for (char *p = line; *p; p++)
		if (*p >= 'A' && *p <= 'Z')
			*p = (char)(*p | 0x20);
	assert_true(l->count < LINES_MAX);
	l->line[l->count++] = strdup(line);
}

static int compare_lines(const void *a, const void *b)
{
	const char *const *x = a;
	const char *const *y = b;

	return strcmp(*x, *y);
}

/* ---- zones ---- */

#define HEAD                                                                          \
	"@ 60 NS ns1\n@ 60 NS ns2.elsewhere.\n@ 60 MX 10 ns1\n"                       \
	"@ 60 RRSIG SOA 13 2 60 20300101000000 20200101000000 1 home.example. AAAA\n" \
	"ns1 60 A 192.0.2.1\n"

static struct zone *zone_from_file(const char *name, int64_t id, uint32_t serial, const char *records,
				   struct lines *want)
{
	struct zone_image *img;
	struct zone *z;
	struct name apex;
	struct errmsg msg = {.text = ""};
	char *file = NULL;

	assert_true(asprintf(&file, "@ 60 IN SOA ns1 host %u 3600 600 1209600 300\n%s", serial, records) > 0);
	FILE *f = fmemopen(file, strlen(file), "r");
	assert_non_null(f);
	assert_int_equal(name_from_text(&apex, name), ERR_OK);
	if (zonefile_read(&img, apex.wire, f, "f", &msg))
		fail_msg("%s", msg.text);
	fclose(f);
	free(file);
	assert_int_equal(zone_new(&z, apex.wire, id, zonefile_image_count(img)), ERR_OK);
	for (size_t i = 0; i < zonefile_image_count(img); i++) {
		const uint8_t *owner = zonefile_image_owner(img, i);
		const struct content *c = zonefile_image_content(img, i);
		for (unsigned s = 0; want && s < c->sets; s++) {
			size_t at = 0;
			struct content_rr rr;
			while (content_next(content_block(c, &c->set[s]), (size_t)c->set[s].len + c->set[s].sig_len,
					    &at, &rr))
				add_line(want, owner, rr.type, rr.ttl, rr.rdata, rr.rdlen);
		}
		assert_int_equal(zone_load_content(z, owner, zonefile_image_take(img, i)), ERR_OK);
	}
	zonefile_image_free(img);
	return z;
}

/* ---- messages ---- */

static void take_message(struct lines *l, const uint8_t *wire, size_t len)
{
	static uint8_t octets[RDATA_MAX];
	struct message m;

	assert_int_equal(message_parse(&m, wire, len), ERR_OK);
	assert_true(m.count[SECTION_ANSWER] > 0);
	assert_int_equal(m.count[SECTION_AUTHORITY], 0);
	size_t at = m.section[SECTION_ANSWER];
	for (unsigned i = 0; i < m.count[SECTION_ANSWER]; i++) {
		struct wbuf scratch = buf_writer(octets, sizeof octets);
		struct name owner;
		struct rr rr;
		assert_int_equal(message_next_rr(&m, &at, &owner, &scratch, &rr), ERR_OK);
		assert_int_equal(rr.class, CLASS_IN);
		add_line(l, rr.owner, rr.type, rr.ttl, rr.rdata, rr.rdlen);
	}
	l->messages++;
	l->longest = len > l->longest ? len : l->longest;
}

/* One message of at most `limit` octets, of which RESERVE stay free. */
static enum err next_message(struct xfr *x, size_t limit, struct lines *l, bool *last, struct errmsg *msg)
{
	static struct writer w;
	static uint8_t wire[MESSAGE_MAX];

	writer_start(&w, wire, limit, 1, FLAG_QR | FLAG_AA);
	if (l->messages == 0)
		assert_true(writer_question(&w, (const uint8_t *)"\4HOME\7example", TYPE_AXFR, CLASS_IN));
	writer_reserve(&w, RESERVE);
	*last = false;
	enum err e = xfr_next(x, &w, last, msg);
	if (e)
		return e;
	assert_int_equal(w.reserve, RESERVE);
	size_t len = writer_finish(&w);
	assert_true(len <= limit - RESERVE);
	take_message(l, wire, len);
	return ERR_OK;
}

static enum err receive(struct xfr *x, size_t limit, struct lines *l, struct errmsg *msg)
{
	bool last = false;
	enum err e = ERR_OK;

	while (!e && !last) {
		e = next_message(x, limit, l, &last, msg);
		grace_quiescent();
	}
	if (!e)
		assert_int_equal(xfr_records(x), l->count);
	return e;
}

static void expect(const struct lines *got, const char *const *want)
{
	for (size_t i = 0; i < got->count || want[i]; i++) {
		if (i == got->count)
			fail_msg("the transfer ends where \"%s\" should come", want[i]);
		if (!want[i])
			fail_msg("\"%s\" after the end", got->line[i]);
		assert_string_equal(got->line[i], want[i]);
	}
}

/* ---- AXFR ---- */

static void check_full(struct zone *z, struct zonestore *store, enum xfr_kind kind, size_t limit, struct lines *want)
{
	struct xfr *x;
	struct errmsg msg = {.text = ""};
	struct lines got = {.count = 0};

	assert_int_equal(xfr_open(&x, z, store, kind, 1, &msg), ERR_OK);
	assert_int_equal(xfr_form(x), XFR_FORM_FULL);
	if (receive(x, limit, &got, &msg))
		fail_msg("%s", msg.text);
	xfr_close(x);
	assert_true(got.count >= 2);
	assert_non_null(strstr(got.line[0], " soa "));
	assert_string_equal(got.line[0], got.line[--got.count]);
	free(got.line[got.count]);
	qsort(got.line, got.count, sizeof got.line[0], compare_lines);
	qsort(want->line, want->count, sizeof want->line[0], compare_lines);
	assert_int_equal(got.count, want->count);
	for (size_t i = 0; i < got.count; i++)
		assert_string_equal(got.line[i], want->line[i]);
	assert_int_equal(got.cased, want->cased);
	clear(&got);
}

/* Every kind of RRset, more than a message of records at one name, and names of any depth and case. */
static char *rich_records(void)
{
	char *text = NULL;
	size_t len;
	FILE *f = open_memstream(&text, &len);

	assert_non_null(f);
	fputs(HEAD "wWw 5 A 192.0.2.7\nwWw 5 AAAA 2001:db8::7\nwWw 5 TXT wWw\n"
		   "deep.empty.non.terminal 5 CNAME wWw\n*.wild 5 PTR a.b.c\nsub 5 NS ns.sub\nns.sub 5 A 192.0.2.9\n"
		   "signed 5 A 192.0.2.3\nsigned 5 A 192.0.2.4\nsigned 5 NSEC t A RRSIG NSEC\n"
		   "signed 5 RRSIG A 13 3 5 20300101000000 20200101000000 1 home.example. AAAA\n"
		   "signed 5 RRSIG A 8 3 5 20300101000000 20200101000000 2 home.example. AAAABBBB\n"
		   "signed 5 RRSIG NSEC 13 3 5 20300101000000 20200101000000 1 home.example. AAAA\n"
		   "srv 5 SRV 1 2 3 ns1\nsrv 5 DNAME x.y.\nd 5 TYPE65280 \\# 0\n",
	      f);
	for (unsigned i = 0; i < 200; i++) {
		fprintf(f, "many 5 A 198.51.%u.%u\nmx 5 MX %u m%u.many\n", i / 256, i % 256, i, i);
		fprintf(f, "h%u 5 A 203.0.113.%u\nh%u 5 AAAA 2001:db8::%x\nh%u.t%u 5 TXT \"%0150u\" x\n", i, i, i,
			i + 1, i, i % 7, i);
	}
	fclose(f);
	return text;
}

static void axfr_sends_every_record_once(void **state)
{
	static const size_t limits[] = {RESERVE + 500, RESERVE + 512, RESERVE + 1000, 4096, 16384, 20000, MESSAGE_MAX};
	char *records = rich_records();
	struct lines want = {.count = 0};

	(void)state;
	struct zone *z = zone_from_file("home.example.", 0, 1, records, &want);
	for (size_t i = 0; i < sizeof limits / sizeof limits[0]; i++) {
		check_full(z, NULL, XFR_AXFR, limits[i], &want);
		grace_quiescent();
	}
	clear(&want);
	zone_release(z);
	free(records);
}

static void axfr_of_the_root_zone(void **state)
{
	struct lines want = {.count = 0};

	(void)state;
	struct zone *z = zone_from_file(
		".", 0, 1, "@ 60 NS a.\n@ 60 NS b.\n@ 60 TXT x y\n@ 60 A 192.0.2.1\na 60 A 192.0.2.1\n", &want);
	check_full(z, NULL, XFR_AXFR, 4096, &want);
	clear(&want);
	zone_release(z);
}

static void messages_are_as_long_as_pointers_reach(void **state)
{
	struct xfr *x;
	struct errmsg msg = {.text = ""};
	struct lines got = {.count = 0};
	char *records = NULL;
	size_t len;
	bool last;

	(void)state;
	FILE *f = open_memstream(&records, &len);
	fputs(HEAD, f);
	for (unsigned i = 0; i < 2000; i++)
		fprintf(f, "h%u 5 A 192.0.2.1\nh%u 5 AAAA 2001:db8::1\n", i, i);
	fclose(f);
	struct zone *z = zone_from_file("home.example.", 0, 1, records, NULL);
	assert_int_equal(xfr_open(&x, z, NULL, XFR_AXFR, 0, &msg), ERR_OK);
	assert_int_equal(next_message(x, MESSAGE_MAX, &got, &last, &msg), ERR_OK);
	assert_false(last);
	assert_in_range(got.longest, 0x3fff - 40, 0x3fff);
	clear(&got);
	xfr_close(x);
	zone_release(z);
	free(records);
}

/* A record that no short message can hold has a message of its own, if the caller's limit allows one. */
static void large_records(void **state)
{
	struct xfr *x;
	struct errmsg msg = {.text = ""};
	struct lines got = {.count = 0};
	char *records = NULL;
	size_t len;

	(void)state;
	FILE *f = open_memstream(&records, &len);
	fputs(HEAD "a 5 A 192.0.2.1\nbig 5 TXT", f);
	for (unsigned i = 0; i < BIG_TXT * 100; i += 100)
		fputs(" xxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxxx"
		      "xxxx",
		      f);
	fputs("\nbig 5 AAAA ::1\nbigger 5 A 192.0.2.2\n", f);
	fclose(f);
	struct zone *z = zone_from_file("home.example.", 0, 1, records, NULL);
	free(records);

	assert_int_equal(xfr_open(&x, z, NULL, XFR_AXFR, 0, &msg), ERR_OK);
	struct writer *w = calloc(1, sizeof *w);
	uint8_t *wire = malloc(MESSAGE_MAX);
	bool last = false;
	size_t longest = 0;
	while (!last) {
		writer_start(w, wire, MESSAGE_MAX, 1, FLAG_QR);
		assert_int_equal(xfr_next(x, w, &last, &msg), ERR_OK);
		size_t octets = writer_finish(w);
		longest = octets > longest ? octets : longest;
	}
	assert_true(longest > BIG_TXT * 100);
	assert_int_equal(xfr_records(x), 5 + 4 + 2);
	xfr_close(x);
	free(wire);
	free(w);

	assert_int_equal(xfr_open(&x, z, NULL, XFR_AXFR, 0, &msg), ERR_OK);
	enum err e = ERR_OK;
	for (last = false; !e && !last;)
		e = next_message(x, 4096, &got, &last, &msg);
	assert_int_equal(e, ERR_NOSPACE);
	assert_string_equal(msg.text, "a record does not fit a message of 3996 octets");
	clear(&got);
	xfr_close(x);
	zone_release(z);
}

static void a_zone_without_content_is_not_sent(void **state)
{
	static const uint8_t apex[] = "\4home\7example";
	struct xfr *x;
	struct zone *z;
	struct errmsg msg = {.text = ""};

	(void)state;
	assert_int_equal(zone_new(&z, apex, 0, 1), ERR_OK);
	assert_int_equal(xfr_open(&x, z, NULL, XFR_AXFR, 0, &msg), ERR_NOTFOUND);
	assert_null(x);
	assert_string_equal(msg.text, "the zone has no content yet");
	zone_release(z);
}

/* ---- IXFR ---- */

struct journal {
	char dir[64], path[96];
	struct zonestore *write, *read;
	struct zonestore_zone zone;
};

static const char *const database_files[] = {"", "-wal", "-shm", ".lock"};

static int open_journal(void **state)
{
	struct journal *j = calloc(1, sizeof *j);
	struct errmsg msg = {.text = ""};

	if (!j)
		return -1;
	strcpy(j->dir, "/tmp/roost-xfr-XXXXXX");
	if (!mkdtemp(j->dir))
		return -1;
	snprintf(j->path, sizeof j->path, "%s/roost.db", j->dir);
	if (zonestore_open(&j->write, j->path, SQLSTORE_CREATE, &msg) ||
	    zonestore_open(&j->read, j->path, SQLSTORE_READ, &msg)) {
		print_error("%s\n", msg.text);
		return -1;
	}
	j->zone = (struct zonestore_zone){.role = ZONE_PRIMARY, .policy = SERIAL_INCREMENT};
	if (name_from_text(&j->zone.name, "home.example.") || sqlstore_begin(zonestore_sql(j->write), &msg) ||
	    zonestore_add_zone(j->write, &j->zone, &msg) || sqlstore_commit(zonestore_sql(j->write), &msg)) {
		print_error("%s\n", msg.text);
		return -1;
	}
	*state = j;
	return 0;
}

static int close_journal(void **state)
{
	struct journal *j = *state;
	char path[128];

	zonestore_close(j->read);
	zonestore_close(j->write);
	for (size_t i = 0; i < sizeof database_files / sizeof database_files[0]; i++) {
		snprintf(path, sizeof path, "%s%s", j->path, database_files[i]);
		unlink(path);
	}
	rmdir(j->dir);
	free(j);
	return 0;
}

static void soa_rdata(uint32_t serial, struct wbuf *out)
{
	static const uint8_t origin[] = "\4home\7example";
	struct errmsg msg = {.text = ""};
	char text[128];

	snprintf(text, sizeof text, "ns1 host %u 3600 600 1209600 300", serial);
	assert_int_equal(text_rdata_from_text(TYPE_SOA, text, origin, out, &msg), ERR_OK);
}

/* Journals a step. rows: "-owner A address" and "+owner A address", deletions first, ended by NULL. */
static void add_step(struct journal *j, uint32_t from, uint32_t to, bool full, const char *const *rows)
{
	uint8_t before[128], after[128];
	struct wbuf soa_from = buf_writer(before, sizeof before), soa_to = buf_writer(after, sizeof after);
	struct errmsg msg = {.text = ""};

	soa_rdata(from, &soa_from);
	soa_rdata(to, &soa_to);
	struct zonestore_version v = {.zone = j->zone.id,
				      .has_from = true,
				      .from = from,
				      .to = to,
				      .time = 1,
				      .full = full,
				      .soa_from = before,
				      .soa_from_len = (uint16_t)soa_from.len,
				      .soa_from_ttl = 60,
				      .soa_to = after,
				      .soa_to_len = (uint16_t)soa_to.len,
				      .soa_to_ttl = 60};
	assert_int_equal(sqlstore_begin(zonestore_sql(j->write), &msg), ERR_OK);
	const struct zonestore_change c = {.time = 1};
	if (zonestore_begin_version(j->write, &v, &c, &msg))
		fail_msg("%s", msg.text);
	for (uint32_t seq = 0; rows && rows[seq]; seq++) {
		char owner_text[64], address_text[64];
		uint8_t address[16];
		struct name owner;
		assert_int_equal(sscanf(rows[seq] + 1, "%63s A %63s", owner_text, address_text), 2);
		assert_int_equal(name_from_text(&owner, owner_text), ERR_OK);
		struct wbuf rdata = buf_writer(address, sizeof address);
		assert_int_equal(text_rdata_from_text(TYPE_A, address_text, owner.wire, &rdata, &msg), ERR_OK);
		struct content_rr rr = {.type = TYPE_A, .ttl = 5, .rdlen = (uint16_t)rdata.len, .rdata = address};
		if (zonestore_add_change_rr(j->write, rows[seq][0] == '+', owner.wire, &rr, &msg))
			fail_msg("%s", msg.text);
	}
	if (zonestore_end_version(j->write, &msg))
		fail_msg("%s", msg.text);
	assert_int_equal(sqlstore_commit(zonestore_sql(j->write), &msg), ERR_OK);
}

#define SOA_LINE(serial) "home.example. 60 soa ns1.home.example. host.home.example. " #serial " 3600 600 1209600 300"

static const char *const step_1[] = {"-a.home.example A 192.0.2.1", "-b.home.example A 192.0.2.1",
				     "+a.home.example A 192.0.2.2", NULL};
static const char *const step_2[] = {"-a.home.example A 192.0.2.2", NULL};
static const char *const step_3[] = {"+A.home.example A 192.0.2.3", "+c.home.example A 192.0.2.3", NULL};

static const char *const delta_1_to_5[] = {SOA_LINE(5),
					   SOA_LINE(1),
					   "a.home.example. 5 a 192.0.2.1",
					   "b.home.example. 5 a 192.0.2.1",
					   SOA_LINE(2),
					   "a.home.example. 5 a 192.0.2.2",
					   SOA_LINE(2),
					   "a.home.example. 5 a 192.0.2.2",
					   SOA_LINE(3),
					   SOA_LINE(3),
					   SOA_LINE(4),
					   "a.home.example. 5 a 192.0.2.3",
					   "c.home.example. 5 a 192.0.2.3",
					   SOA_LINE(4),
					   SOA_LINE(5), /* nothing but the SOA changed */
					   SOA_LINE(5),
					   NULL};

static const char *const delta_4_to_5[] = {SOA_LINE(5), SOA_LINE(4), SOA_LINE(5), SOA_LINE(5), NULL};

static void fill_journal(struct journal *j)
{
	add_step(j, 1, 2, false, step_1);
	add_step(j, 2, 3, false, step_2);
	add_step(j, 3, 4, false, step_3);
	add_step(j, 4, 5, false, NULL);
}

static struct zone *served(struct journal *j, uint32_t serial)
{
	return zone_from_file("home.example.", j->zone.id, serial, HEAD "A 5 A 192.0.2.3\nc 5 A 192.0.2.3\n", NULL);
}

static void check_delta(struct journal *j, struct zone *z, uint32_t client, size_t limit, const char *const *want)
{
	struct xfr *x;
	struct errmsg msg = {.text = ""};
	struct lines got = {.count = 0};

	assert_int_equal(xfr_open(&x, z, j->read, XFR_IXFR, client, &msg), ERR_OK);
	assert_int_equal(xfr_form(x), XFR_FORM_DELTA);
	if (receive(x, limit, &got, &msg))
		fail_msg("%s", msg.text);
	expect(&got, want);
	if (limit < 4096)
		assert_true(got.messages > 1);
	clear(&got);
	xfr_close(x);
}

static enum xfr_form form_of(struct journal *j, struct zone *z, enum xfr_kind kind, uint32_t client)
{
	struct xfr *x;
	struct errmsg msg = {.text = ""};

	assert_int_equal(xfr_open(&x, z, j ? j->read : NULL, kind, client, &msg), ERR_OK);
	enum xfr_form form = xfr_form(x);
	struct zone_view view = zone_view(z);
	assert_int_equal(xfr_serial(x), zone_serial(&view));
	xfr_close(x);
	return form;
}

static void ixfr_sends_the_versions(void **state)
{
	struct journal *j = *state;

	fill_journal(j);
	struct zone *z = served(j, 5);
	check_delta(j, z, 1, MESSAGE_MAX, delta_1_to_5);
	for (size_t limit = RESERVE + 110; limit < RESERVE + 400; limit += 7)
		check_delta(j, z, 1, limit, delta_1_to_5);
	check_delta(j, z, 4, 4096, delta_4_to_5);
	zone_release(z);
}

static void ixfr_that_is_up_to_date_is_one_soa(void **state)
{
	static const char *const want[] = {SOA_LINE(5), NULL};
	struct journal *j = *state;
	struct xfr *x;
	struct errmsg msg = {.text = ""};
	struct lines got = {.count = 0};

	fill_journal(j);
	struct zone *z = served(j, 5);
	assert_int_equal(xfr_open(&x, z, j->read, XFR_IXFR, 5, &msg), ERR_OK);
	assert_int_equal(xfr_form(x), XFR_FORM_UPTODATE);
	assert_int_equal(receive(x, 4096, &got, &msg), ERR_OK);
	expect(&got, want);
	clear(&got);
	xfr_close(x);
	/* Newer than ours, by RFC 1982 too. */
	assert_int_equal(form_of(j, z, XFR_IXFR, 6), XFR_FORM_UPTODATE);
	assert_int_equal(form_of(NULL, z, XFR_IXFR, UINT32_C(0x80000004)), XFR_FORM_UPTODATE);
	assert_int_equal(form_of(NULL, z, XFR_IXFR, UINT32_C(0x80000006)), XFR_FORM_FULL);
	assert_int_equal(form_of(NULL, z, XFR_IXFR, UINT32_C(0x80000005)), XFR_FORM_FULL); /* order undefined */
	zone_release(z);
}

static void ixfr_falls_back_to_the_whole_zone(void **state)
{
	struct journal *j = *state;
	struct lines want = {.count = 0};

	add_step(j, 0, 1, true, NULL);
	fill_journal(j);
	struct zone *z = served(j, 5);
	assert_int_equal(form_of(j, z, XFR_AXFR, 1), XFR_FORM_FULL);
	assert_int_equal(form_of(NULL, z, XFR_IXFR, 1), XFR_FORM_FULL);
	assert_int_equal(form_of(j, z, XFR_IXFR, 0), XFR_FORM_FULL);          /* before a full version */
	assert_int_equal(form_of(j, z, XFR_IXFR, 4000000000), XFR_FORM_FULL); /* never seen */
	zone_release(z);

	/* Six rows against a zone of five records. */
	z = zone_from_file("home.example.", j->zone.id, 5,
			   "@ 60 NS ns1\nns1 60 A 192.0.2.1\nA 5 A 192.0.2.3\nc 5 A 192.0.2.3\n", &want);
	assert_int_equal(form_of(j, z, XFR_IXFR, 2), XFR_FORM_DELTA);
	check_full(z, j->read, XFR_IXFR, 4096, &want);
	clear(&want);
	zone_release(z);
}

/* COMMIT comes before memory is published. */
static void ixfr_ends_at_the_served_version(void **state)
{
	static const char *const want[] = {SOA_LINE(3), SOA_LINE(2), "a.home.example. 5 a 192.0.2.2",
					   SOA_LINE(3), SOA_LINE(3), NULL};
	struct journal *j = *state;

	fill_journal(j);
	struct zone *z = served(j, 3);
	check_delta(j, z, 2, MESSAGE_MAX, want);
	assert_int_equal(form_of(j, z, XFR_IXFR, 3), XFR_FORM_UPTODATE);
	assert_int_equal(form_of(j, z, XFR_IXFR, 4), XFR_FORM_UPTODATE);
	zone_release(z);
}

static void ixfr_is_not_changed_by_later_versions(void **state)
{
	static const char *const later[] = {"+z.home.example A 192.0.2.9", NULL};
	struct journal *j = *state;
	struct xfr *x;
	struct errmsg msg = {.text = ""};
	struct lines got = {.count = 0};
	bool last = false;

	fill_journal(j);
	struct zone *z = served(j, 5);
	assert_int_equal(xfr_open(&x, z, j->read, XFR_IXFR, 1, &msg), ERR_OK);
	for (uint32_t serial = 5; !last; serial++) {
		if (next_message(x, RESERVE + 110, &got, &last, &msg))
			fail_msg("%s", msg.text);
		add_step(j, serial, serial + 1, false, later);
	}
	expect(&got, delta_1_to_5);
	clear(&got);
	xfr_close(x);
	zone_release(z);
}

static void ixfr_ends_when_the_journal_goes(void **state)
{
	struct journal *j = *state;
	struct xfr *x;
	struct errmsg msg = {.text = ""};
	struct lines got = {.count = 0};
	bool last;

	fill_journal(j);
	struct zone *z = served(j, 5);
	assert_int_equal(xfr_open(&x, z, j->read, XFR_IXFR, 1, &msg), ERR_OK);
	assert_int_equal(next_message(x, RESERVE + 110, &got, &last, &msg), ERR_OK);
	assert_false(last);
	assert_int_equal(sqlstore_begin(zonestore_sql(j->write), &msg), ERR_OK);
	assert_int_equal(zonestore_remove_zone(j->write, j->zone.id, &msg), ERR_OK);
	assert_int_equal(sqlstore_commit(zonestore_sql(j->write), &msg), ERR_OK);
	assert_int_equal(receive(x, 4096, &got, &msg), ERR_CORRUPT);
	assert_string_equal(
		msg.text,
		"the journal has no version that starts from serial 1 any more: trimmed, or the zone is gone");
	clear(&got);
	xfr_close(x);
	zone_release(z);
}

/* More rows than a page, and counting them (powers of two and their neighbours). */
static void ixfr_of_many_rows(void **state)
{
	static const unsigned counts[] = {1, 2, 3, 4, 5, 7, 8, 9, 31, 32, 33, 500};
	struct journal *j = *state;
	static char row[500][64];
	static const char *rows[501];

	for (unsigned c = 0; c < sizeof counts / sizeof counts[0]; c++) {
		char *records = NULL;
		size_t len;
		struct errmsg msg = {.text = ""};
		struct lines got = {.count = 0};
		struct xfr *x;
		FILE *f = open_memstream(&records, &len);
		fputs("@ 60 NS ns.elsewhere.\n", f);
		for (unsigned i = 0; i < counts[c]; i++) {
			snprintf(row[i], sizeof row[i], "+h%u.home.example A 192.0.2.%u", i, i % 256);
			rows[i] = row[i];
			if (i + 2 < counts[c])
				fprintf(f, "h%u 5 A 192.0.2.%u\n", i, i % 256);
		}
		rows[counts[c]] = NULL;
		fclose(f);
		add_step(j, c + 1, c + 2, false, rows);
		/* Just as many records as rows, if there are two or more. */
		struct zone *z = zone_from_file("home.example.", j->zone.id, c + 2, records, NULL);
		assert_int_equal(form_of(j, z, XFR_IXFR, c + 1), XFR_FORM_DELTA);
		assert_int_equal(xfr_open(&x, z, j->read, XFR_IXFR, c + 1, &msg), ERR_OK);
		assert_int_equal(receive(x, RESERVE + 600, &got, &msg), ERR_OK);
		assert_int_equal(got.count, counts[c] + 4);
		clear(&got);
		xfr_close(x);
		if (c > 0 && counts[c] > 2) /* with the rows of the version before there are more */
			assert_int_equal(form_of(j, z, XFR_IXFR, c), XFR_FORM_FULL);
		zone_release(z);
		free(records);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(axfr_sends_every_record_once),
		cmocka_unit_test(axfr_of_the_root_zone),
		cmocka_unit_test(messages_are_as_long_as_pointers_reach),
		cmocka_unit_test(large_records),
		cmocka_unit_test(a_zone_without_content_is_not_sent),
		cmocka_unit_test_setup_teardown(ixfr_sends_the_versions, open_journal, close_journal),
		cmocka_unit_test_setup_teardown(ixfr_that_is_up_to_date_is_one_soa, open_journal, close_journal),
		cmocka_unit_test_setup_teardown(ixfr_falls_back_to_the_whole_zone, open_journal, close_journal),
		cmocka_unit_test_setup_teardown(ixfr_ends_at_the_served_version, open_journal, close_journal),
		cmocka_unit_test_setup_teardown(ixfr_is_not_changed_by_later_versions, open_journal, close_journal),
		cmocka_unit_test_setup_teardown(ixfr_ends_when_the_journal_goes, open_journal, close_journal),
		cmocka_unit_test_setup_teardown(ixfr_of_many_rows, open_journal, close_journal),
	};

	if (qname_seed())
		return 1;
	grace_register();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	grace_offline();
	grace_barrier();
	grace_online();
	grace_unregister();
	return failed;
}
