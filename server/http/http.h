/* http.h: DDNS over HTTP: a thread of its own with its own loop, so that nothing of it touches DNS answers.
 *
 *   http_conn.h   connections, TLS, whole requests           call.h    one request: parameters, client, answer
 *   route.h       which page or dialect a request is for     page_*.c  what needs no identity: addresses, health, metrics
 *
 *   http thread: request -> call -> route -> answer                     (pages, and what memory can tell)
 *                                         -> job -> writer -> mailbox -> answer
 *
 * Threads: all functions from the main thread. */
#ifndef ROOST_SERVER_HTTP_H
#define ROOST_SERVER_HTTP_H

#include "server/server.h"

struct http;

/* Opens and binds the sockets of the configuration's [http]; *out stays NULL if it names none. */
MUST_USE enum err http_new(struct http **out, struct server *server, struct errmsg *msg);
MUST_USE enum err http_start(struct http *h);
/* No new request is taken; returns when that is so. These four: NULL is fine. */
void http_drain(struct http *h);
/* After the writer has stopped: answers what it left, ends the thread. */
void http_stop(struct http *h);
void http_free(struct http *h);

#endif
