/* page_health.c: for load balancers and service managers. */
#include "server/http/route.h"

#include <string.h>

#include "lib/clock.h"
#include "server/http/http_inside.h"
#include "zones/memory/grace.h"

/* Who sends us no changes while we are not ready would never see us store one: after this time we can be tried again. */
static const uint64_t try_again_ns = UINT64_C(30000000000);

static bool writer_fails(const struct call *c)
{
	uint64_t failed = writer_thread_failed_ns(c->http->server->writer);
	return failed && clock_monotonic_ns() - failed < try_again_ns;
}

static bool is_unserved(void *arg, struct zone *z)
{
	bool *unserved = arg;
	*unserved = zone_fault(z) != NULL;
	return *unserved; /* the first that is served ends it */
}

/* One zone that is served is reason enough to send us questions: what is wrong with the others is in the metrics. */
static bool nothing_is_served(const struct call *c)
{
	bool unserved = false; /* a server without zones is ready to get some */
	grace_online();
	directory_each(c->http->server->directory, is_unserved, &unserved);
	grace_offline();
	return unserved;
}

void page_health(struct call *c)
{
	/* The thread starts last: whoever can ask it finds zones, workers and writer at work. */
	if (strcmp(c->form.path, "/healthz") == 0)
		call_answer(c, 200, "text/plain", "ok\n");
	else if (writer_fails(c))
		call_answer(c, 503, "text/plain", "changes could not be stored\n");
	else if (nothing_is_served(c))
		call_answer(c, 503, "text/plain", "no zone is served\n");
	else
		call_answer(c, 200, "text/plain", "ready\n");
}
