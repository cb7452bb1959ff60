/* refusal.c: see refusal.h. */
#include "server/dns/refusal.h"

#include <stdio.h>

#include "lib/log.h"
#include "lib/message.h"

/* Lines that were not written since the last one. */
static atomic_uint skipped;

bool refusal_due(void)
{
	static struct log_limit limit;
	unsigned left_out;
	if (!log_limit_allows(&limit, &left_out))
		return false;
	atomic_fetch_add_explicit(&skipped, left_out, memory_order_relaxed);
	return true;
}

void refusal_log(const struct refusal *r)
{
	unsigned left_out = atomic_exchange_explicit(&skipped, 0, memory_order_relaxed);
	char zone[NAME_TEXT_MAX], rcode[MESSAGE_RCODE_TEXT_MAX];
	if (left_out)
		log_warning("%u lines on refused requests left out", left_out);
	log_warning("%s of %s by %s from %s (%s): %s: %s", r->what, r->zone ? name_to_text(r->zone, zone) : "no zone",
		    r->who, r->source, r->transport, message_rcode_to_text(r->rcode, rcode), r->why);
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
