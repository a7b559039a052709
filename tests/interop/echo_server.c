/*
 * A server for the interoperability tests: answers GET and PUT on any path with text, of "large"
 *with one of 20000 bytes that is another one each time, observes on demand, and says on standard
 *output who comes and goes.
 *
 *	echo_server ADDRESS:PORT [CERTIFICATE KEY TRUST] [IDENTITY PSK-FILE]
 */
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "net/session.h"

enum { NOTIFY_MS = 200, LARGE = 20000 };

struct echo {
	struct loop *loop;
	const char *identity, *psk_file;
	struct timer *notify;
	struct session *observer;
	uint8_t token[COAP_TOKEN_MAX];
	size_t token_len;
	uint32_t sequence;
	unsigned version; /* of the large text */
};

__attribute__((format(printf, 1, 2))) static void
say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	printf("\n");
	fflush(stdout);
}

static void
echo_up(void *arg, struct session *s)
{
	const struct peer_id *p = session_peer(s);

	(void)arg;
	say("up %s %s %s", p->kind == PEER_PSK ? "psk" : "certificate", p->name,
		session_was_resumed(s) ? "resumed" : "full");
}

static void
echo_down(void *arg, struct session *s, const char *reason)
{
	struct echo *e = arg;

	if (e->observer == s)
		e->observer = NULL;
	say("down %s", reason);
}

static void
echo_fill(struct coap_msg *m, const char *text)
{
	coap_add_uint(m, COAP_OPT_CONTENT_FORMAT, COAP_FORMAT_TEXT);
	m->payload = (const uint8_t *)text;
	m->payload_len = strlen(text);
}

static void
echo_notify(void *arg)
{
	struct echo *e = arg;
	struct coap_msg m;

	if (!e->observer)
		return;
	coap_init(&m, COAP_NON, COAP_205_CONTENT);
	coap_add_uint(&m, COAP_OPT_OBSERVE, ++e->sequence);
	echo_fill(&m, "notification");
	session_notify(e->observer, e->token, e->token_len, &m);
	timer_after(e->notify, NOTIFY_MS);
}

static void
echo_gone(void *arg, struct session *s, const uint8_t *token, size_t len)
{
	struct echo *e = arg;

	(void)s;
	(void)token;
	(void)len;
	e->observer = NULL;
	say("observer gone");
}

static bool
echo_is_large(const struct coap_msg *req)
{
	const struct coap_option *o = coap_find(req, COAP_OPT_URI_PATH);

	return o && o->len == 5 && !memcmp(o->value, "large", 5);
}

/* Numbered lines, each with the version. */
static void
echo_large(struct echo *e, char text[static LARGE + 1])
{
	size_t n = 0;

	e->version++;
	for (unsigned line = 0; n < LARGE; line++)
		n += (size_t)snprintf(
			text + n, LARGE + 1 - n, "version %u line %u\n", e->version, line);
}

static void
echo_request(void *arg, struct session *s, struct exchange *ex, const struct coap_msg *req)
{
	struct echo *e = arg;
	struct coap_msg m;
	char text[LARGE + 1];
	uint32_t observe = 1;

	say("request %s %u", req->type == COAP_CON ? "con" : "non", req->code);
	coap_init(&m, COAP_NON, req->code == COAP_GET ? COAP_205_CONTENT : COAP_204_CHANGED);
	if (coap_get_uint(req, COAP_OPT_OBSERVE, &observe) && observe == 0) {
		e->observer = s;
		e->token_len = req->token_len;
		memcpy(e->token, req->token, req->token_len);
		coap_add_uint(&m, COAP_OPT_OBSERVE, ++e->sequence);
		timer_after(e->notify, NOTIFY_MS);
	}
	if (req->code == COAP_GET && echo_is_large(req))
		echo_large(e, text);
	else if (req->code == COAP_GET)
		snprintf(text, sizeof(text), "hello from dotsd");
	else
		snprintf(text, sizeof(text), "got %zu bytes", req->payload_len);
	echo_fill(&m, text);
	exchange_respond(ex, &m);
}

static int
echo_psk(void *arg, const char *identity, uint8_t *key, size_t *inout_len)
{
	const struct echo *e = arg;
	char why[256];

	if (strcmp(identity, e->identity) != 0)
		return -1;
	return credentials_read_psk(e->psk_file, key, inout_len, why, sizeof(why));
}

static struct credentials *
load(char **argv)
{
	struct credentials_config cfg = {.certificate = argv[0], .key = argv[1], .trust = argv[2]};
	struct credentials *c = NULL;
	char why[256];

	if (credentials_load(&cfg, &c, why, sizeof(why)) == CREDENTIALS_BROKEN) {
		fprintf(stderr, "%s\n", why);
		exit(1);
	}
	return c;
}

int
main(int argc, char **argv)
{
	static const struct session_ops ops = {
		.up = echo_up,
		.down = echo_down,
		.request = echo_request,
		.observer_gone = echo_gone,
	};
	struct echo e = {.loop = loop_new()};
	struct listen_socket sock = {0};
	struct listener_config cfg = {.sockets = &sock, .n_sockets = 1};
	char why[256];
	bool x509 = argc == 5 || argc == 7, psk = argc == 4 || argc == 7;

	if ((!x509 && !psk) || endpoint_parse(argv[1], 4646, &sock.local) < 0)
		return 2;
	if (x509)
		cfg.credentials = load(argv + 2);
	if (psk) {
		e.identity = argv[argc - 2];
		e.psk_file = argv[argc - 1];
		cfg.psk = echo_psk;
	}
	e.notify = timer_new(e.loop, echo_notify, &e);
	if (!listener_new(e.loop, &cfg, &ops, &e, why, sizeof(why))) {
		fprintf(stderr, "%s\n", why);
		return 1;
	}
	say("listening");
	loop_run(e.loop);
	return 0;
}
