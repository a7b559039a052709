/*
 * Source address selection: the domain's own addresses first (M1), then RFC 6724 section 5.
 */
#include "homing/source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "homing/nat.h"
#include "homing/policy.h"

/* ---- membership (M1) ---- */

static bool
uses_interface(const struct domain *d, const char *name)
{
	for (size_t i = 0; i < d->n_interfaces; i++)
		if (!strcmp(d->interfaces[i], name))
			return true;
	return false;
}

static bool
is_shared(const struct homing *h, const struct domain *d, const char *interface)
{
	for (size_t i = 0; i < h->n_domains; i++)
		if (&h->domains[i] != d && uses_interface(&h->domains[i], interface))
			return true;
	return false;
}

static bool
in_any(const struct prefix *list, size_t n, const struct addr *a)
{
	for (size_t i = 0; i < n; i++)
		if (prefix_contains_addr(&list[i], a))
			return true;
	return false;
}

/* A NAT of ours gives it an address of this provider (M15). */
static bool
is_translated(const struct domain *d, const struct local_addr *l)
{
	struct prefix host = prefix_of(&l->addr, addr_bits(&l->addr));

	return d->n_nat && nat_is_inside(&host);
}

/* Ours whatever the provider, where that one assigned nothing. */
static bool
is_independent(const struct homing *h, const struct domain *d, const struct local_addr *l)
{
	return !d->n_prefixes &&
	       in_any(h->provider_independent, h->n_provider_independent, &l->addr);
}

static bool
is_member(const struct homing *h, const struct domain *d, const char *interface,
	const struct local_addr *l)
{
	if (in_any(d->prefixes, d->n_prefixes, &l->addr) || is_independent(h, d, l))
		return true;
	if (!interface) /* no access named: any active interface's address, but no other domain's */
		return !addr_is_loopback(&l->addr);
	/* A gateway assigns nothing and belongs to our own network, as every address of the link
	 * does: nothing there is another provider's. */
	return !strcmp(l->interface, interface) &&
	       (d->gateway || is_translated(d, l) || !is_shared(h, d, interface));
}

/* ---- the rules ---- */

struct choice {
	const struct homing *homing;
	const struct domain *domain;
	const struct addr *to;
	const char *interface;
};

/* Each rule: > 0 if a is better, < 0 if b is, 0 undecided. */

/* One and the same source towards every provider (RFC 9284 4.2). */
static int
rule_independent(const struct choice *c, const struct local_addr *a, const struct local_addr *b)
{
	return is_independent(c->homing, c->domain, a) - is_independent(c->homing, c->domain, b);
}

static int
rule_same(const struct choice *c, const struct local_addr *a, const struct local_addr *b)
{
	return addr_equal(&a->addr, c->to) - addr_equal(&b->addr, c->to);
}

static int
rule_scope(const struct choice *c, const struct local_addr *a, const struct local_addr *b)
{
	int sa = policy_scope(&a->addr), sb = policy_scope(&b->addr), sd = policy_scope(c->to);

	if (sa == sb)
		return 0;
	return sa < sb ? (sa < sd ? -1 : 1) : (sb < sd ? 1 : -1);
}

static bool
is_deprecated(const struct local_addr *l)
{
	return l->deprecated && policy_ages(&l->addr);
}

static int
rule_deprecated(const struct choice *c, const struct local_addr *a, const struct local_addr *b)
{
	(void)c;
	return is_deprecated(b) - is_deprecated(a);
}

/* What is no home address of a host that has one is a care-of address. */
static int
rule_home(const struct choice *c, const struct local_addr *a, const struct local_addr *b)
{
	int by = a->home - b->home;

	return c->domain->prefer_care_of ? -by : by;
}

static int
rule_interface(const struct choice *c, const struct local_addr *a, const struct local_addr *b)
{
	if (!c->interface)
		return 0;
	return !strcmp(a->interface, c->interface) - !strcmp(b->interface, c->interface);
}

/* The kernel does not keep which router told of a prefix. The next hop over a link is its domain's,
 * and what that assigned is known. */
static int
rule_next_hop(const struct choice *c, const struct local_addr *a, const struct local_addr *b)
{
	const struct domain *d = c->domain;

	return in_any(d->prefixes, d->n_prefixes, &a->addr) -
	       in_any(d->prefixes, d->n_prefixes, &b->addr);
}

static int
rule_label(const struct choice *c, const struct local_addr *a, const struct local_addr *b)
{
	const struct policy *p = &c->homing->policy;
	uint32_t label = policy_of(p, c->to).label;

	return (policy_of(p, &a->addr).label == label) - (policy_of(p, &b->addr).label == label);
}

static int
rule_temporary(const struct choice *c, const struct local_addr *a, const struct local_addr *b)
{
	int by = a->temporary - b->temporary;

	return c->domain->prefer_public ? -by : by;
}

static int
rule_longest(const struct choice *c, const struct local_addr *a, const struct local_addr *b)
{
	return (int)policy_common(&a->addr, c->to, a->on_link.len) -
	       (int)policy_common(&b->addr, c->to, b->on_link.len);
}

/* A tie: stable, whatever the kernel's order. */
static int
rule_lowest(const struct choice *c, const struct local_addr *a, const struct local_addr *b)
{
	(void)c;
	return addr_compare(&b->addr, &a->addr);
}

/* In their order. What is told of a choice is the row that decided it. */
static const struct rule {
	int (*better)(
		const struct choice *c, const struct local_addr *a, const struct local_addr *b);
	const char *section;
} rules[] = {
	{rule_independent, "RFC 9284 4.2"},
	{rule_same, "RFC 6724 5 rule 1"},
	{rule_scope, "RFC 6724 5 rule 2"},
	{rule_deprecated, "RFC 6724 5 rule 3"},
	{rule_home, "RFC 6724 5 rule 4"},
	{rule_interface, "RFC 6724 5 rule 5"},
	{rule_next_hop, "RFC 6724 5 rule 5.5"},
	{rule_label, "RFC 6724 5 rule 6"},
	{rule_temporary, "RFC 6724 5 rule 7"},
	{rule_longest, "RFC 6724 5 rule 8"},
	{rule_lowest, "RFC 6724 5"},
};
enum { N_RULES = sizeof(rules) / sizeof(*rules) };

/* The rule that tells them apart, and which is the better one. */
static size_t
deciding(const struct choice *c, const struct local_addr *a, const struct local_addr *b,
	bool *ret_better)
{
	for (size_t i = 0; i < N_RULES; i++) {
		int r = rules[i].better(c, a, b);

		*ret_better = r > 0;
		if (r)
			return i;
	}
	return N_RULES - 1; /* one address twice */
}

/* ---- choosing ---- */

/* RFC 6724 section 4. */
static bool
usable(const struct local_addr *l, const struct choice *c)
{
	bool on_link = addr_is_link_local(c->to) || addr_is_multicast(c->to);

	return l->addr.family == c->to->family && !l->tentative && !addr_is_multicast(&l->addr) &&
	       !addr_is_unspecified(&l->addr) &&
	       (!addr_is_loopback(&l->addr) || addr_is_loopback(c->to)) &&
	       (!addr_is_link_local(&l->addr) || addr_is_link_local(c->to)) &&
	       (!on_link || !c->interface || !strcmp(l->interface, c->interface));
}

static bool
is_candidate(const struct choice *c, const struct local_addr *l)
{
	/* With no access named a destination on this host is reached from this host. */
	bool host = !c->interface && addr_is_loopback(c->to);
	bool forced = c->domain->source.family == c->to->family;

	return usable(l, c) && (host || is_member(c->homing, c->domain, c->interface, l)) &&
	       (!forced || addr_equal(&l->addr, &c->domain->source));
}

/* What decides between the best and who comes next to it. */
static const char *
reason_for(const struct choice *c, const struct local_addr *best, const struct local_addr *local,
	size_t n_local)
{
	size_t last = 0, others = 0;
	bool is_better;

	if (c->domain->source.family == c->to->family)
		return "RFC 6724 1"; /* configured: no rule is asked */
	for (size_t i = 0; i < n_local; i++) {
		size_t by;

		if (addr_equal(&local[i].addr, &best->addr) || !is_candidate(c, &local[i]))
			continue;
		others++;
		by = deciding(c, best, &local[i], &is_better);
		last = by > last ? by : last;
	}
	return others ? rules[last].section : "RFC 9284 5.1"; /* the only one of its domain */
}

int
source_select(const struct homing *h, const struct domain *d, const char *interface,
	const struct addr *destination, const struct local_addr *local, size_t n_local,
	struct source *ret, char *why, size_t cap)
{
	struct choice c = {h, d, destination, interface};
	const struct local_addr *best = NULL;
	bool is_better;

	for (size_t i = 0; i < n_local; i++) {
		if (!is_candidate(&c, &local[i]))
			continue;
		if (best)
			deciding(&c, &local[i], best, &is_better);
		if (!best || is_better)
			best = &local[i];
	}
	if (best) {
		*ret = (struct source){
			.local = *best, .section = reason_for(&c, best, local, n_local)};
		return 0;
	}
	snprintf(why, cap, "RFC 9284 5.1: no %s address of %s%s%s",
		destination->family == 4 ? "IPv4" : "IPv6", d->name, interface ? " on " : "",
		interface ? interface : "");
	return -EADDRNOTAVAIL;
}
