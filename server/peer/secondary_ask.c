/* secondary_ask.c: a round of asking the primaries of a zone, one after the other; see secondary.h. */
#include "server/peer/secondary_inside.h"

#include <stddef.h>
#include <stdio.h>
#include <sys/random.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "zones/change/deltas.h"
#include "zones/memory/grace.h"

enum {
	QUESTION_ROOM = 2048,  /* octets: names, our SOA, OPT, TSIG */
	KEPT_LINKS_MAX = 64,   /* idle connections to primaries */
	OPTION_EXPIRE_CODE = 9 /* RFC 7314 §2 */
};

static void fail(struct follow *f, const char *why);
static void question(struct follow *f);

/* ---- the question ---- */

static void drop_link(struct follow *f)
{
	f->owner->links -= f->link != NULL;
	link_free(f->link);
	f->link = NULL;
}

void secondary_ask_end(struct follow *f, bool keep_link)
{
	tsig_stream_free(f->stream);
	f->stream = NULL;
	xfr_in_free(f->xfr);
	f->xfr = NULL;
	access_release(f->access);
	f->access = NULL;
	if (!keep_link)
		drop_link(f);
}

/* The SOA that we have, in an IXFR's question (RFC 1995 §3). */
static bool put_our_soa(struct follow *f, struct writer *w)
{
	bool put = false;
	grace_online();
	const struct zone *z = directory_get(f->owner->server->directory, f->name.wire);
	if (z) {
		struct zone_view view = zone_view(z);
		struct content_rr rr;
		put = zone_soa(&view, &rr) &&
		      writer_rr(w, SECTION_AUTHORITY, f->name.wire, TYPE_SOA, CLASS_IN, rr.ttl, rr.rdata, rr.rdlen);
		if (put)
			f->asked_serial = zone_serial(&view);
	}
	grace_offline();
	return put;
}

static size_t write_question(struct follow *f, uint8_t *wire)
{
	static const uint8_t expire[] = {0, OPTION_EXPIRE_CODE, 0, 0};
	static const uint16_t types[] = {[ASK_SOA] = TYPE_SOA, [ASK_IXFR] = TYPE_IXFR, [ASK_AXFR] = TYPE_AXFR};
	struct writer *w = &f->owner->writer;
	if (getrandom(&f->message_id, sizeof f->message_id, 0) != sizeof f->message_id)
		f->message_id = (uint16_t)clock_monotonic_ns();
	writer_start(w, wire, QUESTION_ROOM, f->message_id, 0);
	bool good = writer_question(w, f->name.wire, types[f->ask], CLASS_IN) &&
		    (f->ask != ASK_IXFR || put_our_soa(f, w)) &&
		    (!f->edns || writer_opt(w, MESSAGE_MAX, 0, false, expire, sizeof expire));
	return good ? writer_finish(w) : 0;
}

/* NULL, or what is wrong. */
static const char *sign(struct follow *f, uint8_t *wire, size_t *len)
{
	struct server *server = f->owner->server;
	const struct zonestore_primary *p = &f->primary[f->at];
	if (!p->has_key)
		return NULL;
	grace_online();
	f->access = atomic_load_explicit(&server->access, memory_order_acquire);
	access_hold(f->access);
	grace_offline();
	const struct tsig_key *key = access_find_signer(f->access, p->key.wire);
	if (!key)
		return "its key is not here, or has expired; roostctl key list shows the keys there are";
	if (tsig_sign_request(&f->tsig, key, wire, len, QUESTION_ROOM, clock_unix()) ||
	    tsig_stream_new(&f->stream, &f->tsig))
		return "the question cannot be signed";
	return NULL;
}

static bool open_xfr(struct follow *f)
{
	const struct config *c = f->owner->server->config;
	const struct xfr_in_question q = {.zone = f->name.wire, .ixfr = f->ask == ASK_IXFR, .serial = f->asked_serial};
	const struct xfr_in_limits limits = {.records = c->secondary_records, .octets = c->secondary_octets};
	return f->ask == ASK_SOA || !xfr_in_new(&f->xfr, &q, &limits);
}

static void on_message(void *arg, const uint8_t *wire, size_t len);

static void on_failed(void *arg, const char *why)
{
	struct follow *f = arg;
	bool asking = f->state == FOLLOW_ASKING;
	if (asking && !f->fresh && !f->answered) {
		/* The primary had closed it, as it may at any time (RFC 7766 §6.2.3). */
		secondary_ask_end(f, false);
		question(f);
	} else if (asking) {
		fail(f, why);
	} else {
		drop_link(f);
	}
}

static bool connect_link(struct follow *f)
{
	const struct link_user user = {.message = on_message, .failed = on_failed, .arg = f};
	const struct addr *to = &f->address[f->at];
	if (f->link && addr_equal(link_address(f->link), to)) {
		f->fresh = false;
		return true;
	}
	drop_link(f);
	f->fresh = true;
	if (link_new(&f->link, f->owner->base, to, f->owner->server->config->secondary_timeout_ms, &user))
		return false;
	f->owner->links++;
	return true;
}

static void question(struct follow *f)
{
	uint8_t wire[QUESTION_ROOM];
	f->answered = f->has_remaining = false;
	size_t len = write_question(f, wire);
	const char *wrong = len ? sign(f, wire, &len) : "the question cannot be made";
	if (wrong)
		fail(f, wrong);
	else if (!open_xfr(f))
		fail(f, "no memory for a transfer");
	else if (!connect_link(f) || link_send(f->link, wire, len))
		fail(f, "no connection can be made");
}

void secondary_ask(struct follow *f)
{
	bool newer = f->by_notice && f->told && rr_serial_newer(f->told_serial, f->serial);
	f->edns = true;
	f->deadline_ns = clock_monotonic_ns() + f->owner->server->config->secondary_transfer_ms * UINT64_C(1000000);
	f->ask = !f->content ? ASK_AXFR : newer ? ASK_IXFR : ASK_SOA;
	if (!f->address[f->at].len)
		fail(f, "its address is not known yet: it comes with a NOTIFY that is signed with the key");
	else
		question(f);
}

/* The same primary, in another way. */
static void ask_again(struct follow *f, enum follow_ask ask, bool keep_link)
{
	secondary_ask_end(f, keep_link);
	f->ask = ask;
	question(f);
}

/* ---- how it ends ---- */

static void fail(struct follow *f, const char *why)
{
	static struct log_limit limit;
	char zone[NAME_TEXT_MAX], peer[ADDR_TEXT_MAX];
	unsigned left_out;
	bool same = strncmp(f->error[f->at], why, SECONDARY_ERROR_MAX - 1) == 0;
	if (!same && log_limit_allows(&limit, &left_out))
		log_warning("secondary zone=%s primary=%s failed: %s", name_to_text(f->name.wire, zone),
			    f->address[f->at].len ? addr_to_text(&f->address[f->at], peer)
						  : zonestore_secondary_to_text(&f->primary[f->at], peer),
			    why);
	pthread_mutex_lock(&f->owner->lock);
	if (!same)
		snprintf(f->error[f->at], SECONDARY_ERROR_MAX, "%s", why);
	f->state = FOLLOW_ASKING;
	pthread_mutex_unlock(&f->owner->lock);
	secondary_ask_end(f, false);
	f->at = (f->at + 1) % f->count;
	if (++f->tried < f->count)
		secondary_ask(f);
	else
		secondary_round_over(f, false);
}

static void succeed(struct follow *f)
{
	bool keep = f->link && f->owner->links <= KEPT_LINKS_MAX;
	secondary_ask_end(f, keep);
	pthread_mutex_lock(&f->owner->lock);
	f->error[f->at][0] = '\0';
	pthread_mutex_unlock(&f->owner->lock);
	secondary_round_over(f, true);
}

static void say_went_back(struct follow *f, uint32_t serial)
{
	char why[SECONDARY_ERROR_MAX];
	snprintf(why, sizeof why,
		 "its serial %u is older than ours, %u: raise it there, or remove the zone here and add it again",
		 serial, f->serial);
	fail(f, why);
}

/* RFC 7314 §4. */
static void up_to_date(struct follow *f)
{
	uint32_t seconds = f->expire, left = secondary_seconds_left(f);
	if (f->has_remaining && f->remaining < seconds)
		seconds = f->remaining > left ? f->remaining : left;
	secondary_checked(f, seconds);
	secondary_store_checked(f);
	succeed(f);
}

/* ---- the writer ---- */

static enum err store_checked(struct job *job, struct zonestore *s, struct errmsg *why)
{
	struct follow *f = job->run_arg;
	int64_t now = clock_unix_ms();
	return zonestore_secondary_checked(s, f->id, now, now + (int64_t)f->new_expire * 1000, &f->address[f->at], why);
}

static void on_done(struct job *job)
{
	struct follow *f = job->done_arg;
	mailbox_post(f->owner->mailbox, &f->mail);
}

static void log_transfer(const struct follow *f, const struct job *job)
{
	char zone[NAME_TEXT_MAX], peer[ADDR_TEXT_MAX];
	log_info("secondary zone=%s primary=%s %s of %llu records, serial %u", name_to_text(f->name.wire, zone),
		 addr_to_text(&f->address[f->at], peer), job->kind == JOB_DELTAS ? "IXFR" : "AXFR",
		 (unsigned long long)f->new_records, job->serial);
}

static void take_result(struct follow *f, struct job *job)
{
	char why[SECONDARY_ERROR_MAX];
	if (job->err && job->kind == JOB_DELTAS) {
		log_debug("IXFR could not be applied: %s", job->why.text);
		secondary_set_state(f, FOLLOW_ASKING);
		ask_again(f, ASK_AXFR, true);
		return;
	}
	if (job->err) {
		snprintf(why, sizeof why, "%.200s", job->why.text[0] ? job->why.text : err_text(job->err));
		fail(f, why);
		return;
	}
	log_transfer(f, job);
	bool whole = job->kind == JOB_REPLACE;
	f->records = f->new_records + (whole ? 0 : f->records);
	f->octets = f->new_octets + (whole ? 0 : f->octets);
	pthread_mutex_lock(&f->owner->lock);
	f->content = true;
	pthread_mutex_unlock(&f->owner->lock);
	secondary_read_soa(f);
	secondary_checked(f, f->new_expire);
	succeed(f);
}

static void on_committed(struct mail *mail)
{
	struct follow *f = (struct follow *)(void *)((char *)mail - offsetof(struct follow, mail));
	struct job *job = f->job;
	f->job = NULL;
	if (f->gone || f->owner->stopping)
		secondary_round_over(f, false);
	else
		take_result(f, job);
	job_free(job);
}

static struct job *make_job(struct follow *f, enum job_kind kind)
{
	char key[NAME_TEXT_MAX], peer[ADDR_TEXT_MAX];
	struct job *job = job_new(kind);
	if (!job)
		return NULL;
	job->zone = f->name;
	job->transfer = true;
	job->run = store_checked;
	job->run_arg = job->done_arg = f;
	job->done = on_done;
	if (f->primary[f->at].has_key)
		snprintf(job->actor.who, sizeof job->actor.who, "key %s",
			 name_to_text(f->primary[f->at].key.wire, key));
	else
		snprintf(job->actor.who, sizeof job->actor.who, "primary");
	snprintf(job->actor.source, sizeof job->actor.source, "%s", addr_to_text(&f->address[f->at], peer));
	snprintf(job->actor.transport, sizeof job->actor.transport, "%s", "tcp");
	snprintf(job->actor.note, sizeof job->actor.note, "%s", kind == JOB_DELTAS ? "IXFR" : "AXFR");
	return job;
}

/* A primary could make the zone grow for ever, one small IXFR after the other. What is known is an upper bound; only when
 * that is over the limit, the zone is counted. */
static bool may_grow(struct follow *f)
{
	const struct config *c = f->owner->server->config;
	struct zone_memory m = {0};
	if (f->records && f->records + f->new_records <= c->secondary_records &&
	    f->octets + f->new_octets <= c->secondary_octets)
		return true;
	grace_online();
	const struct zone *z = directory_get(f->owner->server->directory, f->name.wire);
	if (z)
		zone_memory(z, &m);
	grace_offline();
	f->records = m.records;
	f->octets = m.octets;
	return m.records + f->new_records <= c->secondary_records && m.octets + f->new_octets <= c->secondary_octets;
}

static void commit(struct follow *f)
{
	bool whole = xfr_in_kind(f->xfr) == XFR_IN_FULL;
	struct deltas *deltas = whole ? NULL : xfr_in_take_deltas(f->xfr);
	f->new_expire = xfr_in_expire(f->xfr);
	if (f->has_remaining && f->remaining < f->new_expire)
		f->new_expire = f->remaining;
	f->new_records = xfr_in_records(f->xfr);
	f->new_octets = xfr_in_octets(f->xfr);
	if (!whole && !may_grow(f)) {
		deltas_free(deltas);
		fail(f, "the zone would grow over the limits of records and megabytes in [secondary]");
		return;
	}
	struct job *job = make_job(f, whole ? JOB_REPLACE : JOB_DELTAS);
	if (!job) {
		deltas_free(deltas);
		fail(f, "no memory for the change");
		return;
	}
	job->deltas = deltas;
	job->image = whole ? xfr_in_take_image(f->xfr) : NULL;
	secondary_ask_end(f, true);
	f->mail.deliver = on_committed;
	f->job = job;
	secondary_set_state(f, FOLLOW_COMMITTING);
	if (!writer_thread_submit(f->owner->server->writer, job))
		return;
	f->job = NULL;
	job_free(job);
	fail(f, "the server has too much to write");
}

/* ---- answers ---- */

static void take_soa(struct follow *f, const struct message *m)
{
	char text[MESSAGE_RCODE_TEXT_MAX], why[SECONDARY_ERROR_MAX];
	uint8_t rdata[RDATA_MAX];
	struct wbuf scratch = buf_writer(rdata, sizeof rdata);
	size_t at = m->section[SECTION_ANSWER];
	struct name owner;
	struct rr rr;
	struct rr_soa soa;
	unsigned rcode = m->flags & FLAG_RCODE_MASK;
	if (rcode != RCODE_NOERROR || !(m->flags & FLAG_AA)) {
		snprintf(why, sizeof why, "it answered %s%s", message_rcode_to_text(rcode, text),
			 rcode ? "" : ", but not as one that serves the zone");
		fail(f, why);
	} else if (m->count[SECTION_ANSWER] < 1 || message_next_rr(m, &at, &owner, &scratch, &rr) ||
		   rr.type != TYPE_SOA || rr.class != CLASS_IN || !name_equal(owner.wire, f->name.wire) ||
		   !rr_soa_parse(&soa, rr.rdata, rr.rdlen)) {
		fail(f, "its answer has no SOA of the zone");
	} else if (rr_serial_newer(soa.serial, f->serial)) {
		ask_again(f, ASK_IXFR, true);
	} else if (soa.serial == f->serial) {
		up_to_date(f);
	} else {
		say_went_back(f, soa.serial);
	}
}

static void take_transfer(struct follow *f, const struct message *m)
{
	struct errmsg why = {.text = ""};
	bool last = false;
	enum err err = xfr_in_message(f->xfr, m, &last, &why);
	if (err && err != ERR_NOSPACE && f->ask == ASK_IXFR) {
		ask_again(f, ASK_AXFR, false); /* RFC 1995 §4, and whatever it does not know */
		return;
	}
	if (!err && !last)
		return;
	if (!err && f->stream && !tsig_stream_settled(f->stream))
		err = errmsg_set(&why, ERR_FORMAT, "the last message is not signed");
	if (err) {
		fail(f, why.text);
		return;
	}
	if (xfr_in_kind(f->xfr) != XFR_IN_UPTODATE)
		commit(f);
	else if (xfr_in_serial(f->xfr) == f->serial)
		up_to_date(f);
	else
		say_went_back(f, xfr_in_serial(f->xfr));
}

static bool verify(struct follow *f, const struct message *m)
{
	char why[SECONDARY_ERROR_MAX], text[MESSAGE_RCODE_TEXT_MAX];
	if (!f->stream || tsig_stream_verify(f->stream, m, clock_unix()) == TSIG_OK)
		return true;
	snprintf(why, sizeof why,
		 "its answer (%s) is not signed as it must be: do both have the key and the right time?",
		 message_rcode_to_text(m->flags & FLAG_RCODE_MASK, text));
	fail(f, why);
	return false;
}

static void take_expire(struct follow *f, const struct message *m)
{
	uint16_t len;
	const uint8_t *option = m->edns.present ? message_edns_option(&m->edns, OPTION_EXPIRE_CODE, &len) : NULL;
	if (!option || len != 4)
		return;
	f->has_remaining = true;
	f->remaining = buf_load_u32(option);
}

static void on_message(void *arg, const uint8_t *wire, size_t len)
{
	struct follow *f = arg;
	struct message m;
	if (f->state != FOLLOW_ASKING) {
		drop_link(f); /* nothing was asked */
		return;
	}
	if (message_parse(&m, wire, len) || !(m.flags & FLAG_QR)) {
		fail(f, "a message is malformed");
		return;
	}
	if (m.id != f->message_id) {
		fail(f, "a message has another ID than the question");
		return;
	}
	if (clock_monotonic_ns() > f->deadline_ns) {
		fail(f, "the transfer takes too long; raise transfer-time in [secondary] if that is right");
		return;
	}
	if (!verify(f, &m))
		return;
	/* Who does not know EDNS may say so (RFC 6891 §7). */
	if ((m.flags & FLAG_RCODE_MASK) == RCODE_FORMERR && f->edns && !f->answered) {
		f->edns = false;
		ask_again(f, f->ask, true);
		return;
	}
	f->answered = true;
	take_expire(f, &m);
	if (f->ask == ASK_SOA)
		take_soa(f, &m);
	else
		take_transfer(f, &m);
}
