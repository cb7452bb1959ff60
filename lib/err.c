#include "lib/err.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

static const char *const texts[] = {
	[ERR_OK] = "ok",
	[ERR_NOMEM] = "out of memory",
	[ERR_FORMAT] = "malformed",
	[ERR_RANGE] = "out of range",
	[ERR_NOSPACE] = "no space",
	[ERR_NOTFOUND] = "not found",
	[ERR_EXISTS] = "already there",
	[ERR_REFUSED] = "refused",
	[ERR_BUSY] = "busy",
	[ERR_IO] = "input/output error",
	[ERR_CORRUPT] = "damaged data",
	[ERR_TOONEW] = "made by a newer version",
	[ERR_USAGE] = "wrong usage",
	[ERR_CRYPTO] = "cryptographic failure",
};

/* A cut in the middle of a UTF-8 character would leave half of it: steps back to the character's first octet. */
static void trim_to_character(char *text)
{
	size_t start = strlen(text);
	while (start > 0 && ((unsigned char)text[start - 1] & 0xc0) == 0x80)
		start--;
	if (start == 0)
		return;
	unsigned char lead = (unsigned char)text[start - 1];
	size_t have = strlen(text + start) + 1;
	size_t want = lead >= 0xf0 ? 4 : lead >= 0xe0 ? 3 : lead >= 0xc0 ? 2 : 1;
	if (have < want)
		text[start - 1] = '\0';
}

/* Formats apart, since an argument may well be the text that stands in msg; then keeps it to one line. */
static void format_line(char out[ERRMSG_MAX], const char *fmt, va_list args)
{
	int saved = errno;
	int n = vsnprintf(out, ERRMSG_MAX, fmt, args);
	if (n < 0)
		out[0] = '\0';
	if (n >= ERRMSG_MAX)
		trim_to_character(out);
	for (char *p = out; *p; p++)
		if ((unsigned char)*p < 0x20 || *p == 0x7f)
			*p = ' ';
	errno = saved;
}

enum err errmsg_set(struct errmsg *msg, enum err code, const char *fmt, ...)
{
	if (!msg)
		return code;
	char line[ERRMSG_MAX];
	va_list args;
	va_start(args, fmt);
	format_line(line, fmt, args);
	va_end(args);
	memcpy(msg->text, line, strlen(line) + 1);
	return code;
}

void errmsg_prefix(struct errmsg *msg, const char *fmt, ...)
{
	if (!msg)
		return;
	char line[ERRMSG_MAX];
	va_list args;
	va_start(args, fmt);
	format_line(line, fmt, args);
	va_end(args);
	errmsg_set(msg, ERR_OK, "%s: %s", line, msg->text);
}

const char *err_text(enum err code)
{
	size_t i = (size_t)code;
	return i < sizeof texts / sizeof texts[0] ? texts[i] : "unknown error";
}
