/* namecheck.h: whether the names of a message are sound, at a cost that is linear in the message.
 *
 * name_parse follows a name's pointers through up to 127 labels and as many pointers, and a message of 64 KB may have
 * 12,000 names that all lead there. So who only checks remembers, from the first pointer on, how the names go on from
 * every offset where one of their labels or pointers stands. A pointer to such a place costs one look.
 * Threads: a struct namecheck belongs to one; reuse it for message after message. */
#ifndef ROOST_LIB_NAMECHECK_H
#define ROOST_LIB_NAMECHECK_H

#include "lib/name.h"

enum { NAMECHECK_TARGETS = 0x4000 }; /* offsets that a pointer can say, RFC 1035 §4.1.4 */

struct namecheck {
	size_t len;    /* octets of the message */
	size_t steps;  /* labels and pointers read since the first pointer: the work done */
	bool remember; /* there was a pointer, and rest is valid up to len */
	struct namecheck_rest {
		uint8_t octets; /* of the name from here on, uncompressed; 0 = not known */
		uint8_t hops;   /* pointers in it */
		uint16_t reach; /* offset behind the last octet of it that was read */
		uint16_t lead;  /* 1 + target of its first pointer, 0 = has none */
	} rest[NAMECHECK_TARGETS];
};

/* A new message of so many octets. Cheap: nothing is cleared before there is a pointer. */
static inline void namecheck_begin(struct namecheck *c, size_t len)
{
	c->len = len;
	c->steps = 0;
	c->remember = false;
}

/* Moves msg->pos behind the name there; *octets is its length uncompressed. Takes and refuses the same names as
 * name_parse. msg is the message of namecheck_begin, or its beginning. */
MUST_USE enum err namecheck_pass(struct namecheck *c, struct rbuf *msg, size_t *octets);

#endif
