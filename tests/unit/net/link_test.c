/* Links and addresses as the kernel tells them, in a network namespace of our own. */
#include "harness.h"

#include <errno.h>
#include <fcntl.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/resource.h>
#include <sys/wait.h>
#include <unistd.h>

#include "base/event.h"
#include "base/mem.h"
#include "net/link.h"

enum { TOLD_MAX = 65536, WORDS_MAX = 24, FLOOD = 3000 };

extern char **environ;
static char program[] = "ip";

struct told {
	char interface[IFNAMSIZ];
	bool up;
};

struct world {
	struct loop *l;
	struct links *ls;
	struct told *told;
	size_t n;
};

static void
on_change(void *arg, const char *interface, bool up)
{
	struct world *x = arg;

	assert_true(x->n < TOLD_MAX);
	/* What is told can be seen already. */
	assert_int_equal(links_up(x->ls, interface), up);
	snprintf(x->told[x->n].interface, IFNAMSIZ, "%s", interface);
	x->told[x->n++].up = up;
}

static pid_t
spawn(char **argv, posix_spawn_file_actions_t *files)
{
	pid_t pid;

	assert_int_equal(posix_spawnp(&pid, argv[0], files, NULL, argv, environ), 0);
	return pid;
}

static void
finished(pid_t pid)
{
	int status = -1;

	assert_int_equal(waitpid(pid, &status, 0), pid);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
}

/* "ip" and its words. */
static void
ip(const char *text)
{
	char *copy = mem_text(text), *rest = copy, *word, *argv[WORDS_MAX] = {program};
	size_t n = 1;

	while ((word = strsep(&rest, " ")))
		argv[n++] = word;
	assert_true(n < WORDS_MAX);
	finished(spawn(argv, NULL));
	free(copy);
}

/* Starts "ip" to add so many addresses of 10.<net>.0.0/16 to a link, or to delete them. */
static pid_t
start_batch(const char *verb, const char *interface, unsigned net, unsigned n)
{
	static char batch[] = "-batch", input[] = "-";
	char path[] = "/tmp/link_test-XXXXXX", *argv[] = {program, batch, input, NULL};
	int fd = mkstemp(path);
	FILE *f = fdopen(fd, "w");
	posix_spawn_file_actions_t files;
	pid_t pid;

	assert_non_null(f);
	for (unsigned i = 0; i < n; i++)
		fprintf(f, "addr %s 10.%u.%u.%u/32 dev %s\n", verb, net, i / 250, i % 250 + 1,
			interface);
	assert_int_equal(fclose(f), 0);
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, path, O_RDONLY, 0);
	pid = spawn(argv, &files);
	posix_spawn_file_actions_destroy(&files);
	unlink(path);
	return pid;
}

static const struct link_addr *
find_addr(const struct links *ls, const char *text)
{
	size_t n = 0;
	const struct link_addr *list = links_addrs(ls, &n);
	struct addr a;

	assert_int_equal(addr_parse(text, &a), 0);
	for (size_t i = 0; i < n; i++)
		if (addr_equal(&list[i].addr, &a))
			return &list[i];
	return NULL;
}

static size_t
count_addrs(const struct links *ls, const char *interface)
{
	size_t n = 0, found = 0;
	const struct link_addr *list = links_addrs(ls, &n);

	for (size_t i = 0; i < n; i++)
		found += !strcmp(list[i].interface, interface);
	return found;
}

static bool
was_told(const struct world *x, const char *interface, bool up)
{
	for (size_t i = 0; i < x->n; i++)
		if (!strcmp(x->told[i].interface, interface) && x->told[i].up == up)
			return true;
	return false;
}

/* A pair wan1 and far1, both up. */
static int
setup(void **state)
{
	struct world *x = mem_new(sizeof(*x));

	ip("link add name wan1 type veth peer name far1");
	ip("link set far1 up");
	ip("link set wan1 up");
	x->told = mem_array(TOLD_MAX, sizeof(*x->told));
	x->l = loop_new();
	x->ls = links_new(x->l, on_change, x);
	assert_non_null(x->ls);
	WAIT(x->l, links_up(x->ls, "wan1")); /* the kernel looks at the carrier in its own time */
	x->n = 0;
	*state = x;
	return 0;
}

static int
teardown(void **state)
{
	struct world *x = *state;

	if (links_exists(x->ls, "wan1"))
		ip("link del wan1");
	links_free(x->ls);
	loop_free(x->l);
	free(x->told);
	free(x);
	return 0;
}

/* ---- what is there, comes and goes ---------------------------------------------------------- */

static void
what_is_there_is_known_at_once(void **state)
{
	struct world *x = *state;

	assert_true(links_exists(x->ls, "lo"));
	assert_true(links_up(x->ls, "wan1"));
	assert_false(links_exists(x->ls, "wan2"));
	assert_false(links_up(x->ls, "wan2"));
	assert_non_null(find_addr(x->ls, "127.0.0.1"));
	assert_string_equal(find_addr(x->ls, "::1")->interface, "lo");
	harness_settle(x->l);
}

static void
links_come_and_go(void **state)
{
	struct world *x = *state;

	ip("link add name wan2 type veth peer name far2");
	WAIT(x->l, links_exists(x->ls, "wan2") && links_exists(x->ls, "far2"));
	assert_false(links_up(x->ls, "wan2"));
	ip("link set wan2 up");
	ip("link set far2 up");
	WAIT(x->l, links_up(x->ls, "wan2") && links_up(x->ls, "far2"));
	assert_true(was_told(x, "wan2", true));
	ip("addr add 192.0.2.1/24 dev wan2");
	WAIT(x->l, find_addr(x->ls, "192.0.2.1"));
	x->n = 0;
	ip("link del wan2");
	WAIT(x->l, !links_exists(x->ls, "wan2") && !links_exists(x->ls, "far2"));
	assert_true(was_told(x, "wan2", false));
	assert_true(was_told(x, "far2", false));
	assert_null(find_addr(x->ls, "192.0.2.1"));
	assert_int_equal(count_addrs(x->ls, "wan2"), 0);
	assert_int_equal(count_addrs(x->ls, "far2"), 0);
}

/* Administratively up is not enough: the other end of the cable has to be there. */
static void
a_link_without_carrier_is_down(void **state)
{
	struct world *x = *state;

	ip("link set far1 down");
	WAIT(x->l, !links_up(x->ls, "wan1"));
	assert_true(links_exists(x->ls, "wan1"));
	assert_true(was_told(x, "wan1", false));
	x->n = 0;
	ip("link set far1 up");
	WAIT(x->l, links_up(x->ls, "wan1"));
	assert_true(was_told(x, "wan1", true));
}

/* A renamed link is another one to who goes by names; its addresses go with it. */
static void
a_renamed_link_is_gone_and_a_new_one_there(void **state)
{
	struct world *x = *state;

	ip("addr add 192.0.2.1/24 dev wan1");
	ip("link set wan1 down");
	WAIT(x->l, find_addr(x->ls, "192.0.2.1") && !links_up(x->ls, "wan1"));
	x->n = 0;
	ip("link set wan1 name wan2");
	ip("link set wan2 up");
	WAIT(x->l, links_up(x->ls, "wan2"));
	assert_false(links_exists(x->ls, "wan1"));
	assert_true(was_told(x, "wan1", false));
	assert_true(was_told(x, "wan2", true));
	assert_string_equal(find_addr(x->ls, "192.0.2.1")->interface, "wan2");
	ip("link del wan2");
	WAIT(x->l, !links_exists(x->ls, "wan2"));
	assert_null(find_addr(x->ls, "192.0.2.1"));
}

/* The kernel speaks of bridge ports in messages of the same kind. */
static void
a_bridge_port_stays_when_it_leaves_the_bridge(void **state)
{
	struct world *x = *state;

	ip("link add name bridge0 type bridge");
	ip("link set wan1 master bridge0");
	ip("link set bridge0 up");
	WAIT(x->l, links_up(x->ls, "bridge0"));
	ip("link set wan1 nomaster");
	ip("link del bridge0");
	WAIT(x->l, !links_exists(x->ls, "bridge0"));
	assert_true(links_up(x->ls, "wan1"));
	assert_false(was_told(x, "wan1", false));
}

/* ---- addresses ------------------------------------------------------------------------------ */

static void
addresses_come_with_prefix_and_flags(void **state)
{
	struct world *x = *state;
	const struct link_addr *a;
	char text[PREFIX_TEXT_MAX];

	ip("addr add 192.0.2.1/24 dev wan1");
	ip("addr add 192.0.2.2/24 dev wan1"); /* "secondary", a flag that means "temporary" in IPv6
					       */
	ip("addr add 10.9.9.1 peer 10.9.9.2/32 dev wan1");
	ip("addr add 2001:db8::1/64 dev wan1 nodad");
	ip("addr add 2001:db8::2/64 dev wan1 nodad valid_lft 1000 preferred_lft 0");
	WAIT(x->l, find_addr(x->ls, "2001:db8::2"));
	a = find_addr(x->ls, "192.0.2.1");
	assert_string_equal(prefix_format(&a->prefix, text), "192.0.2.0/24");
	assert_string_equal(a->interface, "wan1");
	assert_false(a->deprecated || a->temporary || a->tentative);
	a = find_addr(x->ls, "192.0.2.2");
	assert_false(a->deprecated || a->temporary || a->tentative);
	assert_non_null(find_addr(x->ls, "10.9.9.1"));
	assert_null(find_addr(x->ls, "10.9.9.2"));
	a = find_addr(x->ls, "2001:db8::1");
	assert_string_equal(prefix_format(&a->prefix, text), "2001:db8::/64");
	assert_false(a->deprecated || a->temporary || a->tentative);
	assert_true(find_addr(x->ls, "2001:db8::2")->deprecated);
	x->n = 0;
	ip("addr del 192.0.2.2/24 dev wan1");
	WAIT(x->l, !find_addr(x->ls, "192.0.2.2"));
	assert_true(was_told(x, "wan1", true));
	assert_non_null(find_addr(x->ls, "192.0.2.1"));
}

/* Nobody can say yet that it is ours alone; it is told again when that is known. */
static void
an_address_is_tentative_until_it_is_proven(void **state)
{
	struct world *x = *state;

	ip("addr add 2001:db8::3/64 dev wan1");
	WAIT(x->l, find_addr(x->ls, "2001:db8::3"));
	WAIT(x->l, !find_addr(x->ls, "2001:db8::3")->tentative);
	ip("addr add 2001:db8::3/64 dev far1"); /* the same on the same wire */
	WAIT(x->l, count_addrs(x->ls, "far1") >= 2);
	harness_settle(x->l);
	for (size_t n, i = 0; i < 2; i++) {
		const struct link_addr *list = links_addrs(x->ls, &n);

		for (size_t k = 0; k < n; k++)
			if (!strcmp(list[k].interface, "far1") &&
				addr_equal(&list[k].addr, &find_addr(x->ls, "2001:db8::3")->addr))
				assert_true(list[k].tentative);
	}
}

static void
set_sysctl(const char *path, const char *value)
{
	FILE *f = fopen(path, "w");

	assert_non_null(f);
	fputs(value, f);
	assert_int_equal(fclose(f), 0);
}

/* 4218-3.5-02: RFC 8981: the kernel makes it beside the one that is given. */
static void
a_temporary_address_is_known_as_such(void **state)
{
	struct world *x = *state;
	struct prefix p;
	size_t n = 0, temporary = 0;
	long deadline = harness_ms() + PATIENCE_MS;

	set_sysctl("/proc/sys/net/ipv6/conf/wan1/use_tempaddr", "2");
	ip("addr add 2001:db8:5::1/64 dev wan1 nodad mngtmpaddr valid_lft 3600 preferred_lft 3000");
	assert_int_equal(prefix_parse("2001:db8:5::/64", &p), 0);
	while (!temporary && harness_ms() < deadline) {
		const struct link_addr *list;

		harness_turn(x->l);
		list = links_addrs(x->ls, &n);
		for (size_t i = 0; i < n; i++)
			temporary += prefix_equal(&list[i].prefix, &p) && list[i].temporary;
	}
	assert_int_equal(temporary, 1);
	assert_false(find_addr(x->ls, "2001:db8:5::1")->temporary);
}

/* Router advertisements prolong lifetimes every few minutes: nobody wants to hear of that. */
static void
a_longer_lifetime_is_no_change(void **state)
{
	struct world *x = *state;

	ip("addr add 2001:db8::1/64 dev wan1 nodad valid_lft 1000 preferred_lft 900");
	WAIT(x->l, find_addr(x->ls, "2001:db8::1"));
	harness_settle(x->l);
	x->n = 0;
	ip("addr change 2001:db8::1/64 dev wan1 nodad valid_lft 2000 preferred_lft 1900");
	ip("addr add 192.0.2.9/24 dev far1"); /* told after it */
	WAIT(x->l, was_told(x, "far1", true));
	assert_false(was_told(x, "wan1", true));
	ip("addr change 2001:db8::1/64 dev wan1 nodad valid_lft 2000 preferred_lft 0");
	WAIT(x->l, was_told(x, "wan1", true));
	assert_true(find_addr(x->ls, "2001:db8::1")->deprecated);
}

/* ---- too much at once ----------------------------------------------------------------------- */

/* More changes than the socket holds, before we look: all of it is read anew. */
static void
after_an_overrun_everything_is_read_anew(void **state)
{
	struct world *x = *state;

	ip("link add name wan2 type veth peer name far2");
	ip("addr add 192.0.2.1/24 dev wan1");
	WAIT(x->l, links_exists(x->ls, "far2") && find_addr(x->ls, "192.0.2.1"));
	finished(start_batch("add", "far1", 8, FLOOD));
	/* These are lost in the flood. */
	ip("link del wan2");
	ip("addr del 192.0.2.1/24 dev wan1");
	ip("addr add 192.0.2.7/24 dev wan1");
	ip("link set far1 down");
	x->n = 0;
	WAIT(x->l, find_addr(x->ls, "192.0.2.7"));
	assert_false(links_exists(x->ls, "wan2"));
	assert_false(links_exists(x->ls, "far2"));
	assert_null(find_addr(x->ls, "192.0.2.1"));
	assert_false(links_up(x->ls, "wan1"));
	assert_true(was_told(x, "wan2", false));
	assert_true(was_told(x, "far2", false));
	assert_true(was_told(x, "wan1", false));
	assert_int_equal(count_addrs(x->ls, "far1"), FLOOD);
	/* And it is listened to again. */
	ip("link set far1 up");
	WAIT(x->l, links_up(x->ls, "wan1"));
}

static size_t
count_net(const struct links *ls, const char *text)
{
	size_t n = 0, found = 0;
	const struct link_addr *list = links_addrs(ls, &n);
	struct prefix p;

	assert_int_equal(prefix_parse(text, &p), 0);
	for (size_t i = 0; i < n; i++)
		found += prefix_contains_addr(&p, &list[i].addr);
	return found;
}

/* What stays is complete although others go while it is read: so many that the kernel tells them in
 * several parts, and skips one for each that went between two of them. */
static void
a_start_amid_changes_knows_what_stays(void **state)
{
	struct world *x = *state;
	int status;
	pid_t pid;

	finished(start_batch("add", "far1", 9, FLOOD));
	finished(start_batch("add", "far1", 8, FLOOD));
	links_free(x->ls);
	pid = start_batch("del", "far1", 9, FLOOD);
	do {
		x->n = 0;
		x->ls = links_new(x->l, on_change, x);
		WAIT(x->l, count_net(x->ls, "10.8.0.0/16") == FLOOD);
		assert_true(links_up(x->ls, "wan1"));
		links_free(x->ls);
	} while (waitpid(pid, &status, WNOHANG) == 0);
	assert_true(WIFEXITED(status) && WEXITSTATUS(status) == 0);
	x->ls = links_new(x->l, on_change, x);
	assert_int_equal(count_net(x->ls, "10.9.0.0/16"), 0);
}

static unsigned alerts;

static void
count_alerts(void *arg, enum event_id id, const struct event_field *fields, size_t n)
{
	(void)arg;
	(void)fields;
	(void)n;
	alerts += id == EVENT_ALERT;
}

/* No descriptor to ask the kernel by: told, every link is down, and asked again. */
static void
a_kernel_that_cannot_be_asked_is_asked_again(void **state)
{
	struct world *x = *state;
	struct rlimit limit, none;

	links_free(x->ls);
	harness_settle(x->l);
	event_add_sink(count_alerts, NULL);
	assert_int_equal(getrlimit(RLIMIT_NOFILE, &limit), 0);
	none = (struct rlimit){0, limit.rlim_max};
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &none), 0);
	x->ls = links_new(x->l, on_change, x);
	assert_int_equal(setrlimit(RLIMIT_NOFILE, &limit), 0);
	event_clear_sinks();
	assert_non_null(x->ls);
	assert_int_equal(alerts, 1);
	assert_false(links_exists(x->ls, "wan1"));
	WAIT(x->l, links_up(x->ls, "wan1"));
	assert_true(was_told(x, "wan1", true));
}

#define CASE(f) cmocka_unit_test_setup_teardown(f, setup, teardown)

int
main(void)
{
	const struct CMUnitTest tests[] = {
		CASE(what_is_there_is_known_at_once),
		CASE(links_come_and_go),
		CASE(a_link_without_carrier_is_down),
		CASE(a_renamed_link_is_gone_and_a_new_one_there),
		CASE(a_bridge_port_stays_when_it_leaves_the_bridge),
		CASE(addresses_come_with_prefix_and_flags),
		CASE(an_address_is_tentative_until_it_is_proven),
		CASE(a_temporary_address_is_known_as_such),
		CASE(a_longer_lifetime_is_no_change),
		CASE(after_an_overrun_everything_is_read_anew),
		CASE(a_start_amid_changes_knows_what_stays),
		CASE(a_kernel_that_cannot_be_asked_is_asked_again),
	};

	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	if (unshare(CLONE_NEWNET) != 0) {
		puts("1..1\nok 1 # SKIP needs the right to make wan1 network namespace");
		return 77;
	}
	ip("link set lo up");
	return cmocka_run_group_tests(tests, NULL, NULL);
}
