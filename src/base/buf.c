/*
 * Bounded reading, growable writing.
 */
#include "base/buf.h"

#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

struct reader
reader_of(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;

	return (struct reader){.at = p, .end = len ? p + len : p}; /* NULL is a legal empty run */
}

size_t
reader_left(const struct reader *r)
{
	return r->failed ? 0 : (size_t)(r->end - r->at);
}

const uint8_t *
reader_bytes(struct reader *r, size_t len)
{
	const uint8_t *p = r->at;

	if (reader_left(r) < len) {
		r->failed = true;
		return NULL;
	}
	if (len)
		r->at += len;
	return p;
}

static uint64_t
read_number(struct reader *r, size_t len)
{
	const uint8_t *p = reader_bytes(r, len);
	uint64_t v = 0;

	for (size_t i = 0; p && i < len; i++)
		v = v << 8 | p[i];
	return v;
}

uint8_t
reader_u8(struct reader *r)
{
	return (uint8_t)read_number(r, 1);
}

uint16_t
reader_u16(struct reader *r)
{
	return (uint16_t)read_number(r, 2);
}

uint32_t
reader_u32(struct reader *r)
{
	return (uint32_t)read_number(r, 4);
}

uint64_t
reader_u64(struct reader *r)
{
	return read_number(r, 8);
}

void
buf_init(struct buf *b, size_t max)
{
	*b = (struct buf){.max = max};
}

void
buf_finish(struct buf *b)
{
	free(b->bytes);
	*b = (struct buf){0};
}

void
buf_reset(struct buf *b)
{
	b->len = 0;
	b->failed = false;
}

/* Room for len more bytes and a NUL; NULL (and failed) beyond the limit. */
static uint8_t *
reserve(struct buf *b, size_t len)
{
	if (b->failed || len > b->max - b->len) {
		b->failed = true;
		return NULL;
	}
	if (b->cap < b->len + len + 1) {
		size_t cap = b->cap ? b->cap : 64;

		while (cap < b->len + len + 1)
			cap *= 2;
		b->bytes = mem_grow(b->bytes, cap, 1);
		b->cap = cap;
	}
	return b->bytes + b->len;
}

void
buf_bytes(struct buf *b, const void *bytes, size_t len)
{
	uint8_t *p = reserve(b, len);

	if (!p || !len)
		return;
	memcpy(p, bytes, len);
	b->len += len;
}

static void
write_number(struct buf *b, uint64_t v, size_t len)
{
	uint8_t bytes[8];

	for (size_t i = 0; i < len; i++)
		bytes[i] = (uint8_t)(v >> 8 * (len - 1 - i));
	buf_bytes(b, bytes, len);
}

void
buf_u8(struct buf *b, uint8_t v)
{
	uint8_t *p = reserve(b, 1);

	if (!p)
		return;
	*p = v;
	b->len++;
}

void
buf_u16(struct buf *b, uint16_t v)
{
	write_number(b, v, 2);
}

void
buf_u32(struct buf *b, uint32_t v)
{
	write_number(b, v, 4);
}

void
buf_u64(struct buf *b, uint64_t v)
{
	write_number(b, v, 8);
}

void
buf_printf(struct buf *b, const char *fmt, ...)
{
	/* What there is often has room for it, so it is tried there first. */
	size_t room = b->failed ? 0 : b->cap - b->len;
	va_list ap, again;
	uint8_t *p;
	int n;

	va_start(ap, fmt);
	va_copy(again, ap);
	n = vsnprintf(room ? (char *)b->bytes + b->len : NULL, room, fmt, ap);
	va_end(ap);
	if (n < 0) {
		b->failed = true;
	} else if ((p = reserve(b, (size_t)n))) {
		if ((size_t)n >= room)
			vsnprintf((char *)p, (size_t)n + 1, fmt, again);
		b->len += (size_t)n;
	}
	va_end(again);
}

const char *
buf_text(struct buf *b)
{
	if (b->failed || !b->bytes)
		return "";
	b->bytes[b->len] = '\0'; /* reserve() keeps room for it */
	return (const char *)b->bytes;
}
