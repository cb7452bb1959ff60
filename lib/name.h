/* name.h: domain names in wire form.
 *
 * A name is a sequence of labels, each a length octet (1..63) and that many octets, ended by the root's zero octet;
 * at most 255 octets in all (RFC 1035 §3.1). Everywhere in Roost a name is that uncompressed wire form, as `const
 * uint8_t *` where it is trusted (already parsed: it ends within 255 octets), or as a `struct name` where it is held
 * by value. Case is kept as received and ignored in comparison, for ASCII letters only (RFC 4343).
 *
 *   3 'w' 'w' 'w' 4 'h' 'o' 'm' 'e' 7 'e' 'x' 'a' 'm' 'p' 'l' 'e' 0        www.home.example., 18 octets, 3 labels
 *
 * "Labels" never counts the root. Threads: pure functions. */
#ifndef ROOST_LIB_NAME_H
#define ROOST_LIB_NAME_H

#include "lib/buf.h"
#include "lib/err.h"

enum {
	NAME_WIRE_MAX = 255,   /* octets, RFC 1035 §2.3.4 */
	NAME_LABEL_MAX = 63,   /* octets in a label, RFC 1035 §2.3.4 */
	NAME_LABELS_MAX = 127, /* one-octet labels that fit in 255 */
	NAME_TEXT_MAX = 1024,  /* presentation form: at most 4 characters (\ddd) an octet, dots and NUL */
	NAME_KEY_MAX = 512     /* sort key, see name_to_key */
};

struct name {
	uint8_t len; /* octets in wire, the root's zero included; 1..255. 0 only in a struct that holds no name yet */
	uint8_t wire[NAME_WIRE_MAX];
};

/* Reads the name at msg->pos, following compression pointers, which must point backward (to before the first octet of
 * the name or of the pointer last followed), into `out` uncompressed with its case kept; msg->pos then is after the
 * name. msg->data must be the start of the message. ERR_FORMAT on truncation, a forward pointer or loop, label types
 * 01 and 10, more than 255 octets. (RFC 1035 §4.1.4) */
MUST_USE enum err name_parse(struct rbuf *msg, struct name *out);

/* The same without compression allowed: a pointer is ERR_FORMAT. */
MUST_USE enum err name_parse_plain(struct rbuf *in, struct name *out);

/* Octets of a trusted name, root included. */
size_t name_len(const uint8_t *wire);

/* Labels of a trusted name, without the root. */
unsigned name_labels(const uint8_t *wire);

/* Copies a trusted name. */
void name_set(struct name *out, const uint8_t *wire);

/* Lower-cases `len` octets of wire form from src to dst (which may be the same). Length octets are never letters (<=
 * 63). */
void name_lower(uint8_t *dst, const uint8_t *src, size_t len);

bool name_equal(const uint8_t *a, const uint8_t *b);

/* Canonical order (RFC 4034 §6.1): <0, 0, >0. */
int name_compare(const uint8_t *a, const uint8_t *b);

/* True if `name` is `ancestor` or below it. */
bool name_is_under(const uint8_t *name, const uint8_t *ancestor);

/* The name without its first `n` labels; n <= name_labels. */
const uint8_t *name_strip(const uint8_t *wire, unsigned n);

/* True if the first label is a single '*'. */
static inline bool name_is_wildcard(const uint8_t *wire)
{
	return wire[0] == 1 && wire[1] == '*';
}

/* prefix (without its root) followed by suffix. ERR_RANGE over 255 octets. */
MUST_USE enum err name_join(struct name *out, const uint8_t *prefix, size_t prefix_len, const uint8_t *suffix);

/* Presentation form to wire (RFC 1035 §5.1 escapes \X and \DDD). With or without the final dot: always absolute. "." is
 * the root; the empty string is ERR_FORMAT. */
MUST_USE enum err name_from_text(struct name *out, const char *text);

/* Wire to presentation form with the final dot, NUL-terminated, escapes where needed; `out` has NAME_TEXT_MAX octets.
 * Returns out, so that it can stand in an argument list. */
char *name_to_text(const uint8_t *wire, char out[NAME_TEXT_MAX]);

/* The sort key: an octet string whose memcmp order (shorter first on a tie) is the canonical order of names.
 * Lower-cased labels from the root's side down, each followed by 00; octets 00 and 01 inside a label are written 01
 * 01 and 01 02.
 *   www.home.example.  ->  "example" 00 "home" 00 "www" 00        the root -> empty
 * Returns the key's length. A subtree is exactly the keys with the apex's key as prefix. */
size_t name_to_key(const uint8_t *wire, uint8_t key[NAME_KEY_MAX]);

/* The inverse (lower-case). ERR_FORMAT for bytes that name_to_key never makes. */
MUST_USE enum err name_from_key(struct name *out, const uint8_t *key, size_t len);

#endif
