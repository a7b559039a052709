/*
 * Hunts: one a domain and link, each with questions to DHCP in both families and look-ups in DNS.
 * What the hunts find is put together for their domain and link only (RFC 8973 4: results of links
 * are never merged).
 */
#include "daemon/discovery.h"

#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/event.h"
#include "base/mem.h"
#include "daemon/dhcp_port.h"
#include "net/dhcp.h"
#include "net/discover.h"
#include "net/route.h"
#include "role/access.h"

enum {
	WHY_MAX = 200,
	RETRY_S = 60,        /* after a question that could not be asked, or was not answered … */
	RETRY_MAX_S = 3600,  /* … twice as long each time, up to this */
	VALID_MIN_S = 60,    /* less is not taken for the validity of an answer */
	VALID_MAX_S = 86400, /* nor more */
	GRACE_S = 30,        /* what is found again keeps its sessions */
	ROUTER_S = 600,      /* until the routers are read again, told of changes or not */
	FACTS_MAX = DISCOVER_FOUND_MAX + 1,
};

struct hunt;

/* A question to DHCP in one family. */
struct question {
	struct hunt *hunt;
	uint8_t family;
	struct dhcp_port *port; /* asked for */
	int fd;                 /* -1 */
	struct dhcp_probe *probe;
	struct timer *again;
	unsigned failures;
	bool answered;
	struct dhcp_dots answer;
	wall_ms until; /* it is valid */
};

/* Servers of one name in DNS. */
struct lookup {
	struct hunt *hunt;
	enum discover_method method;
	enum fact_source source;  /* dhcp: the name came from there */
	char name[DHCP_NAME_MAX]; /* "": nothing to look for */
	struct discovery *discovery;
	struct timer *again;
	unsigned failures;
	bool tried; /* of that name there was an answer, or a failure */
};

enum { BY_NAPTR, BY_DNS_SD, OF_DHCP_NAME, LOOKUPS };

struct hunt {
	struct discovery_service *service;
	char *domain;
	char interface[IFNAMSIZ]; /* "": none is named */
	bool up, was_up;
	mono_ms again;               /* when it was begun again last; 0: never */
	struct question question[2]; /* IPv4, IPv6 */
	struct lookup lookup[LOOKUPS];
	struct timer *routers; /* to be read */
	struct hunt *next;
	bool wanted;
};

struct discovery_service {
	struct loop *loop;
	const struct config *config;
	struct learned *learned;
	void (*changed)(void *arg);
	void *arg;
	struct links *links;
	struct route_watch *routes; /* NULL: nobody asks for routers */
	struct hunt *hunts;
};

/* ---- what is learned ------------------------------------------------------------------------- */

static const struct domain *
domain_of(const struct hunt *h)
{
	const struct homing *homing = h->service->config->homing;

	return &homing->domains[homing_domain(homing, h->domain)];
}

static struct fact
fact_of(const struct hunt *h, enum fact_kind kind, enum fact_source source)
{
	struct fact f = {.domain = h->domain,
		.kind = kind,
		.source = source,
		.port = 4646,
		.transport = SERVER_ANY};

	memcpy(f.interface, h->interface, sizeof(f.interface));
	return f;
}

static void
replace(struct hunt *h, enum fact_kind kind, enum fact_source source, const struct fact *facts,
	size_t n)
{
	struct discovery_service *d = h->service;
	struct fact of = fact_of(h, kind, source);

	if (learned_replace(d->learned, d->config->base, &of, facts, n))
		d->changed(d->arg);
}

static int64_t
valid(uint32_t s)
{
	return s < VALID_MIN_S ? VALID_MIN_S : s > VALID_MAX_S ? VALID_MAX_S : s;
}

static int64_t
backoff(unsigned failures)
{
	int64_t s = RETRY_S;

	while (failures-- > 1 && s < RETRY_MAX_S)
		s *= 2;
	return s < RETRY_MAX_S ? s : RETRY_MAX_S;
}

/* ---- DNS ------------------------------------------------------------------------------------- */

static void look_up(void *arg);
static void look_for_routers(struct hunt *h);

/* The signal channel's, or the data channel's. */
static size_t
servers_of(const struct lookup *l, enum fact_kind kind, const struct discover_answer *a,
	struct fact *facts)
{
	wall_ms until = loop_wall() + 1000 * (valid(a->ttl) + GRACE_S);
	size_t n = 0;

	for (size_t i = 0; i < a->n; i++) {
		const struct discovered *from = &a->found[i];
		struct fact *f = &facts[n];

		if ((from->service == DISCOVER_DATA_TCP) != (kind == FACT_DATA))
			continue;
		*f = fact_of(l->hunt, kind, l->source);
		snprintf(f->name, sizeof(f->name), "%.*s", FACT_NAME_MAX, from->reference);
		f->n_addrs = from->n_addrs;
		memcpy(f->addrs, from->addrs, from->n_addrs * sizeof(f->addrs[0]));
		f->port = from->port;
		f->transport = from->service == DISCOVER_SIGNAL_UDP ? SERVER_UDP : SERVER_TCP;
		f->priority = (uint32_t)n++;
		f->expires = until;
	}
	return n;
}

static void
keep_found(const struct lookup *l, const struct discover_answer *a)
{
	static const enum fact_kind kinds[] = {FACT_SERVER, FACT_DATA};
	struct fact facts[FACTS_MAX];

	for (size_t i = 0; i < 2; i++)
		replace(l->hunt, kinds[i], l->source, facts, servers_of(l, kinds[i], a, facts));
}

static void
tell_failure(const struct hunt *h, const char *what, const char *why)
{
	char *reason = mem_printf("no DOTS server was found by %s: %s", what, why);

	event_raise(EVENT_ALERT, EVENT_F("reason", reason), EVENT_F("domain", h->domain),
		EVENT_F("interface", *h->interface ? h->interface : NULL),
		EVENT_F("section", "RFC 8973 6"));
	free(reason);
}

static void
on_found(void *arg, const struct discover_answer *a)
{
	static const char *const what[] = {
		[DISCOVER_SNAPTR] = "S-NAPTR", [DISCOVER_DNSSD] = "DNS-SD"};
	struct lookup *l = arg;
	bool gone = a->error == -ENOENT;

	l->discovery = NULL;
	/* What did not answer may still be right. */
	if (!a->error || (gone && l->source != FACT_DHCP))
		keep_found(l, a);
	if (a->error && !l->failures && l->source != FACT_DHCP)
		tell_failure(l->hunt, what[l->method], a->why);
	l->failures = a->error ? l->failures + 1 : 0;
	l->tried = true;
	look_for_routers(l->hunt);
	timer_after(l->again, 1000 * (a->error ? (int64_t)a->ttl : valid(a->ttl)));
}

static void
look_up(void *arg)
{
	struct lookup *l = arg;
	struct hunt *h = l->hunt;
	struct discovery_service *d = h->service;
	const char *interface = *h->interface ? h->interface : NULL;
	struct access access = {domain_of(h), interface};
	struct access_resolvers r;
	char why[WHY_MAX];

	discovery_cancel(l->discovery);
	l->discovery = NULL;
	if (!h->up || !*l->name)
		return;
	if (access_resolvers(d->config->homing, &access, d->links, &r, why, sizeof(why)))
		l->discovery = discovery_start(
			d->loop, &r.config, l->name, l->method, l->failures, on_found, l);
	if (l->discovery)
		return;
	l->failures++;
	l->tried = true;
	timer_after(l->again, 1000 * backoff(l->failures));
	look_for_routers(h);
}

static void
look_for(struct lookup *l, const char *name)
{
	if (!strcmp(l->name, name) && l->discovery)
		return;
	snprintf(l->name, sizeof(l->name), "%s", name);
	l->failures = 0;
	l->tried = false;
	timer_after(l->again, 0);
}

/* The DNS domain of the configuration, else the one that DHCP told (RFC 8973 6). */
static void
look_everywhere(struct hunt *h)
{
	const struct domain *d = domain_of(h);
	const char *name = d->discovery_domain ? d->discovery_domain : "";

	for (int i = 1; i >= 0; i--)
		if (!*name && h->question[i].answered)
			name = h->question[i].answer.domain;
	if (d->discover & DISCOVER_BY_NAPTR)
		look_for(&h->lookup[BY_NAPTR], name);
	if (d->discover & DISCOVER_BY_DNS_SD)
		look_for(&h->lookup[BY_DNS_SD], name);
}

/* ---- DHCP ------------------------------------------------------------------------------------ */

/* What both families said. Addresses spare the look-up (RFC 8973 5.1.3, 5.2.3). */
static size_t
servers_by_dhcp(const struct hunt *h, struct fact *facts, const char **ret_name)
{
	size_t n = 0;

	*ret_name = "";
	for (size_t i = 0; i < 2; i++) {
		const struct question *q = &h->question[i];
		struct fact *f = &facts[n];

		if (!q->answered || (!*q->answer.name && !q->answer.n_addrs))
			continue;
		*f = fact_of(h, FACT_SERVER, FACT_DHCP);
		snprintf(f->name, sizeof(f->name), "%.*s", FACT_NAME_MAX, q->answer.name);
		f->n_addrs = q->answer.n_addrs;
		memcpy(f->addrs, q->answer.addrs, f->n_addrs * sizeof(f->addrs[0]));
		f->expires = q->until;
		if (!f->n_addrs)
			*ret_name = q->answer.name;
		n++;
	}
	return n;
}

static size_t
resolvers_by_dhcp(const struct hunt *h, struct fact *facts)
{
	size_t n = 0;

	for (size_t i = 0; i < 2; i++) {
		const struct question *q = &h->question[i];

		for (size_t k = 0; q->answered && k < q->answer.n_resolvers; k++) {
			facts[n] = fact_of(h, FACT_RESOLVER, FACT_DHCP);
			facts[n].resolver = q->answer.resolvers[k];
			facts[n++].expires = q->until;
		}
	}
	return n;
}

static void
take_answers(struct hunt *h)
{
	struct fact servers[2], resolvers[2 * DHCP_RESOLVERS_MAX];
	const char *name;
	size_t n = resolvers_by_dhcp(h, resolvers);

	replace(h, FACT_RESOLVER, FACT_DHCP, resolvers, n);
	n = servers_by_dhcp(h, servers, &name);
	replace(h, FACT_SERVER, FACT_DHCP, servers, n);
	look_for(&h->lookup[OF_DHCP_NAME], name);
	look_everywhere(h);
	look_for_routers(h);
}

static void
stop_asking(struct question *q)
{
	dhcp_port_cancel(q->port);
	q->port = NULL;
	dhcp_probe_free(q->probe);
	q->probe = NULL;
	if (q->fd >= 0)
		close(q->fd);
	q->fd = -1;
}

static void
ask_later(struct question *q, const char *why)
{
	if (!q->failures++)
		tell_failure(q->hunt, q->family == 4 ? "DHCPv4" : "DHCPv6", why);
	stop_asking(q); /* and `why` goes with the probe */
	timer_after(q->again, 1000 * backoff(q->failures));
	look_for_routers(q->hunt);
}

static void
on_dhcp(void *arg, const struct dhcp_dots *answer, const char *why)
{
	struct question *q = arg;
	int64_t s;

	if (!answer) {
		ask_later(q, why);
		return;
	}
	s = valid(answer->lifetime ? answer->lifetime : VALID_MAX_S);
	q->answer = *answer;
	q->answered = true;
	q->failures = 0;
	q->until = loop_wall() + 1000 * (s + GRACE_S);
	stop_asking(q);
	timer_after(q->again, 1000 * s);
	take_answers(q->hunt);
}

static const struct link_addr *
address_on(const struct hunt *h, uint8_t family)
{
	size_t n;
	const struct link_addr *la = links_addrs(h->service->links, &n);

	for (size_t i = 0; i < n; i++)
		if (la[i].addr.family == family && !la[i].tentative &&
			!strcmp(la[i].interface, h->interface))
			return &la[i];
	return NULL;
}

static void
on_port(void *arg, int fd, const char *why)
{
	struct question *q = arg;
	struct dhcp_probe_config cfg = {
		.family = q->family, .fd = fd, .interface = q->hunt->interface};
	const struct link_addr *ours = address_on(q->hunt, q->family);
	int error = 0;

	q->port = NULL;
	q->fd = fd;
	if (fd >= 0 && ours) {
		cfg.address = ours->addr;
		q->probe = dhcp_probe_new(q->hunt->service->loop, &cfg, on_dhcp, q, &error);
		why = q->probe ? "" : strerror(-error);
	}
	if (!q->probe)
		ask_later(q, why);
}

/* Without an address of its family nobody is asked, and nothing is missing. */
static void
ask(void *arg)
{
	struct question *q = arg;
	struct hunt *h = q->hunt;
	const struct config *c = h->service->config;

	if (!h->up || q->port || q->probe || !(domain_of(h)->discover & DISCOVER_BY_DHCP) ||
		!address_on(h, q->family))
		return;
	q->port = dhcp_port_ask(
		h->service->loop, c->helper, c->instance, q->family, h->interface, on_port, q);
}

/* ---- default routers ------------------------------------------------------------------------- */

/* Whoever else is asked has answered, or failed at least once. */
static bool
is_settled(const struct hunt *h)
{
	bool dhcp = domain_of(h)->discover & DISCOVER_BY_DHCP;

	for (size_t i = 0; i < 2; i++) {
		const struct question *q = &h->question[i];

		if (dhcp && !q->answered && !q->failures && address_on(h, q->family))
			return false;
	}
	for (size_t i = 0; i < LOOKUPS; i++)
		if (*h->lookup[i].name && !h->lookup[i].tried)
			return false;
	return true;
}

/* RFC 9132 4.3. They count where nothing else is known (homing/fact.c). A router has no name: its
 * address is what it has to prove. */
static void
read_routers(void *arg)
{
	struct hunt *h = arg;
	struct fact facts[ROUTERS_MAX];
	struct routers routers = {.n = 0};

	if (!h->up || !is_settled(h))
		return;
	if (domain_of(h)->discover & DISCOVER_BY_ROUTER) {
		routers_of(h->interface, &routers);
		timer_after(h->routers, 1000 * ROUTER_S);
	}
	for (size_t i = 0; i < routers.n; i++) {
		facts[i] = fact_of(h, FACT_GATEWAY, FACT_ROUTER);
		facts[i].addrs[0] = routers.list[i].addr;
		facts[i].n_addrs = 1;
		facts[i].priority = (uint32_t)i;
		facts[i].expires = loop_wall() + 1000 * (ROUTER_S + GRACE_S);
	}
	replace(h, FACT_GATEWAY, FACT_ROUTER, facts, routers.n);
}

static void
look_for_routers(struct hunt *h)
{
	timer_after(h->routers, 0);
}

static void
on_routes(void *arg)
{
	struct discovery_service *d = arg;

	for (struct hunt *h = d->hunts; h; h = h->next)
		look_for_routers(h);
}

/* ---- hunts ----------------------------------------------------------------------------------- */

static void
tell_begin(const struct hunt *h, const char *why)
{
	event_raise(EVENT_DISCOVERY, EVENT_F("domain", h->domain),
		EVENT_F("interface", *h->interface ? h->interface : NULL), EVENT_F("reason", why));
}

/* A link that comes up may be another network: nobody there is asked for what the one before said
 * (RFC 8973 8). */
static void
hunt_begin(struct hunt *h)
{
	tell_begin(h, h->was_up ? "attachment" : "start");
	h->up = h->was_up = true;
	for (size_t i = 0; i < 2; i++) {
		h->question[i].failures = 0;
		h->question[i].answered = false;
		timer_after(h->question[i].again, 0);
	}
	look_everywhere(h);
	look_for_routers(h);
}

/* With what is known as it is. */
static void
hunt_again(struct hunt *h, const char *why)
{
	mono_ms now = loop_now(h->service->loop);

	if (!h->up || (h->again && now - h->again < 1000 * RETRY_S))
		return;
	h->again = now;
	tell_begin(h, why);
	for (size_t i = 0; i < 2; i++)
		if (h->question[i].answered)
			timer_after(h->question[i].again, 0);
	for (size_t i = 0; i < LOOKUPS; i++) {
		const struct lookup *l = &h->lookup[i];

		if (*l->name && !l->failures && !l->discovery)
			timer_after(l->again, 0);
	}
	look_for_routers(h);
}

/* What was found stays until it expires: a flap is no reason to forget. */
static void
hunt_pause(struct hunt *h)
{
	h->up = false;
	for (size_t i = 0; i < 2; i++) {
		stop_asking(&h->question[i]);
		timer_stop(h->question[i].again);
	}
	for (size_t i = 0; i < LOOKUPS; i++) {
		discovery_cancel(h->lookup[i].discovery);
		h->lookup[i].discovery = NULL;
		timer_stop(h->lookup[i].again);
	}
	timer_stop(h->routers);
}

static struct hunt *
hunt_new(struct discovery_service *d, const char *domain, const char *interface)
{
	static const struct {
		enum discover_method method;
		enum fact_source source;
	} lookups[LOOKUPS] = {[BY_NAPTR] = {DISCOVER_SNAPTR, FACT_NAPTR},
		[BY_DNS_SD] = {DISCOVER_DNSSD, FACT_DNS_SD},
		[OF_DHCP_NAME] = {DISCOVER_SNAPTR, FACT_DHCP}};
	struct hunt *h = mem_new(sizeof(*h));

	h->service = d;
	h->domain = mem_text(domain);
	snprintf(h->interface, sizeof(h->interface), "%s", interface ? interface : "");
	for (size_t i = 0; i < 2; i++) {
		h->question[i] = (struct question){.hunt = h, .family = i ? 6 : 4, .fd = -1};
		h->question[i].again = timer_new(d->loop, ask, &h->question[i]);
	}
	for (size_t i = 0; i < LOOKUPS; i++) {
		h->lookup[i] = (struct lookup){
			.hunt = h, .method = lookups[i].method, .source = lookups[i].source};
		h->lookup[i].again = timer_new(d->loop, look_up, &h->lookup[i]);
	}
	h->routers = timer_new(d->loop, read_routers, h);
	h->next = d->hunts;
	d->hunts = h;
	return h;
}

static void
hunt_free(struct hunt *h)
{
	hunt_pause(h);
	for (size_t i = 0; i < 2; i++)
		timer_free(h->question[i].again);
	for (size_t i = 0; i < LOOKUPS; i++)
		timer_free(h->lookup[i].again);
	timer_free(h->routers);
	free(h->domain);
	free(h);
}

/* Nobody looks for it any more: what it found is not offered either. */
static void
hunt_end(struct hunt *h)
{
	static const enum fact_source sources[] = {FACT_DHCP, FACT_NAPTR, FACT_DNS_SD};

	for (size_t i = 0; i < sizeof(sources) / sizeof(*sources); i++) {
		replace(h, FACT_SERVER, sources[i], NULL, 0);
		replace(h, FACT_DATA, sources[i], NULL, 0);
		replace(h, FACT_RESOLVER, sources[i], NULL, 0);
	}
	replace(h, FACT_GATEWAY, FACT_ROUTER, NULL, 0);
	hunt_free(h);
}

static bool
is_up(const struct hunt *h)
{
	return !*h->interface || links_up(h->service->links, h->interface);
}

/* An address that came may be the one that was missing; a link that came up may be another network
 * (RFC 8973 4). */
static void
on_link(void *arg, const char *interface, bool up)
{
	struct discovery_service *d = arg;

	for (struct hunt *h = d->hunts; h; h = h->next) {
		if (*h->interface && strcmp(h->interface, interface) != 0)
			continue;
		if (!h->up && is_up(h))
			hunt_begin(h);
		else if (h->up && !is_up(h))
			hunt_pause(h);
		else if (up)
			for (size_t i = 0; i < 2; i++)
				if (!h->question[i].answered)
					ask(&h->question[i]);
	}
}

static struct hunt *
find(struct discovery_service *d, const char *domain, const char *interface)
{
	struct hunt *h = d->hunts;

	while (h && (strcmp(h->domain, domain) != 0 ||
			    strcmp(h->interface, interface ? interface : "") != 0))
		h = h->next;
	return h;
}

static void
want(struct discovery_service *d, const struct domain *dom, const char *interface)
{
	struct hunt *h = find(d, dom->name, interface);

	if (!h) {
		h = hunt_new(d, dom->name, interface);
		if (is_up(h))
			hunt_begin(h);
	}
	h->wanted = true;
}

/* ---- life ------------------------------------------------------------------------------------ */

static void
want_all(struct discovery_service *d)
{
	const struct homing *h = d->config->homing;

	for (size_t i = 0; i < h->n_domains; i++) {
		const struct domain *dom = &h->domains[i];

		for (size_t k = 0; dom->discover && k < dom->n_interfaces; k++)
			want(d, dom, dom->interfaces[k]);
		if (dom->discover && !dom->n_interfaces)
			want(d, dom, NULL);
	}
}

/* Only where somebody asks for routers: a table of routes may be large, and change all the time. */
static void
watch_routes(struct discovery_service *d)
{
	const struct homing *h = d->config->homing;
	bool wanted = false;

	for (size_t i = 0; i < h->n_domains; i++)
		wanted = wanted || h->domains[i].discover & DISCOVER_BY_ROUTER;
	if (wanted && !d->routes) {
		d->routes = route_watch_new(d->loop, on_routes, d);
	} else if (!wanted) {
		route_watch_free(d->routes);
		d->routes = NULL;
	}
}

struct discovery_service *
discovery_new(struct loop *l, const struct config *config, struct learned *learned,
	void (*changed)(void *arg), void *arg)
{
	struct discovery_service *d = mem_new(sizeof(*d));

	d->loop = l;
	d->config = config;
	d->learned = learned;
	d->changed = changed;
	d->arg = arg;
	d->links = links_new(l, on_link, d);
	want_all(d);
	watch_routes(d);
	return d;
}

void
discovery_reload(struct discovery_service *d, const struct config *config)
{
	struct hunt **p = &d->hunts;

	d->config = config;
	for (struct hunt *h = d->hunts; h; h = h->next)
		h->wanted = false;
	want_all(d);
	while (*p) {
		struct hunt *h = *p;

		if (h->wanted) {
			p = &h->next;
			continue;
		}
		*p = h->next;
		if (homing_domain(config->homing, h->domain) >= 0)
			hunt_end(h);
		else
			hunt_free(h); /* with its domain */
	}
	for (struct hunt *h = d->hunts; h; h = h->next)
		if (h->up) {
			look_everywhere(h);
			look_for_routers(h);
		}
	watch_routes(d);
}

void
discovery_again(
	struct discovery_service *d, const char *domain, const char *interface, const char *why)
{
	for (struct hunt *h = d->hunts; h; h = h->next)
		if (!strcmp(h->domain, domain) && (!*interface || !strcmp(h->interface, interface)))
			hunt_again(h, why);
}

void
discovery_free(struct discovery_service *d)
{
	struct hunt *next;

	if (!d)
		return;
	for (struct hunt *h = d->hunts; h; h = next) {
		next = h->next;
		hunt_free(h);
	}
	route_watch_free(d->routes);
	links_free(d->links);
	free(d);
}
