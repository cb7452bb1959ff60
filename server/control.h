/* control.h: the control socket: how roostctl reaches the server that has its database open.
 *
 * A Unix stream socket at DATABASE.sock, mode 0600; only root and the server's own user are served (SO_PEERCRED).
 * Frames are drawn in server/control_wire.h. A request is one of zones/admin/admin.h, or
 *
 *   {"cmd":"status"}   version, process, uptime, listeners, zones with serial      {"cmd":"stop"}   as SIGTERM would
 *   {"cmd":"stats","memory":true}   what server/stats.h counts; with "memory" also what the zones take
 *
 * Preparing a request may parse a whole zone file, so each has a short-lived thread of its own with a reading database
 * handle; its job goes to the writer, and the answer comes back through the main mailbox:
 *
 *   main: frame in -> thread: admin_prepare -> writer: job -> main's mailbox: admin_finish, frame out
 *
 * Threads: all functions on the main thread. */
#ifndef ROOST_SERVER_CONTROL_H
#define ROOST_SERVER_CONTROL_H

#include "server/server.h"

/* Listens; needs database, writer, main_base and main_mailbox of the server, which must outlive it. A socket file left
 * by a server that died is replaced: the database's lock, which the caller holds, says that nobody lives there. */
MUST_USE enum err control_start(struct control **out, struct server *server, struct errmsg *msg);

/* Removes the socket, closes connections, waits for requests being prepared. Call it before writer_thread_stop, and
 * that before mailbox_free: answers still under way find no one to go to and are dropped there. NULL is fine. */
void control_free(struct control *c);

#endif
