/* admin_zone.c: "zone import" and "zone remove". */
#include <errno.h>
#include <sys/stat.h>
#include <unistd.h>

#include "zones/admin/admin_inside.h"
#include "zones/file/zonefile.h"

enum { WARNINGS_MAX = 20 }; /* findings in an answer; zone check shows all */

struct findings {
	json_t *list;
	size_t count;
};

static void take_finding(void *arg, bool fault, const char *sentence)
{
	struct findings *f = arg;
	(void)fault;
	if (f->count++ < WARNINGS_MAX)
		json_array_append_new(f->list, json_string(sentence));
}

/* What will not work as meant is said, but loads: the administrator may be half-way. */
static enum err add_warnings(struct admin_request *r, struct errmsg *why)
{
	struct findings f = {.list = json_array()};
	size_t faults;
	enum err err = zonefile_check(r->job->image, take_finding, &f, &faults);
	if (!err && f.count > WARNINGS_MAX)
		json_array_append_new(f.list, json_sprintf("and %zu more; roostctl zone check %s shows all",
							   f.count - WARNINGS_MAX, r->zone_text));
	if (err || f.count == 0)
		json_decref(f.list);
	else if (json_object_set_new(r->extra, "warnings", f.list))
		err = ERR_NOMEM;
	return err ? errmsg_set(why, err, "zone %s: no memory to check it", r->zone_text) : ERR_OK;
}

/* A pipe could keep the reader waiting for ever; roostctl copies one to a file first. */
static enum err open_file(const struct admin_request *r, const char *name, FILE **out, struct errmsg *why)
{
	struct stat st;
	if (r->file < 0)
		return errmsg_set(why, ERR_USAGE, "request: no file came with it");
	if (fstat(r->file, &st) < 0 || !S_ISREG(st.st_mode))
		return errmsg_set(why, ERR_USAGE, "%s: is not a regular file", name);
	int fd = dup(r->file);
	*out = fd < 0 ? NULL : fdopen(fd, "r");
	if (*out)
		return ERR_OK;
	int error = errno;
	if (fd >= 0)
		close(fd);
	return errmsg_set(why, ERR_IO, "%s: %s", name, strerror(error));
}

enum err admin_zone_import(struct admin_request *r, struct errmsg *why)
{
	struct zonestore_zone row;
	const char *name;
	FILE *f;
	enum err err = admin_need_text(r, "file_name", &name, why);
	if (err)
		return err;
	struct errmsg ignored = {.text = ""};
	if (!zonestore_find_zone(r->reader, r->zone.wire, &row, &ignored) && row.role == ZONE_SECONDARY)
		return errmsg_set(why, ERR_REFUSED, "zone %s: is a secondary here; change it at its primary",
				  r->zone_text);
	err = open_file(r, name, &f, why);
	if (err)
		return err;
	r->job->kind = JOB_REPLACE;
	r->job->role = ZONE_PRIMARY;
	err = zonefile_read(&r->job->image, r->zone.wire, f, name, why);
	fclose(f);
	return err ? err : add_warnings(r, why);
}

enum err admin_zone_remove(struct admin_request *r, struct errmsg *why)
{
	struct zonestore_zone row;
	r->job->kind = JOB_REMOVE;
	return admin_find_zone(r, r->reader, &row, why);
}
