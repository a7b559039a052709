/*
 * The HTTPS client: who comes in where libcurl is awaited (web_http.c) gets nothing, unless it is
 * ourself. The linker has the system's accept4 give a socket of another process first.
 */
#include <stdlib.h>
#include <sys/socket.h>
#include <sys/wait.h>
#include <unistd.h>

#include "asker.h"
#include "site.h"

int __real_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);
int __wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags);

static int strangers[8];
static unsigned n_strangers;

int
__wrap_accept4(int fd, struct sockaddr *address, socklen_t *len, int flags)
{
	if (!address && n_strangers) /* a site asks for the address */
		return strangers[--n_strangers];
	return __real_accept4(fd, address, len, flags);
}

static void
give(int to, const int pair[static 2])
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = {0};
	char one = 1;
	struct iovec part = {&one, 1};
	struct msghdr m = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	struct cmsghdr *c = CMSG_FIRSTHDR(&m);

	c->cmsg_level = SOL_SOCKET;
	c->cmsg_type = SCM_RIGHTS;
	c->cmsg_len = CMSG_LEN(2 * sizeof(int));
	memcpy(CMSG_DATA(c), pair, 2 * sizeof(int));
	(void)sendmsg(to, &m, 0);
}

/* Both ends of a pair that another process has made. */
static void
pair_of_another(int pair[static 2])
{
	_Alignas(struct cmsghdr) char control[CMSG_SPACE(2 * sizeof(int))] = {0};
	char one;
	struct iovec part = {&one, 1};
	struct msghdr m = {.msg_iov = &part,
		.msg_iovlen = 1,
		.msg_control = control,
		.msg_controllen = sizeof(control)};
	struct cmsghdr *c;
	int way[2];
	pid_t pid;

	assert_int_equal(socketpair(AF_UNIX, SOCK_STREAM, 0, way), 0);
	pid = fork();
	if (pid == 0) {
		if (socketpair(AF_UNIX, SOCK_STREAM | SOCK_NONBLOCK, 0, pair) == 0)
			give(way[1], pair);
		_exit(0);
	}
	assert_int_equal(recvmsg(way[0], &m, 0), 1);
	assert_int_equal(waitpid(pid, NULL, 0), pid);
	c = CMSG_FIRSTHDR(&m);
	if (!c)
		abort();
	memcpy(pair, CMSG_DATA(c), 2 * sizeof(int));
	close(way[0]);
	close(way[1]);
}

static void
strangers_get_no_answer_and_give_no_request(void **state)
{
	static const char ok[] = "HTTP/1.1 200 OK\r\nContent-Length: 2\r\n\r\nok";
	static const char forged[] = "DELETE /all HTTP/1.1\r\nHost: x\r\n\r\n";
	struct loop *l = loop_new();
	struct asker asker;
	struct site site;
	int pair[2];
	char byte;

	(void)state;
	site_start(&site, l, "server", NULL);
	site.answer = ok;
	asker_start(&asker, l, &site.at, NULL);
	pair_of_another(pair);
	assert_int_equal(send(pair[0], forged, strlen(forged), 0), strlen(forged));
	strangers[n_strangers++] = pair[1];
	asker_ask(&asker, "GET", "/", NULL);
	assert_int_equal(n_strangers, 0);
	assert_int_equal(asker.status, 200);
	assert_false(site_has(&site, "DELETE"));
	assert_true(recv(pair[0], &byte, 1, 0) <= 0); /* closed, and nothing was said */
	close(pair[0]);
	asker_stop(&asker);
	site_stop(&site);
	loop_free(l);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(strangers_get_no_answer_and_give_no_request),
	};

	return cmocka_run_group_tests(tests, harness_begin, harness_end);
}
