/* flood: sends a name server what it has no use for, at a steady rate, and measures how long its answers to somebody else take.
 *
 *   flood -s ADDR@PORT -q NAME [-f FILE] [-r RATE] [-n SOCKETS] [-t SECONDS] [-T]
 *
 * FILE holds messages, each behind its length in two octets. One of them, at random, leaves from one of the SOCKETS RATE times
 * a second, by UDP or with -T by TCP; what comes back is not looked at. Beside that, PROBES times a second, one more socket
 * asks by UDP for NAME's A records, and the time to the answer is taken. Without FILE there are only these probes.
 *
 * It never sleeps, so that it sees an answer when it comes. Prints one line of name=number pairs: messages sent, probes, those lost,
 * and the percentiles of their times in µs. Status 0 if it ran, whatever the server did; 1 or 2 if it could not. */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "lib/addr.h"
#include "lib/clock.h"
#include "lib/rr.h"
#include "lib/writer.h"

enum {
	SOCKETS_MAX = 512,
	PROBES = 2000, /* a second */
	PROBE_MAX = 512,
	FRAME_LEN = 2,
	RECEIVE_BUFFER = 4096 /* octets, of the flood's sockets: answers to it are dropped here */
};
#define SECOND_NS UINT64_C(1000000000)
#define PATIENCE_NS UINT64_C(2000000000)

struct packet {
	const uint8_t *frame; /* length, message */
	size_t len;           /* with the length */
};

static struct {
	struct addr server;
	const char *file;
	struct name name;
	double rate, seconds;
	unsigned sockets;
	bool tcp;
} opt = {.rate = 1000, .seconds = 2, .sockets = 64};

static struct packet *packets;
static size_t packet_count;
static int sockets[SOCKETS_MAX];
static size_t half_sent[SOCKETS_MAX]; /* octets of a frame that the TCP connection took so far */
static struct packet half[SOCKETS_MAX];
static uint64_t sent_at[UINT16_MAX + 1]; /* of the probe with that ID; 0 = none is out */
static double *latency;
static size_t latencies;

static void die(const char *what, const char *why)
{
	fprintf(stderr, "flood: %s: %s\n", what, why);
	exit(1);
}

/* ---- Messages ---- */

static void read_packets(void)
{
	size_t cap = 0, len = 0;
	uint8_t *all = NULL;
	FILE *f = fopen(opt.file, "rb");
	if (!f)
		die(opt.file, strerror(errno));
	do {
		all = realloc(all, cap += 1 << 20);
		if (!all)
			die("memory", strerror(errno));
		len += fread(all + len, 1, cap - len, f);
	} while (len == cap);
	fclose(f);
	for (size_t at = 0; at + FRAME_LEN <= len; at += packets[packet_count++].len) {
		packets = realloc(packets, (packet_count + 1) * sizeof *packets);
		if (!packets)
			die("memory", strerror(errno));
		packets[packet_count] =
			(struct packet){.frame = all + at, .len = FRAME_LEN + (size_t)buf_load_u16(all + at)};
	}
	if (!packet_count)
		die(opt.file, "has no messages");
}

static size_t make_probe(uint8_t wire[PROBE_MAX])
{
	static struct writer w;
	writer_init(&w);
	writer_start(&w, wire, PROBE_MAX, 0, 0);
	if (!writer_question(&w, opt.name.wire, TYPE_A, CLASS_IN))
		die("probe", "does not fit");
	return writer_finish(&w);
}

/* ---- Sockets ---- */

static int open_socket(bool tcp)
{
	int size = RECEIVE_BUFFER;
	int fd = socket(opt.server.u.sa.sa_family, (tcp ? SOCK_STREAM : SOCK_DGRAM) | SOCK_CLOEXEC, 0);
	if (fd < 0 || connect(fd, &opt.server.u.sa, opt.server.len))
		die("socket", strerror(errno));
	setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
	return fd;
}

/* A connection takes what it takes; one that the server has closed is replaced. */
static bool send_by_tcp(unsigned i, const struct packet *p)
{
	static uint8_t nowhere[65536];
	while (recv(sockets[i], nowhere, sizeof nowhere, MSG_DONTWAIT) > 0)
		;
	if (!half[i].frame)
		half[i] = *p;
	ssize_t n =
		send(sockets[i], half[i].frame + half_sent[i], half[i].len - half_sent[i], MSG_DONTWAIT | MSG_NOSIGNAL);
	if (n < 0 && errno != EAGAIN) {
		close(sockets[i]);
		sockets[i] = open_socket(true);
	}
	half_sent[i] = n < 0 && errno != EAGAIN ? 0 : half_sent[i] + (n > 0 ? (size_t)n : 0);
	if (half_sent[i] < half[i].len)
		return false;
	half_sent[i] = 0;
	half[i].frame = NULL;
	return true;
}

static bool send_one(void)
{
	unsigned i = (unsigned)random() % opt.sockets;
	const struct packet *p = &packets[(size_t)random() % packet_count];
	if (opt.tcp)
		return send_by_tcp(i, p);
	return send(sockets[i], p->frame + FRAME_LEN, p->len - FRAME_LEN, MSG_DONTWAIT | MSG_NOSIGNAL) >= 0;
}

/* ---- Running ---- */

static void take_answers(int fd)
{
	uint8_t wire[PROBE_MAX];
	while (recv(fd, wire, sizeof wire, MSG_DONTWAIT) >= 2) {
		uint64_t *sent = &sent_at[buf_load_u16(wire)];
		if (*sent)
			latency[latencies++] = (double)(clock_monotonic_ns() - *sent) / 1000;
		*sent = 0;
	}
}

static void send_probe(int fd, uint8_t *wire, size_t len, size_t number)
{
	buf_store_u16(wire, (uint16_t)number);
	sent_at[number & UINT16_MAX] = clock_monotonic_ns();
	if (send(fd, wire, len, 0) < 0)
		die("probe", strerror(errno));
}

static void run(void)
{
	uint8_t probe[PROBE_MAX];
	size_t len = make_probe(probe), probes = 0, sent = 0;
	int fd = open_socket(false);
	uint64_t begin = clock_monotonic_ns(), now = begin, next_probe = now, next_packet = now;
	uint64_t end = begin + (uint64_t)(opt.seconds * (double)SECOND_NS);
	latency = calloc(UINT16_MAX, sizeof *latency); /* as many as there are IDs */
	if (!latency)
		die("memory", strerror(errno));
	for (; now < end || (latencies < probes && now < end + PATIENCE_NS); now = clock_monotonic_ns()) {
		if (now < end && now >= next_packet && packet_count) {
			sent += send_one();
			next_packet += (uint64_t)((double)SECOND_NS / opt.rate);
		}
		if (now < end && now >= next_probe && probes < UINT16_MAX) {
			/* At irregular times, lest they fall in step with something. */
			next_probe += (uint64_t)random() % (2 * SECOND_NS / PROBES);
			send_probe(fd, probe, len, probes++);
		}
		take_answers(fd);
	}
	printf("sent=%zu probes=%zu lost=%zu", sent, probes, probes - latencies);
}

static int compare_doubles(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;
	return (x > y) - (x < y);
}

static void print_percentiles(void)
{
	static const double wanted[] = {50, 90, 99};
	qsort(latency, latencies, sizeof *latency, compare_doubles);
	for (size_t i = 0; latencies && i < sizeof wanted / sizeof *wanted; i++)
		printf(" p%.0f=%.1f", wanted[i], latency[(size_t)((double)(latencies - 1) * wanted[i] / 100)]);
	printf("\n");
}

static void usage(void)
{
	fprintf(stderr, "usage: flood -s ADDR@PORT -q NAME [-f FILE] [-r RATE] [-n SOCKETS] [-t SECONDS] [-T]\n");
	exit(2);
}

static void parse_options(int argc, char **argv)
{
	struct errmsg msg = {0};
	for (int c; (c = getopt(argc, argv, "s:q:f:r:n:t:T")) != -1;)
		switch (c) {
		case 's':
			if (addr_parse(&opt.server, optarg, 53, &msg) != ERR_OK)
				die(optarg, msg.text);
			break;
		case 'q':
			if (name_from_text(&opt.name, optarg) != ERR_OK)
				die(optarg, "is not a name");
			break;
		case 'f':
			opt.file = optarg;
			break;
		case 'r':
			opt.rate = strtod(optarg, NULL);
			break;
		case 'n':
			opt.sockets = (unsigned)strtoul(optarg, NULL, 10);
			break;
		case 't':
			opt.seconds = strtod(optarg, NULL);
			break;
		case 'T':
			opt.tcp = true;
			break;
		default:
			usage();
		}
	if (!opt.server.len || !opt.name.len || opt.rate <= 0 || opt.seconds <= 0 || !opt.sockets ||
	    opt.sockets > SOCKETS_MAX || opt.seconds * PROBES > UINT16_MAX / 2 || optind != argc)
		usage();
}

int main(int argc, char **argv)
{
	parse_options(argc, argv);
	if (opt.file)
		read_packets();
	for (unsigned i = 0; i < opt.sockets; i++)
		sockets[i] = open_socket(opt.tcp);
	run();
	print_percentiles();
	return 0;
}
