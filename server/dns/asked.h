/* asked.h: what an update asked for, in a line for people: "delete nas.home.example A, add nas.home.example A
 * 192.0.2.9, 3 more". Threads: pure functions. */
#ifndef ROOST_SERVER_DNS_ASKED_H
#define ROOST_SERVER_DNS_ASKED_H

#include "lib/message.h"
#include "zones/change/update.h"

enum { ASKED_MAX = 256 };

/* The first operations; what does not fit is counted. RDATA of addresses alone is told. */
char *asked_from_update(const struct update *u, char out[ASKED_MAX]);
/* The same from a message with opcode UPDATE that was taken apart by message_parse. */
char *asked_from_message(const struct message *m, char out[ASKED_MAX]);

#endif
