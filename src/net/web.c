/*
 * See web.h. Requests in their order, on a connection that is made when one is needed, and the
 * time they have.
 */
#include "net/web.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/http_head.h"
#include "net/web_private.h"

enum {
	DEFAULT_TIMEOUT_S = 30,
	DEFAULT_IDLE_S = 60,
	DEFAULT_ANSWER = 16 * 1024 * 1024,
	HTTPS_PORT = 443,
	MS = 1000,
};

/* --- requests -------------------------------------------------------------------------------- */

const char *
web_field(const struct web_answer *a, const char *name)
{
	return web_head_find(&((const struct web_ask *)(const void *)a)->head, name);
}

static void
ask_free(struct web_ask *k)
{
	web_head_forget(&k->head);
	buf_finish(&k->body);
	for (size_t i = 0; i < k->n_fields; i++) {
		free(k->fields[i].name);
		free(k->fields[i].value);
	}
	free(k->fields);
	free(k->method);
	free(k->path);
	free(k->payload);
	free(k);
}

void
web_ask(struct web *w, const struct web_request *r,
	void (*done)(void *arg, const struct web_answer *a), void *arg)
{
	struct web_ask *k = mem_new(sizeof(*k));

	k->method = mem_text(r->method);
	k->path = mem_text(r->path);
	k->payload = r->body ? mem_copy(r->body, r->len) : NULL;
	k->len = r->body ? r->len : 0;
	k->fields = mem_array(r->n_fields, sizeof(*k->fields));
	for (; k->n_fields < r->n_fields; k->n_fields++) {
		k->fields[k->n_fields].name = mem_text(r->fields[k->n_fields].name);
		k->fields[k->n_fields].value = mem_text(r->fields[k->n_fields].value);
	}
	k->done = done;
	k->arg = arg;
	buf_init(&k->body, w->cfg.max_answer);
	TAILQ_INSERT_TAIL(&w->asks, k, queue);
	timer_after(w->turn, 0);
}

/* It stays one request, whatever is in its texts. */
static bool
ask_is_sound(const struct web_ask *k)
{
	if (!http_is_token(k->method) || k->path[0] != '/')
		return false;
	for (const char *p = k->path; *p; p++)
		if (*p <= ' ' || *p > '~' || *p == '#')
			return false;
	for (size_t i = 0; i < k->n_fields; i++)
		if (!http_is_token(k->fields[i].name) ||
			k->fields[i].value[strcspn(k->fields[i].value, "\r\n")])
			return false;
	return true;
}

/* The one under way; NULL: none, or its outcome waits to be told. */
static struct web_ask *
asking(const struct web *w)
{
	struct web_ask *k = TAILQ_FIRST(&w->asks);

	return w->busy && !k->over ? k : NULL;
}

static void
conclude(struct web *w, struct web_ask *k, const char *why)
{
	k->over = true;
	if (why) {
		snprintf(k->why, sizeof(k->why), "%s", why);
		web_head_forget(&k->head);
		buf_reset(&k->body);
		k->answer.status = 0;
		k->answer.why = k->why;
	}
	k->answer.body = buf_text(&k->body);
	k->answer.len = k->body.len;
	timer_after(w->turn, 0);
}

/* --- the connection -------------------------------------------------------------------------- */

static void
drop(struct web *w)
{
	web_connection_free(w->connection);
	w->connection = NULL;
}

void
web_ready(struct web *w)
{
	timer_after(w->turn, 0);
}

void
web_lost(struct web *w)
{
	struct web_ask *k = asking(w);

	timer_after(w->turn, 0);
	if (k && !w->connection->talks)
		conclude(w, k, w->connection->why);
}

static bool
is_idempotent(const char *method)
{
	static const char *const methods[] = {"GET", "HEAD", "OPTIONS", "PUT", "DELETE"};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strcmp(method, methods[i]) == 0)
			return true;
	return false;
}

/* RFC 9112 9.3.1: a server may close a quiet connection while a request is on its way to it. What
 * may have reached it is sent again only if that makes no difference (RFC 9110 9.2.2); once, for
 * the next connection will have served nobody before. */
static bool
may_ask_again(const struct web_connection *c, const struct web_ask *k)
{
	return c->served && !c->heard && (c->state == WEB_ENDED || !c->said) &&
	       (is_idempotent(k->method) || !c->said);
}

/* An answer that only the end of the connection ends, and that end is none (RFC 9112 9.8). */
static bool
is_cut_off(const struct web_connection *c, const struct web_ask *k)
{
	return c->cut && !k->head.sized && !k->head.chunked && strcmp(k->method, "HEAD") != 0 &&
	       k->answer.status != 204 && k->answer.status != 304;
}

void
web_answered(struct web *w, const char *why)
{
	struct web_connection *c = w->connection;
	struct web_ask *k = asking(w);
	bool again;

	if (!why && is_cut_off(c, k))
		why = "HTTP: the answer is cut off (RFC 9112 9.8)";
	again = why && may_ask_again(c, k);
	web_connection_finish(c, k, !why);
	timer_after(w->turn, 0);
	if (!again)
		conclude(w, k, why);
}

/* --- turns ----------------------------------------------------------------------------------- */

/* Its owner may free w. */
static void
tell(struct web *w)
{
	struct web_ask *k = TAILQ_FIRST(&w->asks);

	TAILQ_REMOVE(&w->asks, k, queue);
	w->busy = false;
	timer_after(w->clock, (int64_t)w->cfg.idle_s * MS);
	timer_after(w->turn, 0);
	k->done(k->arg, &k->answer);
	ask_free(k);
}

static void
begin(struct web *w)
{
	w->busy = true;
	timer_after(w->clock, (int64_t)w->cfg.timeout_s * MS);
	if (!ask_is_sound(TAILQ_FIRST(&w->asks)))
		conclude(w, TAILQ_FIRST(&w->asks), "HTTP: the request is malformed");
}

static void
pursue(struct web *w, struct web_ask *k)
{
	char why[WEB_WHY_MAX];

	if (!w->connection)
		w->connection = web_connection_new(w, why);
	if (!w->connection)
		conclude(w, k, why);
	else if (web_connection_is_good(w->connection) && !w->connection->talks &&
		 !web_connection_begin(w->connection, k))
		conclude(w, k, "HTTP: no socket to be had");
}

static void
turn(void *arg)
{
	struct web *w = arg;
	struct web_connection *c = w->connection;

	if (c && web_connection_is_spent(c))
		drop(w);
	else if (c)
		web_connection_settle(c);
	if (w->busy && !asking(w)) {
		tell(w);
		return;
	}
	if (!w->busy && TAILQ_FIRST(&w->asks))
		begin(w);
	if (asking(w))
		pursue(w, asking(w));
}

static const char *
late(const struct web_connection *c)
{
	static const char *const texts[] = {
		[WEB_CONNECTING] = "connection: not in time",
		[WEB_HANDSHAKE] = "TLS: not in time",
		[WEB_OPEN] = "HTTP: no whole answer in time",
		[WEB_ENDED] = "HTTP: no whole answer in time",
		[WEB_OVER] = "HTTP: no whole answer in time",
	};

	return texts[c ? c->state : WEB_CONNECTING];
}

static void
clock_rang(void *arg)
{
	struct web *w = arg;
	struct web_ask *k = asking(w);

	if (k)
		conclude(w, k, late(w->connection));
	drop(w);
}

/* --- life ------------------------------------------------------------------------------------ */

/* RFC 9110 4.2.2, 7.2 */
static char *
make_host(const struct web_config *cfg)
{
	struct addr literal;
	bool is_6 = addr_parse(cfg->name, &literal) == 0 && literal.family == 6;
	const char *open = is_6 ? "[" : "", *end = is_6 ? "]" : "";

	return cfg->server.port == HTTPS_PORT
		       ? mem_printf("%s%s%s", open, cfg->name, end)
		       : mem_printf("%s%s%s:%u", open, cfg->name, end, cfg->server.port);
}

struct web *
web_new(struct loop *l, const struct web_config *cfg)
{
	struct web *w = mem_new(sizeof(*w));

	w->loop = l;
	w->cfg = *cfg;
	w->cfg.timeout_s = cfg->timeout_s ? cfg->timeout_s : DEFAULT_TIMEOUT_S;
	w->cfg.idle_s = cfg->idle_s ? cfg->idle_s : DEFAULT_IDLE_S;
	w->cfg.max_answer = cfg->max_answer ? cfg->max_answer : DEFAULT_ANSWER;
	w->name = mem_text(cfg->name);
	w->host = make_host(cfg);
	if (cfg->interface)
		memcpy(w->interface, cfg->interface, strnlen(cfg->interface, IFNAMSIZ - 1));
	w->cfg.interface = cfg->interface ? w->interface : NULL;
	w->cfg.name = w->name;
	credentials_ref(w->cfg.credentials);
	TAILQ_INIT(&w->asks);
	w->turn = timer_new(l, turn, w);
	w->clock = timer_new(l, clock_rang, w);
	return w;
}

void
web_free(struct web *w)
{
	struct web_ask *k;

	if (!w)
		return;
	drop(w);
	while ((k = TAILQ_FIRST(&w->asks))) {
		TAILQ_REMOVE(&w->asks, k, queue);
		ask_free(k);
	}
	timer_free(w->turn);
	timer_free(w->clock);
	resumption_free(w->resumption);
	credentials_unref(w->cfg.credentials);
	free(w->name);
	free(w->host);
	free(w);
}

bool
web_is_connected(const struct web *w)
{
	return w->connection && web_connection_is_good(w->connection);
}
