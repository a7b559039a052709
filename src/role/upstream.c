/*
 * One upstream server: its life over configurations, and whether it is available (rule M3).
 *
 * What is asked and when it is repeated is decided in homing/wish.c; here and in upstream_*.c it is
 * carried out.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "role/upstream_private.h"

static void
set_availability(struct upstream *u, enum availability a)
{
	if (a == u->availability)
		return;
	u->availability = a;
	u->cx.ops->available(u->cx.arg, u, a);
}

static bool
is_on_its_way(const struct upstream *u)
{
	return upstream_dial_under_way(u) || u->next_attempt <= loop_now(u->cx.loop);
}

/* Rule M3: without an association, or with its link known to be down, nothing can be asked there.
 */
void
upstream_see(struct upstream *u)
{
	if (u->moving && !u->session[CURRENT] && is_on_its_way(u))
		return;
	if (!u->session[CURRENT] || !upstream_link_works(u) || u->shunned)
		set_availability(u, SERVER_UNAVAILABLE);
	else
		set_availability(u, u->hb.silent || u->hb.lost ? SERVER_SILENT : SERVER_AVAILABLE);
}

struct upstream *
upstream_new(const struct upstream_context *cx, const struct homing *h, const struct domain *d,
	const struct domain_server *s, struct credentials *cred)
{
	struct upstream *u = mem_new(sizeof(*u));

	u->cx = *cx;
	u->homing = h;
	u->domain = d;
	u->home = u->server = s;
	u->with = mem_text(s->name);
	u->credentials = cred ? credentials_ref(cred) : NULL;
	u->hb_timer = timer_new(cx->loop, upstream_session_hb_due, u);
	u->dial_timer = timer_new(cx->loop, upstream_dial_due, u);
	u->race_timer = timer_new(cx->loop, upstream_race_due, u);
	u->probe_timer = timer_new(cx->loop, upstream_race_probe, u);
	u->observe_timer = timer_new(cx->loop, upstream_observe_due, u);
	u->window_timer = timer_new(cx->loop, upstream_request_window, u);
	u->redirect_timer = timer_new(cx->loop, upstream_redirect_due, u);
	u->certificate_timer = timer_new(cx->loop, upstream_session_certificate_due, u);
	u->bargain.timer = timer_new(cx->loop, upstream_config_due, u);
	u->bargain.set = SESSION_IDLE;
	u->heard = -1;
	if (cred)
		upstream_dial_at(u, loop_now(cx->loop));
	else
		snprintf(u->reason, sizeof(u->reason), "no usable credentials");
	return u;
}

static void
drop_session(struct upstream *u, int line)
{
	if (u->session[line])
		session_abandon(u->session[line]);
	u->session[line] = NULL;
}

static void
drop_requests(struct upstream *u)
{
	while (u->requests)
		upstream_request_drop(u, u->requests);
	while (u->observations)
		upstream_observe_end(u, u->observations->mid);
}

void
upstream_leave(struct upstream *u, const struct upstream_ops *ops, void *arg)
{
	drop_requests(u);
	upstream_redirect_forget(u);
	u->cx.ops = ops;
	u->cx.arg = arg;
}

void
upstream_free(struct upstream *u)
{
	if (!u)
		return;
	drop_requests(u);
	if (u->hb_handle > 0 && u->session[CURRENT])
		request_cancel(u->session[CURRENT], u->hb_handle);
	upstream_race_stop(u);
	drop_session(u, CURRENT);
	drop_session(u, CANDIDATE);
	resolver_free(u->resolver);
	resumption_free(u->resume);
	timer_free(u->hb_timer);
	timer_free(u->dial_timer);
	timer_free(u->race_timer);
	timer_free(u->probe_timer);
	timer_free(u->observe_timer);
	timer_free(u->window_timer);
	upstream_redirect_end(u);
	timer_free(u->certificate_timer);
	timer_free(u->bargain.timer);
	credentials_unref(u->credentials);
	free(u->failures);
	free(u);
}

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

static bool
same_credentials(const struct domain *a, const struct domain *b)
{
	return same_text(a->credentials.certificate, b->credentials.certificate) &&
	       same_text(a->credentials.raw_key, b->credentials.raw_key) &&
	       same_text(a->credentials.psk_identity, b->credentials.psk_identity);
}

/* The same ways there, one by one. */
static bool
same_access(const struct upstream *u, const struct homing *h, const struct domain *d,
	const struct domain_server *s)
{
	struct access a, b;
	bool more = true;

	for (size_t n = 0; more; n++) {
		more = access_nth(u->homing, u->domain, u->home, n, &a);
		if (more != access_nth(h, d, s, n, &b))
			return false;
		if (more && (strcmp(a.domain->name, b.domain->name) != 0 ||
				    !same_text(a.interface, b.interface) ||
				    !addr_equal(&a.domain->source, &b.domain->source)))
			return false;
	}
	return true;
}

static bool
same_server(const struct domain_server *a, const struct domain_server *b)
{
	/* By its id, too: of two that are alike each keeps its sessions and what is open on them.
	 */
	if (strcmp(a->id, b->id) != 0 || strcmp(a->name, b->name) != 0 || a->port != b->port ||
		a->transport != b->transport || a->n_addresses != b->n_addresses)
		return false;
	for (size_t i = 0; i < a->n_addresses; i++)
		if (!addr_equal(&a->addresses[i], &b->addresses[i]))
			return false;
	return true;
}

/* The servers are judged by what the new credentials trust: those of live sessions now, one whose
 * handshake is under way by beginning it anew. */
static void
judge_sessions(struct upstream *u)
{
	for (int i = 0; i < 2; i++)
		if (u->session[i] && session_is_up(u->session[i]))
			session_judge_by(u->session[i], u->credentials);
	if (!u->race)
		return;
	upstream_race_stop(u);
	upstream_dial_at(u, loop_now(u->cx.loop));
}

static bool
is_same_access(const struct access *a, const struct access *b)
{
	return !strcmp(a->domain->name, b->domain->name) && !a->interface == !b->interface &&
	       (!a->interface || !strcmp(a->interface, b->interface));
}

/* It points into the snapshot. */
static void
move_access(struct upstream *u, const struct homing *h, const struct domain *d,
	const struct domain_server *s)
{
	struct access now;

	for (size_t n = 0; access_nth(h, d, s, n, &now); n++)
		if (is_same_access(&u->access, &now)) {
			u->access = now;
			return;
		}
	access_nth(h, d, s, 0, &u->access);
}

/* The live session stays; a ticket of before would bring back who we were. */
static void
take_credentials(struct upstream *u, struct credentials *cred)
{
	if (!cred || !u->credentials || !credentials_same(cred, u->credentials)) {
		resumption_free(u->resume);
		u->resume = NULL;
	}
	if (cred)
		credentials_ref(cred);
	credentials_unref(u->credentials);
	u->credentials = cred;
}

bool
upstream_rebind(struct upstream *u, const struct homing *h, const struct domain *d,
	const struct domain_server *s, struct credentials *cred)
{
	if (strcmp(u->domain->name, d->name) != 0 || !same_credentials(u->domain, d) ||
		!same_access(u, h, d, s) || !same_server(u->home, s))
		return false;
	if (u->access.domain)
		move_access(u, h, d, s);
	upstream_config_rebind(u, d);
	u->homing = h;
	u->domain = d;
	u->home = s;
	upstream_redirect_rebind(u);
	take_credentials(u, cred);
	judge_sessions(u);
	return true;
}

const struct domain_server *
upstream_server(const struct upstream *u)
{
	return u->home;
}

enum availability
upstream_availability(const struct upstream *u)
{
	return u->availability;
}

const char *
upstream_behalf(const struct upstream *u)
{
	return u->cx.behalf;
}

struct credentials *
upstream_credentials(const struct upstream *u)
{
	return u->credentials;
}

static const char *
state_text(const struct upstream *u)
{
	if (upstream_elsewhere(u))
		return "redirected";
	if (u->session[CURRENT] && u->availability != SERVER_UNAVAILABLE)
		return u->availability == SERVER_SILENT ? "silent" : "available";
	if (upstream_dial_under_way(u))
		return "connecting";
	return u->next_attempt == INT64_MAX && u->credentials ? "link down" : "waiting";
}

static const char *
transport_text(const struct upstream *u)
{
	static const char *const names[] = {
		[SERVER_UDP] = "udp", [SERVER_TCP] = "tcp", [SERVER_ANY] = "any"};

	return u->session[CURRENT] ? session_transport_name(session_transport(u->session[CURRENT]))
				   : names[u->server->transport];
}

static int64_t
alternate_s(const struct upstream *u, mono_ms now)
{
	if (!u->detour || u->detour->until == INT64_MAX)
		return -1;
	return u->detour->until > now ? (u->detour->until - now) / 1000 : 0;
}

void
upstream_view(const struct upstream *u, struct server_view *ret)
{
	const struct session *s = u->session[CURRENT];
	mono_ms now = loop_now(u->cx.loop);

	*ret = (struct server_view){
		.domain = u->domain->name,
		.server = u->home->name,
		.alternate = u->detour ? u->detour->server.name : "",
		.alternate_s = alternate_s(u, now),
		.interface = u->interface,
		.transport = transport_text(u),
		.state = state_text(u),
		.reason = u->reason,
		.credential = u->credentials ? credentials_label(u->credentials) : "",
		.gateway = u->domain->gateway,
		.next_attempt_s =
			u->next_attempt == INT64_MAX || s ? -1 : (u->next_attempt - now) / 1000,
		.heard_s = u->heard < 0 ? -1 : (now - u->heard) / 1000,
	};
	if (s) {
		ret->set = session_set_name(u->bargain.set);
		ret->sid = u->bargain.config.negotiated ? u->bargain.config.sid : 0;
		ret->params = u->bargain.config.sets[u->bargain.set];
		ret->local = *session_local(s);
		ret->remote = *session_remote(s);
		ret->resumed = session_was_resumed(s);
		ret->credential = session_credential(s);
	}
}
