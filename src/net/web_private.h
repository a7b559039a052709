/*
 * The inside of the HTTPS client, for the files that share it: web.c (requests in their order, and
 * time), web_connection.c (TCP and TLS), web_http.c (libcurl, which writes a request and reads its
 * answer), web_answer.c (the head of an answer).
 *
 * The connection to the server is ours, and kept from request to request. libcurl has a local one
 * to us, for one request: plain HTTP passes between the two.
 */
#ifndef DOTSD_NET_WEB_PRIVATE_H
#define DOTSD_NET_WEB_PRIVATE_H

#include <sys/queue.h>

#include "base/buf.h"
#include "net/association.h"
#include "net/tcp.h"
#include "net/tls.h"
#include "net/web.h"

enum { WEB_WHY_MAX = TLS_WHY_MAX + 64 };

/* --- web_answer.c ---------------------------------------------------------------------------- */

enum {
	WEB_FIELDS_MAX = 100,
	WEB_HEAD_MAX = 64 * 1024, /* octets of all lines: interim answers and trailers, too */
};

/* The head of an answer, line by line; zeroed before the first one. */
struct web_head {
	struct {
		char *name, *value;
	} fields[WEB_FIELDS_MAX];
	size_t n_fields;
	size_t seen; /* octets */
	bool begun, interim, whole;
	bool sized, chunked; /* how its body ends; neither: with the connection, or there is none */
	bool closes;         /* it is the last one of its connection (RFC 9112 9.3, 9.6) */
};
/* NULL, or why such an answer is not taken. */
const char *web_head_line(struct web_head *h, const char *line, size_t len);
const char *web_head_find(const struct web_head *h, const char *name);
void web_head_forget(struct web_head *h);

/* --- web.c ----------------------------------------------------------------------------------- */

/* One request and its answer. */
struct web_ask {
	struct web_answer answer; /* first: web_field goes from it to what follows */
	struct web_head head;
	struct buf body;
	char why[WEB_WHY_MAX];
	char *method, *path, *payload; /* payload NULL: none */
	size_t len;
	struct {
		char *name, *value;
	} * fields;
	size_t n_fields;
	void (*done)(void *arg, const struct web_answer *a);
	void *arg;
	bool over; /* the answer is there, or there will be none */
	TAILQ_ENTRY(web_ask) queue;
};

TAILQ_HEAD(web_asks, web_ask);

struct web {
	struct loop *loop;
	struct web_config cfg; /* with defaults; its texts are in here */
	char *name, *host;     /* host: as in Host (RFC 9110 7.2) */
	char interface[IFNAMSIZ];
	struct web_asks asks; /* the first one is under way, if `busy` */
	bool busy;
	struct web_connection *connection; /* NULL: none */
	struct resumption *resumption;
	struct timer *turn;  /* what is due next turn */
	struct timer *clock; /* of the request, or of the quiet connection */
};

/* The connection can take a request now, or never again; it is over; libcurl is done with the
 * request, which has its answer, or `why` there is none. */
void web_ready(struct web *w);
void web_lost(struct web *w);
void web_answered(struct web *w, const char *why);

/* --- web_connection.c ------------------------------------------------------------------------ */

enum web_state {
	WEB_CONNECTING,
	WEB_HANDSHAKE,
	WEB_OPEN,
	WEB_ENDED, /* by the server; what it has said is with libcurl */
	WEB_OVER,  /* freed by web.c from the loop */
};

struct web_connection {
	struct web *web;
	enum web_state state;
	struct tcp *tcp;
	struct association *association;
	bool up;    /* it was open */
	bool spent; /* no more requests, please */
	bool cut;   /* it ended without close_notify: an answer may be cut off (RFC 9112 9.8) */
	unsigned served;
	char why[WEB_WHY_MAX]; /* it is over */
	/* Of the request under way, or the last one. */
	bool talks;     /* under way */
	bool said;      /* something of it has gone out */
	uint64_t heard; /* octets of its answer */
	struct web_http *http;
	int plain; /* our end towards libcurl; -1: none */
	struct watch *watch;
	uint8_t *in; /* decrypted, not passed on yet: in_at to in_len; NULL: nothing */
	size_t in_at, in_len;
};

/* Sets up a new one; NULL with `why`. */
struct web_connection *web_connection_new(struct web *w, char why[static WEB_WHY_MAX]);
/* Not from its own callbacks. With a farewell, if it is open. */
void web_connection_free(struct web_connection *c); /* NULL is legal */
/* Open, and good for one more request. */
bool web_connection_is_good(const struct web_connection *c);
/* Nothing will come of it. */
bool web_connection_is_spent(const struct web_connection *c);
/* The request is handed to libcurl: false with errno. It is done with it, which has an answer; that
 * is put away, not from its own callbacks. */
bool web_connection_begin(struct web_connection *c, struct web_ask *k);
void web_connection_finish(struct web_connection *c, const struct web_ask *k, bool answered);
void web_connection_settle(struct web_connection *c);
/* libcurl has come, here is our end, which is taken. */
void web_connection_attach(struct web_connection *c, int fd);

/* --- web_http.c ------------------------------------------------------------------------------ */

struct web_http;
/* NULL with errno. */
struct web_http *web_http_new(struct web_connection *c, struct web_ask *k);
void web_http_free(struct web_http *h); /* NULL is legal */

#endif
