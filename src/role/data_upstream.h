/*
 * The client side of data channels (RFC 8783): aliases and filters of ours on record at each
 * provider that may have them (homing/share.h), and kept there. It shares links and cuids with the
 * signal channel and nothing else: whatever becomes of it, requests for mitigation are not
 * touched.
 */
#ifndef DOTSD_ROLE_DATA_UPSTREAM_H
#define DOTSD_ROLE_DATA_UPSTREAM_H

#include "homing/share.h"
#include "role/client.h"

struct data_upstream_setup {
	const struct homing *homing;      /* borrowed until reload or free, as all of it */
	struct credentials **credentials; /* by domain index */
	const struct share_wish *wishes;
	size_t n_wishes;
};

struct data_upstream;
/* client: borrowed; reloaded before this, freed after it. */
struct data_upstream *data_upstream_new(
	struct loop *l, struct dots_client *client, const struct data_upstream_setup *s);
void data_upstream_free(struct data_upstream *u); /* what is on record stays there */
void data_upstream_reload(struct data_upstream *u, const struct data_upstream_setup *s);

/* The name under which that ACL is on record at that domain's data channel now; NULL: it is not
 * there. asker: "" for one of ours, of a gateway's client "<client>/<cuid>", as keys of
 * escalations begin (role/server.h). Valid until the loop runs. */
const char *data_upstream_acl(
	const struct data_upstream *u, uint32_t domain, const char *asker, const char *acl);

/* For dotsctl. */
struct data_record_view {
	enum share_kind kind;
	const char *name, *domain, *server; /* "" where nobody may have it */
	const char *state;                  /* "placed", "pending", "refused" */
	const char *reason;                 /* of the last two; "" */
};
/* By domain; then what may go to nobody. */
void data_upstream_each(const struct data_upstream *u,
	void (*visit)(void *arg, const struct data_record_view *v), void *arg);

#endif
