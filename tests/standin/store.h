/*
 * A store in memory behind core/persist.h: what is put is there, and whether that counts as durable
 * is the test's to say.
 */
#ifndef DOTSD_TESTS_STANDIN_STORE_H
#define DOTSD_TESTS_STANDIN_STORE_H

#include "base/loop.h"
#include "core/persist.h"

struct persist *standin_store_new(struct loop *l);
/* Promises still open are kept first. */
void standin_store_free(struct persist *p);
/* What `after` says from now on. */
void standin_store_durable(struct persist *p, bool durable);
/* How long it takes; 0 at first: until the next turn. */
void standin_store_delay(struct persist *p, int64_t ms);
void standin_store_put(struct persist *p, const char *kind, const char *key, const char *value);
size_t standin_store_count(const struct persist *p, const char *kind);

#endif
