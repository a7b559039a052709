/*
 * A client for the interoperability tests: comes up, asks once, prints the answer, comes again with
 * its ticket.
 *
 *	echo_client [tcp:]ADDRESS:PORT SERVER-NAME PATH|- [CERTIFICATE KEY TRUST | IDENTITY
 *PSK-FILE]
 *
 * PATH "-" asks nothing: for peers that speak no CoAP.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/session.h"

struct visitor {
	struct loop *loop;
	struct dial dial;
	const char *path;
	struct resumption *ticket;
	unsigned visits;
	bool came_up;
};

static void visitor_dial(struct visitor *v);

static uint32_t
adler32(const uint8_t *bytes, size_t len)
{
	uint32_t a = 1, b = 0;

	for (size_t i = 0; i < len; i++) {
		a = (a + bytes[i]) % 65521;
		b = (b + a) % 65521;
	}
	return b << 16 | a;
}

static void
visitor_answer(void *arg, struct session *s, const struct coap_msg *response, int error)
{
	char code[5];

	(void)arg;
	if (error)
		printf("error %d\n", error);
	else
		printf("answer %s %zu bytes %08x\n", coap_code_format(response->code, code),
			response->payload_len, adler32(response->payload, response->payload_len));
	session_close(s);
}

static void
visitor_up(void *arg, struct session *s)
{
	struct visitor *v = arg;
	struct coap_msg m;

	v->came_up = true;
	printf("up %s %s\n", session_peer(s)->name, session_was_resumed(s) ? "resumed" : "full");
	if (!v->ticket)
		v->ticket = session_resumption(s);
	printf("ticket %s\n", v->ticket ? "yes" : "no");
	if (strcmp(v->path, "-") == 0) {
		session_close(s);
		return;
	}
	coap_init(&m, COAP_CON, COAP_GET);
	coap_add_text(&m, COAP_OPT_URI_PATH, v->path);
	request_send(s, &m, visitor_answer, v);
}

static void
visitor_down(void *arg, struct session *s, const char *reason)
{
	struct visitor *v = arg;

	(void)s;
	printf("down %s\n", reason);
	if (v->came_up && ++v->visits < 2)
		visitor_dial(v);
	else
		loop_stop(v->loop);
}

static void
visitor_dial(struct visitor *v)
{
	static const struct session_ops ops = {.up = visitor_up, .down = visitor_down};
	int error;

	v->dial.resume = v->ticket;
	v->dial.handshake_timeout_ms = 10000;
	if (!session_dial(v->loop, &v->dial, &ops, v, &error)) {
		printf("no socket %d\n", error);
		exit(1);
	}
}

int
main(int argc, char **argv)
{
	struct visitor v = {.loop = loop_new()};
	struct credentials_config cfg = {0};
	char why[256];
	const char *at = argc > 1 ? argv[1] : "";

	if (strncmp(at, "tcp:", 4) == 0) {
		v.dial.transport = SESSION_TCP;
		at += 4;
	}
	if ((argc != 6 && argc != 7) || endpoint_parse(at, 4646, &v.dial.remote) < 0)
		return 2;
	v.dial.server_name = argv[2];
	v.path = argv[3];
	if (argc == 7)
		cfg = (struct credentials_config){
			.certificate = argv[4], .key = argv[5], .trust = argv[6]};
	else
		cfg = (struct credentials_config){.psk_identity = argv[4], .psk_file = argv[5]};
	if (credentials_load(&cfg, &v.dial.credentials, why, sizeof(why)) == CREDENTIALS_BROKEN) {
		printf("%s\n", why);
		return 1;
	}
	visitor_dial(&v);
	loop_run(v.loop);
	resumption_free(v.ticket);
	credentials_unref(v.dial.credentials);
	return v.came_up ? 0 : 1;
}
