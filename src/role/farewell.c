/*
 * Withdrawals at servers that are configured no more: repeated until answered, for a minute at most
 * (RFC 9132 4.4.4; rules M3, M17).
 */
#include "role/farewell.h"

#include <stdlib.h>

#include "base/event.h"
#include "base/mem.h"

enum {
	REPEAT_MS = 3000,    /* RFC 9132 4.4: without an RTT estimate */
	PATIENCE_MS = 60000, /* that long a server that is not configured any more is kept */
	CODE_TEXT = 5,
};

struct withdrawal {
	struct withdrawal *next;
	uint32_t mid;
	mono_ms due; /* to be sent again, once the server is available */
	mono_ms until;
	unsigned repeats;
};

struct farewell {
	struct loop *loop;
	struct upstream *upstream;
	struct homing *homing;
	struct timer *timer;
	struct withdrawal *withdrawals; /* unanswered */
	void (*over)(void *arg, struct farewell *f);
	void *arg;
};

static const char *
domain_name(const struct farewell *f)
{
	return f->homing->domains[upstream_server(f->upstream)->domain].name;
}

static struct withdrawal **
find(struct farewell *f, uint32_t mid)
{
	struct withdrawal **p = &f->withdrawals;

	while (*p && (*p)->mid != mid)
		p = &(*p)->next;
	return p;
}

static void
drop(struct farewell *f, struct withdrawal **p)
{
	struct withdrawal *w = *p;

	*p = w->next;
	upstream_forget(f->upstream, w->mid);
	free(w);
}

static bool
is_there(const struct farewell *f)
{
	return upstream_availability(f->upstream) != SERVER_UNAVAILABLE;
}

static void
rearm(struct farewell *f)
{
	bool there = is_there(f);
	mono_ms first = INT64_MAX;

	for (const struct withdrawal *w = f->withdrawals; w; w = w->next) {
		first = there && w->due < first ? w->due : first;
		first = w->until < first ? w->until : first;
	}
	timer_at(f->timer, f->withdrawals ? first : loop_now(f->loop));
}

static void
give_up(struct farewell *f, struct withdrawal **p)
{
	event_raise(EVENT_ALERT, EVENT_F("reason", "gone without an answer to a withdrawal"),
		EVENT_F("domain", domain_name(f)),
		EVENT_F("server", upstream_server(f->upstream)->name),
		EVENT_F("section", "RFC 9132 4.4.4"));
	drop(f, p);
}

/* Again every 3 s; when the first repeat stayed unanswered too, over a second session (M3). */
static void
repeat(struct farewell *f, struct withdrawal *w, mono_ms now)
{
	w->due = now + REPEAT_MS;
	if (w->repeats++ == 1)
		upstream_parallel(f->upstream);
	upstream_repeat(f->upstream, w->mid);
}

static void
timer_due(void *arg)
{
	struct farewell *f = arg;
	mono_ms now = loop_now(f->loop);
	struct withdrawal **p = &f->withdrawals;

	while (*p) {
		if ((*p)->until <= now) {
			give_up(f, p);
			continue;
		}
		if ((*p)->due <= now && is_there(f))
			repeat(f, *p, now);
		p = &(*p)->next;
	}
	if (f->withdrawals)
		rearm(f);
	else
		f->over(f->arg, f);
}

/* ---- what the upstream tells -------------------------------------------------------------- */

static void
on_available(void *arg, struct upstream *u, enum availability a)
{
	(void)u;
	(void)a;
	rearm(arg);
}

static void
on_renewed(void *arg, struct upstream *u, mono_ms since)
{
	(void)arg;
	(void)u;
	(void)since; /* nothing stands there that it would have to be told again */
}

static void
on_sent(void *arg, struct upstream *u, uint32_t mid)
{
	struct farewell *f = arg;
	struct withdrawal *w = *find(f, mid);

	(void)u;
	if (w)
		w->due = loop_now(f->loop) + REPEAT_MS;
}

static void
on_answered(void *arg, struct upstream *u, uint32_t mid, uint8_t method, const struct coap_msg *m)
{
	struct farewell *f = arg;
	struct withdrawal **p = find(f, mid);
	char code[CODE_TEXT];

	(void)method; /* nothing else was asked */
	event_raise(EVENT_WITHDRAWN, EVENT_F("domain", domain_name(f)),
		EVENT_F("server", upstream_server(u)->name), EVENT_N("mid", mid),
		EVENT_F("code", coap_code_format(m->code, code)));
	if (*p)
		drop(f, p);
	rearm(f);
}

static void
on_observed(void *arg, struct upstream *u, uint32_t mid, const struct coap_msg *m)
{
	(void)arg;
	(void)u;
	(void)mid;
	(void)m; /* subscriptions are over */
}

static bool
on_under_attack(void *arg, struct upstream *u)
{
	(void)arg;
	(void)u;
	return true; /* a live request (M3) */
}

static void
on_stale(void *arg, struct upstream *u, const char *why)
{
	(void)arg;
	(void)u;
	(void)why; /* the withdrawal is for where the request is */
}

static const struct upstream_ops farewell_ops = {
	.available = on_available,
	.renewed = on_renewed,
	.sent = on_sent,
	.answered = on_answered,
	.observed = on_observed,
	.under_attack = on_under_attack,
	.stale = on_stale,
};

/* ---- life --------------------------------------------------------------------------------- */

struct farewell *
farewell_new(struct loop *l, struct upstream *u, const struct homing *h,
	void (*over)(void *arg, struct farewell *f), void *arg)
{
	struct farewell *f = mem_new(sizeof(*f));

	f->loop = l;
	f->upstream = u;
	f->homing = homing_ref(h);
	f->over = over;
	f->arg = arg;
	f->timer = timer_new(l, timer_due, f);
	upstream_leave(u, &farewell_ops, f);
	return f;
}

void
farewell_free(struct farewell *f)
{
	while (f->withdrawals)
		drop(f, &f->withdrawals);
	upstream_free(f->upstream);
	homing_free(f->homing);
	timer_free(f->timer);
	free(f);
}

void
farewell_withdraw(struct farewell *f, const char *cuid, uint32_t mid, mono_ms expires)
{
	struct withdrawal *w = mem_new(sizeof(*w));
	mono_ms now = loop_now(f->loop);

	w->mid = mid;
	w->due = is_there(f) ? now + REPEAT_MS : now;
	w->until = expires < now + PATIENCE_MS ? expires : now + PATIENCE_MS;
	w->next = f->withdrawals;
	f->withdrawals = w;
	event_raise(EVENT_SENT, EVENT_F("domain", domain_name(f)),
		EVENT_F("server", upstream_server(f->upstream)->name),
		EVENT_F("behalf", upstream_behalf(f->upstream)), EVENT_N("mid", mid),
		EVENT_F("kind", "withdraw"));
	upstream_send(f->upstream, cuid, mid, COAP_DELETE, NULL, 0, 0, false);
	rearm(f);
}

void
farewell_link_changed(struct farewell *f, const char *interface)
{
	upstream_link_changed(f->upstream, interface);
}
