/* reply.h: the frame of every answer: header, question, then at the end OPT and TSIG, with their room set aside from
 * the start.
 *
 *   reply_start     header (ID, opcode, RD and CD as asked unless it is an UPDATE, QR), room for OPT with the options asked for, and TSIG
 *   …               question and records, by the caller with lib/writer.h
 *   reply_finish    RCODE, OPT (only if the request had one), TSIG (only if the request was signed)
 *
 * A struct reply is plain data: copied, it serves an answer that is made later (an UPDATE's after its commit, a
 * transfer's messages). Then the key in `tsig` must be kept with access_hold. Threads: belongs to one. */
#ifndef ROOST_SERVER_DNS_REPLY_H
#define ROOST_SERVER_DNS_REPLY_H

#include "lib/tsig.h"
#include "lib/writer.h"
#include "server/dns/options.h"

struct reply {
	uint16_t id;
	uint16_t flags; /* QR, opcode, RD, CD */
	bool edns;      /* the answer carries OPT */
	bool dnssec_ok;
	uint16_t udp_size; /* what our OPT offers */
	size_t limit;      /* octets the answer may have */
	struct tsig_context tsig;
	struct options options; /* what is asked is set before reply_start, what is given before reply_finish */
};

/* What the header tells; no EDNS, no TSIG, and `limit` octets. */
void reply_set(struct reply *r, uint16_t id, uint16_t request_flags, size_t limit);
/* Adds what the request's OPT asks for. udp: the limit rises to what the client takes, but not over udp_size. */
void reply_set_edns(struct reply *r, const struct edns *edns, bool udp, uint16_t udp_size);

/* out must hold r->limit octets. */
void reply_start(const struct reply *r, struct writer *w, uint8_t *out);

/* Adds the end. Returns the message's length, or 0 when TSIG did not fit: then there is nothing that could be sent (a
 * client that signs takes no unsigned answer). stream: one of the messages of a transfer. */
size_t reply_finish(struct reply *r, struct writer *w, unsigned rcode, bool stream);

#endif
