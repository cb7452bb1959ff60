#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/namecheck.h"

enum { OCTETS_MAX = 40000 };

static struct namecheck check;
static uint8_t octets[OCTETS_MAX];

/* One name by both: they take the same, and come to the same place. */
static enum err pass_both(size_t len, size_t at, size_t *after)
{
	struct rbuf one = buf_reader(octets, len), other = one;
	struct name name;
	size_t found = 0;
	one.pos = other.pos = at;
	enum err wanted = name_parse(&one, &name), err = namecheck_pass(&check, &other, &found);
	assert_int_equal(err, wanted);
	assert_true(other.bad == (err != ERR_OK));
	if (err)
		return err;
	assert_int_equal(found, name.len);
	assert_int_equal(other.pos, one.pos);
	*after = one.pos;
	return ERR_OK;
}

static void takes_what_name_parse_takes(void **state)
{
	static const uint8_t message[] = "............\4Home\7example\0\3www\300\14\300\32\0\300\31\1x\300\40";
	size_t at = 12, names = 0, len = sizeof message - 1;
	(void)state;
	memcpy(octets, message, len);
	namecheck_begin(&check, len);
	while (at < len) {
		assert_int_equal(pass_both(len, at, &at), ERR_OK);
		names++;
	}
	assert_int_equal(names, 6);
	assert_int_equal(at, len);
}

static void refuses_what_name_parse_refuses(void **state)
{
	static const struct {
		const char *octets;
		size_t len;
	} cases[] = {
		{"", 0},           {"\3ww", 3},        {"\3www", 4},   {"\xc0", 1},          {"\xc0\x00", 2},
		{"\xc0\x02\0", 3}, {"\1a\xc0\x00", 4}, {"\x40x\0", 3}, {"\x80x\xc0\x00", 4}, {"\1a\xc0", 3},
	};
	size_t after;
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		memcpy(octets, cases[i].octets, cases[i].len);
		namecheck_begin(&check, cases[i].len);
		assert_int_equal(pass_both(cases[i].len, 0, &after), ERR_FORMAT);
	}
}

/* What stands behind the end of the RDATA is no part of a name in it, though an owner may have read it. */
static void the_end_holds_for_what_is_known(void **state)
{
	size_t after;
	(void)state;
	/* At 3 a pointer to 0; the label at 0 goes on to behind it. */
	memcpy(octets, "\4aa\300\0\0", 6);
	namecheck_begin(&check, 6);
	assert_int_equal(pass_both(6, 3, &after), ERR_OK);
	assert_int_equal(pass_both(5, 3, &after), ERR_FORMAT);
}

/* Every pointer leads to before where its reader came from: the same pointer may do so from one place, not from another. */
static void the_order_holds_for_what_is_known(void **state)
{
	size_t after;
	(void)state;
	/* At 2 a pointer to 1, the root; at 0 a label of one octet, behind which one comes to that pointer too. */
	memcpy(octets, "\1\0\300\1\300\2\300\0", 8);
	namecheck_begin(&check, 8);
	assert_int_equal(pass_both(8, 4, &after), ERR_OK);
	assert_int_equal(pass_both(8, 6, &after), ERR_FORMAT);
}

static void put_random_octets(size_t len)
{
	for (size_t i = 0; i < len; i++) {
		int kind = rand() % 100;
		octets[i] = (uint8_t)(kind < 80 ? rand() % 4 : kind < 99 ? 0xc0 : rand());
	}
}

/* Names one behind the other, as far as they go; now and then one as if it stood in RDATA that ends early. */
static void random_octets(void **state)
{
	unsigned taken = 0;
	(void)state;
	srand(1);
	for (int round = 0; round < 200000; round++) {
		size_t len = (size_t)(rand() % 60), at = 0;
		put_random_octets(len);
		namecheck_begin(&check, len);
		while (at < len) {
			size_t end = rand() % 3 ? len : at + (size_t)rand() % (len - at) + 1;
			if (pass_both(end, at, &at))
				break;
			taken++;
		}
	}
	assert_true(taken > 100000);
}

/* Labels of random lengths that run into one another, and pointers to everywhere in them. */
static void steps_are_as_many_as_octets(void **state)
{
	size_t at, after, taken = 0;
	(void)state;
	srand(2);
	for (int round = 0; round < 20; round++) {
		for (at = 0; at < NAMECHECK_TARGETS; at++)
			octets[at] = (uint8_t)(at % 200 > 195 ? 0 : 1 + rand() % 3);
		namecheck_begin(&check, OCTETS_MAX);
		for (; at + 2 <= OCTETS_MAX; at += 2)
			buf_store_u16(octets + at, (uint16_t)(0xc000 | rand() % NAMECHECK_TARGETS));
		for (at = NAMECHECK_TARGETS; at + 2 <= OCTETS_MAX; at += 2) {
			size_t before = check.steps;
			if (pass_both(OCTETS_MAX, at, &after) != ERR_OK)
				check.steps = before; /* a message ends there */
			else
				taken++;
		}
		assert_true(check.steps <= OCTETS_MAX + NAMECHECK_TARGETS);
	}
	assert_true(taken > 100000);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_what_name_parse_takes),
		cmocka_unit_test(refuses_what_name_parse_refuses),
		cmocka_unit_test(the_end_holds_for_what_is_known),
		cmocka_unit_test(the_order_holds_for_what_is_known),
		cmocka_unit_test(random_octets),
		cmocka_unit_test(steps_are_as_many_as_octets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
