/* dialect_dynv6.c: /api/update?hostname=a.example&token=T&ipv4=…&ipv6=… (also ipv6prefix): one sentence says whether
 * anything changed. */
#include "server/http/dialect.h"

#include <stdio.h>
#include <string.h>

#include "server/http/dyn.h"

static void answer(struct dyn *d)
{
	bool good = false;
	enum dyn_result worst = DYN_NOCHG;
	for (unsigned i = 0; i < d->wish.count; i++) {
		good |= d->result[i] == DYN_GOOD;
		worst = d->result[i] > worst ? d->result[i] : worst;
	}
	if (worst <= DYN_GOOD)
		call_answer(d->call, 200, "text/plain", good ? "addresses updated" : "addresses unchanged");
	else if (worst == DYN_NOHOST)
		call_answer(d->call, 404, "text/plain", "zone not found");
	else
		call_answer(d->call, 503, "text/plain", "temporarily unavailable");
}

static void begin(struct call *c, enum identify_result result)
{
	char account[NAME_TEXT_MAX];
	if (result == IDENTIFY_PLAIN || result == IDENTIFY_SLOW) {
		dialect_refuse(c, result);
		return;
	}
	if (result != IDENTIFY_OK) {
		call_answer(c, 401, "text/plain", "invalid authentication token");
		return;
	}
	struct dyn *d = dyn_new(c, "dynv6", answer);
	if (!d) {
		call_answer(c, 503, "text/plain", "temporarily unavailable");
		return;
	}
	name_to_text(c->identity, account);
	if (wish_read(&d->wish, &c->form, account, &c->client))
		call_answer(c, 400, "text/plain", "invalid hostname or address");
	else
		dyn_start(d);
}

void dialect_dynv6(struct call *c)
{
	const char *token = form_get(&c->form, "token");
	struct identify_shown shown;
	identify_read(&shown, c);
	identify_call(c->http->identify, c, shown.account, token ? token : shown.secret, begin);
}
