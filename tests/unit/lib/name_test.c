#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/name.h"

/* "\3www\0" and the like, without the NUL that C adds. */
#define WIRE(literal) ((const uint8_t *)(literal))

static struct name from(const char *text)
{
	struct name n;
	assert_int_equal(name_from_text(&n, text), ERR_OK);
	return n;
}

static void check_text(const char *in, const char *expected)
{
	char text[NAME_TEXT_MAX];
	struct name n = from(in);
	assert_int_equal(n.len, name_len(n.wire));
	assert_string_equal(name_to_text(n.wire, text), expected);
}

static void text_both_ways(void **state)
{
	(void)state;
	check_text(".", ".");
	check_text("home.example", "home.example.");
	check_text("Home.Example.", "Home.Example.");
	check_text("a\\.b.c", "a\\.b.c.");
	check_text("a\\046b.c.", "a\\.b.c.");
	check_text("\\000\\255 x.", "\\000\\255\\032x.");
	check_text("*.home.example", "*.home.example.");
	check_text("\\@\\$\\;\\(\\)\\\"\\\\.", "\\@\\$\\;\\(\\)\\\"\\\\.");
}

static void text_that_is_no_name(void **state)
{
	static const char *const broken[] = {"",    "..",   ".a",    "a..b",   "a..",
					     "a\\", "a\\1", "a\\12", "a\\256", "a\\1x3.b"};
	struct name n;
	(void)state;
	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
		assert_int_equal(name_from_text(&n, broken[i]), ERR_FORMAT);
}

/* Text of `labels` labels of `octets` octets. */
static char *repeat(char *out, unsigned labels, unsigned octets)
{
	char *p = out;
	for (unsigned i = 0; i < labels; i++) {
		memset(p, 'x', octets);
		p += octets;
		*p++ = '.';
	}
	*p = '\0';
	return out;
}

static void text_bounds(void **state)
{
	char text[1024], back[NAME_TEXT_MAX];
	struct name n;
	(void)state;
	assert_int_equal(name_from_text(&n, repeat(text, 1, 63)), ERR_OK);
	assert_int_equal(name_from_text(&n, repeat(text, 1, 64)), ERR_RANGE);
	assert_int_equal(name_from_text(&n, repeat(text, 127, 1)), ERR_OK);
	assert_int_equal(n.len, NAME_WIRE_MAX);
	assert_int_equal(name_labels(n.wire), NAME_LABELS_MAX);
	assert_int_equal(name_from_text(&n, repeat(text, 128, 1)), ERR_RANGE);
	assert_int_equal(name_from_text(&n, repeat(text, 4, 63)), ERR_RANGE);
	repeat(text, 3, 63);
	repeat(text + strlen(text), 1, 61);
	assert_int_equal(name_from_text(&n, text), ERR_OK);
	assert_int_equal(n.len, NAME_WIRE_MAX);
	assert_string_equal(name_to_text(n.wire, back), text);
	/* Every octet four characters long: the longest text there is. */
	for (unsigned i = 0; i < n.len; i++)
		if (n.wire[i] == 'x')
			n.wire[i] = 0xff;
	assert_true(strlen(name_to_text(n.wire, back)) < NAME_TEXT_MAX);
	assert_int_equal(name_from_text(&n, back), ERR_OK);
	assert_int_equal(n.len, NAME_WIRE_MAX);
}

/* The message of RFC 1035 §4.1.4: F.ISI.ARPA at 20, FOO.F.ISI.ARPA at 40, ARPA at 64, the root at 92. */
static void parses_rfc1035_example(void **state)
{
	static const struct {
		size_t at, after;
		const char *text;
	} cases[] = {{20, 32, "F.ISI.ARPA."}, {40, 46, "FOO.F.ISI.ARPA."}, {64, 66, "ARPA."}, {92, 93, "."}};
	uint8_t msg[93] = {0};
	char text[NAME_TEXT_MAX];
	(void)state;
	memcpy(msg + 20, "\1F\3ISI\4ARPA\0", 12);
	memcpy(msg + 40, "\3FOO\xc0\x14", 6);
	memcpy(msg + 64, "\xc0\x1a", 2);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct rbuf in = buf_reader(msg, sizeof msg);
		struct name n;
		in.pos = cases[i].at;
		assert_int_equal(name_parse(&in, &n), ERR_OK);
		assert_int_equal(in.pos, cases[i].after);
		assert_string_equal(name_to_text(n.wire, text), cases[i].text);
	}
}

static enum err parse_at(const void *msg, size_t len, size_t at)
{
	struct name n;
	struct rbuf in = buf_reader(msg, len);
	in.pos = at;
	enum err err = name_parse(&in, &n);
	assert_true(in.bad == (err != ERR_OK));
	return err;
}

static void refuses_hostile_names(void **state)
{
	(void)state;
	assert_int_equal(parse_at("", 0, 0), ERR_FORMAT);
	assert_int_equal(parse_at("\3ww", 3, 0), ERR_FORMAT);
	assert_int_equal(parse_at("\3www", 4, 0), ERR_FORMAT);
	assert_int_equal(parse_at("\xc0", 1, 0), ERR_FORMAT);
	assert_int_equal(parse_at("\xc0\x00", 2, 0), ERR_FORMAT);    /* to itself */
	assert_int_equal(parse_at("\xc0\x02\0", 3, 0), ERR_FORMAT);  /* forward */
	assert_int_equal(parse_at("\1a\xc0\x00", 4, 0), ERR_FORMAT); /* to its own start */
	assert_int_equal(parse_at("\1a\xc0\x03\1b\xc0\x00", 8, 4), ERR_FORMAT);
	assert_int_equal(parse_at("\x40x\0", 3, 0), ERR_FORMAT); /* label types 01 and 10 */
	assert_int_equal(parse_at("\x80x\0", 3, 0), ERR_FORMAT);
	assert_int_equal(parse_at("\1a\0\1b\xc0\x00", 7, 3), ERR_OK);
}

static void refuses_long_names(void **state)
{
	uint8_t msg[600];
	(void)state;
	/* 128 labels of one octet: 257 octets. */
	for (unsigned i = 0; i < 128; i++)
		memcpy(msg + 2 * i, "\1a", 2);
	msg[256] = 0;
	assert_int_equal(parse_at(msg, 257, 0), ERR_FORMAT);
	assert_int_equal(parse_at(msg, 257, 2), ERR_OK);
	/* The same length reached through a pointer. */
	memcpy(msg + 257, "\1b\xc0\x02", 4);
	assert_int_equal(parse_at(msg, 261, 257), ERR_FORMAT);
	memcpy(msg + 257, "\1b\xc0\x04", 4);
	assert_int_equal(parse_at(msg, 261, 257), ERR_OK);
}

static void bounds_pointer_chains(void **state)
{
	/* The root, then pointers each to the one before: strictly backward, yet not worth following for ever. */
	uint8_t msg[2000] = {0};
	size_t at = 2;
	(void)state;
	for (; at + 2 <= sizeof msg; at += 2)
		buf_store_u16(msg + at, (uint16_t)(0xc000 | (at - 2)));
	assert_int_equal(parse_at(msg, sizeof msg, 2), ERR_OK);
	assert_int_equal(parse_at(msg, sizeof msg, 2 * NAME_LABELS_MAX), ERR_OK);
	assert_int_equal(parse_at(msg, sizeof msg, at - 2), ERR_FORMAT);
}

static void plain_names_have_no_pointers(void **state)
{
	struct name n;
	struct rbuf in = buf_reader("\1a\0\1b\xc0\x00", 7);
	(void)state;
	assert_int_equal(name_parse_plain(&in, &n), ERR_OK);
	assert_int_equal(n.len, 3);
	assert_int_equal(in.pos, 3);
	assert_int_equal(name_parse_plain(&in, &n), ERR_FORMAT);
	assert_true(in.bad);
}

static void equal_but_for_ascii_case(void **state)
{
	(void)state;
	assert_true(name_equal(from("WWW.Home.example").wire, from("www.hOME.EXAMPLE").wire));
	assert_false(name_equal(from("www.home.example").wire, from("www.home.exampl").wire));
	assert_false(name_equal(from("home.example").wire, from("www.home.example").wire));
	/* '@' and '`', '[' and '{' differ by the same bit as letters do; so do octets above 127 (RFC 4343 §3). */
	assert_false(name_equal(from("\\@").wire, from("`").wire));
	assert_false(name_equal(from("[").wire, from("{").wire));
	assert_false(name_equal(from("\\200").wire, from("\\232").wire));
	assert_true(name_equal(WIRE("\0"), WIRE("\0")));
}

static void lowers_any_length(void **state)
{
	uint8_t src[300], dst[300];
	(void)state;
	for (size_t i = 0; i < sizeof src; i++)
		src[i] = (uint8_t)i;
	for (size_t len = 0; len <= sizeof src; len++) {
		memset(dst, 0xee, sizeof dst);
		name_lower(dst, src, len);
		for (size_t i = 0; i < sizeof dst; i++) {
			uint8_t expected = src[i] >= 'A' && src[i] <= 'Z' ? (uint8_t)(src[i] + 32) : src[i];
			assert_int_equal(dst[i], i < len ? expected : 0xee);
		}
	}
	memcpy(dst, "ABCDEFGHIJKLM", 13);
	name_lower(dst, dst, 13);
	assert_memory_equal(dst, "abcdefghijklm", 13);
}

/* RFC 4034 §6.1 */
static const char *const canonical[] = {".",           "example",        "a.example", "yljkjljk.a.example",
					"Z.a.example", "zABC.a.EXAMPLE", "z.example", "\\001.z.example",
					"*.z.example", "\\200.z.example"};
enum { CANONICAL = sizeof canonical / sizeof canonical[0] };

static int sign(int x)
{
	return (x > 0) - (x < 0);
}

static int compare_keys(const struct name *a, const struct name *b)
{
	uint8_t ka[NAME_KEY_MAX], kb[NAME_KEY_MAX];
	size_t la = name_to_key(a->wire, ka), lb = name_to_key(b->wire, kb);
	int diff = memcmp(ka, kb, la < lb ? la : lb);
	return diff ? sign(diff) : (la > lb) - (la < lb);
}

static void canonical_order(void **state)
{
	(void)state;
	for (int i = 0; i < CANONICAL; i++)
		for (int j = 0; j < CANONICAL; j++) {
			struct name a = from(canonical[i]), b = from(canonical[j]);
			assert_int_equal(sign(name_compare(a.wire, b.wire)), sign(i - j));
			assert_int_equal(compare_keys(&a, &b), sign(i - j));
		}
}

static void ancestors(void **state)
{
	struct name www = from("www.home.example"), home = from("HOME.example"), out;
	(void)state;
	assert_true(name_is_under(www.wire, home.wire));
	assert_true(name_is_under(home.wire, home.wire));
	assert_true(name_is_under(home.wire, WIRE("\0")));
	assert_false(name_is_under(home.wire, www.wire));
	assert_false(name_is_under(from("whome.example").wire, home.wire));
	/* The octets of the ancestor at the end, but not at a label's start. */
	assert_false(name_is_under(WIRE("\6x\4home\0"), WIRE("\4home\0")));
	assert_true(name_equal(name_strip(www.wire, 1), home.wire));
	assert_int_equal(*name_strip(www.wire, 3), 0);
	assert_true(name_is_wildcard(from("*.home.example").wire));
	assert_false(name_is_wildcard(from("**.home.example").wire));
	assert_int_equal(name_join(&out, WIRE("\3www"), 4, home.wire), ERR_OK);
	assert_true(name_equal(out.wire, www.wire));
	assert_int_equal(out.len, www.len);
	assert_int_equal(name_join(&out, out.wire, 4, out.wire), ERR_OK);
	assert_int_equal(out.len, www.len + 4);
}

static void join_bounds(void **state)
{
	char text[1024];
	struct name out, longest = from(repeat(text, 127, 1)), less = from(repeat(text, 126, 1));
	(void)state;
	assert_int_equal(name_join(&out, WIRE("\1y"), 2, longest.wire), ERR_RANGE);
	assert_int_equal(name_join(&out, WIRE("\1y"), 2, less.wire), ERR_OK);
	assert_int_equal(out.len, NAME_WIRE_MAX);
	assert_int_equal(name_join(&out, longest.wire, SIZE_MAX, less.wire), ERR_RANGE);
}

static void keys_both_ways(void **state)
{
	uint8_t key[NAME_KEY_MAX];
	struct name n = from("WWW.\\000\\001\\002.example"), back;
	(void)state;
	size_t len = name_to_key(n.wire, key);
	assert_int_equal(len, 18);
	assert_memory_equal(key, "example\0\1\1\1\2\2\0www\0", 18);
	assert_int_equal(name_from_key(&back, key, len), ERR_OK);
	assert_true(name_equal(n.wire, back.wire));
	assert_int_equal(name_to_key(WIRE("\0"), key), 0);
	assert_int_equal(name_from_key(&back, key, 0), ERR_OK);
	assert_int_equal(back.len, 1);
	/* The longest key: all octets escaped. */
	char text[1024];
	repeat(text, 3, 63);
	repeat(text + strlen(text), 1, 61);
	n = from(text);
	for (unsigned i = 0; i < n.len; i++)
		if (n.wire[i] == 'x')
			n.wire[i] = 1;
	len = name_to_key(n.wire, key);
	assert_int_equal(len, 504);
	assert_int_equal(name_from_key(&back, key, len), ERR_OK);
	assert_memory_equal(back.wire, n.wire, n.len);
}

static void refuses_keys_never_made(void **state)
{
	static const struct {
		const char *key;
		size_t len;
	} broken[] = {{"a", 1},    {"\0", 1},     {"a\0\0", 3}, {"A\0", 2},
		      {"\1\0", 2}, {"\1\3\0", 3}, {"\1", 1},    {"a\0\1\1", 4}};
	struct name n;
	uint8_t key[NAME_KEY_MAX];
	(void)state;
	for (size_t i = 0; i < sizeof broken / sizeof broken[0]; i++)
		assert_int_equal(name_from_key(&n, (const uint8_t *)broken[i].key, broken[i].len), ERR_FORMAT);
	memset(key, 'x', sizeof key);
	key[64] = 0;
	assert_int_equal(name_from_key(&n, key, 65), ERR_FORMAT);
	for (size_t i = 0; i < sizeof key; i++)
		key[i] = i % 2 ? 0 : 'x';
	assert_int_equal(name_from_key(&n, key, 254), ERR_OK);
	assert_int_equal(n.len, NAME_WIRE_MAX);
	assert_int_equal(name_from_key(&n, key, 256), ERR_FORMAT);
}

/* Random octets: nothing reads out of bounds, and what parses is a name by every other measure. */
static void random_octets(void **state)
{
	(void)state;
	srand(1035);
	for (int round = 0; round < 100000; round++) {
		size_t len = (size_t)rand() % 40;
		uint8_t *msg = malloc(len ? len : 1), key[NAME_KEY_MAX];
		char text[NAME_TEXT_MAX];
		struct name n, back;
		struct rbuf in = buf_reader(msg, len);
		for (size_t i = 0; i < len; i++)
			msg[i] = (uint8_t)(rand() % 3 ? rand() % 6 : rand() % 2 ? 0xc0 : rand());
		in.pos = len ? (size_t)rand() % len : 0;
		if (name_parse(&in, &n) == ERR_OK) {
			assert_int_equal(n.len, name_len(n.wire));
			assert_true(in.pos <= len);
			assert_int_equal(name_from_text(&back, name_to_text(n.wire, text)), ERR_OK);
			assert_memory_equal(back.wire, n.wire, n.len);
			assert_int_equal(name_from_key(&back, key, name_to_key(n.wire, key)), ERR_OK);
			assert_true(name_equal(back.wire, n.wire));
		}
		if (len && name_from_key(&n, msg, len) == ERR_OK) {
			assert_int_equal(name_to_key(n.wire, key), len);
			assert_memory_equal(key, msg, len);
		}
		free(msg);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(text_both_ways),
		cmocka_unit_test(text_that_is_no_name),
		cmocka_unit_test(text_bounds),
		cmocka_unit_test(parses_rfc1035_example),
		cmocka_unit_test(refuses_hostile_names),
		cmocka_unit_test(refuses_long_names),
		cmocka_unit_test(bounds_pointer_chains),
		cmocka_unit_test(plain_names_have_no_pointers),
		cmocka_unit_test(equal_but_for_ascii_case),
		cmocka_unit_test(lowers_any_length),
		cmocka_unit_test(canonical_order),
		cmocka_unit_test(ancestors),
		cmocka_unit_test(join_bounds),
		cmocka_unit_test(keys_both_ways),
		cmocka_unit_test(refuses_keys_never_made),
		cmocka_unit_test(random_octets),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
