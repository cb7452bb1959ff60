/* control_task.c: see control_task.h. A task is touched by its thread, then by the writer, then by the main thread,
 * one after the other; only `asker` is the main thread's all the time. */
#include "server/control_task.h"

#include <pthread.h>
#include <signal.h>
#include <stdlib.h>
#include <unistd.h>

#include "lib/clock.h"
#include "server/control_stats.h"
#include "server/peer/notify.h"
#include "server/peer/secondary.h"
#include "zones/memory/grace.h"
#include "zones/admin/admin.h"

#ifndef ROOST_VERSION
#error "ROOST_VERSION comes from configure.ac, through the Makefile"
#endif

enum { NS_PER_S = 1000000000 };

struct control_tasks {
	struct server *server;
	struct control_task *first;
};

struct control_task {
	struct mail mail;            /* first: deliver gets this address */
	struct control_tasks *tasks; /* NULL: gone */
	struct control_task *next, **link;
	struct control_asker asker;
	struct server *server;
	pthread_t thread;
	bool joined;

	json_t *request;
	int file;
	struct admin_request *admin;
	struct job *job;
	json_t *answer;
};

/* ---- the end, on the main thread ---- */

static void join(struct control_task *t)
{
	if (!t->joined)
		pthread_join(t->thread, NULL);
	t->joined = true;
}

static void unlink_task(struct control_task *t)
{
	if (!t->tasks)
		return;
	*t->link = t->next;
	if (t->next)
		t->next->link = t->link;
	t->tasks = NULL;
}

static void free_task(struct control_task *t)
{
	unlink_task(t);
	json_decref(t->request);
	json_decref(t->answer);
	if (t->file >= 0)
		close(t->file);
	free(t);
}

/* How telling one secondary goes, into the object that describes it. */
static void add_state(void *arg, const struct notify_state *state)
{
	json_t *peer = arg;
	char address[ADDR_TEXT_MAX];
	const char *wanted = json_string_value(json_object_get(peer, "address"));
	if (!wanted || strcmp(addr_to_text(state->peer, address), wanted) != 0)
		return;
	json_object_set_new(peer, "waiting", json_boolean(state->waiting));
	json_object_set_new(peer, "told", state->acked ? json_integer(state->acked_serial) : json_null());
	json_object_set_new(peer, "error", json_string(state->error));
}

static void add_states(struct control_task *t)
{
	size_t i;
	json_t *peer;
	json_array_foreach(json_object_get(t->answer, "peers"), i, peer)
	{
		struct name zone;
		const char *text = json_string_value(json_object_get(peer, "zone"));
		if (text && !name_from_text(&zone, text))
			notify_each(t->server->notify, zone.wire, add_state, peer);
	}
}

static void deliver(struct mail *mail)
{
	struct control_task *t = (struct control_task *)mail;
	join(t);
	if (t->job)
		t->answer = admin_finish(t->admin, t->job);
	if (t->asker.answer && t->server->notify)
		add_states(t);
	if (t->asker.answer)
		t->asker.answer(t->asker.arg, json_incref(t->answer));
	free_task(t);
}

/* ---- status ---- */

struct zones {
	json_t *list;
	const struct directory *directory;
	struct secondary *secondary;
};

static void put_time(json_t *object, const char *member, int64_t time)
{
	char text[CLOCK_TEXT_MAX];
	json_object_set_new(object, member, time ? json_string(clock_to_text(time, text)) : json_null());
}

/* Where a secondary's content comes from, and how it goes. */
static void add_primaries(json_t *zone, struct secondary *secondary, const uint8_t *name)
{
	struct secondary_state state;
	json_t *list = json_array();
	if (!secondary_state(secondary, name, &state)) {
		json_decref(list);
		return;
	}
	for (unsigned i = 0; i < state.count; i++) {
		const struct zonestore_primary *p = &state.primary[i].primary;
		char address[ADDR_TEXT_MAX], key[NAME_TEXT_MAX];
		json_array_append_new(list,
				      json_pack("{s:s, s:s?, s:s}", "address", zonestore_secondary_to_text(p, address),
						"key", p->has_key ? admin_name_to_text(p->key.wire, key) : NULL,
						"error", state.primary[i].error));
	}
	json_object_set_new(zone, "primaries", list);
	json_object_set_new(zone, "asking", json_boolean(state.busy));
	put_time(zone, "checked", state.checked);
	put_time(zone, "next", state.next);
	put_time(zone, "expires", state.expires);
}

/* NULL if it is served, or not in the directory. */
static json_t *fault_of(const struct directory *directory, const uint8_t *name)
{
	grace_online();
	const struct zone *z = directory_get(directory, name);
	json_t *fault = z && zone_fault(z) ? json_string(zone_fault(z)) : NULL;
	grace_offline();
	return fault;
}

static enum err add_zone(void *arg, const struct zonestore_zone *z)
{
	struct zones *zones = arg;
	char name[NAME_TEXT_MAX], changed[CLOCK_TEXT_MAX];
	json_t *zone = json_pack("{s:s, s:s, s:s?, s:o, s:o?}", "zone", admin_name_to_text(z->name.wire, name), "role",
				 z->role == ZONE_SECONDARY ? "secondary" : "primary", "changed",
				 z->changed ? clock_to_text(z->changed, changed) : NULL, "serial",
				 z->has_serial ? json_integer(z->serial) : json_null(), "fault",
				 fault_of(zones->directory, z->name.wire));
	if (zone && z->role == ZONE_SECONDARY)
		add_primaries(zone, zones->secondary, z->name.wire);
	return json_array_append_new(zones->list, zone) ? ERR_NOMEM : ERR_OK;
}

static enum err add_peer(void *arg, const struct zonestore_peer *p)
{
	char zone[NAME_TEXT_MAX], key[NAME_TEXT_MAX], address[ADDR_TEXT_MAX];
	json_t *peer = json_pack("{s:s, s:s, s:s?}", "zone", admin_name_to_text(p->zone.wire, zone), "address",
				 addr_to_text(&p->address, address), "key",
				 p->has_key ? admin_name_to_text(p->key.wire, key) : NULL);
	return json_array_append_new(arg, peer) ? ERR_NOMEM : ERR_OK;
}

static json_t *describe_listeners(const struct config *config)
{
	char text[ADDR_TEXT_MAX];
	json_t *list = json_array();
	for (unsigned i = 0; i < config->listen_count; i++)
		if (json_array_append_new(list, json_string(addr_to_text(&config->listen[i], text))))
			break;
	return list;
}

static enum err describe(struct control_task *t, struct zonestore *store, struct errmsg *msg)
{
	const struct server *s = t->server;
	json_t *peers = json_array();
	struct zones zones = {.list = json_array(), .directory = s->directory, .secondary = s->secondary};
	grace_register();
	grace_offline();
	enum err err = zonestore_each_zone(store, add_zone, &zones, msg);
	grace_unregister();
	if (!err)
		err = zonestore_each_peer(store, NULL, add_peer, peers, msg);
	if (err) {
		json_decref(zones.list);
		json_decref(peers);
		return err;
	}
	t->answer = json_pack("{s:b, s:s, s:I, s:I, s:s, s:i, s:o, s:o, s:o}", "ok", 1, "version", ROOST_VERSION, "pid",
			      (json_int_t)getpid(), "uptime",
			      (json_int_t)((clock_monotonic_ns() - s->started_ns) / NS_PER_S), "database",
			      s->config->database, "workers", (int)s->worker_count, "listen",
			      describe_listeners(s->config), "zones", zones.list, "peers", peers);
	return ERR_OK;
}

/* ---- the task's own thread ---- */

/* On the writer's thread. */
static void on_done(struct job *job)
{
	struct control_task *t = job->done_arg;
	mailbox_post(t->server->main_mailbox, &t->mail);
}

static bool asks_for(const json_t *request, const char *what)
{
	const char *cmd = json_string_value(json_object_get(request, "cmd"));
	return cmd && strcmp(cmd, what) == 0;
}

/* True: the job is with the writer, which posts the task. */
static bool submit(struct control_task *t)
{
	t->job->done = on_done;
	t->job->done_arg = t;
	struct job *job = t->job;
	enum err err = writer_thread_submit(t->server->writer, job);
	if (!err)
		return true;
	job->err = errmsg_set(&job->why, err, "the server has too much to write, or is stopping; try again");
	return false;
}

static bool prepare(struct control_task *t)
{
	struct zonestore *store = NULL;
	struct errmsg msg = {.text = ""};
	bool submitted = false;
	if (asks_for(t->request, "stats")) {
		t->answer = control_stats(t->server, json_is_true(json_object_get(t->request, "memory")));
		return false;
	}
	enum err err = zonestore_open(&store, t->server->config->database, SQLSTORE_READ, &msg);
	if (err)
		goto out;
	if (asks_for(t->request, "status"))
		err = describe(t, store, &msg);
	else if (!admin_prepare(&t->admin, &t->job, t->request, t->file, t->asker.uid, "control", store, &t->answer))
		submitted = submit(t);
	zonestore_close(store);
out:
	if (err)
		t->answer = json_pack("{s:b, s:s}", "ok", 0, "error", msg.text);
	return submitted;
}

static void *run(void *arg)
{
	struct control_task *t = arg;
	if (!prepare(t))
		mailbox_post(t->server->main_mailbox, &t->mail);
	return NULL;
}

/* Signals are the main thread's. */
static int start_thread(struct control_task *t)
{
	sigset_t all, before;
	sigfillset(&all);
	pthread_sigmask(SIG_SETMASK, &all, &before);
	int failed = pthread_create(&t->thread, NULL, run, t);
	pthread_sigmask(SIG_SETMASK, &before, NULL);
	return failed;
}

/* ---- main thread ---- */

enum err control_task_start(struct control_task **out, struct control_tasks *tasks, json_t *request, int file,
			    const struct control_asker *asker)
{
	struct control_task *t = calloc(1, sizeof(*t));
	if (!t) {
		json_decref(request);
		if (file >= 0)
			close(file);
		return ERR_NOMEM;
	}
	*t = (struct control_task){.mail = {.deliver = deliver},
				   .tasks = tasks,
				   .next = tasks->first,
				   .link = &tasks->first,
				   .asker = *asker,
				   .server = tasks->server,
				   .request = request,
				   .file = file};
	if (t->next)
		t->next->link = &t->next;
	tasks->first = t;
	if (start_thread(t)) {
		free_task(t);
		return ERR_NOMEM;
	}
	*out = t;
	return ERR_OK;
}

void control_task_forget(struct control_task *t)
{
	t->asker.answer = NULL;
}

enum err control_tasks_new(struct control_tasks **out, struct server *server)
{
	struct control_tasks *tasks = calloc(1, sizeof(*tasks));
	if (!tasks)
		return ERR_NOMEM;
	tasks->server = server;
	*out = tasks;
	return ERR_OK;
}

void control_tasks_free(struct control_tasks *tasks)
{
	if (!tasks)
		return;
	while (tasks->first) {
		struct control_task *t = tasks->first;
		join(t);
		control_task_forget(t);
		unlink_task(t);
	}
	free(tasks);
}
