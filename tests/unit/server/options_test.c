/* options: what requests ask for, lengths that cannot be, what answers say, and what they leave out when there is no
 * room. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <string.h>

#include "server/dns/options.h"
#include "server/dns/reply.h"

/* Options in wire form from a string with its length. */
#define PARSE(o, ignore, text) parse(o, ignore, (const uint8_t *)(text), sizeof(text) - 1)

static enum err parse(struct options *o, unsigned ignore, const uint8_t *wire, size_t len)
{
	struct edns e = {.present = true, .opt = wire, .opt_len = (uint16_t)len};
	memset(o, 0xaa, sizeof *o);
	return options_parse(o, &e, ignore);
}

static void nothing_asked(void **state)
{
	(void)state;
	struct options o;
	uint8_t out[OPTIONS_MAX];
	assert_int_equal(PARSE(&o, 0, ""), ERR_OK);
	assert_int_equal(o.asked, 0);
	/* Padding, client subnet, an extended error, a private one. */
	assert_int_equal(PARSE(&o, 0,
			       "\0\14\0\2\0\0"
			       "\0\10\0\4\0\1\0\0"
			       "\0\17\0\2\0\1"
			       "\377\0\0\0"),
			 ERR_OK);
	assert_int_equal(o.asked, 0);
	options_give_nsid(&o, "ns1");
	options_give_expire(&o, 1);
	options_give_version(&o, 1, 1);
	options_give_keepalive(&o, 1000);
	assert_int_equal(options_room(&o), 0);
	assert_int_equal(options_put(&o, out, sizeof out), 0);
}

static void all_asked(void **state)
{
	(void)state;
	struct options o;
	uint8_t out[OPTIONS_MAX], cookie[COOKIE_LEN] = "ABCDEFGH0123456789abcde";
	assert_int_equal(PARSE(&o, 0,
			       "\0\3\0\0"
			       "\0\11\0\0"
			       "\0\12\0\10ABCDEFGH"
			       "\0\13\0\0"
			       "\0\23\0\0"),
			 ERR_OK);
	assert_int_equal(o.asked, OPTION_NSID | OPTION_EXPIRE | OPTION_COOKIE | OPTION_KEEPALIVE | OPTION_ZONEVERSION);
	assert_int_equal(o.cookie_len, 8);
	options_give_nsid(&o, "ns1");
	options_give_cookie(&o, cookie);
	options_give_keepalive(&o, 10000);
	size_t room = options_room(&o);
	options_give_expire(&o, 0x01020304);
	options_give_version(&o, 2, 0x05060708);
	assert_int_equal(options_room(&o), room);
	static const char expected[] = "\0\12\0\30ABCDEFGH0123456789abcde\0"
				       "\0\13\0\2\0\144"
				       "\0\11\0\4\1\2\3\4"
				       "\0\23\0\6\2\0\5\6\7\10"
				       "\0\3\0\3ns1";
	assert_int_equal(options_put(&o, out, sizeof out), room);
	assert_int_equal(room, sizeof expected - 1);
	assert_memory_equal(out, expected, room);

	/* An extended error takes what is left: with its text, without, not at all. */
	options_give_error(&o, EDE_PROHIBITED, "text");
	assert_int_equal(options_room(&o), room);
	assert_int_equal(options_put(&o, out, sizeof out), room + 10);
	assert_memory_equal(out + room, "\0\17\0\6\0\22text", 10);
	assert_int_equal(options_put(&o, out, room + 9), room + 6);
	assert_memory_equal(out + room, "\0\17\0\2\0\22", 6);
	assert_int_equal(options_put(&o, out, room + 5), room);
	for (size_t n = 0; n < room; n++)
		assert_true(options_put(&o, out, n) <= n);
}

static void ignored(void **state)
{
	(void)state;
	struct options o;
	assert_int_equal(PARSE(&o, OPTION_KEEPALIVE | OPTION_COOKIE,
			       "\0\13\0\1x"
			       "\0\12\0\1x"
			       "\0\3\0\0"),
			 ERR_OK);
	assert_int_equal(o.asked, OPTION_NSID);
}

static void lengths(void **state)
{
	(void)state;
	struct options o;
	uint8_t wire[4 + COOKIE_OPTION_MAX + 2] = {0, 10};
	for (unsigned len = 0; len <= COOKIE_OPTION_MAX + 1; len++) {
		wire[3] = (uint8_t)len;
		bool good = len == 8 || (len >= 16 && len <= 40);
		assert_int_equal(parse(&o, 0, wire, 4 + len), good ? ERR_OK : ERR_FORMAT);
		if (good)
			assert_int_equal(o.cookie_len, len);
	}
	assert_int_equal(PARSE(&o, 0, "\0\3\0\1x"), ERR_OK);
	assert_int_equal(PARSE(&o, 0, "\0\11\0\4\0\0\0\1"), ERR_OK);
	assert_int_equal(PARSE(&o, 0, "\0\13\0\2\0\144"), ERR_OK);
	assert_int_equal(PARSE(&o, 0, "\0\23\0\6\2\0\5\6\7\10"), ERR_FORMAT);
	assert_int_equal(PARSE(&o, 0, "\0\3\0\1"), ERR_FORMAT);
	assert_int_equal(PARSE(&o, 0, "\0\3\0"), ERR_FORMAT);
}

/* RFC 7873 §5.2: of several the first, but each well-formed. */
static void several_cookies(void **state)
{
	(void)state;
	struct options o;
	assert_int_equal(PARSE(&o, 0,
			       "\0\12\0\10ABCDEFGH"
			       "\0\12\0\10abcdefgh"),
			 ERR_OK);
	assert_memory_equal(o.cookie, "ABCDEFGH", 8);
}

static void keepalive_at_most(void **state)
{
	(void)state;
	struct options o;
	assert_int_equal(PARSE(&o, 0, "\0\13\0\0"), ERR_OK);
	options_give_keepalive(&o, 86400000);
	assert_int_equal(o.keepalive, UINT16_MAX);
}

/* In the whole answer: room is kept from the start, records give way. */
static void room_in_the_answer(void **state)
{
	(void)state;
	static struct writer w;
	uint8_t out[512], rdata[20] = {19};
	const uint8_t name[] = "\7example";
	struct reply r;
	struct edns e = {.present = true, .udp_size = 512};
	writer_init(&w);
	reply_set(&r, 1, 0, sizeof out);
	reply_set_edns(&r, &e, true, 1232);
	assert_int_equal(PARSE(&r.options, 0,
			       "\0\3\0\0"
			       "\0\23\0\0"),
			 ERR_OK);
	options_give_nsid(&r.options, "0123456789012345678901234567890123456789");
	reply_start(&r, &w, out);
	size_t start = w.out.len;
	unsigned records = 0;
	while (writer_rr(&w, SECTION_ANSWER, name, TYPE_TXT, CLASS_IN, 0, rdata, sizeof rdata))
		records++;
	assert_true(records > 5);
	assert_true(512 - w.out.len >= 11 + 44 + 10);
	options_give_version(&r.options, 1, 7);
	options_give_error(&r.options, EDE_OTHER, "no room for this text, but perhaps for its code");
	size_t len = reply_finish(&r, &w, RCODE_BADCOOKIE, false);
	assert_true(len > start && len <= sizeof out);
	struct message m;
	assert_int_equal(message_parse(&m, out, len), ERR_OK);
	assert_int_equal(m.edns.ext_rcode, 1);
	assert_int_equal(m.flags & FLAG_RCODE_MASK, 7);
	uint16_t n;
	assert_non_null(message_edns_option(&m.edns, 3, &n));
	assert_int_equal(n, 40);
	assert_non_null(message_edns_option(&m.edns, 19, &n));
	assert_int_equal(m.flags & FLAG_TC, 0);
}

/* RFC 9664: the answer has the request's form. Nothing is said unless it was asked for. */
static void leases(void **state)
{
	(void)state;
	struct options o;
	uint8_t out[OPTIONS_MAX];
	assert_int_equal(PARSE(&o, 0, "\0\2\0\4\0\0\16\20"), ERR_OK);
	assert_true(!o.key_leased && o.lease == 3600 && o.key_lease == 3600);
	assert_int_equal(options_put(&o, out, sizeof out), 0);
	options_give_lease(&o, 60, 70);
	assert_int_equal(options_put(&o, out, sizeof out), 8);
	assert_memory_equal(out, "\0\2\0\4\0\0\0\74", 8);

	assert_int_equal(PARSE(&o, 0, "\0\2\0\10\0\0\16\20\377\377\377\377"), ERR_OK);
	assert_true(o.key_leased && o.lease == 3600 && o.key_lease == UINT32_MAX);
	options_give_lease(&o, 60, 70);
	assert_int_equal(options_room(&o), 12);
	assert_int_equal(options_put(&o, out, 11), 0);
	assert_int_equal(options_put(&o, out, 12), 12);
	assert_memory_equal(out, "\0\2\0\10\0\0\0\74\0\0\0\106", 12);

	/* Of several the first counts. */
	assert_int_equal(PARSE(&o, 0, "\0\2\0\4\0\0\0\1\0\2\0\10\0\0\0\2\0\0\0\3"), ERR_OK);
	assert_true(!o.key_leased && o.lease == 1);
	for (uint16_t len = 0; len < 13; len++) {
		uint8_t wire[4 + 13] = {0, 2, 0, (uint8_t)len};
		assert_int_equal(parse(&o, 0, wire, 4U + len), len == 4 || len == 8 ? ERR_OK : ERR_FORMAT);
	}
	assert_int_equal(PARSE(&o, 0, ""), ERR_OK);
	options_give_lease(&o, 60, 70);
	assert_int_equal(options_put(&o, out, sizeof out), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nothing_asked),
		cmocka_unit_test(all_asked),
		cmocka_unit_test(ignored),
		cmocka_unit_test(lengths),
		cmocka_unit_test(several_cookies),
		cmocka_unit_test(keepalive_at_most),
		cmocka_unit_test(room_in_the_answer),
		cmocka_unit_test(leases),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
