/* hostcount.c: see hostcount.h. A hash table of chains; it doubles when it has as many hosts as chains. */
#include "server/net/hostcount.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>
#include <sys/random.h>

#include "lib/siphash.h"

enum { CHAINS_MIN = 64, V4_BITS = 32, V6_BITS = 64 };

struct hostcount_host {
	LIST_ENTRY(hostcount_host) link;
	struct addr_prefix network;
	unsigned count;
};

LIST_HEAD(chain, hostcount_host);

struct hostcount {
	struct chain *chains;
	size_t chain_count, hosts;
	uint8_t key[SIPHASH_KEY_LEN];
};

enum err hostcount_new(struct hostcount **out)
{
	struct hostcount *h = calloc(1, sizeof *h);
	struct chain *chains = calloc(CHAINS_MIN, sizeof *chains);
	if (!h || !chains || getrandom(h->key, sizeof h->key, 0) != sizeof h->key) {
		free(h);
		free(chains);
		return ERR_NOMEM;
	}
	h->chains = chains;
	h->chain_count = CHAINS_MIN;
	*out = h;
	return ERR_OK;
}

void hostcount_free(struct hostcount *h)
{
	if (!h)
		return;
	for (size_t i = 0; i < h->chain_count; i++) {
		struct hostcount_host *host;
		while ((host = LIST_FIRST(&h->chains[i]))) {
			LIST_REMOVE(host, link);
			free(host);
		}
	}
	free(h->chains);
	free(h);
}

static struct chain *chain_of(const struct hostcount *h, struct chain *chains, size_t count,
			      const struct addr_prefix *network)
{
	uint8_t hash[SIPHASH_LEN];
	uint64_t at;
	siphash_24(hash, h->key, network->octets, sizeof network->octets);
	memcpy(&at, hash, sizeof at);
	return &chains[at & (count - 1)];
}

/* Longer chains are what happens when there is no memory for more of them. */
static void grow(struct hostcount *h)
{
	size_t count = 2 * h->chain_count;
	struct chain *chains = calloc(count, sizeof *chains);
	if (!chains)
		return;
	for (size_t i = 0; i < h->chain_count; i++) {
		struct hostcount_host *host;
		while ((host = LIST_FIRST(&h->chains[i]))) {
			LIST_REMOVE(host, link);
			LIST_INSERT_HEAD(chain_of(h, chains, count, &host->network), host, link);
		}
	}
	free(h->chains);
	h->chains = chains;
	h->chain_count = count;
}

struct hostcount_host *hostcount_take(struct hostcount *h, const struct addr *a, unsigned max)
{
	struct addr_prefix network;
	struct hostcount_host *host;
	addr_network(&network, a, V4_BITS, V6_BITS);
	LIST_FOREACH(host, chain_of(h, h->chains, h->chain_count, &network), link)
	if (memcmp(&host->network, &network, sizeof network) == 0)
		break;
	if (host) {
		if (max && host->count >= max)
			return NULL;
		host->count++;
		return host;
	}
	if (h->hosts >= h->chain_count)
		grow(h);
	host = calloc(1, sizeof *host);
	if (!host)
		return NULL;
	host->network = network;
	host->count = 1;
	h->hosts++;
	LIST_INSERT_HEAD(chain_of(h, h->chains, h->chain_count, &network), host, link);
	return host;
}

void hostcount_give(struct hostcount *h, struct hostcount_host *host)
{
	if (!host || --host->count)
		return;
	LIST_REMOVE(host, link);
	h->hosts--;
	free(host);
}
