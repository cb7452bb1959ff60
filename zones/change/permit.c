/* permit.c: see permit.h. A bucket holds one number, the time at which it will be full again (the generic cell rate
 * algorithm, ITU-T I.371): an update moves it on by the time that one token takes to come, and is refused while it is
 * further ahead than all but one of the tokens that a full bucket has take. An empty cell is a full bucket. */
#include "zones/change/permit.h"

#include <stdlib.h>
#include <sys/random.h>

#include "lib/siphash.h"
#include "zones/change/update_internal.h"

enum {
	SETS = 1024, /* a power of two; with 8 ways and 24 octets each, 192 KiB */
	WAYS = 8,
	V4_BITS = 32, /* of a source that stand for it: */
	V6_BITS = 64  /* a host has a /64 to choose addresses from */
};
/* Times are in microseconds: a million tokens of a month each, the most that a bucket holds, still fit. */
static const uint64_t us_per_second = 1000000, ns_per_us = 1000;

struct bucket {
	uint64_t id;    /* 0: free */
	uint64_t full;  /* at that time */
	uint64_t drawn; /* by which update last */
};

struct permit {
	uint8_t key[SIPHASH_KEY_LEN]; /* requesters choose names: they must not choose which buckets collide */
	uint64_t updates;             /* number of the one at hand */
	struct bucket bucket[SETS][WAYS];
};

enum err permit_new(struct permit **out)
{
	struct permit *p = calloc(1, sizeof(*p));
	*out = p;
	if (!p)
		return ERR_NOMEM;
	return getrandom(p->key, sizeof(p->key), 0) == (ssize_t)sizeof(p->key) ? ERR_OK : ERR_IO;
}

void permit_free(struct permit *p)
{
	free(p);
}

/* ---- buckets ---- */

enum { OF_IDENTITY, OF_SOURCE, OF_NAME };

static uint64_t bucket_id(const struct permit *p, int64_t grant, uint8_t kind, const uint8_t *octets, size_t len)
{
	uint8_t data[8 + 1 + NAME_WIRE_MAX], hash[SIPHASH_LEN];
	uint64_t id;
	buf_store_u32(data, (uint32_t)((uint64_t)grant >> 32));
	buf_store_u32(data + 4, (uint32_t)grant);
	data[8] = kind;
	name_lower(data + 9, octets, len);
	siphash_24(hash, p->key, data, 9 + len);
	memcpy(&id, hash, sizeof(id));
	return id | 1;
}

static uint64_t identity_bucket(const struct permit *p, const struct update *u, int64_t grant)
{
	const uint8_t *identity = u->rights.identity;
	struct addr_prefix network = {.bits = 0};
	if (identity)
		return bucket_id(p, grant, OF_IDENTITY, identity, name_len(identity));
	if (u->who.from)
		addr_network(&network, u->who.from, V4_BITS, V6_BITS);
	return bucket_id(p, grant, OF_SOURCE, network.octets, sizeof(network.octets));
}

static struct bucket *find_bucket(struct permit *p, uint64_t id)
{
	struct bucket *set = p->bucket[(id >> 1) & (SETS - 1)];
	for (unsigned i = 0; i < WAYS; i++)
		if (set[i].id == id)
			return &set[i];
	return NULL;
}

static struct bucket *make_bucket(struct permit *p, uint64_t id)
{
	struct bucket *set = p->bucket[(id >> 1) & (SETS - 1)], *least = set;
	for (unsigned i = 1; i < WAYS; i++)
		if (set[i].full < least->full)
			least = &set[i];
	*least = (struct bucket){.id = id};
	return least;
}

static uint64_t token_us(const struct access_rate *rate)
{
	return rate->seconds * us_per_second / rate->count;
}

/* How long until the bucket has a token: 0 when it has one. */
static uint64_t wait_us(struct permit *p, uint64_t id, const struct access_rate *rate, uint64_t now)
{
	const struct bucket *b = find_bucket(p, id);
	uint64_t slack = (rate->burst - 1) * token_us(rate);
	return !b || b->full <= now + slack ? 0 : b->full - now - slack;
}

/* An update draws once on each bucket, however many of its records meet there. */
static void draw(struct permit *p, uint64_t id, const struct access_rate *rate, uint64_t now)
{
	struct bucket *b = find_bucket(p, id);
	if (!b)
		b = make_bucket(p, id);
	if (b->drawn == p->updates)
		return;
	b->drawn = p->updates;
	b->full = (b->full > now ? b->full : now) + token_us(rate);
}

/* ---- rates ---- */

static enum rcode refuse(struct update *u, const char *hint)
{
	u->hint = hint;
	return RCODE_REFUSED;
}

static enum rcode too_fast(struct update *u, const struct access_limits *l, const struct access_rate *rate,
			   const uint8_t *owner, uint64_t wait, struct errmsg *why)
{
	char name[NAME_TEXT_MAX], text[ACCESS_RATE_TEXT_MAX];
	errmsg_set(why, ERR_REFUSED, "grant %lld: more than %s updates %s%s; the next is taken in %llu s",
		   (long long)l->grant, access_rate_to_text(rate, text),
		   owner                ? "at "
		   : u->rights.identity ? "by this key"
					: "from this source",
		   owner ? name_to_text(owner, name) : "", (unsigned long long)(wait / us_per_second + 1));
	u->too_fast = true;
	return refuse(u, "too many updates; try again later");
}

/* The two buckets of a record; NULL rates: that of the record before is the same. */
static enum rcode check_rates(struct permit *p, struct update *u, const struct update_item *item, uint64_t now,
			      struct errmsg *why)
{
	const struct access_limits *l = item->limits;
	const uint8_t *owner = item->rr.owner;
	uint64_t wait = l->rate.count ? wait_us(p, identity_bucket(p, u, l->grant), &l->rate, now) : 0;
	if (wait)
		return too_fast(u, l, &l->rate, NULL, wait, why);
	if (l->name_rate.count)
		wait = wait_us(p, bucket_id(p, l->grant, OF_NAME, owner, name_len(owner)), &l->name_rate, now);
	return wait ? too_fast(u, l, &l->name_rate, owner, wait, why) : RCODE_NOERROR;
}

static void draw_rates(struct permit *p, const struct update *u, const struct update_item *item, uint64_t now)
{
	const struct access_limits *l = item->limits;
	const uint8_t *owner = item->rr.owner;
	if (l->rate.count)
		draw(p, identity_bucket(p, u, l->grant), &l->rate, now);
	if (l->name_rate.count)
		draw(p, bucket_id(p, l->grant, OF_NAME, owner, name_len(owner)), &l->name_rate, now);
}

enum rcode permit_rates(struct permit *p, struct update *u, uint64_t now, struct errmsg *why)
{
	const struct update_list *l = &u->updates;
	enum rcode rcode = RCODE_NOERROR;
	if (u->charged)
		return rcode;
	now /= ns_per_us;
	for (size_t i = 0; rcode == RCODE_NOERROR && i < l->count; i++)
		if (l->item[i].limits)
			rcode = check_rates(p, u, &l->item[i], now, why);
	if (rcode != RCODE_NOERROR)
		return rcode;
	p->updates++;
	for (size_t i = 0; i < l->count; i++)
		if (l->item[i].limits)
			draw_rates(p, u, &l->item[i], now);
	u->charged = true;
	return rcode;
}

/* ---- records ---- */

static uint32_t count_covered(const struct content *c, const struct access_limits *l)
{
	uint32_t n = 0;
	for (unsigned i = 0; c && i < c->sets; i++) {
		uint16_t type = c->set[i].type;
		if (type != TYPE_SOA && !rr_type_is_dnssec_denial_or_sig(type) && access_limits_cover(l, type))
			n += c->set[i].count;
	}
	return n;
}

enum rcode permit_records(struct update *u, const struct edit *e, struct errmsg *why)
{
	char name[NAME_TEXT_MAX];
	for (size_t i = 0; i < u->updates.count; i++) {
		const struct update_item *item = &u->updates.item[i];
		const struct access_limits *l = item->limits;
		if (!l || !l->max_records || item->rr.class != CLASS_IN)
			continue;
		uint32_t n = count_covered(edit_find(e, item->rr.owner), l);
		if (n <= l->max_records)
			continue;
		errmsg_set(why, ERR_REFUSED, "grant %lld: there would be %u records at %s, and it lets be %u",
			   (long long)l->grant, n, name_to_text(item->rr.owner, name), l->max_records);
		return refuse(u, "too many records at the name");
	}
	return RCODE_NOERROR;
}
