/* secret.c: see secret.h. */
#include "keys/secret.h"

#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <string.h>
#include <sys/random.h>

/* RFC 7914 §2: N·r·128 octets of memory, OWASP's figures for interactive log-ins halved, as a home server is small. */
static const uint64_t scrypt_n = 16384, scrypt_r = 8, scrypt_p = 1, scrypt_memory = 32 << 20;

enum { TOKEN_BITS = 160, TOKEN_OCTETS = TOKEN_BITS / 8, BITS_A_CHARACTER = 5 };

static const char prefix[] = "rt_";
static const char alphabet[] = "abcdefghijklmnopqrstuvwxyz234567";

_Static_assert(SECRET_TOKEN_TEXT == sizeof prefix - 1 + TOKEN_BITS / BITS_A_CHARACTER + 1, "length of a token");

enum err secret_make_token(char out[SECRET_TOKEN_TEXT])
{
	uint8_t octets[TOKEN_OCTETS];
	if (getrandom(octets, sizeof octets, 0) != sizeof octets)
		return ERR_IO;
	memcpy(out, prefix, sizeof prefix - 1);
	char *to = out + sizeof prefix - 1;
	unsigned held = 0, bits = 0;
	for (size_t i = 0; i < sizeof octets; i++) {
		held = (held << 8 | octets[i]) & 0xffff;
		for (bits += 8; bits >= BITS_A_CHARACTER; bits -= BITS_A_CHARACTER)
			*to++ = alphabet[held >> (bits - BITS_A_CHARACTER) & 31];
	}
	*to = '\0';
	OPENSSL_cleanse(octets, sizeof octets);
	return ERR_OK;
}

bool secret_is_token(const char *text)
{
	size_t begin = sizeof prefix - 1;
	return strncmp(text, prefix, begin) == 0 && strlen(text) == SECRET_TOKEN_TEXT - 1 &&
	       strspn(text + begin, alphabet) == SECRET_TOKEN_TEXT - 1 - begin;
}

enum err secret_hash_token(uint8_t out[SECRET_HASH_LEN], const char *text)
{
	unsigned len;
	return EVP_Digest(text, strlen(text), out, &len, EVP_sha256(), NULL) == 1 && len == SECRET_HASH_LEN
		       ? ERR_OK
		       : ERR_CRYPTO;
}

static enum err hash_password(uint8_t out[SECRET_HASH_LEN], const uint8_t salt[SECRET_SALT_LEN], const char *text)
{
	return EVP_PBE_scrypt(text, strlen(text), salt, SECRET_SALT_LEN, scrypt_n, scrypt_r, scrypt_p, scrypt_memory,
			      out, SECRET_HASH_LEN) == 1
		       ? ERR_OK
		       : ERR_CRYPTO;
}

enum err secret_set_password(struct secret_password *out, const char *text)
{
	size_t len = strlen(text);
	if (len < SECRET_PASSWORD_MIN || len > SECRET_PASSWORD_MAX)
		return ERR_RANGE;
	if (getrandom(out->salt, sizeof out->salt, 0) != sizeof out->salt)
		return ERR_IO;
	return hash_password(out->hash, out->salt, text);
}

bool secret_check_password(const struct secret_password *p, const char *text)
{
	uint8_t hash[SECRET_HASH_LEN];
	if (strlen(text) > SECRET_PASSWORD_MAX || hash_password(hash, p->salt, text))
		return false;
	bool equal = secret_equal(hash, p->hash, sizeof hash);
	OPENSSL_cleanse(hash, sizeof hash);
	return equal;
}

bool secret_equal(const uint8_t *a, const uint8_t *b, size_t len)
{
	return CRYPTO_memcmp(a, b, len) == 0;
}
