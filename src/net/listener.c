/*
 * The server's side: sockets, cookies, handshakes under way, sessions by 5-tuple
 * (RFC 9132 sections 3, 7.1; RFC 6347 section 4.2).
 *
 * Built to be asked while under attack: nothing is kept before the cookie, little before the
 * handshake is done, a source prefix gets no more than its share, and a turn of the loop begins
 * only so many handshakes, the rest wait in order. When all places for handshakes are taken, one of
 * the prefix that holds the most makes room, so that a few that stall do not keep everybody else
 * out. A live session is untouched by anything that is not authentic: a new handshake on its
 * 5-tuple runs beside it and replaces it when it is done. An accepted TCP connection is a handshake
 * under way, whether or not it ever says anything.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/map.h"
#include "base/mem.h"
#include "net/cookie.h"
#include "net/crowd.h"
#include "net/record.h"
#include "net/session_private.h"

enum {
	DEFAULT_SESSIONS = 10000,
	DEFAULT_HALF_OPEN = 512,
	DEFAULT_HALF_OPEN_PER_PREFIX = 16,
	DEFAULT_HANDSHAKES_PER_TURN = 8,
	DEFAULT_BODIES = 16 * 1024 * 1024,
	EARLY_RECORDS = 4, /* a ClientHello with a ticket comes in two fragments */
	EARLY_RECORD_MAX = 2048,
	TURN_MS = 1, /* 0 could fire again before the sockets are looked at */
};

/* One socket. */
struct listen_point {
	struct listener *listener;
	struct udp *udp;
	struct tcp_listener *tcp;
	char interface[IFNAMSIZ];
};

struct early_record {
	uint8_t *bytes;
	size_t len;
};

struct accepting;
TAILQ_HEAD(accepting_list, accepting);

/* What a session has until its handshake is done. */
struct accepting {
	uint8_t random[HELLO_RANDOM_LEN]; /* the client's: another one is another attempt */
	struct crowd_member member;       /* since it is here, or has been begun */
	gnutls_dtls_prestate_st prestate;
	struct early_record early[EARLY_RECORDS]; /* while it waits for its turn */
	unsigned n_early;
	struct session *session;
	TAILQ_ENTRY(accepting) queue;
};

TAILQ_HEAD(session_list, session);

struct listener {
	struct loop *loop;
	const struct session_ops *ops;
	void *arg;
	struct listener_config limits; /* its numbers only */
	struct listen_point *points;
	size_t n_points;
	struct credentials *credentials;
	struct association_server *tls;
	struct cookies *cookies;
	struct map *live;             /* flow → session that is up */
	struct map *half;             /* flow → session in its handshake */
	struct crowd *accepted;       /* the same by source prefix */
	struct session_list sessions; /* all, until freed */
	struct accepting_list waiting;
	struct timer *turn;
	uint32_t begun; /* handshakes, this turn */
	struct block_room room;
};

/* --- keys ----------------------------------------------------------------------------------- */

/* A 5-tuple; the socket stands for protocol and bound device. As short as the family allows: it is
 * looked up for every datagram. */
struct flow {
	uint8_t bytes[sizeof(void *) + 2 * 16 + 2 + 4];
	size_t len;
};

static struct flow
flow_of(const void *socket, const struct udp_path *path)
{
	size_t n = addr_bits(&path->remote.addr) / 8;
	struct flow f;
	uint8_t *p = f.bytes;

	p = mempcpy(p, &socket, sizeof(socket));
	p = mempcpy(p, path->local.addr.bytes, n);
	p = mempcpy(p, path->remote.addr.bytes, n);
	p = mempcpy(p, &path->remote.port, 2);
	if (path->remote.scope_id)
		p = mempcpy(p, &path->remote.scope_id, 4);
	f.len = (size_t)(p - f.bytes);
	return f;
}

static struct session *
flow_get(const struct map *m, const struct flow *f)
{
	return map_get(m, f->bytes, f->len);
}

static struct flow
flow_of_session(const struct session *s)
{
	return flow_of(s->tcp ? (const void *)s->tcp : s->udp, &s->path);
}

/* Removes it if it is that session's. */
static void
flow_remove(struct map *m, const struct session *s)
{
	struct flow f = flow_of_session(s);

	if (flow_get(m, &f) == s)
		map_remove(m, f.bytes, f.len);
}

/* --- handshakes under way ------------------------------------------------------------------- */

static void
accepting_drop_early(struct accepting *a)
{
	for (unsigned i = 0; i < a->n_early; i++)
		free(a->early[i].bytes);
	a->n_early = 0;
}

static void
accepting_keep(struct accepting *a, const uint8_t *record, size_t len)
{
	if (a->n_early == EARLY_RECORDS || len > EARLY_RECORD_MAX)
		return;
	a->early[a->n_early++] = (struct early_record){mem_copy(record, len), len};
}

/* The handshake is over, one way or the other. */
static void
accepting_free(struct listener *ln, struct session *s)
{
	struct accepting *a = s->accepting;

	flow_remove(ln->half, s);
	crowd_remove(ln->accepted, &a->member);
	if (a->queue.tqe_prev)
		TAILQ_REMOVE(&ln->waiting, a, queue);
	accepting_drop_early(a);
	free(a);
	s->accepting = NULL;
}

static void
listener_feed(struct session *s, const uint8_t *record, size_t len)
{
	if (s->state == SESSION_WAITING)
		accepting_keep(s->accepting, record, len);
	else if (s->state == SESSION_HANDSHAKE)
		session_handshake(s, record, len);
}

/* Begins the handshake and hands over what has come so far. */
static void
listener_begin(struct listener *ln, struct session *s)
{
	struct accepting *a = s->accepting;
	struct association_setup setup = {.server = ln->tls};
	struct early_record early[EARLY_RECORDS];
	unsigned n = a->n_early;

	ln->begun++;
	timer_after(ln->turn, TURN_MS);
	memcpy(early, a->early, sizeof(early));
	a->n_early = 0;
	if (!s->tcp)
		setup.prestate = &a->prestate;
	if (session_begin(s, &setup, ln->limits.handshake_timeout_ms)) {
		if (s->tcp)
			tcp_open(s->tcp, &stream_ops, s);
		for (unsigned i = 0; i < n; i++)
			listener_feed(s, early[i].bytes, early[i].len);
	}
	for (unsigned i = 0; i < n; i++)
		free(early[i].bytes);
}

static bool
listener_has_budget(const struct listener *ln)
{
	return ln->begun < ln->limits.handshakes_per_turn;
}

/* A new turn, a new budget. */
static void
listener_turn(void *arg)
{
	struct listener *ln = arg;
	struct accepting *a;

	ln->begun = 0;
	while (listener_has_budget(ln) && (a = TAILQ_FIRST(&ln->waiting))) {
		TAILQ_REMOVE(&ln->waiting, a, queue);
		a->queue.tqe_prev = NULL;
		/* Its wait was not the peer's doing. */
		crowd_renew(ln->accepted, &a->member, loop_now(ln->loop));
		listener_begin(ln, a->session);
	}
}

/* f: of a session that the new one would replace, or NULL. */
static bool
listener_is_full(const struct listener *ln, const struct flow *f)
{
	return map_count(ln->live) >= ln->limits.max_sessions && !(f && flow_get(ln->live, f));
}

/* A handshake that makes room for one of that source; NULL: none. One that waits for its turn does
 * not: that is not its peer's doing. */
static struct session *
listener_victim(const struct listener *ln, const struct addr *source)
{
	struct crowd_member *m = crowd_yielding(ln->accepted, source, loop_now(ln->loop));
	struct session *s = m ? heap_entry(m, struct accepting, member)->session : NULL;

	return s && s->state != SESSION_WAITING ? s : NULL;
}

/* False: a handshake from there is not to be begun now. */
static bool
listener_make_room(struct listener *ln, const struct flow *f, const struct addr *source)
{
	struct session *victim;

	if (listener_is_full(ln, f) ||
		crowd_count_of(ln->accepted, source) >= ln->limits.max_half_open_per_prefix)
		return false;
	while (map_count(ln->half) >= ln->limits.max_half_open) {
		victim = listener_victim(ln, source);
		if (!victim)
			return false;
		session_end(victim, "all places for handshakes were taken, most by its prefix");
	}
	return true;
}

static void
listener_name_interface(struct session *s, const struct listen_point *p)
{
	if (p->interface[0])
		memcpy(s->interface, p->interface, sizeof(s->interface));
	else if (!if_indextoname(s->path.ifindex, s->interface))
		s->interface[0] = 0;
}

static const struct session_origin listener_origin;

static struct session *
listener_session(struct listener *ln)
{
	struct session *s =
		session_new(ln->loop, ln->ops, ln->arg, &listener_origin, ln->credentials);

	s->listener = ln;
	s->coap.room = &ln->room;
	s->accepting = mem_new(sizeof(*s->accepting));
	s->accepting->session = s;
	TAILQ_INSERT_TAIL(&ln->sessions, s, siblings);
	return s;
}

/* Its path is known: counts it, and begins the handshake or puts it in the queue. */
static void
listener_accept(struct listener *ln, struct session *s)
{
	struct accepting *a = s->accepting;
	struct flow f = flow_of_session(s);

	map_set(ln->half, f.bytes, f.len, s);
	crowd_add(ln->accepted, &a->member, &s->path.remote.addr, loop_now(ln->loop));
	if (listener_has_budget(ln) && TAILQ_EMPTY(&ln->waiting))
		listener_begin(ln, s);
	else
		TAILQ_INSERT_TAIL(&ln->waiting, a, queue);
}

/* --- connections ---------------------------------------------------------------------------- */

static void
listener_connection(void *arg, struct tcp *t)
{
	struct listener *ln = ((struct listen_point *)arg)->listener;
	struct session *s;

	if (!listener_make_room(ln, NULL, &tcp_remote(t)->addr)) {
		tcp_free(t);
		return;
	}
	s = listener_session(ln);
	stream_attach(s, t);
	listener_accept(ln, s);
}

/* --- datagrams ------------------------------------------------------------------------------ */

/* Its cookie is good. */
static void
listener_greeted(struct listen_point *p, const struct udp_path *path, const struct flow *f,
	const uint8_t *hello, size_t len, const gnutls_dtls_prestate_st *pre)
{
	struct listener *ln = p->listener;
	struct session *s;

	if (!listener_make_room(ln, f, &path->remote.addr))
		return;
	s = listener_session(ln);
	s->udp = p->udp;
	s->path = *path;
	listener_name_interface(s, p);
	s->accepting->prestate = *pre;
	memcpy(s->accepting->random, record_hello_random(hello), HELLO_RANDOM_LEN);
	accepting_keep(s->accepting, hello, len);
	listener_accept(ln, s);
}

static void
listener_hello(struct listen_point *p, const struct udp_path *path, const struct flow *f,
	const uint8_t *hello, size_t len)
{
	struct listener *ln = p->listener;
	struct session *half = flow_get(ln->half, f);
	gnutls_dtls_prestate_st pre;
	uint8_t answer[UDP_SEND_MAX];
	size_t n;

	if (half && memcmp(half->accepting->random, record_hello_random(hello), HELLO_RANDOM_LEN) ==
			    0) {
		listener_feed(half, hello, len);
		return;
	}
	if (!cookies_check(ln->cookies, f->bytes, f->len, hello, len, &pre)) {
		n = cookies_ask(ln->cookies, f->bytes, f->len, hello, answer, sizeof(answer));
		if (n)
			udp_send(p->udp, path, answer, n);
		return;
	}
	if (half)
		session_end(half, "the peer began anew");
	listener_greeted(p, path, f, hello, len, &pre);
}

static void
listener_record(struct listen_point *p, const struct udp_path *path, const struct flow *f,
	const uint8_t *record, size_t len)
{
	struct listener *ln = p->listener;
	struct session *live, *half;

	if (record_is_hello(record, len)) {
		listener_hello(p, path, f, record, len);
		return;
	}
	live = flow_get(ln->live, f);
	if (live && session_record(live, record, len)) {
		/* Answers follow the link on which the peer was last heard. */
		if (live->path.ifindex != path->ifindex) {
			live->path.ifindex = path->ifindex;
			listener_name_interface(live, p);
		}
		return;
	}
	half = flow_get(ln->half, f);
	if (half)
		listener_feed(half, record, len);
}

static void
listener_datagram(void *arg, const struct udp_path *path, uint8_t *bytes, size_t len)
{
	struct listen_point *p = arg;
	struct flow f = flow_of(p->udp, path);
	size_t n;

	for (; (n = record_length(bytes, len)) > 0; bytes += n, len -= n)
		listener_record(p, path, &f, bytes, n);
}

/* --- what becomes of a session -------------------------------------------------------------- */

/* Others may have come up since it began. */
static const char *
listener_admit(const struct session *s)
{
	struct flow f = flow_of_session(s);

	return listener_is_full(s->listener, &f) ? "as many sessions as this server takes" : NULL;
}

static void
listener_established(struct session *s)
{
	struct listener *ln = s->listener;
	struct flow f = flow_of_session(s);
	struct session *old;

	accepting_free(ln, s);
	old = map_set(ln->live, f.bytes, f.len, s);
	if (old)
		session_end(old, "replaced by a new handshake of the same peer");
}

static void
listener_over(struct session *s)
{
	struct listener *ln = s->listener;

	if (s->accepting)
		accepting_free(ln, s);
	else
		flow_remove(ln->live, s);
}

static void
listener_freed(struct session *s)
{
	TAILQ_REMOVE(&s->listener->sessions, s, siblings);
}

static struct credentials *
listener_credentials(const struct session *s)
{
	return s->listener->credentials;
}

static const struct session_origin listener_origin = {
	.admit = listener_admit,
	.established = listener_established,
	.over = listener_over,
	.freed = listener_freed,
	.credentials = listener_credentials,
};

/* --- making --------------------------------------------------------------------------------- */

static bool
listener_open(struct listener *ln, const struct listener_config *cfg, char *why, size_t cap)
{
	ln->points = mem_array(cfg->n_sockets, sizeof(*ln->points));
	for (size_t i = 0; i < cfg->n_sockets; i++) {
		const struct listen_socket *sock = &cfg->sockets[i];
		struct listen_point *p = &ln->points[ln->n_points++];
		char text[ENDPOINT_TEXT_MAX];
		int error = 0;

		p->listener = ln;
		memcpy(p->interface, sock->interface, sizeof(p->interface));
		p->udp = udp_listen(
			ln->loop, p->interface, &sock->local, listener_datagram, p, &error);
		if (p->udp)
			p->tcp = tcp_listen(ln->loop, p->interface, &sock->local,
				listener_connection, p, &error);
		if (!p->udp || !p->tcp) {
			snprintf(why, cap, "%s %s%s%s: %s", p->udp ? "TCP" : "UDP",
				endpoint_format(&sock->local, text), p->interface[0] ? " on " : "",
				p->interface, strerror(-error));
			return false;
		}
	}
	return true;
}

struct listener *
listener_new(struct loop *l, const struct listener_config *cfg, const struct session_ops *ops,
	void *arg, char *why, size_t cap)
{
	struct listener *ln = mem_new(sizeof(*ln));

	ln->loop = l;
	ln->ops = ops;
	ln->arg = arg;
	listener_set_limits(ln, cfg);
	ln->credentials = credentials_ref(cfg->credentials);
	ln->tls = association_server_new(cfg->psk, arg);
	ln->cookies = cookies_new(l);
	ln->live = map_new();
	ln->half = map_new();
	ln->accepted = crowd_new();
	TAILQ_INIT(&ln->sessions);
	TAILQ_INIT(&ln->waiting);
	ln->turn = timer_new(l, listener_turn, ln);
	if (!listener_open(ln, cfg, why, cap)) {
		listener_free(ln);
		return NULL;
	}
	return ln;
}

void
listener_free(struct listener *ln)
{
	struct session *s;

	while ((s = TAILQ_FIRST(&ln->sessions))) {
		session_close(s);
		session_finish(s);
	}
	for (size_t i = 0; i < ln->n_points; i++) {
		udp_free(ln->points[i].udp);
		tcp_listener_free(ln->points[i].tcp);
	}
	free(ln->points);
	timer_free(ln->turn);
	map_free(ln->live);
	map_free(ln->half);
	crowd_free(ln->accepted);
	cookies_free(ln->cookies);
	association_server_free(ln->tls);
	credentials_unref(ln->credentials);
	free(ln);
}

void
listener_set_credentials(struct listener *ln, struct credentials *c)
{
	struct credentials *old = ln->credentials;

	ln->credentials = credentials_ref(c);
	credentials_unref(old);
	association_server_renew_tickets(ln->tls);
}

void
listener_each(struct listener *ln, bool (*visit)(void *arg, struct session *s), void *visit_arg)
{
	struct session *s, *next;

	for (s = TAILQ_FIRST(&ln->sessions); s; s = next) {
		next = TAILQ_NEXT(s, siblings); /* the visitor may abandon this one */
		if (s->state == SESSION_UP && !visit(visit_arg, s))
			return;
	}
}

void
listener_set_limits(struct listener *ln, const struct listener_config *cfg)
{
	ln->limits.max_sessions = cfg->max_sessions ? cfg->max_sessions : DEFAULT_SESSIONS;
	ln->limits.max_half_open = cfg->max_half_open ? cfg->max_half_open : DEFAULT_HALF_OPEN;
	ln->limits.max_half_open_per_prefix = cfg->max_half_open_per_prefix
						      ? cfg->max_half_open_per_prefix
						      : DEFAULT_HALF_OPEN_PER_PREFIX;
	ln->limits.handshake_timeout_ms =
		cfg->handshake_timeout_ms ? cfg->handshake_timeout_ms : HANDSHAKE_TIMEOUT_MS;
	ln->limits.handshakes_per_turn =
		cfg->handshakes_per_turn ? cfg->handshakes_per_turn : DEFAULT_HANDSHAKES_PER_TURN;
	assert(cfg->max_body < BLOCK_BODY_LIMIT);
	ln->room.max_body = cfg->max_body ? cfg->max_body : SESSION_BODY_MAX;
	ln->room.max = cfg->max_bodies ? cfg->max_bodies : DEFAULT_BODIES;
}

size_t
listener_count(const struct listener *ln)
{
	return map_count(ln->live);
}

size_t
listener_handshakes(const struct listener *ln)
{
	return map_count(ln->half);
}
