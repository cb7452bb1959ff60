/* shim.c: faults of the disk, of the power and of the clock under a real roostd: preloaded (LD_PRELOAD), it stands between
 * SQLite and the kernel. Not part of the product.
 *
 * FAULT_DATABASE names the database; its file, its -wal and its -shm are watched, all else passes. FAULT_CONTROL names a
 * file that the driver (faults.py) maps as well: `struct control` below, all numbers 64 bits in the machine's order. The
 * driver fills it, `countdown` last; the countdown-th of the calls that `ops` and `files` select meets the fault.
 *
 * What the power takes. A write is in the kernel's memory until the file is synced. For each page that was written since,
 * the content that the disk has is kept here. When the power fails, every sector of such a page is as it was or as it
 * was last written, by chance, and so is the file's size; a new file whose directory was not synced may be gone. A sync
 * that fails marks the pages clean, as Linux does: what they hold is seen by readers but comes to the disk only when
 * somebody writes to the page again, and every other descriptor of the file hears of the fault once, at its next sync.
 *
 * Threads: any; one mutex, so that the calls on the database stand in one order. */
#include <dlfcn.h>
#include <errno.h>
#include <fcntl.h>
#include <pthread.h>
#include <signal.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

enum op { OP_OPEN, OP_READ, OP_WRITE, OP_SYNC, OP_TRUNCATE, OP_LOCK, OP_STAT, OP_MAP, OP_UNLINK, OP_ACCESS, OPS };
enum file { FILE_DB, FILE_WAL, FILE_SHM, FILES };
enum action { ACTION_NONE, ACTION_KILL, ACTION_POWER, ACTION_ERROR, ACTION_SHORT };
enum when { WHEN_BEFORE, WHEN_AFTER, WHEN_MIDDLE };
enum lose { LOSE_NOTHING, LOSE_ON_DISK, LOSE_EVERYWHERE }; /* what a failed sync makes of the pages it was to write */

enum {
	PAGE = 4096,  /* octets: what the kernel writes at once */
	SECTOR = 512, /* octets: what a disk writes wholly or not at all */
	FDS_MAX = 4096,
	NS_PER_US = 1000
};
static const int64_t ns_per_s = 1000000000;

struct control {
	int64_t countdown; /* 0: no fault waits */
	uint64_t action, when;
	uint64_t error;   /* errno */
	uint64_t lasting; /* calls, from the countdown's end on, that meet the error; the driver heals by setting 0 */
	uint64_t ops, files; /* bit masks */
	uint64_t lose;
	uint64_t seed;
	uint64_t fired, fired_op, fired_file; /* how often, and what last */
	int64_t clock_step;                   /* ns that the wall clock is ahead */
	uint64_t calls[FILES][OPS];
};

struct page {
	uint8_t *disk; /* what the disk has; NULL: the same as the file */
	bool lost;     /* a sync failed: no further one writes it */
};

struct watched {
	char path[256];
	struct page *pages;
	size_t count; /* of pages */
	off_t disk_size;
	bool dirty_size;
	bool new_entry; /* made since, and the directory not synced */
	unsigned failed_syncs;
};

struct descriptor {
	uint8_t file; /* + 1; 0: not ours */
	bool directory;
	unsigned failed_syncs; /* that this one has heard of */
};

static struct watched files[FILES];
static struct descriptor fds[FDS_MAX];
static char directory[256];
static struct control no_control;
static struct control *control = &no_control;
static pthread_mutex_t mutex = PTHREAD_MUTEX_INITIALIZER;
static uint64_t random_state;

/* ---- start ---- */

__attribute__((constructor)) static void start(void)
{
	static const char *const suffix[FILES] = {"", "-wal", "-shm"};
	const char *database = getenv("FAULT_DATABASE"), *name = getenv("FAULT_CONTROL");
	if (!database || !name)
		return;
	for (int i = 0; i < FILES; i++)
		snprintf(files[i].path, sizeof(files[i].path), "%s%s", database, suffix[i]);
	snprintf(directory, sizeof(directory), "%s", database);
	char *slash = strrchr(directory, '/');
	if (slash)
		*slash = '\0';
	int fd = (int)syscall(SYS_openat, AT_FDCWD, name, O_RDWR | O_CLOEXEC, 0);
	void *at = mmap(NULL, sizeof(*control), PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
	if (fd < 0 || at == MAP_FAILED)
		abort();
	control = at;
	random_state = control->seed | 1;
	syscall(SYS_close, fd);
}

static bool chance(void) /* xorshift64 */
{
	random_state ^= random_state << 13;
	random_state ^= random_state >> 7;
	random_state ^= random_state << 17;
	return random_state >> 40 & 1;
}

static struct watched *file_of(int fd)
{
	return fd >= 0 && fd < FDS_MAX && fds[fd].file ? &files[fds[fd].file - 1] : NULL;
}

static struct watched *file_named(const char *path)
{
	for (int i = 0; i < FILES; i++)
		if (files[i].path[0] && strcmp(path, files[i].path) == 0)
			return &files[i];
	return NULL;
}

/* ---- what the disk has ---- */

static struct page *page_at(struct watched *f, size_t number)
{
	if (number >= f->count) {
		size_t count = number + 256;
		f->pages = realloc(f->pages, count * sizeof(*f->pages));
		if (!f->pages)
			abort();
		memset(f->pages + f->count, 0, (count - f->count) * sizeof(*f->pages));
		f->count = count;
	}
	return &f->pages[number];
}

/* The pages from there on are about to be written: keeps what the disk has. */
static void keep_pages(struct watched *f, int fd, off_t from, off_t end)
{
	for (off_t at = from / PAGE * PAGE; at < end; at += PAGE) {
		struct page *p = page_at(f, (size_t)(at / PAGE));
		p->lost = false;
		if (p->disk)
			continue;
		p->disk = calloc(1, PAGE);
		if (!p->disk)
			abort();
		syscall(SYS_pread64, fd, p->disk, (size_t)PAGE, at);
	}
}

static void keep_size(struct watched *f, int fd)
{
	struct stat st;
	if (f->dirty_size || syscall(SYS_fstat, fd, &st) != 0)
		return;
	f->disk_size = st.st_size;
	f->dirty_size = true;
}

static void forget(struct page *p)
{
	free(p->disk);
	*p = (struct page){NULL, false};
}

static void synced(struct watched *f)
{
	for (size_t i = 0; i < f->count; i++)
		if (f->pages[i].disk && !f->pages[i].lost)
			forget(&f->pages[i]);
	f->dirty_size = false;
}

static void sync_failed(struct watched *f, int fd)
{
	if (control->lose == LOSE_NOTHING)
		return;
	f->failed_syncs++;
	for (size_t i = 0; i < f->count; i++) {
		struct page *p = &f->pages[i];
		if (!p->disk)
			continue;
		p->lost = true;
		if (control->lose == LOSE_EVERYWHERE) {
			syscall(SYS_pwrite64, fd, p->disk, (size_t)PAGE, (off_t)i * PAGE);
			forget(p);
		}
	}
}

static void lose_power_of(struct watched *f)
{
	if (f->new_entry && chance()) {
		syscall(SYS_unlink, f->path);
		return;
	}
	int fd = (int)syscall(SYS_openat, AT_FDCWD, f->path, O_RDWR, 0);
	if (fd < 0)
		return;
	bool old_size = f->dirty_size && chance();
	for (size_t i = 0; i < f->count; i++) {
		const struct page *p = &f->pages[i];
		for (off_t at = 0; p->disk && at < PAGE; at += SECTOR)
			if (p->lost || chance())
				syscall(SYS_pwrite64, fd, p->disk + at, (size_t)SECTOR, (off_t)i * PAGE + at);
	}
	if (old_size)
		syscall(SYS_ftruncate, fd, f->disk_size);
	syscall(SYS_close, fd);
}

static void die(void)
{
	syscall(SYS_kill, syscall(SYS_getpid), SIGKILL);
	for (;;)
		pause();
}

/* ---- the fault ---- */

/* What becomes of the call at hand. With the mutex. */
struct fate {
	enum action action;
	enum when when;
	int error;
};

static struct fate fate_of(struct watched *f, enum op op)
{
	struct fate none = {ACTION_NONE, WHEN_BEFORE, 0};
	size_t number = (size_t)(f - files);
	__atomic_fetch_add(&control->calls[number][op], 1, __ATOMIC_RELAXED);
	if (!(control->ops >> op & 1) || !(control->files >> number & 1))
		return none;
	int64_t left = __atomic_load_n(&control->countdown, __ATOMIC_ACQUIRE);
	if (left == 0)
		return none;
	if (left > 1) {
		__atomic_store_n(&control->countdown, left - 1, __ATOMIC_RELEASE);
		return none;
	}
	uint64_t lasting = __atomic_load_n(&control->lasting, __ATOMIC_ACQUIRE);
	if (!lasting)
		return none;
	__atomic_store_n(&control->lasting, lasting - 1, __ATOMIC_RELEASE);
	struct fate fate = {(enum action)control->action, (enum when)control->when, (int)control->error};
	/* A write that fails in the middle is a short one, and the next fails. */
	if (fate.action == ACTION_ERROR && fate.when == WHEN_MIDDLE && op == OP_WRITE && !control->fired)
		fate.action = ACTION_SHORT;
	control->fired_op = op;
	control->fired_file = number;
	__atomic_fetch_add(&control->fired, 1, __ATOMIC_RELEASE);
	return fate;
}

static void end_here(const struct fate *fate)
{
	if (fate->action == ACTION_POWER)
		for (int i = 0; i < FILES; i++)
			if (i != FILE_SHM)
				lose_power_of(&files[i]);
	if (fate->action == ACTION_POWER || fate->action == ACTION_KILL)
		die();
}

/* True: the call is not to be made; errno is set. */
static bool meets(const struct fate *fate)
{
	if (fate->when == WHEN_BEFORE)
		end_here(fate);
	if (fate->action != ACTION_ERROR)
		return false;
	errno = fate->error;
	return true;
}

static long after(const struct fate *fate, long result)
{
	int error = errno;
	if (fate->when != WHEN_BEFORE)
		end_here(fate);
	errno = error;
	return result;
}

/* ---- the calls that SQLite makes ---- */

/* A plain call: nothing of it stays in the kernel's memory. */
static struct fate begin(struct watched *f, enum op op, bool *refused)
{
	pthread_mutex_lock(&mutex);
	struct fate fate = fate_of(f, op);
	*refused = meets(&fate);
	return fate;
}

static long finish(const struct fate *fate, long result)
{
	result = after(fate, result);
	pthread_mutex_unlock(&mutex);
	return result;
}

static void opened(struct watched *f, int fd, const char *path, bool was_there)
{
	if (fd < 0 || fd >= FDS_MAX)
		return;
	fds[fd] = (struct descriptor){0};
	fds[fd].directory = directory[0] && strcmp(path, directory) == 0;
	if (!f)
		return;
	fds[fd].file = (uint8_t)(f - files + 1);
	fds[fd].failed_syncs = f->failed_syncs;
	if (was_there)
		return;
	f->new_entry = true;
	f->dirty_size = true;
	f->disk_size = 0;
}

int open64(const char *path, int flags, ...)
{
	va_list args;
	va_start(args, flags);
	mode_t mode = flags & O_CREAT ? va_arg(args, mode_t) : 0;
	va_end(args);
	struct watched *f = file_named(path);
	bool refused = false;
	if (!f) {
		int fd = (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
		opened(NULL, fd, path, true);
		return fd;
	}
	struct fate fate = begin(f, OP_OPEN, &refused);
	bool there = syscall(SYS_access, path, F_OK) == 0;
	int fd = refused ? -1 : (int)syscall(SYS_openat, AT_FDCWD, path, flags, mode);
	opened(f, fd, path, there);
	return (int)finish(&fate, fd);
}

/* By the next in line, not by the kernel's door: ThreadSanitizer must hear that a descriptor is gone, or the next file
 * with its number looks like a race with the socket that had it before. */
int close(int fd)
{
	static int (*_Atomic next)(int fd);
	if (!next) {
		void *found = dlsym(RTLD_NEXT, "close");
		int (*function)(int);
		memcpy(&function, &found, sizeof(function));
		next = function;
	}
	if (fd >= 0 && fd < FDS_MAX)
		fds[fd] = (struct descriptor){0};
	return next(fd);
}

ssize_t pread64(int fd, void *out, size_t len, off64_t at)
{
	struct watched *f = file_of(fd);
	bool refused;
	if (!f)
		return syscall(SYS_pread64, fd, out, len, at);
	struct fate fate = begin(f, OP_READ, &refused);
	return finish(&fate, refused ? -1 : syscall(SYS_pread64, fd, out, len, at));
}

ssize_t pwrite64(int fd, const void *data, size_t len, off64_t at)
{
	struct watched *f = file_of(fd);
	bool refused;
	if (!f)
		return syscall(SYS_pwrite64, fd, data, len, at);
	struct fate fate = begin(f, OP_WRITE, &refused);
	if (refused)
		return finish(&fate, -1);
	bool half = fate.action == ACTION_SHORT || (fate.action != ACTION_NONE && fate.when == WHEN_MIDDLE);
	if (half && len > 1)
		len /= 2;
	keep_size(f, fd);
	keep_pages(f, fd, at, at + (off_t)len);
	return finish(&fate, syscall(SYS_pwrite64, fd, data, len, at));
}

static int sync_file(int fd, long number)
{
	struct watched *f = file_of(fd);
	bool refused;
	if (!f) {
		int result = (int)syscall(number, fd);
		pthread_mutex_lock(&mutex);
		for (int i = 0; i < FILES && fd >= 0 && fd < FDS_MAX && fds[fd].directory && !result; i++)
			files[i].new_entry = false;
		pthread_mutex_unlock(&mutex);
		return result;
	}
	struct fate fate = begin(f, OP_SYNC, &refused);
	int result = 0;
	if (refused) {
		sync_failed(f, fd);
		fds[fd].failed_syncs = f->failed_syncs;
		errno = fate.error;
		return (int)finish(&fate, -1);
	}
	if (fate.action == ACTION_NONE || fate.when != WHEN_MIDDLE)
		synced(f); /* the real sync would only be slow: the machine stays up */
	if (fds[fd].failed_syncs != f->failed_syncs) {
		fds[fd].failed_syncs = f->failed_syncs;
		errno = EIO;
		result = -1;
	}
	return (int)finish(&fate, result);
}

int fdatasync(int fd)
{
	return sync_file(fd, SYS_fdatasync);
}

int fsync(int fd)
{
	return sync_file(fd, SYS_fsync);
}

int ftruncate64(int fd, off64_t size)
{
	struct watched *f = file_of(fd);
	struct stat st;
	bool refused;
	if (!f)
		return (int)syscall(SYS_ftruncate, fd, size);
	struct fate fate = begin(f, OP_TRUNCATE, &refused);
	if (refused)
		return (int)finish(&fate, -1);
	keep_size(f, fd);
	if (syscall(SYS_fstat, fd, &st) == 0)
		keep_pages(f, fd, size, st.st_size);
	return (int)finish(&fate, syscall(SYS_ftruncate, fd, size));
}

int fcntl64(int fd, int command, ...)
{
	va_list args;
	va_start(args, command);
	void *arg = va_arg(args, void *);
	va_end(args);
	struct watched *f = file_of(fd);
	bool refused;
	/* Unlocking cannot fail on a local file system. */
	if (!f || command != F_SETLK || ((const struct flock *)arg)->l_type == F_UNLCK)
		return (int)syscall(SYS_fcntl, fd, command, arg);
	struct fate fate = begin(f, OP_LOCK, &refused);
	return (int)finish(&fate, refused ? -1 : syscall(SYS_fcntl, fd, command, arg));
}

int fstat64(int fd, struct stat64 *out)
{
	struct watched *f = file_of(fd);
	bool refused;
	if (!f)
		return (int)syscall(SYS_fstat, fd, out);
	struct fate fate = begin(f, OP_STAT, &refused);
	return (int)finish(&fate, refused ? -1 : syscall(SYS_fstat, fd, out));
}

int stat64(const char *path, struct stat64 *out)
{
	struct watched *f = file_named(path);
	bool refused;
	if (!f)
		return (int)syscall(SYS_stat, path, out);
	struct fate fate = begin(f, OP_STAT, &refused);
	return (int)finish(&fate, refused ? -1 : syscall(SYS_stat, path, out));
}

int access(const char *path, int mode)
{
	struct watched *f = file_named(path);
	bool refused;
	if (!f)
		return (int)syscall(SYS_access, path, mode);
	struct fate fate = begin(f, OP_ACCESS, &refused);
	return (int)finish(&fate, refused ? -1 : syscall(SYS_access, path, mode));
}

void *mmap64(void *hint, size_t len, int protection, int flags, int fd, off64_t at)
{
	struct watched *f = flags & MAP_ANONYMOUS ? NULL : file_of(fd);
	bool refused;
	if (!f)
		return (void *)syscall(SYS_mmap, hint, len, protection, flags, fd, at);
	struct fate fate = begin(f, OP_MAP, &refused);
	return (void *)finish(&fate, refused ? -1 : syscall(SYS_mmap, hint, len, protection, flags, fd, at));
}

int unlink(const char *path)
{
	struct watched *f = file_named(path);
	bool refused;
	if (!f)
		return (int)syscall(SYS_unlink, path);
	struct fate fate = begin(f, OP_UNLINK, &refused);
	long result = refused ? -1 : syscall(SYS_unlink, path);
	for (size_t i = 0; result == 0 && i < f->count; i++)
		forget(&f->pages[i]);
	if (result == 0)
		f->new_entry = f->dirty_size = false;
	return (int)finish(&fate, result);
}

/* ---- the wall clock ---- */

int clock_gettime(clockid_t id, struct timespec *out)
{
	int result = (int)syscall(SYS_clock_gettime, id, out);
	int64_t step = __atomic_load_n(&control->clock_step, __ATOMIC_RELAXED);
	if (result != 0 || !step || (id != CLOCK_REALTIME && id != CLOCK_REALTIME_COARSE))
		return result;
	int64_t now = (int64_t)out->tv_sec * ns_per_s + out->tv_nsec + step;
	out->tv_sec = (time_t)(now / ns_per_s);
	out->tv_nsec = (long)(now % ns_per_s);
	return 0;
}

int gettimeofday(struct timeval *restrict out, void *restrict zone)
{
	struct timespec now = {0};
	(void)zone;
	clock_gettime(CLOCK_REALTIME, &now);
	out->tv_sec = now.tv_sec;
	out->tv_usec = now.tv_nsec / NS_PER_US;
	return 0;
}

time_t time(time_t *out)
{
	struct timespec now = {0};
	clock_gettime(CLOCK_REALTIME, &now);
	if (out)
		*out = now.tv_sec;
	return now.tv_sec;
}
