/*
 * Allocation that does not fail, and arenas.
 */
#include "base/mem.h"

#include <malloc.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

static void *
checked(void *p)
{
	if (!p) {
		fputs("out of memory\n", stderr);
		abort();
	}
	return p;
}

void *
mem_new(size_t size)
{
	return checked(calloc(1, size ? size : 1));
}

void *
mem_array(size_t n, size_t size)
{
	return checked(calloc(n ? n : 1, size ? size : 1));
}

void *
mem_grow(void *p, size_t n, size_t size)
{
	return checked(reallocarray(p, n ? n : 1, size ? size : 1));
}

char *
mem_text(const char *s)
{
	return s ? checked(strdup(s)) : NULL;
}

void *
mem_copy(const void *p, size_t size)
{
	void *copy = mem_new(size);

	if (size)
		memcpy(copy, p, size);
	return copy;
}

char *
mem_printf(const char *fmt, ...)
{
	va_list ap;
	char *text = NULL;
	int n;

	va_start(ap, fmt);
	n = vasprintf(&text, fmt, ap);
	va_end(ap);
	return checked(n < 0 ? NULL : text);
}

/* ---- what was freed ---- */

enum { GIVE_BACK_BYTES = 4 * 1024 * 1024 };

/* Of the process, in bytes; 0: that cannot be found out just now. */
static size_t
resident(void)
{
	FILE *f = fopen("/proc/self/statm", "re");
	char text[64] = "", *second;

	if (!f)
		return 0;
	second = fgets(text, sizeof(text), f) ? strchr(text, ' ') : NULL;
	fclose(f);
	return second ? strtoul(second, NULL, 10) * (size_t)sysconf(_SC_PAGESIZE) : 0;
}

/* Beside what is in use: programs, stacks, and what was freed. */
static size_t
unused(void)
{
	struct mallinfo2 m = mallinfo2();
	size_t all = resident(), used = m.uordblks + m.hblkhd;

	return all > used ? all - used : 0;
}

void
mem_give_back(void)
{
	static size_t settled;
	size_t now = unused();

	if (now > settled + GIVE_BACK_BYTES)
		malloc_trim(0);
	if (now > settled + GIVE_BACK_BYTES || now < settled)
		settled = unused();
}

/* The first chunk is small, because there are many small arenas; each further one is twice as
 * large. Larger wants get a chunk of their own. */
enum { CHUNK_MIN = 256, CHUNK_MAX = 4096 };

struct chunk {
	struct chunk *next;
	size_t used, size;
	_Alignas(max_align_t) uint8_t bytes[];
};

struct arena {
	struct chunk *chunks;
};

struct arena *
arena_new(void)
{
	return mem_new(sizeof(struct arena));
}

void
arena_reset(struct arena *a)
{
	struct chunk *c;

	while ((c = a->chunks)) {
		a->chunks = c->next;
		free(c);
	}
}

void
arena_free(struct arena *a)
{
	if (!a)
		return;
	arena_reset(a);
	free(a);
}

void *
arena_alloc(struct arena *a, size_t n, size_t size)
{
	const size_t align = _Alignof(max_align_t);
	struct chunk *c = a->chunks;
	size_t want;
	void *p;

	if (__builtin_mul_overflow(n, size, &want) || want > SIZE_MAX / 2)
		checked(NULL);
	want = (want + align - 1) / align * align;
	if (!c || c->size - c->used < want) {
		size_t room = c ? 2 * c->size : CHUNK_MIN;

		if (room > CHUNK_MAX)
			room = CHUNK_MAX;
		if (room < want)
			room = want;
		c = mem_new(sizeof(*c) + room);
		c->size = room;
		c->next = a->chunks;
		a->chunks = c;
	}
	p = c->bytes + c->used;
	c->used += want;
	return p;
}

char *
arena_text(struct arena *a, const char *s, size_t len)
{
	char *copy = arena_alloc(a, len + 1, 1);

	if (len)
		memcpy(copy, s, len);
	return copy;
}
