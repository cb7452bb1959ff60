/* zone_test.c: the zone in memory against a plain array: random transactions, pins, aborts, empty non-terminals (RFC
 * 4592 §2.2.2). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "zones/memory/directory.h"
#include "zones/memory/edit.h"
#include "zones/memory/grace.h"

/* ---- a plain model: for each name a bit set of A records 192.0.2.x ---- */

enum { NAMES = 40, RECORDS = 6, PINS = 4, ROUNDS = 3000 };

static struct name names[NAMES];
static struct name apex;

struct model {
	uint8_t bits[NAMES];
};

static uint32_t random_state = 12345;

static unsigned pick(unsigned n)
{
	random_state = random_state * 1664525 + 1013904223;
	return (random_state >> 8) % n;
}

static void make_names(void)
{
	static const char *const parts[] = {"a", "b", "*", "_x"};
	unsigned n = 0;

	assert_int_equal(name_from_text(&apex, "Model.Example"), ERR_OK);
	name_lower(apex.wire, apex.wire, apex.len);
	for (unsigned i = 0; i < 4 && n < NAMES; i++) {
		char text[64];
		snprintf(text, sizeof text, "%s.model.example", parts[i]);
		assert_int_equal(name_from_text(&names[n++], text), ERR_OK);
		for (unsigned j = 0; j < 3 && n < NAMES; j++) {
			snprintf(text, sizeof text, "%s.%s.model.example", parts[j], parts[i]);
			assert_int_equal(name_from_text(&names[n++], text), ERR_OK);
			for (unsigned k = 0; k < 2 && n < NAMES; k++) {
				snprintf(text, sizeof text, "%s.m.%s.%s.model.example", parts[k], parts[j], parts[i]);
				assert_int_equal(name_from_text(&names[n++], text), ERR_OK);
			}
		}
	}
	while (n < NAMES) {
		char text[64];
		snprintf(text, sizeof text, "h%u.model.example", n);
		assert_int_equal(name_from_text(&names[n++], text), ERR_OK);
	}
}

static bool model_exists(const struct model *m, const uint8_t *name)
{
	for (unsigned i = 0; i < NAMES; i++)
		if (m->bits[i] && name_is_under(names[i].wire, name))
			return true;
	return name_equal(name, apex.wire);
}

static uint8_t bits_of(const struct content *c)
{
	const struct rrset *set = content_find(c, TYPE_A);
	uint8_t bits = 0;
	size_t at = 0;
	struct content_rr rr;

	while (set && content_next(content_block(c, set), set->len, &at, &rr))
		bits = (uint8_t)(bits | 1U << rr.rdata[3]);
	return bits;
}

static void check_view(const struct zone_view *v, const struct model *m)
{
	for (unsigned i = 0; i < NAMES; i++) {
		const struct content *c = zone_find_name(v, names[i].wire, NULL);
		assert_int_equal(c != NULL, model_exists(m, names[i].wire));
		assert_int_equal(bits_of(c), m->bits[i]);
		const uint8_t *parent = name_strip(names[i].wire, 1);
		assert_int_equal(zone_find_name(v, parent, NULL) != NULL, model_exists(m, parent));
	}
}

static void check_walk(const struct zone_pin *p, const struct model *m)
{
	unsigned with_records = 0;
	unsigned expected = 0;
	size_t cursor = 0;
	const struct content *c;
	const struct node *n;

	while ((n = zone_pin_next(p, &cursor, &c))) {
		struct name name;
		zone_node_name(zone_pin_zone(p), n, &name);
		assert_true(model_exists(m, name.wire));
		if (!c->sets)
			continue;
		with_records++;
	}
	for (unsigned i = 0; i < NAMES; i++)
		expected += m->bits[i] != 0;
	assert_int_equal(with_records, expected);
}

static void change(struct edit *e, struct model *m)
{
	unsigned i = pick(NAMES);
	unsigned what = pick(10);
	uint8_t rdata[4] = {192, 0, 2, (uint8_t)pick(RECORDS)};
	bool changed;

	if (what < 5) {
		assert_int_equal(edit_add(e, names[i].wire, TYPE_A, 60, rdata, 4, &changed), ERR_OK);
		assert_int_equal(changed, !(m->bits[i] >> rdata[3] & 1));
		m->bits[i] = (uint8_t)(m->bits[i] | 1U << rdata[3]);
	} else if (what < 8) {
		assert_int_equal(edit_remove(e, names[i].wire, TYPE_A, rdata, 4, &changed), ERR_OK);
		assert_int_equal(changed, m->bits[i] >> rdata[3] & 1);
		m->bits[i] = (uint8_t)(m->bits[i] & ~(1U << rdata[3]));
	} else {
		assert_int_equal(edit_remove_set(e, names[i].wire, what == 8 ? TYPE_A : TYPE_ANY, NULL, &changed),
				 ERR_OK);
		assert_int_equal(changed, m->bits[i] != 0);
		m->bits[i] = 0;
	}
	assert_int_equal(bits_of(edit_find(e, names[i].wire)), m->bits[i]);
}

/* Replays the changes an edit reports onto the model from before: it must give the model after. */
struct replay {
	struct model *m;
};

static enum err replay_change(void *arg, const uint8_t *owner, bool add, const struct content_rr *rr)
{
	struct replay *r = arg;

	for (unsigned i = 0; i < NAMES; i++) {
		if (!name_equal(names[i].wire, owner))
			continue;
		unsigned bit = 1U << rr->rdata[3];
		assert_int_equal((r->m->bits[i] & bit) != 0, !add);
		r->m->bits[i] = (uint8_t)(r->m->bits[i] ^ bit);
		return ERR_OK;
	}
	fail();
	return ERR_OK;
}

static void run_batch(struct zone *z, struct model *m)
{
	struct model now = *m;
	struct edit *e;

	assert_int_equal(edit_begin(&e, z), ERR_OK);
	for (unsigned jobs = 1 + pick(4); jobs; jobs--) {
		struct model before = now;
		edit_savepoint(e);
		for (unsigned k = 1 + pick(6); k; k--)
			change(e, &now);
		struct model replayed = before;
		struct replay r = {.m = &replayed};
		assert_int_equal(edit_changes(e, false, replay_change, &r), ERR_OK);
		assert_memory_equal(&replayed, &now, sizeof now);
		assert_int_equal(edit_changed_since_savepoint(e), memcmp(&before, &now, sizeof now) != 0);
		if (pick(3))
			continue;
		edit_rollback(e);
		now = before;
	}
	struct model whole = *m;
	struct replay r = {.m = &whole};
	assert_int_equal(edit_changes(e, true, replay_change, &r), ERR_OK);
	assert_memory_equal(&whole, &now, sizeof now);
	unsigned end = pick(6);
	if (end == 0) {
		edit_abandon(e);
		return;
	}
	assert_int_equal(edit_prepare(e), ERR_OK);
	struct zone_view v = zone_view(z);
	check_view(&v, m); /* nothing to be seen yet */
	if (end == 1) {
		edit_abandon(e);
		return;
	}
	edit_publish(e);
	*m = now;
}

static void random_transactions_match_a_plain_array(void **state)
{
	struct zone_pin *pin[PINS] = {NULL};
	struct model pinned[PINS];
	struct model m = {{0}};
	struct zone *z;

	(void)state;
	assert_int_equal(zone_new(&z, apex.wire, 1, 0), ERR_OK);
	for (unsigned round = 0; round < ROUNDS; round++) {
		run_batch(z, &m);
		struct zone_view v = zone_view(z);
		check_view(&v, &m);
		unsigned k = pick(PINS * 8);
		if (k < PINS) {
			zone_unpin(pin[k]);
			assert_int_equal(zone_pin(z, &pin[k]), ERR_OK);
			pinned[k] = m;
		}
		for (k = 0; k < PINS; k++)
			if (pin[k]) {
				check_view(zone_pin_view(pin[k]), &pinned[k]);
				check_walk(pin[k], &pinned[k]);
			}
		grace_quiescent();
	}
	for (unsigned k = 0; k < PINS; k++)
		zone_unpin(pin[k]);
	grace_offline();
	for (unsigned tries = 0; zone_trim(z) && tries < 10; tries++)
		grace_barrier(); /* tickets pass */
	assert_false(zone_trim(z));
	zone_release(z);
	grace_barrier();
	grace_online();
}

static void load_makes_empty_non_terminals(void **state)
{
	struct content_maker *maker;
	struct content *c;
	struct zone *z;
	struct name deep;
	struct name between;
	static const uint8_t address[4] = {192, 0, 2, 1};

	(void)state;
	assert_int_equal(name_from_text(&deep, "x.Y.z.model.example"), ERR_OK);
	assert_int_equal(name_from_text(&between, "z.model.example"), ERR_OK);
	assert_int_equal(zone_new(&z, apex.wire, 1, 1), ERR_OK);
	assert_int_equal(content_maker_new(&maker), ERR_OK);
	assert_int_equal(content_maker_add(maker, TYPE_A, 60, address, 4), ERR_OK);
	assert_int_equal(content_maker_finish(maker, deep.wire, &c), ERR_OK);
	assert_int_equal(zone_load_content(z, deep.wire, c), ERR_OK);
	struct zone_view v = zone_view(z);
	const struct content *found = zone_find_name(&v, between.wire, NULL);
	assert_non_null(found);
	assert_int_equal(found->sets, 0);
	found = zone_find_name(&v, deep.wire, NULL);
	assert_memory_equal(content_owner_cased(found), deep.wire, deep.len);
	assert_int_equal(content_maker_add(maker, TYPE_A, 60, address, 4), ERR_OK);
	assert_int_equal(content_maker_finish(maker, deep.wire, &c), ERR_OK);
	assert_int_equal(zone_load_content(z, deep.wire, c), ERR_EXISTS);
	struct name outside;
	assert_int_equal(name_from_text(&outside, "model.example.org"), ERR_OK);
	assert_int_equal(zone_load_content(z, outside.wire, c), ERR_RANGE);
	content_free(c);
	content_maker_free(maker);
	zone_release(z);
}

static enum err note_owner(void *arg, const uint8_t *owner, bool add, const struct content_rr *rr)
{
	(void)add;
	(void)rr;
	name_set(arg, owner);
	return ERR_OK;
}

/* The journal spells a name as the zone does: as it was first written (RFC 4343 §4.1). */
static void changes_spell_names_as_the_zone_does(void **state)
{
	static const uint8_t address[4] = {192, 0, 2, 1};
	static const char *const spelling[] = {"www.model.example", "WWW.model.example"};
	struct name name[2];
	struct name seen;

	(void)state;
	for (int first = 0; first < 2; first++) {
		struct zone *z;
		struct edit *e;
		assert_int_equal(name_from_text(&name[0], spelling[first]), ERR_OK);
		assert_int_equal(name_from_text(&name[1], spelling[!first]), ERR_OK);
		assert_int_equal(zone_new(&z, apex.wire, 1, 0), ERR_OK);
		for (int i = 0; i < 2; i++) {
			assert_int_equal(edit_begin(&e, z), ERR_OK);
			edit_savepoint(e);
			assert_int_equal(edit_add(e, name[i].wire, (uint16_t)(TYPE_A + 15 * i), 60, address, 4, NULL),
					 ERR_OK);
			assert_int_equal(edit_changes(e, false, note_owner, &seen), ERR_OK);
			assert_memory_equal(seen.wire, name[0].wire, seen.len);
			assert_int_equal(edit_prepare(e), ERR_OK);
			edit_publish(e);
		}
		assert_int_equal(edit_begin(&e, z), ERR_OK);
		edit_savepoint(e);
		assert_int_equal(edit_remove_set(e, name[1].wire, TYPE_ANY, NULL, NULL), ERR_OK);
		assert_int_equal(edit_changes(e, false, note_owner, &seen), ERR_OK);
		assert_memory_equal(seen.wire, name[0].wire, seen.len);
		edit_abandon(e);
		grace_quiescent();
		zone_release(z);
	}
}

/* One record, by an edit or while the zone is loaded. */
static void put_record(struct zone *z, bool load, const char *owner_text, uint16_t type, const void *rdata,
		       size_t rdlen)
{
	struct name owner;

	assert_int_equal(name_from_text(&owner, owner_text), ERR_OK);
	if (load) {
		struct content *c;
		bool changed;
		assert_int_equal(content_with(NULL, owner.wire, type, 60, rdata, (uint16_t)rdlen, &c, &changed),
				 ERR_OK);
		assert_int_equal(zone_load_content(z, owner.wire, c), ERR_OK);
		return;
	}
	struct edit *e;
	assert_int_equal(edit_begin(&e, z), ERR_OK);
	edit_savepoint(e);
	assert_int_equal(edit_add(e, owner.wire, type, 60, rdata, (uint16_t)rdlen, NULL), ERR_OK);
	assert_int_equal(edit_prepare(e), ERR_OK);
	edit_publish(e);
}

/* What spares queries a look must be known of every way in which such a name comes into a zone. */
static void a_zone_knows_of_stops_and_wildcards(void **state)
{
	static const struct {
		const char *owner;
		uint16_t type;
		bool stop, wildcard;
	} cases[] = {
		{"www.model.example", TYPE_A, false, false},  {"model.example", TYPE_NS, false, false},
		{"sub.model.example", TYPE_NS, true, false},  {"d.model.example", TYPE_DNAME, true, false},
		{"model.example", TYPE_DNAME, true, false},   {"*.model.example", TYPE_A, false, true},
		{"*.a.b.model.example", TYPE_A, false, true}, {"x.*.b.model.example", TYPE_A, false, true},
		{"a*.model.example", TYPE_A, false, false},   {"*.model.example", TYPE_NS, true, true},
	};
	static const uint8_t rdata[] = {1, 'n', 0, 0};

	(void)state;
	for (unsigned i = 0; i < 2 * sizeof cases / sizeof cases[0]; i++) {
		struct zone *z;
		assert_int_equal(zone_new(&z, apex.wire, 1, 0), ERR_OK);
		uint16_t type = cases[i / 2].type;
		put_record(z, i & 1, cases[i / 2].owner, type, rdata, type == TYPE_A ? 4 : 3);
		struct zone_view v = zone_view(z);
		assert_int_equal(zone_may_stop(&v), cases[i / 2].stop);
		assert_int_equal(zone_may_have_wildcard(&v), cases[i / 2].wildcard);
		grace_quiescent();
		zone_release(z);
	}
}

static void directory_finds_the_deepest_zone(void **state)
{
	static const char *const zones[] = {"example", "home.example", "2.0.192.in-addr.arpa", "a.b.c.home.example"};
	struct directory *d;
	struct name name;
	struct qname q;
	unsigned label;

	(void)state;
	assert_int_equal(directory_new(&d), ERR_OK);
	for (unsigned i = 0; i < 4; i++) {
		struct zone *z;
		assert_int_equal(name_from_text(&name, zones[i]), ERR_OK);
		assert_int_equal(zone_new(&z, name.wire, i, 0), ERR_OK);
		assert_int_equal(directory_put(d, z), ERR_OK);
	}
	for (unsigned i = 0; i < 500; i++) { /* grows the table */
		char text[32];
		struct zone *z;
		snprintf(text, sizeof text, "z%u.test", i);
		assert_int_equal(name_from_text(&name, text), ERR_OK);
		assert_int_equal(zone_new(&z, name.wire, 100 + i, 0), ERR_OK);
		assert_int_equal(directory_put(d, z), ERR_OK);
	}
	assert_int_equal(directory_count(d), 504);
	assert_int_equal(name_from_text(&name, "X.a.B.c.HOME.example"), ERR_OK);
	qname_set(&q, name.wire);
	assert_int_equal(zone_id(directory_find(d, &q, 0, &label)), 3);
	assert_int_equal(label, 1);
	assert_int_equal(zone_id(directory_find(d, &q, 2, &label)), 1);
	assert_int_equal(label, 4);
	assert_int_equal(name_from_text(&name, "home.example"), ERR_OK);
	assert_int_equal(directory_remove(d, name.wire), ERR_OK);
	assert_int_equal(directory_remove(d, name.wire), ERR_NOTFOUND);
	assert_int_equal(zone_id(directory_find(d, &q, 2, &label)), 0);
	assert_int_equal(label, 5);
	assert_int_equal(name_from_text(&name, "org"), ERR_OK);
	qname_set(&q, name.wire);
	assert_null(directory_find(d, &q, 0, &label));
	assert_int_equal(name_from_text(&name, "Z499.test"), ERR_OK);
	assert_int_equal(zone_id(directory_get(d, name.wire)), 599);
	grace_offline();
	grace_barrier();
	directory_free(d);
	grace_barrier();
	grace_online();
}

int main(void)
{
	static const struct CMUnitTest tests[] = {
		cmocka_unit_test(random_transactions_match_a_plain_array),
		cmocka_unit_test(load_makes_empty_non_terminals),
		cmocka_unit_test(changes_spell_names_as_the_zone_does),
		cmocka_unit_test(a_zone_knows_of_stops_and_wildcards),
		cmocka_unit_test(directory_finds_the_deepest_zone),
	};

	grace_register();
	make_names();
	int failed = cmocka_run_group_tests(tests, NULL, NULL);
	grace_offline();
	grace_barrier();
	grace_online();
	grace_unregister();
	return failed;
}
