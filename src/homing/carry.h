/*
 * Which server of a domain carries an ask (rule M6). Part of plan(), not for others.
 */
#ifndef DOTSD_HOMING_CARRY_H
#define DOTSD_HOMING_CARRY_H

#include "homing/join.h"

/* Sets the server of the parts that have a domain but none yet: asks that overlap in a domain are
 * carried by one and the same server, the one that does so already while it is not unavailable,
 * else the first by priority, then name, that has an association, else the first. */
void carry_choose(const struct join *j, struct plan *plan);

#endif
