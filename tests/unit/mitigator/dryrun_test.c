#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <stdint.h>
#include <cmocka.h>

#include "core/acl_rule.h"
#include "mitigator/dryrun.h"

static struct loop *loop;
static int installed, removed;

static void
on_installed(void *arg, uint64_t id)
{
	(void)arg;
	(void)id;
	installed++;
}

static void
on_removed(void *arg, uint64_t id)
{
	(void)arg;
	(void)id;
	removed++;
	loop_stop(loop);
}

/* 9132-4.4.1.1-02 */
static void
it_reports_later_and_keeps_count(void **state)
{
	struct mitigator_events events = {.installed = on_installed, .removed = on_removed};
	struct filter f = {.id = 1}, g = {.id = 2};
	struct mitigator *m;

	(void)state;
	loop = loop_new();
	m = dryrun_new(loop, &events);
	m->ops->start(m, &f);
	m->ops->start(m, &g);
	m->ops->stop(m, 9);
	m->ops->stop(m, 1);
	assert_int_equal(installed + removed, 0);
	assert_int_equal(dryrun_count(m), 1);
	loop_run(loop);
	assert_int_equal(installed, 2);
	assert_int_equal(removed, 1);
	m->ops->free(m);
	loop_free(loop);
}

static unsigned acls_done;

static void
on_acls_done(void *arg, const char *client, const char *why)
{
	(void)arg;
	assert_string_equal(client, "acme");
	assert_null(why);
	acls_done++;
	loop_stop(loop);
}

/* Once for what a turn brings; who does not listen is not told. */
static void
acls_are_reported_later(void **state)
{
	struct mitigator_events events = {.acls_done = on_acls_done}, none = {0};
	struct acl_rule rule = {.id = 1};
	struct acl_set set = {.client = "acme", .rules = &rule, .n_rules = 1};
	struct mitigator *m, *silent;

	(void)state;
	loop = loop_new();
	m = dryrun_new(loop, &events);
	silent = dryrun_new(loop, &none);
	silent->ops->acls(silent, &set);
	m->ops->acls(m, &set);
	m->ops->acls(m, &set);
	assert_int_equal(acls_done, 0);
	loop_run(loop);
	assert_int_equal(acls_done, 1);
	set.n_rules = 0;
	m->ops->acls(m, &set);
	loop_run(loop);
	assert_int_equal(acls_done, 2);
	m->ops->free(m);
	silent->ops->free(silent);
	loop_free(loop);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(it_reports_later_and_keeps_count),
		cmocka_unit_test(acls_are_reported_later),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
