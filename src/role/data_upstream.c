#include "role/data_upstream.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/event.h"
#include "base/map.h"
#include "base/mem.h"
#include "homing/disclosure.h"
#include "role/data_channel.h"

enum {
	TAG_LEN = 10,
	BYTES_MAX = 1 << 20, /* of clients' in one registration: a server shows all of it at once */
};

static const char placed_kind[] = "data-placed"; /* in the store */

/* What may not go to a domain, or (NULL) to anybody. */
struct unshared {
	char *domain, *reason;
};

/* What one domain is to have of a wish. */
struct part {
	uint32_t domain;
	json_t *entry;
	size_t prefixes, names, bytes;
	char *consent;
	bool excess; /* there is as much as may be */
};

/* An alias or ACL of an asker, and whose it is. */
struct item {
	struct share_wish wish; /* its entry is ours */
	char *name, *via;
	uint64_t number;
	struct part *parts;
	size_t n_parts;
	struct unshared *unshared;
	size_t n_unshared;
	bool is_planned;
};

struct asker {
	char *name; /* "": we */
	char tag[TAG_LEN + 2];
	struct holder *holder;
	struct item *items; /* aliases first */
	size_t n_items;
	struct map *index; /* of them, by kind and name */
	TAILQ_ENTRY(asker) entry;
};

/* Who has a registration at each domain: we, or a deputy. */
struct holder {
	char *name;                       /* "": we */
	TAILQ_HEAD(askers, asker) askers; /* we first, the others by name */
	struct data_channel **channels;   /* beside links; NULL: none */
	bool dirty;                       /* what it is to have there has to be gathered anew */
	TAILQ_ENTRY(holder) entry;
};

/* A registration that stands there, as far as is known. */
struct placed {
	char *cuid, *cdid;
};

struct data_upstream {
	struct loop *loop;
	struct persist *persist;
	struct dots_client *client;
	struct data_upstream_setup setup;
	struct data_link **links; /* of domains with a data channel */
	uint32_t *domains;        /* beside them */
	size_t n_links;
	TAILQ_HEAD(holders, holder) holders; /* we first */
	struct map *askers;                  /* by name */
	struct map *placed;                  /* by "domain/holder" */
	struct timer *later, *telling;
	void (*changed)(void *arg);
	void *changed_arg;
};

/* ---- what is planned ------------------------------------------------------------------------- */

static void
free_parts(struct item *it)
{
	for (size_t i = 0; i < it->n_parts; i++) {
		json_decref(it->parts[i].entry);
		free(it->parts[i].consent);
	}
	free(it->parts);
	it->parts = NULL;
	it->n_parts = 0;
}

static void
free_unshared(struct unshared *list, size_t n)
{
	for (size_t i = 0; i < n; i++) {
		free(list[i].domain);
		free(list[i].reason);
	}
	free(list);
}

static void
free_item(struct item *it)
{
	free_parts(it);
	free_unshared(it->unshared, it->n_unshared);
	json_decref(it->wish.entry);
	free(it->name);
	free(it->via);
}

static void
raise_unshared(const struct asker *a, const struct item *it, const char *domain,
	const char *section, const char *text)
{
	const char *kind = share_kinds[it->wish.kind];
	char *reason = mem_printf("%s: %s %s%s%s: %s", section, kind, it->name,
		*a->name ? " of " : "", a->name, text);

	event_raise(EVENT_RECORD_REFUSED, EVENT_F("domain", domain),
		EVENT_F("behalf", *a->name ? a->name : NULL), EVENT_F("kind", kind),
		EVENT_F("name", it->name), EVENT_F("reason", text), EVENT_F("section", section));
	event_raise(EVENT_ALERT, EVENT_F("reason", reason), EVENT_F("domain", domain),
		EVENT_F("section", section));
	free(reason);
}

static bool
same_text(const char *a, const char *b)
{
	return a == b || (a && b && !strcmp(a, b));
}

/* Told once, over all that is learned and reloaded, while it stays so. */
static void
add_unshared(const struct asker *a, struct item *it, const struct unshared *known, size_t n_known,
	const char *domain, const char *section, const char *text)
{
	struct unshared *n;
	bool told = false;

	it->unshared = mem_grow(it->unshared, it->n_unshared + 1, sizeof(*it->unshared));
	n = &it->unshared[it->n_unshared++];
	*n = (struct unshared){mem_text(domain), mem_printf("%s: %s", section, text)};
	for (size_t i = 0; i < n_known; i++)
		told = told || (same_text(known[i].domain, n->domain) &&
				       !strcmp(known[i].reason, n->reason));
	if (!told)
		raise_unshared(a, it, domain, section, text);
}

/* Its name there. */
static void
name_entry(const struct asker *a, const struct item *it, json_t *entry)
{
	char *name = mem_printf("%s%s", it->name, a->tag);

	if (*a->tag)
		json_object_set_new(entry, "name", json_string(name));
	free(name);
}

static void
add_part(const struct asker *a, struct item *it, const struct share *s)
{
	struct part *p;

	it->parts = mem_grow(it->parts, it->n_parts + 1, sizeof(*it->parts));
	p = &it->parts[it->n_parts++];
	*p = (struct part){.domain = (uint32_t)s->domain,
		.entry = json_incref(s->entry),
		.prefixes = s->prefixes,
		.names = s->names,
		.consent = disclosure_consent_text(s->consent)};
	name_entry(a, it, p->entry);
	p->bytes = json_dumpb(p->entry, NULL, 0, JSON_COMPACT);
}

static void
plan_item(const struct data_upstream *u, const struct asker *a, struct item *it)
{
	const struct homing *h = u->setup.homing;
	struct shares s = {.arena = arena_new()};
	struct unshared *known = it->unshared;
	size_t n_known = it->n_unshared;

	free_parts(it);
	it->unshared = NULL;
	it->n_unshared = 0;
	share_plan(h, &it->wish, &s);
	for (size_t i = 0; i < s.n; i++)
		if (s.list[i].entry)
			add_part(a, it, &s.list[i]);
		else
			add_unshared(a, it, known, n_known,
				s.list[i].domain < 0 ? NULL : h->domains[s.list[i].domain].name,
				s.list[i].section, s.list[i].reason);
	free_unshared(known, n_known);
	arena_free(s.arena);
	shares_finish(&s);
	it->is_planned = true;
}

/* ---- askers and holders ---------------------------------------------------------------------- */

static struct asker *
find_asker(const struct data_upstream *u, const char *name)
{
	return map_get(u->askers, name, strlen(name));
}

static struct holder *
make_holder(struct data_upstream *u, const char *name)
{
	struct holder *h;

	TAILQ_FOREACH(h, &u->holders, entry)
	if (!strcmp(h->name, name))
		return h;
	h = mem_new(sizeof(*h));
	h->name = mem_text(name);
	h->channels = mem_array(u->n_links + 1, sizeof(struct data_channel *));
	TAILQ_INIT(&h->askers);
	TAILQ_INSERT_TAIL(&u->holders, h, entry);
	return h;
}

static void
free_holder(struct data_upstream *u, struct holder *h)
{
	for (size_t i = 0; i < u->n_links; i++)
		data_channel_free(h->channels[i]);
	TAILQ_REMOVE(&u->holders, h, entry);
	free(h->channels);
	free(h->name);
	free(h);
}

static void
mark(struct data_upstream *u, struct holder *h)
{
	h->dirty = true;
	timer_after(u->later, 0);
}

static void
join_holder(struct data_upstream *u, struct asker *a, const char *name)
{
	struct holder *h = make_holder(u, name);
	struct asker *after;

	a->holder = h;
	TAILQ_FOREACH(after, &h->askers, entry)
	if (strcmp(after->name, a->name) > 0)
		break;
	if (after)
		TAILQ_INSERT_BEFORE(after, a, entry);
	else
		TAILQ_INSERT_TAIL(&h->askers, a, entry);
}

static void
leave_holder(struct data_upstream *u, struct asker *a)
{
	TAILQ_REMOVE(&a->holder->askers, a, entry);
	mark(u, a->holder);
}

static struct asker *
make_asker(struct data_upstream *u, const char *name, const char *holder)
{
	struct asker *a = mem_new(sizeof(*a));
	char digest[CUID_TEXT_LEN + 1];

	a->name = mem_text(name);
	a->index = map_new();
	credentials_digest(name, digest);
	if (*name)
		snprintf(a->tag, sizeof(a->tag), ".%.*s", TAG_LEN, digest);
	map_set(u->askers, name, strlen(name), a);
	join_holder(u, a, holder);
	return a;
}

static void
free_items(struct item *items, size_t n)
{
	for (size_t i = 0; i < n; i++)
		free_item(&items[i]);
	free(items);
}

static void
free_asker(struct asker *a)
{
	free_items(a->items, a->n_items);
	map_free(a->index);
	free(a->name);
	free(a);
}

static char *
item_key(enum share_kind kind, const char *name)
{
	return mem_printf("%d%s", kind, name);
}

static void
index_items(struct asker *a)
{
	struct map *m = map_new();

	map_free(a->index);
	a->index = m;
	for (size_t i = 0; i < a->n_items; i++) {
		char *key = item_key(a->items[i].wish.kind, a->items[i].name);

		map_set(m, key, strlen(key), &a->items[i]);
		free(key);
	}
}

static struct item *
find_item(const struct asker *a, enum share_kind kind, const char *name)
{
	char *key = item_key(kind, name);
	struct item *it = map_get(a->index, key, strlen(key));

	free(key);
	return it;
}

/* What is as it was keeps what was planned of it. */
static struct item
take_item(const struct asker *a, const struct data_relayed *r)
{
	struct item *was = find_item(a, r->kind, r->name), it = {.is_planned = false};

	if (was && was->number == r->number && same_text(was->via, r->via)) {
		it = *was;
		*was = (struct item){.is_planned = false};
	} else {
		it.wish = (struct share_wish){.kind = r->kind,
			.entry = json_loads(r->text, 0, NULL),
			.withheld = r->withheld};
		it.name = mem_text(r->name);
		it.via = mem_text(r->via);
		it.number = r->number;
		if (was) { /* what the operator was told */
			it.unshared = was->unshared;
			it.n_unshared = was->n_unshared;
			was->unshared = NULL;
			was->n_unshared = 0;
		}
	}
	return it;
}

void
data_upstream_relay(struct data_upstream *u, const char *asker, const char *holder,
	const struct data_relayed *list, size_t n)
{
	struct asker *a = find_asker(u, asker);
	struct item *items = mem_array(n + 1, sizeof(*items));

	if (!a && n)
		a = make_asker(u, asker, holder);
	if (!a) {
		free(items);
		return;
	}
	if (strcmp(a->holder->name, holder) != 0) {
		leave_holder(u, a);
		join_holder(u, a, holder);
	}
	for (size_t i = 0; i < n; i++)
		items[i] = take_item(a, &list[i]);
	free_items(a->items, a->n_items);
	a->items = items;
	a->n_items = n;
	index_items(a);
	mark(u, a->holder);
	if (!n) {
		leave_holder(u, a);
		map_remove(u->askers, a->name, strlen(a->name));
		free_asker(a);
	}
}

/* ---- what is to be where --------------------------------------------------------------------- */

/* What one domain is to have of one holder's. */
struct wanted {
	const struct asker *asker;
	const struct item *item;
	struct part *part;
};
struct gathering {
	struct wanted *list;
	size_t n;
};

static void
gather_kind(const struct holder *h, uint32_t domain, enum share_kind kind, struct gathering *g)
{
	const struct asker *a;

	TAILQ_FOREACH(a, &h->askers, entry)
	for (size_t i = 0; i < a->n_items; i++)
		for (size_t k = 0; a->items[i].wish.kind == kind && k < a->items[i].n_parts; k++)
			if (a->items[i].parts[k].domain == domain) {
				g->list = mem_grow(g->list, g->n + 1, sizeof(*g->list));
				g->list[g->n++] =
					(struct wanted){a, &a->items[i], &a->items[i].parts[k]};
			}
}

/* Ours first, then what has been there for the longest time. */
static int
compare_age(const void *a, const void *b)
{
	const struct wanted *x = a, *y = b;
	bool our_x = !*x->asker->name, our_y = !*y->asker->name;

	if (our_x != our_y)
		return our_x ? -1 : 1;
	return x->item->number < y->item->number ? -1 : x->item->number > y->item->number;
}

/* What comes last when there is as much as may be stands nowhere: nobody pushes out another one. */
static void
mark_excess(const struct data_upstream *u, uint32_t domain, const struct gathering *g)
{
	struct wanted *by_age = mem_copy(g->list, g->n * sizeof(*by_age));
	size_t n[2] = {0}, bytes = 0;

	qsort(by_age, g->n, sizeof(*by_age), compare_age);
	for (size_t i = 0; i < g->n; i++) {
		const struct wanted *w = &by_age[i];
		bool was = w->part->excess;

		w->part->excess = *w->asker->name && (n[w->item->wish.kind] >= SHARES_MAX ||
							     bytes + w->part->bytes > BYTES_MAX);
		if (!w->part->excess) {
			n[w->item->wish.kind]++;
			bytes += w->part->bytes;
		} else if (!was) {
			raise_unshared(w->asker, w->item, u->setup.homing->domains[domain].name,
				"RFC 8783 10", "there is as much on record there as may be");
		}
	}
	free(by_age);
}

static struct data_record *
make_records(const struct gathering *g, size_t *ret_n)
{
	struct data_record *list = mem_array(g->n + 1, sizeof(*list));
	size_t n = 0;

	for (size_t i = 0; i < g->n; i++) {
		const struct wanted *w = &g->list[i];

		if (!w->part->excess)
			list[n++] = (struct data_record){.kind = w->item->wish.kind,
				.asker = mem_text(w->asker->name),
				.own = mem_text(w->item->name),
				.entry = json_incref(w->part->entry),
				.prefixes = w->part->prefixes,
				.names = w->part->names,
				.consent = mem_text(w->part->consent),
				.via = mem_text(w->item->via)};
	}
	*ret_n = n;
	return list;
}

static char *
placed_key(const struct data_upstream *u, uint32_t domain, const char *holder)
{
	return mem_printf("%s/%s", u->setup.homing->domains[domain].name, holder);
}

static const struct placed *
find_placed(const struct data_upstream *u, uint32_t domain, const char *holder)
{
	char *key = placed_key(u, domain, holder);
	const struct placed *p = map_get(u->placed, key, strlen(key));

	free(key);
	return p;
}

static struct data_channel_setup channel_setup(struct data_upstream *u, size_t link);

static void
gather_at(struct data_upstream *u, struct holder *h, size_t link)
{
	uint32_t domain = u->domains[link];
	const struct placed *p = find_placed(u, domain, h->name);
	struct data_channel_setup cs = channel_setup(u, link);
	struct gathering g = {.list = mem_new(sizeof(*g.list))};
	struct data_channel **c = &h->channels[link];
	struct data_record *list;
	size_t n;

	gather_kind(h, domain, SHARE_ALIAS, &g);
	gather_kind(h, domain, SHARE_ACL, &g);
	mark_excess(u, domain, &g);
	list = make_records(&g, &n);
	free(g.list);
	if (!*c && (n || p || !*h->name))
		*c = data_channel_new(
			u->loop, h->name, p ? p->cuid : NULL, p ? p->cdid : NULL, &cs);
	if (*c)
		data_channel_wish(*c, list, n);
	else
		free(list);
	if (*c && data_channel_is_over(*c)) {
		data_channel_free(*c);
		*c = NULL;
	}
}

static bool
is_idle(const struct data_upstream *u, const struct holder *h)
{
	for (size_t i = 0; i < u->n_links; i++)
		if (h->channels[i])
			return false;
	return *h->name && TAILQ_EMPTY(&h->askers);
}

static void
gather(struct data_upstream *u, struct holder *h)
{
	struct asker *a;

	h->dirty = false;
	TAILQ_FOREACH(a, &h->askers, entry)
	for (size_t i = 0; i < a->n_items; i++)
		if (!a->items[i].is_planned)
			plan_item(u, a, &a->items[i]);
	for (size_t i = 0; i < u->n_links; i++)
		gather_at(u, h, i);
}

static void
tell_changed(void *arg)
{
	const struct data_upstream *u = arg;

	if (u->changed)
		u->changed(u->changed_arg);
}

/* Once a turn, whatever changes in it. */
static void
on_changed(void *arg)
{
	const struct data_upstream *u = arg;

	timer_after(u->telling, 0);
}

static void
later(void *arg)
{
	struct data_upstream *u = arg;
	struct holder *h, *next;

	for (h = TAILQ_FIRST(&u->holders); h; h = next) {
		next = TAILQ_NEXT(h, entry);
		if (h->dirty)
			gather(u, h);
		if (is_idle(u, h))
			free_holder(u, h);
	}
	on_changed(u);
}

/* ---- what channels ask and tell -------------------------------------------------------------- */

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
			mark(u, make_holder(u, holder));
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
	make_holder(u, name)->dirty = true;
	free(name);
	return true;
}

/* ---- filters by signal (RFC 9133) ------------------------------------------------------------ */

static size_t
link_of(const struct data_upstream *u, uint32_t domain)
{
	size_t i = 0;

	while (i < u->n_links && u->domains[i] != domain)
		i++;
	return i;
}

static const char *
name_of(const json_t *entry)
{
	return json_string_value(json_object_get(entry, "name"));
}

/* What an asker has there, or is to have. */
static const struct data_record *
record_of(const struct data_upstream *u, uint32_t domain, const char *asker, const char *acl,
	const struct data_channel **ret)
{
	const struct asker *a = find_asker(u, asker);
	const struct item *it = a ? find_item(a, SHARE_ACL, acl) : NULL;
	size_t at = link_of(u, domain);
	const struct data_record *r;
	char *name;

	*ret = a && at < u->n_links ? a->holder->channels[at] : NULL;
	if (!*ret || !it)
		return NULL;
	name = mem_printf("%s%s", it->name, a->tag); /* what has just changed is not planned yet */
	r = data_channel_find(*ret, SHARE_ACL, name);
	free(name);
	return r;
}

/* What has become something else here, by this very signal, too, is still there by its name. After
 * a start in the middle of an attack nobody can be asked what is on record. What is to be there
 * most likely is; where it is not the server says so. */
static const char *
acl_of(void *arg, uint32_t domain, const char *asker, const char *acl)
{
	const struct data_channel *c;
	const struct data_record *r = record_of(arg, domain, asker, acl, &c);

	return r && r->state != DATA_RECORD_REFUSED && (r->there || !data_channel_has_looked(c))
		       ? name_of(r->entry)
		       : NULL;
}

static bool
lets_pass(const json_t *acl)
{
	const json_t *ace, *aces = json_object_get(json_object_get(acl, "aces"), "ace");
	size_t i;

	json_array_foreach(aces, i, ace)
	{
		const char *to = json_string_value(
			json_object_get(json_object_get(ace, "actions"), "forwarding"));

		if (to && !strcmp(to, "accept"))
			return true;
	}
	return false;
}

static struct data_channel *
our_channel(const struct data_upstream *u, uint32_t domain)
{
	const struct asker *us = find_asker(u, "");
	size_t at = link_of(u, domain);

	return us && at < u->n_links ? us->holder->channels[at] : NULL;
}

static const char *
accepting(void *arg, uint32_t domain, size_t n)
{
	const struct data_channel *c = our_channel(arg, domain);
	size_t n_records = 0;
	const struct data_record *r = c ? data_channel_records(c, &n_records) : NULL;

	for (size_t i = 0; i < n_records; i++)
		if (!*r[i].asker && r[i].kind == SHARE_ACL && r[i].state == DATA_RECORD_PLACED &&
			lets_pass(r[i].entry) && n-- == 0)
			return name_of(r[i].entry);
	return NULL;
}

/* Of whomever. */
static void
missing(void *arg, uint32_t domain)
{
	const struct data_upstream *u = arg;
	size_t at = link_of(u, domain);
	const struct holder *h;

	TAILQ_FOREACH(h, &u->holders, entry)
	if (at < u->n_links && h->channels[at])
		data_channel_look(h->channels[at]);
}

static void
tell_records(struct data_upstream *u)
{
	dots_client_on_acl(u->client, &(struct client_records){{acl_of, accepting, u}, missing});
	for (uint32_t d = 0; d < u->setup.homing->n_domains; d++)
		dots_client_recorded(u->client, d);
}

/* ---- life ------------------------------------------------------------------------------------ */

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

static struct data_channel_setup
channel_setup(struct data_upstream *u, size_t link)
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
		cs = channel_setup(u, old->to[i]);
		data_channel_rebind(h->channels[i], &cs);
		channels[old->to[i]] = h->channels[i];
	}
	free(h->channels);
	h->channels = channels;
}

/* Ours are those of the configuration. */
static void
take_wishes(struct data_upstream *u)
{
	const struct data_upstream_setup *s = &u->setup;
	struct asker *us = find_asker(u, "");
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
	TAILQ_FOREACH(h, &u->holders, entry)
	{
		move_channels(u, h, &old);
		h->dirty = true;
	}
	for (size_t i = 0; i < old.n; i++)
		data_link_free(old.list[i]);
	free(old.list);
	free(old.to);
	free(domains);
	map_each(u->askers, forget_plans, NULL);
	make_holder(u, "")->dirty = true;
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
	tell_records(u);
	return u;
}

static bool
end_asker(void *arg, const void *key, size_t len, void *value)
{
	(void)arg, (void)key, (void)len;
	free_asker(value);
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
		free_holder(u, TAILQ_FIRST(&u->holders));
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
	tell_records(u);
}

/* ---- what has become of it ------------------------------------------------------------------- */

void
data_upstream_on_change(struct data_upstream *u, void (*changed)(void *arg), void *arg)
{
	u->changed = changed;
	u->changed_arg = arg;
}

struct asker_visit {
	void (*visit)(void *arg, const char *asker);
	void *arg;
};

static bool
visit_asker(void *arg, const void *key, size_t len, void *value)
{
	const struct asker_visit *v = arg;
	const struct asker *a = value;

	(void)key, (void)len;
	if (*a->name)
		v->visit(v->arg, a->name);
	return true;
}

void
data_upstream_each_asker(
	const struct data_upstream *u, void (*visit)(void *arg, const char *asker), void *arg)
{
	struct asker_visit v = {visit, arg};

	map_each(u->askers, visit_asker, &v);
}

static enum data_standing
part_stands(const struct data_upstream *u, const struct asker *a, const struct item *it,
	const struct part *p, struct data_refusal *ret)
{
	size_t at = link_of(u, p->domain);
	const struct data_channel *c = at < u->n_links ? a->holder->channels[at] : NULL;
	const struct data_record *r =
		c ? data_channel_find(c, it->wish.kind, name_of(p->entry)) : NULL;

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
	const struct asker *a = find_asker(u, asker);
	const struct item *it = a ? find_item(a, kind, name) : NULL;
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
			.as = name_of(r[i].entry),
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

		visit(arg, &(struct data_record_view){.kind = it->wish.kind,
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
