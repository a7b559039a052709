/*
 * Targets that are names, looked up (rule M7; RFC 9284 6; RFC 9132 4.4.1.1), for our own requests
 * and those of clients: in the table of the configuration, else by a resolver of ours over the
 * system's own routing, else not at all. No resolver of a provider is asked: a look-up would tell
 * it. One look-up a host, however many want it; again when its time to live is over and somebody
 * still wants it.
 */
#ifndef DOTSD_ROLE_NAMES_H
#define DOTSD_ROLE_NAMES_H

#include "base/loop.h"
#include "homing/domain.h"
#include "core/name.h"

struct names;

struct names_ops {
	/* From inside names_lookup where it is known already, else from the loop. */
	void (*answered)(void *arg, const char *host, const struct name_answer *a);
	bool (*wanted)(void *arg, const char *host); /* still? */
};

/* Who says what the addresses are; borrowed until names_reload brings another one. */
struct names_sources {
	const struct homing *homing; /* its `hosts`; its providers' resolvers are not asked. NULL:
					neither */
	struct endpoint resolver;    /* family 0: nobody */
};
struct names *names_new(
	struct loop *l, const struct names_sources *s, const struct names_ops *ops, void *arg);
void names_free(struct names *n); /* NULL is legal; nobody is answered any more */
void names_reload(struct names *n, const struct names_sources *s);

/* What is known of that host now; NULL: nothing so far. Good until the next call. */
const struct name_answer *names_known(const struct names *n, const char *host);
/* What the table of the configuration says of it; likewise. */
const struct name_answer *names_read_table(struct names *n, const char *host);
/* 0; -ENOTSUP with `why` (a text that names the options) if there is nobody to ask. */
int names_check(const struct names *n, const char *host, char *why, size_t cap);
/* Is answered. anew: whatever is known. The host stays good until it returns, whatever `answered`
 * does meanwhile to what it was read from. */
void names_lookup(struct names *n, const char *host, bool anew);
/* What is known of it is forgotten unless it is wanted. */
void names_drop(struct names *n, const char *host);

#endif
