/* What leaves for a server, whatever was planned (rule M9; RFC 9284 6). */
#include "../homing/fixture.h"

#include "base/event.h"
#include "core/name.h"
#include "role/body.h"

static const char *const two[] = {"isp1 wan1 192.0.2.64/26 s1", "isp2 wan2 198.51.100.64/26 s2"};

struct world {
	struct homing *h;
	struct arena *a;
	struct name names[2];
	struct wish_action action; /* PUT to s1 */
	uint8_t *body;
	size_t len;
	unsigned shared, alerts;
	int64_t targets, told; /* of the last `shared` */
};

static void
on_event(void *arg, enum event_id id, const struct event_field *fields, size_t n)
{
	struct world *x = arg;

	x->shared += id == EVENT_SHARED;
	x->alerts += id == EVENT_ALERT;
	for (size_t i = 0; id == EVENT_SHARED && i < n; i++) {
		if (!strcmp(fields[i].name, "targets"))
			x->targets = fields[i].number;
		if (!strcmp(fields[i].name, "names"))
			x->told = fields[i].number;
	}
}

static int
setup(void **state)
{
	struct world *x = mem_new(sizeof(*x));
	char why[100];

	x->h = make_homing(two, 2);
	assert_int_equal(homing_index(x->h, why, sizeof(why)), 0);
	x->a = arena_new();
	x->names[0] = name_from(x->a, "www.example.com", "192.0.2.70/32");
	x->names[1] = name_from(x->a, "mail.example.com", "198.51.100.70/32");
	x->action = (struct wish_action){.kind = WISH_ACTION_PUT,
		.server = server_named(x->h, "s1"),
		.mid = 7,
		.names = x->names,
		.n_names = 2};
	x->action.scope.lifetime = 3600;
	SCOPE_SET(&x->action.scope, LIFETIME);
	SCOPE_SET(&x->action.scope, TARGET_PREFIX);
	event_add_sink(on_event, x);
	*state = x;
	return 0;
}

static int
teardown(void **state)
{
	struct world *x = *state;

	event_clear_sinks();
	homing_free(x->h);
	arena_free(x->a);
	free(x->body);
	free(x);
	return 0;
}

static bool
make(struct world *x, const char *targets)
{
	free(x->body);
	x->body = NULL;
	x->action.scope.target = target_from(x->a, targets);
	return body_make(x->h, NULL, &x->action, &x->body, &x->len);
}

static bool
holds(const struct world *x, const char *text)
{
	return x->body && memmem(x->body, x->len, text, strlen(text));
}

/* 9284-6-03, 9284-6-05: it is held back, and the operator has to look. */
static void
what_is_somebody_elses_does_not_leave(void **state)
{
	struct world *x = *state;

	assert_true(make(x, "192.0.2.70/32,198.51.100.70/32"));
	assert_true(holds(x, "192.0.2.70/32") && holds(x, "www.example.com"));
	assert_false(holds(x, "198.51.100") || holds(x, "mail"));
	assert_int_equal(x->alerts, 1);
	assert_int_equal(x->targets, 1);
	assert_int_equal(x->told, 1);
	assert_false(make(x, "198.51.100.70/32"));
	assert_null(x->body);
	assert_int_equal(x->alerts, 2);
	assert_int_equal(x->shared, 1);
}

/* 9284-6-12: what a provider gets to know is on record, once. */
static void
what_is_told_is_on_record(void **state)
{
	struct world *x = *state;

	x->action.n_names = 1;
	assert_true(make(x, "192.0.2.70/32,192.0.2.71/32"));
	assert_int_equal(x->shared, 1);
	assert_int_equal(x->targets, 2);
	assert_int_equal(x->told, 1);
	x->action.refresh = true;
	assert_true(make(x, "192.0.2.70/32,192.0.2.71/32"));
	assert_int_equal(x->shared, 1);
	assert_int_equal(x->alerts, 0);
}

int
main(void)
{
#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)
	const struct CMUnitTest tests[] = {
		CASE(what_is_somebody_elses_does_not_leave),
		CASE(what_is_told_is_on_record),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
