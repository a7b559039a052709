/*
 * An HTTPS server by hand, straight on GnuTLS: it shows what a test says, answers what a test says,
 * however wrong, and ends as a test says. It believes every client.
 */
#ifndef DOTSD_TEST_SITE_H
#define DOTSD_TEST_SITE_H

#include <gnutls/gnutls.h>

#include "harness.h"

enum { SITE_TEXT_MAX = 256 * 1024, SITE_ENDS_MAX = 64 };

enum site_then {
	SITE_STAYS,
	SITE_CLOSES, /* close_notify, and the end of its direction */
	SITE_CUTS,   /* the end without close_notify */
	SITE_RESETS,
};

struct site_end;
struct site {
	struct loop *loop;
	struct watch *watch;
	int fd;
	struct endpoint at;
	gnutls_certificate_credentials_t credentials;
	gnutls_psk_server_credentials_t psk;
	gnutls_datum_t ticket_key;
	const char *priority;
	struct site_end *ends[SITE_ENDS_MAX]; /* all connections, the last one counts */
	/* What it has seen. */
	unsigned connections, handshakes, resumed, requests, over;
	struct endpoint remote;   /* of the last */
	char sni[256];            /* of the last handshake; "-": none */
	bool shown;               /* the client has shown a certificate */
	int alert;                /* received last; -1: none */
	char text[SITE_TEXT_MAX]; /* all that was received */
	size_t len;
	size_t sent;
	/* What it does. */
	bool mute;           /* accepts, and says nothing */
	const char *answer;  /* to each request, when its head is there; NULL: nothing */
	size_t answer_len;   /* 0: as text */
	const char *forever; /* after the answer, again and again */
	enum site_then then;
	unsigned stays;    /* so many requests of each connection before `then` */
	bool closes_quiet; /* a connection that has come up, at once */
	void (*on_request)(struct site *s);
};

/* certificate: name of its files. priority NULL: GnuTLS's own. */
void site_start(struct site *s, struct loop *l, const char *certificate, const char *priority);
/* At an address, in the namespace of the moment. */
void site_start_at(struct site *s, struct loop *l, const char *certificate, const char *priority,
	const char *address);
void site_stop(struct site *s);
/* On the last connection. */
void site_say(struct site *s, const char *bytes, size_t len);
void site_end(struct site *s, enum site_then how);
bool site_has(const struct site *s, const char *text);

#endif
