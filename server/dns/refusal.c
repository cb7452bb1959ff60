/* refusal.c: see refusal.h. */
#include "server/dns/refusal.h"

#include <stdatomic.h>
#include <stdio.h>

#include "lib/clock.h"
#include "lib/log.h"

enum { LINES_PER_S = 20, NS_PER_S = 1000000000 };

/* True if a line may be written now; *left_out then is how many were not since the last one. All threads share the second. */
static bool may_log(unsigned *left_out)
{
	static _Atomic(uint64_t) second;
	static atomic_uint lines, skipped;
	uint64_t now = clock_monotonic_ns() / NS_PER_S;
	if (atomic_exchange_explicit(&second, now, memory_order_relaxed) != now)
		atomic_store_explicit(&lines, 0, memory_order_relaxed);
	if (atomic_fetch_add_explicit(&lines, 1, memory_order_relaxed) >= LINES_PER_S) {
		atomic_fetch_add_explicit(&skipped, 1, memory_order_relaxed);
		return false;
	}
	*left_out = atomic_exchange_explicit(&skipped, 0, memory_order_relaxed);
	return true;
}

enum { RCODE_TEXT_MAX = 24 };
static const char *rcode_text(unsigned rcode, char out[RCODE_TEXT_MAX])
{
	static const char *const names[] = {"NOERROR",  "FORMERR", "SERVFAIL", "NXDOMAIN", "NOTIMP", "REFUSED",
					    "YXDOMAIN", "YXRRSET", "NXRRSET",  "NOTAUTH",  "NOTZONE"};
	if (rcode < sizeof names / sizeof names[0])
		return names[rcode];
	snprintf(out, RCODE_TEXT_MAX, "RCODE %u", rcode);
	return out;
}

void refusal_log(const struct refusal *r)
{
	unsigned left_out;
	if (!may_log(&left_out))
		return;
	char zone[NAME_TEXT_MAX], rcode[RCODE_TEXT_MAX];
	if (left_out)
		log_warning("%u lines on refused requests left out", left_out);
	log_warning("%s of %s by %s from %s (%s): %s: %s", r->what, name_to_text(r->zone, zone), r->who, r->source,
		    r->transport, rcode_text(r->rcode, rcode), r->why);
}

char *refusal_who(const uint8_t *key_name, char out[REFUSAL_WHO_MAX])
{
	char name[NAME_TEXT_MAX];
	if (key_name)
		snprintf(out, REFUSAL_WHO_MAX, "key %s", name_to_text(key_name, name));
	else
		snprintf(out, REFUSAL_WHO_MAX, "unsigned");
	return out;
}
