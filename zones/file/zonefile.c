/* zonefile.c: reading and writing master files; see zonefile.h.
 *
 * An entry is one directive or record: a line, or more of them inside parentheses (RFC 1035 §5.1). read_entry cuts it
 * into tokens, which stand one behind the other in `text`, each with a NUL, escapes and quotation marks left in:
 *
 *   www 300 IN TXT "a b" ( c ; why    ->    www\0 300\0 IN\0 TXT\0 "a b"\0 c\0
 *           d )                              d\0
 *
 * Owner, TTL, class and type are understood here. RDATA goes through lib/text, except for the few types that make up
 * most of a large zone. */
#include "zones/file/zonefile.h"

#include <arpa/inet.h>
#include <stdlib.h>
#include <strings.h>

#include "lib/text.h"
#include "zones/file/zonefile_image.h"

enum {
	/* Characters of an entry: RDATA_MAX octets of TXT, each written as \DDD, are 262,140. */
	ENTRY_MAX = 1 << 19,
	ENTRY_FIRST = 1 << 12,
	TOKENS_FIRST = 64,
	SHOWN = 60 /* characters of a token in a message */
};

struct reader {
	FILE *f;
	const char *file;
	struct zone_image *img;
	struct errmsg *msg;
	uint32_t line; /* being read, from 1 */

	/* The entry. */
	uint32_t entry_line; /* of its first token */
	bool indented;       /* begins with white space: the owner is the one before */
	char *text;
	size_t len, room;
	size_t *token; /* where each starts in text */
	size_t tokens, token_room;
	unsigned depth;  /* of parentheses */
	uint32_t opened; /* line of the outermost */

	/* What later entries inherit. */
	struct name origin, owner;
	bool has_owner;
	bool has_default, has_last, has_minimum;
	uint32_t default_ttl; /* $TTL */
	uint32_t last_ttl;    /* last one stated */
	uint32_t minimum;     /* SOA's */

	uint8_t rdata[RDATA_MAX];
};

#define FAIL(r, at, ...) fail(r, at, ERR_FORMAT, __VA_ARGS__)

static enum err fail(struct reader *r, uint32_t line, enum err code, const char *fmt, ...)
	__attribute__((format(printf, 4, 5)));

static enum err fail(struct reader *r, uint32_t line, enum err code, const char *fmt, ...)
{
	char what[ERRMSG_MAX];
	va_list args;

	va_start(args, fmt);
	vsnprintf(what, sizeof what, fmt, args);
	va_end(args);
	return errmsg_set(r->msg, code, "%s:%u: %s", r->file, line, what);
}

/* ---- tokens ---- */

static enum err start_token(struct reader *r)
{
	if (r->tokens == r->token_room) {
		size_t room = r->token_room ? 2 * r->token_room : TOKENS_FIRST;
		size_t *token = realloc(r->token, room * sizeof *token);
		if (!token)
			return fail(r, r->line, ERR_NOMEM, "out of memory");
		r->token = token;
		r->token_room = room;
	}
	if (!r->tokens)
		r->entry_line = r->line;
	r->token[r->tokens++] = r->len;
	return ERR_OK;
}

static enum err put_char(struct reader *r, int c)
{
	if (r->len == r->room) {
		size_t room = r->room ? 2 * r->room : ENTRY_FIRST;
		if (room > ENTRY_MAX)
			return FAIL(r, r->entry_line,
				    "a record of more than %d characters: is a quotation mark or parenthesis missing?",
				    ENTRY_MAX);
		char *text = realloc(r->text, room);
		if (!text)
			return fail(r, r->line, ERR_NOMEM, "out of memory");
		r->text = text;
		r->room = room;
	}
	r->text[r->len++] = (char)c;
	return ERR_OK;
}

static bool ends_token(int c)
{
	return c == ' ' || c == '\t' || c == '\n' || c == '\r' || c == ';' || c == '(' || c == ')' || c == EOF;
}

/* Reads the token that begins with c; *next is the character that ended it. */
static enum err read_token(struct reader *r, int c, int *next)
{
	bool quoted = false;
	enum err e = start_token(r);

	for (; !e && (quoted || !ends_token(c)); c = getc_unlocked(r->f)) {
		if (c == '\\') {
			e = put_char(r, c);
			c = getc_unlocked(r->f);
			if (!e && (c == '\n' || c == EOF))
				return FAIL(r, r->line, "a backslash at the end of the line");
		} else if (c == '"') {
			quoted = !quoted;
		} else if (c == '\n' || c == EOF) {
			return FAIL(r, r->line, "a quotation mark that nothing closes on its line");
		}
		if (!c)
			return FAIL(r, r->line, "an octet 0: this is not a text file");
		if (!e)
			e = put_char(r, c);
	}
	*next = c;
	return e ? e : put_char(r, '\0');
}

static int skip_comment(struct reader *r)
{
	int c;

	while ((c = getc_unlocked(r->f)) != '\n' && c != EOF)
		;
	return c;
}

static enum err end_of_file(struct reader *r)
{
	if (ferror(r->f))
		return fail(r, r->line, ERR_IO, "the file cannot be read further");
	if (r->depth)
		return FAIL(r, r->opened, "a parenthesis that nothing closes: the file may be cut off");
	return ERR_OK;
}

static enum err parenthesis(struct reader *r, int c)
{
	if (c == '(') {
		if (!r->depth++)
			r->opened = r->line;
		return ERR_OK;
	}
	if (!r->depth)
		return FAIL(r, r->line, "a closing parenthesis without an opening one");
	r->depth--;
	return ERR_OK;
}

/* Reads the next entry; no tokens at the end of the file. */
static enum err read_entry(struct reader *r)
{
	bool start = true; /* c is the first character of its line */
	enum err e = ERR_OK;

	r->len = r->tokens = 0;
	r->depth = 0;
	r->indented = false;
	for (int c = getc_unlocked(r->f); !e;) {
		bool empty = !r->tokens && !r->depth;
		switch (c) {
		case EOF:
			return end_of_file(r);
		case '\n':
			r->line++;
			if (r->tokens && !r->depth)
				return ERR_OK;
			if (empty)
				r->indented = false;
			break;
		case ' ':
		case '\t':
			r->indented |= start && empty;
			break;
		case '\r':
			break;
		case ';':
			c = skip_comment(r);
			continue;
		case '(':
		case ')':
			e = parenthesis(r, c);
			break;
		default:
			e = read_token(r, c, &c);
			start = false;
			continue;
		}
		start = c == '\n';
		c = getc_unlocked(r->f);
	}
	return e;
}

static const char *token(const struct reader *r, size_t i)
{
	return r->text + r->token[i];
}

/* ---- names and directives ---- */

/* A final dot that no backslash takes the meaning from. */
static bool is_absolute(const char *text)
{
	size_t len = strlen(text);
	size_t slashes = 0;

	if (!len || text[len - 1] != '.')
		return false;
	while (slashes < len - 1 && text[len - 2 - slashes] == '\\')
		slashes++;
	return slashes % 2 == 0;
}

/* A name as files have it: "@", relative to the origin, or absolute. */
static enum err parse_name(struct name *out, const char *text, const struct name *origin)
{
	if (text[0] == '@' && !text[1]) {
		*out = *origin;
		return ERR_OK;
	}
	enum err e = name_from_text(out, text);
	if (e || is_absolute(text))
		return e;
	return name_join(out, out->wire, out->len - 1U, origin->wire);
}

static enum err read_name(struct reader *r, struct name *out, const char *text)
{
	enum err e = parse_name(out, text, &r->origin);

	if (e == ERR_RANGE)
		return FAIL(r, r->entry_line, "the name \"%.*s\" is too long (63 octets a label, 255 in all)", SHOWN,
			    text);
	return e ? FAIL(r, r->entry_line, "\"%.*s\" is not a domain name", SHOWN, text) : ERR_OK;
}

static enum err read_ttl(struct reader *r, uint32_t *ttl, const char *text)
{
	if (text_ttl_from_text(ttl, text))
		return FAIL(r, r->entry_line, "\"%.*s\" is not a TTL from 0 to 2147483647", SHOWN, text);
	return ERR_OK;
}

static enum err read_directive(struct reader *r)
{
	const char *what = token(r, 0);
	bool origin = !strcasecmp(what, "$ORIGIN");

	if (!strcasecmp(what, "$INCLUDE"))
		return FAIL(r, r->entry_line,
			    "$INCLUDE is refused, since it would read other files of this machine: put the records in "
			    "here");
	if (!strcasecmp(what, "$GENERATE"))
		return FAIL(r, r->entry_line, "$GENERATE is not standard and refused: write the records out");
	if (!origin && strcasecmp(what, "$TTL") != 0)
		return FAIL(r, r->entry_line, "unknown directive \"%.*s\": there are $ORIGIN and $TTL", SHOWN, what);
	if (r->tokens != 2)
		return FAIL(r, r->entry_line, "%s takes one value", origin ? "$ORIGIN" : "$TTL");
	if (origin) {
		struct name name; /* the old origin is needed while reading the new one */
		enum err e = read_name(r, &name, token(r, 1));
		r->origin = e ? r->origin : name;
		return e;
	}
	r->has_default = true;
	return read_ttl(r, &r->default_ttl, token(r, 1));
}

/* ---- RDATA ---- */

static enum err read_name_rdata(struct reader *r, const char *text, struct wbuf *out)
{
	struct name name;
	enum err e = read_name(r, &name, text);

	if (!e)
		buf_put(out, name.wire, name.len);
	return e;
}

static bool read_preference(uint16_t *out, const char *text)
{
	unsigned long value = 0;

	for (const char *p = text; *p; p++) {
		if (*p < '0' || *p > '9')
			return false;
		value = value * 10 + (unsigned long)(*p - '0');
		if (value > UINT16_MAX)
			return false;
	}
	*out = (uint16_t)value;
	return *text != '\0';
}

/* The types that large zones consist of, without the way through lib/text, which costs a microsecond each. *done is
 * false for what is better left to it, mistakes included. */
static enum err read_common_rdata(struct reader *r, uint16_t type, size_t i, struct wbuf *out, bool *done)
{
	size_t values = r->tokens - i;
	uint8_t address[sizeof(struct in6_addr)];
	uint16_t preference;

	*done = true;
	switch (type) {
	case TYPE_A:
		if (values == 1 && inet_pton(AF_INET, token(r, i), address) == 1) {
			buf_put(out, address, sizeof(struct in_addr));
			return ERR_OK;
		}
		break;
	case TYPE_AAAA:
		if (values == 1 && inet_pton(AF_INET6, token(r, i), address) == 1) {
			buf_put(out, address, sizeof(struct in6_addr));
			return ERR_OK;
		}
		break;
	case TYPE_NS:
	case TYPE_CNAME:
	case TYPE_DNAME:
	case TYPE_PTR:
		if (values == 1)
			return read_name_rdata(r, token(r, i), out);
		break;
	case TYPE_MX:
		if (values == 2 && read_preference(&preference, token(r, i))) {
			buf_put_u16(out, preference);
			return read_name_rdata(r, token(r, i + 1), out);
		}
		break;
	default:
		break;
	}
	*done = false;
	return ERR_OK;
}

/* Through ldns: the tokens with a blank between them. */
static enum err read_text_rdata(struct reader *r, uint16_t type, size_t i, struct wbuf *out)
{
	struct errmsg why = {.text = ""};
	char text[RR_TYPE_TEXT_MAX];

	for (size_t next = i + 1; next < r->tokens; next++)
		r->text[r->token[next] - 1] = ' ';
	enum err e = text_rdata_from_text(type, token(r, i), r->origin.wire, out, &why);
	if (e)
		return fail(r, r->entry_line, e, "%s: %s", rr_type_to_text(type, text), why.text);
	return ERR_OK;
}

static enum err read_rdata(struct reader *r, uint16_t type, size_t i, struct wbuf *out)
{
	char text[RR_TYPE_TEXT_MAX];
	enum err e = ERR_OK;
	bool done = true;

	if (i == r->tokens && type != TYPE_APL) /* an APL may be empty (RFC 3123 §4) */
		return FAIL(r, r->entry_line, "%s without data", rr_type_to_text(type, text));
	if (i < r->tokens)
		e = read_common_rdata(r, type, i, out, &done);
	if (!e && !done)
		e = read_text_rdata(r, type, i, out);
	if (!e && rr_check_rdata(type, out->data, out->len))
		return FAIL(r, r->entry_line, "the data does not fit the type %s", rr_type_to_text(type, text));
	return e;
}

/* ---- records ---- */

enum class_word { NOT_A_CLASS, CLASS_WORD_IN, CLASS_WORD_OTHER };

static enum class_word class_word(const char *text)
{
	if (!strcasecmp(text, "IN") || !strcasecmp(text, "CLASS1"))
		return CLASS_WORD_IN;
	if (!strcasecmp(text, "CH") || !strcasecmp(text, "HS") || !strcasecmp(text, "CS") ||
	    !strncasecmp(text, "CLASS", 5))
		return CLASS_WORD_OTHER;
	return NOT_A_CLASS;
}

/* What stands before RDATA. */
struct head {
	bool has_ttl;
	uint32_t ttl;
	uint16_t type;
};

/* [TTL] [class] type or [class] [TTL] type (RFC 1035 §5.1), from token *i on, which moves behind the type. */
static enum err read_head(struct reader *r, size_t *i, struct head *h)
{
	bool has_class = false;

	*h = (struct head){.has_ttl = false};
	for (; *i < r->tokens; ++*i) {
		const char *text = token(r, *i);
		enum class_word class = has_class ? NOT_A_CLASS : class_word(text);
		if (class == CLASS_WORD_OTHER)
			return FAIL(r, r->entry_line, "class %.*s: only IN is served", SHOWN, text);
		if (class == CLASS_WORD_IN) {
			has_class = true;
			continue;
		}
		if (h->has_ttl || *text < '0' || *text > '9')
			break;
		h->has_ttl = true;
		enum err e = read_ttl(r, &h->ttl, text);
		if (e)
			return e;
	}
	if (*i == r->tokens)
		return FAIL(r, r->entry_line, "a record without type: the file may be cut off");
	const char *text = token(r, (*i)++);
	if (rr_type_from_text(&h->type, text))
		return FAIL(r, r->entry_line, "unknown type \"%.*s\" (write TYPEnnn for one by number)", SHOWN, text);
	if (rr_type_is_meta(h->type))
		return FAIL(r, r->entry_line, "type %.*s is for questions and messages, not for zones", SHOWN, text);
	return ERR_OK;
}

/* A TTL not stated is $TTL's (RFC 2308 §4), without one the last stated (RFC 1035 §5.1), before any the SOA's
 * minimum. */
static enum err settle_ttl(struct reader *r, struct head *h)
{
	if (h->has_ttl) {
		r->last_ttl = h->ttl;
		r->has_last = true;
		return ERR_OK;
	}
	if (r->has_default)
		h->ttl = r->default_ttl;
	else if (r->has_last)
		h->ttl = r->last_ttl;
	else if (r->has_minimum)
		h->ttl = r->minimum;
	else
		return FAIL(r, r->entry_line, "no TTL: put a line such as \"$TTL 3600\" at the top of the file");
	return ERR_OK;
}

static void note_minimum(struct reader *r, const struct wbuf *rdata)
{
	struct rr_soa soa;

	if (!rr_soa_parse(&soa, rdata->data, rdata->len))
		return;
	r->has_minimum = true;
	r->minimum = soa.minimum <= INT32_MAX ? soa.minimum : INT32_MAX;
}

static enum err add_record(struct reader *r, const struct head *h, const struct wbuf *rdata)
{
	char owner[NAME_TEXT_MAX];
	char zone[NAME_TEXT_MAX];

	zonefile_image_set_line(r->img, r->entry_line);
	enum err e = zonefile_image_add(r->img, r->owner.wire, h->type, h->ttl, rdata->data, (uint16_t)rdata->len);
	if (e == ERR_RANGE)
		return FAIL(r, r->entry_line, "%.*s is not in the zone %.*s: is a final dot missing or too many?",
			    4 * SHOWN, name_to_text(r->owner.wire, owner), 2 * SHOWN,
			    name_to_text(zonefile_image_zone(r->img), zone));
	return e ? fail(r, r->entry_line, e, "%s", err_text(e)) : ERR_OK;
}

static enum err read_record(struct reader *r)
{
	struct wbuf rdata = buf_writer(r->rdata, sizeof r->rdata);
	struct head h;
	size_t i = 0;
	enum err e = ERR_OK;

	if (!r->indented) {
		e = read_name(r, &r->owner, token(r, i++));
		r->has_owner = !e;
	}
	if (!e && !r->has_owner)
		return FAIL(r, r->entry_line, "a record without owner, and none before it to take that from");
	if (!e)
		e = read_head(r, &i, &h);
	if (!e)
		e = read_rdata(r, h.type, i, &rdata);
	if (e)
		return e;
	if (h.type == TYPE_SOA)
		note_minimum(r, &rdata);
	e = settle_ttl(r, &h);
	return e ? e : add_record(r, &h, &rdata);
}

static enum err read_all(struct reader *r)
{
	for (;;) {
		enum err e = read_entry(r);
		if (e || !r->tokens)
			return e;
		bool directive = !r->indented && token(r, 0)[0] == '$';
		e = directive ? read_directive(r) : read_record(r);
		if (e)
			return e;
	}
}

static enum err finish(struct reader *r)
{
	enum err e = zonefile_image_finish(r->img, r->msg);
	uint32_t line = zonefile_image_fault_line(r->img);

	if (e && line)
		errmsg_prefix(r->msg, "%s:%u", r->file, line);
	else if (e)
		errmsg_prefix(r->msg, "%s", r->file);
	return e;
}

enum err zonefile_read(struct zone_image **out, const uint8_t *zone, FILE *f, const char *name, struct errmsg *msg)
{
	struct zone_image *img = NULL;
	struct reader *r = calloc(1, sizeof *r);

	*out = NULL;
	enum err e = r ? zonefile_image_new(&img, zone) : ERR_NOMEM;
	if (e) {
		free(r);
		return errmsg_set(msg, e, "%s: out of memory", name);
	}
	r->f = f;
	r->file = name;
	r->img = img;
	r->msg = msg;
	r->line = 1;
	name_set(&r->origin, zone);
	flockfile(f);
	e = read_all(r);
	funlockfile(f);
	if (!e)
		e = finish(r);
	free(r->text);
	free(r->token);
	free(r);
	if (e)
		zonefile_image_free(img);
	else
		*out = img;
	return e;
}

/* ---- writing ---- */

enum err zonefile_write_rr(FILE *f, const uint8_t *owner, const struct content_rr *rr)
{
	char name[NAME_TEXT_MAX];
	char type[RR_TYPE_TEXT_MAX];
	char *rdata;
	enum err e = text_rdata_to_text(rr->type, rr->rdata, rr->rdlen, &rdata);

	if (e)
		return e;
	int n = fprintf(f, "%s\t%u\tIN\t%s\t%s\n", name_to_text(owner, name), rr->ttl, rr_type_to_text(rr->type, type),
			rdata);
	free(rdata);
	return n < 0 ? ERR_IO : ERR_OK;
}
