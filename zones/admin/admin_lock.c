/* admin_lock.c: "record lock" and "record unlock". A lock stands beside the records, not in them: it stays when an
 * administrator replaces them, or imports the zone, and a name can be locked that has none. */
#include <stdio.h>

#include "lib/clock.h"
#include "lib/log.h"
#include "zones/admin/admin_inside.h"
#include "zones/store/zonestore_leases.h"

enum { WORDS_MAX = NAME_TEXT_MAX + 1 + RR_TYPE_TEXT_MAX };

static char *lock_words(const struct keystore_lock *l, char out[WORDS_MAX])
{
	char name[NAME_TEXT_MAX], type[RR_TYPE_TEXT_MAX];
	bool whole = l->type == TYPE_ANY;
	snprintf(out, WORDS_MAX, "%s%s%s", admin_name_to_text(l->owner.wire, name), whole ? "" : " ",
		 whole ? "" : rr_type_to_text(l->type, type));
	return out;
}

static enum err add_lock(struct job *job, struct zonestore *s, struct errmsg *why)
{
	struct admin_request *r = job->run_arg;
	struct zonestore_zone row;
	char words[WORDS_MAX];
	enum err err = admin_find_zone(r, s, &row, why);
	if (!err)
		err = keystore_add_lock(zonestore_sql(s), &r->lock, why);
	if (!err) /* what is locked stays */
		err = zonestore_leases_drop(s, row.id, r->lock.owner.wire, &(struct content_rr){.type = r->lock.type},
					    why);
	if (err == ERR_EXISTS)
		return errmsg_set(why, err, "%s: is locked already", lock_words(&r->lock, words));
	if (!err)
		log_info("%s locked by %s", lock_words(&r->lock, words), job->actor.who);
	return err;
}

static enum err remove_lock(struct job *job, struct zonestore *s, struct errmsg *why)
{
	struct admin_request *r = job->run_arg;
	const struct keystore_lock *l = &r->lock;
	char words[WORDS_MAX];
	enum err err = keystore_remove_lock(zonestore_sql(s), l->zone.wire, l->owner.wire, l->type, why);
	if (err == ERR_NOTFOUND)
		return errmsg_set(why, err, "%s: is not locked; roostctl record list %s shows what is",
				  lock_words(l, words), r->zone_text);
	if (!err)
		log_info("%s unlocked by %s", lock_words(l, words), job->actor.who);
	return err;
}

static enum err take_lock(struct admin_request *r, struct errmsg *why)
{
	const char *name, *type = NULL;
	struct keystore_lock *l = &r->lock;
	struct zonestore_zone row;
	*l = (struct keystore_lock){.zone = r->zone, .type = TYPE_ANY, .created = clock_unix_ms()};
	enum err err = admin_find_zone(r, r->reader, &row, why);
	if (!err)
		err = admin_need_text(r, "name", &name, why);
	if (!err)
		err = admin_owner_from_text(&l->owner, name, r->zone.wire, why);
	if (!err)
		err = admin_text(r, "type", &type, why);
	if (err)
		return err;
	name_lower(l->owner.wire, l->owner.wire, l->owner.len);
	if (type && (rr_type_from_text(&l->type, type) || rr_type_is_meta(l->type)))
		return errmsg_set(why, ERR_USAGE, "type %s: is not a type of record; leave it out for the whole name",
				  type);
	return ERR_OK;
}

enum err admin_lock_add(struct admin_request *r, struct errmsg *why)
{
	r->job->run = add_lock;
	return take_lock(r, why);
}

enum err admin_lock_remove(struct admin_request *r, struct errmsg *why)
{
	r->job->run = remove_lock;
	return take_lock(r, why);
}
