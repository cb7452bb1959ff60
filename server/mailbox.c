/* mailbox.c: see mailbox.h. A lock-free stack that the receiver takes whole and turns round: posts of one thread
 * arrive in order. */
#include "server/mailbox.h"

#include <assert.h>
#include <errno.h>
#include <event2/event.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <sys/eventfd.h>
#include <unistd.h>

enum { HELD_MAX = 64 }; /* mailboxes that a holding thread remembers; more are woken at once */

struct mailbox {
	_Atomic(struct mail *) head; /* newest first */
	int fd;                      /* eventfd: readable when head may be non-empty */
	struct event *event;
};

/* Of the thread: the mailboxes that it shall wake later. */
static _Thread_local struct {
	bool holding;
	unsigned count;
	struct mailbox *box[HELD_MAX];
} held;

static void deliver_all(struct mailbox *m)
{
	struct mail *newest = atomic_exchange_explicit(&m->head, NULL, memory_order_acquire);
	struct mail *oldest = NULL;
	while (newest) {
		struct mail *next = newest->next;
		newest->next = oldest;
		oldest = newest;
		newest = next;
	}
	while (oldest) {
		struct mail *next = oldest->next;
		oldest->deliver(oldest);
		oldest = next;
	}
}

static void on_wake(evutil_socket_t fd, short what, void *arg)
{
	(void)what;
	/* The counter first, then the stack: a post in between wakes us once more, which costs nothing but a look. */
	uint64_t count;
	ssize_t n = read(fd, &count, sizeof count);
	(void)n; /* EAGAIN: somebody delivered already */
	deliver_all(arg);
}

enum err mailbox_new(struct mailbox **out, struct event_base *base)
{
	struct mailbox *m = calloc(1, sizeof *m);
	if (!m)
		return ERR_NOMEM;
	m->fd = eventfd(0, EFD_NONBLOCK | EFD_CLOEXEC);
	if (m->fd < 0)
		goto free_box;
	m->event = event_new(base, m->fd, EV_READ | EV_PERSIST, on_wake, m);
	if (!m->event || event_add(m->event, NULL) < 0)
		goto close_fd;
	*out = m;
	return ERR_OK;

close_fd:
	if (m->event)
		event_free(m->event);
	close(m->fd);
free_box:
	free(m);
	return ERR_IO;
}

void mailbox_free(struct mailbox *m)
{
	if (!m)
		return;
	while (atomic_load_explicit(&m->head, memory_order_acquire))
		deliver_all(m);
	event_free(m->event);
	close(m->fd);
	free(m);
}

static void wake(struct mailbox *m)
{
	uint64_t one = 1;
	while (write(m->fd, &one, sizeof one) < 0 && errno == EINTR)
		;
}

/* False when there is no room to remember it. */
static bool hold_back(struct mailbox *m)
{
	for (unsigned i = 0; i < held.count; i++)
		if (held.box[i] == m)
			return true;
	if (held.count == HELD_MAX)
		return false;
	held.box[held.count++] = m;
	return true;
}

void mailbox_post(struct mailbox *m, struct mail *mail)
{
	assert(mail->deliver);
	/* Taken now: once the mail is in the stack, the receiver may be through with it before we look again. */
	struct mail *head = atomic_load_explicit(&m->head, memory_order_relaxed);
	do
		mail->next = head;
	while (!atomic_compare_exchange_weak_explicit(&m->head, &head, mail, memory_order_release,
						      memory_order_relaxed));
	if (head)
		return; /* whoever posted on the empty stack wakes the receiver */
	if (held.holding && hold_back(m))
		return;
	wake(m);
}

void mailbox_hold(void)
{
	assert(!held.holding);
	held.holding = true;
}

void mailbox_release(void)
{
	for (unsigned i = 0; i < held.count; i++)
		wake(held.box[i]);
	held.count = 0;
	held.holding = false;
}
