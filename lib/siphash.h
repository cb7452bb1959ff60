/* siphash.h: SipHash-2-4 (Aumasson and Bernstein 2012), the keyed hash of DNS cookies (RFC 9018 §4.4): a short
 * message in tens of nanoseconds, which nobody without the key can forge. Threads: pure. */
#ifndef ROOST_LIB_SIPHASH_H
#define ROOST_LIB_SIPHASH_H

#include <stddef.h>
#include <stdint.h>

enum { SIPHASH_KEY_LEN = 16, SIPHASH_LEN = 8 /* octets */ };

/* out is the hash in the octet order of its definition (little-endian). */
void siphash_24(uint8_t out[SIPHASH_LEN], const uint8_t key[SIPHASH_KEY_LEN], const uint8_t *data, size_t len);

#endif
