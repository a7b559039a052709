/*
 * See dedup.h.
 */
#include "net/dedup.h"

#include <stdlib.h>

#include "base/mem.h"

static void
dedup_forget(struct dedup *d, struct dedup_kept *k)
{
	free(k->bytes);
	k->bytes = NULL;
	d->n_kept--;
}

void
dedup_finish(struct dedup *d)
{
	for (unsigned i = 0; d->kept && i < DEDUP_ANSWERS; i++)
		free(d->kept[i].bytes);
	free(d->kept);
	d->kept = NULL;
	d->n_kept = 0;
}

int
dedup_find(const struct dedup *d, uint16_t id, mono_ms now)
{
	/* Newest first: an id that came round again is the newer one. */
	for (unsigned i = 1; i <= DEDUP_IDS; i++) {
		unsigned place = (d->next + DEDUP_IDS - i) % DEDUP_IDS;

		if (d->ids[place] == id && d->until[place] > now)
			return (int)place;
	}
	return -1;
}

static struct dedup_kept *
kept_at(const struct dedup *d, unsigned place)
{
	for (unsigned i = 0; d->n_kept && i < DEDUP_ANSWERS; i++)
		if (d->kept[i].bytes && d->kept[i].place == place)
			return &d->kept[i];
	return NULL;
}

const struct dedup_kept *
dedup_answered(const struct dedup *d, int place)
{
	return kept_at(d, (unsigned)place);
}

void
dedup_add(struct dedup *d, uint16_t id, mono_ms until)
{
	struct dedup_kept *old = kept_at(d, d->next);

	if (old)
		dedup_forget(d, old);
	d->ids[d->next] = id;
	d->until[d->next] = until;
	d->next = (d->next + 1) % DEDUP_IDS;
}

static unsigned
age_of(const struct dedup *d, const struct dedup_kept *k)
{
	return (d->next + DEDUP_IDS - 1 - k->place) % DEDUP_IDS;
}

/* Room for one more: a free one, else that of the oldest. */
static struct dedup_kept *
dedup_room(struct dedup *d)
{
	struct dedup_kept *oldest = NULL;

	if (!d->kept)
		d->kept = mem_array(DEDUP_ANSWERS, sizeof(*d->kept));
	for (unsigned i = 0; i < DEDUP_ANSWERS; i++) {
		struct dedup_kept *k = &d->kept[i];

		if (!k->bytes)
			return k;
		if (!oldest || age_of(d, k) > age_of(d, oldest))
			oldest = k;
	}
	dedup_forget(d, oldest);
	return oldest;
}

void
dedup_answer(struct dedup *d, uint16_t id, const void *bytes, size_t len, mono_ms now)
{
	int place = dedup_find(d, id, now);
	struct dedup_kept *k;

	if (place < 0)
		return;
	k = kept_at(d, (unsigned)place);
	if (k)
		dedup_forget(d, k);
	else
		k = dedup_room(d);
	*k = (struct dedup_kept){mem_copy(bytes, len), (uint16_t)len, (uint8_t)place};
	d->n_kept++;
}
