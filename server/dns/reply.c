/* reply.c: see reply.h. */
#include "server/dns/reply.h"

#include "lib/clock.h"

enum {
	OPT_ROOM = 11,  /* root owner 1, type 2, size 2, RCODE and flags 4, length 2 (RFC 6891 §6.1.2) */
	UDP_PLAIN = 512 /* octets, RFC 1035 §4.2.1; also what smaller EDNS sizes mean, RFC 6891 §6.2.3 */
};

void reply_set(struct reply *r, uint16_t id, uint16_t request_flags, size_t limit)
{
	r->id = id;
	/* RD is copied (RFC 1035 §4.1.1), CD too (RFC 4035 §3.1.6); RA and AD are off: we neither recurse nor
	 * validate. UPDATE has none of these bits (RFC 2136 §2.2). */
	bool update = (request_flags & FLAG_OPCODE_MASK) >> FLAG_OPCODE_SHIFT == OPCODE_UPDATE;
	unsigned copied = update ? FLAG_OPCODE_MASK : FLAG_OPCODE_MASK | FLAG_RD | FLAG_CD;
	r->flags = (uint16_t)(FLAG_QR | (request_flags & copied));
	r->edns = false;
	r->dnssec_ok = false;
	r->udp_size = 0;
	r->limit = limit;
	r->tsig.present = false;
	options_clear(&r->options);
}

void reply_set_edns(struct reply *r, const struct edns *edns, bool udp, uint16_t udp_size)
{
	r->edns = true;
	r->dnssec_ok = edns->dnssec_ok;
	r->udp_size = udp_size;
	if (!udp)
		return;
	size_t limit = edns->udp_size < udp_size ? edns->udp_size : udp_size;
	r->limit = limit < UDP_PLAIN ? UDP_PLAIN : limit;
}

static size_t tsig_room(const struct reply *r)
{
	return r->tsig.present ? tsig_answer_room(&r->tsig) : 0;
}

static size_t tail_room(const struct reply *r)
{
	size_t room = r->edns ? OPT_ROOM + options_room(&r->options) : 0;
	return room + tsig_room(r);
}

/* Its room was set aside; a limit too small for that leaves out first options, then all of it. */
static void put_opt(const struct reply *r, struct writer *w, unsigned rcode)
{
	uint8_t options[OPTIONS_MAX];
	size_t len = 0, taken = w->out.len + tsig_room(r) + OPT_ROOM;
	if (r->options.given && taken < r->limit)
		len = options_put(&r->options, options, r->limit - taken);
	if (!writer_opt(w, r->udp_size, (uint8_t)(rcode >> 4), r->dnssec_ok, options, len))
		writer_set_flags(w, writer_flags(w) | FLAG_TC);
}

void reply_start(const struct reply *r, struct writer *w, uint8_t *out)
{
	writer_start(w, out, r->limit, r->id, r->flags);
	writer_reserve(w, tail_room(r));
}

size_t reply_finish(struct reply *r, struct writer *w, unsigned rcode, bool stream)
{
	writer_unreserve(w, tail_room(r));
	writer_set_flags(w, (uint16_t)((unsigned)writer_flags(w) | (rcode & FLAG_RCODE_MASK)));
	if (r->edns)
		put_opt(r, w, rcode);
	uint8_t *message = w->out.data;
	size_t len = writer_finish(w);
	if (!r->tsig.present)
		return len;
	enum err e = stream ? tsig_sign_stream(&r->tsig, message, &len, r->limit, clock_unix())
			    : tsig_sign_answer(&r->tsig, message, &len, r->limit, clock_unix());
	return e ? 0 : len;
}
