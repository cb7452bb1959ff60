/* secondary.h: the zones that we are a secondary of: when to ask which primary, NOTIFY, transfers in, expiry.
 *
 *   NOTIFY (workers) --mail--+
 *   timers: refresh, retry --+--> a turn --> SOA? --newer--> IXFR? --no, or it does not fit--> AXFR? --> writer --> served
 *   zone add --mail----------+                '--up to date: the expiry moves on
 *
 * All of it goes over TCP, one question after the other on one connection to a primary: a transfer needs it anyway, and what
 * is not signed cannot be forged from outside the path, as UDP can. The connection stays open for a while, so that after a NOTIFY
 * that names a newer serial the IXFR is one exchange. A primary that fails (no answer, an error, a transfer that does not
 * pass zones/transfer/xfr_in.h, a serial that went back) makes way for the next; when all did, the zone is tried again after
 * its SOA's retry. What is served only ever changes by a transfer that came whole. When the zone could not be checked for its SOA's
 * expire time, it is served no longer (SERVFAIL), until it could be transferred. EXPIRE (RFC 7314) both ways.
 *
 * A thread of its own does this: whole zones take time. SESSIONS_MAX zones at a time. Threads: secondary_new, _start, _stop,
 * _free: the main thread; the others any. */
#ifndef ROOST_SERVER_PEER_SECONDARY_H
#define ROOST_SERVER_PEER_SECONDARY_H

#include "server/server.h"
#include "zones/store/zonestore_secondary.h"

struct secondary;

/* Reads the zones, and takes those that expired meanwhile out of service. Before the writer starts. */
MUST_USE enum err secondary_new(struct secondary **out, struct server *server, struct errmsg *msg);
/* Begins to ask. The writer must run. */
MUST_USE enum err secondary_start(struct secondary *s);
/* Asks no more. Before the writer stops. */
void secondary_stop(struct secondary *s);
/* When the writer has stopped. NULL is fine. */
void secondary_free(struct secondary *s);

/* Zones or keys may have changed. */
void secondary_reload(struct secondary *s);

/* A NOTIFY came. */
struct secondary_notice {
	const uint8_t *zone; /* any case */
	const struct addr *from;
	const struct access *access;
	const struct tsig_key *key; /* that signed it, or NULL */
	bool has_serial;
	uint32_t serial;
};
enum secondary_verdict { SECONDARY_NOT_OURS, SECONDARY_REFUSED, SECONDARY_ACCEPTED };
/* Accepted from a primary's address, signed with a primary's key, or by a notify grant. */
enum secondary_verdict secondary_notify(struct secondary *s, const struct secondary_notice *n);

/* Seconds until the zone expires, for EXPIRE; false if we are no secondary of it. */
bool secondary_remaining(struct secondary *s, const uint8_t *zone, uint32_t *seconds);

/* For `status`. */
enum { SECONDARY_ERROR_MAX = 240 };
struct secondary_state {
	int64_t checked, next, expires; /* unix ms; 0: never, not now, not served */
	bool busy;                      /* it is being asked for, or waits its turn */
	unsigned count;
	struct {
		struct zonestore_primary primary;
		char error[SECONDARY_ERROR_MAX]; /* how it failed last, "" if it did not */
	} primary[ZONESTORE_PRIMARIES_MAX];
};
bool secondary_state(struct secondary *s, const uint8_t *zone, struct secondary_state *out);

#endif
