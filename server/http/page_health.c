/* page_health.c: for load balancers and service managers. */
#include "server/http/route.h"

#include <string.h>

#include "server/http/http_inside.h"

void page_health(struct call *c)
{
	/* The thread starts last: whoever can ask it finds zones, workers and writer at work. */
	call_answer(c, 200, "text/plain", strcmp(c->form.path, "/healthz") == 0 ? "ok\n" : "ready\n");
}
