/* writer.h: building a DNS message, with name compression (RFC 1035 §4.1.4).
 *
 * A writer fills a caller's buffer up to `limit` octets. Records are added whole or not at all: when one does not
 * fit, the call returns false, the message is as before, and the caller decides (TC, next message, leave it out).
 * Room that must stay free for OPT and TSIG is set aside first with writer_reserve and given back before they are
 * written.
 *
 * Compression remembers where names (and all their suffixes) were written, up to offset 0x3fff; look-up is
 * case-insensitive, so the question's case is what a compressed name shows. The table is open-addressed, cleared by a
 * generation number: starting a message costs nothing. Threads: a writer belongs to one; reuse it for message after
 * message. */
#ifndef ROOST_LIB_WRITER_H
#define ROOST_LIB_WRITER_H

#include "lib/message.h"

enum { WRITER_TABLE_SIZE = 1024 }; /* slots; power of two; when 3/4 full no further names are remembered */

struct writer_slot {
	uint32_t generation;
	uint16_t offset;
	uint16_t tag;
};

struct writer {
	struct wbuf out;
	size_t limit;   /* octets the message may have, reserve included */
	size_t reserve; /* octets set aside */
	uint16_t count[4];
	uint32_t generation;
	uint16_t used;
	bool question_only; /* the one name written stands at offset 12 and is not in the table yet: most answers never look */
	struct writer_slot table[WRITER_TABLE_SIZE];
};

/* Once per writer object. */
void writer_init(struct writer *w);

/* Starts a message of at most `limit` octets in buf (limit <= MESSAGE_MAX): a header with the ID and flags, no
 * sections. */
void writer_start(struct writer *w, uint8_t *buf, size_t limit, uint16_t id, uint16_t flags);

/* Copies the question section's first question from m as it came (case kept) and remembers its name. */
bool writer_question_copy(struct writer *w, const struct message *m);
bool writer_question(struct writer *w, const uint8_t *qname, uint16_t qtype, uint16_t qclass);

void writer_reserve(struct writer *w, size_t octets);
void writer_unreserve(struct writer *w, size_t octets);

/* Adds one record. The owner is compressed; RDATA names are for compressible types (rr_compressible). */
bool writer_rr(struct writer *w, enum section s, const uint8_t *owner, uint16_t type, uint16_t class, uint32_t ttl,
	       const uint8_t *rdata, size_t rdlen);

/* A zone's name that stands in the message already: nearly every name in a zone's records ends in it. */
struct writer_zone {
	const uint8_t *name; /* lower-case wire */
	size_t len;
	uint16_t offset;
};

/* Adds a record whose owner stands at owner_offset; names in compressible RDATA are cut where they end in the zone's
 * name, without asking or filling the table of names. The query path's way: it loses a few octets against writer_rr
 * only where two names share more than the zone. */
bool writer_rr_in_zone(struct writer *w, enum section s, uint16_t owner_offset, const struct writer_zone *zone,
		       const struct rr *rr);

/* Adds `count` records that stand ready in wire form (`block`, `len` octets: each owner pointer(2) type class ttl
 * rdlen rdata, no names that need compressing) whose owner pointers all get the value 0xC000 | owner_offset. One
 * copy, `count` patches. If owner_offset is 12 and the block was made with C00C, no patches. */
bool writer_block(struct writer *w, enum section s, uint16_t owner_offset, const uint8_t *block, size_t len,
		  unsigned count);

/* The same under an owner that does not stand in the message yet: `fresh` octets of its labels, then what stands at
 * rest_offset. The message must be shorter than WRITER_POINTER_REACH. */
enum { WRITER_POINTER_REACH = 0x4000 }; /* octets, RFC 1035 §4.1.4 */
bool writer_block_under(struct writer *w, enum section s, const uint8_t *labels, size_t fresh, uint16_t rest_offset,
			const uint8_t *block, size_t len, unsigned count);

/* Where `name` already stands in the message (0 = it does not; then write it out with writer_rr). */
uint16_t writer_find(const struct writer *w, const uint8_t *name);

/* Forgets everything after a mark taken before: for whole-RRset-or-nothing. */
struct writer_mark {
	size_t len;
	uint16_t count[4];
};
struct writer_mark writer_mark(const struct writer *w);
void writer_rewind(struct writer *w, struct writer_mark mark);

/* Writes an OPT record (RFC 6891 §6.1.2): our payload size, the upper RCODE bits, DO, and ready options. */
bool writer_opt(struct writer *w, uint16_t udp_size, uint8_t ext_rcode, bool dnssec_ok, const uint8_t *opt,
		size_t opt_len);

void writer_set_flags(struct writer *w, uint16_t flags);
uint16_t writer_flags(const struct writer *w);

/* Stores the four counts in the header; returns the message's length. */
size_t writer_finish(struct writer *w);

#endif
