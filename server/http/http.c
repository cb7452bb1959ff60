/* http.c: see http.h. */
#include "server/http/http.h"

#include <event2/event.h>
#include <stdlib.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "server/http/http_inside.h"
#include "server/http/identify.h"
#include "server/http/route.h"
#include "server/net/listener.h"
#include "zones/memory/grace.h"

enum {
	REFRESH_S = 5,    /* between looks for a new certificate */
	FINISH_MS = 2000, /* how long clients have to take their last answers when we end */
	FINISH_LOOK_MS = 20,
	NS_PER_S = 1000000000
};

static struct http *of_drain(struct mail *m)
{
	return (struct http *)(void *)((char *)m - offsetof(struct http, drain));
}

static struct http *of_stop(struct mail *m)
{
	return (struct http *)(void *)((char *)m - offsetof(struct http, stop));
}

/* ---- on the HTTP thread ---- */

static void on_request(void *arg, struct http_conn *conn, const struct http_request *request)
{
	struct http *h = arg;
	struct call *c = call_new(h, conn, request, &h->server->config->proxy_trusted);
	if (c)
		route_call(c);
}

static void on_refresh(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct http *h = arg;
	struct errmsg msg = {0};
	bool changed;
	if (tls_server_refresh(h->tls, &changed, &msg))
		log_error("HTTPS keeps its old certificate: %s", msg.text);
	else if (changed)
		log_info("HTTPS has a new certificate");
}

static void on_drain(struct mail *mail)
{
	struct http *h = of_drain(mail);
	http_conns_drain(h->conns);
	sem_post(&h->done);
}

static void on_finish_look(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct http *h = arg;
	if (http_conns_finished(h->conns) || ++h->finish_looks >= FINISH_MS / FINISH_LOOK_MS)
		event_base_loopbreak(h->base);
}

static void on_stop(struct mail *mail)
{
	struct http *h = of_stop(mail);
	struct timeval every = {.tv_usec = FINISH_LOOK_MS * 1000};
	if (http_conns_finished(h->conns) || event_add(h->finish, &every) < 0)
		event_base_loopbreak(h->base);
}

static void *run(void *arg)
{
	struct http *h = arg;
	grace_register();
	grace_offline();
	event_base_loop(h->base, EVLOOP_NO_EXIT_ON_EMPTY);
	grace_unregister();
	return NULL;
}

bool http_may_trust(const struct call *c)
{
	const struct config_prefixes *plain = &c->http->server->config->http_plain;
	return c->secure || addr_is_loopback(&c->client) || addr_in_prefixes(&c->client, plain->list, plain->count);
}

/* ---- on the main thread ---- */

static enum err listen_all(struct http *h, const struct addr *list, unsigned count, struct tls_server *tls,
			   struct errmsg *msg)
{
	for (unsigned i = 0; i < count; i++) {
		int fd;
		enum err e = listener_tcp(&list[i], &fd, msg);
		if (!e && http_conns_listen(h->conns, fd, tls))
			e = errmsg_set(msg, ERR_NOMEM, "out of memory");
		if (e)
			return e;
	}
	return ERR_OK;
}

static enum err make_tls(struct http *h, struct errmsg *msg)
{
	const struct config *c = h->server->config;
	if (!c->https_count)
		return ERR_OK;
	struct timeval every = {.tv_sec = REFRESH_S};
	enum err e = tls_server_new(&h->tls, c->http_certificate, c->http_key, msg);
	if (e)
		return e;
	h->refresh = event_new(h->base, -1, EV_PERSIST, on_refresh, h);
	return h->refresh && event_add(h->refresh, &every) == 0 ? ERR_OK : errmsg_set(msg, ERR_NOMEM, "out of memory");
}

static enum err make_parts(struct http *h, struct errmsg *msg)
{
	const struct config *c = h->server->config;
	struct event_config *ec = event_config_new();
	if (!ec)
		return errmsg_set(msg, ERR_NOMEM, "out of memory");
	event_config_set_flag(ec, EVENT_BASE_FLAG_NOLOCK); /* the mailbox is how other threads reach it */
	h->base = event_base_new_with_config(ec);
	event_config_free(ec);
	struct http_conns_config conns = {.base = h->base,
					  .proxies = &c->proxy_trusted,
					  .connections_max = c->http_connections,
					  .per_host_max = c->http_per_address,
					  .request_ms = c->http_request_ms,
					  .idle_ms = c->http_idle_ms,
					  .body_max = FORM_BODY_MAX,
					  .stats = h->stats,
					  .handle = on_request,
					  .arg = h};
	if (!h->base || mailbox_new(&h->mailbox, h->base) || http_conns_new(&h->conns, &conns))
		return errmsg_set(msg, ERR_NOMEM, "the HTTP thread could not be made: out of memory");
	if (identify_new(&h->identify, h->server, h->mailbox))
		return errmsg_set(msg, ERR_NOMEM, "the HTTP thread could not be made: out of memory");
	h->finish = event_new(h->base, -1, EV_PERSIST, on_finish_look, h);
	enum err e = h->finish ? make_tls(h, msg) : errmsg_set(msg, ERR_NOMEM, "out of memory");
	if (!e)
		e = listen_all(h, c->http, c->http_count, NULL, msg);
	if (!e)
		e = listen_all(h, c->https, c->https_count, h->tls, msg);
	return e;
}

enum err http_new(struct http **out, struct server *server, struct errmsg *msg)
{
	const struct config *c = server->config;
	*out = NULL;
	if (!c->http_count && !c->https_count)
		return ERR_OK;
	for (unsigned i = 0; i < c->http_count + c->https_count; i++) {
		const struct addr *a = i < c->http_count ? &c->http[i] : &c->https[i - c->http_count];
		enum err e = listener_probe_tcp(a, msg);
		if (e)
			return e;
	}
	struct http *h = calloc(1, sizeof *h);
	if (!h)
		return errmsg_set(msg, ERR_NOMEM, "out of memory");
	h->server = server;
	h->stats = stats_http(server->stats);
	h->started_unix_s = clock_unix() - (clock_monotonic_ns() - server->started_ns) / NS_PER_S;
	h->drain.deliver = on_drain;
	h->stop.deliver = on_stop;
	sem_init(&h->done, 0, 0);
	enum err e = make_parts(h, msg);
	if (e)
		http_free(h);
	else
		*out = h;
	return e;
}

enum err http_start(struct http *h)
{
	if (pthread_create(&h->thread, NULL, run, h) != 0)
		return ERR_NOMEM;
	h->started = true;
	return ERR_OK;
}

/* Until the HTTP thread has done all that was posted to it so far. */
static void round_trip(struct http *h)
{
	mailbox_post(h->mailbox, &h->drain);
	while (sem_wait(&h->done) < 0)
		;
}

void http_drain(struct http *h)
{
	if (!h || !h->started)
		return;
	round_trip(h);
	/* Passwords that were being looked at become changes now, or refusals. */
	identify_stop(h->identify);
	round_trip(h);
}

void http_stop(struct http *h)
{
	if (!h || !h->started)
		return;
	/* Behind every answer that the writer posted. */
	mailbox_post(h->mailbox, &h->stop);
	pthread_join(h->thread, NULL);
	h->started = false;
}

void http_free(struct http *h)
{
	if (!h)
		return;
	mailbox_free(h->mailbox); /* delivers what is left: before the connections that it is for */
	http_conns_free(h->conns);
	identify_free(h->identify);
	tls_server_free(h->tls);
	if (h->refresh)
		event_free(h->refresh);
	if (h->finish)
		event_free(h->finish);
	if (h->base)
		event_base_free(h->base);
	sem_destroy(&h->done);
	free(h);
}
