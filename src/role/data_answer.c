/*
 * How requests on the data channel are answered: at once, or when what they changed is on disk and
 * in force (RFC 8040 1.3).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "role/data_state.h"

enum {
	INSTALL_PATIENCE_MS = 3000, /* for the mitigators, then it is answered all the same */
	FIELDS_MAX = 8,
};

/* ---- what is said ---------------------------------------------------------------------------- */

void
data_raise_changed(
	const struct data_request *r, enum data_kind kind, const char *name, const char *change)
{
	event_raise(EVENT_DATA_CHANGED, EVENT_F("client", r->client->name),
		EVENT_F("cuid", r->cuid), EVENT_F("kind", data_entry_node(kind)->name),
		EVENT_F("name", name), EVENT_F("change", change));
}

static void
raise_refused(struct data_request *r)
{
	struct event_quota *quota = r->tenant ? &r->tenant->refusals : &r->server->strangers;
	const char *untold;

	if (event_quota_take(quota, loop_now(r->server->loop), &untold))
		event_raise(EVENT_DATA_REFUSED, EVENT_F("client", r->asker ? r->asker->name : NULL),
			EVENT_F("method", r->http->method), EVENT_F("path", r->http->path),
			EVENT_N("code", r->err.status), EVENT_F("reason", r->err.why),
			EVENT_F("untold", untold));
}

/* ---- answers --------------------------------------------------------------------------------- */

struct fields {
	struct https_field list[FIELDS_MAX];
	size_t n;
	char etag[DATA_ETAG_MAX], date[DATA_DATE_MAX];
};

static void
field(struct fields *f, const char *name, const char *value)
{
	f->list[f->n++] = (struct https_field){name, value};
}

/* Every answer has it (RFC 8040 5.5). */
static struct fields
fields_of(void)
{
	struct fields f = {0};

	field(&f, "Cache-Control", "no-cache");
	return f;
}

static void
field_version(struct fields *f, const struct data_version *v)
{
	if (!v->number)
		return;
	data_etag(v, f->etag);
	field(f, "ETag", f->etag);
	if (!v->changed)
		return;
	data_date(v->changed, f->date);
	field(f, "Last-Modified", f->date);
}

static void
respond(struct data_request *r, unsigned status, const struct fields *f, const char *body)
{
	https_answer(r->ex, &(struct https_answer){.status = status,
				    .fields = f->list,
				    .n_fields = f->n,
				    .body = body,
				    .len = body ? strlen(body) : 0});
}

void
data_answer_text(struct data_request *r, const char *type, const char *text)
{
	struct fields f = fields_of();

	field(&f, "Content-Type", type);
	respond(r, 200, &f, text);
}

void
data_answer_options(struct data_request *r)
{
	struct fields f = fields_of();

	field(&f, "Allow", data_allowed[r->place]);
	field(&f, "Accept-Patch", JSON_TYPE);
	respond(r, 200, &f, NULL);
}

void
data_answer_json(struct data_request *r, json_t *body, const struct data_version *v)
{
	struct fields f = fields_of();
	char *text = json_dumps(body, JSON_COMPACT);

	field(&f, "Content-Type", JSON_TYPE);
	if (v)
		field_version(&f, v);
	respond(r, 200, &f, text);
	free(text);
	json_decref(body);
}

void
data_answer_unmodified(struct data_request *r, const struct data_version *v)
{
	struct fields f = fields_of();

	field_version(&f, v);
	respond(r, 304, &f, NULL);
}

void
data_answer_error(struct data_request *r)
{
	struct data_version v;
	struct fields f = fields_of();
	json_t *body = restconf_error_body(&r->err, NULL);
	char *text = json_dumps(body, JSON_COMPACT), seconds[12];

	raise_refused(r);
	field(&f, "Content-Type", JSON_TYPE);
	if (r->err.status == 405)
		field(&f, "Allow", data_allowed[r->place]);
	/* Who asked under a condition learns what it failed of (RFC 8040 B.2.2). */
	if (r->err.status == 412 && data_version_of(r, &v))
		field_version(&f, &v);
	if (r->retry_after) {
		snprintf(seconds, sizeof(seconds), "%u", r->retry_after);
		field(&f, "Retry-After", seconds);
	}
	respond(r, r->err.status, &f, text);
	free(text);
	json_decref(body);
}

/* One that waits: for the store, and until the mitigators have said that what is in force follows.
 */
struct data_answer {
	struct data_server *server;
	struct https_exchange *ex; /* NULL: the peer has gone */
	char *client;
	unsigned status;
	char *location;
	bool stored;
	struct timer *patience;
	TAILQ_ENTRY(data_answer) link;
};

static void
answer_send(struct data_answer *a)
{
	struct fields f = fields_of();

	if (a->location)
		field(&f, "Location", a->location);
	if (a->ex)
		https_answer(
			a->ex, &(struct https_answer){
				       .status = a->status, .fields = f.list, .n_fields = f.n});
	a->ex = NULL;
	timer_stop(a->patience);
}

static void
answer_free(struct data_answer *a)
{
	if (a->server)
		TAILQ_REMOVE(&a->server->answers, a, link);
	timer_free(a->patience);
	free(a->client);
	free(a->location);
	free(a);
}

/* The store still knows of one that has been sent already. */
static void
answer_go_on(struct data_answer *a)
{
	if (a->ex && a->stored && !data_tenant(a->server, a->client)->installing)
		answer_send(a);
	if (!a->ex && a->stored)
		answer_free(a);
}

/* The server ends; those that are not stored yet the store still calls back for. */
void
data_answers_forget(struct data_server *s)
{
	struct data_answer *a;

	while ((a = TAILQ_FIRST(&s->answers))) {
		TAILQ_REMOVE(&s->answers, a, link);
		timer_stop(a->patience);
		a->server = NULL;
		a->ex = NULL;
		answer_go_on(a);
	}
}

static void
on_stored(void *arg, bool durable)
{
	struct data_answer *a = arg;

	(void)durable; /* served all the same; the store says it */
	a->stored = true;
	answer_go_on(a);
}

static void
on_patience(void *arg)
{
	answer_send(arg);
	answer_go_on(arg);
}

void
data_answers_gone(struct data_server *s, const struct https_exchange *ex)
{
	struct data_answer *a, *next;

	for (a = TAILQ_FIRST(&s->answers); a; a = next) {
		next = TAILQ_NEXT(a, link);
		if (a->ex != ex)
			continue;
		a->ex = NULL;
		timer_stop(a->patience);
		answer_go_on(a);
	}
}

void
data_answer_stored(struct data_request *r, unsigned status, char *location)
{
	struct data_server *s = r->server;
	struct data_answer *a = mem_new(sizeof(*a));

	a->server = s;
	a->ex = r->ex;
	a->client = mem_text(r->client->name);
	a->status = status;
	a->location = location;
	a->patience = timer_new(s->loop, on_patience, a);
	timer_after(a->patience, INSTALL_PATIENCE_MS);
	TAILQ_INSERT_TAIL(&s->answers, a, link);
	data_expire_due(s); /* something may be due earlier now */
	persist_after(s->persist, on_stored, a);
}

void
data_answers_go_on(struct data_server *s, const char *client)
{
	struct data_answer *a, *next;

	for (a = TAILQ_FIRST(&s->answers); a; a = next) {
		next = TAILQ_NEXT(a, link);
		if (!strcmp(a->client, client))
			answer_go_on(a);
	}
}
