/*
 * Several attempts at one session, begun one after the other without waiting for the one before:
 * the first that is up is the session, the others are given up (RFC 9132 4.3, RFC 8305). A server
 * with one transport is a race of one.
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/mem.h"
#include "role/upstream_private.h"

enum {
	DELAY_ATTACK_MS = 100,      /* RFC 9132 4.3 */
	DELAY_MS = 250,             /* RFC 8305 5 */
	OUTCOME_MS = 10 * 60000,    /* RFC 9132 4.3: on the order of few minutes */
	PROBE_MS = 24 * 60 * 60000, /* RFC 9132 4.3: not more often */
};

struct runner {
	struct addr addr;
	enum session_transport transport;
	bool begun;
	bool known_bad;          /* begun when all others have failed */
	struct session *session; /* under way */
};

struct race {
	struct runner *runners; /* best first */
	size_t n;
	bool probe;       /* for UDP, beside a session over TCP that serves */
	bool last_resort; /* those that failed lately are begun too */
	char interface[IFNAMSIZ];
	const char *cause;
};

/* ---- what came of earlier attempts ---- */

struct outcome {
	struct addr addr;
	enum session_transport transport;
	mono_ms until;
};

static struct outcome *
outcome_of(const struct upstream *u, const struct runner *r)
{
	for (size_t i = 0; i < u->n_failures; i++)
		if (addr_equal(&u->failures[i].addr, &r->addr) &&
			u->failures[i].transport == r->transport)
			return &u->failures[i];
	return NULL;
}

static bool
has_failed(const struct upstream *u, const struct runner *r)
{
	const struct outcome *o = outcome_of(u, r);

	return o && o->until > loop_now(u->cx.loop);
}

static struct outcome *
expired(const struct upstream *u)
{
	for (size_t i = 0; i < u->n_failures; i++)
		if (u->failures[i].until <= loop_now(u->cx.loop))
			return &u->failures[i];
	return NULL;
}

static void
note_failure(struct upstream *u, const struct runner *r)
{
	struct outcome *o = outcome_of(u, r);

	if (!o)
		o = expired(u);
	if (!o) {
		u->failures = mem_grow(u->failures, u->n_failures + 1, sizeof(*u->failures));
		o = &u->failures[u->n_failures++];
	}
	*o = (struct outcome){r->addr, r->transport, loop_now(u->cx.loop) + OUTCOME_MS};
}

/* ---- the race ---- */

static int64_t
delay(const struct upstream *u)
{
	return u->cx.ops->under_attack(u->cx.arg, (struct upstream *)u) ? DELAY_ATTACK_MS
									: DELAY_MS;
}

static bool
is_running(const struct race *race)
{
	for (size_t i = 0; i < race->n; i++)
		if (race->runners[i].session)
			return true;
	return false;
}

/* Those that failed lately come when all others have. */
static struct runner *
next_of(struct race *race)
{
	for (size_t i = 0; i < race->n; i++)
		if (!race->runners[i].begun && !race->runners[i].known_bad)
			return &race->runners[i];
	race->last_resort |= !is_running(race);
	for (size_t i = 0; race->last_resort && i < race->n; i++)
		if (!race->runners[i].begun)
			return &race->runners[i];
	return NULL;
}

/* The next that can be begun; the others are no attempts. False: there is none, `why` says of the
 * first what was in its way. */
static bool
begin_next(struct upstream *u, char why[static REASON_MAX])
{
	struct race *race = u->race;
	char reason[REASON_MAX];
	struct runner *r;

	while ((r = next_of(race))) {
		r->begun = true;
		r->session = upstream_dial_address(u, *race->interface ? race->interface : NULL,
			&r->addr, r->transport, race->cause, reason);
		if (r->session) {
			if (next_of(race))
				timer_after(u->race_timer, delay(u));
			return true;
		}
		if (!*why)
			memcpy(why, reason, sizeof(reason));
	}
	return false;
}

void
upstream_race_due(void *arg)
{
	struct upstream *u = arg;
	char why[REASON_MAX] = "";

	begin_next(u, why);
}

static void
add_runners(const struct upstream *u, struct race *race, const struct race_field *field,
	enum session_transport transport, int family)
{
	for (size_t i = 0; i < field->n; i++) {
		struct runner *r = &race->runners[race->n];

		if (field->addrs[i].family != family)
			continue;
		*r = (struct runner){.addr = field->addrs[i], .transport = transport};
		r->known_bad = has_failed(u, r);
		race->n++;
	}
}

bool
upstream_race_begin(struct upstream *u, const struct race_field *field, const char *interface,
	const char *cause, char why[static REASON_MAX])
{
	struct race *race = mem_new(sizeof(*race));

	race->runners = mem_array(2 * field->n, sizeof(*race->runners));
	race->probe = field->probe;
	race->cause = cause;
	snprintf(race->interface, sizeof(race->interface), "%s", interface ? interface : "");
	for (enum session_transport t = SESSION_UDP; t <= SESSION_TCP; t++)
		for (int family = 6; field->over[t] && family >= 4; family -= 2)
			add_runners(u, race, field, t, family);
	u->race = race;
	if (begin_next(u, why))
		return true;
	upstream_race_stop(u);
	return false;
}

void
upstream_race_stop(struct upstream *u)
{
	struct race *race = u->race;

	if (!race)
		return;
	u->race = NULL;
	timer_stop(u->race_timer);
	for (size_t i = 0; i < race->n; i++)
		if (race->runners[i].session)
			session_abandon(race->runners[i].session);
	free(race->runners);
	free(race);
}

static struct runner *
runner_of(const struct upstream *u, const struct session *s)
{
	for (size_t i = 0; u->race && i < u->race->n; i++)
		if (u->race->runners[i].session == s)
			return &u->race->runners[i];
	return NULL;
}

bool
upstream_race_probes(const struct upstream *u)
{
	return u->race && u->race->probe;
}

/* Better ones that were begun before and are not up count as failed. */
bool
upstream_race_won(struct upstream *u, struct session *s)
{
	struct runner *winner = runner_of(u, s);
	struct outcome *before;
	bool probe = u->race->probe;

	assert(winner);
	before = outcome_of(u, winner);
	if (before)
		before->until = 0;
	for (const struct runner *r = u->race->runners; r != winner; r++)
		if (r->session)
			note_failure(u, r);
	winner->session = NULL;
	upstream_race_stop(u);
	u->session[CANDIDATE] = s;
	return probe;
}

/* The server may refuse its own ticket instead of falling back: the next handshake is a full one.
 */
static void
forget_ticket(struct upstream *u, const struct session *s)
{
	if (u->resume_over != session_transport(s))
		return;
	resumption_free(u->resume);
	u->resume = NULL;
}

bool
upstream_race_lost(struct upstream *u, struct session *s, const char *reason)
{
	struct runner *r = runner_of(u, s);
	char why[REASON_MAX] = "";
	bool probe;

	if (!r)
		return false;
	r->session = NULL;
	forget_ticket(u, s);
	note_failure(u, r);
	if (begin_next(u, why) || is_running(u->race)) {
		upstream_dial_tell(u, s, reason, 0);
		return true;
	}
	probe = u->race->probe;
	upstream_race_stop(u);
	if (!probe)
		upstream_dial_failed(u, s, reason);
	else
		upstream_dial_tell(u, s, reason, PROBE_MS / 1000);
	if (probe && upstream_dial_wanted(u))
		upstream_dial_begin(u, "reconnect");
	return true;
}

/* ---- from TCP to UDP ---- */

void
upstream_race_settled(struct upstream *u)
{
	if (u->server->transport == SERVER_ANY &&
		session_transport(u->session[CURRENT]) == SESSION_TCP)
		timer_after(u->probe_timer, PROBE_MS);
	else
		timer_stop(u->probe_timer);
}

void
upstream_race_probe(void *arg)
{
	struct upstream *u = arg;
	struct access a;
	bool up = upstream_link_pick(u, &a);
	struct race_field field = {.over = {[SESSION_UDP] = true}, .probe = true};
	char why[REASON_MAX] = "";

	timer_after(u->probe_timer, PROBE_MS);
	if (!u->session[CURRENT] || upstream_dial_under_way(u) || !up || !u->credentials)
		return;
	u->access = a;
	field.addrs = upstream_addresses(u, &field.n);
	upstream_race_begin(u, &field, a.interface, "UDP is tried again", why);
}
