/*
 * What a server of the data channel says that it can filter (RFC 8783 7.1), as our client keeps it.
 * What is not said, or makes no sense, holds up nothing. Pure.
 */
#ifndef DOTSD_ROLE_DATA_CAPABILITY_H
#define DOTSD_ROLE_DATA_CAPABILITY_H

#include <jansson.h>

#include "net/web.h"

struct data_capability { /* all zero at first */
	json_t *said;    /* normalised; NULL: nothing */
	char *etag;      /* of it, for If-None-Match; NULL: none */
};
/* The answer to a GET of `capabilities`, and its ETag or NULL: 304 leaves it as it is, any other
 * but 200 empties it. */
void data_capability_learn(struct data_capability *c, const struct web_answer *a, const char *etag);
void data_capability_forget(struct data_capability *c);
/* Whether it can do what an ACL of ours needs (core/acl.h); false with `why`. */
bool data_capability_allows(
	const struct data_capability *c, const json_t *acl, char *why, size_t cap);

#endif
