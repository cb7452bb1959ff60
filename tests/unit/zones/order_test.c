/* order_test.c: the order of a signed zone's names against a sorted array, through random edits; and readers beside a
 * writer. */
#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "zones/memory/edit.h"
#include "zones/memory/grace.h"
#include "zones/memory/order.h"

enum { NAMES = 3000, ROUNDS = 400, SEEKS = 60 };

static const uint8_t apex[] = "\7example";
static const uint8_t nsec_rdata[] = "\7example\0\0\1\100"; /* next: the apex */

static uint32_t random_state = 4711;

static unsigned pick(unsigned n)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % n;
}

/* ---- names in canonical order, with octets that sort keys must escape and prefixes that are the same ---- */

static struct name names[NAMES];
static bool present[NAMES];

static uint8_t pick_octet(void)
{
	static const uint8_t odd[] = {0, 1, 2, 3, '*', '-', 255, 'a', 'b'};

	return pick(3) ? (uint8_t)('a' + pick(3)) : odd[pick(sizeof odd)];
}

static void make_name(struct name *n)
{
	uint8_t prefix[NAME_WIRE_MAX];
	size_t at = 0;

	if (pick(4) == 0) { /* many that only differ far behind the prefix */
		char text[64];
		snprintf(text, sizeof text, "x%u.host%05u.example", pick(3), pick(700));
		assert_int_equal(name_from_text(n, text + (pick(2) ? 3 : 0)), ERR_OK);
		return;
	}
	for (unsigned labels = 1 + pick(5); labels; labels--) {
		unsigned len = 1 + pick(4);
		prefix[at++] = (uint8_t)len;
		for (; len; len--)
			prefix[at++] = pick_octet();
	}
	assert_int_equal(name_join(n, prefix, at, apex), ERR_OK);
}

static int compare(const void *a, const void *b)
{
	return name_compare(((const struct name *)a)->wire, ((const struct name *)b)->wire);
}

static void make_names(void)
{
	size_t n = 0;

	for (size_t i = 0; i < NAMES; i++)
		make_name(&names[i]);
	qsort(names, NAMES, sizeof names[0], compare);
	for (size_t i = 0; i < NAMES; i++)
		if (!n || compare(&names[n - 1], &names[i]) != 0)
			names[n++] = names[i];
	while (n < NAMES) { /* in place of the doubles: after all others */
		char text[64];
		snprintf(text, sizeof text, "\\255\\255\\255zz%05zu.example", n);
		assert_int_equal(name_from_text(&names[n++], text), ERR_OK);
	}
	for (size_t i = 1; i < NAMES; i++)
		assert_true(compare(&names[i - 1], &names[i]) < 0);
}

/* ---- against the array ---- */

static const struct node *seek(struct order_cursor *c, const struct zone_view *v, const struct name *n)
{
	return order_seek(c, v->order, ORDER_NSEC, n->wire, n->len - sizeof apex);
}

static size_t index_of(const struct zone *z, const struct node *n)
{
	struct name name;

	zone_node_name(z, n, &name);
	struct name *found = bsearch(&name, names, NAMES, sizeof names[0], compare);
	assert_non_null(found);
	return (size_t)(found - names);
}

/* The last that is there, at or before i; the ring's last if there is none. NAMES: nothing is there. */
static size_t at_or_before(size_t i)
{
	for (size_t tries = 0; tries < NAMES; tries++, i = i ? i - 1 : NAMES - 1)
		if (present[i])
			return i;
	return NAMES;
}

static void check_seek(const struct zone_view *v, const struct name *wanted, size_t i, bool is_in_array)
{
	struct order_cursor c;
	const struct node *n = seek(&c, v, wanted);
	size_t expected = at_or_before(i);

	assert_int_equal(n == NULL, expected == NAMES);
	if (!n)
		return;
	assert_int_equal(index_of(v->zone, n), expected);
	assert_int_equal(c.equal, is_in_array && present[i]);
	for (unsigned back = 0; back < 3 && c.left; back++) {
		expected = at_or_before(expected ? expected - 1 : NAMES - 1);
		assert_int_equal(index_of(v->zone, order_before(&c)), expected);
		assert_false(c.equal);
	}
}

static void check_all(const struct zone_view *v)
{
	size_t count = 0, walked = 0;
	struct order_cursor c;

	for (size_t i = 0; i < NAMES; i++)
		count += present[i];
	assert_int_equal(order_count(v->order, ORDER_NSEC), count);
	assert_int_equal(order_count(v->order, ORDER_NSEC3), 0);
	for (const struct node *n = seek(&c, v, &names[NAMES - 1]); n; n = order_before(&c))
		walked++;
	assert_int_equal(walked, count);
	for (unsigned i = 0; i < SEEKS; i++) {
		size_t at = pick(NAMES);
		check_seek(v, &names[at], at, true);
	}
	for (unsigned i = 0; i < SEEKS; i++) {
		struct name other;
		size_t low = 0, high = NAMES;
		make_name(&other);
		while (low < high) {
			size_t middle = (low + high) / 2;
			if (compare(&other, &names[middle]) < 0)
				high = middle;
			else
				low = middle + 1;
		}
		bool in_array = low && compare(&other, &names[low - 1]) == 0;
		check_seek(v, &other, low ? low - 1 : NAMES - 1, in_array);
	}
}

static void set(struct edit *e, size_t i, bool there)
{
	enum err err = there ? edit_add(e, names[i].wire, TYPE_NSEC, 60, nsec_rdata, sizeof nsec_rdata - 1, NULL)
			     : edit_remove_set(e, names[i].wire, TYPE_NSEC, NULL, NULL);

	assert_int_equal(err, ERR_OK);
	present[i] = there;
}

/* A few changes anywhere, or many side by side, or all that is there. */
static void change(struct edit *e)
{
	static const uint8_t address[4] = {192, 0, 2, 1};
	unsigned what = pick(20);
	size_t from = pick(NAMES), count = what < 12 ? 1 + pick(5) : what < 18 ? pick(NAMES / 4) : NAMES;
	bool there = what == 19 ? false : pick(5) > 1;

	if (what == 18)
		return;
	for (size_t k = 0; k < count; k++)
		set(e, what < 12 ? pick(NAMES) : (from + k) % NAMES, there);
	if (pick(3) == 0) { /* other records at the name are no matter */
		size_t i = pick(NAMES);
		assert_int_equal(edit_add(e, names[i].wire, TYPE_A, 60, address, 4, NULL), ERR_OK);
		if (pick(2))
			assert_int_equal(edit_remove_set(e, names[i].wire, TYPE_A, NULL, NULL), ERR_OK);
	}
}

static void random_edits_match_a_sorted_array(void **state)
{
	static bool before[NAMES];
	struct zone_pin *pin = NULL;
	struct zone *z;
	struct edit *e;

	(void)state;
	assert_int_equal(zone_new(&z, apex, 1, 0), ERR_OK);
	for (unsigned round = 0; round < ROUNDS; round++) {
		memcpy(before, present, sizeof before);
		assert_int_equal(edit_begin(&e, z), ERR_OK);
		for (unsigned changes = pick(4); changes; changes--)
			change(e);
		unsigned end = pick(8);
		if (end > 0)
			assert_int_equal(edit_prepare(e), ERR_OK);
		if (end > 1) {
			edit_publish(e);
		} else {
			edit_abandon(e);
			memcpy(present, before, sizeof before);
		}
		struct zone_view v = zone_view(z);
		check_all(&v);
		if (pick(10) == 0) {
			zone_unpin(pin);
			assert_int_equal(zone_pin(z, &pin), ERR_OK);
			assert_null(zone_pin_view(pin)->order);
		}
		zone_trim(z);
		grace_quiescent();
	}
	zone_unpin(pin);
	zone_release(z);
}

/* ---- loading ---- */

static struct content *nsec_content(struct content_maker *m, const struct name *owner, uint16_t type)
{
	struct content *c;

	assert_int_equal(content_maker_add(m, type, 60, nsec_rdata, sizeof nsec_rdata - 1), ERR_OK);
	assert_int_equal(content_maker_finish(m, owner->wire, &c), ERR_OK);
	return c;
}

static void loading_makes_the_same_order(void **state)
{
	struct content_maker *m;
	struct zone *z;

	(void)state;
	assert_int_equal(zone_new(&z, apex, 1, NAMES), ERR_OK);
	assert_int_equal(content_maker_new(&m), ERR_OK);
	for (size_t i = 0; i < NAMES; i++)
		present[i] = pick(3) > 0;
	for (size_t i = 0; i < NAMES; i++) {
		size_t at = i * 7 % NAMES; /* any order; 7 does not divide NAMES */
		struct content *c = nsec_content(m, &names[at], present[at] ? TYPE_NSEC : TYPE_NULL);
		assert_int_equal(zone_load_content(z, names[at].wire, c), ERR_OK);
	}
	struct zone_view v = zone_view(z);
	assert_null(v.order);
	assert_int_equal(zone_loaded(z), ERR_OK);
	assert_int_equal(zone_loaded(z), ERR_OK);
	v = zone_view(z);
	check_all(&v);
	struct zone_memory memory;
	zone_memory(z, &memory);
	assert_true(order_octets(v.order) < memory.octets);
	content_maker_free(m);
	zone_release(z);
}

static void a_zone_without_nsec_has_no_order(void **state)
{
	static const uint8_t address[4] = {192, 0, 2, 1};
	struct zone *z;
	struct edit *e;

	(void)state;
	assert_int_equal(zone_new(&z, apex, 1, 0), ERR_OK);
	assert_int_equal(zone_loaded(z), ERR_OK);
	assert_int_equal(edit_begin(&e, z), ERR_OK);
	assert_int_equal(edit_add(e, names[0].wire, TYPE_A, 60, address, 4, NULL), ERR_OK);
	assert_int_equal(edit_prepare(e), ERR_OK);
	edit_publish(e);
	assert_null(zone_view(z).order);
	struct order_cursor c;
	assert_null(order_seek(&c, NULL, ORDER_NSEC, NULL, 0));
	assert_int_equal(order_count(NULL, ORDER_NSEC3), 0);
	assert_int_equal(order_octets(NULL), 0);
	zone_release(z);
}

/* ---- readers beside the writer: every view is of one version, with the order of that version ---- */

enum { READERS = 2, RING = 600, VERSIONS = 1500 };

static struct zone *shared;
static atomic_bool over;

/* In version k the name i is there unless (i + k) % 3 == 0; the apex has an A record that says k. */
static bool there_in(uint32_t k, size_t i)
{
	return (i + k) % 3 != 0;
}

static void edit_to(uint32_t k)
{
	struct edit *e;
	uint8_t address[4];

	buf_store_u32(address, k);
	assert_int_equal(edit_begin(&e, shared), ERR_OK);
	assert_int_equal(edit_remove_set(e, apex, TYPE_A, NULL, NULL), ERR_OK);
	assert_int_equal(edit_add(e, apex, TYPE_A, 60, address, 4, NULL), ERR_OK);
	for (size_t i = 0; i < RING; i++)
		if (there_in(k, i) != there_in(k - 1, i) || k == 1)
			set(e, i, there_in(k, i));
	assert_int_equal(edit_prepare(e), ERR_OK);
	edit_publish(e);
}

static bool view_is_of_one_version(uint32_t *state)
{
	struct zone_view v = zone_view(shared);
	const struct content *top = zone_find_name(&v, apex, NULL);
	const struct rrset *set_a = content_find(top, TYPE_A);
	struct order_cursor c;
	struct content_rr rr;
	struct name name;
	size_t at = 0;

	if (!set_a || !content_next(content_block(top, set_a), set_a->len, &at, &rr))
		return false;
	uint32_t k = buf_load_u32(rr.rdata);
	*state = *state * 1664525 + 1013904223;
	size_t i = (*state >> 8) % RING, expected = i;
	while (!there_in(k, expected))
		expected = expected ? expected - 1 : RING - 1;
	const struct node *n = seek(&c, &v, &names[i]);
	if (!n)
		return false;
	zone_node_name(shared, n, &name);
	const struct content *content = zone_content(&v, n);
	return content && (content->flags & CONTENT_NSEC) && name_equal(name.wire, names[expected].wire) &&
	       order_count(v.order, ORDER_NSEC) == RING - RING / 3;
}

static void *read_on(void *arg)
{
	uint32_t random = (uint32_t)(uintptr_t)arg;
	bool good = true;

	grace_register();
	while (!atomic_load(&over) && good) {
		for (unsigned i = 0; i < 100 && good; i++)
			good = view_is_of_one_version(&random);
		grace_quiescent();
	}
	grace_unregister();
	return good ? NULL : arg;
}

static void readers_see_one_version(void **state)
{
	pthread_t reader[READERS];
	void *bad;

	(void)state;
	assert_int_equal(zone_new(&shared, apex, 1, RING), ERR_OK);
	edit_to(1);
	atomic_store(&over, false);
	for (uintptr_t i = 0; i < READERS; i++)
		assert_int_equal(pthread_create(&reader[i], NULL, read_on, (void *)(i + 1)), 0);
	for (uint32_t k = 2; k < VERSIONS; k++) {
		edit_to(k);
		zone_trim(shared);
		grace_quiescent();
	}
	atomic_store(&over, true);
	grace_offline();
	bool good = true;
	for (size_t i = 0; i < READERS; i++) {
		assert_int_equal(pthread_join(reader[i], &bad), 0);
		good = good && !bad;
	}
	assert_true(good);
	grace_online();
	zone_release(shared);
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_edits_match_a_sorted_array),
		cmocka_unit_test(loading_makes_the_same_order),
		cmocka_unit_test(a_zone_without_nsec_has_no_order),
		cmocka_unit_test(readers_see_one_version),
	};

	grace_register();
	make_names();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	grace_offline();
	grace_barrier();
	grace_barrier(); /* what deferred calls deferred */
	grace_online();
	grace_unregister();
	return failed;
}
