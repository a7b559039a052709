/*
 * A client over DTLS, or TLS on TCP, that sends anything: straight on GnuTLS, nothing of ours in
 * it. Driven by lines on standard input, answers by lines on standard output; many sessions, each
 * called by a word.
 *
 *	over PROTOCOL	 sessions are begun with that from now on: dtls1.2 (at first), tls1.2,
 *tls1.3 from ADDRESS	 and from there psk NAME ADDRESS PORT IDENTITY HEXKEY	 begins a handshake:
 *"up NAME" or "down NAME WHY" x509 NAME ADDRESS PORT CERTIFICATE KEY	 the same; "-" "-" for no
 *certificate psk ... TICKET, x509 ... TICKET	 offers what was kept; "up NAME resumed" if it was
 *taken stall NAME ADDRESS PORT	 says hello (and over DTLS shows its cookie), then nothing more:
 *		"stalled NAME" when it was answered
 *	bare NAME ADDRESS PORT	 a socket, no handshake: "bare NAME"
 *	send NAME HEX	 one record of application data, of a long text several; "-" for none
 *	record NAME TYPE HEX	 one record of that type, enciphered (tls1.3 only)
 *	raw NAME HEX	 one datagram, or bytes of the stream, as they are
 *	again NAME N	 the last datagram or record sent, N times more
 *	steal NAME OTHER	 the last datagram of OTHER, from this socket
 *	keep NAME TICKET	 what that session can be resumed with, by that name
 *	spoil TICKET NEW WHAT AT	 the same with one byte other in its "ticket" or its
 *"secret" renegotiate NAME	 a ClientHello in a session that is up; "refused NAME" rekey NAME N
 *N times new keys, and each time the wish that the other end has new ones, too alert NAME LEVEL
 *DESCRIPTION	 numbers mute NAME, hear NAME	 reads nothing more, and again close NAME, drop NAME
 *with close_notify, or without a word: "closed NAME" reset NAME	 the same by a reset of the
 *connection bye NAME, shut NAME	 close_notify, or the end of the stream, and goes on reading
 *	sync WORD	 "sync WORD", after all that was read before it
 *
 * What comes in is told as "data NAME HEX" (decrypted; the datagram or bytes of a bare socket),
 * "down NAME WHY" when the server ends a session. ADDRESS is a literal one. The server's
 * certificate is not looked at: others test that.
 */
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <gnutls/crypto.h>
#include <gnutls/dtls.h>
#include <gnutls/gnutls.h>
#include <netdb.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
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
	RECORD_DATA_MAX = 16384,
	FLIGHT_MS = 1000,
	HANDSHAKE_MS = 30000,
};

enum kind { BARE, STALL, HANDSHAKE, UP };

static const struct protocol {
	const char *name;
	int socket;
	unsigned flags;
	const char *version;
} protocols[] = {
	{"dtls1.2", SOCK_DGRAM, GNUTLS_DATAGRAM, "VERS-DTLS1.2"},
	{"tls1.2", SOCK_STREAM, 0, "VERS-TLS1.2"},
	{"tls1.3", SOCK_STREAM, 0, "VERS-TLS1.3"},
};

struct session {
	char name[NAME_MAX_LEN];
	enum kind kind;
	const struct protocol *over;
	int fd;
	bool mute;
	uint8_t *out; /* of a stream, what the kernel did not take yet */
	size_t out_len, out_cap;
	gnutls_session_t tls;
	gnutls_psk_client_credentials_t psk;
	gnutls_certificate_credentials_t x509;
	uint8_t last[LAST_MAX]; /* the datagram or record sent last */
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
static const struct protocol *over = &protocols[0];
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
	free(s->out);
	free(s);
}

static bool
is_stream(const struct session *s)
{
	return s->over->socket == SOCK_STREAM;
}

static void
session_down(struct session *s, const char *why)
{
	say("down %s %s", s->name, why);
	session_free(s);
}

/* What cannot be sent because the other end is gone is told by reading. */
static void
flush(struct session *s)
{
	ssize_t n = send(s->fd, s->out, s->out_len, MSG_DONTWAIT | MSG_NOSIGNAL);

	if (n < 0 && errno != EAGAIN && errno != EINTR)
		s->out_len = 0;
	if (n <= 0)
		return;
	s->out_len -= (size_t)n;
	memmove(s->out, s->out + n, s->out_len);
}

static void
queue(struct session *s, const uint8_t *bytes, size_t len)
{
	while (s->out_len + len > s->out_cap) {
		s->out_cap = s->out_cap ? 2 * s->out_cap : LAST_MAX;
		s->out = checked(realloc(s->out, s->out_cap));
	}
	if (len)
		memcpy(s->out + s->out_len, bytes, len);
	s->out_len += len;
	if (s->out_len == len)
		flush(s);
}

static void
transmit(struct session *s, const uint8_t *bytes, size_t len)
{
	if (len <= sizeof(s->last)) {
		memcpy(s->last, bytes, len);
		s->last_len = len;
	}
	if (is_stream(s))
		queue(s, bytes, len);
	else
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
		gnutls_transport_set_errno(s->tls, is_stream(s) ? errno : EAGAIN);
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

/* A stream may be under way: what is sent waits. */
static int
connect_to(const char *address, const char *port)
{
	struct addrinfo hints = {.ai_socktype = over->socket, .ai_flags = AI_NUMERICHOST}, *ai;
	static const int yes = 1;
	int fd = -1;

	if (getaddrinfo(address, port, &hints, &ai) != 0)
		return -1;
	fd = socket(ai->ai_family, over->socket | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
	if (fd >= 0 &&
		((source_len && bind(fd, (struct sockaddr *)&source, source_len) != 0) ||
			(connect(fd, ai->ai_addr, ai->ai_addrlen) != 0 && errno != EINPROGRESS))) {
		close(fd);
		fd = -1;
	}
	freeaddrinfo(ai);
	/* What is sent goes out as it is said, in pieces; nothing to do for UDP. */
	(void)setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof(yes));
	return fd;
}

static struct session *
session_new(enum kind kind, char **words)
{
	struct session *s = checked(calloc(1, sizeof(*s)));

	snprintf(s->name, sizeof(s->name), "%s", words[1]);
	s->kind = kind;
	s->over = over;
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
		if (!is_stream(s))
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

/* kx: beside what is usual; ticket: a name, or NULL. */
static void
begin(struct session *s, const char *kx, const char *ticket)
{
	static const gnutls_datum_t coap = {(unsigned char *)"coap", 4}; /* RFC 8323 8.2 */
	const struct kept *k = ticket ? find_kept(ticket) : NULL;
	char priority[128];

	snprintf(priority, sizeof(priority), "NORMAL:-VERS-ALL:+%s%s", s->over->version, kx);
	gnutls_init(&s->tls, GNUTLS_CLIENT | GNUTLS_NONBLOCK | s->over->flags);
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
	if (is_stream(s)) {
		gnutls_alpn_set_protocols(s->tls, &coap, 1, 0);
	} else {
		gnutls_dtls_set_mtu(s->tls, MTU);
		gnutls_dtls_set_timeouts(s->tls, FLIGHT_MS, HANDSHAKE_MS);
	}
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
	begin(s, ":-KX-ALL:+ECDHE-PSK", words[6]);
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
		begin(s, "", words[6]);
}

static void
do_stall(char **words)
{
	struct session *s = session_new(STALL, words);

	if (!s)
		return;
	gnutls_certificate_allocate_credentials(&s->x509);
	begin(s, "", NULL);
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
	size_t len = from_hex(words[2], bytes, sizeof(bytes)), at = 0, n;

	if (!s || s->kind != UP)
		return;
	do {
		n = is_stream(s) && len - at > RECORD_DATA_MAX ? RECORD_DATA_MAX : len - at;
		if (gnutls_record_send(s->tls, bytes + at, n) < 0)
			return;
		at += n;
	} while (at < len);
}

/* RFC 8446 5.2, 5.3: what the library does not send, with its keys, and the number is its next. */
static void
do_record(char **words)
{
	enum { HEADER = 5, NONCE = 12, SEQUENCE = 8, TAG_MAX = 16 };
	static uint8_t plain[RECORD_DATA_MAX + 1], sealed[HEADER + RECORD_DATA_MAX + 1 + TAG_MAX];
	struct session *s = find(words[1]);
	size_t len = from_hex(words[3], plain, RECORD_DATA_MAX), n = sizeof(sealed) - HEADER;
	gnutls_datum_t iv, key;
	gnutls_aead_cipher_hd_t cipher;
	uint8_t nonce[NONCE], sequence[SEQUENCE];

	if (!s || s->kind != UP ||
		gnutls_record_get_state(s->tls, 0, NULL, &iv, &key, sequence) < 0 ||
		gnutls_aead_cipher_init(&cipher, gnutls_cipher_get(s->tls), &key) < 0)
		return;
	plain[len++] = (uint8_t)strtol(words[2], NULL, 10);
	memcpy(nonce, iv.data, NONCE);
	for (int i = 0; i < SEQUENCE; i++)
		nonce[NONCE - SEQUENCE + i] ^= sequence[i];
	sealed[0] = 23; /* application data, of TLS 1.2 to look at */
	sealed[1] = sealed[2] = 3;
	sealed[3] = (uint8_t)((len + TAG_MAX) >> 8);
	sealed[4] = (uint8_t)(len + TAG_MAX);
	gnutls_aead_cipher_encrypt(
		cipher, nonce, NONCE, sealed, HEADER, TAG_MAX, plain, len, sealed + HEADER, &n);
	gnutls_aead_cipher_deinit(cipher);
	for (int i = SEQUENCE - 1; i >= 0 && ++sequence[i] == 0; i--)
		;
	gnutls_record_set_state(s->tls, 0, sequence);
	transmit(s, sealed, HEADER + n);
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

/* RFC 8446 4.6.3. */
static void
do_rekey(char **words)
{
	struct session *s = find(words[1]);

	for (long n = strtol(words[2], NULL, 10); s && s->kind == UP && n > 0; n--)
		gnutls_session_key_update(s->tls, GNUTLS_KU_PEER);
}

static void
do_alert(char **words)
{
	struct session *s = find(words[1]);

	if (s && s->tls)
		gnutls_alert_send(s->tls, (gnutls_alert_level_t)strtol(words[2], NULL, 10),
			(gnutls_alert_description_t)strtol(words[3], NULL, 10));
}

static void
do_mute(char **words)
{
	struct session *s = find(words[1]);

	if (s)
		s->mute = true;
}

static void
do_hear(char **words)
{
	struct session *s = find(words[1]);

	if (s)
		s->mute = false;
}

static void
do_bye(char **words)
{
	struct session *s = find(words[1]);

	if (s && s->kind == UP)
		gnutls_bye(s->tls, GNUTLS_SHUT_WR);
}

static void
do_shut(char **words)
{
	struct session *s = find(words[1]);

	if (s)
		shutdown(s->fd, SHUT_WR);
}

static void
do_over(char **words)
{
	for (size_t i = 0; i < sizeof(protocols) / sizeof(protocols[0]); i++)
		if (strcmp(protocols[i].name, words[1]) == 0)
			over = &protocols[i];
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
do_reset(char **words)
{
	static const struct linger at_once = {.l_onoff = 1};
	struct session *s = find(words[1]);

	if (s)
		setsockopt(s->fd, SOL_SOCKET, SO_LINGER, &at_once, sizeof(at_once));
	do_drop(words);
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
	{"over", 2, do_over},
	{"from", 2, do_from},
	{"keep", 3, do_keep},
	{"spoil", 5, do_spoil},
	{"renegotiate", 2, do_renegotiate},
	{"stall", 4, do_stall},
	{"bare", 4, do_bare},
	{"send", 3, do_send},
	{"record", 4, do_record},
	{"raw", 3, do_raw},
	{"again", 3, do_again},
	{"steal", 3, do_steal},
	{"rekey", 3, do_rekey},
	{"alert", 4, do_alert},
	{"mute", 2, do_mute},
	{"hear", 2, do_hear},
	{"close", 2, do_close},
	{"drop", 2, do_drop},
	{"reset", 2, do_reset},
	{"bye", 2, do_bye},
	{"shut", 2, do_shut},
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

	while ((n = recv(s->fd, bytes, sizeof(bytes), MSG_DONTWAIT)) >= 0) {
		if (n == 0 && is_stream(s)) {
			session_down(s, "closed by the server");
			return;
		}
		say_data(s, bytes, (size_t)n);
	}
	if (is_stream(s) && errno != EAGAIN && errno != EINTR)
		session_down(s, strerror(errno));
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

/* Over DTLS the first answer to a stalling client is the cookie; it is silent once it has shown it.
 */
static void
receive_stall(struct session *s)
{
	if (s->silent) {
		receive_bare(s);
		return;
	}
	s->silent = true;
	say("stalled %s", s->name);
	if (!is_stream(s))
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

static long long
timer_ms(const struct session *s)
{
	return is_stream(s) ? s->deadline - now_ms() : gnutls_dtls_get_timeout(s->tls);
}

/* Handshake flights are repeated; those over TCP only end. */
static void
run_timers(void)
{
	struct session *next;

	for (struct session *s = sessions; s; s = next) {
		next = s->next;
		if (has_timer(s) && timer_ms(s) <= 0)
			handshake(s);
	}
}

static int
timeout_ms(void)
{
	long long first = -1;

	for (struct session *s = sessions; s; s = s->next)
		if (has_timer(s)) {
			long long left = timer_ms(s);

			left = left < 0 ? 0 : left;
			if (first < 0 || left < first)
				first = left;
		}
	return (int)first;
}

static void
watch(int fd, short events)
{
	if (n_fds == cap_fds) {
		cap_fds = cap_fds ? 2 * cap_fds : 64;
		fds = checked(realloc(fds, cap_fds * sizeof(*fds)));
	}
	fds[n_fds++] = (struct pollfd){.fd = fd, .events = events};
}

static short
wanted(const struct session *s)
{
	return (short)((s->mute ? 0 : POLLIN) | (s->out_len ? POLLOUT : 0));
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
		watch(STDIN_FILENO, POLLIN);
		for (struct session *s = sessions; s; s = s->next)
			watch(s->fd, wanted(s));
		fflush(stdout);
		if (poll(fds, n_fds, timeout_ms()) < 0 && errno != EINTR)
			return 1;
		for (size_t i = 1; i < n_fds; i++) {
			struct session *s = fds[i].revents ? find_fd(fds[i].fd) : NULL;

			if (s && fds[i].revents & POLLOUT)
				flush(s);
			if (s && fds[i].revents & ~POLLOUT)
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
