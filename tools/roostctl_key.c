/* roostctl_key.c: the key, grant and peer commands. */
#include <inttypes.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/text.h"
#include "tools/roostctl.h"
#include "zones/admin/admin.h"

enum { DNS_PORT = 53 };

/* ---- keys ---- */

/* The form that nsupdate -k, dig -k and BIND's configuration read. */
static void print_key(const char *name, const char *algorithm, const char *secret)
{
	printf("key \"%s\" {\n\talgorithm %s;\n\tsecret \"%s\";\n};\n", name, algorithm, secret);
}

int roostctl_key_add(struct roostctl *ctl)
{
	json_t *answer;
	json_t *request = json_pack("{s:s, s:s, s:s*, s:s*}", "cmd", "key add", "name", ctl->argv[0], "algorithm",
				    ctl->option[OPTION_ALGORITHM], "secret", ctl->option[OPTION_SECRET]);
	int status = roostctl_ask(ctl, request, -1, false, &answer);
	if (status)
		return status;
	print_key(json_string_value(json_object_get(answer, "key")),
		  json_string_value(json_object_get(answer, "algorithm")),
		  json_string_value(json_object_get(answer, "secret")));
	json_decref(answer);
	return ROOSTCTL_DONE;
}

int roostctl_key_remove(struct roostctl *ctl)
{
	json_t *request = json_pack("{s:s, s:s, s:b}", "cmd", "key remove", "name", ctl->argv[0], "force",
				    ctl->option[OPTION_FORCE] != NULL);
	return roostctl_ask(ctl, request, -1, false, NULL);
}

static enum err list_key(void *arg, const struct keystore_key *key)
{
	char name[NAME_TEXT_MAX], created[CLOCK_TEXT_MAX];
	(void)arg;
	printf("%s %s %s\n", admin_name_to_text(key->name.wire, name), tsig_algorithm_to_text(key->algorithm),
	       clock_to_text(key->created, created));
	return ERR_OK;
}

int roostctl_key_list(struct roostctl *ctl)
{
	struct zonestore *s = roostctl_open(ctl);
	if (!s)
		return ROOSTCTL_FAILED;
	enum err err = keystore_each_key(zonestore_sql(s), list_key, NULL, &ctl->msg);
	roostctl_close(s);
	return err ? ROOSTCTL_FAILED : ROOSTCTL_DONE;
}

static int show_key(struct roostctl *ctl, struct zonestore *s)
{
	char text[NAME_TEXT_MAX];
	struct keystore_key key;
	struct name name;
	char *secret;
	if (!roostctl_parse_name(ctl, "key", ctl->argv[0], &name))
		return ROOSTCTL_FAILED;
	enum err err = keystore_find_key(zonestore_sql(s), name.wire, &key, &ctl->msg);
	if (err == ERR_NOTFOUND)
		return roostctl_fail(ctl, "key %s: is not in %s; roostctl key list shows those that are", ctl->argv[0],
				     ctl->database);
	if (err)
		return ROOSTCTL_FAILED;
	if (text_base64_to_text(key.secret, key.secret_len, &secret))
		return roostctl_fail(ctl, "no memory");
	print_key(admin_name_to_text(key.name.wire, text), tsig_algorithm_to_text(key.algorithm), secret);
	free(secret);
	return ROOSTCTL_DONE;
}

int roostctl_key_show(struct roostctl *ctl)
{
	struct zonestore *s = roostctl_open(ctl);
	if (!s)
		return ROOSTCTL_FAILED;
	int status = show_key(ctl, s);
	roostctl_close(s);
	return status;
}

/* ---- grants ---- */

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

int roostctl_grant_add(struct roostctl *ctl)
{
	json_t *answer;
	if (!ctl->option[OPTION_KEY] && !ctl->option[OPTION_FROM])
		return roostctl_usage(
			ctl, "grant add: say who may: --key NAME, --from PREFIX or both (--from ::/0 is everybody)");
	json_t *request =
		json_pack("{s:s, s:s, s:s, s:s*, s:s*, s:s*, s:o}", "cmd", "grant add", "zone", ctl->argv[0], "action",
			  ctl->argv[1], "key", ctl->option[OPTION_KEY], "from", ctl->option[OPTION_FROM], "name",
			  ctl->option[OPTION_NAME], "types", split_types(ctl->option[OPTION_TYPES]));
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

/* As the options that would make it. */
static enum err list_grant(void *arg, const struct access_grant *g)
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
		err = keystore_each_grant(zonestore_sql(s), ctl->argc ? z.name.wire : NULL, list_grant, NULL,
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
	q->request.key = key ? access_find_key(access, q->key.wire) : NULL;
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

/* ---- peers ---- */

int roostctl_peer_add(struct roostctl *ctl)
{
	json_t *request = json_pack("{s:s, s:s, s:s, s:s*}", "cmd", "peer add", "zone", ctl->argv[0], "address",
				    ctl->argv[1], "key", ctl->option[OPTION_KEY]);
	return roostctl_ask(ctl, request, -1, false, NULL);
}

int roostctl_peer_remove(struct roostctl *ctl)
{
	json_t *request =
		json_pack("{s:s, s:s, s:s}", "cmd", "peer remove", "zone", ctl->argv[0], "address", ctl->argv[1]);
	return roostctl_ask(ctl, request, -1, false, NULL);
}

static enum err list_peer(void *arg, const struct zonestore_peer *p)
{
	char text[NAME_TEXT_MAX], address[ADDR_TEXT_MAX];
	(void)arg;
	printf("%s %s", admin_name_to_text(p->zone.wire, text), addr_to_text(&p->address, address));
	if (p->has_key)
		printf(" --key %s", admin_name_to_text(p->key.wire, text));
	printf("\n");
	return ERR_OK;
}

int roostctl_peer_list(struct roostctl *ctl)
{
	struct zonestore_zone z = {.id = 0};
	struct zonestore *s = roostctl_open(ctl);
	if (!s)
		return ROOSTCTL_FAILED;
	enum err err = ERR_NOTFOUND;
	if (ctl->argc == 0 || roostctl_find_zone(ctl, s, ctl->argv[0], &z))
		err = zonestore_each_peer(s, ctl->argc ? z.name.wire : NULL, list_peer, NULL, &ctl->msg);
	roostctl_close(s);
	return err ? ROOSTCTL_FAILED : ROOSTCTL_DONE;
}
