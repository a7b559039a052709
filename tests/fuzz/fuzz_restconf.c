/*
 * Request targets, query parameters, media types and Via of RESTCONF, one a line: what parses is
 * printed and parses to the same; what does not says why.
 *
 * Covers: wire/restconf.c wire/restconf_path.c wire/restconf_query.c wire/text.c
 * Covers: wire/via.c
 */
#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "fuzz.h"
#include "wire/restconf.h"
#include "wire/via.h"

static const char root[] = "/restconf";
enum { ALL_PARAMETERS = 0x3f };

static void
expect_error(const struct restconf_error *e)
{
	struct restconf_error loop = *e;
	json_t *body = restconf_error_body(e, NULL);

	assert(e->status == 400 || e->status == 404);
	assert(e->tag == RESTCONF_INVALID_VALUE && !strncmp(e->why, "RFC 8040 ", 9));
	assert(body);
	json_decref(body);
	loop.transport = true;
	loop.app_tag = "loop-detected";
	strcpy(loop.path, "/m:x");
	body = restconf_error_body(&loop, json_pack("{s:s}", "via-header", e->why));
	assert(body);
	json_decref(body);
}

static void
expect_same(const struct restconf_path *a, const struct restconf_path *b)
{
	assert(a->resource == b->resource && a->n == b->n);
	for (size_t i = 0; i < a->n; i++) {
		const struct restconf_segment *s = &a->segments[i], *t = &b->segments[i];

		assert(!strcmp(s->name, t->name) && s->n_keys == t->n_keys);
		assert(!s->module == !t->module);
		assert(!s->module || !strcmp(s->module, t->module));
		for (size_t k = 0; k < s->n_keys; k++)
			assert(!strcmp(s->keys[k], t->keys[k]));
	}
}

static void
try_path(struct arena *a, const char *raw)
{
	struct restconf_path p, again;
	struct restconf_error err;
	char *text;

	if (!restconf_path_parse(a, raw, root, &p, &err)) {
		expect_error(&err);
		return;
	}
	if (p.resource != RESTCONF_DATA)
		return;
	text = restconf_path_format(&p, root);
	assert(restconf_path_parse(a, text, root, &again, &err));
	expect_same(&p, &again);
	free(text);
}

static void
try_query(struct arena *a, const char *raw)
{
	struct restconf_query q;
	struct restconf_error err;

	if (!restconf_query_parse(a, raw, root, ALL_PARAMETERS, &q, &err)) {
		expect_error(&err);
		return;
	}
	assert(q.depth <= 65535 && (!(q.has & QUERY_FIELDS) == !*q.fields));
	assert(!(q.has & QUERY_POINT) || q.point.n > 0);
	/* What stands there is refused where it is not allowed. */
	assert(restconf_query_parse(a, raw, root, q.has, &q, &err));
	assert(!q.has || !restconf_query_parse(a, raw, root, 0, &q, &err));
}

/* Who was found is found whatever comes behind; what is sound can go on. */
static void
try_via(const char *field)
{
	static const char *const own[] = {"gw.example.net", "192.0.2.1", "2001:db8::1"};
	char *on = via_append(field, own[0]), *alone = via_append(NULL, own[1]);

	assert(!via_has(field, own, 3) || via_has(on, own, 3));
	assert(via_has(alone, own, 3) && via_is_sound(alone));
	assert(!via_is_sound(field) || strlen(field) <= VIA_MAX);
	free(on);
	free(alone);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	char *text = arena_text(a, (const char *)data, size), *line;

	for (int i = 0; (line = strsep(&text, "\n")); i++) {
		if (i == 0)
			try_path(a, line);
		else if (i == 1)
			try_query(a, line);
		else if (i == 2)
			(void)(restconf_accepts(line, false) + restconf_accepts(line, true));
		else if (i == 3)
			(void)restconf_media_is_json(line);
		else if (i == 4)
			try_via(line);
	}
	arena_free(a);
	return 0;
}
