/* keep_test.c: the upkeep of history in steps: the index of names follows, bounds by age and size let go the oldest
 * versions only. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "zones/store/zonestore_keep.h"
#include "zones/store/zonestore_refusals.h"

enum { NOW = 1000000, MS_PER_S = 1000, ENOUGH = 100000 };

static char dir[64], path[96];
static struct zonestore *store;
static struct errmsg msg;
static struct zonestore_zone zone;

static void ok(enum err err)
{
	if (err != ERR_OK)
		fail_msg("%s: %s", err_text(err), msg.text);
}

static int set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/keep_test.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/roost.db", dir);
	msg = (struct errmsg){.text = ""};
	ok(zonestore_open(&store, path, SQLSTORE_CREATE, &msg));
	zone = (struct zonestore_zone){.role = ZONE_PRIMARY, .policy = SERIAL_INCREMENT};
	ok(name_from_text(&zone.name, "home.example"));
	ok(zonestore_add_zone(store, &zone, &msg));
	zone.history_age = zone.history_size = 0;
	ok(zonestore_set_zone(store, &zone, &msg));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
	zonestore_close(store);
	for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
		char file[128];
		snprintf(file, sizeof file, "%s%s", path, suffixes[i]);
		unlink(file);
	}
	return rmdir(dir);
}

static int64_t ask(const char *sql)
{
	sqlite3_stmt *stmt;
	sqlite3 *db = sqlstore_handle(zonestore_sql(store));
	if (sqlite3_prepare_v2(db, sql, -1, &stmt, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	int64_t n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return n;
}

/* A version made at that second, which gave `names` names an address each. */
static int64_t add_version(uint32_t serial, int64_t second, unsigned names)
{
	static const uint8_t soa[22];
	static const struct zonestore_change nobody = {.actor = "", .source = "", .transport = "", .note = ""};
	struct zonestore_version v = {.zone = zone.id,
				      .has_from = true,
				      .from = serial - 1,
				      .to = serial,
				      .time = second * MS_PER_S,
				      .soa_from = soa,
				      .soa_from_len = sizeof soa,
				      .soa_to = soa,
				      .soa_to_len = sizeof soa};
	const uint8_t address[4] = {192, 0, 2, (uint8_t)serial};
	const struct content_rr rr = {.type = TYPE_A, .ttl = 60, .rdlen = sizeof address, .rdata = address};
	ok(zonestore_begin_version(store, &v, &nobody, &msg));
	for (unsigned i = 0; i < names; i++) {
		char text[32];
		struct name owner;
		snprintf(text, sizeof text, "Host%u.home.example", i);
		ok(name_from_text(&owner, text));
		ok(zonestore_add_change_rr(store, true, owner.wire, &rr, &msg));
	}
	ok(zonestore_end_version(store, &msg));
	ok(zonestore_set_serial(store, zone.id, serial, v.time, &msg));
	return v.id;
}

/* Returns the rows it touched. */
static unsigned step(unsigned rows, int64_t second, bool *more)
{
	struct zonestore_keep k = {.rows = rows};
	ok(zonestore_keep_step(store, zone.id, second * MS_PER_S, &k, &msg));
	*more = k.more;
	assert_true(k.behind >= 0 && (k.more || !k.behind));
	return rows - k.rows;
}

static unsigned keep_all(unsigned rows, int64_t second)
{
	unsigned steps = 0;
	for (bool more = true; more; steps++) {
		assert_true(steps < 1000);
		assert_in_range(step(rows, second, &more), 0, rows);
	}
	return steps;
}

static enum err note(void *arg, const struct zonestore_version *v, const struct zonestore_change *c)
{
	char *text = arg;
	(void)c;
	snprintf(text + strlen(text), 64 - strlen(text), "%u%s;", v->to, v->full ? "!" : "");
	return ERR_OK;
}

static const char *kept(void)
{
	static char text[64];
	text[0] = '\0';
	ok(zonestore_each_version(store, zone.id, false, 0, 0, note, text, &msg));
	return text;
}

static const char *of(const char *name)
{
	static char text[64];
	struct name owner;
	text[0] = '\0';
	ok(name_from_text(&owner, name));
	ok(zonestore_each_version_of(store, zone.id, owner.wire, 0, note, text, &msg));
	return text;
}

static void versions_of_a_name_are_the_same_with_the_index_and_without(void **state)
{
	(void)state;
	add_version(2, 10, 1);
	add_version(3, 11, 2);
	add_version(4, 12, 1);
	for (unsigned rows = 0; rows < 7; rows++) { /* the index goes further and further */
		bool more;
		assert_string_equal(of("HOST0.home.example"), "4;3;2;");
		assert_string_equal(of("host1.home.example"), "3;");
		assert_string_equal(of("host2.home.example"), "");
		assert_int_equal(step(1, NOW, &more), 1);
	}
	keep_all(1, NOW);
	assert_int_equal(ask("SELECT count(*) FROM name_version"), 4);
	add_version(5, 13, 2);
	assert_string_equal(of("host1.home.example"), "5;3;");
	keep_all(ENOUGH, NOW);
	assert_string_equal(of("host1.home.example"), "5;3;");
	assert_int_equal(ask("SELECT count(*) FROM name_version"), 6);
}

static void the_old_go_but_never_the_newest(void **state)
{
	(void)state;
	zone.history_age = 100;
	ok(zonestore_set_zone(store, &zone, &msg));
	for (uint32_t serial = 2; serial < 7; serial++)
		add_version(serial, 10 * serial, 1);
	keep_all(ENOUGH, 110);
	assert_string_equal(kept(), "2;3;4;5;6;");
	keep_all(ENOUGH, 141);
	assert_string_equal(kept(), "5;6;");
	assert_string_equal(of("host0.home.example"), "6;5;");
	keep_all(ENOUGH, 0); /* a clock that is not trusted */
	assert_string_equal(kept(), "5;6;");
	keep_all(ENOUGH, NOW);
	assert_string_equal(kept(), "6;");
	assert_int_equal(ask("SELECT count(*) FROM change"), 1);
	assert_int_equal(ask("SELECT count(*) FROM name_version"), 1);
}

static void what_is_too_much_goes(void **state)
{
	(void)state;
	for (uint32_t serial = 2; serial < 7; serial++)
		add_version(serial, NOW, 1);
	keep_all(ENOUGH, NOW);
	int64_t all = ask("SELECT kept_octets FROM zone");
	assert_true(all > 5 * 100);
	zone.history_size = 3 * all / 5;
	ok(zonestore_set_zone(store, &zone, &msg));
	keep_all(ENOUGH, NOW);
	assert_string_equal(kept(), "4;5;6;");
	assert_true(ask("SELECT kept_octets FROM zone") == 3 * all / 5);
	zone.history_size = 1;
	ok(zonestore_set_zone(store, &zone, &msg));
	keep_all(ENOUGH, NOW);
	assert_string_equal(kept(), "6;");
	assert_true(ask("SELECT kept_octets FROM zone") == all / 5);
}

/* What the index does not have yet stays. What is in several pieces goes piece by piece. */
static void steps_are_small(void **state)
{
	(void)state;
	enum { NAMES = 5000 };
	struct zonestore_keep k = {.rows = 1};
	bool more;
	zone.history_size = 1;
	ok(zonestore_set_zone(store, &zone, &msg));
	int64_t big = add_version(2, NOW, NAMES), first, last;
	int64_t pieces = ask("SELECT count(*) FROM change_more");
	assert_true(pieces > 2);
	add_version(3, NOW, 1);
	ok(zonestore_keep_step(store, zone.id, 0, &k, &msg));
	assert_true(k.more && k.behind == 1); /* but for the one at hand */
	for (int i = 0; i < NAMES / 100; i++) {
		assert_int_equal(step(100, NOW, &more), 100);
		assert_true(more);
		assert_string_equal(kept(), "2;3;");
		assert_true(ask("SELECT count(*) FROM change_more") == pieces);
	}
	ok(zonestore_find_chain(store, zone.id, 1, 10, &first, &last, &msg));
	assert_true(first == big);
	while (ask("SELECT count(*) FROM change_more") == pieces)
		step(100, NOW, &more);
	assert_true(more && ask("SELECT count(*) FROM change_more") == pieces - 1);
	assert_string_equal(kept(), "2!;3;"); /* some of its records are gone: nothing may be made of it */
	assert_int_equal(zonestore_find_chain(store, zone.id, 1, 10, &first, &last, &msg), ERR_NOTFOUND);
	ok(zonestore_find_chain(store, zone.id, 2, 10, &first, &last, &msg));
	keep_all(100, NOW);
	assert_string_equal(kept(), "3;");
	assert_int_equal(ask("SELECT count(*) FROM change_more"), 0);
	assert_int_equal(ask("SELECT count(*) FROM name_version"), 1);
}

static enum err note_zone(void *arg, int64_t id)
{
	int64_t *sum = arg;
	*sum += id;
	return ERR_OK;
}

static void zones_are_found_by_their_last_change(void **state)
{
	(void)state;
	bool more;
	struct zonestore_keep gone = {.rows = 10};
	int64_t sum = 0;
	add_version(2, 10, 1);
	ok(zonestore_keep_each(store, 10 * MS_PER_S + 1, note_zone, &sum, &msg));
	assert_true(sum == 0);
	ok(zonestore_keep_each(store, 10 * MS_PER_S, note_zone, &sum, &msg));
	assert_true(sum == zone.id);
	assert_int_equal(zonestore_keep_step(store, zone.id + 1, 0, &gone, &msg), ERR_NOTFOUND);
	step(1, NOW, &more);
	ok(zonestore_remove_zone(store, zone.id, &msg));
	assert_int_equal(ask("SELECT count(*) FROM name_version"), 0);
}

/* ---- refusals ---- */

static enum err note_refusal(void *arg, const struct zonestore_refusal *r)
{
	char *text = arg;
	snprintf(text + strlen(text), 256 - strlen(text), "%s %u %lld-%lld x%lld %s;", r->actor, r->rcode,
		 (long long)r->first, (long long)r->last, (long long)r->count, r->asked);
	return ERR_OK;
}

static void refuse(const char *actor, int64_t at, int64_t count, const char *asked)
{
	const struct zonestore_refusal r = {.first = at,
					    .last = at + 1,
					    .count = count,
					    .actor = actor,
					    .network = "192.0.2.0/24",
					    .source = "192.0.2.9@1",
					    .transport = "udp",
					    .rcode = 5,
					    .asked = asked,
					    .why = "no"};
	ok(zonestore_refusals_add(store, zone.id, &r, &msg));
}

static const char *refusals(int64_t since, unsigned limit)
{
	static char text[256];
	text[0] = '\0';
	ok(zonestore_refusals_each(store, zone.id, since, limit, note_refusal, text, &msg));
	return text;
}

static void alike_refusals_are_one_row(void **state)
{
	(void)state;
	refuse("a", 10, 2, "x");
	refuse("b", 20, 1, "y");
	refuse("a", 30, 3, "z");
	assert_string_equal(refusals(0, 0), "a 5 10-31 x5 z;b 5 20-21 x1 y;");
	assert_string_equal(refusals(0, 1), "a 5 10-31 x5 z;");
	assert_string_equal(refusals(22, 0), "a 5 10-31 x5 z;");
	zone.history_age = 1;
	ok(zonestore_set_zone(store, &zone, &msg));
	struct zonestore_keep k = {.rows = 10};
	ok(zonestore_keep_step(store, zone.id, 1022, &k, &msg));
	assert_string_equal(refusals(0, 0), "a 5 10-31 x5 z;");
}

static void a_zone_has_so_many_refusals_only(void **state)
{
	(void)state;
	for (int i = 0; i < ZONESTORE_REFUSALS_MAX + 20; i++) {
		char actor[16];
		snprintf(actor, sizeof actor, "a%d", i);
		refuse(actor, i, 1, "");
	}
	assert_int_equal(ask("SELECT count(*) FROM refusal"), ZONESTORE_REFUSALS_MAX);
	assert_int_equal(ask("SELECT min(first) FROM refusal"), 20);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(versions_of_a_name_are_the_same_with_the_index_and_without, set_up,
						tear_down),
		cmocka_unit_test_setup_teardown(the_old_go_but_never_the_newest, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_is_too_much_goes, set_up, tear_down),
		cmocka_unit_test_setup_teardown(steps_are_small, set_up, tear_down),
		cmocka_unit_test_setup_teardown(zones_are_found_by_their_last_change, set_up, tear_down),
		cmocka_unit_test_setup_teardown(alike_refusals_are_one_row, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_zone_has_so_many_refusals_only, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
