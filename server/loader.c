/* loader.c: see loader.h. */
#include "server/loader.h"

#include <malloc.h>
#include <pthread.h>
#include <sched.h>
#include <stdint.h>

#include "lib/log.h"
#include "zones/store/zonestore.h"

enum {
	ZONES_AT_ONCE = 256, /* of homes: some milliseconds of work, against microseconds to begin it */
	THREADS_MAX = 4      /* more do not help: they wait for one another in malloc and the page cache */
};

struct loader {
	struct directory *directory;
	const char *database;
	pthread_mutex_t lock; /* of all below, and of the directory */
	int64_t taken;        /* zones up to this id are somebody's */
	bool more;            /* there are some behind them */
	size_t damaged;
	enum err err; /* the first one ends it */
	struct errmsg *msg;
};

/* The place of a zone that cannot be served. */
static enum err make_damaged(const struct zonestore_zone *row, const struct errmsg *fault, struct zone **out)
{
	log_error("%s; until then its names get SERVFAIL, and changes of it are refused", fault->text);
	return zone_new_damaged(out, row->name.wire, row->id, fault->text);
}

static enum err on_loaded(void *arg, const struct zonestore_zone *row, struct zone *z, const struct errmsg *fault)
{
	struct loader *l = arg;
	bool damaged = !z;
	enum err e = damaged ? make_damaged(row, fault, &z) : zone_loaded(z);
	if (!e) {
		pthread_mutex_lock(&l->lock);
		e = directory_put(l->directory, z);
		l->damaged += damaged;
		pthread_mutex_unlock(&l->lock);
	}
	if (e)
		zone_release(z);
	return e;
}

static void stop(struct loader *l, enum err e, const struct errmsg *msg)
{
	pthread_mutex_lock(&l->lock);
	if (!l->err)
		l->err = errmsg_set(l->msg, e, "%s", msg->text[0] ? msg->text : "loading zones: out of memory");
	pthread_mutex_unlock(&l->lock);
}

/* The next zones to load, from..to; false when there are none. */
static bool take(struct loader *l, struct zonestore *store, int64_t *from, int64_t *to, struct errmsg *msg)
{
	pthread_mutex_lock(&l->lock);
	bool more = l->more && !l->err;
	enum err e = ERR_OK;
	if (more) {
		*from = l->taken + 1;
		e = zonestore_zones_end(store, *from, ZONES_AT_ONCE, to, &l->more, msg);
		l->taken = *to;
	}
	pthread_mutex_unlock(&l->lock);
	if (e)
		stop(l, e, msg);
	return more && !e;
}

static void load(struct loader *l, struct zonestore *store, int64_t from, int64_t to)
{
	struct errmsg msg = {.text = ""};
	enum err e = zonestore_load_between(store, from, to, on_loaded, l, &msg);
	if (e)
		stop(l, e, &msg);
}

static void load_some(struct loader *l, struct zonestore *store)
{
	struct errmsg msg = {.text = ""};
	int64_t from, to;
	while (take(l, store, &from, &to, &msg))
		load(l, store, from, to);
}

static void *help(void *arg)
{
	struct loader *l = arg;
	struct zonestore *store = NULL;
	struct errmsg msg = {.text = ""};
	enum err e = zonestore_open(&store, l->database, SQLSTORE_READ, &msg);
	if (e)
		stop(l, e, &msg);
	else
		load_some(l, store);
	zonestore_close(store);
	return NULL;
}

/* Beside this thread: one for each other core. */
static unsigned count_helpers(void)
{
	cpu_set_t set;
	int cores = sched_getaffinity(0, sizeof set, &set) == 0 ? CPU_COUNT(&set) : 1;
	return (unsigned)(cores < THREADS_MAX ? cores : THREADS_MAX) - 1;
}

/* Fewer helpers, if they cannot start, only take longer. */
static void load_all(struct loader *l, struct zonestore *store)
{
	pthread_t helper[THREADS_MAX - 1];
	struct errmsg msg = {.text = ""};
	unsigned helpers = 0;
	int64_t from, to;
	if (!take(l, store, &from, &to, &msg))
		return;
	unsigned wanted = l->more ? count_helpers() : 0;
	while (helpers < wanted && pthread_create(&helper[helpers], NULL, help, l) == 0)
		helpers++;
	load(l, store, from, to);
	load_some(l, store);
	while (helpers)
		pthread_join(helper[--helpers], NULL);
}

enum err loader_run(struct directory *directory, const char *database, size_t *damaged, struct errmsg *msg)
{
	struct loader l = {.directory = directory,
			   .database = database,
			   .lock = PTHREAD_MUTEX_INITIALIZER,
			   .taken = INT64_MIN, /* smaller than any id */
			   .more = true,
			   .msg = msg};
	struct zonestore *store;
	enum err e = zonestore_open(&store, database, SQLSTORE_READ, msg);
	if (e)
		return e;
	load_all(&l, store);
	zonestore_close(store);
	malloc_trim(0); /* what SQLite and the making of blocks needed for a while */
	*damaged = l.damaged;
	return l.err;
}
