/*
 * The way from a domain to its servers, through answers of any contents: whatever name servers
 * say, it ends within its limits and tells what its header promises.
 *
 * Covers: net/walk.c
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>

#include "fuzz.h"
#include "input.h"
#include "net/walk.h"

/* Few, so that ways meet. */
static const char *const names[] = {"example.net", "a.example.net", "b.example.net", "c.example",
	"A.Example.NET", "i._dots-signal._udp.example.net", "j\\.1._dots-signal._tcp.example",
	"_dots-signal._udp.example.net", "_dots-signal._tcp.example.net",
	"x._http._tcp.example.net", "\\..a", "a"};
static const char *const services[] = {"DOTS:signal.udp", "dots:SIGNAL.tcp",
	"DOTS:signal.udp:signal.tcp", "DOTS:data.tcp", "DOTS-CALL-HOME:signal.udp", "DOTS", "", ":",
	"DOTS:signal.udp:-", "DOTS:signal.tcp:x"};
static const char *const flags[] = {"", "s", "a", "S", "u", "sa"};
static const int errors[] = {-ENOENT, -ETIMEDOUT, -EIO, -EBADMSG};

#define PICK(list, in) ((list)[input_u8(in) % (sizeof(list) / sizeof((list)[0]))])

/* A name of the few, or one more of many. */
static void
pick_name(struct input *in, char to[static RR_NAME_MAX])
{
	unsigned which = input_u8(in);

	if (which & 128)
		snprintf(to, RR_NAME_MAX, "n%u._dots-signal._udp.example", which);
	else
		snprintf(to, RR_NAME_MAX, "%s", names[which % (sizeof(names) / sizeof(names[0]))]);
}

static void
pick_record(struct input *in, struct rr *ret)
{
	memset(ret, 0, sizeof(*ret));
	ret->order = ret->priority = input_u8(in) & 3;
	ret->preference = ret->weight = (uint16_t)(input_u8(in) << 8);
	ret->port = input_u8(in);
	ret->regexp = ret->port == 255;
	snprintf(ret->flags, sizeof(ret->flags), "%s", PICK(flags, in));
	snprintf(ret->services, sizeof(ret->services), "%s", PICK(services, in));
	pick_name(in, ret->name);
}

static void
pick_address(struct input *in, struct addr *ret)
{
	static const char *const texts[] = {"192.0.2.1", "127.0.0.1", "224.0.0.1", "0.0.0.0",
		"2001:db8::1", "::1", "::", "ff02::1", "::ffff:192.0.2.1", "fe80::1"};

	assert(addr_parse(PICK(texts, in), ret) == 0);
}

static void
answer(struct walk *w, enum rr_type type, struct input *in)
{
	static struct rr list[RR_MAX];
	struct addr addrs[RESOLVER_ADDRS_MAX];
	struct walk_answer a = {.why = "why", .list = list, .addrs = addrs, .ttl = input_u16(in)};
	unsigned n = input_u8(in);

	if (n >= 0xe0 || !input_left(in))
		a.error = errors[n & 3];
	else if (type == RR_ADDRESSES)
		for (; a.n_addrs < n % (RESOLVER_ADDRS_MAX + 1); a.n_addrs++)
			pick_address(in, &addrs[a.n_addrs]);
	else
		for (; a.n < n % (RR_MAX + 1); a.n++)
			pick_record(in, &list[a.n]);
	walk_answer(w, &a);
}

static void
check(const struct discover_answer *a)
{
	size_t of_protocol[3] = {0};

	assert(!a->error == (a->n > 0) && !a->error == !*a->why);
	assert(a->error || a->n <= DISCOVER_FOUND_MAX);
	if (a->error)
		assert(a->ttl >= DISCOVER_WAIT_MIN && a->ttl <= DISCOVER_WAIT_MAX);
	for (size_t i = 0; i < a->n; i++) {
		const struct discovered *d = &a->found[i];

		of_protocol[d->service]++;
		assert(i == 0 || d->service >= d[-1].service);
		assert(strcmp(d->reference, "example.net") == 0 && *d->target && d->port);
		assert(d->n_addrs && d->n_addrs <= RESOLVER_ADDRS_MAX);
		for (size_t k = 0; k < d->n_addrs; k++)
			assert(!addr_is_loopback(&d->addrs[k]) &&
				!addr_is_multicast(&d->addrs[k]) &&
				!addr_is_unspecified(&d->addrs[k]));
	}
	assert(a->error || of_protocol[0] + of_protocol[1] > 0);
	for (size_t i = 0; i < 3; i++)
		assert(of_protocol[i] <= DISCOVER_OF_ONE_MAX);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size};
	enum discover_method method = input_u8(&in) & 1 ? DISCOVER_DNSSD : DISCOVER_SNAPTR;
	unsigned failures = input_u8(&in);
	struct walk *w = walk_new("example.net", method, failures, input_u16(&in));
	struct walk_question asked[WALK_QUESTIONS_MAX];
	const struct walk_question *q;
	size_t n = 0;

	while ((q = walk_next(w))) {
		assert(n < WALK_QUESTIONS_MAX && *q->name);
		for (size_t i = 0; i < n; i++)
			assert(asked[i].type != q->type || strcasecmp(asked[i].name, q->name) != 0);
		asked[n++] = *q;
		answer(w, q->type, &in);
	}
	assert(n > 0);
	check(walk_result(w));
	walk_free(w);
	return 0;
}
