#include "lib/name_internal.h"

#include <assert.h>

enum {
	KEY_END = 0x00,   /* ends a label in a sort key */
	KEY_ESCAPE = 0x01 /* before an octet 00 or 01 of a label, which then stands one higher */
};

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c | 0x20) : c;
}

static enum err fail(struct rbuf *in)
{
	in->bad = true;
	return ERR_FORMAT;
}

/* Appends the labels at in->pos to *out up to the octet that ends the run, which it returns: the root's zero or the
 * first of a pointer. Anything else returned is a failure. One copy a run, because most names are a single run. */
static uint8_t take_labels(struct rbuf *in, struct name *out)
{
	size_t start = in->pos, at = start;
	/* The octet that ends the run stands before here, or the name is too long or cut off. */
	size_t end = start + NAME_WIRE_MAX - out->len;
	uint8_t octet = 0;
	if (end > in->len)
		end = in->len;
	while (at < end && (octet = in->data[at]) != 0 && octet <= NAME_LABEL_MAX)
		at += octet + 1U;
	if (in->bad || at >= end)
		return NAME_LABEL_MAX;
	size_t run = at - start;
	memcpy(out->wire + out->len, in->data + start, run);
	out->len = (uint8_t)(out->len + run);
	in->pos = at + 1;
	return octet;
}

static void end_name(struct name *out)
{
	out->wire[out->len++] = 0;
}

enum err name_parse(struct rbuf *msg, struct name *out)
{
	size_t lowest = msg->pos; /* every pointer must lead to before here, so that no chain can come back */
	size_t after = 0;         /* where the name ends in the message: behind the first pointer */
	out->len = 0;
	for (unsigned hops = 0;; hops++) {
		uint8_t octet = take_labels(msg, out);
		if (octet == 0)
			break;
		if ((octet & LABEL_KIND_MASK) != LABEL_POINTER || hops == HOPS_MAX)
			return fail(msg);
		size_t target = (size_t)(octet & POINTER_HIGH_MASK) << 8 | buf_get_u8(msg);
		if (msg->bad || target >= lowest)
			return fail(msg);
		if (!after)
			after = msg->pos;
		msg->pos = lowest = target;
	}
	end_name(out);
	if (after)
		msg->pos = after;
	return ERR_OK;
}

enum err name_parse_plain(struct rbuf *in, struct name *out)
{
	out->len = 0;
	if (take_labels(in, out) != 0)
		return fail(in);
	end_name(out);
	return ERR_OK;
}

size_t name_len(const uint8_t *wire)
{
	size_t len = 0;
	while (wire[len])
		len += wire[len] + 1U;
	return len + 1;
}

unsigned name_labels(const uint8_t *wire)
{
	unsigned labels = 0;
	for (; *wire; wire += *wire + 1)
		labels++;
	return labels;
}

void name_set(struct name *out, const uint8_t *wire)
{
	size_t len = name_len(wire);
	memcpy(out->wire, wire, len);
	out->len = (uint8_t)len;
}

/* Eight octets at once: bit 7 of each octet of `upper` says that it is one of A..Z, and 0x80 >> 2 is the bit that
 * makes it lower-case. Sums stay inside their octets because bit 7 was cut off before. */
static uint64_t lower_eight(uint64_t x)
{
	const uint64_t each = UINT64_C(0x0101010101010101);
	uint64_t low = x & each * 0x7f;
	uint64_t from_a = low + each * (0x80 - 'A');
	uint64_t above_z = low + each * (0x7f - 'Z');
	uint64_t upper = (from_a ^ above_z) & ~x & each * 0x80;
	return x | upper >> 2;
}

static void lower_at(uint8_t *dst, const uint8_t *src)
{
	uint64_t x;
	memcpy(&x, src, sizeof x);
	x = lower_eight(x);
	memcpy(dst, &x, sizeof x);
}

void name_lower(uint8_t *dst, const uint8_t *src, size_t len)
{
	const size_t step = sizeof(uint64_t);
	if (len < step) {
		for (size_t i = 0; i < len; i++)
			dst[i] = lower(src[i]);
		return;
	}
	for (size_t i = 0; i + step <= len; i += step)
		lower_at(dst + i, src + i);
	/* The last eight again, overlapping: lower-casing twice does no harm, so in place is fine too. */
	lower_at(dst + len - step, src + len - step);
}

static int compare_octets(const uint8_t *a, const uint8_t *b, size_t len)
{
	for (size_t i = 0; i < len; i++) {
		int diff = lower(a[i]) - lower(b[i]);
		if (diff)
			return diff;
	}
	return 0;
}

bool name_equal(const uint8_t *a, const uint8_t *b)
{
	/* Length octets compare as any other: they are never letters, and both names end where one does. */
	for (; *a == *b; a += *a + 1, b += *b + 1) {
		if (*a == 0)
			return true;
		if (compare_octets(a + 1, b + 1, *a) != 0)
			return false;
	}
	return false;
}

/* Where each label starts; returns their number. */
static unsigned split(const uint8_t *wire, uint8_t at[NAME_LABELS_MAX])
{
	unsigned labels = 0;
	for (size_t pos = 0; wire[pos]; pos += wire[pos] + 1U)
		at[labels++] = (uint8_t)pos;
	return labels;
}

static int compare_labels(const uint8_t *a, const uint8_t *b)
{
	int diff = compare_octets(a + 1, b + 1, *a < *b ? *a : *b);
	return diff ? diff : *a - *b;
}

int name_compare(const uint8_t *a, const uint8_t *b)
{
	uint8_t at_a[NAME_LABELS_MAX], at_b[NAME_LABELS_MAX];
	unsigned left_a = split(a, at_a), left_b = split(b, at_b);
	while (left_a && left_b) {
		int diff = compare_labels(a + at_a[--left_a], b + at_b[--left_b]);
		if (diff)
			return diff;
	}
	return (left_a > 0) - (left_b > 0);
}

bool name_is_under(const uint8_t *name, const uint8_t *ancestor)
{
	unsigned labels = name_labels(name), above = name_labels(ancestor);
	return labels >= above && name_equal(name_strip(name, labels - above), ancestor);
}

const uint8_t *name_strip(const uint8_t *wire, unsigned n)
{
	for (; n; n--) {
		assert(*wire);
		wire += *wire + 1;
	}
	return wire;
}

enum err name_join(struct name *out, const uint8_t *prefix, size_t prefix_len, const uint8_t *suffix)
{
	size_t suffix_len = name_len(suffix);
	if (prefix_len > NAME_WIRE_MAX - suffix_len)
		return ERR_RANGE;
	/* Put together aside, since either part may lie inside *out. */
	uint8_t wire[NAME_WIRE_MAX];
	memcpy(wire, prefix, prefix_len);
	memcpy(wire + prefix_len, suffix, suffix_len);
	out->len = (uint8_t)(prefix_len + suffix_len);
	memcpy(out->wire, wire, out->len);
	return ERR_OK;
}

static bool is_digit(char c)
{
	return c >= '0' && c <= '9';
}

/* One octet of presentation form at *text, which moves on; -1 when an escape is broken (RFC 1035 §5.1). */
static int take_character(const char **text)
{
	const char *p = *text;
	if (*p != '\\') {
		*text = p + 1;
		return (uint8_t)*p;
	}
	if (p[1] == '\0')
		return -1;
	if (!is_digit(p[1])) {
		*text = p + 2;
		return (uint8_t)p[1];
	}
	if (!is_digit(p[2]) || !is_digit(p[3]))
		return -1;
	*text = p + 4;
	int value = (p[1] - '0') * 100 + (p[2] - '0') * 10 + (p[3] - '0');
	return value <= UINT8_MAX ? value : -1;
}

/* One label of presentation form, without the dot behind it. */
static enum err take_text_label(struct name *out, const char **text)
{
	size_t at = out->len, len = 0;
	while (**text && **text != '.') {
		int octet = take_character(text);
		if (octet < 0)
			return ERR_FORMAT;
		/* Behind the label there is always at least the root. */
		if (len == NAME_LABEL_MAX || at + 1 + len + 1 >= NAME_WIRE_MAX)
			return ERR_RANGE;
		out->wire[at + 1 + len++] = (uint8_t)octet;
	}
	if (len == 0)
		return ERR_FORMAT;
	out->wire[at] = (uint8_t)len;
	out->len = (uint8_t)(at + 1 + len);
	return ERR_OK;
}

enum err name_from_text(struct name *out, const char *text)
{
	out->len = 0;
	if (text[0] == '.' && text[1] == '\0')
		text++;
	else if (text[0] == '\0')
		return ERR_FORMAT;
	while (*text) {
		enum err err = take_text_label(out, &text);
		if (err)
			return err;
		if (*text == '.')
			text++;
	}
	end_name(out);
	return ERR_OK;
}

static char *put_character(char *p, uint8_t octet)
{
	if (octet <= ' ' || octet > '~') {
		*p++ = '\\';
		*p++ = (char)('0' + octet / 100);
		*p++ = (char)('0' + octet / 10 % 10);
		*p++ = (char)('0' + octet % 10);
		return p;
	}
	/* What means something else in a master file. */
	if (strchr(".\\\"();@$", octet))
		*p++ = '\\';
	*p++ = (char)octet;
	return p;
}

char *name_to_text(const uint8_t *wire, char out[NAME_TEXT_MAX])
{
	char *p = out;
	if (*wire == 0)
		*p++ = '.';
	for (; *wire; wire += *wire + 1) {
		for (unsigned i = 1; i <= *wire; i++)
			p = put_character(p, wire[i]);
		*p++ = '.';
	}
	*p = '\0';
	return out;
}

size_t name_to_key(const uint8_t *wire, uint8_t key[NAME_KEY_MAX])
{
	uint8_t at[NAME_LABELS_MAX];
	size_t len = 0;
	for (unsigned left = split(wire, at); left; left--) {
		const uint8_t *label = wire + at[left - 1];
		for (unsigned i = 1; i <= *label; i++) {
			uint8_t octet = lower(label[i]);
			if (octet <= KEY_ESCAPE) {
				key[len++] = KEY_ESCAPE;
				octet++;
			}
			key[len++] = octet;
		}
		key[len++] = KEY_END;
	}
	return len;
}

/* The label of a key at *in, as its octets in `label` without a length octet. Returns how many; 0 for what is no
 * label. */
static size_t take_key_label(struct rbuf *in, uint8_t label[NAME_LABEL_MAX])
{
	size_t len = 0;
	uint8_t octet;
	while ((octet = buf_get_u8(in)) != KEY_END) {
		if (octet == KEY_ESCAPE) {
			octet = (uint8_t)(buf_get_u8(in) - 1);
			if (octet > KEY_ESCAPE)
				return 0;
		}
		if (len == NAME_LABEL_MAX || lower(octet) != octet)
			return 0;
		label[len++] = octet;
	}
	return in->bad ? 0 : len;
}

enum err name_from_key(struct name *out, const uint8_t *key, size_t len)
{
	struct rbuf in = buf_reader(key, len);
	/* The key names the root's side first, so the name grows from the end of `wire` towards its start. */
	uint8_t wire[NAME_WIRE_MAX] = {0}, label[NAME_LABEL_MAX];
	size_t start = NAME_WIRE_MAX - 1;
	while (buf_left(&in)) {
		size_t octets = take_key_label(&in, label);
		if (octets == 0 || octets + 1 > start)
			return ERR_FORMAT;
		start -= octets + 1;
		wire[start] = (uint8_t)octets;
		memcpy(wire + start + 1, label, octets);
	}
	out->len = (uint8_t)(NAME_WIRE_MAX - start);
	memcpy(out->wire, wire + start, out->len);
	return ERR_OK;
}
