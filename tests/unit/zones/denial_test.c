/* denial_test.c: which NSEC and NSEC3 RRsets go with an answer: the examples of RFC 4035 appendix B and RFC 5155
 * appendix B on the zones of their appendices A (without signatures), then what those leave out.
 *
 * Of an answer the RCODE, the owners in the answer section and the owners and types in the authority section count,
 * SOA left out:
 *   {"ml A", DO, "NXDOMAIN", "", "b NSEC|@ NSEC"}                "ml" is ml.example., "@" the apex; sorted by text */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "zones/answer/answer.h"
#include "zones/memory/edit.h"
#include "zones/memory/grace.h"
#include "zones/answer/nsec3.h"
#include "zones/file/zonefile.h"

enum { LINES_MAX = 64, TEXT_MAX = 4096, DO = 1, TCP = 2, LIMIT_SHIFT = 8 };

struct ask {
	const char *question;
	unsigned how; /* DO, TCP, octets << LIMIT_SHIFT */
	const char *rcode;
	const char *answer, *authority;
};

#define APEX "@ SOA ns1 bugs.x.w 1 3600 300 3600000 3600\n@ NS ns1\n@ NS ns2\n@ MX 1 xx\n"

/* RFC 4035 appendix A. */
static const char nsec_zone[] =
	"$ORIGIN example.\n$TTL 3600\n" APEX "@ NSEC a NS SOA MX RRSIG NSEC DNSKEY\n"
	"a NS ns1.a\na NS ns2.a\na DS 57855 5 1 B6DCD485719ADCA18E5F3D48A2331627FDD3636B\n"
	"a RRSIG DS 5 2 3600 20040509183619 20040409183619 38519 @ c2lnbmF0dXJl\na NSEC ai NS DS RRSIG NSEC\n"
	"ns1.a A 192.0.2.5\nns2.a A 192.0.2.6\n"
	"ai A 192.0.2.9\nai HINFO KLH-10 ITS\nai AAAA 2001:db8::f00:baa9\nai NSEC b A HINFO AAAA RRSIG NSEC\n"
	"b NS ns1.b\nb NS ns2.b\nb NSEC ns1 NS RRSIG NSEC\nns1.b A 192.0.2.7\nns2.b A 192.0.2.8\n"
	"ns1 A 192.0.2.1\nns1 NSEC ns2 A RRSIG NSEC\nns2 A 192.0.2.2\nns2 NSEC *.w A RRSIG NSEC\n"
	"*.w MX 1 ai\n*.w NSEC x.w MX RRSIG NSEC\nx.w MX 1 xx\nx.w NSEC x.y.w MX RRSIG NSEC\n"
	"x.y.w MX 1 xx\nx.y.w NSEC xx MX RRSIG NSEC\n"
	"xx A 192.0.2.10\nxx HINFO KLH-10 TOPS-20\nxx AAAA 2001:db8::f00:baaa\nxx NSEC example. A HINFO AAAA RRSIG "
	"NSEC\n";

static const struct ask nsec_asks[] = {
	{"x.w MX", DO, "NOERROR", "x.w", ""},                     /* RFC 4035 B.1 */
	{"ml A", DO, "NXDOMAIN", "", "@ NSEC|b NSEC"},            /* B.2 */
	{"ns1 MX", DO, "NOERROR", "", "ns1 NSEC"},                /* B.3 */
	{"mc.a MX", DO, "NOERROR", "", "a DS|a NS|a NS|a RRSIG"}, /* B.4 */
	{"mc.b MX", DO, "NOERROR", "", "b NS|b NS|b NSEC"},       /* B.5 */
	{"a.z.w MX", DO, "NOERROR", "a.z.w", "x.y.w NSEC"},       /* B.6 */
	{"a.z.w AAAA", DO, "NOERROR", "", "*.w NSEC|x.y.w NSEC"}, /* B.7 */
	{"@ DS", DO, "NOERROR", "", "@ NSEC"},                    /* B.8 */
	{"ml A", 0, "NXDOMAIN", "", ""},
	{"mc.b MX", 0, "NOERROR", "", "b NS|b NS"},
	{"a.z.w MX", 0, "NOERROR", "a.z.w", ""},
	{"b DS", DO, "NOERROR", "", "b NSEC"}, /* §3.1.4.1: the parent's side */
	{"a DS", DO, "NOERROR", "a", ""},
	{"y.w A", DO, "NOERROR", "", "x.w NSEC"}, /* empty non-terminals are covered */
	{"w A", DO, "NOERROR", "", "ns2 NSEC"},
	{"zz A", DO, "NXDOMAIN", "", "@ NSEC|xx NSEC"}, /* behind the last, which names the apex */
	{"a.ns1 A", DO, "NXDOMAIN", "", "ns1 NSEC"},    /* one NSEC for both proofs */
	{"*.w A", DO, "NOERROR", "", "*.w NSEC"},       /* the asterisk itself needs no expansion */
	{"*.w MX", DO, "NOERROR", "*.w", ""},
	{"ns1 NSEC", DO, "NOERROR", "ns1", ""},
};

/* RFC 5155 appendix A: opt-out, c is an insecure delegation without NSEC3. */
#define H " NSEC3 1 1 12 aabbccdd "
#define H0P "0p9mhaveqvm6t7vbl5lop2u3t2rp3tom"
#define H2T "2t7b4g4vsa5smi47k61mv5bv1a22bojr"
#define H2V "2vptu5timamqttgl4luu9kg21e0aor3s"
#define H35 "35mthgpgcu1qg68fab165klnsnk3dpvl"
#define HB4 "b4um86eghhds6nea196smvmlo4ors995"
#define HGJ "gjeqe526plbf1g8mklp59enfd789njgi"
#define HJI "ji6neoaepv8b5o6k4ev33abha8ht9fgc"
#define HK8 "k8udemvp1j2f7eg6jebps17vp3n8i58h"
#define HKO "kohar7mbb8dc2ce8a9qvl8hon4k53uhi"
#define HQ0 "q04jkcevqvmu85r014c7dkba38o0ji5r"
#define HR5 "r53bq7cc2uvmubfu5ocmm6pers9tk9en"
#define HT6 "t644ebqk9bibcna874givr6joj62mlhv"
#define NSEC3_NAMES                                                                                              \
	H0P H H2T " MX DNSKEY NS SOA NSEC3PARAM RRSIG\n" H2T " A 192.0.2.127\n" H2T H H2V " A RRSIG\n" H2V H H35 \
		  " MX RRSIG\n" H35 H HB4 " NS DS RRSIG\n"                                                       \
		  "a NS ns1.a\na NS ns2.a\na DS 58470 5 1 3079F1593EBAD6DC121E202A8B766A6A4837206C\n"            \
		  "a RRSIG DS 5 2 3600 20040509183619 20040409183619 38519 @ c2lnbmF0dXJl\n"                     \
		  "ns1.a A 192.0.2.5\nns2.a A 192.0.2.6\nai A 192.0.2.9\n" HB4 H HGJ " MX RRSIG\n"               \
		  "c NS ns1.c\nc NS ns2.c\nns1.c A 192.0.2.7\nns2.c A 192.0.2.8\n" HGJ H HJI                     \
		  " HINFO A AAAA RRSIG\n" HJI H HK8 "\n" HK8 H HKO "\n" HKO H HQ0                                \
		  " A RRSIG\nns1 A 192.0.2.1\nns2 A 192.0.2.2\n" HQ0 H HR5 " A RRSIG\n" HR5 H HT6                \
		  " MX RRSIG\n" HT6 H H0P " HINFO A AAAA RRSIG\n"                                                \
		  "*.w MX 1 ai\nx.w MX 1 xx\nx.y.w MX 1 xx\nxx A 192.0.2.10\n"

static const char nsec3_zone[] = "$ORIGIN example.\n$TTL 3600\n" APEX "@ NSEC3PARAM 1 0 12 aabbccdd\n" NSEC3_NAMES;

static const struct ask nsec3_asks[] = {
	{"a.c.x.w A", DO, "NXDOMAIN", "", H0P " NSEC3|" H35 " NSEC3|" HB4 " NSEC3"}, /* RFC 5155 B.1 */
	{"ns1 MX", DO, "NOERROR", "", H2T " NSEC3"},                                 /* B.2 */
	{"y.w A", DO, "NOERROR", "", HJI " NSEC3"},                                  /* B.2.1 */
	{"mc.c MX", DO, "NOERROR", "", H0P " NSEC3|" H35 " NSEC3|c NS|c NS"},        /* B.3 */
	{"a.z.w MX", DO, "NOERROR", "a.z.w", HQ0 " NSEC3"},                          /* B.4 */
	{"a.z.w AAAA", DO, "NOERROR", "", HK8 " NSEC3|" HQ0 " NSEC3|" HR5 " NSEC3"}, /* B.5 */
	{"@ DS", DO, "NOERROR", "", H0P " NSEC3"},                                   /* B.6 */
	{"c DS", DO, "NOERROR", "", H0P " NSEC3|" H35 " NSEC3"},                     /* §7.2.4 */
	{"mc.a MX", DO, "NOERROR", "", "a DS|a NS|a NS|a RRSIG"},
	{"a.c.x.w A", 0, "NXDOMAIN", "", ""},
	{H2T " A", DO, "NOERROR", H2T, ""}, /* a name that has more than its NSEC3 */
	{H2T " MX", DO, "NOERROR", "", HKO " NSEC3"},
	{H0P " A", 0, "NXDOMAIN", "", ""}, /* §7.2.8 */
	{H0P " NSEC3", 0, "NXDOMAIN", "", ""},
	{"x." H0P " A", 0, "NXDOMAIN", "", ""},
	{"*.w A", DO, "NOERROR", "", HR5 " NSEC3"},
	/* What does not fit sets TC: nothing, or whole RRsets, are there. */
	{"a.c.x.w A", DO | 200 << LIMIT_SHIFT, "NXDOMAIN tc", "", HB4 " NSEC3"},
};

/* NSEC and NSEC3 in one zone, as while one replaces the other (RFC 5155 §10.4, §10.5): NSEC3 as soon as there is
 * NSEC3PARAM. A second chain with other parameters is not touched. */
static const char both_zone[] =
	"$ORIGIN example.\n$TTL 3600\n" APEX
	"@ NSEC3PARAM 1 0 12 aabbccdd\n@ NSEC ns1 NS SOA MX RRSIG NSEC\nns1 NSEC @ A RRSIG NSEC\n"
	"2t7b4g4vsa5smi47k61mv5bv1a22bojs NSEC3 1 0 0 - " H2V " A RRSIG\n"
	"35mthgpgcu1qg68fab165klnsnk3dpvm NSEC3 1 0 12 aabbccde " H2V " A RRSIG\n" NSEC3_NAMES;

static const struct ask both_asks[] = {
	{"ns1 MX", DO, "NOERROR", "", H2T " NSEC3"},
	{"a.c.x.w A", DO, "NXDOMAIN", "", H0P " NSEC3|" H35 " NSEC3|" HB4 " NSEC3"},
};

/* Chains that cannot be used. */
static const char excess_zone[] = "$ORIGIN example.\n$TTL 3600\n" APEX "@ NSEC3PARAM 1 0 501 aabbccdd\n" H0P
				  " NSEC3 1 0 501 aabbccdd " H0P " A RRSIG\nns1 A 192.0.2.1\n";
static const char unknown_zone[] =
	"$ORIGIN example.\n$TTL 3600\n" APEX "@ NSEC3PARAM 2 0 1 aabbccdd\n" H0P " NSEC3 2 0 1 aabbccdd " H0P
	" A RRSIG\nns1 A 192.0.2.1\nb NS ns1\n*.w A 192.0.2.2\n";

static const struct ask excess_asks[] = {
	{"ns1 A", DO, "NOERROR", "ns1", ""},
	{"ns1 MX", DO, "NOERROR", "", H0P " NSEC3"},
	{"x A", DO, "NXDOMAIN", "", H0P " NSEC3"},
	{"x A", 0, "NXDOMAIN", "", ""},
};

static const struct ask unknown_asks[] = {
	{"ns1 A", DO, "NOERROR", "ns1", ""}, {"x A", DO, "SERVFAIL", "", ""}, {"x.b A", DO, "SERVFAIL", "", ""},
	{"x.w A", DO, "SERVFAIL", "", ""},   {"x A", 0, "NXDOMAIN", "", ""},
};

/* A chain that is not whole: as much of the proof as there is, and no crash. ns1 hashes to a name between those that
 * are there. */
static const char broken_zone[] = "$ORIGIN example.\n$TTL 3600\n" APEX "@ NSEC3PARAM 1 0 12 aabbccdd\n" HT6 H HT6
				  " A RRSIG\nns1 A 192.0.2.1\nb NS ns1\n*.w A 192.0.2.2\n";

static const struct ask broken_asks[] = {
	{"ns1 MX", DO, "NOERROR", "", ""},  {"x A", DO, "NXDOMAIN", "", ""},
	{"b A", DO, "NOERROR", "", "b NS"}, {"x.w A", DO, "NOERROR", "x.w", HT6 " NSEC3"},
	{"x.w MX", DO, "NOERROR", "", ""},
};

/* Chains of CNAMEs, each from a wildcard: one proof for each step, none twice. */
static const char chain_zone[] =
	"$ORIGIN example.\n$TTL 3600\n" APEX "@ NSEC *.c1 NS SOA MX RRSIG NSEC\n"
	"*.c1 CNAME x.c2\n*.c1 NSEC *.c2 CNAME RRSIG NSEC\n*.c2 CNAME y.c1a\n*.c2 NSEC *.c3 CNAME RRSIG NSEC\n"
	"*.c3 CNAME nothing\n*.c3 NSEC dn CNAME RRSIG NSEC\n"
	"dn DNAME c3\ndn NSEC @ DNAME RRSIG NSEC\n";

static const struct ask chain_asks[] = {
	{"a.c1 A", DO, "NXDOMAIN", "a.c1|x.c2", "*.c1 NSEC|*.c2 NSEC|@ NSEC"},
	{"a.c3 A", DO, "NXDOMAIN", "a.c3", "*.c3 NSEC|@ NSEC|dn NSEC"},
	{"b.dn A", DO, "NXDOMAIN", "b.c3|b.dn|dn", "*.c3 NSEC|@ NSEC|dn NSEC"},
	{"a.c3 CNAME", DO, "NOERROR", "a.c3", "*.c3 NSEC"},
};

/* No NSEC at the apex: not a signed zone, whatever is elsewhere. */
static const char unsigned_zone[] = "$ORIGIN example.\n$TTL 3600\n" APEX "ns1 NSEC @ A RRSIG NSEC\n";

static const struct ask unsigned_asks[] = {
	{"ns1 MX", DO, "NOERROR", "", ""},
	{"x A", DO, "NXDOMAIN", "", ""},
};

static const struct group {
	const char *zone;
	const struct ask *asks;
	size_t count;
} groups[] = {
#define GROUP(name)                                                                  \
	{                                                                            \
		name##_zone, name##_asks, sizeof name##_asks / sizeof name##_asks[0] \
	}
	GROUP(nsec),    GROUP(nsec3),  GROUP(both),  GROUP(excess),
	GROUP(unknown), GROUP(broken), GROUP(chain), GROUP(unsigned),
};

/* ---- asking ---- */

static struct writer writer;
static uint8_t wire[MESSAGE_MAX];

static struct directory *serve(const char *text)
{
	static const uint8_t apex[] = "\7example";
	struct errmsg msg = {.text = ""};
	struct directory *d;
	struct zone_image *img;
	struct zone *z;
	FILE *f = fmemopen((void *)(uintptr_t)text, strlen(text), "r");

	assert_non_null(f);
	assert_int_equal(directory_new(&d), ERR_OK);
	if (zonefile_read(&img, apex, f, "test", &msg) != ERR_OK)
		fail_msg("%s", msg.text);
	fclose(f);
	assert_int_equal(zone_new(&z, apex, 0, zonefile_image_count(img)), ERR_OK);
	for (size_t i = zonefile_image_count(img); i-- > 0;) /* the order of loading does not matter */
		assert_int_equal(zone_load_content(z, zonefile_image_owner(img, i), zonefile_image_take(img, i)),
				 ERR_OK);
	zonefile_image_free(img);
	assert_int_equal(directory_put(d, z), ERR_OK);
	return d;
}

static int compare_text(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

/* Reads a section's records as "owner" or "owner TYPE", sorted, joined with "|". */
static void read_section(struct rbuf *in, unsigned count, bool types, char *out)
{
	static char line[LINES_MAX][NAME_TEXT_MAX];
	char *sorted[LINES_MAX];
	unsigned lines = 0;

	assert_true(count < LINES_MAX);
	for (unsigned i = 0; i < count; i++) {
		struct name owner;
		char text[NAME_TEXT_MAX], type_text[RR_TYPE_TEXT_MAX];
		assert_int_equal(name_parse(in, &owner), ERR_OK);
		uint16_t type = buf_get_u16(in);
		buf_get(in, 6);
		buf_get(in, buf_get_u16(in));
		if (type == TYPE_SOA && types)
			continue;
		name_to_text(owner.wire, text);
		char *rest = strstr(text, "example.");
		assert_non_null(rest);
		if (rest > text)
			rest[-1] = '\0';
		else
			strcpy(text, "@");
		sorted[lines] = line[lines];
		if (types)
			snprintf(line[lines], sizeof line[0], "%.200s %s", text, rr_type_to_text(type, type_text));
		else
			snprintf(line[lines], sizeof line[0], "%.200s", text);
		lines++;
	}
	qsort(sorted, lines, sizeof sorted[0], compare_text);
	out[0] = '\0';
	for (unsigned i = 0, at = 0; i < lines; i++)
		if (types || !i || strcmp(sorted[i], sorted[i - 1]) != 0) /* of a DNAME, its owner counts once */
			at += (unsigned)snprintf(out + at, TEXT_MAX - at, "%s%s", at ? "|" : "", sorted[i]);
}

static size_t respond(const struct directory *d, const struct ask *a, char rcode_text[32])
{
	static const char *const names[] = {"NOERROR", "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED"};
	char text[NAME_TEXT_MAX];
	struct name name;
	struct qname q;
	const char *space = strchr(a->question, ' ');
	size_t limit = a->how >> LIMIT_SHIFT ? a->how >> LIMIT_SHIFT : MESSAGE_MAX;
	uint16_t type;

	assert_int_equal(rr_type_from_text(&type, space + 1), ERR_OK);
	snprintf(text, sizeof text, "%.*s.example.", (int)(space - a->question), a->question);
	assert_int_equal(name_from_text(&name, text[0] == '@' ? "example." : text), ERR_OK);
	qname_set(&q, name.wire);
	writer_start(&writer, wire, limit, 1, FLAG_QR);
	assert_true(writer_question(&writer, name.wire, type, CLASS_IN));
	struct answer_query query = {
		.qname = &q, .qname_wire = name.wire, .qtype = type, .qclass = CLASS_IN, .dnssec_ok = a->how & DO};
	unsigned rcode = answer_query(d, &query, &writer);
	assert_true(rcode < sizeof names / sizeof *names);
	snprintf(rcode_text, 32, "%s%s", names[rcode], writer_flags(&writer) & FLAG_TC ? " tc" : "");
	return writer_finish(&writer);
}

static void check(const struct directory *d, const struct ask *a)
{
	char rcode[32], answer[TEXT_MAX], authority[TEXT_MAX];
	size_t len = respond(d, a, rcode);
	struct rbuf in = {.data = wire, .len = len, .pos = MESSAGE_HEADER_LEN};
	struct name skipped;

	assert_int_equal(name_parse(&in, &skipped), ERR_OK);
	buf_get(&in, 4);
	read_section(&in, buf_load_u16(wire + 6), false, answer);
	read_section(&in, buf_load_u16(wire + 8), true, authority);
	if (strcmp(rcode, a->rcode) || strcmp(answer, a->answer) || strcmp(authority, a->authority))
		fail_msg("%s: %s [%s] [%s], not %s [%s] [%s]", a->question, rcode, answer, authority, a->rcode,
			 a->answer, a->authority);
}

static void answers_carry_their_proofs(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof groups / sizeof groups[0]; i++) {
		struct directory *d = serve(groups[i].zone);
		for (size_t j = 0; j < groups[i].count; j++)
			check(d, &groups[i].asks[j]);
		directory_free(d);
	}
}

/* ---- a change of the zone changes the proofs ---- */

static void proofs_follow_updates(void **state)
{
	static const uint8_t apex[] = "\7example", name[] = "\3new\7example", address[4] = {192, 0, 2, 9};
	static const uint8_t next_ns1[] = "\3ns1\7example\0\0\1\100", next_new[] = "\3new\7example\0\0\1\100";
	static const struct ask before = {"nf A", DO, "NXDOMAIN", "", "@ NSEC|b NSEC"};
	static const struct ask after = {"nf A", DO, "NXDOMAIN", "", "@ NSEC|new NSEC"};
	static const struct ask between = {"c A", DO, "NXDOMAIN", "", "@ NSEC|b NSEC"};
	struct directory *d = serve(nsec_zone);
	struct edit *e;
	struct name b;
	bool changed;

	(void)state;
	check(d, &before);
	assert_int_equal(name_from_text(&b, "b.example"), ERR_OK);
	for (unsigned round = 0; round < 3; round++) {
		assert_int_equal(edit_begin(&e, directory_get(d, apex)), ERR_OK);
		assert_int_equal(edit_add(e, name, TYPE_A, 60, address, 4, &changed), ERR_OK);
		assert_int_equal(edit_add(e, name, TYPE_NSEC, 60, next_ns1, sizeof next_ns1 - 1, &changed), ERR_OK);
		assert_int_equal(edit_add(e, b.wire, TYPE_NSEC, 60, next_new, sizeof next_new - 1, &changed), ERR_OK);
		assert_int_equal(edit_prepare(e), ERR_OK);
		check(d, &before); /* nothing to be seen yet */
		if (round == 0) {
			edit_abandon(e);
			check(d, &before);
			continue;
		}
		edit_publish(e);
		check(d, &after);
		check(d, &between);
		assert_int_equal(edit_begin(&e, directory_get(d, apex)), ERR_OK);
		assert_int_equal(edit_remove_set(e, name, TYPE_ANY, NULL, &changed), ERR_OK);
		assert_int_equal(edit_prepare(e), ERR_OK);
		check(d, &after);
		edit_publish(e);
		check(d, &before);
		grace_quiescent();
	}
	directory_free(d);
}

/* ---- every message size ---- */

static void truncation_is_by_whole_rrsets(void **state)
{
	struct directory *d = serve(nsec3_zone);

	(void)state;
	for (unsigned limit = 60; limit < 700; limit++) {
		struct ask a = {.question = "a.c.x.w A", .how = DO | limit << LIMIT_SHIFT};
		char rcode[32];
		size_t len = respond(d, &a, rcode);
		assert_true(len <= limit);
		assert_int_equal(strstr(rcode, "tc") == NULL, buf_load_u16(wire + 8) == 4);
	}
	directory_free(d);
}

/* ---- hashes ---- */

/* RFC 5155 appendix A: parameters 1, 12, aabbccdd. */
static void hashes_are_those_of_the_rfc(void **state)
{
	static const struct {
		const char *name, *label;
	} vectors[] = {
		{"example", H0P},     {"a.example", H35},     {"ai.example", HGJ},  {"ns1.example", H2T},
		{"ns2.example", HQ0}, {"w.example", HK8},     {"*.w.example", HR5}, {"x.w.example", HB4},
		{"y.w.example", HJI}, {"x.y.w.example", H2V}, {"xx.example", HT6},  {H2T ".example", HKO},
	};
	static const uint8_t rdata[] = {1, 0, 0, 12, 4, 0xaa, 0xbb, 0xcc, 0xdd};
	struct nsec3_param p;

	(void)state;
	assert_true(nsec3_param_read(&p, rdata, sizeof rdata));
	for (size_t i = 0; i < sizeof vectors / sizeof vectors[0]; i++) {
		struct name name;
		uint8_t hash[NSEC3_HASH_LEN], label[NSEC3_LABEL_LEN];
		assert_int_equal(name_from_text(&name, vectors[i].name), ERR_OK);
		assert_int_equal(nsec3_hash(hash, &p, name.wire, name.len), ERR_OK);
		nsec3_label(label, hash);
		assert_int_equal(label[0], strlen(vectors[i].label));
		assert_memory_equal(label + 1, vectors[i].label, label[0]);
	}
}

static void parameters_that_do_not_parse(void **state)
{
	static const uint8_t rdata[] = {1, 0, 0, 12, 4, 0xaa, 0xbb, 0xcc, 0xdd};
	static const uint8_t other[] = {2, 0, 0, 12, 0}, excess[] = {1, 0, 1, 245, 0};
	uint8_t hash[NSEC3_HASH_LEN];
	struct nsec3_param p;

	(void)state;
	for (size_t len = 0; len < sizeof rdata; len++)
		assert_false(nsec3_param_read(&p, rdata, len));
	assert_false(nsec3_param_read(&p, other, sizeof other));
	assert_true(nsec3_param_read(&p, excess, sizeof excess));
	assert_int_equal(nsec3_hash(hash, &p, rdata, sizeof rdata), ERR_RANGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(answers_carry_their_proofs),    cmocka_unit_test(proofs_follow_updates),
		cmocka_unit_test(truncation_is_by_whole_rrsets), cmocka_unit_test(hashes_are_those_of_the_rfc),
		cmocka_unit_test(parameters_that_do_not_parse),
	};

	grace_register();
	writer_init(&writer);
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	grace_offline();
	grace_barrier();
	grace_unregister();
	return failed;
}
