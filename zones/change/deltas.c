/* deltas.c: see deltas.h. */
#include "zones/change/deltas.h"

#include <stdlib.h>

enum { FIRST_ROOM = 4096, ITEM_HEAD = 9 /* octets before the owner */ };

struct deltas {
	uint8_t *octets;
	size_t len, room;
	size_t count[DELTAS_ADD + 1];
};

enum err deltas_new(struct deltas **out)
{
	*out = calloc(1, sizeof(struct deltas));
	return *out ? ERR_OK : ERR_NOMEM;
}

void deltas_free(struct deltas *d)
{
	if (!d)
		return;
	free(d->octets);
	free(d);
}

static enum err make_room(struct deltas *d, size_t octets)
{
	size_t room = d->room ? d->room : FIRST_ROOM;
	while (room - d->len < octets)
		room *= 2;
	if (room == d->room)
		return ERR_OK;
	uint8_t *grown = realloc(d->octets, room);
	if (!grown)
		return ERR_NOMEM;
	d->octets = grown;
	d->room = room;
	return ERR_OK;
}

enum err deltas_add(struct deltas *d, const struct deltas_item *item)
{
	size_t owner_len = name_len(item->owner);
	enum err err = make_room(d, ITEM_HEAD + owner_len + item->rr.rdlen);
	if (err)
		return err;
	struct wbuf w = buf_writer(d->octets, d->room);
	w.len = d->len;
	buf_put_u8(&w, (uint8_t)item->kind);
	buf_put_u16(&w, item->rr.type);
	buf_put_u32(&w, item->rr.ttl);
	buf_put_u16(&w, item->rr.rdlen);
	buf_put(&w, item->owner, owner_len);
	buf_put(&w, item->rr.rdata, item->rr.rdlen);
	d->len = w.len;
	d->count[item->kind]++;
	return ERR_OK;
}

size_t deltas_count(const struct deltas *d, enum deltas_kind kind)
{
	return d->count[kind];
}

bool deltas_next(const struct deltas *d, size_t *at, struct deltas_item *item)
{
	struct rbuf r = buf_reader(d->octets, d->len);
	r.pos = *at;
	if (buf_left(&r) == 0)
		return false;
	item->kind = (enum deltas_kind)buf_get_u8(&r);
	item->rr.type = buf_get_u16(&r);
	item->rr.ttl = buf_get_u32(&r);
	item->rr.rdlen = buf_get_u16(&r);
	item->owner = d->octets + r.pos;
	(void)buf_get(&r, name_len(item->owner));
	item->rr.rdata = buf_get(&r, item->rr.rdlen);
	*at = r.pos;
	return true;
}
