/* notify.c: see notify.h.
 *
 *   writer: notify_published -> zone marked dirty, one mail to main        main: tell_dirty -> every target of the zone: want(serial)
 *
 *   target:   IDLE --want--> QUEUED --turn--> SENT --answer--> IDLE (or QUEUED again if a newer serial is wanted)
 *                                      ^--timeout, doubled--'  '--tries used up--> IDLE, with an error
 *
 * Changes go out at once. What start-up or a new peer brings waits for its turn, SENT_MAX at a time; a secondary that
 * does not answer the first message gives its place to the next, so that a dead one among many zones holds up no
 * other. */
#include "server/peer/notify.h"

#include <errno.h>
#include <event2/event.h>
#include <pthread.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>
#include <unistd.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/writer.h"
#include "zones/memory/grace.h"

enum {
	SENT_MAX = 256, /* first messages without answer yet: a start with many zones comes in turns */
	GAP_MS = 10,    /* between two NOTIFYs to one target: bursts of commits become one */
	RETRY_MS_MAX =
		3600000, /* doubling ends here: RFC 1996 §3.6 wants a bound, and an hour is near any SOA's refresh */
	FAULT_MAX = 96,  /* characters */
	ZONE_BUCKETS = 4096, /* of the zone table */
	RELOAD_MS = 1000,    /* after peers that could not be read */
	ID_BUCKETS = 1024,   /* of messages under way, by ID */
	NS_PER_MS = 1000000,
	MESSAGE_ROOM = 1232 /* octets: one question, one SOA, TSIG */
};

enum target_state { IDLE, QUEUED, SENT };

struct target {
	struct target *next;      /* in its zone */
	TAILQ_ENTRY(target) turn; /* QUEUED: in one of the queues */
	struct target *next_sent; /* SENT: in the ID bucket */
	struct notify_zone *zone;
	struct notify *owner;
	struct addr address;
	bool has_key;
	struct name key;
	bool kept; /* while reloading: still in the database */

	enum target_state state;
	bool urgent;    /* something was published that it has not been sent */
	unsigned tries; /* SENT: messages sent; 1: it holds one of SENT_MAX places */
	uint16_t id;
	uint32_t sent_serial;
	bool acked;
	uint32_t acked_serial;
	uint64_t last_ns;      /* when a message was sent last */
	uint64_t due_ns;       /* when the timer was last set to fire; both clock_monotonic_ns */
	char fault[FAULT_MAX]; /* what went wrong with the NOTIFY under way, "" = nothing so far */
	char error[FAULT_MAX]; /* how the last one failed, "" = it did not */
	struct event *timer;
	struct access *access; /* held while a signed message is under way: its key */
	struct tsig_context tsig;
};

struct notify_zone {
	struct notify_zone *next; /* in the bucket */
	struct notify_zone *next_dirty;
	struct target *targets;
	bool dirty;
	struct name name;
};

TAILQ_HEAD(target_queue, target);

struct notify {
	struct server *server;
	struct zonestore *store;
	pthread_mutex_t lock; /* zone table's shape, dirty list, mail flag; targets' own fields are the main thread's */
	struct notify_zone *bucket[ZONE_BUCKETS];
	struct notify_zone *dirty;
	bool mail_posted;
	struct mail mail;
	struct target_queue urgent, queue; /* changes; the others */
	struct target *sent[ID_BUCKETS];
	unsigned first_count; /* SENT with tries 1 */
	int fd4, fd6;
	struct event *event4, *event6;
	struct event *reload; /* the peers could not be read: once more then */
	struct writer writer;
};

/* ---- zones and targets ---- */

static size_t bucket_of(const uint8_t *zone)
{
	struct qname q;

	qname_set(&q, zone);
	return q.hash[0] % ZONE_BUCKETS;
}

static struct notify_zone *find_zone(const struct notify *n, const uint8_t *name)
{
	struct notify_zone *z = n->bucket[bucket_of(name)];

	while (z && !name_equal(z->name.wire, name))
		z = z->next;
	return z;
}

static struct notify_zone *add_zone(struct notify *n, const uint8_t *name)
{
	struct notify_zone *z = find_zone(n, name);

	if (z)
		return z;
	z = calloc(1, sizeof *z);
	if (!z)
		return NULL;
	name_set(&z->name, name);
	name_lower(z->name.wire, z->name.wire, z->name.len);
	size_t b = bucket_of(name);
	pthread_mutex_lock(&n->lock);
	z->next = n->bucket[b];
	n->bucket[b] = z;
	pthread_mutex_unlock(&n->lock);
	return z;
}

static void leave_sent(struct target *t)
{
	struct notify *n = t->owner;
	struct target **link = &n->sent[t->id % ID_BUCKETS];

	while (*link != t)
		link = &(*link)->next_sent;
	*link = t->next_sent;
	n->first_count -= t->tries == 1;
	access_release(t->access);
	t->access = NULL;
	t->state = IDLE;
}

static struct target_queue *queue_of(const struct target *t)
{
	return t->urgent ? &t->owner->urgent : &t->owner->queue;
}

static void leave_queue(struct target *t)
{
	TAILQ_REMOVE(queue_of(t), t, turn);
	t->state = IDLE;
}

static void enter_queue(struct target *t)
{
	TAILQ_INSERT_TAIL(queue_of(t), t, turn);
	t->state = QUEUED;
}

static void free_target(struct target *t)
{
	if (t->state == SENT)
		leave_sent(t);
	else if (t->state == QUEUED)
		leave_queue(t);
	event_free(t->timer);
	free(t);
}

/* ---- sending ---- */

static void give_turns(struct notify *n);

static void fail_target(struct target *t, const char *why)
{
	char zone[NAME_TEXT_MAX];
	char peer[ADDR_TEXT_MAX];

	stats_count(stats_main(t->owner->server->stats), STATS_NOTIFY_FAILED);
	snprintf(t->error, sizeof t->error, "%s", why);
	log_warning("notify zone=%s peer=%s serial=%u failed: %s; it will learn of the change by its own refresh or "
		    "with the next one",
		    name_to_text(t->zone->name.wire, zone), addr_to_text(&t->address, peer), t->sent_serial, why);
	t->fault[0] = '\0'; /* which `why` may be */
}

/* The zone's SOA now, as a NOTIFY carries it (RFC 1996 §3.7). False when the zone is not served any more. */
static bool put_soa(struct target *t)
{
	struct notify *n = t->owner;
	bool put = false;

	grace_online();
	const struct zone *z = directory_get(n->server->directory, t->zone->name.wire);
	if (z) {
		struct zone_view v = zone_view(z);
		struct content_rr rr;
		if (zone_soa(&v, &rr)) {
			t->sent_serial = zone_serial(&v);
			put = writer_rr(&n->writer, SECTION_ANSWER, t->zone->name.wire, TYPE_SOA, CLASS_IN, rr.ttl,
					rr.rdata, rr.rdlen);
		}
	}
	grace_offline();
	return put;
}

/* Signs if the peer has a key. The access snapshot stays held: the answer is checked with its key. */
static enum err sign(struct target *t, uint8_t *message, size_t *len)
{
	if (!t->has_key)
		return ERR_OK;
	if (!t->access) {
		grace_online();
		t->access = atomic_load_explicit(&t->owner->server->access, memory_order_acquire);
		access_hold(t->access);
		grace_offline();
	}
	const struct tsig_key *key = access_find_signer(t->access, t->key.wire);
	return key ? tsig_sign_request(&t->tsig, key, message, len, MESSAGE_ROOM, clock_unix()) : ERR_NOTFOUND;
}

static bool transmit(struct target *t)
{
	struct notify *n = t->owner;
	uint8_t message[MESSAGE_ROOM];

	writer_start(&n->writer, message, sizeof message, t->id, OPCODE_NOTIFY << FLAG_OPCODE_SHIFT | FLAG_AA);
	if (!writer_question(&n->writer, t->zone->name.wire, TYPE_SOA, CLASS_IN) || !put_soa(t))
		return false;
	size_t len = writer_finish(&n->writer);
	if (sign(t, message, &len)) {
		fail_target(t, "its key cannot sign: roostctl key list shows the keys there are");
		return false;
	}
	int fd = t->address.u.sa.sa_family == AF_INET6 ? n->fd6 : n->fd4;
	t->last_ns = clock_monotonic_ns();
	stats_count(stats_main(n->server->stats), STATS_NOTIFY_SENT);
	/* A full socket or an unreachable peer is as a lost datagram: the timer sends again. */
	if (fd < 0 || sendto(fd, message, len, MSG_DONTWAIT, &t->address.u.sa, t->address.len) < 0)
		snprintf(t->fault, sizeof t->fault, "cannot send: %s",
			 fd < 0 ? "no socket of its address family" : strerror(errno));
	return true;
}

static void set_timer(struct target *t, uint64_t ms)
{
	struct timeval tv = {.tv_sec = (time_t)(ms / 1000), .tv_usec = (suseconds_t)(ms % 1000 * 1000)};

	t->due_ns = clock_monotonic_ns() + ms * NS_PER_MS;
	event_add(t->timer, &tv);
}

/* How long to wait for the answer to the message just sent. */
static uint64_t patience_ms(const struct target *t)
{
	uint64_t first = t->owner->server->config->notify_retry_ms;
	uint64_t ms = first;

	for (unsigned i = 1; i < t->tries && ms < RETRY_MS_MAX; i++)
		ms *= 2;
	return ms < RETRY_MS_MAX || ms == first ? ms : RETRY_MS_MAX;
}

static void start_sending(struct target *t)
{
	struct notify *n = t->owner;

	if (getrandom(&t->id, sizeof t->id, 0) != sizeof t->id)
		t->id = (uint16_t)clock_monotonic_ns();
	t->state = SENT;
	t->urgent = false;
	t->tries = 1;
	t->fault[0] = '\0';
	t->next_sent = n->sent[t->id % ID_BUCKETS];
	n->sent[t->id % ID_BUCKETS] = t;
	n->first_count++;
	if (transmit(t))
		set_timer(t, patience_ms(t));
	else
		leave_sent(t);
}

static struct target *next_turn(struct notify *n)
{
	struct target *t = TAILQ_FIRST(&n->urgent);

	return t || n->first_count >= SENT_MAX ? t : TAILQ_FIRST(&n->queue);
}

static void give_turns(struct notify *n)
{
	struct target *t;

	while ((t = next_turn(n))) {
		leave_queue(t);
		start_sending(t);
	}
}

/* Not more often than every GAP_MS. */
static void enqueue(struct target *t)
{
	uint64_t since_ms = (clock_monotonic_ns() - t->last_ns) / NS_PER_MS;

	if (t->last_ns && since_ms < GAP_MS)
		set_timer(t, GAP_MS - since_ms);
	else
		enter_queue(t);
}

/* A secondary that was silent may be back: what is new is not to wait for the end of a doubled interval. */
static void hasten(struct target *t)
{
	uint64_t ms = t->owner->server->config->notify_retry_ms;

	if (t->due_ns > clock_monotonic_ns() + ms * NS_PER_MS)
		set_timer(t, ms);
}

/* There is something to tell. urgent: a change. */
static void want(struct target *t, bool urgent)
{
	bool queued = t->state == QUEUED;

	if (queued && urgent && !t->urgent)
		leave_queue(t); /* to stand in the other queue */
	t->urgent |= urgent;
	if (t->state == SENT)
		hasten(t);
	else if (queued && t->state == IDLE)
		enter_queue(t);
	else if (t->state == IDLE && !event_pending(t->timer, EV_TIMEOUT, NULL))
		enqueue(t);
}

/* Answered, or given up. */
static void end_notify(struct target *t)
{
	leave_sent(t);
	if (t->urgent)
		enqueue(t);
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	struct target *t = arg;
	const struct config *config = t->owner->server->config;

	(void)fd;
	(void)what;
	if (t->state == IDLE) {
		enter_queue(t); /* the gap is over */
	} else if (t->state == SENT && t->tries >= config->notify_tries) {
		fail_target(t, t->fault[0] ? t->fault : "no answer");
		end_notify(t);
	} else if (t->state == SENT) {
		t->urgent = false; /* what is sent now is the newest */
		t->owner->first_count -= t->tries++ == 1;
		if (transmit(t))
			set_timer(t, patience_ms(t));
		else
			leave_sent(t);
	}
	give_turns(t->owner);
}

/* ---- answers ---- */

static struct target *find_sent(struct notify *n, const struct message *m, const struct addr *from)
{
	struct target *t = n->sent[m->id % ID_BUCKETS];

	while (t &&
	       (t->id != m->id || !addr_equal(&t->address, from) || !name_equal(t->zone->name.wire, m->qname.wire)))
		t = t->next_sent;
	return t;
}

static void take_answer(struct target *t, const struct message *m)
{
	unsigned rcode = m->flags & FLAG_RCODE_MASK;
	char zone[NAME_TEXT_MAX];
	char peer[ADDR_TEXT_MAX];

	if (t->has_key && tsig_verify_answer(&t->tsig, m, clock_unix()) != TSIG_OK) {
		snprintf(t->fault, sizeof t->fault,
			 "answer (RCODE %u) not signed as it must be: do both sides have the key and the right time?",
			 rcode);
		return; /* may be forged: wait on */
	}
	event_del(t->timer);
	if (rcode == RCODE_NOERROR) {
		t->acked = true;
		stats_count(stats_main(t->owner->server->stats), STATS_NOTIFY_ACKED);
		t->acked_serial = t->sent_serial;
		t->error[0] = t->fault[0] = '\0';
		log_debug("notify zone=%s peer=%s serial=%u acknowledged", name_to_text(t->zone->name.wire, zone),
			  addr_to_text(&t->address, peer), t->sent_serial);
	} else {
		char why[64];
		snprintf(why, sizeof why, "it answered with RCODE %u", rcode);
		fail_target(t, why);
	}
	end_notify(t);
}

static void on_readable(evutil_socket_t fd, short what, void *arg)
{
	struct notify *n = arg;
	uint8_t packet[MESSAGE_ROOM];
	struct addr from;
	struct message m;

	(void)what;
	for (int i = 0; i < SENT_MAX; i++) {
		from = (struct addr){.len = sizeof from.u};
		ssize_t len = recvfrom(fd, packet, sizeof packet, MSG_DONTWAIT, &from.u.sa, &from.len);
		if (len < 0)
			break;
		if (message_parse(&m, packet, (size_t)len) || !(m.flags & FLAG_QR) ||
		    message_opcode(&m) != OPCODE_NOTIFY || m.count[0] != 1)
			continue;
		struct target *t = find_sent(n, &m, &from);
		if (t)
			take_answer(t, &m);
	}
	give_turns(n);
}

/* ---- from the writer ---- */

static void tell_dirty(struct mail *mail)
{
	struct notify *n = (struct notify *)((char *)mail - offsetof(struct notify, mail));

	pthread_mutex_lock(&n->lock);
	struct notify_zone *z = n->dirty;
	n->dirty = NULL;
	n->mail_posted = false;
	for (; z; z = z->next_dirty) {
		z->dirty = false;
		for (struct target *t = z->targets; t; t = t->next)
			want(t, true);
	}
	pthread_mutex_unlock(&n->lock);
	give_turns(n);
}

void notify_published(struct notify *n, const uint8_t *zone, uint32_t serial, bool present)
{
	(void)serial; /* the newest is read when the message is made */
	if (!present)
		return;
	pthread_mutex_lock(&n->lock);
	struct notify_zone *z = find_zone(n, zone);
	bool post = false;
	if (z && z->targets && !z->dirty) {
		z->dirty = true;
		z->next_dirty = n->dirty;
		n->dirty = z;
		post = !n->mail_posted;
		n->mail_posted = true;
	}
	pthread_mutex_unlock(&n->lock);
	if (post)
		mailbox_post(n->server->main_mailbox, &n->mail);
}

/* ---- peers from the database ---- */

static struct target *find_target(const struct notify_zone *z, const struct zonestore_peer *p)
{
	struct target *t = z->targets;

	while (t && (!addr_equal(&t->address, &p->address) || t->has_key != p->has_key ||
		     (t->has_key && !name_equal(t->key.wire, p->key.wire))))
		t = t->next;
	return t;
}

static enum err keep_peer(void *arg, const struct zonestore_peer *p)
{
	struct notify *n = arg;
	struct notify_zone *z = add_zone(n, p->zone.wire);
	struct target *t = z ? find_target(z, p) : NULL;

	if (t) {
		t->kept = true;
		return ERR_OK;
	}
	t = z ? calloc(1, sizeof *t) : NULL;
	if (t)
		t->timer = evtimer_new(n->server->main_base, on_timer, t);
	if (!t || !t->timer) {
		free(t);
		return ERR_NOMEM;
	}
	t->zone = z;
	t->owner = n;
	t->address = p->address;
	t->has_key = p->has_key;
	t->key = p->key;
	t->kept = true;
	pthread_mutex_lock(&n->lock);
	t->next = z->targets;
	z->targets = t;
	pthread_mutex_unlock(&n->lock);
	want(t, false);
	return ERR_OK;
}

/* Calls fn for every target; those for which it returns false are unlinked and freed. */
static void sweep(struct notify *n, bool (*stays)(struct target *t))
{
	for (size_t b = 0; b < ZONE_BUCKETS; b++)
		for (struct notify_zone *z = n->bucket[b]; z; z = z->next)
			for (struct target **link = &z->targets; *link;) {
				struct target *t = *link;
				if (stays(t)) {
					link = &t->next;
					continue;
				}
				pthread_mutex_lock(&n->lock);
				*link = t->next;
				pthread_mutex_unlock(&n->lock);
				free_target(t);
			}
}

static bool unmark(struct target *t)
{
	t->kept = false;
	return true;
}

static bool was_kept(struct target *t)
{
	return t->kept;
}

static bool none(struct target *t)
{
	(void)t;
	return false;
}

static enum err load_peers(struct notify *n, struct errmsg *msg)
{
	sweep(n, unmark);
	enum err e = zonestore_each_peer(n->store, NULL, keep_peer, n, msg);
	if (!e)
		sweep(n, was_kept);
	give_turns(n);
	return e;
}

void notify_reload(struct notify *n)
{
	struct errmsg why = {""};

	if (!load_peers(n, &why))
		return;
	log_error("reading the peers to notify: %s; the list from before stays in use until they can be read",
		  why.text);
	const struct timeval later = {.tv_sec = RELOAD_MS / 1000, .tv_usec = RELOAD_MS % 1000 * 1000};
	event_add(n->reload, &later);
}

static void on_reload(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	notify_reload(arg);
}

void notify_each(struct notify *n, const uint8_t *zone, notify_state_fn *fn, void *arg)
{
	const struct notify_zone *z = find_zone(n, zone);

	for (const struct target *t = z ? z->targets : NULL; t; t = t->next) {
		struct notify_state s = {.peer = &t->address,
					 .waiting = t->state != IDLE,
					 .acked = t->acked,
					 .acked_serial = t->acked_serial,
					 .error = t->fault[0] ? t->fault : t->error};
		fn(arg, &s);
	}
}

/* ---- life ---- */

/* A socket of that family, bound to the configured source if there is one. -1 when the machine has no such family. */
static int open_socket(int family, const struct addr *source, enum err *e, struct errmsg *msg)
{
	char text[ADDR_TEXT_MAX];
	int fd = socket(family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);

	if (fd < 0 || !source->len)
		return fd;
	if (!bind(fd, &source->u.sa, source->len))
		return fd;
	*e = errmsg_set(msg, ERR_IO, "notify source %s: cannot bind: %s; give an address of this host",
			addr_to_text(source, text), strerror(errno));
	close(fd);
	return -1;
}

static struct event *watch(struct notify *n, int fd)
{
	struct event *event = fd < 0 ? NULL : event_new(n->server->main_base, fd, EV_READ | EV_PERSIST, on_readable, n);

	if (event)
		event_add(event, NULL);
	return event;
}

enum err notify_new(struct notify **out, struct server *server, struct errmsg *msg)
{
	struct notify *n = calloc(1, sizeof *n);
	enum err e = ERR_OK;

	*out = NULL;
	if (!n)
		return errmsg_set(msg, ERR_NOMEM, "no memory for NOTIFY");
	n->server = server;
	TAILQ_INIT(&n->urgent);
	TAILQ_INIT(&n->queue);
	n->mail.deliver = tell_dirty;
	pthread_mutex_init(&n->lock, NULL);
	writer_init(&n->writer);
	n->fd4 = open_socket(AF_INET, &server->config->notify_source4, &e, msg);
	n->fd6 = open_socket(AF_INET6, &server->config->notify_source6, &e, msg);
	n->event4 = watch(n, n->fd4);
	n->event6 = watch(n, n->fd6);
	n->reload = evtimer_new(server->main_base, on_reload, n);
	if (!e && !n->reload)
		e = errmsg_set(msg, ERR_NOMEM, "no memory for NOTIFY");
	if (!e)
		e = zonestore_open(&n->store, server->config->database, SQLSTORE_READ, msg);
	if (!e)
		e = load_peers(n, msg);
	if (e) {
		notify_free(n);
		return e;
	}
	*out = n;
	return ERR_OK;
}

static void close_socket(int fd, struct event *event)
{
	if (event)
		event_free(event);
	if (fd >= 0)
		close(fd);
}

void notify_free(struct notify *n)
{
	if (!n)
		return;
	sweep(n, none);
	for (size_t b = 0; b < ZONE_BUCKETS; b++)
		for (struct notify_zone *z = n->bucket[b], *next; z; z = next) {
			next = z->next;
			free(z);
		}
	close_socket(n->fd4, n->event4);
	close_socket(n->fd6, n->event6);
	if (n->reload)
		event_free(n->reload);
	zonestore_close(n->store);
	pthread_mutex_destroy(&n->lock);
	free(n);
}
