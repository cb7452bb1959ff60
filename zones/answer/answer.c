/* answer.c: which RRsets answer a question: RFC 1034 §4.3.2, one function a case.
 *
 *   locate -> [ referral | DNAME | CNAME | answer | no data | wildcard | name error ]      CNAME and DNAME start again with a new name */
#include "zones/answer/answer.h"

#include "zones/answer/denial.h"

/* Where a name falls in a zone. */
struct place {
	const struct zone_view *view;
	const struct node *node;       /* the name, or its closest encloser */
	const struct content *content; /* at node */
	unsigned label;                /* suffix index of node in the name: 0 = the name itself */
	const struct node *stop;       /* the topmost cut or DNAME on the way, or NULL */
	const struct content *stop_content;
	unsigned stop_label;
	bool stop_dname;
};

/* The name that is looked for now: the question's, then the targets of the chain. */
struct target {
	const struct qname *q;
	const struct answer_ahead *ahead; /* what is known of q, or NULL */
	struct answer_owner owner;
	struct qname made;   /* q, once it is not the question's */
	struct name kept[2]; /* names made by DNAME, used in turn */
	unsigned steps;
	unsigned dnames;
	uint64_t seen[ANSWER_CHAIN_MAX + 1];
	const struct content *dname[ANSWER_CHAIN_MAX + 1]; /* in the message already */
};

enum outcome { DONE, FOLLOW };

static void locate(struct place *p, const struct zone_view *v, const struct target *t)
{
	const struct qname *q = t->q;
	bool ahead = t->ahead && t->ahead->zone == v->zone;
	unsigned apex = q->labels - zone_labels(v->zone);

	p->view = v;
	p->stop = NULL;
	for (p->label = 0; p->label <= apex; p->label++) {
		p->content = ahead && !p->label ? zone_settle(v, q, t->ahead->sought, &p->node)
						: zone_find(v, q, p->label, &p->node);
		if (p->content && !((p->content->flags & CONTENT_NSEC3) && denial_hides(v, q, p->label, p->content)))
			break;
	}
	if (!zone_may_stop(v))
		return;
	/* Up to the apex: the last thing found is the topmost, and what is below a cut or a DNAME is not there (RFC
	 * 2136 §7.18, RFC 6672 §2.4). */
	const struct content *c = p->content;
	for (const struct node *n = p->node;;) {
		const struct node *parent = zone_parent(n);
		bool cut = parent && (c->flags & CONTENT_NS);
		bool dname = (c->flags & CONTENT_DNAME) && zone_node_labels(n) < q->labels;
		if (cut || dname) {
			p->stop = n;
			p->stop_content = c;
			p->stop_label = q->labels - zone_node_labels(n);
			p->stop_dname = dname && !cut;
		}
		if (!parent)
			break;
		n = parent;
		c = zone_content(v, n);
	}
}

/* The owner at suffix `label` of the target's name. Where the question's own name is the target, its suffixes stand
 * in the message. */
static struct answer_owner owner_at(const struct answer *a, const struct target *t, unsigned label)
{
	if (!label)
		return t->owner;
	const uint8_t *wire = name_strip(t->owner.wire, label);
	if (t->owner.offset == MESSAGE_OWNER_AT_QUESTION)
		return (struct answer_owner){.wire = wire,
					     .offset = (uint16_t)(MESSAGE_OWNER_AT_QUESTION + t->q->off[label])};
	return (struct answer_owner){.wire = wire, .offset = writer_find(a->writer, wire)};
}

/* Says where the answer comes from. */
static void note(const struct answer *a, const struct target *t, enum answer_kind kind, uint64_t name)
{
	struct answer_origin *o = a->query->origin;
	if (!o)
		return;
	o->kind = kind;
	if (!t->steps)
		o->name = name;
}

/* The name that answers: the target itself, or the wildcard in its place. */
static uint64_t found_name(const struct target *t, const struct place *p)
{
	return p->label ? qname_wildcard_hash(t->q, p->label) : t->q->hash[0];
}

/* ---- the chain ---- */

/* Makes `name` the next one to look for. False: the chain ends here (too long, or a loop; the peers too give what
 * they have). */
static bool follow(struct answer *a, struct target *t, const uint8_t *name)
{
	if (t->steps == ANSWER_CHAIN_MAX)
		return false;
	qname_set(&t->made, name);
	t->q = &t->made;
	t->ahead = NULL;
	for (unsigned i = 0; i <= t->steps; i++)
		if (t->seen[i] == t->q->hash[0])
			return false;
	t->seen[++t->steps] = t->q->hash[0];
	t->owner = (struct answer_owner){.wire = name, .offset = writer_find(a->writer, name)};
	return true;
}

static enum outcome answer_cname(struct answer *a, struct target *t, const struct content *c)
{
	const struct rrset *set = content_find(c, TYPE_CNAME);
	struct content_rr rr;
	size_t at = 0;

	if (!answer_put_set(a, SECTION_ANSWER, t->owner, c, set, NULL))
		return DONE;
	return content_next(content_block(c, set), set->len, &at, &rr) && follow(a, t, rr.rdata) ? FOLLOW : DONE;
}

/* A DNAME stands once in a message, however often the chain comes by. */
static bool has_dname(const struct target *t, const struct content *c)
{
	for (unsigned i = 0; i < t->dnames; i++)
		if (t->dname[i] == c)
			return true;
	return false;
}

static bool put_dname(struct answer *a, struct target *t, const struct place *p, const struct rrset *set)
{
	if (has_dname(t, p->stop_content))
		return true;
	t->dname[t->dnames++] = p->stop_content;
	return answer_put_set(a, SECTION_ANSWER, owner_at(a, t, p->stop_label), p->stop_content, set, NULL);
}

/* RFC 6672 §3.2: the DNAME, a CNAME made from it, and on with the new name. */
static enum outcome answer_dname(struct answer *a, struct target *t, const struct place *p, enum rcode *rcode)
{
	const struct rrset *set = content_find(p->stop_content, TYPE_DNAME);
	struct name *made = &t->kept[t->steps & 1];
	struct content_rr rr;
	size_t at = 0;

	note(a, t, ANSWER_POSITIVE, t->q->hash[p->stop_label]);
	if (!put_dname(a, t, p, set) || !content_next(content_block(p->stop_content, set), set->len, &at, &rr))
		return DONE;
	if (name_join(made, t->owner.wire, t->q->off[p->stop_label], rr.rdata)) {
		*rcode = RCODE_YXDOMAIN;
		return DONE;
	}
	if (!writer_rr(a->writer, SECTION_ANSWER, t->owner.wire, TYPE_CNAME, CLASS_IN, rr.ttl, made->wire, made->len)) {
		answer_put_flag(a, FLAG_TC, 0);
		return DONE;
	}
	if (a->query->qtype == TYPE_CNAME)
		return DONE;
	return follow(a, t, made->wire) ? FOLLOW : DONE;
}

/* ---- negative answers ---- */

/* NODATA and NXDOMAIN (RFC 2308 §2). */
static enum rcode deny(struct answer *a, const struct target *t, const struct place *p, enum denial what)
{
	unsigned apex = t->q->labels - zone_labels(p->view->zone);

	if (!answer_put_soa(a, p->view, owner_at(a, t, apex)))
		return RCODE_SERVFAIL;
	if (what == DENIAL_NAME)
		note(a, t, ANSWER_NXDOMAIN, t->q->hash[apex]);
	else
		note(a, t, ANSWER_NODATA, found_name(t, p));
	if (!denial_prove(a, p->view, t->q, p->label, what))
		return RCODE_SERVFAIL;
	return what == DENIAL_NAME ? RCODE_NXDOMAIN : RCODE_NOERROR;
}

/* ---- positive answers ---- */

/* QTYPE ANY: over TCP everything; over UDP one RRset is enough (RFC 8482 §4.1). */
static bool answer_any(struct answer *a, const struct target *t, const struct content *c)
{
	bool found = false;

	for (unsigned i = 0; i < c->sets; i++) {
		const struct rrset *set = &c->set[i];
		if (!set->count)
			continue;
		found = true;
		if (set->type == TYPE_DNAME && has_dname(t, c))
			continue;
		if (!answer_put_set(a, SECTION_ANSWER, t->owner, c, set, NULL) || a->query->udp)
			break;
	}
	return found;
}

/* QTYPE RRSIG: signatures are kept behind what they cover. Over UDP those of one RRset (RFC 8482 §7). */
static bool answer_rrsig(struct answer *a, struct answer_owner owner, const struct content *c)
{
	bool found = false;

	for (unsigned i = 0; i < c->sets; i++) {
		if (!c->set[i].sig_count)
			continue;
		found = true;
		if (!answer_put_sigs(a, SECTION_ANSWER, owner, c, &c->set[i]) || a->query->udp)
			break;
	}
	return found;
}

static bool answer_type(struct answer *a, const struct target *t, const struct content *c, uint16_t type)
{
	if (type == TYPE_ANY)
		return answer_any(a, t, c);
	if (type == TYPE_RRSIG)
		return answer_rrsig(a, t->owner, c);
	const struct rrset *set = content_find(c, type);
	if (set && !(type == TYPE_DNAME && has_dname(t, c)))
		answer_put_set(a, SECTION_ANSWER, t->owner, c, set, NULL);
	return set != NULL;
}

/* A CNAME stands for every type but itself and those that DNSSEC puts beside it (RFC 4035 §2.5). */
static bool cname_applies(uint16_t type)
{
	return type != TYPE_CNAME && type != TYPE_ANY && type != TYPE_RRSIG && type != TYPE_NSEC && type != TYPE_KEY;
}

/* The name is there, or a wildcard stands for it. */
static enum outcome answer_found(struct answer *a, struct target *t, const struct place *p, const struct content *c,
				 enum denial what, enum rcode *rcode)
{
	bool cname = (c->flags & CONTENT_CNAME) && cname_applies(a->query->qtype);
	note(a, t, ANSWER_POSITIVE, found_name(t, p));
	if (!cname && !answer_type(a, t, c, a->query->qtype)) {
		*rcode = deny(a, t, p, what);
		return DONE;
	}
	if (what == DENIAL_WILDCARD_TYPE && !denial_prove(a, p->view, t->q, p->label, DENIAL_WILDCARD)) {
		*rcode = RCODE_SERVFAIL;
		return DONE;
	}
	return cname ? answer_cname(a, t, c) : DONE;
}

/* ---- referral ---- */

/* RFC 1034 §4.3.2 step 3b; with DO the DS, or what proves that there is none (RFC 4035 §3.1.4). */
static enum rcode refer(struct answer *a, const struct target *t, const struct place *p)
{
	struct answer_owner owner = owner_at(a, t, p->stop_label);

	note(a, t, ANSWER_REFERRAL, t->q->hash[p->stop_label]);
	if (!a->writer->count[SECTION_ANSWER])
		answer_put_flag(a, 0, FLAG_AA);
	if (!answer_put_set(a, SECTION_AUTHORITY, owner, p->stop_content, content_find(p->stop_content, TYPE_NS),
			    p->stop))
		return RCODE_NOERROR;
	const struct rrset *ds = a->query->dnssec_ok ? content_find(p->stop_content, TYPE_DS) : NULL;
	if (ds && ds->sig_count) /* unsigned, it is no use to anybody: BIND, Knot and NSD leave it out too */
		answer_put_set(a, SECTION_AUTHORITY, owner, p->stop_content, ds, NULL);
	else if (!ds && !denial_prove(a, p->view, t->q, p->stop_label, DENIAL_TYPE))
		return RCODE_SERVFAIL;
	return RCODE_NOERROR;
}

/* ---- one round ---- */

static enum outcome answer_in_zone(struct answer *a, struct target *t, const struct zone_view *v, enum rcode *rcode)
{
	struct place p;

	locate(&p, v, t);
	/* The DS at a cut belongs to this, the parent's side (RFC 4035 §3.1.4.1). */
	bool parent_side = p.stop && !p.stop_dname && !p.stop_label && a->query->qtype == TYPE_DS;
	if (p.stop && p.stop_dname)
		return answer_dname(a, t, &p, rcode);
	if (p.stop && !parent_side) {
		*rcode = refer(a, t, &p);
		return DONE;
	}
	if (!p.label)
		return answer_found(a, t, &p, p.content, DENIAL_TYPE, rcode);
	const struct content *wild = zone_may_have_wildcard(v) ? zone_find_wildcard(v, t->q, p.label, NULL) : NULL;
	if (wild)
		return answer_found(a, t, &p, wild, DENIAL_WILDCARD_TYPE, rcode);
	*rcode = deny(a, t, &p, DENIAL_NAME);
	return DONE;
}

/* The zone to answer from: the deepest one, but for DS at its apex the parent's, if that is ours too. */
static const struct zone *find_zone(const struct answer *a, const struct target *t)
{
	const struct qname *q = t->q;
	unsigned label = t->ahead ? t->ahead->label : 0;
	const struct zone *z = t->ahead ? t->ahead->zone : directory_find(a->directory, q, 0, &label);

	if (z && !label && q->labels && a->query->qtype == TYPE_DS) {
		const struct zone *parent = directory_find(a->directory, q, 1, &label);
		if (parent)
			return parent;
	}
	return z;
}

enum rcode answer_query(const struct directory *d, const struct answer_query *query, struct writer *w)
{
	struct answer a;
	struct target t;
	enum rcode rcode = RCODE_NOERROR;

	a.directory = d;
	a.query = query;
	a.writer = w;
	a.views = 0;
	a.sets = 0;
	a.given = 0;
	a.proofs = 0;
	const struct writer_mark start = writer_mark(w);
	t.q = query->qname;
	t.ahead = query->ahead;
	const struct zone *z = find_zone(&a, &t);
	if (query->view)
		query->view->zone = NULL;
	if (!z)
		return RCODE_REFUSED;
	t.owner = (struct answer_owner){.wire = query->qname_wire, .offset = MESSAGE_OWNER_AT_QUESTION};
	t.steps = 0;
	t.dnames = 0;
	t.seen[0] = t.q->hash[0];
	if (query->qclass == CLASS_IN) /* no server speaks for all classes (RFC 1035 §6.2) */
		answer_put_flag(&a, FLAG_AA, 0);
	while (z) {
		const struct zone_view *v = answer_put_view(&a, z);
		if (!v || answer_in_zone(&a, &t, v, &rcode) == DONE)
			break;
		z = find_zone(&a, &t);
	}
	if (query->view && a.views)
		*query->view = a.view[0];
	if (rcode == RCODE_SERVFAIL) {
		writer_rewind(w, start);
		answer_put_flag(&a, 0, FLAG_AA | FLAG_TC);
		return rcode;
	}
	if (a.proofs)
		denial_put(&a);
	if (a.sets)
		answer_put_additional(&a);
	return rcode;
}
