#include "mitigator/dryrun.h"

#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "core/acl_rule.h"

struct dryrun {
	struct mitigator mitigator;
	struct mitigator_events events;
	struct map *ids; /* id -> itself */
	struct timer *timer;
	struct report {
		uint64_t id;
		bool removed;
	} * reports; /* told on the next turn */
	size_t n, cap;
	struct map *acls; /* clients whose ACLs are to be told as done */
};

static void
report(struct dryrun *d, uint64_t id, bool removed)
{
	if (d->n == d->cap) {
		d->cap = d->cap ? 2 * d->cap : 8;
		d->reports = mem_grow(d->reports, d->cap, sizeof(*d->reports));
	}
	d->reports[d->n++] = (struct report){id, removed};
	timer_after(d->timer, 0);
}

static bool
tell_client(void *arg, const void *key, size_t len, void *value)
{
	struct dryrun *d = arg;
	char *client = mem_printf("%.*s", (int)len, (const char *)key);

	(void)value;
	if (d->events.acls_done)
		d->events.acls_done(d->events.arg, client, NULL);
	free(client);
	return true;
}

static void
tell(void *arg)
{
	struct dryrun *d = arg;
	struct report *list = d->reports;
	size_t n = d->n;

	struct map *acls = d->acls;

	d->reports = NULL;
	d->n = d->cap = 0;
	d->acls = map_new();
	for (size_t i = 0; i < n; i++) {
		if (list[i].removed)
			d->events.removed(d->events.arg, list[i].id);
		else
			d->events.installed(d->events.arg, list[i].id);
	}
	map_each(acls, tell_client, d);
	map_free(acls);
	free(list);
}

static void
start(struct mitigator *m, const struct filter *f)
{
	struct dryrun *d = (struct dryrun *)m;

	map_set(d->ids, &f->id, sizeof(f->id), d);
	report(d, f->id, false);
}

static void
stop(struct mitigator *m, uint64_t id)
{
	struct dryrun *d = (struct dryrun *)m;

	if (map_remove(d->ids, &id, sizeof(id)))
		report(d, id, true);
}

static void
flows(struct mitigator *m, const char *client, const struct flow *list, size_t n)
{
	(void)m;
	(void)client;
	(void)list;
	(void)n;
}

static void
acls(struct mitigator *m, const struct acl_set *set)
{
	struct dryrun *d = (struct dryrun *)m;

	map_set(d->acls, set->client, strlen(set->client), d);
	timer_after(d->timer, 0);
}

static void
sync_(struct mitigator *m, const struct filter *filters, size_t n)
{
	for (size_t i = 0; i < n; i++)
		start(m, &filters[i]);
}

static void
free_(struct mitigator *m)
{
	struct dryrun *d = (struct dryrun *)m;

	map_free(d->ids);
	map_free(d->acls);
	timer_free(d->timer);
	free(d->reports);
	free(d);
}

static const struct mitigator_ops ops = {.name = "dry-run",
	.start = start,
	.stop = stop,
	.flows = flows,
	.acls = acls,
	.sync = sync_,
	.free = free_};

struct mitigator *
dryrun_new(struct loop *l, const struct mitigator_events *events)
{
	struct dryrun *d = mem_new(sizeof(*d));

	d->mitigator.ops = &ops;
	d->events = *events;
	d->ids = map_new();
	d->acls = map_new();
	d->timer = timer_new(l, tell, d);
	return &d->mitigator;
}

size_t
dryrun_count(const struct mitigator *m)
{
	return map_count(((const struct dryrun *)m)->ids);
}
