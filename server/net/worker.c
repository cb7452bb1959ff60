/* worker.c: see worker.h. */
#include "server/net/worker.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <sched.h>
#include <semaphore.h>
#include <stdlib.h>
#include <string.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "lib/log.h"
#include "server/dns/request.h"
#include "server/net/tcp.h"
#include "server/net/udp.h"
#include "zones/memory/grace.h"

enum {
	FINISH_MS = 2000, /* how long clients have to take their last answers when we end */
	FINISH_LOOK_MS = 20,
	SLICE_NS = 100000 /* the shortest that Linux gives */
};

struct worker {
	_Alignas(STATS_LINE) struct server *server; /* no cache line is shared with another worker's */
	pthread_t thread;
	bool started;
	struct event_base *base;
	struct mailbox *mailbox;
	struct request_env env;
	struct udp *udp;
	struct tcp *tcp;

	/* Orders from the main thread; `done` says that the first was carried out. */
	struct mail drain, stop;
	sem_t done;
	struct event *finish;
	unsigned finish_looks;
};

static struct worker *of_drain(struct mail *m)
{
	return (struct worker *)(void *)((char *)m - offsetof(struct worker, drain));
}

static struct worker *of_stop(struct mail *m)
{
	return (struct worker *)(void *)((char *)m - offsetof(struct worker, stop));
}

/* ---- on the worker's thread ---- */

static void on_drain(struct mail *mail)
{
	struct worker *w = of_drain(mail);
	udp_stop(w->udp);
	tcp_stop(w->tcp);
	sem_post(&w->done);
}

static void on_finish_look(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct worker *w = arg;
	if (tcp_finished(w->tcp) || ++w->finish_looks >= FINISH_MS / FINISH_LOOK_MS)
		event_base_loopbreak(w->base);
}

static void on_stop(struct mail *mail)
{
	struct worker *w = of_stop(mail);
	struct timeval every = {.tv_usec = FINISH_LOOK_MS * 1000};
	if (tcp_finished(w->tcp) || event_add(w->finish, &every) < 0)
		event_base_loopbreak(w->base);
}

/* sched_setattr(2): the first version of its structure, which the kernel takes for good. */
struct schedule {
	uint32_t size, policy;
	uint64_t flags;
	int32_t nice;
	uint32_t priority;
	uint64_t runtime, deadline, period; /* ns; runtime: the slice (Linux 6.12) */
};

/* A thread with short slices comes sooner to its turn when it wakes, at the cost of no other's share: questions need not
 * wait until the writer, or another program, has had its few milliseconds. No matter if the kernel knows none. */
static void want_short_slices(void)
{
	struct schedule s = {.size = sizeof s};
	if (syscall(SYS_sched_getattr, 0, &s, sizeof s, 0) < 0 || s.policy != SCHED_OTHER)
		return;
	s.runtime = SLICE_NS;
	if (syscall(SYS_sched_setattr, 0, &s, 0) < 0)
		log_debug("no short time slices: %s", strerror(errno));
}

static void *run(void *arg)
{
	struct worker *w = arg;
	want_short_slices();
	/* Online only inside the callbacks that read zones: offline, waiting in epoll holds up nobody's memory. */
	grace_register();
	grace_offline();
	event_base_loop(w->base, EVLOOP_NO_EXIT_ON_EMPTY);
	grace_unregister();
	return NULL;
}

/* ---- on the main thread ---- */

static enum err make_parts(struct worker *w, struct stats *stats)
{
	const struct config *c = w->server->config;
	struct event_config *ec = event_config_new();
	if (!ec)
		return ERR_NOMEM;
	event_config_set_flag(
		ec, EVENT_BASE_FLAG_NOLOCK); /* this base is its thread's alone; the mailbox is how others reach it */
	w->base = event_base_new_with_config(ec);
	event_config_free(ec);
	if (!w->base || mailbox_new(&w->mailbox, w->base))
		return ERR_NOMEM;
	request_env_init(&w->env, c, w->server->directory, &w->server->access, w->mailbox, stats);
	w->env.cookies = w->server->cookies;
	w->env.replay = w->server->replay;
	if (ratelimit_new(&w->env.ratelimit, c) || sig0_gate_init(&w->env.gate))
		return ERR_NOMEM;
	unsigned share = (c->tcp_connections + c->workers - 1) / c->workers;
	if (udp_new(&w->udp, &w->env) || tcp_new(&w->tcp, &w->env, share))
		return ERR_NOMEM;
	w->finish = event_new(w->base, -1, EV_PERSIST, on_finish_look, w);
	return w->finish ? ERR_OK : ERR_NOMEM;
}

enum err worker_new(struct worker **out, struct server *server, struct stats *stats, struct errmsg *msg)
{
	const struct config *c = server->config;
	struct worker *w = aligned_alloc(STATS_LINE, sizeof *w);
	if (!w)
		return errmsg_set(msg, ERR_NOMEM, "out of memory");
	memset(w, 0, sizeof *w);
	w->server = server;
	w->drain.deliver = on_drain;
	w->stop.deliver = on_stop;
	sem_init(&w->done, 0, 0);
	enum err e = make_parts(w, stats);
	if (e)
		errmsg_set(msg, e, "a worker could not be made: %s; lower -w or free memory", err_text(e));
	for (unsigned i = 0; i < c->listen_count && !e; i++) {
		e = udp_listen(w->udp, &c->listen[i], msg);
		if (!e)
			e = tcp_listen(w->tcp, &c->listen[i], msg);
	}
	if (e) {
		worker_free(w);
		return e;
	}
	*out = w;
	return ERR_OK;
}

enum err worker_start(struct worker *w)
{
	struct writer_thread *writer = w->server->writer;
	w->env.housekeeper = w->server->housekeeper;
	w->env.secondary = w->server->secondary;
	if (udp_start(w->udp, w->base, writer) || tcp_start(w->tcp, w->base, writer) ||
	    pthread_create(&w->thread, NULL, run, w) != 0)
		return ERR_NOMEM;
	w->started = true;
	return ERR_OK;
}

void worker_drain(struct worker *w)
{
	if (!w->started)
		return;
	mailbox_post(w->mailbox, &w->drain);
	while (sem_wait(&w->done) < 0)
		;
}

void worker_stop(struct worker *w)
{
	if (!w->started)
		return;
	/* Behind every UPDATE answer that the writer posted. */
	mailbox_post(w->mailbox, &w->stop);
	pthread_join(w->thread, NULL);
	w->started = false;
}

void worker_free(struct worker *w)
{
	if (!w)
		return;
	/* Mail first, as it is addressed to sockets. */
	mailbox_free(w->mailbox);
	tcp_free(w->tcp);
	udp_free(w->udp);
	request_env_close(&w->env);
	ratelimit_free(w->env.ratelimit);
	if (w->finish)
		event_free(w->finish);
	if (w->base)
		event_base_free(w->base);
	sem_destroy(&w->done);
	free(w);
}
