/* identify.c: see identify.h. */
#include "server/http/identify.h"

#include <assert.h>
#include <openssl/crypto.h>
#include <openssl/evp.h>
#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/random.h>

#include "keys/lockout.h"
#include "lib/clock.h"
#include "lib/log.h"
#include "lib/text.h"
#include "server/http/http_inside.h"
#include "zones/memory/grace.h"

enum {
	CHECKS_MAX = 64, /* passwords that wait to be looked at; each takes some 40 ms */
	KNOWN = 1024,    /* passwords remembered as right */
	KEY_LEN = 32,    /* octets */
	BUSY_WAIT_S = 5
};

typedef void then_fn(struct call *c, enum identify_result result);

/* A password on its way to the thread that looks at it, and back. */
struct check {
	struct mail mail;
	struct check *next;
	struct identify *identify;
	struct call *call;
	then_fn *then;
	struct identify_shown shown;
	struct secret_password stored;
	bool there; /* the account is; else the time is all that counts */
	bool right;
};

/* Digests under a key that this process alone has: what leaks from memory is no password. */
struct known {
	uint8_t digest[SECRET_HASH_LEN]; /* of account and password */
	uint8_t stored[SECRET_HASH_LEN]; /* against which it was right */
};

struct identify {
	struct server *server;
	struct mailbox *mailbox;
	struct lockout *lockout;
	uint8_t key[KEY_LEN];
	struct known known[KNOWN];

	pthread_t thread;
	bool started;
	pthread_mutex_t mutex; /* the queue and `stopping` */
	pthread_cond_t changed;
	struct check *first, **last;
	unsigned count;
	bool stopping;
};

/* ---- what the request shows ---- */

static void copy(char *out, const char *text, size_t len)
{
	if (len >= IDENTIFY_TEXT_MAX)
		len = 0;
	memcpy(out, text, len);
	out[len] = '\0';
}

/* RFC 7617: base64 of "account:secret". */
static void read_basic(struct identify_shown *out, const char *text)
{
	uint8_t octets[IDENTIFY_TEXT_MAX];
	size_t len;
	if (text_base64_from_text(text, octets, sizeof octets - 1, &len) || memchr(octets, '\0', len))
		return;
	octets[len] = '\0';
	const char *both = (const char *)octets, *colon = strchr(both, ':');
	if (!colon)
		return;
	copy(out->account, both, (size_t)(colon - both));
	copy(out->secret, colon + 1, strlen(colon + 1));
	OPENSSL_cleanse(octets, sizeof octets);
}

void identify_read(struct identify_shown *out, const struct call *c)
{
	static const char *const accounts[] = {"username", "user", "u", NULL};
	static const char *const secrets[] = {"password", "pass", "pwd", "p", "key", NULL};
	const char *field = call_field(c, "Authorization");
	memset(out, 0, sizeof *out);
	size_t scheme = strcspn(field, " ");
	const char *rest = field + scheme + strspn(field + scheme, " ");
	if (scheme == 5 && strncasecmp(field, "Basic", scheme) == 0)
		read_basic(out, rest);
	else if ((scheme == 6 && strncasecmp(field, "Bearer", scheme) == 0) ||
		 (scheme == 5 && strncasecmp(field, "Token", scheme) == 0))
		copy(out->secret, rest, strlen(rest));
	if (out->secret[0])
		return;
	const char *account = form_get_any(&c->form, accounts), *secret = form_get_any(&c->form, secrets);
	if (account)
		copy(out->account, account, strlen(account));
	if (secret)
		copy(out->secret, secret, strlen(secret));
}

/* ---- remembering passwords ---- */

static bool digest(const struct identify *i, const struct identify_shown *s, uint8_t out[SECRET_HASH_LEN])
{
	EVP_MD_CTX *c = EVP_MD_CTX_new();
	bool ok = c && EVP_DigestInit_ex(c, EVP_sha256(), NULL) && EVP_DigestUpdate(c, i->key, sizeof i->key) &&
		  EVP_DigestUpdate(c, s->account, strlen(s->account) + 1) &&
		  EVP_DigestUpdate(c, s->secret, strlen(s->secret)) && EVP_DigestFinal_ex(c, out, NULL);
	EVP_MD_CTX_free(c);
	return ok;
}

static struct known *slot(struct identify *i, const uint8_t d[SECRET_HASH_LEN])
{
	return &i->known[(d[0] << 8 | d[1]) % KNOWN];
}

static bool is_known(struct identify *i, const struct identify_shown *s, const struct secret_password *stored)
{
	uint8_t d[SECRET_HASH_LEN];
	if (!digest(i, s, d))
		return false;
	const struct known *k = slot(i, d);
	return secret_equal(k->digest, d, sizeof d) && secret_equal(k->stored, stored->hash, sizeof k->stored);
}

static void remember(struct identify *i, const struct identify_shown *s, const struct secret_password *stored)
{
	uint8_t d[SECRET_HASH_LEN];
	if (!digest(i, s, d))
		return;
	struct known *k = slot(i, d);
	memcpy(k->digest, d, sizeof d);
	memcpy(k->stored, stored->hash, sizeof k->stored);
}

/* ---- outcomes ---- */

/* People put their secrets into the wrong field: then it is not for the log. */
static const char *account_to_tell(const struct identify_shown *s)
{
	return secret_is_token(s->account) || strstr(s->account, s->secret) ? "***" : s->account;
}

static void wrong(struct identify *i, struct call *c, const struct identify_shown *shown, then_fn *then)
{
	static struct log_limit limit;
	char source[ADDR_TEXT_MAX];
	unsigned left_out;
	enum lockout_news news = lockout_failed(i->lockout, &c->client, shown->account, clock_monotonic_ns());
	stats_count(c->http->stats, STATS_HTTP_WRONG);
	addr_ip_to_text(&c->client, source);
	if (news != LOCKOUT_NOTHING)
		log_warning("HTTP: too many wrong passwords or tokens %s%.64s: from now on attempts are looked at only "
			    "now and then",
			    news == LOCKOUT_SOURCE ? "from " : "for account ",
			    news == LOCKOUT_SOURCE ? source : account_to_tell(shown));
	else if (log_limit_allows(&limit, &left_out))
		log_warning("HTTP: wrong password or token for account \"%.64s\" from %s", account_to_tell(shown),
			    source);
	then(c, IDENTIFY_WRONG);
}

static void right(struct identify *i, struct call *c, const char *account, const struct access_secret *s, then_fn *then)
{
	lockout_succeeded(i->lockout, &c->client, account, clock_monotonic_ns());
	c->identity = s->identity;
	name_to_text(s->name, c->account);
	then(c, IDENTIFY_OK);
}

/* ---- passwords, on a thread of their own ---- */

/* Back on the HTTP thread. The account may have gone or changed meanwhile: what counts is now. */
static void on_checked(struct mail *mail)
{
	struct check *k = (struct check *)(void *)mail; /* its first member */
	struct call *c = k->call;
	struct name name;
	const struct access_secret *s = NULL;
	if (k->right && name_from_text(&name, k->shown.account) == ERR_OK) {
		name_lower(name.wire, name.wire, name.len);
		s = access_find_password(c->access, name.wire);
	}
	if (s && secret_equal(s->stored.hash, k->stored.hash, sizeof k->stored.hash)) {
		remember(k->identify, &k->shown, &k->stored);
		right(k->identify, c, k->shown.account, s, k->then);
	} else {
		wrong(k->identify, c, &k->shown, k->then);
	}
	OPENSSL_cleanse(&k->shown, sizeof k->shown);
	free(k);
}

static struct check *next_check(struct identify *i)
{
	pthread_mutex_lock(&i->mutex);
	while (!i->first && !i->stopping)
		pthread_cond_wait(&i->changed, &i->mutex);
	struct check *k = i->first;
	if (k) {
		i->first = k->next;
		if (!i->first)
			i->last = &i->first;
		i->count--;
	}
	pthread_mutex_unlock(&i->mutex);
	return k;
}

static void *run(void *arg)
{
	struct identify *i = arg;
	struct check *k;
	while ((k = next_check(i))) {
		k->right = secret_check_password(&k->stored, k->shown.secret) && k->there;
		mailbox_post(i->mailbox, &k->mail);
	}
	return NULL;
}

static bool queue(struct identify *i, struct check *k)
{
	pthread_mutex_lock(&i->mutex);
	bool room = i->count < CHECKS_MAX && !i->stopping;
	if (room) {
		*i->last = k;
		i->last = &k->next;
		i->count++;
		pthread_cond_signal(&i->changed);
	}
	pthread_mutex_unlock(&i->mutex);
	return room;
}

static void check_password(struct identify *i, struct call *c, const struct identify_shown *shown, then_fn *then)
{
	struct name name;
	const struct access_secret *s = NULL;
	if (name_from_text(&name, shown->account) == ERR_OK) {
		name_lower(name.wire, name.wire, name.len);
		s = access_find_password(c->access, name.wire);
	}
	if (s && is_known(i, shown, &s->stored)) {
		right(i, c, shown->account, s, then);
		return;
	}
	struct check *k = calloc(1, sizeof *k);
	if (k) {
		k->mail.deliver = on_checked;
		k->identify = i;
		k->call = c;
		k->then = then;
		k->shown = *shown;
		k->there = s != NULL;
		if (s)
			k->stored = s->stored;
	}
	if (k && queue(i, k))
		return;
	free(k);
	c->wait_s = BUSY_WAIT_S;
	then(c, IDENTIFY_SLOW);
}

/* ---- the whole ---- */

void identify_call(struct identify *i, struct call *c, const char *account, const char *secret, then_fn *then)
{
	struct identify_shown shown = {.account = ""};
	uint8_t hash[SECRET_HASH_LEN];
	if (!*secret) {
		then(c, IDENTIFY_MISSING);
		return;
	}
	if (!http_may_trust(c)) {
		then(c, IDENTIFY_PLAIN);
		return;
	}
	copy(shown.account, account, strlen(account));
	copy(shown.secret, secret, strlen(secret));
	if (!lockout_allows(i->lockout, &c->client, shown.account, clock_monotonic_ns(), &c->wait_s)) {
		then(c, IDENTIFY_SLOW);
		return;
	}
	grace_online();
	c->access = atomic_load_explicit(&i->server->access, memory_order_acquire);
	access_hold(c->access);
	grace_offline();
	if (!secret_is_token(shown.secret)) {
		check_password(i, c, &shown, then);
	} else {
		const struct access_secret *s =
			secret_hash_token(hash, shown.secret) ? NULL : access_find_token(c->access, hash);
		if (s)
			right(i, c, shown.account, s, then);
		else
			wrong(i, c, &shown, then);
	}
	OPENSSL_cleanse(&shown, sizeof shown);
}

enum err identify_new(struct identify **out, struct server *server, struct mailbox *mailbox)
{
	struct identify *i = calloc(1, sizeof *i);
	if (!i)
		return ERR_NOMEM;
	i->server = server;
	i->mailbox = mailbox;
	i->last = &i->first;
	pthread_mutex_init(&i->mutex, NULL);
	pthread_cond_init(&i->changed, NULL);
	if (getrandom(i->key, sizeof i->key, 0) != sizeof i->key || lockout_new(&i->lockout) ||
	    pthread_create(&i->thread, NULL, run, i) != 0) {
		identify_free(i);
		return ERR_NOMEM;
	}
	i->started = true;
	*out = i;
	return ERR_OK;
}

void identify_stop(struct identify *i)
{
	if (!i || !i->started)
		return;
	pthread_mutex_lock(&i->mutex);
	i->stopping = true;
	pthread_cond_signal(&i->changed);
	pthread_mutex_unlock(&i->mutex);
	pthread_join(i->thread, NULL);
	i->started = false;
}

void identify_free(struct identify *i)
{
	if (!i)
		return;
	identify_stop(i);
	assert(!i->first);
	lockout_free(i->lockout);
	pthread_cond_destroy(&i->changed);
	pthread_mutex_destroy(&i->mutex);
	OPENSSL_cleanse(i->key, sizeof i->key);
	free(i);
}
