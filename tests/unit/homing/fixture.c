#include "fixture.h"

#include <stdio.h>

/* ---- networks ---- */

static char **
words(const char *text, char separator, size_t *ret_n)
{
	char **list = mem_array(32, sizeof(char *)), *copy = mem_text(text), *rest = copy, *w;
	char by[2] = {separator, 0};

	*ret_n = 0;
	while ((w = strsep(&rest, by)))
		if (*w && strcmp(w, "-") != 0)
			list[(*ret_n)++] = mem_text(w);
	free(copy);
	return list;
}

static void
free_words(char **list, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free(list[i]);
	free(list);
}

struct prefix
prefix_from(const char *text)
{
	struct prefix p;

	if (prefix_parse(text, &p) != 0)
		fail_msg("%s is no prefix", text);
	return p;
}

static struct prefix *
prefixes_from(const char *text, size_t *ret_n)
{
	char **list = words(text, ',', ret_n);
	struct prefix *p = mem_array(*ret_n, sizeof(*p));

	for (size_t i = 0; i < *ret_n; i++)
		p[i] = prefix_from(list[i]);
	free_words(list, *ret_n);
	return p;
}

static void
make_domain(struct domain *d, const char *text)
{
	char name[64], interface[64], prefixes[256], servers[256];
	char **list;
	size_t n;

	assert_int_equal(
		sscanf(text, "%63s %63s %255s %255s", name, interface, prefixes, servers), 4);
	d->gateway = *name == '@';
	d->name = mem_text(name + d->gateway);
	d->interfaces = words(interface, ',', &d->n_interfaces);
	d->protects = prefixes_from(prefixes, &d->n_protects);
	if (!d->gateway)
		d->prefixes = prefixes_from(prefixes, &d->n_prefixes);
	d->lifetime = 3600;
	d->heartbeat = HEARTBEAT_CONFIG_DEFAULT;
	list = words(servers, ',', &n);
	d->servers = mem_array(n, sizeof(struct domain_server *));
	for (size_t i = 0; i < n; i++) {
		d->servers[i] = mem_new(sizeof(struct domain_server));
		d->servers[i]->name = mem_text(list[i]);
		d->servers[i]->port = 4646;
		d->servers[i]->priority = (uint32_t)i;
	}
	d->n_servers = n;
	free_words(list, n);
}

struct homing *
make_homing(const char *const *domains, size_t n)
{
	struct homing *h = mem_new(sizeof(*h));

	h->domains = mem_array(n, sizeof(*h->domains));
	h->n_domains = n;
	for (size_t i = 0; i < n; i++)
		make_domain(&h->domains[i], domains[i]);
	return h;
}

uint32_t
server_named(const struct homing *h, const char *name)
{
	for (uint32_t i = 0; i < h->n_servers; i++)
		if (!strcmp(h->servers[i]->name, name))
			return i;
	fail_msg("no server %s", name);
	return 0;
}

struct target
target_from(struct arena *a, const char *text)
{
	char prefixes[512], protocols[128] = "-", ports[128] = "-";
	struct target t = {0};
	char **list;
	size_t n;

	sscanf(text, "%511s %127s %127s", prefixes, protocols, ports);
	list = words(prefixes, ',', &n);
	t.target_prefix = arena_alloc(a, n, sizeof(*t.target_prefix));
	for (size_t i = 0; i < n; i++)
		t.target_prefix[t.n_target_prefix++] = prefix_from(list[i]);
	free_words(list, n);
	list = words(protocols, ',', &n);
	t.target_protocol = arena_alloc(a, n, sizeof(*t.target_protocol));
	for (size_t i = 0; i < n; i++)
		t.target_protocol[t.n_target_protocol++] = strtoull(list[i], NULL, 10);
	free_words(list, n);
	list = words(ports, ',', &n);
	t.target_port_range = arena_alloc(a, n, sizeof(*t.target_port_range));
	for (size_t i = 0; i < n; i++)
		t.target_port_range[t.n_target_port_range++] =
			(struct port_range){.has = 1ULL << PORT_RANGE_LOWER_PORT,
				.lower_port = strtoull(list[i], NULL, 10)};
	free_words(list, n);
	return t;
}

struct name
name_from(struct arena *a, const char *text, const char *addresses)
{
	struct target t = target_from(a, addresses);
	char why[100];
	struct name n;

	assert_int_equal(name_parse(text, a, &n, why, sizeof(why)), 0);
	n.state = NAME_KNOWN;
	n.whole = true;
	n.addresses = t.target_prefix;
	n.n_addresses = t.n_target_prefix;
	return n;
}

/* ---- a store in memory ---- */

struct record {
	struct record *next;
	char *kind, *key, *value;
};

struct memory_store {
	struct persist persist;
	struct record *records;
};

static void
remove_(struct persist *p, const char *kind, const char *key)
{
	struct memory_store *m = (struct memory_store *)p;

	for (struct record **r = &m->records, *gone; (gone = *r); r = &gone->next)
		if (!strcmp(gone->kind, kind) && !strcmp(gone->key, key)) {
			*r = gone->next;
			free(gone->kind);
			free(gone->key);
			free(gone->value);
			free(gone);
			return;
		}
}

static void
put(struct persist *p, const char *kind, const char *key, const char *value)
{
	struct memory_store *m = (struct memory_store *)p;
	struct record *r = mem_new(sizeof(*r));

	remove_(p, kind, key);
	r->kind = mem_text(kind);
	r->key = mem_text(key);
	r->value = mem_text(value);
	r->next = m->records;
	m->records = r;
}

static void
after(struct persist *p, void (*done)(void *arg, bool durable), void *arg)
{
	(void)p;
	done(arg, true);
}

static void
each(struct persist *p, const char *kind,
	void (*visit)(void *arg, const char *key, const char *value), void *arg)
{
	for (struct record *r = ((struct memory_store *)p)->records, *next; r; r = next) {
		next = r->next;
		if (!strcmp(r->kind, kind))
			visit(arg, r->key, r->value);
	}
}

static const struct persist_ops ops = {put, remove_, after, each};

struct persist *
memory_store_new(void)
{
	struct memory_store *m = mem_new(sizeof(*m));

	m->persist.ops = &ops;
	return &m->persist;
}

void
memory_store_free(struct persist *p)
{
	struct memory_store *m = (struct memory_store *)p;

	while (m->records)
		remove_(p, m->records->kind, m->records->key);
	free(m);
}

size_t
memory_store_count(const struct persist *p, const char *kind)
{
	size_t n = 0;

	for (const struct record *r = ((const struct memory_store *)p)->records; r; r = r->next)
		n += !strcmp(r->kind, kind);
	return n;
}
