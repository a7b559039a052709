/*
 * Connections to the listening socket, before and after there is a session: raw bytes, and real TLS
 * clients (PSK, certificates of the right and of a wrong CA, resumption) whose bytes the input cuts
 * in pieces, alters and mixes with messages of its own.
 *
 * Covers: net/stream.c net/signalling.c net/association.c net/listener.c net/session.c
 */
#include <assert.h>
#include <errno.h>
#include <stdlib.h>
#include <string.h>

#include "base/buf.h"
#include "fuzz.h"
#include "input.h"
#include "net/association.h"
#include "net/tls.h"
#include "scratch.h"
#include "standin/loop.h"
#include "standin/tcp.h"
#include "wire/coap.h"
#include "wire/path.h"
#include "world.h"

enum {
	CALLERS = 8,
	STEPS_MAX = 300,
	ROUNDS_MAX = 64, /* of an exchange that has an end */
	QUEUE_MAX = 1 << 20,
	MESSAGE_MAX = 1024,
	FIRST_PORT = 50000,
};

struct caller {
	struct standin_tcp_peer peer;
	struct endpoint remote;
	struct tcp *tcp;                 /* NULL: gone */
	struct association *association; /* NULL: it speaks no TLS */
	struct buf up, down, plain;      /* on their way; and what came out of TLS */
	size_t taken;                    /* of `down` */
	unsigned kind, pongs;
	bool is_up, has_greeted, was_greeted;
	bool is_intact; /* nothing was altered, and it said nothing that is out of place */
};

static struct world *world;
static struct caller callers[CALLERS];
static struct resumption *tickets[SCRATCH_CREDENTIALS];

/* ---- what the server sends ---- */

static void
on_sent(void *arg, const uint8_t *bytes, size_t len)
{
	struct caller *c = arg;

	buf_bytes(&c->down, bytes, len);
}

static void
on_gone(void *arg)
{
	struct caller *c = arg;

	c->tcp = NULL;
}

/* ---- clients ---- */

static bool
caller_push(void *arg, const void *bytes, size_t len)
{
	struct caller *c = arg;

	buf_bytes(&c->up, bytes, len);
	return true;
}

static ssize_t
caller_pull(void *arg, void *bytes, size_t cap)
{
	struct caller *c = arg;
	size_t n = c->down.len - c->taken;

	if (!n)
		return c->tcp ? -EAGAIN : 0;
	n = n < cap ? n : cap;
	memcpy(bytes, c->down.bytes + c->taken, n);
	c->taken += n;
	return (ssize_t)n;
}

static void
drop_association(struct caller *c)
{
	association_free(c->association);
	c->association = NULL;
	c->is_up = false;
}

static void
hang_up(struct caller *c)
{
	if (c->tcp)
		standin_tcp_end(c->tcp);
	if (c->tcp)
		standin_tcp_break(c->tcp);
	drop_association(c);
	buf_finish(&c->up);
	buf_finish(&c->down);
	buf_finish(&c->plain);
	buf_init(&c->up, QUEUE_MAX);
	buf_init(&c->down, QUEUE_MAX);
	buf_init(&c->plain, QUEUE_MAX);
	c->taken = 0;
	c->pongs = 0;
	c->has_greeted = c->was_greeted = c->is_intact = false;
}

static void
call(struct input *in, struct caller *c)
{
	static const char *const names[] = {"dots.example", "other.example", "192.0.2.1", "::1"};
	unsigned how = input_u8(in);
	struct association_setup setup = {.server_name = names[how >> 5 & 3],
		.protocol_implied = how & 16,
		.push = caller_push,
		.pull = caller_pull,
		.arg = c};

	hang_up(c);
	if (c->tcp) /* it waits for its turn, and nobody looks at it meanwhile */
		return;
	c->tcp = standin_tcp_come(&c->remote, &c->peer);
	standin_loop_settle(world_loop(world));
	c->kind = (how & 15) % (SCRATCH_CREDENTIALS + 1);
	if (c->kind == SCRATCH_CREDENTIALS) /* only raw bytes */
		return;
	setup.credentials = scratch_credentials(c->kind);
	if (how & 128)
		setup.resume = tickets[c->kind];
	c->association = association_new(&setup);
	assert(c->association);
	c->is_intact = true;
	(void)association_handshake(c->association, NULL, 0);
}

static void
handshake(struct caller *c)
{
	struct peer_id id = {0};

	switch (association_handshake(c->association, NULL, 0)) {
	case ASSOCIATION_WAITING:
		break;
	case ASSOCIATION_DONE:
		c->is_up = association_verify(c->association, scratch_credentials(c->kind)) &&
			   association_identify(c->association, &id);
		peer_id_finish(&id);
		if (!c->is_up) /* a wrong CA is wrong on either side, and so is a wrong name */
			drop_association(c);
		break;
	case ASSOCIATION_FAILED:
		drop_association(c);
		break;
	}
}

/* What is authentic came from the server: whole messages of the format. */
static void
read_messages(struct caller *c)
{
	struct coap_msg m;
	size_t used = 0, size;
	const char *why;
	int r;

	while ((r = coap_stream_decode(
			c->plain.bytes + used, c->plain.len - used, &m, &size, &why)) == 0) {
		assert(c->was_greeted || m.code == COAP_701_CSM); /* RFC 8323 5.3 */
		c->was_greeted = true;
		c->pongs += m.code == COAP_703_PONG;
		used += size;
	}
	assert(r == -EAGAIN);
	memmove(c->plain.bytes, c->plain.bytes + used, c->plain.len - used);
	c->plain.len -= used;
}

static void
caller_receive(struct caller *c)
{
	uint8_t data[16384];
	size_t n;

	if (c->association && !c->is_up)
		handshake(c);
	for (unsigned i = 0; i < ROUNDS_MAX && c->is_up; i++) {
		enum association_read r =
			association_read(c->association, NULL, 0, data, sizeof(data), &n);

		if (r == ASSOCIATION_CLOSED || r == ASSOCIATION_BROKEN)
			drop_association(c);
		if (r != ASSOCIATION_DATA)
			break;
		buf_bytes(&c->plain, data, n);
	}
	if (c->plain.len)
		read_messages(c);
}

/* ---- the network between ---- */

static void
pass(struct caller *c, size_t len)
{
	uint8_t *copy;

	len = len < c->up.len ? len : c->up.len;
	copy = malloc(len ? len : 1); /* of exactly that length */
	if (len)
		memcpy(copy, c->up.bytes, len);
	c->up.len -= len;
	if (c->up.len)
		memmove(c->up.bytes, c->up.bytes + len, c->up.len);
	if (c->tcp && len)
		standin_tcp_write(c->tcp, copy, len);
	free(copy);
	standin_loop_settle(world_loop(world));
	caller_receive(c);
}

static void
pass_all(struct caller *c)
{
	for (unsigned i = 0; i < ROUNDS_MAX && (c->up.len || c->taken < c->down.len); i++)
		pass(c, SIZE_MAX);
}

static void
alter(struct input *in, struct caller *c)
{
	size_t at = input_u16(in);

	if (!c->up.len)
		return;
	c->up.bytes[at % c->up.len] ^= (uint8_t)(1 + input_u8(in) % 255);
	c->is_intact = false;
}

/* Bytes of the input's, beside TLS or in its stead. */
static void
raw(struct input *in, struct caller *c)
{
	size_t len;
	uint8_t *bytes = input_bytes(in, input_u16(in) % MESSAGE_MAX, &len);

	buf_bytes(&c->up, bytes, len);
	c->is_intact = c->is_intact && !len;
	free(bytes);
}

/* ---- data ---- */

static void
say_bytes(struct caller *c, const uint8_t *bytes, size_t len)
{
	if (c->is_up && len)
		(void)association_write(c->association, bytes, len);
}

static void
say(struct input *in, struct caller *c)
{
	size_t len;
	uint8_t *bytes = input_bytes(in, input_u8(in) + (size_t)1, &len);

	c->is_intact = false;
	say_bytes(c, bytes, len);
	free(bytes);
}

static void
say_message(struct caller *c, const struct coap_msg *m)
{
	uint8_t bytes[MESSAGE_MAX];
	int n = coap_stream_encode(m, bytes, sizeof(bytes));

	if (n > 0)
		say_bytes(c, bytes, (size_t)n);
}

static void
greet(struct caller *c)
{
	struct coap_msg m;

	if (c->has_greeted || !c->is_up)
		return;
	coap_init(&m, COAP_NON, COAP_701_CSM);
	say_message(c, &m);
	c->has_greeted = true;
}

/* A message of signalling, or a request: whatever is composed, it has the format. */
static void
compose(struct input *in, struct caller *c)
{
	static const uint8_t codes[] = {COAP_701_CSM, COAP_702_PING, COAP_703_PONG,
		COAP_704_RELEASE, COAP_705_ABORT, COAP_GET, COAP_PUT, COAP_EMPTY};
	unsigned code = input_u8(in), how = input_u8(in);
	struct path path = {.resource = how & 1 ? PATH_HB : PATH_CONFIG, .content = 'a'};
	char storage[4 * (PATH_ID_MAX + 8)];
	struct coap_msg m;

	coap_init(&m, COAP_NON, codes[code % (sizeof(codes) / sizeof(codes[0]))]);
	m.token_len = how >> 1 & 3;
	if (coap_is_request(m.code))
		path_add(&m, &path, storage);
	if (how & 8)
		coap_add(&m, COAP_CSM_MAX_MESSAGE_SIZE, (const uint8_t *)"\0\1\0\0\0\0", how >> 5);
	if (how & 16) {
		m.payload = (const uint8_t *)"so \x1b[2J it is";
		m.payload_len = 13;
	}
	if (coap_is_signal(m.code) || !c->has_greeted)
		c->is_intact =
			c->is_intact && m.code == COAP_702_PING && c->has_greeted && !(how & 8);
	say_message(c, &m);
}

/* Whatever others send meanwhile: a client that is up and did nothing wrong is answered. */
static void
expect_pong(struct caller *c)
{
	unsigned before;
	struct coap_msg m;

	pass_all(c);
	greet(c);
	pass_all(c);
	if (!c->is_up || !c->is_intact || !c->has_greeted)
		return;
	before = c->pongs;
	coap_init(&m, COAP_NON, COAP_702_PING);
	say_message(c, &m);
	pass_all(c);
	assert(c->pongs > before || !c->is_up || !c->tcp);
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

/* ---- steps ---- */

static void
end(struct input *in, struct caller *c)
{
	unsigned how = input_u8(in);

	if (how & 1 && c->is_up)
		association_close(c->association);
	if (how & 2)
		pass_all(c);
	if (how & 4 && c->tcp)
		standin_tcp_end(c->tcp);
	if (how & 8 && c->tcp)
		standin_tcp_break(c->tcp);
	c->is_intact = false;
	standin_loop_settle(world_loop(world));
	caller_receive(c);
}

static void
stall(struct input *in, struct caller *c)
{
	bool stalled = input_u8(in) & 1;

	c->is_intact = c->is_intact && !stalled;
	if (c->tcp)
		standin_tcp_stall(c->tcp, stalled);
	standin_loop_settle(world_loop(world));
}

static void
wait_for(struct input *in)
{
	static const int64_t spans[] = {1, 2, 1000, 1600, 5000, 20001, 300001, 460000};

	/* The server does not wait for ever. */
	for (unsigned i = 0; i < CALLERS; i++)
		callers[i].is_intact = callers[i].is_intact && callers[i].has_greeted;
	world_advance(world, spans[input_u8(in) % 8]);
}

static void
step(struct input *in)
{
	unsigned op = input_u8(in);
	struct caller *c = &callers[(op >> 4) % CALLERS];

	switch (op & 15) {
	case 0:
		call(in, c);
		break;
	case 1:
		raw(in, c);
		break;
	case 2:
		pass(c, input_u16(in));
		break;
	case 3:
		pass_all(c);
		break;
	case 4:
		alter(in, c);
		break;
	case 5:
		say(in, c);
		break;
	case 6:
		compose(in, c);
		break;
	case 7:
		greet(c);
		break;
	case 8:
		expect_pong(c);
		break;
	case 9:
		keep_ticket(c);
		break;
	case 10:
		end(in, c);
		break;
	case 11:
		stall(in, c);
		break;
	case 12:
		world_reload(world, input_u8(in));
		break;
	case 13:
		world_restart(world);
		break;
	default:
		wait_for(in);
		break;
	}
}

static void
begin(void)
{
	static const char *const addresses[CALLERS] = {"198.51.100.1", "198.51.100.2",
		"198.51.100.3", "198.51.100.4", "192.0.2.1", "203.0.113.9", "192.0.2.2",
		"203.0.113.10"};

	memset(callers, 0, sizeof(callers));
	memset(tickets, 0, sizeof(tickets));
	for (unsigned i = 0; i < CALLERS; i++) {
		struct caller *c = &callers[i];

		c->peer = (struct standin_tcp_peer){on_sent, on_gone, c};
		assert(addr_parse(addresses[i], &c->remote.addr) == 0);
		c->remote.port = (uint16_t)(FIRST_PORT + i);
		hang_up(c);
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size};
	struct world_setup setup = {.credentials = scratch_credentials(SCRATCH_SERVER)};

	setup.psk = scratch_psk(&setup.n_psk);
	world = world_open(&setup);
	begin();
	for (unsigned i = 0; i < STEPS_MAX && input_left(&in); i++) {
		step(&in);
		world_check(world);
	}
	for (unsigned i = 0; i < CALLERS; i++)
		expect_pong(&callers[i]);
	for (unsigned i = 0; i < CALLERS; i++)
		hang_up(&callers[i]);
	world_close(world);
	for (unsigned i = 0; i < CALLERS; i++) {
		assert(!callers[i].tcp);
		drop_association(&callers[i]);
		buf_finish(&callers[i].up);
		buf_finish(&callers[i].down);
		buf_finish(&callers[i].plain);
	}
	for (unsigned i = 0; i < SCRATCH_CREDENTIALS; i++)
		resumption_free(tickets[i]);
	return 0;
}
