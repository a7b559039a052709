/*
 * Messages to the privileged helper: what it takes comes back the same, of copies, too, and is as
 * long as what a synchronisation counts; whatever it does not take has a reason.
 *
 * Covers: mitigator/filter_proto.c core/acl_rule.c
 */
#include <assert.h>
#include <string.h>

#include "fuzz.h"
#include "mitigator/filter_proto.h"

/* What fits a frame is found out before it is encoded. */
static void
check_sizes(const struct filter_msg *m, size_t size)
{
	size_t n = 1 + 4 + 8 * m->n_removed + 4 + 4 + 4;

	for (size_t i = 0; i < m->n_added; i++)
		n += filter_proto_size(&m->added[i]);
	for (size_t i = 0; i < m->n_flows; i++)
		n += filter_proto_flows_size(&m->flows[i]);
	for (size_t i = 0; i < m->n_acls; i++)
		n += filter_proto_acls_size(&m->acls[i]);
	assert(n == size);
}

static void
check_fields(const struct filter_msg *m)
{
	for (size_t i = 0; i < m->n_added; i++)
		assert(!filter_proto_check(&m->added[i]));
	for (size_t i = 0; i < m->n_acls; i++)
		assert(!filter_proto_check_acls(&m->acls[i]));
	if (m->op == FILTER_OP_HELLO && filter_proto_instance_ok(m->instance))
		assert(*m->instance && strlen(m->instance) <= FILTER_PROTO_INSTANCE_MAX);
}

static void
keep(struct arena *a, struct filter_msg *m)
{
	for (size_t i = 0; i < m->n_added; i++)
		m->added[i] = filter_proto_copy(a, &m->added[i]);
	for (size_t i = 0; i < m->n_acls; i++)
		m->acls[i] = filter_proto_copy_acls(a, &m->acls[i]);
}

int
LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
	struct arena *a = arena_new();
	struct filter_msg m;
	const char *why = filter_proto_decode(a, data, size, &m);
	struct buf out;

	buf_init(&out, 1 << 20);
	if (why) {
		assert(*why);
	} else {
		check_fields(&m);
		if (m.op == FILTER_OP_SYNC || m.op == FILTER_OP_COMMIT)
			check_sizes(&m, size);
		keep(a, &m);
		filter_proto_encode(&m, &out);
		assert(out.failed || (out.len == size && !memcmp(out.bytes, data, size)));
	}
	buf_finish(&out);
	arena_free(a);
	return 0;
}
