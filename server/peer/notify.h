/* notify.h: telling secondaries that a zone has changed (RFC 1996), at once after each commit.
 *
 * For each peer of a zone at most one NOTIFY is under way; what is published meanwhile is remembered and told when
 * the answer is there (the newest serial wins). Without an answer it is sent again, with the interval doubled each
 * time, notify_tries times in all; then a line in the log says so, and the next change or the secondary's own refresh
 * mends it. A change meanwhile waits notify_retry at most, and never for other secondaries. A peer with a key gets
 * signed messages and must sign its answers (RFC 8945). At start every peer is told the serial that is served,
 * because what was committed just before a crash may not have been told.
 *
 * UDP, non-blocking, from the sources that the configuration names. Nothing here ever waits: updates and queries do
 * not notice a dead secondary.
 *
 * Threads: notify_published from the writer; all else on the main thread. */
#ifndef ROOST_SERVER_PEER_NOTIFY_H
#define ROOST_SERVER_PEER_NOTIFY_H

#include "server/server.h"

struct notify;

/* Reads the peers from the database and tells them all. The server's directory, access, main_base and main_mailbox
 * must be there. */
MUST_USE enum err notify_new(struct notify **out, struct server *server, struct errmsg *msg);
void notify_free(struct notify *n); /* NULL is fine */

/* A zone has a new version, or is gone. Any time between notify_new and notify_free, from the writer's thread. */
void notify_published(struct notify *n, const uint8_t *zone, uint32_t serial, bool present);

/* Peers or keys may have changed: reads them again; new peers are told at once. If they cannot be read, tries again
 * every second. Main thread. */
void notify_reload(struct notify *n);

/* For `status`. */
struct notify_state {
	const struct addr *peer;
	bool waiting;          /* a NOTIFY is under way or waits its turn */
	bool acked;            /* some NOTIFY was answered with NOERROR… */
	uint32_t acked_serial; /* …and this is the newest serial it was told */
	const char *error;     /* last failure, "" if the last NOTIFY went well */
};
typedef void notify_state_fn(void *arg, const struct notify_state *s);
void notify_each(struct notify *n, const uint8_t *zone, notify_state_fn *fn, void *arg);

#endif
