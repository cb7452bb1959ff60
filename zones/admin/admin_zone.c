/* admin_zone.c: "zone import", "zone remove" and "zone set". */
#include <errno.h>
#include <stdlib.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/log.h"
#include "lib/text.h"
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

/* ---- options ---- */

struct admin_zone_option {
	const char *name;
	enum err (*read)(struct zonestore_zone *z, const char *text, struct errmsg *why);
	void (*apply)(struct zonestore_zone *z, const struct zonestore_zone *wanted);
};

static enum err read_policy(struct zonestore_zone *z, const char *text, struct errmsg *why)
{
	enum err err = zonestore_policy_from_text(&z->policy, text);
	return err ? errmsg_set(why, ERR_USAGE, "serial-policy %s: is none of increment, unixtime, dated", text) : err;
}

static void apply_policy(struct zonestore_zone *z, const struct zonestore_zone *wanted)
{
	z->policy = wanted->policy;
}

/* "none" and "default", which both bounds have. */
static bool read_word(int64_t *out, const char *text, int64_t standard)
{
	*out = strcmp(text, "none") == 0 ? 0 : standard;
	return strcmp(text, "none") == 0 || strcmp(text, "default") == 0;
}

static enum err read_age(struct zonestore_zone *z, const char *text, struct errmsg *why)
{
	uint32_t seconds;
	if (read_word(&z->history_age, text, HISTORY_AGE_DEFAULT))
		return ERR_OK;
	if (text_ttl_from_text(&seconds, text) || seconds == 0)
		return errmsg_set(why, ERR_USAGE, "history-age %s: write a time such as 365d or 12h, none or default",
				  text);
	z->history_age = seconds;
	return ERR_OK;
}

static void apply_age(struct zonestore_zone *z, const struct zonestore_zone *wanted)
{
	z->history_age = wanted->history_age;
}

/* Octets, or K, M, G of them. */
static enum err read_size(struct zonestore_zone *z, const char *text, struct errmsg *why)
{
	static const char units[] = "KMG";
	char *end;
	if (read_word(&z->history_size, text, HISTORY_SIZE_DEFAULT))
		return ERR_OK;
	errno = 0;
	unsigned long long n = strtoull(text, &end, 10);
	const char *unit = *end ? strchr(units, *end) : NULL;
	unsigned shift = unit ? 10U * (unsigned)(unit - units + 1) : 0;
	if (text[0] < '0' || text[0] > '9' || errno || n == 0 || n > (unsigned long long)INT64_MAX >> shift ||
	    (*end && (!unit || end[1])))
		return errmsg_set(why, ERR_USAGE,
				  "history-size %s: write octets, with K, M or G behind (500M), none or default", text);
	z->history_size = (int64_t)(n << shift);
	return ERR_OK;
}

static void apply_size(struct zonestore_zone *z, const struct zonestore_zone *wanted)
{
	z->history_size = wanted->history_size;
}

static const struct admin_zone_option zone_options[] = {
	{"serial-policy", read_policy, apply_policy},
	{"history-age", read_age, apply_age},
	{"history-size", read_size, apply_size},
};

static enum err set_option(struct job *job, struct zonestore *s, struct errmsg *why)
{
	struct admin_request *r = job->run_arg;
	struct zonestore_zone z;
	enum err err = admin_find_zone(r, s, &z, why);
	if (err)
		return err;
	r->option->apply(&z, &r->wanted);
	err = zonestore_set_zone(s, &z, why);
	if (!err)
		log_info("zone %s: %s set by %s", r->zone_text, r->option->name, job->actor.who);
	return err;
}

enum err admin_zone_set(struct admin_request *r, struct errmsg *why)
{
	const char *option, *value;
	enum err err = admin_need_text(r, "option", &option, why);
	if (!err)
		err = admin_need_text(r, "value", &value, why);
	if (!err)
		err = admin_find_zone(r, r->reader, &r->wanted, why);
	if (err)
		return err;
	for (size_t i = 0; i < sizeof(zone_options) / sizeof(zone_options[0]); i++)
		if (strcmp(zone_options[i].name, option) == 0)
			r->option = &zone_options[i];
	if (!r->option)
		return errmsg_set(why, ERR_USAGE, "option %s: is none of serial-policy, history-age, history-size",
				  option);
	if (r->option->read == read_policy && r->wanted.role == ZONE_SECONDARY)
		return errmsg_set(why, ERR_REFUSED, "zone %s: is a secondary here, its serials are its primary's",
				  r->zone_text);
	r->job->run = set_option;
	return r->option->read(&r->wanted, value, why);
}
