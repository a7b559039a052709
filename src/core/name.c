#include "core/name.h"

#include <ctype.h>
#include <errno.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

enum { LABEL_MAX = 63, PORT_MAX = 65535 };

/* ---- hosts ---- */

/* Their number; 0: some label is none. */
static size_t
count_labels(const char *text, size_t len)
{
	size_t label = 0, n = 0;

	for (size_t i = 0; i <= len; i++) {
		bool end = i == len || text[i] == '.';
		unsigned char c = end ? '.' : (unsigned char)text[i];

		if (end && (!label || label > LABEL_MAX || strchr("-_", text[i - 1])))
			return 0;
		if (!end && !isalnum(c) && c != '_' && (c != '-' || !label))
			return 0;
		n += end;
		label = end ? 0 : label + 1;
	}
	return n;
}

/* What ends with a number is meant to be an address. */
static bool
ends_with_number(const char *text, size_t len)
{
	while (len && isdigit((unsigned char)text[len - 1]))
		len--;
	return !len || text[len - 1] == '.';
}

bool
name_read_host(const char *text, size_t len, char *ret)
{
	if (len && text[len - 1] == '.')
		len--;
	if (!len || len > NAME_HOST_MAX || count_labels(text, len) < 2 ||
		ends_with_number(text, len))
		return false;
	for (size_t i = 0; i < len; i++)
		ret[i] = (char)tolower((unsigned char)text[i]);
	ret[len] = '\0';
	return true;
}

/* An address is itself; without the brackets that IPv6 has in a URI. */
static bool
read_address(const char *text, size_t len, struct name *n, struct arena *a)
{
	bool brackets = len > 2 && text[0] == '[' && text[len - 1] == ']';
	char copy[ADDR_TEXT_MAX];
	struct addr addr;

	if (len - (brackets ? 2 : 0) >= sizeof(copy))
		return false;
	snprintf(copy, sizeof(copy), "%.*s", (int)(len - (brackets ? 2 : 0)), text + brackets);
	if (addr_parse(copy, &addr) != 0 || brackets != (addr.family == 6))
		return false;
	n->state = NAME_KNOWN;
	n->whole = true;
	n->addresses = arena_alloc(a, 1, sizeof(*n->addresses));
	n->addresses[0] = prefix_of(&addr, addr_bits(&addr));
	n->n_addresses = 1;
	n->host = arena_text(a, addr_format(&addr, copy), strlen(copy));
	return true;
}

static bool
read_name(const char *text, size_t len, struct name *n, struct arena *a)
{
	char host[NAME_HOST_MAX + 1];

	if (!name_read_host(text, len, host))
		return false;
	n->host = arena_text(a, host, strlen(host));
	return true;
}

/* ---- URIs ---- */

static bool
is_scheme(const char *text, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if (!isalnum((unsigned char)text[i]) && !(i && strchr("+-.", text[i])))
			return false;
	return len && isalpha((unsigned char)text[0]);
}

/* RFC 3986 2: printable ASCII but these. */
static bool
is_uri_text(const char *text)
{
	for (; *text; text++)
		if (*text <= ' ' || *text > '~' || strchr("\"<>\\^`{|}", *text))
			return false;
	return true;
}

static bool
is_port(const char *text, size_t len)
{
	return len <= 5 && strspn(text, "0123456789") >= len &&
	       (!len || strtoul(text, NULL, 10) <= PORT_MAX);
}

/* What is wrong with it, or NULL. */
static const char *
read_uri(const char *text, struct name *n, struct arena *a)
{
	const char *authority = strstr(text, "://") + 3;
	size_t len = strcspn(authority, "/?#"), host = len;

	if (!is_scheme(text, (size_t)(authority - 3 - text)) || !is_uri_text(text))
		return "is no URI (RFC 3986)";
	if (memchr(authority, '@', len))
		return "tells of a user, which is no provider's business";
	while (host && isdigit((unsigned char)authority[host - 1]))
		host--;
	if (!host || authority[host - 1] != ':')
		host = len;
	else if (!is_port(authority + host, len - host))
		return "has a port beyond 65535";
	else
		host--;
	if (!read_address(authority, host, n, a) && !read_name(authority, host, n, a))
		return "has no address or fully qualified domain name for host";
	return NULL;
}

int
name_parse(const char *text, struct arena *a, struct name *ret, char *why, size_t cap)
{
	const char *wrong = NULL;

	*ret = (struct name){.uri = strstr(text, "://") != NULL, .why = ""};
	if (strlen(text) > NAME_TEXT_MAX)
		wrong = "is longer than 1024 bytes";
	else if (ret->uri)
		wrong = read_uri(text, ret, a);
	else if (!read_name(text, strlen(text), ret, a))
		wrong = "is no fully qualified domain name";
	if (wrong) {
		snprintf(why, cap, "%.80s %s", text, wrong);
		return -EINVAL;
	}
	ret->text = arena_text(a, text, strlen(text));
	return 0;
}

/* ---- answers ---- */

static int
compare(const void *a, const void *b)
{
	return prefix_compare(a, b);
}

static void
set_addresses(struct name *n, const struct name_answer *answer, struct arena *a)
{
	n->addresses = arena_alloc(a, answer->n_addrs + 1, sizeof(*n->addresses));
	for (size_t i = 0; i < answer->n_addrs; i++)
		n->addresses[i] = prefix_of(&answer->addrs[i], addr_bits(&answer->addrs[i]));
	qsort(n->addresses, answer->n_addrs, sizeof(*n->addresses), compare);
	n->n_addresses = answer->n_addrs;
	n->whole = answer->whole;
}

bool
name_same_addresses(const struct name *a, const struct name *b)
{
	if (a->n_addresses != b->n_addresses || a->whole != b->whole)
		return false;
	for (size_t i = 0; i < a->n_addresses; i++)
		if (!prefix_equal(&a->addresses[i], &b->addresses[i]))
			return false;
	return true;
}

bool
name_learn(struct name *n, const struct name_answer *answer, struct arena *a)
{
	struct name before = *n;

	if (n->state == NAME_KNOWN && answer->state != NAME_KNOWN)
		return false;
	n->state = answer->state;
	n->why = arena_text(a, answer->why, strlen(answer->why));
	if (n->state == NAME_KNOWN)
		set_addresses(n, answer, a);
	return n->state != before.state || !name_same_addresses(n, &before);
}

struct name *
name_copy(const struct name *list, size_t n, struct arena *a)
{
	struct name *copy = arena_alloc(a, n + 1, sizeof(*copy));

	for (size_t i = 0; i < n; i++) {
		copy[i] = list[i];
		copy[i].text = arena_text(a, list[i].text, strlen(list[i].text));
		copy[i].host = arena_text(a, list[i].host, strlen(list[i].host));
		copy[i].why = arena_text(a, list[i].why, strlen(list[i].why));
		copy[i].addresses = arena_alloc(a, list[i].n_addresses + 1, sizeof(struct prefix));
		if (list[i].n_addresses)
			memcpy(copy[i].addresses, list[i].addresses,
				list[i].n_addresses * sizeof(struct prefix));
	}
	return copy;
}

const struct name *
name_find(const struct name *list, size_t n, const char *text)
{
	for (size_t i = 0; i < n; i++)
		if (!strcmp(list[i].text, text))
			return &list[i];
	return NULL;
}
