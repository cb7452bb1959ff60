/* roostctl_history.c: diff and revert: what the journal rows tell. */
#include "tools/roostctl.h"
#include "zones/store/history.h"

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
