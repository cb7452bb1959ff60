#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdlib.h>
#include <string.h>

#include "lib/addr.h"

static struct addr parse(const char *text)
{
	struct addr a;
	struct errmsg msg = {0};
	assert_int_equal(addr_parse(&a, text, 53, &msg), ERR_OK);
	return a;
}

static void parses_and_prints(void **state)
{
	(void)state;
	static const struct {
		const char *in, *out, *ip;
		uint16_t port;
	} cases[] = {
		{"192.0.2.1@5300", "192.0.2.1@5300", "192.0.2.1", 5300},
		{"192.0.2.1", "192.0.2.1@53", "192.0.2.1", 53},
		{"0.0.0.0@0", "0.0.0.0@0", "0.0.0.0", 0},
		{"2001:db8::1@53", "2001:db8::1@53", "2001:db8::1", 53},
		{"::1", "::1@53", "::1", 53},
		{"[2001:DB8::1]@65535", "2001:db8::1@65535", "2001:db8::1", 65535},
		{"[::]", "::@53", "::", 53},
		{"fe80::1%lo@53", "fe80::1%lo@53", "fe80::1%lo", 53},
		{"ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff@65535", "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff@65535",
		 "ffff:ffff:ffff:ffff:ffff:ffff:ffff:ffff", 65535},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char text[ADDR_TEXT_MAX];
		struct addr a = parse(cases[i].in);
		assert_string_equal(addr_to_text(&a, text), cases[i].out);
		assert_string_equal(addr_ip_to_text(&a, text), cases[i].ip);
		assert_int_equal(addr_port(&a), cases[i].port);
		struct addr again = parse(cases[i].out);
		assert_true(addr_equal(&a, &again));
	}
}

static void refuses_what_is_no_address(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"@53",
		"home.example@53",
		"192.0.2.1@",
		"192.0.2.1@65536",
		"192.0.2.1@-1",
		"192.0.2.1@+1",
		"192.0.2.1@ 1",
		"192.0.2.1@53@53",
		"192.0.2.256",
		"192.0.2",
		"192.0.2.1:53",
		"[192.0.2.1]@53",
		"[::1",
		"::1]@53",
		"[]@53",
		"[::1]:53",
		"::g",
		"fe80::1%nosuchif0",
		"fe80::1%",
		"fe80::1%0",
		"1::2::3",
		"192.0.2.1%lo",
		"192.0.2.1@99999999999999999999",
		"111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111111",
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct addr a = {.len = 77};
		struct errmsg msg = {0};
		assert_int_equal(addr_parse(&a, bad[i], 53, &msg), ERR_USAGE);
		assert_true(msg.text[0] != '\0');
		assert_int_equal(a.len, 77);
		assert_int_equal(addr_parse(&a, bad[i], 53, NULL), ERR_USAGE);
	}
}

static void equality(void **state)
{
	(void)state;
	struct addr a = parse("192.0.2.1@53"), b = parse("192.0.2.1@54"), c = parse("192.0.2.2@53"),
		    d = parse("::1@53");
	struct addr none = {0};
	assert_true(addr_equal(&a, &a));
	assert_false(addr_equal(&a, &b));
	assert_false(addr_equal(&a, &c));
	assert_false(addr_equal(&a, &d));
	assert_false(addr_equal(&a, &none));
	assert_true(addr_equal(&none, &none));
	char text[ADDR_TEXT_MAX];
	assert_string_equal(addr_to_text(&none, text), "none");
	assert_int_equal(addr_port(&none), 0);
}

static void unmapping(void **state)
{
	(void)state;
	char text[ADDR_TEXT_MAX];
	struct addr a = parse("::ffff:192.0.2.1@5300");
	addr_unmap(&a);
	assert_string_equal(addr_to_text(&a, text), "192.0.2.1@5300");
	assert_int_equal(a.len, sizeof(struct sockaddr_in));
	struct addr b = parse("2001:db8::1");
	addr_unmap(&b);
	assert_string_equal(addr_to_text(&b, text), "2001:db8::1@53");
	struct addr none = {0};
	addr_unmap(&none);
	assert_int_equal(none.len, 0);
}

static void prefixes(void **state)
{
	(void)state;
	static const struct {
		const char *prefix, *text, *in, *out;
	} cases[] = {
		{"192.0.2.0/24", "192.0.2.0/24", "192.0.2.255", "192.0.3.0"},
		{"192.0.2.0/25", "192.0.2.0/25", "192.0.2.127", "192.0.2.128"},
		{"192.0.2.7", "192.0.2.7", "192.0.2.7", "192.0.2.6"},
		{"192.0.2.7/32", "192.0.2.7", "::ffff:192.0.2.7", "192.0.2.5"},
		{"0.0.0.0/0", "0.0.0.0/0", "255.255.255.255", "::1"},
		{"::/0", "::/0", "2001:db8::1", "192.0.2.1"},
		{"2001:db8::/32", "2001:db8::/32", "2001:db8:ffff::", "2001:db9::"},
		{"2001:db8::/33", "2001:db8::/33", "2001:db8:7fff::", "2001:db8:8000::"},
		{"2001:db8::5", "2001:db8::5", "2001:db8::5", "2001:db8::4"},
		{"::1", "::1", "::1", "127.0.0.1"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct addr_prefix p;
		struct errmsg msg = {0};
		char text[ADDR_TEXT_MAX];
		assert_int_equal(addr_prefix_parse(&p, cases[i].prefix, &msg), ERR_OK);
		assert_string_equal(addr_prefix_to_text(&p, text), cases[i].text);
		struct addr in = parse(cases[i].in), out = parse(cases[i].out), none = {0};
		assert_true(addr_in_prefix(&in, &p));
		assert_false(addr_in_prefix(&out, &p));
		assert_false(addr_in_prefix(&none, &p));
	}
}

static void assert_network(const char *of, unsigned v4_bits, unsigned v6_bits, const char *expected)
{
	struct addr a = parse(of);
	struct addr_prefix p, q;
	char text[ADDR_TEXT_MAX];
	addr_network(&p, &a, v4_bits, v6_bits);
	assert_string_equal(addr_prefix_to_text(&p, text), expected);
	assert_true(addr_in_prefix(&a, &p));
	/* It is a prefix like those that are written: nothing is set after its length. */
	assert_int_equal(addr_prefix_parse(&q, expected, NULL), ERR_OK);
	assert_memory_equal(&p, &q, sizeof p);
}

static void networks(void **state)
{
	(void)state;
	assert_network("192.0.2.77@99", 24, 56, "192.0.2.0/24");
	assert_network("192.0.2.255", 28, 56, "192.0.2.240/28");
	assert_network("192.0.2.77", 32, 64, "192.0.2.77");
	assert_network("2001:db8:1:2345:6789::1@53", 24, 56, "2001:db8:1:2300::/56");
	assert_network("2001:db8:1:2345:6789::1", 32, 64, "2001:db8:1:2345::/64");
	assert_network("2001:db8:1:2345:6789::1", 32, 59, "2001:db8:1:2340::/59");
	assert_network("2001:db8::1", 24, 128, "2001:db8::1");
	assert_network("2001:db8::1", 24, 0, "::/0");
}

static void lists_of_prefixes(void **state)
{
	(void)state;
	struct addr_prefix list[2];
	struct addr a = parse("192.0.2.1"), b = parse("2001:db8::1"), c = parse("198.51.100.1");
	assert_int_equal(addr_prefix_parse(&list[0], "192.0.2.0/24", NULL), ERR_OK);
	assert_int_equal(addr_prefix_parse(&list[1], "2001:db8::/32", NULL), ERR_OK);
	assert_true(addr_in_prefixes(&a, list, 2));
	assert_true(addr_in_prefixes(&b, list, 2));
	assert_false(addr_in_prefixes(&b, list, 1));
	assert_false(addr_in_prefixes(&c, list, 2));
	assert_false(addr_in_prefixes(&a, list, 0));
}

static void loopback(void **state)
{
	(void)state;
	struct addr v4 = parse("127.255.0.1"), v6 = parse("::1"), far4 = parse("128.0.0.1"), far6 = parse("::2"),
		    none = {0};
	assert_true(addr_is_loopback(&v4));
	assert_true(addr_is_loopback(&v6));
	assert_false(addr_is_loopback(&far4));
	assert_false(addr_is_loopback(&far6));
	assert_false(addr_is_loopback(&none));
}

static void refuses_what_is_no_prefix(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"",
		"/",
		"/24",
		"192.0.2.0/",
		"192.0.2.0/33",
		"192.0.2.0/-1",
		"192.0.2.1/24",
		"2001:db8::/129",
		"2001:db8::1/64",
		"192.0.2.0/24/24",
		"192.0.2.0/024x",
		"home.example",
		"fe80::1%lo/64",
		"192.0.2.1@53",
		"192.0.2/24",
		"[::1]/128",
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct addr_prefix p;
		struct errmsg msg = {0};
		assert_int_equal(addr_prefix_parse(&p, bad[i], &msg), ERR_USAGE);
		assert_true(msg.text[0] != '\0');
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(parses_and_prints),
		cmocka_unit_test(refuses_what_is_no_address),
		cmocka_unit_test(equality),
		cmocka_unit_test(unmapping),
		cmocka_unit_test(prefixes),
		cmocka_unit_test(networks),
		cmocka_unit_test(lists_of_prefixes),
		cmocka_unit_test(loopback),
		cmocka_unit_test(refuses_what_is_no_prefix),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
