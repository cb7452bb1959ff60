#include "lib/namecheck.h"

#include "lib/name_internal.h"

/* How far a name has been followed. */
struct progress {
	size_t lowest; /* every pointer must lead to before here, as in name_parse */
	size_t octets;
	unsigned hops;
	bool ended;
};

/* Its labels and pointers: where each stands and ends, what came before, and for a pointer 1 + its target. */
struct trail {
	unsigned count;
	struct {
		uint16_t at, end, lead;
		uint8_t octets, hops;
	} step[NAME_LABELS_MAX + HOPS_MAX + 3]; /* the root too, and the label or pointer that is too many */
};

static enum err fail(struct rbuf *in)
{
	in->bad = true;
	return ERR_FORMAT;
}

static void start_remembering(struct namecheck *c)
{
	c->remember = true;
	memset(c->rest, 0, (c->len < NAMECHECK_TARGETS ? c->len : NAMECHECK_TARGETS) * sizeof c->rest[0]);
}

static const struct namecheck_rest *known(const struct namecheck *c, size_t at)
{
	return at < NAMECHECK_TARGETS && c->rest[at].octets ? &c->rest[at] : NULL;
}

/* `rest` is what the trail led to, NULL = the name's end. */
static void remember(struct namecheck *c, const struct trail *t, const struct progress *whole,
		     const struct namecheck_rest *rest)
{
	uint16_t reach = rest ? rest->reach : 0, lead = rest ? rest->lead : 0;
	for (unsigned i = t->count; i-- > 0;) {
		reach = t->step[i].end > reach ? t->step[i].end : reach;
		lead = t->step[i].lead ? t->step[i].lead : lead;
		if (t->step[i].at < NAMECHECK_TARGETS)
			c->rest[t->step[i].at] = (struct namecheck_rest){
				.octets = (uint8_t)(whole->octets - t->step[i].octets),
				.hops = (uint8_t)(whole->hops - t->step[i].hops),
				.reach = reach,
				.lead = lead,
			};
	}
}

/* Passes labels up to the root's zero or a pointer, and returns that octet. */
static uint8_t pass_labels(struct rbuf *in)
{
	uint8_t octet;
	while ((octet = buf_get_u8(in)) != 0 && octet <= NAME_LABEL_MAX)
		buf_get(in, octet);
	return octet;
}

/* Takes the label or pointer at in->pos; false if a name cannot go on so. */
static bool take_step(struct rbuf *in, struct progress *p)
{
	uint8_t octet = buf_get_u8(in);
	if (octet <= NAME_LABEL_MAX) {
		buf_get(in, octet);
		p->octets += octet + 1U;
		p->ended = octet == 0;
		return !in->bad && p->octets + !p->ended <= NAME_WIRE_MAX;
	}
	size_t target = (size_t)(octet & POINTER_HIGH_MASK) << 8 | buf_get_u8(in);
	if ((octet & LABEL_KIND_MASK) != LABEL_POINTER || in->bad || target >= p->lowest || p->hops == HOPS_MAX)
		return false;
	in->pos = p->lowest = target;
	p->hops++;
	return true;
}

/* The same, into the trail. */
static bool take_noted_step(struct rbuf *in, struct progress *p, struct trail *t)
{
	size_t at = in->pos;
	unsigned i = t->count++, hops = p->hops;
	t->step[i].at = (uint16_t)at;
	t->step[i].octets = (uint8_t)p->octets;
	t->step[i].hops = (uint8_t)hops;
	if (!take_step(in, p))
		return false;
	bool hopped = p->hops > hops;
	t->step[i].end = (uint16_t)(hopped ? at + POINTER_LEN : in->pos);
	t->step[i].lead = (uint16_t)(hopped ? in->pos + 1 : 0);
	return true;
}

/* Adds what is known. False if that is not a name for one who comes from here. */
static bool take_rest(const struct rbuf *in, struct progress *p, const struct namecheck_rest *rest)
{
	p->octets += rest->octets;
	p->hops += rest->hops;
	return p->octets <= NAME_WIRE_MAX && p->hops <= HOPS_MAX && rest->reach <= in->len && rest->lead <= p->lowest;
}

/* Follows the name at in->pos to what is known, or its end. */
static enum err follow(struct namecheck *c, struct rbuf *in, size_t *octets)
{
	struct progress p = {.lowest = in->pos};
	struct trail t;
	const struct namecheck_rest *rest = NULL;
	t.count = 0;
	while (!p.ended && !(rest = known(c, in->pos)))
		if (!take_noted_step(in, &p, &t))
			return fail(in);
	c->steps += t.count;
	if (rest && !take_rest(in, &p, rest))
		return fail(in);
	remember(c, &t, &p, rest);
	*octets = p.octets;
	return ERR_OK;
}

enum err namecheck_pass(struct namecheck *c, struct rbuf *msg, size_t *octets)
{
	size_t start = msg->pos;
	bool ends_in_pointer = pass_labels(msg) != 0;
	if (ends_in_pointer)
		buf_get_u8(msg);
	size_t after = msg->pos;
	if (msg->bad)
		return ERR_FORMAT;
	if (!ends_in_pointer && !c->remember) {
		*octets = after - start;
		return *octets <= NAME_WIRE_MAX ? ERR_OK : fail(msg);
	}

	if (!c->remember)
		start_remembering(c);
	msg->pos = start;
	enum err err = follow(c, msg, octets);
	msg->pos = after;
	return err;
}
