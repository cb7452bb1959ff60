/* hugepages.c: see hugepages.h. */
#include "lib/hugepages.h"

#include <stdint.h>
#include <sys/mman.h>

void hugepages_want(void *memory, size_t octets)
{
	uintptr_t from = (uintptr_t)memory, to = from + octets;
	from = (from + HUGEPAGES_SIZE - 1) / HUGEPAGES_SIZE * HUGEPAGES_SIZE;
	to = to / HUGEPAGES_SIZE * HUGEPAGES_SIZE;
	if (from < to)
		(void)madvise((void *)from, to - from, MADV_HUGEPAGE);
}
