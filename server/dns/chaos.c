/* chaos.c: see chaos.h. */
#include "server/dns/chaos.h"

#include "lib/name.h"

static const char *text_at(const struct config *c, const uint8_t *qname)
{
	static const uint8_t version_bind[] = "\7version\4bind", version_server[] = "\7version\6server";
	static const uint8_t id_server[] = "\2id\6server", hostname_bind[] = "\10hostname\4bind";
	if (name_equal(qname, version_bind) || name_equal(qname, version_server))
		return c->identity_version;
	if (name_equal(qname, id_server) || name_equal(qname, hostname_bind))
		return c->identity_id;
	return NULL;
}

enum rcode chaos_answer(const struct config *c, const struct message *m, struct writer *w)
{
	uint8_t rdata[1 + CONFIG_IDENTITY_MAX]; /* one character-string */
	const char *text = text_at(c, m->qname.wire);
	if (!text || (m->qtype != TYPE_TXT && m->qtype != TYPE_ANY))
		return RCODE_REFUSED;
	size_t len = strlen(text);
	rdata[0] = (uint8_t)len;
	memcpy(rdata + 1, text, len);
	writer_set_flags(w, writer_flags(w) | FLAG_AA);
	/* TTL 0: it is this server's answer, not the next one's at the same address. */
	if (!writer_rr(w, SECTION_ANSWER, m->qname.wire, TYPE_TXT, CLASS_CH, 0, rdata, len + 1))
		writer_set_flags(w, writer_flags(w) | FLAG_TC);
	return RCODE_NOERROR;
}
