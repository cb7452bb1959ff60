/* sqlstore_checkpoint.h: moves what COMMITs wrote to the WAL into the database file, on a thread with a connection of
 * its own.
 *
 *   COMMIT -> WAL --- soft bound ---> thread: passive checkpoints, until little is left -> database file
 *              |                                          |
 *              |   the writer's next COMMIT is followed by one that moves the rest <-+
 *              +-- SQLite then writes the WAL from its start again
 *
 * Under a stream of commits the thread alone would always leave a few frames behind, and the WAL would grow for ever.
 * The writer pays for those few, once in thousands of commits. A reader that stays in its transaction holds the WAL's
 * end back: the WAL grows as long as that takes, and the log says so.
 *
 * Threads: the thread that owns the sqlstore starts and stops it; nobody writes through the sqlstore meanwhile,
 * unless it is the writer thread that it was handed to. */
#ifndef ROOST_LIB_SQLSTORE_CHECKPOINT_H
#define ROOST_LIB_SQLSTORE_CHECKPOINT_H

#include "lib/sqlstore.h"

struct sqlstore_checkpoint;

/* Takes the place of SQLite's own checkpoints in COMMIT on this handle (mode WRITE or CREATE), which must outlive it.
 */
MUST_USE enum err sqlstore_checkpoint_start(struct sqlstore_checkpoint **out, struct sqlstore *s, struct errmsg *msg);
/* Ends the thread, after the checkpoint at hand; the handle gets SQLite's own checkpoints back. NULL is fine. */
void sqlstore_checkpoint_stop(struct sqlstore_checkpoint *c);

/* What the WAL may hold before it is moved, in pages of a database that has so many. */
unsigned sqlstore_checkpoint_soft_bound(int64_t pages);

#endif
