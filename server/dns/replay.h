/* replay.h: signed UPDATEs that came before. Who can read a signed message can send it again, from anywhere, and its
 * signature holds as long as its time does (RFC 8945 §5.2.3): an update without prerequisites, sent once more, would
 * bring an address back that its host has left. So the same message is run once.
 *
 * The RFC's remedy, to refuse what was signed before the newest message of a key, would refuse honest updates that the
 * network put in another order. What is remembered here is the message, by 8 octets of a keyed hash of its MAC, until
 * its time is over. A table of fixed size, in lines of WAYS; where a line is full, what is over soonest makes room: with
 * REPLAY_ENTRIES and the usual fudge of 300 s, hardly ever at under 400 updates a second. It does not outlive the
 * process.
 *
 * A client that heard nothing and sends the same datagram again from the same port is another matter: dedup.h, which
 * comes first. Threads: any; one lock, held for a few dozen octets. */
#ifndef ROOST_SERVER_DNS_REPLAY_H
#define ROOST_SERVER_DNS_REPLAY_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

enum { REPLAY_ENTRIES = 1 << 18 }; /* 4 MiB, touched as it fills */

struct replay;

/* entries: a power of two, 8 at least. */
MUST_USE enum err replay_new(struct replay **out, size_t entries);
void replay_free(struct replay *r);

/* What stands for a message: of its MAC, or whatever else nobody but the signer can make. Never 0. */
uint64_t replay_mark(const struct replay *r, const uint8_t *mac, size_t len);

/* True: the message is new, and is remembered until that time (seconds since 1970) at least. False: it came before. */
bool replay_take(struct replay *r, uint64_t mark, uint64_t until);

/* As if it had never come: nothing was done for it, so it may be sent again. */
void replay_forget(struct replay *r, uint64_t mark);

#endif
