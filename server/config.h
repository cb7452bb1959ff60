/* config.h: options of roostd: command line and roost.conf (inih), one table for both (man roost.conf.5). The command line wins. */
#ifndef ROOST_SERVER_CONFIG_H
#define ROOST_SERVER_CONFIG_H

#include "lib/addr.h"
#include "lib/log.h"

enum { CONFIG_LISTEN_MAX = 32, CONFIG_WORKERS_MAX = 64, CONFIG_IDENTITY_MAX = 128 /* octets */ };

struct config {
	char *database;
	struct addr listen[CONFIG_LISTEN_MAX];
	unsigned listen_count;
	unsigned workers;              /* default: one a CPU */
	enum log_level log_level;
	uint16_t udp_size;             /* EDNS size we offer and keep to, octets: 1232 (DNS flag day 2020) */
	unsigned tcp_connections;      /* at most, in all workers */
	unsigned tcp_idle_ms;          /* RFC 7766 §6.2.3 */
	unsigned tcp_write_ms;         /* a reader that takes nothing for so long is dropped */
	bool cookies;                  /* DNS cookies, RFC 7873 */
	bool cookies_require;          /* who sends a cookie, but no valid one of ours, gets BADCOOKIE by UDP */
	char *cookies_secret_file;     /* NULL: secrets of our own */
	char *identity_id;             /* NSID, id.server, hostname.bind; NULL: not told */
	char *identity_version;        /* version.bind, version.server; NULL: not told */
	bool notify;                   /* send NOTIFY */
	struct addr notify_source4, notify_source6; /* len 0 = by route */
	unsigned notify_retry_ms;      /* first retry; doubles */
	unsigned notify_tries;
};

enum config_result { CONFIG_RUN, CONFIG_EXIT_OK /* --help, --version printed */, CONFIG_EXIT_USAGE };
enum config_result config_load(struct config *c, int argc, char **argv, struct errmsg *msg);
void config_free(struct config *c);

#endif
