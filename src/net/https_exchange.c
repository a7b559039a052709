/*
 * See https_private.h. Owns the daemon of libmicrohttpd, which has no socket of its own and runs in
 * our loop, and the requests.
 *
 * libmicrohttpd is lenient where RFC 9112 is not: what a message may not have twice, or not
 * together, is checked here, before anything of a body is looked at. It keeps time for nobody and
 * sees neither TLS nor a peer: that is https_connection.c.
 */
#include <errno.h>
#include <microhttpd.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <time.h>

#include "base/mem.h"
#include "net/https_private.h"

enum {
	FIELDS_MAX = 100,
	POOL_BESIDE = 32 * 1024, /* what libmicrohttpd makes of fields, and of our answer's */
	LENGTH_DIGITS_MAX = 18,
};

/* Values of one field, as one text. */
struct joined {
	struct joined *next;
	char *text;
};

struct https_exchange {
	struct https_connection *connection;
	struct MHD_Connection *mhd;
	const char *path; /* into the target, as it came, or "/" */
	char *query;      /* NULL: none */
	char *target;
	char *body;
	size_t len, cap, held;
	bool seen;      /* its head is */
	bool complete;  /* as `request` */
	bool delivered; /* to the owner */
	struct https_request request;
	bool suspended, gone;
	bool last; /* of its connection */
	struct joined *joined;
};

/* --- head ------------------------------------------------------------------------------------ */

struct fields {
	unsigned n, hosts, lengths, codings;
	const char *length, *coding;
};

static enum MHD_Result
look_at_field(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct fields *f = arg;

	(void)kind;
	f->n++;
	if (strcasecmp(name, MHD_HTTP_HEADER_HOST) == 0) {
		f->hosts++;
	} else if (strcasecmp(name, MHD_HTTP_HEADER_CONTENT_LENGTH) == 0) {
		f->lengths++;
		f->length = value ? value : "";
	} else if (strcasecmp(name, MHD_HTTP_HEADER_TRANSFER_ENCODING) == 0) {
		f->codings++;
		f->coding = value ? value : "";
	}
	return MHD_YES;
}

/* Of the body, in octets; UINT64_MAX: in chunks. 0, or the status that refuses it (RFC 9112 6). */
static unsigned
body_length(const struct fields *f, bool is_1_1, uint64_t *ret)
{
	*ret = 0;
	if (f->codings) {
		if (f->codings > 1 || f->lengths || !is_1_1)
			return MHD_HTTP_BAD_REQUEST;
		*ret = UINT64_MAX;
		return strcasecmp(f->coding, "chunked") == 0 ? 0 : MHD_HTTP_NOT_IMPLEMENTED;
	}
	if (!f->lengths)
		return 0;
	if (f->lengths > 1 || !*f->length || f->length[strspn(f->length, "0123456789")])
		return MHD_HTTP_BAD_REQUEST;
	if (strlen(f->length) > LENGTH_DIGITS_MAX)
		return MHD_HTTP_CONTENT_TOO_LARGE;
	*ret = strtoull(f->length, NULL, 10);
	return 0;
}

/* Cuts it into path and query. libmicrohttpd has seen no query, for it makes a field of its own of
 * each parameter, and goes astray when there are more than it has memory for. RFC 9112 3.2: the
 * absolute form has to be understood, too. */
static bool
read_target(struct https_exchange *ex, const char *method)
{
	static const char scheme[] = "https://";
	char *at = ex->target;

	for (char *p = at; *p; p++) {
		if (*p == HTTP_QUERY_MARK)
			*p = '?';
		if (*p <= ' ' || *p > '~' || *p == '#')
			return false;
	}
	if (strcmp(at, "*") == 0) {
		ex->path = at;
		return strcmp(method, "OPTIONS") == 0;
	}
	if (strncasecmp(at, scheme, strlen(scheme)) == 0) {
		at += strlen(scheme);
		at += strcspn(at, "/?");
	} else if (*at != '/') {
		return false;
	}
	ex->query = strchr(at, '?');
	if (ex->query)
		*ex->query++ = 0;
	ex->path = *at ? at : "/";
	return true;
}

/* 0, or the status that refuses it. */
static unsigned
exchange_check(
	struct https_exchange *ex, const char *method, const char *version, uint64_t *ret_body)
{
	const struct https *h = ex->connection->https;
	bool is_1_1 = strcmp(version, MHD_HTTP_VERSION_1_1) == 0;
	struct fields f = {0};
	unsigned refusal;

	if (!is_1_1 && strcmp(version, MHD_HTTP_VERSION_1_0) != 0)
		return MHD_HTTP_HTTP_VERSION_NOT_SUPPORTED;
	MHD_get_connection_values(ex->mhd, MHD_HEADER_KIND, look_at_field, &f);
	if (f.n > FIELDS_MAX)
		return MHD_HTTP_REQUEST_HEADER_FIELDS_TOO_LARGE;
	if (f.hosts > 1 || (is_1_1 && !f.hosts) || !http_is_token(method) ||
		!read_target(ex, method))
		return MHD_HTTP_BAD_REQUEST;
	refusal = body_length(&f, is_1_1, ret_body);
	if (refusal)
		return refusal;
	ex->last = *ret_body == UINT64_MAX;
	if (!ex->last && *ret_body > h->limits.max_body)
		return MHD_HTTP_CONTENT_TOO_LARGE;
	return https_share_has_room(ex->connection->share, ex->last ? 0 : *ret_body)
		       ? 0
		       : MHD_HTTP_SERVICE_UNAVAILABLE;
}

/* --- body ------------------------------------------------------------------------------------ */

static void
exchange_hold(struct https_exchange *ex, size_t len)
{
	ex->held += len;
	https_share_hold(ex->connection->share, len);
}

/* 0, or the status that refuses it. */
static unsigned
exchange_take(struct https_exchange *ex, const char *bytes, size_t len)
{
	const struct https *h = ex->connection->https;

	if (len > h->limits.max_body - ex->len)
		return MHD_HTTP_CONTENT_TOO_LARGE;
	if (!https_share_has_room(ex->connection->share, len))
		return MHD_HTTP_SERVICE_UNAVAILABLE;
	if (ex->len + len > ex->cap) {
		ex->cap = ex->len + len > 2 * ex->cap ? ex->len + len : 2 * ex->cap;
		ex->body = mem_grow(ex->body, ex->cap, 1);
	}
	memcpy(ex->body + ex->len, bytes, len);
	ex->len += len;
	exchange_hold(ex, len);
	return 0;
}

/* --- life ------------------------------------------------------------------------------------ */

static struct https_connection *
connection_of(struct MHD_Connection *mhd)
{
	return *(struct https_connection **)MHD_get_connection_info(
		mhd, MHD_CONNECTION_INFO_SOCKET_CONTEXT);
}

/* The request line has been read; its target as it came. */
static void *
exchange_new(void *arg, const char *target, struct MHD_Connection *mhd)
{
	struct https_exchange *ex = mem_new(sizeof(*ex));

	(void)arg;
	ex->connection = connection_of(mhd);
	ex->mhd = mhd;
	ex->target = mem_text(target ? target : "");
	return ex;
}

static void
exchange_completed(
	void *arg, struct MHD_Connection *mhd, void **context, enum MHD_RequestTerminationCode code)
{
	struct https_exchange *ex = *context;
	struct joined *j;

	(void)arg;
	(void)mhd;
	if (!ex)
		return;
	*context = NULL;
	https_share_release(ex->connection->share, ex->held);
	if (ex->delivered && code == MHD_REQUEST_TERMINATED_COMPLETED_OK)
		https_connection_answered(ex->connection);
	while ((j = ex->joined)) {
		ex->joined = j->next;
		free(j->text);
		free(j);
	}
	free(ex->target);
	free(ex->body);
	free(ex);
}

static void
exchange_resume(struct https_exchange *ex)
{
	if (!ex->suspended)
		return;
	ex->suspended = false;
	MHD_resume_connection(ex->mhd);
	timer_after(ex->connection->https->mhd_timer, 0);
}

void
https_exchange_abandon(struct https_exchange *ex)
{
	struct https_connection *c = ex->connection;
	struct https *h = c->https;

	c->exchange = NULL;
	ex->gone = true;
	if (ex->delivered && h->ops->gone && !h->freeing)
		h->ops->gone(h->arg, ex);
	exchange_resume(ex);
}

void
https_exchange_deliver(struct https_exchange *ex)
{
	struct https *h = ex->connection->https;
	uint64_t begun = loop_used_us();

	ex->delivered = true;
	h->ops->request(h->arg, ex, &ex->request);
	https_end(h, begun, HTTPS_COST_REQUEST);
}

bool
https_exchange_waits(const struct https_exchange *ex)
{
	return !ex->delivered;
}

/* All of it is there. */
static void
exchange_complete(struct https_exchange *ex, const char *method)
{
	struct https_connection *c = ex->connection;

	ex->request = (struct https_request){
		.method = method,
		.path = ex->path,
		.query = ex->query,
		.body = ex->body ? ex->body : "",
		.len = ex->len,
		.peer = c->known ? &c->peer : NULL,
		.remote = *tcp_remote(c->tcp),
	};
	ex->complete = true;
	c->exchange = ex;
	https_connection_complete(c);
	if (https_afford(c, HTTPS_COST_REQUEST))
		https_exchange_deliver(ex);
	if (c->exchange != ex || ex->gone)
		return;
	ex->suspended = true;
	MHD_suspend_connection(ex->mhd);
}

static enum MHD_Result
exchange_refuse(struct https_exchange *ex, unsigned status)
{
	ex->connection->refusal = status;
	return MHD_NO;
}

/* Called once the head is read, then for each part of the body, then when all of it is there, and
 * once more if it was resumed without an answer. */
static enum MHD_Result
exchange_handle(void *arg, struct MHD_Connection *mhd, const char *url, const char *method,
	const char *version, const char *upload, size_t *upload_len, void **context)
{
	struct https_exchange *ex = *context;
	unsigned refusal;
	uint64_t body;

	(void)arg;
	(void)mhd;
	(void)url;
	if (!ex->seen) {
		ex->seen = true;
		refusal = exchange_check(ex, method, version, &body);
		if (refusal)
			return exchange_refuse(ex, refusal);
		https_connection_head_read(ex->connection, body);
		return MHD_YES;
	}
	if (*upload_len) {
		refusal = exchange_take(ex, upload, *upload_len);
		*upload_len = 0;
		return refusal ? exchange_refuse(ex, refusal) : MHD_YES;
	}
	if (!ex->complete)
		exchange_complete(ex, method);
	return ex->gone ? MHD_NO : MHD_YES;
}

/* --- answers --------------------------------------------------------------------------------- */

void
https_answer(struct https_exchange *ex, const struct https_answer *a)
{
	struct https_connection *c = ex->connection;
	struct MHD_Response *response = MHD_create_response_from_buffer(
		a->len, (void *)(uintptr_t)a->body, MHD_RESPMEM_MUST_COPY);

	if (!response)
		abort(); /* as for any memory */
	for (size_t i = 0; i < a->n_fields; i++)
		MHD_add_response_header(response, a->fields[i].name, a->fields[i].value);
	if (ex->last)
		MHD_add_response_header(response, MHD_HTTP_HEADER_CONNECTION, "close");
	exchange_hold(ex, a->len);
	c->exchange = NULL;
	https_connection_complete(c);
	MHD_queue_response(ex->mhd, a->status, response);
	MHD_destroy_response(response);
	exchange_resume(ex);
}

char *
https_refusal(unsigned status)
{
	const char *phrase = MHD_get_reason_phrase_for(status);
	time_t now = loop_wall() / 1000;
	struct tm tm;
	char date[64];

	gmtime_r(&now, &tm);
	strftime(date, sizeof(date), "%a, %d %b %Y %H:%M:%S GMT", &tm);
	return mem_printf("HTTP/1.1 %u %s\r\nDate: %s\r\nConnection: close\r\n"
			  "Content-Type: text/plain\r\nContent-Length: %zu\r\n\r\n%s\n",
		status, phrase, date, strlen(phrase) + 1, phrase);
}

/* --- fields ---------------------------------------------------------------------------------- */

struct wanted {
	const char *name;
	const char *first;
	char *joined; /* NULL: there is one at most */
};

static enum MHD_Result
gather_field(void *arg, enum MHD_ValueKind kind, const char *name, const char *value)
{
	struct wanted *w = arg;
	char *before = w->joined;

	(void)kind;
	if (strcasecmp(name, w->name) != 0)
		return MHD_YES;
	if (!value)
		value = "";
	if (w->first)
		w->joined = mem_printf("%s, %s", before ? before : w->first, value);
	else
		w->first = value;
	free(before);
	return MHD_YES;
}

const char *
https_header(struct https_exchange *ex, const char *name)
{
	struct wanted w = {.name = name};
	struct joined *j;

	MHD_get_connection_values(ex->mhd, MHD_HEADER_KIND, gather_field, &w);
	if (!w.joined)
		return w.first;
	j = mem_new(sizeof(*j));
	j->text = w.joined;
	j->next = ex->joined;
	ex->joined = j;
	return j->text;
}

/* --- libmicrohttpd --------------------------------------------------------------------------- */

static void
https_run(struct https *h)
{
	MHD_UNSIGNED_LONG_LONG ms;

	MHD_run(h->mhd);
	if (MHD_get_timeout(h->mhd, &ms) == MHD_YES)
		timer_after(h->mhd_timer, (int64_t)ms);
}

static void
https_event(void *arg, int events)
{
	(void)events;
	https_run(arg);
}

static void
https_timer(void *arg)
{
	https_run(arg);
}

static void
connection_changed(void *arg, struct MHD_Connection *mhd, void **context,
	enum MHD_ConnectionNotificationCode code)
{
	struct https *h = arg;

	(void)mhd;
	if (code == MHD_CONNECTION_NOTIFY_STARTED)
		*context = h->attaching;
	else
		https_connection_detached(*context);
}

int
https_exchange_attach(struct https_connection *c, int fd)
{
	struct https *h = c->https;
	struct sockaddr_storage ss;
	socklen_t len = endpoint_to_sockaddr(tcp_remote(c->tcp), &ss);
	enum MHD_Result r;

	h->attaching = c;
	r = MHD_add_connection(h->mhd, fd, (struct sockaddr *)&ss, len);
	h->attaching = NULL;
	return r == MHD_YES ? 0 : -errno;
}

/* Paths and queries are left as they came. */
static size_t
keep_escapes(void *arg, struct MHD_Connection *mhd, char *text)
{
	(void)arg;
	(void)mhd;
	return strlen(text);
}

bool
https_exchange_start(struct https *h)
{
	const unsigned flags = MHD_USE_EPOLL | MHD_USE_NO_LISTEN_SOCKET | MHD_ALLOW_SUSPEND_RESUME;
	const union MHD_DaemonInfo *info;

	h->mhd_timer = timer_new(h->loop, https_timer, h);
	h->mhd = MHD_start_daemon(flags, 0, NULL, NULL, exchange_handle, h,
		MHD_OPTION_CONNECTION_LIMIT, 2 * h->limits.max_connections + 1,
		MHD_OPTION_CONNECTION_MEMORY_LIMIT, (size_t)2 * h->limits.max_headers + POOL_BESIDE,
		MHD_OPTION_UNESCAPE_CALLBACK, keep_escapes, NULL, MHD_OPTION_URI_LOG_CALLBACK,
		exchange_new, h, MHD_OPTION_NOTIFY_COMPLETED, exchange_completed, h,
		MHD_OPTION_NOTIFY_CONNECTION, connection_changed, h, MHD_OPTION_END);
	info = h->mhd ? MHD_get_daemon_info(h->mhd, MHD_DAEMON_INFO_EPOLL_FD) : NULL;
	if (!info)
		return false;
	h->mhd_watch = watch_new(h->loop, info->epoll_fd, LOOP_READ, https_event, h);
	return true;
}

void
https_exchange_stop(struct https *h)
{
	watch_free(h->mhd_watch);
	timer_free(h->mhd_timer);
	if (h->mhd)
		MHD_stop_daemon(h->mhd);
}
