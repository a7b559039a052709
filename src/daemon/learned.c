#include "daemon/learned.h"

#include <errno.h>
#include <jansson.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/mem.h"

enum { LOOK_MS = 3600 * 1000, WHY_MAX = 300 }; /* the wall clock may be set meanwhile */
static const char store_kind[] = "learned";

struct learned {
	struct persist *persist;
	struct timer *timer;
	void (*changed)(void *arg);
	void *arg;
	struct fact *list;
	size_t n;
};

/* ---- records --------------------------------------------------------------------------------- */

/* All but the expiry: what makes two facts the same. */
static char *
key_of(const struct fact *f)
{
	char value[FACT_TEXT_MAX];

	return mem_printf("%s %s %s %s %s %u %s", f->domain, fact_kind_name(f->kind),
		fact_source_name(f->source), fact_format(f, value),
		*f->interface ? f->interface : "-", f->port, fact_transport_name(f->transport));
}

static void
write_record(struct learned *le, const struct fact *f)
{
	char value[FACT_TEXT_MAX], *key = key_of(f), *text;
	json_t *j = json_pack("{ss ss ss ss ss si ss sI sI}", "domain", f->domain, "kind",
		fact_kind_name(f->kind), "source", fact_source_name(f->source), "value",
		fact_format(f, value), "interface", f->interface, "port", f->port, "transport",
		fact_transport_name(f->transport), "priority", (json_int_t)f->priority, "expires",
		(json_int_t)f->expires);

	text = json_dumps(j, JSON_COMPACT);
	persist_put(le->persist, store_kind, key, text);
	json_decref(j);
	free(text);
	free(key);
}

static void
add(struct learned *le, const struct fact *f)
{
	le->list = mem_grow(le->list, le->n + 1, sizeof(*le->list));
	le->list[le->n] = *f;
	le->list[le->n++].domain = mem_text(f->domain);
}

static void
read_record(void *arg, const char *key, const char *value)
{
	struct learned *le = arg;
	json_t *j = json_loads(value, 0, NULL);
	const char *domain = NULL, *kind = "", *source = "", *text = "", *interface = "",
		   *transport = "";
	json_int_t port = 0, priority = 0, expires = 0;
	enum fact_source from;
	char why[WHY_MAX];
	enum fact_kind k;
	struct fact f;

	if (j &&
		json_unpack(j, "{ss ss ss ss ss sI ss sI sI}", "domain", &domain, "kind", &kind,
			"source", &source, "value", &text, "interface", &interface, "port", &port,
			"transport", &transport, "priority", &priority, "expires", &expires) == 0 &&
		fact_kind_parse(kind, &k) && fact_source_parse(source, &from) &&
		fact_parse(k, text, &f, why, sizeof(why)) == 0 &&
		fact_transport_parse(transport, &f.transport)) {
		f.domain = domain;
		f.source = from;
		f.port = (uint16_t)port;
		f.priority = (uint32_t)priority;
		f.expires = expires;
		snprintf(f.interface, sizeof(f.interface), "%s", interface);
		add(le, &f);
	} else {
		persist_remove(le->persist, store_kind, key);
	}
	json_decref(j);
}

/* ---- changes --------------------------------------------------------------------------------- */

static void
forget(struct learned *le, size_t i, const char *reason)
{
	struct fact *f = &le->list[i];
	char value[FACT_TEXT_MAX], *key = key_of(f);

	event_raise(EVENT_FORGOTTEN, EVENT_F("domain", f->domain),
		EVENT_F("kind", fact_kind_name(f->kind)), EVENT_F("value", fact_format(f, value)),
		EVENT_F("source", fact_source_name(f->source)),
		EVENT_F("interface", *f->interface ? f->interface : NULL),
		EVENT_F("reason", reason));
	persist_remove(le->persist, store_kind, key);
	free(key);
	free((char *)(uintptr_t)f->domain);
	*f = le->list[--le->n];
}

static void
arm(struct learned *le)
{
	wall_ms now = loop_wall();
	int64_t wait = LOOK_MS;
	bool any = false;

	for (size_t i = 0; i < le->n; i++) {
		int64_t left = le->list[i].expires - now;

		any = any || le->list[i].expires;
		if (le->list[i].expires && left < wait)
			wait = left > 0 ? left : 0;
	}
	if (any)
		timer_after(le->timer, wait);
	else
		timer_stop(le->timer);
}

static void
due(void *arg)
{
	struct learned *le = arg;
	wall_ms now = loop_wall();
	bool changed = false;

	for (size_t i = le->n; i-- > 0;)
		if (le->list[i].expires && le->list[i].expires <= now) {
			forget(le, i, "expired");
			changed = true;
		}
	arm(le);
	if (changed)
		le->changed(le->arg);
}

static void
raise_learned(const struct fact *f)
{
	char value[FACT_TEXT_MAX];

	event_raise(EVENT_LEARNED, EVENT_F("domain", f->domain),
		EVENT_F("kind", fact_kind_name(f->kind)), EVENT_F("value", fact_format(f, value)),
		EVENT_F("source", fact_source_name(f->source)),
		EVENT_F("interface", *f->interface ? f->interface : NULL),
		EVENT_N("expires", f->expires ? (f->expires - loop_wall() + 999) / 1000 : 0));
}

static struct fact *
find(const struct learned *le, const struct fact *f)
{
	for (size_t i = 0; i < le->n; i++)
		if (fact_equal(&le->list[i], f))
			return &le->list[i];
	return NULL;
}

static size_t
count_of(const struct learned *le, const char *domain)
{
	size_t n = 0;

	for (size_t i = 0; i < le->n; i++)
		n += !strcmp(le->list[i].domain, domain);
	return n;
}

/* With the others that are there: two domains may not assign the same prefix. */
static bool
agrees(const struct learned *le, const struct homing *base, char *why, size_t cap)
{
	struct homing *h = facts_apply(base, le->list, le->n, why, cap);

	homing_free(h);
	return h;
}

int
learned_set(
	struct learned *le, const struct homing *base, const struct fact *f, char *why, size_t cap)
{
	struct fact *known = find(le, f);

	if (known) {
		known->expires = f->expires;
		known->priority = f->priority;
		write_record(le, known);
		arm(le);
		return 0;
	}
	if (fact_doubt(base, f, why, cap))
		return -EINVAL;
	if (count_of(le, f->domain) >= LEARNED_MAX) {
		snprintf(why, cap, "%d facts about %.60s are kept already", LEARNED_MAX, f->domain);
		return -ENOSPC;
	}
	add(le, f);
	if (!agrees(le, base, why, cap)) {
		free((char *)(uintptr_t)le->list[--le->n].domain);
		return -EINVAL;
	}
	write_record(le, &le->list[le->n - 1]);
	raise_learned(&le->list[le->n - 1]);
	arm(le);
	return 1;
}

static bool
is_beside(const struct fact *a, const struct fact *b)
{
	return a->kind == b->kind && a->source == b->source && !strcmp(a->domain, b->domain) &&
	       !strcmp(a->interface, b->interface);
}

static bool
is_among(const struct fact *f, const struct fact *list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (fact_equal(f, &list[i]))
			return true;
	return false;
}

static void
tell_doubt(const struct fact *f, const char *why)
{
	char value[FACT_TEXT_MAX],
		*reason = mem_printf("%s is not taken: %s", fact_format(f, value), why);

	event_raise(EVENT_ALERT, EVENT_F("reason", reason), EVENT_F("domain", f->domain),
		EVENT_F("interface", *f->interface ? f->interface : NULL),
		EVENT_F("section", "RFC 8973 8.1"));
	free(reason);
}

bool
learned_replace(struct learned *le, const struct homing *base, const struct fact *of,
	const struct fact *facts, size_t n)
{
	bool changed = false;
	char why[WHY_MAX];

	for (size_t i = le->n; i-- > 0;)
		if (is_beside(&le->list[i], of) && !is_among(&le->list[i], facts, n)) {
			forget(le, i, "not offered any more");
			changed = true;
		}
	for (size_t i = 0; i < n; i++) {
		int r = learned_set(le, base, &facts[i], why, sizeof(why));

		changed |= r > 0;
		if (r < 0)
			tell_doubt(&facts[i], why);
	}
	arm(le);
	return changed;
}

static int
family_of(const struct fact *f)
{
	return f->n_addrs ? f->addrs[0].family : 0;
}

void
learned_outdate(struct learned *le, const struct fact *f)
{
	for (size_t i = le->n; i-- > 0;) {
		const struct fact *old = &le->list[i];
		bool same = family_of(old) == family_of(f) || !family_of(old) || !family_of(f);

		if (is_beside(old, f) && same && !fact_equal(old, f))
			forget(le, i, "not offered any more");
	}
}

size_t
learned_unset(struct learned *le, const char *domain, enum fact_kind kind, enum fact_source source,
	const char *value)
{
	size_t before = le->n;

	for (size_t i = le->n; i-- > 0;) {
		const struct fact *f = &le->list[i];
		char text[FACT_TEXT_MAX];

		if (!strcmp(f->domain, domain) && f->kind == kind && f->source == source &&
			(!value || !strcmp(fact_format(f, text), value)))
			forget(le, i, "unset");
	}
	arm(le);
	return before - le->n;
}

struct homing *
learned_apply(struct learned *le, const struct homing *base)
{
	struct homing *h;
	char why[WHY_MAX];

	for (size_t i = le->n; i-- > 0;)
		if (fact_doubt(base, &le->list[i], why, sizeof(why)))
			forget(le, i, why);
	while (!(h = facts_apply(base, le->list, le->n, why, sizeof(why))))
		forget(le, le->n - 1, why);
	arm(le);
	return h;
}

void
learned_each(const struct learned *le, void (*visit)(void *arg, const struct fact *f), void *arg)
{
	for (size_t i = 0; i < le->n; i++)
		visit(arg, &le->list[i]);
}

/* ---- life ------------------------------------------------------------------------------------ */

struct learned *
learned_new(struct loop *l, struct persist *p, void (*changed)(void *arg), void *arg)
{
	struct learned *le = mem_new(sizeof(*le));

	le->persist = p;
	le->changed = changed;
	le->arg = arg;
	le->timer = timer_new(l, due, le);
	persist_each(p, store_kind, read_record, le);
	arm(le);
	return le;
}

void
learned_free(struct learned *le)
{
	if (!le)
		return;
	for (size_t i = 0; i < le->n; i++)
		free((char *)(uintptr_t)le->list[i].domain);
	free(le->list);
	timer_free(le->timer);
	free(le);
}
