/* refusal.h: log lines for what was refused. Strangers can make us write them, so only some a second are written, and
 * the next one says how many were left out. Who wants to log asks first: finding the words can cost more than the
 * refusal. Threads: any. */
#ifndef ROOST_SERVER_DNS_REFUSAL_H
#define ROOST_SERVER_DNS_REFUSAL_H

#include "lib/addr.h"
#include "lib/tsig.h"

struct refusal {
	const char *what;      /* "update", "transfer" */
	const uint8_t *zone;   /* wire; NULL: the message does not say */
	const char *who;       /* refusal_who */
	const char *source;    /* address@port */
	const char *transport; /* "udp", "tcp" */
	unsigned rcode;        /* what the answer says */
	const char *why;
};

/* False: no line now; it is counted as left out. */
bool refusal_due(void);
/* Only after refusal_due said yes. */
void refusal_log(const struct refusal *r);

/* "key nas." or "unsigned"; key_name is NULL for that. */
enum { REFUSAL_WHO_MAX = NAME_TEXT_MAX + 8 };
char *refusal_who(const uint8_t *key_name, char out[REFUSAL_WHO_MAX]);

#endif
