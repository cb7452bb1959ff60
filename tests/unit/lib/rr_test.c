#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/rr.h"

/* A literal with NULs inside, and its length without the NUL that C adds. */
#define OCTETS(literal) (const uint8_t *)(literal), sizeof(literal) - 1

struct sample {
	uint16_t type;
	const uint8_t *rdata;
	size_t len;
};

static const struct sample good[] = {
	{TYPE_A, OCTETS("\300\0\2\1")},
	{TYPE_NS, OCTETS("\2ns\4home\0")},
	{TYPE_NS, OCTETS("\0")},
	{TYPE_SOA, OCTETS("\2ns\0\4root\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5")},
	{TYPE_NULL, OCTETS("")},
	{TYPE_NULL, OCTETS("any\377")},
	{TYPE_WKS, OCTETS("\300\0\2\1\6")},
	{TYPE_HINFO, OCTETS("\3VAX\0")},
	{TYPE_MINFO, OCTETS("\1a\0\1b\0")},
	{TYPE_MX, OCTETS("\0\012\4mail\0")},
	{TYPE_TXT, OCTETS("\0")},
	{TYPE_TXT, OCTETS("\3abc\0\1d")},
	{TYPE_RP, OCTETS("\1a\0\0")},
	{TYPE_AFSDB, OCTETS("\0\1\1a\0")},
	{TYPE_X25, OCTETS("\4"
			  "1234")},
	{TYPE_ISDN, OCTETS("\3"
			   "123")},
	{TYPE_ISDN, OCTETS("\3"
			   "123\1a")},
	{TYPE_RT, OCTETS("\0\1\1a\0")},
	{TYPE_NSAP, OCTETS("\107")},
	{TYPE_NSAP_PTR, OCTETS("\1a\0")},
	{TYPE_SIG, OCTETS("\0\1\5\2\0\0\0\1\0\0\0\2\0\0\0\3\0\4\1a\0s")},
	{TYPE_KEY, OCTETS("\302\0\3\5")},
	{TYPE_PX, OCTETS("\0\1\1a\0\1b\0")},
	{TYPE_GPOS, OCTETS("\1"
			   "1\1"
			   "2\1"
			   "3")},
	{TYPE_AAAA, OCTETS("\40\1\15\270\0\0\0\0\0\0\0\0\0\0\0\1")},
	{TYPE_LOC, OCTETS("\0\22\26\23\200\0\0\0\200\0\0\0\0\230\226\200")},
	{TYPE_NXT, OCTETS("\1a\0\100")},
	{TYPE_SRV, OCTETS("\0\1\0\2\0\120\1a\0")},
	{TYPE_NAPTR, OCTETS("\0\1\0\2\1S\3sip\0\1a\0")},
	{TYPE_KX, OCTETS("\0\1\1a\0")},
	{TYPE_CERT, OCTETS("\0\1\0\2\5c")},
	{TYPE_A6, OCTETS("\200\0")},
	{TYPE_DNAME, OCTETS("\1a\0")},
	{TYPE_APL, OCTETS("")},
	{TYPE_APL, OCTETS("\0\1\25\3\300\250\40\0\1\34\203\300\250\46")},
	{TYPE_APL, OCTETS("\0\2\10\1\377")},
	{TYPE_APL, OCTETS("\0\1\0\0")},
	{TYPE_DS, OCTETS("\353\105\5\1x")},
	{TYPE_CDS, OCTETS("\0\0\0\0\0")},
	{TYPE_SSHFP, OCTETS("\1\1x")},
	{TYPE_IPSECKEY, OCTETS("\12\0\2k")},
	{TYPE_IPSECKEY, OCTETS("\12\1\2\300\0\2\46k")},
	{TYPE_IPSECKEY, OCTETS("\12\2\2"
			       "0123456789abcdefk")},
	{TYPE_IPSECKEY, OCTETS("\12\3\2\2gw\0k")},
	{TYPE_RRSIG, OCTETS("\0\1\5\3\0\1\121\200\0\0\0\1\0\0\0\2\12\122\7example\0s")},
	/* RFC 4034 §4.3: A MX RRSIG NSEC TYPE1234 */
	{TYPE_NSEC, OCTETS("\4host\7example\3com\0\0\6\100\1\0\0\0\3\4\33\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0\0"
			   "\0\0\0\0\40")},
	{TYPE_DNSKEY, OCTETS("\1\0\3\5k")},
	{TYPE_DHCID, OCTETS("\0\2\1x")},
	{TYPE_DHCID, OCTETS("\0")},
	{TYPE_NSEC3, OCTETS("\1\1\0\14\4\252\273\314\335\2hh\0\1\100")},
	{TYPE_NSEC3, OCTETS("\1\1\0\14\0\1h")},
	{TYPE_NSEC3PARAM, OCTETS("\1\0\0\0\0")},
	{TYPE_TLSA, OCTETS("\3\1\1h")},
	{TYPE_SMIMEA, OCTETS("\3\1\1h")},
	{TYPE_HIP, OCTETS("\2\2\0\1hhk")},
	{TYPE_HIP, OCTETS("\2\2\0\1hhk\3rvs\0\0")},
	{TYPE_CDNSKEY, OCTETS("\0\0\3\0\0")},
	{TYPE_OPENPGPKEY, OCTETS("k")},
	{TYPE_CSYNC, OCTETS("\0\0\0\102\0\3\0\4\140\0\0\10")},
	{TYPE_CSYNC, OCTETS("\0\0\0\102\0\3")},
	{TYPE_ZONEMD, OCTETS("\0\0\0\1\1\1"
			     "0123456789ab")},
	{TYPE_SVCB, OCTETS("\0\0\3foo\0")},
	/* RFC 9460, appendix D.2: figures 4 and 9 */
	{TYPE_SVCB, OCTETS("\0\20\3foo\7example\3com\0\0\3\0\2\0\65")},
	{TYPE_SVCB, OCTETS("\0\20\3foo\7example\3org\0\0\0\0\4\0\1\0\4\0\1\0\11\2h2\5h3-19\0\4\0\4\300\0\2\1")},
	{TYPE_HTTPS, OCTETS("\0\1\0")},
	{TYPE_SPF, OCTETS("\6v=spf1")},
	{TYPE_NID, OCTETS("\0\12"
			  "12345678")},
	{TYPE_L32, OCTETS("\0\12"
			  "1234")},
	{TYPE_L64, OCTETS("\0\12"
			  "12345678")},
	{TYPE_LP, OCTETS("\0\12\1a\0")},
	{TYPE_EUI48, OCTETS("123456")},
	{TYPE_EUI64, OCTETS("12345678")},
	{TYPE_TKEY, OCTETS("\1a\0"
			   "IIIIEEEE\0\3\0\0\0\1k\0\0")},
	{TYPE_TSIG, OCTETS("\1a\0"
			   "TTTTTT\1\54\0\2mm\0\1\0\0\0\0")},
	{TYPE_URI, OCTETS("\0\1\0\2https:")},
	{TYPE_CAA, OCTETS("\0\5issue")},
	{TYPE_CAA, OCTETS("\200\5issueca.example")},
	{65280, OCTETS("")},
	{65280, OCTETS("\0\1anything")},
};

static const struct sample broken[] = {
	{TYPE_A, OCTETS("")},
	{TYPE_A, OCTETS("123")},
	{TYPE_A, OCTETS("12345")},
	{TYPE_AAAA, OCTETS("1234")},
	{TYPE_NS, OCTETS("")},
	{TYPE_NS, OCTETS("\2ns")},
	{TYPE_NS, OCTETS("\0\0")},
	{TYPE_SOA, OCTETS("\0\0"
			  "1234123412341234123")},
	{TYPE_MX, OCTETS("\0\1")},
	{TYPE_MX, OCTETS("\0")},
	{TYPE_TXT, OCTETS("")},
	{TYPE_TXT, OCTETS("\3ab")},
	{TYPE_HINFO, OCTETS("\3VAX")},
	{TYPE_HINFO, OCTETS("\3VAX\0\0")},
	{TYPE_ISDN, OCTETS("\1"
			   "1\1"
			   "2\1"
			   "3")},
	{TYPE_WKS, OCTETS("1234")},
	{TYPE_LOC, OCTETS("0123456789abcde")},
	{TYPE_SRV, OCTETS("\0\1\0\2\0\1a\0")},
	{TYPE_NAPTR, OCTETS("\0\1\0\2\1S\3sip\0")},
	{TYPE_APL, OCTETS("\0\1\41\0")},
	{TYPE_APL, OCTETS("\0\1\40\5"
			  "12345")},
	{TYPE_APL, OCTETS("\0\2\201\0")},
	{TYPE_APL, OCTETS("\0\1\10\2\12\0")},
	{TYPE_APL, OCTETS("\0\1\10\2\12")},
	{TYPE_APL, OCTETS("\0\1\10")},
	{TYPE_DS, OCTETS("\0\1\5\1")},
	{TYPE_IPSECKEY, OCTETS("\12\4\2k")},
	{TYPE_IPSECKEY, OCTETS("\12\1\2\300\0\2")},
	{TYPE_IPSECKEY, OCTETS("\12\3\2\2gw")},
	{TYPE_RRSIG, OCTETS("\0\1\5\3\0\1\121\200\0\0\0\1\0\0\0\2\12\122\0")},
	{TYPE_NSEC, OCTETS("\1a\0")},
	{TYPE_NSEC, OCTETS("\1a\0\0\0")},
	{TYPE_NSEC, OCTETS("\1a\0\0\2\100\0")},
	{TYPE_NSEC, OCTETS("\1a\0\0\2\100")},
	{TYPE_NSEC, OCTETS("\1a\0\1\1\100\0\1\100")},
	{TYPE_NSEC, OCTETS("\1a\0\0\1\100\0\1\100")},
	{TYPE_NSEC, OCTETS("\1a\0\0\41\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1\1")},
	{TYPE_NSEC3, OCTETS("\1\1\0\14\0\0")},
	{TYPE_NSEC3PARAM, OCTETS("\1\0\0\0\2s")},
	{TYPE_HIP, OCTETS("\0\2\0\1k")},
	{TYPE_HIP, OCTETS("\2\2\0\0hh")},
	{TYPE_HIP, OCTETS("\2\2\377\377hhk")},
	{TYPE_HIP, OCTETS("\2\2\0\1hhk\3rv")},
	{TYPE_ZONEMD, OCTETS("\0\0\0\1\1\1"
			     "0123456789a")},
	{TYPE_SVCB, OCTETS("\0\1\0\0\3\0\2\0")},
	{TYPE_SVCB, OCTETS("\0\1\0\0\3\0\0\0\3\0\0")},
	{TYPE_SVCB, OCTETS("\0\1\0\0\4\0\0\0\3\0\0")},
	{TYPE_SVCB, OCTETS("\0\1\0\0")},
	{TYPE_SVCB, OCTETS("\0\1")},
	{TYPE_EUI48, OCTETS("1234567")},
	{TYPE_CAA, OCTETS("\0\0")},
	{TYPE_CAA, OCTETS("\0\6issue")},
	{TYPE_DHCID, OCTETS("")},
	{TYPE_TSIG, OCTETS("\1a\0"
			   "TTTTTT\1\54\0\3mm\0\1\0\0\0\0")},
};

enum { GOOD = sizeof good / sizeof good[0], BROKEN = sizeof broken / sizeof broken[0] };

static struct namecheck check;

/* Without `out` only checked. */
static enum err parse(uint16_t type, const uint8_t *msg, size_t len, size_t at, struct wbuf *out)
{
	struct rbuf in = buf_reader(msg, len);
	in.pos = at;
	uint16_t rdlen = (uint16_t)(len - at);
	namecheck_begin(&check, len);
	enum err err = out ? rr_parse_rdata(&in, type, rdlen, out) : rr_pass_rdata(&in, type, rdlen, &check);
	if (!err)
		assert_int_equal(in.pos, len);
	return err;
}

static void takes_good_rdata(void **state)
{
	(void)state;
	for (int i = 0; i < GOOD; i++) {
		const struct sample *s = &good[i];
		uint8_t *exact = malloc(s->len + 1), room[300];
		struct wbuf out = buf_writer(room, sizeof room);
		memcpy(exact, s->rdata, s->len);
		if (rr_check_rdata(s->type, exact, s->len) || parse(s->type, exact, s->len, 0, &out))
			fail_msg("sample %d of type %d", i, s->type);
		assert_int_equal(out.len, s->len);
		assert_memory_equal(room, s->rdata, s->len);
		assert_int_equal(parse(s->type, exact, s->len, 0, NULL), ERR_OK);
		out = buf_writer(room, s->len ? s->len - 1 : 0);
		if (s->len)
			assert_int_equal(parse(s->type, exact, s->len, 0, &out), ERR_NOSPACE);
		assert_true(rr_rdata_equal(s->type, exact, s->len, s->rdata, s->len));
		assert_int_equal(rr_rdata_compare(s->type, exact, s->len, s->rdata, s->len), 0);
		free(exact);
	}
	assert_int_equal(rr_check_rdata(TYPE_NULL, NULL, 0), ERR_OK);
	assert_int_equal(rr_check_rdata(TYPE_A, NULL, 0), ERR_FORMAT);
}

static void refuses_broken_rdata(void **state)
{
	(void)state;
	for (int i = 0; i < BROKEN; i++) {
		const struct sample *s = &broken[i];
		uint8_t room[300];
		struct wbuf out = buf_writer(room, sizeof room);
		if (!rr_check_rdata(s->type, s->rdata, s->len) || !parse(s->type, s->rdata, s->len, 0, &out))
			fail_msg("sample %d of type %d", i, s->type);
	}
}

/* No sample cut short is right, unless it ends in something that may be shorter; nothing reads past the end. */
static void cut_and_changed_rdata(void **state)
{
	(void)state;
	srand(4034);
	for (int i = 0; i < GOOD; i++)
		for (int round = 0; round < 2000; round++) {
			const struct sample *s = &good[i];
			size_t len = s->len ? (size_t)rand() % (s->len + 1) : 0;
			uint8_t *cut = malloc(len + !len), room[600];
			struct wbuf out = buf_writer(room, sizeof room);
			memcpy(cut, s->rdata, len);
			if (len)
				cut[(size_t)rand() % len] = (uint8_t)(rand() % 2 ? rand() : rand() % 8);
			enum err err = parse(s->type, cut, len, 0, &out);
			if (!err)
				assert_int_equal(rr_check_rdata(s->type, room, out.len), ERR_OK);
			if (!rr_check_rdata(s->type, cut, len)) {
				int order = rr_rdata_compare(s->type, cut, len, s->rdata, s->len);
				int reverse = rr_rdata_compare(s->type, s->rdata, s->len, cut, len);
				assert_true((order < 0) == (reverse > 0) && (order == 0) == (reverse == 0));
				rr_additional_name(s->type, cut, len);
				struct rr_soa soa;
				assert_true(rr_soa_parse(&soa, cut, len) || s->type != TYPE_SOA);
			}
			free(cut);
		}
}

/* Every type but the plain ones: a name, then RDATA whose only or first name points at it. */
static void decompresses_where_allowed(void **state)
{
	static const struct {
		struct sample sample;
		size_t expected; /* octets, 0 = refused */
	} cases[] = {
		{{TYPE_NS, OCTETS("\2ns\300\0")}, 9},
		{{TYPE_SOA, OCTETS("\300\0\1x\300\0"
				   "12341234123412341234")},
		 34},
		{{TYPE_MX, OCTETS("\0\1\300\0")}, 8},
		{{TYPE_RP, OCTETS("\300\0\300\0")}, 12},
		{{TYPE_AFSDB, OCTETS("\0\1\300\0")}, 8},
		{{TYPE_RT, OCTETS("\0\1\300\0")}, 8},
		{{TYPE_SIG, OCTETS("123456789012345678\300\0s")}, 25},
		{{TYPE_PX, OCTETS("\0\1\300\0\300\0")}, 14},
		{{TYPE_NXT, OCTETS("\300\0\100")}, 7},
		{{TYPE_NAPTR, OCTETS("\0\1\0\2\0\0\0\300\0")}, 13},
		{{TYPE_SRV, OCTETS("\0\1\0\2\0\3\300\0")}, 12},
		{{TYPE_DNAME, OCTETS("\300\0")}, 0},
		{{TYPE_KX, OCTETS("\0\1\300\0")}, 0},
		{{TYPE_LP, OCTETS("\0\1\300\0")}, 0},
		{{TYPE_NSEC, OCTETS("\300\0\0\1\100")}, 0},
		{{TYPE_RRSIG, OCTETS("123456789012345678\300\0s")}, 0},
		{{TYPE_SVCB, OCTETS("\0\1\300\0")}, 0},
		{{TYPE_HIP, OCTETS("\1\1\0\1hk\300\0")}, 0},
		{{TYPE_IPSECKEY, OCTETS("\1\3\1\300\0")}, 0},
		{{TYPE_NS, OCTETS("\300\6")}, 0},   /* to itself */
		{{TYPE_NS, OCTETS("\300\0\0")}, 0}, /* an octet too many */
		{{TYPE_NS, OCTETS("\2ns\300")}, 0}, /* one too few */
		{{65280, OCTETS("\300\0")}, 2},     /* no name there */
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		const struct sample *s = &cases[i].sample;
		uint8_t msg[100], room[100];
		struct wbuf out = buf_writer(room, sizeof room);
		memcpy(msg, "\4Home\0", 6);
		memcpy(msg + 6, s->rdata, s->len);
		enum err err = parse(s->type, msg, 6 + s->len, 6, &out);
		if (err != (cases[i].expected ? ERR_OK : ERR_FORMAT) || (!err && out.len != cases[i].expected))
			fail_msg("case %zu", i);
		assert_int_equal(parse(s->type, msg, 6 + s->len, 6, NULL), err);
	}
	uint8_t room[20];
	struct wbuf out = buf_writer(room, sizeof room);
	assert_int_equal(parse(TYPE_MX, (const uint8_t *)"\4Home\0\0\7\1a\300\0", 12, 6, &out), ERR_OK);
	assert_int_equal(out.len, 10);
	assert_memory_equal(room, "\0\7\1a\4Home\0", 10);
}

static void rdlen_is_the_limit(void **state)
{
	uint8_t room[10];
	struct wbuf out = buf_writer(room, sizeof room);
	struct rbuf in = buf_reader("1234", 4);
	(void)state;
	assert_int_equal(rr_parse_rdata(&in, TYPE_A, 5, &out), ERR_FORMAT);
	assert_true(in.bad);
	/* The name goes on in the message, but not in the RDATA. */
	in = buf_reader("\1a\0", 3);
	assert_int_equal(rr_parse_rdata(&in, TYPE_NS, 2, &out), ERR_FORMAT);
	in = buf_reader("\1a\0", 3);
	namecheck_begin(&check, 3);
	assert_int_equal(rr_pass_rdata(&in, TYPE_NS, 2, &check), ERR_FORMAT);
}

static void equality_folds_names_only(void **state)
{
	(void)state;
	assert_true(rr_rdata_equal(TYPE_MX, OCTETS("\0\1\4Mail\0"), OCTETS("\0\1\4mAIL\0")));
	assert_false(rr_rdata_equal(TYPE_MX, OCTETS("\0A\4mail\0"), OCTETS("\0a\4mail\0")));
	assert_false(rr_rdata_equal(TYPE_TXT, OCTETS("\1A"), OCTETS("\1a")));
	assert_true(rr_rdata_equal(TYPE_SOA,
				   OCTETS("\1A\0\1b\0"
					  "AAAABBBBCCCCDDDDEEEE"),
				   OCTETS("\1a\0\1B\0"
					  "AAAABBBBCCCCDDDDEEEE")));
	assert_false(rr_rdata_equal(TYPE_SOA,
				    OCTETS("\1A\0\1b\0"
					   "AAAABBBBCCCCDDDDEEEE"),
				    OCTETS("\1a\0\1B\0"
					   "AAAABBBBCCCCDDDDEEEe")));
	assert_true(rr_rdata_equal(TYPE_NSEC, OCTETS("\1A\0\0\1\100"), OCTETS("\1a\0\0\1\100")));
	assert_true(rr_rdata_equal(TYPE_SVCB, OCTETS("\0\1\1A\0"), OCTETS("\0\1\1a\0")));
	assert_true(rr_rdata_equal(TYPE_HIP, OCTETS("\1\1\0\1hk\1A\0\1b\0"), OCTETS("\1\1\0\1hk\1a\0\1B\0")));
	assert_false(rr_rdata_equal(TYPE_HIP, OCTETS("\1\1\0\1hk\1A\0"), OCTETS("\1\1\0\1Hk\1a\0")));
	assert_true(rr_rdata_equal(TYPE_IPSECKEY, OCTETS("\1\3\1\1A\0k"), OCTETS("\1\3\1\1a\0k")));
	assert_false(rr_rdata_equal(TYPE_A, OCTETS("1234"), OCTETS("123")));
	assert_false(rr_rdata_equal(65280, OCTETS("\1A\0"), OCTETS("\1a\0")));
	assert_true(rr_rdata_equal(65280, NULL, 0, NULL, 0));
}

static void canonical_order(void **state)
{
	(void)state;
	assert_true(rr_rdata_compare(TYPE_A, OCTETS("\1\0\0\0"), OCTETS("\200\0\0\0")) < 0);
	assert_true(rr_rdata_compare(TYPE_TXT, OCTETS("\1a"), OCTETS("\1a\0")) < 0);
	assert_int_equal(rr_rdata_compare(TYPE_MX, OCTETS("\0\1\1B\0"), OCTETS("\0\1\1b\0")), 0);
	assert_true(rr_rdata_compare(TYPE_MX, OCTETS("\0\1\1B\0"), OCTETS("\0\1\1a\0")) > 0);
	assert_true(rr_rdata_compare(TYPE_MX, OCTETS("\0\1\2aa\0"), OCTETS("\0\1\1z\0")) > 0);
	/* Lowered by RFC 4034 §6.2; not lowered by RFC 6840 §5.1, or not on the list at all. */
	assert_int_equal(rr_rdata_compare(TYPE_DNAME, OCTETS("\1B\0"), OCTETS("\1b\0")), 0);
	assert_int_equal(
		rr_rdata_compare(TYPE_RRSIG, OCTETS("123456789012345678\1B\0s"), OCTETS("123456789012345678\1b\0s")),
		0);
	assert_true(rr_rdata_compare(TYPE_NSEC, OCTETS("\1B\0\0\1\100"), OCTETS("\1b\0\0\1\100")) < 0);
	assert_true(rr_rdata_compare(TYPE_HTTPS, OCTETS("\0\1\1B\0"), OCTETS("\0\1\1b\0")) < 0);
	assert_true(rr_rdata_compare(TYPE_LP, OCTETS("\0\1\1B\0"), OCTETS("\0\1\1b\0")) < 0);
	assert_int_equal(rr_rdata_compare(TYPE_NULL, NULL, 0, NULL, 0), 0);
	assert_true(rr_rdata_compare(TYPE_NULL, NULL, 0, OCTETS("a")) < 0);
}

struct seen {
	char text[4 * NAME_TEXT_MAX];
	int names, enough;
};

static bool note_name(void *arg, const uint8_t *name)
{
	struct seen *seen = arg;
	char text[NAME_TEXT_MAX];
	strcat(seen->text, name_to_text(name, text));
	return ++seen->names != seen->enough;
}

static const char *names_in(struct seen *seen, uint16_t type, const uint8_t *rdata, size_t len, int enough)
{
	*seen = (struct seen){.enough = enough};
	rr_each_name(type, rdata, len, note_name, seen);
	return seen->text;
}

static void visits_names(void **state)
{
	struct seen seen;
	(void)state;
	assert_string_equal(names_in(&seen, TYPE_MX, OCTETS("\0\1\1a\0"), 0), "a.");
	assert_string_equal(names_in(&seen, TYPE_SOA,
				     OCTETS("\1a\0\1b\0"
					    "12341234123412341234"),
				     0),
			    "a.b.");
	assert_string_equal(names_in(&seen, TYPE_SOA,
				     OCTETS("\1a\0\1b\0"
					    "12341234123412341234"),
				     1),
			    "a.");
	assert_string_equal(names_in(&seen, TYPE_HIP, OCTETS("\1\1\0\1hk\1a\0\1b\0\1c\0"), 0), "a.b.c.");
	assert_string_equal(names_in(&seen, TYPE_HIP, OCTETS("\1\1\0\1hk\1a\0\1b\0\1c\0"), 2), "a.b.");
	assert_string_equal(names_in(&seen, TYPE_IPSECKEY, OCTETS("\1\3\1\1g\0k"), 0), "g.");
	assert_string_equal(names_in(&seen, TYPE_A, OCTETS("1234"), 0), "");
	assert_string_equal(names_in(&seen, TYPE_APL, NULL, 0, 0), "");
}

static void check_shape(uint16_t type, uint8_t head, uint8_t names, uint8_t tail)
{
	struct rr_shape shape = rr_compressible_shape(type);
	assert_true(rr_compressible(type));
	assert_int_equal(shape.head, head);
	assert_int_equal(shape.names, names);
	assert_int_equal(shape.tail, tail);
}

static void compressible_types(void **state)
{
	int found = 0;
	(void)state;
	check_shape(TYPE_NS, 0, 1, 0);
	check_shape(TYPE_CNAME, 0, 1, 0);
	check_shape(TYPE_PTR, 0, 1, 0);
	check_shape(TYPE_MX, 2, 1, 0);
	check_shape(TYPE_MINFO, 0, 2, 0);
	check_shape(TYPE_SOA, 0, 2, 20);
	for (unsigned type = 0; type <= UINT16_MAX; type++)
		found += rr_compressible((uint16_t)type);
	assert_int_equal(found, 11); /* NS MD MF CNAME SOA MB MG MR PTR MINFO MX */
}

static void additional_names(void **state)
{
	(void)state;
	assert_memory_equal(rr_additional_name(TYPE_NS, OCTETS("\1a\0")), "\1a", 3);
	assert_memory_equal(rr_additional_name(TYPE_MX, OCTETS("\0\1\1a\0")), "\1a", 3);
	assert_memory_equal(rr_additional_name(TYPE_SRV, OCTETS("\0\1\0\2\0\3\1a\0")), "\1a", 3);
	assert_memory_equal(rr_additional_name(TYPE_HTTPS, OCTETS("\0\1\1a\0")), "\1a", 3);
	assert_null(rr_additional_name(TYPE_PTR, OCTETS("\1a\0")));
	assert_null(rr_additional_name(TYPE_CNAME, OCTETS("\1a\0")));
	assert_null(rr_additional_name(TYPE_A, OCTETS("1234")));
	assert_null(rr_additional_name(TYPE_MX, OCTETS("\0\1")));
	assert_null(rr_additional_name(65280, OCTETS("1234")));
}

static void kinds_of_types(void **state)
{
	static const uint16_t meta[] = {0, TYPE_OPT, 128, TYPE_TKEY, TYPE_TSIG, TYPE_IXFR, TYPE_AXFR, TYPE_ANY};
	(void)state;
	for (size_t i = 0; i < sizeof meta / sizeof meta[0]; i++)
		assert_true(rr_type_is_meta(meta[i]));
	assert_false(rr_type_is_meta(TYPE_A));
	assert_false(rr_type_is_meta(127));
	assert_false(rr_type_is_meta(TYPE_URI));
	assert_true(rr_type_is_singleton(TYPE_SOA));
	assert_false(rr_type_is_singleton(TYPE_NS));
	assert_true(rr_type_is_dnssec_denial_or_sig(TYPE_NSEC3));
	assert_false(rr_type_is_dnssec_denial_or_sig(TYPE_NSEC3PARAM));
}

static void type_texts(void **state)
{
	char text[RR_TYPE_TEXT_MAX];
	uint16_t type;
	(void)state;
	for (unsigned i = 0; i <= UINT16_MAX; i++) {
		assert_int_equal(rr_type_from_text(&type, rr_type_to_text((uint16_t)i, text)), ERR_OK);
		assert_int_equal(type, i);
	}
	assert_string_equal(rr_type_to_text(TYPE_NSEC3PARAM, text), "NSEC3PARAM");
	assert_string_equal(rr_type_to_text(TYPE_OPENPGPKEY, text), "OPENPGPKEY");
	assert_string_equal(rr_type_to_text(65280, text), "TYPE65280");
	assert_int_equal(rr_type_from_text(&type, "aaaa"), ERR_OK);
	assert_int_equal(type, TYPE_AAAA);
	assert_int_equal(rr_type_from_text(&type, "type28"), ERR_OK);
	assert_int_equal(type, TYPE_AAAA);
	assert_int_equal(rr_type_from_text(&type, "TYPE65536"), ERR_RANGE);
	assert_int_equal(rr_type_from_text(&type, "TYPE99999999999999999999"), ERR_RANGE);
	assert_int_equal(rr_type_from_text(&type, "TYPE"), ERR_FORMAT);
	assert_int_equal(rr_type_from_text(&type, "TYPE1x"), ERR_FORMAT);
	assert_int_equal(rr_type_from_text(&type, "TYPE-1"), ERR_FORMAT);
	assert_int_equal(rr_type_from_text(&type, ""), ERR_FORMAT);
	assert_int_equal(rr_type_from_text(&type, "AA"), ERR_FORMAT);
}

static void soa_fields(void **state)
{
	uint8_t rdata[] = "\2ns\0\4root\0\0\0\0\1\0\0\0\2\0\0\0\3\0\0\0\4\0\0\0\5";
	size_t len = sizeof rdata - 1;
	struct rr_soa soa;
	(void)state;
	assert_true(rr_soa_parse(&soa, rdata, len));
	assert_ptr_equal(soa.mname, rdata);
	assert_ptr_equal(soa.rname, rdata + 4);
	assert_int_equal(soa.serial, 1);
	assert_int_equal(soa.refresh, 2);
	assert_int_equal(soa.retry, 3);
	assert_int_equal(soa.expire, 4);
	assert_int_equal(soa.minimum, 5);
	rr_soa_set_serial(rdata, len, 0xfffffffe);
	assert_true(rr_soa_parse(&soa, rdata, len));
	assert_int_equal(soa.serial, 0xfffffffe);
	assert_int_equal(soa.refresh, 2);
	assert_false(rr_soa_parse(&soa, rdata, len - 1));
	assert_false(rr_soa_parse(&soa, rdata, 3));
	assert_false(rr_soa_parse(&soa, NULL, 0));
}

/* RFC 1982 §5.2 and the undefined case of §3.2. */
static void serial_arithmetic(void **state)
{
	(void)state;
	assert_true(rr_serial_newer(1, 0));
	assert_true(rr_serial_newer(44, 0));
	assert_true(rr_serial_newer(0, 0xffffffff));
	assert_true(rr_serial_newer(100, 0xfffffff0));
	assert_false(rr_serial_newer(0, 1));
	assert_false(rr_serial_newer(7, 7));
	assert_false(rr_serial_newer(0x80000000, 0));
	assert_false(rr_serial_newer(0, 0x80000000));
	assert_true(rr_serial_newer(0x7fffffff, 0));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(takes_good_rdata),
		cmocka_unit_test(refuses_broken_rdata),
		cmocka_unit_test(cut_and_changed_rdata),
		cmocka_unit_test(decompresses_where_allowed),
		cmocka_unit_test(rdlen_is_the_limit),
		cmocka_unit_test(equality_folds_names_only),
		cmocka_unit_test(canonical_order),
		cmocka_unit_test(visits_names),
		cmocka_unit_test(compressible_types),
		cmocka_unit_test(additional_names),
		cmocka_unit_test(kinds_of_types),
		cmocka_unit_test(type_texts),
		cmocka_unit_test(soa_fields),
		cmocka_unit_test(serial_arithmetic),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
