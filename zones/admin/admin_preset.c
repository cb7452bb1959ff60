/* admin_preset.c: "grant preset": the grants that a usual client needs, under one name. */
#include <inttypes.h>
#include <stdio.h>

#include "lib/log.h"
#include "zones/admin/admin_inside.h"

enum { GRANTS_MAX = 2, TYPES_MAX = 5 };

/* Which names, from the one that was given. */
enum names { NAMES_ALL, NAMES_OWN, NAMES_ACME, NAMES_BELOW };

/* A host has some addresses, of which those of IPv6 come and go: 16 are enough for all at once. A certificate authority
 * is shown two values for a name and its wildcard, some may still be there from a run that broke off. */
static const struct preset {
	const char *name;
	struct {
		enum access_action action; /* 0: no more */
		enum names names;
		uint16_t types[TYPES_MAX + 1]; /* ended by 0 */
		uint32_t max_records;
		struct access_rate rate;
	} grant[GRANTS_MAX];
} presets[] = {
	{"host", {{ACCESS_UPDATE, NAMES_OWN, {TYPE_A, TYPE_AAAA}, 16, {30, 60, 30}}}},
	{"acme", {{ACCESS_UPDATE, NAMES_ACME, {TYPE_TXT}, 8, {0}}}},
	/* TXT: what ISC dhcpd's interim style guards its names with. */
	{"dhcp", {{ACCESS_UPDATE, NAMES_BELOW, {TYPE_A, TYPE_AAAA, TYPE_PTR, TYPE_DHCID, TYPE_TXT}, 0, {0}}}},
	{"secondary", {{ACCESS_TRANSFER, NAMES_ALL, {0}, 0, {0}}, {ACCESS_NOTIFY, NAMES_ALL, {0}, 0, {0}}}},
	{"admin", {{ACCESS_UPDATE, NAMES_ALL, {0}, 0, {0}}, {ACCESS_TRANSFER, NAMES_ALL, {0}, 0, {0}}}},
};

static const uint8_t acme_label[] = {15, '_', 'a', 'c', 'm', 'e', '-', 'c', 'h', 'a', 'l', 'l', 'e', 'n', 'g', 'e'};

/* ---- names ---- */

static enum err use_self(struct admin_request *r, enum names names, struct errmsg *why)
{
	static const uint8_t root[] = {0};
	struct access_grant *g = &r->grant;
	char key[NAME_TEXT_MAX];
	if (!name_is_under(g->key.wire, r->zone.wire))
		return errmsg_set(why, ERR_USAGE,
				  "key %s: is not named after a host of %s: say which one it is for with --name",
				  admin_name_to_text(g->key.wire, key), r->zone_text);
	g->pattern_kind = ACCESS_NAME_SELF;
	return name_join(&g->pattern, acme_label, names == NAMES_ACME ? sizeof(acme_label) : 0, root);
}

static enum err use_name(struct admin_request *r, enum names names, const char *text, struct errmsg *why)
{
	struct access_grant *g = &r->grant;
	struct name owner;
	enum err err = admin_owner_from_text(&owner, text, r->zone.wire, why);
	if (err)
		return err;
	name_lower(owner.wire, owner.wire, owner.len);
	g->pattern_kind = names == NAMES_BELOW ? ACCESS_NAME_BELOW : ACCESS_NAME_EXACT;
	if (name_join(&g->pattern, acme_label, names == NAMES_ACME ? sizeof(acme_label) : 0, owner.wire))
		return errmsg_set(why, ERR_RANGE, "name _acme-challenge.%s: is over 255 octets long", text);
	return ERR_OK;
}

static enum err use_names(struct admin_request *r, enum names names, struct errmsg *why)
{
	const char *text;
	enum err err = admin_text(r, "name", &text, why);
	r->grant.pattern_kind = ACCESS_NAME_ANY;
	r->grant.pattern.len = 0;
	if (err || names == NAMES_ALL)
		return err;
	if (!text && names == NAMES_BELOW)
		text = "@";
	return text ? use_name(r, names, text, why) : use_self(r, names, why);
}

/* ---- the command ---- */

/* r->grant becomes the preset's grant i, beside what was there of identity and source. */
static enum err make_grant(struct admin_request *r, unsigned i, struct errmsg *why)
{
	struct access_grant *g = &r->grant;
	g->action = r->preset->grant[i].action;
	g->type_count = 0;
	for (const uint16_t *type = r->preset->grant[i].types; *type; type++)
		g->types[g->type_count++] = *type;
	g->max_records = r->preset->grant[i].max_records;
	g->rate = r->preset->grant[i].rate;
	return use_names(r, r->preset->grant[i].names, why);
}

static enum err add_one(struct admin_request *r, struct job *job, struct zonestore *s, json_t *ids, struct errmsg *why)
{
	struct errmsg there = {.text = ""};
	enum err err = keystore_add_grant(zonestore_sql(s), &r->grant, &there);
	if (err && err != ERR_EXISTS)
		return errmsg_set(why, err, "%s", there.text);
	if (!err)
		log_info("grant %" PRId64 " of %s on %s added by %s", r->grant.id,
			 access_action_to_text(r->grant.action), r->zone_text, job->actor.who);
	return json_array_append_new(ids, json_integer(r->grant.id)) ? errmsg_set(why, ERR_NOMEM, "no memory") : ERR_OK;
}

static enum err add_preset(struct job *job, struct zonestore *s, struct errmsg *why)
{
	struct admin_request *r = job->run_arg;
	json_t *ids = json_array();
	enum err err = json_object_set_new(r->extra, "ids", ids) ? errmsg_set(why, ERR_NOMEM, "no memory") : ERR_OK;
	if (!err)
		err = admin_settle_identity(r, s, why);
	for (unsigned i = 0; !err && i < GRANTS_MAX && r->preset->grant[i].action; i++) {
		err = make_grant(r, i, why);
		if (!err)
			err = add_one(r, job, s, ids, why);
	}
	return err;
}

static enum err take_preset(struct admin_request *r, struct errmsg *why)
{
	const char *text;
	enum err err = admin_need_text(r, "preset", &text, why);
	if (err)
		return err;
	for (size_t i = 0; i < sizeof(presets) / sizeof(presets[0]); i++)
		if (strcmp(presets[i].name, text) == 0)
			r->preset = &presets[i];
	return r->preset ? ERR_OK
			 : errmsg_set(why, ERR_USAGE,
				      "preset %s: is not known; it is host, acme, dhcp, secondary or admin", text);
}

enum err admin_grant_preset(struct admin_request *r, struct errmsg *why)
{
	const char *from, *name;
	r->job->run = add_preset;
	r->grant.zone = r->zone;
	enum err err = take_preset(r, why);
	if (!err)
		err = admin_key_name(r, "key", &r->grant.key, why);
	if (!err && !r->grant.key.len)
		err = errmsg_set(why, ERR_USAGE, "grant preset: say who may: --key NAME");
	if (!err)
		err = admin_text(r, "from", &from, why);
	if (!err && from)
		err = addr_prefix_parse(&r->grant.from, from, why);
	if (!err)
		err = admin_text(r, "name", &name, why);
	if (!err && name && r->preset->grant[0].names == NAMES_ALL)
		err = errmsg_set(why, ERR_USAGE, "preset %s: is about the whole zone, without --name", r->preset->name);
	if (err)
		return err;
	r->grant.has_key = true;
	r->grant.has_from = from != NULL;
	err = admin_settle_identity(r, r->reader, why);
	return err ? err : make_grant(r, 0, why);
}
