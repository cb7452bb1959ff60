/* sig0: what nsupdate -k signs with keys of dnssec-keygen -T KEY (BIND 9.18) is taken, and nothing else. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include "lib/sig0.h"

/* Updates of home.example, "update add host.home.example 60 A 192.0.2.1", signed by host.home.example. */
enum { WINDOW = 600 /* seconds from inception to expiration: how nsupdate signs */ };

static const char rsa_key[] = "\x02\x00\x03\x08\x03\x01\x00\x01\xcd\xb3\x0a\xf9\x32\x2d\x3e\x14\x10\x98\x06\xe4\x31\xa2"
			      "\xf2\xbb\x18\xcd\xae\x16\x73\x72\x35\x58"
			      "\xd7\x96\x6e\xac\x8b\x3f\x5c\x94\x32\x18\x37\x07\x6c\xae\x59\x2e\xa0\xdd\xb8\xda\xb8\x34"
			      "\x79\xfb\xaf\x50\x29\x55\xa1\x0e\x0b\x5b"
			      "\x2b\x43\xc1\x97\x33\x61\xc2\x45\xe4\x2a\xf6\xdd\x6c\xd5\x77\x90\xb3\x5a\x75\xe7\xe3\x06"
			      "\x72\xea\xd2\x7b\x22\x8e\xb6\xe5\xee\x1c"
			      "\xa7\xb0\xa2\xe3\xf8\xb4\x98\x3c\x1a\x66\xb2\x7d\x2f\x3d\xcf\x7a\x26\x83\x56\xe1\x2a\x06"
			      "\x2d\x20\x51\x2b\x01\xef\xc9\x51\x7a\x4e"
			      "\x1f\x68\xa6\xc4\x1e\xf8\x32\x68\x9d\x6c\xf1\x11\x8e\xd2\x6a\x91\xb8\x04\x9a\x03\x69\xf0"
			      "\x4f\xba\xeb\x1f\x30\xad\x26\xe8\xaf\xfa"
			      "\xca\xbd\x57\xb5\xb5\x63\xca\x19\x13\xc7\xba\x7a\x94\x2b\xce\x37\xd6\xc0\x86\x77\x0d\x90"
			      "\xdb\xe6\x03\x2e\x7e\x77\x66\xc2\x13\x6e"
			      "\x21\x88\x78\xd8\xb9\xda\x15\x99\x12\x01\xce\x7c\xdf\x0d\xe7\x43\xfe\xda\xd2\xe4\xcd\xcb"
			      "\x8d\x14\x6c\x31\x42\xd0\x23\xb5\x2f\x34"
			      "\x2e\x45\xe1\x01\xc7\x3e\xf7\xcb\x0b\x16\xc3\x02\xf1\xbb\x21\x1f\x5f\xb3\xff\xff\xae\x0b"
			      "\xb1\x99\x91\x52\x64\x00\x94\xeb\xa2\x6e"
			      "\xcb\x89\x81\xff\xd3\x32\x0b\x7b";
static const char rsa_message[] = "\xc3\x06\x28\x00\x00\x01\x00\x00\x00\x01\x00\x01\x04\x68\x6f\x6d\x65\x07\x65\x78\x61"
				  "\x6d\x70\x6c\x65\x00\x00\x06\x00\x01\x04\x68"
				  "\x6f\x73\x74\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01\x00\x00"
				  "\x18\x00\xff\x00\x00\x00\x00\x01\x25\x00\x00"
				  "\x08\x00\x00\x00\x00\x00\x6b\x01\x70\xcb\x6b\x01\x6e\x73\xf1\xc3\x04\x68\x6f\x73\x74"
				  "\x04\x68\x6f\x6d\x65\x07\x65\x78\x61\x6d\x70"
				  "\x6c\x65\x00\x1c\xcc\xe9\xc4\xf7\xd4\xba\xf3\x58\x13\x78\xce\x3c\xee\x6c\x05\xd2\xb6"
				  "\xe5\x68\x93\x24\xdd\x41\xbf\xeb\x0a\x7c\x60"
				  "\x95\x1d\xa2\x61\xb8\xcf\xdf\xe9\xcb\x26\x57\x64\x2c\x8e\x05\x39\xcd\x47\x05\x1a\x5f"
				  "\x4b\x99\x89\x80\x30\xe9\xb4\x23\x7d\xb1\xf5"
				  "\x77\xe2\x45\x75\x36\x0f\x23\x7e\xbc\x61\x2a\x3c\x9a\xcd\x16\xd7\xd7\xd2\xe4\x01\xcb"
				  "\x51\x13\x74\x37\xfb\xbc\x75\xef\xd3\x88\x9a"
				  "\x53\x66\x20\x47\x51\xe1\x07\x07\x47\x9e\x2f\x3c\xc5\x9f\xf2\x25\xea\x8c\xeb\xed\x6e"
				  "\x29\xfe\xd2\x13\x26\x83\xaf\xde\x3e\x98\x87"
				  "\x54\x08\x27\xf9\x22\xf2\x60\x3d\xe7\x2b\x65\xb6\x82\xc9\x29\xdb\xca\x5f\x2c\x76\xf2"
				  "\xa1\x8a\x06\x6d\x73\x98\x1a\xee\x10\x73\xd4"
				  "\x92\x93\x83\x24\x19\xd4\x26\x0c\x5c\x23\x90\x2f\x43\x61\x1e\xd1\xf8\x55\x48\xdd\xf5"
				  "\x06\x1f\xe5\x52\x6c\xa2\x75\x5c\xe7\xe9\x96"
				  "\xe4\x31\xdd\xb3\x3e\x13\x5d\x64\xf1\x85\x7d\x14\x07\x6e\xa0\xb8\x06\xbd\x69\x04\xaa"
				  "\x89\x50\xc2\xb2\xbc\x21\x95\x1c\xb4\x8a\x79"
				  "\xb6\x78\x8b\xea\xe1\xca\x5d\xa6\x2c\xe2\x9e\xdf\x46\x4e\x53\xc9\x9e\xd3\x5e\x80\x07"
				  "\x8b\x16\x5e\x5d\x1a\x5b\x9e\xb1\x11\x2f\xe4"
				  "\xdf\x1e\x4a";

static const char ecdsa_key[] = "\x02\x00\x03\x0d\x09\x5e\xe7\xc9\x96\xaf\xd3\x4f\xea\xad\x1b\x6d\x0f\xf3\xf5\xca\x14"
				"\x70\x0e\xbc\x63\xd2\xa4\x4a\xcb\x57\x20\x55"
				"\x20\x7a\xca\x6b\xa6\x10\xf2\x49\x47\xf3\xc2\x03\x83\xd1\x48\xfa\x42\x6a\x0d\x6c\x38"
				"\x7d\x71\x46\x69\x7c\x48\x2f\x97\x02\x67\x39"
				"\xd5\xf1\xd7\x51";
static const char ecdsa_message[] = "\x17\xfb\x28\x00\x00\x01\x00\x00\x00\x01\x00\x01\x04\x68\x6f\x6d\x65\x07\x65\x78"
				    "\x61\x6d\x70\x6c\x65\x00\x00\x06\x00\x01\x04\x68"
				    "\x6f\x73\x74\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01\x00"
				    "\x00\x18\x00\xff\x00\x00\x00\x00\x00\x65\x00\x00"
				    "\x0d\x00\x00\x00\x00\x00\x6b\x01\x70\xcb\x6b\x01\x6e\x73\x33\xcc\x04\x68\x6f\x73"
				    "\x74\x04\x68\x6f\x6d\x65\x07\x65\x78\x61\x6d\x70"
				    "\x6c\x65\x00\x1b\x24\x01\x2f\xa8\xb1\xee\x1d\x6c\xd5\x31\x65\x54\x22\xd8\x43\x15"
				    "\xfc\xa0\x87\x7a\x70\xcd\x7d\x07\x45\x1b\x24\xd8"
				    "\x8a\xf2\xe8\x64\x7f\xbf\x90\xd4\xb1\x23\x3d\xbc\xff\xcf\x07\x40\x72\x4d\xf0\xda"
				    "\xd9\x85\xae\x32\xa2\xb9\x95\x75\x73\xe1\x30\x1d"
				    "\x2d\x5a\xb9";

static const char ed25519_key[] = "\x02\x00\x03\x0f\x39\x00\x47\xca\xe7\xf5\x98\x01\x3a\xdb\xe5\x7a\xf2\x90\xad\x09\xb5"
				  "\xee\xf8\xdb\x02\xbb\x35\x6e\xe6\x06\x93\x84"
				  "\xe1\xbf\x1d\xa5";
static const char ed25519_message[] = "\x2e\xc6\x28\x00\x00\x01\x00\x00\x00\x01\x00\x01\x04\x68\x6f\x6d\x65\x07\x65\x78"
				      "\x61\x6d\x70\x6c\x65\x00\x00\x06\x00\x01\x04\x68"
				      "\x6f\x73\x74\xc0\x0c\x00\x01\x00\x01\x00\x00\x00\x3c\x00\x04\xc0\x00\x02\x01\x00"
				      "\x00\x18\x00\xff\x00\x00\x00\x00\x00\x65\x00\x00"
				      "\x0f\x00\x00\x00\x00\x00\x6b\x01\x70\xcb\x6b\x01\x6e\x73\x25\xa6\x04\x68\x6f\x73"
				      "\x74\x04\x68\x6f\x6d\x65\x07\x65\x78\x61\x6d\x70"
				      "\x6c\x65\x00\x1a\xe3\xa1\x68\xce\x3d\xaf\x71\x51\x8e\x75\xb5\xd9\xe7\xab\xa9\xd9"
				      "\xbe\xf7\x9e\xfb\x47\xf5\x22\xf2\xa4\xe3\x5c\xc8"
				      "\xb6\x34\x58\xec\x7a\xf9\x0c\x5a\x61\x42\x52\x26\xe7\x7b\x63\x78\x49\xc9\xd1\x0d"
				      "\x82\x3d\x2d\x95\xbc\xbb\x3d\xdf\x4d\x05\x6b\xae"
				      "\x4d\x0b\x0a";

static const struct vector {
	const char *key, *message;
	size_t key_len, message_len;
} vectors[] = {
	{rsa_key, rsa_message, sizeof rsa_key - 1, sizeof rsa_message - 1},
	{ecdsa_key, ecdsa_message, sizeof ecdsa_key - 1, sizeof ecdsa_message - 1},
	{ed25519_key, ed25519_message, sizeof ed25519_key - 1, sizeof ed25519_message - 1},
};
enum { VECTORS = sizeof vectors / sizeof vectors[0] };

static const uint8_t signer[] = "\4host\4home\7example";

static struct sig0_key *key_of(const uint8_t *rdata, size_t len)
{
	struct sig0_key *key;
	assert_int_equal(sig0_key_new(&key, signer, rdata, len), ERR_OK);
	return key;
}

/* The whole way of a request, at the middle of its time moved by `late`. */
static enum sig0_status check(const struct sig0_key *key, const uint8_t *wire, size_t len, int64_t late)
{
	static uint8_t covered[SIG0_COVERED_MAX];
	struct message m;
	struct sig0_rr s;
	assert_int_equal(message_parse(&m, wire, len), ERR_OK);
	assert_true(m.sig0_at > 0);
	assert_int_equal(sig0_parse(&s, &m), ERR_OK);
	assert_memory_equal(s.signer.wire, signer, sizeof signer);
	assert_int_equal(s.expires - s.begins, WINDOW);
	enum sig0_status status = sig0_check(key, &s, (uint64_t)((int64_t)s.begins + WINDOW / 2 + late));
	return status ? status : sig0_verify(key, &s, covered, sig0_covered(covered, &m, &s));
}

static void nsupdate_is_taken(void **state)
{
	(void)state;
	for (unsigned i = 0; i < VECTORS; i++) {
		const struct vector *v = &vectors[i];
		struct sig0_key *key = key_of((const uint8_t *)v->key, v->key_len);
		assert_memory_equal(sig0_key_name(key), signer, sizeof signer);
		assert_int_equal(check(key, (const uint8_t *)v->message, v->message_len, 0), SIG0_OK);
		sig0_key_free(key);
	}
}

/* Every bit before the signature that is covered, and every bit of the signature. The owner of the SIG record, its class
 * and TTL mean nothing (RFC 2931 §3); the counts and the record's own head would be another message altogether. */
static void every_bit_counts(void **state)
{
	(void)state;
	for (unsigned i = 0; i < VECTORS; i++) {
		const struct vector *v = &vectors[i];
		struct sig0_key *key = key_of((const uint8_t *)v->key, v->key_len);
		uint8_t wire[512];
		memcpy(wire, v->message, v->message_len);
		struct message m;
		assert_int_equal(message_parse(&m, wire, v->message_len), ERR_OK);
		size_t address = m.sig0_at - 1, labels = m.sig0_at + 14, last = v->message_len - 1;
		const size_t places[] = {0, 1, address, labels, last, last - 40};
		for (unsigned p = 0; p < sizeof places / sizeof places[0]; p++) {
			wire[places[p]] ^= 4;
			assert_int_equal(check(key, wire, v->message_len, 0), SIG0_BADSIG);
			wire[places[p]] ^= 4;
		}
		assert_int_equal(check(key, wire, v->message_len, 0), SIG0_OK);
		sig0_key_free(key);
	}
}

static void other_keys(void **state)
{
	(void)state;
	const struct vector *rsa = &vectors[0], *ecdsa = &vectors[1];
	struct sig0_key *key = key_of((const uint8_t *)rsa->key, rsa->key_len);
	assert_int_equal(check(key, (const uint8_t *)ecdsa->message, ecdsa->message_len, 0), SIG0_BADKEY);
	sig0_key_free(key);
	/* Of the same algorithm, with another tag. */
	uint8_t rdata[SIG0_KEY_MAX];
	memcpy(rdata, rsa->key, rsa->key_len);
	rdata[rsa->key_len - 9] ^= 1;
	key = key_of(rdata, rsa->key_len);
	assert_int_equal(check(key, (const uint8_t *)rsa->message, rsa->message_len, 0), SIG0_BADKEY);
	sig0_key_free(key);
}

static void only_in_its_time(void **state)
{
	(void)state;
	const struct vector *v = &vectors[2];
	struct sig0_key *key = key_of((const uint8_t *)v->key, v->key_len);
	const uint8_t *wire = (const uint8_t *)v->message;
	assert_int_equal(check(key, wire, v->message_len, WINDOW / 2), SIG0_OK);
	assert_int_equal(check(key, wire, v->message_len, WINDOW / 2 + 1), SIG0_BADTIME);
	assert_int_equal(check(key, wire, v->message_len, -WINDOW / 2 - SIG0_EARLY_MAX), SIG0_OK);
	assert_int_equal(check(key, wire, v->message_len, -WINDOW / 2 - SIG0_EARLY_MAX - 1), SIG0_BADTIME);
	sig0_key_free(key);
}

static void too_long_a_time(void **state)
{
	(void)state;
	const struct vector *v = &vectors[2];
	struct sig0_key *key = key_of((const uint8_t *)v->key, v->key_len);
	struct message m;
	struct sig0_rr s;
	assert_int_equal(message_parse(&m, (const uint8_t *)v->message, v->message_len), ERR_OK);
	assert_int_equal(sig0_parse(&s, &m), ERR_OK);
	uint64_t now = s.begins;
	s.expires = (uint32_t)now + SIG0_LATE_MAX;
	assert_int_equal(sig0_check(key, &s, now), SIG0_OK);
	s.expires++;
	assert_int_equal(sig0_check(key, &s, now), SIG0_BADTIME);
	/* Around the end of 32 bits (RFC 4034 §3.1.5). */
	s.begins = UINT32_MAX - 10;
	s.expires = 20;
	assert_int_equal(sig0_check(key, &s, UINT64_C(0x100000000)), SIG0_OK);
	assert_int_equal(sig0_check(key, &s, UINT64_C(0x100000000) + 21), SIG0_BADTIME);
	sig0_key_free(key);
}

static void keys_that_cannot_be(void **state)
{
	(void)state;
	struct sig0_key *key;
	uint8_t rdata[SIG0_KEY_MAX + 1];
	const struct vector *v = &vectors[1];
	memcpy(rdata, v->key, v->key_len);
	assert_int_equal(sig0_key_new(&key, signer, rdata, 4), ERR_FORMAT);
	assert_int_equal(sig0_key_new(&key, signer, rdata, v->key_len - 1), ERR_FORMAT);
	assert_int_equal(sig0_key_new(&key, signer, rdata, SIG0_KEY_MAX + 1), ERR_FORMAT);
	rdata[v->key_len - 1] ^= 1; /* no point of the curve */
	assert_int_equal(sig0_key_new(&key, signer, rdata, v->key_len), ERR_FORMAT);
	rdata[v->key_len - 1] ^= 1;
	rdata[0] = 0x82; /* may not authenticate */
	assert_int_equal(sig0_key_new(&key, signer, rdata, v->key_len), ERR_REFUSED);
	rdata[0] = 0x01; /* a zone's */
	assert_int_equal(sig0_key_new(&key, signer, rdata, v->key_len), ERR_REFUSED);
	rdata[0] = 0x02;
	rdata[2] = 4; /* IPSEC */
	assert_int_equal(sig0_key_new(&key, signer, rdata, v->key_len), ERR_REFUSED);
	rdata[2] = 255;
	sig0_key_free(key_of(rdata, v->key_len));
	rdata[2] = 3;
	rdata[3] = 5; /* RSASHA1 */
	assert_int_equal(sig0_key_new(&key, signer, rdata, v->key_len), ERR_REFUSED);
	rdata[3] = 8; /* an exponent longer than all */
	rdata[4] = 255;
	assert_int_equal(sig0_key_new(&key, signer, rdata, v->key_len), ERR_FORMAT);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(nsupdate_is_taken), cmocka_unit_test(every_bit_counts),
		cmocka_unit_test(other_keys),        cmocka_unit_test(only_in_its_time),
		cmocka_unit_test(too_long_a_time),   cmocka_unit_test(keys_that_cannot_be),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
