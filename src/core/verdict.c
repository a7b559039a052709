#include "core/verdict.h"

#include <stdarg.h>
#include <stdio.h>

struct verdict
verdict_of(uint8_t code, const char *fmt, ...)
{
	struct verdict v = {.code = code};
	va_list ap;

	va_start(ap, fmt);
	vsnprintf(v.why, sizeof(v.why), fmt, ap);
	va_end(ap);
	return v;
}
