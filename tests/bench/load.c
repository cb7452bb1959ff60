/* load: asks a name server as fast as it answers, or sends it updates, and counts what came of it.
 *
 *   load -s ADDR@PORT -f FILE [-l LANES] [-w WINDOW] [-t SECONDS] [-n COUNT] [-e none|edns|do]
 *        [-p PACE] [-y ALGORITHM:NAME:SECRET [-u FILE -r RATE]]
 *
 * FILE holds one "NAME TYPE" a line; every message takes a line at random. With -y each message is an UPDATE, signed
 * with the key, that replaces the A RRset at NAME by one new address; a line is "NAME TYPE ZONE" then. With -u the
 * messages are queries all the same, and beside them RATE updates a second are sent, from a lane of their own.
 *
 * A closed loop, unless -p says how many messages a second: at most WINDOW messages are in flight, spread evenly over LANES connected sockets, and an answer
 * makes room for the next message. After SECONDS, or COUNT messages, it waits for what is still out. A message
 * unanswered for PATIENCE is lost.
 *
 *   +- lane (socket) -----------------------+
 *   | slot 0 | slot 1 | … | slot room-1 |     ID of a message = round of the slot * room + slot, so an answer finds its slot,
 *   +---------------------------------------+     and one that comes after the slot was given up is known as stale
 *
 * Prints one line of name=number pairs to standard output. Status 0 if it ran, whatever the server did; 1 or 2 if it
 * could not. */
#include <errno.h>
#include <poll.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/addr.h"
#include "lib/clock.h"
#include "lib/rr.h"
#include "lib/text.h"
#include "lib/tsig.h"
#include "lib/writer.h"

enum {
	LANES_MAX = 1024,
	BESIDE_WINDOW = 256,     /* updates in flight beside queries, when the server cannot keep up */
	LANE_WINDOW_MAX = 1024,  /* slots of a lane: also the limit of one sendmmsg (UIO_MAXIOV) */
	SENT_MAX = 512,          /* octets of a message we send: 255 of a name twice, and little more */
	ANSWER_MAX = 4096,       /* octets; longer than any UDP answer to what we ask */
	SOCKET_BUFFER = 1 << 20, /* octets asked for; the kernel caps it */
	IDLE_PASSES = 2000, /* empty rounds over the lanes before we sleep: a server should not pay for waking us */
	POLL_MS = 10,
	EDNS_SIZE = 1232, /* octets, the usual payload size (DNS flag day 2020) */
	RCODES = 16,
	LATENCY_STEP_NS = 2000,
	LATENCIES = 50000, /* 100 ms; what took longer counts as the last */
};
#define PATIENCE_NS UINT64_C(2000000000)
#define EXPIRE_EVERY_NS UINT64_C(100000000)
#define SECOND_NS UINT64_C(1000000000)

struct options {
	struct addr server;
	const char *file;
	unsigned lanes, per_lane;
	double seconds;
	uint64_t count; /* 0: no limit */
	bool edns, dnssec_ok;
	const char *updates; /* file */
	double rate;         /* of them, a second */
	double pace;         /* messages a second; 0: as fast as they are answered */
	struct tsig_key *key;
};

/* A line of the file: for queries the whole message, for updates the owner, and the zone behind it. */
struct item {
	uint16_t len;
	uint8_t *octets;
};

struct items {
	struct item *item;
	size_t count;
};

struct slot {
	bool busy;
	uint16_t round;
	uint16_t id;
	uint64_t sent_at; /* monotonic ns */
	struct tsig_context tsig;
	uint8_t octets[SENT_MAX];
};

struct lane {
	int fd;
	unsigned room; /* slots */
	unsigned busy;
	struct slot *slots;
	const struct items *items;
	bool update;
	struct tally *tally;
};

struct tally {
	uint64_t sent, answered, lost, stale, truncated, unsigned_answers, unsendable;
	uint64_t rcode[RCODES];
	uint64_t latency_sum, latency_max; /* ns */
	uint32_t latency[LATENCIES];       /* answers that took so many steps */
};

static struct options opt = {.lanes = 16, .per_lane = 16, .seconds = 1};
static struct items asked, updated;
static struct lane *lanes; /* opt.lanes, and one for the updates beside */
static unsigned lane_count;
static struct pollfd *polled;
static struct tally tally, beside;
static struct writer writer;
static uint64_t random_state, started;

static struct mmsghdr out_batch[LANE_WINDOW_MAX], in_batch[LANE_WINDOW_MAX];
static struct iovec out_vectors[LANE_WINDOW_MAX], in_vectors[LANE_WINDOW_MAX];
static uint8_t answers[LANE_WINDOW_MAX][ANSWER_MAX];

static void die(const char *what, const char *why)
{
	fprintf(stderr, "load: %s: %s\n", what, why);
	exit(1);
}

static void *must_calloc(size_t n, size_t size)
{
	void *p = calloc(n, size);
	if (!p)
		die("memory", strerror(errno));
	return p;
}

/* xorshift64*: fast, and good enough to defeat a cache. */
static uint64_t random_next(void)
{
	random_state ^= random_state >> 12;
	random_state ^= random_state << 25;
	random_state ^= random_state >> 27;
	return random_state * UINT64_C(0x2545F4914F6CDD1D);
}

static size_t random_below(size_t n)
{
	return (size_t)(((random_next() >> 32) * (uint64_t)n) >> 32);
}

/* ---- Messages ---- */

/* zone: NULL for a query */
static void make_item(struct item *it, const struct name *qname, uint16_t qtype, const struct name *zone)
{
	uint8_t octets[SENT_MAX];
	size_t len = qname->len;
	if (zone) {
		memcpy(octets, qname->wire, len);
		memcpy(octets + len, zone->wire, zone->len);
		len += zone->len;
	} else {
		writer_start(&writer, octets, sizeof octets, 0, 0);
		if (!writer_question(&writer, qname->wire, qtype, CLASS_IN) ||
		    (opt.edns && !writer_opt(&writer, EDNS_SIZE, 0, opt.dnssec_ok, NULL, 0)))
			die("query", "does not fit");
		len = writer_finish(&writer);
	}
	it->octets = must_calloc(1, len);
	it->len = (uint16_t)len;
	memcpy(it->octets, octets, len);
}

static uint16_t type_from_word(const char *word)
{
	static const struct {
		const char *word;
		uint16_t type;
	} types[] = {{"A", TYPE_A},     {"AAAA", TYPE_AAAA}, {"NS", TYPE_NS},
		     {"SOA", TYPE_SOA}, {"MX", TYPE_MX},     {"TXT", TYPE_TXT}};
	for (size_t i = 0; i < sizeof types / sizeof types[0]; i++)
		if (strcmp(types[i].word, word) == 0)
			return types[i].type;
	return 0;
}

static void read_items(struct items *to, const char *path, bool update)
{
	FILE *in = fopen(path, "re");
	char line[2 * NAME_TEXT_MAX + 32], name_text[NAME_TEXT_MAX], type_text[8], zone_text[NAME_TEXT_MAX];
	size_t room = 0;
	if (!in)
		die(path, strerror(errno));
	while (fgets(line, sizeof line, in)) {
		struct name qname, zone;
		int words = sscanf(line, "%1023s %7s %1023s", name_text, type_text, zone_text);
		if (words < (update ? 3 : 2) || !type_from_word(type_text) ||
		    name_from_text(&qname, name_text) != ERR_OK ||
		    (update && name_from_text(&zone, zone_text) != ERR_OK))
			die(path, update ? "a line is not NAME TYPE ZONE" : "a line is not NAME TYPE");
		if (to->count == room) {
			room = room ? room * 2 : 1024;
			to->item = realloc(to->item, room * sizeof *to->item);
			if (!to->item)
				die(path, strerror(errno));
		}
		make_item(&to->item[to->count++], &qname, type_from_word(type_text), update ? &zone : NULL);
	}
	fclose(in);
	if (!to->count)
		die(path, "no line in it");
}

/* Delete the A RRset at owner (RFC 2136 §2.5.2), add one A record (§2.5.1), sign. */
static size_t write_update(struct slot *s, const uint8_t *owner)
{
	uint8_t address[4];
	buf_store_u32(address, UINT32_C(0x0A000000) | (uint32_t)(random_next() >> 40));
	writer_start(&writer, s->octets, SENT_MAX, s->id, OPCODE_UPDATE << FLAG_OPCODE_SHIFT);
	if (!writer_question(&writer, owner + name_len(owner), TYPE_SOA, CLASS_IN) ||
	    !writer_rr(&writer, SECTION_UPDATE, owner, TYPE_A, CLASS_ANY, 0, NULL, 0) ||
	    !writer_rr(&writer, SECTION_UPDATE, owner, TYPE_A, CLASS_IN, 60, address, sizeof address))
		die("update", "does not fit");
	size_t len = writer_finish(&writer);
	memset(&s->tsig, 0, sizeof s->tsig);
	if (tsig_sign_request(&s->tsig, opt.key, s->octets, &len, SENT_MAX, clock_unix()) != ERR_OK)
		die("update", "could not be signed");
	return len;
}

/* Fills the slot with the next message; returns its length. */
static size_t write_message(const struct lane *l, struct slot *s)
{
	const struct item *it = &l->items->item[random_below(l->items->count)];
	if (l->update)
		return write_update(s, it->octets);
	memcpy(s->octets, it->octets, it->len);
	buf_store_u16(s->octets, s->id);
	return it->len;
}

/* ---- The loop ---- */

static void open_lane(struct lane *l)
{
	int octets = SOCKET_BUFFER;
	l->slots = must_calloc(l->room, sizeof *l->slots);
	l->fd = socket(opt.server.u.sa.sa_family, SOCK_DGRAM | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	if (l->fd < 0 || setsockopt(l->fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof octets) < 0 ||
	    connect(l->fd, &opt.server.u.sa, opt.server.len) < 0)
		die("socket", strerror(errno));
}

static void prepare(void)
{
	lane_count = opt.lanes + (opt.updates != NULL);
	lanes = must_calloc(lane_count, sizeof *lanes);
	polled = must_calloc(lane_count, sizeof *polled);
	for (unsigned i = 0; i < lane_count; i++) {
		bool extra = i == opt.lanes;
		lanes[i] = (struct lane){.room = extra ? BESIDE_WINDOW : opt.per_lane,
					 .items = extra ? &updated : &asked,
					 .update = extra || (opt.key && !opt.updates),
					 .tally = extra ? &beside : &tally};
		open_lane(&lanes[i]);
		polled[i] = (struct pollfd){.fd = lanes[i].fd, .events = POLLIN};
	}
	for (unsigned i = 0; i < LANE_WINDOW_MAX; i++) {
		in_vectors[i] = (struct iovec){.iov_base = answers[i], .iov_len = ANSWER_MAX};
		in_batch[i].msg_hdr = (struct msghdr){.msg_iov = &in_vectors[i], .msg_iovlen = 1};
		out_batch[i].msg_hdr = (struct msghdr){.msg_iov = &out_vectors[i], .msg_iovlen = 1};
	}
}

static void release(struct lane *l, struct slot *s)
{
	s->busy = false;
	l->busy--;
}

/* True if the answer carries the signature that its request calls for. */
static bool is_signed(struct slot *s, const uint8_t *wire, size_t len)
{
	struct message m;
	return message_parse(&m, wire, len) == ERR_OK && tsig_verify_answer(&s->tsig, &m, clock_unix()) == TSIG_OK;
}

static void take_answer(struct lane *l, const uint8_t *wire, size_t len, uint64_t now)
{
	if (len < MESSAGE_HEADER_LEN)
		return;
	uint16_t id = buf_load_u16(wire), flags = buf_load_u16(wire + 2);
	struct slot *s = &l->slots[id % l->room];
	if (!s->busy || s->id != id || !(flags & FLAG_QR)) {
		l->tally->stale++;
		return;
	}
	uint64_t latency = now - s->sent_at;
	uint64_t step = latency / LATENCY_STEP_NS;
	struct tally *t = l->tally;
	t->latency_sum += latency;
	if (latency > t->latency_max)
		t->latency_max = latency;
	t->latency[step < LATENCIES ? step : LATENCIES - 1]++;
	t->answered++;
	t->rcode[flags & FLAG_RCODE_MASK]++;
	t->truncated += (flags & FLAG_TC) != 0;
	if (l->update && !is_signed(s, wire, len))
		t->unsigned_answers++;
	release(l, s);
}

static unsigned receive_on(struct lane *l)
{
	int n = recvmmsg(l->fd, in_batch, l->room, MSG_DONTWAIT, NULL);
	if (n <= 0) /* nothing there, or ICMP's "port unreachable": the slots expire */
		return 0;
	uint64_t now = clock_monotonic_ns();
	for (int i = 0; i < n; i++)
		take_answer(l, answers[i], in_batch[i].msg_len, now);
	return (unsigned)n;
}

/* Puts a message into every free slot, up to `limit`, and sends them. */
static void send_on(struct lane *l, uint64_t limit)
{
	struct slot *filled[LANE_WINDOW_MAX];
	unsigned n = 0;
	uint64_t now = clock_monotonic_ns();
	for (unsigned i = 0; i < l->room && n < limit; i++) {
		struct slot *s = &l->slots[i];
		if (s->busy)
			continue;
		s->round = (uint16_t)((s->round + 1u) % (65536u / l->room));
		s->id = (uint16_t)(s->round * l->room + i);
		s->sent_at = now;
		out_vectors[n] = (struct iovec){.iov_base = s->octets, .iov_len = write_message(l, s)};
		filled[n++] = s;
	}
	int done = sendmmsg(l->fd, out_batch, n, MSG_DONTWAIT);
	unsigned sent = done > 0 ? (unsigned)done : 0;
	for (unsigned i = 0; i < sent; i++)
		filled[i]->busy = true;
	l->busy += sent;
	l->tally->sent += sent;
	l->tally->unsendable += n - sent;
}

static void expire(uint64_t now)
{
	for (unsigned i = 0; i < lane_count; i++) {
		struct lane *l = &lanes[i];
		for (unsigned j = 0; j < l->room; j++) {
			struct slot *s = &l->slots[j];
			if (!s->busy || now - s->sent_at < PATIENCE_NS)
				continue;
			l->tally->lost++;
			release(l, s);
		}
	}
}

/* How many more may be sent at all. */
static uint64_t left_to_send(const struct lane *l, uint64_t now, uint64_t end)
{
	if (now >= end)
		return 0;
	double pace = l->tally == &beside ? opt.rate : opt.pace;
	if (pace > 0) {
		uint64_t due = (uint64_t)((double)(now - started) * pace / (double)SECOND_NS);
		return due > l->tally->sent ? due - l->tally->sent : 0;
	}
	if (!opt.count)
		return UINT64_MAX;
	return opt.count > tally.sent ? opt.count - tally.sent : 0;
}

/* One round over the lanes. Returns how many answers came; *out: messages still in flight. */
static unsigned pass(uint64_t end, unsigned *out)
{
	unsigned got = 0;
	*out = 0;
	for (unsigned i = 0; i < lane_count; i++) {
		struct lane *l = &lanes[i];
		if (l->busy)
			got += receive_on(l);
		uint64_t limit = left_to_send(l, clock_monotonic_ns(), end);
		if (limit && l->busy < l->room)
			send_on(l, limit);
		*out += l->busy;
	}
	return got;
}

/* Returns the ns from the first message to the last answer taken (or given up). */
static uint64_t run(void)
{
	started = clock_monotonic_ns();
	uint64_t end = started + (uint64_t)(opt.seconds * (double)SECOND_NS), expired_at = started;
	unsigned in_flight, idle = 0;
	do {
		idle = pass(end, &in_flight) ? 0 : idle + 1;
		uint64_t now = clock_monotonic_ns();
		if (idle > IDLE_PASSES && !opt.updates && opt.pace <= 0)
			poll(polled, lane_count, POLL_MS);
		if (now - expired_at >= EXPIRE_EVERY_NS) {
			expire(now);
			expired_at = now;
		}
	} while (in_flight || (clock_monotonic_ns() < end && (!opt.count || tally.sent < opt.count)));
	return clock_monotonic_ns() - started;
}

/* The latency that this share of the answers was not behind, in µs. */
static double percentile(const struct tally *t, double share)
{
	uint64_t wanted = (uint64_t)(share * (double)t->answered), seen = 0;
	unsigned i = 0;
	while (i < LATENCIES - 1 && (seen += t->latency[i]) < wanted)
		i++;
	return (i + 1) * (LATENCY_STEP_NS / 1e3);
}

static void print_tally(uint64_t ns)
{
	printf("sent=%llu answered=%llu lost=%llu stale=%llu unsendable=%llu truncated=%llu unsigned=%llu seconds=%.6f",
	       (unsigned long long)tally.sent, (unsigned long long)tally.answered, (unsigned long long)tally.lost,
	       (unsigned long long)tally.stale, (unsigned long long)tally.unsendable,
	       (unsigned long long)tally.truncated, (unsigned long long)tally.unsigned_answers,
	       (double)ns / (double)SECOND_NS);
	printf(" latency_mean_us=%.1f latency_max_us=%.1f",
	       tally.answered ? (double)tally.latency_sum / (double)tally.answered / 1e3 : 0.0,
	       (double)tally.latency_max / 1e3);
	printf(" latency_p50_us=%.0f latency_p99_us=%.0f", percentile(&tally, 0.5), percentile(&tally, 0.99));
	if (opt.updates)
		printf(" updates_sent=%llu updates_done=%llu", (unsigned long long)beside.sent,
		       (unsigned long long)beside.rcode[RCODE_NOERROR]);
	for (unsigned i = 0; i < RCODES; i++)
		if (tally.rcode[i])
			printf(" rcode%u=%llu", i, (unsigned long long)tally.rcode[i]);
	printf("\n");
}

/* ---- Options ---- */

static void usage(void)
{
	fprintf(stderr,
		"usage: load -s ADDR@PORT -f FILE [-l LANES] [-w WINDOW] [-t SECONDS] [-n COUNT] [-e none|edns|do]\n"
		"            [-p PACE] [-y ALGORITHM:NAME:SECRET [-u FILE -r RATE]]\n");
	exit(2);
}

/* ALGORITHM:NAME:SECRET, as `dig -y` takes it. */
static void parse_key(char *text)
{
	struct name name;
	uint8_t secret[TSIG_SECRET_MAX];
	size_t len = 0;
	char *name_text = strchr(text, ':'), *secret_text = name_text ? strchr(name_text + 1, ':') : NULL;
	if (!secret_text)
		usage();
	*name_text++ = '\0';
	*secret_text++ = '\0';
	enum tsig_algorithm algorithm = tsig_algorithm_from_text(text);
	if (algorithm == TSIG_NONE || name_from_text(&name, name_text) != ERR_OK ||
	    text_base64_from_text(secret_text, secret, sizeof secret, &len) != ERR_OK)
		usage();
	name_lower(name.wire, name.wire, name.len);
	if (tsig_key_new(&opt.key, name.wire, algorithm, secret, len) != ERR_OK)
		die("key", "OpenSSL does not take it");
}

static void parse_edns(const char *word)
{
	opt.dnssec_ok = strcmp(word, "do") == 0;
	opt.edns = opt.dnssec_ok || strcmp(word, "edns") == 0;
	if (!opt.edns && strcmp(word, "none") != 0)
		usage();
}

static void parse_options(int argc, char **argv)
{
	unsigned long window = 0, lanes_wanted = 0;
	struct errmsg msg = {0};
	for (int c; (c = getopt(argc, argv, "s:f:l:w:t:n:e:y:p:u:r:")) != -1;)
		switch (c) {
		case 's':
			if (addr_parse(&opt.server, optarg, 53, &msg) != ERR_OK)
				die(optarg, msg.text);
			break;
		case 'f':
			opt.file = optarg;
			break;
		case 'l':
			lanes_wanted = strtoul(optarg, NULL, 10);
			break;
		case 'w':
			window = strtoul(optarg, NULL, 10);
			break;
		case 't':
			opt.seconds = strtod(optarg, NULL);
			break;
		case 'n':
			opt.count = strtoull(optarg, NULL, 10);
			break;
		case 'e':
			parse_edns(optarg);
			break;
		case 'u':
			opt.updates = optarg;
			break;
		case 'p':
			opt.pace = strtod(optarg, NULL);
			break;
		case 'r':
			opt.rate = strtod(optarg, NULL);
			break;
		case 'y':
			parse_key(optarg);
			break;
		default:
			usage();
		}
	if (lanes_wanted)
		opt.lanes = lanes_wanted > LANES_MAX ? LANES_MAX : (unsigned)lanes_wanted;
	if (window) /* rounded down to a multiple of the lanes; a window below their number needs fewer lanes */
		opt.lanes = window < opt.lanes ? (unsigned)window : opt.lanes;
	if (window)
		opt.per_lane = window / opt.lanes > LANE_WINDOW_MAX ? LANE_WINDOW_MAX : (unsigned)(window / opt.lanes);
	if (!opt.server.len || !opt.file || opt.seconds <= 0 || (opt.updates && (!opt.key || opt.rate <= 0)) ||
	    optind != argc)
		usage();
}

int main(int argc, char **argv)
{
	parse_options(argc, argv);
	random_state = clock_monotonic_ns() | 1;
	writer_init(&writer);
	read_items(&asked, opt.file, opt.key && !opt.updates);
	if (opt.updates)
		read_items(&updated, opt.updates, true);
	prepare();
	print_tally(run());
	tsig_key_free(opt.key);
	return 0;
}
