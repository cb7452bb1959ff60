/* admin_record.c: "record add", "record set" and "record delete".
 *
 * RFC 2136 silently leaves out what would break a zone (§3.4.2.2: a CNAME beside other data, the last NS). A person
 * must hear of it: so we look first and refuse with a sentence. What we saw goes into the update as prerequisites: if
 * somebody else changes the name between our look and the commit, the update does nothing and the administrator is
 * told to try again. */
#include <stdlib.h>

#include "lib/clock.h"
#include "zones/admin/admin_inside.h"

enum { DEFAULT_TTL = 300 }; /* seconds; of an RRset that is new: what is moved is found again soon */

struct blob {
	uint16_t len;
	uint8_t *octets;
};

/* A request taken apart, and what the zone has at its name. */
struct record {
	struct admin_request *r;
	struct update *update; /* the job's */
	struct zonestore_zone zone;
	struct name owner;
	bool apex;
	char owner_text[NAME_TEXT_MAX];
	uint16_t type; /* 0: none given */
	char type_text[RR_TYPE_TEXT_MAX];
	bool has_ttl;
	uint32_t ttl;
	struct blob *data;
	size_t count;
	struct content *now; /* NULL: nothing at the name */
};

/* ---- what the zone has ---- */

struct look_up {
	const uint8_t *owner;
	struct content_maker *maker;
	bool found;
};

static enum err take_rr(void *arg, const struct zonestore_rr *rr)
{
	struct look_up *l = arg;
	l->found = true;
	return content_maker_add(l->maker, rr->rr.type, rr->rr.ttl, rr->rr.rdata, rr->rr.rdlen);
}

static enum err look_up(struct record *c, struct errmsg *why)
{
	struct look_up l = {.owner = c->owner.wire};
	enum err err = content_maker_new(&l.maker);
	if (!err)
		err = zonestore_each_rr_at(c->r->reader, c->zone.id, c->owner.wire, take_rr, &l, why);
	if (!err && l.found)
		err = content_maker_finish(l.maker, c->owner.wire, &c->now);
	content_maker_free(l.maker);
	if (err && !why->text[0])
		errmsg_set(why, err, "%s: %s", c->owner_text, err_text(err));
	return err;
}

static const struct rrset *set_now(const struct record *c)
{
	return content_find(c->now, c->type);
}

static bool is_there(const struct record *c, const struct blob *b)
{
	const struct rrset *s = set_now(c);
	struct content_rr rr;
	size_t at = 0;
	while (s && content_next(content_block(c->now, s), s->len, &at, &rr))
		if (rr_rdata_equal(c->type, rr.rdata, rr.rdlen, b->octets, b->len))
			return true;
	return false;
}

static bool is_given(const struct record *c, const struct content_rr *rr)
{
	for (size_t i = 0; i < c->count; i++)
		if (rr_rdata_equal(c->type, rr->rdata, rr->rdlen, c->data[i].octets, c->data[i].len))
			return true;
	return false;
}

/* Some type at the name that a CNAME may not stand beside, or 0 (RFC 1034 §3.6.2, RFC 4035 §2.5). */
static uint16_t other_than_cname(const struct content *now)
{
	for (unsigned i = 0; now && i < now->sets; i++) {
		uint16_t type = now->set[i].type;
		if (now->set[i].count && type != TYPE_CNAME && type != TYPE_NSEC && type != TYPE_KEY)
			return type;
	}
	return 0;
}

/* ---- the request ---- */

static enum err take_type(struct record *c, bool needed, struct errmsg *why)
{
	const char *text;
	enum err err = needed ? admin_need_text(c->r, "type", &text, why) : admin_text(c->r, "type", &text, why);
	if (err || !text)
		return err;
	if (rr_type_from_text(&c->type, text))
		return errmsg_set(why, ERR_USAGE,
				  "type %s: is not known; A, AAAA, TXT and so on, or TYPE65280 for one without a name",
				  text);
	rr_type_to_text(c->type, c->type_text);
	if (rr_type_is_meta(c->type))
		return errmsg_set(why, ERR_USAGE, "type %s: exists in messages only, a zone cannot hold it",
				  c->type_text);
	if (rr_type_is_dnssec_denial_or_sig(c->type))
		return errmsg_set(why, ERR_REFUSED,
				  "type %s: is made by the zone's signer; sign the zone and import it", c->type_text);
	return ERR_OK;
}

static enum err take_ttl(struct record *c, struct errmsg *why)
{
	const json_t *ttl = json_object_get(c->r->json, "ttl");
	json_int_t value = json_integer_value(ttl);
	if (ttl && (!json_is_integer(ttl) || value < 0 || value > INT32_MAX))
		return errmsg_set(why, ERR_USAGE, "TTL: must be 0 to %d seconds (RFC 2181 section 8)", INT32_MAX);
	c->has_ttl = ttl != NULL;
	c->ttl = (uint32_t)value;
	return ERR_OK;
}

static enum err take_rdata(struct record *c, const char *text, uint8_t *scratch, struct errmsg *why)
{
	struct wbuf w = buf_writer(scratch, RDATA_MAX);
	enum err err = admin_rdata_from_text(c->type, text, c->zone.name.wire, &w, why);
	if (!err && rr_check_rdata(c->type, scratch, w.len))
		err = errmsg_set(why, ERR_FORMAT, "%s %s: is not what that type holds", c->type_text, text);
	if (err) {
		errmsg_prefix(why, "%s", c->owner_text);
		return err;
	}
	struct blob *b = &c->data[c->count];
	b->octets = malloc(w.len ? w.len : 1);
	if (!b->octets)
		return errmsg_set(why, ERR_NOMEM, "no memory for the record");
	memcpy(b->octets, scratch, w.len);
	b->len = (uint16_t)w.len;
	c->count++;
	return ERR_OK;
}

static enum err take_data(struct record *c, bool needed, struct errmsg *why)
{
	const json_t *data = json_object_get(c->r->json, "data");
	size_t count = json_array_size(data), i;
	json_t *item;
	if (count == 0)
		return needed ? errmsg_set(why, ERR_USAGE, "%s %s: what should it hold? The data is missing",
					   c->owner_text, c->type_text)
			      : ERR_OK;
	if (count > 1 && rr_type_is_singleton(c->type))
		return errmsg_set(why, ERR_REFUSED, "%s: can have one %s record only", c->owner_text, c->type_text);
	c->data = calloc(count, sizeof(*c->data));
	uint8_t *scratch = malloc(RDATA_MAX);
	enum err err = c->data && scratch ? ERR_OK : errmsg_set(why, ERR_NOMEM, "no memory for the records");
	json_array_foreach(data, i, item)
	{
		if (!err && !json_is_string(item))
			err = errmsg_set(why, ERR_USAGE, "request: \"data\" must be texts");
		if (!err)
			err = take_rdata(c, json_string_value(item), scratch, why);
	}
	free(scratch);
	return err;
}

static enum err take_request(struct record *c, bool needs_data, struct errmsg *why)
{
	const char *name;
	enum err err = admin_find_primary(c->r, &c->zone, why);
	if (!err)
		err = admin_need_text(c->r, "name", &name, why);
	if (!err)
		err = admin_owner_from_text(&c->owner, name, c->zone.name.wire, why);
	if (err)
		return err;
	admin_name_to_text(c->owner.wire, c->owner_text);
	c->apex = name_equal(c->owner.wire, c->zone.name.wire);
	err = take_type(c, needs_data, why);
	if (!err)
		err = take_ttl(c, why);
	if (!err)
		err = take_data(c, needs_data, why);
	return err ? err : look_up(c, why);
}

/* ---- the update ---- */

static enum err push(struct record *c, enum section section, uint16_t type, uint16_t class, uint32_t ttl,
		     const struct blob *b)
{
	return update_push(c->update, section, c->owner.wire, type, class, ttl, b ? b->octets : NULL, b ? b->len : 0);
}

static enum err push_data(struct record *c, uint16_t class, uint32_t ttl)
{
	enum err err = ERR_OK;
	for (size_t i = 0; i < c->count && !err; i++)
		err = push(c, SECTION_UPDATE, c->type, class, ttl, &c->data[i]);
	return err;
}

/* The RRset must still be what we saw. */
static enum err guard_set(struct record *c)
{
	const struct rrset *s = set_now(c);
	struct content_rr rr;
	size_t at = 0;
	enum err err = ERR_OK;
	while (s && !err && content_next(content_block(c->now, s), s->len, &at, &rr))
		err = update_push(c->update, SECTION_PREREQ, c->owner.wire, c->type, CLASS_IN, 0, rr.rdata, rr.rdlen);
	return err;
}

/* What adding takes for granted about CNAMEs. */
static enum err guard_cname(struct record *c)
{
	if (c->type != TYPE_CNAME)
		return push(c, SECTION_PREREQ, TYPE_CNAME, CLASS_NONE, 0, NULL);
	if (content_find(c->now, TYPE_CNAME))
		return push(c, SECTION_PREREQ, TYPE_CNAME, CLASS_ANY, 0, NULL);
	return content_in_use(c->now) ? ERR_OK : push(c, SECTION_PREREQ, TYPE_ANY, CLASS_NONE, 0, NULL);
}

static enum err check_cname(const struct record *c, struct errmsg *why)
{
	char type[RR_TYPE_TEXT_MAX];
	uint16_t other = other_than_cname(c->now);
	if (c->type == TYPE_CNAME && other)
		return errmsg_set(why, ERR_REFUSED,
				  "%s: has %s records, and a CNAME must stand alone (RFC 1034 section 3.6.2); %s",
				  c->owner_text, rr_type_to_text(other, type),
				  c->apex ? "a zone's apex cannot be an alias" : "delete those first");
	if (c->type != TYPE_CNAME && c->type != TYPE_KEY && content_find(c->now, TYPE_CNAME))
		return errmsg_set(why, ERR_REFUSED,
				  "%s: has a CNAME, which must stand alone (RFC 1034 section 3.6.2); delete that first",
				  c->owner_text);
	return ERR_OK;
}

static uint32_t ttl_for(const struct record *c)
{
	const struct rrset *s = set_now(c);
	return c->has_ttl ? c->ttl : s ? content_ttl(c->now, s) : DEFAULT_TTL;
}

static enum err add_records(struct record *c, struct errmsg *why)
{
	enum err err = check_cname(c, why);
	if (err)
		return err;
	if (c->type == TYPE_SOA)
		return errmsg_set(why, ERR_REFUSED, "zone %s: has its one SOA; record set changes it", c->r->zone_text);
	if (rr_type_is_singleton(c->type) && set_now(c) && !is_there(c, &c->data[0]))
		return errmsg_set(why, ERR_REFUSED,
				  "%s: has a %s already, and can have one only; record set replaces it", c->owner_text,
				  c->type_text);
	err = guard_cname(c);
	return err ? err : push_data(c, CLASS_IN, ttl_for(c));
}

/* The new SOA, its serial ahead of the zone's: RFC 2136 §3.6 takes no other. */
static enum err set_soa(struct record *c, struct errmsg *why)
{
	const struct rrset *s = set_now(c);
	struct rr_soa soa;
	if (!c->apex || !s)
		return errmsg_set(why, ERR_REFUSED, "%s: a SOA stands at the zone's apex only; write @ for it",
				  c->owner_text);
	if (!rr_soa_parse(&soa, c->data[0].octets, c->data[0].len))
		return errmsg_set(why, ERR_FORMAT, "%s: is not a SOA", c->owner_text);
	if (!rr_serial_newer(soa.serial, c->zone.serial))
		rr_soa_set_serial(c->data[0].octets, c->data[0].len,
				  commit_next_serial(c->zone.policy, c->zone.serial, clock_unix()));
	enum err err = guard_set(c);
	return err ? err : push_data(c, CLASS_IN, ttl_for(c));
}

/* RFC 2136 never deletes the apex's NS RRset whole (§3.4.2.3): first the new records, then each that goes. */
static enum err set_apex_ns(struct record *c)
{
	const struct rrset *s = set_now(c);
	struct content_rr rr;
	size_t at = 0;
	enum err err = guard_set(c);
	if (!err)
		err = push_data(c, CLASS_IN, ttl_for(c));
	while (s && !err && content_next(content_block(c->now, s), s->len, &at, &rr))
		if (!is_given(c, &rr))
			err = update_push(c->update, SECTION_UPDATE, c->owner.wire, TYPE_NS, CLASS_NONE, 0, rr.rdata,
					  rr.rdlen);
	return err;
}

static enum err set_records(struct record *c, struct errmsg *why)
{
	enum err err = check_cname(c, why);
	if (err)
		return err;
	if (c->type == TYPE_SOA)
		return set_soa(c, why);
	if (c->type == TYPE_NS && c->apex)
		return set_apex_ns(c);
	err = guard_cname(c);
	if (!err)
		err = push(c, SECTION_UPDATE, c->type, CLASS_ANY, 0, NULL);
	return err ? err : push_data(c, CLASS_IN, ttl_for(c));
}

static enum err check_apex_delete(const struct record *c, struct errmsg *why)
{
	size_t left = 0, at = 0;
	struct content_rr rr;
	const struct rrset *s = set_now(c);
	if (c->type == 0)
		return errmsg_set(why, ERR_REFUSED, "%s: the zone's apex holds its SOA and NS; name the type to delete",
				  c->owner_text);
	if (c->type == TYPE_SOA)
		return errmsg_set(why, ERR_REFUSED,
				  "%s: a zone needs its SOA; record set changes it, zone remove removes the zone",
				  c->owner_text);
	while (s && content_next(content_block(c->now, s), s->len, &at, &rr))
		left += c->count && !is_given(c, &rr);
	if (c->type == TYPE_NS && s && left == 0)
		return errmsg_set(why, ERR_REFUSED, "%s: a zone needs an NS record; record set replaces them all",
				  c->owner_text);
	return ERR_OK;
}

static enum err check_there(const struct record *c, struct errmsg *why)
{
	const char *zone = c->r->zone_text;
	if (!content_in_use(c->now))
		return errmsg_set(why, ERR_NOTFOUND,
				  "%s: there is no such name; roostctl record list %s shows what there is",
				  c->owner_text, zone);
	if (c->type && !set_now(c))
		return errmsg_set(why, ERR_NOTFOUND,
				  "%s: has no %s record; roostctl record list %s %s shows what it has", c->owner_text,
				  c->type_text, zone, c->owner_text);
	for (size_t i = 0; i < c->count; i++)
		if (!is_there(c, &c->data[i]))
			return errmsg_set(why, ERR_NOTFOUND,
					  "%s: has no such %s record; roostctl record list %s %s shows what it has",
					  c->owner_text, c->type_text, zone, c->owner_text);
	return ERR_OK;
}

static enum err delete_records(struct record *c, struct errmsg *why)
{
	enum err err = c->apex ? check_apex_delete(c, why) : ERR_OK;
	if (!err)
		err = check_there(c, why);
	if (err)
		return err;
	if (c->type == TYPE_NS && c->apex)
		err = guard_set(c); /* so that the last one does not stay in silence */
	else
		err = push(c, SECTION_PREREQ, c->type ? c->type : TYPE_ANY, CLASS_ANY, 0, NULL);
	if (err)
		return err;
	return c->count ? push_data(c, CLASS_NONE, 0)
			: push(c, SECTION_UPDATE, c->type ? c->type : TYPE_ANY, CLASS_ANY, 0, NULL);
}

/* ---- commands ---- */

static enum err run(struct admin_request *r, bool needs_data, enum err (*fn)(struct record *c, struct errmsg *why),
		    struct errmsg *why)
{
	struct record c = {.r = r};
	r->job->kind = JOB_UPDATE;
	enum err err = update_new(&r->job->update, r->zone.wire);
	c.update = r->job->update;
	if (!err)
		err = take_request(&c, needs_data, why);
	if (!err)
		err = fn(&c, why);
	for (size_t i = 0; i < c.count; i++)
		free(c.data[i].octets);
	free(c.data);
	content_free(c.now);
	return err;
}

enum err admin_record_add(struct admin_request *r, struct errmsg *why)
{
	return run(r, true, add_records, why);
}

enum err admin_record_set(struct admin_request *r, struct errmsg *why)
{
	return run(r, true, set_records, why);
}

enum err admin_record_delete(struct admin_request *r, struct errmsg *why)
{
	return run(r, false, delete_records, why);
}
