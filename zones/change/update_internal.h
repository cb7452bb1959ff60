/* update_internal.h: what zones/change/update.c (takes the message apart) and zones/change/update_apply.c (applies it) share. For
 * no one else. */
#ifndef ROOST_ZONES_UPDATE_INTERNAL_H
#define ROOST_ZONES_UPDATE_INTERNAL_H

#include "zones/change/update.h"

/* What can be wrong with a record, or with the whole update, before any zone content is looked at. */
enum update_fault {
	UPDATE_SOUND = 0,
	UPDATE_BAD_ZONE_SECTION, /* not exactly one SOA question of our class (§3.1.1) */
	UPDATE_NO_GRANT,         /* the requester may not update this zone at all */
	UPDATE_OUTSIDE,          /* owner is not in the zone */
	UPDATE_BAD_CLASS,
	UPDATE_BAD_TTL,     /* must be 0 here */
	UPDATE_BAD_RDATA,   /* must be empty here, or does not fit the type */
	UPDATE_BAD_TYPE,    /* a meta type */
	UPDATE_SIGNER_TYPE, /* RRSIG, NSEC, NSEC3, NXT: only the signer makes these */
	UPDATE_LOCKED,      /* an administrator keeps it from updates */
	UPDATE_FORBIDDEN    /* no grant covers this record */
};

struct update_item {
	struct update_rr rr;
	enum update_fault fault;
	bool by_type;                       /* deletes a name: right only for the types that are there */
	const struct access_limits *limits; /* of the grant; NULL: none. In the snapshot */
};

struct update_list {
	struct update_item *item;
	size_t count, cap;
};

/* Octets of owners and RDATA. Chunks never move, so records may point into them. */
struct update_chunk {
	struct update_chunk *next;
	size_t used, cap;
	uint8_t data[];
};

struct update {
	struct name zone; /* lower-case */
	bool trusted;     /* made by hand: no grants asked, signer's types allowed */
	bool limited;     /* some item has limits */
	bool too_fast;    /* update_too_fast */
	bool charged;     /* against the rates of its grants, which is done once */
	const char *hint; /* update_hint */
	struct addr from;
	struct access_request who; /* not if trusted; nor is rights */
	struct access_rights rights;
	enum update_fault fault;    /* of the whole message; then the lists may be incomplete */
	struct update_list prereqs; /* §2.4, in the message's order */
	struct update_list updates; /* §2.5, in the message's order */
	struct update_chunk *chunks;
	uint32_t lease, key_lease; /* seconds, that records it adds have; 0: none. See zones/change/lease.h */
	bool expiry;               /* of leases: made by lease_expire */
};

#endif
