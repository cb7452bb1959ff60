/* chaos.h: what the server tells of itself in class CHAOS, if the administrator wants it to: TXT at version.bind and
 * version.server, at id.server and hostname.bind (RFC 4892). Threads: pure. */
#ifndef ROOST_SERVER_DNS_CHAOS_H
#define ROOST_SERVER_DNS_CHAOS_H

#include "server/config.h"
#include "lib/writer.h"

/* Appends the TXT record to w, which holds header and question. REFUSED when there is nothing to tell. */
enum rcode chaos_answer(const struct config *c, const struct message *m, struct writer *w);

#endif
