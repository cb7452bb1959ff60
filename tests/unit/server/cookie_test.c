/* cookie: the vectors of RFC 9018 Appendix A; age, other addresses, other secrets, other servers' forms. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "server/dns/cookie.h"

static unsigned digit(char c)
{
	return (unsigned)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static size_t from_hex(uint8_t *out, const char *text)
{
	size_t n = strlen(text) / 2;
	for (size_t i = 0; i < n; i++)
		out[i] = (uint8_t)(digit(text[2 * i]) << 4 | digit(text[2 * i + 1]));
	return n;
}

static struct addr client(const char *text)
{
	struct addr a;
	assert_int_equal(addr_parse(&a, text, 4000, NULL), ERR_OK);
	return a;
}

static struct cookie_secrets secrets(const char *first, const char *second)
{
	struct cookie_secrets s = {.count = second ? 2 : 1};
	from_hex(s.secret[0], first);
	if (second)
		from_hex(s.secret[1], second);
	return s;
}

/* What comes of a cookie; the answer's is compared when `answer` is there. */
static enum cookie_state judge(const struct cookie_secrets *s, const char *cookie, const char *from, uint64_t now,
			       const char *answer)
{
	uint8_t wire[COOKIE_OPTION_MAX], out[COOKIE_LEN], expected[COOKIE_LEN];
	struct addr a = client(from);
	size_t len = from_hex(wire, cookie);
	enum cookie_state state = cookie_answer(s, wire, len, &a, now, out);
	if (answer) {
		assert_int_equal(from_hex(expected, answer), COOKIE_LEN);
		assert_memory_equal(out, expected, COOKIE_LEN);
	}
	return state;
}

static const char secret[] = "e5e973e5a6b2a43f48e7dc849e37bfcf";
static const char given[] = "2464c4abcf10c957010000005cf79f111f8130c3eee29480";
static const uint64_t given_at = 1559731985;
static const char resolver[] = "198.51.100.100";

static void rfc9018_a1_new(void **state)
{
	(void)state;
	struct cookie_secrets s = secrets(secret, NULL);
	assert_int_equal(judge(&s, "2464c4abcf10c957", resolver, given_at, given), COOKIE_CLIENT);
}

static void rfc9018_a2_renewed(void **state)
{
	(void)state;
	struct cookie_secrets s = secrets(secret, NULL);
	assert_int_equal(judge(&s, given, resolver, 1559734385, "2464c4abcf10c957010000005cf7a871d4a564a1442aca77"),
			 COOKIE_VALID);
}

static void rfc9018_a3_reserved_octets(void **state)
{
	(void)state;
	struct cookie_secrets s = secrets(secret, NULL);
	const char *cookie = "fc93fc62807ddb8601abcdef5cf78f71a314227b6679ebf5";
	assert_int_equal(judge(&s, cookie, "203.0.113.203", 1559727985, cookie), COOKIE_VALID);
	/* The appendix has it renewed after nearly two hours, more than §4.3 lets it live. */
	assert_int_equal(
		judge(&s, cookie, "203.0.113.203", 1559734700, "fc93fc62807ddb86010000005cf7a9acf73a7810aca2381e"),
		COOKIE_INVALID);
}

static void rfc9018_a4_rollover(void **state)
{
	(void)state;
	struct cookie_secrets s = secrets("445536bcd2513298075a5d379663c962", "dd3bdf9344b678b185a6f5cb60fca715");
	const char *cookie = "22681ab97d52c298010000005cf7c57926556bd0934c72f8";
	assert_int_equal(judge(&s, cookie, "2001:db8:220:1:59de:d0f4:8769:82b8", 1559741961,
			       "22681ab97d52c298010000005cf7c609a6bb79d16625507a"),
			 COOKIE_VALID);
	s.count = 1;
	assert_int_equal(judge(&s, cookie, "2001:db8:220:1:59de:d0f4:8769:82b8", 1559741961, NULL), COOKIE_INVALID);
}

static void age(void **state)
{
	(void)state;
	struct cookie_secrets s = secrets(secret, NULL);
	assert_int_equal(judge(&s, given, resolver, given_at + 1800, given), COOKIE_VALID);
	assert_int_equal(judge(&s, given, resolver, given_at + 3600, NULL), COOKIE_VALID);
	assert_int_equal(judge(&s, given, resolver, given_at + 3601, NULL), COOKIE_INVALID);
	assert_int_equal(judge(&s, given, resolver, given_at - 300, given), COOKIE_VALID);
	assert_int_equal(judge(&s, given, resolver, given_at - 301, NULL), COOKIE_INVALID);
}

/* The 32 bits of the time go round on 7 February 2106. */
static void round_the_end_of_time(void **state)
{
	(void)state;
	struct cookie_secrets s = secrets(secret, NULL);
	struct addr a = client(resolver);
	uint8_t before[COOKIE_LEN], out[COOKIE_LEN];
	uint64_t end = UINT64_C(1) << 32;
	assert_int_equal(cookie_answer(&s, (const uint8_t *)"12345678", 8, &a, end - 60, before), COOKIE_CLIENT);
	assert_int_equal(cookie_answer(&s, before, COOKIE_LEN, &a, end + 60, out), COOKIE_VALID);
	assert_int_equal(cookie_answer(&s, before, COOKIE_LEN, &a, end + 3600, out), COOKIE_INVALID);
}

static void of_another(void **state)
{
	(void)state;
	struct cookie_secrets s = secrets(secret, NULL);
	assert_int_equal(judge(&s, given, "198.51.100.101", given_at, NULL), COOKIE_INVALID);
	assert_int_equal(judge(&s, given, "2001:db8::1", given_at, NULL), COOKIE_INVALID);
	/* Of another version, or of a length that is not ours. */
	assert_int_equal(judge(&s, "2464c4abcf10c957020000005cf79f111f8130c3eee29480", resolver, given_at, NULL),
			 COOKIE_INVALID);
	assert_int_equal(judge(&s, "2464c4abcf10c957010000005cf79f11", resolver, given_at, given), COOKIE_INVALID);
	assert_int_equal(judge(&s, "2464c4abcf10c957010000005cf79f111f8130c3eee2948000", resolver, given_at, NULL),
			 COOKIE_INVALID);
	struct cookie_secrets other = secrets("00000000000000000000000000000000", NULL);
	assert_int_equal(judge(&other, given, resolver, given_at, NULL), COOKIE_INVALID);
}

static void every_bit_counts(void **state)
{
	(void)state;
	struct cookie_secrets s = secrets(secret, NULL);
	struct addr a = client(resolver);
	uint8_t cookie[COOKIE_LEN], out[COOKIE_LEN];
	from_hex(cookie, given);
	for (unsigned i = 0; i < 8 * COOKIE_LEN; i++) {
		cookie[i / 8] ^= (uint8_t)(1 << i % 8);
		assert_int_equal(cookie_answer(&s, cookie, COOKIE_LEN, &a, given_at, out), COOKIE_INVALID);
		cookie[i / 8] ^= (uint8_t)(1 << i % 8);
	}
	assert_int_equal(cookie_answer(&s, cookie, COOKIE_LEN, &a, given_at, out), COOKIE_VALID);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(rfc9018_a1_new),
		cmocka_unit_test(rfc9018_a2_renewed),
		cmocka_unit_test(rfc9018_a3_reserved_octets),
		cmocka_unit_test(rfc9018_a4_rollover),
		cmocka_unit_test(age),
		cmocka_unit_test(round_the_end_of_time),
		cmocka_unit_test(of_another),
		cmocka_unit_test(every_bit_counts),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
