/* admin_key.c: "key add" and "key remove". */
#include <errno.h>
#include <stdlib.h>
#include <sys/random.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "lib/text.h"
#include "zones/admin/admin_inside.h"

enum err admin_key_fill_secret(struct keystore_key *key, struct errmsg *why)
{
	key->secret_len = tsig_mac_len(key->algorithm);
	key->created = clock_unix_ms();
	if (getrandom(key->secret, key->secret_len, 0) == (ssize_t)key->secret_len)
		return ERR_OK;
	return errmsg_set(why, ERR_IO, "no random octets for a secret: %s", strerror(errno));
}

enum err admin_key_answer(struct admin_request *r, const struct keystore_key *key, struct errmsg *why)
{
	char name[NAME_TEXT_MAX];
	char *secret;
	enum err err = text_base64_to_text(key->secret, key->secret_len, &secret);
	if (err)
		return errmsg_set(why, err, "no memory for the key");
	int failed = json_object_set_new(r->extra, "key", json_string(admin_name_to_text(key->name.wire, name))) ||
		     json_object_set_new(r->extra, "algorithm", json_string(tsig_algorithm_to_text(key->algorithm))) ||
		     json_object_set_new(r->extra, "secret", json_string(secret));
	explicit_bzero(secret, strlen(secret));
	free(secret);
	return failed ? errmsg_set(why, ERR_NOMEM, "no memory for the key") : ERR_OK;
}

static enum err add_key(struct job *job, struct zonestore *s, struct errmsg *why)
{
	struct admin_request *r = job->run_arg;
	char name[NAME_TEXT_MAX];
	admin_name_to_text(r->key.name.wire, name);
	enum err err = keystore_add_key(zonestore_sql(s), &r->key, why);
	if (err == ERR_EXISTS)
		return errmsg_set(why, err, "key %s: is there already; roostctl key show %s prints it", name, name);
	if (!err)
		log_info("key %s added by %s", name, job->actor.who);
	return err;
}

static enum err take_algorithm(struct admin_request *r, struct errmsg *why)
{
	const char *text;
	enum err err = admin_text(r, "algorithm", &text, why);
	if (err)
		return err;
	r->key.algorithm = text ? tsig_algorithm_from_text(text) : TSIG_HMAC_SHA256;
	if (r->key.algorithm != TSIG_NONE)
		return ERR_OK;
	return errmsg_set(why, ERR_USAGE,
			  "algorithm %s: is not known; take hmac-sha256, or hmac-sha1, hmac-sha224, hmac-sha384, "
			  "hmac-sha512, hmac-md5",
			  text);
}

static enum err take_secret(struct admin_request *r, struct errmsg *why)
{
	const char *text;
	enum err err = admin_text(r, "secret", &text, why);
	if (err)
		return err;
	if (!text)
		return admin_key_fill_secret(&r->key, why);
	r->key.created = clock_unix_ms();
	err = text_base64_from_text(text, r->key.secret, sizeof(r->key.secret), &r->key.secret_len);
	if (err || r->key.secret_len == 0)
		return errmsg_set(why, ERR_FORMAT,
				  "secret: is not base64 of 1 to %d octets; leave it out for a random one",
				  TSIG_SECRET_MAX);
	return ERR_OK;
}

static enum err take_name(struct admin_request *r, struct errmsg *why)
{
	enum err err = admin_key_name(r, "name", &r->key.name, why);
	if (!err && r->key.name.len < 2)
		return errmsg_set(why, ERR_USAGE, "request: \"name\" of a key is missing");
	return err;
}

enum err admin_key_add(struct admin_request *r, struct errmsg *why)
{
	r->job->run = add_key;
	enum err err = take_name(r, why);
	if (!err)
		err = take_algorithm(r, why);
	if (!err)
		err = take_secret(r, why);
	return err ? err : admin_key_answer(r, &r->key, why);
}

static enum err remove_key(struct job *job, struct zonestore *s, struct errmsg *why)
{
	struct admin_request *r = job->run_arg;
	struct keystore_key there;
	char name[NAME_TEXT_MAX];
	admin_name_to_text(r->key.name.wire, name);
	enum err err = admin_find_key(s, r->key.name.wire, &there, why);
	explicit_bzero(there.secret, sizeof(there.secret));
	if (err)
		return err;
	err = keystore_remove_key(zonestore_sql(s), r->key.name.wire, r->with_grants, why);
	if (err == ERR_REFUSED)
		return errmsg_set(why, err,
				  "key %s: grants or peers name it; remove those first, or all together with --force",
				  name);
	if (!err)
		log_info("key %s removed by %s", name, job->actor.who);
	return err;
}

enum err admin_key_remove(struct admin_request *r, struct errmsg *why)
{
	r->job->run = remove_key;
	r->with_grants = json_is_true(json_object_get(r->json, "force"));
	return take_name(r, why);
}
