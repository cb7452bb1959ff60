/* secondary_inside.h: what server/peer/secondary.c (zones, timers, what others ask) and secondary_ask.c (one round of asking)
 * share. For no one else. Everything is the secondaries' thread's; what others look at only changes under `lock`. */
#ifndef ROOST_SERVER_PEER_SECONDARY_INSIDE_H
#define ROOST_SERVER_PEER_SECONDARY_INSIDE_H

#include <event2/event.h>
#include <pthread.h>
#include <sys/queue.h>

#include "lib/writer.h"
#include "server/peer/link.h"
#include "server/peer/secondary.h"
#include "zones/transfer/xfr_in.h"

/*   IDLE --timer, NOTIFY--> QUEUED --turn--> ASKING --transfer came--> COMMITTING --> IDLE
 *                                             | ^--failed: the next primary           */
enum follow_state { FOLLOW_IDLE, FOLLOW_QUEUED, FOLLOW_ASKING, FOLLOW_COMMITTING };

enum follow_ask { ASK_SOA, ASK_IXFR, ASK_AXFR };

/* A zone that we are a secondary of. */
struct follow {
	struct follow *next; /* in its bucket */
	TAILQ_ENTRY(follow) turn;
	struct secondary *owner;
	int64_t id;
	struct name name;
	struct event *timer;
	bool kept, gone; /* reloading; removed while the writer has its job */

	/* Under the lock. */
	unsigned count;
	struct zonestore_primary primary[ZONESTORE_PRIMARIES_MAX];
	char error[ZONESTORE_PRIMARIES_MAX][SECONDARY_ERROR_MAX];
	enum follow_state state;
	bool content;        /* is served */
	int64_t checked;     /* unix ms */
	uint64_t expires_ns; /* clock_monotonic_ns, as the next */
	uint64_t next_ns;
	struct follow *next_noticed;
	bool listed;     /* among the noticed */
	bool noticed;    /* a NOTIFY came that no round has begun for */
	bool has_notice; /* with this serial */
	uint32_t notice;
	bool has_sender; /* it came from, or was signed by, this primary */
	unsigned sender;
	struct addr heard; /* its address if that was not known, with its port */

	struct addr address[ZONESTORE_PRIMARIES_MAX]; /* len 0: not known yet; only changes when a round begins */
	uint32_t serial, refresh, retry, expire;      /* of what is served; seconds */
	unsigned failures;                            /* rounds without success, one after the other */
	uint64_t records, octets;                     /* no more than this in the zone; 0: not counted yet */
	uint64_t futile_ns;                           /* when a NOTIFY last was for nothing */

	/* The round. */
	bool by_notice;
	bool told; /* the NOTIFY that it began for named this serial */
	uint32_t told_serial;
	uint32_t serial_before; /* what we had when it began */
	unsigned at, tried;     /* the primary being asked; how many failed */
	struct link *link;      /* may stay open after a round */
	bool fresh;             /* the link was opened for this question */
	enum follow_ask ask;
	bool edns;
	bool answered; /* part of the answer came */
	uint16_t message_id;
	uint32_t asked_serial;
	uint64_t deadline_ns;
	struct access *access; /* held while a signed question is under way */
	struct tsig_context tsig;
	struct tsig_stream *stream;
	struct xfr_in *xfr;
	bool has_remaining; /* the answer's EXPIRE */
	uint32_t remaining;

	/* COMMITTING. */
	struct mail mail;
	struct job *job;
	uint32_t new_expire; /* seconds that the content is good for */
	uint64_t new_records, new_octets;
};

TAILQ_HEAD(follow_queue, follow);

enum { FOLLOW_BUCKETS = 4096 };

struct secondary {
	struct server *server;
	struct zonestore *store;
	struct event_base *base;
	struct mailbox *mailbox;
	pthread_t thread;
	bool started, stopping;
	pthread_mutex_t lock;
	struct follow *bucket[FOLLOW_BUCKETS];
	struct follow *noticed; /* under the lock */
	struct mail notice_mail, reload_mail, stop_mail;
	bool notice_posted, reload_posted; /* under the lock */
	struct follow_queue queue;
	unsigned sessions; /* ASKING and COMMITTING */
	unsigned links;    /* open connections */
	struct writer writer;
};

/* ---- secondary.c ---- */

void secondary_set_state(struct follow *f, enum follow_state state);
/* The round is over: when the zone is asked for next. */
void secondary_round_over(struct follow *f, bool good);
/* The content is good for so many seconds from now. */
void secondary_checked(struct follow *f, uint32_t seconds);
/* Stores that, when no transfer did. */
void secondary_store_checked(struct follow *f);
/* Reads serial and timers of what is served now. */
void secondary_read_soa(struct follow *f);
uint32_t secondary_seconds_left(const struct follow *f);

/* ---- secondary_ask.c ---- */

/* Asks the primary f->at. */
void secondary_ask(struct follow *f);
/* Lets go of all that belongs to a question; with the link unless it may stay. */
void secondary_ask_end(struct follow *f, bool keep_link);

#endif
