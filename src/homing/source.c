/*
 * Source address selection: the domain's own addresses first (M1), then RFC 6724 section 5.
 */
#include "homing/source.h"

#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "homing/nat.h"

enum address_scope { SCOPE_INTERFACE = 1, SCOPE_LINK = 2, SCOPE_SITE = 5, SCOPE_GLOBAL = 14 };

/* RFC 6724 section 2.1, default policy table. */
static const struct policy {
	const char *prefix;
	int precedence, label;
} policies[] = {
	{"::1/128", 50, 0},
	{"::ffff:0:0/96", 35, 4},
	{"2002::/16", 30, 2},
	{"2001::/32", 5, 5},
	{"fc00::/7", 3, 13},
	{"::/96", 1, 3},
	{"fec0::/10", 1, 11},
	{"3ffe::/16", 1, 12},
	{"::/0", 40, 1},
};

static int
label_of(const struct addr *a)
{
	struct addr mapped = *a;
	struct prefix p;
	int best = -1, label = 1;

	if (a->family == 4) {
		mapped = (struct addr){.family = 6};
		mapped.bytes[10] = mapped.bytes[11] = 0xff;
		memcpy(mapped.bytes + 12, a->bytes, 4);
	}
	for (size_t i = 0; i < sizeof(policies) / sizeof(policies[0]); i++) {
		prefix_parse(policies[i].prefix, &p);
		if (prefix_contains_addr(&p, &mapped) && p.len > best) {
			best = p.len;
			label = policies[i].label;
		}
	}
	return label;
}

static int
scope_of(const struct addr *a)
{
	if (addr_is_loopback(a) || addr_is_link_local(a))
		return SCOPE_LINK;
	if (a->family == 6 && a->bytes[0] == 0xfe && (a->bytes[1] & 0xc0) == 0xc0)
		return SCOPE_SITE;
	return SCOPE_GLOBAL;
}

static int
common_prefix(const struct addr *a, const struct addr *b, unsigned most)
{
	unsigned n = 0;

	while (n < most && !((a->bytes[n / 8] ^ b->bytes[n / 8]) >> (7 - n % 8) & 1))
		n++;
	return (int)n;
}

struct choice {
	const struct addr *to;
	const char *interface;
};

/* Each rule: > 0 if a is better, < 0 if b is, 0 undecided. */
static int
rule_same(const struct choice *c, const struct local_addr *a, const struct local_addr *b)
{
	return addr_equal(&a->addr, c->to) - addr_equal(&b->addr, c->to);
}

static int
rule_scope(const struct choice *c, const struct local_addr *a, const struct local_addr *b)
{
	int sa = scope_of(&a->addr), sb = scope_of(&b->addr), sd = scope_of(c->to);

	if (sa == sb)
		return 0;
	return sa < sb ? (sa < sd ? -1 : 1) : (sb < sd ? 1 : -1);
}

static int
rule_deprecated(const struct choice *c, const struct local_addr *a, const struct local_addr *b)
{
	(void)c;
	return b->deprecated - a->deprecated;
}

static int
rule_interface(const struct choice *c, const struct local_addr *a, const struct local_addr *b)
{
	if (!c->interface)
		return 0;
	return !strcmp(a->interface, c->interface) - !strcmp(b->interface, c->interface);
}

static int
rule_label(const struct choice *c, const struct local_addr *a, const struct local_addr *b)
{
	int label = label_of(c->to);

	return (label_of(&a->addr) == label) - (label_of(&b->addr) == label);
}

static int
rule_temporary(const struct choice *c, const struct local_addr *a, const struct local_addr *b)
{
	(void)c;
	return a->temporary - b->temporary;
}

static int
rule_longest(const struct choice *c, const struct local_addr *a, const struct local_addr *b)
{
	return common_prefix(&a->addr, c->to, a->on_link.len) -
	       common_prefix(&b->addr, c->to, b->on_link.len);
}

/* RFC 6724 section 5, rules 1, 2, 3, 5, 6, 7, 8 (4, home addresses, does not occur here). */
static int (*const rules[])(const struct choice *c, const struct local_addr *a,
	const struct local_addr *b) = {rule_same, rule_scope, rule_deprecated, rule_interface,
	rule_label, rule_temporary, rule_longest};

static bool
better(const struct choice *c, const struct local_addr *a, const struct local_addr *b)
{
	for (size_t i = 0; i < sizeof(rules) / sizeof(rules[0]); i++) {
		int r = rules[i](c, a, b);

		if (r)
			return r > 0;
	}
	return addr_compare(&a->addr, &b->addr) <
	       0; /* a tie: stable, whatever the kernel's order */
}

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

static bool
usable(const struct local_addr *l, const struct addr *to)
{
	return l->addr.family == to->family && !l->tentative && !addr_is_multicast(&l->addr) &&
	       (!addr_is_loopback(&l->addr) || addr_is_loopback(to)) &&
	       (!addr_is_link_local(&l->addr) || addr_is_link_local(to));
}

/* The provider-independent address goes before those of the link: one and the same source towards
 * every provider (RFC 9284 4.2). Then the rules of RFC 6724. */
static bool
goes_before(const struct homing *h, const struct domain *d, const struct choice *c,
	const struct local_addr *a, const struct local_addr *b)
{
	bool ia = is_independent(h, d, a), ib = is_independent(h, d, b);

	return ia != ib ? ia : better(c, a, b);
}

int
source_select(const struct homing *h, const struct domain *d, const char *interface,
	const struct addr *destination, const struct local_addr *local, size_t n_local,
	struct addr *ret, char *why, size_t cap)
{
	struct choice c = {destination, interface};
	const struct local_addr *best = NULL;
	bool forced = d->source.family == destination->family;

	for (size_t i = 0; i < n_local; i++) {
		const struct local_addr *l = &local[i];
		/* With no access named a destination on this host is reached from this host. */
		bool host = !interface && addr_is_loopback(destination);

		if (!usable(l, destination) || (!host && !is_member(h, d, interface, l)) ||
			(forced && !addr_equal(&l->addr, &d->source)))
			continue;
		if (!best || goes_before(h, d, &c, l, best))
			best = l;
	}
	if (best) {
		*ret = best->addr;
		return 0;
	}
	snprintf(why, cap, "RFC 9284 5.1: no %s address of %s%s%s",
		destination->family == 4 ? "IPv4" : "IPv6", d->name, interface ? " on " : "",
		interface ? interface : "");
	return -EADDRNOTAVAIL;
}
