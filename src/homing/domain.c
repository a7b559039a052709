/*
 * The snapshot of domains: order of servers, ownership of prefixes (rule M2).
 */
#include "homing/domain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "base/buf.h"
#include "base/mem.h"

enum { DOTS_PORT = 4646, ID_MAX = 1 << 20 }; /* more than a file of options holds */

static int
compare_servers(const void *a, const void *b)
{
	const struct domain_server *x = *(struct domain_server *const *)a;
	const struct domain_server *y = *(struct domain_server *const *)b;

	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	if (strcmp(x->name, y->name) != 0)
		return strcmp(x->name, y->name);
	/* One server over several links, or by several ports: as listed. */
	return (x->ordinal > y->ordinal) - (x->ordinal < y->ordinal);
}

static char *
id_of(const struct domain_server *s)
{
	struct buf id;
	char *text;

	buf_init(&id, ID_MAX);
	buf_printf(&id, "%s", s->name);
	if (s->port != DOTS_PORT || s->transport == SERVER_TCP)
		buf_printf(&id, ":%u%s", s->port, s->transport == SERVER_TCP ? "/tcp" : "");
	for (size_t i = 0; i < s->n_interfaces; i++)
		buf_printf(&id, "%s%s", i ? "," : "%", s->interfaces[i]);
	text = mem_text(buf_text(&id));
	buf_finish(&id);
	return text;
}

static void
name_servers(struct homing *h)
{
	for (size_t i = 0; i < h->n_domains; i++)
		for (size_t k = 0; k < h->domains[i].n_servers; k++)
			h->domains[i].servers[k]->id = id_of(h->domains[i].servers[k]);
}

static int
check_via(const struct homing *h, char *why, size_t cap)
{
	for (size_t i = 0; i < h->n_domains; i++)
		for (size_t k = 0; k < h->domains[i].n_via; k++) {
			int other = homing_domain(h, h->domains[i].via[k]);

			if (other >= 0 && !h->domains[other].n_via)
				continue;
			snprintf(why, cap, "via of %s names %s, which is no domain%s",
				h->domains[i].name, h->domains[i].via[k],
				other < 0 ? "" : " with links of its own");
			return -EINVAL;
		}
	return 0;
}

static int
check_servers(const struct homing *h, char *why, size_t cap)
{
	for (size_t i = 0; i < h->n_domains; i++) {
		const struct domain *d = &h->domains[i];

		for (size_t k = 0; k < d->n_servers; k++)
			for (size_t j = 0; j < k; j++)
				if (!strcmp(d->servers[j]->id, d->servers[k]->id)) {
					snprintf(why, cap,
						"%s has two servers %s of the same port, "
						"transport and links",
						d->name, d->servers[k]->name);
					return -EINVAL;
				}
	}
	return 0;
}

static void
number_servers(struct homing *h)
{
	uint32_t ordinal = 0;

	for (size_t i = 0; i < h->n_domains; i++)
		h->n_servers += h->domains[i].n_servers;
	h->servers = mem_array(h->n_servers, sizeof(struct domain_server *));
	for (size_t i = 0; i < h->n_domains; i++) {
		struct domain *d = &h->domains[i];

		for (size_t k = 0; k < d->n_servers; k++)
			d->servers[k]->ordinal = (uint32_t)k;
		qsort(d->servers, d->n_servers, sizeof(struct domain_server *), compare_servers);
		for (size_t k = 0; k < d->n_servers; k++) {
			d->servers[k]->domain = (uint32_t)i;
			d->servers[k]->ordinal = ordinal;
			h->servers[ordinal++] = d->servers[k];
		}
	}
}

static struct owner *
owner_at(struct homing *h, const struct prefix *p, int kind)
{
	struct owner *o = trie_get(h->owners, p);

	if (!o) {
		o = mem_new(sizeof(*o));
		o->prefix = *p;
		o->kind = kind;
		trie_set(h->owners, p, o);
	}
	return o;
}

static void
add_domain(struct homing *h, const struct prefix *p, uint32_t domain)
{
	struct owner *o = owner_at(h, p, OWNER_DOMAINS);

	o->kind = OWNER_DOMAINS; /* an explicit `protects` says more than "nobody assigned it" */
	for (size_t i = 0; i < o->n_domains; i++)
		if (o->domains[i] == domain)
			return;
	o->domains = mem_grow(o->domains, o->n_domains + 1, sizeof(*o->domains));
	o->domains[o->n_domains++] = domain;
}

static int
check_assignments(const struct homing *h, char *why, size_t cap)
{
	struct trie *assigned = trie_new();
	char text[PREFIX_TEXT_MAX];
	int r = 0;

	for (size_t i = 0; i < h->n_domains && !r; i++) {
		struct domain *d = &h->domains[i];

		for (size_t k = 0; k < d->n_prefixes && !r; k++) {
			const struct domain *other = trie_set(assigned, &d->prefixes[k], d);

			if (other && other != d) {
				snprintf(why, cap, "prefix %s is assigned by both %s and %s",
					prefix_format(&d->prefixes[k], text), other->name, d->name);
				r = -EINVAL;
			}
		}
	}
	trie_free(assigned);
	return r;
}

/* Without any filter rule every target goes to every gateway (M12). */
static void
add_gateways(struct homing *h)
{
	static const struct addr any[2] = {{.family = 4}, {.family = 6}};

	for (size_t i = 0; i < h->n_domains; i++)
		if (h->domains[i].gateway && h->domains[i].n_protects)
			return;
	for (size_t i = 0; i < h->n_domains; i++)
		for (int f = 0; h->domains[i].gateway && f < 2; f++) {
			struct prefix all = prefix_of(&any[f], 0);

			add_domain(h, &all, (uint32_t)i);
		}
}

int
homing_index(struct homing *h, char *why, size_t cap)
{
	int r = check_assignments(h, why, cap);

	name_servers(h);
	if (!r)
		r = check_servers(h, why, cap);
	if (!r)
		r = check_via(h, why, cap);
	number_servers(h);
	h->owners = trie_new();
	for (size_t i = 0; i < h->n_provider_independent; i++)
		owner_at(h, &h->provider_independent[i], OWNER_PI);
	for (size_t i = 0; i < h->n_domains; i++)
		for (size_t k = 0; k < h->domains[i].n_protects; k++)
			add_domain(h, &h->domains[i].protects[k], (uint32_t)i);
	add_gateways(h);
	for (size_t i = 0; i < h->n_never_signal; i++)
		owner_at(h, &h->never_signal[i], OWNER_NEVER)->kind = OWNER_NEVER;
	for (size_t i = 0; i < h->n_pi_list && !r; i++)
		if (homing_domain(h, h->pi_list[i]) < 0) {
			snprintf(why, cap, "pi names %s, which is no domain", h->pi_list[i]);
			r = -EINVAL;
		}
	return r;
}

int
homing_domain(const struct homing *h, const char *name)
{
	for (size_t i = 0; i < h->n_domains; i++)
		if (!strcmp(h->domains[i].name, name))
			return (int)i;
	return -1;
}

bool
domain_expects_server(const struct domain *d)
{
	return d->credentials.certificate || d->credentials.raw_key || d->credentials.psk_identity;
}

bool
homing_awaits_server(const struct homing *h, const char *domain)
{
	int d = homing_domain(h, domain);

	return d >= 0 && !h->domains[d].n_servers && domain_expects_server(&h->domains[d]);
}

const struct domain *
homing_resolver_of(const struct homing *h, const struct addr *resolver)
{
	for (size_t i = 0; i < h->n_domains; i++)
		for (size_t k = 0; k < h->domains[i].n_resolvers; k++)
			if (addr_equal(&h->domains[i].resolvers[k].addr, resolver))
				return &h->domains[i];
	return NULL;
}

/* ---- copying ---- */

static void *
copy_list(const void *list, size_t n, size_t size)
{
	return n ? mem_copy(list, n * size) : NULL;
}

static char **
copy_texts(char *const *list, size_t n)
{
	char **copy = n ? mem_array(n, sizeof(char *)) : NULL;

	for (size_t i = 0; i < n; i++)
		copy[i] = mem_text(list[i]);
	return copy;
}

static void
copy_credentials(const struct domain_credentials *from, struct domain_credentials *to)
{
	*to = (struct domain_credentials){.certificate = mem_text(from->certificate),
		.key = mem_text(from->key),
		.trust = mem_text(from->trust),
		.crl = mem_text(from->crl),
		.raw_key = mem_text(from->raw_key),
		.psk_identity = mem_text(from->psk_identity),
		.psk_file = mem_text(from->psk_file),
		.spki = copy_texts(from->spki, from->n_spki),
		.n_spki = from->n_spki};
}

static struct domain_server *
copy_server(const struct domain_server *s)
{
	struct domain_server *copy = mem_copy(s, sizeof(*s));

	copy->name = mem_text(s->name);
	copy->id = NULL;
	copy->interfaces = copy_texts(s->interfaces, s->n_interfaces);
	copy->addresses = copy_list(s->addresses, s->n_addresses, sizeof(*s->addresses));
	return copy;
}

static void
copy_domain(const struct domain *from, struct domain *to)
{
	*to = *from;
	to->name = mem_text(from->name);
	to->interfaces = copy_texts(from->interfaces, from->n_interfaces);
	to->via = copy_texts(from->via, from->n_via);
	to->prefixes = copy_list(from->prefixes, from->n_prefixes, sizeof(*from->prefixes));
	to->protects = copy_list(from->protects, from->n_protects, sizeof(*from->protects));
	to->nat = copy_list(from->nat, from->n_nat, sizeof(*from->nat));
	to->resolvers = copy_list(from->resolvers, from->n_resolvers, sizeof(*from->resolvers));
	to->discovery_domain = mem_text(from->discovery_domain);
	to->trusted_names = copy_texts(from->trusted_names, from->n_trusted_names);
	to->servers = mem_array(from->n_servers, sizeof(struct domain_server *));
	for (size_t i = 0; i < from->n_servers; i++)
		to->servers[i] = copy_server(from->servers[i]);
	copy_credentials(&from->credentials, &to->credentials);
	to->data.name = mem_text(from->data.name);
}

static struct host *
copy_hosts(const struct host *list, size_t n)
{
	struct host *copy = copy_list(list, n, sizeof(*list));

	for (size_t i = 0; i < n; i++) {
		copy[i].name = mem_text(list[i].name);
		copy[i].addresses =
			copy_list(list[i].addresses, list[i].n_addresses, sizeof(struct addr));
	}
	return copy;
}

static struct consent *
copy_consents(const struct consent *list, size_t n)
{
	struct consent *copy = copy_list(list, n, sizeof(*list));

	for (size_t i = 0; i < n; i++) {
		copy[i].from = mem_text(list[i].from);
		copy[i].to = mem_text(list[i].to);
		copy[i].granted_by = mem_text(list[i].granted_by);
		copy[i].at = mem_text(list[i].at);
	}
	return copy;
}

struct homing *
homing_copy(const struct homing *h)
{
	struct homing *copy = mem_copy(h, sizeof(*h));

	copy->domains = mem_array(h->n_domains, sizeof(*h->domains));
	for (size_t i = 0; i < h->n_domains; i++)
		copy_domain(&h->domains[i], &copy->domains[i]);
	copy->provider_independent = copy_list(h->provider_independent, h->n_provider_independent,
		sizeof(*h->provider_independent));
	copy->never_signal =
		copy_list(h->never_signal, h->n_never_signal, sizeof(*h->never_signal));
	copy->policy.rows = copy_list(h->policy.rows, h->policy.n, sizeof(*h->policy.rows));
	copy->pi_list = copy_texts(h->pi_list, h->n_pi_list);
	copy->hosts = copy_hosts(h->hosts, h->n_hosts);
	copy->consents = copy_consents(h->consents, h->n_consents);
	copy->servers = NULL;
	copy->n_servers = 0;
	copy->owners = NULL;
	copy->references = 0;
	return copy;
}

/* ---- freeing ---- */

static bool
free_owner(void *arg, const struct prefix *p, void *value)
{
	struct owner *o = value;

	(void)arg;
	(void)p;
	free(o->domains);
	free(o);
	return true;
}

static void
free_texts(char **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i]);
	free(list);
}

static void
free_domain(struct domain *d)
{
	for (size_t i = 0; i < d->n_servers; i++) {
		free(d->servers[i]->name);
		free(d->servers[i]->id);
		free_texts(d->servers[i]->interfaces, d->servers[i]->n_interfaces);
		free(d->servers[i]->addresses);
		free(d->servers[i]);
	}
	free(d->servers);
	free_texts(d->interfaces, d->n_interfaces);
	free(d->discovery_domain);
	free_texts(d->trusted_names, d->n_trusted_names);
	free_texts(d->via, d->n_via);
	free(d->name);
	free(d->prefixes);
	free(d->protects);
	free(d->nat);
	free(d->resolvers);
	free(d->data.name);
	free(d->credentials.certificate);
	free(d->credentials.key);
	free(d->credentials.trust);
	free(d->credentials.crl);
	free(d->credentials.raw_key);
	free_texts(d->credentials.spki, d->credentials.n_spki);
	free(d->credentials.psk_identity);
	free(d->credentials.psk_file);
}

static void
free_consents(struct homing *h)
{
	for (size_t i = 0; i < h->n_consents; i++) {
		free(h->consents[i].from);
		free(h->consents[i].to);
		free(h->consents[i].granted_by);
		free(h->consents[i].at);
	}
	free(h->consents);
}

struct homing *
homing_ref(const struct homing *h)
{
	struct homing *own =
		(struct homing *)(uintptr_t)h; /* the count is not part of what is read */

	own->references++;
	return own;
}

void
homing_free(struct homing *h)
{
	if (!h || h->references-- > 0)
		return;
	if (h->owners)
		trie_walk(h->owners, free_owner, NULL);
	trie_free(h->owners);
	for (size_t i = 0; i < h->n_domains; i++)
		free_domain(&h->domains[i]);
	free(h->domains);
	free(h->servers);
	free(h->provider_independent);
	free(h->never_signal);
	free(h->policy.rows);
	free_texts(h->pi_list, h->n_pi_list);
	for (size_t i = 0; i < h->n_hosts; i++) {
		free(h->hosts[i].name);
		free(h->hosts[i].addresses);
	}
	free(h->hosts);
	free_consents(h);
	free(h);
}

size_t
domain_access(const struct domain *d, const struct domain_server *s, char ***ret)
{
	*ret = s && s->n_interfaces ? s->interfaces : d->interfaces;
	return s && s->n_interfaces ? s->n_interfaces : d->n_interfaces;
}

static bool
matches(const char *pattern, const char *name)
{
	size_t tail = strlen(pattern) - 1, len = strlen(name);

	if (pattern[0] != '*')
		return !strcasecmp(pattern, name);
	return len > tail && !strcasecmp(name + len - tail, pattern + 1);
}

bool
domain_trusts(const struct domain *d, const char *server)
{
	for (size_t i = 0; i < d->n_trusted_names; i++)
		if (matches(d->trusted_names[i], server))
			return true;
	return false;
}
