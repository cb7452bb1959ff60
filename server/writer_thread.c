/* writer_thread.c: see writer_thread.h. */
#include "server/writer_thread.h"

#include <errno.h>
#include <pthread.h>
#include <stdlib.h>

#include "lib/clock.h"

enum {
	BATCH_MAX =
		1024, /* jobs a commit: what a burst may wait for its first answer, and what one failing commit makes run again */
	NS_PER_S = 1000000000,
	IDLE_WAIT_NS =
		20000000 /* between looks whether readers have left old versions: their grace periods last micro- to milliseconds */
};

struct writer_thread {
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t work;
	struct job *first, **last; /* waiting jobs */
	unsigned waiting;
	bool stop;
	struct commit *commit;
	struct stats *stats;
	_Atomic uint64_t failed_ns; /* see writer_thread_failed_ns */
};

/* Up to BATCH_MAX jobs off the queue's front. Called with the mutex. */
static struct job *take_batch(struct writer_thread *w)
{
	struct job *batch = w->first;
	struct job **end = &w->first;
	unsigned count = 0;
	while (*end && count < BATCH_MAX) {
		end = &(*end)->next;
		count++;
	}
	struct job *rest = *end;
	*end = NULL;
	w->first = rest;
	w->waiting -= count;
	if (!rest)
		w->last = &w->first;
	return batch;
}

/* The next batch, or NULL when it is time to go. Frees old versions while there is nothing else to do. Called with
 * the mutex. */
static struct job *wait_batch(struct writer_thread *w, bool *more_to_free)
{
	while (!w->first && !w->stop) {
		if (!*more_to_free) {
			pthread_cond_wait(&w->work, &w->mutex);
			continue;
		}
		uint64_t at = clock_monotonic_ns() + IDLE_WAIT_NS;
		struct timespec until = {.tv_sec = (time_t)(at / NS_PER_S), .tv_nsec = (long)(at % NS_PER_S)};
		if (pthread_cond_timedwait(&w->work, &w->mutex, &until) != ETIMEDOUT)
			continue;
		pthread_mutex_unlock(&w->mutex);
		*more_to_free = commit_idle(w->commit);
		pthread_mutex_lock(&w->mutex);
	}
	return w->first ? take_batch(w) : NULL;
}

/* What the server does for itself is not counted as somebody's changes. */
static unsigned count_changes(const struct job *batch)
{
	unsigned n = 0;
	for (; batch; batch = batch->next)
		n += batch->kind != JOB_CHORE;
	return n;
}

static void run_batch(struct writer_thread *w, struct job *batch)
{
	uint64_t began = clock_monotonic_ns();
	unsigned changes = count_changes(batch); /* before the jobs are their submitters' again */
	enum commit_outcome outcome = commit_run(w->commit, batch);
	if (outcome == COMMIT_FAILED)
		atomic_store_explicit(&w->failed_ns, began, memory_order_relaxed);
	else if (outcome == COMMIT_STORED)
		atomic_store_explicit(&w->failed_ns, 0, memory_order_relaxed);
	if (!changes)
		return;
	stats_add(w->stats, STATS_WRITER_JOBS, changes);
	stats_count(w->stats, STATS_WRITER_BATCHES);
	stats_took(w->stats, STATS_COMMIT_TIME, clock_monotonic_ns() - began, 1);
}

static void *run(void *arg)
{
	struct writer_thread *w = arg;
	bool more_to_free = false;
	pthread_mutex_lock(&w->mutex);
	struct job *batch;
	while ((batch = wait_batch(w, &more_to_free))) {
		pthread_mutex_unlock(&w->mutex);
		run_batch(w, batch);
		more_to_free = true;
		pthread_mutex_lock(&w->mutex);
	}
	pthread_mutex_unlock(&w->mutex);
	return NULL;
}

static enum err init_locks(struct writer_thread *w)
{
	pthread_condattr_t attr;
	if (pthread_condattr_init(&attr) != 0)
		return ERR_NOMEM;
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	int failed = pthread_cond_init(&w->work, &attr);
	pthread_condattr_destroy(&attr);
	if (failed)
		return ERR_NOMEM;
	if (pthread_mutex_init(&w->mutex, NULL) == 0)
		return ERR_OK;
	pthread_cond_destroy(&w->work);
	return ERR_NOMEM;
}

static void destroy(struct writer_thread *w)
{
	pthread_cond_destroy(&w->work);
	pthread_mutex_destroy(&w->mutex);
	free(w);
}

enum err writer_thread_start(struct writer_thread **out, struct commit *commit, struct stats *stats)
{
	struct writer_thread *w = calloc(1, sizeof *w);
	if (!w)
		return ERR_NOMEM;
	w->commit = commit;
	w->stats = stats;
	w->last = &w->first;
	if (init_locks(w)) {
		free(w);
		return ERR_NOMEM;
	}
	if (pthread_create(&w->thread, NULL, run, w) != 0) {
		destroy(w);
		return ERR_NOMEM;
	}
	*out = w;
	return ERR_OK;
}

enum err writer_thread_submit(struct writer_thread *w, struct job *job)
{
	enum err e = ERR_OK;
	pthread_mutex_lock(&w->mutex);
	if (w->stop || w->waiting >= WRITER_QUEUE_MAX) {
		e = ERR_BUSY;
	} else {
		job->next = NULL;
		*w->last = job;
		w->last = &job->next;
		w->waiting++;
	}
	pthread_mutex_unlock(&w->mutex);
	if (!e)
		pthread_cond_signal(
			&w->work); /* behind the unlock, or the writer would wake only to wait for the mutex */
	return e;
}

unsigned writer_thread_waiting(struct writer_thread *w)
{
	pthread_mutex_lock(&w->mutex);
	unsigned n = w->waiting;
	pthread_mutex_unlock(&w->mutex);
	return n;
}

uint64_t writer_thread_failed_ns(const struct writer_thread *w)
{
	return atomic_load_explicit(&w->failed_ns, memory_order_relaxed);
}

void writer_thread_stop(struct writer_thread *w)
{
	if (!w)
		return;
	pthread_mutex_lock(&w->mutex);
	w->stop = true;
	pthread_cond_signal(&w->work);
	pthread_mutex_unlock(&w->mutex);
	pthread_join(w->thread, NULL);
	destroy(w);
}
