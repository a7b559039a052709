/* Interfaces and addresses as the kernel tells them, in a network namespace of its own. */
#include <sched.h>

#include "harness.h"

#include <net/if.h>
#include <stdio.h>
#include <stdlib.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/link.h"

struct told {
	struct loop *loop;
	struct links *links;
	unsigned n;
	bool up; /* of the last */
	char interface[IFNAMSIZ];
};

static void
on_change(void *arg, const char *interface, bool up)
{
	struct told *t = arg;

	t->n++;
	t->up = up;
	snprintf(t->interface, sizeof(t->interface), "%s", interface);
}

static int
setup(void **state)
{
	struct told *t;

	if (unshare(CLONE_NEWNET) != 0)
		return 0;
	t = mem_new(sizeof(*t));
	assert_int_equal(
		system("ip link add near type veth peer name far && ip link set far up"), 0);
	t->loop = loop_new();
	t->links = links_new(t->loop, on_change, t);
	assert_non_null(t->links);
	*state = t;
	return 0;
}

static int
teardown(void **state)
{
	struct told *t = *state;

	links_free(t->links);
	loop_free(t->loop);
	free(t);
	return 0;
}

static void
run(const char *command)
{
	if (system(command) != 0)
		fail_msg("%s", command);
}

static const struct link_addr *
find(const struct told *t, const char *text)
{
	struct addr wanted;
	size_t n;
	const struct link_addr *list = links_addrs(t->links, &n);

	assert_int_equal(addr_parse(text, &wanted), 0);
	for (size_t i = 0; i < n; i++)
		if (addr_equal(&list[i].addr, &wanted))
			return &list[i];
	return NULL;
}

static void
up_is_with_carrier_only(void **state)
{
	struct told *t = *state;

	assert_true(links_exists(t->links, "near"));
	assert_false(links_exists(t->links, "other"));
	assert_false(links_up(t->links, "near"));
	run("ip link set near up");
	WAIT(t->loop, links_up(t->links, "near") && t->n);
	run("ip link set far down"); /* the far end */
	WAIT(t->loop, !links_up(t->links, "near"));
	run("ip link set far up");
	WAIT(t->loop, links_up(t->links, "near"));
	run("ip link delete near");
	WAIT(t->loop, !links_exists(t->links, "near"));
	assert_false(t->up);
}

/* An address is told when it comes, when what it is good for changes, and when it goes; not when a
 * router only renews its lifetime. */
static void
addresses_are_told_when_something_changes(void **state)
{
	struct told *t = *state;
	unsigned before;

	run("ip link set near up");
	WAIT(t->loop, links_up(t->links, "near"));
	run("ip addr add 2001:db8::1/64 dev near nodad valid_lft 100 preferred_lft 50");
	WAIT(t->loop, find(t, "2001:db8::1"));
	assert_string_equal(find(t, "2001:db8::1")->interface, "near");
	assert_int_equal(find(t, "2001:db8::1")->prefix.len, 64);
	assert_false(find(t, "2001:db8::1")->deprecated);

	run("ip addr add 192.0.2.1/24 dev near");
	WAIT(t->loop, find(t, "192.0.2.1"));
	before = t->n;
	run("ip addr change 2001:db8::1/64 dev near valid_lft 200 preferred_lft 150");
	run("ip addr change 192.0.2.1/24 dev near valid_lft 200 preferred_lft 150");
	run("ip addr add 192.0.2.2/24 dev near"); /* comes after the two */
	WAIT(t->loop, find(t, "192.0.2.2"));
	assert_int_equal(t->n, before + 1);

	run("ip addr change 2001:db8::1/64 dev near valid_lft 200 preferred_lft 0");
	WAIT(t->loop, t->n == before + 2);
	assert_true(find(t, "2001:db8::1")->deprecated);
	run("ip addr del 2001:db8::1/64 dev near");
	WAIT(t->loop, !find(t, "2001:db8::1"));
	assert_int_equal(t->n, before + 3);
	assert_non_null(find(t, "192.0.2.1"));
	assert_non_null(find(t, "192.0.2.2"));
}

/* RFC 4862 5.4: until it is known to be nobody else's, an address cannot be used. */
static void
a_tentative_address_is_told_again_when_it_is_usable(void **state)
{
	struct told *t = *state;

	run("ip link set near up && ip addr add 2001:db8::2/64 dev near");
	WAIT(t->loop, find(t, "2001:db8::2"));
	assert_true(find(t, "2001:db8::2")->tentative);
	WAIT(t->loop, !find(t, "2001:db8::2")->tentative);
	assert_string_equal(t->interface, "near");
}

#define IN_NAMESPACE(t) cmocka_unit_test_setup_teardown(t, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		IN_NAMESPACE(up_is_with_carrier_only),
		IN_NAMESPACE(addresses_are_told_when_something_changes),
		IN_NAMESPACE(a_tentative_address_is_told_again_when_it_is_usable),
	};

	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	if (unshare(CLONE_NEWNET) != 0) {
		puts("1..1\nok 1 # SKIP needs the right to make a network namespace");
		return 77;
	}
	return cmocka_run_group_tests(tests, NULL, NULL);
}
