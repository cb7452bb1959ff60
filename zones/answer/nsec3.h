/* nsec3.h: hashed owner names (RFC 5155 §5): the parameters of a chain, a name's hash, and the label that shows it.
 * Threads: any; each has a digest state of its own, made at first use and freed when the thread ends. */
#ifndef ROOST_ZONES_NSEC3_H
#define ROOST_ZONES_NSEC3_H

#include "zones/memory/content.h"

enum {
	NSEC3_SHA1 = 1,       /* the only hash algorithm there is (RFC 5155 §11) */
	NSEC3_HASH_LEN = 20,  /* octets */
	NSEC3_LABEL_LEN = 33, /* length octet and base32hex */
	/* Additional iterations we hash with: what RFC 5155 §10.3 allows for 2048-bit keys. RFC 9276 §3.1 wants 0, and
	 * resolvers take denials with more than 50 to 150 for unsigned. A question must not cost a stranger's choice
	 * of CPU time. */
	NSEC3_ITERATIONS_MAX = 500
};

/* Points into the RDATA it was read from. */
struct nsec3_param {
	uint16_t iterations;
	uint8_t salt_len;
	const uint8_t *salt;
};

/* The parameters in RDATA of NSEC3PARAM or NSEC3 (they start alike). False for another algorithm, or RDATA that is too
 * short. */
bool nsec3_param_read(struct nsec3_param *p, const uint8_t *rdata, size_t rdlen);

static inline bool nsec3_param_equal(const struct nsec3_param *a, const struct nsec3_param *b)
{
	return a->iterations == b->iterations && a->salt_len == b->salt_len && !memcmp(a->salt, b->salt, a->salt_len);
}

/* The hash of a lower-case wire name of len octets. ERR_RANGE past NSEC3_ITERATIONS_MAX, ERR_NOMEM, ERR_CRYPTO. */
MUST_USE enum err nsec3_hash(uint8_t hash[NSEC3_HASH_LEN], const struct nsec3_param *p, const uint8_t *name,
			     size_t len);

/* The hash as a label: a length octet and lower-case base32hex without padding (RFC 5155 §1.3, §3.3). */
void nsec3_label(uint8_t label[NSEC3_LABEL_LEN], const uint8_t hash[NSEC3_HASH_LEN]);

#endif
