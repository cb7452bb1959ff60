/* answer.h: from a question to an answer: RFC 1034 §4.3.2 with RFC 2308 (negative answers), 4592 (wildcards), 6672
 * (DNAME), 8482 (ANY), 4035 §3.1 (DNSSEC records with DO; proofs of absence: zones/answer/denial.h), and CNAME chains across
 * all zones we serve. No lock, no allocation, no SQL. Threads: any reader thread between quiescent states. */
#ifndef ROOST_ZONES_ANSWER_H
#define ROOST_ZONES_ANSWER_H

#include "lib/writer.h"
#include "zones/memory/directory.h"

enum {
	ANSWER_CHAIN_MAX = 16
}; /* CNAME and DNAME steps we follow within our zones, like the peers do; then the chain ends there */

/* What an answer is, for those who count alike answers (server/dns/ratelimit.h). `name` is a keyed hash (lib/qname.h)
 * of the name in the zone that the answer was made from, whatever was asked: the wildcard, the DNAME's owner, the
 * zone cut, for a name error the apex. In a chain it is that of the first step, and the kind that of the last. Stays
 * as the caller set it when there is no zone for the question. */
enum answer_kind { ANSWER_OTHER, ANSWER_POSITIVE, ANSWER_REFERRAL, ANSWER_NODATA, ANSWER_NXDOMAIN };
enum { ANSWER_KINDS = ANSWER_NXDOMAIN + 1 };
struct answer_origin {
	enum answer_kind kind;
	uint64_t name;
};

/* Where the question's name is to be found, looked up before: between the same two quiescent states. */
struct answer_ahead {
	const struct zone *zone;   /* as directory_find gives it for the name … */
	unsigned label;            /* … with the suffix index of its apex */
	struct zone_view view;     /* of the zone */
	const struct node *sought; /* as zone_seek gives it */
};

struct answer_query {
	const struct qname *qname; /* of the question */
	const uint8_t *qname_wire; /* the same as asked, with its case */
	uint16_t qtype;
	uint16_t qclass; /* IN or ANY come here; others are refused before */
	bool dnssec_ok;
	bool udp; /* ANY over UDP is answered minimally (RFC 8482 §4.1) */
	struct zone_view *
		view; /* NULL, or where the view goes that the question's zone was read with; its zone is NULL when none is ours */
	struct answer_origin *origin;     /* filled, unless NULL */
	const struct answer_ahead *ahead; /* NULL: nothing is known */
};

/* Appends answer, authority and additional sections to w, which holds the header and question (reserve for OPT and
 * TSIG made). Sets AA and TC in the writer's flags and returns the RCODE (NOERROR, NXDOMAIN, YXDOMAIN, REFUSED,
 * SERVFAIL). Required RRsets that do not fit set TC (RFC 2181 §9); additional records that do not fit are left out,
 * glue in referrals that does not fit sets TC (RFC 9471 §3.1). */
enum rcode answer_query(const struct directory *d, const struct answer_query *q, struct writer *w);

#endif
