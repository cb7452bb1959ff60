/* proxy.c: see proxy.h. */
#include "server/net/proxy.h"

#include <string.h>

#include "lib/buf.h"

enum {
	SIGNATURE_LEN = 12,
	FIXED_LEN = SIGNATURE_LEN + 4,
	VERSION = 2,
	COMMAND_LOCAL = 0,
	COMMAND_PROXY = 1,
	FAMILY_UNSPEC = 0,
	FAMILY_INET = 1,
	FAMILY_INET6 = 2,
	TRANSPORT_UNSPEC = 0,
	TRANSPORT_STREAM = 1,
	TRANSPORT_DGRAM = 2,
	TLV_HEAD = 3 /* type 1, length 2 */
};

static const uint8_t signature[SIGNATURE_LEN] = {0x0d, 0x0a, 0x0d, 0x0a, 0x00, 0x0d, 0x0a, 'Q', 'U', 'I', 'T', 0x0a};

/* The source address; the destination is ours or the proxy's, and means nothing here. */
static bool read_addresses(struct rbuf *in, unsigned family, struct addr *client)
{
	bool v4 = family == FAMILY_INET;
	size_t size = v4 ? 4 : 16;
	const uint8_t *source = buf_get(in, size);
	(void)buf_get(in, size);
	uint16_t port = buf_get_u16(in);
	(void)buf_get_u16(in);
	if (in->bad)
		return false;
	memset(client, 0, sizeof *client);
	if (v4) {
		client->u.in.sin_family = AF_INET;
		client->u.in.sin_port = htons(port);
		memcpy(&client->u.in.sin_addr, source, size);
		client->len = sizeof client->u.in;
	} else {
		client->u.in6.sin6_family = AF_INET6;
		client->u.in6.sin6_port = htons(port);
		memcpy(&client->u.in6.sin6_addr, source, size);
		client->len = sizeof client->u.in6;
	}
	addr_unmap(client);
	return true;
}

/* What the rest tells (TLS, names) is not used; it must be whole all the same. */
static bool skip_tlvs(struct rbuf *in)
{
	while (buf_left(in) && !in->bad) {
		const uint8_t *head = buf_get(in, TLV_HEAD);
		if (head)
			(void)buf_get(in, buf_load_u16(head + 1));
	}
	return !in->bad;
}

/* `in` holds what follows the fixed part. */
static enum proxy_result read_rest(struct rbuf *in, unsigned command, unsigned family, unsigned transport,
				   struct addr *client)
{
	if (command > COMMAND_PROXY || transport > TRANSPORT_DGRAM || family > FAMILY_INET6)
		return PROXY_BAD;
	/* §2.2: with LOCAL, and where the family is not told, the rest is to be passed over. */
	if (command == COMMAND_LOCAL || (family == FAMILY_UNSPEC && transport == TRANSPORT_UNSPEC))
		return PROXY_LOCAL;
	/* A proxy may have been asked by TCP and ask us by UDP. */
	if (family == FAMILY_UNSPEC || transport == TRANSPORT_UNSPEC)
		return PROXY_BAD;
	return read_addresses(in, family, client) && skip_tlvs(in) ? PROXY_CLIENT : PROXY_BAD;
}

enum proxy_result proxy_parse(const uint8_t *data, size_t len, size_t *header_len, struct addr *client)
{
	if (memcmp(data, signature, len < SIGNATURE_LEN ? len : SIGNATURE_LEN) != 0)
		return PROXY_NONE;
	if (len < FIXED_LEN)
		return PROXY_MORE;
	unsigned version = data[SIGNATURE_LEN] >> 4, command = data[SIGNATURE_LEN] & 15U;
	unsigned family = data[SIGNATURE_LEN + 1] >> 4, transport = data[SIGNATURE_LEN + 1] & 15U;
	size_t rest = buf_load_u16(data + SIGNATURE_LEN + 2);
	if (version != VERSION || FIXED_LEN + rest > PROXY_HEADER_MAX)
		return PROXY_BAD;
	if (len < FIXED_LEN + rest)
		return PROXY_MORE;
	struct rbuf in = buf_reader(data + FIXED_LEN, rest);
	*header_len = FIXED_LEN + rest;
	return read_rest(&in, command, family, transport, client);
}
