/*
 * The client-domain gateway: each downstream request becomes one wish of our own client, whose
 * state answers it (rules M12, M13; RFC 9284 5.2). Upstream names never reach a downstream client.
 */
#include "role/gateway.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/map.h"
#include "base/mem.h"
#include "homing/merge.h"
#include "homing/nat.h"
#include "homing/plan.h"
#include "homing/target.h"

enum {
	FULL_RETRY_S = 60,
	WITHDRAWAL_RETRY_S = 10, /* it may take as long as upstream says nothing */
	TIDY_MS = 1000,
	STRAYS_MS = 600000, /* a client that hears nothing has found out by then (RFC 9132 4.5.2) */
};

/* Owed to the server until it is given, or withdrawn. */
struct decision {
	void (*decide)(void *arg, const struct verdict *v, int64_t lifetime);
	void *arg;
	bool made; /* it stands already: upstream is not waited for */
	bool refresh;
	bool kept; /* asked upstream before: by a life that ended before it was on record here */
	struct verdict verdict;
};

struct gateway {
	struct escalation escalation; /* first: the server knows this part only */
	struct loop *loop;
	struct dots_client *client;
	struct gateway_setup setup;
	struct map *waiting; /* wish id -> struct decision */
	struct timer *later; /* decisions are given from the loop, never from inside admit */
	char **due;          /* wish ids to be looked at then */
	size_t n_due, cap_due;
	char **strays; /* wish ids */
	size_t n_strays, cap_strays;
	struct timer *strayed;
	struct timer *tidy; /* deputies whose client is gone leave with their last wish */
	void (*status)(void *arg, const char *key, const struct escalation_status *s);
	void *status_arg;
};

/* Wishes of downstream requests have their asker as id; that tells them from the operator's. */
static char *
wish_id(const char *key)
{
	return mem_printf(WISH_ASKER_CLIENT "%s", key);
}

/* The client of ours that the id names: it ends with "/<cuid>/<mid>". */
static char *
client_of(const char *id)
{
	char *name = mem_text(id + strlen(WISH_ASKER_CLIENT)), *slash;

	for (int i = 0; i < 2 && (slash = strrchr(name, '/')); i++)
		*slash = '\0';
	return name;
}

/* Who has asked for it upstream: we, or the deputy of the client it is for; NULL: nobody. */
static struct dots_client *
holder(const struct gateway *g, const char *id)
{
	char *name = client_of(id);
	struct dots_client *deputy = dots_client_deputy(g->client, name, false);

	free(name);
	if (wishes_has(dots_client_wishes(g->client), id))
		return g->client;
	return deputy && wishes_has(dots_client_wishes(deputy), id) ? deputy : NULL;
}

/* Who is to ask for it. */
static struct dots_client *
asker_of(const struct gateway *g, const char *id)
{
	struct dots_client *c = holder(g, id);
	char *name;

	if (c || !g->setup.separate)
		return c ? c : g->client;
	name = client_of(id);
	c = dots_client_deputy(g->client, name, true);
	free(name);
	return c;
}

static void
release(struct gateway *g, const char *id)
{
	struct dots_client *c = holder(g, id);

	if (!c)
		return;
	wishes_release(dots_client_wishes(c), id, loop_now(g->loop), loop_wall());
	dots_client_run_later(c);
}

/* ---- what a crash left behind -----------------------------------------------------------------
 */

static void
stray_drop(struct gateway *g, size_t i)
{
	free(g->strays[i]);
	g->strays[i] = g->strays[--g->n_strays];
}

static bool
is_older(const char *stray, const char *id)
{
	size_t len = (size_t)(strrchr(id, '/') - id) + 1;

	return !strncmp(stray, id, len) &&
	       strtoul(stray + len, NULL, 10) < strtoul(id + len, NULL, 10);
}

static bool
meet(const struct gateway *g, const char *a, const char *b)
{
	struct dots_client *ca = holder(g, a), *cb = holder(g, b);
	struct arena *arena = arena_new();
	struct wish_view va, vb;
	mono_ms now = loop_now(g->loop);
	bool r = ca && cb && wishes_view(dots_client_wishes(ca), a, now, arena, &va) &&
		 wishes_view(dots_client_wishes(cb), b, now, arena, &vb) &&
		 target_overlaps(va.target, vb.target);

	arena_free(arena);
	return r;
}

/* As if the older ones were on record (RFC 9132 4.4.1.3). */
static void
overtake(struct gateway *g, const char *id)
{
	for (size_t i = g->n_strays; i-- > 0;)
		if (is_older(g->strays[i], id) && meet(g, g->strays[i], id)) {
			release(g, g->strays[i]);
			stray_drop(g, i);
		}
}

/* Its client asks for it again, or has withdrawn it. */
static void
claim(struct gateway *g, const char *id)
{
	for (size_t i = g->n_strays; i-- > 0;)
		if (!strcmp(g->strays[i], id))
			stray_drop(g, i);
}

static void
release_strays(void *arg)
{
	struct gateway *g = arg;

	while (g->n_strays) {
		release(g, g->strays[g->n_strays - 1]);
		stray_drop(g, g->n_strays - 1);
	}
}

struct search {
	struct gateway *gateway;
	bool (*stands)(void *arg, const char *key);
	void *arg;
};

static void
see_wish(void *arg, const char *id)
{
	const struct search *s = arg;
	struct gateway *g = s->gateway;
	size_t len = strlen(WISH_ASKER_CLIENT);

	if (strncmp(id, WISH_ASKER_CLIENT, len) != 0 || s->stands(s->arg, id + len))
		return;
	if (g->n_strays == g->cap_strays) {
		g->cap_strays = g->cap_strays ? 2 * g->cap_strays : 8;
		g->strays = mem_grow(g->strays, g->cap_strays, sizeof(*g->strays));
	}
	g->strays[g->n_strays++] = mem_text(id);
}

static void
see_client(void *arg, struct dots_client *c)
{
	wishes_each(dots_client_wishes(c), see_wish, arg);
}

/* Asked for upstream, but our life ended before it was on record here. Its client was not told that
 * it is granted, or not for good. */
static void
restored(struct escalation *e, bool (*stands)(void *arg, const char *key), void *arg)
{
	struct search s = {(struct gateway *)e, stands, arg};

	dots_client_each(s.gateway->client, see_client, &s);
	timer_after(s.gateway->strayed, STRAYS_MS);
}

/* ---- answers ----------------------------------------------------------------------------------
 */

static void
decide(struct gateway *g, const char *id, const struct verdict *v, int64_t lifetime)
{
	struct decision *d = map_remove(g->waiting, id, strlen(id));

	if (!d)
		return;
	if (verdict_ok(v))
		overtake(g, id);
	d->decide(d->arg, v, lifetime);
	free(d);
}

/* What may be in force upstream is not ended because upstream cannot be reached just now. */
static bool
outlasts(const struct decision *d, const struct verdict *v)
{
	return d->kept && v->code == COAP_503_SERVICE_UNAVAILABLE;
}

/* False: no such wish, or not any more. */
static bool
look(const struct gateway *g, const char *id, struct merged *ret)
{
	struct dots_client *c = holder(g, id);
	struct arena *a = arena_new();
	struct wish_view view;
	bool there = c && wishes_view(dots_client_wishes(c), id, loop_now(g->loop), a, &view) &&
		     !view.releasing;

	if (there)
		merge_parts(view.parts, view.n_parts, ret);
	arena_free(a);
	return there;
}

/* The wish changed: an answer for a request that waits, a status for one that was granted. */
static void
on_change(void *arg, const char *id)
{
	struct gateway *g = arg;
	const struct decision *d = map_get(g->waiting, id, strlen(id));
	struct merged m;
	bool loops;

	if (strncmp(id, WISH_ASKER_CLIENT, strlen(WISH_ASKER_CLIENT)) != 0 || !look(g, id, &m))
		return;
	loops = m.answer && m.verdict.code == COAP_508_HOP_LIMIT_REACHED;
	if (d && !d->made && m.answer) {
		struct verdict v = d->refresh && !loops ? d->verdict : m.verdict;

		if (!verdict_ok(&v) && !outlasts(d, &v))
			release(g, id); /* refused by all: nothing is kept */
		decide(g, id, &v, m.lifetime);
	}
	if (g->status)
		g->status(g->status_arg, id + strlen(WISH_ASKER_CLIENT),
			&(struct escalation_status){.status = m.status,
				.loops = loops,
				.conflict = m.conflict,
				.counted = m.counted,
				.packets = m.pkts_dropped,
				.bytes = m.bytes_dropped});
}

/* What stands already is renewed on the terms that upstream last told. */
static void
decide_made(struct gateway *g, const char *id, const struct decision *d)
{
	struct verdict v = d->verdict;
	struct merged m = {0};

	if (look(g, id, &m) && verdict_ok(&v))
		v.conflict = m.conflict;
	decide(g, id, &v, m.lifetime);
}

/* Whoever waits for this wish gets its answer on the next turn. */
static void
owe(struct gateway *g, const char *id)
{
	if (g->n_due == g->cap_due) {
		g->cap_due = g->cap_due ? 2 * g->cap_due : 8;
		g->due = mem_grow(g->due, g->cap_due, sizeof(*g->due));
	}
	g->due[g->n_due++] = mem_text(id);
	timer_after(g->later, 0);
}

static void
later(void *arg)
{
	struct gateway *g = arg;
	char **ids = g->due;
	size_t n = g->n_due;

	g->due = NULL;
	g->n_due = g->cap_due = 0;
	for (size_t i = 0; i < n; i++) {
		const struct decision *d = map_get(g->waiting, ids[i], strlen(ids[i]));

		if (d && d->made)
			decide_made(g, ids[i], d);
		else
			on_change(g, ids[i]);
		free(ids[i]);
	}
	free(ids);
}

/* ---- the server's questions ------------------------------------------------------------------ */

/* What it asks for, names and aliases left to what they stand for. */
static struct target
fixed_of(const struct escalation_request *er)
{
	const struct target *t = er->cover ? &er->cover->fixed : &er->scope->target;

	return (struct target){.target_prefix = t->target_prefix,
		.n_target_prefix = t->n_target_prefix,
		.target_port_range = t->target_port_range,
		.n_target_port_range = t->n_target_port_range,
		.target_protocol = t->target_protocol,
		.n_target_protocol = t->n_target_protocol};
}

/* Names with those of their addresses that are covered: what the client may ask for. */
static struct name *
names_of(const struct cover *cv, struct arena *a)
{
	struct name *names = name_copy(cv->names, cv->n_names, a);

	for (size_t i = 0; i < cv->n_names; i++) {
		struct name *n = &names[i];
		size_t kept = 0;

		for (size_t k = 0; k < n->n_addresses; k++)
			if (cover_has(cv, &n->addresses[k]))
				n->addresses[kept++] = n->addresses[k];
		n->whole = n->whole && kept == n->n_addresses;
		n->n_addresses = kept;
	}
	return names;
}

/* Every target has to be owned by one of our domains (M12), or the foreign ones are trimmed; those
 * of a name that has moved are. */
static bool
all_owned(const struct gateway *g, const struct escalation_request *er, struct verdict *v)
{
	struct arena *a = arena_new();
	struct target all = fixed_of(er), outside;
	struct prefix foreign;
	char text[PREFIX_TEXT_MAX];
	bool owned;

	if (er->cover) {
		all.target_prefix = er->cover->prefixes;
		all.n_target_prefix = er->cover->n_prefixes;
	}
	outside = nat_outside(g->setup.homing, &all, a);
	owned = g->setup.trim || (er->refresh && er->cover) ||
		plan_owns_all(g->setup.homing, &outside, &foreign);
	arena_free(a);
	if (owned)
		return true;
	*v = verdict_of(COAP_400_BAD_REQUEST,
		"RFC 9284 5.3: target-prefix %s belongs to no provider of this network",
		prefix_format(&foreign, text));
	return false;
}

static struct verdict
refusal_of(int error, const char *why)
{
	struct verdict v;

	if (error == -ENXIO)
		return verdict_of(COAP_404_NOT_FOUND,
			"RFC 9133 3.2.1: acl-list: no provider of this network has that ACL");
	if (error == -EPERM)
		return verdict_of(COAP_400_BAD_REQUEST,
			"RFC 9284 5.1: no provider of this network owns the target");
	if (error != -ENOSPC && error != -EBUSY)
		return verdict_of(COAP_400_BAD_REQUEST, "RFC 9132 4.4.1.3: %s", why);
	v = verdict_of(COAP_503_SERVICE_UNAVAILABLE, "RFC 9132 4.4.1.3: %s",
		error == -EBUSY ? "the request of before under that mid is being withdrawn"
				: "as many requests as this gateway takes");
	v.max_age = error == -EBUSY ? WITHDRAWAL_RETRY_S : FULL_RETRY_S;
	return v;
}

/* RFC 9132 4.4.1.2: of its requests, the server is told whose they are. */
static void
call(const struct gateway *g, struct dots_client *c, const char *cdid)
{
	if (*dots_client_name(c))
		dots_client_call(c, g->setup.server_domain ? cdid : "");
}

/* Asks, or renews what was asked; true: the answer is known at once. alone: nobody else acts on its
 * filters, so each has to be on record upstream. */
static bool
ask_upstream(struct gateway *g, const char *id, const struct escalation_request *er, bool alone,
	struct verdict *v)
{
	const struct scope *scope = er->scope;
	struct target fixed = fixed_of(er);
	struct arena *a = arena_new();
	char made[WISH_ID_MAX], why[WISH_WHY_MAX] = "";
	struct wish_request r = {.id = id,
		.asker = id,
		.target = &fixed,
		.led = true,
		.trigger_mitigation = scope->trigger_mitigation,
		.duration = scope->lifetime > 0 ? scope->lifetime : 0,
		.share = er->share,
		.hop_limit = er->hop_limit,
		.acls = scope->acl_list,
		.n_acls = alone || scope->n_acl_list < CONTROLS_MAX ? scope->n_acl_list
								    : CONTROLS_MAX,
		.acls_known = alone};
	struct dots_client *c;
	struct merged m;
	int error;

	if (!all_owned(g, er, v)) {
		arena_free(a);
		return true;
	}
	if (er->cover) {
		r.names = names_of(er->cover, a);
		r.n_names = er->cover->n_names;
	}
	c = asker_of(g, id);
	call(g, c, er->cdid);
	error = wishes_ask(
		dots_client_wishes(c), &r, loop_now(g->loop), loop_wall(), made, why, sizeof(why));
	arena_free(a);
	dots_client_run_later(c);
	if (error)
		*v = refusal_of(error, why);
	else if (er->refresh) /* upstream is refreshed by the wish itself */
		*v = verdict_of(COAP_204_CHANGED, "%s", "");
	/* Unless it has come round: then it was asked for again, with the hops that are left. */
	return error || (er->refresh && !(look(g, id, &m) && !m.answer));
}

static void
admit(struct escalation *e, const struct escalation_request *r,
	void (*decided)(void *arg, const struct verdict *v, int64_t lifetime), void *arg)
{
	struct gateway *g = (struct gateway *)e;
	char *id = wish_id(r->key);
	struct decision *before = map_get(g->waiting, id, strlen(id));
	struct decision *d = mem_new(sizeof(*d));

	d->decide = decided;
	d->arg = arg;
	d->refresh = r->refresh;
	d->kept = before ? before->kept : holder(g, id) != NULL;
	claim(g, id);
	d->made = ask_upstream(g, id, r, true, &d->verdict);
	free(map_set(g->waiting, id, strlen(id), d));
	owe(g, id);
	free(id);
}

static bool
has_domain(const struct wish_view *v, size_t domain)
{
	for (size_t i = 0; i < v->n_parts; i++)
		if (v->parts[i].domain == (int)domain)
			return true;
	return false;
}

/* Of all that its parts go to, separated by commas; what does not fit is left out. */
static void
name_domains(const struct gateway *g, const char *id, char *ret, size_t cap)
{
	const struct homing *h = g->setup.homing;
	struct dots_client *c = holder(g, id);
	struct arena *a = arena_new();
	struct wish_view view = {0};
	size_t len = 0;

	if (c)
		wishes_view(dots_client_wishes(c), id, loop_now(g->loop), a, &view);
	for (size_t d = 0; d < h->n_domains && len < cap; d++)
		if (has_domain(&view, d))
			len += (size_t)snprintf(
				ret + len, cap - len, "%s%s", len ? "," : "", h->domains[d].name);
	arena_free(a);
}

static void
ask(struct escalation *e, const struct escalation_request *r, struct escalation_asked *ret)
{
	struct gateway *g = (struct gateway *)e;
	char *id = wish_id(r->key);
	bool again = !r->refresh && holder(g, id);

	claim(g, id);
	ret->verdict = verdict_of(COAP_201_CREATED, "%s", "");
	ask_upstream(g, id, r, false, &ret->verdict);
	if (again && verdict_ok(&ret->verdict))
		wishes_refresh(
			dots_client_wishes(holder(g, id)), id, loop_now(g->loop), loop_wall());
	name_domains(g, id, ret->upstream, sizeof(ret->upstream));
	owe(g, id);
	free(id);
}

static void
withdraw(struct escalation *e, const char *key)
{
	struct gateway *g = (struct gateway *)e;
	char *id = wish_id(key);

	free(map_remove(g->waiting, id, strlen(id)));
	claim(g, id);
	release(g, id);
	free(id);
}

static void
on_status(struct escalation *e,
	void (*status)(void *arg, const char *key, const struct escalation_status *s), void *arg)
{
	struct gateway *g = (struct gateway *)e;

	g->status = status;
	g->status_arg = arg;
}

static const struct escalation_ops escalation_ops = {
	.admit = admit,
	.ask = ask,
	.withdraw = withdraw,
	.restored = restored,
	.on_status = on_status,
};

/* ---- life ------------------------------------------------------------------------------------ */

static bool
is_needed(const struct gateway *g, const char *name)
{
	const struct client *c = clients_named(g->setup.clients, name);

	return g->setup.separate && c && !c->local;
}

struct leaving {
	struct gateway *gateway;
	bool any;
};

static void
see_deputy(void *arg, struct dots_client *c)
{
	struct leaving *l = arg;
	const char *name = dots_client_name(c);

	if (*name && !is_needed(l->gateway, name) && !dots_client_dismiss(l->gateway->client, name))
		l->any = true;
}

static void
tidy(void *arg)
{
	struct leaving l = {.gateway = arg};

	dots_client_each(l.gateway->client, see_deputy, &l);
	if (l.any)
		timer_after(l.gateway->tidy, TIDY_MS);
}

/* Their sessions stand before there is an attack. */
static void
appoint_deputies(struct gateway *g)
{
	for (size_t i = 0; i < clients_count(g->setup.clients); i++) {
		const char *name = clients_get(g->setup.clients, i)->name;

		if (is_needed(g, name))
			dots_client_deputy(g->client, name, true);
	}
	timer_after(g->tidy, 0);
}

struct gateway *
gateway_new(struct loop *l, struct dots_client *client, const struct gateway_setup *setup)
{
	struct gateway *g = mem_new(sizeof(*g));

	g->escalation.ops = &escalation_ops;
	g->loop = l;
	g->client = client;
	g->setup = *setup;
	g->waiting = map_new();
	g->later = timer_new(l, later, g);
	g->strayed = timer_new(l, release_strays, g);
	g->tidy = timer_new(l, tidy, g);
	dots_client_on_change(client, on_change, g);
	appoint_deputies(g);
	return g;
}

static bool
free_decision(void *arg, const void *key, size_t len, void *value)
{
	(void)arg;
	(void)key;
	(void)len;
	free(value);
	return true;
}

void
gateway_free(struct gateway *g)
{
	if (!g)
		return;
	dots_client_on_change(g->client, NULL, NULL);
	for (size_t i = 0; i < g->n_due; i++)
		free(g->due[i]);
	free(g->due);
	while (g->n_strays)
		stray_drop(g, 0);
	free(g->strays);
	map_each(g->waiting, free_decision, NULL);
	map_free(g->waiting);
	timer_free(g->later);
	timer_free(g->strayed);
	timer_free(g->tidy);
	free(g);
}

void
gateway_reload(struct gateway *g, const struct gateway_setup *setup)
{
	g->setup = *setup;
	appoint_deputies(g);
}

struct escalation *
gateway_escalation(struct gateway *g)
{
	return &g->escalation;
}
