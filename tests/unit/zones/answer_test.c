/* answer_test.c: questions and what the RFCs say is the answer, over the master files in tests/unit/zones/answers.
 *
 * A case is a question and the expected flags and sections, as text:
 *
 *   {"www~ A", 0, "NOERROR aa", "www~ A 192.0.2.11|www~ A 192.0.2.12", "", ""}
 *
 * ~ stands for "." and the zone, @ for the zone itself. A TTL is only said when it is not 3600. An RRSIG is shown by
 * the type it covers, SOA outside the answer section and NSEC without their data, a long TXT by its first characters.
 * Records of an RRset may stand in any order, and so may RRsets of the authority and additional sections; RRsets of
 * the answer section stand in the order of the chain. Owners outside the answer section are compared without regard
 * to case. A section of "*" is not looked at; "has:" asks for these records at least; "one:N" for one RRset of N
 * records at QNAME and its signatures (RFC 8482 §4.1). Every answer must also parse, keep to its size limit, hold
 * whole RRsets and no record twice. */
#include <ctype.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

#include <cmocka.h>

#include "zones/answer/answer.h"
#include "zones/memory/grace.h"
#include "zones/file/zonefile.h"

#include <ldns/ldns.h> /* last: without stdbool.h before it, it makes a bool of its own */

enum {
	DATA_MAX = 1 << 16, /* octets of a master file */
	LINES_MAX = 512,    /* records in a section */
	LINE_MAX_LEN = 1024,
	TXT_SHOWN = 60, /* longer TXT data is shown by its first TXT_HEAD characters */
	TXT_HEAD = 5,
	TTL_USUAL = 3600,
	UDP_USUAL = 1232 /* octets, when the case does not say */
};

enum how { TCP = 1, DO = 2, CLASS_STAR = 4, ANY_ORDER = 8, LIMIT_SHIFT = 8 };
/* Octets that the answer may have; without it UDP_USUAL, or with TCP all. */
#define LIMIT(octets) ((octets) << LIMIT_SHIFT)

struct ask {
	const char *question;
	unsigned how;
	const char *flags;
	const char *answer, *authority, *additional;
};

struct group {
	const char *origin;
	const struct ask *asks;
	size_t count;
};

/* ---- long names ---- */

#define A10 "a.a.a.a.a.a.a.a.a.a."
#define X10(c) c c c c c c c c c c
#define X63(c) X10(c) X10(c) X10(c) X10(c) X10(c) X10(c) c c c
#define LONG192 X63("a") "." X63("b") "." X63("c")
#define M51 X10("m") X10("m") X10("m") X10("m") X10("m") "m"
#define MAXNAME M51 "." LONG192
/* 16 octets of wild.rich.test. and 239 more. */
#define WILD255 X10("w") X10("w") X10("w") X10("w") "wwwwww." LONG192 ".wild~"
#define WILD127 A10 A10 A10 A10 A10 A10 A10 A10 A10 A10 A10 "a.a.a.a.a.a.a.a.a.wild~"

/* ---- RFC 4592 §2.2.1 ---- */

static const struct ask wildcards[] = {
	{"host3~ MX", 0, "NOERROR aa", "host3~ MX 10 host1~", "", "host1~ A 192.0.2.1"},
	{"host3~ A", 0, "NOERROR aa", "", "@ 900 SOA", ""},
	{"foo.bar~ TXT", 0, "NOERROR aa", "foo.bar~ TXT \"this is a wildcard\"", "", ""},
	{"host1~ MX", 0, "NOERROR aa", "", "@ 900 SOA", ""},
	{"sub.*~ MX", 0, "NOERROR aa", "", "@ 900 SOA", ""},
	{"_telnet._tcp.host1~ SRV", 0, "NXDOMAIN aa", "", "@ 900 SOA", ""},
	{"host.subdel~ A", 0, "NOERROR", "", "subdel~ NS ns.example.com.|subdel~ NS ns.example.net.", ""},
	{"ghost.*~ MX", 0, "NXDOMAIN aa", "", "@ 900 SOA", ""},
	/* The asterisk label itself is a name like others (§2.1.1, §2.3). */
	{"*~ TXT", 0, "NOERROR aa", "*~ TXT \"this is a wildcard\"", "", ""},
	{"*~ A", 0, "NOERROR aa", "", "@ 900 SOA", ""},
	{"sub.*~ TXT", 0, "NOERROR aa", "sub.*~ TXT \"this is not a wildcard\"", "", ""},
	{"x.sub.*~ TXT", 0, "NXDOMAIN aa", "", "@ 900 SOA", ""},
	{"*.foo~ TXT", 0, "NOERROR aa", "*.foo~ TXT \"this is a wildcard\"", "", ""},
	{"*.host1~ TXT", 0, "NXDOMAIN aa", "", "@ 900 SOA", ""},
	/* Empty non-terminals exist (§2.2.2). */
	{"_tcp.host1~ A", 0, "NOERROR aa", "", "@ 900 SOA", ""},
	{"host2~ TXT", 0, "NOERROR aa", "", "@ 900 SOA", ""},
	{"_ssh._tcp.host1~ SRV", 0, "NOERROR aa", "_ssh._tcp.host1~ SRV 0 0 22 host1~", "", "host1~ A 192.0.2.1"},
	{"_ssh._tcp.host2~ SRV", 0, "NOERROR aa", "_ssh._tcp.host2~ SRV 0 0 22 host2~", "", ""},
	{"subdel~ DS", 0, "NOERROR aa", "", "@ 900 SOA", ""},
	{"a.b.c.d.e~ MX", 0, "NOERROR aa", "a.b.c.d.e~ MX 10 host1~", "", "host1~ A 192.0.2.1"},
	{"HoSt3.eXaMpLe. TXT", 0, "NOERROR aa", "HoSt3.eXaMpLe. TXT \"this is a wildcard\"", "", ""},
	{"@ NS", 0, "NOERROR aa", "@ NS ns.example.com.|@ NS ns.example.net.", "", ""},
	{"@ TXT", 0, "NOERROR aa", "", "@ 900 SOA", ""},
	{"subdel~ TXT", 0, "NOERROR", "", "subdel~ NS ns.example.com.|subdel~ NS ns.example.net.", ""},
	{"nosuch.com. A", 0, "REFUSED", "", "", ""},
};

/* ---- one of everything ---- */

#define WWW "www~ A 192.0.2.11|www~ A 192.0.2.12|www~ A 192.0.2.13"
#define MAIL "mail~ A 192.0.2.25|mail~ AAAA 2001:db8::25"
#define NEGATIVE "@ 300 SOA"
#define DEL "del~ NS ns.del~"
#define DEL_GLUE "ns.del~ A 192.0.2.50|ns.del~ AAAA 2001:db8::50"
#define DN "dn~ 1800 DNAME tgt~"
#define DSDATA "4711 13 2 000102030405060708090a0b0c0d0e0f101112131415161718191a1b1c1d1e1f"
#define BIGDEL                                                                                                \
	"bigdel~ NS n1.bigdel~|bigdel~ NS n2.bigdel~|bigdel~ NS n3.bigdel~|bigdel~ NS n4.bigdel~|bigdel~ NS " \
	"n5.bigdel~|"                                                                                         \
	"bigdel~ NS n6.bigdel~|bigdel~ NS n7.bigdel~|bigdel~ NS n8.bigdel~|bigdel~ NS n9.bigdel~|bigdel~ NS " \
	"n10.bigdel~|"                                                                                        \
	"bigdel~ NS n11.bigdel~|bigdel~ NS n12.bigdel~|bigdel~ NS n13.bigdel~"
#define BIGGLUE(n, last) "n" n ".bigdel~ A 192.0.2." last "|n" n ".bigdel~ AAAA 2001:db8::" last
#define BIGDEL_GLUE                                                                                                                          \
	BIGGLUE("1", "101")                                                                                                                  \
	"|" BIGGLUE("2", "102") "|" BIGGLUE("3", "103") "|" BIGGLUE("4", "104") "|" BIGGLUE("5", "105") "|" BIGGLUE("6", "106") "|" BIGGLUE( \
		"7",                                                                                                                         \
		"107") "|" BIGGLUE("8",                                                                                                      \
				   "108") "|" BIGGLUE("9",                                                                                   \
						      "109") "|" BIGGLUE("10",                                                               \
									 "110") "|" BIGGLUE("11",                                            \
											    "111") "|" BIGGLUE("12",                         \
													       "112") "|" BIGGLUE("13",      \
																  "113")

static const struct ask rich[] = {
	/* RFC 1034 §4.3.2 step 3a; RFC 2308 §2, §3. */
	{"www~ A", 0, "NOERROR aa", WWW, "", ""},
	{"www~ A", TCP, "NOERROR aa", WWW, "", ""},
	{"www~ A", DO, "NOERROR aa", WWW, "", ""},
	{"www~ AAAA", 0, "NOERROR aa", "", NEGATIVE, ""},
	{"www~ CNAME", 0, "NOERROR aa", "", NEGATIVE, ""},
	{"www~ NS", 0, "NOERROR aa", "", NEGATIVE, ""},
	{"www~ DS", 0, "NOERROR aa", "", NEGATIVE, ""},
	{"www~ SOA", 0, "NOERROR aa", "", NEGATIVE, ""},
	{"www~ RRSIG", 0, "NOERROR aa", "", NEGATIVE, ""},
	{"www~ TYPE65535", 0, "NOERROR aa", "", NEGATIVE, ""},
	{"multi~ TXT", 0, "NOERROR aa", "multi~ TXT \"multi\"", "", ""},
	{"txt~ TXT", 0, "NOERROR aa", "txt~ TXT \"one\" \"two\"", "", ""},
	{"ttl0~ A", 0, "NOERROR aa", "ttl0~ 0 A 192.0.2.15", "", ""},
	{"unknown~ TYPE65280", 0, "NOERROR aa", "unknown~ TYPE65280 \\# 4 c0000201", "", ""},
	{"@ SOA", 0, "NOERROR aa", "@ SOA ns1~ hostmaster~ 1 7200 3600 604800 300", "", ""},
	{"@ A", 0, "NOERROR aa", "@ A 192.0.2.10", "", ""},
	{"@ AAAA", 0, "NOERROR aa", "", NEGATIVE, ""},
	{"@ DS", 0, "NOERROR aa", "", NEGATIVE, ""},
	{"@ NS", 0, "NOERROR aa", "@ NS ns1~|@ NS ns2~|@ NS ns.other.test.", "",
	 "ns1~ A 192.0.2.1|ns1~ AAAA 2001:db8::1|ns2~ A 192.0.2.2|ns.other.test. A 192.0.2.81"},
	{"@ MX", 0, "NOERROR aa", "@ MX 10 mail~|@ MX 20 mail.other.test.", "",
	 MAIL "|mail.other.test. A 192.0.2.83|mail.other.test. AAAA 2001:db8::83"},
	{"nothing~ A", 0, "NXDOMAIN aa", "", NEGATIVE, ""},
	{"nothing~ A", TCP, "NXDOMAIN aa", "", NEGATIVE, ""},
	{"nothing~ DS", 0, "NXDOMAIN aa", "", NEGATIVE, ""},
	{"a.nothing~ A", 0, "NXDOMAIN aa", "", NEGATIVE, ""},
	{"a.www~ A", 0, "NXDOMAIN aa", "", NEGATIVE, ""},
	{"a.cn~ A", 0, "NXDOMAIN aa", "", NEGATIVE, ""},
	/* No server covers all classes: never authoritative (RFC 1034 §3.7.1, RFC 1035 §6.2). */
	{"www~ A", CLASS_STAR, "NOERROR", WWW, "", ""},

	/* Not ours. */
	{"test. A", 0, "REFUSED", "", "", ""},
	{". NS", 0, "REFUSED", "", "", ""},
	{". ANY", TCP, "REFUSED", "", "", ""},
	{"test. DS", 0, "REFUSED", "", "", ""},
	{"xrich.test. A", 0, "REFUSED", "", "", ""},
	{"rich.test.com. A", DO, "REFUSED", "", "", ""},
	{"www.rich. A", 0, "REFUSED", "", "", ""},

	/* CNAME (RFC 1034 §3.6.2); the last name of a chain decides RCODE (RFC 2308 §2.1), the first one AA (RFC 1035
	 * §4.1.1). */
	{"cn~ A", 0, "NOERROR aa", "cn~ CNAME www~|" WWW, "", ""},
	{"cn~ CNAME", 0, "NOERROR aa", "cn~ CNAME www~", "", ""},
	{"cn~ AAAA", 0, "NOERROR aa", "cn~ CNAME www~", NEGATIVE, ""},
	{"cn~ DS", 0, "NOERROR aa", "cn~ CNAME www~", NEGATIVE, ""},
	{"cn~ ANY", 0, "NOERROR aa", "cn~ CNAME www~", "", ""},
	{"cn~ ANY", TCP, "NOERROR aa", "cn~ CNAME www~", "", ""},
	{"cn2~ A", 0, "NOERROR aa", "cn2~ CNAME cn~|cn~ CNAME www~|" WWW, "", ""},
	{"cn2~ CNAME", 0, "NOERROR aa", "cn2~ CNAME cn~", "", ""},
	{"cn3~ A", 0, "NOERROR aa", "cn3~ 120 CNAME cn2~|cn2~ CNAME cn~|cn~ CNAME www~|" WWW, "", ""},
	{"c1~ A", 0, "NOERROR aa",
	 "c1~ CNAME c2~|c2~ CNAME c3~|c3~ CNAME c4~|c4~ CNAME c5~|c5~ CNAME c6~|c6~ CNAME www~|" WWW, "", ""},
	{"cnapex~ MX", 0, "NOERROR aa", "cnapex~ CNAME @|@ MX 10 mail~|@ MX 20 mail.other.test.", "",
	 MAIL "|mail.other.test. A 192.0.2.83|mail.other.test. AAAA 2001:db8::83"},
	{"cnself~ A", 0, "NOERROR aa", "cnself~ CNAME cnself~", "", ""},
	{"cnself~ CNAME", 0, "NOERROR aa", "cnself~ CNAME cnself~", "", ""},
	{"loop1~ A", 0, "NOERROR aa", "loop1~ CNAME loop2~|loop2~ CNAME loop3~|loop3~ CNAME loop1~", "", ""},
	{"loop3~ A", TCP, "NOERROR aa", "loop3~ CNAME loop1~|loop1~ CNAME loop2~|loop2~ CNAME loop3~", "", ""},
	{"loopx~ A", 0, "NOERROR aa", "loopx~ CNAME loopx.other.test.|loopx.other.test. CNAME loopx~", "", ""},
	{"cnout~ A", 0, "NOERROR aa", "cnout~ CNAME www.elsewhere.invalid.", "", ""},
	{"cnnx~ A", 0, "NXDOMAIN aa", "cnnx~ CNAME nothing~", NEGATIVE, ""},
	{"cnnodata~ A", 0, "NOERROR aa", "cnnodata~ CNAME txt~", NEGATIVE, ""},
	{"cnnodata~ TXT", 0, "NOERROR aa", "cnnodata~ CNAME txt~|txt~ TXT \"one\" \"two\"", "", ""},
	{"cnent~ A", 0, "NOERROR aa", "cnent~ CNAME ent~", NEGATIVE, ""},
	{"cnother~ A", 0, "NOERROR aa", "cnother~ CNAME www.other.test.|www.other.test. A 192.0.2.82", "", ""},
	{"cnothernx~ A", 0, "NXDOMAIN aa", "cnothernx~ CNAME nothing.other.test.", "other.test. 60 SOA", ""},
	{"cnothernodata~ A", 0, "NOERROR aa", "cnothernodata~ CNAME txt.other.test.", "other.test. 60 SOA", ""},
	{"cnotherback~ A", 0, "NOERROR aa", "cnotherback~ CNAME cnback.other.test.|cnback.other.test. CNAME www~|" WWW,
	 "", ""},
	{"cnotherdel~ A", 0, "NOERROR aa", "cnotherdel~ CNAME x.del.other.test.",
	 "del.other.test. NS ns.del.other.test.", "ns.del.other.test. A 192.0.2.84"},
	{"cndel~ A", 0, "NOERROR aa", "cndel~ CNAME host.del~", DEL, DEL_GLUE},
	{"cncut~ A", 0, "NOERROR aa", "cncut~ CNAME del~", DEL, DEL_GLUE},
	{"cncut~ NS", 0, "NOERROR aa", "cncut~ CNAME del~", DEL, DEL_GLUE},
	{"cncut~ DS", 0, "NOERROR aa", "cncut~ CNAME del~", NEGATIVE, ""},
	{"cnwild~ A", 0, "NOERROR aa", "cnwild~ CNAME anything.wild~|anything.wild~ A 192.0.2.30", "", ""},
	{"cnwildcn~ A", 0, "NOERROR aa", "cnwildcn~ CNAME anything.wcn~|anything.wcn~ CNAME www~|" WWW, "", ""},
	{"cndn~ A", 0, "NOERROR aa", "cndn~ CNAME www.dn~|" DN "|www.dn~ 1800 CNAME www.tgt~|www.tgt~ A 192.0.2.40", "",
	 ""},

	/* Empty non-terminals. */
	{"ent~ A", 0, "NOERROR aa", "", NEGATIVE, ""},
	{"b.ent~ TXT", 0, "NOERROR aa", "", NEGATIVE, ""},
	{"a.b.ent~ TXT", 0, "NOERROR aa", "a.b.ent~ TXT \"leaf\"", "", ""},
	{"x.ent~ A", 0, "NXDOMAIN aa", "", NEGATIVE, ""},
	{"x.b.ent~ A", 0, "NXDOMAIN aa", "", NEGATIVE, ""},
	{"ent~ ANY", 0, "NOERROR aa", "", NEGATIVE, ""},
	{"ent~ ANY", TCP, "NOERROR aa", "", NEGATIVE, ""},

	/* Wildcards: what the closest encloser has (RFC 4592 §3.3.1), not what stands above it. */
	{"x.wild~ A", 0, "NOERROR aa", "x.wild~ A 192.0.2.30", "", ""},
	{"x.y.z.wild~ A", 0, "NOERROR aa", "x.y.z.wild~ A 192.0.2.30", "", ""},
	{"x.wild~ MX", 0, "NOERROR aa", "x.wild~ MX 10 mail~", "", MAIL},
	{"x.wild~ TXT", 0, "NOERROR aa", "", NEGATIVE, ""},
	{"x.wild~ ANY", 0, "NOERROR aa", "one:1", "", "*"},
	{"x.wild~ ANY", TCP | ANY_ORDER, "NOERROR aa", "x.wild~ A 192.0.2.30|x.wild~ MX 10 mail~", "", "*"},
	{"wild~ A", 0, "NOERROR aa", "", NEGATIVE, ""},
	{"*.wild~ A", 0, "NOERROR aa", "*.wild~ A 192.0.2.30", "", ""},
	{"*.wild~ TXT", 0, "NOERROR aa", "", NEGATIVE, ""},
	{"y.*.wild~ A", 0, "NXDOMAIN aa", "", NEGATIVE, ""},
	{"*.y.wild~ A", 0, "NOERROR aa", "*.y.wild~ A 192.0.2.30", "", ""},
	{"blocker.wild~ A", 0, "NOERROR aa", "", NEGATIVE, ""},
	{"x.blocker.wild~ A", 0, "NXDOMAIN aa", "", NEGATIVE, ""},
	{"deep.wild~ A", 0, "NOERROR aa", "", NEGATIVE, ""},
	{"y.deep.wild~ A", 0, "NXDOMAIN aa", "", NEGATIVE, ""},
	{"y.x.deep.wild~ A", 0, "NOERROR aa", "y.x.deep.wild~ A 192.0.2.31", "", ""},
	{"a.wcn~ A", 0, "NOERROR aa", "a.wcn~ CNAME www~|" WWW, "", ""},
	{"a.wcn~ CNAME", 0, "NOERROR aa", "a.wcn~ CNAME www~", "", ""},
	{"a.wcn~ ANY", TCP, "NOERROR aa", "a.wcn~ CNAME www~", "", ""},
	{"*.wcn~ A", 0, "NOERROR aa", "*.wcn~ CNAME www~|" WWW, "", ""},
	{"a.wcn~ AAAA", 0, "NOERROR aa", "a.wcn~ CNAME www~", NEGATIVE, ""},
	{"a.wcnnx~ A", 0, "NXDOMAIN aa", "a.wcnnx~ CNAME nothing~", NEGATIVE, ""},
	{"a.wcnout~ A", 0, "NOERROR aa", "a.wcnout~ CNAME www.elsewhere.invalid.", "", ""},
	{"a.wloop~ A", 0, "NOERROR aa", "a.wloop~ CNAME x.wloop~|x.wloop~ CNAME x.wloop~", "", ""},
	/* A wildcard that is an empty non-terminal still is the source of synthesis (§4.9). */
	{"a.went~ A", 0, "NOERROR aa", "", NEGATIVE, ""},
	{"sub.a.went~ A", 0, "NOERROR aa", "", NEGATIVE, ""},
	{"sub.*.went~ A", 0, "NOERROR aa", "sub.*.went~ A 192.0.2.32", "", ""},
	{"*.went~ A", 0, "NOERROR aa", "", NEGATIVE, ""},
	{"a.two~ A", 0, "NOERROR aa", "", NEGATIVE, ""},
	{"a.b.two~ A", 0, "NOERROR aa", "", NEGATIVE, ""},
	{"a.*.two~ A", 0, "NOERROR aa", "a.*.two~ A 192.0.2.33", "", ""},
	{"b.a.*.two~ A", 0, "NOERROR aa", "b.a.*.two~ A 192.0.2.33", "", ""},
	{"*.*.two~ A", 0, "NOERROR aa", "*.*.two~ A 192.0.2.33", "", ""},
	{"_https._tcp.wsrv~ SRV", 0, "NOERROR aa", "_https._tcp.wsrv~ SRV 0 0 443 www~", "", WWW},
	{"_https._udp.wsrv~ SRV", 0, "NXDOMAIN aa", "", NEGATIVE, ""},
	{"x.wdel~ TXT", 0, "NOERROR aa", "x.wdel~ TXT \"beside a cut\"", "", ""},
	{"cut.wdel~ TXT", 0, "NOERROR", "", "cut.wdel~ NS ns.cut.wdel~", "ns.cut.wdel~ A 192.0.2.34"},
	{"x.cut.wdel~ TXT", 0, "NOERROR", "", "cut.wdel~ NS ns.cut.wdel~", "ns.cut.wdel~ A 192.0.2.34"},
	/* A wildcard DNAME is data for a synthesized answer, not a substitution (RFC 6672 §3.2 step 3C, §3.3). */
	{"a.wdn~ A", 0, "NOERROR aa", "", NEGATIVE, ""},
	{"a.wdn~ DNAME", 0, "NOERROR aa", "a.wdn~ DNAME tgt~", "", ""},
	{"b.a.wdn~ A", 0, "NOERROR aa", "", NEGATIVE, ""},
	{"www.*.wdn~ A", 0, "NOERROR aa", "*.wdn~ DNAME tgt~|www.*.wdn~ CNAME www.tgt~|www.tgt~ A 192.0.2.40", "", ""},

	/* DNAME (RFC 6672 §2, §3). */
	{"dn~ DNAME", 0, "NOERROR aa", DN, "", ""},
	{"dn~ TXT", 0, "NOERROR aa", "dn~ TXT \"at the DNAME\"", "", ""},
	{"dn~ A", 0, "NOERROR aa", "", NEGATIVE, ""},
	{"dn~ ANY", TCP | ANY_ORDER, "NOERROR aa", DN "|dn~ TXT \"at the DNAME\"", "", ""},
	{"www.dn~ A", 0, "NOERROR aa", DN "|www.dn~ 1800 CNAME www.tgt~|www.tgt~ A 192.0.2.40", "", ""},
	{"a.b.dn~ A", 0, "NOERROR aa", DN "|a.b.dn~ 1800 CNAME a.b.tgt~|a.b.tgt~ A 192.0.2.41", "", ""},
	{"b.dn~ A", 0, "NOERROR aa", DN "|b.dn~ 1800 CNAME b.tgt~", NEGATIVE, ""},
	{"nothing.dn~ A", 0, "NXDOMAIN aa", DN "|nothing.dn~ 1800 CNAME nothing.tgt~", NEGATIVE, ""},
	{"www.dn~ TXT", 0, "NOERROR aa", DN "|www.dn~ 1800 CNAME www.tgt~", NEGATIVE, ""},
	{"www.dn~ CNAME", 0, "NOERROR aa", DN "|www.dn~ 1800 CNAME www.tgt~", "", ""},
	{"www.dn~ DNAME", 0, "NOERROR aa", DN "|www.dn~ 1800 CNAME www.tgt~", NEGATIVE, ""},
	{"cn.dn~ A", 0, "NOERROR aa", DN "|cn.dn~ 1800 CNAME cn.tgt~|cn.tgt~ CNAME www~|" WWW, "", ""},
	{"x.w.dn~ A", 0, "NOERROR aa", DN "|x.w.dn~ 1800 CNAME x.w.tgt~|x.w.tgt~ A 192.0.2.42", "", ""},
	{"w.dn~ A", 0, "NOERROR aa", DN "|w.dn~ 1800 CNAME w.tgt~", NEGATIVE, ""},
	{"*.dn~ A", 0, "NXDOMAIN aa", DN "|*.dn~ 1800 CNAME *.tgt~", NEGATIVE, ""},
	{"WWW.dn~ A", 0, "NOERROR aa", "*", "", ""},
	{"x.dnout~ A", 0, "NOERROR aa", "dnout~ DNAME elsewhere.invalid.|x.dnout~ CNAME x.elsewhere.invalid.", "", ""},
	{"www.dnother~ A", 0, "NOERROR aa",
	 "dnother~ DNAME other.test.|www.dnother~ CNAME www.other.test.|www.other.test. A 192.0.2.82", "", ""},
	{"nothing.dnother~ A", 0, "NXDOMAIN aa",
	 "dnother~ DNAME other.test.|nothing.dnother~ CNAME nothing.other.test.", "other.test. 60 SOA", ""},
	{"www.dn1~ A", 0, "NOERROR aa",
	 "dn1~ DNAME dn2~|www.dn1~ CNAME www.dn2~|dn2~ DNAME tgt~|www.dn2~ CNAME www.tgt~|www.tgt~ A 192.0.2.40", "",
	 ""},
	{"x.dndel~ A", 0, "NOERROR aa", "dndel~ DNAME del~|x.dndel~ CNAME x.del~", DEL, DEL_GLUE},
	{"back.dn~ A", 0, "NOERROR aa",
	 DN "|back.dn~ 1800 CNAME back.tgt~|back.tgt~ CNAME www.dn~|www.dn~ 1800 CNAME www.tgt~|www.tgt~ A 192.0.2.40",
	 "", ""},
	{"x.dnloop1~ A", 0, "NOERROR aa",
	 "dnloop1~ DNAME dnloop2~|x.dnloop1~ CNAME x.dnloop2~|dnloop2~ DNAME dnloop1~|x.dnloop2~ CNAME x.dnloop1~", "",
	 ""},
	{M51 ".dnlong~ A", TCP, "NOERROR aa",
	 "dnlong~ DNAME " LONG192 "~|" M51 ".dnlong~ CNAME " MAXNAME "~|" MAXNAME "~ A 192.0.2.100", "", ""},
	{"m" M51 ".dnlong~ A", 0, "YXDOMAIN aa", "dnlong~ DNAME " LONG192 "~", "*", ""},
	{"m" M51 ".dnlong~ CNAME", 0, "YXDOMAIN aa", "dnlong~ DNAME " LONG192 "~", "*", ""},
	{"dnlong~ A", 0, "NOERROR aa", "", NEGATIVE, ""},

	/* Cuts: RFC 1034 §4.3.2 step 3b, RFC 9471, RFC 4035 §3.1.4.1. */
	{"del~ A", 0, "NOERROR", "", DEL, DEL_GLUE},
	{"del~ NS", 0, "NOERROR", "", DEL, DEL_GLUE},
	{"del~ SOA", 0, "NOERROR", "", DEL, DEL_GLUE},
	{"del~ ANY", 0, "NOERROR", "", DEL, DEL_GLUE},
	{"del~ ANY", TCP, "NOERROR", "", DEL, DEL_GLUE},
	{"del~ CNAME", 0, "NOERROR", "", DEL, DEL_GLUE},
	{"host.del~ A", 0, "NOERROR", "", DEL, DEL_GLUE},
	{"host.del~ A", DO, "NOERROR", "", DEL, DEL_GLUE},
	{"ns.del~ A", 0, "NOERROR", "", DEL, DEL_GLUE},
	{"nothing.x.y.del~ MX", 0, "NOERROR", "", DEL, DEL_GLUE},
	{"host.del~ DS", 0, "NOERROR", "", DEL, DEL_GLUE},
	{"*.del~ A", 0, "NOERROR", "", DEL, DEL_GLUE},
	{"del~ DS", 0, "NOERROR aa", "", NEGATIVE, ""},
	{"secure~ A", 0, "NOERROR", "", "secure~ NS ns.secure~", "ns.secure~ A 192.0.2.54"},
	/* This zone is not signed: a DS that nobody can check is no use (RFC 4035 §3.1.4 is about signed zones). */
	{"x.secure~ A", DO, "NOERROR", "", "secure~ NS ns.secure~", "ns.secure~ A 192.0.2.54"},
	{"secure~ DS", 0, "NOERROR aa", "secure~ DS " DSDATA, "", ""},
	{"noglue~ A", 0, "NOERROR", "", "noglue~ NS ns.elsewhere.invalid.", ""},
	{"sibling~ A", 0, "NOERROR", "", "sibling~ NS ns.del~", DEL_GLUE},
	{"inzone~ A", 0, "NOERROR", "", "inzone~ NS ns1~", "ns1~ A 192.0.2.1|ns1~ AAAA 2001:db8::1"},
	{"crosszone~ A", 0, "NOERROR", "", "crosszone~ NS ns.other.test.", "ns.other.test. A 192.0.2.81"},
	{"missing~ A", 0, "NOERROR", "", "missing~ NS ns.missing~", ""},
	{"x.mixed~ A", 0, "NOERROR", "", "mixed~ NS ns.mixed~|mixed~ NS ns2~|mixed~ NS ns.elsewhere.invalid.",
	 "ns.mixed~ A 192.0.2.52|ns2~ A 192.0.2.2"},
	{"self~ A", 0, "NOERROR", "", "self~ NS self~", "self~ A 192.0.2.53"},
	{"x.self~ A", 0, "NOERROR", "", "self~ NS self~", "self~ A 192.0.2.53"},
	{"x.bigdel~ A", 0, "NOERROR", "", BIGDEL, BIGDEL_GLUE},
	{"x.bigdel~ A", TCP, "NOERROR", "", BIGDEL, BIGDEL_GLUE},
	{"x.bigdel~ A", LIMIT(512), "NOERROR tc", "", BIGDEL, "*"},

	/* Additional records (RFC 1034 §4.3.2 step 6, RFC 2782, RFC 9460 §4.1, RFC 1183 §1). */
	{"mx2~ MX", 0, "NOERROR aa", "mx2~ MX 10 mail~|mx2~ MX 20 www~", "", MAIL "|" WWW},
	{"mxout~ MX", 0, "NOERROR aa", "mxout~ MX 10 mail.elsewhere.invalid.", "", ""},
	{"mxcn~ MX", 0, "NOERROR aa", "mxcn~ MX 10 cn~", "", ""},
	{"mxdel~ MX", 0, "NOERROR aa", "mxdel~ MX 10 ns.del~", "", "*"},
	{"mxnone~ MX", 0, "NOERROR aa", "mxnone~ MX 0 .", "", ""},
	{"mxwild~ MX", 0, "NOERROR aa", "mxwild~ MX 10 relay.wild~", "", "*"},
	{"_sip._tcp~ SRV", 0, "NOERROR aa", "_sip._tcp~ SRV 0 0 5060 mail~", "", MAIL},
	{"_out._tcp~ SRV", 0, "NOERROR aa", "_out._tcp~ SRV 0 0 5060 mail.other.test.", "",
	 "mail.other.test. A 192.0.2.83|mail.other.test. AAAA 2001:db8::83"},
	{"_none._tcp~ SRV", 0, "NOERROR aa", "_none._tcp~ SRV 0 0 0 .", "", ""},
	{"svcb~ SVCB", 0, "NOERROR aa", "svcb~ SVCB \\# 18 0001046d61696c0472696368047465737400", "", MAIL},
	{"https~ HTTPS", 0, "NOERROR aa", "https~ HTTPS \\# 10 00010000010003026832", "",
	 "https~ A 192.0.2.70|https~ AAAA 2001:db8::70"},
	{"httpsalias~ HTTPS", 0, "NOERROR aa", "httpsalias~ HTTPS \\# 17 0000037777770472696368047465737400", "", WWW},
	{"afs~ AFSDB", 0, "NOERROR aa", "afs~ AFSDB 1 mail~", "", MAIL},
	{"ptr~ PTR", 0, "NOERROR aa", "ptr~ PTR www~", "", ""},
	{"manymx~ MX", LIMIT(512), "NOERROR aa", "*", "", "*"},

	/* QTYPE ANY (RFC 8482) */
	{"multi~ ANY", 0, "NOERROR aa", "one:1", "", "*"},
	{"@ ANY", 0, "NOERROR aa", "*", "", "*"},
	{"multi~ ANY", TCP | ANY_ORDER, "NOERROR aa",
	 "multi~ A 192.0.2.14|multi~ AAAA 2001:db8::14|multi~ TXT \"multi\"|multi~ MX 5 mail~", "", "*"},
	{"@ ANY", TCP | ANY_ORDER, "NOERROR aa",
	 "@ SOA ns1~ hostmaster~ 1 7200 3600 604800 300|@ NS ns1~|@ NS ns2~|@ NS ns.other.test.|@ A 192.0.2.10|@ MX 10 "
	 "mail~|"
	 "@ MX 20 mail.other.test.|@ TXT \"apex\"",
	 "", "*"},
	{"nothing~ ANY", 0, "NXDOMAIN aa", "", NEGATIVE, ""},
	{"nothing~ ANY", TCP, "NXDOMAIN aa", "", NEGATIVE, ""},
	{"https~ ANY", TCP | ANY_ORDER, "NOERROR aa",
	 "https~ A 192.0.2.70|https~ AAAA 2001:db8::70|https~ HTTPS \\# 10 00010000010003026832", "", ""},
	{"www.dn~ ANY", TCP, "NOERROR aa", "has:" DN "|www.dn~ 1800 CNAME www.tgt~|www.tgt~ A 192.0.2.40", "", ""},
	{"nothing.dn~ ANY", 0, "NXDOMAIN aa", DN "|nothing.dn~ 1800 CNAME nothing.tgt~", NEGATIVE, ""},

	/* Case (RFC 4343 §4.1): as asked. */
	{"WwW.rIcH.TEST. A", 0, "NOERROR aa",
	 "WwW.rIcH.TEST. A 192.0.2.11|WwW.rIcH.TEST. A 192.0.2.12|WwW.rIcH.TEST. A 192.0.2.13", "", ""},
	{"case~ A", 0, "NOERROR aa", "case~ A 192.0.2.16", "", ""},
	{"CASE~ A", 0, "NOERROR aa", "CASE~ A 192.0.2.16", "", ""},
	{"case~ MX", 0, "NOERROR aa", "case~ MX 10 MaIl~", "", MAIL},
	{"X.WILD~ A", 0, "NOERROR aa", "X.WILD~ A 192.0.2.30", "", ""},
	{"NOTHING~ A", 0, "NXDOMAIN aa", "", NEGATIVE, ""},

	/* Odd labels: any octets at all (RFC 2181 §11). */
	{"nul\\000octet~ A", 0, "NOERROR aa", "nul\\000octet~ A 192.0.2.90", "", ""},
	{"nul~ A", 0, "NXDOMAIN aa", "", NEGATIVE, ""},
	{"a\\.b~ A", 0, "NOERROR aa", "a\\.b~ A 192.0.2.91", "", ""},
	{"a.b~ A", 0, "NXDOMAIN aa", "", NEGATIVE, ""},
	{"sp\\032ace~ A", 0, "NOERROR aa", "sp\\032ace~ A 192.0.2.92", "", ""},
	{"\\255\\254~ A", 0, "NOERROR aa", "\\255\\254~ A 192.0.2.93", "", ""},
	{"back\\\\slash~ A", 0, "NOERROR aa", "back\\\\slash~ A 192.0.2.94", "", ""},
	{"*star~ A", 0, "NOERROR aa", "*star~ A 192.0.2.95", "", ""},
	{"xstar~ A", 0, "NXDOMAIN aa", "", NEGATIVE, ""},
	{"x.*star~ A", 0, "NXDOMAIN aa", "", NEGATIVE, ""},
	{"st*r~ A", 0, "NOERROR aa", "st*r~ A 192.0.2.96", "", ""},
	{"star~ A", 0, "NXDOMAIN aa", "", NEGATIVE, ""},
	{"_under_~ A", 0, "NOERROR aa", "_under_~ A 192.0.2.97", "", ""},
	{"-dash-~ A", 0, "NOERROR aa", "-dash-~ A 192.0.2.98", "", ""},
	{"7~ A", 0, "NOERROR aa", "7~ A 192.0.2.99", "", ""},
	{"\\007~ A", 0, "NXDOMAIN aa", "", NEGATIVE, ""},

	/* 255 octets, 127 labels (RFC 1035 §2.3.4). */
	{MAXNAME "~ A", TCP, "NOERROR aa", MAXNAME "~ A 192.0.2.100", "", ""},
	{MAXNAME "~ A", LIMIT(512), "NOERROR aa", MAXNAME "~ A 192.0.2.100", "", ""},
	{MAXNAME "~ AAAA", 0, "NOERROR aa", "", NEGATIVE, ""},
	{"n" X10("m") X10("m") X10("m") X10("m") X10("m") "." LONG192 "~ A", 0, "NXDOMAIN aa", "", NEGATIVE, ""},
	{WILD255 " A", 0, "NOERROR aa", WILD255 " A 192.0.2.30", "", ""},
	{WILD127 " A", 0, "NOERROR aa", WILD127 " A 192.0.2.30", "", ""},

	/* Truncation: RRsets are whole or absent (RFC 2181 §9). */
	{"big~ TXT", 0, "NOERROR aa tc", "", "", ""},
	{"big~ TXT", LIMIT(512), "NOERROR aa tc", "", "", ""},
	{"big~ TXT", TCP, "NOERROR aa", "has:big~ TXT \"00xx|big~ TXT \"19xx", "", ""},
	{"bigcn~ TXT", 0, "NOERROR aa tc", "bigcn~ CNAME big~", "", ""},
	{"bigcn~ TXT", TCP, "NOERROR aa", "has:bigcn~ CNAME big~|big~ TXT \"07xx", "", ""},
	{M51 ".dnlong~ A", LIMIT(512), "NOERROR aa tc", "has:dnlong~ DNAME " LONG192 "~", "", ""},
};

static const struct ask other[] = {
	/* The SOA's own TTL when it is below MINIMUM (RFC 2308 §3). */
	{"nothing~ A", 0, "NXDOMAIN aa", "", "@ 60 SOA", ""},
	{"www~ AAAA", 0, "NOERROR aa", "", "@ 60 SOA", ""},
	{"@ SOA", 0, "NOERROR aa", "@ 60 SOA ns~ hostmaster~ 1 7200 3600 604800 900", "", ""},
};

/* ---- a child zone beside its parent ---- */

#define CUT "cut~ NS ns.cut~|cut~ NS ns.kid.cut~", "ns.cut~ A 192.0.2.97|ns.kid.cut~ A 192.0.2.96"

static const struct ask parent[] = {
	{"child~ DS", 0, "NOERROR aa", "child~ DS " DSDATA, "", ""},
	{"child~ DS", DO, "NOERROR aa", "child~ DS " DSDATA, "", ""},
	{"child2~ DS", 0, "NOERROR aa", "", "@ 900 SOA", ""},
	{"@ DS", 0, "NOERROR aa", "", "@ 900 SOA", ""},
	{"child~ A", 0, "NOERROR aa", "", "child~ 600 SOA", ""},
	{"child~ NS", 0, "NOERROR aa", "child~ NS ns.child~", "", "ns.child~ A 192.0.2.53"},
	{"child~ SOA", 0, "NOERROR aa", "child~ SOA ns.child~ hostmaster.child~ 1 7200 3600 604800 600", "", ""},
	{"ns.child~ A", 0, "NOERROR aa", "ns.child~ A 192.0.2.53", "", ""},
	{"www.child~ A", 0, "NOERROR aa", "www.child~ A 192.0.2.54", "", ""},
	{"nx.child~ A", 0, "NXDOMAIN aa", "", "child~ 600 SOA", ""},
	{"www.child~ DS", 0, "NOERROR aa", "", "child~ 600 SOA", ""},
	{"nx.child~ DS", 0, "NXDOMAIN aa", "", "child~ 600 SOA", ""},
	{"www.child2~ A", 0, "NXDOMAIN aa", "", "child2~ 600 SOA", ""},
	{"nx~ A", 0, "NXDOMAIN aa", "", "@ 900 SOA", ""},
	/* Glue is the parent's, also where the child's data are here. */
	{"x.cut~ A", 0, "NOERROR", "", CUT},
	{"cut~ DS", 0, "NOERROR aa", "", "@ 900 SOA", ""},
	/* The zone above kid.cut is not here, but a zone above that is, and refers to it: what BIND, Knot and NSD do
	 * too. */
	{"kid.cut~ DS", 0, "NOERROR", "", CUT},
	{"kid.cut~ A", 0, "NOERROR aa", "", "kid.cut~ 600 SOA", ""},
	{"www.kid.cut~ A", 0, "NOERROR aa", "www.kid.cut~ A 192.0.2.58", "", ""},
	{"cnchild~ A", 0, "NOERROR aa", "cnchild~ CNAME www.child~|www.child~ A 192.0.2.54", "", ""},
	{"cnchildnx~ A", 0, "NXDOMAIN aa", "cnchildnx~ CNAME nx.child~", "child~ 600 SOA", ""},
	{"mx~ MX", 0, "NOERROR aa", "mx~ MX 10 mail.child~", "", "mail.child~ A 192.0.2.55"},
};

static const struct ask apexdn[] = {
	{"@ A", 0, "NOERROR aa", "@ A 192.0.2.60", "", ""},
	{"@ DNAME", 0, "NOERROR aa", "@ 600 DNAME other.test.", "", ""},
	{"@ NS", 0, "NOERROR aa", "@ NS ns.other.test.", "", "ns.other.test. A 192.0.2.81"},
	{"@ MX", 0, "NOERROR aa", "", "@ 900 SOA", ""},
	{"@ DS", 0, "NOERROR aa", "", "@ 900 SOA", ""},
	{"@ SOA", 0, "NOERROR aa", "@ SOA ns.other.test. hostmaster.other.test. 1 7200 3600 604800 900", "", ""},
	{"www~ A", 0, "NOERROR aa",
	 "@ 600 DNAME other.test.|www~ 600 CNAME www.other.test.|www.other.test. A 192.0.2.82", "", ""},
	{"nothing~ A", 0, "NXDOMAIN aa", "@ 600 DNAME other.test.|nothing~ 600 CNAME nothing.other.test.",
	 "other.test. 60 SOA", ""},
	{"a.b~ DS", 0, "NXDOMAIN aa", "@ 600 DNAME other.test.|a.b~ 600 CNAME a.b.other.test.", "other.test. 60 SOA",
	 ""},
};

/* ---- a signed zone (RFC 4035 §3.1); denial is not asked for here, only what must stand beside it ---- */

static const struct ask signed_zone[] = {
	{"www~ A", 0, "NOERROR aa", "www~ A 192.0.2.11|www~ A 192.0.2.12", "", ""},
	{"www~ A", DO, "NOERROR aa", "www~ A 192.0.2.11|www~ A 192.0.2.12|www~ RRSIG A", "", ""},
	{"www~ AAAA", 0, "NOERROR aa", "", "@ 300 SOA", ""},
	{"www~ AAAA", DO, "NOERROR aa", "", "has:@ 300 SOA|@ 300 RRSIG SOA", ""},
	{"nothing~ A", 0, "NXDOMAIN aa", "", "@ 300 SOA", ""},
	{"nothing~ A", DO, "NXDOMAIN aa", "", "has:@ 300 SOA|@ 300 RRSIG SOA", ""},
	{"cn~ A", 0, "NOERROR aa", "cn~ CNAME www~|www~ A 192.0.2.11|www~ A 192.0.2.12", "", ""},
	{"cn~ A", DO, "NOERROR aa", "cn~ CNAME www~|cn~ RRSIG CNAME|www~ A 192.0.2.11|www~ A 192.0.2.12|www~ RRSIG A",
	 "", ""},
	{"cn~ CNAME", DO, "NOERROR aa", "cn~ CNAME www~|cn~ RRSIG CNAME", "", ""},
	{"cnnx~ A", DO, "NXDOMAIN aa", "cnnx~ CNAME nothing~|cnnx~ RRSIG CNAME", "has:@ 300 SOA|@ 300 RRSIG SOA", ""},
	{"x.dn~ A", DO, "NOERROR aa",
	 "dn~ DNAME tgt~|dn~ RRSIG DNAME|x.dn~ CNAME x.tgt~|x.tgt~ A 192.0.2.40|x.tgt~ RRSIG A", "", ""},
	{"x.dn~ A", 0, "NOERROR aa", "dn~ DNAME tgt~|x.dn~ CNAME x.tgt~|x.tgt~ A 192.0.2.40", "", ""},
	{"x.wild~ A", DO, "NOERROR aa", "x.wild~ A 192.0.2.30|x.wild~ RRSIG A", "*", ""},
	{"x.wild~ A", 0, "NOERROR aa", "x.wild~ A 192.0.2.30", "", ""},
	{"@ MX", DO, "NOERROR aa", "@ MX 10 mail~|@ RRSIG MX", "", "mail~ A 192.0.2.25|mail~ RRSIG A"},
	{"@ MX", 0, "NOERROR aa", "@ MX 10 mail~", "", "mail~ A 192.0.2.25"},
	{"@ SOA", DO, "NOERROR aa", "@ SOA ns~ hostmaster~ 1 7200 3600 604800 300|@ RRSIG SOA", "", ""},
	/* A cut's NS and glue are not signed, its DS is; no DO, no DS. */
	{"del~ A", 0, "NOERROR", "", "del~ NS ns.del~", "ns.del~ A 192.0.2.50"},
	{"del~ A", DO, "NOERROR", "", "has:del~ NS ns.del~", "ns.del~ A 192.0.2.50"},
	{"x.secure~ A", 0, "NOERROR", "", "secure~ NS ns.secure~", "ns.secure~ A 192.0.2.54"},
	{"x.secure~ A", DO, "NOERROR", "", "secure~ NS ns.secure~|secure~ DS " DSDATA "|secure~ RRSIG DS",
	 "ns.secure~ A 192.0.2.54"},
	{"secure~ DS", 0, "NOERROR aa", "secure~ DS " DSDATA, "", ""},
	{"secure~ DS", DO, "NOERROR aa", "secure~ DS " DSDATA "|secure~ RRSIG DS", "", ""},
	{"del~ DS", 0, "NOERROR aa", "", "@ 300 SOA", ""},
	/* NSEC and RRSIG stand beside CNAME (RFC 4034 §4), and are given when asked for by name. */
	{"cn~ NSEC", 0, "NOERROR aa", "cn~ 300 NSEC", "", ""},
	{"cn~ NSEC", DO, "NOERROR aa", "cn~ 300 NSEC|cn~ 300 RRSIG NSEC", "", ""},
	{"multi~ NSEC", 0, "NOERROR aa", "multi~ 300 NSEC", "", ""},
	{"multi~ RRSIG", TCP | ANY_ORDER, "NOERROR aa", "multi~ RRSIG A|multi~ RRSIG TXT|multi~ 300 RRSIG NSEC", "",
	 ""},
	{"multi~ RRSIG", TCP | DO | ANY_ORDER, "NOERROR aa", "multi~ RRSIG A|multi~ RRSIG TXT|multi~ 300 RRSIG NSEC",
	 "", ""},
	{"cn~ RRSIG", TCP | ANY_ORDER, "NOERROR aa", "cn~ RRSIG CNAME|cn~ 300 RRSIG NSEC", "", ""},
	{"nothing~ RRSIG", TCP, "NXDOMAIN aa", "", "@ 300 SOA", ""},
	{"multi~ ANY", DO, "NOERROR aa", "one:1", "", ""},
	{"multi~ ANY", TCP | DO | ANY_ORDER, "NOERROR aa",
	 "multi~ A 192.0.2.14|multi~ TXT \"multi\"|multi~ 300 NSEC|multi~ RRSIG A|multi~ RRSIG TXT|multi~ 300 RRSIG "
	 "NSEC",
	 "", ""},
	{"ent~ A", DO, "NOERROR aa", "", "has:@ 300 SOA|@ 300 RRSIG SOA", ""},
	/* Signatures of the answer section that do not fit set TC, those of the additional section do not (RFC 4035
	 * §3.1.1). */
	{"www~ A", DO | LIMIT(100), "NOERROR aa tc", "", "", ""},
	{"@ MX", DO | LIMIT(200), "NOERROR aa", "@ MX 10 mail~|@ RRSIG MX", "", "*"},
};

/* ---- zones too odd for master files beside the others' ---- */

static const char root_zone[] = "$TTL 3600\n"
				". SOA a.root. hostmaster.root. 1 7200 3600 604800 900\n"
				". NS a.root.\n"
				"a.root. A 192.0.2.1\n"
				"com. NS ns.com.\n"
				"com. DS " DSDATA "\n"
				"ns.com. A 192.0.2.2\n"
				"*.wild. TXT \"under the root\"\n"
				"cn. CNAME a.root.\n"
				"dn. DNAME root.\n";

static const struct ask root[] = {
	{". SOA", 0, "NOERROR aa", ". SOA a.root. hostmaster.root. 1 7200 3600 604800 900", "", ""},
	{". NS", 0, "NOERROR aa", ". NS a.root.", "", "a.root. A 192.0.2.1"},
	{". A", 0, "NOERROR aa", "", ". 900 SOA", ""},
	{". DS", 0, "NOERROR aa", "", ". 900 SOA", ""},
	{"com. A", 0, "NOERROR", "", "com. NS ns.com.", "ns.com. A 192.0.2.2"},
	{"www.example.com. A", 0, "NOERROR", "", "com. NS ns.com.", "ns.com. A 192.0.2.2"},
	{"com. DS", 0, "NOERROR aa", "com. DS " DSDATA, "", ""},
	{"nothing. A", 0, "NXDOMAIN aa", "", ". 900 SOA", ""},
	{"root. A", 0, "NOERROR aa", "", ". 900 SOA", ""},
	{"x.wild. TXT", 0, "NOERROR aa", "x.wild. TXT \"under the root\"", "", ""},
	{"cn. A", 0, "NOERROR aa", "cn. CNAME a.root.|a.root. A 192.0.2.1", "", ""},
	{"a.dn. A", 0, "NOERROR aa", "dn. DNAME root.|a.dn. CNAME a.root.|a.root. A 192.0.2.1", "", ""},
};

/* Names below a DNAME, a DNAME and a cut below a cut, a wildcard below a DNAME: none can be seen (RFC 6672 §2.4, RFC
 * 2181 §6.1). */
#define MANY(n) "many MX " n " h" n "\nh" n " A 192.0.2." n "\n"

static const char occluded_zone[] =
	"$TTL 3600\n"
	"@ SOA ns hostmaster 1 7200 3600 604800 900\n"
	"@ NS ns\n"
	"ns A 192.0.2.1\n"
	"dn DNAME tgt\n"
	"www.dn A 192.0.2.66\n"
	"*.dn A 192.0.2.66\n"
	"cut.dn NS ns.cut.dn\n"
	"cn.dn CNAME ns\n"
	"dn.dn DNAME ns\n"
	"www.tgt A 192.0.2.40\n"
	"del NS ns.del\n"
	"ns.del A 192.0.2.50\n"
	"dn.del DNAME tgt\n"
	"cn.del CNAME ns\n"
	"sub.del NS ns.sub.del\n"
	"ns.sub.del A 192.0.2.66\n"
	"sub.del DS " DSDATA "\n"
	"*.del A 192.0.2.66\n"
	"mx MX 10 www.dn\n"
	"mx MX 20 www.sub.del\n"
	"mx MX 30 dn\n"
	"dn A 192.0.2.67\n"
	"b.up DNAME up\n"
	"grow DNAME x.grow\n" MANY("1") MANY("2") MANY("3") MANY("4") MANY("5") MANY("6") MANY("7") MANY("8") MANY("9")
		MANY("10") MANY("11") MANY("12") MANY("13") MANY("14") MANY("15") MANY("16") MANY("17") MANY("18")
			MANY("19") MANY("20") MANY("21") MANY("22") MANY("23") MANY("24") MANY("25") MANY("26")
				MANY("27") MANY("28") MANY("29") MANY("30") "many MX 31 h30\n";

#define HIDDEN_DEL "del~ NS ns.del~", "ns.del~ A 192.0.2.50"

static const struct ask occluded[] = {
	{"www.dn~ A", 0, "NOERROR aa", "dn~ DNAME tgt~|www.dn~ CNAME www.tgt~|www.tgt~ A 192.0.2.40", "", ""},
	{"other.dn~ A", 0, "NXDOMAIN aa", "dn~ DNAME tgt~|other.dn~ CNAME other.tgt~", "@ 900 SOA", ""},
	{"*.dn~ A", 0, "NXDOMAIN aa", "dn~ DNAME tgt~|*.dn~ CNAME *.tgt~", "@ 900 SOA", ""},
	{"cut.dn~ NS", 0, "NXDOMAIN aa", "dn~ DNAME tgt~|cut.dn~ CNAME cut.tgt~", "@ 900 SOA", ""},
	{"x.cut.dn~ A", 0, "NXDOMAIN aa", "dn~ DNAME tgt~|x.cut.dn~ CNAME x.cut.tgt~", "@ 900 SOA", ""},
	{"cn.dn~ A", 0, "NXDOMAIN aa", "dn~ DNAME tgt~|cn.dn~ CNAME cn.tgt~", "@ 900 SOA", ""},
	{"x.dn.dn~ A", 0, "NXDOMAIN aa", "dn~ DNAME tgt~|x.dn.dn~ CNAME x.dn.tgt~", "@ 900 SOA", ""},
	{"x.dn.del~ A", 0, "NOERROR", "", HIDDEN_DEL},
	{"dn.del~ DNAME", 0, "NOERROR", "", HIDDEN_DEL},
	{"cn.del~ A", 0, "NOERROR", "", HIDDEN_DEL},
	{"cn.del~ CNAME", 0, "NOERROR", "", HIDDEN_DEL},
	{"sub.del~ NS", 0, "NOERROR", "", HIDDEN_DEL},
	{"x.sub.del~ A", 0, "NOERROR", "", HIDDEN_DEL},
	{"sub.del~ DS", 0, "NOERROR", "", HIDDEN_DEL},
	{"x.del~ A", 0, "NOERROR", "", HIDDEN_DEL},
	{"mx~ MX", 0, "NOERROR aa", "mx~ MX 10 www.dn~|mx~ MX 20 www.sub.del~|mx~ MX 30 dn~", "", "dn~ A 192.0.2.67"},
	{"many~ MX", TCP, "NOERROR aa", "has:many~ MX 30 h30~|many~ MX 31 h30~", "",
	 "has:h1~ A 192.0.2.1|h30~ A 192.0.2.30"},
	/* A DNAME that leads to its own owner stands there once. */
	{"b.b.up~ ANY", TCP, "NOERROR aa", "b.up~ DNAME up~|b.b.up~ CNAME b.up~", "", ""},
	{"b.b.up~ ANY", 0, "NOERROR aa", "b.up~ DNAME up~|b.b.up~ CNAME b.up~", "", ""},
	{"b.b.up~ DNAME", 0, "NOERROR aa", "b.up~ DNAME up~|b.b.up~ CNAME b.up~", "", ""},
	/* Longer at every step: some end, and the DNAME once. */
	{"a.grow~ A", TCP | ANY_ORDER, "NOERROR aa",
	 "has:grow~ DNAME x.grow~|a.grow~ CNAME a.x.grow~|a.x.grow~ CNAME a.x.x.grow~", "", ""},
};

/* ---- the server's side: zones, directory, writer ---- */

static struct directory *zones, *roots;
static struct writer writer;
static uint8_t wire[MESSAGE_MAX];

static const char *const files[] = {
	"example",           "rich.test",          "other.test",          "parent.test",
	"child.parent.test", "child2.parent.test", "kid.cut.parent.test", "apexdn.test",
	"signed.test",
};

static void load(struct directory *d, const char *apex, FILE *f, const char *file)
{
	struct name name;
	struct zone_image *img;
	struct errmsg msg = {0};
	struct zone *z;

	assert_non_null(f);
	assert_int_equal(name_from_text(&name, apex), ERR_OK);
	if (zonefile_read(&img, name.wire, f, file, &msg) != ERR_OK)
		fail_msg("%s", msg.text);
	fclose(f);
	assert_int_equal(zone_new(&z, name.wire, 0, zonefile_image_count(img)), ERR_OK);
	for (size_t i = 0; i < zonefile_image_count(img); i++)
		assert_int_equal(zone_load_content(z, zonefile_image_owner(img, i), zonefile_image_take(img, i)),
				 ERR_OK);
	zonefile_image_free(img);
	assert_int_equal(directory_put(d, z), ERR_OK);
}

static int load_all(void **state)
{
	(void)state;
	writer_init(&writer);
	assert_int_equal(qname_seed(), ERR_OK);
	assert_int_equal(directory_new(&zones), ERR_OK);
	assert_int_equal(directory_new(&roots), ERR_OK);
	for (size_t i = 0; i < sizeof files / sizeof *files; i++) {
		char path[128];
		snprintf(path, sizeof path, "tests/unit/zones/answers/%s.zone", files[i]);
		load(zones, files[i], fopen(path, "r"), path);
	}
	load(roots, ".", fmemopen((void *)(uintptr_t)root_zone, sizeof root_zone - 1, "r"), "root");
	load(zones, "occluded.test", fmemopen((void *)(uintptr_t)occluded_zone, sizeof occluded_zone - 1, "r"),
	     "occluded");
	return 0;
}

static int free_all(void **state)
{
	(void)state;
	directory_free(zones);
	directory_free(roots);
	grace_barrier(); /* the zones' own turn, and then their memory's */
	grace_barrier();
	return 0;
}

static struct answer_origin made_from;

/* The answer in wire; returns its length. What kind it is in `made_from`. */
static size_t respond(const struct directory *d, const char *qname, uint16_t qtype, unsigned how, size_t limit,
		      unsigned *rcode)
{
	struct name name;
	struct qname q;
	uint16_t qclass = how & CLASS_STAR ? CLASS_ANY : CLASS_IN;

	assert_int_equal(name_from_text(&name, qname), ERR_OK);
	qname_set(&q, name.wire);
	writer_start(&writer, wire, limit, 4711, FLAG_QR);
	assert_true(writer_question(&writer, name.wire, qtype, qclass));

	struct answer_query query = {
		.qname = &q,
		.qname_wire = name.wire,
		.qtype = qtype,
		.qclass = qclass,
		.dnssec_ok = how & DO,
		.udp = !(how & TCP),
		.origin = &made_from,
	};
	made_from = (struct answer_origin){.kind = ANSWER_OTHER};
	*rcode = answer_query(d, &query, &writer);
	return writer_finish(&writer);
}

/* ---- text ---- */

struct lines {
	size_t count;
	char text[LINES_MAX][LINE_MAX_LEN];
};

static int compare_lines(const void *a, const void *b)
{
	return strcmp(a, b);
}

static void sort_lines(struct lines *l, size_t from, size_t to)
{
	qsort(l->text[from], to - from, sizeof *l->text, compare_lines);
}

/* Puts `owner ttl type` and what of the data is compared. */
static void show(char out[LINE_MAX_LEN], const ldns_rr *rr, bool in_answer)
{
	char *owner = ldns_rdf2str(ldns_rr_owner(rr));
	char type[RR_TYPE_TEXT_MAX];
	size_t len;

	if (!in_answer)
		for (char *c = owner; *c; c++)
			*c = (char)tolower(*c);
	rr_type_to_text((uint16_t)ldns_rr_get_type(rr), type);
	len = (size_t)snprintf(out, LINE_MAX_LEN, "%s", owner);
	free(owner);
	if (ldns_rr_ttl(rr) != TTL_USUAL)
		len += (size_t)snprintf(out + len, LINE_MAX_LEN - len, " %u", ldns_rr_ttl(rr));
	len += (size_t)snprintf(out + len, LINE_MAX_LEN - len, " %s", type);
	if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_NSEC || (ldns_rr_get_type(rr) == LDNS_RR_TYPE_SOA && !in_answer))
		return;
	/* SVCB and HTTPS stand here as octets: presentation forms differ between versions of ldns. */
	if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_SVCB || ldns_rr_get_type(rr) == LDNS_RR_TYPE_HTTPS) {
		size_t size = 0;
		for (size_t i = 0; i < ldns_rr_rd_count(rr); i++)
			size += ldns_rdf_size(ldns_rr_rdf(rr, i));
		len += (size_t)snprintf(out + len, LINE_MAX_LEN - len, " \\# %zu ", size);
		for (size_t i = 0; i < ldns_rr_rd_count(rr); i++)
			for (size_t j = 0; j < ldns_rdf_size(ldns_rr_rdf(rr, i)); j++)
				len += (size_t)snprintf(out + len, LINE_MAX_LEN - len, "%02x",
							ldns_rdf_data(ldns_rr_rdf(rr, i))[j]);
		return;
	}
	for (size_t i = 0; i < ldns_rr_rd_count(rr); i++) {
		char *data = ldns_rdf2str(ldns_rr_rdf(rr, i));
		if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_TXT && strlen(data) > TXT_SHOWN)
			data[TXT_HEAD] = '\0';
		len += (size_t)snprintf(out + len, LINE_MAX_LEN - len, " %s", data);
		free(data);
		if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_RRSIG)
			break;
	}
	assert_true(len < LINE_MAX_LEN);
}

static bool same_rrset(const ldns_rr *a, const ldns_rr *b)
{
	return ldns_rr_get_type(a) == ldns_rr_get_type(b) &&
	       ldns_dname_compare(ldns_rr_owner(a), ldns_rr_owner(b)) == 0;
}

/* A section as text, sorted where order says nothing. */
static void show_section(struct lines *out, const ldns_rr_list *list, bool in_answer, bool any_order)
{
	size_t n = ldns_rr_list_rr_count(list), start = 0;

	assert_true(n < LINES_MAX);
	out->count = n;
	for (size_t i = 0; i < n; i++) {
		show(out->text[i], ldns_rr_list_rr(list, i), in_answer);
		if (!in_answer || any_order)
			continue;
		if (i && !same_rrset(ldns_rr_list_rr(list, i), ldns_rr_list_rr(list, start))) {
			sort_lines(out, start, i);
			start = i;
		}
	}
	sort_lines(out, start, n);
}

/* Copies with ~ and @ written out. */
static void expand(char *out, size_t cap, const char *text, size_t len, const char *origin)
{
	size_t at = 0;

	for (size_t i = 0; i < len; i++)
		if (text[i] == '~' || text[i] == '@')
			at += (size_t)snprintf(out + at, cap - at, "%s%s.", text[i] == '~' ? "." : "", origin);
		else
			out[at++] = text[i];
	assert_true(at < cap);
	out[at] = '\0';
}

/* Owner and type of a line of the expectation: what makes it part of an RRset. */
static size_t rrset_part(const char *line)
{
	size_t at = strcspn(line, " ");

	if (line[at] && isdigit((unsigned char)line[at + 1]))
		at += 1 + strcspn(line + at + 1, " ");
	return line[at] ? at + 1 + strcspn(line + at + 1, " ") : at;
}

static void expect_section(struct lines *out, const char *text, const char *origin, bool in_answer, bool any_order)
{
	size_t start = 0;

	out->count = 0;
	for (const char *p = text; *p;) {
		size_t len = strcspn(p, "|");
		expand(out->text[out->count++], LINE_MAX_LEN, p, len, origin);
		p += len + (p[len] == '|');
	}
	for (size_t i = 1; in_answer && !any_order && i < out->count; i++) {
		size_t part = rrset_part(out->text[start]);
		if (rrset_part(out->text[i]) == part && memcmp(out->text[i], out->text[start], part) == 0)
			continue;
		sort_lines(out, start, i);
		start = i;
	}
	sort_lines(out, start, out->count);
}

static void print_lines(const char *what, const struct lines *l)
{
	print_message("    %s:%s\n", what, l->count ? "" : " nothing");
	for (size_t i = 0; i < l->count; i++)
		print_message("        %s\n", l->text[i]);
}

static bool contains(const struct lines *l, const char *line)
{
	for (size_t i = 0; i < l->count; i++)
		if (strcmp(l->text[i], line) == 0)
			return true;
	return false;
}

/* One RRset of that many records, with or without its signatures. */
static bool is_one(const ldns_rr_list *list, unsigned long records)
{
	size_t n = ldns_rr_list_rr_count(list), sigs = 0;

	for (size_t i = 0; i < n; i++) {
		const ldns_rr *rr = ldns_rr_list_rr(list, i);
		if (ldns_rr_get_type(rr) == LDNS_RR_TYPE_RRSIG)
			sigs++;
		else if (!same_rrset(rr, ldns_rr_list_rr(list, 0)))
			return false;
	}
	return n - sigs == records;
}

static bool section_is(const ldns_rr_list *list, const char *expected, const char *origin, bool in_answer,
		       bool any_order)
{
	static struct lines got, want;
	bool good = true, part = strncmp(expected, "has:", 4) == 0;

	if (strcmp(expected, "*") == 0)
		return true;
	if (strncmp(expected, "one:", 4) == 0)
		return is_one(list, strtoul(expected + 4, NULL, 10));
	show_section(&got, list, in_answer, any_order);
	expect_section(&want, part ? expected + 4 : expected, origin, in_answer, any_order);
	if (!part)
		good = got.count == want.count;
	for (size_t i = 0; i < want.count && good; i++)
		good = part ? contains(&got, want.text[i]) : strcmp(got.text[i], want.text[i]) == 0;
	if (!good) {
		print_lines("got", &got);
		print_lines(part ? "must have" : "expected", &want);
	}
	return good;
}

/* No record twice in the whole message. */
static bool no_doubles(const ldns_pkt *pkt)
{
	ldns_rr_list *all = ldns_pkt_all_noquestion(pkt);
	bool good = true;

	for (size_t i = 0; i < ldns_rr_list_rr_count(all); i++)
		for (size_t j = 0; j < i; j++)
			if (ldns_rr_compare(ldns_rr_list_rr(all, i), ldns_rr_list_rr(all, j)) == 0) {
				print_message("    twice: ");
				ldns_rr_print(stdout, ldns_rr_list_rr(all, i));
				good = false;
			}
	ldns_rr_list_deep_free(all);
	return good;
}

static const char *flags_text(unsigned rcode)
{
	static char text[32];
	static const char *const names[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN",
					    "NOTIMP",  "REFUSED", "YXDOMAIN"};

	assert_true(rcode < sizeof names / sizeof *names);
	snprintf(text, sizeof text, "%s%s%s", names[rcode], writer_flags(&writer) & FLAG_AA ? " aa" : "",
		 writer_flags(&writer) & FLAG_TC ? " tc" : "");
	return text;
}

/* ---- the tests ---- */

struct running {
	const struct ask *ask;
	const char *origin;
};

static size_t limit_of(const struct ask *a)
{
	if (a->how >> LIMIT_SHIFT)
		return a->how >> LIMIT_SHIFT;
	return a->how & TCP ? MESSAGE_MAX : UDP_USUAL;
}

static ldns_pkt *parse(size_t len)
{
	struct message m;
	ldns_pkt *pkt;

	assert_int_equal(message_parse(&m, wire, len), ERR_OK);
	assert_int_equal(ldns_wire2pkt(&pkt, wire, len), LDNS_STATUS_OK);
	return pkt;
}

static void test_ask(void **state)
{
	const struct running *r = *state;
	const struct ask *a = r->ask;
	bool any_order = a->how & ANY_ORDER, good;
	char question[LINE_MAX_LEN];
	uint16_t qtype;
	unsigned rcode;

	expand(question, sizeof question, a->question, strlen(a->question), r->origin);
	char *space = strrchr(question, ' ');
	*space = '\0';
	assert_int_equal(rr_type_from_text(&qtype, space + 1), ERR_OK);

	size_t len = respond(*r->origin ? zones : roots, question, qtype, a->how, limit_of(a), &rcode);
	ldns_pkt *pkt = parse(len);
	assert_true(len <= limit_of(a));
	good = strcmp(flags_text(rcode), a->flags) == 0;
	if (!good)
		print_message("    got %s, expected %s\n", flags_text(rcode), a->flags);
	good &= section_is(ldns_pkt_answer(pkt), a->answer, r->origin, true, any_order);
	good &= section_is(ldns_pkt_authority(pkt), a->authority, r->origin, false, any_order);
	good &= section_is(ldns_pkt_additional(pkt), a->additional, r->origin, false, any_order);
	good &= no_doubles(pkt);
	ldns_pkt_free(pkt);
	assert_true(good);
}

/* Counts of the three sections that hold records. */
struct counts {
	size_t answer, authority, additional;
};

static struct counts count(size_t len)
{
	ldns_pkt *pkt = parse(len);
	struct counts c = {ldns_pkt_ancount(pkt), ldns_pkt_nscount(pkt), ldns_pkt_arcount(pkt)};

	assert_true(no_doubles(pkt));
	ldns_pkt_free(pkt);
	return c;
}

/* Every size from the bare question to all: TC exactly when something required is missing, RRsets whole. */
static void squeeze(const char *question, uint16_t qtype, unsigned how, bool additional_required)
{
	unsigned rcode, whole_rcode;
	size_t len = respond(zones, question, qtype, how, MESSAGE_MAX, &whole_rcode);
	struct counts whole = count(len);
	struct name name;

	assert_int_equal(writer_flags(&writer) & FLAG_TC, 0);
	assert_int_equal(name_from_text(&name, question), ERR_OK);
	for (size_t limit = MESSAGE_HEADER_LEN + name.len + 4U; limit <= len; limit++) {
		size_t got = respond(zones, question, qtype, how, limit, &rcode);
		struct counts c = count(got);
		bool tc = writer_flags(&writer) & FLAG_TC;
		bool all = c.answer == whole.answer && c.authority == whole.authority;

		assert_true(got <= limit);
		/* A chain that was cut short has not come to its end's RCODE. */
		assert_true(rcode == whole_rcode || (tc && rcode == RCODE_NOERROR));
		if (additional_required)
			all = all && c.additional == whole.additional;
		if (tc == all)
			fail_msg("%s at %zu of %zu octets: tc %d, sections %zu %zu %zu of %zu %zu %zu", question, limit,
				 len, tc, c.answer, c.authority, c.additional, whole.answer, whole.authority,
				 whole.additional);
		if (limit == len)
			assert_int_equal(c.additional, whole.additional);
		/* The one RRset in the authority section comes whole or not. */
		assert_true(c.authority == 0 || c.authority == whole.authority || how & DO);
	}
}

static void test_squeeze_positive(void **state)
{
	(void)state;
	squeeze("www.rich.test", TYPE_A, 0, false);
	squeeze("cn3.rich.test", TYPE_A, 0, false);
	squeeze("www.dn1.rich.test", TYPE_A, 0, false);
	squeeze("big.rich.test", TYPE_TXT, TCP, false);
}

static void test_squeeze_additional(void **state)
{
	(void)state;
	squeeze("manymx.rich.test", TYPE_MX, 0, false);
	squeeze("rich.test", TYPE_NS, 0, false);
	squeeze("x.wild.rich.test", TYPE_MX, 0, false);
	squeeze("signed.test", TYPE_MX, DO, false);
}

static void test_squeeze_negative(void **state)
{
	(void)state;
	squeeze("nothing.rich.test", TYPE_A, 0, false);
	squeeze("cnnx.rich.test", TYPE_A, 0, false);
	squeeze("cnothernodata.rich.test", TYPE_A, 0, false);
}

/* Glue of servers inside the delegated zone is required (RFC 9471 §3.1). */
static void test_squeeze_glue(void **state)
{
	(void)state;
	squeeze("x.bigdel.rich.test", TYPE_A, 0, true);
	squeeze("x.del.rich.test", TYPE_A, 0, true);
	squeeze("cndel.rich.test", TYPE_A, 0, true);
	squeeze("x.cut.parent.test", TYPE_A, 0, true);
}

/* Whatever is asked of any type at any name of these, the answer is well formed, and REFUSED says nothing else. */
static void test_every_type_everywhere(void **state)
{
	static const char *const names[] = {
		".",
		"test",
		"rich.test",
		"www.rich.test",
		"cn.rich.test",
		"loop1.rich.test",
		"ent.rich.test",
		"x.wild.rich.test",
		"a.wcn.rich.test",
		"dn.rich.test",
		"www.dn.rich.test",
		"www.dn1.rich.test",
		"del.rich.test",
		"x.del.rich.test",
		"secure.rich.test",
		"bigdel.rich.test",
		"https.rich.test",
		"child.parent.test",
		"kid.cut.parent.test",
		"apexdn.test",
		"x.apexdn.test",
		"signed.test",
		"cn.signed.test",
		"x.wild.signed.test",
		"x.dn.signed.test",
		"secure.signed.test",
		"dnloop1.rich.test",
		"x.dnloop1.rich.test",
		"x.wloop.rich.test",
		"cnotherback.rich.test",
		"nothing.rich.test",
	};

	(void)state;
	for (size_t i = 0; i < sizeof names / sizeof *names; i++)
		for (unsigned type = 1; type <= TYPE_CAA + 1; type++)
			for (unsigned how = 0; how < 4; how++) {
				unsigned rcode;
				size_t len = respond(zones, names[i], (uint16_t)type, how,
						     how & TCP ? MESSAGE_MAX : 512, &rcode);
				struct counts c = count(len);

				assert_true(rcode == RCODE_NOERROR || rcode == RCODE_NXDOMAIN ||
					    rcode == RCODE_REFUSED);
				if (rcode == RCODE_REFUSED)
					assert_true(!(writer_flags(&writer) & FLAG_AA) && !c.answer && !c.authority &&
						    !c.additional);
			}
}

/* The kind of an answer, and the name that it was made from: what rate limiting counts by. */
static void test_origin(void **state)
{
	static const struct {
		const char *qname;
		uint16_t qtype;
		enum answer_kind kind;
		const char *from;
	} cases[] = {
		{"ns.parent.test", TYPE_A, ANSWER_POSITIVE, "ns.parent.test"},
		{"NS.Parent.Test", TYPE_A, ANSWER_POSITIVE, "ns.parent.test"},
		{"ns.parent.test", TYPE_MX, ANSWER_NODATA, "ns.parent.test"},
		{"nx.parent.test", TYPE_A, ANSWER_NXDOMAIN, "parent.test"},
		{"a.b.c.parent.test", TYPE_A, ANSWER_NXDOMAIN, "parent.test"},
		{"a.b.cut.parent.test", TYPE_A, ANSWER_REFERRAL, "cut.parent.test"},
		{"cut.parent.test", TYPE_A, ANSWER_REFERRAL, "cut.parent.test"},
		{"host3.example", TYPE_MX, ANSWER_POSITIVE, "*.example"},
		{"any.thing.example", TYPE_MX, ANSWER_POSITIVE, "*.example"},
		{"host3.example", TYPE_A, ANSWER_NODATA, "*.example"},
		{"a.dn.rich.test", TYPE_A, ANSWER_NXDOMAIN, "dn.rich.test"},
		{"b.c.dn.rich.test", TYPE_A, ANSWER_NXDOMAIN, "dn.rich.test"},
		{"cnchildnx.parent.test", TYPE_A, ANSWER_NXDOMAIN, "cnchildnx.parent.test"},
	};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof *cases; i++) {
		struct name from;
		struct qname q;
		unsigned rcode;
		(void)respond(zones, cases[i].qname, cases[i].qtype, 0, MESSAGE_MAX, &rcode);
		assert_int_equal(name_from_text(&from, cases[i].from), ERR_OK);
		qname_set(&q, from.wire);
		assert_int_equal(made_from.kind, cases[i].kind);
		if (made_from.name != q.hash[0])
			fail_msg("%s is not counted as %s", cases[i].qname, cases[i].from);
	}
	unsigned rcode;
	(void)respond(zones, "elsewhere.invalid", TYPE_A, 0, MESSAGE_MAX, &rcode);
	assert_int_equal(rcode, RCODE_REFUSED);
	assert_int_equal(made_from.kind, ANSWER_OTHER);
}

#define GROUP(origin, asks)                                 \
	{                                                   \
		origin, asks, sizeof(asks) / sizeof *(asks) \
	}

static const struct group groups[] = {
	GROUP("example", wildcards),
	GROUP("rich.test", rich),
	GROUP("other.test", other),
	GROUP("parent.test", parent),
	GROUP("apexdn.test", apexdn),
	GROUP("signed.test", signed_zone),
	GROUP("", root),
	GROUP("occluded.test", occluded),
};

enum { TESTS_MAX = 512 };

int main(void)
{
	static struct CMUnitTest tests[TESTS_MAX];
	static struct running running[TESTS_MAX];
	static const struct CMUnitTest further[] = {
		cmocka_unit_test(test_squeeze_positive),      cmocka_unit_test(test_squeeze_additional),
		cmocka_unit_test(test_squeeze_negative),      cmocka_unit_test(test_squeeze_glue),
		cmocka_unit_test(test_every_type_everywhere), cmocka_unit_test(test_origin),
	};
	size_t n = 0;

	for (size_t g = 0; g < sizeof groups / sizeof *groups; g++)
		for (size_t i = 0; i < groups[g].count; i++, n++) {
			running[n] = (struct running){&groups[g].asks[i], groups[g].origin};
			tests[n] = (struct CMUnitTest){.name = groups[g].asks[i].question,
						       .test_func = test_ask,
						       .initial_state = &running[n]};
		}
	memcpy(tests + n, further, sizeof further);
	n += sizeof further / sizeof *further;
	return _cmocka_run_group_tests("answers", tests, n, load_all, free_all);
}
