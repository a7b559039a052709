/*
 * A walk and a resolver: the one says what to ask, the other asks it.
 */
#include "net/discover.h"

#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/tls.h"
#include "net/walk.h"

struct discovery {
	struct resolver *resolver;
	struct walk *walk;
	discover_cb done;
	void *arg;
};

/* The walk, and what it found, outlive the rest: done may start the next discovery. */
static void
finish(struct discovery *d)
{
	struct walk *walk = d->walk;
	discover_cb done = d->done;
	void *arg = d->arg;

	d->walk = NULL;
	discovery_cancel(d);
	done(arg, walk_result(walk));
	walk_free(walk);
}

static void ask(struct discovery *d);

static void
on_records(void *arg, const struct resolver_records *r)
{
	struct discovery *d = arg;
	struct walk_answer a = {.error = r->error,
		.why = r->why,
		.list = r->set.list,
		.n = r->set.n,
		.ttl = r->set.ttl};

	walk_answer(d->walk, &a);
	ask(d);
}

static void
on_addresses(void *arg, const struct resolver_answer *r)
{
	struct discovery *d = arg;
	struct walk_answer a = {.error = r->error,
		.why = r->why,
		.addrs = r->addrs,
		.n_addrs = r->n_addrs,
		.ttl = r->ttl};

	walk_answer(d->walk, &a);
	ask(d);
}

static void
ask(struct discovery *d)
{
	const struct walk_question *q = walk_next(d->walk);

	if (!q)
		finish(d);
	else if (q->type == RR_ADDRESSES)
		resolver_lookup(d->resolver, q->name, on_addresses, d);
	else
		resolver_lookup_records(d->resolver, q->name, q->type, on_records, d);
}

struct discovery *
discovery_start(struct loop *l, const struct resolver_config *cfg, const char *domain,
	enum discover_method method, unsigned failures, discover_cb done, void *arg)
{
	size_t len = strlen(domain);
	char *name = mem_text(domain);
	struct discovery *d = NULL;
	uint64_t seed;

	if (len && name[len - 1] == '.')
		name[len - 1] = '\0';
	if (walk_domain_fits(name)) {
		d = mem_new(sizeof(*d));
		d->done = done;
		d->arg = arg;
		tls_random(&seed, sizeof(seed));
		d->walk = walk_new(name, method, failures, seed);
		d->resolver = resolver_new(l, cfg);
	} else {
		errno = EINVAL;
	}
	free(name);
	if (d && !d->resolver) {
		int error = errno;

		discovery_cancel(d);
		errno = error;
		return NULL;
	}
	if (d)
		ask(d); /* the domain itself is always asked for first */
	return d;
}

void
discovery_cancel(struct discovery *d)
{
	if (!d)
		return;
	resolver_free(d->resolver);
	walk_free(d->walk);
	free(d);
}
