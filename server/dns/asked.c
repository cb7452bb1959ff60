/* asked.c: see asked.h. */
#include "server/dns/asked.h"

#include <arpa/inet.h>
#include <stdio.h>
#include <string.h>

#include "zones/admin/admin.h"

enum {
	OPERATIONS_MAX = 3,
	MORE_MAX = 16 /* octets of ", 65535 more" */
};

struct line {
	char *out;
	size_t used;
	unsigned told;
	bool full;
};

static const char *verb(uint16_t class)
{
	return class == CLASS_ANY || class == CLASS_NONE ? "delete" : "add";
}

static const char *address(const struct update_rr *rr, char out[INET6_ADDRSTRLEN])
{
	out[0] = '\0';
	if (rr->type == TYPE_A && rr->rdlen == sizeof(struct in_addr))
		inet_ntop(AF_INET, rr->rdata, out, INET6_ADDRSTRLEN);
	else if (rr->type == TYPE_AAAA && rr->rdlen == sizeof(struct in6_addr))
		inet_ntop(AF_INET6, rr->rdata, out, INET6_ADDRSTRLEN);
	return out;
}

static void tell(struct line *l, const struct update_rr *rr)
{
	char name[NAME_TEXT_MAX], type[RR_TYPE_TEXT_MAX], data[INET6_ADDRSTRLEN], text[NAME_TEXT_MAX + 128];
	if (l->full || l->told == OPERATIONS_MAX)
		return;
	address(rr, data);
	int len = snprintf(text, sizeof text, "%s%s %s %s%s%s", l->told ? ", " : "", verb(rr->class),
			   admin_name_to_text(rr->owner, name),
			   rr->type == TYPE_ANY ? "ANY" : rr_type_to_text(rr->type, type), data[0] ? " " : "", data);
	l->full = l->used + (size_t)len + MORE_MAX >= ASKED_MAX;
	if (l->full)
		return;
	memcpy(l->out + l->used, text, (size_t)len + 1);
	l->used += (size_t)len;
	l->told++;
}

static char *finish(struct line *l, size_t all)
{
	if (all > l->told)
		snprintf(l->out + l->used, ASKED_MAX - l->used, "%s%zu%s", l->told ? ", " : "", all - l->told,
			 l->told ? " more" : " changes");
	return l->out;
}

char *asked_from_update(const struct update *u, char out[ASKED_MAX])
{
	size_t count = update_count(u, SECTION_UPDATE);
	struct line l = {.out = out};
	out[0] = '\0';
	for (size_t i = 0; i < count && i < OPERATIONS_MAX; i++)
		tell(&l, update_rr_at(u, SECTION_UPDATE, i));
	return finish(&l, count);
}

char *asked_from_message(const struct message *m, char out[ASKED_MAX])
{
	uint8_t rdata[RDATA_MAX];
	size_t at = m->section[SECTION_UPDATE], count = m->count[SECTION_UPDATE];
	struct line l = {.out = out};
	out[0] = '\0';
	for (size_t i = 0; i < count && i < OPERATIONS_MAX; i++) {
		struct wbuf scratch = buf_writer(rdata, sizeof rdata);
		struct name owner;
		struct rr rr;
		if (message_next_rr(m, &at, &owner, &scratch, &rr))
			break;
		tell(&l, &(struct update_rr){.owner = rr.owner,
					     .type = rr.type,
					     .class = rr.class,
					     .rdlen = rr.rdlen,
					     .rdata = rr.rdata});
	}
	return finish(&l, count);
}
