/* lockout.c: see lockout.h. An entry holds one number, the time at which all is forgiven: a failure moves it on by the
 * time that one attempt takes to be forgiven, and attempts are not looked at while it is further ahead than the
 * failures that are free take (the generic cell rate algorithm, ITU-T I.371). */
#include "keys/lockout.h"

#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/siphash.h"

enum {
	SETS = 1024, /* a power of two */
	WAYS = 8,
	V4_BITS = 32,
	V6_BITS = 64,
	ACCOUNT_MAX = 255, /* octets of an account's name that count */
	SOURCE_FREE = 10,
	SOURCE_S = 10,
	ACCOUNT_FREE = 50,
	ACCOUNT_S = 2,
	GOOD_S = 30 * 24 * 3600 /* how long a source that was right for an account is remembered */
};
static const uint64_t ns_per_s = 1000000000;

struct entry {
	uint64_t id; /* 0: free */
	uint64_t until;
};

struct lockout {
	uint8_t key[SIPHASH_KEY_LEN]; /* strangers choose sources and accounts: not which of them collide */
	struct entry entry[SETS][WAYS];
};

enum kind { OF_SOURCE, OF_ACCOUNT, OF_BOTH /* a source that was right for the account; until: remembered so long */ };

enum err lockout_new(struct lockout **out)
{
	struct lockout *l = calloc(1, sizeof *l);
	if (!l)
		return ERR_NOMEM;
	if (getrandom(l->key, sizeof l->key, 0) != sizeof l->key) {
		free(l);
		return ERR_IO;
	}
	*out = l;
	return ERR_OK;
}

void lockout_free(struct lockout *l)
{
	free(l);
}

static uint64_t make_id(const struct lockout *l, enum kind kind, const struct addr *source, const char *account)
{
	uint8_t data[1 + sizeof(struct addr_prefix) + ACCOUNT_MAX] = {(uint8_t)kind}, hash[SIPHASH_LEN];
	size_t len = 1;
	uint64_t id;
	if (kind != OF_ACCOUNT) {
		struct addr_prefix network;
		addr_network(&network, source, V4_BITS, V6_BITS);
		memcpy(data + len, network.octets, sizeof network.octets);
		len += sizeof network.octets;
	}
	for (size_t i = 0; kind != OF_SOURCE && account[i] && i < ACCOUNT_MAX; i++) {
		char c = account[i];
		data[len++] = (uint8_t)(c >= 'A' && c <= 'Z' ? c | 0x20 : c);
	}
	siphash_24(hash, l->key, data, len);
	memcpy(&id, hash, sizeof id);
	return id | 1;
}

/* When all is forgiven there; 0: nothing is known. */
static uint64_t until(const struct lockout *l, uint64_t id)
{
	const struct entry *set = l->entry[(id >> 1) & (SETS - 1)];
	for (unsigned i = 0; i < WAYS; i++)
		if (set[i].id == id)
			return set[i].until;
	return 0;
}

static struct entry *make(struct lockout *l, uint64_t id)
{
	struct entry *set = l->entry[(id >> 1) & (SETS - 1)], *least = set;
	for (unsigned i = 0; i < WAYS; i++)
		if (set[i].id == id)
			return &set[i];
	for (unsigned i = 1; i < WAYS; i++)
		if (set[i].until < least->until)
			least = &set[i];
	*least = (struct entry){.id = id};
	return least;
}

/* How long until an attempt is looked at. */
static uint64_t wait_ns(const struct lockout *l, uint64_t id, uint64_t free_failures, uint64_t each_s, uint64_t now)
{
	uint64_t slack = (free_failures - 1) * each_s * ns_per_s, end = until(l, id);
	return end <= now + slack ? 0 : end - now - slack;
}

static bool is_good(const struct lockout *l, const struct addr *source, const char *account, uint64_t now)
{
	return until(l, make_id(l, OF_BOTH, source, account)) > now;
}

bool lockout_allows(const struct lockout *l, const struct addr *source, const char *account, uint64_t now,
		    unsigned *wait_s)
{
	uint64_t wait = 0, more;
	if (!is_good(l, source, account, now)) {
		wait = wait_ns(l, make_id(l, OF_SOURCE, source, account), SOURCE_FREE, SOURCE_S, now);
		more = *account ? wait_ns(l, make_id(l, OF_ACCOUNT, source, account), ACCOUNT_FREE, ACCOUNT_S, now) : 0;
		wait = more > wait ? more : wait;
	}
	*wait_s = (unsigned)((wait + ns_per_s - 1) / ns_per_s);
	return wait == 0;
}

/* True if this failure was the first beyond those that are free. */
static bool add_failure(struct lockout *l, uint64_t id, uint64_t free_failures, uint64_t each_s, uint64_t now)
{
	bool slow = wait_ns(l, id, free_failures, each_s, now) != 0;
	struct entry *e = make(l, id);
	e->until = (e->until > now ? e->until : now) + each_s * ns_per_s;
	return !slow && wait_ns(l, id, free_failures, each_s, now) != 0;
}

enum lockout_news lockout_failed(struct lockout *l, const struct addr *source, const char *account, uint64_t now)
{
	/* One who was right before has no free guesses at his own account without end. */
	if (is_good(l, source, account, now))
		make(l, make_id(l, OF_BOTH, source, account))->until = 0;
	bool source_slow = add_failure(l, make_id(l, OF_SOURCE, source, account), SOURCE_FREE, SOURCE_S, now);
	bool account_slow =
		*account && add_failure(l, make_id(l, OF_ACCOUNT, source, account), ACCOUNT_FREE, ACCOUNT_S, now);
	return source_slow ? LOCKOUT_SOURCE : account_slow ? LOCKOUT_ACCOUNT : LOCKOUT_NOTHING;
}

void lockout_succeeded(struct lockout *l, const struct addr *source, const char *account, uint64_t now)
{
	make(l, make_id(l, OF_BOTH, source, account))->until = now + GOOD_S * ns_per_s;
}
