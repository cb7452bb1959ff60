/* udp.c: see udp.h. */
#include "server/net/udp.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "server/dns/dedup.h"
#include "server/net/listener.h"
#include "server/net/proxy.h"
#include "zones/memory/grace.h"

enum {
	BATCH = 64,       /* datagrams a system call */
	BATCHES_MAX = 16, /* before TCP and the mailbox get their turn */
	DATAGRAM_MAX =
		4096, /* octets: more than that arrives only as fragments. What is longer is cut off here, and so gets FORMERR. */
	DATAGRAM_STRIDE = DATAGRAM_MAX + 64, /* not a power of two: or all first lines would share a few cache sets */
	ANSWER_ALIGN = 64,                   /* each answer starts on a cache line of its own */
	CONTROL_MAX = CMSG_SPACE(sizeof(struct in6_pktinfo)) /* octets; the larger of the two */
};

/* One address that we answer at. */
struct udp_socket {
	struct udp *udp;
	struct event *event;
	int fd;
	bool wildcard; /* datagrams come with IP_PKTINFO */
};

struct control {
	_Alignas(struct cmsghdr) uint8_t octets[CONTROL_MAX];
};

struct udp {
	struct request_env *env;
	struct writer_thread *writer;
	struct dedup *dedup;
	struct ahead *ahead;
	struct udp_socket socket[CONFIG_LISTEN_MAX];
	unsigned sockets;

	struct request request;
	struct mmsghdr in[BATCH], out[BATCH];
	struct iovec in_piece[BATCH], out_piece[BATCH];
	struct addr from[BATCH];
	struct addr client; /* of the request, when a proxy told it */
	struct control control[BATCH];
	uint8_t *arena; /* answers of a batch, one behind the other */
	size_t arena_size, arena_used;
	uint8_t datagram[BATCH][DATAGRAM_STRIDE];
};

/* Where an UPDATE's answer goes, kept until its commit. */
struct late {
	struct udp_socket *socket;
	struct dedup_key key;
	struct addr to;
	struct control control;
	size_t control_len;
};

static_assert(DATAGRAM_STRIDE % 64 == 0, "datagrams start on cache lines");

/* ---- life ---- */

enum err udp_new(struct udp **out, struct request_env *env)
{
	struct udp *u = calloc(1, sizeof *u);
	if (!u)
		return ERR_NOMEM;
	size_t answer = env->config->udp_size + (size_t)ANSWER_ALIGN;
	u->arena_size = BATCH * answer;
	u->arena = malloc(u->arena_size);
	if (!u->arena || dedup_new(&u->dedup, DEDUP_ENTRIES) || ahead_new(&u->ahead)) {
		udp_free(u);
		return ERR_NOMEM;
	}
	u->env = env;
	for (unsigned i = 0; i < BATCH; i++) {
		u->in_piece[i] = (struct iovec){.iov_base = u->datagram[i], .iov_len = DATAGRAM_MAX};
		u->in[i].msg_hdr = (struct msghdr){.msg_name = &u->from[i].u,
						   .msg_iov = &u->in_piece[i],
						   .msg_iovlen = 1,
						   .msg_control = &u->control[i]};
		u->out[i].msg_hdr = (struct msghdr){.msg_iov = &u->out_piece[i], .msg_iovlen = 1};
	}
	*out = u;
	return ERR_OK;
}

void udp_free(struct udp *u)
{
	if (!u)
		return;
	udp_stop(u);
	for (unsigned i = 0; i < u->sockets; i++)
		close(u->socket[i].fd);
	dedup_free(u->dedup);
	ahead_free(u->ahead);
	free(u->arena);
	free(u);
}

enum err udp_listen(struct udp *u, const struct addr *a, struct errmsg *msg)
{
	assert(u->sockets < CONFIG_LISTEN_MAX);
	struct udp_socket *s = &u->socket[u->sockets];
	enum err e = listener_udp(a, u->env->config->udp_size, &s->fd, msg);
	if (e)
		return e;
	s->udp = u;
	s->event = NULL;
	s->wildcard = listener_is_wildcard(a);
	u->sockets++;
	return ERR_OK;
}

/* ---- source addresses ---- */

/* Turns the control data that told where a datagram was sent to into that which sends its answer from there. The
 * interface is left to the routing, except for link-local addresses, which mean nothing without one. */
static void answer_from_there(struct msghdr *h)
{
	for (struct cmsghdr *c = CMSG_FIRSTHDR(h); c; c = CMSG_NXTHDR(h, c)) {
		if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO) {
			struct in_pktinfo *p = (struct in_pktinfo *)(void *)CMSG_DATA(c);
			p->ipi_ifindex = 0; /* ipi_spec_dst already is the local address */
		}
		if (c->cmsg_level == IPPROTO_IPV6 && c->cmsg_type == IPV6_PKTINFO) {
			struct in6_pktinfo *p = (struct in6_pktinfo *)(void *)CMSG_DATA(c);
			if (!IN6_IS_ADDR_LINKLOCAL(&p->ipi6_addr))
				p->ipi6_ifindex = 0;
		}
	}
}

/* ---- UPDATE ---- */

/* The answer to an UPDATE, after its commit. */
static void send_late(struct ddns *d, const uint8_t *wire, size_t len)
{
	struct late *l = d->send_arg;
	struct dedup *dedup = l->socket->udp->dedup;
	if (len == 0) {
		dedup_forget(dedup, &l->key);
		free(l);
		return;
	}
	dedup_finish(dedup, &l->key, wire, len, clock_monotonic_ns());
	struct iovec piece = {.iov_base = (void *)(uintptr_t)wire, .iov_len = len};
	struct msghdr h = {.msg_name = &l->to.u,
			   .msg_namelen = l->to.len,
			   .msg_iov = &piece,
			   .msg_iovlen = 1,
			   .msg_control = l->control_len ? &l->control : NULL,
			   .msg_controllen = l->control_len};
	/* Lost like any datagram can be: the client asks again and gets it from the table. */
	if (sendmsg(l->socket->fd, &h, MSG_DONTWAIT) < 0) {
		stats_count(d->stats, STATS_DROP_UNSENT);
		log_debug("an UPDATE's answer could not be sent (errno %d)", errno);
	}
	free(l);
}

/* Hands the UPDATE of datagram i to the writer. When its queue is full, silence: the client tries again in a few
 * seconds, and by then the queue is shorter, while SERVFAIL would make it give up. */
static void submit(struct udp_socket *s, unsigned i, const struct dedup_key *key)
{
	struct udp *u = s->udp;
	struct ddns *d = u->request.ddns;
	struct late *l = malloc(sizeof *l);
	if (!l)
		goto drop;
	const struct msghdr *h = &u->in[i].msg_hdr;
	*l = (struct late){.socket = s, .key = *key, .to = u->from[i], .control_len = h->msg_controllen};
	if (h->msg_controllen)
		l->control = u->control[i];
	d->send = send_late;
	d->send_arg = l;
	dedup_begin(u->dedup, key);
	if (ddns_submit(d, u->writer) == ERR_OK)
		return;
	stats_count(u->env->stats, STATS_DROP_BUSY);
	dedup_forget(u->dedup, key);
	free(l);

drop:
	ddns_free(d);
}

/* ---- batches ---- */

static bool is_update(const uint8_t *wire, size_t len)
{
	return len >= MESSAGE_HEADER_LEN &&
	       (buf_load_u16(wire + 2) & (FLAG_QR | FLAG_OPCODE_MASK)) == OPCODE_UPDATE << FLAG_OPCODE_SHIFT;
}

/* Takes a trusted proxy's header off. False: what comes with it is not for us. */
static bool take_proxy_header(struct udp *u, struct request *r)
{
	const struct config_prefixes *trusted = &u->env->config->proxy_trusted;
	size_t header;
	if (!trusted->count || !addr_in_prefixes(r->from, trusted->list, trusted->count))
		return true;
	switch (proxy_parse(r->wire, r->len, &header, &u->client)) {
	case PROXY_NONE:
		return true;
	case PROXY_CLIENT:
		r->from = &u->client;
		break;
	case PROXY_LOCAL:
		break;
	default:
		stats_count(u->env->stats, STATS_DROP_NO_REQUEST);
		return false;
	}
	r->wire += header;
	r->len -= header;
	if (header)
		r->ahead = NULL;
	return true;
}

/* Makes the answer to datagram i at out (room for the longest); its length, or 0 for none (yet). */
static size_t handle(struct udp_socket *s, unsigned i, uint8_t *out)
{
	struct udp *u = s->udp;
	struct request *r = &u->request;
	r->wire = u->datagram[i];
	r->len = u->in[i].msg_len;
	r->from = &u->from[i];
	r->udp = true;
	r->out = out;
	r->ahead = ahead_get(u->ahead, i % AHEAD_GROUP);
	if (!take_proxy_header(u, r))
		return 0;
	struct dedup_key key;
	if (is_update(r->wire, r->len)) {
		const uint8_t *before;
		size_t len;
		dedup_key_set(u->dedup, &key, r->from, r->wire, r->len);
		enum dedup_state state = dedup_find(u->dedup, &key, clock_monotonic_ns(), &before, &len);
		if (state == DEDUP_DONE)
			memcpy(out, before, len);
		if (state != DEDUP_NEW) {
			stats_count(u->env->stats, STATS_UPDATE_RESENT);
			return state == DEDUP_DONE ? len : 0;
		}
	}
	switch (request_handle(u->env, r)) {
	case REQUEST_ANSWER:
		return r->out_len;
	case REQUEST_UPDATE:
		submit(s, i, &key);
		return 0;
	default:
		return 0;
	}
}

static void send_batch(struct udp_socket *s, unsigned count)
{
	unsigned sent = 0;
	while (sent < count) {
		int n = sendmmsg(s->fd, s->udp->out + sent, count - sent, MSG_DONTWAIT);
		if (n > 0) {
			sent += (unsigned)n;
			continue;
		}
		if (errno == EINTR)
			continue;
		/* The device does not keep up: what cannot leave is lost, as in any network. Or this one cannot go
		 * (no route, a firewall's EPERM): the others can. */
		unsigned lost = errno == EAGAIN ? count - sent : 1;
		stats_add(s->udp->env->stats, STATS_DROP_UNSENT, lost);
		sent += lost;
	}
}

/* Looks up what the next group of questions asks for. */
static void look_ahead(struct udp *u, unsigned from, unsigned count)
{
	const struct request_env *env = u->env;
	unsigned end = count - from < AHEAD_GROUP ? count : from + AHEAD_GROUP;
	ahead_clear(u->ahead);
	for (unsigned i = from; i < end; i++)
		ahead_add(u->ahead, env->directory, env->ratelimit, &u->from[i], u->datagram[i], u->in[i].msg_len);
	ahead_run(u->ahead, env->directory);
}

/* Answers the `count` datagrams that stand in u->in. */
static void handle_batch(struct udp_socket *s, unsigned count)
{
	struct udp *u = s->udp;
	unsigned answers = 0;
	u->arena_used = 0;
	u->request.now_ms = clock_coarse_ms();
	for (unsigned i = 0; i < count; i++) {
		if (i % AHEAD_GROUP == 0)
			look_ahead(u, i, count);
		struct msghdr *in = &u->in[i].msg_hdr;
		u->from[i].len = in->msg_namelen;
		/* Port 0 cannot be answered. */
		if (addr_port(&u->from[i]) == 0) {
			stats_count(u->env->stats, STATS_DROP_NO_PORT);
			continue;
		}
		if (s->wildcard)
			answer_from_there(in);
		uint8_t *out = u->arena + u->arena_used;
		size_t len = handle(s, i, out);
		if (len == 0)
			continue;
		u->arena_used += (len + ANSWER_ALIGN - 1) / ANSWER_ALIGN * ANSWER_ALIGN;
		u->out_piece[answers] = (struct iovec){.iov_base = out, .iov_len = len};
		struct msghdr *h = &u->out[answers].msg_hdr;
		h->msg_name = in->msg_name;
		h->msg_namelen = in->msg_namelen;
		h->msg_control = in->msg_control;
		h->msg_controllen = in->msg_controllen;
		answers++;
	}
	send_batch(s, answers);
}

static int receive_batch(struct udp_socket *s)
{
	struct udp *u = s->udp;
	for (unsigned i = 0; i < BATCH; i++) {
		struct msghdr *h = &u->in[i].msg_hdr;
		h->msg_namelen = sizeof u->from[i].u;
		h->msg_controllen = s->wildcard ? CONTROL_MAX : 0;
	}
	return recvmmsg(s->fd, u->in, BATCH, MSG_DONTWAIT, NULL);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct udp_socket *s = arg;
	(void)fd;
	(void)what;
	grace_online();
	uint64_t began = clock_monotonic_ns();
	for (unsigned i = 0; i < BATCHES_MAX; i++) {
		int n = receive_batch(s);
		if (n > 0) {
			handle_batch(s, (unsigned)n);
			uint64_t now = clock_monotonic_ns();
			stats_took(s->udp->env->stats, STATS_QUERY_TIME, now - began, (unsigned)n);
			began = now;
		}
		grace_quiescent();
		/* A short batch emptied the socket. An error is one of the network about an earlier answer
		 * (ECONNREFUSED), or EAGAIN. */
		if (n < BATCH)
			break;
	}
	grace_offline();
}

enum err udp_start(struct udp *u, struct event_base *base, struct writer_thread *writer)
{
	u->writer = writer;
	for (unsigned i = 0; i < u->sockets; i++) {
		struct udp_socket *s = &u->socket[i];
		s->event = event_new(base, s->fd, EV_READ | EV_PERSIST, on_readable, s);
		if (!s->event || event_add(s->event, NULL) < 0)
			return ERR_NOMEM;
	}
	return ERR_OK;
}

void udp_stop(struct udp *u)
{
	for (unsigned i = 0; i < u->sockets; i++) {
		if (u->socket[i].event)
			event_free(u->socket[i].event);
		u->socket[i].event = NULL;
	}
}
