/* stats_json.h: the sums of server/stats.h as JSON, for the control socket, in the order of the table:
 *
 *   {"requests": {"udp4": 17, …}, "truncated": 3,
 *    "query_time": {"count": 17, "sum_ns": 34000, "le_250ns": 0, "le_500ns": 1, …, "le_inf": 17}, …}
 *
 * A bucket counts all that took no longer than its name says. Threads: any. */
#ifndef ROOST_SERVER_STATS_JSON_H
#define ROOST_SERVER_STATS_JSON_H

#include <jansson.h>

#include "server/stats.h"

/* Adds a member for each family; -1 when memory is short. */
MUST_USE int stats_json_add(json_t *object, const struct stats_total *total);

#endif
