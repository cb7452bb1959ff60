/* wish: the parameters that known clients send, each as one line of text. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/http/wish.h"

enum { TEXT_MAX = 4096 };

static void add_family(char *text, const char *what, const struct wish_family *f)
{
	char address[ADDR_TEXT_MAX];
	size_t used = strlen(text);
	static const char *const kinds[] = {"keep", "", "delete", ""};
	used += (size_t)snprintf(text + used, TEXT_MAX - used, " %s=%s", what, kinds[f->kind]);
	for (unsigned i = 0; i < f->count && f->kind == WISH_SET; i++)
		used += (size_t)snprintf(text + used, TEXT_MAX - used, "%s%s", i ? "," : "",
					 addr_ip_to_text(&f->address[i], address));
	if (f->kind == WISH_MOVE)
		snprintf(text + used, TEXT_MAX - used, "%s", addr_prefix_to_text(&f->prefix, address));
}

/* The wish as text: "a.example. 4=192.0.2.1 6=keep | …", or the word that says what is wrong. */
static void read_as(const char *target, const char *client, const char *expected, const char *expected_echo)
{
	struct form f;
	struct addr from;
	char text[TEXT_MAX] = "", name[NAME_TEXT_MAX];
	struct wish *w = malloc(sizeof *w);
	assert_non_null(w);
	assert_int_equal(form_parse(&f, target, FORM_NONE, NULL, 0), ERR_OK);
	assert_int_equal(addr_parse(&from, client, 4711, NULL), ERR_OK);
	const char *wrong = wish_read(w, &f, "only.example", &from);
	for (unsigned i = 0; i < w->count && !wrong; i++) {
		size_t used = strlen(text);
		snprintf(text + used, sizeof text - used, "%s%s", i ? " | " : "",
			 name_to_text(w->host[i].name.wire, name));
		add_family(text, "4", &w->host[i].v4);
		add_family(text, "6", &w->host[i].v6);
	}
	assert_string_equal(wrong ? wrong : text, expected);
	if (expected_echo)
		assert_string_equal(w->echo, expected_echo);
	form_free(&f);
	free(w);
}

static void test_addresses(void **state)
{
	(void)state;
	static const char v4[] = "203.0.113.9", v6[] = "2001:db8:ffff::9";
	read_as("/?hostname=a.example&myip=192.0.2.1", v4, "a.example. 4=192.0.2.1 6=keep", "192.0.2.1");
	read_as("/?hostname=A.Example.&myip=192.0.2.1", v4, "a.example. 4=192.0.2.1 6=keep", "192.0.2.1");
	read_as("/?hostname=a.example", v4, "a.example. 4=203.0.113.9 6=keep", "203.0.113.9");
	read_as("/?hostname=a.example", v6, "a.example. 4=keep 6=2001:db8:ffff::9", "2001:db8:ffff::9");
	read_as("/?hostname=a.example&myip=auto", v6, "a.example. 4=keep 6=2001:db8:ffff::9", "auto");
	read_as("/?hostname=a.example&ipv4=192.0.2.1&ipv6=auto", v4, "a.example. 4=192.0.2.1 6=keep", "192.0.2.1,auto");
	read_as("/?hostname=a.example&ipv4=auto&ipv6=auto", v6, "a.example. 4=keep 6=2001:db8:ffff::9", NULL);
	read_as("/?hostname=a.example&ipv4=auto&ipv6=2001:db8::1", v6, "a.example. 4=keep 6=2001:db8::1", NULL);
	read_as("/?hostname=a.example&myip=192.0.2.1,2001%3adb8%3a%3a1", v4, "a.example. 4=192.0.2.1 6=2001:db8::1",
		"192.0.2.1,2001:db8::1");
	read_as("/?hostname=a.example&myip=2001:db8::1", v4, "a.example. 4=keep 6=2001:db8::1", NULL);
	read_as("/?hostname=a.example&myip=192.0.2.1&myipv6=2001:DB8::1", v4, "a.example. 4=192.0.2.1 6=2001:db8::1",
		"192.0.2.1,2001:DB8::1");
	read_as("/?hostname=a.example&myip=192.0.2.1,192.0.2.2,192.0.2.1", v4,
		"a.example. 4=192.0.2.1,192.0.2.2 6=keep", NULL);
	read_as("/?hostname=a.example&myip=::ffff:192.0.2.1", v4, "a.example. 4=192.0.2.1 6=keep", NULL);
	read_as("/?hostname=a.example&myip=", v4, "a.example. 4=delete 6=keep", "");
	read_as("/?hostname=a.example&myipv4=&myipv6=", v4, "a.example. 4=delete 6=delete", "");
	read_as("/?hostname=a.example&myipv6=", v4, "a.example. 4=keep 6=delete", "");
	read_as("/?hostname=a.example&myipv4=preserve&myipv6=2001:db8::1&myip=192.0.2.1", v4,
		"a.example. 4=192.0.2.1 6=2001:db8::1", NULL);
	read_as("/?hostname=a.example&myipv4=192.0.2.1&myipv6=preserve", v4, "a.example. 4=192.0.2.1 6=keep", NULL);
	read_as("/?hostname=a.example&myip=no&ip6=2001:db8::1", v4, "a.example. 4=keep 6=2001:db8::1", NULL);
	read_as("/?hostname=a.example&myip=192.0.2.5,2001:db8:9::/64", v4, "a.example. 4=192.0.2.5 6=2001:db8:9::/64",
		"192.0.2.5,2001:db8:9::/64");
	read_as("/?hostname=a.example&myip=192.0.2.5&ip6lanprefix=2001:db8:9::1:2/56", v4,
		"a.example. 4=192.0.2.5 6=2001:db8:9::/56", NULL);
	read_as("/?hostname=a.example&ip6addr=2001:db8::7&ip6lanprefix=2001:db8:9::/64", v4,
		"a.example. 4=keep 6=2001:db8::7", NULL);
	read_as("/?hostname=a.example&myip=2001:db8:9::/64,2001:db8::7", v4, "a.example. 4=keep 6=2001:db8::7", NULL);
	read_as("/?hostname=a.example&myip=192.0.2.9/32,2001:db8::7/128", v4, "a.example. 4=192.0.2.9 6=2001:db8::7",
		NULL);
	read_as("/?hostname=a.example&myip=192.0.2.9/24", v4, "a.example. 4=192.0.2.0/24 6=keep", NULL);
}

static void test_hosts(void **state)
{
	(void)state;
	static const char v4[] = "203.0.113.9";
	read_as("/?hostname=a.example,b.example&myip=192.0.2.1", v4,
		"a.example. 4=192.0.2.1 6=keep | b.example. 4=192.0.2.1 6=keep", NULL);
	read_as("/?hostname=a.example,,A.example,%20b.example&myip=192.0.2.1", v4,
		"a.example. 4=192.0.2.1 6=keep | b.example. 4=192.0.2.1 6=keep", NULL);
	read_as("/?myip=192.0.2.1", v4, "only.example. 4=192.0.2.1 6=keep", NULL);
	read_as("/?hostname=YES&myip=192.0.2.1", v4, "only.example. 4=192.0.2.1 6=keep", NULL);
	read_as("/?host_id=h.example&ip=192.0.2.1", v4, "h.example. 4=192.0.2.1 6=keep", NULL);
	read_as("/?domain=*.d.example&ip=192.0.2.1", v4, "*.d.example. 4=192.0.2.1 6=keep", NULL);
	read_as("/?hostname=a.example&myip=192.0.2.1&myipv6:pc.a.example=2001:db8::/64&myipv4:a.example=192.0.2.7", v4,
		"a.example. 4=192.0.2.7 6=keep | pc.a.example. 4=keep 6=2001:db8::/64", NULL);
}

static void test_wrong(void **state)
{
	(void)state;
	static const char v4[] = "203.0.113.9";
	static const char *const names[] = {
		"a", "a..example", ".", "a\\046b.example", "a%20b%0a.example", "\xc3\xa9.example", "a@b.example"};
	static const char *const addresses[] = {"192.0.2",     "192.0.2.1@53", "x",    "192.0.2.1/33", "2001:db8::/129",
						"192.0.2.1/x", "fe80::1%25lo", "1/64", "192.0.2.1;",   "[2001:db8::1",
						"192.0.2.1/",  "192.0.2.1/-1"};
	char target[TEXT_MAX];
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++) {
		snprintf(target, sizeof target, "/?hostname=%s&myip=192.0.2.1", names[i]);
		read_as(target, v4, "notfqdn", NULL);
	}
	for (size_t i = 0; i < sizeof addresses / sizeof addresses[0]; i++) {
		snprintf(target, sizeof target, "/?hostname=a.example&myip=%s", addresses[i]);
		read_as(target, v4, "dnserr", NULL);
	}
	read_as("/?hostname=a.example&myip=1.1.1.1,1.1.1.2,1.1.1.3,1.1.1.4,1.1.1.5,1.1.1.6,1.1.1.7,1.1.1.8,1.1.1.9", v4,
		"dnserr", NULL);
	read_as("/?hostname=a.example&myipv6:a.example=192.0.2.1", v4, "dnserr", NULL);
	read_as("/?hostname=a.example&myipv6:=192.0.2.1", v4, "notfqdn", NULL);
	strcpy(target, "/?myip=192.0.2.1&hostname=");
	for (int i = 0; i <= WISH_HOSTS_MAX; i++)
		snprintf(target + strlen(target), sizeof target - strlen(target), "h%d.example,", i);
	read_as(target, v4, "numhost", NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_addresses),
		cmocka_unit_test(test_hosts),
		cmocka_unit_test(test_wrong),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
