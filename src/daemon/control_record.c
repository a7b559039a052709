#include "daemon/control_record.h"

#include <stdio.h>
#include <string.h>

#include "base/mem.h"
#include "daemon/control_view.h"
#include "daemon/record_text.h"

enum { WAIT_S = 3, LOOK_MS = 20 /* how often one that waits looks */ };

static const char *
text_in(const json_t *request, const char *member)
{
	const char *text = json_string_value(json_object_get(request, member));

	return text ? text : "";
}

/* ---- the entry ------------------------------------------------------------------------------- */

struct picking {
	enum share_kind kind;
	const char *name;
	json_t *entry; /* NULL: not there */
};

static void
pick(void *arg, enum share_kind kind, json_t *entry)
{
	struct picking *p = arg;
	struct share_wish w = {.kind = kind, .entry = entry};

	if (kind == p->kind && !p->entry && !strcmp(share_name(&w), p->name))
		p->entry = json_incref(entry);
}

/* The one of that name in the text. NULL, and answered. */
static json_t *
read_entry(struct asker *a, const json_t *request, enum share_kind kind)
{
	struct picking p = {.kind = kind, .name = text_in(request, "name")};
	const json_t *text = json_object_get(request, "text");
	char why[RECORD_WHY_MAX] = "";

	if (!text) {
		command_refuse(a, USAGE,
			"%s: text is missing, expected what a file of `data-files` has",
			share_kinds[kind]);
		return NULL;
	}
	if (record_text_read(json_string_value(text), json_string_length(text), pick, &p, why,
		    sizeof(why)) &&
		p.entry)
		return p.entry;
	json_decref(p.entry);
	if (*why)
		command_refuse(a, USAGE, "%s, expected aliases and acls of RFC 8783", why);
	else
		command_refuse(a, USAGE, "RFC 8783 %s: name: there is no %s %.64s in it",
			kind == SHARE_ALIAS ? "6.1" : "7.2", share_kinds[kind], p.name);
	return NULL;
}

/* ---- what becomes of it ---------------------------------------------------------------------- */

static size_t
count(const json_t *records, const char *state)
{
	const json_t *r;
	size_t i, n = 0;

	json_array_foreach(records, i, r)
		n += !strcmp(text_in(r, "state"), state);
	return n;
}

static void
answer_records(struct asker *a, int code, const json_t *request, json_t *records)
{
	json_t *j = json_object();

	if (request)
		json_object_set_new(j, "name", json_string(text_in(request, "name")));
	json_object_set_new(j, "records", records);
	if (code == REFUSED)
		json_object_set_new(
			j, "error", json_string(text_in(json_array_get(records, 0), "reason")));
	json_object_set_new(j, "exit", json_integer(code));
	a->ops->answer(a, j);
}

/* By the configuration alone; nobody is asked. */
static json_t *
foreseen(struct asker *a, enum share_kind kind, json_t *entry)
{
	const struct homing *h = a->parts->config->homing;
	struct share_wish w = {.kind = kind, .entry = entry};
	struct shares s = {.arena = arena_new()};
	json_t *records;

	share_plan(h, &w, &s);
	records = view_shares(h, &w, &s);
	arena_free(s.arena);
	shares_finish(&s);
	return records;
}

/* Answers when every provider has it or has refused it, or when its patience is over. */
static void
look(struct asker *a)
{
	enum share_kind kind =
		strcmp(text_in(a->pending, "command"), "acl") ? SHARE_ALIAS : SHARE_ACL;
	json_t *records = view_record(a->parts, kind, text_in(a->pending, "name"));
	size_t n = json_array_size(records), pending = count(records, "pending");

	if (!n) {
		json_decref(records);
		command_refuse(a, REFUSED, "it was removed meanwhile");
	} else if (pending && loop_now(a->parts->loop) < a->until) {
		json_decref(records);
		a->ops->after(a, LOOK_MS, look);
	} else {
		answer_records(a,
			count(records, "placed") == n    ? DONE
			: count(records, "refused") == n ? REFUSED
							 : PENDING,
			a->pending, records);
	}
}

/* ---- actions --------------------------------------------------------------------------------- */

/* As a `mitigate` that nobody may be asked for: it is not kept. */
static bool
goes_somewhere(struct asker *a, enum share_kind kind, json_t *entry)
{
	json_t *records = foreseen(a, kind, entry);

	if (!json_array_size(records)) {
		json_decref(records);
		command_refuse(a, REFUSED, "RFC 8783 7.2: aces: there is none in it");
		return false;
	}
	if (count(records, "refused") < json_array_size(records)) {
		json_decref(records);
		return true;
	}
	answer_records(a, REFUSED, NULL, records);
	return false;
}

static void
set(struct asker *a, const json_t *request, enum share_kind kind)
{
	const struct control_parts *p = a->parts;
	const json_t *wait = json_object_get(request, "wait");
	json_t *entry = read_entry(a, request, kind);
	char why[RECORD_WHY_MAX] = "";

	if (!entry)
		return;
	if (!goes_somewhere(a, kind, entry)) {
		json_decref(entry);
		return;
	}
	if (recorded_set(p->recorded, p->config, kind, entry, why, sizeof(why)) != 0) {
		command_refuse(a, REFUSED, "%s %.64s: %s", share_kinds[kind],
			text_in(request, "name"), why);
	} else {
		p->rerecord(p->reload_arg);
		a->pending = json_pack("{sO sO}", "command", json_object_get(request, "command"),
			"name", json_object_get(request, "name"));
		a->until = loop_now(p->loop) + 1000 * (wait ? json_integer_value(wait) : WAIT_S);
		a->ops->stored(a, look);
	}
	json_decref(entry);
}

static void
answer_done(struct asker *a)
{
	a->ops->answer(a, json_pack("{si}", "exit", DONE));
}

static void
remove_(struct asker *a, const json_t *request, enum share_kind kind)
{
	const struct control_parts *p = a->parts;
	const char *name = text_in(request, "name");
	char why[RECORD_WHY_MAX] = "";

	if (json_object_get(request, "text") || json_object_get(request, "wait")) {
		command_refuse(a, USAGE, "%s: text and wait are for set", share_kinds[kind]);
	} else if (recorded_remove(p->recorded, p->config, kind, name, why, sizeof(why)) != 0) {
		command_refuse(a, REFUSED, "%s %.64s: %s", share_kinds[kind], name, why);
	} else {
		p->rerecord(p->reload_arg);
		a->ops->stored(a, answer_done);
	}
}

static void
explain(struct asker *a, const json_t *request, enum share_kind kind)
{
	json_t *entry = read_entry(a, request, kind);

	if (!entry)
		return;
	answer_records(a, DONE, request, foreseen(a, kind, entry));
	json_decref(entry);
}

static void
run(struct asker *a, const json_t *request, enum share_kind kind)
{
	const char *action = text_in(request, "action");

	if (!strcmp(action, "set"))
		set(a, request, kind);
	else if (!strcmp(action, "remove"))
		remove_(a, request, kind);
	else if (!strcmp(action, "explain"))
		explain(a, request, kind);
	else
		command_refuse(
			a, USAGE, "%.60s is no action, expected set, remove or explain", action);
}

void
record_run_alias(struct asker *a, const json_t *request)
{
	run(a, request, SHARE_ALIAS);
}

void
record_run_acl(struct asker *a, const json_t *request)
{
	run(a, request, SHARE_ACL);
}
