/* What our client reads in answers of a server of the data channel (RFC 8040, RFC 8783). */
#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "role/data_reply.h"

static struct web_answer
answer(unsigned status, const char *body)
{
	return (struct web_answer){.status = status, .body = body, .len = strlen(body)};
}

#define XRD(link)                                                                                  \
	"<?xml version='1.0'?>\n<XRD xmlns='http://docs.oasis-open.org/ns/xri/xrd-1.0'>\n" link    \
	"</XRD>\n"

/* 8783-3.1-07; the root is where the server says. */
static void
the_root_is_found(void **state)
{
	static const struct {
		const char *body, *root;
		uint32_t port;
	} rows[] = {
		{XRD("<Link rel='restconf' href='/restconf'/>"), "/restconf", 443},
		{XRD("<Link rel='other' href='/x'/><Link href=\"/top/rc/\"\n rel = \"restconf\" "
		     "/>"),
			"/top/rc", 443},
		{XRD("<Link rel='restconf' href='/'/>"), "", 443},
		{XRD("<Link rel='restconf' href='https://Data.example/rc'/>"), "/rc", 443},
		{XRD("<Link rel='restconf' href='https://data.example:8443/rc'/>"), "/rc", 8443},
		{XRD("<Link rel='restconf' href='https://data.example:443/rc'/>"), "/rc", 443},
	};
	char why[DATA_REPLY_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct web_answer a = answer(200, rows[i].body);
		char *root = data_reply_root(&a, "data.example", rows[i].port, why, sizeof(why));

		assert_non_null(root);
		assert_string_equal(root, rows[i].root);
		free(root);
	}
}

static void
a_root_somewhere_else_is_refused(void **state)
{
	static const struct {
		const char *body, *why;
		uint32_t port; /* 0: 443 */
	} rows[] = {
		{"", "host-meta names no root of RESTCONF", 0},
		{XRD("<Link rel='other' href='/restconf'/>"), "host-meta names no root of RESTCONF",
			0},
		{XRD("<Link rel='restconf'/><Link href='/x'/>"),
			"host-meta names no root of RESTCONF", 0},
		{"<Link rel='restconf' href='/restconf", "host-meta names no root of RESTCONF", 0},
		{XRD("<Link xrel='restconf' href='/x'/>"), "host-meta names no root of RESTCONF",
			0},
		{XRD("<Link rel='restconf' href='https://data.example:4/rc'/>"),
			"host-meta leads to https://data.example:4/rc, which is another server", 0},
		{XRD("<Link rel='restconf' href='https://data.example/rc'/>"),
			"host-meta leads to https://data.example/rc, which is another server",
			8443},
		{XRD("<Link rel='restconf' href='https://evil.example/rc'/>"),
			"host-meta leads to https://evil.example/rc, which is another server", 0},
		{XRD("<Link rel='restconf' href='https://data.example.evil/rc'/>"),
			"host-meta leads to https://data.example.evil/rc, which is another server",
			0},
		{XRD("<Link rel='restconf' href='https://data.example:8443/rc'/>"),
			"host-meta leads to https://data.example:8443/rc, which is another server",
			0},
		{XRD("<Link rel='restconf' href='http://data.example/rc'/>"),
			"host-meta leads to http://data.example/rc, which is another server", 0},
		{XRD("<Link rel='restconf' href='//evil.example/rc'/>"),
			"host-meta leads to //evil.example/rc, which is another server", 0},
		{XRD("<Link rel='restconf' href='/a b'/>"),
			"host-meta leads to /a b, which is no path", 0},
		{XRD("<Link rel='restconf' href='/a?b'/>"),
			"host-meta leads to /a?b, which is no path", 0},
	};
	char why[DATA_REPLY_MAX];

	(void)state;
	for (size_t i = 0; i < sizeof(rows) / sizeof(*rows); i++) {
		struct web_answer a = answer(200, rows[i].body);

		assert_null(data_reply_root(
			&a, "data.example", rows[i].port ? rows[i].port : 443, why, sizeof(why)));
		assert_string_equal(why, rows[i].why);
	}
}

/* Looked at once, however often an element seems to begin, and an attribute in it: a look back or
 * ahead from each would take hours. */
static void
a_host_meta_without_sense_takes_no_time(void **state)
{
	static const char *const parts[] = {"<Link", "<Link rel=\"", " rel=\"x"};
	size_t len = 4 << 20;
	char why[DATA_REPLY_MAX], *body = mem_array(len + 1, 1);

	(void)state;
	for (size_t i = 0; i < sizeof(parts) / sizeof(*parts); i++) {
		struct web_answer a;
		size_t n = (size_t)snprintf(body, len, "<Link"), part = strlen(parts[i]);

		for (; n + part <= len; n += part)
			memcpy(body + n, parts[i], part);
		body[n] = '\0';
		a = answer(200, body);
		assert_null(data_reply_root(&a, "data.example", 443, why, sizeof(why)));
	}
	free(body);
}

static void
what_went_wrong_is_told_in_the_servers_words(void **state)
{
	struct web_answer none = {.why = "TLS: refused"}, plain = answer(502, "<html>"),
			  told = answer(409,
				  "{\"ietf-restconf:errors\":{\"error\":[{\"error-tag\":"
				  "\"resource-denied\",\"error-message\":\"in conflict\"}]}}");
	char buf[DATA_REPLY_MAX];

	(void)state;
	assert_string_equal(data_reply_reason(&none, buf, sizeof(buf)), "no answer: TLS: refused");
	assert_string_equal(data_reply_reason(&plain, buf, sizeof(buf)), "the server says 502");
	assert_string_equal(data_reply_reason(&told, buf, sizeof(buf)),
		"the server says 409 resource-denied: in conflict");
}

static void
some_answers_are_not_about_what_was_asked(void **state)
{
	static const unsigned passing[] = {0, 302, 401, 408, 429, 500, 503},
			      lasting[] = {400, 403, 404, 409, 413};

	(void)state;
	for (size_t i = 0; i < sizeof(passing) / sizeof(*passing); i++) {
		struct web_answer a = answer(passing[i], "");

		assert_true(data_reply_passes(&a));
	}
	for (size_t i = 0; i < sizeof(lasting) / sizeof(*lasting); i++) {
		struct web_answer a = answer(lasting[i], "");

		assert_false(data_reply_passes(&a));
	}
}

struct seen {
	char *entries[4];
	int64_t lifetimes[4];
	size_t n;
};

static void
see(void *arg, const char *name, int64_t lifetime, json_t *entry)
{
	struct seen *s = arg;

	assert_non_null(name);
	assert_in_range(s->n, 0, 3);
	s->lifetimes[s->n] = lifetime;
	s->entries[s->n++] = json_dumps(entry, JSON_COMPACT);
}

static void
entries_come_without_state_and_in_one_form(void **state)
{
	struct web_answer a = answer(200,
		"{\"ietf-dots-data-channel:dots-client\":[{\"cuid\":\"x\",\"aliases\":{\"alias\":["
		"{\"name\":\"a\",\"target-prefix\":[\"192.0.2.7/24\"],\"pending-lifetime\":90},"
		"{\"name\":\"b\",\"what\":1},{\"no\":1}]},"
		"\"ietf-dots-data-channel:acls\":{\"acl\":[{\"name\":\"f\",\"type\":\"ipv4-acl-"
		"type\","
		"\"pending-lifetime\":7,\"aces\":{\"ace\":[{\"name\":\"r\",\"matches\":{\"ipv4\":{"
		"\"destination-ipv4-network\":\"192.0.2.0/24\"}},\"actions\":{\"forwarding\":"
		"\"drop\"},\"statistics\":{\"matched-packets\":\"3\"}}]}}]}}]}");
	char why[DATA_REPLY_MAX];
	json_t *client = data_reply_client(&a, why, sizeof(why));
	struct seen s = {.n = 0};

	(void)state;
	assert_non_null(client);
	data_reply_entries(client, SHARE_ALIAS, see, &s);
	data_reply_entries(client, SHARE_ACL, see, &s);
	assert_int_equal(s.n, 3);
	assert_string_equal(s.entries[0], "{\"name\":\"a\",\"target-prefix\":[\"192.0.2.0/24\"]}");
	assert_int_equal(s.lifetimes[0], 90);
	assert_string_equal(s.entries[1], "{\"name\":\"b\",\"what\":1}"); /* as it came */
	assert_true(s.lifetimes[1] == INT64_MAX);
	assert_int_equal(s.lifetimes[2], 7);
	assert_non_null(strstr(s.entries[2], "\"ietf-access-control-list:drop\""));
	assert_null(strstr(s.entries[2], "statistics"));
	for (size_t i = 0; i < s.n; i++)
		free(s.entries[i]);
	json_decref(client);
}

static void
count(void *arg, const char *name, int64_t lifetime, json_t *entry)
{
	(void)name;
	(void)lifetime;
	(void)entry;
	++*(unsigned *)arg;
}

static void
entries_beyond_a_number_are_not_looked_at(void **state)
{
	json_t *list = json_array(), *client;
	unsigned n = 0;

	(void)state;
	for (unsigned i = 0; i < 4097; i++)
		json_array_append_new(list, json_pack("{ss}", "name", "a"));
	client = json_pack("{s{so}}", "aliases", "alias", list);
	data_reply_entries(client, SHARE_ALIAS, count, &n);
	assert_int_equal(n, 4096);
	json_decref(client);
}

static void
an_answer_that_is_none_is_told(void **state)
{
	struct web_answer broken = answer(200, "{"), other = answer(200, "{\"x\":1}"),
			  empty = answer(200, "{\"ietf-dots-data-channel:dots-client\":[]}");
	char why[DATA_REPLY_MAX];

	(void)state;
	assert_null(data_reply_client(&broken, why, sizeof(why)));
	assert_non_null(strstr(why, "RFC 8259"));
	assert_null(data_reply_client(&other, why, sizeof(why)));
	assert_null(data_reply_client(&empty, why, sizeof(why)));
	assert_string_equal(why, "the answer has no dots-client in it");
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(the_root_is_found),
		cmocka_unit_test(a_root_somewhere_else_is_refused),
		cmocka_unit_test(a_host_meta_without_sense_takes_no_time),
		cmocka_unit_test(what_went_wrong_is_told_in_the_servers_words),
		cmocka_unit_test(some_answers_are_not_about_what_was_asked),
		cmocka_unit_test(entries_come_without_state_and_in_one_form),
		cmocka_unit_test(entries_beyond_a_number_are_not_looked_at),
		cmocka_unit_test(an_answer_that_is_none_is_told),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
