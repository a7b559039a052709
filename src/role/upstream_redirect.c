/*
 * Redirected signaling (RFC 9132 4.6, RFC 8811 3.2.2; rule M10): carries out what homing/redirect.h
 * decides. Nothing is done in the middle of an answer: it all follows with the timer.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/mem.h"
#include "role/upstream_private.h"

enum {
	DEFAULT_MAX_AGE_S = 60, /* RFC 7252 5.10.5 */
	SHUNNED_MS = 60000,     /* as after any 5.03 without Max-Age */
	TOLD_MS = 300000,       /* the same refusal is told again after that */
	LEFT_MAX = UPSTREAM_CONTACTS_MAX - 1,
};

/* ---- whom we speak with ---- */

static void
note_contact(struct upstream *u, const char *name, mono_ms when, bool in_vain)
{
	struct contact *c = &u->contacts[u->n_contacts++ % LEFT_MAX];

	free(c->name);
	*c = (struct contact){mem_text(name), when, in_vain};
}

size_t
upstream_contacts(
	const struct upstream *u, struct redirect_contact ret[static UPSTREAM_CONTACTS_MAX])
{
	size_t n = 0;

	if (u->heard >= 0)
		ret[n++] = (struct redirect_contact){.name = u->with,
			.when = u->heard,
			.serves = u->session[CURRENT] && !u->moving && !u->next_detour &&
				  u->availability != SERVER_UNAVAILABLE};
	for (size_t i = 0; i < LEFT_MAX && i < u->n_contacts; i++)
		ret[n++] = (struct redirect_contact){.name = u->contacts[i].name,
			.when = u->contacts[i].when,
			.in_vain = u->contacts[i].in_vain};
	return n;
}

/* ---- what is planned ---- */

static void
rearm(struct upstream *u)
{
	mono_ms now = loop_now(u->cx.loop), at = INT64_MAX;

	if (u->shunned)
		at = u->availability == SERVER_UNAVAILABLE ? u->shunned : now;
	if (u->detour && u->detour->until > now && u->detour->until < at)
		at = u->detour->until;
	if (u->next_detour || u->returning)
		at = now;
	if (at == INT64_MAX)
		timer_stop(u->redirect_timer);
	else
		timer_at(u->redirect_timer, at);
}

static void
detour_free(struct detour *d)
{
	if (!d)
		return;
	free(d->server.name);
	free(d->server.addresses);
	free(d);
}

static void
plan_return(struct upstream *u, int why)
{
	if (!u->detour)
		return;
	u->returning = why;
	rearm(u);
}

void
upstream_return(struct upstream *u)
{
	plan_return(u, RETURN_ELSEWHERE);
}

const char *
upstream_elsewhere(const struct upstream *u)
{
	return u->detour && u->detour->elsewhere ? u->detour->server.name : NULL;
}

static bool
is_over(const struct upstream *u)
{
	return u->detour && u->detour->until <= loop_now(u->cx.loop);
}

/* RFC 9132 4.6: at once, except when an attack is active. */
void
upstream_calm(struct upstream *u)
{
	if (is_over(u) && !u->cx.ops->under_attack(u->cx.arg, u))
		plan_return(u, RETURN_EXPIRED);
}

/* ---- what a server said ---- */

/* Once for each reason, and again when five minutes have gone by. */
static void
tell_refusal(struct upstream *u, const char *name, const struct redirect_decision *d)
{
	mono_ms now = loop_now(u->cx.loop);
	char text[DETOUR_TEXT_MAX];

	snprintf(text, sizeof(text), "redirects to %s, which is not followed: %s", name, d->reason);
	snprintf(u->reason, sizeof(u->reason), "%.*s", REASON_MAX - 1, text);
	if (!strcmp(u->told, text) && now - u->told_at < TOLD_MS)
		return;
	snprintf(u->told, sizeof(u->told), "%s", text);
	u->told_at = now;
	event_raise(EVENT_ALERT, EVENT_F("reason", text), EVENT_F("domain", u->domain->name),
		EVENT_F("server", u->with), EVENT_F("alternate", name),
		EVENT_F("section", d->section));
}

/* It does not serve, and says so: other servers of the domain are asked (RFC 9132 4.6). A heartbeat
 * says it of all requests, and the next one says when it is over. */
static void
shun(struct upstream *u, bool mitigation)
{
	uint32_t interval = u->hb.config.interval_ms;

	u->shunned = loop_now(u->cx.loop) +
		     (mitigation || !interval ? SHUNNED_MS : 2 * (int64_t)interval);
	rearm(u);
}

static struct detour *
detour_new(
	const struct upstream *u, const char *name, const struct redirect_decision *d, uint32_t ttl)
{
	struct detour *to = mem_new(sizeof(*to));

	to->server = *u->home;
	to->server.name = mem_text(name);
	to->server.n_addresses = d->n_addresses;
	to->server.addresses =
		d->n_addresses ? mem_copy(d->addresses, d->n_addresses * sizeof(struct addr))
			       : NULL;
	to->until = ttl == UINT32_MAX ? INT64_MAX : loop_now(u->cx.loop) + (int64_t)ttl * 1000;
	to->hops = u->detour ? u->detour->hops + 1 : 1;
	to->elsewhere = d->verdict == REDIRECT_ELSEWHERE;
	return to;
}

/* True: it is followed. */
static bool
consider(struct upstream *u, const struct redirect *r, uint32_t ttl, bool mitigation)
{
	struct redirect_decision d;

	if (!ttl && !mitigation) /* that is for a mitigation request alone */
		return false;
	u->cx.ops->redirected(u->cx.arg, u, r, u->detour ? u->detour->hops : 0, &d);
	if (d.verdict == REDIRECT_REFUSED) {
		tell_refusal(u, r->server, &d);
		if (u->detour)
			plan_return(u, RETURN_LOOP);
		else
			shun(u, mitigation);
		return u->detour != NULL;
	}
	u->next_detour = detour_new(u, r->server, &d, ttl);
	rearm(u);
	return true;
}

bool
upstream_redirect_take(struct upstream *u, const struct coap_msg *m, bool mitigation)
{
	struct arena *arena;
	struct signal_msg msg;
	struct schema_error err;
	uint32_t format = COAP_FORMAT_TEXT, ttl = DEFAULT_MAX_AGE_S;
	bool taken = false;

	if (m->code != COAP_503_SERVICE_UNAVAILABLE || !m->payload || !u->cx.ops->redirected)
		return false;
	coap_get_uint(m, COAP_OPT_CONTENT_FORMAT, &format);
	coap_get_uint(m, COAP_OPT_MAX_AGE, &ttl);
	arena = arena_new();
	if (format == COAP_FORMAT_DOTS_CBOR &&
		signal_decode(arena, m->payload, m->payload_len, &msg, &err) == 0 &&
		msg.has & (1ULL << SIGNAL_REDIRECTED_SIGNAL)) {
		struct redirect r = {.server = msg.redirected_signal.alt_server,
			.records = msg.redirected_signal.alt_server_record,
			.n_records = msg.redirected_signal.n_alt_server_record};

		taken = u->moving || u->next_detour || u->returning ||
			consider(u, &r, ttl, mitigation);
	}
	arena_free(arena);
	return taken;
}

/* ---- going there ---- */

/* Attempts go to another server: what belongs to the one before does not (RFC 8612 SIG-005: no
 * security state is shared). */
static void
set_server(struct upstream *u, const struct domain_server *s)
{
	upstream_session_drop_candidate(u);
	resolver_free(u->resolver);
	u->resolver = NULL;
	u->resolving = false;
	u->n_addrs = u->next_addr = 0;
	resumption_free(u->resume);
	u->resume = NULL;
	u->server = s;
	u->suspended = false;
	u->local_retry = u->failed = 0;
	u->ever_up = false;
	u->shunned = 0;
	u->reason[0] = '\0';
}

/* RFC 8811 3.2.2: the session with the server that redirected is over, the other one stands. */
static void
use_elsewhere(struct upstream *u)
{
	struct session *s = u->session[CURRENT];

	timer_stop(u->dial_timer);
	u->next_attempt = INT64_MAX;
	u->moving = false;
	if (!s)
		return;
	session_abandon(s);
	upstream_session_lost(u, "redirected");
}

/* Seconds, of which one that has begun counts: a moment after 3600 s were told they are still that
 * many. -1: for good. */
static int64_t
lasts_s(const struct detour *d, mono_ms now)
{
	return d->until == INT64_MAX ? -1 : (d->until - now + 999) / 1000;
}

static void
depart(struct upstream *u)
{
	struct detour *before = u->detour, *d = u->next_detour;

	u->next_detour = NULL;
	d->home_failed = before ? before->home_failed : u->failed;
	d->home_ever_up = before ? before->home_ever_up : u->ever_up;
	event_raise(EVENT_REDIRECTED, EVENT_F("role", "client"), EVENT_F("domain", u->domain->name),
		EVENT_F("server", u->with), EVENT_F("alternate", d->server.name),
		EVENT_N("ttl", lasts_s(d, loop_now(u->cx.loop))),
		EVENT_F("reason", d->elsewhere ? "its session is used" : NULL),
		EVENT_F("behalf", u->cx.behalf));
	u->detour = d;
	set_server(u, &d->server);
	u->moving = !d->elsewhere;
	if (d->elsewhere)
		use_elsewhere(u);
	else
		upstream_dial_at(u, loop_now(u->cx.loop));
	detour_free(before);
}

/* ---- coming back ---- */

static void
go_home(struct upstream *u)
{
	static const char *const reasons[] = {[RETURN_EXPIRED] = "its time is over",
		[RETURN_UNREACHABLE] = "it cannot be reached",
		[RETURN_LOOP] = "it redirects, too",
		[RETURN_ELSEWHERE] = "there is no session with it any more",
		[RETURN_DISTRUSTED] = "it is not trusted any more"};
	struct detour *d = u->detour;

	event_raise(EVENT_REDIRECT_ENDED, EVENT_F("domain", u->domain->name),
		EVENT_F("server", u->home->name), EVENT_F("alternate", d->server.name),
		EVENT_F("reason", reasons[u->returning]), EVENT_F("behalf", u->cx.behalf));
	if (u->returning == RETURN_UNREACHABLE)
		note_contact(u, d->server.name, loop_now(u->cx.loop), true);
	u->detour = NULL;
	set_server(u, u->home);
	u->failed = d->home_failed;
	u->ever_up = d->home_ever_up;
	u->moving = u->session[CURRENT] && strcmp(u->with, u->home->name) != 0;
	u->strict = u->returning == RETURN_EXPIRED || u->returning == RETURN_DISTRUSTED;
	u->returning = RETURN_NOT;
	detour_free(d);
	if (!u->session[CURRENT] || u->moving)
		upstream_dial_at(u, upstream_dial_soonest(u));
	upstream_see(u);
}

void
upstream_redirect_due(void *arg)
{
	struct upstream *u = arg;

	if (u->returning && u->detour)
		go_home(u);
	else if (u->next_detour)
		depart(u);
	if (u->shunned && u->shunned <= loop_now(u->cx.loop)) {
		u->shunned = 0;
		u->reason[0] = '\0';
	}
	upstream_see(u);
	upstream_calm(u);
	rearm(u);
}

void
upstream_redirect_arrived(struct upstream *u)
{
	if (strcmp(u->with, u->server->name) != 0)
		note_contact(u, u->with, loop_now(u->cx.loop), false);
	free(u->with);
	u->with = mem_text(u->server->name);
	u->moving = u->strict = false;
	u->shunned = 0;
	if (!u->detour)
		return;
	u->detour->was_up = true;
	if (u->answered)
		u->detour->tries = 0;
}

/* One after the other, each once; a race is all of them. */
static unsigned
tries_max(const struct upstream *u)
{
	size_t n;

	upstream_addresses(u, &n);
	return u->server->transport == SERVER_ANY || n == 0 ? 1 : (unsigned)n;
}

/* The configured server cannot be reached, and the time of the other one is over (RFC 9132 4.6). */
static void
leave_alternate(struct upstream *u)
{
	struct session *s = u->session[CURRENT];

	u->moving = u->strict = false;
	session_abandon(s);
	upstream_session_lost(u, "its time is over");
}

void
upstream_redirect_failed(struct upstream *u)
{
	if (u->detour && ++u->detour->tries >= tries_max(u))
		plan_return(u, RETURN_UNREACHABLE);
	else if (u->detour && u->moving && u->session[CURRENT])
		u->shunned = INT64_MAX; /* here and there nobody serves so far */
	else if (u->moving && u->strict && u->session[CURRENT])
		leave_alternate(u);
	else if (u->moving && !u->session[CURRENT])
		u->moving = false;
	upstream_see(u);
}

bool
upstream_redirect_give_up(struct upstream *u)
{
	if (!u->detour || u->detour->was_up)
		return false;
	plan_return(u, RETURN_UNREACHABLE);
	return true;
}

bool
upstream_redirect_resolved(struct upstream *u)
{
	struct addr usable[REDIRECT_ADDRESSES_MAX];

	if (!u->detour)
		return true;
	u->n_addrs = u->cx.ops->usable
			     ? u->cx.ops->usable(u->cx.arg, u, u->addrs, u->n_addrs, usable)
			     : 0;
	memcpy(u->addrs, usable, u->n_addrs * sizeof(usable[0]));
	if (!u->n_addrs)
		plan_return(u, RETURN_UNREACHABLE);
	return u->n_addrs > 0;
}

/* ---- life ---- */

void
upstream_redirect_forget(struct upstream *u)
{
	detour_free(u->next_detour);
	u->next_detour = NULL;
}

/* By the configuration of now. */
static bool
is_doubtful(const struct upstream *u)
{
	struct redirect_question q = {.homing = u->homing, .from = u->home};
	struct addr usable[REDIRECT_ADDRESSES_MAX];
	char why[REDIRECT_WHY_MAX];
	size_t n;
	const struct addr *addrs = upstream_addresses(u, &n);

	return redirect_doubt(u->homing, u->home, u->server->name, why, sizeof(why)) ||
	       redirect_addresses(&q, addrs, n, usable) < n;
}

void
upstream_redirect_rebind(struct upstream *u)
{
	struct domain_server *s = u->detour ? &u->detour->server : NULL;

	upstream_redirect_forget(u);
	u->server = s ? s : u->home;
	if (!s)
		return;
	s->interfaces = u->home->interfaces;
	s->n_interfaces = u->home->n_interfaces;
	s->id = u->home->id;
	s->ordinal = u->home->ordinal;
	s->domain = u->home->domain;
	if (is_doubtful(u))
		plan_return(u, RETURN_DISTRUSTED);
}

void
upstream_redirect_end(struct upstream *u)
{
	detour_free(u->detour);
	detour_free(u->next_detour);
	for (size_t i = 0; i < LEFT_MAX; i++)
		free(u->contacts[i].name);
	free(u->with);
	timer_free(u->redirect_timer);
}
