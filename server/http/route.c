/* route.c: see route.h. */
#include "server/http/route.h"

#include "server/http/dialect.h"

#include <stdio.h>
#include <string.h>

enum method { GET = 1, POST = 2, PUT = 4, DELETE = 8 }; /* HEAD goes with GET (RFC 9110 §9.3.2) */

static const struct row {
	const char *path;
	unsigned methods;
	route_fn *handle;
	enum stats_counter counted; /* as that in http_requests */
} rows[] = {
	{"/checkip", GET, page_address, STATS_HTTP_ADDRESS},
	{"/nic/checkip", GET, page_address, STATS_HTTP_ADDRESS},
	{"/myip", GET, page_address, STATS_HTTP_ADDRESS},
	{"/nic/update", GET | POST | PUT, dialect_dyndns2, STATS_HTTP_DYNDNS2},
	{"/v3/update", GET | POST | PUT, dialect_dyndns2, STATS_HTTP_DYNDNS2},
	{"/dyndns/update", GET | POST | PUT, dialect_dyndns2, STATS_HTTP_DYNDNS2},
	{"/ph/update", GET | POST | PUT, dialect_dyndns2, STATS_HTTP_DYNDNS2},
	{"/nic/delete", GET | POST, dialect_nic_delete, STATS_HTTP_DELETE},
	{"/api/update", GET | POST, dialect_dynv6, STATS_HTTP_DYNV6},
	{"/acme/present", POST, dialect_httpreq, STATS_HTTP_HTTPREQ},
	{"/acme/cleanup", POST, dialect_httpreq, STATS_HTTP_HTTPREQ},
	{"/update", GET | POST | PUT, dialect_choose, STATS_HTTP_DYNDNS2},
	{"/", GET | POST | PUT, dialect_choose, STATS_HTTP_DYNDNS2},
	{"/ip", GET, page_address, STATS_HTTP_ADDRESS},
	{"/healthz", GET, page_health, STATS_HTTP_HEALTH},
	{"/readyz", GET, page_health, STATS_HTTP_HEALTH},
	{"/metrics", GET, page_metrics, STATS_HTTP_METRICS},
};

static unsigned method_of(const struct call *c)
{
	static const struct {
		const char *word;
		enum method method;
	} words[] = {{"GET", GET}, {"HEAD", GET}, {"POST", POST}, {"PUT", PUT}, {"DELETE", DELETE}};
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (call_is(c, words[i].word))
			return words[i].method;
	return 0;
}

static void answer_allowed(struct call *c, unsigned methods)
{
	snprintf(c->fields, sizeof c->fields, "Allow: %s%s%s%s\r\n", methods & GET ? "GET, HEAD" : "",
		 methods & POST ? (methods & GET ? ", POST" : "POST") : "", methods & PUT ? ", PUT" : "",
		 methods & DELETE ? ", DELETE" : "");
	call_answer(c, 405, "text/plain", "Method Not Allowed\n");
}

void route_call(struct call *c)
{
	unsigned method = method_of(c);
	for (size_t i = 0; i < sizeof rows / sizeof rows[0]; i++) {
		if (strcmp(rows[i].path, c->form.path) != 0)
			continue;
		if (!(rows[i].methods & method)) {
			answer_allowed(c, rows[i].methods);
			return;
		}
		c->counted = rows[i].counted;
		rows[i].handle(c);
		return;
	}
	call_answer(c, 404, "text/plain", "Not Found\n");
}
