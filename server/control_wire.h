/* control_wire.h: what both ends of the control socket must agree on.
 *
 *   +----------------+---------------------+
 *   | length 4       | JSON, length octets |      big-endian; 1 to CONTROL_WIRE_MAX octets; one request, one answer,
 *     and again
 *   +----------------+---------------------+
 *
 * A request that needs a file ("zone import") carries its descriptor with the first octet (SCM_RIGHTS), so that the
 * server never opens a path that a client names. Threads: pure functions. */
#ifndef ROOST_SERVER_CONTROL_WIRE_H
#define ROOST_SERVER_CONTROL_WIRE_H

#include <jansson.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/un.h>

#include "lib/err.h"

enum {
	CONTROL_WIRE_HEAD = 4, /* octets of the length */
	CONTROL_WIRE_MAX =
		16 * 1024 * 1024 /* octets of JSON: the status of 100,000 zones fits, and little harm is done */
};

/* DATABASE.sock; ERR_RANGE with a message when the path does not fit a socket address. */
MUST_USE enum err control_wire_address(struct sockaddr_un *out, const char *database, struct errmsg *msg);

/* A whole frame, malloc'ed, *len octets. */
MUST_USE enum err control_wire_encode(const json_t *object, uint8_t **out, size_t *len);

/* The length in a frame's head; 0 if it is out of bounds. */
size_t control_wire_length(const uint8_t head[CONTROL_WIRE_HEAD]);

/* The object in a frame's JSON, a new reference; NULL if it is none. */
json_t *control_wire_decode(const uint8_t *text, size_t len);

#endif
