#include "role/hb.h"

#include "wire/path.h"
#include "wire/signal.h"

int64_t
hb_send(struct session *s, bool peer_hb_status, response_cb answered, void *arg)
{
	struct signal_msg body = {.has = 1ULL << SIGNAL_HEARTBEAT};
	struct path path = {.resource = PATH_HB, .content = 'a'};
	char storage[4 * (PATH_ID_MAX + 8)];
	struct coap_msg m;
	struct buf out;
	int64_t handle;

	body.heartbeat.has = 1ULL << HEARTBEAT_PEER_HB_STATUS;
	body.heartbeat.peer_hb_status = peer_hb_status;
	buf_init(&out, 64);
	signal_encode(&body, &out);
	coap_init(&m, COAP_NON, COAP_PUT);
	path_add(&m, &path, storage);
	coap_add_uint(&m, COAP_OPT_CONTENT_FORMAT, COAP_FORMAT_DOTS_CBOR);
	m.payload = out.bytes;
	m.payload_len = out.len;
	handle = request_send(s, &m, answered, arg);
	buf_finish(&out);
	return handle;
}

void
hb_follow(struct session *s, struct heartbeat *hb, const struct session_params *p, mono_ms now)
{
	const struct heartbeat_config beats = {p->heartbeat_ms, p->missing_hb_allowed};
	const struct coap_params coap = {
		10 * p->ack_timeout, p->ack_random_factor, p->max_retransmit};

	heartbeat_configure(hb, &beats, now);
	session_set_params(s, &coap);
}
