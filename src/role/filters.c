/*
 * Filter control by signal (RFC 9133): the ACLs that a client has put on record over the data
 * channel are activated, or not any more, by a mitigation request; it is answered when the
 * mitigators have followed.
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "core/filter_control.h"
#include "role/server_state.h"

enum {
	PATIENCE_MS = 3000, /* for the mitigators */
	RETRY_S = 30,       /* Max-Age: then the client tries again (3.2.1) */
	EXCHANGES_MAX = 8,
};

/* A request that is granted as far as its targets go. */
struct filter_wait {
	LIST_ENTRY(filter_wait) link;
	struct dots_server *server;
	char *client, *cuid;
	uint64_t mitigation;
	uint32_t mid;
	uint8_t code;
	struct arena *arena; /* of the list */
	struct acl_entry *list;
	enum activation_type *before;
	size_t n, n_done;
	struct exchange *exchanges[EXCHANGES_MAX];
	size_t n_exchanges;
	struct timer *patience;
};

struct verdict
filters_check(const struct request *r, const struct scope *s, const struct mitigation *known)
{
	bool if_match = coap_find(r->msg, COAP_OPT_IF_MATCH) != NULL;
	struct server_data *data = r->server->data;
	struct verdict v;

	if (!data)
		return verdict_of(COAP_400_BAD_REQUEST,
			"RFC 9133 3.2.1: acl-list: there is no data channel here");
	v = filter_control_check(s, if_match, known ? &known->scope : NULL);
	/* What stands has been carried out: it is only said again. */
	for (size_t i = 0; verdict_ok(&v) && !known && i < s->n_acl_list; i++)
		if (!data->ops->has_acl(
			    data, r->client->name, r->path.cuid, s->acl_list[i].acl_name))
			v = verdict_of(COAP_404_NOT_FOUND,
				"RFC 9133 3.2.1: acl-list: this client has no ACL %.64s",
				s->acl_list[i].acl_name);
	return v;
}

static void
wait_free(struct filter_wait *w)
{
	LIST_REMOVE(w, link);
	timer_free(w->patience);
	arena_free(w->arena);
	free(w->client);
	free(w->cuid);
	free(w);
}

/* Figure 1: mid and what was to be done. */
static void
tell_failed(struct filter_wait *w)
{
	struct scope scope = {.mid = w->mid, .acl_list = w->list, .n_acl_list = w->n};
	struct signal_msg msg = {.has = 1ULL << SIGNAL_MITIGATION_SCOPE};
	struct answer_body body = {
		.code = COAP_503_SERVICE_UNAVAILABLE, .msg = &msg, .max_age = RETRY_S};

	SCOPE_SET(&scope, MID);
	SCOPE_SET(&scope, ACL_LIST);
	msg.mitigation_scope.has = 1ULL << MITIGATION_SCOPE_SCOPE;
	msg.mitigation_scope.scope = &scope;
	msg.mitigation_scope.n_scope = 1;
	for (size_t i = 0; i < w->n_exchanges; i++)
		answer_now(w->exchanges[i], &body);
}

/* The filters are as they were, and the request stands without them: what its client asks for at
 * once, without filters and with a new mid (3.2.1), takes its place; until then it is protected. */
static void
fail(struct filter_wait *w)
{
	struct dots_server *s = w->server;
	struct mitigation *m = book_by_id(s->book, w->mitigation);

	for (size_t i = 0; i < w->n_done; i++)
		(void)s->data->ops->activate(
			s->data, w->cuid, w->list[i].acl_name, w->before[i], NULL);
	if (m) {
		m->scope.has &= ~(1ULL << SCOPE_ACL_LIST);
		m->scope.n_acl_list = 0;
		record_put(s, m);
	}
	tell_failed(w);
	wait_free(w);
}

static void
succeed(struct filter_wait *w)
{
	struct dots_server *s = w->server;
	const struct mitigation *m = book_by_id(s->book, w->mitigation);
	struct verdict v = verdict_of(COAP_503_SERVICE_UNAVAILABLE,
		"RFC 9132 4.4.1.3: mid %u has ended meanwhile", w->mid);

	for (size_t i = 0; i < w->n_exchanges; i++) {
		if (m)
			admission_answer(s, w->exchanges[i], m, w->code);
		else
			answer_verdict(w->exchanges[i], &v);
	}
	wait_free(w);
}

static void
out_of_patience(void *arg)
{
	fail(arg);
}

/* Said again before it is answered: it gets the same answer. */
static bool
join(struct dots_server *s, const struct mitigation *m, struct exchange **exchanges, size_t n)
{
	struct verdict v = verdict_of(
		COAP_503_SERVICE_UNAVAILABLE, "RFC 9133 3.2.1: said too often while it waits");
	struct filter_wait *w;

	LIST_FOREACH(w, &s->filter_waits, link)
		if (w->mitigation == m->id)
			break;
	for (size_t i = 0; w && i < n; i++) {
		if (w->n_exchanges < EXCHANGES_MAX)
			w->exchanges[w->n_exchanges++] = exchanges[i];
		else
			answer_verdict(exchanges[i], &v);
	}
	return w != NULL;
}

static struct filter_wait *
wait_new(struct dots_server *s, const struct mitigation *m, const struct scope *asked, uint8_t code)
{
	struct filter_wait *w = mem_new(sizeof(*w));
	struct scope copy;

	LIST_INSERT_HEAD(&s->filter_waits, w, link);
	w->server = s;
	w->client = mem_text(m->client);
	w->cuid = mem_text(m->cuid);
	w->mitigation = m->id;
	w->mid = m->mid;
	w->code = code;
	w->arena = arena_new();
	schema_copy(&scope_schema, w->arena, asked, &copy);
	w->list = copy.acl_list;
	w->n = copy.n_acl_list;
	w->before = arena_alloc(w->arena, w->n + 1, sizeof(*w->before));
	w->patience = timer_new(s->loop, out_of_patience, w);
	timer_after(w->patience, PATIENCE_MS);
	return w;
}

/* False: one of them has gone since it was looked for. */
static bool
activate(struct filter_wait *w)
{
	struct server_data *data = w->server->data;

	for (; w->n_done < w->n; w->n_done++)
		if (!data->ops->activate(data, w->cuid, w->list[w->n_done].acl_name,
			    filter_control_type(&w->list[w->n_done]), &w->before[w->n_done]))
			return false;
	return true;
}

void
filters_control(struct dots_server *s, const struct mitigation *m, const struct scope *asked,
	struct exchange **exchanges, size_t n, uint8_t code)
{
	struct filter_wait *w;

	if (join(s, m, exchanges, n))
		return;
	if (code != COAP_201_CREATED) {
		for (size_t i = 0; i < n; i++)
			admission_answer(s, exchanges[i], m, code);
		return;
	}
	w = wait_new(s, m, asked, code);
	(void)join(s, m, exchanges, n);
	if (!activate(w))
		fail(w);
	else if (!s->data->ops->is_installing(s->data, w->client))
		succeed(w);
}

void
filters_installed(struct dots_server *s, const char *client, const char *why)
{
	struct filter_wait *w, *next;

	for (w = LIST_FIRST(&s->filter_waits); w; w = next) {
		next = LIST_NEXT(w, link);
		if (strcmp(w->client, client) != 0)
			continue;
		if (why)
			fail(w);
		else if (!s->data->ops->is_installing(s->data, client))
			succeed(w);
	}
}

void
filters_free(struct dots_server *s)
{
	struct filter_wait *w;
	struct verdict v =
		verdict_of(COAP_503_SERVICE_UNAVAILABLE, "RFC 9132 4.4.1.3: shutting down");

	while ((w = LIST_FIRST(&s->filter_waits))) {
		for (size_t i = 0; i < w->n_exchanges; i++)
			answer_verdict(w->exchanges[i], &v);
		wait_free(w);
	}
}

/* ---- what becomes of filters by something else ---- */

struct change {
	struct dots_server *server;
	const char *acl;
	enum activation_type type;
	bool by_signal;
};

static bool
note_change(void *arg, struct mitigation *m)
{
	const struct change *c = arg;

	if (m->filtering && filter_changes_note(&m->filter_changes, c->acl, c->type, c->by_signal))
		observe_changed(c->server, m, false);
	return true;
}

void
server_filter_changed(struct dots_server *s, const char *client, const char *cuid, const char *acl,
	enum activation_type type, bool by_signal)
{
	struct change c = {s, acl, type, by_signal};

	book_each(s->book, client, cuid, note_change, &c);
}
