/*
 * Events: what the program says about what it does.
 *
 * One table (event.c) holds name, level, audit flag and allowed fields of every event; log lines,
 * JSON lines, lab assertions and, later, metrics derive from it. An event is raised once, by the
 * layer that decided. Values that came from a peer are escaped and capped by the sink; key
 * material is never a value.
 */
#ifndef DOTSD_BASE_EVENT_H
#define DOTSD_BASE_EVENT_H

#include <stdbool.h>
#include <stddef.h>
#include <stdint.h>

enum event_level { EVENT_ERROR, EVENT_WARNING, EVENT_INFO, EVENT_DEBUG };

enum event_id {
	EVENT_START,            /* started: version config instance */
	EVENT_STOP,             /* stopped: reason */
	EVENT_CONFIG,           /* config-loaded: path */
	EVENT_CONFIG_REFUSED,   /* config-refused: path reason */
	EVENT_CONFIG_WARNING,   /* config-warning: where reason */
	EVENT_LISTENING,        /* listening: address interface */
	EVENT_ALERT,            /* alert: the operator should look: reason target domain server section */
	EVENT_SESSION_UP,       /* session-up: role peer domain server source address interface ca
				   credential resumed */
	EVENT_SESSION_DOWN,     /* session-down: role peer domain server reason */
	EVENT_SESSION_SILENT,   /* session-silent: role peer domain server missed */
	EVENT_SESSION_HEARD,    /* session-heard: role peer domain server */
	EVENT_SESSION_REFUSED,  /* session-refused: role peer address reason */
	EVENT_SESSION_ATTEMPT,  /* session-attempt: domain server address source interface reason */
	EVENT_SESSION_FAILED,   /* session-failed: domain server address reason retry */
	EVENT_HEARTBEAT,        /* heartbeat: role peer direction domain server */
	EVENT_RESOLVED,         /* resolved: domain name addresses resolver interface */
	EVENT_RESOLVE_FAILED,   /* resolve-failed: domain name reason */
	EVENT_PUT_MITIGATE,     /* put-mitigate (server side): from cuid mid scope lifetime code reason */
	EVENT_GET_MITIGATE,     /* get-mitigate: from cuid mid code observe */
	EVENT_DELETE_MITIGATE,  /* delete-mitigate: from cuid mid code scope */
	EVENT_REQUEST_REFUSED,  /* request-refused (server side, before any rule applied): from code
				   reason */
	EVENT_MITIGATION_START, /* mitigation-started: id client mid scope lifetime */
	EVENT_MITIGATION_STATUS,/* mitigation-status: id client mid status */
	EVENT_MITIGATION_END,   /* mitigation-ended: id client mid reason */
	EVENT_RULE_INSTALLED,   /* rule-installed: id client scope mitigator */
	EVENT_RULE_REMOVED,     /* rule-removed: id client mitigator */
	EVENT_RULE_FAILED,      /* rule-failed: id client mitigator reason */
	EVENT_RULES_RECONCILED, /* rules-reconciled: mitigator kept added removed */
	EVENT_ASKED,            /* asked (client side): ask asker target lifetime */
	EVENT_PLANNED,          /* planned: ask domain server interface target reason section */
	EVENT_REFUSED,          /* refused: ask target domain reason section */
	EVENT_PENDING,          /* pending: ask target domain server reason section */
	EVENT_SENT,             /* sent: domain server mid scope lifetime kind */
	EVENT_PLACED,           /* placed: domain server mid scope lifetime code */
	EVENT_RESPONSE,         /* response: domain server mid code text */
	EVENT_STATUS,           /* status: domain server mid status bytes_dropped pkts_dropped lifetime */
	EVENT_WITHDRAWN,        /* withdrawn: domain server mid code */
	EVENT_RELEASED,         /* released: ask asker reason */
	EVENT_STORE_VOLATILE,   /* store-volatile: reason */
	EVENT_STORE_DURABLE,    /* store-durable: after */
	EVENT_HELPER_LOST,      /* helper-lost: mitigator reason */
	EVENT_LINK,             /* link: interface state */
	EVENT_CLOCK_JUMP,       /* clock-jump: seconds */
	EVENT_COUNT
};

struct event_field {
	const char *name; /* must be one of the event's fields in the table */
	const char *text; /* of a text field; NULL: the field is left out */
	int64_t number;
	bool is_number;
};

#define EVENT_F(n, t) ((struct event_field){.name = (n), .text = (t)})
#define EVENT_N(n, v) ((struct event_field){.name = (n), .number = (int64_t)(v), .is_number = true})

/* event_raise(EVENT_X, EVENT_F("peer", p), EVENT_N("mid", 3)); at least one field. An unknown
 * field is our own bug (assert). */
#define event_raise(id, ...)                                                                       \
	event_raise_fields((id), (const struct event_field[]){__VA_ARGS__},                        \
		sizeof((struct event_field[]){__VA_ARGS__}) / sizeof(struct event_field))
void event_raise_fields(enum event_id id, const struct event_field *fields, size_t n);

const char *event_name(enum event_id id);
enum event_level event_level(enum event_id id);
bool event_is_audit(enum event_id id);
/* By name, as in a lab file; EVENT_COUNT if there is none. */
enum event_id event_find(const char *name);
bool event_has_field(enum event_id id, const char *field);

typedef void (*event_sink)(void *arg, enum event_id id, const struct event_field *fields, size_t n);
/* Up to four; with none, events vanish (unit tests). */
void event_add_sink(event_sink sink, void *arg);
void event_clear_sinks(void);

/* Ready-made sinks. arg of both is the FILE * to write to.
 * Text: "<name> key=value …", one line; for people and the journal (with its level as <N> when
 * the journal reads us). JSON: {"time":RFC 3339 with ms,"event":name,"level":…,fields…}, one line,
 * flushed, numbers as numbers. */
void event_text_sink(void *arg, enum event_id id, const struct event_field *fields, size_t n);
void event_json_sink(void *arg, enum event_id id, const struct event_field *fields, size_t n);

/* Writes src (peer text) to dst: control and non-ASCII bytes as \xNN, capped with "…". */
char *event_escape(char *dst, size_t cap, const void *src, size_t len);

/* Prints every event of the table: name, level, fields (doc/events.md is checked against it). */
void event_print_table(void *file);

#endif
