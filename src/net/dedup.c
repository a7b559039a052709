/*
 * See dedup.h.
 */
#include "net/dedup.h"

#include <stdlib.h>

#include "base/mem.h"

static void
dedup_forget_answer(struct dedup *d, struct dedup_entry *e)
{
	if (!e->answer)
		return;
	free(e->answer);
	e->answer = NULL;
	d->n_answers--;
}

void
dedup_finish(struct dedup *d)
{
	for (unsigned i = 0; i < DEDUP_IDS; i++)
		dedup_forget_answer(d, &d->entries[i]);
}

const struct dedup_entry *
dedup_find(const struct dedup *d, uint16_t id, mono_ms now)
{
	/* Newest first: an id that came round again is the newer one. */
	for (unsigned i = 1; i <= DEDUP_IDS; i++) {
		const struct dedup_entry *e = &d->entries[(d->next + DEDUP_IDS - i) % DEDUP_IDS];

		if (e->id == id && e->until > now)
			return e;
	}
	return NULL;
}

void
dedup_add(struct dedup *d, uint16_t id, mono_ms until)
{
	struct dedup_entry *e = &d->entries[d->next];

	dedup_forget_answer(d, e);
	e->id = id;
	e->until = until;
	d->next = (d->next + 1) % DEDUP_IDS;
}

static void
dedup_drop_oldest_answer(struct dedup *d)
{
	for (unsigned i = 0; i < DEDUP_IDS; i++) {
		struct dedup_entry *e = &d->entries[(d->next + i) % DEDUP_IDS];

		if (e->answer) {
			dedup_forget_answer(d, e);
			return;
		}
	}
}

void
dedup_answer(struct dedup *d, uint16_t id, const void *bytes, size_t len, mono_ms now)
{
	const struct dedup_entry *found = dedup_find(d, id, now);
	struct dedup_entry *e;

	if (!found)
		return;
	e = &d->entries[found - d->entries];
	dedup_forget_answer(d, e);
	if (d->n_answers == DEDUP_ANSWERS)
		dedup_drop_oldest_answer(d);
	e->answer = mem_copy(bytes, len);
	e->answer_len = (uint16_t)len;
	d->n_answers++;
}
