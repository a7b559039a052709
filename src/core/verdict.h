/*
 * What the rules decided about a request: the response code and the reason, which starts with the
 * RFC's section and names the attribute, so that log line, diagnostic payload and code share one
 * search key.
 */
#ifndef DOTSD_CORE_VERDICT_H
#define DOTSD_CORE_VERDICT_H

#include <stdbool.h>
#include <stdint.h>

#include "wire/coap.h"
#include "wire/signal.h"

enum { VERDICT_WHY_MAX = 192 };

/* What a server tells of a conflict (RFC 9132 4.4.1.3). cause 0: there is none. */
struct conflict {
	uint64_t status;      /* enum conflict_status; 0: not told, as for cuid-collision */
	uint64_t cause;       /* enum conflict_cause */
	uint64_t retry_timer; /* seconds; 0: not told */
};
static inline bool
conflict_equal(const struct conflict *a, const struct conflict *b)
{
	return a->status == b->status && a->cause == b->cause && a->retry_timer == b->retry_timer;
}

struct verdict {
	uint8_t code; /* enum coap_code; 0: no answer at all (RFC 9132 4.4.3, If-Match) */
	char why[VERDICT_WHY_MAX]; /* of 4.xx and 5.xx: "RFC 9132 4.4.1.1: lifetime is 0" */
	uint32_t max_age;          /* of 4.29, 5.03: seconds; 0 = option absent */
	struct conflict conflict;  /* of 4.09: then the body is CBOR, not `why`; of 2.xx: may be */
	bool has_conflict_mid;     /* own overlap: the higher mid on record */
	uint32_t conflict_mid;
};

__attribute__((format(printf, 2, 3))) struct verdict verdict_of(uint8_t code, const char *fmt, ...);
/* Puts it into a scope entry of an answer; nothing if there is none. */
void verdict_conflict(const struct conflict *c, struct scope *s);
/* What a peer's entry says of one. */
struct conflict conflict_of(const struct scope *s);
enum { CONFLICT_TEXT_MAX = 80 };
/* For events: "overlapping-targets request-active"; NULL if there is none. */
const char *conflict_format(const struct conflict *c, char text[CONFLICT_TEXT_MAX]);
static inline bool
verdict_ok(const struct verdict *v)
{
	return coap_class(v->code) == 2;
}

#endif
