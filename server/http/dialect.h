/* dialect.h: the dialects of DDNS, one small file each: how a request is read into a wish, and how the outcome is told.
 * All lead to server/http/dyn.h. Threads: the HTTP thread's. */
#ifndef ROOST_SERVER_HTTP_DIALECT_H
#define ROOST_SERVER_HTTP_DIALECT_H

#include "server/http/http_inside.h"
#include "server/http/identify.h"
#include "server/http/route.h"

route_fn dialect_dyndns2;    /* /nic/update, /v3/update, /dyndns/update, /ph/update */
route_fn dialect_nic_delete; /* /nic/delete */
route_fn dialect_duckdns;    /* /update?domains=…&token=… */
route_fn dialect_dynv6;      /* /api/update?hostname=…&token=… */
route_fn dialect_httpreq;    /* /acme/present, /acme/cleanup */
/* "/update" and "/" are several dialects': told apart by method and parameters. */
route_fn dialect_choose;

/* How the dyndns2 family says that a caller is not known: 401, 403 or 503. */
void dialect_refuse(struct call *c, enum identify_result result);

#endif
