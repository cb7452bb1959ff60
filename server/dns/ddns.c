/* ddns.c: see ddns.h. */
#include "server/dns/ddns.h"

#include <stdio.h>
#include <stdlib.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "server/dns/asked.h"
#include "server/dns/refusal.h"
#include "server/housekeeper.h"
#include "zones/change/lease.h"

/* Every change is in the zone's history; the log may leave some out when there are hundreds a second. */
static void log_change(const struct job *job)
{
	static struct log_limit limit;
	const struct job_actor *a = &job->actor;
	char zone[NAME_TEXT_MAX];
	unsigned left_out;
	if (!log_limit_allows(&limit, &left_out))
		return;
	if (left_out)
		log_info("%u lines on updates left out; see roostctl log", left_out);
	log_info("update of %s by %s from %s (%s): %sserial %u", name_to_text(job->zone.wire, zone), a->who, a->source,
		 a->transport, job->changed ? "" : "nothing to change, ", job->serial);
}

static void log_outcome(const struct ddns *d)
{
	const struct job *job = d->job;
	struct refusal r = {.what = "update",
			    .zone = job->zone.wire,
			    .who = job->actor.who,
			    .source = job->actor.source,
			    .transport = job->actor.transport,
			    .rcode = job->rcode,
			    .why = job->why.text[0] ? job->why.text : err_text(job->err)};
	if (!job->rcode)
		log_change(job);
	else if (refusal_due())
		refusal_log(&r);
}

static void note_refusal(const struct ddns *d)
{
	char asked[ASKED_MAX];
	const struct job *job = d->job;
	if (!job->rcode || !d->housekeeper)
		return;
	const struct refusals_note note = {.zone = job->zone.wire,
					   .actor = job->actor.who,
					   .from = &d->from,
					   .transport = job->actor.transport,
					   .rcode = job->rcode,
					   .asked = asked_from_update(job->update, asked),
					   .why = job->why.text[0] ? job->why.text : err_text(job->err)};
	housekeeper_refused(d->housekeeper, &note);
}

/* ---- life ---- */

/* Writer thread: the change is durable and visible, or decided. */
static void on_done(struct job *job)
{
	struct ddns *d = job->done_arg;
	mailbox_post(d->mailbox, &d->mail);
}

static void on_delivery(struct mail *mail)
{
	struct ddns *d = (struct ddns *)mail; /* its first member */
	uint8_t out[DDNS_ANSWER_MAX];
	/* A job that could not even be decided carries an error instead of an RCODE. */
	if (d->job->err && !d->job->rcode)
		d->job->rcode = RCODE_SERVFAIL;
	log_outcome(d);
	note_refusal(d);
	size_t len = ddns_answer(d, d->job->rcode, out);
	stats_late(d->stats, d->job->rcode);
	stats_took(d->stats, STATS_UPDATE_TIME, clock_monotonic_ns() - d->begun, 1);
	d->send(d, out, len);
	if (d->job->rcode != RCODE_SERVFAIL)
		d->replay = NULL; /* remembered for good */
	ddns_free(d);
}

static enum err make_job(struct ddns *d, const struct message *m, const struct access_request *who, bool udp)
{
	struct job *job = job_new(JOB_UPDATE);
	if (!job)
		return ERR_NOMEM;
	d->job = job;
	name_set(&job->zone, who->zone);
	char text[REFUSAL_WHO_MAX];
	snprintf(job->actor.who, sizeof job->actor.who, "%s", refusal_who(access_signer(who), text));
	char source[ADDR_TEXT_MAX];
	snprintf(job->actor.source, sizeof job->actor.source, "%s", addr_to_text(who->from, source));
	snprintf(job->actor.transport, sizeof job->actor.transport, "%s", udp ? "udp" : "tcp");
	job->done = on_done;
	job->done_arg = d;
	enum err e = update_parse(&job->update, m, who->zone, d->access, who);
	struct options *o = &d->reply.options;
	if (!e && (o->asked & OPTION_LEASE))
		lease_grant(job->update, !o->key_leased, &o->lease, &o->key_lease);
	return e;
}

enum err ddns_new(struct ddns **out, const struct message *m, const struct reply *reply, struct access *access,
		  const struct access_request *who, bool udp)
{
	struct ddns *d = calloc(1, sizeof *d);
	if (!d)
		return ERR_NOMEM;
	d->mail.deliver = on_delivery;
	d->reply = *reply;
	d->begun = clock_monotonic_ns();
	d->zone = m->qname;
	d->from = *who->from;
	access_hold(access);
	d->access = access;
	enum err e = make_job(d, m, who, udp);
	if (e) {
		ddns_free(d);
		return e;
	}
	*out = d;
	return ERR_OK;
}

void ddns_free(struct ddns *d)
{
	if (!d)
		return;
	if (d->replay)
		replay_forget(d->replay, d->mark);
	job_free(d->job);
	access_release(d->access);
	free(d);
}

bool ddns_is_fresh(struct ddns *d, struct replay *replay, uint64_t mark, uint64_t until)
{
	if (!replay || !mark)
		return true;
	if (!replay_take(replay, mark, until))
		return false;
	d->replay = replay;
	d->mark = mark;
	return true;
}

enum err ddns_submit(struct ddns *d, struct writer_thread *writer)
{
	return writer_thread_submit(writer, d->job);
}

/* RFC 8914. A prerequisite that does not hold says all in its RCODE. */
static void give_reason(struct options *o, unsigned rcode, const char *hint)
{
	if (rcode == RCODE_REFUSED)
		options_give_error(o, EDE_PROHIBITED, hint);
	else if (rcode == RCODE_SERVFAIL)
		options_give_error(o, EDE_OTHER, "the update failed; see the server's log");
}

size_t ddns_answer(struct ddns *d, unsigned rcode, uint8_t out[DDNS_ANSWER_MAX])
{
	if (d->reply.limit > DDNS_ANSWER_MAX)
		d->reply.limit = DDNS_ANSWER_MAX;
	give_reason(&d->reply.options, rcode, update_hint(d->job->update));
	if (rcode == RCODE_NOERROR)
		options_give_lease(&d->reply.options, d->reply.options.lease, d->reply.options.key_lease);
	reply_start(&d->reply, d->writer, out);
	/* The zone section comes back; the other sections need not (RFC 2136 §3.8). */
	(void)writer_question(d->writer, d->zone.wire, TYPE_SOA, CLASS_IN);
	return reply_finish(&d->reply, d->writer, rcode, false);
}
