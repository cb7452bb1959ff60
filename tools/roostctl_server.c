/* roostctl_server.c: status, stats and stop, which need a server. */
#include <errno.h>
#include <fcntl.h>
#include <poll.h>
#include <stdlib.h>
#include <string.h>
#include <sys/file.h>
#include <unistd.h>

#include "lib/clock.h"
#include "tools/roostctl.h"

enum {
	STOP_WAIT_MS = 60000, /* a server finishes queued changes and transfers under way */
	STOP_POLL_MS = 20,
	STATS_COLUMN = 28, /* where the numbers begin */
	NS_PER_MS = 1000000
};

/* The answer without its "ok", or NULL with ctl->msg. Takes over the request's reference. */
static json_t *ask_server(struct roostctl *ctl, json_t *request)
{
	json_t *answer = NULL;
	enum err err = roostctl_ask_server(ctl, request, -1, &answer);
	if (err == ERR_NOTFOUND)
		roostctl_fail(ctl, "no server runs on %s; roostd -d %s -l ADDR@PORT starts one", ctl->database,
			      ctl->database);
	if (err)
		return NULL;
	if (json_is_true(json_object_get(answer, "ok"))) {
		json_object_del(answer, "ok");
		return answer;
	}
	const char *error = json_string_value(json_object_get(answer, "error"));
	roostctl_fail(ctl, "%s", error ? error : "refused, without a reason");
	json_decref(answer);
	return NULL;
}

static const char *text_of(const json_t *object, const char *member)
{
	const char *text = json_string_value(json_object_get(object, member));
	return text ? text : "-";
}

static long long number_of(const json_t *object, const char *member)
{
	return (long long)json_integer_value(json_object_get(object, member));
}

static void print_peer(const json_t *peer)
{
	const char *error = json_string_value(json_object_get(peer, "error"));
	printf("peer %s %s", text_of(peer, "zone"), text_of(peer, "address"));
	if (json_is_integer(json_object_get(peer, "told")))
		printf(" told of serial %lld", number_of(peer, "told"));
	if (json_is_true(json_object_get(peer, "waiting")))
		printf(", NOTIFY under way");
	if (error && error[0])
		printf(": %s", error);
	printf("\n");
}

/* Of a secondary. */
static void print_primaries(const json_t *zone)
{
	size_t i;
	json_t *item;
	json_array_foreach(json_object_get(zone, "primaries"), i, item)
	{
		const char *key = json_string_value(json_object_get(item, "key"));
		const char *error = json_string_value(json_object_get(item, "error"));
		printf("  primary %s%s%s%s%s\n", text_of(item, "address"), key ? " key " : "", key ? key : "",
		       error && error[0] ? ": " : "", error ? error : "");
	}
	printf("  checked %s, next %s, expires %s\n", text_of(zone, "checked"),
	       json_is_true(json_object_get(zone, "asking")) ? "under way" : text_of(zone, "next"),
	       text_of(zone, "expires"));
}

static void print_zone(const json_t *zone)
{
	const char *fault = json_string_value(json_object_get(zone, "fault"));
	printf("zone %s serial %lld %s", text_of(zone, "zone"), number_of(zone, "serial"), text_of(zone, "role"));
	if (fault)
		printf(" NOT SERVED: %s", fault);
	printf("\n");
	if (json_object_get(zone, "primaries"))
		print_primaries(zone);
}

static void print_status(const json_t *answer)
{
	size_t i;
	json_t *item;
	printf("roostd %s, process %lld, up %lld s, %lld workers\ndatabase %s\n", text_of(answer, "version"),
	       number_of(answer, "pid"), number_of(answer, "uptime"), number_of(answer, "workers"),
	       text_of(answer, "database"));
	json_array_foreach(json_object_get(answer, "listen"), i, item) printf("listen %s\n", json_string_value(item));
	json_array_foreach(json_object_get(answer, "zones"), i, item) print_zone(item);
	json_array_foreach(json_object_get(answer, "peers"), i, item) print_peer(item);
}

/* As JSON or text; frees it. */
static void print(struct roostctl *ctl, json_t *answer, void (*as_text)(const json_t *answer))
{
	if (!ctl->option[OPTION_JSON]) {
		as_text(answer);
	} else {
		json_dumpf(answer, stdout, JSON_INDENT(1));
		printf("\n");
	}
	json_decref(answer);
}

int roostctl_status(struct roostctl *ctl)
{
	json_t *answer = ask_server(ctl, json_pack("{s:s}", "cmd", "status"));
	if (!answer)
		return ROOSTCTL_FAILED;
	print(ctl, answer, print_status);
	return ROOSTCTL_DONE;
}

/* "requests.udp4                   17" */
static void print_number(const char *family, const char *name, const json_t *number)
{
	char text[STATS_COLUMN];
	snprintf(text, sizeof(text), "%s%s%s", family, *name ? "." : "", name);
	printf("%-*s %lld\n", STATS_COLUMN, text, (long long)json_integer_value(number));
}

static void print_stats(const json_t *answer)
{
	const char *family, *name;
	json_t *value, *number;
	json_object_foreach((json_t *)(uintptr_t)answer, family, value)
	{
		if (json_is_integer(value))
			print_number(family, "", value);
		else
			json_object_foreach(value, name, number) print_number(family, name, number);
	}
}

int roostctl_stats(struct roostctl *ctl)
{
	json_t *answer =
		ask_server(ctl, json_pack("{s:s, s:b}", "cmd", "stats", "memory", ctl->option[OPTION_MEMORY] != NULL));
	if (!answer)
		return ROOSTCTL_FAILED;
	print(ctl, answer, print_stats);
	return ROOSTCTL_DONE;
}

/* True when nobody has the database's lock (lib/sqlstore.h). */
static bool is_free(const char *path)
{
	int fd = open(path, O_RDWR | O_CLOEXEC);
	if (fd < 0)
		return true;
	bool taken = flock(fd, LOCK_EX | LOCK_NB) < 0 && errno == EWOULDBLOCK;
	close(fd);
	return !taken;
}

int roostctl_stop(struct roostctl *ctl)
{
	char *lock;
	json_t *answer = ask_server(ctl, json_pack("{s:s}", "cmd", "stop"));
	if (!answer)
		return ROOSTCTL_FAILED;
	long long pid = number_of(answer, "pid");
	json_decref(answer);
	if (asprintf(&lock, "%s.lock", ctl->database) < 0)
		return roostctl_fail(ctl, "no memory");
	uint64_t until = clock_monotonic_ns() + (uint64_t)STOP_WAIT_MS * NS_PER_MS;
	bool stopped = is_free(lock);
	while (!stopped && clock_monotonic_ns() < until) {
		poll(NULL, 0, STOP_POLL_MS);
		stopped = is_free(lock);
	}
	free(lock);
	return stopped ? ROOSTCTL_DONE
		       : roostctl_fail(
				 ctl, "the server was told to stop, but process %lld still has %s; its log may say why",
				 pid, ctl->database);
}
