/* housekeeper.c: see housekeeper.h. */
#include "server/housekeeper.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <time.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "server/server.h"
#include "zones/store/zonestore_keep.h"
#include "zones/store/zonestore_leases.h"

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S (1000 * NS_PER_MS)
#define REFUSALS_EVERY (1 * NS_PER_S)
#define ROUND_EVERY (2 * NS_PER_S)          /* through the zones that changed */
#define WHOLE_ROUND_EVERY (3600 * NS_PER_S) /* through all zones: what is not changed grows old too */
#define CLOCK_EVEN_FOR (3600 * NS_PER_S)
#define LEASES_EVERY (1 * NS_PER_S) /* after leases were given; the shortest lasts for LEASE_MIN */
#define LEASES_AGAIN (5 * NS_PER_S) /* after records could not be taken away */
#define BUSY_WAIT (100 * NS_PER_MS) /* before the writer is asked again */
#define FAILED_WAIT (60 * NS_PER_S) /* before a chore that could not be stored is tried again */

enum {
	CHORE_ROWS = 1024,     /* some milliseconds of the writer's time */
	BEHIND_MAX = 1000000,  /* changes, some 250 MB: from there on, half of the writer's time, or it never ends */
	REST = 9,              /* times as long as the chore took: the writer gives a tenth of its time at most */
	DUE_ZONES_MAX = 64,    /* with leases that end at the same time */
	CLOCK_LOOK_MS = 60000, /* the wall clock is looked at so often while there are leases */
	CLOCK_LEAP_MS = 60000  /* more than this off is no clock that is adjusted, but one that was set */
};

struct housekeeper {
	pthread_t thread;
	bool started;
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	bool stop, chore_done;
	enum err chore_err;
	enum rcode chore_rcode;
	atomic_bool changed; /* since the last round began */
	atomic_bool refused; /* since the last write */
	atomic_bool leased;  /* since leases were last looked at */
	struct refusals *refusals;
	struct writer_thread *writer;
	struct zonestore *store; /* READ; the thread's own */

	/* The thread's alone. clock_monotonic_ns, but for clock_unix_ms where it says ms. */
	uint64_t refusals_at, round_at, whole_round_at, leases_at, even_since;
	int64_t lease_ends_ms;                      /* the first that is to come */
	int64_t round_ms;                           /* zones that changed before it were in an earlier round */
	int64_t clock_offset_ms, trusted_offset_ms; /* from the monotonic to the wall clock: now, and for leases */
	uint64_t begun;
	struct due_zones {
		struct name zone[DUE_ZONES_MAX];
		unsigned count;
	} due;
	struct zone_list {
		int64_t *id;
		size_t count, cap, next;
	} zones;
	bool urgent; /* the index is far behind */
};

/* ---- waiting ---- */

static void wait_until(struct housekeeper *h, uint64_t at)
{
	struct timespec until = {.tv_sec = (time_t)(at / NS_PER_S), .tv_nsec = (long)(at % NS_PER_S)};
	pthread_cond_timedwait(&h->wake, &h->mutex, &until);
}

/* Nothing but the end of the server cuts it short. Returns false at that. */
static bool rest(struct housekeeper *h, uint64_t ns)
{
	uint64_t until = clock_monotonic_ns() + ns;
	pthread_mutex_lock(&h->mutex);
	while (!h->stop && clock_monotonic_ns() < until)
		wait_until(h, until);
	bool go_on = !h->stop;
	pthread_mutex_unlock(&h->mutex);
	return go_on;
}

static void wake(struct housekeeper *h)
{
	pthread_mutex_lock(&h->mutex);
	pthread_cond_broadcast(&h->wake);
	pthread_mutex_unlock(&h->mutex);
}

/* ---- chores ---- */

/* Writer thread. */
static void on_done(struct job *job)
{
	struct housekeeper *h = job->done_arg;
	pthread_mutex_lock(&h->mutex);
	h->chore_err = job->err;
	h->chore_rcode = job->rcode;
	h->chore_done = true;
	pthread_cond_broadcast(&h->wake);
	pthread_mutex_unlock(&h->mutex);
	job_free(job);
}

static enum err await(struct housekeeper *h)
{
	pthread_mutex_lock(&h->mutex);
	while (!h->chore_done)
		pthread_cond_wait(&h->wake, &h->mutex);
	enum err err = h->chore_err;
	h->chore_done = false;
	pthread_mutex_unlock(&h->mutex);
	return err;
}

/* Has the writer do it, and waits for that. The job is gone then. */
static enum err run_job(struct housekeeper *h, struct job *job)
{
	job->done = on_done;
	job->done_arg = h;
	enum err err = writer_thread_submit(h->writer, job);
	if (!err)
		return await(h);
	job_free(job);
	return err;
}

static enum err run_chore(struct housekeeper *h, enum err (*run)(struct job *, struct zonestore *, struct errmsg *))
{
	struct job *job = job_new(JOB_CHORE);
	if (!job)
		return ERR_NOMEM;
	snprintf(job->actor.who, sizeof(job->actor.who), "housekeeper");
	job->run = run;
	job->run_arg = h;
	return run_job(h, job);
}

/* ---- the wall clock ---- */

/* Notices leaps. */
static void look_at_clock(struct housekeeper *h)
{
	uint64_t mono = clock_monotonic_ns();
	int64_t offset = clock_unix_ms() - (int64_t)(mono / NS_PER_MS);
	if (llabs(offset - h->clock_offset_ms) > CLOCK_LEAP_MS)
		h->even_since = mono;
	h->clock_offset_ms = offset;
	if (mono - h->even_since >= CLOCK_EVEN_FOR || offset < h->trusted_offset_ms || h->even_since == h->begun)
		h->trusted_offset_ms = offset;
}

/* Now, for what ends; see housekeeper.h. */
static int64_t lease_now(struct housekeeper *h)
{
	look_at_clock(h);
	return (int64_t)(clock_monotonic_ns() / NS_PER_MS) + h->trusted_offset_ms;
}

/* Now, for what is old; 0 while the clock has not gone evenly for long enough. */
static int64_t old_now(struct housekeeper *h)
{
	look_at_clock(h);
	return clock_monotonic_ns() - h->even_since >= CLOCK_EVEN_FOR ? clock_unix_ms() : 0;
}

/* ---- leases ---- */

static enum err add_due_zone(void *arg, const struct name *zone)
{
	struct due_zones *l = arg;
	if (l->count == DUE_ZONES_MAX)
		return ERR_RANGE; /* the others come next */
	l->zone[l->count++] = *zone;
	return ERR_OK;
}

/* The zones with leases that have ended, and when the first of the others will. */
static enum err look_at_leases(struct housekeeper *h, int64_t now)
{
	struct errmsg msg = {.text = ""};
	struct sqlstore *sql = zonestore_sql(h->store);
	h->due.count = 0;
	enum err err = sqlstore_begin(sql, &msg);
	if (!err)
		err = zonestore_leases_due_zones(h->store, now, add_due_zone, &h->due, &msg);
	if (err == ERR_RANGE)
		err = ERR_OK;
	if (!err)
		err = zonestore_leases_next(h->store, now, &h->lease_ends_ms, &msg);
	sqlstore_rollback(sql);
	if (err)
		log_error("leases cannot be looked at: %s; tried again", msg.text);
	return err;
}

static enum err expire(struct housekeeper *h, const struct name *zone, int64_t now)
{
	struct job *job = job_new(JOB_UPDATE);
	if (!job)
		return ERR_NOMEM;
	job->zone = *zone;
	job->expire = now;
	snprintf(job->actor.who, sizeof(job->actor.who), "lease");
	snprintf(job->actor.transport, sizeof(job->actor.transport), "local");
	snprintf(job->actor.note, sizeof(job->actor.note), "leases ended");
	enum err err = run_job(h, job);
	return !err && h->chore_rcode ? ERR_REFUSED : err;
}

static void see_to_leases(struct housekeeper *h)
{
	int64_t now = lease_now(h);
	atomic_store(&h->leased, false);
	enum err err = look_at_leases(h, now);
	for (unsigned i = 0; i < h->due.count; i++) {
		enum err one = expire(h, &h->due.zone[i], now); /* one zone's fault does not keep the others */
		err = one ? one : err;
	}
	h->leases_at = clock_monotonic_ns() + (err ? LEASES_AGAIN : LEASES_EVERY);
	if (h->due.count || err) /* there may be more */
		atomic_store(&h->leased, true);
	if (h->due.count && !err)
		h->leases_at = 0;
}

/* clock_monotonic_ns when they are to be looked at. */
static uint64_t leases_due(struct housekeeper *h)
{
	if (atomic_load(&h->leased))
		return h->leases_at;
	if (h->lease_ends_ms == INT64_MAX)
		return UINT64_MAX;
	int64_t left = h->lease_ends_ms - lease_now(h);
	if (left <= 0)
		return 0;
	return clock_monotonic_ns() + (uint64_t)(left < CLOCK_LOOK_MS ? left : CLOCK_LOOK_MS) * NS_PER_MS;
}

/* ---- refusals ---- */

static enum err write_refusals(struct job *job, struct zonestore *s, struct errmsg *why)
{
	struct housekeeper *h = job->run_arg;
	return refusals_write(h->refusals, s, why);
}

static void see_to_refusals(struct housekeeper *h)
{
	atomic_store(&h->refused, false);
	if (run_chore(h, write_refusals))
		atomic_store(&h->refused, true); /* it says so in the log; tried again */
	else
		refusals_written(h->refusals);
	h->refusals_at = clock_monotonic_ns() + REFUSALS_EVERY;
}

/* ---- history ---- */

/* Zones off the list's front, until the chore has done its share. */
static enum err keep(struct job *job, struct zonestore *s, struct errmsg *why)
{
	struct housekeeper *h = job->run_arg;
	int64_t now = old_now(h);
	struct zonestore_keep step = {.rows = CHORE_ROWS};
	h->urgent = false;
	while (step.rows && h->zones.next < h->zones.count) {
		enum err err = zonestore_keep_step(s, h->zones.id[h->zones.next], now, &step, why);
		if (err && err != ERR_NOTFOUND)
			return err;
		h->urgent = step.behind > BEHIND_MAX;
		if (!err && step.more)
			return ERR_OK;
		h->zones.next++;
		step.rows -= step.rows > 0; /* looking costs something too */
	}
	return ERR_OK;
}

static enum err add_zone(void *arg, int64_t zone)
{
	struct zone_list *l = arg;
	if (l->count == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : 64;
		int64_t *id = realloc(l->id, cap * sizeof(*id));
		if (!id)
			return ERR_NOMEM;
		l->id = id;
		l->cap = cap;
	}
	l->id[l->count++] = zone;
	return ERR_OK;
}

static enum err list_zones(struct housekeeper *h, int64_t since)
{
	struct errmsg msg = {.text = ""};
	struct sqlstore *sql = zonestore_sql(h->store);
	h->zones.count = h->zones.next = 0;
	enum err err = sqlstore_begin(sql, &msg);
	if (!err)
		err = zonestore_keep_each(h->store, since, add_zone, &h->zones, &msg);
	sqlstore_rollback(sql);
	if (err)
		log_warning("housekeeper: the zones cannot be listed: %s; tried again later", msg.text);
	return err;
}

static void begin_round(struct housekeeper *h)
{
	uint64_t now = clock_monotonic_ns();
	bool whole = now >= h->whole_round_at;
	int64_t begun = clock_unix_ms(), since = whole || begun < h->round_ms ? 0 : h->round_ms;
	atomic_store(&h->changed, false);
	h->round_at = now + ROUND_EVERY;
	if (list_zones(h, since))
		return;
	h->round_ms = begun;
	if (whole)
		h->whole_round_at = now + WHOLE_ROUND_EVERY;
}

static void keep_some(struct housekeeper *h)
{
	uint64_t begun = clock_monotonic_ns();
	enum err err = run_chore(h, keep);
	uint64_t now = clock_monotonic_ns();
	if (err == ERR_BUSY) {
		(void)rest(h, BUSY_WAIT);
	} else if (err) { /* the log says why */
		h->zones.count = h->zones.next = 0;
		h->whole_round_at = now + FAILED_WAIT;
	} else {
		(void)rest(h, (h->urgent ? 1 : REST) * (now - begun));
	}
}

/* ---- the thread ---- */

static uint64_t earlier(uint64_t a, uint64_t b)
{
	return a < b ? a : b;
}

/* Does one thing, if one is due. */
static bool do_next(struct housekeeper *h, uint64_t now)
{
	if (now >= leases_due(h))
		see_to_leases(h);
	else if (atomic_load(&h->refused) && now >= h->refusals_at)
		see_to_refusals(h);
	else if (h->zones.next < h->zones.count)
		keep_some(h);
	else if (now >= h->whole_round_at || (atomic_load(&h->changed) && now >= h->round_at))
		begin_round(h);
	else
		return false;
	return true;
}

/* Until something is due. False: it is time to end. */
static bool wait_next(struct housekeeper *h)
{
	pthread_mutex_lock(&h->mutex);
	uint64_t at = earlier(h->whole_round_at, leases_due(h));
	if (atomic_load(&h->changed))
		at = earlier(at, h->round_at);
	if (atomic_load(&h->refused))
		at = earlier(at, h->refusals_at);
	if (!h->stop && clock_monotonic_ns() < at)
		wait_until(h, at);
	bool go_on = !h->stop;
	pthread_mutex_unlock(&h->mutex);
	return go_on;
}

static void *run(void *arg)
{
	struct housekeeper *h = arg;
	bool go_on = true;
	while (go_on)
		go_on = do_next(h, clock_monotonic_ns()) ? rest(h, 0) : wait_next(h);
	if (atomic_load(&h->refused))
		see_to_refusals(h);
	return NULL;
}

void housekeeper_changed(struct housekeeper *h)
{
	if (!atomic_load_explicit(&h->changed, memory_order_relaxed) && !atomic_exchange(&h->changed, true))
		wake(h);
}

void housekeeper_leased(struct housekeeper *h)
{
	if (!atomic_exchange(&h->leased, true))
		wake(h);
}

void housekeeper_refused(struct housekeeper *h, const struct refusals_note *note)
{
	if (refusals_note(h->refusals, note) && !atomic_exchange(&h->refused, true))
		wake(h);
}

/* ---- start and stop ---- */

static enum err init_locks(struct housekeeper *h)
{
	pthread_condattr_t attr;
	if (pthread_condattr_init(&attr) != 0)
		return ERR_NOMEM;
	pthread_condattr_setclock(&attr, CLOCK_MONOTONIC);
	int failed = pthread_cond_init(&h->wake, &attr);
	pthread_condattr_destroy(&attr);
	return failed || pthread_mutex_init(&h->mutex, NULL) != 0 ? ERR_NOMEM : ERR_OK;
}

enum err housekeeper_start(struct housekeeper **out, struct server *server, struct errmsg *msg)
{
	struct housekeeper *h = calloc(1, sizeof(*h));
	if (!h)
		return errmsg_set(msg, ERR_NOMEM, "out of memory");
	*out = h;
	h->writer = server->writer;
	h->begun = h->even_since = clock_monotonic_ns();
	h->clock_offset_ms = h->trusted_offset_ms = clock_unix_ms() - (int64_t)(h->begun / NS_PER_MS);
	h->leased = true;
	enum err err = refusals_new(&h->refusals);
	if (!err)
		err = init_locks(h);
	if (err)
		return errmsg_set(msg, err, "out of memory");
	err = zonestore_open(&h->store, server->config->database, SQLSTORE_READ, msg);
	if (err)
		return err;
	h->started = pthread_create(&h->thread, NULL, run, h) == 0;
	return h->started ? ERR_OK : errmsg_set(msg, ERR_NOMEM, "the housekeeper's thread could not start");
}

void housekeeper_stop(struct housekeeper *h)
{
	if (!h || !h->started)
		return;
	pthread_mutex_lock(&h->mutex);
	h->stop = true;
	pthread_cond_broadcast(&h->wake);
	pthread_mutex_unlock(&h->mutex);
	pthread_join(h->thread, NULL);
	h->started = false;
}

void housekeeper_free(struct housekeeper *h)
{
	if (!h)
		return;
	if (h->store)
		zonestore_close(h->store);
	refusals_free(h->refusals);
	free(h->zones.id);
	free(h);
}
