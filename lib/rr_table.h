/* rr_table.h: the layout of each type's RDATA, private to rr.c and rr_table.c.
 *
 * A layout is a string of pieces, ended by PIECE_END. A value of 1 to PIECE_FIXED_MAX is that many octets of
 * anything; the rest are named below. After the last piece the RDATA must be at its end:
 *
 *   MX   2, PIECE_NAME_COMPRESSED             preference, exchange
 *   TLSA 3, PIECE_REST_SOME                   usage, selector, matching type; data
 *
 * A row with a text but no layout (QTYPEs such as AXFR) and a type without a row are opaque octets. Threads:
 * constant data. */
#ifndef ROOST_LIB_RR_TABLE_H
#define ROOST_LIB_RR_TABLE_H

#include "lib/rr.h"

enum piece {
	PIECE_END = 0,
	PIECE_FIXED_MAX = 63,
	PIECE_NAME_COMPRESSED,   /* a name that either side may compress: RFC 1035 types */
	PIECE_NAME_DECOMPRESSED, /* never compressed by us, understood when others did: the list in RFC 3597 §4 */
	PIECE_NAME_PLAIN,        /* compression forbidden */
	PIECE_STRING,            /* character-string (RFC 1035 §3.3): length octet and as many octets */
	PIECE_STRING_SOME,       /* the same, not empty */
	PIECE_STRING_OPTIONAL,   /* a character-string, or the end */
	PIECE_STRINGS,           /* one character-string or more, up to the end */
	PIECE_BLOB16,            /* 16-bit length and as many octets (TSIG, TKEY) */
	PIECE_REST,              /* anything up to the end */
	PIECE_REST_SOME,         /* the same, at least one octet */
	PIECE_BITMAP,            /* type bitmap (RFC 4034 §4.1.2), may be empty (RFC 5155 §3.2.1, RFC 7477 §2.1) */
	PIECE_BITMAP_SOME,       /* the same with at least one type */
	PIECE_APL,               /* address prefix items (RFC 3123 §4) */
	PIECE_SVC_PARAMS,        /* SvcParams (RFC 9460 §2.2) */
	PIECE_IPSECKEY,          /* gateway type, algorithm, gateway (RFC 4025 §2.1) */
	PIECE_HIP                /* all of HIP (RFC 8005 §5) */
};

enum {
	RR_TABLE_SIZE = TYPE_CAA + 1,
	RR_TABLE_TEXT_MAX = 11, /* "OPENPGPKEY" and its NUL */
	RR_TABLE_PIECES_MAX = 7 /* NAPTR has five, and the end */
};

struct rr_row {
	char text[RR_TABLE_TEXT_MAX];
	uint8_t layout[RR_TABLE_PIECES_MAX];
	bool lowered;       /* canonical form has names in lower case: RFC 4034 §6.2 as put right by RFC 6840 §5.1 */
	uint8_t additional; /* 1 + offset of the name that brings additional records, 0 = none does */
};

extern const struct rr_row rr_table[RR_TABLE_SIZE];

static inline const struct rr_row *rr_table_row(uint16_t type)
{
	/* Row 0 is empty: nothing known. */
	return &rr_table[type < RR_TABLE_SIZE ? type : 0];
}

#endif
