/*
 * What is negotiated with a server for the current session (RFC 9132 4.5): asked for when nothing
 * is urgent, refreshed before its time is over but never under attack (4.5.3), and in force at our
 * end, too. A server that does not negotiate costs nothing but the question.
 */
#include <errno.h>
#include <stdio.h>
#include <string.h>

#include "base/event.h"
#include "base/mem.h"
#include "role/hb.h"
#include "role/upstream_private.h"

enum {
	DEFAULT_MAX_AGE_S = 60, /* RFC 7252 5.10.5, RFC 9132 4.5.3 */
	AGAIN_S = 300,          /* after silence, or an error that may pass */
	BODY_MAX = 512,
	SUCCESS_CLASS = 2,
	SERVER_ERROR_CLASS = 5,
};

/* ---- in force ---- */

/* Before a server has said anything, and where it says nothing. */
static void
own_params(const struct domain *d, struct session_params ret[static SESSION_SETS])
{
	for (int s = 0; s < SESSION_SETS; s++)
		ret[s] = session_params_of(&d->heartbeat, &d->session[s]);
}

static void
follow(struct upstream *u)
{
	struct bargain *b = &u->bargain;

	if (!u->session[CURRENT])
		return;
	hb_follow(u->session[CURRENT], &u->hb, &b->config.sets[b->set], loop_now(u->cx.loop));
	upstream_session_hb_rearm(u);
}

static void
adopt(struct upstream *u, const struct session_config *c)
{
	u->bargain.config = *c;
	follow(u);
}

/* The same is said once, over sessions. */
static void
tell(struct upstream *u, uint8_t code, const char *reason)
{
	struct bargain *b = &u->bargain;
	char mitigating[SESSION_PARAMS_TEXT_MAX], idle[SESSION_PARAMS_TEXT_MAX],
		code_text[5] = "", text[BARGAIN_TEXT_MAX];

	session_params_format(&b->config.sets[SESSION_MITIGATING], mitigating);
	session_params_format(&b->config.sets[SESSION_IDLE], idle);
	snprintf(text, sizeof(text), "%s|%s|%s", mitigating, idle, reason);
	if (!strcmp(text, b->told))
		return;
	memcpy(b->told, text, sizeof(text));
	event_raise(EVENT_SESSION_CONFIG, EVENT_F("role", "client"),
		EVENT_F("domain", u->domain->name), EVENT_F("server", u->with),
		EVENT_F("behalf", u->cx.behalf), EVENT_N("sid", b->config.sid),
		EVENT_F("mitigating", mitigating), EVENT_F("idle", idle),
		EVENT_F("code", code ? coap_code_format(code, code_text) : NULL),
		EVENT_F("reason", reason));
}

/* ---- what happens next ---- */

static void
wait_for(struct upstream *u, mono_ms due)
{
	u->bargain.due = due;
	if (due == INT64_MAX)
		timer_stop(u->bargain.timer);
	else
		timer_at(u->bargain.timer, due);
}

static void
ask_now(struct upstream *u)
{
	wait_for(u, loop_now(u->cx.loop));
}

/* A whole quarter before the end: there are losses, and repeats. Without Max-Age each 60 s. */
static mono_ms
refresh_at(const struct upstream *u, const struct coap_msg *m)
{
	mono_ms now = loop_now(u->cx.loop);
	uint32_t max_age = 0;

	if (!coap_get_uint(m, COAP_OPT_MAX_AGE, &max_age) || !max_age)
		return now + (mono_ms)DEFAULT_MAX_AGE_S * 1000;
	return max_age == UINT32_MAX ? INT64_MAX : now + (mono_ms)max_age * 750;
}

/* NULL: no answer. */
static bool
may_pass(const struct coap_msg *m)
{
	return !m || coap_class(m->code) == SERVER_ERROR_CLASS ||
	       m->code == COAP_429_TOO_MANY_REQUESTS;
}

/* It goes on with what is in force. What a server does not have is not asked for again on this
 * session. */
static void
go_without(struct upstream *u, const struct coap_msg *m)
{
	uint32_t again_s = AGAIN_S, max_age = 0;

	if (m && coap_get_uint(m, COAP_OPT_MAX_AGE, &max_age) && max_age > again_s)
		again_s = max_age;
	wait_for(u, may_pass(m) ? loop_now(u->cx.loop) + (mono_ms)again_s * 1000 : INT64_MAX);
	tell(u, m ? m->code : 0, m ? "not negotiated" : "no answer");
}

/* ---- answers ---- */

/* False: that is no configuration. */
static bool
read_told(const struct coap_msg *m, struct config_set ret[static SESSION_SETS])
{
	struct arena *a = arena_new();
	struct signal_msg *msg = arena_alloc(a, 1, sizeof(*msg));
	struct schema_error err;
	bool good = m->code == COAP_205_CONTENT && m->payload &&
		    signal_decode(a, m->payload, m->payload_len, msg, &err) == 0 &&
		    msg->has & 1ULL << SIGNAL_SIGNAL_CONFIG;

	if (good) {
		ret[SESSION_MITIGATING] = msg->signal_config.mitigating_config;
		ret[SESSION_IDLE] = msg->signal_config.idle_config;
	}
	arena_free(a);
	return good;
}

/* Until it is to be refreshed, unless there is something left to ask for. */
static void
settle(struct upstream *u)
{
	const struct bargain *b = &u->bargain;

	if (b->offers || (b->reset && b->config.negotiated))
		ask_now(u);
	else
		wait_for(u, b->refresh);
}

static void
take_told(struct upstream *u, const struct coap_msg *m,
	const struct config_set told[static SESSION_SETS])
{
	struct bargain *b = &u->bargain;
	struct session_params own[SESSION_SETS];
	struct session_config now;
	uint64_t clamped;

	own_params(u->domain, own);
	session_config_told(&now, own, told);
	now.negotiated = b->config.negotiated;
	now.sid = b->config.sid;
	b->offers = session_config_ask(u->domain->session, told, b->offer, &clamped) && !b->refused;
	b->clamped = b->clamped || clamped;
	adopt(u, &now);
	b->refresh = refresh_at(u, m);
	settle(u);
	if (b->offers)
		return;
	if (!b->config.negotiated && memcmp(now.sets, own, sizeof(own)) != 0)
		tell(u, 0, b->clamped ? "as near as the server takes" : "told by the server");
}

/* Whether the answer is one, and of use; else what follows is arranged. */
static bool
is_answer(struct upstream *u, const struct session *s, const struct coap_msg *m, int error)
{
	u->bargain.handle = 0;
	if (s != u->session[CURRENT] || error == -ECANCELED)
		return false;
	if (m && upstream_redirect_take(u, m, false)) {
		wait_for(u, INT64_MAX); /* there it is negotiated anew */
		return false;
	}
	if (m) /* at the longest: it may have been sent again */
		pacing_measured(&u->pacing, loop_now(u->cx.loop) - u->bargain.asked);
	else
		go_without(u, NULL);
	return m != NULL;
}

static void
on_told(void *arg, struct session *s, const struct coap_msg *m, int error)
{
	struct upstream *u = arg;
	struct bargain *b = &u->bargain;
	struct config_set told[SESSION_SETS];

	if (!is_answer(u, s, m, error))
		return;
	if (read_told(m, told)) {
		take_told(u, m, told);
	} else if (m->code == COAP_404_NOT_FOUND && b->config.negotiated) {
		b->config.negotiated = false; /* it has lost it: negotiated anew (4.6) */
		ask_now(u);
	} else {
		go_without(u, m);
	}
}

static void
on_taken(void *arg, struct session *s, const struct coap_msg *m, int error)
{
	struct upstream *u = arg;
	struct bargain *b = &u->bargain;

	if (!is_answer(u, s, m, error))
		return;
	b->offers = false;
	if (coap_class(m->code) == SUCCESS_CLASS) {
		session_config_agreed(&b->config, b->sid, b->offer);
		follow(u);
		settle(u);
		tell(u, m->code, b->clamped ? "as near as the server takes" : "negotiated");
	} else if (m->code == COAP_422_UNPROCESSABLE_ENTITY && !b->again) {
		b->again = true; /* its ranges may be others now (4.5.2) */
		ask_now(u);
	} else {
		b->refused = !may_pass(m);
		go_without(u, m);
		if (b->refresh < b->due) /* what was told has its time all the same (4.5.3) */
			wait_for(u, b->refresh);
	}
}

static void
on_deleted(void *arg, struct session *s, const struct coap_msg *m, int error)
{
	struct upstream *u = arg;

	if (!is_answer(u, s, m, error))
		return;
	u->bargain.config.negotiated = u->bargain.reset = false;
	ask_now(u);
}

/* ---- questions ---- */

static void
send_request(struct upstream *u, uint8_t method, bool with_sid, const struct buf *body,
	response_cb answered)
{
	struct path path = {.resource = PATH_CONFIG,
		.has_sid = with_sid,
		.sid = u->bargain.sid,
		.content = 'a'};
	char storage[PATH_STORAGE];
	struct coap_msg m;

	coap_init(&m, COAP_CON, method);
	path_add(&m, &path, storage);
	if (body) {
		coap_add_uint(&m, COAP_OPT_CONTENT_FORMAT, COAP_FORMAT_DOTS_CBOR);
		m.payload = body->bytes;
		m.payload_len = body->len;
	}
	u->bargain.handle = request_send(u->session[CURRENT], &m, answered, u);
	u->bargain.asked = loop_now(u->cx.loop);
	wait_for(u, INT64_MAX);
	if (u->bargain.handle > 0)
		return;
	u->bargain.handle = 0; /* too much is open there */
	wait_for(u, loop_now(u->cx.loop) + (mono_ms)DEFAULT_MAX_AGE_S * 1000);
}

/* It counts in seconds, like a mid: no server that knows us from before has a higher one. */
static uint32_t
next_sid(const struct upstream *u)
{
	uint32_t now_s = (uint32_t)(loop_wall() / 1000);

	return now_s > u->bargain.sid ? now_s : u->bargain.sid + 1;
}

static void
send_offer(struct upstream *u)
{
	struct bargain *b = &u->bargain;
	struct signal_msg msg = {.has = 1ULL << SIGNAL_SIGNAL_CONFIG};
	struct buf out;

	if (b->offer[SESSION_MITIGATING].has)
		msg.signal_config.has |= 1ULL << SIGNAL_MITIGATING_CONFIG;
	if (b->offer[SESSION_IDLE].has)
		msg.signal_config.has |= 1ULL << SIGNAL_IDLE_CONFIG;
	msg.signal_config.mitigating_config = b->offer[SESSION_MITIGATING];
	msg.signal_config.idle_config = b->offer[SESSION_IDLE];
	buf_init(&out, BODY_MAX);
	signal_encode(&msg, &out);
	b->sid = next_sid(u);
	send_request(u, COAP_PUT, true, &out, on_taken);
	buf_finish(&out);
}

static void
ask(struct upstream *u)
{
	struct bargain *b = &u->bargain;

	b->reset = b->reset && b->config.negotiated;
	if (b->reset)
		send_request(u, COAP_DELETE, true, NULL, on_deleted);
	else if (b->offers)
		send_offer(u);
	else
		send_request(u, COAP_GET, b->config.negotiated, NULL, on_told);
}

/* ---- life ---- */

void
upstream_config_review(struct upstream *u)
{
	struct bargain *b = &u->bargain;
	struct session *s = u->session[CURRENT];
	bool attacked;

	if (!s || !session_is_up(s))
		return;
	attacked = u->cx.ops->under_attack(u->cx.arg, u);
	if (b->set != (attacked ? SESSION_MITIGATING : SESSION_IDLE)) {
		b->set = attacked ? SESSION_MITIGATING : SESSION_IDLE;
		follow(u);
	}
	if (attacked && b->handle) { /* RFC 9132 4.5.3 */
		request_cancel(s, b->handle);
		b->handle = 0;
		b->due = loop_now(u->cx.loop);
	}
	if (!attacked && !u->requests && !b->handle && b->due <= loop_now(u->cx.loop))
		ask(u);
}

void
upstream_config_due(void *arg)
{
	upstream_config_review(arg);
}

void
upstream_config_begin(struct upstream *u)
{
	struct bargain *b = &u->bargain;
	struct session_params own[SESSION_SETS];
	struct session_config fresh;

	own_params(u->domain, own);
	session_config_init(&fresh, own);
	b->handle = 0;
	b->offers = b->again = b->refused = b->clamped = b->reset = false;
	adopt(u, &fresh);
	ask_now(u);
}

void
upstream_config_lost(struct upstream *u)
{
	u->bargain.handle = 0;
	timer_stop(u->bargain.timer);
}

static bool
wants_the_same(const struct domain *a, const struct domain *b)
{
	return !memcmp(&a->heartbeat, &b->heartbeat, sizeof(a->heartbeat)) &&
	       !memcmp(a->session, b->session, sizeof(a->session));
}

void
upstream_config_rebind(struct upstream *u, const struct domain *to)
{
	struct bargain *b = &u->bargain;
	struct session_params own[SESSION_SETS];

	if (wants_the_same(u->domain, to))
		return;
	own_params(to, own);
	if (!b->config.negotiated)
		session_config_init(&b->config, own);
	follow(u);
	b->reset = true;
	b->offers = b->again = b->refused = b->clamped = false;
	if (!b->handle && u->session[CURRENT])
		ask_now(u);
}
