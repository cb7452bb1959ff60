/* listener.c: see listener.h. */
#include "server/net/listener.h"

#include <errno.h>
#include <string.h>
#include <unistd.h>

enum {
	RECEIVE_BUFFER =
		4
		<< 20, /* octets; bursts wait here while a worker is busy: some 5,000 questions, as the kernel counts */
	SEND_BUFFER = 1 << 20, /* octets */
	TCP_BACKLOG = 1024     /* connections not yet accepted; the kernel cuts it to somaxconn */
};

bool listener_is_wildcard(const struct addr *a)
{
	if (a->u.sa.sa_family == AF_INET)
		return a->u.in.sin_addr.s_addr == htonl(INADDR_ANY);
	return IN6_IS_ADDR_UNSPECIFIED(&a->u.in6.sin6_addr);
}

static void set_option(int fd, int level, int option, int value)
{
	/* What is set through here makes things better, not possible: an old kernel or a container may say no. */
	(void)setsockopt(fd, level, option, &value, sizeof value);
}

static enum err say(const struct addr *a, const char *protocol, int error, struct errmsg *msg)
{
	char text[ADDR_TEXT_MAX];
	addr_to_text(a, text);
	switch (error) {
	case EADDRINUSE:
		return errmsg_set(
			msg, ERR_BUSY,
			"cannot listen on %s (%s): another program has this port; stop it or give another -l ADDR@PORT",
			text, protocol);
	case EADDRNOTAVAIL:
		return errmsg_set(msg, ERR_IO,
				  "cannot listen on %s (%s): this machine does not have that address; see ip address",
				  text, protocol);
	case EACCES:
		return errmsg_set(msg, ERR_IO,
				  "cannot listen on %s (%s): ports below 1024 want root or CAP_NET_BIND_SERVICE", text,
				  protocol);
	default:
		return errmsg_set(msg, ERR_IO, "cannot listen on %s (%s): %s; give another -l ADDR@PORT", text,
				  protocol, strerror(error));
	}
}

static int open_socket(const struct addr *a, int type)
{
	int fd = socket(a->u.sa.sa_family, type | SOCK_NONBLOCK | SOCK_CLOEXEC, 0);
	/* One socket a family, so that 0.0.0.0@53 and ::@53 go together and a source address always has its own form.
	 */
	if (fd >= 0 && a->u.sa.sa_family == AF_INET6)
		set_option(fd, IPPROTO_IPV6, IPV6_V6ONLY, 1);
	/* For TCP: connections of an earlier run that still wind up do not hold the port. For UDP it would mean
	 * sharing. */
	if (fd >= 0 && type == SOCK_STREAM)
		set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1);
	return fd;
}

static enum err probe(const struct addr *a, int type, const char *protocol, struct errmsg *msg)
{
	int fd = open_socket(a, type);
	if (fd < 0)
		return say(a, protocol, errno, msg);
	enum err e = ERR_OK;
	if (bind(fd, &a->u.sa, a->len) < 0 || (type == SOCK_STREAM && listen(fd, 1) < 0))
		e = say(a, protocol, errno, msg);
	close(fd);
	return e;
}

enum err listener_probe(const struct addr *a, struct errmsg *msg)
{
	enum err e = probe(a, SOCK_DGRAM, "UDP", msg);
	return e ? e : listener_probe_tcp(a, msg);
}

enum err listener_probe_tcp(const struct addr *a, struct errmsg *msg)
{
	return probe(a, SOCK_STREAM, "TCP", msg);
}

static enum err open_shared(const struct addr *a, int type, const char *protocol, int *out, struct errmsg *msg)
{
	int fd = open_socket(a, type);
	if (fd < 0)
		return say(a, protocol, errno, msg);
	int one = 1;
	if (setsockopt(fd, SOL_SOCKET, SO_REUSEPORT, &one, sizeof one) < 0 || bind(fd, &a->u.sa, a->len) < 0 ||
	    (type == SOCK_STREAM && listen(fd, TCP_BACKLOG) < 0)) {
		enum err e = say(a, protocol, errno, msg);
		close(fd);
		return e;
	}
	*out = fd;
	return ERR_OK;
}

enum err listener_udp(const struct addr *a, size_t longest, int *out, struct errmsg *msg)
{
	int fd;
	enum err e = open_shared(a, SOCK_DGRAM, "UDP", &fd, msg);
	if (e)
		return e;
	bool v4 = a->u.sa.sa_family == AF_INET;
	if (listener_is_wildcard(a))
		set_option(fd, v4 ? IPPROTO_IP : IPPROTO_IPV6, v4 ? IP_PKTINFO : IPV6_RECVPKTINFO, 1);
	/* Strangers must not be able to make us believe in a small path MTU (forged ICMP): PROBE and OMIT both heed
	 * none, the one with "don't fragment", the other without. */
	bool whole = longest <= LISTENER_WHOLE_MAX;
	if (v4)
		set_option(fd, IPPROTO_IP, IP_MTU_DISCOVER, whole ? IP_PMTUDISC_PROBE : IP_PMTUDISC_OMIT);
	else
		set_option(fd, IPPROTO_IPV6, IPV6_MTU_DISCOVER, whole ? IPV6_PMTUDISC_PROBE : IPV6_PMTUDISC_OMIT);
	/* The FORCE forms pass rmem_max, but only for root; the plain ones first, for everybody. */
	set_option(fd, SOL_SOCKET, SO_RCVBUF, RECEIVE_BUFFER);
	set_option(fd, SOL_SOCKET, SO_RCVBUFFORCE, RECEIVE_BUFFER);
	set_option(fd, SOL_SOCKET, SO_SNDBUF, SEND_BUFFER);
	set_option(fd, SOL_SOCKET, SO_SNDBUFFORCE, SEND_BUFFER);
	*out = fd;
	return ERR_OK;
}

enum err listener_tcp(const struct addr *a, int *out, struct errmsg *msg)
{
	return open_shared(a, SOCK_STREAM, "TCP", out, msg);
}
