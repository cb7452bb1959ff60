/* cookie.h: DNS cookies (RFC 7873) in the form that all servers of an anycast set understand (RFC 9018 §4):
 *
 *   | client cookie 8 | version 1 | reserved 3 | timestamp 4 | hash 8 |        the last four are the server cookie
 *
 * hash = SipHash-2-4(secret; client cookie, version, reserved, timestamp, client's IP address). Who sends a right one
 * has got an answer from us at that address before: its address is not forged. No state a client. Threads: pure. */
#ifndef ROOST_SERVER_DNS_COOKIE_H
#define ROOST_SERVER_DNS_COOKIE_H

#include "lib/addr.h"
#include "lib/siphash.h"

enum {
	COOKIE_CLIENT_LEN = 8,
	COOKIE_LEN = 24,       /* client's and ours */
	COOKIE_SERVER_MIN = 8, /* octets that another server's may have: RFC 7873 §4 */
	COOKIE_SERVER_MAX = 32,
	COOKIE_OPTION_MAX = COOKIE_CLIENT_LEN + COOKIE_SERVER_MAX,
	COOKIE_SECRET_LEN = SIPHASH_KEY_LEN,
	COOKIE_SECRETS_MAX = 4
};

/* The first makes cookies, all are taken: what a rollover needs (RFC 9018 §5). */
struct cookie_secrets {
	unsigned count; /* >= 1 */
	uint8_t secret[COOKIE_SECRETS_MAX][COOKIE_SECRET_LEN];
};

/* What the client's cookie says of it. */
enum cookie_state {
	COOKIE_NONE,    /* it sent none, or we have none */
	COOKIE_CLIENT,  /* its own alone: it has no answer of ours yet */
	COOKIE_INVALID, /* with a server cookie that is not ours, not for that address, or too old */
	COOKIE_VALID    /* the address is its own */
};

/* Judges the `len` octets of a COOKIE option (8, or 16 to 40) and makes the one for the answer: the same again while
 * it is young, else a new one. now: clock_unix, of which the lower 32 bits count (RFC 9018 §4.3). from: unmapped. */
enum cookie_state cookie_answer(const struct cookie_secrets *s, const uint8_t *cookie, size_t len,
				const struct addr *from, uint64_t now, uint8_t out[COOKIE_LEN]);

#endif
