/*
 * What has to survive: records of text, grouped by kind, written in groups. The rules call this;
 * the store behind it is the daemon's business.
 */
#ifndef DOTSD_CORE_PERSIST_H
#define DOTSD_CORE_PERSIST_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

struct persist {
	const struct persist_ops *ops; /* implementations embed this struct first */
};

struct persist_ops {
	/* Queued for the group commit of this loop turn. Texts are copied; value is JSON. */
	void (*put)(struct persist *p, const char *kind, const char *key, const char *value);
	void (*remove)(struct persist *p, const char *kind, const char *key);
	/* done(arg, durable) once everything queued so far is on disk (durable), or the store
	 * failed or took over a second (not durable: serve, mark it volatile; the store writes it
	 * when it is back). Always from the loop, never from inside this call. */
	void (*after)(struct persist *p, void (*done)(void *arg, bool durable), void *arg);
	/* Reads all records of a kind in the order of their keys, at start, blocking. */
	void (*each)(struct persist *p, const char *kind,
		void (*visit)(void *arg, const char *key, const char *value), void *arg);
};

/* Milliseconds from `wall` to a moment on record. What a record says is not relied upon: nothing is
 * further away than a thousand years. */
static inline int64_t
persist_until(int64_t moment, int64_t wall)
{
	const int64_t far = 1000LL * 366 * 86400 * 1000;

	if (moment > far)
		moment = far;
	return (moment < -far ? -far : moment) - wall;
}
static inline void
persist_put(struct persist *p, const char *kind, const char *key, const char *value)
{
	p->ops->put(p, kind, key, value);
}
static inline void
persist_remove(struct persist *p, const char *kind, const char *key)
{
	p->ops->remove(p, kind, key);
}
static inline void
persist_after(struct persist *p, void (*done)(void *arg, bool durable), void *arg)
{
	p->ops->after(p, done, arg);
}
static inline void
persist_each(struct persist *p, const char *kind,
	void (*visit)(void *arg, const char *key, const char *value), void *arg)
{
	p->ops->each(p, kind, visit, arg);
}

#endif
