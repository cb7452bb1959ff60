/* content.h: all records at one name in one version of a zone: an immutable block.
 *
 *   +------------------+----------------------+------------------------------------------+------------------+
 *   | struct content   | struct rrset [sets]  | RRset 0: records, then its RRSIGs | RRset 1 …| owner with case  |
 *   +------------------+----------------------+------------------------------------------+------------------+
 *                        sorted by type                                                   only if CONTENT_CASED
 *
 * A record stands ready for the wire, with its owner as a pointer to the question:
 *
 *   C0 0C | type 2 | class 2 (IN) | TTL 4 | RDLENGTH 2 | RDATA (uncompressed)
 *
 * so that a positive answer is one copy. Within an RRset, records are in canonical order (RFC 4034 §6.3), without
 * duplicates, and have one TTL (RFC 2181 §5.2). RRSIGs stand behind the RRset they cover; an RRset entry with count 0
 * only carries signatures of a type that is not there. In the database and in the journal RRSIGs are ordinary rows of
 * type RRSIG with the type covered beside it.
 *
 * Blocks are made by content_* functions only and never change afterwards, except for `older` (zones/memory/zone.c).
 * Ownership: whoever made it frees it with content_free until it is published in a zone. Threads: immutable, so any.
 */
#ifndef ROOST_ZONES_CONTENT_H
#define ROOST_ZONES_CONTENT_H

#include <stdatomic.h>

#include "lib/rr.h"

enum {
	CONTENT_RECORD_HEAD = 12, /* octets before RDATA in a ready record */
	/* Octets of an RRset's records, and of its RRSIGs: a message must hold it with question, OPT and TSIG. */
	CONTENT_RRSET_MAX = 64000,
	CONTENT_SETS_MAX = 1024 /* types at one name */
};

enum content_flag {
	CONTENT_GONE = 1, /* the name does not exist in this version */
	CONTENT_NS = 2,   /* has NS: a zone cut if it is not the apex */
	CONTENT_DNAME = 4,
	CONTENT_CNAME = 8,
	CONTENT_CASED = 16, /* the owner has upper-case letters; its own spelling is kept behind the records */
	CONTENT_NSEC = 32,
	CONTENT_NSEC3 = 64,
	CONTENT_IN_SLAB = 128 /* its memory is the zone's: content_free lets it be; zones/memory/zone_write.c */
};

struct rrset {
	uint16_t type;
	uint16_t count;     /* records; 0: only signatures are here */
	uint16_t sig_count; /* RRSIGs covering type */
	uint16_t len;       /* octets of the records */
	uint16_t sig_len;   /* octets of the RRSIGs, right behind */
	uint16_t flags;     /* RRSET_* */
	uint32_t at;        /* where the records start, from the content's first octet */
};

enum rrset_flag {
	RRSET_COMPRESSIBLE = 1, /* RDATA has names that want compression: write record by record */
	RRSET_ADDITIONAL = 2    /* RDATA has a name whose addresses belong in the additional section */
};

struct content {
	_Atomic(struct content *) older; /* what this one replaced; zones/memory/zone.c */
	uint64_t version;                /* zone version that made it; zones/memory/zone.c */
	uint16_t sets;                   /* 0: empty non-terminal (or GONE) */
	uint16_t flags;                  /* CONTENT_* */
	struct rrset set[];
};

/* One record of a content, seen from inside. */
struct content_rr {
	uint16_t type;
	uint32_t ttl;
	uint16_t rdlen;
	const uint8_t *rdata;
};

/* The RRset of that type with count > 0, or NULL. NULL content is allowed. Linear in the (few) types at a name. */
const struct rrset *content_find(const struct content *c, uint16_t type);
/* The same, also when only signatures are there. */
const struct rrset *content_find_any(const struct content *c, uint16_t type);

/* Octets of the block in all. */
size_t content_size(const struct content *c);

static inline const uint8_t *content_block(const struct content *c, const struct rrset *s)
{
	return (const uint8_t *)c + s->at;
}

static inline const uint8_t *content_sig_block(const struct content *c, const struct rrset *s)
{
	return (const uint8_t *)c + s->at + s->len;
}

static inline uint32_t content_ttl(const struct content *c, const struct rrset *s)
{
	return buf_load_u32(content_block(c, s) + (s->count ? 0 : s->len) + 6);
}

/* Walks records in a block: *at from 0 to len; false at the end. */
bool content_next(const uint8_t *block, size_t len, size_t *at, struct content_rr *rr);

/* The owner's own spelling, or NULL when it is all lower-case. */
const uint8_t *content_owner_cased(const struct content *c);

/* What a name has in effect for UPDATE: at least one RRset (RFC 2136 §2.4.4 "in use"; an empty non-terminal is not). */
static inline bool content_in_use(const struct content *c)
{
	return c && c->sets > 0;
}

/* Copies with one change; `old` may be NULL (nothing there yet). *changed says whether there is a difference; if not,
 * *out is NULL. For RRSIG the set is chosen by the type covered in the RDATA. The TTL given becomes the TTL of the
 * whole RRset (RFC 2136 §3.4.2.2 with RFC 2181 §5.2). owner: wire with its case, used when the name had no records
 * before. Singleton types replace (RFC 2136 §3.4.2.2). ERR_NOSPACE past CONTENT_RRSET_MAX or CONTENT_SETS_MAX. */
MUST_USE enum err content_with(const struct content *old, const uint8_t *owner, uint16_t type, uint32_t ttl,
			       const uint8_t *rdata, uint16_t rdlen, struct content **out, bool *changed);
/* Without one record (type and RDATA; TTL is no matter). */
MUST_USE enum err content_without(const struct content *old, uint16_t type, const uint8_t *rdata, uint16_t rdlen,
				  struct content **out, bool *changed);
/* Without an RRset and its signatures; TYPE_ANY: without all. `keep` (may be NULL) lists types that stay, ended by 0.
 */
MUST_USE enum err content_without_set(const struct content *old, uint16_t type, const uint16_t *keep,
				      struct content **out, bool *changed);

/* Gathers the records of one name, in any order, then makes the block: for zone loading. Reusable after each
 * content_maker_finish. */
struct content_maker;
MUST_USE enum err content_maker_new(struct content_maker **out);
void content_maker_free(struct content_maker *m);
/* Duplicates are dropped. If TTLs in an RRset differ, the lowest wins (RFC 2181 §5.2). The RDATA is copied. */
MUST_USE enum err content_maker_add(struct content_maker *m, uint16_t type, uint32_t ttl, const uint8_t *rdata,
				    uint16_t rdlen);
void content_maker_reset(struct content_maker *m); /* forgets what was added */
MUST_USE enum err content_maker_finish(struct content_maker *m, const uint8_t *owner, struct content **out);

/* An empty block (empty non-terminal), or one with CONTENT_GONE. */
MUST_USE enum err content_empty(bool gone, struct content **out);
void content_free(struct content *c);

/* Differences old -> new (either may be NULL): calls del for each record only in old, add for each only in new. A
 * changed TTL is del + add of every record of the set. RRSIGs included. A non-zero return stops and is passed on. */
typedef enum err content_diff_fn(void *arg, bool add, const struct content_rr *rr);
enum err content_diff(const struct content *old, const struct content *new, content_diff_fn *fn, void *arg);

#endif
