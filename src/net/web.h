/*
 * HTTPS client (RFC 9110, RFC 9112; RFC 8040 2): one connection to one server, kept and set up
 * again when it is needed, requests one after the other. libcurl speaks HTTP; TLS, the socket's
 * device and source, and who the server has to be, are those of every other session
 * (net/association.h, net/tcp.h, net/tls.h): the server's certificate has to prove its name (RFC
 * 8040 2.4, RFC 9132 7.1), and we show ours.
 *
 * Everything runs in the loop.
 */
#ifndef DOTSD_NET_WEB_H
#define DOTSD_NET_WEB_H

#include <net/if.h>

#include "base/addr.h"
#include "base/loop.h"
#include "net/credentials.h"

struct web_config {
	const char *name; /* of the server: SNI, Host, and what its certificate has to prove */
	struct endpoint server;
	const char *interface;           /* bound to this device; NULL: any */
	struct addr source;              /* family 0: the kernel's choice */
	struct credentials *credentials; /* referenced; with a certificate */
	uint32_t timeout_s;              /* of a request, its connection included; 0: 30 */
	uint32_t idle_s;                 /* after that a quiet connection is closed; 0: 60 */
	size_t max_answer;               /* octets of a body; 0: 16 MiB */
};

struct web;
struct web *web_new(struct loop *l, const struct web_config *cfg); /* copied; connects when asked */
/* Closes it; no callback any more, not even of requests under way. NULL is legal. */
void web_free(struct web *w);

struct web_field {
	const char *name, *value;
};
struct web_request {
	const char *method, *path; /* path with query, percent-encoded */
	const struct web_field *fields;
	size_t n_fields;
	const char *body; /* NULL: none */
	size_t len;
};
struct web_answer {
	unsigned status; /* 0: there was no answer, `why` says it (connection, TLS, time) */
	const char *why;
	const char *body; /* NUL-terminated */
	size_t len;
};
/* A header field of the answer, whatever the case of its name; the first one, if there are several;
 * NULL: none. Valid in `done`. */
const char *web_field(const struct web_answer *a, const char *name);
/* Queued behind those that were asked for before; everything is copied. done is called once, from
 * the loop, not from inside this call. */
void web_ask(struct web *w, const struct web_request *r,
	void (*done)(void *arg, const struct web_answer *a), void *arg);
bool web_is_connected(const struct web *w);

#endif
