/*
 * Answers of a server of the data channel, each as host-meta, as an error, as what is on record,
 * and as what the server can filter: the root is a path that a request may begin with, entries have
 * a name and no state, what a filter must not ask for is told.
 *
 * Covers: role/data_reply.c role/data_capability.c core/acl_capability.c
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fuzz.h"
#include "role/data_capability.h"
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

/* Filters with something of each kind. */
#define IP4_TCP                                                                                    \
	"{\"aces\":{\"ace\":[{\"name\":\"a\",\"matches\":{\"ipv4\":{\"dscp\":1,\"frag"             \
	"ment\":{\"type\":\"isf\"}},\"tcp\":{\"flags\":\"syn\",\"source-port-range-or"             \
	"-operator\":{\"lower-port\":1,\"upper-port\":2}}},\"actions\":{\"forwarding"              \
	"\":\"ietf-access-control-list:accept\",\"rate-limit\":\"1.00\"}}]}}"
#define IP6_ICMP                                                                                   \
	"{\"aces\":{\"ace\":[{\"name\":\"b\",\"matches\":{\"ipv6\":{\"ttl\":1},\"icmp"             \
	"\":{\"type\":1}},\"actions\":{\"forwarding\":\"ietf-access-control-list:drop"             \
	"\"}}]}}"
#define UDP                                                                                        \
	"{\"aces\":{\"ace\":[{\"name\":\"c\",\"matches\":{\"udp\":{\"length\":8}},\"a"             \
	"ctions\":{\"forwarding\":\"ietf-access-control-list:drop\"}}]}}"

static const char *const filters[] = {IP4_TCP, IP6_ICMP, UDP};

static void
try_capabilities(const struct web_answer *a)
{
	struct data_capability c = {0};

	data_capability_learn(&c, a, "\"tag\"");
	assert(!c.said == !c.etag);
	for (size_t i = 0; i < sizeof(filters) / sizeof(filters[0]); i++) {
		json_t *acl = json_loads(filters[i], 0, NULL);
		char why[DATA_REPLY_MAX] = "";

		assert(acl);
		assert(data_capability_allows(&c, acl, why, sizeof(why)) == (*why == '\0'));
		json_decref(acl);
	}
	data_capability_forget(&c);
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
	try_capabilities(&a);
	free(body);
	return 0;
}
