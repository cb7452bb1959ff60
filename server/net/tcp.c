/* tcp.c: see tcp.h. */
#include "server/net/tcp.h"

#include <assert.h>
#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <sys/queue.h>
#include <sys/random.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "server/net/listener.h"
#include "server/net/proxy.h"
#include "zones/memory/grace.h"

enum {
	LENGTH = 2,                       /* octets before every message (RFC 1035 §4.2.2) */
	INPUT_MAX = LENGTH + MESSAGE_MAX, /* octets read ahead: the longest message fits */
	OUTPUT_HIGH = 256 * 1024,         /* octets unsent: no more requests are served, no more of a transfer made */
	OUTPUT_LOW = 128 * 1024,          /* octets unsent: go on */
	SINGLE_WRITE = 256 * 1024,        /* octets a system call; libevent's 16 KB would make transfers slow */
	PENDING_MAX = 256,                /* UPDATEs of a connection at the writer */
	TRANSFERS_MAX = 4,                /* of a connection at a time */
	ACCEPT_MAX = 32,                  /* connections before others' turn */
	SWEEP_MS = 500,                   /* between looks for idle and slow connections */
	HOST_V4_BITS = 32,                /* what counts as one address: IPv6 hosts have a /64 to themselves */
	HOST_V6_BITS = 64,
	HOST_CHAINS_MIN = 64, /* hash chains of connections by address; powers of two */
	HOST_CHAINS_MAX = 65536,
	NS_PER_MS = 1000000
};

/* Something that the client must do within a time that is the same for all: those who began first stand first. */
struct wait {
	TAILQ_ENTRY(wait) link;
	struct conn *conn;
	bool on;
	uint64_t since; /* clock_monotonic_ns */
};
TAILQ_HEAD(wait_list, wait);

struct conn {
	TAILQ_ENTRY(conn) link;     /* tcp.conns, least recently used first */
	LIST_ENTRY(conn) host_link; /* tcp.hosts, if counted */
	struct addr_prefix host;
	bool counted;          /* it is one of its address's */
	bool from_proxy;       /* a trusted one, and nothing came yet: a PROXY header may */
	struct wait read;      /* for the rest of a message */
	struct wait write;     /* for octets up to `goal` to be taken */
	uint64_t queued, goal; /* octets since the connection began */
	struct tcp *tcp;
	struct bufferevent *stream; /* NULL: closed */
	struct addr from;
	unsigned refs;    /* being open, each pending UPDATE, each callback under way */
	unsigned pending; /* UPDATEs at the writer */
	unsigned transfers;
	struct transfer *transfer[TRANSFERS_MAX]; /* served in turn: [0] is next */
	bool eof;                                 /* the client sends no more */
	uint64_t used; /* clock_monotonic_ns of the last whole request, or of the last thing done for one */
};

struct acceptor {
	struct tcp *tcp;
	struct event *event;
	int fd;
};

struct tcp {
	struct request_env *env;
	struct writer_thread *writer;
	struct event_base *base;
	struct event *sweep;
	struct acceptor acceptor[CONFIG_LISTEN_MAX];
	unsigned acceptors;
	TAILQ_HEAD(conn_list, conn) conns;
	LIST_HEAD(host_chain, conn) * hosts; /* [host_chains] by address */
	unsigned host_chains, host_max;      /* host_max 0: no limit */
	uint64_t host_key[2];
	struct wait_list reading, writing;
	unsigned count, max;
	bool stopping;
	bool accept_paused; /* out of descriptors: until the next sweep */
	struct request request;
	uint8_t answer[MESSAGE_MAX];
};

/* ---- life of a connection ---- */

static void unref(struct conn *c)
{
	assert(c->refs);
	if (--c->refs == 0)
		free(c);
}

/* ---- waiting for the client ---- */

static void wait_end(struct wait_list *list, struct wait *w)
{
	if (w->on)
		TAILQ_REMOVE(list, w, link);
	w->on = false;
}

/* From now. */
static void wait_begin(struct wait_list *list, struct wait *w)
{
	wait_end(list, w);
	w->on = true;
	w->since = clock_monotonic_ns();
	TAILQ_INSERT_TAIL(list, w, link);
}

static void close_conn(struct conn *c)
{
	if (!c->stream)
		return;
	wait_end(&c->tcp->reading, &c->read);
	wait_end(&c->tcp->writing, &c->write);
	if (c->counted)
		LIST_REMOVE(c, host_link);
	/* Left to itself, libevent closes in its next round: too late for those whom we accept in this one. */
	int fd = bufferevent_getfd(c->stream);
	(void)bufferevent_setfd(c->stream, -1);
	bufferevent_free(c->stream);
	close(fd);
	c->stream = NULL;
	while (c->transfers) {
		struct transfer *t = c->transfer[--c->transfers];
		transfer_count(t, c->tcp->env->stats, false);
		transfer_free(t);
	}
	TAILQ_REMOVE(&c->tcp->conns, c, link);
	stats_set(c->tcp->env->stats, STATS_TCP_OPEN, --c->tcp->count);
	unref(c);
}

/* The same, counted: it was our wish. */
static void end_conn(struct conn *c, enum stats_counter why)
{
	stats_count(c->tcp->env->stats, why);
	close_conn(c);
}

static void touch(struct conn *c)
{
	c->used = clock_monotonic_ns();
	TAILQ_REMOVE(&c->tcp->conns, c, link);
	TAILQ_INSERT_TAIL(&c->tcp->conns, c, link);
}

static size_t unsent(const struct conn *c)
{
	return evbuffer_get_length(bufferevent_get_output(c->stream));
}

/* Something is being done for the client, or on its way to it. */
static bool is_busy(const struct conn *c)
{
	return c->pending || c->transfers || unsent(c);
}

/* What is unsent now must be taken within tcp_write_ms, then what is unsent then, and so on. */
static void watch_output(struct conn *c)
{
	size_t left = unsent(c);
	if (!left) {
		wait_end(&c->tcp->writing, &c->write);
	} else if (!c->write.on || c->queued - left >= c->goal) {
		c->goal = c->queued;
		wait_begin(&c->tcp->writing, &c->write);
	}
}

/* The rest of a message that has begun must come within tcp_read_ms. What waits because of must_wait is not the
 * client's fault. */
static bool must_wait(const struct conn *c);
static void watch_input(struct conn *c)
{
	if (must_wait(c) || !evbuffer_get_length(bufferevent_get_input(c->stream)))
		wait_end(&c->tcp->reading, &c->read);
	else if (!c->read.on)
		wait_begin(&c->tcp->reading, &c->read);
}

/* ---- connections of an address ---- */

/* Whether `c` should make room rather than `victim` (or nobody): idle ones before slow readers, those that rest for
 * longer first. */
static bool goes_before(const struct conn *c, const struct conn *victim)
{
	if (c->pending || c->transfers)
		return false;
	if (!victim || is_busy(c) != is_busy(victim))
		return !victim || !is_busy(c);
	return c->used < victim->used;
}

static struct host_chain *host_chain(const struct tcp *t, const struct addr_prefix *host)
{
	uint64_t half[2];
	memcpy(half, host->octets, sizeof half);
	__extension__ unsigned __int128 product =
		(unsigned __int128)(half[0] ^ t->host_key[0]) * (half[1] ^ t->host_key[1]);
	uint64_t hash = (uint64_t)product ^ (uint64_t)(product >> 64);
	return &t->hosts[hash & (t->host_chains - 1)];
}

/* Makes room for one more connection of an address, by closing one of its own if they are too many. False when none
 * can go. */
static bool make_host_room(struct tcp *t, const struct addr *from)
{
	if (!t->host_max)
		return true;
	struct addr_prefix host;
	struct conn *c, *victim = NULL;
	unsigned count = 0;
	addr_network(&host, from, HOST_V4_BITS, HOST_V6_BITS);
	LIST_FOREACH(c, host_chain(t, &host), host_link)
	{
		if (memcmp(&c->host, &host, sizeof host) != 0)
			continue;
		count++;
		if (goes_before(c, victim))
			victim = c;
	}
	if (count >= t->host_max && victim)
		end_conn(victim, STATS_TCP_EVICTED);
	return count < t->host_max || victim;
}

/* Counts the connection as its address's. */
static void join_host(struct conn *c)
{
	addr_network(&c->host, &c->from, HOST_V4_BITS, HOST_V6_BITS);
	LIST_INSERT_HEAD(host_chain(c->tcp, &c->host), c, host_link);
	c->counted = true;
}

/* Whose connection a proxy's is, its header tells. */
static bool is_proxy(const struct tcp *t, const struct addr *from)
{
	const struct config_prefixes *trusted = &t->env->config->proxy_trusted;
	return addr_in_prefixes(from, trusted->list, trusted->count);
}

/* ---- output ---- */

static void send_message(struct conn *c, const uint8_t *wire, size_t len)
{
	struct evbuffer *out = bufferevent_get_output(c->stream);
	uint8_t length[LENGTH];
	buf_store_u16(length, (uint16_t)len);
	if (evbuffer_add(out, length, sizeof length) < 0 || evbuffer_add(out, wire, len) < 0)
		close_conn(c); /* half a message must not go out */
	else
		c->queued += LENGTH + len;
}

/* One message of the transfer whose turn it is, made in place in the output buffer. False: the connection is closed. */
static bool send_transfer_message(struct conn *c)
{
	struct transfer *t = c->transfer[0];
	struct evbuffer *out = bufferevent_get_output(c->stream);
	struct evbuffer_iovec room;
	size_t len;
	bool last;
	if (evbuffer_reserve_space(out, LENGTH + MESSAGE_MAX, &room, 1) != 1)
		goto broken;
	uint8_t *p = room.iov_base;
	if (transfer_next(t, &c->tcp->env->writer, p + LENGTH, &len, &last))
		goto broken;
	buf_store_u16(p, (uint16_t)len);
	stats_add(c->tcp->env->stats, STATS_TRANSFER_OCTETS, len);
	room.iov_len = LENGTH + len;
	if (evbuffer_commit_space(out, &room, 1) < 0)
		goto broken;
	c->queued += LENGTH + len;
	for (unsigned i = 1; i < c->transfers; i++)
		c->transfer[i - 1] = c->transfer[i];
	if (last) {
		transfer_count(t, c->tcp->env->stats, true);
		transfer_free(t);
		c->transfers--;
	} else {
		c->transfer[c->transfers - 1] = t;
	}
	return true;

broken:
	close_conn(c);
	return false;
}

static void pump_transfers(struct conn *c)
{
	while (c->stream && c->transfers && unsent(c) < OUTPUT_HIGH) {
		if (!send_transfer_message(c))
			return;
		touch(c);
		grace_quiescent();
	}
}

/* ---- requests ---- */

/* An UPDATE's answer, after its commit. */
static void serve(struct conn *c);
static void close_if_done(struct conn *c);
static void send_late(struct ddns *d, const uint8_t *wire, size_t len)
{
	struct conn *c = d->send_arg;
	c->pending--;
	if (c->stream && len) {
		touch(c);
		send_message(c, wire, len);
	}
	/* What waited because PENDING_MAX was reached. */
	grace_online();
	if (c->stream)
		serve(c);
	grace_offline();
	if (c->stream)
		watch_output(c);
	close_if_done(c);
	unref(c);
}

/* When the writer's queue is full: SERVFAIL, as a TCP client does not ask again by itself. */
static void submit(struct conn *c, struct ddns *d)
{
	d->send = send_late;
	d->send_arg = c;
	if (ddns_submit(d, c->tcp->writer) == ERR_OK) {
		c->pending++;
		c->refs++;
		return;
	}
	uint8_t out[DDNS_ANSWER_MAX];
	size_t len = ddns_answer(d, RCODE_SERVFAIL, out);
	stats_late(c->tcp->env->stats, RCODE_SERVFAIL);
	if (len)
		send_message(c, out, len);
	ddns_free(d);
}

static void handle(struct conn *c, const uint8_t *wire, size_t len)
{
	struct request *r = &c->tcp->request;
	r->wire = wire;
	r->len = len;
	r->from = &c->from;
	r->udp = false;
	r->ahead = NULL;
	r->out = c->tcp->answer;
	switch (request_handle(c->tcp->env, r)) {
	case REQUEST_DROP:
		break;
	case REQUEST_ANSWER:
		send_message(c, r->out, r->out_len);
		stats_took(c->tcp->env->stats, STATS_QUERY_TIME, clock_monotonic_ns() - c->used, 1);
		break;
	case REQUEST_UPDATE:
		submit(c, r->ddns);
		break;
	case REQUEST_TRANSFER:
		c->transfer[c->transfers++] = r->transfer;
		break;
	}
}

static bool must_wait(const struct conn *c)
{
	return c->tcp->stopping || c->pending >= PENDING_MAX || c->transfers >= TRANSFERS_MAX ||
	       unsent(c) >= OUTPUT_HIGH;
}

/* The next whole message in the input, NULL when there is none yet. Closes on a length that no DNS message can have. */
static const uint8_t *next_message(struct conn *c, struct evbuffer *in, size_t *len)
{
	uint8_t length[LENGTH];
	if (evbuffer_copyout(in, length, sizeof length) < (ev_ssize_t)sizeof length)
		return NULL;
	*len = buf_load_u16(length);
	if (*len < MESSAGE_HEADER_LEN) {
		close_conn(c);
		return NULL;
	}
	if (evbuffer_get_length(in) < LENGTH + *len)
		return NULL;
	const uint8_t *p = evbuffer_pullup(in, (ev_ssize_t)(LENGTH + *len));
	return p ? p + LENGTH : NULL;
}

/* Looks for a trusted proxy's header, and learns from it who the client is. False: not all of it is there yet, or the
 * connection is closed. */
static bool take_proxy_header(struct conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->stream);
	size_t len = evbuffer_get_length(in), header = 0;
	if (len > PROXY_HEADER_MAX)
		len = PROXY_HEADER_MAX;
	const uint8_t *data = len ? evbuffer_pullup(in, (ev_ssize_t)len) : NULL;
	switch (data ? proxy_parse(data, len, &header, &c->from) : PROXY_MORE) {
	case PROXY_MORE:
		return false;
	case PROXY_BAD:
		stats_count(c->tcp->env->stats, STATS_DROP_NO_REQUEST);
		close_conn(c);
		return false;
	default:
		break;
	}
	evbuffer_drain(in, header);
	c->from_proxy = false;
	if (!make_host_room(c->tcp, &c->from)) {
		end_conn(c, STATS_TCP_TURNED_AWAY);
		return false;
	}
	join_host(c);
	return true;
}

/* Takes requests from the input while they may be served. INPUT_MAX bounds how long that holds up the other
 * connections. */
static void take_requests(struct conn *c)
{
	struct evbuffer *in = bufferevent_get_input(c->stream);
	size_t len;
	const uint8_t *wire;
	while (!must_wait(c) && (wire = next_message(c, in, &len))) {
		touch(c);
		wait_end(&c->tcp->reading, &c->read);
		handle(c, wire, len);
		if (!c->stream)
			return;
		evbuffer_drain(in, LENGTH + len);
		pump_transfers(c);
		grace_quiescent();
		if (!c->stream)
			return;
	}
}

static void serve(struct conn *c)
{
	if (!c->from_proxy || take_proxy_header(c))
		take_requests(c);
	if (c->stream)
		watch_input(c);
}

static void close_if_done(struct conn *c)
{
	if (!c->stream || is_busy(c))
		return;
	if (!c->eof && !c->tcp->stopping)
		return;
	/* Whole requests may still wait in the input of a client that has shut its side. */
	size_t len;
	if (c->tcp->stopping || !next_message(c, bufferevent_get_input(c->stream), &len))
		close_conn(c);
}

/* ---- events ---- */

static void go_on(struct conn *c)
{
	c->refs++;
	grace_online();
	pump_transfers(c);
	if (c->stream)
		serve(c);
	grace_offline();
	if (c->stream)
		watch_output(c);
	close_if_done(c);
	unref(c);
}

static void on_read(struct bufferevent *stream, void *arg)
{
	(void)stream;
	go_on(arg);
}

static void on_written(struct bufferevent *stream, void *arg)
{
	(void)stream;
	struct conn *c = arg;
	touch(c);
	go_on(c);
}

static void on_event(struct bufferevent *stream, short what, void *arg)
{
	(void)stream;
	struct conn *c = arg;
	if (!(what & BEV_EVENT_EOF)) {
		close_conn(c);
		return;
	}
	c->eof = true;
	go_on(c);
}

/* ---- accepting ---- */

/* Who makes room when all places are taken: the one that has been idle for longest; if none is idle, the one that has
 * been slowest to take its answers, or a few that take an octet now and then could keep everybody else out. NULL when
 * all wait for us: UPDATEs and transfers, which strangers have no right to. */
static struct conn *dispensable(struct tcp *t)
{
	struct conn *c, *slowest = NULL;
	TAILQ_FOREACH(c, &t->conns, link)
	{
		if (!is_busy(c))
			return c;
		if (!slowest && !c->pending && !c->transfers)
			slowest = c;
	}
	return slowest;
}

/* Who has too many makes room among his own, before anybody else has to. */
static bool make_room(struct tcp *t, const struct addr *from)
{
	if (!is_proxy(t, from) && !make_host_room(t, from))
		return false;
	struct conn *victim = t->count >= t->max ? dispensable(t) : NULL;
	if (victim)
		end_conn(victim, STATS_TCP_EVICTED);
	return t->count < t->max;
}

/* Takes over fd if it succeeds. */
static enum err open_conn(struct tcp *t, int fd, const struct addr *from)
{
	struct conn *c = calloc(1, sizeof *c);
	if (!c)
		return ERR_NOMEM;
	c->stream = bufferevent_socket_new(t->base, fd, 0);
	if (!c->stream) {
		free(c);
		return ERR_NOMEM;
	}
	c->tcp = t;
	c->from = *from;
	c->read.conn = c->write.conn = c;
	c->refs = 1;
	c->used = clock_monotonic_ns();
	TAILQ_INSERT_TAIL(&t->conns, c, link);
	stats_set(t->env->stats, STATS_TCP_OPEN, ++t->count);
	c->from_proxy = is_proxy(t, from);
	if (!c->from_proxy)
		join_host(c);
	/* Answers are whole when we write them: waiting for more to send together only delays them. */
	int one = 1;
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
	bufferevent_setcb(c->stream, on_read, on_written, on_event, c);
	bufferevent_setwatermark(c->stream, EV_READ, 0, INPUT_MAX);
	bufferevent_setwatermark(c->stream, EV_WRITE, OUTPUT_LOW, 0);
	(void)bufferevent_set_max_single_write(c->stream, SINGLE_WRITE);
	bufferevent_enable(c->stream, EV_READ | EV_WRITE);
	return ERR_OK;
}

static void pause_accepting(struct tcp *t)
{
	for (unsigned i = 0; i < t->acceptors; i++)
		event_del(t->acceptor[i].event);
	t->accept_paused = true;
}

static void resume_accepting(struct tcp *t)
{
	for (unsigned i = 0; i < t->acceptors; i++)
		(void)event_add(t->acceptor[i].event, NULL);
	t->accept_paused = false;
}

static void on_accept(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	struct tcp *t = ((struct acceptor *)arg)->tcp;
	for (unsigned i = 0; i < ACCEPT_MAX; i++) {
		struct addr from = {.len = sizeof from.u};
		int client = accept4(fd, &from.u.sa, &from.len, SOCK_NONBLOCK | SOCK_CLOEXEC);
		if (client < 0 && (errno == EMFILE || errno == ENFILE || errno == ENOBUFS || errno == ENOMEM)) {
			log_warning("no more connections can be accepted (errno %d): raise the limit of open files, or "
				    "lower [tcp] connections",
				    errno);
			pause_accepting(t);
		}
		if (client < 0)
			return;
		stats_count(t->env->stats, STATS_TCP_ACCEPTED);
		if (!make_room(t, &from) || open_conn(t, client, &from)) {
			stats_count(t->env->stats, STATS_TCP_TURNED_AWAY);
			close(client);
		}
	}
}

/* Closes the connections of those who waited too long, first to last. */
static void drop_slow(struct wait_list *list, unsigned limit_ms, uint64_t now)
{
	struct wait *w;
	while ((w = TAILQ_FIRST(list)) && now - w->since >= (uint64_t)limit_ms * NS_PER_MS) {
		struct conn *c = w->conn;
		if (w == &c->write && c->queued - unsent(c) >= c->goal)
			watch_output(c); /* it did take that: for the next part the time begins anew */
		else
			end_conn(c, STATS_TCP_STUCK);
	}
}

static void on_sweep(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct tcp *t = arg;
	uint64_t limit = (uint64_t)t->env->config->tcp_idle_ms * NS_PER_MS;
	uint64_t now = clock_monotonic_ns();
	struct conn *next;
	for (struct conn *c = TAILQ_FIRST(&t->conns); c && now - c->used >= limit; c = next) {
		next = TAILQ_NEXT(c, link);
		/* Half a message, or one octet now and then, is idle too. drop_slow looks after those that have
		 * something to take. */
		if (!is_busy(c))
			end_conn(c, STATS_TCP_IDLE);
	}
	drop_slow(&t->reading, t->env->config->tcp_read_ms, now);
	drop_slow(&t->writing, t->env->config->tcp_write_ms, now);
	if (t->accept_paused && !t->stopping)
		resume_accepting(t);
}

/* ---- life ---- */

enum err tcp_new(struct tcp **out, struct request_env *env, unsigned connections_max)
{
	struct tcp *t = calloc(1, sizeof *t);
	if (!t)
		return ERR_NOMEM;
	t->env = env;
	t->max = connections_max;
	TAILQ_INIT(&t->conns);
	TAILQ_INIT(&t->reading);
	TAILQ_INIT(&t->writing);
	unsigned workers = env->config->workers;
	t->host_max = (env->config->tcp_per_address + workers - 1) / workers;
	for (t->host_chains = HOST_CHAINS_MIN; t->host_chains < connections_max && t->host_chains < HOST_CHAINS_MAX;)
		t->host_chains *= 2;
	t->hosts = calloc(t->host_chains, sizeof *t->hosts);
	if (!t->hosts || getrandom(t->host_key, sizeof t->host_key, 0) != sizeof t->host_key) {
		tcp_free(t);
		return ERR_NOMEM;
	}
	*out = t;
	return ERR_OK;
}

enum err tcp_listen(struct tcp *t, const struct addr *a, struct errmsg *msg)
{
	assert(t->acceptors < CONFIG_LISTEN_MAX);
	struct acceptor *acceptor = &t->acceptor[t->acceptors];
	enum err e = listener_tcp(a, &acceptor->fd, msg);
	if (e)
		return e;
	acceptor->tcp = t;
	t->acceptors++;
	return ERR_OK;
}

enum err tcp_start(struct tcp *t, struct event_base *base, struct writer_thread *writer)
{
	t->base = base;
	t->writer = writer;
	t->sweep = event_new(base, -1, EV_PERSIST, on_sweep, t);
	struct timeval every = {.tv_usec = SWEEP_MS * 1000};
	if (!t->sweep || event_add(t->sweep, &every) < 0)
		return ERR_NOMEM;
	for (unsigned i = 0; i < t->acceptors; i++) {
		struct acceptor *a = &t->acceptor[i];
		a->event = event_new(base, a->fd, EV_READ | EV_PERSIST, on_accept, a);
		if (!a->event || event_add(a->event, NULL) < 0)
			return ERR_NOMEM;
	}
	return ERR_OK;
}

void tcp_stop(struct tcp *t)
{
	t->stopping = true;
	for (unsigned i = 0; i < t->acceptors; i++) {
		if (t->acceptor[i].event)
			event_free(t->acceptor[i].event);
		t->acceptor[i].event = NULL;
		close(t->acceptor[i].fd);
	}
	t->acceptors = 0;
	struct conn *next;
	for (struct conn *c = TAILQ_FIRST(&t->conns); c; c = next) {
		next = TAILQ_NEXT(c, link);
		if (c->transfers)
			close_conn(c); /* a big zone would hold up the end; the secondary asks again */
		else
			close_if_done(c);
	}
}

bool tcp_finished(const struct tcp *t)
{
	return t->count == 0;
}

void tcp_free(struct tcp *t)
{
	if (!t)
		return;
	if (t->sweep)
		event_free(t->sweep);
	while (!TAILQ_EMPTY(&t->conns))
		close_conn(TAILQ_FIRST(&t->conns));
	for (unsigned i = 0; i < t->acceptors; i++) {
		if (t->acceptor[i].event)
			event_free(t->acceptor[i].event);
		close(t->acceptor[i].fd);
	}
	free(t->hosts);
	free(t);
}
