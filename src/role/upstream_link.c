/*
 * The links that an upstream may use: which one is taken, and what follows when one comes or goes
 * (RFC 9284 5.1; rule M1).
 */
#include <stdio.h>
#include <string.h>

#include "role/upstream_private.h"

static size_t
count_ways(const struct upstream *u)
{
	struct access a;
	size_t n = 0;

	while (access_nth(u->homing, u->domain, u->server, n, &a))
		n++;
	return n;
}

bool
upstream_link_pick(const struct upstream *u, struct access *ret)
{
	size_t n = count_ways(u);

	for (size_t i = 0; i < n; i++) {
		access_nth(u->homing, u->domain, u->server, (u->first_access + i) % n, ret);
		if (access_up(ret, u->cx.links))
			return true;
	}
	access_nth(u->homing, u->domain, u->server, 0, ret);
	return false;
}

static bool
uses_interface(const struct upstream *u, const char *name)
{
	struct access a;

	for (size_t n = 0; access_nth(u->homing, u->domain, u->server, n, &a); n++)
		if (!a.interface || !strcmp(a.interface, name))
			return true;
	return false;
}

/* The current session's link is up, and its address is there still. The address may be one of
 * another link (of the domain's prefix on the inside); without a device of its own the session's
 * link is where the address is. */
bool
upstream_link_works(const struct upstream *u)
{
	const struct session *s = u->session[CURRENT];
	const char *bound = session_interface(s);
	size_t n = 0;
	const struct link_addr *la = links_addrs(u->cx.links, &n);

	for (size_t i = 0; i < n; i++)
		if (addr_equal(&la[i].addr, &session_local(s)->addr) && !la[i].tentative &&
			links_up(u->cx.links, *bound ? bound : la[i].interface))
			return true;
	return false;
}

void
upstream_link_wait(struct upstream *u, const char *interface)
{
	u->suspended = true; /* link-up starts it */
	timer_stop(u->dial_timer);
	u->next_attempt = INT64_MAX;
	snprintf(u->reason, sizeof(u->reason), "interface %s is down", interface);
}

/* The device of the current session is gone, and its socket with it (rule M1). */
static void
check_device(struct upstream *u)
{
	struct session *s = u->session[CURRENT];

	if (!s || !*session_interface(s) || links_exists(u->cx.links, session_interface(s)))
		return;
	session_abandon(s);
	upstream_session_lost(u, "its interface is gone");
	u->suspended = true;
}

/* Something changed on a link of ours that is up. */
static void
access_changed(struct upstream *u)
{
	if (!u->session[CURRENT])
		return;
	upstream_see(u);
	if (upstream_dial_wanted(u))
		upstream_dial_begin(u, "link changed");
}

void
upstream_link_changed(struct upstream *u, const char *interface)
{
	struct access a;
	bool ours = uses_interface(u, interface), up = upstream_link_pick(u, &a);

	if (ours) {
		check_device(u);
		if (up) {
			access_changed(u);
		} else {
			/* Sessions stay: a short flap loses nothing. New attempts wait for it. */
			upstream_session_drop_candidate(u);
			upstream_link_wait(u, interface);
			upstream_see(u);
		}
	}
	/* An address on another link may be the source that was missing. */
	if (up && u->suspended && !u->session[CURRENT] && !upstream_dial_under_way(u)) {
		u->local_retry = 0;
		upstream_dial_at(u, upstream_dial_soonest(u));
	}
}

/* Towards the address that is tried next. */
static void
look_for_source(const struct upstream *u, struct server_way *ret)
{
	size_t n;
	const struct addr *addrs = upstream_addresses(u, &n);
	struct access a;
	bool up = upstream_link_pick(u, &a);

	ret->interface = a.interface ? a.interface : "";
	if (!up)
		snprintf(ret->no_source, sizeof(ret->no_source), "interface %s is down",
			a.interface);
	else if (!n)
		snprintf(ret->no_source, sizeof(ret->no_source),
			"no address of %.100s is known yet", u->server->name);
	else
		access_source(u->homing, &a, u->cx.links, &addrs[u->next_addr % n], &ret->source,
			ret->no_source, sizeof(ret->no_source));
}

/* A session keeps the address that it was begun with; what would be chosen now may be another. */
void
upstream_way(const struct upstream *u, struct server_way *ret)
{
	const struct session *s = u->session[CURRENT];
	struct server_view view;
	struct source now;

	*ret = (struct server_way){.source.section = "RFC 9284 5.1"};
	upstream_view(u, &view);
	ret->credential = view.credential;
	ret->state = view.state;
	ret->reason = view.reason;
	if (!s) {
		look_for_source(u, ret);
		return;
	}
	ret->interface = session_interface(s);
	ret->source.local.addr = session_local(s)->addr;
	if (access_source(u->homing, &u->access, u->cx.links, &session_remote(s)->addr, &now,
		    ret->no_source, sizeof(ret->no_source)) &&
		addr_equal(&now.local.addr, &ret->source.local.addr))
		ret->source.section = now.section;
	*ret->no_source = '\0';
}
