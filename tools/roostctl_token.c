/* roostctl_token.c: the token commands: what HTTP clients show instead of a TSIG key, and how each is told.
 *
 * In the texts, %N is the host's name, %T the token, %S the server as host[:port], %U its URL, %P http or https, and
 * whether it is https as %Y yes or no, %B true or false, %D 1 or 0. */
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "lib/clock.h"
#include "tools/roostctl.h"
#include "zones/admin/admin.h"

static const char recipes[] =
	"# curl, from cron or a hook; without myip= the address that the request comes from is taken\n"
	"curl -fsS -u '%N:%T' '%U/nic/update?hostname=%N'\n"
	"\n"
	"# ddclient: in ddclient.conf (version 3.10 and later)\n"
	"use=web, web=%U/ip\n"
	"ssl=%Y\n"
	"protocol=dyndns2\n"
	"server=%S\n"
	"login=%N\n"
	"password='%T'\n"
	"%N\n"
	"\n"
	"# inadyn: in inadyn.conf\n"
	"custom home {\n"
	"    ssl = %B\n"
	"    ddns-server = \"%S\"\n"
	"    ddns-path = \"/nic/update?hostname=%%h&myip=%%i\"\n"
	"    checkip-ssl = %B\n"
	"    checkip-server = \"%S\"\n"
	"    checkip-path = \"/ip\"\n"
	"    username = \"%N\"\n"
	"    password = \"%T\"\n"
	"    hostname = \"%N\"\n"
	"}\n"
	"\n"
	"# FRITZ!Box: Internet > Permit Access > DynDNS, provider \"User-defined\"\n"
	"Update URL:  %U/nic/update?hostname=<domain>&myip=<ipaddr>&myipv6=<ip6addr>\n"
	"Domain name: %N\n"
	"User name:   %N\n"
	"Password:    %T\n"
	"\n"
	"# OpenWrt (ddns-scripts): in /etc/config/ddns\n"
	"config service 'home'\n"
	"\toption enabled '1'\n"
	"\toption lookup_host '%N'\n"
	"\toption domain '%N'\n"
	"\toption username '%N'\n"
	"\toption password '%T'\n"
	"\toption use_https '%D'\n"
	"\toption cacert '/etc/ssl/certs'\n"
	"\toption update_url '%P://[USERNAME]:[PASSWORD]@%S/nic/update?hostname=[DOMAIN]&myip=[IP]'\n"
	"\n"
	"# Synology: Control Panel > External Access > DDNS > Customize provider\n"
	"Query URL: %U/nic/update?hostname=__HOSTNAME__&myip=__MYIP__\n"
	"Hostname, user name: %N   Password: %T\n"
	"\n"
	"# UniFi: Internet > Dynamic DNS, service \"custom\"\n"
	"Server: %S/nic/update?hostname=%%h&myip=%%i\n"
	"Hostname, user name: %N   Password: %T\n"
	"\n"
	"# PowerShell\n"
	"$auth = [Convert]::ToBase64String([Text.Encoding]::ASCII.GetBytes('%N:%T'))\n"
	"Invoke-RestMethod -Uri '%U/nic/update?hostname=%N' -Headers @{ Authorization = \"Basic $auth\" }\n";

struct words {
	const char *name, *token, *url; /* url begins with http:// or https:// */
};

static void print_recipes(const struct words *w)
{
	for (const char *c = recipes; *c; c++) {
		if (*c != '%') {
			putchar(*c);
			continue;
		}
		const char *server = strstr(w->url, "://") + 3;
		bool secure = strncmp(w->url, "https", 5) == 0;
		switch (*++c) {
		case 'N':
			fputs(w->name, stdout);
			break;
		case 'T':
			fputs(w->token, stdout);
			break;
		case 'S':
			fputs(server, stdout);
			break;
		case 'U':
			fputs(w->url, stdout);
			break;
		case 'P':
			fputs(secure ? "https" : "http", stdout);
			break;
		case 'Y':
			fputs(secure ? "yes" : "no", stdout);
			break;
		case 'B':
			fputs(secure ? "true" : "false", stdout);
			break;
		case 'D':
			putchar(secure ? '1' : '0');
			break;
		default:
			putchar(*c);
		}
	}
}

/* The first line of standard input, without an echo when a person types it. */
static bool read_password(struct roostctl *ctl, char *out, size_t size)
{
	if (isatty(STDIN_FILENO)) {
		const char *typed = getpass("Password: ");
		if (typed)
			snprintf(out, size, "%s", typed);
		return typed != NULL;
	}
	if (!fgets(out, (int)size, stdin)) {
		roostctl_fail(ctl, "token add: no password came on standard input");
		return false;
	}
	out[strcspn(out, "\r\n")] = '\0';
	return true;
}

/* Grants for the host that the token is named after (or --name), and how its clients are told. */
static int add_host(struct roostctl *ctl, const char *token, const char *url)
{
	char name[NAME_TEXT_MAX];
	struct name owner, zone;
	json_t *request = json_pack("{s:s, s:s, s:s, s:s, s:s*, s:s*}", "cmd", "grant preset", "zone",
				    ctl->option[OPTION_ZONE], "preset", "host", "key", ctl->argv[0], "name",
				    ctl->option[OPTION_NAME], "from", ctl->option[OPTION_FROM]);
	int status = roostctl_ask(ctl, request, -1, false, NULL);
	if (status)
		return status;
	if (!roostctl_parse_name(ctl, "zone", ctl->option[OPTION_ZONE], &zone) ||
	    (ctl->option[OPTION_NAME]
		     ? admin_owner_from_text(&owner, ctl->option[OPTION_NAME], zone.wire, &ctl->msg) != ERR_OK
		     : !roostctl_parse_name(ctl, "token", ctl->argv[0], &owner)))
		return ROOSTCTL_FAILED;
	struct words w = {.name = admin_name_to_text(owner.wire, name), .token = token, .url = url};
	printf("\n");
	print_recipes(&w);
	return ROOSTCTL_DONE;
}

/* The URL that clients shall ask: given, or by HTTPS at the zone's name server, whose name is in the SOA. */
static bool choose_url(struct roostctl *ctl, char *out, size_t size)
{
	const char *given = ctl->option[OPTION_URL];
	if (given && strncmp(given, "http://", 7) != 0 && strncmp(given, "https://", 8) != 0) {
		roostctl_usage(ctl, "token add: %s is not a URL; write https://HOST", given);
		return false;
	}
	snprintf(out, size, "%s", given ? given : "https://SERVER");
	size_t len = strlen(out);
	if (len && out[len - 1] == '/')
		out[len - 1] = '\0';
	return true;
}

int roostctl_token_add(struct roostctl *ctl)
{
	char password[SECRET_PASSWORD_MAX + 3] = "", url[512];
	bool by_password = ctl->option[OPTION_PASSWORD] != NULL;
	json_t *answer;
	if (!ctl->option[OPTION_ZONE] &&
	    (ctl->option[OPTION_URL] || ctl->option[OPTION_NAME] || ctl->option[OPTION_FROM]))
		return roostctl_usage(ctl, "token add: --url, --name and --from go with --zone");
	if (!choose_url(ctl, url, sizeof(url)))
		return ROOSTCTL_USAGE;
	if (by_password && !read_password(ctl, password, sizeof(password)))
		return ROOSTCTL_FAILED;
	json_t *request = json_pack("{s:s, s:s, s:s*, s:s*, s:s*}", "cmd", "token add", "name", ctl->argv[0],
				    "identity", ctl->option[OPTION_IDENTITY], "expires", ctl->option[OPTION_EXPIRES],
				    "password", by_password ? password : NULL);
	explicit_bzero(password, sizeof(password));
	int status = roostctl_ask(ctl, request, -1, false, &answer);
	if (status)
		return status;
	const char *token = json_string_value(json_object_get(answer, "token"));
	if (token)
		printf("%s\n", token);
	if (ctl->option[OPTION_ZONE])
		status = add_host(ctl, token ? token : "PASSWORD", url);
	json_decref(answer);
	return status;
}

int roostctl_token_rotate(struct roostctl *ctl)
{
	json_t *answer;
	json_t *request = json_pack("{s:s, s:s, s:b, s:s*, s:s*}", "cmd", "key rotate", "name", ctl->argv[0], "token",
				    1, "new", ctl->option[OPTION_NEW], "expires", ctl->option[OPTION_EXPIRES]);
	int status = roostctl_ask(ctl, request, -1, false, &answer);
	if (status)
		return status;
	fprintf(stderr, "token %s has the grants of %s; the others that have them end %s\n",
		json_string_value(json_object_get(answer, "key")),
		json_string_value(json_object_get(answer, "identity")),
		json_string_value(json_object_get(answer, "expires")));
	printf("%s\n", json_string_value(json_object_get(answer, "token")));
	json_decref(answer);
	return ROOSTCTL_DONE;
}

int roostctl_token_revoke(struct roostctl *ctl)
{
	json_t *request =
		json_pack("{s:s, s:s, s:b, s:b}", "cmd", "key remove", "name", ctl->argv[0], "force", 1, "token", 1);
	return roostctl_ask(ctl, request, -1, false, NULL);
}

static enum err list_token(void *arg, const struct keystore_key *key)
{
	(void)arg;
	if (keystore_is_pass(key->kind))
		roostctl_list_key(key);
	return ERR_OK;
}

int roostctl_token_list(struct roostctl *ctl)
{
	struct zonestore *s = roostctl_open(ctl);
	if (!s)
		return ROOSTCTL_FAILED;
	enum err err = keystore_each_key(zonestore_sql(s), list_token, NULL, &ctl->msg);
	roostctl_close(s);
	return err ? ROOSTCTL_FAILED : ROOSTCTL_DONE;
}
