/*
 * The client role at its servers: what servers answer and send, links that come and go, names that
 * resolve or do not, restarts, while wishes are made and released, some by deputies. Whatever
 * happens, a target goes to the servers of its own domain only (RFC 9284 5.1).
 *
 * Covers: role/client.c role/farewell.c role/upstream.c role/upstream_dial.c role/upstream_link.c
 * Covers: role/upstream_config.c role/upstream_observe.c role/upstream_race.c
 * Covers: role/upstream_redirect.c role/upstream_request.c role/upstream_session.c
 * Covers: homing/redirect.c homing/wish.c homing/replan.c homing/placement.c
 * Covers: homing/control.c homing/wish_store.c core/session_config.c core/pacing.c
 * Covers: net/dial.c net/request.c
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "fuzz.h"
#include "input.h"
#include "net/block.h"
#include "net/record.h"
#include "net/session.h"
#include "role/client.h"
#include "snapshot.h"
#include "standin/association.h"
#include "standin/link.h"
#include "standin/loop.h"
#include "standin/random.h"
#include "standin/store.h"
#include "standin/udp.h"
#include "wire/path.h"

enum {
	STEPS_MAX = 300,
	LINES_MAX = 1024, /* sockets made in one run */
	MESSAGE_MAX = 2048,
	FIRST_PORT = 40000,
	APPLICATION = 23,
	REPEAT_MS = 3000,
	IDS = 4,
};

/* The last request that came on one socket. */
struct line {
	bool hello, asked;
	uint16_t id;
	uint8_t type, token_len, token[COAP_TOKEN_MAX];
	uint32_t mid;
	bool config; /* it was about the session configuration */
	unsigned repeats;
	mono_ms at;
};

static struct loop *loop;
static struct persist *store;
static struct dots_client *client;
static struct config *config;
static struct line lines[LINES_MAX];
static uint16_t next_id;

/* ---- what the client sends ---- */

static bool
belongs_to(const struct prefix *target, const struct addr *server)
{
	static const char *const never[] = {"203.0.113.5/32", "192.0.2.100/32"};
	const struct homing *h = config->homing;
	struct prefix p;

	for (size_t i = 0; i < 2; i++) {
		assert(prefix_parse(never[i], &p) == 0);
		if (prefix_overlaps(&p, target))
			return false;
	}
	for (size_t i = 0; i < h->n_provider_independent; i++)
		if (prefix_contains(&h->provider_independent[i], target))
			return true;
	for (size_t d = 0; d < h->n_domains; d++)
		for (size_t i = 0; i < h->domains[d].n_protects; i++)
			if (prefix_contains(&h->domains[d].protects[i], target))
				return prefix_contains_addr(&h->domains[d].prefixes[0], server) ||
				       prefix_contains_addr(
					       &h->domains[d]
							.prefixes[h->domains[d].n_prefixes - 1],
					       server);
	return false;
}

/* A filter goes by the name of its domain: to no other one, in no efficacy update, never in idle
 * time. */
static void
check_filters(const struct scope *s, const struct endpoint *server, bool if_match)
{
	const struct homing *h = config->homing;

	assert(!s->n_acl_list || (!if_match && s->trigger_mitigation));
	for (size_t i = 0; i < s->n_acl_list; i++) {
		int d = homing_domain(h, strchr(s->acl_list[i].acl_name, '@') + 1);
		bool there = d < 0; /* it is no more */

		for (size_t k = 0; d >= 0 && k < h->domains[d].n_prefixes; k++)
			there |= prefix_contains_addr(&h->domains[d].prefixes[k], &server->addr);
		assert(there);
	}
}

static void
check_put(const struct coap_msg *m, const struct endpoint *server)
{
	struct arena *a = arena_new();
	struct signal_msg msg;
	struct schema_error err;
	const struct target *t;

	assert(signal_decode(a, m->payload, m->payload_len, &msg, &err) == 0);
	assert(msg.mitigation_scope.n_scope == 1);
	check_filters(&msg.mitigation_scope.scope[0], server, coap_find(m, COAP_OPT_IF_MATCH));
	t = &msg.mitigation_scope.scope[0].target;
	assert(t->n_target_prefix > 0);
	for (size_t i = 0; i < t->n_target_prefix; i++)
		assert(belongs_to(&t->target_prefix[i], &server->addr));
	arena_free(a);
}

static void
note_request(struct line *line, const struct coap_msg *m, const struct path *path)
{
	mono_ms now = loop_now(loop);
	bool again = line->asked && line->token_len == m->token_len &&
		     !memcmp(line->token, m->token, m->token_len);

	/* RFC 9132 4.4: the same Non-confirmable request at most every 3 s. A session that comes up
	 * beside the old one falls into its step with the first repeat. */
	if (again && path->resource == PATH_MITIGATE && line->repeats > 0)
		assert(now - line->at >= REPEAT_MS);
	*line = (struct line){.hello = true,
		.asked = true,
		.id = m->id,
		.type = m->type,
		.token_len = m->token_len,
		.mid = path->mid,
		.config = path->resource == PATH_CONFIG,
		.repeats = again ? line->repeats + 1 : 0,
		.at = now};
	memcpy(line->token, m->token, m->token_len);
}

static void
on_message(struct line *line, const struct endpoint *server, const uint8_t *bytes, size_t len)
{
	struct coap_msg m;
	struct path path;
	struct block block;
	const char *why;

	assert(coap_decode(bytes, len, &m, &why) == 0);
	if (!coap_is_request(m.code))
		return;
	assert(path_parse(&m, &path, &why) == 0 && coap_bad_option(&m) == 0);
	/* Who asks for the rest of an answer does not repeat the body of the request. */
	if (block_get(&m, COAP_OPT_BLOCK2, &block) == 0 && block.num)
		assert(!m.payload_len);
	else if (path.resource == PATH_MITIGATE && m.code == COAP_PUT)
		check_put(&m, server);
	note_request(line, &m, &path);
}

static void
on_datagram(void *arg, const struct udp_path *path, const uint8_t *bytes, size_t len)
{
	unsigned n = path->local.port - FIRST_PORT;
	size_t body = record_length(bytes, len);

	(void)arg;
	assert(n < LINES_MAX && body == len);
	if (record_is_hello(bytes, len))
		lines[n].hello = true;
	else if (record_type(bytes) == APPLICATION)
		on_message(&lines[n], &path->remote, bytes + 13, len - 13);
}

/* ---- what servers send ---- */

static unsigned
pick_line(struct input *in)
{
	unsigned n = standin_udp_connected(), back = input_u8(in);

	return n ? n - 1 - back % (n < 4 ? n : 4) : 0; /* one of the last few */
}

static void
deliver(unsigned line, const uint8_t *record, size_t len)
{
	uint8_t *copy = malloc(len);

	memcpy(copy, record, len);
	standin_udp_receive_at(line, copy, len);
	free(copy);
	standin_loop_settle(loop);
}

static void
deliver_body(unsigned line, uint8_t type, const uint8_t *body, size_t len)
{
	uint8_t record[MESSAGE_MAX + 13];

	if (len == 0 || len > MESSAGE_MAX)
		return;
	deliver(line, record, standin_association_record(record, sizeof(record), type, body, len));
}

static void
accept_hello(struct input *in)
{
	uint8_t hello[128];
	unsigned line = pick_line(in), who = input_u8(in) & 1; /* 1: nobody, it fails */

	if (lines[line].hello)
		deliver(line, hello,
			standin_association_hello(hello, sizeof(hello), (uint8_t)who, 0));
}

static void
raw(struct input *in)
{
	unsigned line = pick_line(in);
	size_t len;
	uint8_t *bytes = input_bytes(in, input_u8(in) + (size_t)1, &len);

	deliver_body(line, APPLICATION, bytes, len);
	free(bytes);
}

static struct acl_entry
filter(const char *name, enum activation_type type)
{
	return (struct acl_entry){
		.has = 1ULL << ACL_NAME | (type ? 1ULL << ACL_ACTIVATION_TYPE : 0),
		.acl_name = (char *)(uintptr_t)name,
		.activation_type = type};
}

static void
compose_body(struct input *in, unsigned how, uint32_t mid, struct buf *out)
{
	static const int64_t lifetimes[] = {0, 1, 60, 3600, -1, UINT32_MAX, 2, 86400};
	struct acl_entry acls[] = {filter("a@isp1", DEACTIVATE), filter("\x1b[2J", 0),
		filter("a@isp1", ACTIVATE_IMMEDIATE)};
	struct scope s = {.mid = mid};
	struct signal_msg msg = {.has = 1ULL << SIGNAL_MITIGATION_SCOPE,
		.mitigation_scope = {1ULL << MITIGATION_SCOPE_SCOPE, &s, 1}};
	unsigned what = input_u8(in);

	SCOPE_SET(&s, MID);
	SCOPE_SET(&s, LIFETIME);
	s.lifetime = lifetimes[what & 7];
	if (what & 64) {
		SCOPE_SET(&s, STATUS);
		s.status = (what >> 3 & 7) + 1;
		SCOPE_SET(&s, PKTS_DROPPED);
		s.pkts_dropped = what;
	}
	if (how & 64) {
		SCOPE_SET(&s, CONFLICT_INFORMATION);
		s.conflict_information = (struct conflict_information){
			1ULL << CONFLICT_CAUSE, 0, (what & 1) + OVERLAPPING_TARGETS, 0, {0}};
		if (what & 2)
			s.conflict_information.conflict_cause = CUID_COLLISION;
		if (what & 4)
			s.conflict_information.conflict_status = REQUEST_ACTIVE;
	}
	if (what & 128) {
		SCOPE_SET(&s, ACL_LIST);
		s.acl_list = acls;
		s.n_acl_list = 2 + (what & 1);
	}
	signal_encode(&msg, out);
}

/* What a server tells of its session configuration: some parameters of both sets, with or without
 * a range. */
static void
compose_config(struct input *in, struct buf *out)
{
	static const int64_t values[] = {15, 30, 60, 5, 200, 150, 0, 1, 65535, -1};
	struct signal_msg msg = {.has = 1ULL << SIGNAL_SIGNAL_CONFIG};
	struct config_set *set = &msg.signal_config.idle_config;
	unsigned which = input_u8(in), how = input_u8(in);

	for (int i = 0; i < SESSION_PARAMS; i++) {
		const struct session_param *row = &session_param_rows[i];
		struct config_param *p = (void *)((char *)set + row->in_set);

		if (!(which >> i & 1))
			continue;
		set->has |= 1ULL << row->field;
		p->has = which >> 6;
		p->has |= how & 128 ? 1ULL << PARAM_CURRENT : 0;
		p->max = values[(how & 7) + 2];
		p->min = values[how & 7];
		p->current = values[(how >> 3 & 7) + 1];
	}
	msg.signal_config.has = 1ULL << SIGNAL_IDLE_CONFIG;
	if (how & 64) {
		msg.signal_config.has |= 1ULL << SIGNAL_MITIGATING_CONFIG;
		msg.signal_config.mitigating_config = *set;
	}
	signal_encode(&msg, out);
}

/* To siblings, to strangers, to servers that are configured; in isp1 only by name. True: for good.
 */
static bool
compose_redirect(struct input *in, struct buf *out)
{
	static const char *const names[] = {"dots-b.isp1.example", "c.isp2.example",
		"dots-c.isp1.example", "b.isp2.example", "a.isp2.example", "dots.isp1.example",
		"d.isp2.example", "192.0.2.65"};
	static const struct addr isp2[] = {{4, {198, 51, 100, 67}}, {4, {198, 51, 100, 65}}};
	unsigned what = input_u8(in);
	struct addr records[20];
	struct signal_msg msg = {.has = 1ULL << SIGNAL_REDIRECTED_SIGNAL};

	for (size_t i = 0; i < 20; i++)
		records[i] = isp2[i & 1];
	msg.redirected_signal.has = 1ULL << REDIRECTED_ALT_SERVER |
				    (what & 8 ? 1ULL << REDIRECTED_ALT_SERVER_RECORD : 0);
	msg.redirected_signal.alt_server = (char *)(uintptr_t)names[what & 7];
	msg.redirected_signal.alt_server_record = records;
	msg.redirected_signal.n_alt_server_record = what & 16 ? 20 : 1;
	signal_encode(&msg, out);
	return what & 32;
}

/* One block of the body, as Block2 says (RFC 7959 2.2). */
static void
cut_block(struct coap_msg *m, unsigned block2)
{
	size_t size = (size_t)16 << (block2 & 7), from = (block2 >> 4) * size;

	coap_add_uint(m, COAP_OPT_BLOCK2, block2);
	from = from < m->payload_len ? from : m->payload_len;
	m->payload += from;
	m->payload_len = m->payload_len - from < size ? m->payload_len - from : size;
}

/* Answers the last request on a line: code, type, Observe, body, one block of it. */
static void
answer(struct input *in)
{
	static const uint8_t codes[] = {COAP_201_CREATED, COAP_204_CHANGED, COAP_205_CONTENT,
		COAP_202_DELETED, COAP_400_BAD_REQUEST, COAP_404_NOT_FOUND, COAP_409_CONFLICT,
		COAP_503_SERVICE_UNAVAILABLE, COAP_EMPTY, COAP_CODE(3, 0)};
	unsigned n = pick_line(in), code = input_u8(in), how = input_u8(in);
	const struct line *line = &lines[n];
	struct coap_msg m;
	struct buf body;
	uint8_t bytes[MESSAGE_MAX];
	int len;

	if (!line->asked)
		return;
	buf_init(&body, MESSAGE_MAX);
	coap_init(&m, how & 3, codes[code % (sizeof(codes) / sizeof(codes[0]))]);
	m.id = (how & 3) == COAP_ACK || (how & 3) == COAP_RST ? line->id : ++next_id;
	if (m.code != COAP_EMPTY) {
		m.token_len = line->token_len;
		memcpy(m.token, line->token, m.token_len);
	}
	if (how & 4)
		coap_add_uint(&m, COAP_OPT_OBSERVE, code);
	if (how & 8)
		coap_add_uint(&m, COAP_OPT_MAX_AGE, 7);
	if (how & 16) {
		coap_add_uint(&m, COAP_OPT_CONTENT_FORMAT, COAP_FORMAT_DOTS_CBOR);
		if (line->config && !(how & 32))
			compose_config(in, &body);
		else if (m.code != COAP_503_SERVICE_UNAVAILABLE || !(how & 32))
			compose_body(in, how, line->mid + (how >> 7), &body);
		else if (compose_redirect(in, &body) && !(how & 8))
			coap_add_uint(&m, COAP_OPT_MAX_AGE, UINT32_MAX);
	} else if (how & 32) {
		buf_printf(&body, "no \x1b[2J");
	}
	m.payload = body.len ? body.bytes : NULL;
	m.payload_len = body.len;
	if (code & 128 && m.payload)
		cut_block(&m, input_u8(in));
	len = coap_encode(&m, bytes, sizeof(bytes));
	if (len > 0)
		deliver_body(n, APPLICATION, bytes, (size_t)len);
	buf_finish(&body);
}

static void
say_goodbye(struct input *in)
{
	const uint8_t alert[] = {1, 0};

	deliver_body(pick_line(in), RECORD_ALERT, alert, sizeof(alert));
}

/* ---- wishes ---- */

static const char *const ids[IDS] = {NULL, "a", "client:one/x/1", "w1"};

static void
ask(struct input *in, struct dots_client *c)
{
	static const char *const prefixes[] = {"192.0.2.66/32", "192.0.2.64/27", "192.0.2.0/24",
		"198.51.100.70/32", "203.0.113.0/25", "203.0.113.5/32", "2001:db8:1a00::/56",
		"0.0.0.0/0"};
	unsigned targets = input_u8(in), how = input_u8(in);
	struct prefix list[8];
	struct port_range ports = {1, 80, 0};
	uint64_t protocol = 17;
	struct target t = {.target_prefix = list};
	struct wish_request r = {.id = ids[how % IDS],
		.asker = "fuzz",
		.target = &t,
		.trigger_mitigation = !(how & 4),
		.lifetime = how & 8 ? 30 : 0,
		.duration = how & 16 ? 100 : 0};
	struct acl_entry acls[] = {filter("a", DEACTIVATE), filter("b", 0)};
	char id[WISH_ID_MAX], why[WISH_WHY_MAX];

	if (how & 128) {
		r.acls = acls;
		r.n_acls = 2;
		r.acls_known = how & 1;
	}
	for (unsigned i = 0; i < 8; i++)
		if (targets >> i & 1)
			assert(prefix_parse(prefixes[i], &list[t.n_target_prefix++]) == 0);
	if (how & 32) {
		t.target_port_range = &ports;
		t.n_target_port_range = 1;
	}
	if (how & 64) {
		t.target_protocol = &protocol;
		t.n_target_protocol = 1;
	}
	if (t.n_target_prefix)
		(void)wishes_ask(dots_client_wishes(c), &r, loop_now(loop), loop_wall(), id, why,
			sizeof(why));
	dots_client_run(c);
	standin_loop_settle(loop);
}

static void
command(struct input *in)
{
	unsigned how = input_u8(in);
	const char *id = ids[how % IDS] ? ids[how % IDS] : "w2";

	struct acl_entry acls[] = {filter("a", ACTIVATE_IMMEDIATE), filter("nowhere", DEACTIVATE),
		filter("a", ACTIVATE_WHEN_MITIGATING)};
	char why[WISH_WHY_MAX];

	if (how & 8)
		(void)wishes_control(dots_client_wishes(client), id, acls + (how >> 6 & 1),
			1 + (how >> 4 & 1), loop_now(loop), loop_wall(), why, sizeof(why));
	else if (how & 32)
		(void)wishes_efficacy(dots_client_wishes(client), id, UNDER_ATTACK, loop_now(loop));
	else if (how & 4)
		(void)wishes_refresh(dots_client_wishes(client), id, loop_now(loop), loop_wall());
	else
		(void)wishes_release(dots_client_wishes(client), id, loop_now(loop), loop_wall());
	dots_client_run(client);
	standin_loop_settle(loop);
}

/* One that asks on behalf of somebody, comes and goes. */
static void
deputy(struct input *in)
{
	unsigned how = input_u8(in);
	const char *name = how & 1 ? "one" : "two";
	struct dots_client *d = dots_client_deputy(client, name, how & 2);

	if (d && how & 4)
		ask(in, d);
	if (d && how & 8)
		(void)wishes_release(dots_client_wishes(d), "w1", loop_now(loop), loop_wall());
	if (how & 16)
		(void)dots_client_dismiss(client, name);
	assert(!dots_client_holding(client, "nobody's"));
	assert(dots_client_wish_count(client) >= wishes_count(dots_client_wishes(client)));
	standin_loop_settle(loop);
}

/* ---- the world ---- */

static void
resolve_to(struct input *in)
{
	static const struct addr server = {4, {192, 0, 2, 65}};
	unsigned how = input_u8(in);

	standin_resolver_set(how & 1 ? -ENOENT : 0, &server, how & 2 ? 1 : 3600);
}

/* All but one of that name is on record everywhere. */
static const char *
acl_at(void *arg, uint32_t domain, const char *asker, const char *acl)
{
	static char there[NAME_HOST_MAX];

	(void)arg, (void)asker;
	snprintf(there, sizeof(there), "%s@%s", acl, config->homing->domains[domain].name);
	return strcmp(acl, "nowhere") != 0 ? there : NULL;
}

static const char *
accepting_at(void *arg, uint32_t domain, size_t n)
{
	(void)arg, (void)domain;
	return n < 2 ? "pass" : NULL;
}

static void
missing(void *arg, uint32_t domain)
{
	(void)arg;
	assert(domain < config->homing->n_domains);
}

static void
record(void)
{
	dots_client_on_acl(client, &(struct client_records){{acl_at, accepting_at, NULL}, missing});
	for (uint32_t d = 0; d < config->homing->n_domains; d++) {
		dots_client_recorded(client, d);
		(void)wishes_controlled(
			dots_client_wishes(client), config->homing->domains[d].name, "a@isp1");
	}
}

static void
start(void)
{
	struct dots_client_setup setup = {
		.homing = config->homing, .credentials = config->credentials};

	client = dots_client_new(loop, store, &setup);
	record();
	standin_loop_settle(loop);
}

static void
reload(unsigned how)
{
	struct dots_client_setup setup;

	config = how & 1 ? snapshot_other() : how & 2 ? snapshot_awaiting() : snapshot_config();
	setup = (struct dots_client_setup){
		.homing = config->homing, .credentials = config->credentials};
	dots_client_reload(client, &setup);
	record();
	standin_loop_settle(loop);
}

static void
administer(struct input *in)
{
	unsigned how = input_u8(in);

	switch (how & 3) {
	case 0:
		dots_client_free(client);
		start();
		break;
	case 1:
		reload(how >> 2);
		break;
	case 2:
		standin_store_durable(store, how & 4);
		break;
	case 3:
		standin_link_set(how >> 2, how & 8);
		standin_loop_settle(loop);
		break;
	}
}

static void
wait_for(struct input *in)
{
	static const int64_t spans[] = {
		1, 1000, 3000, 3001, 30000, 60000, 300000, 500000, 1800000, 7200000};

	standin_loop_advance(loop, spans[input_u8(in) % (sizeof(spans) / sizeof(spans[0]))]);
}

static void
look(void *arg, const struct server_view *v)
{
	(void)arg;
	assert(v->domain && v->server && *v->state && v->reason);
}

static void
check_wish(void *arg, const char *id)
{
	struct arena *a = arena_new();
	struct wish_view v;

	(void)arg;
	assert(wishes_view(dots_client_wishes(client), id, loop_now(loop), a, &v));
	assert(v.n_parts > 0);
	for (size_t i = 0; i < v.n_parts; i++)
		assert(v.parts[i].n_controls <= CONTROLS_MAX &&
			v.parts[i].n_changed <= CONTROLS_MAX);
	arena_free(a);
}

/* As the operator would see it, whatever state everything is in. */
static void
explain(void)
{
	struct arena *a = arena_new();
	struct prefix prefix;
	struct target target = {.target_prefix = &prefix, .n_target_prefix = 1};
	struct wish_part *parts;
	struct server_way way;
	size_t n;

	assert(prefix_parse("203.0.113.8/32", &prefix) == 0);
	n = wishes_explain(dots_client_wishes(client), &target, NULL, 0, a, &parts);
	assert(n > 0);
	for (size_t i = 0; i < n; i++) {
		assert(parts[i].section && *parts[i].reason);
		if (parts[i].server < 0)
			continue;
		dots_client_way(client, (uint32_t)parts[i].server, &way);
		assert(*way.state && way.credential && way.interface);
		assert(!way.source.local.addr.family == !!*way.no_source);
	}
	arena_free(a);
}

static void
step(struct input *in)
{
	switch (input_u8(in) & 15) {
	case 0:
		ask(in, client);
		break;
	case 1:
		command(in);
		break;
	case 2:
	case 3:
		accept_hello(in);
		break;
	case 4:
	case 5:
	case 6:
		answer(in);
		break;
	case 7:
		raw(in);
		break;
	case 8:
		say_goodbye(in);
		break;
	case 9:
		administer(in);
		break;
	case 10:
		resolve_to(in);
		break;
	case 12:
		deputy(in);
		break;
	case 13:
		dots_client_clock_set(client);
		break;
	default:
		wait_for(in);
		break;
	}
	dots_client_servers(client, look, NULL);
	wishes_each(dots_client_wishes(client), check_wish, NULL);
	explain();
}

static void
begin(void)
{
	static const struct peer_id server = {.kind = PEER_PSK, .name = "server"};
	static const struct addr address = {4, {192, 0, 2, 65}};

	memset(lines, 0, sizeof(lines));
	next_id = 0;
	standin_random_begin();
	standin_link_begin();
	standin_resolver_set(0, &address, 3600);
	standin_association_peers(&server, 1);
	standin_udp_set_out(on_datagram, NULL);
	config = snapshot_config();
	loop = loop_new();
	store = standin_store_new(loop);
	start();
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct input in = {data, data + size};

	begin();
	for (unsigned i = 0; i < STEPS_MAX && input_left(&in); i++)
		step(&in);
	standin_loop_advance(loop, 600000);
	standin_udp_set_out(NULL, NULL);
	dots_client_free(client);
	standin_store_free(store);
	loop_free(loop);
	return 0;
}
