/* admin_starter.c: "init": a zone to start from, a key for it, and what that key may do. */
#include <stdlib.h>

#include "zones/admin/admin_inside.h"
#include "zones/file/zonefile.h"

/* The SOA's timers suit a home: a secondary that missed a NOTIFY asks again within 10 minutes, and serves on for two
 * weeks while the line is down (RFC 1912 §2.2). A new name is seen within a minute (RFC 2308 §5), and so is a new
 * address. 192.0.2.0/24 and 2001:db8::/32 are for examples (RFC 5737, RFC 3849); the administrator, or the home's
 * first update, puts the real ones in. */
static const char starter[] = "@    3600 IN SOA   ns1 hostmaster 1 600 120 1209600 60\n"
			      "@    3600 IN NS    ns1\n"
			      "@    3600 IN MX    10 home\n"
			      "@    3600 IN TXT   \"v=spf1 mx -all\"\n"
			      "ns1  3600 IN A     127.0.0.1\n"
			      "home 60   IN A     192.0.2.1\n"
			      "home 60   IN AAAA  2001:db8::1\n"
			      "www  3600 IN CNAME home\n";

static const uint8_t key_label[] = {3, 'k', 'e', 'y'}; /* key.home.example: a name that no host has */

static enum err make_image(struct admin_request *r, struct errmsg *why)
{
	char text[sizeof(starter)];
	memcpy(text, starter, sizeof(starter));
	FILE *f = fmemopen(text, sizeof(starter) - 1, "r");
	if (!f)
		return errmsg_set(why, ERR_NOMEM, "no memory for the starter zone");
	enum err err = zonefile_read(&r->job->image, r->zone.wire, f, "starter zone", why);
	fclose(f);
	return err;
}

/* The key of that name, or else the new one that was prepared. */
static enum err settle_key(struct admin_request *r, struct zonestore *s, struct errmsg *why)
{
	struct errmsg ignored = {.text = ""};
	struct keystore_key there;
	struct sqlstore *sql = zonestore_sql(s);
	enum err err = keystore_find_key(sql, r->key.name.wire, &there, &ignored);
	if (err == ERR_NOTFOUND)
		return keystore_add_key(sql, &r->key, why);
	if (!err)
		r->key = there;
	else if (why)
		*why = ignored;
	return err;
}

static enum err settle_grant(struct admin_request *r, struct zonestore *s, enum access_action action,
			     struct errmsg *why)
{
	struct access_grant g = {.zone = r->zone,
				 .action = action,
				 .has_key = true,
				 .key = r->key.name,
				 .pattern_kind = ACCESS_NAME_ANY};
	struct errmsg ignored = {.text = ""};
	enum err err = keystore_add_grant(zonestore_sql(s), &g, &ignored);
	if (err == ERR_EXISTS)
		return ERR_OK;
	if (err)
		*why = ignored;
	return err;
}

static enum err settle_rights(struct job *job, struct zonestore *s, struct errmsg *why)
{
	struct admin_request *r = job->run_arg;
	enum err err = settle_key(r, s, why);
	if (!err)
		err = settle_grant(r, s, ACCESS_UPDATE, why);
	if (!err)
		err = settle_grant(r, s, ACCESS_TRANSFER, why);
	return err ? err : admin_key_answer(r, &r->key, why);
}

static enum err count_version(void *arg, const struct zonestore_version *v, const struct zonestore_change *c)
{
	unsigned *count = arg;
	(void)v;
	(void)c;
	++*count;
	return ERR_OK;
}

/* With the new zone. Between our look and now somebody may have made a zone of that name: theirs must not become
 * ours. */
static enum err make_rights(struct job *job, struct zonestore *s, struct errmsg *why)
{
	struct admin_request *r = job->run_arg;
	struct zonestore_zone row;
	unsigned versions = 0;
	enum err err = admin_find_zone(r, s, &row, why);
	if (!err)
		err = zonestore_each_version(s, row.id, false, 0, 2, count_version, &versions, why);
	if (!err && versions > 1)
		err = errmsg_set(why, ERR_EXISTS, "zone %s: was made by somebody else at the same moment; try again",
				 r->zone_text);
	return err ? err : settle_rights(job, s, why);
}

static enum err do_nothing(struct job *job, struct zonestore *s, struct errmsg *why)
{
	(void)job;
	(void)s;
	(void)why;
	return ERR_OK;
}

enum err admin_starter_prepare(struct admin_request *r, struct errmsg *why)
{
	struct zonestore_zone row;
	r->job->run = do_nothing;
	if (r->zone.len == 0)
		return ERR_OK;
	if (name_join(&r->key.name, key_label, sizeof(key_label), r->zone.wire))
		return errmsg_set(why, ERR_RANGE, "zone %s: its key's name, key.%s, would be over 255 octets",
				  r->zone_text, r->zone_text);
	r->key.algorithm = TSIG_HMAC_SHA256;
	enum err err = admin_key_fill_secret(&r->key, why);
	if (err)
		return err;

	err = zonestore_find_zone(r->reader, r->zone.wire, &row, why);
	if (err && err != ERR_NOTFOUND)
		return err;
	bool there = !err && row.has_serial;
	if (!err && row.role == ZONE_SECONDARY)
		return errmsg_set(why, ERR_REFUSED, "zone %s: is a secondary here; init is for zones that begin here",
				  r->zone_text);
	if (json_object_set_new(r->extra, "created", json_boolean(!there)))
		return errmsg_set(why, ERR_NOMEM, "no memory");
	r->job->run = settle_rights;
	if (there)
		return ERR_OK;
	r->job->kind = JOB_REPLACE;
	r->job->role = ZONE_PRIMARY;
	r->job->run = make_rights;
	return make_image(r, why);
}
