/* deltas.h: versions of a zone that its primary made, as an IXFR brings them (RFC 1995 §4): for each the SOA before, what
 * was deleted, the SOA after, what was added. They are applied, and kept in the journal, one by one (zones/change/commit_deltas.c).
 *
 *   item:  kind 1 | type 2 | TTL 4 | RDLENGTH 2 | owner, wire with its case | RDATA     one behind the other, in one block
 *
 * Threads: belong to one at a time. */
#ifndef ROOST_ZONES_DELTAS_H
#define ROOST_ZONES_DELTAS_H

#include "zones/memory/content.h"

struct deltas;

enum deltas_kind {
	DELTAS_FROM = 1, /* SOA: a version begins */
	DELTAS_DELETE,
	DELTAS_TO, /* SOA: what follows is added */
	DELTAS_ADD
};

struct deltas_item {
	enum deltas_kind kind;
	const uint8_t *owner;
	struct content_rr rr;
};

MUST_USE enum err deltas_new(struct deltas **out);
void deltas_free(struct deltas *d); /* NULL is fine */

/* Copies the item behind the others. */
MUST_USE enum err deltas_add(struct deltas *d, const struct deltas_item *item);
size_t deltas_count(const struct deltas *d, enum deltas_kind kind);

/* The item at *at (0 at first), and *at behind it; false at the end. */
bool deltas_next(const struct deltas *d, size_t *at, struct deltas_item *item);

#endif
