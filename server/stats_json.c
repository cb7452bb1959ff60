/* stats_json.c: see stats_json.h. */
#include "server/stats_json.h"

#include <inttypes.h>
#include <stdio.h>

enum { BUCKET_NAME_MAX = 32, NS_PER_US = 1000 };

static json_t *number(uint64_t n)
{
	return json_integer((json_int_t)n);
}

static json_t *labelled(const struct stats_family *f, const uint64_t *value)
{
	json_t *object = json_object();
	for (unsigned i = 0; f->values[i]; i++)
		if (json_object_set_new(object, f->values[i], number(value[i])))
			goto fail;
	return object;

fail:
	json_decref(object);
	return NULL;
}

static void name_bucket(unsigned bucket, char out[BUCKET_NAME_MAX])
{
	uint64_t ns = stats_bound_ns(bucket);
	if (!ns)
		snprintf(out, BUCKET_NAME_MAX, "le_inf");
	else if (ns % NS_PER_US)
		snprintf(out, BUCKET_NAME_MAX, "le_%" PRIu64 "ns", ns);
	else
		snprintf(out, BUCKET_NAME_MAX, "le_%" PRIu64 "us", ns / NS_PER_US);
}

static json_t *histogram(const struct stats_total_time *t)
{
	char name[BUCKET_NAME_MAX];
	uint64_t count = 0;
	json_t *buckets = json_object(), *object = NULL;
	for (unsigned i = 0; i < STATS_TIME_BUCKETS; i++) {
		name_bucket(i, name);
		count += t->bucket[i];
		if (json_object_set_new(buckets, name, number(count)))
			goto out;
	}
	object = json_pack("{s:I, s:I}", "count", (json_int_t)count, "sum_ns", (json_int_t)t->sum_ns);
	if (object && json_object_update(object, buckets)) {
		json_decref(object);
		object = NULL;
	}
out:
	json_decref(buckets);
	return object;
}

int stats_json_add(json_t *object, const struct stats_total *total)
{
	for (const struct stats_family *f = stats_families; f->name; f++) {
		json_t *value = f->kind == STATS_HISTOGRAM ? histogram(&total->time[f->first])
				: f->label                 ? labelled(f, &total->value[f->first])
							   : number(total->value[f->first]);
		if (json_object_set_new(object, f->name, value))
			return -1;
	}
	return 0;
}
