/* config.c: see config.h. One table has every option: its place in roost.conf, its flag, its help and the function
 * that reads its value. The flag of an option outside [server] is its section and name joined by a dash: [udp] size
 * is --udp-size. */
#include "server/config.h"

#include <assert.h>
#include <errno.h>
#include <ini.h>
#include <limits.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

#ifndef ROOST_VERSION
#define ROOST_VERSION "unknown"
#endif

enum {
	DNS_PORT = 53,
	UDP_SIZE_MIN = 512,      /* octets; RFC 6891 §6.2.3: values below are taken as 512 */
	UDP_SIZE_MAX = 4096,     /* RFC 6891 §6.2.5: more than this is fragments only */
	UDP_SIZE_DEFAULT = 1232, /* 1280, the least IPv6 MTU, less 48 of headers: DNS flag day 2020 */
	TCP_CONNECTIONS_MAX = 1000000,
	TCP_CONNECTIONS_DEFAULT = 1000,
	TCP_IDLE_MS_DEFAULT = 10000,   /* RFC 7766 §6.2.3: "of the order of a few seconds" */
	TCP_PER_ADDRESS_DEFAULT = 100, /* secondaries and resolvers hold a few; so ten hosts are needed to take all */
	TCP_READ_MS_DEFAULT = 5000,
	TCP_WRITE_MS_DEFAULT = 30000,
	RATE_ANSWERS_DEFAULT = 200,  /* a second, to a network, from one name: resolvers cache, so they need a few */
	RATE_NEGATIVE_DEFAULT = 100, /* RFC 8020 and 8198 make these even rarer */
	RATE_ERRORS_DEFAULT = 50,
	RATE_SLIP_DEFAULT = 2, /* who loses an answer gets through within two tries or so */
	RATE_SLIP_MAX = 100,
	HTTP_PORT = 80,
	HTTPS_PORT = 443,
	HTTP_CONNECTIONS_DEFAULT = 1000,
	HTTP_PER_ADDRESS_DEFAULT = 50, /* a whole company behind one address still gets through */
	HTTP_REQUEST_MS_DEFAULT = 10000,
	HTTP_IDLE_MS_DEFAULT =
		60000, /* DDNS clients come back after minutes; only those with many hosts keep a connection in use */
	NOTIFY_RETRY_MS_DEFAULT = 1000, /* RFC 1996 §3.6 says 60 s: a home that moved cannot wait so long */
	NOTIFY_TRIES_DEFAULT = 6,
	NOTIFY_TRIES_MAX = 100,
	SECONDARY_RECORDS_DEFAULT = 5000000, /* twice the largest zones that we know of in homes and firms */
	SECONDARY_MEGABYTES_DEFAULT = 512,
	SECONDARY_MEGABYTES_MAX = 1048576,
	MEGABYTE_SHIFT = 20,
	SECONDARY_TIMEOUT_MS_DEFAULT = 10000,
	SECONDARY_TRANSFER_MS_DEFAULT = 3600000,
	DURATION_MS_MAX = 86400000, /* a day */
	NAME_WIDTH = 26             /* columns of the flags in --help */
};

typedef enum err set_fn(struct config *c, const char *value, struct errmsg *msg);

struct option_row {
	const char *section, *key; /* in roost.conf; NULL: command line only */
	const char *letter;        /* "d" for -d, or NULL */
	const char *flag;          /* "database" for --database */
	const char *arg;           /* what its value is; NULL: it takes none */
	set_fn *set;               /* NULL: config_load acts on it itself */
	const char *help;
};

/* ---- values ---- */

static enum err read_number(const char *text, unsigned min, unsigned max, unsigned *out, struct errmsg *msg)
{
	char *end;
	errno = 0;
	unsigned long n = strtoul(text, &end, 10);
	if (text[0] < '0' || text[0] > '9' || *end || errno || n < min || n > max)
		return errmsg_set(msg, ERR_USAGE, "\"%s\" is not a number from %u to %u", text, min, max);
	*out = (unsigned)n;
	return ERR_OK;
}

/* "10", "10s", "500ms", "2m" to milliseconds. */
static enum err read_duration(const char *text, unsigned *ms, struct errmsg *msg)
{
	char *end;
	errno = 0;
	unsigned long n = strtoul(text, &end, 10);
	unsigned long unit = 0;
	if (*end == '\0' || strcmp(end, "s") == 0)
		unit = 1000;
	else if (strcmp(end, "ms") == 0)
		unit = 1;
	else if (strcmp(end, "m") == 0)
		unit = 60000;
	if (text[0] < '0' || text[0] > '9' || errno || !unit || n == 0 || n > DURATION_MS_MAX / unit)
		return errmsg_set(msg, ERR_USAGE,
				  "\"%s\" is not a time; write seconds (10) or a number with ms, s or m, a day at most",
				  text);
	*ms = (unsigned)(n * unit);
	return ERR_OK;
}

static enum err read_bool(const char *text, bool *out, struct errmsg *msg)
{
	bool yes = strcasecmp(text, "yes") == 0 || strcasecmp(text, "on") == 0 || strcasecmp(text, "true") == 0;
	bool no = strcasecmp(text, "no") == 0 || strcasecmp(text, "off") == 0 || strcasecmp(text, "false") == 0;
	if (!yes && !no)
		return errmsg_set(msg, ERR_USAGE, "\"%s\" is neither yes nor no", text);
	*out = yes;
	return ERR_OK;
}

/* One or more, parted by spaces or commas; more are added. */
static enum err read_prefixes(const char *text, struct config_prefixes *out, struct errmsg *msg)
{
	char *copy = strdup(text);
	if (!copy)
		return errmsg_set(msg, ERR_NOMEM, "out of memory");
	enum err e = ERR_OK;
	char *save = NULL;
	for (char *word = strtok_r(copy, " \t,", &save); word && !e; word = strtok_r(NULL, " \t,", &save)) {
		if (out->count == CONFIG_PREFIXES_MAX)
			e = errmsg_set(msg, ERR_USAGE, "more than %d prefixes; join neighbours into shorter ones",
				       CONFIG_PREFIXES_MAX);
		else
			e = addr_prefix_parse(&out->list[out->count], word, msg);
		if (!e)
			out->count++;
	}
	free(copy);
	return e;
}

static enum err read_text(const char *text, char **out, struct errmsg *msg)
{
	char *copy = strdup(text);
	if (!copy)
		return errmsg_set(msg, ERR_NOMEM, "out of memory");
	free(*out);
	*out = copy;
	return ERR_OK;
}

static enum err read_path(const char *text, char **out, struct errmsg *msg)
{
	return text[0] ? read_text(text, out, msg) : errmsg_set(msg, ERR_USAGE, "the path is empty");
}

static enum err set_database(struct config *c, const char *value, struct errmsg *msg)
{
	return read_path(value, &c->database, msg);
}

static enum err add_address(const char *text, uint16_t port, struct addr list[CONFIG_LISTEN_MAX], unsigned *count,
			    struct errmsg *msg)
{
	struct addr a;
	enum err e = addr_parse(&a, text, port, msg);
	if (e)
		return e;
	if (addr_port(&a) == 0)
		return errmsg_set(msg, ERR_USAGE, "%s: port 0 cannot be asked; write ADDR@PORT", text);
	for (unsigned i = 0; i < *count; i++)
		if (addr_equal(&list[i], &a))
			return errmsg_set(msg, ERR_USAGE, "%s is there twice", text);
	if (*count == CONFIG_LISTEN_MAX)
		return errmsg_set(msg, ERR_USAGE, "more than %d addresses; 0.0.0.0 and :: stand for all",
				  CONFIG_LISTEN_MAX);
	list[(*count)++] = a;
	return ERR_OK;
}

/* One or more, parted by spaces or commas; more are added. */
static enum err read_addresses(const char *text, uint16_t port, struct addr list[CONFIG_LISTEN_MAX], unsigned *count,
			       struct errmsg *msg)
{
	char *copy = strdup(text);
	if (!copy)
		return errmsg_set(msg, ERR_NOMEM, "out of memory");
	enum err e = ERR_OK;
	bool any = false;
	char *save = NULL;
	for (char *word = strtok_r(copy, " \t,", &save); word && !e; word = strtok_r(NULL, " \t,", &save)) {
		e = add_address(word, port, list, count, msg);
		any = true;
	}
	free(copy);
	return any ? e : errmsg_set(msg, ERR_USAGE, "no address is given; write ADDR@PORT");
}

static enum err set_listen(struct config *c, const char *value, struct errmsg *msg)
{
	return read_addresses(value, DNS_PORT, c->listen, &c->listen_count, msg);
}

static enum err set_workers(struct config *c, const char *value, struct errmsg *msg)
{
	return read_number(value, 1, CONFIG_WORKERS_MAX, &c->workers, msg);
}

static enum err set_log_level(struct config *c, const char *value, struct errmsg *msg)
{
	int level = log_level_from_text(value);
	if (level < 0)
		return errmsg_set(msg, ERR_USAGE, "\"%s\" is none of error, warning, info, debug", value);
	c->log_level = (enum log_level)level;
	return ERR_OK;
}

static enum err set_udp_size(struct config *c, const char *value, struct errmsg *msg)
{
	unsigned n;
	enum err e = read_number(value, UDP_SIZE_MIN, UDP_SIZE_MAX, &n, msg);
	if (!e)
		c->udp_size = (uint16_t)n;
	return e;
}

static enum err set_tcp_connections(struct config *c, const char *value, struct errmsg *msg)
{
	return read_number(value, 1, TCP_CONNECTIONS_MAX, &c->tcp_connections, msg);
}

static enum err set_tcp_idle(struct config *c, const char *value, struct errmsg *msg)
{
	return read_duration(value, &c->tcp_idle_ms, msg);
}

static enum err set_tcp_per_address(struct config *c, const char *value, struct errmsg *msg)
{
	return read_number(value, 0, TCP_CONNECTIONS_MAX, &c->tcp_per_address, msg);
}

static enum err set_tcp_read(struct config *c, const char *value, struct errmsg *msg)
{
	return read_duration(value, &c->tcp_read_ms, msg);
}

static enum err set_tcp_write(struct config *c, const char *value, struct errmsg *msg)
{
	return read_duration(value, &c->tcp_write_ms, msg);
}

static enum err set_cookies(struct config *c, const char *value, struct errmsg *msg)
{
	return read_bool(value, &c->cookies, msg);
}

static enum err set_cookies_require(struct config *c, const char *value, struct errmsg *msg)
{
	return read_bool(value, &c->cookies_require, msg);
}

static enum err set_cookies_secret_file(struct config *c, const char *value, struct errmsg *msg)
{
	return read_path(value, &c->cookies_secret_file, msg);
}

static enum err read_identity(const char *text, char **out, struct errmsg *msg)
{
	if (!text[0] || strlen(text) > CONFIG_IDENTITY_MAX)
		return errmsg_set(msg, ERR_USAGE,
				  "a text of 1 to %d octets is wanted; without the option nothing is told",
				  CONFIG_IDENTITY_MAX);
	return read_text(text, out, msg);
}

static enum err set_identity_id(struct config *c, const char *value, struct errmsg *msg)
{
	return read_identity(value, &c->identity_id, msg);
}

static enum err set_identity_version(struct config *c, const char *value, struct errmsg *msg)
{
	return read_identity(value, &c->identity_version, msg);
}

static enum err set_rate_limit(struct config *c, const char *value, struct errmsg *msg)
{
	bool yes;
	if (strcasecmp(value, "public") == 0) {
		c->rate_limit = CONFIG_RATE_LIMIT_PUBLIC;
		return ERR_OK;
	}
	if (read_bool(value, &yes, msg))
		return errmsg_set(msg, ERR_USAGE, "\"%s\" is none of public, yes, no", value);
	c->rate_limit = yes ? CONFIG_RATE_LIMIT_YES : CONFIG_RATE_LIMIT_NO;
	return ERR_OK;
}

static enum err set_rate_answers(struct config *c, const char *value, struct errmsg *msg)
{
	return read_number(value, 0, CONFIG_RATE_MAX, &c->rate_answers, msg);
}

static enum err set_rate_negative(struct config *c, const char *value, struct errmsg *msg)
{
	return read_number(value, 0, CONFIG_RATE_MAX, &c->rate_negative, msg);
}

static enum err set_rate_errors(struct config *c, const char *value, struct errmsg *msg)
{
	return read_number(value, 0, CONFIG_RATE_MAX, &c->rate_errors, msg);
}

static enum err set_rate_slip(struct config *c, const char *value, struct errmsg *msg)
{
	return read_number(value, 0, RATE_SLIP_MAX, &c->rate_slip, msg);
}

static enum err add_rate_exempt(struct config *c, const char *value, struct errmsg *msg)
{
	return read_prefixes(value, &c->rate_exempt, msg);
}

static enum err add_proxy_trusted(struct config *c, const char *value, struct errmsg *msg)
{
	return read_prefixes(value, &c->proxy_trusted, msg);
}

static enum err set_notify(struct config *c, const char *value, struct errmsg *msg)
{
	return read_bool(value, &c->notify, msg);
}

static enum err set_notify_source(struct config *c, const char *value, struct errmsg *msg)
{
	struct addr a;
	enum err e = addr_parse(&a, value, 0, msg);
	if (e)
		return e;
	*(a.u.sa.sa_family == AF_INET ? &c->notify_source4 : &c->notify_source6) = a;
	return ERR_OK;
}

static enum err set_notify_retry(struct config *c, const char *value, struct errmsg *msg)
{
	return read_duration(value, &c->notify_retry_ms, msg);
}

static enum err set_secondary_records(struct config *c, const char *value, struct errmsg *msg)
{
	return read_number(value, 1, UINT32_MAX, &c->secondary_records, msg);
}

static enum err set_secondary_megabytes(struct config *c, const char *value, struct errmsg *msg)
{
	unsigned megabytes = 0;
	enum err e = read_number(value, 1, SECONDARY_MEGABYTES_MAX, &megabytes, msg);
	if (!e)
		c->secondary_octets = (uint64_t)megabytes << MEGABYTE_SHIFT;
	return e;
}

static enum err set_secondary_timeout(struct config *c, const char *value, struct errmsg *msg)
{
	return read_duration(value, &c->secondary_timeout_ms, msg);
}

static enum err set_secondary_transfer(struct config *c, const char *value, struct errmsg *msg)
{
	return read_duration(value, &c->secondary_transfer_ms, msg);
}

static enum err set_notify_tries(struct config *c, const char *value, struct errmsg *msg)
{
	return read_number(value, 1, NOTIFY_TRIES_MAX, &c->notify_tries, msg);
}

static enum err set_http_listen(struct config *c, const char *value, struct errmsg *msg)
{
	return read_addresses(value, HTTP_PORT, c->http, &c->http_count, msg);
}

static enum err set_http_tls_listen(struct config *c, const char *value, struct errmsg *msg)
{
	return read_addresses(value, HTTPS_PORT, c->https, &c->https_count, msg);
}

static enum err set_http_certificate(struct config *c, const char *value, struct errmsg *msg)
{
	return read_path(value, &c->http_certificate, msg);
}

static enum err set_http_key(struct config *c, const char *value, struct errmsg *msg)
{
	return read_path(value, &c->http_key, msg);
}

static enum err add_http_plain(struct config *c, const char *value, struct errmsg *msg)
{
	return read_prefixes(value, &c->http_plain, msg);
}

static enum err add_http_metrics(struct config *c, const char *value, struct errmsg *msg)
{
	return read_prefixes(value, &c->http_metrics, msg);
}

static enum err set_http_access_log(struct config *c, const char *value, struct errmsg *msg)
{
	static const char *const words[] = {
		[CONFIG_ACCESS_LOG_NO] = "no", [CONFIG_ACCESS_LOG_TEXT] = "text", [CONFIG_ACCESS_LOG_JSON] = "json"};
	for (size_t i = 0; i < sizeof words / sizeof words[0]; i++)
		if (strcasecmp(value, words[i]) == 0) {
			c->http_access_log = (enum config_access_log)i;
			return ERR_OK;
		}
	return errmsg_set(msg, ERR_USAGE, "\"%s\" is none of no, text, json", value);
}

static enum err set_http_connections(struct config *c, const char *value, struct errmsg *msg)
{
	return read_number(value, 1, TCP_CONNECTIONS_MAX, &c->http_connections, msg);
}

static enum err set_http_per_address(struct config *c, const char *value, struct errmsg *msg)
{
	return read_number(value, 0, TCP_CONNECTIONS_MAX, &c->http_per_address, msg);
}

static enum err set_http_request(struct config *c, const char *value, struct errmsg *msg)
{
	return read_duration(value, &c->http_request_ms, msg);
}

static enum err set_http_idle(struct config *c, const char *value, struct errmsg *msg)
{
	return read_duration(value, &c->http_idle_ms, msg);
}

/* ---- the table ---- */

/* clang-format off */
static const struct option_row options[] = {
	{"server", "database", "d", "database", "DB", set_database, "the database; roostctl -d DB init makes one"},
	{"server", "listen", "l", "listen", "ADDR@PORT", set_listen, "answer there, by UDP and TCP; may be given again (port 53)"},
	{"server", "workers", "w", "workers", "N", set_workers, "threads that answer (one for each processor)"},
	{NULL, NULL, "c", "config", "FILE", NULL, "read options from FILE; the command line wins"},
	{"server", "log-level", NULL, "log-level", "LEVEL", set_log_level, "error, warning, info or debug (info)"},
	{"udp", "size", NULL, "udp-size", "OCTETS", set_udp_size, "longest answer by UDP, for clients with EDNS (1232)"},
	{"tcp", "connections", NULL, "tcp-connections", "N", set_tcp_connections, "open at a time, at most; the longest idle makes room (1000)"},
	{"tcp", "idle", NULL, "tcp-idle", "TIME", set_tcp_idle, "without a question, a connection is closed (10s)"},
	{"tcp", "per-address", NULL, "tcp-per-address", "N", set_tcp_per_address, "of one IPv4 address or IPv6 /64 at a time; 0: no limit (100)"},
	{"tcp", "read-timeout", NULL, "tcp-read-timeout", "TIME", set_tcp_read, "a message that has begun must be whole within this (5s)"},
	{"tcp", "write-timeout", NULL, "tcp-write-timeout", "TIME", set_tcp_write, "a client must take what waits for it within this (30s)"},
	{"rate-limit", "enabled", NULL, "rate-limit-enabled", "WHEN", set_rate_limit, "limit alike answers by UDP: public, yes or no (public)"},
	{"rate-limit", "answers", NULL, "rate-limit-answers", "N", set_rate_answers, "a second from one name to a /24 or /56; 0: no limit (200)"},
	{"rate-limit", "negative", NULL, "rate-limit-negative", "N", set_rate_negative, "the same for: no such name, no such record (100)"},
	{"rate-limit", "errors", NULL, "rate-limit-errors", "N", set_rate_errors, "the same for all errors together (50)"},
	{"rate-limit", "slip", NULL, "rate-limit-slip", "N", set_rate_slip, "each N-th over the limit goes truncated; 0: none (2)"},
	{"rate-limit", "exempt", NULL, "rate-limit-exempt", "PREFIX", add_rate_exempt, "clients that are not limited; may be given again"},
	{"proxy", "trusted", NULL, "proxy-trusted", "PREFIX", add_proxy_trusted, "take PROXYv2 headers from there; may be given again"},
	{"cookies", "enabled", NULL, "cookies-enabled", "yes|no", set_cookies, "DNS cookies: clients prove their addresses (yes)"},
	{"cookies", "secret-file", NULL, "cookies-secret-file", "FILE", set_cookies_secret_file, "secrets that several servers share (drawn at start)"},
	{"cookies", "require", NULL, "cookies-require", "yes|no", set_cookies_require, "BADCOOKIE until a client's cookie is valid (no)"},
	{"identity", "id", NULL, "identity-id", "TEXT", set_identity_id, "tell it to NSID, id.server and hostname.bind (nothing)"},
	{"identity", "version", NULL, "identity-version", "TEXT", set_identity_version, "tell it to version.bind and version.server (nothing)"},
	{"http", "listen", NULL, "http", "ADDR@PORT", set_http_listen, "DDNS over HTTP there; may be given again (port 80)"},
	{"http", "tls-listen", NULL, "https", "ADDR@PORT", set_http_tls_listen, "the same over HTTPS (port 443)"},
	{"http", "certificate", NULL, "http-certificate", "FILE", set_http_certificate, "PEM chain for HTTPS; read again when it changes"},
	{"http", "key", NULL, "http-key", "FILE", set_http_key, "PEM key that belongs to it (in the certificate's file)"},
	{"http", "plain-from", NULL, "http-plain-from", "PREFIX", add_http_plain, "who may use plain HTTP beside this machine; may be given again"},
	{"http", "metrics-from", NULL, "http-metrics-from", "PREFIX", add_http_metrics, "who may read /metrics beside this machine; may be given again"},
	{"http", "access-log", NULL, "http-access-log", "FORM", set_http_access_log, "a line in the log for each request: no, text or json (no)"},
	{"http", "connections", NULL, "http-connections", "N", set_http_connections, "open at a time, at most; the longest idle makes room (1000)"},
	{"http", "per-address", NULL, "http-per-address", "N", set_http_per_address, "of one IPv4 address or IPv6 /64 at a time; 0: no limit (50)"},
	{"http", "request-timeout", NULL, "http-request-timeout", "TIME", set_http_request, "a request must be whole within this, and its answer taken (10s)"},
	{"http", "idle", NULL, "http-idle", "TIME", set_http_idle, "without a request, a connection is closed (60s)"},
	{"notify", "enabled", NULL, "notify-enabled", "yes|no", set_notify, "tell secondaries of changes (yes)"},
	{"notify", "source", NULL, "notify-source", "ADDR", set_notify_source, "address to send NOTIFY from; one for each family (by route)"},
	{"notify", "retry", NULL, "notify-retry", "TIME", set_notify_retry, "before NOTIFY is sent again; doubles each time (1s)"},
	{"notify", "tries", NULL, "notify-tries", "N", set_notify_tries, "times NOTIFY is sent before giving up (6)"},
	{"secondary", "records", NULL, "secondary-records", "N", set_secondary_records, "records of a transfer, and of the zone, at most (5000000)"},
	{"secondary", "megabytes", NULL, "secondary-megabytes", "N", set_secondary_megabytes, "the same in MiB (512)"},
	{"secondary", "timeout", NULL, "secondary-timeout", "TIME", set_secondary_timeout, "a primary that is silent for so long has failed (10s)"},
	{"secondary", "transfer-time", NULL, "secondary-transfer-time", "TIME", set_secondary_transfer, "a transfer in must be whole within this (1h)"},
	{NULL, NULL, "h", "help", NULL, NULL, "print this"},
	{NULL, NULL, "V", "version", NULL, NULL, "print the version"},
};
/* clang-format on */
enum { OPTION_COUNT = sizeof options / sizeof options[0] };

static void print_help(void)
{
	printf("roostd: authoritative DNS server; keeps its zones in SQLite and takes DNS UPDATE\n\n"
	       "usage: roostd -d DB -l ADDR@PORT [-l ADDR@PORT ...] [-w N] [-c FILE] [option ...]\n\n");
	for (unsigned i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *o = &options[i];
		char flags[64];
		snprintf(flags, sizeof flags, "%s%s%s--%s %s", o->letter ? "-" : "  ", o->letter ? o->letter : "",
			 o->letter ? ", " : "  ", o->flag, o->arg ? o->arg : "");
		printf("  %-*s  %s\n", NAME_WIDTH + 4, flags, o->help);
	}
	printf("\nTimes: 10 or 10s, 500ms, 2m. In FILE: sections [server] [udp] [tcp] [rate-limit] [proxy] [cookies]\n"
	       "[identity] [http] [notify] [secondary]; --udp-size is size in [udp]. Runs in the foreground and logs "
	       "to standard "
	       "error;\n"
	       "SIGTERM stops it.\n"
	       "Exit status: 0 stopped, 1 could not start, 2 usage. Manuals: roostd(8), roost.conf(5), roostctl(8)\n");
}

/* ---- roost.conf ---- */

struct file_reading {
	struct config *config;
	bool listen_given; /* on the command line: then the file's are left out */
	FILE *file;
	int line;          /* being read */
	int failed;        /* line of the first fault, 0 = none */
	struct errmsg msg; /* of that fault */
};

static const struct option_row *find_key(const char *section, const char *key, bool *section_known)
{
	*section_known = false;
	for (unsigned i = 0; i < OPTION_COUNT; i++) {
		if (!options[i].section || strcmp(options[i].section, section) != 0)
			continue;
		*section_known = true;
		if (strcmp(options[i].key, key) == 0)
			return &options[i];
	}
	return NULL;
}

static enum err set_from_file(struct file_reading *f, const char *section, const char *key, const char *value)
{
	bool section_known;
	const struct option_row *o = find_key(section, key, &section_known);
	if (!section[0])
		return errmsg_set(&f->msg, ERR_USAGE, "\"%s\" stands before any section; put [server] above it", key);
	if (!section_known)
		return errmsg_set(&f->msg, ERR_USAGE,
				  "there is no section [%s]; there are [server], [udp], [tcp], [rate-limit], [proxy], "
				  "[cookies], [identity], [http], [notify] and [secondary]",
				  section);
	if (!o)
		return errmsg_set(&f->msg, ERR_USAGE,
				  "section [%s] has no option \"%s\"; see roost.conf(5) or roostd --help", section,
				  key);
	if (o->set == set_listen && f->listen_given)
		return ERR_OK;
	enum err e = o->set(f->config, value, &f->msg);
	if (e)
		errmsg_prefix(&f->msg, "[%s] %s", section, key);
	return e;
}

/* inih's reader, so that on_key knows the line. */
static char *read_line(char *text, int size, void *arg)
{
	struct file_reading *f = arg;
	f->line++;
	return fgets(text, size, f->file);
}

/* inih's handler: 0 is a fault. inih goes on after one; the first is what counts. */
static int on_key(void *arg, const char *section, const char *key, const char *value)
{
	struct file_reading *f = arg;
	if (f->failed)
		return 0;
	if (!set_from_file(f, section, key, value))
		return 1;
	f->failed = f->line;
	return 0;
}

static enum err load_file(struct config *c, const char *path, bool listen_given, struct errmsg *msg)
{
	FILE *file = fopen(path, "re");
	if (!file)
		return errmsg_set(msg, ERR_USAGE, "%s: %s; give an existing file with -c", path, strerror(errno));
	struct file_reading f = {.config = c, .listen_given = listen_given, .file = file};
	int line = ini_parse_stream(read_line, &f, on_key, &f);
	bool broken = ferror(file) != 0;
	fclose(file);
	if (broken || line < 0)
		return errmsg_set(msg, ERR_USAGE, "%s: cannot be read", path);
	if (line == 0)
		return ERR_OK;
	return errmsg_set(msg, ERR_USAGE, "%s:%d: %s", path, line,
			  f.failed == line ? f.msg.text : "neither [section] nor option = value; see roost.conf(5)");
}

/* ---- command line ---- */

static const struct option_row *find_flag(const char *word, const char **value)
{
	*value = NULL;
	for (unsigned i = 0; i < OPTION_COUNT; i++) {
		const struct option_row *o = &options[i];
		size_t n = strlen(o->flag);
		if (word[1] == '-' && strncmp(word + 2, o->flag, n) == 0 &&
		    (word[2 + n] == '\0' || word[2 + n] == '=')) {
			*value = word[2 + n] == '=' ? word + 3 + n : NULL;
			return o;
		}
		if (word[1] != '-' && o->letter && word[1] == o->letter[0]) {
			*value = word[2] ? word + 2 : NULL;
			return o;
		}
	}
	return NULL;
}

/* Calls fn for each option on the command line, in order. */
typedef enum err flag_fn(void *arg, const struct option_row *o, const char *value, struct errmsg *msg);
static enum err each_flag(int argc, char **argv, flag_fn *fn, void *arg, struct errmsg *msg)
{
	for (int i = 1; i < argc; i++) {
		const char *word = argv[i];
		if (word[0] != '-' || !word[1])
			return errmsg_set(msg, ERR_USAGE, "\"%s\" is not an option; see roostd --help", word);
		const char *value;
		const struct option_row *o = find_flag(word, &value);
		if (!o)
			return errmsg_set(msg, ERR_USAGE, "unknown option %s; see roostd --help", word);
		if (!o->arg && value)
			return errmsg_set(msg, ERR_USAGE, "--%s takes no value", o->flag);
		if (o->arg && !value && ++i < argc)
			value = argv[i];
		if (o->arg && !value)
			return errmsg_set(msg, ERR_USAGE, "--%s wants %s after it", o->flag, o->arg);
		enum err e = fn(arg, o, value, msg);
		if (e)
			return e;
	}
	return ERR_OK;
}

struct first_look {
	const char *file;
	bool help, version, listen;
};

static enum err look(void *arg, const struct option_row *o, const char *value, struct errmsg *msg)
{
	struct first_look *l = arg;
	(void)msg;
	l->help |= strcmp(o->flag, "help") == 0;
	l->version |= strcmp(o->flag, "version") == 0;
	l->listen |= o->set == set_listen;
	if (strcmp(o->flag, "config") == 0)
		l->file = value;
	return ERR_OK;
}

static enum err set_from_flag(void *arg, const struct option_row *o, const char *value, struct errmsg *msg)
{
	if (!o->set)
		return ERR_OK;
	enum err e = o->set(arg, value, msg);
	if (e)
		errmsg_prefix(msg, "--%s", o->flag);
	return e;
}

static void set_defaults(struct config *c)
{
	long cpus = sysconf(_SC_NPROCESSORS_ONLN);
	if (cpus < 1)
		cpus = 1;
	*c = (struct config){
		.workers = cpus < CONFIG_WORKERS_MAX ? (unsigned)cpus : CONFIG_WORKERS_MAX,
		.log_level = LOG_LEVEL_INFO,
		.udp_size = UDP_SIZE_DEFAULT,
		.tcp_connections = TCP_CONNECTIONS_DEFAULT,
		.tcp_idle_ms = TCP_IDLE_MS_DEFAULT,
		.tcp_per_address = TCP_PER_ADDRESS_DEFAULT,
		.tcp_read_ms = TCP_READ_MS_DEFAULT,
		.tcp_write_ms = TCP_WRITE_MS_DEFAULT,
		.cookies = true,
		.rate_limit = CONFIG_RATE_LIMIT_PUBLIC,
		.rate_answers = RATE_ANSWERS_DEFAULT,
		.rate_negative = RATE_NEGATIVE_DEFAULT,
		.rate_errors = RATE_ERRORS_DEFAULT,
		.rate_slip = RATE_SLIP_DEFAULT,
		.http_connections = HTTP_CONNECTIONS_DEFAULT,
		.http_per_address = HTTP_PER_ADDRESS_DEFAULT,
		.http_request_ms = HTTP_REQUEST_MS_DEFAULT,
		.http_idle_ms = HTTP_IDLE_MS_DEFAULT,
		.notify = true,
		.notify_retry_ms = NOTIFY_RETRY_MS_DEFAULT,
		.notify_tries = NOTIFY_TRIES_DEFAULT,
		.secondary_records = SECONDARY_RECORDS_DEFAULT,
		.secondary_octets = (uint64_t)SECONDARY_MEGABYTES_DEFAULT << MEGABYTE_SHIFT,
		.secondary_timeout_ms = SECONDARY_TIMEOUT_MS_DEFAULT,
		.secondary_transfer_ms = SECONDARY_TRANSFER_MS_DEFAULT,
	};
}

enum config_result config_load(struct config *c, int argc, char **argv, struct errmsg *msg)
{
	set_defaults(c);
	struct first_look l = {0};
	if (each_flag(argc, argv, look, &l, msg))
		return CONFIG_EXIT_USAGE;
	if (l.help) {
		print_help();
		return CONFIG_EXIT_OK;
	}
	if (l.version) {
		printf("roostd %s\n", ROOST_VERSION);
		return CONFIG_EXIT_OK;
	}
	if (l.file && load_file(c, l.file, l.listen, msg))
		return CONFIG_EXIT_USAGE;
	if (each_flag(argc, argv, set_from_flag, c, msg))
		return CONFIG_EXIT_USAGE;
	if (!c->database) {
		errmsg_set(msg, ERR_USAGE, "no database: give -d DB, or database = DB in [server] of roost.conf");
		return CONFIG_EXIT_USAGE;
	}
	if (!c->listen_count) {
		errmsg_set(msg, ERR_USAGE,
			   "no address: give -l ADDR@PORT, or listen = ADDR@PORT in [server] of roost.conf");
		return CONFIG_EXIT_USAGE;
	}
	if (c->https_count && !c->http_certificate) {
		errmsg_set(msg, ERR_USAGE,
			   "HTTPS has no certificate: give --http-certificate FILE, or certificate = FILE "
			   "in [http] of roost.conf");
		return CONFIG_EXIT_USAGE;
	}
	return CONFIG_RUN;
}

void config_free(struct config *c)
{
	free(c->database);
	free(c->cookies_secret_file);
	free(c->identity_id);
	free(c->identity_version);
	free(c->http_certificate);
	free(c->http_key);
	c->http_certificate = c->http_key = NULL;
	c->database = c->cookies_secret_file = c->identity_id = c->identity_version = NULL;
}
