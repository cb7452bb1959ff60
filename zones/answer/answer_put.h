/* answer_put.h: putting RRsets into an answer: owners, signatures, truncation, additional addresses. The state of one
 * answer, shared by answer.c (which RRsets) and answer_put.c (how they get in). For nobody else. Threads: as answer.h.
 */
#ifndef ROOST_ZONES_ANSWER_PUT_H
#define ROOST_ZONES_ANSWER_PUT_H

#include "zones/answer/answer.h"

enum {
	ANSWER_VIEWS_MAX = ANSWER_CHAIN_MAX + 8, /* zones one answer may touch: its chain and its additional names */
	ANSWER_SETS_MAX = 24,                    /* RRsets whose additional names are looked after */
	ANSWER_GIVEN_MAX = 64,                   /* names that get addresses, if they are not required glue */
	ANSWER_PROOFS_MAX = ANSWER_CHAIN_MAX + 4 /* NSEC or NSEC3: one a step from a wildcard, three at the end */
};

/* An owner name and where it stands in the message (0: not there). */
struct answer_owner {
	const uint8_t *wire;
	uint16_t offset;
	uint8_t fresh; /* not 0: so many octets of its first labels do not; `offset` is where what follows them stands */
};

/* An RRset that was written and has names that want addresses. */
struct answer_set {
	const struct content *content;
	const struct rrset *set;
	const uint8_t *owner;
	const struct node *cut; /* of a referral's NS: glue below it must not be left out silently */
};

/* NSEC or NSEC3 that the authority section gets (zones/answer/denial.h). */
struct answer_proof {
	const struct zone *zone;
	const struct node *node;
	const struct content *content;
	uint16_t type;
};

struct answer {
	const struct directory *directory;
	const struct answer_query *query;
	struct writer *writer;
	unsigned views;
	unsigned sets;
	unsigned given; /* contents whose addresses are in the message */
	unsigned proofs;
	struct zone_view view[ANSWER_VIEWS_MAX];
	struct answer_set set[ANSWER_SETS_MAX];
	const struct content *given_content[ANSWER_GIVEN_MAX];
	struct answer_proof proof[ANSWER_PROOFS_MAX];
};

/* The view of that zone for this answer: taken once (design §3). NULL when too many zones were touched. */
const struct zone_view *answer_put_view(struct answer *a, const struct zone *z);

/* Adds an RRset, and with DO its signatures. Whole or not at all; false and TC when it does not fit. */
bool answer_put_set(struct answer *a, enum section s, struct answer_owner owner, const struct content *c,
		    const struct rrset *set, const struct node *cut);
/* Only the signatures of a set (QTYPE RRSIG). */
bool answer_put_sigs(struct answer *a, enum section s, struct answer_owner owner, const struct content *c,
		     const struct rrset *set);
/* The SOA for a negative answer, with the TTL of RFC 2308 §3. apex: the zone's name, in the message if it is there.
 * False: the zone has none, because it has no content (yet, or none that could be loaded). */
bool answer_put_soa(struct answer *a, const struct zone_view *v, struct answer_owner apex);
/* Addresses for the names in the RRsets written so far. */
void answer_put_additional(struct answer *a);

void answer_put_flag(struct answer *a, uint16_t set, uint16_t clear);

#endif
