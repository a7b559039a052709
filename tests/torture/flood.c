/*
 * Sends UDP datagrams from random source addresses as fast as it is told, by a raw socket:
 *
 *	flood PREFIX/LEN ADDRESS PORT RATE SECONDS SEED
 *
 * Sources are addresses of PREFIX/LEN (of IPv6: its first 64 bits at most) with random ports. The
 * payloads are lines of hexadecimal on standard input, taken in turn; bytes 27 to 58, where a
 * ClientHello in a DTLS record has its random, are made anew for every datagram. Prints "sent N in
 * S".
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <endian.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/ip6.h>
#include <netinet/udp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum {
	HEADERS_MAX = sizeof(struct ip6_hdr) + sizeof(struct udphdr),
	PAYLOAD_MAX = 1400,
	TEMPLATES_MAX = 4096,
	RANDOM_AT = 27,
	RANDOM_LEN = 32,
	BATCH = 32,
	TICK_NS = 1000000,
};

struct template
{
	size_t len;
	uint8_t bytes[PAYLOAD_MAX];
};

static struct template templates[TEMPLATES_MAX];
static size_t n_templates;
static uint8_t packets[BATCH][HEADERS_MAX + PAYLOAD_MAX];
static struct iovec iovs[BATCH];
static struct mmsghdr heads[BATCH];
static struct sockaddr_in to4 = {.sin_family = AF_INET};
static struct sockaddr_in6 to6 = {.sin6_family = AF_INET6};
static bool six;
static uint8_t source[sizeof(struct in6_addr)];
static uint64_t host_mask; /* of its first 32 or 64 bits */
static uint16_t port;
static uint64_t state;

/* xorshift64*: the same seed, the same flood. */
static uint64_t
draw(void)
{
	state ^= state >> 12;
	state ^= state << 25;
	state ^= state >> 27;
	return state * 2685821657736338717ULL;
}

static double
now(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec + (double)ts.tv_nsec / 1e9;
}

static unsigned
digit(char c)
{
	return isdigit((unsigned char)c) ? (unsigned)(c - '0')
					 : (unsigned)(tolower((unsigned char)c) - 'a' + 10);
}

static void
read_templates(void)
{
	char line[2 * PAYLOAD_MAX + 2];

	while (n_templates < TEMPLATES_MAX && fgets(line, sizeof(line), stdin)) {
		struct template *t = &templates[n_templates];
		const char *at = line;

		for (t->len = 0; isxdigit((unsigned char)at[0]) && isxdigit((unsigned char)at[1]);
			at += 2)
			t->bytes[t->len++] = (uint8_t)(digit(at[0]) << 4 | digit(at[1]));
		n_templates += t->len > 0;
	}
}

/* The IP header of so many octets behind it; its length. */
static size_t
put_ip4(uint8_t *at, size_t len)
{
	struct iphdr h = {.version = 4,
		.ihl = sizeof(h) / 4,
		.ttl = 64,
		.protocol = IPPROTO_UDP,
		.daddr = to4.sin_addr.s_addr,
		.tot_len = htons((uint16_t)(sizeof(h) + len))};

	memcpy(&h.saddr, source, sizeof(h.saddr));
	h.saddr |= htonl((uint32_t)(draw() & host_mask));
	memcpy(at, &h, sizeof(h));
	return sizeof(h);
}

static size_t
put_ip6(uint8_t *at, size_t len)
{
	struct ip6_hdr h = {.ip6_dst = to6.sin6_addr};
	uint64_t host[2] = {htobe64(draw() & host_mask), draw()};

	h.ip6_flow = htonl(6U << 28);
	h.ip6_plen = htons((uint16_t)len);
	h.ip6_nxt = IPPROTO_UDP;
	h.ip6_hlim = 64;
	memcpy(&h.ip6_src, source, sizeof(h.ip6_src));
	for (size_t k = 0; k < sizeof(host); k++)
		h.ip6_src.s6_addr[k] |= ((uint8_t *)host)[k];
	memcpy(at, &h, sizeof(h));
	return sizeof(h);
}

static void
put_random(uint8_t *payload, size_t len)
{
	for (size_t k = 0; k < RANDOM_LEN && RANDOM_AT + k < len; k += 8) {
		uint64_t r = draw();

		memcpy(payload + RANDOM_AT + k, &r, sizeof(r));
	}
}

static void
build(unsigned i)
{
	static size_t turn;
	const struct template *t = &templates[turn++ % n_templates];
	size_t len = sizeof(struct udphdr) + t->len;
	uint8_t *p = packets[i];
	size_t ip = six ? put_ip6(p, len) : put_ip4(p, len);
	/* No checksum: over IPv4 none is needed, over IPv6 nobody on the way looks. */
	struct udphdr udp = {.source = htons((uint16_t)(1024 + draw() % 60000)),
		.dest = htons(port),
		.len = htons((uint16_t)len)};

	memcpy(p + ip, &udp, sizeof(udp));
	memcpy(p + ip + sizeof(udp), t->bytes, t->len);
	put_random(p + ip + sizeof(udp), t->len);
	iovs[i] = (struct iovec){p, ip + len};
	heads[i].msg_hdr = (struct msghdr){.msg_iov = &iovs[i], .msg_iovlen = 1};
	heads[i].msg_hdr.msg_name = six ? (void *)&to6 : (void *)&to4;
	heads[i].msg_hdr.msg_namelen = six ? sizeof(to6) : sizeof(to4);
}

static unsigned
send_batch(int fd, unsigned n)
{
	unsigned done = 0;

	for (unsigned i = 0; i < n; i++)
		build(i);
	while (done < n) {
		int r = sendmmsg(fd, heads + done, n - done, 0);

		if (r > 0)
			done += (unsigned)r;
		else if (errno != EINTR && errno != ENOBUFS)
			exit(1);
	}
	return done;
}

/* As many in each moment as are due by then. */
static unsigned long
flood(int fd, double rate, double seconds)
{
	double begun = now(), passed = 0;
	unsigned long sent = 0;

	while (passed < seconds) {
		double due = rate * passed - (double)sent;
		unsigned n = due > BATCH ? BATCH : due > 0 ? (unsigned)due : 0;

		if (n)
			sent += send_batch(fd, n);
		else
			nanosleep(&(struct timespec){.tv_nsec = TICK_NS}, NULL);
		passed = now() - begun;
	}
	return sent;
}

/* PREFIX/LEN and ADDRESS, of one family. */
static bool
read_addresses(char *from, const char *to)
{
	char *slash = strchr(from, '/');
	unsigned long len = slash ? strtoul(slash + 1, NULL, 10) : 0, bits;

	six = strchr(from, ':');
	bits = six ? 64 : 32;
	if (len < 1 || len > bits)
		return false;
	*slash = 0;
	host_mask = (1ULL << (bits - len)) - 1;
	return inet_pton(six ? AF_INET6 : AF_INET, from, source) == 1 &&
	       inet_pton(six ? AF_INET6 : AF_INET, to,
		       six ? (void *)&to6.sin6_addr : (void *)&to4.sin_addr) == 1;
}

int
main(int argc, char **argv)
{
	double begun;
	unsigned long sent;
	int fd;

	if (argc != 7 || !read_addresses(argv[1], argv[2]))
		return 2;
	port = (uint16_t)strtoul(argv[3], NULL, 10);
	state = strtoull(argv[6], NULL, 10) * 2 + 1;
	read_templates();
	fd = socket(six ? AF_INET6 : AF_INET, SOCK_RAW, IPPROTO_RAW);
	if (fd < 0 || !n_templates) {
		perror("flood");
		return 1;
	}
	begun = now();
	sent = flood(fd, strtod(argv[4], NULL), strtod(argv[5], NULL));
	printf("sent %lu in %.2f\n", sent, now() - begun);
	return 0;
}
