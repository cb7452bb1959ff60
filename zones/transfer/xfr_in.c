/* xfr_in.c: see xfr_in.h.
 *
 *   BEGIN --SOA--> FIRST --SOA (IXFR, our serial)--> DELETING <--SOA--> ADDING --the first SOA again--> END
 *                    '----anything else-----------> WHOLE --the first SOA again--> END
 */
#include "zones/transfer/xfr_in.h"

#include <stdlib.h>

enum { MESSAGES_EMPTY_MAX = 64 /* without any record: they could go on for ever */, TTL_MAX = INT32_MAX };

enum state { BEGIN, FIRST, WHOLE, DELETING, ADDING, END };

struct soa_copy {
	uint32_t serial, ttl;
	uint16_t rdlen;
	uint8_t rdata[2 * NAME_WIRE_MAX + 20];
};

struct xfr_in {
	struct name zone; /* lower-case */
	bool ixfr;
	uint32_t serial; /* ours */
	struct xfr_in_limits limits;

	enum state state;
	enum xfr_in_kind kind;
	struct soa_copy target; /* the first SOA */
	uint32_t reached;       /* DELETING, ADDING: the serial of the version before, of this one */
	unsigned empty;
	uint64_t records, octets;
	struct zone_image *image;
	struct deltas *deltas;
	uint8_t rdata[RDATA_MAX];
};

enum err xfr_in_new(struct xfr_in **out, const struct xfr_in_question *question, const struct xfr_in_limits *limits)
{
	struct xfr_in *x = calloc(1, sizeof *x);
	*out = x;
	if (!x)
		return ERR_NOMEM;
	name_set(&x->zone, question->zone);
	name_lower(x->zone.wire, x->zone.wire, x->zone.len);
	x->ixfr = question->ixfr;
	x->serial = question->serial;
	x->limits = *limits;
	return ERR_OK;
}

void xfr_in_free(struct xfr_in *x)
{
	if (!x)
		return;
	zonefile_image_free(x->image);
	deltas_free(x->deltas);
	free(x);
}

/* ---- records ---- */

static enum err say_record(enum err err, const struct rr *rr, struct errmsg *why, const char *what)
{
	char owner[NAME_TEXT_MAX], type[RR_TYPE_TEXT_MAX];
	return errmsg_set(why, err, "%.200s %s: %s", name_to_text(rr->owner, owner), rr_type_to_text(rr->type, type),
			  what);
}

static enum err add_whole(struct xfr_in *x, const struct rr *rr, struct errmsg *why)
{
	enum err err = zonefile_image_add(x->image, rr->owner, rr->type, rr->ttl, rr->rdata, rr->rdlen);
	return err ? say_record(err, rr, why, "cannot be taken into the zone") : ERR_OK;
}

static enum err add_delta(struct xfr_in *x, enum deltas_kind kind, const struct rr *rr, struct errmsg *why)
{
	struct deltas_item item = {.kind = kind, .owner = rr->owner, .rr = {rr->type, rr->ttl, rr->rdlen, rr->rdata}};
	enum err err = deltas_add(x->deltas, &item);
	return err ? errmsg_set(why, err, "no memory for the transfer") : ERR_OK;
}

static bool is_target(const struct xfr_in *x, const struct rr *rr)
{
	return rr_rdata_equal(TYPE_SOA, rr->rdata, rr->rdlen, x->target.rdata, x->target.rdlen);
}

/* ---- what may come in each state ---- */

static enum err take_first(struct xfr_in *x, const struct rr *rr, const struct rr_soa *soa, struct errmsg *why)
{
	if (!soa || rr->rdlen > sizeof x->target.rdata)
		return say_record(ERR_FORMAT, rr, why, "comes first, where the zone's SOA must be");
	x->target = (struct soa_copy){.serial = soa->serial, .ttl = rr->ttl, .rdlen = rr->rdlen};
	memcpy(x->target.rdata, rr->rdata, rr->rdlen);
	if (x->ixfr && !rr_serial_newer(soa->serial, x->serial)) {
		x->kind = XFR_IN_UPTODATE;
		x->state = END;
	} else {
		x->state = FIRST;
	}
	return ERR_OK;
}

static enum err begin_whole(struct xfr_in *x, struct errmsg *why)
{
	x->kind = XFR_IN_FULL;
	x->state = WHOLE;
	enum err err = zonefile_image_new(&x->image, x->zone.wire);
	if (!err)
		err = zonefile_image_add(x->image, x->zone.wire, TYPE_SOA, x->target.ttl, x->target.rdata,
					 x->target.rdlen);
	return err ? errmsg_set(why, err, "no memory for the transfer") : ERR_OK;
}

static enum err take_whole(struct xfr_in *x, const struct rr *rr, const struct rr_soa *soa, struct errmsg *why)
{
	if (!soa)
		return add_whole(x, rr, why);
	if (!is_target(x, rr))
		return say_record(ERR_FORMAT, rr, why, "is not the SOA that the transfer began with");
	x->state = END;
	return zonefile_image_finish(x->image, why);
}

/* A version's first SOA: of the version that we have, or that the one before led to. */
static enum err begin_version(struct xfr_in *x, const struct rr *rr, const struct rr_soa *soa, struct errmsg *why)
{
	if (soa->serial != x->reached)
		return errmsg_set(why, ERR_FORMAT, "a version begins at serial %u, where %u was reached", soa->serial,
				  x->reached);
	x->state = DELETING;
	return add_delta(x, DELTAS_FROM, rr, why);
}

static enum err take_second(struct xfr_in *x, const struct rr *rr, const struct rr_soa *soa, struct errmsg *why)
{
	if (!x->ixfr || !soa || is_target(x, rr)) {
		enum err err = begin_whole(x, why);
		return err ? err : take_whole(x, rr, soa, why);
	}
	x->kind = XFR_IN_DELTAS;
	x->reached = x->serial;
	if (deltas_new(&x->deltas))
		return errmsg_set(why, ERR_NOMEM, "no memory for the transfer");
	return begin_version(x, rr, soa, why);
}

static enum err take_deleted(struct xfr_in *x, const struct rr *rr, const struct rr_soa *soa, struct errmsg *why)
{
	if (!soa)
		return add_delta(x, DELTAS_DELETE, rr, why);
	if (!rr_serial_newer(soa->serial, x->reached) ||
	    (soa->serial != x->target.serial && !rr_serial_newer(x->target.serial, soa->serial)))
		return errmsg_set(why, ERR_FORMAT, "a version leads from serial %u to %u, on the way to %u", x->reached,
				  soa->serial, x->target.serial);
	x->reached = soa->serial;
	x->state = ADDING;
	return add_delta(x, DELTAS_TO, rr, why);
}

static enum err take_added(struct xfr_in *x, const struct rr *rr, const struct rr_soa *soa, struct errmsg *why)
{
	if (!soa)
		return add_delta(x, DELTAS_ADD, rr, why);
	if (x->reached != x->target.serial)
		return begin_version(x, rr, soa, why);
	if (!is_target(x, rr))
		return say_record(ERR_FORMAT, rr, why, "is not the SOA that the transfer began with");
	x->state = END;
	return ERR_OK;
}

static enum err check_record(const struct xfr_in *x, const struct rr *rr, struct errmsg *why)
{
	if (x->state == END)
		return say_record(ERR_FORMAT, rr, why, "comes behind the transfer's end");
	if (rr->class != CLASS_IN)
		return say_record(ERR_FORMAT, rr, why, "is not of class IN");
	if (rr_type_is_meta(rr->type))
		return say_record(ERR_FORMAT, rr, why, "is of a type that no zone has");
	if (!name_is_under(rr->owner, x->zone.wire))
		return say_record(ERR_RANGE, rr, why, "is outside the zone");
	if (rr->type == TYPE_SOA && !name_equal(rr->owner, x->zone.wire))
		return say_record(ERR_FORMAT, rr, why, "is not at the zone's apex");
	return ERR_OK;
}

static enum err take_record(struct xfr_in *x, struct rr *rr, struct errmsg *why)
{
	struct rr_soa fields;
	enum err err = check_record(x, rr, why);
	if (err)
		return err;
	if (rr->ttl > TTL_MAX)
		rr->ttl = 0; /* RFC 2181 §8 */
	const struct rr_soa *soa = NULL;
	if (rr->type == TYPE_SOA) {
		if (!rr_soa_parse(&fields, rr->rdata, rr->rdlen))
			return say_record(ERR_FORMAT, rr, why, "is malformed");
		soa = &fields;
	}
	switch (x->state) {
	case BEGIN:
		return take_first(x, rr, soa, why);
	case FIRST:
		return take_second(x, rr, soa, why);
	case WHOLE:
		return take_whole(x, rr, soa, why);
	case DELETING:
		return take_deleted(x, rr, soa, why);
	default:
		return take_added(x, rr, soa, why);
	}
}

/* ---- messages ---- */

static enum err check_message(struct xfr_in *x, const struct message *m, struct errmsg *why)
{
	char text[MESSAGE_RCODE_TEXT_MAX];
	unsigned rcode = m->flags & FLAG_RCODE_MASK;
	if (!(m->flags & FLAG_QR) || message_opcode(m) != OPCODE_QUERY)
		return errmsg_set(why, ERR_FORMAT, "what came is not an answer");
	if (rcode != RCODE_NOERROR)
		return errmsg_set(why, ERR_REFUSED, "the primary answered %s", message_rcode_to_text(rcode, text));
	if (m->flags & FLAG_TC)
		return errmsg_set(why, ERR_FORMAT, "a message is marked as cut off");
	/* Only the first needs to repeat the question (RFC 5936 §2.2.1). */
	if (m->count[SECTION_QUESTION] > 1 ||
	    (m->count[SECTION_QUESTION] == 1 && (!name_equal(m->qname.wire, x->zone.wire) || m->qclass != CLASS_IN ||
						 m->qtype != (x->ixfr ? TYPE_IXFR : TYPE_AXFR))))
		return errmsg_set(why, ERR_FORMAT, "a message answers another question");
	if (m->count[SECTION_ANSWER] == 0 && (x->state == BEGIN || ++x->empty > MESSAGES_EMPTY_MAX))
		return errmsg_set(why, ERR_FORMAT, "a message has no records");
	x->octets += m->len;
	return ERR_OK;
}

static enum err check_limits(const struct xfr_in *x, struct errmsg *why)
{
	if (x->records > x->limits.records)
		return errmsg_set(why, ERR_NOSPACE, "over %llu records; raise records in [secondary] if that is right",
				  (unsigned long long)x->limits.records);
	if (x->octets > x->limits.octets)
		return errmsg_set(why, ERR_NOSPACE, "over %llu octets; raise megabytes in [secondary] if that is right",
				  (unsigned long long)x->limits.octets);
	return ERR_OK;
}

enum err xfr_in_message(struct xfr_in *x, const struct message *m, bool *last, struct errmsg *why)
{
	size_t at = m->section[SECTION_ANSWER];
	enum err err = x->state == END ? errmsg_set(why, ERR_FORMAT, "a message comes behind the transfer's end")
				       : check_message(x, m, why);
	for (unsigned i = 0; i < m->count[SECTION_ANSWER] && !err; i++) {
		struct wbuf scratch = buf_writer(x->rdata, sizeof x->rdata);
		struct name owner;
		struct rr rr;
		if (message_next_rr(m, &at, &owner, &scratch, &rr))
			return errmsg_set(why, ERR_FORMAT, "a record is malformed");
		x->records++;
		x->octets += owner.len + (uint64_t)rr.rdlen;
		err = check_limits(x, why);
		if (!err)
			err = take_record(x, &rr, why);
	}
	if (!err)
		err = check_limits(x, why);
	*last = x->state == END;
	return err;
}

enum xfr_in_kind xfr_in_kind(const struct xfr_in *x)
{
	return x->kind;
}

uint32_t xfr_in_serial(const struct xfr_in *x)
{
	return x->target.serial;
}

uint32_t xfr_in_expire(const struct xfr_in *x)
{
	struct rr_soa soa;
	return rr_soa_parse(&soa, x->target.rdata, x->target.rdlen) ? soa.expire : 0;
}

uint64_t xfr_in_octets(const struct xfr_in *x)
{
	return x->octets;
}

uint64_t xfr_in_records(const struct xfr_in *x)
{
	return x->records;
}

struct zone_image *xfr_in_take_image(struct xfr_in *x)
{
	struct zone_image *image = x->image;
	x->image = NULL;
	return image;
}

struct deltas *xfr_in_take_deltas(struct xfr_in *x)
{
	struct deltas *deltas = x->deltas;
	x->deltas = NULL;
	return deltas;
}
