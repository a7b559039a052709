/*
 * See table.h.
 */
#include "table.h"

void
table_start_limited(struct table *t, const struct listener_config *limits)
{
	struct credentials *c = harness_credentials("client", "ca");
	struct listener_config cfg = *limits;

	memset(t, 0, sizeof(*t));
	cfg.credentials = harness_credentials("server", "ca");
	t->loop = loop_new();
	t->listener = harness_listen(t->loop, "127.0.0.1", &cfg, &t->side, &t->at);
	credentials_unref(cfg.credentials);
	t->raw = raw_new(t->loop, &t->at, NULL, c);
	credentials_unref(c);
	WAIT(t->loop, raw_is_up(t->raw) && t->side.ups == 1);
	t->s = t->side.session;
	session_set_params(t->s, &(struct coap_params){40, 100, 12});
}

void
table_start(struct table *t)
{
	table_start_limited(t, &(struct listener_config){0});
}

void
table_stop(struct table *t)
{
	listener_free(t->listener);
	raw_free(t->raw);
	loop_free(t->loop);
}

struct coap_msg
message(enum coap_type type, uint8_t code, uint16_t id)
{
	struct coap_msg m;

	coap_init(&m, type, code);
	m.id = id;
	if (code != COAP_EMPTY) {
		m.token_len = 4;
		memcpy(m.token, "tokn", 4);
	}
	return m;
}

void
send_message(struct table *t, enum coap_type type, uint8_t code, uint16_t id)
{
	struct coap_msg m = message(type, code, id);

	raw_send_msg(t->raw, &m);
}

const struct coap_msg *
came(struct table *t, unsigned i)
{
	WAIT(t->loop, raw_count(t->raw) > i);
	return raw_msg(t->raw, i);
}
