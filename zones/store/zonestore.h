/* zonestore.h: zones, records, versions, changes and peers in SQLite: the truth that memory is made from (design §4).
 *
 *   zone     id, name (text), role, serial policy, bounds of its history …   one row a zone
 *   rrset    zone, owner (sort key), type, covers | name (text with its case), ttl, rdata, change      what is served
 *   change   id, zone, time, actor, source, transport, rcode, note                                       who asked for what:
 *            | serial from -> to, SOA before and after, records deleted and added                        one committed step of a zone (a version)
 *   change_more change, seq, records                                                                    …of a large one
 *   peer     zone, address, key                                                                         secondaries to NOTIFY
 *
 * `rrset.rdata` packs an RRset: for each record a two-octet length and the RDATA, in canonical order; so ORDER BY
 * owner, type reads a zone in canonical order.
 *
 * The journal is one row a change, written once, at the table's end; how its records are packed says
 * zonestore_journal.c. The apex SOA is not among them: it has columns of its own. A version whose `full` is 1
 * replaced the whole zone without a usable difference (first load): IXFR cannot cross it. Rows without serial_to are
 * no versions. Index change_zone finds the rows of a zone, in the order of their ids.
 *
 * All functions run in the caller's transaction (sqlstore_begin) unless they say otherwise. Threads: as the handle. */
#ifndef ROOST_ZONES_ZONESTORE_H
#define ROOST_ZONES_ZONESTORE_H

#include "keys/keystore.h"
#include "lib/sqlstore.h"
#include "zones/memory/zone.h"

struct zonestore; /* a handle with this room's statements */

/* Opens the database with the whole schema (keys' and zones'). Errors as sqlstore_open. */
MUST_USE enum err zonestore_open(struct zonestore **out, const char *path, enum sqlstore_mode mode, struct errmsg *msg);
void zonestore_close(struct zonestore *s);
struct sqlstore *zonestore_sql(struct zonestore *s);

enum zone_role { ZONE_PRIMARY = 1, ZONE_SECONDARY = 2 };
enum serial_policy { SERIAL_INCREMENT = 1, SERIAL_UNIXTIME = 2, SERIAL_DATED = 3 };

/* What is kept of a zone's history unless it has bounds of its own: a year of it, if that is no more than a GiB (two
 * million changes of one address). */
#define HISTORY_AGE_DEFAULT INT64_C(31536000)    /* seconds */
#define HISTORY_SIZE_DEFAULT INT64_C(1073741824) /* octets */

struct zonestore_zone {
	int64_t id;
	struct name name; /* lower-case */
	enum zone_role role;
	enum serial_policy policy;
	bool has_serial; /* false: no content yet */
	uint32_t serial;
	int64_t changed;                   /* unix ms of the last version, 0 = never */
	int64_t history_age, history_size; /* seconds, octets; 0: no bound */
};

MUST_USE enum err zonestore_add_zone(struct zonestore *s, struct zonestore_zone *z,
				     struct errmsg *msg); /* sets id; ERR_EXISTS */
MUST_USE enum err zonestore_find_zone(struct zonestore *s, const uint8_t *name, struct zonestore_zone *out,
				      struct errmsg *msg);
/* With its records, peers and grants. Its history goes too. */
MUST_USE enum err zonestore_remove_zone(struct zonestore *s, int64_t zone, struct errmsg *msg);
/* Serial policy and bounds of history. */
MUST_USE enum err zonestore_set_zone(struct zonestore *s, const struct zonestore_zone *z, struct errmsg *msg);
const char *zonestore_policy_text(enum serial_policy policy);
MUST_USE enum err zonestore_policy_from_text(enum serial_policy *out, const char *text); /* ERR_RANGE: none of them */
typedef enum err zonestore_zone_fn(void *arg, const struct zonestore_zone *z);
MUST_USE enum err zonestore_each_zone(struct zonestore *s, zonestore_zone_fn *fn, void *arg, struct errmsg *msg);

/* Where `count` zones end that begin at id `from`: those with ids from..*last are so many, or all there are; *more:
 * there are some behind them. */
MUST_USE enum err zonestore_zones_end(struct zonestore *s, int64_t from, unsigned count, int64_t *last, bool *more,
				      struct errmsg *msg);

/* ---- records ---- */

/* Stores the name's RRsets as `after` has them, given that the rows now are as `before` says (either may be NULL):
 * only rows that differ are touched. owner is wire with its case. */
MUST_USE enum err zonestore_put_name(struct zonestore *s, int64_t zone, const uint8_t *owner,
				     const struct content *before, const struct content *after, int64_t change,
				     struct errmsg *msg);
/* Deletes all rows of the zone (whole-zone replacement). */
MUST_USE enum err zonestore_clear_records(struct zonestore *s, int64_t zone, struct errmsg *msg);
/* Builds the zone in memory from its rows, checking every octet of them (ERR_CORRUPT names zone, owner and type). */
MUST_USE enum err zonestore_load(struct zonestore *s, const struct zonestore_zone *row, struct zone **out,
				 struct errmsg *msg);
/* The same for all zones with ids `from` to `to`, in that order, in one sweep. A zone whose rows fail their check does
 * not stop it: z is NULL then, and `fault` says what is wrong. The zone is the callee's, whatever it returns; an error
 * ends the sweep. */
typedef enum err zonestore_loaded_fn(void *arg, const struct zonestore_zone *row, struct zone *z,
				     const struct errmsg *fault);
MUST_USE enum err zonestore_load_between(struct zonestore *s, int64_t from, int64_t to, zonestore_loaded_fn *fn,
					 void *arg, struct errmsg *msg);

/* Rows in canonical order for export and listing, without building the zone. */
struct zonestore_rr {
	const uint8_t *owner; /* wire with its case */
	struct content_rr rr;
};
typedef enum err zonestore_rr_fn(void *arg, const struct zonestore_rr *rr);
MUST_USE enum err zonestore_each_rr(struct zonestore *s, int64_t zone, zonestore_rr_fn *fn, void *arg,
				    struct errmsg *msg);

/* The same for one name (any case); no call when nothing is there. */
MUST_USE enum err zonestore_each_rr_at(struct zonestore *s, int64_t zone, const uint8_t *owner, zonestore_rr_fn *fn,
				       void *arg, struct errmsg *msg);

/* ---- history ---- */

struct zonestore_version {
	int64_t id;
	int64_t zone;
	bool has_from;     /* false: the zone had no content before */
	uint32_t from, to; /* serials */
	int64_t time;      /* unix ms */
	bool full;         /* no usable difference */
	uint32_t soa_from_ttl, soa_to_ttl;
	const uint8_t *soa_from, *soa_to; /* RDATA; soa_from NULL when !has_from */
	uint16_t soa_from_len, soa_to_len;
};

struct zonestore_change {
	int64_t time;          /* the version's, when there is one */
	const char *actor;     /* "key nas.", "admin uid 0", … */
	const char *source;    /* address, or "" */
	const char *transport; /* "udp", "tcp", "control", "local" */
	const char *note;
	uint16_t rcode;
};

/* A version and who made it: begun, which sets v->id (higher than that of every version before it), then its records,
 * deletions first, then ended, which writes the row. What v and c point to must live until then. One at a time; one
 * that is begun and not ended never was. */
MUST_USE enum err zonestore_begin_version(struct zonestore *s, struct zonestore_version *v,
					  const struct zonestore_change *c, struct errmsg *msg);
MUST_USE enum err zonestore_add_change_rr(struct zonestore *s, bool add, const uint8_t *owner,
					  const struct content_rr *rr, struct errmsg *msg);
MUST_USE enum err zonestore_end_version(struct zonestore *s, struct errmsg *msg);

/* The zone row's serial and the time of its last version. Once is enough for all versions of a transaction: the last
 * one's. */
MUST_USE enum err zonestore_set_serial(struct zonestore *s, int64_t zone, uint32_t serial, int64_t changed,
				       struct errmsg *msg);

/* Newest first when `newest_first`, else oldest first; only what comes after version id `after` in that order (0:
 * from the end), at most `limit` (0 = all). Pointers are good until fn returns. */
typedef enum err zonestore_version_fn(void *arg, const struct zonestore_version *v, const struct zonestore_change *c);
MUST_USE enum err zonestore_each_version(struct zonestore *s, int64_t zone, bool newest_first, int64_t after,
					 unsigned limit, zonestore_version_fn *fn, void *arg, struct errmsg *msg);

/* Newest first, those that changed records of that name (any case), at most `limit` (0 = all). */
MUST_USE enum err zonestore_each_version_of(struct zonestore *s, int64_t zone, const uint8_t *owner, unsigned limit,
					    zonestore_version_fn *fn, void *arg, struct errmsg *msg);

/* Where a chain of versions starts that leads from `serial` to the current one without a gap or a full version:
 * *first is the id of the version whose `from` it is, *last the newest. ERR_NOTFOUND if the journal does not reach,
 * or not with `limit` versions: each is looked at. */
MUST_USE enum err zonestore_find_chain(struct zonestore *s, int64_t zone, uint32_t serial, unsigned limit,
				       int64_t *first, int64_t *last, struct errmsg *msg);

/* The newest version with that `to` serial. */
MUST_USE enum err zonestore_find_version(struct zonestore *s, int64_t zone, uint32_t to, int64_t *id,
					 struct errmsg *msg);

struct zonestore_change_rr {
	uint32_t seq;
	bool add;
	const uint8_t *owner; /* wire with its case */
	struct content_rr rr;
};
typedef enum err zonestore_change_rr_fn(void *arg, const struct zonestore_change_rr *rr);
/* Rows of one version from seq `from` on, in order: deletions first; at most `limit` (0 = all). */
MUST_USE enum err zonestore_each_change_rr(struct zonestore *s, int64_t version, uint32_t from, unsigned limit,
					   zonestore_change_rr_fn *fn, void *arg, struct errmsg *msg);

/* ---- peers ---- */

struct zonestore_peer {
	int64_t id;
	struct name zone;
	struct addr address;
	bool has_key;
	struct name key;
};
MUST_USE enum err zonestore_add_peer(struct zonestore *s, struct zonestore_peer *p,
				     struct errmsg *msg); /* ERR_EXISTS, ERR_NOTFOUND (zone, key) */
MUST_USE enum err zonestore_remove_peer(struct zonestore *s, const uint8_t *zone, const struct addr *address,
					struct errmsg *msg);
/* Peers with that (lower-case) key get the one of its identity that lasts longest, if it has another. */
MUST_USE enum err zonestore_hand_over_peers(struct zonestore *s, const uint8_t *key, struct errmsg *msg);
typedef enum err zonestore_peer_fn(void *arg, const struct zonestore_peer *p);
MUST_USE enum err zonestore_each_peer(struct zonestore *s, const uint8_t *zone, zonestore_peer_fn *fn, void *arg,
				      struct errmsg *msg); /* zone NULL: all */

#endif
