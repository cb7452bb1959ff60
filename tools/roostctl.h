/* roostctl.h: what the files of roostctl share.
 *
 * A command is a row of the table in roostctl.c: its words, its arguments, its options and a function. Commands that
 * read open the database themselves; commands that change something make a request (zones/admin/admin.h) and give it to
 * roostctl_ask. One thread. */
#ifndef ROOST_TOOLS_ROOSTCTL_H
#define ROOST_TOOLS_ROOSTCTL_H

#include <jansson.h>
#include <stdio.h>

#include "zones/store/zonestore.h"

/* Exit statuses: the contract with scripts. */
enum { ROOSTCTL_DONE = 0, ROOSTCTL_FAILED = 1, ROOSTCTL_USAGE = 2 };

enum roostctl_option {
	OPTION_DATABASE,
	OPTION_HELP,
	OPTION_VERSION,
	OPTION_ALGORITHM,
	OPTION_SECRET,
	OPTION_KEY,
	OPTION_FROM,
	OPTION_NAME,
	OPTION_TYPES,
	OPTION_FORCE,
	OPTION_PRIMARY,
	OPTION_JSON,
	OPTION_MEMORY,
	OPTION_SERIAL,
	OPTION_SINCE,
	OPTION_LIMIT,
	OPTION_REFUSED,
	OPTION_MAX,
	OPTION_RATE,
	OPTION_NAME_RATE,
	OPTION_LEASE_DEFAULT,
	OPTION_LEASE_MAX,
	OPTION_EXPIRES,
	OPTION_IDENTITY,
	OPTION_NEW,
	OPTION_ZONE,
	OPTION_URL,
	OPTION_PASSWORD,
	OPTION_PUBLIC,
	OPTION_COUNT
};

enum { ROOSTCTL_MORE_MAX = 15 };

struct roostctl {
	const char *database;
	const char *option[OPTION_COUNT];    /* value; "" for one without; NULL: not given */
	const char *more[ROOSTCTL_MORE_MAX]; /* --primary, which may be given again: those before the last */
	unsigned more_count;
	int argc; /* arguments behind the command's words */
	char **argv;
	struct errmsg msg; /* why a command failed: printed by main */
};

typedef int roostctl_fn(struct roostctl *ctl); /* an exit status */

roostctl_fn roostctl_init;
roostctl_fn roostctl_zone_add, roostctl_zone_import, roostctl_zone_export, roostctl_zone_list, roostctl_zone_show,
	roostctl_zone_check, roostctl_zone_set, roostctl_zone_remove;
roostctl_fn roostctl_record_list, roostctl_record_add, roostctl_record_set, roostctl_record_delete,
	roostctl_record_lock, roostctl_record_unlock;
roostctl_fn roostctl_key_add, roostctl_key_list, roostctl_key_show, roostctl_key_remove, roostctl_key_rotate,
	roostctl_key_expire;
roostctl_fn roostctl_token_add, roostctl_token_list, roostctl_token_rotate, roostctl_token_revoke;
roostctl_fn roostctl_grant_add, roostctl_grant_list, roostctl_grant_explain, roostctl_grant_remove,
	roostctl_grant_preset;
roostctl_fn roostctl_peer_add, roostctl_peer_list, roostctl_peer_remove;
roostctl_fn roostctl_log, roostctl_diff, roostctl_revert;
roostctl_fn roostctl_status, roostctl_stats, roostctl_stop;

/* ---- roostctl.c ---- */

/* Fills ctl->msg and returns ROOSTCTL_FAILED, or ROOSTCTL_USAGE. */
int roostctl_fail(struct roostctl *ctl, const char *fmt, ...) __attribute__((format(printf, 2, 3)));
int roostctl_usage(struct roostctl *ctl, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* ---- roostctl_client.c: asking for a change ---- */

/* Runs the request (a reference that is taken over; NULL: memory was short, or an argument is not UTF-8) through the
 * server that has the database open, or here if there is none. *answer (may be NULL; a new reference) is what was
 * answered on success. file: -1 or what goes with it. `create`: the database may be made. Returns an exit status. */
int roostctl_ask(struct roostctl *ctl, json_t *request, int file, bool create, json_t **answer);

/* Sends it to the server only. ERR_NOTFOUND: none answers. On ERR_OK *answer is a new reference. Takes the request's
 * reference over. */
MUST_USE enum err roostctl_ask_server(struct roostctl *ctl, json_t *request, int file, json_t **answer);

/* ---- roostctl_read.c: looking into the database ---- */

/* Opens it for reading, inside a transaction: what is read is of one moment. NULL: ctl->msg says why. */
struct zonestore *roostctl_open(struct roostctl *ctl);
void roostctl_close(struct zonestore *s);
/* The zone named by the text. */
bool roostctl_find_zone(struct roostctl *ctl, struct zonestore *s, const char *text, struct zonestore_zone *out);
/* A serial number. */
bool roostctl_parse_serial(struct roostctl *ctl, const char *text, uint32_t *out);
/* A name of any kind ("key", "zone") in lower case. */
bool roostctl_parse_name(struct roostctl *ctl, const char *what, const char *text, struct name *out);
/* One line: its number, then what would make it (roostctl_grant.c). */
enum err roostctl_list_grant(void *arg, const struct access_grant *g);
/* One line about a key or token (roostctl_key.c). */
void roostctl_list_key(const struct keystore_key *key);
/* " (expired)" for a time that has come, "" for another. */
const char *roostctl_expired(int64_t unix_ms);
/* One line, as in a master file: owner, TTL, IN, type, RDATA, with `prefix` before it. */
bool roostctl_print_rr(const char *prefix, const uint8_t *owner, const struct content_rr *rr);

/* ---- roostctl_log.c ---- */

/* The zone's version that --serial names, in full. An exit status. */
int roostctl_show_version(struct roostctl *ctl, struct zonestore *s, const struct zonestore_zone *z);

#endif
