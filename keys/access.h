/* access.h: who may do what: the TSIG keys and the grants, as one immutable snapshot.
 *
 * A grant says: identity (a TSIG key, or none) x source prefix x action x zone x name pattern x record types. No
 * grant, no right. A grant that names a key matches only requests signed with it; one without a key matches by source
 * prefix alone.
 *
 * The server publishes a snapshot by one pointer and readers use it inside their grace period (zones/memory/grace.h).
 * Whoever keeps a key or the snapshot for longer (an UPDATE waiting for its commit, a transfer) holds it with
 * access_hold. Threads: a published snapshot is read-only, hold and release are atomic; building is for one thread.
 */
#ifndef ROOST_KEYS_ACCESS_H
#define ROOST_KEYS_ACCESS_H

#include "lib/addr.h"
#include "lib/tsig.h"

enum access_action { ACCESS_UPDATE = 1, ACCESS_TRANSFER = 2, ACCESS_NOTIFY = 3 };

/* Name patterns (one a grant; none = every name of the zone):
 *   NAME      exactly that name          *.NAME    every name below NAME, at any depth, not NAME itself
 *   self      the name of the key        _.NAME… any other text is a NAME */
enum access_pattern_kind { ACCESS_NAME_ANY, ACCESS_NAME_EXACT, ACCESS_NAME_BELOW, ACCESS_NAME_SELF };

struct access_grant {
	int64_t id; /* row id: "grant 7" in messages */
	struct name zone;
	enum access_action action;
	bool has_key;
	struct name key; /* lower-case */
	bool has_from;
	struct addr_prefix from;
	enum access_pattern_kind pattern_kind;
	struct name pattern; /* lower-case; without the "*." for BELOW */
	uint16_t type_count; /* 0 = every type */
	uint16_t types[32];
};

struct access;

/* Building. access_new starts with one reference. Keys are taken over (freed with the snapshot); on an error
 * the key stays the caller's. ERR_EXISTS for a second key of that name. */
MUST_USE enum err access_new(struct access **out);
MUST_USE enum err access_add_key(struct access *a, struct tsig_key *key);
MUST_USE enum err access_add_grant(struct access *a, const struct access_grant *g);

void access_hold(struct access *a);
void access_release(struct access *a); /* frees with the last reference; NULL is fine */

/* The key of that (lower-case wire) name, or NULL. Hash look-up. */
const struct tsig_key *access_find_key(const struct access *a, const uint8_t *lower_name);

struct access_request {
	enum access_action action;
	const uint8_t *zone;        /* lower-case wire name of the zone */
	const struct tsig_key *key; /* the key that signed, NULL if unsigned */
	const struct addr *from;    /* source, unmapped; NULL for local callers */
};

/* Some grant of the zone matches identity, source and action (whatever its names and types). */
bool access_allows(const struct access *a, const struct access_request *r);

/* Some grant also matches this owner and type. TYPE_ANY asks for "every type" (UPDATE's delete-all-RRsets). */
bool access_allows_record(const struct access *a, const struct access_request *r, const uint8_t *owner, uint16_t type);

/* Some grant also matches this owner, whatever its types: enough to ask whether a name is in use (UPDATE's
 * prerequisites). */
bool access_allows_name(const struct access *a, const struct access_request *r, const uint8_t *owner);

/* Writes why: "grant 7 allows update of home.example by key nas" or "no grant: key nas has grants for update of
 * other.example only". */
bool access_explain(const struct access *a, const struct access_request *r, const uint8_t *owner, uint16_t type,
		    struct errmsg *why);

/* Pattern text to the grant's fields and back. */
MUST_USE enum err access_pattern_from_text(struct access_grant *g, const char *text, struct errmsg *msg);
char *access_pattern_to_text(const struct access_grant *g, char out[NAME_TEXT_MAX]);
const char *access_action_to_text(enum access_action a);
MUST_USE enum err access_action_from_text(enum access_action *a, const char *text);

#endif
