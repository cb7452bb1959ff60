/* control_wire.c: see control_wire.h. */
#include "server/control_wire.h"

#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#include "lib/buf.h"

enum err control_wire_address(struct sockaddr_un *out, const char *database, struct errmsg *msg)
{
	static const char suffix[] = ".sock";
	size_t len = strlen(database);
	*out = (struct sockaddr_un){.sun_family = AF_UNIX};
	if (len + sizeof(suffix) > sizeof(out->sun_path))
		return errmsg_set(msg, ERR_RANGE,
				  "database %s: its control socket's path would be over %zu octets; use a shorter path",
				  database, sizeof(out->sun_path) - 1);
	memcpy(out->sun_path, database, len);
	memcpy(out->sun_path + len, suffix, sizeof(suffix));
	return ERR_OK;
}

enum err control_wire_encode(const json_t *object, uint8_t **out, size_t *len)
{
	size_t text_len = json_dumpb(object, NULL, 0, JSON_COMPACT);
	if (text_len == 0 || text_len > CONTROL_WIRE_MAX)
		return ERR_RANGE;
	uint8_t *frame = malloc(CONTROL_WIRE_HEAD + text_len);
	if (!frame)
		return ERR_NOMEM;
	buf_store_u32(frame, (uint32_t)text_len);
	if (json_dumpb(object, (char *)frame + CONTROL_WIRE_HEAD, text_len, JSON_COMPACT) != text_len) {
		free(frame);
		return ERR_NOMEM;
	}
	*out = frame;
	*len = CONTROL_WIRE_HEAD + text_len;
	return ERR_OK;
}

size_t control_wire_length(const uint8_t head[CONTROL_WIRE_HEAD])
{
	uint32_t len = buf_load_u32(head);
	return len <= CONTROL_WIRE_MAX ? len : 0;
}

json_t *control_wire_decode(const uint8_t *text, size_t len)
{
	json_error_t error;
	json_t *value = json_loadb((const char *)text, len, JSON_REJECT_DUPLICATES, &error);
	if (json_is_object(value))
		return value;
	json_decref(value);
	return NULL;
}
