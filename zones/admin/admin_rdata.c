/* admin_rdata.c: RDATA as an administrator writes it on a command line.
 *
 * A zone file takes every name without a final dot for a relative one, which on a command line is mostly a mistake:
 * "mail.example.net" would become mail.example.net.home.example. So in the types of the table below a name with a dot
 * inside gets the final one; a single label stays relative to the zone. */
#include "lib/text.h"
#include "zones/admin/admin_inside.h"

/* Which words of the presentation form are names: bit i for word i. */
static const struct name_words {
	uint16_t type;
	uint16_t words;
} name_words[] = {{TYPE_NS, 1},         {TYPE_CNAME, 1},        {TYPE_DNAME, 1},    {TYPE_PTR, 1},
		  {TYPE_MX, 1 << 1},    {TYPE_SOA, 1 | 1 << 1}, {TYPE_SRV, 1 << 3}, {TYPE_RP, 1 | 1 << 1},
		  {TYPE_AFSDB, 1 << 1}, {TYPE_RT, 1 << 1},      {TYPE_KX, 1 << 1},  {TYPE_NAPTR, 1 << 5},
		  {TYPE_SVCB, 1 << 1},  {TYPE_HTTPS, 1 << 1},   {TYPE_LP, 1 << 1}};

enum { SHOWN = 80 }; /* characters of the given text in a message */

static unsigned words_of(uint16_t type)
{
	for (size_t i = 0; i < sizeof(name_words) / sizeof(name_words[0]); i++)
		if (name_words[i].type == type)
			return name_words[i].words;
	return 0;
}

/* The end of the word at text: white space outside of quotation marks. */
static const char *word_end(const char *text)
{
	bool quoted = false;
	for (; *text && (quoted || (*text != ' ' && *text != '\t')); text++) {
		if (*text == '\\' && text[1])
			text++;
		else if (*text == '"')
			quoted = !quoted;
	}
	return text;
}

/* A dot that separates labels, and none at the end. */
static bool wants_dot(const char *word, size_t len)
{
	bool inside = false, last = false;
	for (size_t i = 0; i < len; i++) {
		last = word[i] == '.';
		inside |= last;
		if (word[i] == '\\')
			i++;
	}
	return inside && !last;
}

static enum err complete_names(uint16_t type, const char *text, struct wbuf *out)
{
	unsigned names = words_of(type), word = 0;
	while (*text) {
		const char *end = word_end(text);
		buf_put(out, text, (size_t)(end - text));
		if (end > text) {
			if (word < 16 && (names >> word & 1) && wants_dot(text, (size_t)(end - text)))
				buf_put_u8(out, '.');
			word++;
		}
		if (*end)
			buf_put_u8(out, (uint8_t)*end++);
		text = end;
	}
	buf_put_u8(out, 0);
	return out->full ? ERR_RANGE : ERR_OK;
}

enum err admin_rdata_from_text(uint16_t type, const char *text, const uint8_t *zone, struct wbuf *out,
			       struct errmsg *why)
{
	char full[4 * NAME_TEXT_MAX], type_text[RR_TYPE_TEXT_MAX];
	struct wbuf w = buf_writer(full, sizeof(full));
	if (words_of(type) && complete_names(type, text, &w))
		return errmsg_set(why, ERR_RANGE, "%s %.*s: is too long", rr_type_to_text(type, type_text), SHOWN,
				  text);
	return text_rdata_from_text(type, words_of(type) ? full : text, zone, out, why);
}
