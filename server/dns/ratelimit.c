/* ratelimit.c: see ratelimit.h. */
#include "server/dns/ratelimit.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/hugepages.h"
#include "lib/log.h"

enum {
	WAYS = 4,            /* buckets a line */
	LINES = 1 << 15,     /* 131,072 streams at a time, one large page a worker */
	ANSWER_COST = 1000,  /* level is in thousandths, so that a millisecond brings `rate` of them */
	LOGGED = 256,        /* networks that were logged lately, by hash */
	LOG_AGAIN_MS = 60000 /* a network that stays over the limit is one line a minute */
};

struct bucket {
	uint32_t tag;   /* 0: free */
	uint32_t at_ms; /* of `level`; wraps in 49 days, which then delays filling up by a second */
	uint32_t level;
	uint16_t over;
	uint8_t kind;
	uint8_t unused;
};

struct line {
	_Alignas(64) struct bucket bucket[WAYS];
};

static_assert(sizeof(struct line) == 64, "a line is a cache line");
static_assert(LINES * sizeof(struct line) == HUGEPAGES_SIZE, "all lines are one large page");
static_assert(RATELIMIT_V4_BITS < 32 && RATELIMIT_V6_BITS % 8 == 0 && RATELIMIT_V6_BITS <= 64, "see hash_network");
static_assert((uint64_t)CONFIG_RATE_MAX * ANSWER_COST <= UINT32_MAX, "a full bucket's level fits");

struct ratelimit {
	uint64_t key[2];
	uint32_t rate[ANSWER_KINDS]; /* answers a second, this worker's part; 0: no limit */
	unsigned slip;
	bool spare_loopback;
	const struct config_prefixes *exempt;
	struct {
		uint64_t network; /* hash */
		uint64_t at_ms;
	} logged[LOGGED];
	struct log_limit lines;
	void *memory;      /* where line lies in, at a large page's start */
	struct line *line; /* [LINES] */
};

enum err ratelimit_new(struct ratelimit **out, const struct config *c)
{
	*out = NULL;
	if (c->rate_limit == CONFIG_RATE_LIMIT_NO)
		return ERR_OK;
	struct ratelimit *r = calloc(1, sizeof *r);
	if (!r)
		return ERR_NOMEM;
	/* Twice the room, so that one large page lies in it. What is never touched costs nothing. */
	r->memory = calloc(2 * LINES, sizeof *r->line);
	if (!r->memory || getrandom(r->key, sizeof r->key, 0) != sizeof r->key) {
		ratelimit_free(r);
		return ERR_NOMEM;
	}
	uintptr_t start = ((uintptr_t)r->memory + HUGEPAGES_SIZE - 1) / HUGEPAGES_SIZE * HUGEPAGES_SIZE;
	r->line = (struct line *)start;
	hugepages_want(r->line, LINES * sizeof *r->line);
	const unsigned rate[ANSWER_KINDS] = {
		[ANSWER_OTHER] = c->rate_errors,      [ANSWER_POSITIVE] = c->rate_answers,
		[ANSWER_REFERRAL] = c->rate_answers,  [ANSWER_NODATA] = c->rate_negative,
		[ANSWER_NXDOMAIN] = c->rate_negative,
	};
	for (unsigned i = 0; i < ANSWER_KINDS; i++)
		r->rate[i] = (rate[i] + c->workers - 1) / c->workers;
	r->slip = c->rate_slip;
	r->spare_loopback = c->rate_limit == CONFIG_RATE_LIMIT_PUBLIC;
	r->exempt = &c->rate_exempt;
	*out = r;
	return ERR_OK;
}

void ratelimit_free(struct ratelimit *r)
{
	if (!r)
		return;
	free(r->memory);
	free(r);
}

/* ---- buckets ---- */

/* Folded 128-bit product, keyed by the caller: who does not know the key cannot aim at a line. */
static uint64_t mix(uint64_t a, uint64_t b)
{
	__extension__ unsigned __int128 product = (unsigned __int128)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

/* The client's network as a number: which of the two it is shows in the second factor. */
static uint64_t hash_network(const struct ratelimit *r, const struct addr *from)
{
	uint64_t octets = 0;
	if (from->u.sa.sa_family == AF_INET)
		return mix((ntohl(from->u.in.sin_addr.s_addr) >> (32 - RATELIMIT_V4_BITS)) ^ r->key[0], r->key[1]);
	memcpy(&octets, &from->u.in6.sin6_addr, RATELIMIT_V6_BITS / 8);
	return mix(octets ^ r->key[0], ~r->key[1]);
}

static uint64_t hash_stream(const struct ratelimit *r, uint64_t network, struct answer_origin origin)
{
	return mix(network ^ r->key[1], origin.name ^ r->key[0] ^ (uint64_t)origin.kind << 56);
}

static uint32_t full(uint32_t rate)
{
	return rate * ANSWER_COST;
}

/* What the bucket has now. */
static uint32_t level_now(const struct bucket *b, uint32_t rate, uint32_t now_ms)
{
	uint64_t level = b->level + (uint64_t)(now_ms - b->at_ms) * rate;
	return level < full(rate) ? (uint32_t)level : full(rate);
}

/* Milliseconds until it is as if it had never been used. */
static uint32_t until_full(const struct ratelimit *r, const struct bucket *b, uint32_t now_ms)
{
	uint32_t rate = r->rate[b->kind];
	return b->tag ? (full(rate) - level_now(b, rate, now_ms)) / rate : 0;
}

static struct bucket *find(struct ratelimit *r, uint64_t hash, enum answer_kind kind, uint32_t now_ms)
{
	struct bucket *line = r->line[hash % LINES].bucket;
	uint32_t tag = (uint32_t)(hash >> 32) | 1;
	for (unsigned i = 0; i < WAYS; i++)
		if (line[i].tag == tag)
			return &line[i];
	struct bucket *b = &line[0];
	uint32_t least = until_full(r, b, now_ms);
	for (unsigned i = 1; i < WAYS && least; i++) {
		uint32_t ms = until_full(r, &line[i], now_ms);
		if (ms >= least)
			continue;
		least = ms;
		b = &line[i];
	}
	*b = (struct bucket){.tag = tag, .at_ms = now_ms, .level = full(r->rate[kind]), .kind = (uint8_t)kind};
	return b;
}

void ratelimit_warm(const struct ratelimit *r, const struct addr *from, uint64_t name)
{
	struct answer_origin origin = {.kind = ANSWER_POSITIVE, .name = name};
	__builtin_prefetch(&r->line[hash_stream(r, hash_network(r, from), origin) % LINES]);
}

/* ---- log ---- */

static const char *kind_text(enum answer_kind kind)
{
	switch (kind) {
	case ANSWER_POSITIVE:
		return "one answer";
	case ANSWER_REFERRAL:
		return "one referral";
	case ANSWER_NODATA:
		return "no such record";
	case ANSWER_NXDOMAIN:
		return "no such name";
	default:
		return "errors";
	}
}

/* False for those that were logged lately. */
static bool is_news(struct ratelimit *r, uint64_t network_hash, uint64_t now_ms)
{
	/* Offset by one, so that 0 is never. */
	uint64_t now = now_ms + 1, *at = &r->logged[network_hash % LOGGED].at_ms;
	uint64_t *network = &r->logged[network_hash % LOGGED].network;
	if (*at && *network == network_hash && now - *at < LOG_AGAIN_MS)
		return false;
	*at = now;
	*network = network_hash;
	return true;
}

static void log_start(struct ratelimit *r, const struct addr *from, uint64_t network_hash, enum answer_kind kind,
		      uint64_t now_ms)
{
	char text[ADDR_TEXT_MAX];
	struct addr_prefix network;
	unsigned left_out;
	if (!is_news(r, network_hash, now_ms) || !log_limit_allows(&r->lines, &left_out))
		return;
	if (left_out)
		log_warning("rate limit: %u lines on further networks left out", left_out);
	addr_network(&network, from, RATELIMIT_V4_BITS, RATELIMIT_V6_BITS);
	log_warning("rate limit: %s to %s more than %u times a second: what is more is truncated or dropped; if those "
		    "clients are in the right, see [rate-limit] exempt in roost.conf(5)",
		    kind_text(kind), addr_prefix_to_text(&network, text), r->rate[kind]);
}

/* ---- the check ---- */

static enum ratelimit_verdict over_limit(const struct ratelimit *r, struct bucket *b, enum answer_kind kind)
{
	b->over++;
	if (!r->slip || b->over % r->slip)
		return RATELIMIT_DROP;
	/* An error is no longer than its question, and TC would not say what it is: it goes as it is. */
	return kind == ANSWER_OTHER ? RATELIMIT_SEND : RATELIMIT_TRUNCATE;
}

enum ratelimit_verdict ratelimit_check(struct ratelimit *r, const struct addr *from, struct answer_origin origin,
				       uint64_t now_ms)
{
	uint32_t rate = r->rate[origin.kind];
	if (!rate || (r->spare_loopback && addr_is_loopback(from)) ||
	    (r->exempt->count && addr_in_prefixes(from, r->exempt->list, r->exempt->count)))
		return RATELIMIT_SEND;
	uint64_t network_hash = hash_network(r, from);
	struct bucket *b = find(r, hash_stream(r, network_hash, origin), origin.kind, (uint32_t)now_ms);
	b->level = level_now(b, rate, (uint32_t)now_ms);
	b->at_ms = (uint32_t)now_ms;
	if (b->level >= ANSWER_COST) {
		b->level -= ANSWER_COST;
		return RATELIMIT_SEND;
	}
	log_start(r, from, network_hash, origin.kind, now_ms);
	return over_limit(r, b, origin.kind);
}
