/* http_inside.h: what the files of server/http share: the HTTP thread. For no one else. */
#ifndef ROOST_SERVER_HTTP_INSIDE_H
#define ROOST_SERVER_HTTP_INSIDE_H

#include <pthread.h>
#include <semaphore.h>

#include "server/http/call.h"
#include "server/http/http.h"

struct http {
	struct server *server;
	struct stats *stats;     /* this thread's block */
	uint64_t started_unix_s; /* when the server started */
	struct event_base *base;
	struct mailbox *mailbox; /* where the writer's answers come back */
	struct http_conns *conns;
	struct identify *identify;
	struct tls_server *tls; /* NULL: no HTTPS */
	struct event *refresh;  /* now and then: is there a new certificate? */
	pthread_t thread;
	bool started;
	struct event *finish; /* when stopping: are all answers out? */
	unsigned finish_looks;

	struct mail drain, stop; /* orders from the main thread */
	sem_t done;
};

/* Who may send a secret: by TLS everybody, else this machine itself and [http] plain-from. */
bool http_may_trust(const struct call *c);

#endif
