#include "daemon/expiry.h"

#include <stdlib.h>

#include "base/event.h"
#include "base/mem.h"

enum { LOOK_S = 3600 }; /* the wall clock may be set meanwhile */

struct expiry {
	struct timer *timer;
	const struct config *config;
	int64_t seen; /* ends up to then are told */
	int64_t now, next;
};

static void
each_of(const struct credentials *c, const char *domain,
	void (*visit)(void *arg, const char *domain, const struct crl_view *list), void *arg)
{
	struct crl_view list;

	for (unsigned i = 0; c && credentials_crl(c, i, &list); i++)
		visit(arg, domain, &list);
}

void
expiry_each(const struct config *c,
	void (*visit)(void *arg, const char *domain, const struct crl_view *list), void *arg)
{
	each_of(c->server_credentials, NULL, visit, arg);
	for (size_t i = 0; i < c->homing->n_domains; i++)
		each_of(c->credentials[i], c->homing->domains[i].name, visit, arg);
}

static void
look_at(void *arg, const char *domain, const struct crl_view *list)
{
	struct expiry *e = arg;
	char *text;

	if (list->expires > e->now) {
		e->next = list->expires < e->next ? list->expires : e->next;
	} else if (list->expires > e->seen) {
		text = mem_printf("the list of certificates revoked by %s has expired; it still "
				  "counts",
			list->issuer);
		event_raise(EVENT_ALERT, EVENT_F("reason", text), EVENT_F("domain", domain),
			EVENT_F("section", "RFC 5280 5.1.2.5"));
		free(text);
	}
}

static void
look(void *arg)
{
	struct expiry *e = arg;

	e->now = loop_wall() / 1000;
	e->next = e->now + LOOK_S;
	expiry_each(e->config, look_at, e);
	e->seen = e->now;
	timer_after(e->timer, (e->next - e->now) * 1000);
}

struct expiry *
expiry_new(struct loop *l)
{
	struct expiry *e = mem_new(sizeof(*e));

	e->timer = timer_new(l, look, e);
	return e;
}

void
expiry_free(struct expiry *e)
{
	if (!e)
		return;
	timer_free(e->timer);
	free(e);
}

void
expiry_watch(struct expiry *e, const struct config *c)
{
	e->config = c;
	e->seen = loop_wall() / 1000;
	look(e);
}
