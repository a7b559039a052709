/*
 * Inside authenticated sessions: CoAP messages of several clients into messaging, signal server,
 * core and mitigator, time passing between them, some of it while the process is stopped. An input
 * is a sequence of steps; a message is raw bytes or composed of a few choices, so that deep states
 * are near.
 *
 * Covers: net/messaging.c net/exchange.c net/request.c net/dedup.c role/signal_server.c role/peer.c
 * Covers: role/admission.c
 * Covers: role/answer.c role/observe.c role/record.c role/server.c role/hb.c core/mitigation.c
 * Covers: role/lifetime.c role/naming.c role/names.c core/cover.c core/service.c
 * Covers: role/negotiation.c core/session_config.c core/probing.c role/activation.c core/loss.c
 */
#include <assert.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "input.h"
#include "core/session_config.h"
#include "net/record.h"
#include "net/session.h"
#include "standin/association.h"
#include "standin/loop.h"
#include "standin/resolver.h"
#include "standin/udp.h"
#include "wire/path.h"
#include "wire/signal.h"
#include "world.h"

enum {
	ENDS = 6,
	REQUESTS_MAX = 64, /* asked and not answered yet, an end */
	STEPS_MAX = 400,
	MESSAGE_MAX = 2048,
	ACK_BY_MS = 1001, /* half of ACK_TIMEOUT, and a millisecond for the turn */
	FIRST_PORT = 50000,
	APPLICATION = 23,
	IDS = 65536,
};

/* A request of ours, as long as something is still owed for it. */
struct asked {
	uint16_t id;
	uint8_t token_len, token[COAP_TOKEN_MAX];
	bool con, acked, answered, may_be_silent, may_be_reset;
	mono_ms at;
};

/* One client's end of a session. */
struct end {
	bool up;
	struct udp_path path;
	uint16_t next_id;
	uint8_t seen[IDS / 8];
	struct asked asked[REQUESTS_MAX];
	size_t n_asked;
	uint8_t last[MESSAGE_MAX]; /* what was sent last, and what it was acknowledged with */
	size_t last_len;
	uint8_t last_ack[MESSAGE_MAX];
	size_t last_ack_len;
	bool repeating, fresh; /* fresh: `last` is lately enough for its answer to be kept */
	/* the server's last message that could be answered */
	uint16_t their_id;
	uint8_t their_token_len, their_token[COAP_TOKEN_MAX], their_code;
};

static struct world *world;
static struct end ends[ENDS];
static uint8_t attempt;

/* ---- what the server says ---- */

static struct asked *
asked_by_token(struct end *f, const struct coap_msg *m)
{
	struct asked *silent = NULL;

	for (size_t i = 0; i < f->n_asked; i++) {
		struct asked *a = &f->asked[i];

		if (a->answered || a->token_len != m->token_len ||
			memcmp(a->token, m->token, m->token_len) != 0)
			continue;
		if (!a->may_be_silent)
			return a;
		silent = a;
	}
	return silent;
}

static void
note_ack(struct end *f, const struct coap_msg *m)
{
	for (size_t i = 0; i < f->n_asked; i++)
		if (f->asked[i].id == m->id) {
			f->asked[i].acked = true;
			f->asked[i].answered |= m->type == COAP_RST && f->asked[i].may_be_reset;
		}
}

/* RFC 9132 3: errors say what is wrong; RFC 9132 6: bodies are what the schema says. */
static void
check_body(const struct coap_msg *m)
{
	struct arena *a = arena_new();
	struct signal_msg msg;
	struct schema_error err;
	uint32_t format = 0;

	if (coap_class(m->code) >= 4)
		assert(m->payload_len > 0);
	if (coap_get_uint(m, COAP_OPT_CONTENT_FORMAT, &format)) {
		assert(format == COAP_FORMAT_DOTS_CBOR);
		assert(coap_find(m, COAP_OPT_BLOCK2) || /* a part of it */
			signal_decode(a, m->payload, m->payload_len, &msg, &err) == 0);
	} else {
		assert(coap_class(m->code) != 2 || !m->payload_len);
		for (size_t i = 0; i < m->payload_len && coap_class(m->code) >= 4; i++)
			assert(m->payload[i] >= ' ' && m->payload[i] < 0x7f);
	}
	arena_free(a);
}

static void
check_repeat(struct end *f, const struct coap_msg *m, const uint8_t *bytes, size_t len)
{
	if (m->type != COAP_ACK || f->last_len < 4 || m->id != (f->last[2] << 8 | f->last[3]))
		return;
	if (f->repeating && f->fresh && f->last_ack_len)
		assert(len == f->last_ack_len && !memcmp(bytes, f->last_ack, len));
	memcpy(f->last_ack, bytes, len);
	f->last_ack_len = len;
}

static void
on_message(struct end *f, const uint8_t *bytes, size_t len)
{
	struct coap_msg m;
	struct asked *a;
	const char *why;

	assert(coap_decode(bytes, len, &m, &why) == 0);
	assert(coap_bad_option(&m) == 0);
	check_repeat(f, &m, bytes, len);
	if (m.type == COAP_ACK || m.type == COAP_RST)
		note_ack(f, &m);
	if (m.code == COAP_EMPTY)
		return;
	f->their_id = m.id;
	f->their_code = m.code;
	f->their_token_len = m.token_len;
	memcpy(f->their_token, m.token, m.token_len);
	if (coap_is_request(m.code))
		return;
	check_body(&m);
	a = asked_by_token(f, &m);
	if (a)
		a->answered = true;
}

static void
on_datagram(void *arg, const struct udp_path *path, const uint8_t *bytes, size_t len)
{
	struct end *f = &ends[path->remote.port - FIRST_PORT];
	size_t n;

	(void)arg;
	assert(path->remote.port >= FIRST_PORT && path->remote.port < FIRST_PORT + ENDS);
	for (; (n = record_length(bytes, len)) > 0; bytes += n, len -= n) {
		if (record_type(bytes) == RECORD_ALERT) {
			f->up = false;
			f->n_asked = 0;
		} else {
			on_message(f, bytes + 13, n - 13);
		}
	}
	assert(len == 0);
}

/* ---- what the clients say ---- */

/* A session in good health is closed for a new one only if that would be one too many. */
static void
check_closed(const struct end *newest, const bool *healthy)
{
	bool silent;
	const char *client = world_client(world, newest->path.remote.port, &silent);
	size_t limit, n = client ? world_sessions(world, client, &limit) : 0;

	for (size_t i = 0; i < ENDS; i++)
		if (healthy[i] && !ends[i].up && &ends[i] != newest)
			assert(client && n >= limit);
}

static void
connect_as(struct end *f, unsigned who)
{
	bool healthy[ENDS], silent;
	uint8_t bytes[128];
	size_t n = standin_association_hello(bytes, sizeof(bytes), (uint8_t)who, ++attempt);
	struct udp_path path = {*world_address(), {{4, {198, 51, 100, 1}}, 0, 0}, 1};

	for (unsigned i = 0; i < ENDS; i++)
		healthy[i] = world_client(world, (uint16_t)(FIRST_PORT + i), &silent) && !silent &&
			     ends[i].up;
	path.remote.port = (uint16_t)(FIRST_PORT + (f - ends));
	memset(f, 0, sizeof(*f));
	f->path = path;
	f->up = who < WORLD_PEERS; /* until an alert says otherwise */
	standin_udp_receive(&path, bytes, n);
	world_advance(world, 2); /* it may have to wait for the next turn's budget */
	check_closed(f, healthy);
}

/* A well-formed request with a Message ID that is new is owed an answer. */
static void
note_request(struct end *f, const uint8_t *bytes, size_t len)
{
	struct coap_msg m;
	struct asked *a;
	const char *why;
	bool seen;

	if (coap_decode(bytes, len, &m, &why) != 0 || m.type > COAP_NON || m.code == COAP_EMPTY)
		return;
	seen = f->seen[m.id / 8] >> m.id % 8 & 1;
	f->seen[m.id / 8] |= (uint8_t)(1 << m.id % 8);
	if (seen || !coap_is_request(m.code) || f->n_asked == REQUESTS_MAX)
		return;
	a = &f->asked[f->n_asked++];
	*a = (struct asked){
		.id = m.id, .con = m.type == COAP_CON, .at = loop_now(world_loop(world))};
	a->token_len = m.token_len;
	memcpy(a->token, m.token, m.token_len);
	/* RFC 9132 4.4.3: an efficacy update of what is not known is ignored. */
	a->may_be_silent = coap_find(&m, COAP_OPT_IF_MATCH) != NULL;
	/* RFC 7252 5.4.1: who cannot be told more about an option that nobody knows. */
	a->may_be_reset = m.type == COAP_NON && coap_bad_option(&m);
}

static void
deliver(struct end *f, const uint8_t *bytes, size_t len)
{
	size_t n = 13 + len;
	uint8_t *record = malloc(n); /* of exactly that length */

	standin_association_record(record, n, APPLICATION, bytes, len);
	standin_udp_receive(&f->path, record, n);
	free(record);
	standin_loop_settle(world_loop(world));
}

static void
send_message(struct end *f, const uint8_t *bytes, size_t len)
{
	if (!f->up || len == 0 || len > MESSAGE_MAX)
		return;
	note_request(f, bytes, len);
	memcpy(f->last, bytes, len);
	f->last_len = len;
	f->last_ack_len = 0;
	f->fresh = true;
	deliver(f, bytes, len);
}

/* The very same datagram once more: nothing happens twice (RFC 7252 4.5). */
static void
send_again(struct end *f)
{
	if (!f->up || !f->last_len)
		return;
	f->repeating = true;
	deliver(f, f->last, f->last_len);
	f->repeating = false;
}

static void
send_msg(struct end *f, struct coap_msg *m)
{
	uint8_t bytes[MESSAGE_MAX];
	int n;

	while (f->seen[f->next_id / 8] >> f->next_id % 8 & 1)
		f->next_id++;
	m->id = f->next_id;
	m->token_len = 3;
	m->token[0] = (uint8_t)(m->id >> 8);
	m->token[1] = (uint8_t)m->id;
	n = coap_encode(m, bytes, sizeof(bytes));
	if (n > 0)
		send_message(f, bytes, (size_t)n);
}

/* ---- composed requests ---- */

static const char *const cuids[] = {"dz6pHjaADkaFTbjr0JGBpw", "mine", "yours",
	"AAECAwQFBgcICQoLDA0ODw", "one-cuid", "a/b", "", "x"};
static const uint32_t mids[] = {1, 2, 3, 5, 8, 100, UINT32_MAX, 0};
static const char *const prefixes[] = {"192.0.2.1/32", "192.0.2.0/28", "192.0.2.128/25",
	"198.51.100.7/32", "2001:db8::1/128", "2001:db8::/32", "203.0.113.1/32", "127.0.0.1/32"};
static const int64_t lifetimes[] = {1, 30, 60, 3600, 86400, -1, 0, INT32_MAX};

#define PICK(list, n) ((list)[(n) % (sizeof(list) / sizeof((list)[0]))])

static void
fill_scope(struct input *in, struct scope *s, struct prefix list[8], struct port_range *ports,
	uint64_t *protocol)
{
	unsigned targets = input_u8(in), what = input_u8(in);

	for (unsigned i = 0; i < 8; i++)
		if (targets >> i & 1)
			assert(prefix_parse(prefixes[i], &list[s->target.n_target_prefix++]) == 0);
	s->target.target_prefix = list;
	if (s->target.n_target_prefix)
		SCOPE_SET(s, TARGET_PREFIX);
	if ((what & 7) != 7 || what & 8) {
		SCOPE_SET(s, LIFETIME);
		s->lifetime = PICK(lifetimes, what);
	}
	s->trigger_mitigation = !(what & 16);
	SCOPE_SET(s, TRIGGER_MITIGATION);
	if (what & 32) {
		SCOPE_SET(s, TARGET_PORT_RANGE);
		*ports = (struct port_range){3, 80, 80u + (what & 7)};
		s->target.target_port_range = ports;
		s->target.n_target_port_range = 1;
	}
	if (what & 64) {
		SCOPE_SET(s, TARGET_PROTOCOL);
		*protocol = what & 1 ? 6 : 17;
		s->target.target_protocol = protocol;
		s->target.n_target_protocol = 1;
	}
	if (what & 128) {
		SCOPE_SET(s, ATTACK_STATUS);
		s->attack_status = UNDER_ATTACK;
	}
}

static void
compose_body(struct input *in, struct buf *out)
{
	struct prefix list[8];
	struct port_range ports;
	uint64_t protocol;
	struct scope s = {0};
	struct signal_msg msg = {.has = 1ULL << SIGNAL_MITIGATION_SCOPE,
		.mitigation_scope = {1ULL << MITIGATION_SCOPE_SCOPE, &s, 1}};

	fill_scope(in, &s, list, &ports, &protocol);
	signal_encode(&msg, out);
}

/* Names, URIs and aliases in place of addresses, or beside them. */
static void
compose_names(struct input *in, struct buf *out)
{
	char *fqdns[] = {(char[]){"a1.example"}, (char[]){"b2.example"}, (char[]){"f.example"},
		(char[]){"moves.example"}, (char[]){"silent.example"}, (char[]){"none.example"},
		(char[]){"A1.example."}, (char[]){"com"}};
	char *uris[] = {(char[]){"https://a1.example:8443/"}, (char[]){"http://b2.example"},
		(char[]){"coaps+tcp://192.0.2.5/"}, (char[]){"gopher://a1.example/"}};
	char *aliases[] = {(char[]){"web"}, (char[]){"mail"}};
	struct prefix list[8];
	struct port_range ports;
	uint64_t protocol;
	struct scope s = {0};
	struct signal_msg msg = {.has = 1ULL << SIGNAL_MITIGATION_SCOPE,
		.mitigation_scope = {1ULL << MITIGATION_SCOPE_SCOPE, &s, 1}};
	unsigned first = input_u8(in), n = input_u8(in);

	fill_scope(in, &s, list, &ports, &protocol);
	s.target.n_target_fqdn = n & 3;
	s.target.target_fqdn = &fqdns[first % (9 - (n & 3)) & 7];
	s.target.n_target_uri = n >> 2 & 1;
	s.target.target_uri = &uris[first >> 3 & 3];
	s.target.n_alias_name = n >> 3 & 1;
	s.target.alias_name = &aliases[first >> 5 & 1];
	if (s.target.n_target_fqdn)
		SCOPE_SET(&s, TARGET_FQDN);
	if (s.target.n_target_uri)
		SCOPE_SET(&s, TARGET_URI);
	if (s.target.n_alias_name)
		SCOPE_SET(&s, ALIAS_NAME);
	signal_encode(&msg, out);
}

static void
compose_heartbeat(bool status, struct buf *out)
{
	struct signal_msg msg = {.has = 1ULL << SIGNAL_HEARTBEAT,
		.heartbeat = {1ULL << HEARTBEAT_PEER_HB_STATUS, status}};

	signal_encode(&msg, out);
}

static void
add_options(struct coap_msg *m, unsigned how)
{
	if (how & 2)
		coap_add(m, COAP_OPT_IF_MATCH, NULL, 0);
	if (how & 4)
		coap_add_uint(m, COAP_OPT_OBSERVE, how & 8 ? 1 : 0);
	if (how & 16)
		coap_add_uint(m, COAP_OPT_CONTENT_FORMAT, how & 32 ? 60 : COAP_FORMAT_DOTS_CBOR);
}

static void
raw_body(struct input *in, struct buf *out)
{
	size_t len;
	uint8_t *bytes = input_bytes(in, input_u16(in) % MESSAGE_MAX, &len);

	buf_bytes(out, bytes, len);
	free(bytes);
}

/* How, whose cuid and which mid, and for PUT the body. */
static void
compose(struct input *in, struct end *f, uint8_t method,
	void (*body_of)(struct input *, struct buf *))
{
	unsigned how = input_u8(in), id = input_u8(in);
	struct path p = {.resource = PATH_MITIGATE,
		.content = how & 64    ? 'c'
			   : how & 128 ? 'n'
				       : 'a'};
	char storage[4 * (PATH_ID_MAX + 8)];
	struct coap_msg m;
	struct buf body;

	buf_init(&body, MESSAGE_MAX);
	snprintf(p.cuid, sizeof(p.cuid), "%s", PICK(cuids, id >> 3));
	p.has_mid = !(id & 128);
	p.mid = PICK(mids, id);
	if (id == 64)
		p = (struct path){.resource = PATH_CONFIG, .content = 'a'};
	if (body_of)
		body_of(in, &body);
	coap_init(&m, how & 1 ? COAP_CON : COAP_NON, method);
	path_add(&m, &p, storage);
	add_options(&m, how);
	m.payload = body.len ? body.bytes : NULL;
	m.payload_len = body.len;
	send_msg(f, &m);
	buf_finish(&body);
}

/* Some parameters of one set, with a value for all of them. */
static void
fill_set(struct input *in, struct config_set *s)
{
	static const int64_t values[] = {15, 30, 3, 5, 200, 150, 0, 241, 65535, 1, 20, -1};
	unsigned which = input_u8(in), how = input_u8(in);

	for (int i = 0; i < SESSION_PARAMS; i++) {
		const struct session_param *row = &session_param_rows[i];
		struct config_param *p = (void *)((char *)s + row->in_set);

		if (!(which >> i & 1))
			continue;
		s->has |= 1ULL << row->field;
		p->has = 1ULL << PARAM_CURRENT | (how & 128 ? 1ULL << PARAM_MIN : 0);
		p->current = PICK(values, how & 15);
	}
	if (which & 64) {
		s->has |= 1ULL << CONFIG_MAX_PAYLOADS;
		s->max_payloads = (struct config_param){
			.has = 1ULL << (which & 128 ? PARAM_MAX : PARAM_CURRENT),
			.current = how >> 4};
	}
}

static void
compose_config(struct input *in, struct buf *out)
{
	struct signal_msg msg = {.has = 1ULL << SIGNAL_SIGNAL_CONFIG};

	fill_set(in, &msg.signal_config.mitigating_config);
	fill_set(in, &msg.signal_config.idle_config);
	msg.signal_config.has =
		(msg.signal_config.mitigating_config.has ? 1ULL << SIGNAL_MITIGATING_CONFIG : 0) |
		(msg.signal_config.idle_config.has ? 1ULL << SIGNAL_IDLE_CONFIG : 0);
	signal_encode(&msg, out);
}

/* The session's configuration: which method, by which sid (0: none), observed. */
static void
configure(struct input *in, struct end *f)
{
	static const uint8_t methods[] = {COAP_GET, COAP_PUT, COAP_DELETE, COAP_PUT};
	unsigned how = input_u8(in), sid = input_u8(in);
	uint8_t method = methods[how >> 1 & 3];
	struct path p = {.resource = PATH_CONFIG, .has_sid = sid != 0, .sid = sid, .content = 'a'};
	char storage[4 * (PATH_ID_MAX + 8)];
	struct coap_msg m;
	struct buf body;

	buf_init(&body, MESSAGE_MAX);
	if (method == COAP_PUT)
		compose_config(in, &body);
	coap_init(&m, how & 1 ? COAP_CON : COAP_NON, method);
	path_add(&m, &p, storage);
	if (how & 8)
		coap_add_uint(&m, COAP_OPT_OBSERVE, how & 16 ? 1 : 0);
	m.payload = body.len ? body.bytes : NULL;
	m.payload_len = body.len;
	send_msg(f, &m);
	buf_finish(&body);
}

static void
heartbeat(struct input *in, struct end *f)
{
	unsigned how = input_u8(in);
	struct path p = {.resource = PATH_HB, .content = 'a'};
	char storage[4 * (PATH_ID_MAX + 8)];
	struct coap_msg m;
	struct buf body;

	buf_init(&body, MESSAGE_MAX);
	if (how & 2)
		compose_heartbeat(how & 4, &body);
	coap_init(&m, how & 1 ? COAP_CON : COAP_NON, COAP_PUT);
	path_add(&m, &p, storage);
	m.payload = body.len ? body.bytes : NULL;
	m.payload_len = body.len;
	send_msg(f, &m);
	buf_finish(&body);
}

/* To the server's last message: a response with its token, an ACK or a RST of its id. */
static void
reply(struct input *in, struct end *f)
{
	static const uint8_t codes[] = {
		COAP_204_CHANGED, COAP_EMPTY, COAP_404_NOT_FOUND, COAP_500_INTERNAL_SERVER_ERROR};
	unsigned how = input_u8(in);
	struct coap_msg m;
	uint8_t bytes[64];
	int n;

	coap_init(&m, how & 3, PICK(codes, how >> 2));
	m.id = f->their_id;
	if (m.code != COAP_EMPTY) {
		m.token_len = f->their_token_len;
		memcpy(m.token, f->their_token, m.token_len);
	}
	if (how & 16)
		coap_add_uint(&m, COAP_OPT_OBSERVE, how);
	n = coap_encode(&m, bytes, sizeof(bytes));
	if (n > 0)
		send_message(f, bytes, (size_t)n);
}

/* ---- steps ---- */

static void
advance(int64_t ms)
{
	for (size_t i = 0; i < ENDS; i++)
		ends[i].fresh = ends[i].fresh && ms < 100000;
	world_advance(world, ms);
}

/* Nothing is owed any more when it begins. */
static void
sleep_for(int64_t ms)
{
	advance(ACK_BY_MS);
	for (size_t i = 0; i < ENDS; i++)
		ends[i].fresh = false;
	standin_loop_sleep(world_loop(world), ms);
}

static void
wait_for(struct input *in)
{
	static const int64_t spans[] = {
		1, 500, 1001, 3000, 10000, 31000, 90000, 200000, 460000, 3600000, 86400000};

	unsigned how = input_u8(in);

	if (how & 128)
		sleep_for(PICK(spans, how & 127));
	else
		advance(PICK(spans, how));
}

static void
raw(struct input *in, struct end *f)
{
	size_t len;
	uint8_t *bytes = input_bytes(in, input_u8(in) + (size_t)1, &len);

	send_message(f, bytes, len);
	free(bytes);
}

static void
say_goodbye(struct end *f)
{
	uint8_t bytes[16];
	const uint8_t alert[] = {1, 0};
	size_t n = standin_association_record(
		bytes, sizeof(bytes), RECORD_ALERT, alert, sizeof(alert));

	if (f->up)
		standin_udp_receive(&f->path, bytes, n);
	standin_loop_settle(world_loop(world));
}

static void
mitigator_says(struct input *in)
{
	unsigned how = input_u8(in);

	if (how & 128)
		world_failed(world, how & 7);
	else
		world_counters(world, how & 7, input_u16(in), input_u16(in) * 1000ULL);
}

static void
upstream_says(struct input *in)
{
	static const uint8_t codes[] = {COAP_201_CREATED, COAP_204_CHANGED, COAP_400_BAD_REQUEST,
		COAP_409_CONFLICT, COAP_503_SERVICE_UNAVAILABLE};
	unsigned how = input_u8(in);

	if (how & 128)
		world_upstream_status(world, how & 7, input_u8(in));
	else
		world_decide(world, PICK(codes, how));
}

static void
administer(struct input *in)
{
	unsigned how = input_u8(in);

	switch (how & 3) {
	case 0:
		world_reload(world, how >> 2);
		break;
	case 1:
		world_restart(world);
		break;
	case 2:
		world_store_durable(world, how & 4);
		break;
	case 3:
		standin_association_distrust(how >> 2);
		break;
	}
}

static void
step(struct input *in)
{
	unsigned op = input_u8(in);
	struct end *f = &ends[(op >> 4) % ENDS];

	switch (op & 15) {
	case 0:
		connect_as(f, input_u8(in));
		break;
	case 1:
		raw(in, f);
		break;
	case 2:
		compose(in, f, COAP_PUT, compose_body);
		break;
	case 3:
		compose(in, f, COAP_GET, NULL);
		break;
	case 4:
		compose(in, f, COAP_DELETE, NULL);
		break;
	case 5:
		heartbeat(in, f);
		break;
	case 6:
		wait_for(in);
		break;
	case 7:
		reply(in, f);
		break;
	case 8:
		send_again(f);
		break;
	case 9:
		say_goodbye(f);
		break;
	case 10:
		mitigator_says(in);
		break;
	case 11:
		upstream_says(in);
		break;
	case 12:
		administer(in);
		break;
	case 13:
		compose(in, f, COAP_PUT, raw_body);
		break;
	case 15:
		compose(in, f, COAP_PUT, compose_names);
		break;
	default:
		configure(in, f);
		break;
	}
}

/* ---- what is owed ---- */

static bool
is_owed(const struct asked *a)
{
	mono_ms now = loop_now(world_loop(world));

	if (a->con && !a->acked) {
		assert(now - a->at < ACK_BY_MS || world_undecided(world) ||
			standin_resolver_open());
		return true;
	}
	return !a->answered;
}

/* Every request is answered at once, unless names are looked up or upstream is asked first, or
 * silence is the answer; every Confirmable one is acknowledged in time. */
static void
check_owed(struct end *f)
{
	size_t n = 0;

	for (size_t i = 0; i < f->n_asked; i++) {
		const struct asked *a = &f->asked[i];

		assert(a->answered || a->may_be_silent || world_undecided(world) ||
			standin_resolver_open());
		if (is_owed(a))
			f->asked[n++] = *a;
	}
	f->n_asked = n;
}

static void
check(void)
{
	for (size_t i = 0; i < ENDS; i++)
		check_owed(&ends[i]);
	world_check(world);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size};
	uint8_t kind = input_u8(&in);
	struct world_setup setup = {.gateway = kind & 1, .beside = kind & 2};

	memset(ends, 0, sizeof(ends));
	attempt = 0;
	standin_association_peers(world_peers(), WORLD_PEERS);
	standin_udp_set_out(on_datagram, NULL);
	world = world_open(&setup);
	for (unsigned i = 0; i < STEPS_MAX && input_left(&in); i++) {
		step(&in);
		check();
	}
	advance(ACK_BY_MS);
	check();
	standin_udp_set_out(NULL, NULL);
	world_close(world);
	return 0;
}
