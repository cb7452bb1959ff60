/* zonestore_inside.h: what the files of the store share: the handle with its statements, binding, sentences, reading
 * rows. For zonestore*.c only. zonestore.c: schema, zones, peers; zonestore_records.c: what is served;
 * zonestore_load.c: zones in memory from it; zonestore_journal.c: changes and their records; zonestore_history.c:
 * walking the versions; zonestore_keep.c: their upkeep; zonestore_refusals.c: what was refused; zonestore_leases.c:
 * what ends by itself. */
#ifndef ROOST_ZONES_ZONESTORE_INSIDE_H
#define ROOST_ZONES_ZONESTORE_INSIDE_H

#include "zones/store/zonestore.h"

/* Records of a version, packed (zonestore_journal.c). */
struct zonestore_pack {
	uint8_t *octets;
	size_t len, cap;
	size_t owner_at, owner_len; /* of the last record's owner */
};

/* The version between zonestore_begin_version and zonestore_end_version. */
struct zonestore_making {
	struct zonestore_version version;
	struct zonestore_change change;
	struct zonestore_pack pack; /* records that no row has yet */
	uint32_t count;             /* records so far */
	uint32_t piece;             /* number of the first in `pack` */
	bool pieces;                /* they did not fit one row */
};

/* Statements are prepared at first use and live as long as the handle. */
struct zonestore {
	struct sqlstore *sql;

	sqlite3_stmt *add_zone, *find_zone, *each_zone, *zones_between, *zones_end, *zone_name, *set_serial, *set_zone;
	sqlite3_stmt *remove_pieces, *remove_changes, *remove_names, *remove_zone;
	sqlite3_stmt *add_primary, *put_checked, *each_secondary;
	sqlite3_stmt *add_peer, *remove_peer, *hand_over_peers, *each_peer, *each_zone_peer;

	sqlite3_stmt *insert_rrset, *update_rrset, *delete_rrset, *clear_rrsets, *count_rrsets, *each_rrset,
		*each_rrset_at;

	sqlite3_stmt *max_change, *add_change, *add_piece, *find_records, *each_piece;
	sqlite3_stmt *versions_up, *versions_down, *versions_of, *chain, *find_version;

	int64_t last_change; /* id; 0: not looked up yet */
	struct zonestore_making making;

	sqlite3_stmt *put_lease, *drop_lease, *drop_name_leases, *drop_zone_leases, *find_lease, *due_leases,
		*any_lease, *all_leases, *due_zones, *next_lease;
	sqlite3_stmt *add_refusal, *crowd_refusals, *each_refusal, *trim_refusals;
	sqlite3_stmt *keep_zones, *keep_read, *keep_write, *keep_name, *keep_forget, *keep_last, *keep_pieces,
		*keep_part, *keep_change, *keep_newest;

	uint8_t pack[CONTENT_RRSET_MAX]; /* an RRset on its way into its row; packing only makes it smaller */
};

/* The SQL functions that statements and migrations use. SQLite's code. */
int zonestore_inside_functions(sqlite3 *db);

/* Binds presentation form; `text` must live until the statement has run. */
void zonestore_inside_bind_name(sqlite3_stmt *stmt, int at, const uint8_t *name, char text[NAME_TEXT_MAX]);
/* Binds octets that live until the statement has run; of length 0 they are an empty blob, not NULL. */
void zonestore_inside_bind_blob(sqlite3_stmt *stmt, int at, const void *data, size_t len);

/* Gives up a walk before its last row. */
void zonestore_inside_stop(sqlite3_stmt *stmt);

/* The zone's name; "number 7" and false when it has no row (or none can be read). */
bool zonestore_inside_zone_text(struct zonestore *s, int64_t zone, char text[NAME_TEXT_MAX]);

/* ERR_CORRUPT: "zone home.example.: www.home.example. AAAA: what; remedy". owner may be NULL. */
enum err zonestore_inside_corrupt(struct zonestore *s, int64_t zone, const uint8_t *owner, uint16_t type,
				  const char *what, struct errmsg *msg);

/* A column that must hold a number from 0 to max. */
bool zonestore_inside_number(sqlite3_stmt *stmt, int column, int64_t max, int64_t *out);

/* The columns that zonestore_inside_zone reads, in order. */
#define ZONESTORE_ZONE_COLUMNS "id, name, role, policy, serial, changed, history_age, history_size"

/* A row of table zone. A serial out of range is as none: the content that it is of can only be replaced. */
MUST_USE enum err zonestore_inside_zone(struct zonestore *s, sqlite3_stmt *stmt, struct zonestore_zone *out,
					struct errmsg *msg);

/* Owner names of rows, from sort key and spelling. The key decides; the spelling is only parsed when it has
 * upper-case letters, which are all that it can add. */
struct zonestore_owner {
	struct name name; /* with its case */
	uint8_t key[NAME_KEY_MAX];
	size_t key_len;
	bool any; /* name and key are of a row */
};

/* Reads columns `key` and `spelling` of a row; *next says whether the owner is another than before. False if they
 * make no sense (o->any is false then). */
bool zonestore_inside_owner(struct zonestore_owner *o, sqlite3_stmt *stmt, int key, int spelling, bool *next);

/* ---- reading rows of rrset: zonestore_records.c ---- */

/* A walk over rows. Of the row at hand: `zone` by next_row, the members from `owner` on by read_row. */
struct zonestore_reading {
	struct zonestore *s;
	sqlite3_stmt *stmt;
	struct errmsg *msg;
	uint8_t apex[NAME_KEY_MAX]; /* sort key: every owner's key starts with it */
	size_t apex_len;
	int64_t zone;
	struct zonestore_owner owner;
	bool next_owner; /* the owner is another than the last row's */
	uint16_t type, covers;
	uint32_t ttl;
	struct rbuf pack;
};

/* Rows of the zones with ids `from` to `to`, in order of ids and canonical order. at: only those of the name with this
 * sort key, which must live as long as the walk, in zone `from`; NULL: all. End it with zonestore_inside_stop. */
MUST_USE enum err zonestore_inside_read(struct zonestore_reading *r, struct zonestore *s, int64_t from, int64_t to,
					const struct rbuf *at, struct errmsg *msg);
/* The rows to come are of the zone with this apex. */
void zonestore_inside_read_zone(struct zonestore_reading *r, const uint8_t *apex);
/* *more is false after the last row. An error is one of the database as a whole. */
MUST_USE enum err zonestore_inside_next_row(struct zonestore_reading *r, bool *more);
/* Checks the row at hand and takes it apart. */
MUST_USE enum err zonestore_inside_read_row(struct zonestore_reading *r);
/* The next record of the row; *more is false after the last. */
MUST_USE enum err zonestore_inside_read_record(struct zonestore_reading *r, struct content_rr *rr, bool *more);

#endif
