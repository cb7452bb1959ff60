/* config: defaults, the file, the command line over it, and what each mistake says. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>

#include <cmocka.h>

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "server/config.h"

static char path[] = "/tmp/roost-config-test-XXXXXX";

static int set_up(void **state)
{
	(void)state;
	memcpy(path + sizeof path - 7, "XXXXXX", 6);
	int fd = mkstemp(path);
	return fd < 0 ? -1 : close(fd);
}

static int tear_down(void **state)
{
	(void)state;
	return unlink(path);
}

static void write_file(const char *text)
{
	FILE *f = fopen(path, "w");
	assert_non_null(f);
	assert_true(fputs(text, f) >= 0);
	assert_int_equal(fclose(f), 0);
}

/* Words parted by spaces; FILE stands for the file. */
static enum config_result load(struct config *c, const char *words, struct errmsg *msg)
{
	char line[512];
	char *argv[32] = {"roostd"};
	int argc = 1;
	snprintf(line, sizeof line, "%s", words);
	for (char *save, *w = strtok_r(line, " ", &save); w; w = strtok_r(NULL, " ", &save))
		argv[argc++] = strcmp(w, "FILE") == 0 ? path : w;
	memset(msg, 0, sizeof *msg);
	return config_load(c, argc, argv, msg);
}

static void assert_refused(const char *words, const char *part)
{
	struct config c;
	struct errmsg msg;
	assert_int_equal(load(&c, words, &msg), CONFIG_EXIT_USAGE);
	if (!strstr(msg.text, part))
		fail_msg("\"%s\" is not in \"%s\"", part, msg.text);
	config_free(&c);
}

static void assert_listens(const struct config *c, unsigned i, const char *expected)
{
	char text[ADDR_TEXT_MAX];
	assert_true(i < c->listen_count);
	assert_string_equal(addr_to_text(&c->listen[i], text), expected);
}

static void defaults(void **state)
{
	(void)state;
	struct config c;
	struct errmsg msg;
	assert_int_equal(load(&c, "-d x.db -l 127.0.0.1@5300 -l ::1", &msg), CONFIG_RUN);
	assert_string_equal(c.database, "x.db");
	assert_int_equal(c.listen_count, 2);
	assert_listens(&c, 0, "127.0.0.1@5300");
	assert_listens(&c, 1, "::1@53");
	assert_true(c.workers >= 1);
	assert_int_equal(c.udp_size, 1232);
	assert_int_equal(c.tcp_idle_ms, 10000);
	assert_int_equal(c.log_level, LOG_LEVEL_INFO);
	assert_true(c.notify);
	assert_true(c.cookies);
	assert_false(c.cookies_require);
	assert_null(c.cookies_secret_file);
	assert_null(c.identity_id);
	assert_null(c.identity_version);
	assert_int_equal(c.rate_limit, CONFIG_RATE_LIMIT_PUBLIC);
	assert_int_equal(c.rate_answers, 200);
	assert_int_equal(c.rate_slip, 2);
	assert_int_equal(c.rate_exempt.count, 0);
	assert_int_equal(c.proxy_trusted.count, 0);
	assert_int_equal(c.tcp_per_address, 100);
	assert_int_equal(c.tcp_read_ms, 5000);
	config_free(&c);
}

static void reads_a_file(void **state)
{
	(void)state;
	write_file("; the home\n[server]\ndatabase = /var/lib/roost/roost.db\nlisten = 192.0.2.1 "
		   "192.0.2.2@5300\nlisten = 2001:db8::1\n"
		   "workers = 3\nlog-level = debug\n\n[udp]\nsize = 1400\n[tcp]\nconnections = 5\nidle = "
		   "500ms\nwrite-timeout = 2m\n"
		   "[cookies]\nenabled = no\nrequire = yes\nsecret-file = /etc/roost/cookies\n"
		   "[identity]\nid = ns1 of home\nversion = Roost\n"
		   "[http]\nlisten = 127.0.0.1 ::1@81\ntls-listen = 192.0.2.1\ncertificate = c.pem\nkey = k.pem\n"
		   "plain-from = 192.0.2.0/24\nmetrics-from = 192.0.2.1 2001:db8::/32\naccess-log = json\nconnections "
		   "= 5\nper-address = "
		   "0\nrequest-timeout = 1\nidle = 2m\n"
		   "[notify]\nenabled = no\nsource = 192.0.2.1\nsource = 2001:db8::1\nretry = 2\ntries = 4\n");
	struct config c;
	struct errmsg msg;
	assert_int_equal(load(&c, "-c FILE", &msg), CONFIG_RUN);
	assert_string_equal(c.database, "/var/lib/roost/roost.db");
	assert_int_equal(c.listen_count, 3);
	assert_listens(&c, 1, "192.0.2.2@5300");
	assert_int_equal(c.workers, 3);
	assert_int_equal(c.log_level, LOG_LEVEL_DEBUG);
	assert_int_equal(c.udp_size, 1400);
	assert_int_equal(c.tcp_connections, 5);
	assert_int_equal(c.tcp_idle_ms, 500);
	assert_int_equal(c.tcp_write_ms, 120000);
	assert_false(c.cookies);
	assert_true(c.cookies_require);
	assert_string_equal(c.cookies_secret_file, "/etc/roost/cookies");
	assert_string_equal(c.identity_id, "ns1 of home");
	assert_string_equal(c.identity_version, "Roost");
	assert_int_equal(c.http_count, 2);
	assert_int_equal(addr_port(&c.http[0]), 80);
	assert_int_equal(addr_port(&c.http[1]), 81);
	assert_int_equal(c.https_count, 1);
	assert_int_equal(addr_port(&c.https[0]), 443);
	assert_string_equal(c.http_certificate, "c.pem");
	assert_string_equal(c.http_key, "k.pem");
	assert_int_equal(c.http_plain.count, 1);
	assert_int_equal(c.http_metrics.count, 2);
	assert_int_equal(c.http_access_log, CONFIG_ACCESS_LOG_JSON);
	assert_int_equal(c.http_connections, 5);
	assert_int_equal(c.http_per_address, 0);
	assert_int_equal(c.http_request_ms, 1000);
	assert_int_equal(c.http_idle_ms, 120000);
	assert_false(c.notify);
	assert_int_equal(c.notify_source4.len, sizeof(struct sockaddr_in));
	assert_int_equal(c.notify_source6.len, sizeof(struct sockaddr_in6));
	assert_int_equal(c.notify_retry_ms, 2000);
	assert_int_equal(c.notify_tries, 4);
	config_free(&c);
}

static void limits(void **state)
{
	(void)state;
	write_file("[tcp]\nper-address = 0\nread-timeout = 2s\n[rate-limit]\nenabled = yes\nanswers = 0\nnegative = 7\n"
		   "errors = 1000000\nslip = 0\nexempt = 192.0.2.0/24, 2001:db8::/32\nexempt = 198.51.100.7\n"
		   "[proxy]\ntrusted = 192.0.2.9 ::1\n");
	struct config c;
	struct errmsg msg;
	char text[ADDR_TEXT_MAX];
	assert_int_equal(load(&c, "-d x.db -l 127.0.0.1 -c FILE --rate-limit-slip 3 --proxy-trusted 10.0.0.0/8", &msg),
			 CONFIG_RUN);
	assert_int_equal(c.tcp_per_address, 0);
	assert_int_equal(c.tcp_read_ms, 2000);
	assert_int_equal(c.rate_limit, CONFIG_RATE_LIMIT_YES);
	assert_int_equal(c.rate_answers, 0);
	assert_int_equal(c.rate_negative, 7);
	assert_int_equal(c.rate_errors, 1000000);
	assert_int_equal(c.rate_slip, 3);
	assert_int_equal(c.rate_exempt.count, 3);
	assert_string_equal(addr_prefix_to_text(&c.rate_exempt.list[2], text), "198.51.100.7");
	assert_int_equal(c.proxy_trusted.count, 3);
	assert_string_equal(addr_prefix_to_text(&c.proxy_trusted.list[2], text), "10.0.0.0/8");
	config_free(&c);
	assert_int_equal(load(&c, "-d x.db -l 127.0.0.1 --rate-limit-enabled no", &msg), CONFIG_RUN);
	assert_int_equal(c.rate_limit, CONFIG_RATE_LIMIT_NO);
	config_free(&c);
}

static void command_line_wins(void **state)
{
	(void)state;
	write_file("[server]\ndatabase = a.db\nlisten = 192.0.2.1\nworkers = 3\n[udp]\nsize = 1400\n");
	struct config c;
	struct errmsg msg;
	assert_int_equal(load(&c, "-l 127.0.0.1@5300 -w4 --udp-size=512 --database b.db -c FILE", &msg), CONFIG_RUN);
	assert_string_equal(c.database, "b.db");
	assert_int_equal(c.listen_count, 1);
	assert_listens(&c, 0, "127.0.0.1@5300");
	assert_int_equal(c.workers, 4);
	assert_int_equal(c.udp_size, 512);
	config_free(&c);
}

static void command_line_mistakes(void **state)
{
	(void)state;
	assert_refused("", "-d DB");
	assert_refused("-d x.db", "-l ADDR@PORT");
	assert_refused("-d x.db -l 127.0.0.1 --identity-id=", "1 to 128 octets");
	assert_refused("-d x.db -l 127.0.0.1 --cookies-secret-file=", "the path is empty");
	assert_refused("-d x.db -l 127.0.0.1 --cookies-require=perhaps", "neither yes nor no");
	assert_refused("-d x.db -l 127.0.0.1 zone", "\"zone\" is not an option");
	assert_refused("-d x.db -l 127.0.0.1 -x", "unknown option -x");
	assert_refused("-d x.db -l 127.0.0.1 --no-such", "unknown option --no-such");
	assert_refused("-d x.db -l 127.0.0.1 --udp-sizes 600", "unknown option --udp-sizes");
	assert_refused("-d x.db -l", "--listen wants ADDR@PORT");
	assert_refused("-d x.db -l 127.0.0.1@0", "port 0");
	assert_refused("-d x.db -l 127.0.0.1 -l 127.0.0.1@53", "twice");
	assert_refused("-d x.db -l 127.0.0.1 -w 0", "--workers");
	assert_refused("-d x.db -l 127.0.0.1 -w 65", "from 1 to 64");
	assert_refused("-d x.db -l 127.0.0.1 -w -1", "from 1 to 64");
	assert_refused("-d x.db -l 127.0.0.1 --udp-size 511", "512");
	assert_refused("-d x.db -l 127.0.0.1 --tcp-idle 3h", "is not a time");
	assert_refused("-d x.db -l 127.0.0.1 --tcp-idle 0", "is not a time");
	assert_refused("-d x.db -l 127.0.0.1 --tcp-idle 99999999999999999999", "is not a time");
	assert_refused("-d x.db -l 127.0.0.1 --log-level loud", "loud");
	assert_refused("-d x.db -l 127.0.0.1 --rate-limit-enabled maybe", "none of public, yes, no");
	assert_refused("-d x.db -l 127.0.0.1 --rate-limit-answers 1000001", "from 0 to 1000000");
	assert_refused("-d x.db -l 127.0.0.1 --rate-limit-slip 101", "from 0 to 100");
	assert_refused("-d x.db -l 127.0.0.1 --rate-limit-exempt 192.0.2.1/24", "bits set");
	assert_refused("-d x.db -l 127.0.0.1 --proxy-trusted home.example", "is not a prefix");
	assert_refused("-d x.db -l 127.0.0.1 --https ::1", "no certificate");
	assert_refused("-d x.db -l 127.0.0.1 --http-access-log some", "none of no, text, json");
	assert_refused("-d x.db -l 127.0.0.1 --notify-enabled maybe", "neither yes nor no");
	assert_refused("-d x.db -l 127.0.0.1 --help=x", "takes no value");
	assert_refused("-d x.db -l 127.0.0.1 -c /nonexistent/roost.conf", "/nonexistent/roost.conf: No such file");
}

static void assert_file_refused(const char *text, const char *where, const char *part)
{
	char start[128];
	snprintf(start, sizeof start, "%s:%s: ", path, where);
	write_file(text);
	assert_refused("-c FILE", start);
	assert_refused("-c FILE", part);
}

static void file_mistakes(void **state)
{
	(void)state;
	assert_file_refused("[server]\ndatabase = x\nport = 53\n", "3", "section [server] has no option \"port\"");
	assert_file_refused("\n\n[web]\nlisten = ::\n", "4", "no section [web]");
	assert_file_refused("database = x\n", "1", "before any section");
	assert_file_refused("[server]\nworkers = many\n", "2", "[server] workers: \"many\" is not a number");
	assert_file_refused("[server]\nworkers\nworkers = many\n", "2", "neither [section] nor option");
	assert_file_refused("[server]\nworkers = many\nworkers\n", "2", "\"many\" is not a number");
	assert_file_refused("[server\n", "1", "neither [section] nor option");
	assert_file_refused("[server]\nlisten = nowhere\n", "2", "nowhere");
	assert_file_refused("[server]\ndatabase =\n", "2", "empty");
	assert_file_refused("[server]\nlisten = 192.0.2.1 192.0.2.1@53\n", "2", "twice");
}

static void help_and_version(void **state)
{
	(void)state;
	struct config c;
	struct errmsg msg;
	assert_int_equal(load(&c, "--help", &msg), CONFIG_EXIT_OK);
	assert_int_equal(load(&c, "-V", &msg), CONFIG_EXIT_OK);
	assert_int_equal(load(&c, "--help --wrong", &msg), CONFIG_EXIT_USAGE);
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(defaults),
		cmocka_unit_test_setup_teardown(reads_a_file, set_up, tear_down),
		cmocka_unit_test_setup_teardown(limits, set_up, tear_down),
		cmocka_unit_test_setup_teardown(command_line_wins, set_up, tear_down),
		cmocka_unit_test(command_line_mistakes),
		cmocka_unit_test_setup_teardown(file_mistakes, set_up, tear_down),
		cmocka_unit_test(help_and_version),
	};
	return cmocka_run_group_tests(tests, NULL, NULL);
}
