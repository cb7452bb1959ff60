/* main.c: roostd: start everything in order, wait for the end, stop everything in the opposite order.
 *
 * Nothing is half started: the database is open, every zone in memory and every socket bound before the first thread
 * runs and "ready" is logged; a fault before that is one line and exit status 1 (2 for usage). */
#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <signal.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>

#include "lib/sqlstore_checkpoint.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/qname.h"
#include "server/control.h"
#include "server/cookies.h"
#include "server/dns/replay.h"
#include "server/http/http.h"
#include "server/housekeeper.h"
#include "server/loader.h"
#include "server/net/listener.h"
#include "server/net/worker.h"
#include "server/peer/notify.h"
#include "server/peer/secondary.h"
#include "zones/memory/grace.h"

#ifndef ROOST_VERSION
#define ROOST_VERSION "unknown"
#endif

enum { EXIT_START = 1, EXIT_USAGE = 2 };
enum { FILES_SPARE = 256 /* descriptors for sockets, database, journal readers beside the TCP connections */ };

/* What main owns. */
struct daemon {
	struct config config;
	struct server server;
	struct zonestore *store; /* the WRITE handle: main's until the writer starts, then the writer's */
	struct sqlstore_checkpoint *checkpoint;
	struct commit *commit;
	size_t damaged; /* zones without content */
	struct event *on_term, *on_int, *on_hup;
	struct mail reload;      /* tells the main thread that peers may have changed */
	atomic_bool reload_sent; /* it is on its way: not to be posted again */
};

/* ---- zones ---- */

/* One transaction: nobody may write between the zones. */
static enum err load_zones(struct daemon *d, struct errmsg *msg)
{
	struct sqlstore *sql = zonestore_sql(d->store);
	enum err e = directory_new(&d->server.directory);
	if (e)
		return errmsg_set(msg, e, "out of memory");
	e = sqlstore_begin(sql, msg);
	if (!e)
		e = loader_run(d->server.directory, d->config.database, &d->damaged, msg);
	sqlstore_rollback(sql);
	return e;
}

static enum err load_access(struct server *s, struct zonestore *store, struct errmsg *msg)
{
	struct access *access;
	enum err e = keystore_load(zonestore_sql(store), &access, msg);
	if (e)
		return e;
	struct access *before = atomic_exchange_explicit(&s->access, access, memory_order_acq_rel);
	if (before)
		grace_defer((void (*)(void *))access_release, before);
	return ERR_OK;
}

/* ---- what the writer tells ---- */

/* Writer thread. */
static void on_published(void *arg, const uint8_t *zone, uint32_t serial, bool present)
{
	struct daemon *d = arg;
	if (d->server.notify)
		notify_published(d->server.notify, zone, serial, present);
	housekeeper_changed(d->server.housekeeper);
}

/* Writer thread. */
static void on_leased(void *arg)
{
	struct daemon *d = arg;
	housekeeper_leased(d->server.housekeeper);
}

/* Writer thread. */
static void on_delivering(void *arg, bool begin)
{
	(void)arg;
	if (begin)
		mailbox_hold();
	else
		mailbox_release();
}

/* Main thread. */
static void on_reload(struct mail *mail)
{
	struct daemon *d = (struct daemon *)(void *)((char *)mail - offsetof(struct daemon, reload));
	atomic_store(&d->reload_sent, false);
	if (d->server.notify)
		notify_reload(d->server.notify);
	if (d->server.secondary)
		secondary_reload(d->server.secondary);
}

/* Writer thread: keys, grants or peers may be others now. */
static bool on_admin_changed(void *arg)
{
	static struct log_limit limit; /* it is tried again and again */
	struct daemon *d = arg;
	struct errmsg msg = {0};
	unsigned left_out;
	bool failed = load_access(&d->server, d->store, &msg) != ERR_OK;
	if (failed && log_limit_allows(&limit, &left_out))
		log_error("keys and grants could not be read again: %s; the old ones stay in force until they can",
			  msg.text);
	if (!failed && !atomic_exchange(&d->reload_sent, true))
		mailbox_post(d->server.main_mailbox, &d->reload);
	return !failed;
}

/* ---- start and stop ---- */

static void on_signal(evutil_socket_t signal_number, short what, void *arg)
{
	(void)what;
	struct daemon *d = arg;
	log_info("signal %d: stopping", (int)signal_number);
	event_base_loopbreak(d->server.main_base);
}

/* SIGHUP: what may change beside a running server is read again. */
static void on_hangup(evutil_socket_t signal_number, short what, void *arg)
{
	(void)signal_number;
	(void)what;
	struct daemon *d = arg;
	struct errmsg msg = {0};
	if (!d->server.cookies || !d->config.cookies_secret_file)
		log_info("SIGHUP: there is no file to read again");
	else if (cookies_reload(d->server.cookies, &msg))
		log_error("SIGHUP: the secrets of DNS cookies stay as they were: %s", msg.text);
	else
		log_info("SIGHUP: the secrets of DNS cookies are read again");
}

static enum err make_loop(struct daemon *d, struct errmsg *msg)
{
	struct server *s = &d->server;
	s->main_base = event_base_new();
	if (!s->main_base || mailbox_new(&s->main_mailbox, s->main_base))
		return errmsg_set(msg, ERR_NOMEM, "no event loop: %s", strerror(errno));
	d->on_term = evsignal_new(s->main_base, SIGTERM, on_signal, d);
	d->on_int = evsignal_new(s->main_base, SIGINT, on_signal, d);
	d->on_hup = evsignal_new(s->main_base, SIGHUP, on_hangup, d);
	if (!d->on_term || !d->on_int || !d->on_hup || event_add(d->on_term, NULL) < 0 ||
	    event_add(d->on_int, NULL) < 0 || event_add(d->on_hup, NULL) < 0)
		return errmsg_set(msg, ERR_NOMEM, "no event loop: out of memory");
	return ERR_OK;
}

/* Room for every connection that the configuration allows; where there cannot be so much, fewer connections: the last
 * descriptors must not go to strangers, but to the database and the control socket. */
static void raise_file_limit(struct config *c)
{
	struct rlimit limit;
	rlim_t others = (rlim_t)FILES_SPARE + (rlim_t)c->workers * (c->listen_count * 2 + 8) +
			(c->http_count + c->https_count ? c->http_connections : 0);
	rlim_t wanted = c->tcp_connections + others;
	if (getrlimit(RLIMIT_NOFILE, &limit) < 0 || limit.rlim_cur >= wanted)
		return;
	if (limit.rlim_max != RLIM_INFINITY && limit.rlim_max < wanted) {
		struct rlimit both = {.rlim_cur = wanted, .rlim_max = wanted};
		if (setrlimit(RLIMIT_NOFILE, &both) == 0)
			return;
		rlim_t room = limit.rlim_max > 2 * others ? limit.rlim_max - others : limit.rlim_max / 2;
		if (room < c->tcp_connections)
			c->tcp_connections = (unsigned)room;
		log_warning(
			"open files are limited to %llu, [tcp] connections want %llu: there will be %u connections; "
			"raise the limit (ulimit -n, LimitNOFILE=)",
			(unsigned long long)limit.rlim_max, (unsigned long long)wanted, c->tcp_connections);
		wanted = limit.rlim_max;
	}
	limit.rlim_cur = wanted;
	(void)setrlimit(RLIMIT_NOFILE, &limit);
}

static enum err open_database(struct daemon *d, struct errmsg *msg)
{
	enum err e = zonestore_open(&d->store, d->config.database, SQLSTORE_WRITE, msg);
	if (!e)
		e = load_zones(d, msg);
	if (!e)
		e = load_access(&d->server, d->store, msg);
	return e;
}

static enum err make_workers(struct daemon *d, struct errmsg *msg)
{
	struct server *s = &d->server;
	s->workers = calloc(d->config.workers, sizeof *s->workers);
	if (!s->workers || stats_new(&s->stats, d->config.workers))
		return errmsg_set(msg, ERR_NOMEM, "out of memory");
	for (unsigned i = 0; i < d->config.workers; i++) {
		enum err e = worker_new(&s->workers[i], s, stats_worker(s->stats, i), msg);
		if (e)
			return e;
		s->worker_count++;
	}
	return ERR_OK;
}

static enum err start_workers(struct daemon *d, struct errmsg *msg)
{
	enum err e = ERR_OK;
	for (unsigned i = 0; i < d->server.worker_count && !e; i++)
		e = worker_start(d->server.workers[i]);
	return e ? errmsg_set(msg, e, "a worker thread could not start: %s; lower -w", err_text(e)) : ERR_OK;
}

static enum err start_writer(struct daemon *d, struct errmsg *msg)
{
	struct commit_hooks hooks = {.published = on_published,
				     .admin_changed = on_admin_changed,
				     .leased = on_leased,
				     .delivering = on_delivering,
				     .arg = d};
	enum err e = sqlstore_checkpoint_start(&d->checkpoint, zonestore_sql(d->store), msg);
	if (e)
		return e;
	e = commit_new(&d->commit, d->store, d->server.directory, false, &hooks);
	if (!e)
		e = writer_thread_start(&d->server.writer, d->commit, stats_writer(d->server.stats));
	return e ? errmsg_set(msg, e, "the writer thread could not start: %s", err_text(e)) : ERR_OK;
}

/* What publishes comes before what changes, and that before those who ask for changes. */
static enum err start_threads(struct daemon *d, struct errmsg *msg)
{
	/* Threads take no signals: those are the main thread's. */
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before);
	enum err e = d->config.notify ? notify_new(&d->server.notify, &d->server, msg) : ERR_OK;
	if (!e)
		e = secondary_new(&d->server.secondary, &d->server, msg);
	if (!e)
		e = start_writer(d, msg);
	if (!e && secondary_start(d->server.secondary))
		e = errmsg_set(msg, ERR_NOMEM, "the secondaries' thread could not start");
	if (!e)
		e = housekeeper_start(&d->server.housekeeper, &d->server, msg);
	if (!e)
		e = control_start(&d->server.control, &d->server, msg);
	if (!e)
		e = start_workers(d, msg);
	if (!e && d->server.http && http_start(d->server.http))
		e = errmsg_set(msg, ERR_NOMEM, "the HTTP thread could not start");
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return e;
}

/* ", 127.0.0.1@53, ::1@53": after the word that says what listens there. */
static void add_addresses(char *text, size_t size, const char *what, const struct addr *list, unsigned count)
{
	for (unsigned i = 0; i < count; i++) {
		char addr[ADDR_TEXT_MAX];
		size_t used = strlen(text);
		snprintf(text + used, size - used, "%s%s", i ? ", " : what, addr_to_text(&list[i], addr));
	}
}

static void log_ready(const struct daemon *d)
{
	const struct config *c = &d->config;
	char text[3 * CONFIG_LISTEN_MAX * (ADDR_TEXT_MAX + 2)] = "";
	add_addresses(text, sizeof text, "listening on ", c->listen, c->listen_count);
	add_addresses(text, sizeof text, ", HTTP on ", c->http, c->http_count);
	add_addresses(text, sizeof text, ", HTTPS on ", c->https, c->https_count);
	log_info("roostd %s ready: %zu zones, %s", ROOST_VERSION, directory_count(d->server.directory) - d->damaged,
		 text);
}

static enum err start(struct daemon *d, struct errmsg *msg)
{
	d->server.config = &d->config;
	d->reload.deliver = on_reload;
	/* The main thread reads zones now and then (NOTIFY, status), each time between grace_online and
	 * grace_offline. */
	grace_register();
	grace_offline();
	d->server.started_ns = clock_monotonic_ns();
	raise_file_limit(&d->config);
	enum err e = qname_seed();
	if (e)
		return errmsg_set(msg, e, "the kernel gives no random numbers");
	for (unsigned i = 0; i < d->config.listen_count && !e; i++)
		e = listener_probe(&d->config.listen[i], msg);
	if (!e)
		e = make_loop(d, msg);
	if (!e && d->config.cookies)
		e = cookies_new(&d->server.cookies, d->config.cookies_secret_file, d->server.main_base, msg);
	if (!e && replay_new(&d->server.replay, REPLAY_ENTRIES))
		e = errmsg_set(msg, ERR_NOMEM, "out of memory");
	if (!e)
		e = open_database(d, msg);
	if (!e)
		e = make_workers(d, msg);
	if (!e)
		e = http_new(&d->server.http, &d->server, msg);
	if (!e)
		e = start_threads(d, msg);
	return e;
}

static void stop(struct daemon *d)
{
	struct server *s = &d->server;
	for (unsigned i = 0; i < s->worker_count; i++)
		worker_drain(s->workers[i]);
	http_drain(s->http);
	control_free(s->control);
	housekeeper_stop(s->housekeeper);
	secondary_stop(s->secondary);
	writer_thread_stop(s->writer); /* finishes every queued job: their answers are in the workers' mailboxes now */
	for (unsigned i = 0; i < s->worker_count; i++)
		worker_stop(s->workers[i]);
	for (unsigned i = 0; i < s->worker_count; i++)
		worker_free(s->workers[i]);
	free(s->workers);
	secondary_free(s->secondary);
	s->secondary = NULL; /* mail that still waits may ask for it */
	http_stop(s->http);
	http_free(s->http);
	housekeeper_free(s->housekeeper);
	mailbox_free(s->main_mailbox); /* delivers what the writer published last to… */
	notify_free(s->notify);
	grace_unregister();
	commit_free(d->commit);
	sqlstore_checkpoint_stop(d->checkpoint);
	grace_barrier();
	access_release(atomic_load(&s->access));
	cookies_free(s->cookies);
	replay_free(s->replay);
	directory_free(s->directory);
	grace_barrier(); /* what the directory let go waits for a grace period too */
	if (d->store)
		zonestore_close(d->store);
	if (d->on_term)
		event_free(d->on_term);
	if (d->on_int)
		event_free(d->on_int);
	if (d->on_hup)
		event_free(d->on_hup);
	if (s->main_base)
		event_base_free(s->main_base);
	stats_free(s->stats);
}

int main(int argc, char **argv)
{
	static struct daemon d;
	struct errmsg msg = {0};
	switch (config_load(&d.config, argc, argv, &msg)) {
	case CONFIG_EXIT_OK:
		return fflush(stdout) == 0 ? EXIT_SUCCESS : EXIT_START;
	case CONFIG_EXIT_USAGE:
		fprintf(stderr, "roostd: %s\n", msg.text);
		config_free(&d.config);
		return EXIT_USAGE;
	case CONFIG_RUN:
		break;
	}
	log_set_level(d.config.log_level);
	signal(SIGPIPE, SIG_IGN); /* a client that went away is told by write's error… */
	signal(SIGXFSZ, SIG_IGN); /* …and a file that may not grow (LimitFSIZE=) too: the disk is full, for us */
	enum err e = start(&d, &msg);
	if (e) {
		log_error("roostd cannot start: %s", msg.text);
	} else {
		log_ready(&d);
		event_base_loop(d.server.main_base, EVLOOP_NO_EXIT_ON_EMPTY);
	}
	stop(&d);
	if (!e)
		log_info("roostd stopped");
	config_free(&d.config);
	return e ? EXIT_START : EXIT_SUCCESS;
}
