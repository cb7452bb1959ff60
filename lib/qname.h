/* qname.h: a name prepared for look-up: lower-cased, split into labels, with a keyed hash of every suffix.
 *
 * One pass over the name gives the hashes of all its ancestors, so that the directory (name -> zone), the zone (name
 * -> node), the closest-encloser walk and wildcard probes all use ready numbers. Suffix i is the name without its
 * first i labels; suffix `labels` is the root. The hash of a suffix does not depend on what stands before it:
 *
 *   hash[labels] = seed;   hash[i] = mix(hash[i + 1], label i)
 *
 * The seed is drawn at process start, because strangers choose the names (hash flooding).
 * Threads: qname_seed once, before any thread; the rest is pure. */
#ifndef ROOST_LIB_QNAME_H
#define ROOST_LIB_QNAME_H

#include "lib/name.h"

struct qname {
	uint8_t len;                        /* octets of lower, root included */
	uint8_t labels;                     /* without the root */
	uint8_t lower[NAME_WIRE_MAX + 8];   /* lower-case wire form; what eight octets read from its end may touch */
	uint8_t off[NAME_LABELS_MAX + 1];   /* off[i]: where suffix i starts in lower; off[labels] is the root octet */
	uint64_t hash[NAME_LABELS_MAX + 1]; /* hash[i]: of suffix i */
};

/* Draws the seed from the kernel. Fails only where getrandom does. */
MUST_USE enum err qname_seed(void);

/* Prepares a trusted wire name. */
void qname_set(struct qname *q, const uint8_t *wire);

/* The hash of "*." before suffix i. */
uint64_t qname_wildcard_hash(const struct qname *q, unsigned i);

static inline const uint8_t *qname_suffix(const struct qname *q, unsigned i)
{
	return q->lower + q->off[i];
}

#endif
