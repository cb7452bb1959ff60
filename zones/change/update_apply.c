/* update_apply.c: an update applied to an edit, on the writer: prerequisites (RFC 2136 §3.2), permission (§3.3),
 * prescan (§3.4.1), then record by record (§3.4.2). The verdicts that need no zone content were reached in update.c;
 * here they get their turn. */
#include "zones/change/update.h"

#include <stdlib.h>

#include "lib/clock.h"
#include "zones/change/update_internal.h"

enum { WKS_KEY_LEN = 5 }; /* address and protocol: what makes two WKS records the same one (§1.1.5) */

static const struct fault {
	enum rcode rcode;
	const char *words;
	const char *hint; /* what the requester is told; NULL: the RCODE is enough */
} faults[] = {
	[UPDATE_SOUND] = {RCODE_NOERROR, "", NULL},
	[UPDATE_BAD_ZONE_SECTION] = {RCODE_FORMERR,
				     "the zone section is not exactly one SOA question of class IN for this zone",
				     NULL},
	[UPDATE_NO_GRANT] = {RCODE_REFUSED, "no grant allows this requester to update the zone; see roostctl grant add",
			     NULL},
	[UPDATE_OUTSIDE] = {RCODE_NOTZONE, "the name is not in the zone", NULL},
	[UPDATE_BAD_CLASS] = {RCODE_FORMERR, "the class is neither IN, ANY nor NONE", NULL},
	[UPDATE_BAD_TTL] = {RCODE_FORMERR, "the TTL must be 0 here", NULL},
	[UPDATE_BAD_RDATA] = {RCODE_FORMERR, "the RDATA must be empty here, or does not fit the type", NULL},
	[UPDATE_BAD_TYPE] = {RCODE_FORMERR, "a meta type has no records", NULL},
	[UPDATE_SIGNER_TYPE] = {RCODE_REFUSED, "only the zone's signer makes records of this type", NULL},
	[UPDATE_LOCKED] = {RCODE_REFUSED, "is locked: only an administrator changes it; see roostctl record unlock",
			   "locked by the administrator"},
	[UPDATE_FORBIDDEN] = {RCODE_REFUSED,
			      "no grant of this requester covers the name and type; see roostctl grant explain", NULL}};

/* One sentence about one record; returns the RCODE for convenience. */
static enum rcode blame(struct errmsg *why, enum rcode rcode, const struct update_rr *rr, const char *words)
{
	char name[NAME_TEXT_MAX], type[RR_TYPE_TEXT_MAX];
	if (why)
		errmsg_set(why, ERR_REFUSED, "%s %s: %s", name_to_text(rr->owner, name),
			   rr->type == TYPE_ANY ? "ANY" : rr_type_to_text(rr->type, type), words);
	return rcode;
}

static enum rcode blame_fault(struct errmsg *why, const struct update_item *item)
{
	return blame(why, faults[item->fault].rcode, &item->rr, faults[item->fault].words);
}

static enum rcode blame_err(struct errmsg *why, enum err err, const struct update_rr *rr)
{
	if (err == ERR_NOSPACE || err == ERR_RANGE)
		return blame(why, RCODE_REFUSED, rr, "the RRset or the name would become too large for a DNS message");
	return blame(why, RCODE_SERVFAIL, rr, err_text(err));
}

/* ---- what the zone has ---- */

/* Records of a type at a name; RRSIGs stand behind the RRsets they cover, so they are counted over all of them. */
static size_t count_records(const struct content *c, uint16_t type)
{
	if (type != TYPE_RRSIG) {
		const struct rrset *s = content_find(c, type);
		return s ? s->count : 0;
	}
	size_t n = 0;
	for (unsigned i = 0; c && i < c->sets; i++)
		n += c->set[i].sig_count;
	return n;
}

static size_t take_block(struct content_rr *out, const uint8_t *block, size_t len)
{
	size_t n = 0, at = 0;
	while (content_next(block, len, &at, &out[n]))
		n++;
	return n;
}

/* Lists the records that count_records counted. */
static void take_records(struct content_rr *out, const struct content *c, uint16_t type)
{
	if (type != TYPE_RRSIG) {
		const struct rrset *s = content_find(c, type);
		take_block(out, content_block(c, s), s->len);
		return;
	}
	for (unsigned i = 0; i < c->sets; i++)
		out += take_block(out, content_sig_block(c, &c->set[i]), c->set[i].sig_len);
}

/* RRSIG, NSEC and KEY may stand beside a CNAME (RFC 4035 §2.5), nothing else. */
static bool may_join_cname(uint16_t type)
{
	return type == TYPE_CNAME || type == TYPE_RRSIG || type == TYPE_NSEC || type == TYPE_KEY;
}

static bool has_other_than_cname(const struct content *c)
{
	for (unsigned i = 0; c && i < c->sets; i++)
		if (c->set[i].count && !may_join_cname(c->set[i].type))
			return true;
	return false;
}

/* ---- prerequisites (§3.2) ---- */

static enum rcode check_name_in_use(const struct update_rr *rr, const struct edit *e, struct errmsg *why)
{
	if (content_in_use(edit_find(e, rr->owner)))
		return RCODE_NOERROR;
	return blame(why, RCODE_NXDOMAIN, rr, "prerequisite: the name is not in use");
}

static enum rcode check_name_not_in_use(const struct update_rr *rr, const struct edit *e, struct errmsg *why)
{
	if (!content_in_use(edit_find(e, rr->owner)))
		return RCODE_NOERROR;
	return blame(why, RCODE_YXDOMAIN, rr, "prerequisite: the name is in use");
}

static enum rcode check_rrset_exists(const struct update_rr *rr, const struct edit *e, struct errmsg *why)
{
	if (count_records(edit_find(e, rr->owner), rr->type))
		return RCODE_NOERROR;
	return blame(why, RCODE_NXRRSET, rr, "prerequisite: the RRset does not exist");
}

static enum rcode check_rrset_does_not_exist(const struct update_rr *rr, const struct edit *e, struct errmsg *why)
{
	if (!count_records(edit_find(e, rr->owner), rr->type))
		return RCODE_NOERROR;
	return blame(why, RCODE_YXRRSET, rr, "prerequisite: the RRset exists");
}

static enum rcode check_prereq(const struct update_item *item, const struct edit *e, struct errmsg *why)
{
	const struct update_rr *rr = &item->rr;
	if (item->fault != UPDATE_SOUND)
		return blame_fault(why, item);
	if (rr->class == CLASS_ANY)
		return rr->type == TYPE_ANY ? check_name_in_use(rr, e, why) : check_rrset_exists(rr, e, why);
	if (rr->class == CLASS_NONE)
		return rr->type == TYPE_ANY ? check_name_not_in_use(rr, e, why)
					    : check_rrset_does_not_exist(rr, e, why);
	return RCODE_NOERROR; /* value dependent: compared when the whole section is known */
}

static int compare_rrset(const struct update_rr *a, const struct update_rr *b)
{
	return a->type != b->type ? (a->type < b->type ? -1 : 1) : name_compare(a->owner, b->owner);
}

static int compare_wanted(const void *pa, const void *pb)
{
	const struct update_rr *a = *(const struct update_rr *const *)pa;
	const struct update_rr *b = *(const struct update_rr *const *)pb;
	int d = compare_rrset(a, b);
	return d ? d : rr_rdata_compare(a->type, a->rdata, a->rdlen, b->rdata, b->rdlen);
}

/* Is the RDATA among n records? Starts after the last find: both sides are in (nearly) the same order. */
static bool among(const struct content_rr *have, size_t n, size_t *hint, uint16_t type, const uint8_t *rdata,
		  uint16_t rdlen)
{
	for (size_t i = 0; i < n; i++) {
		size_t at = (*hint + i) % n;
		if (!rr_rdata_equal(type, have[at].rdata, have[at].rdlen, rdata, rdlen))
			continue;
		*hint = at;
		return true;
	}
	return false;
}

static bool wanted_has(const struct update_rr *const *want, size_t n, size_t *hint, const struct content_rr *rr)
{
	for (size_t i = 0; i < n; i++) {
		size_t at = (*hint + i) % n;
		if (!rr_rdata_equal(rr->type, want[at]->rdata, want[at]->rdlen, rr->rdata, rr->rdlen))
			continue;
		*hint = at;
		return true;
	}
	return false;
}

/* Set equality of one RRset of the temporary set and the zone's (§3.2.3): each is contained in the other. */
static enum rcode check_rrset_equals(const struct update_rr *const *want, size_t n, const struct edit *e,
				     struct errmsg *why)
{
	const struct update_rr *rr = want[0];
	const struct content *c = edit_find(e, rr->owner);
	size_t count = count_records(c, rr->type), hint = 0;
	if (!count)
		return blame(why, RCODE_NXRRSET, rr, "prerequisite: the RRset does not exist");
	struct content_rr *have = calloc(count, sizeof(*have));
	if (!have)
		return blame_err(why, ERR_NOMEM, rr);
	take_records(have, c, rr->type);

	bool same = true;
	for (size_t i = 0; same && i < n; i++)
		same = among(have, count, &hint, rr->type, want[i]->rdata, want[i]->rdlen);
	hint = 0;
	for (size_t i = 0; same && i < count; i++)
		same = wanted_has(want, n, &hint, &have[i]);
	free(have);
	return same ? RCODE_NOERROR : blame(why, RCODE_NXRRSET, rr, "prerequisite: the RRset has other records");
}

static enum rcode check_wanted(const struct update_rr **want, size_t n, const struct edit *e, struct errmsg *why)
{
	enum rcode rcode = RCODE_NOERROR;
	qsort(want, n, sizeof(want[0]), compare_wanted);
	for (size_t i = 0, end; rcode == RCODE_NOERROR && i < n; i = end) {
		for (end = i + 1; end < n && !compare_rrset(want[i], want[end]); end++)
			;
		rcode = check_rrset_equals(want + i, end - i, e, why);
	}
	return rcode;
}

static enum rcode check_prerequisites(const struct update_list *l, const struct edit *e, struct errmsg *why)
{
	size_t n = 0;
	for (size_t i = 0; i < l->count; i++) {
		enum rcode rcode = check_prereq(&l->item[i], e, why);
		if (rcode != RCODE_NOERROR)
			return rcode;
		n += l->item[i].rr.class == CLASS_IN;
	}
	if (!n)
		return RCODE_NOERROR;

	const struct update_rr **want = calloc(n, sizeof(const struct update_rr *));
	if (!want)
		return blame_err(why, ERR_NOMEM, &l->item[0].rr);
	n = 0;
	for (size_t i = 0; i < l->count; i++)
		if (l->item[i].rr.class == CLASS_IN)
			want[n++] = &l->item[i].rr;
	enum rcode rcode = check_wanted(want, n, e, why);
	free(want);
	return rcode;
}

/* ---- permission (§3.3) and prescan (§3.4.1): verdicts of update.c in their turn ---- */

/* Deleting a name changes every type that is there; what the update itself adds before was judged by itself. */
static enum rcode check_by_type(const struct update *u, const struct update_item *item, const struct edit *e,
				const char **hint, struct errmsg *why)
{
	const struct content *c = edit_find(e, item->rr.owner);
	bool apex = name_equal(item->rr.owner, u->zone.wire);
	for (unsigned i = 0; c && i < c->sets; i++) {
		const struct access_limits *limits;
		struct update_rr rr = {.owner = item->rr.owner, .type = c->set[i].type};
		bool stays = apex && (rr.type == TYPE_SOA || rr.type == TYPE_NS);
		if (!c->set[i].count || stays || rr_type_is_dnssec_denial_or_sig(rr.type))
			continue;
		enum access_verdict verdict = access_decide(&u->rights, rr.owner, rr.type, &limits);
		enum update_fault fault = verdict == ACCESS_LOCKED ? UPDATE_LOCKED : UPDATE_FORBIDDEN;
		if (verdict == ACCESS_GRANTED)
			continue;
		*hint = faults[fault].hint;
		return blame(why, RCODE_REFUSED, &rr, faults[fault].words);
	}
	return RCODE_NOERROR;
}

static enum rcode check_permission(const struct update *u, const struct edit *e, const char **hint, struct errmsg *why)
{
	const struct update_list *l = &u->updates;
	for (size_t i = 0; i < l->count; i++) {
		const struct update_item *item = &l->item[i];
		if (faults[item->fault].rcode == RCODE_REFUSED) {
			*hint = faults[item->fault].hint;
			return blame_fault(why, item);
		}
		enum rcode rcode = item->by_type ? check_by_type(u, item, e, hint, why) : RCODE_NOERROR;
		if (rcode != RCODE_NOERROR)
			return rcode;
	}
	return RCODE_NOERROR;
}

static enum rcode prescan(const struct update_list *l, struct errmsg *why)
{
	for (size_t i = 0; i < l->count; i++)
		if (l->item[i].fault != UPDATE_SOUND)
			return blame_fault(why, &l->item[i]);
	return RCODE_NOERROR;
}

/* ---- operations (§3.4.2) ---- */

static bool is_apex(const struct edit *e, const struct update_rr *rr)
{
	return name_equal(rr->owner, zone_name(edit_zone(e)));
}

static enum err add_rr(struct edit *e, const struct update_rr *rr)
{
	return edit_add(e, rr->owner, rr->type, rr->ttl, rr->rdata, rr->rdlen, NULL);
}

/* A zone has one SOA, at its apex, and its serial only goes forward; any other is silently ignored (§3.4.2.2, §3.6). */
static enum err add_soa(struct edit *e, const struct update_rr *rr, bool *soa_set)
{
	struct content_rr now;
	struct rr_soa old, new;
	if (!is_apex(e, rr) || !edit_soa(e, &now) || !rr_soa_parse(&old, now.rdata, now.rdlen))
		return ERR_OK;
	if (!rr_soa_parse(&new, rr->rdata, rr->rdlen) || !rr_serial_newer(new.serial, old.serial))
		return ERR_OK;
	enum err err = add_rr(e, rr);
	if (!err)
		*soa_set = true;
	return err;
}

/* A WKS of the same address and protocol is replaced, whatever its services (§1.1.5). */
static enum err add_wks(struct edit *e, const struct update_rr *rr)
{
	enum err err = ERR_OK;
	bool again = true;
	while (!err && again) {
		const struct content *c = edit_find(e, rr->owner);
		const struct rrset *s = content_find(c, TYPE_WKS);
		struct content_rr old;
		size_t at = 0;
		again = false;
		while (!again && s && content_next(content_block(c, s), s->len, &at, &old))
			again = old.rdlen >= WKS_KEY_LEN && rr->rdlen >= WKS_KEY_LEN &&
				!memcmp(old.rdata, rr->rdata, WKS_KEY_LEN) &&
				!rr_rdata_equal(TYPE_WKS, old.rdata, old.rdlen, rr->rdata, rr->rdlen);
		if (again)
			err = edit_remove(e, rr->owner, TYPE_WKS, old.rdata, old.rdlen, NULL);
	}
	return err ? err : add_rr(e, rr);
}

/* A CNAME stands alone: an update that would put it beside other data, or other data beside it, is silently ignored
 * (§3.4.2.2; for DNAME RFC 6672 §5.2). */
static enum err add(struct edit *e, const struct update_rr *rr, bool *soa_set)
{
	const struct content *c = edit_find(e, rr->owner);
	if (rr->type == TYPE_CNAME && has_other_than_cname(c))
		return ERR_OK;
	if (!may_join_cname(rr->type) && content_find(c, TYPE_CNAME))
		return ERR_OK;
	if (rr->type == TYPE_SOA)
		return add_soa(e, rr, soa_set);
	if (rr->type == TYPE_WKS)
		return add_wks(e, rr);
	return add_rr(e, rr);
}

static enum err delete_name(struct edit *e, const struct update_rr *rr)
{
	static const uint16_t apex_keeps[] = {TYPE_SOA, TYPE_NS, 0};
	return edit_remove_set(e, rr->owner, TYPE_ANY, is_apex(e, rr) ? apex_keeps : NULL, NULL);
}

static enum err delete_rrset(struct edit *e, const struct update_rr *rr)
{
	if (is_apex(e, rr) && (rr->type == TYPE_SOA || rr->type == TYPE_NS))
		return ERR_OK;
	return edit_remove_set(e, rr->owner, rr->type, NULL, NULL);
}

static enum err delete_rr(struct edit *e, const struct update_rr *rr)
{
	if (rr->type == TYPE_SOA)
		return ERR_OK;
	if (rr->type == TYPE_NS && is_apex(e, rr) && count_records(edit_find(e, rr->owner), TYPE_NS) <= 1)
		return ERR_OK;
	return edit_remove(e, rr->owner, rr->type, rr->rdata, rr->rdlen, NULL);
}

static enum err operate(struct edit *e, const struct update_rr *rr, bool *soa_set)
{
	if (rr->class == CLASS_IN)
		return add(e, rr, soa_set);
	if (rr->class == CLASS_NONE)
		return delete_rr(e, rr);
	return rr->type == TYPE_ANY ? delete_name(e, rr) : delete_rrset(e, rr);
}

/* All but what the content lets, or does not let, become of it. */
static enum rcode check(struct update *u, const struct edit *e, struct errmsg *why)
{
	if (u->fault != UPDATE_SOUND) {
		errmsg_set(why, ERR_REFUSED, "%s", faults[u->fault].words);
		return faults[u->fault].rcode;
	}
	enum rcode rcode = check_prerequisites(&u->prereqs, e, why);
	if (rcode == RCODE_NOERROR)
		rcode = check_permission(u, e, &u->hint, why);
	if (rcode == RCODE_NOERROR)
		rcode = prescan(&u->updates, why);
	return rcode;
}

enum rcode update_apply(struct update *u, struct edit *e, struct permit *permit, bool *soa_set, struct errmsg *why)
{
	*soa_set = false;
	enum rcode rcode = check(u, e, why);
	for (size_t i = 0; rcode == RCODE_NOERROR && i < u->updates.count; i++) {
		enum err err = operate(e, &u->updates.item[i].rr, soa_set);
		if (err)
			rcode = blame_err(why, err, &u->updates.item[i].rr);
	}
	if (rcode == RCODE_NOERROR && u->limited)
		rcode = permit_records(u, e, why);
	if (rcode == RCODE_NOERROR && u->limited) /* last: what is refused takes no token */
		rcode = permit_rates(permit, u, clock_monotonic_ns(), why);
	return rcode;
}
