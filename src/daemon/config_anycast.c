/*
 * One address for several servers (RFC 9284 5.2, 5.3; rule M11): whoever is nearest gets the
 * request, not who was meant. The same address behind different interfaces is another matter: each
 * link leads to its own.
 */
#include <string.h>

#include "daemon/config_table.h"

struct pair {
	const struct domain *a, *b;
	const struct domain_server *sa, *sb;
};

/* Without interfaces it may be any. */
static bool
share_link(const struct pair *p)
{
	char **of_a, **of_b;
	size_t n_a = domain_access(p->a, p->sa, &of_a), n_b = domain_access(p->b, p->sb, &of_b);

	for (size_t i = 0; i < n_a; i++)
		for (size_t k = 0; k < n_b; k++)
			if (!strcmp(of_a[i], of_b[k]))
				return true;
	return !n_a || !n_b;
}

static const struct addr *
shared_address(const struct domain_server *a, const struct domain_server *b)
{
	for (size_t i = 0; a->port == b->port && i < a->n_addresses; i++)
		for (size_t k = 0; k < b->n_addresses; k++)
			if (addr_equal(&a->addresses[i], &b->addresses[k]))
				return &a->addresses[i];
	return NULL;
}

static void
check_pair(struct options *o, const struct pair *p, struct spot spot, bool fatal)
{
	const struct addr *shared = shared_address(p->sa, p->sb);
	char text[ADDR_TEXT_MAX];

	if (shared && share_link(p))
		options_problem(o, fatal, spot,
			"%s is an anycast address: of %s of %s and of %s of %s, expected an "
			"address for each: a request reaches only one of them (RFC 9284 %s)",
			addr_format(shared, text), p->sa->name, p->a->name, p->sb->name, p->b->name,
			p->a->gateway && p->b->gateway ? "5.3" : "5.2");
}

void
config_check_anycast(struct options *o, const struct draft *d, const struct homing *h)
{
	for (size_t i = 1; i < h->n_servers; i++)
		for (size_t k = 0; k < i; k++) {
			struct pair p = {.sa = h->servers[k], .sb = h->servers[i]};
			bool gateways;

			p.a = &h->domains[p.sa->domain];
			p.b = &h->domains[p.sb->domain];
			gateways = p.a->gateway && p.b->gateway;
			check_pair(o, &p, options_spot(o, draft_domain(d, p.sb->domain), "servers"),
				gateways && h->n_provider_independent && !d->allow_anycast);
		}
}
