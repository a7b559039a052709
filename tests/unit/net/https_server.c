/*
 * An HTTPS server that answers with what it was asked, one line each: method, path, query, peer,
 * length of the body, the body. For tests with clients of others.
 *
 * https_server ADDRESS:PORT CERTIFICATE KEY TRUST [CRL|-] [OPTION=NUMBER ...]
 */
#include <signal.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/queue.h>

#include "base/mem.h"
#include "net/https.h"

/* Answers wait for this long, as for a disk. */
static int64_t delay_ms;

struct waiting {
	TAILQ_ENTRY(waiting) siblings;
	struct https_exchange *ex;
	struct timer *timer;
	char *text;
	size_t len;
};

static TAILQ_HEAD(, waiting) waiting = TAILQ_HEAD_INITIALIZER(waiting);

static struct loop *loop;

static void
answer(struct https_exchange *ex, const char *text, size_t len)
{
	static const struct https_field fields[] = {{"Content-Type", "text/plain"}};
	const struct https_answer a = {200, fields, 1, text, len};

	https_answer(ex, &a);
}

static void
waiting_free(struct waiting *w)
{
	timer_free(w->timer);
	free(w->text);
	free(w);
}

static void
answer_late(void *arg)
{
	struct waiting *w = arg;

	answer(w->ex, w->text, w->len);
	TAILQ_REMOVE(&waiting, w, siblings);
	waiting_free(w);
}

static char *
describe(struct https_exchange *ex, const struct https_request *r, size_t *ret_len)
{
	const char *test = https_header(ex, "X-Test");
	char *text = mem_printf("%s\n%s\n%s\n%s\n%s\n%zu\n", r->method, r->path,
		r->query ? r->query : "(none)", r->peer ? r->peer->name : "(nobody)",
		test ? test : "(none)", r->len);
	size_t len = strlen(text);

	*ret_len = len + r->len;
	text = mem_grow(text, *ret_len + 1, 1);
	memcpy(text + len, r->body, r->len);
	return text;
}

static void
on_request(void *arg, struct https_exchange *ex, const struct https_request *r)
{
	struct waiting *w = mem_new(sizeof(*w));
	const char *big = strncmp(r->path, "/big/", 5) == 0 ? r->path + 5 : NULL;

	(void)arg;
	w->ex = ex;
	w->text = describe(ex, r, &w->len);
	if (big) {
		w->len = strtoul(big, NULL, 10);
		w->text = mem_grow(w->text, w->len + 1, 1);
		memset(w->text, 'x', w->len);
	}
	if (!delay_ms) {
		answer(ex, w->text, w->len);
		waiting_free(w);
		return;
	}
	w->timer = timer_new(loop, answer_late, w);
	TAILQ_INSERT_TAIL(&waiting, w, siblings);
	timer_after(w->timer, delay_ms);
}

static void
on_gone(void *arg, struct https_exchange *ex)
{
	struct waiting *w = TAILQ_FIRST(&waiting);

	(void)arg;
	puts("gone");
	fflush(stdout);
	while (w->ex != ex)
		w = TAILQ_NEXT(w, siblings);
	TAILQ_REMOVE(&waiting, w, siblings);
	waiting_free(w);
}

static void
on_signal(void *arg, int signo)
{
	(void)signo;
	loop_stop(arg);
}

static bool
set_option(struct https_config *cfg, const char *text)
{
	const struct {
		const char *name;
		uint32_t *value;
	} options[] = {
		{"max-connections", &cfg->max_connections},
		{"max-connections-per-prefix", &cfg->max_connections_per_prefix},
		{"timeout", &cfg->timeout_s},
		{"request-timeout", &cfg->request_timeout_s},
		{"max-body", &cfg->max_body},
		{"max-headers", &cfg->max_headers},
	};
	const char *value = strchr(text, '=');

	if (!value)
		return false;
	if (strncmp(text, "delay=", 6) == 0) {
		delay_ms = strtol(value + 1, NULL, 10);
		return true;
	}
	for (size_t i = 0; i < sizeof(options) / sizeof(options[0]); i++)
		if (strncmp(text, options[i].name, (size_t)(value - text)) == 0 &&
			!options[i].name[value - text]) {
			*options[i].value = (uint32_t)strtoul(value + 1, NULL, 10);
			return true;
		}
	return false;
}

int
main(int argc, char **argv)
{
	static const struct https_ops ops = {.request = on_request, .gone = on_gone};
	struct listen_socket socket = {0};
	struct https_config cfg = {.sockets = &socket, .n_sockets = 1};
	struct credentials_config files = {0};
	struct signal_watch *term;
	struct https *h;
	char why[256];

	if (argc < 5 || endpoint_parse(argv[1], 443, &socket.local) < 0)
		return 2;
	files.certificate = argv[2];
	files.key = argv[3];
	files.trust = argv[4];
	files.crl = argc > 5 && strcmp(argv[5], "-") != 0 ? argv[5] : NULL;
	for (int i = 6; i < argc; i++)
		if (!set_option(&cfg, argv[i]))
			return 2;
	if (credentials_load(&files, &cfg.credentials, why, sizeof(why)) == CREDENTIALS_BROKEN) {
		fprintf(stderr, "%s\n", why);
		return 1;
	}
	loop = loop_new();
	h = https_new(loop, &cfg, &ops, NULL, why, sizeof(why));
	if (!h) {
		fprintf(stderr, "%s\n", why);
		return 1;
	}
	term = signal_new(loop, SIGTERM, on_signal, loop);
	puts("ready");
	fflush(stdout);
	loop_run(loop);
	signal_free(term);
	https_free(h);
	credentials_unref(cfg.credentials);
	loop_free(loop);
	return 0;
}
