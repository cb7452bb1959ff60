/* admin_revert.c: "revert": an update that takes back everything since a serial, as a new version: history only
 * grows. */
#include <stdlib.h>

#include "lib/clock.h"
#include "zones/admin/admin_inside.h"
#include "zones/store/history.h"

/* All but their serial. */
static bool same_soa(const struct content_rr *a, const struct content_rr *b)
{
	struct rr_soa x, y;
	return a->ttl == b->ttl && rr_soa_parse(&x, a->rdata, a->rdlen) && rr_soa_parse(&y, b->rdata, b->rdlen) &&
	       name_equal(x.mname, y.mname) && name_equal(x.rname, y.rname) && x.refresh == y.refresh &&
	       x.retry == y.retry && x.expire == y.expire && x.minimum == y.minimum;
}

static enum err push_soa(struct update *u, const struct zonestore_zone *zone, const struct content_rr *then)
{
	uint8_t rdata[2 * NAME_WIRE_MAX + 20];
	if (then->rdlen > sizeof(rdata))
		return ERR_CORRUPT;
	memcpy(rdata, then->rdata, then->rdlen);
	rr_soa_set_serial(rdata, then->rdlen, commit_next_serial(zone->policy, zone->serial, clock_unix()));
	return update_push(u, SECTION_UPDATE, zone->name.wire, TYPE_SOA, CLASS_IN, then->ttl, rdata, then->rdlen);
}

/* Deletions of some names, or additions. */
static enum err push_half(struct update *u, const struct zonestore_zone *zone, const struct history *h, bool add,
			  bool apex_ns)
{
	enum err err = ERR_OK;
	for (size_t i = 0; i < history_count(h) && !err; i++) {
		const struct history_rr *n = history_at(h, i);
		bool is_apex_ns = n->rr.type == TYPE_NS && name_equal(n->owner, zone->name.wire);
		if (n->add != add || is_apex_ns != apex_ns)
			continue;
		err = update_push(u, SECTION_UPDATE, n->owner, n->rr.type, add ? CLASS_IN : CLASS_NONE,
				  add ? n->rr.ttl : 0, n->rr.rdata, n->rr.rdlen);
	}
	return err;
}

/* Is the record deleted only to come back with another TTL? Then adding it is enough. */
static bool comes_back(const struct history *h, const struct history_rr *gone)
{
	for (size_t i = 0; i < history_count(h); i++) {
		const struct history_rr *n = history_at(h, i);
		if (n->add && n->rr.type == TYPE_NS && name_equal(n->owner, gone->owner) &&
		    rr_rdata_equal(TYPE_NS, n->rr.rdata, n->rr.rdlen, gone->rr.rdata, gone->rr.rdlen))
			return true;
	}
	return false;
}

/* The apex is never without NS, so there additions come first, and nothing goes that comes back (RFC 2136 §3.4.2.4). */
static enum err push_apex_ns(struct update *u, const struct zonestore_zone *zone, const struct history *h)
{
	enum err err = push_half(u, zone, h, true, true);
	for (size_t i = 0; i < history_count(h) && !err; i++) {
		const struct history_rr *n = history_at(h, i);
		if (!n->add && n->rr.type == TYPE_NS && name_equal(n->owner, zone->name.wire) && !comes_back(h, n))
			err = update_push(u, SECTION_UPDATE, n->owner, TYPE_NS, CLASS_NONE, 0, n->rr.rdata,
					  n->rr.rdlen);
	}
	return err;
}

static enum err fill_update(struct update *u, const struct zonestore_zone *zone, const struct history *h)
{
	const struct content_rr *now = history_soa_from(h), *then = history_soa_to(h);
	/* Only if nobody changed the zone since we looked. */
	enum err err = update_push(u, SECTION_PREREQ, zone->name.wire, TYPE_SOA, CLASS_IN, 0, now->rdata, now->rdlen);
	if (!err)
		err = push_half(u, zone, h, false, false);
	if (!err)
		err = push_half(u, zone, h, true, false);
	if (!err)
		err = push_apex_ns(u, zone, h);
	if (!err && !same_soa(now, then))
		err = push_soa(u, zone, then);
	return err;
}

enum err admin_revert_prepare(struct admin_request *r, struct errmsg *why)
{
	const json_t *serial = json_object_get(r->json, "serial");
	json_int_t value = json_integer_value(serial);
	struct zonestore_zone zone;
	struct history *h = NULL;
	if (!json_is_integer(serial) || value < 0 || value > UINT32_MAX)
		return errmsg_set(why, ERR_USAGE, "request: \"serial\" must be a number of 0 to 4294967295");
	enum err err = admin_find_primary(r, &zone, why);
	if (!err)
		err = history_between(&h, r->reader, &zone, zone.serial, (uint32_t)value, why);
	if (err)
		return err;
	r->job->kind = JOB_UPDATE;
	err = update_new(&r->job->update, r->zone.wire);
	if (!err)
		err = fill_update(r->job->update, &zone, h);
	history_free(h);
	return err ? errmsg_set(why, err, "zone %s: cannot be taken back to serial %lld: %s", r->zone_text,
				(long long)value, err_text(err))
		   : ERR_OK;
}
