/* ratelimit.h: response rate limiting: how many alike answers a network gets by UDP, so that nobody can be flooded by
 * us with answers to questions that he never asked (forged source addresses).
 *
 * Alike are answers to one network (/24, /56) of one kind that were made from one name (zones/answer/answer.h: a wildcard's
 * answers are alike whatever was asked, and so are a zone's name errors); errors are alike for the whole network.
 * Each such stream has a bucket of tokens:
 *
 *   hash(network, kind, name), keyed -> line of 4 buckets (64 octets, one cache line) -> the bucket with the tag
 *
 *   0        4          8            12     14     15   16
 *   +--------+----------+------------+------+------+----+
 *   | tag    | time, ms | level      | over | kind | 0  |      level: thousandths of an answer that may still go
 *   +--------+----------+------------+------+------+----+      over: answers that were over the limit, for slip
 *
 * When a line is full, the bucket that would be full again first makes room: a stream that is being limited is the
 * last to be forgotten. The table has a fixed size; nothing is allocated or shared with other workers. Workers see
 * their part of a network's questions (the kernel spreads them by address and port), so each allows its part of the
 * rate.
 *
 * Threads: an object belongs to one worker. */
#ifndef ROOST_SERVER_DNS_RATELIMIT_H
#define ROOST_SERVER_DNS_RATELIMIT_H

#include "server/config.h"
#include "zones/answer/answer.h"

enum {
	RATELIMIT_V4_BITS = 24, /* what a home or small site has, at least: no neighbour is hit when we limit */
	RATELIMIT_V6_BITS = 56
};

enum ratelimit_verdict {
	RATELIMIT_SEND,
	RATELIMIT_TRUNCATE, /* an answer with TC instead: who really asked comes again by TCP */
	RATELIMIT_DROP
};

struct ratelimit;

/* *out is NULL when the configuration turns it off. ERR_NOMEM. */
MUST_USE enum err ratelimit_new(struct ratelimit **out, const struct config *c);
void ratelimit_free(struct ratelimit *r);

/* Asks for the memory that a look at the answer from that name to `from` will need, if it is a positive one. */
void ratelimit_warm(const struct ratelimit *r, const struct addr *from, uint64_t name);

/* Whether an answer may go to `from` (unmapped). now_ms: clock_coarse_ms. Logs a line when a network begins to be
 * limited: once a minute each, some lines a second in all. */
enum ratelimit_verdict ratelimit_check(struct ratelimit *r, const struct addr *from, struct answer_origin origin,
				       uint64_t now_ms);

#endif
