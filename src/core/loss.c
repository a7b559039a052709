/*
 * When a client counts as lost (RFC 9132 4.7): it was silent for the whole time, and nobody said
 * farewell.
 */
#include "core/loss.h"

void
loss_init(struct loss *l, mono_ms now, uint32_t grace_ms)
{
	*l = (struct loss){.heard = now + grace_ms};
}

bool
loss_heard(struct loss *l, mono_ms now)
{
	bool again = l->lost;

	*l = (struct loss){.heard = now};
	return again;
}

void
loss_closed(struct loss *l, bool orderly)
{
	l->orderly = orderly;
}

bool
loss_tick(struct loss *l, uint64_t patience_ms, mono_ms now)
{
	mono_ms due = loss_deadline(l, patience_ms);

	if (now < due)
		return false;
	/* Looked at so late, it was us who were stopped: nobody had a chance to be heard. */
	if ((uint64_t)(now - due) >= patience_ms) {
		l->heard = now;
		return false;
	}
	l->lost = true;
	return true;
}

mono_ms
loss_deadline(const struct loss *l, uint64_t patience_ms)
{
	if (!patience_ms || l->orderly || l->lost)
		return INT64_MAX;
	return l->heard + (mono_ms)patience_ms;
}
