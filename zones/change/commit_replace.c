/* commit_replace.c: a whole zone from an image, as one version (JOB_REPLACE): what differs goes to the rows and the
 * journal, a new zone object takes the old one's place. */
#include "zones/change/commit_internal.h"

#include "lib/clock.h"
#include "zones/file/zonefile.h"

struct replacement {
	struct commit *c;
	struct job *job;
	struct zonestore_zone row;
	struct zone *old;           /* NULL: no content before, or none that could be loaded */
	struct zone_view view;      /* of old */
	const struct content *apex; /* the image's, or `patched` */
	struct content *patched;    /* with another serial; ours until loaded */
	struct commit_soa from, to;
	size_t changes, records; /* differences to old; records in the image */
	struct commit_journal journal;
	bool differs; /* of the name at hand */
	char note[sizeof(((struct job_actor *)0)->note) + 96];
	struct errmsg *why;
};

static const struct content *image_content(const struct replacement *r, size_t i)
{
	return i == 0 ? r->apex : zonefile_image_content(r->job->image, i);
}

/* The image is in canonical order. */
static bool image_has(const struct zone_image *img, const uint8_t *name)
{
	size_t low = 0, high = zonefile_image_count(img);
	while (low < high) {
		size_t middle = low + (high - low) / 2;
		int d = name_compare(name, zonefile_image_owner(img, middle));
		if (d == 0)
			return true;
		if (d < 0)
			high = middle;
		else
			low = middle + 1;
	}
	return false;
}

typedef enum err replacement_fn(struct replacement *r, const uint8_t *owner, const struct content *before,
				const struct content *after);

/* Every name of the new content, then those that only the old one has. */
static enum err each_name(struct replacement *r, replacement_fn *fn)
{
	struct zone_image *img = r->job->image;
	enum err err = ERR_OK;
	for (size_t i = 0; i < zonefile_image_count(img) && !err; i++) {
		const uint8_t *owner = zonefile_image_owner(img, i);
		err = fn(r, owner, r->old ? zone_find_name(&r->view, owner, NULL) : NULL, image_content(r, i));
	}
	const struct content *before;
	const struct node *n;
	size_t cursor = 0;
	while (r->old && !err && (n = zone_walk(r->old, &cursor, &before))) {
		struct name name;
		zone_node_name(r->old, n, &name);
		if (!content_in_use(before) || image_has(img, name.wire))
			continue;
		const uint8_t *cased = content_owner_cased(before);
		err = fn(r, cased ? cased : name.wire, before, NULL);
	}
	return err;
}

static enum err count_rr(void *arg, bool add, const struct content_rr *rr)
{
	struct replacement *r = arg;
	(void)add;
	(void)rr;
	r->changes++;
	return ERR_OK;
}

static enum err count_name(struct replacement *r, const uint8_t *owner, const struct content *before,
			   const struct content *after)
{
	(void)owner;
	for (unsigned i = 0; after && i < after->sets; i++)
		r->records += (size_t)after->set[i].count + after->set[i].sig_count;
	return r->old ? content_diff(before, after, count_rr, r) : ERR_OK;
}

struct name_journal {
	struct replacement *r;
	const uint8_t *owner;
};

static enum err journal_rr(void *arg, bool add, const struct content_rr *rr)
{
	struct name_journal *n = arg;
	return commit_journal_rr(&n->r->journal, n->owner, add, rr);
}

static enum err journal_name(struct replacement *r, const uint8_t *owner, const struct content *before,
			     const struct content *after)
{
	struct name_journal n = {.r = r, .owner = owner};
	return content_diff(before, after, journal_rr, &n);
}

static enum err note_difference(void *arg, bool add, const struct content_rr *rr)
{
	struct replacement *r = arg;
	(void)add;
	(void)rr;
	r->differs = true;
	return ERR_OK;
}

static enum err store_name(struct replacement *r, const uint8_t *owner, const struct content *before,
			   const struct content *after)
{
	r->differs = !r->old;
	enum err err = r->old ? content_diff(before, after, note_difference, r) : ERR_OK;
	if (err || !r->differs)
		return err;
	return zonestore_put_name(r->c->store, r->row.id, owner, before, after, r->journal.version, r->why);
}

/* The image's apex content with that serial instead of its own. */
static enum err patch_serial(struct replacement *r, uint32_t serial)
{
	const struct content *apex = zonefile_image_content(r->job->image, 0);
	struct commit_soa soa = r->to;
	bool changed;
	content_free(r->patched);
	r->patched = NULL;
	r->apex = apex;
	rr_soa_set_serial(soa.rdata, soa.rdlen, serial);
	enum err err = content_with(apex, zonefile_image_owner(r->job->image, 0), TYPE_SOA, soa.ttl, soa.rdata,
				    soa.rdlen, &r->patched, &changed);
	if (!err && changed)
		r->apex = r->patched;
	return err;
}

static enum err read_image_soa(struct replacement *r)
{
	const struct content *apex =
		zonefile_image_count(r->job->image) ? zonefile_image_content(r->job->image, 0) : NULL;
	const struct rrset *s = content_find(apex, TYPE_SOA);
	struct content_rr rr;
	size_t at = 0;
	if (!s || !content_next(content_block(apex, s), s->len, &at, &rr) || !commit_copy_soa(&r->to, &rr))
		return errmsg_set(r->why, ERR_FORMAT, "the new content has no SOA");
	r->apex = apex;
	return ERR_OK;
}

/* The row of the zone, made if it is new, and what is served now. */
static enum err find_replaced(struct replacement *r)
{
	const struct job *job = r->job;
	struct errmsg ignored = {.text = ""};
	struct content_rr rr;
	enum err err = zonestore_find_zone(r->c->store, job->zone.wire, &r->row, r->why);
	if (err == ERR_NOTFOUND && !job->transfer) {
		r->row = (struct zonestore_zone){
			.name = job->zone, .role = job->role ? job->role : ZONE_PRIMARY, .policy = SERIAL_INCREMENT};
		return zonestore_add_zone(r->c->store, &r->row, r->why);
	}
	if (!err && job->transfer && r->row.role != ZONE_SECONDARY)
		return errmsg_set(r->why, ERR_REFUSED, "the zone is a secondary no longer");
	if (err)
		return err;
	/* A zone whose rows cannot be loaded is mended by replacing it whole. */
	if (!r->row.has_serial || commit_find_zone(r->c, job->zone.wire, &r->old, &ignored))
		return ERR_OK;
	r->view = zone_view(r->old);
	if (!zone_soa(&r->view, &rr) || !commit_copy_soa(&r->from, &rr))
		r->old = NULL;
	return ERR_OK;
}

/* A primary's serial never goes back, whatever the file says: secondaries would not follow (RFC 1982). A secondary
 * has its primary's. */
static enum err choose_serial(struct replacement *r)
{
	uint32_t file = r->to.serial, now = r->old ? r->from.serial : r->row.serial;
	if (r->row.role == ZONE_SECONDARY || !r->row.has_serial || rr_serial_newer(file, now))
		return each_name(r, count_name);

	enum err err = patch_serial(r, now);
	if (!err)
		err = each_name(r, count_name);
	if (err || (r->old && !r->changes))
		return err;
	const struct rrset *soa = content_find(r->apex, TYPE_SOA);
	if (soa->sig_count)
		return errmsg_set(r->why, ERR_REFUSED,
				  "serial %u of the signed zone is not newer than %u: raise it and sign again", file,
				  now);
	r->to.serial = commit_next_serial(r->row.policy, now, clock_unix());
	err = patch_serial(r, r->to.serial);
	rr_soa_set_serial(r->to.rdata, r->to.rdlen, r->to.serial);
	snprintf(r->note, sizeof(r->note), "%s%sserial %u was not newer than %u: made %u", r->job->actor.note,
		 r->job->actor.note[0] ? "; " : "", file, now, r->to.serial);
	return err;
}

static enum err store_replacement(struct replacement *r)
{
	struct commit *c = r->c;
	int64_t id = 0;
	bool full = !r->old || r->changes > r->records;
	enum err err = commit_begin_history(c, r->row.id, r->job, r->note, r->old ? &r->from : NULL, &r->to, full, &id,
					    r->why);
	if (!err)
		err = zonestore_set_serial(c->store, r->row.id, r->to.serial, clock_unix_ms(), r->why);
	if (!err) /* an administrator's content stays, or it is a secondary's */
		err = zonestore_leases_drop_zone(c->store, r->row.id, r->why);
	if (!err && !r->old)
		err = zonestore_clear_records(c->store, r->row.id, r->why);
	r->journal = (struct commit_journal){.c = c, .zone = r->job->zone.wire, .version = id, .why = r->why};
	if (!err && !full)
		err = each_name(r, journal_name);
	r->journal.add = true;
	if (!err && !full)
		err = each_name(r, journal_name);
	if (!err)
		err = zonestore_end_version(c->store, r->why);
	return err ? err : each_name(r, store_name);
}

static enum err build_replacement(struct replacement *r, struct zone **out)
{
	struct zone_image *img = r->job->image;
	struct zone_expected expected = {0};
	struct zone *z;
	size_t names = zonefile_image_count(img);
	for (size_t i = 0; i < names; i++)
		zone_expect(&expected, r->job->zone.wire, zonefile_image_owner(img, i), image_content(r, i));
	enum err err = zone_new_expecting(&z, r->job->zone.wire, r->row.id, &expected);
	if (err)
		return errmsg_set(r->why, err, "no memory for the zone");
	for (size_t i = 0; i < names && !err; i++) {
		bool patched = i == 0 && r->patched;
		struct content *content = patched ? r->patched : zonefile_image_take(img, i);
		if (patched)
			r->patched = NULL;
		err = zone_load_content(z, zonefile_image_owner(img, i), content);
		if (err) {
			content_free(content);
			errmsg_set(r->why, err, "the zone cannot be built in memory");
		}
	}
	if (err)
		zone_release(z);
	else
		*out = z;
	return err;
}

/* COMMIT, then into the directory. Should memory be short just then, the change stands: the next start serves it. */
static enum err publish_replacement(struct replacement *r, struct zone *z)
{
	struct commit *c = r->c;
	char text[NAME_TEXT_MAX];
	enum err err = commit_transaction(c, r->why);
	if (!err)
		err = directory_put(c->directory, z);
	if (err) {
		zone_release(z);
		if (!c->begun)
			errmsg_set(r->why, err, "zone %s is stored, but no memory to serve it: restart roostd",
				   name_to_text(r->job->zone.wire, text));
		return err;
	}
	r->job->changed = true;
	r->job->serial = r->to.serial;
	commit_announce(c, zone_name(z), r->to.serial, true);
	return ERR_OK;
}

static enum err prepare_replacement(struct replacement *r)
{
	enum err err = commit_begin(r->c, r->why);
	if (!err)
		err = read_image_soa(r);
	if (!err)
		err = find_replaced(r);
	return err ? err : choose_serial(r);
}

enum err commit_replace(struct commit *c, struct job *job, struct errmsg *why)
{
	struct replacement r = {.c = c, .job = job, .why = why};
	struct zone *z = NULL;
	snprintf(r.note, sizeof(r.note), "%s", job->actor.note);
	enum err err = prepare_replacement(&r);
	bool same = r.old && !r.changes;
	if (!err && !same)
		err = store_replacement(&r);
	if (!err && job->run)
		err = job->run(job, c->store, why);
	if (!err && !same)
		err = build_replacement(&r, &z);
	if (!err && !same)
		err = publish_replacement(&r, z);
	if (!err && same) {
		job->serial = r.from.serial;
		err = job->run ? commit_transaction(c, why) : ERR_OK;
	}
	if (!err && job->run && !job->transfer)
		commit_announce_admin(c);
	content_free(r.patched);
	return err;
}
