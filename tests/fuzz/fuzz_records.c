/*
 * What the store may hold after a crash, a downgrade or somebody's hand: records of all kinds, one
 * a line ("kind key value"), read by both roles at start. What cannot be read is left out; what can
 * is put again, and read from there once more it is the same.
 *
 * Covers: role/record.c role/lifetime.c homing/wish_store.c
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "mitigator/dryrun.h"
#include "role/client.h"
#include "role/server.h"
#include "snapshot.h"
#include "standin/association.h"
#include "standin/link.h"
#include "standin/loop.h"
#include "standin/random.h"
#include "standin/store.h"
#include "standin/udp.h"

enum { LINES_MAX = 32, LATER_MS = 7200000 };

struct both {
	struct dots_client *client;
	struct dots_server *server;
	struct mitigator *mitigators[1];
	size_t wishes; /* that are kept: a released one is not on record any more */
};

static struct loop *loop;
static struct persist *store;

static void
start(struct both *b)
{
	struct config *c = snapshot_config();
	struct dots_client_setup cs = {.homing = c->homing, .credentials = c->credentials};
	struct server_setup ss = {.name = "fuzz",
		.sockets = c->listen,
		.n_sockets = c->n_listen,
		.clients = c->clients,
		.heartbeat = c->heartbeat,
		.policy = c->policy};
	struct mitigator_events events;
	char why[256];

	b->client = dots_client_new(loop, store, &cs);
	b->server = server_new(loop, store, &ss, b->mitigators, 1, NULL, why, sizeof(why));
	assert(b->server);
	events = server_events(b->server, 0);
	b->mitigators[0] = dryrun_new(loop, &events);
	server_start(b->server);
	standin_loop_settle(loop);
}

static void
stop(struct both *b)
{
	server_free(b->server);
	b->mitigators[0]->ops->free(b->mitigators[0]);
	dots_client_free(b->client);
}

/* "kind key value" */
static void
put(const uint8_t *line, size_t len)
{
	char *text = strndup((const char *)line, len), *rest = text;
	const char *kind = strsep(&rest, " "), *key = rest ? strsep(&rest, " ") : NULL;

	if (key && rest)
		standin_store_put(store, kind, key, rest);
	free(text);
}

static void
put_all(const uint8_t *data, size_t size)
{
	for (unsigned i = 0; i < LINES_MAX && size > 0; i++) {
		const uint8_t *end = memchr(data, '\n', size);
		size_t n = end ? (size_t)(end - data) : size;

		put(data, n);
		n += end ? 1 : 0;
		data += n;
		size -= n;
	}
}

static void
check_wish(void *arg, const char *id)
{
	struct both *b = arg;
	struct arena *a = arena_new();
	struct wish_view v;

	assert(wishes_view(dots_client_wishes(b->client), id, loop_now(loop), a, &v));
	b->wishes += !v.releasing;
	arena_free(a);
}

static bool
check_mitigation(void *arg, struct mitigation *m)
{
	struct config *c = snapshot_config();
	struct scope s;

	(void)arg;
	assert(clients_named(c->clients, m->client));
	assert(m->expires > loop_now(loop));
	mitigation_describe(m, 'a', loop_now(loop), &s);
	return true;
}

static void
check(struct both *b)
{
	b->wishes = 0;
	wishes_each(dots_client_wishes(b->client), check_wish, b);
	book_all(server_book(b->server), check_mitigation, NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	static const struct peer_id server = {.kind = PEER_PSK, .name = "server"};
	static const struct addr address = {4, {192, 0, 2, 65}};
	struct both b;
	size_t mitigations, wishes;

	standin_random_begin();
	standin_link_begin();
	standin_resolver_set(0, &address, 3600);
	standin_association_peers(&server, 1);
	standin_udp_set_out(NULL, NULL);
	loop = loop_new();
	store = standin_store_new(loop);
	put_all(data, size);
	start(&b);
	check(&b);
	mitigations = book_count(server_book(b.server));
	wishes = b.wishes;
	stop(&b);
	start(&b);
	check(&b);
	assert(book_count(server_book(b.server)) == mitigations);
	assert(b.wishes == wishes);
	standin_loop_advance(loop, LATER_MS);
	check(&b);
	stop(&b);
	standin_store_free(store);
	loop_free(loop);
	return 0;
}
