/*
 * See asker.h.
 */
#include "asker.h"

#include <stdio.h>
#include <stdlib.h>

#include "base/mem.h"

static void
note(void *arg, const struct web_answer *answer)
{
	struct asker *a = arg;
	const char *field = web_field(answer, "x-TEST");
	size_t n = strlen(a->bodies);

	a->told++;
	a->status = answer->status;
	snprintf(a->why, sizeof(a->why), "%s", answer->why ? answer->why : "-");
	snprintf(a->field, sizeof(a->field), "%s", field ? field : "-");
	free(a->body);
	assert_non_null(answer->body);
	assert_int_equal(answer->body[answer->len], 0);
	a->len = answer->len;
	a->body = mem_new(a->len + 1);
	memcpy(a->body, answer->body, a->len);
	snprintf(a->bodies + n, sizeof(a->bodies) - n, "%s", a->body);
	if (a->on_told)
		a->on_told(a);
}

void
asker_start(
	struct asker *a, struct loop *l, const struct endpoint *to, const struct web_config *cfg)
{
	struct web_config own = cfg ? *cfg : (struct web_config){0};
	struct credentials *c = NULL;

	memset(a, 0, sizeof(*a));
	a->loop = l;
	own.server = *to;
	own.name = own.name ? own.name : "dots.example";
	if (!own.credentials)
		own.credentials = c = harness_credentials("client", "ca");
	a->web = web_new(l, &own);
	credentials_unref(c);
}

void
asker_stop(struct asker *a)
{
	unsigned told = a->told;

	web_free(a->web);
	assert_int_equal(a->told, told);
	free(a->body);
}

void
asker_send(struct asker *a, const struct web_request *r)
{
	web_ask(a->web, r, note, a);
}

void
asker_say(struct asker *a, const char *method, const char *path, const char *body)
{
	const struct web_request r = {
		.method = method, .path = path, .body = body, .len = body ? strlen(body) : 0};

	asker_send(a, &r);
}

void
asker_ask(struct asker *a, const char *method, const char *path, const char *body)
{
	unsigned told = a->told;

	asker_say(a, method, path, body);
	assert_int_equal(a->told, told); /* not from inside the call */
	WAIT(a->loop, a->told > told);
}

void
asker_failed(const struct asker *a, const char *why)
{
	if (a->status || !strstr(a->why, why))
		fail_msg("%u \"%s\" instead of \"%s\"", a->status, a->why, why);
	assert_int_equal(a->len, 0);
}

void
pair_start(
	struct pair *p, const char *certificate, const char *answer, const struct web_config *cfg)
{
	p->l = loop_new();
	site_start(&p->site, p->l, certificate, NULL);
	p->site.answer = answer;
	asker_start(&p->asker, p->l, &p->site.at, cfg);
}

void
pair_stop(struct pair *p)
{
	asker_stop(&p->asker);
	site_stop(&p->site);
	loop_free(p->l);
}
