/* tcp.h: a worker's TCP side (RFC 7766): connections with many questions, answered in the order in which the answers
 * are ready.
 *
 *   octets in  2 length | message | 2 length | message …       one message at a time through request_handle
 *   octets out the same; UPDATE answers after their commit, transfers message by message as the client takes them
 *
 * Bounds: a connection holds at most one message's worth of unread input and OUTPUT_HIGH of unsent output (then its
 * requests wait), and so many UPDATEs and transfers at a time. It is closed after tcp_idle without a whole request,
 * when a message that has begun is not whole within tcp_read_ms, and when what is unsent at one moment has not been
 * taken tcp_write_ms later. Over the number of connections, in all or of one address, the longest idle one (of that
 * address) makes room, or one that only takes its answers slowly; if there is none, the new one is closed.
 *
 * From a trusted proxy a connection may begin with a PROXY header (server/net/proxy.h): then its client is who that
 * says. Threads: one worker's. */
#ifndef ROOST_SERVER_NET_TCP_H
#define ROOST_SERVER_NET_TCP_H

#include "server/dns/request.h"

struct event_base;
struct tcp;

/* connections_max: this worker's share. */
MUST_USE enum err tcp_new(struct tcp **out, struct request_env *env, unsigned connections_max);
MUST_USE enum err tcp_listen(struct tcp *t, const struct addr *a, struct errmsg *msg);
/* Begins to accept. */
MUST_USE enum err tcp_start(struct tcp *t, struct event_base *base, struct writer_thread *writer);
/* No longer accepts or takes requests. Connections with nothing under way close, the others when that is done;
 * transfers break off. */
void tcp_stop(struct tcp *t);
/* After tcp_stop: nothing is left to send. */
bool tcp_finished(const struct tcp *t);
/* Closes all. No UPDATE may be under way. */
void tcp_free(struct tcp *t);

#endif
