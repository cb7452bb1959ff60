/* sqlvfs.h: SQLite's own VFS, but for one thing: what a transaction writes to the WAL goes to the kernel in one piece.
 *
 * SQLite writes the header and the page of each frame by themselves, so a commit of eight pages takes sixteen system
 * calls before its fsync. The WAL grows at its end, so these are neighbours: they are gathered, and written with the
 * transaction's last frame, before SQLite syncs the file and tells other connections of them. What this connection
 * itself wants to read before (pages that it had to spill) is written first. */
#ifndef ROOST_LIB_SQLVFS_H
#define ROOST_LIB_SQLVFS_H

/* The name for sqlite3_open_v2; NULL, SQLite's own, if it cannot be had. From any thread. */
const char *sqlvfs_name(void);

#endif
