/* roostctl_preset.c: grant preset: makes grants, and prints what to write into the client's configuration.
 *
 * In the texts, %Z is the zone, %N the name that the grants are for, %K the key's name, %A its algorithm in lower case,
 * %U in upper case, %S its secret. ADDRESS, which we cannot know, is for the reader to put in. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>

#include "lib/text.h"
#include "tools/roostctl.h"
#include "zones/admin/admin.h"

static const struct client {
	const char *preset;
	const char *text;
} clients[] = {
	{"host", "# for nsupdate -k FILE, where FILE has what roostctl key show %K prints\n"
		 "server ADDRESS\n"
		 "zone %Z\n"
		 "update delete %N A\n"
		 "update add %N 60 A 192.0.2.1\n"
		 "send\n"},
	{"acme", "# certbot: a file for --dns-rfc2136-credentials; ADDRESS cannot be a name\n"
		 "dns_rfc2136_server = ADDRESS\n"
		 "dns_rfc2136_port = 53\n"
		 "dns_rfc2136_name = %K.\n"
		 "dns_rfc2136_secret = %S\n"
		 "dns_rfc2136_algorithm = %U\n"
		 "\n"
		 "# lego --dns rfc2136: its environment\n"
		 "RFC2136_NAMESERVER=ADDRESS:53\n"
		 "RFC2136_TSIG_KEY=%K.\n"
		 "RFC2136_TSIG_ALGORITHM=%A.\n"
		 "RFC2136_TSIG_SECRET=%S\n"},
	{"dhcp", "# Kea: in DhcpDdns of kea-dhcp-ddns.conf; for a reverse zone write reverse-ddns\n"
		 "\"tsig-keys\": [ { \"name\": \"%K.\", \"algorithm\": \"%U\", \"secret\": \"%S\" } ],\n"
		 "\"forward-ddns\": { \"ddns-domains\": [ { \"name\": \"%N.\", \"key-name\": \"%K.\",\n"
		 "  \"dns-servers\": [ { \"ip-address\": \"ADDRESS\", \"port\": 53 } ] } ] },\n"
		 "\n"
		 "# ISC dhcpd: in dhcpd.conf\n"
		 "ddns-update-style standard;\n"
		 "key \"%K\" { algorithm %A; secret %S; };\n"
		 "zone %Z. { primary ADDRESS; key \"%K\"; }\n"},
	{"secondary", "# here, so that the secondary hears of changes: roostctl peer add %Z SECONDARY@53 --key %K\n"
		      "\n"
		      "# BIND: in named.conf\n"
		      "key \"%K\" { algorithm %A; secret \"%S\"; };\n"
		      "zone \"%Z\" { type secondary; primaries { ADDRESS port 53 key \"%K\"; };\n"
		      "  allow-notify { key \"%K\"; }; file \"%Z.db\"; };\n"
		      "\n"
		      "# Knot: in knot.conf\n"
		      "key:\n"
		      "  - id: %K\n"
		      "    algorithm: %A\n"
		      "    secret: %S\n"
		      "remote:\n"
		      "  - id: primary\n"
		      "    address: ADDRESS@53\n"
		      "    key: %K\n"
		      "acl:\n"
		      "  - id: notify\n"
		      "    key: %K\n"
		      "    action: notify\n"
		      "zone:\n"
		      "  - domain: %Z\n"
		      "    master: primary\n"
		      "    acl: notify\n"
		      "\n"
		      "# NSD: in nsd.conf\n"
		      "key:\n"
		      "  name: \"%K\"\n"
		      "  algorithm: %A\n"
		      "  secret: \"%S\"\n"
		      "zone:\n"
		      "  name: \"%Z\"\n"
		      "  allow-notify: ADDRESS %K\n"
		      "  request-xfr: ADDRESS@53 %K\n"},
	{"admin", "nsupdate -y %A:%K:%S\n"
		  "dig @ADDRESS -y %A:%K:%S %Z AXFR\n"},
};

static const char *text_of(const char *preset)
{
	for (size_t i = 0; i < sizeof(clients) / sizeof(clients[0]); i++)
		if (strcmp(clients[i].preset, preset) == 0)
			return clients[i].text;
	return "";
}

/* What the letters after % stand for. */
struct words {
	char zone[NAME_TEXT_MAX], name[NAME_TEXT_MAX], key[NAME_TEXT_MAX];
	const char *algorithm;
	char *secret;
};

static void put_upper(const char *text)
{
	for (; *text; text++)
		putchar(toupper((unsigned char)*text));
}

static void put_word(const struct words *w, char letter)
{
	switch (letter) {
	case 'Z':
		fputs(w->zone, stdout);
		break;
	case 'N':
		fputs(w->name, stdout);
		break;
	case 'K':
		fputs(w->key, stdout);
		break;
	case 'A':
		fputs(w->algorithm, stdout);
		break;
	case 'U':
		put_upper(w->algorithm);
		break;
	default:
		fputs(w->secret, stdout);
	}
}

static void put_text(const struct words *w, const char *text)
{
	for (; *text; text++)
		if (*text == '%')
			put_word(w, *++text);
		else
			putchar(*text);
}

/* ---- the grants ---- */

struct wanted {
	const json_t *ids;
};

static enum err list_wanted(void *arg, const struct access_grant *g)
{
	const struct wanted *w = arg;
	for (size_t i = 0; i < json_array_size(w->ids); i++)
		if (json_integer_value(json_array_get(w->ids, i)) == g->id)
			return roostctl_list_grant(NULL, g);
	return ERR_OK;
}

/* The name: the one given, else the key's for a host, else the zone. */
static bool choose_name(struct roostctl *ctl, struct words *w, const struct zonestore_zone *z,
			const struct keystore_key *key)
{
	struct name owner = z->name;
	const char *preset = ctl->argv[1], *given = ctl->option[OPTION_NAME];
	if (!given && (strcmp(preset, "host") == 0 || strcmp(preset, "acme") == 0))
		owner = key->identity;
	else if (given && admin_owner_from_text(&owner, given, z->name.wire, &ctl->msg))
		return false;
	admin_name_to_text(owner.wire, w->name);
	return true;
}

static int print_client(struct roostctl *ctl, struct zonestore *s, const struct zonestore_zone *z)
{
	struct words w = {.secret = NULL};
	struct keystore_key key;
	struct name name;
	if (!roostctl_parse_name(ctl, "key", ctl->option[OPTION_KEY], &name))
		return ROOSTCTL_FAILED;
	enum err err = keystore_find_key(zonestore_sql(s), name.wire, &key, &ctl->msg);
	if (err == ERR_NOTFOUND) /* it is an identity whose first key is gone: its clients have another */
		return ROOSTCTL_DONE;
	if (!err && key.kind != KEYSTORE_TSIG) /* others have no secret here that could be printed */
		return ROOSTCTL_DONE;
	if (err || !choose_name(ctl, &w, z, &key))
		return ROOSTCTL_FAILED;
	w.algorithm = tsig_algorithm_to_text(key.algorithm);
	admin_name_to_text(z->name.wire, w.zone);
	admin_name_to_text(key.name.wire, w.key);
	if (text_base64_to_text(key.secret, key.secret_len, &w.secret))
		return roostctl_fail(ctl, "no memory");
	printf("\n");
	put_text(&w, text_of(ctl->argv[1]));
	free(w.secret);
	return ROOSTCTL_DONE;
}

static int print_all(struct roostctl *ctl, struct zonestore *s, const json_t *ids)
{
	struct wanted w = {.ids = ids};
	struct zonestore_zone z;
	if (!roostctl_find_zone(ctl, s, ctl->argv[0], &z) ||
	    keystore_each_grant(zonestore_sql(s), z.name.wire, list_wanted, &w, &ctl->msg))
		return ROOSTCTL_FAILED;
	return print_client(ctl, s, &z);
}

int roostctl_grant_preset(struct roostctl *ctl)
{
	json_t *answer;
	if (!ctl->option[OPTION_KEY])
		return roostctl_usage(ctl, "grant preset: say who may: --key NAME");
	json_t *request = json_pack("{s:s, s:s, s:s, s:s, s:s*, s:s*}", "cmd", "grant preset", "zone", ctl->argv[0],
				    "preset", ctl->argv[1], "key", ctl->option[OPTION_KEY], "name",
				    ctl->option[OPTION_NAME], "from", ctl->option[OPTION_FROM]);
	int status = roostctl_ask(ctl, request, -1, false, &answer);
	if (status)
		return status;
	struct zonestore *s = roostctl_open(ctl);
	status = s ? print_all(ctl, s, json_object_get(answer, "ids")) : ROOSTCTL_FAILED;
	if (s)
		roostctl_close(s);
	json_decref(answer);
	return status;
}
