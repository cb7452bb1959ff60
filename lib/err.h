/* err.h: what can go wrong, and how it is said to people.
 *
 * Every function that can fail returns `enum err`; 0 is success. The value says what the caller may do about it;
 * the sentence for a person travels apart, in a `struct errmsg`, and always names what, where and what to do.
 * The protocol's RCODE is a third thing and never an `enum err`.
 *
 * Threads: nothing here is shared; a struct errmsg belongs to one thread at a time. */
#ifndef ROOST_LIB_ERR_H
#define ROOST_LIB_ERR_H

#include <stdarg.h>

enum err {
	ERR_OK = 0,
	ERR_NOMEM,    /* the allocator said no */
	ERR_FORMAT,   /* bytes from outside that do not parse */
	ERR_RANGE,    /* parses, but a length or number is past its bound */
	ERR_NOSPACE,  /* does not fit the buffer, message or disk */
	ERR_NOTFOUND, /* no such zone, key, record, file */
	ERR_EXISTS,   /* already there */
	ERR_REFUSED,  /* not permitted, or a rule forbids it */
	ERR_BUSY,     /* somebody else holds it (database locked by a server, socket in use) */
	ERR_IO,       /* system call or SQLite I/O failure */
	ERR_CORRUPT,  /* stored data that contradicts itself */
	ERR_TOONEW,   /* made by a newer Roost */
	ERR_USAGE,    /* the caller's words are wrong (command line, configuration file) */
	ERR_CRYPTO    /* OpenSSL failed */
};

#define MUST_USE __attribute__((warn_unused_result))

/* One line for a person, always NUL-terminated, never with a line feed. Zero-initialise it. */
enum { ERRMSG_MAX = 512 };
struct errmsg {
	char text[ERRMSG_MAX];
};

/* Formats into *msg (which may be NULL) and returns `code`, so that `return errmsg_set(m, ERR_X, "…")` reads well. */
enum err errmsg_set(struct errmsg *msg, enum err code, const char *fmt, ...) __attribute__((format(printf, 3, 4)));

/* Puts "prefix: " before the text that is there; for callers that know the file or zone. */
void errmsg_prefix(struct errmsg *msg, const char *fmt, ...) __attribute__((format(printf, 2, 3)));

/* A short constant English word for the code, for logs. */
const char *err_text(enum err code);

#endif
