/* job.h: a change on its way to the one writer (design §2): whatever its source, it becomes one of these. */
#ifndef ROOST_ZONES_JOB_H
#define ROOST_ZONES_JOB_H

#include "zones/change/update.h"
#include "zones/store/zonestore.h"

enum job_kind {
	JOB_UPDATE,  /* prerequisites and record operations on one zone */
	JOB_REPLACE, /* a whole zone from an image, as one version (import, AXFR in); makes the zone if it is new */
	JOB_DELTAS,  /* a secondary's: versions that its primary made (IXFR in), each one in the journal */
	JOB_BLANK, /* a secondary has no content that may be served (not transferred yet, or expired): every question gets
		      * SERVFAIL until it is replaced. Why not is the actor's note */
	JOB_REMOVE, /* the zone, with all that belongs to it */
	JOB_ADMIN,  /* keys, grants, peers: rows that are not zone content; `run` does it inside the transaction */
	JOB_CHORE   /* rows that nobody is told of; `run` does it inside the transaction */
};

/* Who wants it: goes into the history and the log. */
struct job_actor {
	char who[NAME_TEXT_MAX + 8]; /* "key nas.", "uid 0", "unsigned" */
	char source[72];             /* address@port or "" */
	char transport[12];          /* "udp" "tcp" "control" "local" */
	char note[256];
};

struct deltas;     /* zones/change/deltas.h */
struct zone_image; /* zones/file/zonefile.h: all records of a zone, not yet in the store */

struct job {
	struct job *next; /* queue link; the queue's owner's */
	enum job_kind kind;
	struct name zone; /* lower-case */
	struct job_actor actor;

	struct update *update;    /* JOB_UPDATE; owned by the job */
	int64_t expire;           /* JOB_UPDATE: not 0 (unix ms): `update` is made on the writer, by lease_expire */
	struct zone_image *image; /* JOB_REPLACE; owned by the job */
	struct deltas *deltas;    /* JOB_DELTAS; owned by the job */
	enum zone_role role;      /* JOB_REPLACE of a new zone */
	bool transfer;            /* JOB_REPLACE: from a primary. The zone must be there, and a secondary */
	/* JOB_ADMIN, JOB_CHORE: the change itself. JOB_REPLACE, JOB_DELTAS (NULL: none): rows that must come with the zone or not
	 * at all, after its own were written. A transfer's are told to nobody. */
	enum err (*run)(struct job *job, struct zonestore *store, struct errmsg *why);
	void *run_arg; /* for run; the submitter's */

	/* Results, valid when `done` is called. */
	enum rcode rcode;  /* JOB_UPDATE */
	enum err err;      /* others; ERR_OK also for an UPDATE that was decided, whatever its RCODE */
	struct errmsg why; /* what was wrong, for log and people */
	bool changed;      /* a version was made */
	uint32_t serial;   /* of the zone after the job */

	/* Called on the writer's thread after the commit is durable and published (or the job was decided without
	 * change). The callee owns the job from then on. */
	void (*done)(struct job *job);
	void *done_arg;
};

struct job *job_new(enum job_kind kind); /* zeroed; NULL when memory is short */
void job_free(struct job *job);          /* with update and image; NULL is fine */

#endif
