/* dyn.h: carries out what a client wishes of its hosts: looks into the zones, makes one UPDATE a zone, waits for the
 * writer, and says for each host how it went. All dialects of DDNS do their work through this.
 *
 *   wish -> which zone, may it?  -> what differs? -> nothing: DYN_NOCHG, from memory
 *                                                 -> job -> writer -> DYN_GOOD when it is committed
 *
 * Hosts of one zone are one update: those that may change do so together or not at all. Threads: the HTTP thread's. */
#ifndef ROOST_SERVER_HTTP_DYN_H
#define ROOST_SERVER_HTTP_DYN_H

#include "server/http/call.h"
#include "server/http/wish.h"

enum dyn_result {
	DYN_NOCHG,
	DYN_GOOD,
	DYN_NOHOST, /* not in our zones, not this identity's, or locked */
	DYN_SLOW,   /* over the rate that its grant allows */
	DYN_FAILED  /* the writer could not: disk, memory, a record that is in the way */
};

enum { DYN_TEXT_MAX = 255 /* octets of a TXT string */ };

enum dyn_txt {
	DYN_TXT_KEEP,
	DYN_TXT_SET,    /* this value and no other */
	DYN_TXT_DELETE, /* all of them go */
	DYN_TXT_ADD,    /* this value beside others */
	DYN_TXT_REMOVE  /* this one goes, others stay */
};

struct dyn {
	struct call *call;
	const char *dialect; /* for the history: "dyndns2" */
	struct wish wish;
	/* Beside addresses: a TXT at _acme-challenge of each host, or at the host's own name. */
	enum dyn_txt txt_kind;
	bool txt_at_host;
	char txt[DYN_TEXT_MAX + 1];

	enum dyn_result result[WISH_HOSTS_MAX];
	void (*done)(struct dyn *d); /* answers the call; d is the call's `work` and goes with it */

	unsigned waiting;                /* jobs under way */
	uint8_t zone_of[WISH_HOSTS_MAX]; /* which job a host is in; 0 none */
	unsigned jobs;
};

/* A new one, as the call's work; NULL when memory is short. */
struct dyn *dyn_new(struct call *c, const char *dialect, void (*done)(struct dyn *d));
/* d->wish is there, the call identified. Leads to one call of done. */
void dyn_start(struct dyn *d);

#endif
