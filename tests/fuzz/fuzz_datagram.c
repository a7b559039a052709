/*
 * Datagrams for the listening socket, before and after there is a session: raw ones, ClientHellos
 * made from the input around the cookie lately given, and real DTLS clients (PSK, certificates of
 * the right and of a wrong CA, resumption) whose datagrams the input passes, loses, repeats and
 * alters.
 *
 * Covers: net/listener.c net/session.c net/record.c net/association.c net/cookie.c
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "input.h"
#include "net/association.h"
#include "net/record.h"
#include "net/tls.h"
#include "scratch.h"
#include "standin/loop.h"
#include "standin/udp.h"
#include "wire/coap.h"
#include "wire/path.h"
#include "world.h"

enum {
	CALLERS = 6, /* with an association of ours behind them */
	SOURCES = 12,
	QUEUE_MAX = 32,
	STEPS_MAX = 300,
	RAW_MAX = 2048,
	COOKIE_MAX = 64,
	FIRST_PORT = 50000,
	APPLICATION = 23,
	CLIENT_MTU = 1252,
	HELLO_VERIFY_REQUEST = 3,
	HELLO_VERIFY_COOKIE = 13 + 12 + 3,
	TIMERS_MAX = 1000,
};

struct packet {
	uint8_t *bytes;
	size_t len;
};

struct queue {
	struct packet list[QUEUE_MAX];
	size_t n;
};

/* One remote address and port. */
struct source {
	struct udp_path path;
	uint8_t cookie[COOKIE_MAX];
	size_t cookie_len;
	bool has_asked; /* it showed a cookie, or may have */
	size_t received, sent;
};

struct caller {
	struct source *source;
	struct association *association;
	struct queue up, down;
	unsigned kind;
	bool is_up, is_intact; /* intact: nothing was lost or altered on its way */
	unsigned answers;
};

static struct world *world;
static struct source sources[SOURCES];
static struct caller callers[CALLERS];
static struct resumption *tickets[SCRATCH_CREDENTIALS];

/* ---- queues ---- */

static void
queue_add(struct queue *q, const uint8_t *bytes, size_t len)
{
	if (q->n == QUEUE_MAX)
		return;
	q->list[q->n] = (struct packet){malloc(len), len};
	memcpy(q->list[q->n++].bytes, bytes, len);
}

static struct packet
queue_take(struct queue *q)
{
	struct packet p = q->list[0];

	memmove(&q->list[0], &q->list[1], (q->n - 1) * sizeof(p));
	q->n--;
	return p;
}

static void
queue_clear(struct queue *q)
{
	while (q->n)
		free(queue_take(q).bytes);
}

/* ---- what the server sends ---- */

static struct source *
source_of(const struct endpoint *remote)
{
	for (size_t i = 0; i < SOURCES; i++)
		if (endpoint_equal(&sources[i].path.remote, remote))
			return &sources[i];
	abort(); /* an answer goes to whoever asked, and to nobody else */
}

static void
note_cookie(struct source *s, const uint8_t *bytes, size_t len)
{
	size_t n;

	if (len <= HELLO_VERIFY_COOKIE || record_type(bytes) != RECORD_HANDSHAKE ||
		record_epoch(bytes) != 0 || bytes[13] != HELLO_VERIFY_REQUEST)
		return;
	n = bytes[HELLO_VERIFY_COOKIE - 1];
	assert(n <= COOKIE_MAX && HELLO_VERIFY_COOKIE + n <= len);
	memcpy(s->cookie, bytes + HELLO_VERIFY_COOKIE, n);
	s->cookie_len = n;
}

static void
on_datagram(void *arg, const struct udp_path *path, const uint8_t *bytes, size_t len)
{
	struct source *s = source_of(&path->remote);
	size_t i = (size_t)(s - sources);

	(void)arg;
	assert(record_length(bytes, len) > 0);
	note_cookie(s, bytes, len);
	s->sent += len;
	/* RFC 6347 4.2.1: who has not shown a cookie gets no more bytes than it sent. */
	assert(s->has_asked || s->sent <= s->received);
	if (i < CALLERS && callers[i].association)
		queue_add(&callers[i].down, bytes, len);
}

/* ---- what it receives ---- */

static void
deliver(struct source *s, const uint8_t *bytes, size_t len)
{
	uint8_t *copy = malloc(len ? len : 1); /* of exactly that length */

	memcpy(copy, bytes, len);
	s->received += len;
	if (s->cookie_len && memmem(bytes, len, s->cookie, s->cookie_len))
		s->has_asked = true;
	standin_udp_receive(&s->path, copy, len);
	free(copy);
	standin_loop_settle(world_loop(world));
	assert(standin_loop_timers(world_loop(world)) < TIMERS_MAX);
}

static void
raw(struct input *in)
{
	struct source *s = &sources[input_u8(in) % SOURCES];
	size_t len;
	uint8_t *bytes = input_bytes(in, input_u16(in) % RAW_MAX, &len);

	deliver(s, bytes, len);
	free(bytes);
}

static size_t
put(uint8_t *to, size_t at, const void *bytes, size_t len)
{
	memcpy(to + at, bytes, len);
	return at + len;
}

static size_t
put_u24(uint8_t *to, size_t at, size_t v)
{
	const uint8_t bytes[] = {(uint8_t)(v >> 16), (uint8_t)(v >> 8), (uint8_t)v};

	return put(to, at, bytes, 3);
}

/* A ClientHello with the cookie of that address (or a spoilt one); what comes after the cookie is
 * the input's. */
static void
hello(struct input *in)
{
	struct source *s = &sources[input_u8(in) % SOURCES];
	unsigned how = input_u8(in);
	uint8_t bytes[512] = {RECORD_HANDSHAKE, 0xfe, 0xfd};
	size_t at = 25, len;
	uint8_t *rest = input_bytes(in, how & 4 ? 200 : 0, &len);
	static const uint8_t usual[] = {/* suites, compression, groups, signatures, EMS */
		0, 4, 0xcc, 0xac, 0xc0, 0x2b, 1, 0, 0, 26, 0, 10, 0, 4, 0, 2, 0, 29, 0, 13, 0, 4, 0,
		2, 4, 3, 0, 23, 0, 0, 0, 11, 0, 2, 1, 0};

	at = put(bytes, at, "\xfe\xfd", 2);
	memset(bytes + at, how >> 4, HELLO_RANDOM_LEN);
	at += HELLO_RANDOM_LEN;
	bytes[at++] = 0;
	bytes[at++] = how & 1 ? (uint8_t)s->cookie_len : 0;
	if (how & 1)
		at = put(bytes, at, s->cookie, s->cookie_len);
	if (how & 2)
		bytes[at - 1] ^= 1;
	at = how & 4 ? put(bytes, at, rest, len) : put(bytes, at, usual, sizeof(usual));
	bytes[13] = 1;
	put_u24(bytes, 14, at - 25);
	put_u24(bytes, 22, at - 25);
	put_u24(bytes, 10, at - 13); /* its first byte is the last of the sequence number: 0 */
	free(rest);
	deliver(s, bytes, at);
}

/* ---- real clients ---- */

static bool
caller_push(void *arg, const void *datagram, size_t len)
{
	struct caller *c = arg;

	queue_add(&c->up, datagram, len);
	return true;
}

static void
hang_up(struct caller *c)
{
	association_free(c->association);
	c->association = NULL;
	c->is_up = false;
	queue_clear(&c->up);
	queue_clear(&c->down);
}

static void
call(struct input *in, struct caller *c)
{
	static const char *const names[] = {"dots.example", "other.example", "192.0.2.1", "::1"};
	unsigned how = input_u8(in);
	struct association_setup setup = {.server_name = names[how >> 5 & 3],
		.mtu = CLIENT_MTU,
		.push = caller_push,
		.arg = c};

	hang_up(c);
	c->kind = how % SCRATCH_CREDENTIALS;
	setup.credentials = scratch_credentials(c->kind);
	if (how & 128)
		setup.resume = tickets[c->kind];
	c->association = association_new(&setup);
	assert(c->association);
	c->is_intact = true;
	c->source->has_asked = true; /* it will show its cookie */
	(void)association_handshake(c->association, NULL, 0);
}

static void
caller_established(struct caller *c)
{
	struct peer_id id = {0};

	assert(c->kind != SCRATCH_WRONG_CA && c->kind != SCRATCH_STRANGER);
	c->is_up = association_verify(c->association, scratch_credentials(c->kind)) &&
		   association_identify(c->association, &id);
	peer_id_finish(&id);
	assert(c->is_up);
}

static void
caller_data(struct caller *c, const uint8_t *bytes, size_t len)
{
	struct coap_msg m;
	const char *why;

	assert(coap_decode(bytes, len, &m, &why) == 0); /* what is authentic came from the server */
	c->answers += m.type == COAP_ACK && m.code == COAP_400_BAD_REQUEST;
}

static void
caller_record(struct caller *c, const uint8_t *record, size_t len)
{
	uint8_t data[16384];
	size_t n;

	if (!c->is_up) {
		switch (association_handshake(c->association, record, len)) {
		case ASSOCIATION_WAITING:
			break;
		case ASSOCIATION_DONE:
			/* A stranger finds out that it is one when its handshake is done. */
			if (c->kind == SCRATCH_STRANGER || c->kind == SCRATCH_WRONG_CA)
				hang_up(c);
			else
				caller_established(c);
			break;
		case ASSOCIATION_FAILED:
			hang_up(c);
			break;
		}
		return;
	}
	switch (association_read(c->association, record, len, data, sizeof(data), &n)) {
	case ASSOCIATION_DATA:
		caller_data(c, data, n);
		break;
	case ASSOCIATION_CLOSED:
	case ASSOCIATION_BROKEN:
		hang_up(c);
		break;
	default:
		break;
	}
}

static void
caller_receive(struct caller *c, const uint8_t *bytes, size_t len)
{
	size_t n;

	for (; c->association && (n = record_length(bytes, len)) > 0; bytes += n, len -= n) {
		uint8_t *copy = malloc(n);

		memcpy(copy, bytes, n);
		caller_record(c, copy, n);
		free(copy);
	}
}

/* ---- the network between ---- */

enum { PASS, LOSE, TWICE, FLIP, CUT, SWAP };

static void
pass_one(struct input *in, struct caller *c, bool up)
{
	struct queue *q = up ? &c->up : &c->down;
	unsigned how = input_u8(in);
	struct packet p;

	if (!q->n)
		return;
	p = queue_take(q);
	if (how % 6 != PASS && how % 6 != TWICE)
		c->is_intact = false;
	if (how % 6 == FLIP)
		p.bytes[input_u16(in) % p.len] ^= input_u8(in);
	if (how % 6 == CUT)
		p.len = input_u16(in) % p.len;
	if (how % 6 == SWAP)
		queue_add(q, p.bytes, p.len); /* later */
	for (unsigned i = 0; i < (how % 6 == TWICE ? 2 : how % 6 != LOSE && how % 6 != SWAP); i++) {
		if (up)
			deliver(c->source, p.bytes, p.len);
		else if (c->association)
			caller_receive(c, p.bytes, p.len);
	}
	free(p.bytes);
}

static void
pass_all(struct caller *c)
{
	while (c->up.n || c->down.n) {
		bool up = c->up.n > 0;
		struct packet p = queue_take(up ? &c->up : &c->down);

		if (up)
			deliver(c->source, p.bytes, p.len);
		else if (c->association)
			caller_receive(c, p.bytes, p.len);
		free(p.bytes);
	}
}

/* Something that the client has sent is altered and sent once more, from its address or another. */
static void
forge(struct input *in, struct caller *c)
{
	unsigned how = input_u8(in);
	struct source *from = how & 128 ? &sources[how % SOURCES] : c->source;
	struct packet p;

	if (!c->up.n)
		return;
	p = c->up.list[how % c->up.n];
	p.bytes = memcpy(malloc(p.len), p.bytes, p.len);
	p.bytes[input_u16(in) % p.len] ^= input_u8(in);
	deliver(from, p.bytes, p.len);
	free(p.bytes);
}

/* ---- data ---- */

static void
say(struct input *in, struct caller *c)
{
	size_t len;
	uint8_t *bytes = input_bytes(in, input_u8(in) + (size_t)1, &len);

	if (c->is_up && len && len <= association_max_data(c->association))
		(void)association_write(c->association, bytes, len);
	free(bytes);
}

/* Whatever strangers sent meanwhile: a client that is up and lost nothing is answered. */
static void
expect_answer(struct caller *c)
{
	static uint16_t id;
	struct path path = {.resource = PATH_HB, .content = 'a'};
	char storage[4 * (PATH_ID_MAX + 8)];
	struct coap_msg m;
	uint8_t bytes[128];
	unsigned before = c->answers;
	int n;

	pass_all(c);
	if (!c->is_up || !c->is_intact)
		return;
	coap_init(&m, COAP_CON, COAP_PUT);
	m.id = ++id;
	path_add(&m, &path, storage);
	n = coap_encode(&m, bytes, sizeof(bytes));
	assert(n > 0 && association_write(c->association, bytes, (size_t)n) == 0);
	pass_all(c);
	assert(c->answers > before || !c->is_up);
}

static void
keep_ticket(struct caller *c)
{
	struct resumption *r = c->is_up ? association_resumption(c->association) : NULL;

	if (!r)
		return;
	resumption_free(tickets[c->kind]);
	tickets[c->kind] = r;
}

static void
say_goodbye(struct caller *c)
{
	if (!c->is_up)
		return;
	association_close(c->association);
	c->is_up = false;
}

/* ---- steps ---- */

static void
wait_for(struct input *in)
{
	static const int64_t spans[] = {1, 2, 1000, 1600, 5000, 20001, 300001, 460000};

	/* The server does not wait for ever, and says nothing when it gives up. */
	for (unsigned i = 0; i < CALLERS; i++)
		callers[i].is_intact = callers[i].is_intact && callers[i].is_up;
	world_advance(world, spans[input_u8(in) % 8]);
}

static void
step(struct input *in)
{
	unsigned op = input_u8(in);
	struct caller *c = &callers[(op >> 4) % CALLERS];

	switch (op & 15) {
	case 0:
		raw(in);
		break;
	case 1:
		hello(in);
		break;
	case 2:
		call(in, c);
		break;
	case 3:
	case 4:
		pass_one(in, c, op & 1);
		break;
	case 5:
		pass_all(c);
		break;
	case 6:
		forge(in, c);
		break;
	case 7:
		say(in, c);
		break;
	case 8:
		expect_answer(c);
		break;
	case 9:
		keep_ticket(c);
		break;
	case 10:
		say_goodbye(c);
		break;
	case 11:
		wait_for(in);
		break;
	case 12:
		world_reload(world, input_u8(in));
		break;
	case 13:
		world_restart(world);
		break;
	default:
		hang_up(c);
		break;
	}
}

static void
begin(void)
{
	static const char *const addresses[SOURCES] = {"198.51.100.1", "198.51.100.2",
		"198.51.100.3", "198.51.100.4", "198.51.100.5", "192.0.2.1", "198.51.100.6",
		"198.51.100.7", "198.51.100.8", "203.0.113.9", "203.0.113.9", "192.0.2.200"};

	memset(sources, 0, sizeof(sources));
	memset(callers, 0, sizeof(callers));
	memset(tickets, 0, sizeof(tickets));
	for (unsigned i = 0; i < SOURCES; i++) {
		struct udp_path *p = &sources[i].path;

		p->local = *world_address();
		assert(addr_parse(addresses[i], &p->remote.addr) == 0);
		p->remote.port = (uint16_t)(FIRST_PORT + i);
		p->ifindex = i & 1;
	}
	for (unsigned i = 0; i < CALLERS; i++)
		callers[i].source = &sources[i];
	standin_udp_set_out(on_datagram, NULL);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size};
	struct world_setup setup = {.credentials = scratch_credentials(SCRATCH_SERVER)};

	setup.psk = scratch_psk(&setup.n_psk);
	begin();
	world = world_open(&setup);
	for (unsigned i = 0; i < STEPS_MAX && input_left(&in); i++) {
		step(&in);
		world_check(world);
	}
	for (unsigned i = 0; i < CALLERS; i++)
		expect_answer(&callers[i]);
	for (unsigned i = 0; i < CALLERS; i++)
		hang_up(&callers[i]);
	standin_udp_set_out(NULL, NULL);
	world_close(world);
	for (unsigned i = 0; i < SCRATCH_CREDENTIALS; i++)
		resumption_free(tickets[i]);
	return 0;
}
