/* ddns.h: one UPDATE on its way from a worker to the writer and back.
 *
 *   worker: request_handle -> struct ddns with its job         writer: commit -> job's done -> worker's mailbox
 *   worker: deliver -> log, answer, sign -> transport's `send`
 *
 * The answer is made and signed after the commit (TSIG carries the time of signing). Threads: made, delivered and
 * freed by one worker; the writer only touches the job and posts. */
#ifndef ROOST_SERVER_DNS_DDNS_H
#define ROOST_SERVER_DNS_DDNS_H

#include "keys/access.h"
#include "server/dns/reply.h"
#include "server/dns/replay.h"
#include "server/mailbox.h"
#include "server/stats.h"
#include "server/writer_thread.h"

struct ddns {
	struct mail mail;
	struct job *job;
	struct mailbox *mailbox;         /* the worker's */
	struct writer *writer;           /* the worker's, for building the answer */
	struct stats *stats;             /* the worker's */
	struct housekeeper *housekeeper; /* the worker's; may be NULL */
	struct addr from;                /* unmapped */
	uint64_t begun;                  /* clock_monotonic_ns at its receipt */
	struct access *access;           /* held: reply.tsig.key lives in it */
	struct reply reply;
	struct name zone;      /* as asked */
	struct replay *replay; /* that `mark` is remembered in; NULL: it is in none */
	uint64_t mark;
	/* The transport's: called once, on the worker's thread, with the answer (len 0: none could be made). */
	void (*send)(struct ddns *d, const uint8_t *wire, size_t len);
	void *send_arg;
};

enum {
	DDNS_ANSWER_MAX = 1024
}; /* octets: header 12, zone section 259, OPT 11 and its options 256, TSIG 26 + 255 + 24 + 64 + 6 at most */

/* Takes the update apart and makes the job. who->zone is the zone we serve. */
MUST_USE enum err ddns_new(struct ddns **out, const struct message *m, const struct reply *reply, struct access *access,
			   const struct access_request *who, bool udp);
/* With its job. What was not decided (it never reached the writer, or that answered SERVFAIL) may come again. */
void ddns_free(struct ddns *d);

/* False: the message of that mark (replay.h) came before. Unsigned ones, of mark 0, and all if replay is NULL, are
 * always fresh. */
bool ddns_is_fresh(struct ddns *d, struct replay *replay, uint64_t mark, uint64_t until);

/* Hands it to the writer; ERR_BUSY: it stays the caller's. */
MUST_USE enum err ddns_submit(struct ddns *d, struct writer_thread *writer);

/* Makes the answer in out; returns its length, 0 when there can be none. */
size_t ddns_answer(struct ddns *d, unsigned rcode, uint8_t out[DDNS_ANSWER_MAX]);

#endif
