/* update.h: DNS UPDATE (RFC 2136): the message taken apart, and applied to an edit.
 *
 * update_parse does all that needs no zone content, on the caller's thread: it copies prerequisite and update records
 * into one block and remembers the first fault in RFC order. update_apply does the rest on the writer: prerequisites
 * (§3.2), the prescan's verdict (§3.4.1), then record by record (§3.4.2). The order of checks (§3.1–§3.4): zone
 * section; prerequisites; permission; prescan; update. Permission to look (prerequisites) and to change comes from
 * keys/access.h, asked on the caller's thread; its verdict waits its turn in the order: a requester with no update
 * grant for the zone at all is refused before prerequisites are looked at, so that they tell strangers nothing.
 *
 * What depends on content is asked again there: whether a name may be deleted with all that it has, and the limits of
 * grants (zones/change/permit.h). So an update points into the access snapshot: whoever parsed it holds the snapshot
 * until the update is freed.
 *
 * The same operations made by roostctl are built with update_new and update_push. */
#ifndef ROOST_ZONES_UPDATE_H
#define ROOST_ZONES_UPDATE_H

#include "keys/access.h"
#include "lib/message.h"
#include "zones/change/permit.h"
#include "zones/memory/edit.h"

struct update_rr {
	const uint8_t *owner; /* wire with its case */
	uint16_t type;
	uint16_t class; /* the zone's class, ANY or NONE: what they mean depends on the section (RFC 2136 §2.4, §2.5) */
	uint32_t ttl;
	uint16_t rdlen;
	const uint8_t *rdata;
};

struct update; /* owns all it holds */

/* Makes an update from a parsed message (opcode UPDATE). zone: the zone we serve that the zone section names. The
 * request says who asks. Always returns a usable update unless memory is short; faults are kept inside. */
MUST_USE enum err update_parse(struct update **out, const struct message *m, const uint8_t *zone,
			       const struct access *access, const struct access_request *who);

/* One for somebody who asks by other means than a message (HTTP): pushed to like the next one's, but every record is
 * asked of the grants. The snapshot must be held until the update is freed. */
MUST_USE enum err update_new_for(struct update **out, const uint8_t *zone, const struct access *access,
				 const struct access_request *who);

/* Builds one by hand (admin). class as in RFC 2136 §2.4/§2.5. Octets are copied. */
MUST_USE enum err update_new(struct update **out, const uint8_t *zone);
MUST_USE enum err update_push(struct update *u, enum section section, const uint8_t *owner, uint16_t type,
			      uint16_t class, uint32_t ttl, const uint8_t *rdata, uint16_t rdlen);
void update_free(struct update *u);
size_t update_count(const struct update *u, enum section section);
const struct update_rr *update_rr_at(const struct update *u, enum section section, size_t i);

/* It was refused because of a rate: later it may be taken. */
bool update_too_fast(const struct update *u);

/* What to tell the requester beside the RCODE (a constant), or NULL. */
const char *update_hint(const struct update *u);

/* Applies to the edit, inside a savepoint that the caller made and, on any RCODE but NOERROR, rolls back. `why` gets
 * one sentence for the log. Does not touch the SOA serial, except that an update that adds a newer SOA sets *soa_set
 * (then the serial is not bumped again, §3.6). */
enum rcode update_apply(struct update *u, struct edit *e, struct permit *permit, bool *soa_set, struct errmsg *why);

#endif
