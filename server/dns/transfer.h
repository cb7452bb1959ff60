/* transfer.h: an AXFR or IXFR on its way out over TCP: the messages of zones/transfer/xfr.h, framed and signed one at a time,
 * as the connection takes them. Threads: belongs to one worker; next runs between quiescent states. */
#ifndef ROOST_SERVER_DNS_TRANSFER_H
#define ROOST_SERVER_DNS_TRANSFER_H

#include "keys/access.h"
#include "server/dns/reply.h"
#include "server/stats.h"
#include "zones/transfer/xfr.h"

struct transfer;

/* x is taken over, also on error. The snapshot that reply->tsig.key lives in is held until the end. from: for the
 * log. */
MUST_USE enum err transfer_new(struct transfer **out, struct xfr *x, const struct message *m, const struct reply *reply,
			       struct access *access, const struct addr *from);
void transfer_free(struct transfer *t);
/* Counts it: when it is over and `whole`, by its form and records; else as broken off. */
void transfer_count(const struct transfer *t, struct stats *stats, bool whole);

/* The next message: out has MESSAGE_MAX octets, *len is its length. After the last one, log and free it. An error:
 * nothing was written, close the connection, as a client must not take what it has for the whole (RFC 5936 §2.2). */
MUST_USE enum err transfer_next(struct transfer *t, struct writer *w, uint8_t *out, size_t *len, bool *last);

#endif
