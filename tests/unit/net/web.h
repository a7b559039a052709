/*
 * An HTTPS client by hand, straight on GnuTLS: it negotiates what a test says, and sends what a
 * test says, however wrong.
 */
#ifndef DOTSD_TEST_WEB_H
#define DOTSD_TEST_WEB_H

#include <gnutls/gnutls.h>

#include "harness.h"

struct web_setup {
	const char *certificate; /* name of its files; NULL: none */
	const char *priority;    /* NULL: GnuTLS's own */
	const char *alpn;        /* NULL: none is offered */
	const char *sni;
	const char *source; /* address; NULL: any */
	gnutls_datum_t resume;
	const char *early;     /* sent as early data where the ticket allows it */
	size_t receive_buffer; /* 0: the kernel's own */
};

struct web;
struct web *web_new(struct loop *l, const struct endpoint *to, const struct web_setup *setup);
void web_free(struct web *w); /* without a word */
bool web_is_up(const struct web *w);
bool web_is_over(const struct web *w); /* ended or broken by the other side */
int web_error(const struct web *w);    /* GnuTLS's, of the end; 0: close_notify */
int web_alert(const struct web *w);    /* received; -1: none */
gnutls_session_t web_tls(const struct web *w);
void web_send(struct web *w, const void *bytes, size_t len); /* queued */
void web_say(struct web *w, const char *text);
void web_listen(struct web *w, bool listen); /* reads what comes in; true until set */
void web_close(struct web *w);               /* close_notify, and the end of its direction */
const char *web_text(const struct web *w);   /* all it has received */
size_t web_len(const struct web *w);
void web_forget(struct web *w); /* it has received nothing so far */

#endif
