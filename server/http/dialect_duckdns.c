/* dialect_duckdns.c: /update?domains=a,b&token=T[&ip=][&ipv6=][&txt=][&clear=true][&verbose=true]
 *
 * The answer is "OK" or "KO" and nothing behind it, as clients compare the whole; with verbose the addresses and
 * UPDATED or NOCHANGE follow. A name without a dot is below the identity's own name, with ".duckdns.org" taken off.
 * `txt` goes to _acme-challenge of each domain, and then addresses stay unless they are given. */
#include "server/http/dialect.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

#include "server/http/dyn.h"

enum { HOSTS_TEXT_MAX = 4096 };

static bool is_true(const char *value)
{
	return value && strcasecmp(value, "true") == 0;
}

static void answer(struct dyn *d)
{
	bool good = false, bad = false;
	char text[2 * ADDR_TEXT_MAX + 32], v4[ADDR_TEXT_MAX] = "", v6[ADDR_TEXT_MAX] = "";
	for (unsigned i = 0; i < d->wish.count; i++) {
		good |= d->result[i] == DYN_GOOD;
		bad |= d->result[i] > DYN_GOOD;
	}
	const struct wish_host *h = &d->wish.host[0];
	if (h->v4.kind == WISH_SET)
		addr_ip_to_text(&h->v4.address[0], v4);
	if (h->v6.kind == WISH_SET)
		addr_ip_to_text(&h->v6.address[0], v6);
	if (!bad && is_true(form_get(&d->call->form, "verbose")))
		snprintf(text, sizeof text, "OK\n%s\n%s\n%s", v4, v6, good ? "UPDATED" : "NOCHANGE");
	else
		snprintf(text, sizeof text, bad ? "KO" : "OK");
	call_answer(d->call, 200, "text/plain", text);
}

/* "a,b.example" with names completed. False: it does not fit. */
static bool complete(const struct call *c, const char *list, char out[HOSTS_TEXT_MAX])
{
	static const char suffix[] = ".duckdns.org";
	char base[NAME_TEXT_MAX];
	size_t used = 0;
	name_to_text(c->identity, base);
	out[0] = '\0';
	while (*list) {
		size_t len = strcspn(list, ", "), cut = sizeof suffix - 1;
		if (len > cut && strncasecmp(list + len - cut, suffix, cut) == 0 && !memchr(list, '.', len - cut))
			cut = len - cut;
		else
			cut = len;
		if (cut)
			used += (size_t)snprintf(out + used, HOSTS_TEXT_MAX - used, "%.*s%s%s,", (int)cut, list,
						 memchr(list, '.', cut) ? "" : ".", memchr(list, '.', cut) ? "" : base);
		if (used >= HOSTS_TEXT_MAX)
			return false;
		list += len;
		list += strspn(list, ", ");
	}
	return true;
}

/* What the addresses are: given, or the client's own; none with `txt`, all gone with `clear`. */
static bool read_addresses(struct dyn *d, struct wish_family *v4, struct wish_family *v6)
{
	const struct form *f = &d->call->form;
	const char *ip = form_get(f, "ip"), *ipv6 = form_get(f, "ipv6"), *txt = form_get(f, "txt");
	bool clear = is_true(form_get(f, "clear"));
	if (txt) {
		if (strlen(txt) > DYN_TEXT_MAX)
			return false;
		d->txt_kind = clear ? DYN_TXT_DELETE : DYN_TXT_SET;
		snprintf(d->txt, sizeof d->txt, "%s", txt);
		return true;
	}
	if (clear) {
		v4->kind = v6->kind = WISH_DELETE;
		return true;
	}
	if (ip && *ip && !wish_read_addresses(v4, v6, ip, WISH_EITHER, &d->call->client))
		return false;
	if (ipv6 && *ipv6 && !wish_read_addresses(v4, v6, ipv6, WISH_V6, &d->call->client))
		return false;
	return v4->kind != WISH_KEEP || v6->kind != WISH_KEEP ||
	       wish_read_addresses(v4, v6, "auto", WISH_EITHER, &d->call->client);
}

static void begin(struct call *c, enum identify_result result)
{
	struct wish_family v4 = {.kind = WISH_KEEP}, v6 = {.kind = WISH_KEEP};
	char hosts[HOSTS_TEXT_MAX];
	if (result == IDENTIFY_PLAIN || result == IDENTIFY_SLOW) {
		dialect_refuse(c, result);
		return;
	}
	struct dyn *d = result == IDENTIFY_OK ? dyn_new(c, "duckdns", answer) : NULL;
	if (!d || !complete(c, form_get(&c->form, "domains"), hosts) || !wish_read_hosts(&d->wish, hosts) ||
	    !read_addresses(d, &v4, &v6)) {
		call_answer(c, 200, "text/plain", "KO");
		return;
	}
	for (unsigned i = 0; i < d->wish.count; i++) {
		d->wish.host[i].v4 = v4;
		d->wish.host[i].v6 = v6;
	}
	dyn_start(d);
}

void dialect_duckdns(struct call *c)
{
	identify_call(c->http->identify, c, "", form_get(&c->form, "token"), begin);
}
