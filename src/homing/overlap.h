/*
 * Who holds which targets at which server, found by overlap: the cost of a question is that of its
 * answer, however many holders there are.
 */
#ifndef DOTSD_HOMING_OVERLAP_H
#define DOTSD_HOMING_OVERLAP_H

#include "wire/signal.h"

struct overlap;

struct overlap *overlap_new(size_t n_servers);
void overlap_free(struct overlap *o); /* NULL is legal; holders are not touched */
/* Requests with another trigger_mitigation never meet (RFC 9132 4.4.1.3). holder: borrowed, not
 * NULL; t is read during the call only, and the same for the removal. */
void overlap_add(
	struct overlap *o, uint32_t server, bool trigger, const struct target *t, void *holder);
void overlap_remove(
	struct overlap *o, uint32_t server, bool trigger, const struct target *t, void *holder);

typedef bool (*overlap_visit)(void *arg, void *holder); /* false stops; may not change o */
/* Every holder of a prefix that overlaps one of t's; one may be visited several times. False: it
 * was stopped. */
bool overlap_each(const struct overlap *o, uint32_t server, bool trigger, const struct target *t,
	overlap_visit visit, void *arg);
/* Every holder of a prefix that contains p. */
bool overlap_covering(const struct overlap *o, uint32_t server, bool trigger,
	const struct prefix *p, overlap_visit visit, void *arg);

#endif
