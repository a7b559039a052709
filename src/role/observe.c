/*
 * Who watches which mitigation (RFC 9132 4.4.2.1, RFC 7641): Non-confirmable notifications, at most
 * one every 3 s to an observer, at each change and periodically while the mitigation lives.
 */
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/mem.h"
#include "role/server_state.h"

enum {
	NOTIFY_GAP_MS = 3000,     /* RFC 9132 4.4.2.1: without an RTT estimate */
	NOTIFY_PERIOD_MS = 15000, /* fresh counters */
	ENDED_MAX = 64,           /* last words that wait for the gap */
};

struct observer {
	LIST_ENTRY(observer) of_watchers, of_peer;
	struct watchers *watchers;
	struct peer *peer;
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

/* All observers of one client and cuid; goes with the last of them. */
struct watchers {
	struct dots_server *server;
	char *client, *cuid;
	struct observer_list list;
};

static char *
watchers_key(const char *client, const char *cuid)
{
	return mem_printf("%s/%s", client, cuid);
}

static void
watchers_free(struct watchers *w)
{
	char *key = watchers_key(w->client, w->cuid);

	map_remove(w->server->observers, key, strlen(key));
	free(key);
	free(w->client);
	free(w->cuid);
	free(w);
}

static void
observer_free(struct observer *o)
{
	struct watchers *w = o->watchers;

	LIST_REMOVE(o, of_watchers);
	LIST_REMOVE(o, of_peer);
	w->server->n_observers--;
	o->peer->group->n_observers--;
	timer_free(o->timer);
	arena_free(o->arena);
	free(o);
	if (LIST_EMPTY(&w->list))
		watchers_free(w);
}

struct listing {
	const struct path *path;
	struct book *book;
	mono_ms now;
	struct effects fx; /* of having told it */
	bool again;        /* something is to be told again soon */
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

	book_review(l->book, m);
	l->again = book_told(l->book, m, l->now, &l->fx) || l->again;
	mitigation_describe(m, l->path->content, l->now, list_more(l));
	return true;
}

/* Of the registration too: each is newer than what came before (RFC 7641 4.4). */
static uint32_t
next_sequence(struct observer *o)
{
	o->sequence = (o->sequence + 1) & 0xffffff;
	return o->sequence;
}

/* 0 or -errno of session_notify; -EMSGSIZE: the observer was told that there is no more to come
 * (RFC 7641 4.2). */
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
	body.observe = next_sequence(o);
	buf_init(&out, session_max_body(o->peer->session));
	r = answer_build(&m, &body, &out)
		    ? session_notify(o->peer->session, o->token, o->token_len, &m)
		    : -EMSGSIZE;
	if (r == -EMSGSIZE) {
		answer_too_large(&m);
		session_notify(o->peer->session, o->token, o->token_len, &m);
	}
	o->sent = loop_now(o->watchers->server->loop);
	if (o->peer->hb.silent)
		probing_sent(&o->peer->probing, m.payload_len,
			o->peer->config.sets[o->peer->set].probing_rate, o->sent);
	buf_finish(&out);
	return r;
}

/* Blocks of an earlier body are being fetched, or there is no room for this one. */
static bool
is_for_later(int error)
{
	return error == -EBUSY || error == -ENOBUFS;
}

/* What is gone comes before what is there: a mid may have been used again. */
static void
observer_due(void *arg)
{
	struct observer *o = arg;
	struct dots_server *s = o->watchers->server;
	struct listing l = {.path = &o->path, .book = s->book, .now = loop_now(s->loop)};
	struct mitigation *m;
	int r = -ENOENT;
	size_t gone = o->n_ended;

	if (o->peer->hb.silent && probing_next(&o->peer->probing, l.now) > l.now) {
		timer_at(o->timer, o->peer->probing.paid);
		return;
	}
	for (size_t i = 0; i < o->n_ended; i++)
		*list_more(&l) = o->ended[i];
	if (!o->path.has_mid)
		book_each(s->book, o->watchers->client, o->watchers->cuid, list_one, &l);
	else if ((m = book_find(s->book, o->watchers->client, o->watchers->cuid, o->path.mid)))
		list_one(&l, m);
	server_apply(s, &l.fx);
	if (l.n)
		r = notify(o, l.scopes, l.n);
	if (is_for_later(r)) {
		timer_after(o->timer, NOTIFY_GAP_MS);
	} else if (r == 0 && l.n > gone) {
		o->n_ended = 0;
		timer_after(o->timer, l.again ? NOTIFY_GAP_MS : NOTIFY_PERIOD_MS);
	} else {
		observer_free(o);
	}
	free(l.scopes);
}

static struct observer *
observer_find(const struct peer *p, const uint8_t *token, size_t len)
{
	struct observer *o;

	LIST_FOREACH(o, &p->observers, of_peer)
		if (o->token_len == len && memcmp(o->token, token, len) == 0)
			break;
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
		LIST_INIT(&w->list);
		map_set(s->observers, key, strlen(key), w);
	}
	free(key);
	return w;
}

static bool
has_room(const struct peer *p)
{
	const struct server_setup *setup = &p->server->setup;
	const struct client *c = clients_named(setup->clients, p->group->client);

	return c && p->server->n_observers < setup->max_observers &&
	       p->group->n_observers < c->limits.observers;
}

static struct observer *
observer_new(struct peer *p, const char *client, const struct coap_msg *req, const char *cuid)
{
	struct observer *o = mem_new(sizeof(*o));

	o->watchers = watchers_get(p->server, client, cuid, true);
	o->peer = p;
	memcpy(o->token, req->token, req->token_len);
	o->token_len = req->token_len;
	o->timer = timer_new(p->server->loop, observer_due, o);
	LIST_INSERT_HEAD(&o->watchers->list, o, of_watchers);
	LIST_INSERT_HEAD(&p->observers, o, of_peer);
	p->server->n_observers++;
	p->group->n_observers++;
	return o;
}

/* The answer to the registration is sent by the caller; notifications follow from here. */
bool
observe_add(struct peer *p, const char *client, const struct coap_msg *req, const struct path *path,
	uint32_t *ret_sequence)
{
	struct observer *o = observer_find(p, req->token, req->token_len);

	/* A token names one request: what it stood for before is over (RFC 7641 3.1). */
	if (o && (strcmp(o->path.cuid, path->cuid) != 0 ||
			 strcmp(o->watchers->client, client) != 0)) {
		observer_free(o);
		o = NULL;
	}
	if (!o && !has_room(p))
		return false;
	if (!o)
		o = observer_new(p, client, req, path->cuid);
	o->path = *path;
	o->sent = loop_now(p->server->loop);
	timer_after(o->timer, NOTIFY_PERIOD_MS);
	*ret_sequence = next_sequence(o);
	return true;
}

void
observe_remove(struct peer *p, const uint8_t *token, size_t len)
{
	struct observer *o = observer_find(p, token, len);

	if (o)
		observer_free(o);
}

void
observe_session_gone(struct peer *p)
{
	while (!LIST_EMPTY(&p->observers))
		observer_free(LIST_FIRST(&p->observers));
}

void
observe_heard(struct peer *p)
{
	struct observer *o;

	LIST_FOREACH(o, &p->observers, of_peer)
		timer_at(o->timer, o->sent + NOTIFY_GAP_MS);
}

void
observe_end(struct peer *p, const struct answer_body *body)
{
	struct coap_msg m;
	struct buf out;

	buf_init(&out, session_max_body(p->session));
	answer_build(&m, body, &out);
	while (!LIST_EMPTY(&p->observers)) {
		struct observer *o = LIST_FIRST(&p->observers);

		session_notify(p->session, o->token, o->token_len, &m);
		observer_free(o);
	}
	buf_finish(&out);
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

	for (struct observer *o = w ? LIST_FIRST(&w->list) : NULL; o;
		o = LIST_NEXT(o, of_watchers)) {
		if (o->path.has_mid && o->path.mid != m->mid)
			continue;
		if (ended)
			keep_end(o, m);
		timer_at(o->timer, o->sent + NOTIFY_GAP_MS > now ? o->sent + NOTIFY_GAP_MS : now);
	}
}

/* Each went with its session. */
void
observers_free(struct dots_server *s)
{
	map_free(s->observers);
}
