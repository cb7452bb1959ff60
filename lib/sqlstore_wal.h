/* sqlstore_wal.h: below SQLite's interface: the parts of a WAL database that it keeps to itself, through the file's methods.
 * The shared memory (FILE-shm) begins:
 *
 *   octet 0    format of all this, 3007000
 *   octet 96   nBackfill: so many frames from the WAL's start need not be copied into the database file any more
 *
 * in the machine's byte order (sqlite.org/walformat.html §2). Whoever copies frames holds lock 1, exclusively. */
#ifndef ROOST_LIB_SQLSTORE_WAL_H
#define ROOST_LIB_SQLSTORE_WAL_H

#include <sqlite3.h>

#include <stdbool.h>

/* The next checkpoint copies every frame of the WAL, also those that were copied. False: somebody is at a checkpoint
 * just now, or the memory cannot be had; nothing has changed, try later. The connection has read the database before,
 * has no statement under way, and is this thread's. */
bool sqlstore_wal_start_over(sqlite3 *db);

/* Brings to the disk what checkpoints have written into the database file so far; a code of SQLite. */
int sqlstore_wal_sync(sqlite3 *db);

#endif
