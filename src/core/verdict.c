/*
 * Verdicts: a response code and its reason.
 */
#include "core/verdict.h"

#include <stdarg.h>
#include <stdio.h>

struct verdict
verdict_of(uint8_t code, const char *fmt, ...)
{
	struct verdict v = {.code = code};
	va_list args;

	va_start(args, fmt);
	vsnprintf(v.why, sizeof(v.why), fmt, args);
	va_end(args);
	return v;
}

void
verdict_conflict(const struct conflict *c, struct scope *s)
{
	struct conflict_information *ci = &s->conflict_information;

	if (!c->cause)
		return;
	SCOPE_SET(s, CONFLICT_INFORMATION);
	ci->has = 1ULL << CONFLICT_CAUSE | (c->status ? 1ULL << CONFLICT_STATUS : 0) |
		  (c->retry_timer ? 1ULL << CONFLICT_RETRY_TIMER : 0);
	ci->conflict_status = c->status;
	ci->conflict_cause = c->cause;
	ci->retry_timer = c->retry_timer;
}

struct conflict
conflict_of(const struct scope *s)
{
	const struct conflict_information *ci = &s->conflict_information;

	if (!SCOPE_HAS(s, CONFLICT_INFORMATION))
		return (struct conflict){0};
	return (struct conflict){ci->conflict_status, ci->conflict_cause, ci->retry_timer};
}

const char *
conflict_format(const struct conflict *c, char text[CONFLICT_TEXT_MAX])
{
	if (!c->cause)
		return NULL;
	snprintf(text, CONFLICT_TEXT_MAX, "%s%s%s", conflict_cause_name((int)c->cause),
		c->status ? " " : "", c->status ? conflict_status_name((int)c->status) : "");
	return text;
}
