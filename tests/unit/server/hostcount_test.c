/* hostcount: limits a host, an IPv6 /64 as one, and a table that grows and shrinks. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <string.h>

#include "server/net/hostcount.h"

enum { MANY = 1000 };

static struct addr address(const char *text)
{
	struct addr a;
	assert_int_equal(addr_parse(&a, text, 1, NULL), ERR_OK);
	return a;
}

static void test_limit(void **state)
{
	(void)state;
	struct hostcount *h;
	assert_int_equal(hostcount_new(&h), ERR_OK);
	struct addr a = address("192.0.2.1@5"), again = address("192.0.2.1@6"), other = address("192.0.2.2@5");
	struct hostcount_host *one = hostcount_take(h, &a, 2), *two = hostcount_take(h, &again, 2);
	assert_non_null(one);
	assert_ptr_equal(one, two);
	assert_null(hostcount_take(h, &a, 2));
	assert_non_null(hostcount_take(h, &other, 2));
	assert_non_null(hostcount_take(h, &a, 0));
	hostcount_give(h, one);
	hostcount_give(h, one);
	assert_non_null(hostcount_take(h, &a, 2));
	hostcount_give(h, NULL);
	hostcount_free(h);
	hostcount_free(NULL);
}

static void test_networks(void **state)
{
	(void)state;
	struct hostcount *h;
	assert_int_equal(hostcount_new(&h), ERR_OK);
	struct addr a = address("2001:db8::1"), same = address("2001:db8::ffff:1"), next = address("2001:db8:0:1::1");
	struct addr v4 = address("0.0.0.0");
	struct hostcount_host *one = hostcount_take(h, &a, 1);
	assert_non_null(one);
	assert_null(hostcount_take(h, &same, 1));
	assert_non_null(hostcount_take(h, &next, 1));
	assert_non_null(hostcount_take(h, &v4, 1));
	hostcount_give(h, one);
	assert_non_null(hostcount_take(h, &same, 1));
	hostcount_free(h);
}

static void test_many(void **state)
{
	(void)state;
	struct hostcount *h;
	struct hostcount_host *host[MANY];
	char text[32];
	assert_int_equal(hostcount_new(&h), ERR_OK);
	for (int round = 0; round < 2; round++) {
		for (int i = 0; i < MANY; i++) {
			snprintf(text, sizeof text, "198.51.%d.%d", i / 250, i % 250);
			struct addr a = address(text);
			host[i] = hostcount_take(h, &a, 1);
			assert_non_null(host[i]);
			assert_null(hostcount_take(h, &a, 1));
		}
		for (int i = 0; i < MANY; i++)
			hostcount_give(h, host[i]);
	}
	hostcount_free(h);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_limit),
		cmocka_unit_test(test_networks),
		cmocka_unit_test(test_many),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
