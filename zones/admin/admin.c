/* admin.c: requests of administrators: which command, its common members, and the answer. See admin.h. */
#include "zones/admin/admin.h"

#include <stdlib.h>

#include "lib/clock.h"
#include "lib/text.h"
#include "zones/admin/admin_inside.h"

enum zone_member { ZONE_NONE, ZONE_OPTIONAL, ZONE_NEEDED };

struct admin_command {
	const char *cmd;
	enum zone_member zone;
	admin_prepare_fn *prepare;
};

/* clang-format off */
static const struct admin_command commands[] = {
	{"init",          ZONE_OPTIONAL, admin_starter_prepare},
	{"zone import",   ZONE_NEEDED,   admin_zone_import},
	{"zone add",      ZONE_NEEDED,   admin_zone_add},
	{"zone remove",   ZONE_NEEDED,   admin_zone_remove},
	{"zone set",      ZONE_NEEDED,   admin_zone_set},
	{"record add",    ZONE_NEEDED,   admin_record_add},
	{"record set",    ZONE_NEEDED,   admin_record_set},
	{"record delete", ZONE_NEEDED,   admin_record_delete},
	{"record lock",   ZONE_NEEDED,   admin_lock_add},
	{"record unlock", ZONE_NEEDED,   admin_lock_remove},
	{"revert",        ZONE_NEEDED,   admin_revert_prepare},
	{"key add",       ZONE_NONE,     admin_key_add},
	{"key remove",    ZONE_NONE,     admin_key_remove},
	{"key rotate",    ZONE_NONE,     admin_key_rotate},
	{"key expire",    ZONE_NONE,     admin_key_expire},
	{"token add",     ZONE_NONE,     admin_token_add},
	{"grant add",     ZONE_NEEDED,   admin_grant_add},
	{"grant preset",  ZONE_NEEDED,   admin_grant_preset},
	{"grant remove",  ZONE_NONE,     admin_grant_remove},
	{"peer add",      ZONE_NEEDED,   admin_peer_add},
	{"peer remove",   ZONE_NEEDED,   admin_peer_remove},
};
/* clang-format on */

/* ---- names ---- */

char *admin_name_to_text(const uint8_t *wire, char out[NAME_TEXT_MAX])
{
	name_to_text(wire, out);
	size_t len = strlen(out);
	if (wire[0] != 0 && len > 1)
		out[len - 1] = '\0';
	return out;
}

/* An unescaped dot at the end: an even number of backslashes before it. */
static bool has_final_dot(const char *text)
{
	size_t len = strlen(text), slashes = 0;
	if (len == 0 || text[len - 1] != '.')
		return false;
	while (slashes + 1 < len && text[len - 2 - slashes] == '\\')
		slashes++;
	return slashes % 2 == 0;
}

enum err admin_owner_from_text(struct name *out, const char *text, const uint8_t *zone, struct errmsg *msg)
{
	char zone_text[NAME_TEXT_MAX];
	struct name given;
	if (strcmp(text, "@") == 0) {
		name_set(out, zone);
		return ERR_OK;
	}
	if (name_from_text(&given, text))
		return errmsg_set(msg, ERR_FORMAT,
				  "name %s: is not a domain name (labels of 1 to 63 octets, 255 in all)", text);
	if (name_is_under(given.wire, zone)) {
		*out = given;
		return ERR_OK;
	}
	if (has_final_dot(text))
		return errmsg_set(msg, ERR_RANGE, "name %s: is outside the zone %s", text,
				  admin_name_to_text(zone, zone_text));
	if (name_join(out, given.wire, (size_t)given.len - 1, zone))
		return errmsg_set(msg, ERR_RANGE, "name %s.%s: is over 255 octets long", text,
				  admin_name_to_text(zone, zone_text));
	return ERR_OK;
}

/* ---- members ---- */

enum err admin_text(const struct admin_request *r, const char *member, const char **out, struct errmsg *why)
{
	const json_t *value = json_object_get(r->json, member);
	*out = json_string_value(value);
	if (!value || json_is_null(value) || (*out && strlen(*out) == json_string_length(value)))
		return ERR_OK;
	return errmsg_set(why, ERR_USAGE, "request: \"%s\" must be a text", member);
}

enum err admin_need_text(const struct admin_request *r, const char *member, const char **out, struct errmsg *why)
{
	enum err err = admin_text(r, member, out, why);
	if (!err && !*out)
		return errmsg_set(why, ERR_USAGE, "request: \"%s\" is missing", member);
	return err;
}

enum err admin_key_name(const struct admin_request *r, const char *member, struct name *out, struct errmsg *why)
{
	const char *text;
	out->len = 0;
	enum err err = admin_text(r, member, &text, why);
	if (err || !text)
		return err;
	if (name_from_text(out, text))
		return errmsg_set(why, ERR_FORMAT,
				  "key %s: a key's name must be a domain name, such as nas or nas.home.example", text);
	name_lower(out->wire, out->wire, out->len);
	return ERR_OK;
}

enum err admin_end(const struct admin_request *r, const char *member, int64_t *out, struct errmsg *why)
{
	enum { MS_PER_S = 1000 };
	const char *text;
	uint32_t seconds;
	int64_t time = 0, now = clock_unix_ms();
	enum err err = admin_text(r, member, &text, why);
	if (err || !text)
		return err;
	if (!text_ttl_from_text(&seconds, text))
		time = now + (int64_t)seconds * MS_PER_S;
	else if (strcmp(text, "never") != 0 && (!clock_from_text(&time, text) || time <= 0))
		return errmsg_set(why, ERR_USAGE,
				  "end %s: write in how long (30d, 12h), a time of UTC (2026-12-31, "
				  "2026-12-31T12:00:00Z) or never",
				  text);
	*out = time;
	return ERR_OK;
}

static enum err take_zone(struct admin_request *r, struct errmsg *why)
{
	const char *text;
	if (r->command->zone == ZONE_NONE)
		return ERR_OK;
	enum err err = r->command->zone == ZONE_NEEDED ? admin_need_text(r, "zone", &text, why)
						       : admin_text(r, "zone", &text, why);
	if (err || !text)
		return err;
	if (name_from_text(&r->zone, text))
		return errmsg_set(why, ERR_FORMAT,
				  "zone %s: is not a domain name (labels of 1 to 63 octets, 255 in all)", text);
	name_lower(r->zone.wire, r->zone.wire, r->zone.len);
	admin_name_to_text(r->zone.wire, r->zone_text);
	return ERR_OK;
}

enum err admin_find_zone(const struct admin_request *r, struct zonestore *s, struct zonestore_zone *out,
			 struct errmsg *why)
{
	enum err err = zonestore_find_zone(s, r->zone.wire, out, why);
	if (err == ERR_NOTFOUND)
		errmsg_set(why, err, "zone %s: is not in this database; roostctl zone list shows those that are",
			   r->zone_text);
	return err;
}

enum err admin_find_primary(const struct admin_request *r, struct zonestore_zone *out, struct errmsg *why)
{
	enum err err = admin_find_zone(r, r->reader, out, why);
	if (err)
		return err;
	if (out->role == ZONE_SECONDARY)
		return errmsg_set(why, ERR_REFUSED, "zone %s: is a secondary here; change it at its primary",
				  r->zone_text);
	if (!out->has_serial)
		return errmsg_set(why, ERR_NOTFOUND,
				  "zone %s: has no content yet; roostctl zone import %s FILE gives it some",
				  r->zone_text, r->zone_text);
	return ERR_OK;
}

enum err admin_find_key(struct zonestore *s, const uint8_t *name, struct keystore_key *out, struct errmsg *why)
{
	char text[NAME_TEXT_MAX];
	enum err err = keystore_find_key(zonestore_sql(s), name, out, why);
	if (err == ERR_NOTFOUND) {
		admin_name_to_text(name, text);
		errmsg_set(why, err, "key %s: is not in this database; roostctl key add %s makes it", text, text);
	}
	return err;
}

/* ---- prepare ---- */

static const struct admin_command *find_command(const char *cmd)
{
	for (size_t i = 0; cmd && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].cmd, cmd) == 0)
			return &commands[i];
	return NULL;
}

/* What the history shows: the command with its words, but never a secret. */
static void write_note(const struct admin_request *r, char *note, size_t size)
{
	static const char *const members[] = {"name", "ttl", "type", "data", "file_name", "serial"};
	size_t used = (size_t)snprintf(note, size, "%s", r->command->cmd);
	for (size_t i = 0; i < sizeof(members) / sizeof(members[0]); i++) {
		const json_t *value = json_object_get(r->json, members[i]);
		size_t count = json_is_array(value) ? json_array_size(value) : value != NULL;
		for (size_t k = 0; k < count && used < size; k++) {
			const json_t *item = json_is_array(value) ? json_array_get(value, k) : value;
			const char *separator = k ? " , " : " ";
			if (json_is_string(item))
				used += (size_t)snprintf(note + used, size - used, "%s%s", separator,
							 json_string_value(item));
			else if (json_is_integer(item))
				used += (size_t)snprintf(note + used, size - used, "%s%lld", separator,
							 (long long)json_integer_value(item));
		}
	}
}

static void write_actor(const struct admin_request *r, unsigned uid, const char *transport)
{
	struct job_actor *a = &r->job->actor;
	snprintf(a->who, sizeof(a->who), "uid %u", uid);
	snprintf(a->transport, sizeof(a->transport), "%s", transport);
	write_note(r, a->note, sizeof(a->note));
}

static void free_request(struct admin_request *r)
{
	json_decref(r->json);
	json_decref(r->extra);
	free(r);
}

/* JSON is UTF-8; a sentence may quote a file that is not, or be cut inside a character. */
static json_t *refusal(const struct errmsg *why)
{
	struct errmsg plain = *why;
	json_t *answer = json_pack("{s:b, s:s}", "ok", 0, "error", plain.text);
	if (answer)
		return answer;
	for (char *c = plain.text; *c; c++)
		if ((unsigned char)*c > 0x7e)
			*c = '?';
	return json_pack("{s:b, s:s}", "ok", 0, "error", plain.text);
}

/* Everything read is of one moment. */
static enum err prepare_in_transaction(struct admin_request *r, struct errmsg *why)
{
	struct sqlstore *sql = zonestore_sql(r->reader);
	enum err err = sqlstore_begin(sql, why);
	if (!err)
		err = r->command->prepare(r, why);
	sqlstore_rollback(sql);
	return err;
}

enum err admin_prepare(struct admin_request **out, struct job **job, json_t *request, int file_fd, unsigned uid,
		       const char *transport, struct zonestore *reader, json_t **answer)
{
	struct errmsg why = {.text = ""};
	const char *cmd = json_string_value(json_object_get(request, "cmd"));
	struct admin_request *r = calloc(1, sizeof(*r));
	enum err err = ERR_NOMEM;
	if (!r)
		goto refuse;
	r->json = json_incref(request);
	r->extra = json_object();
	r->reader = reader;
	r->file = file_fd;
	r->job = job_new(JOB_ADMIN);
	r->command = find_command(cmd);
	if (!r->extra || !r->job)
		goto refuse;
	if (!r->command) {
		err = errmsg_set(&why, ERR_USAGE,
				 "request: \"cmd\" %.80s is not known; is roostctl newer than this server?",
				 cmd ? cmd : "(missing)");
		goto refuse;
	}
	err = take_zone(r, &why);
	if (err)
		goto refuse;
	write_actor(r, uid, transport);
	r->job->zone = r->zone;
	r->job->run_arg = r;
	err = prepare_in_transaction(r, &why);
	if (err)
		goto refuse;
	r->reader = NULL;
	r->file = -1;
	*out = r;
	*job = r->job;
	return ERR_OK;

refuse:
	if (!why.text[0])
		errmsg_set(&why, err, "%s", err_text(err));
	*answer = refusal(&why);
	if (r) {
		job_free(r->job);
		free_request(r);
	}
	return err;
}

/* ---- finish ---- */

static json_t *overtaken(const struct admin_request *r)
{
	return json_pack("{s:b, s:b, s:s++}", "ok", 0, "retry", 1, "error", "zone ", r->zone_text,
			 ": was changed by somebody else at the same moment, nothing was done; try again");
}

/* Only an administrator's own prerequisites bring these: they guard what admin_prepare found. */
static bool is_overtaken(const struct job *job)
{
	return job->kind == JOB_UPDATE && (job->rcode == RCODE_NXDOMAIN || job->rcode == RCODE_YXDOMAIN ||
					   job->rcode == RCODE_NXRRSET || job->rcode == RCODE_YXRRSET);
}

static json_t *refuse_job(const struct admin_request *r, const struct job *job)
{
	if (!job->err && is_overtaken(job))
		return overtaken(r);
	struct errmsg why = job->why;
	if (!why.text[0])
		errmsg_set(&why, ERR_REFUSED, "%s", err_text(job->err ? job->err : ERR_REFUSED));
	if (job->kind != JOB_ADMIN && strncmp(why.text, "zone ", 5) != 0)
		errmsg_prefix(&why, "zone %s", r->zone_text);
	return refusal(&why);
}

static json_t *success(struct admin_request *r, const struct job *job)
{
	json_t *answer = json_pack("{s:b}", "ok", 1);
	if (job->kind == JOB_UPDATE || job->kind == JOB_REPLACE) {
		json_object_set_new(answer, "serial", json_integer(job->serial));
		json_object_set_new(answer, "changed", json_boolean(job->changed));
	}
	json_object_update(answer, r->extra);
	return answer;
}

json_t *admin_finish(struct admin_request *r, struct job *job)
{
	bool refused = job->err || (job->kind == JOB_UPDATE && job->rcode != RCODE_NOERROR);
	json_t *answer = refused ? refuse_job(r, job) : success(r, job);
	job_free(job);
	free_request(r);
	return answer;
}
