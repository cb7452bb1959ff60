/* asked_test.c: what an update asked for, in a line. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <string.h>

#include <cmocka.h>

#include "server/dns/asked.h"

static struct update *u;

static int set_up(void **state)
{
	(void)state;
	struct name zone;
	return name_from_text(&zone, "home.example") || update_new(&u, zone.wire) ? -1 : 0;
}

static int tear_down(void **state)
{
	(void)state;
	update_free(u);
	return 0;
}

static void push(const char *owner, uint16_t type, uint16_t class, const char *rdata, uint16_t len)
{
	struct name name;
	assert_int_equal(name_from_text(&name, owner), ERR_OK);
	assert_int_equal(update_push(u, SECTION_UPDATE, name.wire, type, class, class == CLASS_IN ? 60 : 0,
				     (const uint8_t *)rdata, len),
			 ERR_OK);
}

static void expect(const char *wanted)
{
	char line[ASKED_MAX];
	assert_string_equal(asked_from_update(u, line), wanted);
}

static void tells_the_first_operations(void **state)
{
	(void)state;
	expect("");
	push("Nas.home.example", TYPE_ANY, CLASS_ANY, NULL, 0);
	expect("delete Nas.home.example ANY");
	push("nas.home.example", TYPE_A, CLASS_IN, "\300\000\002\011", 4);
	push("nas.home.example", TYPE_TXT, CLASS_NONE, "\001x", 2);
	expect("delete Nas.home.example ANY, add nas.home.example A 192.0.2.9, delete nas.home.example TXT");
	push("tv.home.example", TYPE_A, CLASS_ANY, NULL, 0);
	push("tv.home.example", TYPE_A, CLASS_ANY, NULL, 0);
	expect("delete Nas.home.example ANY, add nas.home.example A 192.0.2.9, delete nas.home.example TXT, 2 more");
}

/* Names of 255 octets, each of which is four letters of text: none fits. */
static void what_does_not_fit_is_counted(void **state)
{
	(void)state;
	uint8_t owner[NAME_WIRE_MAX] = {0};
	size_t at = 0;
	for (int label = 0; label < 3; label++) {
		owner[at] = 63;
		memset(owner + at + 1, 1, 63);
		at += 64;
	}
	owner[at] = 0;
	char line[ASKED_MAX];
	assert_int_equal(update_push(u, SECTION_UPDATE, owner, TYPE_A, CLASS_ANY, 0, NULL, 0), ERR_OK);
	assert_string_equal(asked_from_update(u, line), "1 changes");
	push("tv.home.example", TYPE_A, CLASS_ANY, NULL, 0);
	assert_string_equal(asked_from_update(u, line), "2 changes");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(tells_the_first_operations, set_up, tear_down),
		cmocka_unit_test_setup_teardown(what_does_not_fit_is_counted, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
