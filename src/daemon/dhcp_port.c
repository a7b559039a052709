#include "daemon/dhcp_port.h"

#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

#include "base/frame.h"
#include "base/mem.h"
#include "mitigator/filter_proto.h"

enum { PATIENCE_MS = 5000, FRAME_MAX = 4096, WHY_MAX = 200 };

struct dhcp_port {
	struct frame_conn *conn; /* NULL: the helper cannot be reached */
	struct timer *timer;
	dhcp_port_cb cb;
	void *arg;
	char why[WHY_MAX];
};

static void
finish(struct dhcp_port *p, int fd, const char *why)
{
	dhcp_port_cb cb = p->cb;
	void *arg = p->arg;
	char reason[WHY_MAX];

	snprintf(reason, sizeof(reason), "%s", why);
	dhcp_port_cancel(p);
	cb(arg, fd, reason);
}

static void
send_msg(struct dhcp_port *p, const struct filter_msg *m)
{
	struct buf out;

	buf_init(&out, FRAME_MAX);
	filter_proto_encode(m, &out);
	frame_send(p->conn, out.bytes, out.len, -1);
	buf_finish(&out);
}

static void
on_message(void *arg, const uint8_t *bytes, size_t len, int fd)
{
	struct dhcp_port *p = arg;
	struct arena *a = arena_new();
	struct filter_msg m;
	const char *why = filter_proto_decode(a, bytes, len, &m);

	if (!why && m.op != FILTER_OP_SOCKET)
		why = "it answers something else";
	if (!why && *m.error)
		why = m.error;
	if (!why && fd < 0)
		why = "no socket came with its answer";
	if (why && fd >= 0)
		close(fd);
	finish(p, why ? -1 : fd, why ? why : "");
	arena_free(a);
}

static void
on_closed(void *arg, int error)
{
	finish(arg, -1, error ? strerror(-error) : "it closed the connection");
}

static void
on_timer(void *arg)
{
	struct dhcp_port *p = arg;

	finish(p, -1, p->why);
}

struct dhcp_port *
dhcp_port_ask(struct loop *l, const char *helper, const char *instance, uint8_t family,
	const char *interface, dhcp_port_cb cb, void *arg)
{
	static const struct frame_ops ops = {.message = on_message, .closed = on_closed};
	struct dhcp_port *p = mem_new(sizeof(*p));
	int fd = frame_connect(helper);

	p->cb = cb;
	p->arg = arg;
	p->timer = timer_new(l, on_timer, p);
	if (fd < 0) {
		snprintf(p->why, sizeof(p->why), "%s: %s", helper, strerror(-fd));
		timer_after(p->timer, 0);
		return p;
	}
	snprintf(p->why, sizeof(p->why), "%s does not answer", helper);
	timer_after(p->timer, PATIENCE_MS);
	p->conn = frame_conn_new(l, fd, FRAME_MAX, &ops, p);
	send_msg(p, &(struct filter_msg){.op = FILTER_OP_HELLO,
			    .version = FILTER_PROTO_VERSION,
			    .instance = instance});
	send_msg(p, &(struct filter_msg){
			    .op = FILTER_OP_DHCP_SOCKET, .family = family, .interface = interface});
	return p;
}

void
dhcp_port_cancel(struct dhcp_port *p)
{
	if (!p)
		return;
	if (p->conn)
		frame_conn_free(p->conn);
	timer_free(p->timer);
	free(p);
}
