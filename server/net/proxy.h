/* proxy.h: the PROXY protocol, version 2 (haproxy.org, proxy-protocol.txt §2.2), as DNS proxies speak it: before
 * every datagram, or once before what a TCP connection carries. It tells who asked the proxy.
 *
 *   0                          12               13               14              16
 *   +--------------------------+----------------+----------------+---------------+-----------+------+
 *   | 0D 0A 0D 0A 00 0D 0A     | version 2 << 4 | family << 4 |  | octets that   | addresses | TLVs |
 *   | "QUIT" 0A                | | command      | transport      | follow (u16)  | and ports | …    |
 *   +--------------------------+----------------+----------------+---------------+-----------+------+
 *
 *   addresses   IPv4: source 4, destination 4, source port 2, destination port 2;  IPv6: 16, 16, 2, 2
 *   command     0 LOCAL: the proxy speaks for itself (health checks); 1 PROXY: for the source address
 *
 * Anybody can write such a header: take it only from addresses that are trusted ([proxy] trusted). Threads: pure
 * functions. */
#ifndef ROOST_SERVER_NET_PROXY_H
#define ROOST_SERVER_NET_PROXY_H

#include "lib/addr.h"

enum { PROXY_HEADER_MAX = 2048 /* octets; addresses need 52, TLVs are small: longer ones are PROXY_BAD */ };

enum proxy_result {
	PROXY_NONE, /* does not begin with the signature: no header */
	PROXY_MORE, /* what is there may be a header's beginning (TCP: wait; a datagram has no more) */
	PROXY_BAD, /* begins with the signature, but is not version 2, or of a family we do not have, or lengths do not fit */
	PROXY_LOCAL,  /* whole: the sender's own address is the client's */
	PROXY_CLIENT, /* whole: *client is set, unmapped */
};

/* *header_len is set for LOCAL and CLIENT: what follows is DNS. */
enum proxy_result proxy_parse(const uint8_t *data, size_t len, size_t *header_len, struct addr *client);

#endif
