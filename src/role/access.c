#include "role/access.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"
#include "homing/destination.h"

/* The n-th of one domain, or what is left of n. */
static bool
nth_of(const struct domain *d, const struct domain_server *s, size_t *n, struct access *ret)
{
	char **links;
	size_t n_links = domain_access(d, s, &links), count = n_links ? n_links : 1;

	if (*n >= count) {
		*n -= count;
		return false;
	}
	*ret = (struct access){d, n_links ? links[*n] : NULL};
	return true;
}

bool
access_nth(const struct homing *h, const struct domain *d, const struct domain_server *s, size_t n,
	struct access *ret)
{
	if (!d->n_via)
		return nth_of(d, s, &n, ret);
	for (size_t i = 0; i < d->n_via; i++)
		if (nth_of(&h->domains[homing_domain(h, d->via[i])], NULL, &n, ret))
			return true;
	return false;
}

bool
access_up(const struct access *a, const struct links *ls)
{
	return !a->interface || links_up(ls, a->interface);
}

bool
access_source(const struct homing *h, const struct access *a, const struct links *ls,
	const struct addr *to, struct source *ret, char *why, size_t cap)
{
	size_t n = 0, n_local = 0;
	const struct link_addr *la = links_addrs(ls, &n);
	struct local_addr *local = mem_array(n ? n : 1, sizeof(*local));
	int r;

	for (size_t i = 0; i < n; i++)
		if (a->interface || links_up(ls, la[i].interface))
			local[n_local++] = (struct local_addr){.addr = la[i].addr,
				.on_link = la[i].prefix,
				.interface = la[i].interface,
				.deprecated = la[i].deprecated,
				.temporary = la[i].temporary,
				.tentative = la[i].tentative,
				.home = la[i].home};
	r = source_select(h, a->domain, a->interface, to, local, n_local, ret, why, cap);
	free(local);
	return r == 0;
}

void
access_sort(const struct homing *h, const struct access *a, const struct links *ls,
	struct addr *addrs, size_t n)
{
	struct destination *list = mem_array(n ? n : 1, sizeof(*list));
	char why[200];

	for (size_t i = 0; i < n; i++) {
		struct source source = {.section = NULL};

		access_source(h, a, ls, &addrs[i], &source, why, sizeof(why));
		list[i] = (struct destination){addrs[i], source.local};
	}
	destination_sort(&h->policy, list, n);
	for (size_t i = 0; i < n; i++)
		addrs[i] = list[i].addr;
	free(list);
}

static bool
has_source(const struct resolver_config *cfg, int family)
{
	for (size_t i = 0; i < cfg->n_sources; i++)
		if (cfg->sources[i].family == family)
			return true;
	return false;
}

/* One source a family; the resolver library's own choice might be another domain's address. */
bool
access_resolvers(const struct homing *h, const struct access *a, const struct links *ls,
	struct access_resolvers *ret, char *why, size_t cap)
{
	struct resolver_config *cfg = &ret->config;
	const struct domain *d = a->domain;

	*cfg = (struct resolver_config){
		.interface = a->interface, .sources = ret->sources, .servers = ret->servers};
	snprintf(why, cap, "no address and no resolver configured");
	for (size_t i = 0; i < d->n_resolvers && cfg->n_servers < ACCESS_RESOLVERS_MAX; i++) {
		const struct addr *to = &d->resolvers[i].addr;
		struct source source;

		if (!has_source(cfg, to->family) && access_source(h, a, ls, to, &source, why, cap))
			ret->sources[cfg->n_sources++] = source.local.addr;
		if (has_source(cfg, to->family))
			ret->servers[cfg->n_servers++] = d->resolvers[i];
	}
	return cfg->n_servers > 0;
}
