/* tsig_test.c: HMAC vectors of RFC 2202 and RFC 4231, messages made by an independent implementation (dnspython 2.3),
 * round trips, and what RFC 8945 §5.2 and §5.3 ask for when something is wrong. */
#include "lib/tsig.h"
#include "lib/tsig_key.h"

#include <pthread.h>
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdlib.h>

#include <cmocka.h>

enum {
	BUF_LEN = 1024,
	VECTOR_TIME = 1760000000, /* when the vectors were signed */
	THREADS = 4,
	ROUNDS = 2000
};

/* Key "Update-Key.Example.", secret 00 01 … 1f, signed at VECTOR_TIME (axfr_answer_N at VECTOR_TIME + N, update_answer
 * two seconds later), fudge 300. The owner of TSIG is compressed and keeps its case. */
static const char update_hmac_md5[] =
	"12342800000100000002000104686f6d65076578616d706c65000006000103777777c00c000100ff000000000000c01e00010001"
	"0000012c0004c00002070a5570646174652d4b6579c01100fa00ff00000000003a08484d41432d4d4435075349472d414c470352"
	"454703494e5400000068e77800012c0010d7c0681930dcb1895a9cca59dbcf0bcd123400000000";
static const char update_hmac_sha1[] =
	"12342800000100000002000104686f6d65076578616d706c65000006000103777777c00c000100ff000000000000c01e00010001"
	"0000012c0004c00002070a5570646174652d4b6579c01100fa00ff00000000002f09686d61632d7368613100000068e77800012c"
	"0014a8b4260f8c434469a168f5b2a689bf0784a56ad0123400000000";
static const char update_hmac_sha224[] =
	"12342800000100000002000104686f6d65076578616d706c65000006000103777777c00c000100ff000000000000c01e00010001"
	"0000012c0004c00002070a5570646174652d4b6579c01100fa00ff0000000000390b686d61632d73686132323400000068e77800"
	"012c001ccc9728db6229e674ad02f9a37b76f11b110ef56329f1624f1a608d3d123400000000";
static const char update_hmac_sha256[] =
	"12342800000100000002000104686f6d65076578616d706c65000006000103777777c00c000100ff000000000000c01e00010001"
	"0000012c0004c00002070a5570646174652d4b6579c01100fa00ff00000000003d0b686d61632d73686132353600000068e77800"
	"012c002062b11f0d07dca02d2c8b01f6c7c5508d7fa2c5bd6dea5758b5b13ba244cb1cb3123400000000";
static const char update_hmac_sha384[] =
	"12342800000100000002000104686f6d65076578616d706c65000006000103777777c00c000100ff000000000000c01e00010001"
	"0000012c0004c00002070a5570646174652d4b6579c01100fa00ff00000000004d0b686d61632d73686133383400000068e77800"
	"012c0030429cdfa0ce574138d4265a747c60b27bda0a2ca8405708b4e235277971ee538e650cbbd33f251fd65363a73f08e15f10"
	"123400000000";
static const char update_hmac_sha512[] =
	"12342800000100000002000104686f6d65076578616d706c65000006000103777777c00c000100ff000000000000c01e00010001"
	"0000012c0004c00002070a5570646174652d4b6579c01100fa00ff00000000005d0b686d61632d73686135313200000068e77800"
	"012c0040705b06e669d9210e1f83ca481836e3f669437a3e9a285313d9cdacc7e8fb09ea7a841bd62a20d4954c095031d315ed78"
	"96a05efa3e16e96f0e78705ef0bccf8e123400000000";
static const char axfr_query[] =
	"23450000000100000000000104686f6d65076578616d706c650000fc00010a5570646174652d4b6579c01100fa00ff0000000000"
	"3d0b686d61632d73686132353600000068e77800012c00209289759dc010db56b0e830e379a8af6392cde410fdc7bf3e58de75ce"
	"0578ec62234500000000";
static const char axfr_answer_0[] =
	"23458400000100010000000104686f6d65076578616d706c650000fc0001c00c000600010000012c0020026e73c00c04726f6f74"
	"c00c00000001000000020000000300000004000000050a5570646174652d4b6579c01100fa00ff00000000003d0b686d61632d73"
	"686132353600000068e77800012c002014016d37988b99fb83873b225535fab36f3e2c6672311fb9e477411d98d0ebfb23450000"
	"0000";
static const char axfr_answer_1[] =
	"2345840000000001000000010377777704686f6d65076578616d706c6500000100010000012c0004c00002070a5570646174652d"
	"4b6579c01500fa00ff00000000003d0b686d61632d73686132353600000068e77801012c0020b03200cad20c208632911e6e5d52"
	"45e8a46e5ab67759920732497167f9c9fa0a234500000000";
static const char axfr_answer_2[] =
	"23458400000000010000000104686f6d65076578616d706c6500000600010000012c0020026e73c00c04726f6f74c00c00000001"
	"000000020000000300000004000000050a5570646174652d4b6579c01100fa00ff00000000003d0b686d61632d73686132353600"
	"000068e77802012c002052e66d75d62f2fc314c44797186162b2eaea4b329e28ffb4ffa77a1183125982234500000000";
static const char update_answer[] =
	"1234a800000100000000000104686f6d65076578616d706c6500000600010a5570646174652d4b6579c01100fa00ff0000000000"
	"3d0b686d61632d73686132353600000068e77802012c00202b54ccd70be12edab37770940423aa2d71c92db5c5b69a9558228d1c"
	"f7a09e32123400000000";
static const char badtime_answer[] =
	"1234a809000100000000000104686f6d65076578616d706c6500000600010a5570646174652d4b6579c01100fa00ff0000000000"
	"430b686d61632d73686132353600000068e77800012c0020924e70426e6d10e84bbc7c4f69b0cd37e291e738b2966a202ddbf2fd"
	"60a9f0a4123400120006000068e77be8";

static const uint8_t key_name[] = "\012Update-Key\007Example";
static const uint8_t other_name[] = "\005other\007example";

struct packet {
	uint8_t wire[BUF_LEN];
	size_t len;
};

static uint8_t nibble(char c)
{
	return (uint8_t)(c <= '9' ? c - '0' : c - 'a' + 10);
}

static struct packet from_hex(const char *hex)
{
	struct packet p = {.len = strlen(hex) / 2};

	assert_true(p.len <= BUF_LEN);
	for (size_t i = 0; i < p.len; i++)
		p.wire[i] = (uint8_t)(nibble(hex[2 * i]) << 4 | nibble(hex[2 * i + 1]));
	return p;
}

static struct tsig_key *make_key(enum tsig_algorithm alg)
{
	uint8_t secret[32];
	struct tsig_key *key;

	for (size_t i = 0; i < sizeof secret; i++)
		secret[i] = (uint8_t)i;
	assert_int_equal(tsig_key_new(&key, key_name, alg, secret, sizeof secret), ERR_OK);
	return key;
}

/* "www.home.example. IN A", ID 4660, or the empty-handed answer to it. */
static struct packet plain_message(uint16_t flags)
{
	struct packet p;
	struct wbuf w = buf_writer(p.wire, sizeof p.wire);

	buf_put_u16(&w, 4660);
	buf_put_u16(&w, flags);
	buf_put_u16(&w, 1);
	buf_put_u16(&w, 0);
	buf_put_u32(&w, 0);
	buf_put(&w, "\003www\004home\007example", 18);
	buf_put_u16(&w, TYPE_A);
	buf_put_u16(&w, CLASS_IN);
	p.len = w.len;
	return p;
}

static struct packet signed_request(struct tsig_context *c, const struct tsig_key *key, uint64_t now)
{
	struct packet p = plain_message(0);

	assert_int_equal(tsig_sign_request(c, key, p.wire, &p.len, sizeof p.wire, now), ERR_OK);
	return p;
}

static void read_tsig(struct message *m, struct tsig_rr *t, const struct packet *p)
{
	assert_int_equal(message_parse(m, p->wire, p->len), ERR_OK);
	assert_true(m->tsig_at > 0);
	assert_int_equal(tsig_parse(t, m), ERR_OK);
}

static enum tsig_status verify(const struct packet *p, const struct tsig_key *key, uint64_t now, size_t min_mac)
{
	struct message m;
	struct tsig_rr t;

	read_tsig(&m, &t, p);
	return tsig_verify_request(&m, &t, key, now, min_mac);
}

/* The server's side: checks the request and remembers it. */
static enum tsig_status receive(struct tsig_context *c, const struct packet *p, const struct tsig_key *key,
				uint64_t now)
{
	struct message m;
	struct tsig_rr t;

	read_tsig(&m, &t, p);
	enum tsig_status status = tsig_verify_request(&m, &t, key, now, 0);
	tsig_context_set(c, &t, key, status, now);
	return status;
}

static struct packet answer(struct tsig_context *c, uint64_t now)
{
	struct packet p = plain_message(FLAG_QR | RCODE_NOTAUTH);
	size_t room = tsig_answer_room(c), before = p.len;

	assert_int_equal(tsig_sign_answer(c, p.wire, &p.len, sizeof p.wire, now), ERR_OK);
	assert_int_equal(p.len, before + room);
	return p;
}

static enum tsig_status verify_answer(struct tsig_context *c, const struct packet *p, uint64_t now)
{
	struct message m;

	assert_int_equal(message_parse(&m, p->wire, p->len), ERR_OK);
	return tsig_verify_answer(c, &m, now);
}

static void test_algorithms(void **state)
{
	(void)state;
	for (int i = TSIG_HMAC_MD5; i <= TSIG_HMAC_SHA512; i++) {
		enum tsig_algorithm alg = (enum tsig_algorithm)i;
		assert_int_equal(tsig_algorithm_from_text(tsig_algorithm_to_text(alg)), alg);
		assert_int_equal(tsig_algorithm_from_name(tsig_algorithm_name(alg)), alg);
	}
	assert_int_equal(tsig_algorithm_from_text("HMAC-SHA256."), TSIG_HMAC_SHA256);
	assert_int_equal(tsig_algorithm_from_text("hmac-MD5.SIG-ALG.REG.INT."), TSIG_HMAC_MD5);
	assert_int_equal(tsig_algorithm_from_text("hmac-md5.sig-alg.reg.int"), TSIG_HMAC_MD5);
	assert_int_equal(tsig_algorithm_from_text("hmac-md5"), TSIG_HMAC_MD5);
	assert_int_equal(tsig_algorithm_from_text(""), TSIG_NONE);
	assert_int_equal(tsig_algorithm_from_text("."), TSIG_NONE);
	assert_int_equal(tsig_algorithm_from_text("hmac-sha25"), TSIG_NONE);
	assert_int_equal(tsig_algorithm_from_text("hmac-sha256.."), TSIG_NONE);
	assert_int_equal(tsig_algorithm_from_text("gss-tsig"), TSIG_NONE);
	assert_int_equal(tsig_algorithm_from_name((const uint8_t *)"\013HMAC-sha256"), TSIG_HMAC_SHA256);
	assert_int_equal(tsig_algorithm_from_name((const uint8_t *)"\010hmac-md5"), TSIG_NONE);
	assert_int_equal(tsig_algorithm_from_name((const uint8_t *)""), TSIG_NONE);
	assert_int_equal(tsig_mac_len(TSIG_HMAC_SHA384), 48);
	assert_int_equal(tsig_mac_len(TSIG_NONE), 0);
}

static void test_key(void **state)
{
	struct tsig_key *key;
	uint8_t secret[TSIG_SECRET_MAX + 1] = {1};

	(void)state;
	assert_int_equal(tsig_key_new(&key, key_name, TSIG_NONE, secret, 16), ERR_RANGE);
	assert_null(key);
	assert_int_equal(tsig_key_new(&key, key_name, (enum tsig_algorithm)99, secret, 16), ERR_RANGE);
	assert_int_equal(tsig_key_new(&key, key_name, TSIG_HMAC_SHA256, secret, 0), ERR_RANGE);
	assert_int_equal(tsig_key_new(&key, key_name, TSIG_HMAC_SHA256, secret, sizeof secret), ERR_RANGE);
	assert_int_equal(tsig_key_new(&key, key_name, TSIG_HMAC_SHA256, secret, TSIG_SECRET_MAX), ERR_OK);
	assert_memory_equal(tsig_key_name(key), "\012update-key\007example", sizeof key_name);
	assert_int_equal(tsig_key_algorithm(key), TSIG_HMAC_SHA256);
	tsig_key_free(key);
	tsig_key_free(NULL);
}

/* RFC 2202 §2 and §3, RFC 4231 §4.3 and §4.7: a short key, and one longer than the block. */
static void test_hmac(void **state)
{
	static const struct {
		enum tsig_algorithm alg;
		size_t long_key;
		const char *short_mac, *long_mac;
	} cases[] = {
		{TSIG_HMAC_MD5, 80, "750c783e6ab0b503eaa86e310a5db738", "6b1ab7fe4bd7bf8f0b62e6ce61b9d0cd"},
		{TSIG_HMAC_SHA1, 80, "effcdf6ae5eb2fa2d27416d5f184df9c259a7c79",
		 "aa4ae5e15272d00e95705637ce8a3b55ed402112"},
		{TSIG_HMAC_SHA224, 131, "a30e01098bc6dbbf45690f3a7e9e6d0f8bbea2a39e6148008fd05e44",
		 "95e9a0db962095adaebe9b2d6f0dbce2d499f112f2d2b7273fa6870e"},
		{TSIG_HMAC_SHA256, 131, "5bdcc146bf60754e6a042426089575c75a003f089d2739839dec58b964ec3843",
		 "60e431591ee0b67f0d8a26aacbf5b77f8e0bc6213728c5140546040f0ee37f54"},
		{TSIG_HMAC_SHA384, 131,
		 "af45d2e376484031617f78d2b58a6b1b9c7ef464f5a01b47e42ec3736322445e8e2240ca5e69e2c78b3239ecfab21649",
		 "4ece084485813e9088d2c63a041bc5b44f9ef1012a2b588f3cd11f05033ac4c60c2ef6ab4030fe8296248df163f44952"},
		{TSIG_HMAC_SHA512, 131,
		 "164b7a7bfcf819e2e395fbe73b56e0a387bd64222e831fd610270cd7ea2505549758bf75c05a994a6d034f65f8f0e6fd"
		 "caeab1a34d4a6b4b636e070a38bce737",
		 "80b24263c7c1a3ebb71493c1dd7be8b49b46d1f41b4aeec1121b013783f8f3526b56d037e05f2598bd0fd2215d6a1e52"
		 "95e64f73f63f0aec8b915a985d786598"},
	};
	static const char question[] = "what do ya want for nothing?";
	static const char larger[] = "Test Using Larger Than Block-Size Key - Hash Key First";
	/* In pieces, as a message comes, one of them empty. */
	const struct tsig_key_piece in_three[] = {{question, 5}, {NULL, 0}, {question + 5, sizeof question - 6}};
	const struct tsig_key_piece in_one[] = {{larger, sizeof larger - 1}};
	uint8_t long_key[131], mac[TSIG_MAC_MAX];
	struct tsig_key *key;

	(void)state;
	memset(long_key, 0xaa, sizeof long_key);
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct packet expected = from_hex(cases[i].short_mac);
		assert_int_equal(expected.len, tsig_mac_len(cases[i].alg));
		assert_int_equal(tsig_key_new(&key, key_name, cases[i].alg, (const uint8_t *)"Jefe", 4), ERR_OK);
		assert_int_equal(tsig_key_mac(key, in_three, 3, mac), ERR_OK);
		assert_memory_equal(mac, expected.wire, expected.len);
		tsig_key_free(key);

		expected = from_hex(cases[i].long_mac);
		assert_int_equal(tsig_key_new(&key, key_name, cases[i].alg, long_key, cases[i].long_key), ERR_OK);
		assert_int_equal(tsig_key_mac(key, in_one, 1, mac), ERR_OK);
		assert_memory_equal(mac, expected.wire, expected.len);
		tsig_key_free(key);
	}
}

/* dnspython signed: we accept, and we make the same MAC of the same message. */
static void test_foreign_requests(void **state)
{
	static const char *const vectors[] = {
		[TSIG_HMAC_MD5] = update_hmac_md5,       [TSIG_HMAC_SHA1] = update_hmac_sha1,
		[TSIG_HMAC_SHA224] = update_hmac_sha224, [TSIG_HMAC_SHA256] = update_hmac_sha256,
		[TSIG_HMAC_SHA384] = update_hmac_sha384, [TSIG_HMAC_SHA512] = update_hmac_sha512,
	};

	(void)state;
	for (int i = TSIG_HMAC_MD5; i <= TSIG_HMAC_SHA512; i++) {
		struct tsig_key *key = make_key((enum tsig_algorithm)i);
		struct packet p = from_hex(vectors[i]);
		struct message m;
		struct tsig_rr t, ours;
		struct tsig_context c;

		read_tsig(&m, &t, &p);
		assert_int_equal(t.time, VECTOR_TIME);
		assert_int_equal(t.fudge, TSIG_FUDGE);
		assert_int_equal(t.original_id, 0x1234);
		assert_int_equal(tsig_verify_request(&m, &t, key, VECTOR_TIME, 0), TSIG_OK);

		struct packet q = from_hex(vectors[i]);
		q.len = m.tsig_at;
		buf_store_u16(q.wire + 10, 0);
		assert_int_equal(tsig_sign_request(&c, key, q.wire, &q.len, sizeof q.wire, VECTOR_TIME), ERR_OK);
		read_tsig(&m, &ours, &q);
		assert_int_equal(m.count[SECTION_ADDITIONAL], 1);
		assert_int_equal(ours.mac_len, t.mac_len);
		assert_memory_equal(ours.mac, t.mac, t.mac_len);
		tsig_key_free(key);
	}
}

static void test_foreign_answer(void **state)
{
	struct tsig_key *key = make_key(TSIG_HMAC_SHA256);
	struct packet q = from_hex(update_hmac_sha256), a = from_hex(update_answer), late = from_hex(badtime_answer);
	struct tsig_context c, again;
	struct message m;

	(void)state;
	assert_int_equal(message_parse(&m, q.wire, q.len), ERR_OK);
	q.len = m.tsig_at;
	buf_store_u16(q.wire + 10, 0);
	assert_int_equal(tsig_sign_request(&c, key, q.wire, &q.len, sizeof q.wire, VECTOR_TIME), ERR_OK);
	again = c;
	assert_int_equal(verify_answer(&again, &late, VECTOR_TIME), TSIG_BADTIME);
	late.wire[late.len - 1] ^= 1;
	assert_int_equal(verify_answer(&again, &late, VECTOR_TIME), TSIG_BADSIG);
	again = c;
	again.mac[0] ^= 1; /* the answer to another request */
	assert_int_equal(verify_answer(&again, &a, VECTOR_TIME), TSIG_BADSIG);
	assert_int_equal(verify_answer(&c, &a, VECTOR_TIME), TSIG_OK);
	tsig_key_free(key);
}

static void test_foreign_stream(void **state)
{
	struct tsig_key *key = make_key(TSIG_HMAC_SHA256);
	struct packet q = from_hex(axfr_query);
	struct packet a[] = {from_hex(axfr_answer_0), from_hex(axfr_answer_1), from_hex(axfr_answer_2)};
	struct tsig_context c, skipping;
	struct message m;

	(void)state;
	assert_int_equal(message_parse(&m, q.wire, q.len), ERR_OK);
	q.len = m.tsig_at;
	buf_store_u16(q.wire + 10, 0);
	assert_int_equal(tsig_sign_request(&c, key, q.wire, &q.len, sizeof q.wire, VECTOR_TIME), ERR_OK);
	assert_int_equal(verify_answer(&c, &a[0], VECTOR_TIME), TSIG_OK);
	skipping = c;
	assert_int_equal(verify_answer(&skipping, &a[2], VECTOR_TIME), TSIG_BADSIG);
	assert_int_equal(verify_answer(&c, &a[1], VECTOR_TIME), TSIG_OK);
	assert_int_equal(verify_answer(&c, &a[1], VECTOR_TIME), TSIG_BADSIG);
	assert_int_equal(verify_answer(&c, &a[2], VECTOR_TIME), TSIG_OK);
	tsig_key_free(key);
}

static void test_round_trip(void **state)
{
	(void)state;
	for (int i = TSIG_HMAC_MD5; i <= TSIG_HMAC_SHA512; i++) {
		struct tsig_key *key = make_key((enum tsig_algorithm)i);
		struct tsig_context client, server;
		struct packet q = signed_request(&client, key, 1000);

		assert_int_equal(receive(&server, &q, key, 1001), TSIG_OK);
		struct packet a = answer(&server, 1002);
		assert_int_equal(verify_answer(&client, &a, 1003), TSIG_OK);
		tsig_key_free(key);
	}
}

static void test_stream(void **state)
{
	struct tsig_key *key = make_key(TSIG_HMAC_SHA512);
	struct tsig_context client, server;
	struct packet q = signed_request(&client, key, 1000);

	(void)state;
	assert_int_equal(receive(&server, &q, key, 1000), TSIG_OK);
	for (uint64_t i = 0; i < 5; i++) {
		struct packet a = plain_message(FLAG_QR | FLAG_AA);
		assert_int_equal(tsig_sign_stream(&server, a.wire, &a.len, sizeof a.wire, 1000 + i), ERR_OK);
		assert_int_equal(verify_answer(&client, &a, 1000 + i), TSIG_OK);
	}
	tsig_key_free(key);
}

/* What a server that signs every n-th message makes: its MAC covers those before it too (§5.3.1). */
static void sign_behind(struct tsig_context *server, const struct packet *before, size_t count, struct packet *a)
{
	struct tsig_key_piece pieces[2 + TSIG_UNSIGNED_MAX + 2];
	uint8_t len[2], timers[8], mac[TSIG_MAC_MAX];
	struct tsig_context plain = *server;
	size_t n = 0, at = a->len;
	buf_store_u16(len, server->mac_len);
	pieces[n++] = (struct tsig_key_piece){len, sizeof len};
	pieces[n++] = (struct tsig_key_piece){server->mac, server->mac_len};
	for (size_t i = 0; i < count; i++)
		pieces[n++] = (struct tsig_key_piece){before[i].wire, before[i].len};
	pieces[n++] = (struct tsig_key_piece){a->wire, a->len};
	struct wbuf w = buf_writer(timers, sizeof timers);
	buf_put_u48(&w, 1000);
	buf_put_u16(&w, TSIG_FUDGE);
	pieces[n++] = (struct tsig_key_piece){timers, sizeof timers};
	assert_int_equal(tsig_key_mac(server->key, pieces, n, mac), ERR_OK);
	/* The record as it is otherwise, with that MAC. */
	assert_int_equal(tsig_sign_stream(&plain, a->wire, &a->len, sizeof a->wire, 1000), ERR_OK);
	size_t mac_at = a->len - 6 - server->mac_len;
	assert_true(mac_at > at);
	memcpy(a->wire + mac_at, mac, server->mac_len);
	memcpy(server->mac, mac, server->mac_len);
}

static enum tsig_status verify_stream(struct tsig_stream *s, const struct packet *p)
{
	struct message m;
	assert_int_equal(message_parse(&m, p->wire, p->len), ERR_OK);
	return tsig_stream_verify(s, &m, 1000);
}

static void test_stream_with_unsigned_messages(void **state)
{
	static struct packet before[TSIG_UNSIGNED_MAX];
	struct tsig_key *key = make_key(TSIG_HMAC_SHA256);
	struct tsig_context client, server;
	struct packet q = signed_request(&client, key, 1000);
	struct tsig_stream *s;

	(void)state;
	assert_int_equal(receive(&server, &q, key, 1000), TSIG_OK);
	struct packet first = plain_message(FLAG_QR | FLAG_AA);
	assert_int_equal(tsig_sign_stream(&server, first.wire, &first.len, sizeof first.wire, 1000), ERR_OK);
	for (size_t i = 0; i < TSIG_UNSIGNED_MAX; i++) {
		before[i] = plain_message(FLAG_QR | FLAG_AA);
		buf_store_u16(before[i].wire, (uint16_t)i);
	}
	struct packet last = plain_message(FLAG_QR | FLAG_AA);
	sign_behind(&server, before, TSIG_UNSIGNED_MAX, &last);

	for (unsigned forged = 0; forged < 3; forged++) {
		assert_int_equal(tsig_stream_new(&s, &client), ERR_OK);
		assert_int_equal(verify_stream(s, &before[0]), TSIG_FORMERR); /* the first must be signed */
		assert_int_equal(verify_stream(s, &first), TSIG_OK);
		assert_true(tsig_stream_settled(s));
		for (size_t i = 0; i < TSIG_UNSIGNED_MAX; i++)
			assert_int_equal(verify_stream(s, &before[forged == 1 && i == 7 ? 6 : i]), TSIG_OK);
		assert_false(tsig_stream_settled(s));
		if (forged == 2)
			assert_int_equal(verify_stream(s, &before[0]), TSIG_FORMERR); /* one too many */
		else
			assert_int_equal(verify_stream(s, &last), forged ? TSIG_BADSIG : TSIG_OK);
		assert_int_equal(tsig_stream_settled(s), !forged);
		tsig_stream_free(s);
	}
	tsig_key_free(key);
}

/* A forwarder may change the ID of the message; the MAC covers the original (§5.5). */
static void test_changed_id(void **state)
{
	struct tsig_key *key = make_key(TSIG_HMAC_SHA256);
	struct tsig_context client, server;
	struct packet q = signed_request(&client, key, 1000);

	(void)state;
	buf_store_u16(q.wire, 99);
	assert_int_equal(receive(&server, &q, key, 1000), TSIG_OK);
	assert_int_equal(server.original_id, 4660);
	struct packet a = plain_message(FLAG_QR);
	buf_store_u16(a.wire, 99);
	assert_int_equal(tsig_sign_answer(&server, a.wire, &a.len, sizeof a.wire, 1000), ERR_OK);
	buf_store_u16(a.wire, 4660);
	assert_int_equal(verify_answer(&client, &a, 1000), TSIG_OK);
	tsig_key_free(key);
}

/* No octet but the ID may change, and no bit but the case of the names. */
static void test_tampering(void **state)
{
	struct tsig_key *key = make_key(TSIG_HMAC_SHA256);
	struct tsig_context c;
	struct packet good = signed_request(&c, key, 1000);

	(void)state;
	for (size_t at = 2; at < good.len; at++)
		for (unsigned bit = 0; bit < 8; bit++) {
			struct packet p = good;
			struct message m;
			struct tsig_rr t;
			p.wire[at] ^= (uint8_t)(1u << bit);
			if (message_parse(&m, p.wire, p.len) != ERR_OK || m.tsig_at == 0 ||
			    tsig_parse(&t, &m) != ERR_OK)
				continue;
			bool same_names = name_equal(t.key_name.wire, c.key_name.wire) &&
					  name_equal(t.alg_name.wire, c.alg_name.wire);
			bool in_names = bit == 5 && at > plain_message(0).len && same_names;
			if (tsig_verify_request(&m, &t, key, 1000, 0) == TSIG_OK)
				assert_true(in_names);
		}
	tsig_key_free(key);
}

static void test_wrong_key(void **state)
{
	struct tsig_key *key = make_key(TSIG_HMAC_SHA256), *other, *weaker = make_key(TSIG_HMAC_MD5), *secret;
	struct tsig_context c;
	struct packet p = signed_request(&c, key, 1000);

	(void)state;
	assert_int_equal(tsig_key_new(&other, other_name, TSIG_HMAC_SHA256, (const uint8_t *)"0123456789", 10), ERR_OK);
	assert_int_equal(tsig_key_new(&secret, key_name, TSIG_HMAC_SHA256, (const uint8_t *)"0123456789", 10), ERR_OK);
	assert_int_equal(verify(&p, NULL, 1000, 0), TSIG_BADKEY);
	assert_int_equal(verify(&p, other, 1000, 0), TSIG_BADKEY);
	assert_int_equal(verify(&p, weaker, 1000, 0), TSIG_BADKEY);
	assert_int_equal(verify(&p, secret, 1000, 0), TSIG_BADSIG);
	/* Time is not judged before the MAC. */
	assert_int_equal(verify(&p, secret, 999999, 0), TSIG_BADSIG);
	tsig_key_free(key);
	tsig_key_free(other);
	tsig_key_free(weaker);
	tsig_key_free(secret);
}

static void test_time(void **state)
{
	static const struct {
		uint64_t signed_at, now;
		enum tsig_status status;
	} cases[] = {
		{1000, 1000, TSIG_OK},
		{1000, 1300, TSIG_OK},
		{1000, 1301, TSIG_BADTIME},
		{1000, 700, TSIG_OK},
		{1000, 699, TSIG_BADTIME},
		{0, 0, TSIG_OK},
		{10, 0, TSIG_OK},
		{0, 1760000000, TSIG_BADTIME},
		{0xffffffffffff, 0xffffffffffff, TSIG_OK},
		{0xffffffffffff, 5, TSIG_BADTIME},
		{0x100000000, 0x100000001, TSIG_OK},
		{0x1000003e8, 1000, TSIG_BADTIME},
	};
	struct tsig_key *key = make_key(TSIG_HMAC_SHA256);

	(void)state;
	for (size_t i = 0; i < sizeof cases / sizeof cases[0]; i++) {
		struct tsig_context c;
		struct packet p = signed_request(&c, key, cases[i].signed_at);
		assert_int_equal(verify(&p, key, cases[i].now, 0), cases[i].status);
	}
	tsig_key_free(key);
}

/* Makes the MAC of a signed packet `want` octets long: cut, or followed by zeros. */
static struct packet resize_mac(const struct packet *p, size_t want)
{
	struct message m;
	struct tsig_rr t;
	struct packet out = *p;

	read_tsig(&m, &t, p);
	size_t rdlen_at = m.tsig_at + t.key_name.len + 8, size_at = rdlen_at + 2 + t.alg_name.len + 8;
	size_t tail = p->len - (size_t)(t.mac + t.mac_len - p->wire);
	memset(out.wire + size_at + 2 + t.mac_len, 0, want > t.mac_len ? want - t.mac_len : 0);
	memcpy(out.wire + size_at + 2 + want, t.mac + t.mac_len, tail);
	out.len = size_at + 2 + want + tail;
	buf_store_u16(out.wire + rdlen_at, (uint16_t)(out.len - rdlen_at - 2));
	buf_store_u16(out.wire + size_at, (uint16_t)want);
	return out;
}

/* §5.2.2.1, every length for every algorithm. */
static void test_truncation(void **state)
{
	static const size_t shortest[] = {[TSIG_HMAC_MD5] = 10,    [TSIG_HMAC_SHA1] = 10,   [TSIG_HMAC_SHA224] = 14,
					  [TSIG_HMAC_SHA256] = 16, [TSIG_HMAC_SHA384] = 24, [TSIG_HMAC_SHA512] = 32};

	(void)state;
	for (int i = TSIG_HMAC_MD5; i <= TSIG_HMAC_SHA512; i++) {
		struct tsig_key *key = make_key((enum tsig_algorithm)i);
		struct tsig_context c;
		struct packet whole = signed_request(&c, key, 1000);
		size_t full = tsig_mac_len((enum tsig_algorithm)i);

		for (size_t len = 0; len <= full + 2; len++) {
			struct packet p = resize_mac(&whole, len);
			bool allowed = len >= shortest[i] && len <= full;
			assert_int_equal(verify(&p, key, 1000, shortest[i]), allowed ? TSIG_OK : TSIG_FORMERR);
			assert_int_equal(verify(&p, key, 1000, 1), allowed ? TSIG_OK : TSIG_FORMERR);
			enum tsig_status strict = !allowed ? TSIG_FORMERR : len < full ? TSIG_BADTRUNC : TSIG_OK;
			assert_int_equal(verify(&p, key, 1000, 0), strict);
			assert_int_equal(verify(&p, key, 1000, 999), strict);
			if (allowed && len < full)
				assert_int_equal(verify(&p, key, 5000, 0), TSIG_BADTIME);
		}
		tsig_key_free(key);
	}
}

/* An answer to a truncated request covers the MAC as it was sent, and itself is whole. */
static void test_answer_to_truncated(void **state)
{
	struct tsig_key *key = make_key(TSIG_HMAC_SHA256);
	struct tsig_context client, server;
	struct packet whole = signed_request(&client, key, 1000), p = resize_mac(&whole, 16);
	struct message m;
	struct tsig_rr t;

	(void)state;
	read_tsig(&m, &t, &p);
	assert_int_equal(tsig_verify_request(&m, &t, key, 1000, 16), TSIG_OK);
	tsig_context_set(&server, &t, key, TSIG_OK, 1000);
	struct packet a = answer(&server, 1000);
	client.mac_len = 16;
	assert_int_equal(verify_answer(&client, &a, 1000), TSIG_OK);

	tsig_context_set(&server, &t, key, TSIG_BADTRUNC, 1000);
	a = answer(&server, 1000);
	client.stream_started = false;
	memcpy(client.mac, t.mac, 16);
	client.mac_len = 16;
	assert_int_equal(verify_answer(&client, &a, 1000), TSIG_BADTRUNC);
	read_tsig(&m, &t, &a);
	assert_int_equal(t.error, RCODE_BADTRUNC);
	tsig_key_free(key);
}

static void test_badtime_answer(void **state)
{
	static const uint64_t server_clock[] = {5000, 100000000000};
	struct tsig_key *key = make_key(TSIG_HMAC_SHA256);

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		struct tsig_context client, server;
		uint64_t client_clock = i == 0 ? 90000 : 1000; /* the server behind, then ahead, beyond 32 bits */
		struct packet q = signed_request(&client, key, client_clock);
		struct message m;
		struct tsig_rr t;

		assert_int_equal(receive(&server, &q, key, server_clock[i]), TSIG_BADTIME);
		struct packet a = answer(&server, server_clock[i]);
		read_tsig(&m, &t, &a);
		assert_int_equal(t.error, RCODE_BADTIME);
		assert_int_equal(t.time, client_clock);
		assert_int_equal(t.fudge, TSIG_FUDGE);
		assert_int_equal(t.mac_len, 32);
		assert_int_equal(t.other_len, 6);
		struct rbuf r = buf_reader(t.other, t.other_len);
		assert_int_equal(buf_get_u48(&r), server_clock[i]);
		assert_int_equal(verify_answer(&client, &a, client_clock), TSIG_BADTIME);
		a.wire[a.len - 1] ^= 1; /* the server's time is covered */
		assert_int_equal(verify_answer(&client, &a, client_clock), TSIG_BADSIG);
	}
	tsig_key_free(key);
}

static void test_unsigned_errors(void **state)
{
	static const struct {
		enum tsig_status status;
		uint16_t error;
	} cases[] = {{TSIG_BADKEY, RCODE_BADKEY}, {TSIG_BADSIG, RCODE_BADSIG}};
	struct tsig_key *key = make_key(TSIG_HMAC_SHA256);
	struct tsig_context client, server;
	struct packet q = signed_request(&client, key, 1000);
	struct message m;
	struct tsig_rr t, error;

	(void)state;
	read_tsig(&m, &t, &q);
	for (size_t i = 0; i < 2; i++) {
		tsig_context_set(&server, &t, key, cases[i].status, 1000);
		assert_null(server.key);
		struct packet a = answer(&server, 1000);
		struct message am;
		read_tsig(&am, &error, &a);
		assert_int_equal(error.error, cases[i].error);
		assert_int_equal(error.mac_len, 0);
		assert_int_equal(error.other_len, 0);
		assert_int_equal(error.original_id, 4660);
		assert_true(name_equal(error.key_name.wire, key_name));
		assert_int_equal(verify_answer(&client, &a, 1000), cases[i].status);
		a = plain_message(FLAG_QR);
		assert_int_equal(tsig_sign_stream(&server, a.wire, &a.len, sizeof a.wire, 1000), ERR_OK);
		assert_false(server.stream_started);
	}
	/* A broken TSIG, and none, are answered without. */
	tsig_context_set(&server, &t, key, TSIG_FORMERR, 1000);
	assert_int_equal(tsig_answer_room(&server), 0);
	struct packet a = answer(&server, 1000);
	assert_int_equal(verify_answer(&client, &a, 1000), TSIG_FORMERR);
	server = (struct tsig_context){.present = false};
	assert_int_equal(tsig_answer_room(&server), 0);
	a = answer(&server, 1000);
	assert_int_equal(a.len, plain_message(0).len);
	tsig_key_free(key);
}

/* A forger without the key cannot make an answer that says "no error" without a MAC. */
static void test_unsigned_answer(void **state)
{
	struct tsig_key *key = make_key(TSIG_HMAC_SHA256);
	struct tsig_context client, server;
	struct packet q = signed_request(&client, key, 1000);

	(void)state;
	assert_int_equal(receive(&server, &q, key, 1000), TSIG_OK);
	struct packet whole = answer(&server, 1000), a = resize_mac(&whole, 0);
	assert_int_equal(verify_answer(&client, &a, 1000), TSIG_FORMERR);
	a = resize_mac(&whole, 16);
	assert_int_equal(verify_answer(&client, &a, 1000), TSIG_BADTRUNC);
	tsig_key_free(key);
}

static void test_no_room(void **state)
{
	struct tsig_key *key = make_key(TSIG_HMAC_SHA256);
	struct tsig_context client, server;
	struct packet q = signed_request(&client, key, 1000), a = plain_message(FLAG_QR);
	size_t before = a.len;
	uint8_t *big = calloc(1, 70000);
	size_t big_len = MESSAGE_MAX - 10;

	(void)state;
	assert_int_equal(receive(&server, &q, key, 1000), TSIG_OK);
	size_t room = tsig_answer_room(&server);
	struct packet copy = a;
	assert_int_equal(tsig_sign_answer(&server, a.wire, &a.len, before + room - 1, 1000), ERR_NOSPACE);
	assert_int_equal(a.len, before);
	assert_memory_equal(a.wire, copy.wire, before);
	assert_int_equal(tsig_sign_stream(&server, a.wire, &a.len, before + room - 1, 1000), ERR_NOSPACE);
	assert_false(server.stream_started);
	assert_int_equal(tsig_sign_stream(&server, a.wire, &a.len, before + room, 1000), ERR_OK);

	assert_non_null(big);
	assert_int_equal(tsig_sign_request(&client, key, big, &big_len, 70000, 1000), ERR_NOSPACE);
	big_len = MESSAGE_HEADER_LEN;
	buf_store_u16(big + 10, 65535);
	assert_int_equal(tsig_sign_request(&client, key, big, &big_len, 70000, 1000), ERR_RANGE);
	free(big);
	tsig_key_free(key);
}

/* tsig_parse alone, on memory cut to size so that a sanitizer sees any read past the end. */
static enum err parse_cut(const struct packet *p, size_t tsig_at, size_t len)
{
	uint8_t *wire = malloc(len);
	struct message m = {.wire = wire, .len = len, .count = {1, 0, 0, 1}, .tsig_at = tsig_at};
	struct tsig_rr t;

	assert_non_null(wire);
	memcpy(wire, p->wire, len);
	enum err e = tsig_parse(&t, &m);
	free(wire);
	return e;
}

static void test_malformed(void **state)
{
	struct tsig_key *key = make_key(TSIG_HMAC_SHA256);
	struct tsig_context c;
	struct packet p = signed_request(&c, key, 1000), q;
	size_t at = plain_message(0).len, fixed = at + sizeof key_name, mac_size = fixed + 10 + 13 + 8;

	(void)state;
	assert_int_equal(parse_cut(&p, at, p.len), ERR_OK);
	for (size_t len = at; len < p.len; len++)
		assert_int_equal(parse_cut(&p, at, len), ERR_FORMAT);
	static const size_t wrong[] = {0, 1, 2, 3, 4, 5, 6, 7, 8, 9}; /* type, class, TTL, RDLENGTH */
	for (size_t i = 0; i < sizeof wrong / sizeof wrong[0]; i++) {
		q = p;
		q.wire[fixed + wrong[i]] ^= 1;
		assert_int_equal(parse_cut(&q, at, q.len), ERR_FORMAT);
	}
	q = p;
	buf_store_u16(q.wire + mac_size, 65535);
	assert_int_equal(parse_cut(&q, at, q.len), ERR_FORMAT);
	buf_store_u16(q.wire + mac_size, 31);
	assert_int_equal(parse_cut(&q, at, q.len), ERR_FORMAT);
	q = p;
	buf_store_u16(q.wire + q.len - 2, 1); /* other data that is not there */
	assert_int_equal(parse_cut(&q, at, q.len), ERR_FORMAT);
	q = p;
	buf_store_u16(q.wire + fixed + 10, 0xc00c); /* a compressed algorithm name */
	assert_int_equal(parse_cut(&q, at, q.len), ERR_FORMAT);
	tsig_key_free(key);
}

static void *sign_and_verify(void *arg)
{
	const struct tsig_key *key = arg;
	size_t good = 0;

	for (uint64_t i = 0; i < ROUNDS; i++) {
		struct tsig_context c;
		struct packet p = plain_message(0);
		struct message m;
		struct tsig_rr t;
		if (tsig_sign_request(&c, key, p.wire, &p.len, sizeof p.wire, i) == ERR_OK &&
		    message_parse(&m, p.wire, p.len) == ERR_OK && tsig_parse(&t, &m) == ERR_OK &&
		    tsig_verify_request(&m, &t, key, i, 0) == TSIG_OK)
			good++;
	}
	return good == ROUNDS ? arg : NULL;
}

static void test_threads(void **state)
{
	struct tsig_key *key = make_key(TSIG_HMAC_SHA256);
	pthread_t thread[THREADS];

	(void)state;
	for (size_t i = 0; i < THREADS; i++)
		assert_int_equal(pthread_create(&thread[i], NULL, sign_and_verify, key), 0);
	for (size_t i = 0; i < THREADS; i++) {
		void *result;
		assert_int_equal(pthread_join(thread[i], &result), 0);
		assert_ptr_equal(result, key);
	}
	tsig_key_free(key);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_algorithms),
		cmocka_unit_test(test_key),
		cmocka_unit_test(test_hmac),
		cmocka_unit_test(test_foreign_requests),
		cmocka_unit_test(test_foreign_answer),
		cmocka_unit_test(test_foreign_stream),
		cmocka_unit_test(test_round_trip),
		cmocka_unit_test(test_stream),
		cmocka_unit_test(test_stream_with_unsigned_messages),
		cmocka_unit_test(test_changed_id),
		cmocka_unit_test(test_tampering),
		cmocka_unit_test(test_wrong_key),
		cmocka_unit_test(test_time),
		cmocka_unit_test(test_truncation),
		cmocka_unit_test(test_answer_to_truncated),
		cmocka_unit_test(test_badtime_answer),
		cmocka_unit_test(test_unsigned_errors),
		cmocka_unit_test(test_unsigned_answer),
		cmocka_unit_test(test_no_room),
		cmocka_unit_test(test_malformed),
		cmocka_unit_test(test_threads),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
