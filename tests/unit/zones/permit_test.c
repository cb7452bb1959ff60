/* permit_test.c: the limits of grants: how many updates a period, how many records a name. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/qname.h"
#include "zones/change/update_internal.h"
#include "zones/memory/grace.h"

static const uint64_t second = UINT64_C(1000000000);
static struct permit *permit;
static struct name zone;

static struct name name_of(const char *text)
{
	struct name n;
	assert_int_equal(name_from_text(&n, text), ERR_OK);
	return n;
}

static int set_up(void **state)
{
	(void)state;
	zone = name_of("home.example");
	return permit_new(&permit) == ERR_OK ? 0 : -1;
}

static int tear_down(void **state)
{
	(void)state;
	permit_free(permit);
	grace_barrier();
	return 0;
}

static struct access_rate rate_of(const char *text)
{
	struct access_rate rate = {.count = 0};
	if (text)
		assert_int_equal(access_rate_from_text(&rate, text), ERR_OK);
	return rate;
}

/* One address at each of the names (with blanks between them), signed by that identity, under a grant. */
static struct update *make_update(const struct access_limits *limits, const uint8_t *identity, const char *names)
{
	struct update *u;
	char owner[256];
	uint8_t a[4] = {192, 0, 2, 1};
	int used;
	assert_int_equal(update_new(&u, zone.wire), ERR_OK);
	for (; sscanf(names, "%255s%n", owner, &used) == 1; names += used) {
		struct name n = name_of(owner);
		assert_int_equal(update_push(u, SECTION_UPDATE, n.wire, TYPE_A, CLASS_IN, 60, a, 4), ERR_OK);
		u->updates.item[u->updates.count - 1].limits = limits;
		a[3]++;
	}
	u->limited = true;
	u->rights.identity = identity;
	return u;
}

static enum rcode take(const struct access_limits *limits, const char *identity, const char *names, uint64_t now,
		       struct errmsg *why)
{
	struct name who = name_of(identity);
	struct update *u = make_update(limits, who.wire, names);
	enum rcode rcode = permit_rates(permit, u, now, why);
	assert_int_equal(rcode == RCODE_REFUSED, update_hint(u) != NULL);
	update_free(u);
	return rcode;
}

static void limits_an_identity(void **state)
{
	struct access_limits l = {.grant = 7, .rate = rate_of("2/1m,3")};
	struct errmsg why = {.text = ""};
	uint64_t now = 1000 * second;
	(void)state;
	for (int i = 0; i < 3; i++)
		assert_int_equal(take(&l, "nas", "a.home.example b.home.example", now, &why), RCODE_NOERROR);
	assert_int_equal(take(&l, "nas", "a.home.example", now, &why), RCODE_REFUSED);
	if (!strstr(why.text, "grant 7: more than 2/1m,3 updates by this key; the next is taken in 31 s"))
		fail_msg("%s", why.text);
	assert_int_equal(take(&l, "NAS2", "a.home.example", now, &why), RCODE_NOERROR); /* another one's bucket */
	struct access_limits other = l;
	other.grant = 8;
	assert_int_equal(take(&other, "nas", "a.home.example", now, &why), RCODE_NOERROR); /* another grant's */

	/* One token comes in 30 s; refused ones take none. */
	assert_int_equal(take(&l, "nas", "a.home.example", now + 29 * second, &why), RCODE_REFUSED);
	assert_int_equal(take(&l, "Nas", "a.home.example", now + 30 * second, &why), RCODE_NOERROR);
	assert_int_equal(take(&l, "nas", "a.home.example", now + 31 * second, &why), RCODE_REFUSED);
	/* After a long pause there are as many as the burst, not more. */
	now += 100000 * second;
	for (int i = 0; i < 3; i++)
		assert_int_equal(take(&l, "nas", "a.home.example", now, &why), RCODE_NOERROR);
	assert_int_equal(take(&l, "nas", "a.home.example", now, &why), RCODE_REFUSED);
}

/* An update that touches several names draws on all, or on none. */
static void limits_a_name(void **state)
{
	struct access_limits l = {.grant = 7, .name_rate = rate_of("1/1h")};
	struct errmsg why = {.text = ""};
	uint64_t now = 1000 * second;
	(void)state;
	assert_int_equal(take(&l, "nas", "a.home.example a.home.example A.home.example", now, &why), RCODE_NOERROR);
	assert_int_equal(take(&l, "nas", "b.home.example a.home.example", now, &why), RCODE_REFUSED);
	assert_non_null(strstr(why.text, "at a.home.example."));
	assert_int_equal(take(&l, "dhcp", "a.home.example", now, &why), RCODE_REFUSED); /* whoever asks */
	assert_int_equal(take(&l, "nas", "b.home.example", now, &why), RCODE_NOERROR);
	assert_int_equal(take(&l, "nas", "a.home.example b.home.example", now + 3600 * second, &why), RCODE_NOERROR);
}

/* One that is run again, as its batch could not be stored, pays once. */
static void charges_once(void **state)
{
	struct access_limits l = {.grant = 7, .rate = rate_of("1/1h")};
	struct errmsg why = {.text = ""};
	struct name who = name_of("nas");
	struct update *u = make_update(&l, who.wire, "a.home.example");
	(void)state;
	assert_int_equal(permit_rates(permit, u, second, &why), RCODE_NOERROR);
	assert_int_equal(permit_rates(permit, u, second, &why), RCODE_NOERROR);
	update_free(u);
	assert_int_equal(take(&l, "nas", "a.home.example", second, &why), RCODE_REFUSED);
}

/* Without a key it is the network that counts. */
static void limits_a_source(void **state)
{
	static const struct {
		const char *from;
		enum rcode rcode;
	} rows[] = {{"192.0.2.1", RCODE_NOERROR},      {"192.0.2.1", RCODE_REFUSED},   {"192.0.2.2", RCODE_NOERROR},
		    {"2001:db8::1", RCODE_NOERROR},    {"2001:db8::2", RCODE_REFUSED}, /* the same /64 */
		    {"2001:db8:0:1::1", RCODE_NOERROR}};
	struct access_limits l = {.grant = 7, .rate = rate_of("1/1h")};
	(void)state;
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct errmsg why = {.text = ""};
		struct update *u = make_update(&l, NULL, "a.home.example");
		assert_int_equal(addr_parse(&u->from, rows[i].from, 53, NULL), ERR_OK);
		u->who.from = &u->from;
		assert_int_equal(permit_rates(permit, u, second, &why), rows[i].rcode);
		update_free(u);
	}
}

/* The largest numbers that a rate can have do not run over. */
static void takes_the_largest_rates(void **state)
{
	static const char *const rates[] = {"1/31d,1000000", "1000000/1s", "1000000/31d,1000000"};
	struct errmsg why = {.text = ""};
	(void)state;
	for (size_t i = 0; i < sizeof rates / sizeof rates[0]; i++) {
		struct access_limits l = {.grant = (int64_t)i, .rate = rate_of(rates[i])};
		for (uint64_t n = 1; n < 1000; n++)
			assert_int_equal(take(&l, "nas", "a.home.example", n * 2 * second, &why), RCODE_NOERROR);
	}
}

/* More names than there are buckets: the table does not grow, and nobody gets less than is allowed. */
static void is_bounded(void **state)
{
	struct access_limits l = {.grant = 7, .name_rate = rate_of("1/1h")};
	struct errmsg why = {.text = ""};
	(void)state;
	for (int i = 0; i < 50000; i++) {
		char name[64];
		snprintf(name, sizeof name, "h%d.home.example", i);
		assert_int_equal(take(&l, "nas", name, second, &why), RCODE_NOERROR);
	}
}

static void counts_records(void **state)
{
	static const uint16_t types[] = {TYPE_A, TYPE_AAAA};
	const uint8_t txt[] = {1, 'x'};
	struct access_limits l = {.grant = 7, .max_records = 2, .type_count = 2, .types = types};
	struct errmsg why = {.text = ""};
	struct name who = name_of("nas"), owner = name_of("a.home.example");
	struct zone *z;
	struct edit *e;
	bool soa_set;
	(void)state;
	assert_int_equal(zone_new(&z, zone.wire, 1, 16), ERR_OK);
	assert_int_equal(edit_begin(&e, z), ERR_OK);
	/* Types that the grant does not cover do not count. */
	assert_int_equal(edit_add(e, owner.wire, TYPE_TXT, 60, txt, sizeof txt, NULL), ERR_OK);
	struct update *u = make_update(&l, who.wire, "a.home.example a.home.example b.home.example");
	assert_int_equal(update_apply(u, e, permit, &soa_set, &why), RCODE_NOERROR);
	update_free(u);
	edit_savepoint(e);
	u = make_update(&l, who.wire, "c.home.example a.home.example a.home.example a.home.example");
	assert_int_equal(update_apply(u, e, permit, &soa_set, &why), RCODE_REFUSED);
	assert_string_equal(why.text, "grant 7: there would be 4 records at a.home.example., and it lets be 2");
	assert_non_null(update_hint(u));
	edit_rollback(e);
	update_free(u);
	/* Deleting is always right, also for what has too many. */
	l.max_records = 1;
	u = make_update(&l, who.wire, "a.home.example");
	u->updates.item[0].rr.class = CLASS_NONE;
	u->updates.item[0].rr.ttl = 0;
	assert_int_equal(update_apply(u, e, permit, &soa_set, &why), RCODE_NOERROR);
	update_free(u);
	edit_abandon(e);
	zone_release(z);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(limits_an_identity, set_up, tear_down),
		cmocka_unit_test_setup_teardown(limits_a_name, set_up, tear_down),
		cmocka_unit_test_setup_teardown(charges_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(limits_a_source, set_up, tear_down),
		cmocka_unit_test_setup_teardown(takes_the_largest_rates, set_up, tear_down),
		cmocka_unit_test_setup_teardown(is_bounded, set_up, tear_down),
		cmocka_unit_test_setup_teardown(counts_records, set_up, tear_down),
	};
	if (qname_seed())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
