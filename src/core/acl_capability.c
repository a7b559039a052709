/*
 * What an ACL needs, against what a server says that it can do (RFC 8783 7.1).
 */
#include <stdio.h>
#include <string.h>

#include "core/acl.h"

struct question {
	const char *ace;
	const json_t *can; /* the container `capabilities` */
	char *why;
	size_t cap;
};

static bool
cannot(struct question *q, const char *container, const char *leaf)
{
	snprintf(q->why, q->cap, "ace %.64s: %s%s%s: the server says that it cannot do this",
		q->ace, container, *leaf ? "." : "", leaf);
	return false;
}

/* A list that is not there, or empty, says nothing. */
static bool
lists(const struct question *q, const char *name, json_t *value)
{
	const json_t *list = json_object_get(q->can, name), *item;
	bool listed = !json_array_size(list);
	size_t i;

	json_array_foreach(list, i, item)
		listed = listed || json_equal(item, value);
	json_decref(value);
	return listed;
}

static bool
is_denied(const struct question *q, const char *container, const char *leaf)
{
	return json_is_false(json_object_get(json_object_get(q->can, container), leaf));
}

static bool
check_actions(struct question *q, const json_t *actions)
{
	json_t *forwarding = json_object_get(actions, "forwarding");

	if (forwarding && !lists(q, "forwarding-actions", json_incref(forwarding)))
		return cannot(q, "actions", "forwarding");
	if (json_object_get(actions, "rate-limit") &&
		json_is_false(json_object_get(q->can, "rate-limit")))
		return cannot(q, "actions", "rate-limit");
	return true;
}

/* The leafs of a header; ports from one to another are a capability of their own. */
static bool
check_leafs(struct question *q, const char *header, json_t *leafs)
{
	const char *leaf;
	json_t *value;

	json_object_foreach(leafs, leaf, value) {
		const char *capability = acl_leaf_capability(header, leaf);

		if ((capability && is_denied(q, header, capability)) ||
			(json_object_get(value, "upper-port") &&
				is_denied(q, header, "port-range")))
			return cannot(q, header, leaf);
	}
	return true;
}

static bool
check_family(struct question *q, const char *header)
{
	return lists(q, "address-family", json_string(header)) || cannot(q, header, "");
}

static bool
check_protocol(struct question *q, const char *header, json_int_t number)
{
	return lists(q, "transport-protocols", json_integer(number)) || cannot(q, header, "");
}

static bool
check_matches(struct question *q, const json_t *matches)
{
	const struct {
		const char *header;
		json_int_t protocol; /* 0: an IP header */
	} headers[] = {{"ipv4", 0}, {"ipv6", 0}, {"tcp", 6}, {"udp", 17},
		{"icmp", json_object_get(matches, "ipv6") ? 58 : 1}};

	for (size_t i = 0; i < sizeof(headers) / sizeof(headers[0]); i++) {
		const char *header = headers[i].header;
		json_t *leafs = json_object_get(matches, header);

		if (!leafs)
			continue;
		if (!(headers[i].protocol ? check_protocol(q, header, headers[i].protocol)
					  : check_family(q, header)) ||
			!check_leafs(q, header, leafs))
			return false;
	}
	return true;
}

bool
acl_within(const json_t *entry, const json_t *capabilities, char *why, size_t cap)
{
	const json_t *ace, *aces = json_object_get(json_object_get(entry, "aces"), "ace");
	struct question q = {.can = capabilities, .why = why, .cap = cap};
	size_t i;

	json_array_foreach(aces, i, ace) {
		q.ace = json_string_value(json_object_get(ace, "name"));
		if (!check_matches(&q, json_object_get(ace, "matches")) ||
			!check_actions(&q, json_object_get(ace, "actions")))
			return false;
	}
	return true;
}
