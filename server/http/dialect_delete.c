/* dialect_delete.c: /nic/delete (nsupdate.info): the A or AAAA records of the hosts go, by the family of `myip`, or
 * else of the client's own address. */
#include "server/http/dialect.h"

#include <stdio.h>
#include <string.h>

#include "server/http/dyn.h"

enum { RETRY_S = 60 };

static void answer(struct dyn *d)
{
	enum dyn_result worst = DYN_NOCHG;
	for (unsigned i = 0; i < d->wish.count; i++)
		worst = d->result[i] > worst ? d->result[i] : worst;
	if (worst <= DYN_GOOD) {
		call_answer(d->call, 200, "text/plain",
			    d->wish.host[0].v4.kind == WISH_DELETE ? "deleted A" : "deleted AAAA");
	} else if (worst == DYN_NOHOST) {
		call_answer(d->call, 200, "text/plain", "nohost");
	} else {
		snprintf(d->call->fields, sizeof d->call->fields, "Retry-After: %d\r\n", RETRY_S);
		call_answer(d->call, 503, "text/plain", worst == DYN_SLOW ? "911" : "dnserr");
	}
}

static void begin(struct call *c, enum identify_result result)
{
	char account[NAME_TEXT_MAX];
	if (result != IDENTIFY_OK) {
		dialect_refuse(c, result);
		return;
	}
	struct dyn *d = dyn_new(c, "nic/delete", answer);
	if (!d) {
		call_answer(c, 503, "text/plain", "911");
		return;
	}
	name_to_text(c->identity, account);
	const char *wrong = wish_read(&d->wish, &c->form, account, &c->client);
	if (wrong) {
		call_answer(c, 200, "text/plain", wrong);
		return;
	}
	for (unsigned i = 0; i < d->wish.count; i++) {
		struct wish_host *h = &d->wish.host[i];
		bool v6 = h->v6.kind == WISH_SET && h->v4.kind != WISH_SET;
		h->v4.kind = v6 ? WISH_KEEP : WISH_DELETE;
		h->v6.kind = v6 ? WISH_DELETE : WISH_KEEP;
	}
	dyn_start(d);
}

void dialect_nic_delete(struct call *c)
{
	struct identify_shown shown;
	identify_read(&shown, c);
	identify_call(c->http->identify, c, shown.account, shown.secret, begin);
}
