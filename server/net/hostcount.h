/* hostcount.h: how many connections each host has: an IPv4 address is a host, and so is an IPv6 /64, which one person
 * has whole. The table grows with the hosts that are there, and strangers cannot make its chains long (keyed hash).
 * Threads: one. */
#ifndef ROOST_SERVER_NET_HOSTCOUNT_H
#define ROOST_SERVER_NET_HOSTCOUNT_H

#include "lib/addr.h"

struct hostcount;
struct hostcount_host; /* as long as anything of it is counted */

MUST_USE enum err hostcount_new(struct hostcount **out);
void hostcount_free(struct hostcount *h); /* NULL is fine */

/* Counts one more of the (unmapped) address's host, unless it has `max` already (0: no limit): NULL then, and when
 * memory is short. */
struct hostcount_host *hostcount_take(struct hostcount *h, const struct addr *a, unsigned max);
void hostcount_give(struct hostcount *h, struct hostcount_host *host); /* one less; NULL is fine */

#endif
