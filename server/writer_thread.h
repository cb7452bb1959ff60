/* writer_thread.h: the one writer: a thread, a queue, and zones/change/commit.h. Takes every waiting job as one batch; no
 * timer: an idle server commits at once (design §4). Threads: submit, waiting, failed_ns from
 * any. */
#ifndef ROOST_SERVER_WRITER_THREAD_H
#define ROOST_SERVER_WRITER_THREAD_H

#include "server/stats.h"
#include "zones/change/commit.h"

struct writer_thread;

/* stats: the thread's own from then on. */
MUST_USE enum err writer_thread_start(struct writer_thread **out, struct commit *commit, struct stats *stats);
/* Queues the job; its done is called on the writer thread. ERR_BUSY when WRITER_QUEUE_MAX jobs wait already: the job
 * stays the caller's. */
enum { WRITER_QUEUE_MAX = 16384 };
MUST_USE enum err writer_thread_submit(struct writer_thread *w, struct job *job);
/* Jobs that wait now. */
unsigned writer_thread_waiting(struct writer_thread *w);
/* clock_monotonic_ns of the last batch with changes that could not be stored; 0: none, or changes were stored since. */
uint64_t writer_thread_failed_ns(const struct writer_thread *w);
/* Finishes what is queued, then ends the thread. */
void writer_thread_stop(struct writer_thread *w);

#endif
