/* siphash.c: see siphash.h. Four words of state; each eight octets of the message go in before and out after two
 * rounds, four more end it. */
#include "lib/siphash.h"

enum { WORD = 8 /* octets */, COMPRESSION_ROUNDS = 2, FINAL_ROUNDS = 4, LENGTH_SHIFT = 56 };

struct state {
	uint64_t v0, v1, v2, v3;
};

static uint64_t load(const uint8_t *p, size_t n)
{
	uint64_t word = 0;
	for (size_t i = 0; i < n; i++)
		word |= (uint64_t)p[i] << (8 * i);
	return word;
}

static uint64_t rotate(uint64_t v, unsigned bits)
{
	return v << bits | v >> (64 - bits);
}

static void mix(struct state *s, unsigned rounds)
{
	for (; rounds; rounds--) {
		s->v0 += s->v1;
		s->v2 += s->v3;
		s->v1 = rotate(s->v1, 13) ^ s->v0;
		s->v3 = rotate(s->v3, 16) ^ s->v2;
		s->v0 = rotate(s->v0, 32);
		s->v2 += s->v1;
		s->v0 += s->v3;
		s->v1 = rotate(s->v1, 17) ^ s->v2;
		s->v3 = rotate(s->v3, 21) ^ s->v0;
		s->v2 = rotate(s->v2, 32);
	}
}

static void take(struct state *s, uint64_t word)
{
	s->v3 ^= word;
	mix(s, COMPRESSION_ROUNDS);
	s->v0 ^= word;
}

void siphash_24(uint8_t out[SIPHASH_LEN], const uint8_t key[SIPHASH_KEY_LEN], const uint8_t *data, size_t len)
{
	uint64_t k0 = load(key, WORD), k1 = load(key + WORD, WORD);
	/* "somepseudorandomlygeneratedbytes" */
	struct state s = {.v0 = k0 ^ UINT64_C(0x736f6d6570736575),
			  .v1 = k1 ^ UINT64_C(0x646f72616e646f6d),
			  .v2 = k0 ^ UINT64_C(0x6c7967656e657261),
			  .v3 = k1 ^ UINT64_C(0x7465646279746573)};
	size_t whole = len - len % WORD;
	for (size_t i = 0; i < whole; i += WORD)
		take(&s, load(data + i, WORD));
	take(&s, (uint64_t)(len & 0xff) << LENGTH_SHIFT | load(data + whole, len % WORD));
	s.v2 ^= 0xff;
	mix(&s, FINAL_ROUNDS);
	uint64_t hash = s.v0 ^ s.v1 ^ s.v2 ^ s.v3;
	for (unsigned i = 0; i < SIPHASH_LEN; i++)
		out[i] = (uint8_t)(hash >> (8 * i));
}
