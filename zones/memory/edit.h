/* edit.h: changes to one zone, prepared aside: the writer's transaction in memory.
 *
 * An edit lays changed contents over the zone's newest version. Look-ups through the edit see its own changes, so the
 * jobs of a batch build on one another, and RFC 2136's record-by-record order holds. A savepoint a job: a refused job
 * is undone without a trace. Nothing is visible to readers before edit_publish, which cannot fail: everything that
 * could is done by edit_prepare, before the SQL COMMIT. Threads: the writer only. */
#ifndef ROOST_ZONES_EDIT_H
#define ROOST_ZONES_EDIT_H

#include "zones/memory/zone.h"

struct edit;

MUST_USE enum err edit_begin(struct edit **out, struct zone *z);
struct zone *edit_zone(const struct edit *e);

/* The content at a name as the edit sees it; NULL: nothing, or an empty non-terminal is returned as content with no
 * sets. */
const struct content *edit_find(const struct edit *e, const uint8_t *owner);

/* One record more (replacing in singleton types), one less, one RRset less (TYPE_ANY: all but `keep`). *changed (may
 * be NULL). The owner must be in the zone. No DNS rule is checked here: that is zones/change/update.h. */
MUST_USE enum err edit_add(struct edit *e, const uint8_t *owner, uint16_t type, uint32_t ttl, const uint8_t *rdata,
			   uint16_t rdlen, bool *changed);
MUST_USE enum err edit_remove(struct edit *e, const uint8_t *owner, uint16_t type, const uint8_t *rdata, uint16_t rdlen,
			      bool *changed);
MUST_USE enum err edit_remove_set(struct edit *e, const uint8_t *owner, uint16_t type, const uint16_t *keep,
				  bool *changed);

/* The SOA as the edit sees it; false if there is none. */
bool edit_soa(const struct edit *e, struct content_rr *rr);
MUST_USE enum err edit_set_serial(struct edit *e, uint32_t serial);

/* Savepoints do not nest: one job at a time. */
void edit_savepoint(struct edit *e);
void edit_rollback(struct edit *e); /* back to the last savepoint */

/* Net changes since the savepoint (or, whole = true, since edit_begin): name by name, record by record, deletions of
 * a name before its additions. A record deleted and added again is no change. The owner is wire with its case. */
typedef enum err edit_change_fn(void *arg, const uint8_t *owner, bool add, const struct content_rr *rr);
MUST_USE enum err edit_changes(const struct edit *e, bool whole, edit_change_fn *fn, void *arg);
/* Names touched since edit_begin, with content before and after: for writing rows. */
typedef enum err edit_name_fn(void *arg, const uint8_t *owner, const struct content *before,
			      const struct content *after);
MUST_USE enum err edit_names(const struct edit *e, edit_name_fn *fn, void *arg);
bool edit_changed_since_savepoint(const struct edit *e); /* any net change */

/* Makes every node and table slot that publishing needs. After ERR_OK, edit_publish cannot fail. The contents are
 * handed to the zone: ask edit_names and edit_changes before, not after. */
MUST_USE enum err edit_prepare(struct edit *e);
void edit_publish(struct edit *e); /* and frees the edit */
void edit_abandon(struct edit *e); /* nothing happened; frees the edit */

#endif
