/*
 * Sessions: one DTLS association, or one TLS connection over TCP (RFC 8323), with CoAP messaging on
 * it, either role.
 *
 * DTLS 1.2 with X.509 or raw public keys (mutual) or ECDHE-PSK, stateless tickets, flights driven
 * by the loop's timers, MTU 1280; CoAP (RFC 7252) with CON and NON in both directions,
 * de-duplication, retransmission, Observe (RFC 7641), bodies in blocks (RFC 7959). Both ends may
 * send requests on one session (RFC 9132 3, 4.7). Owners see no difference between the transports
 * but for session_transport: over TCP what was sent is never sent again (RFC 8323 2.2), so
 * request_repeat does nothing there and says 0.
 *
 * Callbacks run from the loop, never from inside a call of the owner into this file; a session is
 * freed by this file after its `down` callback returned.
 */
#ifndef DOTSD_NET_SESSION_H
#define DOTSD_NET_SESSION_H

#include <net/if.h>

#include "base/addr.h"
#include "base/loop.h"
#include "net/credentials.h"
#include "net/resumption.h"
#include "wire/coap.h"

struct session;
struct exchange; /* a request received, waiting for its response */

struct session_ops {
	/* The one judge (RFC 9132 8): runs after every handshake, also a resumed one, once the
	 * chain, its validity and (client side) the server's name are proven, and before `up`. NULL
	 * accepts, else the reason: the handshake ends with an alert and `down` follows. It may be
	 * run again by session_judge. */
	const char *(*judge)(void *arg, struct session *s);
	/* Over TCP once the peer's CSM has come (RFC 8323 5.3): by then a client knows that the
	 * server has accepted it. */
	void (*up)(void *arg, struct session *s);
	/* The association is over: never came up, closed by an authenticated alert, timed out in
	 * the handshake, or session_close. A server's session never goes down for silence alone.
	 * `reason` is a short text. Outstanding requests have had their callbacks with -ECANCELED.
	 */
	void (*down)(void *arg, struct session *s, const char *reason);
	/* An authentic, well-formed request (duplicates filtered, critical options checked). Answer
	 * by exchange_respond, now or later. */
	void (*request)(
		void *arg, struct session *s, struct exchange *ex, const struct coap_msg *req);
	/* Any authenticated datagram from the peer, or data of its stream, before it is looked at.
	 */
	void (*heard)(void *arg, struct session *s);
	/* The peer rejected a notification (RST, RFC 7641 3.6): forget this observer. */
	void (*observer_gone)(void *arg, struct session *s, const uint8_t *token, size_t token_len);
};

/* SESSION_UDP: CoAP over DTLS (RFC 9132 3). SESSION_TCP: CoAP over TLS (RFC 8323), on the same port
 * number. */
enum session_transport { SESSION_UDP, SESSION_TCP };
const char *session_transport_name(enum session_transport t); /* "udp", "tcp" */

/* Largest body in blocks: that is fetched, and that is answered unless a listener says otherwise.
 */
enum { SESSION_BODY_MAX = 256 * 1024 };

/* CoAP transmission parameters (RFC 7252 4.8 with the values of RFC 9132 4.5.2). */
struct coap_params {
	uint32_t ack_timeout_ms;     /* 2000 */
	uint32_t ack_random_percent; /* 150 */
	uint32_t max_retransmit;     /* 3 */
};
#define COAP_PARAMS_DEFAULT ((struct coap_params){2000, 150, 3})

/* --- making: the server side -------------------------------------------------------------- */

/* Opened for both transports. */
struct listen_socket {
	char interface[IFNAMSIZ]; /* bound to this device; "" = any */
	struct endpoint local;
};

struct listener_config {
	const struct listen_socket *sockets;
	size_t n_sockets;
	struct credentials *credentials; /* referenced; NULL: PSK only */
	psk_lookup psk;                  /* NULL: certificates only */
	uint32_t max_sessions;  /* established ones; 0 = 10000. Beyond: new handshakes are not
				   begun, and those under way are refused at their end */
	uint32_t max_half_open; /* handshakes under way, all sources; 0 = 512. Beyond: the oldest of
				   the prefix with the most makes room for one of a prefix with
				   fewer, once it has been under way for a second × (the fewer + 1)
				   / (the most). Else the new one is turned away. An accepted TCP
				   connection is one; beyond any limit it is reset */
	uint32_t max_half_open_per_prefix; /* per /24 or /56; 0 = 16 */
	uint32_t handshakes_per_turn;  /* budget of full handshakes begun per loop turn; 0 = 8 */
	uint32_t handshake_timeout_ms; /* a handshake that takes longer is over; 0 = 20000 */
	uint32_t max_body;             /* largest body that is answered in blocks, below 16 MiB; 0 =
					  SESSION_BODY_MAX. Beyond: 5.00 */
	size_t max_bodies; /* what all sessions' bodies under way may hold; 0 = 16 MiB. Beyond:
			      5.03 with Max-Age */
};

struct listener;
/* Cookies are stateless; cookie and ticket keys rotate. The ClientHello of a known 5-tuple starts a
 * handshake beside the old association, which ends only when the new one has finished. Replies
 * leave from the address and interface the request came in on. NULL with `why` (cap bytes: which
 * address, which error). */
struct listener *listener_new(struct loop *l, const struct listener_config *cfg,
	const struct session_ops *ops, void *arg, char *why, size_t cap);
/* Sends close_notify to all and frees all sessions (their `down` is called). */
void listener_free(struct listener *ln);
/* New credentials for later handshakes; NULL: PSK only. Tickets given so far do not resume. Peers
 * whose session is not up yet have to be good by these, too; for others there is session_judge. */
void listener_set_credentials(struct listener *ln, struct credentials *c);
/* The limits of cfg from now on; what is beyond them already stays. */
void listener_set_limits(struct listener *ln, const struct listener_config *cfg);
/* false stops; the visitor may call session_close on the one it is given. */
void listener_each(
	struct listener *ln, bool (*visit)(void *arg, struct session *s), void *visit_arg);
size_t listener_count(const struct listener *ln);
/* Handshakes under way, cookies checked. */
size_t listener_handshakes(const struct listener *ln);

/* --- making: the client side -------------------------------------------------------------- */

struct dial {
	enum session_transport transport;
	const char *interface; /* SO_BINDTODEVICE; NULL: not bound */
	struct addr source;    /* family 0: chosen by the kernel */
	struct endpoint remote;
	const char *server_name; /* SNI (a name only) and reference identity (RFC 9525 DNS-ID, or
				    SRV-ID of the service dots-signal); an IP address text is
				    compared with iPAddress names */
	struct credentials *credentials; /* referenced */
	const struct resumption *resume; /* borrowed during the call; NULL: full handshake */
	uint32_t handshake_timeout_ms;   /* 0 = 20000 */
};
/* A new socket (so a new port) each time, never reused. NULL and *ret_error = -errno when the
 * socket cannot be made exactly as asked: nothing falls back to another link. */
struct session *session_dial(struct loop *l, const struct dial *d, const struct session_ops *ops,
	void *arg, int *ret_error);
/* What a later dial to the same server needs to resume; owned by the caller; NULL before `up` or if
 * the server gave no ticket. */
struct resumption *session_resumption(const struct session *s);

/* --- both ---------------------------------------------------------------------------------- */

bool session_is_up(const struct session *s);
enum session_transport session_transport(const struct session *s);
bool session_was_resumed(const struct session *s);
const struct peer_id *session_peer(const struct session *s); /* valid in judge and after it */
/* What we have proven ourselves with on a dialled session (credentials_label): a reload may have
 * brought others since. */
const char *session_credential(const struct session *s);
const struct endpoint *session_local(const struct session *s);
const struct endpoint *session_remote(const struct session *s);
const char *session_interface(const struct session *s); /* device of the link; "" if not known */
void *session_data(const struct session *s);            /* the owner's own pointer */
void session_set_data(struct session *s, void *data);
/* Judges the peer again (after a reload), as after a handshake; a refusal closes the session. An
 * accepted session goes by the credentials its listener has now. */
void session_judge(struct session *s);
/* The same by these credentials: for a dialled session that came up with older ones. */
void session_judge_by(struct session *s, const struct credentials *c);
/* close_notify, then `down` with "closed" from the loop. */
void session_close(struct session *s);
/* Valid in `down`: the session ended by the word of either end: our session_close, the peer's
 * close_notify (RFC 5246 7.2.1) or Release (RFC 8323 5.5). False: it broke, was refused or
 * replaced, ended with an Abort or an alert that is an error, or timed out in the handshake. */
bool session_said_farewell(const struct session *s);
/* close_notify, and no callback any more, not even `down`: its owner is going away. Open requests
 * are forgotten without callback. */
void session_abandon(struct session *s);
void session_set_params(struct session *s, const struct coap_params *p);
/* How many requests of the peer may wait for an answer at a time; beyond: 5.03 with Max-Age. 64
 * until set, and at most: that many Message IDs are remembered. */
void session_set_waiting_max(struct session *s, uint32_t n);
/* Largest CoAP message that this session carries: one datagram (RFC 9132 7.3), or what the peer's
 * Capabilities allow (RFC 8323 5.3.1). */
size_t session_max_message(const struct session *s);
/* Largest body that exchange_respond and session_notify send in blocks. */
size_t session_max_body(const struct session *s);

/* A body that came in blocks (RFC 7959 2.4) is fetched to its end, Confirmable or not as the
 * request was, and delivered as one response with the options of its first block, at most
 * SESSION_BODY_MAX of it. What changed meanwhile (ETag) or has a gap is begun anew, twice at most;
 * a block of a Non-confirmable request is asked for again every 3 s, five times at most. response:
 * borrowed, NULL on failure with error -ETIMEDOUT (CON or block given up), -ECONNRESET (RST),
 * -EMSGSIZE (a body too large, or one that never stood still) or -ECANCELED (session over). For an
 * observation (request with Observe 0 answered with Observe) it is called for every notification in
 * order until an answer without Observe, an error, or cancel. The rest of a notification is fetched
 * by plain GETs (RFC 7959 2.6); a newer notification takes its place, and one whose rest cannot be
 * had is lost like one whose datagram was.
 */
typedef void (*response_cb)(
	void *arg, struct session *s, const struct coap_msg *response, int error);

/* Sends a request: id and token are set here (token random). CON is retransmitted; NON is sent once
 * and stays open until answered or cancelled: repeat it by request_repeat at the pace the caller's
 * rules allow. Returns a handle > 0, or -errno (-EMSGSIZE: larger than session_max_message;
 * -EMFILE: more than 64 open). */
int64_t request_send(struct session *s, const struct coap_msg *msg, response_cb cb, void *arg);
/* The same NON request again: same token, new Message ID. 0 or -ENOENT. Nothing goes out while the
 * rest of its answer is being fetched. */
int request_repeat(struct session *s, int64_t handle);
/* Forgets it, without callback; a later answer is ignored. Over UDP a notification is answered RST,
 * over TCP the server is told at once that an observation is over (RFC 8323 7.4). */
void request_cancel(struct session *s, int64_t handle);

/* Answers and frees the exchange; type and id are set here (piggybacked, separate or NON as due).
 * Code 0: there is no response (RFC 9132 4.4.3), only the acknowledgement of a Confirmable request.
 * A payload that does not fit one message goes out in blocks (RFC 7959 2.2): the first one now, the
 * others as the peer asks for them, from a copy that is kept with the session until another large
 * answer takes its place or 30 s went by without a request for it (10 s once the last block was
 * sent, which may get lost). A request for a later block reaches the owner, without Observe, only
 * when there is no such copy: the wanted block of the new body is answered then, and its ETag tells
 * the peer. A no-op but for the freeing when the session is gone. */
void exchange_respond(struct exchange *ex, const struct coap_msg *response);
/* The session of the exchange, NULL when it is gone. */
struct session *exchange_session(const struct exchange *ex);
/* A notification: Non-confirmable (RFC 9132 4.4.2.1) unless its type says otherwise, to a token
 * whose request was answered with Observe. Of a payload that does not fit one message the first
 * block goes out, and the others as after exchange_respond (RFC 7959 2.6). 0 or -errno, nothing was
 * sent then: -EBUSY (the peer is fetching a body, which this one would replace: try later),
 * -ENOBUFS (max_bodies: try later), -EMSGSIZE (larger than session_max_body, or no such observer).
 */
int session_notify(struct session *s, const uint8_t *token, size_t token_len,
	const struct coap_msg *notification);

#endif
