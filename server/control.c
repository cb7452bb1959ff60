/* control.c: the control socket: connections here, requests in control_task.c. See control.h. */
#include "server/control.h"

#include <errno.h>
#include <event2/event.h>
#include <signal.h>
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/log.h"
#include "server/control_task.h"
#include "server/control_wire.h"

enum {
	CONNECTIONS_MAX = 16, /* administrators at once; more wait in the backlog */
	BACKLOG = 64,
	RETRY_MS = 100,    /* until accept is tried again that failed: out of descriptors, say */
	PATIENCE_S = 30,   /* for a whole frame to come in or go out, and between frames */
	BODY_FIRST = 4096, /* octets; the usual request. More is allocated as it comes, not as it is announced */
	PASSED_MAX = 4     /* descriptors looked at in one message; all but the first are closed */
};

struct conn {
	struct control *control;
	struct conn *next, **link;
	int fd;
	unsigned uid;
	struct event *readable, *writable, *timer;

	uint8_t head[CONTROL_WIRE_HEAD];
	size_t head_got;
	uint8_t *body;
	size_t body_len, body_got, body_cap;
	int passed; /* descriptor that came with the frame, -1 */

	uint8_t *out;
	size_t out_len, out_sent;
	struct control_task *task; /* the request under way */
	bool stop_after;           /* it asked the server to stop: when the answer is out */
};

struct control {
	struct server *server;
	struct sockaddr_un address;
	int fd;
	struct event *listener, *retry;
	struct conn *conns;
	unsigned count;
	struct control_tasks *tasks;
};

static void begin_frame(struct conn *c);

/* ---- closing ---- */

static void close_passed(struct conn *c)
{
	if (c->passed >= 0)
		close(c->passed);
	c->passed = -1;
}

static void free_event(struct event *e)
{
	if (e)
		event_free(e);
}

static void close_conn(struct conn *c)
{
	struct control *control = c->control;
	if (c->task)
		control_task_forget(c->task);
	*c->link = c->next;
	if (c->next)
		c->next->link = c->link;
	free_event(c->readable);
	free_event(c->writable);
	free_event(c->timer);
	close_passed(c);
	close(c->fd);
	free(c->body);
	free(c->out);
	free(c);
	control->count--;
	event_add(control->listener, NULL); /* there is room again */
}

/* ---- writing ---- */

static void expect(struct conn *c, struct event *what)
{
	const struct timeval patience = {.tv_sec = PATIENCE_S};
	if (event_add(what, NULL) < 0 || event_add(c->timer, &patience) < 0)
		close_conn(c);
}

static void finish_answer(struct conn *c)
{
	free(c->out);
	c->out = NULL;
	event_del(c->timer);
	if (c->stop_after) {
		log_info("stopping: asked by uid %u through the control socket", c->uid);
		kill(getpid(), SIGTERM);
	}
	begin_frame(c);
}

static void on_writable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	(void)what;
	ssize_t n = send(fd, c->out + c->out_sent, c->out_len - c->out_sent, MSG_NOSIGNAL | MSG_DONTWAIT);
	if (n < 0 && errno != EAGAIN && errno != EINTR) {
		close_conn(c);
		return;
	}
	if (n > 0)
		c->out_sent += (size_t)n;
	if (c->out_sent < c->out_len)
		event_add(c->writable, NULL);
	else
		finish_answer(c);
}

/* Takes over the answer's reference. */
static void send_answer(struct conn *c, json_t *answer)
{
	c->out_sent = 0;
	enum err err = answer ? control_wire_encode(answer, &c->out, &c->out_len) : ERR_NOMEM;
	json_decref(answer);
	if (err) {
		log_error("control socket: answer not sent: %s", err_text(err));
		close_conn(c);
		return;
	}
	expect(c, c->writable);
}

static void on_answer(void *arg, json_t *answer)
{
	struct conn *c = arg;
	c->task = NULL;
	send_answer(c, answer);
}

/* ---- reading ---- */

static bool asks_to_stop(const json_t *request)
{
	const char *cmd = json_string_value(json_object_get(request, "cmd"));
	return cmd && strcmp(cmd, "stop") == 0;
}

static void run_request(struct conn *c)
{
	json_t *request = control_wire_decode(c->body, c->body_len);
	free(c->body);
	c->body = NULL;
	if (!request) {
		send_answer(c, json_pack("{s:b, s:s}", "ok", 0, "error",
					 "control socket: the request is not a JSON object"));
		return;
	}
	if (asks_to_stop(request)) {
		json_decref(request);
		c->stop_after = true;
		send_answer(c, json_pack("{s:b, s:I}", "ok", 1, "pid", (json_int_t)getpid()));
		return;
	}
	struct control_asker asker = {.uid = c->uid, .answer = on_answer, .arg = c};
	int file = c->passed;
	c->passed = -1;
	if (control_task_start(&c->task, c->control->tasks, request, file, &asker))
		send_answer(c, json_pack("{s:b, s:s}", "ok", 0, "error",
					 "control socket: the server is short of memory or threads; try again"));
}

/* Keeps the first descriptor that comes with a frame, closes any other. */
static void take_passed(struct conn *c, struct msghdr *msg)
{
	for (struct cmsghdr *h = CMSG_FIRSTHDR(msg); h; h = CMSG_NXTHDR(msg, h)) {
		if (h->cmsg_level != SOL_SOCKET || h->cmsg_type != SCM_RIGHTS)
			continue;
		size_t count = (h->cmsg_len - CMSG_LEN(0)) / sizeof(int);
		for (size_t i = 0; i < count; i++) {
			int fd;
			memcpy(&fd, CMSG_DATA(h) + i * sizeof(int), sizeof(int));
			if (c->passed < 0)
				c->passed = fd;
			else
				close(fd);
		}
	}
}

/* Octets read, 0 when there are none now, -1 at the end or on an error. */
static ssize_t receive(struct conn *c, uint8_t *into, size_t len)
{
	union {
		struct cmsghdr header; /* for its alignment */
		char room[CMSG_SPACE(PASSED_MAX * sizeof(int))];
	} control;
	struct iovec iov = {.iov_base = into, .iov_len = len};
	struct msghdr msg = {
		.msg_iov = &iov, .msg_iovlen = 1, .msg_control = control.room, .msg_controllen = sizeof(control.room)};
	ssize_t n = recvmsg(c->fd, &msg, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
	if (n < 0)
		return errno == EAGAIN || errno == EINTR ? 0 : -1;
	take_passed(c, &msg);
	return n == 0 ? -1 : n;
}

static bool make_room(struct conn *c)
{
	if (c->body_got < c->body_cap)
		return true;
	size_t cap = c->body_cap ? 2 * c->body_cap : BODY_FIRST;
	if (cap > c->body_len)
		cap = c->body_len;
	uint8_t *body = realloc(c->body, cap);
	if (!body)
		return false;
	c->body = body;
	c->body_cap = cap;
	return true;
}

/* The next octets of head or body. False: the connection is over. */
static bool read_some(struct conn *c)
{
	if (c->head_got < CONTROL_WIRE_HEAD) {
		ssize_t n = receive(c, c->head + c->head_got, CONTROL_WIRE_HEAD - c->head_got);
		if (n < 0)
			return false;
		c->head_got += (size_t)n;
		if (c->head_got < CONTROL_WIRE_HEAD)
			return true;
		c->body_len = control_wire_length(c->head);
		return c->body_len > 0;
	}
	if (!make_room(c))
		return false;
	ssize_t n = receive(c, c->body + c->body_got, c->body_cap - c->body_got);
	if (n < 0)
		return false;
	c->body_got += (size_t)n;
	return true;
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct conn *c = arg;
	(void)fd;
	(void)what;
	if (!read_some(c)) {
		close_conn(c);
		return;
	}
	if (c->head_got < CONTROL_WIRE_HEAD || c->body_got < c->body_len) {
		event_add(c->readable, NULL);
		return;
	}
	event_del(c->timer);
	run_request(c);
}

static void on_timeout(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	close_conn(arg);
}

static void begin_frame(struct conn *c)
{
	c->head_got = c->body_got = c->body_len = c->body_cap = 0;
	close_passed(c);
	expect(c, c->readable);
}

/* ---- accepting ---- */

static void open_conn(struct control *control, int fd, unsigned uid)
{
	struct event_base *base = control->server->main_base;
	struct conn *c = calloc(1, sizeof(*c));
	if (!c) {
		close(fd);
		return;
	}
	*c = (struct conn){.control = control,
			   .next = control->conns,
			   .link = &control->conns,
			   .fd = fd,
			   .uid = uid,
			   .passed = -1};
	if (c->next)
		c->next->link = &c->next;
	control->conns = c;
	control->count++;
	c->readable = event_new(base, fd, EV_READ, on_readable, c);
	c->writable = event_new(base, fd, EV_WRITE, on_writable, c);
	c->timer = evtimer_new(base, on_timeout, c);
	if (!c->readable || !c->writable || !c->timer)
		close_conn(c);
	else
		begin_frame(c);
}

static void on_connection(evutil_socket_t listener, short what, void *arg)
{
	struct control *control = arg;
	struct ucred peer;
	socklen_t len = sizeof(peer);
	(void)what;
	int fd = accept4(listener, NULL, NULL, SOCK_NONBLOCK | SOCK_CLOEXEC);
	if (fd < 0) {
		const struct timeval later = {.tv_usec = RETRY_MS * 1000};
		event_add(control->retry, &later);
		return;
	}
	if (getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) < 0 || (peer.uid != 0 && peer.uid != geteuid())) {
		log_warning("control socket: uid %u turned away: only root and the server's own user may administer it",
			    peer.uid);
		close(fd);
	} else {
		open_conn(control, fd, peer.uid);
	}
	if (control->count < CONNECTIONS_MAX)
		event_add(control->listener, NULL);
}

static void on_retry(evutil_socket_t fd, short what, void *arg)
{
	struct control *control = arg;
	(void)fd;
	(void)what;
	event_add(control->listener, NULL);
}

/* ---- start and end ---- */

static enum err remove_left_over(const char *path, struct errmsg *msg)
{
	struct stat st;
	if (lstat(path, &st) < 0)
		return ERR_OK; /* bind says what is wrong, if anything is */
	if (!S_ISSOCK(st.st_mode))
		return errmsg_set(msg, ERR_EXISTS,
				  "%s: is not a socket, but stands where the control socket must be; move it away",
				  path);
	unlink(path);
	return ERR_OK;
}

static enum err listen_at(struct control *c, struct errmsg *msg)
{
	const char *path = c->address.sun_path;
	enum err err = remove_left_over(path, msg);
	if (err)
		return err;
	c->fd = socket(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	/* Linux gives the file the socket's own mode: it is never open to others, not even for a moment. */
	if (c->fd < 0 || fchmod(c->fd, 0600) < 0 ||
	    bind(c->fd, (struct sockaddr *)&c->address, sizeof(c->address)) < 0 || listen(c->fd, BACKLOG) < 0)
		return errmsg_set(msg, ERR_IO, "control socket %s: %s; may the server write to that directory?", path,
				  strerror(errno));
	return ERR_OK;
}

enum err control_start(struct control **out, struct server *server, struct errmsg *msg)
{
	struct control *c = calloc(1, sizeof(*c));
	if (!c)
		return errmsg_set(msg, ERR_NOMEM, "control socket: no memory");
	c->server = server;
	c->fd = -1;
	enum err err = control_wire_address(&c->address, server->config->database, msg);
	if (!err)
		err = listen_at(c, msg);
	if (!err)
		err = control_tasks_new(&c->tasks, server);
	if (err)
		goto fail;
	c->listener = event_new(server->main_base, c->fd, EV_READ, on_connection, c);
	c->retry = evtimer_new(server->main_base, on_retry, c);
	if (!c->listener || !c->retry || event_add(c->listener, NULL) < 0) {
		err = errmsg_set(msg, ERR_NOMEM, "control socket: no memory");
		goto fail;
	}
	*out = c;
	return ERR_OK;

fail:
	free_event(c->listener);
	free_event(c->retry);
	control_tasks_free(c->tasks);
	if (c->fd >= 0)
		close(c->fd);
	free(c);
	return err;
}

void control_free(struct control *c)
{
	if (!c)
		return;
	unlink(c->address.sun_path);
	while (c->conns)
		close_conn(c->conns);
	control_tasks_free(c->tasks);
	event_free(c->listener);
	event_free(c->retry);
	close(c->fd);
	free(c);
}
