/* dialect_dyndns2.c: /nic/update and its other paths: what most routers and clients speak.
 *
 *   GET /nic/update?hostname=a.example,b.example&myip=192.0.2.1       good 192.0.2.1
 *   Authorization: Basic …                                            nochg 192.0.2.1
 *
 * One line a host, in the order of the request. Clients look for words, some only for a part of the answer (inadyn
 * finds "good" anywhere), so an error is the bare word. What passes is 503, which all of them try again; a fault that
 * lasts is 200 with its word for those that read the body, and a status that says so for those that do not. */
#include "server/http/dialect.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "server/http/dyn.h"

enum { RETRY_S = 60, LINE_TEXT_MAX = WISH_ECHO_MAX + 16 };

/* These look at the status alone. */
static bool wants_status(const struct call *c)
{
	static const char *const agents[] = {"OPNsense-", "Go-http-client", "curl/"};
	const char *agent = call_field(c, "User-Agent"), *strict = form_get(&c->form, "strict");
	if (strict && strcmp(strict, "1") == 0)
		return true;
	for (size_t i = 0; i < sizeof agents / sizeof agents[0]; i++)
		if (strncasecmp(agent, agents[i], strlen(agents[i])) == 0)
			return true;
	return false;
}

static void answer_word(struct call *c, const char *word, int strict_status)
{
	call_answer(c, wants_status(c) ? strict_status : 200, "text/plain", word);
}

static void answer_later(struct call *c, const char *word, unsigned wait_s)
{
	snprintf(c->fields, sizeof c->fields, "Retry-After: %u\r\n", wait_s);
	call_answer(c, 503, "text/plain", word);
}

void dialect_refuse(struct call *c, enum identify_result result)
{
	switch (result) {
	case IDENTIFY_PLAIN:
		call_answer(c, 403, "text/plain", "badauth");
		break;
	case IDENTIFY_SLOW:
		answer_later(c, "911", c->wait_s);
		break;
	default:
		snprintf(c->fields, sizeof c->fields, "WWW-Authenticate: Basic realm=\"ddns\"\r\n");
		call_answer(c, 401, "text/plain", "badauth");
	}
}

/* ---- the answer ---- */

static const char *word_of(enum dyn_result r)
{
	switch (r) {
	case DYN_GOOD:
		return "good";
	case DYN_NOCHG:
		return "nochg";
	case DYN_NOHOST:
		return "nohost";
	case DYN_SLOW:
		return "abuse";
	case DYN_FAILED:
	default:
		return "dnserr";
	}
}

static void answer_hosts(struct dyn *d)
{
	char text[WISH_HOSTS_MAX * LINE_TEXT_MAX];
	size_t used = 0;
	enum dyn_result worst = DYN_NOCHG, best = DYN_FAILED;
	for (unsigned i = 0; i < d->wish.count; i++) {
		enum dyn_result r = d->result[i];
		bool fine = r <= DYN_GOOD;
		used += (size_t)snprintf(text + used, sizeof text - used, "%s%s%s%s", i ? "\r\n" : "", word_of(r),
					 fine && d->wish.echo[0] ? " " : "", fine ? d->wish.echo : "");
		worst = r > worst ? r : worst;
		best = r < best ? r : best;
	}
	/* Hosts that went well must not be sent again because of others. */
	if (worst <= DYN_GOOD || best <= DYN_GOOD)
		call_answer(d->call, 200, "text/plain", text);
	else if (worst == DYN_NOHOST)
		answer_word(d->call, text, 404);
	else
		answer_later(d->call, worst == DYN_SLOW ? "911" : text, RETRY_S);
}

/* ---- the request ---- */

static void begin(struct call *c, enum identify_result result)
{
	struct identify_shown shown;
	char account[NAME_TEXT_MAX];
	if (result != IDENTIFY_OK) {
		dialect_refuse(c, result);
		return;
	}
	struct dyn *d = dyn_new(c, "dyndns2", answer_hosts);
	if (!d) {
		answer_later(c, "911", RETRY_S);
		return;
	}
	identify_read(&shown, c);
	/* Without a host: the user's name, if it is one, else the account's. */
	name_to_text(c->identity, account);
	const char *wrong =
		wish_read(&d->wish, &c->form, strchr(shown.account, '.') ? shown.account : account, &c->client);
	if (wrong)
		answer_word(c, wrong, 400);
	else
		dyn_start(d);
}

void dialect_dyndns2(struct call *c)
{
	struct identify_shown shown;
	identify_read(&shown, c);
	identify_call(c->http->identify, c, shown.account, shown.secret, begin);
}
