/* control_stats.c: see control_stats.h. */
#include "server/control_stats.h"

#include <stdlib.h>

#include "lib/clock.h"
#include "server/stats_json.h"
#include "zones/memory/grace.h"

enum { NS_PER_S = 1000000000, FIRST_ROOM = 64 };

/* ---- memory ---- */

struct held {
	struct zone **zone;
	size_t count, room;
	bool failed;
};

static bool hold(void *arg, struct zone *z)
{
	struct held *h = arg;
	if (h->count == h->room) {
		size_t room = h->room ? 2 * h->room : FIRST_ROOM;
		struct zone **zone = realloc(h->zone, room * sizeof(struct zone *));
		h->failed = !zone;
		if (!zone)
			return false;
		h->zone = zone;
		h->room = room;
	}
	zone_hold(z);
	h->zone[h->count++] = z;
	return true;
}

/* All zones are held first: so the walk through each is a reading of its own, and what others let go need not wait for
 * the last one. */
static json_t *memory_of(const struct directory *directory)
{
	struct held h = {0};
	struct zone_memory sum = {0};
	grace_register();
	directory_each(directory, hold, &h);
	for (size_t i = 0; i < h.count; i++) {
		struct zone_memory m;
		grace_quiescent();
		zone_memory(h.zone[i], &m);
		sum.nodes += m.nodes;
		sum.records += m.records;
		sum.octets += m.octets;
		zone_release(h.zone[i]);
	}
	grace_unregister();
	free(h.zone);
	if (h.failed)
		return NULL;
	return json_pack("{s:I, s:I, s:I, s:I}", "zones", (json_int_t)h.count, "nodes", (json_int_t)sum.nodes,
			 "records", (json_int_t)sum.records, "octets", (json_int_t)sum.octets);
}

/* ---- all ---- */

json_t *control_stats(const struct server *s, bool memory)
{
	struct stats_total total;
	stats_sum(s->stats, &total);
	json_t *answer = json_pack("{s:b, s:I}", "ok", 1, "uptime",
				   (json_int_t)((clock_monotonic_ns() - s->started_ns) / NS_PER_S));
	if (!answer)
		return NULL;
	if (stats_json_add(answer, &total) ||
	    (memory && json_object_set_new(answer, "memory", memory_of(s->directory)))) {
		json_decref(answer);
		return NULL;
	}
	return answer;
}
