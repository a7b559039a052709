/*
 * Aliases: names that a client and its server agreed on for what may be under attack (RFC 9132
 * 4.4.1.1, alias-name; RFC 8612 SIG-008), by configuration or over the data channel (core/data.h).
 */
#ifndef DOTSD_CORE_ALIAS_H
#define DOTSD_CORE_ALIAS_H

#include "wire/signal.h"

struct alias {
	char *name;              /* first: in the configuration it is named by its key */
	struct prefix *prefixes; /* these, and … */
	size_t n_prefixes;
	char **names; /* … the addresses of these domain names and URIs: at least one of all */
	size_t n_names;
	struct port_range *ports; /* none: all */
	size_t n_ports;
	uint64_t *protocols; /* none: all */
	size_t n_protocols;
};

/* Where the aliases of a request are found. */
struct alias_source {
	const struct alias *(*find)(const void *arg, const char *name); /* NULL: there is none */
	const void *arg;
};

/* What hangs on it, not itself. */
void alias_finish(struct alias *a);
const struct alias *alias_find(const struct alias *list, size_t n, const char *name);
/* 0, or -EINVAL: "P" or "P-Q" from 0 to 65535. */
int alias_read_port(const char *text, struct port_range *ret);
/* Appends it to a list that has room for `max`. Of two with one lower port the wider one stays:
 * that is the key of the list (RFC 9132 5.1). False: there are as many already. */
bool alias_add_port(struct target *to, const struct port_range *port, size_t max);
void alias_add_protocol(struct target *to, uint64_t protocol); /* likewise; room for it */

#endif
