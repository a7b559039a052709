/*
 * See visitor.h.
 */
#include "visitor.h"

#include <errno.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"

struct visitor {
	int fd;
	struct watch *watch;
	gnutls_session_t tls;
	gnutls_certificate_credentials_t credentials;
	bool up, over, deaf;
	int error, alert;
	char *out, *in;
	size_t out_len, in_len;
};

static void
visitor_end(struct visitor *w, int error)
{
	w->over = true;
	w->error = error;
	if (error == GNUTLS_E_FATAL_ALERT_RECEIVED)
		w->alert = (int)gnutls_alert_get(w->tls);
	watch_free(w->watch);
	w->watch = NULL;
}

static void
visitor_write(struct visitor *w)
{
	while (w->up && w->out_len) {
		ssize_t n = gnutls_record_send(w->tls, w->out, w->out_len);

		if (n == GNUTLS_E_AGAIN)
			break;
		if (n < 0) {
			w->out_len = 0; /* how it ended is for reading to say */
			break;
		}
		w->out_len -= (size_t)n;
		memmove(w->out, w->out + n, w->out_len);
	}
	if (w->watch)
		watch_events(w->watch,
			(w->deaf ? 0 : LOOP_READ) | (w->up && w->out_len ? LOOP_WRITE : 0));
}

static void
visitor_read(struct visitor *w)
{
	char bytes[16384];

	while (!w->deaf && !w->over) {
		ssize_t n = gnutls_record_recv(w->tls, bytes, sizeof(bytes));

		if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
			return;
		if (n <= 0) {
			visitor_end(w, (int)n);
			return;
		}
		w->in = mem_grow(w->in, w->in_len + (size_t)n + 1, 1);
		memcpy(w->in + w->in_len, bytes, (size_t)n);
		w->in_len += (size_t)n;
		w->in[w->in_len] = 0;
	}
}

static void
visitor_event(void *arg, int events)
{
	struct visitor *w = arg;
	int r;

	(void)events;
	if (!w->up) {
		r = gnutls_handshake(w->tls);
		if (r < 0 && gnutls_error_is_fatal(r))
			visitor_end(w, r);
		if (r < 0)
			return;
		w->up = true;
	}
	visitor_read(w);
	if (!w->over)
		visitor_write(w);
}

static int
visitor_connect(const struct endpoint *to, const struct visitor_setup *setup)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage ss;
	struct endpoint from;
	socklen_t len;

	assert_true(fd >= 0);
	if (setup->receive_buffer) {
		int size = (int)setup->receive_buffer;

		setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof(size));
	}
	if (setup->source) {
		assert_int_equal(endpoint_parse(setup->source, 0, &from), 0);
		len = endpoint_to_sockaddr(&from, &ss);
		assert_int_equal(bind(fd, (struct sockaddr *)&ss, len), 0);
	}
	len = endpoint_to_sockaddr(to, &ss);
	assert_int_equal(connect(fd, (struct sockaddr *)&ss, len), 0);
	return fd;
}

static void
visitor_negotiate(struct visitor *w, const struct visitor_setup *setup)
{
	const char *priority = setup->priority ? setup->priority : "NORMAL";

	assert_int_equal(gnutls_certificate_allocate_credentials(&w->credentials), 0);
	if (setup->certificate)
		assert_int_equal(gnutls_certificate_set_x509_key_file(w->credentials,
					 pki_path(setup->certificate, ".crt"),
					 pki_path(setup->certificate, ".key"), GNUTLS_X509_FMT_PEM),
			0);
	/* It shows its certificate whatever CAs the server names. */
	assert_int_equal(
		gnutls_init(&w->tls, GNUTLS_CLIENT | GNUTLS_NONBLOCK | GNUTLS_NO_SIGNAL |
					     GNUTLS_FORCE_CLIENT_CERT | GNUTLS_ENABLE_RAWPK |
					     (setup->early ? GNUTLS_ENABLE_EARLY_DATA : 0)),
		0);
	assert_int_equal(gnutls_priority_set_direct(w->tls, priority, NULL), 0);
	gnutls_credentials_set(w->tls, GNUTLS_CRD_CERTIFICATE, w->credentials);
	if (setup->alpn) {
		const gnutls_datum_t name = {
			(unsigned char *)(uintptr_t)setup->alpn, (unsigned)strlen(setup->alpn)};

		gnutls_alpn_set_protocols(w->tls, &name, 1, 0);
	}
	if (setup->sni)
		gnutls_server_name_set(w->tls, GNUTLS_NAME_DNS, setup->sni, strlen(setup->sni));
	if (setup->resume.data)
		gnutls_session_set_data(w->tls, setup->resume.data, setup->resume.size);
	if (setup->early)
		(void)gnutls_record_send_early_data(w->tls, setup->early, strlen(setup->early));
	gnutls_transport_set_int(w->tls, w->fd);
	gnutls_handshake_set_timeout(w->tls, GNUTLS_INDEFINITE_TIMEOUT);
}

struct visitor *
visitor_new(struct loop *l, const struct endpoint *to, const struct visitor_setup *setup)
{
	static const struct visitor_setup plain = {.certificate = "client"};
	struct visitor *w = mem_new(sizeof(*w));

	setup = setup ? setup : &plain;
	w->alert = -1;
	w->fd = visitor_connect(to, setup);
	w->in = mem_new(1);
	w->watch = watch_new(l, w->fd, LOOP_READ, visitor_event, w);
	visitor_negotiate(w, setup);
	visitor_event(w, 0);
	return w;
}

void
visitor_free(struct visitor *w)
{
	watch_free(w->watch);
	gnutls_deinit(w->tls);
	gnutls_certificate_free_credentials(w->credentials);
	close(w->fd);
	free(w->out);
	free(w->in);
	free(w);
}

bool
visitor_is_up(const struct visitor *w)
{
	return w->up;
}

bool
visitor_is_over(const struct visitor *w)
{
	return w->over;
}

int
visitor_error(const struct visitor *w)
{
	return w->error;
}

int
visitor_alert(const struct visitor *w)
{
	return w->alert;
}

gnutls_session_t
visitor_tls(const struct visitor *w)
{
	return w->tls;
}

void
visitor_send(struct visitor *w, const void *bytes, size_t len)
{
	w->out = mem_grow(w->out, w->out_len + len, 1);
	memcpy(w->out + w->out_len, bytes, len);
	w->out_len += len;
	visitor_write(w);
}

bool
visitor_has_sent(const struct visitor *w)
{
	return !w->out_len;
}

void
visitor_say(struct visitor *w, const char *text)
{
	visitor_send(w, text, strlen(text));
}

void
visitor_listen(struct visitor *w, bool listen)
{
	w->deaf = !listen;
	visitor_write(w);
	if (listen && w->watch)
		visitor_event(w, LOOP_READ);
}

void
visitor_close(struct visitor *w)
{
	gnutls_bye(w->tls, GNUTLS_SHUT_WR);
	shutdown(w->fd, SHUT_WR);
}

const char *
visitor_text(const struct visitor *w)
{
	return w->in;
}

size_t
visitor_len(const struct visitor *w)
{
	return w->in_len;
}

void
visitor_forget(struct visitor *w)
{
	w->in_len = 0;
	w->in[0] = 0;
}
