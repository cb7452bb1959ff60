/* commit_deltas.c: what a secondary's primary did: its versions, each one in our journal too, so that a secondary of ours
 * gets them by IXFR (JOB_DELTAS); and content that may not be served any more (JOB_BLANK). */
#include "zones/change/commit_internal.h"

#include "zones/change/deltas.h"

struct following {
	struct commit *c;
	struct job *job;
	struct zonestore_zone row;
	struct zone *zone;
	struct edit *edit;
	int64_t change; /* id of the last version */
	struct commit_soa now;
	struct errmsg *why;
};

static enum err misfit(struct following *f, const struct deltas_item *item, const char *what)
{
	char owner[NAME_TEXT_MAX], type[RR_TYPE_TEXT_MAX];
	return errmsg_set(f->why, ERR_FORMAT, "%.200s %s: %s: what we have is not what the primary thinks",
			  name_to_text(item->owner, owner), rr_type_to_text(item->rr.type, type), what);
}

/* ---- one version ---- */

/* Content that differs from the primary's is found where a record to delete is not there, or one to add is. */
static enum err apply_item(struct following *f, const struct deltas_item *item)
{
	const struct content_rr *rr = &item->rr;
	bool changed;
	enum err err = item->kind == DELTAS_DELETE
			       ? edit_remove(f->edit, item->owner, rr->type, rr->rdata, rr->rdlen, &changed)
			       : edit_add(f->edit, item->owner, rr->type, rr->ttl, rr->rdata, rr->rdlen, &changed);
	if (err)
		return errmsg_set(f->why, err, "a version of the primary's cannot be applied: %s", err_text(err));
	if (changed || item->kind == DELTAS_TO)
		return ERR_OK;
	return misfit(f, item, item->kind == DELTAS_DELETE ? "to be deleted, but not there" : "to be added, but there");
}

/* Applies the items behind DELTAS_FROM up to the next, and leaves *at there. */
static enum err apply_version(struct following *f, size_t *at)
{
	struct deltas_item item;
	size_t next = *at;
	enum err err = ERR_OK;
	while (!err && deltas_next(f->job->deltas, &next, &item) && item.kind != DELTAS_FROM) {
		*at = next;
		err = apply_item(f, &item);
	}
	return err;
}

static enum err follow_version(struct following *f, size_t *at)
{
	struct commit_soa to, from = f->now;
	edit_savepoint(f->edit);
	enum err err = apply_version(f, at);
	if (!err && !commit_edited_soa(f->edit, &to))
		err = errmsg_set(f->why, ERR_FORMAT, "a version of the primary's has no SOA");
	if (!err)
		err = commit_journal_edit(f->c, f->edit, f->row.id, f->job, &from, &to, &f->change, f->why);
	if (!err)
		f->now = to;
	return err;
}

/* ---- all ---- */

/* What makes a zone loadable, where it was touched: as zonefile_image_finish checks whole zones. */
static enum err check_name(void *arg, const uint8_t *owner, const struct content *before, const struct content *after)
{
	struct following *f = arg;
	char text[NAME_TEXT_MAX];
	(void)before;
	if (name_equal(owner, zone_name(f->zone)) && !content_find(after, TYPE_NS))
		return errmsg_set(f->why, ERR_FORMAT, "the primary's changes leave the zone without NS");
	if (!content_find(after, TYPE_CNAME))
		return ERR_OK;
	for (unsigned i = 0; i < after->sets; i++) {
		uint16_t type = after->set[i].type;
		if (after->set[i].count && type != TYPE_CNAME && type != TYPE_NSEC)
			return errmsg_set(f->why, ERR_FORMAT,
					  "%.200s: the primary's changes put a CNAME beside other records",
					  name_to_text(owner, text));
	}
	return ERR_OK;
}

static enum err find_followed(struct following *f)
{
	const struct job *job = f->job;
	struct content_rr rr;
	enum err err = commit_begin(f->c, f->why);
	if (!err)
		err = zonestore_find_zone(f->c->store, job->zone.wire, &f->row, f->why);
	if (!err)
		err = commit_find_zone(f->c, job->zone.wire, &f->zone, f->why);
	if (err)
		return err;
	struct zone_view view = zone_view(f->zone);
	if (f->row.role != ZONE_SECONDARY)
		return errmsg_set(f->why, ERR_REFUSED, "the zone is a secondary no longer");
	if (!zone_soa(&view, &rr) || !commit_copy_soa(&f->now, &rr))
		return errmsg_set(f->why, ERR_FORMAT, "there is no content that changes could be applied to");
	err = edit_begin(&f->edit, f->zone);
	return err ? errmsg_set(f->why, err, "no memory for an edit") : ERR_OK;
}

static enum err follow_all(struct following *f)
{
	struct deltas_item item;
	size_t at = 0;
	enum err err = ERR_OK;
	while (!err && deltas_next(f->job->deltas, &at, &item)) {
		struct rr_soa soa;
		if (item.kind != DELTAS_FROM || !rr_soa_parse(&soa, item.rr.rdata, item.rr.rdlen) ||
		    soa.serial != f->now.serial)
			return errmsg_set(f->why, ERR_FORMAT, "a version of the primary's does not begin at serial %u",
					  f->now.serial);
		err = follow_version(f, &at);
	}
	return err ? err : edit_names(f->edit, check_name, f);
}

enum err commit_deltas(struct commit *c, struct job *job, struct errmsg *why)
{
	struct following f = {.c = c, .job = job, .why = why};
	enum err err = find_followed(&f);
	if (!err)
		err = follow_all(&f);
	if (!err)
		err = commit_store_edit(c, f.edit, f.row.id, f.change, f.now.serial, why);
	if (!err && job->run)
		err = job->run(job, c->store, why);
	if (!err)
		err = commit_transaction(c, why);
	if (err) {
		if (f.edit)
			edit_abandon(f.edit);
		return err;
	}
	edit_publish(f.edit);
	commit_touch(c, f.zone);
	job->changed = true;
	job->serial = f.now.serial;
	commit_announce(c, zone_name(f.zone), f.now.serial, true);
	return ERR_OK;
}

enum err commit_blank(struct commit *c, struct job *job, struct errmsg *why)
{
	struct zonestore_zone row;
	struct zone *z;
	enum err err = commit_begin(c, why);
	if (!err)
		err = zonestore_find_zone(c->store, job->zone.wire, &row, why);
	if (!err && row.role != ZONE_SECONDARY)
		err = errmsg_set(why, ERR_REFUSED, "the zone is a secondary no longer");
	if (!err)
		err = zone_new_damaged(&z, job->zone.wire, row.id, job->actor.note);
	if (err)
		return err;
	err = directory_put(c->directory, z);
	if (err)
		zone_release(z);
	return err;
}
