#include "standin/resolver.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"
#include "net/resolver.h"

enum { TTL_S = 60, GIVES_UP_MS = 14000 };

struct lookup {
	struct lookup *next;
	struct resolver *resolver;
	resolver_cb cb;
	void *arg;
	struct timer *timer;
	struct resolver_answer answer;
};

struct resolver {
	struct loop *loop;
	struct lookup *open;
};

static size_t n_open;
static unsigned moved;

size_t
standin_resolver_open(void)
{
	return n_open;
}

struct resolver *
resolver_new(struct loop *l, const struct resolver_config *cfg)
{
	struct resolver *r = mem_new(sizeof(*r));

	(void)cfg;
	r->loop = l;
	return r;
}

static void
drop(struct lookup *q)
{
	struct lookup **p = &q->resolver->open;

	while (*p != q)
		p = &(*p)->next;
	*p = q->next;
	n_open--;
	timer_free(q->timer);
	free(q);
}

void
resolver_free(struct resolver *r)
{
	while (r && r->open)
		drop(r->open);
	free(r);
}

static void
deliver(void *arg)
{
	struct lookup *q = arg;
	struct resolver_answer answer = q->answer;
	resolver_cb cb = q->cb;
	void *cb_arg = q->arg;

	drop(q);
	cb(cb_arg, &answer);
}

static void
add(struct resolver_answer *a, struct addr addr)
{
	a->addrs[a->n_addrs++] = addr;
	a->error = 0;
	a->whole = true;
	a->why = "";
}

static void
answer(struct resolver_answer *a, const char *name)
{
	uint8_t n = (uint8_t)strtoul(name + 1, NULL, 10);

	*a = (struct resolver_answer){.error = -ENOENT, .why = "no such name", .ttl = TTL_S};
	if (*name == 's')
		a->error = -ETIMEDOUT;
	if (*name == 'a' || *name == 'b')
		add(a, (struct addr){4, {192, 0, 2, n}});
	if (*name == 'b')
		add(a, (struct addr){6, {0x20, 1, 0x0d, 0xb8, [15] = n}});
	if (*name == 'f')
		add(a, (struct addr){4, {203, 0, 113, 9}});
	if (*name == 'm') {
		moved++;
		add(a, (struct addr){4, {moved & 3 ? 192 : 203, 0, 2, (uint8_t)(moved & 7)}});
	}
}

void
resolver_lookup(struct resolver *r, const char *name, resolver_cb cb, void *arg)
{
	struct lookup *q = mem_new(sizeof(*q));

	q->resolver = r;
	q->cb = cb;
	q->arg = arg;
	q->timer = timer_new(r->loop, deliver, q);
	q->next = r->open;
	r->open = q;
	n_open++;
	answer(&q->answer, name);
	timer_after(q->timer, q->answer.error == -ETIMEDOUT ? GIVES_UP_MS : 0);
}

/* No role asks for others. */
void
resolver_lookup_records(
	struct resolver *r, const char *name, enum rr_type type, resolver_records_cb cb, void *arg)
{
	(void)r;
	(void)name;
	(void)type;
	(void)cb;
	(void)arg;
	abort();
}
