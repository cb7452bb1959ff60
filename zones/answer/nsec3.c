/* nsec3.c: see nsec3.h. */
#include "zones/answer/nsec3.h"

#include <pthread.h>

#include <openssl/evp.h>

enum {
	PARAM_HEAD = 5, /* octets before the salt: algorithm, flags, iterations, salt length (RFC 5155 §3.2, §4.2) */
	BASE32_BITS = 5
};

bool nsec3_param_read(struct nsec3_param *p, const uint8_t *rdata, size_t rdlen)
{
	if (rdlen < PARAM_HEAD || rdata[0] != NSEC3_SHA1 || rdlen < (size_t)PARAM_HEAD + rdata[4])
		return false;
	*p = (struct nsec3_param){
		.iterations = buf_load_u16(rdata + 2), .salt_len = rdata[4], .salt = rdata + PARAM_HEAD};
	return true;
}

/* ---- a digest state for each thread ---- */

static pthread_once_t once = PTHREAD_ONCE_INIT;
static pthread_key_t state_key;
static bool state_key_made;
static _Thread_local EVP_MD_CTX *state;

static void free_state(void *ctx)
{
	EVP_MD_CTX_free(ctx);
}

static void make_key(void)
{
	state_key_made = pthread_key_create(&state_key, free_state) == 0;
}

static enum err get_state(void)
{
	if (state)
		return ERR_OK;
	pthread_once(&once, make_key);
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	if (!ctx || !state_key_made || pthread_setspecific(state_key, ctx)) {
		EVP_MD_CTX_free(ctx);
		return ERR_NOMEM;
	}
	if (EVP_DigestInit_ex2(ctx, EVP_sha1(), NULL) != 1) {
		pthread_setspecific(state_key, NULL);
		EVP_MD_CTX_free(ctx);
		return ERR_CRYPTO;
	}
	state = ctx;
	return ERR_OK;
}

/* ---- hashing ---- */

/* IH(salt, x, 0) = H(x | salt);  IH(salt, x, k) = H(IH(salt, x, k - 1) | salt)       (RFC 5155 §5) */
enum err nsec3_hash(uint8_t hash[NSEC3_HASH_LEN], const struct nsec3_param *p, const uint8_t *name, size_t len)
{
	if (p->iterations > NSEC3_ITERATIONS_MAX)
		return ERR_RANGE;
	enum err e = get_state();
	if (e)
		return e;
	for (unsigned i = 0; i <= p->iterations; i++) {
		/* The state keeps its algorithm: no look-up and no allocation from the second time on. */
		if (EVP_DigestInit_ex2(state, NULL, NULL) != 1 ||
		    EVP_DigestUpdate(state, i ? hash : name, i ? (size_t)NSEC3_HASH_LEN : len) != 1 ||
		    EVP_DigestUpdate(state, p->salt, p->salt_len) != 1 || EVP_DigestFinal_ex(state, hash, NULL) != 1)
			return ERR_CRYPTO;
	}
	return ERR_OK;
}

void nsec3_label(uint8_t label[NSEC3_LABEL_LEN], const uint8_t hash[NSEC3_HASH_LEN])
{
	static const char digits[] = "0123456789abcdefghijklmnopqrstuv";
	unsigned bits = 0, have = 0;
	uint8_t *out = label;

	*out++ = NSEC3_LABEL_LEN - 1;
	for (unsigned i = 0; i < NSEC3_HASH_LEN; i++) {
		bits = bits << 8 | hash[i];
		for (have += 8; have >= BASE32_BITS; have -= BASE32_BITS)
			*out++ = (uint8_t)digits[bits >> (have - BASE32_BITS) & 31];
	}
}
