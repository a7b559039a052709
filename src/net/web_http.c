/*
 * See web_private.h. Owns an instance of libcurl that knows of one connection, which stands
 * already, and of no other way out: no name is looked up, no proxy asked, no redirection followed,
 * no cookie kept, nothing decompressed.
 */
#include <curl/curl.h>
#include <stdio.h>
#include <stddef.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/un.h>
#include <unistd.h>

#include "base/mem.h"
#include "net/web_private.h"

enum { DOOR_NAME_MAX = 16, KNOCKS_MAX = 4 };

struct web_http {
	struct web_connection *connection;
	CURLM *multi;
	CURL *easy;
	int door; /* where libcurl comes in; -1: it has */
	char name[DOOR_NAME_MAX];
	int fd; /* its end, while it is watched */
	struct watch *watch;
	struct timer *timer;
	struct curl_slist *fields;
	struct web_ask *ask;
	const char *why; /* it is not taken */
};

/* --- answers --------------------------------------------------------------------------------- */

static size_t
on_line(char *line, size_t one, size_t len, void *arg)
{
	struct web_http *h = arg;

	(void)one;
	h->why = web_head_line(&h->ask->head, line, len);
	return h->why ? 0 : len;
}

static size_t
on_body(char *bytes, size_t one, size_t len, void *arg)
{
	struct web_http *h = arg;

	(void)one;
	buf_bytes(&h->ask->body, bytes, len);
	if (!h->ask->body.failed)
		return len;
	h->why = "HTTP: the answer is too large";
	return 0;
}

/* The answer, or why there is none. */
static void
conclude(struct web_http *h, CURLcode code)
{
	struct web_connection *c = h->connection;
	struct web_ask *k = h->ask;
	char why[WEB_WHY_MAX];
	long status = 0;

	if (code == CURLE_OK && k->head.whole) {
		curl_easy_getinfo(h->easy, CURLINFO_RESPONSE_CODE, &status);
		k->answer.status = (unsigned)status;
		web_answered(c->web, NULL);
		return;
	}
	if (h->why)
		snprintf(why, sizeof(why), "%s", h->why);
	else if (c->state >= WEB_ENDED || code == CURLE_OK) /* also for a head that is cut off */
		snprintf(why, sizeof(why), "HTTP: no whole answer: %.*s", TLS_WHY_MAX, c->why);
	else
		snprintf(why, sizeof(why), "HTTP: %s", curl_easy_strerror(code));
	web_answered(c->web, why);
}

/* --- the way to us --------------------------------------------------------------------------- */

/* A name that the kernel chooses; it is gone before anything is sent. */
static int
open_door(char name[static DOOR_NAME_MAX])
{
	struct sockaddr_un at = {.sun_family = AF_UNIX};
	socklen_t len = sizeof(at);
	int fd = socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);

	if (fd >= 0 && bind(fd, (struct sockaddr *)&at, sizeof(at.sun_family)) == 0 &&
		listen(fd, 1) == 0 && getsockname(fd, (struct sockaddr *)&at, &len) == 0) {
		snprintf(name, DOOR_NAME_MAX, "%.*s",
			(int)(len - offsetof(struct sockaddr_un, sun_path) - 1), at.sun_path + 1);
		return fd;
	}
	if (fd >= 0)
		close(fd);
	return -1;
}

static void
close_door(struct web_http *h)
{
	if (h->door >= 0)
		close(h->door);
	h->door = -1;
}

static bool
is_ourself(int fd)
{
	struct ucred peer = {0};
	socklen_t len = sizeof(peer);

	return getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &peer, &len) == 0 && peer.pid == getpid();
}

/* libcurl comes once; others may knock. */
static void
let_in(struct web_http *h)
{
	for (int i = 0; i < KNOCKS_MAX && h->door >= 0; i++) {
		int fd = accept4(h->door, NULL, NULL, SOCK_CLOEXEC | SOCK_NONBLOCK);

		if (fd < 0)
			return;
		if (is_ourself(fd)) {
			close_door(h);
			web_connection_attach(h->connection, fd);
		} else {
			close(fd);
		}
	}
}

/* --- the loop -------------------------------------------------------------------------------- */

static void
run(struct web_http *h, curl_socket_t fd, int events)
{
	int left;
	CURLMsg *m;

	curl_multi_socket_action(h->multi, fd, events, &left);
	let_in(h);
	m = curl_multi_info_read(h->multi, &left);
	if (m && m->msg == CURLMSG_DONE)
		conclude(h, m->data.result);
}

static void
on_event(void *arg, int events)
{
	struct web_http *h = arg;

	run(h, h->fd,
		(events & LOOP_READ ? CURL_CSELECT_IN : 0) |
			(events & LOOP_WRITE ? CURL_CSELECT_OUT : 0));
}

static void
on_time(void *arg)
{
	run(arg, CURL_SOCKET_TIMEOUT, 0);
}

static int
set_watch(CURL *easy, curl_socket_t fd, int what, void *arg, void *of_socket)
{
	struct web_http *h = arg;
	int events =
		(what & CURL_POLL_IN ? LOOP_READ : 0) | (what & CURL_POLL_OUT ? LOOP_WRITE : 0);

	(void)easy;
	(void)of_socket;
	h->fd = fd;
	if (what == CURL_POLL_REMOVE) {
		watch_free(h->watch);
		h->watch = NULL;
	} else if (h->watch) {
		watch_events(h->watch, events);
	} else {
		h->watch = watch_new(h->connection->web->loop, fd, events, on_event, h);
	}
	return 0;
}

static int
set_timer(CURLM *multi, long ms, void *arg)
{
	struct web_http *h = arg;

	(void)multi;
	if (ms < 0)
		timer_stop(h->timer);
	else
		timer_after(h->timer, ms);
	return 0;
}

/* --- requests -------------------------------------------------------------------------------- */

static void
add_field(struct web_http *h, char *line)
{
	struct curl_slist *longer = curl_slist_append(h->fields, line);

	if (!longer)
		abort(); /* as for any memory */
	h->fields = longer;
	free(line);
}

/* Of libcurl's own ones none is sent: not even Expect, which would wait for servers that do not
 * know it. */
static void
set_fields(struct web_http *h, const struct web_ask *k)
{
	static const char *const never[] = {"Accept:", "Content-Type:", "Expect:"};

	add_field(h, mem_printf("Host: %s", h->connection->web->host));
	for (size_t i = 0; i < sizeof(never) / sizeof(never[0]); i++)
		add_field(h, mem_text(never[i]));
	for (size_t i = 0; i < k->n_fields; i++)
		add_field(h, *k->fields[i].value
				     ? mem_printf("%s: %s", k->fields[i].name, k->fields[i].value)
				     : mem_printf("%s;", k->fields[i].name));
	curl_easy_setopt(h->easy, CURLOPT_HTTPHEADER, h->fields);
}

/* RFC 9110 8.6: with these methods no body is said to be one of no octets. */
static bool
has_body(const struct web_ask *k)
{
	static const char *const methods[] = {"POST", "PUT", "PATCH"};

	for (size_t i = 0; i < sizeof(methods) / sizeof(methods[0]); i++)
		if (strcmp(k->method, methods[i]) == 0)
			return true;
	return k->payload;
}

static void
set_request(struct web_http *h, const struct web_ask *k)
{
	CURL *e = h->easy;

	if (has_body(k)) {
		curl_easy_setopt(e, CURLOPT_POSTFIELDSIZE_LARGE, (curl_off_t)k->len);
		curl_easy_setopt(e, CURLOPT_POSTFIELDS, k->payload ? k->payload : "");
	}
	if (strcmp(k->method, "HEAD") == 0)
		curl_easy_setopt(e, CURLOPT_NOBODY, 1L);
	curl_easy_setopt(e, CURLOPT_CUSTOMREQUEST, k->method);
	curl_easy_setopt(e, CURLOPT_REQUEST_TARGET, k->path);
	set_fields(h, k);
}

/* The URL says nothing: where it leads to is ABSTRACT_UNIX_SOCKET, what is asked REQUEST_TARGET. */
static void
set_manners(struct web_http *h)
{
	CURL *e = h->easy;

	curl_easy_setopt(e, CURLOPT_URL, "http://127.0.0.1/");
	curl_easy_setopt(e, CURLOPT_ABSTRACT_UNIX_SOCKET, h->name);
	curl_easy_setopt(e, CURLOPT_PROTOCOLS_STR, "http");
	curl_easy_setopt(e, CURLOPT_PROXY, "");
	curl_easy_setopt(e, CURLOPT_FOLLOWLOCATION, 0L);
	curl_easy_setopt(e, CURLOPT_HTTP_VERSION, (long)CURL_HTTP_VERSION_1_1);
	curl_easy_setopt(e, CURLOPT_HTTP09_ALLOWED, 0L);
	curl_easy_setopt(e, CURLOPT_HTTP_CONTENT_DECODING, 0L);
	curl_easy_setopt(e, CURLOPT_NOSIGNAL, 1L);
	curl_easy_setopt(e, CURLOPT_TCP_NODELAY, 0L); /* it is a local socket */
	curl_easy_setopt(e, CURLOPT_FORBID_REUSE, 1L);
	curl_easy_setopt(e, CURLOPT_HEADERFUNCTION, on_line);
	curl_easy_setopt(e, CURLOPT_HEADERDATA, h);
	curl_easy_setopt(e, CURLOPT_WRITEFUNCTION, on_body);
	curl_easy_setopt(e, CURLOPT_WRITEDATA, h);
}

/* --- life ------------------------------------------------------------------------------------ */

struct web_http *
web_http_new(struct web_connection *c, struct web_ask *k)
{
	struct web_http *h = mem_new(sizeof(*h));

	h->connection = c;
	h->ask = k;
	h->door = open_door(h->name);
	if (h->door < 0) {
		free(h);
		return NULL;
	}
	curl_global_init(CURL_GLOBAL_NOTHING); /* counted; TLS is not its affair */
	h->multi = curl_multi_init();
	h->easy = curl_easy_init();
	if (!h->multi || !h->easy)
		abort(); /* as for any memory */
	h->timer = timer_new(c->web->loop, on_time, h);
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETFUNCTION, set_watch);
	curl_multi_setopt(h->multi, CURLMOPT_SOCKETDATA, h);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERFUNCTION, set_timer);
	curl_multi_setopt(h->multi, CURLMOPT_TIMERDATA, h);
	set_manners(h);
	set_request(h, k);
	curl_multi_add_handle(h->multi, h->easy); /* goes on from the timer */
	return h;
}

void
web_http_free(struct web_http *h)
{
	if (!h)
		return;
	curl_multi_remove_handle(h->multi, h->easy);
	curl_easy_cleanup(h->easy);
	curl_multi_cleanup(h->multi);
	curl_global_cleanup();
	curl_slist_free_all(h->fields);
	watch_free(h->watch);
	timer_free(h->timer);
	close_door(h);
	free(h);
}
