/*
 * Who watches which mitigation (RFC 9132 4.4.2.1, RFC 7641): Non-confirmable notifications, at most
 * one every 3 s to an observer, at each change and periodically while the mitigation lives.
 */
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/mem.h"
#include "role/server_state.h"

enum {
	NOTIFY_GAP_MS = 3000,     /* RFC 9132 4.4.2.1: without an RTT estimate */
	NOTIFY_PERIOD_MS = 15000, /* fresh counters */
	OBSERVERS_PER_CLIENT = 256,
	ENDED_MAX = 64, /* last words that wait for the gap */
	PAYLOAD_MAX = 16384,
};

struct observer {
	struct observer *next;
	struct watchers *watchers;
	struct session *session;
	uint8_t token[COAP_TOKEN_MAX];
	size_t token_len;
	struct path path;
	uint32_t sequence;
	mono_ms sent;
	struct timer *timer;
	struct arena *arena; /* holds ended */
	struct scope *ended; /* mitigations that are gone, and that it has not been told of */
	size_t n_ended;
};

/* All observers of one client and cuid. */
struct watchers {
	struct dots_server *server;
	char *client, *cuid;
	struct observer *list;
	size_t n;
};

static char *
watchers_key(const char *client, const char *cuid)
{
	return mem_printf("%s/%s", client, cuid);
}

static void
observer_free(struct observer *o)
{
	for (struct observer **p = &o->watchers->list; *p; p = &(*p)->next)
		if (*p == o) {
			*p = o->next;
			break;
		}
	o->watchers->n--;
	timer_free(o->timer);
	arena_free(o->arena);
	free(o);
}

struct listing {
	const struct path *path;
	mono_ms now;
	struct scope *scopes;
	size_t n, cap;
};

static struct scope *
list_more(struct listing *l)
{
	if (l->n == l->cap) {
		l->cap = l->cap ? 2 * l->cap : 4;
		l->scopes = mem_grow(l->scopes, l->cap, sizeof(*l->scopes));
	}
	return &l->scopes[l->n++];
}

static bool
list_one(void *arg, struct mitigation *m)
{
	struct listing *l = arg;

	if (!l->path->has_mid || m->mid == l->path->mid)
		mitigation_describe(m, l->path->content, l->now, list_more(l));
	return true;
}

static int
notify(struct observer *o, struct scope *scopes, size_t n)
{
	struct signal_msg msg = {.has = 1ULL << SIGNAL_MITIGATION_SCOPE};
	struct answer_body body = {.code = COAP_205_CONTENT, .msg = &msg, .has_observe = true};
	struct coap_msg m;
	struct buf out;
	int r;

	msg.mitigation_scope.has = 1ULL << MITIGATION_SCOPE_SCOPE;
	msg.mitigation_scope.scope = scopes;
	msg.mitigation_scope.n_scope = n;
	body.observe = ++o->sequence & 0xffffff;
	buf_init(&out, PAYLOAD_MAX);
	answer_build(&m, &body, &out);
	r = session_notify(o->session, o->token, o->token_len, &m);
	buf_finish(&out);
	o->sent = loop_now(o->watchers->server->loop);
	return r;
}

/* What is gone comes before what is there: a mid may have been used again. */
static void
observer_due(void *arg)
{
	struct observer *o = arg;
	struct dots_server *s = o->watchers->server;
	struct listing l = {.path = &o->path, .now = loop_now(s->loop)};
	size_t gone = o->n_ended;

	for (size_t i = 0; i < o->n_ended; i++)
		*list_more(&l) = o->ended[i];
	book_each(s->book, o->watchers->client, o->watchers->cuid, list_one, &l);
	if (l.n && notify(o, l.scopes, l.n) == 0 && l.n > gone) {
		o->n_ended = 0;
		timer_after(o->timer, NOTIFY_PERIOD_MS);
	} else {
		observer_free(o);
	}
	free(l.scopes);
}

static struct observer *
observer_find(
	const struct watchers *w, const struct session *session, const uint8_t *token, size_t len)
{
	struct observer *o = w ? w->list : NULL;

	while (o &&
		(o->session != session || o->token_len != len || memcmp(o->token, token, len) != 0))
		o = o->next;
	return o;
}

static struct watchers *
watchers_get(struct dots_server *s, const char *client, const char *cuid, bool make)
{
	char *key = watchers_key(client, cuid);
	struct watchers *w = map_get(s->observers, key, strlen(key));

	if (!w && make) {
		w = mem_new(sizeof(*w));
		w->server = s;
		w->client = mem_text(client);
		w->cuid = mem_text(cuid);
		map_set(s->observers, key, strlen(key), w);
	}
	free(key);
	return w;
}

/* The answer to the registration is sent by the caller; notifications follow from here. */
void
observe_add(struct dots_server *s, struct session *session, const struct coap_msg *req,
	const char *client, const struct path *path)
{
	struct watchers *w = watchers_get(s, client, path->cuid, true);
	struct observer *o = observer_find(w, session, req->token, req->token_len);

	if (!o) {
		if (w->n >= OBSERVERS_PER_CLIENT)
			return; /* answered as a plain GET (RFC 7641 4.1) */
		o = mem_new(sizeof(*o));
		o->watchers = w;
		o->session = session;
		memcpy(o->token, req->token, req->token_len);
		o->token_len = req->token_len;
		o->timer = timer_new(s->loop, observer_due, o);
		o->next = w->list;
		w->list = o;
		w->n++;
	}
	o->path = *path;
	o->sent = loop_now(s->loop);
	timer_after(o->timer, NOTIFY_PERIOD_MS);
}

struct removal {
	struct session *session;
	const uint8_t *token; /* NULL: all of the session */
	size_t len;
};

static bool
remove_matching(void *arg, const void *key, size_t key_len, void *value)
{
	const struct removal *r = arg;
	struct watchers *w = value;

	(void)key;
	(void)key_len;
	for (struct observer *o = w->list, *next; o; o = next) {
		next = o->next;
		if (o->session == r->session &&
			(!r->token || (o->token_len == r->len &&
					      memcmp(o->token, r->token, r->len) == 0)))
			observer_free(o);
	}
	return true;
}

void
observe_remove(struct dots_server *s, struct session *session, const uint8_t *token, size_t len)
{
	struct removal r = {session, token, len};

	map_each(s->observers, remove_matching, &r);
}

void
observe_session_gone(struct dots_server *s, struct session *session)
{
	struct removal r = {session, NULL, 0};

	map_each(s->observers, remove_matching, &r);
}

/* The last word on an ended mitigation: status 6 or 7, nothing left of its lifetime. Kept, for the
 * mitigation goes. */
static void
keep_end(struct observer *o, const struct mitigation *m)
{
	struct scope scope, *kept;

	if (!o->n_ended) {
		arena_free(o->arena);
		o->arena = arena_new();
		o->ended = arena_alloc(o->arena, ENDED_MAX, sizeof(*o->ended));
	}
	if (o->n_ended == ENDED_MAX)
		return;
	mitigation_describe(m, o->path.content, loop_now(o->watchers->server->loop), &scope);
	scope.status =
		m->status == ATTACK_MITIGATION_WITHDRAWN ? m->status : ATTACK_MITIGATION_TERMINATED;
	scope.lifetime = 0;
	kept = &o->ended[o->n_ended++];
	schema_copy(&scope_schema, o->arena, &scope, kept);
}

void
observe_changed(struct dots_server *s, const struct mitigation *m, bool ended)
{
	struct watchers *w = watchers_get(s, m->client, m->cuid, false);
	mono_ms now = loop_now(s->loop);

	for (struct observer *o = w ? w->list : NULL; o; o = o->next) {
		if (o->path.has_mid && o->path.mid != m->mid)
			continue;
		if (ended)
			keep_end(o, m);
		timer_at(o->timer, o->sent + NOTIFY_GAP_MS > now ? o->sent + NOTIFY_GAP_MS : now);
	}
}

static bool
free_watchers(void *arg, const void *key, size_t len, void *value)
{
	struct watchers *w = value;

	(void)arg;
	(void)key;
	(void)len;
	while (w->list)
		observer_free(w->list);
	free(w->client);
	free(w->cuid);
	free(w);
	return true;
}

void
observers_free(struct dots_server *s)
{
	map_each(s->observers, free_watchers, NULL);
	map_free(s->observers);
}
