/* http_log.h: the access log: a line for each request when it is answered, if [http] access-log wants it.
 *
 *   http client=192.0.2.1 tls=no method=GET path=/nic/update query="hostname=nas.home.example&myip=192.0.2.1&***"
 *        account=nas.home.example. status=200 octets=14 us=812 agent="ddclient/3.10"
 *   {"client":"192.0.2.1","tls":"no","method":"GET",…}
 *
 * No secret stands in it, wherever the client put it: what is shown is what is known to be harmless. Paths that are
 * none of ours, parameters that are not those of hosts and addresses, and Authorization are not shown.
 *
 * Threads: the HTTP thread's. */
#ifndef ROOST_SERVER_HTTP_LOG_H
#define ROOST_SERVER_HTTP_LOG_H

#include "server/http/call.h"

void http_log_write(const struct call *c, int status, size_t octets);

#endif
