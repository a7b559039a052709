#include "daemon/recorded.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/map.h"
#include "base/mem.h"
#include "daemon/record_text.h"

/* Of the store: key "alias NAME" or "acl NAME", value as a data file has it. */
static const char store_kind[] = "recorded";

static const char of_a_file[] = "`data-files` have one of that name, which counts",
		  too_many[] = "with those of `data-files` there are more than 4096";
_Static_assert(SHARES_MAX == 4096, "as too_many says");

struct recorded {
	struct persist *persist;
	struct share_wish *own; /* by kind and name; the entries are ours */
	size_t n_own;
	struct share_wish *all; /* as recorded_wishes gave it; borrowed entries */
};

/* ---- the list -------------------------------------------------------------------------------- */

static int
compare(const void *a, const void *b)
{
	const struct share_wish *x = a, *y = b;

	return x->kind != y->kind ? (int)x->kind - (int)y->kind
				  : strcmp(share_name(x), share_name(y));
}

static struct share_wish *
find(const struct share_wish *list, size_t n, enum share_kind kind, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (list[i].kind == kind && !strcmp(share_name(&list[i]), name))
			return (struct share_wish *)(uintptr_t)&list[i];
	return NULL;
}

static void
add(struct recorded *r, enum share_kind kind, json_t *entry)
{
	r->own = mem_grow(r->own, r->n_own + 1, sizeof(*r->own));
	r->own[r->n_own++] = (struct share_wish){.kind = kind, .entry = json_incref(entry)};
}

static void
sort(struct recorded *r)
{
	if (r->n_own)
		qsort(r->own, r->n_own, sizeof(*r->own), compare);
}

/* ---- the store ------------------------------------------------------------------------------- */

static char *
key_of(enum share_kind kind, const char *name)
{
	return mem_printf("%s %s", share_kinds[kind], name);
}

struct only {
	enum share_kind kind;
	json_t *entry;
	size_t n;
};

static void
take(void *arg, enum share_kind kind, json_t *entry)
{
	struct only *o = arg;

	o->kind = kind;
	json_decref(o->entry);
	o->entry = json_incref(entry);
	o->n++;
}

/* One entry, of the name that its key tells. */
static bool
is_of(const char *key, const struct only *o)
{
	struct share_wish w = {.kind = o->kind, .entry = o->entry};
	char *expected = o->n == 1 ? key_of(o->kind, share_name(&w)) : NULL;
	bool same = expected && !strcmp(expected, key);

	free(expected);
	return same;
}

static void
read_record(void *arg, const char *key, const char *value)
{
	struct recorded *r = arg;
	struct only o = {0};
	char why[RECORD_WHY_MAX] = "", *reason;
	bool sound = record_text_read(value, strlen(value), take, &o, why, sizeof(why));

	if (sound && is_of(key, &o)) {
		add(r, o.kind, o.entry);
	} else {
		reason = mem_printf(
			"%.80s, which the operator had put on record, cannot be read: %s", key,
			*why ? why : "it is another one, or several");
		event_raise(
			EVENT_ALERT, EVENT_F("reason", reason), EVENT_F("section", "RFC 8783 4.3"));
		free(reason);
	}
	json_decref(o.entry);
}

static void
write_record(struct recorded *r, const struct share_wish *w)
{
	char *key = key_of(w->kind, share_name(w)), *text = record_text_write(w->kind, w->entry);

	persist_put(r->persist, store_kind, key, text);
	free(text);
	free(key);
}

static void
raise(enum event_id event, enum share_kind kind, const char *name)
{
	event_raise(event, EVENT_F("kind", share_kinds[kind]), EVENT_F("name", name));
}

/* ---- changes --------------------------------------------------------------------------------- */

int
recorded_set(struct recorded *r, const struct config *c, enum share_kind kind, json_t *entry,
	char *why, size_t cap)
{
	struct share_wish w = {.kind = kind, .entry = entry}, *old;

	if (find(c->records, c->n_records, kind, share_name(&w))) {
		snprintf(why, cap, "%s", of_a_file);
		return -EEXIST;
	}
	old = find(r->own, r->n_own, kind, share_name(&w));
	if (!old && c->n_records + r->n_own >= SHARES_MAX) {
		snprintf(why, cap, "with those of `data-files` there are %d already", SHARES_MAX);
		return -ENOSPC;
	}
	if (old) {
		json_incref(entry);
		json_decref(old->entry);
		old->entry = entry;
	} else {
		add(r, kind, entry);
		sort(r);
	}
	write_record(r, &w);
	raise(EVENT_RECORD_SET, kind, share_name(&w));
	return 0;
}

int
recorded_remove(struct recorded *r, const struct config *c, enum share_kind kind, const char *name,
	char *why, size_t cap)
{
	struct share_wish *w = find(r->own, r->n_own, kind, name);
	bool filed = find(c->records, c->n_records, kind, name);
	char *key;

	if (!w) {
		snprintf(why, cap, "%s",
			filed ? "it is one of `data-files`: what they say is changed there"
			      : "there is none of that name");
		return filed ? -EEXIST : -ENOENT;
	}
	key = key_of(kind, name);
	persist_remove(r->persist, store_kind, key);
	free(key);
	raise(EVENT_RECORD_REMOVED, kind, name);
	json_decref(w->entry);
	memmove(w, w + 1, (size_t)(r->own + --r->n_own - w) * sizeof(*w));
	return 0;
}

/* ---- the whole ------------------------------------------------------------------------------- */

/* Names of files, by kind. */
static void
note_names(const struct config *c, struct map *names[2])
{
	for (size_t i = 0; i < c->n_records; i++) {
		const char *name = share_name(&c->records[i]);

		map_set(names[c->records[i].kind], name, strlen(name), &c->records[i]);
	}
}

const struct share_wish *
recorded_wishes(struct recorded *r, const struct config *c, size_t *ret_n)
{
	struct map *names[2] = {map_new(), map_new()};
	size_t n = c->n_records, may = SHARES_MAX > n ? SHARES_MAX - n : 0;

	free(r->all);
	r->all = mem_array(n + r->n_own + 1, sizeof(*r->all));
	if (n)
		memcpy(r->all, c->records, n * sizeof(*r->all));
	note_names(c, names);
	for (size_t i = 0; i < r->n_own; i++) {
		struct share_wish w = r->own[i];
		const char *name = share_name(&w);

		if (map_get(names[w.kind], name, strlen(name)))
			w.withheld = of_a_file;
		else if (!may)
			w.withheld = too_many;
		else
			may--;
		r->all[n++] = w;
	}
	map_free(names[0]);
	map_free(names[1]);
	*ret_n = n;
	return r->all;
}

size_t
recorded_count(const struct recorded *r)
{
	return r->n_own;
}

/* ---- life ------------------------------------------------------------------------------------ */

struct recorded *
recorded_new(struct persist *p)
{
	struct recorded *r = mem_new(sizeof(*r));

	r->persist = p;
	persist_each(p, store_kind, read_record, r);
	sort(r);
	return r;
}

void
recorded_free(struct recorded *r)
{
	if (!r)
		return;
	for (size_t i = 0; i < r->n_own; i++)
		json_decref(r->own[i].entry);
	free(r->own);
	free(r->all);
	free(r);
}
