/*
 * Sends UDP datagrams from random source addresses as fast as it is told, by a raw socket:
 *
 *	flood PREFIX/LEN ADDRESS PORT RATE SECONDS SEED
 *
 * Sources are addresses of PREFIX/LEN (IPv4) with random ports. The payloads are lines of
 * hexadecimal on standard input, taken in turn; bytes 27 to 58, where a ClientHello in a DTLS
 * record has its random, are made anew for every datagram. Prints "sent N in S".
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <netinet/in.h>
#include <netinet/ip.h>
#include <netinet/udp.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum {
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

struct packet {
	struct iphdr ip;
	struct udphdr udp;
	uint8_t payload[PAYLOAD_MAX];
} __attribute__((packed));

static struct template templates[TEMPLATES_MAX];
static size_t n_templates;
static struct packet packets[BATCH];
static struct iovec iovs[BATCH];
static struct mmsghdr heads[BATCH];
static struct sockaddr_in to = {.sin_family = AF_INET};
static uint32_t prefix, host_mask;
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

static void
build(unsigned i)
{
	static size_t turn;
	const struct template *t = &templates[turn++ % n_templates];
	struct packet *p = &packets[i];
	size_t len = sizeof(p->udp) + t->len;

	memset(&p->ip, 0, sizeof(p->ip));
	p->ip.version = 4;
	p->ip.ihl = sizeof(p->ip) / 4;
	p->ip.ttl = 64;
	p->ip.protocol = IPPROTO_UDP;
	p->ip.saddr = htonl(prefix | ((uint32_t)draw() & host_mask));
	p->ip.daddr = to.sin_addr.s_addr;
	p->ip.tot_len = htons((uint16_t)(sizeof(p->ip) + len));
	p->udp.source = htons((uint16_t)(1024 + draw() % 60000));
	p->udp.dest = htons(port);
	p->udp.len = htons((uint16_t)len);
	p->udp.check = 0; /* none: allowed over IPv4 */
	memcpy(p->payload, t->bytes, t->len);
	for (size_t k = 0; k < RANDOM_LEN && RANDOM_AT + k < t->len; k += 8) {
		uint64_t r = draw();

		memcpy(p->payload + RANDOM_AT + k, &r, sizeof(r));
	}
	iovs[i] = (struct iovec){p, sizeof(p->ip) + len};
	heads[i].msg_hdr = (struct msghdr){
		.msg_name = &to, .msg_namelen = sizeof(to), .msg_iov = &iovs[i], .msg_iovlen = 1};
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

int
main(int argc, char **argv)
{
	char *slash = argc == 7 ? strchr(argv[1], '/') : NULL;
	unsigned len = slash ? (unsigned)strtoul(slash + 1, NULL, 10) : 0;
	struct in_addr source;
	double begun;
	unsigned long sent;
	int fd;

	if (!slash || len < 1 || len > 32)
		return 2;
	*slash = 0;
	if (inet_pton(AF_INET, argv[1], &source) != 1 ||
		inet_pton(AF_INET, argv[2], &to.sin_addr) != 1)
		return 2;
	host_mask = len == 32 ? 0 : UINT32_MAX >> len;
	prefix = ntohl(source.s_addr) & ~host_mask;
	port = (uint16_t)strtoul(argv[3], NULL, 10);
	state = strtoull(argv[6], NULL, 10) * 2 + 1;
	read_templates();
	fd = socket(AF_INET, SOCK_RAW, IPPROTO_RAW);
	if (fd < 0 || !n_templates) {
		perror("flood");
		return 1;
	}
	begun = now();
	sent = flood(fd, strtod(argv[4], NULL), strtod(argv[5], NULL));
	printf("sent %lu in %.2f\n", sent, now() - begun);
	return 0;
}
