/*
 * Whether two ACLs treat some packet oppositely (RFC 8783 3.1, 7.2): the first rule that matches
 * decides in each, so the same ACL twice is no conflict whatever its rules say.
 */
#include "core/acl.h"

enum { PAIR_LOOKS_MAX = 1 << 20 };

/* ---- what two rules have in common ---- */

static bool
has(const struct acl_rule *r, enum acl_field f)
{
	return r->has & 1u << f;
}

enum { PROTOCOL_ANY = -1, PROTOCOL_NONE = -2 };

/* The only protocol that it matches in that family. */
static int
protocol_of(const struct acl_rule *r, uint8_t family)
{
	int l4 = r->l4 == ACL_L4_ICMP && family == 6 ? 58 : (int)r->l4;
	int l3 = has(r, ACL_PROTOCOL) ? (int)r->values[ACL_PROTOCOL] : PROTOCOL_ANY;

	if (r->l4 == ACL_L4_ANY)
		return l3;
	return l3 == PROTOCOL_ANY || l3 == l4 ? l4 : PROTOCOL_NONE;
}

static bool
protocols_meet(const struct acl_rule *a, const struct acl_rule *b, uint8_t family)
{
	int x = protocol_of(a, family), y = protocol_of(b, family);

	if (x == PROTOCOL_NONE || y == PROTOCOL_NONE)
		return false;
	return x == PROTOCOL_ANY || y == PROTOCOL_ANY || x == y;
}

static bool
ports_meet(const struct acl_ports *a, const struct acl_ports *b)
{
	if (a->not &&b->not )
		return true;
	if (a->not || b->not ) {
		const struct acl_ports *no = a->not ? a : b, *range = a->not ? b : a;

		return range->lower != no->lower || range->upper != no->upper;
	}
	return a->lower <= b->upper && b->lower <= a->upper;
}

static bool
sources_meet(const struct acl_rule *a, const struct acl_rule *b)
{
	return !a->source.addr.family || !b->source.addr.family ||
	       prefix_overlaps(&a->source, &b->source);
}

/* What the rule is for: its destination, or all its client has. */
static const struct prefix *
destinations(const struct acl_rule *r, const struct client *c, size_t *ret_n)
{
	*ret_n = r->destination.addr.family ? 1 : c->n_prefixes;
	return r->destination.addr.family ? &r->destination : c->prefixes;
}

static bool
destinations_meet(const struct acl_rule *a, const struct client *ca, const struct acl_rule *b,
	const struct client *cb, uint8_t family)
{
	size_t na, nb;
	const struct prefix *pa = destinations(a, ca, &na), *pb = destinations(b, cb, &nb);

	for (size_t i = 0; i < na; i++)
		for (size_t k = 0; k < nb; k++)
			if (pa[i].addr.family == family && prefix_overlaps(&pa[i], &pb[k]))
				return true;
	return false;
}

static bool
rules_meet(const struct acl_rule *a, const struct client *ca, const struct acl_rule *b,
	const struct client *cb, uint8_t family)
{
	if ((a->family && a->family != family) || (b->family && b->family != family))
		return false;
	return protocols_meet(a, b, family) && sources_meet(a, b) &&
	       ports_meet(&a->source_ports, &b->source_ports) &&
	       ports_meet(&a->destination_ports, &b->destination_ports) &&
	       destinations_meet(a, ca, b, cb, family);
}

/* ---- what an earlier rule has decided already ---- */

static bool
ports_within(const struct acl_ports *inner, const struct acl_ports *outer)
{
	if (outer->not &&inner->not )
		return inner->lower == outer->lower;
	if (outer->not )
		return outer->lower < inner->lower || outer->lower > inner->upper;
	if (outer->lower == 0 && outer->upper == UINT16_MAX)
		return true;
	return !inner->not &&inner->lower >= outer->lower && inner->upper <= outer->upper;
}

static bool
network_within(const struct prefix *inner, const struct prefix *outer)
{
	return !outer->addr.family || (inner->addr.family && prefix_contains(outer, inner));
}

static bool
bits_within(
	bool inner_has, const struct acl_bits *inner, bool outer_has, const struct acl_bits *outer)
{
	return !outer_has || (inner_has && inner->bits == outer->bits && inner->any == outer->any &&
				     inner->not == outer->not );
}

static bool
fields_within(const struct acl_rule *a, const struct acl_rule *b, const struct acl_rule *outer)
{
	for (unsigned i = 0; i < ACL_FIELDS; i++)
		if (has(outer, i) && !(has(a, i) && a->values[i] == outer->values[i]) &&
			!(has(b, i) && b->values[i] == outer->values[i]))
			return false;
	return true;
}

/* Whether everything that both a and b match is matched by the other rule, as far as one member
 * after the other can tell. */
static bool
covers(const struct acl_rule *o, const struct acl_rule *a, const struct acl_rule *b, uint8_t family)
{
	if ((o->family && o->family != family) || (o->l4 && o->l4 != a->l4 && o->l4 != b->l4))
		return false;
#define EITHER(within, member) (within(&a->member, &o->member) || within(&b->member, &o->member))
	return fields_within(a, b, o) && EITHER(network_within, source) &&
	       EITHER(network_within, destination) && EITHER(ports_within, source_ports) &&
	       EITHER(ports_within, destination_ports) &&
	       (bits_within(a->has_fragment, &a->fragment, o->has_fragment, &o->fragment) ||
		       bits_within(b->has_fragment, &b->fragment, o->has_fragment, &o->fragment)) &&
	       (bits_within(a->has_flags, &a->flags, o->has_flags, &o->flags) ||
		       bits_within(b->has_flags, &b->flags, o->has_flags, &o->flags));
#undef EITHER
}

static bool
decided_before(const struct acl_rule *rules, size_t n, const struct acl_rule *a,
	const struct acl_rule *b, uint8_t family, unsigned *left)
{
	for (size_t i = 0; i < n && *left; i++) {
		--*left;
		if (covers(&rules[i], a, b, family))
			return true;
	}
	return false;
}

static bool
compare(const struct acl *a, const struct client *ca, const struct acl *b, const struct client *cb,
	unsigned *left)
{
	static const uint8_t families[] = {4, 6};

	for (size_t i = 0; i < a->n_rules; i++)
		for (size_t k = 0; k < b->n_rules; k++)
			for (size_t f = 0; f < sizeof(families); f++) {
				const struct acl_rule *x = &a->rules[i], *y = &b->rules[k];

				if (x->accept != y->accept &&
					rules_meet(x, ca, y, cb, families[f]) &&
					!decided_before(a->rules, i, x, y, families[f], left) &&
					!decided_before(b->rules, k, x, y, families[f], left))
					return true;
			}
	return false;
}

bool
acl_conflicts(const struct acl *a, const struct client *ca, const struct acl *b,
	const struct client *cb, unsigned *inout_looks)
{
	unsigned mine = *inout_looks < PAIR_LOOKS_MAX ? *inout_looks : PAIR_LOOKS_MAX, left = mine;
	bool ret = compare(a, ca, b, cb, &left);

	*inout_looks -= mine - left;
	return ret;
}
