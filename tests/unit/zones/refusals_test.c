/* refusals_test.c: what is refused is counted by kind, kept until it is written, and never more than there is room for. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "zones/change/refusals.h"
#include "zones/store/zonestore_refusals.h"

static char dir[64], path[96];
static struct zonestore *store;
static struct refusals *refusals;
static struct errmsg msg;
static struct zonestore_zone zone;

static int set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/refusals_test.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/roost.db", dir);
	zone = (struct zonestore_zone){.role = ZONE_PRIMARY, .policy = SERIAL_INCREMENT};
	clock_fake(1000);
	return zonestore_open(&store, path, SQLSTORE_CREATE, &msg) || name_from_text(&zone.name, "home.example") ||
			       zonestore_add_zone(store, &zone, &msg) || refusals_new(&refusals)
		       ? -1
		       : 0;
}

static int tear_down(void **state)
{
	(void)state;
	static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
	refusals_free(refusals);
	zonestore_close(store);
	for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
		char file[128];
		snprintf(file, sizeof file, "%s%s", path, suffixes[i]);
		unlink(file);
	}
	return rmdir(dir);
}

static bool note_for(const char *zone_text, const char *actor, const char *from, const char *why)
{
	struct addr a;
	struct name z;
	assert_int_equal(addr_parse(&a, from, 53, &msg), ERR_OK);
	assert_int_equal(name_from_text(&z, zone_text), ERR_OK);
	const struct refusals_note n = {.zone = z.wire,
					.actor = actor,
					.from = &a,
					.transport = "tcp",
					.rcode = 5,
					.asked = "add nas.home.example A",
					.why = why};
	return refusals_note(refusals, &n);
}

static bool note(const char *actor, const char *from, const char *why)
{
	return note_for("HOME.example", actor, from, why);
}

static enum err list(void *arg, const struct zonestore_refusal *r)
{
	char *text = arg;
	snprintf(text + strlen(text), 512 - strlen(text), "%s %s %s x%lld %s|", r->actor, r->network, r->source,
		 (long long)r->count, r->why);
	return ERR_OK;
}

static const char *stored(void)
{
	static char text[512];
	text[0] = '\0';
	assert_int_equal(zonestore_refusals_each(store, zone.id, 0, 0, list, text, &msg), ERR_OK);
	return text;
}

static void what_is_alike_is_counted(void **state)
{
	(void)state;
	assert_true(note("unsigned", "192.0.2.9@1000", "nas.home.example. A: no grant"));
	assert_false(note("unsigned", "192.0.2.200@2000", "tv.home.example. A: no grant"));
	clock_fake(1001);
	assert_false(note("unsigned", "2001:db8::1@3000", "the clocks differ (BADTIME): set them"));
	assert_int_equal(refusals_write(refusals, store, &msg), ERR_OK);
	assert_string_equal(stored(),
			    "unsigned 2001:db8::/56 2001:db8::1@3000 x1 the clocks differ (BADTIME): set them|"
			    "unsigned 192.0.2.0/24 192.0.2.200@2000 x2 no grant|");
}

/* A COMMIT that failed leaves them to the next. */
static void they_stay_until_they_are_written(void **state)
{
	(void)state;
	assert_int_equal(sqlstore_begin(zonestore_sql(store), &msg), ERR_OK);
	note("a", "192.0.2.9@1000", "no grant");
	assert_int_equal(refusals_write(refusals, store, &msg), ERR_OK);
	sqlstore_rollback(zonestore_sql(store));
	assert_string_equal(stored(), "");
	assert_true(note("b", "192.0.2.9@1000", "no grant")); /* the other table */
	assert_int_equal(refusals_write(refusals, store, &msg), ERR_OK);
	refusals_written(refusals);
	assert_string_equal(stored(), "a 192.0.2.0/24 192.0.2.9@1000 x1 no grant|");
	clock_fake(1001);
	assert_int_equal(refusals_write(refusals, store, &msg), ERR_OK);
	refusals_written(refusals);
	assert_string_equal(stored(), "a 192.0.2.0/24 192.0.2.9@1000 x1 no grant|"
				      "b 192.0.2.0/24 192.0.2.9@1000 x1 no grant|");
}

static void there_is_room_for_so_many(void **state)
{
	(void)state;
	sqlite3_stmt *stmt;
	log_set_level(LOG_LEVEL_ERROR);
	for (int i = 0; i < 3 * REFUSALS_MAX; i++) {
		char actor[16];
		snprintf(actor, sizeof actor, "a%d", i);
		note(actor, "192.0.2.9@1000", "no grant");
	}
	note("a0", "192.0.2.9@1000", "no grant");
	assert_int_equal(refusals_write(refusals, store, &msg), ERR_OK);
	refusals_written(refusals);
	assert_int_equal(sqlite3_prepare_v2(sqlstore_handle(zonestore_sql(store)),
					    "SELECT count(*), sum(count) FROM refusal", -1, &stmt, NULL),
			 SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	assert_int_equal(sqlite3_column_int(stmt, 0), REFUSALS_MAX);
	assert_int_equal(sqlite3_column_int(stmt, 1), REFUSALS_MAX + 1);
	sqlite3_finalize(stmt);
	assert_true(note("later", "192.0.2.9@1000", "no grant"));
}

static void a_zone_that_is_not_there_has_no_history(void **state)
{
	(void)state;
	note_for("gone.example", "a", "192.0.2.9@1000", "no grant");
	note("b", "192.0.2.9@1000", "no grant");
	assert_int_equal(refusals_write(refusals, store, &msg), ERR_OK);
	assert_string_equal(stored(), "b 192.0.2.0/24 192.0.2.9@1000 x1 no grant|");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(what_is_alike_is_counted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(they_stay_until_they_are_written, set_up, tear_down),
		cmocka_unit_test_setup_teardown(there_is_room_for_so_many, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_zone_that_is_not_there_has_no_history, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
