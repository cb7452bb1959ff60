/* udp.h: a worker's UDP sockets: datagrams in batches (recvmmsg), each through request_handle, answers in batches
 * (sendmmsg).
 *
 * A datagram sent to a wildcard listener is answered from the address it was sent to. UPDATEs that were resent are
 * known by server/dns/dedup.h. Where a trusted proxy's header tells who asks (server/net/proxy.h), that is the
 * client, and the answer goes to the proxy. No allocation but for UPDATE. Threads: one worker's. */
#ifndef ROOST_SERVER_NET_UDP_H
#define ROOST_SERVER_NET_UDP_H

#include "server/dns/request.h"

struct event_base;
struct udp;

MUST_USE enum err udp_new(struct udp **out, struct request_env *env);
/* Opens and binds. */
MUST_USE enum err udp_listen(struct udp *u, const struct addr *a, struct errmsg *msg);
/* Begins to read. */
MUST_USE enum err udp_start(struct udp *u, struct event_base *base, struct writer_thread *writer);
/* No longer reads; answers to UPDATEs still go out. */
void udp_stop(struct udp *u);
/* Closes. No UPDATE may be under way. */
void udp_free(struct udp *u);

#endif
