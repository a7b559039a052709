/* Until wire/restconf.c and wire/yang.c are there. */
#include <stdarg.h>
#include <stdio.h>

#include "wire/data.h"

bool
restconf_refuse(
	struct restconf_error *ret, unsigned status, enum restconf_tag tag, const char *fmt, ...)
{
	va_list ap;

	*ret = (struct restconf_error){.status = status, .tag = tag};
	va_start(ap, fmt);
	vsnprintf(ret->why, sizeof(ret->why), fmt, ap);
	va_end(ap);
	return false;
}

void
restconf_path_instance(const struct restconf_path *p, char ret[static RESTCONF_PATH_MAX])
{
	snprintf(ret, RESTCONF_PATH_MAX, "%s", p->segments[3].keys[0]);
}

bool
yang_check(const struct yang_node *n, json_t *data, struct restconf_error *err)
{
	(void)n;
	(void)err;
	return json_is_object(data);
}

const struct yang_node *const data_alias, *const data_acl;
