/* fill: puts zones into a new database, as roostctl's import does, but thousands of them in one go.
 *
 *   fill DB FILE…
 *
 * Each FILE is one master file or several behind each other: a line "$ORIGIN NAME" begins the zone of that name. */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "zones/change/commit.h"
#include "zones/file/zonefile.h"
#include "zones/memory/grace.h"

enum { BATCH = 1000 /* zones a transaction */ };
static const char origin[] = "$ORIGIN ";

struct text {
	char *octets;
	size_t len, room;
};

struct fill {
	struct zonestore *store;
	struct directory *directory;
	struct commit *commit;
	struct text text; /* of the zone that is being read */
	struct job *first, **last;
	unsigned jobs;
};

static _Noreturn void die(const char *what, const char *why)
{
	fprintf(stderr, "fill: %s: %s\n", what, why);
	exit(1);
}

static void on_done(struct job *job)
{
	if (job->err)
		die("import", job->why.text);
	job_free(job);
}

static void run_batch(struct fill *f)
{
	if (f->jobs)
		commit_run(f->commit, f->first);
	f->first = NULL;
	f->last = &f->first;
	f->jobs = 0;
}

/* Makes a job of the text gathered. */
static void end_zone(struct fill *f)
{
	struct errmsg msg = {0};
	char name[NAME_TEXT_MAX];
	if (!f->text.len)
		return;
	struct job *job = job_new(JOB_REPLACE);
	FILE *in = fmemopen(f->text.octets, f->text.len, "r");
	if (!job || !in)
		die("zone", "no memory");
	if (sscanf(f->text.octets, "$ORIGIN %1023s", name) != 1 || name_from_text(&job->zone, name) != ERR_OK)
		die(f->text.octets, "is not \"$ORIGIN NAME\"");
	name_lower(job->zone.wire, job->zone.wire, job->zone.len);
	if (zonefile_read(&job->image, job->zone.wire, in, name, &msg) != ERR_OK)
		die(name, msg.text);
	fclose(in);
	job->role = ZONE_PRIMARY;
	job->done = on_done;
	*f->last = job;
	f->last = &job->next;
	f->text.len = 0;
	if (++f->jobs == BATCH)
		run_batch(f);
}

static void add_line(struct text *t, const char *line, size_t len)
{
	if (t->room - t->len < len + 1) {
		t->room = (t->room + len + 1) * 2;
		t->octets = realloc(t->octets, t->room);
		if (!t->octets)
			die("zone", "no memory");
	}
	memcpy(t->octets + t->len, line, len + 1);
	t->len += len;
}

static void read_file(struct fill *f, const char *path)
{
	FILE *in = fopen(path, "re");
	char *line = NULL;
	size_t room = 0;
	if (!in)
		die(path, "cannot be read");
	for (ssize_t len; (len = getline(&line, &room, in)) > 0;) {
		if (strncmp(line, origin, sizeof origin - 1) == 0)
			end_zone(f);
		add_line(&f->text, line, (size_t)len);
	}
	end_zone(f);
	free(line);
	fclose(in);
}

int main(int argc, char **argv)
{
	struct fill f = {.last = &f.first};
	struct errmsg msg = {0};
	if (argc < 3) {
		fprintf(stderr, "usage: fill DB FILE...\n");
		return 2;
	}
	if (zonestore_open(&f.store, argv[1], SQLSTORE_CREATE, &msg) != ERR_OK)
		die(argv[1], msg.text);
	if (directory_new(&f.directory) != ERR_OK || commit_new(&f.commit, f.store, f.directory, false, NULL) != ERR_OK)
		die(argv[1], "no memory");
	for (int i = 2; i < argc; i++)
		read_file(&f, argv[i]);
	run_batch(&f);
	commit_free(f.commit);
	grace_barrier();
	directory_free(f.directory);
	grace_barrier();
	zonestore_close(f.store);
	free(f.text.octets);
	return 0;
}
