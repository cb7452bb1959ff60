#include "lib/text.h"

#include <arpa/inet.h>
#include <ldns/ldns.h>
#include <stdio.h>
#include <stdlib.h>
#include <strings.h>

/* How text becomes RDATA: our own scanner takes the words (so parentheses, comments and line ends are settled here and
 * nothing after the RDATA can become a second record); \# is read here for all types; a few types are laid out by a
 * pattern, because ldns 1.8 refuses or misprints valid forms of them; the rest goes to ldns. Whatever made the octets,
 * rr_check_rdata has the last word.
 *
 * How RDATA becomes text: the same two ways, and the text is read back. What would not give the same octets (a LOC with
 * odd precision, a string with no presentation form) is written in the \# form, which always does. */

enum {
	TEXT_LEN_MAX = 7 * RDATA_MAX + 4 * 1024, /* each octet as \DDD and quoted by itself, and room for numbers */
	STRING_MAX = 255,                        /* character-string, RFC 1035 §3.3 */
	LDNS_TOKEN_MAX = 65535,                  /* LDNS_MAX_RDFLEN: longer words do not fit ldns's buffers */
	TTL_MAX = 0x7fffffff,                    /* RFC 2181 §8 */
	OCTETS_A_STRING = 3                      /* quotes and a space around each in a TXT */
};

/* b: 8-bit number, w: 16-bit number, d: 32-bit number or a time with units, 4 and 6: addresses, t: CAA tag, n: name,
 * l: one string up to the end, S: character-strings up to the end, g: gateway of IPSECKEY, B: base64 up to the end.
 *
 * The first rows are here because zones are full of them and ldns needs some 20 us to read one. The others because of
 * ldns: TXT and SPF print a tab raw; CAA and URI must have quotes where RFC 8659 §4.1.1 asks for none, and lose an
 * empty value; NSAP-PTR is taken for a string; a relative gateway is not completed and a fault after it leaks; names as
 * below. */
static const struct pattern {
	uint16_t type;
	const char *pieces;
} patterns[] = {
	{TYPE_A, "4"},      {TYPE_AAAA, "6"},       {TYPE_NS, "n"},           {TYPE_CNAME, "n"},
	{TYPE_PTR, "n"},    {TYPE_DNAME, "n"},      {TYPE_SOA, "nnddddd"},    {TYPE_MX, "wn"},
	{TYPE_SRV, "wwwn"}, {TYPE_TXT, "S"},        {TYPE_SPF, "S"},          {TYPE_CAA, "btl"},
	{TYPE_URI, "wwl"},  {TYPE_NSAP_PTR, "n"},   {TYPE_IPSECKEY, "bbbgB"}, {TYPE_KX, "wn"},
	{TYPE_AFSDB, "wn"}, {TYPE_RT, "wn"},        {TYPE_LP, "wn"},          {TYPE_PX, "wnn"},
	{TYPE_RP, "nn"},    {TYPE_MINFO, "nn"},     {TYPE_MB, "n"},           {TYPE_MG, "n"},
	{TYPE_MR, "n"},     {TYPE_NAPTR, "wwsssn"},
};

static const char *pattern_of(uint16_t type)
{
	for (size_t i = 0; i < sizeof patterns / sizeof patterns[0]; i++)
		if (patterns[i].type == type)
			return patterns[i].pieces;
	return NULL;
}

static bool has_mnemonic(uint16_t type)
{
	char text[RR_TYPE_TEXT_MAX];
	return strncmp(rr_type_to_text(type, text), "TYPE", 4) != 0;
}

/* What ldns does not check, by word. b, w, d: as above (ldns lets a number that is too large wrap round; a word that
 * starts with a letter is a mnemonic and ldns's to know), c: certificate type (0 makes ldns leak), h: hexadecimal,
 * x: the same up to the end (ldns takes half an octet for a whole one), n: name (ldns takes one whose first label is
 * "@" for the origin), -: anything. */
static const struct pattern checked_words[] = {
	{TYPE_DS, "wbbx"},        {TYPE_CDS, "wbbx"},        {TYPE_DNSKEY, "wbb"},  {TYPE_CDNSKEY, "wbb"},
	{TYPE_KEY, "wbb"},        {TYPE_TLSA, "bbbx"},       {TYPE_SMIMEA, "bbbx"}, {TYPE_SSHFP, "bbx"},
	{TYPE_RRSIG, "-bbd--wn"}, {TYPE_SIG, "-bbd--wn"},    {TYPE_NSEC, "n"},      {TYPE_NXT, "n"},
	{TYPE_NSEC3, "bbwh"},     {TYPE_NSEC3PARAM, "bbwh"}, {TYPE_CERT, "cwb"},    {TYPE_CSYNC, "dw"},
	{TYPE_ZONEMD, "dbbx"},    {TYPE_HIP, "bh"},          {TYPE_NID, "w"},       {TYPE_L32, "w"},
	{TYPE_L64, "w"},          {TYPE_SVCB, "wn"},         {TYPE_HTTPS, "wn"},
};

static const char *checks_of(uint16_t type)
{
	for (size_t i = 0; i < sizeof checked_words / sizeof checked_words[0]; i++)
		if (checked_words[i].type == type)
			return checked_words[i].pieces;
	return "";
}

/* Not WKS: ldns asks getservbyname(3) for its ports, so the text would depend on the host, and that is not
 * thread-safe. */
static bool ldns_knows(uint16_t type)
{
	return has_mnemonic(type) && !rr_type_is_meta(type) && type != TYPE_WKS;
}

/* ---- the scanner ---- */

struct word {
	const char *at; /* as written, quotes included */
	size_t len;
	bool quoted; /* "…" as a whole */
};

struct scanner {
	const char *p;
	unsigned depth;    /* open parentheses */
	const char *fault; /* why the scan failed */
};

static bool is_blank(char c)
{
	return c == ' ' || c == '\t' || c == '\r';
}

/* To the next word's first character. A line end outside parentheses may be followed by nothing but blanks. */
static bool skip_blanks(struct scanner *s)
{
	bool ended = false;
	for (;; s->p++) {
		if (*s->p == ';')
			s->p += strcspn(s->p, "\n");
		if (*s->p == '\n')
			ended |= s->depth == 0;
		else if (*s->p == '(' && !ended)
			s->depth++;
		else if (*s->p == ')' && s->depth > 0)
			s->depth--;
		else if (*s->p == ')')
			s->fault = "')' without '('";
		else if (!is_blank(*s->p))
			break;
		if (s->fault)
			return false;
	}
	if (*s->p == '\0')
		s->fault = s->depth ? "'(' without ')'" : NULL;
	else if (ended)
		s->fault = "more than one line";
	return !s->fault;
}

/* After the closing quote, or NULL. */
static const char *skip_quoted(const char *p)
{
	for (p++; *p != '"'; p++) {
		if (*p == '\\' && p[1])
			p++;
		if (*p == '\0' || *p == '\n')
			return NULL;
	}
	return p + 1;
}

/* The next word; false at the end (fault NULL) or when the text is broken. */
static bool next_word(struct scanner *s, struct word *w)
{
	if (!skip_blanks(s) || *s->p == '\0')
		return false;
	const char *p = s->p;
	*w = (struct word){.at = p, .quoted = *p == '"'};
	if (w->quoted)
		p = skip_quoted(p);
	else
		while (p && *p && !is_blank(*p) && !strchr("\n();", *p)) {
			/* Quotes inside a word belong to it: alpn="h2,h3" (RFC 9460 §2.1). */
			if (*p == '"')
				p = skip_quoted(p);
			else
				p += *p == '\\' && p[1] && p[1] != '\n' ? 2 : 1;
		}
	if (!p) {
		s->fault = "a quote is not closed";
		return false;
	}
	w->len = (size_t)(p - w->at);
	s->p = p;
	return true;
}

static bool word_is(const struct word *w, const char *text)
{
	return w->len == strlen(text) && strncasecmp(w->at, text, w->len) == 0;
}

static bool word_to_number(const struct word *w, unsigned long max, unsigned long *out)
{
	*out = 0;
	if (w->len == 0)
		return false;
	for (size_t i = 0; i < w->len; i++) {
		if (w->at[i] < '0' || w->at[i] > '9')
			return false;
		*out = *out * 10 + (unsigned long)(w->at[i] - '0');
		if (*out > max)
			return false;
	}
	return true;
}

/* A serial or a time: seconds, or a sum with units as in a TTL. */
static bool word_to_seconds(const struct word *w, uint32_t *out)
{
	char text[24];
	unsigned long number;
	if (word_to_number(w, UINT32_MAX, &number)) {
		*out = (uint32_t)number;
		return true;
	}
	if (w->len >= sizeof text)
		return false;
	memcpy(text, w->at, w->len);
	text[w->len] = '\0';
	return text_ttl_from_text(out, text) == ERR_OK;
}

/* Writes the octets the word stands for: without its quotes, escapes undone (RFC 1035 §5.1). False on a bad escape. */
static bool put_unescaped(struct wbuf *out, const struct word *w)
{
	const char *p = w->at, *end = w->at + w->len;
	if (w->quoted) {
		p++;
		end--;
	}
	while (p < end) {
		char c = *p++;
		if (c != '\\') {
			buf_put_u8(out, (uint8_t)c);
			continue;
		}
		if (p == end)
			return false;
		if (*p < '0' || *p > '9') {
			buf_put_u8(out, (uint8_t)*p++);
			continue;
		}
		unsigned long octet;
		if (end - p < 3 || !word_to_number(&(struct word){.at = p, .len = 3}, UINT8_MAX, &octet))
			return false;
		buf_put_u8(out, (uint8_t)octet);
		p += 3;
	}
	return true;
}

/* ---- reading: RFC 3597 §5 ---- */

static int hex_value(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	if (c >= 'a' && c <= 'f')
		return c - 'a' + 10;
	return c >= 'A' && c <= 'F' ? c - 'A' + 10 : -1;
}

/* After the \#: the length and as many octets in hexadecimal, in any number of words (which may split an octet). */
static const char *read_generic(struct scanner *s, struct wbuf *out)
{
	struct word w;
	unsigned long want;
	if (!next_word(s, &w) || !word_to_number(&w, RDATA_MAX, &want))
		return "after \\# comes a length from 0 to 65535";
	size_t digits = 0;
	int high = 0;
	while (next_word(s, &w))
		for (size_t i = 0; i < w.len; i++, digits++) {
			int value = hex_value(w.at[i]);
			if (value < 0)
				return "after \\# and the length come hexadecimal digits only";
			if (digits % 2)
				buf_put_u8(out, (uint8_t)(high << 4 | value));
			high = value;
		}
	if (s->fault)
		return s->fault;
	return digits == want * 2 ? NULL : "the length after \\# is not that of the octets";
}

/* ---- reading: patterns ---- */

static const char *put_name(struct wbuf *out, const struct word *w, const uint8_t *origin)
{
	if (word_is(w, "@")) {
		buf_put(out, origin, name_len(origin));
		return NULL;
	}
	char text[NAME_TEXT_MAX];
	struct name name, whole;
	if (w->len >= sizeof text)
		return "a name is too long";
	memcpy(text, w->at, w->len);
	text[w->len] = '\0';
	if (name_from_text(&name, text) != ERR_OK)
		return "not a name";
	size_t backslashes = 0;
	while (w->len > 1 + backslashes && text[w->len - 2 - backslashes] == '\\')
		backslashes++;
	bool absolute = text[w->len - 1] == '.' && backslashes % 2 == 0;
	if (!absolute) {
		if (name_join(&whole, name.wire, name.len - 1u, origin) != ERR_OK)
			return "a name is too long when completed with the origin";
		name = whole;
	}
	buf_put(out, name.wire, name.len);
	return NULL;
}

static const char *put_string(struct wbuf *out, const struct word *w)
{
	uint8_t octets[STRING_MAX];
	struct wbuf string = buf_writer(octets, sizeof octets);
	if (!put_unescaped(&string, w))
		return "a bad escape: write \\DDD (000 to 255) or \\X";
	if (string.full)
		return "a string is longer than 255 octets: split it into several, \"…\" \"…\"";
	buf_put_u8(out, (uint8_t)string.len);
	buf_put(out, octets, string.len);
	return NULL;
}

static const char *put_tag(struct wbuf *out, const struct word *w)
{
	for (size_t i = 0; i < w->len; i++)
		if (!strchr("abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ0123456789", w->at[i]))
			return "a CAA tag has letters and digits only"; /* RFC 8659 §4.1 */
	return put_string(out, w);
}

static const char *put_address(struct wbuf *out, int family, const struct word *w)
{
	char text[INET6_ADDRSTRLEN] = "";
	uint8_t octets[16];
	if (w->len < sizeof text)
		memcpy(text, w->at, w->len);
	if (inet_pton(family, text, octets) != 1)
		return family == AF_INET ? "not an IPv4 address" : "not an IPv6 address";
	buf_put(out, octets, family == AF_INET ? 4 : 16);
	return NULL;
}

/* After precedence, gateway type and algorithm (RFC 4025 §2.1, §2.5). */
static const char *put_gateway(struct wbuf *out, const struct word *w, const uint8_t *origin)
{
	uint8_t kind = out->full ? 0 : out->data[out->len - 2];
	if (kind == 0)
		return word_is(w, ".") ? NULL : "gateway type 0 has the gateway '.'";
	if (kind == 3)
		return put_name(out, w, origin);
	if (kind > 3)
		return "a gateway type is a number from 0 to 3";
	return put_address(out, kind == 1 ? AF_INET : AF_INET6, w);
}

/* Base64 in any number of words, or none. */
static const char *put_base64(struct wbuf *out, struct scanner *s)
{
	size_t len = 0;
	struct word w;
	char *text = malloc(strlen(s->p) + 1);
	if (!text)
		return err_text(ERR_NOMEM);
	for (; next_word(s, &w); len += w.len)
		memcpy(text + len, w.at, w.len);
	text[len] = '\0';
	enum err err = text_base64_from_text(text, out->data + out->len, out->cap - out->len, &len);
	free(text);
	if (err == ERR_NOSPACE)
		out->full = true;
	else if (err == ERR_OK)
		out->len += len;
	return err == ERR_FORMAT ? "not base64" : s->fault;
}

static const char *put_piece(struct wbuf *out, char piece, const struct word *w, const uint8_t *origin)
{
	unsigned long number;
	uint32_t seconds;
	switch (piece) {
	case '4':
		return put_address(out, AF_INET, w);
	case '6':
		return put_address(out, AF_INET6, w);
	case 'd':
		if (!word_to_seconds(w, &seconds))
			return "a number from 0 to 4294967295, or a time like 1h30m, is wanted";
		buf_put_u32(out, seconds);
		return NULL;
	case 'b':
		if (!word_to_number(w, UINT8_MAX, &number))
			return "a number from 0 to 255 is wanted";
		buf_put_u8(out, (uint8_t)number);
		return NULL;
	case 'w':
		if (!word_to_number(w, UINT16_MAX, &number))
			return "a number from 0 to 65535 is wanted";
		buf_put_u16(out, (uint16_t)number);
		return NULL;
	case 't':
		return put_tag(out, w);
	case 'n':
		return put_name(out, w, origin);
	case 'g':
		return put_gateway(out, w, origin);
	case 'l':
		return put_unescaped(out, w) ? NULL : "a bad escape: write \\DDD (000 to 255) or \\X";
	default:
		return put_string(out, w);
	}
}

static const char *read_pattern(struct scanner *s, const char *pieces, const uint8_t *origin, struct wbuf *out)
{
	struct word w;
	const char *fault = NULL;
	for (; *pieces && !fault; pieces++) {
		if (*pieces == 'B')
			return put_base64(out, s);
		if (!next_word(s, &w))
			return s->fault ? s->fault : "something is missing";
		fault = put_piece(out, *pieces, &w, origin);
		if (*pieces != 'S')
			continue;
		while (!fault && next_word(s, &w))
			fault = put_piece(out, 'S', &w, origin);
	}
	if (!fault && next_word(s, &w))
		return "there is too much";
	return fault ? fault : s->fault;
}

/* ---- reading: ldns ---- */

static const char *check_number(char piece, const struct word *w)
{
	unsigned long number;
	uint32_t seconds;
	if ((w->at[0] | 0x20) >= 'a' && (w->at[0] | 0x20) <= 'z')
		return NULL;
	if (piece == 'd')
		return word_to_seconds(w, &seconds) ? NULL : "a number or time is too large, or none";
	if (!word_to_number(w, piece == 'b' ? UINT8_MAX : UINT16_MAX, &number))
		return "a number is too large, or no number";
	return number == 0 && piece == 'c' ? "certificate type 0 is reserved" : NULL;
}

/* See checked_words. *digits counts those of 'x'. */
static const char *check_word(char piece, const struct word *w, size_t *digits)
{
	switch (piece) {
	case '-':
	case 'n':
		return NULL;
	case 'h':
		return w->len % 2 && !word_is(w, "-") ? "hexadecimal digits come in pairs" : NULL;
	case 'x':
		*digits += w->len;
		return NULL;
	default:
		return check_number(piece, w);
	}
}

static bool word_starts(const struct word *w, const char *key)
{
	return w->len >= strlen(key) && strncasecmp(w->at, key, strlen(key)) == 0;
}

static bool port_fits(const struct word *w)
{
	size_t skip = strlen("port=");
	struct word value = {.at = w->at + skip, .len = w->len - skip};
	if (value.len >= 2 && value.at[0] == '"') {
		value.at++;
		value.len -= 2;
	}
	unsigned long port;
	return word_to_number(&value, UINT16_MAX, &port);
}

/* ldns lets a port over 65535 wrap round (RFC 9460 §7.2 has 16 bits), and undoes one layer of escapes where the values
 * of alpn have two (RFC 9460 appendix A.1). */
static const char *check_svc_param(const struct word *w)
{
	if (word_starts(w, "alpn=") && memchr(w->at, '\\', w->len))
		return "an alpn with a backslash can be given in the \\# form only";
	return word_starts(w, "port=") && !port_fits(w) ? "a port is a number from 0 to 65535" : NULL;
}

/* ". 0 IN TYPE " and the words with one space between; the caller frees. NULL: *fault says why, or NULL for no
 * memory. The name is also put into `base`, whole: as ldns's origin, which it may take it for. */
static char *make_line(struct scanner *s, uint16_t type, const uint8_t *origin, struct wbuf *base, const char **fault)
{
	char mnemonic[RR_TYPE_TEXT_MAX];
	*fault = NULL;
	size_t cap = 2 * strlen(s->p) + 64; /* a space before each word */
	char *line = malloc(cap);
	if (!line)
		return NULL;
	size_t len = (size_t)snprintf(line, cap, ". 0 IN %s", rr_type_to_text(type, mnemonic));

	struct word w;
	const char *checks = checks_of(type);
	size_t digits = 0;
	while (!*fault && next_word(s, &w)) {
		line[len++] = ' ';
		if (w.len >= LDNS_TOKEN_MAX)
			*fault = "a word is too long: split it, or use the \\# form";
		else if (*checks)
			*fault = check_word(*checks, &w, &digits);
		else if (type == TYPE_SVCB || type == TYPE_HTTPS)
			*fault = check_svc_param(&w);
		if (!*fault && *checks == 'n')
			*fault = put_name(base, &w, origin);
		if (*checks && *checks != 'x')
			checks++;
		memcpy(line + len, w.at, w.len);
		len += w.len;
	}
	if (!*fault)
		*fault = s->fault ? s->fault : digits % 2 ? "hexadecimal digits come in pairs" : NULL;
	line[len] = '\0';
	if (!*fault)
		return line;
	free(line);
	return NULL;
}

/* ldns takes any number of degrees. The middle is 2^31, the unit a thousandth of a second of arc (RFC 1876 §2). */
static bool loc_is_on_earth(const uint8_t *rdata, size_t rdlen)
{
	const int64_t middle = INT64_C(1) << 31, degree = 3600 * 1000;
	if (rdlen != 16)
		return false;
	int64_t latitude = buf_load_u32(rdata + 4) - middle, longitude = buf_load_u32(rdata + 8) - middle;
	return llabs(latitude) <= 90 * degree && llabs(longitude) <= 180 * degree;
}

static enum err read_ldns(struct scanner *s, uint16_t type, const uint8_t *origin, struct wbuf *out, const char **fault)
{
	enum err err = ERR_NOMEM;
	ldns_rdf *base = NULL;
	ldns_buffer *wire = NULL;
	ldns_rr *rr = NULL;
	uint8_t octets[NAME_WIRE_MAX];
	struct wbuf whole = buf_writer(octets, sizeof octets);
	char *line = make_line(s, type, origin, &whole, fault);
	if (!line)
		return *fault ? ERR_FORMAT : ERR_NOMEM;
	if (whole.len && octets[0] == 1 && octets[1] == '@')
		origin = octets;
	base = ldns_dname_new_frm_data((uint16_t)name_len(origin), origin);
	wire = ldns_buffer_new(LDNS_MAX_PACKETLEN);
	if (!base || !wire)
		goto done;
	ldns_status status = ldns_rr_new_frm_str(&rr, line, 0, base, NULL);
	if (status == LDNS_STATUS_OK && ldns_rr_get_type(rr) != type)
		status = LDNS_STATUS_SYNTAX_TYPE_ERR;
	if (status == LDNS_STATUS_OK)
		status = ldns_rr_rdata2buffer_wire(wire, rr);
	if (status == LDNS_STATUS_OK && type == TYPE_LOC &&
	    !loc_is_on_earth(ldns_buffer_begin(wire), ldns_buffer_position(wire)))
		status = LDNS_STATUS_SYNTAX_RDATA_ERR;
	if (status == LDNS_STATUS_OK) {
		buf_put(out, ldns_buffer_begin(wire), ldns_buffer_position(wire));
		err = ERR_OK;
	} else if (status != LDNS_STATUS_MEM_ERR) {
		*fault = ldns_get_errorstr_by_id(status);
		err = ERR_FORMAT;
	}
done:
	ldns_rr_free(rr);
	ldns_buffer_free(wire);
	ldns_rdf_deep_free(base);
	free(line);
	return err;
}

/* ---- reading ---- */

static enum err read_words(struct scanner *s, uint16_t type, const uint8_t *origin, struct wbuf *out,
			   const char **fault)
{
	struct scanner ahead = *s;
	struct word first;
	if (!next_word(&ahead, &first)) {
		*fault = ahead.fault ? ahead.fault : "there is no RDATA";
		/* Only APL may be empty in its own text form (RFC 3123 §5). */
		return type == TYPE_APL && !ahead.fault ? ERR_OK : ERR_FORMAT;
	}
	const char *pieces = pattern_of(type);
	if (word_is(&first, "\\#"))
		*fault = read_generic(&ahead, out);
	else if (pieces)
		*fault = read_pattern(s, pieces, origin, out);
	else if (ldns_knows(type))
		return read_ldns(s, type, origin, out, fault);
	else
		*fault = "this type has only the form \\# LENGTH HEX (RFC 3597)";
	return *fault ? ERR_FORMAT : ERR_OK;
}

enum err text_rdata_from_text(uint16_t type, const char *text, const uint8_t *origin, struct wbuf *out,
			      struct errmsg *msg)
{
	static const uint8_t root[] = {0};
	char mnemonic[RR_TYPE_TEXT_MAX];
	rr_type_to_text(type, mnemonic);
	if (out->full)
		return errmsg_set(msg, ERR_NOSPACE, "%s '%.100s': there is no room for it", mnemonic, text);
	if (strnlen(text, TEXT_LEN_MAX + 1) > TEXT_LEN_MAX)
		return errmsg_set(msg, ERR_FORMAT, "%s '%.100s…': the text is too long", mnemonic, text);

	size_t start = out->len;
	struct scanner s = {.p = text};
	const char *fault = NULL;
	enum err err = read_words(&s, type, origin ? origin : root, out, &fault);
	if (err == ERR_OK && out->full) {
		err = ERR_NOSPACE;
		fault = "there is no room for it";
	}
	if (err == ERR_OK && rr_check_rdata(type, out->data + start, out->len - start) != ERR_OK) {
		err = ERR_FORMAT;
		fault = "a value that this type cannot have, or something missing";
	}
	if (err == ERR_OK)
		return ERR_OK;
	out->len = start;
	out->full = false;
	return errmsg_set(msg, err, "%s '%.100s': %s", mnemonic, text, fault ? fault : err_text(err));
}

/* ---- writing ---- */

/* Text is made in a buffer of the greatest length that the RDATA can need, then cut to its own. */
struct printer {
	char *text;
	size_t len;
};

static void print(struct printer *p, const char *text)
{
	size_t n = strlen(text);
	memcpy(p->text + p->len, text, n);
	p->len += n;
}

static void print_number(struct printer *p, unsigned number)
{
	char digits[16];
	snprintf(digits, sizeof digits, "%u", number);
	print(p, digits);
}

static void print_quoted(struct printer *p, const uint8_t *octets, size_t len)
{
	p->text[p->len++] = '"';
	for (size_t i = 0; i < len; i++) {
		if (octets[i] < 0x20 || octets[i] > 0x7e) {
			p->text[p->len++] = '\\';
			p->text[p->len++] = (char)('0' + octets[i] / 100);
			p->text[p->len++] = (char)('0' + octets[i] / 10 % 10);
			p->text[p->len++] = (char)('0' + octets[i] % 10);
			continue;
		}
		if (octets[i] == '"' || octets[i] == '\\')
			p->text[p->len++] = '\\';
		p->text[p->len++] = (char)octets[i];
	}
	p->text[p->len++] = '"';
}

static void print_name(struct printer *p, struct rbuf *in)
{
	char text[NAME_TEXT_MAX];
	const uint8_t *name = in->data + in->pos;
	print(p, name_to_text(name, text));
	buf_get(in, name_len(name));
}

static void print_address(struct printer *p, int family, struct rbuf *in)
{
	char text[INET6_ADDRSTRLEN];
	print(p, inet_ntop(family, buf_get(in, family == AF_INET ? 4 : 16), text, sizeof text));
}

static void print_gateway(struct printer *p, struct rbuf *in)
{
	uint8_t kind = in->data[1];
	if (kind == 0)
		print(p, ".");
	else if (kind == 3)
		print_name(p, in);
	else
		print_address(p, kind == 1 ? AF_INET : AF_INET6, in);
}

static void print_base64(struct printer *p, struct rbuf *in)
{
	char *text;
	size_t len = buf_left(in);
	if (text_base64_to_text(buf_get(in, len), len, &text) != ERR_OK)
		return; /* the text then does not read back and gives way to the \# form */
	print(p, text);
	free(text);
}

static void print_piece(struct printer *p, char piece, struct rbuf *in)
{
	size_t len;
	switch (piece) {
	case '4':
		print_address(p, AF_INET, in);
		break;
	case '6':
		print_address(p, AF_INET6, in);
		break;
	case 'd':
		print_number(p, buf_get_u32(in));
		break;
	case 'b':
		print_number(p, buf_get_u8(in));
		break;
	case 'w':
		print_number(p, buf_get_u16(in));
		break;
	case 't':
		len = buf_get_u8(in);
		memcpy(p->text + p->len, buf_get(in, len), len);
		p->len += len;
		break;
	case 'n':
		print_name(p, in);
		break;
	case 'g':
		print_gateway(p, in);
		break;
	case 'B':
		print_base64(p, in);
		break;
	case 'l':
		len = buf_left(in);
		print_quoted(p, buf_get(in, len), len);
		break;
	default:
		len = buf_get_u8(in);
		print_quoted(p, buf_get(in, len), len);
	}
}

/* The RDATA has passed rr_check_rdata, so every piece is there. */
static void print_pattern(struct printer *p, const char *pieces, const uint8_t *rdata, size_t rdlen)
{
	struct rbuf in = buf_reader(rdata, rdlen);
	for (const char *piece = pieces; *piece; piece++) {
		if (*piece == 'B' && !buf_left(&in))
			break;
		if (piece != pieces)
			print(p, " ");
		print_piece(p, *piece, &in);
		while (*piece == 'S' && buf_left(&in)) {
			print(p, " ");
			print_piece(p, 'S', &in);
		}
	}
}

static char *write_pattern(const char *pieces, const uint8_t *rdata, size_t rdlen)
{
	struct printer p = {.text = malloc((4 + OCTETS_A_STRING) * rdlen + NAME_TEXT_MAX + 64)};
	if (!p.text)
		return NULL;
	print_pattern(&p, pieces, rdata, rdlen);
	p.text[p.len] = '\0';
	return p.text;
}

/* Only the RDATA of ".\t0\tIN\tTYPE\tRDATA\n", with the blanks that ldns leaves doubled or at the end taken out. */
static void keep_rdata(char *line)
{
	char *from = line, *to = line;
	for (int tabs = 0; *from && tabs < 4; from++)
		tabs += *from == '\t';
	bool quoted = false;
	for (; *from && *from != '\n'; from++) {
		if (*from == '\\' && from[1]) {
			*to++ = *from++;
			*to++ = *from;
			continue;
		}
		quoted ^= *from == '"';
		if (!quoted && *from == ' ' && (to == line || to[-1] == ' '))
			continue;
		*to++ = *from;
	}
	while (to > line && to[-1] == ' ')
		to--;
	*to = '\0';
}

/* NULL: no memory, or a form that ldns cannot print. */
static char *write_ldns(uint16_t type, const uint8_t *rdata, size_t rdlen)
{
	enum { HEAD = 1 + 2 + 2 + 4 + 2 }; /* owner (the root), type, class, TTL, length */
	uint8_t *wire = malloc(HEAD + rdlen);
	if (!wire)
		return NULL;
	struct wbuf w = buf_writer(wire, HEAD + rdlen);
	buf_put_u8(&w, 0);
	buf_put_u16(&w, type);
	buf_put_u16(&w, CLASS_IN);
	buf_put_u32(&w, 0);
	buf_put_u16(&w, (uint16_t)rdlen);
	buf_put(&w, rdata, rdlen);

	ldns_rr *rr = NULL;
	size_t pos = 0;
	char *line = NULL;
	if (ldns_wire2rr(&rr, wire, w.len, &pos, LDNS_SECTION_ANSWER) == LDNS_STATUS_OK)
		line = ldns_rr2str_fmt(ldns_output_format_nocomments, rr);
	ldns_rr_free(rr);
	free(wire);
	if (line)
		keep_rdata(line);
	return line;
}

static char *write_generic(const uint8_t *rdata, size_t rdlen)
{
	static const char hex[] = "0123456789abcdef";
	char *text = malloc(2 * rdlen + 32);
	if (!text)
		return NULL;
	size_t len = (size_t)snprintf(text, 32, rdlen ? "\\# %zu " : "\\# %zu", rdlen);
	for (size_t i = 0; i < rdlen; i++) {
		text[len++] = hex[rdata[i] >> 4];
		text[len++] = hex[rdata[i] & 15];
	}
	text[len] = '\0';
	return text;
}

static bool reads_back(uint16_t type, const char *text, const uint8_t *rdata, size_t rdlen)
{
	uint8_t small[512];
	size_t cap = rdlen < sizeof small ? sizeof small : rdlen;
	uint8_t *octets = cap == sizeof small ? small : malloc(cap);
	if (!octets)
		return false; /* the \# form needs no such check */
	struct wbuf w = buf_writer(octets, cap);
	bool same = text_rdata_from_text(type, text, NULL, &w, NULL) == ERR_OK && w.len == rdlen &&
		    memcmp(octets, rdata, rdlen) == 0;
	if (octets != small)
		free(octets);
	return same;
}

enum err text_rdata_to_text(uint16_t type, const uint8_t *rdata, size_t rdlen, char **out)
{
	*out = NULL;
	if (rdlen > RDATA_MAX)
		return ERR_RANGE;
	char *text = NULL;
	const char *pieces = pattern_of(type);
	/* Broken RDATA still has octets to show; an empty APL would be an empty text. */
	if (rdlen && rr_check_rdata(type, rdata, rdlen) == ERR_OK) {
		if (pieces)
			text = write_pattern(pieces, rdata, rdlen);
		else if (ldns_knows(type))
			text = write_ldns(type, rdata, rdlen);
	}
	if (text && !reads_back(type, text, rdata, rdlen)) {
		free(text);
		text = NULL;
	}
	if (!text)
		text = write_generic(rdata, rdlen);
	*out = text;
	return text ? ERR_OK : ERR_NOMEM;
}

/* ---- TTL ---- */

static uint64_t unit_seconds(char unit)
{
	switch (unit | 0x20) {
	case 's':
		return 1;
	case 'm':
		return 60;
	case 'h':
		return 3600;
	case 'd':
		return 86400;
	case 'w':
		return 604800;
	default:
		return 0;
	}
}

enum err text_ttl_from_text(uint32_t *ttl, const char *text)
{
	uint64_t sum = 0;
	const char *p = text;
	do {
		uint64_t number = 0;
		size_t digits = strspn(p, "0123456789");
		if (digits == 0)
			return ERR_FORMAT;
		for (size_t i = 0; i < digits; i++) {
			number = number * 10 + (uint64_t)(p[i] - '0');
			if (number > TTL_MAX)
				return ERR_RANGE;
		}
		bool alone = p == text && p[digits] == '\0';
		uint64_t unit = alone ? 1 : unit_seconds(p[digits]);
		if (unit == 0)
			return ERR_FORMAT;
		sum += number * unit;
		if (sum > TTL_MAX)
			return ERR_RANGE;
		p += digits + !alone;
	} while (*p);
	*ttl = (uint32_t)sum;
	return ERR_OK;
}

/* ---- base64 ---- */

static const char base64_digits[] = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";

/* Strict, which the decoders of OpenSSL and ldns are not: they pass over blanks, or take stray bits at the end, so that
 * one secret could be written in several ways (RFC 4648 §3.3, §3.5). */
enum err text_base64_from_text(const char *text, uint8_t *out, size_t cap, size_t *len)
{
	size_t chars = strlen(text), pad = 0;
	*len = 0;
	if (chars % 4)
		return ERR_FORMAT;
	while (pad < 2 && pad < chars && text[chars - 1 - pad] == '=')
		pad++;
	size_t octets = chars / 4 * 3 - pad, at = 0;
	if (octets > cap)
		return ERR_NOSPACE;
	uint32_t bits = 0;
	unsigned have = 0;
	for (size_t i = 0; i < chars - pad; i++) {
		const char *digit = strchr(base64_digits, text[i]);
		if (!digit)
			return ERR_FORMAT;
		bits = bits << 6 | (uint32_t)(digit - base64_digits);
		have += 6;
		if (have >= 8) {
			have -= 8;
			out[at++] = (uint8_t)(bits >> have);
		}
	}
	if (bits & ((UINT32_C(1) << have) - 1))
		return ERR_FORMAT;
	*len = at;
	return ERR_OK;
}

enum err text_base64_to_text(const uint8_t *data, size_t len, char **out)
{
	char *p = malloc((len + 2) / 3 * 4 + 1);
	*out = p;
	if (!p)
		return ERR_NOMEM;
	for (size_t i = 0; i < len; i += 3) {
		size_t left = len - i;
		uint32_t bits = (uint32_t)data[i] << 16;
		if (left > 1)
			bits |= (uint32_t)data[i + 1] << 8;
		if (left > 2)
			bits |= data[i + 2];
		*p++ = base64_digits[bits >> 18];
		*p++ = base64_digits[bits >> 12 & 63];
		*p++ = left > 1 ? base64_digits[bits >> 6 & 63] : '=';
		*p++ = left > 2 ? base64_digits[bits & 63] : '=';
	}
	*p = '\0';
	return ERR_OK;
}
