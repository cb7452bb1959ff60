/* admin.h: what an administrator can ask for, as one function from a JSON request to a JSON answer.
 *
 * roostctl turns its command line into a request. If a roostd has the database open, the request goes through its
 * control socket and runs there; otherwise roostctl opens the database and runs it itself: the same code either way.
 * Commands that only read do not come here: roostctl reads the database directly.
 *
 *   {"cmd":"record add","zone":"home.example","name":"nas","ttl":300,"type":"A","data":["192.0.2.9"]}
 *   {"ok":true,"serial":2026030102,"changed":true}
 *   {"ok":false,"error":"zone nope.example: is not in this database; …"}
 *
 * Names in RDATA that have a dot inside need none at the end ("mail.example.net"); a single label is below the zone,
 * as in a zone file.
 *
 * Request members by cmd:
 *   "init"           zone?                      a starter zone, its key and grants, each if it is not there
 *                                               -> {"key":NAME, "secret":…, "algorithm":…, "created":bool}
 *   "zone import"    zone, file_name            the file's descriptor comes beside the request
 *                                               -> {"warnings":["…"]} if zonefile_check has findings
 *   "zone add"       zone, primaries, key?      a secondary zone; primaries: list of "ADDR@PORT", "@PORT"
 *   "zone remove"    zone
 *   "zone set"       zone, option, value        serial-policy, history-age or history-size
 *   "record add"     zone, name, ttl?, type, data[]
 *   "record set"     the same                   the RRset becomes exactly data
 *   "record delete"  zone, name, type?, data?[]
 *   "record lock"    zone, name, type?          no update changes it any more; without a type: the name
 *   "record unlock"  zone, name, type?
 *   "key add"        name, algorithm?, secret?, identity?, expires?      -> as init
 *                    name, public, identity?, expires?     public: KEY RDATA, for SIG(0)
 *   "key rotate"     name, new?, algorithm?, expires?    another key of its identity; the others end then, or in 7 days
 *                                               -> as init, and {"identity":NAME, "expires":TIME}
 *   "key expire"     name, expires              when it ends
 *   "key remove"     name, force?
 *   "token add"      name, identity?, expires?, password?   -> {"token":…} unless a password was given; shown once
 *   "grant add"      zone, action, key?, from?, name?, types?[], max?, rate?, name_rate?, expires?      -> {"id":N}
 *   "grant preset"   zone, preset, key, name?, from?      host, acme, dhcp, secondary or admin -> {"ids":[N, …]}, those
 *                                               that were there already among them
 *   "grant remove"   id
 *   "peer add"       zone, address, key?
 *   "peer remove"    zone, address
 *   "revert"         zone, serial               a new version with the content that the zone had at that serial
 *
 * Threads: admin_prepare on any one thread; the jobs it makes run on the writer. */
#ifndef ROOST_ZONES_ADMIN_H
#define ROOST_ZONES_ADMIN_H

#include <jansson.h>

#include "zones/change/commit.h"

struct admin_request;

/* How Roost writes a name for people and in JSON: without the final dot (the root: "."). out has NAME_TEXT_MAX
 * octets and is returned. */
char *admin_name_to_text(const uint8_t *wire, char out[NAME_TEXT_MAX]);

/* A name as people write it for a zone: "@" is the zone's apex; with a final dot, or the zone's name or ending in it,
 * as it stands; else below the zone. ERR_RANGE with a message if that is outside the zone. */
MUST_USE enum err admin_owner_from_text(struct name *out, const char *text, const uint8_t *zone, struct errmsg *msg);

/* Checks the request and makes the job that does it (job->done_arg is left to the caller). file_fd: -1 or the
 * descriptor that came with it (read to its end here, not closed). uid: of the asking process. transport: "control" or
 * "local". reader: a READ or WRITE handle of this thread, for look-ups (revert). On error no job was made and *answer
 * (a new reference) is the refusal. */
MUST_USE enum err admin_prepare(struct admin_request **out, struct job **job, json_t *request, int file_fd,
				unsigned uid, const char *transport, struct zonestore *reader, json_t **answer);
/* After the job's done: the answer (a new reference); frees job and request. An answer with "retry": true was
 * overtaken by another change of the zone; the same request again may do. */
json_t *admin_finish(struct admin_request *r, struct job *job);

#endif
