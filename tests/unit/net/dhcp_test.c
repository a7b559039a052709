/*
 * The DHCP probe in virtual time: when it asks, what it takes for an answer. The linker puts the
 * functions of this file in place of the system's; dhcp_peer_test.py has real sockets and servers.
 */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <errno.h>
#include <net/if.h>
#include <net/if_arp.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stdlib.h>
#include <string.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/dhcp.h"
#include "standin/loop.h"

int __wrap_ioctl(int fd, unsigned long request, struct ifreq *ifr);
int __wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len);
ssize_t __wrap_recvmsg(int fd, struct msghdr *msg, int flags);
ssize_t __wrap_sendmsg(int fd, const struct msghdr *msg, int flags);
unsigned __wrap_if_nametoindex(const char *interface);

enum { WAN1 = 7, SENT_MAX = 16, QUEUE_MAX = 64, BYTES_MAX = 10000, LONG_MS = 600000 };

struct sent {
	mono_ms when;
	struct endpoint to;
	struct in_pktinfo info;
	uint8_t bytes[DHCP_QUESTION_MAX];
	size_t len;
};

struct queued {
	struct endpoint from;
	unsigned ifindex;
	uint8_t *bytes;
	size_t len;
};

struct told {
	unsigned n;
	bool answered, free_it;
	struct dhcp_dots answer;
	const char *why;
	mono_ms when;
};

static struct {
	struct loop *l;
	int fds[2]; /* of a pair: the probe's, and ours to make it readable */
	struct dhcp_probe *probe;
	struct told told;
	struct sent sent[SENT_MAX];
	size_t n_sent;
	struct queued queue[QUEUE_MAX];
	size_t head, n_queued;
	bool ether, send_fails;
	uint8_t family;
} x;

/* ---- in place of the system's ---- */

unsigned
__wrap_if_nametoindex(const char *interface)
{
	return strcmp(interface, "wan1") ? 0 : WAN1;
}

int
__wrap_ioctl(int fd, unsigned long request, struct ifreq *ifr)
{
	assert_int_equal(fd, x.fds[0]);
	assert_int_equal(request, SIOCGIFHWADDR);
	assert_string_equal(ifr->ifr_name, "wan1");
	ifr->ifr_hwaddr.sa_family = x.ether ? ARPHRD_ETHER : ARPHRD_PPP;
	memcpy(ifr->ifr_hwaddr.sa_data, (uint8_t[]){2, 0, 0, 0, 0, 9}, 6);
	return 0;
}

int
__wrap_setsockopt(int fd, int level, int name, const void *value, socklen_t len)
{
	(void)level;
	(void)name;
	assert_int_equal(fd, x.fds[0]);
	assert_int_equal(len, sizeof(int));
	assert_int_equal(*(const int *)value, 1);
	return 0;
}

ssize_t
__wrap_sendmsg(int fd, const struct msghdr *msg, int flags)
{
	struct sent *s = &x.sent[x.n_sent++];
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);

	(void)flags;
	assert_int_equal(fd, x.fds[0]);
	assert_true(x.n_sent <= SENT_MAX);
	assert_int_equal(msg->msg_iovlen, 1);
	s->when = loop_now(x.l);
	s->len = msg->msg_iov->iov_len;
	memcpy(s->bytes, msg->msg_iov->iov_base, s->len);
	assert_int_equal(endpoint_from_sockaddr(msg->msg_name, &s->to), 0);
	if (c)
		memcpy(&s->info, CMSG_DATA(c), sizeof(s->info));
	errno = ENETUNREACH;
	return x.send_fails ? -1 : (ssize_t)s->len;
}

static void
put_ifindex(struct msghdr *msg, unsigned ifindex)
{
	struct in_pktinfo four = {.ipi_ifindex = (int)ifindex};
	struct in6_pktinfo six = {.ipi6_ifindex = ifindex};
	struct cmsghdr *c = CMSG_FIRSTHDR(msg);
	bool v6 = x.family == 6;
	size_t len = v6 ? sizeof(six) : sizeof(four);

	c->cmsg_level = v6 ? IPPROTO_IPV6 : IPPROTO_IP;
	c->cmsg_type = v6 ? IPV6_PKTINFO : IP_PKTINFO;
	c->cmsg_len = CMSG_LEN(len);
	memcpy(CMSG_DATA(c), v6 ? (void *)&six : (void *)&four, len);
	msg->msg_controllen = CMSG_SPACE(len);
}

ssize_t
__wrap_recvmsg(int fd, struct msghdr *msg, int flags)
{
	struct queued *q = &x.queue[x.head];
	size_t n;
	char one;

	assert_true(flags & MSG_DONTWAIT);
	if (x.head == x.n_queued) {
		errno = EAGAIN;
		return -1;
	}
	assert_int_equal(read(fd, &one, 1), 1);
	x.head++;
	n = q->len < msg->msg_iov->iov_len ? q->len : msg->msg_iov->iov_len;
	memcpy(msg->msg_iov->iov_base, q->bytes, n);
	msg->msg_flags = n < q->len ? MSG_TRUNC : 0;
	msg->msg_namelen = endpoint_to_sockaddr(&q->from, msg->msg_name);
	put_ifindex(msg, q->ifindex);
	free(q->bytes);
	return (ssize_t)n;
}

/* ---- a world with one probe ---- */

static void
on_told(void *arg, const struct dhcp_dots *answer, const char *why)
{
	assert_ptr_equal(arg, &x);
	x.told.n++;
	x.told.when = loop_now(x.l);
	x.told.answered = answer;
	x.told.why = why;
	assert_int_equal(answer == NULL, why != NULL);
	if (answer)
		x.told.answer = *answer;
	if (x.told.free_it) {
		dhcp_probe_free(x.probe);
		x.probe = NULL;
	}
}

static struct dhcp_probe_config
config_of(uint8_t family)
{
	struct dhcp_probe_config cfg = {.family = family, .fd = x.fds[0], .interface = "wan1"};

	if (family == 4)
		cfg.address = (struct addr){4, {192, 0, 2, 7}};
	return cfg;
}

static void
begin(const struct dhcp_probe_config *cfg)
{
	int error = 0;

	x.family = cfg->family;
	x.probe = dhcp_probe_new(x.l, cfg, on_told, &x, &error);
	assert_non_null(x.probe);
}

static int
setup(void **state)
{
	(void)state;
	memset(&x, 0, sizeof(x));
	x.ether = true;
	x.l = loop_new();
	return socketpair(AF_UNIX, SOCK_DGRAM, 0, x.fds);
}

static int
teardown(void **state)
{
	(void)state;
	dhcp_probe_free(x.probe);
	loop_free(x.l);
	for (size_t i = x.head; i < x.n_queued; i++)
		free(x.queue[i].bytes);
	close(x.fds[0]);
	close(x.fds[1]);
	return 0;
}

static void
arrive(uint16_t port, unsigned ifindex, const uint8_t *bytes, size_t len)
{
	struct queued *q = &x.queue[x.n_queued++];

	assert_true(x.n_queued <= QUEUE_MAX);
	*q = (struct queued){.from = {.addr = {4, {192, 0, 2, 1}}, .port = port},
		.ifindex = ifindex,
		.bytes = mem_copy(bytes, len),
		.len = len};
	if (x.family == 6)
		q->from.addr = (struct addr){6, {0xfe, 0x80, [15] = 1}};
	assert_int_equal(write(x.fds[1], "", 1), 1);
}

/* An answer to the last question, with a name, and a link-local resolver in DHCPv6. */
static size_t
make_answer(uint8_t *to)
{
	static const uint8_t rest4[] = {0x63, 0x82, 0x53, 0x63, 53, 1, 5, 147, 3, 1, 'a', 0, 255},
			     rest6[] = {0, 2, 0, 1, 9, 0, 141, 0, 3, 1, 'a', 0, 0, 23, 0, 16, 0xfe,
				     0x80, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 0, 1};
	const struct sent *s = &x.sent[x.n_sent - 1];

	if (x.family == 4) {
		memcpy(to, s->bytes, 236);
		to[0] = 2;
		memcpy(to + 236, rest4, sizeof(rest4));
		return 236 + sizeof(rest4);
	}
	memcpy(to, s->bytes, 18); /* with the client identifier */
	to[0] = 7;
	memcpy(to + 18, rest6, sizeof(rest6));
	return 18 + sizeof(rest6);
}

static uint16_t
server_port(void)
{
	return x.family == 6 ? 547 : 67;
}

/* Until the first question is out, and the second one is not. */
static void
first_question(void)
{
	for (int ms = 0; ms < 1000 && !x.n_sent; ms += 10)
		standin_loop_advance(x.l, 10);
	assert_int_equal(x.n_sent, 1);
}

/* ---- asking ---- */

static void
an_inform_goes_to_everybody_from_our_address(void **state)
{
	struct dhcp_probe_config cfg = config_of(4);
	char text[ENDPOINT_TEXT_MAX];

	(void)state;
	begin(&cfg);
	first_question();
	assert_string_equal(endpoint_format(&x.sent[0].to, text), "255.255.255.255:67");
	assert_int_equal(x.sent[0].info.ipi_ifindex, WAN1);
	assert_memory_equal(&x.sent[0].info.ipi_spec_dst, cfg.address.bytes, 4);
	assert_memory_equal(x.sent[0].bytes + 12, cfg.address.bytes, 4);
	assert_int_equal(x.sent[0].bytes[33], 9); /* chaddr */
}

static void
an_inform_goes_to_the_known_server(void **state)
{
	struct dhcp_probe_config cfg = config_of(4);
	char text[ENDPOINT_TEXT_MAX];

	(void)state;
	cfg.server = (struct addr){4, {192, 0, 2, 1}};
	begin(&cfg);
	first_question();
	assert_string_equal(endpoint_format(&x.sent[0].to, text), "192.0.2.1:67");
}

static void
an_information_request_goes_to_all_servers_of_the_link(void **state)
{
	struct dhcp_probe_config cfg = config_of(6);
	struct addr all = {6, {[0] = 0xff, [1] = 2, [13] = 1, [15] = 2}};

	(void)state;
	begin(&cfg);
	first_question();
	assert_true(addr_equal(&x.sent[0].to.addr, &all));
	assert_int_equal(x.sent[0].to.port, 547);
	assert_int_equal(x.sent[0].bytes[0], 11);
}

static void
links_without_ethernet_addresses_are_asked_without(void **state)
{
	struct dhcp_probe_config cfg = config_of(4);

	(void)state;
	x.ether = false;
	begin(&cfg);
	first_question();
	assert_int_equal(x.sent[0].bytes[2], 0);
	assert_int_equal(x.sent[0].bytes[33], 0);
}

/* ---- pace ---- */

static void
assert_within(int64_t value, int64_t low, int64_t high)
{
	assert_true(value >= low);
	assert_true(value <= high);
}

/* RFC 2131 4.1 */
static void
informs_are_repeated_after_4_8_16_seconds(void **state)
{
	struct dhcp_probe_config cfg = config_of(4);
	mono_ms start = loop_now(x.l);

	(void)state;
	begin(&cfg);
	standin_loop_advance(x.l, LONG_MS);
	assert_int_equal(x.n_sent, 4);
	assert_within(x.sent[0].when - start, 0, 1000);
	for (int i = 1; i < 4; i++) {
		assert_within(x.sent[i].when - x.sent[i - 1].when, (2000 << i) - 1000,
			(2000 << i) + 1000);
		assert_memory_equal(x.sent[i].bytes + 4, x.sent[0].bytes + 4, 4);
	}
	assert_within(x.told.when - x.sent[3].when, 31000, 33000);
	/* secs */
	assert_int_equal(x.sent[0].bytes[9], 0);
	assert_int_equal(x.sent[2].bytes[9], (x.sent[2].when - x.sent[0].when) / 1000);
	assert_int_equal(x.told.n, 1);
	assert_false(x.told.answered);
	assert_string_equal(x.told.why, "nobody answered");
}

/* RFC 8415 15, 18.2.6, 21.9 */
static void
information_requests_are_repeated_with_doubled_waits(void **state)
{
	struct dhcp_probe_config cfg = config_of(6);
	mono_ms start = loop_now(x.l), end;
	int64_t before = 1000;

	(void)state;
	begin(&cfg);
	standin_loop_advance(x.l, LONG_MS);
	assert_int_equal(x.n_sent, 6);
	assert_within(x.sent[0].when - start, 0, 1000);
	for (int i = 1; i <= 6; i++) {
		end = i < 6 ? x.sent[i].when : x.told.when;
		if (i == 1)
			assert_within(end - x.sent[0].when, 900, 1100);
		else
			assert_within(end - x.sent[i - 1].when, before * 19 / 10, before * 21 / 10);
		before = end - x.sent[i - 1].when;
	}
	for (int i = 0; i < 6; i++) {
		const struct sent *s = &x.sent[i];

		assert_memory_equal(s->bytes, x.sent[0].bytes, 4);
		assert_int_equal(s->bytes[s->len - 2] << 8 | s->bytes[s->len - 1],
			(s->when - x.sent[0].when) / 10);
	}
	assert_int_equal(x.told.n, 1);
	assert_false(x.told.answered);
}

struct range {
	int64_t low, high;
};

static void
widen(struct range *r, int64_t value)
{
	r->low = value < r->low ? value : r->low;
	r->high = value > r->high ? value : r->high;
}

/* Many probes: neither the first moment nor the pace nor the transaction is always the same. */
static void
probes_do_not_go_out_together(void **state)
{
	(void)state;
	for (uint8_t family = 4; family <= 6; family += 2) {
		struct dhcp_probe_config cfg = config_of(family);
		struct range first = {INT64_MAX, 0}, gap = {INT64_MAX, 0};
		struct range growth = {INT64_MAX, INT64_MIN};
		uint8_t xids = 0;

		for (int i = 0; i < 40; i++) {
			mono_ms start = loop_now(x.l);

			x.n_sent = 0;
			begin(&cfg);
			standin_loop_advance(x.l, 6000);
			assert_true(x.n_sent >= 2);
			widen(&first, x.sent[0].when - start);
			widen(&gap, x.sent[1].when - x.sent[0].when);
			if (x.n_sent > 2)
				widen(&growth, x.sent[2].when - x.sent[1].when -
						       2 * (x.sent[1].when - x.sent[0].when));
			xids |= x.sent[0].bytes[family == 4 ? 4 : 1] ^
				x.sent[0].bytes[family == 4 ? 6 : 2];
			dhcp_probe_free(x.probe);
			x.probe = NULL;
		}
		assert_true(first.high - first.low > 100);
		assert_true(gap.high - gap.low > (family == 4 ? 500 : 50));
		assert_true(family == 4 || growth.high - growth.low > 50);
		assert_int_not_equal(xids, 0);
	}
}

static void
what_cannot_be_sent_is_tried_again_in_time(void **state)
{
	struct dhcp_probe_config cfg = config_of(4);

	(void)state;
	x.send_fails = true;
	begin(&cfg);
	standin_loop_advance(x.l, LONG_MS);
	assert_int_equal(x.n_sent, 4);
	assert_int_equal(x.told.n, 1);
}

/* ---- answers ---- */

static void
the_first_answer_ends_it(void **state)
{
	uint8_t answer[400];

	(void)state;
	for (uint8_t family = 4; family <= 6; family += 2) {
		struct dhcp_probe_config cfg = config_of(family);
		size_t len;

		x.n_sent = 0;
		x.told = (struct told){.free_it = family == 4};
		begin(&cfg);
		first_question();
		len = make_answer(answer);
		arrive(server_port(), WAN1, answer, len);
		answer[len - (family == 4 ? 3 : 22)] = 'b';
		arrive(server_port(), WAN1, answer, len);
		standin_loop_settle(x.l);
		assert_int_equal(x.told.n, 1);
		assert_true(x.told.answered);
		assert_string_equal(x.told.answer.name, "a");
		standin_loop_advance(x.l, LONG_MS);
		assert_int_equal(x.n_sent, 1);
		assert_int_equal(x.told.n, 1);
		while (x.head < x.n_queued) /* nobody reads it any more */
			free(x.queue[x.head++].bytes);
		while (recv(x.fds[0], answer, sizeof(answer), MSG_DONTWAIT) > 0)
			;
	}
	assert_int_equal(x.told.answer.n_resolvers, 1);
	assert_int_equal(x.told.answer.resolvers[0].scope_id, WAN1);
}

static void
answers_to_a_repeat_count(void **state)
{
	struct dhcp_probe_config cfg = config_of(4);
	uint8_t answer[400];

	(void)state;
	begin(&cfg);
	standin_loop_advance(x.l, 7000);
	assert_int_equal(x.n_sent, 2);
	arrive(67, WAN1, answer, make_answer(answer));
	standin_loop_settle(x.l);
	assert_true(x.told.answered);
}

static void
other_datagrams_are_passed_over(void **state)
{
	static uint8_t bytes[BYTES_MAX];

	(void)state;
	for (uint8_t family = 4; family <= 6; family += 2) {
		struct dhcp_probe_config cfg = config_of(family);
		size_t len, xid = family == 4 ? 7 : 3;

		x.n_sent = 0;
		x.told = (struct told){.free_it = true};
		begin(&cfg);
		first_question();
		memset(bytes, 0, sizeof(bytes));
		len = make_answer(bytes);
		arrive(server_port() + 1, WAN1, bytes, len);
		arrive(server_port(), WAN1 + 1, bytes, len);
		arrive(server_port(), 0, bytes, len);
		arrive(server_port(), WAN1, bytes, sizeof(bytes)); /* does not fit */
		arrive(server_port(), WAN1, bytes, 0);
		arrive(server_port(), WAN1, bytes, len - 5);
		bytes[xid] ^= 1;
		for (int i = 0; i < 20; i++) /* more than a turn reads */
			arrive(server_port(), WAN1, bytes, len);
		standin_loop_settle(x.l);
		assert_int_equal(x.head, x.n_queued);
		assert_int_equal(x.told.n, 0);
		bytes[xid] ^= 1;
		arrive(server_port(), WAN1, bytes, len);
		standin_loop_settle(x.l);
		assert_int_equal(x.told.n, 1);
		assert_true(x.told.answered);
	}
}

static void
a_failure_says_what_came_instead(void **state)
{
	struct dhcp_probe_config cfg = config_of(4);
	uint8_t answer[400];

	(void)state;
	begin(&cfg);
	first_question();
	arrive(67, WAN1, answer, make_answer(answer) - 5);
	standin_loop_advance(x.l, LONG_MS);
	assert_int_equal(x.told.n, 1);
	assert_string_equal(x.told.why, "an option is broken off");
}

static void
a_probe_that_is_freed_says_nothing(void **state)
{
	struct dhcp_probe_config cfg = config_of(6);
	uint8_t answer[400];

	(void)state;
	begin(&cfg);
	first_question();
	arrive(547, WAN1, answer, make_answer(answer));
	dhcp_probe_free(x.probe);
	x.probe = NULL;
	standin_loop_advance(x.l, LONG_MS);
	assert_int_equal(x.told.n, 0);
	assert_int_equal(standin_loop_timers(x.l), 0);
}

static void
what_cannot_work_is_refused_at_once(void **state)
{
	struct dhcp_probe_config cfg = config_of(4);
	int error = 0;

	(void)state;
	cfg.address.family = 0;
	assert_null(dhcp_probe_new(x.l, &cfg, on_told, &x, &error));
	assert_int_equal(error, -EADDRNOTAVAIL);
	cfg = config_of(6);
	cfg.interface = "wan2";
	assert_null(dhcp_probe_new(x.l, &cfg, on_told, &x, &error));
	assert_int_equal(error, -ENODEV);
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(an_inform_goes_to_everybody_from_our_address),
		CASE(an_inform_goes_to_the_known_server),
		CASE(an_information_request_goes_to_all_servers_of_the_link),
		CASE(links_without_ethernet_addresses_are_asked_without),
		CASE(informs_are_repeated_after_4_8_16_seconds),
		CASE(information_requests_are_repeated_with_doubled_waits),
		CASE(probes_do_not_go_out_together),
		CASE(what_cannot_be_sent_is_tried_again_in_time),
		CASE(the_first_answer_ends_it),
		CASE(answers_to_a_repeat_count),
		CASE(other_datagrams_are_passed_over),
		CASE(a_failure_says_what_came_instead),
		CASE(a_probe_that_is_freed_says_nothing),
		CASE(what_cannot_work_is_refused_at_once),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
