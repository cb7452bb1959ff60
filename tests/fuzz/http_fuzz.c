/* http_fuzz.c: any octets as an HTTP request: its head, then its target and body as parameters. */
#include "server/http/form.h"
#include "server/http/head.h"

#include <stdint.h>
#include <stdlib.h>
#include <string.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static size_t total; /* keeps the reads of every octet of a result */

static void read_form(const char *target, const char *type, const char *body, size_t len)
{
	struct form f;
	if (form_parse(&f, target, form_type_of(type, body, len), body, len))
		return;
	if (f.path[0] != '/' || strstr(f.path, "//") || f.count > FORM_PAIRS_MAX)
		abort();
	for (unsigned i = 0; i < f.count; i++) {
		total += strlen(f.pair[i].name) + strlen(f.pair[i].value);
		if (!form_get(&f, f.pair[i].name))
			abort();
	}
	form_free(&f);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct head h;
	size_t len = head_length((const char *)data, size);
	if (len > size)
		abort();
	if (!len)
		return 0;
	char *text = malloc(len), *body = malloc(size - len + 1);
	if (!text || !body)
		abort();
	memcpy(text, data, len);
	memcpy(body, data + len, size - len);
	if (head_parse(&h, text, len, FORM_BODY_MAX) == 0) {
		if (!h.method[0] || !h.target[0] || h.body_len > FORM_BODY_MAX)
			abort();
		for (unsigned i = 0; i < h.field_count; i++)
			if (!head_get(&h, h.field[i].name))
				abort();
		size_t body_len = h.body_len < size - len ? h.body_len : size - len;
		read_form(h.target, head_get(&h, "Content-Type"), body, body_len);
	}
	free(text);
	free(body);
	return 0;
}
