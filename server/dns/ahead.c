/* ahead.c: see ahead.h. */
#include "server/dns/ahead.h"

#include <stdlib.h>

#include "lib/message.h"
#include "server/dns/ratelimit.h"
#include "server/stats.h"

struct ahead {
	_Alignas(STATS_LINE) unsigned count; /* no cache line is shared with another worker's */
	struct ahead_question question[AHEAD_GROUP];
};

enum err ahead_new(struct ahead **out)
{
	*out = aligned_alloc(STATS_LINE, sizeof **out);
	if (!*out)
		return ERR_NOMEM;
	memset(*out, 0, sizeof **out);
	return ERR_OK;
}

void ahead_free(struct ahead *a)
{
	free(a);
}

void ahead_clear(struct ahead *a)
{
	a->count = 0;
}

/* The question's name, if this looks like a query and the name is whole and uncompressed. */
static const uint8_t *glance(const uint8_t *wire, size_t len)
{
	size_t at = MESSAGE_HEADER_LEN;

	if (len < MESSAGE_HEADER_LEN || (buf_load_u16(wire + 2) & (FLAG_QR | FLAG_OPCODE_MASK)))
		return NULL;
	while (at < len && wire[at] && wire[at] <= NAME_LABEL_MAX)
		at += wire[at] + 1U;
	return at < len && !wire[at] && at < MESSAGE_HEADER_LEN + NAME_WIRE_MAX ? wire + MESSAGE_HEADER_LEN : NULL;
}

void ahead_add(struct ahead *a, const struct directory *d, const struct ratelimit *limit, const struct addr *from,
	       const uint8_t *wire, size_t len)
{
	if (a->count == AHEAD_GROUP)
		return;
	struct ahead_question *q = &a->question[a->count++];
	const uint8_t *name = glance(wire, len);
	q->known = name != NULL;
	if (!name)
		return;
	qname_set(&q->qname, name);
	directory_warm(d, &q->qname);
	if (limit)
		ratelimit_warm(limit, from, q->qname.hash[0]);
}

void ahead_run(struct ahead *a, const struct directory *d)
{
	struct ahead_question *end = a->question + a->count;

	for (struct ahead_question *q = a->question; q < end; q++)
		q->answer.zone = q->known ? directory_seek(d, &q->qname, &q->answer.label) : NULL;
	for (struct ahead_question *q = a->question; q < end; q++) {
		struct answer_ahead *f = &q->answer;
		f->zone = directory_settle(d, &q->qname, f->zone, &f->label);
		if (!f->zone)
			continue;
		f->view = zone_view(f->zone);
		zone_warm_table(&f->view);
	}
	for (struct ahead_question *q = a->question; q < end; q++)
		if (q->answer.zone)
			zone_warm_slot(&q->answer.view, &q->qname);
	for (struct ahead_question *q = a->question; q < end; q++)
		q->answer.sought = q->answer.zone ? zone_seek(&q->answer.view, &q->qname) : NULL;
	for (struct ahead_question *q = a->question; q < end; q++)
		if (q->answer.sought)
			zone_warm_content(q->answer.sought);
}

const struct ahead_question *ahead_get(const struct ahead *a, unsigned i)
{
	return i < a->count && a->question[i].known ? &a->question[i] : NULL;
}
