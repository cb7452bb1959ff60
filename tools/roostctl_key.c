/* roostctl_key.c: the key and peer commands; grants: roostctl_grant.c. */
#include <errno.h>
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

/* ---- public keys ---- */

enum {
	KEY_LINE_MAX = 4096, /* octets of a line of a .key file; RSA of 4096 bits needs 750 */
	KEY_FIXED = 4        /* octets of KEY RDATA before the key: flags 2, protocol 1, algorithm 1 */
};

/* "NAME [TTL] [IN] KEY FLAGS PROTOCOL ALGORITHM BASE64 [BASE64 …]", as dnssec-keygen writes it, to the RDATA with one
 * word of base64. False: it is not such a line. */
static bool take_key_line(char *line, const struct name *name, char rdata[KEY_LINE_MAX])
{
	static const char space[] = " \t\r\n";
	struct name owner;
	size_t used = 0;
	char *rest, *word = strtok_r(line, space, &rest);
	if (!word || name_from_text(&owner, word) || !name_equal(owner.wire, name->wire))
		return false;
	while (word && strcmp(word, "KEY") != 0)
		word = strtok_r(NULL, space, &rest);
	for (unsigned i = 0; word && (word = strtok_r(NULL, space, &rest)); i++)
		used += (size_t)snprintf(rdata + used, KEY_LINE_MAX - used, "%s%s", i && i <= 3 ? " " : "", word);
	return used > 0;
}

/* The RDATA of the file's KEY record. */
static bool read_public(struct roostctl *ctl, const char *path, char rdata[KEY_LINE_MAX])
{
	char line[KEY_LINE_MAX];
	struct name name;
	bool found = false;
	if (!roostctl_parse_name(ctl, "key", ctl->argv[0], &name))
		return false;
	FILE *in = fopen(path, "r");
	if (!in) {
		roostctl_fail(ctl, "%s: %s", path, strerror(errno));
		return false;
	}
	while (!found && fgets(line, sizeof(line), in))
		found = *line != ';' && take_key_line(line, &name, rdata);
	fclose(in);
	if (!found)
		roostctl_fail(ctl, "%s: has no KEY record of %s: the key must be called as the owner of its record",
			      path, ctl->argv[0]);
	return found;
}

static int add_public(struct roostctl *ctl)
{
	char rdata[KEY_LINE_MAX];
	if (ctl->option[OPTION_ALGORITHM] || ctl->option[OPTION_SECRET])
		return roostctl_fail(ctl, "--public: goes without --algorithm and --secret");
	if (!read_public(ctl, ctl->option[OPTION_PUBLIC], rdata))
		return ROOSTCTL_FAILED;
	json_t *request =
		json_pack("{s:s, s:s, s:s, s:s*, s:s*}", "cmd", "key add", "name", ctl->argv[0], "public", rdata,
			  "identity", ctl->option[OPTION_IDENTITY], "expires", ctl->option[OPTION_EXPIRES]);
	return roostctl_ask(ctl, request, -1, false, NULL);
}

/* The record, as it may stand in a zone. */
static int print_public(struct roostctl *ctl, const struct keystore_key *key)
{
	char name[NAME_TEXT_MAX];
	char *base64;
	if (key->secret_len < KEY_FIXED ||
	    text_base64_to_text(key->secret + KEY_FIXED, key->secret_len - KEY_FIXED, &base64))
		return roostctl_fail(ctl, "key %s: cannot be printed", ctl->argv[0]);
	printf("%s IN KEY %u %u %u %s\n", name_to_text(key->name.wire, name), buf_load_u16(key->secret), key->secret[2],
	       key->secret[3], base64);
	free(base64);
	return ROOSTCTL_DONE;
}

/* ---- commands ---- */

int roostctl_key_add(struct roostctl *ctl)
{
	json_t *answer;
	if (ctl->option[OPTION_PUBLIC])
		return add_public(ctl);
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
	if (!keystore_is_pass(key->kind))
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
	if (key.kind == KEYSTORE_SIG0)
		return print_public(ctl, &key);
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
