/* roostctl_history.c: log, diff and revert: what the journal rows tell. */
#include <stdlib.h>

#include "lib/clock.h"
#include "tools/roostctl.h"
#include "zones/store/history.h"

/* ---- log ---- */

struct log {
	struct zonestore *store;
	json_t *list; /* NULL: text */
	struct errmsg *msg;
};

struct tally {
	size_t deleted, added;
};

static enum err count_change(void *arg, const struct zonestore_change_rr *rr)
{
	struct tally *t = arg;
	if (rr->add)
		t->added++;
	else
		t->deleted++;
	return ERR_OK;
}

static enum err log_json(struct log *l, const struct zonestore_version *v, const struct zonestore_change *c,
			 const struct tally *t)
{
	char time[CLOCK_TEXT_MAX];
	json_t *one =
		json_pack("{s:I, s:o, s:s, s:s, s:s, s:s, s:s, s:b, s:I, s:I}", "serial", (json_int_t)v->to, "from",
			  v->has_from ? json_integer(v->from) : json_null(), "time", clock_to_text(v->time, time),
			  "actor", c->actor, "source", c->source, "transport", c->transport, "note", c->note, "full",
			  v->full, "deleted", (json_int_t)t->deleted, "added", (json_int_t)t->added);
	return json_array_append_new(l->list, one)
		       ? errmsg_set(l->msg, ERR_NOMEM, "no memory, or a note that is not UTF-8")
		       : ERR_OK;
}

static void log_text(const struct zonestore_version *v, const struct zonestore_change *c, const struct tally *t)
{
	char time[CLOCK_TEXT_MAX];
	printf("%u %s ", v->to, clock_to_text(v->time, time));
	if (v->full)
		printf("whole zone");
	else
		printf("-%zu +%zu", t->deleted, t->added);
	printf(" by %s", c->actor);
	if (c->source[0])
		printf(" from %s", c->source);
	printf(" (%s)%s%s\n", c->transport, c->note[0] ? ": " : "", c->note);
}

static enum err log_version(void *arg, const struct zonestore_version *v, const struct zonestore_change *c)
{
	static const struct zonestore_change nobody = {.actor = "unknown", .source = "", .transport = "", .note = ""};
	struct log *l = arg;
	struct tally t = {0};
	enum err err = zonestore_each_change_rr(l->store, v->id, 0, 0, count_change, &t, l->msg);
	if (err)
		return err;
	if (l->list)
		return log_json(l, v, c ? c : &nobody, &t);
	log_text(v, c ? c : &nobody, &t);
	return ERR_OK;
}

static int print_log(struct roostctl *ctl, struct zonestore *s)
{
	struct zonestore_zone z;
	struct log l = {.store = s, .msg = &ctl->msg};
	if (!roostctl_find_zone(ctl, s, ctl->argv[0], &z))
		return ROOSTCTL_FAILED;
	if (ctl->option[OPTION_JSON])
		l.list = json_array();
	enum err err = zonestore_each_version(s, z.id, true, 0, 0, log_version, &l, &ctl->msg);
	if (!err && l.list) {
		json_dumpf(l.list, stdout, JSON_INDENT(1));
		printf("\n");
	}
	json_decref(l.list);
	return err ? ROOSTCTL_FAILED : ROOSTCTL_DONE;
}

int roostctl_log(struct roostctl *ctl)
{
	struct zonestore *s = roostctl_open(ctl);
	if (!s)
		return ROOSTCTL_FAILED;
	int status = print_log(ctl, s);
	roostctl_close(s);
	return status;
}

/* ---- diff ---- */

static bool print_history(const struct zonestore_zone *z, const struct history *h)
{
	bool good = roostctl_print_rr("-", z->name.wire, history_soa_from(h)) &&
		    roostctl_print_rr("+", z->name.wire, history_soa_to(h));
	for (size_t i = 0; good && i < history_count(h); i++) {
		const struct history_rr *n = history_at(h, i);
		good = roostctl_print_rr(n->add ? "+" : "-", n->owner, &n->rr);
	}
	return good;
}

static int print_diff(struct roostctl *ctl, struct zonestore *s)
{
	struct zonestore_zone z;
	struct history *h;
	uint32_t from, to;
	if (!roostctl_parse_serial(ctl, ctl->argv[1], &from) || !roostctl_parse_serial(ctl, ctl->argv[2], &to))
		return ROOSTCTL_USAGE;
	if (!roostctl_find_zone(ctl, s, ctl->argv[0], &z) || history_between(&h, s, &z, from, to, &ctl->msg))
		return ROOSTCTL_FAILED;
	bool good = from == to || print_history(&z, h);
	history_free(h);
	return good ? ROOSTCTL_DONE : roostctl_fail(ctl, "standard output cannot be written");
}

int roostctl_diff(struct roostctl *ctl)
{
	struct zonestore *s = roostctl_open(ctl);
	if (!s)
		return ROOSTCTL_FAILED;
	int status = print_diff(ctl, s);
	roostctl_close(s);
	return status;
}

/* ---- revert ---- */

int roostctl_revert(struct roostctl *ctl)
{
	json_t *answer;
	uint32_t serial;
	if (!roostctl_parse_serial(ctl, ctl->argv[1], &serial))
		return ROOSTCTL_USAGE;
	json_t *request =
		json_pack("{s:s, s:s, s:I}", "cmd", "revert", "zone", ctl->argv[0], "serial", (json_int_t)serial);
	int status = roostctl_ask(ctl, request, -1, false, &answer);
	if (status)
		return status;
	printf("%s: serial %lld%s\n", ctl->argv[0], (long long)json_integer_value(json_object_get(answer, "serial")),
	       json_is_true(json_object_get(answer, "changed")) ? "" : ", nothing changed");
	json_decref(answer);
	return ROOSTCTL_DONE;
}
