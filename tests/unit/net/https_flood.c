/*
 * What a flood of HTTPS handshakes does to the signal channel in the same process: the time from a
 * request to its answer over a DTLS session, without and with it. Not a test: it asserts nothing,
 * it prints.
 *
 * https_flood [FLOODERS]
 */
#include <fcntl.h>
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <sys/wait.h>
#include <time.h>
#include <unistd.h>

#include "desk.h"

enum { SAMPLES = 3000, WIDTH = 32, PAUSE_MS = 1, TURNS_MAX = 1 << 20 };

static double
now_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_MONOTONIC, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

/* --- the server ------------------------------------------------------------------------------ */

struct ends {
	struct endpoint signal, data;
};

/* Processor time that turns of the loop take: what a request has to wait for, whatever else the
 * machine does. */
static struct {
	double us[TURNS_MAX];
	unsigned n;
	double last;
} turns;

static double
cpu_us(void)
{
	struct timespec ts;

	clock_gettime(CLOCK_THREAD_CPUTIME_ID, &ts);
	return (double)ts.tv_sec * 1e6 + (double)ts.tv_nsec / 1e3;
}

static void
note_turn(void *arg)
{
	double now = cpu_us();

	(void)arg;
	if (turns.n < TURNS_MAX)
		turns.us[turns.n++] = now - turns.last;
	turns.last = now;
}

static int
compare(const void *a, const void *b)
{
	double x = *(const double *)a, y = *(const double *)b;

	return (x > y) - (x < y);
}

static void
print_sorted(const char *what, double *us, unsigned n)
{
	qsort(us, n, sizeof(us[0]), compare);
	printf("%-28s median %6.0f us, 90 %% %6.0f, 99 %% %6.0f, worst %6.0f\n", what, us[n / 2],
		us[n * 9 / 10], us[n * 99 / 100], us[n - 1]);
	fflush(stdout);
}

static void
on_phase(void *arg, int signo)
{
	(void)arg;
	print_sorted(signo == SIGUSR1 ? "turns of the loop, no flood" : "turns of the loop, flood",
		turns.us, turns.n);
	turns.n = 0;
}

static void
serve(int fd)
{
	struct https_config cfg = {.max_connections_per_prefix = 1000};
	struct side side = {0};
	struct desk d;
	struct ends ends;

	desk_start(&d, &cfg);
	harness_listen(d.loop, "127.0.0.1", NULL, &side, &ends.signal);
	ends.data = d.at;
	loop_at_turn_end(d.loop, note_turn, NULL);
	signal_new(d.loop, SIGUSR1, on_phase, NULL);
	signal_new(d.loop, SIGUSR2, on_phase, NULL);
	if (write(fd, &ends, sizeof(ends)) != sizeof(ends))
		exit(1);
	loop_run(d.loop);
}

/* --- flooders -------------------------------------------------------------------------------- */

static void
flood(const struct endpoint *to, int fd)
{
	struct loop *l = loop_new();
	struct visitor *w[WIDTH] = {NULL};
	unsigned n = 0;

	for (;;) {
		for (unsigned i = 0; i < WIDTH; i++) {
			if (w[i] && !visitor_is_up(w[i]) && !visitor_is_over(w[i]))
				continue;
			if (w[i]) {
				n += visitor_is_up(w[i]);
				visitor_free(w[i]);
			}
			w[i] = visitor_new(l, to, NULL);
		}
		harness_turn(l);
		if (n >= 100 && write(fd, &n, sizeof(n)) == sizeof(n))
			n = 0;
	}
}

/* --- the client ------------------------------------------------------------------------------ */

struct probe {
	struct loop *loop;
	double answered;
};

static void
probe_answered(void *arg, struct session *s, const struct coap_msg *response, int error)
{
	struct probe *p = arg;

	(void)s;
	(void)response;
	assert_int_equal(error, 0);
	p->answered = now_us();
	loop_stop(p->loop);
}

static double
probe(struct loop *l, struct session *s)
{
	struct probe p = {.loop = l};
	struct coap_msg msg;
	double asked = now_us();

	/* Confirmable: one that is lost does not stop all of it. */
	coap_init(&msg, COAP_CON, COAP_PUT);
	coap_add_text(&msg, COAP_OPT_URI_PATH, "hb");
	assert_true(request_send(s, &msg, probe_answered, &p) > 0);
	while (p.answered == 0)
		loop_run(l);
	return p.answered - asked;
}

static void
measure(struct loop *l, struct session *s, const char *what)
{
	static double us[SAMPLES];

	for (unsigned i = 0; i < SAMPLES; i++) {
		us[i] = probe(l, s);
		usleep(PAUSE_MS * 1000);
	}
	print_sorted(what, us, SAMPLES);
}

static pid_t
child(void (*run)(const struct endpoint *to, int fd), const struct endpoint *to, int fd)
{
	pid_t pid = fork();

	assert_true(pid >= 0);
	if (pid == 0) {
		run(to, fd);
		_exit(0);
	}
	return pid;
}

static void
run_server(const struct endpoint *to, int fd)
{
	(void)to;
	serve(fd);
}

int
main(int argc, char **argv)
{
	unsigned n_flooders = argc > 1 ? (unsigned)strtoul(argv[1], NULL, 10) : 1, done = 0, more;
	struct credentials *c;
	struct side side = {0};
	pid_t pids[16];
	unsigned n_pids = 0;
	struct ends ends;
	struct dial d;
	int fd[2], error;
	double begin;
	struct loop *l;

	alarm(300);
	harness_pki();
	if (n_flooders > 15 || pipe(fd) < 0)
		return 2;
	pids[n_pids++] = child(run_server, NULL, fd[1]);
	if (read(fd[0], &ends, sizeof(ends)) != sizeof(ends))
		return 1;
	l = loop_new();
	c = harness_credentials("client", "ca");
	d = harness_dialling(&ends.signal, c);
	assert_non_null(session_dial(l, &d, &side_ops, &side, &error));
	WAIT(l, side.ups == 1);
	measure(l, side.session, "answers, no flood");
	kill(pids[0], SIGUSR1);
	close(fd[0]);
	close(fd[1]);
	if (pipe2(fd, O_NONBLOCK) < 0)
		return 1;
	for (unsigned i = 0; i < n_flooders; i++)
		pids[n_pids++] = child(flood, &ends.data, fd[1]);
	usleep(500000);
	begin = now_us();
	measure(l, side.session, "answers, flood");
	kill(pids[0], SIGUSR2);
	usleep(300000);
	while (read(fd[0], &more, sizeof(more)) == sizeof(more))
		done += more;
	printf("%u handshakes, %.0f a second\n", done, done / ((now_us() - begin) / 1e6 + 0.5));
	for (unsigned i = 0; i < n_pids; i++) {
		kill(pids[i], SIGKILL);
		waitpid(pids[i], NULL, 0);
	}
	pki_finish();
	return 0;
}
