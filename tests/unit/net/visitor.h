/*
 * An HTTPS client by hand, straight on GnuTLS: it negotiates what a test says, and sends what a
 * test says, however wrong.
 */
#ifndef DOTSD_TEST_VISITOR_H
#define DOTSD_TEST_VISITOR_H

#include <gnutls/gnutls.h>

#include "harness.h"

struct visitor_setup {
	const char *certificate; /* name of its files; NULL: none */
	const char *priority;    /* NULL: GnuTLS's own */
	const char *alpn;        /* NULL: none is offered */
	const char *sni;
	const char *source; /* address; NULL: any */
	gnutls_datum_t resume;
	const char *early;     /* sent as early data where the ticket allows it */
	size_t receive_buffer; /* 0: the kernel's own */
};

struct visitor;
struct visitor *visitor_new(
	struct loop *l, const struct endpoint *to, const struct visitor_setup *setup);
void visitor_free(struct visitor *w); /* without a word */
bool visitor_is_up(const struct visitor *w);
bool visitor_is_over(const struct visitor *w); /* ended or broken by the other side */
int visitor_error(const struct visitor *w);    /* GnuTLS's, of the end; 0: close_notify */
int visitor_alert(const struct visitor *w);    /* received; -1: none */
gnutls_session_t visitor_tls(const struct visitor *w);
void visitor_send(struct visitor *w, const void *bytes, size_t len); /* queued */
bool visitor_has_sent(const struct visitor *w); /* the kernel has all of it, or it is lost */
void visitor_say(struct visitor *w, const char *text);
void visitor_listen(struct visitor *w, bool listen); /* reads what comes in; true until set */
void visitor_close(struct visitor *w);             /* close_notify, and the end of its direction */
const char *visitor_text(const struct visitor *w); /* all it has received */
size_t visitor_len(const struct visitor *w);
void visitor_forget(struct visitor *w); /* it has received nothing so far */

#endif
