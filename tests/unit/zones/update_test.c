/* Every rule of RFC 2136 §3.1 to §3.4 as a row: message -> RCODE and what changed in the zone. */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdio.h>
#include <stdlib.h>

#include <cmocka.h>

#include "lib/text.h"
#include "lib/writer.h"
#include "zones/memory/grace.h"
#include "zones/change/update.h"

#define ORIGIN "home.example."

enum { LINES_MAX = 8, TEXT_MAX = 4096 };

/* ---- the zone ---- */

static const char *const zone_lines[] = {ORIGIN " SOA 3600 ns1 hostmaster 10 7200 900 1209600 300",
					 ORIGIN " NS 3600 ns1",
					 ORIGIN " NS 3600 ns2",
					 ORIGIN " MX 3600 10 mail",
					 "ns1 A 300 192.0.2.1",
					 "ns2 A 300 192.0.2.2",
					 "www A 300 192.0.2.10",
					 "www A 300 192.0.2.11",
					 "www TXT 60 \"web\"",
					 "alias CNAME 300 www",
					 "old DNAME 300 new.example.",
					 "a.ent A 300 192.0.2.20",
					 "*.wild A 300 192.0.2.30",
					 "box WKS 300 0xc00002280600000040",
					 "sub NS 300 ns.sub",
					 "sub NS 300 ns.other.example.",
					 "kept A 300 192.0.2.40",
					 "kept TXT 60 \"free\"",
					 NULL};

struct record {
	struct name owner;
	uint16_t type, class;
	uint32_t ttl;
	uint8_t rdata[1024];
	uint16_t rdlen;
};

static struct name name_of(const char *text)
{
	char whole[512];
	struct name n;
	size_t len = strlen(text);
	if (len && text[len - 1] == '.')
		snprintf(whole, sizeof(whole), "%s", text);
	else
		snprintf(whole, sizeof(whole), "%s." ORIGIN, text);
	assert_int_equal(name_from_text(&n, whole), ERR_OK);
	return n;
}

static void set_rdata(struct record *r, const char *text)
{
	struct name origin = name_of(ORIGIN);
	struct wbuf out = buf_writer(r->rdata, sizeof(r->rdata));
	struct errmsg msg = {.text = ""};
	if (!*text)
		return;
	if (!strncmp(text, "0x", 2)) { /* octets as they are, right or wrong */
		for (text += 2; *text; text += 2) {
			unsigned octet;
			assert_int_equal(sscanf(text, "%2x", &octet), 1);
			buf_put_u8(&out, (uint8_t)octet);
		}
	} else if (text_rdata_from_text(r->type, text, origin.wire, &out, &msg)) {
		fail_msg("%s: %s", text, msg.text);
	}
	r->rdlen = (uint16_t)out.len;
}

static uint16_t type_of(const char *text)
{
	uint16_t type;
	if (!strcmp(text, "ANY"))
		return TYPE_ANY;
	assert_int_equal(rr_type_from_text(&type, text), ERR_OK);
	return type;
}

/* "owner TYPE ttl rdata" */
static struct record zone_record(const char *line)
{
	struct record r = {.class = CLASS_IN};
	char owner[256], type[32];
	int at = 0;
	unsigned ttl;
	assert_int_equal(sscanf(line, "%255s %31s %u %n", owner, type, &ttl, &at), 3);
	r.owner = name_of(owner);
	r.type = type_of(type);
	r.ttl = ttl;
	set_rdata(&r, line + at);
	return r;
}

static struct zone *make_zone(void)
{
	struct name apex = name_of(ORIGIN);
	struct zone *z;
	struct edit *e;
	struct content *empty;
	assert_int_equal(zone_new(&z, apex.wire, 1, 16), ERR_OK);
	struct record soa = zone_record(zone_lines[0]);
	bool changed;
	assert_int_equal(content_with(NULL, apex.wire, soa.type, soa.ttl, soa.rdata, soa.rdlen, &empty, &changed),
			 ERR_OK);
	assert_int_equal(zone_load_content(z, apex.wire, empty), ERR_OK);
	assert_int_equal(edit_begin(&e, z), ERR_OK);
	for (size_t i = 1; zone_lines[i]; i++) {
		struct record r = zone_record(zone_lines[i]);
		assert_int_equal(edit_add(e, r.owner.wire, r.type, r.ttl, r.rdata, r.rdlen, NULL), ERR_OK);
	}
	assert_int_equal(edit_prepare(e), ERR_OK);
	edit_publish(e);
	return z;
}

/* ---- who asks ---- */

static struct access *access_now;
static struct permit *permit;

static void add_key(const char *name)
{
	struct name n;
	struct tsig_key *key;
	assert_int_equal(name_from_text(&n, name), ERR_OK);
	assert_int_equal(tsig_key_new(&key, n.wire, TSIG_HMAC_SHA256, (const uint8_t *)"0123456789abcdef", 16), ERR_OK);
	assert_int_equal(access_add_key(access_now, key, NULL, 0), ERR_OK);
}

static void add_grant(const char *key, const char *pattern, uint16_t type_a, uint16_t type_b)
{
	struct access_grant g = {.id = 1, .zone = name_of(ORIGIN), .action = ACCESS_UPDATE, .has_key = true};
	struct errmsg msg = {.text = ""};
	assert_int_equal(name_from_text(&g.key, key), ERR_OK);
	if (pattern)
		assert_int_equal(access_pattern_from_text(&g, pattern, &msg), ERR_OK);
	if (type_a)
		g.types[g.type_count++] = type_a;
	if (type_b)
		g.types[g.type_count++] = type_b;
	assert_int_equal(access_add_grant(access_now, &g), ERR_OK);
}

static void make_access(void)
{
	assert_int_equal(access_new(&access_now), ERR_OK);
	add_key("owner.");
	add_key("nas.");
	add_key("stranger.");
	add_key("web.");
	add_key("dhcp.");
	add_grant("owner.", NULL, 0, 0);
	add_grant("nas.", "nas." ORIGIN, TYPE_A, TYPE_AAAA);
	add_grant("web.", "www." ORIGIN, TYPE_A, TYPE_AAAA);
	add_grant("dhcp.", "www." ORIGIN, TYPE_A, TYPE_TXT);
	add_grant("dhcp.", ORIGIN, TYPE_MX, 0);
	add_grant("dhcp.", "kept." ORIGIN, TYPE_A, TYPE_TXT);
	struct name zone = name_of(ORIGIN), kept = name_of("kept"), reserved = name_of("reserved");
	assert_int_equal(access_add_lock(access_now, zone.wire, kept.wire, TYPE_A), ERR_OK);
	assert_int_equal(access_add_lock(access_now, zone.wire, reserved.wire, TYPE_ANY), ERR_OK);
}

static const struct tsig_key *key_of(const char *text)
{
	struct name n;
	assert_int_equal(name_from_text(&n, text), ERR_OK);
	const struct tsig_key *key = access_find_key(access_now, n.wire);
	assert_non_null(key);
	return key;
}

/* ---- messages ---- */

static uint16_t class_of(const char *text)
{
	return !strcmp(text, "IN")     ? CLASS_IN
	       : !strcmp(text, "ANY")  ? CLASS_ANY
	       : !strcmp(text, "NONE") ? CLASS_NONE
				       : CLASS_CH;
}

/* "p owner CLASS TYPE ttl rdata" is a prerequisite, "u …" an update. */
static void add_line(struct writer *w, enum section section, const char *line)
{
	struct record r = {.class = 0};
	char which, owner[256], class[8], type[32];
	int at = 0;
	unsigned ttl;
	assert_int_equal(sscanf(line, "%c %255s %7s %31s %u %n", &which, owner, class, type, &ttl, &at), 5);
	if ((which == 'p') != (section == SECTION_PREREQ))
		return;
	r.owner = name_of(owner);
	r.class = class_of(class);
	r.type = type_of(type);
	set_rdata(&r, line + at);
	assert_true(writer_rr(w, section, r.owner.wire, r.type, r.class, ttl, r.rdata, r.rdlen));
}

static size_t make_message(uint8_t *buf, const char *zone_section, const char *const *lines)
{
	struct writer *w = calloc(1, sizeof(*w));
	char owner[256] = ORIGIN, class[8] = "IN", type[32] = "SOA";
	assert_non_null(w);
	writer_init(w);
	writer_start(w, buf, MESSAGE_MAX, 1, OPCODE_UPDATE << FLAG_OPCODE_SHIFT);
	if (zone_section)
		assert_int_equal(sscanf(zone_section, "%255s %7s %31s", owner, class, type), 3);
	struct name zname = name_of(owner);
	assert_true(writer_question(w, zname.wire, type_of(type), class_of(class)));
	for (size_t i = 0; i < LINES_MAX && lines[i]; i++)
		add_line(w, SECTION_PREREQ, lines[i]);
	for (size_t i = 0; i < LINES_MAX && lines[i]; i++)
		add_line(w, SECTION_UPDATE, lines[i]);
	size_t len = writer_finish(w);
	free(w);
	return len;
}

/* ---- what changed, as text ---- */

struct report {
	char *line[64];
	size_t count;
};

static enum err report_change(void *arg, const uint8_t *owner, bool add, const struct content_rr *rr)
{
	struct report *r = arg;
	char name[NAME_TEXT_MAX], type[RR_TYPE_TEXT_MAX], *rdata;
	assert_true(r->count < 64);
	assert_int_equal(text_rdata_to_text(rr->type, rr->rdata, rr->rdlen, &rdata), ERR_OK);
	name_to_text(owner, name);
	char *end = strstr(name, "." ORIGIN);
	if (end)
		*end = '\0';
	char *line = NULL;
	assert_true(asprintf(&line, "%c %s %s %u %s\n", add ? '+' : '-', name, rr_type_to_text(rr->type, type), rr->ttl,
			     rdata) > 0);
	free(rdata);
	r->line[r->count++] = line;
	return ERR_OK;
}

static int compare_lines(const void *a, const void *b)
{
	return strcmp(*(char *const *)a, *(char *const *)b);
}

static void changes_text(const struct edit *e, char out[TEXT_MAX])
{
	struct report r = {.count = 0};
	out[0] = '\0';
	assert_int_equal(edit_changes(e, true, report_change, &r), ERR_OK);
	qsort(r.line, r.count, sizeof(r.line[0]), compare_lines);
	for (size_t i = 0; i < r.count; i++) {
		strncat(out, r.line[i], TEXT_MAX - strlen(out) - 1);
		free(r.line[i]);
	}
}

/* ---- the table ---- */

struct row {
	const char *what;
	const char *key;          /* NULL: "owner." */
	const char *zone_section; /* NULL: as it should be */
	const char *line[LINES_MAX];
	enum rcode rcode;
	const char *changes; /* sorted; NULL: none */
	bool soa_set;
};

static enum rcode run_row(const struct row *row, struct edit *e, bool *soa_set, struct errmsg *why)
{
	static uint8_t buf[MESSAGE_MAX];
	struct name zone = name_of(ORIGIN);
	struct access_request who = {
		.action = ACCESS_UPDATE, .zone = zone.wire, .key = key_of(row->key ? row->key : "owner.")};
	struct message m;
	struct update *u;
	size_t len = make_message(buf, row->zone_section, row->line);
	*soa_set = false;
	if (message_parse(&m, buf, len))
		return RCODE_FORMERR;
	assert_int_equal(update_parse(&u, &m, zone.wire, access_now, &who), ERR_OK);
	edit_savepoint(e);
	enum rcode rcode = update_apply(u, e, permit, soa_set, why);
	if (rcode != RCODE_NOERROR)
		edit_rollback(e);
	update_free(u);
	return rcode;
}

static void check_row(const struct row *row)
{
	struct zone *z = make_zone();
	struct edit *e;
	struct errmsg why = {.text = ""};
	char changes[TEXT_MAX];
	bool soa_set;
	assert_int_equal(edit_begin(&e, z), ERR_OK);
	enum rcode rcode = run_row(row, e, &soa_set, &why);
	changes_text(e, changes);
	if (rcode != row->rcode || strcmp(changes, row->changes ? row->changes : "") != 0)
		fail_msg("%s: rcode %d, wanted %d (%s); changes:\n%swanted:\n%s", row->what, (int)rcode,
			 (int)row->rcode, why.text, changes, row->changes ? row->changes : "");
	assert_int_equal(soa_set, row->soa_set);
	edit_abandon(e);
	zone_release(z);
}

/* clang-format off */
#define ADD "u new IN A 300 192.0.2.99"
#define ADDED "+ new A 300 192.0.2.99\n"

static const struct row zone_section[] = {
	{"§3.1.1 type is SOA", NULL, ORIGIN " IN A", {ADD}, RCODE_FORMERR, NULL, false},
	{"§3.1.1 class is the zone's", NULL, ORIGIN " CH SOA", {ADD}, RCODE_FORMERR, NULL, false},
	{"an empty update does nothing", NULL, NULL, {NULL}, RCODE_NOERROR, NULL, false},
	{"bad zone section before permission", "stranger.", ORIGIN " IN A", {ADD}, RCODE_FORMERR, NULL, false},
};

static const struct row prerequisites[] = {
	{"§2.4.4 name in use", NULL, NULL, {"p www ANY ANY 0", ADD}, RCODE_NOERROR, ADDED, false},
	{"name in use, but is not", NULL, NULL, {"p no ANY ANY 0", ADD}, RCODE_NXDOMAIN, NULL, false},
	{"an empty non-terminal is not in use", NULL, NULL, {"p ent ANY ANY 0", ADD}, RCODE_NXDOMAIN, NULL, false},
	{"a wildcard does not match (§1.1.3)", NULL, NULL, {"p x.wild ANY ANY 0", ADD}, RCODE_NXDOMAIN, NULL, false},
	{"the wildcard itself does", NULL, NULL, {"p *.wild ANY A 0", ADD}, RCODE_NOERROR, ADDED, false},
	{"§2.4.5 name not in use", NULL, NULL, {"p no NONE ANY 0", ADD}, RCODE_NOERROR, ADDED, false},
	{"an empty non-terminal satisfies it", NULL, NULL, {"p ent NONE ANY 0", ADD}, RCODE_NOERROR, ADDED, false},
	{"name not in use, but is", NULL, NULL, {"p WWW NONE ANY 0", ADD}, RCODE_YXDOMAIN, NULL, false},
	{"§2.4.1 RRset exists", NULL, NULL, {"p www ANY A 0", ADD}, RCODE_NOERROR, ADDED, false},
	{"RRset exists, but does not", NULL, NULL, {"p www ANY AAAA 0", ADD}, RCODE_NXRRSET, NULL, false},
	{"aliases are not followed (§1.1.4)", NULL, NULL, {"p alias ANY A 0", ADD}, RCODE_NXRRSET, NULL, false},
	{"§2.4.3 RRset does not exist", NULL, NULL, {"p www NONE AAAA 0", ADD}, RCODE_NOERROR, ADDED, false},
	{"RRset does not exist, but does", NULL, NULL, {"p www NONE A 0", ADD}, RCODE_YXRRSET, NULL, false},
	{"§2.4.2 RRset equals, any order", NULL, NULL, {"p www IN A 0 192.0.2.11", "p WWW IN A 0 192.0.2.10", ADD},
	 RCODE_NOERROR, ADDED, false},
	{"a duplicate is one member", NULL, NULL, {"p www IN A 0 192.0.2.11", "p www IN A 0 192.0.2.10", "p www IN A 0 192.0.2.11", ADD},
	 RCODE_NOERROR, ADDED, false},
	{"one too few", NULL, NULL, {"p www IN A 0 192.0.2.11", ADD}, RCODE_NXRRSET, NULL, false},
	{"one too many", NULL, NULL, {"p www IN A 0 192.0.2.11", "p www IN A 0 192.0.2.10", "p www IN A 0 192.0.2.12", ADD},
	 RCODE_NXRRSET, NULL, false},
	{"one other", NULL, NULL, {"p www IN A 0 192.0.2.11", "p www IN A 0 192.0.2.12", ADD},
	 RCODE_NXRRSET, NULL, false},
	{"none there", NULL, NULL, {"p no IN A 0 192.0.2.11", ADD}, RCODE_NXRRSET, NULL, false},
	{"two RRsets, both equal", NULL, NULL, {"p ns1 IN A 0 192.0.2.1", "p www IN TXT 0 \"web\"", ADD},
	 RCODE_NOERROR, ADDED, false},
	{"two RRsets, one not", NULL, NULL, {"p ns1 IN A 0 192.0.2.1", "p www IN TXT 0 \"Web\"", ADD},
	 RCODE_NXRRSET, NULL, false},
	{"names in RDATA without case", NULL, NULL, {"p alias IN CNAME 0 WWW", ADD}, RCODE_NOERROR, ADDED, false},
	{"values are compared after the section's end", NULL, NULL, {"p www IN A 0 192.0.2.1", "p no ANY ANY 0", ADD},
	 RCODE_NXDOMAIN, NULL, false},
	{"TTL not 0", NULL, NULL, {"p www ANY A 1", ADD}, RCODE_FORMERR, NULL, false},
	{"TTL not 0, class NONE", NULL, NULL, {"p no NONE ANY 1", ADD}, RCODE_FORMERR, NULL, false},
	{"TTL not 0, class IN", NULL, NULL, {"p www IN TXT 60 \"web\"", ADD}, RCODE_FORMERR, NULL, false},
	{"outside the zone", NULL, NULL, {"p www.example. ANY ANY 0", ADD}, RCODE_NOTZONE, NULL, false},
	{"RDATA with class ANY", NULL, NULL, {"p www ANY A 0 192.0.2.10", ADD}, RCODE_FORMERR, NULL, false},
	{"RDATA with class NONE", NULL, NULL, {"p www NONE A 0 192.0.2.10", ADD}, RCODE_FORMERR, NULL, false},
	{"another class", NULL, NULL, {"p www CH A 0 192.0.2.10", ADD}, RCODE_FORMERR, NULL, false},
	{"a meta type by value", NULL, NULL, {"p www IN AXFR 0 0x00", ADD}, RCODE_NXRRSET, NULL, false},
	{"in order: the first fault counts", NULL, NULL, {"p no ANY ANY 0", "p www.example. ANY ANY 0", ADD},
	 RCODE_NXDOMAIN, NULL, false},
	{"prerequisites come before the update's faults", NULL, NULL, {"p no ANY ANY 0", "u new.example. IN A 1 192.0.2.1"},
	 RCODE_NXDOMAIN, NULL, false},
	{"prerequisites alone", NULL, NULL, {"p www ANY ANY 0"}, RCODE_NOERROR, NULL, false},
};

static const struct row permission[] = {
	{"no grant at all: refused before prerequisites", "stranger.", NULL, {"p no ANY ANY 0", ADD},
	 RCODE_REFUSED, NULL, false},
	{"its own name and type", "nas.", NULL, {"u nas IN A 60 192.0.2.7"},
	 RCODE_NOERROR, "+ nas A 60 192.0.2.7\n", false},
	{"another type", "nas.", NULL, {"u nas IN TXT 60 \"x\""}, RCODE_REFUSED, NULL, false},
	{"another name", "nas.", NULL, {"u www IN A 60 192.0.2.7"}, RCODE_REFUSED, NULL, false},
	{"all types at its name: none is there", "nas.", NULL, {"u nas ANY ANY 0"}, RCODE_NOERROR, NULL, false},
	{"all types at its name: one there is another's", "web.", NULL, {"u www ANY ANY 0"}, RCODE_REFUSED, NULL, false},
	{"all types at its name: all there are its", "dhcp.", NULL, {"u www ANY ANY 0"},
	 RCODE_NOERROR, "- www A 300 192.0.2.10\n- www A 300 192.0.2.11\n- www TXT 60 \"web\"\n", false},
	{"all types at the apex: SOA and NS stay", "dhcp.", NULL, {"u " ORIGIN " ANY ANY 0"},
	 RCODE_NOERROR, "- " ORIGIN " MX 3600 10 mail." ORIGIN "\n", false},
	{"all types at another name", "dhcp.", NULL, {"u ns1 ANY ANY 0"}, RCODE_REFUSED, NULL, false},
	{"locked RRset: add", NULL, NULL, {ADD, "u kept IN A 1 192.0.2.41"}, RCODE_REFUSED, NULL, false},
	{"locked RRset: delete it", NULL, NULL, {"u kept ANY A 0"}, RCODE_REFUSED, NULL, false},
	{"locked RRset: delete a record", NULL, NULL, {"u Kept NONE A 0 192.0.2.40"}, RCODE_REFUSED, NULL, false},
	{"locked RRset: delete the name", NULL, NULL, {"u kept ANY ANY 0"}, RCODE_REFUSED, NULL, false},
	{"locked RRset: delete the name, type by type", "dhcp.", NULL, {"u kept ANY ANY 0"}, RCODE_REFUSED, NULL, false},
	{"locked RRset: another type is free", NULL, NULL, {"u kept ANY TXT 0"},
	 RCODE_NOERROR, "- kept TXT 60 \"free\"\n", false},
	{"locked RRset: a prerequisite may look", NULL, NULL, {"p kept IN A 0 192.0.2.40"}, RCODE_NOERROR, NULL, false},
	{"locked name that is not there", NULL, NULL, {"u reserved IN TXT 1 \"x\""}, RCODE_REFUSED, NULL, false},
	{"below a locked name", NULL, NULL, {"u x.reserved IN TXT 1 \"x\""},
	 RCODE_NOERROR, "+ x.reserved TXT 1 \"x\"\n", false},
	{"refused after prerequisites", "nas.", NULL, {"p nas ANY ANY 0", "u www IN A 60 192.0.2.7"},
	 RCODE_NXDOMAIN, NULL, false},
	{"prerequisite of any type on its name", "nas.", NULL, {"p nas NONE ANY 0", "p nas NONE TXT 0", "u nas IN A 60 192.0.2.7"},
	 RCODE_NOERROR, "+ nas A 60 192.0.2.7\n", false},
	{"prerequisite on another name", "nas.", NULL, {"p www ANY ANY 0", "u nas IN A 60 192.0.2.7"},
	 RCODE_REFUSED, NULL, false},
	{"prerequisite on another name that is not there", "nas.", NULL, {"p no ANY ANY 0", "u nas IN A 60 192.0.2.7"},
	 RCODE_REFUSED, NULL, false},
	{"all or nothing", "nas.", NULL, {"u nas IN A 60 192.0.2.7", "u nas IN TXT 60 \"x\""},
	 RCODE_REFUSED, NULL, false},
	{"refused before the prescan", "nas.", NULL, {"u nas.example. IN A 60 192.0.2.7", "u www IN A 60 192.0.2.7"},
	 RCODE_REFUSED, NULL, false},
	{"the signer's RRSIG", NULL, NULL, {"u www ANY RRSIG 0"}, RCODE_REFUSED, NULL, false},
	{"the signer's NSEC", NULL, NULL, {"u www ANY NSEC 0"}, RCODE_REFUSED, NULL, false},
	{"the signer's NSEC3", NULL, NULL, {"u www ANY NSEC3 0"}, RCODE_REFUSED, NULL, false},
};

static const struct row prescan[] = {
	{"outside the zone", NULL, NULL, {ADD, "u new.example. IN A 1 192.0.2.1"}, RCODE_NOTZONE, NULL, false},
	{"above the zone", NULL, NULL, {"u example. IN A 1 192.0.2.1"}, RCODE_NOTZONE, NULL, false},
	{"a name that only ends alike", NULL, NULL, {"u xhome.example. IN A 1 192.0.2.1"}, RCODE_NOTZONE, NULL, false},
	{"another class", NULL, NULL, {"u new CH A 1 192.0.2.1"}, RCODE_FORMERR, NULL, false},
	{"add ANY", NULL, NULL, {"u new IN ANY 1 0x00"}, RCODE_FORMERR, NULL, false},
	{"add AXFR", NULL, NULL, {"u new IN AXFR 1 0x00"}, RCODE_FORMERR, NULL, false},
	{"add MAILB", NULL, NULL, {"u new IN MAILB 1 0x00"}, RCODE_FORMERR, NULL, false},
	{"add without RDATA", NULL, NULL, {"u new IN A 1"}, RCODE_FORMERR, NULL, false},
	{"add with short RDATA", NULL, NULL, {"u new IN A 1 0xc00002"}, RCODE_FORMERR, NULL, false},
	{"delete RRset with TTL", NULL, NULL, {"u www ANY A 1"}, RCODE_FORMERR, NULL, false},
	{"delete RRset with RDATA", NULL, NULL, {"u www ANY A 0 192.0.2.10"}, RCODE_FORMERR, NULL, false},
	{"delete RRset MAILA", NULL, NULL, {"u www ANY MAILA 0"}, RCODE_FORMERR, NULL, false},
	{"delete RRset IXFR", NULL, NULL, {"u www ANY IXFR 0"}, RCODE_FORMERR, NULL, false},
	{"delete RR with TTL", NULL, NULL, {"u www NONE A 300 192.0.2.10"}, RCODE_FORMERR, NULL, false},
	{"delete RR of type ANY", NULL, NULL, {"u www NONE ANY 0"}, RCODE_FORMERR, NULL, false},
	{"delete RR of type AXFR", NULL, NULL, {"u www NONE AXFR 0 0x00"}, RCODE_FORMERR, NULL, false},
	{"delete RR without RDATA", NULL, NULL, {"u www NONE A 0"}, RCODE_FORMERR, NULL, false},
	{"nothing is done before the whole section is scanned", NULL, NULL, {ADD, "u www ANY A 1"},
	 RCODE_FORMERR, NULL, false},
};

static const struct row adding[] = {
	{"a new RRset", NULL, NULL, {ADD}, RCODE_NOERROR, ADDED, false},
	{"one more record", NULL, NULL, {"u www IN A 300 192.0.2.12"},
	 RCODE_NOERROR, "+ www A 300 192.0.2.12\n", false},
	{"a duplicate", NULL, NULL, {"u www IN A 300 192.0.2.10"}, RCODE_NOERROR, NULL, false},
	{"a duplicate with another TTL sets the RRset's", NULL, NULL, {"u www IN A 60 192.0.2.10"}, RCODE_NOERROR,
	 "+ www A 60 192.0.2.10\n+ www A 60 192.0.2.11\n- www A 300 192.0.2.10\n- www A 300 192.0.2.11\n", false},
	{"one more with another TTL sets the RRset's", NULL, NULL, {"u www IN TXT 30 \"two\""}, RCODE_NOERROR,
	 "+ www TXT 30 \"two\"\n+ www TXT 30 \"web\"\n- www TXT 60 \"web\"\n", false},
	{"a TTL with the top bit is 0 (RFC 2181 §8)", NULL, NULL, {"u new IN A 2147483648 192.0.2.99"},
	 RCODE_NOERROR, "+ new A 0 192.0.2.99\n", false},
	{"a wildcard", NULL, NULL, {"u *.new IN A 300 192.0.2.99"}, RCODE_NOERROR, "+ *.new A 300 192.0.2.99\n", false},
	{"an unknown type", NULL, NULL, {"u new IN TYPE65280 300 0x0102"},
	 RCODE_NOERROR, "+ new TYPE65280 300 \\# 2 0102\n", false},
	{"CNAME beside data is ignored", NULL, NULL, {"u www IN CNAME 300 ns1", ADD}, RCODE_NOERROR, ADDED, false},
	{"data beside CNAME is ignored", NULL, NULL, {"u alias IN A 300 192.0.2.99", ADD}, RCODE_NOERROR, ADDED, false},
	{"CNAME replaces CNAME", NULL, NULL, {"u alias IN CNAME 60 ns1"}, RCODE_NOERROR,
	 "+ alias CNAME 60 ns1.home.example.\n- alias CNAME 300 www.home.example.\n", false},
	{"CNAME on an empty non-terminal", NULL, NULL, {"u ent IN CNAME 300 www"},
	 RCODE_NOERROR, "+ ent CNAME 300 www.home.example.\n", false},
	{"CNAME at the apex is ignored", NULL, NULL, {"u " ORIGIN " IN CNAME 300 www"}, RCODE_NOERROR, NULL, false},
	{"in order: delete, then CNAME", NULL, NULL, {"u ns2 ANY ANY 0", "u ns2 IN CNAME 300 ns1"}, RCODE_NOERROR,
	 "+ ns2 CNAME 300 ns1.home.example.\n- ns2 A 300 192.0.2.2\n", false},
	{"KEY beside CNAME (RFC 4035 §2.5)", NULL, NULL, {"u alias IN KEY 300 0x0200030d0102"}, RCODE_NOERROR,
	 "+ alias KEY 300 512 3 13 AQI=\n", false},
	{"CNAME beside KEY", NULL, NULL, {"u new IN KEY 300 0x0200030d0102", "u new IN CNAME 300 www"}, RCODE_NOERROR,
	 "+ new CNAME 300 www.home.example.\n+ new KEY 300 512 3 13 AQI=\n", false},
	{"DNAME replaces DNAME (RFC 6672 §5.2)", NULL, NULL, {"u old IN DNAME 300 other.example."}, RCODE_NOERROR,
	 "+ old DNAME 300 other.example.\n- old DNAME 300 new.example.\n", false},
	{"CNAME beside DNAME is ignored", NULL, NULL, {"u old IN CNAME 300 www"}, RCODE_NOERROR, NULL, false},
	{"DNAME beside CNAME is ignored", NULL, NULL, {"u alias IN DNAME 300 other.example."},
	 RCODE_NOERROR, NULL, false},
	{"WKS of the same address and protocol is replaced", NULL, NULL, {"u box IN WKS 300 0xc0000228060000000000000000000080"},
	 RCODE_NOERROR,
	 "+ box WKS 300 \\# 16 c0000228060000000000000000000080\n- box WKS 300 \\# 9 c00002280600000040\n", false},
	{"WKS of another protocol is added", NULL, NULL, {"u box IN WKS 300 0xc00002281100000000000004"}, RCODE_NOERROR,
	 "+ box WKS 300 \\# 12 c00002281100000000000004\n", false},
	{"a newer SOA", NULL, NULL, {"u " ORIGIN " IN SOA 60 ns2 h 11 1 2 3 4"}, RCODE_NOERROR,
	 "+ home.example. SOA 60 ns2.home.example. h.home.example. 11 1 2 3 4\n"
	 "- home.example. SOA 3600 ns1.home.example. hostmaster.home.example. 10 7200 900 1209600 300\n", true},
	{"an equal SOA is ignored", NULL, NULL, {"u " ORIGIN " IN SOA 60 ns2 h 10 1 2 3 4"},
	 RCODE_NOERROR, NULL, false},
	{"an older SOA is ignored", NULL, NULL, {"u " ORIGIN " IN SOA 60 ns2 h 9 1 2 3 4"}, RCODE_NOERROR, NULL, false},
	{"older by RFC 1982", NULL, NULL, {"u " ORIGIN " IN SOA 60 ns2 h 2147483659 1 2 3 4"},
	 RCODE_NOERROR, NULL, false},
	{"SOA elsewhere is ignored", NULL, NULL, {"u www IN SOA 60 ns2 h 11 1 2 3 4"}, RCODE_NOERROR, NULL, false},
};

static const struct row deleting[] = {
	{"an RRset", NULL, NULL, {"u www ANY A 0"},
	 RCODE_NOERROR, "- www A 300 192.0.2.10\n- www A 300 192.0.2.11\n", false},
	{"an RRset that is not there", NULL, NULL, {"u www ANY AAAA 0", "u no ANY A 0"}, RCODE_NOERROR, NULL, false},
	{"apex SOA and NS RRsets stay", NULL, NULL, {"u " ORIGIN " ANY SOA 0", "u " ORIGIN " ANY NS 0"},
	 RCODE_NOERROR, NULL, false},
	{"another apex RRset goes", NULL, NULL, {"u " ORIGIN " ANY MX 0"},
	 RCODE_NOERROR, "- home.example. MX 3600 10 mail.home.example.\n", false},
	{"NS of a delegation go", NULL, NULL, {"u sub ANY NS 0"}, RCODE_NOERROR,
	 "- sub NS 300 ns.other.example.\n- sub NS 300 ns.sub.home.example.\n", false},
	{"a name", NULL, NULL, {"u www ANY ANY 0"}, RCODE_NOERROR,
	 "- www A 300 192.0.2.10\n- www A 300 192.0.2.11\n- www TXT 60 \"web\"\n", false},
	{"a name that is not there", NULL, NULL, {"u no ANY ANY 0", "u ent ANY ANY 0"}, RCODE_NOERROR, NULL, false},
	{"the apex keeps SOA and NS", NULL, NULL, {"u " ORIGIN " ANY ANY 0"},
	 RCODE_NOERROR, "- home.example. MX 3600 10 mail.home.example.\n", false},
	{"a record", NULL, NULL, {"u www NONE A 0 192.0.2.10"}, RCODE_NOERROR, "- www A 300 192.0.2.10\n", false},
	{"a record that is not there", NULL, NULL, {"u www NONE A 0 192.0.2.99", "u no NONE A 0 192.0.2.10"},
	 RCODE_NOERROR, NULL, false},
	{"a record whose name is written otherwise", NULL, NULL, {"u " ORIGIN " NONE NS 0 NS2"}, RCODE_NOERROR,
	 "- home.example. NS 3600 ns2.home.example.\n", false},
	{"the last apex NS stays", NULL, NULL, {"u " ORIGIN " NONE NS 0 ns1", "u " ORIGIN " NONE NS 0 ns2"},
	 RCODE_NOERROR,
	 "- home.example. NS 3600 ns1.home.example.\n", false},
	{"the last NS of a delegation goes", NULL, NULL, {"u sub NONE NS 0 ns.sub", "u sub NONE NS 0 ns.other.example."},
	 RCODE_NOERROR,
	 "- sub NS 300 ns.other.example.\n- sub NS 300 ns.sub.home.example.\n", false},
	{"the SOA stays", NULL, NULL, {"u " ORIGIN " NONE SOA 0 ns1 hostmaster 10 7200 900 1209600 300"},
	 RCODE_NOERROR, NULL, false},
	{"delete and add again is no change", NULL, NULL, {"u ns1 ANY A 0", "u ns1 IN A 300 192.0.2.1"},
	 RCODE_NOERROR, NULL, false},
	{"the usual replacement", NULL, NULL, {"u ns1 ANY A 0", "u ns1 IN A 60 192.0.2.77"}, RCODE_NOERROR,
	 "+ ns1 A 60 192.0.2.77\n- ns1 A 300 192.0.2.1\n", false},
};
/* clang-format on */

static void check_rows(const struct row *row, size_t count)
{
	for (size_t i = 0; i < count; i++)
		check_row(&row[i]);
}

#define TABLE_TEST(table)                                            \
	static void test_##table(void **state)                       \
	{                                                            \
		(void)state;                                         \
		check_rows(table, sizeof(table) / sizeof(table[0])); \
	}

TABLE_TEST(zone_section)
TABLE_TEST(prerequisites)
TABLE_TEST(permission)
TABLE_TEST(prescan)
TABLE_TEST(adding)
TABLE_TEST(deleting)

/* ---- what a row cannot say ---- */

static void test_two_zone_records(void **state)
{
	static uint8_t buf[MESSAGE_MAX];
	static const char *const lines[LINES_MAX] = {ADD};
	struct name zone = name_of(ORIGIN);
	struct access_request who = {.action = ACCESS_UPDATE, .zone = zone.wire, .key = key_of("owner.")};
	struct message m;
	struct update *u;
	struct edit *e;
	struct errmsg why = {.text = ""};
	bool soa_set;
	(void)state;
	struct zone *z = make_zone();
	size_t len = make_message(buf, NULL, lines);
	assert_int_equal(message_parse(&m, buf, len), ERR_OK);
	assert_int_equal(edit_begin(&e, z), ERR_OK);
	for (uint16_t count = 0; count <= 2; count += 2) {
		m.count[SECTION_ZONE] = count;
		assert_int_equal(update_parse(&u, &m, zone.wire, access_now, &who), ERR_OK);
		assert_int_equal(update_apply(u, e, permit, &soa_set, &why), RCODE_FORMERR);
		assert_true(why.text[0]);
		update_free(u);
	}
	edit_abandon(e);
	zone_release(z);
}

/* An RRset that would not fit a message is refused, and the whole update with it. */
static void test_too_large(void **state)
{
	struct name zone = name_of(ORIGIN), owner = name_of("big");
	struct update *u;
	struct edit *e;
	struct errmsg why = {.text = ""};
	bool soa_set;
	uint8_t txt[256] = {255};
	(void)state;
	struct zone *z = make_zone();
	assert_int_equal(edit_begin(&e, z), ERR_OK);
	assert_int_equal(update_new(&u, zone.wire), ERR_OK);
	for (unsigned i = 0; i < 300; i++) {
		txt[1] = (uint8_t)(i >> 8);
		txt[2] = (uint8_t)i;
		assert_int_equal(update_push(u, SECTION_UPDATE, owner.wire, TYPE_TXT, CLASS_IN, 60, txt, sizeof(txt)),
				 ERR_OK);
	}
	assert_int_equal(update_count(u, SECTION_UPDATE), 300);
	assert_int_equal(update_rr_at(u, SECTION_UPDATE, 299)->rdlen, sizeof(txt));
	edit_savepoint(e);
	assert_int_equal(update_apply(u, e, permit, &soa_set, &why), RCODE_REFUSED);
	assert_non_null(strstr(why.text, "too large"));
	edit_rollback(e);
	assert_null(edit_find(e, owner.wire));
	update_free(u);
	edit_abandon(e);
	zone_release(z);
}

/* Large value-dependent prerequisites, in an order that is not the zone's. */
static void test_many_values(void **state)
{
	enum { MANY = 3000 };
	struct name zone = name_of(ORIGIN), owner = name_of("many");
	struct update *u, *check;
	struct edit *e;
	struct errmsg why = {.text = ""};
	bool soa_set;
	(void)state;
	struct zone *z = make_zone();
	assert_int_equal(edit_begin(&e, z), ERR_OK);
	assert_int_equal(update_new(&u, zone.wire), ERR_OK);
	assert_int_equal(update_new(&check, zone.wire), ERR_OK);
	for (unsigned i = 0; i < MANY; i++) {
		uint8_t a[4] = {10, 0, (uint8_t)(i >> 8), (uint8_t)i},
			b[4] = {10, 0, (uint8_t)((MANY - 1 - i) >> 8), (uint8_t)(MANY - 1 - i)};
		assert_int_equal(update_push(u, SECTION_UPDATE, owner.wire, TYPE_A, CLASS_IN, 60, a, 4), ERR_OK);
		assert_int_equal(update_push(check, SECTION_PREREQ, owner.wire, TYPE_A, CLASS_IN, 0, b, 4), ERR_OK);
	}
	assert_int_equal(update_apply(u, e, permit, &soa_set, &why), RCODE_NOERROR);
	assert_int_equal(update_apply(check, e, permit, &soa_set, &why), RCODE_NOERROR);
	uint8_t more[4] = {10, 9, 9, 9};
	assert_int_equal(update_push(check, SECTION_PREREQ, owner.wire, TYPE_A, CLASS_IN, 0, more, 4), ERR_OK);
	assert_int_equal(update_apply(check, e, permit, &soa_set, &why), RCODE_NXRRSET);
	update_free(u);
	update_free(check);
	edit_abandon(e);
	zone_release(z);
}

/* Octets turned one by one: whatever comes out, nothing crashes, and only NOERROR changes the zone. */
static void test_hostile_messages(void **state)
{
	static uint8_t buf[MESSAGE_MAX], bad[MESSAGE_MAX];
	static const char *const lines[LINES_MAX] = {"p www IN A 0 192.0.2.10",
						     "p no NONE ANY 0",
						     "u www ANY A 0",
						     "u " ORIGIN " ANY ANY 0",
						     "u " ORIGIN " IN SOA 60 ns2 h 11 1 2 3 4",
						     "u alias NONE CNAME 0 www",
						     ADD};
	struct name zone = name_of(ORIGIN);
	struct access_request who = {.action = ACCESS_UPDATE, .zone = zone.wire, .key = key_of("owner.")};
	(void)state;
	struct zone *z = make_zone();
	size_t len = make_message(buf, NULL, lines);
	for (size_t at = 0; at < len; at++) {
		for (unsigned bit = 0; bit < 8; bit++) {
			struct message m;
			struct update *u;
			struct edit *e;
			struct errmsg why = {.text = ""};
			bool soa_set;
			memcpy(bad, buf, len);
			bad[at] = (uint8_t)(bad[at] ^ (1U << bit));
			if (message_parse(&m, bad, len) || message_opcode(&m) != OPCODE_UPDATE)
				continue;
			assert_int_equal(update_parse(&u, &m, zone.wire, access_now, &who), ERR_OK);
			assert_int_equal(edit_begin(&e, z), ERR_OK);
			edit_savepoint(e);
			if (update_apply(u, e, permit, &soa_set, &why) != RCODE_NOERROR)
				edit_rollback(e);
			struct content_rr soa;
			assert_true(edit_soa(e, &soa));
			assert_non_null(content_find(edit_find(e, zone.wire), TYPE_NS));
			edit_abandon(e);
			update_free(u);
		}
	}
	zone_release(z);
}

static int set_up(void **state)
{
	(void)state;
	if (qname_seed() || permit_new(&permit))
		return -1;
	make_access();
	return 0;
}

static int tear_down(void **state)
{
	(void)state;
	access_release(access_now);
	permit_free(permit);
	grace_barrier();
	return 0;
}

int main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(test_zone_section),     cmocka_unit_test(test_prerequisites),
		cmocka_unit_test(test_permission),       cmocka_unit_test(test_prescan),
		cmocka_unit_test(test_adding),           cmocka_unit_test(test_deleting),
		cmocka_unit_test(test_two_zone_records), cmocka_unit_test(test_too_large),
		cmocka_unit_test(test_many_values),      cmocka_unit_test(test_hostile_messages)};
	return cmocka_run_group_tests(tests, set_up, tear_down);
}
