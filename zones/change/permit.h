/* permit.h: the limits of grants, minded on the writer, where content is known and updates come one after the other.
 *
 * Rates are token buckets: one for each grant and identity (or source network, where the grant names no key), one for
 * each grant and name. A bucket is 24 octets in a table of fixed size, and only a grant with a rate touches it. When the
 * table is crowded, the bucket that is nearest to full gives way: whoever had it may do a little more than allowed, never
 * less. Buckets are forgotten at a restart. Threads: the writer's. */
#ifndef ROOST_ZONES_PERMIT_H
#define ROOST_ZONES_PERMIT_H

#include "lib/message.h"
#include "zones/memory/edit.h"

struct permit;
struct update;

MUST_USE enum err permit_new(struct permit **out);
void permit_free(struct permit *p);

/* Takes a token from each bucket that the update draws on, or none at all: REFUSED, with a sentence. Once an update: one
 * that is run again, because its batch could not be stored, has paid. now: clock_monotonic_ns. */
enum rcode permit_rates(struct permit *p, struct update *u, uint64_t now, struct errmsg *why);

/* After the update was applied to the edit: at each name that it added to, there must be no more records of the grant's
 * types than the grant lets be. REFUSED, with a sentence. Records that the zone itself needs do not count: the SOA, and
 * what the signer makes. */
enum rcode permit_records(struct update *u, const struct edit *e, struct errmsg *why);

#endif
