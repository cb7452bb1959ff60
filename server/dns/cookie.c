/* cookie.c: see cookie.h. */
#include "server/dns/cookie.h"

#include <string.h>

#include "lib/buf.h"

enum {
	VERSION = 1,
	VERSION_AT = 8,
	RESERVED_AT = 9,
	TIME_AT = 12,
	HASH_AT = 16,
	ADDRESS_MAX = 16,
	AGE_MAX = 3600, /* seconds; these three: RFC 9018 §4.3 */
	FUTURE_MAX = 300,
	YOUNG_MAX = 1800
};

/* The hash of what stands before it in the cookie. */
static void hash(uint8_t out[SIPHASH_LEN], const uint8_t secret[COOKIE_SECRET_LEN], const uint8_t *cookie,
		 const struct addr *from)
{
	uint8_t text[HASH_AT + ADDRESS_MAX];
	size_t len = HASH_AT;
	memcpy(text, cookie, HASH_AT);
	if (from->u.sa.sa_family == AF_INET) {
		memcpy(text + len, &from->u.in.sin_addr, sizeof from->u.in.sin_addr);
		len += sizeof from->u.in.sin_addr;
	} else {
		memcpy(text + len, &from->u.in6.sin6_addr, sizeof from->u.in6.sin6_addr);
		len += sizeof from->u.in6.sin6_addr;
	}
	siphash_24(out, secret, text, len);
}

/* In a time that does not tell how many octets are right. */
static bool same_hash(const uint8_t *a, const uint8_t *b)
{
	uint8_t different = 0;
	for (unsigned i = 0; i < SIPHASH_LEN; i++)
		different |= a[i] ^ b[i];
	return !different;
}

/* Which secret made it; `count` when none did. */
static unsigned maker(const struct cookie_secrets *s, const uint8_t *cookie, const struct addr *from)
{
	uint8_t right[SIPHASH_LEN];
	unsigned i;
	for (i = 0; i < s->count; i++) {
		hash(right, s->secret[i], cookie, from);
		if (same_hash(right, cookie + HASH_AT))
			break;
	}
	return i;
}

static void make(uint8_t out[COOKIE_LEN], const uint8_t secret[COOKIE_SECRET_LEN], const uint8_t *client,
		 const struct addr *from, uint32_t now)
{
	memcpy(out, client, COOKIE_CLIENT_LEN);
	out[VERSION_AT] = VERSION;
	memset(out + RESERVED_AT, 0, TIME_AT - RESERVED_AT);
	buf_store_u32(out + TIME_AT, now);
	hash(out + HASH_AT, secret, out, from);
}

enum cookie_state cookie_answer(const struct cookie_secrets *s, const uint8_t *cookie, size_t len,
				const struct addr *from, uint64_t now, uint8_t out[COOKIE_LEN])
{
	enum cookie_state state = len == COOKIE_CLIENT_LEN ? COOKIE_CLIENT : COOKIE_INVALID;
	uint32_t second = (uint32_t)now;
	if (len != COOKIE_LEN || cookie[VERSION_AT] != VERSION)
		goto renew;
	/* The 32 bits go round in 2106: serial arithmetic (RFC 1982). */
	int32_t age = (int32_t)(second - buf_load_u32(cookie + TIME_AT));
	if (age > AGE_MAX || age < -FUTURE_MAX)
		goto renew;
	unsigned by = maker(s, cookie, from);
	if (by == s->count)
		goto renew;
	state = COOKIE_VALID;
	if (by > 0 || age > YOUNG_MAX)
		goto renew;
	memcpy(out, cookie, COOKIE_LEN);
	return state;

renew:
	make(out, s->secret[0], cookie, from, second);
	return state;
}
