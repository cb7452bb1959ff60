/* sqlstore_checkpoint.c: see sqlstore_checkpoint.h. */
#include "lib/sqlstore_checkpoint.h"

#include <pthread.h>
#include <signal.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/log.h"

enum {
	/* Pages. A page changed often is moved once a round, so a WAL as long as the database saves writes; but it is
	 * read at start (16 MiB: some 15 ms), and a small disk has better uses for its space: 1 MiB for a small
	 * database. */
	SOFT_MIN = 250,
	SOFT_MAX = 4096,
	SQLITE_PAGES = 1000,   /* SQLite's default bound */
	WARN_ROUNDS = 8,       /* soft bounds that the WAL may grow to before the log mentions it */
	PASSES_MAX = 4,        /* of a round: each has as much to do as was written during the one before */
	LEFT_SMALL = 64,       /* pages: so few the writer may move itself */
	SIZE_LIMIT = 64 << 20, /* octets: a WAL that had to grow beyond is cut to this when it starts anew */
	OWN_CACHE_PAGES = 16   /* a checkpoint reads no page through the cache */
};

struct sqlstore_checkpoint {
	struct sqlstore *store; /* the writer's */
	sqlite3 *db;            /* the thread's */
	unsigned soft;
	pthread_t thread;
	pthread_mutex_t mutex;
	pthread_cond_t wake;
	bool wanted, stop;  /* with the mutex */
	atomic_bool finish; /* little is left: the writer's part */
	atomic_bool busy;   /* a round is asked for or under way */
	atomic_bool failed; /* the last pass; said once */
	/* The writer thread's. */
	int next; /* pages in the WAL that make the next round due */
	int warn; /* …and the next warning */
};

unsigned sqlstore_checkpoint_soft_bound(int64_t pages)
{
	return pages < SOFT_MIN ? SOFT_MIN : pages > SOFT_MAX ? SOFT_MAX : (unsigned)pages;
}

/* ---- the thread ---- */

static void complain(struct sqlstore_checkpoint *c, int rc)
{
	if (!atomic_exchange(&c->failed, true))
		log_error(
			"database %s: its write-ahead log cannot be moved into it: %s; free space and check the disk: "
			"nothing is lost, but the log grows",
			sqlstore_path(c->store), sqlite3_errstr(rc));
}

/* One passive pass: waits for nobody. *left: frames that it could not move. False: nothing can be said. */
static bool pass(struct sqlstore_checkpoint *c, sqlite3 *db, int *left)
{
	int log, moved;
	int rc = sqlstore_checkpoint_now(c->store, db, &log, &moved);
	if (rc == SQLITE_BUSY) /* the other connection is at it */
		return false;
	if (rc != SQLITE_OK) {
		complain(c, rc);
		return false;
	}
	atomic_store(&c->failed, false);
	*left = log - moved;
	return true;
}

static void round_of_passes(struct sqlstore_checkpoint *c)
{
	int left = 0;
	for (int i = 0; i < PASSES_MAX; i++) {
		if (!pass(c, c->db, &left))
			break;
		/* Of what was written meanwhile this pass knows nothing: only one with little to do leaves little. */
		if (left <= LEFT_SMALL && i > 0)
			break;
	}
	/* Here it costs no commit its time, and a disk that fails is found out before the kernel drops the pages. */
	int rc = sqlstore_checkpoint_sync(c->store, c->db);
	if (rc != SQLITE_OK)
		complain(c, rc);
	atomic_store(&c->finish, true);
}

static void *run(void *arg)
{
	struct sqlstore_checkpoint *c = arg;
	pthread_mutex_lock(&c->mutex);
	while (!c->stop) {
		if (!c->wanted) {
			pthread_cond_wait(&c->wake, &c->mutex);
			continue;
		}
		c->wanted = false;
		pthread_mutex_unlock(&c->mutex);
		round_of_passes(c);
		pthread_mutex_lock(&c->mutex);
	}
	pthread_mutex_unlock(&c->mutex);
	return NULL;
}

/* ---- the writer's side ---- */

static void ask_for_round(struct sqlstore_checkpoint *c)
{
	atomic_store(&c->busy, true);
	pthread_mutex_lock(&c->mutex);
	c->wanted = true;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->mutex);
}

/* The thread has moved all but the last frames. If these go too, SQLite starts the WAL anew at the next write. */
static void finish_round(struct sqlstore_checkpoint *c, sqlite3 *db, int pages)
{
	int left = 1;
	bool done = pass(c, db, &left) && left == 0;
	c->next = done ? (int)c->soft : pages + (int)c->soft;
	atomic_store(&c->finish, false);
	atomic_store(&c->busy, false);
}

static void warn(struct sqlstore_checkpoint *c, int pages)
{
	if (pages < c->warn) {
		if (pages < (int)c->soft)
			c->warn = WARN_ROUNDS * (int)c->soft;
		return;
	}
	log_warning("database %s: its write-ahead log has grown to %d pages, because some program has been reading the "
		    "database all the time; end that program's transaction",
		    sqlstore_path(c->store), pages);
	c->warn = pages < INT32_MAX / 2 ? 2 * pages : INT32_MAX;
}

/* SQLite calls this behind every COMMIT, with no lock held. */
static int on_commit(void *arg, sqlite3 *db, const char *name, int pages)
{
	struct sqlstore_checkpoint *c = arg;
	(void)name;
	warn(c, pages);
	if (atomic_load(&c->finish))
		finish_round(c, db, pages);
	else if (pages >= c->next && !atomic_load(&c->busy))
		ask_for_round(c);
	else if (pages < (int)c->soft)
		c->next = (int)c->soft;
	return SQLITE_OK;
}

/* ---- life ---- */

static enum err exec(struct sqlstore_checkpoint *c, sqlite3 *db, const char *sql, struct errmsg *msg)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) == SQLITE_OK)
		return ERR_OK;
	return errmsg_set(msg, ERR_IO, "database %s: a connection for checkpoints: %s", sqlstore_path(c->store),
			  sqlite3_errmsg(db));
}

static int64_t count_pages(sqlite3 *db)
{
	sqlite3_stmt *stmt = NULL;
	int64_t pages = 0;
	if (sqlite3_prepare_v2(db, "PRAGMA page_count", -1, &stmt, NULL) == SQLITE_OK &&
	    sqlite3_step(stmt) == SQLITE_ROW)
		pages = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return pages;
}

static enum err connect(struct sqlstore_checkpoint *c, struct errmsg *msg)
{
	sqlite3 *writer = sqlstore_handle(c->store);
	char sql[96];
	int rc = sqlite3_open_v2(sqlite3_db_filename(writer, "main"), &c->db,
				 SQLITE_OPEN_READWRITE | SQLITE_OPEN_NOMUTEX, NULL);
	if (rc != SQLITE_OK)
		return errmsg_set(msg, rc == SQLITE_NOMEM ? ERR_NOMEM : ERR_IO,
				  "database %s: a connection for checkpoints: %s", sqlstore_path(c->store),
				  sqlite3_errstr(rc));
	/* The pages reach the disk before the WAL may be overwritten, as synchronous=FULL says of this connection. */
	snprintf(sql, sizeof(sql), "PRAGMA synchronous=FULL; PRAGMA cache_size=%d; SELECT 1 FROM sqlite_schema LIMIT 1",
		 OWN_CACHE_PAGES);
	enum err err = exec(c, c->db, sql, msg);
	if (err)
		return err;
	snprintf(sql, sizeof(sql), "PRAGMA journal_size_limit=%d", SIZE_LIMIT);
	return exec(c, writer, sql, msg);
}

static enum err start_thread(struct sqlstore_checkpoint *c)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_BLOCK, &all, &before); /* signals are others' business */
	int failed = pthread_create(&c->thread, NULL, run, c);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failed ? ERR_NOMEM : ERR_OK;
}

enum err sqlstore_checkpoint_start(struct sqlstore_checkpoint **out, struct sqlstore *s, struct errmsg *msg)
{
	struct sqlstore_checkpoint *c = calloc(1, sizeof(*c));
	if (!c)
		return errmsg_set(msg, ERR_NOMEM, "out of memory");
	c->store = s;
	pthread_mutex_init(&c->mutex, NULL); /* with default attributes neither can fail on Linux */
	pthread_cond_init(&c->wake, NULL);
	enum err err = connect(c, msg);
	if (err)
		goto fail;
	c->soft = sqlstore_checkpoint_soft_bound(count_pages(c->db));
	c->next = (int)c->soft;
	c->warn = WARN_ROUNDS * (int)c->soft;
	err = start_thread(c);
	if (err) {
		errmsg_set(msg, err, "the checkpoint thread could not start: %s", err_text(err));
		goto fail;
	}
	sqlite3_wal_hook(sqlstore_handle(s), on_commit, c);
	*out = c;
	return ERR_OK;

fail:
	sqlite3_close(c->db);
	pthread_cond_destroy(&c->wake);
	pthread_mutex_destroy(&c->mutex);
	free(c);
	return err;
}

void sqlstore_checkpoint_stop(struct sqlstore_checkpoint *c)
{
	if (!c)
		return;
	sqlite3_wal_autocheckpoint(sqlstore_handle(c->store), SQLITE_PAGES); /* in the hook's place */
	pthread_mutex_lock(&c->mutex);
	c->stop = true;
	pthread_cond_signal(&c->wake);
	pthread_mutex_unlock(&c->mutex);
	pthread_join(c->thread, NULL);
	sqlite3_close(c->db);
	pthread_cond_destroy(&c->wake);
	pthread_mutex_destroy(&c->mutex);
	free(c);
}
