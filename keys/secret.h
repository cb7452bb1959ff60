/* secret.h: what HTTP clients prove themselves with: tokens that we make, and passwords that people choose.
 *
 *   token     "rt_" and 32 characters of base32 (RFC 4648 §6, lower case): 160 random bits. Stored as its SHA-256:
 *             nobody guesses so many bits, so a slow hash would gain nothing, and one look-up finds it
 *   password  stored as scrypt (RFC 7914) with a salt of its own: 16 MiB and some 40 ms for each guess
 *
 * Neither is ever stored or logged in clear. Comparisons take the same time wherever the difference is. Threads: pure
 * functions. */
#ifndef ROOST_KEYS_SECRET_H
#define ROOST_KEYS_SECRET_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "lib/err.h"

enum {
	SECRET_TOKEN_TEXT = 36,  /* characters of a token, its NUL included */
	SECRET_HASH_LEN = 32,    /* octets */
	SECRET_SALT_LEN = 16,    /* octets */
	SECRET_PASSWORD_MIN = 8, /* octets; NIST SP 800-63B §5.1.1.2 */
	SECRET_PASSWORD_MAX = 128
};

/* Draws a new token. */
MUST_USE enum err secret_make_token(char out[SECRET_TOKEN_TEXT]);
/* Whether text looks like one: others need not be looked up. */
bool secret_is_token(const char *text);
MUST_USE enum err secret_hash_token(uint8_t out[SECRET_HASH_LEN], const char *text);

struct secret_password {
	uint8_t salt[SECRET_SALT_LEN];
	uint8_t hash[SECRET_HASH_LEN];
};
/* ERR_RANGE: too short or too long. */
MUST_USE enum err secret_set_password(struct secret_password *out, const char *text);
/* Takes its time and memory: not on a thread that others wait for. */
bool secret_check_password(const struct secret_password *p, const char *text);

bool secret_equal(const uint8_t *a, const uint8_t *b, size_t len);

#endif
