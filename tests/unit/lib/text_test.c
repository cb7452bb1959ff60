#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/text.h"

static const uint8_t origin[] = "\4home\7example";
static uint8_t wire[RDATA_MAX];

static uint16_t type_of(const char *mnemonic)
{
	uint16_t type;
	assert_int_equal(rr_type_from_text(&type, mnemonic), ERR_OK);
	return type;
}

static size_t read_text(const char *mnemonic, const char *text)
{
	struct wbuf out = buf_writer(wire, sizeof wire);
	struct errmsg msg = {0};
	if (text_rdata_from_text(type_of(mnemonic), text, origin, &out, &msg) != ERR_OK)
		fail_msg("%s", msg.text);
	return out.len;
}

static void write_is(uint16_t type, const uint8_t *rdata, size_t rdlen, const char *want)
{
	char *text;
	assert_int_equal(text_rdata_to_text(type, rdata, rdlen, &text), ERR_OK);
	assert_string_equal(text, want);
	free(text);
}

static const struct {
	const char *type, *in, *out;
} forms[] = {
	{"A", "192.0.2.1", NULL},
	{"AAAA", "2001:DB8:0::1", "2001:db8::1"},
	{"NS", "ns", "ns.home.example."},
	{"NS", "@", "home.example."},
	{"NS", "ns.example.net.", NULL},
	{"CNAME", "a\\.b", "a\\.b.home.example."},
	{"PTR", "Mixed.Case.", NULL},
	{"DNAME", "foo", "foo.home.example."},
	{"MX", "10 mail", "10 mail.home.example."},
	{"MX", "0 .", NULL},
	{"SOA", "ns host ( 1 ; serial\n 2h 3 4 5 )", "ns.home.example. host.home.example. 1 7200 3 4 5"},
	{"TXT", "\"a b\" c", "\"a b\" \"c\""},
	{"TXT", "\"\"", NULL},
	{"TXT", "\"a\"\"b\"", "\"a\" \"b\""},
	{"TXT", "a\\\"b\\;c\\009d", "\"a\\\"b;c\\009d\""},
	{"TXT", "\"semi;colon (paren) \\\\ \\000\\255\"", NULL},
	{"SPF", "\"v=spf1 -all\"", NULL},
	{"SRV", "0 5 53 srv", "0 5 53 srv.home.example."},
	{"NAPTR", "100 10 \"S\" \"SIP+D2U\" \"!^.*$!sip:x@y!\" _sip._udp",
	 "100 10 \"S\" \"SIP+D2U\" \"!^.*$!sip:x@y!\" _sip._udp.home.example."},
	{"HINFO", "pc \"big linux\"", "\"pc\" \"big linux\""},
	{"RP", "a .", "a.home.example. ."},
	{"MINFO", "a b", "a.home.example. b.home.example."},
	{"AFSDB", "1 x.", NULL},
	{"X25", "\"311061700956\"", NULL},
	{"ISDN", "\"150862028003217\" \"004\"", NULL},
	{"ISDN", "\"150862028003217\"", NULL},
	{"RT", "10 x.", NULL},
	{"NSAP", "0x47.0005.80", "0x47000580"},
	{"NSAP-PTR", "foo", "foo.home.example."},
	{"PX", "10 a. b.", NULL},
	{"GPOS", "\"-32.6882\" \"116.8652\" \"10.0\"", NULL},
	{"KX", "10 a.", NULL},
	{"LOC", "52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m",
	 "52 22 23.000 N 04 53 32.000 E -2m 0.00m 10000m 10m"},
	{"CERT", "PGP 0 0 AAAA", NULL},
	{"CERT", "\\# 6 000000000011", NULL},
	{"CERT", "65000 0 RSASHA256 AAAA", "65000 0 8 AAAA"},
	{"APL", "1:192.168.32.0/21 !1:192.168.38.0/28", NULL},
	{"APL", "", "\\# 0"},
	{"DS", "60485 5 1 ( 2BB183AF5F22588179A53B0A\n 98631FAD1A292118 )",
	 "60485 5 1 2bb183af5f22588179a53b0a98631fad1a292118"},
	{"CDS", "0 0 0 00", NULL},
	{"DNSKEY", "256 3 13 AAAA", NULL},
	{"CDNSKEY", "0 3 0 AA==", NULL},
	{"SSHFP", "4 2 123456789abcdef67890123456789abcdef67890123456789abcdef123456789", NULL},
	{"IPSECKEY", "10 1 2 192.0.2.38 AQNR", NULL},
	{"IPSECKEY", "10 0 2 . AQNR", NULL},
	{"IPSECKEY", "10 0 0 .", NULL},
	{"IPSECKEY", "10 2 2 2001:db8::1 AQ NR", "10 2 2 2001:db8::1 AQNR"},
	{"IPSECKEY", "10 3 2 gw AQNR", "10 3 2 gw.home.example. AQNR"},
	{"RRSIG", "A 5 3 86400 20030322173103 20030220173103 2642 example.com. oJB1W6WN", NULL},
	{"NSEC", "host A MX RRSIG NSEC TYPE1234", "host.home.example. A MX RRSIG NSEC TYPE1234"},
	{"NSEC3", "1 1 12 aabbccdd 2t7b4g4vsa5smi47k61mv5bv1a22bojr MX DNSKEY", NULL},
	{"NSEC3PARAM", "1 0 0 -", NULL},
	{"DHCID", "AAIBY2/AuCccgoJbsaxcQc9TUapptP69lOjxfNuVAA2kjEA=", NULL},
	{"TLSA", "3 1 1 d2abde240d7cd3ee6b4b28c54df034b9 7983a1d16e8a410e4561cb106618e971",
	 "3 1 1 d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971"},
	{"SMIMEA", "3 1 1 d2abde240d7cd3ee6b4b28c54df034b97983a1d16e8a410e4561cb106618e971", NULL},
	{"HIP", "2 200100107b1a74df365639cc39f1d578 AwEAAbdx rvs",
	 "2 200100107b1a74df365639cc39f1d578 AwEAAbdx rvs.home.example."},
	{"OPENPGPKEY", "mQENBFa1 AAAA", "mQENBFa1AAAA"},
	{"CSYNC", "66 3 A NS AAAA", NULL},
	{"ZONEMD",
	 "2018031900 1 1 ( c68090d90a7aed716bc459f9340e3d7c1370d4d24b7e2fc3\n "
	 "a1ddc0b9a87153b9a9713b3c9ae5cc27777f98b8e730044c )",
	 "2018031900 1 1 "
	 "c68090d90a7aed716bc459f9340e3d7c1370d4d24b7e2fc3a1ddc0b9a87153b9a9713b3c9ae5cc27777f98b8e730044c"},
	{"SVCB", "0 svc", "0 svc.home.example."},
	{"SVCB", "1 svc port=853 alpn=h2,h3 ipv4hint=192.0.2.1",
	 "1 svc.home.example. alpn=h2,h3 port=853 ipv4hint=192.0.2.1"},
	{"HTTPS", "1 . alpn=\"h2,h3\"", "1 . alpn=h2,h3"},
	{"HTTPS", "16 foo. mandatory=alpn,ipv4hint alpn=h2 ipv4hint=192.0.2.1", NULL},
	{"HTTPS", "1 . alpn=h2 no-default-alpn ech=AEj+DQ== ipv6hint=2001:db8::1,2001:db8::2", NULL},
	{"HTTPS", "1 . key667=\"a b;(c\"", NULL},
	{"HTTPS", "1 . port=65535", NULL},
	/* A label "@" at the front is not the origin. */
	{"KX", "10 \\@.a.", NULL},
	{"AFSDB", "1 \\064.x.", "1 \\@.x."},
	{"RT", "10 \\@", "10 \\@.home.example."},
	{"LP", "10 \\@.x.", NULL},
	{"PX", "10 \\@.a. \\@.b.", NULL},
	{"RP", "\\@.a. @", "\\@.a. home.example."},
	{"MINFO", "\\@.a. \\@.b.", NULL},
	{"MB", "\\@.a.", NULL},
	{"NAPTR", "1 1 \"@.\" \"\" \"\" \\@.x.", NULL},
	{"SVCB", "1 \\@.x. port=853", "1 @.x. port=853"},
	{"HTTPS", "0 \\064", "0 @.home.example."},
	{"HTTPS", "0 @", "0 home.example."},
	{"NSEC", "\\064.x. A NSEC", "@.x. A NSEC"},
	{"RRSIG", "A 5 3 86400 20030322173103 20030220173103 2642 \\@.x. oJB1W6WN",
	 "A 5 3 86400 20030322173103 20030220173103 2642 @.x. oJB1W6WN"},
	{"EUI48", "00-00-5e-00-53-2a", NULL},
	{"EUI64", "00-00-5e-ef-10-00-00-2a", NULL},
	{"NID", "10 0014:4fff:ff20:ee64", NULL},
	{"L32", "10 10.1.2.0", NULL},
	{"L64", "10 2001:0db8:1140:1000", NULL},
	{"LP", "10 l64.", NULL},
	{"URI", "10 1 \"https://h.example/\\\"x\"", NULL},
	{"URI", "10 1 ftp://x", "10 1 \"ftp://x\""},
	{"CAA", "0 issue \"letsencrypt.org; x=y\"", NULL},
	{"CAA", "0 issue letsencrypt.org", "0 issue \"letsencrypt.org\""},
	{"CAA", "128 tbs Unknown", "128 tbs \"Unknown\""},
	{"CAA", "0 issue \"\"", NULL},
	{"WKS", "\\# 6 c00002010600", NULL},
	{"NULL", "\\# 3 010203", NULL},
	{"A", "\\# 4 C0000201", "192.0.2.1"},
	{"A", "\\# 4 c0 000 201", "192.0.2.1"},
	{"MX", "\\# 5 000a 016100", "10 a."},
	{"TXT", "\\# 2 0161", "\"a\""},
	{"TXT", "\"\\\\#\" 2", "\"\\\\#\" \"2\""},
	{"TYPE65280", "\\# 4 c0000201", NULL},
	{"TYPE65280", "( \\# ; a comment\n 4 c0000201 ) ; another\n \n", "\\# 4 c0000201"},
	{"TYPE261", "\\# 0", NULL},
};

/* Read it, find what it is written as (NULL: as it came), read that again: the same octets. */
static void forms_of_every_type(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		static uint8_t first[RDATA_MAX];
		uint16_t type = type_of(forms[i].type);
		size_t len = read_text(forms[i].type, forms[i].in);
		assert_int_equal(rr_check_rdata(type, wire, len), ERR_OK);
		memcpy(first, wire, len);
		write_is(type, first, len, forms[i].out ? forms[i].out : forms[i].in);
		assert_int_equal(read_text(forms[i].type, forms[i].out ? forms[i].out : forms[i].in), len);
		assert_memory_equal(first, wire, len);
	}
}

/* One character of each form changed, dropped or doubled: refused, or RDATA that keeps its octets in another
 * round. */
static void damaged_forms(void **state)
{
	(void)state;
	static const char alphabet[] = " \"\\();\n.@=,:/-#09aZ\xff";
	srand(11);
	for (int round = 0; round < 20000; round++) {
		size_t f = (size_t)rand() % (sizeof forms / sizeof forms[0]);
		uint16_t type = type_of(forms[f].type);
		char text[600];
		size_t len = strlen(strcpy(text, forms[f].in));
		size_t at = (size_t)rand() % (len + 1);
		if (rand() % 3 == 0 && at < len)
			memmove(text + at, text + at + 1, len - at);
		else if (rand() % 2)
			memmove(text + at + 1, text + at, len - at + 1);
		if (at < strlen(text) && rand() % 2)
			text[at] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
		uint8_t first[512], again[512];
		struct wbuf a = buf_writer(first, sizeof first), b = buf_writer(again, sizeof again);
		if (text_rdata_from_text(type, text, origin, &a, NULL) != ERR_OK)
			continue;
		char *written;
		assert_int_equal(rr_check_rdata(type, first, a.len), ERR_OK);
		assert_int_equal(text_rdata_to_text(type, first, a.len, &written), ERR_OK);
		assert_int_equal(text_rdata_from_text(type, written, origin, &b, NULL), ERR_OK);
		assert_int_equal(b.len, a.len);
		assert_memory_equal(again, first, a.len);
		free(written);
	}
}

/* RFC 9460 appendix D.2. */
static void svcb_vectors(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		size_t len;
		const char *octets;
	} cases[] = {
		{"0 foo.example.com.", 19, "\0\0\3foo\7example\3com\0"},
		{"1 .", 3, "\0\1\0"},
		{"16 foo.example.com. port=53", 25, "\0\x10\3foo\7example\3com\0\0\3\0\2\0\x35"},
		{"1 foo.example.com. key667=hello", 28, "\0\1\3foo\7example\3com\0\2\x9b\0\5hello"},
		{"1 foo.example.com. key667=\"hello\\210qoo\"", 32, "\0\1\3foo\7example\3com\0\2\x9b\0\11hello\xd2qoo"},
		{"1 foo.example.com. ipv6hint=\"2001:db8::1,2001:db8::53:1\"", 55,
		 "\0\1\3foo\7example\3com\0\0\6\0\x20\x20\1\xd\xb8\0\0\0\0\0\0\0\0\0\0\0\1\x20\1\xd\xb8\0\0\0\0\0\0\0\0"
		 "\0\x53\0\1"},
		{"16 foo.example.org. alpn=h2,h3-19 mandatory=ipv4hint,alpn ipv4hint=192.0.2.1", 48,
		 "\0\x10\3foo\7example\3org\0\0\0\0\4\0\1\0\4\0\1\0\11\2h2\5h3-19\0\4\0\4\xc0\0\2\1"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		assert_int_equal(read_text("SVCB", cases[i].text), cases[i].len);
		assert_memory_equal(wire, cases[i].octets, cases[i].len);
	}
}

static void refuses(void **state)
{
	(void)state;
	static const struct {
		const char *type, *text;
	} cases[] = {
		{"A", ""},
		{"A", "   "},
		{"A", "192.0.2"},
		{"A", "192.0.2.256"},
		{"A", "192.0.2.1 192.0.2.2"},
		{"A", "home.example"},
		{"A", "2001:db8::1"},
		{"AAAA", "192.0.2.1"},
		{"A", "192.0.2.1\n192.0.2.2"},
		{"A", "192.0.2.1\nevil 1 IN A 192.0.2.2"},
		{"A", "(192.0.2.1"},
		{"A", "192.0.2.1)"},
		{"A", ") 192.0.2.1 ("},
		{"A", "; 192.0.2.1"},
		{"A", "\"192.0.2.1"},
		{"NS", "a..b"},
		{"NS", ".a"},
		{"NS", "a b"},
		{"NS", "\\300."},
		{"NS", "1234567890123456789012345678901234567890123456789012345678901234"},
		{"MX", "mail"},
		{"MX", "70000 mail"},
		{"MX", "-1 mail"},
		{"MX", "10"},
		{"MX", "10 mail x"},
		{"SRV", "0 5 65536 srv"},
		{"SOA", "ns host 1 2 3 4"},
		{"SOA", "ns host 4294967296 2 3 4 5"},
		{"TXT", ""},
		{"TXT", "\"open"},
		{"TXT", "\"line\nfeed\""},
		{"TXT", "\\256"},
		{"TXT", "\\25"},
		{"TXT", "\\2x5"},
		{"TXT", "\\"},
		{"TXT", "\"\\"},
		{"TXT", "a\\"},
		{"CAA", "256 issue x"},
		{"CAA", "0 iss-ue x"},
		{"CAA", "0 \"issue\" x"},
		{"CAA", "0 issue"},
		{"CAA", "0 issue a b"},
		{"URI", "1 2 \"\""},
		{"URI", "1 2"},
		{"URI", "1 65536 x"},
		{"URI", "1 2 a b"},
		{"A", "\\#"},
		{"A", "\\# 4"},
		{"A", "\\# 4 c00002"},
		{"A", "\\# 4 c000020"},
		{"A", "\\# 4 c00002011"},
		{"A", "\\# 3 c00002"},
		{"A", "\\# -4 c0000201"},
		{"A", "\\# 4 c00002zz"},
		{"A", "\\# 65536 00"},
		{"A", "\\# 4 c0000201 )"},
		{"MX", "\\# 5 000a01c00c"},
		{"MX", "\\# 4 000a0161"},
		{"TXT", "\\# 0"},
		{"TYPE65280", "abc"},
		{"TYPE65280", ""},
		{"NULL", "abc"},
		{"WKS", "192.0.2.1 TCP smtp"},
		{"AXFR", "x"},
		{"OPT", "x"},
		{"TYPE0", "x"},
		{"SVCB", "1 . alpn=f\\\\oo"},
		{"SVCB", "1 . port=65536"},
		{"SVCB", "1 . port=\"99999\""},
		{"HTTPS", "1 . port="},
		{"HTTPS", "1 . alpn=h2 alpn=h3"},
		{"HTTPS", "1 . ipv4hint=1.2.3"},
		{"HTTPS", "70000 ."},
		{"HTTPS", "1"},
		{"IPSECKEY", "10 3 2 a..b AQNR"},
		{"IPSECKEY", "10 1 2 gw AQNR"},
		{"IPSECKEY", "10 3 2 gw A"},
		{"IPSECKEY", "10 4 2 gw AQNR"},
		{"IPSECKEY", "10 0 2 gw AQNR"},
		{"DS", "60485 5 1 xyz"},
		{"DS", "60485 5 1 2bb"},
		{"OPENPGPKEY", "===="},
		{"OPENPGPKEY", "!!!"},
		{"EUI48", "00-00-5e-00-53"},
		{"LOC", "99 N 1 E 0"},
		{"APL", "3:x/2"},
		{"ZONEMD", "1 1 1 c6"},
		{"CERT", "0 0 0 AAAA"},
		{"CERT", "XYZ 0 0 AAAA"},
		{"CERT", "00 0 0 AAAA"},
		{"CERT", "65536 0 0 AAAA"},
		{"NSEC3PARAM", "1 0 0 abc"},
		{"NSEC3PARAM", "1 0 0 zz"},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct errmsg msg = {0};
		struct wbuf out = buf_writer(wire, sizeof wire);
		buf_put(&out, "keep", 4);
		if (text_rdata_from_text(type_of(cases[i].type), cases[i].text, origin, &out, &msg) != ERR_FORMAT)
			fail_msg("%s '%s' was taken", cases[i].type, cases[i].text);
		assert_non_null(strstr(msg.text, cases[i].type));
		assert_int_equal(out.len, 4);
		assert_false(out.full);
		assert_int_equal(text_rdata_from_text(type_of(cases[i].type), cases[i].text, NULL, &out, NULL),
				 ERR_FORMAT);
	}
}

static void room_and_origin(void **state)
{
	(void)state;
	uint8_t small[3];
	struct errmsg msg = {0};
	static const char *const texts[] = {"192.0.2.1", "\\# 4 c0000201"};
	for (int i = 0; i < 2; i++) {
		struct wbuf out = buf_writer(small, sizeof small);
		assert_int_equal(text_rdata_from_text(TYPE_A, texts[i], origin, &out, &msg), ERR_NOSPACE);
		assert_int_equal(out.len, 0);
	}
	struct wbuf tight = buf_writer(small, sizeof small);
	assert_int_equal(text_rdata_from_text(TYPE_TXT, "abc", origin, &tight, &msg), ERR_NOSPACE);
	struct wbuf out = buf_writer(wire, sizeof wire);
	assert_int_equal(text_rdata_from_text(TYPE_NS, "ns", NULL, &out, &msg), ERR_OK);
	assert_int_equal(out.len, 4);

	/* A relative name that fits alone but not with the origin. */
	char text[300];
	for (int i = 0; i < 124; i++)
		memcpy(text + 2 * i, "a.", 2);
	strcpy(text + 247, "");
	for (int i = 0; i < 2; i++) {
		uint16_t type = i ? TYPE_NSAP_PTR : TYPE_NS;
		assert_int_equal(text_rdata_from_text(type, text, NULL, &out, &msg), ERR_OK);
		assert_int_equal(text_rdata_from_text(type, text, origin, &out, &msg), ERR_FORMAT);
	}
}

/* Octets that no text form gives back come as \#; so does what is no RDATA of its type at all. */
static void generic_where_nothing_else_fits(void **state)
{
	(void)state;
	write_is(TYPE_A, (const uint8_t *)"\xc0\0\2", 3, "\\# 3 c00002");
	write_is(TYPE_A, (const uint8_t *)"", 0, "\\# 0");
	write_is(TYPE_MX, (const uint8_t *)"\0\12\1", 3, "\\# 3 000a01");
	write_is(TYPE_TXT, (const uint8_t *)"\5ab", 3, "\\# 3 056162");
	write_is(TYPE_CAA, (const uint8_t *)"\0\3a bx", 6, "\\# 6 000361206278");
	write_is(TYPE_WKS, (const uint8_t *)"\xc0\0\2\1\6\0", 6, "\\# 6 c00002010600");
	write_is(0, (const uint8_t *)"ab", 2, "\\# 2 6162");
	/* LOC version 0 with a size of 15 * 10^15: not a decimal mantissa. */
	write_is(TYPE_LOC, (const uint8_t *)"\0\xff\0\0\0\0\0\0\0\0\0\0\0\0\0\0", 16,
		 "\\# 16 00ff0000000000000000000000000000");
	char *text;
	assert_int_equal(text_rdata_to_text(TYPE_NULL, wire, RDATA_MAX + 1, &text), ERR_RANGE);
	assert_null(text);
}

static void large(void **state)
{
	(void)state;
	static uint8_t rdata[RDATA_MAX], back[RDATA_MAX];
	static const uint16_t types[] = {
		TYPE_TXT, TYPE_OPENPGPKEY, TYPE_URI, TYPE_NULL, 65280, TYPE_DNSKEY, TYPE_TLSA, TYPE_HTTPS, TYPE_APL,
	};
	for (size_t t = 0; t < sizeof types / sizeof types[0]; t++)
		for (int fill = 0; fill < 2; fill++) {
			/* 00: a TXT of 65535 empty strings. FF: strings of 255 octets that each need four characters.
			 */
			memset(rdata, fill ? 0xff : 0, sizeof rdata);
			for (size_t i = 0; types[t] == TYPE_TXT && fill && i < RDATA_MAX; i += 256)
				rdata[i] = RDATA_MAX - i > 255 ? 255 : (uint8_t)(RDATA_MAX - i - 1);
			char *text;
			assert_int_equal(text_rdata_to_text(types[t], rdata, RDATA_MAX, &text), ERR_OK);
			if (rr_check_rdata(types[t], rdata, RDATA_MAX) == ERR_OK) {
				struct wbuf out = buf_writer(back, sizeof back);
				assert_int_equal(text_rdata_from_text(types[t], text, origin, &out, NULL), ERR_OK);
				assert_int_equal(out.len, RDATA_MAX);
				assert_memory_equal(back, rdata, RDATA_MAX);
			}
			free(text);
		}
	char *huge = malloc(2000001);
	memset(huge, 'a', 2000000);
	huge[2000000] = '\0';
	struct wbuf out = buf_writer(back, sizeof back);
	assert_int_equal(text_rdata_from_text(TYPE_TXT, huge, origin, &out, NULL), ERR_FORMAT);
	huge[200000] = '\0';
	for (uint16_t type = 0; type <= TYPE_CAA; type++)
		assert_int_equal(text_rdata_from_text(type, huge, origin, &out, NULL), ERR_FORMAT);
	/* Base64 that ldns would have to cut. */
	huge[80000] = '\0';
	assert_int_equal(text_rdata_from_text(TYPE_OPENPGPKEY, huge, origin, &out, NULL), ERR_FORMAT);
	free(huge);
}

/* Random octets and random text through every type: nothing breaks, and what is written reads back. */
static void random_octets_and_text(void **state)
{
	(void)state;
	static const char alphabet[] = "  \"\"\\\\()();\n\t.@=,:/-#0123456789abcdefghinorstx+AM\xff";
	srand(7);
	for (int round = 0; round < 20000; round++) {
		uint8_t rdata[64], back[512];
		uint16_t type = (uint16_t)(rand() % (TYPE_CAA + 2));
		size_t len = (size_t)rand() % sizeof rdata;
		for (size_t i = 0; i < len; i++)
			rdata[i] = (uint8_t)(rand() % 3 ? rand() % 6 : rand());
		char *text;
		assert_int_equal(text_rdata_to_text(type, rdata, len, &text), ERR_OK);
		struct wbuf out = buf_writer(back, sizeof back);
		if (rr_check_rdata(type, rdata, len) == ERR_OK) {
			assert_int_equal(text_rdata_from_text(type, text, origin, &out, NULL), ERR_OK);
			assert_int_equal(out.len, len);
			assert_memory_equal(back, rdata, len);
		}
		free(text);

		char line[80];
		size_t n = (size_t)rand() % (sizeof line - 1);
		for (size_t i = 0; i < n; i++)
			line[i] = alphabet[(size_t)rand() % (sizeof alphabet - 1)];
		line[n] = '\0';
		out = buf_writer(back, sizeof back);
		if (text_rdata_from_text(type, line, origin, &out, NULL) == ERR_OK)
			assert_int_equal(rr_check_rdata(type, back, out.len), ERR_OK);
		else
			assert_int_equal(out.len, 0);
	}
}

static void ttl(void **state)
{
	(void)state;
	static const struct {
		const char *text;
		enum err err;
		uint32_t ttl;
	} cases[] = {
		{"0", ERR_OK, 0},
		{"3600", ERR_OK, 3600},
		{"2147483647", ERR_OK, 2147483647},
		{"1h30m", ERR_OK, 5400},
		{"1W2D3H4M5S", ERR_OK, 788645},
		{"30s", ERR_OK, 30},
		{"2147483648", ERR_RANGE, 0},
		{"4000w", ERR_RANGE, 0},
		{"99999999999999999999", ERR_RANGE, 0},
		{"3550w3550w", ERR_RANGE, 0},
		{"", ERR_FORMAT, 0},
		{"-1", ERR_FORMAT, 0},
		{"h", ERR_FORMAT, 0},
		{"1x", ERR_FORMAT, 0},
		{"1h30", ERR_FORMAT, 0},
		{"1 h", ERR_FORMAT, 0},
		{"+1", ERR_FORMAT, 0},
		{"0x10", ERR_FORMAT, 0},
		{"1hh", ERR_FORMAT, 0},
		{"1\x13", ERR_FORMAT, 0},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		uint32_t got = 0;
		assert_int_equal(text_ttl_from_text(&got, cases[i].text), cases[i].err);
		assert_int_equal(got, cases[i].ttl);
	}
}

/* RFC 4648 §10. */
static void base64(void **state)
{
	(void)state;
	static const char *const pairs[][2] = {
		{"", ""},
		{"f", "Zg=="},
		{"fo", "Zm8="},
		{"foo", "Zm9v"},
		{"foob", "Zm9vYg=="},
		{"fooba", "Zm9vYmE="},
		{"foobar", "Zm9vYmFy"},
		{"\xfb\xff\xbf", "+/+/"},
	};
	for (size_t i = 0; i < sizeof pairs / sizeof pairs[0]; i++) {
		uint8_t octets[8];
		size_t want = strlen(pairs[i][0]), len;
		char *text;
		assert_int_equal(text_base64_to_text((const uint8_t *)pairs[i][0], want, &text), ERR_OK);
		assert_string_equal(text, pairs[i][1]);
		free(text);
		assert_int_equal(text_base64_from_text(pairs[i][1], octets, want, &len), ERR_OK);
		assert_int_equal(len, want);
		assert_memory_equal(octets, pairs[i][0], want);
		if (want)
			assert_int_equal(text_base64_from_text(pairs[i][1], octets, want - 1, &len), ERR_NOSPACE);
	}
	static const char *const bad[] = {
		"Z",     "Zg",   "Zg=",       "Zg===", "====", "=Zg=", "Z===",    "Zg==Zg==", "Zm9v\n",
		" Zm9v", "Zm 9", "Zm9v Zm9v", "Zm-_",  "Zh==", "Zm9=", "Zm9\xc3", "Zm9v====",
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		uint8_t octets[16];
		size_t len;
		assert_int_equal(text_base64_from_text(bad[i], octets, sizeof octets, &len), ERR_FORMAT);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(forms_of_every_type),
		cmocka_unit_test(damaged_forms),
		cmocka_unit_test(svcb_vectors),
		cmocka_unit_test(refuses),
		cmocka_unit_test(room_and_origin),
		cmocka_unit_test(generic_where_nothing_else_fits),
		cmocka_unit_test(large),
		cmocka_unit_test(random_octets_and_text),
		cmocka_unit_test(ttl),
		cmocka_unit_test(base64),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
