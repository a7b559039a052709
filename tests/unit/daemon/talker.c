/*
 * A DTLS client by hand, on GnuTLS alone: what it is told on its input goes out as one datagram,
 *what comes is told on its output, a line each.
 *
 *	talker SERVER PORT SOURCE [mute] (psk IDENTITY HEX | x509 CERTIFICATE KEY TRUST)
 *
 * In: "send HEX", "again" (closes, comes back from a new port with its ticket), "close".
 * Out: "asked N" (datagrams sent in this handshake), "begun" (the server did more than ask for a
 * cookie), "up full", "up resumed", "got HEX", "down REASON". Mute, it says no more than the two
 * ClientHellos.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <gnutls/dtls.h>
#include <gnutls/gnutls.h>
#include <poll.h>
#include <stdbool.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <unistd.h>

enum { DATAGRAM_MAX = 16384, MTU = 1200, FLIGHT_MS = 500, PATIENCE_MS = 120000 };

struct talker {
	struct sockaddr_in server, source;
	gnutls_certificate_credentials_t x509;
	gnutls_psk_client_credentials_t psk;
	gnutls_session_t tls;
	gnutls_datum_t ticket;
	int fd;
	bool mute, handshaking, up;
	unsigned asked, heard;
};

static void
must(int r, const char *what)
{
	if (r >= 0)
		return;
	fprintf(stderr, "%s: %s\n", what, gnutls_strerror(r));
	exit(2);
}

static void
tell(const char *word, const char *more)
{
	printf("%s%s%s\n", word, *more ? " " : "", more);
	fflush(stdout);
}

/* ---- datagrams ---- */

static ssize_t
push(gnutls_transport_ptr_t ptr, const void *bytes, size_t len)
{
	struct talker *t = ptr;
	char text[16];

	if (t->mute && t->asked >= 2)
		return (ssize_t)len;
	if (send(t->fd, bytes, len, 0) < 0 && errno != ECONNREFUSED)
		perror("send");
	if (t->handshaking) {
		snprintf(text, sizeof(text), "%u", ++t->asked);
		tell("asked", text);
	}
	return (ssize_t)len;
}

static ssize_t
pull(gnutls_transport_ptr_t ptr, void *bytes, size_t cap)
{
	struct talker *t = ptr;
	ssize_t n = recv(t->fd, bytes, cap, MSG_DONTWAIT);

	if (n < 0) {
		gnutls_transport_set_errno(t->tls, EAGAIN);
		return -1;
	}
	if (t->handshaking && ++t->heard == 2)
		tell("begun", "");
	return n;
}

static int
pull_timeout(gnutls_transport_ptr_t ptr, unsigned ms)
{
	struct talker *t = ptr;
	struct pollfd pfd = {.fd = t->fd, .events = POLLIN};

	return poll(&pfd, 1, ms == GNUTLS_INDEFINITE_TIMEOUT ? -1 : (int)ms);
}

/* ---- the association ---- */

static void
open_socket(struct talker *t)
{
	t->fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	t->source.sin_port = 0;
	if (bind(t->fd, (struct sockaddr *)&t->source, sizeof(t->source)) != 0 ||
		connect(t->fd, (struct sockaddr *)&t->server, sizeof(t->server)) != 0) {
		perror("socket");
		exit(2);
	}
}

static void
end(struct talker *t, const char *reason)
{
	t->up = false;
	tell("down", reason);
}

static void
shake_hands(struct talker *t)
{
	int r;

	open_socket(t);
	must(gnutls_init(&t->tls, GNUTLS_CLIENT | GNUTLS_DATAGRAM), "init");
	must(gnutls_priority_set_direct(t->tls,
		     t->psk ? "NORMAL:-VERS-ALL:+VERS-DTLS1.2:-KX-ALL:+ECDHE-PSK"
			    : "NORMAL:-VERS-ALL:+VERS-DTLS1.2",
		     NULL),
		"priority");
	must(t->psk ? gnutls_credentials_set(t->tls, GNUTLS_CRD_PSK, t->psk)
		    : gnutls_credentials_set(t->tls, GNUTLS_CRD_CERTIFICATE, t->x509),
		"credentials");
	if (t->ticket.size)
		must(gnutls_session_set_data(t->tls, t->ticket.data, t->ticket.size), "ticket");
	gnutls_transport_set_ptr(t->tls, t);
	gnutls_transport_set_push_function(t->tls, push);
	gnutls_transport_set_pull_function(t->tls, pull);
	gnutls_transport_set_pull_timeout_function(t->tls, pull_timeout);
	gnutls_dtls_set_mtu(t->tls, MTU);
	gnutls_dtls_set_timeouts(t->tls, FLIGHT_MS, PATIENCE_MS);
	t->asked = t->heard = 0;
	t->handshaking = true;
	do
		r = gnutls_handshake(t->tls);
	while (r < 0 && !gnutls_error_is_fatal(r));
	t->handshaking = false;
	t->up = r >= 0;
	if (!t->up) {
		end(t, r == GNUTLS_E_FATAL_ALERT_RECEIVED
				? gnutls_alert_get_name(gnutls_alert_get(t->tls))
				: gnutls_strerror(r));
		return;
	}
	gnutls_free(t->ticket.data);
	t->ticket = (gnutls_datum_t){0};
	must(gnutls_session_get_data2(t->tls, &t->ticket), "ticket");
	tell("up", gnutls_session_is_resumed(t->tls) ? "resumed" : "full");
}

static void
again(struct talker *t)
{
	if (t->up)
		gnutls_bye(t->tls, GNUTLS_SHUT_WR);
	gnutls_deinit(t->tls);
	close(t->fd);
	shake_hands(t);
}

/* ---- lines ---- */

static void
tell_received(struct talker *t)
{
	static uint8_t bytes[DATAGRAM_MAX];
	static char hex[2 * DATAGRAM_MAX + 1];
	ssize_t n = gnutls_record_recv(t->tls, bytes, sizeof(bytes));

	if (n == GNUTLS_E_AGAIN || n == GNUTLS_E_INTERRUPTED)
		return;
	if (n <= 0) {
		end(t, n == GNUTLS_E_FATAL_ALERT_RECEIVED
				? gnutls_alert_get_name(gnutls_alert_get(t->tls))
			: n == 0 ? "closed"
				 : gnutls_strerror((int)n));
		return;
	}
	for (ssize_t i = 0; i < n; i++)
		snprintf(hex + 2 * i, 3, "%02x", bytes[i]);
	tell("got", hex);
}

static void
send_hex(struct talker *t, const char *hex)
{
	static uint8_t bytes[DATAGRAM_MAX];
	size_t n = 0;
	unsigned v;

	for (; n < sizeof(bytes) && sscanf(hex + 2 * n, "%2x", &v) == 1; n++)
		bytes[n] = (uint8_t)v;
	must((int)gnutls_record_send(t->tls, bytes, n), "send");
}

static void
obey(struct talker *t, char *line)
{
	line[strcspn(line, "\n")] = '\0';
	if (!strncmp(line, "send ", 5)) {
		send_hex(t, line + 5);
	} else if (!strcmp(line, "again")) {
		again(t);
	} else if (!strcmp(line, "close")) {
		gnutls_bye(t->tls, GNUTLS_SHUT_WR);
		end(t, "closed by us");
	} else {
		fprintf(stderr, "what is %s?\n", line);
		exit(2);
	}
}

static void
talk(struct talker *t)
{
	static char line[2 * DATAGRAM_MAX + 16];

	setvbuf(stdin, NULL, _IONBF, 0);
	for (;;) {
		struct pollfd fds[] = {
			{.fd = t->up ? t->fd : -1, .events = POLLIN}, {.fd = 0, .events = POLLIN}};

		if (poll(fds, 2, t->up && gnutls_record_check_pending(t->tls) ? 0 : -1) < 0)
			continue;
		if (t->up && (gnutls_record_check_pending(t->tls) || fds[0].revents))
			tell_received(t);
		if (!fds[1].revents)
			continue;
		if (!fgets(line, sizeof(line), stdin))
			return;
		obey(t, line);
	}
}

static void
address(struct sockaddr_in *a, const char *text, const char *port)
{
	*a = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons((uint16_t)atoi(port))};
	if (inet_pton(AF_INET, text, &a->sin_addr) != 1)
		exit(2);
}

static void
read_credentials(struct talker *t, char **argv)
{
	gnutls_datum_t key;

	if (!strcmp(argv[0], "psk")) {
		key = (gnutls_datum_t){(unsigned char *)argv[2], (unsigned)strlen(argv[2])};
		must(gnutls_psk_allocate_client_credentials(&t->psk), "psk");
		must(gnutls_psk_set_client_credentials(t->psk, argv[1], &key, GNUTLS_PSK_KEY_HEX),
			"psk");
		return;
	}
	must(gnutls_certificate_allocate_credentials(&t->x509), "x509");
	must(gnutls_certificate_set_x509_key_file(t->x509, argv[1], argv[2], GNUTLS_X509_FMT_PEM),
		argv[1]);
	must(gnutls_certificate_set_x509_trust_file(t->x509, argv[3], GNUTLS_X509_FMT_PEM),
		argv[3]);
}

int
main(int argc, char **argv)
{
	struct talker t = {0};
	int at = 4;

	if (argc < 7)
		return 2;
	address(&t.server, argv[1], argv[2]);
	address(&t.source, argv[3], "0");
	t.mute = !strcmp(argv[at], "mute");
	at += t.mute;
	if (argc < at + 3 || (!strcmp(argv[at], "x509") && argc < at + 4))
		return 2;
	read_credentials(&t, argv + at);
	shake_hands(&t);
	talk(&t);
	return 0;
}
