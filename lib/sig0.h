/* sig0.h: requests signed with a private key, whose public key we know: SIG(0) (RFC 2931), without any idea of where
 * keys are kept.
 *
 * The signature covers (RFC 2931 §3.1), one behind the other:
 *
 *   [ RDATA of the SIG record without the signature ] [ message without that record, ARCOUNT less one ]
 *
 * Public keys have the form of KEY RDATA (RFC 2535 §3.1, RFC 3445): flags 2, protocol 1, algorithm 1, key. Algorithms:
 * RSASHA256 and RSASHA512 (RFC 5702), ECDSAP256SHA256 and ECDSAP384SHA384 (RFC 6605), ED25519 and ED448 (RFC 8080).
 *
 * Verifying costs some 100 µs, a hundred times a TSIG: the caller sees to it that strangers cannot ask for much of it.
 *
 * Threads: a struct sig0_key is immutable once made and may be used by any number of threads. */
#ifndef ROOST_LIB_SIG0_H
#define ROOST_LIB_SIG0_H

#include "lib/message.h"

enum {
	SIG0_KEY_MAX = 640,  /* octets of KEY RDATA: RSA of 4096 bits has 520 */
	SIG0_FIXED_LEN = 18, /* octets of SIG RDATA before the signer's name (RFC 2535 §4.1) */
	SIG0_COVERED_MAX = SIG0_FIXED_LEN + NAME_WIRE_MAX + MESSAGE_MAX,
	SIG0_EARLY_MAX = 300, /* seconds: a client's clock may be so far ahead (RFC 2931 §3.3) */
	SIG0_LATE_MAX = 3600  /* seconds from now that a signature may last: what is captured is of use so long */
};

struct sig0_key;

/* ERR_FORMAT: no such KEY RDATA, or a key that cannot be; ERR_REFUSED: a zone's key, one that may not authenticate, or
 * one of another protocol or algorithm. */
MUST_USE enum err sig0_key_new(struct sig0_key **out, const uint8_t *name, const uint8_t *rdata, size_t len);
void sig0_key_free(struct sig0_key *key);                 /* NULL is fine */
const uint8_t *sig0_key_name(const struct sig0_key *key); /* lower-case wire */

/* A SIG record as it came. The signature stands in the message. */
struct sig0_rr {
	const uint8_t *rdata;
	size_t unsigned_len; /* octets of RDATA before the signature */
	uint8_t algorithm;
	uint32_t expires, begins; /* seconds since 1970, in serial arithmetic */
	uint16_t key_tag;
	struct name signer; /* lower-case */
	const uint8_t *signature;
	size_t signature_len;
};

/* Reads the record at m->sig0_at. ERR_FORMAT. */
MUST_USE enum err sig0_parse(struct sig0_rr *s, const struct message *m);

/* What the signature covers; returns its length. */
size_t sig0_covered(uint8_t out[SIG0_COVERED_MAX], const struct message *m, const struct sig0_rr *s);

enum sig0_status {
	SIG0_OK,
	SIG0_BADKEY,  /* algorithm or key tag is another key's */
	SIG0_BADTIME, /* not yet or no longer valid, or valid for too long */
	SIG0_BADSIG
};

/* What costs little is checked first; `now` in seconds since 1970. */
enum sig0_status sig0_check(const struct sig0_key *key, const struct sig0_rr *s, uint64_t now);
/* After sig0_check: SIG0_OK or SIG0_BADSIG. */
enum sig0_status sig0_verify(const struct sig0_key *key, const struct sig0_rr *s, const uint8_t *covered, size_t len);

#endif
