/*
 * What the tests of sessions share: a loop that is turned until something is true, owners that
 * record what they are told, a relay that loses datagrams, a peer that speaks CoAP by hand.
 */
#ifndef DOTSD_TEST_HARNESS_H
#define DOTSD_TEST_HARNESS_H

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <string.h>
#include <cmocka.h>

#include "net/session.h"
#include "pki.h"

/* --- time ----------------------------------------------------------------------------------- */

/* A failure, never a result, comes after this long. */
enum { PATIENCE_MS = 60000, HELD_MAX = 128 };

void harness_turn(struct loop *l);
void harness_late(const char *expression, const char *file, int line);
long harness_ms(void);

#define WAIT(l, expression)                                                                        \
	do {                                                                                       \
		long wait_start_ = harness_ms();                                                   \
		while (!(expression)) {                                                            \
			if (harness_ms() - wait_start_ > PATIENCE_MS)                              \
				harness_late(#expression, __FILE__, __LINE__);                     \
			harness_turn(l);                                                           \
		}                                                                                  \
	} while (0)

/* Lets what is under way arrive: some turns of the loop with nothing to wait for. */
void harness_settle(struct loop *l);

/* --- owners --------------------------------------------------------------------------------- */

struct side {
	unsigned judged, ups, downs, heard, requests, observers_gone;
	struct session *session; /* the last that came up; NULL when it is down */
	char reason[256];        /* of the last down */
	bool farewell;           /* was it one? */
	struct peer_id peer;     /* of the last up */
	bool resumed;
	const char *refuse; /* what the judge says */
	bool hold;          /* keep exchanges instead of answering */
	struct exchange *held[HELD_MAX];
	unsigned n_held;
	size_t answer_len;    /* of the payload; 0: "pong" */
	char payload[64];     /* of the last request */
	uint8_t type;         /* of the last request */
	const char *psk_name; /* what a listener's PSK lookup knows */
	uint8_t psk_key[16];
	/* Answers in place of everything above. */
	void (*answer)(struct side *side, struct exchange *ex, const struct coap_msg *req);
	void (*on_request)(struct side *side, struct session *s);
	void (*on_up)(struct side *side, struct session *s);
};
extern const struct session_ops side_ops;
int side_psk(void *arg, const char *identity, uint8_t *key, size_t *inout_len);
void side_answer(struct exchange *ex, uint8_t code, const char *payload);
void side_answer_held(struct side *side);

/* Responses to requests. */
struct answers {
	unsigned n;
	int error; /* of the last */
	uint8_t code, type;
	char payload[64];
};
void answers_cb(void *arg, struct session *s, const struct coap_msg *response, int error);
int64_t ask(struct session *s, enum coap_type type, const char *payload, struct answers *a);

/* --- credentials and ends ------------------------------------------------------------------- */

/* CA, server and client certificates: ca, server (dots.example), client (client.example), and the
 * like; see harness.c. */
void harness_pki(void);
/* The same and its end, around a group of tests. */
int harness_begin(void **state);
int harness_end(void **state);
/* One that was free for both transports a moment ago. */
uint16_t harness_free_port(const struct endpoint *at);
struct credentials *harness_credentials(const char *certificate, const char *trust);
struct credentials *harness_psk(const char *identity, const char *file);
/* On a port of the kernel's choice at `address`; cfg NULL: server certificate, no PSK. */
struct listener *harness_listen(struct loop *l, const char *address, struct listener_config *cfg,
	struct side *side, struct endpoint *ret);
struct dial harness_dialling(const struct endpoint *to, struct credentials *c);

/* --- relay ---------------------------------------------------------------------------------- */

struct relay {
	struct watch *outer, *inner;
	int outer_fd, inner_fd;
	struct endpoint at; /* where clients send to */
	struct sockaddr_storage client;
	socklen_t client_len;
	unsigned up, down;           /* datagrams seen */
	unsigned lose_up, lose_down; /* so many of the next are lost */
	bool deaf;                   /* nothing gets through */
	bool twice;                  /* client's datagrams arrive twice */
	uint8_t last_down[2048];     /* the last datagram of the server */
	size_t last_down_len;
	/* Asked for each datagram of the client; false: lost. */
	bool (*pass_up)(void *arg, const uint8_t *bytes, size_t len);
	void *pass_arg;
};
void relay_start(struct relay *r, struct loop *l, const struct endpoint *server);
/* After outer_fd was replaced. */
void relay_watch_outer(struct relay *r, struct loop *l);
void relay_stop(struct relay *r);
/* As if the server had sent it. */
void relay_inject_down(struct relay *r, const void *bytes, size_t len);
void relay_inject_up(struct relay *r, const void *bytes, size_t len);

/* --- a peer by hand ------------------------------------------------------------------------- */

struct raw;
struct raw *raw_new(
	struct loop *l, const struct endpoint *to, const char *source, struct credentials *c);
void raw_free(struct raw *r);
bool raw_is_up(const struct raw *r);
/* Stops after the answer to the second ClientHello. */
void raw_mute(struct raw *r);
unsigned raw_datagrams(const struct raw *r);
void raw_send(struct raw *r, const void *bytes, size_t len);
void raw_send_msg(struct raw *r, const struct coap_msg *msg);
/* Messages received so far, in order; decoded, valid until raw_free. */
unsigned raw_count(const struct raw *r);
const struct coap_msg *raw_msg(const struct raw *r, unsigned i);
const uint8_t *raw_bytes(const struct raw *r, unsigned i, size_t *ret_len);

/* --- the same over TCP: line.c ---------------------------------------------------------------- */

/* A TLS client. It sends no CSM by itself. */
struct line;
struct line *line_new(
	struct loop *loop, const struct endpoint *to, const char *source, struct credentials *c);
void line_free(struct line *l);
bool line_is_up(const struct line *l); /* its handshake is done */
bool line_is_over(const struct line *l);
const char *line_why(const struct line *l); /* of the end */
void line_listen(struct line *l, bool listen);
void line_send(struct line *l, const void *bytes, size_t len); /* in records of their own */
void line_send_msg(struct line *l, const struct coap_msg *msg);
void line_greet(struct line *l); /* a CSM: up to 16384 bytes a message */
unsigned line_count(const struct line *l);
const struct coap_msg *line_msg(const struct line *l, unsigned i);

/* A plain connection, that says nothing by itself. */
int knock(const struct endpoint *to, const char *source);
bool knock_stands(int fd); /* neither ended nor broken by the other side */

/* A relay of one connection. */
struct tube {
	struct loop *loop;
	struct watch *listen, *client, *server;
	int listen_fd, client_fd, server_fd;
	struct endpoint at; /* where the client connects to */
	size_t chunk;       /* bytes a turn; 0: what is there */
	size_t up, down;    /* bytes passed */
	bool held;          /* tube_hold */
};
void tube_start(struct tube *t, struct loop *l, const struct endpoint *server);
/* Takes nothing (more) from the server, until it does again. */
void tube_hold(struct tube *t, bool hold);
void tube_stop(struct tube *t);

#endif
