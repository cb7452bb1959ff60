#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <string.h>

#include "lib/err.h"

static void set_formats_and_returns_the_code(void **state)
{
	(void)state;
	struct errmsg msg = {0};
	assert_int_equal(errmsg_set(&msg, ERR_BUSY, "%s: %d", "file", 7), ERR_BUSY);
	assert_string_equal(msg.text, "file: 7");
	assert_int_equal(errmsg_set(NULL, ERR_IO, "nobody reads this"), ERR_IO);
}

static void text_may_be_its_own_argument(void **state)
{
	(void)state;
	struct errmsg msg = {0};
	errmsg_set(&msg, ERR_IO, "inner");
	errmsg_set(&msg, ERR_IO, "outer: %s", msg.text);
	assert_string_equal(msg.text, "outer: inner");
	errmsg_prefix(&msg, "%s", msg.text);
	assert_string_equal(msg.text, "outer: inner: outer: inner");
}

static void prefix_goes_before(void **state)
{
	(void)state;
	struct errmsg msg = {0};
	errmsg_set(&msg, ERR_FORMAT, "no such type");
	errmsg_prefix(&msg, "%s:%d", "zone.txt", 12);
	assert_string_equal(msg.text, "zone.txt:12: no such type");
	errmsg_prefix(NULL, "x");
}

static void one_line_always(void **state)
{
	(void)state;
	struct errmsg msg = {0};
	errmsg_set(&msg, ERR_FORMAT,
		   "a\nb\r\tc\x7f"
		   "d");
	assert_string_equal(msg.text, "a b  c d");
}

static void long_text_is_cut_between_characters(void **state)
{
	(void)state;
	struct errmsg msg;
	/* 510 octets of ASCII and a two-octet character: only half of it would fit. */
	char text[600];
	memset(text, 'x', sizeof text);
	strcpy(text + ERRMSG_MAX - 2, "\xc3\xa9");
	errmsg_set(&msg, ERR_FORMAT, "%s", text);
	assert_int_equal(strlen(msg.text), ERRMSG_MAX - 2);
	/* One octet earlier it fits whole. */
	strcpy(text + ERRMSG_MAX - 3, "\xc3\xa9zzz");
	errmsg_set(&msg, ERR_FORMAT, "%s", text);
	assert_int_equal(strlen(msg.text), ERRMSG_MAX - 1);
	errmsg_prefix(&msg, "%s", text);
	assert_int_equal(strlen(msg.text), ERRMSG_MAX - 1);
}

static void errno_survives(void **state)
{
	(void)state;
	struct errmsg msg;
	errno = EACCES;
	errmsg_set(&msg, ERR_IO, "x");
	assert_int_equal(errno, EACCES);
}

static void every_code_has_its_word(void **state)
{
	(void)state;
	for (int i = ERR_OK; i <= ERR_CRYPTO; i++) {
		assert_non_null(err_text((enum err)i));
		assert_string_not_equal(err_text((enum err)i), "unknown error");
	}
	assert_string_equal(err_text((enum err)99), "unknown error");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(set_formats_and_returns_the_code),
		cmocka_unit_test(text_may_be_its_own_argument),
		cmocka_unit_test(prefix_goes_before),
		cmocka_unit_test(one_line_always),
		cmocka_unit_test(long_text_is_cut_between_characters),
		cmocka_unit_test(errno_survives),
		cmocka_unit_test(every_code_has_its_word),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
