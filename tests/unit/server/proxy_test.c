/* proxy: headers as the specification draws them, every way to cut or bend them, and random octets. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdlib.h>

#include "lib/buf.h"
#include "server/net/proxy.h"

enum { BUFFER = 4096, RANDOM_ROUNDS = 200000 };

static const uint8_t v4[] = {192, 0, 2, 1, 198, 51, 100, 1, 0x30, 0x39, 0, 53};
static const uint8_t v6[] = {0x20, 1,    0x0d, 0xb8, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0,    1,    0x20, 1,
			     0x0d, 0xb8, 0,    0,    0, 0, 0, 0, 0, 0, 0, 0, 0, 2, 0x30, 0x39, 0,    53};

/* Signature, two octets, length, and what follows. Returns the length of it all. */
static size_t header(uint8_t out[BUFFER], uint8_t version_command, uint8_t family, const void *rest, size_t rest_len)
{
	struct wbuf w = buf_writer(out, BUFFER);
	buf_put(&w, "\r\n\r\n\0\r\nQUIT\n", 12);
	buf_put_u8(&w, version_command);
	buf_put_u8(&w, family);
	buf_put_u16(&w, (uint16_t)rest_len);
	buf_put(&w, rest, rest_len);
	assert_false(w.full);
	return w.len;
}

/* Parses an exact copy on the heap, so that the sanitizers see a read past it. */
static enum proxy_result parse(const uint8_t *data, size_t len, size_t *header_len, struct addr *client)
{
	uint8_t *copy = malloc(len ? len : 1);
	assert_non_null(copy);
	memcpy(copy, data, len);
	enum proxy_result result = proxy_parse(copy, len, header_len, client);
	free(copy);
	return result;
}

static void assert_client(uint8_t family, const void *rest, size_t rest_len, const char *expected)
{
	uint8_t data[BUFFER];
	char text[ADDR_TEXT_MAX];
	size_t got = 0, len = header(data, 0x21, family, rest, rest_len);
	struct addr client;
	for (size_t cut = 0; cut < len; cut++)
		assert_int_equal(parse(data, cut, &got, &client), PROXY_MORE);
	assert_int_equal(parse(data, len, &got, &client), PROXY_CLIENT);
	assert_int_equal(got, len);
	assert_string_equal(addr_to_text(&client, text), expected);
	/* What follows is not its matter. */
	memset(data + len, 0xff, 100);
	assert_int_equal(parse(data, len + 100, &got, &client), PROXY_CLIENT);
	assert_int_equal(got, len);
}

static void assert_result(uint8_t version_command, uint8_t family, const void *rest, size_t rest_len,
			  enum proxy_result expected)
{
	uint8_t data[BUFFER];
	size_t got = 0, len = header(data, version_command, family, rest, rest_len);
	struct addr client = {.len = 0};
	assert_int_equal(parse(data, len, &got, &client), expected);
	if (expected == PROXY_LOCAL) {
		assert_int_equal(got, len);
		assert_int_equal(client.len, 0);
	}
}

static void clients(void **state)
{
	(void)state;
	assert_client(0x11, v4, sizeof v4, "192.0.2.1@12345");
	assert_client(0x12, v4, sizeof v4, "192.0.2.1@12345");
	assert_client(0x21, v6, sizeof v6, "2001:db8::1@12345");
	assert_client(0x22, v6, sizeof v6, "2001:db8::1@12345");
	/* An IPv4 client of a proxy with one socket for both families. */
	uint8_t mapped[sizeof v6] = {[10] = 0xff, [11] = 0xff, [12] = 192, [14] = 2, [15] = 1, [33] = 7};
	assert_client(0x22, mapped, sizeof mapped, "192.0.2.1@7");
}

static void tlvs(void **state)
{
	(void)state;
	/* ALPN "dot", NOOP with nothing, a type of no known meaning with 200 octets. */
	uint8_t rest[300] = {0};
	struct wbuf w = buf_writer(rest, sizeof rest);
	buf_put(&w, v4, sizeof v4);
	buf_put(&w, "\x01\0\3dot\x04\0\0\xe0\0\xc8", 12);
	(void)buf_room(&w, 200);
	assert_client(0x12, rest, w.len, "192.0.2.1@12345");
	assert_result(0x21, 0x12, rest, w.len - 1, PROXY_BAD);
	assert_result(0x21, 0x12, rest, sizeof v4 + 1, PROXY_BAD);
	assert_result(0x21, 0x12, rest, sizeof v4 + 2, PROXY_BAD);
	assert_result(0x21, 0x12, rest, sizeof v4 + 3, PROXY_BAD);
	assert_result(0x21, 0x12, rest, sizeof v4 + 6, PROXY_CLIENT);
}

static void local(void **state)
{
	(void)state;
	assert_result(0x20, 0x00, "", 0, PROXY_LOCAL);
	assert_result(0x20, 0x12, v4, sizeof v4, PROXY_LOCAL);
	assert_result(0x20, 0x00, "\xff\xff\xff", 3, PROXY_LOCAL);
	assert_result(0x21, 0x00, "", 0, PROXY_LOCAL);
}

static void bent(void **state)
{
	(void)state;
	assert_result(0x11, 0x12, v4, sizeof v4, PROXY_BAD); /* version */
	assert_result(0x31, 0x12, v4, sizeof v4, PROXY_BAD);
	assert_result(0x22, 0x12, v4, sizeof v4, PROXY_BAD); /* command */
	assert_result(0x21, 0x13, v4, sizeof v4, PROXY_BAD); /* transport */
	assert_result(0x21, 0x10, v4, sizeof v4, PROXY_BAD);
	assert_result(0x21, 0x02, v4, sizeof v4, PROXY_BAD); /* family */
	assert_result(0x21, 0x31, v6, sizeof v6, PROXY_BAD); /* a UNIX socket's */
	assert_result(0x21, 0x42, v4, sizeof v4, PROXY_BAD);
	for (size_t len = 0; len < sizeof v4; len++)
		assert_result(0x21, 0x12, v4, len, PROXY_BAD);
	for (size_t len = 0; len < sizeof v6; len++)
		assert_result(0x21, 0x22, v6, len, PROXY_BAD);
	/* Too long is told from its first octets: nobody makes us wait for 64 KB. */
	uint8_t data[BUFFER];
	struct addr client;
	size_t got;
	(void)header(data, 0x21, 0x12, v4, sizeof v4);
	buf_store_u16(data + 14, PROXY_HEADER_MAX - 16 + 1);
	assert_int_equal(parse(data, 16, &got, &client), PROXY_BAD);
	buf_store_u16(data + 14, PROXY_HEADER_MAX - 16);
	assert_int_equal(parse(data, 16, &got, &client), PROXY_MORE);
}

static void no_header(void **state)
{
	(void)state;
	uint8_t data[BUFFER];
	struct addr client;
	size_t got, len = header(data, 0x21, 0x12, v4, sizeof v4);
	for (size_t i = 0; i < 12; i++) {
		data[i] ^= 1;
		for (size_t cut = i + 1; cut <= len; cut++)
			assert_int_equal(parse(data, cut, &got, &client), PROXY_NONE);
		data[i] ^= 1;
	}
	assert_int_equal(parse((const uint8_t *)"PROXY TCP4 1.2.3.4 5.6.7.8 1 2\r\n", 32, &got, &client), PROXY_NONE);
}

static void random_octets(void **state)
{
	(void)state;
	uint8_t data[BUFFER];
	srandom(20260301);
	for (unsigned i = 0; i < RANDOM_ROUNDS; i++) {
		uint8_t rest[64];
		for (size_t j = 0; j < sizeof rest; j++)
			rest[j] = (uint8_t)(random() % 4 ? 0 : random());
		size_t rest_len = (size_t)random() % sizeof rest, got = 0;
		size_t len = header(data, (uint8_t)(0x20 | random() % 3), (uint8_t)random(), rest, rest_len);
		if (random() % 2)
			data[15] = (uint8_t)random();
		len -= (size_t)random() % 2 ? (size_t)random() % len : 0;
		struct addr client = {.len = 0};
		enum proxy_result result = parse(data, len, &got, &client);
		if (result == PROXY_LOCAL || result == PROXY_CLIENT)
			assert_true(got <= len && (client.len != 0) == (result == PROXY_CLIENT));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(clients), cmocka_unit_test(tlvs),      cmocka_unit_test(local),
		cmocka_unit_test(bent),    cmocka_unit_test(no_header), cmocka_unit_test(random_octets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
