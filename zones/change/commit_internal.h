/* commit_internal.h: what zones/change/commit.c (batches, updates) and zones/change/commit_replace.c (whole zones) share. For no
 * one else. */
#ifndef ROOST_ZONES_COMMIT_INTERNAL_H
#define ROOST_ZONES_COMMIT_INTERNAL_H

#include "zones/change/commit.h"
#include "zones/change/lease.h"

/* From non-zero numbers to numbers; open addressing, slots a power of two. */
struct commit_map {
	struct commit_map_slot {
		uint64_t key; /* 0: free */
		int64_t value;
	} * slot;
	size_t slots, used;
};

/* A zone that the batch has an edit on. */
struct commit_open_zone {
	struct zone *zone;
	struct edit *edit;
	struct zonestore_zone row; /* id 0: not read yet */
	bool changed;
	int64_t change;  /* id of the last change row */
	uint32_t serial; /* of the last version */
};

struct commit {
	struct zonestore *store;
	struct sqlstore *sql;
	struct directory *directory;
	bool lazy;
	struct permit *permit;
	struct lease_names *leases;
	bool leased; /* the batch at hand has to do with leases */
	struct commit_hooks hooks;

	bool begun; /* a transaction is open */
	struct commit_open_zone *open;
	size_t open_count, open_cap;
	struct commit_map open_index; /* zone's address -> index in open */
	struct commit_map authors;    /* name and zone, hashed -> change row that touched it last */
	struct commit_map rows;       /* zone's address -> what updates want of its row; from batch to batch */

	struct zone **touched; /* held; published since their memory was last all freed */
	size_t touched_count, touched_cap;
	struct commit_map touched_index;
	size_t failures; /* in this commit_run */
	bool stored;     /* a change of this commit_run is */
	bool stale;      /* admin_changed is to be called again */
};

/* A SOA kept while the edit goes on: two names and five numbers at most. */
struct commit_soa {
	uint32_t ttl, serial;
	uint16_t rdlen;
	uint8_t rdata[2 * NAME_WIRE_MAX + 20];
};

/* Journals records: one pass for deletions, one for additions, so that they stand in IXFR's order. */
struct commit_journal {
	struct commit *c;
	const uint8_t *zone;
	int64_t version;
	bool add;
	struct errmsg *why;
};

/* Begins the transaction unless it is open; ends it. A transaction that fails is rolled back by commit_run. */
MUST_USE enum err commit_begin(struct commit *c, struct errmsg *why);
MUST_USE enum err commit_transaction(struct commit *c, struct errmsg *why);

/* The zone that is served under that name, loaded first if the committer is lazy. ERR_NOTFOUND if we do not serve it.
 */
MUST_USE enum err commit_find_zone(struct commit *c, const uint8_t *name, struct zone **out, struct errmsg *why);

/* False if rr is not a SOA. */
bool commit_copy_soa(struct commit_soa *out, const struct content_rr *rr);

/* Begins the journal's row of a version and who made it, *id; zonestore_end_version writes it. from NULL: the zone had
 * no content. */
MUST_USE enum err commit_begin_history(struct commit *c, int64_t zone, const struct job *job, const char *note,
				       const struct commit_soa *from, const struct commit_soa *to, bool full,
				       int64_t *id, struct errmsg *why);
/* Writes one record if it belongs to this pass. */
MUST_USE enum err commit_journal_rr(struct commit_journal *j, const uint8_t *owner, bool add,
				    const struct content_rr *rr);

/* Remembers a zone whose old versions wait for readers. Without memory for that, its next publish frees them. */
void commit_touch(struct commit *c, struct zone *z);

/* False if there is none. */
bool commit_edited_soa(const struct edit *e, struct commit_soa *out);

/* What changed since the edit's savepoint, as one version of the journal. */
MUST_USE enum err commit_journal_edit(struct commit *c, struct edit *e, int64_t zone, const struct job *job,
				      const struct commit_soa *from, const struct commit_soa *to, int64_t *id,
				      struct errmsg *why);

/* The rows of all names that the edit touched, and the zone's serial; then edit_prepare: after that, only COMMIT can
 * fail. change: the last version's id. */
MUST_USE enum err commit_store_edit(struct commit *c, struct edit *e, int64_t zone, int64_t change, uint32_t serial,
				    struct errmsg *why);

/* JOB_DELTAS and JOB_BLANK, up to their publication (zones/change/commit_deltas.c). */
MUST_USE enum err commit_deltas(struct commit *c, struct job *job, struct errmsg *why);
MUST_USE enum err commit_blank(struct commit *c, struct job *job, struct errmsg *why);

/* Call the hooks. */
void commit_announce(struct commit *c, const uint8_t *zone, uint32_t serial, bool present);
void commit_announce_admin(struct commit *c);

/* JOB_REPLACE, up to its COMMIT and its place in the directory (zones/change/commit_replace.c). */
MUST_USE enum err commit_replace(struct commit *c, struct job *job, struct errmsg *why);

#endif
