/* http_conn.h: connections of the HTTP listeners: accepting, limits, PROXY headers, TLS, one request after another.
 *
 *   accept -> [PROXY header, of a trusted proxy] -> [TLS] -> head -> body -> handle … reply -> next head, or close
 *
 * One request of a connection is handled at a time; what a client sends ahead waits. Deadlines: `request_ms` for a
 * whole request from its first octet (or from the accept), `idle_ms` between requests, as long as for a request for the
 * client to take the answer: so slow senders and readers cost a connection for that long and no more. At the limit of connections the one
 * that has been idle for longest makes room; a host has a limit of its own (an IPv6 /64 is one host). Refused before a
 * handler sees it, with the status of head.h: what does not parse or is too long; 408: too slow.
 *
 * Threads: all on one event loop's. */
#ifndef ROOST_SERVER_HTTP_CONN_H
#define ROOST_SERVER_HTTP_CONN_H

#include "keys/tls.h"
#include "server/config.h"
#include "server/http/head.h"
#include "server/stats.h"

struct event_base;
struct http_conns;
struct http_conn;

struct http_request {
	const struct head *head;
	const char *body; /* head->body_len octets */
	size_t body_len;
	const struct addr *peer; /* unmapped: the socket's, or what a trusted proxy's PROXY header says */
	bool secure;             /* came by TLS */
};

struct http_reply {
	int status;
	const char *type;   /* Content-Type, NULL: none */
	const char *fields; /* more header lines, each with its CRLF; NULL: none */
	const void *body;   /* copied */
	size_t body_len;
};

struct http_conns_config {
	struct event_base *base;
	const struct config_prefixes *proxies; /* trusted to send PROXY headers */
	unsigned connections_max;
	unsigned per_host_max; /* 0: no limit */
	unsigned request_ms, idle_ms;
	size_t body_max;     /* octets of a request's body */
	struct stats *stats; /* the loop's thread's */
	/* Must lead to exactly one http_conn_reply, at once or later, also when the client has gone meanwhile. The request
	 * is good until then. */
	void (*handle)(void *arg, struct http_conn *c, const struct http_request *request);
	void *arg;
};

MUST_USE enum err http_conns_new(struct http_conns **out, const struct http_conns_config *config);
/* fd: a listening socket, taken over. tls NULL: plain. tls must outlive the connections' beginning only. */
MUST_USE enum err http_conns_listen(struct http_conns *s, int fd, struct tls_server *tls);
/* No new connection, no new request; replies under way go out. */
void http_conns_drain(struct http_conns *s);
/* After that: no reply is owed, and none is on its way. */
bool http_conns_finished(const struct http_conns *s);
/* Every handled request must have been replied to. NULL is fine. */
void http_conns_free(struct http_conns *s);

/* The answer. A body is left out for HEAD requests, its length is not. */
void http_conn_reply(struct http_conn *c, const struct http_reply *reply);

/* "Not Found": the reason phrase that goes with a status. */
const char *http_conn_reason(int status);

#endif
