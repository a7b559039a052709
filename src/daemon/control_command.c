/*
 * Handlers of the commands. Arguments are checked by the table before a handler sees them.
 */
#include "daemon/control_command.h"

#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "daemon/control_record.h"
#include "daemon/control_view.h"
#include "daemon/preconfigured.h"
#include "net/rr.h"
#include "wire/dhcp.h"

enum {
	TARGETS_MAX = 4096,
	LISTED_MAX = 1000, /* of each kind, in one reply */
	WAIT_S = 3,
	WAIT_MAX_S = 3600,
	LOOK_MS = 20, /* how often a waiting `mitigate` looks */
	WHY_MAX = 512,
	DRAIN_TTL_S = 3600,
	LIFETIME_MAX = 0x7fffffff,
	REASON_MAX = 200, /* the operator's words for the audit */
};

/* ---- answers --------------------------------------------------------------------------------- */

static void
answer(struct asker *a, int code, json_t *reply)
{
	json_object_set_new(reply, "exit", json_integer(code));
	a->ops->answer(a, reply);
}

static void
answer_error(struct asker *a, int code, json_t *reply, const char *why)
{
	json_object_set_new(reply, "error", json_string(why));
	answer(a, code, reply);
}

void
command_refuse(struct asker *a, int code, const char *fmt, ...)
{
	char why[WHY_MAX];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(why, sizeof(why), fmt, ap);
	va_end(ap);
	answer_error(a, code, json_object(), why);
}

static void
answer_done(struct asker *a)
{
	answer(a, DONE, json_object());
}

/* ---- looking --------------------------------------------------------------------------------- */

static void
run_status(struct asker *a, const json_t *request)
{
	(void)request;
	answer(a, DONE, view_status(a->parts, a->started));
}

static void
run_domains(struct asker *a, const json_t *request)
{
	const char *family = json_string_value(json_object_get(request, "family"));
	uint8_t number = 0; /* all */
	json_t *j;

	if (family && strcmp(family, "4") != 0 && strcmp(family, "6") != 0) {
		command_refuse(a, USAGE, "family is %s, expected 4 or 6", family);
		return;
	}
	if (family)
		number = (uint8_t)(*family - '0');
	j = json_object();
	json_object_set_new(j, "domains", view_domains(a->parts, number));
	json_object_set_new(j, "learned", view_learned(a->parts, number));
	answer(a, DONE, j);
}

static void
run_sessions(struct asker *a, const json_t *request)
{
	json_t *j = json_object();

	(void)request;
	json_object_set_new(j, "upstream", view_servers(a->parts));
	json_object_set_new(j, "clients", view_peers(a->parts));
	answer(a, DONE, j);
}

static json_int_t
beyond(size_t n)
{
	return n > LISTED_MAX ? (json_int_t)n - LISTED_MAX : 0;
}

static void
run_list(struct asker *a, const json_t *request)
{
	json_t *j = json_object();
	size_t wishes, mitigations;

	(void)request;
	json_object_set_new(j, "wishes", view_wishes(a->parts, LISTED_MAX, &wishes));
	json_object_set_new(j, "mitigations", view_mitigations(a->parts, LISTED_MAX, &mitigations));
	json_object_set_new(j, "not_shown", json_integer(beyond(wishes) + beyond(mitigations)));
	answer(a, DONE, j);
}

static const char *
id_of(const json_t *request)
{
	return json_string_value(json_object_get(request, "id"));
}

static struct mitigation *
mitigation_of(struct asker *a, const char *id)
{
	char *end;
	uint64_t number;

	errno = 0;
	number = strtoull(id, &end, 10);
	if (!a->parts->server || *end || errno || !number)
		return NULL;
	return book_by_id(server_book(a->parts->server), number);
}

static void
no_such_id(struct asker *a, const json_t *request)
{
	command_refuse(
		a, REFUSED, "there is nothing of the id %.160s; see dotsctl list", id_of(request));
}

static void
run_show(struct asker *a, const json_t *request)
{
	json_t *wish = a->parts->client ? view_wish(a->parts, id_of(request)) : NULL, *j;
	struct mitigation *m = mitigation_of(a, id_of(request));

	if (!wish && !m) {
		no_such_id(a, request);
		return;
	}
	j = json_object();
	if (wish)
		json_object_set_new(j, "wish", wish);
	else
		json_object_set_new(j, "mitigation",
			view_mitigation(
				server_book(a->parts->server), m, loop_now(a->parts->loop)));
	answer(a, DONE, j);
}

/* ---- targets --------------------------------------------------------------------------------- */

/* What is asked for: addresses, and names with those addresses that are known. */
struct wanted {
	struct target target;
	struct name *names;
	size_t n_names;
	const char *unasked;          /* a name that nobody may be asked for; NULL */
	const struct alias **aliases; /* that stand among the targets */
	size_t n_aliases;
	bool plain; /* not all targets are aliases */
};

static const char alias_word[] = "alias:"; /* in front of the name of one */

static bool
read_name(struct asker *a, const char *text, struct arena *arena, struct wanted *w, char *why)
{
	char wrong[WHY_MAX] = "";

	if (w->n_names == NAMES_MAX) {
		snprintf(why, WHY_MAX, "more than %d targets are names, expected fewer", NAMES_MAX);
		return false;
	}
	if (name_find(w->names, w->n_names, text))
		return true;
	if (name_parse(text, arena, &w->names[w->n_names], wrong, sizeof(wrong)) != 0) {
		snprintf(why, WHY_MAX,
			"target %.80s is no address or prefix, expected one like 192.0.2.1 or "
			"2001:db8::/64, www.example.com or https://www.example.com/ (it %s)",
			text, wrong + strnlen(text, 80) + 1);
		return false;
	}
	if (dots_client_recall(
		    a->parts->client, &w->names[w->n_names], arena, wrong, sizeof(wrong)) != 0) {
		snprintf(why, WHY_MAX, "%.80s cannot be looked up: %s", text, wrong);
		w->unasked = text;
		return false;
	}
	w->n_names++;
	return true;
}

static bool
read_prefix(const char *text, struct target *t, char *why)
{
	const struct prefix *p = &t->target_prefix[t->n_target_prefix++];

	if (!prefix_is_special(p))
		return true;
	snprintf(why, WHY_MAX,
		"target %.80s holds a loopback, multicast, unspecified or broadcast address, "
		"which cannot be mitigated (RFC 9132 4.4.1.1)",
		text);
	return false;
}

/* Its contents in its place; its name goes to nobody (M9). */
static bool
read_alias(struct asker *a, const char *name, struct arena *arena, struct wanted *w, char *why)
{
	const struct config *c = a->parts->config;
	const struct alias *alias = alias_find(c->aliases, c->n_aliases, name);

	if (!alias) {
		snprintf(why, WHY_MAX, "%.80s is no alias, expected one of `aliases`", name);
		return false;
	}
	w->aliases[w->n_aliases++] = alias;
	for (size_t i = 0; i < alias->n_prefixes; i++)
		w->target.target_prefix[w->target.n_target_prefix++] = alias->prefixes[i];
	for (size_t i = 0; i < alias->n_names; i++)
		if (!read_name(a, alias->names[i], arena, w, why))
			return false;
	return true;
}

static size_t
count_alias_prefixes(const struct config *c, const json_t *list)
{
	const struct alias *alias;
	const json_t *item;
	size_t i, n = 0;

	json_array_foreach(list, i, item) {
		const char *text = json_string_value(item);

		if (strncmp(text, alias_word, strlen(alias_word)) != 0)
			continue;
		alias = alias_find(c->aliases, c->n_aliases, text + strlen(alias_word));
		n += alias ? alias->n_prefixes : 0;
	}
	return n;
}

static bool
read_one(struct asker *a, const char *text, struct arena *arena, struct wanted *w, char *why)
{
	struct target *t = &w->target;

	if (!strncmp(text, alias_word, strlen(alias_word)))
		return read_alias(a, text + strlen(alias_word), arena, w, why);
	w->plain = true;
	if (prefix_parse(text, &t->target_prefix[t->n_target_prefix]) == 0)
		return read_prefix(text, t, why);
	return read_name(a, text, arena, w, why);
}

static bool
read_targets(struct asker *a, const json_t *list, struct arena *arena, struct wanted *w, char *why)
{
	const json_t *item;
	size_t i;

	w->target.target_prefix = arena_alloc(arena,
		json_array_size(list) + count_alias_prefixes(a->parts->config, list),
		sizeof(*w->target.target_prefix));
	w->aliases = arena_alloc(arena, json_array_size(list), sizeof(*w->aliases));
	w->names = arena_alloc(arena, NAMES_MAX, sizeof(*w->names));
	json_array_foreach(list, i, item)
		if (!read_one(a, json_string_value(item), arena, w, why))
			return false;
	return true;
}

/* A target that names no ports, or an alias without any, wants all of them, unless the request
 * names some (core/cover.h). */
static bool
wants_all(const struct wanted *w, bool named, size_t (*count)(const struct alias *a))
{
	bool all = w->plain;

	for (size_t i = 0; i < w->n_aliases; i++)
		all |= !count(w->aliases[i]);
	return all && !named;
}

static size_t
count_ports(const struct alias *a)
{
	return a->n_ports;
}

static size_t
count_protocols(const struct alias *a)
{
	return a->n_protocols;
}

/* Ports and protocols of aliases are appended to those that are asked for. */
static void
append_aliases(struct wanted *w, struct arena *arena)
{
	struct target *t = &w->target;
	bool ports = !wants_all(w, t->n_target_port_range, count_ports);
	bool protocols = !wants_all(w, t->n_target_protocol, count_protocols);
	struct port_range *list;
	size_t most = t->n_target_port_range;

	for (size_t i = 0; i < w->n_aliases; i++)
		most += w->aliases[i]->n_ports;
	list = arena_alloc(arena, most + 1, sizeof(*list));
	if (t->n_target_port_range)
		memcpy(list, t->target_port_range, t->n_target_port_range * sizeof(*list));
	t->target_port_range = list;
	for (size_t i = 0; i < w->n_aliases; i++) {
		const struct alias *a = w->aliases[i];

		for (size_t k = 0; ports && k < a->n_ports; k++)
			alias_add_port(t, &a->ports[k], most);
		for (size_t k = 0; protocols && k < a->n_protocols; k++)
			alias_add_protocol(t, a->protocols[k]);
	}
}

static bool
read_ports(const json_t *list, struct arena *arena, struct target *t, char *why)
{
	const json_t *item;
	size_t i;

	t->target_port_range =
		arena_alloc(arena, json_array_size(list), sizeof(*t->target_port_range));
	json_array_foreach(list, i, item) {
		if (alias_read_port(json_string_value(item), &t->target_port_range[i]) != 0) {
			snprintf(why, WHY_MAX, "port %.40s, expected P or P-Q from 0 to 65535",
				json_string_value(item));
			return false;
		}
	}
	t->n_target_port_range = json_array_size(list);
	return true;
}

static bool
read_protocols(const json_t *list, struct arena *arena, struct target *t, char *why)
{
	const json_t *item;
	size_t i;

	t->target_protocol = arena_alloc(arena, UINT8_MAX + 1, sizeof(*t->target_protocol));
	json_array_foreach(list, i, item) {
		json_int_t v = json_integer_value(item);

		if (v < 0 || v > 255) {
			snprintf(why, WHY_MAX, "protocol %lld, expected a number from 0 to 255",
				(long long)v);
			return false;
		}
		alias_add_protocol(t, (uint64_t)v);
	}
	return true;
}

/* Nothing is wrong with it but that a look-up would tell somebody (RFC 9284 6). */
static void
refuse_name(struct asker *a, const char *name, const char *why)
{
	struct wish_part part = {.name = name,
		.domain = -1,
		.server = -1,
		.state = WISH_REFUSED,
		.section = "RFC 9284 6",
		.reason = why};
	json_t *j = json_object();

	json_object_set_new(j, "parts", view_parts(a->parts->config, &part, 1));
	answer_error(a, REFUSED, j, why);
}

/* False, and answered. */
static bool
read_target(struct asker *a, const json_t *request, struct arena *arena, struct wanted *w)
{
	char why[WHY_MAX];

	*w = (struct wanted){0};
	if (read_targets(a, json_object_get(request, "targets"), arena, w, why) &&
		read_ports(json_object_get(request, "ports"), arena, &w->target, why) &&
		read_protocols(json_object_get(request, "protocols"), arena, &w->target, why)) {
		append_aliases(w, arena);
		return true;
	}
	if (w->unasked)
		refuse_name(a, w->unasked, why);
	else
		command_refuse(a, USAGE, "%s", why);
	return false;
}

static json_t *
explained(struct asker *a, const struct wanted *w)
{
	const struct config *c = a->parts->config;
	struct arena *arena = arena_new();
	struct name *names = name_copy(w->names, w->n_names, arena);
	struct wish_part *parts;
	size_t n = wishes_explain(
		dots_client_wishes(a->parts->client), &w->target, names, w->n_names, arena, &parts);
	json_t *j = json_object();

	json_object_set_new(j, "parts", view_explained(a->parts, parts, n));
	if (w->n_names)
		json_object_set_new(j, "names", view_names(c, names, w->n_names, parts, n));
	arena_free(arena);
	return j;
}

/* True: some name is being looked up. */
static bool
seek_names(struct asker *a, const struct wanted *w)
{
	bool seeking = false;

	for (size_t i = 0; i < w->n_names; i++)
		if (w->names[i].state == NAME_SOUGHT) {
			dots_client_seek(a->parts->client, &w->names[i]);
			seeking = true;
		}
	return seeking;
}

/* Answers an `explain` when its names are known, or when its patience is over. */
static void
explain(struct asker *a)
{
	struct arena *arena = arena_new();
	struct wanted w;

	if (!read_target(a, a->pending, arena, &w))
		;
	else if (seek_names(a, &w) && loop_now(a->parts->loop) < a->until)
		a->ops->after(a, LOOK_MS, explain);
	else
		answer(a, DONE, explained(a, &w));
	arena_free(arena);
}

static void
run_explain(struct asker *a, const json_t *request)
{
	a->pending = json_incref((json_t *)(uintptr_t)request);
	a->until = loop_now(a->parts->loop) + 1000 * WAIT_S;
	explain(a);
}

/* ---- filters (RFC 9133) ---------------------------------------------------------------------- */

struct filters {
	struct acl_entry list[CONTROLS_MAX];
	size_t n;
};

/* NAME or NAME=TYPE; without one it is activated as any request with mitigations does (RFC 9133
 * 3.2.2.2). */
static bool
read_filter(const char *text, struct arena *arena, struct acl_entry *ret)
{
	const char *equals = strrchr(text, '=');
	size_t len = equals ? (size_t)(equals - text) : strlen(text);

	ret->has = 1ULL << ACL_NAME | 1ULL << ACL_ACTIVATION_TYPE;
	ret->acl_name = arena_text(arena, text, len);
	ret->activation_type =
		equals ? activation_type_parse(equals + 1) : ACTIVATE_WHEN_MITIGATING;
	return len && len <= CONTROL_NAME_MAX && ret->activation_type;
}

/* False, and answered. */
static bool
read_filters(struct asker *a, const json_t *list, struct arena *arena, struct filters *ret)
{
	const json_t *item;
	size_t i;

	ret->n = 0;
	json_array_foreach(list, i, item) {
		if (!read_filter(json_string_value(item), arena, &ret->list[ret->n++])) {
			command_refuse(a, USAGE,
				"acl %.100s, expected NAME=immediate, "
				"NAME=activate-when-mitigating or NAME=deactivate",
				json_string_value(item));
			return false;
		}
	}
	return true;
}

static size_t
count_controls(const struct wish_view *v, enum control_state state)
{
	size_t n = 0;

	for (size_t i = 0; i < v->n_parts; i++)
		n += v->parts[i].n_controls && v->parts[i].control == state;
	return n;
}

/* Parts where none of them is on record do not count. */
static int
exit_of_filters(const struct wish_view *v)
{
	size_t done = count_controls(v, CONTROL_DONE), all = 0;

	for (size_t i = 0; i < v->n_parts; i++)
		all += v->parts[i].n_controls > 0;
	if (all && done == all)
		return DONE;
	return all && count_controls(v, CONTROL_REFUSED) == all ? REFUSED : PENDING;
}

/* ---- asking ---------------------------------------------------------------------------------- */

static int
exit_of(const struct wish_part *parts, size_t n)
{
	size_t placed = 0, refused = 0;

	for (size_t i = 0; i < n; i++) {
		placed += parts[i].state == WISH_PLACED || parts[i].state == WISH_DECLINED;
		refused += parts[i].state == WISH_REFUSED;
	}
	return placed == n ? DONE : refused == n ? REFUSED : PENDING;
}

static bool
is_settled(const struct wish_part *parts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (parts[i].state == WISH_PENDING || parts[i].state == WISH_SENT ||
			parts[i].state == WISH_SILENT)
			return false;
	return true;
}

/* Those of a part that is placed are told at once. */
static bool
is_view_settled(const struct wish_view *v)
{
	return is_settled(v->parts, v->n_parts) && !count_controls(v, CONTROL_ASKED);
}

static int
exit_of_view(const struct asker *a, const struct wish_view *v)
{
	int code = a->filters ? DONE : exit_of(v->parts, v->n_parts);

	if (code != DONE || !v->n_acls)
		return code;
	code = exit_of_filters(v);
	return code == REFUSED && !a->filters ? PENDING : code;
}

/* Answers a `mitigate` or a `filter` when every part is settled, or when its patience is over. */
static void
look(struct asker *a)
{
	const struct control_parts *p = a->parts;
	struct arena *arena = arena_new();
	struct dots_client *c = dots_client_holding(p->client, a->wish);
	struct wish_view v;
	json_t *j;

	if (!c || !wishes_view(dots_client_wishes(c), a->wish, loop_now(p->loop), arena, &v)) {
		command_refuse(a, REFUSED, "%s was withdrawn meanwhile", a->wish);
	} else if (!is_view_settled(&v) && loop_now(p->loop) < a->until) {
		a->ops->after(a, LOOK_MS, look);
	} else {
		j = json_object();
		json_object_set_new(j, "id", json_string(a->wish));
		json_object_set_new(j, "parts", view_parts(p->config, v.parts, v.n_parts));
		answer(a, exit_of_view(a, &v), j);
	}
	arena_free(arena);
}

static void
refuse_wish(struct asker *a, int error, const struct wanted *w, const char *id, const char *why)
{
	if (error == -EPERM)
		answer_error(
			a, REFUSED, explained(a, w), *why ? why : "nobody may be asked for this");
	else if (error == -EEXIST)
		command_refuse(
			a, REFUSED, "the id %.160s is taken by a request for another target", id);
	else if (error == -ENOSPC)
		command_refuse(a, REFUSED, "there are too many requests already: %s", why);
	else
		command_refuse(a, REFUSED, "%s", why);
}

static void
wait_for(struct asker *a, const json_t *request)
{
	const json_t *wait = json_object_get(request, "wait");

	a->until = loop_now(a->parts->loop) + 1000 * (wait ? json_integer_value(wait) : WAIT_S);
	a->ops->stored(a, look);
}

static void
ask(struct asker *a, const json_t *request, const struct wanted *w, const struct filters *f)
{
	const struct control_parts *p = a->parts;
	const char *asker = json_string_value(json_object_get(request, "asker"));
	struct wish_request r = {
		.id = id_of(request),
		.asker = asker ? asker : "operator",
		.target = &w->target,
		.names = w->names,
		.n_names = w->n_names,
		.trigger_mitigation = !json_is_true(json_object_get(request, "on-loss")),
		.lifetime = json_integer_value(json_object_get(request, "lifetime")),
		.duration = json_integer_value(json_object_get(request, "for")),
		.acls = f->list,
		.n_acls = f->n,
		.acls_known = true,
	};
	char why[WHY_MAX] = "";
	int error = wishes_ask(dots_client_wishes(p->client), &r, loop_now(p->loop), loop_wall(),
		a->wish, why, sizeof(why));

	dots_client_run(p->client);
	if (error) {
		refuse_wish(a, error, w, r.id, why);
		return;
	}
	a->filters = false;
	wait_for(a, request);
}

static void
run_filter(struct asker *a, const json_t *request)
{
	struct dots_client *c = dots_client_holding(a->parts->client, id_of(request));
	struct arena *arena = arena_new();
	char why[WHY_MAX] = "";
	struct filters f;
	int error;

	if (!c) {
		no_such_id(a, request);
	} else if (read_filters(a, json_object_get(request, "acls"), arena, &f)) {
		error = wishes_control(dots_client_wishes(c), id_of(request), f.list, f.n,
			loop_now(a->parts->loop), loop_wall(), why, sizeof(why));
		dots_client_run(c);
		snprintf(a->wish, sizeof(a->wish), "%s", id_of(request));
		a->filters = true;
		if (error)
			command_refuse(a, REFUSED, "%s", why);
		else
			wait_for(a, request);
	}
	arena_free(arena);
}

static void
run_mitigate(struct asker *a, const json_t *request)
{
	struct arena *arena = arena_new();
	const char *id = id_of(request);
	struct filters f;
	struct wanted w;

	if (id && preconfigured_owns(id))
		command_refuse(a, USAGE,
			"id is %.60s, but those of `preconfigured` begin like that, expected "
			"another one",
			id);
	else if (read_filters(a, json_object_get(request, "acls"), arena, &f) &&
		 read_target(a, request, arena, &w))
		ask(a, request, &w, &f);
	arena_free(arena);
}

/* 0: it is none. */
static enum attack_status
attack_status_of(const char *text)
{
	return !strcmp(text, "under-attack") ? UNDER_ATTACK
	       : !strcmp(text, "attack-successfully-mitigated")
		       ? ATTACK_STATUS_SUCCESSFULLY_MITIGATED
		       : 0;
}

static void
run_refresh(struct asker *a, const json_t *request)
{
	struct dots_client *c = dots_client_holding(a->parts->client, id_of(request));
	const char *text = json_string_value(json_object_get(request, "attack-status"));
	enum attack_status status = text ? attack_status_of(text) : 0;

	if (text && !status) {
		command_refuse(a, USAGE,
			"attack-status is %.60s, expected under-attack or "
			"attack-successfully-mitigated (RFC 9132 4.4.3)",
			text);
		return;
	}
	if (!c) {
		no_such_id(a, request);
		return;
	}
	if (status)
		wishes_efficacy(
			dots_client_wishes(c), id_of(request), status, loop_now(a->parts->loop));
	else
		wishes_refresh(dots_client_wishes(c), id_of(request), loop_now(a->parts->loop),
			loop_wall());
	dots_client_run(c);
	answer_done(a);
}

static void
run_withdraw(struct asker *a, const json_t *request)
{
	struct dots_client *c = dots_client_holding(a->parts->client, id_of(request));

	if (!c) {
		no_such_id(a, request);
		return;
	}
	wishes_release(
		dots_client_wishes(c), id_of(request), loop_now(a->parts->loop), loop_wall());
	dots_client_run(c);
	a->ops->stored(a, answer_done);
}

/* What becomes of it is told by events, `show` and `list`. */
static void
run_escalate(struct asker *a, const json_t *request)
{
	const struct mitigation *m = mitigation_of(a, id_of(request));
	struct verdict v;

	if (!m) {
		no_such_id(a, request);
		return;
	}
	v = server_escalate(a->parts->server, m->id);
	if (verdict_ok(&v))
		a->ops->stored(a, answer_done);
	else
		command_refuse(a, REFUSED, "%s", v.why);
}

static void
run_reload(struct asker *a, const json_t *request)
{
	char why[WHY_MAX] = "";

	(void)request;
	a->parts->reload(a->parts->reload_arg, why, sizeof(why));
	if (*why)
		command_refuse(a, REFUSED, "the configuration stays as it was: %s", why);
	else
		answer_done(a);
}

/* ---- what is known of a domain --------------------------------------------------------------- */

static const char *
text_in(const json_t *request, const char *name, const char *fallback)
{
	const char *text = json_string_value(json_object_get(request, name));

	return text ? text : fallback;
}

static json_int_t
number_in(const json_t *request, const char *name, json_int_t fallback)
{
	const json_t *j = json_object_get(request, name);

	return j ? json_integer_value(j) : fallback;
}

/* False, and answered. */
static bool
read_fact(struct asker *a, const json_t *request, struct fact *f)
{
	const char *kind = text_in(request, "kind", ""), *value = text_in(request, "value", ""),
		   *source = text_in(request, "source", "operator"),
		   *transport = text_in(request, "transport", "any");
	json_int_t expires = number_in(request, "expires", 0);
	enum fact_source from;
	enum fact_kind k;
	char why[WHY_MAX] = "";

	if (!fact_kind_parse(kind, &k))
		command_refuse(a, USAGE,
			"%.60s can be neither set nor unset, expected prefix, resolver, server, "
			"gateway or data",
			kind);
	else if (!fact_source_parse(source, &from))
		command_refuse(a, USAGE,
			"source is %.60s, expected operator, dhcp, naptr, dns-sd or router",
			source);
	else if (fact_parse(k, value, f, why, sizeof(why)) < 0)
		command_refuse(a, USAGE, "%s", why);
	else if (!fact_transport_parse(transport, &f->transport))
		command_refuse(a, USAGE, "transport is %.60s, expected udp, tcp or any", transport);
	else {
		f->domain = text_in(request, "name", "");
		f->source = from;
		f->port = (uint16_t)number_in(request, "port", f->port);
		f->priority = (uint32_t)number_in(request, "priority", 0);
		f->expires = expires ? loop_wall() + expires * 1000 : 0;
		snprintf(f->interface, sizeof(f->interface), "%s",
			text_in(request, "interface", ""));
		return true;
	}
	return false;
}

static void
set_fact(struct asker *a, const json_t *request)
{
	const struct control_parts *p = a->parts;
	char why[WHY_MAX] = "";
	struct fact f;
	int changed;

	if (!read_fact(a, request, &f))
		return;
	changed = learned_set(p->learned, p->config->base, &f, why, sizeof(why));
	if (changed < 0) {
		command_refuse(a, REFUSED, "%s", why);
		return;
	}
	p->rehome(p->reload_arg);
	a->ops->stored(a, answer_done);
}

static void
unset_fact(struct asker *a, const json_t *request)
{
	const struct control_parts *p = a->parts;
	const char *value = text_in(request, "value", NULL), *name = text_in(request, "name", "");
	char text[FACT_TEXT_MAX], why[WHY_MAX] = "";
	enum fact_source from;
	enum fact_kind k;
	struct fact f;

	if (!fact_kind_parse(text_in(request, "kind", ""), &k) ||
		!fact_source_parse(text_in(request, "source", "operator"), &from))
		command_refuse(a, USAGE,
			"expected prefix, resolver, server, gateway or data, and as source "
			"operator, "
			"dhcp, naptr, dns-sd or router");
	else if (value && fact_parse(k, value, &f, why, sizeof(why)) < 0)
		command_refuse(a, USAGE, "%s", why);
	else if (!learned_unset(p->learned, name, k, from, value ? fact_format(&f, text) : NULL))
		command_refuse(a, REFUSED,
			"nothing of that kind and source was learned about %.100s; see dotsctl "
			"domains. What is configured is changed in the file",
			name);
	else {
		p->rehome(p->reload_arg);
		a->ops->stored(a, answer_done);
	}
}

/* What a DHCP client's hook was given, as it came (RFC 8973 5). One family at a time: what the
 * other one said stays. */
static void
set_dhcp(struct asker *a, const json_t *request)
{
	const struct control_parts *p = a->parts;
	json_int_t expires = number_in(request, "expires", 0);
	struct fact f = {.domain = text_in(request, "name", ""),
		.kind = FACT_SERVER,
		.source = FACT_DHCP,
		.port = 4646,
		.transport = SERVER_ANY,
		.expires = expires ? loop_wall() + expires * 1000 : 0};
	struct dhcp_dots d;
	char why[WHY_MAX] = "";
	const char *wrong = dhcp_options_parse(text_in(request, "value", ""), &d);

	snprintf(f.interface, sizeof(f.interface), "%s", text_in(request, "interface", ""));
	if (wrong) {
		command_refuse(a, USAGE, "%s", wrong);
		return;
	}
	snprintf(f.name, sizeof(f.name), "%.*s", FACT_NAME_MAX, d.name);
	f.n_addrs = d.n_addrs;
	memcpy(f.addrs, d.addrs, d.n_addrs * sizeof(f.addrs[0]));
	if (!*f.name && !f.n_addrs) {
		command_refuse(a, REFUSED, "RFC 8973 5.1.3: nothing of these options can be used");
		return;
	}
	learned_outdate(p->learned, &f);
	if (learned_set(p->learned, p->config->base, &f, why, sizeof(why)) < 0)
		command_refuse(a, REFUSED, "%s", why);
	else
		a->ops->stored(a, answer_done);
	p->rehome(p->reload_arg);
}

static void
run_domain(struct asker *a, const json_t *request)
{
	const char *action = text_in(request, "action", "");
	bool dhcp = !strcmp(text_in(request, "kind", ""), "dhcp");

	if (dhcp && !strcmp(action, "set"))
		set_dhcp(a, request);
	else if (!strcmp(action, "set"))
		set_fact(a, request);
	else if (!strcmp(action, "unset"))
		unset_fact(a, request);
	else
		command_refuse(a, USAGE, "%.60s is no action, expected set or unset", action);
}

/* ---- the server ------------------------------------------------------------------------------ */

/* The list is to be freed. False, and answered. */
static bool
read_addresses(struct asker *a, const json_t *request, struct drain *d)
{
	const json_t *list = json_object_get(request, "addresses"), *item;
	size_t i;

	d->addresses = mem_array(json_array_size(list) + 1, sizeof(struct addr));
	json_array_foreach(list, i, item) {
		if (addr_parse(json_string_value(item), &d->addresses[d->n_addresses++]) == 0)
			continue;
		command_refuse(a, USAGE, "drain: %.60s is no address", json_string_value(item));
		return false;
	}
	return true;
}

static void
begin_drain(struct asker *a, const json_t *request, bool force)
{
	struct drain d = {.to = (char *)(uintptr_t)text_in(request, "to", NULL),
		.ttl = (uint32_t)number_in(request, "ttl", DRAIN_TTL_S),
		.force = force};
	struct addr address;

	if (json_object_get(request, "addresses") && !d.to)
		command_refuse(a, USAGE, "drain: addresses are those of a server that `to` names");
	else if (d.to && (!rr_name_is_conventional(d.to) || addr_parse(d.to, &address) == 0))
		command_refuse(a, USAGE, "drain: %.100s is no domain name (RFC 9132 4.6)", d.to);
	else if (read_addresses(a, request, &d)) {
		server_drain(a->parts->server, &d);
		answer_done(a);
	}
	free(d.addresses);
}

/* False, and answered. */
static bool
serves(struct asker *a)
{
	if (!a->parts->server)
		command_refuse(a, REFUSED, "this dotsd serves nobody: `listen` is not configured");
	return a->parts->server;
}

static void
run_drain(struct asker *a, const json_t *request)
{
	const char *action = text_in(request, "action", "");
	bool force = !strcmp(action, "force");

	if (!serves(a))
		return;
	if (force || !strcmp(action, "on"))
		begin_drain(a, request, force);
	else if (strcmp(action, "off") != 0)
		command_refuse(a, USAGE, "%.60s is no action, expected on, force or off", action);
	else {
		server_drain(a->parts->server, NULL);
		answer_done(a);
	}
}

static void
answer_when_stored(struct asker *a, const struct verdict *v)
{
	if (verdict_ok(v))
		a->ops->stored(a, answer_done);
	else
		command_refuse(a, REFUSED, "%s", v->why);
}

static void
run_terminate(struct asker *a, const json_t *request)
{
	const struct mitigation *m = mitigation_of(a, id_of(request));
	struct verdict v;

	if (!m) {
		no_such_id(a, request);
		return;
	}
	v = server_terminate(a->parts->server, m->id, text_in(request, "reason", NULL));
	answer_when_stored(a, &v);
}

static void
run_client(struct asker *a, const json_t *request)
{
	const char *name = text_in(request, "name", ""), *action = text_in(request, "action", "");
	const char *reason = text_in(request, "reason", NULL);
	bool end = json_is_true(json_object_get(request, "end"));
	struct verdict v;

	if (!serves(a))
		return;
	if (!strcmp(action, "suspend")) {
		v = server_suspend(a->parts->server, name, reason, end);
		answer_when_stored(a, &v);
	} else if (strcmp(action, "resume") != 0) {
		command_refuse(a, USAGE, "%.60s is no action, expected suspend or resume", action);
	} else if (end || reason) {
		command_refuse(a, USAGE, "client: end and reason are for suspend");
	} else {
		v = server_resume(a->parts->server, name);
		answer_when_stored(a, &v);
	}
}

static void
run_clients(struct asker *a, const json_t *request)
{
	const char *name = text_in(request, "name", NULL);
	json_t *j, *list;
	size_t all;

	if (!serves(a))
		return;
	list = view_clients(a->parts, name, LISTED_MAX, &all);
	if (name && !all) {
		json_decref(list);
		command_refuse(a, REFUSED, "there is no client %.64s; see dotsctl clients", name);
		return;
	}
	j = json_object();
	json_object_set_new(j, "clients", list);
	json_object_set_new(j, "not_shown", json_integer(beyond(all)));
	answer(a, DONE, j);
}

static void
show_records(struct asker *a, enum share_kind kind, const char *member)
{
	json_t *j;
	size_t all;

	if (!a->parts->records) {
		command_refuse(a, REFUSED, "nobody to ask here: no domains and no gateways");
		return;
	}
	j = json_object();
	json_object_set_new(j, member, view_records(a->parts, kind, LISTED_MAX, &all));
	json_object_set_new(j, "not_shown", json_integer(beyond(all)));
	answer(a, DONE, j);
}

static void
run_aliases(struct asker *a, const json_t *request)
{
	(void)request;
	show_records(a, SHARE_ALIAS, "aliases");
}

static void
run_acls(struct asker *a, const json_t *request)
{
	(void)request;
	show_records(a, SHARE_ACL, "acls");
}

/* ---- the table ------------------------------------------------------------------------------- */

struct argument {
	const char *name;
	enum { TEXT = 1, NUMBER, TEXTS, NUMBERS, YES } kind;
	bool required;
	json_int_t min, max; /* value of a number, length of a text, count of a list */
};

static const struct argument no_arguments[] = {{0}};
static const struct argument family_arguments[] = {{"family", TEXT, false, 1, 1}, {0}};
static const struct argument id_arguments[] = {{"id", TEXT, true, 1, WISH_ID_MAX - 1}, {0}};
static const struct argument refresh_arguments[] = {
	{"id", TEXT, true, 1, WISH_ID_MAX - 1}, {"attack-status", TEXT, false, 1, 32}, {0}};
static const struct argument target_arguments[] = {
	{"targets", TEXTS, true, 1, TARGETS_MAX},
	{"ports", TEXTS, false, 0, TARGETS_MAX},
	{"protocols", NUMBERS, false, 0, TARGETS_MAX},
	{0},
};
static const struct argument mitigate_arguments[] = {
	{"targets", TEXTS, true, 1, TARGETS_MAX},
	{"ports", TEXTS, false, 0, TARGETS_MAX},
	{"protocols", NUMBERS, false, 0, TARGETS_MAX},
	{"lifetime", NUMBER, false, 1, LIFETIME_MAX},
	{"for", NUMBER, false, 1, LIFETIME_MAX},
	{"id", TEXT, false, 1, WISH_ID_MAX - 1},
	{"asker", TEXT, false, 1, WISH_ID_MAX - 1},
	{"wait", NUMBER, false, 0, WAIT_MAX_S},
	{"on-loss", YES, false, 0, 0},
	{"acls", TEXTS, false, 0, CONTROLS_MAX},
	{0},
};
static const struct argument filter_arguments[] = {
	{"id", TEXT, true, 1, WISH_ID_MAX - 1},
	{"acls", TEXTS, true, 1, CONTROLS_MAX},
	{"wait", NUMBER, false, 0, WAIT_MAX_S},
	{0},
};

static const struct argument domain_arguments[] = {
	{"name", TEXT, true, 1, WISH_ID_MAX - 1},
	{"action", TEXT, true, 1, 8},
	{"kind", TEXT, true, 1, 16},
	{"value", TEXT, false, 1, DHCP_OPTION_TEXT_MAX},
	{"source", TEXT, false, 1, 16},
	{"expires", NUMBER, false, 1, UINT32_MAX},
	{"port", NUMBER, false, 1, 65535},
	{"transport", TEXT, false, 3, 3},
	{"priority", NUMBER, false, 0, 65535},
	{"interface", TEXT, false, 1, IFNAMSIZ - 1},
	{0},
};

static const struct argument drain_arguments[] = {
	{"action", TEXT, true, 1, 8},
	{"to", TEXT, false, 1, 253},
	{"addresses", TEXTS, false, 0, DRAIN_ADDRESSES_MAX},
	{"ttl", NUMBER, false, 1, UINT32_MAX},
	{0},
};

static const struct argument terminate_arguments[] = {
	{"id", TEXT, true, 1, WISH_ID_MAX - 1}, {"reason", TEXT, false, 1, REASON_MAX}, {0}};
static const struct argument clients_arguments[] = {{"name", TEXT, false, 1, WISH_ID_MAX - 1}, {0}};
static const struct argument client_arguments[] = {
	{"name", TEXT, true, 1, WISH_ID_MAX - 1},
	{"action", TEXT, true, 1, 8},
	{"end", YES, false, 0, 0},
	{"reason", TEXT, false, 1, REASON_MAX},
	{0},
};

static const struct argument record_arguments[] = {
	{"action", TEXT, true, 1, 8},
	{"name", TEXT, true, 1, RECORD_NAME_MAX},
	{"text", TEXT, false, 1, RECORD_TEXT_MAX},
	{"wait", NUMBER, false, 0, WAIT_MAX_S},
	{0},
};

static const struct command {
	const char *name;
	bool client; /* needs the client role */
	const struct argument *arguments;
	void (*run)(struct asker *a, const json_t *request);
} commands[] = {
	{"status", false, no_arguments, run_status},
	{"domains", false, family_arguments, run_domains},
	{"domain", true, domain_arguments, run_domain},
	{"sessions", false, no_arguments, run_sessions},
	{"alias", true, record_arguments, record_run_alias},
	{"aliases", false, no_arguments, run_aliases},
	{"acl", true, record_arguments, record_run_acl},
	{"acls", false, no_arguments, run_acls},
	{"clients", false, clients_arguments, run_clients},
	{"client", false, client_arguments, run_client},
	{"drain", false, drain_arguments, run_drain},
	{"mitigate", true, mitigate_arguments, run_mitigate},
	{"filter", true, filter_arguments, run_filter},
	{"list", false, no_arguments, run_list},
	{"show", false, id_arguments, run_show},
	{"refresh", true, refresh_arguments, run_refresh},
	{"withdraw", true, id_arguments, run_withdraw},
	{"escalate", false, id_arguments, run_escalate},
	{"terminate", false, terminate_arguments, run_terminate},
	{"explain", true, target_arguments, run_explain},
	{"reload", false, no_arguments, run_reload},
	{0},
};

static bool
in_range(const struct argument *arg, json_int_t value)
{
	return value >= arg->min && value <= arg->max;
}

static bool
all_of(const json_t *list, json_type type)
{
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		if (json_typeof(item) != type)
			return false;
	return json_is_array(list);
}

static bool
fits(const struct argument *arg, const json_t *v)
{
	switch (arg->kind) {
	case TEXT:
		return json_is_string(v) && in_range(arg, (json_int_t)json_string_length(v));
	case NUMBER:
		return json_is_integer(v) && in_range(arg, json_integer_value(v));
	case TEXTS:
		return all_of(v, JSON_STRING) && in_range(arg, (json_int_t)json_array_size(v));
	case YES:
		return json_is_boolean(v);
	case NUMBERS:
		return all_of(v, JSON_INTEGER) && in_range(arg, (json_int_t)json_array_size(v));
	}
	return false;
}

static bool
check_present(struct asker *a, const struct command *c, const json_t *request)
{
	static const struct {
		const char *before, *after;
	} expected[] = {
		[TEXT] = {"a text of", " characters"},
		[NUMBER] = {"a whole number from", ""},
		[TEXTS] = {"a list of", " texts"},
		[NUMBERS] = {"a list of", " whole numbers"},
	};

	for (const struct argument *arg = c->arguments; arg->name; arg++) {
		const json_t *v = json_object_get(request, arg->name);

		if ((!v && !arg->required) || (v && fits(arg, v)))
			continue;
		if (arg->kind == YES)
			command_refuse(a, USAGE, "%s: %s is wrong, expected true or false", c->name,
				arg->name);
		else
			command_refuse(a, USAGE, "%s: %s is %s, expected %s %lld to %lld%s",
				c->name, arg->name, v ? "wrong" : "missing",
				expected[arg->kind].before, (long long)arg->min,
				(long long)arg->max, expected[arg->kind].after);
		return false;
	}
	return true;
}

static bool
check_known(struct asker *a, const struct command *c, const json_t *request)
{
	const char *name;
	json_t *value;

	json_object_foreach((json_t *)request, name, value) {
		const struct argument *arg = c->arguments;

		while (arg->name && strcmp(arg->name, name) != 0)
			arg++;
		if (!arg->name && strcmp(name, "command") != 0) {
			command_refuse(a, USAGE, "%s does not take %.60s", c->name, name);
			return false;
		}
	}
	return true;
}

void
command_run(struct asker *a, const json_t *request)
{
	const char *name = json_string_value(json_object_get(request, "command"));
	const struct command *c = commands;

	while (name && c->name && strcmp(c->name, name) != 0)
		c++;
	if (!name || !c->name)
		command_refuse(a, USAGE, "unknown command %.60s", name ? name : "");
	else if (!check_known(a, c, request) || !check_present(a, c, request))
		return;
	else if (c->client && !a->parts->client)
		command_refuse(a, REFUSED,
			"this dotsd asks nobody: neither `domains` nor `gateways` are "
			"configured");
	else
		c->run(a, request);
}
