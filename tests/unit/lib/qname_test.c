#include <stdarg.h>
#include <setjmp.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <cmocka.h>

#include "lib/qname.h"

static struct name from(const char *text)
{
	struct name n;
	assert_int_equal(name_from_text(&n, text), ERR_OK);
	return n;
}

/* A copy of exactly its length on the heap, so that a read past the end is seen. */
static struct qname prepared(const char *text)
{
	struct name n = from(text);
	struct qname q;
	uint8_t *exact = malloc(n.len);
	memcpy(exact, n.wire, n.len);
	qname_set(&q, exact);
	free(exact);
	return q;
}

static void splits_and_lowers(void **state)
{
	struct qname q = prepared("WWW.Home.Example");
	(void)state;
	assert_int_equal(q.len, 18);
	assert_int_equal(q.labels, 3);
	assert_memory_equal(q.lower, "\3www\4home\7example\0", 18);
	assert_int_equal(q.off[1], 4);
	assert_int_equal(q.off[3], 17);
	assert_memory_equal(qname_suffix(&q, 2), "\7example\0", 9);
	q = prepared(".");
	assert_int_equal(q.len, 1);
	assert_int_equal(q.labels, 0);
	assert_int_equal(q.off[0], 0);
}

static void hash_ignores_case(void **state)
{
	struct qname a = prepared("a-rather-long-first-label.Home.EXAMPLE");
	struct qname b = prepared("A-Rather-Long-First-LABEL.hOME.example");
	(void)state;
	for (unsigned i = 0; i <= a.labels; i++)
		assert_true(a.hash[i] == b.hash[i]);
}

/* Labels of every length, in front of suffixes of every length: the suffix's hashes are those it has alone. */
static void suffix_hash_stands_alone(void **state)
{
	(void)state;
	for (int first = 1; first <= NAME_LABEL_MAX; first++)
		for (int last = 1; last <= NAME_LABEL_MAX; last++) {
			char text[200], *suffix = text + first + 1;
			memset(text, 'x', sizeof text);
			text[first] = '.';
			suffix[last] = '.';
			suffix[last + 1] = '\0';
			struct qname whole = prepared(text), alone = prepared(suffix);
			assert_int_equal(whole.labels, 2);
			assert_true(whole.hash[1] == alone.hash[0]);
			assert_true(whole.hash[2] == alone.hash[1]);
			assert_true(whole.hash[0] != whole.hash[1]);
		}
}

static void wildcard_hash(void **state)
{
	struct qname home = prepared("www.home.example"), star = prepared("*.home.example");
	(void)state;
	assert_true(qname_wildcard_hash(&home, 1) == star.hash[0]);
	assert_true(qname_wildcard_hash(&home, 3) == prepared("*").hash[0]);
}

static void longest_names(void **state)
{
	char text[512];
	(void)state;
	for (int i = 0; i < NAME_LABELS_MAX; i++)
		memcpy(text + 2 * i, "q.", 3);
	struct qname q = prepared(text);
	assert_int_equal(q.len, NAME_WIRE_MAX);
	assert_int_equal(q.labels, NAME_LABELS_MAX);
	assert_int_equal(q.off[NAME_LABELS_MAX], NAME_WIRE_MAX - 1);
	assert_true(prepared("q").hash[0] == q.hash[NAME_LABELS_MAX - 1]);
}

static int compare_u64(const void *a, const void *b)
{
	const uint64_t *x = a, *y = b;
	return (*x > *y) - (*x < *y);
}

/* Names that differ in a digit or a label's border: no two hashes alike, and their low bits fill a table evenly. */
static void hash_spreads(void **state)
{
	enum { NAMES = 60000, BUCKETS = 1024 };
	static uint64_t hash[NAMES];
	static unsigned bucket[BUCKETS];
	(void)state;
	for (int i = 0; i < NAMES; i++) {
		char text[64];
		static const char *const forms[] = {"h%d.home.example", "%d.a-host-name-of-many-letters.example",
						    "a.%d.b"};
		snprintf(text, sizeof text, forms[i % 3], i / 3);
		hash[i] = prepared(text).hash[0];
		bucket[hash[i] % BUCKETS]++;
	}
	qsort(hash, NAMES, sizeof hash[0], compare_u64);
	for (int i = 1; i < NAMES; i++)
		assert_true(hash[i - 1] != hash[i]);
	for (int i = 0; i < BUCKETS; i++)
		assert_in_range(bucket[i], NAMES / BUCKETS / 3, NAMES / BUCKETS * 3);
}

static void label_borders_matter(void **state)
{
	(void)state;
	assert_true(prepared("ab.c").hash[0] != prepared("a.bc").hash[0]);
	assert_true(prepared("a\\001b").hash[0] != prepared("a.b").hash[0]);
	assert_true(prepared("a\\000").hash[0] != prepared("a").hash[0]);
	assert_true(prepared("aaaaaaaaaaaaaaa").hash[0] != prepared("aaaaaaaaaaaaaaaa").hash[0]);
}

static void seed_changes_hashes(void **state)
{
	uint64_t before = prepared("home.example").hash[0];
	(void)state;
	assert_int_equal(qname_seed(), ERR_OK);
	assert_true(prepared("home.example").hash[0] != before);
	suffix_hash_stands_alone(NULL);
	wildcard_hash(NULL);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(splits_and_lowers),
		cmocka_unit_test(hash_ignores_case),
		cmocka_unit_test(suffix_hash_stands_alone),
		cmocka_unit_test(wildcard_hash),
		cmocka_unit_test(longest_names),
		cmocka_unit_test(hash_spreads),
		cmocka_unit_test(label_borders_matter),
		cmocka_unit_test(seed_changes_hashes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
