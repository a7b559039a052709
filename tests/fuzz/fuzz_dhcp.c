/*
 * DHCP's answers and what hooks give: the first byte says which, and whether the link has Ethernet
 * addresses. The transaction is always the right one, so that the options are reached.
 *
 * Covers: wire/dhcp.c
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "fuzz.h"
#include "wire/dhcp.h"

static void
check_name(const char *name)
{
	assert(strlen(name) <= 253);
	assert(!name[strspn(name, "abcdefghijklmnopqrstuvwxyzABCDEFGHIJKLMNOPQRSTUVWXYZ"
				  "0123456789-_.")]);
	assert(*name != '.' && !strstr(name, ".."));
	assert(!*name || name[strlen(name) - 1] != '.');
}

static void
check_address(const struct addr *a)
{
	static const uint8_t mapped[12] = {[10] = 0xff, [11] = 0xff}, none[12];

	assert(a->family == 4 || a->family == 6);
	assert(!addr_is_multicast(a) && !addr_is_loopback(a) && !addr_is_unspecified(a));
	if (a->family == 6)
		assert(memcmp(a->bytes, mapped, sizeof(mapped)) != 0);
	else
		assert(!memcmp(a->bytes + 4, none, sizeof(none)));
}

static void
check(const struct dhcp_dots *d)
{
	check_name(d->name);
	check_name(d->domain);
	assert(d->n_addrs <= DHCP_ADDRS_MAX && d->n_resolvers <= DHCP_RESOLVERS_MAX);
	for (size_t i = 0; i < d->n_addrs; i++)
		check_address(&d->addrs[i]);
	for (size_t i = 0; i < d->n_resolvers; i++) {
		check_address(&d->resolvers[i].addr);
		assert(d->resolvers[i].port == 53 && !d->resolvers[i].scope_id);
	}
}

static uint32_t
number_at(const uint8_t *p)
{
	return (uint32_t)p[0] << 24 | (uint32_t)p[1] << 16 | (uint32_t)p[2] << 8 | p[3];
}

/* What we ask is no answer to it. */
static void
check_question(const struct dhcp_question *q, bool v6)
{
	struct dhcp_dots d;
	struct buf out;

	buf_init(&out, DHCP_QUESTION_MAX);
	if (v6)
		dhcp_information_request_encode(q, 0, &out);
	else
		dhcp_inform_encode(q, 0, &out);
	assert(!out.failed && dhcp_ack_decode(q, out.bytes, out.len, &d));
	assert(dhcp_reply_decode(q, out.bytes, out.len, &d));
	buf_finish(&out);
}

static const char *
decode_message(bool v6, bool has_ether, const uint8_t *data, size_t size, struct dhcp_dots *d)
{
	struct dhcp_question q = {.has_ether = has_ether, .ether = {2, 0, 0, 0, 0, 9}};

	if (size >= 8)
		q.xid = number_at(data + (v6 ? 0 : 4));
	check_question(&q, v6);
	return v6 ? dhcp_reply_decode(&q, data, size, d) : dhcp_ack_decode(&q, data, size, d);
}

static const char *
parse_text(const uint8_t *data, size_t size, struct dhcp_dots *d)
{
	char *text = malloc(size + 1);
	const char *why;

	memcpy(text, data, size);
	text[size] = '\0';
	why = dhcp_options_parse(text, d);
	free(text);
	return why;
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct dhcp_dots d;
	const char *why;
	uint8_t *exact;

	if (!size)
		return 0;
	exact = malloc(size);
	memcpy(exact, data + 1, size - 1);
	if (data[0] & 2)
		why = parse_text(exact, size - 1, &d);
	else
		why = decode_message(data[0] & 1, data[0] & 4, exact, size - 1, &d);
	if (!why)
		check(&d);
	free(exact);
	return 0;
}
