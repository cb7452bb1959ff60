/* listener.h: sockets that listen: options, binding, and the sentence when it does not work.
 *
 * Every worker has its own UDP and TCP socket for every address (SO_REUSEPORT): the kernel spreads clients over them
 * and keeps a client with one worker. SO_REUSEPORT would also let a second roostd of the same user share the port
 * unseen, so listener_probe tries each address without it first. Threads: any. */
#ifndef ROOST_SERVER_NET_LISTENER_H
#define ROOST_SERVER_NET_LISTENER_H

#include "lib/addr.h"

/* Octets that go whole through any IPv6 network, and nearly any other: the least MTU there, 1280 (RFC 8200 §5), less 48 of
 * headers. Datagrams up to this are sent with "don't fragment" (RFC 9715 §3.1): fragments can be forged and are often
 * dropped. Who configures longer ones wants them fragmented. */
enum { LISTENER_WHOLE_MAX = 1232 };

/* ERR_BUSY: somebody listens there already; ERR_IO: the address is not ours, or not permitted. */
MUST_USE enum err listener_probe(const struct addr *a, struct errmsg *msg);     /* UDP and TCP */
MUST_USE enum err listener_probe_tcp(const struct addr *a, struct errmsg *msg); /* TCP alone */

/* Bound, non-blocking sockets; the caller closes. A wildcard UDP socket reports the address each datagram was sent to
 * (IP_PKTINFO). longest: octets of the longest datagram that will be sent. */
MUST_USE enum err listener_udp(const struct addr *a, size_t longest, int *fd, struct errmsg *msg);
MUST_USE enum err listener_tcp(const struct addr *a, int *fd, struct errmsg *msg);

/* 0.0.0.0 or :: */
bool listener_is_wildcard(const struct addr *a);

#endif
