#include "lib/rr_table.h"

#include <stdio.h>
#include <strings.h>

_Static_assert(sizeof rr_table[0].text <= RR_TYPE_TEXT_MAX, "a mnemonic fits where it is printed");

/* In numerical order. The RFC is that of the layout. */
const struct rr_row rr_table[RR_TABLE_SIZE] = {
	/* RFC 1035 §3.3, §3.4 */
	[TYPE_A] = {"A", {4}, false, 0},
	[TYPE_NS] = {"NS", {PIECE_NAME_COMPRESSED}, true, 1},
	[TYPE_MD] = {"MD", {PIECE_NAME_COMPRESSED}, true, 1},
	[TYPE_MF] = {"MF", {PIECE_NAME_COMPRESSED}, true, 1},
	[TYPE_CNAME] = {"CNAME", {PIECE_NAME_COMPRESSED}, true, 0},
	[TYPE_SOA] = {"SOA", {PIECE_NAME_COMPRESSED, PIECE_NAME_COMPRESSED, 20}, true, 0},
	[TYPE_MB] = {"MB", {PIECE_NAME_COMPRESSED}, true, 1},
	[TYPE_MG] = {"MG", {PIECE_NAME_COMPRESSED}, true, 0},
	[TYPE_MR] = {"MR", {PIECE_NAME_COMPRESSED}, true, 0},
	[TYPE_NULL] = {"NULL", {PIECE_REST}, false, 0},
	[TYPE_WKS] = {"WKS", {5, PIECE_REST}, false, 0},
	[TYPE_PTR] = {"PTR", {PIECE_NAME_COMPRESSED}, true, 0},
	[TYPE_HINFO] = {"HINFO", {PIECE_STRING, PIECE_STRING}, false, 0},
	[TYPE_MINFO] = {"MINFO", {PIECE_NAME_COMPRESSED, PIECE_NAME_COMPRESSED}, true, 0},
	[TYPE_MX] = {"MX", {2, PIECE_NAME_COMPRESSED}, true, 3},
	[TYPE_TXT] = {"TXT", {PIECE_STRINGS}, false, 0},
	/* RFC 1183 */
	[TYPE_RP] = {"RP", {PIECE_NAME_DECOMPRESSED, PIECE_NAME_DECOMPRESSED}, true, 0},
	[TYPE_AFSDB] = {"AFSDB", {2, PIECE_NAME_DECOMPRESSED}, true, 3},
	[TYPE_X25] = {"X25", {PIECE_STRING}, false, 0},
	[TYPE_ISDN] = {"ISDN", {PIECE_STRING, PIECE_STRING_OPTIONAL}, false, 0},
	[TYPE_RT] = {"RT", {2, PIECE_NAME_DECOMPRESSED}, true, 3},
	/* RFC 1706, RFC 1348 */
	[TYPE_NSAP] = {"NSAP", {PIECE_REST_SOME}, false, 0},
	[TYPE_NSAP_PTR] = {"NSAP-PTR", {PIECE_NAME_PLAIN}, false, 0},
	/* RFC 2535 §4.1; type covered to key tag are 18 octets. A KEY may say that there is no key (§3.1.2) */
	[TYPE_SIG] = {"SIG", {18, PIECE_NAME_DECOMPRESSED, PIECE_REST_SOME}, true, 0},
	[TYPE_KEY] = {"KEY", {4, PIECE_REST}, false, 0},
	/* RFC 2163, RFC 1712, RFC 3596, RFC 1876 version 0, RFC 2535 §5.2 */
	[TYPE_PX] = {"PX", {2, PIECE_NAME_DECOMPRESSED, PIECE_NAME_DECOMPRESSED}, true, 0},
	[TYPE_GPOS] = {"GPOS", {PIECE_STRING, PIECE_STRING, PIECE_STRING}, false, 0},
	[TYPE_AAAA] = {"AAAA", {16}, false, 0},
	[TYPE_LOC] = {"LOC", {16}, false, 0},
	[TYPE_NXT] = {"NXT", {PIECE_NAME_DECOMPRESSED, PIECE_REST_SOME}, true, 0},
	/* RFC 2782, RFC 3403, RFC 2230, RFC 4398, RFC 2874 (historic: kept as octets), RFC 6672 */
	[TYPE_SRV] = {"SRV", {6, PIECE_NAME_DECOMPRESSED}, true, 7},
	[TYPE_NAPTR] = {"NAPTR", {4, PIECE_STRING, PIECE_STRING, PIECE_STRING, PIECE_NAME_DECOMPRESSED}, true, 0},
	[TYPE_KX] = {"KX", {2, PIECE_NAME_PLAIN}, true, 3},
	[TYPE_CERT] = {"CERT", {5, PIECE_REST_SOME}, false, 0},
	[TYPE_A6] = {"A6", {PIECE_REST_SOME}, false, 0},
	[TYPE_DNAME] = {"DNAME", {PIECE_NAME_PLAIN}, true, 0},
	/* RFC 6891: options are the message's business */
	[TYPE_OPT] = {"OPT", {PIECE_REST}, false, 0},
	/* RFC 3123, RFC 4034 §5, RFC 4255, RFC 4025 */
	[TYPE_APL] = {"APL", {PIECE_APL}, false, 0},
	[TYPE_DS] = {"DS", {4, PIECE_REST_SOME}, false, 0},
	[TYPE_SSHFP] = {"SSHFP", {2, PIECE_REST_SOME}, false, 0},
	[TYPE_IPSECKEY] = {"IPSECKEY", {1, PIECE_IPSECKEY, PIECE_REST}, false, 0},
	/* RFC 4034 §3, §4, §2; the next name of NSEC is not lowered (RFC 6840 §5.1) */
	[TYPE_RRSIG] = {"RRSIG", {18, PIECE_NAME_PLAIN, PIECE_REST_SOME}, true, 0},
	[TYPE_NSEC] = {"NSEC", {PIECE_NAME_PLAIN, PIECE_BITMAP_SOME}, false, 0},
	[TYPE_DNSKEY] = {"DNSKEY", {4, PIECE_REST_SOME}, false, 0},
	/* RFC 4701, RFC 5155 */
	[TYPE_DHCID] = {"DHCID", {PIECE_REST_SOME}, false, 0},
	[TYPE_NSEC3] = {"NSEC3", {4, PIECE_STRING, PIECE_STRING_SOME, PIECE_BITMAP}, false, 0},
	[TYPE_NSEC3PARAM] = {"NSEC3PARAM", {4, PIECE_STRING}, false, 0},
	/* RFC 6698, RFC 8162, RFC 8005, RFC 8078, RFC 7929, RFC 7477 */
	[TYPE_TLSA] = {"TLSA", {3, PIECE_REST_SOME}, false, 0},
	[TYPE_SMIMEA] = {"SMIMEA", {3, PIECE_REST_SOME}, false, 0},
	[TYPE_HIP] = {"HIP", {PIECE_HIP}, false, 0},
	[TYPE_CDS] = {"CDS", {4, PIECE_REST_SOME}, false, 0},
	[TYPE_CDNSKEY] = {"CDNSKEY", {4, PIECE_REST_SOME}, false, 0},
	[TYPE_OPENPGPKEY] = {"OPENPGPKEY", {PIECE_REST_SOME}, false, 0},
	[TYPE_CSYNC] = {"CSYNC", {6, PIECE_BITMAP}, false, 0},
	/* RFC 8976 §2.2: serial, scheme, hash algorithm, a digest of at least 12 octets */
	[TYPE_ZONEMD] = {"ZONEMD", {6, 12, PIECE_REST}, false, 0},
	/* RFC 9460 */
	[TYPE_SVCB] = {"SVCB", {2, PIECE_NAME_PLAIN, PIECE_SVC_PARAMS}, false, 3},
	[TYPE_HTTPS] = {"HTTPS", {2, PIECE_NAME_PLAIN, PIECE_SVC_PARAMS}, false, 3},
	/* RFC 7208 */
	[TYPE_SPF] = {"SPF", {PIECE_STRINGS}, false, 0},
	/* RFC 6742, RFC 7043 */
	[TYPE_NID] = {"NID", {10}, false, 0},
	[TYPE_L32] = {"L32", {6}, false, 0},
	[TYPE_L64] = {"L64", {10}, false, 0},
	[TYPE_LP] = {"LP", {2, PIECE_NAME_PLAIN}, false, 0},
	[TYPE_EUI48] = {"EUI48", {6}, false, 0},
	[TYPE_EUI64] = {"EUI64", {8}, false, 0},
	/* RFC 2930 §2: algorithm; inception, expiration, mode, error; key; other. RFC 8945 §4.2: algorithm; time,
	 * fudge; MAC; original ID, error; other */
	[TYPE_TKEY] = {"TKEY", {PIECE_NAME_PLAIN, 12, PIECE_BLOB16, PIECE_BLOB16}, false, 0},
	[TYPE_TSIG] = {"TSIG", {PIECE_NAME_PLAIN, 8, PIECE_BLOB16, 4, PIECE_BLOB16}, false, 0},
	/* QTYPEs: names for people only */
	[TYPE_IXFR] = {.text = "IXFR"},
	[TYPE_AXFR] = {.text = "AXFR"},
	[TYPE_MAILB] = {.text = "MAILB"},
	[TYPE_MAILA] = {.text = "MAILA"},
	[TYPE_ANY] = {.text = "ANY"},
	/* RFC 7553 §4.5, RFC 8659 §4.1 */
	[TYPE_URI] = {"URI", {4, PIECE_REST_SOME}, false, 0},
	[TYPE_CAA] = {"CAA", {1, PIECE_STRING_SOME, PIECE_REST}, false, 0},
};

char *rr_type_to_text(uint16_t type, char out[RR_TYPE_TEXT_MAX])
{
	const struct rr_row *row = rr_table_row(type);
	if (row->text[0])
		memcpy(out, row->text, sizeof row->text);
	else
		snprintf(out, RR_TYPE_TEXT_MAX, "TYPE%u", (unsigned)type);
	return out;
}

/* The digits of TYPE65280 (RFC 3597 §5). */
static enum err type_from_number(uint16_t *type, const char *digits)
{
	unsigned value = 0;
	if (*digits == '\0')
		return ERR_FORMAT;
	for (; *digits; digits++) {
		if (*digits < '0' || *digits > '9')
			return ERR_FORMAT;
		value = value * 10 + (unsigned)(*digits - '0');
		if (value > UINT16_MAX)
			return ERR_RANGE;
	}
	*type = (uint16_t)value;
	return ERR_OK;
}

enum err rr_type_from_text(uint16_t *type, const char *text)
{
	static const char generic[] = "TYPE";
	if (*text == '\0')
		return ERR_FORMAT;
	for (uint16_t i = 0; i < RR_TABLE_SIZE; i++)
		if (strcasecmp(rr_table[i].text, text) == 0) {
			*type = i;
			return ERR_OK;
		}
	if (strncasecmp(text, generic, sizeof generic - 1) == 0)
		return type_from_number(type, text + sizeof generic - 1);
	return ERR_FORMAT;
}
