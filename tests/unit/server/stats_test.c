/* stats: sums over threads while they count, shapes taken apart, the bounds of buckets, the table and its JSON. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/stats.h"
#include "server/stats_json.h"
#include "server/stats_metrics.h"

enum { WORKERS = 4, ROUNDS = 200000 };

static struct stats_all *all;

static int setup(void **state)
{
	(void)state;
	return stats_new(&all, WORKERS) ? -1 : 0;
}

static int teardown(void **state)
{
	(void)state;
	stats_free(all);
	return 0;
}

/* The value that the table calls so; label NULL: the family's only one. */
static uint64_t value(const struct stats_total *t, const char *name, const char *label)
{
	for (const struct stats_family *f = stats_families; f->name; f++) {
		if (strcmp(f->name, name) != 0)
			continue;
		assert_true(!label == !f->label);
		for (unsigned i = 0; label && f->values[i]; i++)
			if (strcmp(f->values[i], label) == 0)
				return t->value[f->first + i];
		if (!label)
			return t->value[f->first];
	}
	fail_msg("no %s %s", name, label ? label : "");
	return 0;
}

static uint64_t sum(const char *name, const char *label)
{
	struct stats_total t;
	stats_sum(all, &t);
	return value(&t, name, label);
}

/* ---- threads ---- */

/* Queries for A by UDP, every third truncated; each takes a microsecond. */
static void *work(void *arg)
{
	struct stats *s = arg;
	for (unsigned i = 0; i < ROUNDS; i++) {
		stats_shape(s, i % 3 ? 0 : STATS_SHAPE_TC);
		stats_qtype(s, TYPE_A);
		stats_count(s, STATS_UPDATE_RESENT);
		stats_took(s, STATS_QUERY_TIME, 1000, 1);
	}
	return NULL;
}

static uint64_t count_of(const struct stats_total_time *t)
{
	uint64_t n = 0;
	for (unsigned i = 0; i < STATS_TIME_BUCKETS; i++)
		n += t->bucket[i];
	return n;
}

static void sums_rise_while_threads_count_and_are_exact_in_the_end(void **state)
{
	(void)state;
	static const uint64_t wanted = (uint64_t)(WORKERS + 2) * ROUNDS;
	pthread_t thread[WORKERS + 2];
	struct stats_total before = {0}, now;
	for (unsigned i = 0; i < WORKERS + 2; i++) {
		struct stats *s = i < WORKERS    ? stats_worker(all, i)
				  : i == WORKERS ? stats_writer(all)
						 : stats_main(all);
		assert_int_equal(pthread_create(&thread[i], NULL, work, s), 0);
	}
	do {
		stats_sum(all, &now);
		for (unsigned i = 0; i < sizeof now.value / sizeof now.value[0]; i++)
			assert_true(now.value[i] >= before.value[i]);
		assert_true(count_of(&now.time[STATS_QUERY_TIME]) >= count_of(&before.time[STATS_QUERY_TIME]));
		before = now;
	} while (value(&now, "updates_resent", NULL) < wanted);
	for (unsigned i = 0; i < WORKERS + 2; i++)
		pthread_join(thread[i], NULL);
	stats_sum(all, &now);
	assert_int_equal(value(&now, "requests", "udp4"), wanted);
	assert_int_equal(value(&now, "queries", "A"), wanted);
	assert_int_equal(value(&now, "answers", "NOERROR"), wanted);
	assert_int_equal(value(&now, "truncated", NULL), (uint64_t)(WORKERS + 2) * ((ROUNDS + 2) / 3));
	assert_int_equal(now.time[STATS_QUERY_TIME].sum_ns, 1000 * wanted);
	assert_int_equal(now.time[STATS_QUERY_TIME].bucket[2], wanted); /* up to 250, 500, 1000 ns */
}

static void blocks_share_no_cache_line(void **state)
{
	(void)state;
	for (unsigned i = 0; i < WORKERS; i++)
		assert_int_equal((uintptr_t)stats_worker(all, i) % STATS_LINE, 0);
	assert_int_equal((uintptr_t)stats_writer(all) - (uintptr_t)stats_worker(all, WORKERS - 1),
			 sizeof(struct stats));
	assert_int_equal((uintptr_t)stats_main(all) - (uintptr_t)stats_writer(all), sizeof(struct stats));
	assert_int_equal((uintptr_t)stats_http(all) - (uintptr_t)stats_main(all), sizeof(struct stats));
}

/* ---- shapes ---- */

static void a_shape_counts_for_each_of_its_properties(void **state)
{
	(void)state;
	struct stats *s = stats_worker(all, 0);
	stats_shape(s, stats_outcome(RCODE_NXDOMAIN) | stats_opcode(OPCODE_QUERY) << STATS_SHAPE_OPCODE |
			       STATS_SHAPE_V6 | STATS_SHAPE_EDNS | STATS_SHAPE_DO);
	stats_shape(s, stats_outcome(RCODE_BADVERS) | stats_opcode(OPCODE_STATUS) << STATS_SHAPE_OPCODE |
			       STATS_SHAPE_TCP | STATS_SHAPE_V6 | STATS_SHAPE_EDNS);
	stats_shape(s,
		    stats_outcome(RCODE_REFUSED) | stats_opcode(OPCODE_UPDATE) << STATS_SHAPE_OPCODE | STATS_SHAPE_TCP);
	stats_shape(s, STATS_DROPPED | stats_opcode(OPCODE_NOTIFY) << STATS_SHAPE_OPCODE);
	stats_shape(s, STATS_HANDED | stats_opcode(OPCODE_UPDATE) << STATS_SHAPE_OPCODE);
	stats_late(s, RCODE_YXDOMAIN);
	static const struct {
		const char *name, *label;
		uint64_t n;
	} wanted[] = {{"requests", "udp4", 2},   {"requests", "udp6", 1},    {"requests", "tcp4", 1},
		      {"requests", "tcp6", 1},   {"opcodes", "query", 1},    {"opcodes", "notify", 1},
		      {"opcodes", "update", 2},  {"opcodes", "other", 1},    {"answers", "NXDOMAIN", 1},
		      {"answers", "BADVERS", 1}, {"answers", "REFUSED", 1},  {"answers", "YXDOMAIN", 1},
		      {"answers", "NOERROR", 0}, {"updates", "REFUSED", 1},  {"updates", "YXDOMAIN", 1},
		      {"updates", "NOERROR", 0}, {"updates", "NXDOMAIN", 0}, {"edns", NULL, 2},
		      {"dnssec_ok", NULL, 1},    {"truncated", NULL, 0}};
	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
		if (sum(wanted[i].name, wanted[i].label) != wanted[i].n)
			fail_msg("%s %s is not %u", wanted[i].name, wanted[i].label ? wanted[i].label : "",
				 (unsigned)wanted[i].n);
}

static void every_rcode_has_its_place(void **state)
{
	(void)state;
	for (unsigned rcode = 0; rcode <= RCODE_NOTZONE; rcode++)
		assert_int_equal(stats_outcome(rcode), rcode);
	assert_int_equal(stats_outcome(RCODE_BADVERS), STATS_BADVERS);
	assert_int_equal(stats_outcome(RCODE_BADCOOKIE), STATS_BADCOOKIE);
	assert_int_equal(stats_outcome(11), STATS_RCODE_OTHER);
	assert_int_equal(stats_outcome(4095), STATS_RCODE_OTHER);
	stats_late(stats_worker(all, 1), 4095);
	assert_int_equal(sum("updates", "other"), 1);
}

static void an_http_status_has_its_place_or_is_other(void **state)
{
	(void)state;
	static const struct {
		int status;
		const char *label;
	} rows[] = {{200, "200"}, {401, "401"}, {408, "408"}, {503, "503"}, {505, "other"}, {0, "other"}};
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		uint64_t before = sum("http_answers", rows[i].label);
		stats_http_status(stats_http(all), rows[i].status);
		assert_int_equal(sum("http_answers", rows[i].label), before + 1);
	}
}

static void a_type_without_a_line_is_other(void **state)
{
	(void)state;
	struct stats *s = stats_worker(all, 2);
	stats_qtype(s, TYPE_CAA);
	stats_qtype(s, TYPE_CAA + 1);
	stats_qtype(s, 65535);
	stats_qtype(s, 0);
	stats_qtype(s, TYPE_WKS);
	assert_int_equal(sum("queries", "CAA"), 1);
	assert_int_equal(sum("queries", "other"), 4);
}

/* Whether the family has that label. */
static bool has_line(const char *name, const char *label)
{
	const struct stats_family *f = stats_families;
	while (strcmp(f->name, name) != 0)
		f++;
	unsigned i = 0;
	while (f->values[i] && strcmp(f->values[i], label) != 0)
		i++;
	return f->values[i] != NULL;
}

static void every_type_counts_under_its_own_name_or_other(void **state)
{
	(void)state;
	unsigned lines = 0;
	for (unsigned type = 1; type < 300; type++) {
		char text[RR_TYPE_TEXT_MAX];
		const char *label = rr_type_to_text((uint16_t)type, text);
		bool own = has_line("queries", label);
		uint64_t before = sum("queries", own ? label : "other");
		stats_qtype(stats_main(all), type);
		assert_int_equal(sum("queries", own ? label : "other"), before + 1);
		lines += own;
	}
	assert_true(has_line("queries", "other") && lines == 31);
}

/* ---- times ---- */

static void assert_bucket(uint64_t ns, unsigned bucket)
{
	struct stats_total before, after;
	stats_sum(all, &before);
	stats_took(stats_writer(all), STATS_COMMIT_TIME, ns, 1);
	stats_sum(all, &after);
	assert_int_equal(after.time[STATS_COMMIT_TIME].bucket[bucket],
			 before.time[STATS_COMMIT_TIME].bucket[bucket] + 1);
	assert_int_equal(after.time[STATS_COMMIT_TIME].sum_ns, before.time[STATS_COMMIT_TIME].sum_ns + ns);
}

static void a_bucket_ends_at_its_bound(void **state)
{
	(void)state;
	assert_bucket(0, 0);
	for (unsigned i = 0; i < STATS_TIME_BUCKETS - 1; i++) {
		assert_bucket(stats_bound_ns(i), i);
		assert_bucket(stats_bound_ns(i) + 1, i + 1);
	}
	assert_int_equal(stats_bound_ns(0), STATS_TIME_FIRST_NS);
	assert_int_equal(stats_bound_ns(STATS_TIME_BUCKETS - 1), 0);
	assert_bucket(UINT64_C(1) << 62, STATS_TIME_BUCKETS - 1);
}

static void a_batch_is_shared(void **state)
{
	(void)state;
	struct stats_total t;
	stats_took(stats_worker(all, 0), STATS_UPDATE_TIME, 64000, 64);
	stats_took(stats_worker(all, 0), STATS_UPDATE_TIME, 1000, 0);
	stats_sum(all, &t);
	assert_int_equal(t.time[STATS_UPDATE_TIME].bucket[2], 64);
	assert_int_equal(t.time[STATS_UPDATE_TIME].sum_ns, 64000);
}

/* ---- the table ---- */

static void the_table_is_whole(void **state)
{
	(void)state;
	bool used[sizeof((struct stats_total *)0)->value / sizeof(uint64_t)] = {0};
	for (const struct stats_family *f = stats_families; f->name; f++) {
		assert_int_equal(strspn(f->name, "abcdefghijklmnopqrstuvwxyz0123456789_"), strlen(f->name));
		assert_true(strlen(f->help) > 0 && f->help[strlen(f->help) - 1] != '.');
		assert_true(!f->label == !f->values);
		for (const struct stats_family *g = stats_families; g != f; g++)
			assert_string_not_equal(g->name, f->name);
		if (f->kind == STATS_HISTOGRAM) {
			assert_true(f->first < STATS_TIMES);
			continue;
		}
		for (unsigned i = 0; f->label ? f->values[i] != NULL : i == 0; i++) {
			assert_true(f->first + i < sizeof used / sizeof used[0]);
			assert_false(used[f->first + i]); /* no two families tell the same number */
			used[f->first + i] = true;
		}
	}
	for (unsigned i = 0; i < STATS_LATE_FIRST; i++)
		assert_true(used[i]); /* what is counted is shown */
}

static void json_has_every_number(void **state)
{
	(void)state;
	struct stats_total t;
	struct stats *s = stats_worker(all, 3);
	stats_count(s, STATS_NOTIFY_ACKED);
	stats_set(s, STATS_TCP_OPEN, 7);
	stats_took(s, STATS_QUERY_TIME, 700, 2);
	stats_took(s, STATS_QUERY_TIME, UINT64_C(1) << 40, 1);
	stats_sum(all, &t);
	json_t *object = json_object(), *times;
	assert_int_equal(stats_json_add(object, &t), 0);
	assert_int_equal(json_integer_value(json_object_get(json_object_get(object, "notify"), "acked")), 1);
	assert_int_equal(json_integer_value(json_object_get(object, "tcp_open")), 7);
	times = json_object_get(object, "query_time");
	assert_int_equal(json_object_size(times), STATS_TIME_BUCKETS + 2);
	assert_int_equal(json_integer_value(json_object_get(times, "count")), 3);
	assert_int_equal(json_integer_value(json_object_get(times, "le_250ns")), 0);
	assert_int_equal(json_integer_value(json_object_get(times, "le_500ns")), 2);
	assert_int_equal(json_integer_value(json_object_get(times, "le_1us")), 2);
	assert_int_equal(json_integer_value(json_object_get(times, "le_8388608us")), 2);
	assert_int_equal(json_integer_value(json_object_get(times, "le_inf")), 3);
	for (const struct stats_family *f = stats_families; f->name; f++)
		assert_non_null(json_object_get(object, f->name));
	json_decref(object);
}

static char *metrics_text(const struct stats_total *t)
{
	char *text = NULL;
	size_t len = 0;
	FILE *out = open_memstream(&text, &len);
	assert_non_null(out);
	stats_metrics_write(out, t);
	fputs("label ", out);
	stats_metrics_label(out, "a\\\"b\n.");
	assert_int_equal(fclose(out), 0);
	return text;
}

static void metrics_are_named_as_prometheus_wants(void **state)
{
	(void)state;
	struct stats_total t;
	struct stats *s = stats_http(all);
	stats_add(s, STATS_TRANSFER_OCTETS, 99);
	stats_set(s, STATS_HTTP_OPEN, 7);
	stats_count(s, STATS_NOTIFY_ACKED);
	stats_took(s, STATS_QUERY_TIME, 1400, 2);
	stats_took(s, STATS_QUERY_TIME, UINT64_C(20000000001), 1);
	stats_sum(all, &t);
	static const char *const wanted[] = {
		"# TYPE roost_transfer_bytes counter\n# HELP roost_transfer_bytes Octets of transfers' messages.\n"
		"roost_transfer_bytes_total 99\n",
		"# TYPE roost_http_open gauge\n",
		"\nroost_http_open 7\n",
		"\nroost_notify_total{event=\"acked\"} 1\n",
		"# TYPE roost_query_time_seconds histogram\n",
		"\nroost_query_time_seconds_bucket{le=\"2.5e-07\"} 0\n",
		"\nroost_query_time_seconds_bucket{le=\"5e-07\"} 0\nroost_query_time_seconds_bucket{le=\"1e-06\"} 2\n",
		"\nroost_query_time_seconds_bucket{le=\"0.001024\"} 2\n",
		"\nroost_query_time_seconds_bucket{le=\"8.388608\"} 2\nroost_query_time_seconds_bucket{le=\"+Inf\"} 3\n"
		"roost_query_time_seconds_count 3\nroost_query_time_seconds_sum 20.000001401\n",
		"label a\\\\\\\"b\\n.",
	};
	char *text = metrics_text(&t);
	for (size_t i = 0; i < sizeof wanted / sizeof wanted[0]; i++)
		if (!strstr(text, wanted[i]))
			fail_msg("not there: %s", wanted[i]);
	free(text);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(sums_rise_while_threads_count_and_are_exact_in_the_end, setup,
						teardown),
		cmocka_unit_test_setup_teardown(blocks_share_no_cache_line, setup, teardown),
		cmocka_unit_test_setup_teardown(a_shape_counts_for_each_of_its_properties, setup, teardown),
		cmocka_unit_test_setup_teardown(every_rcode_has_its_place, setup, teardown),
		cmocka_unit_test_setup_teardown(an_http_status_has_its_place_or_is_other, setup, teardown),
		cmocka_unit_test_setup_teardown(a_type_without_a_line_is_other, setup, teardown),
		cmocka_unit_test_setup_teardown(every_type_counts_under_its_own_name_or_other, setup, teardown),
		cmocka_unit_test_setup_teardown(a_bucket_ends_at_its_bound, setup, teardown),
		cmocka_unit_test_setup_teardown(a_batch_is_shared, setup, teardown),
		cmocka_unit_test_setup_teardown(the_table_is_whole, setup, teardown),
		cmocka_unit_test_setup_teardown(json_has_every_number, setup, teardown),
		cmocka_unit_test_setup_teardown(metrics_are_named_as_prometheus_wants, setup, teardown),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
