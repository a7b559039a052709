/*
 * Many DTLS clients in one process on one socket: each session has a source address of its own, so
 * that a server sees as many 5-tuples.
 */
#ifndef BENCH_FLEET_H
#define BENCH_FLEET_H

#include <gnutls/gnutls.h>
#include <netinet/in.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

/* Numbers of sessions: those that stay, and above them those of the handshake benchmarks. */
enum { FLEET_MAX = 1 << 20, FLEET_PASSING = 1 << 19 };

struct fleet;

struct session {
	struct fleet *fleet;
	gnutls_session_t tls; /* NULL: plain datagrams */
	uint32_t number;
	bool up, failed;
	uint16_t next_id;
	const uint8_t *in; /* of the datagram at hand */
	size_t in_len;
	double begun;
	size_t sent, received; /* bytes of the last datagram, either way */
};

struct fleet_setup {
	struct sockaddr_in server;
	struct in_addr from;      /* session n comes from there plus n * stride; local addresses */
	uint32_t stride;          /* not 0 */
	unsigned clients;         /* session n is client "c<n % clients>" */
	const char *psk;          /* hexadecimal; NULL: none */
	const char *certificates; /* directory with ca.crt and c<n>.crt, c<n>.key; NULL: none */
	void (*data)(void *arg, struct session *s, const uint8_t *bytes, size_t len);
	void *arg;
};

/* Neither psk nor certificates: no DTLS at all. */
struct fleet *fleet_new(const struct fleet_setup *setup);
struct batch *fleet_batch(struct fleet *f);
/* Begins a session; full (ticket NULL) or resumed. It is freed by session_close. */
struct session *session_open(struct fleet *f, uint32_t number, const gnutls_datum_t *ticket);
void session_close(struct session *s);
/* The same without a word: the server does not hear of it. */
void session_drop(struct session *s);
struct session *fleet_session(struct fleet *f, uint32_t number); /* NULL: none */
/* A flight that is not answered for long is sent again. */
void session_repeat(struct session *s);
/* Queued until fleet_pump or batch_flush. */
void session_send(struct session *s, const void *bytes, size_t len);
/* Writes what is queued, reads one batch and hands over what is in it; how many datagrams. */
unsigned fleet_pump(struct fleet *f, int timeout_ms);

double now(void); /* monotonic seconds */

#endif
