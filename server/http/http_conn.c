/* http_conn.c: see http_conn.h. */
#include "server/http/http_conn.h"

#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/bufferevent_ssl.h>
#include <event2/event.h>
#include <netinet/tcp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "server/net/hostcount.h"
#include "server/net/proxy.h"

enum {
	LINGER_MS =
		1000, /* after the last answer: what the client still sends is read, lest a reset overtakes the answer */
	SWEEP_MS = 250,  /* between looks for connections whose time is over */
	ACCEPT_MAX = 32, /* connections before others' turn */
	LISTENERS_MAX = 2 * CONFIG_LISTEN_MAX,
	INPUT_SPARE = 4096, /* octets read ahead of a request's end */
	STATUS_TIMEOUT = 408,
	STATUS_HEAD_TOO_LARGE = 431
};

enum state {
	CONN_PROXY, /* a PROXY header may come; there is no stream yet */
	CONN_HEAD,
	CONN_BODY,
	CONN_BUSY,  /* a handler has the request */
	CONN_WRITE, /* the answer is going out */
	CONN_LINGER
};

struct http_conn {
	TAILQ_ENTRY(http_conn) link; /* http_conns.conns, least recently used first */
	struct http_conns *conns;
	struct tls_server *tls;
	struct hostcount_host *host; /* NULL: a proxy's, not counted */
	struct event *greeting;      /* CONN_PROXY: the socket is readable */
	struct bufferevent *stream;  /* NULL before it, and when the client has gone */
	int fd;
	enum state state;
	bool fresh;     /* no request has come yet, or its first octets are here: request_ms counts */
	bool close;     /* after this answer */
	bool no_body;   /* the request is a HEAD */
	uint64_t since; /* clock_coarse_ms: when the state, or waiting for the request, began */
	struct addr peer;
	char *text; /* the request: head, then body */
	size_t head_len;
	struct head head;
	struct http_request request;
};

struct listener {
	struct http_conns *conns;
	struct tls_server *tls;
	struct event *event;
	int fd;
};

TAILQ_HEAD(conn_list, http_conn);

struct http_conns {
	struct http_conns_config config;
	struct listener listener[LISTENERS_MAX];
	unsigned listeners, count;
	struct conn_list conns;
	struct hostcount *hosts;
	struct event *sweep;
	bool draining;
};

const char *http_conn_reason(int status)
{
	static const struct {
		int status;
		const char *reason;
	} reasons[] = {
		{200, "OK"},
		{201, "Created"},
		{204, "No Content"},
		{400, "Bad Request"},
		{401, "Unauthorized"},
		{403, "Forbidden"},
		{404, "Not Found"},
		{405, "Method Not Allowed"},
		{408, "Request Timeout"},
		{409, "Conflict"},
		{411, "Length Required"},
		{413, "Content Too Large"},
		{422, "Unprocessable Content"},
		{431, "Request Header Fields Too Large"},
		{500, "Internal Server Error"},
		{503, "Service Unavailable"},
		{505, "HTTP Version Not Supported"},
	};
	for (size_t i = 0; i < sizeof reasons / sizeof reasons[0]; i++)
		if (reasons[i].status == status)
			return reasons[i].reason;
	return "Status";
}

/* ---- ending ---- */

static void free_conn(struct http_conn *c)
{
	TAILQ_REMOVE(&c->conns->conns, c, link);
	c->conns->count--;
	stats_set(c->conns->config.stats, STATS_HTTP_OPEN, c->conns->count);
	free(c->text);
	free(c);
}

/* Ends the connection; what a handler still has stays until its reply. */
static void close_conn(struct http_conn *c)
{
	if (c->greeting)
		event_free(c->greeting);
	c->greeting = NULL;
	if (c->stream) {
		/* libevent would close the descriptor in its next round: too late for those accepted in this one. So it
		 * is ours to close; the session is freed with the stream, as libevent may be in the middle of it. */
		SSL *ssl = bufferevent_openssl_get_ssl(c->stream);
		if (ssl) {
			SSL_set_shutdown(ssl, SSL_RECEIVED_SHUTDOWN);
			SSL_shutdown(ssl);
			BIO_set_fd(SSL_get_wbio(ssl), -1, BIO_NOCLOSE);
		}
		bufferevent_free(c->stream);
	}
	c->stream = NULL;
	if (c->fd >= 0)
		close(c->fd);
	c->fd = -1;
	hostcount_give(c->conns->hosts, c->host);
	c->host = NULL;
	if (c->state != CONN_BUSY)
		free_conn(c);
}

static void begin(struct http_conn *c, enum state state)
{
	c->state = state;
	c->since = clock_coarse_ms();
	TAILQ_REMOVE(&c->conns->conns, c, link);
	TAILQ_INSERT_TAIL(&c->conns->conns, c, link);
}

/* The answer is out and was the last one. */
static void linger(struct http_conn *c)
{
	begin(c, CONN_LINGER);
	SSL *ssl = bufferevent_openssl_get_ssl(c->stream);
	if (ssl)
		SSL_shutdown(ssl);
	shutdown(c->fd, SHUT_WR);
	bufferevent_enable(c->stream, EV_READ);
}

/* ---- answering ---- */

static void write_reply(struct http_conn *c, const struct http_reply *r)
{
	struct evbuffer *out = bufferevent_get_output(c->stream);
	evbuffer_add_printf(out, "HTTP/1.1 %d %s\r\n", r->status, http_conn_reason(r->status));
	if (r->type)
		evbuffer_add_printf(out, "Content-Type: %s\r\n", r->type);
	if (r->status != 204)
		evbuffer_add_printf(out, "Content-Length: %zu\r\n", r->body_len);
	evbuffer_add_printf(out, "Cache-Control: no-store\r\nConnection: %s\r\n%s\r\n",
			    c->close ? "close" : "keep-alive", r->fields ? r->fields : "");
	if (!c->no_body && r->status != 204)
		evbuffer_add(out, r->body, r->body_len);
}

void http_conn_reply(struct http_conn *c, const struct http_reply *r)
{
	assert(c->state == CONN_BUSY);
	stats_http_status(c->conns->config.stats, r->status);
	begin(c, CONN_WRITE);
	free(c->text);
	c->text = NULL;
	if (!c->stream) {
		free_conn(c);
		return;
	}
	c->close = c->close || c->conns->draining;
	write_reply(c, r);
	bufferevent_enable(c->stream, EV_WRITE);
}

/* What never reaches a handler. */
static void refuse(struct http_conn *c, int status)
{
	const char *reason = http_conn_reason(status);
	struct http_reply r = {.status = status, .type = "text/plain", .body = reason, .body_len = strlen(reason)};
	c->close = true;
	c->no_body = false;
	bufferevent_disable(c->stream, EV_READ);
	c->state = CONN_BUSY;
	http_conn_reply(c, &r);
}

/* ---- reading a request ---- */

static bool read_head(struct http_conn *c, struct evbuffer *in)
{
	size_t have = evbuffer_get_length(in);
	size_t look = have < HEAD_MAX ? have : HEAD_MAX;
	if (!have)
		return false;
	if (!c->fresh) {
		c->fresh = true;
		begin(c, CONN_HEAD);
	}
	const char *data = (const char *)evbuffer_pullup(in, (ev_ssize_t)look);
	c->head_len = data ? head_length(data, look) : 0;
	if (!c->head_len) {
		if (!data || have >= HEAD_MAX)
			refuse(c, STATUS_HEAD_TOO_LARGE);
		return false;
	}
	c->text = malloc(c->head_len + c->conns->config.body_max);
	if (!c->text) {
		refuse(c, 503);
		return false;
	}
	evbuffer_remove(in, c->text, c->head_len);
	int status = head_parse(&c->head, c->text, c->head_len, c->conns->config.body_max);
	if (status) {
		refuse(c, status);
		return false;
	}
	c->close = !c->head.keep_alive;
	c->no_body = strcmp(c->head.method, "HEAD") == 0;
	if (c->head.expects_100 && evbuffer_get_length(in) < c->head.body_len)
		evbuffer_add_printf(bufferevent_get_output(c->stream), "HTTP/1.1 100 Continue\r\n\r\n");
	c->state = CONN_BODY;
	return true;
}

static void read_body(struct http_conn *c, struct evbuffer *in)
{
	if (evbuffer_get_length(in) < c->head.body_len)
		return;
	evbuffer_remove(in, c->text + c->head_len, c->head.body_len);
	c->request = (struct http_request){.head = &c->head,
					   .body = c->text + c->head_len,
					   .body_len = c->head.body_len,
					   .peer = &c->peer,
					   .secure = c->tls != NULL};
	bufferevent_disable(c->stream, EV_READ);
	c->fresh = false;
	begin(c, CONN_BUSY);
	c->conns->config.handle(c->conns->config.arg, c, &c->request);
}

static void on_read(struct bufferevent *stream, void *arg)
{
	struct http_conn *c = arg;
	struct evbuffer *in = bufferevent_get_input(stream);
	if (c->state == CONN_LINGER)
		evbuffer_drain(in, evbuffer_get_length(in));
	else if (c->state == CONN_HEAD && !read_head(c, in))
		return;
	if (c->state == CONN_BODY)
		read_body(c, in);
}

/* The answer is out. */
static void on_written(struct bufferevent *stream, void *arg)
{
	struct http_conn *c = arg;
	if (c->state != CONN_WRITE || evbuffer_get_length(bufferevent_get_output(stream)))
		return;
	if (c->close) {
		linger(c);
		return;
	}
	begin(c, CONN_HEAD);
	bufferevent_enable(stream, EV_READ);
	/* What came ahead makes no new event. */
	if (evbuffer_get_length(bufferevent_get_input(stream)))
		bufferevent_trigger(stream, EV_READ, BEV_TRIG_IGNORE_WATERMARKS | BEV_TRIG_DEFER_CALLBACKS);
}

static void on_event(struct bufferevent *stream, short what, void *arg)
{
	(void)stream;
	struct http_conn *c = arg;
	if (what & (BEV_EVENT_ERROR | BEV_EVENT_EOF))
		close_conn(c);
}

/* ---- beginning ---- */

static bool open_stream(struct http_conn *c)
{
	struct event_base *base = c->conns->config.base;
	if (c->tls) {
		SSL *ssl = tls_server_session(c->tls);
		/* Frees the session also when it fails. */
		if (ssl)
			c->stream = bufferevent_openssl_socket_new(base, c->fd, ssl, BUFFEREVENT_SSL_ACCEPTING,
								   BEV_OPT_CLOSE_ON_FREE);
		if (ssl && !c->stream)
			SSL_free(ssl);
		if (c->stream)
			bufferevent_openssl_set_allow_dirty_shutdown(c->stream, 1);
	} else {
		c->stream = bufferevent_socket_new(base, c->fd, 0);
	}
	if (!c->stream)
		return false;
	c->state = CONN_HEAD;
	bufferevent_setcb(c->stream, on_read, on_written, on_event, c);
	bufferevent_setwatermark(c->stream, EV_READ, 0, HEAD_MAX + c->conns->config.body_max + INPUT_SPARE);
	return bufferevent_enable(c->stream, EV_READ | EV_WRITE) == 0;
}

static bool count_host(struct http_conn *c)
{
	c->host = hostcount_take(c->conns->hosts, &c->peer, c->conns->config.per_host_max);
	return c->host != NULL;
}

/* CONN_PROXY: looks at what is there without taking it, so that TLS finds its own first octets. */
static void on_greeting(int fd, short what, void *arg)
{
	(void)what;
	struct http_conn *c = arg;
	uint8_t head[PROXY_HEADER_MAX];
	size_t len = 0;
	struct addr client = c->peer;
	ssize_t got = recv(fd, head, sizeof head, MSG_PEEK);
	if (got < 0 && (errno == EAGAIN || errno == EINTR))
		return;
	enum proxy_result result = got > 0 ? proxy_parse(head, (size_t)got, &len, &client) : PROXY_BAD;
	if (result == PROXY_MORE)
		return;
	event_free(c->greeting);
	c->greeting = NULL;
	if (result == PROXY_CLIENT)
		c->peer = client;
	if (result == PROXY_BAD || (len && recv(fd, head, len, 0) != (ssize_t)len) ||
	    (result == PROXY_CLIENT && !count_host(c)) || !open_stream(c))
		close_conn(c);
}

/* Edge-triggered: a header of which a part is there must not wake us until there is more. */
static bool await_greeting(struct http_conn *c)
{
	c->greeting = event_new(c->conns->config.base, c->fd, EV_READ | EV_PERSIST | EV_ET, on_greeting, c);
	return c->greeting && event_add(c->greeting, NULL) == 0;
}

/* True if there is room, or there was one that has been idle for long. */
static bool make_room(struct http_conns *s)
{
	struct http_conn *c;
	if (s->count < s->config.connections_max)
		return true;
	TAILQ_FOREACH(c, &s->conns, link)
	if (c->state != CONN_BUSY && c->state != CONN_WRITE) {
		close_conn(c);
		return true;
	}
	return false;
}

static void add_conn(struct listener *l, int fd, const struct addr *peer)
{
	struct http_conns *s = l->conns;
	struct http_conn *c = make_room(s) ? calloc(1, sizeof *c) : NULL;
	if (!c) {
		close(fd);
		return;
	}
	int one = 1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	c->conns = s;
	c->tls = l->tls;
	c->fd = fd;
	c->fresh = true;
	c->peer = *peer;
	addr_unmap(&c->peer);
	c->since = clock_coarse_ms();
	TAILQ_INSERT_TAIL(&s->conns, c, link);
	s->count++;
	stats_set(s->config.stats, STATS_HTTP_OPEN, s->count);
	stats_count(s->config.stats, STATS_HTTP_ACCEPTED);
	bool proxied =
		s->config.proxies && addr_in_prefixes(&c->peer, s->config.proxies->list, s->config.proxies->count);
	c->state = proxied ? CONN_PROXY : CONN_HEAD;
	if (proxied ? !await_greeting(c) : !count_host(c) || !open_stream(c))
		close_conn(c);
}

static void on_accept(int fd, short what, void *arg)
{
	(void)what;
	struct listener *l = arg;
	for (int i = 0; i < ACCEPT_MAX; i++) {
		struct addr peer = {.len = sizeof peer.u};
		int client = accept4(fd, &peer.u.sa, &peer.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (client < 0) {
			/* Out of descriptors: level-triggered readiness would spin; the sweep listens again. */
			if (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)
				event_del(l->event);
			return;
		}
		add_conn(l, client, &peer);
	}
}

/* ---- time ---- */

static void check_time(struct http_conn *c, uint64_t now)
{
	const struct http_conns_config *config = &c->conns->config;
	uint64_t waited = now - c->since;
	bool reading = c->state == CONN_HEAD || c->state == CONN_BODY;
	if (c->state == CONN_BUSY)
		return;
	if (waited <= (c->state == CONN_LINGER ? LINGER_MS
		       : reading && !c->fresh  ? config->idle_ms
					       : config->request_ms))
		return;
	if (reading && c->fresh && (c->text || evbuffer_get_length(bufferevent_get_input(c->stream))))
		refuse(c, STATUS_TIMEOUT);
	else
		close_conn(c);
}

static void on_sweep(int fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct http_conns *s = arg;
	uint64_t now = clock_coarse_ms();
	struct http_conn *next;
	/* Least recently used first; who is moved meanwhile goes to the end and is looked at once more, which does no
	 * harm. */
	for (struct http_conn *c = TAILQ_FIRST(&s->conns); c; c = next) {
		next = TAILQ_NEXT(c, link);
		check_time(c, now);
	}
	for (unsigned i = 0; i < s->listeners && !s->draining; i++)
		if (!event_pending(s->listener[i].event, EV_READ, NULL))
			event_add(s->listener[i].event, NULL);
}

/* ---- all of them ---- */

enum err http_conns_new(struct http_conns **out, const struct http_conns_config *config)
{
	struct timeval every = {.tv_sec = 0, .tv_usec = SWEEP_MS * 1000L};
	struct http_conns *s = calloc(1, sizeof *s);
	if (!s)
		return ERR_NOMEM;
	s->config = *config;
	TAILQ_INIT(&s->conns);
	enum err e = hostcount_new(&s->hosts);
	if (!e) {
		s->sweep = event_new(config->base, -1, EV_PERSIST, on_sweep, s);
		if (!s->sweep || event_add(s->sweep, &every) < 0)
			e = ERR_NOMEM;
	}
	if (e)
		http_conns_free(s);
	else
		*out = s;
	return e;
}

enum err http_conns_listen(struct http_conns *s, int fd, struct tls_server *tls)
{
	assert(s->listeners < LISTENERS_MAX);
	struct listener *l = &s->listener[s->listeners];
	*l = (struct listener){.conns = s, .tls = tls, .fd = fd};
	l->event = event_new(s->config.base, fd, EV_READ | EV_PERSIST, on_accept, l);
	if (!l->event || event_add(l->event, NULL) < 0) {
		if (l->event)
			event_free(l->event);
		close(fd);
		return ERR_NOMEM;
	}
	s->listeners++;
	return ERR_OK;
}

void http_conns_drain(struct http_conns *s)
{
	struct http_conn *c, *next;
	s->draining = true;
	for (unsigned i = 0; i < s->listeners; i++)
		event_del(s->listener[i].event);
	for (c = TAILQ_FIRST(&s->conns); c; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->state == CONN_PROXY || c->state == CONN_HEAD || c->state == CONN_BODY)
			close_conn(c);
	}
}

bool http_conns_finished(const struct http_conns *s)
{
	const struct http_conn *c;
	TAILQ_FOREACH(c, &s->conns, link)
	if (c->state == CONN_BUSY || c->state == CONN_WRITE)
		return false;
	return true;
}

void http_conns_free(struct http_conns *s)
{
	if (!s)
		return;
	struct http_conn *c;
	while ((c = TAILQ_FIRST(&s->conns))) {
		assert(c->state != CONN_BUSY);
		close_conn(c);
	}
	for (unsigned i = 0; i < s->listeners; i++) {
		event_free(s->listener[i].event);
		close(s->listener[i].fd);
	}
	if (s->sweep)
		event_free(s->sweep);
	hostcount_free(s->hosts);
	free(s);
}
