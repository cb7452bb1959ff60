/* tsig.h: transaction signatures (RFC 8945): the arithmetic, without any idea of where keys are kept.
 *
 * The digest of a signed message (§4.3): [ request MAC, with its length ] [ message without TSIG, ARCOUNT less one,
 * original ID ] [ TSIG variables ]. In a stream of answers (§5.3.1) the second and later messages digest the previous
 * MAC, the message(s), and only time and fudge ("timers").
 *
 * Threads: a struct tsig_key is immutable once made and may be used by any number of threads; everything else belongs
 * to one. */
#ifndef ROOST_LIB_TSIG_H
#define ROOST_LIB_TSIG_H

#include "lib/message.h"

enum tsig_algorithm {
	TSIG_NONE = 0,
	TSIG_HMAC_MD5,
	TSIG_HMAC_SHA1,
	TSIG_HMAC_SHA224,
	TSIG_HMAC_SHA256,
	TSIG_HMAC_SHA384,
	TSIG_HMAC_SHA512
};

enum {
	TSIG_MAC_MAX = 64,     /* octets, SHA-512 */
	TSIG_SECRET_MAX = 512, /* octets we accept for a secret */
	TSIG_FUDGE = 300,      /* seconds, RFC 8945 §10 */
	TSIG_RDATA_FIXED = 16, /* time 6, fudge 2, MAC size 2, original ID 2, error 2, other len 2 */
};

struct tsig_key; /* opaque: name, algorithm, secret, prepared HMAC state */

MUST_USE enum err tsig_key_new(struct tsig_key **out, const uint8_t *name, enum tsig_algorithm alg,
			       const uint8_t *secret, size_t secret_len);
void tsig_key_free(struct tsig_key *key);                 /* wipes the secret; NULL is fine */
const uint8_t *tsig_key_name(const struct tsig_key *key); /* lower-case wire */
enum tsig_algorithm tsig_key_algorithm(const struct tsig_key *key);

/* "hmac-sha256" and the like, with or without the final dot, any case; also hmac-md5 and hmac-md5.sig-alg.reg.int.
 * TSIG_NONE if unknown. */
enum tsig_algorithm tsig_algorithm_from_text(const char *text);
const char *tsig_algorithm_to_text(enum tsig_algorithm alg);
enum tsig_algorithm tsig_algorithm_from_name(const uint8_t *wire);
const uint8_t *tsig_algorithm_name(enum tsig_algorithm alg); /* wire */
size_t tsig_mac_len(enum tsig_algorithm alg);

/* A TSIG record as it came (RFC 8945 §4.2). Pointers go into the message. */
struct tsig_rr {
	struct name key_name; /* lower-case */
	struct name alg_name; /* lower-case */
	uint64_t time;        /* seconds since 1970, 48 bits */
	uint16_t fudge;       /* seconds */
	uint16_t mac_len;
	const uint8_t *mac;
	uint16_t original_id;
	uint16_t error;
	uint16_t other_len;
	const uint8_t *other;
};

/* Reads the record at m->tsig_at. ERR_FORMAT: class not ANY, TTL not 0, lengths that do not add up (§5.2: FORMERR). */
MUST_USE enum err tsig_parse(struct tsig_rr *t, const struct message *m);

/* How a signature was found; the values other than TSIG_OK are what an error answer must say. */
enum tsig_status {
	TSIG_OK = 0,
	TSIG_BADKEY,   /* unknown key or algorithm other than the key's: unsigned NOTAUTH (§5.2.1) */
	TSIG_BADSIG,   /* MAC wrong: unsigned NOTAUTH (§5.2.2) */
	TSIG_BADTIME,  /* time outside fudge: signed NOTAUTH, other data = our time (§5.2.3) */
	TSIG_BADTRUNC, /* MAC shorter than we take: signed NOTAUTH (§5.2.2.1) */
	TSIG_FORMERR   /* MAC longer than the algorithm's or shorter than §5.2.2.1 allows: FORMERR */
};

/* Checks a request. Order of §5.2: key, MAC, time, truncation policy. `now` in seconds since 1970. key NULL:
 * TSIG_BADKEY. min_mac: octets of MAC we insist on (0: whole). */
enum tsig_status tsig_verify_request(const struct message *m, const struct tsig_rr *t, const struct tsig_key *key,
				     uint64_t now, size_t min_mac);

/* What an answer needs to remember of its request; plain data, may be copied and kept while a job waits for its
 * commit. */
struct tsig_context {
	const struct tsig_key *key; /* NULL: answer with an unsigned TSIG (BADKEY, BADSIG) or none at all */
	bool present;               /* the request carried TSIG */
	enum tsig_status status;
	struct name key_name; /* as the answer repeats it */
	struct name alg_name;
	uint16_t mac_len; /* the request's MAC, for the digest */
	uint8_t mac[TSIG_MAC_MAX];
	uint64_t request_time; /* BADTIME answers repeat the client's time (§5.2.3) */
	uint16_t fudge;
	uint16_t original_id;
	uint64_t now;        /* server time used in the check */
	bool stream_started; /* a first message of a stream was signed: `mac` now is the previous answer's MAC */
};
void tsig_context_set(struct tsig_context *c, const struct tsig_rr *t, const struct tsig_key *key,
		      enum tsig_status status, uint64_t now);

/* Octets that signing will add to an answer: reserve them in the writer first. 0 if !present. */
size_t tsig_answer_room(const struct tsig_context *c);

/* Appends the TSIG record to a finished message of *len octets in buf (capacity cap) and counts it in ARCOUNT.
 * Follows c->status: OK and BADTRUNC signed, BADTIME signed with the time as other data, BADKEY/BADSIG with an empty
 * MAC. `now` seconds since 1970. */
MUST_USE enum err tsig_sign_answer(struct tsig_context *c, uint8_t *buf, size_t *len, size_t cap, uint64_t now);

/* The next message of a multi-message answer (a transfer): the first call is as tsig_sign_answer, later ones digest
 * the previous MAC and timers only (§5.3.1). We sign every message. */
MUST_USE enum err tsig_sign_stream(struct tsig_context *c, uint8_t *buf, size_t *len, size_t cap, uint64_t now);

/* Client side: signs a request (NOTIFY, SOA, IXFR, UPDATE) and keeps in c what the answer's check needs. */
MUST_USE enum err tsig_sign_request(struct tsig_context *c, const struct tsig_key *key, uint8_t *buf, size_t *len,
				    size_t cap, uint64_t now);

/* Checks an answer to a request that tsig_sign_request signed. */
enum tsig_status tsig_verify_answer(struct tsig_context *c, const struct message *m, uint64_t now);

/* Checks the messages of a transfer one after the other. Between signed ones there may be up to TSIG_UNSIGNED_MAX
 * without TSIG (§5.3.1): they pass as TSIG_OK for the time being, and the next signature covers them. So nothing may
 * be believed before a message after which tsig_stream_settled is true. */
enum { TSIG_UNSIGNED_MAX = 99 };
struct tsig_stream;
/* c: as tsig_sign_request left it; copied. Its key must live as long. */
MUST_USE enum err tsig_stream_new(struct tsig_stream **out, const struct tsig_context *c);
void tsig_stream_free(struct tsig_stream *s); /* NULL is fine */
enum tsig_status tsig_stream_verify(struct tsig_stream *s, const struct message *m, uint64_t now);
bool tsig_stream_settled(const struct tsig_stream *s);

#endif
