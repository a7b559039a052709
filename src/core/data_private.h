/*
 * What the files data*.c share: the book, and what stands in it besides what everybody may see.
 */
#ifndef DOTSD_CORE_DATA_PRIVATE_H
#define DOTSD_CORE_DATA_PRIVATE_H

#include <sys/queue.h>

#include "base/heap.h"
#include "base/map.h"
#include "base/trie.h"
#include "core/data.h"

enum { DATA_KINDS = 2 };

/* Found by the id of the rule that it counts for. */
struct data_tally {
	struct data_stored *of;
	size_t at;
	uint64_t packets, bytes; /* told last */
};

/* All ACLs for one destination; one ACL for one destination. */
struct data_bucket {
	struct prefix destination;
	LIST_HEAD(data_uses, data_use) uses;
};
struct data_use {
	LIST_ENTRY(data_use) entry;
	struct data_stored *of;
	struct data_bucket *bucket;
};

struct data_stored {
	struct data_entry entry; /* first */
	struct data_registration *of;
	struct heap_node expiry;
	void *meaning; /* all that entry.alias or entry.acl consists of */
	size_t bytes;  /* of its text */
	bool fresh;    /* of an edit under way: on no record, in no index */
	/* Of an ACL: */
	struct data_tally *tallies; /* by ACE */
	struct data_use *uses;
	size_t n_uses;
	uint64_t seen; /* in which search */
};

struct data_owner {
	char *client;
	TAILQ_HEAD(data_registrations, data_registration) registrations;
	size_t n;
	size_t bytes; /* of all their entries */
};

struct data_registration {
	struct data_client client; /* first */
	uint64_t since;            /* a number: they are ordered by it */
	char *head;                /* data_record_head */
	struct data_owner *owner;
	TAILQ_ENTRY(data_registration) entry; /* of the owner's */
	TAILQ_ENTRY(data_registration) all;
	TAILQ_ENTRY(data_registration) dirty;
	bool is_dirty, filters_changed;
};

struct data {
	struct data_policy policy;
	struct persist *persist;
	struct data_version version; /* of the change under way */
	uint64_t number;             /* given last: of versions, registrations and rules */
	struct data_registrations all, dirty;
	struct map *registrations; /* by cuid */
	struct map *owners;        /* by client */
	struct map *mitigating;    /* cuid -> name of its client */
	struct map *tallies;       /* by rule id */
	struct heap expiries;
	struct trie *destinations; /* struct data_bucket */
	uint64_t search;
	void (*changed)(void *arg, const char *client);
	void *changed_arg;
	void (*edited)(void *arg, const char *client, const char *cuid);
	void *edited_arg;
	void (*activated)(void *arg, const struct data_activation *a);
	void *activated_arg;
};

static inline struct data_stored *
data_stored_of(const struct data_entry *e)
{
	return (struct data_stored *)(void *)e;
}
static inline struct data_registration *
data_registration_of(const struct data_client *dc)
{
	return (struct data_registration *)(void *)dc;
}

/* ---- data.c ---- */

/* Lists of a registration, and what else goes by the kind. */
struct data_entry ***data_list(struct data_client *dc, enum data_kind kind, size_t **ret_n);
struct data_version *data_list_version(struct data_client *dc, enum data_kind kind);
/* Where an alias of that name stands or would stand. */
size_t data_place(struct data_entry *const *list, size_t n, const char *name, bool *ret_found);
/* Nothing of it may be there yet; order is that of calls. */
struct data_registration *data_add_registration(
	struct data *d, const char *client, const char *cuid, const char *cdid, uint64_t since);
/* A number that was never given before, not before a restart either: milliseconds of the clock, but
 * at least one more each time, for what was given last may not be on record. */
uint64_t data_take_number(struct data *d, wall_ms now);
/* A change begins: the version of all that it is about ... */
void data_begin(struct data *d, wall_ms now);
/* ... in that list of that registration ... */
void data_mark(struct data *d, struct data_registration *r, enum data_kind kind);
/* ... and is over: on record, and told. */
void data_settle(struct data *d);
/* Into and out of what entries are found by. */
void data_enter(struct data *d, struct data_stored *s, const struct client *c);
void data_leave(struct data *d, struct data_stored *s);
/* Its activation-type has become another one; type 0: it is gone. An alias is fine. */
void data_tell_activation(const struct data *d, const struct data_stored *s,
	enum activation_type type, bool by_signal);
/* Takes it out of its registration's list, off the record, and frees it. */
void data_drop(struct data *d, struct data_stored *s);
wall_ms data_expiry(const struct data *d, wall_ms now); /* of what is written now */

/* ---- data_entry.c ---- */

/* NULL with *err. Rules have no ids yet. */
struct data_stored *data_entry_read(enum data_kind kind, const char *name, const json_t *entry,
	const struct client *c, uint32_t bytes_max, struct restconf_error *err);
void data_entry_free(struct data_stored *s); /* NULL is legal */
/* What is the same as it was keeps version, ids and counters. True: all is. entry: that `to` was
 * read from. */
bool data_entry_carry(struct data_stored *to, const json_t *entry, const struct data_stored *from);
/* Whether it could still be asked for by that client. */
bool data_entry_is_allowed(const struct data_stored *s, const struct client *c);

/* ---- data_alias.c ---- */

/* From normalised JSON; in the arena. */
bool data_alias_read(const json_t *entry, const struct client *c, struct arena *a,
	struct alias *ret, struct restconf_error *err);
bool data_alias_is_allowed(const struct alias *al, const struct client *c);

/* ---- data_index.c ---- */

void data_index_add(struct data *d, struct data_stored *s, const struct client *c);
void data_index_remove(struct data *d, struct data_stored *s);
/* An ACL of another registration that treats something oppositely (core/acl.h); NULL: none. */
const struct data_stored *data_index_conflict(struct data *d, struct data_stored *s,
	const struct client *c, const struct clients *clients, unsigned *inout_looks);

/* ---- data_record.c ---- */

/* What the records of its entries have in common. */
char *data_record_head(const struct data_registration *r);
void data_record_put(struct data *d, const struct data_stored *s);
void data_record_remove(struct data *d, const struct data_stored *s);
void data_record_put_client(struct data *d, const struct data_registration *r);
void data_record_remove_client(struct data *d, const struct data_registration *r);
void data_record_put_state(struct data *d);

#endif
