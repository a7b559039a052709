/*
 * The life of a request. What is small is served at once. What is not would keep the loop, and with
 * it the signal channel, for tens of milliseconds: such a request waits for its turn, of which its
 * client has no more than any other, and what it takes to read its body, to edit and to write JSON
 * is done by a worker, on a copy of what is on record. After each the worker rests for as long as
 * it took: where processors are few, the loop has them.
 *
 * What is on record may change meanwhile. An edit whose worker has started from something else than
 * what is there when it comes back starts over.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "role/data_state.h"

enum {
	AT_ONCE_MAX = 8 * 1024, /* bytes of body and records: below a millisecond */
	TRIES_MAX = 3,          /* so that nobody has the worker for ever */
};

/* ---- life ---- */

static void
drop_made(struct data_request *r)
{
	for (size_t i = 0; i < r->made.n_changes; i++) {
		data_draft_drop(&r->made.changes[i]);
		json_decref(r->made.changes[i].entry);
	}
	free(r->made.changes);
	free(r->made.text);
	data_undo_free(r->undo);
}

static void
request_free(struct data_request *r)
{
	drop_made(r);
	arena_free(r->arena);
	free(r);
}

static void
start_over(struct data_request *r)
{
	struct data_request fresh = {.server = r->server,
		.ex = r->ex,
		.http = r->http,
		.arena = r->arena,
		.head = r->head,
		.counted = r->counted,
		.tries = r->tries};

	drop_made(r);
	arena_reset(r->arena);
	*r = fresh;
}

/* It is free afterwards, or waits, or is with the worker. */
static void
serve(struct data_request *r)
{
	data_server_identify(r);
	if (r->asker)
		data_route(r);
	else
		data_answer_error(r);
	if (!r->held)
		request_free(r);
}

void
data_work_begin(struct data_server *s, struct https_exchange *ex, const struct https_request *http)
{
	struct data_request *r = mem_new(sizeof(*r));

	r->server = s;
	r->ex = ex;
	r->http = http;
	r->arena = arena_new();
	r->head = !strcmp(http->method, "HEAD");
	serve(r);
}

/* ---- turns ---- */

static void
wait_for_turn(struct data_request *r)
{
	struct tenant *t = r->tenant;

	if (TAILQ_EMPTY(&t->waiting))
		TAILQ_INSERT_TAIL(&r->server->turns, t, turn);
	TAILQ_INSERT_TAIL(&t->waiting, r, link);
	r->held = true;
}

static void
leave_turn(struct data_request *r)
{
	struct tenant *t = r->tenant;

	TAILQ_REMOVE(&t->waiting, r, link);
	if (TAILQ_EMPTY(&t->waiting))
		TAILQ_REMOVE(&r->server->turns, t, turn);
}

/* One of the tenant whose turn it is; it is the last one to have the next. */
static struct data_request *
next_in_turn(struct data_server *s)
{
	struct tenant *t = TAILQ_FIRST(&s->turns);
	struct data_request *r;

	if (!t)
		return NULL;
	r = TAILQ_FIRST(&t->waiting);
	TAILQ_REMOVE(&s->turns, t, turn);
	TAILQ_INSERT_TAIL(&s->turns, t, turn);
	leave_turn(r);
	return r;
}

static bool
worker_is_free(const struct data_server *s)
{
	return !s->at_work && !s->resting;
}

static void
go_on(struct data_server *s)
{
	struct data_request *r;

	while (worker_is_free(s) && (r = next_in_turn(s))) {
		start_over(r);
		serve(r);
	}
}

/* ---- the worker ---- */

const struct data_client *
data_request_subject(const struct data_request *r)
{
	return r->cuid ? data_find(r->server->data, r->cuid) : NULL;
}

static uint64_t
version_of_subject(const struct data_request *r)
{
	const struct data_client *dc = data_request_subject(r);

	return dc ? dc->version.number : 0;
}

/* Then what it points to may be gone, too. */
static bool
is_outdated(const struct data_request *r)
{
	return r->withdrawn || (r->edits && r->seen != version_of_subject(r));
}

static void
refuse_again(struct data_request *r)
{
	data_server_identify(r); /* for what is told of it */
	restconf_refuse(&r->err, 409, RESTCONF_IN_USE,
		"RFC 8040 7: in-use: it was changed by others each time");
	data_answer_error(r);
}

/* True: it is on its way again, and not ours any more. */
static bool
come_back(struct data_request *r)
{
	if (!r->ex)
		return false;
	if (!is_outdated(r)) {
		data_request_find(r);
		r->finish(r);
		return false;
	}
	start_over(r);
	if (++r->tries == TRIES_MAX) {
		refuse_again(r);
		return false;
	}
	serve(r);
	return true;
}

void
data_work_rested(void *arg)
{
	struct data_server *s = arg;

	s->resting = false;
	go_on(s);
}

static void
rest(struct data_server *s, uint64_t took_us)
{
	s->at_work = NULL;
	s->resting = true;
	timer_after(s->rest, (int64_t)(took_us / 1000));
}

static void
work_done(void *arg)
{
	struct data_request *r = arg;
	struct data_server *s = r->server;

	pthread_mutex_destroy(&r->lock);
	if (s)
		rest(s, r->took_us);
	if (!s || !come_back(r))
		request_free(r);
}

static void
work_run(void *arg)
{
	struct data_request *r = arg;
	uint64_t begun = loop_used_us();

	pthread_mutex_lock(&r->lock);
	if (!r->withdrawn)
		r->prepare(r);
	pthread_mutex_unlock(&r->lock);
	r->took_us = loop_used_us() - begun;
}

/* Its body may go with its peer. */
static void
give_to_worker(struct data_request *r)
{
	struct data_server *s = r->server;

	r->body = arena_text(r->arena, r->http->body, r->http->len);
	r->held = true;
	pthread_mutex_init(&r->lock, NULL);
	s->at_work = r;
	loop_work(s->loop, work_run, work_done, r);
}

void
data_work(struct data_request *r, bool copies, data_step *prepare, data_step *finish)
{
	struct data_server *s = r->server;
	size_t weight = r->http->len + (copies ? data_copy_weigh(r) : 0);

	if (weight > AT_ONCE_MAX && !worker_is_free(s)) {
		wait_for_turn(r);
		return;
	}
	r->seen = version_of_subject(r);
	r->prepare = prepare;
	r->finish = finish;
	r->body = r->http->body;
	r->len = r->http->len;
	if (copies)
		data_copy_take(r);
	if (weight > AT_ONCE_MAX) {
		give_to_worker(r);
		return;
	}
	prepare(r);
	finish(r);
}

/* ---- end ---- */

void
data_work_gone(struct data_server *s, const struct https_exchange *ex)
{
	struct tenant *t;
	struct data_request *r;

	if (s->at_work && s->at_work->ex == ex)
		s->at_work->ex = NULL;
	TAILQ_FOREACH(t, &s->turns, turn)
		TAILQ_FOREACH(r, &t->waiting, link)
			if (r->ex == ex) {
				leave_turn(r);
				request_free(r);
				return;
			}
}

void
data_work_withdraw(struct data_server *s)
{
	struct data_request *r = s->at_work;

	if (!r)
		return;
	pthread_mutex_lock(&r->lock);
	r->withdrawn = true;
	pthread_mutex_unlock(&r->lock);
}

/* What is with the worker comes back to nobody. */
void
data_work_forget(struct data_server *s)
{
	struct tenant *t;
	struct data_request *r;

	while ((t = TAILQ_FIRST(&s->turns))) {
		r = TAILQ_FIRST(&t->waiting);
		leave_turn(r);
		request_free(r);
	}
	if (s->at_work)
		s->at_work->server = NULL;
}
