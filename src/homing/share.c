#include "homing/share.h"

#include <assert.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "homing/disclosure.h"
#include "homing/nat.h"
#include "homing/plan.h"
#include "homing/target.h"

const char *const share_kinds[] = {[SHARE_ALIAS] = "alias", [SHARE_ACL] = "acl"};

static const char owned_by[] = "RFC 9284 5.1", inside[] = "RFC 9284 5.2",
		  disclosed[] = "RFC 9284 6";

const char *
share_name(const struct share_wish *w)
{
	return json_string_value(json_object_get(w->entry, "name"));
}

static struct share *
add(struct shares *s, int domain)
{
	s->list = mem_grow(s->list, s->n + 1, sizeof(*s->list));
	s->list[s->n] = (struct share){.domain = domain};
	return &s->list[s->n++];
}

__attribute__((format(printf, 4, 5))) static void
refuse(struct shares *s, int domain, const char *section, const char *fmt, ...)
{
	struct share *sh;
	char buf[400];
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(buf, sizeof(buf), fmt, ap);
	va_end(ap);
	sh = add(s, domain);
	sh->section = section;
	sh->reason = arena_text(s->arena, buf, strlen(buf));
}

/* Takes the entry. */
static void
give(struct shares *s, const struct homing *h, uint32_t domain, json_t *entry,
	const struct disclosure *d)
{
	struct share *sh;

	if (!h->domains[domain].data.name) {
		refuse(s, (int)domain, owned_by, "belongs to %.64s, which has no data-channel",
			h->domains[domain].name);
		json_decref(entry);
		return;
	}
	sh = add(s, (int)domain);
	sh->entry = entry;
	sh->prefixes = d->prefixes;
	sh->names = d->names;
	sh->consent = d->consent;
}

/* As a request for these targets would be planned while all servers can be reached. */
static void
plan_target(const struct homing *h, const struct target *t, struct arena *a, struct plan *ret)
{
	enum availability *available = arena_alloc(a, h->n_servers + 1, sizeof(*available));
	const struct ask ask = {.id = "", .target = *t};

	for (size_t i = 0; i < h->n_servers; i++)
		available[i] = SERVER_AVAILABLE;
	plan(h, &ask, 1, NULL, 0, available, a, ret);
}

/* ---- aliases ---- */

static struct target
read_prefixes(const json_t *list, struct arena *a)
{
	struct target t = {
		.target_prefix = arena_alloc(a, json_array_size(list) + 1, sizeof(struct prefix))};
	const json_t *item;
	size_t i;

	json_array_foreach(list, i, item)
		if (prefix_parse(json_string_value(item), &t.target_prefix[t.n_target_prefix]) == 0)
			t.n_target_prefix++;
	return t;
}

/* M15. */
static void
move_outside(const struct homing *h, struct name *n, struct arena *a)
{
	struct target own = {.target_prefix = n->addresses, .n_target_prefix = n->n_addresses};
	struct target outside = nat_outside(h, &own, a);

	n->addresses = outside.target_prefix;
	n->n_addresses = target_normalise(outside.target_prefix, outside.n_target_prefix);
}

/* Only what the configuration knows of it: an answer of DNS may be another one tomorrow, and an
 * alias stays (M7). */
static void
learn_name(const struct homing *h, struct name *n, struct arena *a)
{
	for (size_t i = 0; i < h->n_hosts; i++)
		if (!strcmp(h->hosts[i].name, n->host)) {
			struct name_answer known = {.state = NAME_KNOWN,
				.n_addrs = h->hosts[i].n_addresses,
				.whole = true,
				.why = ""};

			if (known.n_addrs > NAME_ADDRS_MAX)
				return;
			memcpy(known.addrs, h->hosts[i].addresses,
				known.n_addrs * sizeof(struct addr));
			name_learn(n, &known, a);
			move_outside(h, n, a);
			return;
		}
}

struct aliasing {
	const struct homing *homing;
	const json_t *entry;
	struct shares *to;
	struct name *names;
	size_t n_names;
	bool *told; /* beside names */
};

static void
read_names(struct aliasing *al, const char *member)
{
	const json_t *item, *list = json_object_get(al->entry, member);
	struct arena *a = al->to->arena;
	char why[200];
	size_t i;

	json_array_foreach(list, i, item) {
		struct name n;

		if (name_parse(json_string_value(item), a, &n, why, sizeof(why)) != 0) {
			refuse(al->to, -1, disclosed, "%s: %s", member, why);
			continue;
		}
		if (n.state != NAME_KNOWN) /* it has no address in it */
			learn_name(al->homing, &n, a);
		al->names[al->n_names++] = n;
	}
}

static void
set_texts(json_t *entry, const char *member, char *const *list, size_t n)
{
	json_t *array = json_array();

	for (size_t i = 0; i < n; i++)
		json_array_append_new(array, json_string(list[i]));
	json_object_del(entry, member);
	if (n)
		json_object_set(entry, member, array);
	json_decref(array);
}

static void
note_told(struct aliasing *al, const struct target *t)
{
	for (size_t i = 0; i < al->n_names; i++) {
		for (size_t k = 0; k < t->n_target_fqdn; k++)
			al->told[i] = al->told[i] || t->target_fqdn[k] == al->names[i].text;
		for (size_t k = 0; k < t->n_target_uri; k++)
			al->told[i] = al->told[i] || t->target_uri[k] == al->names[i].text;
	}
}

/* The part of one domain; what of it may leave is the gate's to say (M9). */
static void
give_part(struct aliasing *al, uint32_t domain, const struct target *own)
{
	struct disclosure d;
	char **prefixes;
	json_t *entry;

	disclosure_gate_to(al->homing, domain, own, al->names, al->n_names, al->to->arena, &d);
	note_told(al, &d.target);
	if (!d.prefixes && !d.names)
		return;
	prefixes = arena_alloc(al->to->arena, d.prefixes + 1, sizeof(*prefixes));
	for (size_t i = 0; i < d.prefixes; i++) {
		prefixes[i] = arena_alloc(al->to->arena, PREFIX_TEXT_MAX, 1);
		prefix_format(&d.target.target_prefix[i], prefixes[i]);
	}
	entry = json_deep_copy(al->entry);
	set_texts(entry, "target-prefix", prefixes, d.prefixes);
	set_texts(entry, "target-fqdn", d.target.target_fqdn, d.target.n_target_fqdn);
	set_texts(entry, "target-uri", d.target.target_uri, d.target.n_target_uri);
	give(al->to, al->homing, domain, entry, &d);
}

/* Over several attachments a domain is asked for the same part several times. */
static struct target
own_parts(const struct plan *p, uint32_t domain, struct arena *a)
{
	struct target t = {.target_prefix = arena_alloc(a, p->n_parts + 1, sizeof(struct prefix))};

	for (size_t i = 0; i < p->n_parts; i++)
		if (p->parts[i].domain == (int)domain)
			t.target_prefix[t.n_target_prefix++] = p->parts[i].prefix;
	t.n_target_prefix = target_normalise(t.target_prefix, t.n_target_prefix);
	return t;
}

static void
refuse_names(struct aliasing *al)
{
	for (size_t i = 0; i < al->n_names; i++)
		if (!al->told[i])
			refuse(al->to, -1, disclosed, "%.200s %s", al->names[i].text,
				al->names[i].state == NAME_KNOWN
					? "has addresses that no single provider owns: it is told "
					  "to nobody"
					: "is not among hosts, so whose its addresses are is not "
					  "known: it is told to nobody");
}

static void
plan_alias(const struct homing *h, const json_t *entry, struct shares *ret)
{
	struct aliasing al = {.homing = h, .entry = entry, .to = ret};
	size_t n = json_array_size(json_object_get(entry, "target-fqdn")) +
		   json_array_size(json_object_get(entry, "target-uri"));
	struct target own = read_prefixes(json_object_get(entry, "target-prefix"), ret->arena);
	struct target outside = nat_outside(h, &own, ret->arena);
	struct plan p;

	al.names = arena_alloc(ret->arena, n + 1, sizeof(*al.names));
	al.told = arena_alloc(ret->arena, n + 1, sizeof(*al.told));
	read_names(&al, "target-fqdn");
	read_names(&al, "target-uri");
	plan_target(h, &outside, ret->arena, &p);
	for (size_t i = 0; i < p.n_parts; i++)
		if (p.parts[i].domain < 0)
			refuse(ret, -1, p.parts[i].section, "target-prefix: %s", p.parts[i].reason);
	for (uint32_t d = 0; d < h->n_domains; d++) {
		struct target part = own_parts(&p, d, ret->arena);

		give_part(&al, d, &part);
	}
	refuse_names(&al);
}

/* ---- ACLs ---- */

/* Where an ACE has its networks. */
static const struct {
	const char *header, *destination, *source;
} families[] = {{"ipv4", "destination-ipv4-network", "source-ipv4-network"},
	{"ipv6", "destination-ipv6-network", "source-ipv6-network"}};
enum { N_FAMILIES = sizeof(families) / sizeof(families[0]) };

/* The member that it stands in, or NULL. */
static const char *
network_of(const json_t *ace, bool source, struct prefix *ret)
{
	const json_t *matches = json_object_get(ace, "matches");

	for (size_t i = 0; i < N_FAMILIES; i++) {
		const char *member = source ? families[i].source : families[i].destination;
		const char *text = json_string_value(
			json_object_get(json_object_get(matches, families[i].header), member));

		if (text)
			return prefix_parse(text, ret) == 0 ? member : NULL;
	}
	return NULL;
}

/* What an ACE is at one domain, where its networks are as that sees them (M15). */
struct seen {
	bool goes; /* it is for that domain, too */
	struct prefix destination, source;
};

struct filtering {
	const struct homing *homing;
	struct shares *to;
	struct seen *at; /* each domain, of the ACE that is looked at */
};

/* The one of its prefixes outside that is this domain's, all of it. */
static bool
choose_destination(
	struct filtering *f, uint32_t domain, const struct target *outside, const struct plan *p)
{
	size_t n = 0;

	for (size_t i = 0; i < outside->n_target_prefix; i++) {
		struct target one = {
			.target_prefix = &outside->target_prefix[i], .n_target_prefix = 1};

		if (!plan_domain_may_hold(f->homing, domain, &one))
			continue;
		f->at[domain].destination = outside->target_prefix[i];
		n++;
	}
	for (size_t i = 0; n == 1 && i < p->n_parts; i++)
		if (p->parts[i].domain == (int)domain &&
			!prefix_contains(&f->at[domain].destination, &p->parts[i].prefix))
			return false;
	return n == 1;
}

/* False: refused. */
static bool
plan_destination(struct filtering *f, const char *name, const char *member, struct prefix *dest)
{
	struct target t = {.target_prefix = dest, .n_target_prefix = 1};
	struct target outside = nat_outside(f->homing, &t, f->to->arena);
	char text[PREFIX_TEXT_MAX];
	struct plan p;

	outside.n_target_prefix = target_normalise(outside.target_prefix, outside.n_target_prefix);
	plan_target(f->homing, &outside, f->to->arena, &p);
	for (size_t i = 0; i < p.n_parts; i++) {
		if (p.parts[i].domain < 0) {
			refuse(f->to, -1, p.parts[i].section, "ace %.64s: %s: %s", name, member,
				p.parts[i].reason);
			return false;
		}
		f->at[p.parts[i].domain].goes = true;
	}
	for (uint32_t d = 0; d < f->homing->n_domains; d++)
		if (f->at[d].goes && !choose_destination(f, d, &outside, &p)) {
			refuse(f->to, -1, owned_by,
				"ace %.64s: %s: not all of %s is %.64s's: name the parts one by "
				"one",
				name, member, prefix_format(dest, text),
				f->homing->domains[d].name);
			return false;
		}
	return true;
}

/* As that domain sees it. One that is another provider's customer's address would tell of that
 * provider. */
static bool
plan_source(struct filtering *f, const char *name, const char *member, const struct prefix *source,
	uint32_t domain)
{
	const struct domain *d = &f->homing->domains[domain];
	struct prefix *seen = &f->at[domain].source;
	struct target t = {.target_prefix = seen, .n_target_prefix = 1};
	bool mapped = nat_translate(d, source, seen);
	char text[PREFIX_TEXT_MAX];

	prefix_format(source, text);
	if (!mapped)
		*seen = *source;
	if (!mapped && nat_is_internal(f->homing, source) &&
		!plan_domain_may_hold(f->homing, domain, &t)) {
		refuse(f->to, -1, inside,
			"ace %.64s: %s: %s is inside, and no nat-map of %.64s says what it is "
			"outside",
			name, member, text, d->name);
		return false;
	}
	if (trie_longest(f->homing->owners, seen, NULL) &&
		!plan_domain_may_hold(f->homing, domain, &t)) {
		refuse(f->to, -1, disclosed, "ace %.64s: %s: %s is another provider's than %.64s's",
			name, member, text, d->name);
		return false;
	}
	return true;
}

static bool
plan_ace(struct filtering *f, const json_t *ace)
{
	const char *name = json_string_value(json_object_get(ace, "name")), *member;
	struct prefix dest, source;

	memset(f->at, 0, f->homing->n_domains * sizeof(*f->at));
	if ((member = network_of(ace, false, &dest))) {
		if (!plan_destination(f, name, member, &dest))
			return false;
	} else if (f->homing->n_domains == 1) {
		f->at[0].goes = true;
	} else {
		refuse(f->to, -1, owned_by,
			"ace %.64s: no destination network, and with several providers it has to "
			"say whose it is",
			name);
		return false;
	}
	member = network_of(ace, true, &source);
	for (uint32_t d = 0; member && d < f->homing->n_domains; d++)
		if (f->at[d].goes && !plan_source(f, name, member, &source, d))
			return false;
	return true;
}

static void
set_network(json_t *ace, const char *member, const struct prefix *p)
{
	const char *header = families[p->addr.family == 6].header;
	char text[PREFIX_TEXT_MAX];

	json_object_set_new(json_object_get(json_object_get(ace, "matches"), header), member,
		json_string(prefix_format(p, text)));
}

/* The ACE with its networks as that domain sees them; new reference. */
static json_t *
ace_at(const struct seen *seen, json_t *ace)
{
	struct prefix destination, source;
	const char *to = network_of(ace, false, &destination);
	const char *from = network_of(ace, true, &source);
	json_t *copy;

	if ((!to || prefix_equal(&destination, &seen->destination)) &&
		(!from || prefix_equal(&source, &seen->source)))
		return json_incref(ace);
	copy = json_deep_copy(ace);
	if (to)
		set_network(copy, to, &seen->destination);
	if (from)
		set_network(copy, from, &seen->source);
	return copy;
}

/* The destinations of what is left of it. */
static struct target
destinations_of(const json_t *aces, struct arena *a)
{
	struct target t = {
		.target_prefix = arena_alloc(a, json_array_size(aces) + 1, sizeof(struct prefix))};
	const json_t *ace;
	size_t i;

	json_array_foreach(aces, i, ace)
		if (network_of(ace, false, &t.target_prefix[t.n_target_prefix]))
			t.n_target_prefix++;
	return t;
}

static void
give_acl(struct filtering *f, uint32_t domain, const json_t *entry, const json_t *aces)
{
	struct target t = destinations_of(aces, f->to->arena);
	json_t *part = json_deep_copy(entry);
	struct disclosure d;

	disclosure_gate_to(f->homing, domain, &t, NULL, 0, f->to->arena, &d);
	assert(!d.withheld_prefixes); /* plan_destination has asked */
	json_object_set(json_object_get(part, "aces"), "ace", (json_t *)(uintptr_t)aces);
	give(f->to, f->homing, domain, part, &d);
}

static void
plan_acl(const struct homing *h, const json_t *entry, struct shares *ret)
{
	const json_t *aces = json_object_get(json_object_get(entry, "aces"), "ace");
	struct filtering f = {
		h, ret, arena_alloc(ret->arena, h->n_domains + 1, sizeof(struct seen))};
	json_t **parts = arena_alloc(ret->arena, h->n_domains + 1, sizeof(*parts));
	bool all = true;
	json_t *ace;
	size_t i;

	for (size_t d = 0; d < h->n_domains; d++)
		parts[d] = json_array();
	json_array_foreach(aces, i, ace) {
		all = all && plan_ace(&f, ace);
		for (size_t d = 0; all && d < h->n_domains; d++)
			if (f.at[d].goes)
				json_array_append_new(parts[d], ace_at(&f.at[d], ace));
	}
	for (uint32_t d = 0; d < h->n_domains; d++) {
		if (all && json_array_size(parts[d]))
			give_acl(&f, d, entry, parts[d]);
		json_decref(parts[d]);
	}
}

void
share_plan(const struct homing *h, const struct share_wish *w, struct shares *ret)
{
	if (w->withheld)
		refuse(ret, -1, w->kind == SHARE_ALIAS ? "RFC 8783 6.1" : "RFC 8783 7.2", "%s",
			w->withheld);
	else if (w->kind == SHARE_ALIAS)
		plan_alias(h, w->entry, ret);
	else
		plan_acl(h, w->entry, ret);
}

void
shares_finish(struct shares *s)
{
	for (size_t i = 0; i < s->n; i++)
		json_decref(s->list[i].entry);
	free(s->list);
	s->list = NULL;
	s->n = 0;
}
