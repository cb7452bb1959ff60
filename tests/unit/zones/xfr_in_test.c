/* xfr_in_test.c: transfers in, message by message: AXFR, IXFR in both forms, and everything that a broken or hostile
 * primary may send. */
#include "zones/transfer/xfr_in.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <cmocka.h>

#include "lib/text.h"
#include "lib/writer.h"

static uint8_t zone_wire[NAME_WIRE_MAX];

enum { OURS = 5 };

#define SOA(serial) "home.example. 60 SOA ns hostmaster " #serial " 60 60 60 60\n"
#define NS "home.example. 60 NS ns.home.example.\n"

/* ---- messages from text: a line a record, "--" begins the next message ---- */

static void put_line(struct writer *w, char *line)
{
	char owner_text[128], type_text[16], data[256];
	uint8_t rdata[RDATA_MAX];
	struct wbuf out = buf_writer(rdata, sizeof rdata);
	struct name owner;
	struct errmsg msg = {.text = ""};
	unsigned ttl;
	uint16_t type, class = CLASS_IN;
	assert_int_equal(sscanf(line, "%127s %u %15s %255[^\n]", owner_text, &ttl, type_text, data), 4);
	if (type_text[0] == '!') { /* class CH */
		class = CLASS_CH;
		memmove(type_text, type_text + 1, strlen(type_text));
	}
	assert_int_equal(name_from_text(&owner, owner_text), ERR_OK);
	if (strcmp(type_text, "ANY") == 0) {
		assert_true(writer_rr(w, SECTION_ANSWER, owner.wire, TYPE_ANY, class, ttl, (const uint8_t *)"x", 1));
		return;
	}
	assert_int_equal(rr_type_from_text(&type, type_text), ERR_OK);
	assert_int_equal(text_rdata_from_text(type, data, zone_wire, &out, &msg), ERR_OK);
	assert_true(writer_rr(w, SECTION_ANSWER, owner.wire, type, class, ttl, rdata, out.len));
}

static enum err feed(struct xfr_in *x, uint16_t qtype, uint16_t flags, char *lines, bool *last, struct errmsg *why)
{
	static uint8_t wire[MESSAGE_MAX];
	static struct writer w;
	struct message m;
	char *save = NULL;
	writer_init(&w);
	writer_start(&w, wire, sizeof wire, 1, flags);
	assert_true(writer_question(&w, zone_wire, qtype, CLASS_IN));
	for (char *line = strtok_r(lines, "\n", &save); line; line = strtok_r(NULL, "\n", &save))
		put_line(&w, line);
	assert_int_equal(message_parse(&m, wire, writer_finish(&w)), ERR_OK);
	return xfr_in_message(x, &m, last, why);
}

static struct xfr_in *begin(bool ixfr, uint64_t records, uint64_t octets)
{
	struct xfr_in *x;
	struct xfr_in_question q = {.zone = zone_wire, .ixfr = ixfr, .serial = OURS};
	struct xfr_in_limits limits = {.records = records, .octets = octets};
	assert_int_equal(xfr_in_new(&x, &q, &limits), ERR_OK);
	return x;
}

/* Feeds all messages; the result of the first that fails, or of the last. */
static enum err feed_all(struct xfr_in *x, bool ixfr, const char *text, bool *last, struct errmsg *why)
{
	char *copy = strdup(text);
	char *message = copy;
	enum err e = ERR_OK;
	*last = false;
	while (message && !e) {
		char *end = strstr(message, "--\n");
		if (end) {
			*end = '\0';
			end += 3;
		}
		e = feed(x, ixfr ? TYPE_IXFR : TYPE_AXFR, FLAG_QR | FLAG_AA, message, last, why);
		message = end;
	}
	free(copy);
	return e;
}

/* ---- good ones ---- */

static void test_axfr_in_pieces(void **state)
{
	struct xfr_in *x = begin(false, 100, 100000);
	struct errmsg why = {.text = ""};
	bool last;
	(void)state;
	assert_int_equal(feed_all(x, false,
				  SOA(7) "--\n" NS "wWw.home.example. 60 A 192.0.2.1\n--\n--\n"
					 "www.home.example. 60 A 192.0.2.2\n" SOA(7),
				  &last, &why),
			 ERR_OK);
	assert_true(last);
	assert_int_equal(xfr_in_kind(x), XFR_IN_FULL);
	assert_int_equal(xfr_in_serial(x), 7);
	struct zone_image *image = xfr_in_take_image(x);
	assert_int_equal(zonefile_image_count(image), 2);
	assert_int_equal(content_find(zonefile_image_content(image, 1), TYPE_A)->count, 2);
	zonefile_image_free(image);
	xfr_in_free(x);
}

static void test_ixfr_gives_versions(void **state)
{
	static const enum deltas_kind kinds[] = {DELTAS_FROM, DELTAS_DELETE, DELTAS_TO,
						 DELTAS_ADD,  DELTAS_FROM,   DELTAS_TO};
	struct xfr_in *x = begin(true, 100, 100000);
	struct errmsg why = {.text = ""};
	struct deltas_item item;
	size_t at = 0, count = 0;
	bool last;
	(void)state;
	assert_int_equal(feed_all(x, true,
				  SOA(8) "--\n" SOA(5) "a.home.example. 60 A 192.0.2.1\n" SOA(
					  6) "b.home.example. 60 A 192.0.2.2\n--\n" SOA(6) SOA(8) SOA(8),
				  &last, &why),
			 ERR_OK);
	assert_true(last);
	assert_int_equal(xfr_in_kind(x), XFR_IN_DELTAS);
	struct deltas *d = xfr_in_take_deltas(x);
	while (deltas_next(d, &at, &item))
		assert_int_equal(item.kind, kinds[count++]);
	assert_int_equal(count, 6);
	assert_int_equal(deltas_count(d, DELTAS_ADD), 1);
	deltas_free(d);
	xfr_in_free(x);
}

static void test_ixfr_as_axfr_and_up_to_date(void **state)
{
	struct errmsg why = {.text = ""};
	bool last;
	(void)state;
	struct xfr_in *x = begin(true, 100, 100000);
	assert_int_equal(feed_all(x, true, SOA(6) NS SOA(6), &last, &why), ERR_OK);
	assert_true(last);
	assert_int_equal(xfr_in_kind(x), XFR_IN_FULL);
	xfr_in_free(x);

	x = begin(true, 100, 100000);
	assert_int_equal(feed_all(x, true, SOA(5), &last, &why), ERR_OK);
	assert_true(last);
	assert_int_equal(xfr_in_kind(x), XFR_IN_UPTODATE);
	xfr_in_free(x);

	x = begin(true, 100, 100000); /* a primary that went back */
	assert_int_equal(feed_all(x, true, SOA(4), &last, &why), ERR_OK);
	assert_true(last);
	assert_int_equal(xfr_in_kind(x), XFR_IN_UPTODATE);
	assert_int_equal(xfr_in_serial(x), 4);
	xfr_in_free(x);
}

/* ---- bad ones ---- */

static const struct bad {
	const char *what;
	bool ixfr;
	enum err err;
	const char *text;
} bad[] = {
	{"nothing at all", false, ERR_FORMAT, ""},
	{"no SOA first", false, ERR_FORMAT, NS SOA(7)},
	{"another zone's SOA", false, ERR_RANGE, "other.example. 60 SOA ns hostmaster 7 60 60 60 60\n"},
	{"SOA below the apex", false, ERR_FORMAT, SOA(7) NS "sub.home.example. 60 SOA ns hostmaster 7 60 60 60 60\n"},
	{"another SOA last", false, ERR_FORMAT, SOA(7) NS SOA(8)},
	{"record outside", false, ERR_RANGE, SOA(7) NS "www.other.example. 60 A 192.0.2.1\n" SOA(7)},
	{"record of the parent", false, ERR_RANGE, SOA(7) NS "example. 60 A 192.0.2.1\n" SOA(7)},
	{"class CH", false, ERR_FORMAT, SOA(7) NS "www.home.example. 60 !A 192.0.2.1\n" SOA(7)},
	{"meta type", false, ERR_FORMAT, SOA(7) NS "www.home.example. 60 ANY x\n" SOA(7)},
	{"behind the end", false, ERR_FORMAT, SOA(7) NS SOA(7) "www.home.example. 60 A 192.0.2.1\n"},
	{"message behind the end", false, ERR_FORMAT, SOA(7) NS SOA(7) "--\n" NS},
	{"no NS", false, ERR_FORMAT, SOA(7) SOA(7)},
	{"CNAME beside A", false, ERR_FORMAT,
	 SOA(7) NS "www.home.example. 60 A 192.0.2.1\nwww.home.example. 60 CNAME home.example.\n" SOA(7)},
	{"IXFR from another serial", true, ERR_FORMAT, SOA(8) SOA(4) SOA(8) SOA(8)},
	{"IXFR with a gap", true, ERR_FORMAT, SOA(8) SOA(5) SOA(6) SOA(7) SOA(8) SOA(8)},
	{"IXFR that goes back", true, ERR_FORMAT, SOA(8) SOA(5) SOA(4)},
	{"IXFR that stands still", true, ERR_FORMAT, SOA(8) SOA(5) SOA(5)},
	{"IXFR past its end", true, ERR_FORMAT, SOA(8) SOA(5) SOA(9)},
	{"IXFR half round the circle", true, ERR_FORMAT, SOA(8) SOA(5) SOA(2147483658)},
	{"IXFR record outside", true, ERR_RANGE, SOA(8) SOA(5) "other.example. 60 A 192.0.2.1\n"},
	{"IXFR behind its end", true, ERR_FORMAT, SOA(8) SOA(5) SOA(8) SOA(8) NS},
	{"up to date, and more", true, ERR_FORMAT, SOA(5) NS},
};

static void test_bad_ones_are_refused(void **state)
{
	(void)state;
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct xfr_in *x = begin(bad[i].ixfr, 100, 100000);
		struct errmsg why = {.text = ""};
		bool last;
		enum err e = feed_all(x, bad[i].ixfr, bad[i].text, &last, &why);
		if (e != bad[i].err || !why.text[0])
			fail_msg("%s: %s: %s", bad[i].what, err_text(e), why.text);
		xfr_in_free(x);
	}
}

static void test_messages_that_are_none_of_it(void **state)
{
	static const struct {
		uint16_t qtype, flags;
		enum err err;
	} wrong[] = {
		{TYPE_AXFR, FLAG_QR | RCODE_REFUSED, ERR_REFUSED},
		{TYPE_AXFR, FLAG_QR | FLAG_TC, ERR_FORMAT},
		{TYPE_AXFR, FLAG_AA, ERR_FORMAT},
		{TYPE_AXFR, FLAG_QR | OPCODE_NOTIFY << FLAG_OPCODE_SHIFT, ERR_FORMAT},
		{TYPE_SOA, FLAG_QR, ERR_FORMAT},
	};
	(void)state;
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		char text[] = SOA(7) NS SOA(7);
		struct xfr_in *x = begin(false, 100, 100000);
		struct errmsg why = {.text = ""};
		bool last;
		assert_int_equal(feed(x, wrong[i].qtype, wrong[i].flags, text, &last, &why), wrong[i].err);
		xfr_in_free(x);
	}
}

static void test_endless_ones_end(void **state)
{
	struct errmsg why = {.text = ""};
	bool last = false;
	enum err e = ERR_OK;
	unsigned sent = 0;
	(void)state;
	/* Records, octets, messages without any record. */
	for (unsigned kind = 0; kind < 3; kind++) {
		char first[] = SOA(7) NS;
		struct xfr_in *x = begin(false, kind == 0 ? 1000 : UINT64_MAX, kind == 1 ? 50000 : UINT64_MAX);
		assert_int_equal(feed(x, TYPE_AXFR, FLAG_QR, first, &last, &why), ERR_OK);
		for (sent = 0, e = ERR_OK; !e && sent < 5000; sent++) {
			char line[64] = "";
			if (kind < 2)
				snprintf(line, sizeof line, "h%u.home.example. 60 A 192.0.2.1\n", sent);
			e = feed(x, TYPE_AXFR, FLAG_QR, line, &last, &why);
			assert_false(last);
		}
		assert_int_equal(e, kind < 2 ? ERR_NOSPACE : ERR_FORMAT);
		assert_in_range(sent, kind == 0 ? 998 : 60, kind == 0 ? 1000 : 1500);
		xfr_in_free(x);
	}
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_axfr_in_pieces),
		cmocka_unit_test(test_ixfr_gives_versions),
		cmocka_unit_test(test_ixfr_as_axfr_and_up_to_date),
		cmocka_unit_test(test_bad_ones_are_refused),
		cmocka_unit_test(test_messages_that_are_none_of_it),
		cmocka_unit_test(test_endless_ones_end),
	};
	struct name zone;
	assert_int_equal(name_from_text(&zone, "home.example."), ERR_OK);
	memcpy(zone_wire, zone.wire, zone.len);
	return cmocka_run_group_tests(tests, NULL, NULL);
}
