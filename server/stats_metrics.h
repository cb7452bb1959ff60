/* stats_metrics.h: what the server counts, as OpenMetrics text (https://openmetrics.io, version 1.0.0), for Prometheus
 * and its like. Names: "roost_" and the family's; what counts octets ends in _bytes, times in _seconds, counters in
 * _total. For server/http/page_metrics.c.
 *
 *   # TYPE roost_queries counter
 *   # HELP roost_queries Queries by the type asked for.
 *   roost_queries_total{type="A"} 17
 *
 * Threads: any. */
#ifndef ROOST_SERVER_STATS_METRICS_H
#define ROOST_SERVER_STATS_METRICS_H

#include <stdio.h>

#include "server/stats.h"

/* Every family. Errors are the stream's (ferror). */
void stats_metrics_write(FILE *out, const struct stats_total *total);

/* The two lines before a metric's samples. type: "gauge" and so on. help: a sentence without its full stop. */
void stats_metrics_head(FILE *out, const char *name, const char *type, const char *help);

/* A label's value, with its escapes and without the quotes around it. */
void stats_metrics_label(FILE *out, const char *text);

#endif
