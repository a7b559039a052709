/*
 * How requests on the data channel are answered: at once, or when what they changed is on disk and
 * in force (RFC 8040 1.3).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "role/data_state.h"
#include "wire/via.h"

enum {
	INSTALL_PATIENCE_MS = 3000, /* for the mitigators, then it is answered all the same */
	FIELDS_MAX = 8,
};

/* ---- what is said ---------------------------------------------------------------------------- */

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
data_answer_body(struct data_request *r, const char *text, const struct data_version *v)
{
	struct fields f = fields_of();

	field(&f, "Content-Type", JSON_TYPE);
	field_version(&f, v);
	respond(r, 200, &f, text);
}

void
data_answer_json(struct data_request *r, json_t *body)
{
	char *text = json_dumps(body, JSON_COMPACT);

	data_answer_body(r, text, &(struct data_version){0});
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

/* RFC 8783 3.4 figure 3. */
static json_t *
loop_info(const struct data_request *r)
{
	char via[VIA_MAX + 1];

	if (r->err.status != 508 || !r->via)
		return NULL;
	event_escape(via, sizeof(via), r->via, strlen(r->via));
	return json_pack("{ss}", DATA_MODULE ":via-header", via);
}

void
data_answer_error(struct data_request *r)
{
	struct data_version v;
	struct fields f = fields_of();
	json_t *body = restconf_error_body(&r->err, loop_info(r));
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
	struct data_undo *undo; /* upstream is to have it; NULL */
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
	data_undo_free(a->undo);
	free(a->client);
	free(a->location);
	free(a);
}

/* Nobody upstream takes it (M13). */
static void
answer_deny(struct data_answer *a, const struct restconf_error *err)
{
	struct fields f = fields_of();
	json_t *body = restconf_error_body(err, NULL);
	char *text = json_dumps(body, JSON_COMPACT);

	event_raise(EVENT_DATA_REFUSED, EVENT_F("client", a->client), EVENT_N("code", err->status),
		EVENT_F("reason", err->why));
	field(&f, "Content-Type", JSON_TYPE);
	https_answer(a->ex, &(struct https_answer){.status = err->status,
				    .fields = f.list,
				    .n_fields = f.n,
				    .body = text,
				    .len = strlen(text)});
	a->ex = NULL;
	timer_stop(a->patience);
	free(text);
	json_decref(body);
}

/* The store still knows of one that has been sent already. True: it is gone, and others may be. */
static bool
answer_go_on(struct data_answer *a)
{
	struct data_undo *undo = NULL;
	struct restconf_error err;
	enum data_progress p = DATA_DECIDED;

	if (a->ex && a->stored && !data_tenant(a->server, a->client)->installing) {
		if (a->undo)
			p = data_undo_progress(a->undo, &err);
		if (p == DATA_DECIDED)
			answer_send(a);
		if (p == DATA_DENIED) {
			undo = a->undo;
			a->undo = NULL;
			answer_deny(a, &err);
		}
	}
	if (a->ex || !a->stored)
		return false;
	answer_free(a);
	if (undo)
		data_undo_carry_out(undo); /* it may come back to the others */
	data_undo_free(undo);
	return true;
}

/* Those of that client, or (NULL) that wait for upstream. */
static void
answers_go_on(struct data_server *s, const char *client)
{
	struct data_answer *a = TAILQ_FIRST(&s->answers);

	while (a) {
		bool meant = client ? !strcmp(a->client, client) : a->undo != NULL;

		a = meant && answer_go_on(a) ? TAILQ_FIRST(&s->answers) : TAILQ_NEXT(a, link);
	}
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
	a->undo = r->undo;
	r->undo = NULL;
	a->patience = timer_new(s->loop, on_patience, a);
	timer_after(a->patience, INSTALL_PATIENCE_MS);
	TAILQ_INSERT_TAIL(&s->answers, a, link);
	data_expire_due(s); /* something may be due earlier now */
	persist_after(s->persist, on_stored, a);
}

void
data_answers_go_on(struct data_server *s, const char *client)
{
	answers_go_on(s, client);
}

void
data_answers_review(void *arg)
{
	answers_go_on(arg, NULL);
}
