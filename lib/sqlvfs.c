/* sqlvfs.c: see sqlvfs.h. Files other than a WAL are the wrapped VFS's, without a step between. */
#include "lib/sqlvfs.h"

#include <pthread.h>
#include <sqlite3.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdlib.h>
#include <string.h>

#include "lib/buf.h"

#define VFS_NAME "roost"

/* Octets, 15 frames and more: of longer writes there would be little to gain, and SQLite's VFS takes none of 128 KiB. */
enum { GATHERED_MAX = 64 << 10 };

/* A frame (sqlite.org/fileformat2.html §4.1) is a header and a page. */
enum {
	FRAME_HEADER = 24, /* octets */
	FRAME_SIZE_AT = 4  /* in the header, 4 octets: pages of the database after a commit, 0 if it goes on */
};

/* A WAL. The wrapped VFS's file stands behind it. */
struct wal {
	sqlite3_file base;
	uint8_t *octets; /* not written yet */
	int len;
	sqlite3_int64 at;   /* where they belong */
	sqlite3_int64 next; /* behind the last write; behind the gathered octets, if there are any */
	bool commit;        /* the page to come is a transaction's last */
};

static sqlite3_vfs *inner; /* set once, before the VFS is registered */

static sqlite3_file *behind(struct wal *w)
{
	return (sqlite3_file *)(w + 1);
}

static struct wal *wal_of(sqlite3_file *file)
{
	return (struct wal *)(void *)file;
}

static int write_out(struct wal *w)
{
	int len = w->len;
	w->len = 0; /* also if it fails: then SQLite gives the transaction up */
	return len ? behind(w)->pMethods->xWrite(behind(w), w->octets, len, w->at) : SQLITE_OK;
}

static bool has_room(struct wal *w, int amount)
{
	if (!w->octets)
		w->octets = malloc(GATHERED_MAX);
	return w->octets && amount <= GATHERED_MAX - w->len;
}

static int write_through(struct wal *w, const void *octets, int amount, sqlite3_int64 at)
{
	return behind(w)->pMethods->xWrite(behind(w), octets, amount, at);
}

static int gather(struct wal *w, const void *octets, int amount, sqlite3_int64 at)
{
	int rc = has_room(w, amount) ? SQLITE_OK : write_out(w);
	if (rc != SQLITE_OK)
		return rc;
	if (!has_room(w, amount)) /* no memory */
		return write_through(w, octets, amount, at);
	if (!w->len)
		w->at = at;
	memcpy(w->octets + w->len, octets, (size_t)amount);
	w->len += amount;
	return SQLITE_OK;
}

static int wal_write(sqlite3_file *file, const void *octets, int amount, sqlite3_int64 at)
{
	struct wal *w = wal_of(file);
	bool last = w->commit, neighbour = at == w->next;
	int rc = neighbour ? SQLITE_OK : write_out(w);
	w->next = at + amount;
	w->commit = amount == FRAME_HEADER && buf_load_u32((const uint8_t *)octets + FRAME_SIZE_AT) != 0;
	if (rc == SQLITE_OK)
		rc = neighbour ? gather(w, octets, amount, at) : write_through(w, octets, amount, at);
	return rc == SQLITE_OK && last ? write_out(w) : rc;
}

static int wal_read(sqlite3_file *file, void *octets, int amount, sqlite3_int64 at)
{
	struct wal *w = wal_of(file);
	int rc = write_out(w);
	return rc == SQLITE_OK ? behind(w)->pMethods->xRead(behind(w), octets, amount, at) : rc;
}

static int wal_truncate(sqlite3_file *file, sqlite3_int64 size)
{
	struct wal *w = wal_of(file);
	int rc = write_out(w);
	return rc == SQLITE_OK ? behind(w)->pMethods->xTruncate(behind(w), size) : rc;
}

static int wal_sync(sqlite3_file *file, int flags)
{
	struct wal *w = wal_of(file);
	int rc = write_out(w);
	return rc == SQLITE_OK ? behind(w)->pMethods->xSync(behind(w), flags) : rc;
}

static int wal_size(sqlite3_file *file, sqlite3_int64 *size)
{
	struct wal *w = wal_of(file);
	int rc = write_out(w);
	return rc == SQLITE_OK ? behind(w)->pMethods->xFileSize(behind(w), size) : rc;
}

/* What is still gathered is of a transaction that never was. */
static int wal_close(sqlite3_file *file)
{
	struct wal *w = wal_of(file);
	free(w->octets);
	return behind(w)->pMethods->xClose(behind(w));
}

static int wal_lock(sqlite3_file *file, int kind)
{
	return behind(wal_of(file))->pMethods->xLock(behind(wal_of(file)), kind);
}

static int wal_unlock(sqlite3_file *file, int kind)
{
	return behind(wal_of(file))->pMethods->xUnlock(behind(wal_of(file)), kind);
}

static int wal_check_lock(sqlite3_file *file, int *held)
{
	return behind(wal_of(file))->pMethods->xCheckReservedLock(behind(wal_of(file)), held);
}

static int wal_control(sqlite3_file *file, int op, void *arg)
{
	return behind(wal_of(file))->pMethods->xFileControl(behind(wal_of(file)), op, arg);
}

static int wal_sector(sqlite3_file *file)
{
	return behind(wal_of(file))->pMethods->xSectorSize(behind(wal_of(file)));
}

static int wal_traits(sqlite3_file *file)
{
	return behind(wal_of(file))->pMethods->xDeviceCharacteristics(behind(wal_of(file)));
}

static const sqlite3_io_methods wal_methods = {.iVersion = 1,
					       .xClose = wal_close,
					       .xRead = wal_read,
					       .xWrite = wal_write,
					       .xTruncate = wal_truncate,
					       .xSync = wal_sync,
					       .xFileSize = wal_size,
					       .xLock = wal_lock,
					       .xUnlock = wal_unlock,
					       .xCheckReservedLock = wal_check_lock,
					       .xFileControl = wal_control,
					       .xSectorSize = wal_sector,
					       .xDeviceCharacteristics = wal_traits};

/* SQLite gives szOsFile octets for the file. */
static int open_file(sqlite3_vfs *vfs, const char *name, sqlite3_file *file, int flags, int *out_flags)
{
	(void)vfs;
	if (!(flags & SQLITE_OPEN_WAL))
		return inner->xOpen(inner, name, file, flags, out_flags);
	struct wal *w = wal_of(file);
	memset(w, 0, sizeof(*w));
	int rc = inner->xOpen(inner, name, behind(w), flags, out_flags);
	if (behind(w)->pMethods) /* set also by an open that failed, if it wants to be closed */
		w->base.pMethods = &wal_methods;
	return rc;
}

/* ---- the rest is the wrapped VFS's ---- */

static int delete_file(sqlite3_vfs *vfs, const char *name, int sync)
{
	(void)vfs;
	return inner->xDelete(inner, name, sync);
}

static int access_file(sqlite3_vfs *vfs, const char *name, int flags, int *out)
{
	(void)vfs;
	return inner->xAccess(inner, name, flags, out);
}

static int full_name(sqlite3_vfs *vfs, const char *name, int size, char *out)
{
	(void)vfs;
	return inner->xFullPathname(inner, name, size, out);
}

static int randomness(sqlite3_vfs *vfs, int size, char *out)
{
	(void)vfs;
	return inner->xRandomness(inner, size, out);
}

static int sleep_us(sqlite3_vfs *vfs, int us)
{
	(void)vfs;
	return inner->xSleep(inner, us);
}

static int last_error(sqlite3_vfs *vfs, int size, char *out)
{
	(void)vfs;
	return inner->xGetLastError(inner, size, out);
}

static int current_time(sqlite3_vfs *vfs, double *out)
{
	(void)vfs;
	return inner->xCurrentTime(inner, out);
}

static int current_time_ms(sqlite3_vfs *vfs, sqlite3_int64 *out)
{
	(void)vfs;
	return inner->xCurrentTimeInt64(inner, out);
}

static bool registered;

static void register_once(void)
{
	static sqlite3_vfs vfs = {.iVersion = 2,
				  .zName = VFS_NAME,
				  .xOpen = open_file,
				  .xDelete = delete_file,
				  .xAccess = access_file,
				  .xFullPathname = full_name,
				  .xRandomness = randomness,
				  .xSleep = sleep_us,
				  .xCurrentTime = current_time,
				  .xGetLastError = last_error,
				  .xCurrentTimeInt64 = current_time_ms};
	inner = sqlite3_vfs_find(NULL);
	if (!inner || inner->iVersion < 2)
		return;
	vfs.szOsFile = (int)sizeof(struct wal) + inner->szOsFile;
	vfs.mxPathname = inner->mxPathname;
	registered = sqlite3_vfs_register(&vfs, 0) == SQLITE_OK;
}

const char *sqlvfs_name(void)
{
	static pthread_once_t once = PTHREAD_ONCE_INIT;
	pthread_once(&once, register_once);
	return registered ? VFS_NAME : NULL;
}
