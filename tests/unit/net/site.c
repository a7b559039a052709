/*
 * See site.h.
 */
#include "site.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"

enum { CHUNK = 16384 };

struct site_end {
	struct site *site;
	int fd;
	struct watch *watch;
	gnutls_session_t tls;
	bool up, over, endless;
	unsigned requests;
	size_t begun; /* of the site's text, where its own begins */
	char *out;
	size_t out_len;
};

static void
end_over(struct site_end *e)
{
	if (e->over)
		return;
	e->over = true;
	e->site->over++;
	watch_free(e->watch);
	e->watch = NULL;
}

static void
end_shut(struct site_end *e, enum site_then how)
{
	const struct linger reset = {.l_onoff = 1};

	if (how == SITE_STAYS || e->over)
		return;
	if (how == SITE_CLOSES)
		gnutls_bye(e->tls, GNUTLS_SHUT_WR);
	if (how == SITE_RESETS) {
		end_over(e);
		setsockopt(e->fd, SOL_SOCKET, SO_LINGER, &reset, sizeof(reset));
		close(e->fd);
		e->fd = -1;
	} else {
		shutdown(e->fd, SHUT_WR);
	}
}

static void
end_write(struct site_end *e)
{
	const struct site *s = e->site;

	while (!e->over && (e->out_len || e->endless)) {
		const char *bytes = e->out_len ? e->out : s->forever;
		size_t len = e->out_len ? e->out_len : strlen(s->forever);
		ssize_t n = gnutls_record_send(e->tls, bytes, len < CHUNK ? len : CHUNK);

		if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
			break;
		if (n < 0) {
			end_over(e);
			return;
		}
		e->site->sent += (size_t)n;
		if (e->out_len) {
			e->out_len -= (size_t)n;
			memmove(e->out, e->out + n, e->out_len);
		} else {
			break; /* the client has its turn */
		}
	}
	if (e->watch)
		watch_events(e->watch, LOOP_READ | (e->out_len || e->endless ? LOOP_WRITE : 0));
}

static void
end_say(struct site_end *e, const char *bytes, size_t len)
{
	e->out = mem_grow(e->out, e->out_len + len, 1);
	memcpy(e->out + e->out_len, bytes, len);
	e->out_len += len;
	end_write(e);
}

static void
end_answer(struct site_end *e)
{
	static const char good[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	struct site *s = e->site;

	s->requests++;
	if (s->on_request)
		s->on_request(s);
	if (++e->requests > s->stays || s->then == SITE_STAYS) {
		if (s->answer)
			end_say(e, s->answer, s->answer_len ? s->answer_len : strlen(s->answer));
		e->endless = s->forever;
		if (e->endless)
			end_write(e);
		end_shut(e, s->then);
	} else {
		end_say(e, good, strlen(good));
	}
}

static void
end_take(struct site_end *e, const char *bytes, size_t len)
{
	struct site *s = e->site;
	char *head;

	if (len > SITE_TEXT_MAX - 1 - s->len)
		len = SITE_TEXT_MAX - 1 - s->len;
	memcpy(s->text + s->len, bytes, len);
	s->len += len;
	s->text[s->len] = 0;
	while (!e->over && (head = strstr(s->text + e->begun, "\r\n\r\n"))) {
		e->begun = (size_t)(head - s->text) + 4;
		end_answer(e);
	}
}

static void
end_read(struct site_end *e)
{
	char bytes[CHUNK];

	while (!e->over) {
		ssize_t n = gnutls_record_recv(e->tls, bytes, sizeof(bytes));

		if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
			return;
		if (n == GNUTLS_E_FATAL_ALERT_RECEIVED)
			e->site->alert = (int)gnutls_alert_get(e->tls);
		if (n > 0)
			end_take(e, bytes, (size_t)n);
		else
			end_over(e);
	}
}

static void
end_note(struct site_end *e)
{
	struct site *s = e->site;
	size_t len = sizeof(s->sni) - 1;
	unsigned type, n;

	e->up = true;
	s->handshakes++;
	s->resumed += gnutls_session_is_resumed(e->tls) != 0;
	strcpy(s->sni, "-");
	if (gnutls_server_name_get(e->tls, s->sni, &len, &type, 0) == 0)
		s->sni[len] = 0;
	s->shown = gnutls_certificate_get_peers(e->tls, &n) != NULL;
	if (s->closes_quiet)
		end_shut(e, SITE_CLOSES);
}

static void
end_event(void *arg, int events)
{
	struct site_end *e = arg;
	int r;

	(void)events;
	if (!e->up) {
		r = gnutls_handshake(e->tls);
		if (r == GNUTLS_E_FATAL_ALERT_RECEIVED)
			e->site->alert = (int)gnutls_alert_get(e->tls);
		if (r < 0 && gnutls_error_is_fatal(r)) {
			(void)gnutls_alert_send_appropriate(e->tls, r);
			shutdown(e->fd, SHUT_WR);
			end_over(e);
		}
		if (r < 0)
			return;
		end_note(e);
	}
	end_read(e);
	end_write(e);
}

/* The client's key of good.psk. */
static int
site_psk(gnutls_session_t tls, const char *identity, gnutls_datum_t *key)
{
	(void)tls;
	(void)identity;
	key->size = 16;
	key->data = gnutls_malloc(16);
	for (unsigned i = 0; i < 16; i++)
		key->data[i] = (unsigned char)i;
	return 0;
}

static void
site_accept(void *arg, int events)
{
	struct site *s = arg;
	struct sockaddr_storage ss;
	socklen_t len = sizeof(ss);
	struct site_end *e = mem_new(sizeof(*e));

	(void)events;
	e->site = s;
	e->begun = s->len;
	e->fd = accept4(s->fd, (struct sockaddr *)&ss, &len, SOCK_CLOEXEC | SOCK_NONBLOCK);
	assert_true(e->fd >= 0);
	assert_int_equal(endpoint_from_sockaddr((struct sockaddr *)&ss, &s->remote), 0);
	assert_true(s->connections < SITE_ENDS_MAX);
	s->ends[s->connections++] = e;
	assert_int_equal(
		gnutls_init(&e->tls, GNUTLS_SERVER | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL), 0);
	assert_int_equal(
		gnutls_priority_set_direct(e->tls, s->priority ? s->priority : "NORMAL", NULL), 0);
	gnutls_credentials_set(e->tls, GNUTLS_CRD_CERTIFICATE, s->credentials);
	gnutls_credentials_set(e->tls, GNUTLS_CRD_PSK, s->psk);
	gnutls_certificate_server_set_request(e->tls, GNUTLS_CERT_REQUEST);
	gnutls_session_ticket_enable_server(e->tls, &s->ticket_key);
	gnutls_transport_set_int(e->tls, e->fd);
	if (!s->mute)
		e->watch = watch_new(s->loop, e->fd, LOOP_READ, end_event, e);
}

void
site_start_at(struct site *s, struct loop *l, const char *certificate, const char *priority,
	const char *address)
{
	struct sockaddr_storage ss;
	socklen_t len;

	memset(s, 0, sizeof(*s));
	s->loop = l;
	s->priority = priority;
	s->alert = -1;
	s->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	assert_int_equal(endpoint_parse(address, 0, &s->at), 0);
	len = endpoint_to_sockaddr(&s->at, &ss);
	assert_int_equal(bind(s->fd, (struct sockaddr *)&ss, len), 0);
	assert_int_equal(listen(s->fd, 16), 0);
	assert_int_equal(getsockname(s->fd, (struct sockaddr *)&ss, &len), 0);
	assert_int_equal(endpoint_from_sockaddr((struct sockaddr *)&ss, &s->at), 0);
	s->watch = watch_new(l, s->fd, LOOP_READ, site_accept, s);
	assert_int_equal(gnutls_certificate_allocate_credentials(&s->credentials), 0);
	assert_int_equal(
		gnutls_certificate_set_x509_key_file(s->credentials, pki_path(certificate, ".crt"),
			pki_path(certificate, ".key"), GNUTLS_X509_FMT_PEM),
		0);
	assert_int_equal(gnutls_psk_allocate_server_credentials(&s->psk), 0);
	gnutls_psk_set_server_credentials_function(s->psk, site_psk);
	assert_int_equal(gnutls_session_ticket_key_generate(&s->ticket_key), 0);
}

void
site_start(struct site *s, struct loop *l, const char *certificate, const char *priority)
{
	site_start_at(s, l, certificate, priority, "127.0.0.1");
}

void
site_stop(struct site *s)
{
	for (unsigned i = 0; i < s->connections; i++) {
		struct site_end *e = s->ends[i];

		watch_free(e->watch);
		gnutls_deinit(e->tls);
		if (e->fd >= 0)
			close(e->fd);
		free(e->out);
		free(e);
	}
	watch_free(s->watch);
	close(s->fd);
	gnutls_certificate_free_credentials(s->credentials);
	gnutls_psk_free_server_credentials(s->psk);
	gnutls_free(s->ticket_key.data);
}

void
site_say(struct site *s, const char *bytes, size_t len)
{
	end_say(s->ends[s->connections - 1], bytes, len);
}

void
site_end(struct site *s, enum site_then how)
{
	end_shut(s->ends[s->connections - 1], how);
}

bool
site_has(const struct site *s, const char *text)
{
	return strstr(s->text, text);
}
