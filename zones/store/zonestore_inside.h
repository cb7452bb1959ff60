/* zonestore_inside.h: what the files of the store share: the handle with its statements, binding, sentences. For
 * zonestore*.c only. zonestore.c: schema, zones, peers; zonestore_records.c: what is served; zonestore_history.c:
 * versions and changes. */
#ifndef ROOST_ZONES_ZONESTORE_INSIDE_H
#define ROOST_ZONES_ZONESTORE_INSIDE_H

#include "zones/store/zonestore.h"

/* Statements are prepared at first use and live as long as the handle. */
struct zonestore {
	struct sqlstore *sql;

	sqlite3_stmt *add_zone, *find_zone, *each_zone, *zone_name, *set_serial, *set_zone;
	sqlite3_stmt *remove_change_rrs, *remove_changes, *remove_versions, *remove_zone;
	sqlite3_stmt *add_peer, *remove_peer, *each_peer, *each_zone_peer;

	sqlite3_stmt *insert_rrset, *update_rrset, *delete_rrset, *clear_rrsets, *count_rrsets, *each_rrset,
		*each_rrset_at;

	sqlite3_stmt *add_version, *add_change, *add_change_rr;
	sqlite3_stmt *versions_up, *versions_down, *versions_of, *chain, *find_version, *each_change_rr;

	uint8_t pack[CONTENT_RRSET_MAX]; /* an RRset on its way into its row; packing only makes it smaller */
};

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

#endif
