/*
 * Bodies of the signal channel: what decodes encodes, in CBOR and in JSON, and comes back from
 * either as the same bytes. What is said of a mitigation has a name.
 *
 * Covers: wire/schema_cbor.c wire/schema.c wire/signal.c base/addr.c
 */
#include <assert.h>
#include <string.h>

#include "fuzz.h"
#include "wire/signal.h"

enum { ROOM = 1 << 20 };

static void
expect_same(const struct signal_msg *m, const struct buf *once)
{
	struct buf again;

	buf_init(&again, ROOM);
	assert(signal_encode(m, &again) == 0);
	assert(again.len == once->len && !memcmp(again.bytes, once->bytes, once->len));
	buf_finish(&again);
}

static bool
is_name(const char *name)
{
	return *name && strcmp(name, "?") != 0;
}

static void
expect_type(const struct acl_entry *e)
{
	const char *name = activation_type_name((int)e->activation_type);

	if (e->has >> ACL_ACTIVATION_TYPE & 1)
		assert(activation_type_parse(name) == (enum activation_type)e->activation_type);
	else
		assert(!activation_type_parse(e->acl_name) || is_name(e->acl_name));
}

static void
expect_names(const struct signal_msg *m)
{
	for (size_t i = 0; i < m->mitigation_scope.n_scope; i++) {
		const struct scope *s = &m->mitigation_scope.scope[i];
		const struct conflict_information *ci = &s->conflict_information;

		assert(!SCOPE_HAS(s, STATUS) || is_name(dots_status_name((int)s->status)));
		for (size_t k = 0; k < s->n_acl_list; k++)
			expect_type(&s->acl_list[k]);
		if (!SCOPE_HAS(s, CONFLICT_INFORMATION))
			continue;
		assert(!(ci->has >> CONFLICT_STATUS & 1) ||
			is_name(conflict_status_name((int)ci->conflict_status)));
		assert(!(ci->has >> CONFLICT_CAUSE & 1) ||
			is_name(conflict_cause_name((int)ci->conflict_cause)));
	}
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct signal_msg m, back;
	struct schema_error err;
	struct buf once, json;

	buf_init(&once, ROOM);
	buf_init(&json, ROOM);
	if (signal_decode(a, data, size, &m, &err) != 0)
		assert(err.why[0]);
	else if (signal_encode(&m, &once) == 0 &&
		 schema_encode_json(&signal_schema, &m, &json) == 0) {
		assert(signal_decode(a, once.bytes, once.len, &back, &err) == 0);
		expect_same(&back, &once);
		assert(schema_decode_json(
			       &signal_schema, a, buf_text(&json), json.len, &back, &err) == 0);
		expect_same(&back, &once);
		schema_copy(&signal_schema, a, &m, &back);
		expect_same(&back, &once);
		expect_names(&m);
	}
	buf_finish(&once);
	buf_finish(&json);
	arena_free(a);
	return 0;
}
