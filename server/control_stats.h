/* control_stats.h: the answer to {"cmd":"stats"}. For server/control_task.c.
 * Threads: any that is not registered with zones/memory/grace.h. */
#ifndef ROOST_SERVER_CONTROL_STATS_H
#define ROOST_SERVER_CONTROL_STATS_H

#include <jansson.h>

#include "server/server.h"

/* A new reference; NULL when memory is short. memory: also what the zones take, {"memory": {"zones": 1, …}}. */
json_t *control_stats(const struct server *s, bool memory);

#endif
