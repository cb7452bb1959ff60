/* admin_inside.h: what the files of zones/admin*.c share. For no one else. */
#ifndef ROOST_ZONES_ADMIN_INSIDE_H
#define ROOST_ZONES_ADMIN_INSIDE_H

#include "zones/admin/admin.h"
#include "zones/store/zonestore_secondary.h"

struct admin_command;

/* Lives from admin_prepare to admin_finish. The job's `run` finds it in run_arg. */
struct admin_request {
	const struct admin_command *command;
	json_t *json;  /* what was asked; held */
	json_t *extra; /* members of the answer that the command adds */
	struct job *job;
	struct name zone; /* lower-case; len 0: the command names none */
	char zone_text[NAME_TEXT_MAX];

	/* While it is prepared. */
	struct zonestore *reader;
	int file; /* -1: none */

	/* What run needs. */
	struct keystore_key key;
	int64_t end;      /* key rotate: of the old keys; key expire: unix ms, 0 never */
	bool with_grants; /* key remove: what names the key goes too */
	struct access_grant grant;
	const struct preset *preset; /* grant preset */
	struct keystore_lock lock;
	struct zonestore_peer peer;
	struct zonestore_primary primary[ZONESTORE_PRIMARIES_MAX]; /* zone add */
	unsigned primaries;
	struct zonestore_zone wanted; /* zone set: of it what `option` sets */
	const struct admin_zone_option *option;
};

/* One command: checks the request and fills r->job, which is there already with actor and zone. On error `why` says
 * it all. */
typedef enum err admin_prepare_fn(struct admin_request *r, struct errmsg *why);

admin_prepare_fn admin_starter_prepare;                                                  /* admin_starter.c */
admin_prepare_fn admin_zone_add;                                                         /* admin_secondary.c */
admin_prepare_fn admin_zone_import, admin_zone_remove, admin_zone_set;                   /* admin_zone.c */
admin_prepare_fn admin_record_add, admin_record_set, admin_record_delete;                /* admin_record.c */
admin_prepare_fn admin_revert_prepare;                                                   /* admin_revert.c */
admin_prepare_fn admin_key_add, admin_key_remove, admin_key_rotate, admin_key_expire;    /* admin_key.c */
admin_prepare_fn admin_grant_preset;                                                     /* admin_preset.c */
admin_prepare_fn admin_lock_add, admin_lock_remove;                                      /* admin_lock.c */
admin_prepare_fn admin_token_add;                                                        /* admin_token.c */
admin_prepare_fn admin_grant_add, admin_grant_remove, admin_peer_add, admin_peer_remove; /* admin_grant.c */

/* ---- admin.c: members of the request ---- */

/* The member as text; NULL if it is not there. ERR_USAGE when it is something else. */
MUST_USE enum err admin_text(const struct admin_request *r, const char *member, const char **out, struct errmsg *why);
/* The same, but it must be there. */
MUST_USE enum err admin_need_text(const struct admin_request *r, const char *member, const char **out,
				  struct errmsg *why);
/* A key's name in the member; out->len 0 if it is not there. Lower-case. */
MUST_USE enum err admin_key_name(const struct admin_request *r, const char *member, struct name *out,
				 struct errmsg *why);

/* When something shall end: in so long ("30d"), at a time of UTC, or "never" (0). *out is unix ms, and not changed if
 * the member is not there. */
MUST_USE enum err admin_end(const struct admin_request *r, const char *member, int64_t *out, struct errmsg *why);

/* The zone's row, by r->zone. ERR_NOTFOUND with a sentence. */
MUST_USE enum err admin_find_zone(const struct admin_request *r, struct zonestore *s, struct zonestore_zone *out,
				  struct errmsg *why);
/* As that, and its content may be changed here: a primary, with content. */
MUST_USE enum err admin_find_primary(const struct admin_request *r, struct zonestore_zone *out, struct errmsg *why);

/* The key must be there. */
MUST_USE enum err admin_find_key(struct zonestore *s, const uint8_t *name, struct keystore_key *out,
				 struct errmsg *why);

/* ---- admin_grant.c ---- */

/* The zone must be there. A grant's key is an identity: r->grant's becomes that of the key that was named. */
MUST_USE enum err admin_settle_identity(struct admin_request *r, struct zonestore *s, struct errmsg *why);

/* ---- admin_key.c ---- */

/* A new random secret, as long as the algorithm's MAC (RFC 8945 §8). */
MUST_USE enum err admin_key_fill_secret(struct keystore_key *key, struct errmsg *why);
/* ---- admin_token.c ---- */

/* Draws a token, puts its hash into the key and itself into the answer. */
MUST_USE enum err admin_token_fill(struct admin_request *r, struct errmsg *why);

/* ---- admin_key.c: more ---- */

/* Adds r->key. */
MUST_USE enum err admin_key_insert(struct job *job, struct zonestore *s, struct errmsg *why);
/* Puts "key", "algorithm" and "secret" into the answer. */
MUST_USE enum err admin_key_answer(struct admin_request *r, const struct keystore_key *key, struct errmsg *why);

/* ---- admin_rdata.c ---- */

/* RDATA as an administrator writes it: see admin.h for names in it. */
MUST_USE enum err admin_rdata_from_text(uint16_t type, const char *text, const uint8_t *zone, struct wbuf *out,
					struct errmsg *why);

#endif
