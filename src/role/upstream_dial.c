/*
 * Attempts at a session: name, address, source, and their pacing (RFC 9284 5.1, RFC 9132 4.3, 4.7).
 */
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/mem.h"
#include "role/upstream_private.h"

enum {
	RETRY_ATTACK_MS = 60000,  /* RFC 9132 4.7: never more often than every 60 s … */
	RETRY_IDLE_MS = 300000,   /* … and not more often than every 300 s */
	LOCAL_RETRY_MS = 100,     /* nothing could be sent (no address, no route): doubled … */
	LOCAL_RETRY_MAX = 6400,   /* … up to this */
	RESOLVE_RETRY_MS = 10000, /* a name that could not be resolved */
};

/* ---- pacing ------------------------------------------------------------------------------ */

void
upstream_dial_at(struct upstream *u, mono_ms when)
{
	u->next_attempt = when;
	timer_at(u->dial_timer, when);
}

static int64_t
retry_gap(const struct upstream *u)
{
	return !u->ever_up || u->cx.ops->under_attack(u->cx.arg, (struct upstream *)u)
		       ? RETRY_ATTACK_MS
		       : RETRY_IDLE_MS;
}

void
upstream_dial_tell(struct upstream *u, const struct session *s, const char *reason, int64_t retry_s)
{
	char remote[ENDPOINT_TEXT_MAX] = "";

	event_raise(EVENT_SESSION_FAILED, EVENT_F("domain", u->domain->name),
		EVENT_F("server", u->server->name),
		EVENT_F("address", s ? endpoint_format(session_remote(s), remote) : NULL),
		EVENT_F("transport", s ? session_transport_name(session_transport(s)) : NULL),
		EVENT_F("reason", reason), EVENT_N("retry", retry_s),
		EVENT_F("behalf", u->cx.behalf));
}

static void
tell_failure(struct upstream *u, const struct session *s, const char *reason)
{
	snprintf(u->reason, sizeof(u->reason), "%s", reason);
	upstream_dial_tell(u, s, reason, (u->next_attempt - loop_now(u->cx.loop)) / 1000);
	event_raise(EVENT_ALERT, EVENT_F("reason", reason), EVENT_F("domain", u->domain->name),
		EVENT_F("server", u->server->name), EVENT_F("section", "RFC 9132 4.7"));
}

void
upstream_dial_failed(struct upstream *u, const struct session *s, const char *reason)
{
	u->failed = loop_now(u->cx.loop);
	u->next_addr++;
	u->first_access += u->domain->n_via > 0; /* that link leads there, or it does not */
	upstream_dial_at(u, u->failed + retry_gap(u));
	tell_failure(u, s, reason);
	upstream_redirect_failed(u);
	u->cx.ops->stale(u->cx.arg, u, "loss");
}

/* No packet left for the server, so RFC 9132 4.7 asks for no pause; told once. */
static void
cannot_attempt(struct upstream *u, const char *reason)
{
	bool known = !strcmp(u->reason, reason);

	if (upstream_redirect_give_up(u))
		return;
	u->suspended = true;
	u->local_retry = u->local_retry ? 2 * u->local_retry : LOCAL_RETRY_MS;
	if (u->local_retry > LOCAL_RETRY_MAX)
		u->local_retry = LOCAL_RETRY_MAX;
	upstream_dial_at(u, loop_now(u->cx.loop) + u->local_retry);
	if (!known)
		tell_failure(u, NULL, reason);
}

mono_ms
upstream_dial_soonest(const struct upstream *u)
{
	mono_ms now = loop_now(u->cx.loop);

	return u->failed && u->failed + RETRY_ATTACK_MS > now ? u->failed + RETRY_ATTACK_MS : now;
}

bool
upstream_dial_under_way(const struct upstream *u)
{
	return u->race || u->session[CANDIDATE] || u->resolving;
}

bool
upstream_dial_wanted(const struct upstream *u)
{
	return !u->session[CURRENT] || u->hb.lost || u->pressing || u->moving ||
	       !upstream_link_works(u);
}

/* ---- dialling ---------------------------------------------------------------------------- */

struct session *
upstream_dial_address(struct upstream *u, const char *interface, const struct addr *to,
	enum session_transport transport, const char *cause, char why[static REASON_MAX])
{
	char source[ADDR_TEXT_MAX], remote[ENDPOINT_TEXT_MAX];
	struct dial d = {.transport = transport,
		.interface = interface,
		.remote = {.addr = *to, .port = u->server->port},
		.server_name = u->server->name,
		.credentials = u->credentials,
		.resume = u->resume_over == transport ? u->resume : NULL};
	struct source from;
	struct session *s;
	int error = 0;

	if (!access_source(u->homing, &u->access, u->cx.links, to, &from, why, REASON_MAX))
		return NULL;
	d.source = from.local.addr;
	u->dialled = loop_now(u->cx.loop);
	s = session_dial(u->cx.loop, &d, &upstream_session_ops, u, &error);
	if (!s) {
		snprintf(why, REASON_MAX, "%s: %s", endpoint_format(&d.remote, remote),
			strerror(-error));
		return NULL;
	}
	u->suspended = false;
	u->local_retry = 0;
	event_raise(EVENT_SESSION_ATTEMPT, EVENT_F("domain", u->domain->name),
		EVENT_F("server", u->server->name),
		EVENT_F("address", endpoint_format(&d.remote, remote)),
		EVENT_F("source", addr_format(&d.source, source)), EVENT_F("interface", interface),
		EVENT_F("transport", session_transport_name(transport)), EVENT_F("reason", cause),
		EVENT_F("behalf", u->cx.behalf));
	return s;
}

const struct addr *
upstream_addresses(const struct upstream *u, size_t *ret_n)
{
	*ret_n = u->server->n_addresses ? u->server->n_addresses : u->n_addrs;
	return u->server->n_addresses ? u->server->addresses : u->addrs;
}

/* Over any transport all addresses race; else it is the next in turn that we have a source for: the
 * others are no attempts. */
static void
dial(struct upstream *u, const char *interface, const char *cause)
{
	bool any = u->server->transport == SERVER_ANY;
	struct race_field field = {.over = {[SESSION_UDP] = u->server->transport != SERVER_TCP,
					   [SESSION_TCP] = u->server->transport != SERVER_UDP}};
	char why[REASON_MAX] = "";
	size_t n;
	const struct addr *addrs = upstream_addresses(u, &n);

	field.n = any ? n : 1;
	for (size_t i = 0; i < n; i += field.n, u->next_addr++) {
		field.addrs = any ? addrs : &addrs[u->next_addr % n];
		if (upstream_race_begin(u, &field, interface, cause, why))
			return;
	}
	cannot_attempt(u, why);
}

/* Without any address the operator has to look; told once. What was known serves meanwhile. */
static void
unresolved(struct upstream *u, const char *cause)
{
	char why[REASON_MAX];

	event_raise(EVENT_RESOLVE_FAILED, EVENT_F("domain", u->domain->name),
		EVENT_F("name", u->server->name), EVENT_F("reason", cause));
	snprintf(why, sizeof(why), "cannot resolve %.100s", u->server->name);
	if (!u->n_addrs && strcmp(u->reason, why) != 0)
		event_raise(EVENT_ALERT, EVENT_F("reason", why), EVENT_F("domain", u->domain->name),
			EVENT_F("server", u->server->name), EVENT_F("section", "RFC 9284 5.1"));
	snprintf(u->reason, sizeof(u->reason), "%s", why);
}

static void
on_resolved(void *arg, const struct resolver_answer *a)
{
	struct upstream *u = arg;
	mono_ms now = loop_now(u->cx.loop);
	char text[ADDR_TEXT_MAX];

	u->resolving = false;
	if (a->error) {
		unresolved(u, a->why);
		if (!u->n_addrs && upstream_redirect_give_up(u))
			return;
		u->addrs_until = now + RESOLVE_RETRY_MS;
		upstream_dial_at(u, u->n_addrs ? now : now + RESOLVE_RETRY_MS);
		return;
	}
	u->n_addrs = a->n_addrs;
	memcpy(u->addrs, a->addrs, a->n_addrs * sizeof(a->addrs[0]));
	if (!upstream_redirect_resolved(u))
		return;
	u->addrs_until = now + (a->ttl > 60 ? (int64_t)a->ttl : 60) * 1000;
	event_raise(EVENT_RESOLVED, EVENT_F("domain", u->domain->name),
		EVENT_F("name", u->server->name),
		EVENT_F("addresses", addr_format(&a->addrs[0], text)),
		EVENT_F("interface", u->interface));
	upstream_dial_at(u, now);
}

/* The resolvers of whose link it is, over that link, from our address there (RFC 9284 5.1). */
static void
resolve(struct upstream *u)
{
	const char *interface = u->access.interface;
	struct access_resolvers r;
	char why[REASON_MAX];

	if (access_resolvers(u->homing, &u->access, u->cx.links, &r, why, sizeof(why))) {
		resolver_free(u->resolver);
		u->resolver = resolver_new(u->cx.loop, &r.config);
		if (!u->resolver)
			snprintf(why, sizeof(why), "resolver: %s", strerror(errno));
		u->resolving = u->resolver != NULL;
	}
	if (!u->resolving) {
		cannot_attempt(u, why);
		return;
	}
	u->suspended = false;
	u->local_retry = 0;
	snprintf(u->interface, sizeof(u->interface), "%s", interface ? interface : "");
	resolver_lookup(u->resolver, u->server->name, on_resolved, u);
}

/* Addresses that were looked up are good for their time; beside a session that answers nothing,
 * when an answer of the resolver would not come in either, also longer, until an attempt has
 * failed. */
static bool
knows_addresses(const struct upstream *u)
{
	return u->n_addrs &&
	       (loop_now(u->cx.loop) < u->addrs_until || (u->session[CURRENT] && !u->failed));
}

void
upstream_dial_begin(struct upstream *u, const char *why)
{
	struct access a;

	if (upstream_dial_under_way(u) || !u->credentials || upstream_elsewhere(u))
		return;
	if (!upstream_link_pick(u, &a)) {
		upstream_link_wait(u, a.interface);
		return;
	}
	if (upstream_dial_soonest(u) > loop_now(u->cx.loop)) {
		upstream_dial_at(u, upstream_dial_soonest(u));
		return;
	}
	timer_stop(u->dial_timer);
	u->next_attempt = INT64_MAX;
	u->access = a;
	if (!u->server->n_addresses && !knows_addresses(u)) {
		resolve(u);
		return;
	}
	/* Those that were listed stay as listed (RFC 6724 6 rule 10, RFC 8973 5.1.2). */
	access_sort(u->homing, &u->access, u->cx.links, u->addrs, u->n_addrs);
	dial(u, a.interface, why);
}

static const char *
cause(const struct upstream *u)
{
	if (u->moving)
		return u->detour ? "redirected" : "back from another server";
	return u->ever_up ? "reconnect" : "start";
}

void
upstream_dial_due(void *arg)
{
	struct upstream *u = arg;

	if (u->candidate_up) { /* it came up beside the old session and answered nothing either */
		upstream_session_drop_candidate(u);
		upstream_dial_failed(u, NULL, "the new session answers nothing");
	} else if (upstream_dial_wanted(u)) {
		upstream_dial_begin(u, cause(u));
	}
}

void
upstream_parallel(struct upstream *u)
{
	if (!u->session[CURRENT]) {
		upstream_hurry(u);
		return;
	}
	u->pressing = true;
	upstream_dial_begin(u, "request unanswered");
}

void
upstream_hurry(struct upstream *u)
{
	bool usable = u->session[CURRENT] && upstream_link_works(u);

	if (!usable && !upstream_dial_under_way(u) && upstream_dial_soonest(u) < u->next_attempt)
		upstream_dial_at(u, upstream_dial_soonest(u));
}
