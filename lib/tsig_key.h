/* tsig_key.h: the inside of a TSIG key that lib/tsig.c needs: the HMAC (RFC 2104). What everybody else needs of a key
 * and of the algorithms is in tsig.h.
 *
 * A key holds the digest states after their first block, K xor ipad and K xor opad; the secret itself is not kept.
 * A MAC works on copies of them, so the secret is never hashed again:
 *
 *   MAC = H( K xor opad, H( K xor ipad, text ) )
 *
 * Measured on OpenSSL 3.0 with SHA-256 and 180 octets of text: copied states 260 ns, EVP_MAC re-initialised 280 ns (but
 * bound to one thread and one key), EVP_MAC duplicated 570 ns.
 *
 * Threads: the key is only read; any number of threads. */
#ifndef ROOST_LIB_TSIG_KEY_H
#define ROOST_LIB_TSIG_KEY_H

#include "lib/tsig.h"

/* A piece of what is authenticated; data may be NULL if len is 0. */
struct tsig_key_piece {
	const void *data;
	size_t len; /* octets */
};

/* The whole MAC, tsig_mac_len octets, of the pieces one after the other. ERR_NOMEM, ERR_CRYPTO: `mac` is undefined. */
MUST_USE enum err tsig_key_mac(const struct tsig_key *key, const struct tsig_key_piece *pieces, size_t count,
			       uint8_t mac[TSIG_MAC_MAX]);

/* The beginning of a text that is not whole yet; wiped when freed (NULL is fine). */
struct tsig_key_sum;
MUST_USE enum err tsig_key_sum_new(struct tsig_key_sum **out, const struct tsig_key *key);
MUST_USE enum err tsig_key_sum_add(struct tsig_key_sum *sum, const void *data, size_t len);
void tsig_key_sum_free(struct tsig_key_sum *sum);

/* As tsig_key_mac, of what was added to sum (which stays as it is) and then the pieces. */
MUST_USE enum err tsig_key_sum_mac(const struct tsig_key_sum *sum, const struct tsig_key *key,
				   const struct tsig_key_piece *pieces, size_t count, uint8_t mac[TSIG_MAC_MAX]);

#endif
