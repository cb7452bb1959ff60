/* admin_key.c: "key add", "key rotate", "key expire" and "key remove". */
#include <errno.h>
#include <stdio.h>
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
		     json_object_set_new(r->extra, "algorithm", json_string(keystore_kind_to_text(key))) ||
		     json_object_set_new(r->extra, "secret", json_string(secret));
	explicit_bzero(secret, strlen(secret));
	free(secret);
	return failed ? errmsg_set(why, ERR_NOMEM, "no memory for the key") : ERR_OK;
}

enum err admin_key_insert(struct job *job, struct zonestore *s, struct errmsg *why)
{
	struct admin_request *r = job->run_arg;
	char name[NAME_TEXT_MAX];
	enum err err = keystore_add_key(zonestore_sql(s), &r->key, why);
	if (!err)
		log_info("key %s added by %s", admin_name_to_text(r->key.name.wire, name), job->actor.who);
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
	err = text_base64_from_text(text, r->key.secret, TSIG_SECRET_MAX, &r->key.secret_len);
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

enum { KEY_FIXED = 4 /* octets of KEY RDATA before the key: flags 2, protocol 1, algorithm 1 */ };

/* "512 3 13 …": KEY RDATA as dnssec-keygen writes it. */
static enum err take_public(struct admin_request *r, const char *text, struct errmsg *why)
{
	unsigned flags, protocol, algorithm;
	int base64 = 0;
	size_t len;
	char name[NAME_TEXT_MAX];
	struct sig0_key *key = NULL;
	enum err err = ERR_FORMAT;
	if (json_object_get(r->json, "secret") || json_object_get(r->json, "algorithm"))
		return errmsg_set(why, ERR_USAGE,
				  "a public key has neither a secret nor another algorithm than its own");
	if (sscanf(text, "%5u %3u %3u %n", &flags, &protocol, &algorithm, &base64) == 3 && base64 &&
	    flags <= UINT16_MAX && protocol <= UINT8_MAX && algorithm <= UINT8_MAX)
		err = text_base64_from_text(text + base64, r->key.secret + KEY_FIXED, sizeof(r->key.secret) - KEY_FIXED,
					    &len);
	if (!err) {
		buf_store_u16(r->key.secret, (uint16_t)flags);
		r->key.secret[2] = (uint8_t)protocol;
		r->key.secret[3] = (uint8_t)algorithm;
		r->key.secret_len = KEY_FIXED + len;
		err = sig0_key_new(&key, r->key.name.wire, r->key.secret, r->key.secret_len);
	}
	sig0_key_free(key);
	r->key.kind = KEYSTORE_SIG0;
	r->key.created = clock_unix_ms();
	admin_name_to_text(r->key.name.wire, name);
	if (err == ERR_REFUSED)
		return errmsg_set(why, err,
				  "key %s: take one that dnssec-keygen -T KEY -n HOST makes, of RSASHA256, RSASHA512, "
				  "ECDSAP256SHA256, ECDSAP384SHA384, ED25519 or ED448",
				  name);
	return err ? errmsg_set(why, err, "key %s: is no public key: FLAGS PROTOCOL ALGORITHM BASE64", name) : ERR_OK;
}

enum err admin_key_add(struct admin_request *r, struct errmsg *why)
{
	const char *public = NULL;
	r->job->run = admin_key_insert;
	enum err err = take_name(r, why);
	if (!err)
		err = admin_key_name(r, "identity", &r->key.identity, why);
	if (!err)
		err = admin_end(r, "expires", &r->key.expires, why);
	if (!err)
		err = admin_text(r, "public", &public, why);
	if (!err && public)
		return take_public(r, public, why);
	if (!err)
		err = take_algorithm(r, why);
	if (!err)
		err = take_secret(r, why);
	return err ? err : admin_key_answer(r, &r->key, why);
}

/* ---- rotate ---- */

enum {
	OVERLAP_DAYS =
		7, /* both keys work so long, unless asked otherwise: whoever is away for some days finds the time */
	SUFFIX_MAX = 1000,  /* names tried: NAME-2, NAME-3, … */
	SUFFIX_TEXT_MAX = 8 /* octets of "-1000" and a NUL, and some */
};

/* "nas.home.example" with "-2" behind its first label; false if that label would be too long. */
static bool add_suffix(struct name *out, const struct name *name, unsigned n)
{
	char suffix[SUFFIX_TEXT_MAX];
	uint8_t label[1 + NAME_LABEL_MAX];
	size_t more = (size_t)snprintf(suffix, sizeof(suffix), "-%u", n), len = name->wire[0];
	if (len + more > NAME_LABEL_MAX)
		return false;
	label[0] = (uint8_t)(len + more);
	memcpy(label + 1, name->wire + 1, len);
	memcpy(label + 1 + len, suffix, more);
	return name_join(out, label, 1 + len + more, name_strip(name->wire, 1)) == ERR_OK;
}

/* The first of these names that nobody has. */
static enum err choose_name(struct admin_request *r, struct errmsg *why)
{
	char text[NAME_TEXT_MAX];
	struct errmsg ignored = {.text = ""};
	struct name taken;
	for (unsigned n = 2; n < SUFFIX_MAX && add_suffix(&r->key.name, &r->key.identity, n); n++) {
		enum err err = keystore_find_identity(zonestore_sql(r->reader), r->key.name.wire, &taken, &ignored);
		if (err == ERR_NOTFOUND)
			return ERR_OK;
		if (err)
			return errmsg_set(why, err, "%s", ignored.text);
	}
	return errmsg_set(why, ERR_RANGE, "key %s: a name for the new key cannot be made from it; give one with --new",
			  admin_name_to_text(r->key.identity.wire, text));
}

struct newest {
	const struct name *identity;
	struct keystore_key key;
	bool any;
};

static enum err take_newest(void *arg, const struct keystore_key *key)
{
	struct newest *n = arg;
	if (name_equal(key->identity.wire, n->identity->wire) && (!n->any || key->created >= n->key.created)) {
		n->key = *key;
		n->any = true;
	}
	return ERR_OK;
}

/* "key rotate" is not for tokens, whose new one would be printed as a key, nor the other way round. */
static enum err check_kind(const struct admin_request *r, const struct keystore_key *key, struct errmsg *why)
{
	bool token_asked = json_is_true(json_object_get(r->json, "token"));
	char name[NAME_TEXT_MAX];
	if (token_asked == keystore_is_pass(key->kind))
		return ERR_OK;
	return errmsg_set(why, ERR_USAGE, "%s: is %s; see roostctl %s --help",
			  admin_name_to_text(key->identity.wire, name),
			  token_asked ? "a TSIG key, no token" : "a token or password, no TSIG key",
			  token_asked ? "key" : "token");
}

/* What the clients of the old key can do, they can do again. */
static enum err take_algorithm_of_old(struct admin_request *r, struct errmsg *why)
{
	struct newest n = {.identity = &r->key.identity};
	enum err err = keystore_each_key(zonestore_sql(r->reader), take_newest, &n, why);
	bool pass = n.any && keystore_is_pass(n.key.kind);
	r->key.algorithm = n.any && n.key.kind != KEYSTORE_SIG0 ? n.key.algorithm : TSIG_HMAC_SHA256;
	r->key.kind = pass ? KEYSTORE_TOKEN : KEYSTORE_TSIG;
	explicit_bzero(n.key.secret, sizeof(n.key.secret));
	if (!err)
		err = check_kind(r, &r->key, why);
	return !err && r->key.kind == KEYSTORE_TSIG && json_object_get(r->json, "algorithm") ? take_algorithm(r, why)
											     : err;
}

static enum err rotate_key(struct job *job, struct zonestore *s, struct errmsg *why)
{
	struct admin_request *r = job->run_arg;
	char name[NAME_TEXT_MAX], end[CLOCK_TEXT_MAX];
	enum err err = keystore_add_key(zonestore_sql(s), &r->key, why);
	if (!err)
		err = keystore_end_others(zonestore_sql(s), &r->key, r->end, why);
	if (!err)
		log_info("key %s added by %s; the others of its identity end %s",
			 admin_name_to_text(r->key.name.wire, name), job->actor.who, clock_to_text(r->end, end));
	return err;
}

static enum err answer_rotation(struct admin_request *r, struct errmsg *why)
{
	char identity[NAME_TEXT_MAX], end[CLOCK_TEXT_MAX];
	admin_name_to_text(r->key.identity.wire, identity);
	if (json_object_set_new(r->extra, "identity", json_string(identity)) ||
	    json_object_set_new(r->extra, "expires", json_string(clock_to_text(r->end, end))))
		return errmsg_set(why, ERR_NOMEM, "no memory for the key");
	return r->key.kind == KEYSTORE_TOKEN ? ERR_OK : admin_key_answer(r, &r->key, why);
}

static enum err take_end(struct admin_request *r, struct errmsg *why)
{
	r->end = clock_unix_ms() + INT64_C(86400000) * OVERLAP_DAYS;
	enum err err = admin_end(r, "expires", &r->end, why);
	if (!err && !r->end)
		err = errmsg_set(why, ERR_USAGE,
				 "key rotate: the old key must end; to add one that shares its rights for ever, see "
				 "roostctl key add --identity");
	return err;
}

enum err admin_key_rotate(struct admin_request *r, struct errmsg *why)
{
	struct name new = {.len = 0};
	r->job->run = rotate_key;
	enum err err = take_name(r, why);
	if (!err)
		err = keystore_find_identity(zonestore_sql(r->reader), r->key.name.wire, &r->key.identity, why);
	if (!err)
		err = admin_key_name(r, "new", &new, why);
	if (!err && new.len)
		r->key.name = new;
	else if (!err)
		err = choose_name(r, why);
	if (!err)
		err = take_end(r, why);
	if (!err)
		err = take_algorithm_of_old(r, why);
	if (!err)
		err = r->key.kind == KEYSTORE_TOKEN ? admin_token_fill(r, why) : admin_key_fill_secret(&r->key, why);
	return err ? err : answer_rotation(r, why);
}

/* ---- expire, remove ---- */

static enum err expire_key(struct job *job, struct zonestore *s, struct errmsg *why)
{
	struct admin_request *r = job->run_arg;
	char name[NAME_TEXT_MAX], end[CLOCK_TEXT_MAX];
	enum err err = keystore_set_key_expiry(zonestore_sql(s), r->key.name.wire, r->end, why);
	if (!err)
		log_info("key %s %s%s, says %s", admin_name_to_text(r->key.name.wire, name),
			 r->end ? "ends " : "does not end", r->end ? clock_to_text(r->end, end) : "", job->actor.who);
	return err;
}

enum err admin_key_expire(struct admin_request *r, struct errmsg *why)
{
	const char *text;
	r->job->run = expire_key;
	enum err err = take_name(r, why);
	if (!err)
		err = admin_need_text(r, "expires", &text, why);
	return err ? err : admin_end(r, "expires", &r->end, why);
}

static enum err remove_key(struct job *job, struct zonestore *s, struct errmsg *why)
{
	struct admin_request *r = job->run_arg;
	struct keystore_key there;
	char name[NAME_TEXT_MAX];
	admin_name_to_text(r->key.name.wire, name);
	enum err err = admin_find_key(s, r->key.name.wire, &there, why);
	explicit_bzero(there.secret, sizeof(there.secret));
	if (!err && json_is_true(json_object_get(r->json, "token")))
		err = check_kind(r, &there, why);
	if (!err)
		err = zonestore_hand_over_peers(s, r->key.name.wire, why);
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
