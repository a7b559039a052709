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
