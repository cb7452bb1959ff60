/* page_metrics.c: /metrics: what the server counts and how it stands, in OpenMetrics text, for those who may. */
#include "server/http/route.h"

#include <inttypes.h>
#include <stdlib.h>

#include "server/http/http_inside.h"
#include "server/stats_metrics.h"
#include "zones/memory/grace.h"

/* Each zone's serial is a time series of its own: with more zones there is none, as a part of them would say little. */
enum { ZONES_MAX = 1000 };

#ifndef ROOST_VERSION
#error "ROOST_VERSION comes from configure.ac, through the Makefile"
#endif

static const char content_type[] = "application/openmetrics-text; version=1.0.0; charset=utf-8";

static bool may_read(const struct call *c)
{
	const struct config_prefixes *from = &c->http->server->config->http_metrics;
	return addr_is_loopback(&c->client) || addr_in_prefixes(&c->client, from->list, from->count);
}

struct walk {
	FILE *out;
	unsigned zones, unserved;
};

static bool count_zone(void *arg, struct zone *z)
{
	struct walk *w = arg;
	w->zones++;
	w->unserved += zone_fault(z) != NULL;
	return true;
}

static bool write_serial(void *arg, struct zone *z)
{
	struct walk *w = arg;
	struct zone_view view = zone_view(z);
	char name[NAME_TEXT_MAX];
	if (zone_fault(z))
		return true;
	name_to_text(zone_name(z), name);
	fputs("roost_zone_serial{zone=\"", w->out);
	stats_metrics_label(w->out, name);
	fprintf(w->out, "\"} %" PRIu32 "\n", zone_serial(&view));
	return true;
}

static void write_zones(FILE *out, const struct directory *d)
{
	struct walk w = {.out = out};
	grace_online();
	directory_each(d, count_zone, &w);
	stats_metrics_head(out, "roost_zones", "gauge", "Zones in the database, those that are not served too");
	fprintf(out, "roost_zones %u\n", w.zones);
	stats_metrics_head(out, "roost_zones_unserved", "gauge", "Zones that could not be loaded and are not served");
	fprintf(out, "roost_zones_unserved %u\n", w.unserved);
	if (w.zones <= ZONES_MAX) {
		stats_metrics_head(out, "roost_zone_serial", "gauge", "Serial of each zone");
		directory_each(d, write_serial, &w);
	}
	grace_offline();
}

static void write_all(FILE *out, const struct http *h)
{
	struct stats_total total;
	stats_sum(h->server->stats, &total);
	stats_metrics_head(out, "roost_build", "info", "The program");
	fprintf(out, "roost_build_info{version=\"%s\"} 1\n", ROOST_VERSION);
	stats_metrics_head(out, "process_start_time_seconds", "gauge", "When the server started, since 1970");
	fprintf(out, "process_start_time_seconds %" PRIu64 "\n", h->started_unix_s);
	write_zones(out, h->server->directory);
	stats_metrics_head(out, "roost_writer_queue", "gauge", "Changes that wait for the writer");
	fprintf(out, "roost_writer_queue %u\n", writer_thread_waiting(h->server->writer));
	stats_metrics_write(out, &total);
	fputs("# EOF\n", out);
}

void page_metrics(struct call *c)
{
	char *text = NULL;
	size_t len = 0;
	if (!may_read(c)) {
		call_answer(c, 403, "text/plain", "Not from your address\n");
		return;
	}
	FILE *out = open_memstream(&text, &len);
	if (out)
		write_all(out, c->http);
	bool failed = !out || ferror(out);
	if (out && fclose(out) != 0)
		failed = true;
	if (failed)
		call_answer(c, 503, "text/plain", "Out of memory\n");
	else
		call_answer_data(c, 200, content_type, text, len);
	free(text);
}
