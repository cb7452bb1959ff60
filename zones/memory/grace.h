/* grace.h: when may memory that readers could still see be freed: liburcu, QSBR flavour.
 *
 * A reader thread is online between grace_online and grace_offline; in between it calls grace_quiescent whenever it
 * holds no pointer into zones, directory or access. Before it may sleep (epoll) it goes offline. Freed memory waits
 * until every thread has been quiescent or offline once since it was taken out of reach.
 *
 * The calls carry ThreadSanitizer's annotations, because liburcu itself is not built with it. */
#ifndef ROOST_ZONES_GRACE_H
#define ROOST_ZONES_GRACE_H

#include <stdbool.h>
#include <stdint.h>

/* Reader threads. Register once; a registered thread starts online. */
void grace_register(void);
void grace_unregister(void);
void grace_quiescent(void);
void grace_online(void);
void grace_offline(void);

/* The writer's side. A ticket stands for "everything unlinked up to now". */
uint64_t grace_ticket(void);
bool grace_passed(uint64_t ticket);
/* Waits for a full grace period (start-up, shut-down, tests). The caller must be unregistered or offline. */
void grace_wait(void);

/* Calls fn(arg) after a grace period, on liburcu's own thread. Never fails (waits itself when memory is short). */
void grace_defer(void (*fn)(void *arg), void *arg);
/* Waits until all deferred calls made so far have run, and those that they deferred in turn. */
void grace_barrier(void);

#endif
