/* link.h: a TCP connection to another DNS server: whole messages out and in, each behind its length (RFC 1035 §4.2.2).
 * Input waits in the kernel when it is not taken: one message's worth is held at most. Threads: the event loop's. */
#ifndef ROOST_SERVER_PEER_LINK_H
#define ROOST_SERVER_PEER_LINK_H

#include "lib/addr.h"

struct event_base;
struct link;

/* Either may free the link. */
struct link_user {
	void (*message)(void *arg, const uint8_t *wire, size_t len);
	void (*failed)(void *arg, const char *why); /* closed, refused, or silent: nothing more comes */
	void *arg;
};

/* Begins to connect. timeout_ms: without an octet in or out for so long it fails. */
MUST_USE enum err link_new(struct link **out, struct event_base *base, const struct addr *to, unsigned timeout_ms,
			   const struct link_user *user);
void link_free(struct link *l); /* NULL is fine */
MUST_USE enum err link_send(struct link *l, const uint8_t *wire, size_t len);
const struct addr *link_address(const struct link *l);

#endif
