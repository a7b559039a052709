/*
 * An HTTPS server whose owner records what it is told, and answers at once, when told to, or never.
 */
#ifndef DOTSD_TEST_DESK_H
#define DOTSD_TEST_DESK_H

#include "net/https.h"
#include "visitor.h"

enum { DESK_HELD_MAX = 2048, DESK_TEXT_MAX = 4096 };

struct desk {
	struct loop *loop;
	struct https *https;
	struct endpoint at;
	unsigned requests, gone, judged;
	/* Of the last request; NULL was "-". */
	char method[64], path[DESK_TEXT_MAX], query[DESK_TEXT_MAX], peer[256], field[DESK_TEXT_MAX];
	char body[DESK_TEXT_MAX];
	size_t len;
	struct endpoint remote;
	char paths[DESK_TEXT_MAX]; /* of all requests, one after the other */
	/* What it does. */
	const char *refuse;    /* the judge says */
	const char *refuse_of; /* only of that name; NULL: of all */
	bool hold;             /* answers when told to */
	struct https_exchange *held[DESK_HELD_MAX];
	char *held_paths[DESK_HELD_MAX];
	unsigned n_held;
	unsigned status;    /* 0: 200 */
	const char *answer; /* NULL: "<path>\n" */
	size_t answer_len;  /* so many 'x' instead */
	void (*on_request)(struct desk *d);
	void (*on_gone)(struct desk *d);
};

/* cfg NULL: the defaults; without credentials: server, of ca. */
void desk_start(struct desk *d, struct https_config *cfg);
void desk_stop(struct desk *d);
/* The oldest one that is held. */
void desk_answer(struct desk *d);
/* A client that has a certificate and is up. */
struct visitor *desk_visitor(struct desk *d, const struct visitor_setup *setup);
/* How often a text stands in what the client has received. */
unsigned visitor_has(const struct visitor *w, const char *text);
/* Lines of status it has received. */
unsigned visitor_answers(const struct visitor *w);

#endif
