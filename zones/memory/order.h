/* order.h: the names of a signed zone in canonical order (RFC 4034 §6.1): which NSEC or NSEC3 is at or before a name.
 *
 *   struct order   version, two lists
 *     list: the nodes with NSEC           span: prefix of its first entry | chunk        sorted, found by binary search
 *     list: the nodes with NSEC3            chunk: up to ORDER_CHUNK_MAX entries         sorted
 *                                             entry: prefix | node
 *
 * A prefix is the first eight octets of the sort key (lib/name.h) of the name without the apex's, most significant
 * first, padded with zeros; names are looked at only where prefixes are the same.
 *
 * An order is immutable. A new one shares the chunks that are the same with the old one; it is drafted before anything
 * is committed and published by one pointer, just before the zone's version number is (zones/memory/zone.h); what only the
 * old one had is freed after a grace period. A zone in which no name has NSEC or NSEC3 has no order.
 *
 * Threads: drafts are the writer's. Reading happens between two quiescent states of the thread. */
#ifndef ROOST_ZONES_ORDER_H
#define ROOST_ZONES_ORDER_H

#include "zones/memory/zone.h"

enum {
	/* Entries (16 octets each) in a chunk: 4 KiB are copied for a name that comes or goes, and a million names are
	 * 5,000 spans. */
	ORDER_CHUNK_MAX = 256,
	ORDER_CHUNK_MIN = 64 /* smaller ones are joined with the next */
};

enum order_list { ORDER_NSEC, ORDER_NSEC3, ORDER_LISTS };

struct order;

/* The zone version this order came with. */
uint64_t order_version(const struct order *o);
size_t order_count(const struct order *o, enum order_list l); /* names; o may be NULL */
size_t order_octets(const struct order *o);                   /* memory; o may be NULL */

/* ---- reading ---- */

struct order_cursor {
	const struct order *order;
	enum order_list list;
	size_t span, entry;
	size_t left; /* nodes not given yet */
	bool equal;  /* the node given is the name itself */
};

/* The node in the list that is the name `rel` (lower-case wire without the apex's part, so without a root) or the last
 * before it; the list is a ring: before its first comes its last. NULL when the list is empty (o may be NULL). */
const struct node *order_seek(struct order_cursor *c, const struct order *o, enum order_list l, const uint8_t *rel,
			      size_t rel_len);
/* The one before; NULL when all were given. */
const struct node *order_before(struct order_cursor *c);

/* ---- writing ---- */

struct order_draft;

/* Starts from `old`, which may be NULL. */
MUST_USE enum err order_draft_new(struct order_draft **out, const struct order *old);
/* A node that comes into the list or leaves it; each node once a list. Any order. */
MUST_USE enum err order_draft_change(struct order_draft *d, enum order_list l, const struct node *n, bool comes);
/* Makes the new order. After ERR_OK, order_publish cannot fail. */
MUST_USE enum err order_draft_finish(struct order_draft *d);
void order_draft_drop(struct order_draft *d); /* d may be NULL */
/* Stores the new order, of that version, where readers find it; frees the draft, and what was replaced when nobody can
 * see it. */
void order_publish(struct order_draft *d, _Atomic(struct order *) *place, uint64_t version);

void order_free(struct order *o); /* nobody sees it any more; o may be NULL */

#endif
