/* sig0_gate: so many wrong signatures a second from one network, and others are not kept out by them. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "server/dns/sig0_gate.h"

enum { NOW = 1000 };

static struct addr source(const char *text)
{
	struct addr a;
	assert_int_equal(addr_parse(&a, text, 53, NULL), ERR_OK);
	return a;
}

static void shuts_for_the_second(void **state)
{
	(void)state;
	struct sig0_gate g;
	struct addr a = source("192.0.2.1"), same_host = source("192.0.2.1@5353");
	assert_int_equal(sig0_gate_init(&g), ERR_OK);
	for (unsigned i = 0; i < SIG0_GATE_WRONG; i++) {
		assert_true(sig0_gate_open(&g, &a, NOW));
		sig0_gate_wrong(&g, &a, NOW);
	}
	assert_false(sig0_gate_open(&g, &a, NOW));
	assert_false(sig0_gate_open(&g, &same_host, NOW));
	assert_true(sig0_gate_open(&g, &a, NOW + 1));
	sig0_gate_wrong(&g, &a, NOW + 1);
	assert_true(sig0_gate_open(&g, &a, NOW + 1));
}

static void networks_of_ipv6(void **state)
{
	(void)state;
	struct sig0_gate g;
	struct addr a = source("2001:db8::1"), same = source("2001:db8::ffff:1");
	assert_int_equal(sig0_gate_init(&g), ERR_OK);
	for (unsigned i = 0; i < SIG0_GATE_WRONG; i++)
		sig0_gate_wrong(&g, &a, NOW);
	assert_false(sig0_gate_open(&g, &same, NOW));
}

static void others_get_through(void **state)
{
	(void)state;
	struct sig0_gate g;
	struct addr a = source("192.0.2.1");
	unsigned open = 0;
	assert_int_equal(sig0_gate_init(&g), ERR_OK);
	for (unsigned i = 0; i < SIG0_GATE_WRONG; i++)
		sig0_gate_wrong(&g, &a, NOW);
	for (unsigned i = 0; i < 256; i++) {
		char text[ADDR_TEXT_MAX];
		snprintf(text, sizeof text, "198.51.100.%u", i);
		struct addr other = source(text);
		open += sig0_gate_open(&g, &other, NOW);
	}
	assert_true(open > 200); /* 252 on average */
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(shuts_for_the_second),
		cmocka_unit_test(networks_of_ipv6),
		cmocka_unit_test(others_get_through),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
