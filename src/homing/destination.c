#include "homing/destination.h"

/* Each rule: > 0 if a is better, < 0 if b is, 0 undecided. */

static int
rule_usable(const struct policy *p, const struct destination *a, const struct destination *b)
{
	(void)p;
	return (a->source.addr.family != 0) - (b->source.addr.family != 0);
}

static bool
matches_scope(const struct destination *d)
{
	return policy_scope(&d->addr) == policy_scope(&d->source.addr);
}

static int
rule_scope(const struct policy *p, const struct destination *a, const struct destination *b)
{
	(void)p;
	return matches_scope(a) - matches_scope(b);
}

static bool
is_deprecated(const struct destination *d)
{
	return d->source.deprecated && policy_ages(&d->source.addr);
}

static int
rule_deprecated(const struct policy *p, const struct destination *a, const struct destination *b)
{
	(void)p;
	return is_deprecated(b) - is_deprecated(a);
}

static int
rule_home(const struct policy *p, const struct destination *a, const struct destination *b)
{
	(void)p;
	return a->source.home - b->source.home;
}

static bool
matches_label(const struct policy *p, const struct destination *d)
{
	return policy_of(p, &d->addr).label == policy_of(p, &d->source.addr).label;
}

static int
rule_label(const struct policy *p, const struct destination *a, const struct destination *b)
{
	return matches_label(p, a) - matches_label(p, b);
}

static int
rule_precedence(const struct policy *p, const struct destination *a, const struct destination *b)
{
	uint32_t pa = policy_of(p, &a->addr).precedence, pb = policy_of(p, &b->addr).precedence;

	return (pa > pb) - (pa < pb);
}

static int
rule_smaller_scope(const struct policy *p, const struct destination *a, const struct destination *b)
{
	(void)p;
	return policy_scope(&b->addr) - policy_scope(&a->addr);
}

static unsigned
common(const struct destination *d)
{
	return policy_common(&d->source.addr, &d->addr, d->source.on_link.len);
}

static int
rule_longest(const struct policy *p, const struct destination *a, const struct destination *b)
{
	(void)p;
	return a->addr.family == b->addr.family ? (int)common(a) - (int)common(b) : 0;
}

/* RFC 6724 6, rules 1 to 6, 8 and 9. */
static int (*const rules[])(const struct policy *p, const struct destination *a,
	const struct destination *b) = {rule_usable, rule_scope, rule_deprecated, rule_home,
	rule_label, rule_precedence, rule_smaller_scope, rule_longest};

static bool
is_better(const struct policy *p, const struct destination *a, const struct destination *b)
{
	int r = 0;

	for (size_t i = 0; !r && i < sizeof(rules) / sizeof(*rules); i++)
		r = rules[i](p, a, b);
	return r > 0;
}

/* By insertion: nobody is put before an equal, and there are few. */
void
destination_sort(const struct policy *p, struct destination *list, size_t n)
{
	for (size_t i = 1; i < n; i++)
		for (size_t k = i; k > 0 && is_better(p, &list[k], &list[k - 1]); k--) {
			struct destination last = list[k];

			list[k] = list[k - 1];
			list[k - 1] = last;
		}
}
