/*
 * Answers of a server of the data channel, each as host-meta, as an error, and as what is on
 * record: the root is a path that a request may begin with, entries have a name and no state.
 *
 * Covers: role/data_reply.c
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fuzz.h"
#include "role/data_reply.h"

static void
try_root(const struct web_answer *a, uint32_t port)
{
	char why[DATA_REPLY_MAX] = "";
	char *root = data_reply_root(a, "data.example", port, why, sizeof(why));

	assert(!root == (*why != '\0'));
	if (root && *root) {
		assert(*root == '/' && root[1] != '/');
		for (const char *p = root; *p; p++)
			assert(*p > ' ' && *p <= '~' && *p != '#' && *p != '?');
	}
	free(root);
}

static void
try_reason(struct web_answer a)
{
	char why[DATA_REPLY_MAX];

	a.status = 409;
	assert(strstr(data_reply_reason(&a, why, sizeof(why)), "409"));
	assert(strlen(why) < sizeof(why) && !data_reply_passes(&a));
}

static void
see(void *arg, const char *name, int64_t lifetime, json_t *entry)
{
	(void)lifetime;
	++*(size_t *)arg;
	assert(name && json_is_object(entry));
	assert(!json_object_get(entry, "pending-lifetime"));
}

static void
try_entries(const struct web_answer *a)
{
	char why[DATA_REPLY_MAX] = "";
	json_t *client = data_reply_client(a, why, sizeof(why));
	size_t aliases = 0, acls = 0;

	assert(!client == (*why != '\0'));
	if (!client)
		return;
	data_reply_entries(client, SHARE_ALIAS, see, &aliases);
	data_reply_entries(client, SHARE_ACL, see, &acls);
	assert(aliases <= SHARES_MAX && acls <= SHARES_MAX);
	json_decref(client);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *body = mem_array(size + 1, 1);
	struct web_answer a = {.status = 200, .body = body, .len = size};

	if (size)
		memcpy(body, data, size);
	body[size] = '\0';
	try_root(&a, 443);
	try_root(&a, 8443);
	try_reason(a);
	try_entries(&a);
	free(body);
	return 0;
}
