/*
 * Views of the daemon's parts as JSON.
 */
#include "daemon/control_view.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/event.h"
#include "base/mem.h"
#include "daemon/expiry.h"
#include "daemon/store.h"
#include "homing/disclosure.h"

enum { TEXT_MAX = 1024 };

/* ---- values ---------------------------------------------------------------------------------- */

static void
add_text(json_t *object, const char *member, const char *value)
{
	char text[TEXT_MAX];

	json_object_set_new(object, member,
		json_string(event_escape(
			text, sizeof(text), value ? value : "", value ? strlen(value) : 0)));
}

static void
add_number(json_t *object, const char *member, int64_t value)
{
	json_object_set_new(object, member, json_integer((json_int_t)value));
}

static void
add_bool(json_t *object, const char *member, bool value)
{
	json_object_set_new(object, member, json_boolean(value));
}

static void
add_time(json_t *object, const char *member, wall_ms when)
{
	time_t seconds = (time_t)(when / 1000);
	struct tm tm;
	char text[32];

	gmtime_r(&seconds, &tm);
	strftime(text, sizeof(text), "%Y-%m-%dT%H:%M:%SZ", &tm);
	json_object_set_new(object, member, json_string(text));
}

/* family 0: any. */
static bool
of_family(const struct addr *a, uint8_t family)
{
	return !family || a->family == family;
}

static json_t *
prefixes_of(const struct prefix *list, size_t n, uint8_t family)
{
	json_t *j = json_array();
	char text[PREFIX_TEXT_MAX];

	for (size_t i = 0; i < n; i++)
		if (of_family(&list[i].addr, family))
			json_array_append_new(j, json_string(prefix_format(&list[i], text)));
	return j;
}

static void
add_prefixes(json_t *object, const char *member, const struct prefix *list, size_t n)
{
	json_object_set_new(object, member, prefixes_of(list, n, 0));
}

static json_t *
endpoint_json(const struct endpoint *e)
{
	char text[ENDPOINT_TEXT_MAX];

	return e->addr.family ? json_string(endpoint_format(e, text)) : json_null();
}

static json_t *
ports_json(const struct target *t)
{
	json_t *j = json_array();
	char text[48];

	for (size_t i = 0; i < t->n_target_port_range; i++) {
		const struct port_range *r = &t->target_port_range[i];
		unsigned lower = (unsigned)r->lower_port, upper = (unsigned)port_range_last(r);

		if (lower == upper)
			snprintf(text, sizeof(text), "%u", lower);
		else
			snprintf(text, sizeof(text), "%u-%u", lower, upper);
		json_array_append_new(j, json_string(text));
	}
	return j;
}

static void
add_target(json_t *object, const struct target *t)
{
	json_t *protocols = json_array();

	for (size_t i = 0; i < t->n_target_protocol; i++)
		json_array_append_new(protocols, json_integer((json_int_t)t->target_protocol[i]));
	add_prefixes(object, "targets", t->target_prefix, t->n_target_prefix);
	json_object_set_new(object, "ports", ports_json(t));
	json_object_set_new(object, "protocols", protocols);
}

/* ---- our own requests ------------------------------------------------------------------------ */

static const char *const wish_states[] = {
	[WISH_REFUSED] = "refused",
	[WISH_DECLINED] = "declined",
	[WISH_PENDING] = "pending",
	[WISH_SENT] = "sent",
	[WISH_SILENT] = "silent",
	[WISH_PLACED] = "placed",
	[WISH_ENDED] = "ended",
};

static void
add_conflict(json_t *object, const struct conflict *c)
{
	json_t *j;

	if (!c->cause)
		return;
	j = json_object();
	if (c->status)
		add_text(j, "status", conflict_status_name((int)c->status));
	add_text(j, "cause", conflict_cause_name((int)c->cause));
	if (c->retry_timer)
		add_number(j, "retry_timer", (int64_t)c->retry_timer);
	json_object_set_new(object, "conflict", j);
}

static void
add_place(json_t *j, const struct config *c, const struct wish_part *p)
{
	const struct domain *d = p->domain >= 0 ? &c->homing->domains[p->domain] : NULL;
	const struct domain_server *s = p->server >= 0 ? c->homing->servers[p->server] : NULL;
	char **links;

	if (d)
		add_text(j, "domain", d->name);
	if (s)
		add_text(j, "server", s->name);
	if (d && domain_access(d, s, &links))
		add_text(j, "interface", links[0]);
}

static json_t *
told_json(const struct name *names, size_t n)
{
	json_t *j = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(j, json_string(names[i].text));
	return j;
}

static json_t *
filter_json(const char *acl, uint64_t type)
{
	char text[CONTROL_NAME_MAX * 4 + 1];

	event_escape(text, sizeof(text), acl, strlen(acl));
	return json_sprintf("%s=%s", text, activation_type_name((int)type));
}

static json_t *
controls_json(const struct controlled *list, size_t n)
{
	json_t *j = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(j, filter_json(list[i].acl, list[i].type));
	return j;
}

/* RFC 9133. */
static void
add_controls(json_t *j, const struct wish_part *p)
{
	static const char *const states[] = {[CONTROL_NONE] = "none",
		[CONTROL_ASKED] = "asked",
		[CONTROL_DONE] = "done",
		[CONTROL_LATER] = "later",
		[CONTROL_REFUSED] = "refused"};

	if (p->n_controls) {
		json_object_set_new(j, "filters", controls_json(p->controls, p->n_controls));
		add_text(j, "filters_state", states[p->control]);
		add_text(j, "filters_reason", p->control_why);
	}
	if (p->n_changed)
		json_object_set_new(j, "filters_changed", controls_json(p->changed, p->n_changed));
}

static json_t *
part_json(const struct config *c, const struct wish_part *p)
{
	char prefix[PREFIX_TEXT_MAX], code[5];
	json_t *j = json_object();

	add_text(j, "target", p->name ? p->name : prefix_format(&p->prefix, prefix));
	add_text(j, "state", wish_states[p->state]);
	add_place(j, c, p);
	if (p->mid)
		add_number(j, "mid", p->mid);
	if (p->code)
		add_text(j, "code", coap_code_format(p->code, code));
	if (p->status)
		add_text(j, "status", dots_status_name((int)p->status));
	add_conflict(j, &p->conflict);
	if (p->state == WISH_PLACED) {
		add_number(j, "lifetime", p->lifetime);
		add_number(j, "dropped_packets", (int64_t)p->pkts_dropped);
		add_number(j, "dropped_bytes", (int64_t)p->bytes_dropped);
	}
	if (p->n_told)
		json_object_set_new(j, "told", told_json(p->told, p->n_told));
	add_controls(j, p);
	add_text(j, "section", p->section);
	add_text(j, "reason", p->reason);
	return j;
}

json_t *
view_parts(const struct config *c, const struct wish_part *parts, size_t n)
{
	json_t *j = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(j, part_json(c, &parts[i]));
	return j;
}

static void
add_name(json_t *object, const struct name *n)
{
	static const char *const states[] = {[NAME_SOUGHT] = "sought",
		[NAME_FAILED] = "failed",
		[NAME_NONE] = "none",
		[NAME_KNOWN] = "known"};

	add_text(object, "name", n->text);
	add_text(object, "state", states[n->state]);
	add_prefixes(object, "addresses", n->addresses, n->n_addresses);
	if (*n->why)
		add_text(object, "reason", n->why);
}

static bool
seen_before(const struct wish_part *parts, size_t i)
{
	for (size_t k = 0; k < i; k++)
		if (parts[k].server == parts[i].server)
			return true;
	return false;
}

static json_t *
told_where(const struct config *c, const struct name *n, const struct wish_part *part)
{
	uint32_t server = (uint32_t)part->server;
	struct disclosure_verdict v = disclosure_of_name(c->homing, server, n);
	char why[DISCLOSURE_TEXT_MAX];
	json_t *j = json_object();

	add_text(j, "domain", c->homing->domains[part->domain].name);
	add_text(j, "server", c->homing->servers[server]->name);
	add_bool(j, "told", v.rule == DISCLOSURE_OWN || v.rule == DISCLOSURE_CONSENT);
	add_text(j, "section", "RFC 9284 6");
	add_text(j, "reason", disclosure_explain(c->homing, server, &v, why));
	return j;
}

json_t *
view_names(const struct config *c, const struct name *names, size_t n_names,
	const struct wish_part *parts, size_t n_parts)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n_names; i++) {
		json_t *j = json_object(), *servers = json_array();

		add_name(j, &names[i]);
		for (size_t k = 0; k < n_parts; k++)
			if (parts[k].server >= 0 && !seen_before(parts, k))
				json_array_append_new(servers, told_where(c, &names[i], &parts[k]));
		json_object_set_new(j, "servers", servers);
		json_array_append_new(list, j);
	}
	return list;
}

static json_t *
names_json(const struct name *names, size_t n)
{
	json_t *list = json_array();

	for (size_t i = 0; i < n; i++) {
		json_t *j = json_object();

		add_name(j, &names[i]);
		json_array_append_new(list, j);
	}
	return list;
}

/* ---- why ------------------------------------------------------------------------------------- */

static void
add_why(json_t *list, const char *what, const char *is, const char *section, const char *reason)
{
	json_t *j = json_object();

	add_text(j, "what", what);
	add_text(j, "is", is);
	add_text(j, "section", section);
	add_text(j, "reason", reason);
	json_array_append_new(list, j);
}

/* A session and what it is set up with; without one, what would be taken now. */
static void
add_way(json_t *why, const struct server_way *w)
{
	const struct addr *from = &w->source.local.addr;
	char source[ADDR_TEXT_MAX] = "";

	add_why(why, "interface", *w->interface ? w->interface : "any", "RFC 9284 5.1", "");
	if (from->family)
		addr_format(from, source);
	add_why(why, "source", source, w->source.section, w->no_source);
	add_why(why, "credential", w->credential, "RFC 9284 5.1", "");
	add_why(why, "session", w->state, "RFC 9132 4.7", w->reason);
}

static void
add_server_why(json_t *why, const struct domain_server *s)
{
	char reason[64];
	bool router = s->learned && !strcmp(s->learned, "router");

	snprintf(reason, sizeof(reason), s->learned ? "learned: %.40s" : "configured", s->learned);
	add_why(why, "server", s->name, router ? "RFC 9132 4.3" : "RFC 8973 4", reason);
}

static json_t *
why_json(const struct control_parts *p, const struct wish_part *part)
{
	const struct homing *h = p->config->homing;
	json_t *why = json_array();
	struct server_way way;

	if (part->state == WISH_REFUSED || part->domain < 0) {
		add_why(why, "refusal", "", part->section, part->reason);
		return why;
	}
	add_why(why, "domain", h->domains[part->domain].name, part->section, part->reason);
	if (part->server < 0)
		return why;
	add_server_why(why, h->servers[part->server]);
	dots_client_way(p->client, (uint32_t)part->server, &way);
	add_way(why, &way);
	return why;
}

json_t *
view_explained(const struct control_parts *p, const struct wish_part *parts, size_t n)
{
	json_t *list = view_parts(p->config, parts, n), *j;
	size_t i;

	json_array_foreach(list, i, j)
		json_object_set_new(j, "why", why_json(p, &parts[i]));
	return list;
}

static json_t *
acls_json(const struct acl_entry *list, size_t n)
{
	json_t *j = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(j, filter_json(list[i].acl_name, list[i].activation_type));
	return j;
}

static json_t *
wish_json(const struct control_parts *p, struct dots_client *c, const char *id)
{
	struct arena *a = arena_new();
	struct wish_view v;
	json_t *j = NULL;

	if (wishes_view(dots_client_wishes(c), id, loop_now(p->loop), a, &v)) {
		j = json_object();
		add_text(j, "id", v.id);
		add_text(j, "asker", v.asker);
		add_target(j, v.target);
		if (v.n_names)
			json_object_set_new(j, "names", names_json(v.names, v.n_names));
		if (v.n_acls)
			json_object_set_new(j, "acls", acls_json(v.acls, v.n_acls));
		add_time(j, "asked", v.asked);
		if (v.until)
			add_time(j, "until", v.until);
		add_bool(j, "on_loss", !v.trigger_mitigation);
		add_bool(j, "releasing", v.releasing);
		json_object_set_new(j, "parts", view_parts(p->config, v.parts, v.n_parts));
	}
	arena_free(a);
	return j;
}

json_t *
view_wish(const struct control_parts *p, const char *id)
{
	struct dots_client *c = dots_client_holding(p->client, id);

	return c ? wish_json(p, c, id) : NULL;
}

struct listing {
	const struct control_parts *parts;
	struct dots_client *client; /* whose wishes are listed just now */
	json_t *array;
	size_t max, all;
};

static void
add_wish(void *arg, const char *id)
{
	struct listing *l = arg;

	if (l->all++ < l->max)
		json_array_append_new(l->array, wish_json(l->parts, l->client, id));
}

static void
add_wishes(void *arg, struct dots_client *c)
{
	struct listing *l = arg;

	l->client = c;
	wishes_each(dots_client_wishes(c), add_wish, l);
}

json_t *
view_wishes(const struct control_parts *p, size_t max, size_t *ret_all)
{
	struct listing l = {.parts = p, .array = json_array(), .max = max};

	if (p->client)
		dots_client_each(p->client, add_wishes, &l);
	*ret_all = l.all;
	return l.array;
}

/* What is in force on a session (RFC 9132 4.5). */
static void
add_params(json_t *object, const char *set, uint32_t sid, const struct session_params *p)
{
	json_t *j = json_object();

	add_text(j, "set", set);
	if (sid)
		add_number(j, "sid", sid);
	json_object_set_new(j, "heartbeat_interval", json_real(p->heartbeat_ms / 1000.0));
	add_number(j, "missing_hb_allowed", p->missing_hb_allowed);
	add_number(j, "probing_rate", p->probing_rate);
	add_number(j, "max_retransmit", p->max_retransmit);
	json_object_set_new(j, "ack_timeout", json_real(p->ack_timeout / 100.0));
	json_object_set_new(j, "ack_random_factor", json_real(p->ack_random_factor / 100.0));
	json_object_set_new(object, "config", j);
}

static void
add_server(void *arg, const struct server_view *v)
{
	json_t *j = json_object();

	add_text(j, "domain", v->domain);
	add_text(j, "name", v->server);
	add_text(j, "state", v->state);
	add_text(j, "reason", v->reason);
	add_text(j, "interface", v->interface);
	add_text(j, "transport", v->transport);
	json_object_set_new(j, "local", endpoint_json(&v->local));
	json_object_set_new(j, "remote", endpoint_json(&v->remote));
	add_text(j, "credential", v->credential);
	add_text(j, "cuid", v->cuid);
	add_text(j, "behalf", v->behalf);
	add_text(j, "alternate", v->alternate);
	if (*v->alternate && v->alternate_s >= 0)
		add_number(j, "alternate_ttl", v->alternate_s);
	add_text(j, "learned", v->learned);
	if (v->expires)
		add_time(j, "expires", v->expires);
	add_bool(j, "resumed", v->resumed);
	if (v->set)
		add_params(j, v->set, v->sid, &v->params);
	if (v->heard_s >= 0)
		add_number(j, "heard", v->heard_s);
	if (v->next_attempt_s >= 0)
		add_number(j, "next_attempt", v->next_attempt_s);
	json_array_append_new(arg, j);
}

json_t *
view_servers(const struct control_parts *p)
{
	json_t *j = json_array();

	if (p->client)
		dots_client_servers(p->client, add_server, j);
	return j;
}

/* ---- domains --------------------------------------------------------------------------------- */

/* It has nothing but what is of another family. */
static bool
is_foreign(const struct domain *d, uint8_t family)
{
	for (size_t i = 0; i < d->n_prefixes; i++)
		if (of_family(&d->prefixes[i].addr, family))
			return false;
	for (size_t i = 0; i < d->n_protects; i++)
		if (of_family(&d->protects[i].addr, family))
			return false;
	return d->n_prefixes || d->n_protects;
}

static json_t *
domain_json(const struct domain *d, const json_t *servers, uint8_t family)
{
	json_t *j = json_object(), *interfaces = json_array(), *resolvers = json_array();
	json_t *own = json_array(), *server;
	size_t i;

	for (i = 0; i < d->n_interfaces; i++)
		json_array_append_new(interfaces, json_string(d->interfaces[i]));
	for (i = 0; i < d->n_resolvers; i++)
		if (of_family(&d->resolvers[i].addr, family))
			json_array_append_new(resolvers, endpoint_json(&d->resolvers[i]));
	json_array_foreach(servers, i, server)
		if (!strcmp(json_string_value(json_object_get(server, "domain")), d->name))
			json_array_append(own, server);
	add_text(j, "name", d->name);
	add_bool(j, "gateway", d->gateway);
	json_object_set_new(j, "interfaces", interfaces);
	json_object_set_new(j, "prefixes", prefixes_of(d->prefixes, d->n_prefixes, family));
	json_object_set_new(j, "protects", prefixes_of(d->protects, d->n_protects, family));
	json_object_set_new(j, "resolvers", resolvers);
	json_object_set_new(j, "servers", own);
	return j;
}

struct learning {
	json_t *list;
	uint8_t family;
};

/* Its own address is of that family, or it has none. */
static bool
is_of(const struct fact *f, uint8_t family)
{
	if (f->kind == FACT_PREFIX)
		return of_family(&f->prefix.addr, family);
	if (f->kind == FACT_RESOLVER)
		return of_family(&f->resolver.addr, family);
	for (size_t i = 0; i < f->n_addrs; i++)
		if (of_family(&f->addrs[i], family))
			return true;
	return !f->n_addrs;
}

static void
add_fact(void *arg, const struct fact *f)
{
	const struct learning *l = arg;
	char value[FACT_TEXT_MAX];
	json_t *j;

	if (!is_of(f, l->family))
		return;
	j = json_object();
	add_text(j, "domain", f->domain);
	add_text(j, "kind", fact_kind_name(f->kind));
	add_text(j, "value", fact_format(f, value));
	add_text(j, "source", fact_source_name(f->source));
	if (f->kind == FACT_SERVER || f->kind == FACT_GATEWAY || f->kind == FACT_DATA) {
		add_number(j, "port", f->port);
		add_text(j, "transport", fact_transport_name(f->transport));
		add_number(j, "priority", f->priority);
	}
	if (*f->interface)
		add_text(j, "interface", f->interface);
	if (f->expires)
		add_time(j, "expires", f->expires);
	json_array_append_new(l->list, j);
}

json_t *
view_learned(const struct control_parts *p, uint8_t family)
{
	struct learning l = {json_array(), family};

	if (p->learned)
		learned_each(p->learned, add_fact, &l);
	return l.list;
}

json_t *
view_domains(const struct control_parts *p, uint8_t family)
{
	const struct homing *h = p->config->homing;
	json_t *j = json_array(), *servers = view_servers(p);

	for (size_t i = 0; i < h->n_domains; i++)
		if (!is_foreign(&h->domains[i], family))
			json_array_append_new(j, domain_json(&h->domains[i], servers, family));
	json_decref(servers);
	return j;
}

/* ---- our clients ----------------------------------------------------------------------------- */

static void
add_peer(void *arg, const struct peer_view *v)
{
	json_t *j = json_object();

	add_text(j, "client", v->client);
	add_text(j, "credential", v->credential);
	add_text(j, "ca", v->ca);
	add_text(j, "state", v->state);
	json_object_set_new(j, "local", endpoint_json(&v->local));
	json_object_set_new(j, "remote", endpoint_json(&v->remote));
	add_text(j, "interface", v->interface);
	add_text(j, "transport", v->transport);
	add_bool(j, "resumed", v->resumed);
	add_number(j, "heard", v->heard_s);
	add_params(j, v->set, v->sid, &v->params);
	json_array_append_new(arg, j);
}

json_t *
view_peers(const struct control_parts *p)
{
	json_t *j = json_array();

	if (p->server)
		server_sessions(p->server, add_peer, j);
	return j;
}

static void
add_conflict_of(json_t *object, const struct mitigation *m)
{
	struct scope s = {0};
	struct conflict c;

	mitigation_conflict(m, &s);
	c = conflict_of(&s);
	add_conflict(object, &c);
}

static json_t *
aliases_json(const struct target *t)
{
	json_t *list = json_array();
	char text[TEXT_MAX];

	for (size_t i = 0; i < t->n_alias_name; i++)
		json_array_append_new(list, json_string(event_escape(text, sizeof(text),
						    t->alias_name[i], strlen(t->alias_name[i]))));
	return list;
}

json_t *
view_mitigation(const struct book *b, struct mitigation *m, mono_ms now)
{
	struct target target = m->cover.fixed;
	json_t *j = json_object();

	book_review(b, m);
	add_number(j, "id", (int64_t)m->id);
	add_text(j, "client", m->client);
	add_text(j, "cuid", m->cuid);
	add_number(j, "mid", m->mid);
	target.target_prefix = m->cover.prefixes;
	target.n_target_prefix = m->cover.n_prefixes;
	add_target(j, &target);
	if (m->cover.n_names)
		json_object_set_new(j, "names", names_json(m->cover.names, m->cover.n_names));
	if (m->scope.target.n_alias_name)
		json_object_set_new(j, "aliases", aliases_json(&m->scope.target));
	add_text(j, "status", dots_status_name((int)m->status));
	add_bool(j, "on_loss", m->peer != NULL);
	add_bool(j, "active", m->filtering);
	add_number(j, "lifetime", mitigation_remaining(m, now));
	add_time(j, "started", m->started);
	add_text(j, "action", filter_action_name(&m->action));
	add_number(j, "dropped_packets", (int64_t)m->packets);
	add_number(j, "dropped_bytes", (int64_t)m->bytes);
	add_number(j, "observed_packets", (int64_t)m->observed.packets);
	add_number(j, "observed_bytes", (int64_t)m->observed.bytes);
	add_number(j, "pps", (int64_t)m->pps);
	add_number(j, "bps", (int64_t)m->bps);
	add_bool(j, "escalated", m->escalated);
	add_conflict_of(j, m);
	add_bool(j, "volatile", m->volatile_);
	return j;
}

static bool
add_mitigation(void *arg, struct mitigation *m)
{
	struct listing *l = arg;

	json_array_append_new(l->array,
		view_mitigation(server_book(l->parts->server), m, loop_now(l->parts->loop)));
	return ++l->all < l->max;
}

json_t *
view_mitigations(const struct control_parts *p, size_t max, size_t *ret_all)
{
	struct listing l = {.parts = p, .array = json_array(), .max = max};

	if (p->server)
		book_all(server_book(p->server), add_mitigation, &l);
	*ret_all = p->server ? book_count(server_book(p->server)) : 0;
	return l.array;
}

/* ---- what each of them has --------------------------------------------------------------------
 */

static void
add_use(json_t *object, const char *member, size_t has, uint32_t may)
{
	json_object_set_new(object, member,
		json_pack("{sI sI}", "has", (json_int_t)has, "may", (json_int_t)may));
}

static json_t *
client_json(const struct client_view *v)
{
	const struct client_limits *limits = &v->client->limits;
	json_t *j = json_object();

	add_text(j, "name", v->client->name);
	add_text(j, "state", v->suspended ? "suspended" : "served");
	if (v->suspended) {
		add_time(j, "since", v->since);
		add_text(j, "reason", v->reason);
	}
	add_text(j, "action", filter_action_name(&v->client->action));
	add_use(j, "sessions", v->sessions, limits->sessions);
	add_use(j, "mitigations", v->share.mitigations, limits->mitigations);
	add_use(j, "targets", v->share.targets, limits->targets_total);
	add_use(j, "observers", v->observers, limits->observers);
	if (v->heard_s >= 0)
		add_number(j, "heard", v->heard_s);
	add_number(j, "refused", (int64_t)v->refused);
	if (v->refusal)
		add_text(j, "refusal", v->refusal);
	return j;
}

/* Copies of views, whose texts stay where they are until the loop runs. */
struct views {
	struct client_view *list;
	size_t n, cap;
};

static void
note_client(void *arg, const struct client_view *v)
{
	struct views *views = arg;

	if (views->n == views->cap) {
		views->cap = views->cap ? 2 * views->cap : 16;
		views->list = mem_grow(views->list, views->cap, sizeof(*views->list));
	}
	views->list[views->n++] = *v;
}

static int
compare_sizes(size_t a, size_t b)
{
	return (a < b) - (a > b);
}

/* What the operator has something to do with comes first. */
static int
compare_clients(const void *a, const void *b)
{
	const struct client_view *x = a, *y = b;
	const int by[] = {compare_sizes(x->suspended, y->suspended),
		compare_sizes(x->share.mitigations, y->share.mitigations),
		compare_sizes(x->sessions, y->sessions), compare_sizes(x->refused, y->refused)};

	for (size_t i = 0; i < sizeof(by) / sizeof(by[0]); i++)
		if (by[i])
			return by[i];
	return strcmp(x->client->name, y->client->name);
}

json_t *
view_clients(const struct control_parts *p, const char *name, size_t max, size_t *ret_all)
{
	struct views views = {0};
	struct client_view one;
	json_t *j = json_array();

	if (!name)
		server_clients(p->server, note_client, &views);
	else if (server_client(p->server, name, &one))
		note_client(&views, &one);
	if (views.n)
		qsort(views.list, views.n, sizeof(*views.list), compare_clients);
	for (size_t i = 0; i < views.n && i < max; i++)
		json_array_append_new(j, client_json(&views.list[i]));
	*ret_all = views.n;
	free(views.list);
	return j;
}

/* ---- what is on record at providers ---------------------------------------------------------- */

struct records {
	json_t *list;
	enum share_kind kind;
	const char *name; /* NULL: all */
	size_t n, max;
};

static void
add_record(void *arg, const struct data_record_view *v)
{
	struct records *r = arg;
	json_t *j;

	if (v->kind != r->kind || (r->name && strcmp(r->name, v->name) != 0) || r->n++ >= r->max)
		return;
	j = json_object();
	add_text(j, "name", v->name);
	add_text(j, "domain", v->domain);
	add_text(j, "server", v->server);
	add_text(j, "state", v->state);
	add_text(j, "reason", v->reason);
	add_text(j, "for", v->asker);
	add_text(j, "as", v->as);
	json_array_append_new(r->list, j);
}

json_t *
view_records(const struct control_parts *p, enum share_kind kind, size_t max, size_t *ret_all)
{
	struct records r = {.list = json_array(), .kind = kind, .max = max};

	data_upstream_each(p->records, add_record, &r);
	*ret_all = r.n;
	return r.list;
}

json_t *
view_record(const struct control_parts *p, enum share_kind kind, const char *name)
{
	struct records r = {.list = json_array(), .kind = kind, .name = name, .max = SIZE_MAX};

	data_upstream_each(p->records, add_record, &r);
	return r.list;
}

json_t *
view_shares(const struct homing *h, const struct share_wish *w, const struct shares *shares)
{
	struct records r = {.list = json_array(), .kind = w->kind, .max = SIZE_MAX};

	for (size_t i = 0; i < shares->n; i++) {
		const struct share *s = &shares->list[i];
		const struct domain *d = s->domain < 0 ? NULL : &h->domains[s->domain];
		char *reason = s->entry ? NULL : mem_printf("%s: %s", s->section, s->reason);

		add_record(&r, &(struct data_record_view){.kind = w->kind,
				       .name = share_name(w),
				       .domain = d ? d->name : "",
				       .server = d && s->entry ? d->data.name : "",
				       .state = s->entry ? "planned" : "refused",
				       .reason = reason});
		free(reason);
	}
	return r.list;
}

/* ---- the whole ------------------------------------------------------------------------------- */

static bool
associated(const json_t *server)
{
	const char *state = json_string_value(json_object_get(server, "state"));

	return !strcmp(state, "available") || !strcmp(state, "silent");
}

static void
add_expired(void *arg, const char *domain, const struct crl_view *list)
{
	char issuer[TEXT_MAX];

	if (list->expires > loop_wall() / 1000)
		return;
	event_escape(issuer, sizeof(issuer), list->issuer, strlen(list->issuer));
	json_array_append_new(
		arg, json_sprintf("the list of certificates revoked by %s%s%s has expired", issuer,
			     domain ? ", for " : "", domain ? domain : ""));
}

/* What the operator should look at, in words. */
static json_t *
alerts_json(const struct config *c, json_t *servers, bool is_volatile, size_t suspended)
{
	json_t *alerts = json_array(), *s;
	size_t i;

	json_array_foreach(servers, i, s) {
		const char *state = json_string_value(json_object_get(s, "state"));
		const char *reason = json_string_value(json_object_get(s, "reason"));
		const char *behalf = json_string_value(json_object_get(s, "behalf"));

		if (strcmp(state, "available") != 0)
			json_array_append_new(
				alerts, json_sprintf("%s of %s%s%s is %s%s%s",
						json_string_value(json_object_get(s, "name")),
						json_string_value(json_object_get(s, "domain")),
						*behalf ? " for " : "", behalf, state,
						*reason ? ": " : "", reason));
	}
	expiry_each(c, add_expired, alerts);
	if (suspended)
		json_array_append_new(
			alerts, json_sprintf("clients that are suspended: %zu, see dotsctl clients",
					suspended));
	if (is_volatile)
		json_array_append_new(alerts,
			json_string(
				"the store fails: what is accepted now would not survive a crash"));
	return alerts;
}

static void
add_roles(json_t *j, const struct control_parts *p)
{
	json_t *roles = json_array();

	if (p->client)
		json_array_append_new(roles, json_string("client"));
	if (p->server)
		json_array_append_new(roles, json_string(p->client ? "gateway" : "server"));
	json_object_set_new(j, "roles", roles);
}

/* Nothing unless it drains. */
static void
add_drain(json_t *j, const struct dots_server *s)
{
	size_t deferred;
	const struct drain *d = server_draining(s, &deferred);
	json_t *drain;

	if (!d)
		return;
	drain = json_object();
	add_text(drain, "state", d->force ? "force" : "on");
	add_text(drain, "to", d->to ? d->to : "");
	add_number(drain, "ttl", d->ttl);
	add_number(drain, "deferred", (int64_t)deferred);
	json_object_set_new(j, "drain", drain);
}

json_t *
view_status(const struct control_parts *p, mono_ms started)
{
	json_t *j = json_object(), *store = json_object(), *servers = view_servers(p), *s;
	json_t *peers = view_peers(p);
	bool is_volatile = store_is_volatile(p->store);
	size_t sessions = json_array_size(peers), i;

	json_array_foreach(servers, i, s)
		sessions += associated(s);
	add_text(j, "version", DOTSD_VERSION);
	add_text(j, "instance", p->config->instance);
	add_roles(j, p);
	add_number(j, "uptime", (loop_now(p->loop) - started) / 1000);
	add_text(store, "state", is_volatile ? "volatile" : "durable");
	add_number(store, "backlog", (int64_t)store_backlog(p->store));
	json_object_set_new(j, "store", store);
	add_number(j, "wishes", p->client ? (int64_t)dots_client_wish_count(p->client) : 0);
	add_number(j, "mitigations", p->server ? (int64_t)book_count(server_book(p->server)) : 0);
	add_number(j, "sessions", (int64_t)sessions);
	add_number(j, "handshakes", p->server ? (int64_t)server_handshakes(p->server) : 0);
	if (p->server)
		add_drain(j, p->server);
	json_object_set_new(j, "alerts",
		alerts_json(p->config, servers, is_volatile,
			p->server ? server_suspended(p->server) : 0));
	json_decref(servers);
	json_decref(peers);
	return j;
}
