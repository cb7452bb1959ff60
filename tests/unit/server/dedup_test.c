/* dedup: pending, done, forgotten, expired; what makes datagrams differ; the oldest makes room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "lib/buf.h"
#include "server/dns/dedup.h"

enum { ENTRIES = 64, LEN = 40 };
static const uint64_t second = 1000000000;

static struct addr source(const char *text)
{
	struct addr a;
	assert_int_equal(addr_parse(&a, text, 53, NULL), ERR_OK);
	return a;
}

static void datagram(uint8_t wire[LEN], uint16_t id, uint8_t fill)
{
	memset(wire, fill, LEN);
	buf_store_u16(wire, id);
}

static enum dedup_state state_of(struct dedup *d, const struct dedup_key *key, uint64_t now)
{
	const uint8_t *answer;
	size_t len;
	return dedup_find(d, key, now, &answer, &len);
}

static int set_up(void **state)
{
	return dedup_new((struct dedup **)state, ENTRIES) ? -1 : 0;
}

static int tear_down(void **state)
{
	dedup_free(*state);
	return 0;
}

static void answers_again_for_a_while(void **state)
{
	struct dedup *d = *state;
	struct addr from = source("192.0.2.1@4000");
	uint8_t wire[LEN];
	datagram(wire, 7, 1);
	struct dedup_key key;
	dedup_key_set(d, &key, &from, wire, LEN);
	assert_int_equal(state_of(d, &key, second), DEDUP_NEW);
	dedup_begin(d, &key);
	assert_int_equal(state_of(d, &key, second), DEDUP_PENDING);
	assert_int_equal(state_of(d, &key, 100 * second), DEDUP_PENDING); /* a commit may take its time */
	dedup_finish(d, &key, (const uint8_t *)"answer", 6, 2 * second);
	const uint8_t *answer;
	size_t len;
	assert_int_equal(dedup_find(d, &key, 21 * second, &answer, &len), DEDUP_DONE);
	assert_int_equal(len, 6);
	assert_memory_equal(answer, "answer", 6);
	assert_int_equal(state_of(d, &key, (2 + DEDUP_KEEP_S) * second), DEDUP_NEW);
	dedup_begin(d, &key);
	dedup_forget(d, &key);
	assert_int_equal(state_of(d, &key, second), DEDUP_NEW);
	dedup_forget(d, &key);
	dedup_finish(d, &key, (const uint8_t *)"late", 4, second);
	assert_int_equal(state_of(d, &key, second), DEDUP_NEW);
}

static void tells_datagrams_apart(void **state)
{
	struct dedup *d = *state;
	const char *sources[] = {"192.0.2.1@4000", "192.0.2.1@4001", "192.0.2.2@4000", "2001:db8::1@4000",
				 "2001:db8::2@4000"};
	uint8_t wire[LEN];
	struct dedup_key first, other;
	struct addr from = source(sources[0]);
	datagram(wire, 7, 1);
	dedup_key_set(d, &first, &from, wire, LEN);
	dedup_begin(d, &first);
	for (size_t i = 1; i < sizeof sources / sizeof sources[0]; i++) {
		struct addr a = source(sources[i]);
		dedup_key_set(d, &other, &a, wire, LEN);
		assert_int_equal(state_of(d, &other, 0), DEDUP_NEW);
	}
	dedup_key_set(d, &other, &from, wire, LEN - 1);
	assert_int_equal(state_of(d, &other, 0), DEDUP_NEW);
	/* Every single bit counts. */
	for (unsigned bit = 0; bit < LEN * 8; bit++) {
		wire[bit / 8] ^= (uint8_t)(1 << bit % 8);
		dedup_key_set(d, &other, &from, wire, LEN);
		assert_int_equal(state_of(d, &other, 0), DEDUP_NEW);
		wire[bit / 8] ^= (uint8_t)(1 << bit % 8);
	}
	dedup_key_set(d, &other, &from, wire, LEN);
	assert_int_equal(state_of(d, &other, 0), DEDUP_PENDING);
}

static void oldest_makes_room(void **state)
{
	struct dedup *d = *state;
	struct addr from = source("192.0.2.1@4000");
	struct dedup_key key[3 * ENTRIES];
	for (unsigned i = 0; i < 3 * ENTRIES; i++) {
		uint8_t wire[LEN];
		datagram(wire, (uint16_t)i, 3);
		dedup_key_set(d, &key[i], &from, wire, LEN);
		dedup_begin(d, &key[i]);
		if (i % 2)
			dedup_finish(d, &key[i], (const uint8_t *)&i, sizeof i, second);
	}
	for (unsigned i = 0; i < 3 * ENTRIES; i++) {
		enum dedup_state expected = i < 2 * ENTRIES ? DEDUP_NEW : i % 2 ? DEDUP_DONE : DEDUP_PENDING;
		assert_int_equal(state_of(d, &key[i], second), expected);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(answers_again_for_a_while, set_up, tear_down),
		cmocka_unit_test_setup_teardown(tells_datagrams_apart, set_up, tear_down),
		cmocka_unit_test_setup_teardown(oldest_makes_room, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
