/* denial.c: see denial.h. */
#include "zones/answer/denial.h"

#include "zones/answer/nsec3.h"
#include "zones/memory/order.h"

/* What is looked for: suffix `label` of q, or "*." before it. */
struct sought {
	const struct zone_view *view;
	const struct qname *q;
	unsigned label;
	bool wildcard;
};

/* Its wire form, lower-case, without the last `cut` octets. Returns the length; *name may point into q. */
static size_t wire_of(const struct sought *s, size_t cut, uint8_t room[NAME_WIRE_MAX + 2], const uint8_t **name)
{
	const uint8_t *suffix = qname_suffix(s->q, s->label);
	size_t len = (size_t)(s->q->len - s->q->off[s->label]) - cut;

	*name = suffix;
	if (!s->wildcard)
		return len;
	room[0] = 1;
	room[1] = '*';
	memcpy(room + 2, suffix, len);
	*name = room;
	return len + 2;
}

static void add(struct answer *a, const struct zone_view *v, const struct node *n, const struct content *c,
		uint16_t type)
{
	for (unsigned i = 0; i < a->proofs; i++)
		if (a->proof[i].content == c)
			return;
	if (a->proofs < ANSWER_PROOFS_MAX)
		a->proof[a->proofs++] = (struct answer_proof){.zone = v->zone, .node = n, .content = c, .type = type};
}

/* ---- NSEC ---- */

/* The NSEC that matches or covers the name. */
static void add_nsec(struct answer *a, const struct sought *s)
{
	const struct zone_view *v = s->view;
	const struct node *n;
	const struct content *c = s->wildcard ? NULL : zone_find(v, s->q, s->label, &n);
	uint8_t room[NAME_WIRE_MAX + 2];
	const uint8_t *rel;
	struct order_cursor cursor;

	if (c && (c->flags & CONTENT_NSEC)) {
		add(a, v, n, c, TYPE_NSEC);
		return;
	}
	size_t len = wire_of(s, zone_name_len(v->zone), room, &rel);
	for (n = order_seek(&cursor, v->order, ORDER_NSEC, rel, len); n; n = order_before(&cursor)) {
		c = zone_content(v, n);
		if (!c || !(c->flags & CONTENT_NSEC))
			continue;
		add(a, v, n, c, TYPE_NSEC);
		return;
	}
}

static void prove_nsec(struct answer *a, const struct sought *s, enum denial what)
{
	struct sought name = *s, wildcard = *s;

	if (what != DENIAL_TYPE)
		name.label = 0;
	add_nsec(a, &name);
	wildcard.wildcard = true;
	if (what == DENIAL_NAME || what == DENIAL_WILDCARD_TYPE)
		add_nsec(a, &wildcard);
}

/* ---- NSEC3 ---- */

struct chain {
	struct answer *answer; /* NULL: nothing is gathered */
	struct nsec3_param param;
};

enum found { BROKEN, ABSENT, COVERED, MATCHED };

/* The chain to use: that of the first NSEC3PARAM with flags we know (RFC 5155 §4.1.2). */
static bool find_chain(struct nsec3_param *p, const struct content *apex, const struct rrset *set)
{
	struct content_rr rr;
	size_t at = 0;

	while (content_next(content_block(apex, set), set->len, &at, &rr))
		if (nsec3_param_read(p, rr.rdata, rr.rdlen) && !rr.rdata[1])
			return true;
	return false;
}

static bool in_chain(const struct nsec3_param *p, const struct content *c)
{
	const struct rrset *set = content_find(c, TYPE_NSEC3);
	struct nsec3_param own;
	struct content_rr rr;
	size_t at = 0;

	while (set && content_next(content_block(c, set), set->len, &at, &rr))
		if (nsec3_param_read(&own, rr.rdata, rr.rdlen) && nsec3_param_equal(p, &own))
			return true;
	return false;
}

/* The NSEC3 at the label or before it. */
static const struct content *seek_in_chain(const struct chain *k, const struct zone_view *v,
					   const uint8_t label[NSEC3_LABEL_LEN], struct order_cursor *cursor,
					   const struct node **n)
{
	for (*n = order_seek(cursor, v->order, ORDER_NSEC3, label, NSEC3_LABEL_LEN); *n; *n = order_before(cursor)) {
		const struct content *c = zone_content(v, *n);
		if (in_chain(&k->param, c))
			return c;
	}
	return NULL;
}

/* The NSEC3 that matches or covers the name. With `only_match` it is gathered when it matches, else always. */
static enum found find_nsec3(const struct chain *k, const struct sought *s, bool only_match)
{
	uint8_t room[NAME_WIRE_MAX + 2], hash[NSEC3_HASH_LEN], label[NSEC3_LABEL_LEN];
	const uint8_t *name;
	const struct node *n;
	struct order_cursor cursor;
	size_t len = wire_of(s, 0, room, &name);

	if (nsec3_hash(hash, &k->param, name, len))
		return BROKEN;
	nsec3_label(label, hash);
	const struct content *c = seek_in_chain(k, s->view, label, &cursor, &n);
	if (!c)
		return ABSENT;
	if (k->answer && (cursor.equal || !only_match))
		add(k->answer, s->view, n, c, TYPE_NSEC3);
	return cursor.equal ? MATCHED : COVERED;
}

/* Some NSEC3, found without hashing: validators see from it that the zone has too many iterations, and take its
 * denials for unsigned whatever they prove (RFC 9276 §3.2). */
static void show_iterations(const struct chain *k, const struct zone_view *v)
{
	static const uint8_t zero[NSEC3_HASH_LEN];
	uint8_t label[NSEC3_LABEL_LEN];
	const struct node *n;
	struct order_cursor cursor;

	nsec3_label(label, zero);
	const struct content *c = seek_in_chain(k, v, label, &cursor, &n);
	if (c)
		add(k->answer, v, n, c, TYPE_NSEC3);
}

/* The closest encloser proof (RFC 5155 §7.2.1) for what is below suffix *label, which becomes that of the closest
 * provable encloser. */
static enum found prove_encloser(const struct chain *k, const struct sought *s, unsigned *label)
{
	unsigned apex = s->q->labels - zone_labels(s->view->zone);
	struct sought at = *s;
	enum found f = COVERED;

	for (; *label <= apex; ++*label) {
		at.label = *label;
		f = find_nsec3(k, &at, true);
		if (f != COVERED)
			break;
	}
	if (f != MATCHED)
		return f == BROKEN ? BROKEN : ABSENT;
	at.label = *label - 1;
	/* A match here is a collision of hashes, or the chain is not the zone's (§7.2.9). */
	f = find_nsec3(k, &at, false);
	return f == MATCHED ? BROKEN : f;
}

static bool prove_nsec3(const struct chain *k, const struct sought *s, enum denial what)
{
	struct sought at = *s;
	enum found f;

	switch (what) {
	case DENIAL_WILDCARD:
		at.label--;
		return find_nsec3(k, &at, false) != BROKEN;
	case DENIAL_TYPE:
		f = find_nsec3(k, &at, true);
		at.label++;
		return f == COVERED ? prove_encloser(k, s, &at.label) != BROKEN : f != BROKEN;
	default:
		f = prove_encloser(k, s, &at.label);
		at.wildcard = true;
		return f == COVERED ? find_nsec3(k, &at, false) != BROKEN : f != BROKEN;
	}
}

/* ---- both ---- */

bool denial_prove(struct answer *a, const struct zone_view *v, const struct qname *q, unsigned label, enum denial what)
{
	struct sought s = {.view = v, .q = q, .label = label};
	struct chain k = {.answer = a};

	if (!a->query->dnssec_ok || !v->order)
		return true;
	const struct content *apex = zone_content(v, zone_apex(v->zone));
	const struct rrset *param = content_find(apex, TYPE_NSEC3PARAM);
	bool nsec = apex && (apex->flags & CONTENT_NSEC);
	bool nsec3 = param && find_chain(&k.param, apex, param);
	if (nsec3 && k.param.iterations > NSEC3_ITERATIONS_MAX)
		show_iterations(&k, v);
	else if (nsec3)
		return prove_nsec3(&k, &s, what);
	else if (nsec)
		prove_nsec(a, &s, what);
	return nsec3 || nsec || !param;
}

/* The owner of a proof. Nearly always the zone's name stands in the question: then only what is before it is written,
 * without a look for what else in the message it might share. */
static struct answer_owner owner_of(const struct answer *a, const struct zone *z, const struct name *name)
{
	const struct qname *q = a->query->qname;
	size_t zone_len = zone_name_len(z);
	unsigned i = q->labels - zone_labels(z);

	if (i > q->labels || zone_len == 1 || a->writer->out.len >= WRITER_POINTER_REACH ||
	    !zone_is(z, qname_suffix(q, i), (size_t)(q->len - q->off[i])))
		return (struct answer_owner){.wire = name->wire};
	return (struct answer_owner){.wire = name->wire,
				     .offset = (uint16_t)(MESSAGE_OWNER_AT_QUESTION + q->off[i]),
				     .fresh = (uint8_t)(name->len - zone_len)};
}

void denial_put(struct answer *a)
{
	if (writer_flags(a->writer) & FLAG_TC)
		return; /* what they prove is not there either */
	for (unsigned i = 0; i < a->proofs; i++) {
		const struct answer_proof *p = &a->proof[i];
		struct name name;
		zone_node_name(p->zone, p->node, &name);
		struct answer_owner owner = owner_of(a, p->zone, &name);
		if (!answer_put_set(a, SECTION_AUTHORITY, owner, p->content, content_find(p->content, p->type), NULL))
			return;
	}
}

bool denial_hides(const struct zone_view *v, const struct qname *q, unsigned label, const struct content *c)
{
	struct sought s = {.view = v, .q = q, .label = label};
	struct chain k = {.answer = NULL};

	if (c->sets != 1 || !(c->flags & CONTENT_NSEC3) || q->labels - label == zone_labels(v->zone))
		return false;
	/* Unless it is also an empty non-terminal: then there is an NSEC3 for it. */
	const struct content *apex = zone_content(v, zone_apex(v->zone));
	const struct rrset *param = content_find(apex, TYPE_NSEC3PARAM);
	return !param || !find_chain(&k.param, apex, param) || find_nsec3(&k, &s, true) != MATCHED;
}
