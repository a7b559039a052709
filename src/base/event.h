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

/* Names, fields and meaning: the table in event.c, printed in doc/events.md. */
enum event_id {
	EVENT_START,
	EVENT_STOP,
	EVENT_CONFIG,
	EVENT_CONFIG_REFUSED,
	EVENT_CONFIG_WARNING,
	EVENT_LISTENING,
	EVENT_ALERT,
	EVENT_SESSION_UP,
	EVENT_SESSION_DOWN,
	EVENT_SESSION_SILENT,
	EVENT_SESSION_HEARD,
	EVENT_SESSION_REFUSED,
	EVENT_SESSION_ATTEMPT,
	EVENT_SESSION_FAILED,
	EVENT_REDIRECTED,
	EVENT_REDIRECT_ENDED,
	EVENT_DRAIN,
	EVENT_SESSION_CONFIG,
	EVENT_HEARTBEAT,
	EVENT_DISCOVERY,
	EVENT_LEARNED,
	EVENT_FORGOTTEN,
	EVENT_RESOLVED,
	EVENT_RESOLVE_FAILED,
	EVENT_PUT_MITIGATE,
	EVENT_GET_MITIGATE,
	EVENT_DELETE_MITIGATE,
	EVENT_REQUEST_REFUSED,
	EVENT_DATA_CHANGED,
	EVENT_DATA_REFUSED,
	EVENT_RECORD_SET,
	EVENT_RECORD_REMOVED,
	EVENT_DATA_LOOP,
	EVENT_RECORD_PLACED,
	EVENT_RECORD_REFUSED,
	EVENT_RECORD_DELETED,
	EVENT_DATA_IN_STEP,
	EVENT_DATA_PENDING,
	EVENT_FILTERS,
	EVENT_FILTERS_FAILED,
	EVENT_FILTER_CONTROL,
	EVENT_ACTIVATED,
	EVENT_MITIGATION_START,
	EVENT_MITIGATION_STATUS,
	EVENT_MITIGATION_CONFLICT,
	EVENT_MITIGATION_END,
	EVENT_TERMINATED,
	EVENT_CLIENT_SUSPENDED,
	EVENT_CLIENT_RESUMED,
	EVENT_ESCALATED,
	EVENT_RULE_INSTALLED,
	EVENT_RULE_REMOVED,
	EVENT_RULE_FAILED,
	EVENT_RULES_RECONCILED,
	EVENT_ASKED,
	EVENT_PLANNED,
	EVENT_REFUSED,
	EVENT_PENDING,
	EVENT_SENT,
	EVENT_SHARED,
	EVENT_PLACED,
	EVENT_RESPONSE,
	EVENT_STATUS,
	EVENT_WITHDRAWN,
	EVENT_RELEASED,
	EVENT_STORE_VOLATILE,
	EVENT_STORE_DURABLE,
	EVENT_HELPER_LOST,
	EVENT_LINK,
	EVENT_CLOCK_JUMP,
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

/* For what a peer can make us say without end: ten a second are told, the others are counted. One
 * for each peer, all zero at first. */
struct event_quota {
	int64_t since; /* this second … */
	unsigned told; /* … so many */
	unsigned untold;
	char text[12];
};
/* now_ms: monotonic. True: tell it now, with *ret_untold as the field `untold`: how many were not
 * told since the last one that was; NULL if none. */
bool event_quota_take(struct event_quota *q, int64_t now_ms, const char **ret_untold);

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
