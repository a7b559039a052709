/*
 * A DTLS client that sends anything: straight on GnuTLS, nothing of ours in it. Driven by lines on
 * standard input, answers by lines on standard output; many sessions, each called by a word.
 *
 *	psk NAME ADDRESS PORT IDENTITY HEXKEY	 begins a handshake: "up NAME" or "down NAME WHY"
 *	x509 NAME ADDRESS PORT CERTIFICATE KEY	 the same; "-" "-" for no certificate
 *	psk ... TICKET, x509 ... TICKET	 offers what was kept; "up NAME resumed" if it was taken
 *	from ADDRESS			 sessions are begun from there from now on
 *	stall NAME ADDRESS PORT		 passes the cookie exchange and says no more: "stalled NAME"
 *	bare NAME ADDRESS PORT		 a UDP socket, no handshake: "bare NAME"
 *	send NAME HEX			 one record of application data; "-" for none
 *	raw NAME HEX			 one datagram as it is
 *	again NAME N			 the last datagram sent, N times more
 *	steal NAME OTHER		 the last datagram of OTHER, from this socket
 *	keep NAME TICKET		 what that session can be resumed with, by that name
 *	spoil TICKET NEW WHAT AT	 the same with one byte other in its "ticket" or its
 *"secret" renegotiate NAME		 a ClientHello in a session that is up close NAME, drop NAME
 *with close_notify, or without a word: "closed NAME"
 *	sync WORD			 "sync WORD", after all that was read before it
 *
 * What comes in is told as "data NAME HEX" (a decrypted record; the datagram of a bare socket).
 * "down NAME WHY" when the server ends a session, "warned NAME" when it sends an alert that does
 *not. ADDRESS is a literal one. The server's certificate is not looked at: others test that.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <gnutls/dtls.h>
#include <gnutls/gnutls.h>
#include <netdb.h>
#include <poll.h>
#include <stdarg.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>
#include <unistd.h>

enum {
	NAME_MAX_LEN = 32,
	LINE_MAX_LEN = 200000,
	DATAGRAM_MAX = 65536,
	WORDS_MAX = 8,
	LAST_MAX = 4096,
	TICKET_MAX = 4096,
	MTU = 1400,
	MTU_UP = 17000, /* then anything may be sent, in fragments of IP */
	FLIGHT_MS = 1000,
	HANDSHAKE_MS = 30000,
};

enum kind { BARE, STALL, HANDSHAKE, UP };

struct session {
	char name[NAME_MAX_LEN];
	enum kind kind;
	int fd;
	gnutls_session_t tls;
	gnutls_psk_client_credentials_t psk;
	gnutls_certificate_credentials_t x509;
	uint8_t last[LAST_MAX]; /* the datagram sent last */
	size_t last_len;
	bool silent;                /* a stalling one that has answered the cookie */
	bool again;                 /* it wanted to renegotiate */
	uint8_t ticket[TICKET_MAX]; /* as it came in */
	size_t ticket_len;
	long long deadline;
	struct session *next;
};

/* What a session can be resumed with. */
struct kept {
	char name[NAME_MAX_LEN];
	uint8_t *data;
	size_t len;
	struct part {
		size_t at, len;
	} ticket, secret; /* where in it; len 0: not in there */
	struct kept *next;
};

static struct session *sessions;
static struct kept *tickets;
static struct sockaddr_storage source;
static socklen_t source_len; /* 0: any */
static struct pollfd *fds;
static size_t n_fds, cap_fds;

static void *
checked(void *p)
{
	if (!p)
		abort();
	return p;
}

static long long
now_ms(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (long long)ts.tv_sec * 1000 + ts.tv_nsec / 1000000;
}

__attribute__((format(printf, 1, 2))) static void
say(const char *fmt, ...)
{
	va_list ap;

	va_start(ap, fmt);
	vprintf(fmt, ap);
	va_end(ap);
	putchar('\n');
}

/* ---- hexadecimal --------------------------------------------------------------------------- */

static int
digit(char c)
{
	return isdigit((unsigned char)c) ? c - '0' : tolower((unsigned char)c) - 'a' + 10;
}

static size_t
from_hex(const char *text, uint8_t *bytes, size_t cap)
{
	size_t n = 0;

	if (strcmp(text, "-") == 0)
		return 0;
	for (; text[0] && text[1] && n < cap; text += 2)
		bytes[n++] = (uint8_t)(digit(text[0]) << 4 | digit(text[1]));
	return n;
}

static void
say_data(const struct session *s, const uint8_t *bytes, size_t len)
{
	printf("data %s ", s->name);
	for (size_t i = 0; i < len; i++)
		printf("%02x", bytes[i]);
	puts(len ? "" : "-");
}

/* ---- sessions ------------------------------------------------------------------------------ */

static struct session *
find(const char *name)
{
	struct session *s = sessions;

	while (s && strcmp(s->name, name) != 0)
		s = s->next;
	return s;
}

static void
session_free(struct session *s)
{
	for (struct session **p = &sessions; *p; p = &(*p)->next)
		if (*p == s) {
			*p = s->next;
			break;
		}
	if (s->tls)
		gnutls_deinit(s->tls);
	if (s->psk)
		gnutls_psk_free_client_credentials(s->psk);
	if (s->x509)
		gnutls_certificate_free_credentials(s->x509);
	close(s->fd);
	free(s);
}

static void
session_down(struct session *s, const char *why)
{
	say("down %s %s", s->name, why);
	session_free(s);
}

static void
transmit(struct session *s, const uint8_t *bytes, size_t len)
{
	if (len <= sizeof(s->last)) {
		memcpy(s->last, bytes, len);
		s->last_len = len;
	}
	(void)send(s->fd, bytes, len, MSG_DONTWAIT | MSG_NOSIGNAL);
}

static ssize_t
push(gnutls_transport_ptr_t ptr, const void *bytes, size_t len)
{
	transmit(ptr, bytes, len);
	return (ssize_t)len;
}

static ssize_t
pull(gnutls_transport_ptr_t ptr, void *bytes, size_t cap)
{
	struct session *s = ptr;
	ssize_t n = recv(s->fd, bytes, cap, MSG_DONTWAIT);

	if (n < 0)
		gnutls_transport_set_errno(s->tls, EAGAIN);
	return n;
}

static int
pull_timeout(gnutls_transport_ptr_t ptr, unsigned ms)
{
	struct session *s = ptr;
	struct pollfd p = {.fd = s->fd, .events = POLLIN};

	return poll(&p, 1, (int)ms);
}

/* RFC 5077 3.3: in the clear, so anybody on the way has it, too. */
static int
note_ticket(gnutls_session_t tls, unsigned type, unsigned when, unsigned incoming,
	const gnutls_datum_t *message)
{
	enum { LIFETIME_AND_LENGTH = 6 };
	struct session *s = gnutls_session_get_ptr(tls);

	(void)type, (void)when;
	if (!incoming || message->size < LIFETIME_AND_LENGTH ||
		message->size - LIFETIME_AND_LENGTH > sizeof(s->ticket))
		return 0;
	s->ticket_len = message->size - LIFETIME_AND_LENGTH;
	memcpy(s->ticket, message->data + LIFETIME_AND_LENGTH, s->ticket_len);
	return 0;
}

static int
connect_to(const char *address, const char *port)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST}, *ai;
	int fd = -1;

	if (getaddrinfo(address, port, &hints, &ai) != 0)
		return -1;
	fd = socket(ai->ai_family, SOCK_DGRAM | SOCK_CLOEXEC, 0);
	if (fd >= 0 && ((source_len && bind(fd, (struct sockaddr *)&source, source_len) != 0) ||
			       connect(fd, ai->ai_addr, ai->ai_addrlen) != 0)) {
		close(fd);
		fd = -1;
	}
	freeaddrinfo(ai);
	return fd;
}

static struct session *
session_new(enum kind kind, char **words)
{
	struct session *s = checked(calloc(1, sizeof(*s)));

	snprintf(s->name, sizeof(s->name), "%s", words[1]);
	s->kind = kind;
	s->fd = connect_to(words[2], words[3]);
	s->deadline = now_ms() + HANDSHAKE_MS;
	if (s->fd < 0) {
		say("down %s no socket", s->name);
		free(s);
		return NULL;
	}
	s->next = sessions;
	sessions = s;
	return s;
}

static void
handshake(struct session *s)
{
	int r = gnutls_handshake(s->tls);

	if (r == 0) {
		s->kind = UP;
		gnutls_dtls_set_mtu(s->tls, MTU_UP);
		say("up %s%s", s->name, gnutls_session_is_resumed(s->tls) ? " resumed" : "");
	} else if (r == GNUTLS_E_WARNING_ALERT_RECEIVED && s->again) {
		s->kind = UP;
		say("refused %s", s->name);
	} else if (gnutls_error_is_fatal(r)) {
		session_down(s, r == GNUTLS_E_FATAL_ALERT_RECEIVED
					? gnutls_alert_get_name(gnutls_alert_get(s->tls))
					: gnutls_strerror(r));
	} else if (now_ms() > s->deadline) {
		session_down(s, "timed out");
	}
}

static struct kept *
find_kept(const char *name)
{
	struct kept *k = tickets;

	while (k && strcmp(k->name, name) != 0)
		k = k->next;
	return k;
}

/* ticket: a name, or NULL. */
static void
begin(struct session *s, const char *priority, const char *ticket)
{
	const struct kept *k = ticket ? find_kept(ticket) : NULL;

	gnutls_init(&s->tls, GNUTLS_CLIENT | GNUTLS_DATAGRAM | GNUTLS_NONBLOCK);
	gnutls_session_set_ptr(s->tls, s);
	gnutls_handshake_set_hook_function(
		s->tls, GNUTLS_HANDSHAKE_NEW_SESSION_TICKET, GNUTLS_HOOK_POST, note_ticket);
	gnutls_priority_set_direct(s->tls, priority, NULL);
	if (s->psk)
		gnutls_credentials_set(s->tls, GNUTLS_CRD_PSK, s->psk);
	if (s->x509)
		gnutls_credentials_set(s->tls, GNUTLS_CRD_CERTIFICATE, s->x509);
	gnutls_transport_set_ptr(s->tls, s);
	gnutls_transport_set_push_function(s->tls, push);
	gnutls_transport_set_pull_function(s->tls, pull);
	gnutls_transport_set_pull_timeout_function(s->tls, pull_timeout);
	gnutls_dtls_set_mtu(s->tls, MTU);
	gnutls_dtls_set_timeouts(s->tls, FLIGHT_MS, HANDSHAKE_MS);
	if (ticket && (!k || gnutls_session_set_data(s->tls, k->data, k->len) < 0))
		session_down(s, "no such ticket");
	else
		handshake(s);
}

/* ---- commands ------------------------------------------------------------------------------ */

static void
do_psk(char **words)
{
	struct session *s = session_new(HANDSHAKE, words);
	gnutls_datum_t key = {(unsigned char *)words[5], (unsigned)strlen(words[5])};

	if (!s)
		return;
	gnutls_psk_allocate_client_credentials(&s->psk);
	gnutls_psk_set_client_credentials(s->psk, words[4], &key, GNUTLS_PSK_KEY_HEX);
	begin(s, "NORMAL:-VERS-ALL:+VERS-DTLS1.2:-KX-ALL:+ECDHE-PSK", words[6]);
}

static void
do_x509(char **words)
{
	struct session *s = session_new(HANDSHAKE, words);

	if (!s)
		return;
	gnutls_certificate_allocate_credentials(&s->x509);
	if (strcmp(words[4], "-") != 0 && gnutls_certificate_set_x509_key_file(s->x509, words[4],
						  words[5], GNUTLS_X509_FMT_PEM) < 0)
		session_down(s, "no such certificate");
	else
		begin(s, "NORMAL:-VERS-ALL:+VERS-DTLS1.2", words[6]);
}

static void
do_stall(char **words)
{
	struct session *s = session_new(STALL, words);

	if (!s)
		return;
	gnutls_certificate_allocate_credentials(&s->x509);
	begin(s, "NORMAL:-VERS-ALL:+VERS-DTLS1.2", NULL);
}

static void
do_bare(char **words)
{
	if (session_new(BARE, words))
		say("bare %s", words[1]);
}

static void
do_send(char **words)
{
	static uint8_t bytes[DATAGRAM_MAX];
	struct session *s = find(words[1]);

	if (s && s->kind == UP)
		gnutls_record_send(s->tls, bytes, from_hex(words[2], bytes, sizeof(bytes)));
}

static void
do_raw(char **words)
{
	static uint8_t bytes[DATAGRAM_MAX];
	struct session *s = find(words[1]);

	if (s)
		transmit(s, bytes, from_hex(words[2], bytes, sizeof(bytes)));
}

static void
do_again(char **words)
{
	struct session *s = find(words[1]);

	for (long n = strtol(words[2], NULL, 10); s && n > 0; n--)
		transmit(s, s->last, s->last_len);
}

static void
do_steal(char **words)
{
	struct session *s = find(words[1]), *other = find(words[2]);

	if (s && other)
		transmit(s, other->last, other->last_len);
}

static void
do_from(char **words)
{
	struct addrinfo hints = {.ai_socktype = SOCK_DGRAM, .ai_flags = AI_NUMERICHOST}, *ai;

	source_len = 0;
	if (getaddrinfo(words[1], NULL, &hints, &ai) != 0)
		return;
	memcpy(&source, ai->ai_addr, ai->ai_addrlen);
	source_len = ai->ai_addrlen;
	freeaddrinfo(ai);
}

static void
kept_add(const char *name, const void *data, size_t len, const struct part *ticket,
	const struct part *secret)
{
	struct kept *k = find_kept(name);

	if (!k) {
		k = checked(calloc(1, sizeof(*k)));
		snprintf(k->name, sizeof(k->name), "%s", name);
		k->next = tickets;
		tickets = k;
	}
	free(k->data);
	k->data = memcpy(checked(malloc(len)), data, len);
	k->len = len;
	k->ticket = *ticket;
	k->secret = *secret;
}

static struct part
part_of(const gnutls_datum_t *whole, const uint8_t *bytes, size_t len)
{
	const uint8_t *at = len ? memmem(whole->data, whole->size, bytes, len) : NULL;

	return at ? (struct part){(size_t)(at - whole->data), len} : (struct part){0};
}

static void
do_keep(char **words)
{
	struct session *s = find(words[1]);
	gnutls_datum_t data, secret;
	struct part ticket_part, secret_part;

	if (!s || s->kind != UP || gnutls_session_get_data2(s->tls, &data) < 0)
		return;
	gnutls_session_get_master_secret(s->tls, &secret);
	ticket_part = part_of(&data, s->ticket, s->ticket_len);
	secret_part = part_of(&data, secret.data, secret.size);
	kept_add(words[2], data.data, data.size, &ticket_part, &secret_part);
	gnutls_free(data.data);
}

static void
do_spoil(char **words)
{
	struct kept *k = find_kept(words[1]);
	const struct part *p;

	if (!k)
		return;
	p = strcmp(words[3], "ticket") == 0 ? &k->ticket : &k->secret;
	if (!p->len) {
		say("what? nothing to spoil");
		return;
	}
	kept_add(words[2], k->data, k->len, &k->ticket, &k->secret);
	find_kept(words[2])->data[p->at + strtoul(words[4], NULL, 10) % p->len] ^= 1;
}

static void
do_renegotiate(char **words)
{
	struct session *s = find(words[1]);

	if (!s || s->kind != UP)
		return;
	s->kind = HANDSHAKE;
	s->again = true;
	s->deadline = now_ms() + HANDSHAKE_MS;
	handshake(s);
}

static void
do_close(char **words)
{
	struct session *s = find(words[1]);

	if (s && s->kind == UP)
		gnutls_bye(s->tls, GNUTLS_SHUT_WR);
	if (s)
		session_free(s);
	say("closed %s", words[1]);
}

static void
do_drop(char **words)
{
	struct session *s = find(words[1]);

	if (s)
		session_free(s);
	say("closed %s", words[1]);
}

static void
do_sync(char **words)
{
	say("sync %s", words[1]);
}

static const struct {
	const char *word;
	int n;
	void (*run)(char **words);
} commands[] = {
	{"psk", 6, do_psk},
	{"psk", 7, do_psk},
	{"x509", 6, do_x509},
	{"x509", 7, do_x509},
	{"from", 2, do_from},
	{"keep", 3, do_keep},
	{"spoil", 5, do_spoil},
	{"renegotiate", 2, do_renegotiate},
	{"stall", 4, do_stall},
	{"bare", 4, do_bare},
	{"send", 3, do_send},
	{"raw", 3, do_raw},
	{"again", 3, do_again},
	{"steal", 3, do_steal},
	{"close", 2, do_close},
	{"drop", 2, do_drop},
	{"sync", 2, do_sync},
};

static void
run_line(char *line)
{
	char *words[WORDS_MAX] = {NULL}, *rest = NULL;
	int n = 0;

	for (char *w = strtok_r(line, " ", &rest); w && n < WORDS_MAX;
		w = strtok_r(NULL, " ", &rest))
		words[n++] = w;
	for (size_t i = 0; n && i < sizeof(commands) / sizeof(commands[0]); i++)
		if (strcmp(commands[i].word, words[0]) == 0 && commands[i].n == n) {
			commands[i].run(words);
			return;
		}
	say("what? %s", n ? words[0] : "");
}

/* False at the end of the input. */
static bool
read_lines(void)
{
	static char in[LINE_MAX_LEN];
	static size_t len;
	ssize_t n = read(STDIN_FILENO, in + len, sizeof(in) - len);
	char *begin_ = in, *end;

	if (n <= 0)
		return false;
	len += (size_t)n;
	while ((end = memchr(begin_, '\n', len - (size_t)(begin_ - in)))) {
		*end = 0;
		run_line(begin_);
		begin_ = end + 1;
	}
	len -= (size_t)(begin_ - in);
	memmove(in, begin_, len);
	return len < sizeof(in);
}

/* ---- what comes in ------------------------------------------------------------------------- */

static void
receive_bare(struct session *s)
{
	static uint8_t bytes[DATAGRAM_MAX];
	ssize_t n;

	while ((n = recv(s->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) >= 0)
		say_data(s, bytes, (size_t)n);
}

static void
receive_data(struct session *s)
{
	static uint8_t bytes[DATAGRAM_MAX];
	ssize_t n;

	while ((n = gnutls_record_recv(s->tls, bytes, sizeof(bytes))) > 0)
		say_data(s, bytes, (size_t)n);
	if (n == 0)
		session_down(s, "closed by the server");
	else if (gnutls_error_is_fatal((int)n))
		session_down(s, n == GNUTLS_E_FATAL_ALERT_RECEIVED
					? gnutls_alert_get_name(gnutls_alert_get(s->tls))
					: gnutls_strerror((int)n));
}

/* The first answer to a stalling client is the cookie; it is silent once it has shown it. */
static void
receive_stall(struct session *s)
{
	if (s->silent) {
		receive_bare(s);
		return;
	}
	s->silent = true;
	say("stalled %s", s->name);
	handshake(s);
}

static void
receive(struct session *s)
{
	static void (*const how[])(struct session * s) = {[BARE] = receive_bare,
		[STALL] = receive_stall,
		[HANDSHAKE] = handshake,
		[UP] = receive_data};

	how[s->kind](s);
}

static bool
has_timer(const struct session *s)
{
	return s->kind == HANDSHAKE || (s->kind == STALL && !s->silent);
}

/* Handshake flights are repeated. */
static void
run_timers(void)
{
	struct session *next;

	for (struct session *s = sessions; s; s = next) {
		next = s->next;
		if (has_timer(s) && gnutls_dtls_get_timeout(s->tls) == 0)
			handshake(s);
	}
}

static int
timeout_ms(void)
{
	int first = -1;

	for (struct session *s = sessions; s; s = s->next)
		if (has_timer(s)) {
			int left = (int)gnutls_dtls_get_timeout(s->tls);

			if (first < 0 || left < first)
				first = left;
		}
	return first;
}

static void
watch(int fd)
{
	if (n_fds == cap_fds) {
		cap_fds = cap_fds ? 2 * cap_fds : 64;
		fds = checked(realloc(fds, cap_fds * sizeof(*fds)));
	}
	fds[n_fds++] = (struct pollfd){.fd = fd, .events = POLLIN};
}

static struct session *
find_fd(int fd)
{
	struct session *s = sessions;

	while (s && s->fd != fd)
		s = s->next;
	return s;
}

int
main(void)
{
	setvbuf(stdout, NULL, _IOFBF, 1 << 16);
	for (;;) {
		n_fds = 0;
		watch(STDIN_FILENO);
		for (struct session *s = sessions; s; s = s->next)
			watch(s->fd);
		fflush(stdout);
		if (poll(fds, n_fds, timeout_ms()) < 0 && errno != EINTR)
			return 1;
		for (size_t i = 1; i < n_fds; i++) {
			struct session *s = fds[i].revents ? find_fd(fds[i].fd) : NULL;

			if (s)
				receive(s);
		}
		run_timers();
		if (fds[0].revents && !read_lines())
			break;
	}
	while (sessions)
		session_free(sessions);
	for (struct kept *k; (k = tickets);) {
		tickets = k->next;
		free(k->data);
		free(k);
	}
	free(fds);
	return 0;
}
