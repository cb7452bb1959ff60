/* Requests of administrators, run as roostctl runs them without a server: prepare, commit, finish. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include <cmocka.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/qname.h"
#include "zones/admin/admin.h"
#include "zones/memory/grace.h"
#include "zones/store/history.h"
#include "zones/file/zonefile.h"

struct fixture {
	char directory[32];
	char path[64];
	struct zonestore *store;
	struct directory *zones;
	struct commit *commit;
};

static int set_up(void **state)
{
	struct errmsg msg = {.text = ""};
	struct fixture *f = calloc(1, sizeof(*f));
	snprintf(f->directory, sizeof(f->directory), "/tmp/admin-test-XXXXXX");
	assert_non_null(mkdtemp(f->directory));
	snprintf(f->path, sizeof(f->path), "%s/db", f->directory);
	assert_int_equal(zonestore_open(&f->store, f->path, SQLSTORE_CREATE, &msg), ERR_OK);
	assert_int_equal(directory_new(&f->zones), ERR_OK);
	assert_int_equal(commit_new(&f->commit, f->store, f->zones, true, NULL), ERR_OK);
	*state = f;
	return 0;
}

static int tear_down(void **state)
{
	static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
	struct fixture *f = *state;
	commit_free(f->commit);
	grace_barrier();
	directory_free(f->zones);
	grace_barrier();
	zonestore_close(f->store);
	for (size_t i = 0; i < sizeof(suffixes) / sizeof(suffixes[0]); i++) {
		char path[80];
		snprintf(path, sizeof(path), "%s%s", f->path, suffixes[i]);
		unlink(path);
	}
	rmdir(f->directory);
	free(f);
	return 0;
}

/* ---- asking ---- */

static void set_done(struct job *job)
{
	bool *done = job->done_arg;
	*done = true;
}

/* Prepares; NULL: refused, with the answer in *answer. */
static struct job *prepare(struct fixture *f, struct admin_request **r, json_t *request, int file, json_t **answer)
{
	struct job *job = NULL;
	*answer = NULL;
	assert_non_null(request);
	enum err err = admin_prepare(r, &job, request, file, 0, "local", f->store, answer);
	json_decref(request);
	assert_true(err ? *answer != NULL && !job : job != NULL && !*answer);
	return job;
}

static json_t *finish(struct fixture *f, struct admin_request *r, struct job *job)
{
	bool done = false;
	job->done = set_done;
	job->done_arg = &done;
	commit_run(f->commit, job);
	assert_true(done);
	return admin_finish(r, job);
}

static json_t *ask_with(struct fixture *f, json_t *request, int file)
{
	struct admin_request *r;
	json_t *answer;
	struct job *job = prepare(f, &r, request, file, &answer);
	return job ? finish(f, r, job) : answer;
}

static json_t *parse(const char *text)
{
	json_error_t error;
	json_t *value = json_loads(text, 0, &error);
	if (!value)
		fail_msg("%s: %s", text, error.text);
	return value;
}

/* The request must succeed; its answer. */
static json_t *done(struct fixture *f, const char *request)
{
	json_t *answer = ask_with(f, parse(request), -1);
	if (!json_is_true(json_object_get(answer, "ok")))
		fail_msg("%s: %s", request, json_string_value(json_object_get(answer, "error")));
	return answer;
}

static void must(struct fixture *f, const char *request)
{
	json_decref(done(f, request));
}

/* The request must be refused, with a sentence that has these words in it. */
static void refused(struct fixture *f, const char *request, const char *words)
{
	json_t *answer = ask_with(f, parse(request), -1);
	const char *error = json_string_value(json_object_get(answer, "error"));
	assert_true(json_is_false(json_object_get(answer, "ok")));
	assert_non_null(error);
	assert_null(strchr(error, '\n'));
	if (!strstr(error, words))
		fail_msg("%s: \"%s\" has no \"%s\"", request, error, words);
	json_decref(answer);
}

/* ---- what the zone has ---- */

struct listing {
	FILE *out;
	bool apex;
};

static enum err list_rr(void *arg, const struct zonestore_rr *rr)
{
	struct listing *l = arg;
	return rr->rr.type == TYPE_SOA ? ERR_OK : zonefile_write_rr(l->out, rr->owner, &rr->rr);
}

static struct zonestore_zone zone_row(struct fixture *f, const char *zone)
{
	struct errmsg msg = {.text = ""};
	struct zonestore_zone row;
	struct name name;
	assert_int_equal(name_from_text(&name, zone), ERR_OK);
	assert_int_equal(zonestore_find_zone(f->store, name.wire, &row, &msg), ERR_OK);
	return row;
}

/* All records but the SOA, as a text to be freed. */
static char *content(struct fixture *f, const char *zone)
{
	struct errmsg msg = {.text = ""};
	char *text = NULL;
	size_t size;
	struct zonestore_zone row = zone_row(f, zone);
	struct listing l = {.out = open_memstream(&text, &size)};
	assert_int_equal(zonestore_each_rr(f->store, row.id, list_rr, &l, &msg), ERR_OK);
	fclose(l.out);
	return text;
}

static void has(struct fixture *f, const char *line)
{
	char *text = content(f, "home.example");
	if (!strstr(text, line))
		fail_msg("no \"%s\" in\n%s", line, text);
	free(text);
}

static void has_not(struct fixture *f, const char *line)
{
	char *text = content(f, "home.example");
	if (strstr(text, line))
		fail_msg("\"%s\" is in\n%s", line, text);
	free(text);
}

static uint32_t serial(struct fixture *f)
{
	return zone_row(f, "home.example").serial;
}

static void start_zone(struct fixture *f)
{
	must(f, "{\"cmd\":\"init\",\"zone\":\"home.example\"}");
}

/* ---- tests ---- */

static void init_makes_a_zone_and_a_key_once(void **state)
{
	struct fixture *f = *state;
	must(f, "{\"cmd\":\"init\"}");
	json_t *first = done(f, "{\"cmd\":\"init\",\"zone\":\"Home.Example.\"}");
	json_t *second = done(f, "{\"cmd\":\"init\",\"zone\":\"home.example\"}");
	assert_string_equal(json_string_value(json_object_get(first, "key")), "key.home.example");
	assert_string_equal(json_string_value(json_object_get(first, "algorithm")), "hmac-sha256");
	assert_true(json_is_true(json_object_get(first, "created")));
	assert_true(json_is_false(json_object_get(second, "created")));
	assert_true(json_equal(json_object_get(first, "secret"), json_object_get(second, "secret")));
	assert_int_equal(json_string_length(json_object_get(first, "secret")), 44);
	json_decref(first);
	json_decref(second);
	assert_int_equal(serial(f), 1);
	has(f, "home.home.example.\t60\tIN\tA\t192.0.2.1");
}

static void init_leaves_a_zone_alone_and_mends_rights(void **state)
{
	struct fixture *f = *state;
	start_zone(f);
	must(f, "{\"cmd\":\"record "
		"set\",\"zone\":\"home.example\",\"name\":\"home\",\"type\":\"A\",\"data\":[\"192.0.2.7\"]}");
	must(f, "{\"cmd\":\"key remove\",\"name\":\"key.home.example\",\"force\":true}");
	start_zone(f);
	has(f, "192.0.2.7");
	assert_int_equal(serial(f), 2);
	refused(f, "{\"cmd\":\"key remove\",\"name\":\"key.home.example\"}", "--force");
}

static void init_of_two_at_once_makes_one_zone(void **state)
{
	struct fixture *f = *state;
	struct admin_request *r1, *r2;
	json_t *answer;
	struct job *one = prepare(f, &r1, parse("{\"cmd\":\"init\",\"zone\":\"home.example\"}"), -1, &answer);
	struct job *two = prepare(f, &r2, parse("{\"cmd\":\"init\",\"zone\":\"home.example\"}"), -1, &answer);
	answer = finish(f, r1, one);
	assert_true(json_is_true(json_object_get(answer, "ok")));
	json_decref(answer);
	must(f, "{\"cmd\":\"record "
		"add\",\"zone\":\"home.example\",\"name\":\"nas\",\"type\":\"A\",\"data\":[\"192.0.2.9\"]}");
	answer = finish(f, r2, two);
	assert_true(json_is_false(json_object_get(answer, "ok")));
	json_decref(answer);
	has(f, "nas.home.example.");
}

static void records_are_added_set_and_deleted(void **state)
{
	struct fixture *f = *state;
	start_zone(f);
	json_t *answer =
		done(f, "{\"cmd\":\"record add\",\"zone\":\"home.example\",\"name\":\"nas\",\"ttl\":77,\"type\":\"A\","
			"\"data\":[\"192.0.2.9\",\"192.0.2.10\"]}");
	assert_int_equal(json_integer_value(json_object_get(answer, "serial")), 2);
	assert_true(json_is_true(json_object_get(answer, "changed")));
	json_decref(answer);
	has(f, "nas.home.example.\t77\tIN\tA\t192.0.2.9\n");
	/* Without a TTL, that of its RRset. */
	must(f,
	     "{\"cmd\":\"record "
	     "add\",\"zone\":\"home.example\",\"name\":\"NAS.home.example\",\"type\":\"A\",\"data\":[\"192.0.2.11\"]}");
	has(f, "nas.home.example.\t77\tIN\tA\t192.0.2.11\n");
	must(f, "{\"cmd\":\"record "
		"delete\",\"zone\":\"home.example\",\"name\":\"nas\",\"type\":\"A\",\"data\":[\"192.0.2.10\"]}");
	has_not(f, "192.0.2.10\n");
	must(f, "{\"cmd\":\"record "
		"set\",\"zone\":\"home.example\",\"name\":\"nas\",\"type\":\"A\",\"data\":[\"192.0.2.12\"]}");
	has_not(f, "192.0.2.9\n");
	has(f, "nas.home.example.\t77\tIN\tA\t192.0.2.12\n");
	answer = done(f, "{\"cmd\":\"record "
			 "set\",\"zone\":\"home.example\",\"name\":\"nas\",\"type\":\"A\",\"data\":[\"192.0.2.12\"]}");
	assert_true(json_is_false(json_object_get(answer, "changed")));
	json_decref(answer);
	must(f, "{\"cmd\":\"record delete\",\"zone\":\"home.example\",\"name\":\"nas.home.example.\"}");
	has_not(f, "nas.home.example.");
	assert_int_equal(serial(f), 6);
}

static void names_in_data_are_completed(void **state)
{
	struct fixture *f = *state;
	start_zone(f);
	must(f, "{\"cmd\":\"record add\",\"zone\":\"home.example\",\"name\":\"a\",\"type\":\"MX\",\"data\":[\"10 "
		"mail\"]}");
	must(f, "{\"cmd\":\"record add\",\"zone\":\"home.example\",\"name\":\"b\",\"type\":\"MX\",\"data\":[\"10 "
		"mail.example.net\"]}");
	must(f, "{\"cmd\":\"record add\",\"zone\":\"home.example\",\"name\":\"c\",\"type\":\"SRV\",\"data\":[\"0 1  2 "
		"sip.example.net.\"]}");
	must(f, "{\"cmd\":\"record "
		"add\",\"zone\":\"home.example\",\"name\":\"d\",\"type\":\"CNAME\",\"data\":[\"a\\\\.b\"]}");
	must(f,
	     "{\"cmd\":\"record add\",\"zone\":\"home.example\",\"name\":\"e\",\"type\":\"CNAME\",\"data\":[\"@\"]}");
	has(f, "a.home.example.\t300\tIN\tMX\t10 mail.home.example.\n");
	has(f, "b.home.example.\t300\tIN\tMX\t10 mail.example.net.\n");
	has(f, "0 1 2 sip.example.net.\n");
	has(f, "CNAME\ta\\.b.home.example.\n");
	has(f, "e.home.example.\t300\tIN\tCNAME\thome.example.\n");
}

static void rules_are_told(void **state)
{
#define RECORD(cmd, name, rest) "{\"cmd\":\"record " cmd "\",\"zone\":\"home.example\",\"name\":\"" name "\"" rest "}"
	struct fixture *f = *state;
	start_zone(f);
	refused(f, RECORD("add", "www", ",\"type\":\"A\",\"data\":[\"192.0.2.9\"]"), "has a CNAME");
	refused(f, RECORD("set", "www", ",\"type\":\"A\",\"data\":[\"192.0.2.9\"]"), "has a CNAME");
	refused(f, RECORD("add", "home", ",\"type\":\"CNAME\",\"data\":[\"www\"]"), "has A records");
	refused(f, RECORD("set", "home", ",\"type\":\"CNAME\",\"data\":[\"www\"]"), "has A records");
	refused(f, RECORD("add", "@", ",\"type\":\"CNAME\",\"data\":[\"www\"]"), "apex cannot be an alias");
	refused(f, RECORD("add", "www", ",\"type\":\"CNAME\",\"data\":[\"ns1\"]"), "record set replaces it");
	refused(f, RECORD("set", "www", ",\"type\":\"CNAME\",\"data\":[\"a\",\"b\"]"), "one CNAME record only");
	refused(f, RECORD("add", "@", ",\"type\":\"SOA\",\"data\":[\"ns1 h 1 2 3 4 5\"]"), "record set changes it");
	refused(f, RECORD("set", "nas", ",\"type\":\"SOA\",\"data\":[\"ns1 h 1 2 3 4 5\"]"), "apex only");
	refused(f, RECORD("delete", "@", ",\"type\":\"SOA\""), "needs its SOA");
	refused(f, RECORD("delete", "@", ",\"type\":\"NS\""), "needs an NS");
	refused(f, RECORD("delete", "@", ",\"type\":\"NS\",\"data\":[\"ns1\"]"), "needs an NS");
	refused(f, RECORD("delete", "@", ""), "name the type");
	refused(f, RECORD("delete", "nix", ""), "no such name");
	refused(f, RECORD("delete", "home", ",\"type\":\"TXT\""), "has no TXT");
	refused(f, RECORD("delete", "home", ",\"type\":\"A\",\"data\":[\"192.0.2.99\"]"), "no such A");
	refused(f, RECORD("add", "nas", ",\"type\":\"A\",\"data\":[\"192.0.2\"]"), "nas.home.example");
	refused(f, RECORD("add", "nas", ",\"type\":\"A\",\"data\":[]"), "data is missing");
	refused(f, RECORD("add", "nas", ",\"type\":\"ANY\",\"data\":[\"x\"]"), "messages only");
	refused(f, RECORD("add", "nas", ",\"type\":\"RRSIG\",\"data\":[\"x\"]"), "signer");
	refused(f, RECORD("add", "nas", ",\"type\":\"XYZ\",\"data\":[\"x\"]"), "not known");
	refused(f, RECORD("add", "nas", ",\"ttl\":2147483648,\"type\":\"A\",\"data\":[\"192.0.2.9\"]"), "TTL");
	refused(f, RECORD("add", "nas.example.net.", ",\"type\":\"A\",\"data\":[\"192.0.2.9\"]"), "outside the zone");
	assert_int_equal(serial(f), 1);
	must(f, RECORD("set", "www", ",\"type\":\"CNAME\",\"data\":[\"ns1\"]"));
	has(f, "CNAME\tns1.home.example.");
}

static void apex_ns_can_be_replaced(void **state)
{
	struct fixture *f = *state;
	start_zone(f);
	must(f, RECORD("set", "@", ",\"type\":\"NS\",\"data\":[\"ns2.example.net\"]"));
	has(f, "home.example.\t3600\tIN\tNS\tns2.example.net.\n");
	has_not(f, "NS\tns1.home.example.\n");
	must(f, "{\"cmd\":\"revert\",\"zone\":\"home.example\",\"serial\":1}");
	has(f, "NS\tns1.home.example.\n");
	has_not(f, "ns2.example.net.");
}

static void soa_can_be_set_and_goes_forward(void **state)
{
	struct fixture *f = *state;
	start_zone(f);
	must(f, RECORD("set", "@", ",\"type\":\"SOA\",\"data\":[\"ns1 hostmaster 100 1 2 3 4\"]"));
	assert_int_equal(serial(f), 100);
	must(f, RECORD("set", "@", ",\"type\":\"SOA\",\"data\":[\"ns1 hostmaster 7 1 2 3 5\"]"));
	assert_int_equal(serial(f), 101);
}

static void overtaken_changes_say_so(void **state)
{
	struct fixture *f = *state;
	struct admin_request *r;
	json_t *answer;
	start_zone(f);
	struct job *job =
		prepare(f, &r, parse(RECORD("add", "nas", ",\"type\":\"CNAME\",\"data\":[\"home\"]")), -1, &answer);
	must(f, RECORD("add", "nas", ",\"type\":\"A\",\"data\":[\"192.0.2.9\"]"));
	answer = finish(f, r, job);
	assert_true(json_is_false(json_object_get(answer, "ok")));
	assert_true(json_is_true(json_object_get(answer, "retry")));
	json_decref(answer);

	job = prepare(f, &r, parse("{\"cmd\":\"revert\",\"zone\":\"home.example\",\"serial\":1}"), -1, &answer);
	must(f, RECORD("add", "tv", ",\"type\":\"A\",\"data\":[\"192.0.2.10\"]"));
	answer = finish(f, r, job);
	assert_true(json_is_true(json_object_get(answer, "retry")));
	json_decref(answer);
	has(f, "nas.home.example.");
}

static void revert_takes_back_what_was_done(void **state)
{
	struct fixture *f = *state;
	start_zone(f);
	char *before = content(f, "home.example");
	must(f, RECORD("set", "home", ",\"type\":\"A\",\"data\":[\"192.0.2.7\"]"));
	must(f, RECORD("set", "home", ",\"ttl\":5,\"type\":\"AAAA\",\"data\":[\"2001:db8::1\"]"));
	must(f, RECORD("delete", "www", ""));
	must(f, RECORD("add", "www", ",\"type\":\"A\",\"data\":[\"192.0.2.8\"]"));
	must(f, RECORD("set", "@", ",\"ttl\":60,\"type\":\"NS\",\"data\":[\"ns1\",\"ns2\"]"));
	must(f, RECORD("set", "@", ",\"type\":\"SOA\",\"data\":[\"ns9 hostmaster 1 1 2 3 5\"]"));
	char *after = content(f, "home.example");
	assert_string_not_equal(before, after);

	must(f, "{\"cmd\":\"revert\",\"zone\":\"home.example\",\"serial\":1}");
	char *again = content(f, "home.example");
	assert_string_equal(before, again);
	assert_int_equal(serial(f), 8);
	free(again);

	must(f, "{\"cmd\":\"revert\",\"zone\":\"home.example\",\"serial\":7}");
	again = content(f, "home.example");
	assert_string_equal(after, again);
	assert_int_equal(serial(f), 9);
	free(again);

	json_t *answer = done(f, "{\"cmd\":\"revert\",\"zone\":\"home.example\",\"serial\":9}");
	assert_true(json_is_false(json_object_get(answer, "changed")));
	json_decref(answer);
	refused(f, "{\"cmd\":\"revert\",\"zone\":\"home.example\",\"serial\":99}", "not in its history");
	refused(f, "{\"cmd\":\"revert\",\"zone\":\"home.example\",\"serial\":-1}", "\"serial\"");
	free(before);
	free(after);
}

static void history_is_the_net_difference(void **state)
{
	struct fixture *f = *state;
	struct errmsg msg = {.text = ""};
	struct history *h;
	start_zone(f);
	must(f, RECORD("add", "nas", ",\"type\":\"A\",\"data\":[\"192.0.2.9\"]"));
	must(f, RECORD("delete", "nas", ""));
	must(f, RECORD("set", "home", ",\"ttl\":5,\"type\":\"A\",\"data\":[\"192.0.2.1\"]"));
	struct zonestore_zone row = zone_row(f, "home.example");
	assert_int_equal(history_between(&h, f->store, &row, 1, 3, &msg), ERR_OK);
	assert_int_equal(history_count(h), 0);
	history_free(h);
	assert_int_equal(history_between(&h, f->store, &row, 4, 2, &msg), ERR_OK);
	assert_int_equal(history_count(h), 3);
	assert_false(history_at(h, 0)->add);
	assert_int_equal(history_at(h, 0)->rr.ttl, 5);
	assert_true(history_at(h, 1)->add);
	assert_int_equal(history_at(h, 1)->rr.ttl, 60);
	assert_true(history_at(h, 2)->add); /* nas */
	history_free(h);
	assert_int_equal(history_between(&h, f->store, &row, 1, 5, &msg), ERR_NOTFOUND);
}

static void keys_grants_and_peers(void **state)
{
	struct fixture *f = *state;
	start_zone(f);
	json_t *answer = done(f, "{\"cmd\":\"key add\",\"name\":\"NAS\",\"algorithm\":\"hmac-sha512\"}");
	assert_string_equal(json_string_value(json_object_get(answer, "key")), "nas");
	assert_int_equal(json_string_length(json_object_get(answer, "secret")), 88);
	json_decref(answer);
	refused(f, "{\"cmd\":\"key add\",\"name\":\"nas.\"}", "there already");
	refused(f, "{\"cmd\":\"key add\",\"name\":\"tv\",\"algorithm\":\"rot13\"}", "not known");
	refused(f, "{\"cmd\":\"key add\",\"name\":\"tv\",\"secret\":\"!\"}", "base64");
	refused(f, "{\"cmd\":\"key add\",\"name\":\"\"}", "domain name");
	refused(f, "{\"cmd\":\"key add\"}", "missing");
	must(f, "{\"cmd\":\"key add\",\"name\":\"tv\",\"secret\":\"c2VjcmV0\"}");

	answer = done(f, "{\"cmd\":\"grant "
			 "add\",\"zone\":\"home.example\",\"action\":\"update\",\"key\":\"nas\",\"name\":\"*.nas\","
			 "\"types\":[\"A\",\"aaaa\"]}");
	json_int_t id = json_integer_value(json_object_get(answer, "id"));
	assert_true(id > 0);
	json_decref(answer);
#define GRANT(rest) "{\"cmd\":\"grant add\",\"zone\":\"home.example\"," rest "}"
	refused(f, GRANT("\"action\":\"update\",\"key\":\"nas\",\"name\":\"*.nas\",\"types\":[\"A\",\"AAAA\"]"),
		"already");
	refused(f, GRANT("\"action\":\"update\""), "say who");
	refused(f, GRANT("\"action\":\"fly\",\"key\":\"nas\""), "not known");
	refused(f, GRANT("\"action\":\"update\",\"key\":\"nope\""), "roostctl key add");
	refused(f, GRANT("\"action\":\"update\",\"from\":\"192.0.2.0/33\""), "192.0.2.0/33");
	refused(f, GRANT("\"action\":\"transfer\",\"key\":\"nas\",\"types\":[\"A\"]"), "for update");
	refused(f, GRANT("\"action\":\"update\",\"from\":\"::/0\",\"name\":\"self\""), "--key");
	refused(f, GRANT("\"action\":\"update\",\"key\":\"nas\",\"types\":[\"AXFR\"]"), "AXFR");
	refused(f, "{\"cmd\":\"grant add\",\"zone\":\"nope.example\",\"action\":\"update\",\"key\":\"nas\"}",
		"nope.example");
	must(f, "{\"cmd\":\"grant remove\",\"id\":1}");
	refused(f, "{\"cmd\":\"grant remove\",\"id\":1}", "grant 1");

#define PEER(cmd, rest) "{\"cmd\":\"peer " cmd "\",\"zone\":\"home.example\"," rest "}"
	must(f, PEER("add", "\"address\":\"127.0.0.1@5301\",\"key\":\"tv\""));
	refused(f, PEER("add", "\"address\":\"127.0.0.1@5301\""), "already");
	refused(f, PEER("add", "\"address\":\"nowhere\""), "nowhere");
	refused(f, PEER("add", "\"address\":\"127.0.0.1\",\"key\":\"nope\""), "key nope");
	refused(f, "{\"cmd\":\"key remove\",\"name\":\"tv\"}", "--force");
	must(f, PEER("remove", "\"address\":\"127.0.0.1@5301\""));
	refused(f, PEER("remove", "\"address\":\"127.0.0.1@5301\""), "has no peer");
	must(f, "{\"cmd\":\"key remove\",\"name\":\"tv\"}");
	refused(f, "{\"cmd\":\"key remove\",\"name\":\"tv\"}", "key tv");
}

static json_t *import(struct fixture *f, const char *zone, const char *text)
{
	FILE *file = tmpfile();
	fputs(text, file);
	fflush(file);
	rewind(file);
	json_t *request = json_pack("{s:s, s:s, s:s}", "cmd", "zone import", "zone", zone, "file_name", "test.zone");
	json_t *answer = ask_with(f, request, fileno(file));
	fclose(file);
	return answer;
}

static void zones_are_imported_and_removed(void **state)
{
	struct fixture *f = *state;
	json_t *answer =
		import(f, "home.example", "@ 60 SOA ns h 5 1 2 3 4\n@ 60 NS ns\nns 60 A 127.0.0.1\nm 60 MX 1 gone\n");
	assert_int_equal(json_integer_value(json_object_get(answer, "serial")), 5);
	assert_true(json_array_size(json_object_get(answer, "warnings")) > 0);
	json_decref(answer);
	answer = import(f, "home.example", "@ 60 SOA ns h 5 1 2 3 4\n@ 60 NS ns\nns 60 A 127.0.0.9\n");
	assert_int_equal(json_integer_value(json_object_get(answer, "serial")), 6);
	json_decref(answer);
	answer = import(f, "home.example",
			"@ 60 SOA ns h 9 1 2 3 4\n@ 60 NS ns\nns 60 A not-an-\xff"
			"address\n");
	assert_true(json_is_false(json_object_get(answer, "ok")));
	assert_non_null(strstr(json_string_value(json_object_get(answer, "error")), "test.zone:3"));
	json_decref(answer);
	has(f, "127.0.0.9");
	refused(f, "{\"cmd\":\"zone import\",\"zone\":\"home.example\",\"file_name\":\"x\"}", "no file");
	must(f, "{\"cmd\":\"zone remove\",\"zone\":\"home.example\"}");
	refused(f, "{\"cmd\":\"zone remove\",\"zone\":\"home.example\"}", "not in this database");
}

static void nonsense_is_refused(void **state)
{
	struct fixture *f = *state;
	start_zone(f);
	refused(f, "{}", "\"cmd\"");
	refused(f, "{\"cmd\":7}", "\"cmd\"");
	refused(f, "{\"cmd\":\"zone paint\"}", "zone paint");
	refused(f, "{\"cmd\":\"zone add\",\"zone\":\"new.example\"}", "--primary");
	refused(f, "{\"cmd\":\"zone add\",\"zone\":\"new.example\",\"primaries\":[\"nowhere\"]}", "nowhere");
	refused(f, "{\"cmd\":\"zone add\",\"zone\":\"new.example\",\"primaries\":[\"@53\"]}", "--key");
	refused(f, "{\"cmd\":\"zone add\",\"zone\":\"new.example\",\"primaries\":[\"192.0.2.1\"],\"key\":\"none\"}",
		"key none");
	refused(f, "{\"cmd\":\"record add\"}", "\"zone\" is missing");
	refused(f, "{\"cmd\":\"record add\",\"zone\":[]}", "must be a text");
	refused(f, "{\"cmd\":\"record add\",\"zone\":\"a..b\"}", "not a domain name");
	refused(f, "{\"cmd\":\"record add\",\"zone\":\"nope.example\"}", "not in this database");
	refused(f, RECORD("add", "nas", ""), "\"type\" is missing");
	refused(f, RECORD("add", "nas", ",\"type\":\"A\",\"data\":[1]"), "must be texts");
	refused(f, RECORD("add", "nas", ",\"type\":\"A\",\"data\":{}"), "missing");
	refused(f, "{\"cmd\":\"grant remove\",\"id\":\"1\"}", "must be a number");
	refused(f, "{\"cmd\":\"revert\",\"zone\":\"home.example\"}", "\"serial\"");
}

static void owners_are_relative_or_absolute(void **state)
{
	static const struct {
		const char *text, *owner;
	} cases[] = {{"@", "home.example."},
		     {"nas", "nas.home.example."},
		     {"a.b", "a.b.home.example."},
		     {"home.example", "home.example."},
		     {"x.home.example", "x.home.example."},
		     {"x.HOME.example.", "x.HOME.example."},
		     {"*", "*.home.example."},
		     {"nas\\.", "nas\\..home.example."},
		     {"x.example.net.", NULL},
		     {"a..b", NULL},
		     {"", NULL}};
	struct name zone, owner;
	char text[NAME_TEXT_MAX];
	(void)state;
	assert_int_equal(name_from_text(&zone, "home.example"), ERR_OK);
	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		struct errmsg msg = {.text = ""};
		enum err err = admin_owner_from_text(&owner, cases[i].text, zone.wire, &msg);
		assert_int_equal(err == ERR_OK, cases[i].owner != NULL);
		if (cases[i].owner)
			assert_string_equal(name_to_text(owner.wire, text), cases[i].owner);
		else
			assert_true(msg.text[0] != '\0');
	}
	assert_string_equal(admin_name_to_text(zone.wire, text), "home.example");
	assert_string_equal(admin_name_to_text((const uint8_t *)"", text), ".");
}

int main(void)
{
#define WITH_DATABASE(test) cmocka_unit_test_setup_teardown(test, set_up, tear_down)
	const struct CMUnitTest tests[] = {
		WITH_DATABASE(init_makes_a_zone_and_a_key_once),
		WITH_DATABASE(init_leaves_a_zone_alone_and_mends_rights),
		WITH_DATABASE(init_of_two_at_once_makes_one_zone),
		WITH_DATABASE(records_are_added_set_and_deleted),
		WITH_DATABASE(names_in_data_are_completed),
		WITH_DATABASE(rules_are_told),
		WITH_DATABASE(apex_ns_can_be_replaced),
		WITH_DATABASE(soa_can_be_set_and_goes_forward),
		WITH_DATABASE(overtaken_changes_say_so),
		WITH_DATABASE(revert_takes_back_what_was_done),
		WITH_DATABASE(history_is_the_net_difference),
		WITH_DATABASE(keys_grants_and_peers),
		WITH_DATABASE(zones_are_imported_and_removed),
		WITH_DATABASE(nonsense_is_refused),
		cmocka_unit_test(owners_are_relative_or_absolute),
	};
	log_set_level(LOG_LEVEL_ERROR);
	if (qname_seed())
		return 1;
	return cmocka_run_group_tests(tests, NULL, NULL);
}
