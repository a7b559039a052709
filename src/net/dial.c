/*
 * The client's side: a new socket, bound to the link it was asked for, connected to one server
 * (RFC 9132 sections 4.3, 7.1; RFC 9284 section 5: never over another link).
 */
#include <stdio.h>

#include "base/mem.h"
#include "net/record.h"
#include "net/session_private.h"

static void
dial_datagram(void *arg, const struct udp_path *path, uint8_t *bytes, size_t len)
{
	struct session *s = arg;
	size_t n;

	(void)path;
	for (; (n = record_length(bytes, len)) > 0; bytes += n, len -= n) {
		if (s->state == SESSION_HANDSHAKE)
			session_handshake(s, bytes, n);
		else if (s->state == SESSION_UP)
			session_record(s, bytes, n);
	}
}

static char *
dial_name(const struct dial *d)
{
	char text[ADDR_TEXT_MAX];

	return mem_text(d->server_name ? d->server_name : addr_format(&d->remote.addr, text));
}

static bool
dial_udp(struct session *s, const struct dial *d, const struct addr *source, int *ret_error)
{
	s->udp =
		udp_connect(s->loop, d->interface, source, &d->remote, dial_datagram, s, ret_error);
	if (!s->udp)
		return false;
	s->path = (struct udp_path){.local = *udp_local(s->udp), .remote = d->remote};
	if (d->interface)
		snprintf(s->interface, sizeof(s->interface), "%s", d->interface);
	return true;
}

static bool
dial_tcp(struct session *s, const struct dial *d, const struct addr *source, int *ret_error)
{
	struct tcp *t =
		tcp_connect(s->loop, d->interface, source, &d->remote, &stream_ops, s, ret_error);

	if (t)
		stream_attach(s, t);
	return t;
}

struct session *
session_dial(struct loop *l, const struct dial *d, const struct session_ops *ops, void *arg,
	int *ret_error)
{
	static const struct session_origin origin;
	struct session *s = session_new(l, ops, arg, &origin, d->credentials);
	struct association_setup setup = {.resume = d->resume};
	const struct addr *source = d->source.family ? &d->source : NULL;

	if (d->transport == SESSION_TCP ? !dial_tcp(s, d, source, ret_error)
					: !dial_udp(s, d, source, ret_error)) {
		session_free(s);
		return NULL;
	}
	s->server_name = dial_name(d);
	session_begin(s, &setup,
		d->handshake_timeout_ms ? d->handshake_timeout_ms : HANDSHAKE_TIMEOUT_MS);
	return s;
}
