/*
 * dotsd-priv: the one program with privilege. It takes typed filters over a Unix socket and keeps
 * one nftables table equal to them, and it opens sockets for DHCP. What it cannot check it refuses;
 * what it was told stays in the kernel when it ends.
 */
#include <errno.h>
#include <getopt.h>
#include <linux/capability.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>

#include "base/acceptor.h"
#include "base/frame.h"
#include "mitigator/filter_proto.h"
#include "priv/dhcp_socket.h"
#include "priv/nft.h"

enum { EXIT_USAGE = 2, CONNECTIONS_MAX = 4 };

struct helper;

struct connection {
	struct helper *helper;
	struct frame_conn *conn;
	bool greeted;
	unsigned sockets; /* handed out: who has them, and for how long, is not seen here */
};

struct helper {
	struct loop *loop;
	struct acceptor *acceptor;
	int fd;
	const char *instance;
	uid_t allowed;
	struct nft *nft;
	struct connection *connections[CONNECTIONS_MAX];
};

/* ---- messages ---- */

static void
hang_up(struct connection *c, const char *why)
{
	struct helper *h = c->helper;

	fprintf(stderr, "dotsd-priv: connection closed: %s\n", why);
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (h->connections[i] == c)
			h->connections[i] = NULL;
	frame_conn_free(c->conn);
	free(c);
	if (!h->acceptor) /* the one it was started for: nobody else can come */
		loop_stop(h->loop);
}

/* fd: -1, or what rides along. */
static void
answer(struct connection *c, const struct filter_msg *m, int fd)
{
	struct buf out;

	buf_init(&out, FILTER_PROTO_FRAME_MAX);
	filter_proto_encode(m, &out);
	if (!out.failed)
		frame_send(c->conn, out.bytes, out.len, fd);
	buf_finish(&out);
}

static const char *
op_hello(struct connection *c, const struct filter_msg *m, struct arena *a)
{
	(void)a;
	if (m->version != FILTER_PROTO_VERSION || strcmp(m->instance, c->helper->instance) != 0)
		return "another protocol version or instance";
	c->greeted = true;
	return NULL;
}

static const char *
op_change(struct connection *c, const struct filter_msg *m, struct arena *a)
{
	struct filter_msg done = {.op = FILTER_OP_DONE};
	const char *why = m->op == FILTER_OP_SYNC ? nft_sync(c->helper->nft, m, &done)
						  : nft_commit(c->helper->nft, m, &done);

	(void)a;
	done.error = why ? why : "";
	if (why)
		fprintf(stderr, "dotsd-priv: %s\n", why);
	answer(c, &done, -1);
	return NULL;
}

static const char *
op_counters(struct connection *c, const struct filter_msg *m, struct arena *a)
{
	struct filter_msg values = {.op = FILTER_OP_VALUES};

	(void)m;
	nft_counters(c->helper->nft, a, &values);
	answer(c, &values, -1);
	return NULL;
}

static const char *
op_dhcp_socket(struct connection *c, const struct filter_msg *m, struct arena *a)
{
	struct filter_msg reply = {.op = FILTER_OP_SOCKET, .error = ""};
	int fd = c->sockets < FILTER_PROTO_SOCKETS_MAX ? dhcp_socket(m->family, m->interface)
						       : -EMFILE;

	(void)a;
	if (fd >= 0)
		c->sockets++;
	else
		reply.error = strerror(-fd);
	answer(c, &reply, fd);
	if (fd >= 0)
		close(fd);
	return NULL;
}

/* The closed table of operations. */
static const struct {
	enum filter_op op;
	bool greeted; /* only after HELLO */
	const char *(*run)(struct connection *c, const struct filter_msg *m, struct arena *a);
} ops[] = {
	{FILTER_OP_HELLO, false, op_hello},
	{FILTER_OP_SYNC, true, op_change},
	{FILTER_OP_COMMIT, true, op_change},
	{FILTER_OP_COUNTERS, true, op_counters},
	{FILTER_OP_DHCP_SOCKET, true, op_dhcp_socket},
};

static const char *
dispatch(struct connection *c, const struct filter_msg *m, struct arena *a)
{
	for (size_t i = 0; i < sizeof(ops) / sizeof(ops[0]); i++)
		if (ops[i].op == m->op && c->greeted >= ops[i].greeted)
			return ops[i].run(c, m, a);
	return "an operation that is not served here";
}

static void
on_message(void *arg, const uint8_t *bytes, size_t len, int fd)
{
	struct connection *c = arg;
	struct arena *a = arena_new();
	struct filter_msg m;
	const char *why = filter_proto_decode(a, bytes, len, &m);

	if (fd >= 0)
		close(fd);
	if (!why)
		why = dispatch(c, &m, a);
	arena_free(a);
	if (why)
		hang_up(c, why);
}

static void
on_closed(void *arg, int error)
{
	hang_up(arg, strerror(-error));
}

static const struct frame_ops frame_ops = {on_message, on_closed};

/* ---- connections ---- */

static void
serve(struct helper *h, int fd)
{
	struct connection *c = mem_new(sizeof(*c));
	uid_t uid;
	gid_t gid;
	pid_t pid;
	size_t slot = 0;

	c->helper = h;
	c->conn = frame_conn_new(h->loop, fd, FILTER_PROTO_FRAME_MAX, &frame_ops, c);
	while (slot < CONNECTIONS_MAX && h->connections[slot])
		slot++;
	if (slot == CONNECTIONS_MAX) {
		hang_up(c, "too many connections");
		return;
	}
	h->connections[slot] = c;
	if (frame_peer(c->conn, &uid, &gid, &pid) != 0 || (uid != 0 && uid != h->allowed))
		hang_up(c, "this user may not connect");
}

static void
on_accept(void *arg, int fd, const struct sockaddr *from)
{
	(void)from;
	serve(arg, fd);
}

static void
on_signal(void *arg, int signo)
{
	(void)signo;
	loop_stop(((struct helper *)arg)->loop);
}

/* ---- start ---- */

/* Only the rights to change packet filters and to use DHCP's ports stay. Who started it without the
 * second gets no sockets. */
static int
drop_privileges(void)
{
	const uint32_t filter = 1u << CAP_NET_ADMIN, ports = 1u << CAP_NET_BIND_SERVICE;
	struct __user_cap_header_struct header = {.version = _LINUX_CAPABILITY_VERSION_3};
	struct __user_cap_data_struct data[2] = {{0}};
	uint32_t kept;

	if (prctl(PR_SET_NO_NEW_PRIVS, 1, 0, 0, 0) != 0 || syscall(SYS_capget, &header, data) != 0)
		return -errno;
	kept = filter | (data[0].permitted & ports);
	data[0] = (struct __user_cap_data_struct){.effective = kept, .permitted = kept};
	data[1] = (struct __user_cap_data_struct){0};
	return syscall(SYS_capset, &header, data) == 0 ? 0 : -errno;
}

/* A number and nothing else. */
static bool
parse_number(const char *text, unsigned long max, unsigned long *ret)
{
	char *end;

	errno = 0;
	*ret = strtoul(text, &end, 10);
	return *text >= '0' && *text <= '9' && !*end && !errno && *ret <= max;
}

static int
usage(void)
{
	fputs("usage: dotsd-priv --socket PATH --instance NAME [--allow-uid UID]\n"
	      "       dotsd-priv --fd N --instance NAME\n",
		stderr);
	return EXIT_USAGE;
}

static int
run(struct helper *h, const char *path, int inherited)
{
	struct signal_watch *term, *intr;
	int r;

	if (path) {
		h->fd = frame_listen(path, 0660);
		if (h->fd < 0) {
			fprintf(stderr, "dotsd-priv: cannot listen on %s: %s\n", path,
				strerror(-h->fd));
			return EXIT_FAILURE;
		}
		if (h->allowed && chown(path, h->allowed, (gid_t)-1) != 0)
			perror("dotsd-priv: chown");
	}
	r = drop_privileges();
	if (r) {
		fprintf(stderr, "dotsd-priv: cannot drop privileges: %s\n", strerror(-r));
		return EXIT_FAILURE;
	}
	h->nft = nft_new(h->instance);
	if (!h->nft) {
		perror("dotsd-priv: netlink");
		return EXIT_FAILURE;
	}
	h->loop = loop_new();
	if (path)
		h->acceptor = acceptor_new(h->loop, h->fd, 1, "local commands", on_accept, h);
	else
		serve(h, inherited);
	term = signal_new(h->loop, SIGTERM, on_signal, h);
	intr = signal_new(h->loop, SIGINT, on_signal, h);
	loop_run(h->loop);
	for (size_t i = 0; i < CONNECTIONS_MAX; i++)
		if (h->connections[i])
			hang_up(h->connections[i], "stopped");
	signal_free(term);
	signal_free(intr);
	acceptor_free(h->acceptor);
	nft_free(h->nft);
	loop_free(h->loop);
	if (path)
		unlink(path);
	return EXIT_SUCCESS;
}

int
main(int argc, char **argv)
{
	static const struct option options[] = {{"socket", required_argument, NULL, 's'},
		{"instance", required_argument, NULL, 'i'},
		{"allow-uid", required_argument, NULL, 'u'}, {"fd", required_argument, NULL, 'f'},
		{0}};
	struct helper h = {.fd = -1};
	const char *path = NULL;
	unsigned long number;
	int c, inherited = -1;

	while ((c = getopt_long(argc, argv, "", options, NULL)) != -1) {
		switch (c) {
		case 's':
			path = optarg;
			break;
		case 'i':
			h.instance = optarg;
			break;
		case 'u':
			if (!parse_number(optarg, UINT32_MAX - 1, &number))
				return usage();
			h.allowed = (uid_t)number;
			break;
		case 'f':
			if (!parse_number(optarg, INT32_MAX, &number))
				return usage();
			inherited = (int)number;
			break;
		default:
			return usage();
		}
	}
	if (!h.instance || !filter_proto_instance_ok(h.instance) ||
		(path != NULL) == (inherited >= 0) || optind < argc)
		return usage();
	return run(&h, path, inherited);
}
