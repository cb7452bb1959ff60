/* change.h: from what a client wishes of a host to the records that must change.
 *
 * The zone in memory tells what is there, so a wish that is fulfilled already costs no more than a look ("nochg"), and
 * prefixes are moved under the addresses that the host has now. What differs becomes an UPDATE: the RRset goes, the
 * new one comes, with the TTL it had before; the writer puts both in one version.
 *
 * Threads: any, between quiescent states (zones/memory/grace.h). */
#ifndef ROOST_SERVER_HTTP_CHANGE_H
#define ROOST_SERVER_HTTP_CHANGE_H

#include "server/http/wish.h"
#include "zones/change/update.h"
#include "zones/memory/zone.h"

enum { CHANGE_TTL = 60 /* seconds, of records where none were: FRITZ!Box looks for its new address after 240 s */ };

/* An RRset as it shall be. */
struct change_set {
	uint16_t type;
	uint32_t ttl;
	unsigned count; /* 0: it goes */
	uint8_t rdlen;
	uint8_t rdata[WISH_ADDRESSES_MAX][16];
};

/* What the family wants at a name with that content (NULL: none). type: TYPE_A or TYPE_AAAA. False: nothing has to
 * change. */
bool change_family(struct change_set *out, const struct content *now, const struct wish_family *wish, uint16_t type);

/* Puts it into an update, at that owner. */
MUST_USE enum err change_push(struct update *u, const uint8_t *owner, const struct change_set *set);

#endif
