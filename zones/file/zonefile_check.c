/* zonefile_check.c: what a zone that loads will not do as meant; see zonefile.h.
 *
 * One walk in canonical order, in which a cut or a DNAME stands right before everything below it. Targets are looked up
 * by binary search. */
#include <stdio.h>
#include <stdlib.h>

#include "zones/file/zonefile.h"

enum {
	DAY = 86400,            /* seconds */
	TTL_HUGE = 7 * DAY,     /* resolvers keep nothing longer (RFC 8767 §4); a mistake would stay for weeks */
	MINIMUM_LARGE = DAY,    /* negative answers: one to three hours work well (RFC 2308 §5) */
	EXPIRE_SMALL = 7 * DAY, /* RFC 1912 §2.2 wants two to four weeks: to outlive a primary's failure */
	SENTENCE_MAX = 2 * NAME_TEXT_MAX + 512
};

struct check {
	const struct zone_image *img;
	zonefile_finding_fn *fn;
	void *arg;
	size_t faults;
	const uint8_t *apex;
	unsigned apex_labels;
	const uint8_t **target; /* NS targets in the zone, sorted */
	size_t targets, target_room;
	const uint8_t *cut;   /* the walk is below it, NULL when it is not */
	const uint8_t *dname; /* likewise */
};

static void find(struct check *k, bool fault, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

static void find(struct check *k, bool fault, const char *fmt, ...)
{
	char sentence[SENTENCE_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(sentence, sizeof sentence, fmt, args);
	va_end(args);
	k->faults += fault;
	k->fn(k->arg, fault, sentence);
}

/* ---- looking names up ---- */

/* The first name not before `name`; *exact says whether it is the name itself. */
static size_t lower_bound(const struct check *k, const uint8_t *name, bool *exact)
{
	size_t low = 0;
	size_t high = zonefile_image_count(k->img);

	*exact = false;
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int diff = name_compare(zonefile_image_owner(k->img, middle), name);
		*exact |= diff == 0;
		if (diff < 0)
			low = middle + 1;
		else
			high = middle;
	}
	return low;
}

static const struct content *content_at(const struct check *k, const uint8_t *name)
{
	bool exact;
	size_t i = lower_bound(k, name, &exact);

	return exact ? zonefile_image_content(k->img, i) : NULL;
}

/* An empty non-terminal exists too: something stands below it. */
static bool exists(const struct check *k, const uint8_t *name)
{
	bool exact;
	size_t i = lower_bound(k, name, &exact);

	return i < zonefile_image_count(k->img) && name_is_under(zonefile_image_owner(k->img, i), name);
}

static const struct content *wildcard_for(const struct check *k, const uint8_t *name)
{
	static const uint8_t asterisk[] = {1, '*'};
	struct name wildcard;
	const uint8_t *encloser = name;

	do
		encloser = name_strip(encloser, 1);
	while (!exists(k, encloser));
	return name_join(&wildcard, asterisk, sizeof asterisk, encloser) ? NULL : content_at(k, wildcard.wire);
}

static bool has_address(const struct content *c)
{
	return content_find(c, TYPE_A) || content_find(c, TYPE_AAAA);
}

/* Where a name in the zone leads. */
enum fate { FATE_ADDRESS, FATE_NO_ADDRESS, FATE_ALIAS, FATE_DELEGATED };

static enum fate fate_of(const struct check *k, const uint8_t *name)
{
	unsigned below = name_labels(name) - k->apex_labels;

	/* From the apex down, as a question goes. */
	for (unsigned up = below + 1; up-- > 0;) {
		const struct content *c = content_at(k, name_strip(name, up));
		if (c && up < below && (c->flags & CONTENT_NS))
			return FATE_DELEGATED;
		if (c && up > 0 && (c->flags & CONTENT_DNAME))
			return FATE_ALIAS;
	}
	const struct content *c = exists(k, name) ? content_at(k, name) : wildcard_for(k, name);
	if (c && (c->flags & CONTENT_CNAME))
		return FATE_ALIAS;
	return has_address(c) ? FATE_ADDRESS : FATE_NO_ADDRESS;
}

/* ---- targets ---- */

static void check_target(struct check *k, const uint8_t *owner, uint16_t type, const uint8_t *target)
{
	char from[NAME_TEXT_MAX];
	char to[NAME_TEXT_MAX];
	char what[RR_TYPE_TEXT_MAX];

	if (!name_is_under(target, k->apex))
		return;
	name_to_text(owner, from);
	name_to_text(target, to);
	rr_type_to_text(type, what);
	switch (fate_of(k, target)) {
	case FATE_ALIAS:
		find(k, true,
		     "%s %s: %s is an alias, which such a record may not point to (RFC 2181 §10.3): name the host "
		     "itself",
		     from, what, to);
		return;
	case FATE_NO_ADDRESS:
		find(k, true, "%s %s: %s has no address: add its A or AAAA record", from, what, to);
		return;
	default:
		return;
	}
}

/* A name server of a child zone: what stands in or below the child needs its address here (RFC 1034 §4.2.1). */
static void check_glue(struct check *k, const uint8_t *cut, const uint8_t *target)
{
	char from[NAME_TEXT_MAX];
	char to[NAME_TEXT_MAX];

	if (!name_is_under(target, cut)) {
		check_target(k, cut, TYPE_NS, target);
		return;
	}
	if (!has_address(content_at(k, target)))
		find(k, true, "%s NS: glue is missing: %s is inside what it serves, so add its A or AAAA record here",
		     name_to_text(cut, from), name_to_text(target, to));
}

static void check_targets(struct check *k, const uint8_t *owner, const struct content *c, const struct rrset *s,
			  bool cut)
{
	struct content_rr rr;
	size_t at = 0;

	while (content_next(content_block(c, s), s->len, &at, &rr)) {
		const uint8_t *target = rr_additional_name(rr.type, rr.rdata, rr.rdlen);
		if (!target || target[0] == 0) /* "." says: no such service (RFC 7505, RFC 2782) */
			continue;
		if (s->type == TYPE_NS && cut)
			check_glue(k, owner, target);
		else
			check_target(k, owner, s->type, target);
	}
}

static enum err note_targets(struct check *k, const struct content *c)
{
	const struct rrset *s = content_find(c, TYPE_NS);
	struct content_rr rr;
	size_t at = 0;

	while (s && content_next(content_block(c, s), s->len, &at, &rr)) {
		if (!name_is_under(rr.rdata, k->apex))
			continue;
		if (k->targets == k->target_room) {
			size_t room = k->target_room ? 2 * k->target_room : 16;
			const uint8_t **target = realloc(k->target, room * sizeof *target);
			if (!target)
				return ERR_NOMEM;
			k->target = target;
			k->target_room = room;
		}
		k->target[k->targets++] = rr.rdata;
	}
	return ERR_OK;
}

static int compare_targets(const void *a, const void *b)
{
	const uint8_t *const *x = a;
	const uint8_t *const *y = b;

	return name_compare(*x, *y);
}

static bool is_name_server(const struct check *k, const uint8_t *name)
{
	return k->targets && bsearch(&name, k->target, k->targets, sizeof k->target[0], compare_targets);
}

/* ---- RRsets ---- */

static void check_ttl(struct check *k, const char *owner, const struct content *c, const struct rrset *s)
{
	char type[RR_TYPE_TEXT_MAX];
	uint32_t ttl = content_ttl(c, s);

	if (ttl == 0)
		find(k, false, "%s %s: TTL 0: nobody may keep the answer, so every use asks again", owner,
		     rr_type_to_text(s->type, type));
	else if (ttl > TTL_HUGE)
		find(k, false, "%s %s: TTL %u is over a week: a change would take that long to be seen", owner,
		     rr_type_to_text(s->type, type), ttl);
}

static void check_soa(struct check *k, const struct content *c)
{
	char zone[NAME_TEXT_MAX];
	const struct rrset *s = content_find(c, TYPE_SOA);
	struct content_rr rr;
	struct rr_soa soa;
	size_t at = 0;

	name_to_text(k->apex, zone);
	if (!s || !content_next(content_block(c, s), s->len, &at, &rr) || !rr_soa_parse(&soa, rr.rdata, rr.rdlen))
		return;
	if (soa.retry >= soa.refresh)
		find(k, false, "%s SOA: retry %u should be less than refresh %u", zone, soa.retry, soa.refresh);
	if (soa.expire < (uint64_t)soa.refresh + soa.retry)
		find(k, true,
		     "%s SOA: expire %u is less than refresh and retry together (%llu): secondaries would give up "
		     "between two checks",
		     zone, soa.expire, (unsigned long long)soa.refresh + soa.retry);
	else if (soa.expire < EXPIRE_SMALL)
		find(k, false,
		     "%s SOA: expire %u is less than a week: secondaries would give up too soon after a failure", zone,
		     soa.expire);
	if (soa.minimum > MINIMUM_LARGE)
		find(k, false,
		     "%s SOA: minimum %u, the TTL of negative answers, is over a day: a new name would stay unseen "
		     "that long",
		     zone, soa.minimum);
}

static void check_ns_count(struct check *k, const char *owner, const struct content *c)
{
	const struct rrset *s = content_find(c, TYPE_NS);

	if (s && s->count == 1)
		find(k, false, "%s NS: a single name server: when it is away, so is the zone (RFC 1034 §4.1 wants two)",
		     owner);
}

/* ---- names ---- */

static void check_below_cut(struct check *k, const char *owner, size_t i)
{
	char cut[NAME_TEXT_MAX];
	char type[RR_TYPE_TEXT_MAX];
	const struct content *c = zonefile_image_content(k->img, i);

	name_to_text(k->cut, cut);
	for (size_t n = 0; n < c->sets; n++) {
		const struct rrset *s = &c->set[n];
		bool address = s->type == TYPE_A || s->type == TYPE_AAAA;
		if (s->count && !(address && is_name_server(k, zonefile_image_owner(k->img, i))))
			find(k, false, "%s %s: never served, since %s is delegated and this is no glue", owner,
			     rr_type_to_text(s->type, type), cut);
	}
}

static bool belongs_at_cut(uint16_t type)
{
	return type == TYPE_NS || type == TYPE_DS || type == TYPE_NSEC;
}

static void check_sets(struct check *k, const char *owner, size_t i, bool cut)
{
	char type[RR_TYPE_TEXT_MAX];
	const uint8_t *wire = zonefile_image_owner(k->img, i);
	const struct content *c = zonefile_image_content(k->img, i);

	for (size_t n = 0; n < c->sets; n++) {
		const struct rrset *s = &c->set[n];
		if (!s->count)
			continue;
		check_ttl(k, owner, c, s);
		bool glue = (s->type == TYPE_A || s->type == TYPE_AAAA) && is_name_server(k, wire);
		if (cut && !belongs_at_cut(s->type) && !glue)
			find(k, false, "%s %s: never served, since the name is delegated", owner,
			     rr_type_to_text(s->type, type));
		else if (s->type == TYPE_NS || s->type == TYPE_MX || s->type == TYPE_SRV)
			check_targets(k, wire, c, s, cut);
	}
}

static void check_name(struct check *k, size_t i)
{
	char owner[NAME_TEXT_MAX];
	char dname[NAME_TEXT_MAX];
	const uint8_t *wire = zonefile_image_owner(k->img, i);
	const struct content *c = zonefile_image_content(k->img, i);
	bool apex = i == 0;

	name_to_text(wire, owner);
	if (k->cut && !name_is_under(wire, k->cut))
		k->cut = NULL;
	if (k->dname && !name_is_under(wire, k->dname))
		k->dname = NULL;
	if (k->cut) {
		check_below_cut(k, owner, i);
		return;
	}
	if (k->dname) {
		find(k, true, "%s: never served, since the DNAME at %s redirects everything below it (RFC 6672 §2.4)",
		     owner, name_to_text(k->dname, dname));
		return;
	}
	bool cut = !apex && (c->flags & CONTENT_NS);
	if (cut)
		k->cut = wire;
	else if (c->flags & CONTENT_DNAME)
		k->dname = wire;
	check_ns_count(k, owner, c);
	check_sets(k, owner, i, cut);
}

enum err zonefile_check(const struct zone_image *img, zonefile_finding_fn *fn, void *arg, size_t *faults)
{
	struct check k = {.img = img, .fn = fn, .arg = arg, .apex = zonefile_image_zone(img)};
	size_t names = zonefile_image_count(img);
	enum err e = ERR_OK;

	*faults = 0;
	k.apex_labels = name_labels(k.apex);
	for (size_t i = 0; i < names && !e; i++)
		e = note_targets(&k, zonefile_image_content(img, i));
	if (!e && names) {
		if (k.targets)
			qsort(k.target, k.targets, sizeof k.target[0], compare_targets);
		check_soa(&k, zonefile_image_content(img, 0));
		for (size_t i = 0; i < names; i++)
			check_name(&k, i);
	}
	free(k.target);
	*faults = k.faults;
	return e;
}
