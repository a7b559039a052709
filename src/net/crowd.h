/*
 * Who takes up how much, by source prefix (/24 or /56): the members of each in order of age, and
 * which prefix has the most. So that a few sources that take all they can get do not keep everybody
 * else out.
 */
#ifndef DOTSD_NET_CROWD_H
#define DOTSD_NET_CROWD_H

#include <sys/queue.h>

#include "base/addr.h"
#include "base/heap.h"

struct crowd_source;

/* Embedded in what is counted; zeroed: in no crowd. */
struct crowd_member {
	struct crowd_source *source;
	mono_ms since;
	TAILQ_ENTRY(crowd_member) siblings;
};

struct crowd;
struct crowd *crowd_new(void);
void crowd_free(struct crowd *c); /* NULL is legal; empty */
size_t crowd_count(const struct crowd *c);
/* Members of the prefix of that address. */
size_t crowd_count_of(const struct crowd *c, const struct addr *a);
void crowd_add(struct crowd *c, struct crowd_member *m, const struct addr *a, mono_ms now);
void crowd_remove(struct crowd *c, struct crowd_member *m); /* legal when it is not in it */
/* Its time begins anew; its place in the order of age stays. */
void crowd_renew(struct crowd *c, struct crowd_member *m, mono_ms now);
/* Who makes room for one of that address: the oldest of the prefix that has the most, of several
 * such prefixes of the one whose oldest is older; if that has more than the newcomer's prefix, and
 * is there for a second × (those of the newcomer's + 1) / (the most). When everybody comes back at
 * once, prefixes have one or a few each: those who are about to be done would go for those who have
 * just begun, and have worked, and made us work, in vain. NULL: nobody does. */
struct crowd_member *crowd_yielding(const struct crowd *c, const struct addr *from, mono_ms now);

#endif
