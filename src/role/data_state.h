/*
 * Shared by the files of the data channel's server only: data_server.c (life, who may be here,
 * what is in force), data_route.c (where a target leads), data_answer.c, data_view.c (what a GET
 * shows), data_edit.c (what the others change), data_condition.c (If-Match and the like).
 */
#ifndef DOTSD_ROLE_DATA_STATE_H
#define DOTSD_ROLE_DATA_STATE_H

#include <sys/queue.h>

#include "base/event.h"
#include "base/map.h"
#include "core/rate.h"
#include "role/data_server.h"
#include "wire/data.h"

struct data_answer;
TAILQ_HEAD(data_answer_list, data_answer);

struct data_server {
	struct server_data channel; /* as the signal channel sees it */
	struct loop *loop;
	struct persist *persist;
	struct data_server_setup setup;
	struct https *https;
	struct dots_server *signal;
	struct data *data;
	struct data_escalation *escalation; /* NULL */
	struct mitigator **mitigators;
	size_t n_mitigators;
	struct map *tenants; /* struct tenant, by the name of its `clients:` entry */
	struct timer *expiry;
	struct data_answer_list answers; /* that wait for the store, and for what is in force */
	struct event_quota strangers;
};

/* What is kept of a `clients:` entry. */
struct tenant {
	char *client;
	struct rate requests;
	struct event_quota refusals, loops;
	size_t rules;      /* of those that are to be in force */
	size_t installing; /* mitigators that have not said yet that its filters are in force */
};

/* Where a request target leads. */
enum place {
	PLACE_META, /* of RESTCONF itself, and what is state only */
	PLACE_STORE,
	PLACE_DOTS_DATA,
	PLACE_CLIENTS, /* the whole list */
	PLACE_CLIENT,
	PLACE_KEY,       /* its cuid or cdid */
	PLACE_CONTAINER, /* aliases, acls */
	PLACE_LIST,      /* alias, acl: the whole list */
	PLACE_ENTRY,     /* one of them, or what is in it */
	PLACES
};

struct data_request {
	struct data_server *server;
	struct https_exchange *ex;
	const struct https_request *http;
	const struct client *asker;  /* whose certificate it is */
	const struct client *client; /* whom it is for: another one only behind a gateway that is
					trusted (RFC 8783 3.3, 5.1) */
	struct tenant *tenant;
	struct arena *arena;
	bool head;
	struct restconf_path path;
	struct restconf_query query;
	enum place place;
	const char *cuid;         /* of CLIENT and below */
	struct data_client *dc;   /* NULL: not registered */
	enum data_kind kind;      /* of CONTAINER and below */
	const char *name;         /* of ENTRY */
	struct data_entry *entry; /* NULL: none */
	size_t from;              /* segments up to the place */
	const char *via;          /* that it came through; NULL */
	struct data_undo *undo;   /* of its edit, where upstream may refuse it; NULL */
	struct restconf_error err;
	uint32_t retry_after; /* seconds, of the error; 0: not told */
};

#define JSON_TYPE "application/yang-data+json"

/* data_server.c */
struct tenant *data_tenant(struct data_server *s, const char *client); /* made if need be */
/* data_server: ends what has expired, and comes back when the next is due. */
void data_expire_due(void *arg);

/* data_route.c */
void data_route(struct data_request *r);
/* Whom it is for is not suspended. */
bool data_may_edit(struct data_request *r);
extern const char *const data_allowed[PLACES]; /* methods, as of Allow */

/* data_answer.c */
/* status with an empty body; location: of what was created, taken over, or NULL. Waits for the
 * store, and until what is in force has followed. */
void data_answer_stored(struct data_request *r, unsigned status, char *location);
void data_answer_json(struct data_request *r, json_t *body, const struct data_version *v);
void data_answer_error(struct data_request *r);
void data_answer_unmodified(struct data_request *r, const struct data_version *v);
void data_answer_text(struct data_request *r, const char *type, const char *text);
void data_answer_options(struct data_request *r);
void data_answers_gone(struct data_server *s, const struct https_exchange *ex);
/* What is in force of that client has followed. */
void data_answers_go_on(struct data_server *s, const char *client);
void data_answers_forget(struct data_server *s);
/* Something may have become known upstream. */
void data_answers_review(void *arg);
void data_raise_changed(
	const struct data_request *r, enum data_kind kind, const char *name, const char *change);

/* data_undo.c: what an edit has changed, until it is known that upstream takes it */
struct data_change;
struct data_undo *data_undo_new(
	const struct data_request *r, const struct data_change *changes, size_t n);
void data_undo_free(struct data_undo *u); /* NULL is legal */
/* Of all that it is about: DENIED as soon as one of it is. */
enum data_progress data_undo_progress(const struct data_undo *u, struct restconf_error *err);
/* What was there before is there again, but what has been changed since. */
void data_undo_carry_out(const struct data_undo *u);

/* data_view.c */
/* GET and HEAD of anything below {+restconf}/data. */
void data_view(struct data_request *r);
/* The configuration of an entry, or of all in a container. New references. */
json_t *data_entry_config(const struct data_entry *e);
json_t *data_container_config(const struct data_client *dc, enum data_kind kind);

/* data_edit.c */
void data_post(struct data_request *r);
void data_put(struct data_request *r);
void data_patch(struct data_request *r);
void data_delete(struct data_request *r);

/* data_condition.c */
enum { DATA_ETAG_MAX = 32, DATA_DATE_MAX = 32 };
void data_etag(const struct data_version *v, char ret[static DATA_ETAG_MAX]);
void data_date(wall_ms at, char ret[static DATA_DATE_MAX]); /* RFC 9110 5.6.7 */
/* The version of the nearest resource that has one (RFC 8040 3.5.1, 3.5.2), number 0: none; false:
 * what the target names does not exist. */
bool data_version_of(const struct data_request *r, struct data_version *ret);
/* RFC 9110 13.2.2. 0: go on; 304, 412. */
unsigned data_condition(struct data_request *r);

static inline const struct yang_node *
data_container_node(enum data_kind k)
{
	return k == DATA_ALIAS ? data_aliases : data_acls;
}

static inline const struct yang_node *
data_entry_node(enum data_kind k)
{
	return k == DATA_ALIAS ? data_alias : data_acl;
}

#endif
