#include "lib/message.h"

#include <stdio.h>

enum {
	EDNS_DO = 0x8000,        /* in the lower half of the OPT record's TTL, RFC 6891 §6.1.4 */
	EDNS_RCODE_SHIFT = 24,   /* the TTL's first octet */
	EDNS_VERSION_SHIFT = 16, /* its second */
	OPTION_HEADER_LEN = 4,
	QUESTION_FIXED_LEN = 4, /* type, class */
	FIXED_LEN = 10          /* type, class, TTL, length of RDATA */
};

/* Of the message that is being parsed: too large for the stack of every query. */
static _Thread_local struct namecheck names;

/* What stands between the owner and the RDATA. */
struct fixed {
	uint16_t type, class;
	uint32_t ttl;
	uint16_t rdlen;
};

static bool take_fixed(struct rbuf *in, struct fixed *f)
{
	const uint8_t *p = buf_get(in, FIXED_LEN);
	if (!p)
		return false;
	f->type = buf_load_u16(p);
	f->class = buf_load_u16(p + 2);
	f->ttl = buf_load_u32(p + 4);
	f->rdlen = buf_load_u16(p + 8);
	return true;
}

/* Only these say what their RDATA is; others may mean anything by the same bytes, and get NOTIMP for it. */
static bool opcode_has_records(const struct message *m)
{
	enum opcode opcode = message_opcode(m);
	return opcode == OPCODE_QUERY || opcode == OPCODE_NOTIFY || opcode == OPCODE_UPDATE;
}

/* What an UPDATE wants done: judged record by record, when it is known who wants it. */
static bool is_judged_later(const struct message *m, enum section section)
{
	return message_opcode(m) == OPCODE_UPDATE && (section == SECTION_PREREQ || section == SECTION_UPDATE);
}

/* The forms of UPDATE that speak of a name or an RRset without RDATA (RFC 2136 §2.4, §2.5). */
static bool is_update_shorthand(const struct message *m, const struct fixed *f)
{
	return f->rdlen == 0 && message_opcode(m) == OPCODE_UPDATE && (f->class == CLASS_ANY || f->class == CLASS_NONE);
}

static bool options_are_whole(const uint8_t *opt, size_t len)
{
	struct rbuf in = buf_reader(opt, len);
	while (buf_left(&in)) {
		buf_get_u16(&in);
		buf_get(&in, buf_get_u16(&in));
		if (in.bad)
			return false;
	}
	return true;
}

/* The RDATA of an OPT record stands at in->pos. */
static enum err take_opt(struct message *m, struct rbuf *in, const struct fixed *f, bool owner_is_root)
{
	const uint8_t *opt = buf_get(in, f->rdlen);
	if (!opt || m->edns.present || !owner_is_root || !options_are_whole(opt, f->rdlen))
		return ERR_FORMAT;
	m->edns = (struct edns){
		.present = true,
		.version = (uint8_t)(f->ttl >> EDNS_VERSION_SHIFT),
		.ext_rcode = (uint8_t)(f->ttl >> EDNS_RCODE_SHIFT),
		.dnssec_ok = (f->ttl & EDNS_DO) != 0,
		.udp_size = f->class,
		.opt_len = f->rdlen,
		.opt = opt,
	};
	return ERR_OK;
}

static enum err take_question(struct message *m, struct rbuf *in, bool first)
{
	size_t octets;
	enum err err = first ? name_parse(in, &m->qname) : namecheck_pass(&names, in, &octets);
	const uint8_t *fixed = buf_get(in, QUESTION_FIXED_LEN);
	if (err || !fixed) {
		m->qname.len = first ? 0 : m->qname.len;
		return ERR_FORMAT;
	}
	if (!first)
		return ERR_OK;
	m->qtype = buf_load_u16(fixed);
	m->qclass = buf_load_u16(fixed + 2);
	m->question_end = in->pos;
	return ERR_OK;
}

/* True for a SIG record that signs the message: it covers type 0 (RFC 2931 §3). RDATA is checked. */
static bool is_sig0(const struct fixed *f, const uint8_t *rdata)
{
	return f->type == TYPE_SIG && f->rdlen >= 2 && buf_load_u16(rdata) == 0;
}

/* Checks one record, and notes it if it is one of those that speak of the message. */
static enum err take_record(struct message *m, struct rbuf *in, enum section section, bool last)
{
	size_t at = in->pos, owner_octets;
	struct fixed f;
	if (namecheck_pass(&names, in, &owner_octets) != ERR_OK || !take_fixed(in, &f))
		return ERR_FORMAT;
	if (f.type == TYPE_OPT)
		return section == SECTION_ADDITIONAL ? take_opt(m, in, &f, owner_octets == 1) : ERR_FORMAT;
	if (f.type == TYPE_TSIG) {
		if (section != SECTION_ADDITIONAL || !last || f.class != CLASS_ANY)
			return ERR_FORMAT;
		m->tsig_at = at;
	}
	if ((!opcode_has_records(m) || is_judged_later(m, section)) && f.type != TYPE_TSIG)
		return buf_get(in, f.rdlen) ? ERR_OK : ERR_FORMAT;
	size_t rdata_at = in->pos;
	if (rr_pass_rdata(in, f.type, f.rdlen, &names) != ERR_OK)
		return ERR_FORMAT;
	if (last && section == SECTION_ADDITIONAL && is_sig0(&f, in->data + rdata_at))
		m->sig0_at = at;
	return ERR_OK;
}

/* All but the name: that is 255 octets which a query does not need cleared. */
static void clear(struct message *m, const uint8_t *wire, size_t len)
{
	m->wire = wire;
	m->len = len;
	m->qname.len = 0;
	m->qtype = m->qclass = 0;
	m->question_end = MESSAGE_HEADER_LEN;
	m->edns = (struct edns){.present = false};
	m->tsig_at = m->sig0_at = m->name_steps = 0;
}

static void take_header(struct message *m, const uint8_t *header)
{
	m->id = buf_load_u16(header);
	m->flags = buf_load_u16(header + 2);
	for (unsigned s = SECTION_QUESTION; s <= SECTION_ADDITIONAL; s++) {
		m->count[s] = buf_load_u16(header + 4 + 2 * s);
		m->section[s] = MESSAGE_HEADER_LEN;
	}
}

static enum err take_message(struct message *m)
{
	struct rbuf in = buf_reader(m->wire, m->len);
	in.pos = MESSAGE_HEADER_LEN;
	for (unsigned i = 0; i < m->count[SECTION_QUESTION]; i++)
		if (take_question(m, &in, i == 0) != ERR_OK)
			return ERR_FORMAT;
	for (enum section s = SECTION_ANSWER; s <= SECTION_ADDITIONAL; s++) {
		m->section[s] = in.pos;
		for (unsigned i = 0; i < m->count[s]; i++)
			if (take_record(m, &in, s, i + 1U == m->count[s]) != ERR_OK)
				return ERR_FORMAT;
	}
	return buf_left(&in) ? ERR_FORMAT : ERR_OK;
}

enum err message_parse(struct message *m, const uint8_t *wire, size_t len)
{
	static const uint8_t none[MESSAGE_HEADER_LEN];
	clear(m, wire, len);
	take_header(m, len < MESSAGE_HEADER_LEN ? none : wire);
	if (len < MESSAGE_HEADER_LEN || len > MESSAGE_MAX)
		return ERR_FORMAT;
	namecheck_begin(&names, len);
	enum err err = take_message(m);
	m->name_steps = names.steps;
	return err;
}

enum err message_next_rr(const struct message *m, size_t *at, struct name *owner, struct wbuf *scratch, struct rr *rr)
{
	struct rbuf in = buf_reader(m->wire, m->len);
	if (*at > m->len)
		return ERR_FORMAT;
	in.pos = *at;
	struct fixed f;
	if (name_parse(&in, owner) != ERR_OK || !take_fixed(&in, &f))
		return ERR_FORMAT;
	size_t start = scratch->len, end = in.pos + f.rdlen;
	if (end > m->len)
		return ERR_FORMAT;
	*at = end;
	enum err err = ERR_OK;
	if (!is_update_shorthand(m, &f))
		err = rr_parse_rdata(&in, f.type, f.rdlen, scratch);
	if (!err && scratch->len - start > RDATA_MAX)
		err = ERR_FORMAT;
	if (err)
		scratch->len = start;
	*rr = (struct rr){
		.owner = owner->wire,
		.type = f.type,
		.class = f.class,
		.ttl = f.ttl,
		.rdlen = (uint16_t)(scratch->len - start),
		.rdata = scratch->data + start,
	};
	return err;
}

const uint8_t *message_edns_option(const struct edns *e, uint16_t code, uint16_t *len)
{
	*len = 0;
	if (!e->present)
		return NULL;
	struct rbuf in = buf_reader(e->opt, e->opt_len);
	while (buf_left(&in) >= OPTION_HEADER_LEN) {
		uint16_t found = buf_get_u16(&in);
		*len = buf_get_u16(&in);
		const uint8_t *data = buf_get(&in, *len);
		if (!data || found == code)
			return data;
	}
	*len = 0;
	return NULL;
}

const char *message_rcode_to_text(unsigned rcode, char out[MESSAGE_RCODE_TEXT_MAX])
{
	static const char *const words[] = {"NOERROR",  "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED",
					    "YXDOMAIN", "YXRRSET", "NXRRSET",  "NOTAUTH",  "NOTZONE"};
	if (rcode < sizeof words / sizeof words[0])
		return words[rcode];
	snprintf(out, MESSAGE_RCODE_TEXT_MAX, "RCODE %u", rcode);
	return out;
}
