/*
 * One request of ours at one server: sent, repeated, accepted, refreshed, withdrawn (RFC 9132 4.4;
 * rules M3, M6, M16).
 */
#include "homing/placement.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "homing/target.h"
#include "wire/coap.h"

enum {
	REPEAT_MS = 3000,        /* RFC 9132 4.4: without an RTT estimate */
	PARALLEL_GAP_MS = 60000, /* RFC 9132 4.7: handshakes never more often */
	RETRY_S = 60,
	DEFAULT_LIFETIME_S = 3600,
};

struct placement *
placement_new(struct wishes *w, uint32_t server, uint32_t mid, const struct target *t, bool trigger,
	int64_t lifetime)
{
	const struct domain_server *s = w->homing->servers[server];
	struct placement *p = mem_new(sizeof(*p));
	struct scope from = {.target = *t}, to;

	from.has = (t->n_target_prefix ? 1ULL << SCOPE_TARGET_PREFIX : 0) |
		   (t->n_target_port_range ? 1ULL << SCOPE_TARGET_PORT_RANGE : 0) |
		   (t->n_target_protocol ? 1ULL << SCOPE_TARGET_PROTOCOL : 0);
	p->arena = arena_new();
	schema_copy(&scope_schema, p->arena, &from, &to);
	p->target = to.target;
	p->server = server;
	p->server_name = mem_text(s->id);
	p->domain = mem_text(w->homing->domains[s->domain].name);
	p->mid = mid;
	p->trigger_mitigation = trigger;
	p->lifetime = lifetime ? lifetime : DEFAULT_LIFETIME_S;
	p->due = INT64_MAX;
	p->seen = w->plannings; /* by the one that makes it */
	if (w->n_placements == w->cap_placements) {
		w->cap_placements = w->cap_placements ? 2 * w->cap_placements : 16;
		w->placements =
			mem_grow(w->placements, w->cap_placements, sizeof(struct placement *));
	}
	p->place = w->n_placements;
	w->placements[w->n_placements++] = p;
	placement_file(w, p);
	return p;
}

void
placement_tell(struct placement *p, const struct name *names, size_t n)
{
	p->names = name_copy(names, n, p->arena);
	p->n_names = n;
}

/* ---- where it is found ---- */

struct mid_key {
	uint32_t server, mid;
};

static struct overlap *
index_of(const struct wishes *w, const struct placement *p)
{
	if (p->state == PLACEMENT_GOING || p->standby)
		return NULL;
	return p->superseded ? w->replaced : w->live;
}

static mono_ms
deadline_of(const struct wishes *w, const struct placement *p)
{
	mono_ms gone = p->state == PLACEMENT_GOING || p->standby ? p->expires : INT64_MAX;
	mono_ms due = placement_sendable(w, p) ? p->due : INT64_MAX;
	mono_ms again = control_deadline(p);

	due = due < again ? due : again;
	return due < gone ? due : gone;
}

static void
move_to_index(struct placement *p, struct overlap *index)
{
	if (p->index == index)
		return;
	if (p->index)
		overlap_remove(p->index, p->server, p->trigger_mitigation, &p->target, p);
	if (index)
		overlap_add(index, p->server, p->trigger_mitigation, &p->target, p);
	p->index = index;
}

void
placement_file(struct wishes *w, struct placement *p)
{
	struct mid_key key = {p->server, p->mid};

	if (!p->deadline.place)
		map_set(w->by_mid, &key, sizeof(key), p);
	move_to_index(p, index_of(w, p));
	heap_set(&w->due, &p->deadline, deadline_of(w, p));
}

void
placement_unfile(struct wishes *w, struct placement *p)
{
	struct mid_key key = {p->server, p->mid};

	if (map_get(w->by_mid, &key, sizeof(key)) == p)
		map_remove(w->by_mid, &key, sizeof(key));
	move_to_index(p, NULL);
	heap_remove(&w->due, &p->deadline);
}

void
placement_renumber(struct wishes *w, struct placement *p, uint32_t mid)
{
	placement_unfile(w, p);
	p->mid = mid;
	placement_file(w, p);
}

struct placement *
placement_find(const struct wishes *w, uint32_t server, uint32_t mid)
{
	struct mid_key key = {server, mid};

	return map_get(w->by_mid, &key, sizeof(key));
}

/* ---- whom it serves ---- */

static void
hold(struct wishes *w, struct placement *p, const char *ask)
{
	struct wish *wish = map_get(w->by_id, ask, strlen(ask));

	if (!wish)
		return;
	if (wish->n_held == wish->cap_held) {
		wish->cap_held = wish->cap_held ? 2 * wish->cap_held : 2;
		wish->held = mem_grow(wish->held, wish->cap_held, sizeof(struct placement *));
	}
	wish->held[wish->n_held++] = p;
}

static void
let_go(struct wishes *w, struct placement *p, const char *ask)
{
	struct wish *wish = map_get(w->by_id, ask, strlen(ask));

	for (size_t i = 0; wish && i < wish->n_held; i++)
		if (wish->held[i] == p) {
			wish->held[i] = wish->held[--wish->n_held];
			return;
		}
}

static bool
same_asks(const struct placement *p, const char *const *asks, size_t n)
{
	if (p->n_asks != n)
		return false;
	for (size_t i = 0; i < n; i++)
		if (strcmp(p->asks[i], asks[i]) != 0)
			return false;
	return true;
}

static void
free_asks(struct placement *p)
{
	for (size_t i = 0; i < p->n_asks; i++)
		free(p->asks[i]);
	free(p->asks);
}

bool
placement_set_asks(struct wishes *w, struct placement *p, const char *const *asks, size_t n)
{
	char **copy;

	if (same_asks(p, asks, n))
		return false;
	copy = mem_array(n, sizeof(char *));
	for (size_t i = 0; i < p->n_asks; i++)
		let_go(w, p, p->asks[i]);
	for (size_t i = 0; i < n; i++) {
		copy[i] = mem_text(asks[i]);
		hold(w, p, asks[i]);
	}
	free_asks(p);
	p->asks = copy;
	p->n_asks = n;
	return true;
}

uint32_t
placement_server(const struct homing *h, const char *domain, const char *server)
{
	for (uint32_t i = 0; i < h->n_servers; i++)
		if (!strcmp(h->servers[i]->id, server) &&
			!strcmp(h->domains[h->servers[i]->domain].name, domain))
			return i;
	return UINT32_MAX;
}

static void
queue_action(struct wishes *w, enum wish_action_kind kind, const struct placement *p)
{
	struct queued_action *q = mem_new(sizeof(*q));

	q->action = (struct wish_action){
		.kind = kind, .server = p->server, .mid = p->mid, .domain = -1};
	*w->last = q;
	w->last = &q->next;
}

void
placement_forget(struct wishes *w, const struct placement *p)
{
	if (p->server != UINT32_MAX)
		queue_action(w, WISH_ACTION_FORGET, p);
}

void
placement_free(struct placement *p)
{
	free_asks(p);
	control_finish(p);
	arena_free(p->arena);
	free(p->domain);
	free(p->server_name);
	free(p);
}

static void
take_out(struct wishes *w, struct placement *p)
{
	placement_unfile(w, p);
	w->placements[p->place] = w->placements[--w->n_placements];
	w->placements[p->place]->place = p->place;
	for (size_t i = 0; i < p->n_asks; i++)
		let_go(w, p, p->asks[i]);
	placement_forget(w, p);
	wish_placement_gone(w, p);
	placement_free(p);
}

void
placement_drop(struct wishes *w, struct placement *p)
{
	store_forget_placement(w, p);
	take_out(w, p);
}

void
placement_put_away(struct wishes *w, struct placement *p, mono_ms now, wall_ms wall)
{
	store_put_away(w, p, now, wall);
	take_out(w, p);
}

/* A server that accepts it and says the next moment that it is not there is asked again at leisure.
 */
void
placement_lost(struct wishes *w, struct placement *p, mono_ms now)
{
	mono_ms soonest = p->answered + (mono_ms)RETRY_S * 1000;

	p->doubted = true;
	placement_queue(w, p, now > soonest ? now : soonest);
}

void
placement_queue(struct wishes *w, struct placement *p, mono_ms when)
{
	p->exchange = EXCHANGE_QUEUED;
	p->due = p->state != PLACEMENT_GOING && when < p->hold ? p->hold : when;
	p->repeats = 0;
	placement_file(w, p);
}

/* The smallest of those that it stands for: what goes round in a loop has to come to its end,
 * whoever else wants the same (RFC 8768 3). */
static uint8_t
hop_limit_of(const struct wishes *w, const struct placement *p)
{
	uint8_t limit = 0;

	for (size_t i = 0; i < p->n_asks; i++) {
		const struct wish *wish = wish_get(w, p->asks[i]);

		if (wish && !wish->releasing && wish->hop_limit &&
			(!limit || wish->hop_limit < limit))
			limit = wish->hop_limit;
	}
	return limit;
}

/* A smaller one is told at once: a request that has come round to us would else wait for itself,
 * and be granted for its silence. */
void
placement_limit(struct wishes *w, struct placement *p, mono_ms now)
{
	uint8_t limit = hop_limit_of(w, p);
	bool asked = p->exchange == EXCHANGE_OPEN || p->state == PLACEMENT_PLACED;

	if (p->exchange == EXCHANGE_QUEUED || p->state == PLACEMENT_GOING || p->standby || !asked)
		return;
	if (limit && (!p->hop_limit || limit < p->hop_limit)) {
		p->silent = false; /* to this one */
		placement_queue(w, p, now);
	}
}

bool
placement_sendable(const struct wishes *w, const struct placement *p)
{
	return w->available[p->server] != SERVER_UNAVAILABLE && !rollover_holds(w, p);
}

void
placement_bound_expiry(struct placement *p, mono_ms now)
{
	if (!p->expires)
		p->expires = now + (p->lifetime > 0 ? p->lifetime * 1000 : 0);
}

bool
placement_stands(const struct placement *p)
{
	bool accepted = p->expires != 0; /* and a refresh of it may have been refused */

	return p->sent && p->state != PLACEMENT_ENDED &&
	       (p->state != PLACEMENT_REFUSED || accepted);
}

void
placement_forget_ask(struct placement *p, const char *ask)
{
	for (size_t i = 0; i < p->n_asks; i++) {
		if (strcmp(p->asks[i], ask) != 0)
			continue;
		free(p->asks[i]);
		memmove(&p->asks[i], &p->asks[i + 1], (--p->n_asks - i) * sizeof(char *));
		return;
	}
}

/* ---- answers ---- */

static void
close_exchange(struct placement *p)
{
	p->exchange = EXCHANGE_NONE;
	p->due = INT64_MAX;
	p->repeats = 0;
	p->silent = p->told = false;
}

struct older {
	uint32_t than; /* mid */
	struct placement *found;
};

static bool
note_older(void *arg, void *holder)
{
	struct older *o = arg;
	struct placement *p = holder;

	if (p->mid >= o->than)
		return true;
	o->found = p;
	return false;
}

/* The server deletes what a newer mid of ours overlaps; we forget it without asking. */
static void
drop_superseded(struct wishes *w, const struct placement *by)
{
	struct older o = {by->mid, NULL};

	while (!overlap_each(
		w->replaced, by->server, by->trigger_mitigation, &by->target, note_older, &o))
		placement_drop(w, o.found);
}

static void
accepted(struct wishes *w, struct placement *p, const struct wish_answer *a, mono_ms now)
{
	bool first = p->state != PLACEMENT_PLACED, lost = p->doubted && a->code == COAP_201_CREATED;
	int64_t granted = a->lifetime ? a->lifetime : p->lifetime;
	struct scope entry = {0};

	close_exchange(p);
	p->granted = granted;
	p->accepted_limit = p->hop_limit ? p->hop_limit : COAP_HOP_LIMIT_MAX + 1;
	p->answered = now;
	p->state = PLACEMENT_PLACED;
	p->code = a->code;
	p->why[0] = '\0';
	p->expires = granted < 0 ? INT64_MAX : now + granted * 1000;
	p->due = granted < 0 ? INT64_MAX : now + granted * 500; /* refreshed at half, but … */
	if (p->due < now + REPEAT_MS)
		p->due = now + REPEAT_MS; /* … whatever is granted (RFC 9132 4.4) */
	if (first) {
		if (!p->status)
			p->status = p->trigger_mitigation ? ATTACK_MITIGATION_IN_PROGRESS
							  : ATTACK_MITIGATION_SIGNAL_LOSS;
		wish_report(w, WISH_REPORT_PLACED, p->n_asks ? p->asks[0] : "", p, NULL, "");
	}
	p->doubted = false;
	control_accepted(w, p, lost);
	verdict_conflict(&a->conflict, &entry);
	wish_conflict(w, p, &entry, now);
	queue_action(w, WISH_ACTION_OBSERVE, p);
	drop_superseded(w, p);
}

static bool
is_collision(uint8_t code, const struct conflict *c)
{
	return code == COAP_409_CONFLICT && c->cause == CUID_COLLISION;
}

/* Overload, or too fast: nothing was decided about the request. A loop (RFC 8768 4) is one the next
 * time, too. */
bool
placement_is_for_now(uint8_t code)
{
	return code == COAP_429_TOO_MANY_REQUESTS ||
	       (coap_class(code) == 5 && code != COAP_508_HOP_LIMIT_REACHED);
}

bool
placement_is_refused(const struct placement *p)
{
	return p->state == PLACEMENT_REFUSED && !placement_is_for_now(p->code);
}

static bool
may_work_later(const struct wish_answer *a)
{
	return placement_is_for_now(a->code) && (coap_class(a->code) == 5 || a->max_age);
}

void
placement_resume(struct wishes *w, struct placement *p, mono_ms now)
{
	bool refused = p->state == PLACEMENT_REFUSED;

	p->doubted = p->state == PLACEMENT_PLACED;
	if (p->standby || p->state == PLACEMENT_ENDED || placement_is_refused(p))
		placement_file(w, p);
	else /* how long to wait after a refusal is not known any more */
		placement_queue(w, p, refused ? now + (mono_ms)RETRY_S * 1000 : now);
}

static bool
note_no_taker(void *arg, void *holder)
{
	const struct placement *p = holder;

	(void)arg;
	return p->state != PLACEMENT_WANTED && p->state != PLACEMENT_PLACED;
}

/* M12: whoever asks gateways knows not which of them is responsible. What one rejects as foreign is
 * nobody's business while another one may take it, or has. */
static bool
is_declined(const struct wishes *w, const struct placement *p)
{
	const struct homing *h = w->homing;
	bool taker = false;

	if (coap_class(p->code) != 4 || !h->domains[h->servers[p->server]->domain].gateway)
		return false;
	for (uint32_t s = 0; !taker && s < h->n_servers; s++)
		taker = h->domains[h->servers[s]->domain].gateway && s != p->server &&
			!overlap_each(
				w->live, s, p->trigger_mitigation, &p->target, note_no_taker, NULL);
	return taker;
}

/* The peer's word, or what it means. */
static void
tell_refused(struct wishes *w, const struct placement *p)
{
	const char *ask = p->n_asks ? p->asks[0] : "";
	char reason[WISH_WHY_MAX];

	if (p->code == COAP_508_HOP_LIMIT_REACHED)
		snprintf(reason, sizeof(reason), "RFC 8768 4: forwarding loop through %.150s",
			*p->why ? p->why : "gateways that it does not name");
	else
		snprintf(reason, sizeof(reason), "%s", p->why);
	wish_report(w, is_declined(w, p) ? WISH_REPORT_DECLINED : WISH_REPORT_REFUSED, ask, p, NULL,
		reason);
}

static struct retry_key
retry_key(const struct placement *p)
{
	return (struct retry_key){p->domain, p->server_name, &p->target, p->trigger_mitigation};
}

void
placement_wait(struct wishes *w, const struct placement *p, const struct conflict *c, mono_ms now)
{
	struct retry_key k = retry_key(p);

	retries_set(w->retries, &k, c, now);
}

static void
refused(struct wishes *w, struct placement *p, const struct wish_answer *a, mono_ms now)
{
	close_exchange(p);
	p->code = a->code;
	p->conflict = a->conflict;
	snprintf(p->why, sizeof(p->why), "%s", a->why ? a->why : "");
	if (is_collision(a->code, &a->conflict))
		snprintf(p->why, sizeof(p->why),
			"RFC 9132 4.4.1.1: our cuid is in use by another client there");
	if (may_work_later(a))
		placement_queue(w, p, now + (int64_t)(a->max_age ? a->max_age : RETRY_S) * 1000);
	if (p->state != PLACEMENT_PLACED || !may_work_later(a)) {
		p->state = PLACEMENT_REFUSED;
		tell_refused(w, p);
	}
}

/* What was to take their place is not accepted: they stand as before. */
static void
revive_superseded(struct wishes *w, const struct placement *by, mono_ms now, wall_ms wall)
{
	struct older o = {by->mid, NULL};

	while (!overlap_each(
		w->replaced, by->server, by->trigger_mitigation, &by->target, note_older, &o)) {
		o.found->superseded = false;
		if (o.found->state == PLACEMENT_WANTED && o.found->exchange == EXCHANGE_NONE)
			placement_queue(w, o.found, now); /* given up for its filters */
		placement_file(w, o.found);
		store_placement(w, o.found, now, wall);
	}
}

/* M14: the copies of one request share its mid; one that was raised draws the others after it. */
static uint32_t
raised_mid(struct wishes *w, const struct placement *p, wall_ms wall)
{
	for (size_t i = 0; i < w->n_placements; i++) {
		const struct placement *o = w->placements[i];

		if (o->retried_mid && o->server != p->server && o->mid > p->mid &&
			!strcmp(o->domain, p->domain) && target_covers(&o->target, &p->target) &&
			target_covers(&p->target, &o->target))
			return o->mid;
	}
	return store_take_mid(w, p->domain, wall);
}

/* A higher mid of ours stands there that we do not know of: ask again under one above it, once.
 * With a retry-timer it is somebody else's (RFC 9132 4.4.1.3). */
static bool
is_behind(const struct placement *p, const struct wish_answer *a)
{
	return a->code == COAP_409_CONFLICT && a->conflict.cause == OVERLAPPING_TARGETS &&
	       !a->conflict.retry_timer && !p->retried_mid;
}

static bool
mid_is_behind(struct wishes *w, struct placement *p, const struct wish_answer *a, mono_ms now,
	wall_ms wall)
{
	if (!is_behind(p, a))
		return false;
	store_forget_placement(w, p);
	store_raise_mid(w, p->domain, a->conflict_mid, wall);
	p->retried_mid = true;
	placement_renumber(w, p, raised_mid(w, p, wall));
	p->state = PLACEMENT_WANTED;
	placement_queue(w, p, now);
	return true;
}

/* Something may stand at that domain under the cuid we have there. What this server (UINT32_MAX: no
 * one) was asked and has not answered does not: the cuid is another client's. */
static bool
stands_there(const struct wishes *w, const char *domain, uint32_t server, mono_ms now)
{
	for (size_t i = 0; i < w->n_placements; i++) {
		const struct placement *o = w->placements[i];
		bool asked = o->server != server && o->state == PLACEMENT_WANTED && o->sent;

		if (!strcmp(o->domain, domain) &&
			(asked || (o->expires > now && o->state != PLACEMENT_ENDED)))
			return true;
	}
	return false;
}

/* Everything that is wanted at that domain and was asked under the cuid that is not ours. */
static void
ask_anew(struct wishes *w, const char *domain, mono_ms now, wall_ms wall)
{
	for (size_t i = 0; i < w->n_placements; i++) {
		struct placement *p = w->placements[i];
		bool asked = p->state == PLACEMENT_REFUSED ? is_collision(p->code, &p->conflict)
							   : p->exchange == EXCHANGE_OPEN;

		if (strcmp(p->domain, domain) != 0 || p->state == PLACEMENT_GOING || !asked)
			continue;
		placement_forget(w, p);
		p->state = PLACEMENT_WANTED;
		placement_queue(w, p, now);
		store_placement(w, p, now, wall);
		wish_changed(w, p);
	}
}

/* RFC 9132 4.4.1.1: our cuid is another client's there. A new one is taken, unless mitigations may
 * be active under the old one, and the same requests go out again. */
static bool
cuid_is_taken(struct wishes *w, struct placement *p, const struct wish_answer *a, mono_ms now,
	wall_ms wall)
{
	struct wish_part part = {.domain = homing_domain(w->homing, p->domain),
		.server = (int)p->server,
		.section = "RFC 9132 4.4.1.1"};

	if (!is_collision(a->code, &a->conflict) || !a->fresh_cuid ||
		stands_there(w, p->domain, p->server, now) ||
		!store_rename(w, p->domain, a->fresh_cuid, wall))
		return false;
	wish_report(w, WISH_REPORT_RENAMED, p->n_asks ? p->asks[0] : "", p, &part,
		"our cuid is in use by another client there: a new one is taken");
	ask_anew(w, p->domain, now, wall);
	return true;
}

bool
wishes_rename(struct wishes *w, uint32_t domain, const char *fresh, mono_ms now, wall_ms wall)
{
	const char *name = w->homing->domains[domain].name;

	if (stands_there(w, name, UINT32_MAX, now) || !store_rename(w, name, fresh, wall))
		return false;
	ask_anew(w, name, now, wall);
	return true;
}

/* A server that cannot look up a name, or finds more than what is ours, refuses all of the request
 * (RFC 9132 4.4.1.1). The addresses are what matters: they are asked for by themselves. */
static bool
goes_without_names(struct wishes *w, struct placement *p, const struct wish_answer *a, mono_ms now)
{
	if (a->code != COAP_400_BAD_REQUEST || !p->n_names || p->state != PLACEMENT_WANTED)
		return false;
	p->n_names = 0;
	placement_queue(w, p, now);
	return true;
}

/* What is to be replaced is refused: its successor is on record there, or will be refused, too. */
static bool
leaves_it_to_successor(struct wishes *w, struct placement *p, mono_ms now)
{
	if (!p->superseded)
		return false;
	close_exchange(p);
	p->due = now + (mono_ms)RETRY_S * 1000;
	placement_file(w, p);
	return true;
}

/* It has been decided about: on record, and told to whom it concerns. */
static void
settle(struct wishes *w, struct placement *p, mono_ms now, wall_ms wall)
{
	placement_file(w, p);
	store_placement(w, p, now, wall);
	wish_changed(w, p);
	if (placement_is_refused(p)) {
		revive_superseded(w, p, now, wall);
		replan_placement(w, p, now, wall);
	} else {
		control_review(w, p, now, wall);
	}
}

void
placement_answer(struct wishes *w, struct placement *p, const struct wish_answer *a, mono_ms now,
	wall_ms wall)
{
	if (p->state == PLACEMENT_GOING) {
		if (a->method != COAP_DELETE)
			return; /* the PUT it had open; the withdrawal goes on */
		p->code = a->code;
		wish_report(w, WISH_REPORT_WITHDRAWN, p->n_asks ? p->asks[0] : "", p, NULL, "");
		placement_drop(w, p);
		return;
	}
	if (a->method != COAP_PUT || p->exchange != EXCHANGE_OPEN)
		return;
	if (p->attack_status) {
		p->attack_status = 0;
		if (coap_class(a->code) != 2 &&
			!may_work_later(a)) { /* says nothing of the request itself */
			placement_queue(w, p, now);
			return;
		}
	}
	if (coap_class(a->code) == 2) {
		accepted(w, p, a, now);
	} else if (leaves_it_to_successor(w, p, now) ||
		   (!is_behind(p, a) && control_refused(w, p, a, now, wall))) {
		return;
	} else if (!goes_without_names(w, p, a, now) && !mid_is_behind(w, p, a, now, wall) &&
		   !cuid_is_taken(w, p, a, now, wall)) {
		placement_wait(w, p, &a->conflict, now);
		refused(w, p, a, now);
	}
	settle(w, p, now, wall);
}

/* RFC 9132 4.4.2.1: the same was asked for there, and is not to be again yet. The server's answer
 * is known; said again by us it holds no longer than when the server said it. */
bool
placement_too_early(struct wishes *w, struct placement *p, mono_ms now, wall_ms wall)
{
	struct retry_key k = retry_key(p);
	struct wish_answer a = {.method = COAP_PUT, .code = COAP_409_CONFLICT};
	char why[WISH_WHY_MAX];

	if (p->state != PLACEMENT_WANTED || p->exchange != EXCHANGE_QUEUED ||
		!placement_sendable(w, p) || !retries_find(w->retries, &k, now, &a.conflict))
		return false;
	snprintf(why, sizeof(why),
		"RFC 9132 4.4.2.1: it refused the same and will not hear of it for another %llu s",
		(unsigned long long)a.conflict.retry_timer);
	a.why = why;
	if (control_refused(w, p, &a, now, wall))
		return true;
	refused(w, p, &a, now);
	settle(w, p, now, wall);
	return true;
}

/* ---- what is due ---- */

static void
fill_put(struct placement *p, struct wish_action *ret)
{
	struct scope *s = &ret->scope;

	s->target = p->target;
	s->lifetime = p->lifetime;
	s->trigger_mitigation = p->trigger_mitigation;
	s->has = 1ULL << SCOPE_TARGET_PREFIX | 1ULL << SCOPE_LIFETIME |
		 (p->target.n_target_port_range ? 1ULL << SCOPE_TARGET_PORT_RANGE : 0) |
		 (p->target.n_target_protocol ? 1ULL << SCOPE_TARGET_PROTOCOL : 0) |
		 (p->trigger_mitigation ? 0 : 1ULL << SCOPE_TRIGGER_MITIGATION);
	ret->names = p->names;
	ret->n_names = p->n_names;
	ret->refresh = p->state == PLACEMENT_PLACED;
	if (p->control == CONTROL_ASKED && !ret->refresh) { /* RFC 9133 */
		s->acl_list = p->acls;
		s->n_acl_list = p->controls.n;
		s->has |= 1ULL << SCOPE_ACL_LIST;
		p->said = true;
	}
	if (p->attack_status && ret->refresh) { /* RFC 9132 4.4.3 */
		s->attack_status = p->attack_status;
		s->has |= 1ULL << SCOPE_ATTACK_STATUS;
		ret->if_match = true;
	}
}

void
placement_sent(struct wishes *w, struct placement *p, mono_ms now)
{
	p->due = now + REPEAT_MS;
	placement_file(w, p);
}

/* The server does not answer, and what is asked of it is not in place: the operator is told, once
 * for each target, and nobody else is asked (RFC 9284 5.1). */
static void
tell_waiting(struct wishes *w, struct placement *p, const char *what)
{
	struct wish_part part = {.domain = homing_domain(w->homing, p->domain),
		.server = (int)p->server,
		.section = "RFC 9284 5.1"};
	char reason[WISH_WHY_MAX];

	if (p->told || p->state != PLACEMENT_WANTED || p->control == CONTROL_ASKED)
		return;
	p->told = true;
	snprintf(reason, sizeof(reason), "%.120s %s; no other may be asked", p->server_name, what);
	for (size_t i = 0; i < p->target.n_target_prefix; i++) {
		part.prefix = p->target.target_prefix[i];
		wish_report(w, WISH_REPORT_PENDING, p->n_asks ? p->asks[0] : "", p, &part, reason);
	}
}

static void
transmit(struct wishes *w, struct placement *p, mono_ms now, struct wish_action *ret)
{
	if (w->available[p->server] == SERVER_SILENT)
		tell_waiting(w, p, "answers no heartbeats, it is asked all the same");
	ret->kind = p->state == PLACEMENT_GOING ? WISH_ACTION_DELETE : WISH_ACTION_PUT;
	if (ret->kind == WISH_ACTION_PUT) {
		fill_put(p, ret);
		ret->hop_limit = p->hop_limit = hop_limit_of(w, p);
	}
	p->exchange = EXCHANGE_OPEN;
	p->sent = true;
	p->repeats = 0;
	placement_sent(w, p, now);
}

/* Unanswered: again every 3 s; when the first repeat stayed unanswered too, a second session. */
static void
repeat(struct wishes *w, struct placement *p, mono_ms now, struct wish_action *ret)
{
	if (p->repeats == 1 && p->parallel_at <= now) {
		p->parallel_at = now + PARALLEL_GAP_MS;
		ret->kind = WISH_ACTION_PARALLEL;
		return;
	}
	if (p->attack_status) { /* a server that has forgotten the request says nothing to it */
		p->attack_status = 0;
		transmit(w, p, now, ret);
		return;
	}
	ret->kind = WISH_ACTION_REPEAT;
	p->repeats++;
	p->due = now + REPEAT_MS;
	placement_file(w, p);
	if (!p->silent) {
		p->silent = true;
		tell_waiting(w, p, "has not answered for 3 s");
		wish_changed(w, p);
	}
}

bool
placement_next(struct wishes *w, struct placement *p, mono_ms now, struct wish_action *ret)
{
	*ret = (struct wish_action){.server = p->server, .mid = p->mid, .domain = -1};
	if (!placement_sendable(w, p) || p->due > now)
		return false;
	ret->domain = (int)w->homing->servers[p->server]->domain;
	if (p->exchange == EXCHANGE_OPEN)
		repeat(w, p, now, ret);
	else /* queued, or a refresh is due */
		transmit(w, p, now, ret);
	return true;
}
