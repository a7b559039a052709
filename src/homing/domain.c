/*
 * The snapshot of domains: order of servers, ownership of prefixes (rule M2).
 */
#include "homing/domain.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "base/mem.h"

enum { KEY_MAX = 1 << 20 }; /* more than a file of options holds */

static int
compare_servers(const void *a, const void *b)
{
	const struct domain_server *x = *(struct domain_server *const *)a;
	const struct domain_server *y = *(struct domain_server *const *)b;

	if (x->priority != y->priority)
		return x->priority < y->priority ? -1 : 1;
	if (strcmp(x->name, y->name) != 0)
		return strcmp(x->name, y->name);
	/* One server over several links: as listed. */
	return (x->ordinal > y->ordinal) - (x->ordinal < y->ordinal);
}

/* One server over several links is several of them here. */
static char *
server_key(const struct domain_server *s)
{
	struct buf key;
	char *text;

	buf_init(&key, KEY_MAX);
	buf_printf(&key, "%s", s->name);
	for (size_t i = 0; i < s->n_interfaces; i++)
		buf_printf(&key, "%s%s", i ? "," : "%", s->interfaces[i]);
	text = mem_text(buf_text(&key));
	buf_finish(&key);
	return text;
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
			d->servers[k]->key = server_key(d->servers[k]);
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
		free(d->servers[i]->key);
		free_texts(d->servers[i]->interfaces, d->servers[i]->n_interfaces);
		free(d->servers[i]->addresses);
		free(d->servers[i]);
	}
	free(d->servers);
	free_texts(d->interfaces, d->n_interfaces);
	free(d->name);
	free(d->prefixes);
	free(d->protects);
	free(d->resolvers);
	free(d->credentials.certificate);
	free(d->credentials.key);
	free(d->credentials.trust);
	free(d->credentials.crl);
	free(d->credentials.psk_identity);
	free(d->credentials.psk_file);
}

void
homing_free(struct homing *h)
{
	if (!h)
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
	free_texts(h->pi_list, h->n_pi_list);
	free(h);
}

size_t
domain_access(const struct domain *d, const struct domain_server *s, char ***ret)
{
	*ret = s && s->n_interfaces ? s->interfaces : d->interfaces;
	return s && s->n_interfaces ? s->n_interfaces : d->n_interfaces;
}
