/* lease.c: see lease.h. */
#include "zones/change/lease.h"

#include <stdlib.h>

#include "lib/qname.h"
#include "zones/change/update_internal.h"

enum {
	FIRST_SLOTS = 64, /* of the table of names; a power of two, doubled when half full */
	EXPIRE_MAX = 256  /* records of one update: some milliseconds */
};
static const int64_t ms_per_s = 1000;

/* ---- what is granted ---- */

static uint32_t bound(uint32_t seconds, uint32_t most)
{
	return seconds < LEASE_MIN ? LEASE_MIN : seconds > most ? most : seconds;
}

void lease_grant(struct update *u, bool both, uint32_t *lease, uint32_t *key_lease)
{
	uint32_t most = UINT32_MAX, key_most = UINT32_MAX;
	for (size_t i = 0; i < u->updates.count; i++) {
		const struct update_item *item = &u->updates.item[i];
		const struct access_lease *l = item->limits ? &item->limits->lease : NULL;
		bool key = item->rr.type == TYPE_KEY && !both, said = l && l->max;
		uint32_t *least = key ? &key_most : &most;
		uint32_t max = key ? (said ? l->key_max : LEASE_KEY_MAX) : (said ? l->max : LEASE_MAX);
		if (item->rr.class == CLASS_IN && max < *least)
			*least = max;
	}
	*lease = bound(*lease, most == UINT32_MAX ? LEASE_MAX : most);
	*key_lease = both ? *lease : bound(*key_lease, key_most == UINT32_MAX ? LEASE_KEY_MAX : key_most);
	u->lease = *lease;
	u->key_lease = *key_lease;
}

/* 0: none. */
static uint32_t lease_of(const struct update *u, const struct update_item *item)
{
	if (item->rr.class != CLASS_IN)
		return 0;
	if (!u->lease)
		return item->limits ? item->limits->lease.standard : 0;
	return item->rr.type == TYPE_KEY ? u->key_lease : u->lease;
}

/* ---- names that may have leases: their hashes, open addressing ---- */

struct lease_names {
	uint64_t *slot; /* 0: free */
	size_t slots, used;
};

static uint64_t hash(const uint8_t *owner)
{
	struct qname q;
	qname_set(&q, owner);
	return q.hash[0] | 1;
}

static uint64_t *probe(const struct lease_names *n, uint64_t key)
{
	size_t at = (size_t)(key >> 1) & (n->slots - 1);
	while (n->slot[at] && n->slot[at] != key)
		at = (at + 1) & (n->slots - 1);
	return &n->slot[at];
}

static bool may_have(const struct lease_names *n, const uint8_t *owner)
{
	return n->used && *probe(n, hash(owner));
}

static enum err grow(struct lease_names *n)
{
	struct lease_names more = {.slots = n->slots ? 2 * n->slots : FIRST_SLOTS, .used = n->used};
	more.slot = calloc(more.slots, sizeof(*more.slot));
	if (!more.slot)
		return ERR_NOMEM;
	for (size_t i = 0; i < n->slots; i++)
		if (n->slot[i])
			*probe(&more, n->slot[i]) = n->slot[i];
	free(n->slot);
	*n = more;
	return ERR_OK;
}

static enum err remember(struct lease_names *n, const uint8_t *owner)
{
	if (2 * n->used >= n->slots && grow(n))
		return ERR_NOMEM;
	uint64_t key = hash(owner), *slot = probe(n, key);
	n->used += !*slot;
	*slot = key;
	return ERR_OK;
}

static enum err remember_lease(void *arg, const struct zonestore_lease *l)
{
	return remember(arg, l->owner.wire);
}

enum err lease_names_new(struct lease_names **out, struct zonestore *s, struct errmsg *msg)
{
	struct lease_names *n = calloc(1, sizeof(*n));
	*out = n;
	enum err err = n ? zonestore_leases_all(s, remember_lease, n, msg) : ERR_NOMEM;
	return err == ERR_NOMEM ? errmsg_set(msg, err, "no memory for the names that have leases") : err;
}

void lease_names_free(struct lease_names *n)
{
	if (n)
		free(n->slot);
	free(n);
}

/* ---- what an update does to leases ---- */

bool lease_concerns(const struct lease_names *n, const struct update *u)
{
	if (!n->used && !u->lease && !u->limited)
		return false;
	for (size_t i = 0; i < u->updates.count; i++)
		if (lease_of(u, &u->updates.item[i]) || may_have(n, u->updates.item[i].rr.owner))
			return true;
	return false;
}

/* What an administrator touches is all of its type. */
static enum err drop(struct zonestore *s, int64_t zone, const struct update *u, const struct update_rr *rr,
		     struct errmsg *msg)
{
	struct content_rr which = {.type = rr->type, .rdlen = rr->rdlen, .rdata = rr->rdata};
	if (rr->class == CLASS_ANY || (u->trusted && !u->expiry)) {
		which.rdata = NULL;
		which.rdlen = 0;
	}
	return zonestore_leases_drop(s, zone, rr->owner, &which, msg);
}

enum err lease_settle(struct lease_names *n, struct zonestore *s, int64_t zone, const struct update *u, int64_t now,
		      struct errmsg *msg)
{
	enum err err = ERR_OK;
	for (size_t i = 0; i < u->updates.count && !err; i++) {
		const struct update_item *item = &u->updates.item[i];
		uint32_t lease = lease_of(u, item);
		const struct content_rr rr = {.type = item->rr.type, .rdlen = item->rr.rdlen, .rdata = item->rr.rdata};
		if (lease)
			err = remember(n, item->rr.owner)
				      ? errmsg_set(msg, ERR_NOMEM, "no memory for a lease")
				      : zonestore_leases_put(s, zone, item->rr.owner, &rr, now + lease * ms_per_s, msg);
		else if (may_have(n, item->rr.owner))
			err = drop(s, zone, u, &item->rr, msg);
	}
	return err;
}

/* ---- the end ---- */

struct expiring {
	struct update *update;
	struct errmsg *msg;
};

static enum err push_deletion(void *arg, const struct zonestore_lease *l)
{
	struct expiring *e = arg;
	enum err err =
		update_push(e->update, SECTION_UPDATE, l->owner.wire, l->type, CLASS_NONE, 0, l->rdata, l->rdlen);
	return err ? errmsg_set(e->msg, err, "no memory for the records whose leases ended") : ERR_OK;
}

enum err lease_expire(struct update **out, struct zonestore *s, const struct zonestore_zone *zone, int64_t now,
		      struct errmsg *msg)
{
	struct expiring e = {.msg = msg};
	enum err err = update_new(&e.update, zone->name.wire);
	if (err)
		return errmsg_set(msg, err, "no memory for the records whose leases ended");
	e.update->expiry = true;
	err = zonestore_leases_due(s, zone->id, now, EXPIRE_MAX, push_deletion, &e, msg);
	if (err)
		update_free(e.update);
	else
		*out = e.update;
	return err;
}
