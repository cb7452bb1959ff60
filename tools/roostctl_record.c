/* roostctl_record.c: record list, add, set, delete, lock and unlock. */
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/text.h"
#include "tools/roostctl.h"
#include "zones/admin/admin.h"
#include "zones/file/zonefile.h"
#include "zones/store/zonestore_leases.h"

enum { TXT_PIECE = 255 /* octets of a character-string, RFC 1035 §3.3 */ };

/* ---- list ---- */

struct listing {
	struct zonestore *store;
	struct zonestore_zone zone;
	bool named; /* only that owner */
	struct name owner;
	uint16_t type; /* TYPE_ANY: every type */
	struct access *locks;
	bool leased; /* some record has a lease */
	size_t count;
	struct errmsg *msg;
};

/* The comment stands behind the record, in the same line. */
static bool print_with(const struct zonestore_rr *rr, const char *comment)
{
	char *line = NULL;
	size_t size;
	FILE *f = open_memstream(&line, &size);
	bool good = f && !zonefile_write_rr(f, rr->owner, &rr->rr);
	if (f)
		good &= fclose(f) == 0;
	if (good)
		good = printf("%.*s ; %s\n", (int)strcspn(line, "\n"), line, comment) > 0;
	free(line);
	return good;
}

static enum err list_rr(void *arg, const struct zonestore_rr *rr)
{
	struct listing *l = arg;
	char lease[CLOCK_TEXT_MAX + 16], time[CLOCK_TEXT_MAX];
	int64_t ends = 0;
	enum err err = ERR_OK;
	if (l->type != TYPE_ANY && l->type != rr->rr.type)
		return ERR_OK;
	l->count++;
	if (l->leased)
		err = zonestore_leases_find(l->store, l->zone.id, rr->owner, &rr->rr, &ends, l->msg);
	if (err)
		return err;
	const char *comment = NULL;
	if (access_locked(l->locks, l->zone.name.wire, rr->owner, rr->rr.type))
		comment = "locked";
	else if (ends) {
		snprintf(lease, sizeof(lease), "lease until %s", clock_to_text(ends, time));
		comment = lease;
	}
	if (comment ? print_with(rr, comment) : roostctl_print_rr("", rr->owner, &rr->rr))
		return ERR_OK;
	return errmsg_set(l->msg, ERR_IO, "standard output cannot be written");
}

static enum err keep_lock(void *arg, const struct keystore_lock *lock)
{
	struct listing *l = arg;
	enum err err = access_add_lock(l->locks, lock->zone.wire, lock->owner.wire, lock->type);
	return err ? errmsg_set(l->msg, err, "no memory for the locks") : ERR_OK;
}

struct search {
	uint16_t type;
	bool found;
};

static enum err find_type(void *arg, const struct zonestore_rr *rr)
{
	struct search *s = arg;
	s->found |= s->type == TYPE_ANY || s->type == rr->rr.type;
	return ERR_OK;
}

/* Those that stand where no record is. */
static enum err list_lock(void *arg, const struct keystore_lock *lock)
{
	struct listing *l = arg;
	struct search s = {.type = lock->type};
	char name[NAME_TEXT_MAX], type[RR_TYPE_TEXT_MAX];
	if ((l->named && !name_equal(l->owner.wire, lock->owner.wire)) ||
	    (l->type != TYPE_ANY && lock->type != TYPE_ANY && l->type != lock->type))
		return ERR_OK;
	enum err err = zonestore_each_rr_at(l->store, l->zone.id, lock->owner.wire, find_type, &s, l->msg);
	if (err || s.found)
		return err;
	l->count++;
	printf("; %s%s%s is locked, and has no record\n", name_to_text(lock->owner.wire, name),
	       lock->type == TYPE_ANY ? "" : " ", lock->type == TYPE_ANY ? "" : rr_type_to_text(lock->type, type));
	return ERR_OK;
}

static enum err list_all(struct listing *l)
{
	struct sqlstore *sql = zonestore_sql(l->store);
	const uint8_t *zone = l->zone.name.wire;
	if (access_new(&l->locks))
		return errmsg_set(l->msg, ERR_NOMEM, "no memory for the locks");
	enum err err = keystore_each_lock(sql, zone, keep_lock, l, l->msg);
	if (!err)
		err = zonestore_leases_any(l->store, l->zone.id, &l->leased, l->msg);
	if (!err)
		err = l->named ? zonestore_each_rr_at(l->store, l->zone.id, l->owner.wire, list_rr, l, l->msg)
			       : zonestore_each_rr(l->store, l->zone.id, list_rr, l, l->msg);
	if (!err)
		err = keystore_each_lock(sql, zone, list_lock, l, l->msg);
	access_release(l->locks);
	return err;
}

static int list(struct roostctl *ctl, struct zonestore *s)
{
	struct listing l = {.store = s, .type = TYPE_ANY, .named = ctl->argc > 1, .msg = &ctl->msg};
	if (!roostctl_find_zone(ctl, s, ctl->argv[0], &l.zone))
		return ROOSTCTL_FAILED;
	if (l.named && admin_owner_from_text(&l.owner, ctl->argv[1], l.zone.name.wire, &ctl->msg))
		return ROOSTCTL_FAILED;
	if (ctl->argc > 2 && rr_type_from_text(&l.type, ctl->argv[2]))
		return roostctl_usage(ctl, "type %s: is not known; A, AAAA, TXT and so on", ctl->argv[2]);
	if (list_all(&l))
		return ROOSTCTL_FAILED;
	if (l.count == 0 && ctl->argc > 1)
		return roostctl_fail(ctl, "zone %s: has no %s%srecord at %s", ctl->argv[0],
				     ctl->argc > 2 ? ctl->argv[2] : "", ctl->argc > 2 ? " " : "", ctl->argv[1]);
	return ROOSTCTL_DONE;
}

int roostctl_record_list(struct roostctl *ctl)
{
	struct zonestore *s = roostctl_open(ctl);
	if (!s)
		return ROOSTCTL_FAILED;
	int status = list(ctl, s);
	roostctl_close(s);
	return status;
}

/* ---- DATA ---- */

/* Octets that a character of presentation form at p takes up: \DDD is one, \X is one. */
static size_t unit_length(const char *p)
{
	if (p[0] != '\\' || !p[1])
		return 1;
	return p[1] >= '0' && p[1] <= '9' && p[2] && p[3] ? 4 : 2;
}

/* A word of TXT data becomes a character-string with the quotation marks that the shell took away; a long one
 * becomes several. */
static void quote(FILE *out, const char *word)
{
	size_t octets = 0;
	if (word[0] == '"') {
		fputs(word, out);
		return;
	}
	fputc('"', out);
	while (*word) {
		size_t unit = unit_length(word);
		if (octets == TXT_PIECE) {
			fputs("\" \"", out);
			octets = 0;
		}
		if (*word == '"')
			fputc('\\', out);
		fwrite(word, 1, unit, out);
		word += unit;
		octets++;
	}
	fputc('"', out);
}

static bool is_text_type(const char *type)
{
	uint16_t number;
	return !rr_type_from_text(&number, type) && (number == TYPE_TXT || number == TYPE_SPF);
}

/* RFC 3597 form is taken as it is: \# 4 c0000201 */
static bool wants_quotes(const char *type, const char *first)
{
	return is_text_type(type) && strcmp(first, "\\#") != 0;
}

/* One record from words [*i, …) up to a "," or the end. NULL: no memory. */
static json_t *join_record(int argc, char **argv, int *i, const char *type)
{
	char *text = NULL;
	size_t size;
	FILE *out = open_memstream(&text, &size);
	if (!out)
		return NULL;
	bool quotes = wants_quotes(type, argv[*i]);
	for (int n = 0; *i < argc && strcmp(argv[*i], ",") != 0; n++, ++*i) {
		if (n)
			fputc(' ', out);
		if (quotes)
			quote(out, argv[*i]);
		else
			fputs(argv[*i], out);
	}
	json_t *record = fclose(out) == 0 ? json_string(text) : NULL;
	free(text);
	return record;
}

static json_t *join_data(int argc, char **argv, const char *type)
{
	json_t *data = json_array();
	for (int i = 0; i < argc; i++)
		if (json_array_append_new(data, join_record(argc, argv, &i, type))) {
			json_decref(data);
			return NULL;
		}
	return data;
}

/* ---- add, set, delete ---- */

static int print_result(const char *zone, json_t *answer)
{
	printf("%s: serial %lld%s\n", zone, (long long)json_integer_value(json_object_get(answer, "serial")),
	       json_is_true(json_object_get(answer, "changed")) ? "" : ", nothing changed");
	json_decref(answer);
	return ROOSTCTL_DONE;
}

static int ask(struct roostctl *ctl, json_t *request)
{
	json_t *answer;
	int status = roostctl_ask(ctl, request, -1, false, &answer);
	return status ? status : print_result(ctl->argv[0], answer);
}

/* ZONE NAME [TTL] TYPE DATA …: no type looks like a TTL. */
static int put(struct roostctl *ctl, const char *cmd)
{
	uint32_t ttl;
	bool has_ttl = !text_ttl_from_text(&ttl, ctl->argv[2]);
	int at = has_ttl ? 3 : 2;
	if (ctl->argc < at + 2)
		return roostctl_usage(ctl, "%s: what should the %s record hold? Its data is missing", cmd,
				      ctl->argv[at]);
	const char *type = ctl->argv[at];
	json_t *request = json_pack("{s:s, s:s, s:s, s:s, s:o}", "cmd", cmd, "zone", ctl->argv[0], "name", ctl->argv[1],
				    "type", type, "data", join_data(ctl->argc - at - 1, ctl->argv + at + 1, type));
	if (request && has_ttl)
		json_object_set_new(request, "ttl", json_integer(ttl));
	return ask(ctl, request);
}

int roostctl_record_add(struct roostctl *ctl)
{
	return put(ctl, "record add");
}

int roostctl_record_set(struct roostctl *ctl)
{
	return put(ctl, "record set");
}

int roostctl_record_delete(struct roostctl *ctl)
{
	json_t *request =
		json_pack("{s:s, s:s, s:s}", "cmd", "record delete", "zone", ctl->argv[0], "name", ctl->argv[1]);
	if (ctl->argc > 2 && json_object_set_new(request, "type", json_string(ctl->argv[2])))
		goto not_text;
	if (ctl->argc > 3 &&
	    json_object_set_new(request, "data", join_data(ctl->argc - 3, ctl->argv + 3, ctl->argv[2])))
		goto not_text;
	return ask(ctl, request);

not_text:
	json_decref(request);
	return roostctl_ask(ctl, NULL, -1, false, NULL);
}

/* ---- lock, unlock ---- */

static int ask_lock(struct roostctl *ctl, const char *cmd)
{
	json_t *request = json_pack("{s:s, s:s, s:s, s:s*}", "cmd", cmd, "zone", ctl->argv[0], "name", ctl->argv[1],
				    "type", ctl->argc > 2 ? ctl->argv[2] : NULL);
	return roostctl_ask(ctl, request, -1, false, NULL);
}

int roostctl_record_lock(struct roostctl *ctl)
{
	return ask_lock(ctl, "record lock");
}

int roostctl_record_unlock(struct roostctl *ctl)
{
	return ask_lock(ctl, "record unlock");
}
