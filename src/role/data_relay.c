#include "role/data_relay.h"

#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"
#include "homing/nat.h"
#include "homing/plan.h"

struct data_relay {
	struct data_escalation escalation; /* first: the server knows this part only */
	struct dots_client *client;
	struct data_upstream *upstream;
	struct data_relay_setup setup;
	void (*changed)(void *arg);
	void *changed_arg;
};

static enum share_kind
share_kind_of(enum data_kind k)
{
	return k == DATA_ALIAS ? SHARE_ALIAS : SHARE_ACL;
}

static bool
goes_on(const struct data_relay *r, const char *client)
{
	const struct client *c = clients_named(r->setup.clients, client);

	return c && !c->local;
}

/* Some provider has a data channel: else nothing is passed on, and all is as at a server. */
static bool
has_channels(const struct homing *h)
{
	for (size_t i = 0; i < h->n_domains; i++)
		if (h->domains[i].data.name)
			return true;
	return false;
}

/* ---- what may be passed on ------------------------------------------------------------------- */

/* The text of whoever is foreign, as far as it fits; false: nobody. */
struct owning {
	const struct homing *homing;
	struct arena *arena;
	struct buf *foreign;
	size_t n_foreign, n_owned;
};

static void
see_prefix(struct owning *o, const char *text)
{
	struct prefix p, foreign;
	struct target inside = {.target_prefix = &p, .n_target_prefix = 1}, outside;

	if (prefix_parse(text, &p) == 0) {
		outside = nat_outside(o->homing, &inside, o->arena);
		if (plan_owns_all(o->homing, &outside, &foreign))
			o->n_owned++;
		else
			buf_printf(o->foreign, "%s%s", o->n_foreign++ ? ", " : "", text);
	}
}

static const char *
destination_of(const json_t *ace)
{
	const json_t *m = json_object_get(ace, "matches");
	const char *v4 = json_string_value(
		json_object_get(json_object_get(m, "ipv4"), "destination-ipv4-network"));

	return v4 ? v4
		  : json_string_value(json_object_get(
			    json_object_get(m, "ipv6"), "destination-ipv6-network"));
}

static const json_t *
aces_of(const json_t *acl)
{
	return json_object_get(json_object_get(acl, "aces"), "ace");
}

static bool
all_owned(const struct data_relay *r, enum data_kind kind, const json_t *entry,
	struct restconf_error *err)
{
	const json_t *list = kind == DATA_ALIAS ? json_object_get(entry, "target-prefix")
						: aces_of(entry),
		     *item;
	struct buf foreign;
	struct owning o = {r->setup.homing, arena_new(), &foreign, 0, 0};
	bool ok;
	size_t i;

	buf_init(&foreign, RESTCONF_WHY_MAX);
	json_array_foreach(list, i, item) {
		const char *text =
			kind == DATA_ALIAS ? json_string_value(item) : destination_of(item);

		if (text)
			see_prefix(&o, text);
	}
	ok = !o.n_foreign || (kind == DATA_ALIAS && r->setup.trim && o.n_owned);
	if (!ok)
		restconf_refuse(err, 400, RESTCONF_INVALID_VALUE,
			"RFC 9284 5.3: %s: %s belongs to no provider of this network",
			kind == DATA_ALIAS ? "target-prefix" : "destination network",
			buf_text(&foreign));
	buf_finish(&foreign);
	arena_free(o.arena);
	return ok;
}

/* Upstream it would be for all of us. */
static bool
has_destinations(const json_t *acl, struct restconf_error *err)
{
	const json_t *ace;
	size_t i;

	json_array_foreach(aces_of(acl), i, ace)
		if (!destination_of(ace))
			return restconf_refuse(err, 400, RESTCONF_MISSING_ATTRIBUTE,
				"RFC 8783 7.2: ace %.64s: it names no destination network, and is "
				"passed on for all clients of a gateway",
				json_string_value(json_object_get(ace, "name")));
	return true;
}

/* Some provider has it, or it has an effect here. No upstream names go down. */
static bool
has_takers(
	const struct data_relay *r, const char *name, const json_t *acl, struct restconf_error *err)
{
	struct share_wish w = {.kind = SHARE_ACL, .entry = (json_t *)(uintptr_t)acl};
	struct shares s = {.arena = arena_new()};
	bool taken = r->setup.acts, barred = false;

	share_plan(r->setup.homing, &w, &s);
	for (size_t i = 0; i < s.n; i++) {
		taken = taken || s.list[i].entry;
		barred = barred || (!s.list[i].entry && s.list[i].domain < 0);
	}
	shares_finish(&s);
	arena_free(s.arena);
	if (barred)
		return restconf_refuse(err, 400, RESTCONF_INVALID_VALUE,
			"RFC 9284 6: acl %.64s: it cannot be passed on: each destination has to be "
			"one provider's, and no source another one's",
			name);
	return taken || restconf_refuse(err, 400, RESTCONF_OPERATION_NOT_SUPPORTED,
				"RFC 8783 3.3: acl %.64s: whose addresses they are takes no "
				"filters",
				name);
}

static bool
admit(struct data_escalation *e, const struct client *c, enum data_kind kind, const json_t *entry,
	struct restconf_error *err)
{
	const struct data_relay *r = (struct data_relay *)e;
	const char *name = json_string_value(json_object_get(entry, "name"));

	if (c->local || !has_channels(r->setup.homing))
		return true;
	if (strlen(name) > DATA_RELAYED_NAME_MAX)
		return restconf_refuse(err, 400, RESTCONF_INVALID_VALUE,
			"RFC 8783 4.3: name: it has %zu characters, and a gateway passes on those "
			"of at most %d",
			strlen(name), DATA_RELAYED_NAME_MAX);
	if (!all_owned(r, kind, entry, err))
		return false;
	return kind == DATA_ALIAS ||
	       (has_destinations(entry, err) && has_takers(r, name, entry, err));
}

/* ---- what is there --------------------------------------------------------------------------- */

static char *
asker_of(const char *client, const char *cuid)
{
	return mem_printf("%s/%s", client, cuid);
}

static size_t
add_entries(const struct data_relay *r, struct data_entry *const *from, size_t n,
	struct data_relayed *to)
{
	size_t kept = 0;

	for (size_t i = 0; i < n; i++) {
		const struct data_entry *e = from[i];

		if (strlen(e->name) > DATA_RELAYED_NAME_MAX)
			continue; /* of a time when it was not passed on */
		to[kept++] = (struct data_relayed){.kind = share_kind_of(e->kind),
			.name = e->name,
			.text = e->text,
			.number = e->version.number,
			.via = r->setup.keep_via || r->setup.server_domain ? e->via : NULL};
	}
	return kept;
}

static void
edited(struct data_escalation *e, const char *client, const char *cuid,
	const struct data_client *dc)
{
	const struct data_relay *r = (struct data_relay *)e;
	size_t most = dc ? dc->n_aliases + dc->n_acls : 0, n = 0;
	struct data_relayed *list = mem_array(most + 1, sizeof(*list));
	char *asker = asker_of(client, cuid);

	if (dc && goes_on(r, client)) {
		if (r->setup.separate && most)
			dots_client_deputy(r->client, client, true);
		n = add_entries(r, dc->aliases, dc->n_aliases, list);
		n += add_entries(r, dc->acls, dc->n_acls, &list[n]);
	}
	data_upstream_relay(r->upstream, asker, r->setup.separate ? client : "", list, n);
	free(list);
	free(asker);
}

/* As on the signal channel (role/gateway.c): by what it has proven, or a gateway in front of us
 * that is trusted calls it. */
static void
called(struct data_escalation *e, const char *client, const char *cdid)
{
	const struct data_relay *r = (struct data_relay *)e;

	if (r->setup.separate && goes_on(r, client))
		dots_client_call(dots_client_deputy(r->client, client, true),
			r->setup.server_domain ? cdid : "");
}

static enum data_progress
progress(struct data_escalation *e, const char *client, const char *cuid, enum data_kind kind,
	const char *name, struct restconf_error *err)
{
	const struct data_relay *r = (struct data_relay *)e;
	char *asker = asker_of(client, cuid);
	struct data_refusal no = {0, ""};
	enum data_standing at =
		data_upstream_standing(r->upstream, asker, share_kind_of(kind), name, &no);

	free(asker);
	if (at == DATA_WAITING)
		return DATA_UNDECIDED;
	if (at != DATA_REFUSED)
		return DATA_DECIDED;
	restconf_refuse(err, no.code, restconf_tag_named(no.tag),
		"RFC 8783 3.3: %s %.64s: it is refused upstream: %u%s%.40s",
		share_kinds[share_kind_of(kind)], name, no.code, *no.tag ? " " : "", no.tag);
	if (no.code == 508)
		err->app_tag = "loop-detected";
	return DATA_DENIED;
}

static void
on_change(struct data_escalation *e, void (*changed)(void *arg), void *arg)
{
	struct data_relay *r = (struct data_relay *)e;

	r->changed = changed;
	r->changed_arg = arg;
}

static const struct data_escalation_ops ops = {.admit = admit,
	.called = called,
	.edited = edited,
	.progress = progress,
	.on_change = on_change};

/* ---- life ------------------------------------------------------------------------------------ */

static void
tell(void *arg)
{
	const struct data_relay *r = arg;

	if (r->changed)
		r->changed(r->changed_arg);
}

struct data_relay *
data_relay_new(struct dots_client *client, struct data_upstream *upstream,
	const struct data_relay_setup *s)
{
	struct data_relay *r = mem_new(sizeof(*r));

	r->escalation.ops = &ops;
	r->client = client;
	r->upstream = upstream;
	r->setup = *s;
	data_upstream_on_change(upstream, tell, r);
	return r;
}

void
data_relay_free(struct data_relay *r)
{
	if (!r)
		return;
	data_upstream_on_change(r->upstream, NULL, NULL);
	free(r);
}

void
data_relay_reload(struct data_relay *r, const struct data_relay_setup *s)
{
	r->setup = *s;
}

struct data_escalation *
data_relay_escalation(struct data_relay *r)
{
	return r ? &r->escalation : NULL;
}
