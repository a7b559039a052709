/*
 * See https.h. Owns the listening sockets, the connections and what they share.
 *
 * The data channel must not starve the signal channel, which runs in the same loop: what a turn may
 * spend on handshakes and requests is bounded, the rest waits in order. When all places are taken,
 * one whose peer has proven no identity makes room, as crowd.h has it.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/https_private.h"

enum {
	DEFAULT_CONNECTIONS = 1000,
	DEFAULT_CONNECTIONS_PER_PREFIX = 50,
	DEFAULT_TIMEOUT_S = 30,
	DEFAULT_REQUEST_TIMEOUT_S = 60,
	DEFAULT_BODY = 1024 * 1024,
	DEFAULT_HEADERS = 16 * 1024,
	DEFAULT_BODIES = 16 * 1024 * 1024,
	/* At most two steps of handshakes in a turn, and half of the time. */
	TURN_US = 2 * HTTPS_COST_HANDSHAKE,
	TURN_MS = 4,
};

/* --- budget ---------------------------------------------------------------------------------- */

static bool
https_has_budget(const struct https *h, unsigned cost)
{
	return !h->spent || h->spent + cost <= TURN_US;
}

static void
https_spend(struct https *h, uint64_t us)
{
	if (!h->spent)
		timer_after(h->turn, TURN_MS);
	h->spent += us;
}

void
https_end(struct https *h, uint64_t begun, unsigned cost)
{
	uint64_t us = loop_used_us() - begun;

	if (us > cost)
		https_spend(h, us - cost);
}

bool
https_afford(struct https_connection *c, unsigned cost)
{
	struct https *h = c->https;

	if (!https_has_budget(h, cost)) {
		https_share_wait(c);
		return false;
	}
	https_spend(h, cost);
	return true;
}

static void
https_turn(void *arg)
{
	struct https *h = arg;
	struct https_connection *c;

	h->spent -= h->spent < TURN_US ? h->spent : TURN_US;
	if (h->spent)
		timer_after(h->turn, TURN_MS);
	while ((c = https_share_first(h)) && https_has_budget(h, https_connection_cost(c))) {
		https_share_pass(c);
		https_connection_go(c);
	}
}

/* --- places ---------------------------------------------------------------------------------- */

void
https_forget(struct https_connection *c)
{
	struct https *h = c->https;

	https_share_forget(c);
	crowd_remove(h->all, &c->member);
	crowd_remove(h->strangers, &c->stranger);
}

static bool
https_make_room(struct https *h, const struct addr *from)
{
	struct crowd_member *m;

	if (crowd_count_of(h->all, from) >= h->limits.max_connections_per_prefix)
		return false;
	if (crowd_count(h->all) < h->limits.max_connections)
		return true;
	/* Who has just come may be about to prove who it is. */
	m = crowd_yielding(h->strangers, from, loop_now(h->loop));
	if (!m)
		return false;
	https_connection_over(heap_entry(m, struct https_connection, stranger));
	return true;
}

static void
https_accepted(void *arg, struct tcp *t)
{
	struct https *h = arg;
	const struct addr *from = &tcp_remote(t)->addr;
	struct https_connection *c;

	if (!https_make_room(h, from)) {
		tcp_free(t);
		return;
	}
	c = https_connection_new(h, t);
	TAILQ_INSERT_TAIL(&h->connections, c, siblings);
	crowd_add(h->all, &c->member, from, loop_now(h->loop));
	crowd_add(h->strangers, &c->stranger, from, loop_now(h->loop));
}

/* --- making ---------------------------------------------------------------------------------- */

static uint32_t
or_default(uint32_t value, uint32_t by_default)
{
	return value ? value : by_default;
}

static void
https_set_limits(struct https *h, const struct https_config *cfg)
{
	h->limits = (struct https_config){
		.max_connections = or_default(cfg->max_connections, DEFAULT_CONNECTIONS),
		.max_connections_per_prefix =
			or_default(cfg->max_connections_per_prefix, DEFAULT_CONNECTIONS_PER_PREFIX),
		.timeout_s = or_default(cfg->timeout_s, DEFAULT_TIMEOUT_S),
		.request_timeout_s = or_default(cfg->request_timeout_s, DEFAULT_REQUEST_TIMEOUT_S),
		.max_body = or_default(cfg->max_body, DEFAULT_BODY),
		.max_headers = or_default(cfg->max_headers, DEFAULT_HEADERS),
		.max_bodies = cfg->max_bodies ? cfg->max_bodies : DEFAULT_BODIES,
	};
}

static bool
https_open(struct https *h, const struct https_config *cfg, char *why, size_t cap)
{
	h->sockets = mem_array(cfg->n_sockets, sizeof(struct tcp_listener *));
	for (size_t i = 0; i < cfg->n_sockets; i++) {
		const struct listen_socket *s = &cfg->sockets[i];
		char text[ENDPOINT_TEXT_MAX];
		int error = 0;
		struct tcp_listener *tl =
			tcp_listen(h->loop, s->interface, &s->local, https_accepted, h, &error);

		if (!tl) {
			snprintf(why, cap, "TCP %s%s%s: %s", endpoint_format(&s->local, text),
				s->interface[0] ? " on " : "", s->interface, strerror(-error));
			return false;
		}
		h->sockets[h->n_sockets++] = tl;
	}
	return true;
}

struct https *
https_new(struct loop *l, const struct https_config *cfg, const struct https_ops *ops, void *arg,
	char *why, size_t cap)
{
	struct https *h = mem_new(sizeof(*h));
	bool good;

	h->loop = l;
	h->ops = ops;
	h->arg = arg;
	h->credentials = credentials_ref(cfg->credentials);
	https_set_limits(h, cfg);
	h->tls = association_server_new(NULL, NULL);
	h->all = crowd_new();
	h->strangers = crowd_new();
	TAILQ_INIT(&h->connections);
	TAILQ_INIT(&h->turns);
	h->shares = map_new();
	h->turn = timer_new(l, https_turn, h);
	good = https_exchange_start(h);
	if (!good)
		snprintf(why, cap, "libmicrohttpd does not start");
	if (!good || !https_open(h, cfg, why, cap)) {
		https_free(h);
		return NULL;
	}
	return h;
}

void
https_free(struct https *h)
{
	struct https_connection *c;

	h->freeing = true;
	for (size_t i = 0; i < h->n_sockets; i++)
		tcp_listener_free(h->sockets[i]);
	free(h->sockets);
	TAILQ_FOREACH(c, &h->connections, siblings)
		https_connection_over(c);
	https_exchange_stop(h);
	while ((c = TAILQ_FIRST(&h->connections)))
		https_connection_free(c);
	timer_free(h->turn);
	map_free(h->shares);
	crowd_free(h->all);
	crowd_free(h->strangers);
	association_server_free(h->tls);
	credentials_unref(h->credentials);
	free(h);
}

void
https_set_credentials(struct https *h, struct credentials *c)
{
	struct credentials *old = h->credentials;

	h->credentials = credentials_ref(c);
	credentials_unref(old);
	association_server_renew_tickets(h->tls);
}

void
https_judge(struct https *h)
{
	struct https_connection *c;

	TAILQ_FOREACH(c, &h->connections, siblings)
		https_connection_judge(c);
}

size_t
https_connections(const struct https *h)
{
	return crowd_count(h->all);
}
