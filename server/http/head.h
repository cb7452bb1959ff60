/* head.h: the head of an HTTP/1 request: request line and fields (RFC 9112 §3, §5), taken apart in place.
 *
 *   GET //nic/update?hostname=a HTTP/1.0\r\n    method, target as it stands, version 1.0 or 1.1
 *   Host: home.example:8080\r\n                 fields: name and value without the blanks around it
 *   Authorization: Basic …\r\n
 *   \r\n                                        the end; lines that end in a bare LF are taken too (RFC 9112 §2.2)
 *
 * As lenient as devices need and no more: what request smuggling lives on is refused: blanks before a colon, folded
 * lines, several or odd Content-Lengths, control characters, Transfer-Encoding beside Content-Length.
 *
 * Why not evhttp, whose loop and buffers we use: in libevent 2.1 it accepts connections itself and hands them to no
 * one, so there can be no PROXY header, no limit of connections and no deadline for a whole head.
 *
 * Threads: pure functions. Source: RFC 9110, RFC 9112. */
#ifndef ROOST_SERVER_HTTP_HEAD_H
#define ROOST_SERVER_HTTP_HEAD_H

#include <stdbool.h>
#include <stddef.h>

enum {
	HEAD_MAX = 16384, /* octets; browsers and proxies send 1 to 4 KB */
	HEAD_FIELDS_MAX = 64,
	HEAD_METHOD_MAX = 16
};

struct head_field {
	const char *name, *value; /* NUL-terminated */
};

struct head {
	const char *method, *target; /* NUL-terminated, never empty: a missing target is "/" */
	bool http_1_0;
	bool keep_alive;  /* the client may send another request on this connection (RFC 9112 §9.3) */
	bool expects_100; /* it waits for "100 Continue" before the body (RFC 9110 §10.1.1) */
	size_t body_len;  /* Content-Length; 0 if there is none */
	unsigned field_count;
	struct head_field field[HEAD_FIELDS_MAX];
};

/* Where the head ends in `data` (the octet after the empty line); 0: not all of it is there. Empty lines before the
 * request line belong to it (RFC 9112 §2.2). */
size_t head_length(const char *data, size_t len);

/* Takes apart the head in data[0..len-1], which head_length measured; writes NULs into it and points into it. Returns
 * 0, or the status that says what is wrong: 400, 411 (a body of unknown length), 413 (longer than body_max), 431
 * (too many fields), 505. */
int head_parse(struct head *out, char *data, size_t len, size_t body_max);

/* The value of the first field of that name (any case), or NULL. */
const char *head_get(const struct head *h, const char *name);

#endif
