/* echo: the least that a UDP server can do, and so the 1.00 of the benchmark: every datagram goes back with QR set.
 *
 *   echo ADDR@PORT
 *
 * One thread, one socket, recvmmsg and sendmmsg in batches; SIGTERM ends it. */
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#include "lib/addr.h"
#include "lib/message.h"

enum {
	BATCH = 64, /* datagrams a system call; what the queue of a default socket gives under load, more gains nothing */
	DATAGRAM_MAX = 1232,    /* octets; queries and their echo are far shorter */
	SOCKET_BUFFER = 4 << 20 /* octets asked for; the kernel caps it */
};

static struct mmsghdr batch[BATCH];
static struct iovec vectors[BATCH];
static struct sockaddr_storage peers[BATCH];
static uint8_t datagrams[BATCH][DATAGRAM_MAX];

static void prepare(void)
{
	for (unsigned i = 0; i < BATCH; i++) {
		vectors[i] = (struct iovec){.iov_base = datagrams[i], .iov_len = DATAGRAM_MAX};
		batch[i].msg_hdr = (struct msghdr){
			.msg_name = &peers[i], .msg_namelen = sizeof peers[i], .msg_iov = &vectors[i], .msg_iovlen = 1};
	}
}

static int listen_on(const struct addr *a)
{
	int fd = socket(a->u.sa.sa_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd < 0)
		return -1;
	int octets = SOCKET_BUFFER;
	if (setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &octets, sizeof octets) < 0 || bind(fd, &a->u.sa, a->len) < 0) {
		close(fd);
		return -1;
	}
	return fd;
}

/* Sends all of the first n back; what the kernel will not take is lost, as UDP is. */
static void send_back(int fd, unsigned n)
{
	unsigned sent = 0;
	while (sent < n) {
		int done = sendmmsg(fd, batch + sent, n - sent, 0);
		sent += done > 0 ? (unsigned)done : 1;
	}
}

static void serve(int fd)
{
	for (;;) {
		int n = recvmmsg(fd, batch, BATCH, MSG_WAITFORONE, NULL);
		for (int i = 0; i < n; i++) {
			vectors[i].iov_len = batch[i].msg_len;
			if (batch[i].msg_len >= MESSAGE_HEADER_LEN)
				datagrams[i][2] |= FLAG_QR >> 8;
		}
		if (n > 0)
			send_back(fd, (unsigned)n);
		for (int i = 0; i < n; i++) {
			vectors[i].iov_len = DATAGRAM_MAX;
			batch[i].msg_hdr.msg_namelen = sizeof peers[i];
		}
	}
}

int main(int argc, char **argv)
{
	struct addr a;
	struct errmsg msg = {0};
	if (argc != 2) {
		fprintf(stderr, "usage: echo ADDR@PORT\n");
		return 2;
	}
	if (addr_parse(&a, argv[1], 53, &msg) != ERR_OK) {
		fprintf(stderr, "echo: %s\n", msg.text);
		return 2;
	}
	int fd = listen_on(&a);
	if (fd < 0) {
		perror(argv[1]);
		return 1;
	}
	prepare();
	serve(fd);
}
