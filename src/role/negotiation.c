/*
 * Session configuration at the server (RFC 9132 4.5): one resource of each session, which dies with
 * it, also if the next one is resumed; never relayed. What is agreed on is in force at once, and
 * which of the two sets follows the client's mitigations.
 */
#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "role/hb.h"
#include "role/server_state.h"

/* ---- in force ---- */

void
negotiation_terms(struct dots_server *s)
{
	const struct server_setup *setup = &s->setup;
	const struct session_terms before = s->terms;

	for (int i = 0; i < SESSION_SETS; i++)
		s->terms.defaults[i] = session_params_of(&setup->heartbeat, &setup->session[i]);
	s->terms.range = setup->range ? *setup->range : session_range_default;
	s->terms.max_age = setup->config_max_age ? setup->config_max_age : UINT32_MAX;
	s->terms_changed = memcmp(&before, &s->terms, sizeof(before)) != 0;
}

static enum session_set
set_of(const struct dots_server *s, const char *client)
{
	return book_is_mitigating(s->book, client) ? SESSION_MITIGATING : SESSION_IDLE;
}

const struct session_params *
negotiation_expected(const struct dots_server *s, const char *client)
{
	return &s->terms.defaults[set_of(s, client)];
}

static void
apply(struct peer *p)
{
	p->set = set_of(p->server, p->group->client);
	hb_follow(p->session, &p->hb, &p->config.sets[p->set], loop_now(p->server->loop));
	peer_rearm(p);
}

void
negotiation_begin(struct peer *p)
{
	session_config_init(&p->config, p->server->terms.defaults);
	apply(p);
}

void
negotiation_follow(struct dots_server *s, const char *client)
{
	const struct peer_group *g = map_get(s->peers, client, strlen(client));
	enum session_set set = set_of(s, client);

	for (struct peer *p = g ? g->peers : NULL; p; p = p->next)
		if (p->set != set)
			apply(p);
}

static bool
is_reliable(const struct peer *p)
{
	return session_transport(p->session) == SESSION_TCP;
}

/* ---- what is told ---- */

/* Of GET, and of a notification; false: there is no such sid any more. */
static bool
describe(const struct peer *p, bool has_sid, uint32_t sid, struct signal_msg *ret)
{
	struct config_set sets[SESSION_SETS];

	*ret = (struct signal_msg){.has = 1ULL << SIGNAL_SIGNAL_CONFIG};
	if (has_sid && (!p->config.negotiated || sid != p->config.sid))
		return false;
	session_config_describe(&p->config, &p->server->terms, is_reliable(p), sets);
	ret->signal_config.mitigating_config = sets[SESSION_MITIGATING];
	ret->signal_config.idle_config = sets[SESSION_IDLE];
	ret->signal_config.has = 1ULL << SIGNAL_MITIGATING_CONFIG | 1ULL << SIGNAL_IDLE_CONFIG;
	return true;
}

/* RFC 7641 4.2: an error is the last one. Confirmable, as all that is said of a configuration is
 * (4.5). */
static void
notify(struct peer *p)
{
	struct config_observer *o = &p->config_observer;
	struct signal_msg msg;
	struct answer_body body = {.code = COAP_205_CONTENT,
		.msg = &msg,
		.max_age = p->server->terms.max_age,
		.has_observe = true};
	struct coap_msg m;
	struct buf out;

	if (!o->on)
		return;
	body.observe = o->sequence = (o->sequence + 1) & 0xffffff;
	if (!describe(p, o->has_sid, o->sid, &msg)) {
		body = (struct answer_body){.code = COAP_404_NOT_FOUND,
			.text = "RFC 9132 4.5.2: no configuration has that sid any more"};
		o->on = false;
	}
	buf_init(&out, session_max_body(p->session));
	answer_build(&m, &body, &out);
	m.type = COAP_CON;
	session_notify(p->session, o->token, o->token_len, &m);
	buf_finish(&out);
}

void
negotiation_rebase(struct peer *p)
{
	session_config_rebase(&p->config, p->server->terms.defaults);
	apply(p);
	if (p->server->terms_changed)
		notify(p);
}

void
negotiation_forget(struct peer *p, const uint8_t *token, size_t len)
{
	struct config_observer *o = &p->config_observer;

	if (o->on && o->token_len == len && !memcmp(o->token, token, len))
		o->on = false;
}

/* Room for one: a second one is answered as a plain GET (RFC 7641 4.1). */
static bool
observe(struct request *r)
{
	struct config_observer *o = &r->peer->config_observer;
	uint32_t observe = 2;

	if (!coap_get_uint(r->msg, COAP_OPT_OBSERVE, &observe))
		return false;
	if (observe == 1)
		negotiation_forget(r->peer, r->msg->token, r->msg->token_len);
	if (observe != 0 || (o->on && (o->token_len != r->msg->token_len ||
					      memcmp(o->token, r->msg->token, o->token_len) != 0)))
		return false;
	o->on = true;
	o->token_len = r->msg->token_len;
	memcpy(o->token, r->msg->token, o->token_len);
	o->has_sid = r->path.has_sid;
	o->sid = r->path.sid;
	o->sequence = (o->sequence + 1) & 0xffffff;
	return true;
}

/* ---- requests ---- */

void
negotiation_get(struct request *r)
{
	struct signal_msg *msg = arena_alloc(r->arena, 1, sizeof(*msg));
	struct answer_body body = {
		.code = COAP_205_CONTENT, .msg = msg, .max_age = r->server->terms.max_age};
	struct verdict v;

	if (!describe(r->peer, r->path.has_sid, r->path.sid, msg)) {
		v = verdict_of(COAP_404_NOT_FOUND,
			"RFC 9132 4.5.2: no configuration of this session has sid %u", r->path.sid);
		signal_refuse(r, &v);
		return;
	}
	body.has_observe = observe(r);
	body.observe = r->peer->config_observer.sequence;
	answer_now(r->ex, &body);
}

static void
raise_config(struct peer *p, const char *reason)
{
	char mitigating[SESSION_PARAMS_TEXT_MAX], idle[SESSION_PARAMS_TEXT_MAX];
	const char *untold;

	if (event_quota_take(&p->group->idle, loop_now(p->server->loop), &untold))
		event_raise(EVENT_SESSION_CONFIG, EVENT_F("role", "server"),
			EVENT_F("peer", p->group->client), EVENT_N("sid", p->config.sid),
			EVENT_F("mitigating",
				session_params_format(
					&p->config.sets[SESSION_MITIGATING], mitigating)),
			EVENT_F("idle", session_params_format(&p->config.sets[SESSION_IDLE], idle)),
			EVENT_F("reason", reason), EVENT_F("untold", untold));
}

/* The two sets of a body; a set that is left out is empty. */
static struct verdict
read_sets(struct request *r, struct config_set ret[static SESSION_SETS])
{
	struct signal_msg *msg = arena_alloc(r->arena, 1, sizeof(*msg));
	struct schema_error err;

	if (!r->msg->payload)
		return verdict_of(COAP_400_BAD_REQUEST, "RFC 9132 4.5.2: the body is missing");
	if (signal_decode(r->arena, r->msg->payload, r->msg->payload_len, msg, &err) != 0)
		return verdict_of(COAP_400_BAD_REQUEST, "RFC 9132 6: %s", err.why);
	if (!(msg->has & 1ULL << SIGNAL_SIGNAL_CONFIG))
		return verdict_of(COAP_400_BAD_REQUEST, "RFC 9132 4.5.2: signal-config is missing");
	ret[SESSION_MITIGATING] = msg->signal_config.mitigating_config;
	ret[SESSION_IDLE] = msg->signal_config.idle_config;
	return verdict_of(COAP_204_CHANGED, "%s", "");
}

void
negotiation_put(struct request *r)
{
	struct peer *p = r->peer;
	struct config_set asked[SESSION_SETS];
	struct verdict v = read_sets(r, asked);

	if (verdict_ok(&v) && !r->path.has_sid)
		v = verdict_of(COAP_400_BAD_REQUEST, "RFC 9132 4.5.2: Uri-Path sid is missing");
	if (verdict_ok(&v))
		v = session_config_put(
			&p->config, &r->server->terms, is_reliable(p), r->path.sid, asked);
	if (!verdict_ok(&v)) {
		signal_refuse(r, &v);
		return;
	}
	apply(p);
	raise_config(p, "negotiated");
	answer_verdict(r->ex, &v);
	notify(p);
}

void
negotiation_delete(struct request *r)
{
	struct peer *p = r->peer;
	struct answer_body body = {.code = COAP_202_DELETED};
	bool meant = p->config.negotiated && (!r->path.has_sid || r->path.sid == p->config.sid);

	if (meant) {
		session_config_init(&p->config, r->server->terms.defaults);
		apply(p);
		raise_config(p, "deleted");
	}
	answer_now(r->ex, &body);
	if (meant)
		notify(p);
}
