/* roostctl_log.c: log, and one version in full: who changed what, when and whence. */
#include <ctype.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "lib/clock.h"
#include "lib/message.h"
#include "lib/text.h"
#include "tools/roostctl.h"
#include "zones/admin/admin.h"
#include "zones/store/zonestore_refusals.h"

enum { MS_PER_S = 1000, LIMIT_MAX = 1000000000 };

struct log {
	struct zonestore *store;
	const uint8_t *zone; /* its name */
	int64_t since;       /* unix ms */
	bool named;          /* only versions that touched `name`, with its records */
	struct name name;
	bool in_full;    /* with all records */
	json_t *list;    /* NULL: text */
	json_t *records; /* of the version at hand, if they are wanted as JSON */
	size_t deleted, added;
	struct errmsg *msg;
};

/* ---- the records of a version ---- */

static bool is_wanted(const struct log *l, const uint8_t *owner)
{
	return !l->named || name_equal(owner, l->name.wire);
}

static enum err count_record(void *arg, const struct zonestore_change_rr *rr)
{
	struct log *l = arg;
	if (!is_wanted(l, rr->owner))
		return ERR_OK;
	if (rr->add)
		l->added++;
	else
		l->deleted++;
	return ERR_OK;
}

static enum err add_json_record(struct log *l, bool add, const uint8_t *owner, const struct content_rr *rr)
{
	char name[NAME_TEXT_MAX], type[RR_TYPE_TEXT_MAX], *data = NULL;
	if (text_rdata_to_text(rr->type, rr->rdata, rr->rdlen, &data))
		return errmsg_set(l->msg, ERR_NOMEM, "no memory for a record");
	json_t *one = json_pack("{s:b, s:s, s:I, s:s, s:s}", "added", add, "name", admin_name_to_text(owner, name),
				"ttl", (json_int_t)rr->ttl, "type", rr_type_to_text(rr->type, type), "data", data);
	free(data);
	return json_array_append_new(l->records, one) ? errmsg_set(l->msg, ERR_NOMEM, "no memory for a record")
						      : ERR_OK;
}

static enum err show_record(struct log *l, bool add, const uint8_t *owner, const struct content_rr *rr)
{
	if (!is_wanted(l, owner))
		return ERR_OK;
	if (l->records)
		return add_json_record(l, add, owner, rr);
	return roostctl_print_rr(add ? "+" : "-", owner, rr)
		       ? ERR_OK
		       : errmsg_set(l->msg, ERR_IO, "standard output cannot be written");
}

static enum err show_row(void *arg, const struct zonestore_change_rr *row)
{
	return show_record(arg, row->add, row->owner, &row->rr);
}

/* The apex SOA stands in the version itself. */
static enum err show_records(struct log *l, const struct zonestore_version *v)
{
	const struct content_rr from = {
		.type = TYPE_SOA, .ttl = v->soa_from_ttl, .rdlen = v->soa_from_len, .rdata = v->soa_from};
	const struct content_rr to = {
		.type = TYPE_SOA, .ttl = v->soa_to_ttl, .rdlen = v->soa_to_len, .rdata = v->soa_to};
	enum err err = ERR_OK;
	if (l->in_full && v->has_from)
		err = show_record(l, false, l->zone, &from);
	if (!err && l->in_full)
		err = show_record(l, true, l->zone, &to);
	return err ? err : zonestore_each_change_rr(l->store, v->id, 0, 0, show_row, l, l->msg);
}

/* ---- a version ---- */

static enum err log_json(struct log *l, const struct zonestore_version *v, const struct zonestore_change *c)
{
	char time[CLOCK_TEXT_MAX];
	enum err err = ERR_OK;
	json_t *one =
		json_pack("{s:I, s:o, s:s, s:s, s:s, s:s, s:s, s:b, s:I, s:I}", "serial", (json_int_t)v->to, "from",
			  v->has_from ? json_integer(v->from) : json_null(), "time", clock_to_text(v->time, time),
			  "actor", c->actor, "source", c->source, "transport", c->transport, "note", c->note, "full",
			  v->full, "deleted", (json_int_t)l->deleted, "added", (json_int_t)l->added);
	if (one && (l->in_full || l->named)) {
		l->records = json_array();
		err = show_records(l, v);
		if (!err && json_object_set_new(one, "records", l->records))
			err = ERR_NOMEM;
		l->records = NULL;
	}
	if (json_array_append_new(l->list, one))
		return errmsg_set(l->msg, ERR_NOMEM, "no memory, or a note that is not UTF-8");
	return err;
}

static enum err log_text(struct log *l, const struct zonestore_version *v, const struct zonestore_change *c)
{
	char time[CLOCK_TEXT_MAX];
	printf("%u %s ", v->to, clock_to_text(v->time, time));
	if (v->full)
		printf("whole zone");
	else
		printf("-%zu +%zu", l->deleted, l->added);
	printf(" by %s", c->actor);
	if (c->source[0])
		printf(" from %s", c->source);
	printf(" (%s)%s%s\n", c->transport, c->note[0] ? ": " : "", c->note);
	return l->in_full || l->named ? show_records(l, v) : ERR_OK;
}

static enum err log_version(void *arg, const struct zonestore_version *v, const struct zonestore_change *c)
{
	struct log *l = arg;
	if (v->time < l->since)
		return ERR_OK; /* newer ones may follow: clocks are set back, and wrong for a while after a start */
	l->deleted = l->added = 0;
	enum err err = zonestore_each_change_rr(l->store, v->id, 0, 0, count_record, l, l->msg);
	if (err)
		return err;
	return l->list ? log_json(l, v, c) : log_text(l, v, c);
}

static int finish(struct log *l, enum err err)
{
	if (err == ERR_RANGE)
		err = ERR_OK;
	if (!err && l->list) {
		json_dumpf(l->list, stdout, JSON_INDENT(1));
		printf("\n");
	}
	json_decref(l->list);
	return err ? ROOSTCTL_FAILED : ROOSTCTL_DONE;
}

/* ---- what was refused ---- */

static enum err refusal_json(void *arg, const struct zonestore_refusal *r)
{
	struct log *l = arg;
	char first[CLOCK_TEXT_MAX], last[CLOCK_TEXT_MAX], rcode[MESSAGE_RCODE_TEXT_MAX];
	json_t *one =
		json_pack("{s:s, s:s, s:I, s:s, s:s, s:s, s:s, s:s, s:s, s:s}", "first", clock_to_text(r->first, first),
			  "last", clock_to_text(r->last, last), "count", (json_int_t)r->count, "actor", r->actor,
			  "network", r->network, "source", r->source, "transport", r->transport, "rcode",
			  message_rcode_to_text(r->rcode, rcode), "asked", r->asked, "why", r->why);
	return json_array_append_new(l->list, one) ? errmsg_set(l->msg, ERR_NOMEM, "no memory") : ERR_OK;
}

static enum err refusal_text(void *arg, const struct zonestore_refusal *r)
{
	char first[CLOCK_TEXT_MAX], last[CLOCK_TEXT_MAX], rcode[MESSAGE_RCODE_TEXT_MAX];
	(void)arg;
	printf("%s %s", clock_to_text(r->last, last), message_rcode_to_text(r->rcode, rcode));
	if (r->count > 1)
		printf(" %lld times since %s from %s, the last", (long long)r->count, clock_to_text(r->first, first),
		       r->network);
	printf(" by %s from %s (%s): %s%s%s\n", r->actor, r->source, r->transport, r->asked, r->asked[0] ? ": " : "",
	       r->why);
	return ERR_OK;
}

/* ---- log ---- */

/* "7d" ago, or a date with or without a time of day, of UTC. */
static bool parse_since(struct roostctl *ctl, const char *text, int64_t *out)
{
	uint32_t ago;
	if (!text_ttl_from_text(&ago, text)) {
		*out = clock_unix_ms() - (int64_t)ago * MS_PER_S;
		return true;
	}
	if (clock_from_text(out, text))
		return true;
	roostctl_usage(ctl,
		       "--since %s: write how long ago (7d, 1h30m) or a time of UTC (2026-03-01, 2026-03-01T12:00:00Z)",
		       text);
	return false;
}

static bool parse_limit(struct roostctl *ctl, const char *text, unsigned *out)
{
	char *end;
	unsigned long value = strtoul(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end || value == 0 || value > LIMIT_MAX) {
		roostctl_usage(ctl, "--limit %s: must be a number of 1 to %d", text, LIMIT_MAX);
		return false;
	}
	*out = (unsigned)value;
	return true;
}

static int print_log(struct roostctl *ctl, struct zonestore *s, struct log *l, unsigned limit)
{
	const char *name = ctl->option[OPTION_NAME];
	struct zonestore_zone z;
	if (!roostctl_find_zone(ctl, s, ctl->argv[0], &z))
		return ROOSTCTL_FAILED;
	l->store = s;
	l->zone = z.name.wire;
	l->msg = &ctl->msg;
	l->named = name != NULL;
	if (name && admin_owner_from_text(&l->name, name, z.name.wire, &ctl->msg))
		return ROOSTCTL_FAILED;
	if (ctl->option[OPTION_JSON])
		l->list = json_array();
	if (ctl->option[OPTION_REFUSED])
		return finish(l, zonestore_refusals_each(s, z.id, l->since, limit,
							 l->list ? refusal_json : refusal_text, l, &ctl->msg));
	if (name)
		return finish(l, zonestore_each_version_of(s, z.id, l->name.wire, limit, log_version, l, &ctl->msg));
	return finish(l, zonestore_each_version(s, z.id, true, 0, limit, log_version, l, &ctl->msg));
}

int roostctl_log(struct roostctl *ctl)
{
	struct log l = {.since = INT64_MIN};
	unsigned limit = 0;
	const char *since = ctl->option[OPTION_SINCE], *most = ctl->option[OPTION_LIMIT];
	if ((since && !parse_since(ctl, since, &l.since)) || (most && !parse_limit(ctl, most, &limit)))
		return ROOSTCTL_USAGE;
	if (ctl->option[OPTION_REFUSED] && ctl->option[OPTION_NAME])
		return roostctl_usage(ctl, "log: --name and --refused do not go together");
	struct zonestore *s = roostctl_open(ctl);
	if (!s)
		return ROOSTCTL_FAILED;
	int status = print_log(ctl, s, &l, limit);
	roostctl_close(s);
	return status;
}

/* ---- one version ---- */

struct one_version {
	uint32_t serial;
	struct log *log;
	bool found;
};

static enum err show_if_it_is(void *arg, const struct zonestore_version *v, const struct zonestore_change *c)
{
	struct one_version *o = arg;
	if (v->to != o->serial)
		return ERR_OK;
	o->found = true;
	enum err err = log_version(o->log, v, c);
	return err ? err : ERR_RANGE; /* that was it */
}

int roostctl_show_version(struct roostctl *ctl, struct zonestore *s, const struct zonestore_zone *z)
{
	struct log l = {.store = s, .zone = z->name.wire, .since = INT64_MIN, .in_full = true, .msg = &ctl->msg};
	struct one_version o = {.log = &l};
	if (!roostctl_parse_serial(ctl, ctl->option[OPTION_SERIAL], &o.serial))
		return ROOSTCTL_USAGE;
	if (ctl->option[OPTION_JSON])
		l.list = json_array();
	enum err err = zonestore_each_version(s, z->id, true, 0, 0, show_if_it_is, &o, &ctl->msg);
	if (!err && !o.found) {
		json_decref(l.list);
		return roostctl_fail(ctl,
				     "zone %s: no version with serial %u is kept; roostctl log %s lists those that are",
				     ctl->argv[0], o.serial, ctl->argv[0]);
	}
	if (o.found && l.list) { /* one object, not a list of one */
		json_t *one = json_incref(json_array_get(l.list, 0));
		json_decref(l.list);
		l.list = one;
	}
	return finish(&l, err);
}
