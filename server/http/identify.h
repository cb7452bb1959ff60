/* identify.h: who an HTTP request is from: the account and secret that it shows, looked at.
 *
 * A token (keys/secret.h) is found by its hash at once, and whatever name goes with it does not matter. A password is
 * looked at on a thread of its own, as that takes tens of milliseconds; one that was right is remembered, as a keyed
 * hash, until the stored one changes. Wrong ones make guessing slow (keys/lockout.h); an account that is not there
 * takes as long as one that is.
 *
 * Threads: the HTTP thread's. */
#ifndef ROOST_SERVER_HTTP_IDENTIFY_H
#define ROOST_SERVER_HTTP_IDENTIFY_H

#include "server/http/call.h"
#include "server/server.h"

struct identify;

MUST_USE enum err identify_new(struct identify **out, struct server *server, struct mailbox *mailbox);
/* No password is under way any more when it returns. */
void identify_stop(struct identify *i);
void identify_free(struct identify *i); /* NULL is fine */

enum identify_result {
	IDENTIFY_OK,
	IDENTIFY_MISSING, /* it shows nothing */
	IDENTIFY_WRONG,
	IDENTIFY_PLAIN, /* a secret by plain HTTP from where that is not allowed */
	IDENTIFY_SLOW   /* too many were wrong: c->wait_s */
};

/* Looks, then calls `then`, at once or later. account may be "" with a token. Both are copied. On IDENTIFY_OK
 * c->access is held and c->identity and c->account say who it is. */
void identify_call(struct identify *i, struct call *c, const char *account, const char *secret,
		   void (*then)(struct call *c, enum identify_result result));

/* The two from the request: Authorization Basic, Token or Bearer, or parameters. Empty if there are none. */
enum { IDENTIFY_TEXT_MAX = 512 };
struct identify_shown {
	char account[IDENTIFY_TEXT_MAX], secret[IDENTIFY_TEXT_MAX];
};
void identify_read(struct identify_shown *out, const struct call *c);

#endif
