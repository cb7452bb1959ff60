#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/writer.h"

#define WIRE(literal) ((const uint8_t *)(literal))
/* A literal with NULs inside, and its length without the NUL that C adds. */
#define OCTETS(literal) (const uint8_t *)(literal), sizeof(literal) - 1

enum { QUESTION_END = 12 + 14 + 4 };

static struct writer w;
static uint8_t buf[MESSAGE_MAX];

static void begin(size_t limit)
{
	writer_start(&w, buf, limit, 0x1234, FLAG_QR | FLAG_AA);
}

static void begin_with_question(size_t limit)
{
	begin(limit);
	assert_true(writer_question(&w, WIRE("\4Home\7example\0"), TYPE_A, CLASS_IN));
}

static int init(void **state)
{
	(void)state;
	writer_init(&w);
	return 0;
}

static void header_and_question(void **state)
{
	static const uint8_t query[] = "\22\64\1\0\0\1\0\0\0\0\0\0\4hOmE\7EXAMPLE\0\0\34\0\1";
	struct message m;
	(void)state;
	begin(512);
	assert_int_equal(writer_finish(&w), 12);
	assert_memory_equal(buf, "\22\64\204\0\0\0\0\0\0\0\0\0", 12);
	assert_int_equal(message_parse(&m, query, sizeof query - 1), ERR_OK);
	begin(512);
	assert_true(writer_question_copy(&w, &m));
	assert_int_equal(writer_finish(&w), QUESTION_END);
	assert_memory_equal(buf, "\22\64\204\0\0\1\0\0\0\0\0\0\4hOmE\7EXAMPLE\0\0\34\0\1", QUESTION_END);
	writer_set_flags(&w, FLAG_QR | RCODE_REFUSED);
	assert_int_equal(writer_flags(&w), FLAG_QR | RCODE_REFUSED);
	begin(QUESTION_END - 1);
	assert_false(writer_question_copy(&w, &m));
	assert_int_equal(writer_finish(&w), 12);
	m.qname.len = 0;
	begin(512);
	assert_false(writer_question_copy(&w, &m));
}

static void compresses_owner_and_rdata(void **state)
{
	(void)state;
	begin_with_question(512);
	assert_true(writer_rr(&w, SECTION_ANSWER, WIRE("\4HOME\7example\0"), TYPE_MX, CLASS_IN, 300,
			      OCTETS("\0\12\4mail\4home\7EXAMPLE\0")));
	assert_true(writer_rr(&w, SECTION_ADDITIONAL, WIRE("\4MAIL\4home\7example\0"), TYPE_A, CLASS_IN, 60,
			      OCTETS("1234")));
	assert_true(writer_rr(&w, SECTION_ADDITIONAL, WIRE("\3www\7example\0"), TYPE_AAAA, CLASS_IN, 0,
			      OCTETS("0123456789abcdef")));
	assert_true(writer_rr(&w, SECTION_ADDITIONAL, WIRE("\0"), TYPE_NS, CLASS_IN, 0, OCTETS("\0")));
	size_t len = writer_finish(&w);
	static const uint8_t expected[] = "\300\14\0\17\0\1\0\0\1\54\0\11\0\12\4mail\300\14"
					  "\300\54\0\1\0\1\0\0\0\74\0\4"
					  "1234"
					  "\3www\300\21\0\34\0\1\0\0\0\0\0\20"
					  "0123456789abcdef"
					  "\0\0\2\0\1\0\0\0\0\0\1\0";
	assert_int_equal(len, QUESTION_END + sizeof expected - 1);
	assert_memory_equal(buf + QUESTION_END, expected, sizeof expected - 1);
	assert_memory_equal(buf + 4, "\0\1\0\1\0\0\0\3", 8);
}

static void leaves_other_rdata_alone(void **state)
{
	(void)state;
	begin_with_question(512);
	assert_true(writer_rr(&w, SECTION_ANSWER, WIRE("\4home\7example\0"), TYPE_SRV, CLASS_IN, 300,
			      OCTETS("\0\1\0\2\0\3\4home\7example\0")));
	assert_int_equal(writer_finish(&w), QUESTION_END + 12 + 20);
	assert_true(writer_rr(&w, SECTION_ANSWER, WIRE("\0"), TYPE_MX, CLASS_ANY, 0, NULL, 0));
	assert_int_equal(writer_finish(&w), QUESTION_END + 32 + 11);
}

static void soa_compresses_both_names(void **state)
{
	(void)state;
	begin_with_question(512);
	assert_true(writer_rr(&w, SECTION_ANSWER, WIRE("\4home\7example\0"), TYPE_SOA, CLASS_IN, 1,
			      OCTETS("\2ns\4home\7example\0\2ns\4home\7example\0"
				     "12341234123412341234")));
	assert_int_equal(writer_finish(&w), QUESTION_END + 12 + 5 + 2 + 20);
	assert_memory_equal(buf + QUESTION_END + 10,
			    "\0\33\2ns\300\14\300\52"
			    "1234",
			    13);
}

/* The query path's way gives the same record, cut at the zone's name, and knows where a name only looks as if it
 * ended in it. */
static void in_zone_cuts_at_the_zone(void **state)
{
	static const struct {
		const uint8_t *rdata;
		size_t rdlen;
		uint16_t type;
		const char *expected; /* RDATA in the message */
		size_t len;
	} cases[] = {
		{OCTETS("\3ns1\7EXAMPLE\0"), TYPE_NS, "\3ns1\300\21", 6},
		{OCTETS("\7example\0"), TYPE_CNAME, "\300\21", 2},
		{OCTETS("\0\12\4mail\3org\0"), TYPE_MX, "\0\12\4mail\3org\0", 12},
		{OCTETS("\11xxexample\0"), TYPE_NS, "\11xxexample\0",
		 11}, /* the octets of the name, but not its labels */
		{OCTETS("\0"), TYPE_NS, "\0", 1},
		{OCTETS("\300\0\2\1"), TYPE_A, "\300\0\2\1", 4},
	};
	struct writer_zone zone = {.name = WIRE("\7example\0"), .len = 9, .offset = 12 + 5};
	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct rr rr = {.type = cases[i].type,
				.class = CLASS_IN,
				.ttl = 60,
				.rdlen = (uint16_t)cases[i].rdlen,
				.rdata = cases[i].rdata};
		begin_with_question(512);
		assert_true(writer_rr_in_zone(&w, SECTION_AUTHORITY, zone.offset, &zone, &rr));
		size_t len = writer_finish(&w);
		assert_int_equal(len, QUESTION_END + 12 + cases[i].len);
		assert_memory_equal(buf + QUESTION_END, "\300\21", 2);
		assert_int_equal(buf_load_u16(buf + QUESTION_END + 10), cases[i].len);
		assert_memory_equal(buf + QUESTION_END + 12, cases[i].expected, cases[i].len);
		for (size_t limit = QUESTION_END; limit < len; limit++) { /* whole or not at all */
			begin_with_question(limit);
			assert_false(writer_rr_in_zone(&w, SECTION_AUTHORITY, zone.offset, &zone, &rr));
			assert_int_equal(writer_finish(&w), QUESTION_END);
		}
	}
}

static void finds_names(void **state)
{
	(void)state;
	begin(512);
	assert_int_equal(writer_find(&w, WIRE("\4home\7example\0")), 0);
	begin_with_question(512);
	for (int round = 0; round < 2; round++) {
		assert_int_equal(writer_find(&w, WIRE("\4home\7example\0")), 12);
		assert_int_equal(writer_find(&w, WIRE("\7EXAMPLE\0")), 17);
		assert_int_equal(writer_find(&w, WIRE("\3www\4home\7example\0")), round ? QUESTION_END : 0);
		assert_int_equal(writer_find(&w, WIRE("\4home\0")), 0);
		assert_int_equal(writer_find(&w, WIRE("\0")), 0);
		if (round == 0)
			assert_true(writer_rr(&w, SECTION_ANSWER, WIRE("\3www\4home\7example\0"), TYPE_A, CLASS_IN, 0,
					      OCTETS("1234")));
	}
	begin(512);
	assert_int_equal(writer_find(&w, WIRE("\4home\7example\0")), 0);
}

static void whole_or_not_at_all(void **state)
{
	(void)state;
	for (size_t limit = QUESTION_END; limit <= QUESTION_END + 21; limit++) {
		begin_with_question(limit);
		bool fits = writer_rr(&w, SECTION_ANSWER, WIRE("\4home\7example\0"), TYPE_MX, CLASS_IN, 300,
				      OCTETS("\0\12\4mail\4home\7example\0"));
		assert_true(fits == (limit == QUESTION_END + 21));
		assert_int_equal(writer_finish(&w), fits ? limit : QUESTION_END);
		assert_int_equal(w.count[SECTION_ANSWER], fits);
		assert_false(w.out.full);
		/* What was taken away is not pointed at. */
		assert_int_equal(writer_find(&w, WIRE("\4mail\4home\7example\0")), fits ? QUESTION_END + 14 : 0);
	}
}

static void reserve_holds_room(void **state)
{
	(void)state;
	begin_with_question(QUESTION_END + 16 + 11);
	writer_reserve(&w, 12);
	assert_false(writer_rr(&w, SECTION_ANSWER, WIRE("\4home\7example\0"), TYPE_A, CLASS_IN, 0, OCTETS("1234")));
	writer_unreserve(&w, 1);
	assert_true(writer_rr(&w, SECTION_ANSWER, WIRE("\4home\7example\0"), TYPE_A, CLASS_IN, 0, OCTETS("1234")));
	assert_false(writer_opt(&w, 1232, 0, false, NULL, 0));
	writer_unreserve(&w, 11);
	assert_true(writer_opt(&w, 1232, 1, true, NULL, 0));
	assert_memory_equal(buf + QUESTION_END + 16, "\0\0\51\4\320\1\0\200\0\0\0", 11);
	/* A reserve beyond the limit: nothing more fits, nothing breaks. */
	begin_with_question(QUESTION_END + 100);
	writer_reserve(&w, 1000);
	assert_false(writer_rr(&w, SECTION_ANSWER, WIRE("\0"), TYPE_A, CLASS_IN, 0, OCTETS("1234")));
	writer_unreserve(&w, 1000);
	assert_true(writer_opt(&w, 512, 0, false, OCTETS("\0\12\0\2ab")));
	assert_memory_equal(buf + QUESTION_END, "\0\0\51\2\0\0\0\0\0\0\6\0\12\0\2ab", 17);
	assert_int_equal(w.count[SECTION_ADDITIONAL], 1);
}

static void blocks(void **state)
{
	static const uint8_t block[] = "\300\14\0\1\0\1\0\0\0\1\0\4"
				       "1234"
				       "\300\14\0\1\0\1\0\0\0\1\0\4"
				       "5678";
	enum { LEN = sizeof block - 1 };
	(void)state;
	begin_with_question(QUESTION_END + LEN);
	assert_true(writer_block(&w, SECTION_ANSWER, 12, block, LEN, 2));
	assert_memory_equal(buf + QUESTION_END, block, LEN);
	assert_int_equal(w.count[SECTION_ANSWER], 2);
	assert_false(writer_block(&w, SECTION_ANSWER, 12, block, LEN, 2));
	assert_int_equal(w.count[SECTION_ANSWER], 2);
	assert_true(writer_block(&w, SECTION_ANSWER, 12, NULL, 0, 0));
	begin_with_question(512);
	assert_true(writer_block(&w, SECTION_ADDITIONAL, 17, block, LEN, 2));
	assert_memory_equal(buf + QUESTION_END, "\300\21\0\1", 4);
	assert_memory_equal(buf + QUESTION_END + 16, "\300\21\0\1", 4);
	assert_int_equal(w.count[SECTION_ADDITIONAL], 2);
	/* Under a name that is not there: its label, then a pointer; the second record points at the first's owner. */
	begin_with_question(QUESTION_END + 4 + LEN);
	assert_true(writer_block_under(&w, SECTION_AUTHORITY, (const uint8_t *)"\3nas", 4, 17, block, LEN, 2));
	assert_memory_equal(buf + QUESTION_END, "\3nas\300\21\0\1", 8);
	assert_memory_equal(buf + QUESTION_END + 4 + 12, "1234", 4);
	assert_int_equal(buf_load_u16(buf + QUESTION_END + 4 + 16), 0xc000 | QUESTION_END);
	assert_int_equal(w.count[SECTION_AUTHORITY], 2);
	assert_false(writer_block_under(&w, SECTION_AUTHORITY, (const uint8_t *)"\3nas", 4, 17, block, LEN, 2));
	assert_int_equal(w.count[SECTION_AUTHORITY], 2);
}

static bool add_address(const char *owner)
{
	return writer_rr(&w, SECTION_ANSWER, WIRE(owner), TYPE_A, CLASS_IN, 0, OCTETS("1234"));
}

static void rewinds(void **state)
{
	(void)state;
	begin_with_question(512);
	struct writer_mark mark = writer_mark(&w);
	assert_true(add_address("\3www\4home\7example\0"));
	writer_rewind(&w, mark);
	assert_int_equal(w.count[SECTION_ANSWER], 0);
	assert_int_equal(writer_find(&w, WIRE("\3www\4home\7example\0")), 0);
	/* Other octets where the name stood: not the name any more, though the table remembers the place. */
	assert_true(add_address("\3ftp\4home\7example\0"));
	assert_int_equal(writer_find(&w, WIRE("\3www\4home\7example\0")), 0);
	assert_int_equal(writer_find(&w, WIRE("\3ftp\4home\7example\0")), QUESTION_END);
	/* Back before the question. */
	begin(512);
	mark = writer_mark(&w);
	assert_true(writer_question(&w, WIRE("\4home\0"), TYPE_A, CLASS_IN));
	writer_rewind(&w, mark);
	assert_int_equal(writer_find(&w, WIRE("\4home\0")), 0);
	assert_true(writer_question(&w, WIRE("\4work\0"), TYPE_A, CLASS_IN));
	assert_int_equal(writer_find(&w, WIRE("\4work\0")), 12);
}

static void generation_wraps(void **state)
{
	(void)state;
	begin_with_question(512);
	assert_true(writer_rr(&w, SECTION_ANSWER, WIRE("\3www\0"), TYPE_A, CLASS_IN, 0, OCTETS("1234")));
	w.generation = UINT32_MAX;
	begin(512);
	assert_int_equal(w.generation, 1);
	assert_int_equal(writer_find(&w, WIRE("\3www\0")), 0);
}

/* A message of 64 KB reads back right: it has more names than the table remembers, and offsets that no pointer
 * reaches. */
static void full_messages_read_back(void **state)
{
	static uint8_t room[RDATA_MAX];
	struct message m;
	int records = 0;
	(void)state;
	begin_with_question(MESSAGE_MAX);
	for (;; records++) {
		char text[100];
		struct name owner, target;
		uint8_t rdata[2 + NAME_WIRE_MAX] = {0, 1};
		snprintf(text, sizeof text, "Host-%d.Sub%d.home.example", records, records % 50);
		assert_int_equal(name_from_text(&owner, text), ERR_OK);
		snprintf(text, sizeof text, "mail-%d.sub%d.HOME.example", records / 2, records % 50);
		assert_int_equal(name_from_text(&target, text), ERR_OK);
		memcpy(rdata + 2, target.wire, target.len);
		if (!writer_rr(&w, SECTION_ANSWER, owner.wire, TYPE_MX, CLASS_IN, (uint32_t)records, rdata,
			       2U + target.len))
			break;
	}
	assert_true(w.used <= WRITER_TABLE_SIZE / 4 * 3);
	assert_int_equal(message_parse(&m, buf, writer_finish(&w)), ERR_OK);
	assert_int_equal(m.count[SECTION_ANSWER], records);
	assert_true(records > 1500);
	size_t at = m.section[SECTION_ANSWER];
	for (int i = 0; i < records; i++) {
		char text[100], seen[NAME_TEXT_MAX];
		struct name owner, expected;
		struct wbuf scratch = buf_writer(room, sizeof room);
		struct rr rr;
		assert_int_equal(message_next_rr(&m, &at, &owner, &scratch, &rr), ERR_OK);
		snprintf(text, sizeof text, "host-%d.sub%d.home.example.", i, i % 50);
		assert_int_equal(name_from_text(&expected, text), ERR_OK);
		if (!name_equal(rr.owner, expected.wire))
			fail_msg("%s for %s", name_to_text(rr.owner, seen), text);
		snprintf(text, sizeof text, "mail-%d.sub%d.home.example.", i / 2, i % 50);
		assert_int_equal(name_from_text(&expected, text), ERR_OK);
		assert_true(name_equal(rr.rdata + 2, expected.wire));
		assert_int_equal(rr.ttl, i);
	}
}

struct record {
	struct name owner, target;
	uint16_t type;
};

static void random_name(struct name *n)
{
	uint8_t labels = (uint8_t)(rand() % 5);
	n->len = 0;
	for (int i = 0; i < labels; i++) {
		n->wire[n->len++] = 1;
		n->wire[n->len++] = (uint8_t)("abAB\300\1\2\14"[rand() % 8]);
	}
	n->wire[n->len++] = 0;
}

/* Random records added, refused for want of room and taken back, against a plain list. Labels look like lengths and
 * pointers, so that places which the table wrongly remembers often look like names. */
static void random_transactions(void **state)
{
	enum { MOST = 64 };
	static struct record list[MOST];
	static uint8_t room[RDATA_MAX];
	(void)state;
	srand(1035);
	for (int round = 0; round < 20000; round++) {
		int have = 0, kept = 0;
		begin((size_t)(12 + rand() % 500));
		struct writer_mark mark = writer_mark(&w);
		for (int step = 0; step < MOST - 1; step++) {
			if (rand() % 6 == 0) {
				mark = writer_mark(&w);
				kept = have;
			} else if (rand() % 6 == 0) {
				writer_rewind(&w, mark);
				have = kept;
			}
			struct record *r = &list[have];
			random_name(&r->owner);
			random_name(&r->target);
			r->type = rand() % 2 ? TYPE_NS : TYPE_DNAME;
			have += writer_rr(&w, SECTION_ANSWER, r->owner.wire, r->type, CLASS_IN, 0, r->target.wire,
					  r->target.len);
		}
		struct message m;
		assert_int_equal(message_parse(&m, buf, writer_finish(&w)), ERR_OK);
		assert_int_equal(m.count[SECTION_ANSWER], have);
		size_t at = m.section[SECTION_ANSWER];
		for (int i = 0; i < have; i++) {
			struct name owner;
			struct wbuf scratch = buf_writer(room, sizeof room);
			struct rr rr;
			assert_int_equal(message_next_rr(&m, &at, &owner, &scratch, &rr), ERR_OK);
			assert_int_equal(rr.type, list[i].type);
			assert_true(name_equal(rr.owner, list[i].owner.wire));
			assert_true(name_equal(rr.rdata, list[i].target.wire));
		}
	}
}

/* The pointers that a reader follows for the name at `at`. */
static unsigned pointers_of(size_t at)
{
	unsigned pointers = 0;
	while (buf[at])
		if (buf[at] < 0xc0) {
			at += 1u + buf[at];
		} else {
			at = (size_t)(buf[at] & 0x3f) << 8 | buf[at + 1];
			pointers++;
		}
	return pointers;
}

/* Names that each have one label more than the last: a DNAME whose target is below itself makes them. Clients give up
 * after a number of pointers, the strictest known after 10. */
static void chains_of_pointers_are_short(void **state)
{
	struct name name, longer;
	(void)state;
	begin(MESSAGE_MAX);
	name_set(&name, WIRE("\7example\0"));
	for (int i = 0; i < 60; i++) {
		size_t at = w.out.len;
		assert_true(writer_rr(&w, SECTION_ANSWER, name.wire, TYPE_CNAME, CLASS_IN, 0, WIRE("\0"), 1));
		assert_true(pointers_of(at) <= 10);
		assert_int_equal(name_join(&longer, WIRE("\1x"), 2, name.wire), ERR_OK);
		name = longer;
	}
	assert_true(w.out.len < 60 * 80);
}

static void counts_do_not_wrap(void **state)
{
	(void)state;
	begin_with_question(MESSAGE_MAX);
	w.count[SECTION_ANSWER] = UINT16_MAX;
	assert_false(writer_rr(&w, SECTION_ANSWER, WIRE("\0"), TYPE_A, CLASS_IN, 0, OCTETS("1234")));
	assert_false(writer_block(&w, SECTION_ANSWER, 12,
				  OCTETS("\300\14\0\1\0\1\0\0\0\1\0\4"
					 "1234"),
				  1));
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(header_and_question),
		cmocka_unit_test(compresses_owner_and_rdata),
		cmocka_unit_test(leaves_other_rdata_alone),
		cmocka_unit_test(soa_compresses_both_names),
		cmocka_unit_test(in_zone_cuts_at_the_zone),
		cmocka_unit_test(chains_of_pointers_are_short),
		cmocka_unit_test(finds_names),
		cmocka_unit_test(whole_or_not_at_all),
		cmocka_unit_test(reserve_holds_room),
		cmocka_unit_test(blocks),
		cmocka_unit_test(rewinds),
		cmocka_unit_test(generation_wraps),
		cmocka_unit_test(full_messages_read_back),
		cmocka_unit_test(random_transactions),
		cmocka_unit_test(counts_do_not_wrap),
	};
	return cmocka_run_group_tests(tests, init, NULL);
}
