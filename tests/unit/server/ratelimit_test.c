/* ratelimit: buckets by network, kind and name; refilling; slip; who is spared; what a flood of strangers does to the
 * table. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>

#include "server/dns/ratelimit.h"

enum { RATE = 10, START_MS = 1000000, STREAMS = 200000 };

static const struct answer_origin www = {ANSWER_POSITIVE, 0x1234567890abcdef};
static const struct answer_origin mail = {ANSWER_POSITIVE, 0x1234567890abcdee};
static const struct answer_origin nowhere = {ANSWER_NXDOMAIN, 0x1234567890abcdef};
static const struct answer_origin error = {ANSWER_OTHER, 0};

static struct config plain(void)
{
	return (struct config){.workers = 1,
			       .rate_limit = CONFIG_RATE_LIMIT_PUBLIC,
			       .rate_answers = RATE,
			       .rate_negative = RATE,
			       .rate_errors = RATE};
}

static struct ratelimit *make(const struct config *c)
{
	struct ratelimit *r;
	log_set_level(LOG_LEVEL_ERROR);
	assert_int_equal(ratelimit_new(&r, c), ERR_OK);
	return r;
}

static struct addr source(const char *text)
{
	struct addr a;
	assert_int_equal(addr_parse(&a, text, 53, NULL), ERR_OK);
	return a;
}

struct tally {
	unsigned sent, truncated, dropped;
};

static struct tally ask(struct ratelimit *r, const char *from, struct answer_origin origin, unsigned times, uint64_t ms)
{
	struct tally t = {0};
	struct addr a = source(from);
	for (unsigned i = 0; i < times; i++) {
		enum ratelimit_verdict v = ratelimit_check(r, &a, origin, ms);
		t.sent += v == RATELIMIT_SEND;
		t.truncated += v == RATELIMIT_TRUNCATE;
		t.dropped += v == RATELIMIT_DROP;
	}
	assert_int_equal(t.sent + t.truncated + t.dropped, times);
	return t;
}

static void assert_sent(struct ratelimit *r, const char *from, struct answer_origin origin, uint64_t ms, unsigned sent)
{
	assert_int_equal(ask(r, from, origin, 3 * RATE, ms).sent, sent);
}

static void streams(void **state)
{
	(void)state;
	struct config c = plain();
	struct ratelimit *r = make(&c);
	assert_sent(r, "192.0.2.1", www, START_MS, RATE);
	assert_sent(r, "192.0.2.254@9", www, START_MS, 0); /* the same /24 */
	assert_sent(r, "192.0.3.1", www, START_MS, RATE);
	assert_sent(r, "192.0.2.1", mail, START_MS, RATE);
	assert_sent(r, "192.0.2.1", nowhere, START_MS, RATE);
	assert_sent(r, "192.0.2.1", error, START_MS, RATE);
	assert_sent(r, "2001:db8:0:1ff::1", www, START_MS, RATE);
	assert_sent(r, "2001:db8:0:100::2", www, START_MS, 0); /* the same /56 */
	assert_sent(r, "2001:db8:0:200::1", www, START_MS, RATE);
	ratelimit_free(r);
}

static void refills(void **state)
{
	(void)state;
	struct config c = plain();
	struct ratelimit *r = make(&c);
	assert_sent(r, "192.0.2.1", www, START_MS, RATE);
	assert_sent(r, "192.0.2.1", www, START_MS + 99, 0);
	assert_sent(r, "192.0.2.1", www, START_MS + 100, 1);
	assert_sent(r, "192.0.2.1", www, START_MS + 600, RATE / 2);
	/* Never more than a second's worth, and the time may wrap. */
	assert_sent(r, "192.0.2.1", www, START_MS + 1000000, RATE);
	assert_sent(r, "192.0.2.1", www, (UINT64_C(1) << 32) - 50, RATE);
	assert_sent(r, "192.0.2.1", www, (UINT64_C(1) << 32) + 50, 1);
	ratelimit_free(r);
}

/* A steady stream at the rate passes whole; at twice the rate half of it does. */
static void steady(void **state)
{
	(void)state;
	struct config c = plain();
	struct ratelimit *r = make(&c);
	struct tally at_rate = {0}, twice = {0};
	for (unsigned i = 0; i < 100; i++) {
		at_rate.sent += ask(r, "192.0.2.1", www, 1, START_MS + i * 100).sent;
		twice.sent += ask(r, "198.51.100.1", www, 2, START_MS + i * 100).sent;
	}
	assert_int_equal(at_rate.sent, 100);
	assert_in_range(twice.sent, 100, 100 + RATE);
	ratelimit_free(r);
}

static void slip(void **state)
{
	(void)state;
	struct config c = plain();
	static const struct {
		unsigned slip;
		struct tally want;
	} cases[] = {{0, {RATE, 0, 60}}, {1, {RATE, 60, 0}}, {2, {RATE, 30, 30}}, {3, {RATE, 20, 40}}};
	for (unsigned i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		c.rate_slip = cases[i].slip;
		struct ratelimit *r = make(&c);
		struct tally got = ask(r, "192.0.2.1", www, RATE + 60, START_MS);
		assert_memory_equal(&got, &cases[i].want, sizeof got);
		/* An error that is let slip goes as it is. */
		got = ask(r, "192.0.2.1", error, RATE + 60, START_MS);
		assert_int_equal(got.sent, RATE + cases[i].want.truncated);
		assert_int_equal(got.truncated, 0);
		ratelimit_free(r);
	}
}

static void rates_are_shared_by_workers(void **state)
{
	(void)state;
	struct config c = plain();
	c.workers = 4;
	c.rate_negative = 0;
	struct ratelimit *r = make(&c);
	assert_sent(r, "192.0.2.1", www, START_MS, 3); /* a quarter of 10, rounded up */
	assert_sent(r, "192.0.2.1", nowhere, START_MS, 3 * RATE);
	ratelimit_free(r);
}

static void who_is_spared(void **state)
{
	(void)state;
	struct config c = plain();
	c.rate_exempt.count = 2;
	assert_int_equal(addr_prefix_parse(&c.rate_exempt.list[0], "192.0.2.0/28", NULL), ERR_OK);
	assert_int_equal(addr_prefix_parse(&c.rate_exempt.list[1], "2001:db8::/32", NULL), ERR_OK);
	struct ratelimit *r = make(&c);
	assert_sent(r, "192.0.2.15", www, START_MS, 3 * RATE);
	assert_sent(r, "2001:db8:1::1", www, START_MS, 3 * RATE);
	assert_sent(r, "127.0.0.1", www, START_MS, 3 * RATE);
	assert_sent(r, "::1", www, START_MS, 3 * RATE);
	assert_sent(r, "192.0.2.16", www, START_MS, RATE);
	ratelimit_free(r);

	c.rate_limit = CONFIG_RATE_LIMIT_YES;
	r = make(&c);
	assert_sent(r, "127.0.0.1", www, START_MS, RATE);
	assert_sent(r, "::1", www, START_MS, RATE);
	ratelimit_free(r);

	c.rate_limit = CONFIG_RATE_LIMIT_NO;
	assert_null(make(&c));
	ratelimit_free(NULL);
}

/* More streams than the table holds: those in use but not over the limit make room, the limited one stays limited. */
static void flood_of_networks(void **state)
{
	(void)state;
	struct config c = plain();
	struct ratelimit *r = make(&c);
	assert_sent(r, "192.0.2.1", www, START_MS, RATE);
	for (uint32_t i = 0; i < STREAMS; i++) {
		struct addr a = source("10.0.0.1");
		a.u.in.sin_addr.s_addr = htonl(0x0a000000 + (i << 8));
		assert_int_equal(ratelimit_check(r, &a, www, START_MS + i / 10000), RATELIMIT_SEND);
	}
	assert_sent(r, "192.0.2.1", www, START_MS + STREAMS / 10000, 0);
	/* When they rest, their buckets are as good as free. */
	assert_sent(r, "192.0.2.1", www, START_MS + 5000, RATE);
	ratelimit_free(r);
}

/* Every rate and the whole range of times, in random order: no arithmetic goes wrong (the sanitizers watch), and a
 * bucket never gives more than its rate at one moment. */
static void extremes(void **state)
{
	(void)state;
	struct config c = plain();
	c.rate_answers = CONFIG_RATE_MAX;
	c.rate_negative = 1;
	struct ratelimit *r = make(&c);
	static const uint64_t times[] = {0, 1, UINT32_MAX, UINT64_C(1) << 32, UINT64_C(1) << 40, START_MS, 5};
	for (unsigned i = 0; i < sizeof times / sizeof times[0]; i++) {
		assert_int_equal(ask(r, "192.0.2.1", www, 100, times[i]).sent, 100);
		assert_true(ask(r, "192.0.2.1", nowhere, 100, times[i]).sent <= 1);
	}
	ratelimit_free(r);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(streams),
		cmocka_unit_test(refills),
		cmocka_unit_test(steady),
		cmocka_unit_test(slip),
		cmocka_unit_test(rates_are_shared_by_workers),
		cmocka_unit_test(who_is_spared),
		cmocka_unit_test(flood_of_networks),
		cmocka_unit_test(extremes),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
