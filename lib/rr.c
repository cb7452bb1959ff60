#include "lib/rr.h"

#include "lib/rr_table.h"

enum {
	SOA_TIMERS_LEN = 20,  /* serial, refresh, retry, expire, minimum: 32 bits each */
	BITMAP_BLOCK_MAX = 32 /* octets in one window, RFC 4034 §4.1.2 */
};

/* Called for a name that stands in the RDATA as it is, with its place; false ends the walk early. */
typedef bool visit_fn(void *arg, const uint8_t *name, size_t at, size_t len);

/* One pass over one RDATA. `in` ends where the RDATA ends, and starts where the message does, if there is one. */
struct walk {
	struct rbuf in;
	struct wbuf *out;        /* the uncompressed form goes here, NULL = nowhere */
	size_t copied;           /* in.data up to here is in `out` */
	bool in_message;         /* pointers may occur where the layout has them */
	struct namecheck *names; /* only to check the names of a message, NULL = to read them */
	visit_fn *visit;         /* NULL or called for every name; only when not in_message */
	void *arg;
	bool stopped; /* visit said enough */
};

static bool is_name(uint8_t piece)
{
	return piece >= PIECE_NAME_COMPRESSED && piece <= PIECE_NAME_PLAIN;
}

static bool take(struct walk *w, size_t octets)
{
	buf_get(&w->in, octets);
	return !w->in.bad;
}

/* What was passed over since the last call goes to `out` in one copy. */
static void flush(struct walk *w)
{
	if (w->out)
		buf_put(w->out, w->in.data + w->copied, w->in.pos - w->copied);
	w->copied = w->in.pos;
}

static bool take_plain_name(struct walk *w)
{
	size_t at = w->in.pos;
	uint8_t label;
	while ((label = buf_get_u8(&w->in)) != 0)
		if (label > NAME_LABEL_MAX || !take(w, label))
			return false;
	size_t len = w->in.pos - at;
	if (w->in.bad || len > NAME_WIRE_MAX)
		return false;
	if (w->visit && !w->visit(w->arg, w->in.data + at, at, len))
		w->stopped = true;
	return true;
}

static bool take_name(struct walk *w, uint8_t piece)
{
	struct name name;
	if (!w->in_message || piece == PIECE_NAME_PLAIN)
		return take_plain_name(w);
	if (w->names) {
		size_t octets;
		return namecheck_pass(w->names, &w->in, &octets) == ERR_OK;
	}
	flush(w);
	if (name_parse(&w->in, &name) != ERR_OK)
		return false;
	if (w->out)
		buf_put(w->out, name.wire, name.len);
	w->copied = w->in.pos;
	return true;
}

static bool take_string(struct walk *w)
{
	return take(w, buf_get_u8(&w->in));
}

static bool take_string_some(struct walk *w)
{
	uint8_t len = buf_get_u8(&w->in);
	return len && take(w, len);
}

static bool take_strings(struct walk *w)
{
	do
		if (!take_string(w))
			return false;
	while (buf_left(&w->in));
	return true;
}

/* Windows in ascending order, each without trailing zero octets, so none empty (RFC 4034 §4.1.2). */
static bool take_bitmap(struct walk *w)
{
	int last = -1;
	while (buf_left(&w->in)) {
		uint8_t window = buf_get_u8(&w->in), len = buf_get_u8(&w->in);
		const uint8_t *bits = buf_get(&w->in, len);
		if (!bits || len == 0 || len > BITMAP_BLOCK_MAX || window <= last || bits[len - 1] == 0)
			return false;
		last = window;
	}
	return true;
}

/* Items of family(2) prefix(1) negation and length(1) address; the address without trailing zero octets (RFC 3123
 * §4). */
static bool take_apl(struct walk *w)
{
	enum { FAMILY_IP4 = 1, FAMILY_IP6 = 2, LENGTH_MASK = 0x7f };
	while (buf_left(&w->in)) {
		uint16_t family = buf_get_u16(&w->in);
		uint8_t prefix = buf_get_u8(&w->in), len = buf_get_u8(&w->in) & LENGTH_MASK;
		const uint8_t *address = buf_get(&w->in, len);
		if (!address || (len && address[len - 1] == 0))
			return false;
		if (family == FAMILY_IP4 && (prefix > 32 || len > 4))
			return false;
		if (family == FAMILY_IP6 && (prefix > 128 || len > 16))
			return false;
	}
	return true;
}

/* Each key(2) length(2) value, keys strictly ascending (RFC 9460 §2.2). */
static bool take_svc_params(struct walk *w)
{
	int last = -1;
	while (buf_left(&w->in)) {
		uint16_t key = buf_get_u16(&w->in);
		if (!take(w, buf_get_u16(&w->in)) || key <= last)
			return false;
		last = key;
	}
	return true;
}

static bool take_ipseckey_gateway(struct walk *w)
{
	uint8_t kind = buf_get_u8(&w->in);
	if (!take(w, 1)) /* algorithm */
		return false;
	switch (kind) {
	case 0:
		return true;
	case 1:
		return take(w, 4);
	case 2:
		return take(w, 16);
	case 3:
		return take_plain_name(w);
	default:
		return false;
	}
}

static bool take_hip(struct walk *w)
{
	uint8_t hit_len = buf_get_u8(&w->in);
	buf_get_u8(&w->in); /* algorithm */
	uint16_t key_len = buf_get_u16(&w->in);
	if (hit_len == 0 || key_len == 0 || !take(w, hit_len) || !take(w, key_len))
		return false;
	while (buf_left(&w->in) && !w->stopped)
		if (!take_plain_name(w))
			return false;
	return true;
}

static bool take_piece(struct walk *w, uint8_t piece)
{
	if (piece <= PIECE_FIXED_MAX)
		return take(w, piece);
	size_t left = buf_left(&w->in);
	switch ((enum piece)piece) {
	case PIECE_NAME_COMPRESSED:
	case PIECE_NAME_DECOMPRESSED:
	case PIECE_NAME_PLAIN:
		return take_name(w, piece);
	case PIECE_STRING:
		return take_string(w);
	case PIECE_STRING_SOME:
		return take_string_some(w);
	case PIECE_STRING_OPTIONAL:
		return left == 0 || take_string(w);
	case PIECE_STRINGS:
		return take_strings(w);
	case PIECE_BLOB16:
		return take(w, buf_get_u16(&w->in));
	case PIECE_REST:
		return take(w, left);
	case PIECE_REST_SOME:
		return left && take(w, left);
	case PIECE_BITMAP:
		return take_bitmap(w);
	case PIECE_BITMAP_SOME:
		return left && take_bitmap(w);
	case PIECE_APL:
		return take_apl(w);
	case PIECE_SVC_PARAMS:
		return take_svc_params(w);
	case PIECE_IPSECKEY:
		return take_ipseckey_gateway(w);
	case PIECE_HIP:
		return take_hip(w);
	case PIECE_END:
	case PIECE_FIXED_MAX:
		break;
	}
	return false;
}

/* Goes over the RDATA once, by its row; opaque when there is none. */
static enum err walk(struct walk *w, const struct rr_row *row)
{
	static const uint8_t opaque[] = {PIECE_REST, PIECE_END};
	if (w->in.bad)
		return ERR_FORMAT;
	w->copied = w->in.pos;
	for (const uint8_t *piece = row->layout[0] ? row->layout : opaque; *piece && !w->stopped; piece++)
		if (!take_piece(w, *piece))
			return ERR_FORMAT;
	if (w->stopped)
		return ERR_OK;
	if (buf_left(&w->in))
		return ERR_FORMAT;
	flush(w);
	return w->out && w->out->full ? ERR_NOSPACE : ERR_OK;
}

/* Walks the RDATA at msg->pos, which moves behind it. */
static enum err walk_in_message(struct walk *w, struct rbuf *msg, uint16_t type, uint16_t rdlen)
{
	if (msg->bad || rdlen > buf_left(msg)) {
		msg->bad = true;
		return ERR_FORMAT;
	}
	w->in = buf_reader(msg->data, msg->pos + rdlen);
	w->in.pos = msg->pos;
	enum err err = walk(w, rr_table_row(type));
	if (err)
		msg->bad = true;
	else
		msg->pos = w->in.len;
	return err;
}

enum err rr_parse_rdata(struct rbuf *msg, uint16_t type, uint16_t rdlen, struct wbuf *out)
{
	struct walk w = {.out = out, .in_message = true};
	return walk_in_message(&w, msg, type, rdlen);
}

enum err rr_pass_rdata(struct rbuf *msg, uint16_t type, uint16_t rdlen, struct namecheck *names)
{
	struct walk w = {.in_message = true, .names = names};
	return walk_in_message(&w, msg, type, rdlen);
}

/* Over RDATA that stands alone; NULL is as good as any other place for none. */
static struct rbuf rdata_reader(const uint8_t *rdata, size_t rdlen)
{
	return buf_reader(rdlen ? rdata : (const uint8_t *)"", rdlen);
}

enum err rr_check_rdata(uint16_t type, const uint8_t *rdata, size_t rdlen)
{
	if (rdlen > RDATA_MAX)
		return ERR_FORMAT;
	struct walk w = {.in = rdata_reader(rdata, rdlen)};
	return walk(&w, rr_table_row(type));
}

static void each_name(const struct rr_row *row, const uint8_t *rdata, size_t rdlen, visit_fn *visit, void *arg)
{
	struct walk w = {.in = rdata_reader(rdata, rdlen), .visit = visit, .arg = arg};
	enum err err = walk(&w, row);
	/* Trusted RDATA walks to its end; and if it did not, the names before the fault have been seen. */
	(void)err;
}

/* Comparison of a and b with the names of a folded to lower case. Where names stand in RDATA follows from the octets
 * before, so up to the first difference the names of b stand in the same places. */
struct comparison {
	const uint8_t *a, *b;
	size_t len; /* octets that both have */
	size_t at;  /* compared so far */
	int diff;
};

static void compare_exact(struct comparison *c, size_t end)
{
	if (end > c->len)
		end = c->len;
	if (end > c->at && c->diff == 0)
		c->diff = memcmp(c->a + c->at, c->b + c->at, end - c->at);
	c->at = end;
}

static bool compare_name(void *arg, const uint8_t *name, size_t at, size_t len)
{
	struct comparison *c = arg;
	uint8_t lower_a[NAME_WIRE_MAX], lower_b[NAME_WIRE_MAX];
	(void)name;
	compare_exact(c, at);
	if (c->diff || at >= c->len)
		return false;
	if (len > c->len - at)
		len = c->len - at;
	name_lower(lower_a, c->a + at, len);
	name_lower(lower_b, c->b + at, len);
	c->diff = memcmp(lower_a, lower_b, len);
	c->at = at + len;
	return c->diff == 0;
}

/* As left-justified octet strings, a prefix first (RFC 4034 §6.3). */
static int compare(const struct rr_row *row, bool fold, const uint8_t *a, size_t alen, const uint8_t *b, size_t blen)
{
	struct comparison c = {.a = a, .b = b, .len = alen < blen ? alen : blen};
	if (fold)
		each_name(row, a, alen, compare_name, &c);
	compare_exact(&c, c.len);
	return c.diff ? c.diff : (alen > blen) - (alen < blen);
}

bool rr_rdata_equal(uint16_t type, const uint8_t *a, size_t alen, const uint8_t *b, size_t blen)
{
	if (alen != blen)
		return false;
	if (alen == 0 || memcmp(a, b, alen) == 0)
		return true;
	return compare(rr_table_row(type), true, a, alen, b, blen) == 0;
}

int rr_rdata_compare(uint16_t type, const uint8_t *a, size_t alen, const uint8_t *b, size_t blen)
{
	const struct rr_row *row = rr_table_row(type);
	return compare(row, row->lowered, a, alen, b, blen);
}

struct name_call {
	rr_name_fn *fn;
	void *arg;
};

static bool call_with_name(void *arg, const uint8_t *name, size_t at, size_t len)
{
	const struct name_call *call = arg;
	(void)at;
	(void)len;
	return call->fn(call->arg, name);
}

void rr_each_name(uint16_t type, const uint8_t *rdata, size_t rdlen, rr_name_fn *fn, void *arg)
{
	struct name_call call = {fn, arg};
	each_name(rr_table_row(type), rdata, rdlen, call_with_name, &call);
}

bool rr_compressible(uint16_t type)
{
	const struct rr_row *row = rr_table_row(type);
	return row->layout[0] == PIECE_NAME_COMPRESSED || row->layout[1] == PIECE_NAME_COMPRESSED;
}

struct rr_shape rr_compressible_shape(uint16_t type)
{
	struct rr_shape shape = {0, 0, 0};
	for (const uint8_t *piece = rr_table_row(type)->layout; *piece; piece++)
		if (is_name(*piece))
			shape.names++;
		else if (shape.names)
			shape.tail = (uint8_t)(shape.tail + *piece);
		else
			shape.head = (uint8_t)(shape.head + *piece);
	return shape;
}

const uint8_t *rr_additional_name(uint16_t type, const uint8_t *rdata, size_t rdlen)
{
	uint8_t place = rr_table_row(type)->additional;
	return place && rdlen >= place ? rdata + place - 1 : NULL;
}

bool rr_type_is_meta(uint16_t type)
{
	return type == 0 || type == TYPE_OPT || (type >= 128 && type <= 255);
}

bool rr_type_is_singleton(uint16_t type)
{
	return type == TYPE_CNAME || type == TYPE_DNAME || type == TYPE_SOA || type == TYPE_NSEC;
}

bool rr_type_is_dnssec_denial_or_sig(uint16_t type)
{
	return type == TYPE_RRSIG || type == TYPE_NSEC || type == TYPE_NSEC3;
}

bool rr_soa_parse(struct rr_soa *soa, const uint8_t *rdata, size_t rdlen)
{
	struct walk w = {.in = rdata_reader(rdata, rdlen)};
	if (!take_plain_name(&w))
		return false;
	soa->mname = rdata;
	soa->rname = rdata + w.in.pos;
	if (!take_plain_name(&w) || buf_left(&w.in) != SOA_TIMERS_LEN)
		return false;
	soa->serial = buf_get_u32(&w.in);
	soa->refresh = buf_get_u32(&w.in);
	soa->retry = buf_get_u32(&w.in);
	soa->expire = buf_get_u32(&w.in);
	soa->minimum = buf_get_u32(&w.in);
	return true;
}

void rr_soa_set_serial(uint8_t *rdata, size_t rdlen, uint32_t serial)
{
	if (rdlen >= SOA_TIMERS_LEN)
		buf_store_u32(rdata + rdlen - SOA_TIMERS_LEN, serial);
}
