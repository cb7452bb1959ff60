/* zonefile_image.c: gathering a zone's records and making contents of them; see zonefile.h.
 *
 * Records are chained behind a run: consecutive records of one owner, which is how zone files, transfers and exports
 * come. Sorting moves runs, not records, and is left out when they came in order.
 *
 *   run: key, owner --first--> record --next--> record …         runs with equal keys become one content
 *
 * Owners stay as long as the image does; keys and records are gone after zonefile_image_finish. */
#include "zones/file/zonefile_image.h"

#include <stdalign.h>
#include <stdlib.h>

enum {
	CHUNK_OCTETS = 1 << 20, /* of arena taken from malloc at once; the first is smaller, for home zones */
	CHUNK_FIRST = 1 << 12,
	RUNS_FIRST = 64
};

struct chunk {
	struct chunk *next;
	size_t used, size;
	max_align_t data[];
};

struct arena {
	struct chunk *head;
};

struct record {
	struct record *next;
	uint32_t line;
	uint32_t ttl;
	uint16_t type;
	uint16_t rdlen;
	uint8_t rdata[];
};

struct run {
	uint64_t prefix;    /* first octets of key, so that most comparisons stay in the array */
	const uint8_t *key; /* sort key of the owner behind the zone's own */
	const uint8_t *owner;
	struct record *first, *last;
	uint32_t seq; /* as it came, to break ties */
	uint16_t key_len;
	uint16_t owner_len;
};

struct image_name {
	const uint8_t *owner;
	struct content *content;
};

struct zone_image {
	struct name zone; /* lower-case */
	size_t zone_key_len;
	uint32_t line, fault_line;
	struct arena owners, work;
	struct run *run;
	size_t runs, run_room;
	struct image_name *name;
	size_t names;
};

static void *arena_take(struct arena *a, size_t octets, size_t align)
{
	struct chunk *c = a->head;
	size_t at = c ? (c->used + align - 1) & ~(align - 1) : 0;

	if (!c || at > c->size || octets > c->size - at) {
		size_t size = c ? CHUNK_OCTETS : CHUNK_FIRST;
		if (octets > size)
			size = octets;
		c = malloc(sizeof *c + size);
		if (!c)
			return NULL;
		*c = (struct chunk){.next = a->head, .size = size};
		a->head = c;
		at = 0;
	}
	c->used = at + octets;
	return (uint8_t *)c->data + at;
}

static void arena_free(struct arena *a)
{
	while (a->head) {
		struct chunk *next = a->head->next;
		free(a->head);
		a->head = next;
	}
}

enum err zonefile_image_new(struct zone_image **out, const uint8_t *zone)
{
	uint8_t key[NAME_KEY_MAX];
	struct zone_image *img = calloc(1, sizeof *img);

	*out = img;
	if (!img)
		return ERR_NOMEM;
	name_set(&img->zone, zone);
	name_lower(img->zone.wire, img->zone.wire, img->zone.len);
	img->zone_key_len = name_to_key(zone, key);
	return ERR_OK;
}

void zonefile_image_free(struct zone_image *img)
{
	if (!img)
		return;
	for (size_t i = 0; i < img->names; i++)
		content_free(img->name[i].content);
	free(img->name);
	free(img->run);
	arena_free(&img->work);
	arena_free(&img->owners);
	free(img);
}

void zonefile_image_set_line(struct zone_image *img, uint32_t line)
{
	img->line = line;
}

uint32_t zonefile_image_fault_line(const struct zone_image *img)
{
	return img->fault_line;
}

/* ---- adding ---- */

static uint64_t prefix_of(const uint8_t *key, size_t len)
{
	uint64_t prefix = 0;

	for (size_t i = 0; i < sizeof prefix; i++)
		prefix = prefix << 8 | (i < len ? key[i] : 0);
	return prefix;
}

static enum err start_run(struct zone_image *img, const uint8_t *owner, size_t owner_len)
{
	uint8_t key[NAME_KEY_MAX];

	if (!name_is_under(owner, img->zone.wire))
		return ERR_RANGE;
	if (img->runs == UINT32_MAX)
		return ERR_NOSPACE;
	if (img->runs == img->run_room) {
		size_t room = img->run_room ? 2 * img->run_room : RUNS_FIRST;
		struct run *run = realloc(img->run, room * sizeof *run);
		if (!run)
			return ERR_NOMEM;
		img->run = run;
		img->run_room = room;
	}
	size_t key_len = name_to_key(owner, key) - img->zone_key_len;
	uint8_t *key_copy = arena_take(&img->work, key_len, 1);
	uint8_t *owner_copy = arena_take(&img->owners, owner_len, 1);
	if (!key_copy || !owner_copy)
		return ERR_NOMEM;
	memcpy(key_copy, key + img->zone_key_len, key_len);
	memcpy(owner_copy, owner, owner_len);
	img->run[img->runs] = (struct run){.prefix = prefix_of(key_copy, key_len),
					   .key = key_copy,
					   .key_len = (uint16_t)key_len,
					   .owner = owner_copy,
					   .owner_len = (uint16_t)owner_len,
					   .seq = (uint32_t)img->runs};
	img->runs++;
	return ERR_OK;
}

static bool same_owner(const struct zone_image *img, const uint8_t *owner, size_t len)
{
	const struct run *last = img->runs ? &img->run[img->runs - 1] : NULL;

	return last && last->owner_len == len && !memcmp(last->owner, owner, len);
}

enum err zonefile_image_add(struct zone_image *img, const uint8_t *owner, uint16_t type, uint32_t ttl,
			    const uint8_t *rdata, uint16_t rdlen)
{
	size_t owner_len = name_len(owner);

	if (rr_type_is_meta(type))
		return ERR_REFUSED;
	if (!same_owner(img, owner, owner_len)) {
		enum err e = start_run(img, owner, owner_len);
		if (e)
			return e;
	}
	struct record *r = arena_take(&img->work, sizeof *r + rdlen, alignof(struct record));
	if (!r)
		return ERR_NOMEM;
	*r = (struct record){.line = img->line, .ttl = ttl, .type = type, .rdlen = rdlen};
	if (rdlen)
		memcpy(r->rdata, rdata, rdlen);
	struct run *run = &img->run[img->runs - 1];
	if (run->last)
		run->last->next = r;
	else
		run->first = r;
	run->last = r;
	return ERR_OK;
}

/* ---- finishing ---- */

static int compare_keys(const struct run *a, const struct run *b)
{
	if (a->prefix != b->prefix)
		return a->prefix < b->prefix ? -1 : 1;
	size_t least = a->key_len < b->key_len ? a->key_len : b->key_len;
	int diff = least ? memcmp(a->key, b->key, least) : 0;
	return diff ? diff : (int)a->key_len - (int)b->key_len;
}

static int compare_runs(const void *pa, const void *pb)
{
	const struct run *a = pa;
	const struct run *b = pb;
	int diff = compare_keys(a, b);

	return diff ? diff : (a->seq > b->seq) - (a->seq < b->seq);
}

/* Returns the number of different owners. */
static size_t sort_runs(struct zone_image *img)
{
	size_t names = img->runs > 0;
	bool sorted = true;

	for (size_t i = 1; sorted && i < img->runs; i++)
		sorted = compare_keys(&img->run[i - 1], &img->run[i]) <= 0;
	if (!sorted)
		qsort(img->run, img->runs, sizeof img->run[0], compare_runs);
	for (size_t i = 1; i < img->runs; i++)
		names += compare_keys(&img->run[i - 1], &img->run[i]) != 0;
	return names;
}

static enum err fault(struct zone_image *img, uint32_t line, struct errmsg *msg, enum err code, const uint8_t *owner,
		      const char *what)
{
	char text[NAME_TEXT_MAX];

	img->fault_line = line;
	return errmsg_set(msg, code, "%s: %s", name_to_text(owner, text), what);
}

static bool may_stand_beside_cname(uint16_t type)
{
	return type == TYPE_CNAME || type == TYPE_NSEC || type == TYPE_RRSIG;
}

/* What at one name makes a zone unfit to load, or NULL. */
static const char *fault_of_name(const struct content *c, bool apex)
{
	for (size_t i = 0; i < c->sets; i++) {
		const struct rrset *s = &c->set[i];
		if (!s->count)
			continue;
		if (s->type == TYPE_SOA && !apex)
			return "an SOA may only stand at the zone's own name (RFC 1035 §5.2): remove it, or put the "
			       "records into a zone of their own";
		if (s->count > 1 && rr_type_is_singleton(s->type))
			return s->type == TYPE_SOA ? "more than one SOA: keep one"
						   : "more than one CNAME, DNAME or NSEC at a name: keep one";
		if ((c->flags & CONTENT_CNAME) && !may_stand_beside_cname(s->type))
			return "a CNAME must be alone at its name (RFC 1034 §3.6.2): remove it or the other records";
	}
	return NULL;
}

static enum err check_name(struct zone_image *img, const struct image_name *n, bool apex, uint32_t line,
			   struct errmsg *msg)
{
	const char *what = fault_of_name(n->content, apex);

	return what ? fault(img, line, msg, ERR_FORMAT, n->owner, what) : ERR_OK;
}

/* Makes the content of the runs from *i on that have one owner. *line is that of the last record. */
static enum err make_name(struct zone_image *img, struct content_maker *m, size_t *i, struct image_name *n,
			  uint32_t *line)
{
	const struct run *first = &img->run[*i];
	enum err e = ERR_OK;

	for (; *i < img->runs && !compare_keys(first, &img->run[*i]); ++*i)
		for (const struct record *r = img->run[*i].first; r && !e; r = r->next) {
			*line = r->line;
			e = content_maker_add(m, r->type, r->ttl, r->rdata, r->rdlen);
		}
	n->owner = first->owner;
	return e ? e : content_maker_finish(m, n->owner, &n->content);
}

static enum err make_contents(struct zone_image *img, struct content_maker *m, struct errmsg *msg)
{
	for (size_t i = 0; i < img->runs;) {
		struct image_name *n = &img->name[img->names];
		uint32_t line = 0;
		enum err e = make_name(img, m, &i, n, &line);
		if (e == ERR_NOSPACE)
			return fault(img, line, msg, e, n->owner,
				     "more records of one type than a DNS message can hold, or too many types");
		if (e)
			return fault(img, line, msg, e, n->owner, err_text(e));
		img->names++;
		e = check_name(img, n, name_equal(n->owner, img->zone.wire), line, msg);
		if (e)
			return e;
	}
	return ERR_OK;
}

static enum err check_apex(struct zone_image *img, struct errmsg *msg)
{
	const struct image_name *n = img->names ? &img->name[0] : NULL;
	const struct content *apex = n && name_equal(n->owner, img->zone.wire) ? n->content : NULL;

	if (!content_find(apex, TYPE_SOA))
		return fault(img, 0, msg, ERR_FORMAT, img->zone.wire,
			     "the zone has no SOA: it needs one at its own name");
	if (!content_find(apex, TYPE_NS))
		return fault(img, 0, msg, ERR_FORMAT, img->zone.wire,
			     "the zone has no NS: it needs at least one at its own name");
	return ERR_OK;
}

enum err zonefile_image_finish(struct zone_image *img, struct errmsg *msg)
{
	struct content_maker *m;
	size_t names = sort_runs(img);

	if (names) {
		img->name = calloc(names, sizeof img->name[0]);
		if (!img->name)
			return errmsg_set(msg, ERR_NOMEM, "no memory for %zu names", names);
	}
	enum err e = content_maker_new(&m);
	if (e)
		return errmsg_set(msg, e, "no memory for the zone");
	e = make_contents(img, m, msg);
	content_maker_free(m);
	if (!e)
		e = check_apex(img, msg);
	arena_free(&img->work);
	free(img->run);
	img->run = NULL;
	img->runs = img->run_room = 0;
	return e;
}

/* ---- walking ---- */

const uint8_t *zonefile_image_zone(const struct zone_image *img)
{
	return img->zone.wire;
}

size_t zonefile_image_count(const struct zone_image *img)
{
	return img->names;
}

const uint8_t *zonefile_image_owner(const struct zone_image *img, size_t i)
{
	return img->name[i].owner;
}

const struct content *zonefile_image_content(const struct zone_image *img, size_t i)
{
	return img->name[i].content;
}

struct content *zonefile_image_take(struct zone_image *img, size_t i)
{
	struct content *c = img->name[i].content;

	img->name[i].content = NULL;
	return c;
}
