/* log.h: one line an event to standard error: level, then `key=value` pairs or a sentence; one write(2) a line, so that
 * threads do not mix. Never log a secret. Bytes from outside are escaped. Threads: any. */
#ifndef ROOST_LIB_LOG_H
#define ROOST_LIB_LOG_H

#include <stdatomic.h>
#include <stdbool.h>
#include <stdint.h>

enum log_level { LOG_LEVEL_ERROR, LOG_LEVEL_WARNING, LOG_LEVEL_INFO, LOG_LEVEL_DEBUG };

void log_set_level(enum log_level level);
/* ERR if the word is none of error, warning, info, debug: returns -1. */
int log_level_from_text(const char *word);

void log_error(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_warning(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_info(const char *fmt, ...) __attribute__((format(printf, 1, 2)));
void log_debug(const char *fmt, ...) __attribute__((format(printf, 1, 2)));

/* For lines that others can make us write: some a second. A static one, zero at first, may be used by all threads. */
struct log_limit {
	_Atomic(uint64_t) second;
	atomic_uint lines, skipped;
};
/* True if a line may be written now; *left_out then is how many were not since the last one. */
bool log_limit_allows(struct log_limit *l, unsigned *left_out);

#endif
