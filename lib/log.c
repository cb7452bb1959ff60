#include "lib/log.h"

#include "lib/clock.h"
#include <errno.h>
#include <stdarg.h>
#include <stdatomic.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <string.h>
#include <strings.h>
#include <unistd.h>

/* Octets of a line, line feed included. Under PIPE_BUF (4096 on Linux), so that a write to a pipe is never torn. */
enum { LINE_MAX_OCTETS = 2048 };
enum { LIMITED_LINES_PER_S = 20, NS_PER_S = 1000000000 };

static const char cut_mark[] = " [cut]";

static const char *const level_words[] = {
	[LOG_LEVEL_ERROR] = "error",
	[LOG_LEVEL_WARNING] = "warning",
	[LOG_LEVEL_INFO] = "info",
	[LOG_LEVEL_DEBUG] = "debug",
};
enum { LEVELS = sizeof level_words / sizeof level_words[0] };

static _Atomic int max_level = LOG_LEVEL_INFO;

void log_set_level(enum log_level level)
{
	atomic_store_explicit(&max_level, (int)level, memory_order_relaxed);
}

int log_level_from_text(const char *word)
{
	for (int i = 0; i < LEVELS; i++)
		if (strcasecmp(word, level_words[i]) == 0)
			return i;
	return -1;
}

/* Octets of the well-formed, printable character at p (Unicode 15 table 3-7), or 0 if p starts none. C0, DEL and C1
 * controls count as not printable: a terminal acts on them. */
static size_t printable(const unsigned char *p)
{
	if (p[0] < 0x80)
		return p[0] >= 0x20 && p[0] != 0x7f;
	if (p[0] < 0xc2 || p[0] > 0xf4)
		return 0;
	size_t n = p[0] < 0xe0 ? 2 : p[0] < 0xf0 ? 3 : 4;
	for (size_t i = 1; i < n; i++)
		if ((p[i] & 0xc0) != 0x80)
			return 0;
	bool overlong = (p[0] == 0xe0 && p[1] < 0xa0) || (p[0] == 0xf0 && p[1] < 0x90);
	bool surrogate = p[0] == 0xed && p[1] >= 0xa0;
	bool past_end = p[0] == 0xf4 && p[1] >= 0x90;
	bool c1 = p[0] == 0xc2 && p[1] < 0xa0;
	return overlong || surrogate || past_end || c1 ? 0 : n;
}

/* Appends text to line (len octets so far) up to `limit`; returns the new length. *whole: all of it went in. */
static size_t append_escaped(char *line, size_t len, size_t limit, const char *text, bool *whole)
{
	static const char hex[] = "0123456789abcdef";
	const unsigned char *p = (const unsigned char *)text;
	while (*p) {
		size_t n = printable(p);
		size_t need = n ? n : 4;
		if (len + need > limit)
			break;
		if (n) {
			memcpy(line + len, p, n);
			p += n;
		} else {
			const char escape[4] = {'\\', 'x', hex[*p >> 4], hex[*p & 15]};
			memcpy(line + len, escape, sizeof escape);
			p++;
		}
		len += need;
	}
	*whole = *p == '\0';
	return len;
}

static void write_line(enum log_level level, const char *fmt, va_list args)
{
	if ((int)level > atomic_load_explicit(&max_level, memory_order_relaxed))
		return;
	int saved = errno;
	char text[LINE_MAX_OCTETS];
	int n = vsnprintf(text, sizeof text, fmt, args);
	if (n < 0)
		text[0] = '\0';

	char stamp[CLOCK_TEXT_MAX];
	char line[LINE_MAX_OCTETS];
	int head = snprintf(line, sizeof line, "%s %s ", clock_to_text(clock_unix_ms(), stamp), level_words[level]);
	size_t limit = sizeof line - (sizeof cut_mark - 1) - 1;
	bool whole;
	size_t len = append_escaped(line, (size_t)head, limit, text, &whole);
	if (!whole || n >= (int)sizeof text) {
		memcpy(line + len, cut_mark, sizeof cut_mark - 1);
		len += sizeof cut_mark - 1;
	}
	line[len++] = '\n';

	ssize_t done;
	do
		done = write(STDERR_FILENO, line, len);
	while (done < 0 && errno == EINTR); /* any other failure: there is nowhere left to say it */
	errno = saved;
}

void log_error(const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	write_line(LOG_LEVEL_ERROR, fmt, args);
	va_end(args);
}

void log_warning(const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	write_line(LOG_LEVEL_WARNING, fmt, args);
	va_end(args);
}

void log_info(const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	write_line(LOG_LEVEL_INFO, fmt, args);
	va_end(args);
}

void log_debug(const char *fmt, ...)
{
	va_list args;
	va_start(args, fmt);
	write_line(LOG_LEVEL_DEBUG, fmt, args);
	va_end(args);
}

bool log_limit_allows(struct log_limit *l, unsigned *left_out)
{
	uint64_t now = clock_monotonic_ns() / NS_PER_S;
	if (atomic_exchange_explicit(&l->second, now, memory_order_relaxed) != now)
		atomic_store_explicit(&l->lines, 0, memory_order_relaxed);
	if (atomic_fetch_add_explicit(&l->lines, 1, memory_order_relaxed) >= LIMITED_LINES_PER_S) {
		atomic_fetch_add_explicit(&l->skipped, 1, memory_order_relaxed);
		return false;
	}
	*left_out = atomic_exchange_explicit(&l->skipped, 0, memory_order_relaxed);
	return true;
}
