/*
 * One DTLS 1.2 association (RFC 6347; profile: RFC 9132 section 7.1), either role, over datagrams
 * that the caller brings and takes: no socket, no timer.
 *
 * Key exchange is ECDHE with certificates on both sides or with a pre-shared key, ciphers are AEAD,
 * tickets allow resumption without state in the server; renegotiation is refused.
 */
#ifndef DOTSD_NET_ASSOCIATION_H
#define DOTSD_NET_ASSOCIATION_H

#include <gnutls/dtls.h>
#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

#include "net/session.h"

/* --- what the associations of one server share ---------------------------------------------- */

struct association_server;
/* psk NULL: certificates only. */
struct association_server *association_server_new(psk_lookup psk, void *arg);
void association_server_free(struct association_server *ds); /* NULL is legal */
/* Tickets given so far do not resume any more: what they were given for may have changed. */
void association_server_renew_tickets(struct association_server *ds);

/* --- one association ------------------------------------------------------------------------ */

struct association;
typedef void (*association_push)(void *arg, const void *datagram, size_t len);

struct association_setup {
	const struct credentials *credentials;   /* outlives the association */
	struct association_server *server;       /* NULL: we are the client */
	const gnutls_dtls_prestate_st *prestate; /* server: what the cookie proved */
	const char *server_name;                 /* client; outlives the association */
	const struct resumption *resume;         /* client */
	unsigned mtu;                            /* largest UDP payload */
	association_push push;
	void *arg;
};

/* NULL if the library refuses (out of memory, unusable credentials). */
struct association *association_new(const struct association_setup *setup);
void association_free(struct association *d); /* NULL is legal */

enum association_progress { ASSOCIATION_WAITING, ASSOCIATION_DONE, ASSOCIATION_FAILED };
/* Goes on with the handshake: with one record, or (len 0) because it is time to repeat a flight. */
enum association_progress association_handshake(
	struct association *d, const uint8_t *record, size_t len);
/* Until the flight is to be repeated. */
uint32_t association_timeout_ms(const struct association *d);
/* After ASSOCIATION_DONE: is the peer good (again, if resumed), against these credentials? */
bool association_verify(struct association *d, const struct credentials *c);
bool association_identify(struct association *d, struct peer_id *ret);
bool association_resumed(const struct association *d);

enum association_read {
	ASSOCIATION_FOREIGN, /* not from the peer, or a replay: nothing happened */
	ASSOCIATION_SILENT,  /* from the peer, without data */
	ASSOCIATION_DATA,
	ASSOCIATION_CLOSED, /* close_notify or fatal alert, authenticated */
};
enum association_read association_read(struct association *d, const uint8_t *record, size_t len,
	uint8_t *data, size_t cap, size_t *ret_len);
/* 0, or -EMSGSIZE, -EIO. */
int association_write(struct association *d, const void *data, size_t len);
size_t association_max_data(const struct association *d);
void association_close(struct association *d);  /* sends close_notify */
void association_refuse(struct association *d); /* sends access_denied */
/* Why it failed, was closed or did not verify. */
const char *association_why(const struct association *d);
const char *association_alert_name(int description);
/* What a later handshake needs; NULL if there is no ticket. */
struct resumption *association_resumption(const struct association *d);

#endif
