/* change.c: see change.h. */
#include "server/http/change.h"

#include <string.h>

static bool has(const struct change_set *set, const uint8_t *rdata)
{
	for (unsigned i = 0; i < set->count; i++)
		if (memcmp(set->rdata[i], rdata, set->rdlen) == 0)
			return true;
	return false;
}

static void add(struct change_set *set, const uint8_t *rdata)
{
	if (set->count < WISH_ADDRESSES_MAX && !has(set, rdata))
		memcpy(set->rdata[set->count++], rdata, set->rdlen);
}

static void add_wished(struct change_set *set, const struct wish_family *wish)
{
	for (unsigned i = 0; i < wish->count; i++) {
		const struct addr *a = &wish->address[i];
		add(set, a->u.sa.sa_family == AF_INET ? (const uint8_t *)&a->u.in.sin_addr
						      : (const uint8_t *)&a->u.in6.sin6_addr);
	}
}

/* The prefix's bits, then the address's. */
static void move(uint8_t *address, size_t len, const struct addr_prefix *prefix)
{
	size_t skip = sizeof prefix->octets - len, bits = prefix->bits - 8 * skip;
	for (size_t i = 0; i < len; i++) {
		size_t kept = bits > 8 * i ? bits - 8 * i : 0;
		uint8_t mask = (uint8_t)(kept >= 8 ? 0xff : 0xff << (8 - kept));
		address[i] = (uint8_t)((prefix->octets[skip + i] & mask) | (address[i] & (uint8_t)~mask));
	}
}

bool change_family(struct change_set *out, const struct content *now, const struct wish_family *wish, uint16_t type)
{
	const struct rrset *there = content_find(now, type);
	struct content_rr rr;
	size_t at = 0;
	unsigned same = 0;
	memset(out, 0, sizeof *out);
	out->type = type;
	out->rdlen = type == TYPE_A ? 4 : 16;
	out->ttl = there ? content_ttl(now, there) : CHANGE_TTL;
	if (wish->kind == WISH_KEEP)
		return false;
	if (wish->kind == WISH_SET)
		add_wished(out, wish);
	while (there && wish->kind == WISH_MOVE && content_next(content_block(now, there), there->len, &at, &rr)) {
		uint8_t moved[16];
		/* A host with more addresses than that is not one that moves. */
		if (there->count > WISH_ADDRESSES_MAX)
			return false;
		memcpy(moved, rr.rdata, out->rdlen);
		move(moved, out->rdlen, &wish->prefix);
		add(out, moved);
	}
	at = 0;
	while (there && content_next(content_block(now, there), there->len, &at, &rr))
		same += has(out, rr.rdata);
	return out->count != (there ? there->count : 0) || same != out->count;
}

enum err change_push(struct update *u, const uint8_t *owner, const struct change_set *set)
{
	enum err e = update_push(u, SECTION_UPDATE, owner, set->type, CLASS_ANY, 0, NULL, 0);
	for (unsigned i = 0; i < set->count && !e; i++)
		e = update_push(u, SECTION_UPDATE, owner, set->type, CLASS_IN, set->ttl, set->rdata[i], set->rdlen);
	return e;
}
