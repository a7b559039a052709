/*
 * Memory. Running out of it ends the process in one place (nothing above can go on usefully);
 * what a peer can make us allocate is limited by the callers, not here.
 */
#ifndef DOTSD_BASE_MEM_H
#define DOTSD_BASE_MEM_H

#include <stddef.h>

void *mem_new(size_t size);                     /* zeroed */
void *mem_array(size_t n, size_t size);         /* zeroed, overflow-checked */
void *mem_grow(void *p, size_t n, size_t size); /* realloc, overflow-checked */
char *mem_text(const char *s);                  /* copy; NULL stays NULL */
void *mem_copy(const void *p, size_t size);
__attribute__((format(printf, 1, 2))) char *mem_printf(const char *fmt, ...);

/* Gives back to the system what was freed, if that is some MiB more than after the last time: what
 * an attack makes grow is many small pieces, and one that stays above them keeps all of them. For
 * now and then: it takes a millisecond or two for ten MiB. */
void mem_give_back(void);

/* Everything taken from an arena lives until the arena is reset or finished: a decoded message
 * lives in its request's arena. */
struct arena;
struct arena *arena_new(void);
void arena_free(struct arena *a);
void arena_reset(struct arena *a);
void *arena_alloc(struct arena *a, size_t n, size_t size); /* zeroed, aligned for any type */
char *arena_text(struct arena *a, const char *s, size_t len);

#endif
