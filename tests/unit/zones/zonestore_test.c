/* zonestore_test.c: zones, records and history go into the database and come back the same; rows that make no sense
 * are named. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include <cmocka.h>

#include "zones/memory/grace.h"
#include "zones/store/zonestore.h"

static char dir[64], path[96];
static struct zonestore *store;
static struct errmsg msg;
static struct content_maker *maker;

static void ok(enum err err)
{
	if (err != ERR_OK)
		fail_msg("%s: %s", err_text(err), msg.text);
}

static struct name name_of(const char *text)
{
	struct name n;
	ok(name_from_text(&n, text));
	return n;
}

static sqlite3 *handle(void)
{
	return sqlstore_handle(zonestore_sql(store));
}

static void exec(const char *sql)
{
	if (sqlite3_exec(handle(), sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(handle()));
}

static int64_t ask(const char *sql)
{
	sqlite3_stmt *stmt;
	if (sqlite3_prepare_v2(handle(), sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(handle()));
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	int64_t n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return n;
}

static int set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/zonestore_test.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/roost.db", dir);
	msg = (struct errmsg){.text = ""};
	if (zonestore_open(&store, path, SQLSTORE_CREATE, &msg) != ERR_OK)
		return -1;
	return content_maker_new(&maker) == ERR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
	content_maker_free(maker);
	zonestore_close(store);
	for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
		char file[128];
		snprintf(file, sizeof file, "%s%s", path, suffixes[i]);
		unlink(file);
	}
	return rmdir(dir);
}

/* ---- making things ---- */

static struct zonestore_zone add_zone(const char *text)
{
	struct zonestore_zone z = {.name = name_of(text), .role = ZONE_PRIMARY, .policy = SERIAL_INCREMENT};
	ok(zonestore_add_zone(store, &z, &msg));
	return z;
}

static void give(uint16_t type, uint32_t ttl, const void *rdata, uint16_t len)
{
	ok(content_maker_add(maker, type, ttl, rdata, len));
}

static void give_a(uint8_t last)
{
	const uint8_t a[4] = {192, 0, 2, last};
	give(TYPE_A, 300, a, 4);
}

static void give_sig(uint16_t covers, uint8_t last)
{
	/* type covered, algorithm, labels, TTL, expiration, inception, tag, signer root, signature */
	uint8_t sig[20] = {0, 0, 13, 3, 0, 0, 1, 44, 1, 1, 1, 1, 1, 1, 1, 1, 1, 1, 0, last};
	buf_store_u16(sig, covers);
	give(TYPE_RRSIG, 300, sig, sizeof sig);
}

static void give_soa(uint32_t serial)
{
	uint8_t soa[22] = {0, 0};
	rr_soa_set_serial(soa, sizeof soa, serial);
	give(TYPE_SOA, 3600, soa, sizeof soa);
}

static struct content *finish(const char *owner)
{
	struct content *c;
	struct name n = name_of(owner);
	ok(content_maker_finish(maker, n.wire, &c));
	return c;
}

static void put(int64_t zone, const char *owner, const struct content *before, const struct content *after,
		int64_t change)
{
	struct name n = name_of(owner);
	ok(zonestore_put_name(store, zone, n.wire, before, after, change, &msg));
}

static struct zone *load(const struct zonestore_zone *row)
{
	struct zone *z;
	ok(zonestore_load(store, row, &z, &msg));
	return z;
}

static enum err no_difference(void *arg, bool add, const struct content_rr *rr)
{
	(void)arg;
	fail_msg("%s type %u", add ? "too much:" : "missing:", rr->type);
	return ERR_OK;
}

/* What the zone has at the name is exactly c. */
static void expect(const struct zone *z, const char *owner, const struct content *c)
{
	struct name n = name_of(owner);
	struct zone_view v = zone_view(z);
	const struct content *got = zone_find_name(&v, n.wire, NULL);
	ok(content_diff(c, got, no_difference, NULL));
	if (!c)
		return;
	const uint8_t *a = content_owner_cased(c), *b = content_owner_cased(got);
	assert_int_equal(a != NULL, b != NULL);
	if (a)
		assert_memory_equal(a, b, name_len(a));
}

/* ---- zones ---- */

static void keeps_zones(void **state)
{
	(void)state;
	struct zonestore_zone z = {.name = name_of("Home.Example"),
				   .role = ZONE_SECONDARY,
				   .policy = SERIAL_DATED,
				   .has_serial = true,
				   .serial = UINT32_MAX,
				   .changed = 1772366400123};
	struct zonestore_zone got;
	struct name name = name_of("HOME.example"), nope = name_of("nope.example"), root = name_of(".");
	ok(zonestore_add_zone(store, &z, &msg));
	assert_true(z.id > 0);
	assert_int_equal(zonestore_add_zone(store, &z, &msg), ERR_EXISTS);
	assert_non_null(strstr(msg.text, "home.example."));
	ok(zonestore_find_zone(store, name.wire, &got, &msg));
	name = name_of("home.example");
	assert_memory_equal(got.name.wire, name.wire, name.len);
	assert_true(got.id == z.id && got.role == ZONE_SECONDARY && got.policy == SERIAL_DATED);
	assert_true(got.has_serial && got.serial == UINT32_MAX && got.changed == 1772366400123);
	assert_int_equal(zonestore_find_zone(store, nope.wire, &got, &msg), ERR_NOTFOUND);
	assert_non_null(strstr(msg.text, "nope.example."));

	add_zone(".");
	ok(zonestore_find_zone(store, root.wire, &got, &msg));
	assert_false(got.has_serial);
	struct zone *empty = load(&got); /* no content yet is no fault */
	zone_release(empty);
}

static enum err find_in_walk(void *arg, const struct zonestore_zone *z)
{
	struct zonestore_zone again;
	struct errmsg why = {.text = ""};
	++*(unsigned *)arg;
	assert_int_equal(zonestore_find_zone(store, z->name.wire, &again, &why), ERR_OK);
	return again.id == z->id ? ERR_OK : ERR_CORRUPT;
}

static enum err stop(void *arg, const struct zonestore_zone *z)
{
	(void)z;
	++*(unsigned *)arg;
	return ERR_BUSY;
}

static void walks_zones(void **state)
{
	(void)state;
	unsigned n = 0;
	add_zone("a.example");
	add_zone("b.example");
	ok(zonestore_each_zone(store, find_in_walk, &n, &msg));
	assert_int_equal(n, 2);
	assert_int_equal(zonestore_each_zone(store, stop, &n, &msg), ERR_BUSY);
	assert_int_equal(n, 3);
	ok(zonestore_each_zone(store, find_in_walk, &n, &msg));
	assert_int_equal(n, 5);
}

static void opens_as_it_was_left(void **state)
{
	(void)state;
	struct stat st;
	struct zonestore *reader;
	struct name name = name_of("home.example");
	struct zonestore_zone got;
	add_zone("home.example");
	assert_int_equal(stat(path, &st), 0);
	assert_int_equal(st.st_mode & 0777, 0600); /* it holds secrets */
	ok(zonestore_open(&reader, path, SQLSTORE_READ, &msg));
	ok(zonestore_find_zone(reader, name.wire, &got, &msg));
	zonestore_close(reader);
	assert_int_equal(zonestore_open(&reader, path, SQLSTORE_WRITE, &msg), ERR_BUSY);
	zonestore_close(store);
	ok(zonestore_open(&store, path, SQLSTORE_WRITE, &msg));
	ok(zonestore_find_zone(store, name.wire, &got, &msg));
	assert_int_equal(ask("SELECT count(*) FROM pragma_foreign_key_check"), 0);
}

/* ---- records ---- */

static void keeps_records(void **state)
{
	(void)state;
	struct zonestore_zone z = add_zone("home.example");
	const uint8_t mx[] = {0, 10, 4, 'M', 'a', 'i', 'l', 0}, txt[] = {1, 'x'};
	give_soa(1);
	struct content *apex = finish("home.example");
	for (uint8_t i = 0; i < 20; i++)
		give_a(i);
	give(TYPE_MX, 60, mx, sizeof mx);
	give(TYPE_TXT, 0, txt, sizeof txt);
	give(65280, 1, "", 0); /* opaque and empty */
	give_sig(TYPE_A, 1);
	give_sig(TYPE_A, 2);
	give_sig(TYPE_NSEC, 3); /* of a type that is not there */
	struct content *www = finish("WWW.home.Example");
	give_a(1);
	struct content *deep = finish("*.a.b.c.home.example");
	put(z.id, "home.example", NULL, apex, 1);
	put(z.id, "WWW.home.Example", NULL, www, 1);
	put(z.id, "*.a.b.c.home.example", NULL, deep, 1);
	assert_int_equal(ask("SELECT count(*) FROM rrset"), 8);

	struct zone *zone = load(&z);
	expect(zone, "home.example", apex);
	expect(zone, "www.home.example", www);
	expect(zone, "*.a.b.c.home.example", deep);
	expect(zone, "b.home.example", NULL);
	assert_true(zone_id(zone) == z.id);
	zone_release(zone);
	content_free(apex);
	content_free(www);
	content_free(deep);
}

/* Which rows an update touches, seen by the change they carry. */
static void touches_only_what_differs(void **state)
{
	(void)state;
	struct zonestore_zone z = add_zone("home.example");
	const uint8_t txt[] = {1, 'x'}, other[] = {1, 'y'};
	give_a(1);
	give(TYPE_TXT, 60, txt, sizeof txt);
	give_sig(TYPE_A, 1);
	struct content *first = finish("www.home.example");
	give_a(2);                                           /* other A */
	give(TYPE_TXT, 60, txt, sizeof txt);                 /* the same */
	give(TYPE_SPF, 60, other, sizeof other);             /* new */
	struct content *second = finish("www.home.example"); /* the signature is gone */
	put(z.id, "www.home.example", NULL, first, 1);
	assert_int_equal(ask("SELECT count(*) FROM rrset WHERE change = 1"), 3);
	put(z.id, "www.home.example", first, second, 2);
	assert_int_equal(ask("SELECT change FROM rrset WHERE type = 1"), 2);
	assert_int_equal(ask("SELECT change FROM rrset WHERE type = 16"), 1);
	assert_int_equal(ask("SELECT change FROM rrset WHERE type = 99"), 2);
	assert_int_equal(ask("SELECT count(*) FROM rrset WHERE type = 46"), 0);
	put(z.id, "www.home.example", second, second, 3);
	assert_int_equal(ask("SELECT max(change) FROM rrset"), 2);
	/* In memory a name that is gone is NULL or an empty block. */
	struct content *gone;
	ok(content_empty(true, &gone));
	put(z.id, "www.home.example", second, gone, 4);
	assert_int_equal(ask("SELECT count(*) FROM rrset"), 0);
	put(z.id, "www.home.example", gone, first, 5);
	assert_int_equal(ask("SELECT count(*) FROM rrset"), 3);
	put(z.id, "www.home.example", first, NULL, 6);
	assert_int_equal(ask("SELECT count(*) FROM rrset"), 0);
	content_free(first);
	content_free(second);
	content_free(gone);
}

/* A new spelling is stored also where the records are the same. */
static void keeps_the_spelling(void **state)
{
	(void)state;
	struct zonestore_zone z = add_zone("home.example");
	give_a(1);
	struct content *lower = finish("nas.home.example");
	give_a(1);
	struct content *upper = finish("NAS.home.example");
	put(z.id, "NAS.home.example", NULL, lower, 1); /* memory's spelling counts */
	assert_int_equal(ask("SELECT count(*) FROM rrset WHERE name = 'nas.home.example.'"), 1);
	put(z.id, "nas.home.example", lower, upper, 2);
	assert_int_equal(ask("SELECT count(*) FROM rrset WHERE name = 'NAS.home.example.' AND change = 2"), 1);
	struct zone *zone = load(&z);
	expect(zone, "nas.home.example", upper);
	zone_release(zone);
	content_free(lower);
	content_free(upper);
}

static void notices_foreign_writes(void **state)
{
	(void)state;
	struct zonestore_zone z = add_zone("home.example");
	struct name n = name_of("www.home.example");
	give_a(1);
	struct content *first = finish("www.home.example");
	give_a(2);
	struct content *second = finish("www.home.example");
	assert_int_equal(zonestore_put_name(store, z.id, n.wire, first, second, 1, &msg), ERR_CORRUPT);
	assert_non_null(strstr(msg.text, "www.home.example. A"));
	assert_int_equal(zonestore_put_name(store, z.id, n.wire, first, NULL, 1, &msg), ERR_CORRUPT);
	put(z.id, "www.home.example", NULL, first, 1);
	assert_int_equal(zonestore_put_name(store, z.id, n.wire, NULL, second, 1, &msg), ERR_CORRUPT);
	assert_int_equal(zonestore_put_name(store, z.id + 1, n.wire, NULL, second, 1, &msg), ERR_NOTFOUND);
	content_free(first);
	content_free(second);
}

struct listing {
	char text[1024];
	size_t len;
};

static enum err list_rr(void *arg, const struct zonestore_rr *rr)
{
	struct listing *l = arg;
	char name[NAME_TEXT_MAX], type[RR_TYPE_TEXT_MAX];
	l->len += (size_t)snprintf(l->text + l->len, sizeof l->text - l->len, "%s %s;", name_to_text(rr->owner, name),
				   rr_type_to_text(rr->rr.type, type));
	return ERR_OK;
}

static enum err stop_rr(void *arg, const struct zonestore_rr *rr)
{
	(void)arg;
	(void)rr;
	return ERR_BUSY;
}

static void put_one(int64_t zone, const char *owner)
{
	give_a(1);
	give_a(2);
	struct content *c = finish(owner);
	put(zone, owner, NULL, c, 1);
	content_free(c);
}

/* RFC 4034 §6.1's example of canonical order, as far as it is in one zone. */
static void lists_in_canonical_order(void **state)
{
	(void)state;
	struct zonestore_zone z = add_zone("example"), other = add_zone("other");
	struct listing l = {.len = 0};
	static const char *const names[] = {"*.z.example",     "yljkjljk.a.example", "\\200.z.example",
					    "Z.a.example",     "zABC.a.EXAMPLE",     "example",
					    "\\001.z.example", "z.example",          "a.example"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		put_one(z.id, names[i]);
	put_one(other.id, "m.other");
	ok(zonestore_each_rr(store, z.id, list_rr, &l, &msg));
	assert_string_equal(
		l.text, "example. A;example. A;a.example. A;a.example. A;yljkjljk.a.example. A;yljkjljk.a.example. A;"
			"Z.a.example. A;Z.a.example. A;zABC.a.EXAMPLE. A;zABC.a.EXAMPLE. A;z.example. A;z.example. A;"
			"\\001.z.example. A;\\001.z.example. A;*.z.example. A;*.z.example. A;\\200.z.example. A;"
			"\\200.z.example. A;");
	struct name n = name_of("z.A.example");
	l = (struct listing){.len = 0};
	ok(zonestore_each_rr_at(store, z.id, n.wire, list_rr, &l, &msg));
	assert_string_equal(l.text, "Z.a.example. A;Z.a.example. A;");
	n = name_of("nope.example");
	ok(zonestore_each_rr_at(store, z.id, n.wire, stop_rr, NULL, &msg));
	assert_int_equal(zonestore_each_rr(store, z.id, stop_rr, NULL, &msg), ERR_BUSY);
	assert_int_equal(zonestore_each_rr(store, 77, stop_rr, NULL, &msg), ERR_NOTFOUND);
	ok(zonestore_clear_records(store, z.id, &msg));
	assert_int_equal(ask("SELECT count(*) FROM rrset"), 1);
}

/* Every octet of a row is doubted. The owner is 'example' 00 'home' 00 'www' 00. */
static void names_damaged_rows(void **state)
{
	(void)state;
#define ROW "INSERT INTO rrset (zone, owner, type, covers, name, ttl, rdata, change) VALUES (1, "
#define WWW "x'6578616d706c6500686f6d650077777700', "
	static const struct {
		const char *sql, *words;
	} cases[] = {
		{ROW WWW "1, 0, 'www.home.example.', 1, x'', 1)", "holds no record"},
		{ROW WWW "1, 0, 'www.home.example.', 1, x'00', 1)", "do not add up"},
		{ROW WWW "1, 0, 'www.home.example.', 1, x'0004c00002', 1)", "do not add up"},
		{ROW WWW "1, 0, 'www.home.example.', 1, x'0004c000020100', 1)", "do not add up"},
		{ROW WWW "1, 0, 'www.home.example.', 1, x'0003c00002', 1)", "not of that type"},
		{ROW WWW "5, 0, 'www.home.example.', 1, x'000100000100', 1)", "must be alone"},
		{ROW WWW "1, 5, 'www.home.example.', 1, x'0004c0000201', 1)", "no RRSIG"},
		{ROW WWW "46, 2, 'www.home.example.', 1, x'001400010d030000012c010101010101010101010001', 1)",
		 "another type than it covers"},
		{ROW WWW "1, 0, 'www.home.example.', -1, x'0004c0000201', 1)", "TTL"},
		{ROW WWW "1, 0, 'www.home.example.', 2147483648, x'0004c0000201', 1)", "TTL"},
		{ROW WWW "0, 0, 'www.home.example.', 1, x'0004c0000201', 1)", "no zone can hold"},
		{ROW WWW "255, 0, 'www.home.example.', 1, x'0004c0000201', 1)", "no zone can hold"},
		{ROW WWW "65537, 0, 'www.home.example.', 1, x'0004c0000201', 1)", "no zone can hold"},
		{ROW WWW "1, 0, 'WWX.home.example.', 1, x'0004c0000201', 1)", "not one domain name"},
		{ROW WWW "1, 0, 'W..', 1, x'0004c0000201', 1)", "not one domain name"},
		{ROW "x'6578616d706c6500686f6d65', 1, 0, 'home.example.', 1, x'0004c0000201', 1)",
		 "not one domain name"},
		{ROW "x'6578616d706c6500484f4d4500', 1, 0, 'home.example.', 1, x'0004c0000201', 1)",
		 "not one domain name"},
		{ROW "x'6578616d706c6500', 1, 0, 'example.', 1, x'0004c0000201', 1)", "not in the zone"},
		{ROW "x'', 1, 0, '.', 1, x'0004c0000201', 1)", "not in the zone"},
		{ROW "zeroblob(600), 1, 0, 'x.', 1, x'0004c0000201', 1)", "not one domain name"},
	};
	struct zonestore_zone z = add_zone("home.example");
	assert_true(z.id == 1);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct zone *zone = (struct zone *)&z;
		struct listing l = {.len = 0};
		exec(cases[i].sql);
		if (zonestore_load(store, &z, &zone, &msg) != ERR_CORRUPT)
			fail_msg("taken: %s", cases[i].sql);
		assert_null(zone);
		if (!strstr(msg.text, cases[i].words) || !strstr(msg.text, "zone home.example.") ||
		    !strstr(msg.text, "zone import"))
			fail_msg("%s: %s", cases[i].sql, msg.text);
		assert_int_equal(zonestore_each_rr(store, z.id, list_rr, &l, &msg), ERR_CORRUPT);
		exec("DELETE FROM rrset");
	}
	/* Each record is fine, but no message could carry them. */
	exec(ROW WWW "1, 0, 'www.home.example.', 1, x'0004c0000201', 1)");
	exec("UPDATE rrset SET rdata = (WITH RECURSIVE n (i, b) AS (SELECT 1, x'' UNION ALL SELECT i + 1, CAST(b || "
	     "x'0004' || "
	     "CAST(printf('%04d', i) AS BLOB) AS BLOB) FROM n WHERE i < 5000) SELECT b FROM n ORDER BY i DESC LIMIT "
	     "1)");
	struct zone *zone;
	assert_int_equal(zonestore_load(store, &z, &zone, &msg), ERR_CORRUPT);
	assert_non_null(strstr(msg.text, "than a message can carry"));
}

static void wants_the_serial_of_the_zone(void **state)
{
	(void)state;
	struct zonestore_zone z = {.name = name_of("home.example"),
				   .role = ZONE_PRIMARY,
				   .policy = SERIAL_INCREMENT,
				   .has_serial = true,
				   .serial = 7};
	struct zone *zone;
	ok(zonestore_add_zone(store, &z, &msg));
	assert_int_equal(zonestore_load(store, &z, &zone, &msg), ERR_CORRUPT);
	assert_non_null(strstr(msg.text, "home.example. SOA: there is none"));
	give_soa(8);
	struct content *c = finish("home.example");
	put(z.id, "home.example", NULL, c, 1);
	assert_int_equal(zonestore_load(store, &z, &zone, &msg), ERR_CORRUPT);
	assert_non_null(strstr(msg.text, "serial"));
	z.serial = 8;
	zone = load(&z);
	zone_release(zone);
	content_free(c);
}

/* ---- many zones at once ---- */

struct sweep {
	char text[512];
	size_t len;
	struct zone *zone[4];
	size_t zones;
	enum err answer;
};

static enum err note_loaded(void *arg, const struct zonestore_zone *row, struct zone *z, const struct errmsg *fault)
{
	struct sweep *w = arg;
	char name[NAME_TEXT_MAX];
	struct zone_memory m = {0};
	if (z)
		zone_memory(z, &m);
	w->len += (size_t)snprintf(w->text + w->len, sizeof w->text - w->len, "%s %zu%s; ",
				   name_to_text(row->name.wire, name), m.records, z ? "" : " damaged");
	if (!z)
		assert_non_null(strstr(fault->text, name));
	else
		w->zone[w->zones++] = z;
	return w->answer;
}

static const char *sweep(int64_t from, int64_t to)
{
	static struct sweep w;
	w = (struct sweep){.len = 0};
	ok(zonestore_load_between(store, from, to, note_loaded, &w, &msg));
	for (size_t i = 0; i < w.zones; i++)
		zone_release(w.zone[i]);
	return w.text;
}

/* A zone, the one below it with the same name as the cut above, one that has no row, and one with serial. */
static void loads_all_zones_in_one_sweep(void **state)
{
	(void)state;
	struct zonestore_zone last = {.name = name_of("last.example"),
				      .role = ZONE_PRIMARY,
				      .policy = SERIAL_INCREMENT,
				      .has_serial = true,
				      .serial = 7};
	struct zonestore_zone home = add_zone("home.example"), child = add_zone("child.home.example");
	struct zonestore_zone empty = add_zone("empty.example");
	ok(zonestore_add_zone(store, &last, &msg));
	give_a(1);
	struct content *c = finish("child.home.example");
	put(home.id, "child.home.example", NULL, c, 1);
	put(child.id, "child.home.example", NULL, c, 1);
	put(child.id, "www.child.home.example", NULL, c, 1);
	put(last.id, "www.last.example", NULL, c, 1);
	content_free(c);
	give_soa(7);
	c = finish("last.example");
	put(last.id, "last.example", NULL, c, 1);
	content_free(c);

	static const char all[] = "home.example. 1; child.home.example. 2; empty.example. 0; last.example. 2; ";
	assert_string_equal(sweep(INT64_MIN, INT64_MAX), all);
	assert_string_equal(sweep(child.id, empty.id), "child.home.example. 2; empty.example. 0; ");
	assert_string_equal(sweep(last.id + 1, INT64_MAX), "");

	exec("PRAGMA foreign_keys = OFF");
	exec("INSERT INTO rrset SELECT -1, owner, type, covers, name, ttl, rdata, change FROM rrset WHERE zone = 1");
	exec("INSERT INTO rrset SELECT 99, owner, type, covers, name, ttl, rdata, change FROM rrset WHERE zone = 1");
	assert_string_equal(sweep(INT64_MIN, INT64_MAX), all);
	exec("DELETE FROM zone WHERE id = 2");
	assert_string_equal(sweep(INT64_MIN, INT64_MAX), "home.example. 1; empty.example. 0; last.example. 2; ");

	exec("UPDATE rrset SET ttl = -1 WHERE zone = 1");
	assert_string_equal(sweep(INT64_MIN, INT64_MAX),
			    "home.example. 0 damaged; empty.example. 0; last.example. 2; ");
	exec("UPDATE rrset SET ttl = 1 WHERE zone = 1");
	exec("UPDATE zone SET serial = 4294967296 WHERE id = 4");
	assert_string_equal(sweep(INT64_MIN, INT64_MAX),
			    "home.example. 1; empty.example. 0; last.example. 0 damaged; ");
	exec("UPDATE zone SET serial = 8 WHERE id = 4");
	assert_string_equal(sweep(INT64_MIN, INT64_MAX),
			    "home.example. 1; empty.example. 0; last.example. 0 damaged; ");
	exec("UPDATE rrset SET rdata = x'' WHERE zone = 4 AND type = 1"); /* the last row there is */
	assert_string_equal(sweep(INT64_MIN, INT64_MAX),
			    "home.example. 1; empty.example. 0; last.example. 0 damaged; ");

	struct sweep w = {.answer = ERR_BUSY};
	assert_int_equal(zonestore_load_between(store, 1, 9, note_loaded, &w, &msg), ERR_BUSY);
	assert_string_equal(w.text, "home.example. 1; ");
	zone_release(w.zone[0]);
	assert_string_equal(sweep(3, 3), "empty.example. 0; ");
}

/* More names than the loader gathers, and as many, and one less. */
static void loads_zones_of_any_size(void **state)
{
	(void)state;
	static const unsigned sizes[] = {255, 256, 257, 512, 3000};
	char owner[64];
	for (unsigned i = 0; i < sizeof sizes / sizeof sizes[0]; i++) {
		snprintf(owner, sizeof owner, "zone%u.example", i);
		struct zonestore_zone z = add_zone(owner);
		ok(sqlstore_begin(zonestore_sql(store), &msg));
		for (unsigned n = 0; n < sizes[i]; n++) {
			snprintf(owner, sizeof owner, "%s%u.zone%u.example", n % 7 ? "n" : "below.N", n, i);
			give_a((uint8_t)n);
			struct content *c = finish(owner);
			put(z.id, owner, NULL, c, 1);
			content_free(c);
		}
		ok(sqlstore_commit(zonestore_sql(store), &msg));
		struct zone *loaded = load(&z);
		for (unsigned n = 0; n < sizes[i]; n++) {
			snprintf(owner, sizeof owner, "%s%u.zone%u.example", n % 7 ? "n" : "below.N", n, i);
			give_a((uint8_t)n);
			struct content *c = finish(owner);
			expect(loaded, owner, c);
			content_free(c);
		}
		struct zone_memory m;
		zone_memory(loaded, &m);
		assert_int_equal(m.records, sizes[i]);
		zone_release(loaded);
	}
}

static void tells_where_some_zones_end(void **state)
{
	(void)state;
	int64_t last;
	bool more;
	ok(zonestore_zones_end(store, INT64_MIN, 2, &last, &more, &msg));
	assert_true(!more && last == INT64_MAX);
	for (unsigned i = 1; i <= 5; i++) {
		char name[32];
		snprintf(name, sizeof name, "zone%u.example", i);
		add_zone(name);
	}
	exec("DELETE FROM zone WHERE id = 3");
	ok(zonestore_zones_end(store, INT64_MIN, 2, &last, &more, &msg));
	assert_true(more && last == 3); /* 1 and 2; 3 would be theirs too */
	ok(zonestore_zones_end(store, 4, 2, &last, &more, &msg));
	assert_true(!more && last == INT64_MAX);
	ok(zonestore_zones_end(store, 4, 1, &last, &more, &msg));
	assert_true(more && last == 4);
}

/* Random zones against plain arrays of contents. */
static void keeps_what_random_updates_leave(void **state)
{
	(void)state;
	enum { NAMES = 12, ROUNDS = 400 };
	struct zonestore_zone z = add_zone("home.example");
	struct content *now[NAMES] = {NULL};
	uint32_t seed = 12345;
	for (unsigned round = 0; round < ROUNDS; round++) {
		char owner[64];
		seed = seed * 1664525 + 1013904223;
		unsigned which = (seed >> 8) % NAMES;
		snprintf(owner, sizeof owner, which % 3 ? "n%u.home.example" : "N%u.x.home.example", which);
		struct content *next = NULL;
		for (unsigned bit = 0; bit < 4; bit++)
			if (seed >> (16 + bit) & 1)
				give_a((uint8_t)bit);
		if (seed >> 20 & 1)
			give(TYPE_TXT, seed >> 21 & 1 ? 60 : 61, "\1x", 2);
		if (seed >> 22 & 1)
			give_sig(TYPE_A, (uint8_t)(seed >> 24));
		if (seed >> 23 & 1)
			next = finish(owner);
		else
			content_free(finish(owner));
		put(z.id, owner, now[which], next, round);
		content_free(now[which]);
		now[which] = next;
		if (round % 20)
			continue;
		struct zone *zone = load(&z);
		for (unsigned i = 0; i < NAMES; i++) {
			snprintf(owner, sizeof owner, i % 3 ? "n%u.home.example" : "N%u.x.home.example", i);
			if (content_in_use(now[i]))
				expect(zone, owner, now[i]);
		}
		zone_release(zone);
	}
	for (unsigned i = 0; i < NAMES; i++)
		content_free(now[i]);
}

/* ---- history ---- */

static const uint8_t soa_rdata[22] = {0, 0};

static const struct zonestore_change nobody = {.actor = ""};

/* With its records. */
static int64_t add(struct zonestore_version *v, const struct zonestore_change *c, const struct zonestore_change_rr *rr,
		   size_t rrs)
{
	ok(zonestore_begin_version(store, v, c, &msg));
	for (size_t i = 0; i < rrs; i++)
		ok(zonestore_add_change_rr(store, rr[i].add, rr[i].owner, &rr[i].rr, &msg));
	ok(zonestore_end_version(store, &msg));
	ok(zonestore_set_serial(store, v->zone, v->to, v->time, &msg));
	return v->id;
}

static int64_t add_version_by(const struct zonestore_change *c, int64_t zone, bool has_from, uint32_t from, uint32_t to,
			      bool full)
{
	struct zonestore_version v = {.zone = zone,
				      .has_from = has_from,
				      .from = from,
				      .to = to,
				      .time = 1000 + to,
				      .full = full,
				      .soa_to = soa_rdata,
				      .soa_to_len = sizeof soa_rdata,
				      .soa_to_ttl = 60};
	if (has_from) {
		v.soa_from = soa_rdata;
		v.soa_from_len = sizeof soa_rdata;
		v.soa_from_ttl = 61;
	}
	return add(&v, c, NULL, 0);
}

static int64_t add_version(int64_t zone, bool has_from, uint32_t from, uint32_t to, bool full)
{
	return add_version_by(&nobody, zone, has_from, from, to, full);
}

struct history {
	char text[256];
	size_t len;
};

static enum err note_version(void *arg, const struct zonestore_version *v, const struct zonestore_change *c)
{
	struct history *h = arg;
	assert_memory_equal(v->soa_to, soa_rdata, sizeof soa_rdata);
	assert_int_equal(v->soa_to_len, sizeof soa_rdata);
	assert_int_equal(v->soa_to_ttl, 60);
	assert_int_equal(v->soa_from_ttl, v->has_from ? 61 : 0);
	assert_int_equal(v->soa_from != NULL, v->has_from);
	assert_int_equal(c->time, v->time);
	h->len += (size_t)snprintf(h->text + h->len, sizeof h->text - h->len, "%s%u-%u%s;", c->actor, v->from, v->to,
				   v->full ? "!" : "");
	return ERR_OK;
}

static const char *history(int64_t zone, bool newest_first, int64_t after, unsigned limit)
{
	static struct history h;
	h = (struct history){.len = 0};
	ok(zonestore_each_version(store, zone, newest_first, after, limit, note_version, &h, &msg));
	return h.text;
}

static void keeps_versions(void **state)
{
	(void)state;
	struct zonestore_zone a = add_zone("a.example"), b = add_zone("b.example"), got;
	int64_t first = add_version(a.id, false, 0, 5, true);
	add_version(b.id, false, 0, 100, true);
	struct zonestore_change c = {
		.actor = "key nas.", .source = "192.0.2.1@53", .transport = "udp", .note = "", .rcode = 0};
	int64_t second = add_version_by(&c, a.id, true, 5, 6, false);
	int64_t third = add_version(a.id, true, 6, 7, false);

	assert_true(first < second && second < third);
	assert_string_equal(history(a.id, false, 0, 0), "0-5!;key nas.5-6;6-7;");
	assert_string_equal(history(a.id, true, 0, 0), "6-7;key nas.5-6;0-5!;");
	assert_string_equal(history(a.id, true, 0, 1), "6-7;");
	assert_string_equal(history(a.id, true, third, 1), "key nas.5-6;");
	assert_string_equal(history(a.id, false, first, 0), "key nas.5-6;6-7;");
	assert_string_equal(history(a.id, false, third, 0), "");
	ok(zonestore_find_zone(store, a.name.wire, &got, &msg));
	assert_true(got.has_serial && got.serial == 7 && got.changed == 1007);

	struct zonestore_version v = {.zone = 99, .to = 1, .soa_to = soa_rdata, .soa_to_len = sizeof soa_rdata};
	ok(zonestore_begin_version(store, &v, &c, &msg));
	assert_int_equal(zonestore_end_version(store, &msg), ERR_NOTFOUND);

	struct history h = {.len = 0};
	exec("UPDATE change SET soa_to = x'00'");
	assert_int_equal(zonestore_each_version(store, a.id, true, 0, 0, note_version, &h, &msg), ERR_CORRUPT);
}

/* Journals as steps from-to; "!" is a full version, which IXFR must not cross. */
static void finds_chains(void **state)
{
	(void)state;
	enum { STEPS = 8 };
#define AROUND "1-2 2-2147483648 2147483648-4294967295 4294967295-1 1-2 2-3"
	static const struct {
		const char *journal;
		uint32_t serial;
		int first; /* index of the step, -1: not found */
	} cases[] = {
		{"1-2 2-3 3-4", 1, 0},
		{"1-2 2-3 3-4", 3, 2},
		{"1-2 2-3 3-4", 4, -1}, /* up to date: nothing leads there */
		{"1-2 2-3 3-4", 0, -1}, /* older than the journal */
		{"1-2 2-3 3-4", 9, -1}, /* never was */
		{"1-5 5-9", 3, -1},     /* between two versions */
		{"1-2 2-3! 3-4", 3, 2},
		{"1-2 2-3! 3-4", 2, -1},
		{"1-2 2-3! 3-4", 1, -1},
		{"1-2 3-4", 3, 1},
		{"1-2 3-4", 1, -1}, /* not across a gap */
		{"", 1, -1},
		{"4294967294-4294967295 4294967295-1 1-2", 4294967294, 0},
		{AROUND, 1, 4}, /* 1 is there twice, the newer counts */
		{AROUND, 2, 5},
		{AROUND, 2147483648, 2},
		{"100-50 50-51", 100, 0}, /* a secondary whose primary went back */
		{"100-50 50-51", 50, 1},
		{"100-50 50-51", 99, -1},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char text[32];
		snprintf(text, sizeof text, "z%zu.example", i);
		struct zonestore_zone z = add_zone(text);
		int64_t id[STEPS] = {0}, first = -1, last = -1;
		unsigned from, to, steps = 0;
		int used = 0;
		for (const char *p = cases[i].journal; sscanf(p, "%u-%u%n", &from, &to, &used) == 2;
		     p += p[used] == '!' ? used + 1 : used) {
			assert_true(steps < STEPS);
			id[steps++] = add_version(z.id, true, from, to, p[used] == '!');
		}
		enum err err = zonestore_find_chain(store, z.id, cases[i].serial, 100, &first, &last, &msg);
		if (cases[i].first < 0 ? err != ERR_NOTFOUND
				       : err != ERR_OK || first != id[cases[i].first] || last != id[steps - 1])
			fail_msg("%s from %u: %s", cases[i].journal, cases[i].serial, err_text(err));
	}
}

static void chains_are_followed_so_far_only(void **state)
{
	(void)state;
	struct zonestore_zone z = add_zone("home.example");
	int64_t first, last, second = 0;
	for (uint32_t serial = 1; serial < 5; serial++) {
		int64_t id = add_version(z.id, true, serial, serial + 1, false);
		second = serial == 2 ? id : second;
	}
	ok(zonestore_find_chain(store, z.id, 2, 3, &first, &last, &msg));
	assert_true(first == second);
	assert_int_equal(zonestore_find_chain(store, z.id, 1, 3, &first, &last, &msg), ERR_NOTFOUND);
	ok(zonestore_find_chain(store, z.id, 1, 4, &first, &last, &msg));
}

static void zones_have_policies_and_bounds(void **state)
{
	(void)state;
	struct zonestore_zone z = add_zone("home.example"), read;
	enum serial_policy policy;
	ok(zonestore_find_zone(store, z.name.wire, &read, &msg));
	assert_true(read.history_age == HISTORY_AGE_DEFAULT && read.history_size == HISTORY_SIZE_DEFAULT);
	read.policy = SERIAL_DATED;
	read.history_age = 0;
	read.history_size = 4096;
	ok(zonestore_set_zone(store, &read, &msg));
	ok(zonestore_find_zone(store, z.name.wire, &read, &msg));
	assert_true(read.policy == SERIAL_DATED && read.history_age == 0 && read.history_size == 4096);
	ok(zonestore_policy_from_text(&policy, zonestore_policy_text(SERIAL_UNIXTIME)));
	assert_int_equal(policy, SERIAL_UNIXTIME);
	assert_int_equal(zonestore_policy_from_text(&policy, ""), ERR_RANGE);
}

static void finds_versions(void **state)
{
	(void)state;
	struct zonestore_zone z = add_zone("home.example");
	int64_t id;
	add_version(z.id, false, 0, 5, true);
	int64_t six = add_version(z.id, true, 5, 6, false);
	int64_t again = add_version(z.id, true, 6, 5, false);
	ok(zonestore_find_version(store, z.id, 6, &id, &msg));
	assert_true(id == six);
	ok(zonestore_find_version(store, z.id, 5, &id, &msg));
	assert_true(id == again);
	assert_int_equal(zonestore_find_version(store, z.id, 7, &id, &msg), ERR_NOTFOUND);
}

static enum err note_rr(void *arg, const struct zonestore_change_rr *rr)
{
	struct listing *l = arg;
	char name[NAME_TEXT_MAX], type[RR_TYPE_TEXT_MAX];
	l->len += (size_t)snprintf(l->text + l->len, sizeof l->text - l->len, "%u%c%s %s %u %u;", rr->seq,
				   rr->add ? '+' : '-', name_to_text(rr->owner, name),
				   rr_type_to_text(rr->rr.type, type), rr->rr.ttl, rr->rr.rdlen);
	return ERR_OK;
}

/* Serial 1 to 2 of a zone, with those records. */
static int64_t add_records(int64_t zone, const struct zonestore_change_rr *rr, size_t rrs)
{
	struct zonestore_version v = {.zone = zone,
				      .has_from = true,
				      .from = 1,
				      .to = 2,
				      .soa_from = soa_rdata,
				      .soa_from_len = sizeof soa_rdata,
				      .soa_to = soa_rdata,
				      .soa_to_len = sizeof soa_rdata};
	return add(&v, &nobody, rr, rrs);
}

static void keeps_records_of_versions(void **state)
{
	(void)state;
	struct zonestore_zone z = add_zone("home.example");
	struct name lower = name_of("nas.home.example"), upper = name_of("NAS.home.example");
	struct content_rr a = {.type = TYPE_A, .ttl = 300, .rdlen = 4, .rdata = (const uint8_t *)"\300\0\2\1"};
	struct content_rr none = {.type = 65280, .ttl = 1, .rdlen = 0, .rdata = NULL};
	const struct zonestore_change_rr rr[] = {
		{.add = false, .owner = upper.wire, .rr = a},
		{.add = true, .owner = lower.wire, .rr = a}, /* the spelling is each record's own */
		{.add = true, .owner = lower.wire, .rr = none}};
	int64_t version = add_records(z.id, rr, 3), empty = add_records(z.id, NULL, 0);

	struct listing l = {.len = 0};
	ok(zonestore_each_change_rr(store, version, 0, 0, note_rr, &l, &msg));
	assert_string_equal(
		l.text, "0-NAS.home.example. A 300 4;1+nas.home.example. A 300 4;2+nas.home.example. TYPE65280 1 0;");
	l = (struct listing){.len = 0};
	ok(zonestore_each_change_rr(store, version, 1, 1, note_rr, &l, &msg));
	assert_string_equal(l.text, "1+nas.home.example. A 300 4;");
	l = (struct listing){.text = ""};
	ok(zonestore_each_change_rr(store, empty, 0, 0, note_rr, &l, &msg));
	ok(zonestore_each_change_rr(store, version + 99, 0, 0, note_rr, &l, &msg));
	assert_string_equal(l.text, "");

	static const char *const damage[] = {
		"UPDATE change SET records = x'04'",                              /* flags */
		"UPDATE change SET records = x'02000100000000000400000000'",      /* the owner of nothing */
		"UPDATE change SET records = x'0041'",                            /* half a name */
		"UPDATE change SET records = x'0000000100000000000400'",          /* half an address */
		"UPDATE change SET records = x'00000001000000000003000000'",      /* three quarters of one */
		"UPDATE change SET records = x'00000001000000000004c000020100'"}; /* and something behind it */
	for (size_t i = 0; i < sizeof damage / sizeof damage[0]; i++) {
		exec("BEGIN");
		exec(damage[i]);
		assert_int_equal(zonestore_each_change_rr(store, version, 0, 0, note_rr, &l, &msg), ERR_CORRUPT);
		exec("ROLLBACK");
	}
}

/* A version begun and given up leaves nothing behind. */
static void begins_versions_anew(void **state)
{
	(void)state;
	struct zonestore_zone z = add_zone("home.example");
	struct zonestore_version v = {.zone = z.id, .to = 9, .soa_to = soa_rdata, .soa_to_len = sizeof soa_rdata};
	struct content_rr a = {.type = TYPE_A, .rdlen = 4, .rdata = (const uint8_t *)"\300\0\2\1"};
	struct listing l = {.text = ""};
	ok(zonestore_begin_version(store, &v, &nobody, &msg));
	ok(zonestore_add_change_rr(store, true, z.name.wire, &a, &msg));
	int64_t given_up = v.id, version = add_records(z.id, NULL, 0);
	assert_true(version > given_up);
	ok(zonestore_each_change_rr(store, version, 0, 0, note_rr, &l, &msg));
	assert_string_equal(l.text, "");
	assert_int_equal(ask("SELECT count(*) FROM change"), 1);
}

static const char *soa_hex(char text[2 * sizeof soa_rdata + 1])
{
	for (size_t i = 0; i < sizeof soa_rdata; i++)
		snprintf(text + 2 * i, 3, "%02x", soa_rdata[i]);
	return text;
}

/* Makes the journal and the columns of zones and keys what the first release had. */
static void go_back_to_first_release(void)
{
	exec("DROP TABLE change_more; DROP TABLE change;"
	     "CREATE TABLE change (id INTEGER PRIMARY KEY, time INTEGER NOT NULL, actor TEXT NOT NULL, source TEXT NOT "
	     "NULL, transport TEXT NOT NULL, rcode INTEGER NOT NULL, note TEXT NOT NULL) STRICT;"
	     "CREATE TABLE version (zone INTEGER NOT NULL REFERENCES zone (id) ON DELETE CASCADE, id INTEGER NOT NULL, "
	     "serial_from INTEGER, serial_to INTEGER NOT NULL, time INTEGER NOT NULL, \"full\" INTEGER NOT NULL, "
	     "soa_from_ttl INTEGER, soa_from BLOB, soa_to_ttl INTEGER NOT NULL, soa_to BLOB NOT NULL, "
	     "PRIMARY KEY (zone, id)) STRICT, WITHOUT ROWID;"
	     "CREATE TABLE change_rr (version INTEGER NOT NULL REFERENCES change (id) ON DELETE CASCADE, seq INTEGER "
	     "NOT "
	     "NULL, op INTEGER NOT NULL, owner BLOB NOT NULL, name TEXT NOT NULL, type INTEGER NOT NULL, ttl INTEGER "
	     "NOT "
	     "NULL, rdata BLOB NOT NULL, PRIMARY KEY (version, seq)) STRICT, WITHOUT ROWID;"
	     "DROP TABLE name_version; DROP TABLE refusal; DROP TABLE lease;"
	     "DROP TABLE zone_primary; DROP TABLE secondary;"
	     "ALTER TABLE zone DROP COLUMN kept_to; ALTER TABLE zone DROP COLUMN kept_seq;"
	     "ALTER TABLE zone DROP COLUMN kept_octets;"
	     "DROP TRIGGER grant_wants_key; DROP TRIGGER identity_gone; DROP TABLE lock; DROP INDEX key_identity;"
	     "ALTER TABLE \"key\" DROP COLUMN identity; ALTER TABLE \"key\" DROP COLUMN expires;"
	     "ALTER TABLE zone DROP COLUMN history_age; ALTER TABLE zone DROP COLUMN history_size;"
	     "PRAGMA user_version = 1");
}

static void open_again(void)
{
	zonestore_close(store);
	store = NULL;
	assert_int_equal(zonestore_open(&store, path, SQLSTORE_READ, &msg), ERR_REFUSED);
	ok(zonestore_open(&store, path, SQLSTORE_WRITE, &msg));
}

static void an_old_database_migrates_with_its_content(void **state)
{
	(void)state;
	struct zonestore_zone z = add_zone("home.example"), read;
	go_back_to_first_release();
	open_again();
	ok(zonestore_find_zone(store, z.name.wire, &read, &msg));
	assert_true(read.id == z.id && read.history_age == HISTORY_AGE_DEFAULT);
}

struct count {
	uint32_t next, calls;
};

static enum err count_rr(void *arg, const struct zonestore_change_rr *rr)
{
	struct count *c = arg;
	char expected[64], name[NAME_TEXT_MAX];
	assert_int_equal(rr->seq, c->next++);
	snprintf(expected, sizeof expected, "h%u.home.example.", rr->seq / 2);
	assert_string_equal(name_to_text(rr->owner, name), expected);
	c->calls++;
	return ERR_OK;
}

/* More records than one row takes: two for each of many names. */
static void keeps_large_versions(void **state)
{
	(void)state;
	enum { RECORDS = 5000 };
	static struct zonestore_change_rr rr[RECORDS];
	static struct name owner[RECORDS];
	struct zonestore_zone z = add_zone("home.example");
	for (unsigned i = 0; i < RECORDS; i++) {
		char text[64];
		snprintf(text, sizeof text, "h%u.home.example", i / 2);
		owner[i] = name_of(text);
		rr[i] = (struct zonestore_change_rr){
			.add = true,
			.owner = owner[i].wire,
			.rr = {.type = TYPE_A, .rdlen = 4, .rdata = (const uint8_t *)"\300\0\2\1"}};
	}
	int64_t version = add_records(z.id, rr, RECORDS);
	assert_true(ask("SELECT count(*) FROM change_more") > 2);
	static const struct {
		uint32_t from;
		unsigned limit;
		uint32_t calls;
	} cases[] = {{0, 0, RECORDS}, {1, 3, 3}, {4999, 5, 1}, {5000, 1, 0}, {2500, 0, 2500}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct count c = {.next = cases[i].from};
		ok(zonestore_each_change_rr(store, version, cases[i].from, cases[i].limit, count_rr, &c, &msg));
		assert_int_equal(c.calls, cases[i].calls);
	}
	struct name last = name_of("H2499.home.example"), other = name_of("x.home.example");
	struct history h = {.len = 0};
	exec("UPDATE change SET soa_to_ttl = 60, soa_from_ttl = 61, soa_from = soa_to");
	ok(zonestore_each_version_of(store, z.id, last.wire, 0, note_version, &h, &msg));
	ok(zonestore_each_version_of(store, z.id, other.wire, 0, note_version, &h, &msg));
	assert_string_equal(h.text, "1-2;");
}

/* Three versions of two zones: a small one, one that nobody is on record for, and a large one. */
static void an_old_journal_migrates(void **state)
{
	(void)state;
	struct zonestore_zone a = add_zone("home.example"), b = add_zone("b.example");
	char hex[2 * sizeof soa_rdata + 1], sql[1024];
	go_back_to_first_release();
	exec("INSERT INTO change VALUES (3, 1006, 'key nas.', '192.0.2.1@53', 'udp', 0, 'n')");
	exec("INSERT INTO change VALUES (9, 1008, 'key nas.', '', 'udp', 0, '')");
	snprintf(sql, sizeof sql,
		 "INSERT INTO version SELECT column1, column2, column3, column4, 1000 + column4, column3 IS NULL, "
		 "CASE WHEN column3 THEN 61 END, CASE WHEN column3 THEN soa END, 60, soa "
		 "FROM (VALUES (1, 3, 5, 6), (2, 5, NULL, 100), (1, 9, 6, 8)), (SELECT x'%s' AS soa)",
		 soa_hex(hex));
	exec(sql);
	exec("INSERT INTO change_rr VALUES (3, 0, 0, x'00', 'NAS.home.example.', 1, 300, x'c0000201'), "
	     "(3, 1, 1, x'00', 'nas.home.example.', 65280, 1, x'')");
	exec("WITH RECURSIVE n(i) AS (SELECT 0 UNION ALL SELECT i + 1 FROM n WHERE i < 999) INSERT INTO change_rr "
	     "SELECT 9, i, 1, x'00', 'h' || (i / 2) || '.home.example.', 1, 5, x'c0000201' FROM n");
	open_again();

	assert_string_equal(history(a.id, false, 0, 0), "key nas.5-6;key nas.6-8;");
	assert_string_equal(history(b.id, false, 0, 0), "unknown0-100!;");
	struct listing l = {.len = 0};
	ok(zonestore_each_change_rr(store, 3, 0, 0, note_rr, &l, &msg));
	assert_string_equal(l.text, "0-NAS.home.example. A 300 4;1+nas.home.example. TYPE65280 1 0;");
	for (uint32_t from = 0; from < 1000; from += 333) {
		struct count c = {.next = from};
		ok(zonestore_each_change_rr(store, 9, from, 0, count_rr, &c, &msg));
		assert_int_equal(c.calls, 1000 - from);
	}
	assert_true(add_version(a.id, true, 8, 9, false) > 9);
	assert_int_equal(ask("SELECT count(*) FROM sqlite_schema WHERE name IN ('version', 'change_rr', 'old_change')"),
			 0);
}

/* The SOA before is not stored where it differs only in the serial. */
static enum err note_soa(void *arg, const struct zonestore_version *v, const struct zonestore_change *c)
{
	struct zonestore_version *got = arg;
	struct rr_soa soa;
	(void)c;
	assert_true(rr_soa_parse(&soa, v->soa_from, v->soa_from_len) && soa.serial == v->from);
	assert_int_equal(v->soa_from_ttl, 60);
	got->to = v->to;
	return ERR_OK;
}

static void makes_the_soa_before(void **state)
{
	(void)state;
	struct zonestore_zone z = add_zone("home.example");
	uint8_t from[sizeof soa_rdata], to[sizeof soa_rdata];
	memcpy(from, soa_rdata, sizeof from);
	memcpy(to, soa_rdata, sizeof to);
	rr_soa_set_serial(from, sizeof from, 7);
	rr_soa_set_serial(to, sizeof to, 8);
	struct zonestore_version v = {.zone = z.id,
				      .has_from = true,
				      .from = 7,
				      .to = 8,
				      .soa_from = from,
				      .soa_from_len = sizeof from,
				      .soa_from_ttl = 60,
				      .soa_to = to,
				      .soa_to_len = sizeof to,
				      .soa_to_ttl = 60},
				 got = {.to = 0};
	add(&v, &nobody, NULL, 0);
	assert_int_equal(ask("SELECT soa_from IS NULL FROM change"), 1);
	ok(zonestore_each_version(store, z.id, true, 0, 0, note_soa, &got, &msg));
	assert_int_equal(got.to, 8);
}

/* ---- peers, removal ---- */

static struct zonestore_peer peer_of(const char *zone, const char *address, const char *key)
{
	struct zonestore_peer p = {.zone = name_of(zone)};
	ok(addr_parse(&p.address, address, 53, &msg));
	if (key) {
		p.has_key = true;
		p.key = name_of(key);
	}
	return p;
}

static void add_key(const char *text)
{
	struct keystore_key k = {.name = name_of(text), .algorithm = TSIG_HMAC_SHA256, .secret_len = 1};
	ok(keystore_add_key(zonestore_sql(store), &k, &msg));
}

static enum err note_peer(void *arg, const struct zonestore_peer *p)
{
	struct listing *l = arg;
	char zone[NAME_TEXT_MAX], address[ADDR_TEXT_MAX], key[NAME_TEXT_MAX] = "";
	l->len += (size_t)snprintf(l->text + l->len, sizeof l->text - l->len, "%s %s %s;",
				   name_to_text(p->zone.wire, zone), addr_to_text(&p->address, address),
				   p->has_key ? name_to_text(p->key.wire, key) : key);
	return ERR_OK;
}

static const char *peers(const uint8_t *zone)
{
	static struct listing l;
	l = (struct listing){.len = 0};
	ok(zonestore_each_peer(store, zone, note_peer, &l, &msg));
	return l.text;
}

static void keeps_peers(void **state)
{
	(void)state;
	struct zonestore_zone a = add_zone("a.example");
	add_zone("b.example");
	add_key("Sync");
	struct zonestore_peer one = peer_of("A.example", "192.0.2.1", "sync"),
			      two = peer_of("b.example", "2001:db8::1@5353", NULL);
	struct zonestore_peer mapped = peer_of("a.example", "::ffff:192.0.2.1", NULL);
	struct zonestore_peer no_zone = peer_of("c.example", "192.0.2.1", NULL),
			      no_key = peer_of("a.example", "192.0.2.9", "nobody");
	ok(zonestore_add_peer(store, &one, &msg));
	ok(zonestore_add_peer(store, &two, &msg));
	assert_int_equal(zonestore_add_peer(store, &mapped, &msg), ERR_EXISTS);
	assert_int_equal(zonestore_add_peer(store, &no_zone, &msg), ERR_NOTFOUND);
	assert_int_equal(zonestore_add_peer(store, &no_key, &msg), ERR_NOTFOUND);
	assert_non_null(strstr(msg.text, "nobody"));
	assert_string_equal(peers(NULL), "a.example. 192.0.2.1@53 sync.;b.example. 2001:db8::1@5353 ;");
	assert_string_equal(peers(a.name.wire), "a.example. 192.0.2.1@53 sync.;");
	assert_int_equal(zonestore_remove_peer(store, a.name.wire, &two.address, &msg), ERR_NOTFOUND);
	assert_int_equal(keystore_remove_key(zonestore_sql(store), one.key.wire, false, &msg), ERR_REFUSED);
	ok(keystore_remove_key(zonestore_sql(store), one.key.wire, true, &msg));
	assert_string_equal(peers(NULL), "b.example. 2001:db8::1@5353 ;");
	ok(zonestore_remove_peer(store, two.zone.wire, &two.address, &msg));
	assert_string_equal(peers(NULL), "");

	exec("INSERT INTO peer (zone, address) VALUES (1, 'nonsense')");
	struct listing l = {.len = 0};
	assert_int_equal(zonestore_each_peer(store, NULL, note_peer, &l, &msg), ERR_CORRUPT);
}

static void add_everything(const struct zonestore_zone *z, const char *text)
{
	struct name n = z->name;
	struct access_grant g = {.zone = n, .action = ACCESS_UPDATE};
	struct zonestore_peer p = peer_of(text, "192.0.2.1", NULL);
	static const uint8_t rdata[20000];
	struct zonestore_change_rr large[] = {
		{.add = true, .owner = n.wire, .rr = {.type = 65280, .rdlen = sizeof rdata, .rdata = rdata}},
		{.add = true, .owner = n.wire, .rr = {.type = 65280, .rdlen = sizeof rdata, .rdata = rdata}}};
	put_one(z->id, text);
	add_records(z->id, large, 2);
	ok(zonestore_add_peer(store, &p, &msg));
	ok(keystore_add_grant(zonestore_sql(store), &g, &msg));
}

static void removes_all_of_a_zone(void **state)
{
	(void)state;
	static const char *const tables[] = {"zone", "rrset",    "change", "(SELECT DISTINCT change FROM change_more)",
					     "peer", "\"grant\""};
	struct zonestore_zone a = add_zone("a.example"), b = add_zone("b.example");
	add_everything(&a, "a.example");
	add_everything(&b, "b.example");
	ok(sqlstore_begin(zonestore_sql(store), &msg));
	ok(zonestore_remove_zone(store, b.id, &msg));
	assert_int_equal(zonestore_remove_zone(store, b.id, &msg), ERR_NOTFOUND);
	ok(sqlstore_commit(zonestore_sql(store), &msg));
	for (size_t i = 0; i < sizeof tables / sizeof tables[0]; i++) {
		char sql[64];
		snprintf(sql, sizeof sql, "SELECT count(*) FROM %s", tables[i]);
		if (ask(sql) != 1)
			fail_msg("%s: %lld rows", tables[i], (long long)ask(sql));
	}
	assert_int_equal(ask("SELECT count(*) FROM pragma_foreign_key_check"), 0);
	struct zonestore_zone again = add_zone("b.example");
	assert_true(again.id > b.id); /* its id never comes back */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keeps_zones, set_up, tear_down),
		cmocka_unit_test_setup_teardown(walks_zones, set_up, tear_down),
		cmocka_unit_test_setup_teardown(opens_as_it_was_left, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keeps_records, set_up, tear_down),
		cmocka_unit_test_setup_teardown(touches_only_what_differs, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keeps_the_spelling, set_up, tear_down),
		cmocka_unit_test_setup_teardown(notices_foreign_writes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(lists_in_canonical_order, set_up, tear_down),
		cmocka_unit_test_setup_teardown(names_damaged_rows, set_up, tear_down),
		cmocka_unit_test_setup_teardown(wants_the_serial_of_the_zone, set_up, tear_down),
		cmocka_unit_test_setup_teardown(loads_all_zones_in_one_sweep, set_up, tear_down),
		cmocka_unit_test_setup_teardown(loads_zones_of_any_size, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tells_where_some_zones_end, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keeps_what_random_updates_leave, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keeps_versions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(finds_chains, set_up, tear_down),
		cmocka_unit_test_setup_teardown(chains_are_followed_so_far_only, set_up, tear_down),
		cmocka_unit_test_setup_teardown(zones_have_policies_and_bounds, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_old_database_migrates_with_its_content, set_up, tear_down),
		cmocka_unit_test_setup_teardown(finds_versions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keeps_records_of_versions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(begins_versions_anew, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keeps_large_versions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(makes_the_soa_before, set_up, tear_down),
		cmocka_unit_test_setup_teardown(an_old_journal_migrates, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keeps_peers, set_up, tear_down),
		cmocka_unit_test_setup_teardown(removes_all_of_a_zone, set_up, tear_down),
	};
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	grace_barrier(); /* zones are freed on another thread */
	return failed;
}
