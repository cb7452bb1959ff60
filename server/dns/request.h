/* request.h: the one door: what to do with a message that came by UDP or TCP.
 *
 *   silence    shorter than a header, or an answer itself (QR): nothing that we say could help, and two servers must not talk for ever
 *   FORMERR    does not parse                                     NOTIMP     an opcode or meta type that we do not have
 *   BADVERS    EDNS version over 0 (RFC 6891 §6.1.3)              NOTAUTH    TSIG that does not hold (RFC 8945 §5.2), zone not ours
 *   BADCOOKIE  by UDP, no server cookie, where one is demanded
 *   then by opcode: QUERY (zones/answer/answer.h, or a transfer), UPDATE (a job for the writer), NOTIFY
 *
 * No allocation for a plain query. Threads: an env and its requests belong to one worker; request_handle runs between
 * quiescent states. */
#ifndef ROOST_SERVER_DNS_REQUEST_H
#define ROOST_SERVER_DNS_REQUEST_H

#include <stdatomic.h>

#include "server/config.h"
#include "server/cookies.h"
#include "server/dns/ahead.h"
#include "server/dns/ddns.h"
#include "server/dns/ratelimit.h"
#include "server/dns/sig0_gate.h"
#include "server/dns/transfer.h"
#include "server/stats.h"
#include "zones/answer/answer.h"

/* What all requests of a worker share. */
struct request_env {
	const struct config *config;
	const struct directory *directory;
	_Atomic(struct access *) *access;
	struct mailbox *mailbox;       /* where UPDATE answers come back */
	struct stats *stats;           /* this thread's */
	const struct cookies *cookies; /* NULL: no DNS cookies; set after request_env_init */
	struct replay *replay; /* NULL: updates may be replayed (tests); of all workers, set after request_env_init */
	struct ratelimit
		*ratelimit; /* NULL: answers by UDP are not limited; the caller's, set after request_env_init */
	struct housekeeper *housekeeper; /* NULL: refusals are not noted; set after request_env_init */
	struct secondary *secondary;     /* NULL: we are primary of all zones; set after request_env_init */
	struct sig0_gate gate;
	struct zonestore *store; /* this thread's READ handle, opened at the first IXFR */
	struct writer writer;    /* for every message that this worker builds */
};

/* access and directory as in server/server.h. mailbox: the worker's (may be NULL in tests: then no UPDATE may be
 * submitted). stats: the worker's. */
void request_env_init(struct request_env *env, const struct config *config, const struct directory *directory,
		      _Atomic(struct access *) *access, struct mailbox *mailbox, struct stats *stats);
void request_env_close(struct request_env *env);

/* Set the first block; request_handle sets the rest. Not cleared between requests. */
struct request {
	const uint8_t *wire;
	size_t len;
	const struct addr *from; /* unmapped */
	bool udp;
	uint64_t now_ms;                    /* clock_coarse_ms, for UDP */
	uint8_t *out;                       /* config's udp_size octets for UDP (at least 512), MESSAGE_MAX for TCP */
	const struct ahead_question *ahead; /* what is known of the question; NULL: nothing */

	size_t out_len;            /* REQUEST_ANSWER */
	unsigned rcode;            /* REQUEST_ANSWER: with its extended bits */
	struct ddns *ddns;         /* REQUEST_UPDATE: set its send, then ddns_submit; the caller's */
	struct transfer *transfer; /* REQUEST_TRANSFER (TCP only): take its messages; the caller's */

	struct access *access;       /* the snapshot of this request */
	const struct sig0_key *sig0; /* of `access`: it signed this UPDATE; NULL: no SIG(0) */
	uint64_t mark, mark_until;   /* for replay.h; 0: unsigned */
	enum cookie_state cookie;
	struct message message;
	struct reply reply;
	struct qname qname;
	struct answer_origin origin;
};

enum request_verdict { REQUEST_DROP, REQUEST_ANSWER, REQUEST_UPDATE, REQUEST_TRANSFER };

enum request_verdict request_handle(struct request_env *env, struct request *r);

#endif
