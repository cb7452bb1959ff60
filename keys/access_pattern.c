/* access_pattern.c: name patterns, rates and actions: as text, and patterns against names. */
#include <stdio.h>
#include <strings.h>

#include "keys/access_inside.h"
#include "lib/text.h"

/* ---- matching ---- */

static uint8_t lower(uint8_t c)
{
	return c >= 'A' && c <= 'Z' ? (uint8_t)(c + ('a' - 'A')) : c;
}

/* A label against a label of a pattern, each with its length octet. Every * is tried as short as can be, then longer:
 * going back to the last one is enough. */
static bool label_matches(const uint8_t *pattern, const uint8_t *label)
{
	size_t p = 1, l = 1, pattern_end = 1U + pattern[0], end = 1U + label[0];
	size_t star = 0, retry = 0; /* star 0: none yet */
	while (l < end) {
		if (p < pattern_end && pattern[p] == '*') {
			star = p++;
			retry = l;
		} else if (p < pattern_end && pattern[p] == lower(label[l])) {
			p++;
			l++;
		} else if (star) {
			p = star + 1;
			l = ++retry;
		} else {
			return false;
		}
	}
	while (p < pattern_end && pattern[p] == '*')
		p++;
	return p == pattern_end;
}

/* The first `labels` labels of owner against all of the pattern's, which has that many. */
static bool labels_match(const uint8_t *pattern, const uint8_t *owner)
{
	for (; *pattern; pattern += 1 + *pattern, owner += 1 + *owner)
		if (!label_matches(pattern, owner))
			return false;
	return true;
}

static bool octets_match(const uint8_t *pattern, const uint8_t *owner)
{
	for (size_t i = 0; i + 1 < name_len(pattern); i++)
		if (pattern[i] != lower(owner[i]))
			return false;
	return true;
}

/* pattern before base, or (below) anything before that. */
static bool matches(const struct access_rule *r, const uint8_t *base, bool below, const uint8_t *owner)
{
	static const uint8_t root[] = {0};
	unsigned have = name_labels(owner), wanted = name_labels(r->pattern) + (base ? name_labels(base) : 0);
	if (have < wanted + below || (!below && have > wanted))
		return false;
	owner = name_strip(owner, have - wanted);
	if (!(r->glob ? labels_match(r->pattern, owner) : octets_match(r->pattern, owner)))
		return false;
	return name_equal(name_strip(owner, name_labels(r->pattern)), base ? base : root);
}

bool access_pattern_matches(const struct access_rule *r, const uint8_t *identity, const uint8_t *owner)
{
	switch (r->pattern_kind) {
	case ACCESS_NAME_ANY:
		return true;
	case ACCESS_NAME_EXACT:
	case ACCESS_NAME_BELOW:
		return matches(r, NULL, r->pattern_kind == ACCESS_NAME_BELOW, owner);
	case ACCESS_NAME_SELF:
	case ACCESS_NAME_BELOW_SELF:
		return identity && matches(r, identity, r->pattern_kind == ACCESS_NAME_BELOW_SELF, owner);
	default:
		return false;
	}
}

/* ---- patterns as text ---- */

static enum err bad_pattern(const char *text, struct errmsg *msg)
{
	return errmsg_set(msg, ERR_USAGE,
			  "name pattern '%.100s' is not a domain name: write NAME, *.NAME (all names below it), self "
			  "(the name of the key) or _acme-challenge.self; a * inside is any octets of a label",
			  text);
}

/* Unescaped and escaped asterisks. */
static void count_stars(const char *text, unsigned *plain, unsigned *escaped)
{
	*plain = *escaped = 0;
	for (; *text; text++) {
		bool slash = *text == '\\' && text[1];
		if (slash)
			text++;
		if (*text == '*')
			++*(slash ? escaped : plain);
		else if (slash && strncmp(text, "042", 3) == 0)
			++*escaped;
	}
}

/* The length of what stands before a final "self": "_acme-challenge." is 16; -1: the text does not end so. */
static int before_self(const char *text)
{
	size_t len = strlen(text);
	bool ends = len >= 4 && strcasecmp(text + len - 4, "self") == 0;
	bool whole = len == 4 || (len > 5 && text[len - 5] == '.' && text[len - 6] != '\\');
	return ends && whole ? (int)(len - 4) : -1;
}

static enum err take_name(struct access_grant *g, const char *text, struct errmsg *msg)
{
	unsigned plain, escaped;
	count_stars(text, &plain, &escaped);
	if (name_from_text(&g->pattern, text) != ERR_OK)
		return bad_pattern(text, msg);
	if (plain && escaped)
		return errmsg_set(
			msg, ERR_USAGE,
			"name pattern '%.100s': \\* is an asterisk and * any octets; one pattern cannot have both",
			text);
	name_lower(g->pattern.wire, g->pattern.wire, g->pattern.len);
	g->pattern_glob = plain > 0;
	return ERR_OK;
}

enum err access_pattern_from_text(struct access_grant *g, const char *text, struct errmsg *msg)
{
	char name[NAME_TEXT_MAX];
	g->pattern_kind = ACCESS_NAME_ANY;
	g->pattern_glob = false;
	g->pattern = (struct name){.len = 0};
	if (!text || !*text)
		return ERR_OK;
	bool below = strncmp(text, "*.", 2) == 0;
	const char *rest = below ? text + 2 : text;
	int prefix = before_self(rest);
	if (strlen(rest) >= sizeof(name))
		return bad_pattern(text, msg);
	/* "*." is all names below the root; the prefix of a bare "self" is empty, which the root stands for. */
	snprintf(name, sizeof(name), "%.*s", prefix < 0 ? (int)sizeof(name) : prefix, rest);
	enum err err = take_name(g, *name ? name : ".", msg);
	if (err)
		return err;
	if (prefix < 0)
		g->pattern_kind = below ? ACCESS_NAME_BELOW : ACCESS_NAME_EXACT;
	else
		g->pattern_kind = below ? ACCESS_NAME_BELOW_SELF : ACCESS_NAME_SELF;
	return ERR_OK;
}

/* Where a * is only an octet it is written with a backslash: so it needs two characters, and four are reckoned for
 * each. */
static char *write_name(const uint8_t *name, bool glob, char *out)
{
	char text[NAME_TEXT_MAX];
	char *to = out;
	for (const char *from = name_to_text(name, text); *from; from++) {
		bool slash = *from == '\\';
		if (*from == '*' && !glob)
			*to++ = '\\';
		*to++ = *from;
		if (slash && from[1])
			*to++ = *++from;
	}
	*to = '\0';
	return out;
}

static char *write_pattern(unsigned kind, bool glob, const uint8_t *pattern, char out[NAME_TEXT_MAX])
{
	/* The longest name has 1005 characters, so there is room for "*." and "self". */
	bool below = kind == ACCESS_NAME_BELOW || kind == ACCESS_NAME_BELOW_SELF;
	bool self = kind == ACCESS_NAME_SELF || kind == ACCESS_NAME_BELOW_SELF;
	char *at = out;
	*at = '\0';
	if (kind == ACCESS_NAME_ANY)
		return out;
	if (below)
		at = stpcpy(at, "*.");
	if (pattern[0] || (!below && !self))
		at += strlen(write_name(pattern, glob, at));
	if (self)
		memcpy(at, "self", sizeof("self"));
	return out;
}

char *access_pattern_to_text(const struct access_grant *g, char out[NAME_TEXT_MAX])
{
	return write_pattern(g->pattern_kind, g->pattern_glob, g->pattern.wire, out);
}

char *access_pattern_words(const struct access_rule *r, char out[NAME_TEXT_MAX])
{
	write_pattern(r->pattern_kind, r->glob, r->pattern, out);
	size_t len = strlen(out);
	if (len > 2 && out[len - 1] == '.')
		out[len - 1] = '\0';
	return out;
}

/* ---- rates ---- */

static bool take_number(const char **text, uint32_t *out)
{
	uint32_t n = 0;
	size_t digits = strspn(*text, "0123456789");
	for (size_t i = 0; i < digits && n <= ACCESS_RATE_MAX; i++)
		n = n * 10 + (uint32_t)((*text)[i] - '0');
	*text += digits;
	*out = n;
	return digits && n > 0 && n <= ACCESS_RATE_MAX;
}

enum err access_rate_from_text(struct access_rate *rate, const char *text)
{
	char period[ACCESS_RATE_TEXT_MAX];
	if (!take_number(&text, &rate->count) || *text++ != '/')
		return ERR_USAGE;
	size_t len = strcspn(text, ",");
	if (len >= sizeof(period))
		return ERR_USAGE;
	memcpy(period, text, len);
	period[len] = '\0';
	text += len;
	if (text_ttl_from_text(&rate->seconds, period) || !rate->seconds || rate->seconds > ACCESS_PERIOD_MAX)
		return ERR_USAGE;
	rate->burst = rate->count;
	if (*text == ',' && (text++, !take_number(&text, &rate->burst)))
		return ERR_USAGE;
	return *text ? ERR_USAGE : ERR_OK;
}

char *access_rate_to_text(const struct access_rate *rate, char out[ACCESS_RATE_TEXT_MAX])
{
	static const struct {
		uint32_t seconds;
		char name;
	} units[] = {{86400, 'd'}, {3600, 'h'}, {60, 'm'}, {1, 's'}};
	unsigned u = 0;
	while (rate->seconds % units[u].seconds)
		u++;
	int len = snprintf(out, ACCESS_RATE_TEXT_MAX, "%u/%u%c", rate->count, rate->seconds / units[u].seconds,
			   units[u].name);
	if (rate->burst != rate->count)
		snprintf(out + len, (size_t)(ACCESS_RATE_TEXT_MAX - len), ",%u", rate->burst);
	return out;
}

/* ---- actions ---- */

static const char *const actions[] = {
	[ACCESS_UPDATE] = "update", [ACCESS_TRANSFER] = "transfer", [ACCESS_NOTIFY] = "notify"};

const char *access_action_to_text(enum access_action a)
{
	return actions[a];
}

enum err access_action_from_text(enum access_action *a, const char *text)
{
	for (unsigned i = ACCESS_UPDATE; i <= ACCESS_NOTIFY; i++)
		if (strcmp(text, actions[i]) == 0) {
			*a = (enum access_action)i;
			return ERR_OK;
		}
	return ERR_USAGE;
}

/* ---- leases ---- */

static bool read_lease(uint32_t *out, const char *text, size_t len)
{
	char part[ACCESS_LEASE_TEXT_MAX];
	if (len >= sizeof(part))
		return false;
	memcpy(part, text, len);
	part[len] = '\0';
	return text_ttl_from_text(out, part) == ERR_OK && *out >= ACCESS_LEASE_MIN;
}

enum err access_lease_max_from_text(struct access_lease *lease, const char *text)
{
	size_t len = strcspn(text, ",");
	if (!read_lease(&lease->max, text, len))
		return ERR_USAGE;
	lease->key_max = lease->max;
	return !text[len] || read_lease(&lease->key_max, text + len + 1, strlen(text + len + 1)) ? ERR_OK : ERR_USAGE;
}

char *access_lease_max_to_text(const struct access_lease *lease, char out[ACCESS_LEASE_TEXT_MAX])
{
	if (lease->max == lease->key_max)
		snprintf(out, ACCESS_LEASE_TEXT_MAX, "%u", lease->max);
	else
		snprintf(out, ACCESS_LEASE_TEXT_MAX, "%u,%u", lease->max, lease->key_max);
	return out;
}
