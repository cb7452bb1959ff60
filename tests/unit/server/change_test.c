/* change: what a wish means for the records that are there. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "server/http/change.h"

static const uint8_t owner[] = "\1h\7example";

static struct content *with(struct content *old, uint16_t type, const char *address)
{
	uint8_t rdata[16];
	struct content *c;
	bool changed;
	assert_int_equal(inet_pton(type == TYPE_A ? AF_INET : AF_INET6, address, rdata), 1);
	assert_int_equal(content_with(old, owner, type, 300, rdata, type == TYPE_A ? 4 : 16, &c, &changed), ERR_OK);
	content_free(old);
	return c;
}

/* "same", "gone", or the TTL and the addresses. */
static void assert_change(const struct content *now, const char *list, uint16_t type, const char *expected)
{
	struct wish_family v4 = {0}, v6 = {0};
	struct change_set set;
	struct addr client;
	char text[512] = "same", address[INET6_ADDRSTRLEN];
	assert_int_equal(addr_parse(&client, "203.0.113.1", 0, NULL), ERR_OK);
	assert_true(wish_read_addresses(&v4, &v6, list, type == TYPE_AAAA ? WISH_V6 : WISH_V4, &client));
	if (change_family(&set, now, type == TYPE_A ? &v4 : &v6, type)) {
		snprintf(text, sizeof text, set.count ? "%u" : "gone", set.ttl);
		for (unsigned i = 0; i < set.count; i++)
			snprintf(text + strlen(text), sizeof text - strlen(text), " %s",
				 inet_ntop(type == TYPE_A ? AF_INET : AF_INET6, set.rdata[i], address, sizeof address));
	}
	assert_string_equal(text, expected);
}

static void test_set_and_delete(void **state)
{
	(void)state;
	struct content *c = with(with(NULL, TYPE_A, "192.0.2.1"), TYPE_A, "192.0.2.2");
	assert_change(NULL, "192.0.2.1", TYPE_A, "60 192.0.2.1");
	assert_change(NULL, "", TYPE_A, "same");
	assert_change(c, "192.0.2.2,192.0.2.1", TYPE_A, "same");
	assert_change(c, "192.0.2.1", TYPE_A, "300 192.0.2.1");
	assert_change(c, "192.0.2.1,192.0.2.3", TYPE_A, "300 192.0.2.1 192.0.2.3");
	assert_change(c, "192.0.2.1,192.0.2.2,192.0.2.3", TYPE_A, "300 192.0.2.1 192.0.2.2 192.0.2.3");
	assert_change(c, "", TYPE_A, "gone");
	assert_change(c, "preserve", TYPE_A, "same");
	assert_change(c, "2001:db8::1", TYPE_AAAA, "60 2001:db8::1");
	assert_change(c, "", TYPE_AAAA, "same");
	content_free(c);
}

static void test_move(void **state)
{
	(void)state;
	struct content *c = with(with(NULL, TYPE_AAAA, "2001:db8:1:2:a:b:c:d"), TYPE_AAAA, "2001:db8:1:3::1");
	c = with(c, TYPE_A, "192.0.2.1");
	assert_change(c, "2001:db8:9:8::/64", TYPE_AAAA, "300 2001:db8:9:8:a:b:c:d 2001:db8:9:8::1");
	assert_change(c, "2001:db8:9::/48", TYPE_AAAA, "300 2001:db8:9:2:a:b:c:d 2001:db8:9:3::1");
	assert_change(c, "2001:db8:1::/48", TYPE_AAAA, "same");
	assert_change(c, "2001:db8:1:fff0::/60", TYPE_AAAA, "300 2001:db8:1:fff2:a:b:c:d 2001:db8:1:fff3::1");
	assert_change(c, "198.51.100.0/24", TYPE_A, "300 198.51.100.1");
	assert_change(NULL, "2001:db8:9:8::/64", TYPE_AAAA, "same");
	content_free(c);
}

static void test_one_where_two_were(void **state)
{
	(void)state;
	/* Both addresses become one in the new prefix. */
	struct content *c = with(with(NULL, TYPE_AAAA, "2001:db8:1::1"), TYPE_AAAA, "2001:db8:2::1");
	assert_change(c, "2001:db8:3::/64", TYPE_AAAA, "300 2001:db8:3::1");
	content_free(c);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_set_and_delete),
		cmocka_unit_test(test_move),
		cmocka_unit_test(test_one_where_two_were),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
