/* secret: tokens are all different and recognised, passwords fit only themselves. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "keys/secret.h"

static void test_tokens(void **state)
{
	(void)state;
	char a[SECRET_TOKEN_TEXT], b[SECRET_TOKEN_TEXT];
	uint8_t hash[SECRET_HASH_LEN], other[SECRET_HASH_LEN];
	/* Every character of the alphabet comes sooner or later: no bit is lost on the way. */
	bool seen[256] = {false};
	unsigned distinct = 0;
	for (int i = 0; i < 200; i++) {
		assert_int_equal(secret_make_token(a), ERR_OK);
		assert_true(secret_is_token(a));
		for (const char *c = a + 3; *c; c++)
			distinct += !seen[(uint8_t)*c] && (seen[(uint8_t)*c] = true);
	}
	assert_int_equal(distinct, 32);
	assert_int_equal(secret_make_token(b), ERR_OK);
	assert_string_not_equal(a, b);
	assert_int_equal(secret_hash_token(hash, a), ERR_OK);
	assert_int_equal(secret_hash_token(other, b), ERR_OK);
	assert_false(secret_equal(hash, other, sizeof hash));
	assert_int_equal(secret_hash_token(other, a), ERR_OK);
	assert_true(secret_equal(hash, other, sizeof hash));
}

static void test_what_is_no_token(void **state)
{
	(void)state;
	assert_true(secret_is_token("rt_abcdefghijklmnopqrstuvwxyz234567"));
	assert_false(secret_is_token("rt_abcdefghijklmnopqrstuvwxyz23456"));
	assert_false(secret_is_token("rt_abcdefghijklmnopqrstuvwxyz2345678"));
	assert_false(secret_is_token("rt_abcdefghijklmnopqrstuvwxyz234568"));
	assert_false(secret_is_token("rt_Abcdefghijklmnopqrstuvwxyz234567"));
	assert_false(secret_is_token("rs_abcdefghijklmnopqrstuvwxyz234567"));
	assert_false(secret_is_token(""));
}

static void test_known_hash(void **state)
{
	(void)state;
	static const uint8_t abc[] = {0xba, 0x78, 0x16, 0xbf, 0x8f, 0x01, 0xcf, 0xea, 0x41, 0x41, 0x40,
				      0xde, 0x5d, 0xae, 0x22, 0x23, 0xb0, 0x03, 0x61, 0xa3, 0x96, 0x17,
				      0x7a, 0x9c, 0xb4, 0x10, 0xff, 0x61, 0xf2, 0x00, 0x15, 0xad}; /* FIPS 180-4 */
	uint8_t hash[SECRET_HASH_LEN];
	assert_int_equal(secret_hash_token(hash, "abc"), ERR_OK);
	assert_memory_equal(hash, abc, sizeof hash);
}

static void test_passwords(void **state)
{
	(void)state;
	struct secret_password p, again;
	char longest[SECRET_PASSWORD_MAX + 2];
	assert_int_equal(secret_set_password(&p, "correct horse"), ERR_OK);
	assert_true(secret_check_password(&p, "correct horse"));
	assert_false(secret_check_password(&p, "correct horsE"));
	assert_false(secret_check_password(&p, ""));
	assert_int_equal(secret_set_password(&again, "correct horse"), ERR_OK);
	assert_memory_not_equal(&p, &again, sizeof p);
	assert_int_equal(secret_set_password(&p, "1234567"), ERR_RANGE);
	memset(longest, 'a', sizeof longest - 1);
	longest[sizeof longest - 1] = '\0';
	assert_int_equal(secret_set_password(&p, longest), ERR_RANGE);
	assert_false(secret_check_password(&p, longest));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_tokens),
		cmocka_unit_test(test_what_is_no_token),
		cmocka_unit_test(test_known_hash),
		cmocka_unit_test(test_passwords),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
