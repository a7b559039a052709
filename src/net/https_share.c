/*
 * See https_private.h. What each peer takes of what all have together: octets of bodies and
 * answers, and turns. A peer is who its certificate says it is, however many connections it has;
 * all who have shown none, or not yet, are one.
 *
 * Of the octets nobody holds more than is left for all others: one alone gets half, n at their
 * limits get 1/(n + 1) each, and there is always as much left for one who comes then.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/https_private.h"

struct https_share {
	struct https *https;
	char key[CUID_TEXT_LEN + 1]; /* "": nobody */
	size_t connections;
	size_t held;
	struct https_connections waiting;
	TAILQ_ENTRY(https_share) turn; /* while somebody waits */
};

struct https_share *
https_share_join(struct https *h, const struct peer_id *peer)
{
	const char *key = peer ? peer->cuid : "";
	struct https_share *s = map_get(h->shares, key, strlen(key));

	if (!s) {
		s = mem_new(sizeof(*s));
		s->https = h;
		memcpy(s->key, key, strlen(key) + 1);
		TAILQ_INIT(&s->waiting);
		map_set(h->shares, key, strlen(key), s);
	}
	s->connections++;
	return s;
}

void
https_share_leave(struct https_share *s)
{
	if (--s->connections)
		return;
	map_remove(s->https->shares, s->key, strlen(s->key));
	free(s);
}

/* --- octets ---------------------------------------------------------------------------------- */

bool
https_share_has_room(const struct https_share *s, uint64_t len)
{
	const struct https *h = s->https;
	size_t left = h->held < h->limits.max_bodies ? h->limits.max_bodies - h->held : 0;

	return len <= left && s->held + len <= left - len;
}

void
https_share_hold(struct https_share *s, size_t len)
{
	s->held += len;
	s->https->held += len;
}

void
https_share_release(struct https_share *s, size_t len)
{
	s->held -= len;
	s->https->held -= len;
}

/* --- turns ----------------------------------------------------------------------------------- */

void
https_share_wait(struct https_connection *c)
{
	struct https_share *s = c->share;

	if (TAILQ_EMPTY(&s->waiting))
		TAILQ_INSERT_TAIL(&s->https->turns, s, turn);
	TAILQ_INSERT_TAIL(&s->waiting, c, queue);
	c->queued = true;
}

void
https_share_forget(struct https_connection *c)
{
	struct https_share *s = c->share;

	if (!c->queued)
		return;
	TAILQ_REMOVE(&s->waiting, c, queue);
	c->queued = false;
	if (TAILQ_EMPTY(&s->waiting))
		TAILQ_REMOVE(&s->https->turns, s, turn);
}

struct https_connection *
https_share_first(const struct https *h)
{
	const struct https_share *s = TAILQ_FIRST(&h->turns);

	return s ? TAILQ_FIRST(&s->waiting) : NULL;
}

void
https_share_pass(struct https_connection *c)
{
	struct https_share *s = c->share;

	TAILQ_REMOVE(&s->https->turns, s, turn);
	TAILQ_INSERT_TAIL(&s->https->turns, s, turn);
	https_share_forget(c);
}
