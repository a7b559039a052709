/*
 * Who asks through net/web, and what it is told.
 */
#ifndef DOTSD_TEST_ASKER_H
#define DOTSD_TEST_ASKER_H

#include "harness.h"
#include "net/web.h"
#include "site.h"

struct asker {
	struct loop *loop;
	struct web *web;
	unsigned told;
	/* Of the last answer. */
	unsigned status;
	char why[512]; /* "-": NULL */
	char *body;
	size_t len;
	char field[512];   /* X-Test of it; "-": none */
	char bodies[4096]; /* of all answers, one after the other */
	void (*on_told)(struct asker *a);
};

/* For the server at `to`, as dots.example, with certificate client and trust ca, unless cfg says
 * otherwise. */
void asker_start(
	struct asker *a, struct loop *l, const struct endpoint *to, const struct web_config *cfg);
void asker_stop(struct asker *a);
void asker_send(struct asker *a, const struct web_request *r);
void asker_say(struct asker *a, const char *method, const char *path, const char *body);
/* …and waits for the answer. */
void asker_ask(struct asker *a, const char *method, const char *path, const char *body);
/* There was none, because of that. */
void asker_failed(const struct asker *a, const char *why);

/* A site that answers so, and who asks it. */
struct pair {
	struct loop *l;
	struct site site;
	struct asker asker;
};
void pair_start(
	struct pair *p, const char *certificate, const char *answer, const struct web_config *cfg);
void pair_stop(struct pair *p);

#endif
