/* warm.c: see warm.h. */
#include "server/dns/warm.h"

#include <stdlib.h>

#include "lib/message.h"

/* Names from which on their nodes and contents (about 150 octets each) outgrow a second-level cache of a megabyte. */
enum { WARM_NAMES = 8192 };

struct warm {
	unsigned count;
	const struct zone *zone[WARM_GROUP];
	const struct node *node[WARM_GROUP];
	struct qname q[WARM_GROUP];
};

enum err warm_new(struct warm **out)
{
	*out = calloc(1, sizeof **out);
	return *out ? ERR_OK : ERR_NOMEM;
}

void warm_free(struct warm *w)
{
	free(w);
}

bool warm_pays(void)
{
	return zone_names_total() >= WARM_NAMES;
}

/* The question's name, if this looks like a query and the name is whole and uncompressed, as nearly all are. */
static const uint8_t *question(const uint8_t *wire, size_t len)
{
	size_t at = MESSAGE_HEADER_LEN;

	if (len < MESSAGE_HEADER_LEN || (buf_load_u16(wire + 2) & (FLAG_QR | FLAG_OPCODE_MASK)))
		return NULL;
	while (at < len && wire[at] && wire[at] <= NAME_LABEL_MAX)
		at += wire[at] + 1U;
	return at < len && !wire[at] && at < MESSAGE_HEADER_LEN + NAME_WIRE_MAX ? wire + MESSAGE_HEADER_LEN : NULL;
}

void warm_add(struct warm *w, const struct directory *d, const uint8_t *wire, size_t len)
{
	const uint8_t *name = question(wire, len);

	if (!name || w->count == WARM_GROUP)
		return;
	qname_set(&w->q[w->count], name);
	directory_warm_slots(d, &w->q[w->count++]);
}

void warm_run(struct warm *w, const struct directory *d)
{
	unsigned n = w->count;
	unsigned label;

	for (unsigned i = 0; i < n; i++)
		directory_warm_zones(d, &w->q[i]);
	for (unsigned i = 0; i < n; i++) {
		w->zone[i] = directory_find(d, &w->q[i], 0, &label);
		if (w->zone[i])
			zone_warm_slot(w->zone[i], &w->q[i]);
	}
	for (unsigned i = 0; i < n; i++)
		w->node[i] = w->zone[i] ? zone_warm_node(w->zone[i], &w->q[i]) : NULL;
	for (unsigned i = 0; i < n; i++)
		if (w->node[i])
			zone_warm_content(w->node[i]);
	w->count = 0;
}
