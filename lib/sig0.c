/* sig0.c: see sig0.h. */
#include "lib/sig0.h"

#include <openssl/core_names.h>
#include <openssl/ec.h>
#include <openssl/err.h>
#include <openssl/evp.h>
#include <openssl/param_build.h>
#include <stdlib.h>

enum {
	RR_FIXED = 10,       /* octets: type 2, class 2, TTL 4, RDLENGTH 2 */
	ARCOUNT_AT = 10,     /* offset in the header */
	KEY_FIXED = 4,       /* octets of KEY RDATA before the key: flags 2, protocol 1, algorithm 1 */
	NO_AUTH = 0x8000,    /* flags (RFC 2535 §3.1.2): the key may not authenticate */
	ZONE_KEY = 0x0100,   /* its owner is a zone: RFC 3007 §2 wants a host's or user's key */
	PROTOCOL_DNSSEC = 3, /* RFC 2931 §2.3: this, or any */
	PROTOCOL_ANY = 255,
	EC_POINT_MAX = 1 + 2 * 48, /* octets: form, x, y */
	EC_SIGNATURE_MAX = 128     /* octets in DER: for 48-octet numbers 104 */
};

enum algorithm { RSASHA256 = 8, RSASHA512 = 10, ECDSAP256 = 13, ECDSAP384 = 14, ED25519 = 15, ED448 = 16 };

struct sig0_key {
	struct name name;
	uint8_t algorithm;
	uint16_t tag;
	EVP_PKEY *public;
};

/* ---- keys ---- */

/* RFC 4034 appendix B. */
static uint16_t key_tag(const uint8_t *rdata, size_t len)
{
	uint32_t sum = 0;
	for (size_t i = 0; i < len; i++)
		sum += i & 1 ? rdata[i] : (uint32_t)rdata[i] << 8;
	return (uint16_t)(sum + (sum >> 16));
}

static EVP_PKEY *from_params(const char *type, OSSL_PARAM *params)
{
	EVP_PKEY *key = NULL;
	EVP_PKEY_CTX *ctx = EVP_PKEY_CTX_new_from_name(NULL, type, NULL);
	if (!ctx || !params || EVP_PKEY_fromdata_init(ctx) <= 0 ||
	    EVP_PKEY_fromdata(ctx, &key, EVP_PKEY_PUBLIC_KEY, params) <= 0)
		key = NULL;
	EVP_PKEY_CTX_free(ctx);
	return key;
}

static EVP_PKEY *rsa_of(BIGNUM *modulus, BIGNUM *exponent)
{
	EVP_PKEY *key = NULL;
	OSSL_PARAM *params = NULL;
	OSSL_PARAM_BLD *build = OSSL_PARAM_BLD_new();
	if (build && modulus && exponent && OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_N, modulus) &&
	    OSSL_PARAM_BLD_push_BN(build, OSSL_PKEY_PARAM_RSA_E, exponent))
		params = OSSL_PARAM_BLD_to_param(build);
	if (params)
		key = from_params("RSA", params);
	OSSL_PARAM_free(params);
	OSSL_PARAM_BLD_free(build);
	return key;
}

/* RFC 3110 §2: the exponent's length in one octet, or 0 and two; exponent; modulus. */
static EVP_PKEY *rsa_key(const uint8_t *octets, size_t len)
{
	struct rbuf in = buf_reader(octets, len);
	size_t exponent_len = buf_get_u8(&in);
	if (!exponent_len)
		exponent_len = buf_get_u16(&in);
	const uint8_t *exponent = buf_get(&in, exponent_len);
	size_t modulus_len = buf_left(&in);
	const uint8_t *modulus = buf_get(&in, modulus_len);
	if (in.bad || !exponent_len || !modulus_len)
		return NULL;
	BIGNUM *n = BN_bin2bn(modulus, (int)modulus_len, NULL), *e = BN_bin2bn(exponent, (int)exponent_len, NULL);
	EVP_PKEY *key = rsa_of(n, e);
	BN_free(n);
	BN_free(e);
	return key;
}

/* RFC 6605 §4: x and y. */
static EVP_PKEY *ec_key(const char *curve, size_t size, const uint8_t *octets, size_t len)
{
	uint8_t point[EC_POINT_MAX] = {POINT_CONVERSION_UNCOMPRESSED};
	char group[16];
	if (len != 2 * size)
		return NULL;
	memcpy(point + 1, octets, len);
	size_t group_len = strlen(curve);
	memcpy(group, curve, group_len + 1);
	OSSL_PARAM params[] = {OSSL_PARAM_construct_utf8_string(OSSL_PKEY_PARAM_GROUP_NAME, group, group_len),
			       OSSL_PARAM_construct_octet_string(OSSL_PKEY_PARAM_PUB_KEY, point, 1 + len),
			       OSSL_PARAM_construct_end()};
	return from_params("EC", params);
}

static EVP_PKEY *public_key(uint8_t algorithm, const uint8_t *octets, size_t len)
{
	switch (algorithm) {
	case RSASHA256:
	case RSASHA512:
		return rsa_key(octets, len);
	case ECDSAP256:
		return ec_key("P-256", 32, octets, len);
	case ECDSAP384:
		return ec_key("P-384", 48, octets, len);
	case ED25519:
		return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED25519, NULL, octets, len);
	case ED448:
		return EVP_PKEY_new_raw_public_key(EVP_PKEY_ED448, NULL, octets, len);
	default:
		return NULL;
	}
}

static bool known_algorithm(uint8_t algorithm)
{
	return algorithm == RSASHA256 || algorithm == RSASHA512 || (algorithm >= ECDSAP256 && algorithm <= ED448);
}

enum err sig0_key_new(struct sig0_key **out, const uint8_t *name, const uint8_t *rdata, size_t len)
{
	*out = NULL;
	if (len <= KEY_FIXED || len > SIG0_KEY_MAX)
		return ERR_FORMAT;
	uint16_t flags = buf_load_u16(rdata);
	uint8_t protocol = rdata[2], algorithm = rdata[3];
	if (flags & (NO_AUTH | ZONE_KEY) || (protocol != PROTOCOL_DNSSEC && protocol != PROTOCOL_ANY) ||
	    !known_algorithm(algorithm))
		return ERR_REFUSED;
	struct sig0_key *key = calloc(1, sizeof *key);
	if (!key)
		return ERR_NOMEM;
	name_set(&key->name, name);
	name_lower(key->name.wire, key->name.wire, key->name.len);
	key->algorithm = algorithm;
	key->tag = key_tag(rdata, len);
	key->public = public_key(algorithm, rdata + KEY_FIXED, len - KEY_FIXED);
	if (!key->public) {
		ERR_clear_error();
		free(key);
		return ERR_FORMAT;
	}
	*out = key;
	return ERR_OK;
}

void sig0_key_free(struct sig0_key *key)
{
	if (!key)
		return;
	EVP_PKEY_free(key->public);
	free(key);
}

const uint8_t *sig0_key_name(const struct sig0_key *key)
{
	return key->name.wire;
}

/* ---- the record ---- */

enum err sig0_parse(struct sig0_rr *s, const struct message *m)
{
	struct rbuf in = buf_reader(m->wire, m->len);
	struct name owner;
	in.pos = m->sig0_at;
	if (name_parse(&in, &owner))
		return ERR_FORMAT;
	const uint8_t *fixed = buf_get(&in, RR_FIXED);
	if (!fixed || buf_load_u16(fixed) != TYPE_SIG || buf_load_u16(fixed + 8) != buf_left(&in))
		return ERR_FORMAT;
	size_t start = in.pos;
	s->rdata = in.data + start;
	buf_get_u16(&in); /* type covered: 0 */
	s->algorithm = buf_get_u8(&in);
	buf_get_u8(&in);  /* labels */
	buf_get_u32(&in); /* original TTL: meaningless (RFC 2931 §3) */
	s->expires = buf_get_u32(&in);
	s->begins = buf_get_u32(&in);
	s->key_tag = buf_get_u16(&in);
	if (in.bad || name_parse_plain(&in, &s->signer))
		return ERR_FORMAT;
	name_lower(s->signer.wire, s->signer.wire, s->signer.len);
	s->unsigned_len = in.pos - start;
	s->signature_len = buf_left(&in);
	s->signature = buf_get(&in, s->signature_len);
	return s->signature ? ERR_OK : ERR_FORMAT;
}

size_t sig0_covered(uint8_t out[SIG0_COVERED_MAX], const struct message *m, const struct sig0_rr *s)
{
	struct wbuf w = buf_writer(out, SIG0_COVERED_MAX);
	buf_put(&w, s->rdata, s->unsigned_len);
	size_t message = w.len;
	buf_put(&w, m->wire, m->sig0_at);
	buf_store_u16(out + message + ARCOUNT_AT, (uint16_t)(m->count[SECTION_ADDITIONAL] - 1));
	return w.len;
}

/* ---- verifying ---- */

enum sig0_status sig0_check(const struct sig0_key *key, const struct sig0_rr *s, uint64_t now)
{
	uint32_t t = (uint32_t)now;
	if (s->algorithm != key->algorithm || s->key_tag != key->tag)
		return SIG0_BADKEY;
	if (rr_serial_newer(s->begins, t + SIG0_EARLY_MAX) || rr_serial_newer(t, s->expires) ||
	    rr_serial_newer(s->expires, t + SIG0_LATE_MAX) || rr_serial_newer(s->begins, s->expires))
		return SIG0_BADTIME;
	return SIG0_OK;
}

/* RFC 6605 §4: r and s, each as long as the curve's numbers. OpenSSL wants DER. Returns its length, 0 for none. */
static size_t ec_signature(uint8_t out[EC_SIGNATURE_MAX], const struct sig0_rr *s)
{
	size_t size = s->algorithm == ECDSAP256 ? 32 : 48;
	if (s->signature_len != 2 * size)
		return 0;
	ECDSA_SIG *sig = ECDSA_SIG_new();
	BIGNUM *first = BN_bin2bn(s->signature, (int)size, NULL);
	BIGNUM *second = BN_bin2bn(s->signature + size, (int)size, NULL);
	int len = 0;
	uint8_t *at = out;
	if (sig && first && second && ECDSA_SIG_set0(sig, first, second)) {
		first = second = NULL; /* its own now */
		len = i2d_ECDSA_SIG(sig, &at);
	}
	BN_free(first);
	BN_free(second);
	ECDSA_SIG_free(sig);
	return len > 0 ? (size_t)len : 0;
}

static const EVP_MD *digest_of(uint8_t algorithm)
{
	switch (algorithm) {
	case RSASHA256:
	case ECDSAP256:
		return EVP_sha256();
	case ECDSAP384:
		return EVP_sha384();
	case RSASHA512:
		return EVP_sha512();
	default: /* the algorithm has its own (RFC 8032) */
		return NULL;
	}
}

enum sig0_status sig0_verify(const struct sig0_key *key, const struct sig0_rr *s, const uint8_t *covered, size_t len)
{
	uint8_t der[EC_SIGNATURE_MAX];
	const uint8_t *signature = s->signature;
	size_t signature_len = s->signature_len;
	if (key->algorithm == ECDSAP256 || key->algorithm == ECDSAP384) {
		signature = der;
		signature_len = ec_signature(der, s);
	}
	EVP_MD_CTX *ctx = EVP_MD_CTX_new();
	bool good = ctx && signature_len &&
		    EVP_DigestVerifyInit(ctx, NULL, digest_of(key->algorithm), NULL, key->public) == 1 &&
		    EVP_DigestVerify(ctx, signature, signature_len, covered, len) == 1;
	EVP_MD_CTX_free(ctx);
	ERR_clear_error();
	return good ? SIG0_OK : SIG0_BADSIG;
}
