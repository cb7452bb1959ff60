/* server.h: what the parts of roostd share, and which thread each lives on.
 *
 *   main thread      libevent loop: signals, control socket (server/control.c), NOTIFY to secondaries (server/peer/notify.c)
 *   worker 0..n-1    libevent loop each: UDP and TCP sockets of every listener (SO_REUSEPORT), request path, transfers out
 *   HTTP             libevent loop: DDNS over HTTP and HTTPS, if the configuration has it (server/http/http.c)
 *   housekeeper      has the writer do what can wait (server/housekeeper.h)
 *   writer           takes jobs from a queue, runs them in batches through zones/change/commit.h; the only one that changes anything
 *
 *   worker --job--> writer --done--> worker's mailbox --> reply          writer --published--> main's mailbox --> NOTIFY
 *
 * Threads: fields below are set before threads start and then only read, unless they say otherwise. */
#ifndef ROOST_SERVER_SERVER_H
#define ROOST_SERVER_SERVER_H

#include <stdatomic.h>

#include "keys/access.h"
#include "server/config.h"
#include "server/mailbox.h"
#include "server/stats.h"
#include "server/writer_thread.h"
#include "zones/memory/directory.h"
#include "zones/store/zonestore.h"

struct event_base;
struct notify;
struct control;
struct cookies;
struct http;
struct housekeeper;
struct replay;
struct secondary;

struct server {
	const struct config *config;
	struct directory *directory;
	_Atomic(struct access *)
		access; /* replaced by the writer after a commit that changed keys or grants; readers between quiescent states,
					      access_hold to keep it longer */
	struct writer_thread *writer;
	struct worker **workers;
	unsigned worker_count;
	struct cookies *cookies; /* main thread only, but for cookies_secrets; NULL: no DNS cookies */
	struct replay *replay;   /* of all workers */
	struct event_base *main_base;
	struct mailbox *main_mailbox;    /* runs things on the main thread */
	struct notify *notify;           /* main thread only */
	struct secondary *secondary;     /* see server/peer/secondary.h for who may call what */
	struct control *control;         /* main thread only */
	struct http *http;               /* main thread only; NULL: no HTTP */
	struct stats_all *stats;         /* every thread writes its own block */
	uint64_t started_ns;             /* clock_monotonic_ns at start */
	struct housekeeper *housekeeper; /* see server/housekeeper.h for who may call what */
};

#endif
