/* admin_grant.c: "grant add", "grant remove", "peer add" and "peer remove". */
#include <inttypes.h>
#include <stdlib.h>

#include "lib/log.h"
#include "lib/text.h"
#include "zones/admin/admin_inside.h"

enum { DNS_PORT = 53 };

/* The key that a peer names must be there; a zone without one must be, too. */
static enum err find_both(struct admin_request *r, struct zonestore *s, const struct name *key, struct errmsg *why)
{
	struct zonestore_zone row;
	struct keystore_key there;
	enum err err = admin_find_zone(r, s, &row, why);
	if (err || !key)
		return err;
	err = admin_find_key(s, key->wire, &there, why);
	explicit_bzero(there.secret, sizeof(there.secret));
	if (!err && there.kind != KEYSTORE_TSIG) {
		char text[NAME_TEXT_MAX];
		err = errmsg_set(why, ERR_USAGE, "%s: is a %s%s; secondaries need a TSIG key",
				 admin_name_to_text(key->wire, text), keystore_kind_to_text(&there),
				 there.kind == KEYSTORE_SIG0 ? " key" : "");
	}
	return err;
}

/* ---- grants ---- */

enum err admin_settle_identity(struct admin_request *r, struct zonestore *s, struct errmsg *why)
{
	char text[NAME_TEXT_MAX];
	struct zonestore_zone row;
	enum err err = admin_find_zone(r, s, &row, why);
	if (err || !r->grant.has_key)
		return err;
	struct name named = r->grant.key;
	err = keystore_find_identity(zonestore_sql(s), named.wire, &r->grant.key, why);
	if (err == ERR_NOTFOUND) {
		admin_name_to_text(named.wire, text);
		errmsg_set(why, err, "key %s: is not in this database; roostctl key add %s makes it", text, text);
	}
	return err;
}

static enum err add_grant(struct job *job, struct zonestore *s, struct errmsg *why)
{
	struct admin_request *r = job->run_arg;
	enum err err = admin_settle_identity(r, s, why);
	if (err)
		return err;
	err = keystore_add_grant(zonestore_sql(s), &r->grant, why);
	if (err == ERR_EXISTS)
		return errmsg_set(
			why, err,
			"zone %s: has that grant already, perhaps with other limits; roostctl grant list %s shows it",
			r->zone_text, r->zone_text);
	if (err)
		return err;
	log_info("grant %" PRId64 " of %s on %s added by %s", r->grant.id, access_action_to_text(r->grant.action),
		 r->zone_text, job->actor.who);
	return json_object_set_new(r->extra, "id", json_integer(r->grant.id)) ? errmsg_set(why, ERR_NOMEM, "no memory")
									      : ERR_OK;
}

static enum err take_action(struct admin_request *r, struct errmsg *why)
{
	const char *text;
	enum err err = admin_need_text(r, "action", &text, why);
	if (!err && access_action_from_text(&r->grant.action, text))
		return errmsg_set(why, ERR_USAGE, "action %s: is not known; it is update, transfer or notify", text);
	return err;
}

static enum err take_identity(struct admin_request *r, struct errmsg *why)
{
	const char *from;
	enum err err = admin_key_name(r, "key", &r->grant.key, why);
	if (!err)
		err = admin_text(r, "from", &from, why);
	if (err)
		return err;
	r->grant.has_key = r->grant.key.len > 0;
	r->grant.has_from = from != NULL;
	if (from)
		return addr_prefix_parse(&r->grant.from, from, why);
	if (!r->grant.has_key)
		return errmsg_set(why, ERR_USAGE,
				  "grant: say who may: --key NAME, --from PREFIX or both (--from ::/0 is everybody)");
	return ERR_OK;
}

/* The pattern's name may be relative to the zone, like every other. */
static enum err take_pattern(struct admin_request *r, struct errmsg *why)
{
	struct name absolute;
	struct access_grant *g = &r->grant;
	const char *text;
	enum err err = admin_text(r, "name", &text, why);
	if (err || !text)
		return err;
	if (strcmp(text, "*") == 0)
		text = "*.@";
	const char *name = strncmp(text, "*.", 2) == 0 ? text + 2 : text;
	err = access_pattern_from_text(g, text, why);
	if (err || (g->pattern_kind != ACCESS_NAME_EXACT && g->pattern_kind != ACCESS_NAME_BELOW))
		return err;
	err = admin_owner_from_text(&absolute, name, r->zone.wire, why);
	if (err)
		return err;
	name_lower(g->pattern.wire, absolute.wire, absolute.len);
	g->pattern.len = absolute.len;
	return ERR_OK;
}

static enum err take_types(struct admin_request *r, struct errmsg *why)
{
	enum { TYPES_MAX = sizeof(r->grant.types) / sizeof(r->grant.types[0]) };
	const json_t *types = json_object_get(r->json, "types");
	size_t i;
	json_t *item;
	json_array_foreach(types, i, item)
	{
		const char *text = json_string_value(item);
		uint16_t type;
		if (!text || rr_type_from_text(&type, text) || rr_type_is_meta(type))
			return errmsg_set(why, ERR_USAGE, "type %s: is not a type of record; write them as A,AAAA,TXT",
					  text ? text : "?");
		if (i == TYPES_MAX)
			return errmsg_set(
				why, ERR_USAGE,
				"grant: at most %d types; leave them out for every type, or add a second grant",
				TYPES_MAX);
		r->grant.types[r->grant.type_count++] = type;
	}
	return ERR_OK;
}

static enum err take_rate(struct admin_request *r, const char *member, struct access_rate *rate, struct errmsg *why)
{
	const char *text;
	enum err err = admin_text(r, member, &text, why);
	if (!err && text && access_rate_from_text(rate, text))
		err = errmsg_set(
			why, ERR_USAGE,
			"rate %s: write so many a time, as 6/1m, or 6/1m,20 if 20 may come at once; at most %d, "
			"and a time of 31d",
			text, ACCESS_RATE_MAX);
	return err;
}

static enum err take_lease(struct admin_request *r, struct errmsg *why)
{
	const char *standard, *max;
	struct access_lease *l = &r->grant.lease;
	enum err err = admin_text(r, "lease_default", &standard, why);
	if (!err)
		err = admin_text(r, "lease_max", &max, why);
	if (err)
		return err;
	if (standard && (text_ttl_from_text(&l->standard, standard) || l->standard < ACCESS_LEASE_MIN))
		return errmsg_set(why, ERR_USAGE, "lease %s: write a time of %d s at least, as 1h", standard,
				  ACCESS_LEASE_MIN);
	if (max && access_lease_max_from_text(l, max))
		return errmsg_set(
			why, ERR_USAGE,
			"lease %s: write a time of %d s at least, as 1h, or two, as 1h,7d: the second for KEY "
			"records",
			max, ACCESS_LEASE_MIN);
	return ERR_OK;
}

static enum err take_limits(struct admin_request *r, struct errmsg *why)
{
	enum { RECORDS_MAX = 65535 }; /* more do not fit into a message */
	struct access_grant *g = &r->grant;
	const json_t *max = json_object_get(r->json, "max");
	json_int_t records = json_integer_value(max);
	if (max && (!json_is_integer(max) || records < 1 || records > RECORDS_MAX))
		return errmsg_set(why, ERR_USAGE, "max: must be 1 to %d records", RECORDS_MAX);
	g->max_records = (uint32_t)records;
	enum err err = take_rate(r, "rate", &g->rate, why);
	if (!err)
		err = take_rate(r, "name_rate", &g->name_rate, why);
	if (!err)
		err = take_lease(r, why);
	if (!err)
		err = admin_end(r, "expires", &g->expires, why);
	return err;
}

static bool is_about_names(const struct access_grant *g)
{
	return g->pattern_kind != ACCESS_NAME_ANY || g->type_count || g->max_records || g->rate.count ||
	       g->name_rate.count || g->lease.standard || g->lease.max;
}

enum err admin_grant_add(struct admin_request *r, struct errmsg *why)
{
	r->job->run = add_grant;
	r->grant.zone = r->zone;
	enum err err = take_action(r, why);
	if (!err)
		err = take_identity(r, why);
	if (!err)
		err = take_pattern(r, why);
	if (!err)
		err = take_types(r, why);
	if (!err)
		err = take_limits(r, why);
	if (err)
		return err;
	bool self = r->grant.pattern_kind == ACCESS_NAME_SELF || r->grant.pattern_kind == ACCESS_NAME_BELOW_SELF;
	if (r->grant.action != ACCESS_UPDATE && is_about_names(&r->grant))
		return errmsg_set(
			why, ERR_USAGE,
			"grant: --name, --types, --max, the rates and leases are for update; %s is of the whole "
			"zone",
			access_action_to_text(r->grant.action));
	if (self && !r->grant.has_key)
		return errmsg_set(why, ERR_USAGE, "grant: --name self means the name of the key; give --key as well");
	return admin_settle_identity(r, r->reader, why);
}

static enum err remove_grant(struct job *job, struct zonestore *s, struct errmsg *why)
{
	struct admin_request *r = job->run_arg;
	enum err err = keystore_remove_grant(zonestore_sql(s), r->grant.id, why);
	if (err == ERR_NOTFOUND)
		return errmsg_set(why, err,
				  "grant %" PRId64
				  ": is not in this database; roostctl grant list shows those that are",
				  r->grant.id);
	if (!err)
		log_info("grant %" PRId64 " removed by %s", r->grant.id, job->actor.who);
	return err;
}

enum err admin_grant_remove(struct admin_request *r, struct errmsg *why)
{
	const json_t *id = json_object_get(r->json, "id");
	r->job->run = remove_grant;
	r->grant.id = json_integer_value(id);
	return json_is_integer(id) ? ERR_OK : errmsg_set(why, ERR_USAGE, "request: \"id\" must be a number");
}

/* ---- peers ---- */

static enum err add_peer(struct job *job, struct zonestore *s, struct errmsg *why)
{
	struct admin_request *r = job->run_arg;
	char address[ADDR_TEXT_MAX];
	addr_to_text(&r->peer.address, address);
	enum err err = find_both(r, s, r->peer.has_key ? &r->peer.key : NULL, why);
	if (err)
		return err;
	err = zonestore_add_peer(s, &r->peer, why);
	if (err == ERR_EXISTS)
		return errmsg_set(why, err, "zone %s: has the peer %s already; remove it first to give it another key",
				  r->zone_text, address);
	if (!err)
		log_info("peer %s of %s added by %s", address, r->zone_text, job->actor.who);
	return err;
}

static enum err remove_peer(struct job *job, struct zonestore *s, struct errmsg *why)
{
	struct admin_request *r = job->run_arg;
	char address[ADDR_TEXT_MAX];
	addr_to_text(&r->peer.address, address);
	enum err err = find_both(r, s, NULL, why);
	if (err)
		return err;
	err = zonestore_remove_peer(s, r->zone.wire, &r->peer.address, why);
	if (err == ERR_NOTFOUND)
		return errmsg_set(why, err, "zone %s: has no peer %s; roostctl peer list %s shows them", r->zone_text,
				  address, r->zone_text);
	if (!err)
		log_info("peer %s of %s removed by %s", address, r->zone_text, job->actor.who);
	return err;
}

static enum err take_peer(struct admin_request *r, struct errmsg *why)
{
	const char *address;
	enum err err = admin_need_text(r, "address", &address, why);
	if (!err)
		err = addr_parse(&r->peer.address, address, DNS_PORT, why);
	if (!err)
		err = admin_key_name(r, "key", &r->peer.key, why);
	r->peer.zone = r->zone;
	r->peer.has_key = r->peer.key.len > 0;
	return err;
}

enum err admin_peer_add(struct admin_request *r, struct errmsg *why)
{
	r->job->run = add_peer;
	enum err err = take_peer(r, why);
	return err ? err : find_both(r, r->reader, r->peer.has_key ? &r->peer.key : NULL, why);
}

enum err admin_peer_remove(struct admin_request *r, struct errmsg *why)
{
	r->job->run = remove_peer;
	return take_peer(r, why);
}
