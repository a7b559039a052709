/*
 * The inside of a session, for the files that share it: session.c (its life), dial.c and listener.c
 * (its two origins), stream.c and signalling.c (what is special over TCP), messaging.c, request.c
 * and exchange.c (CoAP on it).
 */
#ifndef DOTSD_NET_SESSION_PRIVATE_H
#define DOTSD_NET_SESSION_PRIVATE_H

#include <sys/queue.h>

#include "net/association.h"
#include "net/messaging.h"
#include "net/session.h"
#include "net/tcp.h"
#include "net/udp.h"

enum session_state {
	/* The handshake has not begun. Server: its turn's budget was used up; client: the TCP
	 * connection does not stand yet. */
	SESSION_WAITING,
	SESSION_HANDSHAKE,
	SESSION_GREETING, /* TCP: the peer is judged good, its CSM is to come (RFC 8323 5.3) */
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

/* What a session over TCP has besides. */
struct stream {
	uint8_t *bytes; /* received, not yet served: part of a message, or some that wait */
	size_t len, cap;
	size_t peer_max; /* the peer's Max-Message-Size (RFC 8323 5.3.1) */
	char *released;  /* the peer wants to end it (5.5), for that reason; owned */
};

struct session {
	struct loop *loop;
	const struct session_ops *ops;
	void *arg, *data;
	const struct session_origin *origin;
	struct listener *listener; /* NULL: dialled */
	enum session_state state;
	unsigned busy; /* callbacks under way: not to be freed */
	bool was_up;
	struct association *association;
	struct udp *udp; /* dialled: its own; else the listener's; NULL over TCP */
	struct tcp *tcp; /* its own; NULL over UDP */
	struct udp_path path;
	struct stream stream;
	char interface[IFNAMSIZ];
	struct credentials *credentials;
	struct credentials *proven_by; /* TCP: in SESSION_GREETING, and after; else NULL */
	char *server_name;
	struct timer *timer;     /* flights, ends of patience; when over, the way out */
	mono_ms patience;        /* the handshake ends then */
	mono_ms grace;           /* earlier end, after a plaintext alert; 0 = none */
	int alert;               /* its description */
	bool announced_too_much; /* part of a handshake message that is too large was dropped */
	char *reason;
	bool farewell; /* it was ended by the word of either end */
	struct peer_id peer;
	struct messaging coap;
	struct block_room room; /* dialled: for its own body; else the listener's counts */
	/* listener.c */
	TAILQ_ENTRY(session) siblings;
	struct accepting *accepting;
};

enum { HANDSHAKE_TIMEOUT_MS = 20000 };

/* A session in SESSION_WAITING; ops, origin and what else is known are set by the caller. */
struct session *session_new(struct loop *l, const struct session_ops *ops, void *arg,
	const struct session_origin *origin, struct credentials *credentials);
/* Begins the handshake; a client sends its first flight, over TCP once it is connected. False: it
 * could not; it is over. */
bool session_begin(struct session *s, struct association_setup *setup, uint32_t timeout_ms);
/* The handshake goes on: with one record, or (len 0) with what the stream has. */
void session_step(struct session *s, const uint8_t *record, size_t len);
/* The peer's first CSM is here: it is up, unless credentials are new since the handshake and its
 * peer is not good by them. */
void session_greeted(struct session *s);
/* One record for a session in SESSION_HANDSHAKE. */
void session_handshake(struct session *s, const uint8_t *record, size_t len);
/* One record for a session in SESSION_UP; false: it is not from the peer, nothing happened. */
bool session_record(struct session *s, const uint8_t *record, size_t len);
/* Over, for that reason; `down` comes from the loop. */
void session_end(struct session *s, const char *reason);
/* The same, by the word of either end. */
void session_part(struct session *s, const char *reason);
/* What association_read has said, if the association is over with it: so is the session, and the
 * peer is told. */
void session_read_over(struct session *s, enum association_read r);
/* Without a word; one that never began. */
void session_free(struct session *s);
/* `down` and the end of it, now. */
void session_finish(struct session *s);
/* 0 or -errno. */
int session_send(struct session *s, const void *message, size_t len);

/* --- stream.c: bytes of a connection to messages, and back --------------------------------------
 */

extern const struct tcp_ops stream_ops; /* of a connection; its arg is the session */
/* The session takes the connection, opened or not. */
void stream_attach(struct session *s, struct tcp *t);
void stream_free(struct session *s);
ssize_t stream_pull(void *arg, void *bytes, size_t cap);
/* For signalling, whose messages are small. */
void stream_send(struct session *s, const struct coap_msg *msg);

/* --- signalling.c (RFC 8323 section 5) -----------------------------------------------------------
 */

void signalling_greet(struct session *s); /* our CSM */
/* The peer's message: one of class 7, or before its CSM any. */
void signalling_receive(struct session *s, const struct coap_msg *msg);
/* Tells the peer why, and ends the session. */
void signalling_abort(struct session *s, const char *why);
/* An exchange is answered: a released session may end now. */
void signalling_answered(struct session *s);

#endif
