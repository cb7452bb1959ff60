/* zonefile_test.c: master files as RFC 1035 §5, RFC 2308 §4 and RFC 3597 §5 have them, broken ones, the image, the
 * check. */
#include "zones/file/zonefile.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#define SOA "@ 3600 IN SOA ns1 host 7 3600 600 1209600 300\n"
#define HEAD SOA "@ 3600 IN NS ns1\n@ 3600 IN NS ns2\nns1 3600 IN A 192.0.2.1\nns2 3600 IN A 192.0.2.2\n"

enum { OUT_MAX = 1 << 16 };

static struct name name_of(const char *text)
{
	struct name n;
	assert_int_equal(name_from_text(&n, text), ERR_OK);
	return n;
}

static enum err read_octets(struct zone_image **img, const char *text, size_t len, struct errmsg *msg)
{
	struct name zone = name_of("home.example.");
	FILE *f = fmemopen((void *)(uintptr_t)text, len, "r");
	assert_non_null(f);
	enum err e = zonefile_read(img, zone.wire, f, "f", msg);
	fclose(f);
	return e;
}

static struct zone_image *read_good(const char *text)
{
	struct zone_image *img;
	struct errmsg msg = {.text = ""};
	enum err e = read_octets(&img, text, strlen(text), &msg);
	if (e)
		fail_msg("%s", msg.text);
	return img;
}

static void write_image(const struct zone_image *img, FILE *f)
{
	for (size_t i = 0; i < zonefile_image_count(img); i++) {
		const struct content *c = zonefile_image_content(img, i);
		const uint8_t *owner = zonefile_image_owner(img, i);
		for (unsigned n = 0; n < c->sets; n++) {
			const struct rrset *s = &c->set[n];
			struct content_rr rr;
			size_t at = 0;
			while (content_next(content_block(c, s), (size_t)s->len + s->sig_len, &at, &rr))
				assert_int_equal(zonefile_write_rr(f, owner, &rr), ERR_OK);
		}
	}
}

static const char *text_of(const struct zone_image *img)
{
	static char text[OUT_MAX];
	FILE *f = fmemopen(text, sizeof text, "w");
	assert_non_null(f);
	write_image(img, f);
	fclose(f);
	return text;
}

/* What the file gives, written out. */
static void gives(const char *file, const char *want)
{
	struct zone_image *img = read_good(file);
	const char *text = text_of(img);
	if (!strstr(text, want))
		fail_msg("no \"%s\" in:\n%s", want, text);
	zonefile_image_free(img);
}

static void fails(const char *file, size_t len, const char *want)
{
	struct zone_image *img;
	struct errmsg msg = {.text = ""};
	enum err e = read_octets(&img, file, len, &msg);
	assert_int_not_equal(e, ERR_OK);
	assert_null(img);
	if (strncmp(msg.text, want, strlen(want)) != 0)
		fail_msg("\"%s\" instead of \"%s…\"", msg.text, want);
}

static void refuses(const char *file, const char *want)
{
	fails(file, strlen(file), want);
}

static void test_rfc1035_example(void **state)
{
	/* RFC 1035 §5.3, but for $INCLUDE and classes left to the first record. */
	static const char file[] = "@   IN  SOA     VENERA      Action\\.domains (\n"
				   "                                 20     ; SERIAL\n"
				   "                                 7200   ; REFRESH\n"
				   "                                 600    ; RETRY\n"
				   "                                 3600000; EXPIRE\n"
				   "                                 60)    ; MINIMUM\n"
				   "\n"
				   "        NS      A.ISI.EDU.\n"
				   "        NS      VENERA\n"
				   "        NS      VAXA\n"
				   "        MX      10      VENERA\n"
				   "        MX      20      VAXA\n"
				   "\n"
				   "A       A       26.3.0.103\n"
				   "\n"
				   "VENERA  A       10.1.0.52\n"
				   "        A       128.9.0.32\n"
				   "\n"
				   "VAXA    A       10.2.0.27\n"
				   "        A       128.9.0.33\n";
	(void)state;
	struct zone_image *img = read_good(file);
	assert_int_equal(zonefile_image_count(img), 4);
	assert_string_equal(
		text_of(img),
		"home.example.\t60\tIN\tNS\tA.ISI.EDU.\n"
		"home.example.\t60\tIN\tNS\tVAXA.home.example.\n"
		"home.example.\t60\tIN\tNS\tVENERA.home.example.\n"
		"home.example.\t60\tIN\tSOA\tVENERA.home.example. Action\\.domains.home.example. 20 7200 600 "
		"3600000 60\n"
		"home.example.\t60\tIN\tMX\t10 VENERA.home.example.\n"
		"home.example.\t60\tIN\tMX\t20 VAXA.home.example.\n"
		"A.home.example.\t60\tIN\tA\t26.3.0.103\n"
		"VAXA.home.example.\t60\tIN\tA\t10.2.0.27\n"
		"VAXA.home.example.\t60\tIN\tA\t128.9.0.33\n"
		"VENERA.home.example.\t60\tIN\tA\t10.1.0.52\n"
		"VENERA.home.example.\t60\tIN\tA\t128.9.0.32\n");
	zonefile_image_free(img);
}

static void test_ttl_rules(void **state)
{
	(void)state;
	gives("$TTL 1h30m\n" HEAD "a A 192.0.2.1\n", "a.home.example.\t5400\tIN\tA");
	gives(HEAD "a 77 A 192.0.2.1\nb A 192.0.2.1\n", "b.home.example.\t77\tIN\tA");
	gives(HEAD "a 77 A 192.0.2.1\n$TTL 9\nb A 192.0.2.1\n", "b.home.example.\t9\tIN\tA");
	gives("@ SOA ns1 host 7 3600 600 1209600 300\n@ NS ns1\n", "home.example.\t300\tIN\tNS");
	gives(HEAD "a 77 IN A 192.0.2.1\nb IN 78 A 192.0.2.1\n", "b.home.example.\t78\tIN\tA");
	gives(HEAD "a 0 A 192.0.2.1\nb 2147483647 A 192.0.2.1\n", "b.home.example.\t2147483647\tIN\tA");
	/* One RRset, one TTL: the lowest (RFC 2181 §5.2). */
	gives(HEAD "a 77 A 192.0.2.1\nA 76 A 192.0.2.2\n", "a.home.example.\t76\tIN\tA\t192.0.2.1\n");
	refuses("a A 192.0.2.1\n", "f:1: no TTL");
	refuses(HEAD "a 2147483648 A 192.0.2.1\n", "f:6: \"2147483648\" is not a TTL");
	refuses("$TTL -1\n", "f:1: \"-1\" is not a TTL");
	refuses("$TTL\n", "f:1: $TTL takes one value");
}

static void test_names(void **state)
{
	(void)state;
	gives(HEAD "$ORIGIN sub\na 1 A 192.0.2.1\n$ORIGIN b\n@ 1 CNAME @\n",
	      "b.sub.home.example.\t1\tIN\tCNAME\tb.sub.home.example.");
	gives(HEAD "$origin home.EXAMPLE.\na 1 MX 5 x.\n", "a.home.EXAMPLE.\t1\tIN\tMX\t5 x.");
	gives(HEAD "a\\.b 1 CNAME c\\.\n", "a\\.b.home.example.\t1\tIN\tCNAME\tc\\..home.example.");
	gives(HEAD "\\$TTL 1 A 192.0.2.1\n", "\\$TTL.home.example.\t1\tIN\tA");
	gives(HEAD "\\097 1 A 192.0.2.1\n", "\na.home.example.\t1\tIN\tA");
	gives(HEAD "IN 1 A 192.0.2.1\n", "IN.home.example.\t1\tIN\tA");
	gives(HEAD "*.w 1 A 192.0.2.1\n", "*.w.home.example.\t1\tIN\tA");
	gives(HEAD "a 1 A 192.0.2.1\n\t ; nothing\n\n 1 AAAA ::1\n", "a.home.example.\t1\tIN\tAAAA\t::1");
	refuses(" 1 A 192.0.2.1\n", "f:1: a record without owner");
	refuses(HEAD "a.. 1 A 192.0.2.1\n", "f:6: \"a..\" is not a domain name");
	refuses(HEAD "a.example. 1 A 192.0.2.1\n", "f:6: a.example. is not in the zone home.example.");
	refuses(HEAD "a\\256 1 A 192.0.2.1\n", "f:6: \"a\\256\" is not a domain name");
	refuses(HEAD "a234567890123456789012345678901234567890123456789012345678901234 1 A 192.0.2.1\n",
		"f:6: the name");
}

static void test_rdata(void **state)
{
	(void)state;
	gives(HEAD "a 1 TXT \"x;y (z) \\\" w\" ( ; why\n plain ) ; end\n",
	      "a.home.example.\t1\tIN\tTXT\t\"x;y (z) \\\" w\" \"plain\"\n");
	gives(HEAD "a 1 TYPE65280 \\# 4 0102 ( 03\n04 )\n", "a.home.example.\t1\tIN\tTYPE65280\t\\# 4 01020304\n");
	gives(HEAD "a 1 A \\# 4 c0000201\n", "a.home.example.\t1\tIN\tA\t192.0.2.1\n");
	gives(HEAD "a 1 CLASS1 TYPE1 192.0.2.1\n", "a.home.example.\t1\tIN\tA\t192.0.2.1\n");
	gives(HEAD "a 1 SRV 1 2 443 b\n", "a.home.example.\t1\tIN\tSRV\t1 2 443 b.home.example.\n");
	gives(HEAD "a 1 HTTPS 1 . alpn=\"h2,h3\" port=443\n",
	      "a.home.example.\t1\tIN\tHTTPS\t1 . alpn=h2,h3 port=443\n");
	gives(HEAD "a 1 CAA 0 issue \"ca.example; x=1\"\n",
	      "a.home.example.\t1\tIN\tCAA\t0 issue \"ca.example; x=1\"\n");
	gives(HEAD "a 1 APL\n", "a.home.example.\t1\tIN\tAPL\t");
	gives(HEAD "a 1 A 192.0.2.1\r\nb 1 A 192.0.2.2\r\n", "b.home.example.\t1\tIN\tA\t192.0.2.2\n");
	gives(HEAD "a 1 A 192.0.2.1", "a.home.example.\t1\tIN\tA\t192.0.2.1\n"); /* no line feed at the end */
	refuses(HEAD "a 1 A 192.0.2\n", "f:6: A: ");
	refuses(HEAD "a 1 A 192.0.2.1 192.0.2.2\n", "f:6: A: ");
	refuses(HEAD "a 1 AAAA 192.0.2.1\n", "f:6: AAAA: ");
	refuses(HEAD "a 1 MX 65536 b\n", "f:6: MX: ");
	refuses(HEAD "a 1 A\n", "f:6: A without data");
	refuses(HEAD "a 1 TYPE65280\n", "f:6: TYPE65280 without data");
	refuses(HEAD "a 1 TYPE65280 \\# 3 0102\n", "f:6: TYPE65280: ");
	refuses(HEAD "a 1 A \\# 3 c00002\n", "f:6: ");
}

static void test_heads(void **state)
{
	(void)state;
	refuses(HEAD "a 1 CH TXT x\n", "f:6: class CH: only IN is served");
	refuses(HEAD "a 1 CLASS3 TXT x\n", "f:6: class CLASS3");
	refuses(HEAD "a 1 IN NOSUCH x\n", "f:6: unknown type \"NOSUCH\"");
	refuses(HEAD "a 1 IN ANY x\n", "f:6: type ANY is for questions");
	refuses(HEAD "a 1 IN TYPE41 \\# 0\n", "f:6: type TYPE41 is for questions");
	refuses(HEAD "a 1 IN\n", "f:6: a record without type");
	refuses(HEAD "a\n", "f:6: a record without type");
	refuses(HEAD "$INCLUDE /etc/passwd\n", "f:6: $INCLUDE is refused");
	refuses(HEAD "\n$GENERATE 1-10 h$ A 192.0.2.$\n", "f:7: $GENERATE is not standard");
	refuses(HEAD "$DATE 1\n", "f:6: unknown directive \"$DATE\"");
	refuses(HEAD "$ORIGIN\n", "f:6: $ORIGIN takes one value");
}

static void test_broken_files(void **state)
{
	static const char zero[] = HEAD "a 1 TXT \"x\0y\"\n";
	(void)state;
	refuses("@ 1 IN SOA ns1 host (\n 7 3600\n 600 1209600 300\n\n", "f:1: a parenthesis that nothing closes");
	refuses(HEAD "a 1 A ( 192.0.2.1\nb 1 A 192.0.2.2\n", "f:6: a parenthesis that nothing closes");
	refuses(HEAD "a 1 A 192.0.2.1 )\n", "f:6: a closing parenthesis");
	refuses(HEAD "\n; x\na 1 TXT \"open\n\"\n", "f:8: a quotation mark that nothing closes");
	refuses(HEAD "a 1 TXT \"open", "f:6: a quotation mark that nothing closes");
	refuses(HEAD "a 1 TXT open\\", "f:6: a backslash at the end");
	refuses(HEAD "a 1 TXT ( x\n\n\ny\\\n)\n", "f:9: a backslash at the end");
	fails(zero, sizeof zero - 1, "f:6: an octet 0");
	fails("\n", 1, "f: home.example.: the zone has no SOA");
}

static void test_endless_entry(void **state)
{
	enum { LEN = 1 << 20 };
	char *file = malloc(LEN);
	(void)state;
	assert_non_null(file);
	memset(file, 'x', LEN);
	fails(file, LEN, "f:1: a record of more than");
	memcpy(file, "a 1 TXT (", 9);
	for (size_t i = 9; i < LEN; i++)
		file[i] = i % 2 ? '\n' : 'x';
	fails(file, LEN, "f:1: a record of more than");
	free(file);
}

static void test_unfit_zones(void **state)
{
	(void)state;
	refuses("a 1 A 192.0.2.1\n", "f: home.example.: the zone has no SOA");
	refuses(SOA, "f: home.example.: the zone has no NS");
	refuses(HEAD SOA "@ 3600 SOA ns1 host 8 3600 600 1209600 300\n", "f:7: home.example.: more than one SOA");
	refuses(HEAD "a 1 SOA ns1 host 8 3600 600 1209600 300\n", "f:6: a.home.example.: an SOA may only");
	refuses(HEAD "a 1 CNAME b\nb 1 A 192.0.2.1\nA 1 A 192.0.2.1\n", "f:8: a.home.example.: a CNAME must be alone");
	refuses(HEAD "a 1 CNAME b\na 1 CNAME c\n", "f:7: a.home.example.: more than one CNAME");
	refuses(HEAD "@ 1 CNAME b\n", "f:6: home.example.: a CNAME must be alone");
	/* What signers put beside a CNAME is fine (RFC 4034 §3, §4). */
	gives(HEAD "a 1 CNAME b\na 1 NSEC b CNAME RRSIG NSEC\n"
		   "a 1 RRSIG CNAME 13 3 1 20300101000000 20200101000000 1 home.example. AAAA\n",
	      "a.home.example.\t1\tIN\tCNAME\tb.home.example.\na.home.example.\t1\tIN\tRRSIG\tCNAME");
}

static void test_canonical_order(void **state)
{
	/* RFC 4034 §6.1, shuffled; names of one owner stand apart and in different case. */
	static const char file[] =
		HEAD "zABC.a 1 A 192.0.2.1\nyljkjljk.a 1 A 192.0.2.1\nz.a 1 A 192.0.2.1\na 1 A 192.0.2.1\n"
		     "*.z 1 A 192.0.2.1\n\\200.z 1 A 192.0.2.1\nZ.a 1 AAAA ::1\n\\001.z 1 A 192.0.2.1\n"
		     "z 1 A 192.0.2.1\nZ.A 1 A 192.0.2.2\n";
	static const char *const want[] = {"home.example.", "a", "yljkjljk.a", "z.a", "zABC.a", "ns1",
					   "ns2",           "z", "\\001.z",    "*.z", "\\200.z"};
	(void)state;
	struct zone_image *img = read_good(file);
	assert_int_equal(zonefile_image_count(img), sizeof want / sizeof want[0]);
	for (size_t i = 0; i < sizeof want / sizeof want[0]; i++) {
		char text[NAME_TEXT_MAX], full[NAME_TEXT_MAX];
		snprintf(full, sizeof full, "%s%s", want[i], i ? ".home.example." : "");
		assert_string_equal(name_to_text(zonefile_image_owner(img, i), text), full);
	}
	const struct content *c = zonefile_image_content(img, 3);
	assert_int_equal(content_find(c, TYPE_A)->count, 2);
	assert_int_equal(content_find(c, TYPE_AAAA)->count, 1);
	zonefile_image_free(img);
}

static void test_round_trip(void **state)
{
	static const char file[] =
		HEAD "a 1 TXT \"\\000\\255 \\\\ \\\"\" \"\"\nb 5 NAPTR 1 2 \"s\" \"x+y\" \"\" _z._tcp\n"
		     "c 1 LOC 52 22 23.000 N 4 53 32.000 E -2.00m 0.00m 10000m 10m\nD 1 TYPE1234 \\# 2 abcd\n"
		     "e.\\@.\\;\\( 1 CAA 128 tbs Unknown\nf 1 SVCB 0 g\nk 1 KX 5 l\n";
	(void)state;
	struct zone_image *img = read_good(file);
	char *once = strdup(text_of(img));
	assert_non_null(once);
	zonefile_image_free(img);
	img = read_good(once);
	assert_string_equal(text_of(img), once);
	zonefile_image_free(img);
	free(once);
}

static void test_image_by_hand(void **state)
{
	static const uint8_t address[] = {192, 0, 2, 1};
	struct name zone = name_of("Home.Example."), in = name_of("W.hOme.example."), out = name_of("xhome.example.");
	struct zone_image *img;
	struct errmsg msg = {.text = ""};
	(void)state;
	assert_int_equal(zonefile_image_new(&img, zone.wire), ERR_OK);
	assert_int_equal(zonefile_image_add(img, in.wire, TYPE_A, 1, address, sizeof address), ERR_OK);
	assert_int_equal(zonefile_image_add(img, out.wire, TYPE_A, 1, address, sizeof address), ERR_RANGE);
	assert_int_equal(zonefile_image_add(img, in.wire, TYPE_TSIG, 1, address, sizeof address), ERR_REFUSED);
	assert_int_equal(zonefile_image_finish(img, &msg), ERR_FORMAT);
	assert_string_equal(msg.text, "home.example.: the zone has no SOA: it needs one at its own name");
	zonefile_image_free(img);

	img = read_good(HEAD "w 1 A 192.0.2.1\n");
	size_t last = zonefile_image_count(img) - 1;
	struct content *c = zonefile_image_take(img, last);
	assert_non_null(c);
	assert_null(zonefile_image_content(img, last));
	zonefile_image_free(img);
	content_free(c);
}

static void test_too_large_rrset(void **state)
{
	enum { RECORDS = 300, LEN = RECORDS * 300 };
	char *file = malloc(LEN + sizeof HEAD);
	size_t len = sizeof HEAD - 1;
	(void)state;
	assert_non_null(file);
	memcpy(file, HEAD, len);
	for (unsigned i = 0; i < RECORDS; i++)
		len += (size_t)sprintf(file + len, "a 1 TXT %0250u\n", i);
	fails(file, len, "f:305: a.home.example.: more records of one type");
	free(file);
}

static void test_root_zone(void **state)
{
	static const char file[] =
		". 1 SOA a. b. 1 2 1 4 5\n. 1 NS a.\nexample 1 NS ns.example\nns.example 1 A 192.0.2.1\n";
	static const uint8_t root[] = {0};
	struct zone_image *img;
	struct errmsg msg = {.text = ""};
	(void)state;
	FILE *f = fmemopen((void *)(uintptr_t)file, sizeof file - 1, "r");
	assert_non_null(f);
	assert_int_equal(zonefile_read(&img, root, f, "root", &msg), ERR_OK);
	fclose(f);
	assert_int_equal(zonefile_image_count(img), 3);
	zonefile_image_free(img);
}

static void test_pipe(void **state)
{
	struct name zone = name_of("home.example.");
	struct zone_image *img;
	struct errmsg msg = {.text = ""};
	int fd[2];
	(void)state;
	assert_int_equal(pipe(fd), 0);
	assert_int_equal(write(fd[1], HEAD, sizeof HEAD - 1), sizeof HEAD - 1);
	close(fd[1]);
	FILE *f = fdopen(fd[0], "r");
	assert_non_null(f);
	assert_int_equal(zonefile_read(&img, zone.wire, f, "-", &msg), ERR_OK);
	fclose(f);
	zonefile_image_free(img);

	f = fopen("/", "r"); /* reading a directory fails */
	assert_non_null(f);
	assert_int_equal(zonefile_read(&img, zone.wire, f, "/", &msg), ERR_IO);
	assert_string_equal(msg.text, "/:1: the file cannot be read further");
	fclose(f);
}

/* ---- the check ---- */

struct findings {
	size_t faults, warnings;
	char text[OUT_MAX];
};

static void take_finding(void *arg, bool fault, const char *sentence)
{
	struct findings *f = arg;
	size_t len = strlen(f->text);
	f->faults += fault;
	f->warnings += !fault;
	snprintf(f->text + len, sizeof f->text - len, "%s\n", sentence);
}

static void finds(const char *file, size_t faults, size_t warnings, const char *want)
{
	static struct findings f;
	size_t counted;
	struct zone_image *img = read_good(file);
	f = (struct findings){.faults = 0};
	assert_int_equal(zonefile_check(img, take_finding, &f, &counted), ERR_OK);
	zonefile_image_free(img);
	if (f.faults != faults || f.warnings != warnings || !strstr(f.text, want))
		fail_msg("%zu faults, %zu warnings, wanted %zu, %zu and \"%s\":\n%s", f.faults, f.warnings, faults,
			 warnings, want, f.text);
	assert_int_equal(counted, faults);
}

static void test_check_targets(void **state)
{
	(void)state;
	finds(HEAD, 0, 0, "");
	finds(HEAD "@ 1 NS ns3\n", 1, 0, "home.example. NS: ns3.home.example. has no address");
	finds(HEAD "@ 1 NS ns3.elsewhere.\n", 0, 0, "");
	finds(HEAD "@ 1 MX 1 m\nm 1 TXT x\n", 1, 0, "home.example. MX: m.home.example. has no address");
	finds(HEAD "@ 1 MX 0 .\n", 0, 0, "");
	finds(HEAD "@ 1 MX 1 m\nm 1 CNAME ns1\n", 1, 0, "home.example. MX: m.home.example. is an alias");
	finds(HEAD "@ 1 MX 1 m.w\n*.w 1 A 192.0.2.1\n", 0, 0, "");
	finds(HEAD "@ 1 MX 1 e.w\n*.w 1 A 192.0.2.1\nx.e.w 1 A 192.0.2.1\n", 1, 0, "e.w.home.example. has no address");
	finds(HEAD "@ 1 MX 1 m.d\nd 1 DNAME elsewhere.\n", 1, 0, "m.d.home.example. is an alias");
	finds(HEAD "@ 1 MX 1 m.c\nc 1 NS ns1\nc 1 NS ns2\n", 0, 0, "");
}

static void test_check_cuts(void **state)
{
	(void)state;
	finds(HEAD "c 1 NS ns.c\nc 1 NS ns1\n", 1, 0, "c.home.example. NS: glue is missing: ns.c.home.example.");
	finds(HEAD "c 1 NS ns.c\nc 1 NS ns1\nns.c 1 A 192.0.2.1\n", 0, 0, "");
	finds(HEAD "c 1 NS c\nc 1 NS ns1\nc 1 A 192.0.2.1\n", 0, 0, "");
	finds(HEAD
	      "c 1 NS ns1\nc 1 NS ns2\nc 1 DS 1 8 2 0000000000000000000000000000000000000000000000000000000000000000\n",
	      0, 0, "");
	finds(HEAD "c 1 NS ns1\nc 1 NS ns2\nx.c 1 A 192.0.2.1\n", 0, 1,
	      "x.c.home.example. A: never served, since c.home.example.");
	finds(HEAD "c 1 NS ns1\nc 1 NS ns2\nc 1 TXT x\n", 0, 1, "c.home.example. TXT: never served");
	finds(HEAD "c 1 NS ns1\n", 0, 1, "c.home.example. NS: a single name server");
	finds(HEAD "d 1 DNAME x.\na.d 1 A 192.0.2.1\ne 1 A 192.0.2.1\n", 1, 0,
	      "a.d.home.example.: never served, since the DNAME");
}

static void test_check_numbers(void **state)
{
	(void)state;
	finds(HEAD "a 0 A 192.0.2.1\n", 0, 1, "a.home.example. A: TTL 0");
	finds(HEAD "a 604801 A 192.0.2.1\n", 0, 1, "a.home.example. A: TTL 604801");
	finds("@ 9 SOA ns1. host 7 600 600 1209600 300\n@ NS ns1.\n@ NS ns2.\n", 0, 1, "retry 600 should be less");
	finds("@ 9 SOA ns1. host 7 3600 600 3600 300\n@ NS ns1.\n@ NS ns2.\n", 1, 0,
	      "expire 3600 is less than refresh and retry");
	finds("@ 9 SOA ns1. host 7 3600 600 86400 300\n@ NS ns1.\n@ NS ns2.\n", 0, 1,
	      "expire 86400 is less than a week");
	finds("@ 9 SOA ns1. host 7 3600 600 1209600 86401\n@ NS ns1.\n@ NS ns2.\n", 0, 1, "minimum 86401");
	finds("@ 9 SOA ns1. host 7 4294967295 4294967294 4294967295 1\n@ NS ns1.\n@ NS ns2.\n", 1, 0,
	      "expire 4294967295");
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_rfc1035_example), cmocka_unit_test(test_ttl_rules),
		cmocka_unit_test(test_names),           cmocka_unit_test(test_rdata),
		cmocka_unit_test(test_heads),           cmocka_unit_test(test_broken_files),
		cmocka_unit_test(test_endless_entry),   cmocka_unit_test(test_unfit_zones),
		cmocka_unit_test(test_canonical_order), cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_image_by_hand),   cmocka_unit_test(test_too_large_rrset),
		cmocka_unit_test(test_root_zone),       cmocka_unit_test(test_pipe),
		cmocka_unit_test(test_check_targets),   cmocka_unit_test(test_check_cuts),
		cmocka_unit_test(test_check_numbers),
	};
	return qname_seed() ? 1 : cmocka_run_group_tests(tests, NULL, NULL);
}
