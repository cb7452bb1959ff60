/* cookies: the file of secrets and its mistakes, reading it again, secrets of our own and their renewal. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <event2/event.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/log.h"
#include "server/cookies.h"
#include "zones/memory/grace.h"

static char path[] = "/tmp/roost-cookies-test-XXXXXX";
static struct event_base *base;

static int set_up(void **state)
{
	(void)state;
	log_set_level(LOG_LEVEL_ERROR);
	grace_register();
	grace_offline();
	base = event_base_new();
	int fd = mkstemp(path);
	return !base || fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
	(void)state;
	grace_barrier();
	grace_unregister();
	event_base_free(base);
	return unlink(path);
}

static void write_file(const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

static void reads_a_file(void **state)
{
	(void)state;
	struct cookies *c;
	struct errmsg msg = {0};
	write_file(
		"# shared by ns1 and ns2\n\n  e5e973e5a6b2a43f48e7dc849e37bfcf\r\n445536BCD2513298075A5D379663C962 \n");
	assert_int_equal(cookies_new(&c, path, base, &msg), ERR_OK);
	const struct cookie_secrets *s = cookies_secrets(c);
	assert_int_equal(s->count, 2);
	assert_int_equal(s->secret[0][0], 0xe5);
	assert_int_equal(s->secret[0][15], 0xcf);
	assert_int_equal(s->secret[1][2], 0x36);

	/* The second becomes the first. */
	write_file("445536bcd2513298075a5d379663c962\ne5e973e5a6b2a43f48e7dc849e37bfcf");
	assert_int_equal(cookies_reload(c, &msg), ERR_OK);
	assert_int_equal(cookies_secrets(c)->secret[0][0], 0x44);

	write_file("445536bcd2513298075a5d379663c96\n");
	assert_int_equal(cookies_reload(c, &msg), ERR_USAGE);
	assert_int_equal(cookies_secrets(c)->count, 2);
	cookies_free(c);
}

static void refuses(const char *text, const char *part)
{
	struct cookies *c;
	struct errmsg msg = {0};
	write_file(text);
	assert_int_equal(cookies_new(&c, path, base, &msg), ERR_USAGE);
	if (!strstr(msg.text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, msg.text);
}

static void refuses_mistakes(void **state)
{
	(void)state;
	refuses("", "no secret");
	refuses("# nothing\n", "no secret");
	refuses("#\nsecret\n", ":2: not a secret");
	refuses("e5e973e5a6b2a43f48e7dc849e37bf\n", ":1: not a secret");
	refuses("e5e973e5a6b2a43f48e7dc849e37bfcf00\n", ":1: not a secret");
	refuses("e5e973e5a6b2a43f48e7dc849e37bfcg\n", ":1: not a secret");
	refuses("00000000000000000000000000000001\n00000000000000000000000000000002\n00000000000000000000000000000003\n"
		"00000000000000000000000000000004\n00000000000000000000000000000005\n",
		":5: more than 4");
	struct cookies *c;
	struct errmsg msg = {0};
	assert_int_equal(cookies_new(&c, "/nonexistent/secrets", base, &msg), ERR_USAGE);
	assert_non_null(strstr(msg.text, "/nonexistent/secrets"));
}

static void draws_its_own(void **state)
{
	(void)state;
	struct cookies *one, *two;
	struct errmsg msg = {0};
	assert_int_equal(cookies_new(&one, NULL, base, &msg), ERR_OK);
	assert_int_equal(cookies_new(&two, NULL, base, &msg), ERR_OK);
	uint8_t first[COOKIE_SECRET_LEN], second[COOKIE_SECRET_LEN];
	memcpy(first, cookies_secrets(one)->secret[0], sizeof first);
	assert_memory_not_equal(first, cookies_secrets(two)->secret[0], sizeof first);
	assert_int_equal(cookies_secrets(one)->count, 1);

	assert_int_equal(cookies_roll(one), ERR_OK);
	assert_int_equal(cookies_secrets(one)->count, 2);
	memcpy(second, cookies_secrets(one)->secret[0], sizeof second);
	assert_memory_not_equal(first, second, sizeof first);
	assert_memory_equal(first, cookies_secrets(one)->secret[1], sizeof first);

	/* Only the last one stays. */
	assert_int_equal(cookies_roll(one), ERR_OK);
	assert_int_equal(cookies_secrets(one)->count, 2);
	assert_memory_equal(second, cookies_secrets(one)->secret[1], sizeof second);

	assert_int_equal(cookies_reload(one, &msg), ERR_OK);
	cookies_free(one);
	cookies_free(two);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(reads_a_file),
		cmocka_unit_test(refuses_mistakes),
		cmocka_unit_test(draws_its_own),
	};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
