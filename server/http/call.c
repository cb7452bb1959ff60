/* call.c: see call.h. */
#include "server/http/call.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "lib/clock.h"
#include "server/http/http_inside.h"
#include "server/http/http_log.h"

enum { ADDRESS_TEXT_MAX = 64 };

static bool is_proxy(const struct config_prefixes *proxies, const struct addr *a)
{
	return proxies && addr_in_prefixes(a, proxies->list, proxies->count);
}

/* "192.0.2.1", "192.0.2.1:1234", "[2001:db8::1]:1234" or "2001:db8::1", as proxies write them. */
static bool read_forwarded(const char *text, size_t len, struct addr *out)
{
	char copy[ADDRESS_TEXT_MAX];
	if (len == 0 || len >= sizeof copy)
		return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	char *begin = copy, *colon = strchr(copy, ':');
	if (copy[0] == '[') {
		begin = copy + 1;
		begin[strcspn(begin, "]")] = '\0';
	} else if (colon && !strchr(colon + 1, ':')) {
		*colon = '\0';
	}
	if (strchr(begin, '@') || addr_parse(out, begin, 0, NULL))
		return false;
	addr_unmap(out);
	return true;
}

/* Every proxy adds its client at the end: from there backwards, the first that is no proxy of ours is who asked. What
 * stands before it may be anybody's invention. */
static void find_client(struct call *c, const struct config_prefixes *proxies)
{
	c->client = *c->request->peer;
	c->secure = c->request->secure;
	if (!is_proxy(proxies, &c->client))
		return;
	if (strcasecmp(call_field(c, "X-Forwarded-Proto"), "https") == 0)
		c->secure = true;
	const char *list = call_field(c, "X-Forwarded-For");
	size_t end = strlen(list);
	while (end && is_proxy(proxies, &c->client)) {
		size_t begin = end;
		while (begin && list[begin - 1] != ',')
			begin--;
		const char *word = list + begin + strspn(list + begin, " \t");
		size_t len = word < list + end ? (size_t)(list + end - word) : 0;
		while (len && (word[len - 1] == ' ' || word[len - 1] == '\t'))
			len--;
		struct addr a;
		if (!read_forwarded(word, len, &a))
			return;
		c->client = a;
		end = begin ? begin - 1 : 0;
	}
}

static void refuse(struct http_conn *conn, int status)
{
	const char *reason = http_conn_reason(status);
	struct http_reply r = {.status = status, .type = "text/plain", .body = reason, .body_len = strlen(reason)};
	http_conn_reply(conn, &r);
}

struct call *call_new(struct http *h, struct http_conn *conn, const struct http_request *request,
		      const struct config_prefixes *proxies)
{
	struct call *c = calloc(1, sizeof *c);
	if (!c) {
		refuse(conn, 503);
		return NULL;
	}
	c->http = h;
	c->conn = conn;
	c->request = request;
	c->counted = STATS_HTTP_NOTHING;
	c->began_ns = clock_monotonic_ns();
	enum form_type type = form_type_of(head_get(request->head, "Content-Type"), request->body, request->body_len);
	enum err e = form_parse(&c->form, request->head->target, type, request->body, request->body_len);
	if (e) {
		free(c);
		refuse(conn, e == ERR_NOMEM ? 503 : e == ERR_RANGE ? 413 : 400);
		return NULL;
	}
	find_client(c, proxies);
	return c;
}

bool call_is(const struct call *c, const char *method)
{
	return strcmp(c->request->head->method, method) == 0;
}

const char *call_field(const struct call *c, const char *name)
{
	const char *value = head_get(c->request->head, name);
	return value ? value : "";
}

void call_answer_data(struct call *c, int status, const char *type, const void *data, size_t len)
{
	struct http_reply r = {.status = status, .type = type, .fields = c->fields, .body = data, .body_len = len};
	stats_count(c->http->stats, c->counted);
	http_log_write(c, status, len);
	http_conn_reply(c->conn, &r);
	form_free(&c->form);
	access_release(c->access);
	free(c->work);
	free(c);
}

void call_answer(struct call *c, int status, const char *type, const char *text)
{
	call_answer_data(c, status, type, text, strlen(text));
}
