/* transfer.c: see transfer.h. */
#include "server/dns/transfer.h"

#include <stdlib.h>

#include "lib/clock.h"
#include "lib/log.h"

struct transfer {
	struct xfr *xfr;
	struct access *access;
	struct reply reply;
	struct name zone; /* as asked */
	uint16_t qtype;
	bool started;   /* the first message is made */
	uint64_t begun; /* clock_monotonic_ns */
	uint64_t octets;
	char from[ADDR_TEXT_MAX];
};

enum err transfer_new(struct transfer **out, struct xfr *x, const struct message *m, const struct reply *reply,
		      struct access *access, const struct addr *from)
{
	struct transfer *t = calloc(1, sizeof *t);
	if (!t) {
		xfr_close(x);
		return ERR_NOMEM;
	}
	t->xfr = x;
	t->reply = *reply;
	t->reply.limit = MESSAGE_MAX;
	t->zone = m->qname;
	t->qtype = m->qtype;
	t->begun = clock_monotonic_ns();
	addr_to_text(from, t->from);
	access_hold(access);
	t->access = access;
	*out = t;
	return ERR_OK;
}

void transfer_free(struct transfer *t)
{
	if (!t)
		return;
	xfr_close(t->xfr);
	access_release(t->access);
	free(t);
}

static const char *form_text(const struct transfer *t)
{
	switch (xfr_form(t->xfr)) {
	case XFR_FORM_DELTA:
		return "IXFR";
	case XFR_FORM_UPTODATE:
		return "IXFR: up to date";
	default:
		return t->qtype == TYPE_IXFR ? "IXFR: whole zone" : "AXFR";
	}
}

static enum stats_counter counter(const struct transfer *t)
{
	switch (xfr_form(t->xfr)) {
	case XFR_FORM_DELTA:
		return STATS_TRANSFER_IXFR;
	case XFR_FORM_UPTODATE:
		return STATS_TRANSFER_UPTODATE;
	default:
		return t->qtype == TYPE_IXFR ? STATS_TRANSFER_WHOLE : STATS_TRANSFER_AXFR;
	}
}

void transfer_count(const struct transfer *t, struct stats *stats, bool whole)
{
	stats_count(stats, whole ? counter(t) : STATS_TRANSFER_BROKEN);
	if (whole)
		stats_add(stats, STATS_TRANSFER_RECORDS, xfr_records(t->xfr));
}

static void log_end(const struct transfer *t)
{
	char zone[NAME_TEXT_MAX];
	log_info("transfer of %s to %s done: %s, serial %u, %llu records, %llu octets, %llu ms",
		 name_to_text(t->zone.wire, zone), t->from, form_text(t), xfr_serial(t->xfr),
		 (unsigned long long)xfr_records(t->xfr), (unsigned long long)t->octets,
		 (unsigned long long)((clock_monotonic_ns() - t->begun) / 1000000));
}

enum err transfer_next(struct transfer *t, struct writer *w, uint8_t *out, size_t *len, bool *last)
{
	struct errmsg msg = {0};
	reply_start(&t->reply, w, out);
	writer_set_flags(w, writer_flags(w) | FLAG_AA);
	/* The question in the first message only, as RFC 5936 §2.2.2 allows; OPT likewise (§2.2.5). */
	if (!t->started)
		(void)writer_question(w, t->zone.wire, t->qtype, CLASS_IN);
	enum err e = xfr_next(t->xfr, w, last, &msg);
	if (e)
		goto stop;
	*len = reply_finish(&t->reply, w, RCODE_NOERROR, true);
	if (*len == 0) {
		e = errmsg_set(&msg, ERR_CRYPTO, "a message could not be signed");
		goto stop;
	}
	t->started = true;
	t->reply.edns = false;
	t->octets += *len;
	if (*last)
		log_end(t);
	return ERR_OK;

stop:;
	char zone[NAME_TEXT_MAX];
	log_warning("transfer of %s to %s broken off: %s; the secondary will try again",
		    name_to_text(t->zone.wire, zone), t->from, msg.text);
	return e;
}
