/* refusals.h: updates that were refused, on their way into the history (zones/store/zonestore_refusals.h).
 *
 * Strangers can make us refuse as often as they like, so what is alike is counted, not kept one by one: the same
 * actor, network (/24 or /56), zone, RCODE and reason are one entry, with the first and the last time, and what was
 * asked last. There are REFUSALS_MAX entries; they are written together, and what finds no room until then is only
 * counted.
 *
 *   workers: refusals_note -> entries -> the writer, once a second at most: refusals_write
 *
 * Threads: refusals_note any; the others one at a time. */
#ifndef ROOST_ZONES_REFUSALS_H
#define ROOST_ZONES_REFUSALS_H

#include "lib/addr.h"
#include "zones/store/zonestore.h"

struct refusals;

enum { REFUSALS_MAX = 64, REFUSALS_ASKED_MAX = 256, REFUSALS_WHY_MAX = 192 };

struct refusals_note {
	const uint8_t *zone;     /* wire */
	const char *actor;       /* "key nas." or "unsigned" */
	const struct addr *from; /* unmapped */
	const char *transport;
	unsigned rcode;
	const char *asked; /* cut at REFUSALS_ASKED_MAX */
	const char *why;   /* "nas.home.example. A: the reason", or the reason alone; cut at REFUSALS_WHY_MAX */
};

MUST_USE enum err refusals_new(struct refusals **out);
void refusals_free(struct refusals *r); /* NULL is fine */

/* True if it is the first since the last refusals_write: somebody should see to the next. */
bool refusals_note(struct refusals *r, const struct refusals_note *n);

/* Writes all that is noted, in the caller's transaction. Behind the COMMIT, refusals_written forgets it; else the
 * next refusals_write writes it again. */
MUST_USE enum err refusals_write(struct refusals *r, struct zonestore *s, struct errmsg *msg);
void refusals_written(struct refusals *r);

#endif
