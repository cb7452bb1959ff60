/* loader.h: all zones of the database into the directory, when roostd starts. Several threads where there are several
 * cores: each has a handle of its own and takes some zones at a time. A zone whose rows fail their check is logged and
 * stands in the directory without content, so that its names get SERVFAIL; the others are served.
 *
 * Threads: call it before any other thread reads the directory; the caller's open write transaction (or lock) sees to
 * it that all handles read the same. */
#ifndef ROOST_SERVER_LOADER_H
#define ROOST_SERVER_LOADER_H

#include "zones/memory/directory.h"

/* *damaged: zones without content, because of their rows. */
MUST_USE enum err loader_run(struct directory *directory, const char *database, size_t *damaged, struct errmsg *msg);

#endif
