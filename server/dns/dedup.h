/* dedup.h: UPDATEs over UDP that came already: a client that heard nothing sends the same datagram again, and must
 * get the first answer, not a second run (a prerequisite that held the first time may fail the second, and then a
 * done change would look refused).
 *
 * An entry stands for one datagram: source address and port, ID, length, and a keyed hash of all its octets. While
 * the first is under way, a resend is dropped; for DEDUP_KEEP after its answer, the same octets are sent again. The
 * table has a fixed number of entries; a new one takes the place of the oldest. Threads: one table a worker (the
 * kernel keeps a source with one worker). */
#ifndef ROOST_SERVER_DNS_DEDUP_H
#define ROOST_SERVER_DNS_DEDUP_H

#include "lib/addr.h"

enum {
	DEDUP_ENTRIES = 4096,
	DEDUP_KEEP_S = 20 /* seconds: longer than nsupdate (3 tries, 3 s each) and the resolver libraries keep trying */
};

struct dedup;

struct dedup_key {
	uint8_t source[18]; /* address as 16 octets, port */
	uint16_t id;
	uint16_t len;
	uint64_t hash;
};

enum dedup_state { DEDUP_NEW, DEDUP_PENDING, DEDUP_DONE };

MUST_USE enum err dedup_new(struct dedup **out, unsigned entries);
void dedup_free(struct dedup *d);

void dedup_key_set(const struct dedup *d, struct dedup_key *key, const struct addr *from, const uint8_t *wire,
		   size_t len);

/* DONE: *answer is what was sent, the table's until the next call. now: clock_monotonic_ns. */
enum dedup_state dedup_find(struct dedup *d, const struct dedup_key *key, uint64_t now, const uint8_t **answer,
			    size_t *len);
/* From now on PENDING. The key must be NEW. */
void dedup_begin(struct dedup *d, const struct dedup_key *key);
/* From now on DONE; the answer is copied. No harm if the entry had to make room, or if memory is short (then it is
 * forgotten). */
void dedup_finish(struct dedup *d, const struct dedup_key *key, const uint8_t *answer, size_t len, uint64_t now);
/* As if it had never come: nothing was done and nothing answered. */
void dedup_forget(struct dedup *d, const struct dedup_key *key);

#endif
