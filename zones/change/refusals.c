/* refusals.c: see refusals.h. Two tables: one that is noted in, one that is being written. */
#include "zones/change/refusals.h"

#include <pthread.h>
#include <stdio.h>
#include <stdlib.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "zones/store/zonestore_refusals.h"

enum { NETWORK_V4_BITS = 24, NETWORK_V6_BITS = 56 /* a site's addresses, of which a stranger may use any */ };

struct entry {
	struct name zone;
	struct addr_prefix network;
	unsigned rcode;
	char actor[NAME_TEXT_MAX + 8];
	char why[REFUSALS_WHY_MAX];
	/* Of the last one. */
	char source[ADDR_TEXT_MAX];
	char transport[12];
	char asked[REFUSALS_ASKED_MAX];
	int64_t first, last; /* unix ms */
	uint64_t count;
};

struct table {
	struct entry entry[REFUSALS_MAX];
	unsigned count;
	uint64_t left_out;
};

struct refusals {
	pthread_mutex_t mutex;
	struct table tables[2];
	struct table *noting; /* with the mutex */
	struct table *writing;
};

enum err refusals_new(struct refusals **out)
{
	struct refusals *r = calloc(1, sizeof(*r));
	if (!r || pthread_mutex_init(&r->mutex, NULL) != 0) {
		free(r);
		return ERR_NOMEM;
	}
	r->noting = &r->tables[0];
	r->writing = &r->tables[1];
	*out = r;
	return ERR_OK;
}

void refusals_free(struct refusals *r)
{
	if (!r)
		return;
	pthread_mutex_destroy(&r->mutex);
	free(r);
}

/* ---- noting ---- */

/* Without the record that it is about ("nas.home.example. A: "): what was asked tells that. */
static const char *reason(const char *why)
{
	const char *colon = strstr(why, ": "), *space = strchr(why, ' ');
	bool record = colon && space < colon && space > why && space[-1] == '.' &&
		      !memchr(space + 1, ' ', (size_t)(colon - space - 1));
	return record ? colon + 2 : why;
}

static bool is_alike(const struct entry *e, const struct entry *other)
{
	return e->rcode == other->rcode && memcmp(&e->network, &other->network, sizeof(e->network)) == 0 &&
	       strcmp(e->why, other->why) == 0 && strcmp(e->actor, other->actor) == 0 &&
	       name_equal(e->zone.wire, other->zone.wire);
}

static void set_key(struct entry *e, const struct refusals_note *n)
{
	memset(&e->network, 0, sizeof(e->network));
	addr_network(&e->network, n->from, NETWORK_V4_BITS, NETWORK_V6_BITS);
	name_set(&e->zone, n->zone);
	name_lower(e->zone.wire, e->zone.wire, e->zone.len);
	e->rcode = n->rcode;
	snprintf(e->actor, sizeof(e->actor), "%s", n->actor);
	snprintf(e->why, sizeof(e->why), "%s", reason(n->why));
}

static void set_rest(struct entry *e, const struct refusals_note *n)
{
	e->last = clock_unix_ms();
	e->count++;
	addr_to_text(n->from, e->source);
	snprintf(e->transport, sizeof(e->transport), "%s", n->transport);
	snprintf(e->asked, sizeof(e->asked), "%s", n->asked);
}

/* The one that is alike, or a new one; NULL: there is no room. */
static struct entry *find(struct table *t, const struct entry *wanted)
{
	for (unsigned i = 0; i < t->count; i++)
		if (is_alike(&t->entry[i], wanted))
			return &t->entry[i];
	if (t->count == REFUSALS_MAX)
		return NULL;
	struct entry *e = &t->entry[t->count++];
	*e = *wanted;
	e->first = clock_unix_ms();
	return e;
}

bool refusals_note(struct refusals *r, const struct refusals_note *n)
{
	struct entry wanted = {.count = 0};
	set_key(&wanted, n);
	pthread_mutex_lock(&r->mutex);
	bool is_first = r->noting->count == 0;
	struct entry *e = find(r->noting, &wanted);
	if (e)
		set_rest(e, n);
	else
		r->noting->left_out++;
	pthread_mutex_unlock(&r->mutex);
	return is_first;
}

/* ---- writing ---- */

static enum err write_entry(const struct entry *e, struct zonestore *s, struct errmsg *msg)
{
	struct zonestore_zone zone;
	char network[ADDR_TEXT_MAX];
	enum err err = zonestore_find_zone(s, e->zone.wire, &zone, msg);
	if (err)
		return err == ERR_NOTFOUND ? ERR_OK : err; /* it has no history (any more) */
	const struct zonestore_refusal row = {.first = e->first,
					      .last = e->last,
					      .count = (int64_t)e->count,
					      .actor = e->actor,
					      .network = addr_prefix_to_text(&e->network, network),
					      .source = e->source,
					      .transport = e->transport,
					      .rcode = (uint16_t)e->rcode,
					      .asked = e->asked,
					      .why = e->why};
	return zonestore_refusals_add(s, zone.id, &row, msg);
}

enum err refusals_write(struct refusals *r, struct zonestore *s, struct errmsg *msg)
{
	pthread_mutex_lock(&r->mutex);
	if (r->writing->count == 0) {
		struct table *noted = r->noting;
		r->noting = r->writing;
		r->writing = noted;
	}
	pthread_mutex_unlock(&r->mutex);
	enum err err = ERR_OK;
	for (unsigned i = 0; i < r->writing->count && !err; i++)
		err = write_entry(&r->writing->entry[i], s, msg);
	return err;
}

void refusals_written(struct refusals *r)
{
	if (r->writing->left_out)
		log_warning("%llu refused updates are not in the history: they came in too many different ways at once",
			    (unsigned long long)r->writing->left_out);
	r->writing->count = 0;
	r->writing->left_out = 0;
}
