/*
 * The HTTPS client with servers of others: OpenSSL's, and Python's. Both hand out the files of the
 * test's own directory, and want our certificate.
 */
#include <fcntl.h>
#include <signal.h>
#include <spawn.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <unistd.h>

#include "asker.h"
#include "base/mem.h"

extern char **environ;

/* HTTP/1.1 with connections that stay. */
static const char python[] =
	"import http.server, ssl, sys\n"
	"class H(http.server.SimpleHTTPRequestHandler):\n"
	"    protocol_version = 'HTTP/1.1'\n"
	"    def do_PUT(self):\n"
	"        body = self.rfile.read(int(self.headers['Content-Length']))\n"
	"        out = f'{self.path} {self.request.getpeercert()[\"subject\"]} '.encode() + body\n"
	"        self.send_response(200)\n"
	"        self.send_header('Transfer-Encoding', 'chunked')\n"
	"        self.send_header('X-Test', str(self.client_address[1]))\n"
	"        self.end_headers()\n"
	"        for i in range(0, len(out), 7):\n"
	"            part = out[i:i + 7]\n"
	"            self.wfile.write(b'%x\\r\\n%b\\r\\n' % (len(part), part))\n"
	"        self.wfile.write(b'0\\r\\n\\r\\n')\n"
	"    def log_message(self, *_):\n"
	"        pass\n"
	"s = http.server.HTTPServer(('127.0.0.1', int(sys.argv[1])), H)\n"
	"c = ssl.SSLContext(ssl.PROTOCOL_TLS_SERVER)\n"
	"c.load_cert_chain('server.crt', 'server.key')\n"
	"c.load_verify_locations('ca.crt')\n"
	"c.verify_mode = ssl.CERT_REQUIRED\n"
	"s.socket = c.wrap_socket(s.socket, server_side=True)\n"
	"s.serve_forever()\n";

struct world {
	struct loop *l;
	struct endpoint at;
	pid_t pid;
	struct asker asker;
};

static bool
listens(const struct endpoint *at)
{
	int fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(at, &ss);
	bool r = connect(fd, (struct sockaddr *)&ss, len) == 0;

	close(fd);
	return r;
}

/* argv: "PORT" stands for its port. */
static void
world_start(struct world *x, const char *const *argv)
{
	posix_spawn_file_actions_t files;
	char port[8], *copy[32];
	size_t n = 0;

	memset(x, 0, sizeof(*x));
	x->l = loop_new();
	assert_int_equal(endpoint_parse("127.0.0.1", 0, &x->at), 0);
	x->at.port = harness_free_port(&x->at);
	snprintf(port, sizeof(port), "%u", x->at.port);
	for (; argv[n]; n++)
		copy[n] = mem_text(strcmp(argv[n], "PORT") == 0 ? port : argv[n]);
	copy[n] = NULL;
	posix_spawn_file_actions_init(&files);
	posix_spawn_file_actions_addchdir_np(&files, pki_path(".", ""));
	posix_spawn_file_actions_addopen(&files, STDOUT_FILENO, "/dev/null", O_WRONLY, 0);
	posix_spawn_file_actions_addopen(&files, STDIN_FILENO, "/dev/null", O_RDONLY, 0);
	assert_int_equal(posix_spawnp(&x->pid, copy[0], &files, NULL, copy, environ), 0);
	posix_spawn_file_actions_destroy(&files);
	while (n)
		free(copy[--n]);
	WAIT(x->l, listens(&x->at));
	asker_start(&x->asker, x->l, &x->at, NULL);
}

static void
world_stop(struct world *x)
{
	asker_stop(&x->asker);
	kill(x->pid, SIGKILL);
	waitpid(x->pid, NULL, 0);
	loop_free(x->l);
}

static void
is_the_file(const struct asker *a, const char *name)
{
	char text[8192];
	FILE *f = fopen(pki_path(name, ""), "r");
	size_t n;

	assert_non_null(f);
	n = fread(text, 1, sizeof(text), f);
	fclose(f);
	if (a->status != 200)
		fail_msg("%u %s", a->status, a->why);
	assert_int_equal(a->len, n);
	assert_memory_equal(a->body, text, n);
}

/* HTTP/1.0, each answer ends with its connection. 8783-10-04, 8783-10-25 */
static void
openssl_is_asked(void **state)
{
	static const char *const versions[] = {"-tls1_2", "-tls1_3"};

	(void)state;
	for (size_t i = 0; i < 2; i++) {
		const char *argv[] = {"openssl", "s_server", "-quiet", "-accept", "PORT", "-cert",
			"server.crt", "-key", "server.key", "-CAfile", "ca.crt", "-Verify", "1",
			"-verify_return_error", "-HTTP", versions[i], NULL};
		struct world x;

		world_start(&x, argv);
		pki_write("answer", "HTTP/1.0 200 OK\r\nX-Test: 1\r\n\r\nbody");
		for (unsigned n = 0; n < 3; n++) {
			asker_ask(&x.asker, "GET", "/answer", NULL);
			if (x.asker.status != 200)
				fail_msg("%s: %s", versions[i], x.asker.why);
			assert_string_equal(x.asker.body, "body");
			assert_string_equal(x.asker.field, "1");
		}
		world_stop(&x);
	}
}

static void
python_is_asked(void **state)
{
	const char *argv[] = {"/usr/bin/python3", "-c", python, "PORT", NULL};
	char first[sizeof(((struct asker *)NULL)->field)];
	struct world x;

	(void)state;
	world_start(&x, argv);
	asker_ask(&x.asker, "PUT", "/a?b=c", "text");
	assert_int_equal(x.asker.status, 200);
	assert_ptr_equal(strstr(x.asker.body, "/a?b=c "), x.asker.body);
	assert_non_null(strstr(x.asker.body, "'client.example'"));
	assert_string_equal(x.asker.body + x.asker.len - 5, " text");
	asker_ask(&x.asker, "GET", "/ca.crt", NULL);
	is_the_file(&x.asker, "ca.crt");
	asker_ask(&x.asker, "HEAD", "/ca.crt", NULL);
	assert_int_equal(x.asker.status, 200);
	assert_int_equal(x.asker.len, 0);
	asker_ask(&x.asker, "GET", "/nothing", NULL);
	assert_int_equal(x.asker.status, 404);
	asker_ask(&x.asker, "PUT", "/", "y");
	assert_int_equal(x.asker.status, 200);
	snprintf(first, sizeof(first), "%s", x.asker.field);
	asker_ask(&x.asker, "PUT", "/", "z");
	assert_string_equal(x.asker.field, first);
	world_stop(&x);
}

int
main(void)
{
	const struct CMUnitTest tests[] = {
		cmocka_unit_test(openssl_is_asked),
		cmocka_unit_test(python_is_asked),
	};

	return cmocka_run_group_tests(tests, harness_begin, harness_end);
}
