/* content_test.c: blocks of records: canonical order, TTLs, singletons, signatures, limits, differences. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "zones/memory/content.h"

static const uint8_t owner[] = "\4Host\4home\7example";
static const uint8_t lower_owner[] = "\4host\4home\7example";

static struct content *add(struct content *old, uint16_t type, uint32_t ttl, const void *rdata, size_t rdlen,
			   bool expect_change)
{
	struct content *new;
	bool changed;

	assert_int_equal(content_with(old, owner, type, ttl, rdata, (uint16_t)rdlen, &new, &changed), ERR_OK);
	assert_int_equal(changed, expect_change);
	if (!changed) {
		assert_null(new);
		return old;
	}
	content_free(old);
	return new;
}

static struct content *without(struct content *old, uint16_t type, const void *rdata, size_t rdlen, bool expect_change)
{
	struct content *new;
	bool changed;

	assert_int_equal(content_without(old, type, rdata, (uint16_t)rdlen, &new, &changed), ERR_OK);
	assert_int_equal(changed, expect_change);
	if (!changed)
		return old;
	content_free(old);
	return new;
}

/* An RRSIG covering `type` with a distinguishable signature (RFC 4034 §3.1). */
static size_t make_rrsig(uint8_t *rdata, uint16_t type, uint8_t mark)
{
	memset(rdata, 0, 18);
	buf_store_u16(rdata, type);
	rdata[2] = 13;
	rdata[18] = 0; /* signer: the root */
	rdata[19] = mark;
	return 20;
}

/* The content as text: "TYPE ttl last-octet …", for comparing. */
static const char *text(const struct content *c)
{
	static char out[1024];
	size_t len = 0;

	out[0] = '\0';
	for (size_t i = 0; c && i < c->sets; i++) {
		for (int sig = 0; sig < 2; sig++) {
			const struct rrset *s = &c->set[i];
			struct content_rr rr;
			size_t at = 0;
			while (content_next(sig ? content_sig_block(c, s) : content_block(c, s),
					    sig ? s->sig_len : s->len, &at, &rr)) {
				char type[RR_TYPE_TEXT_MAX];
				len += (size_t)snprintf(out + len, sizeof out - len, "%s %u %u; ",
							rr_type_to_text(rr.type, type), rr.ttl, rr.rdata[rr.rdlen - 1]);
			}
		}
	}
	return out;
}

static void records_stand_in_canonical_order_once(void **state)
{
	struct content *c = NULL;

	(void)state;
	c = add(c, TYPE_A, 60, "\300\0\2\5", 4, true);
	c = add(c, TYPE_A, 60, "\300\0\2\1", 4, true);
	c = add(c, TYPE_A, 60, "\300\0\2\3", 4, true);
	c = add(c, TYPE_A, 60, "\300\0\2\3", 4, false);
	assert_string_equal(text(c), "A 60 1; A 60 3; A 60 5; ");
	c = without(c, TYPE_A, "\300\0\2\3", 4, true);
	c = without(c, TYPE_A, "\300\0\2\3", 4, false);
	c = without(c, TYPE_TXT, "\1a", 2, false);
	assert_string_equal(text(c), "A 60 1; A 60 5; ");
	content_free(c);
}

static void ready_records_point_at_the_question(void **state)
{
	struct content *c = add(NULL, TYPE_A, 0x01020304, "\300\0\2\1", 4, true);
	static const uint8_t expected[] = {0xc0, 12, 0, TYPE_A, 0, CLASS_IN, 1, 2, 3, 4, 0, 4, 192, 0, 2, 1};
	const struct rrset *s = content_find(c, TYPE_A);

	(void)state;
	assert_int_equal(s->len, sizeof expected);
	assert_memory_equal(content_block(c, s), expected, sizeof expected);
	assert_int_equal(content_ttl(c, s), 0x01020304);
	content_free(c);
}

static void one_ttl_for_all(void **state)
{
	struct content *c = add(NULL, TYPE_A, 60, "\300\0\2\1", 4, true);

	(void)state;
	c = add(c, TYPE_A, 300, "\300\0\2\2", 4, true);
	assert_string_equal(text(c), "A 300 1; A 300 2; ");
	c = add(c, TYPE_A, 30, "\300\0\2\1", 4, true);
	assert_string_equal(text(c), "A 30 1; A 30 2; ");
	content_free(c);
}

static void a_singleton_replaces(void **state)
{
	struct content *c = add(NULL, TYPE_CNAME, 60, "\1a", 3, true);

	(void)state;
	c = add(c, TYPE_CNAME, 60, "\1A", 3, false); /* the same name (RFC 4343) */
	c = add(c, TYPE_CNAME, 60, "\1b", 3, true);
	assert_int_equal(content_find(c, TYPE_CNAME)->count, 1);
	assert_true(c->flags & CONTENT_CNAME);
	c = without(c, TYPE_CNAME, "\1B", 3, true);
	assert_int_equal(c->sets, 0);
	assert_false(c->flags & CONTENT_CNAME);
	assert_false(content_in_use(c));
	content_free(c);
}

static void signatures_stand_behind_what_they_cover(void **state)
{
	uint8_t sig[20];
	struct content *c = add(NULL, TYPE_TXT, 60, "\1x", 2, true);
	size_t len = make_rrsig(sig, TYPE_A, 1);

	(void)state;
	c = add(c, TYPE_RRSIG, 60, sig, len, true);
	assert_null(content_find(c, TYPE_A));
	assert_non_null(content_find_any(c, TYPE_A));
	assert_int_equal(content_ttl(c, content_find_any(c, TYPE_A)), 60);
	c = add(c, TYPE_A, 60, "\300\0\2\1", 4, true);
	make_rrsig(sig, TYPE_A, 2);
	c = add(c, TYPE_RRSIG, 60, sig, len, true);
	c = add(c, TYPE_RRSIG, 60, sig, len, false);
	assert_string_equal(text(c), "A 60 1; RRSIG 60 1; RRSIG 60 2; TXT 60 120; ");
	c = without(c, TYPE_RRSIG, sig, len, true);
	assert_string_equal(text(c), "A 60 1; RRSIG 60 1; TXT 60 120; ");
	c = without(c, TYPE_A, "\300\0\2\1", 4, true); /* the last record goes: its signature says nothing now */
	assert_string_equal(text(c), "TXT 60 120; ");
	content_free(c);
}

static void removing_sets(void **state)
{
	static const uint16_t keep[] = {TYPE_NS, TYPE_SOA, 0};
	struct content *c = add(NULL, TYPE_NS, 60, "\1a", 3, true);
	struct content *out;
	bool changed;

	(void)state;
	c = add(c, TYPE_A, 60, "\300\0\2\1", 4, true);
	c = add(c, TYPE_TXT, 60, "\1x", 2, true);
	assert_int_equal(content_without_set(c, TYPE_MX, NULL, &out, &changed), ERR_OK);
	assert_false(changed);
	assert_int_equal(content_without_set(c, TYPE_ANY, keep, &out, &changed), ERR_OK);
	assert_true(changed);
	assert_string_equal(text(out), "NS 60 0; ");
	assert_true(out->flags & CONTENT_NS);
	content_free(out);
	assert_int_equal(content_without_set(c, TYPE_TXT, NULL, &out, &changed), ERR_OK);
	assert_string_equal(text(out), "A 60 1; NS 60 0; ");
	content_free(out);
	content_free(c);
}

static void case_of_the_owner_is_kept(void **state)
{
	struct content *c = add(NULL, TYPE_A, 60, "\300\0\2\1", 4, true);
	struct content *next;
	bool changed;

	(void)state;
	assert_memory_equal(content_owner_cased(c), owner, sizeof owner);
	assert_int_equal(content_with(c, lower_owner, TYPE_TXT, 60, (const uint8_t *)"\1x", 2, &next, &changed),
			 ERR_OK);
	assert_memory_equal(content_owner_cased(next), owner, sizeof owner); /* the first spelling stays */
	content_free(c);
	content_free(next);
	assert_int_equal(content_with(NULL, lower_owner, TYPE_TXT, 60, (const uint8_t *)"\1x", 2, &next, &changed),
			 ERR_OK);
	assert_null(content_owner_cased(next));
	content_free(next);
}

static void an_rrset_stays_within_a_message(void **state)
{
	uint8_t rdata[4] = {10, 0, 0, 0};
	struct content *c = NULL;
	struct content *next;
	bool changed;
	enum err e = ERR_OK;
	unsigned n;

	(void)state;
	for (n = 0; n < 5000; n++) {
		rdata[2] = (uint8_t)(n >> 8);
		rdata[3] = (uint8_t)n;
		e = content_with(c, owner, TYPE_A, 60, rdata, 4, &next, &changed);
		if (e)
			break;
		content_free(c);
		c = next;
	}
	assert_int_equal(e, ERR_NOSPACE);
	assert_int_equal(n, CONTENT_RRSET_MAX / 16);
	assert_int_equal(content_find(c, TYPE_A)->count, n);
	content_free(c);
}

static void types_at_a_name_are_bounded(void **state)
{
	struct content *c = NULL;
	struct content *next;
	bool changed;
	enum err e = ERR_OK;
	uint16_t type;

	(void)state;
	for (type = 1000; type < 1000 + 2 * CONTENT_SETS_MAX; type++) {
		e = content_with(c, owner, type, 60, (const uint8_t *)"x", 1, &next, &changed);
		if (e)
			break;
		content_free(c);
		c = next;
	}
	assert_int_equal(e, ERR_NOSPACE);
	assert_int_equal(c->sets, CONTENT_SETS_MAX);
	content_free(c);
}

static void the_maker_sorts_and_drops_duplicates(void **state)
{
	struct content_maker *m;
	struct content *c;
	uint8_t sig[20];

	(void)state;
	assert_int_equal(content_maker_new(&m), ERR_OK);
	assert_int_equal(content_maker_add(m, TYPE_NULL, 60, NULL, 0), ERR_OK); /* before anything has octets */
	assert_int_equal(content_maker_finish(m, owner, &c), ERR_OK);
	assert_int_equal(content_find(c, TYPE_NULL)->len, CONTENT_RECORD_HEAD);
	content_free(c);
	for (int round = 0; round < 2; round++) {
		make_rrsig(sig, TYPE_A, 7);
		assert_int_equal(content_maker_add(m, TYPE_TXT, 60, (const uint8_t *)"\1x", 2), ERR_OK);
		assert_int_equal(content_maker_add(m, TYPE_RRSIG, 60, sig, sizeof sig), ERR_OK);
		assert_int_equal(content_maker_add(m, TYPE_A, 90, (const uint8_t *)"\300\0\2\2", 4), ERR_OK);
		assert_int_equal(content_maker_add(m, TYPE_A, 60, (const uint8_t *)"\300\0\2\1", 4), ERR_OK);
		assert_int_equal(content_maker_add(m, TYPE_A, 70, (const uint8_t *)"\300\0\2\2", 4), ERR_OK);
		assert_int_equal(content_maker_finish(m, owner, &c), ERR_OK);
		assert_string_equal(text(c), "A 60 1; A 60 2; RRSIG 60 7; TXT 60 120; ");
		content_free(c);
	}
	assert_int_equal(content_maker_add(m, TYPE_RRSIG, 60, sig, 1), ERR_FORMAT);
	assert_int_equal(content_maker_finish(m, owner, &c), ERR_OK);
	assert_int_equal(c->sets, 0);
	content_free(c);
	content_maker_free(m);
}

/* Writes each difference as "-A 1; +A 2; ". */
static enum err note(void *arg, bool is_add, const struct content_rr *rr)
{
	char *out = arg;
	char type[RR_TYPE_TEXT_MAX];

	snprintf(out + strlen(out), 512 - strlen(out), "%c%s %u %u; ", is_add ? '+' : '-',
		 rr_type_to_text(rr->type, type), rr->ttl, rr->rdata[rr->rdlen - 1]);
	return ERR_OK;
}

static void differences_are_deletions_then_additions(void **state)
{
	struct content *a = add(NULL, TYPE_A, 60, "\300\0\2\1", 4, true);
	struct content *b;
	char out[512] = "";

	(void)state;
	a = add(a, TYPE_A, 60, "\300\0\2\2", 4, true);
	a = add(a, TYPE_TXT, 60, "\1x", 2, true);
	b = add(NULL, TYPE_A, 60, "\300\0\2\2", 4, true);
	b = add(b, TYPE_A, 60, "\300\0\2\3", 4, true);
	b = add(b, TYPE_MX, 60, "\0\1\0", 3, true);
	assert_int_equal(content_diff(a, b, note, out), ERR_OK);
	assert_string_equal(out, "-A 60 1; -TXT 60 120; +A 60 3; +MX 60 0; ");
	out[0] = '\0';
	assert_int_equal(content_diff(NULL, b, note, out), ERR_OK);
	assert_string_equal(out, "+A 60 2; +A 60 3; +MX 60 0; ");
	out[0] = '\0';
	assert_int_equal(content_diff(b, NULL, note, out), ERR_OK);
	assert_string_equal(out, "-A 60 2; -A 60 3; -MX 60 0; ");
	content_free(a);
	a = add(NULL, TYPE_A, 61, "\300\0\2\2", 4, true);
	out[0] = '\0';
	assert_int_equal(content_diff(a, b, note, out), ERR_OK); /* another TTL: every record of the set */
	assert_string_equal(out, "-A 61 2; +A 60 2; +A 60 3; +MX 60 0; ");
	out[0] = '\0';
	assert_int_equal(content_diff(b, b, note, out), ERR_OK);
	assert_string_equal(out, "");
	content_free(a);
	content_free(b);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(records_stand_in_canonical_order_once),
		cmocka_unit_test(ready_records_point_at_the_question),
		cmocka_unit_test(one_ttl_for_all),
		cmocka_unit_test(a_singleton_replaces),
		cmocka_unit_test(signatures_stand_behind_what_they_cover),
		cmocka_unit_test(removing_sets),
		cmocka_unit_test(case_of_the_owner_is_kept),
		cmocka_unit_test(an_rrset_stays_within_a_message),
		cmocka_unit_test(types_at_a_name_are_bounded),
		cmocka_unit_test(the_maker_sorts_and_drops_duplicates),
		cmocka_unit_test(differences_are_deletions_then_additions),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
