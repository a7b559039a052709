/*
 * The inside of a session, for the files that share it: session.c (its life), dial.c and listener.c
 * (its two origins), messaging.c, request.c and exchange.c (CoAP on it).
 */
#ifndef DOTSD_NET_SESSION_PRIVATE_H
#define DOTSD_NET_SESSION_PRIVATE_H

#include <sys/queue.h>

#include "net/dtls.h"
#include "net/messaging.h"
#include "net/session.h"
#include "net/udp.h"

enum session_state {
	SESSION_WAITING, /* server: the handshake has not begun, for its turn's budget was used up
			  */
	SESSION_HANDSHAKE,
	SESSION_UP,
	SESSION_OVER, /* `down` follows from the loop */
};

/* What the one who made a session is told. */
struct session_origin {
	/* Judged good: is there room for it? NULL, or why not. */
	const char *(*admit)(const struct session *s);
	void (*established)(struct session *s); /* judged good; `up` is the next callback */
	void (*over)(struct session *s);        /* not to be found any more; freed later */
	void (*freed)(struct session *s);       /* last words, `down` has returned */
	/* What its peer is judged by now; NULL: the credentials it was made with. */
	struct credentials *(*credentials)(const struct session *s);
};

struct accepting; /* listener.c */

struct session {
	struct loop *loop;
	const struct session_ops *ops;
	void *arg, *data;
	const struct session_origin *origin;
	struct listener *listener; /* NULL: dialled */
	enum session_state state;
	unsigned busy; /* callbacks under way: not to be freed */
	bool was_up;
	struct dtls *dtls;
	struct udp *udp; /* dialled: its own; else the listener's */
	struct udp_path path;
	char interface[IFNAMSIZ];
	struct credentials *credentials;
	char *server_name;
	struct timer *timer; /* flights and the end of patience; when over, the way out */
	mono_ms patience;    /* the handshake ends then */
	mono_ms grace;       /* earlier end, after a plaintext alert; 0 = none */
	int alert;           /* its description */
	char *reason;
	struct peer_id peer;
	struct messaging coap;
	/* listener.c */
	TAILQ_ENTRY(session) siblings;
	struct accepting *accepting;
};

enum { HANDSHAKE_TIMEOUT_MS = 20000 };

/* A session in SESSION_WAITING; ops, origin and what else is known are set by the caller. */
struct session *session_new(struct loop *l, const struct session_ops *ops, void *arg,
	const struct session_origin *origin, struct credentials *credentials);
/* Begins the handshake; a client sends its first flight. False: it could not; it is over. */
bool session_begin(struct session *s, struct dtls_setup *setup, uint32_t timeout_ms);
/* One record for a session in SESSION_HANDSHAKE. */
void session_handshake(struct session *s, const uint8_t *record, size_t len);
/* One record for a session in SESSION_UP; false: it is not from the peer, nothing happened. */
bool session_record(struct session *s, const uint8_t *record, size_t len);
/* Over, for that reason; `down` comes from the loop. */
void session_end(struct session *s, const char *reason);
/* Without a word; one that never began. */
void session_free(struct session *s);
/* `down` and the end of it, now. */
void session_finish(struct session *s);
/* 0 or -errno. */
int session_send(struct session *s, const void *message, size_t len);

#endif
