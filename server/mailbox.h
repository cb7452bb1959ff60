/* mailbox.h: hands work to a libevent thread: an intrusive queue and an eventfd. Posting never blocks on the receiver
 * and wakes it once for many. Threads: mailbox_post, mailbox_hold and mailbox_release from any; the rest on the
 * receiving thread. */
#ifndef ROOST_SERVER_MAILBOX_H
#define ROOST_SERVER_MAILBOX_H

#include "lib/err.h"

struct event_base;
struct mailbox;

struct mail {
	struct mail *next;
	void (*deliver)(struct mail *mail); /* on the receiving thread; owns the mail from then on */
};

MUST_USE enum err mailbox_new(struct mailbox **out, struct event_base *base);
void mailbox_free(struct mailbox *m); /* delivers what is left first */
void mailbox_post(struct mailbox *m, struct mail *mail);

/* Between these two, posts of this thread wake no receiver; the second then wakes each once. Not to be nested. What
 * is posted may be delivered earlier, to receivers that are awake. */
void mailbox_hold(void);
void mailbox_release(void);

#endif
