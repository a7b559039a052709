/*
 * Shared by the files of the data channel's server only: data_server.c (life, who may be here,
 * what is in force), data_work.c (when and where a request is served), data_route.c (where a target
 * leads), data_copy.c, data_view.c (what a GET shows), data_edit.c (what the others change),
 * data_answer.c, data_condition.c (If-Match and the like).
 */
#ifndef DOTSD_ROLE_DATA_STATE_H
#define DOTSD_ROLE_DATA_STATE_H

#include <pthread.h>
#include <sys/queue.h>

#include "base/event.h"
#include "base/map.h"
#include "core/rate.h"
#include "role/data_server.h"
#include "wire/data.h"

struct data_answer;
struct data_request;
TAILQ_HEAD(data_answer_list, data_answer);
TAILQ_HEAD(data_request_list, data_request);

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
	TAILQ_HEAD(tenant_list, tenant) turns; /* those with requests that wait */
	struct data_request *at_work;          /* with the worker; NULL: it has nothing to do */
	bool resting;                          /* it has just done something */
	struct timer *rest;
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
	struct data_request_list waiting; /* for the worker */
	TAILQ_ENTRY(tenant) turn;
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

/* What is on record where a request leads, as of one moment (data_copy.c). */
struct data_copy_entry {
	const char *name, *text;
	wall_ms expires;
	size_t n_rules; /* of an ACL, by which it has counted: */
	const uint64_t *packets, *bytes;
};
struct data_copy {
	const char *cuid, *cdid;          /* of a dots-client; cdid NULL: not for the asker */
	struct data_copy_entry *lists[2]; /* by kind: what lies on the way */
	size_t n[2];
	struct data_copy *next;
};

/* What a worker makes of a request. */
struct data_made {
	char *text;                  /* of a GET: the answer's body; NULL: err */
	struct data_change *changes; /* of an edit */
	size_t n_changes;
	const char *cuid, *cdid;       /* of a registration; cdid NULL: not told */
	struct restconf_segment below; /* what a POST creates below an entry; name NULL: nothing */
	bool created;
};

typedef void data_step(struct data_request *r);

struct data_request {
	struct data_server *server;       /* NULL: it has ended while a worker was at work */
	struct https_exchange *ex;        /* NULL: the peer has gone */
	const struct https_request *http; /* with ex */
	const struct client *asker;       /* whose certificate it is */
	const struct client *client; /* whom it is for: another one only behind a gateway that is
					trusted (RFC 8783 3.3, 5.1) */
	struct tenant *tenant;       /* of the asker */
	struct data_client *dc;      /* NULL: not registered */
	struct data_entry *entry;    /* NULL: none */
	struct data_undo *undo;      /* of its edit, where upstream may refuse it; NULL */
	uint32_t retry_after;        /* seconds, of the error; 0: not told */

	/* data_work.c: */
	bool counted;         /* against the rate of its client */
	bool held;            /* it waits, or is with the worker */
	unsigned tries;       /* that were in vain */
	uint64_t seen;        /* version of what it is about; 0: there is nothing */
	data_step *prepare;   /* in a worker, or in the loop */
	data_step *finish;    /* in the loop */
	pthread_mutex_t lock; /* held by the worker, while it is at work */
	bool withdrawn;       /* it has to start over */
	uint64_t took_us;     /* of the worker's processor */
	TAILQ_ENTRY(data_request) link;

	/* What `prepare` may touch, besides client and the server's setup.policy: */
	struct arena *arena;
	bool head, edits;
	struct restconf_path path;
	struct restconf_query query;
	enum place place;
	const char *cuid;        /* of CLIENT and below */
	enum data_kind kind;     /* of CONTAINER and below */
	const char *name;        /* of ENTRY */
	size_t from;             /* segments up to the place */
	const char *via;         /* that it came through, with ex; NULL */
	enum yang_method method; /* of an edit */
	const char *body;
	size_t len;
	struct data_copy *copies;
	struct data_version version; /* of what a GET shows; number 0: it has none */
	struct data_made made;
	struct restconf_error err;
};

#define JSON_TYPE "application/yang-data+json"

/* data_server.c */
struct tenant *data_tenant(struct data_server *s, const char *client); /* made if need be */
/* Whose request it is: the asker, its tenant, and whom it is for; no asker with err (401). */
void data_server_identify(struct data_request *r);
/* data_server: ends what has expired, and comes back when the next is due. */
void data_expire_due(void *arg);

/* data_work.c */
void data_work_begin(
	struct data_server *s, struct https_exchange *ex, const struct https_request *http);
/* `prepare`, then `finish`, which answers: now, or, what is large, when its turn has come,
 * `prepare` by a worker. copies: it needs those of what is on record. */
void data_work(struct data_request *r, bool copies, data_step *prepare, data_step *finish);
void data_work_rested(void *arg); /* data_server: the next one, please */
void data_work_gone(struct data_server *s, const struct https_exchange *ex);
/* Before anything of the configuration goes: no worker has it any more after this call. */
void data_work_withdraw(struct data_server *s);
void data_work_forget(struct data_server *s); /* the server ends */
/* The registration that it is about, whoever's it is; NULL: none. */
const struct data_client *data_request_subject(const struct data_request *r);

/* data_copy.c */
size_t data_copy_weigh(const struct data_request *r); /* bytes of text */
void data_copy_take(struct data_request *r);

/* data_route.c */
void data_route(struct data_request *r);
/* dc and entry, and whom it is for. */
void data_request_find(struct data_request *r);
/* Whom it is for is not suspended. */
bool data_may_edit(struct data_request *r);
extern const char *const data_allowed[PLACES]; /* methods, as of Allow */

/* data_answer.c */
/* status with an empty body; location: of what was created, taken over, or NULL. Waits for the
 * store, and until what is in force has followed. */
void data_answer_stored(struct data_request *r, unsigned status, char *location);
void data_answer_json(struct data_request *r, json_t *body); /* takes the reference */
/* text: JSON; version number 0: none. */
void data_answer_body(struct data_request *r, const char *text, const struct data_version *v);
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

/* data_undo.c: what an edit has changed, until it is known that upstream takes it */
struct data_change;
/* What there is before it. */
struct data_undo *data_undo_new(
	const struct data_request *r, const struct data_change *changes, size_t n);
/* What it has made of that; NULL is legal. */
void data_undo_note(struct data_undo *u, const struct data_client *dc);
void data_undo_free(struct data_undo *u); /* NULL is legal */
/* Of all that it is about: DENIED as soon as one of it is. */
enum data_progress data_undo_progress(struct data_undo *u, struct restconf_error *err);
/* What was there before is there again, but what has been changed since. */
void data_undo_carry_out(const struct data_undo *u);

/* data_view.c */
/* GET and HEAD of anything below {+restconf}/data. */
void data_view(struct data_request *r);
/* The configuration of an entry, or of all in a container. New references. */
json_t *data_entry_config(const struct data_copy_entry *e);
json_t *data_container_config(const struct data_copy *c, enum data_kind kind);

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
