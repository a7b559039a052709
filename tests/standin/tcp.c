/*
 * In place of net/tcp.c: a listener to which nobody comes, and nobody to connect to.
 */
#include "net/tcp.h"

#include <errno.h>
#include <stdlib.h>

#include "base/mem.h"

struct tcp_listener {
	int unused;
};

static const struct endpoint nowhere;

struct tcp_listener *
tcp_listen(struct loop *l, const char *interface, const struct endpoint *local, tcp_accepted cb,
	void *arg, int *ret_error)
{
	(void)l;
	(void)interface;
	(void)local;
	(void)cb;
	(void)arg;
	(void)ret_error;
	return mem_new(sizeof(struct tcp_listener));
}

void
tcp_listener_free(struct tcp_listener *tl)
{
	free(tl);
}

struct tcp *
tcp_connect(struct loop *l, const char *interface, const struct addr *source,
	const struct endpoint *remote, const struct tcp_ops *ops, void *arg, int *ret_error)
{
	(void)l;
	(void)interface;
	(void)source;
	(void)remote;
	(void)ops;
	(void)arg;
	*ret_error = -ENETUNREACH;
	return NULL;
}

/* ---- there is no connection for these ---- */

void
tcp_open(struct tcp *t, const struct tcp_ops *ops, void *arg)
{
	(void)t;
	(void)ops;
	(void)arg;
}

void
tcp_free(struct tcp *t)
{
	(void)t;
}

ssize_t
tcp_read(struct tcp *t, void *bytes, size_t cap)
{
	(void)t;
	(void)bytes;
	(void)cap;
	return -EAGAIN;
}

bool
tcp_send(struct tcp *t, const void *bytes, size_t len)
{
	(void)t;
	(void)bytes;
	(void)len;
	return false;
}

bool
tcp_is_busy(const struct tcp *t)
{
	(void)t;
	return false;
}

void
tcp_again(struct tcp *t)
{
	(void)t;
}

const struct endpoint *
tcp_local(const struct tcp *t)
{
	(void)t;
	return &nowhere;
}

const struct endpoint *
tcp_remote(const struct tcp *t)
{
	(void)t;
	return &nowhere;
}

const char *
tcp_interface(const struct tcp *t)
{
	(void)t;
	return "";
}
