/* update.c: an UPDATE message taken apart (RFC 2136 §2), judged as far as that needs no zone content. */
#include "zones/change/update.h"

#include <assert.h>
#include <stdlib.h>

#include "zones/change/update_internal.h"

enum { CHUNK_OCTETS = 1024, FIRST_ITEMS = 4 }; /* fits the usual update of a few records in one allocation of each */

/* ---- memory ---- */

static uint8_t *reserve(struct update *u, size_t len)
{
	struct update_chunk *c = u->chunks;
	if (!c || c->cap - c->used < len) {
		size_t cap = len > CHUNK_OCTETS ? len : CHUNK_OCTETS;
		c = malloc(sizeof(*c) + cap);
		if (!c)
			return NULL;
		*c = (struct update_chunk){.next = u->chunks, .cap = cap};
		u->chunks = c;
	}
	uint8_t *p = c->data + c->used;
	c->used += len;
	return p;
}

static struct update_item *append(struct update_list *l)
{
	if (l->count == l->cap) {
		size_t cap = l->cap ? 2 * l->cap : FIRST_ITEMS;
		struct update_item *item = realloc(l->item, cap * sizeof(*item));
		if (!item)
			return NULL;
		l->item = item;
		l->cap = cap;
	}
	return &l->item[l->count++];
}

static struct update_list *list_of(struct update *u, enum section section)
{
	assert(section == SECTION_PREREQ || section == SECTION_UPDATE);
	return section == SECTION_PREREQ ? &u->prereqs : &u->updates;
}

/* *pushed (may be NULL) is good until the next. */
static enum err push(struct update *u, enum section section, const struct rr *rr, enum update_fault fault,
		     struct update_item **pushed)
{
	size_t owner_len = name_len(rr->owner);
	uint8_t *octets = reserve(u, owner_len + rr->rdlen);
	struct update_item *item = octets ? append(list_of(u, section)) : NULL;
	if (!item)
		return ERR_NOMEM;

	memcpy(octets, rr->owner, owner_len);
	if (rr->rdlen)
		memcpy(octets + owner_len, rr->rdata, rr->rdlen);
	*item = (struct update_item){.rr = {.owner = octets,
					    .type = rr->type,
					    .class = rr->class,
					    .ttl = rr->ttl,
					    .rdlen = rr->rdlen,
					    .rdata = octets + owner_len},
				     .fault = fault};
	/* RFC 2181 §8: a TTL with the top bit set is 0. Not where it must be 0 by the requester's own hand. */
	if (rr->class == CLASS_IN && rr->ttl > INT32_MAX)
		item->rr.ttl = 0;
	if (pushed)
		*pushed = item;
	return ERR_OK;
}

/* ---- judging one record without zone content ---- */

/* §3.2.1 to §3.2.3, in the order of the pseudocode in §3.2.5. That no zone has records of a meta type is for the
 * comparison to find. */
static enum update_fault judge_prereq(const struct update *u, const struct rr *rr)
{
	if (rr->ttl != 0)
		return UPDATE_BAD_TTL;
	if (!name_is_under(rr->owner, u->zone.wire))
		return UPDATE_OUTSIDE;
	if (rr->class == CLASS_ANY || rr->class == CLASS_NONE)
		return rr->rdlen ? UPDATE_BAD_RDATA : UPDATE_SOUND;
	if (rr->class != CLASS_IN)
		return UPDATE_BAD_CLASS;
	return rr_check_rdata(rr->type, rr->rdata, rr->rdlen) ? UPDATE_BAD_RDATA : UPDATE_SOUND;
}

/* Prescan, §3.4.1. */
static enum update_fault judge_update(const struct update *u, const struct rr *rr)
{
	if (!name_is_under(rr->owner, u->zone.wire))
		return UPDATE_OUTSIDE;
	if (rr->class != CLASS_IN && rr->class != CLASS_ANY && rr->class != CLASS_NONE)
		return UPDATE_BAD_CLASS;
	if (rr->class != CLASS_IN && rr->ttl != 0)
		return UPDATE_BAD_TTL;
	if (rr->class == CLASS_ANY) {
		if (rr->rdlen)
			return UPDATE_BAD_RDATA;
		return rr_type_is_meta(rr->type) && rr->type != TYPE_ANY ? UPDATE_BAD_TYPE : UPDATE_SOUND;
	}
	if (rr_type_is_meta(rr->type))
		return UPDATE_BAD_TYPE;
	return rr_check_rdata(rr->type, rr->rdata, rr->rdlen) ? UPDATE_BAD_RDATA : UPDATE_SOUND;
}

/* ---- from a message ---- */

static enum update_fault judge_request(const struct update *u, const struct message *m, const struct access *access)
{
	if (m->count[SECTION_ZONE] != 1 || m->qtype != TYPE_SOA || m->qclass != CLASS_IN)
		return UPDATE_BAD_ZONE_SECTION;
	if (!name_equal(m->qname.wire, u->zone.wire))
		return UPDATE_BAD_ZONE_SECTION;
	return access_allows(access, &u->who) ? UPDATE_SOUND : UPDATE_NO_GRANT;
}

/* A prerequisite tells whether something is there, so its name must be one that the requester has to do with. */
static enum update_fault permit_prereq(const struct update *u, const struct rr *rr)
{
	return access_allows_name(&u->rights, rr->owner) ? UPDATE_SOUND : UPDATE_FORBIDDEN;
}

static enum update_fault permit_update(struct update *u, struct update_item *item)
{
	/* NXT: RFC 3007 §3.1.1. */
	if (rr_type_is_dnssec_denial_or_sig(item->rr.type) || item->rr.type == TYPE_NXT)
		return UPDATE_SIGNER_TYPE;
	switch (access_decide(&u->rights, item->rr.owner, item->rr.type, &item->limits)) {
	case ACCESS_GRANTED:
		u->limited |= item->limits != NULL;
		return UPDATE_SOUND;
	case ACCESS_BY_TYPE:
		item->by_type = true;
		return UPDATE_SOUND;
	case ACCESS_LOCKED:
		return UPDATE_LOCKED;
	case ACCESS_REFUSED:
	default:
		return UPDATE_FORBIDDEN;
	}
}

static enum err take_rr(struct update *u, enum section section, const struct rr *rr, bool malformed)
{
	bool prereq = section == SECTION_PREREQ;
	struct update_item *item;
	enum update_fault fault = prereq ? judge_prereq(u, rr) : judge_update(u, rr);
	if (fault == UPDATE_SOUND && malformed)
		fault = UPDATE_BAD_RDATA;
	enum err err = push(u, section, rr, fault, &item);
	if (!err && fault == UPDATE_SOUND)
		item->fault = prereq ? permit_prereq(u, rr) : permit_update(u, item);
	return err;
}

static enum err take_section(struct update *u, const struct message *m, enum section section)
{
	uint8_t rdata[RDATA_MAX];
	size_t at = m->section[section];
	for (unsigned i = 0; i < m->count[section]; i++) {
		struct wbuf scratch = buf_writer(rdata, sizeof(rdata));
		struct name owner;
		struct rr rr;
		bool malformed = message_next_rr(m, &at, &owner, &scratch, &rr) != ERR_OK;
		enum err err = take_rr(u, section, &rr, malformed);
		if (err)
			return err;
	}
	return ERR_OK;
}

/* The zone's name and the address are the caller's, and may go before the update does. */
static void take_request(struct update *u, const struct access *access, const struct access_request *who)
{
	u->who = *who;
	u->who.zone = u->zone.wire;
	if (who->from) {
		u->from = *who->from;
		u->who.from = &u->from;
	}
	access_look(&u->rights, access, &u->who);
}

enum err update_parse(struct update **out, const struct message *m, const uint8_t *zone, const struct access *access,
		      const struct access_request *who)
{
	struct update *u;
	enum err err = update_new(&u, zone);
	if (err)
		return err;
	u->trusted = false;
	take_request(u, access, who);
	u->fault = judge_request(u, m, access);
	if (u->fault == UPDATE_SOUND)
		err = take_section(u, m, SECTION_PREREQ);
	if (!err && u->fault == UPDATE_SOUND)
		err = take_section(u, m, SECTION_UPDATE);
	if (err) {
		update_free(u);
		return err;
	}
	*out = u;
	return ERR_OK;
}

/* ---- by hand ---- */

enum err update_new(struct update **out, const uint8_t *zone)
{
	struct update *u = calloc(1, sizeof(*u));
	if (!u)
		return ERR_NOMEM;
	name_set(&u->zone, zone);
	name_lower(u->zone.wire, u->zone.wire, u->zone.len);
	u->trusted = true;
	*out = u;
	return ERR_OK;
}

enum err update_new_for(struct update **out, const uint8_t *zone, const struct access *access,
			const struct access_request *who)
{
	struct update *u;
	enum err err = update_new(&u, zone);
	if (err)
		return err;
	u->trusted = false;
	take_request(u, access, who);
	u->fault = access_allows(access, &u->who) ? UPDATE_SOUND : UPDATE_NO_GRANT;
	*out = u;
	return ERR_OK;
}

enum err update_push(struct update *u, enum section section, const uint8_t *owner, uint16_t type, uint16_t class,
		     uint32_t ttl, const uint8_t *rdata, uint16_t rdlen)
{
	struct rr rr = {.owner = owner, .type = type, .class = class, .ttl = ttl, .rdlen = rdlen, .rdata = rdata};
	if (!u->trusted)
		return take_rr(u, section, &rr, false);
	return push(u, section, &rr, section == SECTION_PREREQ ? judge_prereq(u, &rr) : judge_update(u, &rr), NULL);
}

void update_free(struct update *u)
{
	if (!u)
		return;
	while (u->chunks) {
		struct update_chunk *c = u->chunks;
		u->chunks = c->next;
		free(c);
	}
	free(u->prereqs.item);
	free(u->updates.item);
	free(u);
}

size_t update_count(const struct update *u, enum section section)
{
	return section == SECTION_PREREQ ? u->prereqs.count : section == SECTION_UPDATE ? u->updates.count : 0;
}

const struct update_rr *update_rr_at(const struct update *u, enum section section, size_t i)
{
	assert(i < update_count(u, section));
	return section == SECTION_PREREQ ? &u->prereqs.item[i].rr : &u->updates.item[i].rr;
}

bool update_too_fast(const struct update *u)
{
	return u->too_fast;
}

const char *update_hint(const struct update *u)
{
	return u->hint;
}
