/*
 * Responses of the server: built from a verdict or a body, sent at once or when the store has what
 * they acknowledge (acknowledged state is durable; a failing store makes it volatile, never
 * silent).
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "role/server_state.h"

enum { RECHECK_MS = 1000 };

struct answer {
	TAILQ_ENTRY(answer) entry;
	struct dots_server *server; /* NULL: going away */
	struct exchange *ex;
	struct coap_msg msg;
	struct buf payload;
	uint64_t mitigation;
};

/* The largest answer there can be on that session; net/ takes care of what fits one message. */
static size_t
body_max(const struct exchange *ex)
{
	const struct session *s = exchange_session(ex);

	return s ? session_max_body(s) : SESSION_BODY_MAX;
}

void
answer_too_large(struct coap_msg *m)
{
	static const char text[] =
		"RFC 9132 4.4.2: the answer is larger than what this server sends "
		"in blocks; ask for single mids or c=n";

	coap_init(m, COAP_NON, COAP_500_INTERNAL_SERVER_ERROR);
	m->payload = (const uint8_t *)text;
	m->payload_len = strlen(text);
}

bool
answer_build(struct coap_msg *m, const struct answer_body *body, struct buf *out)
{
	if (body->msg && signal_encode(body->msg, out) != 0) {
		answer_too_large(m);
		return false;
	}
	coap_init(m, COAP_NON, body->code);
	if (body->has_observe)
		coap_add_uint(m, COAP_OPT_OBSERVE, body->observe);
	if (body->msg)
		coap_add_uint(m, COAP_OPT_CONTENT_FORMAT, COAP_FORMAT_DOTS_CBOR);
	else if (body->text)
		buf_bytes(out, body->text, strlen(body->text));
	if (body->max_age)
		coap_add_uint(m, COAP_OPT_MAX_AGE, body->max_age);
	m->payload = out->len ? out->bytes : NULL;
	m->payload_len = out->len;
	return true;
}

bool
answer_now(struct exchange *ex, const struct answer_body *body)
{
	struct coap_msg m;
	struct buf out;
	bool fits;

	buf_init(&out, body_max(ex));
	fits = answer_build(&m, body, &out);
	exchange_respond(ex, &m);
	buf_finish(&out);
	return fits;
}

/* ---- marks of what the store could not take ---- */

static bool
unmark(void *arg, struct mitigation *m)
{
	(void)arg;
	m->volatile_ = false;
	return true;
}

/* A store that is back writes all it missed at once. */
static void
rechecked(void *arg, bool durable)
{
	struct dots_server *s = arg;

	if (durable)
		book_all(s->book, unmark, NULL);
	else
		timer_after(s->recheck, RECHECK_MS);
}

void
answers_recheck(void *arg)
{
	struct dots_server *s = arg;

	persist_after(s->persist, rechecked, s);
}

static void
mark(struct dots_server *s, uint64_t id)
{
	struct mitigation *m = book_by_id(s->book, id);

	if (!m)
		return;
	m->volatile_ = true;
	timer_after(s->recheck, RECHECK_MS);
}

/* ---- */

static void
stored(void *arg, bool durable)
{
	struct answer *a = arg;

	if (a->server) {
		if (!durable)
			mark(a->server, a->mitigation);
		TAILQ_REMOVE(&a->server->answers, a, entry);
	}
	exchange_respond(a->ex, &a->msg);
	buf_finish(&a->payload);
	free(a);
}

void
answer_stored(struct dots_server *s, struct exchange *ex, const struct answer_body *body,
	uint64_t mitigation)
{
	struct answer *a = mem_new(sizeof(*a));

	a->server = s;
	a->ex = ex;
	a->mitigation = mitigation;
	buf_init(&a->payload, body_max(ex));
	answer_build(&a->msg, body, &a->payload);
	TAILQ_INSERT_TAIL(&s->answers, a, entry);
	persist_after(s->persist, stored, a);
}

void
answers_free(struct dots_server *s)
{
	struct answer *a;

	TAILQ_FOREACH(a, &s->answers, entry)
		a->server = NULL; /* the store calls back and frees them */
	TAILQ_INIT(&s->answers);
}

/* A conflict is told in CBOR (RFC 9132 4.4.1.3), everything else in a text (RFC 9132 3). */
void
answer_verdict(struct exchange *ex, const struct verdict *v)
{
	struct scope scope = {0};
	struct signal_msg msg = {.has = 1ULL << SIGNAL_MITIGATION_SCOPE};
	struct conflict_information *ci = &scope.conflict_information;
	struct answer_body body = {.code = v->code, .text = v->why, .max_age = v->max_age};

	if (v->code == COAP_409_CONFLICT) {
		verdict_conflict(&v->conflict, &scope);
		if (v->has_conflict_mid) {
			ci->has |= 1ULL << CONFLICT_SCOPE;
			SCOPE_SET(&ci->conflict_scope, MID);
			ci->conflict_scope.mid = v->conflict_mid;
		}
		msg.mitigation_scope.has = 1ULL << MITIGATION_SCOPE_SCOPE;
		msg.mitigation_scope.scope = &scope;
		msg.mitigation_scope.n_scope = 1;
		body.msg = &msg;
	}
	answer_now(ex, &body);
}
