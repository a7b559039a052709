/*
 * The life of one association, the same for both roles: handshake, judgement, data, end
 * (RFC 9132 sections 3, 7.1, 8).
 *
 * Nothing that is not authenticated changes the state of a session that is up. During a handshake a
 * plaintext alert may be forged: it only shortens the wait, and the next handshake record of the
 * peer takes that back. Silence never ends a session. Over TCP all this is weaker: whoever can
 * forge segments can end the connection (RFC 9132 11).
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/record.h"
#include "net/session_private.h"
#include "net/tls.h"

enum {
	ALERT_GRACE_MS = 1500, /* longer than the first repeat of a flight */
	DATA_MAX = 16384,
	IPV4_HEADERS = 28,
	IPV6_HEADERS = 48,
	PATH_MTU = 1280,   /* RFC 9132 7.3 */
	COAPS_PORT = 5684, /* RFC 8323 8.2: the only one where ALPN may be missing */
};

/* --- end ------------------------------------------------------------------------------------ */

void
session_end(struct session *s, const char *reason)
{
	if (s->state == SESSION_OVER)
		return;
	s->state = SESSION_OVER;
	s->reason = mem_text(reason);
	if (s->origin->over)
		s->origin->over(s);
	timer_after(s->timer, 0);
}

void
session_part(struct session *s, const char *reason)
{
	if (s->state != SESSION_OVER)
		s->farewell = true;
	session_end(s, reason);
}

void
session_read_over(struct session *s, enum association_read r)
{
	if (r != ASSOCIATION_CLOSED && r != ASSOCIATION_BROKEN)
		return;
	association_close(s->association);
	if (r == ASSOCIATION_CLOSED)
		session_part(s, association_why(s->association));
	else
		session_end(s, association_why(s->association));
}

void
session_free(struct session *s)
{
	messaging_finish(&s->coap);
	timer_free(s->timer);
	association_free(s->association);
	stream_free(s);
	if (!s->listener)
		udp_free(s->udp);
	credentials_unref(s->credentials);
	credentials_unref(s->proven_by);
	peer_id_finish(&s->peer);
	free(s->server_name);
	free(s->reason);
	free(s);
}

void
session_finish(struct session *s)
{
	messaging_cancel(&s->coap);
	if (s->ops->down)
		s->ops->down(s->arg, s, s->reason);
	if (s->origin->freed)
		s->origin->freed(s);
	session_free(s);
}

void
session_close(struct session *s)
{
	if (s->state == SESSION_UP || s->state == SESSION_GREETING)
		association_close(s->association);
	session_part(s, "closed");
}

void
session_abandon(struct session *s)
{
	static const struct session_ops deaf;

	s->ops = &deaf;
	request_forget_all(&s->coap);
	session_close(s);
	if (!s->busy)
		session_finish(s);
}

/* --- handshake ------------------------------------------------------------------------------ */

static bool
session_out(void *arg, const void *bytes, size_t len)
{
	struct session *s = arg;

	if (s->tcp)
		return tcp_send(s->tcp, bytes, len);
	udp_send(s->udp, &s->path, bytes, len);
	return true;
}

static void
session_arm(struct session *s)
{
	mono_ms when = s->patience, flight;

	if (s->grace && s->grace < when)
		when = s->grace;
	if (!s->tcp) {
		flight = loop_now(s->loop) + association_timeout_ms(s->association) + 1;
		if (flight < when)
			when = flight;
	}
	timer_at(s->timer, when);
}

/* The one judge (RFC 9132 8), after every handshake and every reload: first the chain, its
 * validity, revocation and name by what `c` trusts, then the owner, who knows whom it serves. The
 * library checks no certificate on a resumed handshake: a removed peer would be back by its ticket.
 * NULL, or the reason. */
static const char *
session_verdict(struct session *s, const struct credentials *c)
{
	if (!association_verify(s->association, c))
		return association_why(s->association);
	if (!association_identify(s->association, &s->peer))
		return "the peer proved no identity (RFC 9132 8)";
	return s->ops->judge ? s->ops->judge(s->arg, s) : NULL;
}

static void
session_establish(struct session *s)
{
	s->state = SESSION_UP;
	s->was_up = true;
	timer_stop(s->timer);
	if (s->origin->established)
		s->origin->established(s);
	if (s->ops->up)
		s->ops->up(s->arg, s);
}

/* That its peer is judged by now: a reload may have come since it was made. */
static struct credentials *
session_judges_by(const struct session *s)
{
	return s->origin->credentials ? s->origin->credentials(s) : s->credentials;
}

/* The handshake is done: is it who may be here? */
static void
session_prove(struct session *s)
{
	const char *refusal = session_verdict(s, session_judges_by(s));

	if (!refusal && s->state != SESSION_OVER && s->origin->admit)
		refusal = s->origin->admit(s);
	if (s->state == SESSION_OVER)
		return;
	if (refusal) {
		association_refuse(s->association);
		session_end(s, refusal);
		return;
	}
	if (!s->tcp) {
		session_establish(s);
		return;
	}
	s->proven_by = credentials_ref(session_judges_by(s));
	s->state = SESSION_GREETING;
	signalling_greet(s);
}

void
session_greeted(struct session *s)
{
	if (session_judges_by(s) != s->proven_by)
		session_judge(s);
	if (s->state == SESSION_GREETING)
		session_establish(s);
}

void
session_step(struct session *s, const uint8_t *record, size_t len)
{
	s->busy++;
	switch (association_handshake(s->association, record, len)) {
	case ASSOCIATION_WAITING:
		session_arm(s);
		break;
	case ASSOCIATION_DONE:
		session_prove(s);
		break;
	case ASSOCIATION_FAILED:
		session_end(s, association_why(s->association));
		break;
	}
	s->busy--;
}

void
session_handshake(struct session *s, const uint8_t *record, size_t len)
{
	int alert = record_final_alert(record, len);

	/* The library would set as much aside at once, of which 2^24 - 1 bytes may be announced. It
	 * may be forged: the handshake goes on if it can. */
	if (record_announces(record, len) > ASSOCIATION_MESSAGE_MAX) {
		s->announced_too_much = true;
		return;
	}
	if (alert >= 0) {
		if (!s->grace) {
			s->alert = alert;
			s->grace = loop_now(s->loop) + ALERT_GRACE_MS;
			session_arm(s);
		}
		return;
	}
	if (record_epoch(record) == 0 && record_type(record) == RECORD_ALERT)
		return;
	if (record_type(record) == RECORD_HANDSHAKE)
		s->grace = 0;
	session_step(s, record, len);
}

static void
session_timer(void *arg)
{
	struct session *s = arg;
	mono_ms now = loop_now(s->loop);
	char text[128];

	if (s->state == SESSION_OVER) {
		session_finish(s);
	} else if (s->stream.released) {
		association_close(s->association);
		session_part(s, s->stream.released);
	} else if (s->grace && now >= s->grace) {
		snprintf(text, sizeof(text), "peer's alert: %s", association_alert_name(s->alert));
		session_end(s, text);
	} else if (s->state == SESSION_GREETING) {
		signalling_abort(s, "no CSM in time (RFC 8323 3.3)");
	} else if (now >= s->patience) {
		session_end(s, s->announced_too_much
				       ? "handshake timed out: a message of it was too large"
				       : "handshake timed out");
	} else {
		session_step(s, NULL, 0);
	}
}

/* --- making --------------------------------------------------------------------------------- */

struct session *
session_new(struct loop *l, const struct session_ops *ops, void *arg,
	const struct session_origin *origin, struct credentials *credentials)
{
	struct session *s = mem_new(sizeof(*s));

	s->loop = l;
	s->ops = ops;
	s->arg = arg;
	s->origin = origin;
	s->credentials = credentials_ref(credentials);
	s->timer = timer_new(l, session_timer, s);
	messaging_init(&s->coap, s, l);
	s->room = (struct block_room){.max_body = SESSION_BODY_MAX, .max = SESSION_BODY_MAX};
	s->coap.room = &s->room;
	return s;
}

bool
session_begin(struct session *s, struct association_setup *setup, uint32_t timeout_ms)
{
	setup->credentials = s->credentials;
	setup->server_name = s->server_name;
	setup->protocol_implied = s->path.remote.port == COAPS_PORT;
	setup->mtu = PATH_MTU - (s->path.remote.addr.family == 6 ? IPV6_HEADERS : IPV4_HEADERS);
	setup->push = session_out;
	setup->pull = s->tcp ? stream_pull : NULL;
	setup->arg = s;
	s->association = association_new(setup);
	if (!s->association) {
		session_end(s, "no association can be made with these credentials");
		return false;
	}
	s->patience = loop_now(s->loop) + timeout_ms;
	if (s->tcp)
		session_arm(s);
	if (s->tcp && !setup->server)
		return true; /* goes on when it is connected */
	s->state = SESSION_HANDSHAKE;
	if (!setup->server)
		session_step(s, NULL, 0);
	return true;
}

/* --- data ----------------------------------------------------------------------------------- */

bool
session_record(struct session *s, const uint8_t *record, size_t len)
{
	uint8_t data[DATA_MAX];
	size_t data_len = 0;
	enum association_read r;

	if (record_epoch(record) == 0)
		return false;
	r = association_read(s->association, record, len, data, sizeof(data), &data_len);
	if (r == ASSOCIATION_FOREIGN)
		return false;
	s->busy++;
	if (s->ops->heard)
		s->ops->heard(s->arg, s);
	if (s->state == SESSION_UP && r == ASSOCIATION_DATA)
		messaging_receive(&s->coap, data, data_len);
	else if (s->state == SESSION_UP)
		session_read_over(s, r);
	s->busy--;
	return true;
}

int
session_send(struct session *s, const void *message, size_t len)
{
	return s->state == SESSION_UP ? association_write(s->association, message, len) : -ENOTCONN;
}

/* --- public --------------------------------------------------------------------------------- */

bool
session_is_up(const struct session *s)
{
	return s->state == SESSION_UP;
}

const char *
session_transport_name(enum session_transport t)
{
	return t == SESSION_TCP ? "tcp" : "udp";
}

bool
session_said_farewell(const struct session *s)
{
	return s->farewell;
}

enum session_transport
session_transport(const struct session *s)
{
	return s->tcp ? SESSION_TCP : SESSION_UDP;
}

bool
session_was_resumed(const struct session *s)
{
	return s->association && association_resumed(s->association);
}

const struct peer_id *
session_peer(const struct session *s)
{
	return &s->peer;
}

const char *
session_credential(const struct session *s)
{
	return credentials_label(s->credentials);
}

const struct endpoint *
session_local(const struct session *s)
{
	return &s->path.local;
}

const struct endpoint *
session_remote(const struct session *s)
{
	return &s->path.remote;
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
	session_judge_by(s, session_judges_by(s));
}

void
session_judge_by(struct session *s, const struct credentials *c)
{
	const char *refusal;

	if (s->state != SESSION_UP && s->state != SESSION_GREETING)
		return;
	s->busy++;
	refusal = session_verdict(s, c);
	if (refusal && s->state != SESSION_OVER) {
		association_refuse(s->association);
		session_end(s, refusal);
	}
	s->busy--;
}

void
session_set_params(struct session *s, const struct coap_params *p)
{
	assert(p->ack_random_percent >= 100); /* RFC 7252 4.8.1 */
	s->coap.params = *p;
}

void
session_set_waiting_max(struct session *s, uint32_t n)
{
	assert(n <= MESSAGING_EXCHANGES_MAX);
	s->coap.exchanges_max = n;
}

size_t
session_max_message(const struct session *s)
{
	if (!s->tcp)
		return s->association ? association_max_data(s->association) : 0;
	return s->stream.peer_max < COAP_MESSAGE_MAX ? s->stream.peer_max : COAP_MESSAGE_MAX;
}

size_t
session_max_body(const struct session *s)
{
	return s->coap.room->max_body;
}

struct resumption *
session_resumption(const struct session *s)
{
	return s->was_up ? association_resumption(s->association) : NULL;
}
