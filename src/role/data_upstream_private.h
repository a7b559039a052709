/*
 * The inside of data_upstream, for its files only: data_upstream.c (life, links, what channels ask,
 * what has become of it all), data_asker.c (who wants what, and where that may go), data_holder.c
 * (who has registrations, and what is to be in them), data_filter.c (what the signal channel asks).
 */
#ifndef DOTSD_ROLE_DATA_UPSTREAM_PRIVATE_H
#define DOTSD_ROLE_DATA_UPSTREAM_PRIVATE_H

#include <sys/queue.h>

#include "base/map.h"
#include "role/data_channel.h"
#include "role/data_upstream.h"

enum { TAG_LEN = 10 }; /* that names have at their end, without its dot */

/* What may not go to a domain, or (NULL) to anybody. */
struct unshared {
	char *domain, *reason;
};

/* What one domain is to have of a wish. */
struct part {
	uint32_t domain;
	json_t *entry;
	size_t prefixes, names, bytes;
	char *consent;
	bool excess; /* there is as much as may be */
};

/* An alias or ACL of an asker, and whose it is. */
struct item {
	enum share_kind kind;
	char *name, *via, *text; /* text: its JSON */
	const char *withheld;
	uint64_t number;
	struct part *parts;
	size_t n_parts;
	struct unshared *unshared;
	size_t n_unshared;
	bool is_planned;
};

struct asker {
	char *name; /* "": we */
	char tag[TAG_LEN + 2];
	struct holder *holder;
	struct item *items; /* aliases first */
	size_t n_items;
	struct map *index; /* of them, by kind and name */
	TAILQ_ENTRY(asker) entry;
};

/* Who has a registration at each domain: we, or a deputy. */
struct holder {
	char *name;                       /* "": we */
	TAILQ_HEAD(askers, asker) askers; /* we first, the others by name */
	struct data_channel **channels;   /* beside links; NULL: none */
	bool dirty;                       /* what it is to have there has to be gathered anew */
	TAILQ_ENTRY(holder) entry;
};

/* A registration that stands there, as far as is known. */
struct placed {
	char *cuid, *cdid;
};

struct data_upstream {
	struct loop *loop;
	struct persist *persist;
	struct dots_client *client;
	struct data_upstream_setup setup;
	struct data_link **links; /* of domains with a data channel */
	uint32_t *domains;        /* beside them */
	size_t n_links;
	TAILQ_HEAD(holders, holder) holders; /* we first */
	struct map *askers;                  /* by name */
	struct map *placed;                  /* by "domain/holder" */
	struct timer *later, *telling;
	mono_ms tell_next; /* not before */
	void (*changed)(void *arg);
	void *changed_arg;
};

/* data_upstream.c */
struct data_channel_setup data_upstream_channel_setup(struct data_upstream *u, size_t link);
/* n_links: that domain has no data channel. */
size_t data_upstream_link_of(const struct data_upstream *u, uint32_t domain);
/* NULL: none. */
const struct placed *data_upstream_placed(
	const struct data_upstream *u, uint32_t domain, const char *holder);

/* data_asker.c */
struct asker *data_asker_find(const struct data_upstream *u, const char *name); /* NULL: none */
void data_asker_free(struct asker *a); /* its holder has been left, or is gone */
/* NULL: it has none of that name. */
struct item *data_asker_find_item(const struct asker *a, enum share_kind kind, const char *name);
/* Its parts and who may not have it, anew. */
void data_asker_plan(const struct data_upstream *u, const struct asker *a, struct item *it);
/* domain: NULL: it may go to nobody. */
void data_asker_raise_unshared(const struct asker *a, const struct item *it, const char *domain,
	const char *section, const char *text);
/* Of the entry of a part or record; borrowed. */
const char *data_asker_name_there(const json_t *entry);

/* data_holder.c */
/* The one of that name; a new one where there is none. */
struct holder *data_holder_make(struct data_upstream *u, const char *name);
void data_holder_free(struct data_upstream *u, struct holder *h); /* it has no askers */
void data_holder_mark(struct data_upstream *u, struct holder *h); /* gathered from the loop */
void data_holder_join(struct data_upstream *u, struct asker *a, const char *name);
void data_holder_leave(struct data_upstream *u, struct asker *a);
/* Plans what is not planned, and gives each channel what is to be there. False: so much is to be
 * planned that the loop has to turn first. */
bool data_holder_gather(struct data_upstream *u, struct holder *h);
/* It has nothing anywhere, and nobody asks for anything through it; never: we. */
bool data_holder_is_idle(const struct data_upstream *u, const struct holder *h);

/* data_filter.c */
/* The client role: whom to ask about ACLs; and that what is on record has to be looked at anew. */
void data_filter_tell(struct data_upstream *u);

#endif
