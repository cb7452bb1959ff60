/* wish.h: what a DDNS client wants of its hosts, read from the parameters that the dyndns2 family uses.
 *
 *   hosts       hostname, host_id, domain, host: a list parted by commas; "hostname=YES" is an old router's filler
 *   addresses   myip, myipv4, ipv4, ip                               lists, in which the families may be mixed
 *               myipv6, ipv6, ip6, ip6addr, ip6lanprefix, ipv6prefix
 *               myipv4:HOST, myipv6:HOST                             for that host alone, which need not be in the list
 *
 *   in a list   192.0.2.1, 2001:db8::1    the family's records become these addresses
 *               2001:db8:1::/64           every address that the host has in the family moves into that prefix
 *               (nothing at all)          the family's records go; the parameter's name says which family
 *               preserve, no              the family stays as it is
 *               auto                      the client's own address; nothing if it is not of the family of the name
 *
 * Without any address parameter the client's own address is meant, and the other family stays. Where an address and a
 * prefix of one family are there, the address counts.
 *
 * Source: what ddclient, inadyn, ddns-scripts, FRITZ!Box and others send. Threads: pure functions. */
#ifndef ROOST_SERVER_HTTP_WISH_H
#define ROOST_SERVER_HTTP_WISH_H

#include "lib/addr.h"
#include "lib/name.h"
#include "server/http/form.h"

enum {
	WISH_HOSTS_MAX = 32, /* ddclient and inadyn send what the user lists, most services take 20 */
	WISH_ADDRESSES_MAX = 8,
	WISH_ECHO_MAX = 512
};

enum wish_named { WISH_EITHER, WISH_V4, WISH_V6 }; /* the family that a parameter's name says */

enum wish_kind { WISH_KEEP, WISH_SET, WISH_DELETE, WISH_MOVE };

struct wish_family {
	enum wish_kind kind;
	unsigned count;
	struct addr address[WISH_ADDRESSES_MAX]; /* WISH_SET; no two alike */
	struct addr_prefix prefix;               /* WISH_MOVE */
};

struct wish_host {
	struct name name; /* lower-case */
	struct wish_family v4, v6;
};

struct wish {
	unsigned count;
	struct wish_host host[WISH_HOSTS_MAX];
	char echo[WISH_ECHO_MAX]; /* the addresses as they were sent, "" if there is nothing to repeat */
};

/* default_hosts: a list when the form has none (the user's name, if it is one; or the only host of the identity);
 * NULL: none. NULL, or the word of the dyndns2 family that says what is wrong: "notfqdn", "numhost", "dnserr" (no
 * address). */
const char *wish_read(struct wish *out, const struct form *form, const char *default_hosts, const struct addr *client);

/* A list of hosts alone; their families are WISH_KEEP. False: a name is none, or there are too many, or no host. */
bool wish_read_hosts(struct wish *out, const char *list);

/* One list of addresses into the family (or families) it is of. False if something in it is none of the above. */
bool wish_read_addresses(struct wish_family *v4, struct wish_family *v6, const char *list, enum wish_named named,
			 const struct addr *client);

/* A host name as clients write it: two labels at least, no escapes. */
bool wish_read_name(struct name *out, const char *text, size_t len);

#endif
