#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"

static int saved_stderr, pipe_ends[2];

static void capture(void)
{
	assert_int_equal(pipe2(pipe_ends, O_NONBLOCK | O_CLOEXEC), 0);
	saved_stderr = dup(STDERR_FILENO);
	assert_true(dup2(pipe_ends[1], STDERR_FILENO) >= 0);
	clock_fake(1772366400);
}

/* What was written, and standard error as it was. */
static size_t release(char *out, size_t cap)
{
	ssize_t n = read(pipe_ends[0], out, cap - 1);
	dup2(saved_stderr, STDERR_FILENO);
	close(saved_stderr);
	close(pipe_ends[0]);
	close(pipe_ends[1]);
	clock_fake(0);
	size_t len = n > 0 ? (size_t)n : 0;
	out[len] = '\0';
	return len;
}

static void one_line_an_event(void **state)
{
	(void)state;
	char out[4096];
	capture();
	log_info("zone=%s serial=%u", "home.example", 7u);
	log_error("no");
	log_warning("hm");
	log_debug("not at this level");
	release(out, sizeof out);
	assert_string_equal(out, "2026-03-01T12:00:00.000Z info zone=home.example serial=7\n"
				 "2026-03-01T12:00:00.000Z error no\n"
				 "2026-03-01T12:00:00.000Z warning hm\n");
}

static void levels(void **state)
{
	(void)state;
	char out[4096];
	assert_int_equal(log_level_from_text("error"), LOG_LEVEL_ERROR);
	assert_int_equal(log_level_from_text("Warning"), LOG_LEVEL_WARNING);
	assert_int_equal(log_level_from_text("info"), LOG_LEVEL_INFO);
	assert_int_equal(log_level_from_text("debug"), LOG_LEVEL_DEBUG);
	assert_int_equal(log_level_from_text("loud"), -1);
	assert_int_equal(log_level_from_text(""), -1);

	capture();
	log_set_level(LOG_LEVEL_ERROR);
	log_warning("gone");
	log_set_level(LOG_LEVEL_DEBUG);
	log_debug("here");
	log_set_level(LOG_LEVEL_INFO);
	release(out, sizeof out);
	assert_string_equal(out, "2026-03-01T12:00:00.000Z debug here\n");
}

static void controls_and_broken_utf8_are_escaped(void **state)
{
	(void)state;
	char out[4096];
	capture();
	log_info("%s", "a\nb\r\t\x1b[31m\x7f|\xc2\x9b|\xc3\xa9|\xe2\x80\x93|\xff|\xc3|\xe0\x80\x80|"
		       "\xed\xa0\x80|\xf0\x9f\x8f\xa0|\xf4\x90\x80\x80|\xc3");
	release(out, sizeof out);
	assert_string_equal(
		strstr(out, "info ") + 5,
		"a\\x0ab\\x0d\\x09\\x1b[31m\\x7f|\\xc2\\x9b|\xc3\xa9|\xe2\x80\x93|\\xff|\\xc3|\\xe0\\x80\\x80|"
		"\\xed\\xa0\\x80|"
		"\xf0\x9f\x8f\xa0|\\xf4\\x90\\x80\\x80|\\xc3\n");
}

static void long_lines_are_cut(void **state)
{
	(void)state;
	char text[5000], out[8192];
	for (int c = 0; c < 2; c++) {
		memset(text, c ? '\n' : 'x', sizeof text - 1);
		text[sizeof text - 1] = '\0';
		capture();
		log_info("%s", text);
		size_t len = release(out, sizeof out);
		assert_true(len <= 2048 && len > 2040);
		assert_string_equal(out + len - 7, " [cut]\n");
		assert_ptr_equal(strchr(out, '\n'), out + len - 1);
	}
}

static void errno_survives(void **state)
{
	(void)state;
	char out[512];
	capture();
	close(STDERR_FILENO);
	errno = ENOSPC;
	log_error("to nowhere");
	assert_int_equal(errno, ENOSPC);
	assert_int_equal(release(out, sizeof out), 0);
}

static void *chatter(void *arg)
{
	for (int i = 0; i < 100; i++)
		log_info("thread=%s %s", (const char *)arg, "0123456789012345678901234567890123456789");
	return NULL;
}

static void threads_do_not_mix(void **state)
{
	(void)state;
	static char out[65536];
	pthread_t a, b;
	capture();
	assert_int_equal(pthread_create(&a, NULL, chatter, "a"), 0);
	assert_int_equal(pthread_create(&b, NULL, chatter, "b"), 0);
	pthread_join(a, NULL);
	pthread_join(b, NULL);
	release(out, sizeof out);
	int lines = 0;
	char *rest = out;
	for (char *line; (line = strsep(&rest, "\n")) && *line; lines++) {
		assert_int_equal(strlen(line), strlen("2026-03-01T12:00:00.000Z info thread=a ") + 40);
		assert_string_equal(line + strlen(line) - 40, "0123456789012345678901234567890123456789");
	}
	assert_int_equal(lines, 200);
}

static void limits_lines_a_second(void **state)
{
	(void)state;
	struct log_limit limit = {.lines = 0};
	unsigned left_out = 9, allowed = 0;
	for (unsigned i = 0; i < 100; i++)
		allowed += log_limit_allows(&limit, &left_out);
	assert_in_range(allowed, 20, 40); /* a second may end meanwhile */
	assert_in_range(left_out, 0, 80);
	usleep(1100000);
	assert_true(log_limit_allows(&limit, &left_out));
	assert_in_range(left_out, 60, 80);
	assert_true(log_limit_allows(&limit, &left_out));
	assert_int_equal(left_out, 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(one_line_an_event),
		cmocka_unit_test(levels),
		cmocka_unit_test(controls_and_broken_utf8_are_escaped),
		cmocka_unit_test(long_lines_are_cut),
		cmocka_unit_test(errno_survives),
		cmocka_unit_test(threads_do_not_mix),
		cmocka_unit_test(limits_lines_a_second),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
