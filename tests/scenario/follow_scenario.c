/*
 * Names that are answered while they are asked for, and otherwise than before (role/names.h): each
 * answer makes the request anew that asks. In place of role/names.c, which answers like that when
 * it knows the name, or follows as many as it can.
 */
#include "scene.h"

#include <stdio.h>

#include "role/names.h"

enum { FIRST_HOST = 70 };

struct names {
	const struct names_ops *ops;
	void *arg;
};

static unsigned answers;

struct names *
names_new(struct loop *l, const struct names_sources *s, const struct names_ops *ops, void *arg)
{
	struct names *n = mem_new(sizeof(*n));

	(void)l;
	(void)s;
	n->ops = ops;
	n->arg = arg;
	return n;
}

void
names_free(struct names *n)
{
	free(n);
}

void
names_reload(struct names *n, const struct names_sources *s)
{
	(void)n;
	(void)s;
}

const struct name_answer *
names_known(const struct names *n, const char *host)
{
	(void)n;
	(void)host;
	return NULL;
}

const struct name_answer *
names_read_table(struct names *n, const char *host)
{
	(void)n;
	(void)host;
	return NULL;
}

int
names_check(const struct names *n, const char *host, char *why, size_t cap)
{
	(void)n;
	(void)host;
	snprintf(why, cap, "%s", "");
	return 0;
}

/* Another address with each answer. The name is that of who asks, and is looked at afterwards. */
void
names_lookup(struct names *n, const char *host, bool anew)
{
	struct name_answer a = {.state = NAME_KNOWN, .n_addrs = 1, .whole = true, .why = ""};
	char asked[NAME_HOST_MAX + 1];

	(void)anew;
	snprintf(asked, sizeof(asked), "%s", host);
	a.addrs[0] = (struct addr){4, {192, 0, 2, (uint8_t)(FIRST_HOST + answers++)}};
	n->ops->answered(n->arg, asked, &a);
	assert_string_equal(host, asked);
}

void
names_drop(struct names *n, const char *host)
{
	(void)n;
	(void)host;
}

struct world {
	struct provider isp;
	struct hand acme;
};

static int
setup(void **state)
{
	struct world *x = mem_new(sizeof(*x));

	answers = 0;
	virtual_start();
	provider_make(&x->isp, "s1", "192.0.2.10", "192.0.2.64/26");
	assert_int_equal(endpoint_parse("127.0.0.1", 5353, &x->isp.setup.names.resolver), 0);
	provider_start(&x->isp);
	hand_make(&x->acme, "acme", "10.0.0.1/24");
	hand_dial(&x->acme, "s1", "192.0.2.10");
	virtual_run(1 * S);
	virtual_mark();
	*state = x;
	return 0;
}

static int
teardown(void **state)
{
	struct world *x = *state;

	hand_free(&x->acme);
	provider_free(&x->isp);
	virtual_end();
	free(x);
	return 0;
}

/* Both are looked up for the check, and again when the request is on record: where they are by then
 * is what is filtered. That nothing of the old request is looked at, AddressSanitizer sees. */
static void
a_request_whose_names_move_while_they_are_looked_up_is_filtered_where_they_are(void **state)
{
	struct world *x = *state;

	hand_put_names(&x->acme, 1, "www.example.com mail.example.com");
	UNTIL(4 * S, x->acme.code);
	assert_int_equal(x->acme.code, COAP_201_CREATED);
	virtual_run(100);
	assert_int_equal(answers, 4);
	assert_true(virtual_events(EVENT_RULE_INSTALLED, "scope=192.0.2.72/32,192.0.2.73/32") > 0);
	hand_delete(&x->acme, 1);
	UNTIL(4 * S, x->acme.code == COAP_202_DELETED);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test_setup_teardown(
			a_request_whose_names_move_while_they_are_looked_up_is_filtered_where_they_are,
			setup, teardown),
	};

	return cmocka_run_group_tests(tests, NULL, NULL);
}
