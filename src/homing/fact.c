/*
 * Facts about domains: from text, and together with the configuration a snapshot.
 */
#include "homing/fact.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { DOTS_PORT = 4646, DATA_PORT = 443, LABEL_MAX = 63 };

static const char *const kinds[] = {[FACT_PREFIX] = "prefix",
	[FACT_RESOLVER] = "resolver",
	[FACT_SERVER] = "server",
	[FACT_GATEWAY] = "gateway",
	[FACT_DATA] = "data"};
static const char *const sources[FACT_SOURCES] = {[FACT_OPERATOR] = "operator",
	[FACT_DHCP] = "dhcp",
	[FACT_NAPTR] = "naptr",
	[FACT_DNS_SD] = "dns-sd",
	[FACT_ROUTER] = "router"};

static const char *const transports[] = {
	[SERVER_UDP] = "udp", [SERVER_TCP] = "tcp", [SERVER_ANY] = "any"};
#define COUNT(list) (sizeof(list) / sizeof(*(list)))

static int
index_of(const char *const *names, size_t n, const char *name)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(names[i], name))
			return (int)i;
	return -1;
}

const char *
fact_kind_name(enum fact_kind k)
{
	return kinds[k];
}

const char *
fact_source_name(enum fact_source s)
{
	return sources[s];
}

const char *
fact_transport_name(enum server_transport t)
{
	return transports[t];
}

bool
fact_kind_parse(const char *name, enum fact_kind *ret)
{
	int i = index_of(kinds, COUNT(kinds), name);

	if (i >= 0)
		*ret = (enum fact_kind)i;
	return i >= 0;
}

bool
fact_source_parse(const char *name, enum fact_source *ret)
{
	int i = index_of(sources, COUNT(sources), name);

	if (i >= 0)
		*ret = (enum fact_source)i;
	return i >= 0;
}

bool
fact_transport_parse(const char *name, enum server_transport *ret)
{
	int i = index_of(transports, COUNT(transports), name);

	if (i >= 0)
		*ret = (enum server_transport)i;
	return i >= 0;
}

/* ---- from text and to it ---- */

/* RFC 1123 2.1; a dot at the end is none of the name. */
static bool
read_name(const char *text, size_t len, char *ret)
{
	size_t label = 0;

	if (len && text[len - 1] == '.')
		len--;
	if (!len || len > FACT_NAME_MAX - 1)
		return false;
	for (size_t i = 0; i <= len; i++) {
		bool end = i == len || text[i] == '.';

		if (end && (!label || label > LABEL_MAX || text[i - 1] == '-'))
			return false;
		if (!end && !isalnum((unsigned char)text[i]) && (text[i] != '-' || !label))
			return false;
		label = end ? 0 : label + 1;
	}
	snprintf(ret, FACT_NAME_MAX + 1, "%.*s", (int)len, text);
	return true;
}

static bool
is_usable(const struct addr *a)
{
	return !addr_is_multicast(a) && !addr_is_loopback(a) && !addr_is_unspecified(a);
}

/* Those that can be no server's are left out; the order is that of preference. */
static bool
read_addresses(const char *text, struct fact *f)
{
	while (true) {
		size_t len = strcspn(text, ",");
		char one[ADDR_TEXT_MAX];
		struct addr a;

		if (len >= sizeof(one))
			return false;
		snprintf(one, sizeof(one), "%.*s", (int)len, text);
		if (addr_parse(one, &a) < 0)
			return false;
		if (is_usable(&a) && f->n_addrs < FACT_ADDRS_MAX)
			f->addrs[f->n_addrs++] = a;
		if (!text[len])
			return true;
		text += len + 1;
	}
}

static int
read_server(const char *text, struct fact *f, char *why, size_t cap)
{
	const char *at = strchr(text, '@');
	size_t len = at ? (size_t)(at - text) : strlen(text);

	if (!at && !read_name(text, len, f->name))
		snprintf(why, cap, "%.100s is no name of a host, expected NAME[@ADDRESS,…]", text);
	else if (at && len && !read_name(text, len, f->name))
		snprintf(why, cap, "what stands before @ is no name of a host");
	else if (at && !read_addresses(at + 1, f))
		snprintf(why, cap, "what follows @ are no addresses, expected ADDRESS,…");
	else if (at && !f->n_addrs)
		snprintf(why, cap,
			"RFC 8973 5.1.3: all addresses are multicast, loopback or unspecified");
	else
		return 0;
	return -EINVAL;
}

static int
read_gateway(const char *text, struct fact *f, char *why, size_t cap)
{
	if (addr_parse(text, &f->addrs[0]) == 0 && is_usable(&f->addrs[0])) {
		f->n_addrs = 1;
		return 0;
	}
	snprintf(why, cap, "%.100s is no address of a router", text);
	return -EINVAL;
}

int
fact_parse(enum fact_kind kind, const char *text, struct fact *ret, char *why, size_t cap)
{
	*ret = (struct fact){.kind = kind, .port = DOTS_PORT, .transport = SERVER_ANY};
	switch (kind) {
	case FACT_PREFIX:
		if (prefix_parse(text, &ret->prefix) == 0 && !prefix_is_special(&ret->prefix))
			return 0;
		snprintf(why, cap, "%.100s is no prefix that a provider assigns", text);
		return -EINVAL;
	case FACT_RESOLVER:
		if (endpoint_parse(text, 53, &ret->resolver) == 0 &&
			!addr_is_multicast(&ret->resolver.addr))
			return 0;
		snprintf(why, cap, "%.100s is no resolver, expected ADDRESS[:PORT]", text);
		return -EINVAL;
	case FACT_DATA:
		ret->port = DATA_PORT;
		return read_server(text, ret, why, cap);
	case FACT_SERVER:
		return read_server(text, ret, why, cap);
	case FACT_GATEWAY:
		return read_gateway(text, ret, why, cap);
	}
	return -EINVAL;
}

static void
format_server(const struct fact *f, char *buf)
{
	char address[ADDR_TEXT_MAX];
	size_t len = (size_t)snprintf(buf, FACT_TEXT_MAX, "%s", f->name);

	for (size_t i = 0; i < f->n_addrs; i++)
		len += (size_t)snprintf(buf + len, FACT_TEXT_MAX - len, "%s%s", i ? "," : "@",
			addr_format(&f->addrs[i], address));
}

char *
fact_format(const struct fact *f, char *buf)
{
	switch (f->kind) {
	case FACT_PREFIX:
		prefix_format(&f->prefix, buf);
		break;
	case FACT_RESOLVER:
		if (f->resolver.port == 53)
			addr_format(&f->resolver.addr, buf);
		else
			endpoint_format(&f->resolver, buf);
		break;
	case FACT_SERVER:
	case FACT_DATA:
		format_server(f, buf);
		break;
	case FACT_GATEWAY:
		addr_format(&f->addrs[0], buf);
		break;
	}
	return buf;
}

bool
fact_equal(const struct fact *a, const struct fact *b)
{
	char x[FACT_TEXT_MAX], y[FACT_TEXT_MAX];

	return a->kind == b->kind && a->source == b->source && a->port == b->port &&
	       a->transport == b->transport && !strcmp(a->domain, b->domain) &&
	       !strcmp(a->interface, b->interface) && !strcmp(fact_format(a, x), fact_format(b, y));
}

/* ---- together with the configuration ---- */

static void *
append(void *list, size_t *n, size_t size, const void *element)
{
	list = mem_grow(list, *n + 1, size);
	memcpy((char *)list + *n * size, element, size);
	++*n;
	return list;
}

static void
add_prefix(struct domain *d, const struct prefix *p)
{
	for (size_t i = 0; i < d->n_prefixes; i++)
		if (prefix_equal(&d->prefixes[i], p))
			return;
	d->prefixes = append(d->prefixes, &d->n_prefixes, sizeof(*p), p);
	if (d->protects_assigned)
		d->protects = append(d->protects, &d->n_protects, sizeof(*p), p);
}

static void
add_addresses(struct domain_server *s, const struct fact *f)
{
	for (size_t i = 0; i < f->n_addrs; i++) {
		bool known = false;

		for (size_t k = 0; k < s->n_addresses; k++)
			known = known || addr_equal(&s->addresses[k], &f->addrs[i]);
		if (!known)
			s->addresses = append(
				s->addresses, &s->n_addresses, sizeof(*f->addrs), &f->addrs[i]);
	}
}

static bool
is_behind(const struct domain_server *s, const char *interface)
{
	return *interface ? s->n_interfaces == 1 && !strcmp(s->interfaces[0], interface)
			  : !s->n_interfaces;
}

/* DHCP tells the addresses of each family by itself. One that is configured stays as it is. */
static bool
is_known_server(struct domain *d, const struct fact *f, const char *name)
{
	for (size_t i = 0; i < d->n_servers; i++) {
		struct domain_server *s = d->servers[i];

		if (strcmp(s->name, name) != 0 || s->port != f->port ||
			(s->transport == SERVER_TCP) != (f->transport == SERVER_TCP) ||
			!is_behind(s, f->interface))
			continue;
		if (s->learned)
			add_addresses(s, f);
		if (s->learned && f->expires && (!s->expires || f->expires < s->expires))
			s->expires = f->expires;
		return true;
	}
	return false;
}

static void
add_server(struct domain *d, const struct fact *f)
{
	char text[ADDR_TEXT_MAX];
	const char *name = *f->name ? f->name : addr_format(&f->addrs[0], text);
	struct domain_server *s;

	if (is_known_server(d, f, name))
		return;
	s = mem_new(sizeof(*s));
	s->name = mem_text(name);
	add_addresses(s, f);
	s->port = f->port;
	s->transport = f->transport;
	s->priority = f->priority;
	s->learned = f->kind == FACT_GATEWAY ? "router" : fact_source_name(f->source);
	s->expires = f->expires;
	if (*f->interface) {
		s->interfaces = mem_new(sizeof(char *));
		s->interfaces[s->n_interfaces++] = mem_text(f->interface);
	}
	d->servers = append(d->servers, &d->n_servers, sizeof(s), &s);
}

static void
add_resolver(struct domain *d, const struct fact *f)
{
	d->resolvers = append(d->resolvers, &d->n_resolvers, sizeof(f->resolver), &f->resolver);
}

/* How many of that kind and source were added to that domain. */
static size_t
add_all(struct domain *d, const struct fact *facts, size_t n, enum fact_kind kind,
	enum fact_source source)
{
	size_t added = 0;

	for (size_t i = 0; i < n; i++) {
		const struct fact *f = &facts[i];

		if (f->kind != kind || f->source != source || strcmp(f->domain, d->name) != 0)
			continue;
		if (kind == FACT_RESOLVER)
			add_resolver(d, f);
		else
			add_server(d, f);
		added++;
	}
	return added;
}

/* RFC 8973 4: the operator's add to what is configured; of the others the first source that says
 * something, where nothing was said before. */
static void
add_by_rank(struct domain *d, const struct fact *facts, size_t n, enum fact_kind kind, size_t known)
{
	known += add_all(d, facts, n, kind, FACT_OPERATOR);
	for (int s = FACT_OPERATOR + 1; s < FACT_SOURCES && !known; s++)
		known = add_all(d, facts, n, kind, (enum fact_source)s);
}

/* RFC 9132 4.3: with nothing else to go to. */
static void
add_routers(struct domain *d, const struct fact *facts, size_t n)
{
	for (int s = 0; s < FACT_SOURCES && !d->n_servers; s++)
		add_all(d, facts, n, FACT_GATEWAY, (enum fact_source)s);
}

static void
apply_to(struct domain *d, const struct fact *facts, size_t n)
{
	for (size_t i = 0; i < n; i++)
		if (facts[i].kind == FACT_PREFIX && !strcmp(facts[i].domain, d->name))
			add_prefix(d, &facts[i].prefix);
	add_by_rank(d, facts, n, FACT_RESOLVER, d->n_resolvers);
	add_by_rank(d, facts, n, FACT_SERVER, d->n_servers);
	add_routers(d, facts, n);
}

/* Nobody assigned a provider-independent prefix (RFC 9284 3). */
static bool
is_independent(const struct homing *h, const struct prefix *p)
{
	for (size_t i = 0; i < h->n_provider_independent; i++)
		if (prefix_equal(&h->provider_independent[i], p))
			return true;
	return false;
}

struct homing *
facts_apply(const struct homing *base, const struct fact *facts, size_t n, char *why, size_t cap)
{
	struct homing *h = homing_copy(base);

	for (size_t i = 0; i < h->n_domains; i++)
		apply_to(&h->domains[i], facts, n);
	for (size_t i = 0; i < n; i++)
		if (facts[i].kind == FACT_PREFIX && is_independent(h, &facts[i].prefix)) {
			snprintf(why, cap, "RFC 9284 3: the prefix is provider-independent");
			homing_free(h);
			return NULL;
		}
	if (homing_index(h, why, cap) == 0)
		return h;
	homing_free(h);
	return NULL;
}

/* ---- doubts ---- */

static bool
is_doubtful(const struct domain *d, const char *name)
{
	return d->n_trusted_names && !domain_trusts(d, name);
}

const char *
fact_doubt(const struct homing *base, const struct fact *f, char *buf, size_t cap)
{
	int index = homing_domain(base, f->domain);
	struct homing *h;

	if (index < 0) {
		snprintf(buf, cap, "there is no domain %.100s", f->domain);
		return buf;
	}
	if ((f->kind == FACT_SERVER || f->kind == FACT_DATA) && f->source != FACT_OPERATOR &&
		is_doubtful(&base->domains[index], f->name)) {
		snprintf(buf, cap, "RFC 8973 8.1: %.100s is none of the trusted-names of %.60s",
			*f->name ? f->name : "an address without a name", f->domain);
		return buf;
	}
	h = facts_apply(base, f, 1, buf, cap);
	homing_free(h);
	return h ? NULL : buf;
}
