/* sig0_gate.c: see sig0_gate.h. */
#include "server/dns/sig0_gate.h"

#include <string.h>
#include <sys/random.h>

enum { V4_BITS = 32, V6_BITS = 64 /* whoever has one address of such a network has all of them */ };

enum err sig0_gate_init(struct sig0_gate *g)
{
	memset(g, 0, sizeof *g);
	return getrandom(g->key, sizeof g->key, 0) == sizeof g->key ? ERR_OK : ERR_IO;
}

static unsigned place(const struct sig0_gate *g, const struct addr *from)
{
	struct addr_prefix network;
	uint8_t hash[SIPHASH_LEN];
	addr_network(&network, from, V4_BITS, V6_BITS);
	siphash_24(hash, g->key, network.octets, sizeof network.octets);
	return hash[0] % SIG0_GATE_SOURCES;
}

bool sig0_gate_open(const struct sig0_gate *g, const struct addr *from, uint64_t now)
{
	unsigned i = place(g, from);
	return g->second[i] != now || g->wrong[i] < SIG0_GATE_WRONG;
}

void sig0_gate_wrong(struct sig0_gate *g, const struct addr *from, uint64_t now)
{
	unsigned i = place(g, from);
	if (g->second[i] != now)
		g->wrong[i] = 0;
	g->second[i] = now;
	g->wrong[i]++;
}
