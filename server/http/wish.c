/* wish.c: see wish.h. */
#include "server/http/wish.h"

#include <stdio.h>
#include <string.h>
#include <strings.h>

enum { WORD_MAX = 64 };

/* ---- names ---- */

bool wish_read_name(struct name *out, const char *text, size_t len)
{
	char copy[NAME_WIRE_MAX + 1];
	if (len == 0 || len >= sizeof copy)
		return false;
	for (size_t i = 0; i < len; i++)
		if (text[i] <= ' ' || text[i] > '~' || strchr("\\\"();@", text[i]))
			return false;
	memcpy(copy, text, len);
	copy[len] = '\0';
	if (name_from_text(out, copy) || name_labels(out->wire) < 2)
		return false;
	name_lower(out->wire, out->wire, out->len);
	return true;
}

/* The host of that name in the wish, made if it is not there; NULL when there are too many. */
static struct wish_host *add_host(struct wish *w, const struct name *name)
{
	for (unsigned i = 0; i < w->count; i++)
		if (name_equal(w->host[i].name.wire, name->wire))
			return &w->host[i];
	if (w->count == WISH_HOSTS_MAX)
		return NULL;
	struct wish_host *host = &w->host[w->count++];
	memset(host, 0, sizeof *host);
	host->name = *name;
	return host;
}

static const char *read_hosts(struct wish *w, const char *list)
{
	while (*list) {
		struct name name;
		list += strspn(list, ", ");
		size_t len = strcspn(list, ", ");
		if (len && !wish_read_name(&name, list, len))
			return "notfqdn";
		if (len && !add_host(w, &name))
			return "numhost";
		list += len;
	}
	return w->count ? NULL : "notfqdn";
}

bool wish_read_hosts(struct wish *out, const char *list)
{
	out->count = 0;
	out->echo[0] = '\0';
	return read_hosts(out, list) == NULL;
}

/* ---- addresses ---- */

static bool add_address(struct wish_family *f, const struct addr *a)
{
	if (f->kind != WISH_SET)
		f->count = 0;
	f->kind = WISH_SET;
	for (unsigned i = 0; i < f->count; i++)
		if (addr_equal(&f->address[i], a))
			return true;
	if (f->count == WISH_ADDRESSES_MAX)
		return false;
	f->address[f->count++] = *a;
	return true;
}

static bool is_v4(const struct addr *a)
{
	return a->u.sa.sa_family == AF_INET;
}

/* "2001:db8:1::1/64" is meant as its prefix; FRITZ!Box and others leave octets behind it. */
static bool read_prefix(struct wish_family *v4, struct wish_family *v6, char *text)
{
	char *slash = strchr(text, '/');
	unsigned bits;
	struct addr a;
	struct addr_prefix network;
	*slash++ = '\0';
	if (sscanf(slash, "%3u", &bits) != 1 || strspn(slash, "0123456789") != strlen(slash) ||
	    addr_parse(&a, text, 0, NULL))
		return false;
	addr_unmap(&a);
	bool v4_given = is_v4(&a);
	if (bits > (v4_given ? 32U : 128U))
		return false;
	struct wish_family *f = v4_given ? v4 : v6;
	if (bits == (v4_given ? 32U : 128U))
		return add_address(f, &a);
	addr_network(&network, &a, v4_given ? bits : 0, v4_given ? 0 : bits);
	if (f->kind != WISH_SET) {
		f->kind = WISH_MOVE;
		f->prefix = network;
	}
	return true;
}

/* One word of a list. */
static bool read_word(struct wish_family *v4, struct wish_family *v6, const char *text, size_t len)
{
	char word[WORD_MAX];
	struct addr a;
	if (len >= sizeof word)
		return false;
	memcpy(word, text, len);
	word[len] = '\0';
	if (strchr(word, '/'))
		return read_prefix(v4, v6, word);
	if (strchr(word, '@') || strchr(word, '%') || addr_parse(&a, word, 0, NULL))
		return false;
	addr_unmap(&a);
	return add_address(is_v4(&a) ? v4 : v6, &a);
}

/* "auto": ddupdate says ipv6=auto also from an IPv4 address. */
static bool add_client(struct wish_family *v4, struct wish_family *v6, enum wish_named named, const struct addr *client)
{
	struct addr a = *client;
	addr_unmap(&a);
	if (named == (is_v4(&a) ? WISH_V6 : WISH_V4))
		return true;
	if (is_v4(&a))
		a.u.in.sin_port = 0;
	else
		a.u.in6.sin6_port = 0;
	return add_address(is_v4(&a) ? v4 : v6, &a);
}

bool wish_read_addresses(struct wish_family *v4, struct wish_family *v6, const char *list, enum wish_named named,
			 const struct addr *client)
{
	list += strspn(list, " ");
	if (!*list) {
		(named == WISH_V6 ? v6 : v4)->kind = WISH_DELETE;
		return true;
	}
	if (strcasecmp(list, "preserve") == 0 || strcasecmp(list, "no") == 0)
		return true;
	while (*list) {
		list += strspn(list, ", ");
		size_t len = strcspn(list, ", ");
		if (len == 4 && strncasecmp(list, "auto", len) == 0) {
			if (!add_client(v4, v6, named, client))
				return false;
		} else if (len && !read_word(v4, v6, list, len)) {
			return false;
		}
		list += len;
	}
	return true;
}

static void echo(struct wish *w, const char *text)
{
	size_t used = strlen(w->echo);
	snprintf(w->echo + used, sizeof w->echo - used, "%s%s", used && *text ? "," : "", text);
}

/* ---- the whole ---- */

/* "myipv6:host=": for that host alone. */
static const char *read_own_addresses(struct wish *w, const struct form *form, const struct addr *client)
{
	static const char v4_prefix[] = "myipv4:", v6_prefix[] = "myipv6:";
	for (unsigned i = 0; i < form->count; i++) {
		const char *name = form->pair[i].name;
		bool v6_named = strncasecmp(name, v6_prefix, sizeof v6_prefix - 1) == 0;
		struct name host_name;
		if (!v6_named && strncasecmp(name, v4_prefix, sizeof v4_prefix - 1) != 0)
			continue;
		name += sizeof v6_prefix - 1;
		if (!wish_read_name(&host_name, name, strlen(name)))
			return "notfqdn";
		struct wish_host *host = add_host(w, &host_name);
		if (!host)
			return "numhost";
		struct wish_family *own = v6_named ? &host->v6 : &host->v4, other = {0};
		*own = (struct wish_family){0};
		if (!wish_read_addresses(v6_named ? &other : own, v6_named ? own : &other, form->pair[i].value,
					 v6_named ? WISH_V6 : WISH_V4, client) ||
		    other.kind != WISH_KEEP)
			return "dnserr";
	}
	return NULL;
}

const char *wish_read(struct wish *out, const struct form *form, const char *default_hosts, const struct addr *client)
{
	static const char *const host_names[] = {"hostname", "host_id", "domain", "host", NULL};
	static const char *const either_names[] = {"myip", "ip", NULL}, *const v4_names[] = {"myipv4", "ipv4", NULL};
	static const char *const v6_names[] = {"myipv6", "ipv6", "ip6", "ip6addr", "ip6lanprefix", "ipv6prefix", NULL};
	struct wish_family v4 = {0}, v6 = {0};
	char own[ADDR_TEXT_MAX];
	out->count = 0;
	out->echo[0] = '\0';
	const char *hosts = form_get_any(form, host_names);
	if (!hosts || !*hosts || strcasecmp(hosts, "YES") == 0)
		hosts = default_hosts ? default_hosts : "";
	const char *wrong = read_hosts(out, hosts);
	if (wrong)
		return wrong;

	const char *either_list = form_get_any(form, either_names), *v6_list = form_get_any(form, v6_names);
	const char *v4_list = either_list ? either_list : form_get_any(form, v4_names);
	if ((v4_list && !wish_read_addresses(&v4, &v6, v4_list, either_list ? WISH_EITHER : WISH_V4, client)) ||
	    (v6_list && !wish_read_addresses(&v4, &v6, v6_list, WISH_V6, client)))
		return "dnserr";
	if (!v4_list && !v6_list) {
		(void)wish_read_addresses(&v4, &v6, "auto", WISH_EITHER, client);
		v4_list = addr_ip_to_text(client, own);
	}
	if (v4_list)
		echo(out, v4_list);
	if (v6_list)
		echo(out, v6_list);
	for (unsigned i = 0; i < out->count; i++) {
		out->host[i].v4 = v4;
		out->host[i].v6 = v6;
	}
	return read_own_addresses(out, form, client);
}
