/*
 * Answers of a server of the data channel, as our client reads them (RFC 8040 3.1, 7.1; RFC 8783
 * 6.3). Pure.
 */
#ifndef DOTSD_ROLE_DATA_REPLY_H
#define DOTSD_ROLE_DATA_REPLY_H

#include <jansson.h>

#include "homing/share.h"
#include "net/web.h"
#include "wire/restconf.h"

enum { DATA_REPLY_MAX = 240 };

/* What went wrong, for people: the status and the server's own words, or why there is no answer.
 * In buf. */
const char *data_reply_reason(const struct web_answer *a, char *buf, size_t cap);
/* Its error-tag, or "". */
void data_reply_tag(const struct web_answer *a, char ret[static RESTCONF_TAG_MAX]);
/* It may be another answer later: there is none, or it is about the server or us, not about what
 * was asked. */
bool data_reply_passes(const struct web_answer *a);

/* Where RESTCONF is found, of host-meta (RFC 8040 3.1): a path without the slash at its end, ""
 * for "/"; mem_* allocated. An href of another server than name and port is refused: it would be
 * told what is for that one. NULL with `why`. */
char *data_reply_root(
	const struct web_answer *a, const char *name, uint32_t port, char *why, size_t cap);

/* The one dots-client of an answer; new reference. NULL with `why`. */
json_t *data_reply_client(const struct web_answer *a, char *why, size_t cap);
/* Its aliases or ACLs in their order, SHARES_MAX of them: name, pending-lifetime in minutes
 * (INT64_MAX: not told), and the entry without state; normalised, if our tables know all of it,
 * else as it came. */
void data_reply_entries(const json_t *client, enum share_kind kind,
	void (*visit)(void *arg, const char *name, int64_t lifetime, json_t *entry), void *arg);

#endif
