/*
 * What a mitigation request stands for (RFC 9132 4.4.1.1, 4.4.1.3): its targets, what its aliases
 * mean, and the addresses of its names. Pure: looking up is the role's business, what was found
 * comes in.
 *
 * Everything is appended: prefixes to prefixes, ports to ports, protocols to protocols. A URI adds
 * the port and the protocols of its scheme. A request that itself names no ports, but addresses of
 * which none are told by an alias either, wants all of them; and so with protocols.
 */
#ifndef DOTSD_CORE_COVER_H
#define DOTSD_CORE_COVER_H

#include "core/client.h"
#include "core/name.h"

enum {
	COVER_PREFIXES_MAX = 4096, /* of one request, every name counted with NAME_ADDRS_MAX */
	COVER_PORTS_MAX = 256,
};

struct cover {
	struct prefix *prefixes; /* all that is covered just now, addresses of names included */
	size_t n_prefixes;
	struct target fixed; /* what does not change: prefixes, ports, protocols, aliases' too */
	struct name *names;  /* of target-fqdn, target-uri and of aliases, each once */
	size_t n_names;
	struct arena *arena; /* all of this lives in it; NULL: borrowed from the request */
};

/* Whether there is anything in it that has to be found out. */
bool cover_is_needed(const struct target *t);
/* Of a request that has only prefixes: borrowed. */
struct cover cover_of(const struct target *t);
/* aliases: what this client has put on record; NULL: those of its configuration. lookups: whether
 * names can be looked up. 2.04, or 4.00: an alias that is none of this client's (4.4.1.3), no such
 * name, a scheme that is not known, too many. To be finished in any case. */
struct verdict cover_read(const struct client *c, const struct alias_source *aliases,
	const struct target *t, bool lookups, struct cover *ret);
void cover_finish(struct cover *cv);
void cover_copy(const struct cover *from, struct cover *ret);

/* Some name has not been found out about so far. */
bool cover_is_sought(const struct cover *cv);
bool cover_has(const struct cover *cv, const struct prefix *p); /* just that prefix */
bool cover_seeks(const struct cover *cv, const char *host);
/* Takes what was found out about a host. False: nothing has changed. */
bool cover_learn(struct cover *cv, const char *host, const struct name_answer *answer);
/* Whether the request can be granted as it was found out: 2.04; 4.00 for a name that does not
 * exist, or has an address outside of what the client may ask for; 5.03 while one is not known. */
struct verdict cover_check(const struct cover *cv, const struct client *c);
/* Makes `prefixes` anew: of the addresses of names those that the client may ask for. One that is
 * left out is in ret_foreign with its name (NULL: there is none). c may be NULL: none of them. */
const char *cover_gather(struct cover *cv, const struct client *c, struct prefix *ret_foreign);

#endif
