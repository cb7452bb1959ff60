#include "lib/addr.h"

#include <arpa/inet.h>
#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum {
	MAPPED_BITS = 96, /* ::ffff:0:0/96, RFC 4291 §2.5.5.2 */
	MAPPED_OCTETS = 12,
	IPV6_BITS = 128,
	IPV4_BITS = 32,
	PORT_MAX = 65535
};

static const uint8_t mapped_head[MAPPED_OCTETS] = {[10] = 0xff, [11] = 0xff};

/* Digits only: strtoul alone would take signs and spaces. */
static bool parse_number(const char *text, unsigned long max, unsigned long *out)
{
	size_t n = strspn(text, "0123456789");
	if (n == 0 || n > 9 || text[n] != '\0')
		return false;
	*out = strtoul(text, NULL, 10);
	return *out <= max;
}

/* The zone index of a link-local address (RFC 4007 §11): an interface's name or number. */
static bool parse_scope(const char *text, uint32_t *scope)
{
	unsigned long number;
	if (parse_number(text, UINT32_MAX, &number)) {
		*scope = (uint32_t)number;
		return number != 0;
	}
	*scope = if_nametoindex(text);
	return *scope != 0;
}

/* `ip` without port or brackets; it is changed at its '%'. */
static bool parse_ip(struct addr *out, char *ip, bool bracketed)
{
	memset(out, 0, sizeof *out);
	if (!bracketed && inet_pton(AF_INET, ip, &out->u.in.sin_addr) == 1) {
		out->u.in.sin_family = AF_INET;
		out->len = sizeof out->u.in;
		return true;
	}
	char *percent = strchr(ip, '%');
	if (percent) {
		*percent = '\0';
		if (!parse_scope(percent + 1, &out->u.in6.sin6_scope_id))
			return false;
	}
	if (inet_pton(AF_INET6, ip, &out->u.in6.sin6_addr) != 1)
		return false;
	out->u.in6.sin6_family = AF_INET6;
	out->len = sizeof out->u.in6;
	return true;
}

static void set_port(struct addr *a, uint16_t port)
{
	if (a->u.sa.sa_family == AF_INET)
		a->u.in.sin_port = htons(port);
	else
		a->u.in6.sin6_port = htons(port);
}

enum err addr_parse(struct addr *out, const char *text, uint16_t port, struct errmsg *msg)
{
	const char *at = strchr(text, '@');
	size_t ip_len = at ? (size_t)(at - text) : strlen(text);
	const char *ip_text = text;
	bool bracketed = ip_len >= 2 && text[0] == '[' && text[ip_len - 1] == ']';
	if (bracketed) {
		ip_text++;
		ip_len -= 2;
	}
	char ip[ADDR_TEXT_MAX];
	if (ip_len >= sizeof ip)
		goto bad_address;
	memcpy(ip, ip_text, ip_len);
	ip[ip_len] = '\0';

	unsigned long number = port;
	if (at && !parse_number(at + 1, PORT_MAX, &number))
		return errmsg_set(msg, ERR_USAGE,
				  "address '%.64s': the port after '@' must be a number from 0 to 65535", text);
	struct addr parsed;
	if (!parse_ip(&parsed, ip, bracketed))
		goto bad_address;
	set_port(&parsed, (uint16_t)number);
	*out = parsed;
	return ERR_OK;

bad_address:
	return errmsg_set(msg, ERR_USAGE, "'%.64s' is not an address: write it like 192.0.2.1@53 or 2001:db8::1@53",
			  text);
}

char *addr_ip_to_text(const struct addr *a, char out[ADDR_TEXT_MAX])
{
	out[0] = '\0';
	if (a->len == 0) {
		snprintf(out, ADDR_TEXT_MAX, "none");
	} else if (a->u.sa.sa_family == AF_INET) {
		inet_ntop(AF_INET, &a->u.in.sin_addr, out, ADDR_TEXT_MAX);
	} else {
		inet_ntop(AF_INET6, &a->u.in6.sin6_addr, out, ADDR_TEXT_MAX);
		size_t n = strlen(out);
		char interface[IF_NAMESIZE];
		if (!a->u.in6.sin6_scope_id)
			return out;
		if (if_indextoname(a->u.in6.sin6_scope_id, interface))
			snprintf(out + n, ADDR_TEXT_MAX - n, "%%%s", interface);
		else
			snprintf(out + n, ADDR_TEXT_MAX - n, "%%%u", (unsigned)a->u.in6.sin6_scope_id);
	}
	return out;
}

char *addr_to_text(const struct addr *a, char out[ADDR_TEXT_MAX])
{
	addr_ip_to_text(a, out);
	if (a->len == 0)
		return out;
	size_t n = strlen(out);
	snprintf(out + n, ADDR_TEXT_MAX - n, "@%u", (unsigned)addr_port(a));
	return out;
}

uint16_t addr_port(const struct addr *a)
{
	if (a->len == 0)
		return 0;
	return ntohs(a->u.sa.sa_family == AF_INET ? a->u.in.sin_port : a->u.in6.sin6_port);
}

bool addr_equal(const struct addr *a, const struct addr *b)
{
	if (a->len == 0 || b->len == 0)
		return a->len == b->len;
	if (a->u.sa.sa_family != b->u.sa.sa_family || addr_port(a) != addr_port(b))
		return false;
	if (a->u.sa.sa_family == AF_INET)
		return a->u.in.sin_addr.s_addr == b->u.in.sin_addr.s_addr;
	return memcmp(&a->u.in6.sin6_addr, &b->u.in6.sin6_addr, sizeof a->u.in6.sin6_addr) == 0 &&
	       a->u.in6.sin6_scope_id == b->u.in6.sin6_scope_id;
}

void addr_unmap(struct addr *a)
{
	if (a->len == 0 || a->u.sa.sa_family != AF_INET6)
		return;
	const uint8_t *octets = a->u.in6.sin6_addr.s6_addr;
	if (memcmp(octets, mapped_head, MAPPED_OCTETS) != 0)
		return;
	struct addr plain;
	memset(&plain, 0, sizeof plain);
	plain.u.in.sin_family = AF_INET;
	plain.u.in.sin_port = a->u.in6.sin6_port;
	memcpy(&plain.u.in.sin_addr, octets + MAPPED_OCTETS, 4);
	plain.len = sizeof plain.u.in;
	*a = plain;
}

bool addr_is_loopback(const struct addr *a)
{
	if (a->len == 0)
		return false;
	if (a->u.sa.sa_family == AF_INET)
		return ntohl(a->u.in.sin_addr.s_addr) >> 24 == IN_LOOPBACKNET;
	return IN6_IS_ADDR_LOOPBACK(&a->u.in6.sin6_addr);
}

/* The 16 octets that prefixes are compared with. */
static void to_octets(const struct addr *a, uint8_t out[16])
{
	if (a->u.sa.sa_family == AF_INET) {
		memcpy(out, mapped_head, MAPPED_OCTETS);
		memcpy(out + MAPPED_OCTETS, &a->u.in.sin_addr, 4);
	} else {
		memcpy(out, &a->u.in6.sin6_addr, 16);
	}
}

static bool bits_equal(const uint8_t *a, const uint8_t *b, unsigned bits)
{
	unsigned whole = bits / 8;
	if (memcmp(a, b, whole) != 0)
		return false;
	if (bits % 8 == 0)
		return true;
	uint8_t mask = (uint8_t)(0xff << (8 - bits % 8));
	return ((a[whole] ^ b[whole]) & mask) == 0;
}

static bool is_ipv4_prefix(const struct addr_prefix *p)
{
	return p->bits >= MAPPED_BITS && memcmp(p->octets, mapped_head, MAPPED_OCTETS) == 0;
}

static bool tail_is_zero(const struct addr_prefix *p)
{
	for (unsigned bit = p->bits; bit < IPV6_BITS; bit++)
		if (p->octets[bit / 8] & (0x80 >> bit % 8))
			return false;
	return true;
}

enum err addr_prefix_parse(struct addr_prefix *out, const char *text, struct errmsg *msg)
{
	const char *slash = strchr(text, '/');
	size_t ip_len = slash ? (size_t)(slash - text) : strlen(text);
	char ip[ADDR_TEXT_MAX];
	struct addr a;
	if (ip_len >= sizeof ip)
		goto bad_prefix;
	memcpy(ip, text, ip_len);
	ip[ip_len] = '\0';
	/* A scope means nothing in a prefix, and a port neither: parse_ip sees '@' as a bad address. */
	if (strchr(ip, '%') || !parse_ip(&a, ip, false))
		goto bad_prefix;

	bool ipv4 = a.u.sa.sa_family == AF_INET;
	unsigned long full = ipv4 ? IPV4_BITS : IPV6_BITS;
	unsigned long bits = full;
	if (slash && !parse_number(slash + 1, full, &bits))
		return errmsg_set(msg, ERR_USAGE, "prefix '%.64s': the length after '/' must be a number from 0 to %lu",
				  text, full);
	struct addr_prefix p;
	to_octets(&a, p.octets);
	p.bits = (uint8_t)(ipv4 ? MAPPED_BITS + bits : bits);
	if (!tail_is_zero(&p))
		return errmsg_set(msg, ERR_USAGE,
				  "prefix '%.64s' has bits set after its length: write the network's own address, "
				  "or a single host without '/'",
				  text);
	*out = p;
	return ERR_OK;

bad_prefix:
	return errmsg_set(msg, ERR_USAGE,
			  "'%.64s' is not a prefix: write it like 192.0.2.0/24, 2001:db8::/32 or 192.0.2.1", text);
}

char *addr_prefix_to_text(const struct addr_prefix *p, char out[ADDR_TEXT_MAX])
{
	bool ipv4 = is_ipv4_prefix(p);
	unsigned bits = ipv4 ? p->bits - (unsigned)MAPPED_BITS : p->bits;
	out[0] = '\0';
	inet_ntop(ipv4 ? AF_INET : AF_INET6, ipv4 ? p->octets + MAPPED_OCTETS : p->octets, out, ADDR_TEXT_MAX);
	size_t n = strlen(out);
	if (p->bits != IPV6_BITS)
		snprintf(out + n, ADDR_TEXT_MAX - n, "/%u", bits);
	return out;
}

bool addr_in_prefix(const struct addr *a, const struct addr_prefix *p)
{
	if (a->len == 0)
		return false;
	struct addr plain = *a;
	addr_unmap(&plain);
	/* "::/0" means every IPv6 address: an IPv4 one is in it only by the way it is kept, so it does not count. */
	if (plain.u.sa.sa_family == AF_INET && !is_ipv4_prefix(p))
		return false;
	uint8_t octets[16];
	to_octets(&plain, octets);
	return bits_equal(octets, p->octets, p->bits);
}

bool addr_in_prefixes(const struct addr *a, const struct addr_prefix *p, size_t count)
{
	for (size_t i = 0; i < count; i++)
		if (addr_in_prefix(a, &p[i]))
			return true;
	return false;
}

void addr_network(struct addr_prefix *out, const struct addr *a, unsigned v4_bits, unsigned v6_bits)
{
	bool ipv4 = a->u.sa.sa_family == AF_INET;
	unsigned bits = ipv4 ? MAPPED_BITS + v4_bits : v6_bits;
	to_octets(a, out->octets);
	out->bits = (uint8_t)bits;
	if (bits % 8)
		out->octets[bits / 8] &= (uint8_t)(0xff << (8 - bits % 8));
	for (unsigned i = (bits + 7) / 8; i < sizeof out->octets; i++)
		out->octets[i] = 0;
}
