/* name_internal.h: names as they stand in messages, for name.c and namecheck.c only. */
#ifndef ROOST_LIB_NAME_INTERNAL_H
#define ROOST_LIB_NAME_INTERNAL_H

#include "lib/name.h"

enum {
	LABEL_KIND_MASK = 0xc0, /* the two bits that tell labels from pointers, RFC 1035 §4.1.4 */
	LABEL_POINTER = 0xc0,
	POINTER_HIGH_MASK = 0x3f,
	POINTER_LEN = 2, /* octets */
	/* Pointers followed for one name. A sender gains nothing from a pointer that leads straight to another, so a
	 * name never needs more than it may have labels; without a bound a chain of bare pointers would make every
	 * name of a hostile message cost thousands of hops. */
	HOPS_MAX = NAME_LABELS_MAX
};

#endif
