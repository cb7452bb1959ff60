/* dialect_choose.c: paths that several dialects have. */
#include "server/http/dialect.h"

void dialect_choose(struct call *c)
{
	if (form_get(&c->form, "domains") && form_get(&c->form, "token"))
		dialect_duckdns(c);
	else
		dialect_dyndns2(c);
}
