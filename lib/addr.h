/* addr.h: socket addresses and prefixes, IPv4 and IPv6. Threads: pure functions. */
#ifndef ROOST_LIB_ADDR_H
#define ROOST_LIB_ADDR_H

#include <netinet/in.h>
#include <sys/socket.h>

#include "lib/err.h"
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct addr {
	union {
		struct sockaddr sa;
		struct sockaddr_in in;
		struct sockaddr_in6 in6;
	} u;
	socklen_t len; /* of the member in use; 0 = none */
};

enum { ADDR_TEXT_MAX = 72 };

/* "192.0.2.1@53", "2001:db8::1@53", "::1", "[2001:db8::1]@53"; the port defaults to `port`. ERR_USAGE with a message.
 */
MUST_USE enum err addr_parse(struct addr *out, const char *text, uint16_t port, struct errmsg *msg);
/* "192.0.2.1@53". */
char *addr_to_text(const struct addr *a, char out[ADDR_TEXT_MAX]);
/* Without the port. */
char *addr_ip_to_text(const struct addr *a, char out[ADDR_TEXT_MAX]);
uint16_t addr_port(const struct addr *a);
bool addr_equal(const struct addr *a, const struct addr *b);
/* Turns ::ffff:a.b.c.d into a.b.c.d, so that prefixes match. */
void addr_unmap(struct addr *a);
/* 127.0.0.0/8 and ::1: this machine itself. */
bool addr_is_loopback(const struct addr *a);

/* A prefix of 16 octets: IPv4 is kept as ::ffff:0:0/96 and below, so that one comparison serves both. */
struct addr_prefix {
	uint8_t octets[16];
	uint8_t bits; /* 0..128; for IPv4 96 + its length */
};
/* "192.0.2.0/24", "2001:db8::/32", a bare address is a host. Bits after the length must be 0. */
MUST_USE enum err addr_prefix_parse(struct addr_prefix *out, const char *text, struct errmsg *msg);
char *addr_prefix_to_text(const struct addr_prefix *p, char out[ADDR_TEXT_MAX]);
bool addr_in_prefix(const struct addr *a, const struct addr_prefix *p);
/* In any of them. */
bool addr_in_prefixes(const struct addr *a, const struct addr_prefix *p, size_t count);
/* The network of an unmapped address (not a none): its first v4_bits (at most 32) or v6_bits. Bits after that are 0,
 * so equal networks are equal octets. */
void addr_network(struct addr_prefix *out, const struct addr *a, unsigned v4_bits, unsigned v6_bits);

#endif
