/* http_log.c: see http_log.h. */
#include "server/http/http_log.h"

#include <inttypes.h>
#include <openssl/crypto.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "server/http/http_inside.h"
#include "server/http/identify.h"

/* Octets; together with the rest they fit into a line of the log. */
enum { QUERY_MAX = 512, ACCOUNT_MAX = 256, AGENT_MAX = 128, NS_PER_US = 1000 };

/* What would need an escape, here or in the log, becomes "?". */
static void clean(char *text)
{
	for (; *text; text++)
		if (*text < ' ' || *text > '~' || *text == '"' || *text == '\\')
			*text = '?';
}

/* As much of it as there is room for. */
static void copy(char *out, size_t size, const char *text)
{
	size_t len = strnlen(text, size - 1);
	memcpy(out, text, len);
	out[len] = '\0';
	clean(out);
}

static const char *method_of(const struct call *c)
{
	static const char *const methods[] = {"GET", "HEAD", "POST", "PUT", "DELETE", "OPTIONS", "PATCH"};
	for (size_t i = 0; i < sizeof methods / sizeof methods[0]; i++)
		if (call_is(c, methods[i]))
			return methods[i];
	return "other";
}

static bool is_harmless_name(const char *name)
{
	static const char *const names[] = {"hostname", "host_id", "domain",       "host",       "domains", "myip",
					    "myipv4",   "ipv4",    "ip",           "myipv6",     "ipv6",    "ip6",
					    "ip6addr",  "verbose", "ip6lanprefix", "ipv6prefix", "strict"};
	for (size_t i = 0; i < sizeof names / sizeof names[0]; i++)
		if (strcasecmp(name, names[i]) == 0)
			return true;
	return false;
}

/* Whether any part of text is the secret that the client shows, or text looks like a token in the wrong place. */
static bool tells(const char *text, const struct identify_shown *shown, const char *token)
{
	return secret_is_token(text) || (shown->secret[0] && strstr(text, shown->secret)) ||
	       (token && *token && strstr(text, token));
}

static void write_query(const struct call *c, const struct identify_shown *shown, const char *token,
			char out[QUERY_MAX])
{
	static const char hidden[] = "***";
	bool others = false;
	size_t len = 0;
	out[0] = '\0';
	for (unsigned i = 0; i < c->form.count; i++) {
		const struct form_pair *p = &c->form.pair[i];
		size_t need = strlen(p->name) + strlen(p->value) + 2;
		if (!is_harmless_name(p->name) || tells(p->value, shown, token) ||
		    len + need + sizeof hidden + 1 > QUERY_MAX)
			others = true;
		else
			len += (size_t)snprintf(out + len, QUERY_MAX - len, "%s%s=%s", len ? "&" : "", p->name,
						p->value);
	}
	if (others)
		snprintf(out + len, QUERY_MAX - len, "%s%s", len ? "&" : "", hidden);
	clean(out);
}

void http_log_write(const struct call *c, int status, size_t octets)
{
	enum config_access_log form = c->http->server->config->http_access_log;
	char client[ADDR_TEXT_MAX], query[QUERY_MAX], account[ACCOUNT_MAX], agent[AGENT_MAX];
	struct identify_shown shown;
	if (form == CONFIG_ACCESS_LOG_NO)
		return;
	identify_read(&shown, c);
	const char *token = form_get(&c->form, "token"), *field = call_field(c, "User-Agent");
	const char *path = c->counted == STATS_HTTP_NOTHING ? "other" : c->form.path;
	uint64_t us = (clock_monotonic_ns() - c->began_ns) / NS_PER_US;
	addr_ip_to_text(&c->client, client);
	write_query(c, &shown, token, query);
	copy(account, sizeof account, c->account);
	copy(agent, sizeof agent, tells(field, &shown, token) ? "***" : field);
	OPENSSL_cleanse(&shown, sizeof shown);
	if (form == CONFIG_ACCESS_LOG_TEXT)
		log_info("http client=%s tls=%s method=%s path=%s query=\"%s\" account=%s status=%d octets=%zu "
			 "us=%" PRIu64 " agent=\"%s\"",
			 client, c->secure ? "yes" : "no", method_of(c), path, query, account, status, octets, us,
			 agent);
	else
		log_info("{\"client\":\"%s\",\"tls\":\"%s\",\"method\":\"%s\",\"path\":\"%s\",\"query\":\"%s\","
			 "\"account\":\"%s\",\"status\":%d,\"octets\":%zu,\"us\":%" PRIu64 ",\"agent\":\"%s\"}",
			 client, c->secure ? "yes" : "no", method_of(c), path, query, account, status, octets, us,
			 agent);
}
