/*
 * See desk.h.
 */
#include "desk.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

static void
desk_give(struct desk *d, struct https_exchange *ex, const char *path)
{
	static const struct https_field fields[] = {
		{"Content-Type", "text/plain"}, {"Cache-Control", "no-cache"}};
	struct https_answer a = {d->status ? d->status : 200, fields, 2, NULL, 0};
	char *text = d->answer       ? mem_text(d->answer)
		     : d->answer_len ? mem_new(d->answer_len)
				     : mem_printf("%s\n", path);

	if (d->answer_len)
		memset(text, 'x', d->answer_len);
	a.body = text;
	a.len = d->answer_len ? d->answer_len : strlen(text);
	https_answer(ex, &a);
	free(text);
}

static void
desk_note(struct desk *d, struct https_exchange *ex, const struct https_request *r)
{
	const char *field = https_header(ex, "x-test");
	size_t n = strlen(d->paths);

	d->requests++;
	snprintf(d->method, sizeof(d->method), "%s", r->method);
	snprintf(d->path, sizeof(d->path), "%s", r->path);
	snprintf(d->query, sizeof(d->query), "%s", r->query ? r->query : "-");
	snprintf(d->peer, sizeof(d->peer), "%s", r->peer ? r->peer->name : "-");
	snprintf(d->field, sizeof(d->field), "%s", field ? field : "-");
	snprintf(d->body, sizeof(d->body), "%.*s", (int)r->len, r->body);
	snprintf(d->paths + n, sizeof(d->paths) - n, "%s ", r->path);
	d->len = r->len;
	d->remote = r->remote;
}

static void
desk_request(void *arg, struct https_exchange *ex, const struct https_request *r)
{
	struct desk *d = arg;

	desk_note(d, ex, r);
	if (d->hold) {
		assert_true(d->n_held < DESK_HELD_MAX);
		d->held_paths[d->n_held] = mem_text(r->path);
		d->held[d->n_held++] = ex;
	} else {
		desk_give(d, ex, r->path);
	}
	if (d->on_request)
		d->on_request(d);
}

static void
desk_forget(struct desk *d, unsigned i)
{
	d->n_held--;
	free(d->held_paths[i]);
	memmove(&d->held[i], &d->held[i + 1], (d->n_held - i) * sizeof(d->held[0]));
	memmove(&d->held_paths[i], &d->held_paths[i + 1],
		(d->n_held - i) * sizeof(d->held_paths[0]));
}

static void
desk_gone(void *arg, struct https_exchange *ex)
{
	struct desk *d = arg;
	unsigned i = 0;

	while (i < d->n_held && d->held[i] != ex)
		i++;
	assert_true(i < d->n_held);
	desk_forget(d, i);
	d->gone++;
	if (d->on_gone)
		d->on_gone(d);
}

static const char *
desk_judge(void *arg, const struct peer_id *peer, const struct endpoint *remote)
{
	struct desk *d = arg;

	assert_int_equal(remote->addr.family, 4);
	d->judged++;
	if (d->refuse_of && strcmp(peer->name, d->refuse_of) != 0)
		return NULL;
	return d->refuse;
}

static const struct https_ops desk_ops = {
	.request = desk_request,
	.gone = desk_gone,
	.judge = desk_judge,
};

void
desk_start(struct desk *d, struct https_config *cfg)
{
	struct https_config plain = {0};
	struct listen_socket socket = {0};
	struct credentials *own = NULL;
	char why[256] = "";

	memset(d, 0, sizeof(*d));
	cfg = cfg ? cfg : &plain;
	if (!cfg->credentials)
		cfg->credentials = own = harness_credentials("server", "ca");
	assert_int_equal(endpoint_parse("127.0.0.1", 0, &socket.local), 0);
	socket.local.port = harness_free_port(&socket.local);
	cfg->sockets = &socket;
	cfg->n_sockets = 1;
	d->loop = loop_new();
	d->at = socket.local;
	d->https = https_new(d->loop, cfg, &desk_ops, d, why, sizeof(why));
	if (!d->https)
		fail_msg("%s", why);
	credentials_unref(own);
	if (own)
		cfg->credentials = NULL;
}

void
desk_stop(struct desk *d)
{
	unsigned gone = d->gone;

	https_free(d->https);
	assert_int_equal(d->gone, gone);
	for (unsigned i = 0; i < d->n_held; i++) /* they went with the server */
		free(d->held_paths[i]);
	loop_free(d->loop);
}

void
desk_answer(struct desk *d)
{
	assert_true(d->n_held > 0);
	desk_give(d, d->held[0], d->held_paths[0]);
	desk_forget(d, 0);
}

struct visitor *
desk_visitor(struct desk *d, const struct visitor_setup *setup)
{
	struct visitor *w = visitor_new(d->loop, &d->at, setup);

	WAIT(d->loop, visitor_is_up(w));
	return w;
}

unsigned
visitor_has(const struct visitor *w, const char *text)
{
	unsigned n = 0;

	for (const char *at = visitor_text(w); (at = strstr(at, text)); at += strlen(text))
		n++;
	return n;
}

unsigned
visitor_answers(const struct visitor *w)
{
	return visitor_has(w, "HTTP/1.1 ");
}
