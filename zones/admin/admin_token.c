/* admin_token.c: "token add": tokens and passwords for HTTP clients. Rotating and removing them is admin_key.c's. */
#include <stdlib.h>

#include "lib/clock.h"
#include "zones/admin/admin_inside.h"

enum err admin_token_fill(struct admin_request *r, struct errmsg *why)
{
	char text[SECRET_TOKEN_TEXT], name[NAME_TEXT_MAX];
	r->key.kind = KEYSTORE_TOKEN;
	r->key.algorithm = TSIG_NONE;
	r->key.secret_len = SECRET_HASH_LEN;
	r->key.created = clock_unix_ms();
	if (secret_make_token(text) || secret_hash_token(r->key.secret, text))
		return errmsg_set(why, ERR_IO, "token %s: no random octets",
				  admin_name_to_text(r->key.name.wire, name));
	int failed = json_object_set_new(r->extra, "token", json_string(text)) ||
		     json_object_set_new(r->extra, "key", json_string(admin_name_to_text(r->key.name.wire, name)));
	explicit_bzero(text, sizeof(text));
	return failed ? errmsg_set(why, ERR_NOMEM, "no memory for the token") : ERR_OK;
}

static enum err fill_password(struct admin_request *r, const char *text, struct errmsg *why)
{
	struct secret_password p;
	enum err err = secret_set_password(&p, text);
	if (err == ERR_RANGE)
		return errmsg_set(why, ERR_USAGE, "password: must have %d to %d octets", SECRET_PASSWORD_MIN,
				  SECRET_PASSWORD_MAX);
	if (err)
		return errmsg_set(why, err, "password: cannot be hashed: %s", err_text(err));
	r->key.kind = KEYSTORE_PASSWORD;
	r->key.algorithm = TSIG_NONE;
	r->key.created = clock_unix_ms();
	memcpy(r->key.secret, p.salt, SECRET_SALT_LEN);
	memcpy(r->key.secret + SECRET_SALT_LEN, p.hash, SECRET_HASH_LEN);
	r->key.secret_len = SECRET_SALT_LEN + SECRET_HASH_LEN;
	return ERR_OK;
}

enum err admin_token_add(struct admin_request *r, struct errmsg *why)
{
	const char *password = NULL;
	r->job->run = admin_key_insert;
	enum err err = admin_key_name(r, "name", &r->key.name, why);
	if (!err && r->key.name.len < 2)
		err = errmsg_set(why, ERR_USAGE, "request: \"name\" of a token is missing");
	if (!err)
		err = admin_key_name(r, "identity", &r->key.identity, why);
	if (!err)
		err = admin_end(r, "expires", &r->key.expires, why);
	if (!err)
		err = admin_text(r, "password", &password, why);
	if (!err)
		err = password ? fill_password(r, password, why) : admin_token_fill(r, why);
	return err;
}
