/* directory.h: which zones we serve: the map from name to zone, read without locks.
 *
 * A flat keyed hash over the same suffix hashes as the zones (lib/qname.h), and for each number of labels whether any
 * zone has it, so that a query probes only depths that exist. Replacing a zone is one pointer store. Threads: find
 * from any thread between quiescent states; changes by the writer only. */
#ifndef ROOST_ZONES_DIRECTORY_H
#define ROOST_ZONES_DIRECTORY_H

#include "zones/memory/zone.h"

struct directory;

MUST_USE enum err directory_new(struct directory **out);
void directory_free(struct directory *d); /* releases its zones; no reader may be left */

/* The zone with the longest name at or above suffix `from` of q; *label is the suffix index of its apex. NULL: none.
 * from = 1 asks above the name itself: DS questions (RFC 4035 §3.1.4.1). */
struct zone *directory_find(const struct directory *d, const struct qname *q, unsigned from, unsigned *label);
/* directory_find from 0 in three steps, with time between them for the memory to come, so that the cache misses of a batch
 * of questions overlap: directory_warm asks for the slots; directory_seek gives the zone that the table promises, its name
 * not compared, and its label, or NULL when there is none; directory_settle compares. */
void directory_warm(const struct directory *d, const struct qname *q);
const struct zone *directory_seek(const struct directory *d, const struct qname *q, unsigned *label);
const struct zone *directory_settle(const struct directory *d, const struct qname *q, const struct zone *sought,
				    unsigned *label);

/* Exactly that zone, or NULL. */
struct zone *directory_get(const struct directory *d, const uint8_t *name);

/* Puts a zone in place (taking over the caller's reference); the one of that name before is released after a grace
 * period. */
MUST_USE enum err directory_put(struct directory *d, struct zone *z);
/* ERR_NOTFOUND if it is not there. */
MUST_USE enum err directory_remove(struct directory *d, const uint8_t *name);

size_t directory_count(const struct directory *d);
typedef bool directory_fn(void *arg, struct zone *z);
/* Any thread between quiescent states; then a zone put or removed meanwhile may be there or not. fn returns false to
 * stop. */
void directory_each(const struct directory *d, directory_fn *fn, void *arg);

#endif
