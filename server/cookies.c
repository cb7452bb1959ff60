/* cookies.c: see cookies.h. */
#include "server/cookies.h"

#include <errno.h>
#include <event2/event.h>
#include <stdatomic.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/random.h>
#include <sys/stat.h>

#include "lib/log.h"
#include "zones/memory/grace.h"

enum {
	LIFE = 86400,          /* seconds, RFC 7873 §7.1: a day is the default, */
	JITTER = LIFE / 5 * 2, /* of which up to 40 % are left out, so that nobody knows when */
	LINE_LEN_MAX = 256
};

struct cookies {
	const char *file; /* NULL: our own secrets; the configuration's */
	struct event *timer;
	_Atomic(struct cookie_secrets *) now;
};

/* ---- the file ---- */

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

static bool read_secret(uint8_t out[COOKIE_SECRET_LEN], const char *text)
{
	for (unsigned i = 0; i < COOKIE_SECRET_LEN; i++) {
		int high = hex_digit(text[2 * i]);
		int low = high < 0 ? -1 : hex_digit(text[2 * i + 1]);
		if (low < 0)
			return false;
		out[i] = (uint8_t)(high << 4 | low);
	}
	return strspn(text + 2 * COOKIE_SECRET_LEN, " \t\r\n") == strlen(text + 2 * COOKIE_SECRET_LEN);
}

static enum err read_lines(struct cookie_secrets *s, FILE *in, const char *file, struct errmsg *msg)
{
	char line[LINE_LEN_MAX];
	for (unsigned n = 1; fgets(line, sizeof line, in); n++) {
		const char *text = line + strspn(line, " \t\r\n");
		if (!*text || *text == '#')
			continue;
		if (s->count == COOKIE_SECRETS_MAX)
			return errmsg_set(msg, ERR_USAGE, "%s:%u: more than %d secrets; remove old ones", file, n,
					  COOKIE_SECRETS_MAX);
		if (!read_secret(s->secret[s->count++], text))
			return errmsg_set(
				msg, ERR_USAGE,
				"%s:%u: not a secret of 32 hexadecimal digits; make one with openssl rand -hex 16",
				file, n);
	}
	if (ferror(in))
		return errmsg_set(msg, ERR_IO, "%s: %s", file, strerror(errno));
	return s->count
		       ? ERR_OK
		       : errmsg_set(msg, ERR_USAGE, "%s: no secret is in it; make one with openssl rand -hex 16", file);
}

static enum err read_file(struct cookie_secrets *s, const char *file, struct errmsg *msg)
{
	struct stat st;
	FILE *in = fopen(file, "re");
	if (!in)
		return errmsg_set(msg, ERR_USAGE, "%s: %s; see secret-file in roost.conf(5)", file, strerror(errno));
	if (fstat(fileno(in), &st) == 0 && (st.st_mode & (S_IRWXO | S_IWGRP)))
		log_warning("%s is open to other users: chmod 600, as who knows a secret can forge cookies", file);
	enum err e = read_lines(s, in, file, msg);
	fclose(in);
	return e;
}

/* ---- in force ---- */

static void publish(struct cookies *c, struct cookie_secrets *s)
{
	struct cookie_secrets *before = atomic_exchange_explicit(&c->now, s, memory_order_acq_rel);
	if (before)
		grace_defer(free, before);
}

const struct cookie_secrets *cookies_secrets(const struct cookies *c)
{
	return atomic_load_explicit(&c->now, memory_order_acquire);
}

enum err cookies_reload(struct cookies *c, struct errmsg *msg)
{
	if (!c->file)
		return ERR_OK;
	struct cookie_secrets *s = calloc(1, sizeof *s);
	if (!s)
		return errmsg_set(msg, ERR_NOMEM, "out of memory");
	enum err e = read_file(s, c->file, msg);
	if (e) {
		free(s);
		return e;
	}
	publish(c, s);
	return ERR_OK;
}

enum err cookies_roll(struct cookies *c)
{
	const struct cookie_secrets *before = cookies_secrets(c);
	struct cookie_secrets *s = calloc(1, sizeof *s);
	if (!s)
		return ERR_NOMEM;
	if (getrandom(s->secret[0], COOKIE_SECRET_LEN, 0) != COOKIE_SECRET_LEN) {
		free(s);
		return ERR_IO;
	}
	s->count = 1;
	if (before)
		memcpy(s->secret[s->count++], before->secret[0], COOKIE_SECRET_LEN);
	publish(c, s);
	return ERR_OK;
}

/* ---- life ---- */

static void schedule(struct cookies *c)
{
	uint32_t random = 0;
	(void)!getrandom(&random, sizeof random, 0);
	struct timeval after = {.tv_sec = LIFE - (time_t)(random % JITTER)};
	if (event_add(c->timer, &after) < 0)
		log_error("the secret of DNS cookies will not be renewed: out of memory; restart roostd");
}

static void on_timer(evutil_socket_t fd, short what, void *arg)
{
	(void)fd;
	(void)what;
	struct cookies *c = arg;
	if (cookies_roll(c))
		log_error("the secret of DNS cookies could not be renewed; the old one stays in force");
	schedule(c);
}

enum err cookies_new(struct cookies **out, const char *file, struct event_base *base, struct errmsg *msg)
{
	struct cookies *c = calloc(1, sizeof *c);
	if (!c)
		return errmsg_set(msg, ERR_NOMEM, "out of memory");
	c->file = file;
	enum err e = file ? cookies_reload(c, msg) : cookies_roll(c);
	if (!e && !file) {
		c->timer = evtimer_new(base, on_timer, c);
		if (c->timer)
			schedule(c);
		else
			e = ERR_NOMEM;
	}
	if (e) {
		cookies_free(c);
		return file ? e : errmsg_set(msg, e, "no secret for DNS cookies: %s", err_text(e));
	}
	*out = c;
	return ERR_OK;
}

void cookies_free(struct cookies *c)
{
	if (!c)
		return;
	if (c->timer)
		event_free(c->timer);
	free(atomic_load(&c->now));
	free(c);
}
