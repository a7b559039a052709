/*
 * What the control socket shows, as JSON (doc/control.md). Texts that came from a peer are escaped.
 */
#ifndef DOTSD_DAEMON_CONTROL_VIEW_H
#define DOTSD_DAEMON_CONTROL_VIEW_H

#include <jansson.h>

#include "daemon/control.h"

/* All return new references. */
json_t *view_parts(const struct config *c, const struct wish_part *parts, size_t n);
/* For each server of the parts: whether it is told. */
json_t *view_names(const struct config *c, const struct name *names, size_t n_names,
	const struct wish_part *parts, size_t n_parts);
/* As view_parts, each with `why`: what was chosen for it, and by which rule. */
json_t *view_explained(const struct control_parts *p, const struct wish_part *parts, size_t n);
json_t *view_wish(const struct control_parts *p, const char *id); /* NULL: no such wish */
json_t *view_mitigation(const struct book *b, struct mitigation *m, mono_ms now);
json_t *view_servers(const struct control_parts *p);
json_t *view_peers(const struct control_parts *p);
/* family 4 or 6: only what has addresses of it, or none at all; 0: all. */
json_t *view_learned(const struct control_parts *p, uint8_t family);
json_t *view_domains(const struct control_parts *p, uint8_t family);
/* At most `max` of them; how many there are in all in *ret_all. */
json_t *view_wishes(const struct control_parts *p, size_t max, size_t *ret_all);
json_t *view_mitigations(const struct control_parts *p, size_t max, size_t *ret_all);
/* Of our server's clients; name NULL: all, those first that the operator has something to do with:
 * suspended, mitigated, connected. */
json_t *view_clients(const struct control_parts *p, const char *name, size_t max, size_t *ret_all);
/* Of ours, at the data channels of providers. */
json_t *view_records(
	const struct control_parts *p, enum share_kind kind, size_t max, size_t *ret_all);
/* One of them, of that name: at each of its providers. */
json_t *view_record(const struct control_parts *p, enum share_kind kind, const char *name);
/* As that: what would become of one that is not on record; planned, or refused. */
json_t *view_shares(
	const struct homing *h, const struct share_wish *w, const struct shares *shares);
json_t *view_status(const struct control_parts *p, mono_ms started);

#endif
