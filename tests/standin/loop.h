/*
 * A loop in virtual time, in place of base/loop.c: linked first, it wins over the archive. Timers
 * fire in the order and the turns in which libuv fires them; nothing ever waits.
 */
#ifndef DOTSD_TESTS_STANDIN_LOOP_H
#define DOTSD_TESTS_STANDIN_LOOP_H

#include <stddef.h>

#include "base/loop.h"

/* Turns until nothing is due any more and no descriptor has anything to say. */
void standin_loop_settle(struct loop *l);
/* One turn, whatever is left for the next. */
void standin_loop_turn(struct loop *l);
/* Lets that much time go by, from deadline to deadline. */
void standin_loop_advance(struct loop *l, int64_t ms);
/* So much time goes by in which the process was stopped: all that has become due comes late, at
 * once.
 */
void standin_loop_sleep(struct loop *l, int64_t ms);
/* Timers that exist, armed or not. */
size_t standin_loop_timers(const struct loop *l);

#endif
