/* sig0_gate.h: who may have how many signatures of private keys verified in vain. One costs 100 µs, and whoever knows the
 * name of a key can send any number of wrong ones: a source that did gets no more looked at in that second. Sources share
 * SIG0_GATE_SOURCES counts by a hash; so all strangers together cost a worker at most a tenth of its time, and honest
 * clients elsewhere are not kept out. Threads: a gate belongs to one worker. */
#ifndef ROOST_SERVER_DNS_SIG0_GATE_H
#define ROOST_SERVER_DNS_SIG0_GATE_H

#include "lib/addr.h"
#include "lib/siphash.h"

enum {
	SIG0_GATE_SOURCES = 64,
	SIG0_GATE_WRONG = 16 /* wrong signatures of one source in a second; 64 x 16 x 100 µs are 0.1 s */
};

struct sig0_gate {
	uint8_t key[SIPHASH_KEY_LEN];
	uint64_t second[SIG0_GATE_SOURCES]; /* that `wrong` counts in */
	unsigned wrong[SIG0_GATE_SOURCES];
};

/* Draws the key of the hash; ERR_IO when the kernel gives none. */
MUST_USE enum err sig0_gate_init(struct sig0_gate *g);

/* now: seconds, of any clock. */
bool sig0_gate_open(const struct sig0_gate *g, const struct addr *from, uint64_t now);
void sig0_gate_wrong(struct sig0_gate *g, const struct addr *from, uint64_t now);

#endif
