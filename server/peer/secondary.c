/* secondary.c: zones that we are a secondary of: which there are, their timers, and what others ask about them. How a
 * primary is asked: secondary_ask.c. See secondary.h. */
#include "server/peer/secondary_inside.h"

#include <stddef.h>
#include <stdlib.h>
#include <sys/random.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "zones/memory/grace.h"

enum {
	SESSIONS_MAX = 16,       /* zones that are asked for at a time */
	FIRST_RETRY_S = 1,       /* for a zone without content; doubles… */
	FIRST_RETRY_MAX_S = 300, /* …up to this */
	TIMER_MIN_S = 1,         /* whatever the SOA says */
	TIMER_MAX_S = 2419200,   /* four weeks */
	FUTILE_GAP_MS = 1000,    /* between rounds for NOTIFYs that turn out to be for nothing */
	JITTER_PART = 10         /* a timer is shorter by up to a tenth: zones of one primary do not stay in step */
};

#define NS_PER_MS UINT64_C(1000000)
#define NS_PER_S UINT64_C(1000000000)

static void begin(struct follow *f);

/* ---- times ---- */

static uint64_t draw(uint64_t below)
{
	uint32_t n = 0;
	if (getrandom(&n, sizeof n, 0) != sizeof n)
		n = (uint32_t)clock_monotonic_ns();
	return below ? n % below : 0;
}

static uint32_t within(uint32_t seconds)
{
	return seconds < TIMER_MIN_S ? TIMER_MIN_S : seconds > TIMER_MAX_S ? TIMER_MAX_S : seconds;
}

uint32_t secondary_seconds_left(const struct follow *f)
{
	uint64_t now = clock_monotonic_ns();
	return f->content && f->expires_ns > now ? (uint32_t)((f->expires_ns - now) / NS_PER_S) : 0;
}

/* The timer serves both the next round and expiry. */
static void set_timer(struct follow *f)
{
	uint64_t now = clock_monotonic_ns(), due = f->content ? f->expires_ns : UINT64_MAX;
	if (f->state == FOLLOW_IDLE && f->next_ns < due)
		due = f->next_ns;
	uint64_t ms = due > now ? (due - now) / NS_PER_MS + 1 : 0;
	struct timeval tv = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};
	if (due == UINT64_MAX)
		event_del(f->timer);
	else
		event_add(f->timer, &tv);
}

static void schedule(struct follow *f, uint64_t ms)
{
	ms -= draw(ms / JITTER_PART + 1);
	pthread_mutex_lock(&f->owner->lock);
	f->next_ns = clock_monotonic_ns() + ms * NS_PER_MS;
	pthread_mutex_unlock(&f->owner->lock);
	set_timer(f);
}

void secondary_set_state(struct follow *f, enum follow_state state)
{
	pthread_mutex_lock(&f->owner->lock);
	f->state = state;
	pthread_mutex_unlock(&f->owner->lock);
}

void secondary_read_soa(struct follow *f)
{
	struct content_rr rr;
	struct rr_soa soa;
	grace_online();
	const struct zone *z = directory_get(f->owner->server->directory, f->name.wire);
	struct zone_view view;
	bool found = false;
	if (z) {
		view = zone_view(z);
		found = zone_soa(&view, &rr) && rr_soa_parse(&soa, rr.rdata, rr.rdlen);
	}
	if (found) {
		pthread_mutex_lock(&f->owner->lock);
		f->serial = soa.serial;
		pthread_mutex_unlock(&f->owner->lock);
		f->refresh = within(soa.refresh);
		f->retry = within(soa.retry);
		f->expire = soa.expire;
	}
	grace_offline();
}

/* Nothing that comes less often than it is asked for may expire in between. */
static uint32_t at_least(const struct follow *f, uint32_t seconds)
{
	uint32_t least = seconds < f->expire ? TIMER_MIN_S : f->refresh + f->retry;
	return seconds > least ? seconds : least;
}

void secondary_checked(struct follow *f, uint32_t seconds)
{
	pthread_mutex_lock(&f->owner->lock);
	f->checked = clock_unix_ms();
	f->expires_ns = clock_monotonic_ns() + at_least(f, seconds) * NS_PER_S;
	pthread_mutex_unlock(&f->owner->lock);
	f->new_expire = seconds;
}

/* ---- jobs that nobody waits for ---- */

struct note {
	int64_t id;
	uint32_t seconds;
	struct addr source;
};

static void free_job(struct job *job)
{
	free(job->run_arg);
	job_free(job);
}

static enum err store_note(struct job *job, struct zonestore *s, struct errmsg *why)
{
	const struct note *n = job->run_arg;
	int64_t now = clock_unix_ms();
	return zonestore_secondary_checked(s, n->id, now, now + (int64_t)n->seconds * 1000, &n->source, why);
}

static void submit(struct secondary *s, struct job *job)
{
	job->done = free_job;
	if (writer_thread_submit(s->server->writer, job))
		free_job(job);
}

/* That the zone is good for longer; should it get lost, the zone only expires sooner after a restart. */
void secondary_store_checked(struct follow *f)
{
	struct job *job = job_new(JOB_CHORE);
	struct note *n = malloc(sizeof *n);
	if (!job || !n) {
		job_free(job);
		free(n);
		return;
	}
	*n = (struct note){.id = f->id, .seconds = f->new_expire, .source = f->address[f->at]};
	job->run = store_note;
	job->run_arg = n;
	submit(f->owner, job);
}

/* Questions get SERVFAIL from now on. */
static void blank(struct follow *f, const char *fault)
{
	struct job *job = job_new(JOB_BLANK);
	if (!job)
		return;
	job->zone = f->name;
	snprintf(job->actor.who, sizeof job->actor.who, "secondary");
	snprintf(job->actor.note, sizeof job->actor.note, "%s", fault);
	submit(f->owner, job);
}

/* ---- rounds ---- */

static void give_turns(struct secondary *s)
{
	struct follow *f;
	while (s->sessions < SESSIONS_MAX && (f = TAILQ_FIRST(&s->queue))) {
		TAILQ_REMOVE(&s->queue, f, turn);
		s->sessions++;
		secondary_set_state(f, FOLLOW_ASKING);
		secondary_ask(f);
	}
}

static void begin(struct follow *f)
{
	struct secondary *s = f->owner;
	if (!f->count) {
		schedule(f, TIMER_MAX_S * UINT64_C(1000));
		return;
	}
	pthread_mutex_lock(&s->lock);
	f->by_notice = f->noticed;
	f->told = f->has_notice;
	f->told_serial = f->notice;
	if (f->noticed && f->has_sender)
		f->at = f->sender;
	if (f->noticed && f->has_sender && f->heard.len)
		f->address[f->at] = f->heard;
	f->noticed = f->has_notice = f->has_sender = false;
	f->state = FOLLOW_QUEUED;
	pthread_mutex_unlock(&s->lock);
	f->tried = 0;
	f->serial_before = f->serial;
	TAILQ_INSERT_TAIL(&s->queue, f, turn);
	give_turns(s);
}

/* As soon as may be, for a NOTIFY. */
static void heed(struct follow *f)
{
	uint64_t since_ms = (clock_monotonic_ns() - f->futile_ns) / NS_PER_MS;
	if (f->state != FOLLOW_IDLE)
		return; /* when this round is over */
	if (f->futile_ns && since_ms < FUTILE_GAP_MS)
		schedule(f, FUTILE_GAP_MS - since_ms);
	else
		begin(f);
}

static uint64_t pause_s(struct follow *f, bool good)
{
	f->failures = good ? 0 : f->failures + 1;
	if (good)
		return f->refresh;
	if (f->content)
		return f->retry;
	uint64_t pause = FIRST_RETRY_S;
	for (unsigned i = 1; i < f->failures && pause < FIRST_RETRY_MAX_S; i++)
		pause *= 2;
	return pause < FIRST_RETRY_MAX_S ? pause : FIRST_RETRY_MAX_S;
}

static void free_follow(struct follow *f);

void secondary_round_over(struct follow *f, bool good)
{
	struct secondary *s = f->owner;
	s->sessions--;
	pthread_mutex_lock(&s->lock);
	f->state = FOLLOW_IDLE;
	bool noticed = f->noticed;
	pthread_mutex_unlock(&s->lock);
	if (f->gone) {
		free_follow(f);
	} else if (!s->stopping) {
		if (f->by_notice && f->serial == f->serial_before)
			f->futile_ns = clock_monotonic_ns();
		schedule(f, pause_s(f, good) * 1000);
		if (noticed)
			heed(f);
	}
	if (!s->stopping)
		give_turns(s);
}

static void expire(struct follow *f)
{
	char zone[NAME_TEXT_MAX];
	pthread_mutex_lock(&f->owner->lock);
	f->content = false;
	pthread_mutex_unlock(&f->owner->lock);
	f->failures = 0;
	log_error("secondary zone=%s expired: no primary could be asked for so long as its SOA allows; its names get "
		  "SERVFAIL until it could be transferred",
		  name_to_text(f->name.wire, zone));
	blank(f, "the zone expired: no primary could be asked for so long as its SOA allows");
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct follow *f = arg;
	uint64_t now = clock_monotonic_ns();
	(void)fd;
	(void)what;
	/* What the writer has at hand decides for itself. */
	if (f->content && now >= f->expires_ns && f->state != FOLLOW_COMMITTING)
		expire(f);
	if (f->state == FOLLOW_IDLE && now >= f->next_ns)
		begin(f);
	else
		set_timer(f);
}

/* ---- which zones ---- */

static size_t bucket_of(const uint8_t *zone)
{
	struct qname q;
	qname_set(&q, zone);
	return q.hash[0] % FOLLOW_BUCKETS;
}

static struct follow *find(const struct secondary *s, const uint8_t *zone)
{
	struct follow *f = s->bucket[bucket_of(zone)];
	while (f && !name_equal(f->name.wire, zone))
		f = f->next;
	return f;
}

static void free_follow(struct follow *f)
{
	secondary_ask_end(f, false);
	if (f->timer)
		event_free(f->timer);
	free(f);
}

/* Takes it off the tables; the writer's job, if it has one, ends first. */
static void drop_follow(struct follow *f)
{
	struct secondary *s = f->owner;
	pthread_mutex_lock(&s->lock);
	for (struct follow **link = &s->bucket[bucket_of(f->name.wire)]; *link; link = &(*link)->next)
		if (*link == f) {
			*link = f->next;
			break;
		}
	for (struct follow **link = &s->noticed; *link; link = &(*link)->next_noticed)
		if (*link == f) {
			*link = f->next_noticed;
			break;
		}
	pthread_mutex_unlock(&s->lock);
	event_del(f->timer);
	f->gone = true;
	if (f->state == FOLLOW_QUEUED)
		TAILQ_REMOVE(&s->queue, f, turn);
	if (f->state == FOLLOW_ASKING)
		s->sessions--;
	if (f->state != FOLLOW_COMMITTING)
		free_follow(f);
}

static struct follow *make_follow(struct secondary *s, const struct zonestore_secondary *z)
{
	struct follow *f = calloc(1, sizeof *f);
	if (!f)
		return NULL;
	f->owner = s;
	f->id = z->zone.id;
	f->name = z->zone.name;
	f->checked = z->checked;
	f->count = z->count;
	for (unsigned i = 0; i < z->count; i++) {
		f->primary[i] = z->primary[i];
		f->address[i] = z->primary[i].by_key ? z->source : z->primary[i].address;
	}
	f->timer = evtimer_new(s->base, on_timer, f);
	if (!f->timer) {
		free(f);
		return NULL;
	}
	return f;
}

/* Whether its content may be served still, and for how long. */
static void judge(struct follow *f, const struct zonestore_secondary *z)
{
	int64_t left_ms = z->expires - clock_unix_ms();
	secondary_read_soa(f);
	f->content = z->zone.has_serial && f->refresh && left_ms > 0;
	/* A clock that went back must not keep the zone for ever. */
	if (left_ms > (int64_t)f->expire * 1000)
		left_ms = (int64_t)f->expire * 1000;
	if (f->content)
		f->expires_ns = clock_monotonic_ns() + (uint64_t)left_ms * NS_PER_MS;
}

static enum err keep(void *arg, const struct zonestore_secondary *z)
{
	struct secondary *s = arg;
	struct follow *f = find(s, z->zone.name.wire);
	if (f && f->id == z->zone.id) {
		f->kept = true;
		return ERR_OK;
	}
	f = make_follow(s, z);
	if (!f)
		return ERR_NOMEM;
	f->kept = true;
	judge(f, z);
	size_t b = bucket_of(f->name.wire);
	pthread_mutex_lock(&s->lock);
	f->next = s->bucket[b];
	s->bucket[b] = f;
	pthread_mutex_unlock(&s->lock);
	return ERR_OK;
}

typedef void follow_fn(struct follow *f);

static unsigned each(struct secondary *s, follow_fn *fn)
{
	unsigned count = 0;
	for (size_t b = 0; b < FOLLOW_BUCKETS; b++)
		for (struct follow *f = s->bucket[b], *next; f; f = next, count++) {
			next = f->next;
			fn(f);
		}
	return count;
}

static void unmark(struct follow *f)
{
	f->kept = false;
}

static void drop_unmarked(struct follow *f)
{
	if (!f->kept)
		drop_follow(f);
}

static const char not_yet[] = "the zone could not be transferred from a primary yet; see roostctl status";

static void start_new(struct follow *f)
{
	if (f->next_ns || f->state != FOLLOW_IDLE)
		return; /* not new */
	if (!f->content)
		blank(f, not_yet);
	begin(f);
}

static enum err read_zones(struct secondary *s, struct errmsg *msg)
{
	each(s, unmark);
	enum err e = zonestore_secondary_each(s->store, 0, keep, s, msg);
	if (!e)
		each(s, drop_unmarked);
	return e;
}

static void on_reload(struct mail *mail)
{
	struct secondary *s = (struct secondary *)(void *)((char *)mail - offsetof(struct secondary, reload_mail));
	struct errmsg msg = {.text = ""};
	pthread_mutex_lock(&s->lock);
	s->reload_posted = false;
	pthread_mutex_unlock(&s->lock);
	if (s->stopping)
		return;
	if (read_zones(s, &msg))
		log_error("reading the zones that we are a secondary of: %s; the list from before stays in use",
			  msg.text);
	each(s, start_new);
	give_turns(s); /* a zone that is gone may have had one */
}

void secondary_reload(struct secondary *s)
{
	pthread_mutex_lock(&s->lock);
	bool post = !s->reload_posted;
	s->reload_posted = true;
	pthread_mutex_unlock(&s->lock);
	if (post)
		mailbox_post(s->mailbox, &s->reload_mail);
}

/* ---- what others ask: any thread ---- */

static bool same_host(const struct addr *a, const struct addr *b)
{
	char x[ADDR_TEXT_MAX], y[ADDR_TEXT_MAX];
	return a->len && b->len && strcmp(addr_ip_to_text(a, x), addr_ip_to_text(b, y)) == 0;
}

static bool signed_by(const struct secondary_notice *n, const struct zonestore_primary *p)
{
	const struct access_key *mine = p->has_key ? access_key(n->access, p->key.wire) : NULL;
	const struct access_key *theirs = n->key ? access_key(n->access, tsig_key_name(n->key)) : NULL;
	return mine && theirs && name_equal(mine->identity, theirs->identity);
}

static void set_port(struct addr *a, uint16_t port)
{
	if (a->u.sa.sa_family == AF_INET6)
		a->u.in6.sin6_port = htons(port);
	else
		a->u.in.sin_port = htons(port);
}

/* The primary that it is from, or f->count. A signature tells more than an address. */
static unsigned sender_of(const struct follow *f, const struct secondary_notice *n)
{
	for (unsigned i = 0; i < f->count; i++)
		if (signed_by(n, &f->primary[i]) &&
		    (f->primary[i].by_key || same_host(&f->primary[i].address, n->from)))
			return i;
	for (unsigned i = 0; i < f->count; i++)
		if (!f->primary[i].by_key && same_host(&f->primary[i].address, n->from))
			return i;
	for (unsigned i = 0; i < f->count; i++)
		if (signed_by(n, &f->primary[i]))
			return i;
	return f->count;
}

/* True: the thread must be told. */
static bool note_notice(struct follow *f, const struct secondary_notice *n, unsigned sender)
{
	bool heard = sender < f->count && f->primary[sender].by_key;
	/* What we have already is no news, unless the primary moved. */
	if (n->has_serial && f->content && !rr_serial_newer(n->serial, f->serial) && !heard)
		return false;
	f->noticed = true;
	f->has_notice = n->has_serial;
	f->notice = n->serial;
	f->has_sender = sender < f->count;
	f->sender = sender;
	f->heard.len = 0;
	if (heard) {
		f->heard = *n->from;
		set_port(&f->heard, f->primary[sender].port);
	}
	if (!f->listed) {
		f->next_noticed = f->owner->noticed;
		f->owner->noticed = f;
		f->listed = true;
	}
	bool post = !f->owner->notice_posted;
	f->owner->notice_posted = true;
	return post;
}

enum secondary_verdict secondary_notify(struct secondary *s, const struct secondary_notice *n)
{
	uint8_t lower[NAME_WIRE_MAX];
	name_lower(lower, n->zone, name_len(n->zone));
	const struct access_request who = {.action = ACCESS_NOTIFY, .zone = lower, .key = n->key, .from = n->from};
	bool granted = access_allows(n->access, &who), post = false;
	enum secondary_verdict verdict = SECONDARY_NOT_OURS;
	pthread_mutex_lock(&s->lock);
	struct follow *f = find(s, n->zone);
	if (f) {
		unsigned sender = sender_of(f, n);
		verdict = granted || sender < f->count ? SECONDARY_ACCEPTED : SECONDARY_REFUSED;
		if (verdict == SECONDARY_ACCEPTED)
			post = note_notice(f, n, sender);
	}
	pthread_mutex_unlock(&s->lock);
	if (post)
		mailbox_post(s->mailbox, &s->notice_mail);
	return verdict;
}

bool secondary_remaining(struct secondary *s, const uint8_t *zone, uint32_t *seconds)
{
	pthread_mutex_lock(&s->lock);
	const struct follow *f = find(s, zone);
	if (f)
		*seconds = secondary_seconds_left(f);
	pthread_mutex_unlock(&s->lock);
	return f != NULL;
}

/* A monotonic time as one that people know. */
static int64_t to_unix_ms(uint64_t ns)
{
	return clock_unix_ms() + ((int64_t)ns - (int64_t)clock_monotonic_ns()) / (int64_t)NS_PER_MS;
}

bool secondary_state(struct secondary *s, const uint8_t *zone, struct secondary_state *out)
{
	*out = (struct secondary_state){.count = 0};
	pthread_mutex_lock(&s->lock);
	const struct follow *f = find(s, zone);
	if (f) {
		out->checked = f->checked;
		out->busy = f->state != FOLLOW_IDLE;
		out->next = out->busy || !f->next_ns ? 0 : to_unix_ms(f->next_ns);
		out->expires = f->content ? to_unix_ms(f->expires_ns) : 0;
		out->count = f->count;
		for (unsigned i = 0; i < f->count; i++) {
			out->primary[i].primary = f->primary[i];
			memcpy(out->primary[i].error, f->error[i], SECONDARY_ERROR_MAX);
		}
	}
	pthread_mutex_unlock(&s->lock);
	return f != NULL;
}

static struct follow *take_noticed(struct secondary *s)
{
	pthread_mutex_lock(&s->lock);
	struct follow *f = s->noticed;
	if (f) {
		s->noticed = f->next_noticed;
		f->listed = false;
	}
	pthread_mutex_unlock(&s->lock);
	return f;
}

static void on_notice(struct mail *mail)
{
	struct secondary *s = (struct secondary *)(void *)((char *)mail - offsetof(struct secondary, notice_mail));
	pthread_mutex_lock(&s->lock);
	s->notice_posted = false;
	pthread_mutex_unlock(&s->lock);
	struct follow *f;
	while (!s->stopping && (f = take_noticed(s)))
		heed(f);
}

/* ---- life ---- */

static void on_stop(struct mail *mail)
{
	struct secondary *s = (struct secondary *)(void *)((char *)mail - offsetof(struct secondary, stop_mail));
	s->stopping = true;
	event_base_loopbreak(s->base);
}

static void start_zone(struct follow *f)
{
	schedule(f, 1);
}

static void *run(void *arg)
{
	struct secondary *s = arg;
	grace_register();
	grace_offline();
	each(s, start_zone);
	event_base_loop(s->base, EVLOOP_NO_EXIT_ON_EMPTY);
	grace_unregister();
	return NULL;
}

/* Before anybody asks: what expired while we were not there. */
static void take_out(struct follow *f)
{
	struct zone *z;
	char zone[NAME_TEXT_MAX];
	const struct directory *d = f->owner->server->directory;
	grace_online();
	const struct zone *there = directory_get(d, f->name.wire);
	bool good = f->content || (there && zone_fault(there));
	grace_offline();
	if (good)
		return;
	if (f->checked)
		log_error("secondary zone=%s expired while this server was down; its names get SERVFAIL until it could "
			  "be "
			  "transferred",
			  name_to_text(f->name.wire, zone));
	if (zone_new_damaged(&z, f->name.wire, f->id, not_yet))
		return;
	if (directory_put(f->owner->server->directory, z))
		zone_release(z);
}

static enum err make_parts(struct secondary *s, struct errmsg *msg)
{
	struct event_config *ec = event_config_new();
	if (!ec)
		return errmsg_set(msg, ERR_NOMEM, "out of memory");
	event_config_set_flag(ec, EVENT_BASE_FLAG_NOLOCK); /* the mailbox is how other threads reach it */
	s->base = event_base_new_with_config(ec);
	event_config_free(ec);
	if (!s->base || mailbox_new(&s->mailbox, s->base))
		return errmsg_set(msg, ERR_NOMEM, "the secondaries' thread could not be made: out of memory");
	enum err e = zonestore_open(&s->store, s->server->config->database, SQLSTORE_READ, msg);
	if (!e)
		e = read_zones(s, msg);
	return e;
}

enum err secondary_new(struct secondary **out, struct server *server, struct errmsg *msg)
{
	struct secondary *s = calloc(1, sizeof *s);
	*out = NULL;
	if (!s)
		return errmsg_set(msg, ERR_NOMEM, "out of memory");
	s->server = server;
	s->notice_mail.deliver = on_notice;
	s->reload_mail.deliver = on_reload;
	s->stop_mail.deliver = on_stop;
	TAILQ_INIT(&s->queue);
	pthread_mutex_init(&s->lock, NULL);
	writer_init(&s->writer);
	enum err e = make_parts(s, msg);
	if (e) {
		secondary_free(s);
		return e;
	}
	each(s, take_out);
	*out = s;
	return ERR_OK;
}

enum err secondary_start(struct secondary *s)
{
	if (pthread_create(&s->thread, NULL, run, s) != 0)
		return ERR_NOMEM;
	s->started = true;
	return ERR_OK;
}

void secondary_stop(struct secondary *s)
{
	if (!s || !s->started)
		return;
	mailbox_post(s->mailbox, &s->stop_mail);
	pthread_join(s->thread, NULL);
	s->started = false;
}

void secondary_free(struct secondary *s)
{
	if (!s)
		return;
	s->stopping = true;
	mailbox_free(s->mailbox); /* delivers what the writer had done for us */
	each(s, drop_follow);
	if (s->base)
		event_base_free(s->base);
	zonestore_close(s->store);
	pthread_mutex_destroy(&s->lock);
	free(s);
}
