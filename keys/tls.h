/* tls.h: the server side of TLS: a certificate chain and its key from files, read again when they change.
 *
 * HTTPS: TLS 1.2 and 1.3 (RFC 9325 §3.1.1; old routers speak no 1.3), ALPN "http/1.1". No renegotiation, no
 * compression, the server's order of ciphers; sessions are resumed by tickets that this process alone can read.
 *
 * Threads: one. */
#ifndef ROOST_KEYS_TLS_H
#define ROOST_KEYS_TLS_H

#include <openssl/ssl.h>
#include <stdbool.h>
#include <stdint.h>

#include "lib/err.h"

struct tls_server;

/* Both are PEM; the chain may have the key in it (key_file NULL). An error names the file and what is wrong with it:
 * it cannot be read, is no certificate, the key does not belong to it. */
MUST_USE enum err tls_server_new(struct tls_server **out, const char *certificate_file, const char *key_file,
				 struct errmsg *msg);
void tls_server_free(struct tls_server *t); /* sessions under way stay good; NULL is fine */

/* Reads the files if they are others than those that are in use. On an error the old ones stay in use, and the same
 * files are not tried (nor complained of) again. */
MUST_USE enum err tls_server_refresh(struct tls_server *t, bool *changed, struct errmsg *msg);

/* A new session; the caller's. NULL when memory is short. */
SSL *tls_server_session(struct tls_server *t);

#endif
