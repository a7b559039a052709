#include "role/body.h"

#include <stdlib.h>

#include "base/event.h"
#include "base/mem.h"
#include "homing/disclosure.h"

enum { BODY_MAX = 16384 };

struct letter {
	const struct homing *homing;
	const struct domain *domain;
	const struct domain_server *server;
	const char *behalf;
	const struct wish_action *action;
};

/* Of ranges with the same lower-port, the key of that list (RFC 9132 5.1), the widest. */
static void
join_ports(struct target *t)
{
	size_t n = 0;

	for (size_t i = 0; i < t->n_target_port_range; i++) {
		struct port_range *r = &t->target_port_range[i];
		size_t k = 0;

		while (k < n && t->target_port_range[k].lower_port != r->lower_port)
			k++;
		if (k == n)
			t->target_port_range[n++] = *r;
		else if (port_range_last(r) > port_range_last(&t->target_port_range[k]))
			t->target_port_range[k] = *r;
	}
	t->n_target_port_range = n;
}

static void
list_names(struct buf *out, char *const *names, size_t n)
{
	for (size_t i = 0; i < n; i++)
		buf_printf(out, "%s%s", out->len ? "," : "", names[i]);
}

/* What a provider gets to know, and why it may (RFC 9284 6). A refresh tells nothing new. */
static void
raise_shared(const struct letter *l, const struct disclosure *d)
{
	char *by;
	struct buf names;

	if (l->action->refresh)
		return;
	buf_init(&names, 2048);
	list_names(&names, d->target.target_fqdn, d->target.n_target_fqdn);
	list_names(&names, d->target.target_uri, d->target.n_target_uri);
	by = disclosure_consent_text(d->consent);
	event_raise(EVENT_SHARED, EVENT_F("domain", l->domain->name),
		EVENT_F("server", l->server->name), EVENT_F("behalf", l->behalf),
		EVENT_N("mid", l->action->mid), EVENT_N("targets", d->prefixes),
		EVENT_N("names", d->names), EVENT_F("told", d->names ? buf_text(&names) : NULL),
		EVENT_F("consent", by), EVENT_F("section", "RFC 9284 6"));
	buf_finish(&names);
	free(by);
}

/* The planning has asked the gate already: what it holds back now is a mistake of ours. */
static void
raise_withheld(const struct letter *l, const struct disclosure *d)
{
	if (d->withheld_prefixes || d->withheld_names)
		event_raise(EVENT_ALERT,
			EVENT_F("reason", "part of a request is not that provider's and was held "
					  "back"),
			EVENT_F("domain", l->domain->name), EVENT_F("server", l->server->name),
			EVENT_F("section", "RFC 9284 6"));
}

/* The one way by which targets and names leave for a server (M9). False: nothing may. */
static bool
pass_gate(const struct letter *l, struct arena *arena, struct scope *scope)
{
	struct disclosure d;

	disclosure_gate(l->homing, l->action->server, &l->action->scope.target, l->action->names,
		l->action->n_names, arena, &d);
	raise_withheld(l, &d);
	scope->target = d.target;
	if (d.target.n_target_fqdn)
		SCOPE_SET(scope, TARGET_FQDN);
	if (d.target.n_target_uri)
		SCOPE_SET(scope, TARGET_URI);
	if (!d.prefixes)
		return false;
	raise_shared(l, &d);
	return true;
}

static void
encode(struct scope *scope, uint8_t **ret, size_t *ret_len)
{
	struct signal_msg msg = {.has = 1ULL << SIGNAL_MITIGATION_SCOPE};
	struct buf out;

	msg.mitigation_scope.has = 1ULL << MITIGATION_SCOPE_SCOPE;
	msg.mitigation_scope.scope = scope;
	msg.mitigation_scope.n_scope = 1;
	buf_init(&out, BODY_MAX);
	if (signal_encode(&msg, &out) == 0) {
		*ret = mem_copy(out.bytes, out.len);
		*ret_len = out.len;
	}
	buf_finish(&out);
}

bool
body_make(const struct homing *h, const char *behalf, const struct wish_action *a, uint8_t **ret,
	size_t *ret_len)
{
	const struct domain_server *s = h->servers[a->server];
	const struct letter l = {h, &h->domains[s->domain], s, behalf, a};
	struct arena *arena = arena_new();
	struct scope scope = a->scope;
	bool any = pass_gate(&l, arena, &scope);

	if (any) {
		scope.target.target_port_range = mem_copy(a->scope.target.target_port_range,
			a->scope.target.n_target_port_range * sizeof(struct port_range));
		join_ports(&scope.target);
		encode(&scope, ret, ret_len);
		free(scope.target.target_port_range);
	}
	arena_free(arena);
	return any;
}
