/*
 * The links that an upstream may use: which one is taken, and what follows when one comes or goes
 * (RFC 9284 5.1; rule M1).
 */
#include <stdio.h>
#include <string.h>

#include "role/upstream_private.h"

const char *
upstream_link_pick(const struct upstream *u, bool *ret_bound)
{
	const struct domain *d = u->domain;

	*ret_bound = d->n_interfaces > 0;
	for (size_t i = 0; i < d->n_interfaces; i++)
		if (links_up(u->cx.links, d->interfaces[i]))
			return d->interfaces[i];
	return NULL;
}

static bool
has_interface(const struct domain *d, const char *name)
{
	for (size_t i = 0; i < d->n_interfaces; i++)
		if (!strcmp(d->interfaces[i], name))
			return true;
	return d->n_interfaces == 0;
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
	bool ours = has_interface(u->domain, interface), bound;
	bool up = upstream_link_pick(u, &bound) || !bound;

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
