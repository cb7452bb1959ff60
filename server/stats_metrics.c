/* stats_metrics.c: see stats_metrics.h. */
#include "server/stats_metrics.h"

#include <inttypes.h>
#include <string.h>

#define NS_PER_S UINT64_C(1000000000)

enum { METRIC_NAME_MAX = 64 };

void stats_metrics_head(FILE *out, const char *name, const char *type, const char *help)
{
	fprintf(out, "# TYPE %s %s\n# HELP %s %s.\n", name, type, name, help);
}

void stats_metrics_label(FILE *out, const char *text)
{
	for (; *text; text++) {
		if (*text == '\\' || *text == '"')
			putc('\\', out);
		if (*text == '\n')
			fputs("\\n", out);
		else
			putc(*text, out);
	}
}

static void name_metric(const struct stats_family *f, char out[METRIC_NAME_MAX])
{
	static const char octets[] = "_octets";
	size_t len = strlen(f->name), tail = sizeof octets - 1;
	bool counts_octets = len > tail && strcmp(f->name + len - tail, octets) == 0;
	snprintf(out, METRIC_NAME_MAX, "roost_%.*s%s", (int)(counts_octets ? len - tail : len), f->name,
		 counts_octets                ? "_bytes"
		 : f->kind == STATS_HISTOGRAM ? "_seconds"
					      : "");
}

static void write_values(FILE *out, const struct stats_family *f, const char *name, const uint64_t *value)
{
	const char *suffix = f->kind == STATS_COUNTER ? "_total" : "";
	if (!f->label)
		fprintf(out, "%s%s %" PRIu64 "\n", name, suffix, *value);
	for (unsigned i = 0; f->label && f->values[i]; i++)
		fprintf(out, "%s%s{%s=\"%s\"} %" PRIu64 "\n", name, suffix, f->label, f->values[i], value[i]);
}

static void write_histogram(FILE *out, const char *name, const struct stats_total_time *t)
{
	uint64_t count = 0;
	for (unsigned i = 0; i < STATS_TIME_BUCKETS; i++) {
		uint64_t bound = stats_bound_ns(i);
		count += t->bucket[i];
		/* Ten digits are enough for every bound to be exact, which %g then writes in the shortest form, as the
		 * standard wants it. */
		if (bound)
			fprintf(out, "%s_bucket{le=\"%.10g\"} %" PRIu64 "\n", name, (double)bound / (double)NS_PER_S,
				count);
	}
	fprintf(out, "%s_bucket{le=\"+Inf\"} %" PRIu64 "\n%s_count %" PRIu64 "\n", name, count, name, count);
	fprintf(out, "%s_sum %" PRIu64 ".%09" PRIu64 "\n", name, t->sum_ns / NS_PER_S, t->sum_ns % NS_PER_S);
}

void stats_metrics_write(FILE *out, const struct stats_total *total)
{
	static const char *const types[] = {
		[STATS_COUNTER] = "counter", [STATS_GAUGE] = "gauge", [STATS_HISTOGRAM] = "histogram"};
	char name[METRIC_NAME_MAX];
	for (const struct stats_family *f = stats_families; f->name; f++) {
		name_metric(f, name);
		stats_metrics_head(out, name, types[f->kind], f->help);
		if (f->kind == STATS_HISTOGRAM)
			write_histogram(out, name, &total->time[f->first]);
		else
			write_values(out, f, name, &total->value[f->first]);
	}
}
