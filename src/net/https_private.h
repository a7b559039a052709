/*
 * The inside of the HTTPS server, for the files that share it: https.c (sockets, limits, budget),
 * https_share.c (what each peer takes of these), https_connection.c (TLS, and one request after the
 * other), https_exchange.c (libmicrohttpd, which reads requests and writes answers).
 *
 * Each connection is two: TLS with the peer, over TCP, which is ours; and a pair of local sockets,
 * of which libmicrohttpd has the other end. It is given one request at a time, and of that no octet
 * more than the request has, so that it never holds what nobody has looked at.
 */
#ifndef DOTSD_NET_HTTPS_PRIVATE_H
#define DOTSD_NET_HTTPS_PRIVATE_H

#include "base/map.h"
#include "net/association.h"
#include "net/crowd.h"
#include "net/http_head.h"
#include "net/https.h"
#include "net/tcp.h"

struct MHD_Daemon;
struct MHD_Connection;

enum https_state {
	HTTPS_HANDSHAKE,
	HTTPS_HEAD,      /* a request is to come, or its head is under way */
	HTTPS_PARSING,   /* its head is with libmicrohttpd */
	HTTPS_BODY,      /* its body is under way */
	HTTPS_ANSWERING, /* it is complete: what follows has to wait for its answer */
	HTTPS_CLOSING,   /* our last word is said */
	HTTPS_OVER,      /* freed from the loop */
};

/* Microseconds of what a turn of the loop may spend on all connections (https_afford), at least: a
 * step of a handshake; a head, up to here and through libmicrohttpd; what its owner makes of a
 * request. */
enum { HTTPS_COST_HANDSHAKE = 1000, HTTPS_COST_HEAD = 60, HTTPS_COST_REQUEST = 65 };

struct https_share;

struct https_connection {
	struct https *https;
	enum https_state state;
	struct tcp *tcp;
	struct association *association; /* NULL: the peer has said nothing yet */
	struct credentials *credentials; /* that the association was made with */
	struct peer_id peer;
	bool known; /* peer is set */
	struct timer *timer;
	mono_ms last;  /* something went in or out */
	mono_ms since; /* of this state; in HTTPS_HEAD and HTTPS_BODY: the request's first octet */
	/* Towards libmicrohttpd. */
	int plain; /* our end; -1: none */
	struct watch *watch;
	bool attached; /* it has the other end */
	uint8_t *in;   /* decrypted, not passed on yet: in_at to in_len; NULL: nothing */
	size_t in_at, in_len;
	size_t cleared; /* of it, so much may be passed on */
	struct http_head head;
	uint64_t body_left;              /* HTTPS_BODY; UINT64_MAX: in chunks */
	unsigned refusal;                /* status of our own last answer; 0: none */
	struct https_exchange *exchange; /* the request that waits for its answer */
	bool answered;    /* libmicrohttpd is done with it; what it said may be on its way still */
	size_t discarded; /* HTTPS_CLOSING */
	struct crowd_member member;   /* of all connections */
	struct crowd_member stranger; /* of those whose peer is not known (yet) */
	struct https_share *share;    /* its peer's */
	TAILQ_ENTRY(https_connection) siblings;
	TAILQ_ENTRY(https_connection) queue;
	bool queued; /* waits for a turn that can afford it */
};

TAILQ_HEAD(https_connections, https_connection);

struct https {
	struct loop *loop;
	const struct https_ops *ops;
	void *arg;
	struct https_config limits; /* its numbers only */
	struct credentials *credentials;
	struct association_server *tls;
	struct tcp_listener **sockets;
	size_t n_sockets;
	struct https_connections connections; /* all, until freed */
	struct crowd *all, *strangers;
	struct map *shares;                          /* by who the peer is */
	TAILQ_HEAD(https_shares, https_share) turns; /* those with connections that wait */
	struct timer *turn;
	uint64_t spent; /* microseconds; more than a turn's are a debt of the next ones */
	size_t held;    /* octets of bodies and answers under way */
	struct MHD_Daemon *mhd;
	struct watch *mhd_watch;
	struct timer *mhd_timer;
	struct https_connection *attaching;
	bool freeing;
};

/* --- https.c --------------------------------------------------------------------------------- */

/* False: not this turn; the connection is called by https_connection_go when its turn comes. */
bool https_afford(struct https_connection *c, unsigned cost);
/* What it took since then (loop_used_us) beyond what it was taken to cost counts against this turn,
 * and the next ones. */
void https_end(struct https *h, uint64_t begun, unsigned cost);
/* It is over: it does not count any more, and waits for nothing. */
void https_forget(struct https_connection *c);

/* --- https_share.c --------------------------------------------------------------------------- */

/* That of a peer, NULL: of all who are nobody; counted until it is left. */
struct https_share *https_share_join(struct https *h, const struct peer_id *peer);
void https_share_leave(struct https_share *s);
/* For so many octets more. */
bool https_share_has_room(const struct https_share *s, uint64_t len);
void https_share_hold(struct https_share *s, size_t len);
void https_share_release(struct https_share *s, size_t len);
/* Waits for a turn; legal when it does not. The first one: peers take turns, connections of a peer
 * go in order; NULL: none waits. It does not wait any more, and its peer is the last one. */
void https_share_wait(struct https_connection *c);
void https_share_forget(struct https_connection *c);
struct https_connection *https_share_first(const struct https *h);
void https_share_pass(struct https_connection *c);

/* --- https_connection.c ---------------------------------------------------------------------- */

/* Takes t. */
struct https_connection *https_connection_new(struct https *h, struct tcp *t);
void https_connection_go(struct https_connection *c);
unsigned https_connection_cost(const struct https_connection *c); /* of that, at least */
/* Is its peer still good, by the credentials that count now? */
void https_connection_judge(struct https_connection *c);
/* Ends without a word to the peer; the exchange under way is `gone`. */
void https_connection_over(struct https_connection *c);
/* At once; libmicrohttpd has let go of it. */
void https_connection_free(struct https_connection *c);

/* What libmicrohttpd has made of what it was given: a head, with a body to follow; a whole request
 * answered; its end of the connection closed. */
void https_connection_head_read(struct https_connection *c, uint64_t body);
void https_connection_complete(struct https_connection *c);
void https_connection_answered(struct https_connection *c);
void https_connection_detached(struct https_connection *c);

/* --- https_exchange.c ------------------------------------------------------------------------ */

/* False: libmicrohttpd cannot be started. */
bool https_exchange_start(struct https *h);
void https_exchange_stop(struct https *h);
/* Gives it the other end. 0 or -errno. */
int https_exchange_attach(struct https_connection *c, int fd);
/* Hands it to the owner. */
void https_exchange_deliver(struct https_exchange *ex);
bool https_exchange_waits(const struct https_exchange *ex); /* for that */
/* Its peer is gone. */
void https_exchange_abandon(struct https_exchange *ex);
/* Our own answer where libmicrohttpd is not to say anything: the whole message. */
char *https_refusal(unsigned status);

#endif
