/*
 * See preconfigured.h.
 */
#include "daemon/preconfigured.h"

#include <stdlib.h>
#include <string.h>

#include "base/event.h"
#include "base/mem.h"

/* Wishes of the file are told from others by this prefix of their id. */
static const char mark[] = "file:";

struct sweep {
	const struct config *config;
	char **ids; /* those that are in the file no more */
	size_t n;
};

static bool
is_in_file(const struct config *c, const char *id)
{
	struct prefix p;

	if (prefix_parse(id + strlen(mark), &p) != 0)
		return false;
	for (size_t i = 0; i < c->n_preconfigured; i++)
		if (prefix_equal(&p, &c->preconfigured[i]))
			return true;
	return false;
}

bool
preconfigured_owns(const char *id)
{
	return !strncmp(id, mark, strlen(mark));
}

static void
see(void *arg, const char *id)
{
	struct sweep *s = arg;

	if (!preconfigured_owns(id) || is_in_file(s->config, id))
		return;
	s->ids = mem_grow(s->ids, s->n + 1, sizeof(*s->ids));
	s->ids[s->n++] = mem_text(id);
}

static void
withdraw(struct wishes *w, const struct config *c, struct loop *l)
{
	struct sweep s = {.config = c};

	wishes_each(w, see, &s);
	for (size_t i = 0; i < s.n; i++) {
		wishes_release(w, s.ids[i], loop_now(l), loop_wall());
		free(s.ids[i]);
	}
	free(s.ids);
}

static void
ask(struct wishes *w, const struct prefix *p, struct loop *l)
{
	char text[PREFIX_TEXT_MAX], made[WISH_ID_MAX], why[WISH_WHY_MAX] = "";
	struct prefix prefix = *p;
	struct target target = {.target_prefix = &prefix, .n_target_prefix = 1};
	char *id = mem_printf("%s%s", mark, prefix_format(p, text));
	struct wish_request r = {
		.id = id, .asker = "file", .target = &target, .trigger_mitigation = false};

	if (wishes_ask(w, &r, loop_now(l), loop_wall(), made, why, sizeof(why)) != 0)
		event_raise(EVENT_ALERT, EVENT_F("target", text), EVENT_F("ask", id),
			EVENT_F("section", "RFC 9132 4.4.1.1"),
			EVENT_F("reason", *why ? why : "preconfigured, but nobody may be asked"));
	free(id);
}

void
preconfigured_apply(struct dots_client *client, const struct config *c, struct loop *l)
{
	struct wishes *w = dots_client_wishes(client);

	withdraw(w, c, l);
	for (size_t i = 0; i < c->n_preconfigured; i++)
		ask(w, &c->preconfigured[i], l);
	dots_client_run_later(client);
}
