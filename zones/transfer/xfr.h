/* xfr.h: transfers out: AXFR (RFC 5936) and IXFR (RFC 1995), as a source of messages that never blocks an update.
 *
 * An AXFR pins one version of the zone in memory. An IXFR reads journal rows in pages of its own short read
 * transactions, so a slow reader holds nothing in SQLite. When the journal does not reach back to the client's
 * serial, IXFR answers in AXFR form (RFC 1995 §4). A client that is up to date gets the single SOA (§2). Every
 * message carries as much as fits (RFC 5936 §2.2), compressed; the caller signs each. Behind 16 KiB nothing can be
 * compressed, so messages end there unless a single record needs more. Threads: an xfr belongs to one thread; open
 * and next run between quiescent states. */
#ifndef ROOST_ZONES_XFR_H
#define ROOST_ZONES_XFR_H

#include "lib/writer.h"
#include "zones/memory/zone.h"
#include "zones/store/zonestore.h"

struct xfr;

enum xfr_kind { XFR_AXFR, XFR_IXFR };
enum xfr_form { XFR_FORM_FULL, XFR_FORM_DELTA, XFR_FORM_UPTODATE }; /* what it turned out to be, for the log */

/* client_serial: for IXFR, of the SOA in the request's authority section. store: a READ handle of this thread (may be
 * NULL: then IXFR has AXFR form). */
MUST_USE enum err xfr_open(struct xfr **out, struct zone *z, struct zonestore *store, enum xfr_kind kind,
			   uint32_t client_serial, struct errmsg *msg);
void xfr_close(struct xfr *x);
enum xfr_form xfr_form(const struct xfr *x);
uint32_t xfr_serial(const struct xfr *x); /* the version being sent */

/* Fills one message: w holds header and question (first message; the question may be left out in later ones), reserve
 * made. *last says that it was the last. ERR_* : the transfer cannot go on (journal trimmed under it, I/O): close the
 * connection. */
MUST_USE enum err xfr_next(struct xfr *x, struct writer *w, bool *last, struct errmsg *msg);

uint64_t xfr_records(const struct xfr *x); /* sent so far */

#endif
