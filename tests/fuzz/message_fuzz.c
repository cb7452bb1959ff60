/* message_fuzz.c: any octets as a message: what message_parse takes, every record of it can be read again, and TSIG. */
#include "lib/tsig.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

/* The opcodes whose records message_parse reads (message.h); of others it only knows where they are. */
static bool has_records(const struct message *m)
{
	enum opcode opcode = message_opcode(m);

	return opcode == OPCODE_QUERY || opcode == OPCODE_NOTIFY || opcode == OPCODE_UPDATE;
}

/* RDATA that a message may have though its type's layout does not allow it: none (UPDATE) and what nobody stores. */
static bool may_be_odd(const struct message *m, const struct rr *rr)
{
	return !rr->rdlen || rr_type_is_meta(rr->type) ||
	       (message_opcode(m) == OPCODE_UPDATE && (rr->class == CLASS_ANY || rr->class == CLASS_NONE));
}

static void read_records(const struct message *m)
{
	static uint8_t octets[RDATA_MAX];
	size_t at = m->section[SECTION_ANSWER];

	for (unsigned s = SECTION_ANSWER; s <= SECTION_ADDITIONAL; s++) {
		if (at != m->section[s])
			abort();
		for (unsigned i = 0; i < m->count[s]; i++) {
			struct wbuf scratch = buf_writer(octets, sizeof octets);
			struct name owner;
			struct rr rr;
			bool judged_later = message_opcode(m) == OPCODE_UPDATE && s != SECTION_ADDITIONAL;
			bool bad = message_next_rr(m, &at, &owner, &scratch, &rr) != ERR_OK;
			if (bad && (!judged_later || rr.rdlen))
				abort();
			if (owner.len != name_len(rr.owner))
				abort();
			if (!may_be_odd(m, &rr) && rr_check_rdata(rr.type, rr.rdata, rr.rdlen))
				abort();
		}
	}
	if (at != m->len)
		abort();
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct message m;
	struct tsig_rr t;

	if (size > MESSAGE_MAX || message_parse(&m, data, size))
		return 0;
	if (has_records(&m))
		read_records(&m);
	if (m.tsig_at && !tsig_parse(&t, &m) && (t.mac < data || t.mac + t.mac_len > data + size))
		abort();
	return 0;
}
