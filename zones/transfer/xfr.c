/* xfr.c: see xfr.h.
 *
 * A transfer is a walk that can stop behind any record, because the next one may not fit. Its place in the zone, or in
 * the journal, is all that is kept between messages:
 *
 *   full    SOA | every node: every RRset, records then RRSIGs, but the apex's SOA | SOA               RFC 5936 §2.2
 *   delta   SOA | for each version: SOA before, what went, SOA after, what came | SOA                  RFC 1995 §4
 *
 * An RRset whose RDATA holds no names to compress is copied as it stands, once its owner is in the message. */
#include "zones/transfer/xfr.h"

#include <stdlib.h>

enum {
	/* Octets of a message. Compression pointers reach no further (RFC 1035 §4.1.4), so behind that records grow. A
	 * record that needs more has a longer message. */
	MESSAGE_OCTETS = 0x3fff,
	LABEL_POINTER = 0xc000,
	/* Versions looked at to decide whether the journal is shorter than the zone: a few database pages each, so this
	 * bounds the time that opening takes. */
	COUNTED_VERSIONS_MAX = 512,
	/* Versions to go back at most, some milliseconds of a worker's time. From further behind the whole zone is sent,
	 * which then is seldom longer. */
	CHAIN_VERSIONS_MAX = 16384,
	SOA_RDATA_MAX = 2 * NAME_WIRE_MAX + 20
};

/* What stands next. */
enum step {
	STEP_FIRST,  /* the SOA in front */
	STEP_NODES,  /* full: the zone's records */
	STEP_BEFORE, /* delta: a version's SOA before */
	STEP_ROWS,   /* delta: the version's rows; `added` says on which side of SOA after */
	STEP_LAST,   /* the SOA behind */
	STEP_DONE
};

struct soa {
	uint32_t ttl;
	uint16_t rdlen;
	uint8_t rdata[SOA_RDATA_MAX];
};

struct xfr {
	struct zone_pin *pin;
	struct zonestore *store;
	enum xfr_form form;
	enum step step;
	uint32_t serial;
	uint64_t records;
	struct soa soa; /* of the version being sent */

	/* The place in the zone. */
	size_t cursor;
	const struct node *node;
	const struct content *content;
	struct name owner;
	uint16_t owner_at; /* where the owner stands in this message; 0: not there yet, or past a pointer's reach */
	size_t set;
	bool sigs;     /* in the RRSIGs of the set */
	size_t at;     /* octets of the run already sent */
	unsigned sent; /* records of the run already sent */

	/* The place in the journal. */
	int64_t version, last; /* row ids: of the version being sent, and of the last to send */
	uint32_t from, to;     /* its serials */
	uint32_t seq;          /* its next row */
	bool added;            /* SOA after is sent */
	struct soa before, after;
};

/* ---- records ---- */

static bool put_soa(struct xfr *x, struct writer *w, const struct soa *soa)
{
	const uint8_t *zone = zone_name(zone_pin_zone(x->pin));

	if (!writer_rr(w, SECTION_ANSWER, zone, TYPE_SOA, CLASS_IN, soa->ttl, soa->rdata, soa->rdlen))
		return false;
	x->records++;
	return true;
}

/* Where a pointer to the owner written at `at` must lead: the owner may itself be a pointer. */
static uint16_t pointer_to(const struct writer *w, size_t at)
{
	uint16_t first = buf_load_u16(w->out.data + at);

	if (first >= LABEL_POINTER)
		return first & MESSAGE_OCTETS;
	return w->out.data[at] && at <= MESSAGE_OCTETS ? (uint16_t)at : 0;
}

static bool put_record(struct xfr *x, struct writer *w, const struct content_rr *rr)
{
	size_t at = w->out.len;

	if (!writer_rr(w, SECTION_ANSWER, x->owner.wire, rr->type, CLASS_IN, rr->ttl, rr->rdata, rr->rdlen))
		return false;
	if (!x->owner_at)
		x->owner_at = pointer_to(w, at);
	return true;
}

/* A run: the records of an RRset, or its RRSIGs. */
struct run {
	const uint8_t *block;
	size_t len;
	unsigned count;
	bool ready; /* may be copied as it stands */
};

/* All that is left of the run; false when it does not fit. */
static bool put_rest(struct xfr *x, struct writer *w, const struct run *run)
{
	unsigned left = run->count - x->sent;

	if (!run->ready || !x->owner_at ||
	    !writer_block(w, SECTION_ANSWER, x->owner_at, run->block + x->at, run->len - x->at, left))
		return false;
	x->at = run->len;
	x->sent += left;
	x->records += left;
	return true;
}

static bool put_one(struct xfr *x, struct writer *w, const struct run *run)
{
	struct content_rr rr;
	size_t next = x->at;

	if (!content_next(run->block, run->len, &next, &rr))
		return false;
	bool done = run->ready && x->owner_at
			    ? writer_block(w, SECTION_ANSWER, x->owner_at, run->block + x->at, next - x->at, 1)
			    : put_record(x, w, &rr);
	if (!done)
		return false;
	x->at = next;
	x->sent++;
	x->records++;
	return true;
}

static bool put_run(struct xfr *x, struct writer *w, const struct run *run)
{
	while (x->at < run->len)
		if (!put_rest(x, w, run) && !put_one(x, w, run))
			return false;
	return true;
}

/* ---- the zone ---- */

static struct run current_run(const struct xfr *x)
{
	const struct rrset *s = &x->content->set[x->set];

	if (x->sigs)
		return (struct run){content_sig_block(x->content, s), s->sig_len, s->sig_count, true};
	if (s->type == TYPE_SOA && x->node == zone_apex(zone_pin_zone(x->pin)))
		return (struct run){NULL, 0, 0, false}; /* it stands in front and behind */
	return (struct run){content_block(x->content, s), s->len, s->count, !(s->flags & RRSET_COMPRESSIBLE)};
}

static void next_run(struct xfr *x)
{
	x->set += x->sigs;
	x->sigs = !x->sigs;
	x->at = 0;
	x->sent = 0;
}

static bool next_node(struct xfr *x)
{
	do {
		x->node = zone_pin_next(x->pin, &x->cursor, &x->content);
		if (!x->node)
			return false;
	} while (!x->content->sets);
	const uint8_t *cased = content_owner_cased(x->content);
	if (cased)
		name_set(&x->owner, cased);
	else
		zone_node_name(zone_pin_zone(x->pin), x->node, &x->owner);
	x->owner_at = 0;
	x->set = 0;
	x->sigs = false;
	x->at = 0;
	x->sent = 0;
	return true;
}

/* False when the message is full. */
static bool send_nodes(struct xfr *x, struct writer *w)
{
	while (x->node || next_node(x)) {
		while (x->set < x->content->sets) {
			struct run run = current_run(x);
			if (!put_run(x, w, &run))
				return false;
			next_run(x);
		}
		x->node = NULL;
	}
	return true;
}

/* ---- the journal ---- */

static enum err copy_soa(struct soa *out, uint32_t ttl, const uint8_t *rdata, uint16_t rdlen)
{
	if (!rdata || rdlen > sizeof out->rdata)
		return ERR_CORRUPT;
	out->ttl = ttl;
	out->rdlen = rdlen;
	memcpy(out->rdata, rdata, rdlen);
	return ERR_OK;
}

struct wanted {
	struct xfr *x;
	bool found;
};

static enum err take_version(void *arg, const struct zonestore_version *v, const struct zonestore_change *c)
{
	struct wanted *want = arg;
	struct xfr *x = want->x;

	(void)c;
	if (want->found || v->id < x->version || v->id > x->last)
		return ERR_OK;
	if (v->full || !v->has_from || v->from != x->from)
		return ERR_CORRUPT;
	want->found = true;
	x->version = v->id;
	x->to = v->to;
	enum err e = copy_soa(&x->before, v->soa_from_ttl, v->soa_from, v->soa_from_len);
	return e ? e : copy_soa(&x->after, v->soa_to_ttl, v->soa_to, v->soa_to_len);
}

/* Loads the version of row id x->version or the next one after it, which must start from serial x->from. */
static enum err load_version(struct xfr *x, struct errmsg *msg)
{
	struct wanted want = {.x = x};
	int64_t zone = zone_id(zone_pin_zone(x->pin));

	/* Two rows, in case the one before comes along. */
	enum err e = zonestore_each_version(x->store, zone, false, x->version - 1, 2, take_version, &want, msg);
	if (e == ERR_CORRUPT || (!e && !want.found))
		return errmsg_set(msg, ERR_CORRUPT,
				  "the journal has no version that starts from serial %u any more: trimmed, or "
				  "the zone is gone",
				  x->from);
	return e;
}

static enum err next_version(struct xfr *x, struct errmsg *msg)
{
	x->version++;
	x->from = x->to;
	x->seq = 0;
	x->added = false;
	return load_version(x, msg);
}

/* A message later the version at hand may be gone, with its rows: without them it would look complete. */
static enum err check_version(struct xfr *x, struct errmsg *msg)
{
	int64_t version = x->version;
	enum err e = load_version(x, msg);

	if (!e && x->version != version)
		return errmsg_set(msg, ERR_CORRUPT,
				  "the journal has no version that starts from serial %u any more: trimmed, or "
				  "the zone is gone",
				  x->from);
	return e;
}

struct page {
	struct xfr *x;
	struct writer *w;
	bool full; /* the row did not fit; not an error, but how the walk is stopped */
	bool corrupt;
};

static enum err put_row(void *arg, const struct zonestore_change_rr *row)
{
	struct page *p = arg;
	struct xfr *x = p->x;

	p->corrupt = x->added && !row->add;
	if (p->corrupt)
		return ERR_CORRUPT;
	if (row->add && !x->added) {
		p->full = !put_soa(x, p->w, &x->after);
		if (p->full)
			return ERR_NOSPACE;
		x->added = true;
	}
	p->full = !writer_rr(p->w, SECTION_ANSWER, row->owner, row->rr.type, CLASS_IN, row->rr.ttl, row->rr.rdata,
			     row->rr.rdlen);
	if (p->full)
		return ERR_NOSPACE;
	x->seq = row->seq + 1;
	x->records++;
	return ERR_OK;
}

/* The rest of the version; *full when the message is. */
static enum err send_rows(struct xfr *x, struct writer *w, bool *full, struct errmsg *msg)
{
	struct page page = {.x = x, .w = w};
	enum err e = zonestore_each_change_rr(x->store, x->version, x->seq, 0, put_row, &page, msg);

	*full = page.full;
	if (page.full)
		return ERR_OK;
	if (page.corrupt)
		return errmsg_set(msg, ERR_CORRUPT, "version %lld of the journal has a deletion behind an addition",
				  (long long)x->version);
	if (!e && !x->added) {
		x->added = put_soa(x, w, &x->after);
		*full = !x->added;
	}
	return e;
}

static enum err send_versions(struct xfr *x, struct writer *w, struct errmsg *msg)
{
	bool full = false;
	enum err e = ERR_OK;

	while (!e && !full && x->step != STEP_LAST) {
		if (x->step == STEP_BEFORE) {
			full = !put_soa(x, w, &x->before);
			if (!full)
				x->step = STEP_ROWS;
			continue;
		}
		e = send_rows(x, w, &full, msg);
		if (e || full)
			break;
		if (x->version == x->last) {
			x->step = STEP_LAST;
			break;
		}
		e = next_version(x, msg);
		x->step = STEP_BEFORE;
	}
	return e;
}

/* One short read transaction a message. */
static enum err send_journal(struct xfr *x, struct writer *w, struct errmsg *msg)
{
	struct sqlstore *sql = zonestore_sql(x->store);
	enum err e = sqlstore_begin(sql, msg);

	if (e)
		return e;
	e = check_version(x, msg);
	if (!e)
		e = send_versions(x, w, msg);
	if (!e)
		e = sqlstore_commit(sql, msg);
	if (e)
		sqlstore_rollback(sql);
	return e;
}

/* ---- messages ---- */

static enum step step_after_first(const struct xfr *x)
{
	switch (x->form) {
	case XFR_FORM_UPTODATE:
		return STEP_DONE;
	case XFR_FORM_DELTA:
		return STEP_BEFORE;
	default:
		return STEP_NODES;
	}
}

/* Adds what fits and leaves `step` at what did not. */
static enum err fill(struct xfr *x, struct writer *w, struct errmsg *msg)
{
	x->owner_at = 0;
	if (x->step == STEP_FIRST && put_soa(x, w, &x->soa))
		x->step = step_after_first(x);
	if (x->step == STEP_BEFORE || x->step == STEP_ROWS) {
		enum err e = send_journal(x, w, msg);
		if (e)
			return e;
	}
	if (x->step == STEP_NODES && send_nodes(x, w))
		x->step = STEP_LAST;
	if (x->step == STEP_LAST && put_soa(x, w, &x->soa))
		x->step = STEP_DONE;
	return ERR_OK;
}

enum err xfr_next(struct xfr *x, struct writer *w, bool *last, struct errmsg *msg)
{
	size_t room = w->limit > w->reserve ? w->limit - w->reserve : 0;
	size_t beyond = room > MESSAGE_OCTETS ? room - MESSAGE_OCTETS : 0;
	uint64_t before = x->records;

	writer_reserve(w, beyond);
	enum err e = fill(x, w, msg);
	writer_unreserve(w, beyond);
	if (!e && x->records == before && beyond)
		e = fill(x, w, msg);
	if (!e && x->records == before && x->step != STEP_DONE)
		e = errmsg_set(msg, ERR_NOSPACE, "a record does not fit a message of %zu octets", room);
	*last = !e && x->step == STEP_DONE;
	return e;
}

/* ---- opening ---- */

static enum err note_row(void *arg, const struct zonestore_change_rr *row)
{
	bool *found = arg;

	(void)row;
	*found = true;
	return ERR_OK;
}

static enum err has_row(struct xfr *x, uint32_t seq, bool *found)
{
	*found = false;
	return zonestore_each_change_rr(x->store, x->version, seq, 1, note_row, found, NULL);
}

/* Rows of a version. They are numbered from 0 without gaps, so a few probes do. */
static enum err count_rows(struct xfr *x, size_t *count)
{
	uint32_t low = 0;  /* that many rows are known to be there */
	uint32_t high = 1; /* row high - 1 is the one to probe */
	bool found;
	enum err e;

	for (e = has_row(x, low, &found); !e && found && high < UINT32_MAX / 2; e = has_row(x, high - 1, &found)) {
		low = high;
		high *= 2;
	}
	high--;
	while (!e && low < high) {
		uint32_t middle = low + (high - low) / 2;
		e = has_row(x, middle, &found);
		if (found)
			low = middle + 1;
		else
			high = middle;
	}
	*count = low;
	return e;
}

/* Rows from the version just loaded to x->last, as far as counted; the place is moved. */
static enum err count_journal(struct xfr *x, size_t *rows)
{
	enum err e = ERR_OK;

	*rows = 0;
	for (unsigned versions = 0; !e && versions < COUNTED_VERSIONS_MAX; versions++) {
		size_t more = 0;
		e = count_rows(x, &more);
		*rows += more;
		if (x->version == x->last)
			break;
		if (!e)
			e = next_version(x, NULL);
	}
	return e;
}

static bool zone_has_records(const struct xfr *x, size_t rows)
{
	const struct content *c;
	size_t cursor = 0;
	size_t records = 0;

	while (records < rows && zone_pin_next(x->pin, &cursor, &c))
		for (size_t i = 0; i < c->sets; i++)
			records += (size_t)c->set[i].count + c->set[i].sig_count;
	return records >= rows;
}

static enum err start_journal(struct xfr *x, int64_t first, uint32_t client_serial)
{
	x->version = first;
	x->from = client_serial;
	x->seq = 0;
	x->added = false;
	return load_version(x, NULL);
}

/* Finds the chain of versions from the client's serial to the pinned one and loads its first. The journal may be newer
 * than memory for a moment, between COMMIT and publishing, so the chain's end is looked up by serial. */
static enum err open_journal(struct xfr *x, uint32_t client_serial)
{
	int64_t zone = zone_id(zone_pin_zone(x->pin));
	int64_t first, newest;
	size_t rows;

	enum err e = zonestore_find_chain(x->store, zone, client_serial, CHAIN_VERSIONS_MAX, &first, &newest, NULL);
	if (!e)
		e = zonestore_find_version(x->store, zone, x->serial, &x->last, NULL);
	if (e)
		return e;
	if (first > x->last || x->last > newest)
		return ERR_NOTFOUND;
	e = start_journal(x, first, client_serial);
	if (!e)
		e = count_journal(x, &rows);
	if (e)
		return e;
	return zone_has_records(x, rows) ? start_journal(x, first, client_serial) : ERR_RANGE;
}

/* Whatever keeps the journal from being used, the zone in memory can still be sent whole. */
static enum xfr_form choose_form(struct xfr *x, enum xfr_kind kind, uint32_t client_serial)
{
	if (kind == XFR_AXFR)
		return XFR_FORM_FULL;
	if (client_serial == x->serial || rr_serial_newer(client_serial, x->serial))
		return XFR_FORM_UPTODATE;
	if (!x->store || !zone_id(zone_pin_zone(x->pin)) || sqlstore_begin(zonestore_sql(x->store), NULL))
		return XFR_FORM_FULL;
	enum err e = open_journal(x, client_serial);
	sqlstore_rollback(zonestore_sql(x->store)); /* nothing was written */
	return e ? XFR_FORM_FULL : XFR_FORM_DELTA;
}

static enum err read_soa(struct xfr *x)
{
	struct content_rr rr;
	struct rr_soa soa;

	if (!zone_soa(zone_pin_view(x->pin), &rr) || !rr_soa_parse(&soa, rr.rdata, rr.rdlen))
		return ERR_NOTFOUND;
	x->serial = soa.serial;
	return copy_soa(&x->soa, rr.ttl, rr.rdata, rr.rdlen);
}

enum err xfr_open(struct xfr **out, struct zone *z, struct zonestore *store, enum xfr_kind kind, uint32_t client_serial,
		  struct errmsg *msg)
{
	struct xfr *x = calloc(1, sizeof *x);

	*out = NULL;
	if (!x)
		return errmsg_set(msg, ERR_NOMEM, "no memory for a transfer");
	x->store = store;
	enum err e = zone_pin(z, &x->pin);
	if (!e)
		e = read_soa(x);
	if (e) {
		xfr_close(x);
		if (zone_fault(z))
			return errmsg_set(msg, e, "%s", zone_fault(z));
		return errmsg_set(msg, e,
				  e == ERR_NOTFOUND ? "the zone has no content yet" : "the zone cannot be sent");
	}
	x->form = choose_form(x, kind, client_serial);
	*out = x;
	return ERR_OK;
}

void xfr_close(struct xfr *x)
{
	if (!x)
		return;
	zone_unpin(x->pin);
	free(x);
}

enum xfr_form xfr_form(const struct xfr *x)
{
	return x->form;
}

uint32_t xfr_serial(const struct xfr *x)
{
	return x->serial;
}

uint64_t xfr_records(const struct xfr *x)
{
	return x->records;
}
