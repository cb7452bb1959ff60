/* denial.h: proofs of absence for signed zones: which NSEC (RFC 4035 §3.1.3, §3.1.4) or NSEC3 RRsets (RFC 5155 §7.2)
 * go with an answer.
 *
 *   what                     NSEC                        NSEC3
 *   no such name             covers name, covers *.E     matches E, covers N, covers *.E
 *   no such type, no DS      matches name, or covers     matches name, or (opt-out) matches E', covers N'
 *   no such type at *.E      covers name, matches *.E    matches E, covers N, matches *.E
 *   answer from *.E          covers name                 covers N
 *
 * E is the closest encloser, N the next closer name: one label longer towards the name. Where opt-out leaves E without
 * NSEC3, the nearest ancestor E' that has one stands for it.
 *
 * Proofs are gathered while the chain of an answer is followed, each RRset once, and written behind everything else of
 * the authority section. A zone with NSEC3PARAM at its apex is denied with NSEC3, one with NSEC there with NSEC,
 * others without proof. Threads: as answer.h. */
#ifndef ROOST_ZONES_DENIAL_H
#define ROOST_ZONES_DENIAL_H

#include "zones/answer/answer_put.h"

enum denial {
	DENIAL_NAME,          /* neither the name nor a wildcard for it exists */
	DENIAL_TYPE,          /* the name exists, without the type; or there is no DS at a cut */
	DENIAL_WILDCARD_TYPE, /* the wildcard for the name exists, without the type */
	DENIAL_WILDCARD       /* not absence: the answer was made from a wildcard, because the name does not exist */
};

/* Gathers the proofs. `label` is the suffix index in q of the closest encloser, for DENIAL_TYPE of the name itself. No
 * work without DO. False: they cannot be made (unknown hash, too many iterations, a collision), so the answer must be
 * SERVFAIL (RFC 5155 §7.2.9, §7.4). */
bool denial_prove(struct answer *a, const struct zone_view *v, const struct qname *q, unsigned label, enum denial what);

/* Writes what was gathered into the authority section; TC when it does not fit. */
void denial_put(struct answer *a);

/* RFC 5155 §7.2.8: a name that only has NSEC3 (c, found at suffix `label`) is answered as if it did not exist. */
bool denial_hides(const struct zone_view *v, const struct qname *q, unsigned label, const struct content *c);

#endif
