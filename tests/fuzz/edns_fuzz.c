/* edns_fuzz: any octets as the options of a query, and what its answer says to them.
 *
 *   ignore(1) UDP size(2) RCODE, version, flags(4) room in the answer(1) options…
 *
 * An OPT record of these goes through message_parse, options_parse and, if it asks for everything, through all that an
 * answer can have. What is taken is compared with a plain reading of the options here. */
#include <stdlib.h>
#include <string.h>

#include "server/dns/options.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);

enum {
	PREFIX_LEN = 8,
	OPT_HEAD_LEN = 11, /* of the record, up to its RDATA */
	OPTIONS_IN_MAX = MESSAGE_MAX - MESSAGE_HEADER_LEN - OPT_HEAD_LEN,
	NOW = 1767225600
};

static const struct {
	uint16_t code;
	enum option option;
} options_known[] = {
	{3, OPTION_NSID}, {9, OPTION_EXPIRE}, {10, OPTION_COOKIE}, {11, OPTION_KEEPALIVE}, {19, OPTION_ZONEVERSION}};

enum { CODE_COOKIE = 10, CODE_ERROR = 15, CODE_ZONEVERSION = 19 };

static void must(bool holds)
{
	if (!holds)
		abort();
}

static unsigned option_of(unsigned code)
{
	for (size_t i = 0; i < sizeof options_known / sizeof options_known[0]; i++)
		if (options_known[i].code == code)
			return options_known[i].option;
	return code == CODE_ERROR ? OPTION_ERROR : OPTION_NONE;
}

/* ---- a plain reading ---- */

struct reading {
	bool whole, sound;
	unsigned asked;
	const uint8_t *cookie;
	size_t cookie_len;
};

static bool has_sound_length(unsigned code, size_t len)
{
	if (code == CODE_COOKIE)
		return len == 8 || (len >= 16 && len <= 40);
	return code != CODE_ZONEVERSION || len == 0;
}

static struct reading read_plainly(const uint8_t *opt, size_t len, unsigned ignore)
{
	struct reading r = {.whole = true, .sound = true};
	size_t at = 0;
	while (r.whole && at < len) {
		r.whole = len - at >= 4 && len - at - 4 >= buf_load_u16(opt + at + 2);
		if (!r.whole)
			return r;
		unsigned code = buf_load_u16(opt + at), option = option_of(code) & ~ignore & ~(unsigned)OPTION_ERROR;
		size_t octets = buf_load_u16(opt + at + 2);
		if (option && !has_sound_length(code, octets))
			r.sound = false;
		if (option == OPTION_COOKIE && !(r.asked & OPTION_COOKIE) && r.sound) {
			r.cookie = opt + at + 4;
			r.cookie_len = octets;
		}
		r.asked |= option;
		at += 4 + octets;
	}
	return r;
}

/* ---- the request ---- */

static size_t write_query(uint8_t *wire, const uint8_t *data, size_t size)
{
	struct wbuf out = buf_writer(wire, MESSAGE_MAX);
	buf_put(&out, "\1\2\0\0\0\0\0\0\0\0\0\1", MESSAGE_HEADER_LEN);
	buf_put(&out, "\0\0\51", 3);
	buf_put(&out, data + 1, 6);
	buf_put_u16(&out, (uint16_t)(size - PREFIX_LEN));
	buf_put(&out, data + PREFIX_LEN, size - PREFIX_LEN);
	must(!out.full);
	return out.len;
}

static void check_edns(const struct edns *e, const uint8_t *data, size_t size)
{
	must(e->present && e->udp_size == buf_load_u16(data + 1));
	must(e->ext_rcode == data[3] && e->version == data[4] && e->dnssec_ok == (data[5] >> 7));
	must(e->opt_len == size - PREFIX_LEN && memcmp(e->opt, data + PREFIX_LEN, e->opt_len) == 0);
}

/* The first of each code is found, and in place. */
static void check_finding(const struct edns *e)
{
	for (size_t at = 0; at < e->opt_len; at += 4U + buf_load_u16(e->opt + at + 2)) {
		uint16_t code = buf_load_u16(e->opt + at), len;
		const uint8_t *found = message_edns_option(e, code, &len);
		must(found && found >= e->opt + 4 && found <= e->opt + at + 4);
		must(found + len <= e->opt + e->opt_len && buf_load_u16(found - 4) == code &&
		     buf_load_u16(found - 2) == len);
	}
}

/* ---- the answer ---- */

/* What we made is taken for ours, from the same address and no other. */
static void check_cookie(const struct options *o, uint8_t made[COOKIE_LEN])
{
	static const struct cookie_secrets secrets = {.count = 1, .secret = {"sixteen octets.."}};
	struct addr from, other;
	uint8_t again[COOKIE_LEN];
	must(!addr_parse(&from, "192.0.2.99@4000", 0, NULL) && !addr_parse(&other, "192.0.2.98@4000", 0, NULL));
	enum cookie_state state = cookie_answer(&secrets, o->cookie, o->cookie_len, &from, NOW, made);
	must(state == (o->cookie_len == COOKIE_CLIENT_LEN ? COOKIE_CLIENT : COOKIE_INVALID) || state == COOKIE_VALID);
	must(memcmp(made, o->cookie, COOKIE_CLIENT_LEN) == 0);
	must(cookie_answer(&secrets, made, COOKIE_LEN, &from, NOW, again) == COOKIE_VALID);
	must(memcmp(made, again, COOKIE_LEN) == 0);
	must(cookie_answer(&secrets, made, COOKIE_LEN, &other, NOW, again) == COOKIE_INVALID);
}

/* Options in the room are whole, each once, and no other than wanted. */
static unsigned check_written(const uint8_t *wire, size_t len, size_t room, unsigned wanted)
{
	unsigned seen = 0;
	must(len <= room && read_plainly(wire, len, ~0U).whole);
	for (size_t at = 0; at < len; at += 4U + buf_load_u16(wire + at + 2)) {
		unsigned option = option_of(buf_load_u16(wire + at));
		must((option & wanted) && !(option & seen));
		seen |= option;
	}
	return seen;
}

static void check_answer(struct options *o, size_t room)
{
	uint8_t cookie[COOKIE_LEN], *wire = malloc(OPTIONS_MAX);
	must(wire != NULL);
	if (o->asked & OPTION_COOKIE) {
		check_cookie(o, cookie);
		options_give_cookie(o, cookie);
	}
	options_give_nsid(o, "a name server");
	options_give_keepalive(o, 10000);
	size_t kept = options_room(o);
	options_give_expire(o, NOW);
	options_give_version(o, 2, NOW);
	must(options_room(o) == kept && kept <= OPTIONS_MAX);
	must(check_written(wire, options_put(o, wire, kept), kept, o->asked) == o->asked);
	options_give_error(o, EDE_NOT_READY, room % 2 ? "the zone is not loaded" : NULL);
	check_written(wire, options_put(o, wire, room), room, o->asked | OPTION_ERROR);
	must(check_written(wire, options_put(o, wire, OPTIONS_MAX), OPTIONS_MAX, o->asked | OPTION_ERROR) ==
	     ((unsigned)o->asked | OPTION_ERROR));
	free(wire);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t wire[MESSAGE_MAX];
	struct message m;
	struct options o;
	if (size < PREFIX_LEN || size - PREFIX_LEN > OPTIONS_IN_MAX)
		return 0;
	size_t len = write_query(wire, data, size);
	struct reading wanted = read_plainly(data + PREFIX_LEN, size - PREFIX_LEN, data[0]);
	must((message_parse(&m, wire, len) == ERR_OK) == wanted.whole);
	if (!wanted.whole)
		return 0;
	check_edns(&m.edns, data, size);
	check_finding(&m.edns);

	must((options_parse(&o, &m.edns, data[0]) == ERR_OK) == wanted.sound);
	if (!wanted.sound)
		return 0;
	must(o.asked == wanted.asked && o.given == 0);
	if (o.asked & OPTION_COOKIE)
		must(o.cookie_len == wanted.cookie_len && memcmp(o.cookie, wanted.cookie, o.cookie_len) == 0);
	check_answer(&o, data[7]);
	return 0;
}
