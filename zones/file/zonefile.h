/* zonefile.h: master files (RFC 1035 §5), read and written through ldns, and the image of a zone they make.
 * A fault names file, line and reason. Threads: an image belongs to one thread at a time. */
#ifndef ROOST_ZONES_ZONEFILE_H
#define ROOST_ZONES_ZONEFILE_H

#include <stdio.h>

#include "zones/memory/zone.h"

/* All records of a zone, sorted by canonical owner order, not yet in the store: one content an owner. */
struct zone_image;

MUST_USE enum err zonefile_image_new(struct zone_image **out, const uint8_t *zone);
void zonefile_image_free(struct zone_image *img);
/* Any order; copied. ERR_RANGE if the owner is out of zone. */
MUST_USE enum err zonefile_image_add(struct zone_image *img, const uint8_t *owner, uint16_t type, uint32_t ttl,
				     const uint8_t *rdata, uint16_t rdlen);
/* Sorts and makes contents; then the image can be walked and is complete. Checks what makes a zone loadable: exactly
 * one SOA at the apex, at least one NS there, CNAME alone at its name (RFC 1034 §3.6.2; RRSIG, NSEC beside it are
 * fine), nothing else fatal. */
MUST_USE enum err zonefile_image_finish(struct zone_image *img, struct errmsg *msg);
const uint8_t *zonefile_image_zone(const struct zone_image *img);
size_t zonefile_image_count(const struct zone_image *img); /* names */
const uint8_t *zonefile_image_owner(const struct zone_image *img, size_t i);
const struct content *zonefile_image_content(const struct zone_image *img, size_t i);
/* Hands the content over (the caller frees or publishes it). */
struct content *zonefile_image_take(struct zone_image *img, size_t i);

/* Reads a master file from f. `name` is for messages. $ORIGIN, $TTL, $INCLUDE refused with a clear line (security:
 * paths of a server), class IN only. The image is finished on success. */
MUST_USE enum err zonefile_read(struct zone_image **out, const uint8_t *zone, FILE *f, const char *name,
				struct errmsg *msg);

/* Writes one record as a line of a master file (absolute owner, TTL, class, type, RDATA). */
MUST_USE enum err zonefile_write_rr(FILE *f, const uint8_t *owner, const struct content_rr *rr);

/* Warnings and faults of a zone that loads but will not work as meant: NS or MX target inside the zone without
 * address, missing glue, CNAME as NS/MX target, records below a cut that are not glue, names unreachable under DNAME,
 * single NS, TTL 0 or huge, SOA timers out of proportion. fn is called with one sentence each; *faults counts errors
 * (not warnings). */
typedef void zonefile_finding_fn(void *arg, bool fault, const char *sentence);
MUST_USE enum err zonefile_check(const struct zone_image *img, zonefile_finding_fn *fn, void *arg, size_t *faults);

#endif
