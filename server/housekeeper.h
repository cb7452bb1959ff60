/* housekeeper.h: a thread that has the writer do what has its time or can wait: leases that end, refusals into the
 * history, its index of names, its bounds.
 *
 *   workers   -- refusals -->  |             |
 *   published -- changed --->  | housekeeper | -- one job at a time --> writer
 *   time      -------------->  |             |
 *
 * Leases end on time, by the wall clock, in which they are stored. For an hour after a leap of that into the future,
 * the clock from before goes on for them: a wrong time must not cost every host its name.
 *
 * A chore is a transaction of some hundred rows, some milliseconds; behind each the housekeeper rests for nine times as
 * long as it took, so updates keep the writer; unless a million changes wait. It looks into the database with a handle of its own.
 *
 * What is too old goes only while the clock has gone evenly for an hour: one that leaps into the future for a while
 * must not cost the history of years.
 *
 * Threads: start and stop on the main thread; the others any. */
#ifndef ROOST_SERVER_HOUSEKEEPER_H
#define ROOST_SERVER_HOUSEKEEPER_H

#include "zones/change/refusals.h"

struct server;
struct housekeeper;

/* Needs the writer of the server and its database. */
MUST_USE enum err housekeeper_start(struct housekeeper **out, struct server *server, struct errmsg *msg);
/* Writes what was refused last, and ends the thread; before writer_thread_stop. NULL is fine. */
void housekeeper_stop(struct housekeeper *h);
void housekeeper_free(struct housekeeper *h); /* when nobody tells it anything any more; NULL is fine */

/* Some zone has a new version. */
void housekeeper_changed(struct housekeeper *h);
/* Records have leases. */
void housekeeper_leased(struct housekeeper *h);
/* An update was refused. */
void housekeeper_refused(struct housekeeper *h, const struct refusals_note *note);

#endif
