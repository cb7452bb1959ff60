/* commit.h: the writer without its thread: takes a batch of jobs through edit, one SQLite transaction, COMMIT,
 * publish, reply (design §2, §4).
 *
 * roostd runs it on its writer thread; roostctl runs it on a database that no server has open. A batch:
 *
 *   for each job:  savepoint, apply; refused -> roll back, else serial, journal rows
 *   rows of all names touched; COMMIT (durable)              an error: memory rolls back, the whole batch is run again job by job, so that one
 *   publish every edit; call every job's done                job's fault is its own; a job that fails alone gets SERVFAIL and the log says why
 *
 * One version a job that changed something; the serial rises by RFC 1982 once for each (RFC 2136 §3.6), unless the
 * job set a newer SOA itself. Threads: one thread owns a committer. */
#ifndef ROOST_ZONES_COMMIT_H
#define ROOST_ZONES_COMMIT_H

#include "zones/memory/directory.h"
#include "zones/change/job.h"

struct commit;

struct commit_hooks {
	/* After publish: the zone has a new serial (or is new, or gone: present = false). Same thread. */
	void (*published)(void *arg, const uint8_t *zone, uint32_t serial, bool present);
	/* After an ADMIN job that committed: keys, grants or peers may have changed. Before the job's done. False: they
	 * could not be read; called again before the next batch and when idle, until it is true. */
	bool (*admin_changed)(void *arg);
	/* After publish: records have got leases, or longer ones. */
	void (*leased)(void *arg);
	/* Around a batch's calls of `done`: the receivers of many answers need to be woken only once. */
	void (*delivering)(void *arg, bool begin);
	void *arg;
};

/* The store must be open for writing; the directory holds the zones that are loaded. If lazy, a zone that is in the
 * store but not in the directory is loaded when a job wants it (roostctl). */
MUST_USE enum err commit_new(struct commit **out, struct zonestore *store, struct directory *directory, bool lazy,
			     const struct commit_hooks *hooks);
void commit_free(struct commit *c);

enum commit_outcome {
	COMMIT_NOTHING, /* no job changed anything, or all were at fault themselves */
	COMMIT_STORED,
	COMMIT_FAILED /* a job was not stored for what is wrong with the store or the machine */
};
/* Runs a list of jobs (linked by next), in order; calls done for each. Never fails as a whole. */
enum commit_outcome commit_run(struct commit *c, struct job *list);

/* Housekeeping when idle: frees memory that readers have left. True if there is more to do later. */
bool commit_idle(struct commit *c);

/* The serial that follows by policy, never backwards (RFC 1982 §3.1; never 0 for BIND's sake). */
uint32_t commit_next_serial(enum serial_policy policy, uint32_t serial, uint64_t now);

#endif
