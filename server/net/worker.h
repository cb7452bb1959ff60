/* worker.h: a thread that answers: a libevent loop with a UDP and a TCP socket for every listener, and a mailbox for
 * UPDATE answers.
 *
 *   worker_new     opens and binds all sockets (nothing is answered yet)        main thread
 *   worker_start   starts the thread
 *   worker_drain   no new request is taken; returns when that is so
 *   worker_stop    (the writer has stopped: every UPDATE answer is in the mailbox) sends what is left, ends the thread
 *   worker_free    closes the sockets; also for a worker that never started
 *
 * Threads: all of these from the main thread only. */
#ifndef ROOST_SERVER_NET_WORKER_H
#define ROOST_SERVER_NET_WORKER_H

#include "server/server.h"

struct worker;

MUST_USE enum err worker_new(struct worker **out, struct server *server, struct stats *stats, struct errmsg *msg);
MUST_USE enum err worker_start(struct worker *w);
void worker_drain(struct worker *w);
void worker_stop(struct worker *w);
void worker_free(struct worker *w);

#endif
