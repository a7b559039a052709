/*
 * Packets as fast as one core makes them, straight onto a veth: UDP, one to each target of the load
 * generator's mitigations in turn (ask.c), so each time another scope. What the other end does with
 * them happens on the same core before the call returns; the time of the kernel's soft interrupt
 * thread of that core counts as well. MAC: of the other end.
 *
 *	flood INTERFACE MAC FIRST-BYTE CLIENTS PREFIX-LEN ITEMS SECONDS KSOFTIRQD-PID
 */
#include <arpa/inet.h>
#include <err.h>
#include <linux/if_packet.h>
#include <net/ethernet.h>
#include <net/if.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { BATCH = 64, PAYLOAD = 18, SOURCE = 0xc0000201, PORT = 4000 };

struct frame {
	struct ether_header ethernet;
	struct iphdr ip;
	struct udphdr udp;
	uint8_t payload[PAYLOAD];
} __attribute__((packed));

struct flood {
	int fd;
	struct sockaddr_ll to;
	clockid_t soft;
	bool sees_soft;
	struct frame *frames;
	size_t n_frames, next;
	struct mmsghdr heads[BATCH];
	struct iovec iovs[BATCH];
};

static uint16_t
checksum(const void *bytes, size_t len)
{
	const uint8_t *p = bytes;
	uint32_t sum = 0;

	for (size_t i = 0; i < len; i += 2)
		sum += (uint32_t)p[i] << 8 | p[i + 1];
	while (sum >> 16)
		sum = (sum & 0xffff) + (sum >> 16);
	return htons((uint16_t)~sum);
}

static void
fill(struct frame *f, const uint8_t *mac, uint32_t target)
{
	memcpy(f->ethernet.ether_dhost, mac, ETH_ALEN);
	f->ethernet.ether_shost[0] = 2;
	f->ethernet.ether_type = htons(ETHERTYPE_IP);
	f->ip.version = 4;
	f->ip.ihl = sizeof(f->ip) / 4;
	f->ip.tot_len = htons(sizeof(*f) - sizeof(f->ethernet));
	f->ip.ttl = 64;
	f->ip.protocol = IPPROTO_UDP;
	f->ip.saddr = htonl(SOURCE);
	f->ip.daddr = htonl(target);
	f->ip.check = checksum(&f->ip, sizeof(f->ip));
	f->udp.source = f->udp.dest = htons(PORT);
	f->udp.len = htons(sizeof(f->udp) + PAYLOAD);
}

static double
clock_of(clockid_t clock)
{
	struct timespec ts;

	clock_gettime(clock, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static double
cpu(const struct flood *f)
{
	return clock_of(CLOCK_PROCESS_CPUTIME_ID) + (f->sees_soft ? clock_of(f->soft) : 0);
}

static unsigned long
send_batch(struct flood *f)
{
	int n;

	for (unsigned i = 0; i < BATCH; i++) {
		f->iovs[i] = (struct iovec){&f->frames[f->next], sizeof(struct frame)};
		f->next = (f->next + 1) % f->n_frames;
		f->heads[i].msg_hdr = (struct msghdr){.msg_name = &f->to,
			.msg_namelen = sizeof(f->to),
			.msg_iov = &f->iovs[i],
			.msg_iovlen = 1};
	}
	n = sendmmsg(f->fd, f->heads, BATCH, 0);
	if (n != BATCH)
		err(1, "sent %d of %d", n, BATCH);
	return BATCH;
}

static void
run(struct flood *f, double seconds)
{
	double start = clock_of(CLOCK_MONOTONIC), end = start, before = cpu(f);
	unsigned long sent = 0;

	for (; end - start < seconds; end = clock_of(CLOCK_MONOTONIC))
		sent += send_batch(f);
	printf("{\"sent\": %lu, \"seconds\": %.6f, \"cpu\": %.6f}\n", sent, end - start,
		cpu(f) - before);
}

static void
open_link(struct flood *f, const char *interface)
{
	const int one = 1;

	f->fd = socket(AF_PACKET, SOCK_RAW | SOCK_CLOEXEC, htons(ETHERTYPE_IP));
	if (f->fd < 0 || setsockopt(f->fd, SOL_PACKET, PACKET_QDISC_BYPASS, &one, sizeof(one)) != 0)
		err(1, "packet socket");
	f->to = (struct sockaddr_ll){.sll_family = AF_PACKET,
		.sll_protocol = htons(ETHERTYPE_IP),
		.sll_ifindex = (int)if_nametoindex(interface),
		.sll_halen = ETH_ALEN};
	if (!f->to.sll_ifindex)
		err(1, "%s", interface);
}

/* "02:00:00:00:00:01" */
static bool
parse_mac(const char *text, uint8_t mac[static ETH_ALEN])
{
	for (int i = 0; i < ETH_ALEN; i++) {
		char *end;

		mac[i] = (uint8_t)strtoul(text, &end, 16);
		if (end != text + 2 || *end != (i + 1 < ETH_ALEN ? ':' : '\0'))
			return false;
		text = end + 1;
	}
	return true;
}

int
main(int argc, char **argv)
{
	struct flood f = {0};
	uint8_t mac[ETH_ALEN];
	uint32_t first, clients, shift;
	pid_t soft;

	if (argc != 9 || !parse_mac(argv[2], mac))
		errx(2, "usage: flood INTERFACE MAC FIRST-BYTE CLIENTS PREFIX-LEN ITEMS "
			"SECONDS KSOFTIRQD-PID");
	first = (uint32_t)strtoul(argv[3], NULL, 10);
	clients = (uint32_t)strtoul(argv[4], NULL, 10);
	shift = 32 - (uint32_t)strtoul(argv[5], NULL, 10);
	f.n_frames = strtoul(argv[6], NULL, 10);
	soft = (pid_t)strtoul(argv[8], NULL, 10);
	f.sees_soft = soft != 0; /* 0: it is not to be seen from this process namespace */
	if (!clients || shift > 16 || !f.n_frames ||
		(f.sees_soft && clock_getcpuclockid(soft, &f.soft) != 0))
		errx(2, "a number is out of range");
	open_link(&f, argv[1]);
	memcpy(f.to.sll_addr, mac, ETH_ALEN);
	f.frames = calloc(f.n_frames, sizeof(*f.frames));
	if (!f.frames)
		err(1, "memory");
	for (uint32_t i = 0; i < f.n_frames; i++)
		fill(&f.frames[i], mac, first << 24 | i % clients << 16 | i / clients << shift);
	run(&f, strtod(argv[7], NULL));
	free(f.frames);
	return 0;
}
