/* message.h: reading a DNS message (RFC 1035 §4, RFC 6891, place of TSIG by RFC 8945 §5.1).
 *
 *   +--------+----------+---------+------------+------------+
 *   | header | question | answer/ | authority/ | additional |        UPDATE (RFC 2136 §2) names the first four
 *   | 12     | (zone)   | prereq  | update     | OPT … TSIG |        zone, prerequisite, update, additional
 *   +--------+----------+---------+------------+------------+
 *
 * message_parse walks the whole message once and keeps offsets; it allocates nothing. What it accepts is well-formed
 * to the last octet; records are then read again one by one with message_next_rr. Threads: a struct message belongs
 * to one. */
#ifndef ROOST_LIB_MESSAGE_H
#define ROOST_LIB_MESSAGE_H

#include "lib/rr.h"

enum {
	MESSAGE_HEADER_LEN = 12,
	MESSAGE_MAX = 65535,
	MESSAGE_OWNER_AT_QUESTION = 12 /* offset of the first question's name: what a pointer C0 0C means */
};

enum opcode { OPCODE_QUERY = 0, OPCODE_IQUERY = 1, OPCODE_STATUS = 2, OPCODE_NOTIFY = 4, OPCODE_UPDATE = 5 };

/* clang-format off */
enum rcode {
	RCODE_NOERROR = 0, RCODE_FORMERR = 1, RCODE_SERVFAIL = 2, RCODE_NXDOMAIN = 3, RCODE_NOTIMP = 4, RCODE_REFUSED = 5,
	RCODE_YXDOMAIN = 6, RCODE_YXRRSET = 7, RCODE_NXRRSET = 8, RCODE_NOTAUTH = 9, RCODE_NOTZONE = 10,
	RCODE_BADVERS = 16, RCODE_BADSIG = 16, RCODE_BADKEY = 17, RCODE_BADTIME = 18, RCODE_BADMODE = 19,
	RCODE_BADALG = 21, RCODE_BADTRUNC = 22, RCODE_BADCOOKIE = 23 /* RFC 7873 §8 */
};
/* clang-format on */

/* Header bits, in the 16-bit word after the ID. */
/* clang-format off */
enum {
	FLAG_QR = 0x8000, FLAG_OPCODE_MASK = 0x7800, FLAG_OPCODE_SHIFT = 11, FLAG_AA = 0x0400, FLAG_TC = 0x0200,
	FLAG_RD = 0x0100, FLAG_RA = 0x0080, FLAG_AD = 0x0020, FLAG_CD = 0x0010, FLAG_RCODE_MASK = 0x000f
};
/* clang-format on */

enum section {
	SECTION_QUESTION = 0,
	SECTION_ANSWER = 1,
	SECTION_AUTHORITY = 2,
	SECTION_ADDITIONAL = 3,
	/* UPDATE's names for the same places (RFC 2136 §2.2). */
	SECTION_ZONE = 0,
	SECTION_PREREQ = 1,
	SECTION_UPDATE = 2
};

/* EDNS (RFC 6891 §6.1). */
struct edns {
	bool present;
	uint8_t version;
	uint8_t ext_rcode;  /* upper 8 bits of the RCODE */
	bool dnssec_ok;     /* DO, RFC 3225 */
	uint16_t udp_size;  /* requestor's payload size, as sent */
	uint16_t opt_len;   /* octets of options */
	const uint8_t *opt; /* options in place: code(2) length(2) data, checked to be whole */
};

struct message {
	const uint8_t *wire;
	size_t len;
	uint16_t id;
	uint16_t flags;
	uint16_t count[4]; /* QD AN NS AR */
	size_t section[4]; /* offset where each section's records start */
	struct name qname; /* first question, when count[0] >= 1 */
	uint16_t qtype, qclass;
	size_t question_end; /* offset after the first question; 12 when there is none */
	struct edns edns;
	size_t tsig_at;    /* offset of the TSIG record (its owner), 0 = none; always the last record */
	size_t sig0_at;    /* offset of a last SIG record covering type 0 (RFC 2931), 0 = none */
	size_t name_steps; /* the work that compressed names made, namecheck.h; at most len + NAMECHECK_TARGETS */
};

static inline enum opcode message_opcode(const struct message *m)
{
	return (enum opcode)((m->flags & FLAG_OPCODE_MASK) >> FLAG_OPCODE_SHIFT);
}

/* Parses. On ERR_FORMAT the header fields id, flags and count are valid if len >= 12, and question_end is set if the
 * (first) question was whole, so that an error answer can be made. Checks: counts against content, every name and
 * RDATA of known type in QUERY/NOTIFY/UPDATE (but not the RDATA of UPDATE's prerequisites and updates: who sends them
 * a signature must tell first), one OPT at most with root owner and whole options, TSIG only last in the additional section (RFC 8945 §5.1), no
 * octets after the last record. It does not judge opcode, QR, EDNS version or QDCOUNT: that is the request path's. */
MUST_USE enum err message_parse(struct message *m, const uint8_t *wire, size_t len);

/* Reads the record at *at (an offset inside m) and moves *at behind it. Owner goes to *owner, uncompressed RDATA to
 * scratch (reset by the caller, RDATA_MAX octets suffice), and rr points at both. In UPDATE the class ANY and NONE
 * forms with RDLENGTH 0 are left alone. ERR_FORMAT or ERR_NOSPACE when RDATA does not fit its type or scratch: then rr
 * has all else of the record, RDLENGTH 0, and *at is behind it. */
MUST_USE enum err message_next_rr(const struct message *m, size_t *at, struct name *owner, struct wbuf *scratch,
				  struct rr *rr);

/* "NXRRSET"; "RCODE 42" for one that updates do not get. */
enum { MESSAGE_RCODE_TEXT_MAX = 24 };
const char *message_rcode_to_text(unsigned rcode, char out[MESSAGE_RCODE_TEXT_MAX]);

/* Finds an EDNS option; NULL if it is not there. */
const uint8_t *message_edns_option(const struct edns *e, uint16_t code, uint16_t *len);

#endif
