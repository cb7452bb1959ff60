/* link.c: see link.h. */
#include "server/peer/link.h"

#include <errno.h>
#include <event2/buffer.h>
#include <event2/bufferevent.h>
#include <event2/event.h>
#include <netinet/tcp.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"
#include "lib/message.h"

enum { LENGTH_LEN = 2 /* octets before a message */ };

struct link {
	struct bufferevent *bev;
	struct addr address;
	struct link_user user;
	bool *freed; /* while a callback runs: tells it */
};

/* False: the link is gone. */
static bool give_message(struct link *l, struct evbuffer *in, size_t len)
{
	bool freed = false;
	uint8_t *frame = evbuffer_pullup(in, (ev_ssize_t)(LENGTH_LEN + len));
	if (!frame) {
		l->user.failed(l->user.arg, "no memory for a message");
		return false;
	}
	l->freed = &freed;
	l->user.message(l->user.arg, frame + LENGTH_LEN, len);
	if (freed)
		return false;
	l->freed = NULL;
	evbuffer_drain(in, LENGTH_LEN + len);
	return true;
}

static void on_read(struct bufferevent *bev, void *arg)
{
	struct link *l = arg;
	struct evbuffer *in = bufferevent_get_input(bev);
	uint8_t head[LENGTH_LEN];
	while (evbuffer_copyout(in, head, LENGTH_LEN) == LENGTH_LEN) {
		size_t len = buf_load_u16(head);
		if (evbuffer_get_length(in) < LENGTH_LEN + len)
			return;
		if (!give_message(l, in, len))
			return;
	}
}

static void on_event(struct bufferevent *bev, short what, void *arg)
{
	struct link *l = arg;
	(void)bev;
	if (what & BEV_EVENT_CONNECTED)
		return;
	if (what & BEV_EVENT_TIMEOUT)
		l->user.failed(l->user.arg, "no answer, or it stopped in the middle");
	else if (what & BEV_EVENT_ERROR)
		l->user.failed(l->user.arg, strerror(EVUTIL_SOCKET_ERROR()));
	else
		l->user.failed(l->user.arg, "the connection was closed");
}

enum err link_new(struct link **out, struct event_base *base, const struct addr *to, unsigned timeout_ms,
		  const struct link_user *user)
{
	const struct timeval timeout = {.tv_sec = timeout_ms / 1000, .tv_usec = timeout_ms % 1000 * 1000};
	const int on = 1;
	struct link *l = calloc(1, sizeof *l);
	*out = NULL;
	if (!l)
		return ERR_NOMEM;
	l->address = *to;
	l->user = *user;
	int fd = socket(to->u.sa.sa_family, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (fd >= 0) {
		(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
		l->bev = bufferevent_socket_new(base, fd, BEV_OPT_CLOSE_ON_FREE | BEV_OPT_DEFER_CALLBACKS);
		if (!l->bev)
			evutil_closesocket(fd);
	}
	if (!l->bev) {
		free(l);
		return ERR_IO;
	}
	bufferevent_setcb(l->bev, on_read, NULL, on_event, l);
	bufferevent_setwatermark(l->bev, EV_READ, LENGTH_LEN, LENGTH_LEN + MESSAGE_MAX);
	bufferevent_set_timeouts(l->bev, &timeout, &timeout);
	/* Callbacks are deferred: a connection that is refused at once is told of later, from the loop. */
	if (bufferevent_socket_connect(l->bev, &to->u.sa, (int)to->len) < 0 ||
	    bufferevent_enable(l->bev, EV_READ | EV_WRITE) < 0) {
		link_free(l);
		return ERR_IO;
	}
	*out = l;
	return ERR_OK;
}

void link_free(struct link *l)
{
	if (!l)
		return;
	if (l->freed)
		*l->freed = true;
	bufferevent_free(l->bev);
	free(l);
}

enum err link_send(struct link *l, const uint8_t *wire, size_t len)
{
	uint8_t head[LENGTH_LEN];
	struct evbuffer *out = bufferevent_get_output(l->bev);
	buf_store_u16(head, (uint16_t)len);
	return evbuffer_add(out, head, LENGTH_LEN) || evbuffer_add(out, wire, len) ? ERR_NOMEM : ERR_OK;
}

const struct addr *link_address(const struct link *l)
{
	return &l->address;
}
