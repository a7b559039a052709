/*
 * Filter control by signal (RFC 9133 3.2.1): what a mitigation request may say of the ACLs that its
 * client has on record. Pure: whether they are there is found out by the caller.
 */
#ifndef DOTSD_CORE_FILTER_CONTROL_H
#define DOTSD_CORE_FILTER_CONTROL_H

#include "core/verdict.h"

/* Of a PUT with acl-list. on_record: the request of that mid, or NULL. 2.04, or 4.00: in an
 * efficacy update, in idle time (a preconfigured request), an ACL named twice, or under a mid that
 * is on record without the same list. */
struct verdict filter_control_check(
	const struct scope *s, bool if_match, const struct scope *on_record);
/* The activation-type asked for: without one activate-when-mitigating (RFC 9133 3.2.2.2). */
enum activation_type filter_control_type(const struct acl_entry *e);

/* ACLs of a client that became something else while a mitigation of it was on, by something else
 * than its requests (RFC 9133 3.2.1): told with the status of that mitigation. */
enum { FILTER_CHANGES_MAX = 64 }; /* of more the oldest are forgotten */
struct filter_changes {
	struct acl_entry *list;
	size_t n;
};
/* type 0: the ACL is gone. by_signal: its client has asked for it: what was told before is not left
 * to stand. True: there is something to tell now. */
bool filter_changes_note(
	struct filter_changes *c, const char *acl, enum activation_type type, bool by_signal);
void filter_changes_finish(struct filter_changes *c);

#endif
