/*
 * One DOTS server as our client sees it: where it is, the sessions to it, heartbeats, open
 * requests. Used by role/client.c and role/farewell.c only.
 *
 * At most two sessions at a time: `current`, and a `candidate` that is being set up beside it. The
 * old one is kept until the new one has answered (RFC 9132 4.7).
 */
#ifndef DOTSD_ROLE_UPSTREAM_H
#define DOTSD_ROLE_UPSTREAM_H

#include "homing/redirect.h"
#include "net/resolver.h"
#include "role/client.h"
#include "wire/coap.h"

struct upstream;

/* What the upstream tells its owner; from the loop. */
struct upstream_ops {
	void (*available)(void *arg, struct upstream *u, enum availability a);
	/* There is a new session, up since then: what the server has been told before, and not
	 * acknowledged since, may be lost there. After `available` and `answered`. */
	void (*renewed)(void *arg, struct upstream *u, mono_ms since);
	/* The request of that mid, or its repeat, left only now. */
	void (*sent)(void *arg, struct upstream *u, uint32_t mid);
	/* Answer to upstream_send, once each; observed: a notification or the answer to
	 * upstream_observe. */
	void (*answered)(void *arg, struct upstream *u, uint32_t mid, uint8_t method,
		const struct coap_msg *response);
	void (*observed)(
		void *arg, struct upstream *u, uint32_t mid, const struct coap_msg *response);
	bool (*under_attack)(void *arg, struct upstream *u);
	/* The server redirects (RFC 9132 4.6), `hops` times so far. NULL: no redirection is
	 * followed. */
	void (*redirected)(void *arg, struct upstream *u, const struct redirect *r, unsigned hops,
		struct redirect_decision *ret);
	/* redirect_addresses of those that an alternate server's name was resolved to. NULL: none.
	 */
	size_t (*usable)(void *arg, struct upstream *u, const struct addr *from, size_t n,
		struct addr ret[static REDIRECT_ADDRESSES_MAX]);
	/* The server may have moved: its session is lost, it cannot be reached, its certificate has
	 * ended. */
	void (*stale)(void *arg, struct upstream *u, const char *why);
};

struct upstream_context {
	struct loop *loop;
	struct links *links;
	const struct upstream_ops *ops;
	void *arg;
	const char *behalf; /* whom the sessions are for, told in events; NULL: ourselves */
	const char *cdid;   /* what that one is called in requests (RFC 9132 4.4.1.2), as it stands
			       when they are sent; "": they do not say */
};

/* homing, domain, server, credentials: borrowed until upstream_rebind or free. */
struct upstream *upstream_new(const struct upstream_context *cx, const struct homing *h,
	const struct domain *d, const struct domain_server *s, struct credentials *cred);
void upstream_free(struct upstream *u);
/* Takes over the same server of a new snapshot. False: it is another one now (id, address, access,
 * credentials): make a new upstream. */
bool upstream_rebind(struct upstream *u, const struct homing *h, const struct domain *d,
	const struct domain_server *s, struct credentials *cred);
/* From another owner from now on: with the sessions as they are, without what is open on them. */
void upstream_leave(struct upstream *u, const struct upstream_ops *ops, void *arg);
const struct domain_server *upstream_server(const struct upstream *u); /* as configured */
/* Those of the server that is dialled, configured or as they were resolved last. */
const struct addr *upstream_addresses(const struct upstream *u, size_t *ret_n);
enum availability upstream_availability(const struct upstream *u);
const char *upstream_behalf(const struct upstream *u); /* see upstream_context */
struct credentials *upstream_credentials(const struct upstream *u);
void upstream_link_changed(struct upstream *u, const char *interface);
/* Something waits for this server: the next attempt is brought forward as far as the pacing allows.
 */
void upstream_hurry(struct upstream *u);

/* Whether the domain is under attack may have changed: that set of session parameters is in force,
 * and what waited for calm is asked (RFC 9132 4.5). */
void upstream_config_review(struct upstream *u);

/* PUT or DELETE of a mid. payload is copied; NULL: none. hop_limit: of RFC 8768; 0: none. if_match:
 * only if the server has it (RFC 9132 4.4.3). A request of the same mid that is open is given up.
 * Of many at once some leave a little later: `sent` tells when. */
void upstream_send(struct upstream *u, const char *cuid, uint32_t mid, uint8_t method,
	const uint8_t *payload, size_t len, uint8_t hop_limit, bool if_match);
void upstream_repeat(struct upstream *u, uint32_t mid);
/* A resumed handshake from a new port in parallel; the open requests go out on both. As long as one
 * is unanswered others follow, at the pace of RFC 9132 4.7. */
void upstream_parallel(struct upstream *u);
/* Subscribes to the status of a mid on the current session; nothing if that stands already, or if
 * 24 others stand. */
void upstream_observe(struct upstream *u, const char *cuid, uint32_t mid);
/* The request of that mid is over: so are what is open under it and its subscription. */
void upstream_forget(struct upstream *u, uint32_t mid);

/*
 * Redirected signaling (RFC 9132 4.6): for a time another server stands in for the configured one,
 * over the same links and with the same credentials. Requests that are open go on there under their
 * mids; the old session stays until the new one is up. Back to the configured server when the time
 * is over and no request is live, or when the other one cannot be reached.
 */
enum { UPSTREAM_CONTACTS_MAX = 8 };
/* Whom it speaks with, or did lately; their number. Names are borrowed until its next turn. */
size_t upstream_contacts(
	const struct upstream *u, struct redirect_contact ret[static UPSTREAM_CONTACTS_MAX]);
/* The server that is used instead, on another upstream's session; NULL: none. */
const char *upstream_elsewhere(const struct upstream *u);
/* That session is no more: back to the configured server. */
void upstream_return(struct upstream *u);
/* No request is live any more: a redirection whose time is over ends. */
void upstream_calm(struct upstream *u);

void upstream_view(const struct upstream *u, struct server_view *ret);
void upstream_way(const struct upstream *u, struct server_way *ret);

#endif
