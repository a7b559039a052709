#include "role/data_capability.h"

#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/acl.h"
#include "wire/data.h"

enum { OK = 200, NOT_MODIFIED = 304, ETAG_MAX = 256 };

/* By its plain name, or with the module in front (RFC 7951 4). */
static json_t *
read_container(const struct web_answer *a)
{
	struct restconf_error err = {0};
	json_t *j = yang_parse(a->body, a->len, &err), *said;

	said = json_object_get(j, DATA_MODULE ":capabilities");
	said = json_incref(said ? said : json_object_get(j, "capabilities"));
	json_decref(j);
	if (!json_is_object(said) || !yang_check(data_capabilities, said, &err)) {
		json_decref(said);
		return NULL;
	}
	return said;
}

void
data_capability_learn(struct data_capability *c, const struct web_answer *a, const char *etag)
{
	if (a->status == NOT_MODIFIED)
		return;
	data_capability_forget(c);
	if (a->status != OK)
		return;
	c->said = read_container(a);
	if (c->said && etag && strlen(etag) < ETAG_MAX)
		c->etag = mem_text(etag);
}

void
data_capability_forget(struct data_capability *c)
{
	json_decref(c->said);
	free(c->etag);
	*c = (struct data_capability){0};
}

bool
data_capability_allows(const struct data_capability *c, const json_t *acl, char *why, size_t cap)
{
	return !c->said || acl_within(acl, c->said, why, cap);
}
