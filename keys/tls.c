/* tls.c: see tls.h. */
#include "keys/tls.h"

#include <errno.h>
#include <openssl/err.h>
#include <stdlib.h>
#include <string.h>
#include <sys/stat.h>

/* What tells one content of a file from the next without reading it: certificates are replaced by rename. */
struct stamp {
	dev_t device;
	ino_t inode;
	off_t size;
	struct timespec modified;
};

struct tls_server {
	char *certificate_file, *key_file; /* may be the same */
	struct stamp certificate, key;     /* as they were when last tried */
	SSL_CTX *context;
};

static const uint8_t alpn_http[] = "\x08http/1.1";

/* OpenSSL's reason for what just failed. */
static const char *reason(void)
{
	unsigned long code = ERR_peek_last_error();
	const char *text = code ? ERR_reason_error_string(code) : NULL;
	ERR_clear_error();
	return text ? text : "unknown error";
}

static bool look(const char *path, struct stamp *out)
{
	struct stat st;
	memset(out, 0, sizeof *out);
	if (stat(path, &st) < 0)
		return false;
	out->device = st.st_dev;
	out->inode = st.st_ino;
	out->size = st.st_size;
	out->modified = st.st_mtim;
	return true;
}

static bool same(const struct stamp *a, const struct stamp *b)
{
	return a->device == b->device && a->inode == b->inode && a->size == b->size &&
	       a->modified.tv_sec == b->modified.tv_sec && a->modified.tv_nsec == b->modified.tv_nsec;
}

/* A client that offers ALPN, but not ours, gets none: it may still speak HTTP/1.1 (RFC 7301 §3.2 would let us refuse). */
static int choose_alpn(SSL *ssl, const unsigned char **out, unsigned char *out_len, const unsigned char *in,
		       unsigned in_len, void *arg)
{
	(void)ssl;
	(void)arg;
	unsigned char *chosen;
	if (SSL_select_next_proto(&chosen, out_len, alpn_http, sizeof alpn_http - 1, in, in_len) !=
	    OPENSSL_NPN_NEGOTIATED)
		return SSL_TLSEXT_ERR_NOACK;
	*out = chosen;
	return SSL_TLSEXT_ERR_OK;
}

static enum err make_context(const struct tls_server *t, SSL_CTX **out, struct errmsg *msg)
{
	static const unsigned char session_id[] = "roost";
	SSL_CTX *c = SSL_CTX_new(TLS_server_method());
	if (!c)
		return errmsg_set(msg, ERR_NOMEM, "TLS: %s", reason());
	enum err e = ERR_OK;
	SSL_CTX_set_options(c, SSL_OP_NO_RENEGOTIATION | SSL_OP_NO_COMPRESSION | SSL_OP_CIPHER_SERVER_PREFERENCE |
				       SSL_OP_IGNORE_UNEXPECTED_EOF);
	SSL_CTX_set_mode(c, SSL_MODE_RELEASE_BUFFERS); /* idle connections keep no 32 KB each */
	SSL_CTX_set_alpn_select_cb(c, choose_alpn, NULL);
	if (!SSL_CTX_set_min_proto_version(c, TLS1_2_VERSION) ||
	    !SSL_CTX_set_session_id_context(c, session_id, sizeof session_id - 1))
		e = errmsg_set(msg, ERR_CRYPTO, "TLS: %s", reason());
	else if (SSL_CTX_use_certificate_chain_file(c, t->certificate_file) != 1)
		e = errmsg_set(msg, ERR_IO, "certificate file %s: %s", t->certificate_file, reason());
	else if (SSL_CTX_use_PrivateKey_file(c, t->key_file, SSL_FILETYPE_PEM) != 1)
		e = errmsg_set(msg, ERR_IO, "key file %s: %s", t->key_file, reason());
	else if (SSL_CTX_check_private_key(c) != 1)
		e = errmsg_set(msg, ERR_IO, "key file %s does not belong to certificate file %s", t->key_file,
			       t->certificate_file);
	if (e)
		SSL_CTX_free(c);
	else
		*out = c;
	return e;
}

enum err tls_server_new(struct tls_server **out, const char *certificate_file, const char *key_file, struct errmsg *msg)
{
	struct tls_server *t = calloc(1, sizeof *t);
	if (t) {
		t->certificate_file = strdup(certificate_file);
		t->key_file = strdup(key_file ? key_file : certificate_file);
	}
	if (!t || !t->certificate_file || !t->key_file) {
		tls_server_free(t);
		return errmsg_set(msg, ERR_NOMEM, "out of memory");
	}
	bool changed;
	enum err e = tls_server_refresh(t, &changed, msg);
	if (!e && !t->context) /* neither file is there: nothing has changed, either */
		e = errmsg_set(msg, ERR_NOTFOUND, "certificate file %s: %s", t->certificate_file, strerror(ENOENT));
	if (e)
		tls_server_free(t);
	else
		*out = t;
	return e;
}

void tls_server_free(struct tls_server *t)
{
	if (!t)
		return;
	SSL_CTX_free(t->context);
	free(t->certificate_file);
	free(t->key_file);
	free(t);
}

enum err tls_server_refresh(struct tls_server *t, bool *changed, struct errmsg *msg)
{
	struct stamp certificate, key;
	*changed = false;
	/* A file that is missing just now is being replaced; what is in use stays. */
	bool there = look(t->certificate_file, &certificate);
	there = look(t->key_file, &key) && there;
	if (!there || (same(&certificate, &t->certificate) && same(&key, &t->key)))
		return ERR_OK;
	t->certificate = certificate;
	t->key = key;
	SSL_CTX *context = NULL;
	enum err e = make_context(t, &context, msg);
	if (e)
		return e;
	SSL_CTX_free(t->context);
	t->context = context;
	*changed = true;
	return ERR_OK;
}

SSL *tls_server_session(struct tls_server *t)
{
	return SSL_new(t->context);
}
