/* replay.c: see replay.h. */
#include "server/dns/replay.h"

#include <assert.h>
#include <pthread.h>
#include <stdlib.h>
#include <sys/random.h>

#include "lib/siphash.h"

enum { WAYS = 8 };

struct entry {
	uint64_t mark;  /* 0: free */
	uint64_t until; /* seconds since 1970 */
};

struct replay {
	uint8_t key[SIPHASH_KEY_LEN];
	pthread_mutex_t lock;
	size_t lines; /* a power of two */
	struct entry (*line)[WAYS];
};

enum err replay_new(struct replay **out, size_t entries)
{
	assert(entries >= WAYS && (entries & (entries - 1)) == 0);
	struct replay *r = calloc(1, sizeof *r);
	if (!r)
		return ERR_NOMEM;
	pthread_mutex_init(&r->lock, NULL);
	r->lines = entries / WAYS;
	r->line = calloc(r->lines, sizeof *r->line);
	if (!r->line || getrandom(r->key, sizeof r->key, 0) != sizeof r->key) {
		replay_free(r);
		return ERR_NOMEM;
	}
	*out = r;
	return ERR_OK;
}

void replay_free(struct replay *r)
{
	if (!r)
		return;
	free(r->line);
	pthread_mutex_destroy(&r->lock);
	free(r);
}

uint64_t replay_mark(const struct replay *r, const uint8_t *mac, size_t len)
{
	union {
		uint8_t octets[SIPHASH_LEN];
		uint64_t number;
	} hash;
	siphash_24(hash.octets, r->key, mac, len);
	return hash.number ? hash.number : 1;
}

static struct entry *line_of(const struct replay *r, uint64_t mark)
{
	return r->line[mark & (r->lines - 1)];
}

static struct entry *find(struct entry *line, uint64_t mark)
{
	for (unsigned i = 0; i < WAYS; i++)
		if (line[i].mark == mark)
			return &line[i];
	return NULL;
}

/* What is over stays until its place is needed: should the clock be set back, it is not forgotten. */
static struct entry *soonest(struct entry *line)
{
	struct entry *found = line;
	for (unsigned i = 0; i < WAYS; i++) {
		if (!line[i].mark)
			return &line[i];
		if (line[i].until < found->until)
			found = &line[i];
	}
	return found;
}

bool replay_take(struct replay *r, uint64_t mark, uint64_t until)
{
	struct entry *line = line_of(r, mark);
	pthread_mutex_lock(&r->lock);
	bool fresh = !find(line, mark);
	if (fresh)
		*soonest(line) = (struct entry){.mark = mark, .until = until};
	pthread_mutex_unlock(&r->lock);
	return fresh;
}

void replay_forget(struct replay *r, uint64_t mark)
{
	pthread_mutex_lock(&r->lock);
	struct entry *e = find(line_of(r, mark), mark);
	if (e)
		*e = (struct entry){0};
	pthread_mutex_unlock(&r->lock);
}
