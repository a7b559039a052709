/*
 * HTTPS server (RFC 9110, RFC 9112; RFC 8040 2): requests of peers that a TLS handshake with mutual
 * certificates has identified. libmicrohttpd speaks HTTP; credentials, and who may come in, are
 * those of every other session (net/tls.h, RFC 9132 7.1, 8).
 *
 * Everything runs in the loop. Bodies and headers are bounded, a peer that is slow is closed. What
 * a turn of the loop does for all peers is bounded, too, so that they do not delay others.
 *
 * Requests of a connection are delivered one after the other, each when the one before is answered.
 * What is malformed or beyond a limit is answered here (400, 408, 413, 431, 501, 503, 505, with a
 * line of text) and ends its connection; so does the answer to a body that came in chunks.
 */
#ifndef DOTSD_NET_HTTPS_H
#define DOTSD_NET_HTTPS_H

#include "base/addr.h"
#include "base/loop.h"
#include "net/credentials.h"
#include "net/session.h" /* struct listen_socket */

struct https_config {
	const struct listen_socket *sockets;
	size_t n_sockets;
	struct credentials *credentials;     /* referenced; with a certificate */
	uint32_t max_connections;            /* 0: 1000 */
	uint32_t max_connections_per_prefix; /* per /24 or /56; 0: 50 */
	uint32_t timeout_s;                  /* of a connection without progress; 0: 30 */
	uint32_t request_timeout_s;          /* from its first byte to its last one; 0: 60 */
	uint32_t max_body;                   /* octets; 0: 1048576. Beyond: 413 */
	uint32_t max_headers;                /* octets of line and fields; 0: 16384. Beyond: 431 */
	size_t max_bodies; /* what all bodies and answers under way may hold; 0: 16 MiB. Beyond: 503
			    */
};

struct https;
struct https_exchange; /* a request that waits for its answer */

struct https_request {
	const char *method;
	const char *path;  /* as it came, percent-encoded; "*"; without "https://authority" */
	const char *query; /* likewise, after "?"; NULL: none */
	const char *body;
	size_t len;
	const struct peer_id *peer; /* NULL: no certificate was shown (RFC 8040 2.5: 401) */
	struct endpoint remote;
};
/* The value of a header field, whatever the case of its name; several of one name are joined by ",
 * " (RFC 9110 5.3). NULL: none. Valid until the answer. */
const char *https_header(struct https_exchange *ex, const char *name);

struct https_ops {
	/* Each request is answered once, now or later. Everything lives until the answer, or until
	 * `gone`. HEAD, OPTIONS and whatever methods there are come here, too. */
	void (*request)(void *arg, struct https_exchange *ex, const struct https_request *r);
	/* The peer went away before the answer, or was judged badly: ex must not be used any more
	 * after this call. */
	void (*gone)(void *arg, struct https_exchange *ex);
	/* May this peer be here? Called after the handshake (a resumed one, too) and by
	 * https_judge; a text refuses it, and ends the connection. Not for who has shown no
	 * certificate: that is for the request to say. NULL: no such check. */
	const char *(*judge)(void *arg, const struct peer_id *peer, const struct endpoint *remote);
};

/* NULL with `why`: a socket cannot be opened. */
struct https *https_new(struct loop *l, const struct https_config *cfg, const struct https_ops *ops,
	void *arg, char *why, size_t cap);
void https_free(struct https *h); /* closes everything, without `gone`; not from a callback */
/* For handshakes from now on, none of which is resumed by an older ticket. The peers of those under
 * way have to be good by these, too; connections that are there stay until https_judge, which goes
 * by these. */
void https_set_credentials(struct https *h, struct credentials *c);
void https_judge(struct https *h); /* all; `gone` comes from inside this call */
size_t https_connections(const struct https *h);

struct https_field {
	const char *name, *value;
};
struct https_answer {
	unsigned status;
	const struct https_field *fields; /* besides Date, Content-Length, Connection */
	size_t n_fields;
	const char *body; /* copied */
	size_t len;       /* of HEAD as of GET: it is not sent (RFC 9110 9.3.2) */
};
void https_answer(struct https_exchange *ex, const struct https_answer *a);

#endif
