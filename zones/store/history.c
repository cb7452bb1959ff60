/* history.c: see history.h. */
#include "zones/store/history.h"

#include <stdlib.h>

#include "zones/admin/admin.h"

/* A row of change_rr, copied. */
struct mention {
	size_t order; /* among all rows read: older first */
	bool add;
	const uint8_t *owner;
	struct content_rr rr;
};

struct chunk {
	struct chunk *next;
	uint8_t data[];
};

/* What the walk needs of a version. */
struct step {
	int64_t id;
	bool has_from, full;
	uint32_t from, to;
	struct content_rr soa_from, soa_to;
};

struct history {
	struct chunk *chunks; /* copied octets */
	struct step *step;    /* oldest first, once all are there */
	size_t steps, step_cap;
	uint32_t wanted[2]; /* serials */
	bool found[2];
	struct mention *mention;
	size_t mentions, mention_cap;
	struct history_rr *net;
	size_t count;
	struct content_rr soa_from, soa_to;
};

static const uint8_t *keep(struct history *h, const uint8_t *octets, size_t len)
{
	struct chunk *c = malloc(sizeof(*c) + len);
	if (!c)
		return NULL;
	c->next = h->chunks;
	h->chunks = c;
	if (len)
		memcpy(c->data, octets, len);
	return c->data;
}

static bool keep_rr(struct history *h, struct content_rr *out, const struct content_rr *rr)
{
	*out = *rr;
	out->rdata = keep(h, rr->rdata, rr->rdlen);
	return out->rdata != NULL;
}

/* Room for one element more in an array of `size` octets each. */
static bool grow(void **array, size_t count, size_t *cap, size_t size)
{
	if (count < *cap)
		return true;
	size_t more = *cap ? 2 * *cap : 64;
	void *p = realloc(*array, more * size);
	if (!p)
		return false;
	*array = p;
	*cap = more;
	return true;
}

/* ---- which versions ---- */

/* True if the walk back has come to where the serial was the zone's. */
static bool reaches(const struct step *s, uint32_t serial)
{
	return s->to == serial || (s->has_from && s->from == serial);
}

static enum err take_version(void *arg, const struct zonestore_version *v, const struct zonestore_change *c)
{
	struct history *h = arg;
	(void)c;
	void *steps = h->step;
	if (!grow(&steps, h->steps, &h->step_cap, sizeof(*h->step)))
		return ERR_NOMEM;
	h->step = steps;
	struct step *s = &h->step[h->steps];
	*s = (struct step){.id = v->id, .has_from = v->has_from, .full = v->full, .from = v->from, .to = v->to};
	struct content_rr to = {.type = TYPE_SOA, .ttl = v->soa_to_ttl, .rdlen = v->soa_to_len, .rdata = v->soa_to};
	struct content_rr from = {
		.type = TYPE_SOA, .ttl = v->soa_from_ttl, .rdlen = v->soa_from_len, .rdata = v->soa_from};
	if (!keep_rr(h, &s->soa_to, &to) || (v->has_from && !keep_rr(h, &s->soa_from, &from)))
		return ERR_NOMEM;
	h->steps++;
	for (int i = 0; i < 2; i++)
		h->found[i] |= reaches(s, h->wanted[i]);
	return h->found[0] && h->found[1] ? ERR_EXISTS : ERR_OK; /* older ones are not asked for */
}

/* Versions are read newest first: what lies between two serials costs nothing for what is older. */
static enum err take_versions(struct history *h, struct zonestore *s, int64_t zone, struct errmsg *msg)
{
	enum err err = zonestore_each_version(s, zone, true, 0, 0, take_version, h, msg);
	for (size_t i = 0; 2 * i + 1 < h->steps; i++) {
		struct step other = h->step[h->steps - 1 - i];
		h->step[h->steps - 1 - i] = h->step[i];
		h->step[i] = other;
	}
	return err == ERR_EXISTS ? ERR_OK : err;
}

/* Index of the newest version that ended at the serial, or h->steps. */
static size_t find_end(const struct history *h, uint32_t serial)
{
	for (size_t i = h->steps; i-- > 0;)
		if (h->step[i].to == serial)
			return i;
	return h->steps;
}

/* The steps may begin with a version whose start is known but not its maker: it was trimmed, or not read. */
static bool is_first_start(const struct history *h, uint32_t serial)
{
	return h->steps > 0 && h->step[0].has_from && h->step[0].from == serial;
}

static enum err no_serial(const char *zone, uint32_t serial, struct errmsg *msg)
{
	return errmsg_set(msg, ERR_NOTFOUND,
			  "zone %s: serial %u is not in its history; roostctl log %s lists those that are", zone,
			  serial, zone);
}

/* Finds versions [*first, *end) that lead from the older to the newer serial, and the SOAs there. */
static enum err find_steps(struct history *h, const char *zone, uint32_t from, uint32_t to, size_t *first, size_t *end,
			   bool *backward, struct errmsg *msg)
{
	/* Place of a serial: the number of versions that led to it, as far as they are kept. */
	size_t from_at = find_end(h, from), to_at = find_end(h, to);
	bool from_known = from_at < h->steps || is_first_start(h, from),
	     to_known = to_at < h->steps || is_first_start(h, to);
	if (!from_known || !to_known)
		return no_serial(zone, from_known ? to : from, msg);
	size_t from_place = from_at < h->steps ? from_at + 1 : 0, to_place = to_at < h->steps ? to_at + 1 : 0;
	*backward = to_place < from_place;
	*first = *backward ? to_place : from_place;
	*end = *backward ? from_place : to_place;
	h->soa_from = from_place ? h->step[from_place - 1].soa_to : h->step[0].soa_from;
	h->soa_to = to_place ? h->step[to_place - 1].soa_to : h->step[0].soa_from;
	for (size_t i = *first; i < *end; i++)
		if (h->step[i].full || !h->step[i].has_from)
			return errmsg_set(msg, ERR_REFUSED,
					  "zone %s: serial %u replaced the whole zone, without a record of what "
					  "changed; its history "
					  "cannot be followed across that",
					  zone, h->step[i].to);
	return ERR_OK;
}

/* ---- what they changed ---- */

static enum err take_mention(void *arg, const struct zonestore_change_rr *c)
{
	struct history *h = arg;
	void *mentions = h->mention;
	if (!grow(&mentions, h->mentions, &h->mention_cap, sizeof(*h->mention)))
		return ERR_NOMEM;
	h->mention = mentions;
	struct mention *m = &h->mention[h->mentions];
	*m = (struct mention){.order = h->mentions, .add = c->add, .owner = keep(h, c->owner, name_len(c->owner))};
	if (!m->owner || !keep_rr(h, &m->rr, &c->rr))
		return ERR_NOMEM;
	h->mentions++;
	return ERR_OK;
}

static int compare_record(const struct mention *a, const struct mention *b)
{
	int d = name_compare(a->owner, b->owner);
	if (d)
		return d;
	if (a->rr.type != b->rr.type)
		return a->rr.type < b->rr.type ? -1 : 1;
	return rr_rdata_compare(a->rr.type, a->rr.rdata, a->rr.rdlen, b->rr.rdata, b->rr.rdlen);
}

static int compare_mention(const void *pa, const void *pb)
{
	const struct mention *a = pa, *b = pb;
	int d = compare_record(a, b);
	return d ? d : (a->order < b->order ? -1 : 1);
}

static void put(struct history *h, bool add, const struct mention *m)
{
	h->net[h->count++] = (struct history_rr){.add = add, .owner = m->owner, .rr = m->rr};
}

/* Mentions [first, last] are of one record. */
static void put_net(struct history *h, const struct mention *first, const struct mention *last, bool backward)
{
	bool before = !first->add, after = last->add;
	if (before == after && (!before || first->rr.ttl == last->rr.ttl))
		return;
	if (backward ? after : before)
		put(h, false, backward ? last : first);
	if (backward ? before : after)
		put(h, true, backward ? first : last);
}

static int compare_net(const void *pa, const void *pb)
{
	const struct history_rr *a = pa, *b = pb;
	int d = name_compare(a->owner, b->owner);
	if (d)
		return d;
	if (a->rr.type != b->rr.type)
		return a->rr.type < b->rr.type ? -1 : 1;
	if (a->add != b->add)
		return a->add ? 1 : -1;
	return rr_rdata_compare(a->rr.type, a->rr.rdata, a->rr.rdlen, b->rr.rdata, b->rr.rdlen);
}

static enum err condense(struct history *h, bool backward)
{
	if (h->mentions == 0)
		return ERR_OK;
	h->net = calloc(2 * h->mentions, sizeof(*h->net));
	if (!h->net)
		return ERR_NOMEM;
	qsort(h->mention, h->mentions, sizeof(*h->mention), compare_mention);
	for (size_t i = 0, end; i < h->mentions; i = end) {
		for (end = i + 1; end < h->mentions && compare_record(&h->mention[i], &h->mention[end]) == 0; end++)
			;
		put_net(h, &h->mention[i], &h->mention[end - 1], backward);
	}
	qsort(h->net, h->count, sizeof(*h->net), compare_net);
	return ERR_OK;
}

static enum err gather(struct history *h, struct zonestore *s, const struct zonestore_zone *zone, uint32_t from,
		       uint32_t to, struct errmsg *msg)
{
	char name[NAME_TEXT_MAX];
	size_t first = 0, end = 0;
	bool backward = false;
	h->wanted[0] = from;
	h->wanted[1] = to;
	enum err err = take_versions(h, s, zone->id, msg);
	if (!err)
		err = find_steps(h, admin_name_to_text(zone->name.wire, name), from, to, &first, &end, &backward, msg);
	for (size_t i = first; !err && i < end; i++)
		err = zonestore_each_change_rr(s, h->step[i].id, 0, 0, take_mention, h, msg);
	return err ? err : condense(h, backward);
}

enum err history_between(struct history **out, struct zonestore *s, const struct zonestore_zone *zone, uint32_t from,
			 uint32_t to, struct errmsg *msg)
{
	struct history *h = calloc(1, sizeof(*h));
	enum err err = h ? gather(h, s, zone, from, to, msg) : ERR_NOMEM;
	if (err == ERR_NOMEM)
		errmsg_set(msg, err, "no memory for the zone's history");
	if (err)
		history_free(h);
	else
		*out = h;
	return err;
}

void history_free(struct history *h)
{
	if (!h)
		return;
	while (h->chunks) {
		struct chunk *c = h->chunks;
		h->chunks = c->next;
		free(c);
	}
	free(h->step);
	free(h->mention);
	free(h->net);
	free(h);
}

size_t history_count(const struct history *h)
{
	return h->count;
}

const struct history_rr *history_at(const struct history *h, size_t i)
{
	return &h->net[i];
}

const struct content_rr *history_soa_from(const struct history *h)
{
	return &h->soa_from;
}

const struct content_rr *history_soa_to(const struct history *h)
{
	return &h->soa_to;
}
