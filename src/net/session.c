/*
 * The life of one association, the same for both roles: handshake, judgement, data, end
 * (RFC 9132 sections 3, 7.1, 8).
 *
 * Nothing that is not authenticated changes the state of a session that is up. During a handshake a
 * plaintext alert may be forged: it only shortens the wait, and the next handshake record of the
 * peer takes that back. Silence never ends a session.
 */
#include <assert.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "net/record.h"
#include "net/session_private.h"

enum {
	ALERT_GRACE_MS = 1500, /* longer than the first repeat of a flight */
	DATA_MAX = 16384,
	IPV4_HEADERS = 28,
	IPV6_HEADERS = 48,
	PATH_MTU = 1280, /* RFC 9132 7.3 */
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
session_free(struct session *s)
{
	messaging_finish(&s->coap);
	timer_free(s->timer);
	dtls_free(s->dtls);
	if (!s->listener)
		udp_free(s->udp);
	credentials_unref(s->credentials);
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
	if (s->state == SESSION_UP)
		dtls_close(s->dtls);
	session_end(s, "closed");
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

static void
session_out(void *arg, const void *datagram, size_t len)
{
	struct session *s = arg;

	udp_send(s->udp, &s->path, datagram, len);
}

static void
session_arm(struct session *s)
{
	mono_ms now = loop_now(s->loop), when = now + dtls_timeout_ms(s->dtls) + 1;

	if (s->grace && s->grace < when)
		when = s->grace;
	timer_at(s->timer, s->patience < when ? s->patience : when);
}

/* The one judge (RFC 9132 8), after every handshake and every reload: first the chain, its
 * validity, revocation and name by what `c` trusts, then the owner, who knows whom it serves. The
 * library checks no certificate on a resumed handshake: a removed peer would be back by its ticket.
 * NULL, or the reason. */
static const char *
session_verdict(struct session *s, const struct credentials *c)
{
	if (!dtls_verify(s->dtls, c))
		return dtls_why(s->dtls);
	if (!dtls_identify(s->dtls, &s->peer))
		return "the peer proved no identity (RFC 9132 8)";
	return s->ops->judge ? s->ops->judge(s->arg, s) : NULL;
}

/* The handshake is done: is it who may be here? */
static void
session_prove(struct session *s)
{
	const char *refusal = session_verdict(s, s->credentials);

	if (!refusal && s->state != SESSION_OVER && s->origin->admit)
		refusal = s->origin->admit(s);
	if (s->state == SESSION_OVER)
		return;
	if (refusal) {
		dtls_refuse(s->dtls);
		session_end(s, refusal);
		return;
	}
	s->state = SESSION_UP;
	s->was_up = true;
	timer_stop(s->timer);
	if (s->origin->established)
		s->origin->established(s);
	if (s->ops->up)
		s->ops->up(s->arg, s);
}

static void
session_step(struct session *s, const uint8_t *record, size_t len)
{
	s->busy++;
	switch (dtls_handshake(s->dtls, record, len)) {
	case DTLS_WAITING:
		session_arm(s);
		break;
	case DTLS_DONE:
		session_prove(s);
		break;
	case DTLS_FAILED:
		session_end(s, dtls_why(s->dtls));
		break;
	}
	s->busy--;
}

void
session_handshake(struct session *s, const uint8_t *record, size_t len)
{
	int alert = record_final_alert(record, len);

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
	} else if (s->grace && now >= s->grace) {
		snprintf(text, sizeof(text), "peer's alert: %s", dtls_alert_name(s->alert));
		session_end(s, text);
	} else if (now >= s->patience) {
		session_end(s, "handshake timed out");
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
	return s;
}

bool
session_begin(struct session *s, struct dtls_setup *setup, uint32_t timeout_ms)
{
	setup->credentials = s->credentials;
	setup->server_name = s->server_name;
	setup->mtu = PATH_MTU - (s->path.remote.addr.family == 6 ? IPV6_HEADERS : IPV4_HEADERS);
	setup->push = session_out;
	setup->arg = s;
	s->dtls = dtls_new(setup);
	if (!s->dtls) {
		session_end(s, "no association can be made with these credentials");
		return false;
	}
	s->state = SESSION_HANDSHAKE;
	s->patience = loop_now(s->loop) + timeout_ms;
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
	enum dtls_read r;

	if (record_epoch(record) == 0)
		return false;
	r = dtls_read(s->dtls, record, len, data, sizeof(data), &data_len);
	if (r == DTLS_FOREIGN)
		return false;
	s->busy++;
	if (s->ops->heard)
		s->ops->heard(s->arg, s);
	if (s->state == SESSION_UP && r == DTLS_CLOSED) {
		dtls_close(s->dtls);
		session_end(s, dtls_why(s->dtls));
	} else if (s->state == SESSION_UP && r == DTLS_DATA) {
		messaging_receive(&s->coap, data, data_len);
	}
	s->busy--;
	return true;
}

int
session_send(struct session *s, const void *message, size_t len)
{
	return s->state == SESSION_UP ? dtls_write(s->dtls, message, len) : -ENOTCONN;
}

/* --- public --------------------------------------------------------------------------------- */

bool
session_is_up(const struct session *s)
{
	return s->state == SESSION_UP;
}

bool
session_was_resumed(const struct session *s)
{
	return s->dtls && dtls_resumed(s->dtls);
}

const struct peer_id *
session_peer(const struct session *s)
{
	return &s->peer;
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
	session_judge_by(s, s->origin->credentials ? s->origin->credentials(s) : s->credentials);
}

void
session_judge_by(struct session *s, const struct credentials *c)
{
	const char *refusal;

	if (s->state != SESSION_UP)
		return;
	s->busy++;
	refusal = session_verdict(s, c);
	if (refusal && s->state == SESSION_UP) {
		dtls_refuse(s->dtls);
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
	return s->dtls ? dtls_max_data(s->dtls) : 0;
}

struct resumption *
session_resumption(const struct session *s)
{
	return s->was_up ? dtls_resumption(s->dtls) : NULL;
}
