/* tsig.c: the TSIG record, what its MAC covers, the rules of checking and answering (RFC 8945). Contract: tsig.h. */
#include "lib/tsig.h"

#include "lib/tsig_key.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <stdlib.h>

enum {
	RR_FIXED = 10,        /* octets: type 2, class 2, TTL 4, RDLENGTH 2 (RFC 1035 §4.1.3) */
	ARCOUNT_AT = 10,      /* offset in the header (RFC 1035 §4.1.1) */
	TIME_LEN = 6,         /* octets, the server's time in a BADTIME answer (§5.2.3) */
	MAC_SHORTEST = 10,    /* octets, §5.2.2.1 */
	VARIABLES_FIXED = 18, /* octets, §4.3.3: class 2, TTL 4, time 6, fudge 2, error 2, other len 2 */
	PIECES_MAX = 6        /* length of prior MAC, prior MAC, header, rest of message, variables, other data */
};

/* Reading (§4.2). */

static enum err parse_rdata(struct tsig_rr *t, struct rbuf *r)
{
	if (name_parse_plain(r, &t->alg_name) != ERR_OK)
		return ERR_FORMAT;
	t->time = buf_get_u48(r);
	t->fudge = buf_get_u16(r);
	t->mac_len = buf_get_u16(r);
	t->mac = buf_get(r, t->mac_len);
	t->original_id = buf_get_u16(r);
	t->error = buf_get_u16(r);
	t->other_len = buf_get_u16(r);
	t->other = buf_get(r, t->other_len);
	return r->bad || buf_left(r) != 0 ? ERR_FORMAT : ERR_OK;
}

enum err tsig_parse(struct tsig_rr *t, const struct message *m)
{
	struct rbuf r = buf_reader(m->wire, m->len);

	assert(m->tsig_at >= MESSAGE_HEADER_LEN && m->tsig_at <= m->len);
	r.pos = m->tsig_at;
	if (name_parse(&r, &t->key_name) != ERR_OK)
		return ERR_FORMAT;
	uint16_t type = buf_get_u16(&r);
	uint16_t class = buf_get_u16(&r);
	uint32_t ttl = buf_get_u32(&r);
	uint16_t rdlen = buf_get_u16(&r);
	if (r.bad || type != TYPE_TSIG || class != CLASS_ANY || ttl != 0 || rdlen != buf_left(&r))
		return ERR_FORMAT;
	if (parse_rdata(t, &r) != ERR_OK)
		return ERR_FORMAT;
	name_lower(t->key_name.wire, t->key_name.wire, t->key_name.len);
	name_lower(t->alg_name.wire, t->alg_name.wire, t->alg_name.len);
	return ERR_OK;
}

/* The MAC (§4.3, §5.3.1). */

struct covered {
	const uint8_t *prior;           /* MAC of the request, or of the previous answer of a stream */
	uint16_t prior_len;             /* 0: none is covered */
	const uint8_t *wire;            /* the message */
	size_t len;                     /* octets of it without TSIG */
	uint16_t arcount;               /* without TSIG */
	bool timers_only;               /* second and later message of a stream */
	const struct tsig_key_sum *sum; /* unsigned messages before this one, with the prior MAC; NULL: none */
};

/* §4.3.3, or only time and fudge (§5.3.1). The names of a tsig_rr are lower-case already: their canonical form. */
static void put_variables(struct wbuf *w, const struct tsig_rr *t, bool timers_only)
{
	if (!timers_only) {
		buf_put(w, t->key_name.wire, t->key_name.len);
		buf_put_u16(w, CLASS_ANY);
		buf_put_u32(w, 0);
		buf_put(w, t->alg_name.wire, t->alg_name.len);
	}
	buf_put_u48(w, t->time);
	buf_put_u16(w, t->fudge);
	if (!timers_only) {
		buf_put_u16(w, t->error);
		buf_put_u16(w, t->other_len);
	}
	assert(!w->full);
}

static enum err compute_mac(const struct covered *c, const struct tsig_rr *t, const struct tsig_key *key,
			    uint8_t mac[TSIG_MAC_MAX])
{
	uint8_t prior_len[2], header[MESSAGE_HEADER_LEN], variables[2 * NAME_WIRE_MAX + VARIABLES_FIXED];
	struct wbuf w = buf_writer(variables, sizeof variables);
	struct tsig_key_piece pieces[PIECES_MAX];
	size_t n = 0;

	if (c->prior_len > 0 && !c->sum) {
		buf_store_u16(prior_len, c->prior_len);
		pieces[n++] = (struct tsig_key_piece){prior_len, sizeof prior_len};
		pieces[n++] = (struct tsig_key_piece){c->prior, c->prior_len};
	}
	/* A forwarder may have changed the ID on the way (§5.5). */
	memcpy(header, c->wire, sizeof header);
	buf_store_u16(header, t->original_id);
	buf_store_u16(header + ARCOUNT_AT, c->arcount);
	pieces[n++] = (struct tsig_key_piece){header, sizeof header};
	pieces[n++] = (struct tsig_key_piece){c->wire + sizeof header, c->len - sizeof header};
	put_variables(&w, t, c->timers_only);
	pieces[n++] = (struct tsig_key_piece){variables, w.len};
	if (!c->timers_only && t->other_len > 0)
		pieces[n++] = (struct tsig_key_piece){t->other, t->other_len};
	return c->sum ? tsig_key_sum_mac(c->sum, key, pieces, n, mac) : tsig_key_mac(key, pieces, n, mac);
}

/* Checking (§5.2). */

static bool same_key(const struct tsig_rr *t, const struct tsig_key *key)
{
	return name_equal(t->key_name.wire, tsig_key_name(key)) &&
	       tsig_algorithm_from_name(t->alg_name.wire) == tsig_key_algorithm(key);
}

/* §5.2.2.1: not more than the whole, not less than half of it nor than ten octets. */
static bool mac_len_allowed(size_t len, enum tsig_algorithm alg)
{
	size_t whole = tsig_mac_len(alg);
	return len <= whole && len >= MAC_SHORTEST && len >= whole / 2;
}

/* Key, MAC, time, truncation policy, in this order: what the MAC has not proved must not decide anything. */
static enum tsig_status check(const struct covered *c, const struct tsig_rr *t, const struct tsig_key *key,
			      uint64_t now, size_t min_mac)
{
	uint8_t mac[TSIG_MAC_MAX];

	if (!key || !same_key(t, key))
		return TSIG_BADKEY;
	size_t whole = tsig_mac_len(tsig_key_algorithm(key));
	if (!mac_len_allowed(t->mac_len, tsig_key_algorithm(key)))
		return TSIG_FORMERR;
	if (compute_mac(c, t, key, mac) != ERR_OK || CRYPTO_memcmp(mac, t->mac, t->mac_len) != 0)
		return TSIG_BADSIG;
	uint64_t apart = now > t->time ? now - t->time : t->time - now;
	if (apart > t->fudge)
		return TSIG_BADTIME;
	if (t->mac_len < (min_mac > 0 && min_mac < whole ? min_mac : whole))
		return TSIG_BADTRUNC;
	return TSIG_OK;
}

static struct covered covered_of(const struct message *m)
{
	uint16_t arcount = (uint16_t)(m->count[SECTION_ADDITIONAL] - 1);

	return (struct covered){.wire = m->wire, .len = m->tsig_at, .arcount = arcount};
}

enum tsig_status tsig_verify_request(const struct message *m, const struct tsig_rr *t, const struct tsig_key *key,
				     uint64_t now, size_t min_mac)
{
	struct covered c = covered_of(m);

	return check(&c, t, key, now, min_mac);
}

/* The server's own complaint, told apart before our checks: an answer without MAC proves nothing (§5.3.2) and never is
 * TSIG_OK. */
static bool is_unsigned_error(const struct tsig_rr *t, enum tsig_status *status)
{
	if (t->mac_len != 0 || (t->error != RCODE_BADKEY && t->error != RCODE_BADSIG))
		return false;
	*status = t->error == RCODE_BADKEY ? TSIG_BADKEY : TSIG_BADSIG;
	return true;
}

static enum tsig_status status_of_error(uint16_t error)
{
	switch (error) {
	case RCODE_NOERROR:
		return TSIG_OK;
	case RCODE_BADKEY:
		return TSIG_BADKEY;
	case RCODE_BADTIME:
		return TSIG_BADTIME;
	case RCODE_BADTRUNC:
		return TSIG_BADTRUNC;
	default:
		return TSIG_BADSIG;
	}
}

static enum tsig_status verify_answer(struct tsig_context *c, const struct tsig_key_sum *sum, const struct message *m,
				      uint64_t now)
{
	struct tsig_rr t;
	enum tsig_status status;

	if (m->tsig_at == 0 || tsig_parse(&t, m) != ERR_OK)
		return TSIG_FORMERR; /* §5.4: an answer that should have been signed */
	if (is_unsigned_error(&t, &status))
		return status;
	struct covered cov = covered_of(m);
	cov.prior = c->mac;
	cov.prior_len = c->mac_len;
	cov.timers_only = c->stream_started;
	cov.sum = sum;
	status = check(&cov, &t, c->key, now, 0);
	if (status != TSIG_OK)
		return status;
	status = status_of_error(t.error);
	if (status != TSIG_OK)
		return status;
	memcpy(c->mac, t.mac, t.mac_len);
	c->mac_len = t.mac_len;
	c->stream_started = true;
	return TSIG_OK;
}

enum tsig_status tsig_verify_answer(struct tsig_context *c, const struct message *m, uint64_t now)
{
	return verify_answer(c, NULL, m, now);
}

/* Streams (§5.3.1). */

struct tsig_stream {
	struct tsig_context context;
	struct tsig_key_sum *sum; /* of the messages without TSIG since the last signed one; NULL: none */
	unsigned unsigned_count;  /* those messages */
	bool settled;
};

enum err tsig_stream_new(struct tsig_stream **out, const struct tsig_context *c)
{
	struct tsig_stream *s = calloc(1, sizeof *s);

	*out = s;
	if (!s)
		return ERR_NOMEM;
	s->context = *c;
	return ERR_OK;
}

static void forget_unsigned(struct tsig_stream *s)
{
	tsig_key_sum_free(s->sum);
	s->sum = NULL;
	s->unsigned_count = 0;
}

void tsig_stream_free(struct tsig_stream *s)
{
	if (!s)
		return;
	forget_unsigned(s);
	free(s);
}

/* The prior MAC stands before the first of them. */
static enum err start_sum(struct tsig_stream *s)
{
	uint8_t prior_len[2];
	enum err e = tsig_key_sum_new(&s->sum, s->context.key);

	buf_store_u16(prior_len, s->context.mac_len);
	if (!e)
		e = tsig_key_sum_add(s->sum, prior_len, sizeof prior_len);
	return e ? e : tsig_key_sum_add(s->sum, s->context.mac, s->context.mac_len);
}

static enum tsig_status pass_unsigned(struct tsig_stream *s, const struct message *m)
{
	/* The first must be signed, or anybody could make us take in what is never proved. */
	if (!s->context.stream_started || ++s->unsigned_count > TSIG_UNSIGNED_MAX)
		return TSIG_FORMERR;
	s->settled = false;
	if (!s->sum && start_sum(s) != ERR_OK)
		return TSIG_BADSIG;
	return tsig_key_sum_add(s->sum, m->wire, m->len) == ERR_OK ? TSIG_OK : TSIG_BADSIG;
}

enum tsig_status tsig_stream_verify(struct tsig_stream *s, const struct message *m, uint64_t now)
{
	if (m->tsig_at == 0)
		return pass_unsigned(s, m);
	enum tsig_status status = verify_answer(&s->context, s->sum, m, now);
	forget_unsigned(s);
	s->settled = status == TSIG_OK;
	return status;
}

bool tsig_stream_settled(const struct tsig_stream *s)
{
	return s->settled;
}

/* Answering (§5.3). */

static bool is_signed(enum tsig_status status)
{
	return status == TSIG_OK || status == TSIG_BADTIME || status == TSIG_BADTRUNC;
}

void tsig_context_set(struct tsig_context *c, const struct tsig_rr *t, const struct tsig_key *key,
		      enum tsig_status status, uint64_t now)
{
	*c = (struct tsig_context){.present = true, .status = status};
	c->key_name = t->key_name;
	c->alg_name = t->alg_name;
	c->request_time = t->time;
	c->fudge = t->fudge;
	c->original_id = t->original_id;
	c->now = now;
	if (!is_signed(status))
		return; /* neither key nor MAC of such a request may go into an answer (§5.3.2) */
	assert(key && t->mac_len <= sizeof c->mac);
	c->key = key;
	c->mac_len = t->mac_len;
	memcpy(c->mac, t->mac, t->mac_len);
}

static size_t record_len(const struct tsig_rr *t)
{
	return (size_t)t->key_name.len + RR_FIXED + t->alg_name.len + TSIG_RDATA_FIXED + t->mac_len + t->other_len;
}

/* A malformed TSIG is answered by FORMERR alone. */
static bool answer_has_tsig(const struct tsig_context *c)
{
	return c->present && c->status != TSIG_FORMERR;
}

size_t tsig_answer_room(const struct tsig_context *c)
{
	if (!answer_has_tsig(c))
		return 0;
	size_t mac_len = is_signed(c->status) ? tsig_mac_len(tsig_key_algorithm(c->key)) : 0;
	size_t other_len = c->status == TSIG_BADTIME ? TIME_LEN : 0;
	return (size_t)c->key_name.len + RR_FIXED + c->alg_name.len + TSIG_RDATA_FIXED + mac_len + other_len;
}

/* The record goes behind the message as it is, its owner uncompressed (some clients cannot follow a pointer there). */
static void append_record(uint8_t *buf, size_t *len, size_t cap, const struct tsig_rr *t)
{
	struct wbuf w = buf_writer(buf, cap);

	w.len = *len;
	buf_put(&w, t->key_name.wire, t->key_name.len);
	buf_put_u16(&w, TYPE_TSIG);
	buf_put_u16(&w, CLASS_ANY);
	buf_put_u32(&w, 0);
	buf_put_u16(&w, (uint16_t)(record_len(t) - t->key_name.len - RR_FIXED));
	buf_put(&w, t->alg_name.wire, t->alg_name.len);
	buf_put_u48(&w, t->time);
	buf_put_u16(&w, t->fudge);
	buf_put_u16(&w, t->mac_len);
	buf_put(&w, t->mac, t->mac_len);
	buf_put_u16(&w, t->original_id);
	buf_put_u16(&w, t->error);
	buf_put_u16(&w, t->other_len);
	buf_put(&w, t->other, t->other_len);
	assert(!w.full);
	*len = w.len;
	buf_store_u16(buf + ARCOUNT_AT, (uint16_t)(buf_load_u16(buf + ARCOUNT_AT) + 1));
}

/* Completes `t` by its MAC (key NULL: an empty one), kept in `mac`, and appends it. Nothing is changed on error. */
static enum err sign(struct covered *c, struct tsig_rr *t, const struct tsig_key *key, uint8_t mac[TSIG_MAC_MAX],
		     uint8_t *buf, size_t *len, size_t cap)
{
	assert(*len >= MESSAGE_HEADER_LEN && *len <= cap);
	c->wire = buf;
	c->len = *len;
	c->arcount = buf_load_u16(buf + ARCOUNT_AT);
	t->mac = mac;
	t->mac_len = key ? (uint16_t)tsig_mac_len(tsig_key_algorithm(key)) : 0;
	if (cap > MESSAGE_MAX)
		cap = MESSAGE_MAX;
	if (*len > cap || record_len(t) > cap - *len)
		return ERR_NOSPACE;
	if (c->arcount == UINT16_MAX)
		return ERR_RANGE;
	if (key) {
		enum err e = compute_mac(c, t, key, mac);
		if (e != ERR_OK)
			return e;
	}
	append_record(buf, len, cap, t);
	return ERR_OK;
}

static uint16_t error_of_status(enum tsig_status status)
{
	switch (status) {
	case TSIG_BADKEY:
		return RCODE_BADKEY;
	case TSIG_BADSIG:
		return RCODE_BADSIG;
	case TSIG_BADTIME:
		return RCODE_BADTIME;
	case TSIG_BADTRUNC:
		return RCODE_BADTRUNC;
	default:
		return RCODE_NOERROR;
	}
}

/* Signs; `mac` receives what was signed with. */
static enum err sign_with_context(const struct tsig_context *c, bool timers_only, uint8_t mac[TSIG_MAC_MAX],
				  uint8_t *buf, size_t *len, size_t cap, uint64_t now)
{
	uint8_t other[TIME_LEN];
	struct covered cov = {.prior = c->mac, .prior_len = c->mac_len, .timers_only = timers_only};
	struct tsig_rr t = {.time = now, .fudge = TSIG_FUDGE, .original_id = c->original_id};

	t.error = error_of_status(c->status);
	t.key_name = c->key_name;
	t.alg_name = c->alg_name;
	if (c->status == TSIG_BADTIME) {
		/* §5.2.3: the client's time and fudge, or it could not believe this answer either; ours travels
		 * beside. */
		struct wbuf w = buf_writer(other, sizeof other);
		buf_put_u48(&w, now);
		t.time = c->request_time;
		t.fudge = c->fudge;
		t.other = other;
		t.other_len = TIME_LEN;
	}
	return sign(&cov, &t, is_signed(c->status) ? c->key : NULL, mac, buf, len, cap);
}

enum err tsig_sign_answer(struct tsig_context *c, uint8_t *buf, size_t *len, size_t cap, uint64_t now)
{
	uint8_t mac[TSIG_MAC_MAX];

	if (!answer_has_tsig(c))
		return ERR_OK;
	return sign_with_context(c, false, mac, buf, len, cap, now);
}

enum err tsig_sign_stream(struct tsig_context *c, uint8_t *buf, size_t *len, size_t cap, uint64_t now)
{
	uint8_t mac[TSIG_MAC_MAX];

	if (!answer_has_tsig(c))
		return ERR_OK;
	enum err e = sign_with_context(c, c->stream_started, mac, buf, len, cap, now);
	if (e != ERR_OK || !is_signed(c->status))
		return e;
	c->mac_len = (uint16_t)tsig_mac_len(tsig_key_algorithm(c->key));
	memcpy(c->mac, mac, c->mac_len);
	c->stream_started = true;
	return ERR_OK;
}

enum err tsig_sign_request(struct tsig_context *c, const struct tsig_key *key, uint8_t *buf, size_t *len, size_t cap,
			   uint64_t now)
{
	assert(*len >= MESSAGE_HEADER_LEN);
	*c = (struct tsig_context){.key = key, .present = true, .status = TSIG_OK, .fudge = TSIG_FUDGE};
	c->request_time = now;
	c->now = now;
	name_set(&c->key_name, tsig_key_name(key));
	name_set(&c->alg_name, tsig_algorithm_name(tsig_key_algorithm(key)));
	c->original_id = buf_load_u16(buf);

	uint8_t mac[TSIG_MAC_MAX];
	enum err e = sign_with_context(c, false, mac, buf, len, cap, now);
	if (e != ERR_OK)
		return e;
	c->mac_len = (uint16_t)tsig_mac_len(tsig_key_algorithm(key));
	memcpy(c->mac, mac, c->mac_len);
	return ERR_OK;
}
