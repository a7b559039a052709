/*
 * Who wants something on record at providers: we, and each client of a gateway under each of its
 * cuids. What each of them wants, under which name it goes there, and what of it goes to which
 * domain, or to none, as homing/share.h has it (RFC 9284 6, RFC 8783 10).
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/mem.h"
#include "homing/disclosure.h"
#include "role/data_upstream_private.h"

/* ---- what is planned ------------------------------------------------------------------------- */

static void
free_parts(struct item *it)
{
	for (size_t i = 0; i < it->n_parts; i++) {
		json_decref(it->parts[i].entry);
		free(it->parts[i].consent);
	}
	free(it->parts);
	it->parts = NULL;
	it->n_parts = 0;
}

static void
free_unshared(struct unshared *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(list[i].domain);
		free(list[i].reason);
	}
	free(list);
}

static void
free_item(struct item *it)
{
	free_parts(it);
	free_unshared(it->unshared, it->n_unshared);
	free(it->name);
	free(it->text);
	free(it->via);
}

void
data_asker_raise_unshared(const struct asker *a, const struct item *it, const char *domain,
	const char *section, const char *text)
{
	const char *kind = share_kinds[it->kind];
	char *reason = mem_printf("%s: %s %s%s%s: %s", section, kind, it->name,
		*a->name ? " of " : "", a->name, text);

	event_raise(EVENT_RECORD_REFUSED, EVENT_F("domain", domain),
		EVENT_F("behalf", *a->name ? a->name : NULL), EVENT_F("kind", kind),
		EVENT_F("name", it->name), EVENT_F("reason", text), EVENT_F("section", section));
	event_raise(EVENT_ALERT, EVENT_F("reason", reason), EVENT_F("domain", domain),
		EVENT_F("section", section));
	free(reason);
}

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* Told once, over all that is learned and reloaded, while it stays so. */
static void
add_unshared(const struct asker *a, struct item *it, const struct unshared *known, size_t n_known,
	const char *domain, const char *section, const char *text)
{
	struct unshared *n;
	bool told = false;

	it->unshared = mem_grow(it->unshared, it->n_unshared + 1, sizeof(*it->unshared));
	n = &it->unshared[it->n_unshared++];
	*n = (struct unshared){mem_text(domain), mem_printf("%s: %s", section, text)};
	for (size_t i = 0; i < n_known; i++)
		told = told || (same_text(known[i].domain, n->domain) &&
				       !strcmp(known[i].reason, n->reason));
	if (!told)
		data_asker_raise_unshared(a, it, domain, section, text);
}

const char *
data_asker_name_there(const json_t *entry)
{
	return json_string_value(json_object_get(entry, "name"));
}

/* Its name there. */
static void
name_entry(const struct asker *a, const struct item *it, json_t *entry)
{
	char *name = mem_printf("%s%s", it->name, a->tag);

	if (*a->tag)
		json_object_set_new(entry, "name", json_string(name));
	free(name);
}

static void
add_part(const struct asker *a, struct item *it, const struct share *s)
{
	struct part *p;

	it->parts = mem_grow(it->parts, it->n_parts + 1, sizeof(*it->parts));
	p = &it->parts[it->n_parts++];
	*p = (struct part){.domain = (uint32_t)s->domain,
		.entry = json_incref(s->entry),
		.prefixes = s->prefixes,
		.names = s->names,
		.consent = disclosure_consent_text(s->consent)};
	name_entry(a, it, p->entry);
	p->bytes = json_dumpb(p->entry, NULL, 0, JSON_COMPACT);
}

void
data_asker_plan(const struct data_upstream *u, const struct asker *a, struct item *it)
{
	const struct homing *h = u->setup.homing;
	struct shares s = {.arena = arena_new()};
	struct share_wish w = {it->kind, json_loads(it->text, 0, NULL), it->withheld};
	struct unshared *known = it->unshared;
	size_t n_known = it->n_unshared;

	free_parts(it);
	it->unshared = NULL;
	it->n_unshared = 0;
	share_plan(h, &w, &s);
	for (size_t i = 0; i < s.n; i++)
		if (s.list[i].entry)
			add_part(a, it, &s.list[i]);
		else
			add_unshared(a, it, known, n_known,
				s.list[i].domain < 0 ? NULL : h->domains[s.list[i].domain].name,
				s.list[i].section, s.list[i].reason);
	free_unshared(known, n_known);
	arena_free(s.arena);
	shares_finish(&s);
	json_decref(w.entry);
	it->is_planned = true;
}

/* ---- what they want -------------------------------------------------------------------------- */

struct asker *
data_asker_find(const struct data_upstream *u, const char *name)
{
	return map_get(u->askers, name, strlen(name));
}

static struct asker *
make_asker(struct data_upstream *u, const char *name, const char *holder)
{
	struct asker *a = mem_new(sizeof(*a));
	char digest[CUID_TEXT_LEN + 1];

	a->name = mem_text(name);
	a->index = map_new();
	credentials_digest(name, digest);
	if (*name)
		snprintf(a->tag, sizeof(a->tag), ".%.*s", TAG_LEN, digest);
	map_set(u->askers, name, strlen(name), a);
	data_holder_join(u, a, holder);
	return a;
}

static void
free_items(struct item *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free_item(&items[i]);
	free(items);
}

void
data_asker_free(struct asker *a)
{
	free_items(a->items, a->n_items);
	map_free(a->index);
	free(a->name);
	free(a);
}

static char *
item_key(enum share_kind kind, const char *name)
{
	return mem_printf("%d%s", kind, name);
}

static void
index_items(struct asker *a)
{
	struct map *m = map_new();

	map_free(a->index);
	a->index = m;
	for (size_t i = 0; i < a->n_items; i++) {
		char *key = item_key(a->items[i].kind, a->items[i].name);

		map_set(m, key, strlen(key), &a->items[i]);
		free(key);
	}
}

struct item *
data_asker_find_item(const struct asker *a, enum share_kind kind, const char *name)
{
	char *key = item_key(kind, name);
	struct item *it = map_get(a->index, key, strlen(key));

	free(key);
	return it;
}

/* What is as it was keeps what was planned of it. */
static struct item
take_item(const struct asker *a, const struct data_relayed *r)
{
	struct item *was = data_asker_find_item(a, r->kind, r->name), it = {.is_planned = false};

	if (was && was->number == r->number && same_text(was->via, r->via)) {
		it = *was;
		*was = (struct item){.is_planned = false};
	} else {
		it.kind = r->kind;
		it.text = mem_text(r->text);
		it.withheld = r->withheld;
		it.name = mem_text(r->name);
		it.via = mem_text(r->via);
		it.number = r->number;
		if (was) { /* what the operator was told */
			it.unshared = was->unshared;
			it.n_unshared = was->n_unshared;
			was->unshared = NULL;
			was->n_unshared = 0;
		}
	}
	return it;
}

void
data_upstream_relay(struct data_upstream *u, const char *asker, const char *holder,
	const struct data_relayed *list, size_t n)
{
	struct asker *a = data_asker_find(u, asker);
	struct item *items = mem_array(n + 1, sizeof(*items));

	if (!a && n)
		a = make_asker(u, asker, holder);
	if (!a) {
		free(items);
		return;
	}
	if (strcmp(a->holder->name, holder) != 0) {
		data_holder_leave(u, a);
		data_holder_join(u, a, holder);
	}
	for (size_t i = 0; i < n; i++)
		items[i] = take_item(a, &list[i]);
	free_items(a->items, a->n_items);
	a->items = items;
	a->n_items = n;
	index_items(a);
	data_holder_mark(u, a->holder);
	if (!n) {
		data_holder_leave(u, a);
		map_remove(u->askers, a->name, strlen(a->name));
		data_asker_free(a);
	}
}

struct asker_visit {
	void (*visit)(void *arg, const char *asker);
	void *arg;
};

static bool
visit_asker(void *arg, const void *key, size_t len, void *value)
{
	const struct asker_visit *v = arg;
	const struct asker *a = value;

	(void)key, (void)len;
	if (*a->name)
		v->visit(v->arg, a->name);
	return true;
}

void
data_upstream_each_asker(
	const struct data_upstream *u, void (*visit)(void *arg, const char *asker), void *arg)
{
	struct asker_visit v = {visit, arg};

	map_each(u->askers, visit_asker, &v);
}
