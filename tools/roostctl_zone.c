/* roostctl_zone.c: init and the zone commands. */
#include <errno.h>
#include <fcntl.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>
#include <unistd.h>

#include "lib/clock.h"
#include "tools/roostctl.h"
#include "zones/admin/admin.h"
#include "zones/file/zonefile.h"
#include "zones/store/zonestore_secondary.h"

enum { COPY_OCTETS = 65536, LINE_OCTETS = 4096 };

/* ---- init ---- */

static const char *text_of(const json_t *answer, const char *member)
{
	const char *text = json_string_value(json_object_get(answer, member));
	return text ? text : "";
}

int roostctl_init(struct roostctl *ctl)
{
	json_t *answer;
	json_t *request = json_pack("{s:s, s:s*}", "cmd", "init", "zone", ctl->argc ? ctl->argv[0] : NULL);
	int status = roostctl_ask(ctl, request, -1, true, &answer);
	if (status)
		return status;
	if (ctl->argc)
		printf("key \"%s\" {\n\talgorithm %s;\n\tsecret \"%s\";\n};\n", text_of(answer, "key"),
		       text_of(answer, "algorithm"), text_of(answer, "secret"));
	json_decref(answer);
	return ROOSTCTL_DONE;
}

/* ---- import ---- */

/* What is no regular file is copied to one: the server reads nothing that could keep it waiting. Returns a
 * descriptor, or -1. */
static int copy_to_file(int from)
{
	static char octets[COPY_OCTETS];
	FILE *copy = tmpfile();
	int fd = copy ? dup(fileno(copy)) : -1;
	ssize_t n = 0;
	while (fd >= 0 && (n = read(from, octets, sizeof(octets))) > 0)
		if (write(fd, octets, (size_t)n) != n)
			n = -1;
	if (copy)
		fclose(copy);
	if (fd >= 0 && (n < 0 || lseek(fd, 0, SEEK_SET) < 0)) {
		close(fd);
		fd = -1;
	}
	return fd;
}

/* The descriptor of the file, or -1 with ctl->msg. */
static int open_zone_file(struct roostctl *ctl, const char *path)
{
	struct stat st;
	bool input = strcmp(path, "-") == 0;
	int fd = input ? dup(STDIN_FILENO) : open(path, O_RDONLY | O_CLOEXEC);
	if (fd >= 0 && fstat(fd, &st) == 0 && S_ISDIR(st.st_mode)) {
		close(fd);
		fd = -1;
		errno = EISDIR;
	} else if (fd >= 0 && !S_ISREG(st.st_mode)) {
		int copy = copy_to_file(fd);
		close(fd);
		fd = copy;
	}
	if (fd < 0)
		roostctl_fail(ctl, "%s: %s", input ? "standard input" : path, strerror(errno));
	return fd;
}

static void print_warnings(const json_t *answer)
{
	size_t i;
	json_t *warning;
	json_array_foreach(json_object_get(answer, "warnings"), i, warning)
		fprintf(stderr, "roostctl: warning: %s\n", json_string_value(warning));
}

int roostctl_zone_import(struct roostctl *ctl)
{
	json_t *answer;
	const char *path = strcmp(ctl->argv[1], "-") ? ctl->argv[1] : "standard input";
	int fd = open_zone_file(ctl, ctl->argv[1]);
	if (fd < 0)
		return ROOSTCTL_FAILED;
	json_t *request = json_pack("{s:s, s:s, s:s}", "cmd", "zone import", "zone", ctl->argv[0], "file_name", path);
	int status = roostctl_ask(ctl, request, fd, false, &answer);
	close(fd);
	if (status)
		return status;
	print_warnings(answer);
	printf("%s: serial %lld%s\n", ctl->argv[0], (long long)json_integer_value(json_object_get(answer, "serial")),
	       json_is_true(json_object_get(answer, "changed")) ? "" : ", nothing changed");
	json_decref(answer);
	return ROOSTCTL_DONE;
}

int roostctl_zone_add(struct roostctl *ctl)
{
	json_t *primaries = json_array();
	if (!ctl->option[OPTION_PRIMARY]) {
		json_decref(primaries);
		return roostctl_usage(ctl, "zone add: give the servers to transfer the zone from with --primary "
					   "ADDR@PORT; for a zone of your own see zone import");
	}
	for (unsigned i = 0; i < ctl->more_count; i++)
		json_array_append_new(primaries, json_string(ctl->more[i]));
	json_array_append_new(primaries, json_string(ctl->option[OPTION_PRIMARY]));
	return roostctl_ask(ctl,
			    json_pack("{s:s, s:s, s:o, s:s*}", "cmd", "zone add", "zone", ctl->argv[0], "primaries",
				      primaries, "key", ctl->option[OPTION_KEY]),
			    -1, false, NULL);
}

int roostctl_zone_remove(struct roostctl *ctl)
{
	return roostctl_ask(ctl, json_pack("{s:s, s:s}", "cmd", "zone remove", "zone", ctl->argv[0]), -1, false, NULL);
}

/* ---- export ---- */

struct export
{
	const uint8_t *apex;
	bool soa; /* this time, only the apex SOA: a master file begins with it */
	bool failed;
};

static enum err export_rr(void *arg, const struct zonestore_rr *rr)
{
	struct export *e = arg;
	bool is_soa = rr->rr.type == TYPE_SOA && name_equal(rr->owner, e->apex);
	if (is_soa == e->soa)
		e->failed |= !roostctl_print_rr("", rr->owner, &rr->rr);
	return e->failed ? ERR_IO : ERR_OK;
}

static int export_zone(struct roostctl *ctl, struct zonestore *s)
{
	struct zonestore_zone z;
	if (!roostctl_find_zone(ctl, s, ctl->argv[0], &z))
		return ROOSTCTL_FAILED;
	if (!z.has_serial)
		return roostctl_fail(ctl, "zone %s: has no content yet; roostctl zone import gives it some",
				     ctl->argv[0]);
	struct export e = {.apex = z.name.wire, .soa = true};
	enum err err = zonestore_each_rr_at(s, z.id, z.name.wire, export_rr, &e, &ctl->msg);
	e.soa = false;
	if (!err)
		err = zonestore_each_rr(s, z.id, export_rr, &e, &ctl->msg);
	if (e.failed)
		return roostctl_fail(ctl, "standard output: %s", strerror(errno));
	return err ? ROOSTCTL_FAILED : ROOSTCTL_DONE;
}

int roostctl_zone_export(struct roostctl *ctl)
{
	struct zonestore *s = roostctl_open(ctl);
	if (!s)
		return ROOSTCTL_FAILED;
	int status = export_zone(ctl, s);
	roostctl_close(s);
	return status;
}

/* ---- list, show ---- */

struct bound_unit {
	char letter;
	int64_t size;
};

static const char *role_text(const struct zonestore_zone *z)
{
	return z->role == ZONE_SECONDARY ? "secondary" : "primary";
}

static char *serial_text(const struct zonestore_zone *z, char out[16])
{
	if (z->has_serial)
		snprintf(out, 16, "%u", z->serial);
	else
		snprintf(out, 16, "-");
	return out;
}

static enum err print_zone(void *arg, const struct zonestore_zone *z)
{
	char name[NAME_TEXT_MAX], serial[16];
	(void)arg;
	printf("%s %s %s\n", admin_name_to_text(z->name.wire, name), serial_text(z, serial), role_text(z));
	return ERR_OK;
}

int roostctl_zone_list(struct roostctl *ctl)
{
	struct zonestore *s = roostctl_open(ctl);
	if (!s)
		return ROOSTCTL_FAILED;
	enum err err = zonestore_each_zone(s, print_zone, NULL, &ctl->msg);
	roostctl_close(s);
	return err ? ROOSTCTL_FAILED : ROOSTCTL_DONE;
}

static enum err count_rr(void *arg, const struct zonestore_rr *rr)
{
	size_t *count = arg;
	(void)rr;
	++*count;
	return ERR_OK;
}

static enum err count_peer(void *arg, const struct zonestore_peer *p)
{
	size_t *count = arg;
	(void)p;
	++*count;
	return ERR_OK;
}

static enum err count_grant(void *arg, const struct access_grant *g)
{
	size_t *count = arg;
	(void)g;
	++*count;
	return ERR_OK;
}

/* "none", or a number in the largest unit that it is a whole number of. */
static char *bound_text(int64_t bound, const struct bound_unit *units, char out[32])
{
	if (bound == 0)
		snprintf(out, 32, "none");
	for (; bound && units->letter; units++) {
		if (bound % units->size)
			continue;
		snprintf(out, 32, "%lld%c", (long long)(bound / units->size), units->letter);
		break;
	}
	return out;
}

static void print_time(const char *what, int64_t time)
{
	char text[CLOCK_TEXT_MAX];
	printf("%s  %s\n", what, time ? clock_to_text(time, text) : "never");
}

static enum err print_primaries(void *arg, const struct zonestore_secondary *z)
{
	char address[ADDR_TEXT_MAX], key[NAME_TEXT_MAX];
	(void)arg;
	for (unsigned i = 0; i < z->count; i++)
		printf("primary  %s%s%s\n", zonestore_secondary_to_text(&z->primary[i], address),
		       z->primary[i].has_key ? " key " : "",
		       z->primary[i].has_key ? admin_name_to_text(z->primary[i].key.wire, key) : "");
	print_time("checked", z->checked);
	print_time("expires", z->expires);
	return ERR_OK;
}

static int show_zone(struct roostctl *ctl, struct zonestore *s)
{
	static const struct bound_unit ages[] = {{'d', 86400}, {'h', 3600}, {'m', 60}, {'s', 1}, {0, 0}};
	static const struct bound_unit sizes[] = {{'G', 1 << 30}, {'M', 1 << 20}, {'K', 1 << 10}, {'B', 1}, {0, 0}};
	char name[NAME_TEXT_MAX], serial[16], time[CLOCK_TEXT_MAX], age[32], size[32];
	struct zonestore_zone z;
	size_t records = 0, peers = 0, grants = 0;
	if (!roostctl_find_zone(ctl, s, ctl->argv[0], &z))
		return ROOSTCTL_FAILED;
	if (ctl->option[OPTION_SERIAL])
		return roostctl_show_version(ctl, s, &z);
	if (zonestore_each_rr(s, z.id, count_rr, &records, &ctl->msg) ||
	    zonestore_each_peer(s, z.name.wire, count_peer, &peers, &ctl->msg) ||
	    keystore_each_grant(zonestore_sql(s), z.name.wire, count_grant, &grants, &ctl->msg))
		return ROOSTCTL_FAILED;
	printf("zone     %s\nrole     %s\nserial   %s\npolicy   %s\nchanged  %s\nrecords  %zu\npeers    %zu\ngrants   "
	       "%zu\nhistory  %s, %s\n",
	       admin_name_to_text(z.name.wire, name), role_text(&z), serial_text(&z, serial),
	       zonestore_policy_text(z.policy), z.changed ? clock_to_text(z.changed, time) : "never", records, peers,
	       grants, bound_text(z.history_age, ages, age), bound_text(z.history_size, sizes, size));
	if (z.role == ZONE_SECONDARY && zonestore_secondary_each(s, z.id, print_primaries, NULL, &ctl->msg))
		return ROOSTCTL_FAILED;
	return ROOSTCTL_DONE;
}

int roostctl_zone_show(struct roostctl *ctl)
{
	struct zonestore *s = roostctl_open(ctl);
	if (!s)
		return ROOSTCTL_FAILED;
	int status = show_zone(ctl, s);
	roostctl_close(s);
	return status;
}

/* ---- set ---- */

int roostctl_zone_set(struct roostctl *ctl)
{
	return roostctl_ask(ctl,
			    json_pack("{s:s, s:s, s:s, s:s}", "cmd", "zone set", "zone", ctl->argv[0], "option",
				      ctl->argv[1], "value", ctl->argv[2]),
			    -1, false, NULL);
}

/* ---- check ---- */

static void print_finding(void *arg, bool fault, const char *sentence)
{
	(void)arg;
	printf("%s: %s\n", fault ? "fault" : "warning", sentence);
}

static int check_image(struct roostctl *ctl, const struct zone_image *img, const char *what)
{
	size_t faults;
	enum err err = zonefile_check(img, print_finding, NULL, &faults);
	if (err)
		return roostctl_fail(ctl, "%s: %s", what, err_text(err));
	if (faults)
		return roostctl_fail(ctl, "%s: %zu fault%s, listed on standard output", what, faults,
				     faults == 1 ? "" : "s");
	return ROOSTCTL_DONE;
}

static enum err add_to_image(void *arg, const struct zonestore_rr *rr)
{
	return zonefile_image_add(arg, rr->owner, rr->rr.type, rr->rr.ttl, rr->rr.rdata, rr->rr.rdlen);
}

static int check_zone(struct roostctl *ctl, struct zonestore *s, const struct zonestore_zone *z)
{
	struct zone_image *img;
	if (!z->has_serial)
		return roostctl_fail(ctl, "zone %s: has no content yet; roostctl zone import gives it some",
				     ctl->argv[0]);
	if (zonefile_image_new(&img, z->name.wire))
		return roostctl_fail(ctl, "no memory");
	int status = ROOSTCTL_FAILED;
	if (zonestore_each_rr(s, z->id, add_to_image, img, &ctl->msg) == ERR_OK &&
	    zonefile_image_finish(img, &ctl->msg) == ERR_OK)
		status = check_image(ctl, img, ctl->argv[0]);
	zonefile_image_free(img);
	return status;
}

/* The zone that a master file is of, where it says so plainly: $ORIGIN, or an absolute owner before SOA. */
static bool guess_zone(FILE *f, struct name *out)
{
	char line[LINE_OCTETS], first[LINE_OCTETS], second[LINE_OCTETS];
	bool found = false;
	while (!found && fgets(line, sizeof(line), f)) {
		int words = sscanf(line, "%4095s %4095s", first, second);
		if (words == 2 && strcasecmp(first, "$ORIGIN") == 0)
			found = !name_from_text(out, second);
		else if (words == 2 && first[strlen(first) - 1] == '.' && strcasestr(line, " SOA "))
			found = !name_from_text(out, first);
		else if (words == 2 && first[strlen(first) - 1] == '.' && strcasestr(line, "\tSOA"))
			found = !name_from_text(out, first);
	}
	rewind(f);
	return found;
}

static int check_open_file(struct roostctl *ctl, const char *path, FILE *f)
{
	struct zone_image *img;
	struct name zone;
	bool given = ctl->argc == 2;
	if (given && !roostctl_parse_name(ctl, "zone", ctl->argv[1], &zone))
		return ROOSTCTL_FAILED;
	if (!given && !guess_zone(f, &zone))
		return roostctl_fail(ctl, "%s: does not say which zone it is of; try roostctl zone check %s ZONE", path,
				     path);
	name_lower(zone.wire, zone.wire, zone.len);
	if (zonefile_read(&img, zone.wire, f, path, &ctl->msg))
		return ROOSTCTL_FAILED;
	int status = check_image(ctl, img, path);
	zonefile_image_free(img);
	return status;
}

static int check_file(struct roostctl *ctl)
{
	int fd = open_zone_file(ctl, ctl->argv[0]);
	FILE *f = fd < 0 ? NULL : fdopen(fd, "r");
	if (!f)
		return ROOSTCTL_FAILED;
	int status = check_open_file(ctl, ctl->argv[0], f);
	fclose(f);
	return status;
}

/* A zone of that name goes before a file of that name, except where the argument cannot be a zone's. */
int roostctl_zone_check(struct roostctl *ctl)
{
	struct zonestore_zone z;
	struct name name;
	struct errmsg ignored = {.text = ""};
	const char *what = ctl->argv[0];
	bool is_file = access(what, F_OK) == 0 || strcmp(what, "-") == 0;
	if (is_file && (ctl->argc == 2 || !ctl->database || strchr(what, '/') || name_from_text(&name, what)))
		return check_file(ctl);
	if (!ctl->database)
		return roostctl_usage(ctl, "zone check: %s is not a file; for a zone give the database with -d DB",
				      what);
	struct zonestore *s = roostctl_open(ctl);
	int status = ROOSTCTL_FAILED;
	if (s && is_file && !name_from_text(&name, what) && zonestore_find_zone(s, name.wire, &z, &ignored))
		status = check_file(ctl);
	else if (!s && is_file)
		status = check_file(ctl);
	else if (s && roostctl_find_zone(ctl, s, what, &z))
		status = check_zone(ctl, s, &z);
	if (s)
		roostctl_close(s);
	return status;
}
