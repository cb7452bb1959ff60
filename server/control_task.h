/* control_task.h: a request of the control socket on its way: thread, writer, mailbox, answer. For server/control.c.
 *
 * Threads: these functions on the main thread. */
#ifndef ROOST_SERVER_CONTROL_TASK_H
#define ROOST_SERVER_CONTROL_TASK_H

#include <jansson.h>

#include "server/server.h"

struct control_tasks; /* all that are under way */
struct control_task;

MUST_USE enum err control_tasks_new(struct control_tasks **out, struct server *server);
/* Waits until no thread prepares a request any more; what the writer has is left to it and ends in the mailbox. NULL
 * is fine. */
void control_tasks_free(struct control_tasks *tasks);

/* Who asks, and what is called with the answer (a new reference), on the main thread. */
struct control_asker {
	unsigned uid;
	void (*answer)(void *arg, json_t *answer);
	void *arg;
};

/* Takes over the request's reference and the file (-1: none), also on error. */
MUST_USE enum err control_task_start(struct control_task **out, struct control_tasks *tasks, json_t *request, int file,
				     const struct control_asker *asker);
/* The asker is gone: no answer any more. What was asked is done all the same. */
void control_task_forget(struct control_task *t);

#endif
