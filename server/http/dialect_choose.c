/* dialect_choose.c: paths that several dialects have. */
#include "server/http/dialect.h"

void dialect_choose(struct call *c)
{
	if (form_get(&c->form, "domains") && form_get(&c->form, "token")) {
		c->counted = STATS_HTTP_DUCKDNS;
		dialect_duckdns(c);
	} else {
		dialect_dyndns2(c);
	}
}
