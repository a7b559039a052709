/*
 * What was learned about domains at run time (homing/fact.h): kept in the store until it expires or
 * is unset, told when it changes.
 */
#ifndef DOTSD_DAEMON_LEARNED_H
#define DOTSD_DAEMON_LEARNED_H

#include "core/persist.h"
#include "homing/fact.h"

enum { LEARNED_MAX = 64 }; /* facts of a domain */

struct learned;
/* Reads the store. changed: from the loop, when something expired. */
struct learned *learned_new(
	struct loop *l, struct persist *p, void (*changed)(void *arg), void *arg);
void learned_free(struct learned *le); /* NULL is legal */

/* The configuration with all of it, indexed; never NULL. What the configuration does not bear is
 * forgotten and told: an alert. */
struct homing *learned_apply(struct learned *le, const struct homing *base);
/* Learns it, or renews its expiry. 1 changed, 0 only renewed; -EINVAL with `why`: see fact_doubt;
 * -ENOSPC. The next learned_apply with this base has it. */
int learned_set(
	struct learned *le, const struct homing *base, const struct fact *f, char *why, size_t cap);
/* Of that domain, kind, source and interface exactly these are known from now on: the others are
 * forgotten. What is not borne is told as an alert and left out. True: something changed besides
 * expiries. */
bool learned_replace(struct learned *le, const struct homing *base, const struct fact *of,
	const struct fact *facts, size_t n);
/* Forgets the servers of the same domain, source and interface whose addresses are of the same
 * family and others (without addresses: of any): f takes their place. */
void learned_outdate(struct learned *le, const struct fact *f);
/* Forgets what matches; value NULL: any. How many there were. */
size_t learned_unset(struct learned *le, const char *domain, enum fact_kind kind,
	enum fact_source source, const char *value);
void learned_each(
	const struct learned *le, void (*visit)(void *arg, const struct fact *f), void *arg);

#endif
