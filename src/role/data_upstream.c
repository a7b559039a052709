#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "role/data_upstream_private.h"

static const char placed_kind[] = "data-placed"; /* in the store */

/* ---- what channels ask and tell -------------------------------------------------------------- */

/* Once a turn, whatever changes in it. Where it takes long, because much waits to be known, less
 * often: it is to take no more than a sixty-fourth of the time, as long as who waits learns of it
 * in time. */
enum { LONG_US = 300, TELLING_SHARE = 64, TELLING_PAUSE_MAX_MS = 250 };

static void
tell_changed(void *arg)
{
	struct data_upstream *u = arg;
	uint64_t begun = loop_used_us(), took, pause;

	if (u->changed)
		u->changed(u->changed_arg);
	took = loop_used_us() - begun;
	if (took <= LONG_US)
		return;
	pause = took * TELLING_SHARE / 1000;
	u->tell_next = loop_now(u->loop) +
		       (mono_ms)(pause < TELLING_PAUSE_MAX_MS ? pause : TELLING_PAUSE_MAX_MS);
}

static void
on_changed(void *arg)
{
	const struct data_upstream *u = arg;

	timer_at(u->telling, u->tell_next);
}

static struct dots_client *
client_of(const struct data_upstream *u, const char *holder)
{
	return *holder ? dots_client_deputy(u->client, holder, false) : u->client;
}

static const char *
on_cuid(void *arg, const char *holder, uint32_t domain)
{
	struct dots_client *c = client_of(arg, holder);

	return c ? dots_client_cuid(c, domain) : NULL;
}

static const char *
on_cdid(void *arg, const char *holder)
{
	const struct data_upstream *u = arg;
	struct dots_client *c = *holder && u->setup.server_domain ? client_of(u, holder) : NULL;

	return c ? dots_client_cdid(c) : "";
}

static bool
on_collided(void *arg, const char *holder, uint32_t domain)
{
	struct dots_client *c = client_of(arg, holder);

	return c && dots_client_collided(c, domain);
}

static char *
placed_key(const struct data_upstream *u, uint32_t domain, const char *holder)
{
	return mem_printf("%s/%s", u->setup.homing->domains[domain].name, holder);
}

const struct placed *
data_upstream_placed(const struct data_upstream *u, uint32_t domain, const char *holder)
{
	char *key = placed_key(u, domain, holder);
	const struct placed *p = map_get(u->placed, key, strlen(key));

	free(key);
	return p;
}

static void
free_placed(struct placed *p)
{
	if (!p)
		return;
	free(p->cuid);
	free(p->cdid);
	free(p);
}

static void
set_placed(struct data_upstream *u, const char *key, const char *cuid, const char *cdid)
{
	struct placed *p = mem_new(sizeof(*p));

	p->cuid = mem_text(cuid);
	p->cdid = mem_text(cdid && *cdid ? cdid : NULL);
	free_placed(map_set(u->placed, key, strlen(key), p));
}

/* What is over leaves from the loop: it is one of these that calls. */
static void
on_stands(void *arg, const char *holder, uint32_t domain, const char *cuid, const char *cdid)
{
	struct data_upstream *u = arg;
	char *key = placed_key(u, domain, holder);

	if (cuid) {
		json_t *j = json_pack("{ss ss*}", "cuid", cuid, "cdid", cdid);
		char *text = json_dumps(j, JSON_COMPACT);

		set_placed(u, key, cuid, cdid);
		persist_put(u->persist, placed_kind, key, text);
		free(text);
		json_decref(j);
	} else {
		free_placed(map_remove(u->placed, key, strlen(key)));
		persist_remove(u->persist, placed_kind, key);
		if (*holder)
			data_holder_mark(u, data_holder_make(u, holder));
	}
	free(key);
}

static void
restore_placed(void *arg, const char *key, const char *value)
{
	struct data_upstream *u = arg;
	json_t *j = json_loads(value, 0, NULL);
	const char *cuid = json_string_value(json_object_get(j, "cuid"));

	if (cuid && strchr(key, '/'))
		set_placed(u, key, cuid, json_string_value(json_object_get(j, "cdid")));
	json_decref(j);
}

static bool
make_placed_holder(void *arg, const void *key, size_t len, void *value)
{
	struct data_upstream *u = arg;
	const char *slash = memchr(key, '/', len);
	size_t domain = (size_t)(slash - (const char *)key);
	char *name = mem_printf("%.*s", (int)(len - domain - 1), slash + 1);

	(void)value;
	data_holder_make(u, name)->dirty = true;
	free(name);
	return true;
}

static enum activation_type
controlled(void *arg, const char *holder, uint32_t domain, const char *acl)
{
	const struct data_upstream *u = arg;
	struct dots_client *c = client_of(u, holder);

	return c ? wishes_controlled(
			   dots_client_wishes(c), u->setup.homing->domains[domain].name, acl)
		 : 0;
}

static void
recorded(void *arg, uint32_t domain)
{
	const struct data_upstream *u = arg;

	dots_client_recorded(u->client, domain);
}

struct data_channel_setup
data_upstream_channel_setup(struct data_upstream *u, size_t link)
{
	return (struct data_channel_setup){.link = u->links[link],
		.domain = u->domains[link],
		.cuid = on_cuid,
		.cdid = on_cdid,
		.collided = on_collided,
		.stands = on_stands,
		.changed = on_changed,
		.controlled = controlled,
		.recorded = recorded,
		.arg = u};
}

/* ---- links ----------------------------------------------------------------------------------- */

size_t
data_upstream_link_of(const struct data_upstream *u, uint32_t domain)
{
	size_t i = 0;

	while (i < u->n_links && u->domains[i] != domain)
		i++;
	return i;
}

struct old_links {
	struct data_link **list; /* NULL where it was taken over … */
	size_t *to;              /* … as this one */
	size_t n;
};

/* The link of that domain, and to the same server, among those of before, or a new one: what
 * another server has said of our records counts for nothing. */
static struct data_link *
take_link(struct data_upstream *u, struct old_links *old, uint32_t domain)
{
	const struct data_link_setup ls = {.homing = u->setup.homing,
		.domain = domain,
		.credentials = u->setup.credentials[domain],
		.links = dots_client_links(u->client),
		.via = u->setup.via};
	struct data_link *l;

	for (size_t i = 0; i < old->n; i++)
		if (old->list[i] &&
			data_link_leads_to(old->list[i], &u->setup.homing->domains[domain])) {
			l = old->list[i];
			old->list[i] = NULL;
			old->to[i] = u->n_links;
			data_link_rebind(l, &ls);
			return l;
		}
	return data_link_new(u->loop, &ls);
}

static void
make_links(struct data_upstream *u, struct old_links *old)
{
	const struct homing *h = u->setup.homing;

	u->links = mem_array(h->n_domains + 1, sizeof(struct data_link *));
	u->domains = mem_array(h->n_domains + 1, sizeof(*u->domains));
	u->n_links = 0;
	for (uint32_t d = 0; d < h->n_domains; d++) {
		if (!h->domains[d].data.name)
			continue; /* and nothing is planned for it */
		u->links[u->n_links] = take_link(u, old, d);
		u->domains[u->n_links++] = d;
	}
}

static void
move_channels(struct data_upstream *u, struct holder *h, const struct old_links *old)
{
	struct data_channel **channels = mem_array(u->n_links + 1, sizeof(struct data_channel *));

	for (size_t i = 0; i < old->n; i++) {
		struct data_channel_setup cs;

		if (old->list[i] || !h->channels[i]) {
			data_channel_free(h->channels[i]);
			continue;
		}
		cs = data_upstream_channel_setup(u, old->to[i]);
		data_channel_rebind(h->channels[i], &cs);
		channels[old->to[i]] = h->channels[i];
	}
	free(h->channels);
	h->channels = channels;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void
later(void *arg)
{
	struct data_upstream *u = arg;
	struct holder *h, *next;
	bool more = false;

	for (h = TAILQ_FIRST(&u->holders); h; h = next) {
		next = TAILQ_NEXT(h, entry);
		if (h->dirty && !data_holder_gather(u, h))
			more = true;
		if (data_holder_is_idle(u, h))
			data_holder_free(u, h);
	}
	if (more)
		timer_after(u->later, 0);
	on_changed(u);
}

/* Ours are those of the configuration. */
static void
take_wishes(struct data_upstream *u)
{
	const struct data_upstream_setup *s = &u->setup;
	struct asker *us = data_asker_find(u, "");
	struct data_relayed *list = mem_array(s->n_wishes + 1, sizeof(*list));
	size_t n = 0;

	for (int kind = SHARE_ALIAS; kind <= SHARE_ACL; kind++)
		for (size_t i = 0; i < s->n_wishes; i++)
			if (s->wishes[i].kind == (enum share_kind)kind)
				list[n++] = (struct data_relayed){.kind = s->wishes[i].kind,
					.name = share_name(&s->wishes[i]),
					.text = json_dumps(s->wishes[i].entry, JSON_COMPACT),
					.withheld = s->wishes[i].withheld,
					.number = us ? us->items ? us->items->number + 1 : 1 : 1};
	if (us || n)
		data_upstream_relay(u, "", "", list, n);
	for (size_t i = 0; i < n; i++)
		free((char *)(uintptr_t)list[i].text);
	free(list);
}

static bool
forget_plans(void *arg, const void *key, size_t len, void *value)
{
	struct asker *a = value;

	(void)arg, (void)key, (void)len;
	for (size_t i = 0; i < a->n_items; i++)
		a->items[i].is_planned = false;
	return true;
}

static void
apply(struct data_upstream *u)
{
	struct old_links old = {.list = u->links,
		.to = mem_array(u->n_links + 1, sizeof(*old.to)),
		.n = u->n_links};
	uint32_t *domains = u->domains;
	struct holder *h;

	make_links(u, &old);
	TAILQ_FOREACH(h, &u->holders, entry) {
		move_channels(u, h, &old);
		h->dirty = true;
	}
	for (size_t i = 0; i < old.n; i++)
		data_link_free(old.list[i]);
	free(old.list);
	free(old.to);
	free(domains);
	map_each(u->askers, forget_plans, NULL);
	data_holder_make(u, "")->dirty = true;
	map_each(u->placed, make_placed_holder, u);
	take_wishes(u);
	later(u);
}

static void
on_link(void *arg)
{
	const struct data_upstream *u = arg;

	for (size_t i = 0; i < u->n_links; i++)
		data_link_up(u->links[i]);
}

static void
on_renamed(void *arg)
{
	const struct data_upstream *u = arg;
	const struct holder *h;

	TAILQ_FOREACH(h, &u->holders, entry)
		for (size_t i = 0; i < u->n_links; i++)
			if (h->channels[i])
				data_channel_look(h->channels[i]);
}

struct data_upstream *
data_upstream_new(struct loop *l, struct persist *p, struct dots_client *client,
	const struct data_upstream_setup *s)
{
	struct data_upstream *u = mem_new(sizeof(*u));

	u->loop = l;
	u->persist = p;
	u->client = client;
	u->setup = *s;
	u->askers = map_new();
	u->placed = map_new();
	u->later = timer_new(l, later, u);
	u->telling = timer_new(l, tell_changed, u);
	TAILQ_INIT(&u->holders);
	persist_each(p, placed_kind, restore_placed, u);
	apply(u);
	dots_client_on_link(client, on_link, u);
	dots_client_on_cuid(client, on_renamed, u);
	data_filter_tell(u);
	return u;
}

static bool
end_asker(void *arg, const void *key, size_t len, void *value)
{
	(void)arg, (void)key, (void)len;
	data_asker_free(value);
	return true;
}

static bool
end_placed(void *arg, const void *key, size_t len, void *value)
{
	(void)arg, (void)key, (void)len;
	free_placed(value);
	return true;
}

void
data_upstream_free(struct data_upstream *u)
{
	if (!u)
		return;
	dots_client_on_link(u->client, NULL, NULL);
	dots_client_on_acl(u->client, NULL);
	dots_client_on_cuid(u->client, NULL, NULL);
	while (!TAILQ_EMPTY(&u->holders))
		data_holder_free(u, TAILQ_FIRST(&u->holders));
	for (size_t i = 0; i < u->n_links; i++)
		data_link_free(u->links[i]);
	free(u->links);
	free(u->domains);
	map_each(u->askers, end_asker, NULL);
	map_free(u->askers);
	map_each(u->placed, end_placed, NULL);
	map_free(u->placed);
	timer_free(u->later);
	timer_free(u->telling);
	free(u);
}

void
data_upstream_reload(struct data_upstream *u, const struct data_upstream_setup *s)
{
	u->setup = *s;
	apply(u);
	data_filter_tell(u);
}

/* ---- what has become of it ------------------------------------------------------------------- */

void
data_upstream_on_change(struct data_upstream *u, void (*changed)(void *arg), void *arg)
{
	u->changed = changed;
	u->changed_arg = arg;
}

static enum data_standing
part_stands(const struct data_upstream *u, const struct asker *a, const struct item *it,
	const struct part *p, struct data_refusal *ret)
{
	size_t at = data_upstream_link_of(u, p->domain);
	const struct data_channel *c = at < u->n_links ? a->holder->channels[at] : NULL;
	const struct data_record *r =
		c ? data_channel_find(c, it->kind, data_asker_name_there(p->entry)) : NULL;

	if (p->excess) {
		*ret = (struct data_refusal){409, "resource-denied"};
		return DATA_REFUSED;
	}
	if (!r || data_channel_is_behind(c))
		return c && *data_channel_reason(c) ? DATA_UNREACHABLE : DATA_WAITING;
	if (r->state == DATA_RECORD_PLACED)
		return DATA_TAKEN;
	if (r->state == DATA_RECORD_PENDING)
		return *data_channel_reason(c) ? DATA_UNREACHABLE : DATA_WAITING;
	*ret = (struct data_refusal){r->code, r->tag};
	return DATA_REFUSED;
}

enum data_standing
data_upstream_standing(const struct data_upstream *u, const char *asker, enum share_kind kind,
	const char *name, struct data_refusal *ret)
{
	const struct asker *a = data_asker_find(u, asker);
	const struct item *it = a ? data_asker_find_item(a, kind, name) : NULL;
	size_t n[DATA_UNREACHABLE + 1] = {0};

	if (!it)
		return DATA_NOWHERE;
	if (a->holder->dirty)
		return DATA_WAITING;
	for (size_t i = 0; i < it->n_parts; i++)
		n[part_stands(u, a, it, &it->parts[i], ret)]++;
	if (n[DATA_TAKEN])
		return DATA_TAKEN;
	if (n[DATA_WAITING])
		return DATA_WAITING;
	if (n[DATA_UNREACHABLE])
		return DATA_UNREACHABLE;
	return n[DATA_REFUSED] ? DATA_REFUSED : DATA_NOWHERE;
}

static void
visit_channel(const struct data_channel *c,
	void (*visit)(void *arg, const struct data_record_view *v), void *arg)
{
	static const char *const states[] = {[DATA_RECORD_PENDING] = "pending",
		[DATA_RECORD_PLACED] = "placed",
		[DATA_RECORD_REFUSED] = "refused"};
	size_t n;
	const struct data_record *r = data_channel_records(c, &n);

	for (size_t i = 0; i < n; i++) {
		struct data_record_view v = {.kind = r[i].kind,
			.name = r[i].own,
			.asker = r[i].asker,
			.as = data_asker_name_there(r[i].entry),
			.domain = data_channel_domain(c),
			.server = data_channel_server(c),
			.state = states[r[i].state],
			.reason = ""};

		if (r[i].state == DATA_RECORD_REFUSED)
			v.reason = r[i].why;
		else if (r[i].state == DATA_RECORD_PENDING)
			v.reason = data_channel_reason(c);
		visit(arg, &v);
	}
}

static void
visit_unshared(const struct asker *a, const struct item *it,
	void (*visit)(void *arg, const struct data_record_view *v), void *arg)
{
	for (size_t i = 0; i < it->n_unshared; i++) {
		const struct unshared *n = &it->unshared[i];

		visit(arg, &(struct data_record_view){.kind = it->kind,
				   .name = it->name,
				   .asker = a->name,
				   .as = "",
				   .domain = n->domain ? n->domain : "",
				   .server = "",
				   .state = "refused",
				   .reason = n->reason});
	}
}

void
data_upstream_each(const struct data_upstream *u,
	void (*visit)(void *arg, const struct data_record_view *v), void *arg)
{
	const struct holder *h;
	const struct asker *a;

	for (size_t i = 0; i < u->n_links; i++)
		TAILQ_FOREACH(h, &u->holders, entry)
			if (h->channels[i])
				visit_channel(h->channels[i], visit, arg);
	TAILQ_FOREACH(h, &u->holders, entry)
		TAILQ_FOREACH(a, &h->askers, entry)
			for (size_t i = 0; i < a->n_items; i++)
				visit_unshared(a, &a->items[i], visit, arg);
}
