/* tsig_key.c: the algorithms of RFC 8945 §6 and the HMAC of a key. Contract: tsig.h and tsig_key.h. */
#include "lib/tsig_key.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <stdlib.h>
#include <strings.h>

enum {
	BLOCK_MAX = 128,  /* octets, the block of SHA-384 and SHA-512 */
	INNER_PAD = 0x36, /* RFC 2104 §2 */
	OUTER_PAD = 0x5c
};

struct algorithm {
	const char *text;    /* as configuration and people write it */
	const char *alias;   /* another spelling, or NULL */
	const uint8_t *wire; /* lower-case */
	const char *digest;  /* OpenSSL's name */
	size_t mac_len;      /* octets */
};

#define WIRE(s) ((const uint8_t *)(s))

static const struct algorithm algorithms[] = {
	[TSIG_HMAC_MD5] = {"hmac-md5", "hmac-md5.sig-alg.reg.int", WIRE("\010hmac-md5\007sig-alg\003reg\003int"), "MD5",
			   16},
	[TSIG_HMAC_SHA1] = {"hmac-sha1", NULL, WIRE("\011hmac-sha1"), "SHA1", 20},
	[TSIG_HMAC_SHA224] = {"hmac-sha224", NULL, WIRE("\013hmac-sha224"), "SHA224", 28},
	[TSIG_HMAC_SHA256] = {"hmac-sha256", NULL, WIRE("\013hmac-sha256"), "SHA256", 32},
	[TSIG_HMAC_SHA384] = {"hmac-sha384", NULL, WIRE("\013hmac-sha384"), "SHA384", 48},
	[TSIG_HMAC_SHA512] = {"hmac-sha512", NULL, WIRE("\013hmac-sha512"), "SHA512", TSIG_MAC_MAX},
};

enum { ALGORITHMS_END = sizeof algorithms / sizeof algorithms[0] };

struct tsig_key {
	struct name name; /* lower-case */
	enum tsig_algorithm alg;
	EVP_MD_CTX *inner; /* has digested K xor ipad */
	EVP_MD_CTX *outer; /* has digested K xor opad */
};

static bool known(enum tsig_algorithm alg)
{
	return alg > TSIG_NONE && (unsigned)alg < ALGORITHMS_END;
}

/* `text`, but for a final dot, is `word`. */
static bool says(const char *text, const char *word)
{
	size_t len = strlen(text);

	if (len > 0 && text[len - 1] == '.')
		len--;
	return len == strlen(word) && strncasecmp(text, word, len) == 0;
}

enum tsig_algorithm tsig_algorithm_from_text(const char *text)
{
	for (unsigned i = TSIG_NONE + 1; i < ALGORITHMS_END; i++)
		if (says(text, algorithms[i].text) || (algorithms[i].alias && says(text, algorithms[i].alias)))
			return (enum tsig_algorithm)i;
	return TSIG_NONE;
}

const char *tsig_algorithm_to_text(enum tsig_algorithm alg)
{
	return known(alg) ? algorithms[alg].text : "none";
}

enum tsig_algorithm tsig_algorithm_from_name(const uint8_t *wire)
{
	for (unsigned i = TSIG_NONE + 1; i < ALGORITHMS_END; i++)
		if (name_equal(wire, algorithms[i].wire))
			return (enum tsig_algorithm)i;
	return TSIG_NONE;
}

const uint8_t *tsig_algorithm_name(enum tsig_algorithm alg)
{
	assert(known(alg));
	return algorithms[alg].wire;
}

size_t tsig_mac_len(enum tsig_algorithm alg)
{
	return known(alg) ? algorithms[alg].mac_len : 0;
}

/* The secret as HMAC wants it: a longer one than the block is hashed first (RFC 2104 §2). */
static enum err fit_secret(uint8_t block[BLOCK_MAX], size_t block_len, const EVP_MD *md, const uint8_t *secret,
			   size_t len)
{
	memset(block, 0, BLOCK_MAX);
	if (len > block_len)
		return EVP_Digest(secret, len, block, NULL, md, NULL) == 1 ? ERR_OK : ERR_CRYPTO;
	memcpy(block, secret, len);
	return ERR_OK;
}

/* A digest state that has seen the block xor the pad. */
static enum err prepare(EVP_MD_CTX **out, const EVP_MD *md, const uint8_t *block, size_t block_len, uint8_t pad)
{
	uint8_t padded[BLOCK_MAX];
	EVP_MD_CTX *state = EVP_MD_CTX_new();

	if (!state)
		return ERR_NOMEM;
	for (size_t i = 0; i < block_len; i++)
		padded[i] = block[i] ^ pad;
	int good = EVP_DigestInit_ex(state, md, NULL) == 1 && EVP_DigestUpdate(state, padded, block_len) == 1;
	OPENSSL_cleanse(padded, sizeof padded);
	if (!good) {
		EVP_MD_CTX_free(state);
		return ERR_CRYPTO;
	}
	*out = state;
	return ERR_OK;
}

static enum err prepare_both(struct tsig_key *key, const uint8_t *secret, size_t secret_len)
{
	uint8_t block[BLOCK_MAX];
	EVP_MD *md = EVP_MD_fetch(NULL, algorithms[key->alg].digest, NULL);

	if (!md)
		return ERR_CRYPTO;
	size_t block_len = (size_t)EVP_MD_get_block_size(md);
	assert(block_len <= BLOCK_MAX && (size_t)EVP_MD_get_size(md) == algorithms[key->alg].mac_len);

	enum err e = fit_secret(block, block_len, md, secret, secret_len);
	if (e == ERR_OK)
		e = prepare(&key->inner, md, block, block_len, INNER_PAD);
	if (e == ERR_OK)
		e = prepare(&key->outer, md, block, block_len, OUTER_PAD);
	OPENSSL_cleanse(block, sizeof block);
	EVP_MD_free(md);
	return e;
}

enum err tsig_key_new(struct tsig_key **out, const uint8_t *name, enum tsig_algorithm alg, const uint8_t *secret,
		      size_t secret_len)
{
	*out = NULL;
	if (!known(alg) || secret_len == 0 || secret_len > TSIG_SECRET_MAX)
		return ERR_RANGE;
	struct tsig_key *key = calloc(1, sizeof *key);
	if (!key)
		return ERR_NOMEM;
	name_set(&key->name, name);
	name_lower(key->name.wire, key->name.wire, key->name.len);
	key->alg = alg;

	enum err e = prepare_both(key, secret, secret_len);
	if (e != ERR_OK) {
		tsig_key_free(key);
		return e;
	}
	*out = key;
	return ERR_OK;
}

void tsig_key_free(struct tsig_key *key)
{
	if (!key)
		return;
	/* OpenSSL wipes the digest states, which stand for the secret. */
	EVP_MD_CTX_free(key->inner);
	EVP_MD_CTX_free(key->outer);
	free(key);
}

const uint8_t *tsig_key_name(const struct tsig_key *key)
{
	return key->name.wire;
}

enum tsig_algorithm tsig_key_algorithm(const struct tsig_key *key)
{
	return key->alg;
}

/* Continues a copy of `state` with the pieces. */
static bool digest(EVP_MD_CTX *work, const EVP_MD_CTX *state, const struct tsig_key_piece *pieces, size_t count,
		   uint8_t *out)
{
	if (EVP_MD_CTX_copy_ex(work, state) != 1)
		return false;
	for (size_t i = 0; i < count; i++)
		if (EVP_DigestUpdate(work, pieces[i].data, pieces[i].len) != 1)
			return false;
	return EVP_DigestFinal_ex(work, out, NULL) == 1;
}

static enum err finish_mac(const EVP_MD_CTX *begun, const struct tsig_key *key, const struct tsig_key_piece *pieces,
			   size_t count, uint8_t mac[TSIG_MAC_MAX])
{
	uint8_t inner[TSIG_MAC_MAX];
	struct tsig_key_piece again = {inner, algorithms[key->alg].mac_len};
	EVP_MD_CTX *work = EVP_MD_CTX_new();

	if (!work)
		return ERR_NOMEM;
	bool good = digest(work, begun, pieces, count, inner) && digest(work, key->outer, &again, 1, mac);
	EVP_MD_CTX_free(work);
	return good ? ERR_OK : ERR_CRYPTO;
}

enum err tsig_key_mac(const struct tsig_key *key, const struct tsig_key_piece *pieces, size_t count,
		      uint8_t mac[TSIG_MAC_MAX])
{
	return finish_mac(key->inner, key, pieces, count, mac);
}

/* ---- in parts ---- */

struct tsig_key_sum {
	EVP_MD_CTX *state;
};

enum err tsig_key_sum_new(struct tsig_key_sum **out, const struct tsig_key *key)
{
	struct tsig_key_sum *sum = calloc(1, sizeof *sum);

	*out = NULL;
	if (!sum)
		return ERR_NOMEM;
	sum->state = EVP_MD_CTX_new();
	if (!sum->state || EVP_MD_CTX_copy_ex(sum->state, key->inner) != 1) {
		tsig_key_sum_free(sum);
		return ERR_NOMEM;
	}
	*out = sum;
	return ERR_OK;
}

enum err tsig_key_sum_add(struct tsig_key_sum *sum, const void *data, size_t len)
{
	return EVP_DigestUpdate(sum->state, data, len) == 1 ? ERR_OK : ERR_CRYPTO;
}

void tsig_key_sum_free(struct tsig_key_sum *sum)
{
	if (!sum)
		return;
	EVP_MD_CTX_free(sum->state);
	free(sum);
}

enum err tsig_key_sum_mac(const struct tsig_key_sum *sum, const struct tsig_key *key,
			  const struct tsig_key_piece *pieces, size_t count, uint8_t mac[TSIG_MAC_MAX])
{
	return finish_mac(sum->state, key, pieces, count, mac);
}
