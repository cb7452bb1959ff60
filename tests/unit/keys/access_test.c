/* access_test.c: which grant matches which request, and that the sentence says why. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "keys/access.h"
#include "lib/clock.h"

static struct access *snapshot;

static struct name name_of(const char *text)
{
	struct name n;
	assert_int_equal(name_from_text(&n, text), ERR_OK);
	return n;
}

static struct addr addr_of(const char *text)
{
	struct addr a;
	assert_int_equal(addr_parse(&a, text, 53, NULL), ERR_OK);
	return a;
}

static void add_key(const char *text)
{
	struct tsig_key *key;
	struct name n = name_of(text);
	assert_int_equal(tsig_key_new(&key, n.wire, TSIG_HMAC_SHA256, (const uint8_t *)"0123456789abcdef", 16), ERR_OK);
	assert_int_equal(access_add_key(snapshot, key, NULL, 0), ERR_OK);
}

static void add_key_of(const char *text, const char *identity, int64_t expires)
{
	struct tsig_key *key;
	struct name n = name_of(text), i = name_of(identity);
	assert_int_equal(tsig_key_new(&key, n.wire, TSIG_HMAC_SHA256, (const uint8_t *)"0123456789abcdef", 16), ERR_OK);
	assert_int_equal(access_add_key(snapshot, key, i.wire, expires), ERR_OK);
}

static const struct tsig_key *key_of(const char *text)
{
	struct name n = name_of(text);
	return text ? access_find_key(snapshot, n.wire) : NULL;
}

struct row {
	int64_t id;
	const char *zone;
	enum access_action action;
	const char *key, *from, *pattern;
	uint16_t types[4]; /* ended by 0 */
	int64_t expires;
	uint32_t max;
};

static void add_grant(const struct row *row)
{
	struct access_grant g = {.id = row->id,
				 .zone = name_of(row->zone),
				 .action = row->action,
				 .expires = row->expires,
				 .max_records = row->max};
	struct errmsg msg = {.text = ""};
	if (row->key) {
		g.has_key = true;
		g.key = name_of(row->key);
	}
	if (row->from) {
		g.has_from = true;
		assert_int_equal(addr_prefix_parse(&g.from, row->from, &msg), ERR_OK);
	}
	assert_int_equal(access_pattern_from_text(&g, row->pattern, &msg), ERR_OK);
	while (g.type_count < 4 && row->types[g.type_count]) {
		g.types[g.type_count] = row->types[g.type_count];
		g.type_count++;
	}
	assert_int_equal(access_add_grant(snapshot, &g), ERR_OK);
}

static int set_up(void **state)
{
	static const struct row rows[] = {
		{.id = 1, .zone = "home.example", .action = ACCESS_UPDATE, .key = "nas"},
		{.id = 2, .zone = "home.example", .action = ACCESS_TRANSFER, .from = "192.0.2.0/24"},
		{.id = 3, .zone = "home.example", .action = ACCESS_NOTIFY, .key = "peer", .from = "2001:db8::/32"},
		{.id = 4,
		 .zone = "lan.example",
		 .action = ACCESS_UPDATE,
		 .key = "dhcp",
		 .pattern = "*.dyn.lan.example",
		 .types = {TYPE_A, TYPE_AAAA}},
		{.id = 5, .zone = "lan.example", .action = ACCESS_UPDATE, .key = "dhcp", .pattern = "gw.lan.example"},
		{.id = 6, .zone = "lan.example", .action = ACCESS_UPDATE, .key = "host.lan.example", .pattern = "self"},
		{.id = 7, .zone = "lan.example", .action = ACCESS_UPDATE, .from = "10.0.0.0/8", .types = {TYPE_TXT}},
		{.id = 8, .zone = "self.example", .action = ACCESS_UPDATE, .pattern = "self"},
	};
	(void)state;
	assert_int_equal(access_new(&snapshot), ERR_OK);
	add_key("nas");
	add_key("peer");
	add_key("dhcp");
	add_key("Host.LAN.example");
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++)
		add_grant(&rows[i]);
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	access_release(snapshot);
	return 0;
}

static void finds_keys(void **state)
{
	(void)state;
	struct name n = name_of("host.lan.example");
	assert_non_null(key_of("nas"));
	assert_null(key_of("na"));
	assert_null(key_of("."));
	assert_ptr_equal(access_find_key(snapshot, n.wire), key_of("host.lan.example"));

	struct tsig_key *second;
	struct name nas = name_of("NAS");
	assert_int_equal(tsig_key_new(&second, nas.wire, TSIG_HMAC_SHA1, (const uint8_t *)"x", 1), ERR_OK);
	assert_int_equal(access_add_key(snapshot, second, NULL, 0), ERR_EXISTS);
	tsig_key_free(second);
}

/* Identity, source and action only. */
static void allows_by_identity(void **state)
{
	(void)state;
	static const struct {
		enum access_action action;
		const char *zone, *key, *from;
		bool allowed;
	} cases[] = {
		{ACCESS_UPDATE, "home.example", "nas", "198.51.100.1", true},
		{ACCESS_UPDATE, "home.example", "nas", NULL, true},
		{ACCESS_UPDATE, "home.example", "dhcp", "198.51.100.1", false},
		{ACCESS_UPDATE, "home.example", NULL, "198.51.100.1", false},
		{ACCESS_TRANSFER, "home.example", "nas", "198.51.100.1", false}, /* another action */
		{ACCESS_TRANSFER, "home.example", NULL, "192.0.2.77", true},
		{ACCESS_TRANSFER, "home.example", "dhcp", "192.0.2.77", true}, /* a grant without a key asks for none */
		{ACCESS_TRANSFER, "home.example", NULL, "192.0.3.1", false},
		{ACCESS_TRANSFER, "home.example", NULL, "2001:db8::1", false},
		{ACCESS_TRANSFER, "home.example", NULL, NULL, false},         /* a local caller is in no prefix */
		{ACCESS_NOTIFY, "home.example", "peer", "2001:db8::1", true}, /* key and source, both */
		{ACCESS_NOTIFY, "home.example", "peer", "192.0.2.1", false},
		{ACCESS_NOTIFY, "home.example", NULL, "2001:db8::1", false},
		{ACCESS_UPDATE, "sub.home.example", "nas", "198.51.100.1",
		 false}, /* the zone itself, not what is below */
		{ACCESS_UPDATE, "example", "nas", "198.51.100.1", false},
		{ACCESS_UPDATE, ".", "nas", "198.51.100.1", false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct name zone = name_of(cases[i].zone);
		struct addr from = {.len = 0};
		if (cases[i].from)
			from = addr_of(cases[i].from);
		struct access_request r = {
			.action = cases[i].action, .zone = zone.wire, .from = cases[i].from ? &from : NULL};
		if (cases[i].key)
			r.key = key_of(cases[i].key);
		struct errmsg why = {.text = ""};
		assert_int_equal(access_allows(snapshot, &r), cases[i].allowed);
		assert_int_equal(access_explain(snapshot, &r, NULL, 0, &why), cases[i].allowed);
		assert_true(why.text[0]);
	}
}

static bool allows_name(const struct access_request *r, const uint8_t *owner)
{
	struct access_rights rights;
	access_look(&rights, snapshot, r);
	return access_allows_name(&rights, owner);
}

static enum access_verdict decide(const struct access_request *r, const uint8_t *owner, uint16_t type)
{
	struct access_rights rights;
	const struct access_limits *limits;
	access_look(&rights, snapshot, r);
	return access_decide(&rights, owner, type, &limits);
}

static void allows_by_name_and_type(void **state)
{
	(void)state;
	static const struct {
		const char *zone, *key, *from, *owner;
		uint16_t type;
		bool name, record;
	} cases[] = {
		{"home.example", "nas", "198.51.100.1", "anything.home.example", TYPE_ANY, true, true},
		{"lan.example", "dhcp", "198.51.100.1", "a.dyn.lan.example", TYPE_A, true, true},
		{"lan.example", "dhcp", "198.51.100.1", "a.b.DYN.lan.EXAMPLE", TYPE_AAAA, true, true},
		{"lan.example", "dhcp", "198.51.100.1", "dyn.lan.example", TYPE_A, false, false},
		{"lan.example", "dhcp", "198.51.100.1", "xdyn.lan.example", TYPE_A, false, false},
		{"lan.example", "dhcp", "198.51.100.1", "a.dyn.lan.example", TYPE_MX, true, false},
		{"lan.example", "dhcp", "198.51.100.1", "a.dyn.lan.example", TYPE_ANY, true, false},
		{"lan.example", "dhcp", "198.51.100.1", "gw.lan.example", TYPE_ANY, true, true},
		{"lan.example", "dhcp", "198.51.100.1", "x.gw.lan.example", TYPE_A, false, false},
		{"lan.example", "dhcp", "10.1.2.3", "x.gw.lan.example", TYPE_TXT, true, true}, /* grant 7 */
		{"lan.example", "dhcp", "10.1.2.3", "x.gw.lan.example", TYPE_A, true, false},
		{"lan.example", "host.lan.example", "198.51.100.1", "host.lan.example", TYPE_A, true, true},
		{"lan.example", "host.lan.example", "198.51.100.1", "x.host.lan.example", TYPE_A, false, false},
		{"self.example", "nas", "198.51.100.1", "nas", TYPE_A, true, true}, /* any key, its own name */
		{"self.example", "nas", "198.51.100.1", "peer", TYPE_A, false, false},
		{"self.example", NULL, "198.51.100.1", "nas", TYPE_A, false, false},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct name zone = name_of(cases[i].zone), owner = name_of(cases[i].owner);
		struct addr from = addr_of(cases[i].from);
		struct access_request r = {.action = ACCESS_UPDATE, .zone = zone.wire, .from = &from};
		if (cases[i].key)
			r.key = key_of(cases[i].key);
		struct errmsg why = {.text = ""};
		assert_int_equal(allows_name(&r, owner.wire), cases[i].name);
		assert_int_equal(decide(&r, owner.wire, cases[i].type) == ACCESS_GRANTED, cases[i].record);
		assert_int_equal(access_explain(snapshot, &r, owner.wire, cases[i].type, &why), cases[i].record);
	}
}

static void explains(void **state)
{
	(void)state;
	static const struct {
		enum access_action action;
		const char *zone, *key, *from, *owner;
		uint16_t type;
		const char *words[4];
	} cases[] = {
		{ACCESS_UPDATE,
		 "home.example",
		 "nas",
		 NULL,
		 NULL,
		 0,
		 {"grant 1 allows update of home.example by key nas"}},
		{ACCESS_UPDATE,
		 "lan.example",
		 "dhcp",
		 "192.0.2.1",
		 "gw.lan.example",
		 TYPE_A,
		 {"grant 5 allows update of A at gw.lan.example in lan.example by key dhcp from 192.0.2.1"}},
		{ACCESS_UPDATE,
		 "lan.example",
		 "dhcp",
		 "192.0.2.1",
		 "a.dyn.lan.example",
		 TYPE_MX,
		 {"no grant allows", "grant 4 lists only A, AAAA", "grant 5 covers only gw.lan.example",
		  "grant 7 is for sources in 10.0.0.0/8 and lists only TXT"}},
		{ACCESS_UPDATE,
		 "lan.example",
		 "nas",
		 "192.0.2.1",
		 "gw.lan.example",
		 TYPE_A,
		 {"grant 5 is for key dhcp;", "grant 4 is for key dhcp and covers only names below dyn.lan.example",
		  "grant 6 is for key host.lan.example and covers only the name of the signing key"}},
		{ACCESS_UPDATE,
		 "other.example",
		 "nas",
		 NULL,
		 NULL,
		 0,
		 {"the zone has no grant for update", "key nas has grants for update of home.example only",
		  "roostctl grant add"}},
		{ACCESS_UPDATE,
		 "other.example",
		 NULL,
		 "192.0.2.1",
		 NULL,
		 0,
		 {"by a request without a key from 192.0.2.1"}},
		/* Names and types are no matter for a transfer. */
		{ACCESS_TRANSFER,
		 "home.example",
		 NULL,
		 "192.0.2.1",
		 "home.example",
		 TYPE_ANY,
		 {"grant 2 allows transfer of home.example"}},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct name zone = name_of(cases[i].zone), owner = name_of(cases[i].owner ? cases[i].owner : ".");
		struct addr from = {.len = 0};
		if (cases[i].from)
			from = addr_of(cases[i].from);
		struct access_request r = {
			.action = cases[i].action, .zone = zone.wire, .from = cases[i].from ? &from : NULL};
		if (cases[i].key)
			r.key = key_of(cases[i].key);
		struct errmsg why = {.text = ""};
		bool allowed = access_explain(snapshot, &r, cases[i].owner ? owner.wire : NULL, cases[i].type, &why);
		assert_int_equal(allowed, strncmp(why.text, "grant ", 6) == 0);
		for (size_t w = 0; w < 4 && cases[i].words[w]; w++)
			if (!strstr(why.text, cases[i].words[w]))
				fail_msg("'%s' is not in: %s", cases[i].words[w], why.text);
	}
}

/* The longest names there are: the sentence is cut, nothing else happens. */
static void explains_within_bounds(void **state)
{
	(void)state;
	char text[NAME_TEXT_MAX] = "";
	struct name longest;
	longest.len = NAME_WIRE_MAX;
	for (unsigned i = 0; i < 254; i += 2) {
		longest.wire[i] = 1;
		longest.wire[i + 1] = 0xff;
	}
	longest.wire[254] = 0;
	name_to_text(longest.wire, text);
	for (int64_t id = 20; id < 40; id++) {
		struct row row = {
			.id = id, .zone = "long.example", .action = ACCESS_UPDATE, .key = text, .pattern = text};
		add_grant(&row);
	}
	struct name zone = name_of("long.example");
	struct access_request r = {.action = ACCESS_UPDATE, .zone = zone.wire, .key = key_of("nas")};
	struct errmsg why = {.text = ""};
	assert_false(access_explain(snapshot, &r, zone.wire, TYPE_A, &why));
	assert_true(strlen(why.text) < ERRMSG_MAX);

	for (int64_t id = 50; id < 60; id++) {
		struct row row = {.id = id, .zone = "many.example", .action = ACCESS_UPDATE, .key = "dhcp"};
		add_grant(&row);
	}
	zone = name_of("many.example");
	assert_false(access_explain(snapshot, &r, zone.wire, TYPE_A, &why));
	assert_non_null(strstr(why.text, "and 5 more grants"));
}

static void reads_and_writes_patterns(void **state)
{
	(void)state;
	static const struct {
		const char *in;
		enum access_pattern_kind kind;
		const char *out;
	} cases[] = {
		{NULL, ACCESS_NAME_ANY, ""},
		{"", ACCESS_NAME_ANY, ""},
		{"self", ACCESS_NAME_SELF, "self"},
		{"self.", ACCESS_NAME_EXACT, "self."}, /* with a dot it is a name */
		{"WWW.Home.example", ACCESS_NAME_EXACT, "www.home.example."},
		{"*.home.example.", ACCESS_NAME_BELOW, "*.home.example."},
		{"*.*.home.example.", ACCESS_NAME_BELOW, "*.*.home.example."}, /* two below, or more */
		{"*.\\*.home.example.", ACCESS_NAME_BELOW, "*.\\*.home.example."},
		{"a\\*b.home.example.", ACCESS_NAME_EXACT, "a\\*b.home.example."},
		{"a\\042b.home.example.", ACCESS_NAME_EXACT, "a\\*b.home.example."},
		{"Host-*.home.example", ACCESS_NAME_EXACT, "host-*.home.example."},
		{"SELF", ACCESS_NAME_SELF, "self"},
		{"*.self", ACCESS_NAME_BELOW_SELF, "*.self"},
		{"_acme-challenge.self", ACCESS_NAME_SELF, "_acme-challenge.self"},
		{"*._tcp.self", ACCESS_NAME_BELOW_SELF, "*._tcp.self"},
		{"_*._tcp.self", ACCESS_NAME_SELF, "_*._tcp.self"},
		{"_tcp.self.", ACCESS_NAME_EXACT, "_tcp.self."},
		{"myself", ACCESS_NAME_EXACT, "myself."},
		{"a\\.self", ACCESS_NAME_EXACT, "a\\.self."},
		{"\\*.home.example", ACCESS_NAME_EXACT, "\\*.home.example."}, /* the wildcard's own name */
		{"*.", ACCESS_NAME_BELOW, "*."},
		{".", ACCESS_NAME_EXACT, "."},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct access_grant g = {.id = 1}, again = {.id = 1};
		struct errmsg msg = {.text = ""};
		char text[NAME_TEXT_MAX];
		assert_int_equal(access_pattern_from_text(&g, cases[i].in, &msg), ERR_OK);
		assert_int_equal(g.pattern_kind, cases[i].kind);
		assert_string_equal(access_pattern_to_text(&g, text), cases[i].out);
		assert_int_equal(access_pattern_from_text(&again, text, &msg), ERR_OK);
		assert_int_equal(again.pattern_kind, g.pattern_kind);
		assert_int_equal(again.pattern_glob, g.pattern_glob);
		assert_int_equal(again.pattern.len, g.pattern.len);
		assert_memory_equal(again.pattern.wire, g.pattern.wire, g.pattern.len);
	}
	static const char *const bad[] = {"a..b",
					  "..",
					  "a..self",
					  "..self",
					  "a*.\\*.example",
					  "*.a*\\042.example",
					  "\\",
					  "\\999.example",
					  "1234567890123456789012345678901234567890123456789012345678901234.example"};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct access_grant g = {.id = 1};
		struct errmsg msg = {.text = ""};
		assert_int_equal(access_pattern_from_text(&g, bad[i], &msg), ERR_USAGE);
		assert_non_null(strstr(msg.text, "pattern"));
	}
}

/* Patterns with a * inside, and those about the key's own name. */
static void matches_patterns(void **state)
{
	(void)state;
	static const struct {
		const char *pattern, *yes, *no; /* names, with blanks between them */
	} cases[] = {
		{"host-*.p.example", "host-1.p.example HOST-.p.example host-a-b.P.example",
		 "host.p.example x.host-1.p.example ahost-1.p.example host-1.q.example p.example ."},
		{"_acme-challenge.*.p.example", "_acme-challenge.a.p.example _ACME-challenge.xyz.p.example",
		 "_acme-challenge.p.example _acme-challenge.a.b.p.example a.p.example x._acme-challenge.a.p.example"},
		{"a*b*c.p.example", "abc.p.example aXbYc.p.example abcbc.p.example aabbcc.p.example",
		 "ab.p.example acb.p.example abcd.p.example xabc.p.example"},
		{"a**b.p.example", "ab.p.example axb.p.example", "a.p.example b.p.example"},
		{"*.dyn-*.p.example", "x.dyn-1.p.example y.x.dyn-.p.example", "dyn-1.p.example x.dyn.p.example"},
		{"*.*.p.example", "a.b.p.example a.b.c.p.example", "b.p.example p.example"},
		{"a.*", "a.b", "a a.b.c"},
		{"\\*.p.example", "*.p.example", "a.p.example a.*.p.example"},
		{"self", "me.p.example ME.p.example", "a.me.p.example p.example you.p.example"},
		{"*.self", "a.me.p.example b.a.me.p.example", "me.p.example a.you.p.example"},
		{"_acme-challenge.self", "_acme-challenge.me.p.example", "me.p.example x._acme-challenge.me.p.example"},
		{"_*._tcp.self", "_443._tcp.me.p.example", "443._tcp.me.p.example _tcp.me.p.example"},
		{"*._tcp.self", "_443._tcp.me.p.example a.b._tcp.me.p.example", "_tcp.me.p.example"},
	};
	add_key("me.p.example");
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		char zone[32], name[256];
		snprintf(zone, sizeof zone, "z%zu.example", i);
		struct row row = {.id = 1, .zone = zone, .action = ACCESS_UPDATE, .pattern = cases[i].pattern};
		add_grant(&row);
		struct name z = name_of(zone);
		struct access_request r = {.action = ACCESS_UPDATE, .zone = z.wire, .key = key_of("me.p.example")};
		for (int yes = 0; yes < 2; yes++) {
			const char *names = yes ? cases[i].yes : cases[i].no;
			for (int used; sscanf(names, "%255s%n", name, &used) == 1; names += used) {
				struct name n = name_of(name);
				if ((decide(&r, n.wire, TYPE_A) == ACCESS_GRANTED) != yes)
					fail_msg("%s %s %s", cases[i].pattern, yes ? "should match" : "matches", name);
			}
		}
	}
}

/* An octet that would look like a label's length must not fool the matcher, nor one like a letter. */
static void matches_odd_octets(void **state)
{
	(void)state;
	struct row row = {.id = 1, .zone = "odd.example", .action = ACCESS_UPDATE, .pattern = "a\\.b*.odd.example"};
	struct name z = name_of("odd.example"), yes = name_of("a\\.bc.odd.example"), no = name_of("a.bc.odd.example");
	struct access_request r = {.action = ACCESS_UPDATE, .zone = z.wire, .key = key_of("nas")};
	add_grant(&row);
	assert_int_equal(decide(&r, yes.wire, TYPE_A), ACCESS_GRANTED);
	assert_int_equal(decide(&r, no.wire, TYPE_A), ACCESS_REFUSED);
}

static struct access_request request_by(const char *key, const struct name *zone)
{
	return (struct access_request){
		.action = ACCESS_UPDATE, .zone = zone->wire, .key = access_key(snapshot, name_of(key).wire)->tsig};
}

/* Two keys of one identity have its rights, its name, and nothing of their own. */
static void shares_identities(void **state)
{
	(void)state;
	struct name zone = name_of("lan.example"), own = name_of("host.lan.example"),
		    second = name_of("host-2.lan.example");
	add_key_of("host-2.lan.example", "Host.lan.example", 0);
	struct access_request r = request_by("host-2.lan.example", &zone);
	struct errmsg why = {.text = ""};
	assert_int_equal(decide(&r, own.wire, TYPE_A), ACCESS_GRANTED);
	assert_int_equal(decide(&r, second.wire, TYPE_A), ACCESS_REFUSED);
	assert_true(access_explain(snapshot, &r, own.wire, TYPE_A, &why));
	assert_non_null(strstr(why.text, "by key host-2.lan.example of identity host.lan.example"));
	assert_true(name_equal(access_key(snapshot, second.wire)->identity, own.wire));
}

static void forgets_what_expired(void **state)
{
	(void)state;
	const int64_t now = INT64_C(1800000000000);
	struct name zone = name_of("time.example"), old = name_of("old"), newer = name_of("newer"),
		    last = name_of("last");
	struct errmsg why = {.text = ""};
	struct row rows[] = {{.id = 21, .zone = "time.example", .action = ACCESS_UPDATE, .key = "old", .expires = now},
			     {.id = 22, .zone = "time.example", .action = ACCESS_TRANSFER, .key = "old"}};
	clock_fake((uint64_t)(now / 1000) - 1);
	add_key_of("old", "old", now);
	add_key_of("newer", "old", now + 2000);
	add_key_of("last", "old", now + 4000);
	add_grant(&rows[0]);
	add_grant(&rows[1]);
	struct access_request r = request_by("newer", &zone);
	assert_true(access_allows(snapshot, &r));
	assert_true(access_explain(snapshot, &r, zone.wire, TYPE_A, &why));
	assert_non_null(strstr(why.text, "; until 2027-01-15T08:00:00.000Z"));
	assert_ptr_equal(access_find_key(snapshot, old.wire), access_find_signer(snapshot, old.wire));

	clock_fake((uint64_t)(now / 1000));
	assert_false(access_allows(snapshot, &r));
	assert_false(access_explain(snapshot, &r, zone.wire, TYPE_A, &why));
	assert_non_null(strstr(why.text, "grant 21 expired 2027-01-15T08:00:00.000Z"));
	r.action = ACCESS_TRANSFER;
	assert_true(access_allows(snapshot, &r));
	assert_null(access_find_key(snapshot, old.wire));
	assert_true(access_key_expired(access_key(snapshot, old.wire)));
	/* What should be signed by the old key now has the one that lasts longest. */
	assert_ptr_equal(access_find_signer(snapshot, old.wire), access_find_key(snapshot, last.wire));
	assert_ptr_equal(access_find_signer(snapshot, newer.wire), access_find_key(snapshot, newer.wire));
	r = request_by("old", &zone);
	r.action = ACCESS_TRANSFER;
	assert_false(access_explain(snapshot, &r, zone.wire, TYPE_A, &why));
	assert_non_null(strstr(why.text, "key old expired 2027-01-15T08:00:00.000Z"));

	clock_fake((uint64_t)(now / 1000) + 100);
	assert_null(access_find_signer(snapshot, old.wire));
	clock_fake(0);
}

/* Of several grants that match, one without limits decides, else the first. */
static void decides_among_several(void **state)
{
	(void)state;
	struct row rows[] = {
		{.id = 31, .zone = "several.example", .action = ACCESS_UPDATE, .key = "nas", .max = 5},
		{.id = 32, .zone = "several.example", .action = ACCESS_UPDATE, .from = "10.0.0.0/8", .max = 4},
		{.id = 33,
		 .zone = "several.example",
		 .action = ACCESS_UPDATE,
		 .from = "10.1.0.0/16",
		 .types = {TYPE_A}},
	};
	struct name zone = name_of("several.example"), owner = name_of("a.several.example");
	struct addr from = addr_of("10.0.0.1");
	struct access_request r = request_by("nas", &zone);
	struct access_rights rights;
	const struct access_limits *limits;
	struct errmsg why = {.text = ""};
	for (size_t i = 0; i < 3; i++)
		add_grant(&rows[i]);
	r.from = &from;
	access_look(&rights, snapshot, &r);
	assert_int_equal(access_decide(&rights, owner.wire, TYPE_A, &limits), ACCESS_GRANTED);
	assert_true(limits && limits->grant == 31 && limits->max_records == 5);
	assert_true(access_explain(snapshot, &r, owner.wire, TYPE_A, &why));
	assert_non_null(strstr(why.text, "grant 31 allows"));
	assert_non_null(strstr(why.text, "at most 5 records"));
	from = addr_of("10.1.0.1");
	assert_int_equal(access_decide(&rights, owner.wire, TYPE_A, &limits), ACCESS_GRANTED);
	assert_null(limits);
	assert_int_equal(access_decide(&rights, owner.wire, TYPE_TXT, &limits), ACCESS_GRANTED);
	assert_true(limits && limits->grant == 31);
	assert_true(access_limits_cover(limits, TYPE_MX));
	r.key = NULL;
	access_look(&rights, snapshot, &r);
	assert_int_equal(access_decide(&rights, owner.wire, TYPE_TXT, &limits), ACCESS_GRANTED);
	assert_true(limits && limits->grant == 32);
}

static void locks(void **state)
{
	(void)state;
	static const struct {
		const char *key, *owner;
		uint16_t type;
		enum access_verdict verdict;
	} cases[] = {
		{"nas", "kept.home.example", TYPE_A, ACCESS_LOCKED},
		{"nas", "KEPT.home.example", TYPE_TXT, ACCESS_LOCKED},
		{"nas", "kept.home.example", TYPE_ANY, ACCESS_LOCKED},
		{"nas", "kept.home.example", TYPE_MX, ACCESS_GRANTED},
		{"nas", "x.kept.home.example", TYPE_A, ACCESS_GRANTED},
		{"nas", "all.home.example", TYPE_MX, ACCESS_LOCKED},
		{"nas", "free.home.example", TYPE_ANY, ACCESS_GRANTED},
		{"dhcp", "kept.home.example", TYPE_A, ACCESS_REFUSED}, /* no right there: no word of locks */
	};
	struct name zone = name_of("home.example"), kept = name_of("Kept.home.example"),
		    all = name_of("all.home.example");
	struct errmsg why = {.text = ""};
	assert_int_equal(access_add_lock(snapshot, zone.wire, kept.wire, TYPE_A), ERR_OK);
	assert_int_equal(access_add_lock(snapshot, zone.wire, kept.wire, TYPE_TXT), ERR_OK);
	assert_int_equal(access_add_lock(snapshot, zone.wire, all.wire, TYPE_ANY), ERR_OK);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct name owner = name_of(cases[i].owner);
		struct access_request r = request_by(cases[i].key, &zone);
		assert_int_equal(decide(&r, owner.wire, cases[i].type), cases[i].verdict);
		assert_int_equal(access_explain(snapshot, &r, owner.wire, cases[i].type, &why),
				 cases[i].verdict == ACCESS_GRANTED);
		assert_int_equal(strncmp(why.text, "a lock on ", 10) == 0, cases[i].verdict == ACCESS_LOCKED);
	}
}

static void reads_and_writes_rates(void **state)
{
	(void)state;
	static const struct {
		const char *in, *out; /* NULL: is refused */
	} cases[] = {
		{"6/1m", "6/1m"},
		{"6/60", "6/1m"},
		{"6/90,20", "6/90s,20"},
		{"1/1d,1", "1/1d"},
		{"5/2h30m", "5/150m"},
		{"1000000/31d,1000000", "1000000/31d"},
		{"", NULL},
		{"6", NULL},
		{"6/", NULL},
		{"/1m", NULL},
		{"0/1m", NULL},
		{"6/0", NULL},
		{"6/1m,", NULL},
		{"6/1m,0", NULL},
		{"6/1m,20x", NULL},
		{"-6/1m", NULL},
		{"1000001/1s", NULL},
		{"1/32d", NULL},
		{"1/1s,1000001", NULL},
		{"99999999999999999999/1s", NULL},
		{"6/99999999999999999999999999999999999999999999999999s", NULL},
	};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct access_rate rate;
		char text[ACCESS_RATE_TEXT_MAX];
		assert_int_equal(access_rate_from_text(&rate, cases[i].in), cases[i].out ? ERR_OK : ERR_USAGE);
		if (cases[i].out)
			assert_string_equal(access_rate_to_text(&rate, text), cases[i].out);
	}
}

static void reads_and_writes_leases(void **state)
{
	(void)state;
	static const struct {
		const char *in, *out; /* NULL: refused */
	} cases[] = {{"30", "30"},
		     {"1h", "3600"},
		     {"1h,1h", "3600"},
		     {"1d,7d", "86400,604800"},
		     {"2h,1h", "7200,3600"},
		     {"29", NULL},
		     {"1h,29", NULL},
		     {"", NULL},
		     {"1h,", NULL},
		     {",1h", NULL},
		     {"1h,1h,1h", NULL},
		     {"x", NULL},
		     {"-1", NULL},
		     {"4294967296", NULL},
		     {"00000000000000000000000000003600", NULL}};
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct access_lease lease;
		char text[ACCESS_LEASE_TEXT_MAX];
		assert_int_equal(access_lease_max_from_text(&lease, cases[i].in), cases[i].out ? ERR_OK : ERR_USAGE);
		if (cases[i].out)
			assert_string_equal(access_lease_max_to_text(&lease, text), cases[i].out);
	}
}

static void reads_and_writes_actions(void **state)
{
	(void)state;
	enum access_action a;
	for (a = ACCESS_UPDATE; a <= ACCESS_NOTIFY; a++) {
		enum access_action again;
		assert_int_equal(access_action_from_text(&again, access_action_to_text(a)), ERR_OK);
		assert_int_equal(again, a);
	}
	assert_int_equal(access_action_from_text(&a, "Update"), ERR_USAGE);
	assert_int_equal(access_action_from_text(&a, ""), ERR_USAGE);
}

/* Enough for the tables to grow several times; references keep the snapshot. */
static void holds_many(void **state)
{
	(void)state;
	enum { MANY = 3000 };
	char text[64];
	access_hold(snapshot);
	for (int i = 0; i < MANY; i++) {
		snprintf(text, sizeof text, "key%d", i);
		add_key(text);
		struct row row = {.id = 100 + i, .action = ACCESS_UPDATE, .key = text};
		char zone[64];
		snprintf(zone, sizeof zone, "z%d.example", i);
		row.zone = zone;
		add_grant(&row);
	}
	access_release(snapshot);
	for (int i = 0; i < MANY; i++) {
		char zone[64];
		snprintf(zone, sizeof zone, "z%d.example", i);
		snprintf(text, sizeof text, "key%d", i);
		struct name z = name_of(zone);
		struct access_request r = {.action = ACCESS_UPDATE, .zone = z.wire, .key = key_of(text)};
		assert_true(access_allows(snapshot, &r));
		r.key = key_of("nas");
		assert_false(access_allows(snapshot, &r));
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(finds_keys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(allows_by_identity, set_up, tear_down),
		cmocka_unit_test_setup_teardown(allows_by_name_and_type, set_up, tear_down),
		cmocka_unit_test_setup_teardown(explains, set_up, tear_down),
		cmocka_unit_test_setup_teardown(explains_within_bounds, set_up, tear_down),
		cmocka_unit_test(reads_and_writes_patterns),
		cmocka_unit_test_setup_teardown(matches_patterns, set_up, tear_down),
		cmocka_unit_test_setup_teardown(matches_odd_octets, set_up, tear_down),
		cmocka_unit_test_setup_teardown(shares_identities, set_up, tear_down),
		cmocka_unit_test_setup_teardown(forgets_what_expired, set_up, tear_down),
		cmocka_unit_test_setup_teardown(decides_among_several, set_up, tear_down),
		cmocka_unit_test_setup_teardown(locks, set_up, tear_down),
		cmocka_unit_test(reads_and_writes_rates),
		cmocka_unit_test(reads_and_writes_actions),
		cmocka_unit_test(reads_and_writes_leases),
		cmocka_unit_test_setup_teardown(holds_many, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
