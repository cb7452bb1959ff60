/* admin_secondary.c: "zone add": a zone that we are a secondary of. */
#include "lib/log.h"
#include "zones/admin/admin_inside.h"

static enum err add_zone(struct job *job, struct zonestore *s, struct errmsg *why)
{
	struct admin_request *r = job->run_arg;
	struct zonestore_zone z = {.name = r->zone, .role = ZONE_SECONDARY, .policy = SERIAL_INCREMENT};
	enum err err = zonestore_add_zone(s, &z, why);
	if (err == ERR_EXISTS)
		return errmsg_set(why, err,
				  "zone %s: is in this database already; remove it first to make it a secondary",
				  r->zone_text);
	for (unsigned i = 0; i < r->primaries && !err; i++)
		err = zonestore_secondary_add_primary(s, z.id, i, &r->primary[i], why);
	if (!err)
		log_info("zone %s added as a secondary by %s", r->zone_text, job->actor.who);
	return err;
}

static enum err take_primary(struct admin_request *r, const json_t *item, const struct name *key, struct errmsg *why)
{
	const char *text = json_string_value(item);
	if (!text || r->primaries == ZONESTORE_PRIMARIES_MAX)
		return errmsg_set(why, ERR_USAGE, "zone %s: --primary is for up to %d addresses", r->zone_text,
				  ZONESTORE_PRIMARIES_MAX);
	struct zonestore_primary *p = &r->primary[r->primaries++];
	enum err err = zonestore_secondary_parse(p, text, why);
	if (err) {
		errmsg_prefix(why, "primary");
		return err;
	}
	p->has_key = key->len > 0;
	p->key = *key;
	if (p->by_key && !p->has_key)
		return errmsg_set(why, ERR_USAGE,
				  "primary %s: is whoever sends NOTIFY with the key; give --key as well", text);
	return ERR_OK;
}

enum err admin_zone_add(struct admin_request *r, struct errmsg *why)
{
	const json_t *list = json_object_get(r->json, "primaries");
	struct keystore_key there;
	struct name key;
	size_t i;
	json_t *item;
	r->job->run = add_zone;
	enum err err = admin_key_name(r, "key", &key, why);
	if (!err && key.len) {
		err = admin_find_key(r->reader, key.wire, &there, why);
		explicit_bzero(there.secret, sizeof(there.secret));
	}
	if (!err && json_array_size(list) == 0)
		err = errmsg_set(why, ERR_USAGE, "zone %s: give its primaries with --primary ADDR@PORT", r->zone_text);
	json_array_foreach(list, i, item) if (!err) err = take_primary(r, item, &key, why);
	return err;
}
