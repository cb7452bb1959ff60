/* head.c: see head.h. */
#include "server/http/head.h"

#include <string.h>
#include <strings.h>

enum { BAD_REQUEST = 400, LENGTH_REQUIRED = 411, TOO_LARGE = 413, FIELDS_TOO_LARGE = 431, VERSION_UNKNOWN = 505 };
enum { LENGTH_DIGITS_MAX = 9 /* a Content-Length that fits 32 bits */ };

size_t head_length(const char *data, size_t len)
{
	size_t at = 0;
	while (at < len && (data[at] == '\r' || data[at] == '\n'))
		at++;
	while (at < len) {
		const char *lf = memchr(data + at, '\n', len - at);
		if (!lf)
			return 0;
		at = (size_t)(lf - data) + 1;
		if (at < len && data[at] == '\n')
			return at + 1;
		if (at + 1 < len && data[at] == '\r' && data[at + 1] == '\n')
			return at + 2;
	}
	return 0;
}

/* RFC 9110 §5.6.2. */
static bool is_token_char(char c)
{
	static const char others[] = "!#$%&'*+-.^_`|~";
	return (c >= '0' && c <= '9') || (c >= 'a' && c <= 'z') || (c >= 'A' && c <= 'Z') ||
	       (c != '\0' && strchr(others, c));
}

static bool is_token(const char *text)
{
	if (!*text)
		return false;
	for (; *text; text++)
		if (!is_token_char(*text))
			return false;
	return true;
}

/* The next line without its end, terminated; NULL after the last. */
static char *next_line(char **at, const char *end)
{
	char *line = *at;
	if (line >= end)
		return NULL;
	char *lf = memchr(line, '\n', (size_t)(end - line));
	if (!lf)
		return NULL;
	*at = lf + 1;
	*lf = '\0';
	if (lf > line && lf[-1] == '\r')
		lf[-1] = '\0';
	return line;
}

static bool has_control(const char *text)
{
	for (; *text; text++)
		if (((unsigned char)*text < ' ' && *text != '\t') || *text == 0x7f)
			return true;
	return false;
}

/* METHOD SP target SP HTTP/1.x. Some routers write blanks into the target: its end is the last blank of the line. */
static int read_request_line(struct head *h, char *line)
{
	char *target = strchr(line, ' ');
	char *version = strrchr(line, ' ');
	if (!target || version == target)
		return BAD_REQUEST;
	*target++ = '\0';
	*version++ = '\0';
	if (!is_token(line) || strlen(line) > HEAD_METHOD_MAX || has_control(target))
		return BAD_REQUEST;
	if (strncmp(version, "HTTP/", 5) != 0)
		return BAD_REQUEST;
	if (strcmp(version + 5, "1.0") != 0 && strcmp(version + 5, "1.1") != 0)
		return VERSION_UNKNOWN;
	h->http_1_0 = version[7] == '0';
	h->method = line;
	target += strspn(target, " ");
	h->target = *target ? target : "/";
	return 0;
}

static int read_field(struct head *h, char *line)
{
	char *colon = strchr(line, ':');
	if (!colon)
		return BAD_REQUEST;
	*colon++ = '\0';
	if (!is_token(line) || has_control(colon))
		return BAD_REQUEST;
	colon += strspn(colon, " \t");
	size_t len = strlen(colon);
	while (len && (colon[len - 1] == ' ' || colon[len - 1] == '\t'))
		colon[--len] = '\0';
	if (h->field_count == HEAD_FIELDS_MAX)
		return FIELDS_TOO_LARGE;
	h->field[h->field_count++] = (struct head_field){line, colon};
	return 0;
}

/* "close, Upgrade" has "close". */
static bool lists(const char *value, const char *word)
{
	size_t len = strlen(word);
	while (value && *value) {
		value += strspn(value, " \t,");
		size_t item = strcspn(value, " \t,");
		if (item == len && strncasecmp(value, word, len) == 0)
			return true;
		value += item;
	}
	return false;
}

static int read_length(const char *text, size_t body_max, size_t *out)
{
	size_t digits = strspn(text, "0123456789"), n = 0;
	if (digits == 0 || text[digits])
		return BAD_REQUEST;
	if (digits > LENGTH_DIGITS_MAX)
		return TOO_LARGE;
	for (size_t i = 0; i < digits; i++)
		n = n * 10 + (size_t)(text[i] - '0');
	*out = n;
	return n > body_max ? TOO_LARGE : 0;
}

/* What the fields say about the message itself. */
static int read_framing(struct head *h, size_t body_max)
{
	const char *length = NULL, *connection = NULL;
	for (unsigned i = 0; i < h->field_count; i++) {
		const struct head_field *f = &h->field[i];
		if (strcasecmp(f->name, "Transfer-Encoding") == 0)
			return LENGTH_REQUIRED;
		if (strcasecmp(f->name, "Connection") == 0 && !connection)
			connection = f->value;
		if (strcasecmp(f->name, "Expect") == 0 && strcasecmp(f->value, "100-continue") == 0)
			h->expects_100 = !h->http_1_0;
		if (strcasecmp(f->name, "Content-Length") != 0)
			continue;
		if (length && strcmp(length, f->value) != 0)
			return BAD_REQUEST;
		length = f->value;
	}
	h->keep_alive = h->http_1_0 ? lists(connection, "keep-alive") : !lists(connection, "close");
	return length ? read_length(length, body_max, &h->body_len) : 0;
}

int head_parse(struct head *out, char *data, size_t len, size_t body_max)
{
	memset(out, 0, sizeof *out);
	if (memchr(data, '\0', len))
		return BAD_REQUEST;
	char *at = data + 0, *line;
	const char *end = data + len;
	while (at < end && (*at == '\r' || *at == '\n'))
		at++;
	line = next_line(&at, end);
	int status = line ? read_request_line(out, line) : BAD_REQUEST;
	while (!status && (line = next_line(&at, end)) && *line)
		status = read_field(out, line);
	return status ? status : read_framing(out, body_max);
}

const char *head_get(const struct head *h, const char *name)
{
	for (unsigned i = 0; i < h->field_count; i++)
		if (strcasecmp(h->field[i].name, name) == 0)
			return h->field[i].value;
	return NULL;
}
