/* options.c: see options.h. */
#include "server/dns/options.h"

#include <assert.h>
#include <string.h>

enum {
	CODE_LEASE = 2,
	CODE_NSID = 3,
	CODE_EXPIRE = 9,
	CODE_COOKIE = 10,
	CODE_KEEPALIVE = 11,
	CODE_ERROR = 15,
	CODE_ZONEVERSION = 19,
	HEADER_LEN = 4, /* code, length */
	LEASE_LEN = 4,  /* of either */
	EXPIRE_LEN = 4,
	KEEPALIVE_LEN = 2,
	KEEPALIVE_UNIT_MS = 100,
	ERROR_LEN = 2,       /* without text */
	ERROR_TEXT_MAX = 48, /* octets of ours */
	ZONEVERSION_LEN = 6, /* labels 1, type 1, serial 4 */
	VERSION_SOA_SERIAL = 0
};

_Static_assert(7 * HEADER_LEN + 2 * LEASE_LEN + OPTIONS_NSID_MAX + EXPIRE_LEN + COOKIE_LEN + KEEPALIVE_LEN + ERROR_LEN +
			       ERROR_TEXT_MAX + ZONEVERSION_LEN <=
		       OPTIONS_MAX,
	       "all options of an answer fit");

/* ---- the request's ---- */

/* RFC 7873 §5.2.2: the client's alone, or with a server cookie of 8 to 32 octets. */
static enum err take_cookie(struct options *o, const uint8_t *data, size_t len)
{
	if (len != COOKIE_CLIENT_LEN && (len < COOKIE_CLIENT_LEN + COOKIE_SERVER_MIN || len > COOKIE_OPTION_MAX))
		return ERR_FORMAT;
	if (o->asked & OPTION_COOKIE)
		return ERR_OK;
	o->asked |= OPTION_COOKIE;
	o->cookie_len = (uint8_t)len;
	memcpy(o->cookie, data, len);
	return ERR_OK;
}

/* RFC 9664 §4: one interval for all, or a second one for KEY records. */
static enum err take_lease(struct options *o, const uint8_t *data, size_t len)
{
	if (len != LEASE_LEN && len != 2 * LEASE_LEN)
		return ERR_FORMAT;
	if (o->asked & OPTION_LEASE)
		return ERR_OK;
	o->asked |= OPTION_LEASE;
	o->key_leased = len == 2 * LEASE_LEN;
	o->lease = buf_load_u32(data);
	o->key_lease = o->key_leased ? buf_load_u32(data + LEASE_LEN) : o->lease;
	return ERR_OK;
}

static enum option known(unsigned code)
{
	switch (code) {
	case CODE_LEASE:
		return OPTION_LEASE;
	case CODE_NSID:
		return OPTION_NSID;
	case CODE_EXPIRE:
		return OPTION_EXPIRE;
	case CODE_COOKIE:
		return OPTION_COOKIE;
	case CODE_KEEPALIVE:
		return OPTION_KEEPALIVE;
	case CODE_ZONEVERSION:
		return OPTION_ZONEVERSION;
	default:
		return OPTION_NONE;
	}
}

static enum err take(struct options *o, enum option what, const uint8_t *data, size_t len)
{
	if (what == OPTION_COOKIE)
		return take_cookie(o, data, len);
	if (what == OPTION_LEASE)
		return take_lease(o, data, len);
	o->asked = (uint8_t)(o->asked | (unsigned)what);
	/* Requests have them empty. RFC 5001 §2.2 wants octets in an NSID ignored, the peers do so with EXPIRE and
	 * tcp-keepalive as well; in ZONEVERSION they are an error. */
	return what == OPTION_ZONEVERSION && len ? ERR_FORMAT : ERR_OK;
}

enum err options_parse(struct options *o, const struct edns *e, unsigned ignore)
{
	struct rbuf in = buf_reader(e->opt, e->opt_len);
	options_clear(o);
	while (buf_left(&in)) {
		enum option what = known(buf_get_u16(&in));
		size_t len = buf_get_u16(&in);
		const uint8_t *data = buf_get(&in, len);
		if (!data || (what && !(what & ignore) && take(o, what, data, len)))
			return ERR_FORMAT;
	}
	return ERR_OK;
}

/* ---- the answer's ---- */

/* True if it is to be answered. */
static bool give(struct options *o, enum option what)
{
	o->given = (uint8_t)(o->given | (o->asked & (unsigned)what));
	return (o->asked & (unsigned)what) != 0;
}

void options_give_nsid(struct options *o, const char *text)
{
	assert(strlen(text) <= OPTIONS_NSID_MAX);
	if (give(o, OPTION_NSID))
		o->nsid = text;
}

void options_give_cookie(struct options *o, const uint8_t cookie[COOKIE_LEN])
{
	if (give(o, OPTION_COOKIE))
		memcpy(o->cookie, cookie, COOKIE_LEN);
}

void options_give_keepalive(struct options *o, unsigned ms)
{
	unsigned units = ms / KEEPALIVE_UNIT_MS;
	if (give(o, OPTION_KEEPALIVE))
		o->keepalive = units < UINT16_MAX ? (uint16_t)units : UINT16_MAX;
}

void options_give_expire(struct options *o, uint32_t seconds)
{
	if (give(o, OPTION_EXPIRE))
		o->expire = seconds;
}

void options_give_version(struct options *o, unsigned labels, uint32_t serial)
{
	if (!give(o, OPTION_ZONEVERSION))
		return;
	o->labels = (uint8_t)labels;
	o->serial = serial;
}

void options_give_lease(struct options *o, uint32_t lease, uint32_t key_lease)
{
	if (!give(o, OPTION_LEASE))
		return;
	o->lease = lease;
	o->key_lease = key_lease;
}

void options_give_error(struct options *o, enum ede code, const char *text)
{
	assert(!text || strlen(text) <= ERROR_TEXT_MAX);
	o->given |= OPTION_ERROR;
	o->error = (uint16_t)code;
	o->error_text = text;
}

size_t options_room(const struct options *o)
{
	size_t room = 0;
	if (!o->asked)
		return 0;
	if (o->asked & OPTION_LEASE)
		room += HEADER_LEN + 2 * LEASE_LEN;
	if (o->asked & OPTION_NSID)
		room += HEADER_LEN + (o->given & OPTION_NSID ? strlen(o->nsid) : 0);
	if (o->asked & OPTION_EXPIRE)
		room += HEADER_LEN + EXPIRE_LEN;
	if (o->asked & OPTION_COOKIE)
		room += HEADER_LEN + COOKIE_LEN;
	if (o->asked & OPTION_KEEPALIVE)
		room += HEADER_LEN + KEEPALIVE_LEN;
	if (o->asked & OPTION_ZONEVERSION)
		room += HEADER_LEN + ZONEVERSION_LEN;
	return room;
}

/* The header; NULL when the whole does not fit. */
static uint8_t *begin(struct wbuf *out, unsigned code, size_t len)
{
	if (out->cap - out->len < HEADER_LEN + len)
		return NULL;
	uint8_t *p = buf_room(out, HEADER_LEN + len);
	buf_store_u16(p, (uint16_t)code);
	buf_store_u16(p + 2, (uint16_t)len);
	return p + HEADER_LEN;
}

static void put_error(const struct options *o, struct wbuf *out)
{
	size_t len = o->error_text ? strlen(o->error_text) : 0;
	uint8_t *p = begin(out, CODE_ERROR, ERROR_LEN + len);
	/* The code says most of it. */
	if (!p && len)
		p = begin(out, CODE_ERROR, ERROR_LEN + (len = 0));
	if (!p)
		return;
	buf_store_u16(p, o->error);
	if (len)
		memcpy(p + ERROR_LEN, o->error_text, len);
}

static void put_zoneversion(const struct options *o, struct wbuf *out)
{
	uint8_t *p = begin(out, CODE_ZONEVERSION, ZONEVERSION_LEN);
	if (!p)
		return;
	p[0] = o->labels;
	p[1] = VERSION_SOA_SERIAL;
	buf_store_u32(p + 2, o->serial);
}

static void put_lease(const struct options *o, struct wbuf *out)
{
	uint8_t *p = begin(out, CODE_LEASE, o->key_leased ? 2 * LEASE_LEN : LEASE_LEN);
	if (!p)
		return;
	buf_store_u32(p, o->lease);
	if (o->key_leased)
		buf_store_u32(p + LEASE_LEN, o->key_lease);
}

/* What matters most comes first. */
size_t options_put(const struct options *o, uint8_t wire[OPTIONS_MAX], size_t room)
{
	struct wbuf out = buf_writer(wire, room < OPTIONS_MAX ? room : OPTIONS_MAX);
	uint8_t *p;
	if ((o->given & OPTION_COOKIE) && (p = begin(&out, CODE_COOKIE, COOKIE_LEN)))
		memcpy(p, o->cookie, COOKIE_LEN);
	if (o->given & OPTION_LEASE)
		put_lease(o, &out);
	if ((o->given & OPTION_KEEPALIVE) && (p = begin(&out, CODE_KEEPALIVE, KEEPALIVE_LEN)))
		buf_store_u16(p, o->keepalive);
	if ((o->given & OPTION_EXPIRE) && (p = begin(&out, CODE_EXPIRE, EXPIRE_LEN)))
		buf_store_u32(p, o->expire);
	if (o->given & OPTION_ZONEVERSION)
		put_zoneversion(o, &out);
	if ((o->given & OPTION_NSID) && (p = begin(&out, CODE_NSID, strlen(o->nsid))))
		memcpy(p, o->nsid, strlen(o->nsid));
	if (o->given & OPTION_ERROR)
		put_error(o, &out);
	return out.len;
}
