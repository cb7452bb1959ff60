/* name_fuzz: any octets as names: in a message one behind the other, as text, and as a sort key. What is read can be
 * written and read again, and all that names are compared by agrees with itself. */
#include <stdlib.h>
#include <string.h>

#include "lib/namecheck.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum { NAMES_MAX = 16 }; /* of an input are compared with one another */

static void must(bool holds)
{
	if (!holds)
		abort();
}

static int sign(int n)
{
	return (n > 0) - (n < 0);
}

static int compare_keys(const uint8_t *a, size_t a_len, const uint8_t *b, size_t b_len)
{
	int diff = memcmp(a, b, a_len < b_len ? a_len : b_len);
	return diff ? sign(diff) : (a_len > b_len) - (a_len < b_len);
}

/* ---- one name ---- */

static void check_text(const struct name *n)
{
	char text[NAME_TEXT_MAX];
	struct name back;
	must(name_from_text(&back, name_to_text(n->wire, text)) == ERR_OK);
	must(back.len == n->len && memcmp(back.wire, n->wire, n->len) == 0);
}

static void check_key(const struct name *n)
{
	uint8_t key[NAME_KEY_MAX];
	struct name back;
	must(name_from_key(&back, key, name_to_key(n->wire, key)) == ERR_OK);
	must(back.len == n->len && name_equal(back.wire, n->wire));
}

static void check_plain(const struct name *n)
{
	struct rbuf in = buf_reader(n->wire, n->len);
	struct name back;
	must(name_parse_plain(&in, &back) == ERR_OK && in.pos == n->len);
	must(back.len == n->len && memcmp(back.wire, n->wire, n->len) == 0);
}

static void check_case(const struct name *n)
{
	struct name low;
	name_set(&low, n->wire);
	name_lower(low.wire, low.wire, low.len);
	must(low.len == n->len && name_equal(low.wire, n->wire) && name_compare(low.wire, n->wire) == 0);
}

/* Each name is below those it is made of. */
static void check_parts(const struct name *n)
{
	unsigned labels = name_labels(n->wire);
	must(labels <= NAME_LABELS_MAX && name_len(n->wire) == n->len);
	for (unsigned i = 0; i <= labels; i++) {
		const uint8_t *above = name_strip(n->wire, i);
		struct name joined;
		must(name_labels(above) == labels - i && name_is_under(n->wire, above));
		must(name_is_under(above, n->wire) == (i == 0));
		must(name_join(&joined, n->wire, (size_t)(above - n->wire), above) == ERR_OK);
		must(joined.len == n->len && memcmp(joined.wire, n->wire, n->len) == 0);
	}
}

static void check_one(const struct name *n)
{
	check_text(n);
	check_key(n);
	check_plain(n);
	check_case(n);
	check_parts(n);
}

/* ---- two names ---- */

static void check_two(const struct name *a, const struct name *b)
{
	uint8_t a_key[NAME_KEY_MAX], b_key[NAME_KEY_MAX];
	size_t a_len = name_to_key(a->wire, a_key), b_len = name_to_key(b->wire, b_key);
	int order = sign(name_compare(a->wire, b->wire));
	struct name joined;
	must(order == compare_keys(a_key, a_len, b_key, b_len));
	must(order == -sign(name_compare(b->wire, a->wire)));
	must((order == 0) == name_equal(a->wire, b->wire));
	must(name_is_under(a->wire, b->wire) == (a_len >= b_len && memcmp(a_key, b_key, b_len) == 0));

	bool fits = a->len - 1 + b->len <= NAME_WIRE_MAX;
	must(name_join(&joined, a->wire, a->len - 1U, b->wire) == (fits ? ERR_OK : ERR_RANGE));
	must(!fits || (name_is_under(joined.wire, b->wire) &&
		       name_labels(joined.wire) == name_labels(a->wire) + name_labels(b->wire)));
}

/* ---- where names come from ---- */

/* Who only checks takes the same names (namecheck.h). */
static unsigned read_message(const uint8_t *data, size_t size, struct name names[NAMES_MAX])
{
	static struct namecheck check;
	struct rbuf in = buf_reader(data, size), checked = in;
	unsigned count = 0;
	namecheck_begin(&check, size);
	while (buf_left(&in) && count < NAMES_MAX) {
		size_t octets = 0;
		enum err err = name_parse(&in, &names[count]);
		must(namecheck_pass(&check, &checked, &octets) == err);
		if (err)
			break;
		must(checked.pos == in.pos && octets == names[count].len);
		count++;
	}
	must(check.steps <= size + NAMECHECK_TARGETS);
	return count;
}

static bool read_text(const uint8_t *data, size_t size, struct name *out)
{
	char *text = malloc(size + 1);
	must(text != NULL);
	memcpy(text, data, size);
	text[size] = '\0';
	enum err err = name_from_text(out, text);
	free(text);
	return err == ERR_OK;
}

static bool read_key(const uint8_t *data, size_t size, struct name *out)
{
	uint8_t key[NAME_KEY_MAX];
	if (name_from_key(out, data, size))
		return false;
	must(name_to_key(out->wire, key) == size && memcmp(key, data, size) == 0);
	return true;
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct name names[NAMES_MAX + 2];
	if (size > UINT16_MAX)
		return 0;
	unsigned count = read_message(data, size, names);
	count += read_text(data, size, &names[count]);
	count += read_key(data, size, &names[count]);
	for (unsigned i = 0; i < count; i++) {
		check_one(&names[i]);
		for (unsigned j = 0; j < count; j++)
			check_two(&names[i], &names[j]);
	}
	return 0;
}
