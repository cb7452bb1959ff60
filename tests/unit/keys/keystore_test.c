/* keystore_test.c: keys and grants go into the database and come back the same; rows changed by hand never widen a
 * right. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "keys/keystore.h"

static char dir[64], path[96];
static struct sqlstore *store;
static struct errmsg msg;

static struct name name_of(const char *text)
{
	struct name n;
	assert_int_equal(name_from_text(&n, text), ERR_OK);
	return n;
}

static void ok(enum err err)
{
	if (err != ERR_OK)
		fail_msg("%s: %s", err_text(err), msg.text);
}

static void exec(const char *sql)
{
	if (sqlite3_exec(sqlstore_handle(store), sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(sqlstore_handle(store)));
}

/* Another room's table that names keys, as zones/ has one. */
static const char peer_schema[] =
	"CREATE TABLE peer (id INTEGER PRIMARY KEY, \"key\" TEXT REFERENCES \"key\" (name) ON DELETE CASCADE) STRICT";

static int open_store(const char *rights)
{
	const char *const migrations[] = {keystore_schema_0, peer_schema, rights,
					  rights ? keystore_schema_leases : NULL, NULL};
	const struct sqlstore_schema schema = {.application_id = 77, .migrations = migrations};
	return sqlstore_open(&store, path, SQLSTORE_CREATE, &schema, &msg) == ERR_OK ? 0 : -1;
}

static int set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/keystore_test.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/roost.db", dir);
	msg = (struct errmsg){.text = ""};
	return open_store(keystore_schema_rights);
}

static int tear_down(void **state)
{
	(void)state;
	static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
	sqlstore_close(store);
	for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
		char file[128];
		snprintf(file, sizeof file, "%s%s", path, suffixes[i]);
		unlink(file);
	}
	return rmdir(dir);
}

static void add_key(const char *text)
{
	struct keystore_key k = {
		.name = name_of(text), .algorithm = TSIG_HMAC_SHA256, .secret_len = 3, .created = 1234};
	memcpy(k.secret, "abc", 3);
	ok(keystore_add_key(store, &k, &msg));
}

static void keeps_keys(void **state)
{
	(void)state;
	struct keystore_key k = {
		.name = name_of("NAS.Home.example"), .algorithm = TSIG_HMAC_SHA512, .created = 1772366400123};
	struct keystore_key got;
	k.secret_len = TSIG_SECRET_MAX;
	for (size_t i = 0; i < TSIG_SECRET_MAX; i++)
		k.secret[i] = (uint8_t)i;
	ok(keystore_add_key(store, &k, &msg));
	assert_int_equal(keystore_add_key(store, &k, &msg), ERR_EXISTS);
	assert_non_null(strstr(msg.text, "there already"));

	struct name n = name_of("nas.HOME.example");
	ok(keystore_find_key(store, n.wire, &got, &msg));
	assert_int_equal(got.algorithm, TSIG_HMAC_SHA512);
	assert_int_equal(got.secret_len, TSIG_SECRET_MAX);
	assert_memory_equal(got.secret, k.secret, TSIG_SECRET_MAX);
	assert_true(got.created == 1772366400123);
	n = name_of("nas.home.example");
	assert_memory_equal(got.name.wire, n.wire, n.len);
	n = name_of("nobody");
	assert_int_equal(keystore_find_key(store, n.wire, &got, &msg), ERR_NOTFOUND);
}

static enum err count_key(void *arg, const struct keystore_key *k)
{
	(void)k;
	return ++*(unsigned *)arg == 2 ? ERR_BUSY : ERR_OK;
}

static enum err count_grant(void *arg, const struct access_grant *g)
{
	(void)g;
	++*(unsigned *)arg;
	return ERR_OK;
}

static void stops_when_told(void **state)
{
	(void)state;
	unsigned n = 0;
	add_key("a");
	ok(keystore_each_key(store, count_key, &n, &msg));
	assert_int_equal(n, 1);
	add_key("b");
	add_key("c");
	n = 0;
	assert_int_equal(keystore_each_key(store, count_key, &n, &msg), ERR_BUSY);
	assert_int_equal(n, 2);
}

static struct access_grant grant_of(const char *zone, const char *key)
{
	struct access_grant g = {.zone = name_of(zone), .action = ACCESS_UPDATE};
	if (key) {
		g.has_key = true;
		g.key = name_of(key);
	}
	return g;
}

static enum err take_grant(void *arg, const struct access_grant *g)
{
	*(struct access_grant *)arg = *g;
	return ERR_OK;
}

static enum err take_grants(void *arg, const struct access_grant *g)
{
	struct access_grant **at = arg;
	*(*at)++ = *g;
	return ERR_OK;
}

static void keeps_grants(void **state)
{
	(void)state;
	struct access_grant g = grant_of("Home.example", "nas"), got = {.id = 0};
	struct name other = name_of("other.example"), home = name_of("home.example");
	add_key("nas");
	g.action = ACCESS_NOTIFY;
	g.has_from = true;
	ok(addr_prefix_parse(&g.from, "2001:db8::/32", &msg));
	ok(access_pattern_from_text(&g, "*.dyn.home.example", &msg));
	g.type_count = 4;
	g.types[0] = TYPE_TXT;
	g.types[1] = 65280;
	g.types[2] = TYPE_A;
	g.types[3] = TYPE_TXT;
	ok(keystore_add_grant(store, &g, &msg));
	assert_true(g.id > 0);

	ok(keystore_each_grant(store, other.wire, take_grant, &got, &msg));
	assert_true(got.id == 0);
	ok(keystore_each_grant(store, home.wire, take_grant, &got, &msg));
	assert_true(got.id == g.id);
	assert_memory_equal(got.zone.wire, home.wire, home.len);
	assert_int_equal(got.action, ACCESS_NOTIFY);
	assert_true(got.has_key && name_equal(got.key.wire, g.key.wire));
	assert_true(got.has_from && got.from.bits == 32);
	assert_memory_equal(got.from.octets, g.from.octets, 16);
	assert_int_equal(got.pattern_kind, ACCESS_NAME_BELOW);
	assert_true(name_equal(got.pattern.wire, g.pattern.wire));
	assert_int_equal(got.type_count, 3); /* sorted, each once */
	assert_int_equal(got.types[0], TYPE_A);
	assert_int_equal(got.types[1], TYPE_TXT);
	assert_int_equal(got.types[2], 65280);

	/* The same in another order of words. */
	g.type_count = 3;
	g.types[0] = 65280;
	assert_int_equal(g.types[2], TYPE_A);
	g.types[1] = TYPE_TXT;
	assert_int_equal(keystore_add_grant(store, &g, &msg), ERR_EXISTS);
	/* One that leaves everything open is another, and can be there once too. */
	struct access_grant open = grant_of("home.example", NULL);
	ok(keystore_add_grant(store, &open, &msg));
	assert_int_equal(keystore_add_grant(store, &open, &msg), ERR_EXISTS);
	ok(keystore_each_grant(store, NULL, take_grant, &got, &msg));
	assert_true(got.id == open.id && !got.has_key && !got.has_from && got.type_count == 0);
	assert_int_equal(got.pattern_kind, ACCESS_NAME_ANY);
}

static void takes_the_longest_lists(void **state)
{
	(void)state;
	struct access_grant g = grant_of("home.example", NULL), got;
	g.type_count = 32;
	for (uint16_t i = 0; i < 32; i++)
		g.types[i] = (uint16_t)(65000 + i);
	ok(keystore_add_grant(store, &g, &msg));
	ok(keystore_each_grant(store, NULL, take_grant, &got, &msg));
	assert_int_equal(got.type_count, 32);
	assert_memory_equal(got.types, g.types, sizeof g.types);
}

static void removes_grants(void **state)
{
	(void)state;
	struct access_grant a = grant_of("a.example", NULL), b = grant_of("b.example", NULL);
	unsigned n = 0;
	ok(keystore_add_grant(store, &a, &msg));
	ok(keystore_add_grant(store, &b, &msg));
	int64_t last = b.id;
	ok(keystore_remove_grant(store, b.id, &msg));
	assert_int_equal(keystore_remove_grant(store, b.id, &msg), ERR_NOTFOUND);
	ok(keystore_add_grant(store, &b, &msg));
	assert_true(b.id > last); /* "grant 2" is never another grant */
	ok(keystore_remove_zone_grants(store, a.zone.wire, &msg));
	ok(keystore_each_grant(store, NULL, count_grant, &n, &msg));
	assert_int_equal(n, 1);
}

static void wants_the_key_of_a_grant(void **state)
{
	(void)state;
	struct access_grant g = grant_of("home.example", "nobody");
	assert_int_equal(keystore_add_grant(store, &g, &msg), ERR_NOTFOUND);
	assert_non_null(strstr(msg.text, "nobody"));
}

static int64_t count_rows(const char *table)
{
	char sql[64];
	sqlite3_stmt *stmt;
	snprintf(sql, sizeof sql, "SELECT count(*) FROM \"%s\"", table);
	assert_int_equal(sqlite3_prepare_v2(sqlstore_handle(store), sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	int64_t n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return n;
}

static void removes_keys(void **state)
{
	(void)state;
	struct name nas = name_of("nas"), free_key = name_of("free"), dhcp = name_of("dhcp");
	struct access_grant g = grant_of("home.example", "nas");
	add_key("nas");
	add_key("free");
	add_key("dhcp");
	ok(keystore_add_grant(store, &g, &msg));
	exec("INSERT INTO peer (\"key\") VALUES ('nas.'), ('dhcp.'), (NULL)");

	ok(sqlstore_begin(store, &msg));
	ok(keystore_remove_key(store, free_key.wire, false, &msg));
	assert_int_equal(keystore_remove_key(store, free_key.wire, true, &msg), ERR_NOTFOUND);
	assert_int_equal(keystore_remove_key(store, nas.wire, false, &msg), ERR_REFUSED);
	assert_non_null(strstr(msg.text, "2 grants or peers"));
	assert_int_equal(keystore_remove_key(store, dhcp.wire, false, &msg), ERR_REFUSED); /* only a peer */
	assert_true(count_rows("key") == 2 && count_rows("grant") == 1 && count_rows("peer") == 3);
	ok(keystore_remove_key(store, nas.wire, true, &msg));
	ok(sqlstore_commit(store, &msg));
	assert_true(count_rows("key") == 1 && count_rows("grant") == 0 && count_rows("peer") == 2);
	ok(keystore_remove_key(store, dhcp.wire, true, &msg)); /* also without a transaction around it */
	assert_true(count_rows("peer") == 1);
}

static void loads_a_snapshot(void **state)
{
	(void)state;
	struct access *access;
	struct name nas = name_of("nas"), zone = name_of("home.example"), nobody = name_of("nobody");
	struct access_grant g = grant_of("home.example", "nas");
	add_key("nas");
	ok(keystore_add_grant(store, &g, &msg));
	ok(keystore_load(store, &access, &msg));
	struct access_request r = {
		.action = ACCESS_UPDATE, .zone = zone.wire, .key = access_find_key(access, nas.wire)};
	assert_non_null(r.key);
	assert_null(access_find_key(access, nobody.wire));
	assert_true(access_allows(access, &r));
	r.key = NULL;
	assert_false(access_allows(access, &r));
	access_release(access);
}

/* What people may write into the tables: an error each, never a wider grant. */
/* A public key beside a TSIG key of the same identity: the grant is for both, but only one of them signs. */
static void public_keys(void **state)
{
	(void)state;
	struct keystore_key host = {.kind = KEYSTORE_SIG0, .created = 5}, beside = {.algorithm = TSIG_HMAC_SHA256},
			    found;
	static const uint8_t ed25519[] = {2, 0, 3, 15}; /* and 32 octets: any are a key */
	memcpy(host.secret, ed25519, sizeof ed25519);
	memset(host.secret + sizeof ed25519, 1, 32);
	host.secret_len = sizeof ed25519 + 32;
	assert_int_equal(name_from_text(&host.name, "host.example."), ERR_OK);
	assert_int_equal(name_from_text(&beside.name, "beside.example."), ERR_OK);
	beside.secret_len = 16;
	beside.identity = host.name;
	assert_int_equal(keystore_add_key(store, &host, &msg), ERR_OK);
	assert_int_equal(keystore_add_key(store, &beside, &msg), ERR_OK);
	assert_int_equal(keystore_find_key(store, host.name.wire, &found, &msg), ERR_OK);
	assert_int_equal(found.kind, KEYSTORE_SIG0);
	assert_string_equal(keystore_kind_to_text(&found), "sig0");
	assert_int_equal(found.secret_len, host.secret_len);
	assert_memory_equal(found.secret, host.secret, host.secret_len);

	struct access_grant g = {
		.action = ACCESS_UPDATE, .has_key = true, .key = host.name, .pattern_kind = ACCESS_NAME_SELF};
	assert_int_equal(name_from_text(&g.zone, "example."), ERR_OK);
	assert_int_equal(name_from_text(&g.pattern, "."), ERR_OK);
	assert_int_equal(keystore_add_grant(store, &g, &msg), ERR_OK);
	struct access *access;
	assert_int_equal(keystore_load(store, &access, &msg), ERR_OK);
	const struct access_key *k = access_key(access, host.name.wire);
	assert_non_null(k);
	assert_non_null(k->sig0);
	assert_null(k->tsig);
	assert_null(access_find_key(access, host.name.wire));
	struct access_request r = {.action = ACCESS_UPDATE, .zone = g.zone.wire, .sig0 = k->sig0};
	assert_true(access_allows(access, &r));
	struct access_rights rights;
	access_look(&rights, access, &r);
	const struct access_limits *limits;
	assert_int_equal(access_decide(&rights, host.name.wire, TYPE_A, &limits), ACCESS_GRANTED);
	assert_int_equal(access_decide(&rights, beside.name.wire, TYPE_A, &limits), ACCESS_REFUSED);
	access_release(access);
	exec("DELETE FROM \"grant\"; DELETE FROM \"key\"");
}

static void refuses_rows_that_make_no_sense(void **state)
{
	(void)state;
	static const char *const bad[] = {
		"INSERT INTO \"key\" (name, algorithm, secret, created, identity) VALUES ('a..b', 'hmac-sha256', "
		"x'00', 0, 'a.')",
		"INSERT INTO \"key\" (name, algorithm, secret, created, identity) VALUES ('', 'hmac-sha256', x'00', 0, "
		"'a.')",
		"INSERT INTO \"key\" (name, algorithm, secret, created, identity) VALUES ('a.', 'rot13', x'00', 0, "
		"'a.')",
		"INSERT INTO \"key\" (name, algorithm, secret, created, identity) VALUES ('a.', 'hmac-sha256', "
		"zeroblob(513), 0, 'a.')",
		"INSERT INTO \"key\" (name, algorithm, secret, created, identity) VALUES ('a.', 'sig0', x'0200030f00', "
		"0, "
		"'a.')",
		"INSERT INTO \"key\" (name, algorithm, secret, created, identity) VALUES ('a.', 'sig0', zeroblob(641), "
		"0, "
		"'a.')",
		"INSERT INTO \"key\" (name, algorithm, secret, created, identity) VALUES ('a.', 'hmac-sha256', x'00', "
		"0, 'a.'), "
		"('A.', 'hmac-sha256', x'00', 0, 'a.')",
		"INSERT INTO \"key\" (name, algorithm, secret, created) VALUES ('a.', 'hmac-sha256', x'00', 0)",
		"INSERT INTO \"grant\" (zone, action) VALUES ('a..b', 'update')",
		"INSERT INTO \"grant\" (zone, action, source) VALUES ('a.', 'update', '')",
		"INSERT INTO \"grant\" (zone, action, source) VALUES ('a.', 'update', '192.0.2.0/33')",
		"INSERT INTO \"grant\" (zone, action, name) VALUES ('a.', 'update', '')",
		"INSERT INTO \"grant\" (zone, action, name) VALUES ('a.', 'update', '*.a..b')",
		"INSERT INTO \"grant\" (zone, action, types) VALUES ('a.', 'update', '')",
		"INSERT INTO \"grant\" (zone, action, types) VALUES ('a.', 'update', 'A,')",
		"INSERT INTO \"grant\" (zone, action, types) VALUES ('a.', 'update', ',A')",
		"INSERT INTO \"grant\" (zone, action, types) VALUES ('a.', 'update', 'A,NONSENSE')",
		"INSERT INTO \"grant\" (zone, action, types) VALUES ('a.', 'update', "
		"'AAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAAA')",
		"INSERT INTO \"grant\" (zone, action, rate) VALUES ('a.', 'update', '')",
		"INSERT INTO \"grant\" (zone, action, name_rate) VALUES ('a.', 'update', '0/1m')",
		"INSERT INTO lock (zone, name, type, created) VALUES ('a.', 'b..a.', 'A', 0)",
		"INSERT INTO lock (zone, name, type, created) VALUES ('a.', 'b.a.', 'NONSENSE', 0)",
	};
	for (size_t i = 0; i < sizeof bad / sizeof bad[0]; i++) {
		struct access *access = NULL;
		exec(bad[i]);
		if (keystore_load(store, &access, &msg) != ERR_CORRUPT)
			fail_msg("taken: %s", bad[i]);
		assert_null(access);
		assert_non_null(strstr(msg.text, "database"));
		exec("DELETE FROM \"grant\"; DELETE FROM \"key\"; DELETE FROM lock");
	}
	assert_int_not_equal(sqlite3_exec(sqlstore_handle(store),
					  "INSERT INTO \"grant\" (zone, action) VALUES ('a.', 'everything')", NULL,
					  NULL, NULL),
			     SQLITE_OK);
}

static void keeps_limits(void **state)
{
	(void)state;
	struct access_grant g = grant_of("home.example", "nas"), got;
	add_key("nas");
	g.max_records = 4;
	ok(access_rate_from_text(&g.rate, "6/1m,20"));
	ok(access_rate_from_text(&g.name_rate, "1/10s"));
	ok(access_lease_max_from_text(&g.lease, "1h,7d"));
	g.lease.standard = 600;
	g.expires = 1772366400123;
	ok(access_pattern_from_text(&g, "_acme-challenge.*.home.example", &msg));
	ok(keystore_add_grant(store, &g, &msg));
	ok(keystore_each_grant(store, NULL, take_grant, &got, &msg));
	assert_int_equal(got.max_records, 4);
	assert_memory_equal(&got.rate, &g.rate, sizeof g.rate);
	assert_memory_equal(&got.name_rate, &g.name_rate, sizeof g.rate);
	assert_memory_equal(&got.lease, &g.lease, sizeof g.lease);
	assert_true(got.expires == g.expires);
	assert_true(got.pattern_glob && name_equal(got.pattern.wire, g.pattern.wire));
	g.max_records = 5; /* the same grant with other limits would leave it open which of them hold */
	assert_int_equal(keystore_add_grant(store, &g, &msg), ERR_EXISTS);
	g.max_records = 65536;
	ok(access_pattern_from_text(&g, NULL, &msg));
	assert_int_equal(keystore_add_grant(store, &g, &msg), ERR_RANGE);
}

static enum err add_key_of(const char *name, const char *identity)
{
	struct keystore_key k = {.name = name_of(name), .algorithm = TSIG_HMAC_SHA256, .secret_len = 3};
	memcpy(k.secret, "abc", 3);
	if (identity)
		k.identity = name_of(identity);
	return keystore_add_key(store, &k, &msg);
}

static void shares_identities(void **state)
{
	(void)state;
	struct access_grant g = grant_of("home.example", "nas");
	struct name nas = name_of("nas"), second = name_of("nas-2"), nobody = name_of("nobody"), got;
	struct keystore_key key;
	ok(add_key_of("nas", NULL));
	ok(add_key_of("other", NULL));
	ok(keystore_add_grant(store, &g, &msg));
	ok(add_key_of("nas-2", "NAS"));
	assert_int_equal(add_key_of("nas-3", "nobody"), ERR_NOTFOUND);
	assert_int_equal(add_key_of("nas-3", "nas-2"), ERR_NOTFOUND); /* a key, but no identity */
	ok(keystore_find_key(store, second.wire, &key, &msg));
	assert_true(name_equal(key.identity.wire, nas.wire) && key.expires == 0);
	ok(keystore_set_key_expiry(store, second.wire, 1772366400123, &msg));
	ok(keystore_find_key(store, second.wire, &key, &msg));
	assert_true(key.expires == 1772366400123);
	assert_int_equal(keystore_set_key_expiry(store, nobody.wire, 1, &msg), ERR_NOTFOUND);

	/* The grants stay with the last key of the identity. */
	ok(keystore_remove_key(store, nas.wire, false, &msg));
	assert_true(count_rows("grant") == 1);
	ok(keystore_find_identity(store, second.wire, &got, &msg));
	assert_true(name_equal(got.wire, nas.wire));
	ok(keystore_find_identity(store, nas.wire, &got, &msg)); /* though no key has that name */
	assert_true(name_equal(got.wire, nas.wire));
	assert_int_equal(keystore_find_identity(store, nobody.wire, &got, &msg), ERR_NOTFOUND);
	/* A new key must not slip into the rights of another one's identity. */
	assert_int_equal(add_key_of("nas", NULL), ERR_EXISTS);
	assert_int_equal(add_key_of("nas", "other"), ERR_EXISTS);
	ok(add_key_of("nas", "nas"));
	ok(keystore_remove_key(store, nas.wire, false, &msg));
	assert_int_equal(keystore_remove_key(store, second.wire, false, &msg), ERR_REFUSED);
	ok(keystore_remove_key(store, second.wire, true, &msg));
	assert_true(count_rows("grant") == 0);
}

static enum err take_lock(void *arg, const struct keystore_lock *l)
{
	struct keystore_lock **at = arg;
	*(*at)++ = *l;
	return ERR_OK;
}

static void keeps_locks(void **state)
{
	(void)state;
	struct keystore_lock l = {
		.zone = name_of("Home.example"), .owner = name_of("Www.home.example"), .type = TYPE_A, .created = 7};
	struct keystore_lock got[4], *end = got;
	struct name home = name_of("home.example"), other = name_of("other.example");
	ok(keystore_add_lock(store, &l, &msg));
	assert_int_equal(keystore_add_lock(store, &l, &msg), ERR_EXISTS);
	l.type = TYPE_ANY;
	ok(keystore_add_lock(store, &l, &msg));
	ok(keystore_each_lock(store, home.wire, take_lock, &end, &msg));
	assert_int_equal(end - got, 2);
	assert_int_equal(got[0].type, TYPE_A);
	assert_int_equal(got[1].type, TYPE_ANY);
	assert_true(name_equal(got[0].owner.wire, l.owner.wire) && got[0].created == 7);
	end = got;
	ok(keystore_each_lock(store, other.wire, take_lock, &end, &msg));
	assert_int_equal(end - got, 0);
	ok(keystore_remove_lock(store, home.wire, l.owner.wire, TYPE_A, &msg));
	assert_int_equal(keystore_remove_lock(store, home.wire, l.owner.wire, TYPE_A, &msg), ERR_NOTFOUND);
	l.type = TYPE_TXT;
	ok(keystore_add_lock(store, &l, &msg));
	ok(keystore_remove_lock(store, home.wire, l.owner.wire, TYPE_ANY, &msg)); /* all of the name */
	assert_true(count_rows("lock") == 0);
	ok(keystore_add_lock(store, &l, &msg));
	ok(keystore_remove_zone_grants(store, home.wire, &msg));
	assert_true(count_rows("lock") == 0);
}

/* A database of before: nothing is lost, no number given twice, no pattern wider. */
static void brings_old_databases_along(void **state)
{
	(void)state;
	static const char *const patterns[] = {"a\\*b.home.example.", "*.\\*.home.example.", "\\*.home.example.",
					       "*.home.example.", "self"};
	sqlstore_close(store);
	unlink(path);
	assert_int_equal(open_store(NULL), 0);
	exec("INSERT INTO \"key\" (name, algorithm, secret, created) VALUES ('nas.', 'hmac-sha256', x'00', 5);"
	     "INSERT INTO \"grant\" (zone, action, \"key\", source, name, types) VALUES"
	     " ('home.example.', 'update', 'nas.', '192.0.2.0/24', 'a*b.home.example.', 'A'),"
	     " ('home.example.', 'update', 'nas.', NULL, '*.*.home.example.', NULL),"
	     " ('home.example.', 'update', 'nas.', NULL, '\\*.home.example.', NULL),"
	     " ('home.example.', 'update', 'nas.', NULL, '*.home.example.', NULL),"
	     " ('home.example.', 'update', 'nas.', NULL, 'self', NULL),"
	     " ('home.example.', 'transfer', NULL, '::/0', NULL, NULL), ('x.', 'update', NULL, NULL, NULL, NULL);"
	     "INSERT INTO peer (\"key\") VALUES ('nas.');"
	     "DELETE FROM \"grant\" WHERE zone = 'x.'");
	sqlstore_close(store);
	ok(open_store(keystore_schema_rights) == 0 ? ERR_OK : ERR_CORRUPT);

	struct name nas = name_of("nas"), zone = name_of("x");
	struct keystore_key key;
	struct access_grant got = {.id = 0}, g = {.zone = zone, .action = ACCESS_UPDATE};
	ok(keystore_find_key(store, nas.wire, &key, &msg));
	assert_true(name_equal(key.identity.wire, nas.wire) && key.expires == 0 && key.created == 5);
	assert_true(count_rows("grant") == 6 && count_rows("peer") == 1);
	for (int i = 0; i < 5; i++) {
		char sql[128], text[NAME_TEXT_MAX];
		snprintf(sql, sizeof sql, "DELETE FROM \"grant\" WHERE id = %d", i);
		exec(sql);
		struct access_grant all[8], *end = all;
		ok(keystore_each_grant(store, NULL, take_grants, &end, &msg));
		assert_true(all[0].id == i + 1 && all[0].has_key && !all[0].pattern_glob);
		assert_string_equal(access_pattern_to_text(&all[0], text), patterns[i]);
	}
	exec("DELETE FROM \"grant\" WHERE id = 5");
	ok(keystore_each_grant(store, NULL, take_grant, &got, &msg));
	assert_true(got.id == 6 && got.action == ACCESS_TRANSFER && !got.has_key && got.has_from);
	ok(keystore_add_grant(store, &g, &msg));
	assert_true(g.id == 8);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(keeps_keys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(stops_when_told, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keeps_grants, set_up, tear_down),
		cmocka_unit_test_setup_teardown(takes_the_longest_lists, set_up, tear_down),
		cmocka_unit_test_setup_teardown(removes_grants, set_up, tear_down),
		cmocka_unit_test_setup_teardown(wants_the_key_of_a_grant, set_up, tear_down),
		cmocka_unit_test_setup_teardown(removes_keys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(loads_a_snapshot, set_up, tear_down),
		cmocka_unit_test_setup_teardown(public_keys, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keeps_limits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(shares_identities, set_up, tear_down),
		cmocka_unit_test_setup_teardown(keeps_locks, set_up, tear_down),
		cmocka_unit_test_setup_teardown(brings_old_databases_along, set_up, tear_down),
		cmocka_unit_test_setup_teardown(refuses_rows_that_make_no_sense, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
