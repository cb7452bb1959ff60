#include "lib/qname.h"

#include <endian.h>
#include <errno.h>
#include <sys/random.h>

/* The hash is a chain of 64 x 64 -> 128 bit products folded to 64 bits, one for each 16 octets of a label: four
 * cycles or so for the usual label. A stranger who knows neither secret cannot choose factors, so cannot aim at a
 * bucket. Until qname_seed the values below hold (digits of pi): good for programs that serve nobody. */
static struct {
	uint64_t start;    /* the root's hash */
	uint64_t multiply; /* second factor of every product */
} secret = {UINT64_C(0x243f6a8885a308d3), UINT64_C(0x13198a2e03707345)};

enum { CHUNK = sizeof(uint64_t) };

enum err qname_seed(void)
{
	uint64_t drawn[2];
	ssize_t got;
	do
		got = getrandom(drawn, sizeof drawn, 0);
	while (got < 0 && errno == EINTR);
	if (got != (ssize_t)sizeof drawn)
		return ERR_IO;
	secret.start = drawn[0];
	/* Odd, and neither factor near zero: a product with few bits set would mix badly. */
	secret.multiply = drawn[1] | UINT64_C(0x8000000000000001);
	return ERR_OK;
}

static inline uint64_t fold(uint64_t a, uint64_t b)
{
	__extension__ typedef unsigned __int128 uint128;
	uint128 product = (uint128)a * b;
	return (uint64_t)product ^ (uint64_t)(product >> 64);
}

static inline uint64_t load(const uint8_t *p)
{
	uint64_t x;
	memcpy(&x, p, sizeof x);
	return le64toh(x);
}

/* `len` octets, 1 to 8, without a read past them. */
static inline uint64_t load_short(const uint8_t *p, size_t len)
{
	uint64_t x = 0;
	for (size_t i = 0; i < len; i++)
		x |= (uint64_t)p[i] << (8 * i);
	return x;
}

/* Up to 16 octets, the last eight perhaps overlapping the first. The label's length octet is among them, in the
 * first product, so overlap and padding are never ambiguous. */
static inline uint64_t mix(uint64_t hash, uint64_t first, uint64_t last)
{
	return fold(hash ^ first, secret.multiply ^ last);
}

/* Mixes in a label of more than eight octets, its length octet counted. */
static inline uint64_t mix_long(uint64_t hash, const uint8_t *label, size_t len)
{
	while (len > 2 * CHUNK) {
		hash = mix(hash, load(label), load(label + CHUNK));
		label += 2 * CHUNK;
		len -= 2 * CHUNK;
	}
	/* Fewer than eight can be left only behind full chunks: what stands before is then read once more. */
	if (len < CHUNK)
		return mix(hash, load(label + len - CHUNK), 0);
	return mix(hash, load(label), load(label + len - CHUNK));
}

/* The label at q->lower[at], of `len` octets with its length octet. */
static inline uint64_t mix_label(const struct qname *q, uint64_t hash, size_t at, size_t len)
{
	const uint8_t *label = q->lower + at;
	if (len > CHUNK)
		return mix_long(hash, label, len);
	/* May read behind the name, into what pads it, and forgets that. */
	return mix(hash, load(label) & UINT64_MAX >> (64 - 8 * len), 0);
}

void qname_set(struct qname *q, const uint8_t *wire)
{
	unsigned labels = 0;
	size_t pos = 0;
	for (; wire[pos]; pos += wire[pos] + 1U)
		q->off[labels++] = (uint8_t)pos;
	q->off[labels] = (uint8_t)pos;
	q->labels = (uint8_t)labels;
	q->len = (uint8_t)(pos + 1);
	name_lower(q->lower, wire, pos + 1);

	uint64_t hash = q->hash[labels] = secret.start;
	for (unsigned i = labels; i-- > 0;)
		q->hash[i] = hash = mix_label(q, hash, q->off[i], (size_t)q->off[i + 1] - q->off[i]);
}

uint64_t qname_wildcard_hash(const struct qname *q, unsigned i)
{
	static const uint8_t asterisk[2] = {1, '*'};
	return mix(q->hash[i], load_short(asterisk, sizeof asterisk), 0);
}
