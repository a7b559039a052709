/*
 * A server that sends its clients to another one (RFC 9132 4.6, RFC 8811 3.2.2): whom it redirects,
 * and what it says to them.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "role/server_state.h"

/* An error goes in one message (RFC 7959 2.1, RFC 9132 7.3): over UDP no larger than this. */
enum { DATAGRAM_BODY = 1024 };

/* The body that says it; borrows from d. */
struct redirection {
	struct signal_msg msg;
	struct answer_body body;
};

static void
fill(struct redirection *r, const struct drain *d, size_t n_addresses)
{
	*r = (struct redirection){.msg = {.has = 1ULL << SIGNAL_REDIRECTED_SIGNAL}};
	r->msg.redirected_signal.has = 1ULL << REDIRECTED_ALT_SERVER;
	r->msg.redirected_signal.alt_server = d->to;
	if (n_addresses)
		r->msg.redirected_signal.has |= 1ULL << REDIRECTED_ALT_SERVER_RECORD;
	r->msg.redirected_signal.alt_server_record = d->addresses;
	r->msg.redirected_signal.n_alt_server_record = n_addresses;
	r->body = (struct answer_body){
		.code = COAP_503_SERVICE_UNAVAILABLE, .msg = &r->msg, .max_age = d->ttl};
}

/* As many addresses as fit a datagram. */
static size_t
count_fitting(const struct drain *d)
{
	size_t n = d->n_addresses;
	struct redirection r;
	struct buf out;

	for (;; n--) {
		bool fits;

		fill(&r, d, n);
		buf_init(&out, DATAGRAM_BODY);
		fits = signal_encode(&r.msg, &out) == 0;
		buf_finish(&out);
		if (fits || !n)
			return n;
	}
}

static size_t
addresses_for(const struct dots_server *s, const struct session *session)
{
	return session_transport(session) == SESSION_TCP ? s->drain->n_addresses : s->drain_fitting;
}

static void
tell(struct peer *p, const struct drain *d)
{
	const char *untold;

	if (event_quota_take(&p->group->idle, loop_now(p->server->loop), &untold))
		event_raise(EVENT_REDIRECTED, EVENT_F("role", "server"),
			EVENT_F("peer", p->group->client), EVENT_F("alternate", d->to),
			EVENT_N("ttl", d->ttl == UINT32_MAX ? -1 : (int64_t)d->ttl),
			EVENT_F("untold", untold));
}

/* RFC 8612 SIG-005: not while a mitigation of that client is on, unless the operator insists. */
static bool
is_deferred(const struct dots_server *s, const char *client)
{
	return !s->drain->force && book_is_mitigating(s->book, client);
}

bool
drain_refuses(const struct dots_server *s, const char *client, bool is_new)
{
	return s->drain && (s->drain->to || is_new) && !is_deferred(s, client);
}

void
drain_answer(struct peer *p, struct exchange *ex)
{
	const struct drain *d = p->server->drain;
	struct redirection r;
	struct verdict v;

	if (!d->to) {
		v = verdict_of(COAP_503_SERVICE_UNAVAILABLE,
			"RFC 8811 3.2.2: this server takes no new requests for the time being");
		v.max_age = d->ttl;
		answer_verdict(ex, &v);
		return;
	}
	fill(&r, d, addresses_for(p->server, p->session));
	p->redirected = true;
	tell(p, d);
	answer_now(ex, &r.body);
}

struct sweep {
	const struct dots_server *server;
	size_t deferred;
};

static bool
begin_group(void *arg, const void *key, size_t len, void *value)
{
	struct dots_server *s = arg;
	const struct peer_group *g = value;
	struct redirection r;

	(void)key;
	(void)len;
	for (struct peer *p = g->peers; p && !is_deferred(s, g->client); p = p->next) {
		if (LIST_EMPTY(&p->observers))
			continue;
		p->redirected = true;
		tell(p, s->drain);
		fill(&r, s->drain, addresses_for(s, p->session));
		observe_end(p, &r.body);
	}
	return true;
}

static bool
end_group(void *arg, const void *key, size_t len, void *value)
{
	const struct peer_group *g = value;

	(void)arg;
	(void)key;
	(void)len;
	for (struct peer *p = g->peers; p; p = p->next)
		p->redirected = false;
	return true;
}

static bool
count_deferred(void *arg, const void *key, size_t len, void *value)
{
	struct sweep *sweep = arg;
	const struct peer_group *g = value;

	(void)key;
	(void)len;
	sweep->deferred += g->n && is_deferred(sweep->server, g->client);
	return true;
}

void
drain_free(struct dots_server *s)
{
	if (!s->drain)
		return;
	free(s->drain->to);
	free(s->drain->addresses);
	free(s->drain);
	s->drain = NULL;
}

void
server_drain(struct dots_server *s, const struct drain *d)
{
	drain_free(s);
	map_each(s->peers, end_group, NULL);
	event_raise(EVENT_DRAIN,
		EVENT_F("state", !d         ? "off"
				 : d->force ? "force"
					    : "on"),
		EVENT_F("alternate", d ? d->to : NULL), EVENT_N("ttl", d ? d->ttl : 0));
	if (!d)
		return;
	s->drain = mem_copy(d, sizeof(*d));
	s->drain->to = d->to ? mem_text(d->to) : NULL;
	s->drain->addresses = d->n_addresses
				      ? mem_copy(d->addresses, d->n_addresses * sizeof(struct addr))
				      : NULL;
	if (!d->to)
		return;
	s->drain_fitting = count_fitting(s->drain);
	map_each(s->peers, begin_group, s);
}

const struct drain *
server_draining(const struct dots_server *s, size_t *ret_deferred)
{
	struct sweep sweep = {.server = s};

	if (s->drain)
		map_each(s->peers, count_deferred, &sweep);
	*ret_deferred = sweep.deferred;
	return s->drain;
}
