/* zonefile_fuzz.c: any octets as a master file. What is read can be checked, written, and read again to the same
 * records. */
#include "zones/file/zonefile.h"

#include <stdlib.h>

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

static const uint8_t zone[] = "\4home\7example";

static void ignore_finding(void *arg, bool fault, const char *sentence)
{
	(void)arg;
	(void)fault;
	(void)sentence;
}

static struct zone_image *read_octets(const void *data, size_t size)
{
	struct errmsg msg = {.text = ""};
	struct zone_image *img;
	FILE *f = fmemopen((void *)(uintptr_t)data, size, "r");

	if (!f)
		abort();
	enum err e = zonefile_read(&img, zone, f, "fuzz", &msg);
	fclose(f);
	if ((e != ERR_OK) != (img == NULL) || (e && !msg.text[0]))
		abort();
	return img;
}

static void write_name(FILE *f, const uint8_t *owner, const struct content *c)
{
	for (unsigned i = 0; i < c->sets; i++) {
		const struct rrset *s = &c->set[i];
		struct content_rr rr;
		size_t at = 0;
		while (content_next(content_block(c, s), (size_t)s->len + s->sig_len, &at, &rr))
			if (zonefile_write_rr(f, owner, &rr))
				abort();
	}
}

static char *write_image(const struct zone_image *img, size_t *len)
{
	char *text = NULL;
	FILE *f = open_memstream(&text, len);

	if (!f)
		abort();
	for (size_t i = 0; i < zonefile_image_count(img); i++)
		write_name(f, zonefile_image_owner(img, i), zonefile_image_content(img, i));
	if (fclose(f))
		abort();
	return text;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	size_t faults, len, len_again;

	if (!size)
		return 0;
	struct zone_image *img = read_octets(data, size);
	if (!img)
		return 0;
	if (zonefile_check(img, ignore_finding, NULL, &faults))
		abort();
	char *text = write_image(img, &len);
	zonefile_image_free(img);

	img = read_octets(text, len);
	if (!img)
		abort();
	char *again = write_image(img, &len_again);
	zonefile_image_free(img);
	if (len != len_again || memcmp(text, again, len) != 0)
		abort();
	free(again);
	free(text);
	return 0;
}
