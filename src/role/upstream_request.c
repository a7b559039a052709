/*
 * The requests that are open at a server, on one session or on two, and how many leave at a time
 * (RFC 9132 4.4, 4.7).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/mem.h"
#include "role/upstream_private.h"

enum {
	/* A session keeps 64 requests open (net/session.h); they are shared out: */
	WINDOW = 24, /* requests under way to a server that answers … */
	/* … and so many more without an answer for two round trips, in these bounds. Over long ways
	 * less would have more open than there is room for, and answers that nobody waits for. */
	WINDOW_MS = 200,
	WINDOW_LONG_MS = 1000,
};

static void send_waiting(struct upstream *u);

static int64_t
window_ms(const struct upstream *u)
{
	int64_t due = 2 * u->pacing.round_trip_ms;

	if (due < WINDOW_MS)
		return WINDOW_MS;
	return due < WINDOW_LONG_MS ? due : WINDOW_LONG_MS;
}

void
upstream_request_build(const struct upstream *u, struct coap_msg *m, uint8_t method,
	const char *cuid, uint32_t mid, char *storage)
{
	struct path path = {.resource = PATH_MITIGATE, .has_mid = true, .mid = mid, .content = 'a'};

	if (method == COAP_GET) /* RFC 9132 4.4.2: its targets are known */
		path.content = 'n';
	coap_init(m, COAP_NON, method);
	snprintf(path.cdid, sizeof(path.cdid), "%s", u->cx.cdid);
	snprintf(path.cuid, sizeof(path.cuid), "%s", cuid);
	path_add(m, &path, storage);
}

void
upstream_request_drop(struct upstream *u, struct open_request *r)
{
	for (struct open_request **p = &u->requests; *p; p = &(*p)->next)
		if (*p == r) {
			*p = r->next;
			break;
		}
	for (int i = 0; i < 2; i++)
		if (r->handle[i] > 0 && u->session[i])
			request_cancel(u->session[i], r->handle[i]);
	free(r->payload);
	free(r);
	if (!u->requests)
		u->pressing = false;
}

static void
request_done(void *arg, struct session *s, const struct coap_msg *response, int error)
{
	struct open_request *r = arg;
	struct upstream *u = r->u;
	int line = u->session[CANDIDATE] == s ? CANDIDATE : CURRENT;
	mono_ms renewed = line == CANDIDATE ? u->candidate_up : 0;
	uint32_t mid = r->mid;
	uint8_t method = r->method;

	(void)error;
	r->handle[line] = 0;
	if (response && u->in_a_row) {
		u->in_a_row--;
		timer_after(u->window_timer, window_ms(u));
	}
	if (!response) /* that session is over; the other one, or the next, carries it */
		return;
	if (upstream_redirect_take(u, response, true)) { /* it goes on there */
		if (line == CANDIDATE)
			upstream_session_promote(u);
		u->answered = true;
		return;
	}
	upstream_request_drop(u, r);
	if (line == CANDIDATE)
		upstream_session_promote(u);
	else if (!u->requests) /* the first that answers wins */
		upstream_session_serves(u);
	u->answered = true;
	send_waiting(u);
	u->cx.ops->answered(u->cx.arg, u, mid, method, response);
	if (renewed)
		u->cx.ops->renewed(u->cx.arg, u, renewed);
}

/* A session keeps so many requests open and no more: the one sent longest ago gives up its place.
 * It is sent again when its repeat is due. False: there is none. */
bool
upstream_request_make_room(struct upstream *u, int line)
{
	struct open_request *oldest = NULL;

	for (struct open_request *r = u->requests; r; r = r->next)
		if (r->handle[line] && (!oldest || r->sent[line] < oldest->sent[line]))
			oldest = r;
	if (!oldest)
		return false;
	request_cancel(u->session[line], oldest->handle[line]);
	oldest->handle[line] = 0;
	return true;
}

static void
request_begin(struct open_request *r, int line)
{
	struct upstream *u = r->u;
	struct session *s = u->session[line];
	char storage[PATH_STORAGE];
	struct coap_msg m;
	int64_t handle;

	upstream_request_build(u, &m, r->method, r->cuid, r->mid, storage);
	if (r->payload) {
		coap_add_uint(&m, COAP_OPT_CONTENT_FORMAT, COAP_FORMAT_DOTS_CBOR);
		m.payload = r->payload;
		m.payload_len = r->len;
	}
	if (r->hop_limit)
		coap_add_uint(&m, COAP_OPT_HOP_LIMIT, r->hop_limit);
	if (r->if_match)
		coap_add(&m, COAP_OPT_IF_MATCH, NULL, 0);
	do
		handle = request_send(s, &m, request_done, r);
	while (handle == -EMFILE && upstream_request_make_room(u, line));
	if (handle > 0)
		r->handle[line] = handle;
	else
		event_raise(EVENT_ALERT, EVENT_F("reason", strerror((int)-handle)),
			EVENT_F("domain", u->domain->name), EVENT_F("server", u->server->name),
			EVENT_F("section", "RFC 9132 7.3"));
}

static void
request_on_line(struct open_request *r, int line)
{
	struct upstream *u = r->u;
	struct session *s = u->session[line];

	if (!r->waiting[line])
		return;
	r->waiting[line] = false;
	if (!s || !session_is_up(s))
		return;
	if (r->handle[line] > 0)
		request_repeat(s, r->handle[line]);
	else
		request_begin(r, line);
	r->sent[line] = loop_now(u->cx.loop);
	if (line == CURRENT)
		u->cx.ops->sent(u->cx.arg, u, r->mid);
}

static struct open_request *
first_waiting(const struct upstream *u)
{
	struct open_request *r = u->requests;

	while (r && !r->waiting[CURRENT] && !r->waiting[CANDIDATE])
		r = r->next;
	return r;
}

mono_ms
upstream_request_turn(const struct upstream *u)
{
	mono_ms now = loop_now(u->cx.loop);
	const struct session *s = u->session[CURRENT];

	return s && session_transport(s) == SESSION_TCP ? now : pacing_next(&u->pacing, now);
}

static bool
waits_its_turn(struct upstream *u)
{
	mono_ms turn = upstream_request_turn(u);

	if (turn <= loop_now(u->cx.loop))
		return false;
	timer_at(u->window_timer, turn);
	return true;
}

/* A server that answers sets the pace; one that does not gets them in heaps that it has room for.
 */
static void
send_waiting(struct upstream *u)
{
	struct open_request *r;

	while (u->in_a_row < WINDOW && (r = first_waiting(u)) && !waits_its_turn(u)) {
		if (u->in_a_row++ == 0)
			timer_after(u->window_timer, window_ms(u));
		request_on_line(r, CURRENT);
		request_on_line(r, CANDIDATE);
		pacing_sent(&u->pacing, loop_now(u->cx.loop)); /* over two sessions or one (4.7) */
	}
}

void
upstream_request_window(void *arg)
{
	struct upstream *u = arg;

	u->in_a_row = 0;
	send_waiting(u);
}

void
upstream_request_all(struct upstream *u, int line)
{
	for (struct open_request *r = u->requests; r; r = r->next)
		r->waiting[line] = true;
	send_waiting(u);
}

void
upstream_request_line_gone(struct upstream *u, int line)
{
	for (struct open_request *r = u->requests; r; r = r->next)
		r->handle[line] = 0;
}

void
upstream_request_promote(struct upstream *u)
{
	for (struct open_request *r = u->requests; r; r = r->next) {
		r->handle[CURRENT] = r->handle[CANDIDATE];
		r->waiting[CURRENT] = r->waiting[CANDIDATE];
		r->handle[CANDIDATE] = 0;
		r->waiting[CANDIDATE] = false;
	}
}

static struct open_request *
request_find(const struct upstream *u, uint32_t mid)
{
	struct open_request *r = u->requests;

	while (r && r->mid != mid)
		r = r->next;
	return r;
}

void
upstream_send(struct upstream *u, const char *cuid, uint32_t mid, uint8_t method,
	const uint8_t *payload, size_t len, uint8_t hop_limit, bool if_match)
{
	struct open_request *r = request_find(u, mid), **last = &u->requests;

	if (r)
		upstream_request_drop(u, r);
	r = mem_new(sizeof(*r));
	r->u = u;
	r->mid = mid;
	r->method = method;
	r->hop_limit = hop_limit;
	r->if_match = if_match;
	snprintf(r->cuid, sizeof(r->cuid), "%s", cuid);
	if (payload) {
		r->payload = mem_copy(payload, len);
		r->len = len;
	}
	while (*last)
		last = &(*last)->next;
	*last = r;
	r->waiting[CURRENT] = r->waiting[CANDIDATE] = true;
	send_waiting(u);
}

void
upstream_repeat(struct upstream *u, uint32_t mid)
{
	struct open_request *r = request_find(u, mid);

	if (!r)
		return;
	r->waiting[CURRENT] = r->waiting[CANDIDATE] = true;
	send_waiting(u);
}

void
upstream_forget(struct upstream *u, uint32_t mid)
{
	struct open_request *r = request_find(u, mid);

	if (r)
		upstream_request_drop(u, r);
	upstream_observe_end(u, mid);
}
