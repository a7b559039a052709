/*
 * See link.h.
 */
#include "link.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

enum { LINKS = 2, ADDRS = 3 };

struct links {
	void (*changed)(void *arg, const char *interface, bool up);
	void *arg;
};

static const char *const names[LINKS] = {"wan1", "wan2"};
static bool is_up[LINKS];
static struct links *watching;

void
standin_link_begin(void)
{
	is_up[0] = is_up[1] = true;
}

void
standin_link_set(unsigned link, bool up)
{
	if (is_up[link % LINKS] == up)
		return;
	is_up[link % LINKS] = up;
	if (watching)
		watching->changed(watching->arg, names[link % LINKS], up);
}

struct links *
links_new(struct loop *l, void (*changed)(void *arg, const char *interface, bool up), void *arg)
{
	struct links *ls = mem_new(sizeof(*ls));

	(void)l;
	*ls = (struct links){changed, arg};
	watching = ls;
	return ls;
}

void
links_free(struct links *ls)
{
	if (ls == watching)
		watching = NULL;
	free(ls);
}

static int
find(const char *interface)
{
	for (int i = 0; i < LINKS; i++)
		if (!strcmp(names[i], interface))
			return i;
	return -1;
}

bool
links_up(const struct links *ls, const char *interface)
{
	int i = find(interface);

	(void)ls;
	return i >= 0 && is_up[i];
}

bool
links_exists(const struct links *ls, const char *interface)
{
	(void)ls;
	return find(interface) >= 0;
}

const struct link_addr *
links_addrs(const struct links *ls, size_t *ret_n)
{
	static const struct link_addr addrs[ADDRS] = {
		{{{4, {192, 0, 2, 64}}, 26}, {4, {192, 0, 2, 66}}, "wan1", false, false, false,
			false},
		{{{6, {0x20, 0x01, 0x0d, 0xb8, 0x1a}}, 64},
			{6, {0x20, 0x01, 0x0d, 0xb8, 0x1a, [15] = 2}}, "wan1", false, false, false,
			false},
		{{{4, {198, 51, 100, 64}}, 26}, {4, {198, 51, 100, 66}}, "wan2", false, false,
			false, false},
	};

	(void)ls;
	*ret_n = ADDRS;
	return addrs;
}

/* ---- net/resolver.h ---- */

struct resolver {
	struct timer *timer;
	resolver_cb cb;
	void *arg;
};

static struct resolver_answer answer;

void
standin_resolver_set(int error, const struct addr *address, uint32_t ttl)
{
	answer = (struct resolver_answer){.error = error, .why = error ? "no" : NULL, .ttl = ttl};
	if (error)
		return;
	answer.addrs[0] = *address;
	answer.n_addrs = 1;
	answer.whole = true;
}

static void
on_answer(void *arg)
{
	struct resolver *r = arg;

	r->cb(r->arg, &answer);
}

struct resolver *
resolver_new(struct loop *l, const struct resolver_config *cfg)
{
	struct resolver *r = mem_new(sizeof(*r));

	(void)cfg;
	r->timer = timer_new(l, on_answer, r);
	return r;
}

void
resolver_free(struct resolver *r)
{
	if (!r)
		return;
	timer_free(r->timer);
	free(r);
}

void
resolver_lookup(struct resolver *r, const char *name, resolver_cb cb, void *arg)
{
	(void)name;
	r->cb = cb;
	r->arg = arg;
	timer_after(r->timer, 0);
}
