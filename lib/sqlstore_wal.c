/* sqlstore_wal.c: see sqlstore_wal.h. */
#include "lib/sqlstore_wal.h"

#include <stddef.h>
#include <stdint.h>

enum {
	INDEX_FORMAT = 3007000,
	INDEX_REGION = 32768, /* octets that xShmMap maps at once */
	BACKFILL_AT = 96 / sizeof(uint32_t),
	CHECKPOINT_LOCK = 1 /* WAL_CKPT_LOCK: the second of the eight */
};

/* The open file with methods for shared memory, or NULL. */
static sqlite3_file *file_of(sqlite3 *db)
{
	sqlite3_file *file = NULL;
	if (sqlite3_file_control(db, "main", SQLITE_FCNTL_FILE_POINTER, &file) != SQLITE_OK || !file->pMethods ||
	    file->pMethods->iVersion < 2)
		return NULL;
	return file;
}

bool sqlstore_wal_start_over(sqlite3 *db)
{
	sqlite3_file *file = file_of(db);
	volatile void *memory = NULL;
	int taking = SQLITE_SHM_LOCK | SQLITE_SHM_EXCLUSIVE, giving = SQLITE_SHM_UNLOCK | SQLITE_SHM_EXCLUSIVE;
	if (!file || file->pMethods->xShmMap(file, 0, INDEX_REGION, 0, &memory) != SQLITE_OK || !memory)
		return false;
	volatile uint32_t *index = memory;
	if (index[0] != INDEX_FORMAT || file->pMethods->xShmLock(file, CHECKPOINT_LOCK, 1, taking) != SQLITE_OK)
		return false;
	__atomic_store_n(&index[BACKFILL_AT], 0, __ATOMIC_RELEASE);
	file->pMethods->xShmLock(file, CHECKPOINT_LOCK, 1, giving);
	return true;
}

int sqlstore_wal_sync(sqlite3 *db)
{
	sqlite3_file *file = file_of(db);
	return file ? file->pMethods->xSync(file, SQLITE_SYNC_NORMAL) : SQLITE_ERROR;
}
