/* checkpoint: the WAL stays short under a stream of commits, a reader only delays that, and nothing is lost. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/sqlstore_checkpoint.h"
#include "lib/log.h"

enum { FRAME = 4096 + 24, ROWS = 400, COMMITS = 3000, PATH_LEN = 128 };

static const char *const migrations[] = {"CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB NOT NULL) STRICT", NULL};
static const struct sqlstore_schema schema = {.application_id = 0x7e57c4e0, .migrations = migrations};

static char dir[64], path[PATH_LEN];
static struct sqlstore *store;
static struct sqlstore_checkpoint *checkpoint;
static sqlite3_stmt *update;

static char *beside(const char *suffix)
{
	static char side[PATH_LEN + 16];
	snprintf(side, sizeof side, "%s%s", path, suffix);
	return side;
}

static off_t size_of(const char *suffix)
{
	struct stat st;
	return stat(beside(suffix), &st) == 0 ? st.st_size : -1;
}

static void execute(sqlite3 *db, const char *sql)
{
	if (sqlite3_exec(db, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(db));
}

static int set_up(void **state)
{
	(void)state;
	struct errmsg msg = {0};
	strcpy(dir, "/tmp/checkpoint_test.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/t.db", dir);
	if (sqlstore_open(&store, path, SQLSTORE_CREATE, &schema, &msg))
		return -1;
	execute(sqlstore_handle(store), "PRAGMA synchronous=OFF"); /* what is tested is not the disk */
	execute(sqlstore_handle(store),
		"WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 400) "
		"INSERT INTO t SELECT i, zeroblob(3000) FROM n");
	update = NULL;
	if (sqlstore_prepare(store, &update, "UPDATE t SET v = zeroblob(3000 + ?2) WHERE id = ?1", &msg) ||
	    sqlstore_checkpoint_start(&checkpoint, store, &msg))
		return -1;
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
	sqlstore_checkpoint_stop(checkpoint);
	sqlstore_close(store);
	for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++)
		unlink(beside(suffixes[i]));
	return rmdir(dir);
}

/* Each commit writes one page. Returns the longest that the WAL got. */
static off_t commit_many(unsigned count)
{
	off_t longest = 0;
	for (unsigned i = 0; i < count; i++) {
		struct errmsg msg = {0};
		sqlite3_bind_int(update, 1, (int)(i % ROWS) + 1);
		sqlite3_bind_int(update, 2, (int)i % 7);
		if (sqlstore_begin(store, &msg) || sqlstore_run(store, update, &msg) || sqlstore_commit(store, &msg))
			fail_msg("%s", msg.text);
		off_t now = size_of("-wal");
		longest = now > longest ? now : longest;
	}
	return longest;
}

static int64_t ask(sqlite3 *db, const char *sql)
{
	sqlite3_stmt *s;
	assert_int_equal(sqlite3_prepare_v2(db, sql, -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	int64_t n = sqlite3_column_int64(s, 0);
	sqlite3_finalize(s);
	return n;
}

static void bounds_follow_the_size(void **state)
{
	(void)state;
	assert_int_equal(sqlstore_checkpoint_soft_bound(0), 250);
	assert_int_equal(sqlstore_checkpoint_soft_bound(4000), 4000);
	assert_int_equal(sqlstore_checkpoint_soft_bound(INT64_MAX), 4096);
}

/* Without sync a commit takes microseconds and the thread milliseconds, so it may fall behind; but not for ever. */
static void keeps_the_wal_short(void **state)
{
	(void)state;
	off_t longest = 0;
	for (unsigned i = 0; i < 10; i++)
		longest = commit_many(COMMITS);
	assert_true(longest > 0);
	if (longest > (off_t)12 * 1000 * FRAME)
		fail_msg("the WAL grew to %lld octets", (long long)longest);
	assert_string_equal((const char *)sqlite3_db_filename(sqlstore_handle(store), "main"), path);
	sqlite3_stmt *s;
	assert_int_equal(sqlite3_prepare_v2(sqlstore_handle(store), "PRAGMA integrity_check", -1, &s, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(s), SQLITE_ROW);
	assert_string_equal((const char *)sqlite3_column_text(s, 0), "ok");
	sqlite3_finalize(s);
}

static void waits_for_a_reader(void **state)
{
	(void)state;
	sqlite3 *reader;
	assert_int_equal(sqlite3_open_v2(path, &reader, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	int64_t before = ask(reader, "SELECT sum(length(v)) FROM t");
	execute(reader, "BEGIN");
	assert_int_equal(ask(reader, "SELECT sum(length(v)) FROM t"), before);
	log_set_level(LOG_LEVEL_ERROR); /* it warns, rightly */
	commit_many(4 * COMMITS);
	log_set_level(LOG_LEVEL_INFO);
	assert_true(size_of("-wal") >= (off_t)4 * COMMITS * FRAME);            /* it needs all of that… */
	assert_int_equal(ask(reader, "SELECT sum(length(v)) FROM t"), before); /* …to see what it saw */
	execute(reader, "COMMIT");
	assert_true(ask(reader, "SELECT sum(length(v)) FROM t") != before);
	sqlite3_close(reader);
	for (unsigned i = 0; i < 1000 && size_of("-wal") > (off_t)4 * COMMITS * FRAME; i++) {
		commit_many(100);
		usleep(1000);
	}
	off_t then = size_of("-wal"); /* the file keeps its size, but is written from its start again */
	commit_many(COMMITS);
	assert_true(size_of("-wal") <= then + (off_t)3000 * FRAME);
}

static void gives_the_handle_back(void **state)
{
	(void)state;
	sqlstore_checkpoint_stop(checkpoint);
	checkpoint = NULL;
	off_t longest = commit_many(2 * COMMITS);
	assert_true(longest < (off_t)4 * 1000 * FRAME); /* SQLite's own checkpoints, at 1000 pages */
	sqlstore_checkpoint_stop(NULL);
}

static int checkpoint_through_limit(off_t limit)
{
	int log, moved;
	struct rlimit before, now;
	assert_int_equal(getrlimit(RLIMIT_FSIZE, &before), 0);
	now = (struct rlimit){.rlim_cur = limit ? (rlim_t)limit : before.rlim_cur, .rlim_max = before.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &now), 0);
	int rc = sqlstore_checkpoint_now(store, sqlstore_handle(store), &log, &moved);
	assert_int_equal(setrlimit(RLIMIT_FSIZE, &before), 0);
	if (rc == SQLITE_OK)
		assert_int_equal(log, moved);
	return rc;
}

/* What a passive checkpoint has written, the disk may lose until a later one syncs the file: when that fails, the next
 * writes all of it again. The loss is played here: the file gets back what it had. */
static void a_failure_begins_anew(void **state)
{
	(void)state;
	int log, moved;
	sqlite3 *reader;
	sqlstore_checkpoint_stop(checkpoint);
	checkpoint = NULL;
	assert_int_equal(checkpoint_through_limit(0), SQLITE_OK);
	off_t size = size_of("");
	char *lost = malloc((size_t)size);
	int fd = open(path, O_RDWR); /* open until the end: closing it would drop SQLite's locks */
	assert_non_null(lost);
	assert_int_equal(pread(fd, lost, (size_t)size, 0), size);

	execute(sqlstore_handle(store), "UPDATE t SET v = zeroblob(3001) WHERE id <= 200");
	assert_int_equal(sqlite3_open_v2(path, &reader, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	execute(reader, "BEGIN; SELECT count(*) FROM t");
	execute(sqlstore_handle(store), "INSERT INTO t SELECT id + 1000, zeroblob(3000) FROM t");
	assert_int_equal(sqlstore_checkpoint_now(store, sqlstore_handle(store), &log, &moved), SQLITE_OK);
	assert_true(moved > 0 && moved < log);
	execute(reader, "COMMIT");
	sqlite3_close(reader);
	assert_int_equal(pwrite(fd, lost, (size_t)size, 0), size);
	free(lost);

	signal(SIGXFSZ, SIG_IGN);
	assert_int_not_equal(checkpoint_through_limit(size), SQLITE_OK);
	assert_int_equal(checkpoint_through_limit(0), SQLITE_OK);
	assert_int_equal(sqlite3_open_v2(path, &reader, SQLITE_OPEN_READONLY, NULL), SQLITE_OK);
	assert_int_equal(ask(reader, "SELECT sum(length(v)) FROM t"), 2 * ROWS * 3000 + 200);
	sqlite3_close(reader);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(bounds_follow_the_size),
		cmocka_unit_test_setup_teardown(keeps_the_wal_short, set_up, tear_down),
		cmocka_unit_test_setup_teardown(waits_for_a_reader, set_up, tear_down),
		cmocka_unit_test_setup_teardown(a_failure_begins_anew, set_up, tear_down),
		cmocka_unit_test_setup_teardown(gives_the_handle_back, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
