/*
 * Names at the server (RFC 9132 4.4.1.1): looked up for requests that wait for it, and again as
 * long as requests on record stand for them. Each answer is checked like a prefix that the client
 * names; of one that is on record an address that is not the client's is never filtered.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/event.h"
#include "base/mem.h"
#include "role/server_state.h"

/* A request that waits. */
struct inquiry {
	TAILQ_ENTRY(inquiry) entry;
	struct naming *naming;
	char *client;
	struct cover *cover; /* of who asked */
	void (*done)(void *arg);
	void *arg;
	struct timer *timer;
	bool over; /* it has been told, and only keeps its names wanted */
};
TAILQ_HEAD(inquiries, inquiry);

/* Mitigations that stand for a name of one host. */
struct followers {
	uint64_t *ids;
	size_t n, cap;
};

struct naming {
	struct dots_server *server;
	struct names *names;
	struct map *followers; /* by host */
	struct inquiries inquiries;
	size_t n_inquiries;
};

bool
naming_is_on(const struct dots_server *s)
{
	const struct names_sources *from = &s->setup.names;

	return from->resolver.addr.family || (from->homing && from->homing->n_hosts);
}

/* ---- for events ---- */

void
naming_scope_text(const struct mitigation *m, struct buf *out)
{
	const struct target t = {
		.target_prefix = m->cover.prefixes, .n_target_prefix = m->cover.n_prefixes};

	server_scope_text(&t, out);
}

const char *
naming_text(const struct target *t, struct buf *out)
{
	const struct {
		char **list;
		size_t n;
	} lists[] = {{t->target_fqdn, t->n_target_fqdn}, {t->target_uri, t->n_target_uri},
		{t->alias_name, t->n_alias_name}};

	for (size_t i = 0; i < sizeof(lists) / sizeof(lists[0]); i++)
		for (size_t k = 0; k < lists[i].n; k++)
			buf_printf(out, "%s%s", out->len ? "," : "", lists[i].list[k]);
	return out->len ? buf_text(out) : NULL;
}

/* ---- requests that wait ---- */

static void
on_timer(void *arg)
{
	struct inquiry *q = arg;

	q->over = true;
	q->done(q->arg);
}

void
inquiry_free(struct inquiry *q)
{
	struct naming *n;

	if (!q)
		return;
	n = q->naming;
	TAILQ_REMOVE(&n->inquiries, q, entry);
	n->n_inquiries--;
	for (size_t i = 0; i < q->cover->n_names; i++)
		names_drop(n->names, q->cover->names[i].host);
	timer_free(q->timer);
	free(q->client);
	free(q);
}

static size_t
count_inquiries(const struct naming *n, const char *client, size_t *ret_names)
{
	const struct inquiry *q;
	size_t count = 0;

	*ret_names = 0;
	TAILQ_FOREACH(q, &n->inquiries, entry)
		if (!strcmp(q->client, client)) {
			count++;
			*ret_names += q->cover->n_names;
		}
	return count;
}

/* The hosts are copied: an answer that is known comes from inside, and makes the cover anew. */
static void
look_up(struct inquiry *q)
{
	struct cover asked;

	cover_copy(q->cover, &asked);
	for (size_t i = 0; i < asked.n_names; i++)
		if (asked.names[i].state == NAME_SOUGHT)
			names_lookup(q->naming->names, asked.names[i].host, false);
	cover_finish(&asked);
}

struct inquiry *
naming_ask(struct dots_server *s, const struct client *c, struct cover *cv, void (*done)(void *arg),
	void *arg)
{
	struct naming *n = s->naming;
	struct inquiry *q;
	size_t names;

	if (n->n_inquiries == NAMING_MAX ||
		count_inquiries(n, c->name, &names) == NAMING_CLIENT_MAX ||
		names + cv->n_names > c->limits.names)
		return NULL;
	q = mem_new(sizeof(*q));
	*q = (struct inquiry){.naming = n, .cover = cv, .done = done, .arg = arg};
	q->client = mem_text(c->name);
	q->timer = timer_new(s->loop, on_timer, q);
	timer_after(q->timer, cover_is_sought(cv) ? NAMING_PATIENCE_MS : 0);
	TAILQ_INSERT_TAIL(&n->inquiries, q, entry);
	n->n_inquiries++;
	look_up(q);
	return q;
}

/* ---- requests on record ---- */

static void
follow(struct naming *n, const char *host, uint64_t id)
{
	struct followers *f = map_get(n->followers, host, strlen(host));

	if (!f) {
		f = mem_new(sizeof(*f));
		map_set(n->followers, host, strlen(host), f);
	}
	for (size_t i = 0; i < f->n; i++)
		if (f->ids[i] == id)
			return;
	if (f->n == f->cap) {
		f->cap = f->cap ? 2 * f->cap : 4;
		f->ids = mem_grow(f->ids, f->cap, sizeof(*f->ids));
	}
	f->ids[f->n++] = id;
}

static void
followers_free(struct followers *f)
{
	free(f->ids);
	free(f);
}

static void
unfollow(struct naming *n, const char *host, uint64_t id)
{
	struct followers *f = map_get(n->followers, host, strlen(host));
	size_t i = 0;

	while (f && i < f->n && f->ids[i] != id)
		i++;
	if (f && i < f->n)
		f->ids[i] = f->ids[--f->n];
	if (!f || f->n)
		return;
	map_remove(n->followers, host, strlen(host));
	followers_free(f);
	names_drop(n->names, host);
}

static bool
is_looked_up(const struct name *n)
{
	struct addr a;

	return addr_parse(n->host, &a) != 0; /* an address as the host of a URI is known */
}

void
naming_follow(struct dots_server *s, const struct mitigation *m)
{
	struct cover asked; /* as in look_up */

	if (!m->cover.n_names)
		return;
	cover_copy(&m->cover, &asked);
	for (size_t i = 0; i < asked.n_names; i++) {
		if (!is_looked_up(&asked.names[i]))
			continue;
		follow(s->naming, asked.names[i].host, m->id);
		if (naming_is_on(s))
			names_lookup(s->naming->names, asked.names[i].host, false);
	}
	cover_finish(&asked);
}

void
naming_forget(struct dots_server *s, const struct mitigation *m)
{
	for (size_t i = 0; i < m->cover.n_names; i++)
		unfollow(s->naming, m->cover.names[i].host, m->id);
}

/* ---- answers ---- */

static void
alert(const struct mitigation *m, const char *name, const struct prefix *foreign)
{
	char text[PREFIX_TEXT_MAX], reason[256];

	if (!name)
		return;
	snprintf(reason, sizeof(reason),
		"it has the address %s, which its client %.64s may not ask for, and which is not "
		"filtered",
		prefix_format(foreign, text), m->client);
	event_raise(EVENT_ALERT, EVENT_F("reason", reason), EVENT_F("target", name),
		EVENT_F("section", "RFC 9132 4.4.1.1"));
}

/* Checked like what the client names (4.4.1.1); what is left of it is filtered from now on. */
static void
set_cover(struct dots_server *s, struct mitigation *m, struct cover *now)
{
	const struct client *c = clients_named(s->setup.clients, m->client);
	struct effects fx = {0};
	struct prefix foreign;

	alert(m, cover_gather(now, c, &foreign), &foreign);
	book_cover(s->book, m, now, &fx);
	server_apply(s, &fx);
	recursion_moved(s, m);
}

static void
learn(struct dots_server *s, uint64_t id, const char *host, const struct name_answer *answer)
{
	struct mitigation *m = book_by_id(s->book, id);
	struct cover now;

	if (!m)
		return;
	cover_copy(&m->cover, &now);
	if (cover_learn(&now, host, answer))
		set_cover(s, m, &now);
	else
		cover_finish(&now);
}

static void
on_answer(void *arg, const char *host, const struct name_answer *answer)
{
	struct naming *n = arg;
	const struct followers *f = map_get(n->followers, host, strlen(host));
	size_t n_ids = f ? f->n : 0;
	uint64_t *ids = f ? mem_copy(f->ids, n_ids * sizeof(*ids)) : NULL;
	struct inquiry *q;

	TAILQ_FOREACH(q, &n->inquiries, entry)
		if (!q->over && cover_learn(q->cover, host, answer) && !cover_is_sought(q->cover))
			timer_after(q->timer, 0);
	for (size_t i = 0; i < n_ids; i++)
		learn(n->server, ids[i], host, answer);
	free(ids);
}

static bool
is_wanted(void *arg, const char *host)
{
	const struct naming *n = arg;
	const struct inquiry *q;

	TAILQ_FOREACH(q, &n->inquiries, entry)
		if (cover_seeks(q->cover, host))
			return true;
	return naming_is_on(n->server) && map_get(n->followers, host, strlen(host));
}

static const struct names_ops names_ops = {.answered = on_answer, .wanted = is_wanted};

/* ---- life ---- */

struct naming *
naming_new(struct dots_server *s)
{
	struct naming *n = mem_new(sizeof(*n));

	n->server = s;
	n->followers = map_new();
	TAILQ_INIT(&n->inquiries);
	n->names = names_new(s->loop, &s->setup.names, &names_ops, n);
	return n;
}

static bool
free_followers(void *arg, const void *key, size_t len, void *value)
{
	(void)arg;
	(void)key;
	(void)len;
	followers_free(value);
	return true;
}

void
naming_free(struct naming *n)
{
	if (!n)
		return;
	names_free(n->names);
	map_each(n->followers, free_followers, NULL);
	map_free(n->followers);
	free(n);
}

static bool
has_names(void *arg, const struct mitigation *m)
{
	(void)arg;
	return m->cover.n_names;
}

/* M17: what was its client's is so no more. */
static void
end(struct dots_server *s, struct mitigation *m)
{
	struct effects fx = {0};

	server_end(s, m, "no longer authorised", &fx);
	server_apply(s, &fx);
}

/* Its names are looked up again if nobody could be asked before. */
static void
judge(struct dots_server *s, struct mitigation *m)
{
	struct cover now;
	struct prefix foreign;

	cover_copy(&m->cover, &now);
	cover_gather(&now, clients_named(s->setup.clients, m->client), &foreign);
	if (m->cover.n_prefixes && !now.n_prefixes) {
		cover_finish(&now);
		end(s, m);
	} else {
		set_cover(s, m, &now);
		naming_follow(s, m);
	}
}

void
naming_reload(struct dots_server *s)
{
	uint64_t *ids;
	size_t n;

	names_reload(s->naming->names, &s->setup.names);
	ids = book_ids(s->book, has_names, NULL, &n);
	for (size_t i = 0; i < n; i++)
		judge(s, book_by_id(s->book, ids[i]));
	free(ids);
}
