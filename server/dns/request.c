/* request.c: see request.h. */
#include "server/dns/request.h"

#include <stdlib.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "server/dns/asked.h"
#include "server/dns/chaos.h"
#include "server/dns/refusal.h"
#include "server/housekeeper.h"
#include "server/peer/secondary.h"

enum { UDP_PLAIN = 512 /* octets, RFC 1035 §4.2.1 */ };

void request_env_init(struct request_env *env, const struct config *config, const struct directory *directory,
		      _Atomic(struct access *) *access, struct mailbox *mailbox, struct stats *stats)
{
	env->config = config;
	env->directory = directory;
	env->access = access;
	env->mailbox = mailbox;
	env->cookies = NULL;
	env->replay = NULL;
	env->gate = (struct sig0_gate){.second = {0}};
	env->stats = stats;
	env->ratelimit = NULL;
	env->housekeeper = NULL;
	env->secondary = NULL;
	env->store = NULL;
	writer_init(&env->writer);
}

void request_env_close(struct request_env *env)
{
	if (env->store)
		zonestore_close(env->store);
	env->store = NULL;
}

/* ---- answers without records ---- */

static enum request_verdict finish(struct request_env *env, struct request *r, unsigned rcode)
{
	r->rcode = rcode;
	r->out_len = reply_finish(&r->reply, &env->writer, rcode, false);
	return r->out_len ? REQUEST_ANSWER : REQUEST_DROP;
}

static void start(struct request_env *env, struct request *r)
{
	reply_start(&r->reply, &env->writer, r->out);
	/* A question that did not parse cannot be repeated. One that leaves no room for TSIG (512 octets, all names
	 * as long as can be) is left out. */
	if (r->message.question_end > MESSAGE_HEADER_LEN && !writer_question_copy(&env->writer, &r->message))
		writer_set_flags(&env->writer, writer_flags(&env->writer) | FLAG_TC);
}

static enum request_verdict answer_rcode(struct request_env *env, struct request *r, unsigned rcode)
{
	start(env, r);
	return finish(env, r, rcode);
}

/* With the reason, for clients that have EDNS (RFC 8914). text: a constant, or NULL. */
static enum request_verdict answer_error(struct request_env *env, struct request *r, unsigned rcode, enum ede ede,
					 const char *text)
{
	options_give_error(&r->reply.options, ede, text);
	return answer_rcode(env, r, rcode);
}

static void write_refusal(const struct request *r, const char *what, const uint8_t *key_name, unsigned rcode,
			  const char *why)
{
	char who[REFUSAL_WHO_MAX], source[ADDR_TEXT_MAX];
	struct refusal line = {.what = what,
			       .zone = r->message.qname.len ? r->message.qname.wire : NULL,
			       .who = refusal_who(key_name, who),
			       .source = addr_to_text(r->from, source),
			       .transport = r->udp ? "udp" : "tcp",
			       .rcode = rcode,
			       .why = why};
	refusal_log(&line);
}

static void log_refusal(const struct request *r, const char *what, const uint8_t *key_name, unsigned rcode,
			const char *why)
{
	if (refusal_due())
		write_refusal(r, what, key_name, rcode, why);
}

static const struct tsig_key *signer(const struct request *r)
{
	return r->reply.tsig.present ? r->reply.tsig.key : NULL;
}

static const uint8_t *signer_name(const struct request *r)
{
	return signer(r) ? tsig_key_name(signer(r)) : r->sig0 ? sig0_key_name(r->sig0) : NULL;
}

/* An update that never reached the writer goes into the history of its zone, if that is ours. */
static void note_refusal(struct request_env *env, const struct request *r, const uint8_t *key_name, unsigned rcode,
			 const char *why)
{
	char who[REFUSAL_WHO_MAX], asked[ASKED_MAX];
	const struct message *m = &r->message;
	if (!env->housekeeper || !m->qname.len || m->qclass != CLASS_IN ||
	    !directory_get(env->directory, m->qname.wire))
		return;
	const struct refusals_note note = {.zone = m->qname.wire,
					   .actor = refusal_who(key_name, who),
					   .from = r->from,
					   .transport = r->udp ? "udp" : "tcp",
					   .rcode = rcode,
					   .asked = asked_from_message(m, asked),
					   .why = why};
	housekeeper_refused(env->housekeeper, &note);
}

/* To the log and the history. */
static void tell_refused_update(struct request_env *env, const struct request *r, const uint8_t *key_name,
				unsigned rcode, const char *why)
{
	log_refusal(r, "update", key_name, rcode, why);
	note_refusal(env, r, key_name, rcode, why);
}

static enum request_verdict refuse(struct request_env *env, struct request *r, const struct access_request *who)
{
	struct errmsg why = {0};
	if (refusal_due()) {
		(void)access_explain(r->access, who, who->zone, TYPE_ANY, &why);
		write_refusal(r, access_action_to_text(who->action), signer_name(r), RCODE_REFUSED, why.text);
	}
	if (who->action == ACCESS_UPDATE)
		note_refusal(env, r, signer_name(r), RCODE_REFUSED,
			     "no grant allows this requester to update the zone; see roostctl grant add");
	return answer_error(env, r, RCODE_REFUSED, EDE_PROHIBITED, NULL);
}

/* ---- TSIG ---- */

static const char *tsig_text(enum tsig_status status)
{
	switch (status) {
	case TSIG_BADKEY:
		return "no such key here, or not with this algorithm (BADKEY); see roostctl key list";
	case TSIG_BADSIG:
		return "the signature is wrong (BADSIG): the secrets differ";
	case TSIG_BADTIME:
		return "the clocks differ by more than the fudge (BADTIME): set the client's or this machine's clock";
	case TSIG_BADTRUNC:
		return "the signature is cut shorter than we take (BADTRUNC)";
	default:
		return "the TSIG record is malformed, or its MAC is of a length that cannot be (RFC 8945 §5.2.2.1)";
	}
}

static void log_bad_signature(struct request_env *env, const struct request *r, const uint8_t *key_name, unsigned rcode,
			      const char *why)
{
	if (message_opcode(&r->message) == OPCODE_UPDATE)
		tell_refused_update(env, r, key_name, rcode, why);
}

/* True if the request may go on; else *rcode is the answer's. */
static bool check_tsig(struct request_env *env, struct request *r, unsigned *rcode)
{
	struct tsig_rr t;
	*rcode = RCODE_FORMERR;
	if (tsig_parse(&t, &r->message)) {
		stats_count(env->stats, STATS_TSIG_FIRST + TSIG_FORMERR);
		log_bad_signature(env, r, NULL, *rcode, tsig_text(TSIG_FORMERR));
		return false;
	}
	uint64_t now = clock_unix();
	const struct tsig_key *key = access_find_key(r->access, t.key_name.wire);
	enum tsig_status status = tsig_verify_request(&r->message, &t, key, now, 0);
	stats_count(env->stats, STATS_TSIG_FIRST + status);
	if (status == TSIG_FORMERR) {
		log_bad_signature(env, r, t.key_name.wire, *rcode, tsig_text(status));
		return false;
	}
	tsig_context_set(&r->reply.tsig, &t, key, status, now);
	if (status == TSIG_OK && env->replay) {
		r->mark = replay_mark(env->replay, t.mac, t.mac_len);
		r->mark_until = t.time + t.fudge;
	}
	if (status == TSIG_OK)
		return true;
	*rcode = RCODE_NOTAUTH;
	const struct access_key *known = access_key(r->access, t.key_name.wire);
	const char *why = known && access_key_expired(known) ? "the key has expired (BADKEY); see roostctl key rotate"
							     : tsig_text(status);
	log_bad_signature(env, r, t.key_name.wire, *rcode, why);
	return false;
}

/* ---- SIG(0) ---- */

static const char *sig0_text(enum sig0_status status)
{
	switch (status) {
	case SIG0_BADKEY:
		return "the SIG(0) is by another key of that name: algorithm or key tag differ; see roostctl key show";
	case SIG0_BADTIME:
		return "the SIG(0) is not valid now, or for over an hour: set the client's or this machine's clock";
	default:
		return "the SIG(0) is wrong: by another private key, or the message was changed";
	}
}

/* What is known of the signature before any arithmetic; NULL: all is well so far. */
static const char *look_at_sig0(const struct request_env *env, const struct request *r, const struct sig0_rr *s,
				const struct sig0_key **key)
{
	const struct access_key *known = access_key(r->access, s->signer.wire);
	if (!known || !known->sig0)
		return "no such public key here; see roostctl key add --public";
	if (access_key_expired(known))
		return "the key has expired; see roostctl key expire";
	*key = known->sig0;
	enum sig0_status status = sig0_check(*key, s, clock_unix());
	if (status)
		return sig0_text(status);
	return sig0_gate_open(&env->gate, r->from, clock_coarse_ms() / 1000)
		       ? NULL
		       : "too many wrong SIG(0) came from there in this second, so it was not looked at";
}

/* Only UPDATE asks who sent it; elsewhere servers need not look (RFC 2931 §3.1). True if it may go on. */
static bool check_sig0(struct request_env *env, struct request *r)
{
	uint8_t covered[SIG0_COVERED_MAX];
	struct sig0_rr s;
	const struct sig0_key *key = NULL;
	if (sig0_parse(&s, &r->message)) {
		tell_refused_update(env, r, NULL, RCODE_REFUSED, "the SIG(0) record is malformed");
		return false;
	}
	const char *why = look_at_sig0(env, r, &s, &key);
	size_t len = why ? 0 : sig0_covered(covered, &r->message, &s);
	if (!why && sig0_verify(key, &s, covered, len)) {
		why = sig0_text(SIG0_BADSIG);
		sig0_gate_wrong(&env->gate, r->from, clock_coarse_ms() / 1000);
	}
	if (why) {
		tell_refused_update(env, r, s.signer.wire, RCODE_REFUSED, why);
		return false;
	}
	r->sig0 = key;
	/* Not of the signature: there are several good ones for one message (ECDSA). */
	r->mark = env->replay ? replay_mark(env->replay, covered, len) : 0;
	uint64_t now = clock_unix();
	r->mark_until = now + (uint32_t)(s.expires - (uint32_t)now);
	return true;
}

/* ---- EDNS options ---- */

/* What the request asks for, and those answers that do not depend on the rest of it. False: malformed. */
static bool take_options(struct request_env *env, struct request *r)
{
	struct options *o = &r->reply.options;
	const char *id = env->config->identity_id;
	/* RFC 7828 §3.3.1: tcp-keepalive is for TCP. */
	unsigned ignore = (r->udp ? OPTION_KEEPALIVE : 0) | (id ? 0 : OPTION_NSID) | (env->cookies ? 0 : OPTION_COOKIE);
	if (options_parse(o, &r->message.edns, ignore)) {
		options_clear(o);
		return false;
	}
	if (o->asked & OPTION_COOKIE) {
		uint8_t cookie[COOKIE_LEN];
		r->cookie = cookie_answer(cookies_secrets(env->cookies), o->cookie, o->cookie_len, r->from,
					  clock_unix(), cookie);
		options_give_cookie(o, cookie);
	}
	if (o->asked & OPTION_NSID)
		options_give_nsid(o, id);
	options_give_keepalive(o, env->config->tcp_idle_ms);
	return true;
}

/* The policy of [cookies] require: whoever knows of cookies must show that the address is its own. TCP has shown it
 * (RFC 7873 §5.2.3). */
static bool lacks_cookie(const struct request_env *env, const struct request *r)
{
	return r->udp && env->config->cookies_require && (r->cookie == COOKIE_CLIENT || r->cookie == COOKIE_INVALID);
}

/* ZONEVERSION (RFC 9660 §3.2) and, for the questions of secondaries, EXPIRE: the SOA's where we are the primary (RFC
 * 7314 §3.1), what is left of it where we are a secondary ourselves (§3.2). */
static void tell_of_zone(const struct request_env *env, struct request *r, const struct zone_view *v)
{
	struct options *o = &r->reply.options;
	uint16_t qtype = r->message.qtype;
	struct content_rr rr;
	struct rr_soa soa;
	if (!(o->asked & (OPTION_EXPIRE | OPTION_ZONEVERSION)) || !v->zone || !zone_soa(v, &rr) ||
	    !rr_soa_parse(&soa, rr.rdata, rr.rdlen))
		return;
	options_give_version(o, zone_labels(v->zone), soa.serial);
	if (!(o->asked & OPTION_EXPIRE) || (qtype != TYPE_SOA && qtype != TYPE_AXFR && qtype != TYPE_IXFR) ||
	    !name_equal(r->message.qname.wire, zone_name(v->zone)))
		return;
	uint32_t seconds = soa.expire;
	if (env->secondary)
		(void)secondary_remaining(env->secondary, zone_name(v->zone), &seconds);
	options_give_expire(o, seconds);
}

/* ---- QUERY ---- */

/* The zone with exactly the question's name. */
static struct zone *named_zone(const struct request_env *env, const struct request *r)
{
	return directory_get(env->directory, r->message.qname.wire);
}

/* IXFR by UDP: the current SOA alone; a client that is behind then comes by TCP (RFC 1995 §2: the answer when the
 * rest does not fit). */
static enum request_verdict answer_current_soa(struct request_env *env, struct request *r, const struct zone *z)
{
	struct zone_view view = zone_view(z);
	struct content_rr soa;
	if (!zone_soa(&view, &soa))
		return answer_error(env, r, RCODE_SERVFAIL, EDE_NOT_READY, NULL);
	tell_of_zone(env, r, &view);
	start(env, r);
	struct writer *w = &env->writer;
	writer_set_flags(w, writer_flags(w) | FLAG_AA);
	if (!writer_rr(w, SECTION_ANSWER, r->message.qname.wire, TYPE_SOA, CLASS_IN, soa.ttl, soa.rdata, soa.rdlen))
		writer_set_flags(w, writer_flags(w) | FLAG_TC);
	return finish(env, r, RCODE_NOERROR);
}

/* The serial that an IXFR client has: of the SOA in its authority section (RFC 1995 §3). */
static bool client_serial(const struct request *r, uint32_t *serial)
{
	const struct message *m = &r->message;
	if (m->count[SECTION_AUTHORITY] != 1)
		return false;
	size_t at = m->section[SECTION_AUTHORITY];
	uint8_t rdata[RDATA_MAX];
	struct wbuf scratch = buf_writer(rdata, sizeof rdata);
	struct name owner;
	struct rr rr;
	struct rr_soa soa;
	if (message_next_rr(m, &at, &owner, &scratch, &rr) || rr.type != TYPE_SOA ||
	    !rr_soa_parse(&soa, rr.rdata, rr.rdlen))
		return false;
	*serial = soa.serial;
	return name_equal(owner.wire, m->qname.wire);
}

/* This thread's handle to the journal; NULL when there is none: then IXFR goes in AXFR form. */
static struct zonestore *journal(struct request_env *env)
{
	struct errmsg msg = {0};
	if (!env->store && env->config->database &&
	    zonestore_open(&env->store, env->config->database, SQLSTORE_READ, &msg)) {
		env->store = NULL;
		log_warning("journal for IXFR: %s; sending whole zones instead", msg.text);
	}
	return env->store;
}

static enum request_verdict start_transfer(struct request_env *env, struct request *r, struct zone *z, uint32_t serial)
{
	struct errmsg msg = {0};
	struct xfr *x;
	bool ixfr = r->message.qtype == TYPE_IXFR;
	struct zone_view view = zone_view(z);
	tell_of_zone(env, r, &view);
	enum err e = xfr_open(&x, z, ixfr ? journal(env) : NULL, ixfr ? XFR_IXFR : XFR_AXFR, serial, &msg);
	if (!e) {
		/* A newer version may have come since. */
		options_give_version(&r->reply.options, zone_labels(z), xfr_serial(x));
		e = transfer_new(&r->transfer, x, &r->message, &r->reply, r->access, r->from);
	}
	if (!e)
		return REQUEST_TRANSFER;
	log_refusal(r, "transfer", signer_name(r), RCODE_SERVFAIL, msg.text[0] ? msg.text : err_text(e));
	return answer_error(env, r, RCODE_SERVFAIL, EDE_OTHER, "the transfer failed; see the server's log");
}

static enum request_verdict handle_transfer(struct request_env *env, struct request *r)
{
	uint32_t serial = 0;
	bool ixfr = r->message.qtype == TYPE_IXFR;
	/* AXFR by UDP is undefined (RFC 5936 §4.2); FORMERR like BIND. */
	if (!ixfr && r->udp)
		return answer_rcode(env, r, RCODE_FORMERR);
	if (ixfr && !client_serial(r, &serial))
		return answer_rcode(env, r, RCODE_FORMERR);
	struct zone *z = named_zone(env, r);
	if (!z)
		return answer_error(env, r, RCODE_NOTAUTH, EDE_NOT_AUTHORITATIVE, NULL);
	struct access_request who = {
		.action = ACCESS_TRANSFER, .zone = zone_name(z), .key = signer(r), .from = r->from};
	if (!access_allows(r->access, &who))
		return refuse(env, r, &who);
	return r->udp ? answer_current_soa(env, r, z) : start_transfer(env, r, z, serial);
}

static enum request_verdict answer_chaos(struct request_env *env, struct request *r)
{
	start(env, r);
	enum rcode rcode = chaos_answer(env->config, &r->message, &env->writer);
	if (rcode == RCODE_REFUSED)
		options_give_error(&r->reply.options, EDE_NOT_SUPPORTED, NULL);
	return finish(env, r, rcode);
}

static enum request_verdict answer_from_zones(struct request_env *env, struct request *r)
{
	const struct message *m = &r->message;
	struct options *o = &r->reply.options;
	const struct ahead_question *ahead = r->ahead;
	struct zone_view view;
	start(env, r);
	if (!ahead)
		qname_set(&r->qname, m->qname.wire);
	struct answer_query q = {.qname = ahead ? &ahead->qname : &r->qname,
				 .qname_wire = m->qname.wire,
				 .ahead = ahead && ahead->answer.zone ? &ahead->answer : NULL,
				 .qtype = m->qtype,
				 .qclass = m->qclass,
				 .dnssec_ok = r->reply.dnssec_ok,
				 .udp = r->udp,
				 .view = o->asked ? &view : NULL,
				 .origin = &r->origin};
	enum rcode rcode = answer_query(env->directory, &q, &env->writer);
	if (q.view)
		tell_of_zone(env, r, q.view);
	if (rcode == RCODE_REFUSED)
		options_give_error(o, EDE_NOT_AUTHORITATIVE, NULL);
	else if (rcode == RCODE_SERVFAIL)
		options_give_error(o, EDE_INVALID_DATA, NULL);
	return finish(env, r, rcode);
}

static enum request_verdict handle_query(struct request_env *env, struct request *r)
{
	const struct message *m = &r->message;
	/* A question for a server cookie alone, or whether that is good still (RFC 7873 §5.4). */
	if (m->count[SECTION_QUESTION] == 0 && r->cookie != COOKIE_NONE)
		return answer_rcode(env, r, r->cookie == COOKIE_INVALID ? RCODE_BADCOOKIE : RCODE_NOERROR);
	if (m->count[SECTION_QUESTION] != 1)
		return answer_rcode(env, r, RCODE_FORMERR);
	if (m->qclass == CLASS_CH)
		return answer_chaos(env, r);
	/* We serve the Internet class alone; HS questions have no zone here, and ANY of the classes would not be
	 * authoritative. */
	if (m->qclass != CLASS_IN)
		return answer_error(env, r, RCODE_REFUSED, EDE_NOT_SUPPORTED, NULL);
	switch (m->qtype) {
	case TYPE_AXFR:
	case TYPE_IXFR:
		return handle_transfer(env, r);
	case TYPE_OPT:
	case TYPE_TSIG: /* types of records that only accompany a message */
		return answer_rcode(env, r, RCODE_FORMERR);
	case TYPE_TKEY: /* a request to negotiate keys (RFC 2930), not for any zone */
		return answer_error(env, r, RCODE_REFUSED, EDE_NOT_SUPPORTED, NULL);
	case TYPE_MAILA:
	case TYPE_MAILB: /* obsolete since RFC 1035 and RFC 973 */
		return answer_error(env, r, RCODE_NOTIMP, EDE_NOT_SUPPORTED, NULL);
	default:
		return answer_from_zones(env, r);
	}
}

/* ---- UPDATE ---- */

/* RFC 8945 §5.2.3 has BADTIME for a message that comes after its time. */
static enum request_verdict refuse_replay(struct request_env *env, struct request *r)
{
	bool tsig = r->reply.tsig.present;
	unsigned rcode = tsig ? RCODE_NOTAUTH : RCODE_REFUSED;
	tell_refused_update(
		env, r, signer_name(r), rcode,
		"this very message came before (BADTIME): replayed by somebody, or sent again instead of signed again");
	if (tsig)
		r->reply.tsig.status = TSIG_BADTIME;
	return answer_error(env, r, rcode, EDE_OTHER, "this message came before; sign a new one");
}

static enum request_verdict handle_update(struct request_env *env, struct request *r)
{
	const struct message *m = &r->message;
	/* RFC 2136 §3.1: the zone section. */
	if (m->count[SECTION_ZONE] != 1 || m->qtype != TYPE_SOA) {
		log_refusal(r, "update", signer_name(r), RCODE_FORMERR, "the zone section is not exactly one SOA");
		return answer_rcode(env, r, RCODE_FORMERR);
	}
	struct zone *z = m->qclass == CLASS_IN ? named_zone(env, r) : NULL;
	if (!z) {
		log_refusal(r, "update", signer_name(r), RCODE_NOTAUTH,
			    "we do not serve that zone; see roostctl zone list");
		return answer_error(env, r, RCODE_NOTAUTH, EDE_NOT_AUTHORITATIVE, NULL);
	}
	struct access_request who = {
		.action = ACCESS_UPDATE, .zone = zone_name(z), .key = signer(r), .sig0 = r->sig0, .from = r->from};
	/* Without any grant for the zone there is nothing to weigh: such requests never reach the writer's queue. */
	if (!access_allows(r->access, &who))
		return refuse(env, r, &who);
	if (ddns_new(&r->ddns, m, &r->reply, r->access, &who, r->udp))
		return answer_rcode(env, r, RCODE_SERVFAIL);
	if (!ddns_is_fresh(r->ddns, env->replay, r->mark, r->mark_until)) {
		ddns_free(r->ddns);
		return refuse_replay(env, r);
	}
	r->ddns->mailbox = env->mailbox;
	r->ddns->stats = env->stats;
	r->ddns->housekeeper = env->housekeeper;
	r->ddns->writer = &env->writer;
	return REQUEST_UPDATE;
}

/* ---- NOTIFY ---- */

/* The serial in a NOTIFY's answer section (RFC 1996 §3.7), which is only a hint. */
static bool notified_serial(const struct message *m, uint32_t *serial)
{
	size_t at = m->section[SECTION_ANSWER];
	uint8_t rdata[RDATA_MAX];
	struct wbuf scratch = buf_writer(rdata, sizeof rdata);
	struct name owner;
	struct rr rr;
	struct rr_soa soa;
	if (m->count[SECTION_ANSWER] < 1 || message_next_rr(m, &at, &owner, &scratch, &rr) || rr.type != TYPE_SOA ||
	    !name_equal(owner.wire, m->qname.wire) || !rr_soa_parse(&soa, rr.rdata, rr.rdlen))
		return false;
	*serial = soa.serial;
	return true;
}

static enum request_verdict answer_notify(struct request_env *env, struct request *r)
{
	start(env, r);
	writer_set_flags(&env->writer, writer_flags(&env->writer) | FLAG_AA);
	return finish(env, r, RCODE_NOERROR);
}

/* RFC 1996 leaves open what a server says that is not a secondary of the zone: NOTAUTH like BIND when the zone is not
 * here; for a zone whose primary we are, and to strangers, REFUSED: we take nobody's word for it. */
static enum request_verdict handle_notify(struct request_env *env, struct request *r)
{
	const struct message *m = &r->message;
	if (m->count[SECTION_QUESTION] != 1)
		return answer_rcode(env, r, RCODE_FORMERR);
	bool ours = m->qclass == CLASS_IN && named_zone(env, r);
	if (m->qclass == CLASS_IN && m->qtype == TYPE_SOA && env->secondary) {
		struct secondary_notice n = {
			.zone = m->qname.wire, .from = r->from, .access = r->access, .key = signer(r)};
		n.has_serial = notified_serial(m, &n.serial);
		enum secondary_verdict verdict = secondary_notify(env->secondary, &n);
		if (verdict == SECONDARY_ACCEPTED)
			return answer_notify(env, r);
		if (verdict == SECONDARY_REFUSED)
			log_refusal(r, "notify", signer_name(r), RCODE_REFUSED,
				    "neither from a primary's address, nor signed with its key, nor granted");
	}
	return ours ? answer_error(env, r, RCODE_REFUSED, EDE_PROHIBITED, NULL)
		    : answer_error(env, r, RCODE_NOTAUTH, EDE_NOT_AUTHORITATIVE, NULL);
}

/* ---- the door ---- */

static enum request_verdict dispatch(struct request_env *env, struct request *r)
{
	switch (message_opcode(&r->message)) {
	case OPCODE_QUERY:
		return handle_query(env, r);
	case OPCODE_UPDATE:
		return handle_update(env, r);
	case OPCODE_NOTIFY:
		return handle_notify(env, r);
	default: /* IQUERY is obsolete (RFC 3425), STATUS was never defined, DSO (RFC 8490) we do not have */
		return answer_error(env, r, RCODE_NOTIMP, EDE_NOT_SUPPORTED, NULL);
	}
}

static bool opcode_known(const struct message *m)
{
	enum opcode o = message_opcode(m);
	return o == OPCODE_QUERY || o == OPCODE_UPDATE || o == OPCODE_NOTIFY;
}

static enum request_verdict handle(struct request_env *env, struct request *r, enum err parsed)
{
	const struct message *m = &r->message;
	/* What another opcode means by the rest of the message is not for us to judge. */
	if (parsed && message_opcode(m) == OPCODE_UPDATE)
		log_refusal(r, "update", NULL, RCODE_FORMERR, "the message is malformed, or was cut off on its way");
	if (parsed)
		return answer_rcode(env, r, opcode_known(m) ? RCODE_FORMERR : RCODE_NOTIMP);
	if (m->edns.present)
		reply_set_edns(&r->reply, &m->edns, r->udp, env->config->udp_size);
	if (m->edns.present && m->edns.version > 0)
		return answer_rcode(env, r, RCODE_BADVERS);
	if (m->edns.opt_len && !take_options(env, r))
		return answer_rcode(env, r, RCODE_FORMERR);
	r->access = atomic_load_explicit(env->access, memory_order_acquire);
	unsigned rcode;
	if (m->tsig_at && !check_tsig(env, r, &rcode))
		return answer_rcode(env, r, rcode);
	if (m->sig0_at && message_opcode(m) == OPCODE_UPDATE && !check_sig0(env, r))
		return answer_error(env, r, RCODE_REFUSED, EDE_PROHIBITED, NULL);
	if (lacks_cookie(env, r))
		return answer_rcode(env, r, RCODE_BADCOOKIE);
	return dispatch(env, r);
}

/* Those whose address we know to be theirs get every answer: TCP, signed requests, valid cookies (RFC 7873 §5.2.5).
 * UPDATE's answers are no longer than the question. */
static bool is_exempt(const struct request *r)
{
	bool verified = r->reply.tsig.present && r->reply.tsig.status == TSIG_OK;
	return !r->udp || verified || r->cookie == COOKIE_VALID || message_opcode(&r->message) == OPCODE_UPDATE;
}

/* The answer is made; whether it may go. */
static enum request_verdict limit(struct request_env *env, struct request *r)
{
	switch (ratelimit_check(env->ratelimit, r->from, r->origin, r->now_ms)) {
	case RATELIMIT_SEND:
		return REQUEST_ANSWER;
	case RATELIMIT_TRUNCATE:
		stats_count(env->stats, STATS_LIMIT_SLIPPED);
		/* The cookie it gets with this one exempts it when it asks again (RFC 7873 §5.2.3). The rest would
		 * only make it longer. */
		r->reply.options.asked &= OPTION_COOKIE;
		r->reply.options.given &= OPTION_COOKIE;
		start(env, r);
		writer_set_flags(&env->writer, writer_flags(&env->writer) | FLAG_TC);
		return finish(env, r, RCODE_NOERROR);
	default:
		stats_count(env->stats, STATS_LIMIT_DROPPED);
		return REQUEST_DROP;
	}
}

/* The extended RCODE's place in the header is short of bits, so it comes from r; TC from the answer itself. */
static unsigned outcome(const struct request *r, enum request_verdict verdict)
{
	if (verdict == REQUEST_ANSWER)
		return stats_outcome(r->rcode) | (buf_load_u16(r->out + 2) & FLAG_TC ? STATS_SHAPE_TC : 0U);
	return verdict == REQUEST_DROP ? STATS_DROPPED : STATS_HANDED;
}

static void count(struct stats *s, const struct request *r, enum request_verdict verdict)
{
	const struct message *m = &r->message;
	unsigned shape = outcome(r, verdict) | stats_opcode(message_opcode(m)) << STATS_SHAPE_OPCODE;
	shape |= r->udp ? 0U : STATS_SHAPE_TCP;
	shape |= r->from->u.sa.sa_family == AF_INET6 ? STATS_SHAPE_V6 : 0U;
	shape |= r->reply.edns ? STATS_SHAPE_EDNS : 0U;
	shape |= r->reply.dnssec_ok ? STATS_SHAPE_DO : 0U;
	stats_shape(s, shape);
	if (verdict == REQUEST_DROP)
		stats_count(s, STATS_DROP_SILENT);
	if (message_opcode(m) == OPCODE_QUERY && m->question_end > MESSAGE_HEADER_LEN)
		stats_qtype(s, m->qtype);
}

enum request_verdict request_handle(struct request_env *env, struct request *r)
{
	struct message *m = &r->message;
	enum err parsed = message_parse(m, r->wire, r->len);
	if (r->len < MESSAGE_HEADER_LEN || (m->flags & FLAG_QR)) {
		stats_count(env->stats, STATS_DROP_NO_REQUEST);
		return REQUEST_DROP;
	}
	r->cookie = COOKIE_NONE;
	r->sig0 = NULL;
	r->mark = 0;
	reply_set(&r->reply, m->id, m->flags, r->udp ? UDP_PLAIN : MESSAGE_MAX);
	r->origin = (struct answer_origin){.kind = ANSWER_OTHER};
	enum request_verdict verdict = handle(env, r, parsed);
	if (verdict == REQUEST_ANSWER && env->ratelimit && !is_exempt(r))
		verdict = limit(env, r);
	count(env->stats, r, verdict);
	return verdict;
}
