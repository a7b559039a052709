#include "data_fixture.h"

struct loop *loop;
struct persist *store;
struct clients *clients;
struct data *book;
wall_ms now;
struct restconf_error err;
size_t created;
struct data_policy policy;
char told[256];

static void
tell(void *arg, const char *client)
{
	size_t len = strlen(told);

	(void)arg;
	snprintf(told + len, sizeof(told) - len, "%s ", client);
}

void
open_book(void)
{
	book = data_new(&policy, store);
	data_on_change(book, tell, NULL);
	told[0] = '\0';
	assert_int_equal(data_restore(book, clients, now), 0);
	assert_string_equal(told, "");
}

void
restart(void)
{
	data_free(book);
	open_book();
}

int
set_up(void **state)
{
	(void)state;
	loop = loop_new();
	store = standin_store_new(loop);
	clients = clients_new();
	assert_null(clients_add(clients, make_client("acme", NULL, "192.0.2.0/24")));
	assert_null(clients_add(clients, make_client("beta", NULL, "198.51.100.0/24")));
	assert_null(clients_add(clients, make_client("twin", NULL, "192.0.2.0/24")));
	policy = (struct data_policy){10080, 10000, 1000, 100, 1000, 65536};
	now = start;
	open_book();
	return 0;
}

int
tear_down(void **state)
{
	(void)state;
	data_free(book);
	clients_free(clients);
	standin_store_free(store);
	loop_free(loop);
	return 0;
}

bool
enrol_as(const char *client, const char *cuid, struct data_client **ret)
{
	bool new;

	return data_register(
		book, clients_named(clients, client), cuid, NULL, now, ret, &new, &err);
}

struct data_client *
enrol(const char *client, const char *cuid)
{
	struct data_client *dc;

	assert_true(enrol_as(client, cuid, &dc));
	return dc;
}

json_t *
json_of(const char *text)
{
	char *copy = mem_text(text);
	json_t *j;

	for (char *c = copy; *c; c++)
		if (*c == '\'')
			*c = '"';
	j = json_loads(copy, 0, NULL);
	assert_non_null(j);
	free(copy);
	return j;
}

json_t *
normal_json_of(enum data_kind kind, const char *text)
{
	json_t *j = json_of(text);

	assert_true(yang_check(kind == DATA_ALIAS ? data_alias : data_acl, j, &err));
	return j;
}

bool
edit(struct data_client *dc, struct data_change *changes, size_t n)
{
	return data_edit(book, clients_named(clients, dc->client), dc, changes, n, clients, now,
		&created, &err);
}

bool
put_at(struct data_client *dc, enum data_kind kind, const char *text, enum restconf_insert insert,
	const char *point)
{
	json_t *j = normal_json_of(kind, text);
	struct data_change ch = {.kind = kind,
		.name = json_string_value(json_object_get(j, "name")),
		.entry = j,
		.insert = insert,
		.point = point};
	bool ok = edit(dc, &ch, 1);

	json_decref(j);
	return ok;
}

bool
put(struct data_client *dc, enum data_kind kind, const char *text)
{
	return put_at(dc, kind, text, INSERT_LAST, NULL);
}

bool
put_alias(struct data_client *dc, const char *name, const char *prefix)
{
	char text[256];

	snprintf(text, sizeof(text), "{'name': '%s', 'target-prefix': ['%s']}", name, prefix);
	return put(dc, DATA_ALIAS, text);
}

bool
take_away(struct data_client *dc, enum data_kind kind, const char *name)
{
	struct data_change ch = {.kind = kind, .name = name};

	return edit(dc, &ch, 1);
}

void
assert_why(unsigned status, enum restconf_tag tag, const char *part)
{
	assert_int_equal(err.status, status);
	assert_int_equal(err.tag, tag);
	assert_memory_equal(err.why, "RFC ", 4);
	if (!strstr(err.why, part))
		fail_msg("\"%s\" is not in \"%s\"", part, err.why);
}

const char *
order_of(const struct data_client *dc)
{
	static char got[64];
	size_t len = 0;

	got[0] = '\0';
	for (size_t i = 0; i < dc->n_acls; i++)
		len += (size_t)snprintf(got + len, sizeof(got) - len, "%s", dc->acls[i]->name);
	return got;
}

bool
place(struct data_client *dc, const char *name, enum restconf_insert insert, const char *point)
{
	char text[512];

	snprintf(text, sizeof(text),
		"{'name': '%s', 'aces': {'ace': [" DROP("r", "203.0.113.0/24") "]}}", name);
	return put_at(dc, DATA_ACL, text, insert, point);
}

void
put_record(const char *kind, const char *key, const char *value)
{
	json_t *j = json_of(value);
	char *text = json_dumps(j, 0);

	standin_store_put(store, kind, key, text);
	free(text);
	json_decref(j);
}

const char *
in_force(const char *client)
{
	static char got[512];
	struct arena *a = arena_new();
	struct acl_set set;
	char text[PREFIX_TEXT_MAX];
	size_t len = 0;

	data_in_force(book, clients_named(clients, client), a, &set);
	assert_string_equal(set.client, client);
	assert_int_equal(set.n_scope, 1);
	got[0] = '\0';
	for (size_t i = 0; i < set.n_rules; i++)
		len += (size_t)snprintf(got + len, sizeof(got) - len, "%s ",
			prefix_format(&set.rules[i].source, text));
	arena_free(a);
	return got;
}

void
configure(const char *acme, const char *twin)
{
	struct clients *before = clients;

	clients = clients_new();
	if (acme)
		assert_null(clients_add(clients, make_client("acme", NULL, acme)));
	if (twin)
		assert_null(clients_add(clients, make_client("twin", NULL, twin)));
	if (book)
		data_reload(book, &policy, clients, now);
	clients_free(before);
}
