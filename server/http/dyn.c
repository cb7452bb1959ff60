/* dyn.c: see dyn.h. */
#include "server/http/dyn.h"

#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "server/http/change.h"
#include "server/http/http_inside.h"
#include "zones/memory/grace.h"

enum { AGENT_MAX = 64 /* octets of a User-Agent that the history keeps */ };

static const uint8_t acme_label[] = {15, '_', 'a', 'c', 'm', 'e', '-', 'c', 'h', 'a', 'l', 'l', 'e', 'n', 'g', 'e'};

/* One zone's update on its way to the writer and back. */
struct dyn_job {
	struct mail mail;
	struct dyn *dyn;
	unsigned number;
	struct job *job;
};

struct dyn *dyn_new(struct call *c, const char *dialect, void (*done)(struct dyn *d))
{
	struct dyn *d = calloc(1, sizeof *d);
	c->work = d;
	if (!d)
		return NULL;
	d->call = c;
	d->dialect = dialect;
	d->done = done;
	return d;
}

/* ---- what must change ---- */

struct plan {
	struct dyn *dyn;
	struct zone_view view;
	struct name zone;
	struct access_request who;
	struct access_rights rights;
	struct update *update; /* NULL: nothing to change so far */
};

/* Makes it, unless it is there. */
static enum err plan_update(struct plan *p)
{
	return p->update ? ERR_OK : update_new_for(&p->update, p->zone.wire, p->dyn->call->access, &p->who);
}

static bool allowed(const struct plan *p, const uint8_t *owner, uint16_t type)
{
	const struct access_limits *limits;
	return access_decide(&p->rights, owner, type, &limits) == ACCESS_GRANTED;
}

/* May it change all that it wishes of this host? */
static bool may_have(const struct plan *p, const struct wish_host *h, const struct name *txt_owner)
{
	return (h->v4.kind == WISH_KEEP || allowed(p, h->name.wire, TYPE_A)) &&
	       (h->v6.kind == WISH_KEEP || allowed(p, h->name.wire, TYPE_AAAA)) &&
	       (p->dyn->txt_kind == DYN_TXT_KEEP || allowed(p, txt_owner->wire, TYPE_TXT));
}

/* The worse of two; good is more than nochg. */
static enum dyn_result both(enum dyn_result a, enum dyn_result b)
{
	return a > b ? a : b;
}

static enum dyn_result plan_family(struct plan *p, const struct wish_host *h, const struct content *now,
				   const struct wish_family *f, uint16_t type)
{
	struct change_set set;
	if (!change_family(&set, now, f, type))
		return DYN_NOCHG;
	return plan_update(p) || change_push(p->update, h->name.wire, &set) ? DYN_FAILED : DYN_GOOD;
}

static bool has_rdata(const struct content *now, const struct rrset *set, const uint8_t *rdata, size_t len)
{
	struct content_rr rr;
	size_t at = 0;
	while (set && content_next(content_block(now, set), set->len, &at, &rr))
		if (rr.rdlen == len && memcmp(rr.rdata, rdata, len) == 0)
			return true;
	return false;
}

static enum err push_txt(struct update *u, const uint8_t *owner, uint16_t class, const uint8_t *rdata, size_t len)
{
	return update_push(u, SECTION_UPDATE, owner, TYPE_TXT, class, class == CLASS_IN ? CHANGE_TTL : 0, rdata,
			   (uint16_t)len);
}

static enum dyn_result plan_txt(struct plan *p, const struct name *owner)
{
	const struct dyn *d = p->dyn;
	const struct content *now = zone_find_name(&p->view, owner->wire, NULL);
	const struct rrset *set = content_find(now, TYPE_TXT);
	uint8_t rdata[1 + DYN_TEXT_MAX];
	size_t len = strlen(d->txt) + 1;
	rdata[0] = (uint8_t)(len - 1);
	memcpy(rdata + 1, d->txt, len - 1);
	bool there = has_rdata(now, set, rdata, len);
	bool replace = d->txt_kind == DYN_TXT_SET || (d->txt_kind == DYN_TXT_DELETE && set);
	bool add = d->txt_kind == DYN_TXT_SET || (d->txt_kind == DYN_TXT_ADD && !there);
	bool remove = d->txt_kind == DYN_TXT_REMOVE && there;
	if (!replace && !add && !remove)
		return DYN_NOCHG;
	if (add && content_find(now, TYPE_CNAME))
		return DYN_FAILED; /* as with addresses */
	if (plan_update(p) || (replace && push_txt(p->update, owner->wire, CLASS_ANY, NULL, 0)) ||
	    (add && push_txt(p->update, owner->wire, CLASS_IN, rdata, len)) ||
	    (remove && push_txt(p->update, owner->wire, CLASS_NONE, rdata, len)))
		return DYN_FAILED;
	return DYN_GOOD;
}

static enum dyn_result plan_host(struct plan *p, const struct wish_host *h)
{
	const struct content *now = zone_find_name(&p->view, h->name.wire, NULL);
	struct name txt_owner;
	if (p->dyn->txt_at_host || name_join(&txt_owner, acme_label, sizeof acme_label, h->name.wire))
		txt_owner = h->name; /* or as long as names can be: nothing is below it */
	if (!may_have(p, h, &txt_owner))
		return DYN_NOHOST;
	bool addresses = h->v4.kind != WISH_KEEP || h->v6.kind != WISH_KEEP;
	if (addresses && content_find(now, TYPE_CNAME))
		return DYN_FAILED; /* what comes beside a CNAME is passed over in silence (RFC 2136 §3.4.2.2): say so */
	enum dyn_result r = plan_family(p, h, now, &h->v4, TYPE_A);
	r = both(r, plan_family(p, h, now, &h->v6, TYPE_AAAA));
	return both(r, plan_txt(p, &txt_owner));
}

/* ---- to the writer and back ---- */

static_assert(DYN_FAILED == STATS_HTTP_HOST_LAST - STATS_HTTP_HOST_FIRST, "a counter for each result");

static void finish(struct dyn *d)
{
	for (unsigned i = 0; i < d->wish.count; i++)
		stats_count(d->call->http->stats, (enum stats_counter)(STATS_HTTP_HOST_FIRST + (int)d->result[i]));
	d->done(d);
}

static void fail(struct dyn *d, unsigned number, enum dyn_result result)
{
	for (unsigned i = 0; i < d->wish.count; i++)
		if (d->zone_of[i] == number && d->result[i] == DYN_GOOD)
			d->result[i] = result;
}

static void finish_job(struct dyn_job *j)
{
	struct dyn *d = j->dyn;
	struct job *job = j->job;
	enum dyn_result r = job->err && !job->rcode        ? DYN_FAILED
			    : job->rcode == RCODE_NOERROR  ? (job->changed ? DYN_GOOD : DYN_NOCHG)
			    : update_too_fast(job->update) ? DYN_SLOW
			    : job->rcode == RCODE_REFUSED  ? DYN_NOHOST
							   : DYN_FAILED;
	char zone[NAME_TEXT_MAX];
	name_to_text(job->zone.wire, zone);
	if (r > DYN_GOOD)
		log_warning("update of %s by %s from %s (%s) is refused: %s", zone, job->actor.who, job->actor.source,
			    job->actor.transport, job->why.text[0] ? job->why.text : err_text(job->err));
	else
		log_info("update of %s by %s from %s (%s): serial %u", zone, job->actor.who, job->actor.source,
			 job->actor.transport, job->serial);
	if (r > DYN_GOOD)
		fail(d, j->number, r);
	job_free(job);
	free(j);
}

static void on_delivery(struct mail *mail)
{
	struct dyn_job *j = (struct dyn_job *)(void *)mail; /* its first member */
	struct dyn *d = j->dyn;
	finish_job(j);
	if (--d->waiting == 0)
		finish(d);
}

/* Writer thread: committed, or decided. */
static void on_done(struct job *job)
{
	struct dyn_job *j = job->done_arg;
	mailbox_post(j->dyn->call->http->mailbox, &j->mail);
}

static void write_actor(const struct dyn *d, struct job_actor *a)
{
	const struct call *c = d->call;
	char source[ADDR_TEXT_MAX];
	snprintf(a->who, sizeof a->who, "token %s", c->account);
	snprintf(a->source, sizeof a->source, "%s", addr_to_text(&c->client, source));
	snprintf(a->transport, sizeof a->transport, "%s", c->secure ? "https" : "http");
	snprintf(a->note, sizeof a->note, "%s%s%.*s", d->dialect, *call_field(c, "User-Agent") ? ", " : "", AGENT_MAX,
		 call_field(c, "User-Agent"));
	for (char *p = a->note; *p; p++)
		if (*p < ' ' || *p > '~')
			*p = '?';
}

/* Takes the plan's update. */
static bool submit(struct plan *p, unsigned number)
{
	struct dyn *d = p->dyn;
	struct dyn_job *j = calloc(1, sizeof *j);
	struct job *job = j ? job_new(JOB_UPDATE) : NULL;
	if (!job) {
		update_free(p->update);
		free(j);
		return false;
	}
	*j = (struct dyn_job){.mail = {.deliver = on_delivery}, .dyn = d, .number = number, .job = job};
	job->zone = p->zone;
	job->update = p->update;
	write_actor(d, &job->actor);
	job->done = on_done;
	job->done_arg = j;
	if (writer_thread_submit(d->call->http->server->writer, job)) {
		job_free(job);
		free(j);
		return false;
	}
	d->waiting++;
	return true;
}

/* ---- zones ---- */

static struct zone *find_zone(const struct dyn *d, const struct wish_host *h)
{
	struct qname q;
	unsigned label;
	qname_set(&q, h->name.wire);
	return directory_find(d->call->http->server->directory, &q, 0, &label);
}

/* All hosts of one zone: host `first` and those behind it in the same. */
static void start_zone(struct dyn *d, unsigned first, struct zone *z)
{
	struct plan p = {.dyn = d, .view = zone_view(z)};
	unsigned number = ++d->jobs;
	name_set(&p.zone, zone_name(z));
	p.who = (struct access_request){
		.action = ACCESS_UPDATE, .zone = p.zone.wire, .identity = d->call->identity, .from = &d->call->client};
	access_look(&p.rights, d->call->access, &p.who);
	for (unsigned i = first; i < d->wish.count; i++) {
		if (d->zone_of[i] || find_zone(d, &d->wish.host[i]) != z)
			continue;
		d->zone_of[i] = (uint8_t)number;
		d->result[i] = plan_host(&p, &d->wish.host[i]);
	}
	if (p.update && !submit(&p, number))
		fail(d, number, DYN_FAILED);
}

void dyn_start(struct dyn *d)
{
	d->waiting = 1; /* ourselves: no job is the last before all are under way */
	grace_online();
	for (unsigned i = 0; i < d->wish.count; i++) {
		struct zone *z = d->zone_of[i] ? NULL : find_zone(d, &d->wish.host[i]);
		if (z)
			start_zone(d, i, z);
		else if (!d->zone_of[i])
			d->result[i] = DYN_NOHOST;
	}
	grace_offline();
	if (--d->waiting == 0)
		finish(d);
}
