#include "lib/clock.h"

#include <stdatomic.h>
#include <stdio.h>
#include <string.h>
#include <time.h>

enum { MS_PER_SECOND = 1000, NS_PER_MS = 1000000 };
static const uint64_t ns_per_second = UINT64_C(1000000000);

/* The years that four digits can write; outside them the text is clamped. */
static const int64_t first_ms = INT64_C(-62167219200000); /* 0000-01-01T00:00:00.000Z */
static const int64_t last_ms = INT64_C(253402300799999);  /* 9999-12-31T23:59:59.999Z */

/* 0: the real clock. Relaxed is enough: a test that sets it while others read asks for no order. */
static _Atomic uint64_t fake_seconds;

static struct timespec read_clock(clockid_t id)
{
	struct timespec now = {0};
	clock_gettime(id, &now); /* cannot fail for the clocks used here and a valid pointer */
	return now;
}

uint64_t clock_unix(void)
{
	uint64_t fake = atomic_load_explicit(&fake_seconds, memory_order_relaxed);
	return fake ? fake : (uint64_t)read_clock(CLOCK_REALTIME).tv_sec;
}

int64_t clock_unix_ms(void)
{
	uint64_t fake = atomic_load_explicit(&fake_seconds, memory_order_relaxed);
	if (fake)
		return (int64_t)fake * MS_PER_SECOND;
	struct timespec now = read_clock(CLOCK_REALTIME);
	return (int64_t)now.tv_sec * MS_PER_SECOND + now.tv_nsec / NS_PER_MS;
}

uint64_t clock_monotonic_ns(void)
{
	struct timespec now = read_clock(CLOCK_MONOTONIC);
	return (uint64_t)now.tv_sec * ns_per_second + (uint64_t)now.tv_nsec;
}

uint64_t clock_coarse_ms(void)
{
	struct timespec now = read_clock(CLOCK_MONOTONIC_COARSE);
	return (uint64_t)now.tv_sec * MS_PER_SECOND + (uint64_t)now.tv_nsec / NS_PER_MS;
}

void clock_fake(uint64_t seconds)
{
	atomic_store_explicit(&fake_seconds, seconds, memory_order_relaxed);
}

char *clock_to_text(int64_t unix_ms, char out[CLOCK_TEXT_MAX])
{
	if (unix_ms < first_ms)
		unix_ms = first_ms;
	if (unix_ms > last_ms)
		unix_ms = last_ms;
	int64_t ms = unix_ms % MS_PER_SECOND;
	if (ms < 0)
		ms += MS_PER_SECOND; /* % rounds towards zero; a time before 1970 is so many ms after an earlier second */
	time_t seconds = (time_t)((unix_ms - ms) / MS_PER_SECOND);
	struct tm tm = {0};
	gmtime_r(&seconds, &tm);
	size_t n = strftime(out, CLOCK_TEXT_MAX, "%Y-%m-%dT%H:%M:%S", &tm);
	/* glibc writes %Y without leading zeros for years before 1000. */
	if (tm.tm_year < 1000 - 1900) {
		out[0] = '0';
		out[1] = (char)('0' + (tm.tm_year + 1900) / 100);
		out[2] = (char)('0' + (tm.tm_year + 1900) / 10 % 10);
		out[3] = (char)('0' + (tm.tm_year + 1900) % 10);
		n = 4 + strftime(out + 4, CLOCK_TEXT_MAX - 4, "-%m-%dT%H:%M:%S", &tm);
	}
	snprintf(out + n, CLOCK_TEXT_MAX - n, ".%03uZ", (unsigned)ms % MS_PER_SECOND);
	return out;
}

bool clock_from_text(int64_t *unix_ms, const char *text)
{
	static const char *const forms[] = {"%Y-%m-%dT%H:%M:%S", "%Y-%m-%d %H:%M:%S", "%Y-%m-%d"};
	for (size_t i = 0; i < sizeof forms / sizeof forms[0]; i++) {
		struct tm tm = {0};
		const char *end = strptime(text, forms[i], &tm);
		if (end && *end == '.')
			end += 1 + strspn(end + 1, "0123456789");
		if (!end || (*end && strcmp(end, "Z") != 0))
			continue;
		*unix_ms = (int64_t)timegm(&tm) * MS_PER_SECOND;
		return true;
	}
	return false;
}
