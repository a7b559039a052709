/*
 * Server names by c-ares, one channel a domain. The library's own way of binding to a device fails
 * open, so the sockets are made here: bound as asked, or not made at all.
 */
#include "net/resolver.h"

#include <ares.h>
#include <errno.h>
#include <net/if.h>
#include <netdb.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <unistd.h>

#include "base/buf.h"
#include "base/mem.h"

enum { TIMEOUT_MS = 2000, TRIES = 3, CLASS_IN = 1 };

struct addresses {
	int status;
	struct addr list[RESOLVER_ADDRS_MAX];
	size_t n, all; /* all: those without room, too */
	uint32_t ttl;
};

struct lookup {
	struct lookup *next, **self;
	struct resolver *resolver;
	resolver_cb cb; /* of addresses, else NULL */
	struct resolver_answer answer;
	struct addresses found[2]; /* IPv6, IPv4: each is asked for by itself */
	unsigned open;             /* of them */
	struct records *records;   /* else NULL */
	void *arg;
	struct timer *deliver; /* the answer is told from the loop */
};

struct records {
	char name[RR_NAME_MAX];
	enum rr_type type;
	resolver_records_cb cb;
	struct resolver_records answer;
};

struct socket_watch {
	struct socket_watch *next;
	ares_socket_t fd;
	struct watch *watch;
	struct resolver *resolver;
};

struct resolver {
	struct loop *loop;
	ares_channel channel;
	char interface[IFNAMSIZ];
	struct addr sources[2];
	size_t n_sources;
	struct endpoint *scoped; /* link-local resolvers with a scope */
	size_t n_scoped;
	struct socket_watch *sockets;
	struct timer *timer;
	struct lookup *lookups;
	bool freeing;
};

/* ---- sockets ---- */

static const struct addr *
source_for(const struct resolver *r, int family)
{
	for (size_t i = 0; i < r->n_sources; i++)
		if ((r->sources[i].family == 4) == (family == AF_INET))
			return &r->sources[i];
	return NULL;
}

static bool
bind_as_asked(const struct resolver *r, int fd, int family)
{
	const struct addr *source = source_for(r, family);
	struct endpoint e = {0};
	struct sockaddr_storage ss;
	socklen_t len;

	if (r->interface[0] && setsockopt(fd, SOL_SOCKET, SO_BINDTODEVICE, r->interface,
				       (socklen_t)strlen(r->interface)))
		return false;
	if (!source)
		return true;
	e.addr = *source;
	len = endpoint_to_sockaddr(&e, &ss);
	return bind(fd, (struct sockaddr *)&ss, len) == 0;
}

static ares_socket_t
on_socket(int family, int type, int protocol, void *arg)
{
	int fd = socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, protocol);

	if (fd >= 0 && !bind_as_asked(arg, fd, family)) {
		int error = errno;

		close(fd);
		errno = error;
		return ARES_SOCKET_BAD;
	}
	return fd;
}

static int
on_close(ares_socket_t fd, void *arg)
{
	struct resolver *r = arg;

	for (struct socket_watch **p = &r->sockets, *s; (s = *p); p = &s->next)
		if (s->fd == fd) {
			*p = s->next;
			watch_free(s->watch);
			free(s);
			break;
		}
	return close(fd);
}

/* The library knows no scopes: a link-local resolver's is ours to add. */
static int
on_connect(ares_socket_t fd, const struct sockaddr *sa, socklen_t len, void *arg)
{
	const struct resolver *r = arg;
	struct sockaddr_storage ss;
	struct endpoint e;

	if (endpoint_from_sockaddr(sa, &e) != 0 || !addr_is_link_local(&e.addr) || e.scope_id)
		return connect(fd, sa, len);
	for (size_t i = 0; i < r->n_scoped && !e.scope_id; i++)
		if (addr_equal(&r->scoped[i].addr, &e.addr))
			e.scope_id = r->scoped[i].scope_id;
	len = endpoint_to_sockaddr(&e, &ss);
	return connect(fd, (struct sockaddr *)&ss, len);
}

static ares_ssize_t
on_recvfrom(ares_socket_t fd, void *buf, size_t n, int flags, struct sockaddr *sa, socklen_t *len,
	void *arg)
{
	(void)arg;
	return recvfrom(fd, buf, n, flags, sa, len);
}

static ares_ssize_t
on_sendv(ares_socket_t fd, const struct iovec *iov, int n, void *arg)
{
	struct msghdr msg = {.msg_iov = (struct iovec *)iov, .msg_iovlen = (size_t)n};

	(void)arg;
	return sendmsg(fd, &msg, MSG_NOSIGNAL);
}

static const struct ares_socket_functions socket_functions = {
	on_socket, on_close, on_connect, on_recvfrom, on_sendv};

/* ---- the loop ---- */

static void rearm(struct resolver *r);

static void
on_events(void *arg, int events)
{
	struct socket_watch *s = arg;
	struct resolver *r = s->resolver;
	ares_socket_t fd = s->fd;

	ares_process_fd(r->channel, events & LOOP_READ ? fd : ARES_SOCKET_BAD,
		events & LOOP_WRITE ? fd : ARES_SOCKET_BAD);
	rearm(r);
}

static void
on_timer(void *arg)
{
	struct resolver *r = arg;

	ares_process_fd(r->channel, ARES_SOCKET_BAD, ARES_SOCKET_BAD);
	rearm(r);
}

static void
on_state(void *arg, ares_socket_t fd, int readable, int writable)
{
	struct resolver *r = arg;
	struct socket_watch *s = r->sockets;
	int events = (readable ? LOOP_READ : 0) | (writable ? LOOP_WRITE : 0);

	while (s && s->fd != fd)
		s = s->next;
	if (s) {
		watch_events(s->watch, events);
	} else if (events) {
		s = mem_new(sizeof(*s));
		s->fd = fd;
		s->resolver = r;
		s->watch = watch_new(r->loop, fd, events, on_events, s);
		s->next = r->sockets;
		r->sockets = s;
	}
}

static void
rearm(struct resolver *r)
{
	struct timeval tv, *t = ares_timeout(r->channel, NULL, &tv);

	if (t)
		timer_after(r->timer, t->tv_sec * 1000 + t->tv_usec / 1000 + 1);
	else
		timer_stop(r->timer);
}

/* ---- look-ups ---- */

static void
lookup_free(struct lookup *q)
{
	*q->self = q->next;
	if (q->next)
		q->next->self = q->self;
	timer_free(q->deliver);
	free(q->records);
	free(q);
}

static void
on_deliver(void *arg)
{
	struct lookup *q = arg;
	struct resolver_answer answer = q->answer;
	struct records *records = q->records;
	resolver_cb cb = q->cb;
	void *cb_arg = q->arg;

	q->records = NULL;
	lookup_free(q);
	if (records)
		records->cb(cb_arg, &records->answer);
	else
		cb(cb_arg, &answer);
	free(records);
}

static int
error_of(int status)
{
	switch (status) {
	case ARES_SUCCESS:
		return 0;
	case ARES_ENOTFOUND:
	case ARES_ENODATA:
		return -ENOENT;
	case ARES_ETIMEOUT:
		return -ETIMEDOUT;
	default:
		return -EIO;
	}
}

static void
take_addresses(struct addresses *to, const struct ares_addrinfo *ai)
{
	for (const struct ares_addrinfo_node *n = ai->nodes; n; n = n->ai_next) {
		struct endpoint e;

		if (endpoint_from_sockaddr(n->ai_addr, &e) != 0)
			continue;
		if (to->n < RESOLVER_ADDRS_MAX)
			to->list[to->n++] = e.addr;
		if ((uint32_t)n->ai_ttl < to->ttl)
			to->ttl = (uint32_t)n->ai_ttl;
		to->all++;
	}
}

static void
tell_addresses(struct resolver_answer *a, const struct addresses *from, size_t limit)
{
	for (size_t i = 0; i < from->n && a->n_addrs < limit; i++)
		a->addrs[a->n_addrs++] = from->list[i];
	if (from->ttl < a->ttl)
		a->ttl = from->ttl;
}

/* Not an answer that there is none. */
static bool
is_failure(int status)
{
	int error = error_of(status);

	return error && error != -ENOENT;
}

/* Half of the room is for IPv4 if it needs that much: a domain may have no IPv6 source. */
static void
tell_both(struct resolver_answer *a, const struct addresses found[static 2])
{
	size_t four = found[1].n < RESOLVER_ADDRS_MAX / 2 ? found[1].n : RESOLVER_ADDRS_MAX / 2;
	int failed = is_failure(found[0].status) ? found[0].status : found[1].status;

	a->ttl = UINT32_MAX;
	tell_addresses(a, &found[0], RESOLVER_ADDRS_MAX - four);
	tell_addresses(a, &found[1], RESOLVER_ADDRS_MAX);
	if (!a->n_addrs) {
		a->ttl = 0;
		a->error = failed == ARES_SUCCESS ? -ENOENT : error_of(failed);
		a->why = ares_strerror(failed);
		return;
	}
	a->why = "";
	a->whole = a->n_addrs == found[0].all + found[1].all;
	if (is_failure(found[0].status) || is_failure(found[1].status))
		a->whole = false;
}

static void
take_answer(struct lookup *q, struct addresses *to, int status, struct ares_addrinfo *ai)
{
	to->status = status;
	to->ttl = UINT32_MAX;
	if (ai) {
		take_addresses(to, ai);
		ares_freeaddrinfo(ai);
	}
	if (--q->open)
		return;
	if (q->resolver->freeing) {
		lookup_free(q);
	} else {
		tell_both(&q->answer, q->found);
		timer_after(q->deliver, 0);
	}
}

static void
on_six(void *arg, int status, int timeouts, struct ares_addrinfo *ai)
{
	struct lookup *q = arg;

	(void)timeouts;
	take_answer(q, &q->found[0], status, ai);
}

static void
on_four(void *arg, int status, int timeouts, struct ares_addrinfo *ai)
{
	struct lookup *q = arg;

	(void)timeouts;
	take_answer(q, &q->found[1], status, ai);
}

static void
on_records(void *arg, int status, int timeouts, unsigned char *message, int len)
{
	struct lookup *q = arg;
	struct records *rs = q->records;
	struct resolver_records *a = &rs->answer;

	(void)timeouts;
	if (q->resolver->freeing) {
		lookup_free(q);
		return;
	}
	a->error = error_of(status);
	a->why = a->error ? ares_strerror(status) : "";
	/* What says "no" says for how long. */
	if (message && rr_read(message, (size_t)len, rs->name, rs->type, &a->set) != 0) {
		a->error = -EBADMSG;
		a->why = "malformed answer";
	} else if (!a->error && !a->set.n) {
		a->error = -ENOENT;
		a->why = ares_strerror(ARES_ENODATA);
	}
	timer_after(q->deliver, 0);
}

static struct lookup *
lookup_new(struct resolver *r, void *arg)
{
	struct lookup *q = mem_new(sizeof(*q));

	q->resolver = r;
	q->arg = arg;
	q->deliver = timer_new(r->loop, on_deliver, q);
	q->next = r->lookups;
	q->self = &r->lookups;
	if (q->next)
		q->next->self = &q->next;
	r->lookups = q;
	return q;
}

void
resolver_lookup(struct resolver *r, const char *name, resolver_cb cb, void *arg)
{
	struct ares_addrinfo_hints six = {.ai_flags = ARES_AI_NOSORT, .ai_family = AF_INET6};
	struct ares_addrinfo_hints four = {.ai_flags = ARES_AI_NOSORT, .ai_family = AF_INET};
	struct lookup *q = lookup_new(r, arg);

	q->cb = cb;
	q->open = 2;
	ares_getaddrinfo(r->channel, name, NULL, &six, on_six, q);
	ares_getaddrinfo(r->channel, name, NULL, &four, on_four, q);
	rearm(r);
}

void
resolver_lookup_records(
	struct resolver *r, const char *name, enum rr_type type, resolver_records_cb cb, void *arg)
{
	struct lookup *q = lookup_new(r, arg);

	q->records = mem_new(sizeof(*q->records));
	snprintf(q->records->name, RR_NAME_MAX, "%s", name);
	q->records->type = type;
	q->records->cb = cb;
	ares_query(r->channel, name, CLASS_IN, (int)type, on_records, q);
	rearm(r);
}

/* ---- life ---- */

static int
set_servers(struct resolver *r, const struct resolver_config *cfg)
{
	char text[ADDR_TEXT_MAX];
	struct buf csv;
	int status;

	buf_init(&csv, 4096);
	r->scoped = mem_array(cfg->n_servers, sizeof(*r->scoped));
	for (size_t i = 0; i < cfg->n_servers; i++) {
		const struct endpoint *e = &cfg->servers[i];

		if (e->scope_id)
			r->scoped[r->n_scoped++] = *e;

		buf_printf(&csv, e->addr.family == 6 ? "%s[%s]:%u" : "%s%s:%u", i ? "," : "",
			addr_format(&e->addr, text), e->port ? e->port : 53);
	}
	status = ares_set_servers_ports_csv(r->channel, buf_text(&csv));
	buf_finish(&csv);
	return status;
}

struct resolver *
resolver_new(struct loop *l, const struct resolver_config *cfg)
{
	struct resolver *r = mem_new(sizeof(*r));
	char lookups[] = "b", nowhere[] = "/dev/null";
	struct ares_options opt = {.flags = ARES_FLAG_NOSEARCH | ARES_FLAG_NOALIASES,
		.timeout = TIMEOUT_MS,
		.tries = TRIES,
		.lookups = lookups,
		.sock_state_cb = on_state,
		.sock_state_cb_data = r,
		.ndomains = 0,
		.resolvconf_path = nowhere};
	int mask = ARES_OPT_FLAGS | ARES_OPT_TIMEOUTMS | ARES_OPT_TRIES | ARES_OPT_LOOKUPS |
		   ARES_OPT_SOCK_STATE_CB | ARES_OPT_DOMAINS | ARES_OPT_RESOLVCONF;

	r->loop = l;
	if (cfg->interface)
		snprintf(r->interface, sizeof(r->interface), "%s", cfg->interface);
	for (size_t i = 0; i < cfg->n_sources && i < 2; i++)
		r->sources[r->n_sources++] = cfg->sources[i];
	if (!cfg->n_servers || ares_library_init(ARES_LIB_INIT_ALL) != ARES_SUCCESS) {
		free(r);
		errno = EINVAL;
		return NULL;
	}
	if (ares_init_options(&r->channel, &opt, mask) != ARES_SUCCESS) {
		free(r);
		errno = ENOMEM;
		return NULL;
	}
	ares_set_socket_functions(r->channel, &socket_functions, r);
	r->timer = timer_new(l, on_timer, r);
	if (set_servers(r, cfg) != ARES_SUCCESS) {
		resolver_free(r);
		errno = EINVAL;
		return NULL;
	}
	return r;
}

void
resolver_free(struct resolver *r)
{
	if (!r)
		return;
	r->freeing = true;
	ares_destroy(r->channel); /* calls back every look-up that is open */
	while (r->lookups)
		lookup_free(r->lookups); /* answered, not delivered yet */
	timer_free(r->timer);
	free(r->scoped);
	free(r);
}
