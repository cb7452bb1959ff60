/* lockout: guessing gets slow, by source and by account; those who know their secret are not shut out. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "keys/lockout.h"

static const uint64_t second = 1000000000, begin = 1000000000000;

static struct addr address(const char *text)
{
	struct addr a;
	assert_int_equal(addr_parse(&a, text, 1, NULL), ERR_OK);
	return a;
}

static void test_source(void **state)
{
	(void)state;
	struct lockout *l;
	struct addr a = address("192.0.2.1"), b = address("192.0.2.2");
	unsigned wait;
	char account[32];
	assert_int_equal(lockout_new(&l), ERR_OK);
	for (int i = 0; i < 10; i++) {
		snprintf(account, sizeof account, "guess%d", i);
		assert_true(lockout_allows(l, &a, account, begin, &wait));
		assert_int_equal(lockout_failed(l, &a, account, begin), i == 9 ? LOCKOUT_SOURCE : LOCKOUT_NOTHING);
	}
	assert_false(lockout_allows(l, &a, "other", begin, &wait));
	assert_int_equal(wait, 10);
	assert_true(lockout_allows(l, &b, "other", begin, &wait));
	assert_false(lockout_allows(l, &a, "other", begin + 9 * second, &wait));
	assert_int_equal(wait, 1);
	assert_true(lockout_allows(l, &a, "other", begin + 10 * second, &wait));
	/* One more failure is one more wait, and no second alarm before it was forgiven. */
	assert_int_equal(lockout_failed(l, &a, "other", begin + 10 * second), LOCKOUT_SOURCE);
	assert_false(lockout_allows(l, &a, "other", begin + 10 * second, &wait));
	assert_int_equal(lockout_failed(l, &a, "other", begin + 10 * second), LOCKOUT_NOTHING);
	assert_true(lockout_allows(l, &a, "other", begin + 1000 * second, &wait));
	lockout_free(l);
	lockout_free(NULL);
}

static void test_network(void **state)
{
	(void)state;
	struct lockout *l;
	struct addr a = address("2001:db8::1"), same = address("2001:db8::2"), other = address("2001:db8:0:1::1");
	unsigned wait;
	assert_int_equal(lockout_new(&l), ERR_OK);
	for (int i = 0; i < 10; i++)
		(void)lockout_failed(l, &a, "", begin);
	assert_false(lockout_allows(l, &same, "", begin, &wait));
	assert_true(lockout_allows(l, &other, "", begin, &wait));
	lockout_free(l);
}

static void test_account(void **state)
{
	(void)state;
	struct lockout *l;
	struct addr home = address("192.0.2.1"), fresh = address("203.0.113.1");
	unsigned wait, alarms = 0;
	assert_int_equal(lockout_new(&l), ERR_OK);
	lockout_succeeded(l, &home, "Alice", begin);
	for (int i = 0; i < 50; i++) {
		char text[32];
		snprintf(text, sizeof text, "198.51.100.%d", i);
		struct addr guesser = address(text);
		alarms += lockout_failed(l, &guesser, "alice", begin) == LOCKOUT_ACCOUNT;
	}
	assert_int_equal(alarms, 1);
	assert_false(lockout_allows(l, &fresh, "ALICE", begin, &wait));
	assert_int_equal(wait, 2);
	assert_true(lockout_allows(l, &fresh, "bob", begin, &wait));
	assert_true(lockout_allows(l, &home, "alice", begin, &wait));
	/* Home fails: it is one of many sources again. */
	(void)lockout_failed(l, &home, "alice", begin);
	assert_false(lockout_allows(l, &home, "alice", begin, &wait));
	assert_true(lockout_allows(l, &home, "alice", begin + 10 * second, &wait));
	lockout_free(l);
}

static void test_crowd(void **state)
{
	(void)state;
	struct lockout *l;
	struct addr guesser = address("192.0.2.1");
	unsigned wait;
	assert_int_equal(lockout_new(&l), ERR_OK);
	for (int i = 0; i < 200; i++)
		(void)lockout_failed(l, &guesser, "", begin);
	for (int i = 0; i < 100000; i++) {
		char text[32];
		snprintf(text, sizeof text, "10.%d.%d.%d", i >> 16, i >> 8 & 255, i & 255);
		struct addr a = address(text);
		(void)lockout_failed(l, &a, "", begin);
	}
	assert_false(lockout_allows(l, &guesser, "", begin, &wait)); /* those who failed most stay */
	lockout_free(l);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_source),
		cmocka_unit_test(test_network),
		cmocka_unit_test(test_account),
		cmocka_unit_test(test_crowd),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
