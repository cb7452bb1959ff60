/* zonestore_secondary.h: where the zones come from that we are a secondary of.
 *
 *   zone_primary   zone, position | address, key     in the order in which they are asked; "@5300" as address: the host
 *                                                    that sends a NOTIFY signed with the key, at that port
 *   secondary      zone | checked, expires, source   unix ms of the last check that went well, when the content expires;
 *                                                    the address of that primary
 *
 * A key is not a foreign one: taking it away must not make transfers unsigned, but fail. In the caller's transaction.
 * Threads: as the store's handle. */
#ifndef ROOST_ZONES_ZONESTORE_SECONDARY_H
#define ROOST_ZONES_ZONESTORE_SECONDARY_H

#include "zones/store/zonestore.h"

enum { ZONESTORE_PRIMARIES_MAX = 8 /* of a zone */ };

struct zonestore_primary {
	bool by_key;         /* the address is whoever notifies us with the key */
	struct addr address; /* by_key: none (len 0) */
	uint16_t port;
	bool has_key;
	struct name key; /* lower-case */
};

/* "192.0.2.1@53", "@5300" (needs a key). ERR_USAGE. */
MUST_USE enum err zonestore_secondary_parse(struct zonestore_primary *out, const char *text, struct errmsg *msg);
char *zonestore_secondary_to_text(const struct zonestore_primary *p, char out[ADDR_TEXT_MAX]);

MUST_USE enum err zonestore_secondary_add_primary(struct zonestore *s, int64_t zone, unsigned position,
						  const struct zonestore_primary *p, struct errmsg *msg);

struct zonestore_secondary {
	struct zonestore_zone zone;
	int64_t checked, expires; /* unix ms; 0: never */
	struct addr source;       /* len 0: none */
	unsigned count;
	struct zonestore_primary primary[ZONESTORE_PRIMARIES_MAX];
};
typedef enum err zonestore_secondary_fn(void *arg, const struct zonestore_secondary *z);
/* All zones that we are a secondary of, or (zone not 0) that one. */
MUST_USE enum err zonestore_secondary_each(struct zonestore *s, int64_t zone, zonestore_secondary_fn *fn, void *arg,
					   struct errmsg *msg);

/* A check, or a transfer, went well. */
MUST_USE enum err zonestore_secondary_checked(struct zonestore *s, int64_t zone, int64_t checked, int64_t expires,
					      const struct addr *source, struct errmsg *msg);

#endif
