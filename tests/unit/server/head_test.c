/* head: request heads of known clients, heads cut at every octet, and what smuggling is made of. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/http/head.h"

enum { BODY_MAX = 1000 };

/* Parses an exact copy on the heap; the caller frees *copy. */
static int parse(struct head *h, const char *text, char **copy)
{
	size_t len = strlen(text);
	assert_int_equal(head_length(text, len), len);
	*copy = malloc(len);
	assert_non_null(*copy);
	memcpy(*copy, text, len);
	return head_parse(h, *copy, len, BODY_MAX);
}

static void test_a_head(void **state)
{
	(void)state;
	static const char text[] = "GET /nic/update?hostname=a HTTP/1.1\r\nHost: home.example:8080\r\n"
				   "authorization:  Basic eDp5 \t\r\nX-Empty:\r\n\r\n";
	struct head h;
	char *copy;
	assert_int_equal(parse(&h, text, &copy), 0);
	assert_string_equal(h.method, "GET");
	assert_string_equal(h.target, "/nic/update?hostname=a");
	assert_false(h.http_1_0);
	assert_true(h.keep_alive);
	assert_int_equal(h.body_len, 0);
	assert_int_equal(h.field_count, 3);
	assert_string_equal(head_get(&h, "HOST"), "home.example:8080");
	assert_string_equal(head_get(&h, "Authorization"), "Basic eDp5");
	assert_string_equal(head_get(&h, "X-Empty"), "");
	assert_null(head_get(&h, "X"));
	free(copy);
	for (size_t cut = 0; cut < strlen(text); cut++)
		assert_int_equal(head_length(text, cut), 0);
	char more[sizeof text + 4];
	memcpy(more, text, sizeof text - 1);
	memcpy(more + sizeof text - 1, "body", 4);
	assert_int_equal(head_length(more, sizeof text + 3), sizeof text - 1);
}

static void test_odd_ones(void **state)
{
	(void)state;
	static const struct {
		const char *text, *target;
		bool old, keep;
	} rows[] = {
		{"GET //update HTTP/1.0\r\n\r\n", "//update", true, false},
		{"GET nic/update HTTP/1.0\nHost: x\n\n", "nic/update", true, false},
		{"\r\n\r\nGET / HTTP/1.1\r\n\r\n", "/", false, true},
		{"GET  HTTP/1.0\r\n\r\n", "/", true, false},
		{"GET /a b HTTP/1.1\r\nConnection: close\r\n\r\n", "/a b", false, false},
		{"GET / HTTP/1.0\r\nConnection: Keep-Alive, x\r\n\r\n", "/", true, true},
		{"GET / HTTP/1.1\r\nConnection: x,CLOSE\r\n\r\n", "/", false, false},
		{"GET / HTTP/1.1\r\nConnection: closed\r\n\r\n", "/", false, true},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct head h;
		char *copy;
		assert_int_equal(parse(&h, rows[i].text, &copy), 0);
		assert_string_equal(h.target, rows[i].target);
		assert_int_equal(h.http_1_0, rows[i].old);
		assert_int_equal(h.keep_alive, rows[i].keep);
		free(copy);
	}
}

static void test_bodies(void **state)
{
	(void)state;
	static const struct {
		const char *fields;
		int status;
		size_t len;
	} rows[] = {
		{"Content-Length: 12\r\n", 0, 12},
		{"Content-Length: 12\r\ncontent-length: 12\r\n", 0, 12},
		{"Content-Length: 12\r\ncontent-length: 13\r\n", 400, 0},
		{"Content-Length: 12, 12\r\n", 400, 0},
		{"Content-Length: +12\r\n", 400, 0},
		{"Content-Length: -1\r\n", 400, 0},
		{"Content-Length:\r\n", 400, 0},
		{"Content-Length: 0x10\r\n", 400, 0},
		{"Content-Length: 1000\r\n", 0, 1000},
		{"Content-Length: 1001\r\n", 413, 0},
		{"Content-Length: 99999999999999999999999\r\n", 413, 0},
		{"Transfer-Encoding: chunked\r\n", 411, 0},
		{"Transfer-Encoding: chunked\r\nContent-Length: 5\r\n", 411, 0},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		char text[200], *copy;
		struct head h;
		snprintf(text, sizeof text, "POST / HTTP/1.1\r\n%sExpect: 100-Continue\r\n\r\n", rows[i].fields);
		assert_int_equal(parse(&h, text, &copy), rows[i].status);
		if (!rows[i].status) {
			assert_int_equal(h.body_len, rows[i].len);
			assert_true(h.expects_100);
		}
		free(copy);
	}
}

static void test_refused(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		int status;
	} rows[] = {
		{"GET /\r\n\r\n", 400},
		{"GET\r\n\r\n", 400},
		{"G(T / HTTP/1.1\r\n\r\n", 400},
		{" / HTTP/1.1\r\n\r\n", 400},
		{"GET / http/1.1\r\n\r\n", 400},
		{"GET / HTTP/1.1 \r\n\r\n", 400},
		{"GET /\x01 HTTP/1.1\r\n\r\n", 400},
		{"ABCDEFGHIJKLMNOPQ / HTTP/1.1\r\n\r\n", 400},
		{"GET / HTTP/2.0\r\n\r\n", 505},
		{"GET / HTTP/1.10\r\n\r\n", 505},
		{"GET / HTTP/1.1\r\nHost : x\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost: x\r\n folded\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\n: x\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nHost\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nA: b\rc\r\n\r\n", 400},
		{"GET / HTTP/1.1\r\nA: \x7f\r\n\r\n", 400},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct head h;
		char *copy;
		assert_int_equal(parse(&h, rows[i].text, &copy), rows[i].status);
		free(copy);
	}
	struct head h;
	char nul[] = "GET /\0 HTTP/1.1\r\n\r\n";
	assert_int_equal(head_parse(&h, nul, sizeof nul - 1, BODY_MAX), 400);
}

static void test_many_fields(void **state)
{
	(void)state;
	char text[20 + (HEAD_FIELDS_MAX + 1) * 6 + 3] = "GET / HTTP/1.1\r\n", *copy;
	struct head h;
	for (int i = 0; i < HEAD_FIELDS_MAX; i++)
		strcat(text, "A: b\r\n");
	size_t fits = strlen(text);
	strcat(text, "\r\n");
	assert_int_equal(parse(&h, text, &copy), 0);
	free(copy);
	strcpy(text + fits, "A: b\r\n\r\n");
	assert_int_equal(parse(&h, text, &copy), 431);
	free(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_a_head),  cmocka_unit_test(test_odd_ones),    cmocka_unit_test(test_bodies),
		cmocka_unit_test(test_refused), cmocka_unit_test(test_many_fields),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
