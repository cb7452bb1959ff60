/* form.c: see form.h. Decoding never makes text longer, so one block of the length of target and body holds it all;
 * JSON is decoded by jansson and its strings are copied into the same block. */
#include "server/http/form.h"

#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

enum { NUMBER_TEXT_MAX = 32, WORD_TEXT_MAX = sizeof "false" };

/* A block that is filled from the front. */
struct arena {
	char *text;
	size_t used, size;
};

static int hex_digit(char c)
{
	if (c >= '0' && c <= '9')
		return c - '0';
	c = (char)(c | 0x20);
	return c >= 'a' && c <= 'f' ? c - 'a' + 10 : -1;
}

/* Decodes len octets, adds a NUL, returns where it stands; NULL if a NUL is inside. */
static const char *decode(struct arena *a, const char *from, size_t len, bool plus_is_space)
{
	char *begin = a->text + a->used, *to = begin;
	for (size_t i = 0; i < len; i++) {
		char c = from[i];
		int high = c == '%' && i + 2 < len ? hex_digit(from[i + 1]) : -1;
		int low = high >= 0 ? hex_digit(from[i + 2]) : -1;
		if (low >= 0) {
			c = (char)(high * 16 + low);
			i += 2;
		} else if (c == '+' && plus_is_space) {
			c = ' ';
		}
		if (c == '\0')
			return NULL;
		*to++ = c;
	}
	*to++ = '\0';
	a->used += (size_t)(to - begin);
	return begin;
}

static enum err add_pair(struct form *f, const char *name, const char *value)
{
	if (!name || !value)
		return ERR_FORMAT;
	if (f->count == FORM_PAIRS_MAX)
		return ERR_FORMAT;
	f->pair[f->count++] = (struct form_pair){name, value};
	return ERR_OK;
}

/* a=b&c=d; empty pieces are skipped, a name alone has the value "". */
static enum err add_urlencoded(struct form *f, struct arena *a, const char *text, size_t len)
{
	const char *end = text + len;
	while (text < end) {
		const char *stop = memchr(text, '&', (size_t)(end - text));
		size_t piece = (size_t)((stop ? stop : end) - text);
		const char *equals = memchr(text, '=', piece);
		size_t name_len = equals ? (size_t)(equals - text) : piece;
		size_t value_len = equals ? piece - name_len - 1 : 0;
		if (piece) {
			const char *name = decode(a, text, name_len, true);
			const char *value =
				name ? decode(a, equals ? equals + 1 : text + piece, value_len, true) : NULL;
			enum err e = add_pair(f, name, value);
			if (e)
				return e;
		}
		text += piece + 1;
	}
	return ERR_OK;
}

/* ---- the path ---- */

/* absolute-form (RFC 9112 §3.2.2): what follows the authority. */
static const char *skip_authority(const char *target)
{
	size_t scheme = strcspn(target, ":/?#");
	if (scheme == 0 || strncmp(target + scheme, "://", 3) != 0)
		return target;
	return target + scheme + 3 + strcspn(target + scheme + 3, "/?#");
}

static enum err set_path(struct form *f, struct arena *a, const char *from, size_t len)
{
	char *path = a->text + a->used;
	*path = '/';
	a->used++;
	if (!decode(a, from, len, false))
		return ERR_FORMAT;
	char *to = path;
	for (const char *c = path; *c; c++)
		if (*c != '/' || to == path || to[-1] != '/')
			*to++ = *c;
	if (to > path + 1 && to[-1] == '/')
		to--;
	*to = '\0';
	f->path = path;
	return ERR_OK;
}

static enum err read_target(struct form *f, struct arena *a, const char *target)
{
	const char *path = skip_authority(target);
	size_t path_len = strcspn(path, "?#");
	enum err e = set_path(f, a, path, path_len);
	if (e || path[path_len] != '?')
		return e;
	const char *query = path + path_len + 1;
	return add_urlencoded(f, a, query, strcspn(query, "#"));
}

/* ---- JSON ---- */

static const char *copy(struct arena *a, const char *text)
{
	size_t len = strlen(text) + 1;
	if (len > a->size - a->used)
		return NULL;
	memcpy(a->text + a->used, text, len);
	a->used += len;
	return a->text + a->used - len;
}

/* The text of a scalar; NULL for what has none. */
static const char *scalar_text(const json_t *value, char number[NUMBER_TEXT_MAX])
{
	switch (json_typeof(value)) {
	case JSON_STRING:
		return json_string_value(value);
	case JSON_INTEGER:
		snprintf(number, NUMBER_TEXT_MAX, "%" JSON_INTEGER_FORMAT, json_integer_value(value));
		return number;
	case JSON_REAL:
		snprintf(number, NUMBER_TEXT_MAX, "%.10g", json_real_value(value));
		return number;
	case JSON_TRUE:
		return "true";
	case JSON_FALSE:
		return "false";
	case JSON_NULL:
		return "";
	default:
		return NULL;
	}
}

static enum err add_json(struct form *f, struct arena *a, const char *body, size_t len)
{
	json_t *root = json_loadb(body, len, JSON_REJECT_DUPLICATES, NULL);
	if (!json_is_object(root)) {
		json_decref(root);
		return ERR_FORMAT;
	}
	enum err e = ERR_OK;
	const char *name;
	json_t *value;
	json_object_foreach(root, name, value)
	{
		char number[NUMBER_TEXT_MAX];
		const char *text = scalar_text(value, number);
		if (text && !e)
			e = add_pair(f, copy(a, name), copy(a, text));
	}
	json_decref(root);
	return e;
}

/* ---- the whole ---- */

enum form_type form_type_of(const char *content_type, const char *body, size_t body_len)
{
	static const char json[] = "application/json", urlencoded[] = "application/x-www-form-urlencoded";
	if (body_len == 0)
		return FORM_NONE;
	if (content_type && strncasecmp(content_type, json, strlen(json)) == 0)
		return FORM_JSON;
	/* curl -d '{…}' says urlencoded. */
	if (content_type && strncasecmp(content_type, urlencoded, strlen(urlencoded)) == 0)
		return body[0] == '{' ? FORM_JSON : FORM_URLENCODED;
	if (content_type && strncasecmp(content_type, "text/", 5) != 0)
		return FORM_NONE;
	return body[0] == '{' ? FORM_JSON : FORM_URLENCODED;
}

enum err form_parse(struct form *out, const char *target, enum form_type type, const char *body, size_t body_len)
{
	memset(out, 0, sizeof *out);
	size_t target_len = strlen(target);
	if (target_len > FORM_TARGET_MAX || (type != FORM_NONE && body_len > FORM_BODY_MAX))
		return ERR_RANGE;
	/* A NUL for every name and value, and room for JSON's numbers and words, which may be longer here than there. */
	struct arena a = {.size = target_len + body_len + 4 + FORM_PAIRS_MAX * (2 + NUMBER_TEXT_MAX + WORD_TEXT_MAX)};
	a.text = out->text = malloc(a.size);
	if (!a.text)
		return ERR_NOMEM;
	enum err e = read_target(out, &a, target);
	if (!e && type == FORM_URLENCODED)
		e = add_urlencoded(out, &a, body, body_len);
	if (!e && type == FORM_JSON)
		e = add_json(out, &a, body, body_len);
	if (e)
		form_free(out);
	return e;
}

void form_free(struct form *f)
{
	free(f->text);
	memset(f, 0, sizeof *f);
}

const char *form_get(const struct form *f, const char *name)
{
	for (unsigned i = 0; i < f->count; i++)
		if (strcasecmp(f->pair[i].name, name) == 0)
			return f->pair[i].value;
	return NULL;
}

const char *form_get_any(const struct form *f, const char *const names[])
{
	for (; *names; names++) {
		const char *value = form_get(f, *names);
		if (value)
			return value;
	}
	return NULL;
}
