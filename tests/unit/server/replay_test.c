/* replay: a message once; forgotten ones again; what makes room in a full line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "server/dns/replay.h"

enum { LINE = 8 }; /* entries: a table of one line */

static struct replay *table(size_t entries)
{
	struct replay *r;
	assert_int_equal(replay_new(&r, entries), ERR_OK);
	return r;
}

static void once(void **state)
{
	(void)state;
	struct replay *r = table(64);
	uint64_t a = replay_mark(r, (const uint8_t *)"mac a", 5), b = replay_mark(r, (const uint8_t *)"mac b", 5);
	assert_true(a != b);
	assert_true(a == replay_mark(r, (const uint8_t *)"mac a", 5));
	assert_true(replay_take(r, a, 1000));
	assert_false(replay_take(r, a, 1000));
	assert_true(replay_take(r, b, 1000));
	assert_false(replay_take(r, b, 1000));
	assert_false(replay_take(r, a, 1000));
	replay_free(r);
}

static void hashes_are_keyed(void **state)
{
	(void)state;
	struct replay *r = table(64), *other = table(64);
	assert_true(replay_mark(r, (const uint8_t *)"mac", 3) != replay_mark(other, (const uint8_t *)"mac", 3));
	replay_free(r);
	replay_free(other);
}

static void forgotten_ones_again(void **state)
{
	(void)state;
	struct replay *r = table(LINE);
	assert_true(replay_take(r, 1, 1000));
	assert_true(replay_take(r, 2, 1000));
	replay_forget(r, 1);
	replay_forget(r, 3);
	assert_true(replay_take(r, 1, 1000));
	assert_false(replay_take(r, 2, 1000));
	replay_free(r);
}

static void the_soonest_over_makes_room(void **state)
{
	(void)state;
	struct replay *r = table(LINE);
	for (uint64_t mark = 1; mark <= LINE; mark++)
		assert_true(replay_take(r, mark, mark == 5 ? 900 : 1000 + mark));
	assert_true(replay_take(r, 77, 2000));
	for (uint64_t mark = 1; mark <= LINE; mark++)
		if (mark != 5)
			assert_false(replay_take(r, mark, 1000));
	assert_false(replay_take(r, 77, 2000));
	assert_true(replay_take(r, 5, 3000)); /* was forgotten; now 1, until 1001, is */
	assert_true(replay_take(r, 1, 3000));
	replay_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(once),
		cmocka_unit_test(hashes_are_keyed),
		cmocka_unit_test(forgotten_ones_again),
		cmocka_unit_test(the_soonest_over_makes_room),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
