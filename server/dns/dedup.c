/* dedup.c: see dedup.h. A ring of entries, oldest first, threaded into hash chains by index. */
#include "server/dns/dedup.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>

#include "lib/buf.h"

#define NONE UINT32_MAX /* no entry; past int's range, so no enum */

enum { NS_PER_S = 1000000000 };

struct entry {
	struct dedup_key key;
	enum dedup_state state; /* NEW: the entry is free */
	uint32_t next;          /* in its chain */
	uint64_t until;         /* DONE: forgotten then */
	uint8_t *answer;        /* DONE */
	size_t len;
};

struct dedup {
	uint64_t seed[2];
	uint32_t entries; /* a power of two */
	uint32_t newest;  /* where the next one goes */
	uint32_t *chain;  /* [entries] */
	struct entry *ring;
};

enum err dedup_new(struct dedup **out, unsigned entries)
{
	assert(entries && (entries & (entries - 1)) == 0);
	struct dedup *d = calloc(1, sizeof *d);
	if (!d)
		return ERR_NOMEM;
	d->entries = entries;
	d->chain = malloc(entries * sizeof *d->chain);
	d->ring = calloc(entries, sizeof *d->ring);
	if (!d->chain || !d->ring || getrandom(d->seed, sizeof d->seed, 0) != sizeof d->seed) {
		dedup_free(d);
		return ERR_NOMEM;
	}
	memset(d->chain, 0xff, entries * sizeof *d->chain);
	*out = d;
	return ERR_OK;
}

void dedup_free(struct dedup *d)
{
	if (!d)
		return;
	for (uint32_t i = 0; d->ring && i < d->entries; i++)
		free(d->ring[i].answer);
	free(d->ring);
	free(d->chain);
	free(d);
}

/* Folded 128-bit product: each octet reaches every bit of the result. */
static uint64_t mix(uint64_t a, uint64_t b)
{
	__extension__ unsigned __int128 product = (unsigned __int128)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static uint64_t hash_octets(const uint64_t seed[2], const uint8_t *p, size_t len)
{
	uint64_t h = seed[0] ^ len;
	while (len) {
		uint64_t word = 0;
		size_t n = len < sizeof word ? len : sizeof word;
		memcpy(&word, p, n);
		h = mix(h ^ word, seed[1] | 1);
		p += n;
		len -= n;
	}
	return mix(h, seed[0] | 1);
}

void dedup_key_set(const struct dedup *d, struct dedup_key *key, const struct addr *from, const uint8_t *wire,
		   size_t len)
{
	memset(key, 0, sizeof *key);
	if (from->u.sa.sa_family == AF_INET)
		memcpy(key->source, &from->u.in.sin_addr, sizeof from->u.in.sin_addr);
	else
		memcpy(key->source, &from->u.in6.sin6_addr, sizeof from->u.in6.sin6_addr);
	buf_store_u16(key->source + 16, addr_port(from));
	key->id = len >= 2 ? buf_load_u16(wire) : 0;
	key->len = (uint16_t)len;
	key->hash = hash_octets(d->seed, wire, len);
}

static uint32_t *chain_of(struct dedup *d, const struct dedup_key *key)
{
	return &d->chain[(key->hash ^ key->id) & (d->entries - 1)];
}

static bool key_equal(const struct dedup_key *a, const struct dedup_key *b)
{
	return a->hash == b->hash && a->id == b->id && a->len == b->len &&
	       memcmp(a->source, b->source, sizeof a->source) == 0;
}

static struct entry *find(struct dedup *d, const struct dedup_key *key)
{
	for (uint32_t i = *chain_of(d, key); i != NONE; i = d->ring[i].next)
		if (key_equal(&d->ring[i].key, key))
			return &d->ring[i];
	return NULL;
}

static void clear(struct dedup *d, struct entry *e)
{
	if (e->state == DEDUP_NEW)
		return;
	uint32_t at = (uint32_t)(e - d->ring);
	uint32_t *link = chain_of(d, &e->key);
	while (*link != at)
		link = &d->ring[*link].next;
	*link = e->next;
	free(e->answer);
	memset(e, 0, sizeof *e);
}

enum dedup_state dedup_find(struct dedup *d, const struct dedup_key *key, uint64_t now, const uint8_t **answer,
			    size_t *len)
{
	struct entry *e = find(d, key);
	if (e && e->state == DEDUP_DONE && now >= e->until) {
		clear(d, e);
		e = NULL;
	}
	if (!e)
		return DEDUP_NEW;
	*answer = e->answer;
	*len = e->len;
	return e->state;
}

void dedup_begin(struct dedup *d, const struct dedup_key *key)
{
	struct entry *e = &d->ring[d->newest];
	d->newest = (d->newest + 1) & (d->entries - 1);
	clear(d, e);
	e->key = *key;
	e->state = DEDUP_PENDING;
	uint32_t *chain = chain_of(d, key);
	e->next = *chain;
	*chain = (uint32_t)(e - d->ring);
}

void dedup_finish(struct dedup *d, const struct dedup_key *key, const uint8_t *answer, size_t len, uint64_t now)
{
	struct entry *e = find(d, key);
	if (!e || e->state != DEDUP_PENDING)
		return;
	e->answer = malloc(len ? len : 1);
	if (!e->answer) {
		clear(d, e);
		return;
	}
	memcpy(e->answer, answer, len);
	e->len = len;
	e->until = now + (uint64_t)DEDUP_KEEP_S * NS_PER_S;
	e->state = DEDUP_DONE;
}

void dedup_forget(struct dedup *d, const struct dedup_key *key)
{
	struct entry *e = find(d, key);
	if (e)
		clear(d, e);
}
