/*
 * Edits at a gateway that nobody upstream takes are taken back (RFC 8783 3.3; rule M13).
 */
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"
#include "role/data_state.h"

struct step {
	enum data_kind kind;
	char *name, *before; /* a text; NULL: there was none */
	uint64_t after;      /* the version that the edit has left it in */
	char *previous;      /* of an ACL: the one in front of it; NULL: none */
	char *via;
	bool decided;
};

struct data_undo {
	struct data_server *server;
	char *client, *cuid;
	struct step *steps;
	size_t n;
};

static const char *
previous_of(const struct data_client *dc, const struct data_entry *e)
{
	for (size_t i = 1; i < dc->n_acls; i++)
		if (dc->acls[i] == e)
			return dc->acls[i - 1]->name;
	return NULL;
}

struct data_undo *
data_undo_new(const struct data_request *r, const struct data_change *changes, size_t n)
{
	struct data_undo *u = mem_new(sizeof(*u));

	u->server = r->server;
	u->client = mem_text(r->client->name);
	u->cuid = mem_text(r->dc->cuid);
	u->steps = mem_array(n + 1, sizeof(*u->steps));
	for (size_t i = 0; i < n; i++) {
		const struct data_entry *e = data_entry(r->dc, changes[i].kind, changes[i].name);

		if (!changes[i].entry)
			continue; /* what is to go is no matter of taking */
		u->steps[u->n++] = (struct step){.kind = changes[i].kind,
			.name = mem_text(changes[i].name),
			.before = e ? mem_text(e->text) : NULL,
			.previous =
				e && e->kind == DATA_ACL ? mem_text(previous_of(r->dc, e)) : NULL,
			.via = e ? mem_text(e->via) : NULL};
	}
	return u;
}

void
data_undo_note(struct data_undo *u, const struct data_client *dc)
{
	for (size_t i = 0; u && i < u->n; i++) {
		struct step *st = &u->steps[i];
		const struct data_entry *e = data_entry(dc, st->kind, st->name);

		st->after = e ? e->version.number : 0;
	}
}

void
data_undo_free(struct data_undo *u)
{
	if (!u)
		return;
	for (size_t i = 0; i < u->n; i++) {
		free(u->steps[i].name);
		free(u->steps[i].before);
		free(u->steps[i].previous);
		free(u->steps[i].via);
	}
	free(u->steps);
	free(u->client);
	free(u->cuid);
	free(u);
}

enum data_progress
data_undo_progress(struct data_undo *u, struct restconf_error *err)
{
	struct data_escalation *up = u->server->escalation;
	enum data_progress all = DATA_DECIDED;

	for (size_t i = 0; i < u->n; i++) {
		struct step *st = &u->steps[i];
		enum data_progress p = DATA_DECIDED;

		if (!st->decided)
			p = up->ops->progress(up, u->client, u->cuid, st->kind, st->name, err);
		st->decided = p == DATA_DECIDED;
		if (p == DATA_DENIED)
			return p;
		if (p == DATA_UNDECIDED)
			all = p;
	}
	return all;
}

/* As the edit has left it. */
static bool
is_untouched(const struct step *st, const struct data_client *dc)
{
	const struct data_entry *e = data_entry(dc, st->kind, st->name);

	return e && e->version.number == st->after;
}

static void
take_back(const struct data_undo *u, const struct client *c, struct data_client *dc,
	const struct step *st)
{
	struct data_server *s = u->server;
	json_t *entry = st->before ? json_loads(st->before, 0, NULL) : NULL;
	struct data_change ch = {.kind = st->kind,
		.name = st->name,
		.entry = entry,
		.insert = !entry || st->kind == DATA_ALIAS ? INSERT_LAST
			  : st->previous                   ? INSERT_AFTER
							   : INSERT_FIRST,
		.point = st->previous,
		.via = st->via};
	struct restconf_error err;
	size_t created;

	if (data_edit(s->data, c, dc, &ch, 1, s->setup.clients, loop_wall(), &created, &err))
		event_raise(EVENT_DATA_CHANGED, EVENT_F("client", u->client),
			EVENT_F("cuid", u->cuid), EVENT_F("kind", data_entry_node(st->kind)->name),
			EVENT_F("name", st->name), EVENT_F("change", "undone"));
	else
		event_raise(EVENT_ALERT, EVENT_F("reason", err.why),
			EVENT_F("section", "RFC 8783 3.3"));
	json_decref(entry);
}

void
data_undo_carry_out(const struct data_undo *u)
{
	struct data_client *dc = data_find(u->server->data, u->cuid);
	const struct client *c = clients_named(u->server->setup.clients, u->client);

	if (!dc || !c || strcmp(dc->client, u->client) != 0)
		return;
	for (size_t i = u->n; i-- > 0;)
		if (is_untouched(&u->steps[i], dc))
			take_back(u, c, dc, &u->steps[i]);
	data_expire_due(u->server);
}
