#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/message.h"

/* A message put together by hand, for what the writer would never write. */
struct build {
	uint8_t octets[MESSAGE_MAX];
	struct wbuf out;
};

static struct build built;

static void start(uint16_t flags, uint16_t qd, uint16_t an, uint16_t ns, uint16_t ar)
{
	built.out = buf_writer(built.octets, sizeof built.octets);
	buf_put_u16(&built.out, 0x1234);
	buf_put_u16(&built.out, flags);
	buf_put_u16(&built.out, qd);
	buf_put_u16(&built.out, an);
	buf_put_u16(&built.out, ns);
	buf_put_u16(&built.out, ar);
}

#define PUT(literal) buf_put(&built.out, literal, sizeof(literal) - 1)

static void put_question(void)
{
	PUT("\4Home\7example\0\0\1\0\1");
}

enum { QUESTION_END = 12 + 14 + 4 };

static void put_opt(void)
{
	PUT("\0\0\51\4\320\1\0\200\0\0\4\0\12\0\0");
}

static void put_tsig(void)
{
	PUT("\1k\0\0\372\0\377\0\0\0\0\0\23\1a\0"
	    "TTTTTT\1\54\0\0\0\1\0\0\0\0");
}

/* Parses a copy of exactly its length. */
static struct message m;
static uint8_t *copy;

static enum err parse(void)
{
	size_t len = built.out.len;
	free(copy);
	copy = malloc(len + !len);
	memcpy(copy, built.octets, len);
	return message_parse(&m, copy, len);
}

static void common_query(void **state)
{
	uint16_t len;
	(void)state;
	start(FLAG_RD, 1, 0, 0, 1);
	put_question();
	put_opt();
	assert_int_equal(parse(), ERR_OK);
	assert_int_equal(m.id, 0x1234);
	assert_int_equal(m.flags, FLAG_RD);
	assert_int_equal(message_opcode(&m), OPCODE_QUERY);
	assert_int_equal(m.qname.len, 14);
	assert_memory_equal(m.qname.wire, "\4Home\7example\0", 14);
	assert_int_equal(m.qtype, TYPE_A);
	assert_int_equal(m.qclass, CLASS_IN);
	assert_int_equal(m.question_end, QUESTION_END);
	assert_int_equal(m.section[SECTION_QUESTION], 12);
	assert_int_equal(m.section[SECTION_ANSWER], QUESTION_END);
	assert_int_equal(m.section[SECTION_ADDITIONAL], QUESTION_END);
	assert_true(m.edns.present);
	assert_true(m.edns.dnssec_ok);
	assert_int_equal(m.edns.version, 0);
	assert_int_equal(m.edns.ext_rcode, 1);
	assert_int_equal(m.edns.udp_size, 1232);
	assert_int_equal(m.edns.opt_len, 4);
	assert_non_null(message_edns_option(&m.edns, 10, &len));
	assert_int_equal(len, 0);
	assert_null(message_edns_option(&m.edns, 3, &len));
	assert_int_equal(m.tsig_at, 0);
}

static void header_alone(void **state)
{
	(void)state;
	start(0, 0, 0, 0, 0);
	assert_int_equal(parse(), ERR_OK);
	assert_int_equal(m.question_end, 12);
	assert_int_equal(m.qname.len, 0);
	assert_false(m.edns.present);
	built.out.len = 11;
	assert_int_equal(parse(), ERR_FORMAT);
	built.out.len = 0;
	assert_int_equal(parse(), ERR_FORMAT);
}

static void question_survives_later_faults(void **state)
{
	(void)state;
	start(0, 1, 1, 0, 0);
	put_question();
	PUT("\300\14\0\1\0\1\0\0\0\0\0\3abc");
	assert_int_equal(parse(), ERR_FORMAT);
	assert_int_equal(m.question_end, QUESTION_END);
	assert_int_equal(m.qname.len, 14);
	assert_int_equal(m.id, 0x1234);
	start(0, 2, 0, 0, 0);
	put_question();
	PUT("\100");
	assert_int_equal(parse(), ERR_FORMAT);
	assert_int_equal(m.question_end, QUESTION_END);
	assert_int_equal(m.count[0], 2);
	start(0, 1, 0, 0, 0);
	PUT("\4home\0\0\1\0");
	assert_int_equal(parse(), ERR_FORMAT);
	assert_int_equal(m.question_end, 12);
	assert_int_equal(m.qname.len, 0);
}

static void counts_and_content_agree(void **state)
{
	(void)state;
	start(0, 1, 0, 0, 0);
	put_question();
	PUT("\0");
	assert_int_equal(parse(), ERR_FORMAT);
	start(0, 1, 0, 0, 2);
	put_question();
	put_opt();
	assert_int_equal(parse(), ERR_FORMAT);
	start(0, 65535, 65535, 65535, 65535);
	put_question();
	assert_int_equal(parse(), ERR_FORMAT);
}

static void opt_rules(void **state)
{
	(void)state;
	start(0, 1, 0, 0, 2); /* two */
	put_question();
	put_opt();
	put_opt();
	assert_int_equal(parse(), ERR_FORMAT);
	start(0, 1, 0, 1, 0); /* not in the additional section */
	put_question();
	put_opt();
	assert_int_equal(parse(), ERR_FORMAT);
	start(0, 1, 0, 0, 1); /* an owner */
	put_question();
	PUT("\1a\0\0\51\4\320\0\0\0\0\0\0");
	assert_int_equal(parse(), ERR_FORMAT);
	start(0, 1, 0, 0, 1); /* an option longer than the record */
	put_question();
	PUT("\0\0\51\4\320\0\0\0\0\0\5\0\12\0\2a");
	assert_int_equal(parse(), ERR_FORMAT);
	start(0, 1, 0, 0, 1); /* half an option header */
	put_question();
	PUT("\0\0\51\4\320\0\0\0\0\0\2\0\12");
	assert_int_equal(parse(), ERR_FORMAT);
	start(0, 1, 0, 0, 1); /* version 1 is the request path's to refuse */
	put_question();
	PUT("\0\0\51\4\320\0\1\0\0\0\0");
	assert_int_equal(parse(), ERR_OK);
	assert_int_equal(m.edns.version, 1);
	assert_int_equal(m.edns.opt_len, 0);
}

static void tsig_rules(void **state)
{
	(void)state;
	start(0, 1, 0, 0, 2);
	put_question();
	put_opt();
	size_t at = built.out.len;
	put_tsig();
	assert_int_equal(parse(), ERR_OK);
	assert_int_equal(m.tsig_at, at);
	assert_true(m.edns.present);
	start(0, 1, 0, 0, 2); /* not last */
	put_question();
	put_tsig();
	put_opt();
	assert_int_equal(parse(), ERR_FORMAT);
	start(0, 1, 0, 0, 2); /* twice */
	put_question();
	put_tsig();
	put_tsig();
	assert_int_equal(parse(), ERR_FORMAT);
	start(0, 1, 1, 0, 0); /* elsewhere */
	put_question();
	put_tsig();
	assert_int_equal(parse(), ERR_FORMAT);
	start(0, 1, 0, 0, 1); /* wrong class */
	put_question();
	put_tsig();
	built.octets[QUESTION_END + 6] = CLASS_IN;
	assert_int_equal(parse(), ERR_FORMAT);
}

static void sig0_is_found(void **state)
{
	(void)state;
	start(OPCODE_UPDATE << FLAG_OPCODE_SHIFT, 1, 0, 0, 1);
	put_question();
	PUT("\0\0\30\0\377\0\0\0\0\0\26\0\0\15\0\0\0\0\0\0\0\0\2\0\0\0\1\0\4\1k\0s");
	assert_int_equal(parse(), ERR_OK);
	assert_int_equal(m.sig0_at, QUESTION_END);
	assert_int_equal(m.tsig_at, 0);
}

static void put_update_record(uint16_t class)
{
	PUT("\3www\300\14\0\1");
	buf_put_u16(&built.out, class);
	PUT("\0\0\0\0\0\0");
}

static void update_shorthand(void **state)
{
	struct name owner;
	uint8_t room[100];
	struct wbuf scratch = buf_writer(room, sizeof room);
	struct rr rr;
	(void)state;
	start(OPCODE_UPDATE << FLAG_OPCODE_SHIFT, 1, 1, 1, 0);
	put_question();
	put_update_record(CLASS_ANY);
	put_update_record(CLASS_NONE);
	assert_int_equal(parse(), ERR_OK);
	size_t at = m.section[SECTION_PREREQ];
	assert_int_equal(message_next_rr(&m, &at, &owner, &scratch, &rr), ERR_OK);
	assert_int_equal(at, m.section[SECTION_UPDATE]);
	assert_int_equal(rr.class, CLASS_ANY);
	assert_int_equal(rr.rdlen, 0);
	assert_int_equal(message_next_rr(&m, &at, &owner, &scratch, &rr), ERR_OK);
	assert_int_equal(rr.class, CLASS_NONE);
	assert_int_equal(at, m.len);
	assert_int_equal(message_next_rr(&m, &at, &owner, &scratch, &rr), ERR_FORMAT);
	/* In a QUERY every A record needs its address. */
	start(0, 1, 1, 0, 0);
	put_question();
	put_update_record(CLASS_ANY);
	assert_int_equal(parse(), ERR_FORMAT);
}

/* A prerequisite or update whose RDATA is wrong can be named, and the next one be read. */
static void update_rdata_is_judged_later(void **state)
{
	struct name owner;
	uint8_t room[100];
	struct wbuf scratch = buf_writer(room, sizeof room);
	struct rr rr;
	(void)state;
	start(OPCODE_UPDATE << FLAG_OPCODE_SHIFT, 1, 1, 2, 0);
	put_question();
	put_update_record(CLASS_IN);
	PUT("\1a\300\14\0\1\0\1\0\0\0\5\0\3abc");
	PUT("\1b\300\14\0\1\0\1\0\0\0\6\0\4abcd");
	assert_int_equal(parse(), ERR_OK);
	size_t at = m.section[SECTION_PREREQ];
	assert_int_equal(message_next_rr(&m, &at, &owner, &scratch, &rr), ERR_FORMAT);
	assert_int_equal(at, m.section[SECTION_UPDATE]);
	assert_int_equal(message_next_rr(&m, &at, &owner, &scratch, &rr), ERR_FORMAT);
	assert_memory_equal(rr.owner, "\1a\4Home", 7);
	assert_int_equal(rr.type, TYPE_A);
	assert_int_equal(rr.ttl, 5);
	assert_int_equal(rr.rdlen, 0);
	assert_int_equal(message_next_rr(&m, &at, &owner, &scratch, &rr), ERR_OK);
	assert_memory_equal(rr.owner, "\1b\4Home", 7);
	assert_memory_equal(rr.rdata, "abcd", 4);
	assert_int_equal(at, m.len);
	/* What accompanies the message is checked at once; and octets that are not there cannot be skipped. */
	start(OPCODE_UPDATE << FLAG_OPCODE_SHIFT, 1, 0, 0, 1);
	put_question();
	put_update_record(CLASS_IN);
	assert_int_equal(parse(), ERR_FORMAT);
	start(OPCODE_UPDATE << FLAG_OPCODE_SHIFT, 1, 0, 1, 0);
	put_question();
	PUT("\1a\300\14\0\1\0\1\0\0\0\5\0\4abc");
	assert_int_equal(parse(), ERR_FORMAT);
}

static void records_one_by_one(void **state)
{
	struct name owner;
	uint8_t room[100];
	struct wbuf scratch = buf_writer(room, sizeof room);
	struct rr rr;
	(void)state;
	start(FLAG_QR, 1, 2, 0, 0);
	put_question();
	PUT("\3www\300\14\0\17\0\1\0\0\1\54\0\11\0\12\4mail\300\14");
	PUT("\300\36\377\0\0\1\0\0\0\1\0\2\300\14");
	assert_int_equal(parse(), ERR_OK);
	size_t at = m.section[SECTION_ANSWER];
	assert_int_equal(message_next_rr(&m, &at, &owner, &scratch, &rr), ERR_OK);
	assert_int_equal(owner.len, 18);
	assert_memory_equal(rr.owner, "\3www\4Home\7example\0", 18);
	assert_int_equal(rr.type, TYPE_MX);
	assert_int_equal(rr.ttl, 300);
	assert_int_equal(rr.rdlen, 21);
	assert_memory_equal(rr.rdata, "\0\12\4mail\4Home\7example\0", 21);
	assert_int_equal(message_next_rr(&m, &at, &owner, &scratch, &rr), ERR_OK);
	assert_int_equal(rr.type, 0xff00);
	assert_int_equal(owner.len, 18);
	assert_int_equal(rr.rdlen, 2);
	assert_memory_equal(rr.rdata, "\300\14", 2);
	at = m.section[SECTION_ANSWER];
	scratch = buf_writer(room, 20);
	assert_int_equal(message_next_rr(&m, &at, &owner, &scratch, &rr), ERR_NOSPACE);
	assert_int_equal(at, m.section[SECTION_ANSWER] + 6 + 10 + 9);
}

static void other_opcodes_keep_their_rdata(void **state)
{
	(void)state;
	start(OPCODE_STATUS << FLAG_OPCODE_SHIFT, 1, 1, 0, 0);
	put_question();
	PUT("\300\14\0\1\0\1\0\0\0\0\0\3abc");
	assert_int_equal(parse(), ERR_OK);
}

/* The whole of a message of 64 KB: the RDATA of its first record leads, by so many pointers, to a name of so many labels,
 * and every other record's owner and RDATA point at the last of these pointers. */
static void put_bomb(unsigned labels, unsigned hops)
{
	uint16_t records = 1;
	start(OPCODE_UPDATE << FLAG_OPCODE_SHIFT, 0, 0, 0, 0);
	PUT("\0\0\12\0\1\0\0\0\0\0\0"); /* NULL, its RDLENGTH patched below */
	size_t rdata = built.out.len, target = rdata;
	for (unsigned i = 0; i < labels; i++)
		PUT("\1x");
	PUT("\0");
	for (unsigned i = 0; i < hops; i++) {
		buf_put_u16(&built.out, (uint16_t)(0xc000 | target));
		target = built.out.len - 2;
	}
	buf_store_u16(built.octets + rdata - 2, (uint16_t)(built.out.len - rdata));
	for (; built.out.len + 16 <= MESSAGE_MAX; records++) {
		buf_put_u16(&built.out, (uint16_t)(0xc000 | target));
		PUT("\0\16\0\1\0\0\0\0\0\4"); /* MINFO: two names */
		buf_put_u16(&built.out, (uint16_t)(0xc000 | target));
		buf_put_u16(&built.out, (uint16_t)(0xc000 | target));
	}
	buf_store_u16(built.octets + 6, records);
}

/* Each octet costs about one step, wherever pointers lead. */
static void hostile_compression_is_cheap(void **state)
{
	(void)state;
	for (unsigned labels = 1; labels <= NAME_LABELS_MAX; labels += 42)
		for (unsigned hops = 0; hops < NAME_LABELS_MAX; hops += 42) {
			put_bomb(labels, hops);
			assert_int_equal(parse(), ERR_OK);
			assert_true(m.name_steps <= m.len / 4);
		}
	put_bomb(1, NAME_LABELS_MAX);
	assert_int_equal(parse(), ERR_FORMAT);
	put_bomb(NAME_LABELS_MAX + 1, 0);
	assert_int_equal(parse(), ERR_FORMAT);
}

/* Walks every record of what parsed: all of it must be readable again. */
static void read_all(void)
{
	static uint8_t room[RDATA_MAX];
	size_t at = m.section[SECTION_ANSWER];
	unsigned records = (unsigned)m.count[1] + m.count[2] + m.count[3];
	for (; records; records--) {
		struct name owner;
		struct wbuf scratch = buf_writer(room, sizeof room);
		struct rr rr;
		enum err err = message_next_rr(&m, &at, &owner, &scratch, &rr);
		enum opcode opcode = message_opcode(&m);
		if (opcode != OPCODE_QUERY && opcode != OPCODE_NOTIFY && opcode != OPCODE_UPDATE)
			return;
		bool judged_later = opcode == OPCODE_UPDATE && records > m.count[SECTION_ADDITIONAL];
		assert_true(err == ERR_OK || judged_later);
		assert_true(rr.rdlen == 0 || rr_check_rdata(rr.type, rr.rdata, rr.rdlen) == ERR_OK);
	}
	assert_int_equal(at, m.len);
}

static void put_record(uint16_t type, const char *rdata, size_t len)
{
	PUT("\1b\300\14");
	buf_put_u16(&built.out, type);
	PUT("\0\1\0\0\1\54");
	buf_put_u16(&built.out, (uint16_t)len);
	buf_put(&built.out, rdata, len);
}

#define RECORD(type, literal) put_record(type, literal, sizeof(literal) - 1)

static void put_mixed_message(void)
{
	bool update = rand() % 2;
	start((uint16_t)(update ? OPCODE_UPDATE << FLAG_OPCODE_SHIFT : 0), 1, 3, 3, 2);
	put_question();
	if (update)
		put_update_record(CLASS_ANY);
	else
		RECORD(TYPE_A, "1234");
	RECORD(TYPE_SOA, "\2ns\300\14\3adm\300\14"
			 "12341234123412341234");
	RECORD(TYPE_NAPTR, "\0\1\0\2\1S\3sip\0\1a\300\14");
	RECORD(TYPE_SRV, "\0\1\0\2\0\3\1a\300\14");
	RECORD(TYPE_NSEC, "\1a\1b\0\0\1\100");
	RECORD(TYPE_SVCB, "\0\1\1a\0\0\3\0\2\0\65");
	put_opt();
	put_tsig();
}

static void random_changes(void **state)
{
	int parsed = 0;
	(void)state;
	srand(1983);
	for (int round = 0; round < 100000; round++) {
		put_mixed_message();
		for (int changes = rand() % 4; changes > 0; changes--)
			built.octets[(size_t)rand() % built.out.len] = (uint8_t)(rand() % 2   ? rand()
										 : rand() % 2 ? rand() % 4
											      : 0xc0);
		if (rand() % 4 == 0)
			built.out.len = (size_t)rand() % built.out.len;
		if (parse() == ERR_OK) {
			read_all();
			parsed++;
		}
	}
	assert_true(parsed > 1000);
}

static int drop_copy(void **state)
{
	(void)state;
	free(copy);
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(common_query),
		cmocka_unit_test(header_alone),
		cmocka_unit_test(question_survives_later_faults),
		cmocka_unit_test(counts_and_content_agree),
		cmocka_unit_test(opt_rules),
		cmocka_unit_test(tsig_rules),
		cmocka_unit_test(sig0_is_found),
		cmocka_unit_test(update_shorthand),
		cmocka_unit_test(update_rdata_is_judged_later),
		cmocka_unit_test(records_one_by_one),
		cmocka_unit_test(other_opcodes_keep_their_rdata),
		cmocka_unit_test(hostile_compression_is_cheap),
		cmocka_unit_test(random_changes),
	};
	return cmocka_run_group_tests(tests, NULL, drop_copy);
}
