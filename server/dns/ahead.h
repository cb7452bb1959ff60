/* ahead.h: what a batch's questions ask for, looked up side by side before they are answered one by one (design §3).
 *
 * Every step of a look-up is a cache miss that waits for the one before: directory slot, zone, table, node, content.
 * A group of questions is taken through these steps together, so that their misses overlap. What comes out of it, the
 * name prepared and its zone, is kept for the answer, which need not do it again; of node and content only the memory
 * is asked for.
 *
 * The octets are only glanced at: a plain query whose name is whole and uncompressed, as nearly all are, is known
 * ahead, any other is not. Threads: a worker's own object; all calls for a group between the same two quiescent
 * states. */
#ifndef ROOST_SERVER_DNS_AHEAD_H
#define ROOST_SERVER_DNS_AHEAD_H

#include "zones/answer/answer.h"

struct ratelimit;
struct addr;

/* A group is small enough that its state stays in the first-level cache, large enough that misses overlap well. */
enum { AHEAD_GROUP = 16 };

/* What is known of a question. */
struct ahead_question {
	struct qname qname;         /* the first question's name */
	struct answer_ahead answer; /* where to find it; of use if its zone is not NULL */
	bool known;
};

struct ahead; /* a group of questions */

MUST_USE enum err ahead_new(struct ahead **out);
void ahead_free(struct ahead *a);

/* Begins a new group; what was known of the last one is forgotten. */
void ahead_clear(struct ahead *a);
/* One datagram more (at most AHEAD_GROUP). limit (NULL: none) will be asked about its answer to `from`. */
void ahead_add(struct ahead *a, const struct directory *d, const struct ratelimit *limit, const struct addr *from,
	       const uint8_t *wire, size_t len);
/* Looks up all that were added. */
void ahead_run(struct ahead *a, const struct directory *d);
/* What is known of the i-th added; NULL: nothing. */
const struct ahead_question *ahead_get(const struct ahead *a, unsigned i);

#endif
