/* roostctl_read.c: what the reading commands share. */
#include <ctype.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "lib/clock.h"
#include "tools/roostctl.h"
#include "zones/admin/admin.h"
#include "zones/file/zonefile.h"

struct zonestore *roostctl_open(struct roostctl *ctl)
{
	struct zonestore *s;
	if (zonestore_open(&s, ctl->database, SQLSTORE_READ, &ctl->msg))
		return NULL;
	if (!sqlstore_begin(zonestore_sql(s), &ctl->msg))
		return s;
	zonestore_close(s);
	return NULL;
}

void roostctl_close(struct zonestore *s)
{
	sqlstore_rollback(zonestore_sql(s));
	zonestore_close(s);
}

bool roostctl_parse_name(struct roostctl *ctl, const char *what, const char *text, struct name *out)
{
	if (name_from_text(out, text)) {
		roostctl_fail(ctl, "%s %s: is not a domain name (labels of 1 to 63 octets, 255 in all)", what, text);
		return false;
	}
	name_lower(out->wire, out->wire, out->len);
	return true;
}

bool roostctl_find_zone(struct roostctl *ctl, struct zonestore *s, const char *text, struct zonestore_zone *out)
{
	struct name name;
	if (!roostctl_parse_name(ctl, "zone", text, &name))
		return false;
	enum err err = zonestore_find_zone(s, name.wire, out, &ctl->msg);
	if (err == ERR_NOTFOUND)
		roostctl_fail(ctl, "zone %s: is not in %s; roostctl zone list shows those that are", text,
			      ctl->database);
	return !err;
}

bool roostctl_parse_serial(struct roostctl *ctl, const char *text, uint32_t *out)
{
	char *end;
	errno = 0;
	unsigned long long value = strtoull(text, &end, 10);
	if (!isdigit((unsigned char)text[0]) || *end || errno || value > UINT32_MAX) {
		roostctl_usage(ctl, "serial %s: must be a number of 0 to 4294967295", text);
		return false;
	}
	*out = (uint32_t)value;
	return true;
}

const char *roostctl_expired(int64_t unix_ms)
{
	return clock_unix_ms() >= unix_ms ? " (expired)" : "";
}

bool roostctl_print_rr(const char *prefix, const uint8_t *owner, const struct content_rr *rr)
{
	return fputs(prefix, stdout) >= 0 && !zonefile_write_rr(stdout, owner, rr);
}
