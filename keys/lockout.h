/* lockout.h: guessing is slow: after some failures from one source, or at one account, further attempts are looked at
 * only every now and then. Nobody is shut out for good: who has the right secret gets in with his next attempt that is
 * looked at, and a source that was right for an account lately does not suffer from others' guesses at it.
 *
 *   source     an IPv4 address or an IPv6 /64: 10 failures at once, then one attempt in 10 s
 *   account    whatever name was tried: 50 failures at once, then one attempt in 2 s
 *
 * A table of fixed size: when it is crowded, what is nearest to forgiven gives way. Times: clock_monotonic_ns.
 * Threads: one. */
#ifndef ROOST_KEYS_LOCKOUT_H
#define ROOST_KEYS_LOCKOUT_H

#include "lib/addr.h"

struct lockout;

MUST_USE enum err lockout_new(struct lockout **out);
void lockout_free(struct lockout *l); /* NULL is fine */

/* Whether an attempt may be looked at. Otherwise *wait_s is how long until the next may. account: any text, "" = none
 * named. */
bool lockout_allows(const struct lockout *l, const struct addr *source, const char *account, uint64_t now,
		    unsigned *wait_s);

enum lockout_news { LOCKOUT_NOTHING, LOCKOUT_SOURCE, LOCKOUT_ACCOUNT };
/* An attempt was wrong. Says whether it made the source or the account slow that was not before: an alarm. */
enum lockout_news lockout_failed(struct lockout *l, const struct addr *source, const char *account, uint64_t now);
void lockout_succeeded(struct lockout *l, const struct addr *source, const char *account, uint64_t now);

#endif
