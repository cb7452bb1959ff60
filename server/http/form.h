/* form.h: what an HTTP request asks: its path and its parameters, decoded, wherever it carries them.
 *
 *   http://host//nic/update/?hostname=a%2Eexample&myip=     ->  path "/nic/update"   hostname = "a.example"   myip = ""
 *   nic/update?hostname=a                                   ->  path "/nic/update"   (some routers forget the slash)
 *
 * Parameters come from the query, then from the body: application/x-www-form-urlencoded (WHATWG URL §5.1), or a JSON
 * object whose members are strings, numbers, true, false or null (its nested objects and lists are left out). Old
 * devices write odd things: a "%" that no two hexadecimal digits follow stands for itself, slashes are collapsed, a
 * fragment is cut off. What no device sends is ERR_FORMAT: a NUL, decoded or not, more than FORM_PAIRS_MAX parameters,
 * a body that says it is JSON and is not.
 *
 * All text is in one block that the form owns and form_free frees. Threads: a form belongs to one thread. */
#ifndef ROOST_SERVER_HTTP_FORM_H
#define ROOST_SERVER_HTTP_FORM_H

#include <stdbool.h>
#include <stddef.h>

#include "lib/err.h"

enum {
	FORM_PAIRS_MAX = 64,
	FORM_TARGET_MAX = 8192, /* octets; RFC 9110 §4.1 recommends to support that much */
	FORM_BODY_MAX = 16384   /* octets; the largest that any known client sends is some hundred */
};

struct form_pair {
	const char *name, *value; /* NUL-terminated; value is never NULL */
};

struct form {
	const char *path; /* begins with a slash, ends with none but when it is "/" */
	unsigned count;
	struct form_pair pair[FORM_PAIRS_MAX];
	char *text; /* what the others point into */
};

enum form_type { FORM_NONE /* the body is not looked at */, FORM_URLENCODED, FORM_JSON };

/* The type of a body by its Content-Type field (NULL: none): without one, or with one that old clients send for no
 * reason, a body that begins with "{" is JSON, any other is a form. */
enum form_type form_type_of(const char *content_type, const char *body, size_t body_len);

/* target: as it stands in the request line. body need not be terminated. ERR_NOMEM, ERR_RANGE (longer than above),
 * ERR_FORMAT; then there is nothing to free. */
MUST_USE enum err form_parse(struct form *out, const char *target, enum form_type type, const char *body,
			     size_t body_len);
void form_free(struct form *f);

/* The value of the first parameter of that name (case counts for none of the known clients: it is ignored), or NULL. */
const char *form_get(const struct form *f, const char *name);
/* The same for the first of several names that is there; names is a list ended by NULL. */
const char *form_get_any(const struct form *f, const char *const names[]);

#endif
