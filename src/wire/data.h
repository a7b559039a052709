/*
 * The modules of the data channel as tables: ietf-dots-data-channel (RFC 8783 4.3), with what it
 * uses of ietf-access-control-list and ietf-packet-fields (RFC 8519); ietf-restconf-monitoring (RFC
 * 8040 9) and ietf-yang-library (RFC 7895), which are state only.
 *
 * Where the published text would refuse the RFC's own examples, what it means is done: an ACL's
 * type may be ipv4-acl-type itself; `fragment/type` and `flags-bitmask/bitmask` are mandatory where
 * their container stands there (doc/architecture.md).
 */
#ifndef DOTSD_WIRE_DATA_H
#define DOTSD_WIRE_DATA_H

#include "wire/yang.h"

#define DATA_MODULE "ietf-dots-data-channel"

extern const struct yang_node data_api;  /* {+restconf} itself (RFC 8040 3.3) */
extern const struct yang_node data_root; /* {+restconf}/data: its children are the top nodes */
extern const struct yang_node *const data_dots_data, *const data_client, *const data_aliases;
extern const struct yang_node *const data_alias, *const data_acls, *const data_acl;
extern const struct yang_node *const data_capabilities;

/* The instance of {+restconf}/data/ietf-yang-library:modules-state and of
 * {+restconf}/data/ietf-restconf-monitoring:restconf-state. New references. */
json_t *data_modules_state(void);
json_t *data_restconf_state(void);

#endif
