/* zonestore_secondary.c: see zonestore_secondary.h. */
#include "zones/store/zonestore_secondary.h"

#include <stdio.h>
#include <stdlib.h>

#include "zones/store/zonestore_inside.h"

enum { DNS_PORT = 53, ZONE_COLUMNS = 8 };

/* ---- text ---- */

enum err zonestore_secondary_parse(struct zonestore_primary *out, const char *text, struct errmsg *msg)
{
	char *end;
	*out = (struct zonestore_primary){.by_key = text[0] == '@'};
	if (!out->by_key) {
		enum err err = addr_parse(&out->address, text, DNS_PORT, msg);
		out->port = err ? 0 : addr_port(&out->address);
		return err;
	}
	long port = strtol(text + 1, &end, 10);
	if (text[1] < '0' || text[1] > '9' || *end || port < 1 || port > UINT16_MAX)
		return errmsg_set(msg, ERR_USAGE, "%.80s: write ADDR@PORT, or @PORT for the host that sends NOTIFY",
				  text);
	out->port = (uint16_t)port;
	return ERR_OK;
}

char *zonestore_secondary_to_text(const struct zonestore_primary *p, char out[ADDR_TEXT_MAX])
{
	if (!p->by_key)
		return addr_to_text(&p->address, out);
	snprintf(out, ADDR_TEXT_MAX, "@%u", p->port);
	return out;
}

/* ---- writing ---- */

enum err zonestore_secondary_add_primary(struct zonestore *s, int64_t zone, unsigned position,
					 const struct zonestore_primary *p, struct errmsg *msg)
{
	char address[ADDR_TEXT_MAX], key[NAME_TEXT_MAX];
	enum err err = sqlstore_prepare(
		s->sql, &s->add_primary,
		"INSERT INTO zone_primary (zone, position, address, \"key\") VALUES (?1, ?2, ?3, ?4)", msg);
	if (err)
		return err;
	zonestore_secondary_to_text(p, address);
	sqlite3_bind_int64(s->add_primary, 1, zone);
	sqlite3_bind_int64(s->add_primary, 2, position);
	sqlite3_bind_text(s->add_primary, 3, address, -1, SQLITE_STATIC);
	if (p->has_key)
		zonestore_inside_bind_name(s->add_primary, 4, p->key.wire, key);
	return sqlstore_run(s->sql, s->add_primary, msg);
}

enum err zonestore_secondary_checked(struct zonestore *s, int64_t zone, int64_t checked, int64_t expires,
				     const struct addr *source, struct errmsg *msg)
{
	char address[ADDR_TEXT_MAX];
	enum err err = sqlstore_prepare(s->sql, &s->put_checked,
					"INSERT INTO secondary (zone, checked, expires, source) "
					"SELECT id, ?2, ?3, ?4 FROM zone WHERE id = ?1 AND role = 'secondary' "
					"ON CONFLICT DO UPDATE SET checked = excluded.checked, "
					"expires = excluded.expires, source = excluded.source",
					msg);
	if (err)
		return err;
	sqlite3_bind_int64(s->put_checked, 1, zone);
	sqlite3_bind_int64(s->put_checked, 2, checked);
	sqlite3_bind_int64(s->put_checked, 3, expires);
	sqlite3_bind_text(s->put_checked, 4, addr_to_text(source, address), -1, SQLITE_STATIC);
	return sqlstore_run(s->sql, s->put_checked, msg);
}

/* ---- reading ---- */

static enum err unreadable(const struct zonestore_secondary *z, const char *what, struct errmsg *msg)
{
	char text[NAME_TEXT_MAX];
	return errmsg_set(msg, ERR_CORRUPT,
			  "zone %s in the database: %s cannot be read; remove the zone and add it again",
			  name_to_text(z->zone.name.wire, text), what);
}

static enum err read_primary(sqlite3_stmt *stmt, struct zonestore_secondary *z, struct errmsg *msg)
{
	const char *address = (const char *)sqlite3_column_text(stmt, ZONE_COLUMNS + 3);
	const char *key = (const char *)sqlite3_column_text(stmt, ZONE_COLUMNS + 4);
	if (!address || z->count == ZONESTORE_PRIMARIES_MAX)
		return ERR_OK; /* none at all, which nothing but an administrator's own SQL makes */
	struct zonestore_primary *p = &z->primary[z->count++];
	if (zonestore_secondary_parse(p, address, NULL) || (key && name_from_text(&p->key, key)))
		return unreadable(z, "a primary", msg);
	p->has_key = key != NULL;
	name_lower(p->key.wire, p->key.wire, p->key.len);
	return ERR_OK;
}

static enum err read_zone(struct zonestore *s, sqlite3_stmt *stmt, struct zonestore_secondary *z, struct errmsg *msg)
{
	const char *source = (const char *)sqlite3_column_text(stmt, ZONE_COLUMNS + 2);
	enum err err = zonestore_inside_zone(s, stmt, &z->zone, msg);
	if (err)
		return err;
	z->checked = sqlite3_column_int64(stmt, ZONE_COLUMNS);
	z->expires = sqlite3_column_int64(stmt, ZONE_COLUMNS + 1);
	if (source && addr_parse(&z->source, source, DNS_PORT, NULL))
		return unreadable(z, "its source", msg);
	return ERR_OK;
}

static enum err next_row(struct zonestore *s, struct zonestore_secondary *z, zonestore_secondary_fn *fn, void *arg,
			 struct errmsg *msg)
{
	sqlite3_stmt *stmt = s->each_secondary;
	enum err err = ERR_OK;
	if (z->zone.id != sqlite3_column_int64(stmt, 0)) {
		err = z->zone.id ? fn(arg, z) : ERR_OK;
		*z = (struct zonestore_secondary){.count = 0};
		if (!err)
			err = read_zone(s, stmt, z, msg);
	}
	return err ? err : read_primary(stmt, z, msg);
}

enum err zonestore_secondary_each(struct zonestore *s, int64_t zone, zonestore_secondary_fn *fn, void *arg,
				  struct errmsg *msg)
{
	struct zonestore_secondary z = {.count = 0};
	bool row = false;
	enum err err = sqlstore_prepare(
		s->sql, &s->each_secondary,
		"SELECT z.id, z.name, z.role, z.policy, z.serial, z.changed, z.history_age, z.history_size, "
		"coalesce(c.checked, 0), coalesce(c.expires, 0), c.source, p.address, p.\"key\" "
		"FROM zone z LEFT JOIN secondary c ON c.zone = z.id LEFT JOIN zone_primary p ON p.zone = z.id "
		"WHERE z.role = 'secondary' AND (?1 = 0 OR z.id = ?1) ORDER BY z.id, p.position",
		msg);
	if (err)
		return err;
	sqlite3_bind_int64(s->each_secondary, 1, zone);
	err = sqlstore_step(s->sql, s->each_secondary, &row, msg);
	while (!err && row) {
		err = next_row(s, &z, fn, arg, msg);
		if (!err)
			err = sqlstore_step(s->sql, s->each_secondary, &row, msg);
	}
	if (err && row)
		zonestore_inside_stop(s->each_secondary);
	return !err && z.zone.id ? fn(arg, &z) : err;
}
