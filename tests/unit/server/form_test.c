/* form: request targets and bodies as known clients write them, and as nobody should. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/http/form.h"

static void parse(struct form *f, const char *target)
{
	assert_int_equal(form_parse(f, target, FORM_NONE, NULL, 0), ERR_OK);
}

static void test_paths(void **state)
{
	(void)state;
	static const struct {
		const char *target, *path;
	} rows[] = {
		{"/nic/update?x=1", "/nic/update"},
		{"//nic//update", "/nic/update"},
		{"/nic/update/", "/nic/update"},
		{"nic/update?hostname=a", "/nic/update"},
		{"http://home.example:8080/nic/update", "/nic/update"},
		{"http://home.example", "/"},
		{"http://home.example?a=b", "/"},
		{"", "/"},
		{"/", "/"},
		{"////", "/"},
		{"/?a", "/"},
		{"/checkip#top", "/checkip"},
		{"/%6eic/up%64ate", "/nic/update"},
		{"/a+b", "/a+b"},
		{"/100%", "/100%"},
		{"/%2", "/%2"},
		{"/%zz", "/%zz"},
		{"/%2f%2fnic", "/nic"},
	};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		struct form f;
		parse(&f, rows[i].target);
		assert_string_equal(f.path, rows[i].path);
		form_free(&f);
	}
}

static void test_parameters(void **state)
{
	(void)state;
	struct form f;
	parse(&f,
	      "/nic/update?hostname=a.example%2Cb.example&myip=192.0.2.1,2001%3adb8%3a%3a1&wildcard=&&offline&MX=a+b"
	      "&system=%25h&=x#frag=1");
	assert_int_equal(f.count, 7);
	assert_string_equal(form_get(&f, "hostname"), "a.example,b.example");
	assert_string_equal(form_get(&f, "myip"), "192.0.2.1,2001:db8::1");
	assert_string_equal(form_get(&f, "wildcard"), "");
	assert_string_equal(form_get(&f, "offline"), "");
	assert_string_equal(form_get(&f, "mx"), "a b");
	assert_string_equal(form_get(&f, "system"), "%h");
	assert_string_equal(form_get(&f, ""), "x");
	assert_null(form_get(&f, "frag"));
	static const char *const names[] = {"ip", "myip", "hostname", NULL};
	assert_string_equal(form_get_any(&f, names), "192.0.2.1,2001:db8::1");
	form_free(&f);
}

static void test_first_wins(void **state)
{
	(void)state;
	struct form f;
	static const char body[] = "a=body&b=only";
	assert_int_equal(form_parse(&f, "/?a=query&a=again", FORM_URLENCODED, body, strlen(body)), ERR_OK);
	assert_string_equal(form_get(&f, "a"), "query");
	assert_string_equal(form_get(&f, "b"), "only");
	form_free(&f);
}

static void test_json(void **state)
{
	(void)state;
	struct form f;
	static const char body[] =
		"{\"fqdn\":\"_acme-challenge.a.example.\",\"ttl\":60,\"on\":true,\"off\":false,\"none\":null,"
		"\"half\":0.5,\"list\":[1],\"object\":{\"x\":1},\"e\":\"\\u00e9\"}";
	assert_int_equal(form_parse(&f, "/acme/present", FORM_JSON, body, strlen(body)), ERR_OK);
	assert_string_equal(form_get(&f, "fqdn"), "_acme-challenge.a.example.");
	assert_string_equal(form_get(&f, "ttl"), "60");
	assert_string_equal(form_get(&f, "on"), "true");
	assert_string_equal(form_get(&f, "off"), "false");
	assert_string_equal(form_get(&f, "none"), "");
	assert_string_equal(form_get(&f, "half"), "0.5");
	assert_string_equal(form_get(&f, "e"), "\xc3\xa9");
	assert_null(form_get(&f, "list"));
	assert_null(form_get(&f, "object"));
	form_free(&f);
}

static void test_json_that_grows(void **state)
{
	(void)state;
	/* Every number is longer in text than in the body: the block must hold them. */
	char body[FORM_BODY_MAX] = "{", target[] = "/";
	for (int i = 0; i < FORM_PAIRS_MAX; i++)
		snprintf(body + strlen(body), sizeof body - strlen(body), "%s\"%c%c\":1e200", i ? "," : "",
			 'a' + i / 26, 'a' + i % 26);
	strcat(body, "}");
	struct form f;
	assert_int_equal(form_parse(&f, target, FORM_JSON, body, strlen(body)), ERR_OK);
	assert_int_equal(f.count, FORM_PAIRS_MAX);
	assert_string_equal(form_get(&f, "aa"), "1e+200");
	form_free(&f);
}

static void test_refused(void **state)
{
	(void)state;
	struct form f;
	assert_int_equal(form_parse(&f, "/a%00b", FORM_NONE, NULL, 0), ERR_FORMAT);
	assert_int_equal(form_parse(&f, "/?a=%00", FORM_NONE, NULL, 0), ERR_FORMAT);
	assert_int_equal(form_parse(&f, "/?%00=a", FORM_NONE, NULL, 0), ERR_FORMAT);
	assert_int_equal(form_parse(&f, "/", FORM_URLENCODED, "a=\0b", 4), ERR_FORMAT);
	static const char *const bad[] = {"[]", "1", "{", "{\"a\":1,\"a\":2}", "{\"a\":\"\\u0000\"}", "{} x"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++)
		assert_int_equal(form_parse(&f, "/", FORM_JSON, bad[i], strlen(bad[i])), ERR_FORMAT);
	char many[4 * (FORM_PAIRS_MAX + 1) + 3] = "/?";
	for (int i = 0; i <= FORM_PAIRS_MAX; i++)
		strcat(many, "a=&");
	assert_int_equal(form_parse(&f, many, FORM_NONE, NULL, 0), ERR_FORMAT);
	many[2 + 3 * FORM_PAIRS_MAX] = '\0';
	assert_int_equal(form_parse(&f, many, FORM_NONE, NULL, 0), ERR_OK);
	form_free(&f);
}

static void test_lengths(void **state)
{
	(void)state;
	struct form f;
	char *target = malloc(FORM_TARGET_MAX + 2), *body = malloc(FORM_BODY_MAX + 1);
	assert_true(target && body);
	memset(target, '/', FORM_TARGET_MAX + 1);
	target[FORM_TARGET_MAX + 1] = '\0';
	assert_int_equal(form_parse(&f, target, FORM_NONE, NULL, 0), ERR_RANGE);
	assert_int_equal(form_parse(&f, target + 1, FORM_NONE, NULL, 0), ERR_OK);
	assert_string_equal(f.path, "/");
	form_free(&f);
	memset(body, 'a', FORM_BODY_MAX + 1);
	assert_int_equal(form_parse(&f, "/", FORM_URLENCODED, body, FORM_BODY_MAX + 1), ERR_RANGE);
	assert_int_equal(form_parse(&f, "/", FORM_URLENCODED, body, FORM_BODY_MAX), ERR_OK);
	form_free(&f);
	free(target);
	free(body);
}

static void test_types(void **state)
{
	(void)state;
	assert_int_equal(form_type_of(NULL, NULL, 0), FORM_NONE);
	assert_int_equal(form_type_of(NULL, "a=b", 3), FORM_URLENCODED);
	assert_int_equal(form_type_of(NULL, "{}", 2), FORM_JSON);
	assert_int_equal(form_type_of("Application/JSON; charset=utf-8", "x", 1), FORM_JSON);
	assert_int_equal(form_type_of("application/x-www-form-urlencoded", "{}", 2), FORM_JSON);
	assert_int_equal(form_type_of("application/x-www-form-urlencoded; charset=UTF-8", "a", 1), FORM_URLENCODED);
	assert_int_equal(form_type_of("text/plain", "a=b", 3), FORM_URLENCODED);
	assert_int_equal(form_type_of("image/png", "a=b", 3), FORM_NONE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_paths),           cmocka_unit_test(test_parameters),
		cmocka_unit_test(test_first_wins),      cmocka_unit_test(test_json),
		cmocka_unit_test(test_json_that_grows), cmocka_unit_test(test_refused),
		cmocka_unit_test(test_lengths),         cmocka_unit_test(test_types),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
