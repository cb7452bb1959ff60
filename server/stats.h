/* stats.h: what the server counts.
 *
 *   struct stats      one thread's block, on cache lines of its own: that thread alone adds to it, by a plain load and
 *                     store (relaxed atomics: no bus lock, and readers see whole numbers)
 *   struct stats_all  every block: workers 0..n-1, then the writer, the main thread, HTTP
 *   stats_sum         adds them up, from any thread, any time; each sum never falls (but for gauges)
 *   stats_families    one row for each thing counted: name, label, help, kind. Every printer walks this table
 *
 * A request costs two additions, not one for each of its properties: what is asked of every request makes one number,
 * its shape, and there is a counter for each shape. stats_sum takes them apart again.
 *
 *      10     9  8    7    6   5..4     3..0
 *   +-----+----+----+----+---+--------+---------+
 *   | TC  | DO |EDNS| v6 |tcp| opcode | outcome |      outcome: the RCODE, or what else became of the request
 *   +-----+----+----+----+---+--------+---------+
 *
 * Threads: stats_add and the like: the block's owner. stats_sum: any. */
#ifndef ROOST_SERVER_STATS_H
#define ROOST_SERVER_STATS_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/message.h"

/* RCODEs up to NOTZONE (10) stand for themselves. */
enum stats_outcome {
	STATS_BADVERS = 11,
	STATS_BADCOOKIE,
	STATS_RCODE_OTHER,
	STATS_DROPPED, /* no answer */
	STATS_HANDED, /* to the writer (UPDATE: counted again by stats_late when it is answered), or a transfer began */
	STATS_OUTCOMES
};

enum stats_opcode_class { STATS_QUERY, STATS_NOTIFY, STATS_UPDATE, STATS_OPCODE_OTHER, STATS_OPCODES };

enum {
	STATS_SHAPE_OPCODE = 4, /* bits, see above */
	STATS_SHAPE_TCP = 1 << 6,
	STATS_SHAPE_V6 = 1 << 7,
	STATS_SHAPE_EDNS = 1 << 8,
	STATS_SHAPE_DO = 1 << 9,
	STATS_SHAPE_TC = 1 << 10,
	STATS_SHAPES = 1 << 11,
	STATS_QTYPES = 258, /* up to CAA; 0 stands for all others */
	STATS_LINE = 128    /* octets: two cache lines, as processors fetch them in pairs */
};

/* Counted one by one: what is rare. */
enum stats_counter {
	STATS_DROP_FIRST,
	STATS_DROP_NO_REQUEST = STATS_DROP_FIRST, /* shorter than a header, an answer, or behind a bad PROXY header */
	STATS_DROP_NO_PORT,                       /* from port 0 */
	STATS_DROP_SILENT,                        /* there was nothing that could be said; rate limiting */
	STATS_DROP_BUSY,                          /* the writer's queue was full */
	STATS_DROP_UNSENT,                        /* the network did not take the answer */

	STATS_LIMIT_FIRST, /* rate limiting */
	STATS_LIMIT_DROPPED = STATS_LIMIT_FIRST,
	STATS_LIMIT_SLIPPED, /* answered with TC alone */

	STATS_TSIG_FIRST, /* and enum tsig_status */
	STATS_TSIG_LAST = STATS_TSIG_FIRST + 5,

	STATS_UPDATE_RESENT, /* by UDP, and known: not run again */

	STATS_TRANSFER_FIRST,
	STATS_TRANSFER_AXFR = STATS_TRANSFER_FIRST,
	STATS_TRANSFER_IXFR,
	STATS_TRANSFER_WHOLE, /* IXFR in AXFR form */
	STATS_TRANSFER_UPTODATE,
	STATS_TRANSFER_BROKEN,
	STATS_TRANSFER_OCTETS,
	STATS_TRANSFER_RECORDS,

	STATS_NOTIFY_FIRST,
	STATS_NOTIFY_SENT = STATS_NOTIFY_FIRST, /* messages, those sent again too */
	STATS_NOTIFY_ACKED,
	STATS_NOTIFY_FAILED, /* given up, or answered with an error */

	STATS_TCP_OPEN, /* now */
	STATS_TCP_ACCEPTED,
	STATS_TCP_CLOSE_FIRST,
	STATS_TCP_EVICTED = STATS_TCP_CLOSE_FIRST, /* another wanted the place */
	STATS_TCP_IDLE,                            /* idle for too long */
	STATS_TCP_STUCK,                           /* a message took too long to come, or answers to be taken */
	STATS_TCP_TURNED_AWAY,                     /* no place */

	STATS_HTTP_OPEN, /* now */
	STATS_HTTP_ACCEPTED,
	STATS_HTTP_ROUTE_FIRST, /* requests that came whole, by what they are for */
	STATS_HTTP_ADDRESS = STATS_HTTP_ROUTE_FIRST,
	STATS_HTTP_DYNDNS2,
	STATS_HTTP_DELETE,
	STATS_HTTP_DUCKDNS,
	STATS_HTTP_DYNV6,
	STATS_HTTP_HTTPREQ,
	STATS_HTTP_HEALTH,
	STATS_HTTP_METRICS,
	STATS_HTTP_NOTHING,      /* no such path, or not by that method */
	STATS_HTTP_STATUS_FIRST, /* answers; stats_http_status */
	STATS_HTTP_STATUS_LAST = STATS_HTTP_STATUS_FIRST + 8,
	STATS_HTTP_WRONG,      /* passwords and tokens */
	STATS_HTTP_HOST_FIRST, /* and enum dyn_result: how the hosts of updates went */
	STATS_HTTP_HOST_LAST = STATS_HTTP_HOST_FIRST + 4,

	STATS_WRITER_BATCHES,
	STATS_WRITER_JOBS,

	STATS_LATE_FIRST, /* and enum stats_outcome: UPDATEs answered after they were at the writer */
	STATS_LATE_LAST = STATS_LATE_FIRST + STATS_RCODE_OTHER,
	STATS_COUNTERS
};

enum stats_time {
	STATS_QUERY_TIME,  /* a request at its worker: its share of its batch */
	STATS_UPDATE_TIME, /* from an UPDATE's receipt to its answer */
	STATS_COMMIT_TIME, /* a batch at the writer: changes, COMMIT, publishing */
	STATS_TIMES
};

enum {
	STATS_TIME_FIRST_NS = 250, /* upper bound of the first bucket; each next one's is double */
	STATS_TIME_BUCKETS = 27    /* up to 8.4 s, and the rest */
};

struct stats_histogram {
	_Atomic uint64_t bucket[STATS_TIME_BUCKETS];
	_Atomic uint64_t sum_ns;
};

struct stats {
	_Alignas(STATS_LINE) _Atomic uint64_t shape[STATS_SHAPES];
	_Atomic uint64_t qtype[STATS_QTYPES];
	_Atomic uint64_t counter[STATS_COUNTERS];
	struct stats_histogram time[STATS_TIMES];
};

/* ---- counting: the block's owner ---- */

static inline void stats_raise(_Atomic uint64_t *value, uint64_t by)
{
	atomic_store_explicit(value, atomic_load_explicit(value, memory_order_relaxed) + by, memory_order_relaxed);
}

static inline void stats_add(struct stats *s, enum stats_counter c, uint64_t by)
{
	stats_raise(&s->counter[c], by);
}

static inline void stats_count(struct stats *s, enum stats_counter c)
{
	stats_add(s, c, 1);
}

/* A gauge. */
static inline void stats_set(struct stats *s, enum stats_counter c, uint64_t to)
{
	atomic_store_explicit(&s->counter[c], to, memory_order_relaxed);
}

/* What an answer's RCODE, extended or not, counts as. */
static inline unsigned stats_outcome(unsigned rcode)
{
	if (rcode <= RCODE_NOTZONE)
		return rcode;
	return rcode == RCODE_BADVERS ? STATS_BADVERS : rcode == RCODE_BADCOOKIE ? STATS_BADCOOKIE : STATS_RCODE_OTHER;
}

static inline unsigned stats_opcode(enum opcode o)
{
	return o == OPCODE_QUERY    ? STATS_QUERY
	       : o == OPCODE_NOTIFY ? STATS_NOTIFY
	       : o == OPCODE_UPDATE ? STATS_UPDATE
				    : STATS_OPCODE_OTHER;
}

/* One request, when it is decided. */
static inline void stats_shape(struct stats *s, unsigned shape)
{
	stats_raise(&s->shape[shape], 1);
}

/* One QUERY that had a question. */
static inline void stats_qtype(struct stats *s, unsigned qtype)
{
	stats_raise(&s->qtype[qtype < STATS_QTYPES ? qtype : 0], 1);
}

/* An UPDATE that came back from the writer, or was not taken by it, is answered. */
void stats_late(struct stats *s, unsigned rcode);

/* An HTTP answer of that status. */
void stats_http_status(struct stats *s, int status);

/* `count` events that took ns together, each its share. */
void stats_took(struct stats *s, enum stats_time t, uint64_t ns, unsigned count);

/* ---- the blocks ---- */

struct stats_all;

MUST_USE enum err stats_new(struct stats_all **out, unsigned workers);
void stats_free(struct stats_all *all); /* NULL is fine */
struct stats *stats_worker(struct stats_all *all, unsigned i);
struct stats *stats_writer(struct stats_all *all);
struct stats *stats_main(struct stats_all *all);
struct stats *stats_http(struct stats_all *all);

/* ---- reading ---- */

struct stats_total {
	struct stats_total_time {
		uint64_t bucket[STATS_TIME_BUCKETS]; /* not cumulative */
		uint64_t sum_ns;
	} time[STATS_TIMES];
	/* What stats_families' `first` points into; its order is stats.c's. */
	uint64_t value[STATS_COUNTERS + 128];
};

void stats_sum(const struct stats_all *all, struct stats_total *total);

enum stats_kind { STATS_COUNTER, STATS_GAUGE, STATS_HISTOGRAM };

struct stats_family {
	const char *name;          /* lower case and underscores */
	const char *label;         /* what its values are told apart by; NULL: there is one value */
	const char *const *values; /* the label's values, NULL at the end */
	const char *help;          /* a sentence without its full stop */
	enum stats_kind kind;
	unsigned first; /* into total.value; of a histogram into total.time */
};

/* Ends with a row whose name is NULL. */
extern const struct stats_family stats_families[];

/* The bucket's upper bound, 0 for the last one, which has none. */
uint64_t stats_bound_ns(unsigned bucket);

#endif
