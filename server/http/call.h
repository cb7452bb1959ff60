/* call.h: one HTTP request on its way to its answer: what it asks, who asks, and the ways to answer.
 *
 * The client is the connection's peer, or, when that is a trusted proxy ([proxy] trusted), the last address in
 * X-Forwarded-For that is no trusted proxy's. A call that waits for the writer keeps its connection until call_answer,
 * which ends it: exactly one for every call.
 *
 * Threads: the HTTP thread's. */
#ifndef ROOST_SERVER_HTTP_CALL_H
#define ROOST_SERVER_HTTP_CALL_H

#include "keys/access.h"
#include "server/http/form.h"
#include "server/http/http_conn.h"
#include "server/stats.h"

struct http;

struct call {
	struct http *http;
	struct http_conn *conn;
	const struct http_request *request;
	struct form form;
	struct addr client; /* unmapped */
	bool secure;        /* by TLS, up to us or up to a trusted proxy that says so (X-Forwarded-Proto) */
	/* Set by identify_call. */
	struct access *access;   /* held until the answer; NULL: nobody is known */
	const uint8_t *identity; /* in it */
	char account[NAME_TEXT_MAX];
	unsigned wait_s;            /* IDENTIFY_SLOW */
	void *work;                 /* the handler's own, freed with free */
	enum stats_counter counted; /* as that in http_requests, when it is answered */
	uint64_t began_ns;          /* clock_monotonic_ns: the request was whole */
	char fields[256];           /* more header lines of the answer, each with its CRLF; "" = none */
};

/* Takes the request apart; answers it itself and returns NULL when it cannot be one for a handler. */
struct call *call_new(struct http *h, struct http_conn *conn, const struct http_request *request,
		      const struct config_prefixes *proxies);

/* "GET", "HEAD"… */
bool call_is(const struct call *c, const char *method);

/* The request's own field, or "". */
const char *call_field(const struct call *c, const char *name);

/* Answers, and frees the call. type: "text/plain" and so on; text is copied. */
void call_answer(struct call *c, int status, const char *type, const char *text);
void call_answer_data(struct call *c, int status, const char *type, const void *data, size_t len);

#endif
