/*
 * What RESTCONF says of itself, for data.c only: ietf-yang-library (RFC 7895) and
 * ietf-restconf-monitoring (RFC 8040 9.3) as tables. Their instances: wire/data.h.
 */
#ifndef DOTSD_WIRE_DATA_STATE_H
#define DOTSD_WIRE_DATA_STATE_H

#include "wire/yang.h"

#define DATA_LIBRARY_MODULE    "ietf-yang-library"
#define DATA_MONITORING_MODULE "ietf-restconf-monitoring"

extern const struct yang_node data_modules_state_rows[2];  /* of container modules-state */
extern const struct yang_node data_restconf_state_rows[1]; /* of container restconf-state */

#endif
