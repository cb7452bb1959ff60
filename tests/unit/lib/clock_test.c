#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <time.h>

#include "lib/clock.h"

static void text_form(void **state)
{
	(void)state;
	static const struct {
		int64_t ms;
		const char *text;
	} cases[] = {
		{0, "1970-01-01T00:00:00.000Z"},
		{INT64_C(1772366400123), "2026-03-01T12:00:00.123Z"},
		{INT64_C(951782399999), "2000-02-28T23:59:59.999Z"},
		{INT64_C(951782400000), "2000-02-29T00:00:00.000Z"},
		{INT64_C(4294967296000), "2106-02-07T06:28:16.000Z"},
		{-1, "1969-12-31T23:59:59.999Z"},
		{-1000, "1969-12-31T23:59:59.000Z"},
		{INT64_C(253402300799999), "9999-12-31T23:59:59.999Z"},
		{INT64_C(253402300800000), "9999-12-31T23:59:59.999Z"},
		{INT64_MAX, "9999-12-31T23:59:59.999Z"},
		{INT64_C(-62135596800000), "0001-01-01T00:00:00.000Z"},
		{INT64_MIN, "0000-01-01T00:00:00.000Z"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char out[CLOCK_TEXT_MAX];
		assert_ptr_equal(clock_to_text(cases[i].ms, out), out);
		assert_string_equal(out, cases[i].text);
	}
}

static void from_text(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int64_t ms; /* -1: not a time */
	} cases[] = {
		{"2026-03-01T12:00:00.123Z", INT64_C(1772366400000)},
		{"2026-03-01T12:00:00Z", INT64_C(1772366400000)},
		{"2026-03-01 12:00:00", INT64_C(1772366400000)},
		{"2026-03-01", INT64_C(1772323200000)},
		{"1970-01-01", 0},
		{"", -1},
		{"2026-03", -1},
		{"2026-13-01", -1},
		{"2026-03-01T12:00", -1},
		{"2026-03-01T12:00:00+01:00", -1},
		{"2026-03-01Zx", -1},
		{"tomorrow", -1},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		int64_t ms = -1;
		assert_int_equal(clock_from_text(&ms, cases[i].text), cases[i].ms != -1);
		assert_true(ms == cases[i].ms);
	}
}

static void fake_and_real(void **state)
{
	(void)state;
	clock_fake(1234567890);
	assert_int_equal(clock_unix(), 1234567890);
	assert_int_equal(clock_unix_ms(), INT64_C(1234567890000));
	uint64_t before = clock_monotonic_ns(), after = clock_monotonic_ns();
	assert_true(after >= before);
	clock_fake(0);
	int64_t real = (int64_t)time(NULL);
	int64_t got = (int64_t)clock_unix();
	assert_true(got - real <= 2 && real - got <= 2);
	assert_true(clock_unix_ms() / 1000 - got <= 2);
}

static void coarse(void **state)
{
	(void)state;
	uint64_t ms = clock_coarse_ms(), ns = clock_monotonic_ns();
	/* The kernel's tick is 10 ms at most. */
	assert_true(ms <= ns / 1000000 && ms + 1000 > ns / 1000000);
	assert_true(clock_coarse_ms() >= ms);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_form),
		cmocka_unit_test(from_text),
		cmocka_unit_test(fake_and_real),
		cmocka_unit_test(coarse),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
