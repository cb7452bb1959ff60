/* rr.h: resource record types and RDATA.
 *
 * One table row a type says how its RDATA is laid out: which pieces are names (and whether RFC 3597 §4 lets them be
 * compressed on output or decompressed on input), integers, character-strings, or the rest. Parsing, comparison,
 * canonical form and writing all read that row. Types without a row are opaque octets (RFC 3597). In Roost RDATA is
 * always uncompressed wire form with the case it came with. Threads: pure functions. */
#ifndef ROOST_LIB_RR_H
#define ROOST_LIB_RR_H

#include "lib/namecheck.h"

enum rr_class { CLASS_IN = 1, CLASS_CH = 3, CLASS_HS = 4, CLASS_NONE = 254, CLASS_ANY = 255 };

/* clang-format off */
enum rr_type {
	TYPE_A = 1, TYPE_NS = 2, TYPE_MD = 3, TYPE_MF = 4, TYPE_CNAME = 5, TYPE_SOA = 6, TYPE_MB = 7, TYPE_MG = 8,
	TYPE_MR = 9, TYPE_NULL = 10, TYPE_WKS = 11, TYPE_PTR = 12, TYPE_HINFO = 13, TYPE_MINFO = 14, TYPE_MX = 15,
	TYPE_TXT = 16, TYPE_RP = 17, TYPE_AFSDB = 18, TYPE_X25 = 19, TYPE_ISDN = 20, TYPE_RT = 21, TYPE_NSAP = 22,
	TYPE_NSAP_PTR = 23, TYPE_SIG = 24, TYPE_KEY = 25, TYPE_PX = 26, TYPE_GPOS = 27, TYPE_AAAA = 28, TYPE_LOC = 29,
	TYPE_NXT = 30, TYPE_SRV = 33, TYPE_NAPTR = 35, TYPE_KX = 36, TYPE_CERT = 37, TYPE_A6 = 38, TYPE_DNAME = 39,
	TYPE_OPT = 41, TYPE_APL = 42, TYPE_DS = 43, TYPE_SSHFP = 44, TYPE_IPSECKEY = 45, TYPE_RRSIG = 46,
	TYPE_NSEC = 47, TYPE_DNSKEY = 48, TYPE_DHCID = 49, TYPE_NSEC3 = 50, TYPE_NSEC3PARAM = 51, TYPE_TLSA = 52,
	TYPE_SMIMEA = 53, TYPE_HIP = 55, TYPE_CDS = 59, TYPE_CDNSKEY = 60, TYPE_OPENPGPKEY = 61, TYPE_CSYNC = 62,
	TYPE_ZONEMD = 63, TYPE_SVCB = 64, TYPE_HTTPS = 65, TYPE_SPF = 99, TYPE_NID = 104, TYPE_L32 = 105,
	TYPE_L64 = 106, TYPE_LP = 107, TYPE_EUI48 = 108, TYPE_EUI64 = 109, TYPE_TKEY = 249, TYPE_TSIG = 250,
	TYPE_IXFR = 251, TYPE_AXFR = 252, TYPE_MAILB = 253, TYPE_MAILA = 254, TYPE_ANY = 255, TYPE_URI = 256,
	TYPE_CAA = 257
};
/* clang-format on */

/* One record, pointing into memory that somebody else owns (a message's scratch, a zone's block, an arena). */
struct rr {
	const uint8_t *owner; /* uncompressed wire name */
	uint16_t type;
	uint16_t class;
	uint32_t ttl; /* seconds */
	uint16_t rdlen;
	const uint8_t *rdata; /* uncompressed */
};

enum { RDATA_MAX = 65535 };

/* Reads `rdlen` octets of RDATA at msg->pos (msg->data is the message's start), decompresses the names in types where a
 * sender may have compressed them (RFC 3597 §4, and RFC 2163/2230 style leniency only where that section lists it),
 * checks the layout, and writes the uncompressed form to out. Exactly rdlen octets are consumed.
 * ERR_FORMAT when the layout does not fit rdlen or a value cannot be (A not 4 octets, empty TXT, …); ERR_NOSPACE when
 * out is full. rdlen 0 is the caller's business (UPDATE uses it): here it is ERR_FORMAT unless the type allows empty
 * RDATA (RFC 2136 §2.4, RFC 3597 opaque types, APL, NULL). */
MUST_USE enum err rr_parse_rdata(struct rbuf *msg, uint16_t type, uint16_t rdlen, struct wbuf *out);

/* The same, but only checks. */
MUST_USE enum err rr_pass_rdata(struct rbuf *msg, uint16_t type, uint16_t rdlen, struct namecheck *names);

/* Checks uncompressed RDATA that did not come from a message (database, control socket). */
MUST_USE enum err rr_check_rdata(uint16_t type, const uint8_t *rdata, size_t rdlen);

/* Equality as UPDATE and zones need it: names case-insensitively, all else octet by octet (RFC 2136 §1.1, RFC 4343). */
bool rr_rdata_equal(uint16_t type, const uint8_t *a, size_t alen, const uint8_t *b, size_t blen);

/* Canonical order of RDATA within an RRset (RFC 4034 §6.2, §6.3; names lowered for the types listed there). */
int rr_rdata_compare(uint16_t type, const uint8_t *a, size_t alen, const uint8_t *b, size_t blen);

/* Calls fn for every domain name in the RDATA; stops early if fn returns false. For additional-section work, checks. */
typedef bool rr_name_fn(void *arg, const uint8_t *name);
void rr_each_name(uint16_t type, const uint8_t *rdata, size_t rdlen, rr_name_fn *fn, void *arg);

/* True for the RFC 1035 types whose RDATA names may be compressed on output (RFC 3597 §4). */
bool rr_compressible(uint16_t type);

/* The pieces of compressible RDATA, for the message writer: octets before the first name, number of names, octets
 * after. MX: 2,1,0; SOA: 0,2,20; NS: 0,1,0. Only for types where rr_compressible is true. */
struct rr_shape {
	uint8_t head;
	uint8_t names;
	uint8_t tail;
};
struct rr_shape rr_compressible_shape(uint16_t type);

/* Which name in RDATA brings additional records (NS, MX, SRV, SVCB/HTTPS target, PTR does not…), or NULL if none.
 * AFSDB, RT, KX too (RFC 1183, 2230); SVCB with TargetName "." means the owner itself (RFC 9460 §2.5): that is for
 * the caller. */
const uint8_t *rr_additional_name(uint16_t type, const uint8_t *rdata, size_t rdlen);

/* Types that may not be stored in a zone: 0, OPT, TKEY, TSIG, IXFR…ANY (128–255 are meta or QTYPEs, RFC 6895 §3.1). */
bool rr_type_is_meta(uint16_t type);

/* Types that must stand alone in an RRset of one: CNAME, DNAME, SOA, and NSEC (signer's) are singletons. */
bool rr_type_is_singleton(uint16_t type);

/* Types that DNSSEC signing puts in a zone: RRSIG, NSEC, NSEC3, (not DNSKEY, DS, NSEC3PARAM). */
bool rr_type_is_dnssec_denial_or_sig(uint16_t type);

/* "AAAA", or "TYPE65280" for an unknown one (RFC 3597 §5). out has RR_TYPE_TEXT_MAX octets; returned for convenience.
 */
enum { RR_TYPE_TEXT_MAX = 16 };
char *rr_type_to_text(uint16_t type, char out[RR_TYPE_TEXT_MAX]);
MUST_USE enum err rr_type_from_text(uint16_t *type, const char *text);

/* SOA fields (RFC 1035 §3.3.13); false if rdata is not a SOA. Offsets from the end are fixed, so serial can be
 * patched. */
struct rr_soa {
	const uint8_t *mname, *rname;
	uint32_t serial, refresh, retry, expire, minimum;
};
bool rr_soa_parse(struct rr_soa *soa, const uint8_t *rdata, size_t rdlen);
void rr_soa_set_serial(uint8_t *rdata, size_t rdlen, uint32_t serial);

/* Serial arithmetic (RFC 1982 §3.2): true if a is newer than b; false also where the order is undefined. */
static inline bool rr_serial_newer(uint32_t a, uint32_t b)
{
	return a != b && (uint32_t)(a - b) < UINT32_C(0x80000000);
}

#endif
