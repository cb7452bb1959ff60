/* stats.c: see stats.h. */
#include "server/stats.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "lib/rr.h"
#include "lib/tsig.h"

enum { RCODES = STATS_RCODE_OTHER + 1 };

/* The types that have a line of their own, and what it is called. */
/* clang-format off */
static const uint16_t types[] = {
	TYPE_A,     TYPE_NS,   TYPE_CNAME,  TYPE_SOA,        TYPE_PTR,  TYPE_HINFO, TYPE_MX,      TYPE_TXT,
	TYPE_AAAA,  TYPE_LOC,  TYPE_SRV,    TYPE_NAPTR,      TYPE_CERT, TYPE_DNAME, TYPE_DS,      TYPE_SSHFP,
	TYPE_RRSIG, TYPE_NSEC, TYPE_DNSKEY, TYPE_NSEC3PARAM, TYPE_TLSA, TYPE_CDS,   TYPE_CDNSKEY, TYPE_SVCB,
	TYPE_HTTPS, TYPE_SPF,  TYPE_IXFR,   TYPE_AXFR,       TYPE_ANY,  TYPE_URI,   TYPE_CAA};

enum { TYPES = sizeof types / sizeof types[0] };

static const char *const type_names[TYPES + 2] = {
	"A",     "NS",   "CNAME",  "SOA",        "PTR",  "HINFO", "MX",      "TXT",
	"AAAA",  "LOC",  "SRV",    "NAPTR",      "CERT", "DNAME", "DS",      "SSHFP",
	"RRSIG", "NSEC", "DNSKEY", "NSEC3PARAM", "TLSA", "CDS",   "CDNSKEY", "SVCB",
	"HTTPS", "SPF",  "IXFR",   "AXFR",       "ANY",  "URI",   "CAA",     "other"};
/* clang-format on */

/* Where the sums stand in stats_total.value: first the counters, each in its place, then what comes from shapes and
 * types. */
enum {
	SUM_TRANSPORT = STATS_COUNTERS,
	SUM_OPCODE = SUM_TRANSPORT + 4,
	SUM_TYPE = SUM_OPCODE + STATS_OPCODES,
	SUM_RCODE = SUM_TYPE + TYPES + 1,
	SUM_UPDATE = SUM_RCODE + RCODES,
	SUM_TRUNCATED = SUM_UPDATE + RCODES,
	SUM_EDNS,
	SUM_DO,
	SUM_END
};

static_assert(SUM_END <= sizeof(((struct stats_total *)0)->value) / sizeof(uint64_t), "every sum has its place");
static_assert(STATS_TSIG_LAST - STATS_TSIG_FIRST == TSIG_FORMERR, "a counter for each enum tsig_status");
static_assert(sizeof(struct stats) % STATS_LINE == 0, "blocks share no cache line");

/* ---- the table ---- */

static const char *const transports[] = {"udp4", "udp6", "tcp4", "tcp6", NULL};
static const char *const opcodes[] = {"query", "notify", "update", "other", NULL};
static const char *const rcodes[] = {"NOERROR", "FORMERR",  "SERVFAIL",  "NXDOMAIN", "NOTIMP",
				     "REFUSED", "YXDOMAIN", "YXRRSET",   "NXRRSET",  "NOTAUTH",
				     "NOTZONE", "BADVERS",  "BADCOOKIE", "other",    NULL};
static const char *const drops[] = {"no_request", "no_port", "silent", "busy", "unsent", NULL};
static const char *const limits[] = {"dropped", "slipped", NULL};
static const char *const tsigs[] = {"ok", "badkey", "badsig", "badtime", "badtrunc", "formerr", NULL};
static const char *const forms[] = {"axfr", "ixfr", "ixfr_whole", "uptodate", "broken", NULL};
static const char *const notifies[] = {"sent", "acked", "failed", NULL};
static const char *const routes[] = {"address", "dyndns2", "nic_delete", "duckdns", "dynv6",
				     "httpreq", "health",  "metrics",    "nothing", NULL};
static const char *const http_statuses[] = {"200", "400", "401", "403", "404", "405", "408", "503", "other", NULL};
static const char *const hosts[] = {"nochg", "good", "nohost", "slow", "failed", NULL};
static const char *const closes[] = {"evicted", "idle", "stuck", "turned_away", NULL};

static_assert(sizeof http_statuses / sizeof http_statuses[0] - 2 == STATS_HTTP_STATUS_LAST - STATS_HTTP_STATUS_FIRST,
	      "a counter for each status");

const struct stats_family stats_families[] = {
	{"requests", "transport", transports, "Requests received, except those that were no requests or resent UPDATEs",
	 STATS_COUNTER, SUM_TRANSPORT},
	{"opcodes", "opcode", opcodes, "Requests by opcode", STATS_COUNTER, SUM_OPCODE},
	{"queries", "type", type_names, "Queries by the type asked for", STATS_COUNTER, SUM_TYPE},
	{"answers", "rcode", rcodes, "Answers by RCODE; transfers are not among them", STATS_COUNTER, SUM_RCODE},
	{"truncated", NULL, NULL, "Answers with TC set", STATS_COUNTER, SUM_TRUNCATED},
	{"edns", NULL, NULL, "Requests with EDNS", STATS_COUNTER, SUM_EDNS},
	{"dnssec_ok", NULL, NULL, "Requests with DO set", STATS_COUNTER, SUM_DO},
	{"dropped", "reason", drops, "What got no answer", STATS_COUNTER, STATS_DROP_FIRST},
	{"rate_limited", "action", limits, "Answers held back by rate limiting", STATS_COUNTER, STATS_LIMIT_FIRST},
	{"tsig", "status", tsigs, "Signed requests by what the signature was found to be", STATS_COUNTER,
	 STATS_TSIG_FIRST},
	{"updates", "rcode", rcodes, "Updates by the RCODE of their answer", STATS_COUNTER, SUM_UPDATE},
	{"updates_resent", NULL, NULL, "Updates that came again by UDP and were not run again", STATS_COUNTER,
	 STATS_UPDATE_RESENT},
	{"transfers", "form", forms, "Transfers out by TCP, by what they turned out to be", STATS_COUNTER,
	 STATS_TRANSFER_FIRST},
	{"transfer_octets", NULL, NULL, "Octets of transfers' messages", STATS_COUNTER, STATS_TRANSFER_OCTETS},
	{"transfer_records", NULL, NULL, "Records of transfers that were finished", STATS_COUNTER,
	 STATS_TRANSFER_RECORDS},
	{"notify", "event", notifies, "NOTIFY messages sent to secondaries, and how they went", STATS_COUNTER,
	 STATS_NOTIFY_FIRST},
	{"tcp_open", NULL, NULL, "TCP connections now", STATS_GAUGE, STATS_TCP_OPEN},
	{"tcp_accepted", NULL, NULL, "TCP connections accepted", STATS_COUNTER, STATS_TCP_ACCEPTED},
	{"tcp_closed", "reason", closes, "TCP connections that we ended or turned away", STATS_COUNTER,
	 STATS_TCP_CLOSE_FIRST},
	{"http_open", NULL, NULL, "HTTP connections now", STATS_GAUGE, STATS_HTTP_OPEN},
	{"http_accepted", NULL, NULL, "HTTP connections accepted", STATS_COUNTER, STATS_HTTP_ACCEPTED},
	{"http_requests", "route", routes, "HTTP requests that came whole and well-formed, by what they are for",
	 STATS_COUNTER, STATS_HTTP_ROUTE_FIRST},
	{"http_answers", "status", http_statuses, "HTTP answers by status", STATS_COUNTER, STATS_HTTP_STATUS_FIRST},
	{"http_wrong_secrets", NULL, NULL, "Wrong passwords and tokens in HTTP requests", STATS_COUNTER,
	 STATS_HTTP_WRONG},
	{"http_hosts", "result", hosts, "Hosts in updates over HTTP, by how it went", STATS_COUNTER,
	 STATS_HTTP_HOST_FIRST},
	{"commit_batches", NULL, NULL, "Batches of changes at the writer", STATS_COUNTER, STATS_WRITER_BATCHES},
	{"commit_jobs", NULL, NULL, "Changes in these batches, refused ones too", STATS_COUNTER, STATS_WRITER_JOBS},
	{"query_time", NULL, NULL, "Time for a request at its worker: its share of the time of its batch",
	 STATS_HISTOGRAM, STATS_QUERY_TIME},
	{"update_time", NULL, NULL, "Time from an update's receipt to its answer", STATS_HISTOGRAM, STATS_UPDATE_TIME},
	{"commit_time", NULL, NULL, "Time for a batch at the writer, until it is durable and published",
	 STATS_HISTOGRAM, STATS_COMMIT_TIME},
	{NULL, NULL, NULL, NULL, STATS_COUNTER, 0},
};

/* ---- counting ---- */

void stats_late(struct stats *s, unsigned rcode)
{
	stats_count(s, (enum stats_counter)(STATS_LATE_FIRST + stats_outcome(rcode)));
}

void stats_http_status(struct stats *s, int status)
{
	unsigned i = 0;
	while (STATS_HTTP_STATUS_FIRST + i < STATS_HTTP_STATUS_LAST && atoi(http_statuses[i]) != status)
		i++;
	stats_count(s, (enum stats_counter)(STATS_HTTP_STATUS_FIRST + i));
}

/* The first bucket whose bound is not below ns. */
static unsigned bucket_of(uint64_t ns)
{
	uint64_t units = ns ? (ns - 1) / STATS_TIME_FIRST_NS : 0;
	unsigned bits = units ? 64 - (unsigned)__builtin_clzll(units) : 0;
	return bits < STATS_TIME_BUCKETS ? bits : STATS_TIME_BUCKETS - 1;
}

uint64_t stats_bound_ns(unsigned bucket)
{
	return bucket < STATS_TIME_BUCKETS - 1 ? (uint64_t)STATS_TIME_FIRST_NS << bucket : 0;
}

void stats_took(struct stats *s, enum stats_time t, uint64_t ns, unsigned count)
{
	if (!count)
		return;
	stats_raise(&s->time[t].bucket[bucket_of(ns / count)], count);
	stats_raise(&s->time[t].sum_ns, ns);
}

/* ---- the blocks ---- */

struct stats_all {
	unsigned workers;
	struct stats block[]; /* workers, writer, main, HTTP */
};

enum { OTHERS = 3 };

enum err stats_new(struct stats_all **out, unsigned workers)
{
	size_t size = sizeof(struct stats_all) + (workers + (size_t)OTHERS) * sizeof(struct stats);
	struct stats_all *all = aligned_alloc(_Alignof(struct stats_all), size);
	if (!all)
		return ERR_NOMEM;
	memset(all, 0, size);
	all->workers = workers;
	*out = all;
	return ERR_OK;
}

void stats_free(struct stats_all *all)
{
	free(all);
}

struct stats *stats_worker(struct stats_all *all, unsigned i)
{
	assert(i < all->workers);
	return &all->block[i];
}

struct stats *stats_writer(struct stats_all *all)
{
	return &all->block[all->workers];
}

struct stats *stats_main(struct stats_all *all)
{
	return &all->block[all->workers + 1];
}

struct stats *stats_http(struct stats_all *all)
{
	return &all->block[all->workers + 2];
}

/* ---- reading ---- */

static uint64_t load(const _Atomic uint64_t *value)
{
	return atomic_load_explicit(value, memory_order_relaxed);
}

static void add_shape(struct stats_total *t, unsigned shape, uint64_t n)
{
	unsigned outcome = shape % STATS_OUTCOMES, opcode = shape >> STATS_SHAPE_OPCODE & (STATS_OPCODES - 1);
	t->value[SUM_TRANSPORT + (shape & STATS_SHAPE_TCP ? 2 : 0) + (shape & STATS_SHAPE_V6 ? 1 : 0)] += n;
	t->value[SUM_OPCODE + opcode] += n;
	if (outcome <= STATS_RCODE_OTHER)
		t->value[SUM_RCODE + outcome] += n;
	if (outcome <= STATS_RCODE_OTHER && opcode == STATS_UPDATE)
		t->value[SUM_UPDATE + outcome] += n;
	if (shape & STATS_SHAPE_TC)
		t->value[SUM_TRUNCATED] += n;
	if (shape & STATS_SHAPE_EDNS)
		t->value[SUM_EDNS] += n;
	if (shape & STATS_SHAPE_DO)
		t->value[SUM_DO] += n;
}

static unsigned line_of_type(unsigned type)
{
	unsigned i = 0;
	while (i < TYPES && types[i] != type)
		i++;
	return i;
}

static void add_block(struct stats_total *t, const struct stats *s)
{
	for (unsigned i = 0; i < STATS_SHAPES; i++) {
		uint64_t n = load(&s->shape[i]);
		if (n)
			add_shape(t, i, n);
	}
	for (unsigned i = 0; i < STATS_QTYPES; i++)
		t->value[SUM_TYPE + line_of_type(i)] += load(&s->qtype[i]);
	for (unsigned i = 0; i < STATS_COUNTERS; i++)
		t->value[i] += load(&s->counter[i]);
	for (unsigned i = 0; i < STATS_TIMES; i++) {
		for (unsigned b = 0; b < STATS_TIME_BUCKETS; b++)
			t->time[i].bucket[b] += load(&s->time[i].bucket[b]);
		t->time[i].sum_ns += load(&s->time[i].sum_ns);
	}
}

void stats_sum(const struct stats_all *all, struct stats_total *total)
{
	*total = (struct stats_total){0};
	for (unsigned i = 0; i < all->workers + OTHERS; i++)
		add_block(total, &all->block[i]);
	for (unsigned i = 0; i < RCODES; i++) {
		total->value[SUM_RCODE + i] += total->value[STATS_LATE_FIRST + i];
		total->value[SUM_UPDATE + i] += total->value[STATS_LATE_FIRST + i];
	}
}
