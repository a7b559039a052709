/*
 * See udp.h.
 */
#include "udp.h"

#include <assert.h>
#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"

enum { CONNECTED_MAX = 1024, FIRST_PORT = 40000 };

struct udp {
	bool connected;
	unsigned number;
	struct udp_path path;
	udp_cb cb;
	void *arg;
};

static struct udp *listening, *connected[CONNECTED_MAX];
static unsigned n_connected;
static standin_udp_out out;
static void *out_arg;

void
standin_udp_set_out(standin_udp_out new_out, void *arg)
{
	out = new_out;
	out_arg = arg;
	n_connected = 0;
}

bool
standin_udp_receive(const struct udp_path *path, uint8_t *bytes, size_t len)
{
	if (!listening)
		return false;
	listening->cb(listening->arg, path, bytes, len);
	return true;
}

bool
standin_udp_receive_at(unsigned socket, uint8_t *bytes, size_t len)
{
	struct udp *u = socket < n_connected ? connected[socket] : NULL;

	if (!u)
		return false;
	u->cb(u->arg, &u->path, bytes, len);
	return true;
}

unsigned
standin_udp_connected(void)
{
	return n_connected;
}

struct udp *
udp_listen(struct loop *l, const char *interface, const struct endpoint *local, udp_cb cb,
	void *arg, int *ret_error)
{
	struct udp *u = mem_new(sizeof(*u));

	(void)l;
	(void)interface;
	(void)ret_error;
	*u = (struct udp){.path.local = *local, .cb = cb, .arg = arg};
	listening = u;
	return u;
}

struct udp *
udp_connect(struct loop *l, const char *interface, const struct addr *source,
	const struct endpoint *remote, udp_cb cb, void *arg, int *ret_error)
{
	struct udp *u;

	(void)l;
	(void)interface;
	if (n_connected == CONNECTED_MAX) {
		*ret_error = -EMFILE;
		return NULL;
	}
	u = mem_new(sizeof(*u));
	*u = (struct udp){.connected = true, .number = n_connected, .cb = cb, .arg = arg};
	u->path.remote = *remote;
	u->path.local.port = (uint16_t)(FIRST_PORT + n_connected);
	if (source)
		u->path.local.addr = *source;
	else
		u->path.local.addr.family = remote->addr.family;
	connected[n_connected++] = u;
	return u;
}

void
udp_free(struct udp *u)
{
	if (!u)
		return;
	if (u == listening)
		listening = NULL;
	if (u->connected && u->number < n_connected && connected[u->number] == u)
		connected[u->number] = NULL;
	free(u);
}

void
udp_send(struct udp *u, const struct udp_path *path, const void *bytes, size_t len)
{
	assert(len <= UDP_SEND_MAX);
	if (out)
		out(out_arg, u->connected ? &u->path : path, bytes, len);
}

const struct endpoint *
udp_local(const struct udp *u)
{
	return &u->path.local;
}
