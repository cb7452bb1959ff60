/* lease_test.c: leases in the store; what updates do to them; the update that ends them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/qname.h"
#include "zones/change/lease.h"

enum { NOW = 1000000 };

static char dir[64], path[96];
static struct zonestore *store;
static struct errmsg msg;
static struct zonestore_zone zone;
static struct lease_names *names;

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

static int set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/lease_test.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/roost.db", dir);
	msg = (struct errmsg){.text = ""};
	ok(qname_seed());
	ok(zonestore_open(&store, path, SQLSTORE_CREATE, &msg));
	zone = (struct zonestore_zone){
		.name = name_of("home.example"), .role = ZONE_PRIMARY, .policy = SERIAL_INCREMENT};
	ok(zonestore_add_zone(store, &zone, &msg));
	ok(lease_names_new(&names, store, &msg));
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
	lease_names_free(names);
	zonestore_close(store);
	for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
		char file[128];
		snprintf(file, sizeof file, "%s%s", path, suffixes[i]);
		unlink(file);
	}
	return rmdir(dir);
}

/* ---- the store ---- */

static const struct content_rr a1 = {.type = TYPE_A, .rdlen = 4, .rdata = (const uint8_t *)"\300\0\2\1"};
static const struct content_rr a2 = {.type = TYPE_A, .rdlen = 4, .rdata = (const uint8_t *)"\300\0\2\2"};
static const struct content_rr mx = {.type = TYPE_MX, .rdlen = 7, .rdata = (const uint8_t *)"\0\12\3MaX"};
static const struct content_rr mx_lower = {.type = TYPE_MX, .rdlen = 7, .rdata = (const uint8_t *)"\0\12\3max"};
static const struct content_rr empty = {.type = 65280, .rdlen = 0, .rdata = (const uint8_t *)""};

static void put(const char *owner, const struct content_rr *rr, int64_t expires)
{
	struct name n = name_of(owner);
	ok(zonestore_leases_put(store, zone.id, n.wire, rr, expires, &msg));
}

static int64_t find(const char *owner, const struct content_rr *rr)
{
	struct name n = name_of(owner);
	int64_t expires;
	ok(zonestore_leases_find(store, zone.id, n.wire, rr, &expires, &msg));
	return expires;
}

static void drop(const char *owner, const struct content_rr *rr)
{
	struct name n = name_of(owner);
	ok(zonestore_leases_drop(store, zone.id, n.wire, rr, &msg));
}

static enum err count(void *arg, const struct zonestore_lease *l)
{
	unsigned *n = arg;
	(void)l;
	++*n;
	return ERR_OK;
}

static unsigned all(void)
{
	unsigned n = 0;
	ok(zonestore_leases_all(store, count, &n, &msg));
	return n;
}

static enum err note_zone(void *arg, const struct name *z)
{
	char text[NAME_TEXT_MAX];
	snprintf((char *)arg + strlen(arg), 64 - strlen(arg), "%s;", name_to_text(z->wire, text));
	return ERR_OK;
}

static void keeps_leases(void **state)
{
	(void)state;
	put("Nas.home.example", &a1, 10);
	put("nas.home.example", &a2, 20);
	put("nas.home.example", &mx, 30);
	put("nas.home.example", &empty, 40);
	assert_int_equal(find("nas.HOME.example", &a1), 10);
	assert_int_equal(find("nas.home.example", &mx_lower), 30);
	assert_int_equal(find("nas.home.example", &empty), 40);
	assert_int_equal(find("tv.home.example", &a1), 0);
	put("nas.home.example", &mx_lower, 31); /* the same record */
	assert_int_equal(all(), 4);
	drop("nas.home.example", &mx);
	assert_int_equal(find("nas.home.example", &mx), 0);
	drop("nas.home.example", &(struct content_rr){.type = TYPE_A});
	assert_int_equal(all(), 1);
	put("nas.home.example", &a1, 10);
	put("a.nas.home.example", &a1, 10);
	drop("nas.home.example", &(struct content_rr){.type = TYPE_ANY});
	assert_int_equal(all(), 1);
	ok(zonestore_remove_zone(store, zone.id, &msg));
	assert_int_equal(all(), 0);
}

static void tells_what_is_due(void **state)
{
	(void)state;
	char zones[64] = "";
	int64_t next;
	struct zonestore_zone other = {.name = name_of("b.example"), .role = ZONE_PRIMARY, .policy = SERIAL_INCREMENT};
	struct name nas = name_of("nas.b.example");
	unsigned n = 0;
	ok(zonestore_leases_next(store, 0, &next, &msg));
	assert_true(next == INT64_MAX);
	ok(zonestore_add_zone(store, &other, &msg));
	put("nas.home.example", &a1, 10);
	put("nas.home.example", &a2, 20);
	ok(zonestore_leases_put(store, other.id, nas.wire, &a1, 15, &msg));
	ok(zonestore_leases_next(store, 0, &next, &msg));
	assert_int_equal(next, 10);
	ok(zonestore_leases_next(store, 15, &next, &msg));
	assert_int_equal(next, 20);
	ok(zonestore_leases_due_zones(store, 9, note_zone, zones, &msg));
	assert_string_equal(zones, "");
	ok(zonestore_leases_due_zones(store, 14, note_zone, zones, &msg));
	assert_string_equal(zones, "home.example.;");
	ok(zonestore_leases_due(store, zone.id, 20, 0, count, &n, &msg));
	assert_int_equal(n, 2);
	n = 0;
	ok(zonestore_leases_due(store, zone.id, 19, 0, count, &n, &msg));
	assert_int_equal(n, 1);
}

static void a_damaged_lease_is_named(void **state)
{
	(void)state;
	unsigned n = 0;
	put("nas.home.example", &a1, 10);
	assert_int_equal(
		sqlite3_exec(sqlstore_handle(zonestore_sql(store)), "UPDATE lease SET rdata = x'00'", NULL, NULL, NULL),
		SQLITE_OK);
	assert_int_equal(zonestore_leases_all(store, count, &n, &msg), ERR_CORRUPT);
	assert_non_null(strstr(msg.text, "home.example"));
}

/* ---- updates ---- */

static struct update *update_of(const char *owner, uint16_t class, const struct content_rr *rr)
{
	struct update *u;
	struct name n = name_of(owner);
	ok(update_new(&u, zone.name.wire));
	ok(update_push(u, SECTION_UPDATE, n.wire, rr->type, class, 0, rr->rdata, rr->rdlen));
	return u;
}

/* Applied by hand, as roostctl does it, or with a lease. */
static void settle(const char *owner, uint16_t class, const struct content_rr *rr, uint32_t lease, bool concerns)
{
	struct update *u = update_of(owner, class, rr);
	uint32_t key_lease = 0;
	if (lease)
		lease_grant(u, true, &lease, &key_lease);
	assert_int_equal(lease_concerns(names, u), concerns);
	if (concerns)
		ok(lease_settle(names, store, zone.id, u, NOW, &msg));
	update_free(u);
}

static void names_without_leases_cost_nothing(void **state)
{
	(void)state;
	settle("nas.home.example", CLASS_IN, &a1, 0, false);
	settle("nas.home.example", CLASS_ANY, &(struct content_rr){.type = TYPE_ANY}, 0, false);
	settle("nas.home.example", CLASS_IN, &a1, 60, true);
	assert_int_equal(find("nas.home.example", &a1), NOW + 60 * 1000);
	for (int i = 0; i < 200; i++) {
		char name[32];
		snprintf(name, sizeof name, "h%d.home.example", i);
		settle(name, CLASS_IN, &a1, 0, false);
		settle(name, CLASS_IN, &a1, 60, true);
		settle(name, CLASS_NONE, &a1, 0, true);
	}
	assert_int_equal(all(), 1);
	settle("NAS.home.example", CLASS_IN, &mx, 0, true);
	assert_int_equal(all(), 1);

	/* What was there before the start counts too. */
	lease_names_free(names);
	ok(lease_names_new(&names, store, &msg));
	settle("tv.home.example", CLASS_IN, &a1, 0, false);
	settle("nas.home.example", CLASS_IN, &a2, 0, true); /* by hand: all of the type */
	assert_int_equal(all(), 0);
}

static void only_what_has_ended_is_deleted(void **state)
{
	(void)state;
	struct update *u;
	settle("nas.home.example", CLASS_IN, &a1, 60, true);
	settle("nas.home.example", CLASS_IN, &a2, 61, true);
	ok(lease_expire(&u, store, &zone, NOW + 59999, &msg));
	assert_int_equal(update_count(u, SECTION_UPDATE), 0);
	update_free(u);
	ok(lease_expire(&u, store, &zone, NOW + 60000, &msg));
	assert_int_equal(update_count(u, SECTION_UPDATE), 1);
	const struct update_rr *rr = update_rr_at(u, SECTION_UPDATE, 0);
	assert_int_equal(rr->class, CLASS_NONE);
	assert_memory_equal(rr->rdata, a1.rdata, 4);
	assert_true(lease_concerns(names, u));
	ok(lease_settle(names, store, zone.id, u, NOW, &msg));
	assert_int_equal(find("nas.home.example", &a1), 0);
	assert_int_equal(find("nas.home.example", &a2), NOW + 61000); /* of the same RRset, but not yet */
	update_free(u);
}

static void leases_have_bounds(void **state)
{
	(void)state;
	static const struct {
		bool both;
		uint32_t lease, key_lease, got, key_got;
	} cases[] = {
		{true, 3600, 0, 3600, 3600},
		{true, 0, 0, LEASE_MIN, LEASE_MIN},
		{true, UINT32_MAX, 0, LEASE_MAX, LEASE_MAX},
		{false, 3600, 7200, 3600, 7200},
		{false, 0, 0, LEASE_MIN, LEASE_MIN},
		{false, UINT32_MAX, UINT32_MAX, LEASE_MAX, LEASE_KEY_MAX},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct update *u = update_of("nas.home.example", CLASS_IN, &a1);
		uint32_t lease = cases[i].lease, key_lease = cases[i].key_lease;
		lease_grant(u, cases[i].both, &lease, &key_lease);
		assert_int_equal(lease, cases[i].got);
		assert_int_equal(key_lease, cases[i].key_got);
		update_free(u);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keeps_leases, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tells_what_is_due, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_damaged_lease_is_named, set_up, tear_down),
		cmocka_unit_test_setup_teardown(names_without_leases_cost_nothing, set_up, tear_down),
		cmocka_unit_test_setup_teardown(only_what_has_ended_is_deleted, set_up, tear_down),
		cmocka_unit_test_setup_teardown(leases_have_bounds, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
