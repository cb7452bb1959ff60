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
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "lib/sqlstore.h"

enum { NOBODY = 65534, PATH_LEN = 128 };

static const char *const two_steps[] = {
	"CREATE TABLE parent(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT",
	"CREATE TABLE child(id INTEGER PRIMARY KEY, parent INTEGER NOT NULL REFERENCES parent(id),"
	" size INTEGER NOT NULL DEFAULT 1 CHECK(size > 0)) STRICT",
	NULL,
};
static const char *const one_step[] = {
	"CREATE TABLE parent(id INTEGER PRIMARY KEY, name TEXT NOT NULL UNIQUE) STRICT",
	NULL,
};
static const struct sqlstore_schema schema = {
	.application_id = 0xf0057e57, .migrations = two_steps}; /* above 2^31: the pragma takes signed numbers */
static const struct sqlstore_schema older = {.application_id = 0xf0057e57, .migrations = one_step};

static char dir[64], path[PATH_LEN], side[PATH_LEN + 16];

static int make_dir(void **state)
{
	(void)state;
	strcpy(dir, "/tmp/sqlstore_test.XXXXXX");
	if (!mkdtemp(dir))
		return -1;
	snprintf(path, sizeof path, "%s/roost.db", dir);
	return 0;
}

static const char *beside(const char *suffix)
{
	snprintf(side, sizeof side, "%s%s", path, suffix);
	return side;
}

static int remove_dir(void **state)
{
	(void)state;
	static const char *const suffixes[] = {"", "-wal", "-shm", ".lock", ".link", ".link.lock"};
	chmod(dir, 0700);
	for (size_t i = 0; i < sizeof suffixes / sizeof suffixes[0]; i++)
		unlink(beside(suffixes[i]));
	return rmdir(dir);
}

static struct sqlstore *open_ok(enum sqlstore_mode mode)
{
	struct sqlstore *s;
	struct errmsg msg = {0};
	if (sqlstore_open(&s, path, mode, &schema, &msg) != ERR_OK)
		fail_msg("%s", msg.text);
	return s;
}

static void open_fails(enum sqlstore_mode mode, const struct sqlstore_schema *with, enum err code, const char *word)
{
	struct sqlstore *s = (struct sqlstore *)&code;
	struct errmsg msg = {0};
	enum err err = sqlstore_open(&s, path, mode, with, &msg);
	if (err != code || !strstr(msg.text, word) || !strstr(msg.text, path))
		fail_msg("wanted %s with '%s', got %s: %s", err_text(code), word, err_text(err), msg.text);
	assert_null(s);
	assert_int_equal(sqlstore_open(&s, path, mode, with, NULL), code);
}

static enum err execute(struct sqlstore *s, const char *sql, struct errmsg *msg)
{
	sqlite3_stmt *slot = NULL;
	assert_int_equal(sqlite3_prepare_v2(sqlstore_handle(s), sql, -1, &slot, NULL), SQLITE_OK);
	enum err err = sqlstore_run(s, slot, msg);
	sqlite3_finalize(slot);
	return err;
}

static int64_t number(struct sqlstore *s, const char *sql)
{
	sqlite3_stmt *stmt = NULL;
	assert_int_equal(sqlite3_prepare_v2(sqlstore_handle(s), sql, -1, &stmt, NULL), SQLITE_OK);
	assert_int_equal(sqlite3_step(stmt), SQLITE_ROW);
	int64_t n = sqlite3_column_int64(stmt, 0);
	sqlite3_finalize(stmt);
	return n;
}

static void write_file(const char *name, const void *data, size_t len)
{
	int fd = open(name, O_WRONLY | O_CREAT | O_TRUNC, 0600);
	assert_true(fd >= 0);
	assert_int_equal(write(fd, data, len), (ssize_t)len);
	close(fd);
}

static void creates_with_the_right_settings(void **state)
{
	(void)state;
	umask(022);
	struct sqlstore *s = open_ok(SQLSTORE_CREATE);
	assert_string_equal(sqlstore_path(s), path);
	assert_int_equal(number(s, "PRAGMA user_version"), 2);
	assert_int_equal((uint32_t)number(s, "PRAGMA application_id"), 0xf0057e57);
	assert_int_equal(number(s, "PRAGMA synchronous"), 2);
	assert_int_equal(number(s, "PRAGMA foreign_keys"), 1);
	assert_int_equal(number(s, "PRAGMA cell_size_check"), 1);
	assert_int_equal(number(s, "SELECT journal_mode = 'wal' FROM pragma_journal_mode"), 1);
	struct stat st;
	static const char *const suffixes[] = {"", "-wal", "-shm", ".lock"};
	for (size_t i = 0; i < 4; i++) {
		assert_int_equal(stat(beside(suffixes[i]), &st), 0);
		assert_int_equal(st.st_mode & 07777, 0600);
	}
	sqlstore_close(s);
	sqlstore_close(open_ok(SQLSTORE_CREATE));
	sqlstore_close(open_ok(SQLSTORE_WRITE));
	sqlstore_close(open_ok(SQLSTORE_READ));
	sqlstore_close(NULL);
}

static void missing_and_empty(void **state)
{
	(void)state;
	open_fails(SQLSTORE_READ, &schema, ERR_NOTFOUND, "init");
	open_fails(SQLSTORE_WRITE, &schema, ERR_NOTFOUND, "init");
	assert_int_equal(access(beside(".lock"), F_OK), -1);
	write_file(path, "", 0);
	open_fails(SQLSTORE_READ, &schema, ERR_NOTFOUND, "empty");
	open_fails(SQLSTORE_WRITE, &schema, ERR_NOTFOUND, "empty");
	sqlstore_close(open_ok(SQLSTORE_CREATE));
	sqlstore_close(open_ok(SQLSTORE_WRITE));

	struct sqlstore *s;
	struct errmsg msg = {0};
	assert_int_equal(sqlstore_open(&s, "/nonexistent/dir/roost.db", SQLSTORE_CREATE, &schema, &msg), ERR_IO);
	assert_non_null(strstr(msg.text, "directory"));
	assert_int_equal(sqlstore_open(&s, "", SQLSTORE_CREATE, &schema, &msg), ERR_USAGE);
	assert_int_equal(sqlstore_open(&s, "/tmp/", SQLSTORE_CREATE, &schema, &msg), ERR_FORMAT);
	assert_int_equal(sqlstore_open(&s, dir, SQLSTORE_READ, &schema, &msg), ERR_FORMAT);
}

static void not_a_database(void **state)
{
	(void)state;
	static const char text[] = "$ORIGIN home.example.\n@ 3600 IN SOA ns hostmaster 1 2 3 4 5\n";
	write_file(path, text, sizeof text - 1);
	open_fails(SQLSTORE_READ, &schema, ERR_FORMAT, "not a database");
	open_fails(SQLSTORE_WRITE, &schema, ERR_FORMAT, "not a database");
	open_fails(SQLSTORE_CREATE, &schema, ERR_FORMAT, "not a database");
	char back[sizeof text] = "";
	int fd = open(path, O_RDONLY);
	assert_int_equal(read(fd, back, sizeof back), sizeof text - 1);
	close(fd);
	assert_memory_equal(back, text, sizeof text - 1);
}

static void another_programs_database(void **state)
{
	(void)state;
	sqlite3 *db;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "CREATE TABLE theirs(x)", NULL, NULL, NULL), SQLITE_OK);
	open_fails(SQLSTORE_READ, &schema, ERR_FORMAT, "another program");
	open_fails(SQLSTORE_CREATE, &schema, ERR_FORMAT, "another program");
	assert_int_equal(sqlite3_exec(db, "DROP TABLE theirs; PRAGMA application_id=7", NULL, NULL, NULL), SQLITE_OK);
	open_fails(SQLSTORE_CREATE, &schema, ERR_FORMAT, "00000007");
	sqlite3_close(db);
	/* It was not even turned to WAL. */
	unsigned char header[20];
	int fd = open(path, O_RDONLY);
	assert_int_equal(read(fd, header, sizeof header), sizeof header);
	close(fd);
	assert_int_equal(header[18], 1);
}

static void damaged(void **state)
{
	(void)state;
	sqlstore_close(open_ok(SQLSTORE_CREATE));
	int fd = open(path, O_RDWR);
	/* Page 1's b-tree header follows the 100 octets of the file's own. */
	assert_int_equal(pwrite(fd, "\xff\xff\xff\xff\xff\xff\xff\xff", 8, 100), 8);
	close(fd);
	open_fails(SQLSTORE_READ, &schema, ERR_CORRUPT, "backup");
	open_fails(SQLSTORE_WRITE, &schema, ERR_CORRUPT, "backup");
	assert_int_equal(truncate(path, 50), 0);
	open_fails(SQLSTORE_WRITE, &schema, ERR_CORRUPT, "backup");
}

static void versions(void **state)
{
	(void)state;
	struct sqlstore *s;
	assert_int_equal(sqlstore_open(&s, path, SQLSTORE_CREATE, &older, NULL), ERR_OK);
	assert_int_equal(execute(s, "INSERT INTO parent(name) VALUES('kept')", NULL), ERR_OK);
	sqlstore_close(s);
	open_fails(SQLSTORE_READ, &schema, ERR_REFUSED, "start roostd or run roostctl init");

	static const char *const broken_step[] = {"SELECT 1", "CREATE TABLE half(x); CREATE TABLE parent(y)", NULL};
	static const struct sqlstore_schema broken = {.application_id = 0xf0057e57, .migrations = broken_step};
	open_fails(SQLSTORE_WRITE, &broken, ERR_CORRUPT, "1 to 2 failed");
	static const char *const dangling_step[] = {
		"SELECT 1",
		"CREATE TABLE c(p REFERENCES parent(id)); INSERT INTO c VALUES(99)",
		NULL,
	};
	static const struct sqlstore_schema dangling = {.application_id = 0xf0057e57, .migrations = dangling_step};
	open_fails(SQLSTORE_WRITE, &dangling, ERR_CORRUPT, "1 rows refer");

	s = open_ok(SQLSTORE_WRITE);
	assert_int_equal(number(s, "SELECT count(*) FROM parent WHERE name = 'kept'"), 1);
	assert_int_equal(number(s, "SELECT count(*) FROM sqlite_schema WHERE name IN ('half', 'c')"), 0);
	assert_int_equal(number(s, "PRAGMA user_version"), 2);
	sqlstore_close(s);
	open_fails(SQLSTORE_READ, &older, ERR_TOONEW, "newer Roost");
	open_fails(SQLSTORE_WRITE, &older, ERR_TOONEW, "newer Roost");
	open_fails(SQLSTORE_CREATE, &older, ERR_TOONEW, "newer Roost");
}

static void one_writer(void **state)
{
	(void)state;
	char pid[32];
	snprintf(pid, sizeof pid, "(pid %ld)", (long)getpid());
	struct sqlstore *writer = open_ok(SQLSTORE_CREATE);
	open_fails(SQLSTORE_WRITE, &schema, ERR_BUSY, pid);
	open_fails(SQLSTORE_CREATE, &schema, ERR_BUSY, "in use by another roostd or roostctl");
	sqlstore_close(open_ok(SQLSTORE_READ));

	/* By another name. */
	assert_int_equal(symlink(path, beside(".link")), 0);
	struct sqlstore *s;
	assert_int_equal(sqlstore_open(&s, side, SQLSTORE_WRITE, &schema, NULL), ERR_BUSY);

	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0)
		_exit(sqlstore_open(&s, path, SQLSTORE_WRITE, &schema, NULL) == ERR_BUSY ? 0 : 1);
	int status;
	waitpid(child, &status, 0);
	assert_int_equal(status, 0);
	sqlstore_close(writer);
	sqlstore_close(open_ok(SQLSTORE_WRITE));
}

static void the_lock_dies_with_its_process(void **state)
{
	(void)state;
	int ready[2];
	assert_int_equal(pipe(ready), 0);
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		struct sqlstore *s = open_ok(SQLSTORE_CREATE);
		if (sqlstore_begin(s, NULL) == ERR_OK &&
		    execute(s, "INSERT INTO parent(name) VALUES('committed')", NULL) == ERR_OK &&
		    sqlstore_commit(s, NULL) == ERR_OK && sqlstore_begin(s, NULL) == ERR_OK &&
		    execute(s, "INSERT INTO parent(name) VALUES('lost')", NULL) == ERR_OK &&
		    write(ready[1], "x", 1) == 1)
			pause();
		_exit(1);
	}
	char byte;
	assert_int_equal(read(ready[0], &byte, 1), 1);
	open_fails(SQLSTORE_WRITE, &schema, ERR_BUSY, "pid");
	assert_int_equal(kill(child, SIGKILL), 0);
	waitpid(child, NULL, 0);
	close(ready[0]);
	close(ready[1]);
	struct sqlstore *s = open_ok(SQLSTORE_WRITE);
	assert_int_equal(number(s, "SELECT count(*) FROM parent"), 1);
	sqlstore_close(s);
}

static void read_mode_writes_nothing_and_keeps_its_snapshot(void **state)
{
	(void)state;
	struct errmsg msg = {0};
	struct sqlstore *writer = open_ok(SQLSTORE_CREATE), *reader = open_ok(SQLSTORE_READ);
	assert_int_equal(execute(reader, "INSERT INTO parent(name) VALUES('x')", &msg), ERR_IO);
	assert_non_null(strstr(msg.text, path));
	assert_int_equal(sqlstore_begin(reader, &msg), ERR_OK);
	assert_int_equal(execute(writer, "INSERT INTO parent(name) VALUES('later')", &msg), ERR_OK);
	assert_int_equal(number(reader, "SELECT count(*) FROM parent"), 0);
	assert_int_equal(sqlstore_commit(reader, &msg), ERR_OK);
	assert_int_equal(number(reader, "SELECT count(*) FROM parent"), 1);
	sqlstore_close(reader);
	sqlstore_close(writer);
}

static void transactions(void **state)
{
	(void)state;
	struct errmsg msg = {0};
	struct sqlstore *s = open_ok(SQLSTORE_CREATE);
	sqlstore_rollback(s);
	for (int i = 0; i < 3; i++) {
		assert_int_equal(sqlstore_begin(s, &msg), ERR_OK);
		assert_int_equal(execute(s, "INSERT INTO parent(name) VALUES('a')", &msg), ERR_OK);
		sqlstore_rollback(s);
		sqlstore_rollback(s);
	}
	assert_int_equal(number(s, "SELECT count(*) FROM parent"), 0);
	assert_int_equal(sqlstore_begin(s, &msg), ERR_OK);
	assert_int_equal(execute(s, "INSERT INTO parent(name) VALUES('a')", &msg), ERR_OK);
	assert_int_equal(sqlstore_commit(s, &msg), ERR_OK);
	assert_int_equal(number(s, "SELECT count(*) FROM parent"), 1);
	assert_int_equal(sqlstore_commit(s, &msg), ERR_IO);
	sqlstore_close(s);

	/* A foreign writer in the middle of a transaction is waited for, then reported. */
	s = open_ok(SQLSTORE_WRITE);
	sqlite3_busy_timeout(sqlstore_handle(s), 10);
	sqlite3 *db;
	assert_int_equal(sqlite3_open(path, &db), SQLITE_OK);
	assert_int_equal(sqlite3_exec(db, "BEGIN IMMEDIATE", NULL, NULL, NULL), SQLITE_OK);
	assert_int_equal(sqlstore_begin(s, &msg), ERR_BUSY);
	assert_non_null(strstr(msg.text, "try again"));
	sqlite3_close(db);
	assert_int_equal(sqlstore_begin(s, &msg), ERR_OK);
	sqlstore_close(s);
}

static void statements(void **state)
{
	(void)state;
	struct errmsg msg = {0};
	struct sqlstore *s = open_ok(SQLSTORE_CREATE);
	static sqlite3_stmt *slots[100];
	for (int i = 0; i < 100; i++)
		assert_int_equal(sqlstore_prepare(s, &slots[i], "INSERT INTO parent(name) VALUES(?1)", &msg), ERR_OK);
	sqlite3_stmt *first = slots[0];
	assert_int_equal(sqlstore_prepare(s, &slots[0], "INSERT INTO parent(name) VALUES(?1)", &msg), ERR_OK);
	assert_ptr_equal(slots[0], first);
	sqlite3_bind_text(first, 1, "a", -1, SQLITE_STATIC);
	assert_int_equal(sqlstore_run(s, first, &msg), ERR_OK);
	/* The binding is gone: NULL breaks NOT NULL. */
	assert_int_equal(sqlstore_run(s, first, &msg), ERR_RANGE);
	sqlite3_bind_text(first, 1, "a", -1, SQLITE_STATIC);
	assert_int_equal(sqlstore_run(s, first, &msg), ERR_EXISTS);
	sqlite3_bind_text(first, 1, "b", -1, SQLITE_STATIC);
	assert_int_equal(sqlstore_run(s, first, &msg), ERR_OK);
	assert_int_equal(execute(s, "INSERT INTO child(parent) VALUES(99)", &msg), ERR_REFUSED);
	assert_int_equal(execute(s, "INSERT INTO child(parent, size) VALUES(1, 0)", &msg), ERR_RANGE);
	assert_int_equal(execute(s, "INSERT INTO child(parent, size) VALUES(1, 'x')", &msg), ERR_RANGE);

	sqlite3_stmt *rows = NULL, *wrong = NULL;
	bool row;
	assert_int_equal(sqlstore_prepare(s, &rows, "SELECT name FROM parent ORDER BY name", &msg), ERR_OK);
	for (int pass = 0; pass < 2; pass++) {
		assert_int_equal(sqlstore_step(s, rows, &row, &msg), ERR_OK);
		assert_true(row);
		assert_string_equal((const char *)sqlite3_column_text(rows, 0), "a");
		assert_int_equal(sqlstore_step(s, rows, &row, &msg), ERR_OK);
		assert_true(row);
		assert_int_equal(sqlstore_step(s, rows, &row, &msg), ERR_OK);
		assert_false(row);
	}
	assert_int_equal(sqlstore_prepare(s, &wrong, "SELECT x FROM nowhere", &msg), ERR_CORRUPT);
	assert_null(wrong);
	assert_non_null(strstr(msg.text, "nowhere"));
	sqlstore_close(s);
	assert_null(slots[0]);
	assert_null(slots[99]);
	assert_null(rows);
}

static void error_sentences(void **state)
{
	(void)state;
	struct errmsg msg = {0};
	struct sqlstore *s = open_ok(SQLSTORE_CREATE);
	assert_int_equal(execute(s, "PRAGMA max_page_count=1", &msg),
			 ERR_OK); /* as far as SQLite goes, the disk is full */
	sqlite3_exec(sqlstore_handle(s), "BEGIN; INSERT INTO parent(name) VALUES(hex(zeroblob(100000)))", NULL, NULL,
		     NULL);
	assert_int_equal(sqlstore_error(s, &msg, "loading zone home.example"), ERR_NOSPACE);
	assert_non_null(strstr(msg.text, "loading zone home.example: "));
	assert_non_null(strstr(msg.text, "free some space"));
	assert_int_equal(sqlstore_error(s, NULL, NULL), ERR_NOSPACE);
	sqlstore_rollback(s);
	sqlstore_close(s);
}

/* Runs fn as a user without rights: as root every permission is granted. */
static void as_nobody(int (*fn)(void))
{
	pid_t child = fork();
	assert_true(child >= 0);
	if (child == 0) {
		if (geteuid() == 0 && setuid(NOBODY) != 0)
			_exit(99);
		_exit(fn());
	}
	int status;
	waitpid(child, &status, 0);
	assert_true(WIFEXITED(status));
	assert_int_equal(WEXITSTATUS(status), 0);
}

static int opens_as(enum sqlstore_mode mode, enum err code, const char *word)
{
	struct sqlstore *s;
	struct errmsg msg = {0};
	enum err err = sqlstore_open(&s, path, mode, &schema, &msg);
	sqlstore_close(s);
	if (err == code && strstr(msg.text, word))
		return 0;
	fprintf(stderr, "wanted %s with '%s', got %s: %s\n", err_text(code), word, err_text(err), msg.text);
	return 1;
}

static int file_unreadable(void)
{
	return opens_as(SQLSTORE_READ, ERR_IO, "cannot be read") + opens_as(SQLSTORE_WRITE, ERR_IO, "cannot be read");
}

static int file_read_only(void)
{
	return opens_as(SQLSTORE_WRITE, ERR_IO, "cannot be written") +
	       opens_as(SQLSTORE_CREATE, ERR_IO, "cannot be written");
}

static int directory_read_only(void)
{
	return opens_as(SQLSTORE_WRITE, ERR_IO, "the directory of database") + opens_as(SQLSTORE_READ, ERR_IO, "-shm");
}

static int read_beside_a_writer(void)
{
	return opens_as(SQLSTORE_READ, ERR_OK, "");
}

static void permissions(void **state)
{
	(void)state;
	struct sqlstore *s = open_ok(SQLSTORE_CREATE);
	sqlstore_close(s);
	assert_int_equal(chmod(dir, 0555), 0);
	assert_int_equal(chmod(path, 0), 0);
	as_nobody(file_unreadable);
	assert_int_equal(chmod(path, 0444), 0);
	as_nobody(file_read_only);
	assert_int_equal(chmod(path, 0666), 0);
	as_nobody(directory_read_only);
	/* A writer that lives has made -shm already. */
	if (geteuid() == 0) {
		s = open_ok(SQLSTORE_WRITE);
		as_nobody(read_beside_a_writer);
		sqlstore_close(s);
	}
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(creates_with_the_right_settings, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(missing_and_empty, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(not_a_database, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(another_programs_database, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(damaged, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(versions, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(one_writer, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(the_lock_dies_with_its_process, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(read_mode_writes_nothing_and_keeps_its_snapshot, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(transactions, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(statements, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(error_sentences, make_dir, remove_dir),
		cmocka_unit_test_setup_teardown(permissions, make_dir, remove_dir),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
