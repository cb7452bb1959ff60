/* hugepages.h: large pages for large tables that are read at random. With small ones nearly every read of such a table
 * also misses the processor's table of address translations, which costs as much as the miss of the data, or more in a
 * virtual machine. Threads: pure. */
#ifndef ROOST_LIB_HUGEPAGES_H
#define ROOST_LIB_HUGEPAGES_H

#include <stddef.h>

enum { HUGEPAGES_SIZE = 2 << 20 }; /* octets: x86-64, and AArch64 with pages of 4 KiB */

/* Asks the kernel (transparent huge pages, madvise(2)) for large pages in fresh memory from malloc. Only what spans whole
 * large pages gets them; a page is taken when it is first written. Without such a kernel nothing changes. */
void hugepages_want(void *memory, size_t octets);

#endif
