/* answer_put.c: see answer_put.h. */
#include "zones/answer/answer_put.h"

const struct zone_view *answer_put_view(struct answer *a, const struct zone *z)
{
	for (unsigned i = 0; i < a->views; i++)
		if (a->view[i].zone == z)
			return &a->view[i];
	if (a->views == ANSWER_VIEWS_MAX)
		return NULL;
	const struct answer_ahead *ahead = a->query->ahead;
	a->view[a->views] = ahead && ahead->zone == z ? ahead->view : zone_view(z);
	return &a->view[a->views++];
}

void answer_put_flag(struct answer *a, uint16_t set, uint16_t clear)
{
	writer_set_flags(a->writer, (uint16_t)((writer_flags(a->writer) | set) & ~clear));
}

/* Ready records: one copy where the owner stands in the message and no name inside wants compressing; else one by
 * one. */
static bool put_block(struct answer *a, enum section s, struct answer_owner owner, const uint8_t *block, size_t len,
		      unsigned count, bool compress)
{
	struct content_rr rr;
	size_t at = 0;

	if (!compress && owner.fresh)
		return writer_block_under(a->writer, s, owner.wire, owner.fresh, owner.offset, block, len, count);
	if (!compress && owner.offset)
		return writer_block(a->writer, s, owner.offset, block, len, count);
	while (content_next(block, len, &at, &rr))
		if (!writer_rr(a->writer, s, owner.wire, rr.type, CLASS_IN, rr.ttl, rr.rdata, rr.rdlen))
			return false;
	return true;
}

/* Where an owner just written at octet `at` can be pointed to: there, or where it is a pointer itself, at what that
 * points to. 0: nowhere. */
static uint16_t owner_written_at(const struct writer *w, size_t at)
{
	enum { POINTER = 0xc000, TARGET = 0x3fff }; /* RFC 1035 §4.1.4 */
	uint16_t first = buf_load_u16(w->out.data + at);

	if ((first & POINTER) == POINTER)
		return first & TARGET;
	return at <= TARGET && first >> 8 ? (uint16_t)at : 0; /* the root takes less than a pointer */
}

static bool put_set(struct answer *a, enum section s, struct answer_owner owner, const struct content *c,
		    const struct rrset *set)
{
	struct writer_mark mark = writer_mark(a->writer);

	if (!put_block(a, s, owner, content_block(c, set), set->len, set->count, set->flags & RRSET_COMPRESSIBLE))
		goto full;
	if (!a->query->dnssec_ok || !set->sig_count)
		return true;
	if (!owner.offset || owner.fresh)
		owner = (struct answer_owner){.wire = owner.wire, .offset = owner_written_at(a->writer, mark.len)};
	if (put_block(a, s, owner, content_sig_block(c, set), set->sig_len, set->sig_count, false))
		return true;
full:
	writer_rewind(a->writer, mark);
	return false;
}

bool answer_put_set(struct answer *a, enum section s, struct answer_owner owner, const struct content *c,
		    const struct rrset *set, const struct node *cut)
{
	if (!put_set(a, s, owner, c, set)) {
		answer_put_flag(a, FLAG_TC, 0); /* RFC 2181 §9 */
		return false;
	}
	if ((set->flags & RRSET_ADDITIONAL) && a->sets < ANSWER_SETS_MAX)
		a->set[a->sets++] = (struct answer_set){.content = c, .set = set, .owner = owner.wire, .cut = cut};
	return true;
}

bool answer_put_sigs(struct answer *a, enum section s, struct answer_owner owner, const struct content *c,
		     const struct rrset *set)
{
	struct writer_mark mark = writer_mark(a->writer);

	if (put_block(a, s, owner, content_sig_block(c, set), set->sig_len, set->sig_count, false))
		return true;
	writer_rewind(a->writer, mark);
	answer_put_flag(a, FLAG_TC, 0);
	return false;
}

/* One record of a negative answer's SOA, or its signature. The fast way where the zone's name stands in the message. */
static bool put_apex_rr(struct answer *a, const struct zone *z, struct answer_owner apex, const struct content_rr *from,
			uint32_t ttl)
{
	if (!apex.offset || zone_name_len(z) == 1) /* a pointer to the root would be longer than the root */
		return writer_rr(a->writer, SECTION_AUTHORITY, zone_name(z), from->type, CLASS_IN, ttl, from->rdata,
				 from->rdlen);
	struct writer_zone zone = {.name = zone_name(z), .len = zone_name_len(z), .offset = apex.offset};
	struct rr rr = {.type = from->type, .class = CLASS_IN, .ttl = ttl, .rdlen = from->rdlen, .rdata = from->rdata};
	return writer_rr_in_zone(a->writer, SECTION_AUTHORITY, apex.offset, &zone, &rr);
}

bool answer_put_soa(struct answer *a, const struct zone_view *v, struct answer_owner apex)
{
	const struct content *c = zone_content(v, zone_apex(v->zone));
	const struct rrset *set = content_find(c, TYPE_SOA);
	struct writer_mark mark = writer_mark(a->writer);
	struct content_rr rr;
	size_t at = 0;

	if (!set || !content_next(content_block(c, set), set->len, &at, &rr))
		return false;
	/* The SOA's minimum is its last four octets; the lower of it and the record's TTL is how long the absence may
	 * be believed. */
	uint32_t minimum = buf_load_u32(rr.rdata + rr.rdlen - 4);
	uint32_t ttl = rr.ttl < minimum ? rr.ttl : minimum;
	bool fits = put_apex_rr(a, v->zone, apex, &rr, ttl);
	at = 0;
	while (fits && a->query->dnssec_ok && content_next(content_sig_block(c, set), set->sig_len, &at, &rr))
		fits = put_apex_rr(a, v->zone, apex, &rr, ttl);
	if (!fits) {
		writer_rewind(a->writer, mark);
		answer_put_flag(a, FLAG_TC, 0);
	}
	return true;
}

/* ---- additional ---- */

/* True also when no more can be kept in mind, unless the addresses are required. */
static bool already_given(struct answer *a, const struct content *c, bool required)
{
	for (unsigned i = 0; i < a->given; i++)
		if (a->given_content[i] == c)
			return true;
	if (a->given == ANSWER_GIVEN_MAX)
		return !required;
	a->given_content[a->given++] = c;
	return false;
}

/* At or below a cut, or below a DNAME: not this zone's to tell (RFC 2181 §6.1, RFC 6672 §2.4). */
static bool is_occluded(const struct zone_view *v, const struct node *n)
{
	const struct content *c = zone_content(v, n);
	unsigned hides = CONTENT_NS;

	for (; n != zone_apex(v->zone); hides = CONTENT_NS | CONTENT_DNAME) {
		if (c && (c->flags & hides))
			return true;
		n = zone_parent(n);
		c = zone_content(v, n);
	}
	return c && hides != CONTENT_NS && (c->flags & CONTENT_DNAME);
}

static bool is_under(const struct node *n, const struct node *ancestor)
{
	while (n && n != ancestor)
		n = zone_parent(n);
	return n != NULL;
}

/* The zone that tells a name's addresses: its own, but for a name below the cut of a referral the referring one: glue
 * is the parent's also where the child's data are here. `set` is what named it. */
static const struct zone *zone_of(const struct answer *a, const struct qname *name, const struct answer_set *set)
{
	struct qname owner;
	unsigned label;

	if (!set->cut || !name_is_under(name->lower, set->owner))
		return directory_find(a->directory, name, 0, &label);
	qname_set(&owner, set->owner);
	return directory_find(a->directory, &owner, 0, &label);
}

/* The addresses at one name. Glue (what is below a cut) is only for a referral (RFC 1034 §4.2.1, RFC 9471). */
static void put_addresses(struct answer *a, const uint8_t *name, const struct answer_set *from)
{
	const struct node *cut = from->cut;
	struct qname q;
	const struct node *node;

	qname_set(&q, name);
	const struct zone *z = zone_of(a, &q, from);
	const struct zone_view *v = z ? answer_put_view(a, z) : NULL;
	const struct content *c = v ? zone_find(v, &q, 0, &node) : NULL;
	if (!content_in_use(c) || (!cut && is_occluded(v, node)) || already_given(a, c, cut != NULL))
		return;
	struct answer_owner owner = {.wire = q.lower, .offset = writer_find(a->writer, q.lower)};
	static const uint16_t types[] = {TYPE_A, TYPE_AAAA};
	for (unsigned i = 0; i < sizeof types / sizeof types[0]; i++) {
		const struct rrset *set = content_find(c, types[i]);
		if (!set)
			continue;
		if (!put_set(a, SECTION_ADDITIONAL, owner, c, set)) {
			if (cut && is_under(node, cut))
				answer_put_flag(a, FLAG_TC, 0); /* RFC 9471 §3.1: needed to get on */
			return;
		}
		if (!owner.offset)
			owner.offset = writer_find(a->writer, q.lower);
	}
}

void answer_put_additional(struct answer *a)
{
	/* With ANY the answer section has the addresses of its own name already. */
	for (unsigned i = 0; a->query->qtype == TYPE_ANY && i < a->sets; i++)
		if (!a->set[i].cut)
			(void)already_given(a, a->set[i].content, false);
	for (unsigned i = 0; i < a->sets; i++) {
		const struct answer_set *s = &a->set[i];
		struct content_rr rr;
		size_t at = 0;
		while (content_next(content_block(s->content, s->set), s->set->len, &at, &rr)) {
			const uint8_t *name = rr_additional_name(rr.type, rr.rdata, rr.rdlen);
			if (name &&
			    !name[0]) /* "." : the owner itself for SVCB (RFC 9460 §2.5), no service for SRV and MX */
				name = rr.type == TYPE_SVCB || rr.type == TYPE_HTTPS ? s->owner : NULL;
			if (name)
				put_addresses(a, name, s);
		}
	}
}
