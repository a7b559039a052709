/*
 * See nft_link.h. Transactions are NFNL_MSG_BATCH_BEGIN, messages, NFNL_MSG_BATCH_END in one
 * datagram (linux/netfilter/nfnetlink.h); a failed message fails them all.
 */
#include "priv/nft_link.h"

#include <arpa/inet.h>
#include <errno.h>
#include <linux/netfilter/nf_tables.h>
#include <linux/netfilter/nfnetlink.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/uio.h>

#include "base/mem.h"

enum { ANSWER_MAX = 1 << 17, FRAME_MAX = 64 };

struct nft_link {
	struct mnl_socket *socket;
	uint32_t seq; /* of the last message */
	char answer[ANSWER_MAX];
};

struct nft_link *
nft_link_open(void)
{
	struct mnl_socket *socket = mnl_socket_open2(NETLINK_NETFILTER, SOCK_CLOEXEC);
	struct nft_link *l;

	if (!socket)
		return NULL;
	if (mnl_socket_bind(socket, 0, MNL_SOCKET_AUTOPID) < 0) {
		mnl_socket_close(socket);
		return NULL;
	}
	l = mem_new(sizeof(*l));
	l->socket = socket;
	return l;
}

void
nft_link_close(struct nft_link *l)
{
	if (!l)
		return;
	mnl_socket_close(l->socket);
	free(l);
}

/* --- transactions --------------------------------------------------------------------------- */

static size_t
frame(char bytes[static FRAME_MAX], uint16_t type, uint32_t seq)
{
	struct nlmsghdr *h = mnl_nlmsg_put_header(bytes);
	struct nfgenmsg *g = mnl_nlmsg_put_extra_header(h, sizeof(*g));

	h->nlmsg_type = type;
	h->nlmsg_flags = NLM_F_REQUEST;
	h->nlmsg_seq = seq;
	g->res_id = htons(NFNL_SUBSYS_NFTABLES);
	return h->nlmsg_len;
}

/* Numbers the messages; only the last one is acknowledged, errors are told of any. */
static void
number(struct nft_link *l, struct buf *batch)
{
	struct nlmsghdr *h = NULL;

	for (size_t at = 0; at < batch->len; at += h->nlmsg_len) {
		h = (struct nlmsghdr *)(void *)(batch->bytes + at);
		h->nlmsg_seq = ++l->seq;
	}
	if (h)
		h->nlmsg_flags |= NLM_F_ACK;
}

/* What a message was about, for the text of an error. */
static const char *
subject(uint16_t type)
{
	static const struct {
		uint16_t type;
		const char *name;
	} names[] = {
		{NFT_MSG_NEWTABLE, "table"},
		{NFT_MSG_DELTABLE, "table to delete"},
		{NFT_MSG_NEWCHAIN, "new chain"},
		{NFT_MSG_DELCHAIN, "chain to delete"},
		{NFT_MSG_NEWRULE, "new rule"},
		{NFT_MSG_DELRULE, "rules to delete"},
		{NFT_MSG_NEWSET, "new set"},
		{NFT_MSG_DELSET, "set to delete"},
		{NFT_MSG_NEWSETELEM, "new elements"},
		{NFT_MSG_DELSETELEM, "elements to delete"},
		{NFT_MSG_NEWOBJ, "new counter"},
		{NFT_MSG_DELOBJ, "counter to delete"},
	};

	for (size_t i = 0; i < sizeof(names) / sizeof(names[0]); i++)
		if (type == (NFNL_SUBSYS_NFTABLES << 8 | names[i].type))
			return names[i].name;
	return "transaction";
}

/* The first error counts: what follows it is its consequence. */
struct outcome {
	bool acknowledged, failed;
	char *why;
};

static void
note_answer(const struct nlmsghdr *h, struct outcome *o)
{
	const struct nlmsgerr *e = mnl_nlmsg_get_payload(h);

	if (h->nlmsg_type != NLMSG_ERROR || mnl_nlmsg_get_payload_len(h) < sizeof(*e))
		return;
	if (!e->error) {
		o->acknowledged = true;
	} else if (!o->failed) {
		o->failed = true;
		snprintf(o->why, NFT_LINK_WHY_MAX, "nftables: %s: %s", subject(e->msg.nlmsg_type),
			strerror(-e->error));
	}
}

/* All answers are there by now. */
static void
read_answers(struct nft_link *l, struct outcome *o)
{
	int fd = mnl_socket_get_fd(l->socket);
	ssize_t n;

	while ((n = recv(fd, l->answer, sizeof(l->answer), MSG_DONTWAIT)) > 0 || errno == EINTR) {
		const struct nlmsghdr *h = (const void *)l->answer;
		int left = (int)n;

		for (; n > 0 && mnl_nlmsg_ok(h, left); h = mnl_nlmsg_next(h, &left))
			note_answer(h, o);
	}
	if (errno != EAGAIN && !o->failed) {
		o->failed = true;
		snprintf(o->why, NFT_LINK_WHY_MAX, "nftables: netlink: %s", strerror(errno));
	}
}

static bool
transmit(struct nft_link *l, struct iovec *iov, size_t n)
{
	struct sockaddr_nl kernel = {.nl_family = AF_NETLINK};
	struct msghdr m = {.msg_name = &kernel,
		.msg_namelen = sizeof(kernel),
		.msg_iov = iov,
		.msg_iovlen = n};
	int fd = mnl_socket_get_fd(l->socket), size = 0;

	for (size_t i = 0; i < n; i++)
		size += (int)iov[i].iov_len;
	/* One datagram, however large. */
	(void)setsockopt(fd, SOL_SOCKET, SO_SNDBUFFORCE, &size, sizeof(size));
	return sendmsg(fd, &m, 0) == size;
}

bool
nft_link_run(struct nft_link *l, struct buf *batch, char why[static NFT_LINK_WHY_MAX])
{
	_Alignas(struct nlmsghdr) char first[FRAME_MAX], last[FRAME_MAX];
	struct outcome o = {.why = why};
	struct iovec iov[3];

	if (batch->failed) {
		snprintf(why, NFT_LINK_WHY_MAX, "the change is too large");
		return false;
	}
	if (!batch->len)
		return true;
	iov[0] = (struct iovec){first, frame(first, NFNL_MSG_BATCH_BEGIN, ++l->seq)};
	number(l, batch);
	iov[1] = (struct iovec){batch->bytes, batch->len};
	iov[2] = (struct iovec){last, frame(last, NFNL_MSG_BATCH_END, ++l->seq)};
	if (!transmit(l, iov, 3)) {
		snprintf(why, NFT_LINK_WHY_MAX, "nftables: netlink: %s", strerror(errno));
		return false;
	}
	read_answers(l, &o);
	if (!o.failed && !o.acknowledged)
		snprintf(why, NFT_LINK_WHY_MAX, "nftables: netlink: no answer");
	return !o.failed && o.acknowledged;
}

/* --- listings ------------------------------------------------------------------------------- */

struct listing {
	void (*cb)(void *arg, const struct nlmsghdr *object);
	void *arg;
};

static int
pass_on(const struct nlmsghdr *h, void *arg)
{
	const struct listing *list = arg;

	list->cb(list->arg, h);
	return MNL_CB_OK;
}

int
nft_link_list(struct nft_link *l, const struct buf *question,
	void (*cb)(void *arg, const struct nlmsghdr *object), void *arg)
{
	struct nlmsghdr *h = (struct nlmsghdr *)(void *)question->bytes;
	struct listing list = {cb, arg};
	ssize_t n;
	int r;

	h->nlmsg_seq = ++l->seq;
	if (mnl_socket_sendto(l->socket, h, h->nlmsg_len) < 0)
		return -errno;
	do {
		n = mnl_socket_recvfrom(l->socket, l->answer, sizeof(l->answer));
		if (n < 0)
			return -errno;
		r = mnl_cb_run(l->answer, (size_t)n, l->seq, mnl_socket_get_portid(l->socket),
			pass_on, &list);
	} while (r == MNL_CB_OK);
	r = r < 0 ? -errno : 0;
	/* Of a listing that broke off, the rest is still to come. */
	while (r &&
		recv(mnl_socket_get_fd(l->socket), l->answer, sizeof(l->answer), MSG_DONTWAIT) > 0)
		;
	return r;
}
