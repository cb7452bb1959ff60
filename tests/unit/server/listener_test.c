/* listener: what the sockets that it opens are set to. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <unistd.h>

#include "server/net/listener.h"

static int option(const char *address, size_t longest, int level, int name)
{
	struct addr a;
	int fd, value = -1;
	socklen_t len = sizeof value;
	assert_int_equal(addr_parse(&a, address, 0, NULL), ERR_OK);
	assert_int_equal(listener_udp(&a, longest, &fd, NULL), ERR_OK);
	assert_int_equal(getsockopt(fd, level, name, &value, &len), 0);
	close(fd);
	return value;
}

/* RFC 9715 §3.1: what fits everywhere is not fragmented; nobody's ICMP makes it shorter. */
static void short_answers_go_whole(void **state)
{
	(void)state;
	assert_int_equal(option("127.0.0.1@0", 1232, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_PROBE);
	assert_int_equal(option("127.0.0.1@0", 1233, IPPROTO_IP, IP_MTU_DISCOVER), IP_PMTUDISC_OMIT);
	assert_int_equal(option("::1@0", 1232, IPPROTO_IPV6, IPV6_MTU_DISCOVER), IPV6_PMTUDISC_PROBE);
	assert_int_equal(option("::1@0", 1233, IPPROTO_IPV6, IPV6_MTU_DISCOVER), IPV6_PMTUDISC_OMIT);
}

/* Only where a datagram may have been sent to one of several addresses need it be asked which. */
static void wildcards_tell_the_address(void **state)
{
	(void)state;
	assert_int_equal(option("0.0.0.0@0", 1232, IPPROTO_IP, IP_PKTINFO), 1);
	assert_int_equal(option("127.0.0.1@0", 1232, IPPROTO_IP, IP_PKTINFO), 0);
	assert_int_equal(option("::@0", 1232, IPPROTO_IPV6, IPV6_RECVPKTINFO), 1);
	assert_int_equal(option("::1@0", 1232, IPPROTO_IPV6, IPV6_RECVPKTINFO), 0);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(short_answers_go_whole),
		cmocka_unit_test(wildcards_tell_the_address),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
