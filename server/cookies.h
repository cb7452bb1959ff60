/* cookies.h: the secrets of DNS cookies while the server runs: read from [cookies] secret-file, or drawn at start and
 * anew about once a day.
 *
 *   secret-file   for several servers that share an address: 1 to 4 lines of 32 hexadecimal digits each, '#' before remarks. The first makes
 *                 cookies, all are taken. A rollover (RFC 9018 §5): add the new one as a later line everywhere, then make it the first
 *                 everywhere, and an hour later remove the old one; after each step SIGHUP.
 *
 * Threads: main's; cookies_secrets from any reader thread between quiescent states. */
#ifndef ROOST_SERVER_COOKIES_H
#define ROOST_SERVER_COOKIES_H

#include "lib/err.h"
#include "server/dns/cookie.h"

struct event_base;
struct cookies;

/* file: NULL for secrets of our own, and then base's loop renews them. */
MUST_USE enum err cookies_new(struct cookies **out, const char *file, struct event_base *base, struct errmsg *msg);
void cookies_free(struct cookies *c); /* NULL is allowed; no reader may be left */

/* Reads the file again. On error the secrets stay as they are. Nothing to do, and no error, without a file. */
MUST_USE enum err cookies_reload(struct cookies *c, struct errmsg *msg);

/* Own secrets: the newest becomes the second, all older ones go. */
MUST_USE enum err cookies_roll(struct cookies *c);

const struct cookie_secrets *cookies_secrets(const struct cookies *c);

#endif
