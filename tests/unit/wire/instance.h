/* What the tests of wire/yang.h share: one client's data, and JSON that reads well in C. */
#ifndef DOTSD_TESTS_WIRE_INSTANCE_H
#define DOTSD_TESTS_WIRE_INSTANCE_H

#include "../base/cases.h"
#include "wire/data.h"

static struct arena *arena;
static json_t *data; /* of data_root */
static struct restconf_error err;
static char *shown, *shown_before;

static const char one_client[] =
	"{'ietf-dots-data-channel:dots-data':{'dots-client':[{'cuid':'c',"
	"'aliases':{'alias':[{'name':'a','target-prefix':['192.0.2.0/24'],'target-protocol':[6,17],"
	"'target-port-range':[{'lower-port':80},{'lower-port':90,'upper-port':99}]}]},"
	"'acls':{'acl':[{'name':'x','aces':{'ace':[{'name':'1','matches':{'tcp':{'flags':'syn'}},"
	"'actions':{'forwarding':'drop'}},{'name':'2','actions':{'forwarding':'accept',"
	"'rate-limit':'1.00'}}]}},{'name':'y','activation-type':'immediate'}]}}]}}";
#define CLIENT "/restconf/data/ietf-dots-data-channel:dots-data/dots-client=c"

/* JSON with ' for ". */
static inline json_t *
from(const char *text)
{
	char copy[8192];
	json_t *j;

	assert_true(strlen(text) < sizeof(copy));
	strcpy(copy, text);
	for (char *s = copy; *s; s++)
		if (*s == '\'')
			*s = '"';
	j = json_loads(copy, JSON_DECODE_ANY, NULL);
	if (!j)
		fail_msg("no JSON: %s", text);
	return j;
}

/* And back, until the call after the next one. */
static inline const char *
to(const json_t *j)
{
	free(shown_before);
	shown_before = shown;
	shown = json_dumps(j, JSON_COMPACT | JSON_ENCODE_ANY);
	for (char *s = shown; s && *s; s++)
		if (*s == '"')
			*s = '\'';
	return shown;
}

static inline int
setup(void **state)
{
	(void)state;
	arena = arena_new();
	data = from(one_client);
	if (!yang_check(&data_root, data, &err))
		fail_msg("%s", err.why);
	return 0;
}

static inline int
teardown(void **state)
{
	(void)state;
	json_decref(data);
	arena_free(arena);
	free(shown);
	free(shown_before);
	shown = shown_before = NULL;
	return 0;
}

static struct restconf_path path;

static inline void
parse(const char *raw)
{
	if (!restconf_path_parse(arena, raw, "/restconf", &path, &err))
		fail_msg("%s: %s", raw, err.why);
}

#endif
