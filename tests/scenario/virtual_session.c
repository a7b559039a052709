/* net/session.h between hosts of the virtual world: handshakes in two rounds that are repeated like
 * DTLS flights, CoAP messages as real bytes, everything by the contract of the header. */
#include <assert.h>
#include <stdio.h>

#include "world.h"

enum {
	FLIGHT_MS = 1000, /* first repeat of a flight, doubled each time */
	HANDSHAKE_MS = 20000,
	GRACE_MS = 1500, /* after an alert in the handshake */
	MESSAGE_MAX = 1200,
	ANSWER_MAX = 16384, /* in one piece; blocks are net's to test */
	REQUESTS_MAX = 64,
	EXCHANGES_MAX = 64,
	TOKEN_LEN = 8,
	FIRST_PORT = 40000,
};

struct request {
	TAILQ_ENTRY(request) entry;
	int64_t handle;
	uint8_t token[TOKEN_LEN];
	bool confirmable, observe, observing;
	uint32_t sequence;
	uint8_t *bytes;
	size_t len;
	unsigned repeats;
	mono_ms next; /* of a Confirmable one */
	response_cb cb;
	void *arg;
};

struct exchange {
	TAILQ_ENTRY(exchange) entry;
	struct session *session; /* NULL: gone */
	uint8_t token[COAP_TOKEN_MAX], token_len;
	uint16_t id;
	bool confirmable;
};

enum state { HANDSHAKE, UP, OVER };

struct session {
	TAILQ_ENTRY(session) entry;
	struct loop *loop;
	const struct session_ops *ops;
	void *arg, *data;
	struct listener *listener; /* NULL: dialled */
	uint64_t dial;
	enum state state;
	unsigned busy;
	bool was_up, resumed, greeted;
	enum session_transport transport;
	struct endpoint local, remote;
	char interface[IFNAMSIZ];
	struct credentials *credentials;
	char server_name[PEER_NAME_MAX];
	uint64_t ticket; /* offered; then the one given */
	struct peer_id peer;
	struct timer *timer; /* flights, Confirmable requests, and the way out */
	mono_ms patience, grace;
	int64_t flight;
	struct coap_params params;
	TAILQ_HEAD(, request) requests;
	unsigned n_requests, n_exchanges;
	uint32_t max_waiting; /* 0: EXCHANGES_MAX */
	int64_t last_handle;
	TAILQ_HEAD(, exchange) exchanges;
	uint16_t next_id;
	uint16_t answered_id; /* of the last Confirmable request, and its answer */
	uint8_t *answer;
	size_t answer_len;
	char reason[160];
	bool farewell;
};

struct listener {
	TAILQ_ENTRY(listener) entry;
	struct loop *loop;
	struct listen_socket *sockets;
	size_t n_sockets;
	struct credentials *credentials;
	const struct session_ops *ops;
	void *arg;
	TAILQ_HEAD(, session) sessions;
};

struct resumption {
	uint64_t ticket;
};

/* ---- packets ------------------------------------------------------------------------------- */

static struct flight *
flight_of(const struct session *s, enum packet_kind kind)
{
	struct flight *f = mem_new(sizeof(*f));
	struct packet *p = mem_new(sizeof(*p));

	f->packet = p;
	p->from = s->loop;
	p->outward = !s->listener;
	p->transport = s->transport;
	p->dial = s->dial;
	p->client = s->listener ? s->remote : s->local;
	p->server = s->listener ? s->local : s->remote;
	p->kind = kind;
	snprintf(p->interface, sizeof(p->interface), "%s", s->listener ? "" : s->interface);
	return f;
}

static const struct packet *
first_of(const struct packet *p, const struct coap_msg *m)
{
	uint8_t key[sizeof(p->dial) + COAP_TOKEN_MAX + 1];

	memcpy(key, &p->dial, sizeof(p->dial));
	key[sizeof(p->dial)] = p->outward == coap_is_request(m->code); /* who asked */
	memcpy(key + sizeof(p->dial) + 1, m->token, m->token_len);
	if (coap_is_request(m->code) &&
		!map_get(world.requests, key, sizeof(p->dial) + 1 + m->token_len)) {
		map_set(world.requests, key, sizeof(p->dial) + 1 + m->token_len, (void *)p);
		return NULL;
	}
	return map_get(world.requests, key, sizeof(p->dial) + 1 + m->token_len);
}

static void
describe(struct packet *p, const struct coap_msg *m)
{
	const struct packet *first = first_of(p, m);
	struct path path = {0};
	const char *why;

	p->type = m->type;
	p->code = m->code;
	p->observe = coap_find(m, COAP_OPT_OBSERVE) != NULL;
	if (coap_is_request(m->code)) {
		if (path_parse(m, &path, &why) == 0) {
			p->resource = path.resource;
			p->mid = path.mid;
		}
		p->repeated = first != NULL;
	} else if (first) {
		p->resource = first->resource;
		p->mid = first->mid;
	}
}

static int
send_bytes(struct session *s, const uint8_t *bytes, size_t len)
{
	struct flight *f;
	struct coap_msg m;
	const char *why;

	if (s->state != UP)
		return -ENOTCONN;
	if (s->loop->crashed)
		return 0;
	f = flight_of(s, DATA);
	f->packet->bytes = mem_copy(bytes, len);
	f->packet->len = len;
	assert_int_equal(coap_decode(f->packet->bytes, len, &m, &why), 0);
	describe(f->packet, &m);
	world_send(f, 0);
	return 0;
}

static const struct session *
dialler(uint64_t dial)
{
	struct loop *l;
	struct session *s;

	TAILQ_FOREACH(l, &world.hosts, entry)
		TAILQ_FOREACH(s, &l->dialled, entry)
			if (s->dial == dial)
				return s;
	return NULL;
}

/* The way of an association is the one of the link of the side that dialled; NULL: there is none.
 */
static struct virtual_link *
way_of(const struct session *s)
{
	return *s->interface ? world_link(s->loop, s->interface)
			     : world_link_of(s->loop, &s->local.addr);
}

static bool
is_lost(const struct packet *p, struct virtual_link *v)
{
	unsigned *next;

	if (!v || !v->up || v->way.lose_dial == p->dial ||
		(p->transport == SESSION_UDP ? v->way.lose_udp : v->way.lose_tcp) ||
		(p->server.addr.family == 6 && v->way.lose_ipv6))
		return true;
	next = p->outward ? &v->way.next_out : &v->way.next_in;
	if (*next) {
		--*next;
		return true;
	}
	return p->outward ? v->way.lose_out : v->way.lose_in;
}

void
world_send(struct flight *f, int64_t extra)
{
	struct packet *p = f->packet;
	const struct session *s = dialler(p->dial);
	struct virtual_link *v = s ? way_of(s) : NULL;
	struct flight *before;

	if (p->from->crashed) {
		free(p->bytes);
		free(p);
		free(f);
		return;
	}
	p->at = world.now;
	p->lost = is_lost(p, v);
	if (world.n_packets == world.cap_packets) {
		world.cap_packets = world.cap_packets ? 2 * world.cap_packets : 256;
		world.packets = mem_grow(world.packets, world.cap_packets, sizeof(struct packet *));
	}
	world.packets[world.n_packets++] = p;
	if (p->lost) {
		free(f);
		return;
	}
	f->arrives = world.now + extra + v->way.delay;
	f->number = ++world.numbers;
	TAILQ_FOREACH_REVERSE(before, &world.flights, flights, entry)
	if (before->arrives <= f->arrives)
		break;
	if (before)
		TAILQ_INSERT_AFTER(&world.flights, before, f, entry);
	else
		TAILQ_INSERT_HEAD(&world.flights, f, entry);
}

/* ---- the end ------------------------------------------------------------------------------- */

static void
request_free(struct session *s, struct request *r)
{
	TAILQ_REMOVE(&s->requests, r, entry);
	s->n_requests--;
	free(r->bytes);
	free(r);
}

/* The last callback of a request. */
static void
conclude(struct session *s, struct request *r, const struct coap_msg *m, int error)
{
	response_cb cb = r->cb;
	void *arg = r->arg;

	request_free(s, r);
	if (cb)
		cb(arg, s, m, error);
}

static void
orphan(struct session *s)
{
	struct exchange *ex;

	while ((ex = TAILQ_FIRST(&s->exchanges))) {
		TAILQ_REMOVE(&s->exchanges, ex, entry);
		ex->session = NULL;
	}
	s->n_exchanges = 0;
}

static void
end(struct session *s, const char *reason)
{
	if (s->state == OVER)
		return;
	s->state = OVER;
	snprintf(s->reason, sizeof(s->reason), "%s", reason);
	timer_after(s->timer, 0);
}

/* The same, by the word of either end. */
static void
part(struct session *s, const char *reason)
{
	if (s->state != OVER)
		s->farewell = true;
	end(s, reason);
}

static void
finish(struct session *s)
{
	while (!TAILQ_EMPTY(&s->requests))
		conclude(s, TAILQ_FIRST(&s->requests), NULL, -ECANCELED);
	orphan(s);
	if (s->ops->down)
		s->ops->down(s->arg, s, s->reason);
	if (s->listener)
		TAILQ_REMOVE(&s->listener->sessions, s, entry);
	else
		TAILQ_REMOVE(&s->loop->dialled, s, entry);
	timer_free(s->timer);
	credentials_unref(s->credentials);
	free(s->answer);
	free(s->peer.texts);
	free(s);
}

static void
say_close(struct session *s, const char *reason, bool farewell)
{
	struct flight *f = flight_of(s, CLOSE);

	snprintf(f->reason, sizeof(f->reason), "%s", reason);
	f->farewell = farewell;
	world_send(f, 0);
}

void
session_close(struct session *s)
{
	if (s->state == UP)
		say_close(s, "closed by the peer", true);
	part(s, "closed");
}

void
session_abandon(struct session *s)
{
	static const struct session_ops deaf;

	s->ops = &deaf;
	while (!TAILQ_EMPTY(&s->requests))
		request_free(s, TAILQ_FIRST(&s->requests));
	session_close(s);
	if (!s->busy)
		finish(s);
}

/* ---- handshakes ---------------------------------------------------------------------------- */

static void
send_flight(struct session *s)
{
	struct flight *f = flight_of(s, s->greeted ? FINISH : HELLO);

	f->packet->resumed = s->ticket != 0;
	f->packet->repeated = s->flight > FLIGHT_MS;
	f->ticket = s->ticket;
	snprintf(f->name, sizeof(f->name), "%s",
		s->greeted ? credentials_label(s->credentials) : s->server_name);
	world_send(f, 0);
}

static int64_t certificates_end;

void
virtual_certificates_end(wall_ms when)
{
	certificates_end = when / 1000;
}

static void
name_peer(struct session *s, const char *name)
{
	uint8_t digest[32];

	world_digest(name, digest);
	free(s->peer.texts);
	s->peer = (struct peer_id){
		.kind = PEER_CERTIFICATE, .n_names = 1, .issuer = "CA", .texts = mem_text(name)};
	s->peer.expires = certificates_end;
	s->peer.name = s->peer.names[0] = s->peer.texts;
	cuid_from_digest(digest, s->peer.cuid);
}

static void
prove(struct session *s, const char *name)
{
	const char *refusal;

	name_peer(s, name);
	refusal = s->ops->judge ? s->ops->judge(s->arg, s) : NULL;
	if (s->state == OVER)
		return;
	if (refusal) {
		say_close(s, "peer's alert: access denied", false);
		end(s, refusal);
		return;
	}
	s->state = UP;
	s->was_up = true;
	timer_stop(s->timer);
	if (s->ops->up)
		s->ops->up(s->arg, s);
}

static void
rearm(struct session *s)
{
	mono_ms first = INT64_MAX;
	const struct request *r;

	TAILQ_FOREACH(r, &s->requests, entry)
		if (r->confirmable && r->next < first)
			first = r->next;
	if (first < INT64_MAX)
		timer_at(s->timer, first);
}

/* RFC 7252 4.2. */
static void
repeat_confirmable(struct session *s)
{
	struct request *r, *next;

	for (r = TAILQ_FIRST(&s->requests); r; r = next) {
		next = TAILQ_NEXT(r, entry);
		if (!r->confirmable || r->next > world.now)
			continue;
		if (r->repeats++ == s->params.max_retransmit) {
			conclude(s, r, NULL, -ETIMEDOUT);
			break; /* the owner may have done anything */
		}
		r->next = world.now + ((int64_t)s->params.ack_timeout_ms << r->repeats);
		send_bytes(s, r->bytes, r->len);
	}
	rearm(s);
}

static void
on_timer(void *arg)
{
	struct session *s = arg;

	if (s->state == OVER) {
		finish(s);
	} else if (s->state == UP) {
		repeat_confirmable(s);
	} else if (s->grace && world.now >= s->grace) {
		end(s, "peer's alert: handshake failure");
	} else if (world.now >= s->patience) {
		end(s, "handshake timed out");
	} else {
		s->flight *= 2;
		if (!s->listener && !s->grace)
			send_flight(s);
		timer_at(s->timer,
			world.now + s->flight < s->patience ? world.now + s->flight : s->patience);
	}
}

static struct session *
make(struct loop *l, const struct session_ops *ops, void *arg, struct credentials *c)
{
	struct session *s = mem_new(sizeof(*s));

	s->loop = l;
	s->ops = ops;
	s->arg = arg;
	s->credentials = credentials_ref(c);
	s->timer = timer_new(l, on_timer, s);
	s->params = COAP_PARAMS_DEFAULT;
	TAILQ_INIT(&s->requests);
	TAILQ_INIT(&s->exchanges);
	return s;
}

/* ---- the listening side -------------------------------------------------------------------- */

static struct listener *
listener_at(const struct endpoint *e)
{
	struct listener *ln;

	TAILQ_FOREACH(ln, &world.listeners, entry)
		for (size_t i = 0; i < ln->n_sockets && !ln->loop->crashed; i++)
			if (endpoint_equal(&ln->sockets[i].local, e))
				return ln;
	return NULL;
}

static struct session *
accepted(const struct listener *ln, uint64_t dial)
{
	struct session *s;

	TAILQ_FOREACH(s, &ln->sessions, entry)
		if (s->dial == dial)
			break;
	return s;
}

static struct session *
greet(struct listener *ln, const struct flight *f)
{
	struct session *s = make(ln->loop, ln->ops, ln->arg, ln->credentials);

	s->listener = ln;
	s->dial = f->packet->dial;
	s->transport = f->packet->transport;
	s->local = f->packet->server;
	s->remote = f->packet->client;
	s->resumed = f->ticket == ln->loop->ticket_key;
	s->patience = world.now + HANDSHAKE_MS;
	timer_at(s->timer, s->patience);
	TAILQ_INSERT_TAIL(&ln->sessions, s, entry);
	return s;
}

static void
reply(struct session *s, enum packet_kind kind, int64_t extra)
{
	struct flight *f = flight_of(s, kind);

	snprintf(f->name, sizeof(f->name), "%s", credentials_label(s->credentials));
	f->ticket = s->loop->ticket_key;
	f->packet->resumed = s->resumed;
	world_send(f, extra);
}

static bool
is_refused(const struct listener *ln, const struct flight *f)
{
	return ln->loop->mood == REFUSES || (ln->loop->mood == REFUSES_TICKETS && f->ticket);
}

static void
arrive_at_listener(struct listener *ln, struct session *s, const struct flight *f)
{
	if (ln->loop->mood == MUTE)
		return;
	if (f->packet->kind == HELLO) {
		if (!s)
			s = greet(ln, f);
		if (s->state == HANDSHAKE && is_refused(ln, f))
			say_close(s, "handshake failure", false);
		else if (s->state == HANDSHAKE)
			reply(s, HELLO_REPLY, ln->loop->takes);
	} else if (s && s->state != OVER) {
		reply(s, FINISH_REPLY, 0);
		if (s->state == HANDSHAKE)
			prove(s, f->name);
	}
}

struct listener *
listener_new(struct loop *l, const struct listener_config *cfg, const struct session_ops *ops,
	void *arg, char *why, size_t cap)
{
	struct listener *ln = mem_new(sizeof(*ln));

	(void)why;
	(void)cap;
	ln->loop = l;
	ln->n_sockets = cfg->n_sockets;
	ln->sockets = mem_copy(cfg->sockets, cfg->n_sockets * sizeof(*cfg->sockets));
	ln->credentials = credentials_ref(cfg->credentials);
	ln->ops = ops;
	ln->arg = arg;
	TAILQ_INIT(&ln->sessions);
	TAILQ_INSERT_TAIL(&world.listeners, ln, entry);
	virtual_forget_tickets(l);
	return ln;
}

void
listener_free(struct listener *ln)
{
	struct session *s;

	while ((s = TAILQ_FIRST(&ln->sessions))) {
		session_close(s);
		finish(s);
	}
	TAILQ_REMOVE(&world.listeners, ln, entry);
	credentials_unref(ln->credentials);
	free(ln->sockets);
	free(ln);
}

void
listener_set_credentials(struct listener *ln, struct credentials *c)
{
	credentials_ref(c);
	credentials_unref(ln->credentials);
	ln->credentials = c;
	virtual_forget_tickets(ln->loop);
}

void
listener_each(struct listener *ln, bool (*visit)(void *arg, struct session *s), void *visit_arg)
{
	struct session *s, *next;

	for (s = TAILQ_FIRST(&ln->sessions); s; s = next) {
		next = TAILQ_NEXT(s, entry);
		if (s->state == UP && !visit(visit_arg, s))
			return;
	}
}

/* They are net's to test. */
size_t
listener_handshakes(const struct listener *ln)
{
	(void)ln;
	return 0;
}

void
listener_set_limits(struct listener *ln, const struct listener_config *cfg)
{
	(void)ln;
	(void)cfg;
}

size_t
listener_count(const struct listener *ln)
{
	const struct session *s;
	size_t n = 0;

	TAILQ_FOREACH(s, &ln->sessions, entry)
		n += s->state == UP;
	return n;
}

void
virtual_listener(struct loop *l, enum virtual_mood mood, int64_t takes)
{
	l->mood = mood;
	l->takes = takes;
}

void
virtual_forget_tickets(struct loop *l)
{
	l->ticket_key = ++world.tickets;
}

/* ---- the dialling side --------------------------------------------------------------------- */

static int
choose_local(struct loop *l, const struct dial *d, struct session *s)
{
	struct virtual_link *v = d->interface ? world_link(l, d->interface) : NULL;
	const struct virtual_link *of;

	if (d->interface && !v)
		return -ENODEV;
	if (v && !v->up)
		return -ENETUNREACH;
	s->local.addr = d->source;
	for (size_t i = 0; !s->local.addr.family && i < l->n_addrs; i++)
		if (l->addrs[i].addr.family == d->remote.addr.family &&
			(!v || !strcmp(l->addrs[i].interface, v->name)))
			s->local.addr = l->addrs[i].addr;
	of = world_link_of(l, &s->local.addr);
	if (!of || s->local.addr.family != d->remote.addr.family)
		return -EADDRNOTAVAIL;
	if (v)
		snprintf(s->interface, sizeof(s->interface), "%s", v->name);
	else if (!of->up)
		return -ENETUNREACH;
	return 0;
}

struct session *
session_dial(struct loop *l, const struct dial *d, const struct session_ops *ops, void *arg,
	int *ret_error)
{
	struct session *s = make(l, ops, arg, d->credentials);

	*ret_error = choose_local(l, d, s);
	if (*ret_error) {
		timer_free(s->timer);
		credentials_unref(s->credentials);
		free(s);
		return NULL;
	}
	s->dial = ++world.dials;
	s->local.port = (uint16_t)(FIRST_PORT + ++world.ports);
	s->remote = d->remote;
	s->transport = d->transport;
	s->ticket = d->resume ? d->resume->ticket : 0;
	snprintf(s->server_name, sizeof(s->server_name), "%s", d->server_name);
	s->patience =
		world.now + (d->handshake_timeout_ms ? d->handshake_timeout_ms : HANDSHAKE_MS);
	s->flight = FLIGHT_MS;
	TAILQ_INSERT_TAIL(&l->dialled, s, entry);
	send_flight(s);
	timer_after(s->timer, s->flight);
	return s;
}

static struct session *
dialled(uint64_t dial)
{
	struct loop *l;
	struct session *s;

	TAILQ_FOREACH(l, &world.hosts, entry)
		TAILQ_FOREACH(s, &l->dialled, entry)
			if (s->dial == dial && !l->crashed)
				return s;
	return NULL;
}

/* A certificate may stand for several names, with commas between. */
static bool
has_name(const char *names, const char *name)
{
	size_t len = strlen(name);

	for (const char *p = names; (p = strstr(p, name)); p += len)
		if ((p == names || p[-1] == ',') && (p[len] == ',' || !p[len]))
			return true;
	return false;
}

static void
arrive_at_dialler(struct session *s, const struct flight *f)
{
	if (f->packet->kind == HELLO_REPLY && !s->greeted) {
		if (!has_name(f->name, s->server_name)) {
			end(s, "certificate: not for the name (RFC 9132 7.1)");
			return;
		}
		s->greeted = true;
		s->flight = FLIGHT_MS;
		send_flight(s);
		timer_after(s->timer, s->flight);
	} else if (f->packet->kind == FINISH_REPLY && s->greeted) {
		s->ticket = f->ticket;
		s->resumed = f->packet->resumed;
		prove(s, f->name);
	}
}

struct resumption *
session_resumption(const struct session *s)
{
	struct resumption *r;

	if (!s->was_up)
		return NULL;
	r = mem_new(sizeof(*r));
	r->ticket = s->ticket;
	return r;
}

void
resumption_free(struct resumption *r)
{
	free(r);
}

/* ---- CoAP: what arrives -------------------------------------------------------------------- */

static void
respond_with(struct exchange *ex, uint8_t code, const char *text)
{
	struct coap_msg m;

	coap_init(&m, COAP_NON, code);
	if (code == COAP_503_SERVICE_UNAVAILABLE)
		coap_add_uint(&m, COAP_OPT_MAX_AGE, 5);
	m.payload = (const uint8_t *)text;
	m.payload_len = strlen(text);
	exchange_respond(ex, &m);
}

static void
receive_request(struct session *s, const struct coap_msg *m)
{
	struct exchange *ex;

	if (m->type == COAP_CON && s->answer && s->answered_id == m->id) {
		send_bytes(s, s->answer, s->answer_len);
		return;
	}
	ex = mem_new(sizeof(*ex));
	ex->session = s;
	ex->token_len = m->token_len;
	memcpy(ex->token, m->token, m->token_len);
	ex->id = m->id;
	ex->confirmable = m->type == COAP_CON;
	TAILQ_INSERT_TAIL(&s->exchanges, ex, entry);
	s->n_exchanges++;
	if (s->n_exchanges > (s->max_waiting ? s->max_waiting : EXCHANGES_MAX))
		respond_with(ex, COAP_503_SERVICE_UNAVAILABLE, "too many wait");
	else if (coap_bad_option(m))
		respond_with(ex, COAP_402_BAD_OPTION, "bad option");
	else if (!s->ops->request)
		respond_with(ex, COAP_404_NOT_FOUND, "no resource here");
	else
		s->ops->request(s->arg, s, ex, m);
}

/* The other side knows the token by the Message ID; here it is the packet. */
static void
send_reset(struct session *s, const struct coap_msg *m)
{
	struct flight *f = flight_of(s, DATA);

	f->packet->type = COAP_RST;
	f->packet->bytes = mem_copy(m->token, m->token_len);
	f->packet->len = m->token_len;
	world_send(f, 0);
}

static void
receive_response(struct session *s, const struct coap_msg *m)
{
	struct request *r;
	uint32_t sequence = 0;
	bool notification = coap_get_uint(m, COAP_OPT_OBSERVE, &sequence);

	TAILQ_FOREACH(r, &s->requests, entry)
		if (m->token_len == TOKEN_LEN && !memcmp(r->token, m->token, TOKEN_LEN))
			break;
	if (!r) {
		if (notification)
			send_reset(s, m);
		return;
	}
	if (!r->observe || !notification || coap_class(m->code) != 2) {
		conclude(s, r, m, 0);
		return;
	}
	if (r->observing && sequence <= r->sequence)
		return;
	r->observing = true;
	r->sequence = sequence;
	r->confirmable = false; /* answered: nothing to repeat */
	if (r->cb)
		r->cb(r->arg, s, m, 0);
}

static void
receive_data(struct session *s, const struct packet *p)
{
	struct coap_msg m;
	const char *why;

	if (p->type == COAP_RST) {
		if (s->ops->observer_gone)
			s->ops->observer_gone(s->arg, s, p->bytes, p->len);
		return;
	}
	assert_int_equal(coap_decode(p->bytes, p->len, &m, &why), 0);
	if (coap_is_request(m.code))
		receive_request(s, &m);
	else
		receive_response(s, &m);
}

static void
arrive_on_session(struct session *s, const struct flight *f)
{
	if (s->state == HANDSHAKE && f->packet->kind == CLOSE && !s->grace) {
		s->grace = world.now + GRACE_MS;
		timer_at(s->timer, s->grace);
	}
	if (s->state != UP)
		return;
	s->busy++;
	if (s->ops->heard)
		s->ops->heard(s->arg, s);
	if (s->state == UP && f->packet->kind == CLOSE && f->farewell)
		part(s, f->reason);
	else if (s->state == UP && f->packet->kind == CLOSE)
		end(s, f->reason);
	else if (s->state == UP)
		receive_data(s, f->packet);
	s->busy--;
}

bool
session_arrive(struct flight *f)
{
	const struct packet *p = f->packet;
	struct listener *ln = p->outward ? listener_at(&p->server) : NULL;
	struct session *s = p->outward ? (ln ? accepted(ln, p->dial) : NULL) : dialled(p->dial);

	if (p->outward ? !ln : !s)
		return false;
	if (p->kind == DATA || p->kind == CLOSE) {
		if (s)
			arrive_on_session(s, f);
		return s != NULL;
	}
	if (s)
		s->busy++;
	if (ln)
		arrive_at_listener(ln, s, f);
	else if (s->state == HANDSHAKE)
		arrive_at_dialler(s, f);
	if (s)
		s->busy--;
	return true;
}

/* ---- CoAP: what is sent -------------------------------------------------------------------- */

static int
encode(struct session *s, struct coap_msg *m, uint8_t *bytes, size_t cap)
{
	int n;

	m->id = ++s->next_id;
	n = coap_encode(m, bytes, cap);
	return n == -ENOSPC ? -EMSGSIZE : n;
}

int64_t
request_send(struct session *s, const struct coap_msg *msg, response_cb cb, void *arg)
{
	struct coap_msg m = *msg;
	uint8_t bytes[MESSAGE_MAX];
	uint32_t observe = 1;
	struct request *r;
	int n;

	if (s->state != UP)
		return -ENOTCONN;
	if (s->n_requests == REQUESTS_MAX)
		return -EMFILE;
	m.token_len = TOKEN_LEN;
	s->last_handle++;
	memcpy(m.token, &s->last_handle, TOKEN_LEN);
	n = encode(s, &m, bytes, sizeof(bytes));
	if (n < 0)
		return n;
	r = mem_new(sizeof(*r));
	r->handle = s->last_handle;
	memcpy(r->token, m.token, TOKEN_LEN);
	r->confirmable = m.type == COAP_CON;
	r->observe = coap_get_uint(msg, COAP_OPT_OBSERVE, &observe) && observe == 0;
	r->bytes = mem_copy(bytes, (size_t)n);
	r->len = (size_t)n;
	r->next = world.now + s->params.ack_timeout_ms;
	r->cb = cb;
	r->arg = arg;
	TAILQ_INSERT_TAIL(&s->requests, r, entry);
	s->n_requests++;
	rearm(s);
	send_bytes(s, bytes, (size_t)n);
	return r->handle;
}

static struct request *
request_find(const struct session *s, int64_t handle)
{
	struct request *r;

	TAILQ_FOREACH(r, &s->requests, entry)
		if (r->handle == handle)
			break;
	return r;
}

int
request_repeat(struct session *s, int64_t handle)
{
	struct request *r = request_find(s, handle);

	if (!r || r->confirmable || s->state != UP)
		return -ENOENT;
	if (s->transport == SESSION_TCP)
		return 0;
	s->next_id++;
	r->bytes[2] = (uint8_t)(s->next_id >> 8);
	r->bytes[3] = (uint8_t)s->next_id;
	send_bytes(s, r->bytes, r->len);
	return 0;
}

void
request_cancel(struct session *s, int64_t handle)
{
	struct request *r = request_find(s, handle);

	if (r)
		request_free(s, r);
}

void
exchange_respond(struct exchange *ex, const struct coap_msg *response)
{
	struct session *s = ex->session;
	struct coap_msg m = *response;
	uint8_t bytes[ANSWER_MAX];
	int n;

	if (s) {
		TAILQ_REMOVE(&s->exchanges, ex, entry);
		s->n_exchanges--;
	}
	if (!s || m.code == COAP_EMPTY) {
		free(ex);
		return;
	}
	m.type = ex->confirmable ? COAP_ACK : COAP_NON;
	m.token_len = ex->token_len;
	memcpy(m.token, ex->token, ex->token_len);
	n = encode(s, &m, bytes, sizeof(bytes));
	assert_true(n > 0);
	send_bytes(s, bytes, (size_t)n);
	if (ex->confirmable) {
		free(s->answer);
		s->answer = mem_copy(bytes, (size_t)n);
		s->answer_len = (size_t)n;
		s->answered_id = ex->id;
	}
	free(ex);
}

struct session *
exchange_session(const struct exchange *ex)
{
	return ex->session;
}

int
session_notify(struct session *s, const uint8_t *token, size_t token_len,
	const struct coap_msg *notification)
{
	struct coap_msg m = *notification;
	uint8_t bytes[ANSWER_MAX];
	int n;

	if (s->state != UP)
		return -ENOTCONN;
	m.token_len = (uint8_t)token_len;
	memcpy(m.token, token, token_len);
	n = encode(s, &m, bytes, sizeof(bytes));
	return n < 0 ? n : send_bytes(s, bytes, (size_t)n);
}

/* ---- what is known of a session ------------------------------------------------------------ */

bool
session_said_farewell(const struct session *s)
{
	return s->farewell;
}

bool
session_is_up(const struct session *s)
{
	return s->state == UP;
}

enum session_transport
session_transport(const struct session *s)
{
	return s->transport;
}

const char *
session_transport_name(enum session_transport t)
{
	return t == SESSION_TCP ? "tcp" : "udp";
}

bool
session_was_resumed(const struct session *s)
{
	return s->resumed;
}

const char *
session_credential(const struct session *s)
{
	return credentials_label(s->credentials);
}

const struct peer_id *
session_peer(const struct session *s)
{
	return &s->peer;
}

const struct endpoint *
session_local(const struct session *s)
{
	return &s->local;
}

const struct endpoint *
session_remote(const struct session *s)
{
	return &s->remote;
}

const char *
session_interface(const struct session *s)
{
	return s->interface;
}

void *
session_data(const struct session *s)
{
	return s->data;
}

void
session_set_data(struct session *s, void *data)
{
	s->data = data;
}

void
session_judge(struct session *s)
{
	const char *refusal;

	if (s->state != UP)
		return;
	s->busy++;
	refusal = s->ops->judge ? s->ops->judge(s->arg, s) : NULL;
	if (refusal && s->state == UP) {
		say_close(s, "peer's alert: access denied", false);
		end(s, refusal);
	}
	s->busy--;
}

/* Certificates are not judged here. */
void
session_judge_by(struct session *s, const struct credentials *c)
{
	(void)c;
	session_judge(s);
}

void
session_set_params(struct session *s, const struct coap_params *p)
{
	s->params = *p;
}

void
session_set_waiting_max(struct session *s, uint32_t n)
{
	s->max_waiting = n;
}

size_t
session_max_body(const struct session *s)
{
	(void)s;
	return SESSION_BODY_MAX;
}

size_t
session_max_message(const struct session *s)
{
	(void)s;
	return MESSAGE_MAX;
}
