/* zone.h: a zone in memory: a keyed hash from name to node, versions in the nodes (design §3).
 *
 *   zone --table--> [slot|slot|slot|…]          slot = 16 bits of hash | 48 bits of node pointer
 *                        |
 *                      node: parent, relative name, content --older--> content --older--> …   versions, newest first
 *
 * Reading. A reader takes a view once a packet and zone: the version number first, then the order of names (signed
 * zones: zones/memory/order.h), then the table. If the order came with a newer version, that is the view's: all of it stands
 * in the nodes by then. A node's content at a view is the first block in its chain whose version is not above the
 * view's. Every look-up through one view comes from exactly one version. Reading happens between two quiescent states
 * of the thread (zones/memory/grace.h); a pointer found is good until the next one. No lock, no allocation, no shared write.
 *
 * Longer reading (a transfer): zone_pin keeps one version of the zone, across quiescent states, until zone_unpin.
 * Takes a mutex.
 *
 * Writing. One thread (the writer) prepares blocks aside (zones/memory/edit.h), prepends them with the next version, then
 * publishes that number. What only older versions need is freed after a grace period, when no pin is left that could
 * need it.
 *
 * Empty non-terminals are nodes with an empty block; a name that is gone has a block with CONTENT_GONE until its node
 * can go. */
#ifndef ROOST_ZONES_ZONE_H
#define ROOST_ZONES_ZONE_H

#include "lib/qname.h"
#include "zones/memory/content.h"

struct zone;
struct node;
struct zone_table;
struct order;

struct zone_view {
	const struct zone *zone;
	const struct zone_table *table;
	const struct order *order; /* NULL: no NSEC, no NSEC3; or the view of a pin */
	uint64_t version;
};

/* ---- reading ---- */

/* The current version. */
struct zone_view zone_view(const struct zone *z);

const uint8_t *zone_name(const struct zone *z);                      /* lower-case wire */
size_t zone_name_len(const struct zone *z);                          /* octets, root included */
unsigned zone_labels(const struct zone *z);                          /* of the apex */
bool zone_is(const struct zone *z, const uint8_t *name, size_t len); /* whether that, lower-case, is its name */
int64_t zone_id(const struct zone *z);                               /* row id in the store; 0 if not stored */
const struct node *zone_apex(const struct zone *z);
const char *zone_fault(const struct zone *z); /* why it has no content (zone_new_damaged); NULL: nothing is wrong */

/* The node and content at suffix i of q, which must be at or below the apex. NULL when the name does not exist at this
 * view. *node (may be NULL) is set when it exists. The content may be empty (sets == 0: an empty non-terminal). */
const struct content *zone_find(const struct zone_view *v, const struct qname *q, unsigned i, const struct node **node);

/* The content at "*." + suffix i, or NULL. */
const struct content *zone_find_wildcard(const struct zone_view *v, const struct qname *q, unsigned i,
					 const struct node **node);

/* zone_find of suffix 0 in two steps, with time between them for the memory to come: zone_seek gives the node that the
 * table promises, its name not compared, or NULL when there is none (both for sure); zone_settle compares. */
const struct node *zone_seek(const struct zone_view *v, const struct qname *q);
const struct content *zone_settle(const struct zone_view *v, const struct qname *q, const struct node *sought,
				  const struct node **node);

/* By wire name (any case); for slow paths: prepares a qname and calls zone_find. NULL when out of zone. */
const struct content *zone_find_name(const struct zone_view *v, const uint8_t *name, const struct node **node);

/* Each asks for the memory that the next step of looking up q needs, whose own memory the step before asked for, so
 * that the misses of a batch of questions overlap (design §3). zone_warm takes any address, good or not. */
void zone_warm(const struct zone *z);            /* for zone_is, zone_view */
void zone_warm_table(const struct zone_view *v); /* for zone_warm_slot */
void zone_warm_slot(const struct zone_view *v,
		    const struct qname *q);   /* for zone_seek, which itself does so for zone_warm_content */
void zone_warm_content(const struct node *n); /* for zone_settle */

/* A node's content at the view, NULL if it does not exist there. */
const struct content *zone_content(const struct zone_view *v, const struct node *n);

const struct node *zone_parent(const struct node *n); /* NULL for the apex */
unsigned zone_node_labels(const struct node *n);      /* of the full name */
/* The full lower-case name. */
void zone_node_name(const struct zone *z, const struct node *n, struct name *out);

/* The apex's SOA record at the view; false if there is none (a zone being made). rr points into the content. */
bool zone_soa(const struct zone_view *v, struct content_rr *rr);
uint32_t zone_serial(const struct zone_view *v);

/* Whether a name may ever have had, in the view's version or before, … False is certain and spares a look; most zones
 * have neither. */
bool zone_may_stop(const struct zone_view *v);          /* … NS below the apex, or a DNAME */
bool zone_may_have_wildcard(const struct zone_view *v); /* … a wildcard's name */

/* What the current version is made of, without what older ones still hold. Walks all of it, as one reading. */
struct zone_memory {
	size_t nodes, records, octets;
};
void zone_memory(const struct zone *z, struct zone_memory *out);

/* ---- pinning ---- */

struct zone_pin;                                                   /* one version held */
MUST_USE enum err zone_pin(struct zone *z, struct zone_pin **out); /* call between quiescent states; current version */
void zone_unpin(struct zone_pin *p);                               /* any thread */
const struct zone_view *zone_pin_view(const struct zone_pin *p);
struct zone *zone_pin_zone(const struct zone_pin *p);

/* Walks all nodes that exist at the pin's version, in no order; *cursor starts at 0; NULL at the end. Safe across
 * quiescent states while the pin lasts. */
const struct node *zone_pin_next(const struct zone_pin *p, size_t *cursor, const struct content **content);

/* ---- building aside (no reader sees it yet) ---- */

MUST_USE enum err zone_new(struct zone **out, const uint8_t *name, int64_t id, size_t expected_names);

/* The same, where all or most of what will be loaded is at hand: it lies in one piece then, without a reserve. Start
 * with zeros and call zone_expect for each name, empty non-terminals left out. */
struct zone_expected {
	size_t names, octets;
};
void zone_expect(struct zone_expected *e, const uint8_t *zone, const uint8_t *owner, const struct content *c);
MUST_USE enum err zone_new_expecting(struct zone **out, const uint8_t *name, int64_t id,
				     const struct zone_expected *expected);
/* A zone that cannot be served, without content, so that every question in it gets SERVFAIL. `fault` is a sentence for
 * people. */
MUST_USE enum err zone_new_damaged(struct zone **out, const uint8_t *name, int64_t id, const char *fault);
/* Puts content at owner (in the zone, any case), makes the nodes between; takes the content over. ERR_EXISTS if the
 * owner has content already, ERR_RANGE if the owner is out of zone. */
MUST_USE enum err zone_load_content(struct zone *z, const uint8_t *owner, struct content *c);
/* After the last zone_load_content: puts the names of a signed zone in order. No harm if there is nothing to do;
 * directory_put sees to it. */
MUST_USE enum err zone_loaded(struct zone *z);
/* Any order of names for walking a zone that nobody changes meanwhile (building thread, tools). As zone_pin_next. */
const struct node *zone_walk(const struct zone *z, size_t *cursor, const struct content **content);

/* References: the directory has one, every pin has one. The last one out frees after a grace period. */
void zone_hold(struct zone *z);
void zone_release(struct zone *z);

/* ---- writing (the writer only; used by zones/memory/edit.c) ---- */

/* The content at the newest version, published or not, or NULL. */
const struct content *zone_newest(const struct zone *z, const struct qname *q);
/* Prepends c (taken over) at the name with the version to come. Creates node and empty non-terminals, or ends those
 * that nothing needs now. c NULL: nothing at this name any more. On error nothing changed. Reserve first so that it
 * cannot fail half-way. */
MUST_USE enum err zone_prepend(struct zone *z, const struct qname *q, struct content *c);
/* After the last zone_prepend: drafts the order of names that the version to come has. */
MUST_USE enum err zone_reserve(struct zone *z);
/* Takes back everything prepended since the last publish. */
void zone_abort(struct zone *z);
/* Publishes the version to come; then frees what it can. */
void zone_publish(struct zone *z);
/* Frees what grace periods passed since allow; called now and then by the writer when idle. True if some is left for
 * later. */
bool zone_trim(struct zone *z);

#endif
