/* roostctl_client.c: how a change is made: through the server's control socket, or by the same code here when no
 * server runs. */
#include <errno.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/clock.h"
#include "server/control_wire.h"
#include "tools/roostctl.h"
#include "zones/admin/admin.h"
#include "zones/memory/grace.h"

enum {
	OVERTAKEN_TRIES = 5,   /* somebody else changed the zone meanwhile */
	LOCKED_WAIT_MS = 3000, /* a server that starts or stops has the lock but no socket */
	LOCKED_POLL_MS = 50,
	ANSWER_WAIT_MS = 10 * 60000, /* the import of a very large zone takes a minute */
	NS_PER_MS = 1000000
};

/* ---- through the server ---- */

static enum err send_frame(int s, const uint8_t *frame, size_t len, int file)
{
	union {
		struct cmsghdr header;
		char room[CMSG_SPACE(sizeof(int))];
	} control = {.room = {0}};
	size_t sent = 0;
	while (sent < len) {
		struct iovec iov = {.iov_base = (void *)(uintptr_t)(frame + sent), .iov_len = len - sent};
		struct msghdr msg = {.msg_iov = &iov, .msg_iovlen = 1};
		if (file >= 0 && sent == 0) {
			msg.msg_control = control.room;
			msg.msg_controllen = sizeof(control.room);
			struct cmsghdr *h = CMSG_FIRSTHDR(&msg);
			h->cmsg_level = SOL_SOCKET;
			h->cmsg_type = SCM_RIGHTS;
			h->cmsg_len = CMSG_LEN(sizeof(int));
			memcpy(CMSG_DATA(h), &file, sizeof(int));
		}
		ssize_t n = sendmsg(s, &msg, MSG_NOSIGNAL);
		if (n < 0 && errno != EINTR)
			return ERR_IO;
		if (n > 0)
			sent += (size_t)n;
	}
	return ERR_OK;
}

static enum err receive(int s, uint8_t *into, size_t len)
{
	size_t got = 0;
	while (got < len) {
		struct pollfd p = {.fd = s, .events = POLLIN};
		int ready = poll(&p, 1, ANSWER_WAIT_MS);
		if (ready == 0)
			return ERR_BUSY;
		ssize_t n = ready < 0 ? -1 : recv(s, into + got, len - got, 0);
		if (n == 0 || (n < 0 && errno != EINTR))
			return ERR_IO;
		if (n > 0)
			got += (size_t)n;
	}
	return ERR_OK;
}

static enum err receive_answer(int s, json_t **answer)
{
	uint8_t head[CONTROL_WIRE_HEAD];
	enum err err = receive(s, head, sizeof(head));
	if (err)
		return err;
	size_t len = control_wire_length(head);
	uint8_t *text = len ? malloc(len) : NULL;
	if (!text)
		return len ? ERR_NOMEM : ERR_FORMAT;
	err = receive(s, text, len);
	*answer = err ? NULL : control_wire_decode(text, len);
	free(text);
	return err ? err : *answer ? ERR_OK : ERR_FORMAT;
}

/* ERR_NOTFOUND: nobody listens there. */
static enum err connect_server(struct roostctl *ctl, int *out)
{
	struct sockaddr_un address;
	enum err err = control_wire_address(&address, ctl->database, &ctl->msg);
	if (err)
		return err;
	int s = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0);
	if (s >= 0 && connect(s, (struct sockaddr *)&address, sizeof(address)) == 0) {
		*out = s;
		return ERR_OK;
	}
	int error = errno;
	if (s >= 0)
		close(s);
	if (error == ENOENT || error == ECONNREFUSED || error == ENOTDIR)
		return ERR_NOTFOUND;
	return errmsg_set(&ctl->msg, ERR_IO, "control socket %s: %s%s", address.sun_path, strerror(error),
			  error == EACCES ? "; be root or the server's user" : "");
}

static enum err converse(struct roostctl *ctl, int s, const json_t *request, int file, json_t **answer)
{
	uint8_t *frame;
	size_t len;
	enum err err = control_wire_encode(request, &frame, &len);
	if (err)
		return errmsg_set(&ctl->msg, err, "the request is too large: %s", err_text(err));
	err = send_frame(s, frame, len, file);
	explicit_bzero(frame, len); /* a key's secret may be in it */
	free(frame);
	if (!err)
		err = receive_answer(s, answer);
	if (err)
		errmsg_set(&ctl->msg, err == ERR_NOTFOUND ? ERR_IO : err,
			   "the server on %s did not answer (%s); its log may say why, roostctl log ZONE whether the "
			   "change was made",
			   ctl->database, err_text(err));
	return err;
}

/* Keeps the request. */
static enum err try_server(struct roostctl *ctl, const json_t *request, int file, json_t **answer)
{
	int s = -1;
	enum err err = connect_server(ctl, &s);
	if (err)
		return err;
	err = converse(ctl, s, request, file, answer);
	close(s);
	return err;
}

enum err roostctl_ask_server(struct roostctl *ctl, json_t *request, int file, json_t **answer)
{
	if (!request)
		return errmsg_set(&ctl->msg, ERR_NOMEM, "no memory for the request");
	enum err err = try_server(ctl, request, file, answer);
	json_decref(request);
	return err;
}

/* ---- here ---- */

struct local {
	struct zonestore *store;
	struct directory *directory;
	struct commit *commit;
	bool done;
};

static void on_done(struct job *job)
{
	bool *done = job->done_arg;
	*done = true;
}

static enum err open_local(struct local *l, struct roostctl *ctl, bool create)
{
	enum err err = zonestore_open(&l->store, ctl->database, create ? SQLSTORE_CREATE : SQLSTORE_WRITE, &ctl->msg);
	if (err)
		return err;
	err = directory_new(&l->directory);
	if (!err)
		err = commit_new(&l->commit, l->store, l->directory, true, NULL);
	return err ? errmsg_set(&ctl->msg, err, "no memory") : ERR_OK;
}

static void close_local(struct local *l)
{
	commit_free(l->commit);
	grace_barrier(); /* a zone that was replaced lets go of its parts only now */
	if (l->directory)
		directory_free(l->directory);
	grace_barrier();
	if (l->store)
		zonestore_close(l->store);
}

/* ERR_BUSY: somebody else has the database. Whatever else happens is in the answer or, with an error, in ctl->msg.
 * Keeps the request. */
static enum err run_here(struct roostctl *ctl, json_t *request, int file, bool create, json_t **answer)
{
	struct local l = {.store = NULL};
	struct admin_request *admin;
	struct job *job;
	enum err err = open_local(&l, ctl, create);
	if (!err && !admin_prepare(&admin, &job, request, file, (unsigned)geteuid(), "local", l.store, answer)) {
		job->done = on_done;
		job->done_arg = &l.done;
		commit_run(l.commit, job);
		*answer = admin_finish(admin, job);
	}
	close_local(&l);
	if (!err && !*answer)
		err = errmsg_set(&ctl->msg, ERR_NOMEM, "no memory for the answer");
	return err;
}

/* ---- either ---- */

static void sleep_ms(int ms)
{
	poll(NULL, 0, ms);
}

/* A server that comes or goes just now is waited for. */
static enum err ask_once(struct roostctl *ctl, json_t *request, int file, bool create, json_t **answer)
{
	uint64_t until = clock_monotonic_ns() + (uint64_t)LOCKED_WAIT_MS * NS_PER_MS;
	for (;;) {
		enum err err = try_server(ctl, request, file, answer);
		if (err != ERR_NOTFOUND)
			return err;
		err = run_here(ctl, request, file, create, answer);
		if (err != ERR_BUSY)
			return err;
		if (clock_monotonic_ns() > until)
			return errmsg_set(&ctl->msg, err,
					  "database %s: another program holds its lock, but %s.sock does not answer; "
					  "wait for it or stop it",
					  ctl->database, ctl->database);
		sleep_ms(LOCKED_POLL_MS);
	}
}

static bool is_overtaken(const json_t *answer)
{
	return !json_is_true(json_object_get(answer, "ok")) && json_is_true(json_object_get(answer, "retry"));
}

static enum err ask(struct roostctl *ctl, json_t *request, int file, bool create, json_t **answer)
{
	enum err err = ask_once(ctl, request, file, create, answer);
	for (int i = 1; i < OVERTAKEN_TRIES && !err && is_overtaken(*answer); i++) {
		json_decref(*answer);
		*answer = NULL;
		err = ask_once(ctl, request, file, create, answer);
	}
	return err;
}

int roostctl_ask(struct roostctl *ctl, json_t *request, int file, bool create, json_t **answer)
{
	json_t *given = NULL;
	if (!request)
		return roostctl_fail(ctl,
				     "an argument is not UTF-8 text; write other octets of names and data as \\DDD");
	enum err err = ask(ctl, request, file, create, &given);
	json_decref(request);
	if (err)
		return ROOSTCTL_FAILED;
	if (!json_is_true(json_object_get(given, "ok"))) {
		const char *error = json_string_value(json_object_get(given, "error"));
		roostctl_fail(ctl, "%s", error ? error : "refused, without a reason");
		json_decref(given);
		return ROOSTCTL_FAILED;
	}
	if (answer)
		*answer = given;
	else
		json_decref(given);
	return ROOSTCTL_DONE;
}
