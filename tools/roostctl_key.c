/* roostctl_key.c: the key and peer commands; grants: roostctl_grant.c. */
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "lib/text.h"
#include "tools/roostctl.h"
#include "zones/admin/admin.h"

/* ---- keys ---- */

/* The form that nsupdate -k, dig -k and BIND's configuration read. */
static void print_key(const char *name, const char *algorithm, const char *secret)
{
	printf("key \"%s\" {\n\talgorithm %s;\n\tsecret \"%s\";\n};\n", name, algorithm, secret);
}

/* Takes the answer's reference. */
static void print_answer(json_t *answer)
{
	print_key(json_string_value(json_object_get(answer, "key")),
		  json_string_value(json_object_get(answer, "algorithm")),
		  json_string_value(json_object_get(answer, "secret")));
	json_decref(answer);
}

int roostctl_key_add(struct roostctl *ctl)
{
	json_t *answer;
	json_t *request = json_pack("{s:s, s:s, s:s*, s:s*, s:s*, s:s*}", "cmd", "key add", "name", ctl->argv[0],
				    "algorithm", ctl->option[OPTION_ALGORITHM], "secret", ctl->option[OPTION_SECRET],
				    "identity", ctl->option[OPTION_IDENTITY], "expires", ctl->option[OPTION_EXPIRES]);
	int status = roostctl_ask(ctl, request, -1, false, &answer);
	if (!status)
		print_answer(answer);
	return status;
}

/* The key goes to standard output, where it can be redirected into a file; what to know about it does not. */
int roostctl_key_rotate(struct roostctl *ctl)
{
	json_t *answer;
	json_t *request = json_pack("{s:s, s:s, s:s*, s:s*, s:s*}", "cmd", "key rotate", "name", ctl->argv[0],
				    "algorithm", ctl->option[OPTION_ALGORITHM], "new", ctl->option[OPTION_NEW],
				    "expires", ctl->option[OPTION_EXPIRES]);
	int status = roostctl_ask(ctl, request, -1, false, &answer);
	if (status)
		return status;
	fprintf(stderr, "key %s has the grants of %s; the other keys that have them end %s\n",
		json_string_value(json_object_get(answer, "key")),
		json_string_value(json_object_get(answer, "identity")),
		json_string_value(json_object_get(answer, "expires")));
	print_answer(answer);
	return ROOSTCTL_DONE;
}

int roostctl_key_expire(struct roostctl *ctl)
{
	json_t *request =
		json_pack("{s:s, s:s, s:s}", "cmd", "key expire", "name", ctl->argv[0], "expires", ctl->argv[1]);
	return roostctl_ask(ctl, request, -1, false, NULL);
}

int roostctl_key_remove(struct roostctl *ctl)
{
	json_t *request = json_pack("{s:s, s:s, s:b}", "cmd", "key remove", "name", ctl->argv[0], "force",
				    ctl->option[OPTION_FORCE] != NULL);
	return roostctl_ask(ctl, request, -1, false, NULL);
}

void roostctl_list_key(const struct keystore_key *key)
{
	char name[NAME_TEXT_MAX], created[CLOCK_TEXT_MAX];
	printf("%s %s %s", admin_name_to_text(key->name.wire, name), keystore_kind_to_text(key),
	       clock_to_text(key->created, created));
	if (!name_equal(key->identity.wire, key->name.wire))
		printf(" --identity %s", admin_name_to_text(key->identity.wire, name));
	if (key->expires)
		printf(" --expires %s%s", clock_to_text(key->expires, created), roostctl_expired(key->expires));
	printf("\n");
}

static enum err list_key(void *arg, const struct keystore_key *key)
{
	(void)arg;
	if (key->kind == KEYSTORE_TSIG)
		roostctl_list_key(key);
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
	if (key.kind != KEYSTORE_TSIG)
		return roostctl_fail(ctl,
				     "%s: is a %s, of which only a hash is kept; roostctl token rotate makes a new one",
				     ctl->argv[0], keystore_kind_to_text(&key));
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
