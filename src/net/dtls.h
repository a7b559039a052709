/*
 * One DTLS 1.2 association (RFC 6347; profile: RFC 9132 section 7.1), either role, over datagrams
 * that the caller brings and takes: no socket, no timer.
 *
 * Key exchange is ECDHE with certificates on both sides or with a pre-shared key, ciphers are AEAD,
 * tickets allow resumption without state in the server; renegotiation is refused.
 */
#ifndef DOTSD_NET_DTLS_H
#define DOTSD_NET_DTLS_H

#include <gnutls/dtls.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/session.h"

/* --- what the associations of one server share ---------------------------------------------- */

struct dtls_server;
/* psk NULL: certificates only. */
struct dtls_server *dtls_server_new(psk_lookup psk, void *arg);
void dtls_server_free(struct dtls_server *ds); /* NULL is legal */
/* Tickets given so far do not resume any more: what they were given for may have changed. */
void dtls_server_renew_tickets(struct dtls_server *ds);

/* --- one association ------------------------------------------------------------------------ */

struct dtls;
typedef void (*dtls_push)(void *arg, const void *datagram, size_t len);

struct dtls_setup {
	const struct credentials *credentials;   /* outlives the association */
	struct dtls_server *server;              /* NULL: we are the client */
	const gnutls_dtls_prestate_st *prestate; /* server: what the cookie proved */
	const char *server_name;                 /* client; outlives the association */
	const struct resumption *resume;         /* client */
	unsigned mtu;                            /* largest UDP payload */
	dtls_push push;
	void *arg;
};

/* NULL if the library refuses (out of memory, unusable credentials). */
struct dtls *dtls_new(const struct dtls_setup *setup);
void dtls_free(struct dtls *d); /* NULL is legal */

enum dtls_progress { DTLS_WAITING, DTLS_DONE, DTLS_FAILED };
/* Goes on with the handshake: with one record, or (len 0) because it is time to repeat a flight. */
enum dtls_progress dtls_handshake(struct dtls *d, const uint8_t *record, size_t len);
/* Until the flight is to be repeated. */
uint32_t dtls_timeout_ms(const struct dtls *d);
/* After DTLS_DONE: is the peer good (again, if resumed), against these credentials? */
bool dtls_verify(struct dtls *d, const struct credentials *c);
bool dtls_identify(struct dtls *d, struct peer_id *ret);
bool dtls_resumed(const struct dtls *d);

enum dtls_read {
	DTLS_FOREIGN, /* not from the peer, or a replay: nothing happened */
	DTLS_SILENT,  /* from the peer, without data */
	DTLS_DATA,
	DTLS_CLOSED, /* close_notify or fatal alert, authenticated */
};
enum dtls_read dtls_read(struct dtls *d, const uint8_t *record, size_t len, uint8_t *data,
	size_t cap, size_t *ret_len);
/* 0, or -EMSGSIZE, -EIO. */
int dtls_write(struct dtls *d, const void *data, size_t len);
size_t dtls_max_data(const struct dtls *d);
void dtls_close(struct dtls *d);  /* sends close_notify */
void dtls_refuse(struct dtls *d); /* sends access_denied */
/* Why it failed, was closed or did not verify. */
const char *dtls_why(const struct dtls *d);
const char *dtls_alert_name(int description);
/* What a later handshake needs; NULL if there is no ticket. */
struct resumption *dtls_resumption(const struct dtls *d);

#endif
