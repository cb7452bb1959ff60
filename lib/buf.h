/* buf.h: the only door to packet bytes.
 *
 * A `struct rbuf` reads and a `struct wbuf` writes a caller's memory, never past its end. Both fail softly and stick:
 * after the first read past the end, `bad` is set and every later read gives 0 or NULL; after the first write past the
 * end, `full` is set and later writes do nothing. So a parser reads a whole structure and checks once.
 * All integers are big-endian (RFC 1035 §2.3.2). Neither owns its memory. Threads: none shared. */
#ifndef ROOST_LIB_BUF_H
#define ROOST_LIB_BUF_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <string.h>

struct rbuf {
	const uint8_t *data;
	size_t len; /* octets in data */
	size_t pos; /* next octet to read, <= len */
	bool bad;   /* a read went past len */
};

static inline struct rbuf buf_reader(const void *data, size_t len)
{
	return (struct rbuf){.data = data, .len = len, .pos = 0, .bad = false};
}

static inline size_t buf_left(const struct rbuf *b)
{
	return b->len - b->pos;
}

/* The next n octets in place, or NULL (and bad) when fewer are left. */
static inline const uint8_t *buf_get(struct rbuf *b, size_t n)
{
	if (b->bad || n > buf_left(b)) {
		b->bad = true;
		return NULL;
	}
	const uint8_t *p = b->data + b->pos;
	b->pos += n;
	return p;
}

static inline uint8_t buf_get_u8(struct rbuf *b)
{
	const uint8_t *p = buf_get(b, 1);
	return p ? p[0] : 0;
}

static inline uint16_t buf_load_u16(const uint8_t *p)
{
	return (uint16_t)((p[0] << 8) | p[1]);
}

static inline uint32_t buf_load_u32(const uint8_t *p)
{
	return ((uint32_t)p[0] << 24) | ((uint32_t)p[1] << 16) | ((uint32_t)p[2] << 8) | p[3];
}

static inline uint16_t buf_get_u16(struct rbuf *b)
{
	const uint8_t *p = buf_get(b, 2);
	return p ? buf_load_u16(p) : 0;
}

static inline uint32_t buf_get_u32(struct rbuf *b)
{
	const uint8_t *p = buf_get(b, 4);
	return p ? buf_load_u32(p) : 0;
}

/* 48 bits, the time field of TSIG (RFC 8945 §4.2). */
static inline uint64_t buf_get_u48(struct rbuf *b)
{
	uint64_t high = buf_get_u16(b);
	return (high << 32) | buf_get_u32(b);
}

struct wbuf {
	uint8_t *data;
	size_t cap; /* octets that may be written */
	size_t len; /* octets written, <= cap */
	bool full;  /* a write did not fit */
};

static inline struct wbuf buf_writer(void *data, size_t cap)
{
	return (struct wbuf){.data = data, .cap = cap, .len = 0, .full = false};
}

/* Room for n octets that the caller fills, or NULL (and full). */
static inline uint8_t *buf_room(struct wbuf *b, size_t n)
{
	if (b->full || n > b->cap - b->len) {
		b->full = true;
		return NULL;
	}
	uint8_t *p = b->data + b->len;
	b->len += n;
	return p;
}

static inline void buf_put(struct wbuf *b, const void *src, size_t n)
{
	uint8_t *p = buf_room(b, n);
	if (p && n)
		memcpy(p, src, n);
}

static inline void buf_store_u16(uint8_t *p, uint16_t v)
{
	p[0] = (uint8_t)(v >> 8);
	p[1] = (uint8_t)v;
}

static inline void buf_store_u32(uint8_t *p, uint32_t v)
{
	p[0] = (uint8_t)(v >> 24);
	p[1] = (uint8_t)(v >> 16);
	p[2] = (uint8_t)(v >> 8);
	p[3] = (uint8_t)v;
}

static inline void buf_put_u8(struct wbuf *b, uint8_t v)
{
	uint8_t *p = buf_room(b, 1);
	if (p)
		p[0] = v;
}

static inline void buf_put_u16(struct wbuf *b, uint16_t v)
{
	uint8_t *p = buf_room(b, 2);
	if (p)
		buf_store_u16(p, v);
}

static inline void buf_put_u32(struct wbuf *b, uint32_t v)
{
	uint8_t *p = buf_room(b, 4);
	if (p)
		buf_store_u32(p, v);
}

static inline void buf_put_u48(struct wbuf *b, uint64_t v)
{
	buf_put_u16(b, (uint16_t)(v >> 32));
	buf_put_u32(b, (uint32_t)v);
}

#endif
