/* route.h: which page or dialect a request is for, by path (and where paths are shared, by method and parameters).
 * Threads: the HTTP thread's. */
#ifndef ROOST_SERVER_HTTP_ROUTE_H
#define ROOST_SERVER_HTTP_ROUTE_H

#include "server/http/call.h"

/* Gives the call to its handler, which will answer it; 404 and 405 are answered here. */
void route_call(struct call *c);

/* A handler: must lead to one call_answer. Each stands in the file of its name. */
typedef void route_fn(struct call *c);

route_fn page_address; /* checkip, myip: the client's own address */
route_fn page_metrics; /* metrics: what is counted, for Prometheus */
route_fn page_health;  /* healthz: the thread is alive. readyz: zones are served and changes taken */

#endif
