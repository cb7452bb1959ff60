/* sqlvfs_test.c: a commit is one write; whatever order SQLite writes in, every connection reads what was committed. */
#include <setjmp.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include <cmocka.h>
#include <sqlite3.h>

#include "lib/sqlvfs.h"

enum { ROWS = 40, ROUNDS = 400 };

static char dir[64], path[96];
static sqlite3 *db, *other; /* other: SQLite's own VFS */

static void run(sqlite3 *on, const char *sql)
{
	if (sqlite3_exec(on, sql, NULL, NULL, NULL) != SQLITE_OK)
		fail_msg("%s: %s", sql, sqlite3_errmsg(on));
}

static int64_t ask(sqlite3 *on, const char *sql)
{
	sqlite3_stmt *stmt;
	assert_int_equal(sqlite3_prepare_v2(on, sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	int64_t n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return n;
}

static void open_both(void)
{
	assert_non_null(sqlvfs_name());
	assert_int_equal(sqlite3_open_v2(path, &db, SQLITE_OPEN_READWRITE | SQLITE_OPEN_CREATE, sqlvfs_name()),
			 SQLITE_OK);
	run(db, "PRAGMA journal_mode=WAL; PRAGMA synchronous=FULL");
	assert_int_equal(sqlite3_open_v2(path, &other, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
}

static int set_up(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/sqlvfs_test.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/t.db", dir);
	open_both();
	run(db, "CREATE TABLE t (id INTEGER PRIMARY KEY, v BLOB NOT NULL)");
	run(db, "WITH RECURSIVE n (i) AS (SELECT 1 UNION ALL SELECT i + 1 FROM n WHERE i < 40) "
		"INSERT INTO t SELECT i, zeroblob(3000) FROM n");
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	static const char *const suffixes[] = {"", "-wal", "-shm"};
	sqlite3_close(other);
	sqlite3_close(db);
	for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++) {
		char file[128];
		snprintf(file, sizeof file, "%s%s", path, suffixes[i]);
		unlink(file);
	}
	return rmdir(dir);
}

/* Writing system calls of this process so far (proc(5)). */
static long writes(void)
{
	char line[64];
	long count = -1;
	FILE *io = fopen("/proc/self/io", "re");
	assert_non_null(io);
	while (fgets(line, sizeof line, io))
		sscanf(line, "syscw: %ld", &count);
	fclose(io);
	assert_true(count >= 0);
	return count;
}

static void a_commit_is_one_write(void **state)
{
	(void)state;
	run(db, "UPDATE t SET v = zeroblob(2999) WHERE id = 1"); /* after opening, the first place is not known */
	long before = writes();
	run(db, "UPDATE t SET v = zeroblob(2998) WHERE id BETWEEN 5 AND 12");
	assert_int_equal(writes() - before, 1);
	before = writes();
	run(db, "UPDATE t SET v = zeroblob(2997)"); /* 40 pages: three pieces */
	assert_in_range(writes() - before, 2, 4);
}

static void others_see_commits_at_once(void **state)
{
	(void)state;
	static const char *const levels[] = {"OFF", "NORMAL", "FULL"};
	for (unsigned i = 0; i < 3 * ROWS; i++) {
		char sql[96];
		snprintf(sql, sizeof sql, "PRAGMA synchronous=%s", levels[i % 3]);
		run(db, sql);
		snprintf(sql, sizeof sql, "UPDATE t SET v = zeroblob(%u) WHERE id = %u", 1000 + i, i % ROWS + 1);
		run(db, sql);
		snprintf(sql, sizeof sql, "SELECT length(v) FROM t WHERE id = %u", i % ROWS + 1);
		assert_int_equal(ask(other, sql), 1000 + i);
		if (i % 16 == 0) /* the WAL begins anew, now from this side, now from that */
			run(i % 32 ? db : other, "PRAGMA wal_checkpoint(RESTART)");
	}
}

/* With next to no cache SQLite spills pages of a transaction under way, reads them back, and writes their frames
 * again. `model` is what the rows should be. */
static void random_transactions(void **state)
{
	(void)state;
	unsigned model[ROWS + 1], seed = 42;
	for (unsigned i = 1; i <= ROWS; i++)
		model[i] = 3000;
	run(db, "PRAGMA cache_size=4; PRAGMA cache_spill=ON");
	for (unsigned round = 0; round < ROUNDS; round++) {
		unsigned now[ROWS + 1], kept[ROWS + 1], steps = (unsigned)rand_r(&seed) % 60;
		bool nested = rand_r(&seed) % 2, undo = rand_r(&seed) % 2, commit = rand_r(&seed) % 4;
		memcpy(now, model, sizeof now);
		memcpy(kept, model, sizeof kept);
		run(db, "BEGIN IMMEDIATE");
		for (unsigned i = 0; i < steps; i++) {
			char sql[96];
			if (nested && i == steps / 2) {
				run(db, "SAVEPOINT s");
				memcpy(kept, now, sizeof kept);
			}
			unsigned id = (unsigned)rand_r(&seed) % ROWS + 1, len = (unsigned)rand_r(&seed) % 9000;
			snprintf(sql, sizeof sql, "UPDATE t SET v = zeroblob(%u) WHERE id = %u", len, id);
			run(db, sql);
			now[id] = len;
		}
		if (nested && steps && undo) {
			run(db, "ROLLBACK TO s");
			memcpy(now, kept, sizeof now);
		}
		run(db, commit ? "COMMIT" : "ROLLBACK");
		if (commit)
			memcpy(model, now, sizeof model);
		for (unsigned id = 1; id <= ROWS; id++) {
			char sql[64];
			snprintf(sql, sizeof sql, "SELECT length(v) FROM t WHERE id = %u", id);
			assert_int_equal(ask(round % 2 ? db : other, sql), model[id]);
		}
		if (round % 50 == 30)
			run(other, "PRAGMA wal_checkpoint");
	}
	assert_int_equal(ask(other, "SELECT count(*) FROM pragma_integrity_check WHERE integrity_check = 'ok'"), 1);
}

/* What the WAL holds, checksums and all, is recovered after both went without a checkpoint. */
static void the_wal_is_whole(void **state)
{
	(void)state;
	char copy[128], command[512];
	sqlite3 *again;
	random_transactions(NULL);
	int64_t sum = ask(db, "SELECT sum(length(v)) FROM t");
	snprintf(copy, sizeof copy, "%s/copy.db", dir);
	snprintf(command, sizeof command, "cp %s %s && cp %s-wal %s-wal", path, copy, path, copy);
	assert_int_equal(system(command), 0);
	assert_int_equal(sqlite3_open_v2(copy, &again, SQLITE_OPEN_READWRITE, NULL), SQLITE_OK);
	assert_int_equal(ask(again, "SELECT sum(length(v)) FROM t"), sum);
	sqlite3_close(again);
	unlink(copy);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(a_commit_is_one_write, set_up, tear_down),
		cmocka_unit_test_setup_teardown(others_see_commits_at_once, set_up, tear_down),
		cmocka_unit_test_setup_teardown(random_transactions, set_up, tear_down),
		cmocka_unit_test_setup_teardown(the_wal_is_whole, set_up, tear_down),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
