/* roostctl.c: the command line of roostctl: tables of options and commands, help, and main. */
#include "tools/roostctl.h"

#include <errno.h>
#include <signal.h>
#include <stdarg.h>
#include <stdlib.h>
#include <string.h>

#include "lib/log.h"
#include "lib/qname.h"

#ifndef ROOST_VERSION
#error "ROOST_VERSION comes from configure.ac, through the Makefile"
#endif

enum { ANY_NUMBER = 1000000, HELP_COLUMN = 28 };

/* ---- options ---- */

/* clang-format off */
static const struct option_row {
	const char *name;     /* as it is written */
	const char *argument; /* NULL: takes none */
	const char *help;
} options[OPTION_COUNT] = {
	[OPTION_DATABASE]  = {"-d",          "DB",      "the database file; zone check of a FILE needs none"},
	[OPTION_HELP]      = {"--help",      NULL,      "this text, or that of the command before it"},
	[OPTION_VERSION]   = {"--version",   NULL,      "the version"},
	[OPTION_ALGORITHM] = {"--algorithm", "NAME",    "of a key: hmac-sha256 (what you get without), hmac-sha512, …"},
	[OPTION_SECRET]    = {"--secret",    "BASE64",  "of a key; without it a random one is made"},
	[OPTION_PUBLIC]    = {"--public",    "FILE",    "of a SIG(0) key: Kname.+013+12345.key, as dnssec-keygen makes it"},
	[OPTION_KEY]       = {"--key",       "NAME",    "the key that signs"},
	[OPTION_FROM]      = {"--from",      "PREFIX",  "source addresses: 192.0.2.0/24, 2001:db8::1, ::/0 for all"},
	[OPTION_NAME]      = {"--name",      "PATTERN", "names: NAME, *.NAME all below it, host-*.NAME, self, _acme-challenge.self"},
	[OPTION_TYPES]     = {"--types",     "TYPES",   "types of records, with commas: A,AAAA"},
	[OPTION_FORCE]     = {"--force",     NULL,      "also remove the grants and peers that name the key"},
	[OPTION_MAX]       = {"--max",       "N",       "no update may leave more records than that at a name"},
	[OPTION_RATE]      = {"--rate",      "N/TIME",  "updates by one key: 6/1m, or 6/1m,20 if 20 may come at once"},
	[OPTION_NAME_RATE] = {"--name-rate", "N/TIME",  "updates at one name, whoever they come from"},
	[OPTION_LEASE_DEFAULT] = {"--lease-default", "TIME", "records of updates that ask for no lease last so long"},
	[OPTION_LEASE_MAX] = {"--lease-max", "TIME[,TIME]", "longest lease; with two, the second for KEY records (1d,7d)"},
	[OPTION_EXPIRES]   = {"--expires",   "END",     "when it ends: 30d, 2026-12-31, 2026-12-31T12:00:00Z, never"},
	[OPTION_IDENTITY]  = {"--identity",  "NAME",    "the key has the grants of that key, beside it"},
	[OPTION_NEW]       = {"--new",       "NAME",    "of the new key; without it NAME-2, NAME-3, …"},
	[OPTION_ZONE]      = {"--zone",      "ZONE",    "also let it change its host there, and print the clients' configurations"},
	[OPTION_URL]       = {"--url",       "URL",     "where clients reach the server: https://HOST[:PORT]"},
	[OPTION_PASSWORD]  = {"--password",  NULL,      "a password from standard input, instead of a token made here"},
	[OPTION_PRIMARY]   = {"--primary",   "ADDR@PORT", "server to transfer the zone from, or @PORT: of whoever sends NOTIFY with the key; may be given again"},
	[OPTION_JSON]      = {"--json",      NULL,      "print JSON instead of text"},
	[OPTION_MEMORY]    = {"--memory",    NULL,      "also count what the zones take; walks all of them"},
	[OPTION_SERIAL]    = {"--serial",    "SERIAL",  "of a version: who made it, from where, and every record that it changed"},
	[OPTION_SINCE]     = {"--since",     "TIME",    "not what is older: 7d, 1h30m, 2026-03-01, 2026-03-01T12:00:00Z"},
	[OPTION_LIMIT]     = {"--limit",     "N",       "so many, the newest"},
	[OPTION_REFUSED]   = {"--refused",   NULL,      "the updates that were refused instead, and why"},
};

/* ---- commands ---- */

#define HAS(option) (1U << (option))

static const struct command {
	const char *words;
	const char *arguments; /* for people */
	int least, most;       /* arguments */
	unsigned options;      /* beside -d and --help */
	roostctl_fn *run;
	const char *help;
} commands[] = {
	{"init", "[ZONE]", 0, 1, 0, roostctl_init,
	 "make the database (no harm if it is there); with ZONE a starter zone, its key and grants; prints the key"},
	{"zone add", "ZONE", 1, 1, HAS(OPTION_PRIMARY) | HAS(OPTION_KEY), roostctl_zone_add,
	 "be a secondary of the zone: transfer it from its primaries, and follow their changes"},
	{"zone import", "ZONE FILE", 2, 2, 0, roostctl_zone_import,
	 "load or replace the whole zone from a master file (- for standard input), as one version"},
	{"zone export", "ZONE", 1, 1, 0, roostctl_zone_export,
	 "print the zone as a master file"},
	{"zone list", "", 0, 0, 0, roostctl_zone_list,
	 "print the zones, with serial and role"},
	{"zone show", "ZONE", 1, 1, HAS(OPTION_SERIAL) | HAS(OPTION_JSON), roostctl_zone_show,
	 "print what is known of a zone; with --serial one of its versions in full"},
	{"zone set", "ZONE serial-policy|history-age|history-size VALUE", 3, 3, 0, roostctl_zone_set,
	 "how serials rise (increment, unixtime, dated); how much history is kept (365d, 500M, none, default)"},
	{"zone check", "ZONE|FILE [ZONE]", 1, 2, 0, roostctl_zone_check,
	 "say what will not work as meant, in a zone or a master file; ZONE where the file does not tell its name"},
	{"zone remove", "ZONE", 1, 1, 0, roostctl_zone_remove,
	 "remove the zone with its records, history, peers and grants"},
	{"record list", "ZONE [NAME [TYPE]]", 1, 3, 0, roostctl_record_list,
	 "print records"},
	{"record add", "ZONE NAME [TTL] TYPE DATA …", 4, ANY_NUMBER, 0, roostctl_record_add,
	 "add a record; the words of DATA are one record, a word \",\" begins the next"},
	{"record set", "ZONE NAME [TTL] TYPE DATA …", 4, ANY_NUMBER, 0, roostctl_record_set,
	 "make these the only records of that name and type"},
	{"record delete", "ZONE NAME [TYPE [DATA …]]", 2, ANY_NUMBER, 0, roostctl_record_delete,
	 "delete a record, all of a type, or all of a name"},
	{"record lock", "ZONE NAME [TYPE]", 2, 3, 0, roostctl_record_lock,
	 "keep these records, or the whole name, from every update; only roostctl changes them"},
	{"record unlock", "ZONE NAME [TYPE]", 2, 3, 0, roostctl_record_unlock,
	 "let updates change them again"},
	{"key add", "NAME", 1, 1,
	 HAS(OPTION_ALGORITHM) | HAS(OPTION_SECRET) | HAS(OPTION_PUBLIC) | HAS(OPTION_IDENTITY) | HAS(OPTION_EXPIRES), roostctl_key_add,
	 "make a TSIG key and print it in the form that nsupdate reads; with --public take a client's SIG(0) key"},
	{"key list", "", 0, 0, 0, roostctl_key_list,
	 "print the keys, without secrets"},
	{"key show", "NAME", 1, 1, 0, roostctl_key_show,
	 "print a key in the form that nsupdate reads"},
	{"key rotate", "NAME", 1, 1, HAS(OPTION_ALGORITHM) | HAS(OPTION_NEW) | HAS(OPTION_EXPIRES), roostctl_key_rotate,
	 "make a key with the same grants and print it; the old one ends, in 7 days unless --expires says else"},
	{"key expire", "NAME END", 2, 2, 0, roostctl_key_expire,
	 "say when a key ends: 30d, 2026-12-31, never"},
	{"key remove", "NAME", 1, 1, HAS(OPTION_FORCE), roostctl_key_remove,
	 "remove a key"},
	{"token add", "NAME", 1, 1,
	 HAS(OPTION_IDENTITY) | HAS(OPTION_EXPIRES) | HAS(OPTION_PASSWORD) | HAS(OPTION_ZONE) | HAS(OPTION_NAME) |
	 HAS(OPTION_FROM) | HAS(OPTION_URL), roostctl_token_add,
	 "make a token for HTTP clients and print it, this once; with --zone for the host NAME, with its grant"},
	{"token list", "", 0, 0, 0, roostctl_token_list,
	 "print the tokens and passwords, without what they are"},
	{"token rotate", "NAME", 1, 1, HAS(OPTION_NEW) | HAS(OPTION_EXPIRES), roostctl_token_rotate,
	 "make a token with the same grants and print it; the old one ends, in 7 days unless --expires says else"},
	{"token revoke", "NAME", 1, 1, 0, roostctl_token_revoke,
	 "it opens nothing any more, from now on; the grants that only it had go too"},
	{"grant add", "ZONE update|transfer|notify", 2, 2,
	 HAS(OPTION_KEY) | HAS(OPTION_FROM) | HAS(OPTION_NAME) | HAS(OPTION_TYPES) | HAS(OPTION_MAX) |
	 HAS(OPTION_RATE) | HAS(OPTION_NAME_RATE) | HAS(OPTION_LEASE_DEFAULT) | HAS(OPTION_LEASE_MAX) | HAS(OPTION_EXPIRES), roostctl_grant_add,
	 "allow it, to whoever signs with the key, comes from the addresses, or both"},
	{"grant preset", "ZONE host|acme|dhcp|secondary|admin", 2, 2, HAS(OPTION_KEY) | HAS(OPTION_NAME) | HAS(OPTION_FROM),
	 roostctl_grant_preset,
	 "make the grants of a usual client, and print them with its configuration"},
	{"grant list", "[ZONE]", 0, 1, 0, roostctl_grant_list,
	 "print grants, with their numbers"},
	{"grant explain", "ZONE update|transfer|notify", 2, 2,
	 HAS(OPTION_KEY) | HAS(OPTION_FROM) | HAS(OPTION_NAME) | HAS(OPTION_TYPES), roostctl_grant_explain,
	 "say whether such a request would be allowed, and which grant decides"},
	{"grant remove", "NUMBER", 1, 1, 0, roostctl_grant_remove,
	 "take a grant back"},
	{"peer add", "ZONE ADDR@PORT", 2, 2, HAS(OPTION_KEY), roostctl_peer_add,
	 "a secondary to NOTIFY of changes; port 53 if none is given"},
	{"peer list", "[ZONE]", 0, 1, 0, roostctl_peer_list,
	 "print the secondaries"},
	{"peer remove", "ZONE ADDR@PORT", 2, 2, 0, roostctl_peer_remove,
	 "NOTIFY it no more"},
	{"log", "ZONE", 1, 1, HAS(OPTION_NAME) | HAS(OPTION_SINCE) | HAS(OPTION_LIMIT) | HAS(OPTION_REFUSED) | HAS(OPTION_JSON), roostctl_log,
	 "print the versions of a zone, newest first: what, when, by whom; with --name those of a NAME, and its records"},
	{"diff", "ZONE FROM TO", 3, 3, 0, roostctl_diff,
	 "print the records that differ between two serials"},
	{"revert", "ZONE SERIAL", 2, 2, 0, roostctl_revert,
	 "give the zone the content it had at that serial, as a new version"},
	{"status", "", 0, 0, HAS(OPTION_JSON), roostctl_status,
	 "print what the server is doing that has the database open"},
	{"stats", "", 0, 0, HAS(OPTION_JSON) | HAS(OPTION_MEMORY), roostctl_stats,
	 "print what that server has counted since its start, one name and number a line"},
	{"stop", "", 0, 0, 0, roostctl_stop,
	 "stop that server, and wait until it has let go of the database"},
};
/* clang-format on */

enum { COMMANDS = sizeof(commands) / sizeof(commands[0]) };

/* ---- messages ---- */

int roostctl_fail(struct roostctl *ctl, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	vsnprintf(ctl->msg.text, sizeof(ctl->msg.text), fmt, args);
	va_end(args);
	return ROOSTCTL_FAILED;
}

int roostctl_usage(struct roostctl *ctl, const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	vsnprintf(ctl->msg.text, sizeof(ctl->msg.text), fmt, args);
	va_end(args);
	return ROOSTCTL_USAGE;
}

/* ---- help ---- */

static void print_option(enum roostctl_option o)
{
	char left[HELP_COLUMN];
	snprintf(left, sizeof(left), "%s%s%s", options[o].name, options[o].argument ? " " : "",
		 options[o].argument ? options[o].argument : "");
	printf("  %-*s%s\n", HELP_COLUMN - 2, left, options[o].help);
}

static void print_synopsis(const struct command *c)
{
	printf("roostctl -d DB %s%s%s", c->words, c->arguments[0] ? " " : "", c->arguments);
	for (unsigned o = 0; o < OPTION_COUNT; o++)
		if (c->options & HAS(o))
			printf(" [%s%s%s]", options[o].name, options[o].argument ? " " : "",
			       options[o].argument ? options[o].argument : "");
	printf("\n");
}

static void help_on(const struct command *c)
{
	print_synopsis(c);
	printf("  %s\n", c->help);
	for (unsigned o = 0; o < OPTION_COUNT; o++)
		if (c->options & HAS(o))
			print_option(o);
}

static void help(void)
{
	printf("roostctl: the administrator's tool of Roost, a DNS server. With a server running on DB, changes go "
	       "through it.\n\n");
	for (unsigned i = 0; i < COMMANDS; i++) {
		print_synopsis(&commands[i]);
		printf("  %s\n", commands[i].help);
	}
	printf("\nOptions:\n");
	for (unsigned o = 0; o < OPTION_COUNT; o++)
		print_option(o);
	printf("\nNAME is relative to ZONE, or absolute if it ends in ZONE or in a dot; @ is ZONE itself. TTL is in "
	       "seconds, or as 1h30m.\n"
	       "Exit status: 0 done, 1 refused or failed (one line on standard error), 2 usage. Manual: man "
	       "roostctl\n");
}

/* ---- the command line taken apart ---- */

static int find_option(const char *word)
{
	const char *equals = strchr(word, '=');
	size_t len = equals ? (size_t)(equals - word) : strlen(word);
	for (int o = 0; o < OPTION_COUNT; o++)
		if (strlen(options[o].name) == len && memcmp(options[o].name, word, len) == 0)
			return o;
	return -1;
}

/* Takes the option at argv[*i], with its argument; moves *i to the last word taken. */
static int take_option(struct roostctl *ctl, int argc, char **argv, int *i)
{
	const char *word = argv[*i], *equals = strchr(word, '=');
	int o = find_option(word);
	if (o < 0)
		return roostctl_usage(
			ctl, "option %s is not known; roostctl --help lists them, and -- ends the options", word);
	if (!options[o].argument && equals)
		return roostctl_usage(ctl, "option %s takes no argument", options[o].name);
	if (ctl->option[o] && o != OPTION_PRIMARY)
		return roostctl_usage(ctl, "option %s is given twice", options[o].name);
	if (ctl->option[o] && ctl->more_count == ROOSTCTL_MORE_MAX)
		return roostctl_usage(ctl, "option %s is given too often", options[o].name);
	if (ctl->option[o])
		ctl->more[ctl->more_count++] = ctl->option[o];
	if (!options[o].argument)
		ctl->option[o] = "";
	else if (equals)
		ctl->option[o] = equals + 1;
	else if (*i + 1 < argc)
		ctl->option[o] = argv[++*i];
	else
		return roostctl_usage(ctl, "option %s needs its %s", options[o].name, options[o].argument);
	return ROOSTCTL_DONE;
}

/* Options may stand anywhere before a "--". The other words are moved together, in place. */
static int take_words(struct roostctl *ctl, int argc, char **argv)
{
	bool more = true;
	for (int i = 1; i < argc; i++) {
		if (more && strcmp(argv[i], "--") == 0) {
			more = false;
		} else if (!more || argv[i][0] != '-' || argv[i][1] == '\0') {
			ctl->argv[ctl->argc++] = argv[i];
		} else {
			int status = take_option(ctl, argc, argv, &i);
			if (status)
				return status;
		}
	}
	return ROOSTCTL_DONE;
}

/* How many words of the line the command's name takes; 0: it is another command. */
static int match(const struct command *c, int argc, char **argv)
{
	const char *rest = c->words;
	int n = 0;
	while (n < argc) {
		size_t len = strcspn(rest, " ");
		if (strlen(argv[n]) != len || memcmp(argv[n], rest, len) != 0)
			return 0;
		n++;
		if (rest[len] == '\0')
			return n;
		rest += len + 1;
	}
	return 0;
}

static const struct command *find_command(struct roostctl *ctl)
{
	for (unsigned i = 0; i < COMMANDS; i++) {
		int words = match(&commands[i], ctl->argc, ctl->argv);
		if (!words)
			continue;
		ctl->argv += words;
		ctl->argc -= words;
		return &commands[i];
	}
	return NULL;
}

static int check_usage(struct roostctl *ctl, const struct command *c)
{
	for (unsigned o = OPTION_VERSION + 1; o < OPTION_COUNT; o++)
		if (ctl->option[o] && !(c->options & HAS(o)))
			return roostctl_usage(ctl, "%s has no option %s; see roostctl %s --help", c->words,
					      options[o].name, c->words);
	if (ctl->argc < c->least || ctl->argc > c->most)
		return roostctl_usage(ctl, "usage: roostctl -d DB %s %s; see roostctl %s --help", c->words,
				      c->arguments, c->words);
	if (!ctl->database && c->run != roostctl_zone_check)
		return roostctl_usage(ctl, "%s: which database? Give its file with -d DB", c->words);
	return ROOSTCTL_DONE;
}

static int unknown_command(struct roostctl *ctl)
{
	if (ctl->argc == 0)
		return roostctl_usage(ctl, "what shall be done? roostctl --help lists the commands");
	return roostctl_usage(ctl, "command %s%s%s is not known; roostctl --help lists the commands", ctl->argv[0],
			      ctl->argc > 1 ? " " : "", ctl->argc > 1 ? ctl->argv[1] : "");
}

static int run(struct roostctl *ctl, int argc, char **argv)
{
	int status = take_words(ctl, argc, argv);
	if (status)
		return status;
	if (ctl->option[OPTION_VERSION]) {
		printf("roostctl %s\n", ROOST_VERSION);
		return ROOSTCTL_DONE;
	}
	ctl->database = ctl->option[OPTION_DATABASE];
	bool only_help = ctl->option[OPTION_HELP] && ctl->argc == 0;
	const struct command *c = only_help ? NULL : find_command(ctl);
	if (only_help) {
		help();
		return ROOSTCTL_DONE;
	}
	if (!c)
		return unknown_command(ctl);
	if (ctl->option[OPTION_HELP]) {
		help_on(c);
		return ROOSTCTL_DONE;
	}
	status = check_usage(ctl, c);
	return status ? status : c->run(ctl);
}

int main(int argc, char **argv)
{
	struct roostctl ctl = {.database = NULL};
	signal(SIGPIPE, SIG_IGN); /* a server or reader that goes away is an error to be told */
	log_set_level(LOG_LEVEL_ERROR);
	char **words = calloc((size_t)argc + 1, sizeof(char *));
	ctl.argv = words;
	int status = ROOSTCTL_FAILED;
	if (!words || qname_seed())
		roostctl_fail(&ctl, "no memory, or no random numbers from the kernel");
	else
		status = run(&ctl, argc, argv);
	free(words);
	if (fflush(stdout) != 0 && status == ROOSTCTL_DONE)
		status = roostctl_fail(&ctl, "standard output: %s", strerror(errno));
	if (status != ROOSTCTL_DONE)
		fprintf(stderr, "roostctl: %s\n", ctl.msg.text);
	return status;
}
