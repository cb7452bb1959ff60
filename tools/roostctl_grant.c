/* roostctl_grant.c: the grant commands. */
#include <ctype.h>
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "tools/roostctl.h"
#include "zones/admin/admin.h"

enum { DNS_PORT = 53 };

/* "A,AAAA" -> ["A","AAAA"] */
static json_t *split_types(const char *text)
{
	json_t *types = json_array();
	while (text && *text) {
		size_t len = strcspn(text, ",");
		if (json_array_append_new(types, json_stringn(text, len))) {
			json_decref(types);
			return NULL;
		}
		text += len + (text[len] == ',');
	}
	return types;
}

/* A number, or what was written, so that the server can say what is wrong with it. NULL: the option is not there. */
static json_t *number(const char *text)
{
	if (!text)
		return NULL;
	char *end;
	long long value = strtoll(text, &end, 10);
	return isdigit((unsigned char)*text) && !*end ? json_integer(value) : json_string(text);
}

int roostctl_grant_add(struct roostctl *ctl)
{
	json_t *answer;
	if (!ctl->option[OPTION_KEY] && !ctl->option[OPTION_FROM])
		return roostctl_usage(
			ctl, "grant add: say who may: --key NAME, --from PREFIX or both (--from ::/0 is everybody)");
	json_t *request = json_pack("{s:s, s:s, s:s, s:s*, s:s*, s:s*, s:o, s:o*, s:s*, s:s*, s:s*, s:s*, s:s*}", "cmd",
				    "grant add", "zone", ctl->argv[0], "action", ctl->argv[1], "key",
				    ctl->option[OPTION_KEY], "from", ctl->option[OPTION_FROM], "name",
				    ctl->option[OPTION_NAME], "types", split_types(ctl->option[OPTION_TYPES]), "max",
				    number(ctl->option[OPTION_MAX]), "rate", ctl->option[OPTION_RATE], "name_rate",
				    ctl->option[OPTION_NAME_RATE], "lease_default", ctl->option[OPTION_LEASE_DEFAULT],
				    "lease_max", ctl->option[OPTION_LEASE_MAX], "expires", ctl->option[OPTION_EXPIRES]);
	int status = roostctl_ask(ctl, request, -1, false, &answer);
	if (status)
		return status;
	printf("grant %lld\n", (long long)json_integer_value(json_object_get(answer, "id")));
	json_decref(answer);
	return ROOSTCTL_DONE;
}

int roostctl_grant_remove(struct roostctl *ctl)
{
	uint32_t id;
	if (!roostctl_parse_serial(ctl, ctl->argv[0], &id))
		return roostctl_usage(ctl, "grant %s: give its number, as roostctl grant list shows it", ctl->argv[0]);
	return roostctl_ask(ctl, json_pack("{s:s, s:I}", "cmd", "grant remove", "id", (json_int_t)id), -1, false, NULL);
}

/* Without the final dot; "*." is all names below the root. */
static const char *pattern_text(const struct access_grant *g, char text[NAME_TEXT_MAX])
{
	access_pattern_to_text(g, text);
	size_t len = strlen(text);
	if (len > 2 && text[len - 1] == '.')
		text[len - 1] = '\0';
	return text;
}

static void print_limits(const struct access_grant *g)
{
	char rate[ACCESS_RATE_TEXT_MAX], time[CLOCK_TEXT_MAX];
	if (g->max_records)
		printf(" --max %u", g->max_records);
	if (g->rate.count)
		printf(" --rate %s", access_rate_to_text(&g->rate, rate));
	if (g->name_rate.count)
		printf(" --name-rate %s", access_rate_to_text(&g->name_rate, rate));
	if (g->lease.standard)
		printf(" --lease-default %u", g->lease.standard);
	if (g->lease.max)
		printf(" --lease-max %s", access_lease_max_to_text(&g->lease, rate));
	if (g->expires)
		printf(" --expires %s%s", clock_to_text(g->expires, time), roostctl_expired(g->expires));
}

/* As the options that would make it. */
enum err roostctl_list_grant(void *arg, const struct access_grant *g)
{
	char text[NAME_TEXT_MAX], prefix[ADDR_TEXT_MAX], type[RR_TYPE_TEXT_MAX];
	(void)arg;
	printf("%" PRId64 " %s %s", g->id, admin_name_to_text(g->zone.wire, text), access_action_to_text(g->action));
	if (g->has_key)
		printf(" --key %s", admin_name_to_text(g->key.wire, text));
	if (g->has_from)
		printf(" --from %s", addr_prefix_to_text(&g->from, prefix));
	if (g->pattern_kind != ACCESS_NAME_ANY)
		printf(" --name %s", pattern_text(g, text));
	for (unsigned i = 0; i < g->type_count; i++)
		printf("%s%s", i ? "," : " --types ", rr_type_to_text(g->types[i], type));
	print_limits(g);
	printf("\n");
	return ERR_OK;
}

int roostctl_grant_list(struct roostctl *ctl)
{
	struct zonestore_zone z = {.id = 0};
	struct zonestore *s = roostctl_open(ctl);
	if (!s)
		return ROOSTCTL_FAILED;
	enum err err = ERR_NOTFOUND;
	if (ctl->argc == 0 || roostctl_find_zone(ctl, s, ctl->argv[0], &z))
		err = keystore_each_grant(zonestore_sql(s), ctl->argc ? z.name.wire : NULL, roostctl_list_grant, NULL,
					  &ctl->msg);
	roostctl_close(s);
	return err ? ROOSTCTL_FAILED : ROOSTCTL_DONE;
}

/* The question that grant explain asks. */
struct question {
	struct access_request request;
	struct zonestore_zone zone;
	struct name key, owner;
	struct addr from;
	uint16_t type;
};

static int take_question(struct roostctl *ctl, struct zonestore *s, const struct access *access, struct question *q)
{
	const char *key = ctl->option[OPTION_KEY], *from = ctl->option[OPTION_FROM], *name = ctl->option[OPTION_NAME],
		   *types = ctl->option[OPTION_TYPES];
	if (!roostctl_find_zone(ctl, s, ctl->argv[0], &q->zone))
		return ROOSTCTL_FAILED;
	if (access_action_from_text(&q->request.action, ctl->argv[1]))
		return roostctl_usage(ctl, "action %s: is not known; it is update, transfer or notify", ctl->argv[1]);
	if (key && !roostctl_parse_name(ctl, "key", key, &q->key))
		return ROOSTCTL_FAILED;
	const struct access_key *known = key ? access_key(access, q->key.wire) : NULL;
	q->request.key = known ? known->tsig : NULL;
	if (key && !q->request.key)
		return roostctl_fail(ctl, "key %s: is not in %s; roostctl key list shows those that are", key,
				     ctl->database);
	if (from && addr_parse(&q->from, from, DNS_PORT, &ctl->msg))
		return ROOSTCTL_USAGE;
	if (admin_owner_from_text(&q->owner, name ? name : "@", q->zone.name.wire, &ctl->msg))
		return ROOSTCTL_FAILED;
	q->type = TYPE_ANY;
	if (types && rr_type_from_text(&q->type, types))
		return roostctl_usage(ctl, "type %s: is not known; to explain, give one, such as AAAA", types);
	name_lower(q->owner.wire, q->owner.wire, q->owner.len);
	q->request.zone = q->zone.name.wire;
	q->request.from = from ? &q->from : NULL;
	return ROOSTCTL_DONE;
}

static int explain(struct roostctl *ctl, struct zonestore *s)
{
	struct question q = {.type = TYPE_ANY};
	struct errmsg why = {.text = ""};
	struct access *access;
	if (keystore_load(zonestore_sql(s), &access, &ctl->msg))
		return ROOSTCTL_FAILED;
	int status = take_question(ctl, s, access, &q);
	if (!status) {
		bool allowed = access_explain(access, &q.request, q.owner.wire, q.type, &why);
		status = allowed ? ROOSTCTL_DONE : roostctl_fail(ctl, "%s", why.text);
		if (allowed)
			printf("%s\n", why.text);
	}
	access_release(access);
	return status;
}

int roostctl_grant_explain(struct roostctl *ctl)
{
	struct zonestore *s = roostctl_open(ctl);
	if (!s)
		return ROOSTCTL_FAILED;
	int status = explain(ctl, s);
	roostctl_close(s);
	return status;
}
