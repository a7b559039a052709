#include "netns.h"

#include <setjmp.h>
#include <stdarg.h>
#include <stddef.h>
#include <cmocka.h>
#include <fcntl.h>
#include <net/if.h>
#include <sched.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/wait.h>

#include "base/mem.h"

enum { WORDS_MAX = 24 };

extern char **environ;
static char program[] = "ip";
int netns_ours = -1, netns_theirs = -1;

void
netns_enter(int namespace)
{
	assert_int_equal(setns(namespace, CLONE_NEWNET), 0);
}

void
netns_ip(const char *text)
{
	char *copy = mem_text(text), *rest = copy, *word, *argv[WORDS_MAX] = {program};
	int status = -1;
	size_t n = 1;
	pid_t pid;

	while ((word = strsep(&rest, " ")))
		argv[n++] = word;
	assert_true(n < WORDS_MAX);
	assert_int_equal(posix_spawnp(&pid, program, NULL, NULL, argv, environ), 0);
	assert_int_equal(waitpid(pid, &status, 0), pid);
	if (!WIFEXITED(status) || WEXITSTATUS(status) != 0)
		fail_msg("ip %s", text);
	free(copy);
}

void
netns_ip_theirs(const char *text)
{
	netns_enter(netns_theirs);
	netns_ip(text);
	netns_enter(netns_ours);
}

void
netns_connect(void)
{
	char text[128];

	for (int i = 1; i <= 2; i++) {
		snprintf(text, sizeof(text),
			"link add name wan%d type veth peer name far%d netns /proc/self/fd/%d", i,
			i, netns_theirs);
		netns_ip(text);
		snprintf(text, sizeof(text), "addr add 10.0.%d.1/24 dev wan%d", i, i);
		netns_ip(text);
		snprintf(text, sizeof(text), "addr add fe80::1/64 dev wan%d nodad", i);
		netns_ip(text);
		snprintf(text, sizeof(text), "link set wan%d up", i);
		netns_ip(text);
		snprintf(text, sizeof(text), "addr add 10.0.%d.2/24 dev far%d", i, i);
		netns_ip_theirs(text);
		snprintf(text, sizeof(text), "addr add fe80::2/64 dev far%d nodad", i);
		netns_ip_theirs(text);
		snprintf(text, sizeof(text), "link set far%d up", i);
		netns_ip_theirs(text);
		snprintf(text, sizeof(text), "route add 10.9.9.9/32 via 10.0.%d.2 metric %d", i, i);
		netns_ip(text);
	}
}

void
netns_disconnect(void)
{
	netns_ip_theirs("link del far1");
	netns_enter(netns_theirs);
	if (if_nametoindex("far2"))
		netns_ip("link del far2");
	netns_enter(netns_ours);
}

bool
netns_begin(void)
{
	setenv("PATH", "/usr/sbin:/usr/bin:/sbin:/bin", 1);
	if (unshare(CLONE_NEWNET) != 0) {
		puts("1..1\nok 1 # SKIP needs the right to make a network namespace");
		return false;
	}
	netns_theirs = open("/proc/self/ns/net", O_RDONLY);
	netns_ip("link set lo up");
	assert_int_equal(unshare(CLONE_NEWNET), 0);
	netns_ours = open("/proc/self/ns/net", O_RDONLY | O_CLOEXEC);
	netns_ip("link set lo up");
	return true;
}
