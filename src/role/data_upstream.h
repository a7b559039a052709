/*
 * The client side of data channels (RFC 8783): aliases and filters of ours, and of a gateway's
 * clients, on record at each provider that may have them (homing/share.h), and kept there. It
 * shares links and cuids with the signal channel and nothing else: whatever becomes of it,
 * requests for mitigation are not touched.
 *
 * For us, and for each deputy (role/client.h), there is a registration of its own at each provider.
 * Which registrations there are is on record (kind "data-placed", key domain/holder), so that what
 * nobody wants any more is taken away, over restarts too.
 */
#ifndef DOTSD_ROLE_DATA_UPSTREAM_H
#define DOTSD_ROLE_DATA_UPSTREAM_H

#include "core/persist.h"
#include "homing/share.h"
#include "role/client.h"

struct data_upstream_setup {
	const struct homing *homing;      /* borrowed until reload or free, as all of it */
	struct credentials **credentials; /* by domain index */
	const struct share_wish *wishes;
	size_t n_wishes;
	const char *via;    /* of a gateway: what its requests say they came through; NULL */
	bool server_domain; /* registrations of deputies say whom they are for (RFC 8783 5.1) */
};

struct data_upstream;
/* client: borrowed; reloaded before this, freed after it. */
struct data_upstream *data_upstream_new(struct loop *l, struct persist *p,
	struct dots_client *client, const struct data_upstream_setup *s);
void data_upstream_free(struct data_upstream *u); /* what is on record stays there */
void data_upstream_reload(struct data_upstream *u, const struct data_upstream_setup *s);

/*
 * What a client of a gateway has on record under one cuid: asker is "<client>/<cuid>", as keys of
 * escalations begin (role/server.h). At the providers each name has a tag of the asker at its end:
 * clients may use the same ones, and the provider does not learn who they are (RFC 8783 10).
 */
struct data_relayed {
	enum share_kind kind;
	const char *name, *text; /* of its JSON, normalised */
	uint64_t number;         /* another one whenever something is different */
	const char *via;         /* that it came with, and that goes on (RFC 8783 3.4); NULL */
	const char *withheld;    /* as in share_wish; borrowed */
};
/* As long as a name may be, for it to fit with its tag (RFC 8783 4.3). Aliases could have longer
 * ones; but in a loop that no Via shows each round makes the name longer, and so it ends. */
enum { DATA_RELAYED_NAME_MAX = 53 };
/* All that it has, ACLs in their order; copied. n 0: nothing any more. holder: the deputy under
 * whose cuid it goes, "": ours. Carried out from the loop. */
void data_upstream_relay(struct data_upstream *u, const char *asker, const char *holder,
	const struct data_relayed *list, size_t n);
void data_upstream_each_asker(const struct data_upstream *u,
	void (*visit)(void *arg, const char *asker), void *arg); /* but ours */

/* What has become of one of them at all providers that are to have it. */
enum data_standing {
	DATA_NOWHERE,     /* there are none */
	DATA_WAITING,     /* it is being asked for */
	DATA_TAKEN,       /* by one at least */
	DATA_REFUSED,     /* by all of them */
	DATA_UNREACHABLE, /* nobody has taken it, and some cannot be reached */
};
struct data_refusal {
	unsigned code;   /* HTTP */
	const char *tag; /* error-tag; "" if there was none; valid until the loop runs */
};
enum data_standing data_upstream_standing(const struct data_upstream *u, const char *asker,
	enum share_kind kind, const char *name, struct data_refusal *ret);
/* Whenever that may be another one, for any of them. */
void data_upstream_on_change(struct data_upstream *u, void (*changed)(void *arg), void *arg);

/* For dotsctl. */
struct data_record_view {
	enum share_kind kind;
	const char *name, *domain, *server; /* "" where nobody may have it */
	const char *asker;                  /* "": ours */
	const char *as;                     /* its name there */
	const char *state;                  /* "placed", "pending", "refused" */
	const char *reason;                 /* of the last two; "" */
};
/* By domain; then what may go to nobody. */
void data_upstream_each(const struct data_upstream *u,
	void (*visit)(void *arg, const struct data_record_view *v), void *arg);

#endif
