#include "lib/writer.h"

#include <assert.h>

#include "lib/qname.h"

enum {
	POINTER = 0xc000, /* RFC 1035 §4.1.4 */
	POINTER_OFFSET_MAX = WRITER_POINTER_REACH - 1,
	POINTER_LEN = 2,
	POINTERS_MAX = 8, /* in a row, for one name; clients give up after a number: Go after 10, dnspython after 16 */
	TABLE_FULL = WRITER_TABLE_SIZE / 4 * 3,
	FLAGS_AT = 2, /* in the header */
	COUNTS_AT = 4,
	BLOCK_RDLEN_AT = 10, /* in a ready record: owner pointer(2) type(2) class(2) ttl(4) rdlen(2) */
	BLOCK_HEADER_LEN = 12,
	QUESTION_FIXED_LEN = 4, /* type, class */
	OPT_HEADER_LEN = 11,    /* root owner, type, class, TTL, rdlen */
	EDNS_DO = 0x8000
};

_Static_assert((WRITER_TABLE_SIZE & (WRITER_TABLE_SIZE - 1)) == 0, "slots are found by masking");

void writer_init(struct writer *w)
{
	memset(w, 0, sizeof *w);
}

/* What may be written now. Never less than what is: a reserve that no longer fits means that nothing more does. */
static void set_room(struct writer *w)
{
	size_t room = w->reserve < w->limit ? w->limit - w->reserve : 0;
	w->out.cap = room > w->out.len ? room : w->out.len;
	w->out.full = false;
}

void writer_start(struct writer *w, uint8_t *buf, size_t limit, uint16_t id, uint16_t flags)
{
	assert(limit >= MESSAGE_HEADER_LEN && limit <= MESSAGE_MAX);
	w->out = buf_writer(buf, limit);
	w->limit = limit;
	w->reserve = 0;
	memset(w->count, 0, sizeof w->count);
	w->used = 0;
	w->question_only = false;
	/* Once in four thousand million messages, when slots of the first age would come alive. */
	if (++w->generation == 0) {
		memset(w->table, 0, sizeof w->table);
		w->generation = 1;
	}
	uint8_t *header = buf_room(&w->out, MESSAGE_HEADER_LEN);
	buf_store_u16(header, id);
	buf_store_u16(header + FLAGS_AT, flags);
	memset(header + COUNTS_AT, 0, sizeof w->count);
}

/* True if the name written at `at` is the lower-case name `lower`, and not behind too many pointers. The table may
 * point at what writer_rewind has since taken away and something else replaced, so these octets are read as a
 * stranger's: bounded, and pointers only backward. */
static bool stands_at(const struct writer *w, size_t at, const uint8_t *lower)
{
	struct rbuf in = buf_reader(w->out.data, w->out.len);
	uint8_t label[NAME_LABEL_MAX];
	size_t lowest = at;
	unsigned pointers = 1; /* the one to here */
	in.pos = at;
	for (;;) {
		uint8_t len = buf_get_u8(&in);
		if (len > NAME_LABEL_MAX) {
			size_t target = (size_t)(len & 0x3f) << 8 | buf_get_u8(&in);
			if (in.bad || len < POINTER >> 8 || target >= lowest || ++pointers > POINTERS_MAX)
				return false;
			in.pos = lowest = target;
			continue;
		}
		const uint8_t *octets = buf_get(&in, len);
		if (in.bad || len != *lower++)
			return false;
		if (len == 0)
			return true;
		if (memcmp(octets, lower, len) != 0) {
			name_lower(label, octets, len);
			if (memcmp(label, lower, len) != 0)
				return false;
		}
		lower += len;
	}
}

static uint16_t tag_of(uint64_t hash)
{
	return (uint16_t)(hash >> 48);
}

/* Where suffix i stands, or 0. */
static uint16_t look_up(const struct writer *w, const struct qname *q, unsigned i)
{
	uint64_t hash = q->hash[i];
	for (size_t s = hash & (WRITER_TABLE_SIZE - 1);; s = (s + 1) & (WRITER_TABLE_SIZE - 1)) {
		const struct writer_slot *slot = &w->table[s];
		if (slot->generation != w->generation)
			return 0;
		if (slot->tag != tag_of(hash) || slot->offset >= w->out.len)
			continue;
		if (stands_at(w, slot->offset, qname_suffix(q, i)))
			return slot->offset;
	}
}

/* Remembers that the suffixes before `end` stand where the name written at `at` has them. */
static void remember(struct writer *w, const struct qname *q, unsigned end, size_t at)
{
	for (unsigned i = 0; i < end; i++) {
		if (at + q->off[i] > POINTER_OFFSET_MAX || w->used >= TABLE_FULL)
			return;
		uint64_t hash = q->hash[i];
		size_t s = hash & (WRITER_TABLE_SIZE - 1);
		while (w->table[s].generation == w->generation)
			s = (s + 1) & (WRITER_TABLE_SIZE - 1);
		w->table[s] = (struct writer_slot){w->generation, (uint16_t)(at + q->off[i]), tag_of(hash)};
		w->used++;
	}
}

static void remember_question(struct writer *w)
{
	struct qname q;
	if (!w->question_only)
		return;
	w->question_only = false;
	qname_set(&q, w->out.data + MESSAGE_HEADER_LEN);
	remember(w, &q, q.labels, MESSAGE_HEADER_LEN);
}

/* Writes a name, its longest known suffix as a pointer. When it does not fit, out.full is set. */
static void put_name(struct writer *w, const uint8_t *name)
{
	struct qname q;
	unsigned fresh = 0;
	uint16_t pointer = 0;
	remember_question(w);
	qname_set(&q, name);
	while (fresh < q.labels && !(pointer = look_up(w, &q, fresh)))
		fresh++;
	size_t at = w->out.len, octets = q.off[fresh];
	uint8_t *p = buf_room(&w->out, octets + (pointer ? POINTER_LEN : 1));
	if (!p)
		return;
	memcpy(p, name, octets);
	if (pointer)
		buf_store_u16(p + octets, POINTER | pointer);
	else
		p[octets] = 0;
	remember(w, &q, fresh, at);
}

static bool put_question(struct writer *w, const uint8_t *name, size_t len, uint16_t qtype, uint16_t qclass)
{
	struct writer_mark before = writer_mark(w);
	bool first = w->out.len == MESSAGE_HEADER_LEN;
	if (first)
		buf_put(&w->out, name, len);
	else
		put_name(w, name);
	uint8_t *p = buf_room(&w->out, QUESTION_FIXED_LEN);
	if (!p) {
		writer_rewind(w, before);
		return false;
	}
	buf_store_u16(p, qtype);
	buf_store_u16(p + 2, qclass);
	w->question_only |= first;
	w->count[SECTION_QUESTION]++;
	return true;
}

bool writer_question_copy(struct writer *w, const struct message *m)
{
	size_t len = (size_t)m->qname.len + QUESTION_FIXED_LEN;
	if (!m->qname.len)
		return false;
	/* The usual one stands in the message as it will stand here. */
	if (w->out.len != MESSAGE_HEADER_LEN || m->question_end != MESSAGE_HEADER_LEN + len)
		return put_question(w, m->qname.wire, m->qname.len, m->qtype, m->qclass);
	uint8_t *p = buf_room(&w->out, len);
	w->out.full = false;
	if (!p)
		return false;
	memcpy(p, m->wire + MESSAGE_HEADER_LEN, len);
	w->question_only = true;
	w->count[SECTION_QUESTION]++;
	return true;
}

bool writer_question(struct writer *w, const uint8_t *qname, uint16_t qtype, uint16_t qclass)
{
	return put_question(w, qname, name_len(qname), qtype, qclass);
}

void writer_reserve(struct writer *w, size_t octets)
{
	w->reserve += octets;
	set_room(w);
}

void writer_unreserve(struct writer *w, size_t octets)
{
	assert(octets <= w->reserve);
	w->reserve -= octets;
	set_room(w);
}

static void put_compressed_rdata(struct writer *w, uint16_t type, const uint8_t *rdata, size_t rdlen)
{
	struct rr_shape shape = rr_compressible_shape(type);
	const uint8_t *p = rdata;
	buf_put(&w->out, p, shape.head);
	p += shape.head;
	for (unsigned i = 0; i < shape.names; i++) {
		put_name(w, p);
		p += name_len(p);
	}
	assert((size_t)(p - rdata) + shape.tail == rdlen);
	buf_put(&w->out, p, rdlen - (size_t)(p - rdata));
}

bool writer_rr(struct writer *w, enum section s, const uint8_t *owner, uint16_t type, uint16_t class, uint32_t ttl,
	       const uint8_t *rdata, size_t rdlen)
{
	struct writer_mark before = writer_mark(w);
	if (rdlen > RDATA_MAX || w->count[s] == UINT16_MAX)
		return false;
	put_name(w, owner);
	buf_put_u16(&w->out, type);
	buf_put_u16(&w->out, class);
	buf_put_u32(&w->out, ttl);
	buf_put_u16(&w->out, (uint16_t)rdlen);
	size_t rdata_at = w->out.len;
	if (rdlen && rr_compressible(type)) {
		put_compressed_rdata(w, type, rdata, rdlen);
		if (!w->out.full)
			buf_store_u16(w->out.data + rdata_at - 2, (uint16_t)(w->out.len - rdata_at));
	} else {
		buf_put(&w->out, rdata, rdlen);
	}
	if (w->out.full) {
		writer_rewind(w, before);
		return false;
	}
	w->count[s]++;
	return true;
}

/* A name with a pointer in place of the zone's, if it ends in that. */
static void put_name_in_zone(struct writer *w, const uint8_t *name, const struct writer_zone *zone)
{
	size_t len = name_len(name), cut = len >= zone->len ? len - zone->len : 0, at = 0;
	/* Nearly always the octet where the zone's first label would begin tells already. */
	bool may = len >= zone->len && name[cut] == zone->name[0];
	while (may && at < cut)
		at += name[at] + 1U;
	if (!may || at != cut || !name_equal(name + cut, zone->name)) {
		buf_put(&w->out, name, len);
		return;
	}
	buf_put(&w->out, name, cut);
	buf_put_u16(&w->out, (uint16_t)(POINTER | zone->offset));
}

bool writer_rr_in_zone(struct writer *w, enum section s, uint16_t owner_offset, const struct writer_zone *zone,
		       const struct rr *rr)
{
	struct writer_mark before = writer_mark(w);
	uint8_t *head = buf_room(&w->out, BLOCK_HEADER_LEN);
	const uint8_t *p = rr->rdata;
	if (!head || w->count[s] == UINT16_MAX)
		goto rewind;
	buf_store_u16(head, (uint16_t)(POINTER | owner_offset));
	buf_store_u16(head + 2, rr->type);
	buf_store_u16(head + 4, rr->class);
	buf_store_u32(head + 6, rr->ttl);
	if (rr_compressible(rr->type)) {
		struct rr_shape shape = rr_compressible_shape(rr->type);
		buf_put(&w->out, p, shape.head);
		p += shape.head;
		for (unsigned i = 0; i < shape.names; i++) {
			put_name_in_zone(w, p, zone);
			p += name_len(p);
		}
	}
	buf_put(&w->out, p, rr->rdlen - (size_t)(p - rr->rdata));
	if (w->out.full)
		goto rewind;
	buf_store_u16(head + BLOCK_RDLEN_AT, (uint16_t)(w->out.len - before.len - BLOCK_HEADER_LEN));
	w->count[s]++;
	return true;

rewind:
	writer_rewind(w, before);
	return false;
}

bool writer_block(struct writer *w, enum section s, uint16_t owner_offset, const uint8_t *block, size_t len,
		  unsigned count)
{
	assert(owner_offset >= MESSAGE_HEADER_LEN && owner_offset <= POINTER_OFFSET_MAX);
	if (count > (unsigned)UINT16_MAX - w->count[s])
		return false;
	uint8_t *p = buf_room(&w->out, len);
	if (!p) {
		w->out.full = false;
		return false;
	}
	if (len)
		memcpy(p, block, len);
	w->count[s] = (uint16_t)(w->count[s] + count);
	if (owner_offset == MESSAGE_HEADER_LEN && len && buf_load_u16(p) == (POINTER | MESSAGE_HEADER_LEN))
		return true;
	for (; count; count--) {
		buf_store_u16(p, POINTER | owner_offset);
		p += BLOCK_HEADER_LEN + buf_load_u16(p + BLOCK_RDLEN_AT);
	}
	return true;
}

bool writer_block_under(struct writer *w, enum section s, const uint8_t *labels, size_t fresh, uint16_t rest_offset,
			const uint8_t *block, size_t len, unsigned count)
{
	size_t at = w->out.len;
	assert(rest_offset >= MESSAGE_HEADER_LEN && at <= POINTER_OFFSET_MAX && count && fresh);
	if (count > (unsigned)UINT16_MAX - w->count[s])
		return false;
	uint8_t *p = buf_room(&w->out, fresh + len);
	if (!p) {
		w->out.full = false;
		return false;
	}
	memcpy(p, labels, fresh);
	memcpy(p + fresh, block, len);
	p += fresh;
	w->count[s] = (uint16_t)(w->count[s] + count);
	buf_store_u16(p, (uint16_t)(POINTER | rest_offset));
	while (--count) {
		p += BLOCK_HEADER_LEN + buf_load_u16(p + BLOCK_RDLEN_AT);
		buf_store_u16(p, (uint16_t)(POINTER | at));
	}
	return true;
}

/* The same as look_up of the whole name, while the question's is the only name there. */
static uint16_t find_in_question(const struct writer *w, const uint8_t *name)
{
	const uint8_t *question = w->out.data + MESSAGE_HEADER_LEN;
	unsigned labels = name_labels(name), there = name_labels(question);
	if (labels == 0 || labels > there)
		return 0;
	const uint8_t *suffix = name_strip(question, there - labels);
	return name_equal(suffix, name) ? (uint16_t)(suffix - w->out.data) : 0;
}

uint16_t writer_find(const struct writer *w, const uint8_t *name)
{
	struct qname q;
	if (w->question_only)
		return find_in_question(w, name);
	qname_set(&q, name);
	return q.labels ? look_up(w, &q, 0) : 0;
}

struct writer_mark writer_mark(const struct writer *w)
{
	struct writer_mark mark = {.len = w->out.len};
	memcpy(mark.count, w->count, sizeof mark.count);
	return mark;
}

void writer_rewind(struct writer *w, struct writer_mark mark)
{
	assert(mark.len >= MESSAGE_HEADER_LEN && mark.len <= w->out.len);
	w->out.len = mark.len;
	memcpy(w->count, mark.count, sizeof w->count);
	if (mark.len == MESSAGE_HEADER_LEN)
		w->question_only = false;
	set_room(w);
}

bool writer_opt(struct writer *w, uint16_t udp_size, uint8_t ext_rcode, bool dnssec_ok, const uint8_t *opt,
		size_t opt_len)
{
	assert(opt_len <= RDATA_MAX);
	uint8_t *p = buf_room(&w->out, OPT_HEADER_LEN + opt_len);
	if (!p) {
		w->out.full = false;
		return false;
	}
	*p++ = 0; /* owner: the root */
	buf_store_u16(p, TYPE_OPT);
	buf_store_u16(p + 2, udp_size);
	*(p + 4) = ext_rcode;
	*(p + 5) = 0; /* version */
	buf_store_u16(p + 6, dnssec_ok ? EDNS_DO : 0);
	buf_store_u16(p + 8, (uint16_t)opt_len);
	if (opt_len)
		memcpy(p + 10, opt, opt_len);
	w->count[SECTION_ADDITIONAL]++;
	return true;
}

void writer_set_flags(struct writer *w, uint16_t flags)
{
	buf_store_u16(w->out.data + FLAGS_AT, flags);
}

uint16_t writer_flags(const struct writer *w)
{
	return buf_load_u16(w->out.data + FLAGS_AT);
}

size_t writer_finish(struct writer *w)
{
	for (unsigned s = SECTION_QUESTION; s <= SECTION_ADDITIONAL; s++)
		buf_store_u16(w->out.data + COUNTS_AT + 2 * s, w->count[s]);
	return w->out.len;
}
