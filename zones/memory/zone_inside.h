/* zone_inside.h: the shapes that zone.c (reading), zone_write.c (writing) and order.c (the order of nodes) share. For
 * nobody else. */
#ifndef ROOST_ZONES_ZONE_INSIDE_H
#define ROOST_ZONES_ZONE_INSIDE_H

#include <pthread.h>

#include "zones/memory/order.h"
#include "zones/memory/zone.h"

/* A slot: 0 = never used; the removed mark; else hash bits 48..63 above the node's address. The place in the table
 * comes from hash bits 0..31, so tag and place are independent. */
enum { ZONE_ADDRESS_BITS = 48 };
#define ZONE_SLOT_REMOVED UINT64_C(1)

struct zone_table {
	uint32_t slots; /* any number: a place is hash * slots / 2^32 */
	uint32_t used;  /* nodes and removed marks; writer only */
	uint32_t nodes; /* writer only */
	unsigned pins;  /* under the pins' lock */
	bool replaced;  /* under the pins' lock: lives on for its pins */
	struct zone_table *next_old;
	_Atomic uint64_t slot[];
};

struct node {
	_Atomic(struct content *) head; /* newest first */
	struct node *parent;            /* NULL: the apex */
	uint32_t children;              /* nodes right below that exist in the newest version; writer only */
	uint8_t labels;                 /* of the full name; NODE_IN_SLAB beside it */
	uint8_t rel_len;                /* octets of rel */
	uint8_t rel[];                  /* the name without the apex's, lower-case */
};

enum { NODE_IN_SLAB = 0x80 }; /* a name has 127 labels at most */

struct zone_pin {
	struct zone *zone;
	struct zone_view view;
	struct zone_table *table;
	struct zone_pin *next;
};

/* What to do to take back a prepend. */
struct zone_undo {
	struct node *node;
	struct content *head; /* before */
	int children;         /* what was added to the parent's count */
	bool created;
};

/* A block made by `version` at node: what is behind it can go when the ticket has passed and no pin is older. */
struct zone_trim {
	struct node *node;
	uint64_t version;
	uint64_t ticket;
};

/* Bits of a zone's `marks`. Set before what they tell of is published, and never taken back. */
enum { ZONE_MARK_STOP = 1, ZONE_MARK_WILDCARD = 2 };

/* First what the writer has, last what every query reads: that lies together, on one cache line or two. */
struct zone {
	int64_t id;
	_Atomic unsigned refs;

	struct order_draft *draft; /* for the version to come; NULL: the order stays */
	bool unordered;            /* NSEC or NSEC3 were loaded and not put in order yet */

	struct zone_undo *undo; /* since the last publish */
	uint32_t undo_count, undo_room;
	uint32_t trim_head, trim_count, trim_room; /* a ring */
	struct zone_trim *trim;

	struct slab *slabs; /* of what it was loaded with */
	char *fault;        /* NULL: none */

	struct zone_pin *pins;         /* under the pins' lock */
	struct zone_table *old_tables; /* under the pins' lock */

	struct node *apex;
	_Atomic uint64_t version;      /* published */
	_Atomic(struct order *) order; /* NULL: no NSEC, no NSEC3 */
	_Atomic(struct zone_table *) table;
	_Atomic uint8_t marks;
	uint8_t labels;
	uint8_t name_len;
	uint8_t name[]; /* lower-case wire */
};

static inline uint64_t zone_inside_tag(uint64_t hash)
{
	return hash >> ZONE_ADDRESS_BITS;
}

static inline size_t zone_inside_place(const struct zone_table *t, uint64_t hash)
{
	return (size_t)(((hash & UINT32_MAX) * t->slots) >> 32);
}

static inline struct node *zone_inside_node(uint64_t slot)
{
	return (struct node *)(uintptr_t)(slot & ((UINT64_C(1) << ZONE_ADDRESS_BITS) - 1));
}

/* The node with that relative name, whatever versions it has; *at (may be NULL) is its slot. */
struct node *zone_inside_probe(const struct zone_table *t, uint64_t hash, const uint8_t *rel, size_t rel_len,
			       size_t *at);

void zone_inside_lock_pins(void);
void zone_inside_unlock_pins(void);

#endif
