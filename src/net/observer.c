/*
 * See observer.h.
 */
#include "net/observer.h"

#include <assert.h>
#include <stdlib.h>
#include <string.h>

#include "base/mem.h"

static bool
matches(const struct observer *o, const uint8_t *token, size_t token_len)
{
	return o->token_len == token_len && !memcmp(o->token, token, token_len);
}

const struct observer *
observers_find(const struct observers *o, const uint8_t *token, size_t token_len)
{
	const struct observer *found = o->list;

	while (found && !matches(found, token, token_len))
		found = found->next;
	return found;
}

static void
drop(struct observers *o, struct observer **at)
{
	struct observer *gone = *at;

	*at = gone->next;
	free(gone);
	o->n--;
}

void
observers_remove(struct observers *o, const uint8_t *token, size_t token_len)
{
	struct observer **at = &o->list;

	while (*at && !matches(*at, token, token_len))
		at = &(*at)->next;
	if (*at)
		drop(o, at);
}

static void
drop_oldest(struct observers *o)
{
	struct observer **at = &o->list;

	assert(*at);
	while ((*at)->next)
		at = &(*at)->next;
	drop(o, at);
}

void
observers_add(struct observers *o, const struct observer *what)
{
	struct observer *new;

	observers_remove(o, what->token, what->token_len);
	if (o->n == OBSERVERS_MAX)
		drop_oldest(o);
	new = mem_copy(what, sizeof(*what));
	new->next = o->list;
	o->list = new;
	o->n++;
}

void
observers_finish(struct observers *o)
{
	while (o->list)
		drop(o, &o->list);
}
