/* request_fuzz: any octets through the whole request path, against a small zone in memory.
 *
 * The first octet of an input says how the rest comes: bit 0 by TCP, bit 1 signed with the zone's key, bit 2 signed
 * with a key we do not have. What comes out must be an answer to the request: well-formed, QR set, its ID, within the
 * limit. Updates are applied and rolled back. */
#include <event2/event.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "server/dns/request.h"
#include "server/dns/ahead.h"
#include "zones/memory/grace.h"
#include "zones/file/zonefile.h"

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
static struct permit *permit;

int LLVMFuzzerInitialize(int *argc, char ***argv);
const char *__lsan_default_suppressions(void);

enum { BY_TCP = 1, SIGNED = 2, SIGNED_BY_STRANGER = 4, TRANSFER_MESSAGES_MAX = 100 };

static const char zone_text[] =
	"@ 300 SOA ns1 admin 1 3600 600 86400 60\n@ NS ns1\n@ NS ns2.other.test.\n@ MX 10 mail\nns1 A 192.0.2.1\n"
	"mail A 192.0.2.2\nmail AAAA 2001:db8::2\n*.wild TXT \"any\"\nalias CNAME mail\nloop1 CNAME loop2\nloop2 CNAME "
	"loop1\n"
	"sub NS ns.sub\nns.sub A 192.0.2.3\nold DNAME new\nx.new A 192.0.2.4\na.b.c.ent TXT \"deep\"\n"
	"_sip._udp SRV 1 2 5060 mail\nhome A 192.0.2.5\nhome AAAA 2001:db8::5\n";

static char identity[] = "a server that is being fuzzed";
static struct config config = {.udp_size = 1232, .workers = 1, .tcp_idle_ms = 10000, .identity_id = identity};
static struct directory *directory;
static _Atomic(struct access *) access;
static struct request_env env;
static struct ahead *ahead;
static struct stats stats;
static struct tsig_key *our_key, *strange_key;

/* The zone stays until the end, and its table keeps node pointers beside 16 bits of hash, where the leak sanitizer
 * does not see them. */
const char *__lsan_default_suppressions(void)
{
	return "leak:zone_load_content\n";
}

static void must(bool holds, const char *what)
{
	if (holds)
		return;
	fprintf(stderr, "request_fuzz: %s\n", what);
	abort();
}

static struct tsig_key *make_key(const char *name_text)
{
	static const uint8_t secret[32] = "a secret of thirty-two octets..";
	struct name name;
	struct tsig_key *key = NULL;
	must(!name_from_text(&name, name_text) &&
		     !tsig_key_new(&key, name.wire, TSIG_HMAC_SHA256, secret, sizeof secret),
	     "key");
	return key;
}

static void make_zone(void)
{
	struct name name;
	struct errmsg msg = {0};
	struct zone_image *image;
	struct zone *z;
	FILE *f = fmemopen((void *)(uintptr_t)zone_text, sizeof zone_text - 1, "r");
	must(f && !name_from_text(&name, "home.test"), "zone name");
	if (zonefile_read(&image, name.wire, f, "zone", &msg))
		must(false, msg.text);
	fclose(f);
	must(!zone_new(&z, name.wire, 0, zonefile_image_count(image)), "zone");
	for (size_t i = 0; i < zonefile_image_count(image); i++)
		must(!zone_load_content(z, zonefile_image_owner(image, i), zonefile_image_take(image, i)), "content");
	zonefile_image_free(image);
	must(!directory_new(&directory) && !directory_put(directory, z), "directory");
}

static void make_access(void)
{
	struct access *a;
	struct access_grant g = {.id = 1, .action = ACCESS_UPDATE, .has_key = true};
	must(!access_new(&a) && !access_add_key(a, make_key("home"), NULL, 0) &&
		     !name_from_text(&g.zone, "home.test") && !name_from_text(&g.key, "home"),
	     "access");
	g.max_records = 3;
	must(!access_add_grant(a, &g), "update grant");
	g.id = 2;
	g.action = ACCESS_TRANSFER;
	g.has_key = false;
	g.max_records = 0;
	must(!access_add_grant(a, &g), "transfer grant");
	atomic_store(&access, a);
}

int LLVMFuzzerInitialize(int *argc, char ***argv)
{
	(void)argc;
	(void)argv;
	log_set_level(LOG_LEVEL_ERROR);
	clock_fake(1767225600);
	grace_register();
	must(!qname_seed(), "seed");
	make_zone();
	make_access();
	must(!ahead_new(&ahead), "ahead");
	must(!permit_new(&permit), "permit");
	our_key = make_key("home");
	strange_key = make_key("stranger");
	request_env_init(&env, &config, directory, &access, NULL, &stats);
	static struct cookies *cookies;
	struct errmsg msg = {0};
	must(!cookies_new(&cookies, NULL, event_base_new(), &msg), "cookies");
	env.cookies = cookies;
	return 0;
}

static void check_answer(const struct request *r, const uint8_t *out, size_t len, size_t limit)
{
	struct message m;
	must(len <= limit, "longer than the limit");
	must(!message_parse(&m, out, len), "the answer is malformed");
	must(m.flags & FLAG_QR, "QR is not set");
	must(m.id == buf_load_u16(r->wire), "another ID");
}

static void run_update(const struct request *r, bool udp)
{
	struct ddns *d = r->ddns;
	struct edit *e;
	bool soa_set = false;
	struct errmsg why = {0};
	uint8_t out[DDNS_ANSWER_MAX];
	must(!edit_begin(&e, directory_get(directory, d->job->zone.wire)), "edit");
	edit_savepoint(e);
	enum rcode rcode = update_apply(d->job->update, e, permit, &soa_set, &why);
	edit_rollback(e);
	must(!edit_changed_since_savepoint(e), "rolled back, but changed");
	edit_abandon(e);
	size_t len = ddns_answer(d, rcode, out);
	if (len)
		check_answer(r, out, len, udp ? config.udp_size : MESSAGE_MAX);
	ddns_free(d);
}

static void run_transfer(const struct request *r)
{
	static uint8_t out[MESSAGE_MAX];
	bool last = false;
	for (unsigned i = 0; i < TRANSFER_MESSAGES_MAX && !last; i++) {
		size_t len;
		must(!transfer_next(r->transfer, &env.writer, out, &len, &last), "a small transfer broke off");
		check_answer(r, out, len, MESSAGE_MAX);
	}
	must(last, "a small transfer does not end");
	transfer_free(r->transfer);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static uint8_t wire[MESSAGE_MAX], out[MESSAGE_MAX];
	static struct request r;
	if (size < 1 || size - 1 > MESSAGE_MAX)
		return 0;
	size_t len = size - 1;
	memcpy(wire, data + 1, len);
	if ((data[0] & (SIGNED | SIGNED_BY_STRANGER)) && len >= MESSAGE_HEADER_LEN) {
		struct tsig_context c;
		const struct tsig_key *key = data[0] & SIGNED ? our_key : strange_key;
		if (tsig_sign_request(&c, key, wire, &len, sizeof wire, clock_unix()))
			return 0;
	}
	/* A copy of the exact length, for the address sanitizer. */
	uint8_t *exact = malloc(len ? len : 1);
	must(exact, "memory");
	memcpy(exact, wire, len);
	struct addr from;
	must(!addr_parse(&from, "192.0.2.99@4000", 0, NULL), "address");
	r.wire = exact;
	r.len = len;
	r.from = &from;
	r.udp = !(data[0] & BY_TCP);
	r.out = out;
	ahead_clear(ahead);
	ahead_add(ahead, directory, NULL, &from, exact, len); /* must not mind anything either */
	ahead_run(ahead, directory);
	r.ahead = ahead_get(ahead, 0);
	switch (request_handle(&env, &r)) {
	case REQUEST_DROP:
		break;
	case REQUEST_ANSWER:
		check_answer(&r, out, r.out_len, r.udp ? config.udp_size : MESSAGE_MAX);
		break;
	case REQUEST_UPDATE:
		run_update(&r, r.udp);
		break;
	case REQUEST_TRANSFER:
		run_transfer(&r);
		break;
	}
	free(exact);
	grace_quiescent();
	return 0;
}
