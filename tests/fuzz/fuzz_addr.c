/*
 * Addresses, prefixes and endpoints as text, one a line: what parses prints to a text that parses
 * to the same, and the algebra of prefixes agrees with itself.
 *
 * Covers: base/addr.c
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/addr.h"
#include "fuzz.h"

enum { LINES_MAX = 16 };

static void
check_addr(const char *text, struct addr *ret)
{
	char printed[ADDR_TEXT_MAX];
	struct addr again;

	if (addr_parse(text, ret) != 0) {
		ret->family = 0;
		return;
	}
	assert(ret->family == 4 || ret->family == 6);
	assert(addr_parse(addr_format(ret, printed), &again) == 0 && addr_equal(ret, &again));
	assert(addr_compare(ret, &again) == 0);
	(void)(addr_is_loopback(ret) + addr_is_multicast(ret) + addr_is_link_local(ret) +
		addr_is_unspecified(ret));
}

static bool
check_prefix(const char *text, struct prefix *ret)
{
	char printed[PREFIX_TEXT_MAX];
	struct prefix again, half[2];

	if (prefix_parse(text, ret) != 0)
		return false;
	assert(ret->len <= addr_bits(&ret->addr));
	assert(prefix_parse(prefix_format(ret, printed), &again) == 0 && prefix_equal(ret, &again));
	assert(prefix_compare(ret, &again) == 0 && prefix_contains(ret, &again));
	assert(prefix_contains_addr(ret, &ret->addr));
	if (ret->len == addr_bits(&ret->addr))
		return true;
	prefix_halves(ret, half);
	for (int i = 0; i < 2; i++) {
		assert(prefix_contains(ret, &half[i]) && !prefix_contains(&half[i], ret));
		assert(!prefix_is_special(&half[i]) || prefix_is_special(ret));
	}
	assert(!prefix_overlaps(&half[0], &half[1]) && prefix_compare(&half[0], &half[1]) < 0);
	return true;
}

static void
check_endpoint(const char *text)
{
	char printed[ENDPOINT_TEXT_MAX];
	struct endpoint e, again;
	struct sockaddr_storage ss;

	if (endpoint_parse(text, 7, &e) != 0)
		return;
	endpoint_to_sockaddr(&e, &ss);
	assert(endpoint_from_sockaddr((struct sockaddr *)&ss, &again) == 0);
	/* What a socket calls IPv4 mapped into IPv6 is IPv4 to us. */
	assert(endpoint_equal(&e, &again) ||
		!memcmp(e.addr.bytes, "\0\0\0\0\0\0\0\0\0\0\xff\xff", 12));
	endpoint_format(&e, printed);
	assert(strlen(printed) < sizeof(printed));
	if (!e.scope_id && e.port)
		assert(endpoint_parse(printed, 8, &again) == 0 && endpoint_equal(&e, &again));
}

static void
check_pair(const struct prefix *a, const struct prefix *b)
{
	bool within = prefix_contains(a, b) || prefix_contains(b, a);

	assert(prefix_overlaps(a, b) == within && prefix_overlaps(b, a) == within);
	assert((prefix_compare(a, b) == 0) == prefix_equal(a, b));
	assert((prefix_compare(a, b) < 0) == (prefix_compare(b, a) > 0));
	assert(prefix_contains_addr(a, &b->addr) || !prefix_contains(a, b));
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	char *text = strndup((const char *)data, size), *rest = text, *line;
	struct prefix prefixes[LINES_MAX];
	size_t n = 0;
	struct addr a;

	for (unsigned i = 0; i < LINES_MAX && (line = strsep(&rest, "\n")); i++) {
		check_addr(line, &a);
		check_endpoint(line);
		if (check_prefix(line, &prefixes[n]))
			n++;
	}
	for (size_t i = 0; i < n; i++)
		for (size_t k = 0; k < n; k++)
			check_pair(&prefixes[i], &prefixes[k]);
	free(text);
	return 0;
}
