#include "priv/nft_flow.h"

#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/map.h"
#include "base/mem.h"
#include "priv/nft_msg.h"

struct held {
	struct flow flow;
	size_t n;      /* who have it */
	bool standing; /* the kernel has it */
	bool touched;  /* in the list */
	TAILQ_ENTRY(held) entry;
};

TAILQ_HEAD(held_list, held);

struct nft_flows {
	struct map *held;         /* struct key -> struct held */
	struct held_list touched; /* since the last update */
};

/* Without padding, and nothing that the kernel's sets do not know. */
struct key {
	uint8_t server[16], client[16];
	uint16_t server_port, client_port;
	uint8_t protocol, server_family, client_family, unused;
};

static struct key
key_of(const struct flow *f)
{
	bool live = f->client.addr.family != 0; /* else it is an endpoint of ours alone */
	struct key k = {.server_port = f->server.port,
		.client_port = live ? f->client.port : 0,
		.protocol = (uint8_t)f->protocol,
		.server_family = f->server.addr.family,
		.client_family = f->client.addr.family};

	memcpy(k.server, f->server.addr.bytes, addr_bits(&f->server.addr) / 8);
	if (live)
		memcpy(k.client, f->client.addr.bytes, addr_bits(&f->client.addr) / 8);
	return k;
}

struct nft_flows *
nft_flows_new(void)
{
	struct nft_flows *f = mem_new(sizeof(*f));

	f->held = map_new();
	TAILQ_INIT(&f->touched);
	return f;
}

static bool
free_held(void *arg, const void *key, size_t len, void *value)
{
	(void)arg;
	(void)key;
	(void)len;
	free(value);
	return true;
}

void
nft_flows_free(struct nft_flows *f)
{
	map_each(f->held, free_held, NULL);
	map_free(f->held);
	free(f);
}

static void
touch(struct nft_flows *f, struct held *h)
{
	if (!h->touched)
		TAILQ_INSERT_TAIL(&f->touched, h, entry);
	h->touched = true;
}

void
nft_flows_hold(struct nft_flows *f, const struct flow *flow)
{
	struct key key = key_of(flow);
	struct held *h = map_get(f->held, &key, sizeof(key));

	if (!h) {
		h = mem_new(sizeof(*h));
		h->flow = *flow;
		map_set(f->held, &key, sizeof(key), h);
	}
	h->n++;
	touch(f, h);
}

void
nft_flows_drop(struct nft_flows *f, const struct flow *flow)
{
	struct key key = key_of(flow);
	struct held *h = map_get(f->held, &key, sizeof(key));

	h->n--;
	touch(f, h);
}

void
nft_flows_update(struct nft_flows *f, const char *table, struct buf *out, struct buf *in)
{
	struct held *h;

	while ((h = TAILQ_FIRST(&f->touched))) {
		TAILQ_REMOVE(&f->touched, h, entry);
		h->touched = false;
		if (h->standing != (h->n > 0))
			nft_msg_flow(table, h->n > 0, &h->flow, h->n ? in : out);
		h->standing = h->n > 0;
		if (!h->n) {
			struct key key = key_of(&h->flow);

			map_remove(f->held, &key, sizeof(key));
			free(h);
		}
	}
}
