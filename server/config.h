/* config.h: options of roostd: command line and roost.conf (inih), one table for both (man roost.conf.5). The command
 * line wins. */
#ifndef ROOST_SERVER_CONFIG_H
#define ROOST_SERVER_CONFIG_H

#include "lib/addr.h"
#include "lib/log.h"

enum {
	CONFIG_LISTEN_MAX = 32,
	CONFIG_WORKERS_MAX = 64,
	CONFIG_IDENTITY_MAX = 128, /* octets */
	CONFIG_PREFIXES_MAX = 64,
	CONFIG_RATE_MAX = 1000000 /* answers a second */
};

struct config_prefixes {
	struct addr_prefix list[CONFIG_PREFIXES_MAX];
	unsigned count;
};

enum config_rate_limit {
	CONFIG_RATE_LIMIT_NO,
	CONFIG_RATE_LIMIT_PUBLIC, /* not for clients on loopback addresses: so never on a loopback listener, but behind a proxy that tells of others */
	CONFIG_RATE_LIMIT_YES
};

enum config_access_log { CONFIG_ACCESS_LOG_NO, CONFIG_ACCESS_LOG_TEXT, CONFIG_ACCESS_LOG_JSON };

struct config {
	char *database;
	struct addr listen[CONFIG_LISTEN_MAX];
	unsigned listen_count;
	unsigned workers; /* default: one a CPU */
	enum log_level log_level;
	uint16_t udp_size;        /* EDNS size we offer and keep to, octets: 1232 (DNS flag day 2020) */
	unsigned tcp_connections; /* at most, in all workers */
	unsigned tcp_idle_ms;     /* RFC 7766 §6.2.3 */
	unsigned tcp_per_address; /* at most, of one IPv4 address or IPv6 /64; 0 = no limit */
	unsigned tcp_read_ms;     /* a message that has begun must be whole within this */
	unsigned tcp_write_ms;    /* what waits for a reader must be taken within this */
	enum config_rate_limit rate_limit;
	unsigned rate_answers, rate_negative, rate_errors; /* a second, in all workers; 0 = no limit */
	unsigned rate_slip; /* each so many-th answer over the limit is truncated, not dropped; 0 = none */
	struct config_prefixes rate_exempt;
	struct config_prefixes proxy_trusted; /* who may send PROXY headers */
	bool cookies;                         /* DNS cookies, RFC 7873 */
	bool cookies_require;                 /* who sends a cookie, but no valid one of ours, gets BADCOOKIE by UDP */
	char *cookies_secret_file;            /* NULL: secrets of our own */
	char *identity_id;                    /* NSID, id.server, hostname.bind; NULL: not told */
	char *identity_version;               /* version.bind, version.server; NULL: not told */
	struct addr http[CONFIG_LISTEN_MAX];  /* plain HTTP */
	unsigned http_count;
	struct addr https[CONFIG_LISTEN_MAX];
	unsigned https_count;
	char *http_certificate, *http_key;   /* PEM files; key NULL: it is in the certificate's file */
	struct config_prefixes http_plain;   /* who may use plain HTTP, beside this machine itself */
	struct config_prefixes http_metrics; /* who may read /metrics, beside this machine itself */
	enum config_access_log http_access_log;
	unsigned http_connections;                  /* at most */
	unsigned http_per_address;                  /* at most, of one IPv4 address or IPv6 /64; 0 = no limit */
	unsigned http_request_ms;                   /* a request must be whole within this, an answer taken */
	unsigned http_idle_ms;                      /* without a request, a connection is closed */
	bool notify;                                /* send NOTIFY */
	struct addr notify_source4, notify_source6; /* len 0 = by route */
	unsigned notify_retry_ms;                   /* first retry; doubles */
	unsigned notify_tries;
	unsigned secondary_records;     /* of a transfer, and of the zone, at most */
	uint64_t secondary_octets;      /* the same */
	unsigned secondary_timeout_ms;  /* a primary that is silent for so long failed */
	unsigned secondary_transfer_ms; /* a transfer must be whole within this */
};

enum config_result { CONFIG_RUN, CONFIG_EXIT_OK /* --help, --version printed */, CONFIG_EXIT_USAGE };
enum config_result config_load(struct config *c, int argc, char **argv, struct errmsg *msg);
void config_free(struct config *c);

#endif
