/* What a request stands for: targets, aliases and names, appended (RFC 9132 4.4.1.1, 4.4.1.3). */
#include "fixture.h"

#include "core/cover.h"

struct world {
	struct client *client;
	struct clients *clients;
	struct arena *arena;
	struct cover cover;
};

static void
add_alias(struct client *c, const char *name, const char *prefix, const char *host, int port)
{
	struct alias *a;

	c->aliases = mem_grow(c->aliases, c->n_aliases + 1, sizeof(*a));
	a = &c->aliases[c->n_aliases++];
	*a = (struct alias){.name = mem_text(name)};
	if (prefix) {
		a->prefixes = mem_new(sizeof(*a->prefixes));
		assert_int_equal(prefix_parse(prefix, &a->prefixes[a->n_prefixes++]), 0);
	}
	if (host) {
		a->names = mem_new(sizeof(char *));
		a->names[a->n_names++] = mem_text(host);
	}
	if (port) {
		a->ports = mem_new(sizeof(*a->ports));
		a->ports[a->n_ports++] = (struct port_range){
			.has = 1ULL << PORT_RANGE_LOWER_PORT, .lower_port = (uint64_t)port};
	}
}

static int
setup(void **state)
{
	struct world *w = mem_new(sizeof(*w));

	w->clients = clients_new();
	w->client = make_client("acme", NULL, "192.0.2.0/24");
	add_alias(w->client, "net", "192.0.2.128/25", NULL, 0);
	add_alias(w->client, "web", "192.0.2.80/32", NULL, 8080);
	add_alias(w->client, "site", NULL, "https://www.example.com/", 0);
	assert_null(clients_add(w->clients, w->client));
	w->arena = arena_new();
	*state = w;
	return 0;
}

static int
teardown(void **state)
{
	struct world *w = *state;

	cover_finish(&w->cover);
	clients_free(w->clients);
	arena_free(w->arena);
	free(w);
	return 0;
}

static struct verdict
read_json(struct world *w, const char *json)
{
	struct scope *s = arena_alloc(w->arena, 1, sizeof(*s));
	struct schema_error err;

	if (schema_decode_json(&scope_schema, w->arena, json, strlen(json), s, &err) != 0)
		fail_msg("%s: %s", json, err.why);
	cover_finish(&w->cover);
	return cover_read(w->client, NULL, &s->target, true, &w->cover);
}

/* "prefixes; ports; protocols". */
static const char *
text_of(const struct cover *cv)
{
	static char text[400];
	const struct target *t = &cv->fixed;
	char one[PREFIX_TEXT_MAX];
	size_t len = 0;

	*text = '\0';
	for (size_t i = 0; i < cv->n_prefixes; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%s", i ? "," : "",
			prefix_format(&cv->prefixes[i], one));
	len += (size_t)snprintf(text + len, sizeof(text) - len, ";");
	for (size_t i = 0; i < t->n_target_port_range; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%u", i ? "," : "",
			(unsigned)t->target_port_range[i].lower_port);
	len += (size_t)snprintf(text + len, sizeof(text) - len, ";");
	for (size_t i = 0; i < t->n_target_protocol; i++)
		len += (size_t)snprintf(text + len, sizeof(text) - len, "%s%u", i ? "," : "",
			(unsigned)t->target_protocol[i]);
	return text;
}

/* 8783-6.1-15, -20, 9132-4.4.1.3-04, 9132-4.4.1.1-43, 9132-4.4.1.1-72, 9132-4.4.1.1-73 */
static void
everything_is_appended(void **state)
{
	static const struct {
		const char *json, *is;
	} cases[] = {
		{"{\"alias-name\": [\"net\"]}", "192.0.2.128/25;;"},
		{"{\"alias-name\": [\"web\"]}", "192.0.2.80/32;8080;"},
		{"{\"alias-name\": [\"web\", \"net\"]}", "192.0.2.80/32,192.0.2.128/25;;"},
		{"{\"alias-name\": [\"net\", \"net\"]}", "192.0.2.128/25;;"},
		{"{\"alias-name\": [\"net\"], \"target-port-range\": [{\"lower-port\": 53}], "
		 "\"target-protocol\": [17]}",
			"192.0.2.128/25;53;17"},
		{"{\"alias-name\": [\"web\"], \"target-port-range\": [{\"lower-port\": 53}]}",
			"192.0.2.80/32;53,8080;"},
		{"{\"alias-name\": [\"web\"], \"target-prefix\": [\"192.0.2.1/32\"]}",
			"192.0.2.1/32,192.0.2.80/32;;"},
		{"{\"target-uri\": [\"https://192.0.2.9:8443/\"]}", ";8443;6,17"},
		{"{\"target-uri\": [\"http://a.example/\", \"coaps://a.example/\"]}",
			";80,5684;6,17"},
		{"{\"target-uri\": [\"http://a.example/\"], \"target-port-range\": "
		 "[{\"lower-port\": 81}]}",
			";81,80;6"},
		{"{\"target-uri\": [\"http://a.example/\"], \"target-fqdn\": [\"a.example\"]}",
			";;"},
		{"{\"alias-name\": [\"site\", \"web\"]}", "192.0.2.80/32;443,8080;"},
	};
	struct world *w = *state;

	for (size_t i = 0; i < sizeof(cases) / sizeof(cases[0]); i++) {
		assert_int_equal(read_json(w, cases[i].json).code, COAP_204_CHANGED);
		if (strcmp(text_of(&w->cover), cases[i].is) != 0)
			fail_msg("%s: %s", cases[i].json, text_of(&w->cover));
	}
}

static struct name_answer
answer(const char *first, const char *second)
{
	struct name_answer a = {.state = NAME_KNOWN, .whole = true, .why = ""};

	assert_int_equal(addr_parse(first, &a.addrs[a.n_addrs++]), 0);
	if (second)
		assert_int_equal(addr_parse(second, &a.addrs[a.n_addrs++]), 0);
	return a;
}

/* 9132-4.4.1.1-47, 9132-4.4.1.1-48 */
static void
only_what_the_client_may_ask_for_is_covered(void **state)
{
	struct world *w = *state;
	struct name_answer both = answer("192.0.2.7", "198.51.100.7"),
			   own = answer("192.0.2.7", NULL);
	struct name_answer none = {.state = NAME_NONE, .why = "none"};
	struct prefix foreign;

	read_json(w, "{\"target-fqdn\": [\"a.example\"], \"target-uri\": [\"http://a.example/\"]}");
	assert_int_equal(w->cover.n_names, 2);
	assert_true(cover_is_sought(&w->cover));
	assert_int_equal(cover_check(&w->cover, w->client).code, COAP_503_SERVICE_UNAVAILABLE);
	assert_true(cover_learn(&w->cover, "a.example", &none));
	assert_int_equal(cover_check(&w->cover, w->client).code, COAP_400_BAD_REQUEST);
	assert_true(cover_learn(&w->cover, "a.example", &own));
	assert_int_equal(cover_check(&w->cover, w->client).code, COAP_204_CHANGED);
	assert_null(cover_gather(&w->cover, w->client, &foreign));
	assert_string_equal(text_of(&w->cover), "192.0.2.7/32;;");
	assert_false(cover_learn(&w->cover, "a.example", &none));
	assert_true(cover_learn(&w->cover, "a.example", &both));
	assert_int_equal(cover_check(&w->cover, w->client).code, COAP_400_BAD_REQUEST);
	assert_string_equal(cover_gather(&w->cover, w->client, &foreign), "http://a.example/");
	assert_string_equal(text_of(&w->cover), "192.0.2.7/32;;");
}

static const struct target *
many(struct world *w, size_t n)
{
	struct target *t = arena_alloc(w->arena, 1, sizeof(*t));
	char name[32];

	t->target_fqdn = arena_alloc(w->arena, n, sizeof(char *));
	for (t->n_target_fqdn = 0; t->n_target_fqdn < n; t->n_target_fqdn++) {
		snprintf(name, sizeof(name), "n%zu.example", t->n_target_fqdn);
		t->target_fqdn[t->n_target_fqdn] = arena_text(w->arena, name, strlen(name));
	}
	return t;
}

/* What one request can make us keep. */
static void
sizes_are_limited(void **state)
{
	struct world *w = *state;
	struct verdict v;

	w->client->limits.names = 1;
	v = read_json(w, "{\"target-fqdn\": [\"a.example\", \"b.example\"]}");
	assert_int_equal(v.code, COAP_400_BAD_REQUEST);
	assert_non_null(strstr(v.why, "more names than the 1"));
	assert_int_equal(read_json(w, "{\"target-fqdn\": [\"a.example\", \"a.example\"]}").code,
		COAP_204_CHANGED);
	/* Every name may have so many addresses: together they are more than a filter takes. */
	w->client->limits.names = COVER_PREFIXES_MAX / NAME_ADDRS_MAX + 1;
	cover_finish(&w->cover);
	v = cover_read(
		w->client, NULL, many(w, COVER_PREFIXES_MAX / NAME_ADDRS_MAX), true, &w->cover);
	assert_int_equal(v.code, COAP_204_CHANGED);
	cover_finish(&w->cover);
	v = cover_read(
		w->client, NULL, many(w, COVER_PREFIXES_MAX / NAME_ADDRS_MAX + 1), true, &w->cover);
	assert_int_equal(v.code, COAP_400_BAD_REQUEST);
	assert_non_null(strstr(v.why, "more addresses"));
}

/* As many ports as a request may have, and one more by a URI. */
static void
ports_are_limited(void **state)
{
	struct world *w = *state;
	static char text[] = "http://a.example/";
	static char *uri[] = {text};
	struct target t = {.target_uri = uri, .n_target_uri = 1};
	struct verdict v;

	t.target_port_range = arena_alloc(w->arena, COVER_PORTS_MAX, sizeof(struct port_range));
	for (t.n_target_port_range = 0; t.n_target_port_range < COVER_PORTS_MAX;
		t.n_target_port_range++)
		t.target_port_range[t.n_target_port_range].lower_port =
			1000 + t.n_target_port_range;
	v = cover_read(w->client, NULL, &t, true, &w->cover);
	assert_int_equal(v.code, COAP_400_BAD_REQUEST);
	assert_non_null(strstr(v.why, "target-port-range has more than 256"));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(everything_is_appended),
		CASE(only_what_the_client_may_ask_for_is_covered),
		CASE(sizes_are_limited),
		CASE(ports_are_limited),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
