/* dialect_httpreq.c: POST /acme/present and /acme/cleanup, lego's "httpreq": a proof for an ACME server comes and goes.
 *
 *   {"fqdn": "_acme-challenge.a.example.", "value": "LHDh…"}     the name and its text
 *   {"domain": "a.example", "token": "…", "keyAuth": "…"}        RAW mode: both follow from it (RFC 8555 §8.4)
 *
 * Each value comes and goes alone, so that a name and its wildcard can be proved at the same time. The answer repeats
 * name and value; lego looks at its status alone. */
#include "server/http/dialect.h"

#include <jansson.h>
#include <openssl/evp.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "server/http/dyn.h"

enum { RETRY_S = 60, DIGEST_LEN = 32 /* SHA-256 */ };

static void answer_later(struct call *c, const char *word)
{
	snprintf(c->fields, sizeof c->fields, "Retry-After: %d\r\n", RETRY_S);
	call_answer(c, 503, "text/plain", word);
}

static void answer_good(struct dyn *d)
{
	char fqdn[NAME_TEXT_MAX];
	json_t *said = json_pack("{s:s, s:s}", "fqdn", name_to_text(d->wish.host[0].name.wire, fqdn), "value", d->txt);
	char *text = said ? json_dumps(said, 0) : NULL;
	/* It is done, whether it can be repeated or not. */
	call_answer(d->call, 200, "application/json", text ? text : "{}");
	free(text);
	json_decref(said);
}

static void answer(struct dyn *d)
{
	switch (d->result[0]) {
	case DYN_NOCHG:
	case DYN_GOOD:
		answer_good(d);
		break;
	case DYN_NOHOST:
		call_answer(d->call, 403, "text/plain", "nohost");
		break;
	case DYN_SLOW:
		answer_later(d->call, "911");
		break;
	case DYN_FAILED:
	default:
		answer_later(d->call, "dnserr");
	}
}

/* base64url without padding (RFC 4648 §5) of the SHA-256 of keyAuth. */
static bool write_proof(char *out, size_t size, const char *key_auth)
{
	uint8_t digest[DIGEST_LEN];
	char base64[4 * ((DIGEST_LEN + 2) / 3) + 1];
	unsigned len = 0;
	if (EVP_Digest(key_auth, strlen(key_auth), digest, &len, EVP_sha256(), NULL) != 1)
		return false;
	EVP_EncodeBlock((unsigned char *)base64, digest, (int)len);
	base64[strcspn(base64, "=")] = '\0';
	for (char *c = base64; *c; c++)
		*c = *c == '+' ? '-' : *c == '/' ? '_' : *c;
	snprintf(out, size, "%s", base64);
	return true;
}

/* What shall stand where. False: the request does not say it. */
static bool read_proof(struct dyn *d)
{
	const struct form *f = &d->call->form;
	const char *fqdn = form_get(f, "fqdn"), *value = form_get(f, "value");
	const char *domain = form_get(f, "domain"), *key_auth = form_get(f, "keyAuth");
	d->wish.count = 1;
	if (fqdn && value) {
		d->txt_at_host = true;
		snprintf(d->txt, sizeof d->txt, "%s", value);
		return *value && strlen(value) <= DYN_TEXT_MAX &&
		       wish_read_name(&d->wish.host[0].name, fqdn, strlen(fqdn));
	}
	return domain && key_auth && *key_auth && wish_read_name(&d->wish.host[0].name, domain, strlen(domain)) &&
	       write_proof(d->txt, sizeof d->txt, key_auth);
}

static void begin(struct call *c, enum identify_result result)
{
	if (result != IDENTIFY_OK) {
		dialect_refuse(c, result);
		return;
	}
	struct dyn *d = dyn_new(c, "httpreq", answer);
	if (!d) {
		answer_later(c, "911");
		return;
	}
	d->txt_kind = strcmp(c->form.path, "/acme/present") == 0 ? DYN_TXT_ADD : DYN_TXT_REMOVE;
	if (read_proof(d))
		dyn_start(d);
	else
		call_answer(c, 400, "text/plain", "notfqdn");
}

void dialect_httpreq(struct call *c)
{
	struct identify_shown shown;
	identify_read(&shown, c);
	identify_call(c->http->identify, c, shown.account, shown.secret, begin);
}
