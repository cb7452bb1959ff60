/* clock.h: the only source of time. Tests may set it. Threads: any. */
#ifndef ROOST_LIB_CLOCK_H
#define ROOST_LIB_CLOCK_H

#include <stdbool.h>
#include <stdint.h>

uint64_t clock_unix(void);         /* seconds since 1970, for TSIG and serials */
int64_t clock_unix_ms(void);       /* milliseconds since 1970, for history */
uint64_t clock_monotonic_ns(void); /* for intervals and timers: never steps */
uint64_t clock_coarse_ms(
	void); /* the same clock, some milliseconds behind (the kernel's tick): cheap enough for every packet */

/* For tests: from now on clock_unix* say `seconds` (0: the real clock again). */
void clock_fake(uint64_t seconds);

/* "2026-03-01T12:00:00.123Z"; out has CLOCK_TEXT_MAX octets. */
enum { CLOCK_TEXT_MAX = 32 };
char *clock_to_text(int64_t unix_ms, char out[CLOCK_TEXT_MAX]);

/* A time of UTC as people write it: that form, with less of it at its end ("2026-03-01T12:00:00", "2026-03-01"), or
 * with a blank for the T. Thousandths do not count. */
bool clock_from_text(int64_t *unix_ms, const char *text);

#endif
