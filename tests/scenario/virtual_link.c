/* net/link.h, net/resolver.h and net/credentials.h of the virtual world. */
#include <net/if.h>
#include <stdio.h>

#include "world.h"

enum { LOOKUP_MS = 10, SILENCE_MS = 6000 };

/* ---- links --------------------------------------------------------------------------------- */

struct links {
	struct loop *loop;
	void (*changed)(void *arg, const char *interface, bool up);
	void *arg;
};

struct change {
	struct loop *loop;
	char interface[IFNAMSIZ];
};

struct virtual_link *
world_link(const struct loop *l, const char *interface)
{
	for (size_t i = 0; i < l->n_links; i++)
		if (l->links[i].exists && !strcmp(l->links[i].name, interface))
			return (struct virtual_link *)&l->links[i];
	return NULL;
}

struct virtual_link *
world_link_of(const struct loop *l, const struct addr *a)
{
	for (size_t i = 0; i < l->n_addrs; i++)
		if (addr_equal(&l->addrs[i].addr, a))
			return world_link(l, l->addrs[i].interface);
	return NULL;
}

static void
on_change(void *arg)
{
	struct change *c = arg;
	const struct virtual_link *v = world_link(c->loop, c->interface);

	if (c->loop->watchers)
		c->loop->watchers->changed(c->loop->watchers->arg, c->interface, v && v->up);
}

void
world_tell_links(struct loop *l, const char *interface)
{
	struct change *c;

	if (!l->watchers)
		return;
	c = mem_new(sizeof(*c));
	c->loop = l;
	snprintf(c->interface, sizeof(c->interface), "%s", interface);
	world_job(l, on_change, c);
}

struct links *
links_new(struct loop *l, void (*changed)(void *arg, const char *interface, bool up), void *arg)
{
	struct links *ls = mem_new(sizeof(*ls));

	assert_null(l->watchers);
	*ls = (struct links){l, changed, arg};
	l->watchers = ls;
	return ls;
}

void
links_free(struct links *ls)
{
	if (ls)
		ls->loop->watchers = NULL;
	free(ls);
}

bool
links_up(const struct links *ls, const char *interface)
{
	const struct virtual_link *v = world_link(ls->loop, interface);

	return v && v->up;
}

bool
links_exists(const struct links *ls, const char *interface)
{
	return world_link(ls->loop, interface) != NULL;
}

const struct link_addr *
links_addrs(const struct links *ls, size_t *ret_n)
{
	*ret_n = ls->loop->n_addrs;
	return ls->loop->addrs;
}

struct way *
virtual_link(struct loop *l, const char *interface, const char *address)
{
	struct virtual_link *v = world_link(l, interface);

	if (!v) {
		assert_true(l->n_links < LINKS_MAX);
		v = &l->links[l->n_links++];
		*v = (struct virtual_link){.exists = true, .up = true, .way = {.delay = 10}};
		snprintf(v->name, sizeof(v->name), "%s", interface);
	}
	virtual_addr(l, interface, address);
	return &v->way;
}

struct way *
virtual_way(struct loop *l, const char *interface)
{
	struct virtual_link *v = world_link(l, interface);

	assert_non_null(v);
	return &v->way;
}

void
virtual_link_set(struct loop *l, const char *interface, bool up)
{
	struct virtual_link *v = world_link(l, interface);

	assert_non_null(v);
	v->up = up;
	world_tell_links(l, interface);
}

void
virtual_link_remove(struct loop *l, const char *interface)
{
	struct virtual_link *v = world_link(l, interface);

	assert_non_null(v);
	v->exists = v->up = false;
	world_tell_links(l, interface);
}

void
virtual_addr(struct loop *l, const char *interface, const char *address)
{
	struct link_addr *a = &l->addrs[l->n_addrs];
	char text[ADDR_TEXT_MAX];

	assert_true(l->n_addrs < ADDRS_MAX);
	*a = (struct link_addr){0};
	snprintf(text, sizeof(text), "%.*s", (int)strcspn(address, "/"), address);
	assert_int_equal(addr_parse(text, &a->addr), 0);
	assert_int_equal(prefix_parse(address, &a->prefix), 0);
	snprintf(a->interface, sizeof(a->interface), "%s", interface);
	l->n_addrs++;
	world_tell_links(l, interface);
}

void
virtual_addr_tentative(struct loop *l, const char *address, bool tentative)
{
	struct addr a;

	assert_int_equal(addr_parse(address, &a), 0);
	for (size_t i = 0; i < l->n_addrs; i++)
		if (addr_equal(&l->addrs[i].addr, &a)) {
			l->addrs[i].tentative = tentative;
			world_tell_links(l, l->addrs[i].interface);
		}
}

void
virtual_addr_remove(struct loop *l, const char *address)
{
	struct addr a;

	assert_int_equal(addr_parse(address, &a), 0);
	for (size_t i = 0; i < l->n_addrs; i++)
		if (addr_equal(&l->addrs[i].addr, &a)) {
			char interface[IFNAMSIZ];

			memcpy(interface, l->addrs[i].interface, IFNAMSIZ);
			l->addrs[i] = l->addrs[--l->n_addrs];
			world_tell_links(l, interface);
			return;
		}
	fail_msg("no address %s", address);
}

/* ---- names --------------------------------------------------------------------------------- */

struct zone {
	struct zone *next;
	struct addr resolver;
	char *name, *addresses;
	uint32_t ttl;
};

struct lookup {
	struct lookup *next;
	struct resolver *resolver;
	struct timer *timer;
	resolver_cb cb;
	void *arg;
	struct resolver_answer answer;
};

struct resolver {
	struct loop *loop;
	char interface[IFNAMSIZ];
	struct addr sources[2];
	size_t n_sources;
	struct endpoint servers[8];
	size_t n_servers;
	struct lookup *lookups;
};

void
virtual_name(const char *resolver, const char *name, const char *addresses, uint32_t ttl)
{
	struct addr at;
	struct zone *z = world.zone;

	assert_int_equal(addr_parse(resolver, &at), 0);
	while (z && (!addr_equal(&z->resolver, &at) || strcmp(z->name, name) != 0))
		z = z->next;
	if (!z) {
		z = mem_new(sizeof(*z));
		z->resolver = at;
		z->name = mem_text(name);
		z->next = world.zone;
		world.zone = z;
	}
	free(z->addresses);
	z->addresses = mem_text(addresses);
	z->ttl = ttl;
}

void
world_zone_free(void)
{
	struct zone *z;

	while ((z = world.zone)) {
		world.zone = z->next;
		free(z->name);
		free(z->addresses);
		free(z);
	}
}

const struct virtual_lookup *
virtual_lookups(void)
{
	return &world.lookups;
}

struct resolver *
resolver_new(struct loop *l, const struct resolver_config *cfg)
{
	struct resolver *r = mem_new(sizeof(*r));

	assert_true(cfg->n_servers && cfg->n_servers <= 8 && cfg->n_sources <= 2);
	r->loop = l;
	snprintf(r->interface, sizeof(r->interface), "%s", cfg->interface ? cfg->interface : "");
	r->n_sources = cfg->n_sources;
	if (cfg->n_sources)
		memcpy(r->sources, cfg->sources, cfg->n_sources * sizeof(*cfg->sources));
	r->n_servers = cfg->n_servers;
	memcpy(r->servers, cfg->servers, cfg->n_servers * sizeof(*cfg->servers));
	return r;
}

static void
lookup_free(struct lookup *q)
{
	for (struct lookup **p = &q->resolver->lookups; *p; p = &(*p)->next)
		if (*p == q) {
			*p = q->next;
			break;
		}
	timer_free(q->timer);
	free(q);
}

void
resolver_free(struct resolver *r)
{
	if (!r)
		return;
	while (r->lookups)
		lookup_free(r->lookups);
	free(r);
}

static bool
has_source(const struct resolver *r, const struct addr *to)
{
	for (size_t i = 0; i < r->n_sources; i++)
		if (r->sources[i].family == to->family)
			return true;
	return !r->n_sources; /* the kernel chooses */
}

/* The first of its servers that can be reached and knows the name. */
static const struct zone *
find_zone(const struct resolver *r, const char *name)
{
	const struct virtual_link *v = world_link(r->loop, r->interface);
	const struct zone *z;

	if (*r->interface && (!v || !v->up || v->way.lose_in || v->way.lose_out))
		return NULL;
	for (size_t i = 0; i < r->n_servers; i++)
		for (z = world.zone; z; z = z->next)
			if (has_source(r, &z->resolver) && z->addresses &&
				addr_equal(&z->resolver, &r->servers[i].addr) &&
				!strcmp(z->name, name))
				return z;
	return NULL;
}

static void
take_addresses(struct resolver_answer *a, const char *text, int family)
{
	char one[ADDR_TEXT_MAX];
	struct addr addr;

	for (const char *p = text; *p; p += strspn(p, ",")) {
		snprintf(one, sizeof(one), "%.*s", (int)strcspn(p, ","), p);
		assert_int_equal(addr_parse(one, &addr), 0);
		if (addr.family == family && a->n_addrs < RESOLVER_ADDRS_MAX)
			a->addrs[a->n_addrs++] = addr;
		p += strcspn(p, ",");
	}
}

static void
on_lookup(void *arg)
{
	struct lookup *q = arg;
	struct resolver_answer answer = q->answer;
	resolver_cb cb = q->cb;
	void *cb_arg = q->arg;

	lookup_free(q);
	cb(cb_arg, &answer);
}

static void
note_lookup(const struct resolver *r, const char *name)
{
	struct virtual_lookup *v = &world.lookups;

	v->n++;
	snprintf(v->name, sizeof(v->name), "%s", name);
	memcpy(v->interface, r->interface, IFNAMSIZ);
	memcpy(v->sources, r->sources, sizeof(v->sources));
	v->n_sources = r->n_sources;
	memcpy(v->servers, r->servers, sizeof(v->servers));
	v->n_servers = r->n_servers;
}

void
resolver_lookup(struct resolver *r, const char *name, resolver_cb cb, void *arg)
{
	struct lookup *q = mem_new(sizeof(*q));
	const struct zone *z = find_zone(r, name);

	note_lookup(r, name);
	q->resolver = r;
	q->cb = cb;
	q->arg = arg;
	q->answer = (struct resolver_answer){.error = -ETIMEDOUT, .why = "Timeout"};
	if (z) {
		q->answer = (struct resolver_answer){.why = "", .ttl = z->ttl, .whole = true};
		take_addresses(&q->answer, z->addresses, 6);
		take_addresses(&q->answer, z->addresses, 4);
	}
	if (z && !q->answer.n_addrs)
		q->answer = (struct resolver_answer){.error = -ENOENT, .why = "no such name"};
	q->timer = timer_new(r->loop, on_lookup, q);
	timer_after(q->timer, z ? LOOKUP_MS : SILENCE_MS);
	q->next = r->lookups;
	r->lookups = q;
}

/* ---- credentials --------------------------------------------------------------------------- */

struct credentials {
	unsigned references;
	char name[PEER_NAME_MAX];
	char cuid[CUID_TEXT_LEN + 1];
};

void
world_digest(const char *name, uint8_t ret[static 32])
{
	memset(ret, 0, 32);
	for (size_t i = 0; name[i]; i++)
		ret[i % 16] = (uint8_t)(ret[i % 16] * 31 + (uint8_t)name[i]);
}

struct credentials *
virtual_credentials(const char *name)
{
	struct credentials *c = mem_new(sizeof(*c));
	uint8_t digest[32];

	snprintf(c->name, sizeof(c->name), "%s", name);
	world_digest(name, digest);
	cuid_from_digest(digest, c->cuid);
	c->references = 1;
	return c;
}

struct credentials *
credentials_ref(struct credentials *c)
{
	if (c)
		c->references++;
	return c;
}

void
credentials_unref(struct credentials *c)
{
	if (c && --c->references == 0)
		free(c);
}

const char *
credentials_label(const struct credentials *c)
{
	return c->name;
}

const char *
credentials_cuid(const struct credentials *c)
{
	return c->cuid;
}

bool
credentials_same(const struct credentials *a, const struct credentials *b)
{
	return a == b;
}

/* Another for each name, of as many characters. */
void
credentials_cuid_for(
	const struct credentials *c, const char *name, char ret[static CUID_TEXT_LEN + 1])
{
	snprintf(ret, CUID_TEXT_LEN + 1, "%.10s-%-11.11s", c->cuid, name);
	for (char *p = ret; (p = strchr(p, ' '));)
		*p = '_';
}

void
credentials_random_cuid(char ret[static CUID_TEXT_LEN + 1])
{
	snprintf(ret, CUID_TEXT_LEN + 1, "random-%015llu", (unsigned long long)++world.numbers);
}

enum credentials_problem
credentials_load(
	const struct credentials_config *cfg, struct credentials **ret, char *why, size_t cap)
{
	(void)cfg;
	(void)ret;
	snprintf(why, cap, "there are no files here");
	return CREDENTIALS_BROKEN;
}

int
credentials_read_psk(const char *path, uint8_t *key, size_t *inout_len, char *why, size_t cap)
{
	(void)path;
	(void)key;
	(void)inout_len;
	snprintf(why, cap, "there are no files here");
	return -ENOENT;
}
