/*
 * One security association, either role (profile: RFC 9132 section 7.1): DTLS 1.2 (RFC 6347) over
 * datagrams that the caller brings and takes, or TLS 1.3 or 1.2 over a stream (RFC 8323 section 9).
 * No socket, no timer.
 *
 * Key exchange is ECDHE with certificates or raw public keys (RFC 7250) on both sides or with a
 * pre-shared key, ciphers are AEAD, tickets allow resumption without state in the server;
 * renegotiation and early data are refused.
 */
#ifndef DOTSD_NET_ASSOCIATION_H
#define DOTSD_NET_ASSOCIATION_H

#include <gnutls/dtls.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>
#include <sys/types.h>

#include "net/credentials.h"
#include "net/resumption.h"

/* --- what the associations of one server share ---------------------------------------------- */

struct association_server;
/* psk NULL: certificates only. */
struct association_server *association_server_new(psk_lookup psk, void *arg);
void association_server_free(struct association_server *as); /* NULL is legal */
/* Tickets given so far do not resume any more: what they were given for may have changed. */
void association_server_renew_tickets(struct association_server *as);

/* --- one association ------------------------------------------------------------------------ */

struct association;
/* Takes a datagram, or bytes of the stream; false: the connection is broken. */
typedef bool (*association_push)(void *arg, const void *bytes, size_t len);
/* Bytes read from the stream: their number, 0 at its end, or -errno (-EAGAIN: none now). */
typedef ssize_t (*association_pull)(void *arg, void *bytes, size_t cap);

/* What is spoken over a stream. */
enum association_protocol {
	ASSOCIATION_COAP,
	/* RFC 8040 2: the server shows an X.509 certificate, whatever else its credentials have; a
	 * client may show none, which is then for the layer above to judge (2.5). */
	ASSOCIATION_HTTP,
};

struct association_setup {
	const struct credentials *credentials;   /* outlives the association */
	struct association_server *server;       /* NULL: we are the client */
	const gnutls_dtls_prestate_st *prestate; /* server: what the cookie proved */
	const char *server_name;                 /* client; outlives the association */
	const struct resumption *resume;         /* client */
	bool protocol_implied; /* client, TLS: by the port, if the server does not say it */
	unsigned mtu;          /* largest UDP payload */
	association_push push;
	association_pull pull;              /* makes it TLS; NULL: DTLS */
	enum association_protocol protocol; /* TLS only */
	void *arg;
};

/* NULL if the library refuses (out of memory, unusable credentials). */
struct association *association_new(const struct association_setup *setup);
void association_free(struct association *a); /* NULL is legal */

/* Of a handshake: a chain of 8 large certificates; the library keeps several messages of a peer
 * that is not known yet. What announces more is not to be handed over; of a stream as much as twice
 * that is read in all. */
enum { ASSOCIATION_MESSAGE_MAX = 32768 };

enum association_progress { ASSOCIATION_WAITING, ASSOCIATION_DONE, ASSOCIATION_FAILED };
/* Goes on with the handshake: with one record, or (len 0) because it is time to repeat a flight, or
 * because the stream has more. */
enum association_progress association_handshake(
	struct association *a, const uint8_t *record, size_t len);
/* Until the flight is to be repeated; DTLS only. */
uint32_t association_timeout_ms(const struct association *a);
/* After ASSOCIATION_DONE: is the peer good (again, if resumed), against these credentials? */
bool association_verify(struct association *a, const struct credentials *c);
bool association_identify(struct association *a, struct peer_id *ret);
/* ASSOCIATION_HTTP: the client has shown no certificate. It verifies, and identifies nobody. */
bool association_is_anonymous(const struct association *a);
bool association_resumed(const struct association *a);

enum association_read {
	ASSOCIATION_FOREIGN, /* a record not from the peer, or a replay: nothing happened */
	ASSOCIATION_SILENT,  /* a record from the peer, without data; or the stream has no more now
			      */
	ASSOCIATION_DATA,
	ASSOCIATION_CLOSED, /* by the peer's close_notify */
	ASSOCIATION_BROKEN, /* fatal alert, the stream's end without close_notify, or an error */
};
/* One record; none (NULL, 0) if it is a stream. */
enum association_read association_read(struct association *a, const uint8_t *record, size_t len,
	uint8_t *data, size_t cap, size_t *ret_len);
/* 0, or -EMSGSIZE (more than a datagram holds), -EIO. */
int association_write(struct association *a, const void *data, size_t len);
size_t association_max_data(const struct association *a); /* DTLS only */
void association_close(struct association *a);            /* sends close_notify */
void association_refuse(struct association *a);           /* sends access_denied */
/* Why it failed, was closed or did not verify. */
const char *association_why(const struct association *a);
const char *association_alert_name(int description);
/* What a later handshake over the same transport needs; NULL if there is no ticket. */
struct resumption *association_resumption(const struct association *a);

#endif
